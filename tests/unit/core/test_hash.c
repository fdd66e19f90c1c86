/*
 * core/hash.c: known answers, and states saved at every offset.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "core/encode.h"
#include "core/hash.h"


static const cr_hash_alg_e algs[] = { CR_HASH_SHA256, CR_HASH_SHA512 };


static void
check(cr_hash_t *h, const char *z_hex)
{
    char    hex[CR_HASH_MAX_SIZE * 2 + 1] = { 0 };
    uint8_t out[CR_HASH_MAX_SIZE];
    size_t  size = cr_hash_size(h->alg);

    cr_hash_final(h, out);
    cr_hex_encode(out, size, hex);
    assert_string_equal(hex, z_hex);
}


static void
test_known_answers(void **state)
{
    cr_hash_t h;

    (void) state;

    assert_int_equal(cr_hash_size(CR_HASH_SHA256), 32);
    assert_int_equal(cr_hash_size(CR_HASH_SHA512), 64);

    cr_hash_init(&h, CR_HASH_SHA256);
    assert_int_equal(cr_hash_count(&h), 0);
    check(&h, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b78"
              "52b855");

    cr_hash_init(&h, CR_HASH_SHA256);
    cr_hash_update(&h, "a", 1);
    cr_hash_update(&h, NULL, 0);
    cr_hash_update(&h, "bc", 2);
    assert_int_equal(cr_hash_count(&h), 3);
    check(&h, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2"
              "0015ad");

    cr_hash_init(&h, CR_HASH_SHA512);
    cr_hash_update(&h, "abc", 3);
    assert_int_equal(cr_hash_count(&h), 3);
    check(&h, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b"
              "55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9a"
              "c94fa54ca49f");
}


static void
test_resume_at_every_offset(void **state)
{
    char      data[300];
    uint8_t   want[CR_HASH_MAX_SIZE], got[CR_HASH_MAX_SIZE];
    uint8_t  *exact;
    uint8_t   saved[CR_HASH_STATE_MAX];
    size_t    len;
    cr_hash_t h, again;

    (void) state;

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (char) (i * 31);
    }

    for (size_t a = 0; a < CR_NELTS(algs); a++) {
        cr_hash_init(&h, algs[a]);
        cr_hash_update(&h, data, sizeof(data));
        cr_hash_final(&h, want);

        for (size_t i = 0; i <= sizeof(data); i++) {
            cr_hash_init(&h, algs[a]);
            cr_hash_update(&h, data, i);
            len = cr_hash_save(&h, saved);
            assert_true(len <= CR_HASH_STATE_MAX);

            /* From a buffer of just this size: reads beyond it show. */
            exact = malloc(len);
            assert_non_null(exact);
            memcpy(exact, saved, len);
            memset(&again, 0xaa, sizeof(again));
            assert_true(cr_hash_load(&again, exact, len));
            free(exact);

            assert_int_equal(cr_hash_count(&again), i);
            cr_hash_update(&again, data + i, sizeof(data) - i);
            cr_hash_final(&again, got);
            assert_memory_equal(got, want, cr_hash_size(algs[a]));

            /* Saving did not disturb the one saved. */
            cr_hash_update(&h, data + i, sizeof(data) - i);
            cr_hash_final(&h, got);
            assert_memory_equal(got, want, cr_hash_size(algs[a]));
        }
    }
}


static void
test_saved_form_is_fixed(void **state)
{
    char      hex[CR_HASH_STATE_MAX * 2 + 1] = { 0 };
    uint8_t   saved[CR_HASH_STATE_MAX];
    size_t    len;
    cr_hash_t h;

    (void) state;

    /* Rows in databases hold this: it may not change within a version. */

    cr_hash_init(&h, CR_HASH_SHA256);
    cr_hash_update(&h, "abc", 3);
    len = cr_hash_save(&h, saved);
    cr_hex_encode(saved, len, hex);
    assert_string_equal(hex, "0101"
                             "6a09e667bb67ae853c6ef372a54ff53a"
                             "510e527f9b05688c1f83d9ab5be0cd19"
                             "0000000000000003"
                             "616263");
}


static void
test_count_beyond_32_bits(void **state)
{
    static const uint64_t counts[] = { (1ULL << 29) - 64, 1ULL << 29,
                                       1ULL << 32, (1ULL << 40) + 64,
                                       (1ULL << 61) - 64 };

    uint8_t   saved[CR_HASH_STATE_MAX], twice[CR_HASH_STATE_MAX];
    size_t    len, at;
    cr_hash_t h;

    (void) state;

    for (size_t a = 0; a < CR_NELTS(algs); a++) {
        for (size_t c = 0; c < CR_NELTS(counts); c++) {
            uint64_t count = counts[c] & ~(uint64_t) 127;

            cr_hash_init(&h, algs[a]);
            len = cr_hash_save(&h, saved);
            at = len - 8;

            for (size_t i = 0; i < 8; i++) {
                saved[at + i] = (uint8_t) (count >> (56 - 8 * i));
            }

            assert_true(cr_hash_load(&h, saved, len));
            assert_true(cr_hash_count(&h) == count);
            assert_int_equal(cr_hash_save(&h, twice), len);
            assert_memory_equal(saved, twice, len);
            cr_hash_update(&h, "x", 1);
            assert_true(cr_hash_count(&h) == count + 1);
        }
    }
}


static void
test_load_refuses(void **state)
{
    uint8_t   saved[CR_HASH_STATE_MAX + 1] = { 0 };
    uint8_t   bad[CR_HASH_STATE_MAX + 1];
    size_t    len;
    cr_hash_t h;

    (void) state;

    for (size_t a = 0; a < CR_NELTS(algs); a++) {
        cr_hash_init(&h, algs[a]);
        cr_hash_update(&h, "hello", 5);
        len = cr_hash_save(&h, saved);

        for (size_t n = 0; n < len; n++) {
            assert_false(cr_hash_load(&h, saved, n));
        }

        assert_false(cr_hash_load(&h, saved, len + 1));

        memcpy(bad, saved, len);
        bad[0] = 2; /* version */
        assert_false(cr_hash_load(&h, bad, len));

        memcpy(bad, saved, len);
        bad[1] = 3; /* algorithm */
        assert_false(cr_hash_load(&h, bad, len));

        memcpy(bad, saved, len);
        bad[1] = algs[1 - a] & 0xff; /* the other one */
        assert_false(cr_hash_load(&h, bad, len));

        memcpy(bad, saved, len);
        bad[len - 5 - 8] = 0xff; /* more bytes than can be counted */
        assert_false(cr_hash_load(&h, bad, len));

        memcpy(bad, saved, len);
        bad[len - 5 - 1] = 6; /* count and tail do not fit */
        assert_false(cr_hash_load(&h, bad, len));
    }

    assert_false(cr_hash_load(&h, NULL, 0));
}


static void
test_hmac(void **state)
{
    /* RFC 4231, test cases 1, 2 and 6. */
    char    hex[65] = { 0 };
    char    key[131];
    uint8_t out[32];

    (void) state;

    memset(key, 0x0b, 20);
    cr_hmac_sha256((cr_str_t){ 20, key }, CR_STR("Hi There"), out);
    cr_hex_encode(out, 32, hex);
    assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c983"
                             "3da726e9376c2e32cff7");

    cr_hmac_sha256(CR_STR("Jefe"), CR_STR("what do ya want for nothing?"), out);
    cr_hex_encode(out, 32, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d27"
                             "39839dec58b964ec3843");

    memset(key, 0xaa, sizeof(key));
    cr_hmac_sha256((cr_str_t){ sizeof(key), key },
                   CR_STR("Test Using Larger Than Block-Size Key - Hash Key "
                          "First"),
                   out);
    cr_hex_encode(out, 32, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728"
                             "c5140546040f0ee37f54");

    /* Nothing at all is a key and a message, too. */
    cr_hmac_sha256(CR_STR_NULL, CR_STR_NULL, out);
    cr_hex_encode(out, 32, hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c49371"
                             "5653c6c712144292c5ad");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_resume_at_every_offset),
        cmocka_unit_test(test_saved_form_is_fixed),
        cmocka_unit_test(test_count_beyond_32_bits),
        cmocka_unit_test(test_load_refuses),
        cmocka_unit_test(test_hmac),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
