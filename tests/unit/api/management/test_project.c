/* api/management/project.c: projects and their metadata. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

#define P "/projects"

static void
test_create(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    r = cr_api_call(d, "POST", P,
                    "{\"project_name\":\"pay\",\"metadata\":{\"public\":"
                    "\"true\",\"auto_scan\":\"true\",\"unknown\":\"x\"},"
                    "\"storage_limit\":1000}");
    assert_int_equal(r.status, 201);
    assert_string_equal(cr_reply_header(d, &r, "Location"),
                        "/api/v2.0/projects/2");
    cr_reply_done(&r);
    r = cr_api_call(d, "GET", P "/pay", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, "metadata"),
                        "{\"auto_scan\":\"true\",\"public\":\"true\"}");
    assert_string_equal(cr_api_at(d, &r, "owner_name"), "\"admin\"");
    assert_string_equal(cr_api_at(d, &r, "current_user_role_id"), "1");
    assert_string_equal(cr_api_at(d, &r, "current_user_role_ids"), "[1]");
    assert_string_equal(cr_api_at(d, &r, "togglable"), "true");
    assert_string_equal(cr_api_at(d, &r, "x_write"), "\"all\"");
    cr_reply_done(&r);
    cr_api_shows(d, P "/pay/summary", "quota.hard.storage", "1000");

    /* a user owns what it makes, and does not choose how much it may hold */
    cr_api_as(d, "alice");
    r = cr_drive(d, &(cr_call_t){
                        .method = "POST",
                        .target = "/api/v2.0" P,
                        .headers = "X-Resource-Name-In-Location: true",
                        .body = CR_STR("{\"project_name\":\"own\",\"public\":"
                                       "false,\"storage_limit\":1}") });
    assert_int_equal(r.status, 201);
    assert_string_equal(cr_reply_header(d, &r, "Location"),
                        "/api/v2.0/projects/own");
    cr_reply_done(&r);
    cr_api_shows(d, P "/own", "owner_name", "\"alice\"");
    cr_api_shows(d, P "/own", "current_user_role_id", "1");
    cr_api_shows(d, P "/own/summary", "quota.hard.storage", "-1");
    cr_api_shows(d, P "/own/summary", "project_admin_count", "1");
}

static void
test_create_bad(void **state)
{
    static const struct {
        const char *body, *text;
    } bad[] = {
        { "", "" },
        { "[]", "body: object" },
        { "{}", "" },
        { "{\"project_name\":\"\"}", "" },
        { "{\"project_name\":7}", "project_name: string" },
        { "{\"project_name\":\"Pay\"}", "" },
        { "{\"project_name\":\"a/b\"}", "" },
        { "{\"project_name\":\"-a\"}", "" },
        { "{\"project_name\":\"a\",\"metadata\":[]}", "metadata: object" },
        { "{\"project_name\":\"a\",\"metadata\":{\"public\":\"yes\"}}",
          "public: " },
        { "{\"project_name\":\"a\",\"metadata\":{\"public\":true}}",
          "public: string" },
        { "{\"project_name\":\"a\",\"metadata\":{\"severity\":7}}",
          "severity: string" },
        { "{\"project_name\":\"a\",\"public\":\"true\"}",
          "public: true or false" },
        { "{\"project_name\":\"a\",\"registry_id\":1}", "registry_id: " },
        { "{\"project_name\":\"a\",\"storage_limit\":0}", "storage_limit: " },
        { "{\"project_name\":\"a\",\"storage_limit\":-2}", "storage_limit: " },
        { "{\"project_name\":\"a\",\"storage_limit\":\"1\"}",
          "storage_limit: integer" },
    };
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "POST", P, bad[i].body, 400, "BAD_REQUEST",
                       bad[i].text);
    }

    cr_api_refused(d, "POST", P, "{\"project_name\":\"library\"}", 409,
                   "CONFLICT", "project library exists already");
    cr_api_as(d, NULL);
    cr_api_refused(d, "POST", P, "{\"project_name\":\"a\"}", 401,
                   "UNAUTHORIZED", "");
    cr_api_as(d, "admin");
    cr_api_done(d, "PUT", "/configurations",
                "{\"project_creation_restriction\":\"adminonly\"}", 200);
    cr_api_as(d, "alice");
    cr_api_refused(d, "POST", P, "{\"project_name\":\"a\"}", 403, "FORBIDDEN",
                   "");
    cr_api_as(d, "admin");
    cr_api_done(d, "POST", P, "{\"project_name\":\"a\"}", 201);
}

static void
test_list(void **state)
{
    static const struct {
        const char *query, *want;
    } rows[] = {
        { "", "[\"library\",\"own\",\"pay\"]" },
        { "?sort=-name", "[\"pay\",\"own\",\"library\"]" },
        { "?sort=project_id", "[\"library\",\"pay\",\"own\"]" },
        { "?sort=-creation_time", "[\"own\",\"pay\",\"library\"]" },
        { "?sort=-update_time", "[\"own\",\"pay\",\"library\"]" },
        { "?name=a", "[\"library\",\"pay\"]" },
        { "?q=name=pay", "[\"pay\"]" },
        { "?q=name=pa", "[]" },
        { "?q=name=~a", "[\"library\",\"pay\"]" },
        { "?q=name={own pay}", "[\"own\",\"pay\"]" },
        { "?public=true", "[\"library\"]" },
        { "?public=0", "[\"own\",\"pay\"]" },
        { "?q=public=true", "[\"library\"]" },
        { "?q=public=false", "[\"own\",\"pay\"]" },
        { "?owner=admin", "[\"library\",\"own\",\"pay\"]" },
        { "?owner=alice", "[]" },
        { "?q=owner=alice", "[]" },
        { "?q=project_id=2", "[\"pay\"]" },
    };
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_project(d, "pay", 3);
    cr_api_project(d, "own", 0);

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_api_shows(d, cr_text(d, P "%s", rows[i].query), "*.name",
                     rows[i].want);
    }

    cr_api_refused(d, "GET", P "?public=maybe", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "public");
    cr_api_refused(d, "GET", P "?name=a&name=b", NULL, 400, "BAD_REQUEST", "");
    cr_api_refused(d, "GET", P "?q=owner=~a", NULL, 400, "BAD_REQUEST", "q: ");

    /* the role is the caller's */
    cr_api_as(d, "alice");
    r = cr_api_call(d, "GET", P, NULL);
    assert_string_equal(cr_api_at(d, &r, "*.name"), "[\"library\",\"pay\"]");
    assert_string_equal(cr_api_at(d, &r, "*.current_user_role_id"), "[0,3]");
    assert_string_equal(cr_api_at(d, &r, "*.current_user_role_ids"),
                        "[[],[3]]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "2");
    cr_reply_done(&r);
    cr_api_shows(d, P "?q=name=own", "", "[]");
}

/* HEAD ?project_name=X: is there one, for who may see it? */
static void
test_head(void **state)
{
    static const struct {
        const char *who, *name;
        int         status;
    } rows[] = {
        { "admin", "pay", 200 },  { "admin", "none", 404 },
        { "alice", "pay", 200 },  { "bob", "pay", 404 },
        { "bob", "none", 404 },   { "bob", "library", 200 },
        { NULL, "library", 200 }, { NULL, "pay", 404 },
        { "bob", "", 404 },       { "bob", "A%2FB", 404 },
    };
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_project(d, "pay", 5);

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_api_as(d, rows[i].who);
        r = cr_head(d,
                    cr_text(d, "/api/v2.0" P "?project_name=%s", rows[i].name));

        if (r.status != rows[i].status) {
            fail_msg("%s %s: %d", rows[i].who, rows[i].name, r.status);
        }

        cr_reply_done(&r);
    }
}

/* By name or number; a name of digits by the header that says so. */
static void
test_get(void **state)
{
    static const char *const ways[] = { "", "/summary", "/members", "/logs",
                                        "/metadatas/public" };
    cr_drive_t              *d = *state;
    cr_reply_t               r;

    cr_api_project(d, "pay", 0);
    cr_api_project(d, "2", 0);
    cr_api_shows(d, P "/2", "name", "\"pay\"");
    cr_api_shows(d, P "/3", "name", "\"2\"");
    r = cr_drive(d, &(cr_call_t){ .target = "/api/v2.0" P "/2",
                                  .headers = "X-Is-Resource-Name: true" });
    assert_string_equal(cr_api_at(d, &r, "project_id"), "3");
    cr_reply_done(&r);
    cr_api_refused(d, "GET", P "/99", NULL, 404, "NOT_FOUND",
                   "no such project");
    cr_api_refused(d, "GET", P "/none", NULL, 404, "NOT_FOUND",
                   "no such project");

    cr_api_as(d, "bob");

    for (size_t i = 0; i < CR_NELTS(ways); i++) {
        cr_api_refused(d, "GET", cr_text(d, P "/pay%s", ways[i]), NULL, 403,
                       "FORBIDDEN", "forbidden");
        cr_api_refused(d, "GET", cr_text(d, P "/none%s", ways[i]), NULL, 403,
                       "FORBIDDEN", "forbidden");
    }

    cr_api_refused(d, "DELETE", P "/pay", NULL, 403, "FORBIDDEN", "forbidden");
    cr_api_refused(d, "DELETE", P "/none", NULL, 403, "FORBIDDEN", "forbidden");
    cr_api_shows(d, P "/library", "current_user_role_ids", "[]");
    cr_api_as(d, NULL);
    cr_api_shows(d, P "/library", "name", "\"library\"");
    cr_api_refused(d, "GET", P "/pay", NULL, 401, "UNAUTHORIZED", "");
}

static void
test_update(void **state)
{
    static const struct {
        const char *body, *text;
    } bad[] = {
        { "[]", "body: object" },
        { "{\"metadata\":7}", "metadata: object" },
        { "{\"metadata\":{\"public\":\"maybe\",\"severity\":\"low\"}}",
          "public: " },
        { "{\"metadata\":{\"severity\":\"low\",\"auto_scan\":true}}",
          "auto_scan: string" },
        { "{\"public\":\"true\"}", "public: true or false" },
    };
    cr_drive_t *d = *state;

    cr_api_project(d, "pay", 4); /* a maintainer does not */

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "PUT", P "/pay", bad[i].body, 400, "BAD_REQUEST",
                       bad[i].text);
    }

    cr_api_done(d, "PUT", P "/pay",
                "{\"metadata\":{\"public\":\"true\",\"severity\":\"low\"},"
                "\"project_name\":\"other\"}",
                200);
    cr_api_shows(d, P "/pay", "metadata",
                 "{\"public\":\"true\",\"severity\":\"low\"}");
    cr_api_done(d, "PUT", P "/pay", "{\"metadata\":{\"auto_scan\":\"true\"}}",
                200);
    cr_api_done(d, "PUT", P "/pay", "{}", 200);
    cr_api_shows(d, P "/pay", "metadata",
                 "{\"auto_scan\":\"true\",\"public\":\"true\",\"severity\":"
                 "\"low\"}");
    /* the metadata counts more than what stands beside it */
    cr_api_done(d, "PUT", P "/pay",
                "{\"public\":true,\"metadata\":{\"public\":\"false\"}}", 200);
    cr_api_shows(d, P "/pay", "metadata.public", "\"false\"");
    cr_api_as(d, "alice");
    cr_api_refused(d, "PUT", P "/pay", "{\"public\":true}", 403, "FORBIDDEN",
                   "");
    cr_api_as(d, "admin");
    cr_drive_sql(d, "UPDATE project SET declared = 'nginx.conf:9' "
                    "WHERE name = 'pay'");
    cr_api_shows(d, P "/pay", "togglable", "false");
    cr_api_refused(d, "PUT", P "/pay", "{\"public\":true}", 409, "CONFLICT",
                   "nginx.conf:9");
    cr_api_refused(d, "DELETE", P "/pay", NULL, 409, "CONFLICT",
                   "nginx.conf:9");
}

static void
test_delete(void **state)
{
    cr_drive_t *d = *state;

    cr_api_project(d, "pay", 1);
    cr_api_shows(d, P "/pay/_deletable", "",
                 "{\"deletable\":true,\"message\":\"\"}");
    cr_push_manifest(d, "pay/app", "v1", "1", NULL, NULL);
    cr_api_shows(d, P "/pay/_deletable", "deletable", "false");
    cr_api_refused(d, "DELETE", P "/pay", NULL, 412, "PRECONDITION",
                   "contains repositories");
    cr_api_shows(d, P "/library/_deletable", "deletable", "false");
    cr_api_refused(d, "DELETE", P "/library", NULL, 403, "FORBIDDEN",
                   "first project");
    cr_api_done(d, "DELETE", P "/pay/repositories/app", NULL, 200);
    cr_api_as(d, "alice");
    cr_api_done(d, "DELETE", P "/pay", NULL, 200);
    cr_api_refused(d, "GET", P "/pay", NULL, 403, "FORBIDDEN", "");
    cr_api_as(d, "admin");
    cr_api_refused(d, "DELETE", P "/pay", NULL, 404, "NOT_FOUND", "");
    /* the name is free, the number is not */
    cr_api_project(d, "pay", 0);
    cr_api_shows(d, P "/pay", "project_id", "3");
    cr_api_shows(d, P "/pay/members", "*.entity_name", "[\"admin\"]");
}

static void
test_summary(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_project(d, "pay", 5);
    cr_push_manifest(d, "pay/app", "v1", "1", NULL, NULL);
    r = cr_api_call(d, "GET", P "/pay/summary", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_keys(d, &r, ""),
                        "developer_count,guest_count,limited_guest_count,"
                        "maintainer_count,project_admin_count,quota,"
                        "repo_count");
    assert_string_equal(cr_api_at(d, &r, "limited_guest_count"), "1");
    assert_string_equal(cr_api_at(d, &r, "repo_count"), "1");
    cr_reply_done(&r);

    /* by what one may see: no members, then no quota either */
    cr_api_as(d, "alice");
    r = cr_api_call(d, "GET", P "/pay/summary", NULL);
    assert_string_equal(cr_api_keys(d, &r, ""), "quota,repo_count");
    cr_reply_done(&r);
    cr_api_as(d, NULL);
    cr_api_shows(d, P "/library/summary", "", "{\"repo_count\":0}");
}

#define M P "/pay/metadatas"

static void
test_metadata(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"unknown\":\"x\"}",
        "{\"severity\":null}",
        "{\"severity\":7}",
        "{\"severity\":\"low\",\"auto_scan\":\"true\"}",
        "{\"public\":\"maybe\"}",
        "[]",
        "",
    };
    cr_drive_t *d = *state;

    cr_api_project(d, "pay", 4);
    cr_api_shows(d, M, "", "{\"public\":\"false\"}");

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "POST", M, bad[i], 400, "BAD_REQUEST", "");
    }

    cr_api_done(d, "POST", M, "{\"severity\":\"low\"}", 200);
    cr_api_refused(d, "POST", M, "{\"severity\":\"high\"}", 409, "CONFLICT",
                   "metadata exists");
    cr_api_shows(d, M "/severity", "", "{\"severity\":\"low\"}");
    cr_api_done(d, "PUT", M "/severity",
                "{\"severity\":\"high\",\"auto_scan\":\"true\"}", 200);
    cr_api_shows(d, M, "", "{\"public\":\"false\",\"severity\":\"high\"}");
    cr_api_refused(d, "PUT", M "/severity", "{\"auto_scan\":\"true\"}", 400,
                   "BAD_REQUEST", "");
    cr_api_done(d, "PUT", M "/public", "{\"public\":\"true\"}", 200);
    cr_api_shows(d, M "/public", "", "{\"public\":\"true\"}");
    cr_api_refused(d, "PUT", M "/public", "{\"public\":\"1\"}", 400,
                   "BAD_REQUEST", "public: ");

    cr_api_refused(d, "GET", M "/auto_scan", NULL, 404, "NOT_FOUND",
                   "metadata not found");
    cr_api_refused(d, "DELETE", M "/auto_scan", NULL, 404, "NOT_FOUND",
                   "metadata");
    cr_api_refused(d, "DELETE", M "/public", NULL, 400, "BAD_REQUEST",
                   "public: ");
    cr_api_done(d, "DELETE", M "/severity", NULL, 200);
    cr_api_refused(d, "GET", M "/severity", NULL, 404, "NOT_FOUND", "");

    cr_api_as(d, "alice"); /* a maintainer reads one, and changes none */
    cr_api_shows(d, M "/public", "", "{\"public\":\"true\"}");
    cr_api_refused(d, "GET", M, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "POST", M, "{\"severity\":\"low\"}", 403, "FORBIDDEN",
                   "");
    cr_api_refused(d, "PUT", M "/public", "{\"public\":\"false\"}", 403,
                   "FORBIDDEN", "");
    cr_api_refused(d, "DELETE", M "/severity", NULL, 403, "FORBIDDEN", "");
}

#define ROW(test)                                                              \
    cmocka_unit_test_setup_teardown(test, cr_api_setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_create), ROW(test_create_bad), ROW(test_list),
        ROW(test_head),   ROW(test_get),        ROW(test_update),
        ROW(test_delete), ROW(test_summary),    ROW(test_metadata),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
