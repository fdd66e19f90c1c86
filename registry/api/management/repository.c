/* Repositories: lists, description, deletion. */

#include "api/management/management.h"
#include "meta/artifact.h"

/* Artifacts deleted in one transaction of a repository's deletion. */
#define CR_MGMT_DELETE_BATCH    200
#define CR_MGMT_DESCRIPTION_MAX 16384

static void
cr_mgmt_repository_write(cr_writer_t *w, const cr_repository_t *r)
{
    cr_writer_object(w, NULL);
    cr_writer_int(w, "id", r->id);
    cr_writer_int(w, "project_id", r->project_id);
    cr_writer_str(w, "name", r->name);
    cr_writer_str_opt(w, "description", r->description);
    cr_writer_int(w, "artifact_count", r->artifact_count);
    cr_writer_int(w, "pull_count", r->pull_count);
    cr_writer_time(w, "creation_time", r->created_at);
    cr_writer_time(w, "update_time", r->updated_at);
    cr_writer_object_end(w);
}

/*
 * q=project_id: of that one, if the caller may list it; else there are none,
 * whether it exists or not.
 */
static cr_err_t
cr_mgmt_repository_of(cr_exchange_t *x, int64_t id, cr_repository_filter_t *f)
{
    static const cr_perm_e any[] = { CR_PERM_REPOSITORY_LIST,
                                     CR_PERM_REPOSITORY_READ,
                                     CR_PERM_REPOSITORY_PULL };

    cr_err_t        err;
    cr_access_row_t row;

    if (id == 0 || id == f->project_id) {
        return CR_OK;
    }

    for (size_t i = 0; f->project_id == 0 && i < CR_NELTS(any); i++) {
        err = cr_authorise_project_id(x, id, any[i], &row);

        if (err == CR_OK) {
            f->project_id = id;
            f->vis.all = true;
            return CR_OK;
        }

        if (err != CR_ERR_UNAUTHORIZED && err != CR_ERR_FORBIDDEN
            && err != CR_ERR_NOT_FOUND)
        {
            return err;
        }

        cr_clear(&x->cx);
    }

    f->id = CR_Q_NO_ID;

    return CR_OK;
}

static cr_err_t
cr_mgmt_repository_filter(cr_exchange_t *x, cr_repository_filter_t *f)
{
    static const char *const keys[] = { "name", "blob_digest", "repository_id",
                                        "project_id", NULL };

    cr_q_t  q;
    int64_t project_id;

    CR_TRY(cr_q_parse(x, keys, &q));
    CR_TRY(cr_q_any(&x->cx, &q, "name", &f->names, &f->name_like));
    CR_TRY(cr_q_exact(&x->cx, &q, "blob_digest", &f->blob));
    CR_TRY(cr_q_id(&x->cx, &q, "repository_id", &f->id));
    CR_TRY(cr_q_id(&x->cx, &q, "project_id", &project_id));

    return cr_mgmt_repository_of(x, project_id, f);
}

static cr_err_t
cr_mgmt_repository_page(cr_exchange_t *x, cr_repository_filter_t *f)
{
    static const cr_sort_name_t names[] = {
        { "name", CR_REPOSITORY_SORT_NAME },
        { "creation_time", CR_REPOSITORY_SORT_CREATED },
        { "update_time", CR_REPOSITORY_SORT_UPDATED },
        { "artifact_count", CR_REPOSITORY_SORT_ARTIFACTS },
        { "pull_count", CR_REPOSITORY_SORT_PULLS },
        { "id", CR_REPOSITORY_SORT_ID },
        { "repository_id", CR_REPOSITORY_SORT_ID },
    };
    int                  sort = CR_REPOSITORY_SORT_NAME;
    size_t               n;
    int64_t              total;
    cr_str_t             body;
    cr_paging_t          page;
    cr_writer_t          w;
    cr_repository_t     *rows;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_mgmt_repository_filter(x, f));
    cr_sort_parse(x, names, CR_NELTS(names), &sort, &f->descending);
    f->sort = (cr_repository_sort_e) sort;

    CR_TRY(cr_repository_page(&x->cx, o->meta, f, page.size, page.offset, &rows,
                              &n, &total));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        cr_mgmt_repository_write(&w, &rows[i]);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, total, body);
}

/* GET /repositories: what the caller may see, of all projects. */
cr_err_t
cr_mgmt_repository_list_all(cr_exchange_t *x)
{
    cr_repository_filter_t f = { 0 };

    f.vis = cr_mgmt_visibility(x);

    return cr_mgmt_repository_page(x, &f);
}

/* GET /projects/{project_name}/repositories: the route has authorised. */
cr_err_t
cr_mgmt_repository_list(cr_exchange_t *x)
{
    cr_repository_filter_t f = { 0 };

    f.project_id = x->state->access.project_id;
    f.vis.all = true;

    return cr_mgmt_repository_page(x, &f);
}

cr_err_t
cr_mgmt_repository_get(cr_exchange_t *x)
{
    cr_str_t             body;
    cr_writer_t          w;
    cr_repository_t      r;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_repository_get(&x->cx, o->meta, x->state->name.full, &r));

    cr_writer_init(&w, &x->cx);
    cr_mgmt_repository_write(&w, &r);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

cr_err_t
cr_mgmt_repository_update(cr_exchange_t *x)
{
    json_t              *obj;
    cr_str_t             description = CR_STR_NULL;
    cr_repository_t      r;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_str(x, obj, "description", &description));

    if (description.len > CR_MGMT_DESCRIPTION_MAX) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "description: longer than %d bytes",
                       CR_MGMT_DESCRIPTION_MAX);
    }

    CR_TRY(cr_repository_get(&x->cx, o->meta, x->state->name.full, &r));

    if (description.data != NULL) {
        CR_TRY(cr_repository_describe(&x->cx, o->meta, r.name, description));
    }

    return cr_respond_empty(x, 200);
}

/* Goes on in steps, so that a large repository holds nobody up. */
static cr_err_t
cr_mgmt_repository_delete_some(cr_exchange_t *x)
{
    bool                 more;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_artifact_delete_all(&x->cx, o->meta, x->state->name.full,
                                  CR_MGMT_DELETE_BATCH, &who, &more));

    if (more) {
        return cr_then(x, CR_STEP_DB, cr_mgmt_repository_delete_some);
    }

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_repository_delete(cr_exchange_t *x)
{
    cr_repository_t      r;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_repository_get(&x->cx, o->meta, x->state->name.full, &r));

    return cr_mgmt_repository_delete_some(x);
}
