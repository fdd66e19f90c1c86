/*
 * The bytes of an upload: PATCH, PUT, and POST with ?digest=
 * (distribution-spec, "Pushing a blob monolithically", "in chunks").
 *
 *   begin --> claim --> rehash --> stream --> PATCH: advance
 *   (inline)  (db)      (bulk)     (bulk)     PUT, POST: finish --> commit
 *                                             (db)    (bulk)       (db)
 *
 * The first writer of a session makes a file of its own and needs no claim:
 * compare-and-set on the row decides between two of them.  Nor does a PUT
 * that adds nothing to a file that is complete.  Whoever goes on in an
 * existing file claims first.  After a lease that ran out its holder
 * may still write: the file is left alone, a new segment is begun, and
 * commit joins the segments into one new file.
 *
 * A PATCH that is cut short keeps what came; a PUT that is cut short keeps
 * nothing of it, so that a client may send the same PUT again.
 *
 * Sections: begin, claim and rehash, stream, PATCH, PUT.  What a request that
 * fails leaves behind is upload_abandon.c's.
 */

#include <string.h>

#include "api/distribution/upload.h"
#include "api/handlers.h"
#include "core/crash.h"
#include "core/encode.h"
#include "oci/range.h"

static cr_err_t cr_upload_claim_step(cr_exchange_t *x);
static cr_err_t cr_upload_rehash_step(cr_exchange_t *x);
static cr_err_t cr_upload_write(cr_exchange_t *x, const void *data, size_t len);
static cr_err_t cr_upload_patch_end(cr_exchange_t *x);
static cr_err_t cr_upload_finish(cr_exchange_t *x);
static cr_err_t cr_upload_commit_step(cr_exchange_t *x);

/* --- begin ------------------------------------------------------------- */

/* 416: the session stays, and the client learns where to go on. */
static cr_err_t
cr_upload_out_of_order(cr_exchange_t *x, const cr_upload_t *u)
{
    CR_TRY(cr_upload_headers(x, u->id, u->size));

    return cr_fail(&x->cx, CR_ERR_RANGE_INVALID,
                   "chunk out of order: this session has %llu bytes",
                   (unsigned long long) u->size);
}

static cr_err_t
cr_upload_check_range(cr_exchange_t *x, cr_upload_op_t *op)
{
    cr_str_t text = cr_request_header(x, "Content-Range");
    uint64_t first, last;
    int64_t  length = x->request.content_length;

    if (text.data == NULL) {
        return CR_OK;
    }

    if (cr_range_parse(&x->cx, text, &first, &last) != CR_OK) {
        CR_TRY(cr_upload_headers(x, op->u.id, op->u.size));
        return cr_fail(&x->cx, CR_ERR_RANGE_INVALID, "bad Content-Range");
    }

    op->ranged = true;
    op->expect = last - first + 1;

    if (length >= 0 && (uint64_t) length != op->expect) {
        CR_TRY(cr_upload_headers(x, op->u.id, op->u.size));
        return cr_fail(&x->cx, CR_ERR_SIZE_INVALID,
                       "Content-Range and Content-Length do not agree");
    }

    return first == op->u.size ? CR_OK : cr_upload_out_of_order(x, &op->u);
}

/* The body may begin, or is over already. */
static cr_err_t
cr_upload_stream(cr_exchange_t *x)
{
    cr_upload_op_t *op = x->state->op;

    op->renewed_at = cr_now(&x->cx);

    if (!op->closing) {
        return cr_then_stream(x, cr_upload_write, CR_STEP_DB,
                              cr_upload_patch_end);
    }

    if (x->request.content_length == 0) {
        return cr_then(x, CR_STEP_BULK, cr_upload_finish);
    }

    return cr_then_stream(x, cr_upload_write, CR_STEP_BULK, cr_upload_finish);
}

static cr_err_t
cr_upload_begin(cr_exchange_t *x, cr_upload_op_t *op)
{
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_upload_get(&x->cx, o->meta, st->name.full, cr_api_actor(x),
                         st->reference_text, &op->u));

    if (op->u.leased) {
        CR_TRY(cr_upload_headers(x, op->u.id, op->u.size));
        return cr_fail(&x->cx, CR_ERR_BLOB_UPLOAD_BUSY, NULL);
    }

    CR_TRY(cr_upload_check_range(x, op));

    op->session = true;
    op->base = op->u;
    op->rehash = !op->u.hash_valid;
    st->op = op;

    return CR_OK;
}

/*
 * Is there nothing to write and nothing to hash, only a file to sync?  Then
 * nobody need be kept away: whoever claims it meanwhile leaves the bytes that
 * are acknowledged alone, and makes the commit fail.
 */
static bool
cr_upload_is_complete(cr_exchange_t *x)
{
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    return op->closing && x->request.content_length == 0 && op->u.nsegments == 1
           && !op->u.lease_lost && !op->rehash
           && (cr_storage_features(o->storage) & CR_STORAGE_APPEND);
}

/* From here on a failure has something to clean up. */
static cr_err_t
cr_upload_go(cr_exchange_t *x)
{
    cr_upload_op_t *op = x->state->op;

    cr_on_abort(x, CR_STEP_DB, cr_upload_abandon);

    if (op->u.nsegments != 0 && !cr_upload_is_complete(x)) {
        return cr_then(x, CR_STEP_DB, cr_upload_claim_step);
    }

    return cr_upload_stream(x);
}

cr_err_t
cr_v2_upload_patch(cr_exchange_t *x)
{
    cr_upload_op_t *op = CR_NEW(&x->cx, cr_upload_op_t);

    if (op == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_upload_begin(x, op));

    if (x->request.content_length == 0) {
        CR_TRY(cr_upload_headers(x, op->u.id, op->u.size));
        return cr_respond_empty(x, 202);
    }

    return cr_upload_go(x);
}

cr_err_t
cr_v2_upload_put(cr_exchange_t *x)
{
    cr_str_t        text;
    cr_upload_op_t *op = CR_NEW(&x->cx, cr_upload_op_t);

    if (op == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_query_one(x, "digest", CR_ERR_DIGEST_INVALID, &text));

    if (text.data == NULL) {
        return cr_fail(&x->cx, CR_ERR_DIGEST_INVALID,
                       "parameter digest is missing");
    }

    CR_TRY(cr_digest_parse(&x->cx, text, &op->want));
    CR_TRY(cr_upload_begin(x, op));

    op->closing = true;
    x->info.digest = text;

    if (op->want.alg != op->u.hash_alg) {
        op->second = true;
        op->rehash = op->rehash || op->u.size != 0;
        cr_hash_init(&op->hash, op->want.alg);
    }

    return cr_upload_go(x);
}

static cr_err_t
cr_upload_monolithic_start(cr_exchange_t *x)
{
    cr_on_abort(x, CR_STEP_DB, cr_upload_abandon);

    return cr_upload_stream(x);
}

cr_err_t
cr_upload_monolithic(cr_exchange_t *x, const cr_digest_t *d)
{
    cr_upload_op_t *op = CR_NEW(&x->cx, cr_upload_op_t);

    if (op == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    op->closing = true;
    op->want = *d;
    op->u.hash_alg = d->alg;
    op->u.hash_valid = true;
    cr_hash_init(&op->u.hash, d->alg);
    op->base = op->u;
    x->state->op = op;
    x->info.digest = cr_digest_str(&op->want);

    return cr_upload_monolithic_start(x);
}

/* --- claim and rehash -------------------------------------------------- */

static cr_err_t
cr_upload_claim_step(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_upload_t          now;
    cr_exchange_state_t *st = x->state;
    cr_upload_op_t      *op = st->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    /* Before the row is touched: on a full disk that needs room as well. */
    if (x->request.content_length != 0) {
        CR_TRY(cr_upload_space(x));
    }

    err = cr_upload_claim(&x->cx, o->meta, &op->u);

    if (err == CR_ERR_RANGE_INVALID) {
        /* It moved since we looked: say to where. */
        CR_TRY(cr_upload_get(&x->cx, o->meta, st->name.full, cr_api_actor(x),
                             st->reference_text, &now));
        return cr_upload_out_of_order(x, &now);
    }

    CR_TRY(err);
    op->base = op->u;
    CR_CRASH("upload.claimed");

    if (op->rehash) {
        return cr_then(x, CR_STEP_BULK, cr_upload_rehash_step);
    }

    return cr_upload_stream(x);
}

static cr_err_t
cr_upload_rehash_step(cr_exchange_t *x)
{
    CR_TRY(cr_upload_rehash(x));

    return cr_upload_stream(x);
}

/* --- stream ------------------------------------------------------------ */

/* A new file as the last segment; nobody else knows it. */
static cr_err_t
cr_upload_open_new(cr_exchange_t *x)
{
    cr_str_t             locator;
    cr_upload_op_t      *op = x->state->op;
    cr_segment_t        *list;
    const cr_api_open_t *o = cr_api_opened(x->api);
    size_t               n = op->u.nsegments;

    if (n == CR_UPLOAD_SEGMENTS_MAX) {
        return cr_fail(&x->cx, CR_ERR_BLOB_UPLOAD_INVALID,
                       "too many segments: start a new session");
    }

    list = cr_alloc(&x->cx, (n + 1) * sizeof(cr_segment_t));

    if (list == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_storage_locator(&x->cx, o->storage, &locator));
    CR_TRY(cr_storage_create(&x->cx, o->storage, locator, &x->state->writer));

    if (n != 0) {
        memcpy(list, op->u.segments, n * sizeof(cr_segment_t));
    }

    list[n].locator = locator;
    list[n].size = 0;
    op->u.segments = list;
    op->u.nsegments = n + 1;
    op->u.lease_lost = false;
    op->made[op->nmade++] = locator;

    return CR_OK;
}

/* May this request write into, or cut, the file of the last segment? */
static bool
cr_upload_may_resume(cr_exchange_t *x)
{
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    return op->u.nsegments != 0 && op->u.claimed && !op->u.lease_lost
           && (cr_storage_features(o->storage) & CR_STORAGE_APPEND);
}

static cr_err_t
cr_upload_open_last(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_upload_op_t      *op = x->state->op;
    cr_segment_t        *copy, *last;
    const cr_api_open_t *o = cr_api_opened(x->api);
    size_t               n = op->u.nsegments;

    /* base keeps the list as the row has it. */
    copy = cr_alloc(&x->cx, n * sizeof(cr_segment_t));

    if (copy == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    memcpy(copy, op->u.segments, n * sizeof(cr_segment_t));
    op->u.segments = copy;
    last = &copy[n - 1];

    err = cr_storage_resume(&x->cx, o->storage, last->locator, last->size,
                            &x->state->writer);

    if (err == CR_ERR_CORRUPT || err == CR_ERR_NOT_FOUND) {
        return cr_upload_ruined(x);
    }

    return err;
}

/*
 * The same without a claim.  RANGE_INVALID: bytes that nobody acknowledged
 * are to be cut off, and that needs one.
 */
static cr_err_t
cr_upload_open_complete(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    err = cr_storage_reopen(&x->cx, o->storage, op->u.segments[0].locator,
                            op->u.segments[0].size, &x->state->writer);

    if (err == CR_ERR_CORRUPT || err == CR_ERR_NOT_FOUND) {
        return cr_upload_ruined(x);
    }

    return err;
}

/* Record the progress.  After a failure nothing of it counts. */
static cr_err_t
cr_upload_advance_row(cr_exchange_t *x, bool keep)
{
    cr_err_t             err;
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_CRASH("upload.advance");
    err = cr_upload_advance(&x->cx, o->meta, &op->u, op->base.size, keep);
    CR_CRASH("upload.advanced");

    if (err != CR_OK) {
        op->discard = true;
        op->unsure = x->cx.unsure;
        return err;
    }

    op->base = op->u;
    op->nmade = 0; /* the row names it now */

    return CR_OK;
}

static cr_err_t
cr_upload_renew_put(cr_exchange_t *x)
{
    bool                 first;
    cr_err_t             err;
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    first = op->base.nsegments == 0;

    if (first) {
        op->base.segments = CR_NEW(&x->cx, cr_segment_t);

        if (op->base.segments == NULL) {
            return CR_ERR_NO_MEMORY;
        }

        op->base.segments[0].locator = op->u.segments[0].locator;
        op->base.nsegments = 1;
    }

    err = cr_upload_advance(&x->cx, o->meta, &op->base, op->base.size, true);

    if (err != CR_OK) {
        op->unsure = x->cx.unsure;
        return err;
    }

    op->u.epoch = op->base.epoch;
    op->u.claimed = op->base.claimed;

    if (first) {
        op->nmade = 0; /* the row names it now */
    }

    return CR_OK;
}

/*
 * Keep the lease of a long stream.  A PATCH also records its progress; a PUT
 * records what the row has already, so that it can be sent again; the first
 * writer's names its file, without a byte, so that nobody sweeps it.
 */
static cr_err_t
cr_upload_renew(cr_exchange_t *x)
{
    cr_upload_op_t *op = x->state->op;

    if (!op->session || cr_now(&x->cx) - op->renewed_at < CR_UPLOAD_RENEW_US) {
        return CR_OK;
    }

    op->renewed_at = cr_now(&x->cx);

    if (!op->closing) {
        return cr_upload_advance_row(x, true);
    }

    return cr_upload_renew_put(x);
}

static cr_err_t
cr_upload_write(cr_exchange_t *x, const void *data, size_t len)
{
    cr_err_t             err;
    cr_exchange_state_t *st = x->state;
    cr_upload_op_t      *op = st->op;

    if (len == 0) {
        return CR_OK;
    }

    op->received += len;

    if (op->ranged && op->received > op->expect) {
        op->discard = true;
        CR_TRY(cr_upload_headers(x, op->base.id, op->base.size));
        return cr_fail(&x->cx, CR_ERR_SIZE_INVALID,
                       "more bytes than Content-Range says");
    }

    if (st->writer == NULL) {
        CR_TRY(cr_upload_space(x));

        if (cr_upload_may_resume(x)) {
            CR_TRY(cr_upload_open_last(x));

        } else {
            CR_TRY(cr_upload_open_new(x));
        }
    }

    /* Who lost its lease learns it before it writes. */
    CR_TRY(cr_upload_renew(x));

    /* Others write too, and a body may not tell its length. */
    err = cr_upload_room(x, len);

    if (err != CR_OK) {
        op->discard = true;
        return err;
    }

    err = cr_storage_write(&x->cx, st->writer, data, len);

    if (err != CR_OK) {
        op->discard = true; /* nobody knows what the file holds now */
        return err;
    }

    cr_upload_hash(op, data, len);

    op->u.size += len;
    op->u.segments[op->u.nsegments - 1].size += len;

    return CR_OK;
}

/* Did the body have the length that Content-Range told? */
static cr_err_t
cr_upload_check_received(cr_exchange_t *x)
{
    cr_upload_op_t *op = x->state->op;

    if (!op->ranged || op->received == op->expect) {
        return CR_OK;
    }

    op->discard = true;
    CR_TRY(cr_upload_headers(x, op->base.id, op->base.size));

    return cr_fail(&x->cx, CR_ERR_SIZE_INVALID,
                   "fewer bytes than Content-Range says");
}

static cr_err_t
cr_upload_close_writer(cr_exchange_t *x)
{
    cr_storage_writer_t *w = x->state->writer;

    x->state->writer = NULL;

    return w == NULL ? CR_OK : cr_storage_writer_close(&x->cx, w);
}

/* --- PATCH ------------------------------------------------------------- */

/* What came is in the file: let the row say so. */
cr_err_t
cr_upload_record(cr_exchange_t *x)
{
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    op->discard = true;
    CR_TRY(cr_upload_close_writer(x));

    if (op->u.size == op->base.size) {
        return cr_upload_release(&x->cx, o->meta, &op->base);
    }

    return cr_upload_advance_row(x, false);
}

static cr_err_t
cr_upload_patch_end(cr_exchange_t *x)
{
    cr_upload_op_t *op = x->state->op;

    CR_TRY(cr_upload_check_received(x));
    CR_TRY(cr_upload_record(x));
    CR_TRY(cr_upload_headers(x, op->u.id, op->u.size));

    return cr_respond_empty(x, 202);
}

/* --- PUT --------------------------------------------------------------- */

static cr_err_t
cr_upload_check_digest(cr_exchange_t *x)
{
    cr_hash_t       h;
    cr_digest_t     got;
    cr_upload_op_t *op = x->state->op;

    h = op->second ? op->hash : op->u.hash;
    cr_digest_final(&h, &got);

    if (cr_digest_eq(&got, &op->want)) {
        return CR_OK;
    }

    op->ruined = true;

    return cr_fail(&x->cx, CR_ERR_DIGEST_INVALID, "the content has digest %s",
                   got.text);
}

/* All segments into one new file. */
static cr_err_t
cr_upload_join(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_str_t             locator;
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_upload_close_writer(x));
    CR_TRY(cr_storage_locator(&x->cx, o->storage, &locator));
    CR_TRY(cr_storage_create(&x->cx, o->storage, locator, &x->state->writer));
    op->made[op->nmade++] = locator;

    for (size_t i = 0; i < op->u.nsegments; i++) {
        err = cr_storage_append_from(&x->cx, o->storage, x->state->writer,
                                     op->u.segments[i].locator,
                                     op->u.segments[i].size);

        if (err == CR_ERR_CORRUPT || err == CR_ERR_NOT_FOUND) {
            return cr_upload_ruined(x);
        }

        CR_TRY(err);
    }

    op->file.locator = locator;
    CR_CRASH("upload.joined");

    return CR_OK;
}

/* Hash, compare, one file, on stable storage: then it may be published. */
static cr_err_t
cr_upload_finish(cr_exchange_t *x)
{
    cr_err_t        err;
    cr_upload_op_t *op = x->state->op;

    op->discard = true;
    CR_TRY(cr_upload_check_received(x));
    CR_TRY(cr_upload_check_digest(x));

    if (x->state->writer == NULL && op->u.nsegments == 0) {
        CR_TRY(cr_upload_space(x));
        CR_TRY(cr_upload_open_new(x)); /* an empty blob */

    } else if (!op->u.claimed && cr_upload_is_complete(x)) {
        err = cr_upload_open_complete(x);

        if (err == CR_ERR_RANGE_INVALID) {
            cr_clear(&x->cx);
            return cr_then(x, CR_STEP_DB, cr_upload_claim_step);
        }

        CR_TRY(err);

    } else if (op->u.nsegments > 1
               || (x->state->writer == NULL && !cr_upload_may_resume(x)))
    {
        CR_TRY(cr_upload_join(x));

    } else if (x->state->writer == NULL) {
        CR_TRY(cr_upload_open_last(x));
    }

    if (op->file.locator.len == 0) {
        op->file.locator = op->u.segments[0].locator;
    }

    op->file.size = op->u.size;
    CR_TRY(cr_upload_lost(x, &op->want, &op->file.lost));
    err = cr_storage_sync(&x->cx, x->state->writer);

    if (err == CR_ERR_NOT_FOUND) {
        return cr_upload_ruined(x);
    }

    CR_TRY(err);
    CR_TRY(cr_upload_close_writer(x));
    CR_CRASH("upload.after_sync");

    return cr_then(x, CR_STEP_DB, cr_upload_commit_step);
}

static cr_err_t
cr_upload_commit_step(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (op->session) {
        err = cr_upload_commit(&x->cx, o->meta, &op->u, op->base.size,
                               &op->want, &op->file);

    } else {
        CR_TRY(cr_project_ensure(x));
        err = cr_upload_publish(&x->cx, o->meta, &x->state->name, &op->want,
                                &op->file);
    }

    if (err != CR_OK) {
        op->unsure = x->cx.unsure;

        /* Beyond the project's limit: its bytes give their space back. */
        op->ruined = op->ruined || err == CR_ERR_DENIED;
        return err;
    }

    CR_CRASH("upload.committed");

    return cr_upload_created(x, &op->want);
}
