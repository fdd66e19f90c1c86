/* Artifacts: tags, accessories, copies, deletion, labels. */

#include "api/management/artifact.h"

cr_err_t
cr_mgmt_artifact_delete(cr_exchange_t *x)
{
    cr_reference_t       ref;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_artifact_reference(x, &ref));
    CR_TRY(
        cr_artifact_delete(&x->cx, o->meta, x->state->name.full, &ref, &who));

    return cr_respond_empty(x, 200);
}

/* --- tags -------------------------------------------------------------- */

cr_err_t
cr_mgmt_tag_list(cr_exchange_t *x)
{
    static const cr_sort_name_t names[] = { { "name", 0 } };
    static const char *const    keys[] = { "name", NULL };

    int                  sort;
    bool                 descending = false;
    size_t               n;
    int64_t              total, id, repository_id;
    cr_q_t               q;
    cr_str_t             body, exact, fuzzy;
    cr_paging_t          page;
    cr_writer_t          w;
    cr_reference_t       ref;
    cr_artifact_tag_t   *rows;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_q_parse(x, keys, &q));
    CR_TRY(cr_q_text(&x->cx, &q, "name", &exact, &fuzzy));
    cr_sort_parse(x, names, CR_NELTS(names), &sort, &descending);
    CR_TRY(cr_mgmt_artifact_reference(x, &ref));
    CR_TRY(cr_artifact_find(&x->cx, o->meta, x->state->name.full, &ref, &id,
                            &repository_id));
    CR_TRY(cr_artifact_tag_list(&x->cx, o->meta, id, exact, fuzzy, descending,
                                page.size, page.offset, &rows, &n, &total));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        cr_mgmt_tag_write(&w, &rows[i], id, repository_id);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, total, body);
}

cr_err_t
cr_mgmt_tag_create(cr_exchange_t *x)
{
    json_t              *obj;
    cr_str_t             name = CR_STR_NULL;
    cr_reference_t       ref;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_str(x, obj, "name", &name));

    if (name.len == 0) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "name: missing");
    }

    CR_TRY(cr_tag_check(&x->cx, name));
    CR_TRY(cr_mgmt_artifact_reference(x, &ref));
    CR_TRY(cr_artifact_tag_add(&x->cx, o->meta, &x->state->name, &ref, name,
                               &who));

    return cr_respond_empty(x, 201);
}

cr_err_t
cr_mgmt_tag_delete(cr_exchange_t *x)
{
    cr_reference_t       ref;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_artifact_reference(x, &ref));
    CR_TRY(cr_artifact_tag_delete(&x->cx, o->meta, x->state->name.full, &ref,
                                  cr_path_part(x, "tag"), &who));

    return cr_respond_empty(x, 200);
}

/* --- accessories ------------------------------------------------------- */

cr_err_t
cr_mgmt_accessory_list(cr_exchange_t *x)
{
    static const char *const keys[] = { NULL };

    size_t               n;
    int64_t              total;
    cr_q_t               q;
    cr_str_t             body;
    cr_paging_t          page;
    cr_writer_t          w;
    cr_artifact_t        a, *rows;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_q_parse(x, keys, &q));
    CR_TRY(cr_mgmt_artifact_of_path(x, 0, &a));
    CR_TRY(cr_artifact_accessory_list(&x->cx, o->meta, a.id, page.size,
                                      page.offset, &rows, &n, &total));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        cr_mgmt_accessory_write(&w, &rows[i], &a);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, total, body);
}

/* --- copies ------------------------------------------------------------ */

/* "project/repository:tag" or "project/repository@digest". */
static cr_err_t
cr_mgmt_copy_source(cr_exchange_t *x, cr_name_t *ret_name,
                    cr_reference_t *ret_ref)
{
    cr_str_t  from;
    ptrdiff_t pos;

    CR_TRY(cr_query_one(x, "from", CR_ERR_BAD_REQUEST, &from));
    pos = cr_str_chr(from, '@');

    if (pos < 0) {
        pos = cr_str_rchr(from, ':');
    }

    if (pos <= 0
        || cr_name_parse(&x->cx, cr_str_slice(from, 0, (size_t) pos), ret_name)
               != CR_OK
        || cr_reference_parse(&x->cx,
                              cr_str_slice(from, (size_t) pos + 1, from.len),
                              ret_ref)
               != CR_OK)
    {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "from: project/repository:tag or "
                       "project/repository@digest expected");
    }

    return CR_OK;
}

/* The route asks for the right to create here; this for reading there. */
cr_err_t
cr_mgmt_artifact_copy(cr_exchange_t *x)
{
    bool                 allowed;
    cr_str_t             digest;
    cr_name_t            from;
    cr_reference_t       ref;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_copy_source(x, &from, &ref));
    CR_TRY(cr_authorise_name(x, &from, CR_PERM_ARTIFACT_READ, &allowed));

    if (!allowed) {
        return cr_authorise_refuse(x);
    }

    CR_TRY(cr_artifact_copy(&x->cx, o->meta, from.full, &ref, &x->state->name,
                            &who, &digest));

    return cr_mgmt_created_text(x, digest);
}

/* --- labels ------------------------------------------------------------ */

cr_err_t
cr_mgmt_artifact_label_add(cr_exchange_t *x)
{
    json_t              *obj;
    int64_t              id = 0;
    cr_reference_t       ref;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_int(x, obj, "id", &id));

    if (id <= 0) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "id: positive integer expected");
    }

    CR_TRY(cr_mgmt_artifact_reference(x, &ref));
    CR_TRY(cr_label_attach(&x->cx, o->meta, st->name.full, &ref,
                           st->access.project_id, id));

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_artifact_label_remove(cr_exchange_t *x)
{
    int64_t              id;
    cr_reference_t       ref;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_id(x, "label_id", &id));
    CR_TRY(cr_mgmt_artifact_reference(x, &ref));
    CR_TRY(cr_label_detach(&x->cx, o->meta, x->state->name.full, &ref, id));

    return cr_respond_empty(x, 200);
}
