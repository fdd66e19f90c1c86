/* Token keys. */

#include <string.h>

#include "meta/inner.h"
#include "meta/key.h"

#define CR_KEY_SIZE 32


static void
cr_key_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_key_row_t *k = row;

    k->kid = cr_stmt_text(cx, st, 0);
    k->alg = cr_stmt_text(cx, st, 1);
    k->secret = cr_stmt_blob(cx, st, 2);
    k->created_at = cr_stmt_int(st, 3);
    k->retired = !cr_stmt_is_null(st, 4);
}


cr_err_t
cr_key_list(cr_ctx_t *cx, cr_meta_t *m, cr_key_row_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    void      *rows;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_KEY_LIST, NULL, 0, cr_key_read,
                        sizeof(cr_key_row_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


static cr_err_t
cr_key_put_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_key_row_t *k = arg;
    cr_val_t            v[4];

    v[0] = CR_V_TEXT(k->kid);
    v[1] = CR_V_TEXT(k->alg);
    v[2] = CR_V_BLOB(k->secret);
    v[3] = CR_V_INT(cr_now(cx));

    return cr_db_run(cx, c, CR_SQL_KEY_PUT, v, 4);
}


cr_err_t
cr_key_put(cr_ctx_t *cx, cr_meta_t *m, cr_str_t kid, cr_str_t alg,
           cr_str_t secret)
{
    cr_key_row_t k = { .kid = kid, .alg = alg, .secret = secret };
    cr_conn_t   *c;
    cr_val_t     v = CR_V_TEXT(kid);
    int64_t      one;
    bool         found;

    /* The common case, at each load: it is there, so no writer. */
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_KEY_HAS, &v, 1, &found, &one));
    if (found) {
        return CR_OK;
    }

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_key_put_write, &k);
}


cr_err_t
cr_key_make_in(cr_ctx_t *cx, cr_conn_t *c)
{
    uint8_t  secret[CR_KEY_SIZE];
    char     kid[CR_UUID_LEN];
    cr_val_t v[4];
    cr_err_t err;

    CR_TRY(cr_uuid_make(cx, kid));
    if (cx->sys->random(secret, sizeof(secret)) != 0) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "no random bytes");
    }

    v[0] = CR_V_TEXT(((cr_str_t){ sizeof(kid), kid }));
    v[1] = CR_V_TEXT(CR_STR("HS256"));
    v[2] = CR_V_BLOB(((cr_str_t){ sizeof(secret), (const char *) secret }));
    v[3] = CR_V_INT(cr_now(cx));
    err = cr_db_run(cx, c, CR_SQL_KEY_ADD, v, 4);
    explicit_bzero(secret, sizeof(secret));
    return err;
}


typedef struct cr_key_op_s {
    const cr_audit_who_t *who;
    cr_str_t              kid;
} cr_key_op_t;


static cr_err_t
cr_key_audit(cr_ctx_t *cx, cr_conn_t *c, const cr_key_op_t *op,
             const char *operation)
{
    cr_audit_entry_t e = { .success = true };

    e.operation = cr_str_z(operation);
    e.resource_type = CR_STR("token_key");
    e.resource = op->kid;

    return cr_audit_add_in(cx, c, op->who, &e);
}


static cr_err_t
cr_key_rotate_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_key_op_t *op = arg;
    cr_val_t           v = CR_V_INT(cr_now(cx));

    CR_TRY(cr_db_run(cx, c, CR_SQL_KEY_RETIRE, &v, 1));
    CR_TRY(cr_key_make_in(cx, c));

    return cr_key_audit(cx, c, op, "create");
}


cr_err_t
cr_key_rotate(cr_ctx_t *cx, cr_meta_t *m, const cr_audit_who_t *who)
{
    cr_key_op_t op = { .who = who };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_key_rotate_write, &op);
}


static cr_err_t
cr_key_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_key_op_t *op = arg;
    cr_val_t           v = CR_V_TEXT(op->kid);
    int64_t            n;
    bool               found;

    CR_TRY(cr_db_run_count(cx, c, CR_SQL_KEY_DELETE, &v, 1, &n));
    if (n == 0) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "there is no such key");
    }

    CR_TRY(cr_db_get_int(cx, c, CR_SQL_KEY_ANY, NULL, 0, &found, &n));
    if (!found) {
        return cr_fail(cx, CR_ERR_PRECONDITION,
                       "no other key signs: make one first");
    }

    return cr_key_audit(cx, c, op, "delete");
}


cr_err_t
cr_key_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t kid,
              const cr_audit_who_t *who)
{
    cr_key_op_t op = { .who = who, .kid = kid };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_key_delete_write, &op);
}
