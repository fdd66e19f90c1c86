/*
 * api/distribution/base.c: GET /v2/.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"

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
test_ping(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *admin = d->auth;

    r = cr_get(d, "/v2/");
    cr_expect(&r, 200, "");
    assert_true(cr_str_eq_z(r.body, "{}"));
    assert_true(cr_str_eq_z(r.x->info.user, "admin"));
    assert_string_equal(r.x->info.action, "ping");
    assert_string_equal(r.x->info.handler, "base");
    cr_reply_done(&r);

    /* docker learns only here where the token service is */
    d->auth = NULL;
    r = cr_get(d, "/v2/");
    cr_expect(&r, 401, "UNAUTHORIZED");
    assert_string_equal(
        cr_reply_header(d, &r, "WWW-Authenticate"),
        "Bearer realm=\"http://hub.example.com:5000/service/token\","
        "service=\"nginx-registry\"");
    cr_reply_done(&r);
    cr_expect_done(cr_head(d, "/v2/"), 401, "UNAUTHORIZED");

    d->auth = admin;
    d->auth = cr_drive_bearer(d, NULL);
    cr_expect_done(cr_get(d, "/v2/"), 200, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ping, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
