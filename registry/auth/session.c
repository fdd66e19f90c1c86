/*
 * Sessions: base64url("s1:user:epoch:issued:seen:random") "." base64url(MAC).
 * The MAC's key is derived for this purpose alone, so no token is a session
 * and no session a token.
 */

#include <inttypes.h>
#include <string.h>

#include "auth/session.h"
#include "core/encode.h"
#include "core/hash.h"

#define CR_SESSION_VERSION "s1"
#define CR_SESSION_PURPOSE "portal session"
#define CR_SESSION_CSRF    "csrf token"
#define CR_SESSION_MAC     32


static cr_err_t
cr_session_bad(cr_ctx_t *cx, const char *z_why)
{
    return cr_fail_detail(cx, CR_ERR_UNAUTHORIZED, "session: %s", z_why);
}


cr_err_t
cr_session_make(cr_ctx_t *cx, int64_t user_id, int64_t epoch,
                cr_session_t *ret_s)
{
    uint8_t      bytes[CR_SESSION_RANDOM];
    cr_session_t s = { .user_id = user_id, .epoch = epoch };

    if (cx->sys->random(bytes, sizeof(bytes)) != 0) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "no random bytes");
    }

    cr_hex_encode(bytes, sizeof(bytes), s.random);
    s.issued_at = cr_now(cx) / 1000000;
    s.seen_at = s.issued_at;
    *ret_s = s;

    return CR_OK;
}


/* The MAC under the n-th key of the ring; false: there are no more. */
static bool
cr_session_mac(const cr_keyring_t *ring, size_t n, cr_str_t text,
               uint8_t mac[CR_SESSION_MAC])
{
    uint8_t key[32];

    if (!cr_keyring_derive(ring, n, CR_STR(CR_SESSION_PURPOSE), key)) {
        return false;
    }

    cr_hmac_sha256((cr_str_t){ sizeof(key), (const char *) key }, text, mac);
    explicit_bzero(key, sizeof(key));

    return true;
}


cr_err_t
cr_session_seal(cr_ctx_t *cx, const cr_keyring_t *ring, const cr_session_t *s,
                cr_str_t *ret_text)
{
    uint8_t  mac[CR_SESSION_MAC];
    cr_str_t text, sum;

    text = cr_printf(cx,
                     CR_SESSION_VERSION ":%" PRId64 ":%" PRId64 ":%" PRId64
                                        ":%" PRId64 ":%.*s",
                     s->user_id, s->epoch, s->issued_at, s->seen_at,
                     (int) sizeof(s->random), s->random);
    text = cr_base64url_encode(cx, text);

    if (!cr_session_mac(ring, 0, text, mac)) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "no key for sessions");
    }

    sum = cr_base64url_encode(
        cx, (cr_str_t){ sizeof(mac), (const char *) mac });
    text = cr_printf(cx, "%.*s.%.*s", CR_STR_ARG(text), CR_STR_ARG(sum));

    if (text.data == NULL || sum.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_text = text;

    return CR_OK;
}


static bool
cr_session_signed(const cr_keyring_t *ring, cr_str_t text, cr_str_t sum)
{
    uint8_t mac[CR_SESSION_MAC];

    for (size_t i = 0; cr_session_mac(ring, i, text, mac); i++) {
        if (cr_str_eq_secret(
                (cr_str_t){ sizeof(mac), (const char *) mac }, sum))
        {
            return true;
        }
    }

    return false;
}


static bool
cr_session_number(cr_str_t *rest, int64_t *ret_n)
{
    uint64_t n;
    cr_str_t part;

    if (!cr_str_split(rest, ':', &part) || !cr_str_u64(part, &n)
        || n > INT64_MAX)
    {
        return false;
    }

    *ret_n = (int64_t) n;

    return true;
}


/* Signed by us: what is wrong here is of another version. */
static cr_err_t
cr_session_parse(cr_ctx_t *cx, cr_str_t text, cr_session_t *s)
{
    cr_str_t part;

    if (!cr_str_split(&text, ':', &part)
        || !cr_str_eq_z(part, CR_SESSION_VERSION)
        || !cr_session_number(&text, &s->user_id)
        || !cr_session_number(&text, &s->epoch)
        || !cr_session_number(&text, &s->issued_at)
        || !cr_session_number(&text, &s->seen_at)
        || text.len != sizeof(s->random))
    {
        return cr_session_bad(cx, "of another form");
    }

    memcpy(s->random, text.data, text.len);

    return CR_OK;
}


cr_err_t
cr_session_open(cr_ctx_t *cx, const cr_keyring_t *ring, cr_str_t text,
                int64_t idle_s, cr_session_t *ret_s)
{
    int64_t      now = cr_now(cx) / 1000000;
    cr_str_t     payload, sum;
    cr_session_t s = { .user_id = 0 };

    if (text.len > CR_SESSION_TEXT_MAX || !cr_str_split(&text, '.', &payload)
        || cr_base64url_decode(cx, text, &sum) != CR_OK
        || !cr_session_signed(ring, payload, sum)
        || cr_base64url_decode(cx, payload, &payload) != CR_OK)
    {
        return cr_session_bad(cx, "not signed by us");
    }

    CR_TRY(cr_session_parse(cx, payload, &s));

    if (now - s.seen_at > idle_s
        || now - s.issued_at > CR_SESSION_MAX_S
        || s.seen_at - now > CR_TOKEN_LEEWAY_S)
    {
        return cr_session_bad(cx, "ended");
    }

    *ret_s = s;

    return CR_OK;
}


cr_err_t
cr_session_csrf(cr_ctx_t *cx, const cr_keyring_t *ring, const cr_session_t *s,
                cr_str_t *ret_text)
{
    uint8_t  mac[CR_SESSION_MAC];
    cr_str_t text = cr_printf(cx, CR_SESSION_CSRF ":%.*s",
                              (int) sizeof(s->random), s->random);

    if (!cr_session_mac(ring, 0, text, mac)) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "no key for sessions");
    }

    text = cr_base64url_encode(
        cx, (cr_str_t){ sizeof(mac), (const char *) mac });

    if (text.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_text = text;

    return CR_OK;
}
