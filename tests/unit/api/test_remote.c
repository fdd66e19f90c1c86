/* api/remote.c: callers whom the transport has authenticated. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

#define MADE "SELECT count(*) FROM users WHERE name = 'carol'"

/* Who is it?  "" and the status, when nobody. */
static void
expect(cr_drive_t *d, const char *user, bool create, int status,
       const char *who)
{
    cr_reply_t r;

    d->auth = NULL;
    r = cr_drive(d, &(cr_call_t){ .target = "/api/v2.0/users/current",
                                  .user = user,
                                  .user_create = create });
    assert_int_equal(r.status, status);

    if (status == 200) {
        assert_string_equal(cr_api_at(d, &r, "username"), who);
        assert_string_equal(cr_text(d, "\"%.*s\"", CR_STR_ARG(r.x->info.user)),
                            who);
        assert_int_equal(r.steps[CR_STEP_CRYPT], 0);

    } else {
        assert_non_null(strstr(cr_api_at(d, &r, "errors.0.message"), who));
    }

    cr_reply_done(&r);
}

static void
test_who(void **state)
{
    cr_drive_t *d = *state;

    expect(d, "alice", false, 200, "\"alice\"");
    expect(d, "carol", false, 401, "there is no user");
    expect(d, "Alice", false, 401, "there is no user");
    expect(d, "a,b", true, 401, "cannot be a user's");
    expect(d, " alice", true, 401, "cannot be a user's");
    expect(d, "", true, 401, "");
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM users"), 3);

    cr_drive_sql(d, "UPDATE users SET disabled = 1 WHERE name = 'alice'");
    expect(d, "alice", true, 401, "the user is disabled");
    cr_drive_sql(d, "UPDATE users SET deleted_at = 1 WHERE name = 'alice'");
    expect(d, "alice", false, 401, "there is no user");
}

/* A name is enough to be a user, but nobody becomes administrator by it. */
static void
test_admin(void **state)
{
    cr_drive_t *d = *state;

    expect(d, "admin", true, 403, "only when nginx.conf declares it");
    cr_drive_sql(d, "UPDATE users SET declared = 'nginx.conf:3' "
                    "WHERE id = 1");
    expect(d, "admin", false, 200, "\"admin\"");
    cr_api_shows(d, "/search", "project.*.name", "[\"library\"]");
}

static void
test_create(void **state)
{
    cr_drive_t *d = *state;

    expect(d, "carol", true, 200, "\"carol\"");
    expect(d, "carol", true, 200, "\"carol\"");
    assert_int_equal(cr_drive_sql_int(d, MADE), 1);
    /* no password opens it, and it administers nothing */
    assert_int_equal(cr_drive_sql_int(d, MADE " AND password_hash IS NULL AND "
                                              "admin = 0"),
                     1);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM audit WHERE "
                                         "operation = 'create' AND "
                                         "resource_type = 'user' AND "
                                         "resource = 'carol'"),
                     1);
}

/* A password beside it was for the transport; a token counts itself. */
static void
test_beside(void **state)
{
    cr_drive_t *d = *state;
    cr_call_t   call = { .target = "/api/v2.0/users/current", .user = "alice" };
    cr_reply_t  r;

    d->auth = cr_drive_basic(d, "bob", "wrong");
    r = cr_drive(d, &call);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, "username"), "\"alice\"");
    assert_int_equal(r.steps[CR_STEP_CRYPT], 0);
    cr_reply_done(&r);

    cr_api_as(d, "bob");
    d->auth = cr_drive_bearer(d, NULL);
    call.target = "/v2/";
    r = cr_drive(d, &call);
    cr_expect(&r, 200, "");
    assert_true(cr_str_eq_z(r.x->info.user, "bob"));
    cr_reply_done(&r);

    /* and gives tokens */
    d->auth = NULL;
    call.target = "/service/token?service=nginx-registry";
    r = cr_drive(d, &call);
    cr_expect(&r, 200, "");
    assert_true(cr_str_eq_z(r.x->info.user, "alice"));
    cr_reply_done(&r);
}

/* Browsers name the page's origin; what is no browser names none. */
static void
test_site(void **state)
{
    static const struct {
        const char *headers;
        bool        ours;
    } rows[] = {
        { NULL, true },
        { "Origin: http://hub.example.com:5000", true },
        { "Origin: https://hub.example.com:5000", true },
        { "Origin: http://HUB.example.com:5000", true },
        { "Origin: https://hub.example.org", true }, /* public_url */
        { "Origin: http://hub.example.com", false },
        { "Origin: http://hub.example.com:50001", false },
        { "Origin: http://evil.example", false },
        { "Origin: null", false },
        { "Origin: ", false },
        { "Origin: http://", false },
        { "Origin: http:hub.example.com:5000", false },
        { "Origin: hub.example.com:5000", false },
        { "Origin: http://evil.example\nSec-Fetch-Site: same-origin", false },
        { "Sec-Fetch-Site: same-origin", true },
        { "Sec-Fetch-Site: none", true },
        { "Sec-Fetch-Site: same-site", false },
        { "Sec-Fetch-Site: cross-site", false },
        { "Sec-Fetch-Site: ", false },
    };
    cr_drive_t *d = *state;
    cr_call_t   call = { .user = "alice", .type = "application/json" };
    uint64_t    before;
    cr_reply_t  r;

    d->conf.public_url = CR_STR("https://hub.example.org/");
    cr_drive_restart(d);
    d->auth = NULL;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        call.headers = rows[i].headers;
        call.method = "POST";
        call.target = "/api/v2.0/projects";
        call.body = cr_str_z(cr_text(d, "{\"project_name\":\"p%d\"}", (int) i));
        before = cr_drive_rows(d);
        r = cr_drive(d, &call);

        if (r.status != (rows[i].ours ? 201 : 403)) {
            fail_msg("%s: %d", rows[i].headers, r.status);
        }

        assert_int_equal(cr_drive_rows(d) != before, rows[i].ours);
        cr_reply_done(&r);

        /* what changes nothing may come from anywhere */
        call.method = "GET";
        call.body = CR_STR_NULL;
        r = cr_drive(d, &call);
        assert_int_equal(r.status, 200);
        cr_reply_done(&r);
        call.method = "HEAD";
        r = cr_drive(d, &call);
        assert_int_equal(r.status, 200);
        cr_reply_done(&r);
    }

    /* no host is not the public URL that is not set */
    d->conf.public_url = CR_STR_NULL;
    cr_drive_restart(d);
    call.method = "POST";
    call.headers = "Origin: https://";
    r = cr_drive(d, &call);
    assert_int_equal(r.status, 403);
    cr_reply_done(&r);
}

#define ROW(test)                                                              \
    cmocka_unit_test_setup_teardown(test, cr_api_setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_who),    ROW(test_admin), ROW(test_create),
        ROW(test_beside), ROW(test_site),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
