/* api/management/member.c: who is in a project, and as what. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

#define M "/projects/pay/members"

static void
test_life(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    int64_t     pay = cr_api_project(d, "pay", 0);
    const char *one;

    r = cr_api_call(d, "POST", M,
                    "{\"role_id\":2,\"member_user\":{\"user_id\":2}}");
    assert_int_equal(r.status, 201);
    one = cr_reply_header(d, &r, "Location");
    assert_int_equal(strncmp(one, "/api/v2.0" M "/", strlen("/api/v2.0" M "/")),
                     0);
    one += strlen("/api/v2.0");
    cr_reply_done(&r);

    r = cr_api_call(d, "GET", one, NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_keys(d, &r, ""),
                        "entity_id,entity_name,entity_type,id,project_id,"
                        "role_id,role_name");
    assert_string_equal(cr_api_at(d, &r, "entity_name"), "\"alice\"");
    assert_string_equal(cr_api_at(d, &r, "entity_id"), "2");
    assert_string_equal(cr_api_at(d, &r, "entity_type"), "\"u\"");
    assert_string_equal(cr_api_at(d, &r, "role_name"), "\"developer\"");
    assert_string_equal(cr_api_at(d, &r, "project_id"),
                        cr_text(d, "%d", (int) pay));
    cr_reply_done(&r);

    for (int role = 1; role <= 5; role++) {
        static const char *const names[] = {
            "",          "\"projectAdmin\"", "\"developer\"",
            "\"guest\"", "\"maintainer\"",   "\"limitedGuest\"",
        };

        cr_api_done(d, "PUT", one, cr_text(d, "{\"role_id\":%d}", role), 200);
        cr_api_shows(d, one, "role_name", names[role]);
        cr_api_shows(d, one, "role_id", cr_text(d, "%d", role));
    }

    cr_api_done(d, "DELETE", one, NULL, 200);
    cr_api_refused(d, "DELETE", one, NULL, 404, "NOT_FOUND", "member");
    cr_api_refused(d, "GET", one, NULL, 404, "NOT_FOUND", "member");
    cr_api_refused(d, "PUT", one, "{\"role_id\":1}", 404, "NOT_FOUND",
                   "member");
    cr_api_shows(d, M, "*.entity_name", "[\"admin\"]");
}

static void
test_list(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_project(d, "pay", 3);
    cr_api_done(d, "POST", M,
                "{\"role_id\":1,\"member_user\":{\"username\":\"bob\"},"
                "\"member_group\":null}",
                201);
    cr_api_shows(d, M, "*.entity_name", "[\"admin\",\"alice\",\"bob\"]");
    cr_api_shows(d, M, "*.role_id", "[1,3,1]");
    cr_api_shows(d, M "?entityname=ob", "*.entity_name", "[\"bob\"]");
    cr_api_shows(d, M "?entityname=_", "*.entity_name", "[]");

    r = cr_api_call(d, "GET", M "?page_size=1&page=2", NULL);
    assert_string_equal(cr_api_at(d, &r, "*.entity_name"), "[\"alice\"]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "3");
    cr_reply_done(&r);
    cr_api_refused(d, "GET", M "?page_size=101", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "page_size");
    cr_api_refused(d, "GET", M "?entityname=a&entityname=b", NULL, 400,
                   "BAD_REQUEST", "entityname");
}

static void
test_bad(void **state)
{
    static const struct {
        const char *body, *text;
    } bad[] = {
        { "", "" },
        { "{}", "role_id: 1 to 5" },
        { "{\"role_id\":0,\"member_user\":{\"user_id\":2}}", "role_id: " },
        { "{\"role_id\":6,\"member_user\":{\"user_id\":2}}", "role_id: " },
        { "{\"role_id\":4294967297,\"member_user\":{\"user_id\":2}}",
          "role_id: " },
        { "{\"role_id\":\"1\",\"member_user\":{\"user_id\":2}}",
          "role_id: integer" },
        { "{\"role_id\":1.0,\"member_user\":{\"user_id\":2}}",
          "role_id: integer" },
        { "{\"role_id\":1}", "member_user: missing" },
        { "{\"role_id\":1,\"member_user\":[]}", "member_user: object" },
        { "{\"role_id\":1,\"member_user\":{}}", "member_user: user_id or" },
        { "{\"role_id\":1,\"member_user\":{\"user_id\":0}}",
          "member_user: user_id or" },
        { "{\"role_id\":1,\"member_user\":{\"user_id\":-2}}",
          "member_user: user_id or" },
        { "{\"role_id\":1,\"member_user\":{\"username\":7}}",
          "username: string" },
        { "{\"role_id\":1,\"member_user\":{\"user_id\":\"2\"}}",
          "user_id: integer" },
        { "{\"role_id\":1,\"member_group\":{\"id\":1}}",
          "member_group: groups are not" },
        { "{\"role_id\":1,\"member_group\":7}", "member_group: object" },
    };
    cr_drive_t *d = *state;
    const char *one;

    cr_api_project(d, "pay", 3);
    one = cr_text(
        d, M "/%d",
        (int) cr_drive_sql_int(d, "SELECT id FROM member WHERE user_id = 2"));

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "POST", M, bad[i].body, 400, "BAD_REQUEST",
                       bad[i].text);
    }

    /* the role of one who is there: the same rule */
    for (size_t i = 0; i < 7; i++) {
        cr_api_refused(d, "PUT", one, bad[i].body, 400, "BAD_REQUEST",
                       bad[i].text);
    }

    cr_api_refused(d, "POST", M,
                   "{\"role_id\":1,\"member_user\":{\"user_id\":99}}", 404,
                   "NOT_FOUND", "user");
    cr_api_refused(d, "POST", M,
                   "{\"role_id\":1,\"member_user\":{\"username\":\"eve\"}}",
                   404, "NOT_FOUND", "user");
    cr_api_refused(d, "POST", M,
                   "{\"role_id\":1,\"member_user\":{\"user_id\":2}}", 409,
                   "CONFLICT", "member of the project already");
    cr_api_refused(d, "GET", M "/x", NULL, 422, "UNPROCESSABLE_ENTITY",
                   "mid in path");
    cr_api_refused(d, "GET", M "/0", NULL, 404, "NOT_FOUND", "");
}

/* A member is found in its own project alone. */
static void
test_other_project(void **state)
{
    cr_drive_t *d = *state;
    int         id;
    const char *one;

    cr_api_project(d, "pay", 3);
    cr_api_project(d, "own", 1);
    id = (int) cr_drive_sql_int(d, "SELECT m.id FROM member m, project p WHERE "
                                   "m.user_id = 1 AND p.name = 'pay' AND "
                                   "p.id = m.project_id");
    one = cr_text(d, "/projects/own/members/%d", id);
    cr_api_as(d, "alice");
    cr_api_refused(d, "GET", one, NULL, 404, "NOT_FOUND", "member");
    cr_api_refused(d, "PUT", one, "{\"role_id\":5}", 404, "NOT_FOUND",
                   "member");
    cr_api_refused(d, "DELETE", one, NULL, 404, "NOT_FOUND", "member");
}

static void
test_rights(void **state)
{
    cr_drive_t *d = *state;
    const char *add = "{\"role_id\":1,\"member_user\":{\"user_id\":3}}";
    const char *one;

    cr_api_project(d, "pay", 4); /* maintainer */
    one = cr_text(
        d, M "/%d",
        (int) cr_drive_sql_int(d, "SELECT id FROM member WHERE user_id = 2"));
    cr_api_as(d, "alice");
    cr_api_shows(d, M, "*.entity_name", "[\"admin\",\"alice\"]");
    cr_api_refused(d, "POST", M, add, 403, "FORBIDDEN", "");
    cr_api_refused(d, "PUT", one, "{\"role_id\":1}", 403, "FORBIDDEN", "");
    cr_api_refused(d, "DELETE", one, NULL, 403, "FORBIDDEN", "");
    cr_drive_sql(d, "UPDATE member SET role = 5 WHERE user_id = 2");
    cr_api_refused(d, "GET", M, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", one, NULL, 403, "FORBIDDEN", "");

    /* a body is not even looked at for a stranger; no project looks so too */
    cr_api_as(d, "bob");
    cr_api_refused(d, "POST", M, "[", 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", "/projects/none/members", NULL, 403, "FORBIDDEN",
                   "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", M, NULL, 401, "UNAUTHORIZED", "");
    cr_api_refused(d, "POST", M, add, 401, "UNAUTHORIZED", "");
    cr_api_as(d, "admin");
    cr_api_refused(d, "GET", "/projects/none/members", NULL, 404, "NOT_FOUND",
                   "no such project");

    /* the project's own administrator may; what is declared stays */
    cr_drive_sql(d, "UPDATE member SET role = 1 WHERE user_id = 2");
    cr_api_as(d, "alice");
    cr_api_done(d, "POST", M, add, 201);
    cr_drive_sql(d, "UPDATE member SET declared = 'nginx.conf:7' "
                    "WHERE user_id = 2");
    cr_api_shows(d, one, "x_declared", "\"nginx.conf:7\"");
    cr_api_refused(d, "PUT", one, "{\"role_id\":2}", 409, "CONFLICT",
                   "nginx.conf:7");
    cr_api_refused(d, "DELETE", one, NULL, 409, "CONFLICT", "nginx.conf:7");
}

#define ROW(test)                                                              \
    cmocka_unit_test_setup_teardown(test, cr_api_setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_life),          ROW(test_list),   ROW(test_bad),
        ROW(test_other_project), ROW(test_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
