/*
 * The change log.  seq and the hybrid logical clock come from counter rows in
 * the transaction that uses them, so a reader that has seen seq N has seen
 * everything before it.
 */

#include "meta/change.h"
#include "meta/inner.h"

#define CR_HLC_COUNTER_BITS 16


cr_err_t
cr_change_record(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                 int64_t repository_id, cr_str_t reference, cr_str_t digest)
{
    int64_t  now = cr_now(cx), seq, hlc;
    bool     found;
    cr_val_t v[7];

    CR_TRY(cr_db_get_int(cx, c, CR_SQL_CHANGE_SEQ, NULL, 0, &found, &seq));
    v[0] = CR_V_INT((now / 1000) << CR_HLC_COUNTER_BITS);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_CHANGE_CLOCK, v, 1, &found, &hlc));

    v[0] = CR_V_INT(repository_id);
    v[1] = CR_V_TEXT(reference);
    v[2] = CR_V_INT(seq);
    v[3] = CR_V_OPT(digest);
    v[4] = CR_V_INT(hlc);
    v[5] = CR_V_TEXT(cr_meta_installation_id(m));
    v[6] = CR_V_INT(now);
    return cr_db_run(cx, c, CR_SQL_CHANGE_PUT, v, 7);
}


static void
cr_change_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_change_t *r = row;

    r->seq = cr_stmt_int(st, 0);
    r->repository = cr_stmt_text(cx, st, 1);
    r->reference = cr_stmt_text(cx, st, 2);
    r->digest = cr_stmt_text(cx, st, 3);
    r->hlc = cr_stmt_int(st, 4);
    r->origin = cr_stmt_text(cx, st, 5);
    r->changed_at = cr_stmt_int(st, 6);
}


cr_err_t
cr_change_list(cr_ctx_t *cx, cr_meta_t *m, int64_t after, size_t n,
               cr_change_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    cr_val_t   v[2];
    void      *rows;

    v[0] = CR_V_INT(after);
    v[1] = CR_V_INT(n);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_CHANGE_LIST, v, 2, cr_change_read,
                        sizeof(cr_change_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}
