/*
 * References: tags and digests.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "oci/reference.h"

#define HEX64 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static int
setup(void **state)
{
    static cr_ctx_t cx;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    *state = &cx;

    return 0;
}


static int
teardown(void **state)
{
    cr_ctx_done(*state);

    return 0;
}


static void
tags(void **state)
{
    cr_ctx_t *cx = *state;
    size_t    i;

    static const char *const good[] = {
        "latest",  "v1.2.3", "_", "A", "0", "a-b.c_d", "sha256-" HEX64 ".sig",
        "1.0_-.-",
    };

    for (i = 0; i < CR_NELTS(good); i++) {
        cr_reference_t r;

        assert_int_equal(cr_reference_parse(cx, cr_str_z(good[i]), &r), CR_OK);
        assert_false(r.is_digest);
        assert_ptr_equal(r.tag.data, good[i]);
        assert_true(cr_str_eq_z(cr_reference_str(&r), good[i]));
    }
}


static void
bad_tags(void **state)
{
    cr_ctx_t *cx = *state;
    size_t    i;
    char      z[CR_TAG_MAX + 1];

    /* clang-format off */
    static const cr_str_t bad[] = {
#define N(z) { sizeof(z) - 1, z }
        { 0, NULL }, N(""), N("."), N("-"), N(".."), N("-a"), N(".a"),
        N("a/b"), N("a b"), N("a+b"), N("a@b"), N("a%41"), N("a\n"),
        N("a\0"), N("\xc3\xa9"), N("a?b"), N("a\\b"), N("a,b"), N("a\x7f"),
#undef N
    };
    /* clang-format on */

    for (i = 0; i < CR_NELTS(bad); i++) {
        cr_reference_t r;

        assert_int_equal(cr_reference_parse(cx, bad[i], &r),
                         CR_ERR_TAG_INVALID);
        assert_int_equal(cr_tag_check(cx, bad[i]), CR_ERR_TAG_INVALID);
        assert_true(cx->message.len > 0);
    }

    memset(z, 'a', sizeof(z));
    assert_int_equal(cr_tag_check(cx, (cr_str_t){ CR_TAG_MAX, z }), CR_OK);
    assert_int_equal(cr_tag_check(cx, (cr_str_t){ CR_TAG_MAX + 1, z }),
                     CR_ERR_TAG_INVALID);
}


static void
digests(void **state)
{
    cr_ctx_t      *cx = *state;
    cr_reference_t r;

    assert_int_equal(cr_reference_parse(cx, CR_STR("sha256:" HEX64), &r),
                     CR_OK);
    assert_true(r.is_digest);
    assert_true(cr_str_eq_z(cr_reference_str(&r), "sha256:" HEX64));

    /* With a colon it is no tag, however bad a digest it is. */
    assert_int_equal(cr_reference_parse(cx, CR_STR("sha256:baddigeststring"),
                                        &r),
                     CR_ERR_DIGEST_INVALID);
    assert_int_equal(cr_reference_parse(cx, CR_STR(":"), &r),
                     CR_ERR_DIGEST_INVALID);
    assert_int_equal(cr_tag_check(cx, CR_STR("sha256:" HEX64)),
                     CR_ERR_TAG_INVALID);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags),
        cmocka_unit_test(bad_tags),
        cmocka_unit_test(digests),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
