/*
 * HTTP without a transport: request in, response out.  The only header of
 * api/ that a transport (ngx_module, tests, fuzzers) includes.
 *
 * An exchange is one request on its way.  The transport looks at x->step,
 * does what it says, and looks again:
 *
 *   CR_STEP_INLINE   cr_exchange_run(x) on the event thread
 *   CR_STEP_DB       cr_exchange_run(x) in the db pool
 *   CR_STEP_CRYPT    cr_exchange_run(x) in the crypt pool
 *   CR_STEP_BULK     cr_exchange_run(x) in the bulk pool
 *   CR_STEP_BODY     read the whole body, at most x->body_max bytes, then
 *                    cr_exchange_body(x, body); over it:
 *                    cr_exchange_body_too_large(x); cut short:
 *                    cr_exchange_abort(x)
 *   CR_STEP_STREAM   read the body piece by piece; for each piece
 *                    cr_exchange_write(x, data, len) in the bulk pool, one at
 *                    a time; while x->step stays CR_STEP_STREAM go on; at the
 *                    end of the body cr_exchange_stream_end(x); cut short or
 *                    client gone: cr_exchange_abort(x)
 *   CR_STEP_SEND     send x->response; what is unread of the body is
 *                    discarded
 *   CR_STEP_DROP     the client is gone: send nothing
 *
 * cr_exchange_body, _body_too_large, _stream_end and _abort only set the next
 * step; they are cheap and run on the event thread.  After _abort go on
 * until CR_STEP_DROP (the session is kept, its lease released).  Then
 * cr_exchange_free.
 *
 * One thread at a time per exchange; different exchanges on any threads.
 */

#ifndef CR_API_API_H
#define CR_API_API_H

#include "core/buf.h"

typedef struct cr_api_s      cr_api_t;
typedef struct cr_exchange_s cr_exchange_t;
struct cr_storage_driver_s;

/* Appends text in Prometheus format; the transport owns the counters. */
typedef void (*cr_api_metrics_pt)(void *arg, cr_buf_t *b);

typedef struct cr_api_conf_s {
    cr_str_t database;      /* URL */
    cr_str_t storage;       /* URL */
    cr_str_t public_url;    /* "https://hub.example.com"; empty: request's */
    cr_str_t service;       /* token service name, "nginx-registry" */
    bool     delete_enabled;
    bool     sparse_index;  /* children of an index may be missing */
    uint64_t manifest_max;  /* bytes */
    uint64_t min_free;      /* bytes: below it uploads answer 507; 0: off */
    int64_t  token_ttl_s;
    bool     token_ttl_fixed; /* not to be changed by the API */
    int64_t  grace_us, trash_us, upload_expires_us, upload_lease_us;
    int64_t  uploads_max;   /* open, per repository and owner; 0: any */
    int64_t  backup_interval_us; /* of the job runner; 0: no backups */
    int64_t  backup_keep;        /* files, at least 1 */
    cr_str_t backup_path;        /* folder; empty: beside the database */
    cr_api_metrics_pt metrics; /* NULL: none */
    void             *metrics_arg;
    /*
     * What nginx.conf declares, as meta/declare.h says; data NULL: not for
     * this process to reconcile.  declared_at: when the file was read (us).
     */
    cr_str_t declared;
    int64_t  declared_at;
    /* Zeroed memory that all processes share, for failed logins; NULL: each
     * process counts for itself. */
    void  *guard;
    size_t guard_size;
    /* What cr_api_gate_init made in memory that all processes share: where
     * their writers line up; NULL: each tries for itself. */
    void    *gate;
    cr_str_t token_key;   /* PEM text of a private key; empty: HS256 */
    cr_str_t secret_file; /* path; empty: the database's, with ".key" */
} cr_api_conf_t;

/* Every default filled in; strings empty but service. */
extern const cr_api_conf_t cr_api_conf_default;

/* Bytes for the line of writers; make it once, in memory for all processes. */
size_t cr_api_gate_size(void);
void   cr_api_gate_init(void *memory);

/*
 * Wrap a configuration (copied).  Opens nothing: database and storage are
 * opened by the first exchange that needs them, in the db pool, and tried
 * again at most once a second while they fail (503 meanwhile).  Heap object.
 */
cr_err_t cr_api_create(cr_ctx_t *cx, const cr_api_conf_t *conf,
                       cr_api_t **ret_api);
/* No exchange may be alive.  Takes NULL. */
void cr_api_free(cr_api_t *api);
/* Open now if not open (blocking; tests, start-up task). */
cr_err_t cr_api_open(cr_ctx_t *cx, cr_api_t *api);

/*
 * Pulls are counted in memory.  Every few seconds, and at its end, the
 * transport asks whether something is to be written, and has it written
 * (blocking: db pool).
 */
bool     cr_api_due(cr_api_t *api);
cr_err_t cr_api_flush(cr_ctx_t *cx, cr_api_t *api);

/*
 * A mistake in what nginx.conf declares: CONFIG, the message begins with the
 * place.  Looks at nothing but the text.
 */
cr_err_t cr_api_declared_check(cr_ctx_t *cx, cr_str_t declared);
/* CONFIG when the text of a file is no private key for tokens. */
cr_err_t cr_api_token_key_check(cr_ctx_t *cx, cr_str_t pem);

typedef enum {
    CR_API_DECLARE_DONE,   /* text: what was changed; empty: nothing */
    CR_API_DECLARE_NOTICE, /* text: why it is not for us */
    CR_API_DECLARE_FAULT,  /* text: why it is not applied */
    CR_API_DECLARE_AGAIN   /* try again later; text: why */
} cr_api_declare_e;

/*
 * Open if not open, then bring the database to conf.declared (blocking, slow
 * when passwords changed: db pool, at start).  *ret_text lives in cx.
 */
cr_api_declare_e cr_api_declare(cr_ctx_t *cx, cr_api_t *api,
                                cr_str_t *ret_text);

typedef enum {
    CR_STEP_INLINE,
    CR_STEP_DB,
    CR_STEP_CRYPT,
    CR_STEP_BULK,
    CR_STEP_BODY,
    CR_STEP_STREAM,
    CR_STEP_SEND,
    CR_STEP_DROP
} cr_step_e;

typedef struct cr_header_s {
    cr_str_t name;
    cr_str_t value;
} cr_header_t;

/* All strings must live as long as the exchange and never change. */
typedef struct cr_request_s {
    cr_str_t           method; /* "GET" */
    cr_str_t           target; /* as the client sent it: path?query */
    cr_str_t           scheme; /* "http", "https" */
    cr_str_t           host;   /* Host header, port included; may be empty */
    cr_str_t           remote_addr; /* text, for logs and audit */
    bool               loopback;    /* the peer is this machine */
    int64_t            content_length; /* -1: chunked or unknown */
    const cr_header_t *headers; /* as received, any order */
    size_t             nheaders;
    /* The user that the transport has established itself; empty: none. */
    cr_str_t remote_user;
    bool     remote_user_create; /* make that user at first sight */
} cr_request_t;

#define CR_RESPONSE_HEADERS_MAX 96

typedef struct cr_response_s {
    int         status;
    cr_str_t    content_type; /* empty: no Content-Type */
    cr_header_t headers[CR_RESPONSE_HEADERS_MAX];
    size_t      nheaders;
    cr_str_t    body;
    /*
     * A file to send instead of body, with ranges and conditions left to the
     * transport.  path is NUL-terminated; etag has its quotes.
     */
    bool     is_file;
    cr_str_t file_path;
    size_t   file_root; /* of file_path: links beyond it lead nowhere */
    uint64_t file_size;
    cr_str_t etag; /* also for bodies: transport answers If-None-Match */
    /* HEAD: no body is sent but Content-Length is this. */
    uint64_t content_length;
} cr_response_t;

/* For variables and logs; empty strings where there is none. */
typedef struct cr_exchange_info_s {
    cr_str_t    project, repository, reference, digest, user;
    const char *action;  /* pull push head mount delete list token ping api */
    const char *handler; /* metrics label: base manifest blob blob_upload
                          * blob_upload_chunk tags referrers catalog token
                          * health metrics api none */
    unsigned    handler_index; /* 0 .. cr_api_handler_count() - 1 */
    const char *error;   /* OCI id, or "" */
    cr_str_t    detail;  /* internal detail of a failure, for the log */
    bool        log_error; /* 5xx of ours: log detail at error level */
} cr_exchange_info_t;

struct cr_exchange_s {
    cr_ctx_t           cx;
    cr_api_t          *api;
    cr_request_t       request;
    cr_response_t      response;
    cr_exchange_info_t info;
    cr_step_e          step;
    uint64_t           body_max; /* with CR_STEP_BODY */
    /* private to api/: exchange.h */
    struct cr_exchange_state_s *state;
};

/* Heap object; step is CR_STEP_INLINE.  NO_MEMORY is the only error. */
cr_err_t cr_exchange_create(cr_api_t *api, const cr_request_t *request,
                            cr_exchange_t **ret_x);
/* Takes NULL; also when it was never finished (drops files it opened). */
void cr_exchange_free(cr_exchange_t *x);
void cr_exchange_run(cr_exchange_t *x);
void cr_exchange_body(cr_exchange_t *x, cr_str_t body);
void cr_exchange_body_too_large(cr_exchange_t *x);
void cr_exchange_write(cr_exchange_t *x, const void *data, size_t len);
void cr_exchange_stream_end(cr_exchange_t *x);
void cr_exchange_abort(cr_exchange_t *x);
/*
 * Answer with an error from outside (the transport's own: no thread free,
 * bad body).  Sets CR_STEP_SEND.
 */
void cr_exchange_fail(cr_exchange_t *x, cr_err_t err);

/* Names of the metrics label "handler", and how many there are. */
unsigned    cr_api_handler_count(void);
const char *cr_api_handler_name(unsigned i);

/* What a transport needs to answer without an exchange. */

/* Answers to this path (below /api/ and /c/) have Harbor's form. */
bool cr_api_is_harbor(cr_str_t path);
/* JSON body of an error, of the specified form or Harbor's; message empty:
 * the error's own text.  In cx's arena; NO_MEMORY. */
cr_err_t cr_api_error_body(cr_ctx_t *cx, bool harbor, cr_err_t err,
                           cr_str_t message, cr_str_t *ret_body);
/* The X-Request-Id of an answer: the client's own if that is one word of a
 * sane length, else a new one.  In cx's arena; NO_MEMORY, INTERNAL. */
cr_err_t cr_api_request_id(cr_ctx_t *cx, cr_str_t given, cr_str_t *ret_id);

#endif
