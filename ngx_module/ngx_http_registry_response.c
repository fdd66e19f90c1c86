/*
 * Sends the response of an exchange: a body from memory, or a file the way
 * nginx sends its static files (open file cache, sendfile, ranges,
 * conditions).  What is unread of the request's body is dealt with first.
 */

#include "ngx_http_registry.h"

/* A file this short is sent from memory, if it is in the page cache. */
#define NGX_HTTP_REGISTRY_SMALL 16384

static ngx_int_t ngx_http_registry_open_file(ngx_http_registry_ctx_t *ctx,
                                             ngx_open_file_info_t    *of);
static void      ngx_http_registry_settle_body(ngx_http_registry_ctx_t *ctx);
static void      ngx_http_registry_log(ngx_http_registry_ctx_t *ctx);
static ngx_int_t ngx_http_registry_set_headers(ngx_http_registry_ctx_t *ctx);
static ngx_int_t        ngx_http_registry_plain(ngx_http_request_t *r);
static ngx_buf_t       *ngx_http_registry_buf(ngx_http_registry_ctx_t *ctx,
                                              ngx_open_file_info_t    *of);
static ngx_uint_t ngx_http_registry_buf_small(ngx_http_registry_ctx_t *ctx,
                                              ngx_open_file_info_t    *of,
                                              ngx_buf_t               *b);


ngx_int_t
ngx_http_registry_send(ngx_http_registry_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r = ctx->request;
    ngx_open_file_info_t of;
    const cr_response_t *res = &ctx->exchange->response;

    if (r->connection->error) {
        return NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    if (res->is_file && ngx_http_registry_open_file(ctx, &of) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_registry_log(ctx);
    ngx_http_registry_settle_body(ctx);

    if (ngx_http_registry_set_headers(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_http_registry_buf(ctx, &of);

    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* Without a file the exchange has an error as its response. */
static ngx_int_t
ngx_http_registry_open_file(ngx_http_registry_ctx_t *ctx,
                            ngx_open_file_info_t    *of)
{
    ngx_int_t                 rc;
    ngx_str_t                 path;
    ngx_http_request_t       *r = ctx->request;
    const cr_response_t      *res = &ctx->exchange->response;
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    path.len = res->file_path.len;
    path.data = (u_char *) res->file_path.data;

    ngx_memzero(of, sizeof(ngx_open_file_info_t));

    of->read_ahead = clcf->read_ahead;
    of->directio = NGX_OPEN_FILE_DIRECTIO_OFF;
    of->valid = clcf->open_file_cache_valid;
    of->min_uses = clcf->open_file_cache_min_uses;
    of->errors = clcf->open_file_cache_errors;
    of->events = clcf->open_file_cache_events;
#if (NGX_HAVE_OPENAT)
    /* What leads to the root may be links, nothing below it. */
    of->disable_symlinks = NGX_DISABLE_SYMLINKS_ON;
    of->disable_symlinks_from = res->file_root;
#endif
    rc = ngx_open_cached_file(clcf->open_file_cache, &path, of, r->pool);

    if (rc != NGX_OK) {
        if (of->err == 0) {
            return NGX_ERROR;
        }

        ngx_log_error(NGX_LOG_CRIT, r->connection->log, of->err,
                      "registry \"%V\": %s \"%V\" failed", &ctx->instance->name,
                      of->failed, &path);
        cr_exchange_fail(ctx->exchange, CR_ERR_UNAVAILABLE);
        return NGX_OK;
    }

    if (!of->is_file || (uint64_t) of->size != res->file_size) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "registry \"%V\": \"%V\" has %O bytes, not %uL",
                      &ctx->instance->name, &path, of->size, res->file_size);
        cr_exchange_fail(ctx->exchange, CR_ERR_UNAVAILABLE);
    }

    return NGX_OK;
}


static void
ngx_http_registry_log(ngx_http_registry_ctx_t *ctx)
{
    const cr_exchange_info_t *info = &ctx->exchange->info;

    if (info->log_error) {
        ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                      "registry \"%V\": %*s", &ctx->instance->name,
                      info->detail.len, info->detail.data);
    }
}


/*
 * Bytes of a body must never be read as the next request, and a client that
 * waits for "100 Continue" must not be invited now.
 */
static void
ngx_http_registry_settle_body(ngx_http_registry_ctx_t *ctx)
{
    ngx_http_request_t *r = ctx->request;

    if (ctx->body != NULL) {
        if (r->reading_body) {
            r->keepalive = 0;
        }

        return;
    }

    if (r->headers_in.expect != NULL && !r->expect_tested
        && (r->headers_in.content_length_n > 0 || r->headers_in.chunked))
    {
        /* Nobody knows whether it will send the body: the end. */
        r->keepalive = 0;
    }

    r->expect_tested = 1;

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }
}


static ngx_int_t
ngx_http_registry_set_headers(ngx_http_registry_ctx_t *ctx)
{
    size_t               i;
    ngx_http_request_t  *r = ctx->request;
    const cr_response_t *res = &ctx->exchange->response;

    r->headers_out.status = (ngx_uint_t) res->status;

    if (res->content_type.len != 0) {
        r->headers_out.content_type.len = res->content_type.len;
        r->headers_out.content_type.data = (u_char *) res->content_type.data;
        r->headers_out.content_type_len = res->content_type.len;
        r->headers_out.content_type_lowcase = NULL;
    }

    if (res->is_file) {
        r->headers_out.content_length_n = (off_t) res->file_size;
        r->allow_ranges = 1;

    } else if (res->status == NGX_HTTP_NO_CONTENT
               || res->status == NGX_HTTP_NOT_MODIFIED)
    {
        r->headers_out.content_length_n = -1; /* RFC 9110, 8.6 */

    } else if (r->method == NGX_HTTP_HEAD) {
        r->headers_out.content_length_n = (off_t) res->content_length;

    } else {
        r->headers_out.content_length_n = (off_t) res->body.len;
    }

    for (i = 0; i < res->nheaders; i++) {
        if (ngx_http_registry_header(r, res->headers[i].name,
                                     res->headers[i].value)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    if (res->etag.len != 0) {
        r->headers_out.etag =
            ngx_http_registry_header(r, CR_STR("ETag"), res->etag);

        if (r->headers_out.etag == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_http_registry_plain(r);
}


ngx_table_elt_t *
ngx_http_registry_header(ngx_http_request_t *r, cr_str_t name, cr_str_t value)
{
    ngx_table_elt_t *h;

    h = ngx_list_push(&r->headers_out.headers);

    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.len = name.len;
    h->key.data = (u_char *) name.data;
    h->value.len = value.len;
    h->value.data = (u_char *) value.data;
    h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


/*
 * The bytes of content must arrive as they are stored, whatever filters the
 * site has switched on.  A content coding that is set but not sent (hash 0)
 * keeps gzip, brotli, zstd and charset away alike; for those that do not look
 * see ngx_http_registry_conf_plain().
 */
static ngx_int_t
ngx_http_registry_plain(ngx_http_request_t *r)
{
    ngx_table_elt_t *h;

    h = ngx_pcalloc(r->pool, sizeof(ngx_table_elt_t));

    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&h->key, "Content-Encoding");
    ngx_str_set(&h->value, "identity");

    r->headers_out.content_encoding = h;

    return NGX_OK;
}


static ngx_buf_t *
ngx_http_registry_buf(ngx_http_registry_ctx_t *ctx, ngx_open_file_info_t *of)
{
    ngx_buf_t           *b;
    ngx_http_request_t  *r = ctx->request;
    const cr_response_t *res = &ctx->exchange->response;

    b = ngx_calloc_buf(r->pool);

    if (b == NULL) {
        return NULL;
    }

    b->last_buf = 1;
    b->last_in_chain = 1;

    if (!res->is_file) {
        b->pos = (u_char *) res->body.data;
        b->last = b->pos + res->body.len;
        b->memory = res->body.len != 0;
        b->sync = res->body.len == 0;
        return b;
    }

    if (ngx_http_registry_buf_small(ctx, of, b)) {
        return b;
    }

    b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));

    if (b->file == NULL) {
        return NULL;
    }

    b->file_last = of->size;
    b->in_file = of->size != 0;
    b->sync = of->size == 0;
    b->file->fd = of->fd;
    b->file->name.len = res->file_path.len;
    b->file->name.data = (u_char *) res->file_path.data;
    b->file->log = r->connection->log;
    b->file->directio = of->is_directio;

    return b;
}


/*
 * Configurations and small layers are most of what is asked for.  With "aio
 * threads" each would go to a thread and back only to find its bytes in the
 * page cache; so they are taken from there, or else left to the thread.
 */
static ngx_uint_t
ngx_http_registry_buf_small(ngx_http_registry_ctx_t *ctx,
                            ngx_open_file_info_t *of, ngx_buf_t *b)
{
#ifdef RWF_NOWAIT
    u_char             *p;
    struct iovec        iov;
    ngx_http_request_t *r = ctx->request;

    if (of->size == 0 || of->size > NGX_HTTP_REGISTRY_SMALL
        || r->method == NGX_HTTP_HEAD)
    {
        return 0;
    }

    p = ngx_pnalloc(r->pool, (size_t) of->size);

    if (p == NULL) {
        return 0;
    }

    iov.iov_base = p;
    iov.iov_len = (size_t) of->size;

    if (preadv2(of->fd, &iov, 1, 0, RWF_NOWAIT) != (ssize_t) of->size) {
        ngx_pfree(r->pool, p);
        return 0;
    }

    b->pos = p;
    b->last = p + of->size;
    b->memory = 1;
    b->in_file = 0;
    b->sync = 0;

    return 1;

#else

    return 0;

#endif
}
