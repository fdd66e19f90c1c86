/*
 * The portal's session: a signed cookie, no row.  It counts below /api/ and
 * /c/ alone, so that no page can make a browser push or pull; and requests
 * that change something must bring the session's CSRF token, which only pages
 * of this site can read.
 *
 *   POST /c/login (principal, password) -> [open] -> find -> [verify] -> done
 */

#include <string.h>

#include "api/handlers.h"
#include "api/machine.h"
#include "meta/setting.h"

#define CR_SESSION_COOKIE "sid"
#define CR_SESSION_HEADER "X-Harbor-CSRF-Token"

/* --- cookies ------------------------------------------------------------- */

/* RFC 6265: "a=1; b=2"; the first of that name counts. */
static cr_str_t
cr_cookie_get(const cr_exchange_t *x, cr_str_t name)
{
    cr_str_t rest, pair, value;

    for (size_t i = 0; i < x->request.nheaders; i++) {
        if (!cr_str_case_eq(x->request.headers[i].name, CR_STR("Cookie"))) {
            continue;
        }

        rest = x->request.headers[i].value;

        while (rest.len != 0 && cr_str_split(&rest, ';', &pair)) {
            value = cr_str_trim(pair);

            if (cr_str_starts(value, name) && value.len > name.len
                && value.data[name.len] == '=')
            {
                return cr_str_slice(value, name.len + 1, value.len);
            }
        }
    }

    return CR_STR_NULL;
}

static cr_err_t
cr_cookie_set(cr_exchange_t *x, cr_str_t value, bool ends)
{
    bool secure = cr_str_starts(cr_api_base_url(x), CR_STR("https:"));

    return cr_response_printf(
        x, "Set-Cookie",
        CR_SESSION_COOKIE "=%.*s; Path=/; HttpOnly; SameSite=Lax%s%s",
        CR_STR_ARG(value), secure ? "; Secure" : "",
        ends ? "; Max-Age=0" : "");
}

static bool
cr_session_path(const cr_exchange_t *x)
{
    return x->state->harbor;
}

static bool
cr_request_is_safe(const cr_exchange_t *x)
{
    cr_str_t m = x->request.method;

    return cr_str_eq_z(m, "GET") || cr_str_eq_z(m, "HEAD")
           || cr_str_eq_z(m, "OPTIONS");
}

/* --- requests with a session --------------------------------------------- */

static cr_err_t
cr_session_check_csrf(cr_exchange_t *x)
{
    cr_str_t             want;
    cr_str_t             got = cr_request_header(x, CR_SESSION_HEADER);
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (cr_request_is_safe(x)) {
        return CR_OK;
    }

    CR_TRY(cr_session_csrf(&x->cx, o->keys, &x->state->session, &want));

    if (!cr_str_eq_secret(got, want)) {
        return cr_fail(&x->cx, CR_ERR_FORBIDDEN,
                       "CSRF token missing or invalid");
    }

    return CR_OK;
}

/* session_timeout as it is now: it counts for sessions that began before. */
static cr_err_t
cr_session_idle(cr_exchange_t *x, int64_t *ret_s)
{
    int64_t              minutes = CR_SESSION_IDLE_S / 60;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_setting_get_int(&x->cx, o->meta, CR_SETTING_SESSION_TIMEOUT,
                              &minutes));
    *ret_s = minutes * 60;

    return CR_OK;
}

cr_err_t
cr_session_authenticate(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_str_t             text;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (!cr_session_path(x)) {
        return CR_OK;
    }

    text = cr_cookie_get(x, CR_STR(CR_SESSION_COOKIE));

    if (text.len == 0) {
        return CR_OK;
    }

    CR_TRY(cr_session_idle(x, &st->session_idle_s));

    err = cr_session_open(&x->cx, o->keys, text, st->session_idle_s,
                          &st->session);

    if (err != CR_OK) {
        st->cookie_dead = err == CR_ERR_UNAUTHORIZED;
        cr_clear(&x->cx);
        return CR_OK;
    }

    st->cookie = true;
    st->authenticated = true;
    st->identity.kind = CR_IDENTITY_USER;
    st->identity.id = st->session.user_id;
    st->identity.epoch = st->session.epoch;

    return cr_session_check_csrf(x);
}

void
cr_session_drop(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;

    memset(&st->identity, 0, sizeof(st->identity));
    st->authenticated = false;
    st->cookie = false;
    st->cookie_dead = true;
}

bool
cr_session_is_page(const cr_exchange_t *x)
{
    cr_str_t mode = cr_request_header(x, "Sec-Fetch-Mode");

    return cr_session_path(x)
           && (cr_cookie_get(x, CR_STR(CR_SESSION_COOKIE)).data != NULL
               || (mode.len != 0 && !cr_str_eq_z(mode, "navigate"))
               || cr_str_case_eq(cr_request_header(x, "X-Requested-With"),
                                 CR_STR("XMLHttpRequest")));
}

/* Is the cookie to be made anew, so that the session goes on? */
static bool
cr_session_due(cr_exchange_t *x, int64_t now)
{
    int64_t idle = x->state->session_idle_s;
    int64_t renew = idle / 4 < CR_SESSION_RENEW_S ? idle / 4
                                                  : CR_SESSION_RENEW_S;

    return x->response.status != 401 && idle != 0
           && now - x->state->session.seen_at >= renew
           && cr_request_header(x, "X-Harbor-No-Session-Renewal").data == NULL;
}

void
cr_session_headers(cr_exchange_t *x)
{
    int64_t              now;
    cr_str_t             text;
    cr_session_t         s;
    const cr_api_open_t *o;

    if (x->state->cookie_dead) {
        (void) cr_cookie_set(x, CR_STR(""), true);
    }

    if (!x->state->cookie) {
        return;
    }

    o = cr_api_opened(x->api);
    s = x->state->session;
    now = cr_now(&x->cx) / CR_SECOND;

    if (cr_session_csrf(&x->cx, o->keys, &s, &text) == CR_OK) {
        (void) cr_response_header(x, CR_SESSION_HEADER, text);
    }

    if (cr_session_due(x, now)) {
        s.seen_at = now;

        if (cr_session_seal(&x->cx, o->keys, &s, &text) == CR_OK) {
            (void) cr_cookie_set(x, text, false);
        }
    }
}

/* --- login and logout ---------------------------------------------------- */

static cr_err_t
cr_session_done(cr_exchange_t *x)
{
    cr_str_t             text;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (st->identity.kind != CR_IDENTITY_USER) {
        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED,
                       "robots have no session");
    }

    CR_TRY(cr_session_make(&x->cx, st->identity.id, st->identity.epoch,
                           &st->session));
    CR_TRY(cr_session_seal(&x->cx, o->keys, &st->session, &text));
    CR_TRY(cr_cookie_set(x, text, false));
    CR_TRY(cr_response_header(x, "Cache-Control", CR_STR("no-store")));
    st->cookie = true; /* the answer carries the CSRF token */

    return cr_respond_empty(x, 200);
}

static cr_err_t
cr_session_verify(cr_exchange_t *x)
{
    CR_TRY(cr_login_verify(x));

    return cr_then(x, CR_STEP_INLINE, cr_session_done);
}

static cr_err_t
cr_session_find(cr_exchange_t *x)
{
    CR_TRY(cr_login_find(x));

    if (x->state->login.pending) {
        return cr_then(x, CR_STEP_CRYPT, cr_session_verify);
    }

    return cr_then(x, CR_STEP_INLINE, cr_session_done);
}

static cr_err_t
cr_session_open_first(cr_exchange_t *x)
{
    CR_TRY(cr_api_open(&x->cx, x->api));

    return cr_then(x, CR_STEP_INLINE, cr_session_find);
}

cr_err_t
cr_session_login(cr_exchange_t *x)
{
    cr_str_t             type;
    cr_exchange_state_t *st = x->state;

    /* Else a page could log its visitor in as somebody else. */

    if (!cr_request_same_site(x)) {
        return cr_fail(&x->cx, CR_ERR_FORBIDDEN,
                       "a page of another site sent this request");
    }

    type = cr_media_type_bare(cr_request_header(x, "Content-Type"));

    if (!cr_str_case_eq(type, CR_STR("application/x-www-form-urlencoded"))) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "the body must be application/x-www-form-urlencoded");
    }

    CR_TRY(cr_form_parse(&x->cx, st->body, st->params, CR_QUERY_MAX,
                         &st->nparams));
    CR_TRY(cr_query_one(x, "principal", CR_ERR_BAD_REQUEST, &st->login.name));
    CR_TRY(
        cr_query_one(x, "password", CR_ERR_BAD_REQUEST, &st->login.password));

    if (st->login.name.len == 0) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "principal is missing");
    }

    st->login.kind = CR_AUTH_BASIC;

    if (cr_api_opened(x->api) == NULL) {
        return cr_then(x, CR_STEP_DB, cr_session_open_first);
    }

    return cr_then(x, CR_STEP_INLINE, cr_session_find);
}

/* An audit row, when the cookie was a session's that is good. */
static cr_err_t
cr_session_logout_audit(cr_exchange_t *x)
{
    int64_t              idle_s;
    cr_str_t             text = cr_cookie_get(x, CR_STR(CR_SESSION_COOKIE));
    cr_user_t            u;
    cr_session_t         s;
    cr_audit_who_t       who = { .client = x->request.remote_addr };
    cr_audit_entry_t     e = { .success = true };
    const cr_api_open_t *o;

    CR_TRY(cr_api_open(&x->cx, x->api));
    o = cr_api_opened(x->api);
    CR_TRY(cr_session_idle(x, &idle_s));
    CR_TRY(cr_session_open(&x->cx, o->keys, text, idle_s, &s));
    CR_TRY(cr_user_by_id(&x->cx, o->meta, s.user_id, &u));

    if (u.disabled || u.epoch != s.epoch) {
        return CR_OK;
    }

    who.actor = cr_printf(&x->cx, "user:%lld", (long long) u.id);
    who.username = u.name;
    e.operation = CR_STR("logout");
    e.resource_type = CR_STR("user");
    e.resource = u.name;
    x->info.user = u.name;

    return cr_audit_add(&x->cx, o->meta, &who, &e);
}

static cr_err_t
cr_session_logout_done(cr_exchange_t *x)
{
    if (cr_session_logout_audit(x) != CR_OK) {
        cr_debug(&x->cx, "logout: no audit row");
        cr_clear(&x->cx);
    }

    return cr_respond_empty(x, 200);
}

/* Nothing is stored that could end; the browser forgets the cookie, whether
 * there is a database or not. */
cr_err_t
cr_session_logout(cr_exchange_t *x)
{
    cr_str_t text = cr_cookie_get(x, CR_STR(CR_SESSION_COOKIE));

    CR_TRY(cr_cookie_set(x, CR_STR(""), true));
    CR_TRY(cr_response_header(x, "Cache-Control", CR_STR("no-store")));

    if (text.len == 0) {
        return cr_respond_empty(x, 200);
    }

    return cr_then(x, CR_STEP_DB, cr_session_logout_done);
}
