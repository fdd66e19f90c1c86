/* The audit log. */

#include "core/encode.h"
#include "meta/audit.h"
#include "meta/inner.h"
#include "meta/page.h"


static int64_t
cr_audit_id(cr_str_t actor, cr_str_t prefix)
{
    uint64_t id;

    if (!cr_str_starts(actor, prefix)
        || !cr_str_u64(cr_str_slice(actor, prefix.len, actor.len), &id)
        || id > INT64_MAX)
    {
        return 0;
    }

    return (int64_t) id;
}


int64_t
cr_audit_user_id(const cr_audit_who_t *who)
{
    return cr_audit_id(who->actor, CR_STR("user:"));
}


int64_t
cr_audit_robot_id(const cr_audit_who_t *who)
{
    return cr_audit_id(who->actor, CR_STR("robot:"));
}


/* Foreign text: bounded, and what is no UTF-8 does not enter the log. */
static cr_val_t
cr_audit_text(cr_str_t s)
{
    size_t n = 0, step;

    while (n < s.len && n < CR_AUDIT_TEXT_MAX) {
        step = cr_utf8_next(cr_str_slice(s, n, s.len));
        if (step == 0 || n + step > CR_AUDIT_TEXT_MAX) {
            break;
        }
        n += step;
    }

    return n == 0 ? CR_V_TEXT(CR_STR("")) : CR_V_TEXT(cr_str_slice(s, 0, n));
}


cr_err_t
cr_audit_add_in(cr_ctx_t *cx, cr_conn_t *c, const cr_audit_who_t *who,
                const cr_audit_entry_t *e)
{
    cr_val_t v[10];

    v[0] = CR_V_INT(cr_now(cx));
    v[1] = cr_audit_text(who->actor);
    v[2] = cr_audit_text(who->username);
    v[3] = cr_audit_text(who->client);
    v[4] = cr_audit_text(e->operation);
    v[5] = cr_audit_text(e->resource_type);
    v[6] = cr_audit_text(e->resource);
    v[7] = e->project_id == 0 ? CR_V_NULL : CR_V_INT(e->project_id);
    v[8] = CR_V_INT(e->success);
    v[9] = cr_audit_text(e->description);

    return cr_db_run(cx, c, CR_SQL_AUDIT_ADD, v, 10);
}


typedef struct cr_audit_op_s {
    const cr_audit_who_t   *who;
    const cr_audit_entry_t *e;
    int64_t                 before;
    size_t                  n;
} cr_audit_op_t;


static cr_err_t
cr_audit_add_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_audit_op_t *op = arg;

    return cr_audit_add_in(cx, c, op->who, op->e);
}


cr_err_t
cr_audit_add(cr_ctx_t *cx, cr_meta_t *m, const cr_audit_who_t *who,
             const cr_audit_entry_t *e)
{
    cr_audit_op_t op = { .who = who, .e = e };

    return cr_db_write(cx, m->db, CR_DB_SPARE, cr_audit_add_write, &op);
}


static void
cr_audit_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_audit_entry_t *e = row;

    e->id = cr_stmt_int(st, 0);
    e->at = cr_stmt_int(st, 1);
    e->actor = cr_stmt_text(cx, st, 2);
    e->username = cr_stmt_text(cx, st, 3);
    e->client = cr_stmt_text(cx, st, 4);
    e->operation = cr_stmt_text(cx, st, 5);
    e->resource_type = cr_stmt_text(cx, st, 6);
    e->resource = cr_stmt_text(cx, st, 7);
    e->project_id = cr_stmt_int(st, 8);
    e->success = cr_stmt_int(st, 9) != 0;
    e->description = cr_stmt_text(cx, st, 10);
}


/* Rows of a page, and the total that each carries when a filter found it. */
typedef struct cr_audit_row_s {
    cr_audit_entry_t e;
    int64_t          total;
} cr_audit_row_t;


static void
cr_audit_read_found(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_audit_row_t *r = row;

    cr_audit_read(cx, st, &r->e);
    r->total = cr_stmt_int(st, 11);
}


static bool
cr_audit_filters(const cr_audit_filter_t *f)
{
    return f->username.any.len + f->username.like.len + f->operation.any.len
                   + f->operation.like.len + f->resource_type.any.len
                   + f->resource_type.like.len + f->resource.any.len
                   + f->resource.like.len
               != 0
           || f->from != 0 || f->until != 0;
}


/* The two values of a field. */
static size_t
cr_audit_match(cr_val_t *v, const cr_audit_match_t *m)
{
    v[0] = CR_V_TEXT(m->any.len != 0 ? m->any : CR_STR("[]"));
    v[1] = CR_V_TEXT(m->like);

    return 2;
}


/* How many there are, without a filter. */
static cr_err_t
cr_audit_total(cr_ctx_t *cx, cr_conn_t *c, const cr_audit_filter_t *f,
               int64_t *ret_newest, int64_t *ret_total)
{
    cr_val_t   v = CR_V_INT(f->admin_of);
    cr_stmt_t *st;
    bool       found;

    if (f->admin_of != 0) {
        return cr_db_get_int(cx, c, CR_SQL_AUDIT_COUNT_ADMIN, &v, 1, &found,
                             ret_total);
    }

    if (f->project_id != 0) {
        return cr_total_get(cx, c, CR_TOTAL_AUDIT, f->project_id,
                            f->project_id, ret_total);
    }

    CR_TRY(cr_meta_row(cx, c, CR_SQL_AUDIT_RANGE, NULL, 0, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_INTERNAL, NULL);
    }

    *ret_newest = cr_stmt_int(st, 1);
    *ret_total = *ret_newest - cr_stmt_int(st, 0) + 1;
    cr_stmt_done(st);

    return CR_OK;
}


/* What a filter finds, or what a project administrator sees.  A page beyond
 * the end takes the total from the first row. */
static cr_err_t
cr_audit_find(cr_ctx_t *cx, cr_conn_t *c, const cr_audit_filter_t *f,
              int64_t window, bool up, int64_t offset, int64_t n,
              cr_audit_entry_t **ret_rows, size_t *ret_n, int64_t *ret_total)
{
    cr_sql_e          sql = CR_SQL_AUDIT_FIND;
    cr_val_t          v[15];
    cr_audit_row_t   *found;
    cr_audit_entry_t *rows;
    void             *list;
    size_t            nv = 0, nrows;
    int64_t           until;

    if (f->admin_of != 0 || f->project_id != 0) {
        sql = f->admin_of != 0 ? CR_SQL_AUDIT_FIND_ADMIN
                               : CR_SQL_AUDIT_FIND_PROJECT;
        v[nv++] = CR_V_INT(f->admin_of != 0 ? f->admin_of : f->project_id);
    }

    /* The newest are found by id: a clock that was wrong left others last. */
    until = f->until == 0 || f->until >= cr_now(cx) ? INT64_MAX : f->until;
    v[nv++] = CR_V_INT(until);
    v[nv++] = CR_V_INT(window);
    nv += cr_audit_match(&v[nv], &f->username);
    nv += cr_audit_match(&v[nv], &f->operation);
    nv += cr_audit_match(&v[nv], &f->resource_type);
    nv += cr_audit_match(&v[nv], &f->resource);
    v[nv++] = CR_V_INT(f->from);
    v[nv++] = CR_V_INT(up ? 1 : -1);
    v[nv++] = CR_V_INT(n);
    v[nv++] = CR_V_INT(offset);
    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_audit_read_found,
                        sizeof(cr_audit_row_t), &list, &nrows));
    found = list;
    rows = cr_alloc(cx, (nrows + 1) * sizeof(cr_audit_entry_t));

    if (rows == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    for (size_t i = 0; i < nrows; i++) {
        rows[i] = found[i].e;
    }

    *ret_rows = rows;
    *ret_n = nrows;
    *ret_total = nrows != 0 ? found[0].total : 0;

    if (nrows == 0 && offset > 0) {
        CR_TRY(cr_audit_find(cx, c, f, window, up, 0, 1, &rows, &nrows,
                             ret_total));
    }
    return CR_OK;
}


/* A page without a filter, newest first. */
static cr_err_t
cr_audit_seek(cr_ctx_t *cx, cr_conn_t *c, const cr_audit_filter_t *f,
              const cr_page_t *p, int64_t newest, int64_t total,
              cr_audit_entry_t **ret_rows, size_t *ret_n)
{
    cr_sql_e sql = CR_SQL_AUDIT_PAGE;
    cr_val_t v[6];
    int64_t  found;
    size_t   nv = 2;
    void    *rows;

    if (f->admin_of != 0) {
        return cr_audit_find(cx, c, f, p->start + p->n, false, p->start, p->n,
                             ret_rows, ret_n, &found);
    }

    v[0] = CR_V_INT(newest - p->start);
    v[1] = CR_V_INT(p->n);

    if (f->project_id != 0) {
        sql = CR_SQL_AUDIT_PAGE_PROJECT;
        v[0] = CR_V_INT(f->project_id);
        nv = 1 + cr_page_seek(&v[1], p, total);
    }

    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_audit_read,
                        sizeof(cr_audit_entry_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


cr_err_t
cr_audit_page(cr_ctx_t *cx, cr_meta_t *m, const cr_audit_filter_t *f,
              int64_t offset, size_t n, cr_audit_entry_t **ret_rows,
              size_t *ret_n, int64_t *ret_total)
{
    cr_conn_t *c;
    cr_page_t  p;
    int64_t    newest = 0;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    if (cr_audit_filters(f)) {
        return cr_audit_find(cx, c, f, CR_AUDIT_WINDOW, f->oldest_first, offset,
                             (int64_t) n, ret_rows, ret_n, ret_total);
    }

    CR_TRY(cr_audit_total(cx, c, f, &newest, ret_total));
    p = cr_page_of(*ret_total, offset, (int64_t) n, f->oldest_first);
    CR_TRY(cr_audit_seek(cx, c, f, &p, newest, *ret_total, ret_rows, ret_n));

    if (f->oldest_first) {
        cr_page_reverse(*ret_rows, *ret_n, sizeof(cr_audit_entry_t));
    }
    return CR_OK;
}


static cr_err_t
cr_audit_purge_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_audit_op_t *op = arg;
    cr_val_t       v[2];
    int64_t        n;

    v[0] = CR_V_INT(op->before);
    v[1] = CR_V_INT(op->n);
    CR_TRY(cr_db_run_count(cx, c, CR_SQL_AUDIT_PURGE, v, 2, &n));
    op->n = (size_t) n;
    return CR_OK;
}


cr_err_t
cr_audit_purge(cr_ctx_t *cx, cr_meta_t *m, int64_t before, size_t n,
               size_t *ret_n)
{
    cr_audit_op_t op = { .before = before, .n = n };

    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_audit_purge_write, &op));
    *ret_n = op.n;
    return CR_OK;
}
