/*
 * Labels: global ones belong to administrators and are read by anyone logged
 * in; those of a project follow its roles.
 */

#include "api/management/artifact.h"

void
cr_mgmt_label_write(cr_writer_t *w, const cr_label_t *l)
{
    cr_writer_object(w, NULL);
    cr_writer_int(w, "id", l->id);
    cr_writer_str(w, "name", l->name);
    cr_writer_str(w, "description", l->description);
    cr_writer_str(w, "color", l->color);
    cr_writer_z(w, "scope", l->project_id == 0 ? "g" : "p");
    cr_writer_int(w, "project_id", l->project_id);
    cr_writer_time(w, "creation_time", l->created_at);
    cr_writer_time(w, "update_time", l->updated_at);
    cr_writer_object_end(w);
}

/* A right on labels: of that project, or (0) of the registry. */
static cr_err_t
cr_mgmt_label_allow(cr_exchange_t *x, int64_t project_id, cr_perm_e project,
                    cr_perm_e global)
{
    cr_access_row_t row;

    if (project_id != 0) {
        return cr_authorise_project_id(x, project_id, project, &row);
    }

    return cr_authorise_system(x, global) ? CR_OK : cr_authorise_refuse(x);
}

/* scope and project_id of a query or a body. */
static cr_err_t
cr_mgmt_label_scope(cr_exchange_t *x, cr_str_t scope, int64_t *project_id)
{
    if (cr_str_eq_z(scope, "g")) {
        *project_id = 0;
        return CR_OK;
    }

    if (!cr_str_eq_z(scope, "p")) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "scope: \"g\" or \"p\" expected");
    }

    if (*project_id <= 0) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "project_id: positive integer expected");
    }

    return CR_OK;
}

/* q=name=..., and name=..., which is a part of it. */
static cr_err_t
cr_mgmt_label_filter(cr_exchange_t *x, cr_label_filter_t *f)
{
    static const cr_sort_name_t names[] = {
        { "name", false },
        { "id", true },
        { "creation_time", true },
    };
    static const char *const keys[] = { "name", NULL };

    int      by_id = false;
    cr_q_t   q;
    cr_str_t name;

    cr_sort_parse(x, names, CR_NELTS(names), &by_id, &f->descending);
    f->by_id = by_id;
    CR_TRY(cr_q_parse(x, keys, &q));
    CR_TRY(cr_q_text(&x->cx, &q, "name", &f->name, &f->name_like));
    CR_TRY(cr_q_beside(x, &q, "name", &name));

    f->name_like = name.len != 0 ? name : f->name_like;

    return CR_OK;
}

cr_err_t
cr_mgmt_label_list(cr_exchange_t *x)
{
    size_t               n;
    int64_t              total;
    cr_str_t             body, scope;
    cr_paging_t          page;
    cr_label_t          *rows;
    cr_writer_t          w;
    cr_label_filter_t    f = { .project_id = 0 };
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_query_one(x, "scope", CR_ERR_BAD_REQUEST, &scope));
    CR_TRY(cr_query_int(x, "project_id", &f.project_id));
    CR_TRY(cr_mgmt_label_filter(x, &f));
    CR_TRY(cr_mgmt_label_scope(x, scope, &f.project_id));
    CR_TRY(cr_mgmt_label_allow(x, f.project_id, CR_PERM_LABEL_LIST,
                               CR_PERM_LOGIN));
    CR_TRY(cr_label_list(&x->cx, o->meta, &f, page.size, page.offset, &rows, &n,
                         &total));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        cr_mgmt_label_write(&w, &rows[i]);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, total, body);
}

/* name, description, color: what is missing stays as it is. */
static cr_err_t
cr_mgmt_label_read(cr_exchange_t *x, const json_t *obj, cr_label_t *l)
{
    CR_TRY(cr_mgmt_str(x, obj, "name", &l->name));
    CR_TRY(cr_mgmt_str(x, obj, "description", &l->description));

    return cr_mgmt_str(x, obj, "color", &l->color);
}

cr_err_t
cr_mgmt_label_create(cr_exchange_t *x)
{
    json_t              *obj;
    int64_t              id;
    cr_str_t             scope = CR_STR_NULL;
    cr_label_t           l = { .name = CR_STR_NULL };
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    l.description = CR_STR("");
    l.color = CR_STR("");
    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_str(x, obj, "scope", &scope));
    CR_TRY(cr_mgmt_int(x, obj, "project_id", &l.project_id));
    CR_TRY(cr_mgmt_label_read(x, obj, &l));
    CR_TRY(cr_mgmt_label_scope(x, scope, &l.project_id));
    CR_TRY(cr_mgmt_label_allow(x, l.project_id, CR_PERM_LABEL_CREATE,
                               CR_PERM_SYSTEM_LABEL_CREATE));
    CR_TRY(cr_label_create(&x->cx, o->meta, &l, &who, &id));

    return cr_mgmt_created(x, id);
}

/*
 * The label of the path.  One that does not exist looks like one that the
 * caller may not touch, to all but administrators.
 */
static cr_err_t
cr_mgmt_label_of_path(cr_exchange_t *x, cr_perm_e project, cr_perm_e global,
                      cr_label_t *ret_l)
{
    int64_t              id;
    cr_err_t             err;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_id_open(x, "label_id", &id));
    err = cr_label_get(&x->cx, o->meta, id, ret_l);

    if (err == CR_ERR_NOT_FOUND && !cr_authorise_system(x, CR_PERM_ADMIN)) {
        return cr_authorise_refuse(x);
    }

    CR_TRY(err);

    return cr_mgmt_label_allow(x, ret_l->project_id, project, global);
}

cr_err_t
cr_mgmt_label_get(cr_exchange_t *x)
{
    cr_str_t    body;
    cr_label_t  l;
    cr_writer_t w;

    CR_TRY(cr_mgmt_label_of_path(x, CR_PERM_LABEL_READ, CR_PERM_LOGIN, &l));

    cr_writer_init(&w, &x->cx);
    cr_mgmt_label_write(&w, &l);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

cr_err_t
cr_mgmt_label_update(cr_exchange_t *x)
{
    json_t              *obj;
    cr_label_t           l;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_label_of_path(x, CR_PERM_LABEL_UPDATE,
                                 CR_PERM_SYSTEM_LABEL_UPDATE, &l));
    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_label_read(x, obj, &l));
    CR_TRY(cr_label_update(&x->cx, o->meta, &l, &who));

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_label_delete(cr_exchange_t *x)
{
    cr_label_t           l;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_label_of_path(x, CR_PERM_LABEL_DELETE,
                                 CR_PERM_SYSTEM_LABEL_DELETE, &l));
    CR_TRY(cr_label_delete(&x->cx, o->meta, l.id, &who));

    return cr_respond_empty(x, 200);
}
