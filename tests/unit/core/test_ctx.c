/*
 * core/ctx.c: failures, their texts, the log.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "core/ctx.h"


static char logged[2048];


static void
log_debug(void *arg, const char *z_text)
{
    assert_string_equal(arg, "arg");
    (void) snprintf(logged, sizeof(logged), "%s", z_text);
}


static int
setup(void **state)
{
    static cr_ctx_t cx;

    *state = &cx;

    return cr_ctx_init(&cx, 1 << 20) == CR_OK ? 0 : -1;
}


static int
teardown(void **state)
{
    cr_ctx_done(*state);

    return 0;
}


static void
test_init(void **state)
{
    cr_ctx_t  zero = { 0 };
    cr_ctx_t *cx = *state;

    assert_ptr_equal(cx->sys, &cr_sys_default);
    assert_true(cx->may_block);
    assert_int_equal(cx->err, CR_OK);
    assert_null(cx->log_debug);
    assert_true(cr_now(cx) > 1600000000000000);

    cr_ctx_done(&zero);
    cr_ctx_done(&zero);
}


static void
test_fail_is_for_the_client(void **state)
{
    cr_ctx_t *cx = *state;

    assert_int_equal(cr_fail(cx, CR_ERR_TAG_INVALID, "tag \"%s\"", "x\ny"),
                     CR_ERR_TAG_INVALID);
    assert_int_equal(cx->err, CR_ERR_TAG_INVALID);
    assert_true(cr_str_eq_z(cx->message, "tag \"x?y\""));
    assert_int_equal(cx->detail.len, 0);

    assert_int_equal(cr_fail(cx, CR_ERR_DENIED, NULL), CR_ERR_DENIED);
    assert_int_equal(cx->message.len, 0);

    cr_clear(cx);
    assert_int_equal(cx->err, CR_OK);
}


static void
test_detail_is_for_the_log(void **state)
{
    cr_ctx_t *cx = *state;

    (void) cr_fail(cx, CR_ERR_TAG_INVALID, "old");
    assert_int_equal(cr_fail_detail(cx, CR_ERR_DB, "row %d", 7), CR_ERR_DB);
    assert_true(cr_str_eq_z(cx->detail, "row 7"));
    assert_int_equal(cx->message.len, 0);

    /* A failure may be reported in words of the one before. */
    (void) cr_fail_detail(cx, CR_ERR_INTERNAL, "was: %.*s",
                          CR_STR_ARG(cx->detail));
    assert_true(cr_str_eq_z(cx->detail, "was: row 7"));

    (void) cr_fail(cx, CR_ERR_DENIED, "new");
    assert_int_equal(cx->detail.len, 0);
}


static void
test_errno(void **state)
{
    cr_ctx_t *cx = *state;

    assert_int_equal(cr_fail_errno(cx, ENOSPC, "pwrite(%d)", 3),
                     CR_ERR_NO_SPACE);
    assert_true(cr_str_eq_z(cx->detail, "pwrite(3): No space left on device"));
    assert_int_equal(cr_fail_errno(cx, EDQUOT, "x"), CR_ERR_NO_SPACE);
    assert_int_equal(cr_fail_errno(cx, ENOMEM, "x"), CR_ERR_NO_MEMORY);
    assert_int_equal(cr_fail_errno(cx, EIO, "x"), CR_ERR_IO);
    assert_int_equal(cr_fail_errno(cx, 0, "x"), CR_ERR_IO);
}


static void
test_long_text_is_cut(void **state)
{
    static char big[5000];
    cr_ctx_t   *cx = *state;

    memset(big, 'x', sizeof(big) - 1);
    (void) cr_fail(cx, CR_ERR_TAG_INVALID, "%s", big);
    assert_int_equal(cx->message.len, 1023);
    (void) cr_fail_errno(cx, EIO, "%s", big);
    assert_int_equal(cx->detail.len, 1023);
}


static void
test_without_memory(void **state)
{
    cr_ctx_t cx;

    (void) state;
    assert_int_equal(cr_ctx_init(&cx, 64), CR_OK);

    assert_null(cr_alloc(&cx, 100));
    assert_int_equal(cx.err, CR_ERR_NO_MEMORY);
    cr_clear(&cx);

    assert_null(cr_dup(&cx, (cr_str_t){ 100, "" }).data);
    assert_int_equal(cx.err, CR_ERR_NO_MEMORY);
    cr_clear(&cx);

    assert_null(cr_printf(&cx, "%100d", 1).data);
    assert_int_equal(cx.err, CR_ERR_NO_MEMORY);

    /* The code survives although the text has no room. */
    assert_int_equal(cr_fail(&cx, CR_ERR_DENIED, "%100d", 1), CR_ERR_DENIED);
    assert_int_equal(cx.err, CR_ERR_DENIED);
    assert_int_equal(cx.message.len, 0);

    cr_ctx_done(&cx);

    /* Nor does it need an arena at all. */
    assert_int_equal(cr_fail(&cx, CR_ERR_DENIED, "x"), CR_ERR_DENIED);
}


static void
test_alloc(void **state)
{
    cr_ctx_t *cx = *state;
    int64_t  *n;

    cr_clear(cx);
    n = CR_NEW(cx, int64_t);
    assert_non_null(n);
    assert_int_equal(*n, 0);
    assert_true(cr_str_eq_z(cr_dup(cx, CR_STR("abc")), "abc"));
    assert_true(cr_str_eq_z(cr_printf(cx, "%d", 5), "5"));
    assert_int_equal(cx->err, CR_OK);

    (void) cr_fail(cx, CR_ERR_DENIED, "x");
    cr_ctx_reset(cx);
    assert_int_equal(cx->err, CR_OK);
    assert_null(cx->message.data);
}


static void
test_debug(void **state)
{
    cr_ctx_t *cx = *state;

    cr_debug(cx, "nobody hears %d", 1);

    cx->log_debug = log_debug;
    cx->log_arg = "arg";
    cr_debug(cx, "name %s", "a\r\nb\x7f");
    assert_string_equal(logged, "name a??b?");
}


static cr_err_t
tries(cr_err_t err, int *after)
{
    CR_TRY(err);
    *after = 1;

    return CR_OK;
}


static void
test_try(void **state)
{
    int after = 0;

    (void) state;

    assert_int_equal(tries(CR_ERR_IO, &after), CR_ERR_IO);
    assert_int_equal(after, 0);
    assert_int_equal(tries(CR_OK, &after), CR_OK);
    assert_int_equal(after, 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_fail_is_for_the_client),
        cmocka_unit_test(test_detail_is_for_the_log),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_debug),
        cmocka_unit_test(test_try),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
