/* api/management/refresh.c: refresh tokens of a user. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

#define R2 "/x/users/2/refresh-tokens"

/* Tokens 1 (used) and 2 of alice, 3 of bob, 4 of alice's last password. */
static int
setup(void **state)
{
    cr_drive_t *d;

    cr_api_setup(state);
    d = *state;
    cr_drive_sql(d, "INSERT INTO refresh_token (hash, subject, epoch, "
                    "client_id, created_at, used_at, expires_at) SELECT "
                    "randomblob(32), v.column1, u.epoch + v.column2, "
                    "v.column3, 1000000, v.column4, 9000000000000000 FROM "
                    "users u, (VALUES ('user:2', 0, 'docker', 2000000), "
                    "('user:2', 0, 'helm', NULL), ('user:3', 0, 'x', NULL), "
                    "('user:2', -1, 'old', NULL)) v WHERE u.id = 2");

    return 0;
}

static void
test_list(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    for (int i = 0; i < 2; i++) {
        cr_api_as(d, i == 0 ? "alice" : "admin");
        r = cr_api_call(d, "GET", R2, NULL);
        assert_int_equal(r.status, 200);
        assert_string_equal(cr_api_keys(d, &r, "0"),
                            "client_id,creation_time,expiration_time,id,"
                            "last_used_time");
        assert_non_null(strstr(cr_api_at(d, &r, "*.client_id"), "docker"));
        assert_non_null(strstr(cr_api_at(d, &r, "*.client_id"), "helm"));
        assert_null(strstr(cr_api_at(d, &r, "*.client_id"), "old"));
        assert_string_equal(cr_api_at(d, &r, "2"), "-");
        assert_non_null(strstr(cr_api_at(d, &r, "*.last_used_time"), "null"));
        assert_non_null(strstr(cr_api_at(d, &r, "*.last_used_time"),
                               "1970-01-01T00:00:02.000Z"));
        cr_reply_done(&r);
    }
}

static void
test_delete(void **state)
{
    cr_drive_t *d = *state;

    cr_api_as(d, "alice");
    cr_api_refused(d, "DELETE", R2 "/3", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "DELETE", R2 "/99", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "DELETE", R2 "/0", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "DELETE", R2 "/x", NULL, 422, "UNPROCESSABLE_ENTITY",
                   "token_id");
    cr_api_done(d, "DELETE", R2 "/1", NULL, 200);
    cr_api_shows(d, R2, "*.client_id", "[\"helm\"]");
    cr_api_refused(d, "DELETE", R2 "/1", NULL, 404, "NOT_FOUND", "");

    /* all, also when there are none; nobody else's */
    cr_api_done(d, "DELETE", R2, NULL, 200);
    cr_api_shows(d, R2, "", "[]");
    cr_api_done(d, "DELETE", R2, NULL, 200);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM refresh_token"),
                     1);
    cr_api_as(d, "admin");
    cr_api_done(d, "DELETE", "/x/users/3/refresh-tokens/3", NULL, 200);
}

static void
test_rights(void **state)
{
    cr_drive_t *d = *state;

    cr_api_refused(d, "GET", "/x/users/99/refresh-tokens", NULL, 404,
                   "NOT_FOUND", "user");
    cr_api_as(d, "bob");
    cr_api_refused(d, "GET", R2, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "DELETE", R2, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "DELETE", R2 "/1", NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", "/x/users/99/refresh-tokens", NULL, 403,
                   "FORBIDDEN", "");
    d->auth = cr_drive_bearer(d, NULL);
    cr_api_refused(d, "DELETE", "/x/users/3/refresh-tokens", NULL, 403,
                   "FORBIDDEN", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", R2, NULL, 401, "UNAUTHORIZED", "");
    cr_api_refused(d, "DELETE", R2, NULL, 401, "UNAUTHORIZED", "");
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_list),
        ROW(test_delete),
        ROW(test_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
