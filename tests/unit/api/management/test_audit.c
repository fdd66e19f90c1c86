/* api/management/audit.c: the audit log as lists. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

#define EXT "/auditlog-exts"
#define OLD "/audit-logs"

static int64_t pay, own;

/* Three entries of our own, at 1000, 2000 and 3000 seconds of 1970; whatever
 * else there is was made in this century. */
static int
setup(void **state)
{
    cr_drive_t *d;

    cr_api_setup(state);
    d = *state;
    pay = cr_api_project(d, "pay", 1);
    own = cr_api_project(d, "own", 3);
    cr_drive_sql(d, cr_text(d,
                            "INSERT INTO audit (at, actor, username, client, "
                            "operation, resource_type, resource, project_id, "
                            "success, description) VALUES "
                            "(1000000000, 'user:2', 'alice', '192.0.2.1', "
                            "'push', 'artifact', 'pay/app:v1', %d, 1, 'd1'), "
                            "(2000000000, 'user:3', 'bob', '', "
                            "'pull', 'artifact', 'own/app:v1', %d, 0, ''), "
                            "(3000000000, '', 'eve', '', "
                            "'login', 'user', 'eve', NULL, 0, '')",
                            (int) pay, (int) own));

    return 0;
}

#define THEN "op_time=[1970-01-01~1970-01-02]"

static void
test_forms(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    r = cr_api_call(d, "GET", EXT "?q=" THEN, NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, "*.username"),
                        "[\"eve\",\"bob\",\"alice\"]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "3");
    assert_string_equal(cr_api_keys(d, &r, "2"),
                        "client_ip,id,op_time,operation,operation_description,"
                        "operation_result,resource,resource_type,username");
    assert_string_equal(cr_api_at(d, &r, "2.op_time"),
                        "\"1970-01-01T00:16:40.000Z\"");
    assert_string_equal(cr_api_at(d, &r, "2.client_ip"), "\"192.0.2.1\"");
    assert_string_equal(cr_api_at(d, &r, "2.operation_description"), "\"d1\"");
    assert_string_equal(cr_api_at(d, &r, "*.operation_result"),
                        "[false,false,true]");
    cr_reply_done(&r);

    r = cr_api_call(d, "GET", OLD "?q=" THEN, NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, "*.resource"),
                        "[\"eve\",\"own/app:v1\",\"pay/app:v1\"]");
    assert_string_equal(cr_api_keys(d, &r, "2"),
                        "id,op_time,operation,resource,resource_type,"
                        "username");
    cr_reply_done(&r);
}

static void
test_filter(void **state)
{
    static const struct {
        const char *q, *want;
    } rows[] = {
        { "username=bob", "[\"bob\"]" },
        { "username=bo", "[]" },
        { "username=~o", "[\"bob\"]" },
        { "resource=pay/app:v1", "[\"alice\"]" },
        { "resource=~app", "[\"bob\",\"alice\"]" },
        { "operation=login", "[\"eve\"]" },
        { "resource_type=artifact", "[\"bob\",\"alice\"]" },
        { "resource_type=artifact,operation=pull", "[\"bob\"]" },
        { "operation={pull login}", "[\"eve\",\"bob\"]" },
        { "operation=~pu,resource_type=~art", "[\"bob\",\"alice\"]" },
    };
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_api_shows(d, cr_text(d, EXT "?q=" THEN ",%s", rows[i].q),
                     "*.username", rows[i].want);
    }

    cr_api_shows(d, EXT "?sort=op_time&q=" THEN, "*.username",
                 "[\"alice\",\"bob\",\"eve\"]");
    cr_api_shows(d, EXT "?sort=-op_time&q=" THEN, "*.username",
                 "[\"eve\",\"bob\",\"alice\"]");
    /* both ends of a time count */
    cr_api_shows(d, EXT "?q=op_time=[1970-01-01T00:16:40~1970-01-01T00:33:20]",
                 "*.username", "[\"bob\",\"alice\"]");
    cr_api_shows(d, EXT "?q=op_time=[1970-01-01T00:16:41~1970-01-01T00:33:19]",
                 "*.username", "[]");
    cr_api_shows(d, EXT "?q=op_time=[~1970-01-01T00:16:40]", "*.username",
                 "[\"alice\"]");
    cr_api_shows(d,
                 EXT "?page_size=1&q=op_time=[1970-01-01T00:50:00~],"
                     "username=eve",
                 "*.username", "[\"eve\"]");
    cr_api_shows(d, EXT "?page=2&page_size=1&q=" THEN, "*.username",
                 "[\"bob\"]");
}

static void
test_bad(void **state)
{
    static const char *const bad[] = {
        "operation=[a~b]",    "resource_type=(a b)",
        "username=[a~b]",     "resource=(a)",
        "op_time=2020-01-01", "op_time=[x~]",
        "op_time=[~2020-1]",  "=",
        "client_ip=x",
    };
    static const char *const lists[] = { EXT, OLD, "/projects/pay/logs",
                                         "/projects/pay" EXT };
    cr_drive_t              *d = *state;

    for (size_t i = 0; i < CR_NELTS(lists); i++) {
        for (size_t k = 0; k < CR_NELTS(bad); k++) {
            cr_api_refused(d, "GET", cr_text(d, "%s?q=%s", lists[i], bad[k]),
                           NULL, 400, "BAD_REQUEST", "q: ");
        }

        cr_api_refused(d, "GET", cr_text(d, "%s?page_size=101", lists[i]), NULL,
                       422, "UNPROCESSABLE_ENTITY", "page_size");
    }
}

/* A user sees what happened in the projects that it administers. */
static void
test_rights(void **state)
{
    cr_drive_t *d = *state;

    cr_api_as(d, "alice");
    cr_api_shows(d, EXT "?q=" THEN, "*.username", "[\"alice\"]");
    cr_api_shows(d, OLD "?q=" THEN, "*.username", "[\"alice\"]");
    cr_api_as(d, "bob"); /* also not its own deed */
    cr_api_shows(d, EXT "?q=" THEN, "*.username", "[]");

    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", EXT, NULL, 401, "UNAUTHORIZED", "");
    cr_api_refused(d, "GET", OLD, NULL, 401, "UNAUTHORIZED", "");
    cr_api_refused(d, "GET", EXT "/events", NULL, 401, "UNAUTHORIZED", "");
    cr_api_as(d, "admin");
    d->auth = cr_drive_bearer(d, "repository:pay/app:*");
    cr_api_refused(d, "GET", EXT, NULL, 403, "FORBIDDEN", "");
}

static void
test_project(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_as(d, "alice");
    r = cr_api_call(d, "GET", "/projects/pay" EXT "?q=" THEN, NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, "*.username"), "[\"alice\"]");
    assert_string_equal(cr_api_at(d, &r, "0.client_ip"), "\"192.0.2.1\"");
    cr_reply_done(&r);
    cr_api_shows(d, "/projects/pay/logs?q=" THEN, "*.username", "[\"alice\"]");
    cr_api_shows(d, "/projects/pay/logs?q=" THEN, "0.client_ip", "-");
    cr_api_shows(d, cr_text(d, "/projects/%d/logs?q=" THEN, (int) pay),
                 "*.username", "[\"alice\"]");

    /* a guest does not; nor a stranger, there or not */
    cr_api_refused(d, "GET", "/projects/own/logs", NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", "/projects/own" EXT, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", "/projects/none/logs", NULL, 403, "FORBIDDEN", "");
}

/* Every operation that is written has its name in the list of events. */
static void
test_events(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *events;

    r = cr_api_call(d, "GET", EXT "/events", NULL);
    assert_int_equal(r.status, 200);
    events = cr_api_at(d, &r, "*.event_type");
    cr_reply_done(&r);

    cr_api_done(d, "POST", "/labels", "{\"name\":\"a\",\"scope\":\"g\"}", 201);
    cr_api_done(d, "PUT", "/configurations", "{\"session_timeout\":5}", 200);
    assert_non_null(strstr(events, "\"create_label\""));
    assert_non_null(strstr(events, "\"update_configuration\""));
    assert_non_null(strstr(events, "\"create_project\""));
    assert_non_null(strstr(events, "\"create_project_member\""));
    assert_non_null(strstr(events, "\"login_user\""));
    assert_int_equal(cr_drive_sql_int(d, cr_text(d,
                                                 "SELECT count(*) FROM audit "
                                                 "WHERE at > 3000000000 AND "
                                                 "instr('%s', '\"' || "
                                                 "operation || '_' || "
                                                 "resource_type || '\"') = 0",
                                                 events)),
                     0);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_forms),  ROW(test_filter),  ROW(test_bad),
        ROW(test_rights), ROW(test_project), ROW(test_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
