/*
 * Inside api/: the state of an exchange, and what handlers may call.
 */

#ifndef CR_API_EXCHANGE_H
#define CR_API_EXCHANGE_H

#include "api/api.h"
#include "auth/credential_cache.h"
#include "auth/guard.h"
#include "auth/identity.h"
#include "auth/rbac.h"
#include "auth/session.h"
#include "auth/token.h"
#include "auth/token_cache.h"
#include "meta/access.h"
#include "meta/audit.h"
#include "meta/manifest.h"
#include "meta/pull.h"
#include "meta/robot.h"
#include "meta/upload.h"
#include "meta/user.h"
#include "oci/name.h"
#include "oci/reference.h"
#include "storage/storage.h"

/* What the api has open; NULL until cr_api_open succeeded. */
typedef struct cr_api_open_s {
    cr_db_t               *db;
    cr_meta_t             *meta;
    cr_storage_t          *storage;
    cr_keyring_t          *keys;
    cr_credential_cache_t *credentials;
    cr_token_cache_t      *tokens;
    cr_pulls_t            *pulls;
    bool                   reads_inline; /* point reads on the event loop */
} cr_api_open_t;

/* Stays good for an exchange until its end, even when there is a newer one. */
const cr_api_open_t *cr_api_opened(cr_api_t *api);
const cr_api_conf_t *cr_api_conf(const cr_api_t *api);
/* Failed logins; shared by all processes when the transport gave memory. */
const cr_guard_t *cr_api_guard(const cr_api_t *api);
/* One step of a handler.  An error becomes the response. */
typedef cr_err_t (*cr_step_pt)(cr_exchange_t *x);
typedef cr_err_t (*cr_write_pt)(cr_exchange_t *x, const void *data, size_t len);

typedef enum {
    CR_BODY_NONE,   /* ignored */
    CR_BODY_BUFFER, /* whole, in memory, before the handler */
    CR_BODY_STREAM  /* the handler's first step calls cr_then_stream */
} cr_body_e;

/* Flags of a route. */
#define CR_ROUTE_DELETES   0x01u /* 405 where deletion is switched off */
#define CR_ROUTE_ALWAYS    0x02u /* changes something in read-only mode too */
#define CR_ROUTE_HEAD_ASKS 0x04u /* HEAD by nobody: 401, also in public */

/* A row of the route table (route.c). */
typedef struct cr_route_s {
    const char *method;  /* "GET" also serves HEAD */
    const char *pattern; /* "/v2/{name}/manifests/{reference}" */
    const char *handler; /* metrics label */
    const char *action;  /* log variable */
    cr_perm_e   perm;
    unsigned    flags;
    cr_body_e   body;
    uint64_t    body_max; /* CR_BODY_BUFFER; 0: manifest_max of the conf */
    cr_step_e   where;    /* of the first step */
    cr_step_pt  fn;
} cr_route_t;

#define CR_QUERY_MAX      80 /* parameters of one request */
#define CR_PATH_PARTS_MAX 6  /* {parts} of a path below /api/ */

typedef enum {
    CR_AUTH_NONE,
    CR_AUTH_BASIC,
    CR_AUTH_BEARER,
    CR_AUTH_REMOTE /* the transport's own: request.remote_user */
} cr_auth_e;

/* What the Authorization header or the token form says. */
typedef struct cr_login_s {
    cr_auth_e kind;
    cr_str_t  name;     /* CR_AUTH_BASIC */
    cr_str_t  password; /* CR_AUTH_BASIC */
    cr_str_t  token;    /* CR_AUTH_BEARER */
    cr_user_t user;     /* of that name; id 0: there is none */
    bool      pending;  /* the password waits for the crypt pool */
    int64_t   wait_s;   /* too many failures: Retry-After */
} cr_login_t;

typedef struct cr_exchange_state_s {
    const cr_route_t *route;
    bool              head;   /* HEAD: a GET whose body is not sent */
    bool              v2;     /* the path is below /v2/ */
    bool              api;    /* the path is below /api/ */
    bool              harbor; /* below /api/ or /c/: answers as Harbor's */
    cr_str_t          path;   /* target without query */
    cr_str_t          query;  /* raw */
    cr_header_t       params[CR_QUERY_MAX]; /* decoded query */
    size_t            nparams;
    /* below /api/: the {parts} of the pattern, decoded */
    cr_header_t parts[CR_PATH_PARTS_MAX];
    size_t      nparts;
    cr_str_t    project_text; /* {project}: name or id; empty: none */
    /* parts of the path below /v2/, and of {project_name} {repository} */
    cr_name_t      name;
    cr_str_t       reference_text; /* {reference}, {digest} or {id}: raw */
    cr_reference_t reference;
    cr_digest_t    digest;
    cr_str_t       body;
    /* caller */
    cr_identity_t   identity;
    bool            authenticated; /* valid credential or anonymous token */
    bool            bearer;
    bool            cookie; /* by the portal's session */
    bool            cookie_dead; /* it came with one that is not good */
    cr_session_t    session;
    int64_t         session_idle_s; /* 0: it was made by this request */
    cr_token_t      token;
    cr_access_row_t access; /* the caller, and the project of the path */
    cr_login_t      login;
    const char     *challenge_error; /* invalid_token, insufficient_scope */
    /* machine: see exchange.c */
    struct cr_api_gen_s *gen;
    int                  stage;
    bool                 settled; /* a handler said what comes next */
    cr_err_t             failed;  /* to send once abort has cleaned up */
    cr_str_t             failed_message;
    cr_str_t             failed_detail;
    cr_step_pt           next;
    cr_write_pt          write;
    cr_step_pt           end;
    cr_step_e            end_where;
    cr_step_pt           abort;
    cr_step_e            abort_where;
    /* upload in the making */
    cr_upload_t         *upload;
    cr_storage_writer_t *writer;
    void                *op; /* of the handler */
} cr_exchange_state_t;

/* --- for handlers ------------------------------------------------------ */

/* Go on with fn at `where`; return this. */
cr_err_t cr_then(cr_exchange_t *x, cr_step_e where, cr_step_pt fn);
/*
 * Now stream the body into write, then end.  When the body is cut short, or
 * a later step fails, the function given to cr_on_abort cleans up first.
 */
cr_err_t cr_then_stream(cr_exchange_t *x, cr_write_pt write,
                        cr_step_e end_where, cr_step_pt end);
/*
 * From now on fn runs at `where` before an error is sent and when the client
 * goes away (x->state->failed tells which).  fn NULL: nothing to clean up
 * any more.  fn runs once; what it returns is only logged.
 */
void cr_on_abort(cr_exchange_t *x, cr_step_e where, cr_step_pt fn);

/* The {part} of the path of a route below /api/, decoded; CR_STR_NULL when
 * the route has none of that name. */
cr_str_t cr_path_part(const cr_exchange_t *x, const char *name);
/* First header of that name (case-insensitive); CR_STR_NULL if none. */
cr_str_t cr_request_header(const cr_exchange_t *x, const char *name);
/* How many headers of that name there are. */
size_t cr_request_header_count(const cr_exchange_t *x, const char *name);
/* n-th query parameter of that name, decoded; false when there is none. */
bool cr_query_get(const cr_exchange_t *x, const char *name, size_t n,
                  cr_str_t *ret_value);
/* The one parameter of that name, CR_STR_NULL when missing; given twice is
 * err. */
cr_err_t cr_query_one(cr_exchange_t *x, const char *name, cr_err_t err,
                      cr_str_t *ret_value);
/* Decode "a=1&b=2" into list (of max items); URI_TOO_LONG, BAD_REQUEST. */
cr_err_t cr_form_parse(cr_ctx_t *cx, cr_str_t text, cr_header_t *list,
                       size_t max, size_t *ret_n);

/* Refuses values with control characters (INTERNAL). */
cr_err_t cr_response_header(cr_exchange_t *x, const char *name, cr_str_t value);
cr_err_t cr_response_printf(cr_exchange_t *x, const char *name, const char *fmt,
                            ...) __attribute__((format(printf, 3, 4)));
/* Status, content type and body: the exchange is over. */
cr_err_t cr_respond(cr_exchange_t *x, int status, cr_str_t content_type,
                    cr_str_t body);
/* Status and JSON body (content type application/json). */
cr_err_t cr_respond_json(cr_exchange_t *x, int status, cr_str_t body);
/* Status, no body. */
cr_err_t cr_respond_empty(cr_exchange_t *x, int status);
/* Does If-None-Match name this digest (quoted, weak, bare, in a list, "*")? */
bool cr_request_none_match(const cr_exchange_t *x, cr_str_t digest);

/* How long tokens are good: token_ttl of nginx.conf, else what was set. */
cr_err_t cr_api_token_ttl(cr_exchange_t *x, int64_t *ret_s);
/* scheme://host of this registry: public_url, else from the request. */
cr_str_t cr_api_base_url(cr_exchange_t *x);
/*
 * Permission.  Before a handler runs, the route's permission has been
 * checked: a right in a project against the project of the path (st->name or
 * st->project_text; st->access then holds its id and name, and it exists),
 * a right of the registry (CR_PERM_SYSTEM_*) against administrators and system
 * robots, CR_PERM_ANYONE against nothing.  The functions below are for
 * handlers that must ask for more.
 */

/* Does the caller have `perm` in the project of `name`?  One read; uses the
 * token's scopes when the caller came with one. */
cr_err_t cr_authorise_name(cr_exchange_t *x, const cr_name_t *name,
                           cr_perm_e perm, bool *ret_allowed);
/*
 * The project that is named by id or name (as in the path), and the caller's
 * right to do `perm` there.  One read.  UNAUTHORIZED (nobody logged in),
 * FORBIDDEN (no right, or no such project), NOT_FOUND (no such project, to
 * administrators).
 */
cr_err_t cr_authorise_project(cr_exchange_t *x, cr_str_t project,
                              cr_perm_e perm, cr_access_row_t *ret_row);
/* The same by id. */
cr_err_t cr_authorise_project_id(cr_exchange_t *x, int64_t id, cr_perm_e perm,
                                 cr_access_row_t *ret_row);
/* May the caller do this in the project of that row?  No read. */
bool cr_authorise_may(const cr_exchange_t *x, const cr_access_row_t *row,
                      cr_perm_e perm);
/* A right of the registry as a whole; no read.  Also: CR_PERM_ADMIN, LOGIN. */
bool cr_authorise_system(const cr_exchange_t *x, cr_perm_e perm);
/* The error for "may not": UNAUTHORIZED when nobody is logged in. */
cr_err_t cr_authorise_refuse(cr_exchange_t *x);
/*
 * [write] Before the first row in a project: an administrator who pushes
 * into a project that does not exist makes it (private).
 */
cr_err_t cr_project_ensure(cr_exchange_t *x);
/* Who acts, for rows: "user:1". */
cr_str_t cr_api_actor(cr_exchange_t *x);
/* The same with name and address, for the audit log. */
cr_audit_who_t cr_api_who(cr_exchange_t *x);
/* What listings may show to this caller. */
cr_visibility_t cr_api_visibility(const cr_exchange_t *x);

#endif
