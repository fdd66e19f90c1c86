/*
 * The content handler: makes an exchange from a request and drives it, step
 * by step, until there is a response.  What a step needs is elsewhere: bodies
 * in _body.c, threads in _task.c, responses in _response.c.
 */

#include "ngx_http_registry_body.h"

static ngx_int_t    ngx_http_registry_exchange(ngx_http_registry_ctx_t *ctx);
static cr_header_t *ngx_http_registry_headers(ngx_http_request_t *r,
                                              size_t             *ret_n);
static cr_str_t     ngx_http_registry_host(ngx_http_request_t *r);
static ngx_uint_t   ngx_http_registry_loopback(struct sockaddr *sa);
static ngx_int_t    ngx_http_registry_drive(ngx_http_registry_ctx_t *ctx);
static ngx_int_t    ngx_http_registry_drop(ngx_http_registry_ctx_t *ctx);
static void         ngx_http_registry_run(ngx_http_registry_ctx_t *ctx);
static void         ngx_http_registry_done(ngx_http_registry_ctx_t *ctx);
static void         ngx_http_registry_finish(cr_exchange_t *x);
static void         ngx_http_registry_cleanup(void *data);


ngx_int_t
ngx_http_registry_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_registry_ctx_t      *ctx;
    ngx_http_registry_loc_conf_t *rlcf;
    ngx_http_registry_instance_t *inst;

    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_registry_module);
    inst = rlcf->ref->instance;

    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "registry \"%V\" cannot serve a subrequest", &inst->name);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* What follows is the registry's answer: error_page may not change it. */
    r->error_page = 1;

    if (inst->api == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    ctx = ngx_http_registry_add_ctx(r, inst);

    if (ctx == NULL || ngx_http_registry_exchange(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_registry_drive(ctx);

    if (rc == NGX_AGAIN) {
        r->main->count++;
        return NGX_DONE;
    }

    return rc;
}


ngx_http_registry_ctx_t *
ngx_http_registry_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_registry_ctx_t *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_registry_module);

    if (ctx != NULL || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }

    /* A redirect or a filter wiped the contexts; the cleanup still knows. */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_registry_cleanup) {
            ctx = cln->data;
            ngx_http_set_ctx(r, ctx, ngx_http_registry_module);
            return ctx;
        }
    }

    return NULL;
}


ngx_http_registry_ctx_t *
ngx_http_registry_add_ctx(ngx_http_request_t           *r,
                          ngx_http_registry_instance_t *inst)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_registry_ctx_t *ctx;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_registry_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->instance = inst;
    ngx_queue_init(&ctx->queue);

    /*
     * Not a cleanup of the request: those run while a thread still works for
     * it.  The pool stays until it is done.
     */
    cln->handler = ngx_http_registry_cleanup;
    cln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_registry_module);

    return ctx;
}


static ngx_int_t
ngx_http_registry_exchange(ngx_http_registry_ctx_t *ctx)
{
    cr_request_t        req;
    ngx_http_request_t *r = ctx->request;
    ngx_connection_t   *c = r->connection;

    ngx_memzero(&req, sizeof(cr_request_t));

    req.method = (cr_str_t){ r->method_name.len, (char *) r->method_name.data };
    req.target =
        (cr_str_t){ r->unparsed_uri.len, (char *) r->unparsed_uri.data };
    req.host = ngx_http_registry_host(r);
    req.scheme = CR_STR("http");

#if (NGX_HTTP_SSL)
    if (c->ssl) {
        req.scheme = CR_STR("https");
    }
#endif

    req.remote_addr =
        (cr_str_t){ c->addr_text.len, (char *) c->addr_text.data };
    req.loopback = ngx_http_registry_loopback(c->sockaddr) != 0;

    if (r->headers_in.content_length_n >= 0) {
        req.content_length = r->headers_in.content_length_n;

    } else {
        req.content_length = r->headers_in.chunked ? -1 : 0;
    }

    req.headers = ngx_http_registry_headers(r, &req.nheaders);

    if (req.headers == NULL
        || ngx_http_registry_remote_get(r, &req) != NGX_OK
        || cr_exchange_create(ctx->instance->api, &req, &ctx->exchange)
               != CR_OK)
    {
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&ctx->instance->live, &ctx->queue);
    ngx_http_registry_zone_begin(ctx);

    return NGX_OK;
}


/* Pointers into the request: its header buffers stay as long as its pool. */
static cr_header_t *
ngx_http_registry_headers(ngx_http_request_t *r, size_t *ret_n)
{
    size_t           n = 0;
    ngx_uint_t       i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;
    cr_header_t     *headers;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    headers = ngx_palloc(r->pool, (n + 1) * sizeof(cr_header_t));
    if (headers == NULL) {
        return NULL;
    }

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            headers[n].name =
                (cr_str_t){ h[i].key.len, (char *) h[i].key.data };
            headers[n].value =
                (cr_str_t){ h[i].value.len, (char *) h[i].value.data };
            n++;
        }
    }

    *ret_n = n;

    return headers;
}


static cr_str_t
ngx_http_registry_host(ngx_http_request_t *r)
{
    ngx_str_t *host;

    if (r->headers_in.host != NULL) {
        host = &r->headers_in.host->value;

    } else {
        host = &r->headers_in.server; /* of an absolute target; or empty */
    }

    return (cr_str_t){ host->len, (char *) host->data };
}


static ngx_uint_t
ngx_http_registry_loopback(struct sockaddr *sa)
{
    struct sockaddr_in *sin;
#if (NGX_HAVE_INET6)
    u_char              *p;
    struct sockaddr_in6 *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        p = sin6->sin6_addr.s6_addr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            return p[12] == 127;
        }

        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr) != 0;
#endif

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;

    default:
        return 0;
    }
}


void
ngx_http_registry_resume(ngx_http_registry_ctx_t *ctx)
{
    ngx_int_t           rc;
    ngx_http_request_t *r = ctx->request;

    rc = ngx_http_registry_drive(ctx);

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }
}


/* NGX_AGAIN: a task or the body will resume; else the end of the request. */
static ngx_int_t
ngx_http_registry_drive(ngx_http_registry_ctx_t *ctx)
{
    ngx_int_t      rc;
    ngx_uint_t     pool;
    cr_exchange_t *x = ctx->exchange;

    for (;;) {
        switch (x->step) {

        case CR_STEP_INLINE:
            cr_exchange_run(x);
            ngx_http_registry_zone_route(ctx);
            continue;

        case CR_STEP_DB:
            pool = NGX_HTTP_REGISTRY_DB;
            break;

        case CR_STEP_BULK:
            pool = NGX_HTTP_REGISTRY_BULK;
            break;

        case CR_STEP_CRYPT:
            pool = NGX_HTTP_REGISTRY_CRYPT;
            break;

        case CR_STEP_BODY:
        case CR_STEP_STREAM:
            rc = ngx_http_registry_body(ctx);

            if (rc == NGX_AGAIN) {
                return NGX_AGAIN;
            }

            continue;

        case CR_STEP_SEND:
            rc = ngx_http_registry_send(ctx);

            /* The rest of a long response is nginx's to send. */
            return rc == NGX_AGAIN ? NGX_OK : rc;

        default: /* CR_STEP_DROP */
            return ngx_http_registry_drop(ctx);
        }

        rc = ngx_http_registry_task_post(ctx, pool, ngx_http_registry_run,
                                         ngx_http_registry_done);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        cr_exchange_fail(x, pool == NGX_HTTP_REGISTRY_CRYPT
                                ? CR_ERR_TOOMANYREQUESTS
                                : CR_ERR_UNAVAILABLE);
    }
}


static void
ngx_http_registry_run(ngx_http_registry_ctx_t *ctx)
{
    cr_exchange_run(ctx->exchange);
}


static void
ngx_http_registry_done(ngx_http_registry_ctx_t *ctx)
{
    ngx_http_registry_zone_route(ctx);
}


/* The body ended early.  Who still listens is told, by nginx's own way. */
static ngx_int_t
ngx_http_registry_drop(ngx_http_registry_ctx_t *ctx)
{
    ngx_int_t         rc;
    ngx_connection_t *c = ctx->request->connection;

    rc = ctx->body != NULL ? ctx->body->rc : 0;

    if (c->error || rc == 0) {
        return NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    ctx->request->keepalive = 0;

    return rc;
}


/* Abort an exchange and run it to its end, here and now. */
static void
ngx_http_registry_finish(cr_exchange_t *x)
{
    cr_exchange_abort(x);

    while (x->step == CR_STEP_INLINE || x->step == CR_STEP_DB
           || x->step == CR_STEP_CRYPT || x->step == CR_STEP_BULK)
    {
        cr_exchange_run(x);
    }
}


void
ngx_http_registry_abandon(ngx_http_registry_instance_t *inst)
{
    cr_ctx_t                 cx;
    ngx_queue_t             *q;
    ngx_http_registry_ctx_t *ctx;

    while (!ngx_queue_empty(&inst->live)) {
        q = ngx_queue_head(&inst->live);
        ngx_queue_remove(q);
        ngx_queue_init(q);

        ctx = ngx_queue_data(q, ngx_http_registry_ctx_t, queue);
        ngx_http_registry_finish(ctx->exchange);
        cr_exchange_free(ctx->exchange);
        ctx->exchange = NULL;
    }

    if (inst->api != NULL && cr_api_due(inst->api)
        && cr_ctx_init(&cx, 0) == CR_OK)
    {
        (void) cr_api_flush(&cx, inst->api);
        cr_ctx_done(&cx);
    }
}


static void
ngx_http_registry_cleanup(void *data)
{
    ngx_http_registry_ctx_t *ctx = data;

    ngx_http_registry_zone_end(ctx);

    if (ctx->exchange != NULL) {
        ngx_queue_remove(&ctx->queue);

        /*
         * An upload still open here was cut off by worker_shutdown_timeout:
         * it keeps what came.  This process serves nobody else any more.
         */
        if (ngx_exiting || ngx_terminate) {
            ngx_http_registry_finish(ctx->exchange);
        }

        cr_exchange_free(ctx->exchange);
        ctx->exchange = NULL;
    }

    ngx_http_registry_body_free(ctx);
}
