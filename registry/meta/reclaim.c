/*
 * Giving space back.  Only what was deleted is ever purged; a manifest that
 * an index still lists (live, or in the trash) waits for that index, so no
 * index loses a child to reclaiming.  Whether content is in use is asked of
 * manifest_reference again before a link goes: the times on the link decide
 * when to ask, not what the answer is.
 */

#include "core/crash.h"
#include "meta/inner.h"
#include "meta/manifest.h"
#include "meta/reclaim.h"

/* Bytes stay that long after their row, for readers that just found it. */
#define CR_ORPHAN_DELAY CR_MINUTE

typedef struct cr_reclaim_op_s {
    const cr_meta_t *m;
    size_t           max;
    size_t           n;
} cr_reclaim_op_t;


cr_err_t
cr_orphan_add(cr_ctx_t *cx, cr_conn_t *c, cr_str_t locator, uint64_t size,
              int64_t not_before, const char *reason)
{
    cr_val_t v[4];

    v[0] = CR_V_TEXT(locator);
    v[1] = CR_V_INT(size);
    v[2] = CR_V_INT(not_before);
    v[3] = CR_V_TEXT(cr_str_z(reason));
    return cr_db_run(cx, c, CR_SQL_ORPHAN_ADD, v, 4);
}


/* --- trash -------------------------------------------------------------- */

typedef struct cr_trash_row_s {
    int64_t  id;
    int64_t  repository_id;
    cr_str_t digest;
    int      kind;
} cr_trash_row_t;


static void
cr_trash_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_trash_row_t *t = row;

    t->id = cr_stmt_int(st, 0);
    t->repository_id = cr_stmt_int(st, 1);
    t->digest = cr_stmt_text(cx, st, 2);
    t->kind = (int) cr_stmt_int(st, 3);
}


static cr_err_t
cr_reclaim_is_referenced(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
                         cr_str_t digest, bool *ret_yes)
{
    cr_val_t v[2];
    int64_t  one;

    v[0] = CR_V_INT(repository_id);
    v[1] = CR_V_TEXT(digest);
    return cr_db_get_int(cx, c, CR_SQL_RECLAIM_IS_REFERENCED, v, 2, ret_yes,
                         &one);
}


static cr_err_t
cr_trash_purge(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
               const cr_trash_row_t *t)
{
    int64_t  now = cr_now(cx);
    bool     waits;
    cr_val_t v[4];

    CR_TRY(
        cr_reclaim_is_referenced(cx, c, t->repository_id, t->digest, &waits));
    if (waits) {
        v[0] = CR_V_INT(now + m->conf.trash_us + CR_SECOND);
        v[1] = CR_V_INT(t->id);
        return cr_db_run(cx, c, CR_SQL_RECLAIM_POSTPONE, v, 2);
    }

    if (t->kind == CR_MANIFEST_INDEX) {
        v[0] = CR_V_INT(m->conf.trash_us);
        v[1] = CR_V_INT(t->repository_id);
        v[2] = CR_V_INT(t->id);
        CR_TRY(cr_db_run(cx, c, CR_SQL_RECLAIM_CHILDREN, v, 3));
    }

    /* A grace from now: somebody may have just been told that the blob
     * exists, when it was still referenced. */
    v[0] = CR_V_INT(now);
    v[1] = CR_V_INT(now + m->conf.grace_us);
    v[2] = CR_V_INT(t->repository_id);
    v[3] = CR_V_INT(t->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_RECLAIM_UNREFERENCE, v, 4));

    v[0] = CR_V_INT(t->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_RECLAIM_DROP_REFERENCES, v, 1));
    CR_CRASH("reclaim.manifest");
    CR_TRY(cr_db_run(cx, c, CR_SQL_RECLAIM_DROP_TAGS, v, 1));
    return cr_db_run(cx, c, CR_SQL_RECLAIM_DROP_MANIFEST, v, 1);
}


static cr_err_t
cr_reclaim_trash_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_reclaim_op_t *op = arg;
    void            *rows;
    size_t           i, n;
    int64_t          tags;
    cr_val_t         v[2];

    v[0] = CR_V_INT(cr_now(cx));
    v[1] = CR_V_INT(op->max);
    CR_TRY(cr_db_run_count(cx, c, CR_SQL_RECLAIM_TAGS, v, 2, &tags));
    op->n = (size_t) tags;
    if (op->n >= op->max) {
        return CR_OK;
    }

    v[1] = CR_V_INT(op->max - op->n);
    CR_TRY(cr_meta_list(cx, c, CR_SQL_RECLAIM_MANIFESTS, v, 2, cr_trash_read,
                        sizeof(cr_trash_row_t), &rows, &n));
    for (i = 0; i < n; i++) {
        CR_TRY(cr_trash_purge(cx, c, op->m, (cr_trash_row_t *) rows + i));
    }
    op->n += n;
    return CR_OK;
}


static cr_err_t
cr_reclaim_run(cr_ctx_t *cx, cr_meta_t *m, size_t n, cr_db_write_pt fn,
               size_t *ret_n)
{
    cr_reclaim_op_t op = { .m = m, .max = n };

    CR_TRY(cr_db_write(cx, m->db, CR_DB_SYNC, fn, &op));
    *ret_n = op.n;
    return CR_OK;
}


cr_err_t
cr_reclaim_trash(cr_ctx_t *cx, cr_meta_t *m, size_t n, size_t *ret_n)
{
    return cr_reclaim_run(cx, m, n, cr_reclaim_trash_write, ret_n);
}


/* --- links -------------------------------------------------------------- */

typedef struct cr_due_link_s {
    int64_t  repository_id;
    int64_t  blob_id;
    cr_str_t digest;
} cr_due_link_t;


static void
cr_due_link_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_due_link_t *l = row;

    l->repository_id = cr_stmt_int(st, 0);
    l->blob_id = cr_stmt_int(st, 1);
    l->digest = cr_stmt_text(cx, st, 2);
}


static cr_err_t
cr_reclaim_link(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                const cr_due_link_t *l)
{
    cr_stmt_t *st;
    cr_str_t   locator;
    uint64_t   size;
    int64_t    delay;
    bool       found;
    cr_val_t   v[2];

    v[0] = CR_V_INT(l->repository_id);
    v[1] = CR_V_INT(l->blob_id);
    CR_TRY(
        cr_reclaim_is_referenced(cx, c, l->repository_id, l->digest, &found));
    if (found) {
        return cr_db_run(cx, c, CR_SQL_BLOB_REFERENCE, v, 2);
    }
    CR_TRY(cr_db_run(cx, c, CR_SQL_RECLAIM_DROP_LINK, v, 2));
    CR_CRASH("reclaim.link");

    v[0] = CR_V_INT(l->blob_id);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_RECLAIM_DROP_BLOB, v, 1, &found, &st));
    if (!found) {
        return CR_OK;
    }
    locator = cr_stmt_text(cx, st, 0);
    size = (uint64_t) cr_stmt_int(st, 1);
    CR_TRY(cr_meta_rows_done(cx, st));

    delay =
        m->conf.grace_us < CR_ORPHAN_DELAY ? m->conf.grace_us : CR_ORPHAN_DELAY;
    return cr_orphan_add(cx, c, locator, size, cr_now(cx) + delay,
                         "unreferenced");
}


static cr_err_t
cr_reclaim_links_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_reclaim_op_t *op = arg;
    void            *rows;
    size_t           i;
    cr_val_t         v[2];

    v[0] = CR_V_INT(cr_now(cx));
    v[1] = CR_V_INT(op->max);
    CR_TRY(cr_meta_list(cx, c, CR_SQL_RECLAIM_LINKS, v, 2, cr_due_link_read,
                        sizeof(cr_due_link_t), &rows, &op->n));
    for (i = 0; i < op->n; i++) {
        CR_TRY(cr_reclaim_link(cx, c, op->m, (cr_due_link_t *) rows + i));
    }
    return CR_OK;
}


cr_err_t
cr_reclaim_links(cr_ctx_t *cx, cr_meta_t *m, size_t n, size_t *ret_n)
{
    return cr_reclaim_run(cx, m, n, cr_reclaim_links_write, ret_n);
}


/* --- orphans ------------------------------------------------------------ */


static void
cr_orphan_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_orphan_t *o = row;

    o->locator = cr_stmt_text(cx, st, 0);
    o->size = (uint64_t) cr_stmt_int(st, 1);
}


cr_err_t
cr_orphan_due(cr_ctx_t *cx, cr_meta_t *m, size_t n, cr_orphan_t **ret_rows,
              size_t *ret_n)
{
    cr_conn_t *c;
    void      *rows;
    cr_val_t   v[2];

    v[0] = CR_V_INT(cr_now(cx));
    v[1] = CR_V_INT(n);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_ORPHAN_DUE, v, 2, cr_orphan_read,
                        sizeof(cr_orphan_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


static cr_err_t
cr_orphan_forget_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_str_t *locator = arg;
    cr_val_t        v = CR_V_TEXT(*locator);

    return cr_db_run(cx, c, CR_SQL_ORPHAN_FORGET, &v, 1);
}


cr_err_t
cr_orphan_forget(cr_ctx_t *cx, cr_meta_t *m, cr_str_t locator)
{
    return cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_orphan_forget_write,
                       &locator);
}


typedef struct cr_orphan_check_s {
    const cr_meta_t *m;
    cr_str_t         locator;
    uint64_t         size;
    bool             orphaned;
} cr_orphan_check_t;


static cr_err_t
cr_orphan_check_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    static const cr_sql_e sql[] = {
        CR_SQL_ORPHAN_IS_BLOB,
        CR_SQL_ORPHAN_FIND,
        CR_SQL_ORPHAN_IS_SEGMENT,
    };

    cr_orphan_check_t *op = arg;
    cr_val_t           v = CR_V_TEXT(op->locator);
    int64_t            one;
    size_t             i;
    bool               found;

    op->orphaned = false;
    for (i = 0; i < CR_NELTS(sql); i++) {
        CR_TRY(cr_db_get_int(cx, c, sql[i], &v, 1, &found, &one));
        if (found) {
            return CR_OK;
        }
    }

    /* An upload without a session is named by no row until it is published,
     * and cannot be any more once it is an orphan: a grace to finish. */
    op->orphaned = true;
    return cr_orphan_add(cx, c, op->locator, op->size,
                         cr_now(cx) + op->m->conf.grace_us, "swept");
}


cr_err_t
cr_orphan_check(cr_ctx_t *cx, cr_meta_t *m, cr_str_t locator, uint64_t size,
                bool *ret_orphaned)
{
    cr_orphan_check_t op = { .m = m, .locator = locator, .size = size };

    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_orphan_check_write, &op));
    *ret_orphaned = op.orphaned;
    return CR_OK;
}


/* --- totals ------------------------------------------------------------- */


cr_err_t
cr_stats_get(cr_ctx_t *cx, cr_meta_t *m, cr_stats_t *ret_s)
{
    cr_stats_t s;
    cr_conn_t *c;
    cr_stmt_t *st;
    cr_val_t   v = CR_V_INT(cr_now(cx));
    bool       found;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_row(cx, c, CR_SQL_STATS_GET, &v, 1, &found, &st));
    if (!found) {
        return cr_fail_detail(cx, CR_ERR_DB, "stats_get gave no row");
    }

    s.projects = cr_stmt_int(st, 0);
    s.repositories = cr_stmt_int(st, 1);
    s.manifests = cr_stmt_int(st, 2);
    s.tags = cr_stmt_int(st, 3);
    s.blobs = cr_stmt_int(st, 4);
    s.blob_bytes = cr_stmt_int(st, 5);
    s.uploads = cr_stmt_int(st, 6);
    s.orphans = cr_stmt_int(st, 7);
    s.orphan_bytes = cr_stmt_int(st, 8);
    s.jobs_due = cr_stmt_int(st, 9);
    s.change_seq = cr_stmt_int(st, 10);
    cr_stmt_done(st);

    *ret_s = s;
    return CR_OK;
}
