/*
 * Parsing and validating manifests.  The JSON is read once; what it refers to
 * goes into an array, the bytes stay as they came.  Everything a lenient
 * reader could see otherwise (duplicate keys, other spellings of a key, two
 * kinds in one document) is refused.  One thread at a time.
 *
 * Sections: places (for messages), checks of members, descriptors, media type
 * and kind, the parser.
 */

#include <inttypes.h>
#include <string.h>
#include "core/buf.h"
#include "oci/manifest.h"

/* The largest integer that every JSON reader keeps exact. */
#define MANIFEST_NUMBER_MAX (UINT64_C(1) << 53)

#define MT_SCHEMA1_TEXT                                                        \
    "Docker image manifest schema 1 is not supported: push again with a "      \
    "current client"

/* Members that mean something here; another spelling of one is refused. */
static const char *const manifest_keys[] = {
    "schemaVersion", "mediaType", "artifactType", "config",   "layers",
    "manifests",     "subject",   "annotations",  "fsLayers", NULL,
};

static const char *const descriptor_keys[] = {
    "mediaType",   "digest", "size",         "urls",
    "annotations", "data",   "artifactType", NULL,
};


/* --- places ------------------------------------------------------------ */

/* "subject", "layers[3]", or "" for the document itself. */
typedef struct manifest_place_s {
    const char *z_member;
    size_t      index;
    bool        indexed;
} manifest_place_t;

static const manifest_place_t manifest_top = { "", 0, false };


/* "layers[3].size: text"; z_key may be NULL. */
static cr_err_t
manifest_fail(cr_ctx_t *cx, const manifest_place_t *at, const char *z_key,
              const char *z_text)
{
    const char *z_dot = z_key != NULL && at->z_member[0] != '\0' ? "." : "";

    if (z_key == NULL) {
        z_key = "";
    }

    if (at->indexed) {
        return cr_fail(cx, CR_ERR_MANIFEST_INVALID, "%s[%zu]%s%s: %s",
                       at->z_member, at->index, z_dot, z_key, z_text);
    }
    return cr_fail(cx, CR_ERR_MANIFEST_INVALID, "%s%s%s: %s", at->z_member,
                   z_dot, z_key, z_text);
}


/* --- checks of members ------------------------------------------------- */

/*
 * One character of a key, folded as Go's encoding/json does when it looks for
 * a member: ASCII case, the long s (U+017F) and the Kelvin sign (U+212A).
 */
static char
manifest_fold(cr_str_t *s)
{
    char c = s->data[0];

    if (cr_str_starts(*s, CR_STR("\xc5\xbf"))) {
        *s = cr_str_slice(*s, 2, s->len);
        return 's';
    }
    if (cr_str_starts(*s, CR_STR("\xe2\x84\xaa"))) {
        *s = cr_str_slice(*s, 3, s->len);
        return 'k';
    }

    *s = cr_str_slice(*s, 1, s->len);
    return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}


static bool
manifest_fold_eq(cr_str_t a, cr_str_t b)
{
    while (a.len != 0 && b.len != 0) {
        if (manifest_fold(&a) != manifest_fold(&b)) {
            return false;
        }
    }
    return a.len == 0 && b.len == 0;
}


static cr_err_t
manifest_check_keys(cr_ctx_t *cx, const manifest_place_t *at, const json_t *obj,
                    const char *const *keys)
{
    void       *iter;
    const char *z_key;
    size_t      i;

    /* jansson's iterators want a pointer that is not const, and read only. */
    union {
        const json_t *in;
        json_t       *out;
    } u = { .in = obj };

    for (iter = json_object_iter(u.out); iter != NULL;
         iter = json_object_iter_next(u.out, iter))
    {
        z_key = json_object_iter_key(iter);

        for (i = 0; keys[i] != NULL; i++) {
            if (strcmp(z_key, keys[i]) != 0
                && manifest_fold_eq(cr_str_z(z_key), cr_str_z(keys[i])))
            {
                return manifest_fail(cx, at, keys[i],
                                     "spelled with other letters: keys are "
                                     "case-sensitive");
            }
        }
    }

    return CR_OK;
}


/* A string member; CR_STR_NULL when missing or null. */
static cr_err_t
manifest_str(cr_ctx_t *cx, const manifest_place_t *at, const json_t *obj,
             const char *z_key, cr_str_t *ret_s)
{
    const json_t *value = json_object_get(obj, z_key);

    if (value == NULL || json_is_null(value)) {
        *ret_s = CR_STR_NULL;
        return CR_OK;
    }
    if (!json_is_string(value)) {
        return manifest_fail(cx, at, z_key, "must be a string");
    }
    *ret_s = (cr_str_t){ json_string_length(value), json_string_value(value) };

    return CR_OK;
}


/* A media type; CR_STR_NULL when missing, null or empty. */
static cr_err_t
manifest_media_type(cr_ctx_t *cx, const manifest_place_t *at, const json_t *obj,
                    const char *z_key, cr_str_t *ret_s)
{
    cr_str_t s = CR_STR_NULL;

    CR_TRY(manifest_str(cx, at, obj, z_key, &s));

    if (s.len == 0) {
        *ret_s = CR_STR_NULL;
        return CR_OK;
    }
    if (!cr_media_type_valid(s)) {
        return manifest_fail(cx, at, z_key, "must be a media type (TYPE/NAME)");
    }
    *ret_s = s;

    return CR_OK;
}


static cr_err_t
manifest_digest(cr_ctx_t *cx, const manifest_place_t *at, const json_t *obj,
                cr_digest_t *ret_d)
{
    cr_str_t    s = CR_STR_NULL;
    const char *z_text;

    CR_TRY(manifest_str(cx, at, obj, "digest", &s));

    if (cr_digest_parse(cx, s, ret_d) == CR_OK) {
        return CR_OK;
    }
    if (cx->err == CR_ERR_NO_MEMORY) {
        return cx->err;
    }

    z_text = s.data == NULL || cx->message.data == NULL ? "must be a digest"
                                                        : cx->message.data;
    return manifest_fail(cx, at, "digest", z_text);
}


/* An object of strings; *ret_obj NULL when missing or null. */
static cr_err_t
manifest_annotations(cr_ctx_t *cx, const manifest_place_t *at,
                     const json_t *obj, json_t **ret_obj)
{
    json_t *value = json_object_get(obj, "annotations");
    void   *iter;

    *ret_obj = NULL;

    if (value == NULL || json_is_null(value)) {
        return CR_OK;
    }
    if (!json_is_object(value)) {
        return manifest_fail(cx, at, "annotations", "must be an object");
    }
    for (iter = json_object_iter(value); iter != NULL;
         iter = json_object_iter_next(value, iter))
    {
        if (!json_is_string(json_object_iter_value(iter))) {
            return manifest_fail(cx, at, "annotations",
                                 "all values must be strings");
        }
    }
    *ret_obj = value;

    return CR_OK;
}


static cr_err_t
manifest_urls(cr_ctx_t *cx, const manifest_place_t *at, const json_t *obj)
{
    const json_t *value = json_object_get(obj, "urls");
    size_t        i;

    if (value == NULL || json_is_null(value)) {
        return CR_OK;
    }
    if (!json_is_array(value)) {
        return manifest_fail(cx, at, "urls", "must be an array");
    }
    for (i = 0; i < json_array_size(value); i++) {
        if (!json_is_string(json_array_get(value, i))) {
            return manifest_fail(cx, at, "urls", "all items must be strings");
        }
    }

    return CR_OK;
}


/* --- descriptors ------------------------------------------------------- */

static cr_err_t
manifest_size(cr_ctx_t *cx, const manifest_place_t *at, const json_t *obj,
              uint64_t *ret_size)
{
    const json_t *value = json_object_get(obj, "size");
    json_int_t    size;

    if (!json_is_integer(value)) {
        return manifest_fail(cx, at, "size", "must be an integer");
    }

    size = json_integer_value(value);
    if (size < 0 || (uint64_t) size > MANIFEST_NUMBER_MAX) {
        return manifest_fail(cx, at, "size", "must be from 0 to 2^53");
    }
    *ret_size = (uint64_t) size;

    return CR_OK;
}


/*
 * image-spec descriptor.md.  kind of ret_ref is left to the caller; strings
 * point into the JSON value, which lives as long as the arena.
 */
static cr_err_t
manifest_descriptor(cr_ctx_t *cx, const manifest_place_t *at, const json_t *obj,
                    cr_manifest_ref_t *ret_ref)
{
    cr_str_t      ignored;
    json_t       *annotations;
    const json_t *platform;

    if (!json_is_object(obj)) {
        return manifest_fail(cx, at, NULL, "must be a descriptor (an object)");
    }

    CR_TRY(manifest_check_keys(cx, at, obj, descriptor_keys));
    CR_TRY(manifest_media_type(cx, at, obj, "mediaType", &ret_ref->media_type));
    if (ret_ref->media_type.len == 0) {
        return manifest_fail(cx, at, "mediaType", "is required");
    }
    CR_TRY(manifest_digest(cx, at, obj, &ret_ref->digest));
    CR_TRY(manifest_size(cx, at, obj, &ret_ref->size));

    CR_TRY(manifest_media_type(cx, at, obj, "artifactType", &ignored));
    CR_TRY(manifest_annotations(cx, at, obj, &annotations));
    CR_TRY(manifest_urls(cx, at, obj));

    platform = json_object_get(obj, "platform");
    if (platform != NULL && !json_is_null(platform)
        && !json_is_object(platform)) {
        return manifest_fail(cx, at, "platform", "must be an object");
    }

    return CR_OK;
}


/* Room for the references of an array member (missing: none). */
static cr_err_t
manifest_refs_room(cr_ctx_t *cx, cr_manifest_t *m, const json_t *array,
                   const char *z_member)
{
    size_t                 n;
    const manifest_place_t at = { z_member, 0, false };

    if (array == NULL) {
        return manifest_fail(cx, &at, NULL, "is required");
    }

    /* Go writes a nil slice as null, and reads null as an empty one. */
    if (!json_is_array(array) && !json_is_null(array)) {
        return manifest_fail(cx, &at, NULL, "must be an array");
    }

    n = json_array_size(array);
    if (n > CR_MANIFEST_REFS_MAX - 1) {
        return cr_fail(cx, CR_ERR_MANIFEST_INVALID,
                       "%s: has %zu items, at most %d are allowed", z_member, n,
                       CR_MANIFEST_REFS_MAX - 1);
    }

    /* One more, for the config of an image. */
    m->refs = cr_alloc(cx, (n + 1) * sizeof(cr_manifest_ref_t));

    return m->refs == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}


static cr_err_t
manifest_image(cr_ctx_t *cx, const json_t *root, cr_manifest_t *m)
{
    const json_t      *layers = json_object_get(root, "layers");
    const json_t      *config = json_object_get(root, "config");
    cr_manifest_ref_t *ref;
    manifest_place_t   at = { "layers", 0, true };

    const manifest_place_t at_config = { "config", 0, false };

    if (json_object_get(root, "manifests") != NULL) {
        return manifest_fail(cx, &manifest_top, "manifests",
                             "not allowed in an image manifest: a document "
                             "is a manifest or an index, not both");
    }

    CR_TRY(manifest_refs_room(cx, m, layers, "layers"));

    if (config == NULL) {
        return manifest_fail(cx, &at_config, NULL, "is required");
    }
    CR_TRY(manifest_descriptor(cx, &at_config, config, &m->refs[0]));
    m->refs[0].kind = CR_REF_CONFIG;
    m->nrefs = 1;
    m->config_media_type = m->refs[0].media_type;

    for (at.index = 0; at.index < json_array_size(layers); at.index++) {
        ref = &m->refs[m->nrefs];
        CR_TRY(manifest_descriptor(cx, &at, json_array_get(layers, at.index),
                                   ref));
        ref->kind = CR_REF_LAYER;
        ref->foreign = cr_media_type_is_foreign(ref->media_type);
        m->nrefs++;
    }

    return CR_OK;
}


static cr_err_t
manifest_index(cr_ctx_t *cx, const json_t *root, cr_manifest_t *m)
{
    const json_t      *children = json_object_get(root, "manifests");
    cr_manifest_ref_t *ref;
    manifest_place_t   at = { "manifests", 0, true };
    size_t             i;

    static const char *const others[] = { "config", "layers" };

    for (i = 0; i < CR_NELTS(others); i++) {
        if (json_object_get(root, others[i]) != NULL) {
            return manifest_fail(cx, &manifest_top, others[i],
                                 "not allowed in an index: a document is a "
                                 "manifest or an index, not both");
        }
    }

    CR_TRY(manifest_refs_room(cx, m, children, "manifests"));

    for (at.index = 0; at.index < json_array_size(children); at.index++) {
        ref = &m->refs[m->nrefs];
        CR_TRY(manifest_descriptor(cx, &at, json_array_get(children, at.index),
                                   ref));

        /* Build caches list layers in an index: such an item is a blob. */
        ref->kind = cr_media_type_kind(ref->media_type) == CR_MANIFEST_NONE
                        ? CR_REF_LAYER
                        : CR_REF_CHILD;
        m->nrefs++;
    }

    return CR_OK;
}


/* --- media type and kind ----------------------------------------------- */

static bool
manifest_is_docker(cr_str_t media_type)
{
    return cr_str_eq_z(media_type, CR_MT_DOCKER_MANIFEST)
           || cr_str_eq_z(media_type, CR_MT_DOCKER_LIST);
}


/* fsLayers or schemaVersion 1, whatever the headers say. */
static cr_err_t
manifest_version(cr_ctx_t *cx, const json_t *root)
{
    const json_t *value = json_object_get(root, "schemaVersion");

    if (json_object_get(root, "fsLayers") != NULL
        || (json_is_integer(value) && json_integer_value(value) == 1))
    {
        return cr_fail(cx, CR_ERR_MANIFEST_INVALID, MT_SCHEMA1_TEXT);
    }
    if (!json_is_integer(value) || json_integer_value(value) != 2) {
        return manifest_fail(cx, &manifest_top, "schemaVersion", "must be 2");
    }

    return CR_OK;
}


/* A type that names no manifest: say which ones do. */
static cr_err_t
manifest_unknown_type(cr_ctx_t *cx, const char *z_where)
{
    return cr_fail(cx, CR_ERR_MANIFEST_INVALID,
                   "%s: not a manifest type of this registry, which are "
                   "%s, %s, %s, %s",
                   z_where, CR_MT_OCI_MANIFEST, CR_MT_OCI_INDEX,
                   CR_MT_DOCKER_MANIFEST, CR_MT_DOCKER_LIST);
}


/* Content-Type, then mediaType, then the shape: what is this? */
static cr_err_t
manifest_kind(cr_ctx_t *cx, const json_t *root, cr_str_t content_type,
              cr_manifest_t *m)
{
    cr_str_t type, said = cr_media_type_bare(content_type);
    bool     image, index;

    CR_TRY(manifest_str(cx, &manifest_top, root, "mediaType", &type));

    if (cr_media_type_kind(said) == CR_MANIFEST_SCHEMA1
        || cr_media_type_kind(type) == CR_MANIFEST_SCHEMA1)
    {
        return cr_fail(cx, CR_ERR_MANIFEST_INVALID, MT_SCHEMA1_TEXT);
    }
    if (said.len != 0 && cr_media_type_kind(said) == CR_MANIFEST_NONE) {
        return manifest_unknown_type(cx, "Content-Type");
    }
    if (type.data != NULL && cr_media_type_kind(type) == CR_MANIFEST_NONE) {
        return manifest_unknown_type(cx, "mediaType");
    }
    if (said.len != 0 && type.len != 0 && !cr_str_eq(said, type)) {
        return manifest_fail(cx, &manifest_top, "mediaType",
                             "differs from the Content-Type of the request");
    }
    if (type.len == 0 && manifest_is_docker(said)) {
        return manifest_fail(cx, &manifest_top, "mediaType",
                             "is required in Docker manifests");
    }

    m->media_type = type.len != 0 ? type : said;
    if (m->media_type.len == 0) {
        image = json_object_get(root, "config") != NULL
                || json_object_get(root, "layers") != NULL;
        index = json_object_get(root, "manifests") != NULL;
        if (image == index) {
            return manifest_fail(cx, &manifest_top, "mediaType",
                                 "is required: the members do not say "
                                 "whether this is a manifest or an index");
        }
        m->media_type =
            image ? CR_STR(CR_MT_OCI_MANIFEST) : CR_STR(CR_MT_OCI_INDEX);
    }

    m->kind = cr_media_type_kind(m->media_type);
    m->media_type = cr_dup(cx, m->media_type);

    return m->media_type.data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}


/* --- the parser -------------------------------------------------------- */

static int
manifest_dump(const char *data, size_t len, void *arg)
{
    cr_buf_t *b = arg;

    cr_buf_add(b, data, len);
    return b->err == CR_OK ? 0 : -1;
}


static cr_err_t
manifest_about(cr_ctx_t *cx, const json_t *root, cr_manifest_t *m)
{
    cr_buf_t          buf;
    cr_manifest_ref_t subject;
    json_t           *annotations;
    const json_t     *value = json_object_get(root, "subject");

    const manifest_place_t at_subject = { "subject", 0, false };

    CR_TRY(manifest_media_type(cx, &manifest_top, root, "artifactType",
                               &m->artifact_type));
    if (m->artifact_type.len == 0) {
        m->artifact_type = m->config_media_type;
    }

    if (value != NULL && !json_is_null(value)) {
        CR_TRY(manifest_descriptor(cx, &at_subject, value, &subject));
        m->subject = subject.digest;
        m->has_subject = true;
    }

    CR_TRY(manifest_annotations(cx, &manifest_top, root, &annotations));
    if (annotations == NULL || json_object_size(annotations) == 0) {
        return CR_OK;
    }

    cr_buf_init(&buf, cx, CR_MANIFEST_SIZE_MAX);
    if (json_dump_callback(annotations, manifest_dump, &buf,
                           JSON_COMPACT | JSON_PRESERVE_ORDER)
            != 0
        && buf.err == CR_OK)
    {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    return cr_buf_end(&buf, &m->annotations);
}


cr_err_t
cr_manifest_parse(cr_ctx_t *cx, cr_str_t body, cr_str_t content_type,
                  cr_manifest_t *ret_m)
{
    json_t       *root;
    cr_manifest_t m;

    memset(&m, 0, sizeof(m));

    if (body.len > CR_MANIFEST_SIZE_MAX) {
        return cr_fail(cx, CR_ERR_MANIFEST_TOO_LARGE,
                       "manifest has %zu bytes, at most %d are accepted",
                       body.len, CR_MANIFEST_SIZE_MAX);
    }

    CR_TRY(cr_json_parse(cx, body, CR_MANIFEST_SIZE_MAX,
                         CR_ERR_MANIFEST_INVALID, &root));
    if (!json_is_object(root)) {
        return cr_fail(cx, CR_ERR_MANIFEST_INVALID,
                       "a manifest must be a JSON object");
    }

    CR_TRY(manifest_check_keys(cx, &manifest_top, root, manifest_keys));
    CR_TRY(manifest_version(cx, root));
    CR_TRY(manifest_kind(cx, root, content_type, &m));

    if (m.kind == CR_MANIFEST_IMAGE) {
        CR_TRY(manifest_image(cx, root, &m));
    } else {
        CR_TRY(manifest_index(cx, root, &m));
    }

    CR_TRY(manifest_about(cx, root, &m));
    *ret_m = m;

    return CR_OK;
}
