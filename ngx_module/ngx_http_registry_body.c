/*
 * Request bodies.  A body that an exchange wants whole grows in one buffer,
 * up to the exchange's limit.  A streamed one goes through a ring:
 *
 *   socket -> request_body->buf -> batch that fills -> batch of the task
 *
 * nginx reads into request_body->buf; when that is in use, a buffer of the
 * ring takes its place and reading goes on while a task of the bulk pool
 * writes and hashes what came before.  One task at a time.  When all buffers
 * wait, reading stops and the client with it: memory is bounded.
 *
 * A body that is complete before we ask (short, or read by another module,
 * in memory or in a temporary file) is walked without changing it: a mirror
 * may still be sending the same buffers.
 *
 * Sections: start and end, whole bodies, streamed bodies, the ring.
 */

#include "ngx_http_registry.h"

/* A slice this short is moved to the one before it: one write, not two. */
#define NGX_HTTP_REGISTRY_MOVE      16384
/* What a task takes of a file at a time. */
#define NGX_HTTP_REGISTRY_FILE_STEP (1024 * 1024)
#define NGX_HTTP_REGISTRY_WHOLE_MIN 16384

static ngx_int_t ngx_http_registry_body_start(ngx_http_registry_ctx_t *ctx);
static void      ngx_http_registry_body_init(ngx_http_request_t *r);
static void      ngx_http_registry_body_event(ngx_http_request_t *r);
static ngx_int_t ngx_http_registry_body_go(ngx_http_registry_ctx_t *ctx);
static ngx_int_t ngx_http_registry_body_read(ngx_http_registry_ctx_t *ctx);
static ngx_int_t ngx_http_registry_body_early(ngx_http_registry_ctx_t *ctx,
                                              ngx_int_t                rc);
static void      ngx_http_registry_body_park(ngx_http_request_t *r);

static ngx_int_t ngx_http_registry_whole(ngx_http_registry_ctx_t *ctx);
static ngx_int_t ngx_http_registry_whole_complete(ngx_http_registry_ctx_t *ctx);
static ngx_int_t ngx_http_registry_whole_add(ngx_http_registry_ctx_t *ctx,
                                             u_char *data, size_t len);
static void      ngx_http_registry_whole_run(ngx_http_registry_ctx_t *ctx);

static ngx_int_t ngx_http_registry_stream(ngx_http_registry_ctx_t *ctx);
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
static ngx_int_t
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
static ngx_int_t
ngx_http_registry_body_early(ngx_http_registry_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_registry_body_t *b = ctx->body;

    b->rc = rc;
    ngx_http_registry_body_park(ctx->request);

    if (!b->whole && rc < NGX_HTTP_INTERNAL_SERVER_ERROR
        && ctx->request->request_body != NULL
        && ngx_http_registry_take(ctx) == NGX_OK)
    {
        (void) ngx_http_registry_stream_post(ctx);
    }

    if (ctx->task_active) {
        return NGX_AGAIN;
    }

    cr_exchange_abort(ctx->exchange);

    return NGX_OK;
}


/* Do not read now, and do not blame the client for it. */
static void
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


/* --- streamed bodies ---------------------------------------------------- */

static ngx_int_t
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
        end = piece->data + piece->len;

        if (piece->data != NULL && piece->slot == n
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
 * request_body->buf to its end and begins at its start again when nobody uses
 * it; with HTTP/2 it begins again at each call.  0: all buffers wait.
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

    if (r->http_version != NGX_HTTP_VERSION_20 && buf->last != buf->end) {
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
