/*
 * api/authenticate.c: credentials, right and wrong.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"
#include "auth/password.h"

static int
setup(void **state)
{
    static cr_drive_t drive;

    cr_drive_open(&drive);
    drive.auth = cr_drive_basic(&drive, "admin", CR_DRIVE_ADMIN);
    *state = &drive;

    return 0;
}

static int
teardown(void **state)
{
    cr_drive_close(*state);

    return 0;
}

static void
expect(cr_drive_t *d, const char *auth, int status, const char *error)
{
    d->auth = auth;
    cr_expect_done(cr_get(d, "/v2/"), status, error);
}

static void
test_basic(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    /* the first time the password is hashed, in the crypt pool */
    r = cr_get(d, "/v2/");
    cr_expect(&r, 200, "");
    assert_int_equal(r.steps[CR_STEP_CRYPT], 1);
    cr_reply_done(&r);

    /* then it is remembered, and all runs on the event loop */
    r = cr_get(d, "/v2/");
    cr_expect(&r, 200, "");
    assert_int_equal(r.steps[CR_STEP_CRYPT] + r.steps[CR_STEP_DB], 0);
    assert_int_equal(r.steps[CR_STEP_INLINE], 1);
    cr_reply_done(&r);

    /* the scheme has no case */
    expect(d, cr_text(d, "bAsIc %s", strchr(d->auth, ' ') + 1), 200, "");
}

static void
test_basic_wrong(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *names[] = { "admin", "nobody", "" };
    char        long_name[300], long_password[600];

    /* an unknown name costs what a known one does */
    for (size_t i = 0; i < 2; i++) {
        d->auth = cr_drive_basic(d, names[i], "wrong password");
        r = cr_get(d, "/v2/");
        cr_expect(&r, 401, "UNAUTHORIZED");
        assert_int_equal(r.steps[CR_STEP_CRYPT], 1);
        assert_non_null(cr_reply_header(d, &r, "WWW-Authenticate"));
        assert_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(r.body)), "wrong p"));
        assert_int_equal(r.x->info.user.len, 0);
        cr_reply_done(&r);
    }

    expect(d, cr_drive_basic(d, "", ""), 401, "UNAUTHORIZED");
    expect(d, cr_drive_basic(d, "admin", ""), 401, "UNAUTHORIZED");
    expect(d, cr_drive_basic(d, "Admin", CR_DRIVE_ADMIN), 401, "UNAUTHORIZED");
    expect(d, cr_drive_basic(d, "adm\xff", "x"), 401, "UNAUTHORIZED");
    expect(d, "Basic", 401, "UNAUTHORIZED");
    expect(d, "Basic ", 401, "UNAUTHORIZED");
    expect(d, "Basic !!!!", 401, "UNAUTHORIZED");
    expect(d, "Basic YWRtaW4=", 401, "UNAUTHORIZED"); /* no colon */
    expect(d, "Digest username=\"admin\"", 401, "UNAUTHORIZED");
    expect(d, "", 401, "UNAUTHORIZED");

    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    expect(d, cr_drive_basic(d, long_name, "x"), 401, "UNAUTHORIZED");
    memset(long_password, 'p', sizeof(long_password) - 1);
    long_password[sizeof(long_password) - 1] = '\0';
    expect(d, cr_drive_basic(d, "admin", long_password), 401, "UNAUTHORIZED");
    expect(d, cr_text(d, "Basic %020000d", 0), 401, "UNAUTHORIZED");
}

static void
test_twice(void **state)
{
    cr_drive_t *d = *state;

    cr_expect_done(cr_drive(d,
                            &(cr_call_t){
                                .target = "/v2/",
                                .headers =
                                    cr_text(d, "authorization: %s", d->auth),
                            }),
                   400, "BAD_REQUEST");
    cr_expect_done(cr_drive(d,
                            &(cr_call_t){
                                .target = "/v2/",
                                .headers = "Authorization: Bearer x",
                            }),
                   400, "BAD_REQUEST");
}

/* A change of the user drops what was remembered of it. */
static void
test_changes(void **state)
{
    cr_str_t    hash;
    cr_drive_t *d = *state;
    const char *carol;

    cr_drive_user(d, "carol");
    carol = cr_drive_basic(d, "carol", CR_DRIVE_ADMIN);
    expect(d, carol, 200, "");
    cr_drive_sql(d, "UPDATE users SET disabled = 1 WHERE name = 'carol'");
    expect(d, carol, 401, "UNAUTHORIZED");
    cr_drive_sql(d, "UPDATE users SET disabled = 0 WHERE name = 'carol'");
    expect(d, carol, 200, "");
    assert_int_equal(cr_password_hash(&d->cx, CR_STR("another one"), &hash),
                     CR_OK);
    cr_drive_sql(d, cr_text(d,
                            "UPDATE users SET password_hash = '%.*s' "
                            "WHERE name = 'carol'",
                            CR_STR_ARG(hash)));
    expect(d, carol, 401, "UNAUTHORIZED");
    cr_drive_sql(d, "UPDATE users SET password_hash = NULL WHERE "
                    "name = 'carol'");
    expect(d, carol, 401, "UNAUTHORIZED");
    expect(d, cr_drive_basic(d, "carol", ""), 401, "UNAUTHORIZED");
    cr_drive_sql(d, "UPDATE users SET deleted_at = 1 WHERE name = 'carol'");
    expect(d, carol, 401, "UNAUTHORIZED");
}

static int64_t later;

static int64_t
clock_us(void)
{
    return cr_sys_default.now_us() + later;
}

static void
test_bearer(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *token = cr_drive_bearer(d, NULL), *p;

    expect(d, token, 200, "");
    expect(d, cr_text(d, "bearer  %s", strchr(token, ' ') + 1), 200, "");

    r = cr_get(d, "/v2/");
    assert_int_equal(r.steps[CR_STEP_INLINE], 1);
    assert_int_equal(r.steps[CR_STEP_DB] + r.steps[CR_STEP_CRYPT], 0);
    assert_true(cr_str_eq_z(r.x->info.user, "admin"));
    cr_reply_done(&r);

    d->auth = "Bearer";
    r = cr_get(d, "/v2/");
    cr_expect(&r, 401, "UNAUTHORIZED");
    assert_non_null(strstr(cr_reply_header(d, &r, "WWW-Authenticate"),
                           ",error=\"invalid_token\""));
    cr_reply_done(&r);
    expect(d, "Bearer x.y.z", 401, "UNAUTHORIZED");
    expect(d, cr_text(d, "%sx", token), 401, "UNAUTHORIZED");
    p = strrchr(token, '.');
    expect(d, cr_text(d, "%.*s.", (int) (p - token), token), 401,
           "UNAUTHORIZED");
    /* {"alg":"none"} */
    p = strchr(token, '.');
    expect(d, cr_text(d, "Bearer eyJhbGciOiJub25lIn0%s", p), 401,
           "UNAUTHORIZED");

    d->sys.now_us = clock_us;
    later = 3600 * INT64_C(1000000);
    expect(d, token, 401, "UNAUTHORIZED");
    later = 0;
    expect(d, token, 200, "");
}

/* The user changed since: every older token is void. */
static void
test_bearer_void(void **state)
{
    cr_drive_t *d = *state;
    const char *token, *anonymous, *admin = d->auth;

    cr_drive_user(d, "carol");
    d->auth = cr_drive_basic(d, "carol", CR_DRIVE_ADMIN);
    token = cr_drive_bearer(d, NULL);
    expect(d, token, 200, "");
    cr_drive_sql(d, "UPDATE users SET disabled = 1 WHERE name = 'carol'");
    expect(d, token, 401, "UNAUTHORIZED");
    cr_drive_sql(d, "UPDATE users SET disabled = 0, epoch = epoch + 1 "
                    "WHERE name = 'carol'");
    expect(d, token, 401, "UNAUTHORIZED");
    d->auth = cr_drive_basic(d, "carol", CR_DRIVE_ADMIN);
    token = cr_drive_bearer(d, NULL);
    expect(d, token, 200, "");
    cr_drive_sql(d, "UPDATE users SET deleted_at = 1 WHERE name = 'carol'");
    expect(d, token, 401, "UNAUTHORIZED");

    /* of another installation, whatever its keys */
    d->auth = NULL;
    anonymous = cr_drive_bearer(d, "repository:library/a:pull");
    d->auth = admin;
    token = cr_drive_bearer(d, NULL);
    cr_drive_sql(d, "UPDATE setting SET value = "
                    "'01890a5d-ac96-774b-bcce-b302099a8057' WHERE name = "
                    "'installation_id'");
    cr_drive_restart(d);
    expect(d, token, 401, "UNAUTHORIZED");
    expect(d, anonymous, 401, "UNAUTHORIZED");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_basic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_basic_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bearer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bearer_void, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
