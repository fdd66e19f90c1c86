/*
 * auth/token_cache.c: what it remembers, for how long, and that what it gives
 * back is the asker's own.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "auth/token_cache.h"

#define SECOND  ((int64_t) 1000000)
#define START_S 1000000

static cr_ctx_t cx;
static cr_sys_t sys;
static int64_t  fake_now;


static int64_t
now_us(void)
{
    return fake_now;
}


static cr_token_cache_t *
cache_of(size_t entries)
{
    cr_token_cache_t *cache = NULL;

    fake_now = START_S * SECOND;
    assert_int_equal(cr_token_cache_create(&cx, entries, &cache), CR_OK);
    assert_non_null(cache);

    return cache;
}


static const cr_scope_t scopes[] = {
    { { 10, "repository" }, { 11, "library/app" }, CR_ACTION_PULL },
    { { 8, "registry" }, { 7, "catalog" }, CR_ACTION_ALL },
};


static cr_token_t
token(int64_t expires_at)
{
    return (cr_token_t){
        .issuer = CR_STR("installation"),
        .audience = CR_STR("service"),
        .subject = CR_STR("user:7"),
        .epoch = 3,
        .issued_at = START_S,
        .expires_at = expires_at,
        .id = CR_STR("id"),
        .access = scopes,
        .naccess = CR_NELTS(scopes),
    };
}


static void
test_gives_back_the_same(void **state)
{
    cr_token_t        t = token(START_S + 100), got;
    cr_token_cache_t *c = cache_of(16);

    (void) state;
    assert_false(cr_token_cache_get(&cx, c, CR_STR("a.b.c"), &got));
    cr_token_cache_add(&cx, c, CR_STR("a.b.c"), &t);
    assert_false(cr_token_cache_get(&cx, c, CR_STR("a.b.d"), &got));
    assert_false(cr_token_cache_get(&cx, c, CR_STR("a.b."), &got));
    assert_false(cr_token_cache_get(&cx, c, CR_STR_NULL, &got));
    assert_true(cr_token_cache_get(&cx, c, CR_STR("a.b.c"), &got));

    /* It may go now: the copy is the asker's. */
    cr_token_cache_free(c);

    assert_true(cr_str_eq_z(got.issuer, "installation"));
    assert_true(cr_str_eq_z(got.audience, "service"));
    assert_true(cr_str_eq_z(got.subject, "user:7"));
    assert_true(cr_str_eq_z(got.id, "id"));
    assert_int_equal(got.epoch, 3);
    assert_int_equal(got.issued_at, START_S);
    assert_int_equal(got.expires_at, START_S + 100);
    assert_int_equal(got.naccess, 2);
    assert_ptr_not_equal(got.access, scopes);
    assert_int_equal(cr_token_actions(&got, CR_STR("repository"),
                                      CR_STR("library/app")),
                     CR_ACTION_PULL);
    assert_int_equal(cr_token_actions(&got, CR_STR("registry"),
                                      CR_STR("catalog")),
                     CR_ACTION_ALL);
    cr_ctx_reset(&cx);
}


static void
test_no_scopes(void **state)
{
    cr_token_t        t = token(START_S + 100), got;
    cr_token_cache_t *c = cache_of(4);

    (void) state;
    t.access = NULL;
    t.naccess = 0;
    t.id = CR_STR_NULL;
    cr_token_cache_add(&cx, c, CR_STR("text"), &t);
    assert_true(cr_token_cache_get(&cx, c, CR_STR("text"), &got));
    assert_int_equal(got.naccess, 0);
    assert_int_equal(got.id.len, 0);
    cr_token_cache_free(c);
    cr_ctx_reset(&cx);
}


/* As cr_token_verify sees it: some seconds of leeway, and no more. */
static void
test_expires(void **state)
{
    cr_token_t        t = token(START_S + 100), got;
    cr_token_cache_t *c = cache_of(4);

    (void) state;
    cr_token_cache_add(&cx, c, CR_STR("text"), &t);
    fake_now = (START_S + 100 + CR_TOKEN_LEEWAY_S) * SECOND - 1;
    assert_true(cr_token_cache_get(&cx, c, CR_STR("text"), &got));
    fake_now += 1;
    assert_false(cr_token_cache_get(&cx, c, CR_STR("text"), &got));

    /* And it is gone, whatever the clock says next. */
    fake_now = START_S * SECOND;
    assert_false(cr_token_cache_get(&cx, c, CR_STR("text"), &got));
    cr_token_cache_free(c);
    cr_ctx_reset(&cx);
}


static void
test_clock_set_back(void **state)
{
    cr_token_t        t = token(START_S + 100), got;
    cr_token_cache_t *c = cache_of(4);

    (void) state;
    cr_token_cache_add(&cx, c, CR_STR("text"), &t);
    fake_now -= 1;
    assert_false(cr_token_cache_get(&cx, c, CR_STR("text"), &got));
    cr_token_cache_free(c);
    cr_ctx_reset(&cx);
}


/* One set: the fifth takes the place of the one that ends first. */
static void
test_bounded(void **state)
{
    char              text[32];
    cr_token_t        t, got;
    cr_token_cache_t *c = cache_of(4);

    (void) state;
    for (int i = 0; i < 5; i++) {
        t = token(START_S + 100 + (i == 2 ? 0 : 10 + i));
        (void) snprintf(text, sizeof(text), "token %d", i);
        cr_token_cache_add(&cx, c, cr_str_z(text), &t);
    }

    for (int i = 0; i < 5; i++) {
        (void) snprintf(text, sizeof(text), "token %d", i);
        assert_int_equal(cr_token_cache_get(&cx, c, cr_str_z(text), &got),
                         i != 2);
    }

    cr_token_cache_free(c);
    cr_ctx_reset(&cx);
}


static void
test_too_large_is_not_kept(void **state)
{
    static char name[5000];
    cr_scope_t  large = { CR_STR("repository"), { sizeof(name), name }, 1 };
    cr_token_t  t = token(START_S + 100), got;
    cr_token_cache_t *c = cache_of(4);

    (void) state;
    memset(name, 'a', sizeof(name));
    t.access = &large;
    t.naccess = 1;
    cr_token_cache_add(&cx, c, CR_STR("text"), &t);
    assert_false(cr_token_cache_get(&cx, c, CR_STR("text"), &got));
    cr_token_cache_free(c);
    cr_ctx_reset(&cx);
}


static void
test_sizes(void **state)
{
    cr_token_t        t = token(START_S + 100), got;
    cr_token_cache_t *c = cache_of(0);

    (void) state;
    cr_token_cache_add(&cx, c, CR_STR("text"), &t);
    assert_false(cr_token_cache_get(&cx, c, CR_STR("text"), &got));
    cr_token_cache_free(c);
    cr_token_cache_free(NULL);
    assert_int_equal(cr_token_cache_create(&cx, SIZE_MAX, &c), CR_ERR_CONFIG);
    cr_ctx_reset(&cx);
}


/* A hit needs memory: without any it is a miss, not a failure. */
static void
test_no_memory(void **state)
{
    cr_ctx_t          small;
    cr_token_t        t = token(START_S + 100), got;
    cr_token_cache_t *c = cache_of(4);

    (void) state;
    cr_token_cache_add(&cx, c, CR_STR("text"), &t);
    assert_int_equal(cr_ctx_init(&small, 64), CR_OK);
    small.sys = &sys;
    assert_false(cr_token_cache_get(&small, c, CR_STR("text"), &got));
    assert_true(cr_token_cache_get(&cx, c, CR_STR("text"), &got));
    cr_ctx_done(&small);
    cr_token_cache_free(c);
    cr_ctx_reset(&cx);
}


/* --- threads ------------------------------------------------------------ */

#define ROUNDS 5000

static void *
many(void *arg)
{
    char              text[32];
    cr_ctx_t          own;
    uintptr_t         bad = 0;
    cr_token_t        t, got;
    cr_token_cache_t *c = arg;

    if (cr_ctx_init(&own, 0) != CR_OK) {
        return (void *) 1;
    }
    own.sys = &sys;

    for (int i = 0; i < ROUNDS; i++) {
        (void) snprintf(text, sizeof(text), "token %d", i % 7);
        if (!cr_token_cache_get(&own, c, cr_str_z(text), &got)) {
            t = token(START_S + 100 + i % 7);
            cr_token_cache_add(&own, c, cr_str_z(text), &t);
        } else if (got.expires_at != START_S + 100 + i % 7
                   || !cr_str_eq_z(got.access[1].name, "catalog"))
        {
            bad++;
        }
        cr_ctx_reset(&own);
    }

    cr_ctx_done(&own);

    return (void *) bad;
}


static void
test_threads(void **state)
{
    void             *bad;
    pthread_t         threads[4];
    cr_token_cache_t *c = cache_of(4);

    (void) state;
    for (size_t i = 0; i < CR_NELTS(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, many, c), 0);
    }
    for (size_t i = 0; i < CR_NELTS(threads); i++) {
        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
    cr_token_cache_free(c);
}


int
main(void)
{
    int failed;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_back_the_same),
        cmocka_unit_test(test_no_scopes),
        cmocka_unit_test(test_expires),
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_too_large_is_not_kept),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads),
    };

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        return 1;
    }

    sys = cr_sys_default;
    sys.now_us = now_us;
    cx.sys = &sys;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    cr_ctx_done(&cx);

    return failed;
}
