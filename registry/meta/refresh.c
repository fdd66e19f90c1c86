/* Refresh tokens. */

#include <string.h>

#include "core/encode.h"
#include "core/hash.h"
#include "meta/inner.h"
#include "meta/refresh.h"

#define CR_REFRESH_BYTES     32
#define CR_REFRESH_HASH_SIZE 32

typedef struct cr_refresh_op_s {
    const cr_audit_who_t *who;
    int64_t               id;
    cr_str_t              subject;
    int64_t               epoch;
    cr_str_t              client_id;
    uint8_t               hash[CR_REFRESH_HASH_SIZE];
    size_t                n;
} cr_refresh_op_t;


static cr_err_t
cr_refresh_create_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_refresh_op_t *op = arg;
    cr_val_t         v[6];
    int64_t          now = cr_now(cx);

    v[0] = CR_V_BLOB(
        ((cr_str_t){ sizeof(op->hash), (const char *) op->hash }));
    v[1] = CR_V_TEXT(op->subject);
    v[2] = CR_V_INT(op->epoch);
    v[3] = CR_V_OPT(op->client_id);
    v[4] = CR_V_INT(now);
    v[5] = CR_V_INT(now + CR_REFRESH_TTL);
    CR_TRY(cr_db_run(cx, c, CR_SQL_REFRESH_ADD, v, 6));

    v[0] = v[1];
    v[1] = CR_V_INT(CR_REFRESH_PER_MAX);

    return cr_db_run(cx, c, CR_SQL_REFRESH_TRIM, v, 2);
}


cr_err_t
cr_refresh_create(cr_ctx_t *cx, cr_meta_t *m, cr_str_t subject, int64_t epoch,
                  cr_str_t client_id, cr_str_t *ret_token)
{
    char            bytes[CR_REFRESH_BYTES];
    cr_str_t        token;
    cr_refresh_op_t op = { .subject = subject, .epoch = epoch };

    op.client_id = cr_str_slice(client_id, 0,
                                client_id.len > 255 ? 255 : client_id.len);
    if (!cr_utf8_valid(op.client_id)) {
        op.client_id = CR_STR("");
    }

    if (cx->sys->random(bytes, sizeof(bytes)) != 0) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "no random bytes");
    }

    token = cr_base64url_encode(cx, (cr_str_t){ sizeof(bytes), bytes });
    explicit_bzero(bytes, sizeof(bytes));
    if (token.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    cr_hash_sha256(token, op.hash);
    CR_TRY(cr_db_write(cx, m->db, CR_DB_SYNC, cr_refresh_create_write, &op));
    *ret_token = token;
    return CR_OK;
}


static void
cr_refresh_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_refresh_t *r = row;

    r->id = cr_stmt_int(st, 0);
    r->subject = cr_stmt_text(cx, st, 1);
    r->epoch = cr_stmt_int(st, 2);
    r->client_id = cr_stmt_text(cx, st, 3);
    r->created_at = cr_stmt_int(st, 4);
    r->used_at = cr_stmt_int(st, 5);
    r->expires_at = cr_stmt_int(st, 6);
}


cr_err_t
cr_refresh_find(cr_ctx_t *cx, cr_meta_t *m, cr_str_t token, cr_refresh_t *ret_r)
{
    uint8_t      hash[CR_REFRESH_HASH_SIZE];
    cr_refresh_t r;
    cr_conn_t   *c;
    cr_stmt_t   *st;
    cr_val_t     v[2];
    bool         found = false;

    if (token.len == CR_REFRESH_LEN) {
        cr_hash_sha256(token, hash);
        v[0] = CR_V_BLOB(((cr_str_t){ sizeof(hash), (const char *) hash }));
        v[1] = CR_V_INT(cr_now(cx));
        CR_TRY(cr_db_conn(cx, m->db, &c));
        CR_TRY(cr_meta_row(cx, c, CR_SQL_REFRESH_FIND, v, 2, &found, &st));
    }

    if (!found) {
        return cr_fail(cx, CR_ERR_UNAUTHORIZED, "no such refresh token");
    }

    cr_refresh_read(cx, st, &r);
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_r = r;
    return CR_OK;
}


static cr_err_t
cr_refresh_used_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_refresh_op_t *op = arg;
    cr_val_t               v[2];

    v[0] = CR_V_INT(cr_now(cx));
    v[1] = CR_V_INT(op->id);

    return cr_db_run(cx, c, CR_SQL_REFRESH_USED, v, 2);
}


cr_err_t
cr_refresh_used(cr_ctx_t *cx, cr_meta_t *m, int64_t id)
{
    cr_refresh_op_t op = { .id = id };

    return cr_db_write(cx, m->db, CR_DB_SPARE, cr_refresh_used_write, &op);
}


cr_err_t
cr_refresh_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t subject,
                cr_refresh_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    cr_val_t   v[2];
    void      *rows;

    v[0] = CR_V_TEXT(subject);
    v[1] = CR_V_INT(cr_now(cx));
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_REFRESH_LIST, v, 2, cr_refresh_read,
                        sizeof(cr_refresh_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


static cr_err_t
cr_refresh_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_refresh_op_t *op = arg;
    cr_audit_entry_t       e = { .success = true };
    cr_val_t               v[2];
    int64_t                n;

    if (op->id != 0) {
        v[0] = CR_V_INT(op->id);
        v[1] = CR_V_TEXT(op->subject);
        CR_TRY(cr_db_run_count(cx, c, CR_SQL_REFRESH_DELETE, v, 2, &n));
    } else {
        v[0] = CR_V_TEXT(op->subject);
        CR_TRY(
            cr_db_run_count(cx, c, CR_SQL_REFRESH_DELETE_SUBJECT, v, 1, &n));
    }

    if (n == 0) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "no such refresh token");
    }

    e.operation = CR_STR("delete");
    e.resource_type = CR_STR("refresh_token");
    e.resource = op->subject;
    e.description = cr_printf(cx, "%lld", (long long) n);

    return cr_audit_add_in(cx, c, op->who, &e);
}


cr_err_t
cr_refresh_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t subject, int64_t id,
                  const cr_audit_who_t *who)
{
    cr_refresh_op_t op = { .who = who, .subject = subject, .id = id };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_refresh_delete_write, &op);
}


static cr_err_t
cr_refresh_purge_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_refresh_op_t *op = arg;
    cr_val_t         v[2];
    int64_t          n;

    v[0] = CR_V_INT(cr_now(cx));
    v[1] = CR_V_INT(op->n);
    CR_TRY(cr_db_run_count(cx, c, CR_SQL_REFRESH_PURGE, v, 2, &n));
    op->n = (size_t) n;
    return CR_OK;
}


cr_err_t
cr_refresh_purge(cr_ctx_t *cx, cr_meta_t *m, size_t n, size_t *ret_n)
{
    cr_refresh_op_t op = { .n = n };

    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_refresh_purge_write, &op));
    *ret_n = op.n;
    return CR_OK;
}
