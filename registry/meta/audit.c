/* The audit log. */

#include "core/encode.h"
#include "meta/audit.h"
#include "meta/inner.h"


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


/* $1 to $9 of the statements with a filter. */
static size_t
cr_audit_bind(const cr_audit_filter_t *f, cr_val_t *v)
{
    size_t n = 0;

    v[n++] = CR_V_INT(f->project_id);
    v[n++] = CR_V_TEXT(f->username);
    v[n++] = CR_V_TEXT(f->username_like);
    v[n++] = CR_V_TEXT(f->operation);
    v[n++] = CR_V_TEXT(f->resource_type);
    v[n++] = CR_V_TEXT(f->resource);
    v[n++] = CR_V_TEXT(f->resource_like);
    v[n++] = CR_V_INT(f->from);
    v[n++] = CR_V_INT(f->until == 0 ? INT64_MAX : f->until);

    return n;
}


cr_err_t
cr_audit_page(cr_ctx_t *cx, cr_meta_t *m, const cr_audit_filter_t *f,
              int64_t offset, size_t n, cr_audit_entry_t **ret_rows,
              size_t *ret_n)
{
    cr_conn_t *c;
    cr_val_t   v[13];
    size_t     nv = cr_audit_bind(f, v);
    bool       project = f->project_id != 0 && f->admin_of == 0;
    void      *rows;

    v[nv++] = CR_V_INT(f->before_id);

    if (!project) {
        v[nv++] = CR_V_INT(f->admin_of);
    }

    v[nv++] = CR_V_INT(n);
    v[nv++] = CR_V_INT(offset);

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c,
                        project ? CR_SQL_AUDIT_PAGE_PROJECT : CR_SQL_AUDIT_PAGE,
                        v, nv, cr_audit_read, sizeof(cr_audit_entry_t), &rows,
                        ret_n));
    *ret_rows = rows;
    return CR_OK;
}


cr_err_t
cr_audit_count(cr_ctx_t *cx, cr_meta_t *m, const cr_audit_filter_t *f,
               int64_t *ret_total)
{
    cr_conn_t *c;
    cr_val_t   v[11];
    cr_sql_e   sql;
    size_t     nv = cr_audit_bind(f, v);
    bool       found, any;

    any = f->project_id == 0 && f->admin_of == 0 && f->username.len == 0
          && f->username_like.len == 0 && f->operation.len == 0
          && f->resource_type.len == 0 && f->resource.len == 0
          && f->resource_like.len == 0 && f->from == 0 && f->until == 0;

    if (any) {
        sql = CR_SQL_AUDIT_COUNT_FAST;
        nv = 0;

    } else if (f->project_id != 0 && f->admin_of == 0) {
        sql = CR_SQL_AUDIT_COUNT_PROJECT;
        v[nv++] = CR_V_INT(CR_AUDIT_COUNT_MAX);

    } else {
        sql = CR_SQL_AUDIT_COUNT;
        v[nv++] = CR_V_INT(f->admin_of);
        v[nv++] = CR_V_INT(CR_AUDIT_COUNT_MAX);
    }

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_db_get_int(cx, c, sql, v, nv, &found, ret_total);
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
