/* Comparing the rows with what is stored. */

#include "meta/fsck.h"
#include "meta/inner.h"

typedef struct cr_fsck_op_s {
    const cr_meta_t      *m;
    const cr_fsck_blob_t *blob;
    cr_str_t              locator;
    bool                  named;
} cr_fsck_op_t;


static void
cr_fsck_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_fsck_blob_t *b = row;

    b->id = cr_stmt_int(st, 0);
    b->digest = cr_stmt_text(cx, st, 1);
    b->size = (uint64_t) cr_stmt_int(st, 2);
    b->locator = cr_stmt_text(cx, st, 3);
}


cr_err_t
cr_fsck_blobs(cr_ctx_t *cx, cr_meta_t *m, int64_t after_id, size_t n,
              cr_fsck_blob_t **ret_rows, size_t *ret_n)
{
    void      *rows;
    cr_conn_t *c;
    cr_val_t   v[2];

    v[0] = CR_V_INT(after_id);
    v[1] = CR_V_INT(n);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_FSCK_BLOBS, v, 2, cr_fsck_read,
                        sizeof(cr_fsck_blob_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


cr_err_t
cr_fsck_is_blob(cr_ctx_t *cx, cr_meta_t *m, const cr_fsck_blob_t *blob,
                bool *ret_is)
{
    int64_t    one;
    cr_conn_t *c;
    cr_val_t   v[2];

    v[0] = CR_V_INT(blob->id);
    v[1] = CR_V_TEXT(blob->locator);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    return cr_db_get_int(cx, c, CR_SQL_FSCK_IS_BLOB, v, 2, ret_is, &one);
}


/* One snapshot: a file that goes from upload to blob is always in one. */
static cr_err_t
cr_fsck_named_read(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    static const cr_sql_e sql[] = {
        CR_SQL_ORPHAN_IS_BLOB,
        CR_SQL_ORPHAN_FIND,
        CR_SQL_ORPHAN_IS_SEGMENT,
    };

    size_t        i;
    int64_t       one;
    cr_fsck_op_t *op = arg;
    cr_val_t      v = CR_V_TEXT(op->locator);

    op->named = false;
    for (i = 0; i < CR_NELTS(sql) && !op->named; i++) {
        CR_TRY(cr_db_get_int(cx, c, sql[i], &v, 1, &op->named, &one));
    }
    return CR_OK;
}


cr_err_t
cr_fsck_is_named(cr_ctx_t *cx, cr_meta_t *m, cr_str_t locator, bool *ret_is)
{
    cr_fsck_op_t op = { .m = m, .locator = locator };

    CR_TRY(cr_db_read(cx, m->db, cr_fsck_named_read, &op));
    *ret_is = op.named;
    return CR_OK;
}


cr_err_t
cr_fsck_images(cr_ctx_t *cx, cr_meta_t *m, int64_t blob_id, size_t n,
               cr_str_t **ret_images, size_t *ret_n)
{
    void      *rows;
    cr_conn_t *c;
    cr_val_t   v[2];

    v[0] = CR_V_INT(blob_id);
    v[1] = CR_V_INT(n);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_FSCK_IMAGES, v, 2, cr_meta_read_text,
                        sizeof(cr_str_t), &rows, ret_n));
    *ret_images = rows;
    return CR_OK;
}


static cr_err_t
cr_fsck_drop_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool          found;
    int64_t       one;
    cr_val_t      v[2];
    cr_fsck_op_t *op = arg;

    v[0] = CR_V_INT(op->blob->id);
    v[1] = CR_V_TEXT(op->blob->locator);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_FSCK_IS_BLOB, v, 2, &found, &one));
    if (!found) {
        return CR_OK;
    }

    CR_TRY(cr_db_run(cx, c, CR_SQL_FSCK_UNLINK, v, 1));
    CR_TRY(cr_db_run(cx, c, CR_SQL_FSCK_DROP, v, 2));
    return cr_orphan_add(cx, c, op->blob->locator, op->blob->size,
                         cr_now(cx) + op->m->conf.grace_us, "damaged");
}


cr_err_t
cr_fsck_drop(cr_ctx_t *cx, cr_meta_t *m, const cr_fsck_blob_t *blob)
{
    cr_fsck_op_t op = { .m = m, .blob = blob };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_fsck_drop_write, &op);
}
