/*
 * auth/identity.c: subjects, there and back.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/identity.h"


static cr_ctx_t cx;


static void
test_both_ways(void **state)
{
    static const struct {
        cr_identity_t id;
        const char   *subject;
    } rows[] = {
        { { .kind = CR_IDENTITY_ANONYMOUS }, "" },
        { { .kind = CR_IDENTITY_USER, .id = 1 }, "user:1" },
        { { .kind = CR_IDENTITY_USER, .id = INT64_MAX },
          "user:9223372036854775807" },
        { { .kind = CR_IDENTITY_ROBOT, .id = 30 }, "robot:30" },
    };

    cr_str_t      s;
    cr_identity_t id;

    (void) state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        s = cr_identity_subject(&cx, &rows[i].id);
        assert_true(cr_str_eq_z(s, rows[i].subject));

        id = (cr_identity_t){ .admin = true, .epoch = 9, .id = 77 };
        assert_int_equal(cr_identity_parse(&cx, s, &id), CR_OK);
        assert_int_equal(id.kind, rows[i].id.kind);
        assert_true(id.id == rows[i].id.id);
        /* A subject says who, and nothing of rights. */
        assert_false(id.admin);
        assert_int_equal(id.epoch, 0);
        assert_int_equal(id.name.len, 0);
    }

    assert_int_equal(cr_identity_parse(&cx, CR_STR_NULL, &id), CR_OK);
    assert_int_equal(id.kind, CR_IDENTITY_ANONYMOUS);
}


static void
test_refuses(void **state)
{
    static const cr_str_t bad[] = {
        { 5, "user:" },
        { 4, "user" },
        { 6, "user:0" },
        { 7, "user:01" },
        { 7, "user:-1" },
        { 7, "user:+1" },
        { 7, "user: 1" },
        { 7, "user:1 " },
        { 7, "user:1\0" },
        { 6, "User:1" },
        { 7, " user:1" },
        { 8, "user:0x1" },
        { 24, "user:9223372036854775808" },
        { 1, "1" },
        { 7, "admin:1" },
        { 8, "robot:1a" },
        { 1, "\0" },
    };

    cr_identity_t id = { .id = 77 };

    (void) state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_clear(&cx);
        assert_int_equal(cr_identity_parse(&cx, bad[i], &id),
                         CR_ERR_UNAUTHORIZED);
        assert_int_equal(cx.err, CR_ERR_UNAUTHORIZED);
        assert_int_equal(cx.message.len, 0);
        assert_int_equal(id.id, 77);
    }
}


int
main(void)
{
    int rc;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_refuses),
    };

    if (cr_ctx_init(&cx, 1 << 20) != CR_OK) {
        return 1;
    }

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    cr_ctx_done(&cx);

    return rc;
}
