/*
 * meta/key.c: token keys.
 */

#include "meta_fixture.h"

#include <string.h>
#include "meta/inner.h"
#include "meta/key.h"


static size_t
list(meta_fixture_t *fx, cr_key_row_t **ret_rows)
{
    size_t n;

    OK(fx, cr_key_list(&fx->cx, fx->m, ret_rows, &n));
    return n;
}


static int
no_random(void *data, size_t size)
{
    (void) data;
    (void) size;
    return -1;
}


static void
test_first_key(void **state)
{
    meta_fixture_t *fx = *state;
    cr_key_row_t   *rows;

    assert_int_equal(list(fx, &rows), 1);
    assert_text(rows[0].alg, "HS256");
    assert_int_equal(rows[0].secret.len, 32);
    assert_int_equal(rows[0].kid.len, CR_UUID_LEN);
    assert_int_equal(rows[0].created_at, meta_now());
    assert_false(rows[0].retired);
}


static void
test_put(void **state)
{
    meta_fixture_t *fx = *state;
    cr_key_row_t   *rows;

    meta_clock_add(CR_SECOND);
    OK(fx, cr_key_put(&fx->cx, fx->m, CR_STR("k1"), CR_STR("RS256"),
                      CR_STR("pem")));
    assert_int_equal(list(fx, &rows), 2);
    assert_text(rows[0].kid, "k1");
    assert_text(rows[0].alg, "RS256");
    assert_text(rows[0].secret, "pem");

    /* Once: another secret under the same id changes nothing, and needs no
     * writer. */
    fx->cx.may_block = false;
    OK(fx, cr_key_put(&fx->cx, fx->m, CR_STR("k1"), CR_STR("HS256"),
                      CR_STR("other")));
    assert_int_equal(list(fx, &rows), 2);
    assert_text(rows[0].secret, "pem");
    FAILS(fx, CR_ERR_AGAIN,
          cr_key_put(&fx->cx, fx->m, CR_STR("k2"), CR_STR("HS256"),
                     CR_STR("other")));
}


static void
test_rotate(void **state)
{
    meta_fixture_t *fx = *state;
    cr_key_row_t   *rows;
    cr_str_t        was;
    cr_sys_t        sys = *fx->cx.sys;

    OK(fx, cr_key_put(&fx->cx, fx->m, CR_STR("pem"), CR_STR("RS256"),
                      CR_STR("pem")));
    (void) list(fx, &rows);
    was = cr_str_eq_z(rows[0].kid, "pem") ? rows[1].secret : rows[0].secret;

    meta_clock_add(CR_SECOND);
    OK(fx, cr_key_rotate(&fx->cx, fx->m, &WHO));
    assert_int_equal(list(fx, &rows), 3);
    /* The new one signs, the old one verifies, those of files stay. */
    assert_false(rows[0].retired);
    assert_text(rows[0].alg, "HS256");
    assert_false(cr_str_eq(rows[0].secret, was));
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(rows[i].retired, !cr_str_eq_z(rows[i].kid, "pem"));
    }
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE operation "
                                  "= 'create' AND resource_type = 'token_key' "
                                  "AND actor = 'user:1'"),
                     1);

    /* Without randomness nothing is retired. */
    sys.random = no_random;
    fx->cx.sys = &sys;
    FAILS(fx, CR_ERR_INTERNAL, cr_key_rotate(&fx->cx, fx->m, &WHO));
    assert_int_equal(list(fx, &rows), 3);
    assert_false(rows[0].retired);
}


static void
test_delete(void **state)
{
    meta_fixture_t *fx = *state;
    cr_key_row_t   *rows;
    cr_str_t        first, second;

    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_key_delete(&fx->cx, fx->m, CR_STR("none"), &WHO));
    (void) list(fx, &rows);
    first = rows[0].kid;
    FAILS(fx, CR_ERR_PRECONDITION, cr_key_delete(&fx->cx, fx->m, first, &WHO));
    assert_int_equal(list(fx, &rows), 1);

    meta_clock_add(CR_SECOND);
    OK(fx, cr_key_rotate(&fx->cx, fx->m, &WHO));
    (void) list(fx, &rows);
    second = rows[0].kid;
    /* The retired one does not count as one that signs. */
    FAILS(fx, CR_ERR_PRECONDITION, cr_key_delete(&fx->cx, fx->m, second, &WHO));
    OK(fx, cr_key_delete(&fx->cx, fx->m, first, &WHO));
    assert_int_equal(list(fx, &rows), 1);
    assert_true(cr_str_eq(rows[0].kid, second));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE "
                                  "operation = 'delete'"),
                     1);
    FAILS(fx, CR_ERR_NOT_FOUND, cr_key_delete(&fx->cx, fx->m, first, &WHO));
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_first_key),
        TEST(test_put),
        TEST(test_rotate),
        TEST(test_delete),
    };

    return cmocka_run_group_tests_name("meta/key", tests, NULL, NULL);
}
