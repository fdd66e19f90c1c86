/*
 * Projects.  Each change writes its audit row in the same transaction.
 *
 * reading · pages · creating · changing · deleting · metadata
 */

#include <stdlib.h>

#include "meta/declare.h"
#include "meta/inner.h"
#include "meta/page.h"
#include "meta/project.h"
#include "meta/setting.h"

#define CR_PROJECT_FIRST      1     /* "library" */
#define CR_PROJECT_CHANGE_MAX 16384 /* bytes that say what was changed */

/* --- reading ------------------------------------------------------------- */


static void
cr_project_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_project_t *p = row;

    p->id = cr_stmt_int(st, 0);
    p->name = cr_stmt_text(cx, st, 1);
    p->is_public = cr_stmt_int(st, 2) != 0;
    p->created_at = cr_stmt_int(st, 3);
    p->updated_at = cr_stmt_int(st, 4);
    p->owner_id = cr_stmt_int(st, 5);
    p->owner_name = cr_stmt_text(cx, st, 6);
    p->replication =
        cr_str_eq_z(cr_stmt_text(cx, st, 7), CR_PROJECT_REPLICATION);
    p->declared = cr_stmt_text(cx, st, 8);
    p->repositories = cr_stmt_int(st, 9);
    p->storage_used = cr_stmt_int(st, 10);
    p->storage_limit = cr_stmt_int(st, 11);
    p->role = (int) cr_stmt_int(st, 12);
}


static cr_err_t
cr_project_get(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *key,
               cr_project_t *ret_p)
{
    cr_project_t p;
    cr_stmt_t   *st;
    bool         found;

    CR_TRY(cr_meta_row(cx, c, sql, key, 1, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "project not found");
    }

    cr_project_read(cx, st, &p);
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_p = p;
    return CR_OK;
}


cr_err_t
cr_project_by_name(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                   cr_project_t *ret_p)
{
    cr_conn_t *c;
    cr_val_t   v = CR_V_TEXT(name);

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_project_get(cx, c, CR_SQL_PROJECT_BY_NAME, &v, ret_p);
}


cr_err_t
cr_project_by_id(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_project_t *ret_p)
{
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_project_find_in(cx, c, id, ret_p);
}


cr_err_t
cr_project_find_in(cr_ctx_t *cx, cr_conn_t *c, int64_t id, cr_project_t *ret_p)
{
    cr_val_t v = CR_V_INT(id);

    return cr_project_get(cx, c, CR_SQL_PROJECT_BY_ID, &v, ret_p);
}


static cr_err_t
cr_project_rows(cr_ctx_t *cx, cr_meta_t *m, cr_sql_e sql, const cr_val_t *v,
                size_t nv, cr_project_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    void      *rows;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_project_read,
                        sizeof(cr_project_t), &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


cr_err_t
cr_project_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t last, size_t n,
                cr_project_t **ret_rows, size_t *ret_n)
{
    cr_val_t v[2];

    v[0] = CR_V_TEXT(last);
    v[1] = CR_V_INT(n);

    return cr_project_rows(cx, m, CR_SQL_PROJECT_LIST, v, 2, ret_rows, ret_n);
}


/* --- pages --------------------------------------------------------------- */


/* A robot that has a right in every project sees them all. */
cr_err_t
cr_project_sees_all(cr_ctx_t *cx, cr_conn_t *c, const cr_visibility_t *vis,
                    bool *ret_all)
{
    cr_val_t v = CR_V_INT(vis->robot_id);
    int64_t  one;

    *ret_all = vis->all;

    return vis->all || vis->robot_id == 0
               ? CR_OK
               : cr_db_get_int(cx, c, CR_SQL_PROJECT_ROBOT_ALL, &v, 1, ret_all,
                               &one);
}


/* Nothing is asked but what one may see. */
static bool
cr_project_plain(const cr_project_filter_t *f)
{
    return f->name_like.len + f->names.len + f->owner.len == 0
           && f->is_public < 0 && f->id == 0 && f->owner_id == 0
           && f->sort != CR_PROJECT_BY_USED && f->sort != CR_PROJECT_BY_LIMIT;
}


/* Ids by name of those that match. */
static cr_err_t
cr_project_find(cr_ctx_t *cx, cr_conn_t *c, const cr_visibility_t *vis,
                bool all, const cr_project_filter_t *f, int64_t **ret_ids,
                size_t *ret_n)
{
    cr_sql_e sql = all ? CR_SQL_PROJECT_FIND : CR_SQL_PROJECT_FIND_SEEN;
    cr_val_t v[9];
    size_t   nv = 0;

    if (f->names.len != 0 || f->id != 0) {
        sql = CR_SQL_PROJECT_FIND_NAMES;
        v[nv++] = CR_V_INT(f->id);
        v[nv++] = CR_V_TEXT(f->names.len != 0 ? f->names : CR_STR("[]"));
        v[nv++] = CR_V_INT(all);
    } else {
        v[nv++] = CR_V_INT(CR_PAGE_SCAN_MAX);
    }

    if (sql != CR_SQL_PROJECT_FIND) {
        v[nv++] = CR_V_INT(vis->user_id);
        v[nv++] = CR_V_INT(vis->robot_id);
    }

    v[nv++] = CR_V_TEXT(f->name_like);
    v[nv++] = CR_V_INT(f->is_public);
    v[nv++] = CR_V_TEXT(f->owner);
    v[nv++] = CR_V_INT(f->owner_id);

    if (sql != CR_SQL_PROJECT_FIND_NAMES) {
        v[nv++] = CR_V_INT(CR_PAGE_MATCH_MAX);
    }

    return cr_page_ids(cx, c, sql, v, nv, ret_ids, ret_n);
}


static int
cr_project_compare(int64_t x, int64_t y, int64_t x_id, int64_t y_id)
{
    return x != y ? (x > y ? 1 : -1) : (x_id > y_id) - (x_id < y_id);
}


static int
cr_project_compare_updated(const void *a, const void *b)
{
    const cr_project_t *x = a, *y = b;

    return cr_project_compare(x->updated_at, y->updated_at, x->id, y->id);
}


static int
cr_project_compare_used(const void *a, const void *b)
{
    const cr_project_t *x = a, *y = b;

    return cr_project_compare(x->storage_used, y->storage_used, x->id, y->id);
}


static int
cr_project_compare_limit(const void *a, const void *b)
{
    const cr_project_t *x = a, *y = b;

    return cr_project_compare(x->storage_limit, y->storage_limit, x->id, y->id);
}


/* The orders that are made of rows; NULL: by name or id. */
static int (*const cr_project_orders[])(const void *, const void *) = {
    [CR_PROJECT_BY_UPDATE] = cr_project_compare_updated,
    [CR_PROJECT_BY_USED] = cr_project_compare_used,
    [CR_PROJECT_BY_LIMIT] = cr_project_compare_limit,
};


/* A page of what a filter finds, or of what is seen in an order that no index
 * has: at most CR_PAGE_MATCH_MAX are sorted. */
static cr_err_t
cr_project_page_found(cr_ctx_t *cx, cr_meta_t *m, const cr_visibility_t *vis,
                      const cr_project_filter_t *f, cr_page_t *page,
                      int64_t *ids, size_t n, cr_project_t **ret_rows,
                      size_t *ret_n)
{
    bool          by_rows = cr_project_orders[f->sort] != NULL;
    cr_val_t      v[2];
    cr_str_t      json;
    cr_project_t *rows;

    if (!by_rows && f->sort != CR_PROJECT_BY_NAME) {
        cr_page_sort_ids(ids, n);
    }

    CR_TRY(cr_page_json(cx, ids, n, by_rows ? 0 : page->start,
                        by_rows ? (int64_t) n : page->n,
                        !by_rows && f->descending, &json, &n));
    v[0] = CR_V_TEXT(json);
    v[1] = CR_V_INT(vis->user_id);
    CR_TRY(cr_project_rows(cx, m, CR_SQL_PROJECT_ROWS, v, 2, &rows, &n));

    if (by_rows && n > 1) {
        qsort(rows, n, sizeof(cr_project_t), cr_project_orders[f->sort]);
    }

    if (by_rows) {
        *page = cr_page_of((int64_t) n, page->start, page->n, f->descending);
        rows += page->start;
        n = (size_t) page->n;

        if (f->descending) {
            cr_page_reverse(rows, n, sizeof(cr_project_t));
        }
    }

    *ret_rows = rows;
    *ret_n = n;
    return CR_OK;
}


/* All, in the order of an index. */
static cr_err_t
cr_project_page_all(cr_ctx_t *cx, cr_meta_t *m, const cr_visibility_t *vis,
                    const cr_project_filter_t *f, const cr_page_t *p,
                    int64_t total, cr_project_t **ret_rows, size_t *ret_n)
{
    cr_sql_e sql = CR_SQL_PROJECT_PAGE_ID;
    cr_val_t v[6];
    size_t   nv = 1;

    v[0] = CR_V_INT(vis->user_id);

    if (f->sort == CR_PROJECT_BY_UPDATE) {
        sql = CR_SQL_PROJECT_PAGE_UPDATED;
        v[nv++] = CR_V_INT(p->n);
        v[nv++] = CR_V_INT(p->start);
    } else {
        sql = f->sort == CR_PROJECT_BY_NAME ? CR_SQL_PROJECT_PAGE : sql;
        nv += cr_page_seek(&v[1], p, total);
    }

    return cr_project_rows(cx, m, sql, v, nv, ret_rows, ret_n);
}


static cr_err_t
cr_project_page_plain(cr_ctx_t *cx, cr_meta_t *m, cr_conn_t *c,
                      const cr_visibility_t *vis, bool all,
                      const cr_project_filter_t *f, int64_t offset, size_t n,
                      cr_project_t **ret_rows, size_t *ret_n,
                      int64_t *ret_total)
{
    cr_val_t  v[5];
    cr_page_t p;
    bool      found;

    v[0] = CR_V_INT(vis->user_id);
    v[1] = CR_V_INT(vis->robot_id);
    CR_TRY(all ? cr_total_get(cx, c, CR_TOTAL_PROJECT, 0, 1, ret_total)
               : cr_db_get_int(cx, c, CR_SQL_PROJECT_COUNT_SEEN, v, 2, &found,
                               ret_total));
    p = cr_page_of(*ret_total, offset, (int64_t) n, f->descending);

    if (all) {
        CR_TRY(cr_project_page_all(cx, m, vis, f, &p, *ret_total, ret_rows,
                                   ret_n));
    } else {
        v[1] = CR_V_INT(p.start + p.n);
        v[2] = CR_V_INT(vis->robot_id);
        v[3] = CR_V_INT(p.n);
        v[4] = CR_V_INT(p.start);
        CR_TRY(cr_project_rows(cx, m, CR_SQL_PROJECT_PAGE_SEEN, v, 5, ret_rows,
                               ret_n));
    }

    if (f->descending) {
        cr_page_reverse(*ret_rows, *ret_n, sizeof(cr_project_t));
    }
    return CR_OK;
}


cr_err_t
cr_project_page(cr_ctx_t *cx, cr_meta_t *m, const cr_visibility_t *vis,
                const cr_project_filter_t *f, int64_t offset, size_t n,
                cr_project_t **ret_rows, size_t *ret_n, int64_t *ret_total)
{
    cr_conn_t *c;
    cr_page_t  p = { offset, (int64_t) n };
    int64_t   *ids;
    size_t     nids;
    bool       all;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_project_sees_all(cx, c, vis, &all));

    if (cr_project_plain(f) && (all || f->sort == CR_PROJECT_BY_NAME)) {
        return cr_project_page_plain(cx, m, c, vis, all, f, offset, n, ret_rows,
                                     ret_n, ret_total);
    }

    CR_TRY(cr_project_find(cx, c, vis, all, f, &ids, &nids));
    *ret_total = (int64_t) nids;

    return cr_project_page_found(cx, m, vis, f, &p, ids, nids, ret_rows, ret_n);
}


/* --- creating ------------------------------------------------------------ */

typedef struct cr_project_op_s {
    const cr_audit_who_t *who;
    const cr_project_new_t *new;
    const cr_project_set_t *set;
    int64_t                 id;
    cr_project_t            project; /* as it was */
    cr_str_t                name;    /* of metadata */
} cr_project_op_t;


static cr_err_t
cr_project_audit(cr_ctx_t *cx, cr_conn_t *c, const cr_project_op_t *op,
                 const char *operation, cr_str_t description)
{
    cr_audit_entry_t e = { .success = true };

    e.operation = cr_str_z(operation);
    e.resource_type = CR_STR("project");
    e.resource = op->project.name;
    e.project_id = op->id;
    e.description = description;

    return cr_audit_add_in(cx, c, op->who, &e);
}


/* Before anything is written. */
static cr_err_t
cr_project_metadata_check(cr_ctx_t *cx, const cr_project_metadata_t *d,
                          size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (d[i].name.len == 0 || d[i].name.len > CR_PROJECT_METADATA_NAME_MAX
            || d[i].value.len > CR_PROJECT_METADATA_MAX)
        {
            return cr_fail(cx, CR_ERR_BAD_REQUEST,
                           "metadata %.*s: a value has %d bytes at most",
                           CR_STR_ARG(
                               cr_str_slice(d[i].name, 0,
                                            CR_PROJECT_METADATA_NAME_MAX)),
                           CR_PROJECT_METADATA_MAX);
        }
    }

    return CR_OK;
}


static cr_err_t
cr_project_metadata_put(cr_ctx_t *cx, cr_conn_t *c, int64_t id,
                        const cr_project_metadata_t *d, size_t n)
{
    cr_val_t v[3];

    v[0] = CR_V_INT(id);

    for (size_t i = 0; i < n; i++) {
        v[1] = CR_V_TEXT(d[i].name);
        v[2] = CR_V_TEXT(d[i].value);
        CR_TRY(cr_db_run(cx, c, CR_SQL_PROJECT_METADATA_PUT, v, 3));
    }

    return CR_OK;
}


static cr_err_t
cr_project_create_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_project_op_t        *op = arg;
    const cr_project_new_t *n = op->new;
    cr_val_t                v[5];
    cr_err_t                err;
    int64_t                 limit = n->storage_limit;
    int64_t                 member, owner = cr_audit_user_id(op->who);
    bool                    found;

    if (limit == 0) {
        limit = -1;
        CR_TRY(cr_setting_int_in(cx, c, CR_SETTING_STORAGE_LIMIT, &limit));
    }

    v[0] = CR_V_TEXT(n->name);
    v[1] = CR_V_INT(n->is_public);
    v[2] = owner > 0 ? CR_V_INT(owner) : CR_V_NULL;
    v[3] = CR_V_INT(cr_now(cx));
    v[4] = CR_V_INT(limit < 0 ? -1 : limit);
    err = cr_db_get_int(cx, c, CR_SQL_PROJECT_ADD, v, 5, &found, &op->id);
    if (err == CR_ERR_EXISTS) {
        return cr_fail(cx, err, "project %.*s exists already",
                       CR_STR_ARG(n->name));
    }
    if (err != CR_OK) {
        return err;
    }

    if (owner > 0 && !n->no_member) {
        CR_TRY(cr_member_add_in(cx, c, op->id, owner, CR_ROLE_PROJECT_ADMIN,
                                &member));
    }

    CR_TRY(cr_project_metadata_put(cx, c, op->id, n->metadata, n->nmetadata));
    op->project.name = n->name;

    return cr_project_audit(cx, c, op, "create",
                            n->is_public ? CR_STR("public")
                                         : CR_STR("private"));
}


cr_err_t
cr_project_create(cr_ctx_t *cx, cr_meta_t *m, const cr_project_new_t *n,
                  const cr_audit_who_t *who, int64_t *ret_id)
{
    cr_project_op_t op = { .who = who, .new = n };

    CR_TRY(cr_name_project_check(cx, n->name));
    CR_TRY(cr_project_metadata_check(cx, n->metadata, n->nmetadata));
    CR_TRY(cr_db_write(cx, m->db, CR_DB_SYNC, cr_project_create_write, &op));
    *ret_id = op.id;
    return CR_OK;
}


/* --- changing ------------------------------------------------------------ */


/* The project as it is, if it may be changed here. */
static cr_err_t
cr_project_begin(cr_ctx_t *cx, cr_conn_t *c, cr_project_op_t *op)
{
    CR_TRY(cr_project_find_in(cx, c, op->id, &op->project));

    return cr_declared_check(cx, op->project.declared, "project",
                             op->project.name);
}


static cr_err_t
cr_project_set_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_project_op_t        *op = arg;
    const cr_project_set_t *set = op->set;
    cr_buf_t                b;
    cr_str_t                text;
    cr_val_t                v[5];

    CR_TRY(cr_project_begin(cx, c, op));
    cr_buf_init(&b, cx, CR_PROJECT_CHANGE_MAX);

    v[0] = CR_V_NULL;
    v[1] = CR_V_NULL;
    v[2] = CR_V_NULL;

    if (set->is_public != NULL) {
        v[0] = CR_V_INT(*set->is_public);
        cr_buf_z(&b, *set->is_public ? "public " : "private ");
    }

    if (set->storage_limit != NULL) {
        v[1] = CR_V_INT(*set->storage_limit < 0 ? -1 : *set->storage_limit);
        cr_buf_printf(&b, "storage limit %lld ", (long long) v[1].n);
    }

    if (set->replication != NULL) {
        v[2] = CR_V_TEXT(*set->replication ? CR_STR(CR_PROJECT_REPLICATION)
                                           : CR_STR("all"));
        cr_buf_z(&b, *set->replication ? "written by replication "
                                       : "written by all ");
    }

    v[3] = CR_V_INT(cr_now(cx));
    v[4] = CR_V_INT(op->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_PROJECT_SET, v, 5));

    if (set->is_public != NULL) {
        v[1] = CR_V_INT(op->id);
        CR_TRY(cr_db_run(cx, c, CR_SQL_PROJECT_SET_PUBLIC_REPOSITORIES, v, 2));
    }

    CR_TRY(
        cr_project_metadata_put(cx, c, op->id, set->metadata, set->nmetadata));
    cr_buf_z(&b, set->nmetadata != 0 ? "metadata " : "");

    for (size_t i = 0; i < set->nmetadata; i++) {
        cr_buf_str(&b, set->metadata[i].name);
        cr_buf_char(&b, ' ');
    }

    CR_TRY(cr_buf_end(&b, &text));

    return cr_project_audit(cx, c, op, "update", cr_str_trim(text));
}


cr_err_t
cr_project_set(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
               const cr_project_set_t *set, const cr_audit_who_t *who)
{
    cr_project_op_t op = { .who = who, .id = id, .set = set };

    CR_TRY(cr_project_metadata_check(cx, set->metadata, set->nmetadata));

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_project_set_write, &op);
}


/* --- deleting ------------------------------------------------------------ */


static cr_err_t
cr_project_check_empty(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_project_op_t *op = arg;
    cr_val_t         v = CR_V_INT(op->id);
    int64_t          one;
    bool             found;

    CR_TRY(cr_project_begin(cx, c, op));

    if (op->id == CR_PROJECT_FIRST) {
        return cr_fail(cx, CR_ERR_FORBIDDEN,
                       "the first project cannot be deleted");
    }

    CR_TRY(
        cr_db_get_int(cx, c, CR_SQL_PROJECT_HAS_CONTENT, &v, 1, &found, &one));

    return found ? cr_fail(cx, CR_ERR_PRECONDITION,
                           "the project contains repositories, "
                           "can not be deleted")
                 : CR_OK;
}


cr_err_t
cr_project_deletable(cr_ctx_t *cx, cr_meta_t *m, int64_t id)
{
    cr_project_op_t op = { .id = id };

    return cr_db_read(cx, m->db, cr_project_check_empty, &op);
}


static cr_err_t
cr_project_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    static const cr_sql_e parts[] = {
        CR_SQL_PROJECT_DELETE_MEMBERS,
        CR_SQL_PROJECT_DELETE_ROBOT_PERMISSIONS,
        CR_SQL_PROJECT_DELETE_ROBOT_RIGHTS,
        CR_SQL_PROJECT_DELETE_ROBOTS,
        CR_SQL_PROJECT_DELETE_METADATA,
        CR_SQL_PROJECT_DELETE_LABELS,
    };
    cr_project_op_t *op = arg;
    cr_val_t         v[3];

    CR_TRY(cr_project_check_empty(cx, c, op));

    v[0] = CR_V_INT(op->id);
    for (size_t i = 0; i < CR_NELTS(parts); i++) {
        CR_TRY(cr_db_run(cx, c, parts[i], v, 1));
    }

    v[0] = CR_V_TEXT(op->project.name);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(op->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_PROJECT_DELETE_REPOSITORIES, v, 3));

    v[0] = v[1];
    v[1] = v[2];
    CR_TRY(cr_db_run(cx, c, CR_SQL_PROJECT_DELETE, v, 2));

    return cr_project_audit(cx, c, op, "delete", CR_STR(""));
}


cr_err_t
cr_project_delete(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                  const cr_audit_who_t *who)
{
    cr_project_op_t op = { .who = who, .id = id };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_project_delete_write, &op);
}


/* --- metadata ------------------------------------------------------------ */


static void
cr_project_metadata_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_project_metadata_t *d = row;

    d->name = cr_stmt_text(cx, st, 0);
    d->value = cr_stmt_text(cx, st, 1);
}


cr_err_t
cr_project_metadata_list(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                         cr_project_metadata_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    cr_val_t   v = CR_V_INT(id);
    void      *rows;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_PROJECT_METADATA_LIST, &v, 1,
                        cr_project_metadata_read, sizeof(cr_project_metadata_t),
                        &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


static cr_err_t
cr_project_metadata_remove_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_project_op_t *op = arg;
    cr_val_t         v[2];
    int64_t          n;

    CR_TRY(cr_project_begin(cx, c, op));

    v[0] = CR_V_INT(op->id);
    v[1] = CR_V_TEXT(op->name);
    CR_TRY(cr_db_run_count(cx, c, CR_SQL_PROJECT_METADATA_DELETE, v, 2, &n));

    if (n == 0) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "no such metadata");
    }

    return cr_project_audit(cx, c, op, "update",
                            cr_printf(cx, "metadata %.*s",
                                      CR_STR_ARG(op->name)));
}


cr_err_t
cr_project_metadata_set(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_str_t name,
                        cr_str_t value, const cr_audit_who_t *who)
{
    cr_project_op_t       op = { .who = who, .id = id, .name = name };
    cr_project_metadata_t d = { name, value };
    cr_project_set_t      set = { .metadata = &d, .nmetadata = 1 };

    if (value.data != NULL) {
        return cr_project_set(cx, m, id, &set, who);
    }

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_project_metadata_remove_write,
                       &op);
}
