/*
 * The token service (distribution, "Token Authentication Specification" and
 * "OAuth2 Token Authentication").  What is given is what was asked for, less
 * what the caller may not do; giving less is no error.  Users who ask for it
 * get a refresh token, which stands for their password here and nowhere else.
 *
 *   form (POST) or header (GET) -> [open] -> find -> [verify] -> grant
 *
 * A grant runs in the db pool when it writes (refresh tokens) or signs with a
 * key pair, else inline.
 */

#include "api/handlers.h"
#include "api/machine.h"
#include "core/encode.h"
#include "meta/refresh.h"
#include "meta/setting.h"

#define CR_TOKEN_TTL_MIN_S    60
#define CR_TOKEN_RESPONSE_MAX (4 * CR_TOKEN_TEXT_MAX)

typedef struct cr_token_op_s {
    bool       post;
    bool       offline; /* a refresh token is wanted */
    cr_str_t   refresh; /* shown instead of a password */
    int64_t    refresh_id;
    cr_str_t   client_id;
    cr_scope_t asked[CR_SCOPES_MAX];
    size_t     nasked;
} cr_token_op_t;

static cr_err_t cr_token_find(cr_exchange_t *x);
static cr_err_t cr_token_grant(cr_exchange_t *x);

static cr_err_t
cr_token_open(cr_exchange_t *x)
{
    CR_TRY(cr_api_open(&x->cx, x->api));

    return cr_then(x, CR_STEP_INLINE, cr_token_find);
}

/* To the grant, where it may run. */
static cr_err_t
cr_token_to_grant(cr_exchange_t *x)
{
    cr_token_op_t       *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);
    bool slow = op->refresh_id != 0 || cr_keyring_is_slow(o->keys);

    if (x->state->login.kind != CR_AUTH_BASIC
        || x->state->identity.kind != CR_IDENTITY_USER)
    {
        op->offline = false;
    }

    return cr_then(x, slow || op->offline ? CR_STEP_DB : CR_STEP_INLINE,
                   cr_token_grant);
}

static cr_err_t
cr_token_verify_step(cr_exchange_t *x)
{
    CR_TRY(cr_login_verify(x));

    return cr_token_to_grant(x);
}

/* A refresh token is worth as much as the password that it was made with: no
 * more once that was changed, or the user disabled. */
static cr_err_t
cr_token_refresh(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_user_t            u;
    cr_refresh_t         r;
    cr_token_op_t       *op = x->state->op;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_refresh_find(&x->cx, o->meta, op->refresh, &r));
    CR_TRY(cr_identity_parse(&x->cx, r.subject, &st->identity));
    err = cr_user_by_id(&x->cx, o->meta, st->identity.id, &u);

    if (err != CR_OK && err != CR_ERR_NOT_FOUND) {
        return err;
    }

    if (err != CR_OK || st->identity.kind != CR_IDENTITY_USER || u.disabled
        || u.epoch != r.epoch)
    {
        cr_clear(&x->cx);
        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED, "no such refresh token");
    }

    st->identity.epoch = u.epoch;
    st->identity.name = u.name;
    st->identity.admin = u.admin;
    st->authenticated = true;
    x->info.user = u.name;
    op->refresh_id = r.id;

    return cr_token_to_grant(x);
}

static cr_err_t
cr_token_find(cr_exchange_t *x)
{
    cr_token_op_t *op = x->state->op;

    if (op->refresh.len != 0) {
        return cr_token_refresh(x);
    }

    if (x->request.remote_user.len != 0 && !op->post) {
        CR_TRY(cr_authenticate_remote(x));
        return cr_token_to_grant(x);
    }

    if (x->state->login.kind == CR_AUTH_NONE) {
        if (op->nasked == 0) {
            return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED, NULL);
        }

        return cr_token_to_grant(x);
    }

    CR_TRY(cr_login_find(x));

    if (x->state->login.pending) {
        return cr_then(x, CR_STEP_CRYPT, cr_token_verify_step);
    }

    return cr_token_to_grant(x);
}

/* The parameters that both forms have; values come out of st->params. */
static cr_err_t
cr_token_parameters(cr_exchange_t *x, cr_token_op_t *op)
{
    cr_str_t value;

    CR_TRY(cr_query_one(x, "service", CR_ERR_BAD_REQUEST, &value));

    if (value.len != 0 && !cr_str_eq(value, cr_api_conf(x->api)->service)) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "this is the token service of \"%.*s\"",
                       CR_STR_ARG(cr_api_conf(x->api)->service));
    }

    CR_TRY(cr_query_one(x, "client_id", CR_ERR_BAD_REQUEST, &op->client_id));
    CR_TRY(cr_query_one(x, op->post ? "access_type" : "offline_token",
                        CR_ERR_BAD_REQUEST, &value));
    op->offline = cr_str_eq_z(value, op->post ? "offline" : "true");

    for (size_t i = 0; cr_query_get(x, "scope", i, &value); i++) {
        CR_TRY(cr_scope_parse_list(&x->cx, value, op->asked, CR_SCOPES_MAX,
                                   &op->nasked));
    }

    return CR_OK;
}

static cr_err_t
cr_token_start(cr_exchange_t *x, bool post, cr_str_t refresh)
{
    cr_token_op_t *op = CR_NEW(&x->cx, cr_token_op_t);

    if (op == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    op->post = post;
    op->refresh = refresh;
    x->state->op = op;
    CR_TRY(cr_token_parameters(x, op));

    if (!cr_api_is_ready(x->api)) {
        return cr_then(x, CR_STEP_DB, cr_token_open);
    }

    return cr_then(x, CR_STEP_INLINE, cr_token_find);
}

cr_err_t
cr_token_get(cr_exchange_t *x)
{
    CR_TRY(cr_login_parse(x));

    if (x->state->login.kind == CR_AUTH_BEARER) {
        /* Else a narrow token could buy a wide one. */
        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED,
                       "a token does not give another token");
    }

    return cr_token_start(x, false, CR_STR_NULL);
}

cr_err_t
cr_token_post(cr_exchange_t *x)
{
    cr_str_t             value;
    cr_exchange_state_t *st = x->state;

    value = cr_media_type_bare(cr_request_header(x, "Content-Type"));

    if (!cr_str_case_eq(value, CR_STR("application/x-www-form-urlencoded"))) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "the body must be application/x-www-form-urlencoded");
    }

    /* From here on the parameters are those of the body. */
    CR_TRY(cr_form_parse(&x->cx, st->body, st->params, CR_QUERY_MAX,
                         &st->nparams));
    CR_TRY(cr_query_one(x, "grant_type", CR_ERR_BAD_REQUEST, &value));

    if (cr_str_eq_z(value, "refresh_token")) {
        CR_TRY(cr_query_one(x, "refresh_token", CR_ERR_BAD_REQUEST, &value));

        return value.len != 0 ? cr_token_start(x, true, value)
                              : cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                                        "refresh_token is missing");
    }

    if (!cr_str_eq_z(value, "password")) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "unsupported grant_type: use password or "
                       "refresh_token");
    }

    CR_TRY(cr_query_one(x, "username", CR_ERR_BAD_REQUEST, &st->login.name));
    CR_TRY(
        cr_query_one(x, "password", CR_ERR_BAD_REQUEST, &st->login.password));

    if (st->login.name.len == 0) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "username is missing");
    }

    st->login.kind = CR_AUTH_BASIC;

    return cr_token_start(x, true, CR_STR_NULL);
}

/* What the caller may do there, of what was asked. */
static cr_err_t
cr_token_allowed(cr_exchange_t *x, const cr_scope_t *asked,
                 unsigned *ret_actions)
{
    static const cr_perm_e perms[] = { CR_PERM_PULL, CR_PERM_PUSH,
                                       CR_PERM_DELETE };
    cr_name_t              name;
    cr_access_row_t        row;
    cr_access_ask_t        ask = { 0 };
    cr_exchange_state_t   *st = x->state;
    const cr_api_open_t   *o = cr_api_opened(x->api);
    unsigned               allowed = 0;

    *ret_actions = 0;

    if (cr_str_eq_z(asked->type, "registry")) {
        if (st->identity.kind != CR_IDENTITY_ANONYMOUS
            && cr_str_eq_z(asked->name, "catalog"))
        {
            *ret_actions = asked->actions & CR_ACTION_ALL;
        }

        return CR_OK;
    }

    if (!cr_str_eq_z(asked->type, "repository")) {
        return CR_OK;
    }

    if (cr_name_parse(&x->cx, asked->name, &name) != CR_OK) {
        cr_clear(&x->cx);
        return CR_OK;
    }

    ask.robot = st->identity.kind == CR_IDENTITY_ROBOT;
    ask.id = st->identity.id;
    ask.project = name.project;
    CR_TRY(cr_access_get(&x->cx, o->meta, &ask, &row));

    for (size_t i = 0; i < CR_NELTS(perms); i++) {
        if (cr_access_allows(&st->identity, &row, perms[i])) {
            allowed |= cr_rbac_action(perms[i]);
        }
    }

    *ret_actions = asked->actions & CR_ACTION_ALL ? allowed
                                                  : asked->actions & allowed;

    return CR_OK;
}

/* One entry for each resource, whatever way it was asked for. */
static void
cr_token_add(cr_scope_t *list, size_t *n, const cr_scope_t *asked,
             unsigned actions)
{
    for (size_t i = 0; i < *n; i++) {
        if (cr_str_eq(list[i].type, asked->type)
            && cr_str_eq(list[i].name, asked->name))
        {
            list[i].actions |= actions;
            return;
        }
    }

    list[*n] = *asked;
    list[*n].actions = actions;
    (*n)++;
}

static cr_err_t
cr_token_respond(cr_exchange_t *x, const cr_token_t *t, cr_str_t text,
                 cr_str_t refresh)
{
    cr_buf_t       b;
    cr_str_t       body;
    cr_token_op_t *op = x->state->op;

    cr_buf_init(&b, &x->cx, CR_TOKEN_RESPONSE_MAX);
    cr_buf_z(&b, "{\"token\":");
    cr_buf_json(&b, text);
    cr_buf_z(&b, ",\"access_token\":");
    cr_buf_json(&b, text);
    cr_buf_printf(&b, ",\"expires_in\":%lld,\"issued_at\":",
                  (long long) (t->expires_at - t->issued_at));
    cr_buf_json(&b, cr_time_format(&x->cx, t->issued_at * CR_SECOND));

    if (refresh.len != 0) {
        cr_buf_z(&b, ",\"refresh_token\":");
        cr_buf_json(&b, refresh);
    }

    if (op->post) {
        cr_buf_t scope;
        cr_str_t s;

        cr_buf_init(&scope, &x->cx, CR_TOKEN_TEXT_MAX);

        for (size_t i = 0; i < t->naccess; i++) {
            cr_buf_z(&scope, i == 0 ? "" : " ");
            cr_buf_str(&scope, t->access[i].type);
            cr_buf_char(&scope, ':');
            cr_buf_str(&scope, t->access[i].name);
            cr_buf_char(&scope, ':');
            cr_scope_actions(&scope, t->access[i].actions);
        }

        CR_TRY(cr_buf_end(&scope, &s));
        cr_buf_z(&b, ",\"scope\":");
        cr_buf_json(&b, s);
    }

    cr_buf_z(&b, "}\n");
    CR_TRY(cr_buf_end(&b, &body));
    CR_TRY(cr_response_header(x, "Cache-Control", CR_STR("no-store")));

    return cr_respond_json(x, 200, body);
}

/* [db pool, when there is something to write] */
static cr_err_t
cr_token_refresh_rows(cr_exchange_t *x, cr_str_t *ret_refresh)
{
    cr_token_op_t       *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    *ret_refresh = CR_STR_NULL;

    if (op->refresh_id != 0
        && cr_refresh_used(&x->cx, o->meta, op->refresh_id) != CR_OK)
    {
        cr_debug(&x->cx, "refresh token: time of use not written");
        cr_clear(&x->cx);
    }

    if (!op->offline) {
        return CR_OK;
    }

    return cr_refresh_create(
        &x->cx, o->meta, cr_identity_subject(&x->cx, &x->state->identity),
        x->state->identity.epoch, op->client_id, ret_refresh);
}

cr_err_t
cr_api_token_ttl(cr_exchange_t *x, int64_t *ret_s)
{
    int64_t              minutes = 0;
    const cr_api_conf_t *conf = cr_api_conf(x->api);
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (!conf->token_ttl_fixed) {
        CR_TRY(cr_setting_get_int(&x->cx, o->meta, CR_SETTING_TOKEN_EXPIRATION,
                                  &minutes));
    }

    *ret_s = minutes > 0 ? minutes * 60 : conf->token_ttl_s;

    return CR_OK;
}

static cr_err_t
cr_token_grant(cr_exchange_t *x)
{
    char                 id[CR_UUID_LEN];
    size_t               n = 0;
    int64_t              ttl;
    cr_str_t             text, refresh;
    cr_token_t           t = { 0 };
    cr_scope_t          *granted;
    cr_token_op_t       *op = x->state->op;
    const cr_api_conf_t *conf = cr_api_conf(x->api);
    const cr_api_open_t *o = cr_api_opened(x->api);

    granted = cr_alloc(&x->cx, sizeof(cr_scope_t) * CR_SCOPES_MAX);

    if (granted == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    for (size_t i = 0; i < op->nasked; i++) {
        unsigned actions;

        CR_TRY(cr_token_allowed(x, &op->asked[i], &actions));

        if (actions != 0) {
            cr_token_add(granted, &n, &op->asked[i], actions);
        }
    }

    CR_TRY(cr_api_token_ttl(x, &ttl));
    CR_TRY(cr_token_refresh_rows(x, &refresh));
    CR_TRY(cr_uuid_make(&x->cx, id));

    t.issuer = cr_meta_installation_id(o->meta);
    t.audience = conf->service;
    t.subject = cr_identity_subject(&x->cx, &x->state->identity);
    t.epoch = x->state->identity.epoch;
    t.issued_at = cr_now(&x->cx) / CR_SECOND;
    t.expires_at =
        t.issued_at
        + (ttl < CR_TOKEN_TTL_MIN_S ? CR_TOKEN_TTL_MIN_S : ttl);
    t.id = (cr_str_t){ CR_UUID_LEN, id };
    t.access = granted;
    t.naccess = n;

    CR_TRY(cr_token_sign(&x->cx, o->keys, &t, &text));

    return cr_token_respond(x, &t, text, refresh);
}

static cr_err_t
cr_token_jwks_answer(cr_exchange_t *x)
{
    cr_str_t             json;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_keyring_jwks(&x->cx, o->keys, &json));

    return cr_respond_json(x, 200, json);
}

static cr_err_t
cr_token_jwks_open(cr_exchange_t *x)
{
    CR_TRY(cr_api_open(&x->cx, x->api));

    return cr_token_jwks_answer(x);
}

/* Public keys, for others who take our tokens. */
cr_err_t
cr_token_jwks(cr_exchange_t *x)
{
    if (cr_api_opened(x->api) == NULL) {
        return cr_then(x, CR_STEP_DB, cr_token_jwks_open);
    }

    return cr_token_jwks_answer(x);
}
