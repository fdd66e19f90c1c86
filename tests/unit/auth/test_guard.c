/*
 * auth/guard.c: what failed logins cost, and whom.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "auth/guard.h"

#define SECOND  ((int64_t) 1000000)
#define PAIRS   64
#define ADDRESS CR_STR("192.0.2.1")

static cr_ctx_t   cx;
static cr_sys_t   sys;
static int64_t    fake_now;
static uint64_t   memory[PAIRS * 2];
static cr_guard_t guard;


static int64_t
now_us(void)
{
    return fake_now;
}


static int
setup(void **state)
{
    (void) state;

    assert_int_equal(cr_guard_size(PAIRS), sizeof(memory));
    memset(memory, 0, sizeof(memory));
    cr_guard_init(&guard, memory, sizeof(memory));
    fake_now = 1700000000 * SECOND;

    return 0;
}


/* Seconds that the pair must wait; 0: none. */
static int64_t
wait_of(const char *account, cr_str_t address)
{
    int64_t  s = -1;
    cr_err_t err;

    cr_clear(&cx);
    err = cr_guard_check(&cx, &guard, cr_str_z(account), address, &s);

    if (err == CR_OK) {
        assert_int_equal(s, -1);
        return 0;
    }

    assert_int_equal(err, CR_ERR_TOOMANYREQUESTS);
    assert_true(s > 0);

    return s;
}


static void
failures(const char *account, int n)
{
    for (int i = 0; i < n; i++) {
        cr_guard_failed(&cx, &guard, cr_str_z(account), ADDRESS);
    }
}


static void
test_waits_double(void **state)
{
    static const int64_t waits[] = { 0,  0,  0,   0,   1,   2,   4,  8,
                                     16, 32, 64, 128, 256, 512, 900, 900 };

    (void) state;

    for (size_t i = 0; i < CR_NELTS(waits); i++) {
        failures("alice", 1);
        assert_int_equal(wait_of("alice", ADDRESS), waits[i]);
    }

    /* the wait runs down, and is over */
    fake_now += 899 * SECOND;
    assert_int_equal(wait_of("alice", ADDRESS), 1);
    fake_now += SECOND;
    assert_int_equal(wait_of("alice", ADDRESS), 0);
    failures("alice", 1);
    assert_int_equal(wait_of("alice", ADDRESS), 900);
}


static void
test_pairs(void **state)
{
    (void) state;

    failures("alice", 5);
    assert_int_equal(wait_of("alice", ADDRESS), 1);
    assert_int_equal(wait_of("alice", CR_STR("192.0.2.2")), 0);
    assert_int_equal(wait_of("bob", ADDRESS), 0);
    /* "ab" + "c" is not "a" + "bc" */
    assert_int_equal(wait_of("alice192.0.2.1", CR_STR("")), 0);

    cr_guard_succeeded(&guard, CR_STR("bob"), ADDRESS);
    assert_int_equal(wait_of("alice", ADDRESS), 1);
    cr_guard_succeeded(&guard, CR_STR("alice"), ADDRESS);
    assert_int_equal(wait_of("alice", ADDRESS), 0);
    failures("alice", 4);
    assert_int_equal(wait_of("alice", ADDRESS), 0);
}


/* Who has one address of IPv6 has the whole network of it. */
static void
test_networks(void **state)
{
    char address[64];

    (void) state;

    for (int i = 1; i <= 5; i++) {
        (void) snprintf(address, sizeof(address), "2001:db8:1:2::%d", i);
        cr_guard_failed(&cx, &guard, CR_STR("alice"), cr_str_z(address));
    }

    assert_int_equal(wait_of("alice", CR_STR("2001:db8:1:2::6")), 1);
    assert_int_equal(wait_of("alice", CR_STR("2001:db8:1:2:ffff::1")), 1);
    assert_int_equal(wait_of("alice", CR_STR("2001:db8:1:3::1")), 0);
    cr_guard_succeeded(&guard, CR_STR("alice"), CR_STR("2001:db8:1:2::7"));
    assert_int_equal(wait_of("alice", CR_STR("2001:db8:1:2::6")), 0);

    /* an address of IPv4 in other clothes is still one host */
    for (int i = 0; i < 5; i++) {
        cr_guard_failed(&cx, &guard, CR_STR("bob"),
                        CR_STR("::ffff:192.0.2.1"));
        cr_guard_failed(&cx, &guard, CR_STR("bob"), CR_STR("unix:"));
    }

    assert_int_equal(wait_of("bob", CR_STR("::ffff:192.0.2.1")), 1);
    assert_int_equal(wait_of("bob", CR_STR("::ffff:192.0.2.2")), 0);
    assert_int_equal(wait_of("bob", CR_STR("unix:")), 1);
}


static void
test_forgotten(void **state)
{
    (void) state;

    failures("alice", 4);
    fake_now += (CR_GUARD_WAIT_MAX_S + 1) * SECOND;
    failures("alice", 4);
    assert_int_equal(wait_of("alice", ADDRESS), 0);

    /* a clock that was set back locks nobody out */
    failures("alice", 10);
    fake_now -= 3600 * SECOND;
    assert_int_equal(wait_of("alice", ADDRESS), 0);
}


/* A flood of names does not push out the pair that is being attacked. */
static void
test_flood(void **state)
{
    char name[32];

    (void) state;

    failures("alice", 12);

    for (int i = 0; i < 10000; i++) {
        (void) snprintf(name, sizeof(name), "user%d", i);
        failures(name, 1);
    }

    assert_true(wait_of("alice", ADDRESS) > 60);
}


static void
test_no_memory(void **state)
{
    cr_guard_t none = { NULL, 0 };
    int64_t    s;

    (void) state;

    cr_guard_failed(&cx, &none, CR_STR("a"), ADDRESS);
    cr_guard_succeeded(&none, CR_STR("a"), ADDRESS);
    assert_int_equal(cr_guard_check(&cx, &none, CR_STR("a"), ADDRESS, &s),
                     CR_OK);
}


static void *
thread(void *arg)
{
    (void) arg;
    failures("alice", 1000);

    return NULL;
}


static void
test_threads(void **state)
{
    pthread_t t[4];

    (void) state;

    for (size_t i = 0; i < CR_NELTS(t); i++) {
        assert_int_equal(pthread_create(&t[i], NULL, thread, NULL), 0);
    }

    for (size_t i = 0; i < CR_NELTS(t); i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }

    assert_int_equal(wait_of("alice", ADDRESS), CR_GUARD_WAIT_MAX_S);
}


int
main(void)
{
    int rc;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_waits_double, setup),
        cmocka_unit_test_setup(test_pairs, setup),
        cmocka_unit_test_setup(test_networks, setup),
        cmocka_unit_test_setup(test_forgotten, setup),
        cmocka_unit_test_setup(test_flood, setup),
        cmocka_unit_test_setup(test_no_memory, setup),
        cmocka_unit_test_setup(test_threads, setup),
    };

    if (cr_ctx_init(&cx, 1 << 20) != CR_OK) {
        return 1;
    }

    sys = cr_sys_default;
    sys.now_us = now_us;
    cx.sys = &sys;

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    cr_ctx_done(&cx);

    return rc;
}
