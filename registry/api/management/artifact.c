/*
 * Artifacts: lists and single ones as JSON, with tags, labels, accessories
 * and the children of an index.  Changing them: artifact_write.c.
 */

#include <string.h>

#include "api/management/artifact.h"
#include "meta/blob.h"

/* A config that is read for its attributes; larger ones are left alone. */
#define CR_MGMT_CONFIG_MAX ((uint64_t) 1024 * 1024)

/* --- type -------------------------------------------------------------- */

/*
 * Harbor names the type by the media type of the config, which is
 * application/vnd.<org>.<TYPE>.config.<version>+json; images are known.
 */
static cr_str_t
cr_mgmt_artifact_type(cr_ctx_t *cx, const cr_artifact_t *a)
{
    char     *text;
    cr_str_t  head = CR_STR("application/vnd."), type = a->config_media_type;
    ptrdiff_t dot, end = -1;

    if (a->kind == CR_MANIFEST_INDEX
        || cr_str_eq_z(type, "application/vnd.oci.image.config.v1+json")
        || cr_str_eq_z(type, "application/vnd.docker.container.image.v1+json"))
    {
        return CR_STR("IMAGE");
    }

    if (cr_str_eq_z(type, "application/vnd.cncf.helm.config.v1+json")) {
        return CR_STR("CHART");
    }

    if (!cr_str_starts(type, head)) {
        type = a->artifact_type;
    }

    if (!cr_str_starts(type, head)) {
        return CR_STR("UNKNOWN");
    }

    type = cr_str_slice(type, head.len, type.len);
    dot = cr_str_chr(type, '.');
    type =
        dot < 0 ? CR_STR_NULL : cr_str_slice(type, (size_t) dot + 1, type.len);

    for (size_t i = 0; i + 8 <= type.len && end < 0; i++) {
        if (memcmp(type.data + i, ".config.", 8) == 0) {
            end = (ptrdiff_t) i;
        }
    }

    if (end <= 0) {
        return CR_STR("UNKNOWN");
    }

    text = cr_alloc(cx, (size_t) end);

    if (text == NULL) {
        return CR_STR("UNKNOWN");
    }

    for (size_t i = 0; i < (size_t) end; i++) {
        char ch = type.data[i];

        text[i] = (char) (ch >= 'a' && ch <= 'z' ? ch - 'a' + 'A' : ch);
    }

    return (cr_str_t){ (size_t) end, text };
}

/* --- parts that come as arrays of arrays ------------------------------- */

static cr_str_t
cr_mgmt_item_str(const json_t *item, size_t i)
{
    const json_t *v = json_array_get(item, i);

    return json_is_string(v)
               ? (cr_str_t){ json_string_length(v), json_string_value(v) }
               : CR_STR_NULL;
}

static int64_t
cr_mgmt_item_int(const json_t *item, size_t i)
{
    return (int64_t) json_integer_value(json_array_get(item, i));
}

static cr_err_t
cr_mgmt_items(cr_exchange_t *x, cr_str_t text, json_t **ret_list)
{
    return cr_json_parse(&x->cx, text, CR_WRITER_MAX, CR_ERR_CORRUPT, ret_list);
}

static cr_err_t
cr_mgmt_artifact_tags(cr_exchange_t *x, cr_writer_t *w, const cr_artifact_t *a)
{
    json_t *list;

    CR_TRY(cr_mgmt_items(x, a->tags, &list));

    if (json_array_size(list) == 0) {
        cr_writer_null(w, "tags");
        return CR_OK;
    }

    cr_writer_array(w, "tags");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t     *t = json_array_get(list, i);
        cr_artifact_tag_t tag = {
            .id = cr_mgmt_item_int(t, 0),
            .name = cr_mgmt_item_str(t, 1),
            .pushed_at = cr_mgmt_item_int(t, 2),
            .pulled_at = cr_mgmt_item_int(t, 3),
        };

        cr_mgmt_tag_write(w, &tag, a->id, a->repository_id);
    }

    cr_writer_array_end(w);

    return CR_OK;
}

static cr_err_t
cr_mgmt_artifact_labels(cr_exchange_t *x, cr_writer_t *w,
                        const cr_artifact_t *a)
{
    json_t *list;

    CR_TRY(cr_mgmt_items(x, a->labels, &list));

    if (json_array_size(list) == 0) {
        cr_writer_null(w, "labels");
        return CR_OK;
    }

    cr_writer_array(w, "labels");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *t = json_array_get(list, i);
        cr_label_t    l = {
               .id = cr_mgmt_item_int(t, 0),
               .name = cr_mgmt_item_str(t, 1),
               .description = cr_mgmt_item_str(t, 2),
               .color = cr_mgmt_item_str(t, 3),
               .project_id = cr_mgmt_item_int(t, 4),
               .created_at = cr_mgmt_item_int(t, 5),
               .updated_at = cr_mgmt_item_int(t, 6),
        };

        cr_mgmt_label_write(w, &l);
    }

    cr_writer_array_end(w);

    return CR_OK;
}

/* What Harbor calls the types of accessories, by artifact type. */
static const char *
cr_mgmt_accessory_type(cr_str_t type)
{
    static const struct {
        const char *media_type;
        const char *name;
    } known[] = {
        { "application/vnd.dev.cosign.artifact.sig.v1+json",
          "signature.cosign" },
        { "application/vnd.dev.sigstore.bundle.v0.3+json", "signature.cosign" },
        { "application/vnd.cncf.notary.signature", "signature.notation" },
        { "application/vnd.goharbor.harbor.sbom.v1", "sbom.harbor" },
    };

    for (size_t i = 0; i < CR_NELTS(known); i++) {
        if (cr_str_eq_z(type, known[i].media_type)) {
            return known[i].name;
        }
    }

    return "subject.accessory";
}

static cr_err_t
cr_mgmt_artifact_accessories(cr_exchange_t *x, cr_writer_t *w,
                             const cr_artifact_t *a)
{
    json_t *list;

    CR_TRY(cr_mgmt_items(x, a->accessories, &list));

    if (json_array_size(list) == 0) {
        cr_writer_null(w, "accessories");
        return CR_OK;
    }

    cr_writer_array(w, "accessories");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *t = json_array_get(list, i);
        cr_artifact_t acc = {
            .id = cr_mgmt_item_int(t, 0),
            .digest = cr_mgmt_item_str(t, 1),
            .size = cr_mgmt_item_int(t, 2),
            .artifact_type = cr_mgmt_item_str(t, 3),
            .pushed_at = cr_mgmt_item_int(t, 4),
        };

        cr_mgmt_accessory_write(w, &acc, a);
    }

    cr_writer_array_end(w);

    return CR_OK;
}

/* --- children of an index ---------------------------------------------- */

/* The id of a child by its digest; 0: it is not here. */
static int64_t
cr_mgmt_child_id(const json_t *ids, cr_str_t digest)
{
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *item = json_array_get(ids, i);

        if (cr_str_eq(cr_mgmt_item_str(item, 1), digest)) {
            return cr_mgmt_item_int(item, 0);
        }
    }

    return 0;
}

/* A value of a manifest, as it stands there. */
static cr_err_t
cr_mgmt_write_value(cr_exchange_t *x, cr_writer_t *w, const char *key,
                    const json_t *value)
{
    char    *text;
    cr_str_t copy;

    if (value == NULL) {
        return CR_OK;
    }

    text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    if (text == NULL) {
        return cr_fail(&x->cx, CR_ERR_NO_MEMORY, NULL);
    }

    copy = cr_dup(&x->cx, cr_str_z(text));
    free(text);

    if (copy.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    cr_writer_raw(w, key, copy);

    return CR_OK;
}

static cr_err_t
cr_mgmt_artifact_references(cr_exchange_t *x, cr_writer_t *w,
                            const cr_artifact_t *a)
{
    json_t       *ids, *body;
    const json_t *list;

    if (a->kind != CR_MANIFEST_INDEX) {
        cr_writer_null(w, "references");
        return CR_OK;
    }

    CR_TRY(cr_mgmt_items(x, a->references, &ids));
    CR_TRY(cr_mgmt_items(x, a->body, &body));
    list = json_object_get(body, "manifests");
    cr_writer_array(w, "references");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *d = json_array_get(list, i);
        const json_t *digest = json_object_get(d, "digest");
        cr_str_t      text = { json_string_length(digest),
                               json_string_value(digest) };

        cr_writer_object(w, NULL);
        cr_writer_int(w, "parent_id", a->id);
        cr_writer_int(w, "child_id", cr_mgmt_child_id(ids, text));
        cr_writer_str(w, "child_digest", text);
        CR_TRY(cr_mgmt_write_value(x, w, "platform",
                                   json_object_get(d, "platform")));
        CR_TRY(cr_mgmt_write_value(x, w, "annotations",
                                   json_object_get(d, "annotations")));
        CR_TRY(cr_mgmt_write_value(x, w, "urls", json_object_get(d, "urls")));
        cr_writer_object_end(w);
    }

    cr_writer_array_end(w);

    return CR_OK;
}

/* --- one artifact ------------------------------------------------------ */

void
cr_mgmt_tag_write(cr_writer_t *w, const cr_artifact_tag_t *t,
                  int64_t artifact_id, int64_t repository_id)
{
    cr_writer_object(w, NULL);
    cr_writer_int(w, "id", t->id);
    cr_writer_int(w, "artifact_id", artifact_id);
    cr_writer_int(w, "repository_id", repository_id);
    cr_writer_str(w, "name", t->name);
    cr_writer_time(w, "push_time", t->pushed_at);
    cr_writer_time(w, "pull_time", t->pulled_at);
    cr_writer_bool(w, "immutable", false);
    cr_writer_object_end(w);
}

void
cr_mgmt_accessory_write(cr_writer_t *w, const cr_artifact_t *acc,
                        const cr_artifact_t *subject)
{
    cr_writer_object(w, NULL);
    cr_writer_int(w, "id", acc->id);
    cr_writer_int(w, "artifact_id", acc->id);
    cr_writer_int(w, "subject_artifact_id", subject->id);
    cr_writer_str(w, "subject_artifact_digest", subject->digest);
    cr_writer_str(w, "subject_artifact_repo", subject->repository);
    cr_writer_int(w, "size", acc->size);
    cr_writer_str(w, "digest", acc->digest);
    cr_writer_z(w, "type", cr_mgmt_accessory_type(acc->artifact_type));
    cr_writer_time(w, "creation_time", acc->pushed_at);
    cr_writer_object_end(w);
}

/* Where its build history is; a manifest that is no image has none. */
static void
cr_mgmt_artifact_links(cr_writer_t *w, const cr_artifact_t *a, cr_str_t type,
                       const cr_name_t *name)
{
    cr_buf_t b;
    cr_str_t href;

    cr_writer_object(w, "addition_links");

    if (a->kind != CR_MANIFEST_INDEX && cr_str_eq_z(type, "IMAGE")) {
        cr_buf_init(&b, w->b.cx, 8192);
        cr_buf_printf(&b, "/api/v2.0/projects/%.*s/repositories/",
                      CR_STR_ARG(name->project));

        for (size_t i = 0; i < name->rest.len; i++) {
            if (name->rest.data[i] == '/') {
                cr_buf_z(&b, "%252F");

            } else {
                cr_buf_char(&b, name->rest.data[i]);
            }
        }

        cr_buf_printf(&b, "/artifacts/%.*s/additions/build_history",
                      CR_STR_ARG(a->digest));

        if (cr_buf_end(&b, &href) == CR_OK) {
            cr_writer_object(w, "build_history");
            cr_writer_bool(w, "absolute", false);
            cr_writer_str(w, "href", href);
            cr_writer_object_end(w);
        }
    }

    cr_writer_object_end(w);
}

/* config: of an image, parsed; NULL: not looked at. */
static cr_err_t
cr_mgmt_artifact_attrs(cr_exchange_t *x, cr_writer_t *w, const json_t *config)
{
    static const char *const keys[] = { "architecture", "author", "created",
                                        "os", "config" };

    cr_writer_object(w, "extra_attrs");

    for (size_t i = 0; i < CR_NELTS(keys); i++) {
        CR_TRY(cr_mgmt_write_value(x, w, keys[i],
                                   json_object_get(config, keys[i])));
    }

    cr_writer_object_end(w);

    return CR_OK;
}

static cr_err_t
cr_mgmt_artifact_write(cr_exchange_t *x, cr_writer_t *w, const cr_artifact_t *a,
                       const json_t *config)
{
    cr_str_t  type = cr_mgmt_artifact_type(&x->cx, a);
    cr_name_t name;

    CR_TRY(cr_name_parse(&x->cx, a->repository, &name));

    cr_writer_object(w, NULL);
    cr_writer_int(w, "id", a->id);
    cr_writer_str(w, "type", type);
    cr_writer_str(w, "media_type",
                  a->config_media_type.len != 0 ? a->config_media_type
                                                : a->media_type);
    cr_writer_str(w, "manifest_media_type", a->media_type);
    cr_writer_str(w, "artifact_type",
                  a->artifact_type.len != 0 ? a->artifact_type : a->media_type);
    cr_writer_int(w, "project_id", a->project_id);
    cr_writer_int(w, "repository_id", a->repository_id);
    cr_writer_str(w, "repository_name", a->repository);
    cr_writer_str(w, "digest", a->digest);
    cr_writer_int(w, "size", a->size);
    cr_writer_z(w, "icon", "");
    cr_writer_time(w, "push_time", a->pushed_at);
    cr_writer_time(w, "pull_time", a->pulled_at);
    CR_TRY(cr_mgmt_artifact_attrs(x, w, config));
    cr_writer_raw(w, "annotations",
                  a->annotations.len != 0 ? a->annotations : CR_STR("null"));
    CR_TRY(cr_mgmt_artifact_references(x, w, a));
    cr_mgmt_artifact_links(w, a, type, &name);

    if (a->tags.data != NULL) {
        CR_TRY(cr_mgmt_artifact_tags(x, w, a));
    }

    if (a->labels.data != NULL) {
        CR_TRY(cr_mgmt_artifact_labels(x, w, a));
    }

    if (a->accessories.data != NULL) {
        CR_TRY(cr_mgmt_artifact_accessories(x, w, a));
    }

    cr_writer_object_end(w);

    return CR_OK;
}

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
    int      sort = CR_ARTIFACT_SORT_PUSHED;
    cr_q_t   q;
    cr_str_t tags, base;

    *f = cr_artifact_filter_default;
    CR_TRY(cr_q_parse(x, &q));
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
    cr_writer_t          w;
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

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        CR_TRY(cr_mgmt_artifact_write(x, &w, &rows[i], NULL));
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

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
    int    sort = CR_ARTIFACT_SORT_PUSHED;
    bool   latest = false, descending = true;
    cr_q_t q;

    CR_TRY(cr_q_parse(x, &q));
    CR_TRY(cr_query_bool(x, "latest_in_repository", &latest));
    cr_sort_parse(x, names, CR_NELTS(names), &sort, &descending);

    if (q.n != 0) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "q: only the artifacts of one repository are filtered");
    }

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
    cr_writer_t           w;
    cr_artifact_t        *rows;
    const cr_api_open_t  *o = cr_api_opened(x->api);
    cr_artifact_project_e order;

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_mgmt_artifact_project_order(x, &order));
    CR_TRY(cr_mgmt_artifact_with(x, &with));
    CR_TRY(cr_artifact_list_project(
        &x->cx, o->meta, x->state->access.project_id, order, page.size,
        page.offset, with, &rows, &n, &total));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        CR_TRY(cr_mgmt_artifact_write(x, &w, &rows[i], NULL));
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

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
    CR_TRY(cr_mgmt_artifact_write(x, &w, &a, config));
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
    CR_TRY(cr_mgmt_write_value(x, &w, NULL, history));
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}
