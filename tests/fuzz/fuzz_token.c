/*
 * Any bytes as a token.  The first byte picks: the rest is a whole token; or
 * claims, or a header and claims with a newline between, that are signed with
 * the right key, so that what comes after the signature is reached, too.
 */

#include <stdlib.h>
#include <string.h>
#include "auth/identity.h"
#include "auth/token.h"
#include "core/encode.h"
#include "core/hash.h"

#define SECRET   CR_STR("0123456789abcdef0123456789abcdef")
#define ISSUER   CR_STR("i")
#define AUDIENCE CR_STR("a")
#define HEADER   CR_STR("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k\"}")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
    if (!ok) {
        abort();
    }
}


static int64_t
now_us(void)
{
    return (int64_t) 1700000000 * 1000000;
}


static cr_str_t
forge(cr_ctx_t *cx, cr_str_t header, cr_str_t claims)
{
    char     mac[32];
    cr_str_t body;

    body = cr_printf(cx, "%s.%s", cr_base64url_encode(cx, header).data,
                     cr_base64url_encode(cx, claims).data);
    cr_hmac_sha256(SECRET, body, (uint8_t *) mac);

    return cr_printf(cx, "%s.%s", body.data,
                     cr_base64url_encode(cx, (cr_str_t){ 32, mac }).data);
}


/* What a good token says must be so, and it can be signed again. */
static void
accepted(cr_ctx_t *cx, const cr_keyring_t *ring, const cr_token_t *t)
{
    cr_str_t      text;
    cr_token_t    again;
    cr_identity_t id;

    check(cr_str_eq(t->issuer, ISSUER));
    check(cr_str_eq(t->audience, AUDIENCE));
    check(t->expires_at > cr_now(cx) / 1000000 - CR_TOKEN_LEEWAY_S);
    check(t->issued_at <= cr_now(cx) / 1000000 + CR_TOKEN_LEEWAY_S);
    check(t->epoch >= 0);
    check(t->naccess <= CR_SCOPES_MAX);
    (void) cr_identity_parse(cx, t->subject, &id);

    if (cr_token_sign(cx, ring, t, &text) != CR_OK) {
        check(cx->err == CR_ERR_BAD_REQUEST || cx->err == CR_ERR_INTERNAL);
        return;
    }

    check(cr_token_verify(cx, ring, text, ISSUER, AUDIENCE, &again) == CR_OK);
    check(cr_str_eq(t->subject, again.subject));
    check(cr_str_eq(t->id, again.id));
    check(t->epoch == again.epoch && t->naccess == again.naccess);

    for (size_t i = 0; i < t->naccess; i++) {
        check(cr_str_eq(t->access[i].type, again.access[i].type));
        check(cr_str_eq(t->access[i].name, again.access[i].name));
        check(t->access[i].actions == again.access[i].actions);
        check((cr_token_actions(t, t->access[i].type, t->access[i].name)
               & t->access[i].actions)
              == t->access[i].actions);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cr_ctx_t      cx;
    cr_sys_t      sys = cr_sys_default;
    cr_str_t      text, header;
    cr_token_t    t = { .epoch = -1 };
    cr_keyring_t *ring;

    if (size == 0) {
        return 0;
    }

    check(cr_ctx_init(&cx, 0) == CR_OK);
    sys.now_us = now_us;
    cx.sys = &sys;
    check(cr_keyring_create(&cx, &ring) == CR_OK);
    check(cr_keyring_add(&cx, ring, CR_STR("k"), CR_STR("HS256"), SECRET, true)
          == CR_OK);

    text = (cr_str_t){ size - 1, (const char *) data + 1 };

    switch (data[0] % 3) {

    case 0:
        break;

    case 1:
        text = forge(&cx, HEADER, text);
        break;

    default:
        (void) cr_str_split(&text, '\n', &header);
        text = forge(&cx, header, text);
    }

    if (cr_token_verify(&cx, ring, text, ISSUER, AUDIENCE, &t) == CR_OK) {
        check(data[0] % 3 != 0);
        accepted(&cx, ring, &t);

    } else {
        check(cx.err == CR_ERR_UNAUTHORIZED);
        check(cx.message.len == 0);
        check(t.epoch == -1);
    }

    cr_keyring_free(ring);
    cr_ctx_done(&cx);

    return 0;
}
