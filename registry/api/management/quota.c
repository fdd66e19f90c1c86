/*
 * Quotas: the storage of a project, used and allowed.  A quota has the id of
 * its project.
 */

#include "api/management/management.h"
#include "meta/project.h"

static void
cr_mgmt_quota_storage(cr_writer_t *w, const char *key, int64_t bytes)
{
    cr_writer_object(w, key);
    cr_writer_int(w, "storage", bytes);
    cr_writer_object_end(w);
}

static void
cr_mgmt_quota_write(cr_writer_t *w, const cr_project_t *p)
{
    cr_writer_object(w, NULL);
    cr_writer_int(w, "id", p->id);
    cr_writer_object(w, "ref");
    cr_writer_int(w, "id", p->id);
    cr_writer_str(w, "name", p->name);
    cr_writer_str(w, "owner_name", p->owner_name);
    cr_writer_object_end(w);
    cr_mgmt_quota_storage(w, "hard", p->storage_limit);
    cr_mgmt_quota_storage(w, "used", p->storage_used);
    cr_writer_time(w, "creation_time", p->created_at);
    cr_writer_time(w, "update_time", p->updated_at);
    cr_writer_object_end(w);
}

/* reference=project&reference_id=7: that one; else a page of them. */
cr_err_t
cr_mgmt_quota_list(cr_exchange_t *x)
{
    static const cr_sort_name_t names[] = {
        { "id", CR_PROJECT_BY_ID },
        { "reference_id", CR_PROJECT_BY_ID },
        { "creation_time", CR_PROJECT_BY_CREATION },
        { "update_time", CR_PROJECT_BY_UPDATE },
        { "used.storage", CR_PROJECT_BY_USED },
        { "hard.storage", CR_PROJECT_BY_LIMIT },
    };

    size_t               n = 1;
    int64_t              total = 1, id = 0;
    cr_err_t             err;
    cr_str_t             body, reference;
    int                  sort = CR_PROJECT_BY_NAME;
    cr_paging_t          page;
    cr_writer_t          w;
    cr_project_t         one, *rows = &one;
    cr_visibility_t      all = { true, 0, 0 };
    cr_project_filter_t  f = { .is_public = -1 };
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_query_one(x, "reference", CR_ERR_BAD_REQUEST, &reference));
    CR_TRY(cr_query_int(x, "reference_id", &id));
    cr_sort_parse(x, names, CR_NELTS(names), &sort, &f.descending);
    f.sort = (cr_project_sort_e) sort;

    if (reference.len != 0 && !cr_str_eq_z(reference, "project")) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "reference: \"project\" expected");
    }

    if (id != 0) {
        err = cr_project_by_id(&x->cx, o->meta, id, &one);

        if (err == CR_ERR_NOT_FOUND) {
            cr_clear(&x->cx);
            n = 0;
            total = 0;

        } else if (err != CR_OK) {
            return err;
        }

    } else {
        CR_TRY(cr_project_page(&x->cx, o->meta, &all, &f, page.offset,
                               (size_t) page.size, &rows, &n, &total));
    }

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        cr_mgmt_quota_write(&w, &rows[i]);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, total, body);
}

cr_err_t
cr_mgmt_quota_get(cr_exchange_t *x)
{
    int64_t              id;
    cr_str_t             body;
    cr_writer_t          w;
    cr_project_t         p;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_id(x, "id", &id));
    CR_TRY(cr_project_by_id(&x->cx, o->meta, id, &p));

    cr_writer_init(&w, &x->cx);
    cr_mgmt_quota_write(&w, &p);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

cr_err_t
cr_mgmt_quota_set(cr_exchange_t *x)
{
    json_t              *obj, *hard;
    int64_t              id, limit = 0;
    cr_audit_who_t       who = cr_api_who(x);
    cr_project_set_t     set = { .storage_limit = &limit };
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_id(x, "id", &id));
    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_object(x, obj, "hard", &hard));

    if (hard != NULL) {
        CR_TRY(cr_mgmt_int(x, hard, "storage", &limit));
    }

    if (limit == 0 || limit < -1) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "storage: -1 or a positive number expected");
    }

    CR_TRY(cr_project_set(&x->cx, o->meta, id, &set, &who));

    return cr_respond_empty(x, 200);
}
