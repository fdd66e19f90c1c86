/*
 * May the caller do what the route does: the route's permission against the
 * caller's role in the project as it is now (one read a request, so that a
 * change of membership takes effect at once) and, for a token, its scopes.
 *
 * A project that is private and one that does not exist look the same to all
 * but administrators.
 */

#include <string.h>

#include "api/machine.h"
#include "meta/project.h"

/* Proxies in front add these: then the peer is not the caller. */
static bool
cr_request_is_local(const cr_exchange_t *x)
{
    return x->request.loopback
           && cr_request_header_count(x, "X-Forwarded-For") == 0
           && cr_request_header_count(x, "Forwarded") == 0
           && cr_request_header_count(x, "X-Real-IP") == 0;
}

bool
cr_authorise_needed(const cr_exchange_t *x)
{
    switch (x->state->route->perm) {

    case CR_PERM_OPEN:
        return false;

    case CR_PERM_LOCAL_OR_ADMIN:
        return !cr_request_is_local(x);

    default:
        return true;
    }
}

/* Is the user of the credential still the one it was made for? */
static cr_err_t
cr_authorise_alive(cr_exchange_t *x)
{
    cr_exchange_state_t   *st = x->state;
    const cr_access_row_t *a = &st->access;

    if (st->identity.kind == CR_IDENTITY_ANONYMOUS) {
        return CR_OK;
    }

    if (st->identity.kind != CR_IDENTITY_USER || !a->user_found || a->disabled
        || a->epoch != st->identity.epoch)
    {
        if (st->bearer) {
            st->challenge_error = "invalid_token";
        }

        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED,
                       "the credential is no longer valid");
    }

    st->identity.admin = a->admin;
    st->identity.name = a->user_name;
    x->info.user = a->user_name;

    return CR_OK;
}

static cr_err_t
cr_authorise_read(cr_exchange_t *x, cr_str_t project, cr_access_row_t *row)
{
    int64_t              user = 0;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (x->state->identity.kind == CR_IDENTITY_USER) {
        user = x->state->identity.id;
    }

    return cr_access_get(&x->cx, o->meta, user, project, row);
}

static bool
cr_authorise_row(const cr_exchange_t *x, const cr_access_row_t *a,
                 cr_str_t repository, cr_perm_e perm)
{
    unsigned                   need;
    cr_role_e                  role;
    const cr_exchange_state_t *st = x->state;

    if (st->identity.kind != CR_IDENTITY_ANONYMOUS && a->admin) {
        role = CR_ROLE_SYSTEM;

    } else if (!a->project_found) {
        return false;

    } else {
        role = (cr_role_e) a->role;
    }

    if (!cr_rbac_allows(role, a->project_public, perm)) {
        return false;
    }

    if (!st->bearer) {
        return true;
    }

    need = cr_rbac_action(perm);

    return (cr_token_actions(&st->token, CR_STR("repository"), repository)
            & need)
           == need;
}

cr_err_t
cr_authorise_name(cr_exchange_t *x, const cr_name_t *name, cr_perm_e perm,
                  bool *ret_allowed)
{
    cr_access_row_t row;

    CR_TRY(cr_authorise_read(x, name->project, &row));
    *ret_allowed = cr_authorise_row(x, &row, name->full, perm);

    return CR_OK;
}

/* What is missing: a credential, a wider token, or the right itself. */
static cr_err_t
cr_authorise_refuse(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;

    if (st->login.kind == CR_AUTH_NONE) {
        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED, NULL);
    }

    if (st->bearer) {
        st->challenge_error = "insufficient_scope";
        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED,
                       "the token does not give access to this");
    }

    return cr_fail(&x->cx, CR_ERR_DENIED, NULL);
}

cr_err_t
cr_authorise(cr_exchange_t *x)
{
    bool                 allowed;
    unsigned             got;
    cr_exchange_state_t *st = x->state;
    cr_perm_e            perm = st->route->perm;

    CR_TRY(cr_authorise_read(x, st->name.project, &st->access));
    CR_TRY(cr_authorise_alive(x));

    switch (perm) {

    case CR_PERM_PING:
        allowed = st->authenticated;
        break;

    case CR_PERM_CATALOG:
        allowed = st->authenticated;

        if (st->bearer) {
            got = cr_token_actions(&st->token, CR_STR("registry"),
                                   CR_STR("catalog"));
            allowed = (got & CR_ACTION_ALL) != 0;
        }

        break;

    case CR_PERM_LOCAL_OR_ADMIN:
        allowed = st->identity.admin && !st->bearer;
        break;

    default:
        allowed = cr_authorise_row(x, &st->access, st->name.full, perm);
        break;
    }

    return allowed ? CR_OK : cr_authorise_refuse(x);
}

cr_str_t
cr_api_actor(cr_exchange_t *x)
{
    return cr_identity_subject(&x->cx, &x->state->identity);
}

cr_err_t
cr_project_ensure(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_project_t         p;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (st->access.project_found || !st->identity.admin) {
        return CR_OK;
    }

    err = cr_project_create(&x->cx, o->meta, st->name.project, false,
                            cr_api_actor(x), &p);

    if (err == CR_ERR_EXISTS) {
        cr_clear(&x->cx);
        err = CR_OK; /* somebody else was faster */
    }

    if (err == CR_OK) {
        st->access.project_found = true;
    }

    return err;
}

cr_visibility_t
cr_api_visibility(const cr_exchange_t *x)
{
    cr_visibility_t            v = { false, 0 };
    const cr_exchange_state_t *st = x->state;

    if (st->identity.kind == CR_IDENTITY_USER) {
        v.all = st->identity.admin;
        v.user_id = st->identity.id;
    }

    return v;
}

/* The scope a client must ask for, or nothing. */
static void
cr_challenge_scope(cr_exchange_t *x, cr_buf_t *b)
{
    cr_str_t             from;
    cr_name_t            name;
    cr_exchange_state_t *st = x->state;

    if (st->route->perm == CR_PERM_CATALOG) {
        cr_buf_z(b, ",scope=\"registry:catalog:*\"");
        return;
    }

    if (st->name.full.len == 0) {
        return;
    }

    cr_buf_z(b, ",scope=\"repository:");
    cr_buf_str(b, st->name.full);

    switch (st->route->perm) {

    case CR_PERM_PUSH:
        cr_buf_z(b, ":pull,push");
        break;

    case CR_PERM_DELETE:
        cr_buf_z(b, ":delete");
        break;

    default:
        cr_buf_z(b, ":pull");
        break;
    }

    if (st->route->perm == CR_PERM_PUSH && cr_query_get(x, "mount", 0, &from)
        && cr_query_get(x, "from", 0, &from)
        && cr_name_parse(&x->cx, from, &name) == CR_OK)
    {
        cr_buf_z(b, " repository:");
        cr_buf_str(b, name.full);
        cr_buf_z(b, ":pull");
    }

    cr_buf_char(b, '"');
}

/*
 * distribution, "Token Authentication Specification": clients find the token
 * service here, and nowhere else.  The token service itself and pages for
 * people ask for a password instead.
 */
cr_err_t
cr_challenge(cr_exchange_t *x)
{
    cr_buf_t             b;
    cr_str_t             value;
    cr_exchange_state_t *st = x->state;
    cr_str_t             service = cr_api_conf(x->api)->service;

    cr_buf_init(&b, &x->cx, 4096);

    if (!st->v2 || st->route == NULL) {
        cr_buf_z(&b, "Basic realm=\"");
        cr_buf_str(&b, service);
        cr_buf_char(&b, '"');

    } else {
        cr_buf_z(&b, "Bearer realm=\"");
        cr_buf_str(&b, cr_api_base_url(x));
        cr_buf_z(&b, "/service/token\",service=\"");
        cr_buf_str(&b, service);
        cr_buf_char(&b, '"');
        cr_challenge_scope(x, &b);

        if (st->challenge_error != NULL) {
            cr_buf_printf(&b, ",error=\"%s\"", st->challenge_error);
        }
    }

    CR_TRY(cr_buf_end(&b, &value));

    return cr_response_header(x, "WWW-Authenticate", value);
}
