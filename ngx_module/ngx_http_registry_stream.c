/*
 * Streamed request bodies.  They go through a ring:
 *
 *   socket -> request_body->buf -> batch that fills -> batch of the task
 *
 * nginx reads into request_body->buf; when that is in use, a buffer of the
 * ring takes its place and reading goes on while a task of the bulk pool
 * writes and hashes what came before.  One task at a time.  When all buffers
 * wait, reading stops and the client with it: memory is bounded.
 *
 * Sections: streamed bodies, the ring.
 */

#include "ngx_http_registry_body.h"

/* A slice this short is moved to the one before it: one write, not two. */
#define NGX_HTTP_REGISTRY_MOVE      16384
/* What a task takes of a file at a time. */
#define NGX_HTTP_REGISTRY_FILE_STEP (1024 * 1024)

static ngx_int_t ngx_http_registry_stream_post(ngx_http_registry_ctx_t *ctx);
static ngx_int_t ngx_http_registry_stream_end(ngx_http_registry_ctx_t *ctx);
static void      ngx_http_registry_stream_run(ngx_http_registry_ctx_t *ctx);
static ngx_int_t ngx_http_registry_stream_run_file(
    ngx_http_registry_ctx_t *ctx, ngx_http_registry_piece_t *piece);
static void ngx_http_registry_stream_done(ngx_http_registry_ctx_t *ctx);

static ngx_int_t  ngx_http_registry_take(ngx_http_registry_ctx_t *ctx);
static void       ngx_http_registry_take_foreign(ngx_http_registry_ctx_t *ctx);
static ngx_uint_t ngx_http_registry_take_memory(ngx_http_registry_body_t *b,
                                                u_char *data, size_t len);
static ngx_uint_t ngx_http_registry_room(ngx_http_registry_ctx_t *ctx);
static size_t     ngx_http_registry_room_size(ngx_http_request_t *r);


/* --- streamed bodies ---------------------------------------------------- */

ngx_int_t
ngx_http_registry_stream(ngx_http_registry_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_uint_t                waits, more;
    ngx_http_request_t       *r = ctx->request;
    ngx_http_registry_body_t *b = ctx->body;

    for (;;) {
        rc = ngx_http_registry_take(ctx);

        if (rc == NGX_OK) {
            rc = ngx_http_registry_stream_post(ctx);
        }

        if (rc != NGX_OK) {
            return ngx_http_registry_body_early(ctx, rc);
        }

        waits = ctx->task_active || b->batches[b->filling].n != 0;
        more = b->foreign ? b->cl != NULL : r->request_body->bufs != NULL;

        if (!r->reading_body) {
            return waits || more ? NGX_AGAIN
                                 : ngx_http_registry_stream_end(ctx);
        }

        if (more || !ngx_http_registry_room(ctx)) {
            ngx_http_registry_body_park(r);
            return NGX_AGAIN;
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


static ngx_int_t
ngx_http_registry_stream_end(ngx_http_registry_ctx_t *ctx)
{
    ngx_buf_t                *buf;
    ngx_http_request_t       *r = ctx->request;
    ngx_http_registry_body_t *b = ctx->body;

    ngx_http_registry_body_park(r);

    if (b->current != 0) {
        buf = r->request_body->buf;
        buf->start = buf->pos = buf->last = buf->end = NULL;
    }

    ngx_http_registry_body_free(ctx);
    cr_exchange_stream_end(ctx->exchange);

    return NGX_OK;
}


void
ngx_http_registry_stream_rest(ngx_http_registry_ctx_t *ctx)
{
    if (ngx_http_registry_take(ctx) == NGX_OK) {
        (void) ngx_http_registry_stream_post(ctx);
    }
}


/* Hand over what has come, if nothing is under way. */
static ngx_int_t
ngx_http_registry_stream_post(ngx_http_registry_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_http_registry_body_t  *b = ctx->body;
    ngx_http_registry_batch_t *batch = &b->batches[b->filling];

    if (ctx->task_active || batch->n == 0) {
        return NGX_OK;
    }

    for (i = 0; i < batch->n; i++) {
        if (batch->pieces[i].data != NULL || b->scratch != NULL) {
            continue;
        }

        b->scratch = ngx_alloc(NGX_HTTP_REGISTRY_RING_SIZE,
                               ctx->request->connection->log);
        if (b->scratch == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    b->filling = !b->filling;

    if (ngx_http_registry_task_post(ctx, NGX_HTTP_REGISTRY_BULK,
                                    ngx_http_registry_stream_run,
                                    ngx_http_registry_stream_done)
        != NGX_AGAIN)
    {
        b->filling = !b->filling;
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    return NGX_OK;
}


/* In a task. */
static void
ngx_http_registry_stream_run(ngx_http_registry_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_http_registry_body_t  *b = ctx->body;
    ngx_http_registry_piece_t *piece;
    ngx_http_registry_batch_t *batch = &b->batches[!b->filling];

    for (i = 0; i < batch->n; i++) {
        piece = &batch->pieces[i];

        if (ctx->exchange->step != CR_STEP_STREAM) {
            return;
        }

        if (piece->data != NULL) {
            cr_exchange_write(ctx->exchange, piece->data, piece->len);
            continue;
        }

        if (ngx_http_registry_stream_run_file(ctx, piece) != NGX_OK) {
            b->failed = 1;
            return;
        }
    }
}


/* In a task. */
static ngx_int_t
ngx_http_registry_stream_run_file(ngx_http_registry_ctx_t   *ctx,
                                  ngx_http_registry_piece_t *piece)
{
    size_t  done = 0;
    ssize_t n;

    while (done < piece->len && ctx->exchange->step == CR_STEP_STREAM) {
        n = pread(piece->fd, ctx->body->scratch,
                  ngx_min(piece->len - done, NGX_HTTP_REGISTRY_RING_SIZE),
                  piece->offset + (off_t) done);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        cr_exchange_write(ctx->exchange, ctx->body->scratch, (size_t) n);
        done += (size_t) n;
    }

    return NGX_OK;
}


static void
ngx_http_registry_stream_done(ngx_http_registry_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_http_registry_body_t  *b = ctx->body;
    ngx_http_registry_batch_t *batch = &b->batches[!b->filling];

    for (i = 0; i < batch->n; i++) {
        b->slots[batch->pieces[i].slot].pending -= batch->pieces[i].len;
    }

    batch->n = 0;

    if (b->failed && b->rc == 0) {
        ngx_log_error(NGX_LOG_CRIT, ctx->request->connection->log, 0,
                      "registry: cannot read the temporary file of a body");
        b->rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


/* --- the ring ----------------------------------------------------------- */

/* Move what nginx has read into the batch that fills, as far as it goes. */
static ngx_int_t
ngx_http_registry_take(ngx_http_registry_ctx_t *ctx)
{
    size_t                    len;
    ngx_buf_t                *buf;
    ngx_chain_t              *cl;
    ngx_http_request_t       *r = ctx->request;
    ngx_http_registry_body_t *b = ctx->body;

    if (b->foreign) {
        ngx_http_registry_take_foreign(ctx);
        return NGX_OK;
    }

    while ((cl = r->request_body->bufs) != NULL) {
        buf = cl->buf;

        if (buf->in_file) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "registry: a body filter buffers this upload");
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        len = (size_t) (buf->last - buf->pos);

        if (len != 0 && !ngx_http_registry_take_memory(b, buf->pos, len)) {
            return NGX_OK;
        }

        ngx_http_registry_zone_received(ctx, len);

        buf->pos = buf->last;
        r->request_body->bufs = cl->next;
        ngx_free_chain(r->pool, cl);
    }

    return NGX_OK;
}


static void
ngx_http_registry_take_foreign(ngx_http_registry_ctx_t *ctx)
{
    off_t                      left;
    size_t                     len;
    ngx_buf_t                 *buf;
    ngx_http_registry_body_t  *b = ctx->body;
    ngx_http_registry_piece_t *piece;
    ngx_http_registry_batch_t *batch = &b->batches[b->filling];

    for (; b->cl; b->cl = b->cl->next, b->used = 0) {
        buf = b->cl->buf;
        left = ngx_buf_size(buf) - b->used;

        if (left <= 0) {
            continue;
        }

        if (ngx_buf_in_memory(buf)) {
            if (!ngx_http_registry_take_memory(b, buf->pos, (size_t) left)) {
                return;
            }

            ngx_http_registry_zone_received(ctx, (size_t) left);
            continue;
        }

        if (batch->n != 0) {
            return;
        }

        len = (size_t) ngx_min(left, NGX_HTTP_REGISTRY_FILE_STEP);

        piece = &batch->pieces[batch->n++];
        ngx_memzero(piece, sizeof(ngx_http_registry_piece_t));
        piece->fd = buf->file->fd;
        piece->offset = buf->file_pos + b->used;
        piece->len = len;
        b->slots[0].pending += len;
        b->used += (off_t) len;
        ngx_http_registry_zone_received(ctx, len);

        return;
    }
}


/* 0: the batch is full. */
static ngx_uint_t
ngx_http_registry_take_memory(ngx_http_registry_body_t *b, u_char *data,
                              size_t len)
{
    u_char                    *end;
    ngx_uint_t                 n;
    ngx_http_registry_slot_t  *slot = &b->slots[b->current];
    ngx_http_registry_piece_t *piece;
    ngx_http_registry_batch_t *batch = &b->batches[b->filling];

    n = b->current;

    if (n != 0 && (data < slot->start || data >= slot->start + slot->size)) {
        n = 0;
        slot = &b->slots[0];
    }

    if (batch->n != 0) {
        piece = &batch->pieces[batch->n - 1];
        end = piece->data != NULL ? piece->data + piece->len : NULL;

        if (end != NULL && piece->slot == n
            && (end == data
                || (n != 0 && end < data && len < NGX_HTTP_REGISTRY_MOVE)))
        {
            /* Between chunks stands what frames them. */
            if (end != data) {
                ngx_memmove(end, data, len);
            }

            piece->len += len;
            slot->pending += len;
            return 1;
        }
    }

    if (batch->n == NGX_HTTP_REGISTRY_PIECES) {
        return 0;
    }

    piece = &batch->pieces[batch->n++];
    ngx_memzero(piece, sizeof(ngx_http_registry_piece_t));
    piece->data = data;
    piece->len = len;
    piece->slot = n;
    slot->pending += len;

    return 1;
}


/*
 * Make sure that the next read cannot overwrite bytes that wait.  nginx fills
 * request_body->buf to its end and begins at its start again when nothing of
 * what the call has read is in use: with a plain body never, with a chunked
 * one when only framing came last.  With HTTP/2 it begins again at each call.
 * 0: all buffers wait.
 */
static ngx_uint_t
ngx_http_registry_room(ngx_http_registry_ctx_t *ctx)
{
    size_t                    size;
    ngx_buf_t                *buf;
    ngx_uint_t                i;
    ngx_http_request_t       *r = ctx->request;
    ngx_http_registry_slot_t *slot;
    ngx_http_registry_body_t *b = ctx->body;

    buf = r->request_body->buf;

    if (b->slots[b->current].pending == 0) {
        return 1;
    }

    /* Bytes that no filter has seen: the call will pass them on. */
    if (buf->pos != buf->last) {
        return 1;
    }

    if (r->http_version < NGX_HTTP_VERSION_20 && !r->headers_in.chunked
        && buf->last != buf->end)
    {
        return 1;
    }

    size = ngx_http_registry_room_size(r);

    for (i = 1; i <= NGX_HTTP_REGISTRY_RING; i++) {
        slot = &b->slots[i];

        if (i == b->current || slot->pending != 0) {
            continue;
        }

        if (slot->start == NULL) {
            slot->start = ngx_alloc(size, r->connection->log);

            if (slot->start == NULL) {
                return 0; /* with less of a ring, then */
            }

            slot->size = size;
        }

        b->current = i;
        buf->start = slot->start;
        buf->pos = slot->start;
        buf->last = slot->start;
        buf->end = slot->start + slot->size;

        return 1;
    }

    return 0;
}


/*
 * The next buffer of the ring.  With HTTP/2 it is never smaller than the one
 * before: the window that the client was given would not fit.
 */
static size_t
ngx_http_registry_room_size(ngx_http_request_t *r)
{
    size_t     size = NGX_HTTP_REGISTRY_RING_SIZE;
    ngx_buf_t *buf = r->request_body->buf;

    if (r->http_version == NGX_HTTP_VERSION_20) {
        return ngx_max(size, (size_t) (buf->end - buf->start));
    }

    if (!r->headers_in.chunked && r->request_body->rest > 0
        && r->request_body->rest < (off_t) size)
    {
        return ngx_max((size_t) r->request_body->rest, (size_t) 4096);
    }

    return size;
}
