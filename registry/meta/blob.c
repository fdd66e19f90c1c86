/*
 * Blobs and their links.  A blob is seen only through a live link of the
 * repository that is asked; links carry the times that keep content from
 * being reclaimed between "it exists" and the manifest that needs it.
 */

#include "core/crash.h"
#include "meta/inner.h"

/* How many links an anonymous mount looks at (blob_find_visible). */
#define CR_BLOB_VISIBLE_MAX 1000


cr_err_t
cr_blob_find(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
             const cr_digest_t *d, cr_blob_t *ret_b)
{
    cr_blob_t  b;
    cr_conn_t *c;
    cr_stmt_t *st;
    cr_val_t   v[2];
    bool       found;

    v[0] = CR_V_TEXT(cr_digest_str(d));
    v[1] = CR_V_TEXT(repository);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_row(cx, c, CR_SQL_BLOB_FIND, v, 2, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_BLOB_UNKNOWN, NULL);
    }

    b.id = cr_stmt_int(st, 0);
    b.size = (uint64_t) cr_stmt_int(st, 1);
    b.locator = cr_stmt_text(cx, st, 2);
    b.expiring = !cr_stmt_is_null(st, 3)
                 && cr_stmt_int(st, 4) < cr_now(cx) + m->conf.grace_us / 2;
    CR_TRY(cr_meta_rows_done(cx, st));

    *ret_b = b;
    return CR_OK;
}


cr_err_t
cr_blob_place_in(cr_ctx_t *cx, cr_conn_t *c, cr_str_t digest, bool *ret_found,
                 cr_blob_place_t *ret_p)
{
    cr_stmt_t *st;
    cr_val_t   v = CR_V_TEXT(digest);

    CR_TRY(cr_meta_row(cx, c, CR_SQL_BLOB_GET, &v, 1, ret_found, &st));
    if (!*ret_found) {
        return CR_OK;
    }

    ret_p->blob_id = cr_stmt_int(st, 0);
    ret_p->size = (uint64_t) cr_stmt_int(st, 1);
    ret_p->locator = cr_stmt_text(cx, st, 2);
    return cr_meta_rows_done(cx, st);
}


cr_err_t
cr_blob_place(cr_ctx_t *cx, cr_meta_t *m, const cr_digest_t *d, bool *ret_found,
              cr_blob_place_t *ret_p)
{
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    return cr_blob_place_in(cx, c, cr_digest_str(d), ret_found, ret_p);
}


cr_err_t
cr_blob_find_in(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
                cr_str_t digest, bool *ret_found, cr_blob_link_t *ret_l)
{
    cr_stmt_t *st;
    cr_val_t   v[2];

    v[0] = CR_V_INT(repository_id);
    v[1] = CR_V_TEXT(digest);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_BLOB_FIND_IN, v, 2, ret_found, &st));
    if (*ret_found) {
        ret_l->blob_id = cr_stmt_int(st, 0);
        ret_l->size = (uint64_t) cr_stmt_int(st, 1);
        ret_l->unreferenced = !cr_stmt_is_null(st, 2);
        cr_stmt_done(st);
    }
    return CR_OK;
}


cr_err_t
cr_blob_link(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
             int64_t repository_id, int64_t blob_id, cr_str_t digest)
{
    int64_t    now = cr_now(cx);
    cr_val_t   v[5];
    cr_quota_t quota;

    v[0] = CR_V_INT(repository_id);
    v[1] = CR_V_INT(blob_id);
    v[2] = CR_V_INT(now);
    v[3] = CR_V_TEXT(digest);
    v[4] = CR_V_INT(now + m->conf.grace_us);
    CR_TRY(cr_quota_before(cx, c, repository_id, &quota));
    CR_TRY(cr_db_run(cx, c, CR_SQL_BLOB_LINK, v, 5));
    return cr_quota_after(cx, c, repository_id, &quota);
}


/* One operation on the link of a repository. */
typedef struct cr_blob_op_s {
    const cr_meta_t       *m;
    cr_str_t               repository;
    const cr_name_t       *name; /* mount: the target */
    const cr_visibility_t *vis;
    cr_str_t               digest;
} cr_blob_op_t;


static cr_err_t
cr_blob_op_link(cr_ctx_t *cx, cr_conn_t *c, cr_str_t repository,
                cr_str_t digest, int64_t *ret_repository_id,
                int64_t *ret_blob_id)
{
    cr_blob_link_t l;
    cr_err_t       err;
    bool           found;

    err = cr_repository_id(cx, c, repository, ret_repository_id);
    if (err == CR_ERR_NAME_UNKNOWN) {
        return cr_fail(cx, CR_ERR_BLOB_UNKNOWN, NULL);
    }
    if (err != CR_OK) {
        return err;
    }

    CR_TRY(cr_blob_find_in(cx, c, *ret_repository_id, digest, &found, &l));
    if (!found) {
        return cr_fail(cx, CR_ERR_BLOB_UNKNOWN, NULL);
    }
    *ret_blob_id = l.blob_id;
    return CR_OK;
}


static cr_err_t
cr_blob_protect_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_blob_op_t *op = arg;
    int64_t             repository_id, blob_id;
    cr_val_t            v[3];

    CR_TRY(cr_blob_op_link(cx, c, op->repository, op->digest, &repository_id,
                           &blob_id));
    v[0] = CR_V_INT(cr_now(cx) + op->m->conf.grace_us);
    v[1] = CR_V_INT(repository_id);
    v[2] = CR_V_INT(blob_id);
    return cr_db_run(cx, c, CR_SQL_BLOB_PROTECT, v, 3);
}


cr_err_t
cr_blob_protect(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                const cr_digest_t *d)
{
    cr_blob_op_t op = {
        .m = m,
        .repository = repository,
        .digest = cr_digest_str(d),
    };

    return cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_blob_protect_write, &op);
}


static cr_err_t
cr_blob_mount_source(cr_ctx_t *cx, cr_conn_t *c, const cr_blob_op_t *op,
                     int64_t *ret_blob_id)
{
    int64_t  repository_id;
    bool     found;
    cr_val_t v[2];

    if (op->repository.len > 0) {
        return cr_blob_op_link(cx, c, op->repository, op->digest,
                               &repository_id, ret_blob_id);
    }

    v[0] = CR_V_TEXT(op->digest);
    if (op->vis->all) {
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_BLOB_FIND_ANYWHERE, v, 1, &found,
                             ret_blob_id));
    } else {
        v[1] = CR_V_INT(CR_BLOB_VISIBLE_MAX);
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_BLOB_FIND_VISIBLE, v, 2, &found,
                             ret_blob_id));
    }
    if (!found) {
        return cr_fail(cx, CR_ERR_BLOB_UNKNOWN, NULL);
    }
    return CR_OK;
}


static cr_err_t
cr_blob_mount_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_blob_op_t *op = arg;
    int64_t             repository_id, blob_id;

    CR_TRY(cr_blob_mount_source(cx, c, op, &blob_id));
    CR_TRY(cr_repository_ensure(cx, c, op->name, &repository_id));
    return cr_blob_link(cx, c, op->m, repository_id, blob_id, op->digest);
}


cr_err_t
cr_blob_mount(cr_ctx_t *cx, cr_meta_t *m, const cr_name_t *repository,
              cr_str_t from, const cr_visibility_t *vis, const cr_digest_t *d)
{
    cr_blob_op_t op = {
        .m = m,
        .repository = from,
        .name = repository,
        .vis = vis,
        .digest = cr_digest_str(d),
    };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_blob_mount_write, &op);
}


static cr_err_t
cr_blob_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_blob_op_t *op = arg;
    int64_t             repository_id, blob_id;
    cr_val_t            v[3];

    CR_TRY(cr_blob_op_link(cx, c, op->repository, op->digest, &repository_id,
                           &blob_id));
    v[0] = CR_V_INT(cr_now(cx));
    v[1] = CR_V_INT(repository_id);
    v[2] = CR_V_INT(blob_id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_BLOB_DELETE, v, 3));
    CR_CRASH("blob.delete");
    return CR_OK;
}


cr_err_t
cr_blob_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
               const cr_digest_t *d)
{
    cr_blob_op_t op = {
        .m = m,
        .repository = repository,
        .digest = cr_digest_str(d),
    };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_blob_delete_write, &op);
}
