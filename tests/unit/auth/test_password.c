/*
 * auth/password.c: made and foreign hashes, wrong passwords, limits.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "auth/password.h"


static cr_ctx_t cx;
static bool     random_fails;


static int
fill(void *data, size_t size)
{
    return random_fails ? -1 : cr_sys_default.random(data, size);
}


static void
wrong(cr_str_t password, cr_str_t hash)
{
    cr_clear(&cx);
    assert_int_equal(cr_password_verify(&cx, password, hash),
                     CR_ERR_UNAUTHORIZED);
    assert_int_equal(cx.err, CR_ERR_UNAUTHORIZED);
    assert_int_equal(cx.message.len, 0);
}


static void
test_made_here(void **state)
{
    cr_str_t a, b, cut;

    (void) state;

    assert_int_equal(cr_password_hash(&cx, CR_STR("Pa55 w\xc3\xb6rd"), &a),
                     CR_OK);
    assert_true(cr_str_starts(a, CR_STR("$y$j9T$")));
    assert_int_equal(cr_password_hash(&cx, CR_STR("Pa55 w\xc3\xb6rd"), &b),
                     CR_OK);
    assert_false(cr_str_eq(a, b)); /* salted */

    assert_int_equal(cr_password_verify(&cx, CR_STR("Pa55 w\xc3\xb6rd"), a),
                     CR_OK);
    assert_int_equal(cr_password_verify(&cx, CR_STR("Pa55 w\xc3\xb6rd"), b),
                     CR_OK);
    wrong(CR_STR("pa55 w\xc3\xb6rd"), a);
    wrong(CR_STR("Pa55 w\xc3\xb6rd "), a);
    wrong(CR_STR("Pa55 w\xc3\xb6r"), a);
    wrong(CR_STR(""), a);
    wrong(CR_STR_NULL, a);
    wrong(CR_STR("Pa55 w\xc3\xb6rd\0"), a);
    wrong(CR_STR("Pa55 w\xc3\xb6rd\0x"), a);

    /* What is left of a hash that lost its end fits no password. */
    cut = cr_str_slice(a, 0, a.len - 1);
    wrong(CR_STR("Pa55 w\xc3\xb6rd"), cut);
    cut = cr_str_slice(a, 0, 7 + 22);
    wrong(CR_STR("Pa55 w\xc3\xb6rd"), cut);
}


static void
test_bcrypt(void **state)
{
    static const cr_str_t hashes[] = {
        { 60, "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
        { 60, "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
        { 60, "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
    };

    (void) state;

    for (size_t i = 0; i < CR_NELTS(hashes); i++) {
        assert_int_equal(cr_password_verify(&cx, CR_STR("U*U"), hashes[i]),
                         CR_OK);
        wrong(CR_STR("U*u"), hashes[i]);
    }
}


static void
test_nobody(void **state)
{
    (void) state;

    wrong(CR_STR("Pa55word"), CR_STR_NULL);
    wrong(CR_STR(""), CR_STR_NULL);
    wrong(CR_STR("Pa55word"), CR_STR(""));
}


static void
test_other_schemes(void **state)
{
    (void) state;

    /* A plain text, DES, MD5, SHA-512: none of them is accepted, not even
     * with the right password. */
    wrong(CR_STR("Pa55word"), CR_STR("Pa55word"));
    wrong(CR_STR("foob"), CR_STR("arlEKn0OzVJn."));
    wrong(CR_STR("password"), CR_STR("$1$abcd0123$9Tv7SoVfxNZ3RG/IbRwcY."));
    wrong(CR_STR("Pa55word"), CR_STR("*"));
    wrong(CR_STR("Pa55word"), CR_STR("$6$saltstring$"));
}


static void
test_damaged_hash(void **state)
{
    (void) state;

    cr_clear(&cx);
    assert_int_equal(cr_password_verify(&cx, CR_STR("Pa55word"),
                                        CR_STR("$y$j9T")),
                     CR_ERR_CORRUPT);
    assert_int_equal(cr_password_verify(&cx, CR_STR("Pa55word"),
                                        CR_STR("$2b$99$x")),
                     CR_ERR_CORRUPT);
    assert_int_equal(cx.message.len, 0);
}


static void
test_rule(void **state)
{
    static const char *const bad[] = {
        "",         "Short1x",      "alllower1",    "ALLUPPER1",
        "NoDigits", "Contr0l\x01x", "Contr0l\x7fx",
    };
    char text[CR_PASSWORD_RULE_MAX + 1];

    (void) state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        assert_int_equal(cr_password_check(&cx, cr_str_z(bad[i])),
                         CR_ERR_BAD_REQUEST);
    }

    memset(text, 'x', sizeof(text));
    memcpy(text, "A1", 2);
    assert_int_equal(cr_password_check(&cx, (cr_str_t){ sizeof(text), text }),
                     CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_password_check(&cx,
                                       (cr_str_t){ sizeof(text) - 1, text }),
                     CR_OK);
    assert_int_equal(cr_password_check(&cx, CR_STR("Passw0rd")), CR_OK);
}


static void
test_limits(void **state)
{
    char     text[CR_PASSWORD_MAX + 1];
    cr_str_t hash = CR_STR("untouched");

    (void) state;
    memset(text, 'x', sizeof(text));

    assert_int_equal(cr_password_hash(&cx, CR_STR("1234567"), &hash),
                     CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_password_hash(&cx, CR_STR_NULL, &hash),
                     CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_password_hash(&cx, CR_STR("Pa55\nword"), &hash),
                     CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_password_hash(&cx, CR_STR("Pa55word\x7f"), &hash),
                     CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_password_hash(&cx, CR_STR("Pa55\0word"), &hash),
                     CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_password_hash(&cx,
                                      (cr_str_t){ CR_PASSWORD_MAX + 1, text },
                                      &hash),
                     CR_ERR_BAD_REQUEST);
    assert_true(cr_str_eq_z(hash, "untouched"));

    assert_int_equal(cr_password_hash(&cx, (cr_str_t){ CR_PASSWORD_MAX, text },
                                      &hash),
                     CR_OK);
    assert_int_equal(cr_password_verify(&cx,
                                        (cr_str_t){ CR_PASSWORD_MAX, text },
                                        hash),
                     CR_OK);
    wrong((cr_str_t){ CR_PASSWORD_MAX - 1, text }, hash);
    wrong((cr_str_t){ CR_PASSWORD_MAX + 1, text }, hash);

    assert_int_equal(cr_password_hash(&cx, CR_STR("12345678"), &hash), CR_OK);
}


static void
test_no_random_no_memory(void **state)
{
    cr_sys_t sys = cr_sys_default;
    cr_ctx_t small;
    cr_str_t hash = CR_STR("untouched");

    (void) state;

    sys.random = fill;
    random_fails = true;
    cx.sys = &sys;
    assert_int_equal(cr_password_hash(&cx, CR_STR("Pa55word"), &hash),
                     CR_ERR_INTERNAL);
    cx.sys = &cr_sys_default;

    assert_int_equal(cr_ctx_init(&small, 16), CR_OK);
    assert_int_equal(cr_password_hash(&small, CR_STR("Pa55word"), &hash),
                     CR_ERR_NO_MEMORY);
    assert_int_equal(cr_password_verify(&small, CR_STR("x"),
                                        CR_STR("$y$j9T$abcdefghijkl")),
                     CR_ERR_NO_MEMORY);
    assert_int_equal(cr_password_verify(&small, CR_STR("x"), CR_STR_NULL),
                     CR_ERR_NO_MEMORY);
    cr_ctx_done(&small);
    assert_true(cr_str_eq_z(hash, "untouched"));
}


/* What Python's hashlib makes, in the form of Harbor's columns. */
static void
test_harbor(void **state)
{
    cr_str_t sha256 = CR_STR("$harbor$sha256$saltsaltsalt$"
                             "f749bc5b8b81476ecc49d57d1e79008e");
    cr_str_t sha1 = CR_STR("$harbor$sha1$saltsaltsalt$"
                           "6dda58ce8dd42accda518f581bc20574");
    static const char *const bad[] = {
        "$harbor$",
        "$harbor$sha256",
        "$harbor$sha256$saltsaltsalt",
        "$harbor$md5$saltsaltsalt$f749bc5b8b81476ecc49d57d1e79008e",
        "$harbor$sha256$saltsaltsalt$f749bc5b8b81476ecc49d57d1e7900",
        "$harbor$sha256$a$b$f749bc5b8b81476ecc49d57d1e79008e",
    };

    (void) state;

    assert_int_equal(cr_password_verify(&cx, CR_STR("Harbor12345"), sha256),
                     CR_OK);
    assert_int_equal(cr_password_verify(&cx, CR_STR("Harbor12345"), sha1),
                     CR_OK);
    wrong(CR_STR("Harbor12346"), sha256);
    wrong(CR_STR(""), sha1);
    wrong(CR_STR_NULL, sha1);

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_clear(&cx);
        assert_int_equal(cr_password_verify(&cx, CR_STR("x"), cr_str_z(bad[i])),
                         CR_ERR_CORRUPT);
    }

    cr_clear(&cx);
}


static void
test_outdated(void **state)
{
    (void) state;

    assert_false(cr_password_outdated(CR_STR("$y$j9T$salt$hash")));
    assert_false(cr_password_outdated(CR_STR("")));
    assert_true(cr_password_outdated(CR_STR("$2b$04$salt")));
    assert_true(cr_password_outdated(CR_STR("$harbor$sha1$a$b")));
}


int
main(void)
{
    int rc;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_here),
        cmocka_unit_test(test_bcrypt),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_other_schemes),
        cmocka_unit_test(test_damaged_hash),
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_random_no_memory),
        cmocka_unit_test(test_harbor),
        cmocka_unit_test(test_outdated),
    };

    if (cr_ctx_init(&cx, 1 << 20) != CR_OK) {
        return 1;
    }

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    cr_ctx_done(&cx);

    return rc;
}
