/* Members of projects. */

#include <string.h>

#include "meta/declare.h"
#include "meta/inner.h"
#include "meta/member.h"
#include "meta/page.h"


static void
cr_member_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_member_t *m = row;

    m->id = cr_stmt_int(st, 0);
    m->project_id = cr_stmt_int(st, 1);
    m->user_id = cr_stmt_int(st, 2);
    m->user_name = cr_stmt_text(cx, st, 3);
    m->role = (int) cr_stmt_int(st, 4);
    m->declared = cr_stmt_text(cx, st, 5);
    m->created_at = cr_stmt_int(st, 6);
    m->updated_at = cr_stmt_int(st, 7);
}


static cr_err_t
cr_member_find(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, int64_t a, int64_t b,
               cr_member_t *ret_m)
{
    cr_member_t row;
    cr_stmt_t  *st;
    cr_val_t    v[2];
    bool        found;

    v[0] = CR_V_INT(a);
    v[1] = CR_V_INT(b);
    CR_TRY(cr_meta_row(cx, c, sql, v, 2, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "member not found");
    }

    cr_member_read(cx, st, &row);
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_m = row;
    return CR_OK;
}


cr_err_t
cr_member_get(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id, int64_t id,
              cr_member_t *ret_m)
{
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_member_find(cx, c, CR_SQL_MEMBER_GET, id, project_id, ret_m);
}


cr_err_t
cr_member_of(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id, int64_t user_id,
             cr_member_t *ret_m)
{
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_member_find(cx, c, CR_SQL_MEMBER_OF, project_id, user_id, ret_m);
}


cr_err_t
cr_member_page(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id,
               cr_str_t name_like, int64_t offset, size_t n,
               cr_member_t **ret_rows, size_t *ret_n, int64_t *ret_total)
{
    cr_sql_e   sql = CR_SQL_MEMBER_PAGE;
    cr_conn_t *c;
    cr_page_t  p;
    cr_str_t   json;
    cr_val_t   v[6];
    int64_t   *ids;
    void      *rows;
    size_t     nv, nids;
    bool       found;

    v[0] = CR_V_INT(project_id);
    CR_TRY(cr_db_conn(cx, m->db, &c));

    if (name_like.len != 0) {
        v[1] = CR_V_INT(CR_PAGE_SCAN_MAX);
        v[2] = CR_V_TEXT(name_like);
        v[3] = CR_V_INT(CR_PAGE_MATCH_MAX);
        CR_TRY(cr_page_ids(cx, c, CR_SQL_MEMBER_FIND, v, 4, &ids, &nids));
        *ret_total = (int64_t) nids;
        CR_TRY(cr_page_json(cx, ids, nids, offset, (int64_t) n, false, &json,
                            &nids));
        sql = CR_SQL_MEMBER_ROWS;
        v[0] = CR_V_TEXT(json);
        nv = 1;

    } else {
        *ret_total = 0;
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_MEMBER_COUNT_ALL, v, 1, &found,
                             ret_total));
        p = cr_page_of(*ret_total, offset, (int64_t) n, false);
        nv = 1 + cr_page_seek(&v[1], &p, *ret_total);
    }

    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_member_read, sizeof(cr_member_t),
                        &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


cr_err_t
cr_member_roles(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id,
                int64_t ret_counts[CR_ROLE_MAX])
{
    cr_conn_t *c;
    cr_stmt_t *st;
    cr_err_t   err;
    cr_val_t   v = CR_V_INT(project_id);
    int64_t    role, counts[CR_ROLE_MAX] = { 0 };
    bool       row;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_db_query(cx, c, CR_SQL_MEMBER_COUNT_ROLES, &v, 1, &st));

    while ((err = cr_stmt_next(cx, st, &row)) == CR_OK && row) {
        role = cr_stmt_int(st, 0);
        if (role > 0 && role < CR_ROLE_MAX) {
            counts[role] = cr_stmt_int(st, 1);
        }
    }

    cr_stmt_done(st);
    if (err == CR_OK) {
        memcpy(ret_counts, counts, sizeof(counts));
    }
    return err;
}


/* --- changing ------------------------------------------------------------ */

typedef struct cr_member_op_s {
    const cr_audit_who_t *who;
    int64_t               project_id;
    int64_t               user_id;
    int64_t               id;
    cr_role_e             role;
} cr_member_op_t;


static cr_err_t
cr_member_role_check(cr_ctx_t *cx, cr_role_e role)
{
    if (cr_role_name(role).len == 0) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "role_id: no such role");
    }

    return CR_OK;
}


static cr_err_t
cr_member_audit(cr_ctx_t *cx, cr_conn_t *c, const cr_member_op_t *op,
                const char *operation, cr_str_t user, cr_str_t description)
{
    cr_audit_entry_t e = { .success = true };

    e.operation = cr_str_z(operation);
    e.resource_type = CR_STR("project_member");
    e.resource = user;
    e.project_id = op->project_id;
    e.description = description;

    return cr_audit_add_in(cx, c, op->who, &e);
}


cr_err_t
cr_member_add_in(cr_ctx_t *cx, cr_conn_t *c, int64_t project_id,
                 int64_t user_id, int role, int64_t *ret_id)
{
    cr_val_t v[4];
    cr_err_t err;
    bool     found;

    v[0] = CR_V_INT(role);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(project_id);
    v[3] = CR_V_INT(user_id);
    err = cr_db_get_int(cx, c, CR_SQL_MEMBER_ADD, v, 4, &found, ret_id);

    if (err == CR_ERR_EXISTS) {
        return cr_fail(cx, err, "the user is a member of the project already");
    }

    if (err != CR_OK) {
        return err;
    }

    return found ? CR_OK
                 : cr_fail(cx, CR_ERR_NOT_FOUND, "no such project or user");
}


static cr_err_t
cr_member_add_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_member_op_t *op = arg;
    cr_member_t     row;

    CR_TRY(cr_declared_exclusive_check(cx, c, "member"));
    CR_TRY(cr_member_add_in(cx, c, op->project_id, op->user_id, op->role,
                            &op->id));
    CR_TRY(cr_member_find(cx, c, CR_SQL_MEMBER_GET, op->id, op->project_id,
                          &row));

    return cr_member_audit(cx, c, op, "create", row.user_name,
                           cr_role_name(op->role));
}


cr_err_t
cr_member_add(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id, int64_t user_id,
              cr_role_e role, const cr_audit_who_t *who, int64_t *ret_id)
{
    cr_member_op_t op = { .who = who,
                          .project_id = project_id,
                          .user_id = user_id,
                          .role = role };

    CR_TRY(cr_member_role_check(cx, role));
    CR_TRY(cr_db_write(cx, m->db, CR_DB_SYNC, cr_member_add_write, &op));
    *ret_id = op.id;
    return CR_OK;
}


/* The member as it is, if it may be changed here. */
static cr_err_t
cr_member_begin(cr_ctx_t *cx, cr_conn_t *c, const cr_member_op_t *op,
                cr_member_t *row)
{
    CR_TRY(cr_member_find(cx, c, CR_SQL_MEMBER_GET, op->id, op->project_id,
                          row));

    return cr_declared_check(cx, row->declared, "member", row->user_name);
}


static cr_err_t
cr_member_role_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_member_op_t *op = arg;
    cr_member_t     row;
    cr_str_t        text;
    cr_val_t        v[3];

    CR_TRY(cr_member_begin(cx, c, op, &row));
    CR_TRY(cr_declared_exclusive_check(cx, c, "member"));

    v[0] = CR_V_INT(op->role);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(op->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_MEMBER_SET_ROLE, v, 3));

    text = cr_printf(cx, "%.*s -> %.*s",
                     CR_STR_ARG(cr_role_name((cr_role_e) row.role)),
                     CR_STR_ARG(cr_role_name(op->role)));

    return cr_member_audit(cx, c, op, "update", row.user_name, text);
}


cr_err_t
cr_member_set_role(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id, int64_t id,
                   cr_role_e role, const cr_audit_who_t *who)
{
    cr_member_op_t op = {
        .who = who, .project_id = project_id, .id = id, .role = role
    };

    CR_TRY(cr_member_role_check(cx, role));

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_member_role_write, &op);
}


static cr_err_t
cr_member_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_member_op_t *op = arg;
    cr_member_t     row;
    cr_val_t        v = CR_V_INT(op->id);

    CR_TRY(cr_member_begin(cx, c, op, &row));
    CR_TRY(cr_db_run(cx, c, CR_SQL_MEMBER_DELETE, &v, 1));

    return cr_member_audit(cx, c, op, "delete", row.user_name,
                           cr_role_name((cr_role_e) row.role));
}


cr_err_t
cr_member_delete(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id, int64_t id,
                 const cr_audit_who_t *who)
{
    cr_member_op_t op = { .who = who, .project_id = project_id, .id = id };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_member_delete_write, &op);
}
