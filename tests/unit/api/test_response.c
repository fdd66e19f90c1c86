/*
 * api/response.c: headers, bodies, errors.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"
#include "api/machine.h"

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
make(cr_drive_t *d, const char *method, const char *target)
{
    cr_request_t   q = { 0 };
    cr_exchange_t *x;

    q.method = cr_str_z(method);
    q.target = cr_str_z(target);
    assert_int_equal(cr_exchange_create(d->api, &q, &x), CR_OK);

    return x;
}

static void
test_header(void **state)
{
    cr_drive_t    *d = *state;
    cr_exchange_t *x = make(d, "GET", "/v2/");

    assert_int_equal(cr_response_header(x, "A", CR_STR("b")), CR_OK);
    assert_int_equal(cr_response_printf(x, "B", "%d", 7), CR_OK);
    assert_int_equal(cr_response_header(x, "C", CR_STR("x\r\nY: z")),
                     CR_ERR_INTERNAL);
    assert_int_equal(cr_response_printf(x, "C", "%s", "x\ny"), CR_ERR_INTERNAL);
    assert_int_equal(cr_response_header(x, "C", CR_STR("\x7f")),
                     CR_ERR_INTERNAL);
    assert_int_equal(x->response.nheaders, 2);

    for (size_t i = 2; i < CR_RESPONSE_HEADERS_MAX; i++) {
        assert_int_equal(cr_response_header(x, "D", CR_STR("")), CR_OK);
    }

    assert_int_equal(cr_response_header(x, "D", CR_STR("")), CR_ERR_INTERNAL);
    cr_exchange_free(x);
}

static void
test_error_body(void **state)
{
    cr_str_t    body;
    cr_drive_t *d = *state;

    assert_int_equal(cr_api_error_body(&d->cx, false, CR_ERR_TAG_INVALID,
                                       CR_STR("a \"b\"\n"), &body),
                     CR_OK);
    assert_true(cr_str_eq_z(body, "{\"errors\":[{\"code\":\"TAG_INVALID\","
                                  "\"message\":\"a \\\"b\\\"\\n\","
                                  "\"detail\":null}]}\n"));
    assert_int_equal(cr_api_error_body(&d->cx, false, CR_ERR_TAG_INVALID,
                                       CR_STR_NULL, &body),
                     CR_OK);
    assert_true(cr_str_eq_z(body, "{\"errors\":[{\"code\":\"TAG_INVALID\","
                                  "\"message\":\"invalid tag\","
                                  "\"detail\":null}]}\n"));
    assert_int_equal(cr_api_error_body(&d->cx, true, CR_ERR_TAG_INVALID,
                                       CR_STR("a"), &body),
                     CR_OK);
    assert_true(cr_str_eq_z(body, "{\"errors\":[{\"code\":\"BAD_REQUEST\","
                                  "\"message\":\"a\"}]}\n"));
}

/* What is ours to know stays with us, and goes to the log. */
static void
test_internal(void **state)
{
    cr_drive_t    *d = *state;
    const cr_err_t errors[] = { CR_ERR_IO, CR_ERR_DB, CR_ERR_INTERNAL,
                                CR_ERR_CORRUPT, CR_ERR_NO_MEMORY };

    for (size_t i = 0; i < CR_NELTS(errors); i++) {
        cr_exchange_t *x = make(d, "GET", "/v2/");

        cr_fail(&x->cx, errors[i], "/secret/path");
        cr_respond_error(x, errors[i]);
        assert_int_equal(x->response.status, 500);
        assert_string_equal(x->info.error, "UNKNOWN");
        assert_true(x->info.log_error);
        assert_true(cr_str_eq_z(x->info.detail, "/secret/path"));
        assert_null(
            strstr(cr_text(d, "%.*s", CR_STR_ARG(x->response.body)), "secret"));
        cr_exchange_free(x);
    }
}

static void
test_retry_after(void **state)
{
    cr_reply_t     r = { 0 };
    cr_drive_t    *d = *state;
    const cr_err_t errors[] = { CR_ERR_TOOMANYREQUESTS, CR_ERR_BUSY,
                                CR_ERR_UNAVAILABLE, CR_ERR_BLOB_UPLOAD_BUSY };

    for (size_t i = 0; i < CR_NELTS(errors); i++) {
        r.x = make(d, "GET", "/v2/");
        cr_exchange_fail(r.x, errors[i]);
        assert_int_equal(r.x->step, CR_STEP_SEND);
        assert_int_equal(r.x->response.status, cr_err_info(errors[i])->status);
        assert_non_null(cr_reply_header(d, &r, "Retry-After"));
        assert_string_equal(cr_reply_header(d, &r,
                                            "Docker-Distribution-Api-Version"),
                            "registry/2.0");
        cr_reply_done(&r);
    }
}

/* HEAD: the length, not the body, of errors too. */
static void
test_head(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  get, head;

    get = cr_get(d, "/v2/library/app/manifests/x");
    head = cr_head(d, "/v2/library/app/manifests/x");
    cr_expect(&get, 404, "NAME_UNKNOWN");
    cr_expect(&head, 404, "NAME_UNKNOWN");
    assert_int_equal(head.x->response.body.len, 0);
    assert_int_equal(head.x->response.content_length, get.body.len);
    cr_reply_done(&get);
    cr_reply_done(&head);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),   cmocka_unit_test(test_error_body),
        cmocka_unit_test(test_internal), cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_head),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
