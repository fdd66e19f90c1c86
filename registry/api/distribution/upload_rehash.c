/*
 * The hash of an upload, and making it again from what is stored: after a
 * restart of the machine, with a state that cannot be read, or when another
 * algorithm is asked for.
 */

#include "api/distribution/upload.h"

#define CR_UPLOAD_READ_SIZE ((size_t) 256 * 1024)

void
cr_upload_hash(cr_upload_op_t *op, const void *data, size_t len)
{
    cr_hash_update(&op->u.hash, data, len);

    if (op->second) {
        cr_hash_update(&op->hash, data, len);
    }
}

cr_err_t
cr_upload_ruined(cr_exchange_t *x)
{
    cr_upload_op_t *op = x->state->op;

    op->ruined = true;
    op->discard = true;

    return cr_fail(&x->cx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
                   "bytes of this upload session were lost: start a new one");
}

static cr_err_t
cr_upload_rehash_segment(cr_exchange_t *x, const cr_segment_t *segment,
                         char *data)
{
    size_t               n, want;
    cr_err_t             err;
    uint64_t             offset = 0;
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    while (offset < segment->size) {
        want = segment->size - offset < CR_UPLOAD_READ_SIZE
                   ? (size_t) (segment->size - offset)
                   : CR_UPLOAD_READ_SIZE;
        err = cr_storage_read(&x->cx, o->storage, segment->locator, offset,
                              data, want, &n);

        if (err == CR_ERR_NOT_FOUND || (err == CR_OK && n < want)) {
            return cr_upload_ruined(x);
        }

        CR_TRY(err);
        cr_upload_hash(op, data, n);
        offset += n;
    }

    return CR_OK;
}

cr_err_t
cr_upload_rehash(cr_exchange_t *x)
{
    char           *data = cr_alloc(&x->cx, CR_UPLOAD_READ_SIZE);
    cr_upload_op_t *op = x->state->op;

    if (data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    cr_hash_init(&op->u.hash, op->u.hash_alg);

    for (size_t i = 0; i < op->u.nsegments; i++) {
        CR_TRY(cr_upload_rehash_segment(x, &op->u.segments[i], data));
    }

    op->u.hash_valid = true;
    op->base.hash = op->u.hash;
    op->base.hash_valid = true;

    return CR_OK;
}
