/* api/management/artifact_write.c: changes of artifacts. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"
#include "oci/media_type.h"

#define A  "/projects/pay/repositories/app/artifacts"
#define H8 "01234567"
#define D  "sha256:" H8 H8 H8 H8 H8 H8 H8 H8

static const char *v1, *other;
static int64_t     pay, own;

static int
setup(void **state)
{
    cr_drive_t *d;

    cr_api_setup(state);
    d = *state;
    pay = cr_api_project(d, "pay", 4);
    own = cr_api_project(d, "own", 0);
    v1 = cr_push_manifest(d, "pay/app", "v1", "1", NULL, NULL);
    other = cr_push_manifest(d, "pay/app", "v2", "2", NULL, NULL);

    return 0;
}

static const char *
push_index(cr_drive_t *d, const char *tag, const char *child)
{
    cr_reply_t r;
    cr_str_t   body, m;

    r = cr_get(d, cr_text(d, "/v2/pay/app/manifests/%s", child));
    m = (cr_str_t){ r.body.len, NULL };
    cr_reply_done(&r);
    body = cr_str_z(cr_text(d,
                            "{\"schemaVersion\":2,\"mediaType\":\"%s\","
                            "\"manifests\":[{\"mediaType\":\"%s\",\"size\":%d,"
                            "\"digest\":\"%s\"}]}",
                            CR_MT_OCI_INDEX, CR_MT_OCI_MANIFEST, (int) m.len,
                            child));
    cr_expect_done(cr_drive(d,
                            &(cr_call_t){
                                .method = "PUT",
                                .target =
                                    cr_text(d, "/v2/pay/app/manifests/%s", tag),
                                .type = CR_MT_OCI_INDEX,
                                .body = body }),
                   201, "");

    return cr_sha256(d, body);
}

static void
test_delete(void **state)
{
    static const char *const none[] = { "none", D, "sha256:12", "-bad",
                                        "sha512:00" };
    cr_drive_t              *d = *state;

    for (size_t i = 0; i < CR_NELTS(none); i++) {
        cr_api_refused(d, "DELETE", cr_text(d, A "/%s", none[i]), NULL, 404,
                       "NOT_FOUND", "");
    }

    cr_api_refused(d, "DELETE", "/projects/pay/repositories/no/artifacts/v1",
                   NULL, 404, "NOT_FOUND", "");

    /* what an index needs stays until the index goes */
    push_index(d, "all", v1);
    cr_api_refused(d, "DELETE", cr_text(d, A "/%s", v1), NULL, 412,
                   "VIOLATE_FOREIGN_KEY_CONSTRAINT", "");
    cr_api_done(d, "DELETE", A "/all", NULL, 200);
    cr_api_done(d, "DELETE", A "/v1", NULL, 200);
    cr_api_refused(d, "GET", cr_text(d, A "/%s", v1), NULL, 404, "NOT_FOUND",
                   "");
    cr_api_done(d, "DELETE", cr_text(d, A "/%s", other), NULL, 200);
    cr_api_refused(d, "GET", A, NULL, 404, "NOT_FOUND", "");

    d->conf.delete_enabled = false;
    cr_drive_restart(d);
    cr_api_refused(d, "DELETE", A "/v2", NULL, 405, "METHOD_NOT_ALLOWED", "");
    cr_api_refused(d, "DELETE", A "/v2/tags/v2", NULL, 405,
                   "METHOD_NOT_ALLOWED", "");
}

static void
test_tag_list(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *tags = cr_text(d, A "/%s/tags", v1);

    cr_push_manifest(d, "pay/app", "b", "1", NULL, NULL);
    cr_push_manifest(d, "pay/app", "a", "1", NULL, NULL);
    cr_api_shows(d, tags, "*.name", "[\"a\",\"b\",\"v1\"]");
    cr_api_shows(d, A "/b/tags", "*.name", "[\"a\",\"b\",\"v1\"]");
    cr_api_shows(d, cr_text(d, "%s?sort=-name", tags), "*.name",
                 "[\"v1\",\"b\",\"a\"]");
    cr_api_shows(d, cr_text(d, "%s?q=name=~1", tags), "*.name", "[\"v1\"]");
    cr_api_shows(d, cr_text(d, "%s?q=name=v", tags), "*.name", "[]");
    r = cr_api_call(d, "GET", cr_text(d, "%s?page_size=2&page=2", tags), NULL);
    assert_string_equal(cr_api_at(d, &r, "*.name"), "[\"v1\"]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "3");
    assert_string_equal(cr_api_keys(d, &r, "0"),
                        "artifact_id,id,immutable,name,pull_time,push_time,"
                        "repository_id");
    assert_string_equal(cr_api_at(d, &r, "0.pull_time"),
                        "\"0001-01-01T00:00:00.000Z\"");
    cr_reply_done(&r);
    cr_api_refused(d, "GET", A "/none/tags", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "GET", cr_text(d, "%s?q=name=[a~b]", tags), NULL, 400,
                   "BAD_REQUEST", "q: ");
    cr_api_refused(d, "GET", cr_text(d, "%s?page_size=x", tags), NULL, 422,
                   "UNPROCESSABLE_ENTITY", "page_size");
}

static void
test_tag_create(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"name\":null}",
        "{\"name\":\"\"}",
        "{\"name\":7}",
        "{\"name\":\"-a\"}",
        "{\"name\":\".a\"}",
        "{\"name\":\"a/b\"}",
        "{\"name\":\"a:b\"}",
        "{\"name\":\"a b\"}",
        "{\"name\":\"\xc3\xa4\"}",
        "[]",
        "",
    };
    char        text[130];
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "POST", A "/v1/tags", bad[i], 400, "BAD_REQUEST", "");
    }

    cr_api_refused(d, "POST", A "/v1/tags", "{\"name\":7}", 400, "BAD_REQUEST",
                   "name: string expected");
    cr_api_refused(d, "POST", A "/v1/tags", "{}", 400, "BAD_REQUEST",
                   "name: missing");
    memset(text, 'x', sizeof(text));
    cr_api_refused(d, "POST", A "/v1/tags",
                   cr_text(d, "{\"name\":\"%.129s\"}", text), 400,
                   "BAD_REQUEST", "");
    cr_api_done(d, "POST", A "/v1/tags",
                cr_text(d, "{\"name\":\"%.128s\"}", text), 201);
    cr_api_done(d, "POST", cr_text(d, A "/%s/tags", v1), "{\"name\":\"t\"}",
                201);
    cr_api_shows(d, A "/t", "digest", cr_text(d, "\"%s\"", v1));

    /* never moved by this, of the same artifact neither */
    cr_api_refused(d, "POST", A "/v1/tags", "{\"name\":\"t\"}", 409, "CONFLICT",
                   "");
    cr_api_refused(d, "POST", A "/v1/tags", "{\"name\":\"v2\"}", 409,
                   "CONFLICT", "");
    cr_api_refused(d, "POST", A "/none/tags", "{\"name\":\"u\"}", 404,
                   "NOT_FOUND", "");
    cr_api_shows(d, A "/v2", "digest", cr_text(d, "\"%s\"", other));
}

static void
test_tag_delete(void **state)
{
    cr_drive_t *d = *state;

    cr_api_refused(d, "DELETE", A "/v1/tags/v2", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "DELETE", A "/v1/tags/none", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "DELETE", A "/none/tags/v1", NULL, 404, "NOT_FOUND", "");
    cr_api_done(d, "DELETE", A "/v1/tags/v1", NULL, 200);
    cr_api_refused(d, "GET", A "/v1", NULL, 404, "NOT_FOUND", "");
    /* the artifact stays */
    cr_api_shows(d, cr_text(d, A "/%s", v1), "tags", "null");
    cr_api_done(d, "POST", cr_text(d, A "/%s/tags", v1), "{\"name\":\"v1\"}",
                201);
}

static void
test_accessories(void **state)
{
    static const struct {
        const char *type, *name;
    } rows[] = {
        { "application/vnd.dev.cosign.artifact.sig.v1+json",
          "signature.cosign" },
        { "application/vnd.dev.sigstore.bundle.v0.3+json", "signature.cosign" },
        { "application/vnd.cncf.notary.signature", "signature.notation" },
        { "application/vnd.goharbor.harbor.sbom.v1", "sbom.harbor" },
        { "application/x", "subject.accessory" },
    };
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_shows(d, A "/v1/accessories", "", "[]");

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_push_manifest(d, "pay/app", NULL, cr_text(d, "acc%d", (int) i), v1,
                         cr_text(d, ",\"artifactType\":\"%s\"", rows[i].type));
        cr_api_shows(d,
                     cr_text(d, A "/v1/accessories?page_size=1&page=%d",
                             (int) i + 1),
                     "0.type", cr_text(d, "\"%s\"", rows[i].name));
    }

    r = cr_api_call(d, "GET", A "/v1/accessories?page_size=2", NULL);
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "5");
    assert_string_equal(cr_api_keys(d, &r, "0"),
                        "artifact_id,creation_time,digest,id,size,"
                        "subject_artifact_digest,subject_artifact_id,"
                        "subject_artifact_repo,type");
    assert_string_equal(cr_api_at(d, &r, "0.subject_artifact_digest"),
                        cr_text(d, "\"%s\"", v1));
    assert_string_equal(cr_api_at(d, &r, "0.subject_artifact_repo"),
                        "\"pay/app\"");
    cr_reply_done(&r);
    cr_api_shows(d, A "/v2/accessories", "", "[]");
    cr_api_refused(d, "GET", A "/none/accessories", NULL, 404, "NOT_FOUND", "");
}

#define TO "/projects/own/repositories/copy/artifacts"

static void
test_copy(void **state)
{
    static const char *const bad[] = {
        "",
        "?from=",
        "?from=pay/app",
        "?from=pay:v1",
        "?from=:v1",
        "?from=@x",
        "?from=Pay/app:v1",
        "?from=pay/app:",
        "?from=pay/app:-x",
        "?from=pay/app@sha256:12",
        "?from=pay/app:v1&from=pay/app:v2",
        "?from=hub.example.com:5000/pay/app:v1",
    };
    cr_drive_t *d = *state;
    cr_reply_t  r;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "POST", cr_text(d, TO "%s", bad[i]), NULL, 400,
                       "BAD_REQUEST", "");
    }

    cr_api_refused(d, "POST", TO "?from=pay/app:none", NULL, 404, "NOT_FOUND",
                   "");
    cr_api_refused(d, "POST", TO "?from=pay/no:v1", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "POST", TO "?from=pay/app@" D, NULL, 404, "NOT_FOUND",
                   "");
    cr_api_refused(d, "POST",
                   "/projects/none/repositories/copy/artifacts"
                   "?from=pay/app:v1",
                   NULL, 404, "NOT_FOUND", "");

    r = cr_api_call(d, "POST", TO "?from=pay/app:v1", NULL);
    assert_int_equal(r.status, 201);
    assert_string_equal(cr_reply_header(d, &r, "Location"),
                        cr_text(d, "/api/v2.0" TO "/%s", v1));
    cr_reply_done(&r);
    cr_api_shows(d, TO "/v1", "digest", cr_text(d, "\"%s\"", v1));
    cr_expect_done(cr_get(d, "/v2/own/copy/manifests/v1"), 200, "");

    /* by digest: without the tag; what is there already is no fault */
    r = cr_api_call(d, "POST", cr_text(d, TO "?from=pay/app@%s", other), NULL);
    assert_int_equal(r.status, 201);
    cr_reply_done(&r);
    cr_api_shows(d, cr_text(d, TO "/%s", other), "tags", "null");
    cr_api_refused(d, "GET", TO "/v2", NULL, 404, "NOT_FOUND", "");
    r = cr_api_call(d, "POST", cr_text(d, TO "?from=pay/app@%s", other), NULL);
    assert_int_equal(r.status, 201);
    cr_reply_done(&r);
}

/* The right to write here is not the right to read there. */
static void
test_copy_rights(void **state)
{
    cr_drive_t *d = *state;

    cr_push_manifest(d, "own/secret", "v1", "s", NULL, NULL);
    cr_api_as(d, "alice");
    cr_api_refused(d, "POST", A "?from=own/secret:v1", NULL, 403, "FORBIDDEN",
                   "");
    cr_api_refused(d, "POST", A "?from=own/none:v1", NULL, 403, "FORBIDDEN",
                   "");
    cr_api_refused(d, "POST", A "?from=none/none:v1", NULL, 403, "FORBIDDEN",
                   "");
    cr_api_refused(d, "POST", TO "?from=pay/app:v1", NULL, 403, "FORBIDDEN",
                   "");
    cr_drive_sql(d, "UPDATE member SET role = 3 WHERE user_id = 2");
    cr_api_refused(d, "POST", A "?from=pay/app:v1", NULL, 403, "FORBIDDEN", "");
}

static void
test_labels(void **state)
{
    static const char *const bad[] = {
        "{}",           "{\"id\":0}",    "{\"id\":-1}", "{\"id\":\"1\"}",
        "{\"id\":1.0}", "{\"id\":null}", "[1]",         "",
    };
    cr_drive_t *d = *state;

    cr_api_done(d, "POST", "/labels", "{\"name\":\"g\",\"scope\":\"g\"}", 201);
    cr_api_done(d, "POST", "/labels",
                cr_text(d, "{\"name\":\"p\",\"scope\":\"p\",\"project_id\":%d}",
                        (int) pay),
                201);
    cr_api_done(d, "POST", "/labels",
                cr_text(d, "{\"name\":\"o\",\"scope\":\"p\",\"project_id\":%d}",
                        (int) own),
                201);

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "POST", A "/v1/labels", bad[i], 400, "BAD_REQUEST",
                       "");
    }

    cr_api_done(d, "POST", A "/v1/labels", "{\"id\":1,\"name\":\"x\"}", 200);
    cr_api_done(d, "POST", cr_text(d, A "/%s/labels", v1), "{\"id\":2}", 200);
    cr_api_refused(d, "POST", A "/v1/labels", "{\"id\":1}", 409, "CONFLICT",
                   "label g");
    /* one of another project does not exist here */
    cr_api_refused(d, "POST", A "/v1/labels", "{\"id\":3}", 404, "NOT_FOUND",
                   "label 3 not found");
    cr_api_refused(d, "POST", A "/v1/labels", "{\"id\":9}", 404, "NOT_FOUND",
                   "label 9 not found");
    cr_api_refused(d, "POST", A "/none/labels", "{\"id\":1}", 404, "NOT_FOUND",
                   "");
    cr_api_shows(d, A "/v1?with_label=true", "labels.*.name", "[\"g\",\"p\"]");

    cr_api_done(d, "DELETE", A "/v1/labels/1", NULL, 200);
    cr_api_refused(d, "DELETE", A "/v1/labels/1", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "DELETE", A "/v2/labels/2", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "DELETE", A "/none/labels/2", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "DELETE", A "/v1/labels/x", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "label_id");
    cr_api_shows(d, A "/v1?with_label=true", "labels.*.name", "[\"p\"]");
}

/* Each by the least role that may, and none below; strangers learn nothing. */
static void
test_rights(void **state)
{
    static const struct {
        const char *method, *path, *body;
        int         role; /* that may not: one less than needed */
    } rows[] = {
        { "DELETE", A "/v1", NULL, 2 },
        { "DELETE", A "/v1/tags/v1", NULL, 2 },
        { "POST", A "/v1/tags", "{\"name\":\"x\"}", 3 },
        { "POST", A "/v1/labels", "{\"id\":1}", 3 },
        { "DELETE", A "/v1/labels/1", NULL, 3 },
    };
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_drive_sql(d, cr_text(d,
                                "UPDATE member SET role = %d "
                                "WHERE user_id = 2",
                                rows[i].role));
        cr_api_as(d, "alice");
        cr_api_refused(d, rows[i].method, rows[i].path, rows[i].body, 403,
                       "FORBIDDEN", "");
        cr_api_as(d, "bob");
        cr_api_refused(d, rows[i].method, rows[i].path, rows[i].body, 403,
                       "FORBIDDEN", "");
        cr_api_as(d, NULL);
        cr_api_refused(d, rows[i].method, rows[i].path, rows[i].body, 401,
                       "UNAUTHORIZED", "");
    }

    cr_drive_sql(d, "UPDATE member SET role = 2 WHERE user_id = 2");
    cr_api_as(d, "alice");
    cr_api_done(d, "POST", A "/v1/tags", "{\"name\":\"x\"}", 201);
    cr_drive_sql(d, "UPDATE member SET role = 4 WHERE user_id = 2");
    cr_api_done(d, "DELETE", A "/v1/tags/x", NULL, 200);
    cr_api_done(d, "DELETE", A "/v1", NULL, 200);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_delete),      ROW(test_tag_list),    ROW(test_tag_create),
        ROW(test_tag_delete),  ROW(test_accessories), ROW(test_copy),
        ROW(test_copy_rights), ROW(test_labels),      ROW(test_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
