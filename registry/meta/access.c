/* What the authoriser asks, in one statement. */

#include "meta/access.h"
#include "meta/inner.h"

/* The first column of access_user and access_robot. */
#define CR_ACCESS_CALLER  1
#define CR_ACCESS_PROJECT 2


static void
cr_access_caller(cr_ctx_t *cx, cr_stmt_t *st, cr_access_row_t *a)
{
    int64_t expires;

    a->found = true;
    a->disabled = cr_stmt_int(st, 3) != 0;
    a->epoch = cr_stmt_int(st, 4);
    a->name = cr_stmt_text(cx, st, 6);

    if (!a->robot) {
        a->admin = cr_stmt_int(st, 2) != 0;
        return;
    }

    a->replication = cr_stmt_int(st, 2) != 0;
    expires = cr_stmt_int(st, 5);

    if (expires != 0 && expires <= cr_now(cx)) {
        a->disabled = true;
    }
}


static void
cr_access_project(cr_ctx_t *cx, cr_stmt_t *st, cr_access_row_t *a)
{
    a->project_found = true;
    a->project_id = cr_stmt_int(st, 1);
    a->project_public = cr_stmt_int(st, 2) != 0;
    a->role = (int) cr_stmt_int(st, 3);
    a->project_replication = cr_stmt_int(st, 4) != 0;
    a->project_name = cr_stmt_text(cx, st, 6);
}


static cr_err_t
cr_access_perm(cr_ctx_t *cx, cr_stmt_t *st, cr_access_row_t *a)
{
    cr_access_perm_t *p = CR_NEW(cx, cr_access_perm_t);

    if (p == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    p->system = cr_stmt_int(st, 1) == -1;
    p->resource = cr_stmt_text(cx, st, 6);
    p->action = cr_stmt_text(cx, st, 7);
    p->next = a->perms;
    a->perms = p;

    return CR_OK;
}


static cr_err_t
cr_access_rows(cr_ctx_t *cx, cr_stmt_t *st, cr_access_row_t *a)
{
    bool row;

    for (;;) {
        CR_TRY(cr_stmt_next(cx, st, &row));
        if (!row) {
            return cr_meta_rows_done(cx, st);
        }

        switch (cr_stmt_int(st, 0)) {

        case CR_ACCESS_CALLER:
            cr_access_caller(cx, st, a);
            break;

        case CR_ACCESS_PROJECT:
            cr_access_project(cx, st, a);
            break;

        default:
            CR_TRY(cr_access_perm(cx, st, a));
            break;
        }
    }
}


cr_err_t
cr_access_get(cr_ctx_t *cx, cr_meta_t *m, const cr_access_ask_t *ask,
              cr_access_row_t *ret_row)
{
    cr_access_row_t a = { .robot = ask->robot };
    cr_conn_t      *c;
    cr_stmt_t      *st;
    cr_val_t        v[3];
    cr_err_t        err;

    v[0] = CR_V_INT(ask->id);
    v[1] = CR_V_INT(ask->project_id);
    v[2] = CR_V_TEXT(ask->project);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_db_query(cx, c,
                       ask->robot ? CR_SQL_ACCESS_ROBOT : CR_SQL_ACCESS_USER,
                       v, 3, &st));

    err = cr_access_rows(cx, st, &a);
    cr_stmt_done(st);

    if (err != CR_OK) {
        return err;
    }
    *ret_row = a;
    return CR_OK;
}


bool
cr_access_any(const cr_access_row_t *row)
{
    for (const cr_access_perm_t *p = row->perms; p != NULL; p = p->next) {
        if (!p->system) {
            return true;
        }
    }

    return false;
}

bool
cr_access_has(const cr_access_row_t *row, bool system, cr_str_t resource,
              cr_str_t action)
{
    for (const cr_access_perm_t *p = row->perms; p != NULL; p = p->next) {
        if (p->system == system && cr_str_eq(p->resource, resource)
            && cr_str_eq(p->action, action))
        {
            return true;
        }
    }

    return false;
}
