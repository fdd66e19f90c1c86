/*
 * Request bodies: how they begin and end, and those that an exchange wants
 * whole, which grow in one buffer up to the exchange's limit.  The streamed
 * ones are in _stream.c.
 *
 * A body that is complete before we ask (short, or read by another module,
 * in memory or in a temporary file) is walked without changing it: a mirror
 * may still be sending the same buffers.
 */

#include "ngx_http_registry_body.h"

#define NGX_HTTP_REGISTRY_WHOLE_MIN 16384

static ngx_int_t ngx_http_registry_body_start(ngx_http_registry_ctx_t *ctx);
static void      ngx_http_registry_body_init(ngx_http_request_t *r);
static void      ngx_http_registry_body_event(ngx_http_request_t *r);
static ngx_int_t ngx_http_registry_body_go(ngx_http_registry_ctx_t *ctx);

static ngx_int_t ngx_http_registry_whole(ngx_http_registry_ctx_t *ctx);
static ngx_int_t ngx_http_registry_whole_complete(ngx_http_registry_ctx_t *ctx);
static ngx_int_t ngx_http_registry_whole_add(ngx_http_registry_ctx_t *ctx,
                                             u_char *data, size_t len);
static void      ngx_http_registry_whole_run(ngx_http_registry_ctx_t *ctx);


/* --- start and end ------------------------------------------------------ */

ngx_int_t
ngx_http_registry_body(ngx_http_registry_ctx_t *ctx)
{
    ngx_int_t           rc;
    ngx_http_request_t *r = ctx->request;

    if (ctx->body == NULL) {
        ctx->body = ngx_pcalloc(r->pool, sizeof(ngx_http_registry_body_t));

        if (ctx->body == NULL) {
            cr_exchange_fail(ctx->exchange, CR_ERR_NO_MEMORY);
            return NGX_OK;
        }
    }

    if (!ctx->body->started) {
        rc = ngx_http_registry_body_start(ctx);

        if (rc != NGX_OK) {
            return ngx_http_registry_body_early(ctx, rc);
        }
    }

    return ngx_http_registry_body_go(ctx);
}


/* NGX_OK or an HTTP status. */
static ngx_int_t
ngx_http_registry_body_start(ngx_http_registry_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r = ctx->request;
    ngx_http_registry_body_t *b = ctx->body;

    b->started = 1;
    b->whole = ctx->exchange->step == CR_STEP_BODY;

    if (!b->whole) {
        b->uploading = 1;
        ngx_http_registry_zone_upload(ctx, 1);
    }

    if (r->discard_body) {
        /* Thrown away before a redirect: it would look like an empty one. */
        return NGX_HTTP_BAD_REQUEST;
    }

    if (r->request_body == NULL) {
        r->request_body_no_buffering = 1;
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_registry_body_init);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    /* The reference that the call took; the handler has one of its own. */
    r->main->count--;

    if (!r->reading_body) {
        b->foreign = 1;
        b->cl = r->request_body->bufs;
    }

    return NGX_OK;
}


/* Called inside of ngx_http_read_client_request_body(): what follows is done
 * by its caller. */
static void
ngx_http_registry_body_init(ngx_http_request_t *r)
{
}


static void
ngx_http_registry_body_event(ngx_http_request_t *r)
{
    ngx_http_registry_ctx_t *ctx;

    ctx = ngx_http_registry_get_ctx(r);

    if (ngx_http_registry_body_go(ctx) != NGX_AGAIN) {
        ngx_http_registry_resume(ctx);
    }
}


static ngx_int_t
ngx_http_registry_body_go(ngx_http_registry_ctx_t *ctx)
{
    ngx_http_registry_body_t *b = ctx->body;

    if (b->rc == 0 && ctx->request->connection->error) {
        b->rc = NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    if (b->rc != 0) {
        return ngx_http_registry_body_early(ctx, b->rc);
    }

    return b->whole ? ngx_http_registry_whole(ctx)
                    : ngx_http_registry_stream(ctx);
}


/* Read what is there: NGX_OK (look at bufs), NGX_AGAIN, or a status. */
ngx_int_t
ngx_http_registry_body_read(ngx_http_registry_ctx_t *ctx)
{
    ngx_int_t           rc;
    ngx_http_request_t *r = ctx->request;

    if (r->read_event_handler != ngx_http_registry_body_event) {
        /* It was us who did not read: the client has not been slow. */
        r->connection->read->timedout = 0;
        r->read_event_handler = ngx_http_registry_body_event;
    }

    rc = ngx_http_read_unbuffered_request_body(r);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return rc == NGX_AGAIN && r->request_body->bufs == NULL ? NGX_AGAIN
                                                            : NGX_OK;
}


/* The body will not come to its end.  What came of a stream is kept. */
ngx_int_t
ngx_http_registry_body_early(ngx_http_registry_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_registry_body_t *b = ctx->body;

    b->rc = rc;
    ngx_http_registry_body_park(ctx->request);

    if (!b->whole && rc < NGX_HTTP_INTERNAL_SERVER_ERROR
        && ctx->request->request_body != NULL)
    {
        ngx_http_registry_stream_rest(ctx);
    }

    if (ctx->task_active) {
        return NGX_AGAIN;
    }

    cr_exchange_abort(ctx->exchange);

    return NGX_OK;
}


/* Do not read now, and do not blame the client for it. */
void
ngx_http_registry_body_park(ngx_http_request_t *r)
{
    r->read_event_handler = ngx_http_block_reading;

    if (r->connection->read->timer_set) {
        ngx_del_timer(r->connection->read);
    }
}


void
ngx_http_registry_body_free(ngx_http_registry_ctx_t *ctx)
{
    ngx_uint_t                i;
    ngx_http_registry_body_t *b = ctx->body;

    if (b == NULL) {
        return;
    }

    if (b->uploading) {
        b->uploading = 0;
        ngx_http_registry_zone_upload(ctx, -1);
    }

    for (i = 1; i <= NGX_HTTP_REGISTRY_RING; i++) {
        if (b->slots[i].start != NULL) {
            ngx_free(b->slots[i].start);
            b->slots[i].start = NULL;
        }
    }

    if (b->scratch != NULL) {
        ngx_free(b->scratch);
        b->scratch = NULL;
    }

    if (b->data != NULL) {
        ngx_free(b->data);
        b->data = NULL;
    }
}


/* --- whole bodies ------------------------------------------------------- */

static ngx_int_t
ngx_http_registry_whole(ngx_http_registry_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_buf_t                *buf;
    ngx_chain_t              *cl;
    ngx_http_request_t       *r = ctx->request;
    ngx_http_registry_body_t *b = ctx->body;

    if (b->foreign) {
        return ngx_http_registry_whole_complete(ctx);
    }

    for (;;) {
        while ((cl = r->request_body->bufs) != NULL) {
            buf = cl->buf;

            if (buf->in_file) {
                return ngx_http_registry_body_early(
                    ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
            }

            rc = ngx_http_registry_whole_add(ctx, buf->pos,
                                             (size_t) (buf->last - buf->pos));

            if (rc != NGX_OK) {
                ngx_http_registry_body_park(r);
                return NGX_OK;
            }

            buf->pos = buf->last;
            r->request_body->bufs = cl->next;
            ngx_free_chain(r->pool, cl);
        }

        if (!r->reading_body) {
            ngx_http_registry_body_park(r);
            cr_exchange_body(ctx->exchange,
                             (cr_str_t){ b->len, (char *) b->data });
            return NGX_OK;
        }

        rc = ngx_http_registry_body_read(ctx);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return ngx_http_registry_body_early(ctx, rc);
        }

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }
}


/* All of it is there; what is in a file is read by a task. */
static ngx_int_t
ngx_http_registry_whole_complete(ngx_http_registry_ctx_t *ctx)
{
    off_t                     size = 0;
    ngx_uint_t                file = 0;
    ngx_chain_t              *cl;
    ngx_http_registry_body_t *b = ctx->body;

    if (b->data == NULL) {
        for (cl = b->cl; cl; cl = cl->next) {
            size += ngx_buf_size(cl->buf);
            file |= !ngx_buf_in_memory(cl->buf) && cl->buf->in_file;
        }

        if ((uint64_t) size > ctx->exchange->body_max) {
            cr_exchange_body_too_large(ctx->exchange);
            return NGX_OK;
        }

        b->size = (size_t) size + 1;
        b->data = ngx_alloc(b->size, ctx->request->connection->log);

        if (b->data == NULL) {
            cr_exchange_fail(ctx->exchange, CR_ERR_NO_MEMORY);
            return NGX_OK;
        }

        ngx_http_registry_zone_received(ctx, (size_t) size);

        if (file) {
            if (ngx_http_registry_task_post(ctx, NGX_HTTP_REGISTRY_BULK,
                                            ngx_http_registry_whole_run, NULL)
                == NGX_AGAIN)
            {
                return NGX_AGAIN;
            }

            cr_exchange_fail(ctx->exchange, CR_ERR_UNAVAILABLE);
            return NGX_OK;
        }

        ngx_http_registry_whole_run(ctx);
    }

    if (b->failed) {
        return ngx_http_registry_body_early(ctx,
                                            NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    cr_exchange_body(ctx->exchange, (cr_str_t){ b->len, (char *) b->data });

    return NGX_OK;
}


/* In a task, or here when all is in memory. */
static void
ngx_http_registry_whole_run(ngx_http_registry_ctx_t *ctx)
{
    size_t                    size;
    ssize_t                   n;
    off_t                     offset;
    ngx_buf_t                *buf;
    ngx_chain_t              *cl;
    ngx_http_registry_body_t *b = ctx->body;

    for (cl = b->cl; cl; cl = cl->next) {
        buf = cl->buf;

        if (ngx_buf_in_memory(buf)) {
            size = (size_t) (buf->last - buf->pos);
            ngx_memcpy(b->data + b->len, buf->pos, size);
            b->len += size;
            continue;
        }

        if (!buf->in_file) {
            continue;
        }

        for (offset = buf->file_pos; offset < buf->file_last; offset += n) {
            size = (size_t) (buf->file_last - offset);
            n = pread(buf->file->fd, b->data + b->len, size, offset);

            if (n <= 0) {
                if (n < 0 && errno == EINTR) {
                    n = 0;
                    continue;
                }

                b->failed = 1;
                return;
            }

            b->len += (size_t) n;
        }
    }
}


/* NGX_ERROR: the exchange has its answer. */
static ngx_int_t
ngx_http_registry_whole_add(ngx_http_registry_ctx_t *ctx, u_char *data,
                            size_t len)
{
    size_t                    size;
    u_char                   *p;
    cr_exchange_t            *x = ctx->exchange;
    ngx_http_registry_body_t *b = ctx->body;

    if (len > x->body_max || b->len > x->body_max - len) {
        cr_exchange_body_too_large(x);
        return NGX_ERROR;
    }

    if (b->len + len > b->size) {
        size = ngx_max(2 * b->size, NGX_HTTP_REGISTRY_WHOLE_MIN);
        size = ngx_max(size, b->len + len);

        p = ngx_alloc(size, ctx->request->connection->log);
        if (p == NULL) {
            cr_exchange_fail(x, CR_ERR_NO_MEMORY);
            return NGX_ERROR;
        }

        if (b->data != NULL) {
            ngx_memcpy(p, b->data, b->len);
            ngx_free(b->data);
        }

        b->data = p;
        b->size = size;
    }

    ngx_memcpy(b->data + b->len, data, len);
    b->len += len;
    ngx_http_registry_zone_received(ctx, len);

    return NGX_OK;
}
