/*
 * auth/token.c: tokens of our own, and forged ones.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "auth/token.h"
#include "core/encode.h"
#include "core/hash.h"

#define NOW      ((int64_t) 1767323045)
#define SECRET_A CR_STR("0123456789abcdef0123456789abcdef")
#define SECRET_B CR_STR("ABCDEF9876543210ABCDEF9876543210")
#define ISSUER   CR_STR("installation-1")
#define AUDIENCE CR_STR("nginx-registry")
#define HEADER   "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"b\"}"

static cr_ctx_t      cx;
static cr_sys_t      sys;
static int64_t       fake_now;
static cr_keyring_t *ring; /* "a" is the old key, "b" signs */

static const cr_scope_t scopes[] = {
    { { 10, "repository" },
      { 9, "library/a" },
      CR_ACTION_PULL | CR_ACTION_PUSH },
    { { 8, "registry" }, { 7, "catalog" }, CR_ACTION_ALL },
    { { 10, "repository" }, { 9, "library/a" }, CR_ACTION_DELETE },
    { { 10, "repository" }, { 3, "b\"c" }, 0 },
};


static int64_t
now_us(void)
{
    return fake_now * 1000000;
}


static int
setup(void **state)
{
    (void) state;

    fake_now = NOW;
    cr_ctx_reset(&cx);

    if (cr_keyring_create(&cx, &ring) != CR_OK
        || cr_keyring_add(&cx, ring, CR_STR("a"), CR_STR("HS256"), SECRET_A,
                          true)
               != CR_OK
        || cr_keyring_add(&cx, ring, CR_STR("b"), CR_STR("HS256"), SECRET_B,
                          true)
               != CR_OK)
    {
        return -1;
    }

    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    cr_keyring_free(ring);
    ring = NULL;

    return 0;
}


static cr_token_t
sample(void)
{
    return (cr_token_t){
        .issuer = ISSUER,
        .audience = AUDIENCE,
        .subject = CR_STR("user:7"),
        .epoch = 3,
        .issued_at = NOW,
        .expires_at = NOW + 1800,
        .id = CR_STR("j-1"),
        .access = scopes,
        .naccess = CR_NELTS(scopes),
    };
}


static cr_err_t
verify(cr_str_t text, cr_token_t *t)
{
    cr_err_t err;

    cr_clear(&cx);
    err = cr_token_verify(&cx, ring, text, ISSUER, AUDIENCE, t);
    assert_int_equal(cx.err == CR_OK || err != CR_OK, true);

    return err;
}


static void
refused(cr_str_t text, const char *z_why)
{
    cr_token_t t = { .epoch = 77 };

    assert_int_equal(verify(text, &t), CR_ERR_UNAUTHORIZED);
    assert_int_equal(cx.err, CR_ERR_UNAUTHORIZED);
    assert_int_equal(cx.message.len, 0);
    assert_int_equal(t.epoch, 77);

    if (z_why != NULL) {
        assert_string_equal(cx.detail.data, z_why);
    }
}


/* A token of any header and claims, signed well with a secret. */
static cr_str_t
forge(const char *z_header, const char *z_claims, cr_str_t secret)
{
    char     mac[32];
    cr_str_t header = cr_base64url_encode(&cx, cr_str_z(z_header));
    cr_str_t claims = cr_base64url_encode(&cx, cr_str_z(z_claims));
    cr_str_t body = cr_printf(&cx, "%s.%s", header.data, claims.data);

    cr_hmac_sha256(secret, body, (uint8_t *) mac);

    return cr_printf(&cx, "%s.%s", body.data,
                     cr_base64url_encode(&cx, (cr_str_t){ 32, mac }).data);
}


/* Claims that verify, with one member's text replaced (NULL: left out). */
static cr_str_t
claims_with(const char *z_name, const char *z_value)
{
    static const struct {
        const char *name;
        const char *value;
    } members[] = {
        { "iss", "\"installation-1\"" },
        { "aud", "\"nginx-registry\"" },
        { "sub", "\"user:7\"" },
        { "jti", "\"j\"" },
        { "epoch", "3" },
        { "iat", "1767323045" },
        { "nbf", "1767323045" },
        { "exp", "1767324845" },
        { "access", "[]" },
    };

    cr_buf_t b;
    cr_str_t s = CR_STR_NULL;

    cr_buf_init(&b, &cx, 65536);
    cr_buf_z(&b, "{\"x\":0");

    for (size_t i = 0; i < CR_NELTS(members); i++) {
        const char *z = members[i].value;

        if (z_name != NULL && strcmp(z_name, members[i].name) == 0) {
            z = z_value;
        }

        if (z != NULL) {
            cr_buf_printf(&b, ",\"%s\":%s", members[i].name, z);
        }
    }

    cr_buf_z(&b, "}");
    cr_buf_add(&b, "", 1);
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);

    return forge(HEADER, s.data, SECRET_B);
}


static void
test_round_trip(void **state)
{
    cr_str_t   text;
    cr_token_t t = sample();
    cr_token_t got;

    (void) state;

    assert_int_equal(cr_token_sign(&cx, ring, &t, &text), CR_OK);
    assert_int_equal(verify(text, &got), CR_OK);

    assert_true(cr_str_eq(got.issuer, t.issuer));
    assert_true(cr_str_eq(got.audience, t.audience));
    assert_true(cr_str_eq(got.subject, t.subject));
    assert_true(cr_str_eq(got.id, t.id));
    assert_int_equal(got.epoch, 3);
    assert_true(got.issued_at == NOW);
    assert_true(got.expires_at == NOW + 1800);
    assert_int_equal(got.naccess, t.naccess);

    for (size_t i = 0; i < t.naccess; i++) {
        assert_true(cr_str_eq(got.access[i].type, scopes[i].type));
        assert_true(cr_str_eq(got.access[i].name, scopes[i].name));
        assert_int_equal(got.access[i].actions, scopes[i].actions);
    }

    assert_int_equal(cr_token_actions(&got, CR_STR("repository"),
                                      CR_STR("library/a")),
                     CR_ACTION_PULL | CR_ACTION_PUSH | CR_ACTION_DELETE);
    assert_int_equal(cr_token_actions(&got, CR_STR("repository"),
                                      CR_STR("library/b")),
                     0);
    assert_int_equal(cr_token_actions(&got, CR_STR("repository"),
                                      CR_STR("library")),
                     0);
    assert_int_equal(cr_token_actions(&got, CR_STR("registry"),
                                      CR_STR("library/a")),
                     0);
}


static void
test_anonymous(void **state)
{
    cr_str_t   text;
    cr_token_t t = sample();
    cr_token_t got;

    (void) state;

    t.subject = CR_STR_NULL;
    t.access = NULL;
    t.naccess = 0;
    assert_int_equal(cr_token_sign(&cx, ring, &t, &text), CR_OK);
    assert_int_equal(verify(text, &got), CR_OK);
    assert_int_equal(got.subject.len, 0);
    assert_int_equal(got.naccess, 0);
}


static void
test_old_key_still_verifies(void **state)
{
    cr_str_t      text;
    cr_token_t    t = sample();
    cr_token_t    got;
    cr_keyring_t *old = NULL;

    (void) state;

    assert_int_equal(cr_keyring_create(&cx, &old), CR_OK);
    assert_int_equal(cr_token_sign(&cx, old, &t, &text), CR_ERR_INTERNAL);
    assert_int_equal(cr_keyring_add(&cx, old, CR_STR("a"), CR_STR("HS256"),
                                    SECRET_A, false),
                     CR_OK);
    assert_int_equal(cr_token_sign(&cx, old, &t, &text), CR_ERR_INTERNAL);
    cr_keyring_free(old);

    assert_int_equal(cr_keyring_create(&cx, &old), CR_OK);
    assert_int_equal(cr_keyring_add(&cx, old, CR_STR("a"), CR_STR("HS256"),
                                    SECRET_A, true),
                     CR_OK);
    assert_int_equal(cr_token_sign(&cx, old, &t, &text), CR_OK);
    assert_int_equal(verify(text, &got), CR_OK);

    /* And a new key's tokens mean nothing to a ring without it. */
    assert_int_equal(cr_token_sign(&cx, ring, &t, &text), CR_OK);
    assert_int_equal(cr_token_verify(&cx, old, text, ISSUER, AUDIENCE, &got),
                     CR_ERR_UNAUTHORIZED);
    cr_keyring_free(old);
}


static void
test_every_byte_counts(void **state)
{
    char       copy[1024];
    cr_str_t   text;
    cr_token_t t = sample();
    cr_token_t got;

    (void) state;

    assert_int_equal(cr_token_sign(&cx, ring, &t, &text), CR_OK);
    assert_true(text.len < sizeof(copy));

    for (size_t i = 0; i < text.len; i++) {
        static const char with[] = "AQgwx09-_.=+ \"\x80";

        for (size_t w = 0; w < sizeof(with); w++) { /* NUL, too */
            if (text.data[i] == with[w]) {
                continue;
            }

            memcpy(copy, text.data, text.len);
            copy[i] = with[w];
            assert_int_equal(verify((cr_str_t){ text.len, copy }, &got),
                             CR_ERR_UNAUTHORIZED);
        }

        assert_int_equal(verify(cr_str_slice(text, 0, i), &got),
                         CR_ERR_UNAUTHORIZED);
        cr_clear(&cx);
    }

    memcpy(copy, text.data, text.len);
    copy[text.len] = 'A';
    refused((cr_str_t){ text.len + 1, copy }, NULL);
    copy[text.len] = '=';
    refused((cr_str_t){ text.len + 1, copy }, NULL);
    copy[text.len] = '.';
    refused((cr_str_t){ text.len + 1, copy }, "token: not three parts");
}


static void
test_shapes(void **state)
{
    static char big[CR_TOKEN_TEXT_MAX + 1];

    (void) state;
    memset(big, 'A', sizeof(big));

    refused(CR_STR_NULL, NULL);
    refused(CR_STR(""), NULL);
    refused(CR_STR("."), NULL);
    refused(CR_STR(".."), NULL);
    refused(CR_STR("..."), NULL);
    refused(CR_STR("a.b.c"), NULL);
    refused(CR_STR("{}.{}.{}"), NULL);
    refused((cr_str_t){ sizeof(big), big }, "token: too long");
    refused((cr_str_t){ sizeof(big) - 1, big }, "token: not three parts");
}


static void
test_headers(void **state)
{
    static const struct {
        const char *header;
        const char *why;
    } rows[] = {
        { "{\"alg\":\"none\",\"kid\":\"b\"}",
          "token: algorithm is not that of the key" },
        { "{\"alg\":\"\",\"kid\":\"b\"}",
          "token: algorithm is not that of the key" },
        { "{\"alg\":\"hs256\",\"kid\":\"b\"}",
          "token: algorithm is not that of the key" },
        { "{\"alg\":\"HS512\",\"kid\":\"b\"}",
          "token: algorithm is not that of the key" },
        { "{\"alg\":\"RS256\",\"kid\":\"b\"}",
          "token: algorithm is not that of the key" },
        { "{\"kid\":\"b\"}", "token: algorithm is not that of the key" },
        { "{\"alg\":\"HS256\"}", "token: unknown key" },
        { "{\"alg\":\"HS256\",\"kid\":\"\"}", "token: unknown key" },
        { "{\"alg\":\"HS256\",\"kid\":\"c\"}", "token: unknown key" },
        { "{\"alg\":\"HS256\",\"kid\":\"../b\"}", "token: unknown key" },
        { "{\"alg\":\"HS256\",\"kid\":1}",
          "token: header is not as it should be" },
        { "{\"alg\":[\"HS256\"],\"kid\":\"b\"}",
          "token: header is not as it should be" },
        { "{\"alg\":\"HS256\",\"kid\":\"b\",\"kid\":\"b\"}",
          "token: header is not as it should be" },
        { "[\"alg\"]", "token: header is not as it should be" },
        { "", "token: header is not as it should be" },
        { "{\"alg\":\"HS256\",\"kid\":\"b\"} ", NULL },
        { "{\"alg\":\"HS256\",\"kid\":\"b\",\"crit\":[\"exp\"]}",
          "token: header has critical extensions" },
        { "{\"alg\":\"HS256\",\"kid\":\"b\",\"crit\":null}",
          "token: header has critical extensions" },
        { "{\"alg\":\"HS256\",\"kid\":\"b\",\"typ\":\"at+jwt\"}",
          "token: of another type" },
    };

    cr_token_t t;
    cr_str_t   good = claims_with(NULL, NULL);
    cr_str_t   claims, part;

    (void) state;

    assert_int_equal(verify(good, &t), CR_OK);

    assert_true(cr_str_split(&good, '.', &part));
    assert_true(cr_str_split(&good, '.', &part));
    assert_int_equal(cr_base64url_decode(&cx, part, &claims), CR_OK);

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_str_t text = forge(rows[i].header, claims.data, SECRET_B);

        if (rows[i].why == NULL) {
            assert_int_equal(verify(text, &t), CR_OK);

        } else {
            refused(text, rows[i].why);
        }
    }

    /* Spelled otherwise, and with a key brought along that is not looked at:
     * it is the ring's key that counts. */
    {
        static const char z[] =
            "{\"kid\":\"b\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"},"
            "\"x5c\":[\"AAAA\"],\"typ\":\"jwt\",\"alg\":\"HS256\"}";

        assert_int_equal(verify(forge(z, claims.data, SECRET_B), &t), CR_OK);
        refused(forge(z, claims.data, CR_STR("\0\0\0")),
                "token: signature does not fit");
        refused(forge(z, claims.data, SECRET_A),
                "token: signature does not fit");
    }

    /* Unsigned, in two ways. */
    refused(
        cr_printf(&cx, "%s.%s.",
                  cr_base64url_encode(&cx, CR_STR("{\"alg\":\"none\"}")).data,
                  cr_base64url_encode(&cx, claims).data),
        "token: unknown key");
    refused(cr_printf(&cx, "%s.%s.",
                      cr_base64url_encode(&cx, CR_STR(HEADER)).data,
                      cr_base64url_encode(&cx, claims).data),
            "token: signature does not fit");
}


static void
test_claims(void **state)
{
    static const struct {
        const char *name;
        const char *value; /* NULL: left out */
    } rows[] = {
        { "iss", NULL },
        { "iss", "\"installation-2\"" },
        { "iss", "\"installation-1 \"" },
        { "iss", "\"\"" },
        { "iss", "1" },
        { "iss", "null" },
        { "aud", NULL },
        { "aud", "\"other\"" },
        { "aud", "[\"nginx-registry\"]" },
        { "sub", NULL },
        { "sub", "7" },
        { "jti", NULL },
        { "jti", "{}" },
        { "epoch", NULL },
        { "epoch", "\"3\"" },
        { "epoch", "-1" },
        { "iat", NULL },
        { "iat", "1.5" },
        { "iat", "1767323106" },
        { "nbf", "1767323106" },
        { "nbf", "\"0\"" },
        { "nbf", "9223372036854775807" },
        { "exp", NULL },
        { "exp", "1767322985" },
        { "exp", "0" },
        { "exp", "-1" },
        { "exp", "1e30" },
        { "exp", "99999999999999999999" },
        { "exp", "\"1767324845\"" },
        { "access", NULL },
        { "access", "null" },
        { "access", "{}" },
        { "access", "\"repository:a:pull\"" },
        { "access", "[1]" },
        { "access", "[[]]" },
        { "access", "[{}]" },
        { "access", "[{\"type\":\"r\",\"name\":\"n\"}]" },
        { "access", "[{\"type\":\"r\",\"actions\":[]}]" },
        { "access", "[{\"name\":\"n\",\"actions\":[]}]" },
        { "access", "[{\"type\":1,\"name\":\"n\",\"actions\":[]}]" },
        { "access", "[{\"type\":\"r\",\"name\":\"n\",\"actions\":\"pull\"}]" },
        { "access", "[{\"type\":\"r\",\"name\":\"n\",\"actions\":[1]}]" },
    };

    static const struct {
        const char *name;
        const char *value;
    } good[] = {
        { "iat", "1767323105" }, /* 60 s ahead */
        { "nbf", "1767323105" },
        { "nbf", NULL },
        { "exp", "1767322986" }, /* 59 s ago */
        { "exp", "9223372036854775807" },
        { "sub", "\"\"" },
        { "access", "[{\"type\":\"r\",\"name\":\"n\",\"actions\":[\"fly\"]}]" },
    };

    cr_token_t t;

    (void) state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        refused(claims_with(rows[i].name, rows[i].value), NULL);
    }

    for (size_t i = 0; i < CR_NELTS(good); i++) {
        assert_int_equal(verify(claims_with(good[i].name, good[i].value), &t),
                         CR_OK);
    }

    assert_int_equal(t.naccess, 1);
    assert_int_equal(t.access[0].actions, 0);

    refused(forge(HEADER, "{}", SECRET_B), NULL);
    refused(forge(HEADER, "[]", SECRET_B), NULL);
    refused(forge(HEADER, "", SECRET_B), "token: payload is no JSON");
    refused(forge(HEADER, "{\"iss\":", SECRET_B), "token: payload is no JSON");
}


static void
test_expiry_by_the_clock(void **state)
{
    cr_str_t   text;
    cr_token_t t = sample();
    cr_token_t got;

    (void) state;

    assert_int_equal(cr_token_sign(&cx, ring, &t, &text), CR_OK);
    fake_now = NOW + 1800 + CR_TOKEN_LEEWAY_S - 1;
    assert_int_equal(verify(text, &got), CR_OK);
    fake_now++;
    refused(text, "token: expired");
    fake_now = NOW - CR_TOKEN_LEEWAY_S;
    assert_int_equal(verify(text, &got), CR_OK);
    fake_now--;
    refused(text, "token: not yet valid");
}


static void
test_too_many_scopes(void **state)
{
    char       name[CR_SCOPE_NAME_MAX];
    cr_buf_t   b;
    cr_str_t   text = CR_STR("untouched");
    cr_scope_t list[CR_SCOPES_MAX + 1];
    cr_token_t t = sample();
    cr_token_t got;

    (void) state;
    memset(name, 'n', sizeof(name));

    for (size_t i = 0; i < CR_NELTS(list); i++) {
        list[i] =
            (cr_scope_t){ CR_STR("repository"), CR_STR("a"), CR_ACTION_PULL };
    }

    t.access = list;
    t.naccess = CR_NELTS(list);
    assert_int_equal(cr_token_sign(&cx, ring, &t, &text), CR_ERR_BAD_REQUEST);

    for (size_t i = 0; i < CR_NELTS(list); i++) {
        list[i].name = (cr_str_t){ sizeof(name), name };
    }

    t.naccess = 30;
    assert_int_equal(cr_token_sign(&cx, ring, &t, &text), CR_ERR_BAD_REQUEST);
    t.naccess = CR_SCOPES_MAX;
    assert_int_not_equal(cr_token_sign(&cx, ring, &t, &text), CR_OK);
    assert_true(cr_str_eq_z(text, "untouched"));

    for (size_t i = 0; i < CR_NELTS(list); i++) {
        list[i].name.len = 100;
    }

    assert_int_equal(cr_token_sign(&cx, ring, &t, &text), CR_OK);
    assert_int_equal(verify(text, &got), CR_OK);
    assert_int_equal(got.naccess, CR_SCOPES_MAX);

    /* One more, from another signer. */
    cr_buf_init(&b, &cx, 65536);
    cr_buf_char(&b, '[');

    for (size_t i = 0; i <= CR_SCOPES_MAX; i++) {
        cr_buf_printf(&b, "%s{\"type\":\"r\",\"name\":\"n\",\"actions\":[]}",
                      i == 0 ? "" : ",");
    }

    cr_buf_add(&b, "]", 2);
    assert_int_equal(cr_buf_end(&b, &text), CR_OK);
    refused(claims_with("access", text.data), "token: too many scopes");
}


static void
test_keyring_refuses(void **state)
{
    char                  long_kid[65];
    char                  secret[129];
    static const cr_str_t kids[] = {
        { 0, NULL },  { 1, "\"" },  { 3, "a b" },
        { 2, "a\n" }, { 2, "a\0" }, { 1, "b" } /* given already */,
    };

    (void) state;
    memset(long_kid, 'k', sizeof(long_kid));
    memset(secret, 's', sizeof(secret));

    for (size_t i = 0; i < CR_NELTS(kids); i++) {
        assert_int_equal(cr_keyring_add(&cx, ring, kids[i], CR_STR("HS256"),
                                        SECRET_A, true),
                         CR_ERR_CONFIG);
    }

    assert_int_equal(cr_keyring_add(&cx, ring,
                                    (cr_str_t){ sizeof(long_kid), long_kid },
                                    CR_STR("HS256"), SECRET_A, true),
                     CR_ERR_CONFIG);
    assert_int_equal(cr_keyring_add(&cx, ring, CR_STR("c"), CR_STR("RS256"),
                                    SECRET_A, true),
                     CR_ERR_CONFIG);
    assert_int_equal(cr_keyring_add(&cx, ring, CR_STR("c"), CR_STR("none"),
                                    SECRET_A, true),
                     CR_ERR_CONFIG);
    assert_int_equal(cr_keyring_add(&cx, ring, CR_STR("c"), CR_STR("HS256"),
                                    (cr_str_t){ 31, secret }, true),
                     CR_ERR_CONFIG);
    assert_int_equal(cr_keyring_add(&cx, ring, CR_STR("c"), CR_STR("HS256"),
                                    (cr_str_t){ sizeof(secret), secret }, true),
                     CR_ERR_CONFIG);
    assert_int_equal(cx.message.len, 0);

    /* The longest that are taken, and then as many as fit. */
    assert_int_equal(cr_keyring_add(&cx, ring, (cr_str_t){ 64, long_kid },
                                    CR_STR("HS256"), (cr_str_t){ 128, secret },
                                    true),
                     CR_OK);

    for (int i = 3; i < 64; i++) {
        cr_str_t kid = cr_printf(&cx, "k%d", i);

        assert_int_equal(cr_keyring_add(&cx, ring, kid, CR_STR("HS256"),
                                        SECRET_A, false),
                         CR_OK);
    }

    assert_int_equal(cr_keyring_add(&cx, ring, CR_STR("z"), CR_STR("HS256"),
                                    SECRET_A, false),
                     CR_ERR_CONFIG);

    {
        cr_str_t   text;
        cr_token_t t = sample();
        cr_token_t got;

        assert_int_equal(cr_token_sign(&cx, ring, &t, &text), CR_OK);
        assert_int_equal(verify(text, &got), CR_OK);
    }

    cr_keyring_free(NULL);
}


/* Short of memory at each point in turn: an error or the right answer. */
static void
test_every_allocation_may_fail(void **state)
{
    size_t     limit;
    size_t     failed = 0;
    cr_ctx_t   small;
    cr_err_t   err;
    cr_str_t   text;
    cr_token_t t = sample();
    cr_token_t got;

    (void) state;

    for (limit = 16;; limit += 16) {
        assert_int_equal(cr_ctx_init(&small, limit), CR_OK);
        small.sys = &sys;
        err = cr_token_sign(&small, ring, &t, &text);
        assert_int_equal(small.err, err);

        if (err == CR_OK) {
            text = cr_dup(&cx, text);
        }

        cr_ctx_done(&small);

        if (err == CR_OK) {
            break;
        }

        assert_int_equal(err, CR_ERR_NO_MEMORY);
        failed++;
    }

    assert_true(failed > 10);
    failed = 0;

    for (limit = 16;; limit += 16) {
        assert_int_equal(cr_ctx_init(&small, limit), CR_OK);
        small.sys = &sys;
        err = cr_token_verify(&small, ring, text, ISSUER, AUDIENCE, &got);
        assert_int_equal(small.err, err);
        cr_ctx_done(&small);

        if (err == CR_OK) {
            break;
        }

        assert_int_equal(err, CR_ERR_NO_MEMORY);
        failed++;
    }

    assert_true(failed > 10);
}


int
main(void)
{
    int rc;

#define token_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

    const struct CMUnitTest tests[] = {
        token_test(test_round_trip),
        token_test(test_anonymous),
        token_test(test_old_key_still_verifies),
        token_test(test_every_byte_counts),
        token_test(test_shapes),
        token_test(test_headers),
        token_test(test_claims),
        token_test(test_expiry_by_the_clock),
        token_test(test_too_many_scopes),
        token_test(test_keyring_refuses),
        token_test(test_every_allocation_may_fail),
    };

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        return 1;
    }

    sys = cr_sys_default;
    sys.now_us = now_us;
    cx.sys = &sys;

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    cr_ctx_done(&cx);

    return rc;
}
