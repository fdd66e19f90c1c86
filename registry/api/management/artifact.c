/*
 * Artifacts: lists and single ones.  One as JSON: artifact_row.c; changing
 * them: artifact_write.c.
 */

#include "api/management/artifact.h"
#include "meta/blob.h"

/* A config that is read for its attributes; larger ones are left alone. */
#define CR_MGMT_CONFIG_MAX ((uint64_t) 1024 * 1024)

/* with_tag, with_label, with_accessory. */
static cr_err_t
cr_mgmt_artifact_with(cr_exchange_t *x, unsigned *ret_with)
{
    bool tags = true, labels = false, accessories = false;

    CR_TRY(cr_query_bool(x, "with_tag", &tags));
    CR_TRY(cr_query_bool(x, "with_label", &labels));
    CR_TRY(cr_query_bool(x, "with_accessory", &accessories));

    *ret_with = (tags ? CR_ARTIFACT_TAGS : 0)
                | (labels ? CR_ARTIFACT_LABELS : 0)
                | (accessories ? CR_ARTIFACT_ACCESSORIES : 0);

    return CR_OK;
}

/* --- lists ------------------------------------------------------------- */

/* q and sort; *ret_plain: neither says anything. */
static cr_err_t
cr_mgmt_artifact_filter(cr_exchange_t *x, cr_artifact_filter_t *f,
                        bool *ret_plain)
{
    static const cr_sort_name_t names[] = {
        { "push_time", CR_ARTIFACT_SORT_PUSHED },
        { "pull_time", CR_ARTIFACT_SORT_PULLED },
        { "size", CR_ARTIFACT_SORT_SIZE },
        { "id", CR_ARTIFACT_SORT_ID },
        { "digest", CR_ARTIFACT_SORT_DIGEST },
    };
    static const char *const keys[] = { "id",   "digest",    "type",
                                        "tags", "labels",    "media_type",
                                        "base", "push_time", NULL };

    int      sort = CR_ARTIFACT_SORT_PUSHED;
    cr_q_t   q;
    cr_str_t tags, base;

    *f = cr_artifact_filter_default;
    CR_TRY(cr_q_parse(x, keys, &q));
    CR_TRY(cr_q_id(&x->cx, &q, "id", &f->id));
    CR_TRY(cr_q_exact(&x->cx, &q, "digest", &f->digest));
    CR_TRY(cr_q_exact(&x->cx, &q, "type", &f->type));
    CR_TRY(cr_q_exact(&x->cx, &q, "media_type", &f->media_type));
    CR_TRY(cr_q_exact(&x->cx, &q, "base", &base));
    CR_TRY(cr_q_text(&x->cx, &q, "tags", &tags, &f->tag_like));
    CR_TRY(cr_q_list(&x->cx, &q, "labels", CR_Q_AND, &f->labels));
    CR_TRY(cr_q_time(&x->cx, &q, "push_time", &f->pushed_min, &f->pushed_max));

    f->all = cr_str_eq_z(base, "*");

    if (cr_str_eq_z(tags, "nil") || cr_str_eq_z(tags, "*")) {
        f->tagged = cr_str_eq_z(tags, "*");

    } else {
        f->tag = tags;
    }

    cr_sort_parse(x, names, CR_NELTS(names), &sort, &f->descending);
    f->sort = (cr_artifact_sort_e) sort;
    *ret_plain =
        q.n == 0 && f->sort == CR_ARTIFACT_SORT_PUSHED && f->descending;

    return CR_OK;
}

cr_err_t
cr_mgmt_artifact_list(cr_exchange_t *x)
{
    bool                 plain;
    size_t               n;
    int64_t              total;
    unsigned             with;
    cr_str_t             body;
    cr_paging_t          page;
    cr_artifact_t       *rows;
    cr_repository_t      r;
    cr_artifact_filter_t f;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_mgmt_artifact_filter(x, &f, &plain));
    CR_TRY(cr_mgmt_artifact_with(x, &with));
    CR_TRY(cr_repository_get(&x->cx, o->meta, x->state->name.full, &r));
    CR_TRY(cr_artifact_list(&x->cx, o->meta, r.id, plain ? NULL : &f, page.size,
                            page.offset, with, &rows, &n, &total));

    CR_TRY(cr_mgmt_artifact_rows(&x->cx, rows, n, &body));

    return cr_paging_respond(x, &page, total, body);
}

/* Of a whole project: no filters, which would look at any number of rows. */
static cr_err_t
cr_mgmt_artifact_project_order(cr_exchange_t         *x,
                               cr_artifact_project_e *ret_order)
{
    static const cr_sort_name_t names[] = {
        { "push_time", CR_ARTIFACT_SORT_PUSHED },
    };
    static const char *const keys[] = { NULL };

    int    sort = CR_ARTIFACT_SORT_PUSHED;
    bool   latest = false, descending = true;
    cr_q_t q;

    CR_TRY(cr_q_parse(x, keys, &q));
    CR_TRY(cr_query_bool(x, "latest_in_repository", &latest));
    cr_sort_parse(x, names, CR_NELTS(names), &sort, &descending);

    *ret_order = latest       ? CR_ARTIFACT_PROJECT_LATEST
                 : descending ? CR_ARTIFACT_PROJECT_NEWEST
                              : CR_ARTIFACT_PROJECT_OLDEST;

    return CR_OK;
}

cr_err_t
cr_mgmt_artifact_list_project(cr_exchange_t *x)
{
    size_t                n;
    int64_t               total;
    unsigned              with;
    cr_str_t              body;
    cr_paging_t           page;
    cr_artifact_t        *rows;
    const cr_api_open_t  *o = cr_api_opened(x->api);
    cr_artifact_project_e order;

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_mgmt_artifact_project_order(x, &order));
    CR_TRY(cr_mgmt_artifact_with(x, &with));
    CR_TRY(cr_artifact_list_project(&x->cx, o->meta,
                                    x->state->access.project_id, order,
                                    page.size, page.offset, with, &rows, &n,
                                    &total));

    CR_TRY(cr_mgmt_artifact_rows(&x->cx, rows, n, &body));

    return cr_paging_respond(x, &page, total, body);
}

/* --- the one of the path ----------------------------------------------- */

cr_err_t
cr_mgmt_artifact_reference(cr_exchange_t *x, cr_reference_t *ret_ref)
{
    cr_str_t text = cr_path_part(x, "reference");

    if (cr_reference_parse(&x->cx, text, ret_ref) != CR_OK) {
        return cr_fail(&x->cx, CR_ERR_NOT_FOUND, "artifact %.*s not found",
                       CR_STR_ARG(text));
    }

    x->info.reference = text;

    return CR_OK;
}

cr_err_t
cr_mgmt_artifact_of_path(cr_exchange_t *x, unsigned with, cr_artifact_t *ret_a)
{
    int64_t              id, repository_id;
    cr_reference_t       ref;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_artifact_reference(x, &ref));
    CR_TRY(cr_artifact_find(&x->cx, o->meta, x->state->name.full, &ref, &id,
                            &repository_id));

    return cr_artifact_get(&x->cx, o->meta, id, with, ret_a);
}

/*
 * The config of an image as JSON; NULL when there is none to be read (not an
 * image, no JSON, too large).
 */
static cr_err_t
cr_mgmt_artifact_config(cr_exchange_t *x, const cr_artifact_t *a,
                        json_t **ret_config)
{
    char                *data;
    size_t               n;
    cr_err_t             err;
    cr_blob_t            blob;
    cr_digest_t          digest;
    const cr_api_open_t *o = cr_api_opened(x->api);
    cr_str_t             text;

    *ret_config = NULL;
    CR_TRY(cr_artifact_config(&x->cx, o->meta, a->id, &text));

    if (text.len == 0
        || !cr_str_eq_z(cr_mgmt_artifact_type(&x->cx, a), "IMAGE")) {
        return CR_OK;
    }

    CR_TRY(cr_digest_parse(&x->cx, text, &digest));
    err = cr_blob_find(&x->cx, o->meta, a->repository, &digest, &blob);

    if (err == CR_ERR_BLOB_UNKNOWN) {
        cr_clear(&x->cx);
        return CR_OK;
    }

    CR_TRY(err);

    if (blob.size == 0 || blob.size > CR_MGMT_CONFIG_MAX) {
        return CR_OK;
    }

    data = cr_alloc(&x->cx, (size_t) blob.size);

    if (data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_storage_read(&x->cx, o->storage, blob.locator, 0, data,
                           (size_t) blob.size, &n));

    if (cr_json_parse(&x->cx, (cr_str_t){ n, data }, CR_MGMT_CONFIG_MAX,
                      CR_ERR_CORRUPT, ret_config)
        != CR_OK)
    {
        cr_clear(&x->cx); /* what was pushed need not be JSON */
        *ret_config = NULL;
    }

    return CR_OK;
}

cr_err_t
cr_mgmt_artifact_get(cr_exchange_t *x)
{
    json_t       *config;
    unsigned      with;
    cr_str_t      body;
    cr_writer_t   w;
    cr_artifact_t a;

    CR_TRY(cr_mgmt_artifact_with(x, &with));
    CR_TRY(cr_mgmt_artifact_of_path(x, with, &a));
    CR_TRY(cr_mgmt_artifact_config(x, &a, &config));

    cr_writer_init(&w, &x->cx);
    CR_TRY(cr_mgmt_artifact_write(&x->cx, &w, &a, config));
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

cr_err_t
cr_mgmt_artifact_addition(cr_exchange_t *x)
{
    json_t       *config;
    cr_str_t      body;
    const json_t *history;
    cr_writer_t   w;
    cr_artifact_t a;
    cr_str_t      addition = cr_path_part(x, "addition");

    CR_TRY(cr_mgmt_artifact_of_path(x, 0, &a));

    if (cr_str_eq_z(addition, "vulnerabilities")) {
        return cr_respond_json(x, 200, CR_STR("{}\n"));
    }

    CR_TRY(cr_mgmt_artifact_config(x, &a, &config));
    history = json_object_get(config, "history");

    if (!cr_str_eq_z(addition, "build_history") || history == NULL) {
        return cr_fail(&x->cx, CR_ERR_NOT_FOUND,
                       "addition %.*s isn't supported for this artifact",
                       CR_STR_ARG(addition));
    }

    cr_writer_init(&w, &x->cx);
    CR_TRY(cr_mgmt_write_value(&x->cx, &w, NULL, history));
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}
