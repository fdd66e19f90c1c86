/* Labels, and which artifacts carry them. */

#include "meta/label.h"
#include "meta/inner.h"
#include "meta/page.h"

typedef struct cr_label_op_s {
    cr_label_t            l;
    const cr_audit_who_t *who;
    cr_str_t              repository;
    const cr_reference_t *ref;
} cr_label_op_t;

static void
cr_label_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_label_t *l = row;

    l->id = cr_stmt_int(st, 0);
    l->project_id = cr_stmt_int(st, 1);
    l->name = cr_stmt_text(cx, st, 2);
    l->description = cr_stmt_text(cx, st, 3);
    l->color = cr_stmt_text(cx, st, 4);
    l->created_at = cr_stmt_int(st, 5);
    l->updated_at = cr_stmt_int(st, 6);
}

static cr_err_t
cr_label_get_in(cr_ctx_t *cx, cr_conn_t *c, int64_t id, cr_label_t *ret_l)
{
    bool       found;
    cr_stmt_t *st;
    cr_label_t l;
    cr_val_t   v = CR_V_INT(id);

    CR_TRY(cr_meta_row(cx, c, CR_SQL_LABEL_GET, &v, 1, &found, &st));

    if (!found) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "label %lld not found",
                       (long long) id);
    }

    cr_label_read(cx, st, &l);
    CR_TRY(cr_meta_rows_done(cx, st));
    *ret_l = l;

    return CR_OK;
}

cr_err_t
cr_label_get(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_label_t *ret_l)
{
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_label_get_in(cx, c, id, ret_l);
}

/* Ids of what a filter finds, or in an order that no index has. */
static cr_err_t
cr_label_find(cr_ctx_t *cx, cr_conn_t *c, const cr_label_filter_t *f,
              int64_t **ret_ids, size_t *ret_n)
{
    cr_val_t v[4];

    v[0] = CR_V_INT(f->project_id);

    if (f->name.len != 0) {
        v[1] = CR_V_TEXT(f->name);
        return cr_page_ids(cx, c, CR_SQL_LABEL_FIND_EXACT, v, 2, ret_ids,
                           ret_n);
    }

    v[1] = CR_V_INT(CR_PAGE_SCAN_MAX);
    v[2] = CR_V_TEXT(f->name_like);
    v[3] = CR_V_INT(CR_PAGE_MATCH_MAX);
    CR_TRY(cr_page_ids(cx, c, CR_SQL_LABEL_FIND, v, 4, ret_ids, ret_n));

    if (f->by_id) {
        cr_page_sort_ids(*ret_ids, *ret_n);
    }

    return CR_OK;
}

cr_err_t
cr_label_list(cr_ctx_t *cx, cr_meta_t *m, const cr_label_filter_t *f,
              int64_t limit, int64_t offset, cr_label_t **ret_rows,
              size_t *ret_n, int64_t *ret_total)
{
    bool       found = f->by_id || f->name.len != 0 || f->name_like.len != 0;
    void      *rows;
    size_t     nv, nids;
    int64_t   *ids;
    cr_sql_e   sql = found ? CR_SQL_LABEL_ROWS : CR_SQL_LABEL_PAGE;
    cr_str_t   json;
    cr_page_t  p;
    cr_conn_t *c;
    cr_val_t   v[6];

    CR_TRY(cr_db_conn(cx, m->db, &c));

    if (found) {
        CR_TRY(cr_label_find(cx, c, f, &ids, &nids));
        *ret_total = (int64_t) nids;
        CR_TRY(cr_page_json(cx, ids, nids, offset, limit, f->descending, &json,
                            &nids));
        v[0] = CR_V_TEXT(json);
        nv = 1;

    } else {
        CR_TRY(cr_total_get(cx, c, CR_TOTAL_LABEL, f->project_id, f->project_id,
                            ret_total));
        p = cr_page_of(*ret_total, offset, limit, f->descending);
        v[0] = CR_V_INT(f->project_id);
        nv = 1 + cr_page_seek(&v[1], &p, *ret_total);
    }

    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_label_read, sizeof(cr_label_t),
                        &rows, ret_n));

    if (!found && f->descending) {
        cr_page_reverse(rows, *ret_n, sizeof(cr_label_t));
    }

    *ret_rows = rows;

    return CR_OK;
}

/* --- writing ----------------------------------------------------------- */

static cr_err_t
cr_label_check(cr_ctx_t *cx, const cr_label_t *l)
{
    if (l->name.len == 0 || l->name.len > CR_LABEL_NAME_MAX) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "name: 1 to %d bytes expected",
                       CR_LABEL_NAME_MAX);
    }

    if (l->color.len > CR_LABEL_COLOR_MAX) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "color: too long");
    }

    if (l->description.len > CR_LABEL_DESCRIPTION_MAX) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "description: too long");
    }

    return CR_OK;
}

static cr_err_t
cr_label_taken(cr_ctx_t *cx, cr_err_t err, const cr_label_t *l)
{
    if (err == CR_ERR_EXISTS) {
        return cr_fail(cx, err, "label %.*s already exists",
                       CR_STR_ARG(l->name));
    }

    return err;
}

static cr_err_t
cr_label_audit(cr_ctx_t *cx, cr_conn_t *c, const cr_label_op_t *op,
               const char *operation)
{
    cr_audit_entry_t e = { .success = true };

    e.operation = cr_str_z(operation);
    e.resource_type = CR_STR("label");
    e.resource = op->l.name;
    e.project_id = op->l.project_id;

    return cr_audit_add_in(cx, c, op->who, &e);
}

static cr_err_t
cr_label_create_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool           found;
    cr_label_op_t *op = arg;
    cr_label_t    *l = &op->l;
    cr_val_t       v[5];
    cr_err_t       err;

    v[0] = l->project_id == 0 ? CR_V_NULL : CR_V_INT(l->project_id);
    v[1] = CR_V_TEXT(l->name);
    v[2] = CR_V_TEXT(l->description);
    v[3] = CR_V_TEXT(l->color);
    v[4] = CR_V_INT(cr_now(cx));
    err = cr_db_get_int(cx, c, CR_SQL_LABEL_ADD, v, 5, &found, &l->id);
    CR_TRY(cr_label_taken(cx, err, l));

    return cr_label_audit(cx, c, op, "create");
}

cr_err_t
cr_label_create(cr_ctx_t *cx, cr_meta_t *m, const cr_label_t *l,
                const cr_audit_who_t *who, int64_t *ret_id)
{
    cr_label_op_t op = { .l = *l, .who = who };

    CR_TRY(cr_label_check(cx, l));
    CR_TRY(cr_db_write(cx, m->db, CR_DB_SYNC, cr_label_create_write, &op));
    *ret_id = op.l.id;

    return CR_OK;
}

static cr_err_t
cr_label_update_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_label_t     was;
    cr_label_op_t *op = arg;
    cr_val_t       v[5];

    CR_TRY(cr_label_get_in(cx, c, op->l.id, &was));
    op->l.project_id = was.project_id;
    v[0] = CR_V_TEXT(op->l.name);
    v[1] = CR_V_TEXT(op->l.description);
    v[2] = CR_V_TEXT(op->l.color);
    v[3] = CR_V_INT(cr_now(cx));
    v[4] = CR_V_INT(op->l.id);
    CR_TRY(
        cr_label_taken(cx, cr_db_run(cx, c, CR_SQL_LABEL_SET, v, 5), &op->l));

    return cr_label_audit(cx, c, op, "update");
}

cr_err_t
cr_label_update(cr_ctx_t *cx, cr_meta_t *m, const cr_label_t *l,
                const cr_audit_who_t *who)
{
    cr_label_op_t op = { .l = *l, .who = who };

    CR_TRY(cr_label_check(cx, l));

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_label_update_write, &op);
}

static cr_err_t
cr_label_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_label_op_t *op = arg;
    cr_val_t       v = CR_V_INT(op->l.id);

    CR_TRY(cr_label_get_in(cx, c, op->l.id, &op->l));
    CR_TRY(cr_db_run(cx, c, CR_SQL_LABEL_DELETE, &v, 1));

    return cr_label_audit(cx, c, op, "delete");
}

cr_err_t
cr_label_delete(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                const cr_audit_who_t *who)
{
    cr_label_op_t op = { .l = { .id = id }, .who = who };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_label_delete_write, &op);
}

/* --- on artifacts ------------------------------------------------------ */

static cr_err_t
cr_label_attach_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    int64_t        manifest_id, repository_id;
    cr_err_t       err;
    cr_label_t     l;
    cr_label_op_t *op = arg;
    cr_val_t       v[2];

    CR_TRY(cr_artifact_find_in(cx, c, op->repository, op->ref, &manifest_id,
                               &repository_id));
    CR_TRY(cr_label_get_in(cx, c, op->l.id, &l));

    if (l.project_id != 0 && l.project_id != op->l.project_id) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "label %lld not found",
                       (long long) op->l.id);
    }

    v[0] = CR_V_INT(manifest_id);
    v[1] = CR_V_INT(l.id);
    err = cr_db_run(cx, c, CR_SQL_LABEL_ATTACH, v, 2);

    if (err == CR_ERR_EXISTS) {
        return cr_fail(cx, err, "the artifact has label %.*s already",
                       CR_STR_ARG(l.name));
    }

    return err;
}

cr_err_t
cr_label_attach(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                const cr_reference_t *ref, int64_t project_id, int64_t label_id)
{
    cr_label_op_t op = {
        .l = { .id = label_id, .project_id = project_id },
        .repository = repository,
        .ref = ref,
    };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_label_attach_write, &op);
}

static cr_err_t
cr_label_detach_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool           found;
    int64_t        manifest_id, repository_id, id;
    cr_label_op_t *op = arg;
    cr_val_t       v[2];

    CR_TRY(cr_artifact_find_in(cx, c, op->repository, op->ref, &manifest_id,
                               &repository_id));
    v[0] = CR_V_INT(manifest_id);
    v[1] = CR_V_INT(op->l.id);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_LABEL_DETACH, v, 2, &found, &id));

    if (!found) {
        return cr_fail(cx, CR_ERR_NOT_FOUND,
                       "the artifact does not have label %lld",
                       (long long) op->l.id);
    }

    return CR_OK;
}

cr_err_t
cr_label_detach(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                const cr_reference_t *ref, int64_t label_id)
{
    cr_label_op_t op = { .l = { .id = label_id },
                         .repository = repository,
                         .ref = ref };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_label_detach_write, &op);
}
