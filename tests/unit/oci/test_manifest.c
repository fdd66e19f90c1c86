/*
 * Manifests: what each kind must be, and every way of being two things to two
 * readers.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/buf.h"
#include "oci/manifest.h"

/* clang-format off */
#define HEX_A                                                                  \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B                                                                  \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIGEST_A  "sha256:" HEX_A
#define DIGEST_B  "sha256:" HEX_B

#define MT_CONFIG "application/vnd.oci.image.config.v1+json"
#define MT_LAYER  "application/vnd.oci.image.layer.v1.tar+gzip"
#define MT_FOREIGN                                                             \
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
#define MT_SCHEMA1 "application/vnd.docker.distribution.manifest.v1+prettyjws"

#define DESC_OF(mt, digest, size)                                              \
    "{\"mediaType\":\"" mt "\",\"digest\":\"" digest "\",\"size\":" size "}"
#define CONFIG       DESC_OF(MT_CONFIG, DIGEST_A, "7")
#define LAYER        DESC_OF(MT_LAYER, DIGEST_B, "8")
#define CHILD        DESC_OF(CR_MT_OCI_MANIFEST, DIGEST_A, "9")
#define V2           "\"schemaVersion\":2"
#define TYPE(mt)     ",\"mediaType\":\"" mt "\""

/* An image with this behind schemaVersion; an index likewise. */
#define IMAGE(more)                                                            \
    "{" V2 more ",\"config\":" CONFIG ",\"layers\":[" LAYER "]}"
#define INDEX(more)  "{" V2 more ",\"manifests\":[" CHILD "]}"
/* An image whose layers are this text. */
#define LAYERS(text) "{" V2 ",\"config\":" CONFIG ",\"layers\":" text "}"
#define HELM_CHART                                                             \
    "{" V2 ",\"config\":"                                                      \
    DESC_OF("application/vnd.cncf.helm.config.v1+json", DIGEST_A, "1")         \
    ",\"layers\":["                                                            \
    DESC_OF("application/vnd.cncf.helm.chart.content.v1.tar+gzip", DIGEST_B,   \
            "2")                                                               \
    "]}"
/* clang-format on */


static int
setup(void **state)
{
    static cr_ctx_t cx;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    *state = &cx;

    return 0;
}


static int
teardown(void **state)
{
    cr_ctx_done(*state);

    return 0;
}


static void
parse_ok(cr_ctx_t *cx, const char *z_body, const char *z_type,
         cr_manifest_t *ret_m)
{
    cr_err_t err =
        cr_manifest_parse(cx, cr_str_z(z_body), cr_str_z(z_type), ret_m);

    if (err != CR_OK) {
        print_message("%s\n%.*s\n", z_body, CR_STR_ARG(cx->message));
    }
    assert_int_equal(err, CR_OK);
}


/* Refused as MANIFEST_INVALID with a text that holds z_text. */
static void
parse_fails(cr_ctx_t *cx, cr_str_t body, const char *z_type, const char *z_text)
{
    cr_manifest_t m = { .nrefs = 99 };
    cr_err_t      err = cr_manifest_parse(cx, body, cr_str_z(z_type), &m);

    if (err != CR_ERR_MANIFEST_INVALID || cx->message.data == NULL
        || strstr(cx->message.data, z_text) == NULL)
    {
        print_message("%.*s\nerror %d: %.*s\nwanted: %s\n", CR_STR_ARG(body),
                      err, CR_STR_ARG(cx->message), z_text);
    }
    assert_int_equal(err, CR_ERR_MANIFEST_INVALID);
    assert_non_null(cx->message.data);
    assert_non_null(strstr(cx->message.data, z_text));
    assert_int_equal(m.nrefs, 99);
}


/* --- what is taken ----------------------------------------------------- */

static void
oci_image(void **state)
{
    cr_manifest_t m;

    parse_ok(*state, IMAGE(TYPE(CR_MT_OCI_MANIFEST)), CR_MT_OCI_MANIFEST, &m);
    assert_int_equal(m.kind, CR_MANIFEST_IMAGE);
    assert_true(cr_str_eq_z(m.media_type, CR_MT_OCI_MANIFEST));
    assert_true(cr_str_eq_z(m.config_media_type, MT_CONFIG));
    assert_true(cr_str_eq_z(m.artifact_type, MT_CONFIG));
    assert_false(m.has_subject);
    assert_int_equal(m.annotations.len, 0);
    assert_int_equal(m.nrefs, 2);
    assert_int_equal(m.refs[0].kind, CR_REF_CONFIG);
    assert_string_equal(m.refs[0].digest.text, DIGEST_A);
    assert_int_equal(m.refs[0].size, 7);
    assert_int_equal(m.refs[1].kind, CR_REF_LAYER);
    assert_string_equal(m.refs[1].digest.text, DIGEST_B);
    assert_int_equal(m.refs[1].size, 8);
    assert_true(cr_str_eq_z(m.refs[1].media_type, MT_LAYER));
    assert_false(m.refs[1].foreign);
}


static void
oci_index(void **state)
{
    cr_manifest_t m;

    parse_ok(*state, INDEX(TYPE(CR_MT_OCI_INDEX)), CR_MT_OCI_INDEX, &m);
    assert_int_equal(m.kind, CR_MANIFEST_INDEX);
    assert_int_equal(m.nrefs, 1);
    assert_int_equal(m.refs[0].kind, CR_REF_CHILD);
    assert_int_equal(m.refs[0].size, 9);
    assert_int_equal(m.artifact_type.len, 0);
    assert_int_equal(m.config_media_type.len, 0);
}


static void
docker_kinds(void **state)
{
    cr_manifest_t m;

    parse_ok(*state, IMAGE(TYPE(CR_MT_DOCKER_MANIFEST)), CR_MT_DOCKER_MANIFEST,
             &m);
    assert_int_equal(m.kind, CR_MANIFEST_IMAGE);
    assert_true(cr_str_eq_z(m.media_type, CR_MT_DOCKER_MANIFEST));
    parse_ok(*state, INDEX(TYPE(CR_MT_DOCKER_LIST)), CR_MT_DOCKER_LIST, &m);
    assert_int_equal(m.kind, CR_MANIFEST_INDEX);
    assert_true(cr_str_eq_z(m.media_type, CR_MT_DOCKER_LIST));
}


/* Content-Type, then mediaType, then the shape. */
static void
where_the_type_comes_from(void **state)
{
    cr_manifest_t m;

    parse_ok(*state, IMAGE(""), CR_MT_OCI_MANIFEST, &m);
    assert_true(cr_str_eq_z(m.media_type, CR_MT_OCI_MANIFEST));
    parse_ok(*state, IMAGE(""), CR_MT_OCI_MANIFEST "; charset=utf-8", &m);
    assert_true(cr_str_eq_z(m.media_type, CR_MT_OCI_MANIFEST));
    parse_ok(*state, IMAGE(TYPE(CR_MT_DOCKER_MANIFEST)), NULL, &m);
    assert_true(cr_str_eq_z(m.media_type, CR_MT_DOCKER_MANIFEST));
    parse_ok(*state, IMAGE(""), "", &m);
    assert_true(cr_str_eq_z(m.media_type, CR_MT_OCI_MANIFEST));
    parse_ok(*state, INDEX(""), "", &m);
    assert_true(cr_str_eq_z(m.media_type, CR_MT_OCI_INDEX));
}


static void
empty_lists(void **state)
{
    cr_manifest_t m;

    parse_ok(*state, LAYERS("[]"), "", &m);
    assert_int_equal(m.nrefs, 1);
    parse_ok(*state, LAYERS("null"), "", &m);
    assert_int_equal(m.nrefs, 1);
    parse_ok(*state, "{" V2 ",\"manifests\":[]}", "", &m);
    assert_int_equal(m.nrefs, 0);
    assert_int_equal(m.kind, CR_MANIFEST_INDEX);
}


static void
artifacts(void **state)
{
    cr_ctx_t     *cx = *state;
    cr_manifest_t m;

    /* helm: any config type. */
    parse_ok(cx, HELM_CHART, CR_MT_OCI_MANIFEST, &m);
    assert_true(cr_str_eq_z(m.artifact_type,
                            "application/vnd.cncf.helm.config.v1+json"));

    /* cosign, oras: empty config with inline data, subject, annotations. */
    parse_ok(cx,
             "{" V2 ",\"artifactType\":\"application/x.sbom\",\"config\":{"
             "\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":"
             "\"" DIGEST_A "\",\"size\":2,\"data\":\"e30=\"},\"layers\":[" LAYER
             "],\"subject\":" DESC_OF(
                 CR_MT_OCI_MANIFEST, DIGEST_B,
                 "5") ",\"annotations\":{\"b\":\"2\",\"a\":\"\\u0001\\\"x\"}}",
             CR_MT_OCI_MANIFEST, &m);
    assert_true(cr_str_eq_z(m.artifact_type, "application/x.sbom"));
    assert_true(
        cr_str_eq_z(m.config_media_type, "application/vnd.oci.empty.v1+json"));
    assert_true(m.has_subject);
    assert_string_equal(m.subject.text, DIGEST_B);
    assert_true(
        cr_str_eq_z(m.annotations, "{\"b\":\"2\",\"a\":\"\\u0001\\\"x\"}"));
    /* The subject is no part of the content. */
    assert_int_equal(m.nrefs, 2);

    /* An index may have all of that too. */
    parse_ok(cx,
             INDEX(",\"artifactType\":\"a/b\",\"subject\":" CHILD
                   ",\"annotations\":{}"),
             CR_MT_OCI_INDEX, &m);
    assert_true(cr_str_eq_z(m.artifact_type, "a/b"));
    assert_true(m.has_subject);
    assert_int_equal(m.annotations.len, 0);

    /* Go writes what is not there as null or "". */
    parse_ok(cx,
             IMAGE(",\"artifactType\":\"\",\"subject\":null,"
                   "\"annotations\":null"),
             "", &m);
    assert_true(cr_str_eq_z(m.artifact_type, MT_CONFIG));
    assert_false(m.has_subject);
}


static void
foreign_layers(void **state)
{
    cr_manifest_t m;

    parse_ok(*state,
             LAYERS("[{\"mediaType\":\"" MT_FOREIGN "\",\"digest\":\"" DIGEST_B
                    "\",\"size\":1,\"urls\":[\"https://example.com/x\"]}]"),
             "", &m);
    assert_true(m.refs[1].foreign);

    /* Only layers may be missing. */
    parse_ok(*state,
             "{" V2 ",\"config\":" DESC_OF(MT_FOREIGN, DIGEST_A,
                                           "1") ",\"layers\":[]}",
             "", &m);
    assert_false(m.refs[0].foreign);
}


static void
children_of_an_index(void **state)
{
    cr_manifest_t m;

    /* A build cache lists its layers in an index: they are blobs. */
    parse_ok(*state,
             "{" V2 ",\"manifests\":[" CHILD "," DESC_OF(
                 CR_MT_OCI_INDEX, DIGEST_B,
                 "1") "," LAYER ","
                      "{\"mediaType\":\"" CR_MT_DOCKER_MANIFEST
                      "\",\"digest\":\"" DIGEST_B
                      "\",\"size\":3,\"platform\":{\"architecture\":\"amd64\""
                      ",\"os\":\"linux\"}}]}",
             CR_MT_OCI_INDEX, &m);
    assert_int_equal(m.nrefs, 4);
    assert_int_equal(m.refs[0].kind, CR_REF_CHILD);
    assert_int_equal(m.refs[1].kind, CR_REF_CHILD);
    assert_int_equal(m.refs[2].kind, CR_REF_LAYER);
    assert_int_equal(m.refs[3].kind, CR_REF_CHILD);
}


static void
sizes(void **state)
{
    cr_manifest_t m;

    parse_ok(*state,
             LAYERS("[" DESC_OF(MT_LAYER, DIGEST_B,
                                "9007199254740992") "," DESC_OF(MT_LAYER,
                                                                DIGEST_B,
                                                                "0") "]"),
             "", &m);
    assert_true(m.refs[1].size == UINT64_C(1) << 53);
    assert_int_equal(m.refs[2].size, 0);
}


static void
sha512_descriptors(void **state)
{
    cr_manifest_t m;

    parse_ok(*state,
             LAYERS("[" DESC_OF(MT_LAYER, "sha512:" HEX_A HEX_B, "1") "]"), "",
             &m);
    assert_int_equal(m.refs[1].digest.alg, CR_HASH_SHA512);
}


/* Members nobody knows are nobody's business. */
static void
unknown_members(void **state)
{
    cr_manifest_t m;

    parse_ok(*state,
             IMAGE(",\"x\":[1,2.5,{\"Layers\":true}],\"platform\":7,"
                   "\"laye\":1,\"layerss\":2,\"\":3"),
             "", &m);
    assert_int_equal(m.nrefs, 2);
}


/* --- what is refused --------------------------------------------------- */

typedef struct refused_s {
    const char *z_body;
    const char *z_type;
    const char *z_text;
} refused_t;

#define KEY_DESC(key)                                                          \
    LAYERS("[{\"mediaType\":\"" MT_LAYER "\",\"digest\":\"" DIGEST_B           \
           "\",\"size\":1," key "}]")

/* clang-format off */
static const refused_t refused[] = {
    /* not JSON, or not only JSON */
    { "", "", "" },
    { " ", "", "" },
    { "x", "", "" },
    { "{", "", "" },
    { IMAGE("") "x", "", "" },
    { IMAGE("") "{}", "", "" },
    { "\xef\xbb\xbf" IMAGE(""), "", "" },
    { IMAGE(",\"x\":\"\xff\""), "", "" },
    { IMAGE(",\"x\":\"\\ud800\""), "", "" },
    { IMAGE(",\"x\":\"\\u0000\""), "", "" },
    { IMAGE(",\"x\":1,\"x\":2"), "", "dup" },
    { IMAGE(",\"layers\":[]"), "", "dup" },
    { KEY_DESC("\"size\":2"), "", "dup" },
    { KEY_DESC("\"digest\":\"" DIGEST_A "\""), "", "dup" },
    { IMAGE(",\"x\":99999999999999999999999"), "", "" },
    { "[]", "", "object" },
    { "[" IMAGE("") "]", "", "object" },
    { "\"x\"", "", "" },
    { "null", "", "" },

    /* other spellings, as Go's reader takes them */
    { IMAGE(",\"MediaType\":\"" CR_MT_OCI_INDEX "\""), "", "mediaType" },
    { IMAGE(",\"Layers\":[]"), "", "layers" },
    { IMAGE(",\"LAYERS\":[]"), "", "layers" },
    { IMAGE(",\"layer\xc5\xbf\":[]"), "", "layers" },
    { IMAGE(",\"manife\xc5\xbft\xc5\xbf\":[]"), "", "manifests" },
    { IMAGE(",\"Manifests\":[]"), "", "manifests" },
    { IMAGE(",\"Config\":{}"), "", "config" },
    { IMAGE(",\"schemaversion\":1"), "", "schemaVersion" },
    { IMAGE(",\"Subject\":{}"), "", "subject" },
    { IMAGE(",\"Annotations\":{}"), "", "annotations" },
    { IMAGE(",\"artifacttype\":\"a/b\""), "", "artifactType" },
    { IMAGE(",\"fslayers\":[]"), "", "fsLayers" },
    { KEY_DESC("\"Digest\":\"x\""), "", "layers[0].digest" },
    { KEY_DESC("\"\xc5\xbfize\":5"), "", "layers[0].size" },
    { KEY_DESC("\"MEDIATYPE\":\"a/b\""), "", "layers[0].mediaType" },
    { KEY_DESC("\"URLs\":[]"), "", "layers[0].urls" },

    /* two things at once */
    { IMAGE(",\"manifests\":[]"), "", "mediaType" },
    { IMAGE(",\"manifests\":[" CHILD "]"), CR_MT_OCI_MANIFEST, "manifests" },
    { IMAGE(",\"manifests\":null"), CR_MT_OCI_MANIFEST, "manifests" },
    { IMAGE(",\"manifests\":[" CHILD "]"), CR_MT_OCI_INDEX, "config" },
    { INDEX(",\"layers\":null"), CR_MT_OCI_INDEX, "layers" },
    { INDEX(",\"config\":" CONFIG), CR_MT_OCI_INDEX, "config" },
    { IMAGE(""), CR_MT_OCI_INDEX, "config" },
    { INDEX(""), CR_MT_OCI_MANIFEST, "manifests" },
    { IMAGE(TYPE(CR_MT_OCI_MANIFEST)), CR_MT_OCI_INDEX, "mediaType" },
    { IMAGE(TYPE(CR_MT_OCI_MANIFEST)), CR_MT_DOCKER_MANIFEST, "mediaType" },
    { INDEX(TYPE(CR_MT_DOCKER_LIST)), CR_MT_OCI_INDEX, "mediaType" },
    { IMAGE(TYPE(CR_MT_OCI_INDEX)), "", "config" },

    /* the type */
    { IMAGE(""), CR_MT_DOCKER_MANIFEST, "mediaType" },
    { INDEX(""), CR_MT_DOCKER_LIST, "mediaType" },
    { IMAGE(""), "application/json", "Content-Type" },
    { IMAGE(""), "text/html", "Content-Type" },
    { IMAGE(""), "application/x-www-form-urlencoded", "Content-Type" },
    { IMAGE(""), "Application/vnd.oci.image.manifest.v1+json",
      "Content-Type" },
    { IMAGE(""), "application/vnd.oci.artifact.manifest.v1+json",
      "Content-Type" },
    { IMAGE(TYPE("text/html")), "", "mediaType" },
    { IMAGE(TYPE("")), "", "mediaType" },
    { IMAGE(TYPE("text/html")), CR_MT_OCI_MANIFEST, "mediaType" },
    { IMAGE(",\"mediaType\":1"), "", "mediaType" },
    { IMAGE(",\"mediaType\":[]"), CR_MT_OCI_MANIFEST, "mediaType" },
    { "{" V2 "}", "", "mediaType" },

    /* schema 1 */
    { "{\"schemaVersion\":1,\"fsLayers\":[],\"signatures\":[]}", MT_SCHEMA1,
      "schema 1 is not supported" },
    { "{\"schemaVersion\":1}", "application/json", "schema 1" },
    { "{\"schemaVersion\":1}", "", "push again" },
    { IMAGE(",\"fsLayers\":[]"), "", "schema 1" },
    { IMAGE(""), MT_SCHEMA1, "schema 1" },
    { IMAGE(TYPE("application/vnd.docker.distribution.manifest.v1+json")),
      "", "schema 1" },

    /* required members */
    { "{}", CR_MT_OCI_MANIFEST, "schemaVersion" },
    { "{\"schemaVersion\":\"2\"}", "", "schemaVersion" },
    { "{\"schemaVersion\":2.0}", "", "schemaVersion" },
    { "{\"schemaVersion\":3}", "", "schemaVersion" },
    { "{" V2 "}", CR_MT_OCI_MANIFEST, "layers" },
    { "{" V2 "}", CR_MT_OCI_INDEX, "manifests" },
    { "{" V2 ",\"layers\":[]}", CR_MT_OCI_MANIFEST, "config" },
    { "{" V2 ",\"config\":null,\"layers\":[]}", "", "config" },
    { "{" V2 ",\"config\":[],\"layers\":[]}", "", "config" },
    { "{" V2 ",\"config\":" CONFIG "}", "", "layers" },
    { LAYERS("{}"), "", "layers" },
    { LAYERS("\"x\""), "", "layers" },
    { LAYERS("[null]"), "", "layers[0]" },
    { LAYERS("[" LAYER ",[]]"), "", "layers[1]" },
    { "{" V2 ",\"manifests\":{}}", "", "manifests" },
    { "{" V2 ",\"manifests\":[1]}", "", "manifests[0]" },

    /* descriptors */
    { LAYERS("[{}]"), "", "layers[0].mediaType" },
    { LAYERS("[" DESC_OF("", DIGEST_A, "1") "]"), "", "layers[0].mediaType" },
    { LAYERS("[" DESC_OF("x", DIGEST_A, "1") "]"), "", "layers[0].mediaType" },
    { LAYERS("[" DESC_OF("a/b\\r\\nX: y", DIGEST_A, "1") "]"), "",
      "layers[0].mediaType" },
    { LAYERS("[{\"mediaType\":\"a/b\",\"size\":1}]"), "", "layers[0].digest" },
    { LAYERS("[{\"mediaType\":\"a/b\",\"size\":1,\"digest\":7}]"), "",
      "layers[0].digest" },
    { LAYERS("[" DESC_OF("a/b", "", "1") "]"), "", "layers[0].digest" },
    { LAYERS("[" DESC_OF("a/b", "sha256:../../x", "1") "]"), "",
      "layers[0].digest" },
    { LAYERS("[" DESC_OF("a/b", "md5:abc", "1") "]"), "", "not supported" },
    { LAYERS("[{\"mediaType\":\"a/b\",\"digest\":\"" DIGEST_A "\"}]"), "",
      "layers[0].size" },
    { LAYERS("[" DESC_OF("a/b", DIGEST_A, "-1") "]"), "", "layers[0].size" },
    { LAYERS("[" DESC_OF("a/b", DIGEST_A, "1.0") "]"), "", "layers[0].size" },
    { LAYERS("[" DESC_OF("a/b", DIGEST_A, "1e3") "]"), "", "layers[0].size" },
    { LAYERS("[" DESC_OF("a/b", DIGEST_A, "\"1\"") "]"), "",
      "layers[0].size" },
    { LAYERS("[" DESC_OF("a/b", DIGEST_A, "null") "]"), "",
      "layers[0].size" },
    { LAYERS("[" DESC_OF("a/b", DIGEST_A, "9007199254740993") "]"), "",
      "layers[0].size" },
    { LAYERS("[" DESC_OF("a/b", DIGEST_A, "9223372036854775807") "]"), "",
      "layers[0].size" },
    { LAYERS("[" DESC_OF("a/b", DIGEST_A, "18446744073709551616") "]"), "",
      "" },
    { LAYERS("[" DESC_OF("a/b", DIGEST_A, "1e999") "]"), "", "" },
    { KEY_DESC("\"urls\":{}"), "", "layers[0].urls" },
    { KEY_DESC("\"urls\":[1]"), "", "layers[0].urls" },
    { KEY_DESC("\"annotations\":[]"), "", "layers[0].annotations" },
    { KEY_DESC("\"annotations\":{\"a\":1}"), "", "layers[0].annotations" },
    { KEY_DESC("\"artifactType\":\"x\""), "", "layers[0].artifactType" },
    { KEY_DESC("\"platform\":\"x\""), "", "layers[0].platform" },

    /* about the whole */
    { IMAGE(",\"artifactType\":\"no type\""), "", "artifactType" },
    { IMAGE(",\"artifactType\":{}"), "", "artifactType" },
    { IMAGE(",\"subject\":{}"), "", "subject.mediaType" },
    { IMAGE(",\"subject\":\"" DIGEST_A "\""), "", "subject" },
    { IMAGE(",\"subject\":" DESC_OF("a/b", "sha256:x", "1")), "",
      "subject.digest" },
    { INDEX(",\"subject\":" DESC_OF("a/b", DIGEST_A, "-1")), "",
      "subject.size" },
    { IMAGE(",\"annotations\":[]"), "", "annotations" },
    { IMAGE(",\"annotations\":{\"a\":null}"), "", "annotations" },
    { IMAGE(",\"annotations\":{\"a\":{\"b\":\"c\"}}"), "", "annotations" },
};
/* clang-format on */


static void
refusals(void **state)
{
    size_t i;

    for (i = 0; i < CR_NELTS(refused); i++) {
        parse_fails(*state, cr_str_z(refused[i].z_body), refused[i].z_type,
                    refused[i].z_text);
    }
}


static void
nul_bytes(void **state)
{
    static const char inside[] = IMAGE(",\"x\":\"a\0b\"");
    static const char behind[] = IMAGE("") "\0";

    parse_fails(*state, CR_STR(inside), "", "");
    parse_fails(*state, CR_STR(behind), "", "");
    parse_fails(*state, CR_STR_NULL, "", "");
}


/* --- bounds ------------------------------------------------------------ */

static cr_str_t
repeated(cr_ctx_t *cx, const char *z_before, const char *z_item, size_t n,
         const char *z_after)
{
    cr_buf_t b;
    cr_str_t s;
    size_t   i;

    cr_buf_init(&b, cx, 64 * 1024 * 1024);
    cr_buf_z(&b, z_before);
    for (i = 0; i < n; i++) {
        cr_buf_z(&b, z_item);
    }
    cr_buf_z(&b, z_after);
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);

    return s;
}


static void
depth(void **state)
{
    parse_fails(*state, repeated(*state, "", "[", 100000, ""), "", "deep");
    parse_fails(*state, repeated(*state, "{\"x\":", "{\"x\":", 100000, "1"), "",
                "deep");
}


static void
too_large(void **state)
{
    cr_ctx_t     *cx = *state;
    cr_manifest_t m;
    cr_str_t      body;

    /* Blanks count; the limit itself is allowed. */
    body = repeated(cx, IMAGE(""), " ",
                    CR_MANIFEST_SIZE_MAX - (sizeof(IMAGE("")) - 1), "");
    assert_int_equal(body.len, CR_MANIFEST_SIZE_MAX);
    assert_int_equal(cr_manifest_parse(cx, body, CR_STR_NULL, &m), CR_OK);

    body = repeated(cx, IMAGE(""), " ",
                    CR_MANIFEST_SIZE_MAX - (sizeof(IMAGE("")) - 1), " ");
    assert_int_equal(cr_manifest_parse(cx, body, CR_STR_NULL, &m),
                     CR_ERR_MANIFEST_TOO_LARGE);
    assert_int_equal(cr_err_info(cx->err)->status, 413);
}


static void
many_layers(void **state)
{
    cr_ctx_t     *cx = *state;
    cr_manifest_t m;
    cr_str_t      body;

    static const char before[] = "{" V2 ",\"config\":" CONFIG ",\"layers\":[";
    static const char index[] = "{" V2 ",\"manifests\":[";

    body =
        repeated(cx, before, LAYER ",", CR_MANIFEST_REFS_MAX - 2, LAYER "]}");
    assert_int_equal(cr_manifest_parse(cx, body, CR_STR_NULL, &m), CR_OK);
    assert_int_equal(m.nrefs, CR_MANIFEST_REFS_MAX);

    body =
        repeated(cx, before, LAYER ",", CR_MANIFEST_REFS_MAX - 1, LAYER "]}");
    parse_fails(cx, body, "", "10000");

    body = repeated(cx, index, CHILD ",", CR_MANIFEST_REFS_MAX, CHILD "]}");
    parse_fails(cx, body, "", "10001");
}


/* A context that runs out of memory says so, and nothing else. */
static void
out_of_memory(void **state)
{
    static const char body[] = IMAGE(",\"annotations\":{\"a\":\"b\"}");
    cr_ctx_t          cx;
    cr_manifest_t     m;
    size_t            limit;
    cr_err_t          err = CR_ERR_NO_MEMORY;
    unsigned          failed = 0;

    (void) state;
    for (limit = 64; limit < 65536 && err != CR_OK; limit += 64) {
        if (cr_ctx_init(&cx, limit) != CR_OK) {
            failed++;
            continue;
        }
        err = cr_manifest_parse(&cx, CR_STR(body), CR_STR_NULL, &m);
        if (err != CR_OK) {
            assert_int_equal(err, CR_ERR_NO_MEMORY);
            failed++;
        }
        cr_ctx_done(&cx);
    }
    assert_int_equal(err, CR_OK);
    assert_true(failed > 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oci_image),
        cmocka_unit_test(oci_index),
        cmocka_unit_test(docker_kinds),
        cmocka_unit_test(where_the_type_comes_from),
        cmocka_unit_test(empty_lists),
        cmocka_unit_test(artifacts),
        cmocka_unit_test(foreign_layers),
        cmocka_unit_test(children_of_an_index),
        cmocka_unit_test(sizes),
        cmocka_unit_test(sha512_descriptors),
        cmocka_unit_test(unknown_members),
        cmocka_unit_test(refusals),
        cmocka_unit_test(nul_bytes),
        cmocka_unit_test(depth),
        cmocka_unit_test(too_large),
        cmocka_unit_test(many_layers),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
