/*
 * auth/session.c: what is accepted, for how long, and what is not.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "auth/session.h"

#define SECOND ((int64_t) 1000000)
#define KEY_A  CR_STR("0123456789abcdef0123456789abcdef")
#define KEY_B  CR_STR("fedcba9876543210fedcba9876543210")

static cr_ctx_t cx;
static cr_sys_t sys;
static int64_t  fake_now;
static bool     random_fails;


static int64_t
now_us(void)
{
    return fake_now;
}


static int
fill(void *data, size_t size)
{
    return random_fails ? -1 : cr_sys_default.random(data, size);
}


static cr_keyring_t *
ring_of(cr_str_t first, cr_str_t second)
{
    cr_keyring_t *ring;

    assert_int_equal(cr_keyring_create(&cx, &ring), CR_OK);
    assert_int_equal(cr_keyring_add(&cx, ring, CR_STR("one"), CR_STR("HS256"),
                                    first, true),
                     CR_OK);

    if (second.len != 0) {
        assert_int_equal(cr_keyring_add(&cx, ring, CR_STR("two"),
                                        CR_STR("HS256"), second, false),
                         CR_OK);
    }

    return ring;
}


static cr_str_t
sealed(const cr_keyring_t *ring, cr_session_t *s)
{
    cr_str_t text;

    assert_int_equal(cr_session_make(&cx, 7, 3, s), CR_OK);
    assert_int_equal(cr_session_seal(&cx, ring, s, &text), CR_OK);

    return text;
}


static void
opened(const cr_keyring_t *ring, cr_str_t text, int64_t idle_s,
       cr_session_t *ret_s)
{
    assert_int_equal(cr_session_open(&cx, ring, text, idle_s, ret_s), CR_OK);
}


static void
refused(const cr_keyring_t *ring, cr_str_t text)
{
    cr_session_t s = { .user_id = -1 };

    cr_clear(&cx);
    assert_int_equal(cr_session_open(&cx, ring, text, CR_SESSION_IDLE_S, &s),
                     CR_ERR_UNAUTHORIZED);
    assert_int_equal(s.user_id, -1);
}


static void
test_round_trip(void **state)
{
    cr_keyring_t *ring = ring_of(KEY_A, CR_STR_NULL);
    cr_session_t  s, got;
    cr_str_t      text = sealed(ring, &s);

    (void) state;

    opened(ring, text, CR_SESSION_IDLE_S, &got);
    assert_int_equal(got.user_id, 7);
    assert_int_equal(got.epoch, 3);
    assert_int_equal(got.issued_at, fake_now / SECOND);
    assert_memory_equal(got.random, s.random, sizeof(s.random));
    cr_keyring_free(ring);
}


/* Every single byte counts. */
static void
test_every_byte(void **state)
{
    char          copy[CR_SESSION_TEXT_MAX];
    cr_keyring_t *ring = ring_of(KEY_A, CR_STR_NULL);
    cr_session_t  s;
    cr_str_t      text = sealed(ring, &s);

    (void) state;

    for (size_t i = 0; i < text.len; i++) {
        memcpy(copy, text.data, text.len);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        refused(ring, (cr_str_t){ text.len, copy });
        refused(ring, cr_str_slice(text, 0, i));
    }

    memset(copy, 'x', sizeof(copy));
    refused(ring, (cr_str_t){ sizeof(copy), copy });
    refused(ring, CR_STR(""));
    refused(ring, CR_STR("."));
    refused(ring, CR_STR(".."));
    cr_keyring_free(ring);
}


static void
test_time(void **state)
{
    int64_t       start = fake_now;
    cr_keyring_t *ring = ring_of(KEY_A, CR_STR_NULL);
    cr_session_t  s, got;
    cr_str_t      text = sealed(ring, &s);

    (void) state;

    fake_now = start + CR_SESSION_IDLE_S * SECOND;
    opened(ring, text, CR_SESSION_IDLE_S, &got);
    fake_now += SECOND;
    refused(ring, text);
    opened(ring, text, CR_SESSION_IDLE_S + 1, &got);
    fake_now = start + 60 * SECOND;
    opened(ring, text, 60, &got);
    fake_now += SECOND;
    assert_int_equal(cr_session_open(&cx, ring, text, 60, &got),
                     CR_ERR_UNAUTHORIZED);
    cr_clear(&cx);
    fake_now = start - 3600 * SECOND;
    refused(ring, text);

    /* renewed again and again, it ends a day after the login */
    fake_now = start + CR_SESSION_MAX_S * SECOND;
    s.seen_at = fake_now / SECOND;
    assert_int_equal(cr_session_seal(&cx, ring, &s, &text), CR_OK);
    opened(ring, text, CR_SESSION_IDLE_S, &got);
    fake_now += SECOND;
    refused(ring, text);
    fake_now = start;
    cr_keyring_free(ring);
}


static void
test_keys(void **state)
{
    cr_keyring_t *a = ring_of(KEY_A, CR_STR_NULL);
    cr_keyring_t *b = ring_of(KEY_B, CR_STR_NULL);
    cr_keyring_t *both = ring_of(KEY_B, KEY_A), *none;
    cr_session_t  s, got;
    cr_str_t      text = sealed(a, &s);

    (void) state;

    refused(b, text);
    opened(both, text, CR_SESSION_IDLE_S, &got);

    assert_int_equal(cr_keyring_create(&cx, &none), CR_OK);
    refused(none, text);
    assert_int_equal(cr_session_seal(&cx, none, &s, &text), CR_ERR_INTERNAL);
    assert_int_equal(cr_session_csrf(&cx, none, &s, &text), CR_ERR_INTERNAL);
    cr_keyring_free(none);
    cr_keyring_free(a);
    cr_keyring_free(b);
    cr_keyring_free(both);
}


static void
test_csrf(void **state)
{
    cr_keyring_t *ring = ring_of(KEY_A, CR_STR_NULL);
    cr_session_t  one, two;
    cr_str_t      a, again, b, text;

    (void) state;

    text = sealed(ring, &one);
    (void) sealed(ring, &two);
    assert_int_equal(cr_session_csrf(&cx, ring, &one, &a), CR_OK);
    assert_int_equal(cr_session_csrf(&cx, ring, &one, &again), CR_OK);
    assert_int_equal(cr_session_csrf(&cx, ring, &two, &b), CR_OK);
    assert_true(cr_str_eq(a, again));
    assert_false(cr_str_eq(a, b));
    assert_false(cr_str_ends(text, a));
    cr_keyring_free(ring);
}


static void
test_no_random(void **state)
{
    cr_session_t s;

    (void) state;

    random_fails = true;
    assert_int_equal(cr_session_make(&cx, 1, 1, &s), CR_ERR_INTERNAL);
    random_fails = false;
    cr_clear(&cx);
}


int
main(void)
{
    int rc;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_time),       cmocka_unit_test(test_keys),
        cmocka_unit_test(test_csrf),       cmocka_unit_test(test_no_random),
    };

    if (cr_ctx_init(&cx, 1 << 20) != CR_OK) {
        return 1;
    }

    fake_now = 1700000000 * SECOND;
    sys = cr_sys_default;
    sys.now_us = now_us;
    sys.random = fill;
    cx.sys = &sys;

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    cr_ctx_done(&cx);

    return rc;
}
