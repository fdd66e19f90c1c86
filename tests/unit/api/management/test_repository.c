/* api/management/repository.c: lists, description, deletion. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"
#include "oci/media_type.h"

#define R "/projects/pay/repositories"

static int
setup(void **state)
{
    cr_drive_t *d;

    cr_api_setup(state);
    d = *state;
    cr_api_project(d, "pay", 4); /* maintainer */
    cr_push_manifest(d, "pay/b", "v1", "1", NULL, NULL);
    cr_push_manifest(d, "pay/b", "v2", "2", NULL, NULL);
    cr_push_manifest(d, "pay/a/c", "v1", "1", NULL, NULL);
    cr_push_manifest(d, "library/app", "v1", "1", NULL, NULL);

    return 0;
}

static void
test_get(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    r = cr_api_call(d, "GET", R "/b", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_keys(d, &r, ""),
                        "artifact_count,creation_time,id,name,project_id,"
                        "pull_count,update_time");
    assert_string_equal(cr_api_at(d, &r, "name"), "\"pay/b\"");
    assert_string_equal(cr_api_at(d, &r, "artifact_count"), "2");
    cr_reply_done(&r);

    /* a name of more than one part is encoded twice */
    cr_api_shows(d, R "/a%252Fc", "name", "\"pay/a/c\"");
    cr_api_refused(d, "GET", R "/none", NULL, 404, "NOT_FOUND", "");
    cr_push_blob(d, "pay/empty", CR_STR("no manifest"));
    cr_api_refused(d, "GET", R "/empty", NULL, 404, "NOT_FOUND", "");
}

static void
test_list(void **state)
{
    static const struct {
        const char *query, *want;
    } rows[] = {
        { "", "[\"pay/a/c\",\"pay/b\"]" },
        { "?sort=-name", "[\"pay/b\",\"pay/a/c\"]" },
        { "?sort=creation_time", "[\"pay/b\",\"pay/a/c\"]" },
        { "?sort=-id", "[\"pay/a/c\",\"pay/b\"]" },
        { "?sort=-artifact_count", "[\"pay/b\",\"pay/a/c\"]" },
        { "?sort=-pull_count", "[\"pay/a/c\",\"pay/b\"]" },
        { "?sort=unknown,-name", "[\"pay/b\",\"pay/a/c\"]" },
        { "?q=name=pay/b", "[\"pay/b\"]" },
        { "?q=name=b", "[]" },
        { "?q=name=~a/", "[\"pay/a/c\"]" },
        { "?q=name=~library", "[]" },
    };
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_drive_sql(d, "UPDATE repository SET pull_count = 7 "
                    "WHERE name = 'pay/a/c'");

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_api_shows(d, cr_text(d, R "%s", rows[i].query), "*.name",
                     rows[i].want);
    }

    cr_api_shows(d, R, "0.pull_count", "7");
    cr_api_shows(d,
                 cr_text(d, R "?q=blob_digest=%s",
                         cr_sha256(d, CR_STR("layer of 2"))),
                 "*.name", "[\"pay/b\"]");

    r = cr_api_call(d, "GET", R "?page=2&page_size=1", NULL);
    assert_string_equal(cr_api_at(d, &r, "*.name"), "[\"pay/b\"]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "2");
    cr_reply_done(&r);
    cr_api_refused(d, "GET", R "?q=name=[a~b]", NULL, 400, "BAD_REQUEST",
                   "q: ");
    cr_api_refused(d, "GET", R "?q=blob_digest=~a", NULL, 400, "BAD_REQUEST",
                   "q: ");
    cr_api_refused(d, "GET", R "?page=0", NULL, 422, "UNPROCESSABLE_ENTITY",
                   "page");
}

static void
test_list_all(void **state)
{
    cr_drive_t *d = *state;

    cr_api_shows(d, "/repositories", "*.name",
                 "[\"library/app\",\"pay/a/c\",\"pay/b\"]");
    cr_api_shows(d, "/repositories?q=name=~pay", "*.name",
                 "[\"pay/a/c\",\"pay/b\"]");
    cr_api_as(d, "alice");
    cr_api_shows(d, "/repositories?sort=-name", "*.name",
                 "[\"pay/b\",\"pay/a/c\",\"library/app\"]");
    cr_api_as(d, "bob");
    cr_api_shows(d, "/repositories", "*.name", "[\"library/app\"]");
    cr_api_shows(d, "/repositories?q=name=pay/b", "*.name", "[]");
    cr_api_as(d, NULL);
    cr_api_shows(d, "/repositories", "*.name", "[\"library/app\"]");
    cr_api_as(d, "admin");
    d->auth = cr_drive_bearer(d, "repository:pay/b:pull");
    cr_api_shows(d, "/repositories", "*.name", "[\"library/app\"]");
}

static void
test_describe(void **state)
{
    cr_drive_t *d = *state;
    char        text[16386];

    cr_api_done(d, "PUT", R "/b", "{\"description\":\"d \\\"1\\\"\"}", 200);
    cr_api_shows(d, R "/b", "description", "\"d \\\"1\\\"\"");
    cr_api_done(d, "PUT", R "/b", "{}", 200);
    cr_api_done(d, "PUT", R "/b", "{\"description\":null,\"name\":\"x\"}", 200);
    cr_api_shows(d, R "/b", "description", "\"d \\\"1\\\"\"");
    cr_api_shows(d, R "/b", "name", "\"pay/b\"");

    memset(text, 'x', sizeof(text));
    cr_api_done(d, "PUT", R "/b",
                cr_text(d, "{\"description\":\"%.16384s\"}", text), 200);
    cr_api_refused(d, "PUT", R "/b",
                   cr_text(d, "{\"description\":\"%.16385s\"}", text), 400,
                   "BAD_REQUEST", "description: ");
    cr_api_refused(d, "PUT", R "/b", "{\"description\":7}", 400, "BAD_REQUEST",
                   "description: string");
    cr_api_refused(d, "PUT", R "/none", "{\"description\":\"x\"}", 404,
                   "NOT_FOUND", "");
    cr_api_refused(d, "PUT", R "/none", "{}", 404, "NOT_FOUND", "");

    /* empty: it has none */
    cr_api_done(d, "PUT", R "/b", "{\"description\":\"\"}", 200);
    cr_api_shows(d, R "/b", "description", "-");
}

static void
test_delete(void **state)
{
    cr_drive_t *d = *state;

    cr_api_done(d, "DELETE", R "/b", NULL, 200);
    cr_api_refused(d, "DELETE", R "/b", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "GET", R "/b", NULL, 404, "NOT_FOUND", "");
    cr_api_shows(d, R, "*.name", "[\"pay/a/c\"]");
    cr_expect_done(cr_get(d, "/v2/pay/b/manifests/v1"), 404,
                   "MANIFEST_UNKNOWN");
    cr_expect_done(cr_get(d, "/v2/pay/a/c/manifests/v1"), 200, "");

    /* a push brings it back, with its number */
    cr_push_manifest(d, "pay/b", "v3", "3", NULL, NULL);
    cr_api_shows(d, R "/b", "artifact_count", "1");

    d->conf.delete_enabled = false;
    cr_drive_restart(d);
    cr_api_refused(d, "DELETE", R "/b", NULL, 405, "METHOD_NOT_ALLOWED", "");
}

/* More than one transaction deletes. */
static void
test_delete_many(void **state)
{
    char       *text;
    cr_drive_t *d = *state;
    cr_str_t    body;

    body = cr_make_manifest(d, "pay/many", "s", NULL,
                            ",\"annotations\":{\"n\":\"000\"}");
    text = cr_arena_dup_z(d->cx.arena, body);
    body.data = text;

    for (int i = 0; i < 201; i++) {
        char *digits = strstr(text, "\"n\":\"") + strlen("\"n\":\"");

        digits[0] = (char) ('0' + i / 100);
        digits[1] = (char) ('0' + i / 10 % 10);
        digits[2] = (char) ('0' + i % 10);
        cr_expect_done(cr_drive(d,
                                &(cr_call_t){ .method = "PUT",
                                              .target = cr_text(d,
                                                                "/v2/pay/many/"
                                                                "manifests/t%d",
                                                                i),
                                              .type = CR_MT_OCI_MANIFEST,
                                              .body = body }),
                       201, "");
    }

    cr_api_shows(d, R "/many", "artifact_count", "201");
    cr_api_done(d, "DELETE", R "/many", NULL, 200);
    cr_api_refused(d, "GET", R "/many", NULL, 404, "NOT_FOUND", "");
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM tag t, "
                                         "repository r WHERE r.name = "
                                         "'pay/many' AND t.repository_id = "
                                         "r.id AND t.deleted_at IS NULL"),
                     0);
}

static void
test_rights(void **state)
{
    cr_drive_t *d = *state;
    const char *body = "{\"description\":\"x\"}";

    cr_drive_sql(d, "UPDATE member SET role = 2 WHERE user_id = 2");
    cr_api_as(d, "alice"); /* a developer describes, but does not delete */
    cr_api_done(d, "PUT", R "/b", body, 200);
    cr_api_refused(d, "DELETE", R "/b", NULL, 403, "FORBIDDEN", "");
    cr_drive_sql(d, "UPDATE member SET role = 3 WHERE user_id = 2");
    cr_api_shows(d, R "/b", "name", "\"pay/b\"");
    cr_api_refused(d, "PUT", R "/b", body, 403, "FORBIDDEN", "");

    cr_api_as(d, "bob"); /* there or not: the same */
    cr_api_refused(d, "GET", R, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", R "/b", NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", R "/none", NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", "/projects/none/repositories/b", NULL, 403,
                   "FORBIDDEN", "");
    cr_api_refused(d, "DELETE", R "/b", NULL, 403, "FORBIDDEN", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", R, NULL, 401, "UNAUTHORIZED", "");
    cr_api_refused(d, "DELETE", R "/b", NULL, 401, "UNAUTHORIZED", "");
    /* a public project's list, but not one of its repositories' row */
    cr_api_shows(d, "/projects/library/repositories", "*.name",
                 "[\"library/app\"]");
    cr_api_refused(d, "GET", "/projects/library/repositories/app", NULL, 401,
                   "UNAUTHORIZED", "");
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_get),      ROW(test_list),   ROW(test_list_all),
        ROW(test_describe), ROW(test_delete), ROW(test_delete_many),
        ROW(test_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
