/*
 * Inside api/: what exchange.c needs from its neighbours.  Handlers do not
 * include this.
 */

#ifndef CR_API_MACHINE_H
#define CR_API_MACHINE_H

#include "api/exchange.h"

#define CR_TARGET_MAX 16384 /* bytes of a request target */

/* --- api.c --- */

/* What was opened together; an exchange holds the one it began in. */
typedef struct cr_api_gen_s cr_api_gen_t;

cr_api_gen_t *cr_api_enter(cr_api_t *api);
/* Frees what nobody can use any more.  gen may be NULL. */
void cr_api_leave(cr_api_t *api, cr_api_gen_t *gen);
/* False: cr_api_open must run first, where it may block. */
bool cr_api_is_ready(cr_api_t *api);
/* The database is not there any more: open it again. */
void cr_api_lost(cr_api_t *api);
/* Looks at most once a second whether it is; needs cr_api_is_ready. */
void cr_api_watch(cr_ctx_t *cx, cr_api_t *api);

/* --- route.c, route_v2.c, route_api.c --- */

typedef struct cr_route_set_s {
    const cr_route_t *rows;
    size_t            n;
    bool              api; /* patterns are matched by component */
} cr_route_set_t;

extern const cr_route_set_t cr_routes_v2;
extern const cr_route_set_t cr_routes_api; /* below /api/ */

/*
 * Split the target, find the row, parse the parts of the path and the query.
 * Everything a syntax error of the request line can be.  A 405 has set Allow.
 */
cr_err_t cr_route_match(cr_exchange_t *x);
/* Where a handler's name stands in the list of names; "none" if unknown. */
unsigned cr_api_handler_index(const char *z_name);

/* --- request.c --- */

/* Path and raw query out of origin-form or absolute-form. */
cr_err_t cr_target_split(cr_ctx_t *cx, cr_str_t target, cr_str_t *ret_path,
                         cr_str_t *ret_query);

/* --- authenticate.c --- */

/*
 * Who calls, from the Authorization header: BAD_REQUEST when it is given
 * twice, UNAUTHORIZED when it is wrong.  Point reads only; login.pending
 * afterwards: cr_login_verify must follow, in the crypt pool.
 */
cr_err_t cr_authenticate(cr_exchange_t *x);
/* Fill login.kind, name, password, token from the header; no reads. */
cr_err_t cr_login_parse(cr_exchange_t *x);
/* Look up login.name; verified before: identity is set, else pending. */
cr_err_t cr_login_find(cr_exchange_t *x);
/* Slow: check login.password.  UNAUTHORIZED. */
cr_err_t cr_login_verify(cr_exchange_t *x);
/* Overwrite the password. */
void cr_login_wipe(cr_exchange_t *x);

/* --- session.c --- */

/*
 * Who calls, from the session cookie: nobody when there is none, or none that
 * is good.  FORBIDDEN when an unsafe request lacks its CSRF token.  No reads.
 */
cr_err_t cr_session_authenticate(cr_exchange_t *x);
/* The session is over, as its user is another one by now: go on as nobody. */
void cr_session_drop(cr_exchange_t *x);
/* Did a page or script of the portal send this, below /api/ or /c/?  Browsers
 * would answer a Basic challenge with a window of their own. */
bool cr_session_is_page(const cr_exchange_t *x);
/* The CSRF token of the session, and its cookie anew when it is due; a cookie
 * that is good for nothing is taken back. */
void cr_session_headers(cr_exchange_t *x);

/* --- remote.c --- */

/* Did a page of this site send the request?  Safe methods: always. */
bool cr_request_same_site(const cr_exchange_t *x);

/*
 * The caller is request.remote_user: UNAUTHORIZED when there is no such user,
 * DENIED for an administrator whom nginx.conf does not declare, FORBIDDEN when
 * another site's page sent it.  Writes (AGAIN) when the user is to be made.
 */
cr_err_t cr_authenticate_remote(cr_exchange_t *x);

/* --- authorise.c --- */

/* May the caller do what the route does?  One read.  UNAUTHORIZED, DENIED. */
cr_err_t cr_authorise(cr_exchange_t *x);
/* May this caller do that in the project of the row?  Scopes aside. */
bool cr_access_allows(const cr_identity_t *id, const cr_access_row_t *a,
                      cr_perm_e perm);
/* Does the route need to know the caller at all? */
bool cr_authorise_needed(const cr_exchange_t *x);
/* Add the WWW-Authenticate of a 401. */
cr_err_t cr_challenge(cr_exchange_t *x);

/* --- response.c --- */

/* Turn the error in x->cx into the response. */
void cr_respond_error(cr_exchange_t *x, cr_err_t err);
/* Headers that every response has; drops the body of a HEAD. */
void cr_response_finish(cr_exchange_t *x);

/* --- exchange.c --- */

/* The response is complete: the next step is to send it. */
void cr_exchange_sent(cr_exchange_t *x);

#endif
