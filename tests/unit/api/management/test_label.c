/* api/management/label.c: global labels and those of a project. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

#define MEMBERS                                                                \
    "color,creation_time,description,id,name,project_id,scope,update_time"

static void
test_life(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    r = cr_api_call(d, "POST", "/labels",
                    "{\"name\":\"old\",\"scope\":\"g\",\"color\":\"#FFF\","
                    "\"description\":\"\xc3\xa4 \\\"b\\\"\",\"unknown\":1}");
    assert_int_equal(r.status, 201);
    assert_int_equal(r.body.len, 0);
    assert_string_equal(cr_reply_header(d, &r, "Location"),
                        "/api/v2.0/labels/1");
    cr_reply_done(&r);

    r = cr_api_call(d, "GET", "/labels/1", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_keys(d, &r, ""), MEMBERS);
    assert_string_equal(cr_api_at(d, &r, "scope"), "\"g\"");
    assert_string_equal(cr_api_at(d, &r, "project_id"), "0");
    assert_string_equal(cr_api_at(d, &r, "description"),
                        "\"\xc3\xa4 \\\"b\\\"\"");
    assert_string_equal(cr_api_at(d, &r, "creation_time"),
                        cr_api_at(d, &r, "update_time"));
    cr_reply_done(&r);

    /* what is missing, or null, stays; it keeps its scope */
    cr_api_done(d, "PUT", "/labels/1",
                "{\"name\":\"new\",\"color\":null,\"scope\":\"p\","
                "\"project_id\":1}",
                200);
    cr_api_shows(d, "/labels/1", "name", "\"new\"");
    cr_api_shows(d, "/labels/1", "color", "\"#FFF\"");
    cr_api_shows(d, "/labels/1", "scope", "\"g\"");
    cr_api_done(d, "PUT", "/labels/1", "{\"description\":\"\"}", 200);
    cr_api_shows(d, "/labels/1", "description", "\"\"");

    cr_api_done(d, "DELETE", "/labels/1", NULL, 200);
    cr_api_refused(d, "DELETE", "/labels/1", NULL, 404, "NOT_FOUND",
                   "label 1 not found");
    cr_api_refused(d, "GET", "/labels/1", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "PUT", "/labels/1", "{\"name\":\"x\"}", 404, "NOT_FOUND",
                   "");
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM audit WHERE "
                                         "resource_type = 'label'"),
                     4);

    /* a number is used once */
    cr_api_done(d, "POST", "/labels", "{\"name\":\"a\",\"scope\":\"g\"}", 201);
    cr_api_shows(d, "/labels?scope=g", "*.id", "[2]");
}

static void
test_list(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    int64_t     pay = cr_api_project(d, "pay", 0);
    const char *all = cr_text(d, "/labels?scope=p&project_id=%d", (int) pay);

    cr_api_shows(d, "/labels?scope=g", "", "[]");
    cr_api_done(d, "POST", "/labels", "{\"name\":\"g\",\"scope\":\"g\"}", 201);

    for (const char *name = "cab"; *name != '\0'; name++) {
        cr_api_done(d, "POST", "/labels",
                    cr_text(d,
                            "{\"name\":\"l-%c\",\"scope\":\"p\","
                            "\"project_id\":%d}",
                            *name, (int) pay),
                    201);
    }

    cr_api_shows(d, all, "*.name", "[\"l-a\",\"l-b\",\"l-c\"]");
    cr_api_shows(d, all, "*.scope", "[\"p\",\"p\",\"p\"]");
    cr_api_shows(d, all, "0.project_id", cr_text(d, "%d", (int) pay));
    cr_api_shows(d, cr_text(d, "%s&name=b", all), "*.name", "[\"l-b\"]");
    cr_api_shows(d, cr_text(d, "%s&name=B", all), "*.name", "[]");
    cr_api_shows(d, cr_text(d, "%s&name=%%25", all), "*.name", "[]");
    cr_api_shows(d, cr_text(d, "%s&sort=-name", all), "*.name",
                 "[\"l-c\",\"l-b\",\"l-a\"]");
    cr_api_shows(d, cr_text(d, "%s&sort=id", all), "*.name",
                 "[\"l-c\",\"l-a\",\"l-b\"]");
    cr_api_shows(d, cr_text(d, "%s&q=name=l-b", all), "*.name", "[\"l-b\"]");
    cr_api_shows(d, cr_text(d, "%s&q=name=b", all), "*.name", "[]");
    cr_api_shows(d, cr_text(d, "%s&q=name=~b", all), "*.name", "[\"l-b\"]");
    /* scope g: whatever project_id says */
    cr_api_shows(d, "/labels?scope=g&project_id=99", "*.name", "[\"g\"]");

    r = cr_api_call(d, "GET", cr_text(d, "%s&name=l-&page_size=2&page=2", all),
                    NULL);
    assert_string_equal(cr_api_at(d, &r, "*.name"), "[\"l-c\"]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "3");
    assert_non_null(strstr(cr_reply_header(d, &r, "Link"), "rel=\"prev\""));
    assert_null(strstr(cr_reply_header(d, &r, "Link"), "rel=\"next\""));
    cr_reply_done(&r);
}

static void
test_bad(void **state)
{
    static const struct {
        const char *body, *text;
    } bad[] = {
        { "", "" },
        { "[]", "body: object expected" },
        { "{\"name\":\"a\"}", "scope: " },
        { "{\"name\":\"a\",\"scope\":\"x\"}", "scope: " },
        { "{\"name\":\"a\",\"scope\":1}", "scope: string expected" },
        { "{\"name\":\"a\",\"scope\":\"p\"}", "project_id: positive" },
        { "{\"name\":\"a\",\"scope\":\"p\",\"project_id\":-1}",
          "project_id: positive" },
        { "{\"name\":\"a\",\"scope\":\"p\",\"project_id\":\"1\"}",
          "project_id: integer" },
        { "{\"scope\":\"g\"}", "name: 1 to 128 bytes" },
        { "{\"name\":\"\",\"scope\":\"g\"}", "name: 1 to 128 bytes" },
        { "{\"name\":7,\"scope\":\"g\"}", "name: string" },
        { "{\"name\":\"a\",\"scope\":\"g\",\"color\":7}", "color: string" },
        { "{\"name\":\"a\",\"scope\":\"g\",\"color\":\"12345678901234567\"}",
          "color: too long" },
        { "{\"name\":\"a\",\"scope\":\"g\",\"description\":[]}",
          "description: string" },
    };
    char        text[1200];
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "POST", "/labels", bad[i].body, 400, "BAD_REQUEST",
                       bad[i].text);
    }

    memset(text, 'x', sizeof(text));
    cr_api_done(d, "POST", "/labels",
                cr_text(d,
                        "{\"scope\":\"g\",\"name\":\"%.128s\",\"description\":"
                        "\"%.1024s\",\"color\":\"%.16s\"}",
                        text, text, text),
                201);
    cr_api_refused(d, "POST", "/labels",
                   cr_text(d, "{\"scope\":\"g\",\"name\":\"%.129s\"}", text),
                   400, "BAD_REQUEST", "name: ");
    cr_api_refused(d, "PUT", "/labels/1",
                   cr_text(d, "{\"description\":\"%.1025s\"}", text), 400,
                   "BAD_REQUEST", "description: ");
    cr_api_refused(d, "PUT", "/labels/1", "{\"name\":false}", 400,
                   "BAD_REQUEST", "name: string");
    cr_api_refused(d, "PUT", "/labels/1", "{\"name\":\"\"}", 400, "BAD_REQUEST",
                   "name: ");

    cr_api_refused(d, "GET", "/labels", NULL, 400, "BAD_REQUEST", "scope: ");
    cr_api_refused(d, "GET", "/labels?scope=p", NULL, 400, "BAD_REQUEST",
                   "project_id: ");
    cr_api_refused(d, "GET", "/labels?scope=p&project_id=x", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "project_id");
    cr_api_refused(d, "GET", "/labels?scope=g&page=0", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "page");
    cr_api_refused(d, "GET", "/labels?scope=g&scope=g", NULL, 400,
                   "BAD_REQUEST", "");
    cr_api_refused(d, "GET", "/labels?scope=g&q=name=[a~b]", NULL, 400,
                   "BAD_REQUEST", "q: ");
    cr_api_refused(d, "GET", "/labels?scope=g&q=color=x", NULL, 400,
                   "BAD_REQUEST", "q: ");

    cr_api_refused(d, "GET", "/labels/0", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "GET", "/labels/x", NULL, 422, "UNPROCESSABLE_ENTITY",
                   "label_id in path");
}

/* One name once a scope. */
static void
test_taken(void **state)
{
    cr_drive_t *d = *state;
    const char *pay = cr_text(d,
                              "{\"name\":\"a\",\"scope\":\"p\","
                              "\"project_id\":%d}",
                              (int) cr_api_project(d, "pay", 0));

    cr_api_done(d, "POST", "/labels", "{\"name\":\"a\",\"scope\":\"g\"}", 201);
    cr_api_done(d, "POST", "/labels", pay, 201);
    cr_api_done(d, "POST", "/labels", "{\"name\":\"b\",\"scope\":\"g\"}", 201);
    cr_api_refused(d, "POST", "/labels", "{\"name\":\"a\",\"scope\":\"g\"}",
                   409, "CONFLICT", "label a already exists");
    cr_api_refused(d, "POST", "/labels", pay, 409, "CONFLICT", "label a");
    cr_api_refused(d, "PUT", "/labels/3", "{\"name\":\"a\"}", 409, "CONFLICT",
                   "label a");
    cr_api_done(d, "PUT", "/labels/3", "{\"name\":\"b\"}", 200);
    cr_api_refused(d, "POST", "/labels",
                   "{\"name\":\"a\",\"scope\":\"p\",\"project_id\":99}", 404,
                   "NOT_FOUND", "no such project");
}

/* Global ones: read by users, changed by administrators. */
static void
test_global_rights(void **state)
{
    cr_drive_t *d = *state;
    const char *body = "{\"name\":\"b\",\"scope\":\"g\"}";

    cr_api_done(d, "POST", "/labels", "{\"name\":\"a\",\"scope\":\"g\"}", 201);
    cr_api_as(d, "alice");
    cr_api_shows(d, "/labels?scope=g", "*.name", "[\"a\"]");
    cr_api_shows(d, "/labels/1", "name", "\"a\"");
    cr_api_refused(d, "POST", "/labels", body, 403, "FORBIDDEN", "");
    cr_api_refused(d, "PUT", "/labels/1", body, 403, "FORBIDDEN", "");
    cr_api_refused(d, "DELETE", "/labels/1", NULL, 403, "FORBIDDEN", "");
    /* one that is not there looks the same */
    cr_api_refused(d, "GET", "/labels/9", NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "DELETE", "/labels/9", NULL, 403, "FORBIDDEN", "");

    d->auth = cr_drive_bearer(d, "repository:library/a:*");
    cr_api_refused(d, "GET", "/labels/1", NULL, 403, "FORBIDDEN", "");

    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", "/labels?scope=g", NULL, 401, "UNAUTHORIZED", "");
    cr_api_refused(d, "GET", "/labels/1", NULL, 401, "UNAUTHORIZED", "");
    cr_api_refused(d, "GET", "/labels/9", NULL, 401, "UNAUTHORIZED", "");
    cr_api_refused(d, "POST", "/labels", body, 401, "UNAUTHORIZED", "");
}

/* Those of a project follow the roles there. */
static void
test_project_rights(void **state)
{
    cr_drive_t *d = *state;
    int         pay = (int) cr_api_project(d, "pay", 3); /* guest */
    const char *list = cr_text(d, "/labels?scope=p&project_id=%d", pay);
    const char *body = cr_text(d,
                               "{\"name\":\"b\",\"scope\":\"p\","
                               "\"project_id\":%d}",
                               pay);

    cr_api_done(d, "POST", "/labels", body, 201);
    cr_api_as(d, "alice");
    cr_api_shows(d, list, "*.name", "[\"b\"]");
    cr_api_shows(d, "/labels/1", "name", "\"b\"");
    cr_api_refused(d, "PUT", "/labels/1", "{\"name\":\"c\"}", 403, "FORBIDDEN",
                   "");
    cr_drive_sql(d, "UPDATE member SET role = 4 WHERE user_id = 2");
    cr_api_done(d, "PUT", "/labels/1", "{\"name\":\"c\"}", 200);

    /* a stranger cannot tell what is there from what is not */
    cr_api_as(d, "bob");
    cr_api_refused(d, "GET", "/labels/1", NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", list, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", "/labels?scope=p&project_id=99", NULL, 403,
                   "FORBIDDEN", "");
    cr_api_refused(d, "POST", "/labels", body, 403, "FORBIDDEN", "");

    cr_api_as(d, "alice");
    cr_api_done(d, "DELETE", "/labels/1", NULL, 200);
    assert_int_equal(cr_drive_sql_int(d, cr_text(d,
                                                 "SELECT count(*) FROM audit "
                                                 "WHERE resource_type = "
                                                 "'label' AND project_id = %d",
                                                 pay)),
                     3);
}

#define ROW(test)                                                              \
    cmocka_unit_test_setup_teardown(test, cr_api_setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_life),  ROW(test_list),          ROW(test_bad),
        ROW(test_taken), ROW(test_global_rights), ROW(test_project_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
