/* Search and statistics, of what the caller may see. */

#include "api/management/management.h"
#include "core/encode.h"
#include "meta/project.h"
#include "meta/statistic.h"

#define CR_MGMT_SEARCH_MAX 100 /* of each kind */

static cr_err_t
cr_mgmt_search_projects(cr_exchange_t *x, cr_writer_t *w, cr_str_t text,
                        const cr_visibility_t *vis)
{
    size_t               n;
    int64_t              total;
    cr_project_t        *rows;
    cr_project_filter_t  f = { .is_public = -1, .name_like = text };
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_project_page(&x->cx, o->meta, vis, &f, 0, CR_MGMT_SEARCH_MAX,
                           &rows, &n, &total));
    cr_writer_array(w, "project");

    for (size_t i = 0; i < n; i++) {
        const cr_project_t *p = &rows[i];

        cr_writer_object(w, NULL);
        cr_writer_int(w, "project_id", p->id);
        cr_writer_str(w, "name", p->name);
        cr_writer_int(w, "owner_id", p->owner_id);
        cr_writer_str(w, "owner_name", p->owner_name);
        cr_writer_int(w, "current_user_role_id",
                      cr_mgmt_project_role(x, p->role));
        cr_writer_int(w, "repo_count", p->repositories);
        cr_writer_time(w, "creation_time", p->created_at);
        cr_writer_time(w, "update_time", p->updated_at);
        cr_writer_object(w, "metadata");
        cr_writer_z(w, "public", p->is_public ? "true" : "false");
        cr_writer_object_end(w);
        cr_writer_object_end(w);
    }

    cr_writer_array_end(w);

    return CR_OK;
}

static cr_err_t
cr_mgmt_search_repositories(cr_exchange_t *x, cr_writer_t *w, cr_str_t text,
                            const cr_visibility_t *vis)
{
    size_t                 n;
    int64_t                total;
    cr_repository_t       *rows;
    cr_repository_filter_t f = { .name_like = text, .vis = *vis };
    const cr_api_open_t   *o = cr_api_opened(x->api);

    CR_TRY(cr_repository_page(&x->cx, o->meta, &f, CR_MGMT_SEARCH_MAX, 0, &rows,
                              &n, &total));
    cr_writer_array(w, "repository");

    for (size_t i = 0; i < n; i++) {
        ptrdiff_t slash = cr_str_chr(rows[i].name, '/');

        cr_writer_object(w, NULL);
        cr_writer_int(w, "project_id", rows[i].project_id);
        cr_writer_str(w, "project_name",
                      cr_str_slice(rows[i].name, 0, (size_t) slash));
        cr_writer_bool(w, "project_public", rows[i].is_public);
        cr_writer_str(w, "repository_name", rows[i].name);
        cr_writer_int(w, "pull_count", rows[i].pull_count);
        cr_writer_int(w, "artifact_count", rows[i].artifact_count);
        cr_writer_object_end(w);
    }

    cr_writer_array_end(w);

    return CR_OK;
}

cr_err_t
cr_mgmt_search(cr_exchange_t *x)
{
    cr_str_t        body, text;
    cr_writer_t     w;
    cr_visibility_t vis = cr_mgmt_visibility(x);

    CR_TRY(cr_query_one(x, "q", CR_ERR_BAD_REQUEST, &text));

    if (!cr_utf8_valid(text)) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "q: not UTF-8");
    }

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);
    CR_TRY(cr_mgmt_search_projects(x, &w, text, &vis));
    CR_TRY(cr_mgmt_search_repositories(x, &w, text, &vis));
    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

cr_err_t
cr_mgmt_statistics(cr_exchange_t *x)
{
    cr_str_t             body;
    cr_writer_t          w;
    cr_statistic_t       s;
    cr_visibility_t      vis = cr_mgmt_visibility(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_statistic_get(&x->cx, o->meta, &vis, &s));

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);
    cr_writer_int(&w, "private_project_count", s.private_projects);
    cr_writer_int(&w, "private_repo_count", s.private_repositories);
    cr_writer_int(&w, "public_project_count", s.public_projects);
    cr_writer_int(&w, "public_repo_count", s.public_repositories);

    if (vis.all) {
        cr_writer_int(&w, "total_project_count",
                      s.private_projects + s.public_projects);
        cr_writer_int(&w, "total_repo_count",
                      s.private_repositories + s.public_repositories);
        cr_writer_int(&w, "total_storage_consumption", s.storage);
    }

    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}
