/*
 * Bearer tokens: signing and verification.
 *
 * A header made here is the same text for each token of a key, so that text
 * is kept with the key: a token of our own finds its key by comparing bytes,
 * and nothing of it is parsed before its signature is found good.  A header
 * spelled otherwise is parsed; the algorithm it must name is that of the key,
 * and what else it says of keys (jwk, jku, x5c) is not looked at.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "auth/keyring.h"
#include "core/encode.h"
#include "core/json.h"

#define CR_TOKEN_HEADER_MAX 1024

static cr_err_t cr_token_bad(cr_ctx_t *cx, const char *z_why);
static cr_err_t cr_token_key(cr_ctx_t *cx, const cr_keyring_t *ring,
                             cr_str_t header, const cr_key_t **ret_key);
static cr_err_t cr_token_claims(cr_ctx_t *cx, const json_t *claims,
                                cr_token_t *t);
static cr_err_t cr_token_time(cr_ctx_t *cx, const json_t *claims,
                              const char *name, bool must, int64_t *ret_n);
static cr_err_t cr_token_access(cr_ctx_t *cx, const json_t *claims,
                                cr_token_t *t);
static cr_err_t cr_token_scope(cr_ctx_t *cx, const json_t *item,
                               cr_scope_t *scope);
static cr_err_t cr_token_check(cr_ctx_t *cx, const cr_token_t *t,
                               int64_t not_before, cr_str_t issuer,
                               cr_str_t audience);


/* --- signing --- */

cr_err_t
cr_token_sign(cr_ctx_t *cx, const cr_keyring_t *ring, const cr_token_t *t,
              cr_str_t *ret_text)
{
    cr_buf_t        b;
    cr_str_t        claims, signature, text;
    const cr_key_t *key = ring->signs;

    if (key == NULL) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "no token key that signs");
    }

    cr_buf_init(&b, cx, (size_t) CR_TOKEN_TEXT_MAX * 2);

    cr_buf_z(&b, "{\"iss\":");
    cr_buf_json(&b, t->issuer);
    cr_buf_z(&b, ",\"aud\":");
    cr_buf_json(&b, t->audience);
    cr_buf_z(&b, ",\"sub\":");
    cr_buf_json(&b, t->subject);
    cr_buf_printf(&b,
                  ",\"epoch\":%" PRId64 ",\"iat\":%" PRId64 ",\"nbf\":%" PRId64
                  ",\"exp\":%" PRId64 ",\"jti\":",
                  t->epoch, t->issued_at, t->issued_at, t->expires_at);
    cr_buf_json(&b, t->id);
    cr_buf_z(&b, ",\"access\":[");

    for (size_t i = 0; i < t->naccess; i++) {
        cr_buf_z(&b, i == 0 ? "{\"type\":" : ",{\"type\":");
        cr_buf_json(&b, t->access[i].type);
        cr_buf_z(&b, ",\"name\":");
        cr_buf_json(&b, t->access[i].name);
        cr_buf_z(&b, ",\"actions\":");
        cr_scope_actions_json(&b, t->access[i].actions);
        cr_buf_char(&b, '}');
    }

    cr_buf_z(&b, "]}");
    CR_TRY(cr_buf_end(&b, &claims));

    claims = cr_base64url_encode(cx, claims);

    if (claims.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    cr_buf_init(&b, cx, (size_t) CR_TOKEN_TEXT_MAX * 4);
    cr_buf_add(&b, key->header, key->header_len);
    cr_buf_char(&b, '.');
    cr_buf_str(&b, claims);
    CR_TRY(cr_buf_end(&b, &text));

    CR_TRY(cr_key_sign(cx, key, text, &signature));
    signature = cr_base64url_encode(cx, signature);

    if (signature.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    cr_buf_char(&b, '.');
    cr_buf_str(&b, signature);
    CR_TRY(cr_buf_end(&b, &text));

    /* What verification would refuse must not be given out. */

    if (t->naccess > CR_SCOPES_MAX || text.len > CR_TOKEN_TEXT_MAX) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "too many scopes for one token");
    }

    *ret_text = text;

    return CR_OK;
}


/* --- verification --- */

cr_err_t
cr_token_verify(cr_ctx_t *cx, cr_keyring_t *ring, cr_str_t text,
                cr_str_t issuer, cr_str_t audience, cr_token_t *ret_t)
{
    json_t         *claims;
    int64_t         not_before = 0;
    cr_str_t        header, payload, signature, body, json;
    cr_token_t      t = { .epoch = 0 };
    const cr_key_t *key;

    if (text.len > CR_TOKEN_TEXT_MAX) {
        return cr_token_bad(cx, "too long");
    }

    body = text;

    if (!cr_str_split(&body, '.', &header)
        || !cr_str_split(&body, '.', &payload)
        || !cr_str_split(&body, '.', &signature) || body.data != NULL)
    {
        return cr_token_bad(cx, "not three parts");
    }

    key = cr_keyring_match(ring, header);

    if (key == NULL) {
        CR_TRY(cr_token_key(cx, ring, header, &key));
    }

    if (cr_base64url_decode(cx, signature, &signature) != CR_OK) {
        return cr_token_bad(cx, "signature is no base64url");
    }

    body = cr_str_slice(text, 0, header.len + 1 + payload.len);

    if (!cr_key_check(ring, key, text, body, signature)) {
        return cr_token_bad(cx, "signature does not fit");
    }

    if (cr_base64url_decode(cx, payload, &json) != CR_OK) {
        return cr_token_bad(cx, "payload is no base64url");
    }

    if (cr_json_parse(cx, json, CR_TOKEN_TEXT_MAX, CR_ERR_UNAUTHORIZED, &claims)
        != CR_OK)
    {
        return cr_token_bad(cx, "payload is no JSON");
    }

    CR_TRY(cr_token_claims(cx, claims, &t));
    CR_TRY(cr_token_time(cx, claims, "nbf", false, &not_before));
    CR_TRY(cr_token_check(cx, &t, not_before, issuer, audience));
    CR_TRY(cr_token_access(cx, claims, &t));

    *ret_t = t;

    return CR_OK;
}


/* The client learns no more than that its token is no good. */
static cr_err_t
cr_token_bad(cr_ctx_t *cx, const char *z_why)
{
    if (cx->err == CR_ERR_NO_MEMORY) {
        return cx->err;
    }

    return cr_fail_detail(cx, CR_ERR_UNAUTHORIZED, "token: %s", z_why);
}


/* The key of a header that is not spelled as ours. */
static cr_err_t
cr_token_key(cr_ctx_t *cx, const cr_keyring_t *ring, cr_str_t header,
             const cr_key_t **ret_key)
{
    json_t         *obj;
    cr_str_t        json, alg, kid, typ;
    const cr_key_t *key;

    if (cr_base64url_decode(cx, header, &json) != CR_OK) {
        return cr_token_bad(cx, "header is no base64url");
    }

    if (cr_json_parse(cx, json, CR_TOKEN_HEADER_MAX, CR_ERR_UNAUTHORIZED, &obj)
            != CR_OK
        || cr_json_str(cx, obj, "alg", CR_ERR_UNAUTHORIZED, &alg) != CR_OK
        || cr_json_str(cx, obj, "kid", CR_ERR_UNAUTHORIZED, &kid) != CR_OK
        || cr_json_str(cx, obj, "typ", CR_ERR_UNAUTHORIZED, &typ) != CR_OK)
    {
        return cr_token_bad(cx, "header is not as it should be");
    }

    /* RFC 7515 section 4.1.11: extensions that we do not know must fail. */

    if (json_object_get(obj, "crit") != NULL) {
        return cr_token_bad(cx, "header has critical extensions");
    }

    if (typ.data != NULL && !cr_str_case_eq(typ, CR_STR("JWT"))) {
        return cr_token_bad(cx, "of another type");
    }

    key = cr_keyring_find(ring, kid);

    if (key == NULL) {
        return cr_token_bad(cx, "unknown key");
    }

    if (!cr_str_eq(alg, cr_key_alg(key))) {
        return cr_token_bad(cx, "algorithm is not that of the key");
    }

    *ret_key = key;

    return CR_OK;
}


static cr_err_t
cr_token_check(cr_ctx_t *cx, const cr_token_t *t, int64_t not_before,
               cr_str_t issuer, cr_str_t audience)
{
    int64_t now = cr_now(cx) / 1000000;

    if (!cr_str_eq(t->issuer, issuer)) {
        return cr_token_bad(cx, "of another issuer");
    }

    if (!cr_str_eq(t->audience, audience)) {
        return cr_token_bad(cx, "for another audience");
    }

    if (t->expires_at <= now - CR_TOKEN_LEEWAY_S) {
        return cr_token_bad(cx, "expired");
    }

    if (t->issued_at > now + CR_TOKEN_LEEWAY_S
        || not_before > now + CR_TOKEN_LEEWAY_S)
    {
        return cr_token_bad(cx, "not yet valid");
    }

    return CR_OK;
}


unsigned
cr_token_actions(const cr_token_t *t, cr_str_t type, cr_str_t name)
{
    unsigned actions = 0;

    for (size_t i = 0; i < t->naccess; i++) {
        if (cr_str_eq(t->access[i].type, type)
            && cr_str_eq(t->access[i].name, name)) {
            actions |= t->access[i].actions;
        }
    }

    return actions;
}


/* --- claims --- */

/* The strings live as long as the arena, which owns the JSON value. */
static cr_err_t
cr_token_claims(cr_ctx_t *cx, const json_t *claims, cr_token_t *t)
{
    struct {
        const char *name;
        cr_str_t   *s;
    } strings[] = {
        { "iss", &t->issuer },
        { "aud", &t->audience },
        { "sub", &t->subject },
        { "jti", &t->id },
    };

    for (size_t i = 0; i < CR_NELTS(strings); i++) {
        if (cr_json_str(cx, claims, strings[i].name, CR_ERR_UNAUTHORIZED,
                        strings[i].s)
                != CR_OK
            || strings[i].s->data == NULL)
        {
            return cr_token_bad(cx, "claim missing or no string");
        }
    }

    CR_TRY(cr_token_time(cx, claims, "epoch", true, &t->epoch));
    CR_TRY(cr_token_time(cx, claims, "iat", true, &t->issued_at));

    return cr_token_time(cx, claims, "exp", true, &t->expires_at);
}


/* A non-negative integer. */
static cr_err_t
cr_token_time(cr_ctx_t *cx, const json_t *claims, const char *name, bool must,
              int64_t *ret_n)
{
    uint64_t n = UINT64_MAX;

    if (cr_json_u64(cx, claims, name, CR_ERR_UNAUTHORIZED, &n) != CR_OK) {
        return cr_token_bad(cx, "claim is no number");
    }

    if (n == UINT64_MAX) {
        return must ? cr_token_bad(cx, "claim missing") : CR_OK;
    }

    *ret_n = (int64_t) n;

    return CR_OK;
}


static cr_err_t
cr_token_access(cr_ctx_t *cx, const json_t *claims, cr_token_t *t)
{
    size_t        n;
    cr_scope_t   *list;
    const json_t *access = json_object_get(claims, "access");

    if (!json_is_array(access)) {
        return cr_token_bad(cx, "access is no array");
    }

    n = json_array_size(access);

    if (n > CR_SCOPES_MAX) {
        return cr_token_bad(cx, "too many scopes");
    }

    list = cr_alloc(cx, (n + 1) * sizeof(cr_scope_t));

    if (list == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    for (size_t i = 0; i < n; i++) {
        CR_TRY(cr_token_scope(cx, json_array_get(access, i), &list[i]));
    }

    t->access = list;
    t->naccess = n;

    return CR_OK;
}


static cr_err_t
cr_token_scope(cr_ctx_t *cx, const json_t *item, cr_scope_t *scope)
{
    size_t        i;
    const json_t *action;
    const json_t *actions;

    if (cr_json_str(cx, item, "type", CR_ERR_UNAUTHORIZED, &scope->type)
            != CR_OK
        || cr_json_str(cx, item, "name", CR_ERR_UNAUTHORIZED, &scope->name)
               != CR_OK
        || scope->type.data == NULL || scope->name.data == NULL)
    {
        return cr_token_bad(cx, "access without type and name");
    }

    actions = json_object_get(item, "actions");

    if (!json_is_array(actions)) {
        return cr_token_bad(cx, "actions are no array");
    }

    scope->actions = 0;

    for (i = 0; i < json_array_size(actions); i++) {
        action = json_array_get(actions, i);

        if (!json_is_string(action)) {
            return cr_token_bad(cx, "action is no string");
        }

        scope->actions |= cr_scope_action((cr_str_t){
            json_string_length(action), json_string_value(action) });
    }

    return CR_OK;
}
