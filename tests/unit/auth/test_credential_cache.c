/*
 * auth/credential_cache.c: what it remembers, and for how long.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "auth/credential_cache.h"


#define SECOND ((int64_t) 1000000)
#define HASH   CR_STR("$y$j9T$salt$hash")

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


static cr_credential_cache_t *
cache_of(size_t entries)
{
    cr_credential_cache_t *cache = NULL;

    fake_now = 1000 * SECOND;
    assert_int_equal(cr_credential_cache_create(&cx, entries, 60 * SECOND,
                                                &cache),
                     CR_OK);
    assert_non_null(cache);

    return cache;
}


static void
test_remembers_exactly(void **state)
{
    cr_credential_cache_t *c = cache_of(16);

    (void) state;

    assert_false(
        cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH));
    cr_credential_cache_add(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH);
    assert_true(
        cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH));

    assert_false(
        cr_credential_cache_has(&cx, c, CR_STR("bob"), CR_STR("pw"), HASH));
    assert_false(
        cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pW"), HASH));
    /* The user was given another password. */
    assert_false(cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pw"),
                                         CR_STR("$y$j9T$salt$other")));
    /* The borders between the parts count. */
    assert_false(
        cr_credential_cache_has(&cx, c, CR_STR("annp"), CR_STR("w"), HASH));
    assert_false(
        cr_credential_cache_has(&cx, c, CR_STR("an"), CR_STR("npw"), HASH));
    assert_false(
        cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR_NULL, HASH));

    cr_credential_cache_free(c);
}


static void
test_another_cache_has_another_key(void **state)
{
    cr_credential_cache_t *a = cache_of(16);
    cr_credential_cache_t *b = cache_of(16);

    (void) state;

    cr_credential_cache_add(&cx, a, CR_STR("ann"), CR_STR("pw"), HASH);
    assert_false(
        cr_credential_cache_has(&cx, b, CR_STR("ann"), CR_STR("pw"), HASH));
    cr_credential_cache_free(a);
    cr_credential_cache_free(b);
}


static void
test_time(void **state)
{
    cr_credential_cache_t *c = cache_of(16);

    (void) state;

    cr_credential_cache_add(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH);
    fake_now += 60 * SECOND - 1;
    assert_true(
        cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH));
    /* Being used did not prolong it. */
    fake_now += 1;
    assert_false(
        cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH));

    /* A clock set back ends it, too, for good. */
    cr_credential_cache_add(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH);
    fake_now -= 3600 * SECOND;
    assert_false(
        cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH));
    fake_now += 3600 * SECOND;
    assert_false(
        cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH));

    /* Verified again, it lives again from then on. */
    cr_credential_cache_add(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH);
    fake_now += 30 * SECOND;
    cr_credential_cache_add(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH);
    fake_now += 40 * SECOND;
    assert_true(
        cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH));

    cr_credential_cache_free(c);
}


static void
test_bounded(void **state)
{
    char                   name[16];
    size_t                 held = 0;
    cr_credential_cache_t *c = cache_of(4);

    (void) state;

    for (int i = 0; i < 100; i++) {
        cr_str_t s = { (size_t) snprintf(name, sizeof(name), "u%d", i), name };

        fake_now += SECOND / 10;
        cr_credential_cache_add(&cx, c, s, CR_STR("pw"), HASH);
        /* The newest is always in. */
        assert_true(cr_credential_cache_has(&cx, c, s, CR_STR("pw"), HASH));
    }

    for (int i = 0; i < 100; i++) {
        cr_str_t s = { (size_t) snprintf(name, sizeof(name), "u%d", i), name };

        if (cr_credential_cache_has(&cx, c, s, CR_STR("pw"), HASH)) {
            held++;
            /* The oldest made room. */
            assert_true(i >= 96);
        }
    }

    assert_int_equal(held, 4);
    cr_credential_cache_free(c);
}


static void
test_never(void **state)
{
    static char            big[4096];
    cr_credential_cache_t *c = cache_of(0);

    (void) state;
    memset(big, 'x', sizeof(big));

    cr_credential_cache_add(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH);
    assert_false(
        cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pw"), HASH));
    cr_credential_cache_free(c);

    c = cache_of(1);
    /* No hash: there is nobody to be. */
    cr_credential_cache_add(&cx, c, CR_STR("ann"), CR_STR("pw"), CR_STR_NULL);
    assert_false(cr_credential_cache_has(&cx, c, CR_STR("ann"), CR_STR("pw"),
                                         CR_STR_NULL));

    for (size_t n = 1024; n <= sizeof(big); n += 1024) {
        cr_str_t s = { n, big };

        cr_credential_cache_add(&cx, c, s, s, HASH);
        assert_false(cr_credential_cache_has(&cx, c, s, s, HASH));
    }

    cr_credential_cache_add(&cx, c, (cr_str_t){ SIZE_MAX, big }, CR_STR("x"),
                            HASH);
    cr_credential_cache_free(c);
    cr_credential_cache_free(NULL);
}


static void
test_create_fails(void **state)
{
    cr_credential_cache_t *c = NULL;

    (void) state;

    random_fails = true;
    assert_int_equal(cr_credential_cache_create(&cx, 16, SECOND, &c),
                     CR_ERR_INTERNAL);
    random_fails = false;
    assert_int_equal(cr_credential_cache_create(&cx, SIZE_MAX, SECOND, &c),
                     CR_ERR_CONFIG);
    assert_int_equal(cr_credential_cache_create(&cx, 16, -1, &c),
                     CR_ERR_CONFIG);
    assert_null(c);
}


typedef struct hammer_s {
    cr_credential_cache_t *cache;
    unsigned               n;
    unsigned               wrong;
} hammer_t;


static void *
hammer(void *arg)
{
    char      name[16];
    cr_ctx_t  own;
    hammer_t *h = arg;

    if (cr_ctx_init(&own, 0) != CR_OK) {
        h->wrong++;
        return NULL;
    }

    for (unsigned i = 0; i < 5000; i++) {
        cr_str_t s = { (size_t) snprintf(name, sizeof(name), "u%u",
                                         (i * 7 + h->n) % 50),
                       name };

        cr_credential_cache_add(&own, h->cache, s, CR_STR("pw"), HASH);

        if (cr_credential_cache_has(&own, h->cache, s, CR_STR("no"), HASH)) {
            h->wrong++;
        }
    }

    cr_ctx_done(&own);

    return NULL;
}


static void
test_threads(void **state)
{
    hammer_t  h[4];
    pthread_t thread[4];

    (void) state;

    cr_credential_cache_t *c = cache_of(16);

    for (unsigned i = 0; i < 4; i++) {
        h[i] = (hammer_t){ c, i, 0 };
        assert_int_equal(pthread_create(&thread[i], NULL, hammer, &h[i]), 0);
    }

    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(h[i].wrong, 0);
    }

    cr_credential_cache_free(c);
}


typedef struct flight_s {
    cr_credential_cache_t *cache;
    cr_str_t               password;
    cr_str_t               hash;
    bool                   hashed;
    cr_err_t               err;
} flight_t;


static void *
fly(void *arg)
{
    cr_ctx_t  mine;
    flight_t *f = arg;

    if (cr_ctx_init(&mine, 1 << 20) != CR_OK) {
        return NULL;
    }

    mine.sys = &sys;
    f->err = cr_credential_verify(&mine, f->cache, CR_STR("alice"),
                                  f->password, f->hash, &f->hashed);
    cr_ctx_done(&mine);

    return NULL;
}


/* However many ask at once, each credential is checked once; and what is
 * wrong is wrong for all of them, and never remembered. */
static void
test_single_flight(void **state)
{
    cr_str_t               hash;
    pthread_t              t[8];
    flight_t               f[8];
    unsigned               right = 0;
    cr_credential_cache_t *c = cache_of(16);

    (void) state;

    assert_int_equal(cr_password_hash(&cx, CR_STR("correct horse"), &hash),
                     CR_OK);

    for (size_t i = 0; i < CR_NELTS(t); i++) {
        f[i] = (flight_t){ .cache = c, .hash = hash };
        f[i].password = i % 2 == 0 ? CR_STR("correct horse")
                                   : CR_STR("battery staple");
        assert_int_equal(pthread_create(&t[i], NULL, fly, &f[i]), 0);
    }

    for (size_t i = 0; i < CR_NELTS(t); i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(f[i].err, i % 2 == 0 ? CR_OK : CR_ERR_UNAUTHORIZED);
        right += i % 2 == 0 && f[i].hashed;
    }

    assert_int_equal(right, 1);
    assert_true(cr_credential_cache_has(&cx, c, CR_STR("alice"),
                                        CR_STR("correct horse"), hash));
    assert_false(cr_credential_cache_has(&cx, c, CR_STR("alice"),
                                         CR_STR("battery staple"), hash));
    cr_credential_cache_free(c);
}


/* A name without a hash, and a cache that holds nothing. */
static void
test_verify_uncached(void **state)
{
    bool                   hashed = false;
    cr_credential_cache_t *c = cache_of(0);

    (void) state;

    assert_int_equal(cr_credential_verify(&cx, c, CR_STR("nobody"),
                                          CR_STR("secret"), CR_STR(""),
                                          &hashed),
                     CR_ERR_UNAUTHORIZED);
    assert_true(hashed);
    cr_clear(&cx);
    cr_credential_cache_free(c);
}


int
main(void)
{
    int rc;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembers_exactly),
        cmocka_unit_test(test_another_cache_has_another_key),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_create_fails),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_single_flight),
        cmocka_unit_test(test_verify_uncached),
    };

    if (cr_ctx_init(&cx, 1 << 20) != CR_OK) {
        return 1;
    }

    sys = cr_sys_default;
    sys.now_us = now_us;
    sys.random = fill;
    cx.sys = &sys;

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    cr_ctx_done(&cx);

    return rc;
}
