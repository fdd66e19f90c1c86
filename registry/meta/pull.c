/*
 * Counts of pulls: two hash tables, of which one takes what comes.  An entry
 * is a manifest and the tag that it was pulled by.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "meta/inner.h"
#include "meta/pull.h"

#define CR_PULLS_PROBES 16 /* places that are looked at for one entry */

typedef struct cr_pull_s {
    int64_t manifest_id; /* 0: free */
    int64_t tag_id;
    int64_t repository_id;
    int64_t at; /* the last one */
    int64_t n;
} cr_pull_t;

struct cr_pulls_s {
    pthread_mutex_t lock;  /* guards active and its entries; never held long */
    pthread_mutex_t flush; /* held while the other table is written */
    size_t          mask;
    size_t          used; /* of the active one */
    cr_pull_t      *active;
    cr_pull_t      *spare;
};


cr_err_t
cr_pulls_create(cr_ctx_t *cx, size_t max, cr_pulls_t **ret_p)
{
    size_t      size = CR_PULLS_PROBES;
    cr_pulls_t *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    while (size < max) {
        size *= 2;
    }

    /* Without attributes these do not fail. */
    (void) pthread_mutex_init(&p->lock, NULL);
    (void) pthread_mutex_init(&p->flush, NULL);
    p->mask = size - 1;
    p->active = calloc(size, sizeof(cr_pull_t));
    p->spare = calloc(size, sizeof(cr_pull_t));

    if (p->active == NULL || p->spare == NULL) {
        cr_pulls_free(p);
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    *ret_p = p;
    return CR_OK;
}


void
cr_pulls_free(cr_pulls_t *p)
{
    if (p == NULL) {
        return;
    }

    (void) pthread_mutex_destroy(&p->lock);
    (void) pthread_mutex_destroy(&p->flush);
    free(p->active);
    free(p->spare);
    free(p);
}


/* Multiplication by an odd number spreads ids that follow each other. */
static size_t
cr_pulls_hash(int64_t manifest_id, int64_t tag_id)
{
    uint64_t h = (uint64_t) manifest_id * UINT64_C(0x9e3779b97f4a7c15);

    h = (h ^ (uint64_t) tag_id) * UINT64_C(0xff51afd7ed558ccd);
    return (size_t) (h >> 32);
}


static void
cr_pulls_add_one(cr_pulls_t *p, const cr_pull_t *pull)
{
    size_t     i, hash = cr_pulls_hash(pull->manifest_id, pull->tag_id);
    cr_pull_t *e;

    (void) pthread_mutex_lock(&p->lock);

    for (i = 0; i < CR_PULLS_PROBES; i++) {
        e = &p->active[(hash + i) & p->mask];

        if (e->manifest_id == 0) {
            *e = *pull;
            p->used++;
            break;
        }
        if (e->manifest_id == pull->manifest_id && e->tag_id == pull->tag_id) {
            e->n += pull->n;
            e->at = e->at > pull->at ? e->at : pull->at;
            break;
        }
    }

    (void) pthread_mutex_unlock(&p->lock);
}


void
cr_pulls_add(cr_pulls_t *p, int64_t repository_id, int64_t manifest_id,
             int64_t tag_id, int64_t now)
{
    cr_pull_t pull = { manifest_id, tag_id, repository_id, now, 1 };

    cr_pulls_add_one(p, &pull);
}


bool
cr_pulls_pending(cr_pulls_t *p)
{
    bool pending;

    (void) pthread_mutex_lock(&p->lock);
    pending = p->used != 0;
    (void) pthread_mutex_unlock(&p->lock);

    return pending;
}


/* --- writing ------------------------------------------------------------ */

typedef struct cr_pulls_op_s {
    const cr_pull_t *list;
    size_t           n;
} cr_pulls_op_t;


/* Rows that are gone by now are passed over. */
static cr_err_t
cr_pulls_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_pulls_op_t *op = arg;
    cr_val_t             v[2];
    size_t               i;

    for (i = 0; i < op->n; i++) {
        v[0] = CR_V_INT(op->list[i].at);
        v[1] = CR_V_INT(op->list[i].manifest_id);
        CR_TRY(cr_db_run(cx, c, CR_SQL_PULL_MANIFEST, v, 2));

        if (op->list[i].tag_id != 0) {
            v[1] = CR_V_INT(op->list[i].tag_id);
            CR_TRY(cr_db_run(cx, c, CR_SQL_PULL_TAG, v, 2));
        }

        v[0] = CR_V_INT(op->list[i].n);
        v[1] = CR_V_INT(op->list[i].repository_id);
        CR_TRY(cr_db_run(cx, c, CR_SQL_PULL_REPOSITORY, v, 2));
    }
    return CR_OK;
}


/* The table that is full now, its entries at its begin. */
static size_t
cr_pulls_take(cr_pulls_t *p)
{
    cr_pull_t *full;
    size_t     i, n = 0;

    (void) pthread_mutex_lock(&p->lock);
    full = p->active;
    p->active = p->spare;
    p->spare = full;
    p->used = 0;
    (void) pthread_mutex_unlock(&p->lock);

    for (i = 0; i <= p->mask; i++) {
        if (full[i].manifest_id != 0) {
            full[n++] = full[i];
        }
    }
    return n;
}


cr_err_t
cr_pulls_flush(cr_ctx_t *cx, cr_meta_t *m, cr_pulls_t *p)
{
    cr_pulls_op_t op;
    size_t        i, n;
    cr_err_t      err = CR_OK;

    if (!cx->may_block) {
        return cr_fail(cx, CR_ERR_AGAIN, NULL);
    }

    (void) pthread_mutex_lock(&p->flush);
    n = cr_pulls_take(p);

    for (i = 0; i < n && err == CR_OK; i += op.n) {
        op.list = &p->spare[i];
        op.n = n - i < CR_PULLS_BATCH ? n - i : CR_PULLS_BATCH;
        err = cr_db_write(cx, m->db, CR_DB_SPARE, cr_pulls_write, &op);

        if (err != CR_OK) {
            break;
        }
    }

    for (; i < n; i++) {
        cr_pulls_add_one(p, &p->spare[i]);
    }

    memset(p->spare, 0, (p->mask + 1) * sizeof(cr_pull_t));
    (void) pthread_mutex_unlock(&p->flush);

    return err;
}
