/* Projects. */

#include "meta/inner.h"
#include "meta/project.h"


static void
cr_project_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_project_t *p = row;

    p->id = cr_stmt_int(st, 0);
    p->name = cr_stmt_text(cx, st, 1);
    p->is_public = cr_stmt_int(st, 2) != 0;
    p->created_at = cr_stmt_int(st, 3);
    p->updated_at = cr_stmt_int(st, 4);
}


cr_err_t
cr_project_by_name(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                   cr_project_t *ret_p)
{
    cr_project_t p;
    cr_conn_t   *c;
    cr_stmt_t   *st;
    cr_val_t     v = CR_V_TEXT(name);
    bool         found;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_row(cx, c, CR_SQL_PROJECT_BY_NAME, &v, 1, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "project not found");
    }

    cr_project_read(cx, st, &p);
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_p = p;
    return CR_OK;
}


typedef struct cr_project_create_s {
    cr_str_t     name;
    bool         is_public;
    cr_actor_t   actor;
    cr_project_t made;
} cr_project_create_t;


static cr_err_t
cr_project_create_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_project_create_t *p = arg;
    cr_val_t             v[4];
    cr_err_t             err;
    int64_t              id, now = cr_now(cx);
    uint64_t             owner = 0;
    bool                 found;

    if (cr_str_starts(p->actor, CR_STR("user:"))) {
        (void) cr_str_u64(cr_str_slice(p->actor, 5, p->actor.len), &owner);
    }

    v[0] = CR_V_TEXT(p->name);
    v[1] = CR_V_INT(p->is_public);
    v[2] = owner > 0 ? CR_V_INT(owner) : CR_V_NULL;
    v[3] = CR_V_INT(now);
    err = cr_db_get_int(cx, c, CR_SQL_PROJECT_ADD, v, 4, &found, &id);
    if (err == CR_ERR_EXISTS) {
        return cr_fail(cx, err, "project %.*s exists already",
                       CR_STR_ARG(p->name));
    }
    if (err != CR_OK) {
        return err;
    }

    p->made.id = id;
    p->made.name = p->name;
    p->made.is_public = p->is_public;
    p->made.created_at = now;
    p->made.updated_at = now;
    return CR_OK;
}


cr_err_t
cr_project_create(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name, bool is_public,
                  cr_actor_t actor, cr_project_t *ret_p)
{
    cr_project_create_t p = { .is_public = is_public, .actor = actor };

    CR_TRY(cr_name_project_check(cx, name));
    p.name = cr_dup(cx, name);
    if (p.name.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_db_write(cx, m->db, CR_DB_SYNC, cr_project_create_write, &p));
    *ret_p = p.made;
    return CR_OK;
}


typedef struct cr_project_public_s {
    cr_str_t name;
    bool     is_public;
} cr_project_public_t;


static cr_err_t
cr_project_public_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_project_public_t *p = arg;
    cr_val_t                   v[3];
    int64_t                    id;
    bool                       found;

    v[0] = CR_V_INT(p->is_public);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_TEXT(p->name);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_PROJECT_SET_PUBLIC, v, 3, &found, &id));
    if (!found) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "project not found");
    }

    v[1] = CR_V_INT(id);
    return cr_db_run(cx, c, CR_SQL_PROJECT_SET_PUBLIC_REPOSITORIES, v, 2);
}


cr_err_t
cr_project_set_public(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name, bool is_public)
{
    cr_project_public_t p = { .name = name, .is_public = is_public };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_project_public_write, &p);
}


cr_err_t
cr_project_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t last, size_t n,
                cr_project_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    cr_val_t   v[2];
    void      *rows;

    v[0] = CR_V_TEXT(last);
    v[1] = CR_V_INT(n);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_PROJECT_LIST, v, 2, cr_project_read,
                        sizeof(cr_project_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}
