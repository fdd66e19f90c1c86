/*
 * What a declared set would change.  The plan is read and carried out inside
 * one write transaction, so that what was compared is what is changed; the
 * command line prints the same plan.
 *
 * Sections: the plan, users, projects, members, robots, what went.
 */

#include <stdlib.h>
#include <string.h>

#include "meta/declare_inner.h"

const char *
cr_declare_op_name(cr_declare_op_e op)
{
    static const char *const names[] = { "create", "adopt", "change", "mark",
                                         "remove" };

    return names[op];
}


const char *
cr_declare_kind_name(cr_declare_kind_e kind)
{
    static const char *const names[] = { "user", "project", "member",
                                         "robot" };

    return names[kind];
}


/* --- the plan ----------------------------------------------------------- */

cr_err_t
cr_declare_plan_add(cr_ctx_t *cx, cr_declare_plan_t *p,
                    cr_declare_change_t change)
{
    size_t               room;
    cr_declare_change_t *grown;

    if (p->n == p->room) {
        room = p->room == 0 ? 32 : p->room * 2;
        grown = cr_alloc(cx, room * sizeof(cr_declare_change_t));
        if (grown == NULL) {
            return CR_ERR_NO_MEMORY;
        }
        if (p->n != 0) {
            memcpy(grown, p->changes, p->n * sizeof(cr_declare_change_t));
        }
        p->changes = grown;
        p->room = room;
    }

    p->changes[p->n++] = change;
    p->removed += change.op == CR_CHANGE_REMOVE;
    return CR_OK;
}


/* What a row that is there needs; false: nothing. */
static bool
cr_declare_op(cr_str_t declared, cr_str_t at, bool differs,
              cr_declare_op_e *ret_op)
{
    if (declared.len == 0) {
        *ret_op = CR_CHANGE_ADOPT;
        return true;
    }

    *ret_op = differs ? CR_CHANGE_UPDATE : CR_CHANGE_MARK;
    return differs || !cr_str_eq(declared, at);
}


/* "a, b": what differs. */
static void
cr_declare_note(cr_buf_t *b, bool differs, const char *z_text)
{
    if (differs) {
        cr_buf_z(b, b->len == 0 ? "" : ", ");
        cr_buf_z(b, z_text);
    }
}


#define CR_DECLARE_FIND(fn, type, field)                                       \
    static const type *fn(const type *rows, size_t n, cr_str_t name)           \
    {                                                                          \
        size_t lo = 0, hi = n;                                                 \
                                                                               \
        while (lo < hi) {                                                      \
            size_t mid = lo + (hi - lo) / 2;                                   \
            int    c = cr_str_cmp(rows[mid].field, name);                      \
                                                                               \
            if (c == 0) {                                                      \
                return &rows[mid];                                             \
            }                                                                  \
            if (c < 0) {                                                       \
                lo = mid + 1;                                                  \
            } else {                                                           \
                hi = mid;                                                      \
            }                                                                  \
        }                                                                      \
        return NULL;                                                           \
    }

CR_DECLARE_FIND(cr_declare_find_user, cr_declared_user_t, name)
CR_DECLARE_FIND(cr_declare_find_project, cr_declared_project_t, name)
CR_DECLARE_FIND(cr_declare_find_member, cr_declared_member_t, user)
CR_DECLARE_FIND(cr_declare_find_robot, cr_declared_robot_t, full)


/* --- users -------------------------------------------------------------- */

/*
 * A user that a member names and nobody has made: without a password it can
 * come by remote_user only, and nobody else can take the name.
 */
static int
cr_declare_name_cmp(const void *a, const void *b)
{
    return cr_str_cmp(*(const cr_str_t *) a, *(const cr_str_t *) b);
}


static cr_err_t
cr_declare_plan_named(cr_ctx_t *cx, cr_conn_t *c, const cr_declared_t *set,
                      cr_declare_plan_t *plan)
{
    bool      found;
    size_t    n = 0, k = 0;
    int64_t   id;
    cr_val_t  v;
    cr_str_t *names;

    for (size_t i = 0; i < set->nprojects; i++) {
        n += set->projects[i].nmembers;
    }

    names = cr_alloc(cx, (n + 1) * sizeof(cr_str_t));
    if (names == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    for (size_t i = 0; i < set->nprojects; i++) {
        for (size_t j = 0; j < set->projects[i].nmembers; j++) {
            names[k++] = set->projects[i].members[j].user;
        }
    }

    if (n > 1) {
        qsort(names, n, sizeof(names[0]), cr_declare_name_cmp);
    }

    for (size_t i = 0; i < n; i++) {
        if ((i != 0 && cr_str_eq(names[i], names[i - 1]))
            || cr_declare_find_user(set->users, set->nusers, names[i]) != NULL)
        {
            continue;
        }

        v = CR_V_TEXT(names[i]);
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_DECLARE_USER, &v, 1, &found, &id));

        if (!found) {
            CR_TRY(cr_declare_plan_add(
                cx, plan,
                (cr_declare_change_t){ .op = CR_CHANGE_CREATE,
                                       .kind = CR_DECLARE_USER,
                                       .name = names[i],
                                       .detail = CR_STR("named as a member, "
                                                        "no password") }));
        }
    }

    return CR_OK;
}


static cr_err_t
cr_declare_plan_user(cr_ctx_t *cx, cr_conn_t *c, const cr_declared_user_t *u,
                     cr_declare_plan_t *plan)
{
    bool                found, admin, disabled, differs;
    cr_str_t            declared, fingerprint;
    cr_val_t            v = CR_V_TEXT(u->name);
    cr_buf_t            b;
    cr_stmt_t          *st;
    cr_declare_change_t ch = { .kind = CR_DECLARE_USER,
                               .name = u->name,
                               .at = u->at,
                               .item = u };

    CR_TRY(cr_meta_row(cx, c, CR_SQL_DECLARE_USER, &v, 1, &found, &st));

    if (!found) {
        ch.op = CR_CHANGE_CREATE;
        ch.secret = u->fingerprint.len != 0;
        ch.detail = u->admin ? CR_STR("administrator") : CR_STR_NULL;
        plan->admins += u->admin;
        return cr_declare_plan_add(cx, plan, ch);
    }

    ch.id = cr_stmt_int(st, 0);
    admin = cr_stmt_int(st, 1) != 0;
    disabled = cr_stmt_int(st, 2) != 0;
    declared = cr_stmt_text(cx, st, 3);
    fingerprint = cr_stmt_text(cx, st, 4);
    CR_TRY(cr_meta_rows_done(cx, st));

    /* No password is declared any more: the last one stays, unmanaged. */
    ch.secret = u->fingerprint.len != 0
                && !cr_str_eq(u->fingerprint, fingerprint);
    ch.raised = u->admin && !admin;
    differs = admin != u->admin || disabled || ch.secret
              || (u->fingerprint.len == 0 && fingerprint.len != 0);

    if (!cr_declare_op(declared, u->at, differs, &ch.op)) {
        return CR_OK;
    }

    cr_buf_init(&b, cx, 256);
    cr_declare_note(&b, ch.raised, "administrator");
    cr_declare_note(&b, admin && !u->admin, "no administrator any more");
    cr_declare_note(&b, disabled, "enabled");
    cr_declare_note(&b, ch.secret, "password");
    CR_TRY(cr_buf_end(&b, &ch.detail));

    plan->admins += (u->admin ? 1 : 0) - (admin && !disabled ? 1 : 0);
    return cr_declare_plan_add(cx, plan, ch);
}


/* --- projects ----------------------------------------------------------- */

static cr_err_t
cr_declare_plan_project(cr_ctx_t *cx, cr_conn_t *c,
                        const cr_declared_project_t *p,
                        cr_declare_plan_t *plan, int64_t *ret_id)
{
    bool                found, is_public;
    int64_t             quota;
    cr_str_t            declared, write;
    cr_val_t            v = CR_V_TEXT(p->name);
    cr_buf_t            b;
    cr_stmt_t          *st;
    cr_declare_change_t ch = { .kind = CR_DECLARE_PROJECT,
                               .name = p->name,
                               .at = p->at,
                               .item = p };

    *ret_id = 0;
    CR_TRY(cr_meta_row(cx, c, CR_SQL_DECLARE_PROJECT, &v, 1, &found, &st));

    if (!found) {
        ch.op = CR_CHANGE_CREATE;
        ch.detail = p->is_public ? CR_STR("public") : CR_STR("private");
        return cr_declare_plan_add(cx, plan, ch);
    }

    ch.id = cr_stmt_int(st, 0);
    is_public = cr_stmt_int(st, 1) != 0;
    quota = cr_stmt_int(st, 2);
    write = cr_stmt_text(cx, st, 3);
    declared = cr_stmt_text(cx, st, 4);
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_id = ch.id;

    if (!cr_declare_op(declared, p->at,
                       is_public != p->is_public || quota != p->quota
                           || !cr_str_eq(write, p->write),
                       &ch.op))
    {
        return CR_OK;
    }

    cr_buf_init(&b, cx, 256);
    cr_declare_note(&b, is_public && !p->is_public, "private");
    cr_declare_note(&b, !is_public && p->is_public, "public");
    cr_declare_note(&b, quota != p->quota, "quota");
    cr_declare_note(&b, !cr_str_eq(write, p->write),
                    cr_str_eq_z(p->write, "all") ? "write all"
                                                 : "write replication");
    CR_TRY(cr_buf_end(&b, &ch.detail));

    return cr_declare_plan_add(cx, plan, ch);
}


/* --- members ------------------------------------------------------------ */

static cr_err_t
cr_declare_plan_member(cr_ctx_t *cx, cr_conn_t *c,
                       const cr_declared_project_t *p, int64_t project_id,
                       const cr_declared_member_t *m, cr_declare_plan_t *plan)
{
    bool                found = false;
    int64_t             role;
    cr_str_t            declared;
    cr_val_t            v[2];
    cr_stmt_t          *st = NULL;
    cr_declare_change_t ch = { .kind = CR_DECLARE_MEMBER,
                               .project = p->name,
                               .project_id = project_id,
                               .name = m->user,
                               .at = m->at,
                               .item = m };

    v[0] = CR_V_INT(project_id);
    v[1] = CR_V_TEXT(m->user);

    if (project_id != 0) {
        CR_TRY(cr_meta_row(cx, c, CR_SQL_DECLARE_MEMBER, v, 2, &found, &st));
    }

    if (!found) {
        ch.op = CR_CHANGE_CREATE;
        ch.detail = cr_role_name(m->role);
        return cr_declare_plan_add(cx, plan, ch);
    }

    ch.id = cr_stmt_int(st, 0);
    role = cr_stmt_int(st, 1);
    declared = cr_stmt_text(cx, st, 2);
    CR_TRY(cr_meta_rows_done(cx, st));

    if (!cr_declare_op(declared, m->at, role != (int64_t) m->role, &ch.op)) {
        return CR_OK;
    }

    ch.detail = role == (int64_t) m->role
                    ? cr_role_name(m->role)
                    : cr_printf(cx, "%.*s instead of %.*s",
                                CR_STR_ARG(cr_role_name(m->role)),
                                CR_STR_ARG(cr_role_name((cr_role_e) role)));
    if (ch.detail.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    return cr_declare_plan_add(cx, plan, ch);
}


/* --- robots ------------------------------------------------------------- */

/* Does the robot have these rights in its project, and no others? */
static cr_err_t
cr_declare_same_rights(cr_ctx_t *cx, cr_conn_t *c, int64_t project_id,
                       int64_t id, const cr_permset_t *rights, bool *ret_same)
{
    bool         row, same = true;
    cr_val_t     v[2];
    cr_perm_e    perm;
    cr_stmt_t   *st;
    cr_permset_t has = { 0 };

    v[0] = CR_V_INT(project_id);
    v[1] = CR_V_INT(id);
    CR_TRY(cr_db_query(cx, c, CR_SQL_DECLARE_ROBOT_RIGHTS, v, 2, &st));

    for (;;) {
        cr_err_t err = cr_stmt_next(cx, st, &row);

        if (err != CR_OK) {
            cr_stmt_done(st);
            return err;
        }
        if (!row) {
            break;
        }
        if (cr_stmt_int(st, 2) == 0
            || !cr_perm_find(CR_PERM_LEVEL_PROJECT, cr_stmt_text(cx, st, 0),
                             cr_stmt_text(cx, st, 1), &perm))
        {
            same = false;
            continue;
        }
        cr_permset_add(&has, perm);
    }

    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_same = same && cr_permset_within(&has, rights)
                && cr_permset_within(rights, &has);
    return CR_OK;
}


static cr_err_t
cr_declare_plan_robot(cr_ctx_t *cx, cr_conn_t *c,
                      const cr_declared_project_t *p, int64_t project_id,
                      const cr_declared_robot_t *r, cr_declare_plan_t *plan)
{
    bool                found, replication, off, same;
    cr_str_t            declared, secret;
    cr_val_t            v = CR_V_TEXT(r->full);
    cr_buf_t            b;
    cr_stmt_t          *st;
    cr_declare_change_t ch = { .kind = CR_DECLARE_ROBOT,
                               .project = p->name,
                               .project_id = project_id,
                               .name = r->full,
                               .at = r->at,
                               .item = r };

    CR_TRY(cr_meta_row(cx, c, CR_SQL_DECLARE_ROBOT, &v, 1, &found, &st));

    if (!found) {
        ch.op = CR_CHANGE_CREATE;
        return cr_declare_plan_add(cx, plan, ch);
    }

    ch.id = cr_stmt_int(st, 0);
    secret = cr_stmt_blob(cx, st, 1);
    replication = cr_stmt_int(st, 2) != 0;
    off = cr_stmt_int(st, 3) != 0 || cr_stmt_int(st, 4) != 0;
    declared = cr_stmt_text(cx, st, 5);
    CR_TRY(cr_meta_rows_done(cx, st));
    CR_TRY(cr_declare_same_rights(cx, c, project_id, ch.id, &r->rights, &same));

    ch.secret =
        !cr_str_eq(secret, (cr_str_t){ sizeof(r->secret),
                                       (const char *) r->secret });

    if (!cr_declare_op(declared, r->at,
                       !same || ch.secret || off
                           || replication != r->replication,
                       &ch.op))
    {
        return CR_OK;
    }

    cr_buf_init(&b, cx, 256);
    cr_declare_note(&b, !same || replication != r->replication, "rights");
    cr_declare_note(&b, off, "enabled, never expires");
    cr_declare_note(&b, ch.secret, "secret");
    CR_TRY(cr_buf_end(&b, &ch.detail));

    return cr_declare_plan_add(cx, plan, ch);
}


/* --- what went ---------------------------------------------------------- */

static void
cr_declare_read_top(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_declare_row_t *r = row;

    memset(r, 0, sizeof(*r));
    r->id = cr_stmt_int(st, 0);
    r->name = cr_stmt_text(cx, st, 1);
    r->at = cr_stmt_text(cx, st, 2);
}


static void
cr_declare_read_user(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_declare_read_top(cx, st, row);
    ((cr_declare_row_t *) row)->admin = cr_stmt_int(st, 3) != 0;
}


static void
cr_declare_read_inner(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_declare_row_t *r = row;

    r->id = cr_stmt_int(st, 0);
    r->project_id = cr_stmt_int(st, 1);
    r->project = cr_stmt_text(cx, st, 2);
    r->name = cr_stmt_text(cx, st, 3);
    r->at = cr_stmt_text(cx, st, 4);
    r->admin = false;
}


static bool
cr_declare_still(const cr_declared_t *set, cr_declare_kind_e kind,
                 const cr_declare_row_t *r)
{
    const cr_declared_project_t *p;

    if (kind == CR_DECLARE_USER) {
        return cr_declare_find_user(set->users, set->nusers, r->name) != NULL;
    }

    p = cr_declare_find_project(set->projects, set->nprojects,
                                kind == CR_DECLARE_PROJECT ? r->name
                                                           : r->project);

    if (p == NULL || kind == CR_DECLARE_PROJECT) {
        return p != NULL;
    }

    return kind == CR_DECLARE_MEMBER
               ? cr_declare_find_member(p->members, p->nmembers, r->name)
                     != NULL
               : cr_declare_find_robot(p->robots, p->nrobots, r->name) != NULL;
}


static cr_err_t
cr_declare_plan_gone(cr_ctx_t *cx, cr_conn_t *c, const cr_declared_t *set,
                     cr_declare_kind_e kind, cr_declare_plan_t *plan)
{
    static const struct {
        cr_sql_e        sql;
        cr_meta_read_pt read;
        const char     *what;
    } lists[] = {
        { CR_SQL_DECLARE_USERS, cr_declare_read_user, "disabled" },
        { CR_SQL_DECLARE_PROJECTS, cr_declare_read_top,
          "released, content and tags stay" },
        { CR_SQL_DECLARE_MEMBERS, cr_declare_read_inner, "revoked" },
        { CR_SQL_DECLARE_ROBOTS, cr_declare_read_inner, "revoked" },
    };

    void                   *rows;
    size_t                  n;
    const cr_declare_row_t *r;

    CR_TRY(cr_meta_list(cx, c, lists[kind].sql, NULL, 0, lists[kind].read,
                        sizeof(cr_declare_row_t), &rows, &n));
    plan->before += n;
    r = rows;

    for (size_t i = 0; i < n; i++) {
        if (cr_declare_still(set, kind, &r[i])) {
            continue;
        }

        plan->admins -= r[i].admin;
        CR_TRY(cr_declare_plan_add(
            cx, plan,
            (cr_declare_change_t){ .op = CR_CHANGE_REMOVE,
                                   .kind = kind,
                                   .id = r[i].id,
                                   .project_id = r[i].project_id,
                                   .project = r[i].project,
                                   .name = r[i].name,
                                   .at = r[i].at,
                                   .detail = cr_str_z(lists[kind].what) }));
    }

    return CR_OK;
}


cr_err_t
cr_declare_plan(cr_ctx_t *cx, cr_conn_t *c, const cr_declared_t *set,
                cr_declare_plan_t *ret_plan)
{
    bool              found;
    int64_t           id;
    cr_declare_plan_t plan = { 0 };

    CR_TRY(cr_db_get_int(cx, c, CR_SQL_DECLARE_ADMINS, NULL, 0, &found,
                         &plan.admins));

    for (size_t i = 0; i < set->nusers; i++) {
        CR_TRY(cr_declare_plan_user(cx, c, &set->users[i], &plan));
    }

    CR_TRY(cr_declare_plan_named(cx, c, set, &plan));

    for (size_t i = 0; i < set->nprojects; i++) {
        const cr_declared_project_t *p = &set->projects[i];

        CR_TRY(cr_declare_plan_project(cx, c, p, &plan, &id));

        for (size_t k = 0; k < p->nmembers; k++) {
            CR_TRY(cr_declare_plan_member(cx, c, p, id, &p->members[k], &plan));
        }
        for (size_t k = 0; k < p->nrobots; k++) {
            CR_TRY(cr_declare_plan_robot(cx, c, p, id, &p->robots[k], &plan));
        }
    }

    CR_TRY(cr_declare_plan_gone(cx, c, set, CR_DECLARE_ROBOT, &plan));
    CR_TRY(cr_declare_plan_gone(cx, c, set, CR_DECLARE_MEMBER, &plan));
    CR_TRY(cr_declare_plan_gone(cx, c, set, CR_DECLARE_PROJECT, &plan));
    CR_TRY(cr_declare_plan_gone(cx, c, set, CR_DECLARE_USER, &plan));

    *ret_plan = plan;
    return CR_OK;
}
