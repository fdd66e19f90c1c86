/*
 * One artifact as JSON, with tags, labels, accessories and the children of
 * an index; and the rows of a list, which are bounded: what was pushed
 * decides how large each would be.
 */

#include <string.h>

#include "api/management/artifact.h"

/* Of these a page of the largest size fits in CR_WRITER_MAX, and what is left
 * of a row that would be larger in one of them. */
#define CR_MGMT_ARTIFACT_ROW_MAX    (CR_WRITER_MAX / CR_PAGE_SIZE_MAX - 1024)
#define CR_MGMT_ARTIFACT_TAGS_BRIEF 100

/* --- type -------------------------------------------------------------- */

/*
 * Harbor names the type by the media type of the config, which is
 * application/vnd.<org>.<TYPE>.config.<version>+json; images are known.
 */
cr_str_t
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
cr_mgmt_items(cr_ctx_t *cx, cr_str_t text, json_t **ret_list)
{
    return cr_json_parse(cx, text, CR_WRITER_MAX, CR_ERR_CORRUPT, ret_list);
}

static cr_err_t
cr_mgmt_artifact_tags(cr_ctx_t *cx, cr_writer_t *w, const cr_artifact_t *a)
{
    size_t  n;
    json_t *list;

    CR_TRY(cr_mgmt_items(cx, a->tags, &list));
    n = json_array_size(list);

    if (n > CR_MGMT_ARTIFACT_TAGS_BRIEF && a->brief) {
        n = CR_MGMT_ARTIFACT_TAGS_BRIEF;
    }

    if (n == 0) {
        cr_writer_null(w, "tags");
        return CR_OK;
    }

    cr_writer_array(w, "tags");

    for (size_t i = 0; i < n; i++) {
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
cr_mgmt_artifact_labels(cr_ctx_t *cx, cr_writer_t *w, const cr_artifact_t *a)
{
    json_t *list;

    CR_TRY(cr_mgmt_items(cx, a->labels, &list));

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
cr_mgmt_artifact_accessories(cr_ctx_t *cx, cr_writer_t *w,
                             const cr_artifact_t *a)
{
    json_t *list;

    CR_TRY(cr_mgmt_items(cx, a->accessories, &list));

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

cr_err_t
cr_mgmt_write_value(cr_ctx_t *cx, cr_writer_t *w, const char *key,
                    const json_t *value)
{
    char    *text;
    cr_str_t copy;

    if (value == NULL) {
        return CR_OK;
    }

    text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    if (text == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    copy = cr_dup(cx, cr_str_z(text));
    free(text);

    if (copy.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    cr_writer_raw(w, key, copy);

    return CR_OK;
}

static cr_err_t
cr_mgmt_artifact_references(cr_ctx_t *cx, cr_writer_t *w,
                            const cr_artifact_t *a)
{
    json_t       *ids, *body;
    const json_t *list;

    if (a->kind != CR_MANIFEST_INDEX || a->body.len == 0) {
        cr_writer_null(w, "references");
        return CR_OK;
    }

    CR_TRY(cr_mgmt_items(cx, a->references, &ids));
    CR_TRY(cr_mgmt_items(cx, a->body, &body));
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
        CR_TRY(cr_mgmt_write_value(cx, w, "platform",
                                   json_object_get(d, "platform")));
        CR_TRY(cr_mgmt_write_value(cx, w, "annotations",
                                   json_object_get(d, "annotations")));
        CR_TRY(cr_mgmt_write_value(cx, w, "urls", json_object_get(d, "urls")));
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
cr_mgmt_artifact_attrs(cr_ctx_t *cx, cr_writer_t *w, const json_t *config)
{
    static const char *const keys[] = { "architecture", "author", "created",
                                        "os", "config" };

    cr_writer_object(w, "extra_attrs");

    for (size_t i = 0; i < CR_NELTS(keys); i++) {
        CR_TRY(cr_mgmt_write_value(cx, w, keys[i],
                                   json_object_get(config, keys[i])));
    }

    cr_writer_object_end(w);

    return CR_OK;
}

cr_err_t
cr_mgmt_artifact_write(cr_ctx_t *cx, cr_writer_t *w, const cr_artifact_t *a,
                       const json_t *config)
{
    cr_str_t  type = cr_mgmt_artifact_type(cx, a);
    cr_name_t name;

    CR_TRY(cr_name_parse(cx, a->repository, &name));

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
    CR_TRY(cr_mgmt_artifact_attrs(cx, w, config));
    cr_writer_raw(w, "annotations",
                  a->annotations.len != 0 ? a->annotations : CR_STR("null"));
    CR_TRY(cr_mgmt_artifact_references(cx, w, a));
    cr_mgmt_artifact_links(w, a, type, &name);

    if (a->tags.data != NULL) {
        CR_TRY(cr_mgmt_artifact_tags(cx, w, a));
    }

    if (a->labels.data != NULL) {
        CR_TRY(cr_mgmt_artifact_labels(cx, w, a));
    }

    if (a->accessories.data != NULL) {
        CR_TRY(cr_mgmt_artifact_accessories(cx, w, a));
    }

    if (a->brief) {
        cr_writer_bool(w, "x_brief", true);
    }

    cr_writer_object_end(w);

    return CR_OK;
}

/* --- a list ------------------------------------------------------------ */

/* A row that fits; NULL (data): this one does not. */
static cr_err_t
cr_mgmt_artifact_row(cr_ctx_t *cx, const cr_artifact_t *a, cr_str_t *ret_row)
{
    cr_err_t    err;
    cr_writer_t w;

    *ret_row = CR_STR_NULL;
    cr_writer_init_max(&w, cx, CR_MGMT_ARTIFACT_ROW_MAX);
    err = cr_mgmt_artifact_write(cx, &w, a, NULL);

    if (err == CR_OK && w.b.err == CR_ERR_INTERNAL) {
        cr_ctx_reset(cx);
        return CR_OK;
    }

    CR_TRY(err);

    return cr_buf_end(&w.b, ret_row);
}

/* What is left of a row that is too large. */
static cr_artifact_t
cr_mgmt_artifact_brief(const cr_artifact_t *a)
{
    cr_artifact_t brief = *a;

    brief.brief = true;
    brief.annotations = CR_STR_NULL;
    brief.body = CR_STR_NULL;
    brief.labels = a->labels.data != NULL ? CR_STR("[]") : CR_STR_NULL;
    brief.accessories =
        a->accessories.data != NULL ? CR_STR("[]") : CR_STR_NULL;

    return brief;
}

static cr_err_t
cr_mgmt_artifact_rows_write(cr_ctx_t *cx, cr_writer_t *w,
                            const cr_artifact_t *rows, size_t n)
{
    cr_str_t      text;
    cr_artifact_t brief;

    for (size_t i = 0; i < n; i++) {
        cr_ctx_reset(cx);
        CR_TRY(cr_mgmt_artifact_row(cx, &rows[i], &text));

        if (text.data == NULL) {
            brief = cr_mgmt_artifact_brief(&rows[i]);
            CR_TRY(cr_mgmt_artifact_row(cx, &brief, &text));
        }

        if (text.data == NULL) {
            return cr_fail_detail(cx, CR_ERR_INTERNAL,
                                  "artifact %lld: too large to be listed",
                                  (long long) rows[i].id);
        }

        cr_writer_raw(w, NULL, text);
    }

    return CR_OK;
}

cr_err_t
cr_mgmt_artifact_rows(cr_ctx_t *cx, const cr_artifact_t *rows, size_t n,
                      cr_str_t *ret_body)
{
    cr_err_t    err;
    cr_ctx_t    row_cx;
    cr_writer_t w;

    if (cr_ctx_init(&row_cx, 0) != CR_OK) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    cr_writer_init(&w, cx);
    cr_writer_array(&w, NULL);
    err = cr_mgmt_artifact_rows_write(&row_cx, &w, rows, n);

    if (err != CR_OK) {
        err = cr_fail_detail(cx, err, "%.*s", CR_STR_ARG(row_cx.detail));
    }

    cr_ctx_done(&row_cx);
    CR_TRY(err);
    cr_writer_array_end(&w);

    return cr_writer_end(&w, ret_body);
}
