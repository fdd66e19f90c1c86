/*
 * meta/refresh.c: refresh tokens.
 */

#include "meta_fixture.h"

#include <string.h>
#include "meta/refresh.h"

#define BOB CR_STR("user:2")


static cr_str_t
make(meta_fixture_t *fx, cr_str_t subject)
{
    cr_str_t token;

    OK(fx,
       cr_refresh_create(&fx->cx, fx->m, subject, 3, CR_STR("docker"), &token));
    return token;
}


static size_t
count(meta_fixture_t *fx, cr_str_t subject)
{
    cr_refresh_t *rows;
    size_t        n;

    OK(fx, cr_refresh_list(&fx->cx, fx->m, subject, &rows, &n));
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
test_create_and_find(void **state)
{
    meta_fixture_t *fx = *state;
    cr_str_t        token = make(fx, BOB), other = make(fx, BOB);
    cr_refresh_t    r;
    cr_sys_t        sys = *fx->cx.sys;

    assert_int_equal(token.len, CR_REFRESH_LEN);
    assert_false(cr_str_eq(token, other));
    fx->cx.may_block = false;
    OK(fx, cr_refresh_find(&fx->cx, fx->m, token, &r));
    assert_text(r.subject, "user:2");
    assert_int_equal(r.epoch, 3);
    assert_text(r.client_id, "docker");
    assert_int_equal(r.created_at, meta_now());
    assert_int_equal(r.used_at, 0);
    assert_int_equal(r.expires_at, meta_now() + CR_REFRESH_TTL);

    FAILS(fx, CR_ERR_UNAUTHORIZED,
          cr_refresh_find(&fx->cx, fx->m, CR_STR(""), &r));
    FAILS(fx, CR_ERR_UNAUTHORIZED,
          cr_refresh_find(&fx->cx, fx->m, cr_str_slice(token, 0, 42), &r));
    FAILS(fx, CR_ERR_UNAUTHORIZED,
          cr_refresh_find(&fx->cx, fx->m,
                          CR_STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                          &r));
    FAILS(fx, CR_ERR_AGAIN,
          cr_refresh_create(&fx->cx, fx->m, BOB, 1, CR_STR(""), &token));

    /* The token itself is nowhere. */
    fx->cx.may_block = true;
    assert_int_equal(meta_int(fx, "SELECT max(length(hash)) FROM "
                                  "refresh_token"),
                     32);
    sys.random = no_random;
    fx->cx.sys = &sys;
    FAILS(fx, CR_ERR_INTERNAL,
          cr_refresh_create(&fx->cx, fx->m, BOB, 1, CR_STR(""), &token));
    assert_int_equal(count(fx, BOB), 2);
}


/* What a client calls itself is foreign text. */
static void
test_client_id(void **state)
{
    static char     text[300];
    meta_fixture_t *fx = *state;
    cr_str_t        token;
    cr_refresh_t    r;

    memset(text, 'x', sizeof(text));
    OK(fx, cr_refresh_create(&fx->cx, fx->m, BOB, 1,
                             (cr_str_t){ sizeof(text), text }, &token));
    OK(fx, cr_refresh_find(&fx->cx, fx->m, token, &r));
    assert_int_equal(r.client_id.len, 255);
    OK(fx, cr_refresh_create(&fx->cx, fx->m, BOB, 1, CR_STR("a\xff"), &token));
    OK(fx, cr_refresh_find(&fx->cx, fx->m, token, &r));
    assert_int_equal(r.client_id.len, 0);
    OK(fx, cr_refresh_create(&fx->cx, fx->m, BOB, 1, CR_STR(""), &token));
    OK(fx, cr_refresh_find(&fx->cx, fx->m, token, &r));
    assert_int_equal(r.client_id.len, 0);
}


static void
test_used_and_end(void **state)
{
    meta_fixture_t *fx = *state;
    cr_str_t        token = make(fx, BOB);
    cr_refresh_t    r;
    int64_t         end = meta_now() + CR_REFRESH_TTL;
    size_t          n = 99;

    OK(fx, cr_refresh_find(&fx->cx, fx->m, token, &r));
    meta_clock_add(CR_HOUR);
    OK(fx, cr_refresh_used(&fx->cx, fx->m, r.id));
    OK(fx, cr_refresh_find(&fx->cx, fx->m, token, &r));
    assert_int_equal(r.used_at, meta_now());
    assert_int_equal(r.expires_at, end); /* use does not prolong it */

    meta_clock_add(end - meta_now() - 1);
    OK(fx, cr_refresh_find(&fx->cx, fx->m, token, &r));
    OK(fx, cr_refresh_purge(&fx->cx, fx->m, 10, &n));
    assert_int_equal(n, 0);
    meta_clock_add(1);
    FAILS(fx, CR_ERR_UNAUTHORIZED, cr_refresh_find(&fx->cx, fx->m, token, &r));
    assert_int_equal(count(fx, BOB), 0);

    (void) make(fx, BOB);
    OK(fx, cr_refresh_purge(&fx->cx, fx->m, 10, &n));
    assert_int_equal(n, 1);
    assert_int_equal(count(fx, BOB), 1);
}


static void
test_purge_is_bounded(void **state)
{
    meta_fixture_t *fx = *state;
    size_t          n;

    for (int i = 0; i < 3; i++) {
        (void) make(fx, BOB);
    }
    meta_clock_add(CR_REFRESH_TTL);
    OK(fx, cr_refresh_purge(&fx->cx, fx->m, 2, &n));
    assert_int_equal(n, 2);
    OK(fx, cr_refresh_purge(&fx->cx, fx->m, 2, &n));
    assert_int_equal(n, 1);
    OK(fx, cr_refresh_purge(&fx->cx, fx->m, 2, &n));
    assert_int_equal(n, 0);
}


/* The oldest give way; those of others stay. */
static void
test_many_of_one_subject(void **state)
{
    meta_fixture_t *fx = *state;
    cr_str_t        other = make(fx, CR_STR("user:22")), first, second;
    cr_refresh_t    r;

    first = make(fx, BOB);
    second = make(fx, BOB);
    for (int i = 0; i < CR_REFRESH_PER_MAX - 1; i++) {
        (void) make(fx, BOB);
    }
    assert_int_equal(count(fx, BOB), CR_REFRESH_PER_MAX);
    FAILS(fx, CR_ERR_UNAUTHORIZED, cr_refresh_find(&fx->cx, fx->m, first, &r));
    OK(fx, cr_refresh_find(&fx->cx, fx->m, second, &r));
    OK(fx, cr_refresh_find(&fx->cx, fx->m, other, &r));
}


static void
test_list_and_delete(void **state)
{
    meta_fixture_t *fx = *state;
    cr_str_t        token = make(fx, BOB);
    cr_refresh_t   *rows, r;
    size_t          n;

    (void) make(fx, BOB);
    (void) make(fx, BOB);
    (void) make(fx, CR_STR("user:22"));
    OK(fx, cr_refresh_list(&fx->cx, fx->m, BOB, &rows, &n));
    assert_int_equal(n, 3);
    assert_true(rows[0].id < rows[1].id && rows[1].id < rows[2].id);
    assert_text(rows[2].subject, "user:2");

    /* Only one's own. */
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_refresh_delete(&fx->cx, fx->m, CR_STR("user:22"), rows[0].id,
                            &WHO));
    OK(fx, cr_refresh_delete(&fx->cx, fx->m, BOB, rows[0].id, &WHO));
    FAILS(fx, CR_ERR_UNAUTHORIZED, cr_refresh_find(&fx->cx, fx->m, token, &r));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_refresh_delete(&fx->cx, fx->m, BOB, rows[0].id, &WHO));
    assert_int_equal(meta_audits(fx, "delete refresh_token user:2", "1"), 1);

    OK(fx, cr_refresh_delete(&fx->cx, fx->m, BOB, 0, &WHO));
    assert_int_equal(meta_audits(fx, "delete refresh_token user:2", "2"), 1);
    assert_int_equal(count(fx, BOB), 0);
    assert_int_equal(count(fx, CR_STR("user:22")), 1);
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_refresh_delete(&fx->cx, fx->m, BOB, 0, &WHO));
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create_and_find),     TEST(test_client_id),
        TEST(test_used_and_end),        TEST(test_purge_is_bounded),
        TEST(test_many_of_one_subject), TEST(test_list_and_delete),
    };

    return cmocka_run_group_tests_name("meta/refresh", tests, NULL, NULL);
}
