/* api/management/config.c: the settings, and system information. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

#define C "/configurations"

/* What t/api_config.t has no value for: the ends of each range. */
static void
test_bounds(void **state)
{
    static const struct {
        const char *key;
        const char *good[3]; /* the last one is set in the end */
        const char *bad[4];
        const char *text;
    } rows[] = {
        { "session_timeout",
          { "1", "1440" },
          { "0", "1441", "-1", "1.0" },
          "session_timeout: " },
        { "token_expiration",
          { "1", "1440" },
          { "0", "1441", "-1", "\"5\"" },
          "token_expiration: " },
        { "robot_token_duration",
          { "1", "36500", "-1" },
          { "0", "36501", "-2", "true" },
          "robot_token_duration: " },
        { "storage_per_project",
          { "1", "9223372036854775807", "-1" },
          { "0", "-2", "1e3", "\"-1\"" },
          "storage_per_project: " },
        { "project_creation_restriction",
          { "\"adminonly\"", "\"everyone\"" },
          { "\"Everyone\"", "\"\"", "7", "[]" },
          "project_creation_restriction: " },
        { "self_registration",
          { "true", "false" },
          { "\"true\"", "0", "{}", "1" },
          "self_registration: true or false" },
        { "quota_per_project_enable",
          { "false", "true" },
          { "\"no\"", "0", "[]", "-1" },
          "quota_per_project_enable: " },
        { "banner_message",
          { "\"\"", "\"\xe2\x82\xac\"" },
          { "7", "true", "[]", "{}" },
          "banner_message: string" },
    };
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        for (size_t k = 0; k < 4; k++) {
            cr_api_refused(d, "PUT", C,
                           cr_text(d, "{\"read_only\":true,\"%s\":%s}",
                                   rows[i].key, rows[i].bad[k]),
                           400, "BAD_REQUEST", rows[i].text);
        }

        for (size_t k = 0; k < 3 && rows[i].good[k] != NULL; k++) {
            cr_api_done(d, "PUT", C,
                        cr_text(d, "{\"%s\":%s}", rows[i].key, rows[i].good[k]),
                        200);
            cr_api_shows(d, C, rows[i].key,
                         cr_text(d, "{\"editable\":true,\"value\":%s}",
                                 rows[i].good[k]));
        }
    }
}

/* What is fixed is shown, may be sent as it is, and not otherwise. */
static void
test_fixed(void **state)
{
    static const struct {
        const char *key, *value, *other, *wrong;
    } rows[] = {
        { "auth_mode", "\"db_auth\"", "\"oidc_auth\"", "true" },
        { "primary_auth_mode", "false", "true", "\"false\"" },
        { "notification_enable", "false", "true", "0" },
        { "robot_name_prefix", "\"robot$\"", "\"robot\"", "7" },
    };
    uint64_t    before;
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_api_shows(d, C, rows[i].key,
                     cr_text(d, "{\"editable\":false,\"value\":%s}",
                             rows[i].value));
        cr_api_refused(d, "PUT", C,
                       cr_text(d, "{\"%s\":%s}", rows[i].key, rows[i].other),
                       400, "BAD_REQUEST",
                       cr_text(d, "%s: cannot be changed", rows[i].key));
        cr_api_refused(d, "PUT", C,
                       cr_text(d, "{\"%s\":%s}", rows[i].key, rows[i].wrong),
                       400, "BAD_REQUEST", cr_text(d, "%s: ", rows[i].key));
        before = cr_drive_rows(d);
        cr_api_done(d, "PUT", C,
                    cr_text(d, "{\"%s\":%s}", rows[i].key, rows[i].value), 200);
        assert_true(cr_drive_rows(d) == before);
    }
}

/* token_ttl of nginx.conf: then it is not for the API. */
static void
test_token_ttl(void **state)
{
    cr_drive_t *d = *state;

    d->conf.token_ttl_s = 420;
    cr_drive_restart(d);
    cr_api_shows(d, C, "token_expiration", "{\"editable\":true,\"value\":7}");

    d->conf.token_ttl_fixed = true;
    cr_drive_restart(d);
    cr_api_shows(d, C, "token_expiration", "{\"editable\":false,\"value\":7}");
    cr_api_refused(d, "PUT", C, "{\"token_expiration\":8}", 400, "BAD_REQUEST",
                   "token_expiration: cannot be changed");
    cr_api_done(d, "PUT", C, "{\"token_expiration\":7}", 200);

    /* one that was set before does not count either */
    d->conf.token_ttl_fixed = false;
    cr_drive_restart(d);
    cr_api_done(d, "PUT", C, "{\"token_expiration\":9}", 200);
    cr_api_shows(d, C, "token_expiration.value", "9");
    d->conf.token_ttl_fixed = true;
    cr_drive_restart(d);
    cr_api_shows(d, C, "token_expiration.value", "7");
}

/* One change, one entry; a request that changes nothing writes nothing. */
static void
test_write(void **state)
{
    static const char *const none[] = { "{}", "{\"unknown\":[1]}",
                                        "{\"read_only\":null}" };
    uint64_t                 before;
    cr_drive_t              *d = *state;

    for (size_t i = 0; i < CR_NELTS(none); i++) {
        before = cr_drive_rows(d);
        cr_api_done(d, "PUT", C, none[i], 200);
        assert_true(cr_drive_rows(d) == before);
    }

    cr_api_done(d, "PUT", C, "{\"session_timeout\":5,\"banner_message\":\"b\"}",
                200);
    assert_true(cr_drive_sql_int(d, "SELECT count(*) FROM audit WHERE "
                                    "resource_type = 'configuration' AND "
                                    "operation = 'update' AND "
                                    "username = 'admin'")
                > 0);
    cr_api_shows(d, C, "session_timeout.value", "5");
    cr_api_shows(d, C, "banner_message.value", "\"b\"");

    /* it is the one thing that can be changed in read-only mode: its end */
    cr_api_done(d, "PUT", C, "{\"read_only\":true}", 200);
    cr_api_refused(d, "POST", "/labels", "{\"name\":\"a\",\"scope\":\"g\"}",
                   403, "DENIED", "read only mode");
    cr_api_done(d, "PUT", C, "{\"read_only\":false}", 200);
    cr_api_done(d, "POST", "/labels", "{\"name\":\"a\",\"scope\":\"g\"}", 201);
}

static void
test_rights(void **state)
{
    cr_drive_t *d = *state;
    const char *admin = d->auth;

    cr_api_refused(d, "PUT", C, "[]", 400, "BAD_REQUEST", "body: object");
    cr_api_as(d, "alice");
    cr_api_refused(d, "GET", C, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "PUT", C, "{\"read_only\":true}", 403, "FORBIDDEN", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", C, NULL, 401, "UNAUTHORIZED", "");
    d->auth = admin;
    d->auth = cr_drive_bearer(d, NULL);
    cr_api_refused(d, "PUT", C, "{\"read_only\":true}", 403, "FORBIDDEN", "");
}

static void
test_systeminfo(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_done(d, "PUT", C,
                "{\"banner_message\":\"closed\",\"self_registration\":true}",
                200);
    r = cr_api_call(d, "GET", "/systeminfo", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_keys(d, &r, ""),
                        "auth_mode,banner_message,current_time,external_url,"
                        "harbor_version,has_ca_root,notification_enable,"
                        "primary_auth_mode,project_creation_restriction,"
                        "read_only,registry_storage_provider_name,"
                        "registry_url,self_registration");
    assert_string_equal(cr_api_at(d, &r, "external_url"),
                        "\"http://hub.example.com:5000\"");
    assert_string_equal(cr_api_at(d, &r, "registry_url"),
                        "\"hub.example.com:5000\"");
    cr_reply_done(&r);

    /* nobody learns what a login page must know, and no more */
    cr_api_as(d, NULL);
    r = cr_api_call(d, "GET", "/systeminfo", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, ""),
                        "{\"auth_mode\":\"db_auth\",\"banner_message\":"
                        "\"closed\",\"primary_auth_mode\":false,"
                        "\"self_registration\":true}");
    cr_reply_done(&r);

    /* a credential that is sent must be good */
    d->auth = cr_drive_basic(d, "alice", "wrong");
    r = cr_api_call(d, "GET", "/systeminfo", NULL);
    assert_int_equal(r.status, 401);
    cr_reply_done(&r);

    d->conf.public_url = CR_STR("https://hub.example.org/");
    cr_drive_restart(d);
    cr_api_as(d, "alice");
    cr_api_shows(d, "/systeminfo", "external_url",
                 "\"https://hub.example.org\"");
    cr_api_shows(d, "/systeminfo", "registry_url", "\"hub.example.org\"");
}

#define ROW(test)                                                              \
    cmocka_unit_test_setup_teardown(test, cr_api_setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_bounds), ROW(test_fixed),  ROW(test_token_ttl),
        ROW(test_write),  ROW(test_rights), ROW(test_systeminfo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
