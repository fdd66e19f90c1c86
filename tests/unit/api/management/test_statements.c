/*
 * Lists of the management API: how many statements a page takes does not
 * depend on how many rows it has.  Every GET of the route table that answers
 * with an array is asked, with few rows and with many.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "api/machine.h"
#include "db/conn.h"
#include "drive.h"
#include "meta/inner.h"

#define FEW            3
#define MANY           15
#define ROUTES_MAX     256

/* The caller, the project and its repository, then the list: what is asked
 * for, a total, a page, and what belongs to its rows. */
#define STATEMENTS_MAX 8

static int
setup(void **state)
{
    static cr_drive_t drive;

    cr_drive_open(&drive);
    drive.auth = cr_drive_basic(&drive, "admin", CR_DRIVE_ADMIN);
    *state = &drive;

    return 0;
}

static int
teardown(void **state)
{
    cr_drive_close(*state);

    return 0;
}

static void
make(cr_drive_t *d, const char *target, const char *body)
{
    cr_reply_t r = cr_drive(d, &(cr_call_t){ .method = "POST",
                                             .target = target,
                                             .type = "application/json",
                                             .body = cr_str_z(body) });

    cr_expect(&r, 201, "");
    cr_reply_done(&r);
}

/* One more of everything that is listed. */
static void
add(cr_drive_t *d, int i)
{
    const char *subject;

    cr_drive_user(d, cr_text(d, "user%d", i));
    cr_drive_sql(d, cr_text(d,
                            "INSERT INTO member (project_id, user_id, role, "
                            "created_at, updated_at) SELECT 1, id, 2, 1, 1 "
                            "FROM users WHERE name = 'user%d'",
                            i));
    make(d, "/api/v2.0/projects", cr_text(d, "{\"project_name\":\"p%d\"}", i));
    make(d, "/api/v2.0/labels",
         cr_text(d, "{\"name\":\"l%d\",\"scope\":\"g\"}", i));
    make(d, "/api/v2.0/robots",
         cr_text(d,
                 "{\"name\":\"s%d\",\"level\":\"system\",\"duration\":-1,"
                 "\"permissions\":[{\"kind\":\"project\",\"namespace\":\"*\","
                 "\"access\":[{\"resource\":\"repository\",\"action\":\"pull\"}"
                 "]}]}",
                 i));
    make(d, "/api/v2.0/robots",
         cr_text(d,
                 "{\"name\":\"r%d\",\"level\":\"project\",\"duration\":-1,"
                 "\"permissions\":[{\"kind\":\"project\",\"namespace\":"
                 "\"library\",\"access\":[{\"resource\":\"repository\","
                 "\"action\":\"pull\"},{\"resource\":\"repository\","
                 "\"action\":\"push\"}]}]}",
                 i));
    (void) cr_push_manifest(d, cr_text(d, "library/app%d", i), "v1", "x", NULL,
                            "");
    subject = cr_push_manifest(d, "library/app", "v1", "one", NULL, "");
    (void) cr_push_manifest(d, "library/app", cr_text(d, "t%d", i), "one", NULL,
                            "");
    (void) cr_push_manifest(d, "library/app", cr_text(d, "v1-%d", i),
                            cr_text(d, "other %d", i), NULL, "");
    (void) cr_push_manifest(d, "library/app", NULL, cr_text(d, "sig %d", i),
                            subject, "");
}

/* Lists that must be asked for something. */
static const char *const more[] = {
    "/api/v2.0/labels?scope=g",
    "/api/v2.0/users/search?username=user",
    "/api/v2.0/projects?q=name%3D~p",
    "/api/v2.0/repositories?q=name%3D~app",
    "/api/v2.0/robots?q=Level%3Dproject,ProjectID%3D1",
    "/api/v2.0/projects/library/repositories/app/artifacts?q=type%3DIMAGE"
    "&with_label=true&with_accessory=true",
};

/* A pattern with its parts filled in; NULL: it is no list's. */
static const char *
target(cr_drive_t *d, const char *pattern)
{
    static const char *const parts[][2] = {
        { "{project}", "library" },      { "{project_name}", "library" },
        { "{project_name_or_id}", "1" }, { "{repository}", "app" },
        { "{reference}", "v1" },         { "{project_id}", "1" },
    };
    const char *text = pattern, *at;

    for (size_t i = 0; i < CR_NELTS(parts); i++) {
        at = strstr(text, parts[i][0]);

        if (at != NULL) {
            text = cr_text(d, "%.*s%s%s", (int) (at - text), text, parts[i][1],
                           at + strlen(parts[i][0]));
        }
    }

    return strchr(text, '{') == NULL ? text : NULL;
}

/* Statements of a list; 0: it is none. */
static uint64_t
count(cr_drive_t *d, const char *z_target)
{
    bool       list;
    uint64_t   before;
    cr_conn_t *c;
    cr_reply_t r;

    assert_int_equal(cr_db_conn(&d->cx, cr_api_opened(d->api)->meta->db, &c),
                     CR_OK);
    before = c->opened;
    r = cr_get(d, z_target);
    list = r.status == 200 && r.body.len > 0 && r.body.data[0] == '[';
    cr_reply_done(&r);

    return list ? c->opened - before : 0;
}

/* What list i is called; NULL: it is none.  Routes come first. */
static const char *
list_target(cr_drive_t *d, size_t i)
{
    const char       *text;
    const cr_route_t *route;

    if (i >= cr_routes_api.n) {
        return cr_text(d, "%s&page_size=100", more[i - cr_routes_api.n]);
    }

    route = &cr_routes_api.rows[i];
    text = target(d, route->pattern);

    return strcmp(route->method, "GET") == 0 && text != NULL
               ? cr_text(d, "%s?page_size=100", text)
               : NULL;
}

/* Of all of them; how many are lists. */
static size_t
count_all(cr_drive_t *d, uint64_t *counts)
{
    size_t      lists = 0;
    const char *text;

    for (size_t i = 0; i < cr_routes_api.n + CR_NELTS(more); i++) {
        text = list_target(d, i);
        counts[i] = text == NULL ? 0 : count(d, text);
        assert_true(counts[i] != 0 || i < cr_routes_api.n);
        lists += counts[i] != 0;
    }

    return lists;
}

static void
test_lists(void **state)
{
    size_t      lists;
    uint64_t    few[ROUTES_MAX], many[ROUTES_MAX];
    cr_drive_t *d = *state;

    assert_true(cr_routes_api.n + CR_NELTS(more) <= ROUTES_MAX);

    for (int i = 0; i < FEW; i++) {
        add(d, i);
    }

    (void) count_all(d, few); /* what is read once is read now */
    lists = count_all(d, few);
    assert_true(lists >= 20);

    for (int i = FEW; i < MANY; i++) {
        add(d, i);
    }

    assert_int_equal(count_all(d, many), lists);

    for (size_t i = 0; i < cr_routes_api.n + CR_NELTS(more); i++) {
        if (many[i] != few[i] || many[i] > STATEMENTS_MAX) {
            fail_msg("%s: %u statements for %d rows, %u for %d",
                     list_target(d, i), (unsigned) few[i], FEW,
                     (unsigned) many[i], MANY);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
