/*
 * core/arena.c: alignment, limits, reset, cleanups.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/arena.h"


typedef struct order_s {
    char   text[8];
    size_t n;
} order_t;

static order_t order;


static void
note_a(void *arg)
{
    ((order_t *) arg)->text[((order_t *) arg)->n++] = 'a';
}


static void
note_b(void *arg)
{
    ((order_t *) arg)->text[((order_t *) arg)->n++] = 'b';
}


static void
test_many_sizes(void **state)
{
    char       *p[500];
    size_t      i, j;
    cr_arena_t *a = cr_arena_create(0);

    (void) state;
    assert_non_null(a);

    /* Each allocation keeps its bytes while others of all sizes come. */

    for (i = 0; i < 500; i++) {
        p[i] = cr_arena_alloc(a, i * 7 + 1);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t) p[i] % _Alignof(max_align_t), 0);
        memset(p[i], (int) (i & 0xff), i * 7 + 1);
    }

    for (i = 0; i < 500; i++) {
        for (j = 0; j < i * 7 + 1; j++) {
            assert_int_equal((unsigned char) p[i][j], i & 0xff);
        }
    }

    p[0] = cr_arena_alloc(a, 3 << 20);
    assert_non_null(p[0]);
    memset(p[0], 1, 3 << 20);

    assert_non_null(cr_arena_alloc(a, 0));
    assert_ptr_not_equal(cr_arena_alloc(a, 0), cr_arena_alloc(a, 0));
    cr_arena_free(a);
}


static void
test_zeroed_after_reset(void **state)
{
    char       *p;
    cr_arena_t *a = cr_arena_create(0);

    (void) state;

    p = cr_arena_alloc(a, 1000);
    memset(p, 'x', 1000);
    cr_arena_reset(a);
    p = cr_arena_zalloc(a, 1000);

    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(p[i], 0);
    }

    cr_arena_free(a);
}


static void
test_limit(void **state)
{
    size_t      n = 0;
    cr_arena_t *a = cr_arena_create(100000);

    (void) state;

    while (cr_arena_alloc(a, 1000) != NULL) {
        n++;
        assert_true(n <= 100);
    }

    assert_in_range(n, 95, 100);
    assert_null(cr_arena_alloc(a, 5000));

    cr_arena_reset(a);
    assert_non_null(cr_arena_alloc(a, 90000));
    assert_null(cr_arena_alloc(a, 20000));

    cr_arena_reset(a);
    assert_null(cr_arena_alloc(a, 100001));
    assert_null(cr_arena_alloc(a, SIZE_MAX));
    assert_null(cr_arena_alloc(a, SIZE_MAX - 8));
    assert_null(cr_arena_zalloc(a, SIZE_MAX / 2));
    assert_non_null(cr_arena_alloc(a, 10));
    cr_arena_free(a);
}


static void
test_out_of_memory_texts(void **state)
{
    static char big[5000];
    cr_arena_t *a = cr_arena_create(4096);

    (void) state;
    memset(big, 'x', sizeof(big) - 1);

    assert_null(cr_arena_dup(a, (cr_str_t){ sizeof(big), big }).data);
    assert_null(cr_arena_dup_z(a, (cr_str_t){ sizeof(big), big }));
    assert_null(cr_arena_dup_z(a, (cr_str_t){ SIZE_MAX, big }));
    assert_null(cr_arena_printf(a, "%s", big).data);
    while (cr_arena_alloc(a, 16) != NULL) {
        continue;
    }
    assert_false(cr_arena_cleanup(a, note_a, &order));
    cr_arena_free(a);
}


static void
test_texts(void **state)
{
    static char big[5000];
    cr_str_t    s;
    cr_arena_t *a = cr_arena_create(0);

    (void) state;

    s = cr_arena_dup(a, (cr_str_t){ 3, "a\0b" });
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.data, "a\0b", 4);

    s = cr_arena_dup(a, CR_STR_NULL);
    assert_int_equal(s.len, 0);
    assert_string_equal(s.data, "");

    assert_string_equal(cr_arena_dup_z(a, (cr_str_t){ 2, "abc" }), "ab");

    s = cr_arena_printf(a, "%d-%s", 42, "x");
    assert_int_equal(s.len, 4);
    assert_string_equal(s.data, "42-x");

    memset(big, 'y', sizeof(big) - 1);
    s = cr_arena_printf(a, "%s!%d", big, 7);
    assert_int_equal(s.len, sizeof(big) + 1);
    assert_int_equal(strlen(s.data), s.len);
    assert_memory_equal(s.data, big, sizeof(big) - 1);
    assert_string_equal(s.data + sizeof(big) - 1, "!7");

    cr_arena_free(a);
}


static void
test_cleanups_in_reverse_once(void **state)
{
    cr_arena_t *a = cr_arena_create(0);

    (void) state;
    memset(&order, 0, sizeof(order));

    assert_true(cr_arena_cleanup(a, note_a, &order));
    assert_true(cr_arena_cleanup(a, note_b, &order));
    assert_true(cr_arena_cleanup(a, note_b, &order));
    assert_string_equal(order.text, "");

    cr_arena_reset(a);
    assert_string_equal(order.text, "bba");

    cr_arena_reset(a);
    assert_string_equal(order.text, "bba");

    assert_true(cr_arena_cleanup(a, note_a, &order));
    cr_arena_free(a);
    assert_string_equal(order.text, "bbaa");
}


static void
test_free_null(void **state)
{
    (void) state;
    cr_arena_free(NULL);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_sizes),
        cmocka_unit_test(test_zeroed_after_reset),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_out_of_memory_texts),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_cleanups_in_reverse_once),
        cmocka_unit_test(test_free_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
