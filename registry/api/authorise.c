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
#include "meta/setting.h"

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
static bool
cr_authorise_is_alive(const cr_exchange_state_t *st)
{
    const cr_access_row_t *a = &st->access;

    return st->identity.kind == CR_IDENTITY_ANONYMOUS
           || (a->found && !a->disabled && a->epoch == st->identity.epoch);
}

static cr_err_t
cr_authorise_alive(cr_exchange_t *x)
{
    cr_exchange_state_t   *st = x->state;
    const cr_access_row_t *a = &st->access;

    if (st->identity.kind == CR_IDENTITY_ANONYMOUS) {
        return CR_OK;
    }

    if (!cr_authorise_is_alive(st)) {
        if (st->bearer) {
            st->challenge_error = "invalid_token";
        }

        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED,
                       "the credential is no longer valid");
    }

    st->identity.admin = a->admin;
    st->identity.name = a->name;
    x->info.user = a->name;

    return CR_OK;
}

static cr_err_t
cr_authorise_read(cr_exchange_t *x, cr_str_t project, int64_t project_id,
                  cr_access_row_t *row)
{
    cr_access_ask_t            ask = { 0 };
    const cr_exchange_state_t *st = x->state;
    const cr_api_open_t       *o = cr_api_opened(x->api);

    ask.project = project;
    ask.project_id = project_id;

    if (st->identity.kind != CR_IDENTITY_ANONYMOUS) {
        ask.robot = st->identity.kind == CR_IDENTITY_ROBOT;
        ask.id = st->identity.id;
    }

    return cr_access_get(&x->cx, o->meta, &ask, row);
}

/* A part of a path that names a project: Harbor's rule. */
static cr_err_t
cr_authorise_read_text(cr_exchange_t *x, cr_str_t project, cr_access_row_t *row)
{
    uint64_t id = 0;
    cr_str_t is_name = cr_request_header(x, "X-Is-Resource-Name");

    if (!cr_str_case_eq(is_name, CR_STR("true")) && cr_str_u64(project, &id)
        && id != 0 && id <= INT64_MAX)
    {
        return cr_authorise_read(x, CR_STR_NULL, (int64_t) id, row);
    }

    return cr_authorise_read(x, project, 0, row);
}

bool
cr_access_allows(const cr_identity_t *id, const cr_access_row_t *a,
                 cr_perm_e perm)
{
    bool user = id->kind == CR_IDENTITY_USER;

    if (a->project_found && a->project_replication && cr_rbac_writes(perm)
        && !a->replication)
    {
        return false;
    }

    if (user && a->admin) {
        return cr_rbac_allows(CR_ROLE_SYSTEM, a->project_public, perm);
    }

    if (!a->project_found) {
        return false;
    }

    if (cr_access_has(a, false, cr_perm_resource(perm), cr_perm_action(perm))) {
        return true;
    }

    /* Lists show a robot the projects in which it may do something. */

    if (perm == CR_PERM_PROJECT_READ && cr_access_any(a)) {
        return true;
    }

    return cr_rbac_allows(user ? (cr_role_e) a->role : CR_ROLE_NONE,
                          a->project_public, perm);
}

/* What a Bearer token adds to the right itself: its scopes bound it. */
static bool
cr_authorise_scope(const cr_exchange_t *x, const cr_access_row_t *a,
                   cr_str_t repository, cr_perm_e perm)
{
    unsigned                   need = cr_rbac_action(perm);
    const cr_exchange_state_t *st = x->state;

    if (!st->bearer) {
        return true;
    }

    if (need != 0 && repository.len != 0
        && (cr_token_actions(&st->token, CR_STR("repository"), repository)
            & need)
               == need)
    {
        return true;
    }

    /* A token is worth no less than none, where none is needed. */

    return st->api && a->project_found
           && cr_rbac_allows(CR_ROLE_NONE, a->project_public, perm);
}

static bool
cr_authorise_row(const cr_exchange_t *x, const cr_access_row_t *a,
                 cr_str_t repository, cr_perm_e perm)
{
    return cr_access_allows(&x->state->identity, a, perm)
           && cr_authorise_scope(x, a, repository, perm);
}

bool
cr_authorise_may(const cr_exchange_t *x, const cr_access_row_t *row,
                 cr_perm_e perm)
{
    return cr_authorise_row(x, row, x->state->name.full, perm);
}

cr_err_t
cr_authorise_name(cr_exchange_t *x, const cr_name_t *name, cr_perm_e perm,
                  bool *ret_allowed)
{
    cr_access_row_t row;

    CR_TRY(cr_authorise_read(x, name->project, 0, &row));
    *ret_allowed = cr_authorise_row(x, &row, name->full, perm);

    return CR_OK;
}

bool
cr_authorise_system(const cr_exchange_t *x, cr_perm_e perm)
{
    const cr_exchange_state_t *st = x->state;

    /* A token is for repositories; it never carries a system right. */

    if (st->bearer || !st->authenticated
        || st->identity.kind == CR_IDENTITY_ANONYMOUS)
    {
        return false;
    }

    if (perm == CR_PERM_LOGIN) {
        return true;
    }

    if (st->identity.admin) {
        return true;
    }

    return cr_perm_level(perm) == CR_PERM_LEVEL_SYSTEM
           && cr_access_has(&st->access, true, cr_perm_resource(perm),
                            cr_perm_action(perm));
}

/* What is missing: a credential, a wider token, or the right itself. */
cr_err_t
cr_authorise_refuse(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;

    if (!st->authenticated && st->login.kind == CR_AUTH_NONE) {
        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED, NULL);
    }

    if (st->bearer
        && (!st->harbor || st->identity.kind == CR_IDENTITY_ANONYMOUS))
    {
        st->challenge_error = "insufficient_scope";
        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED,
                       "the token does not give access to this");
    }

    return cr_fail(&x->cx, st->harbor ? CR_ERR_FORBIDDEN : CR_ERR_DENIED, NULL);
}

/* A project that takes pushes from replication alone says so: asking for
 * another token would not help. */
static cr_err_t
cr_authorise_refuse_row(cr_exchange_t *x, const cr_access_row_t *a,
                        cr_perm_e perm)
{
    cr_access_row_t      open = *a;
    cr_exchange_state_t *st = x->state;

    open.project_replication = false;

    if (a->project_replication && cr_rbac_writes(perm)
        && cr_access_allows(&st->identity, &open, perm))
    {
        return cr_fail(&x->cx, st->api ? CR_ERR_FORBIDDEN : CR_ERR_DENIED,
                       "project \"%.*s\" takes pushes from replication only",
                       CR_STR_ARG(a->project_name));
    }

    return cr_authorise_refuse(x);
}

/* [the row is read] Outside /v2 administrators learn what does not exist. */
static cr_err_t
cr_authorise_project_row(cr_exchange_t *x, const cr_access_row_t *a,
                         cr_perm_e perm)
{
    if (!a->project_found && x->state->identity.admin && x->state->api
        && !x->state->bearer)
    {
        return cr_fail(&x->cx, CR_ERR_NOT_FOUND, "no such project");
    }

    if (!cr_authorise_row(x, a, x->state->name.full, perm)) {
        return cr_authorise_refuse_row(x, a, perm);
    }

    return CR_OK;
}

cr_err_t
cr_authorise_project(cr_exchange_t *x, cr_str_t project, cr_perm_e perm,
                     cr_access_row_t *ret_row)
{
    cr_access_row_t row;

    CR_TRY(cr_authorise_read_text(x, project, &row));
    CR_TRY(cr_authorise_project_row(x, &row, perm));
    *ret_row = row;

    return CR_OK;
}

cr_err_t
cr_authorise_project_id(cr_exchange_t *x, int64_t id, cr_perm_e perm,
                        cr_access_row_t *ret_row)
{
    cr_access_row_t row;

    CR_TRY(cr_authorise_read(x, CR_STR_NULL, id, &row));
    CR_TRY(cr_authorise_project_row(x, &row, perm));
    *ret_row = row;

    return CR_OK;
}

/* Whoever may: in read-only mode nothing is changed. */
static cr_err_t
cr_authorise_change(cr_exchange_t *x)
{
    bool                 read_only = false;
    const cr_route_t    *route = x->state->route;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (strcmp(route->method, "GET") == 0 || (route->flags & CR_ROUTE_ALWAYS)) {
        return CR_OK;
    }

    CR_TRY(cr_setting_get_bool(&x->cx, o->meta, CR_SETTING_READ_ONLY,
                               &read_only));

    return read_only
               ? cr_fail(&x->cx, CR_ERR_DENIED,
                         "The system is in read only mode. Any modification "
                         "is prohibited.")
               : CR_OK;
}

/*
 * HEAD of a blob is how a push begins.  containerd logs in at the first 401,
 * and cannot send a manifest again whose PUT was that; so where all blobs are
 * there, and public, it must be asked before.
 */
static bool
cr_authorise_asks(const cr_exchange_t *x)
{
    const cr_exchange_state_t *st = x->state;

    return st->head && (st->route->flags & CR_ROUTE_HEAD_ASKS)
           && st->login.kind == CR_AUTH_NONE && !st->authenticated;
}

/* The caller and the project of the path, as they are now. */
static cr_err_t
cr_authorise_read_path(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;

    if (st->project_text.len != 0) {
        CR_TRY(cr_authorise_read_text(x, st->project_text, &st->access));

        if (st->access.project_found) {
            x->info.project = st->access.project_name;
        }

    } else {
        CR_TRY(cr_authorise_read(x, st->name.project, 0, &st->access));
    }

    return CR_OK;
}

static cr_err_t
cr_authorise_route(cr_exchange_t *x)
{
    bool                 allowed;
    unsigned             got;
    cr_exchange_state_t *st = x->state;
    cr_perm_e            perm = st->route->perm;

    CR_TRY(cr_authorise_read_path(x));

    if (st->cookie && !cr_authorise_is_alive(st)) {
        cr_session_drop(x);
        CR_TRY(cr_authorise_read_path(x));
    }

    CR_TRY(cr_authorise_alive(x));

    if (cr_authorise_asks(x)) {
        return cr_authorise_refuse(x);
    }

    if (cr_perm_level(perm) == CR_PERM_LEVEL_PROJECT) {
        return cr_authorise_project_row(x, &st->access, perm);
    }

    switch (perm) {

    case CR_PERM_ANYONE:
        return CR_OK;

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

    default:
        allowed = cr_authorise_system(x, perm);
        break;
    }

    return allowed ? CR_OK : cr_authorise_refuse(x);
}

cr_err_t
cr_authorise(cr_exchange_t *x)
{
    CR_TRY(cr_authorise_route(x));

    return cr_authorise_change(x);
}

cr_str_t
cr_api_actor(cr_exchange_t *x)
{
    return cr_identity_subject(&x->cx, &x->state->identity);
}

cr_audit_who_t
cr_api_who(cr_exchange_t *x)
{
    cr_audit_who_t who;

    who.actor = cr_api_actor(x);
    who.username = x->state->identity.name;
    who.client = x->request.remote_addr;

    return who;
}

cr_err_t
cr_project_ensure(cr_exchange_t *x)
{
    cr_err_t             err;
    int64_t              id;
    cr_audit_who_t       who;
    cr_project_new_t     p = { .no_member = true };
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (st->access.project_found || !st->identity.admin) {
        return CR_OK;
    }

    who = cr_api_who(x);
    p.name = st->name.project;
    err = cr_project_create(&x->cx, o->meta, &p, &who, &id);

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
    cr_visibility_t            v = { false, 0, 0 };
    const cr_exchange_state_t *st = x->state;

    if (st->identity.kind == CR_IDENTITY_USER) {
        v.all = st->identity.admin;
        v.user_id = st->identity.id;

    } else if (st->identity.kind == CR_IDENTITY_ROBOT) {
        v.robot_id = st->identity.id;
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
 * people ask for a password instead; the portal's pages have their own form.
 */
cr_err_t
cr_challenge(cr_exchange_t *x)
{
    cr_buf_t             b;
    cr_str_t             value;
    cr_exchange_state_t *st = x->state;
    cr_str_t             service = cr_api_conf(x->api)->service;

    if (cr_session_is_page(x)) {
        return CR_OK;
    }

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
