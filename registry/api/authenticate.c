/*
 * Who calls: nobody, a name with a password or a robot's secret (Basic), a
 * token (Bearer), or the portal's session (a cookie).  Only point reads
 * happen here; a password that was not verified a moment ago is left to the
 * crypt pool.  Secrets are never logged and never echoed.
 */

#include <string.h>

#include "api/machine.h"
#include "auth/password.h"
#include "core/encode.h"

/* Longest decoded "name:password". */
#define CR_BASIC_MAX (2 * CR_USER_NAME_MAX + 1 + CR_PASSWORD_MAX)

void
cr_login_wipe(cr_exchange_t *x)
{
    cr_str_t p = x->state->login.password;

    if (p.data != NULL) {
        /* Always a copy in the arena of this exchange. */
        explicit_bzero((void *) (uintptr_t) p.data, p.len);
    }
}

static cr_err_t
cr_login_refuse(cr_exchange_t *x)
{
    return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED, "wrong name or password");
}

/* RFC 7617: base64(name ":" password). */
static cr_err_t
cr_login_parse_basic(cr_exchange_t *x, cr_str_t text)
{
    cr_str_t    plain;
    ptrdiff_t   colon;
    cr_login_t *l = &x->state->login;

    /* base64 is 4/3 of it; what is longer cannot be right. */
    if (text.len > CR_BASIC_MAX * 2
        || cr_base64_decode(&x->cx, text, &plain) != CR_OK)
    {
        return cr_login_refuse(x);
    }

    colon = cr_str_chr(plain, ':');

    if (colon < 0) {
        return cr_login_refuse(x);
    }

    l->name = cr_str_slice(plain, 0, (size_t) colon);
    l->password = cr_str_slice(plain, (size_t) colon + 1, plain.len);
    l->kind = CR_AUTH_BASIC;

    return CR_OK;
}

cr_err_t
cr_login_parse(cr_exchange_t *x)
{
    size_t    n = cr_request_header_count(x, "Authorization");
    cr_str_t  value, scheme;
    ptrdiff_t space;

    if (n == 0) {
        x->state->login.kind = CR_AUTH_NONE;
        return CR_OK;
    }

    if (n > 1) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "more than one Authorization header");
    }

    value = cr_str_trim(cr_request_header(x, "Authorization"));
    space = cr_str_chr(value, ' ');
    scheme = space < 0 ? value : cr_str_slice(value, 0, (size_t) space);
    value = space < 0
                ? CR_STR_NULL
                : cr_str_trim(cr_str_slice(value, (size_t) space, value.len));

    if (cr_str_case_eq(scheme, CR_STR("Basic"))) {
        return cr_login_parse_basic(x, value);
    }

    if (cr_str_case_eq(scheme, CR_STR("Bearer"))) {
        x->state->login.kind = CR_AUTH_BEARER;
        x->state->login.token = value;
        return CR_OK;
    }

    return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED,
                   "authorization scheme not supported");
}

static void
cr_login_done(cr_exchange_t *x)
{
    cr_login_t          *l = &x->state->login;
    cr_exchange_state_t *st = x->state;

    st->identity.kind = CR_IDENTITY_USER;
    st->identity.id = l->user.id;
    st->identity.name = l->user.name;
    st->identity.epoch = l->user.epoch;
    st->identity.admin = l->user.admin;
    st->authenticated = true;
    l->pending = false;
    x->info.user = l->user.name;
}

static bool
cr_login_is_robot(const cr_exchange_t *x)
{
    return cr_str_starts(x->state->login.name, CR_STR(CR_ROBOT_PREFIX));
}

/* Counted against guessing, and in the audit log as far as that works. */
static void
cr_login_failed(cr_exchange_t *x)
{
    cr_guard_failed(&x->cx, cr_api_guard(x->api), x->state->login.name,
                    x->request.remote_addr);
}

static void
cr_login_audit(cr_exchange_t *x, bool success)
{
    cr_login_t      *l = &x->state->login;
    cr_audit_who_t   who = { .client = x->request.remote_addr };
    cr_audit_entry_t e = { .success = success };

    who.actor = success ? cr_api_actor(x) : CR_STR("");
    who.username = l->name;
    e.operation = CR_STR("login");
    e.resource_type = cr_login_is_robot(x) ? CR_STR("robot") : CR_STR("user");
    e.resource = l->name;

    if (cr_audit_add(&x->cx, cr_api_opened(x->api)->meta, &who, &e) != CR_OK) {
        cr_debug(&x->cx, "login: no audit row");
        cr_clear(&x->cx);
    }
}

/* A robot's secret is random: one fast hash, whether it exists or not.  What
 * fails is in the audit log; each request that does not is not. */
static cr_err_t
cr_login_robot(cr_exchange_t *x)
{
    bool                 fits;
    cr_err_t             err;
    cr_robot_t           r = { 0 };
    cr_login_t          *l = &x->state->login;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    err = cr_robot_by_name(&x->cx, o->meta, l->name, &r);

    if (err == CR_ERR_NOT_FOUND) {
        cr_clear(&x->cx);
        memset(&r, 0, sizeof(r));

    } else if (err != CR_OK) {
        return err;
    }

    fits = cr_robot_secret_is(l->password, r.secret_hash);

    if (!fits || r.id == 0 || r.disabled
        || (r.expires_at != 0 && r.expires_at <= cr_now(&x->cx)))
    {
        /* Its audit row is a write: once more, where that may wait. */

        if (!x->cx.may_block) {
            return cr_fail(&x->cx, CR_ERR_AGAIN, NULL);
        }

        cr_login_failed(x);
        cr_login_audit(x, false);
        return cr_login_refuse(x);
    }

    cr_guard_succeeded(cr_api_guard(x->api), l->name, x->request.remote_addr);
    st->identity.kind = CR_IDENTITY_ROBOT;
    st->identity.id = r.id;
    st->identity.name = r.name;
    st->identity.epoch = r.epoch;
    st->authenticated = true;
    x->info.user = r.name;

    return CR_OK;
}

cr_err_t
cr_login_find(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_login_t          *l = &x->state->login;
    const cr_api_open_t *o = cr_api_opened(x->api);

    memset(&l->user, 0, sizeof(l->user));

    if (l->name.len == 0 || l->name.len > 2 * CR_USER_NAME_MAX
        || l->password.len > CR_PASSWORD_MAX || !cr_utf8_valid(l->name))
    {
        return cr_login_refuse(x);
    }

    /* Before the cache: else what it holds could be guessed at any speed. */

    CR_TRY(cr_guard_check(&x->cx, cr_api_guard(x->api), l->name,
                          x->request.remote_addr, &l->wait_s));

    if (cr_login_is_robot(x)) {
        return cr_login_robot(x);
    }

    err = cr_user_by_name(&x->cx, o->meta, l->name, &l->user);

    if (err == CR_ERR_NOT_FOUND) {
        cr_clear(&x->cx);
        memset(&l->user, 0, sizeof(l->user));

    } else if (err != CR_OK) {
        return err;
    }

    if (l->user.password_hash.len != 0
        && cr_credential_cache_has(&x->cx, o->credentials, l->user.name,
                                   l->password, l->user.password_hash)
        && !l->user.disabled)
    {
        cr_guard_succeeded(cr_api_guard(x->api), l->name,
                           x->request.remote_addr);
        cr_login_done(x);
        return CR_OK;
    }

    l->pending = true;

    return CR_OK;
}

/* The hash of another system, and the password is known now. */
static void
cr_login_upgrade(cr_exchange_t *x)
{
    cr_str_t             hash;
    cr_login_t          *l = &x->state->login;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (!cr_password_outdated(l->user.password_hash)) {
        return;
    }

    /* What is too short to be set anew stays as it is. */

    if (cr_password_hash(&x->cx, l->password, &hash) != CR_OK
        || cr_user_upgrade_password(&x->cx, o->meta, l->user.id,
                                    l->user.password_hash, hash)
               != CR_OK)
    {
        cr_debug(&x->cx, "login: hash not made anew");
        cr_clear(&x->cx);
        return;
    }

    cr_credential_cache_add(&x->cx, o->credentials, l->user.name, l->password,
                            hash);
}

cr_err_t
cr_login_verify(cr_exchange_t *x)
{
    bool                 hashed;
    cr_err_t             err;
    cr_login_t          *l = &x->state->login;
    const cr_api_open_t *o = cr_api_opened(x->api);

    /* Others may have failed while this one stood in the queue. */

    CR_TRY(cr_guard_check(&x->cx, cr_api_guard(x->api), l->name,
                          x->request.remote_addr, &l->wait_s));

    /* No such user: no hash, and the same time is spent. */

    err = cr_credential_verify(&x->cx, o->credentials, l->name, l->password,
                               l->user.password_hash, &hashed);

    if (err != CR_OK && err != CR_ERR_UNAUTHORIZED) {
        return err;
    }

    if (err != CR_OK || l->user.id == 0 || l->user.disabled) {
        cr_clear(&x->cx);

        if (hashed) {
            cr_login_failed(x);
            cr_login_audit(x, false);
        }

        return cr_login_refuse(x);
    }

    cr_guard_succeeded(cr_api_guard(x->api), l->name, x->request.remote_addr);
    cr_login_done(x);

    if (hashed) {
        cr_login_upgrade(x);
        cr_login_audit(x, true);
    }

    return CR_OK;
}

static cr_err_t
cr_authenticate_token(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    st->challenge_error = "invalid_token";

    if (!cr_token_cache_get(&x->cx, o->tokens, st->login.token, &st->token)) {
        CR_TRY(cr_token_verify(&x->cx, o->keys, st->login.token,
                               cr_meta_installation_id(o->meta),
                               cr_api_conf(x->api)->service, &st->token));
        cr_token_cache_add(&x->cx, o->tokens, st->login.token, &st->token);
    }

    CR_TRY(cr_identity_parse(&x->cx, st->token.subject, &st->identity));

    st->identity.epoch = st->token.epoch;
    st->bearer = true;
    st->authenticated = true;
    st->challenge_error = NULL;
    x->info.user = st->token.subject; /* the authoriser learns the name */

    return CR_OK;
}

cr_err_t
cr_authenticate(cr_exchange_t *x)
{
    CR_TRY(cr_login_parse(x));

    /* A password beside it was for whoever told nginx the name. */
    if (x->request.remote_user.len != 0
        && x->state->login.kind != CR_AUTH_BEARER)
    {
        return cr_authenticate_remote(x);
    }

    switch (x->state->login.kind) {

    case CR_AUTH_BASIC:
        /* A browser that was given a password sends it for any page. */

        if (x->state->harbor && !cr_request_same_site(x)) {
            return cr_fail(&x->cx, CR_ERR_FORBIDDEN,
                           "a page of another site sent this request");
        }

        return cr_login_find(x);

    case CR_AUTH_BEARER:
        return cr_authenticate_token(x);

    default:
        return cr_session_authenticate(x);
    }
}
