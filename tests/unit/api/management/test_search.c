/* api/management/search.c: search and statistics. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

static int
setup(void **state)
{
    cr_drive_t *d;

    cr_api_setup(state);
    d = *state;
    cr_api_project(d, "pay", 3);
    cr_api_project(d, "hidden", 0);
    cr_push_manifest(d, "library/web", "v1", "a", NULL, NULL);
    cr_push_manifest(d, "pay/web", "v1", "b", NULL, NULL);
    cr_push_manifest(d, "pay/sub/db", "v1", "b", NULL, NULL);
    cr_push_manifest(d, "hidden/web", "v1", "c", NULL, NULL);

    return 0;
}

static void
expect_found(cr_drive_t *d, const char *q, const char *projects,
             const char *repositories)
{
    cr_reply_t r = cr_api_call(d, "GET", cr_text(d, "/search?q=%s", q), NULL);

    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_keys(d, &r, ""), "project,repository");
    assert_string_equal(cr_api_at(d, &r, "project.*.name"), projects);
    assert_string_equal(cr_api_at(d, &r, "repository.*.repository_name"),
                        repositories);
    cr_reply_done(&r);
}

static void
test_form(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_as(d, "alice");
    r = cr_api_call(d, "GET", "/search?q=pay", NULL);
    assert_string_equal(cr_api_keys(d, &r, "project.0"),
                        "creation_time,current_user_role_id,metadata,name,"
                        "owner_id,owner_name,project_id,repo_count,"
                        "update_time");
    assert_string_equal(cr_api_at(d, &r, "project.0.metadata"),
                        "{\"public\":\"false\"}");
    assert_string_equal(cr_api_at(d, &r, "project.0.current_user_role_id"),
                        "3");
    assert_string_equal(cr_api_at(d, &r, "project.0.repo_count"), "2");
    assert_string_equal(cr_api_at(d, &r, "project.0.owner_name"), "\"admin\"");
    assert_string_equal(cr_api_keys(d, &r, "repository.0"),
                        "artifact_count,project_id,project_name,"
                        "project_public,pull_count,repository_name");
    assert_string_equal(cr_api_at(d, &r, "repository.*.project_name"),
                        "[\"pay\",\"pay\"]");
    assert_string_equal(cr_api_at(d, &r, "repository.*.project_public"),
                        "[false,false]");
    assert_string_equal(cr_api_at(d, &r, "repository.*.artifact_count"),
                        "[1,1]");
    cr_reply_done(&r);
}

/* By who asks: what it may not see is not there. */
static void
test_rights(void **state)
{
    cr_drive_t *d = *state;

    expect_found(d, "", "[\"hidden\",\"library\",\"pay\"]",
                 "[\"hidden/web\",\"library/web\",\"pay/sub/db\","
                 "\"pay/web\"]");
    expect_found(d, "web", "[]",
                 "[\"hidden/web\",\"library/web\",\"pay/web\"]");
    expect_found(d, "idde", "[\"hidden\"]", "[\"hidden/web\"]");

    cr_api_as(d, "alice");
    expect_found(d, "web", "[]", "[\"library/web\",\"pay/web\"]");
    expect_found(d, "hidden", "[]", "[]");
    cr_api_as(d, "bob");
    expect_found(d, "web", "[]", "[\"library/web\"]");
    expect_found(d, "a", "[\"library\"]", "[\"library/web\"]");
    cr_api_as(d, NULL);
    expect_found(d, "web", "[]", "[\"library/web\"]");

    cr_api_as(d, "admin");
    d->auth = cr_drive_bearer(d, "repository:hidden/web:pull");
    expect_found(d, "web", "[]", "[\"library/web\"]");
}

/* The text is looked for as it stands. */
static void
test_text(void **state)
{
    cr_drive_t *d = *state;

    expect_found(d, "%25", "[]", "[]");
    expect_found(d, "_", "[]", "[]");
    expect_found(d, "%27%20OR%201=1--", "[]", "[]");
    expect_found(d, "sub%2Fdb", "[]", "[\"pay/sub/db\"]");
    cr_api_refused(d, "GET", "/search?q=%ff", NULL, 400, "BAD_REQUEST",
                   "q: not UTF-8");
    cr_api_refused(d, "GET", "/search?q=a&q=b", NULL, 400, "BAD_REQUEST", "");
    /* without q: all */
    cr_api_shows(d, "/search", "project.*.name",
                 "[\"hidden\",\"library\",\"pay\"]");
}

/* At most a hundred of each kind. */
static void
test_bound(void **state)
{
    cr_drive_t *d = *state;

    cr_drive_sql(d, "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT "
                    "i + 1 FROM n WHERE i < 250) INSERT INTO project (name, "
                    "created_at, updated_at) SELECT 'many' || i, 1, 1 FROM n");
    cr_api_shows(d, "/search?q=many", "project.99.name", "\"many199\"");
    cr_api_shows(d, "/search?q=many", "project.100", "-");
}

static void
test_statistics(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    int64_t     bytes;

    bytes = cr_drive_sql_int(d, "SELECT sum(size) FROM blob");
    r = cr_api_call(d, "GET", "/statistics", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(
        cr_api_at(d, &r, ""),
        cr_text(d,
                "{\"private_project_count\":2,\"private_repo_count\":3,"
                "\"public_project_count\":1,\"public_repo_count\":1,"
                "\"total_project_count\":3,\"total_repo_count\":4,"
                "\"total_storage_consumption\":%d}",
                (int) bytes));
    cr_reply_done(&r);

    /* others count what is theirs, and no bytes */
    cr_api_as(d, "alice");
    cr_api_shows(d, "/statistics", "",
                 "{\"private_project_count\":1,\"private_repo_count\":2,"
                 "\"public_project_count\":1,\"public_repo_count\":1}");
    cr_api_as(d, "bob");
    cr_api_shows(d, "/statistics", "private_project_count", "0");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", "/statistics", NULL, 401, "UNAUTHORIZED", "");
    cr_api_as(d, "admin");
    d->auth = cr_drive_bearer(d, NULL);
    cr_api_refused(d, "GET", "/statistics", NULL, 403, "FORBIDDEN", "");
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_form),  ROW(test_rights),     ROW(test_text),
        ROW(test_bound), ROW(test_statistics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
