/*
 * The ends of an upload session: its content is published, or it is cancelled
 * or expires.  Before that: upload.c.  No bytes are touched here.
 *
 * Sections: publish; cancel, expire.
 */

#include "core/crash.h"
#include "meta/upload_inner.h"

/* How many sessions a cr_upload_expire transaction looks at, at most. */
#define CR_UPLOAD_EXPIRE_MAX 1000


/* All segments but `keep` become orphans. */
static cr_err_t
cr_segments_orphan(cr_ctx_t *cx, cr_conn_t *c, const cr_segment_t *segments,
                   size_t n, cr_str_t keep, const char *reason)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (!cr_str_eq(segments[i].locator, keep)) {
            CR_TRY(cr_orphan_add(cx, c, segments[i].locator, segments[i].size,
                                 cr_now(cx), reason));
        }
    }
    return CR_OK;
}


/* --- publish ----------------------------------------------------------- */


/* The file that the row of the content does not need, of the two. */
static cr_err_t
cr_upload_choose(cr_ctx_t *cx, cr_conn_t *c, const cr_upload_file_t *f,
                 const cr_blob_place_t *old)
{
    cr_val_t v[3];

    if (cr_str_eq(old->locator, f->locator)) {
        return CR_OK;
    }

    /* Nobody has put another one there since it was found missing. */
    if (f->lost.len != 0 && cr_str_eq(old->locator, f->lost)) {
        v[0] = CR_V_TEXT(f->locator);
        v[1] = CR_V_INT(old->blob_id);
        v[2] = CR_V_TEXT(f->lost);
        CR_TRY(cr_db_run(cx, c, CR_SQL_BLOB_MOVE, v, 3));
        return cr_orphan_add(cx, c, f->lost, f->size, cr_now(cx), "lost");
    }

    return cr_orphan_add(cx, c, f->locator, f->size, cr_now(cx), "duplicate");
}


/*
 * The row of the content, and its link here.  When the content is there
 * already the new file is the orphan, whoever came first.
 */
static cr_err_t
cr_upload_publish_blob(cr_ctx_t *cx, cr_conn_t *c, const cr_upload_op_t *op,
                       int64_t repository_id)
{
    const cr_upload_file_t *f = op->file;
    cr_blob_place_t         old;
    cr_str_t                digest = cr_digest_str(op->digest);
    cr_val_t                v[4];
    int64_t                 one;
    bool                    found;

    /* The orphan sweep took the file for abandoned: it may be gone. */
    v[0] = CR_V_TEXT(f->locator);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_ORPHAN_FIND, v, 1, &found, &one));
    if (found) {
        return cr_fail(cx, CR_ERR_BLOB_UPLOAD_UNKNOWN, NULL);
    }

    CR_TRY(cr_blob_place_in(cx, c, digest, &found, &old));
    if (!found) {
        v[0] = CR_V_TEXT(digest);
        v[1] = CR_V_INT(f->size);
        v[2] = CR_V_TEXT(f->locator);
        v[3] = CR_V_INT(cr_now(cx));
        CR_TRY(
            cr_db_get_int(cx, c, CR_SQL_BLOB_ADD, v, 4, &found, &old.blob_id));

    } else if (old.size != f->size) {
        return cr_fail_detail(cx, CR_ERR_CORRUPT,
                              "blob %.*s is stored with %llu bytes, but was "
                              "uploaded with %llu",
                              CR_STR_ARG(digest), (unsigned long long) old.size,
                              (unsigned long long) f->size);
    } else {
        CR_TRY(cr_upload_choose(cx, c, f, &old));
    }

    return cr_blob_link(cx, c, op->m, repository_id, old.blob_id, digest);
}


static cr_err_t
cr_upload_commit_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_upload_op_t    *op = arg;
    const cr_upload_t *u = op->u;
    cr_val_t           v;

    CR_TRY(cr_upload_check(cx, c, op, CR_ERR_BLOB_UPLOAD_BUSY));
    CR_TRY(cr_upload_publish_blob(cx, c, op, u->repository_id));
    CR_TRY(cr_segments_orphan(cx, c, u->segments, u->nsegments,
                              op->file->locator, "joined"));
    v = CR_V_TEXT(cr_upload_id(u));
    return cr_db_run(cx, c, CR_SQL_UPLOAD_DROP, &v, 1);
}


cr_err_t
cr_upload_commit(cr_ctx_t *cx, cr_meta_t *m, cr_upload_t *u, uint64_t acked,
                 const cr_digest_t *d, const cr_upload_file_t *f)
{
    cr_upload_op_t op = {
        .m = m,
        .u = u,
        .acked = acked,
        .digest = d,
        .file = f,
    };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_upload_commit_write, &op);
}


static cr_err_t
cr_upload_publish_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_upload_op_t *op = arg;
    int64_t               repository_id;

    CR_TRY(cr_repository_ensure(cx, c, op->name, &repository_id));
    return cr_upload_publish_blob(cx, c, op, repository_id);
}


cr_err_t
cr_upload_publish(cr_ctx_t *cx, cr_meta_t *m, const cr_name_t *name,
                  const cr_digest_t *d, const cr_upload_file_t *f)
{
    cr_upload_op_t op = {
        .m = m,
        .name = name,
        .digest = d,
        .file = f,
    };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_upload_publish_write, &op);
}


/* --- cancel, expire ---------------------------------------------------- */

typedef struct cr_upload_cancel_s {
    const cr_meta_t *m;
    cr_str_t         repository;
    cr_actor_t       owner;
    cr_str_t         id;
} cr_upload_cancel_t;


/* The session goes without a result, and with it a repository that had never
 * anything else. */
static cr_err_t
cr_upload_drop(cr_ctx_t *cx, cr_conn_t *c, cr_str_t id, int64_t repository_id)
{
    cr_val_t v = CR_V_TEXT(id);

    CR_TRY(cr_db_run(cx, c, CR_SQL_UPLOAD_DROP, &v, 1));
    v = CR_V_INT(repository_id);
    return cr_db_run(cx, c, CR_SQL_REPOSITORY_DROP_UNUSED, &v, 1);
}


static cr_err_t
cr_upload_cancel_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_upload_cancel_t *op = arg;
    cr_upload_t               u;

    CR_TRY(cr_upload_find(cx, c, op->m, op->repository, op->owner, op->id, &u));
    CR_TRY(cr_segments_orphan(cx, c, u.segments, u.nsegments, CR_STR_NULL,
                              "cancelled"));
    return cr_upload_drop(cx, c, op->id, u.repository_id);
}


cr_err_t
cr_upload_cancel(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                 cr_actor_t owner, cr_str_t id)
{
    cr_upload_cancel_t op = {
        .m = m,
        .repository = repository,
        .owner = owner,
        .id = id,
    };

    return cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_upload_cancel_write, &op);
}


typedef struct cr_upload_expire_s {
    size_t max;
    size_t n;
} cr_upload_expire_t;

typedef struct cr_upload_expired_s {
    cr_str_t id;
    cr_str_t segments;
    int64_t  repository_id;
} cr_upload_expired_t;


static void
cr_upload_expired_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_upload_expired_t *e = row;

    e->id = cr_stmt_text(cx, st, 0);
    e->segments = cr_stmt_text(cx, st, 1);
    e->repository_id = cr_stmt_int(st, 2);
}


static cr_err_t
cr_upload_expire_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_upload_expire_t  *op = arg;
    cr_upload_expired_t *e;
    cr_segment_t        *segments;
    void                *rows;
    size_t               i, nsegments;
    cr_val_t             v[2];

    v[0] = CR_V_INT(cr_now(cx));
    v[1] = CR_V_INT(op->max);
    CR_TRY(cr_meta_list(cx, c, CR_SQL_UPLOAD_EXPIRED, v, 2,
                        cr_upload_expired_read, sizeof(*e), &rows, &op->n));

    for (i = 0, e = rows; i < op->n; i++, e++) {
        CR_TRY(cr_segments_parse(cx, e->segments, &segments, &nsegments));
        CR_TRY(cr_segments_orphan(cx, c, segments, nsegments, CR_STR_NULL,
                                  "expired"));
        CR_TRY(cr_upload_drop(cx, c, e->id, e->repository_id));
        CR_CRASH("upload.expire");
    }
    return CR_OK;
}


cr_err_t
cr_upload_expire(cr_ctx_t *cx, cr_meta_t *m, size_t n, size_t *ret_n)
{
    cr_upload_expire_t op = { .max = n };

    if (op.max > CR_UPLOAD_EXPIRE_MAX) {
        op.max = CR_UPLOAD_EXPIRE_MAX;
    }
    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_upload_expire_write, &op));
    *ret_n = op.n;
    return CR_OK;
}
