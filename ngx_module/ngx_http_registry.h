/*
 * Private header of the nginx module: what its files share.
 *
 *   _module.c    directives and hooks
 *   _conf.c      reading the configuration, and its checks
 *   _request.c   the content handler; drives a cr_exchange_t step by step
 *   _body.c      request bodies: their life, and those wanted whole
 *   _stream.c    streamed bodies: the ring, and the tasks that write them
 *   _task.c      the module's thread pools; one task of a request
 *   _response.c  sends the response of an exchange
 *   _filter.c    JSON in place of nginx's error pages; bytes sent
 *   _declare.c   users, projects, members, robots in nginx.conf
 *   _remote.c    remote_user: a name that nginx has established
 *   _zone.c      counters in shared memory, /metrics; _variable.c $registry_*
 *
 * All run on the event thread but what is said to run in a task.  While
 * ctx->task_active is set, a thread owns the exchange: hands off.
 */

#ifndef NGX_HTTP_REGISTRY_H
#define NGX_HTTP_REGISTRY_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_thread_pool.h>

/* Nothing here is visible outside the module, which nginx loads globally. */
#pragma GCC visibility push(hidden)

#include "api/api.h"
#include "ngx_http_registry_declare.h"

typedef struct ngx_http_registry_stats_s ngx_http_registry_stats_t;
typedef struct ngx_http_registry_body_s  ngx_http_registry_body_t;
typedef struct ngx_http_registry_ctx_s   ngx_http_registry_ctx_t;

enum {
    NGX_HTTP_REGISTRY_BULK,  /* bytes: write and hash */
    NGX_HTTP_REGISTRY_DB,    /* the database */
    NGX_HTTP_REGISTRY_CRYPT, /* password hashes */
    NGX_HTTP_REGISTRY_POOLS
};

/* What a pool of an instance has to do for requests, in this process. */
typedef struct {
    ngx_uint_t tasks;   /* posted, and not yet back */
    ngx_uint_t refused; /* since the log was told */
    time_t     told_at;
} ngx_http_registry_load_t;

/* A block registry_instance; with what a worker holds for it. */
typedef struct {
    ngx_str_t  name;
    u_char    *file; /* where the block stands */
    ngx_uint_t line;
    ngx_str_t  database;
    ngx_str_t  storage;
    ngx_str_t  public_url;
    ngx_str_t  service;
    ngx_flag_t delete;
    ngx_flag_t         sparse_index;
    size_t             manifest_max;
    off_t              min_free;
    time_t             token_ttl;
    ngx_flag_t         token_ttl_given; /* in the file */
    time_t             upload_expires;
    ngx_int_t          uploads_max;
    time_t             trash;
    time_t             grace;
    time_t             backup_interval; /* 0: none */
    ngx_int_t          backup_keep;
    ngx_str_t          backup_path;
    ngx_uint_t         threads[NGX_HTTP_REGISTRY_POOLS];
    ngx_thread_pool_t *pools[NGX_HTTP_REGISTRY_POOLS];
    ngx_shm_zone_t    *zone;

    ngx_http_registry_declare_t declare;

    /* of this process */
    ngx_http_registry_load_t   load[NGX_HTTP_REGISTRY_POOLS];
    ngx_http_registry_stats_t *stats;
    cr_api_t                  *api;
    ngx_queue_t                live; /* requests with an exchange */
} ngx_http_registry_instance_t;

/* A directive "registry NAME;". */
typedef struct {
    ngx_str_t                     name;
    u_char                       *file;
    ngx_uint_t                    line;
    ngx_http_registry_instance_t *instance;
} ngx_http_registry_ref_t;

typedef struct {
    ngx_array_t instances; /* ngx_http_registry_instance_t * */
    ngx_array_t refs;      /* ngx_http_registry_ref_t * */
    ngx_array_t locations; /* ngx_http_core_loc_conf_t *, of the registry */
} ngx_http_registry_main_conf_t;

typedef struct {
    /* ngx_http_core_loc_conf_t *, of the registry, whose names are paths */
    ngx_array_t locations;
} ngx_http_registry_srv_conf_t;

typedef struct {
    ngx_http_registry_ref_t  *ref;
    ngx_http_core_loc_conf_t *clcf;     /* of the same location */
    off_t                     body_max; /* as merged by nginx */
    ngx_int_t                 remote_user; /* index of the variable */
    ngx_flag_t                remote_user_create;
} ngx_http_registry_loc_conf_t;

typedef void (*ngx_http_registry_run_pt)(ngx_http_registry_ctx_t *ctx);

struct ngx_http_registry_ctx_s {
    ngx_http_request_t           *request;
    ngx_http_registry_instance_t *instance;
    ngx_queue_t                   queue;
    cr_exchange_t                *exchange; /* NULL: nginx answers itself */
    ngx_http_registry_body_t     *body;     /* NULL: none asked for */

    ngx_thread_task_t       *task;
    ngx_http_registry_run_pt run;  /* in the thread */
    ngx_http_registry_run_pt done; /* after it, on the event thread */
    ngx_uint_t               task_pool;
    unsigned                 task_active : 1;

    unsigned   counted : 1;
    ngx_uint_t handler;
    off_t      sent;

    ngx_str_t   page; /* JSON in place of an error page */
    const char *page_error;
    unsigned    page_sent : 1;
};

extern ngx_module_t ngx_http_registry_module;

/* _conf.c */
/* After merging: switch off what would alter content. */
ngx_int_t ngx_http_registry_conf_plain(ngx_conf_t *cf);

/* _request.c */
ngx_int_t ngx_http_registry_handler(ngx_http_request_t *r);
/* The context of a request, also after nginx forgot it; NULL if none. */
ngx_http_registry_ctx_t *ngx_http_registry_get_ctx(ngx_http_request_t *r);
ngx_http_registry_ctx_t *ngx_http_registry_add_ctx(
    ngx_http_request_t *r, ngx_http_registry_instance_t *inst);
/* Go on after an event: drive the exchange, finalise when it is over. */
void ngx_http_registry_resume(ngx_http_registry_ctx_t *ctx);
/* The process ends, no thread runs: let live uploads keep what they have, and
 * write what was counted. */
void ngx_http_registry_abandon(ngx_http_registry_instance_t *inst);

/* _body.c */
/* Steps BODY and STREAM: NGX_AGAIN while waiting, else look at the step. */
ngx_int_t ngx_http_registry_body(ngx_http_registry_ctx_t *ctx);
void      ngx_http_registry_body_free(ngx_http_registry_ctx_t *ctx);

/* Read what is there: NGX_OK (look at bufs), NGX_AGAIN, or a status. */
ngx_int_t ngx_http_registry_body_read(ngx_http_registry_ctx_t *ctx);
/* The body will not come to its end. */
ngx_int_t ngx_http_registry_body_early(ngx_http_registry_ctx_t *ctx,
                                       ngx_int_t                rc);
/* Do not read now, and do not blame the client for it. */
void ngx_http_registry_body_park(ngx_http_request_t *r);

/* _stream.c */
ngx_int_t ngx_http_registry_stream(ngx_http_registry_ctx_t *ctx);
/* Hand over what has come and was not yet; the body has ended early. */
void ngx_http_registry_stream_rest(ngx_http_registry_ctx_t *ctx);

/* _task.c */
char *ngx_http_registry_task_pools(ngx_conf_t                   *cf,
                                   ngx_http_registry_instance_t *inst);
/*
 * Run run(ctx) in a pool, then done(ctx) here, then resume.  NGX_AGAIN when
 * posted, NGX_ERROR when the pool has too much to do (which is logged).
 */
ngx_int_t ngx_http_registry_task_post(ngx_http_registry_ctx_t *ctx,
                                      ngx_uint_t               pool,
                                      ngx_http_registry_run_pt run,
                                      ngx_http_registry_run_pt done);
/* Open the registry of an instance in its db pool, without any request. */
ngx_int_t ngx_http_registry_task_open(ngx_cycle_t                  *cycle,
                                      ngx_http_registry_instance_t *inst);
/* Write what was counted in memory, every few seconds from now on. */
ngx_int_t ngx_http_registry_task_flush(ngx_cycle_t                  *cycle,
                                       ngx_http_registry_instance_t *inst);

/* _response.c */
ngx_int_t ngx_http_registry_send(ngx_http_registry_ctx_t *ctx);
/* Add a header to the response; name and value stay as long as r. */
ngx_table_elt_t *ngx_http_registry_header(ngx_http_request_t *r, cr_str_t name,
                                          cr_str_t value);
/* _filter.c, _variable.c */
void      ngx_http_registry_filter_init(void);
ngx_int_t ngx_http_registry_add_variables(ngx_conf_t *cf);

/* _zone.c */
ngx_int_t ngx_http_registry_zone_add(ngx_conf_t                   *cf,
                                     ngx_http_registry_instance_t *inst);
void      ngx_http_registry_zone_start(ngx_http_registry_instance_t *inst);
/* Memory of failed logins, one for all processes; its size. */
void *ngx_http_registry_zone_guard(ngx_http_registry_instance_t *, size_t *);
void *ngx_http_registry_zone_gate(ngx_http_registry_instance_t *);
/* A request comes in, got its handler, or is over. */
void ngx_http_registry_zone_begin(ngx_http_registry_ctx_t *ctx);
void ngx_http_registry_zone_route(ngx_http_registry_ctx_t *ctx);
void ngx_http_registry_zone_end(ngx_http_registry_ctx_t *ctx);
void ngx_http_registry_zone_upload(ngx_http_registry_ctx_t *ctx, int by);
void ngx_http_registry_zone_received(ngx_http_registry_ctx_t *ctx, size_t n);
void ngx_http_registry_zone_sent(ngx_http_registry_ctx_t *ctx);
ngx_int_t ngx_http_registry_zone_log(ngx_http_request_t *r);
/* cr_api_metrics_pt; any thread. */
void ngx_http_registry_zone_metrics(void *arg, cr_buf_t *b);

#pragma GCC visibility pop
#endif
