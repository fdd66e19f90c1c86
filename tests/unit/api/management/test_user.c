/* api/management/user.c: users, and what the caller is and may. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

#define U      "/users"
#define SECRET "Correct1horse"

static void
test_current(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_as(d, "alice");
    r = cr_api_call(d, "GET", U "/current", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_keys(d, &r, ""),
                        "admin_role_in_auth,comment,creation_time,email,"
                        "realname,sysadmin_flag,update_time,user_id,username,"
                        "x_disabled");
    assert_string_equal(cr_api_at(d, &r, "username"), "\"alice\"");
    assert_string_equal(cr_api_at(d, &r, "sysadmin_flag"), "false");
    cr_reply_done(&r);
    cr_api_as(d, "admin");
    cr_api_shows(d, U "/current", "sysadmin_flag", "true");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", U "/current", NULL, 401, "UNAUTHORIZED", "");
}

static void
test_list(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_done(d, "PUT", U "/2", "{\"email\":\"a@example.com\"}", 200);
    cr_api_shows(d, U, "*.username", "[\"admin\",\"alice\",\"bob\"]");
    cr_api_shows(d, U "?sort=-username", "*.username",
                 "[\"bob\",\"alice\",\"admin\"]");
    cr_api_shows(d, U "?sort=-user_id", "*.user_id", "[3,2,1]");
    cr_api_shows(d, U "?q=username=bob", "*.user_id", "[3]");
    cr_api_shows(d, U "?q=username=bo", "*.user_id", "[]");
    cr_api_shows(d, U "?q=username=~a", "*.user_id", "[1,2]");
    cr_api_shows(d, U "?q=email=a@example.com", "*.user_id", "[2]");
    cr_api_shows(d, U "?q=email=~example", "*.user_id", "[2]");
    cr_api_shows(d, U "?q=user_id=3", "*.user_id", "[3]");
    r = cr_api_call(d, "GET", U "?page_size=2&page=2", NULL);
    assert_string_equal(cr_api_at(d, &r, "*.username"), "[\"bob\"]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "3");
    assert_null(strstr(cr_api_at(d, &r, ""), "hash"));
    cr_reply_done(&r);
    cr_api_refused(d, "GET", U "?q=username={a b}", NULL, 400, "BAD_REQUEST",
                   "q: ");
    cr_api_as(d, "alice");
    cr_api_refused(d, "GET", U, NULL, 403, "FORBIDDEN", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", U, NULL, 401, "UNAUTHORIZED", "");
}

/* Names and ids alone, for who adds members. */
static void
test_search(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_as(d, "bob");
    r = cr_api_call(d, "GET", U "/search?username=a&page_size=1&page=2", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, ""),
                        "[{\"user_id\":2,\"username\":\"alice\"}]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "2");
    cr_reply_done(&r);
    cr_api_shows(d, U "/search?username=lice", "", "[]");
    cr_api_shows(d, U "/search?username=%25", "", "[]");
    cr_api_shows(d, U "/search?username=a&page=1000000", "", "[]");
    cr_api_refused(d, "GET", U "/search", NULL, 422, "UNPROCESSABLE_ENTITY",
                   "username in query is required");
    cr_api_refused(d, "GET", U "/search?username=", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "username");
    cr_api_refused(d, "GET", U "/search?username=a&username=b", NULL, 400,
                   "BAD_REQUEST", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", U "/search?username=a", NULL, 401, "UNAUTHORIZED",
                   "");
}

#define NEW(name, more)                                                        \
    "{\"username\":\"" name "\",\"password\":\"" SECRET "\"" more "}"

static void
test_create(void **state)
{
    static const struct {
        const char *body, *text;
    } bad[] = {
        { "", "" },
        { "[]", "body: object" },
        { "{\"password\":\"" SECRET "\"}", "username" },
        { NEW("", ""), "username" },
        { NEW("a,b", ""), "username" },
        { NEW(" a", ""), "username" },
        { NEW("robot$a", ""), "username" },
        { "{\"username\":7,\"password\":\"" SECRET "\"}", "username: string" },
        { "{\"username\":\"eve\"}", "password" },
        { "{\"username\":\"eve\",\"password\":\"Short1a\"}", "password" },
        { "{\"username\":\"eve\",\"password\":\"alllower1\"}", "password" },
        { "{\"username\":\"eve\",\"password\":\"ALLUPPER1\"}", "password" },
        { "{\"username\":\"eve\",\"password\":\"NoDigits\"}", "password" },
        { NEW("eve", ",\"email\":\"none\""), "email" },
        { NEW("eve", ",\"email\":7"), "email: string" },
        { NEW("eve", ",\"realname\":[]"), "realname: string" },
        { NEW("eve", ",\"comment\":{}"), "comment: string" },
    };
    cr_drive_t *d = *state;
    cr_reply_t  r;
    char        text[130];

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "POST", U, bad[i].body, 400, "BAD_REQUEST",
                       bad[i].text);
    }

    memset(text, 'x', sizeof(text));
    memcpy(text, "Aa1", 3);
    cr_api_refused(d, "POST", U,
                   cr_text(d, "{\"username\":\"x\",\"password\":\"%.129s\"}",
                           text),
                   400, "BAD_REQUEST", "password");
    cr_api_done(d, "POST", U,
                cr_text(d, "{\"username\":\"long\",\"password\":\"%.128s\"}",
                        text),
                201);

    /* hashing is not the loop's, nor the database's */
    r = cr_api_call(d, "POST", U,
                    NEW("eve", ",\"email\":\"e@example.com\","
                               "\"realname\":\"E\",\"comment\":\"c\","
                               "\"sysadmin_flag\":true,\"user_id\":1"));
    assert_int_equal(r.status, 201);
    assert_int_equal(r.steps[CR_STEP_CRYPT], 1);
    assert_string_equal(cr_reply_header(d, &r, "Location"),
                        "/api/v2.0/users/5");
    cr_reply_done(&r);
    cr_api_shows(d, U "/5", "sysadmin_flag", "false");
    cr_api_shows(d, U "/5", "realname", "\"E\"");
    d->auth = cr_drive_basic(d, "eve", SECRET);
    cr_expect_done(cr_get(d, "/v2/"), 200, "");

    cr_api_as(d, "admin");
    cr_api_refused(d, "POST", U, NEW("eve", ""), 409, "CONFLICT", "");
    cr_api_refused(d, "POST", U, NEW("new", ",\"email\":\"e@example.com\""),
                   409, "CONFLICT", "");
}

/* Others: only where self_registration is on. */
static void
test_register(void **state)
{
    cr_drive_t *d = *state;

    cr_api_as(d, NULL);
    cr_api_refused(d, "POST", U, NEW("eve", ""), 401, "UNAUTHORIZED", "");
    cr_api_as(d, "alice");
    cr_api_refused(d, "POST", U, NEW("eve", ""), 403, "FORBIDDEN", "");
    cr_api_refused(d, "POST", U, "[", 403, "FORBIDDEN", "");
    cr_api_as(d, "admin");
    cr_api_done(d, "PUT", "/configurations", "{\"self_registration\":true}",
                200);
    cr_api_as(d, NULL);
    cr_api_done(d, "POST", U, NEW("eve", ",\"sysadmin_flag\":true"), 201);
    assert_int_equal(cr_drive_sql_int(d, "SELECT admin FROM users "
                                         "WHERE name = 'eve'"),
                     0);
}

static void
test_exists(void **state)
{
    static const struct {
        const char *body;
        int         status;
        const char *want;
    } rows[] = {
        { "target=username&value=alice", 200, "true" },
        { "target=username&value=alic", 200, "false" },
        { "target=username&value=Alice", 200, "false" },
        { "target=email&value=a%40example.com", 200, "true" },
        { "target=email&value=alice", 200, "false" },
        { "target=name&value=alice", 400, NULL },
        { "value=alice", 400, NULL },
        { "target=username", 400, NULL },
        { "target=username&value=", 400, NULL },
        { "target=username&value=%ff", 400, NULL },
        { "target=username&value=a&value=b", 400, NULL },
    };
    cr_drive_t *d = *state;
    cr_call_t   call = { .method = "POST",
                         .target = "/c/userExists",
                         .type = "application/x-www-form-urlencoded" };
    cr_reply_t  r;

    cr_api_done(d, "PUT", U "/2", "{\"email\":\"a@example.com\"}", 200);

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        call.body = cr_str_z(rows[i].body);
        r = cr_drive(d, &call);

        if (r.status != rows[i].status) {
            fail_msg("%s: %d", rows[i].body, r.status);
        }

        if (rows[i].want != NULL) {
            assert_string_equal(cr_api_at(d, &r, ""), rows[i].want);
        }

        cr_reply_done(&r);
    }

    call.body = cr_str_z(rows[0].body);
    call.type = "application/json";
    r = cr_drive(d, &call);
    assert_int_equal(r.status, 400);
    cr_reply_done(&r);

    /* who may not make a user does not learn who there is */
    call.type = "application/x-www-form-urlencoded";
    cr_api_as(d, "bob");

    for (size_t i = 0; i < 2; i++) {
        call.body = cr_str_z(rows[i].body);
        r = cr_drive(d, &call);
        assert_int_equal(r.status, 412);
        assert_non_null(strstr(cr_api_at(d, &r, ""), "self registration"));
        cr_reply_done(&r);
    }
}

/* Oneself, or an administrator; to all others nobody is there. */
static void
test_one(void **state)
{
    static const char *const ids[] = { "/1", "/3", "/99", "/x", "/0" };
    cr_drive_t              *d = *state;

    cr_api_shows(d, U "/2", "username", "\"alice\"");
    cr_api_refused(d, "GET", U "/99", NULL, 404, "NOT_FOUND", "user");
    cr_api_refused(d, "GET", U "/x", NULL, 422, "UNPROCESSABLE_ENTITY",
                   "user_id");
    cr_api_as(d, "alice");
    cr_api_shows(d, U "/2", "username", "\"alice\"");

    for (size_t i = 0; i < CR_NELTS(ids); i++) {
        cr_api_refused(d, "GET", cr_text(d, U "%s", ids[i]), NULL, 403,
                       "FORBIDDEN", "forbidden");
        cr_api_refused(d, "PUT", cr_text(d, U "%s", ids[i]),
                       "{\"realname\":\"x\"}", 403, "FORBIDDEN", "forbidden");
        cr_api_refused(d, "DELETE", cr_text(d, U "%s", ids[i]), NULL, 403,
                       "FORBIDDEN", "forbidden");
        cr_api_refused(d, "PUT", cr_text(d, U "%s/password", ids[i]),
                       "{\"new_password\":\"" SECRET "\"}", 403, "FORBIDDEN",
                       "forbidden");
        cr_api_refused(d, "PUT", cr_text(d, U "%s/sysadmin", ids[i]),
                       "{\"sysadmin_flag\":true}", 403, "FORBIDDEN",
                       "forbidden");
    }

    /* not oneself by a token, nor what is for administrators */
    cr_api_refused(d, "PUT", U "/2/sysadmin", "{\"sysadmin_flag\":true}", 403,
                   "FORBIDDEN", "");
    cr_api_refused(d, "DELETE", U "/2", NULL, 403, "FORBIDDEN", "");
    d->auth = cr_drive_bearer(d, NULL);
    cr_api_refused(d, "GET", U "/2", NULL, 403, "FORBIDDEN", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", U "/2", NULL, 401, "UNAUTHORIZED", "");
}

static void
test_profile(void **state)
{
    static const struct {
        const char *body, *text;
    } bad[] = {
        { "{\"email\":\"none\"}", "email" },
        { "{\"email\":7}", "email: string" },
        { "{\"realname\":false}", "realname: string" },
        { "{\"comment\":[]}", "comment: string" },
        { "[]", "body: object" },
    };
    cr_drive_t *d = *state;

    cr_api_as(d, "alice");
    cr_api_done(d, "PUT", U "/2",
                "{\"email\":\"a@example.com\",\"realname\":\"Al\"}", 200);
    /* what is missing, or null, stays */
    cr_api_done(d, "PUT", U "/2", "{\"comment\":\"c\",\"realname\":null}", 200);
    cr_api_shows(d, U "/2", "email", "\"a@example.com\"");
    cr_api_shows(d, U "/2", "realname", "\"Al\"");
    cr_api_shows(d, U "/2", "comment", "\"c\"");

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "PUT", U "/2", bad[i].body, 400, "BAD_REQUEST",
                       bad[i].text);
    }

    cr_api_refused(d, "PUT", U "/2", "{\"x_disabled\":1}", 400, "BAD_REQUEST",
                   "x_disabled: true or false");
    cr_api_done(d, "PUT", U "/2", "{\"x_disabled\":false}", 200);

    /* nobody makes oneself more by it */
    cr_api_done(d, "PUT", U "/2",
                "{\"sysadmin_flag\":true,\"username\":\"root\"}", 200);
    cr_api_shows(d, U "/2", "sysadmin_flag", "false");
    cr_api_shows(d, U "/2", "username", "\"alice\"");
    cr_api_as(d, "bob");
    cr_api_refused(d, "PUT", U "/3", "{\"email\":\"a@example.com\"}", 409,
                   "CONFLICT", "");
    cr_drive_sql(d, "UPDATE users SET declared = 'nginx.conf:4' "
                    "WHERE id = 3");
    cr_api_refused(d, "PUT", U "/3", "{\"realname\":\"B\"}", 409, "CONFLICT",
                   "nginx.conf:4");
    cr_api_shows(d, U "/3", "x_declared", "\"nginx.conf:4\"");
}

static void
test_admin_flag(void **state)
{
    cr_drive_t *d = *state;

    cr_api_refused(d, "PUT", U "/2/sysadmin", "{}", 400, "BAD_REQUEST",
                   "sysadmin_flag: missing");
    cr_api_refused(d, "PUT", U "/2/sysadmin", "{\"sysadmin_flag\":1}", 400,
                   "BAD_REQUEST", "sysadmin_flag: true or false");
    cr_api_refused(d, "PUT", U "/99/sysadmin", "{\"sysadmin_flag\":true}", 404,
                   "NOT_FOUND", "user");
    cr_api_refused(d, "PUT", U "/1/sysadmin", "{\"sysadmin_flag\":false}", 412,
                   "PRECONDITION", "");
    cr_api_done(d, "PUT", U "/2/sysadmin", "{\"sysadmin_flag\":true}", 200);
    cr_api_as(d, "alice");
    cr_api_done(d, "PUT", U "/2/sysadmin", "{\"sysadmin_flag\":false}", 200);
    cr_api_refused(d, "PUT", U "/3/sysadmin", "{\"sysadmin_flag\":true}", 403,
                   "FORBIDDEN", "");
}

static void
test_delete(void **state)
{
    cr_drive_t *d = *state;

    cr_api_refused(d, "DELETE", U "/1", NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "DELETE", U "/99", NULL, 404, "NOT_FOUND", "user");
    cr_api_done(d, "DELETE", U "/2", NULL, 200);
    cr_api_refused(d, "DELETE", U "/2", NULL, 404, "NOT_FOUND", "user");
    d->auth = cr_drive_basic(d, "alice", CR_DRIVE_ADMIN);
    cr_expect_done(cr_get(d, "/v2/"), 401, "UNAUTHORIZED");
    cr_api_as(d, "admin");
    cr_api_done(d, "POST", U, NEW("alice", ""), 201);
    cr_api_shows(d, U "?q=username=alice", "*.user_id", "[4]");
    /* no such thing here, and said so */
    cr_api_refused(d, "PUT", U "/1/cli_secret", "{\"secret\":\"x\"}", 412,
                   "PRECONDITION", "no CLI secrets");
}

static void
test_password(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_as(d, "alice");
    cr_api_refused(d, "PUT", U "/2/password",
                   "{\"new_password\":\"" SECRET "\"}", 403, "FORBIDDEN",
                   "old_password");
    cr_api_refused(d, "PUT", U "/2/password",
                   "{\"old_password\":\"wrong\",\"new_password\":\"" SECRET
                   "\"}",
                   403, "FORBIDDEN", "old_password");
    cr_api_refused(d, "PUT", U "/2/password",
                   "{\"old_password\":\"" CR_DRIVE_ADMIN
                   "\",\"new_password\":\"short\"}",
                   400, "BAD_REQUEST", "password");
    cr_api_refused(d, "PUT", U "/2/password",
                   "{\"old_password\":\"" SECRET "\",\"new_password\":\"" SECRET
                   "\"}",
                   400, "BAD_REQUEST", "same");
    cr_api_refused(d, "PUT", U "/2/password", "{\"new_password\":7}", 400,
                   "BAD_REQUEST", "new_password: string");
    r = cr_api_call(d, "PUT", U "/2/password",
                    "{\"old_password\":\"" CR_DRIVE_ADMIN
                    "\",\"new_password\":\"" SECRET "\"}");
    assert_int_equal(r.status, 200);
    assert_int_equal(r.steps[CR_STEP_CRYPT], 1);
    cr_reply_done(&r);
    cr_expect_done(cr_get(d, "/v2/"), 401, "UNAUTHORIZED");
    d->auth = cr_drive_basic(d, "alice", SECRET);
    cr_expect_done(cr_get(d, "/v2/"), 200, "");

    /* an administrator needs no old one for others, but for itself */
    cr_api_as(d, "admin");
    cr_api_done(d, "PUT", U "/3/password", "{\"new_password\":\"" SECRET "\"}",
                200);
    cr_api_refused(d, "PUT", U "/1/password",
                   "{\"new_password\":\"" SECRET "\"}", 403, "FORBIDDEN",
                   "old_password");
    cr_api_refused(d, "PUT", U "/99/password",
                   "{\"new_password\":\"" SECRET "\"}", 404, "NOT_FOUND",
                   "user");
    d->auth = cr_drive_basic(d, "bob", SECRET);
    cr_expect_done(cr_get(d, "/v2/"), 200, "");
}

/* Whoever found a session open may not try old passwords for ever. */
static void
test_password_guard(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    cr_call_t   call = { .method = "POST",
                         .target = "/c/login",
                         .type = "application/x-www-form-urlencoded" };

    d->auth = NULL;
    call.body = CR_STR("principal=alice&password=correct+horse");
    r = cr_drive(d, &call);
    assert_int_equal(r.status, 200);
    call.headers =
        cr_text(d, "Cookie: %.*s\nX-Harbor-CSRF-Token: %s",
                (int) strcspn(cr_reply_header(d, &r, "Set-Cookie"), ";"),
                cr_reply_header(d, &r, "Set-Cookie"),
                cr_reply_header(d, &r, "X-Harbor-CSRF-Token"));
    cr_reply_done(&r);
    call.method = "PUT";
    call.target = "/api/v2.0" U "/2/password";
    call.type = "application/json";
    call.body =
        CR_STR("{\"old_password\":\"wrong\",\"new_password\":\"" SECRET "\"}");

    for (int i = 0; i < 5; i++) {
        r = cr_drive(d, &call);
        assert_int_equal(r.status, 403);
        cr_reply_done(&r);
    }

    /* now the right one is not looked at either */
    call.body = CR_STR("{\"old_password\":\"" CR_DRIVE_ADMIN
                       "\",\"new_password\":\"" SECRET "\"}");
    r = cr_drive(d, &call);
    assert_int_equal(r.status, 429);
    assert_non_null(cr_reply_header(d, &r, "Retry-After"));
    assert_string_equal(cr_api_at(d, &r, "errors.0.code"),
                        "\"TOO_MANY_REQUEST\"");
    cr_reply_done(&r);
}

static void
test_permissions(void **state)
{
    cr_drive_t *d = *state;
    int         pay = (int) cr_api_project(d, "pay", 5);
    const char *there =
        cr_text(d, U "/current/permissions?scope=/project/%d", pay);

    cr_api_as(d, "alice");
    cr_api_shows(d, U "/current/permissions", "", "[]");
    cr_api_shows(d, there, "0",
                 cr_text(d,
                         "{\"action\":\"read\",\"resource\":\"/project/%d\"}",
                         pay));
    cr_api_shows(d, cr_text(d, "%s&relative=true", there), "0",
                 "{\"action\":\"read\",\"resource\":\".\"}");
    cr_api_shows(d, U "/current/permissions?scope=/project/pay", "0.action",
                 "\"read\"");
    cr_api_refused(d, "GET", cr_text(d, "%s&relative=2", there), NULL, 422,
                   "UNPROCESSABLE_ENTITY", "relative");
    cr_api_as(d, "bob");
    cr_api_refused(d, "GET", there, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", U "/current/permissions?scope=/project/99", NULL,
                   403, "FORBIDDEN", "");
    cr_api_as(d, "admin");
    cr_api_shows(d, U "/current/permissions", "0.resource",
                 "\"/system/audit-log\"");
    cr_api_refused(d, "GET", U "/current/permissions?scope=/project/99", NULL,
                   404, "NOT_FOUND", "");

    /* what a robot can be given: each resource once an action */
    cr_api_shows(d, "/permissions", "project.0",
                 "{\"action\":\"read\",\"resource\":\"project\"}");
    cr_api_shows(d, "/permissions", "system.0",
                 "{\"action\":\"list\",\"resource\":\"audit-log\"}");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", "/permissions", NULL, 401, "UNAUTHORIZED", "");
}

#define ROW(test)                                                              \
    cmocka_unit_test_setup_teardown(test, cr_api_setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_current),     ROW(test_list),     ROW(test_search),
        ROW(test_create),      ROW(test_register), ROW(test_exists),
        ROW(test_one),         ROW(test_profile),  ROW(test_admin_flag),
        ROW(test_delete),      ROW(test_password), ROW(test_password_guard),
        ROW(test_permissions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
