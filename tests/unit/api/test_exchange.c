/*
 * api/exchange.c: what a transport may do at any moment.
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

static cr_exchange_t *
make(cr_drive_t *d, const char *method, const char *target, int64_t length)
{
    static cr_header_t header;
    cr_request_t       q = { 0 };
    cr_exchange_t     *x;

    header.name = CR_STR("Authorization");
    header.value = cr_str_z(d->auth);
    q.method = cr_str_z(method);
    q.target = cr_str_z(target);
    q.content_length = length;
    q.headers = &header;
    q.nheaders = d->auth != NULL;
    assert_int_equal(cr_exchange_create(d->api, &q, &x), CR_OK);
    assert_int_equal(x->step, CR_STEP_INLINE);

    return x;
}

static void
run(cr_exchange_t *x, cr_step_e until)
{
    for (int i = 0; x->step != until; i++) {
        assert_true(i < 20);
        assert_true(x->step <= CR_STEP_BULK);
        cr_exchange_run(x);
    }
}

/* Freed after any number of steps, run or not: nothing leaks. */
static void
test_free_anywhere(void **state)
{
    cr_drive_t       *d = *state;
    const char *const targets[] = { "/v2/", "/v2/library/app/blobs/uploads/",
                                    "/service/token", "/readyz", "/none" };

    cr_exchange_free(NULL);

    for (size_t i = 0; i < CR_NELTS(targets); i++) {
        for (int steps = 0; steps < 6; steps++) {
            cr_exchange_t *x = make(d, "GET", targets[i], 0);

            for (int k = 0; k < steps; k++) {
                cr_exchange_run(x); /* after the end it does nothing */
            }

            cr_exchange_free(x);
        }
    }
}

/* Calls that do not fit the step change nothing. */
static void
test_out_of_step(void **state)
{
    cr_drive_t    *d = *state;
    cr_exchange_t *x = make(d, "GET", "/v2/", 0);

    cr_exchange_body(x, CR_STR("x"));
    cr_exchange_body_too_large(x);
    cr_exchange_write(x, "x", 1);
    cr_exchange_stream_end(x);
    assert_int_equal(x->step, CR_STEP_INLINE);
    run(x, CR_STEP_SEND);
    assert_int_equal(x->response.status, 200);
    cr_exchange_body(x, CR_STR("x"));
    cr_exchange_write(x, "x", 1);
    cr_exchange_stream_end(x);
    cr_exchange_run(x);
    assert_int_equal(x->step, CR_STEP_SEND);
    cr_exchange_abort(x);
    assert_int_equal(x->step, CR_STEP_DROP);
    cr_exchange_abort(x);
    assert_int_equal(x->step, CR_STEP_DROP);
    cr_exchange_free(x);
}

static void
test_body(void **state)
{
    cr_drive_t    *d = *state;
    cr_exchange_t *x;

    x = make(d, "PUT", "/v2/library/app/manifests/v1", -1);
    run(x, CR_STEP_BODY);
    assert_int_equal(x->body_max, 4 * 1024 * 1024);
    cr_exchange_body_too_large(x);
    assert_int_equal(x->step, CR_STEP_SEND);
    assert_int_equal(x->response.status, 413);
    cr_exchange_free(x);

    /* known to be too long: the body is not asked for */
    x = make(d, "PUT", "/v2/library/app/manifests/v1", INT64_MAX);
    run(x, CR_STEP_SEND);
    assert_int_equal(x->response.status, 413);
    cr_exchange_free(x);

    x = make(d, "PUT", "/v2/library/app/manifests/v1", -1);
    run(x, CR_STEP_BODY);
    cr_exchange_abort(x);
    assert_int_equal(x->step, CR_STEP_DROP);
    cr_exchange_free(x);

    /* who may not push is not asked for a body */
    d->auth = NULL;
    x = make(d, "PUT", "/v2/library/app/manifests/v1", -1);
    run(x, CR_STEP_SEND);
    assert_int_equal(x->response.status, 401);
    cr_exchange_free(x);
}

/* The transport's own faults, at any step. */
static void
test_fail(void **state)
{
    cr_drive_t *d = *state;

    for (int steps = 0; steps < 4; steps++) {
        cr_exchange_t *x = make(d, "POST", "/v2/library/app/blobs/uploads/", 0);

        for (int k = 0; k < steps; k++) {
            cr_exchange_run(x);
        }

        cr_exchange_fail(x, CR_ERR_TOOMANYREQUESTS);
        assert_int_equal(x->step, CR_STEP_SEND);
        assert_int_equal(x->response.status, 429);
        assert_string_equal(x->info.error, "TOOMANYREQUESTS");
        cr_exchange_free(x);
    }
}

/* Nothing that may block runs on the event loop. */
static void
test_inline(void **state)
{
    cr_drive_t     *d = *state;
    cr_exchange_t  *x = make(d, "DELETE", "/v2/library/app/manifests/v1", 0);
    const cr_step_e want[] = { CR_STEP_INLINE, CR_STEP_DB, CR_STEP_CRYPT,
                               CR_STEP_INLINE, CR_STEP_DB, CR_STEP_SEND };

    /* route; open and find the user; verify; authorise; delete */
    for (size_t i = 0; i < CR_NELTS(want); i++) {
        assert_int_equal(x->step, want[i]);
        cr_exchange_run(x);

        if (want[i] != CR_STEP_SEND) {
            assert_int_equal(x->cx.may_block, want[i] != CR_STEP_INLINE);
        }
    }

    cr_exchange_free(x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_free_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_step, setup, teardown),
        cmocka_unit_test_setup_teardown(test_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inline, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
