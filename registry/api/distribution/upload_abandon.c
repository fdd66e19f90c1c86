/*
 * The end of an upload's request that failed, or whose client is gone: what
 * counts is kept, the rest gives its space back.
 */

#include "api/distribution/upload.h"
#include "core/crash.h"
#include "meta/reclaim.h"

/*
 * Give back the space of what was written and does not count.  Only while the
 * lease is ours, which the row must confirm: whose lease ran out knows nothing
 * of the file any more.
 */
static void
cr_upload_cut(cr_exchange_t *x)
{
    size_t               i, n;
    uint64_t             size;
    cr_upload_op_t      *op = x->state->op;
    cr_storage_writer_t *w;
    const cr_api_open_t *o = cr_api_opened(x->api);

    n = op->base.nsegments;

    if (n == 0
        || cr_upload_advance(&x->cx, o->meta, &op->base, op->base.size, true)
               != CR_OK)
    {
        cr_clear(&x->cx);
        return;
    }

    size = op->base.size;

    for (i = 0; i < n - 1; i++) {
        size -= op->base.segments[i].size;
    }

    if (cr_storage_resume(&x->cx, o->storage, op->base.segments[n - 1].locator,
                          size, &w)
        == CR_OK)
    {
        cr_storage_writer_abort(w);
    }

    cr_clear(&x->cx);
}

/* The files that this request made, and that no row names. */
static void
cr_upload_remove(cr_exchange_t *x)
{
    bool                 orphaned;
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    for (size_t i = 0; i < op->nmade; i++) {
        if (op->unsure) {
            /* A row may name it: then it stays. */
            (void) cr_orphan_check(&x->cx, o->meta, op->made[i], op->u.size,
                                   &orphaned);

        } else {
            (void) cr_storage_remove(&x->cx, o->storage, op->made[i]);
        }
    }
}

/*
 * The request failed, or the client is gone.  Nothing here may fail loudly:
 * a lease that is not given back runs out, a file that is not removed is
 * found by the orphan sweep.
 */
cr_err_t
cr_upload_abandon(cr_exchange_t *x)
{
    bool                 resumed;
    cr_err_t             err = CR_OK;
    cr_upload_op_t      *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (op->session && !op->closing && !op->discard) {
        err = cr_upload_record(x);

        if (err == CR_OK) {
            return CR_OK;
        }
    }

    resumed = x->state->writer != NULL && op->nmade == 0;
    cr_storage_writer_abort(x->state->writer);
    x->state->writer = NULL;
    CR_CRASH("upload.abandon");

    if (resumed && op->session && op->u.claimed && !op->ruined) {
        cr_upload_cut(x);
    }

    if (op->session && op->ruined) {
        err = cr_upload_cancel(&x->cx, o->meta, x->state->name.full,
                               cr_api_actor(x), x->state->reference_text);

    } else if (op->session && op->u.claimed) {
        err = cr_upload_release(&x->cx, o->meta, &op->base);
    }

    cr_upload_remove(x);

    return err;
}
