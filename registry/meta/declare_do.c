/*
 * Carrying out a plan, change by change, inside the write transaction that
 * made it.  Each change of a right leaves an audit row; a directive that only
 * moved in its file does not.
 */

#include "meta/declare_inner.h"

static const char *
cr_declare_operation(const cr_declare_change_t *ch)
{
    switch (ch->op) {

    case CR_CHANGE_CREATE:
        return "create";

    case CR_CHANGE_REMOVE:
        return ch->kind == CR_DECLARE_MEMBER || ch->kind == CR_DECLARE_ROBOT
                   ? "delete"
                   : "update";

    default:
        return "update";
    }
}


cr_err_t
cr_declare_audit(cr_ctx_t *cx, cr_conn_t *c, const cr_audit_who_t *who,
                 const cr_declare_change_t *ch)
{
    static const char *const types[] = { "user", "project", "project_member",
                                         "robot" };

    bool             found;
    cr_val_t         v;
    cr_audit_entry_t e = { .success = true };

    e.operation = cr_str_z(cr_declare_operation(ch));
    e.resource_type = cr_str_z(types[ch->kind]);
    e.resource = ch->name;
    e.description =
        cr_printf(cx, "%s%s%.*s%s%.*s", cr_declare_op_name(ch->op),
                  ch->detail.len == 0 ? "" : ": ", CR_STR_ARG(ch->detail),
                  ch->at.len == 0 ? "" : ", by ", CR_STR_ARG(ch->at));
    if (e.description.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    if (ch->kind != CR_DECLARE_USER) {
        v = CR_V_TEXT(ch->kind == CR_DECLARE_PROJECT ? ch->name : ch->project);
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_DECLARE_PROJECT, &v, 1, &found,
                             &e.project_id));
    }

    return cr_audit_add_in(cx, c, who, &e);
}


static cr_err_t
cr_declare_mark(cr_ctx_t *cx, cr_conn_t *c, const cr_declare_change_t *ch)
{
    static const cr_sql_e sql[] = {
        CR_SQL_DECLARE_USER_MARK,
        CR_SQL_DECLARE_PROJECT_MARK,
        CR_SQL_DECLARE_MEMBER_MARK,
        CR_SQL_DECLARE_ROBOT_MARK,
    };

    cr_val_t v[2];

    v[0] = CR_V_TEXT(ch->at);
    v[1] = CR_V_INT(ch->id);
    return cr_db_run(cx, c, sql[ch->kind], v, 2);
}


static cr_err_t
cr_declare_do_user(cr_ctx_t *cx, cr_conn_t *c, const cr_declare_change_t *ch)
{
    cr_val_t                  v[6], now = CR_V_INT(cr_now(cx));
    const cr_declared_user_t *u = ch->item;

    if (ch->op == CR_CHANGE_REMOVE) {
        v[0] = now;
        v[1] = CR_V_INT(ch->id);
        return cr_db_run(cx, c, CR_SQL_DECLARE_USER_GONE, v, 2);
    }

    if (ch->secret && u->hash.len == 0) {
        return cr_fail(cx, CR_ERR_CONFLICT,
                       "user %.*s has changed meanwhile: reload nginx",
                       CR_STR_ARG(ch->name));
    }

    if (ch->op == CR_CHANGE_CREATE) {
        v[0] = CR_V_TEXT(ch->name);
        v[1] = u == NULL ? CR_V_NULL : CR_V_OPT(u->hash);
        v[2] = CR_V_INT(u != NULL && u->admin);
        v[3] = u == NULL ? CR_V_NULL : CR_V_TEXT(u->at);
        v[4] = u == NULL ? CR_V_NULL : CR_V_OPT(u->fingerprint);
        v[5] = now;
        return cr_db_run(cx, c, CR_SQL_DECLARE_USER_ADD, v, 6);
    }

    v[0] = CR_V_INT(u->admin);
    v[1] = CR_V_TEXT(u->at);
    v[2] = CR_V_OPT(u->fingerprint);
    v[3] = now;
    v[4] = CR_V_INT(ch->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_DECLARE_USER_SET, v, 5));

    /*
     * Who took the name before it was declared an administrator's does not
     * become one: the password that only they know goes.
     */
    if (ch->secret || (ch->raised && ch->op == CR_CHANGE_ADOPT)) {
        v[0] = CR_V_OPT(u->hash);
        v[1] = CR_V_INT(ch->id);
        CR_TRY(cr_db_run(cx, c, CR_SQL_DECLARE_USER_PASSWORD, v, 2));
    }

    return CR_OK;
}


static cr_err_t
cr_declare_do_project(cr_ctx_t *cx, cr_conn_t *c, const cr_declare_change_t *ch)
{
    cr_val_t                     v[6], now = CR_V_INT(cr_now(cx));
    const cr_declared_project_t *p = ch->item;

    if (ch->op == CR_CHANGE_REMOVE) {
        v[0] = CR_V_NULL;
        v[1] = CR_V_INT(ch->id);
        return cr_db_run(cx, c, CR_SQL_DECLARE_PROJECT_MARK, v, 2);
    }

    if (ch->op == CR_CHANGE_CREATE) {
        v[0] = CR_V_TEXT(p->name);
        v[1] = CR_V_INT(p->is_public);
        v[2] = CR_V_INT(p->quota);
        v[3] = CR_V_TEXT(p->write);
        v[4] = CR_V_TEXT(p->at);
        v[5] = now;
        return cr_db_run(cx, c, CR_SQL_DECLARE_PROJECT_ADD, v, 6);
    }

    v[0] = CR_V_INT(p->is_public);
    v[1] = CR_V_INT(p->quota);
    v[2] = CR_V_TEXT(p->write);
    v[3] = CR_V_TEXT(p->at);
    v[4] = now;
    v[5] = CR_V_INT(ch->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_DECLARE_PROJECT_SET, v, 6));

    v[1] = CR_V_INT(ch->id);
    return cr_db_run(cx, c, CR_SQL_PROJECT_SET_PUBLIC_REPOSITORIES, v, 2);
}


cr_err_t
cr_declare_member_remove(cr_ctx_t *cx, cr_conn_t *c, int64_t id)
{
    cr_val_t v = CR_V_INT(id);

    return cr_db_run(cx, c, CR_SQL_DECLARE_MEMBER_REMOVE, &v, 1);
}


static cr_err_t
cr_declare_do_member(cr_ctx_t *cx, cr_conn_t *c, const cr_declare_change_t *ch)
{
    int64_t                     n;
    cr_val_t                    v[5];
    const cr_declared_member_t *m = ch->item;

    if (ch->op == CR_CHANGE_REMOVE) {
        return cr_declare_member_remove(cx, c, ch->id);
    }

    v[0] = CR_V_INT(m->role);
    v[1] = CR_V_TEXT(m->at);
    v[2] = CR_V_INT(cr_now(cx));

    if (ch->op != CR_CHANGE_CREATE) {
        v[3] = CR_V_INT(ch->id);
        return cr_db_run(cx, c, CR_SQL_DECLARE_MEMBER_SET, v, 4);
    }

    v[3] = CR_V_TEXT(ch->project);
    v[4] = CR_V_TEXT(ch->name);
    CR_TRY(cr_db_run_count(cx, c, CR_SQL_DECLARE_MEMBER_ADD, v, 5, &n));

    if (n != 1) {
        return cr_fail(cx, CR_ERR_CONFLICT,
                       "no project %.*s or no user %.*s any more",
                       CR_STR_ARG(ch->project), CR_STR_ARG(ch->name));
    }

    return CR_OK;
}


cr_err_t
cr_declare_robot_remove(cr_ctx_t *cx, cr_conn_t *c, int64_t id)
{
    cr_val_t v = CR_V_INT(id);

    CR_TRY(cr_db_run(cx, c, CR_SQL_DECLARE_ROBOT_RIGHTS_CLEAR, &v, 1));
    return cr_db_run(cx, c, CR_SQL_DECLARE_ROBOT_REMOVE, &v, 1);
}


static cr_err_t
cr_declare_robot_rights(cr_ctx_t *cx, cr_conn_t *c,
                        const cr_declared_robot_t *r)
{
    int64_t  n;
    cr_val_t v[3];

    for (int p = CR_PERM_PROJECT_FIRST; p < CR_PERM_PROJECT_END; p++) {
        if (!cr_permset_has(&r->rights, (cr_perm_e) p)) {
            continue;
        }

        v[0] = CR_V_TEXT(cr_perm_resource((cr_perm_e) p));
        v[1] = CR_V_TEXT(cr_perm_action((cr_perm_e) p));
        v[2] = CR_V_TEXT(r->full);
        CR_TRY(cr_db_run_count(cx, c, CR_SQL_DECLARE_ROBOT_RIGHT_ADD, v, 3,
                               &n));
        if (n != 1) {
            return cr_fail(cx, CR_ERR_CONFLICT, "robot %.*s is not there",
                           CR_STR_ARG(r->full));
        }
    }

    return CR_OK;
}


static cr_err_t
cr_declare_do_robot(cr_ctx_t *cx, cr_conn_t *c, const cr_declare_change_t *ch)
{
    int64_t                    n;
    cr_str_t                   secret;
    cr_val_t                   v[6], id = CR_V_INT(ch->id);
    const cr_declared_robot_t *r = ch->item;

    if (ch->op == CR_CHANGE_REMOVE) {
        return cr_declare_robot_remove(cx, c, ch->id);
    }

    secret = (cr_str_t){ sizeof(r->secret), (const char *) r->secret };

    if (ch->op == CR_CHANGE_CREATE) {
        v[0] = CR_V_TEXT(r->full);
        v[1] = CR_V_BLOB(secret);
        v[2] = CR_V_INT(r->replication);
        v[3] = CR_V_TEXT(r->at);
        v[4] = CR_V_INT(cr_now(cx));
        v[5] = CR_V_TEXT(ch->project);
        CR_TRY(cr_db_run_count(cx, c, CR_SQL_DECLARE_ROBOT_ADD, v, 6, &n));
        if (n != 1) {
            return cr_fail(cx, CR_ERR_CONFLICT, "no project %.*s any more",
                           CR_STR_ARG(ch->project));
        }

    } else {
        v[0] = CR_V_BLOB(secret);
        v[1] = CR_V_INT(r->replication);
        v[2] = CR_V_INT(ch->secret);
        v[3] = CR_V_TEXT(r->at);
        v[4] = CR_V_INT(cr_now(cx));
        v[5] = id;
        CR_TRY(cr_db_run(cx, c, CR_SQL_DECLARE_ROBOT_SET, v, 6));
        CR_TRY(cr_db_run(cx, c, CR_SQL_DECLARE_ROBOT_RIGHTS_CLEAR, &id, 1));
    }

    return cr_declare_robot_rights(cx, c, r);
}


cr_err_t
cr_declare_execute(cr_ctx_t *cx, cr_conn_t *c, const cr_declare_plan_t *plan)
{
    static const cr_audit_who_t who = { { 6, "config" },
                                        { 10, "nginx.conf" },
                                        { 0, "" } };

    static cr_err_t (*const todo[])(cr_ctx_t *, cr_conn_t *,
                                    const cr_declare_change_t *) = {
        cr_declare_do_user,
        cr_declare_do_project,
        cr_declare_do_member,
        cr_declare_do_robot,
    };

    for (size_t i = 0; i < plan->n; i++) {
        const cr_declare_change_t *ch = &plan->changes[i];

        if (ch->op == CR_CHANGE_MARK) {
            CR_TRY(cr_declare_mark(cx, c, ch));
            continue;
        }

        CR_TRY(todo[ch->kind](cx, c, ch));
        CR_TRY(cr_declare_audit(cx, c, &who, ch));
    }

    return CR_OK;
}
