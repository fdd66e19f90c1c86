/* Settings. */

#include "meta/inner.h"
#include "meta/setting.h"


static cr_err_t
cr_setting_get_in(cr_ctx_t *cx, cr_conn_t *c, const char *name,
                  cr_str_t *ret_value)
{
    cr_stmt_t *st;
    cr_val_t   v = CR_V_TEXT(cr_str_z(name));
    cr_str_t   value;
    bool       found;

    CR_TRY(cr_meta_row(cx, c, CR_SQL_SETTING_GET, &v, 1, &found, &st));
    if (!found) {
        *ret_value = CR_STR_NULL;
        return CR_OK;
    }

    value = cr_stmt_text(cx, st, 0);
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_value = value;
    return CR_OK;
}


cr_err_t
cr_setting_get(cr_ctx_t *cx, cr_meta_t *m, const char *name,
               cr_str_t *ret_value)
{
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    return cr_setting_get_in(cx, c, name, ret_value);
}


cr_err_t
cr_setting_int_in(cr_ctx_t *cx, cr_conn_t *c, const char *name, int64_t *ret_n)
{
    cr_str_t s;
    uint64_t n;
    bool     minus;

    CR_TRY(cr_setting_get_in(cx, c, name, &s));
    if (s.data == NULL) {
        return CR_OK;
    }

    minus = cr_str_starts(s, CR_STR("-"));
    s = cr_str_slice(s, minus ? 1 : 0, s.len);
    if (!cr_str_u64(s, &n) || n > INT64_MAX) {
        return cr_fail_detail(cx, CR_ERR_CORRUPT, "setting %s is not a number",
                              name);
    }

    *ret_n = minus ? -(int64_t) n : (int64_t) n;
    return CR_OK;
}


cr_err_t
cr_setting_get_int(cr_ctx_t *cx, cr_meta_t *m, const char *name, int64_t *ret_n)
{
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    return cr_setting_int_in(cx, c, name, ret_n);
}


cr_err_t
cr_setting_get_bool(cr_ctx_t *cx, cr_meta_t *m, const char *name, bool *ret_b)
{
    cr_str_t s;

    CR_TRY(cr_setting_get(cx, m, name, &s));
    if (s.data != NULL) {
        *ret_b = cr_str_eq_z(s, "true");
    }
    return CR_OK;
}


typedef struct cr_setting_put_s {
    cr_str_t name;
    cr_str_t value;
} cr_setting_put_t;


static cr_err_t
cr_setting_put_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_setting_put_t *p = arg;
    cr_val_t                v[3];

    v[0] = CR_V_TEXT(p->name);
    v[1] = CR_V_TEXT(p->value);
    v[2] = CR_V_INT(cr_now(cx));
    return cr_db_run(cx, c, CR_SQL_SETTING_PUT, v, 3);
}


cr_err_t
cr_setting_put(cr_ctx_t *cx, cr_meta_t *m, const char *name, cr_str_t value)
{
    cr_setting_put_t put = { .name = cr_str_z(name), .value = value };
    cr_str_t         old;

    /* The common case, at each load: nothing to write, so no writer. */
    CR_TRY(cr_setting_get(cx, m, name, &old));
    if (old.data != NULL && cr_str_eq(old, value)) {
        return CR_OK;
    }

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_setting_put_write, &put);
}


typedef struct cr_setting_change_op_s {
    const cr_setting_change_t *list;
    size_t                     n;
    const cr_audit_who_t      *who;
} cr_setting_change_op_t;


static cr_err_t
cr_setting_change_one(cr_ctx_t *cx, cr_conn_t *c,
                      const cr_setting_change_t *change,
                      const cr_audit_who_t      *who)
{
    cr_setting_put_t put = { cr_str_z(change->name), change->value };
    cr_audit_entry_t e = { .success = true };
    cr_str_t         old;

    CR_TRY(cr_setting_get_in(cx, c, change->name, &old));
    if (old.data != NULL && cr_str_eq(old, change->value)) {
        return CR_OK;
    }

    CR_TRY(cr_setting_put_write(cx, c, &put));
    e.operation = CR_STR("update");
    e.resource_type = CR_STR("configuration");
    e.resource = put.name;
    e.description = put.value;
    return cr_audit_add_in(cx, c, who, &e);
}


static cr_err_t
cr_setting_change_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_setting_change_op_t *op = arg;
    size_t                        i;

    for (i = 0; i < op->n; i++) {
        CR_TRY(cr_setting_change_one(cx, c, &op->list[i], op->who));
    }
    return CR_OK;
}


cr_err_t
cr_setting_change(cr_ctx_t *cx, cr_meta_t *m, const cr_setting_change_t *list,
                  size_t n, const cr_audit_who_t *who)
{
    cr_setting_change_op_t op = { .list = list, .n = n, .who = who };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_setting_change_write, &op);
}
