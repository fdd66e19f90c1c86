/*
 * api/distribution/manifest.c: GET, HEAD, PUT, DELETE of manifests.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"
#include "oci/media_type.h"

static int
setup(void **state)
{
    static cr_drive_t drive;

    cr_drive_open(&drive);
    drive.auth = cr_drive_basic(&drive, "admin", CR_DRIVE_ADMIN);
    *state = &drive;

    return 0;
}

static int
teardown(void **state)
{
    cr_drive_close(*state);

    return 0;
}

#define H16       "0123456789abcdef"
#define D64       H16 H16 H16 H16

#define MANIFESTS "/v2/library/app/manifests/"

static cr_reply_t
put(cr_drive_t *d, const char *reference, const char *type, cr_str_t body)
{
    return cr_drive(d, &(cr_call_t){
                           .method = "PUT",
                           .target = cr_text(d, MANIFESTS "%s", reference),
                           .type = type,
                           .body = body,
                       });
}

static void
test_put_get(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    cr_str_t    body = cr_make_manifest(d, "library/app", "a", NULL, NULL);
    const char *digest = cr_sha256(d, body);

    r = put(d, "v1", CR_MT_OCI_MANIFEST "; charset=utf-8", body);
    cr_expect(&r, 201, "");
    assert_string_equal(cr_reply_header(d, &r, "Location"),
                        cr_text(d, MANIFESTS "%s", digest));
    assert_string_equal(cr_reply_header(d, &r, "Docker-Content-Digest"),
                        digest);
    assert_null(cr_reply_header(d, &r, "OCI-Subject"));
    assert_null(cr_reply_header(d, &r, "OCI-Tag"));
    assert_int_equal(r.steps[CR_STEP_BODY], 1);
    cr_reply_done(&r);

    for (int by_digest = 0; by_digest < 2; by_digest++) {
        const char *target =
            cr_text(d, MANIFESTS "%s", by_digest ? digest : "v1");

        /* whatever is accepted: what was pushed is what is served */
        r = cr_drive(d, &(cr_call_t){ .target = target,
                                      .headers = "Accept: text/html" });
        cr_expect(&r, 200, "");
        assert_true(cr_str_eq(r.body, body));
        assert_true(
            cr_str_eq_z(r.x->response.content_type, CR_MT_OCI_MANIFEST));
        assert_true(
            cr_str_eq_z(r.x->response.etag, cr_text(d, "\"%s\"", digest)));
        assert_string_equal(cr_reply_header(d, &r, "Docker-Content-Digest"),
                            digest);
        assert_true(cr_str_eq_z(r.x->info.digest, digest));
        assert_int_equal(r.steps[CR_STEP_DB], 0);
        cr_reply_done(&r);

        r = cr_head(d, target);
        cr_expect(&r, 200, "");
        assert_int_equal(r.x->response.content_length, body.len);
        assert_string_equal(cr_reply_header(d, &r, "Docker-Content-Digest"),
                            digest);
        cr_reply_done(&r);
    }
}

static void
test_none_match(void **state)
{
    cr_drive_t *d = *state;
    const char *digest;

    digest = cr_push_manifest(d, "library/app", "v1", "a", NULL, NULL);

    const struct {
        const char *value;
        int         status;
    } values[] = {
        { cr_text(d, "\"%s\"", digest), 304 },
        { digest, 304 },
        { cr_text(d, "W/\"%s\"", digest), 304 },
        { cr_text(d, "\"x\", \"%s\"", digest), 304 },
        { "*", 304 },
        { "\"sha256:" D64 "\"", 200 },
        { "", 200 },
    };

    for (size_t i = 0; i < CR_NELTS(values); i++) {
        const char *header = cr_text(d, "If-None-Match: %s", values[i].value);

        for (int head = 0; head < 2; head++) {
            cr_expect_done(cr_drive(d,
                                    &(cr_call_t){
                                        .method = head ? "HEAD" : "GET",
                                        .target = MANIFESTS "v1",
                                        .headers = header,
                                    }),
                           values[i].status, "");
        }
    }
}

static void
test_by_digest(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    cr_str_t    body = cr_make_manifest(d, "library/app", "a", NULL, NULL);
    const char *sha512 = cr_sha512(d, body);

    cr_expect_done(put(d, "sha256:" D64, CR_MT_OCI_MANIFEST, body), 400,
                   "DIGEST_INVALID");
    cr_expect_done(put(d, cr_sha256(d, body), CR_MT_OCI_MANIFEST, body), 201,
                   "");

    r = put(d, sha512, CR_MT_OCI_MANIFEST, body);
    cr_expect(&r, 201, "");
    assert_string_equal(cr_reply_header(d, &r, "Docker-Content-Digest"),
                        sha512);
    cr_reply_done(&r);
    r = cr_get(d, cr_text(d, MANIFESTS "%s", sha512));
    cr_expect(&r, 200, "");
    assert_string_equal(cr_reply_header(d, &r, "Docker-Content-Digest"),
                        sha512);
    cr_reply_done(&r);
}

static void
test_tags(void **state)
{
    size_t      n = 0;
    cr_drive_t *d = *state;
    cr_reply_t  r;
    cr_str_t    body = cr_make_manifest(d, "library/app", "a", NULL, NULL);
    const char *digest = cr_sha256(d, body), *list;

    r = put(d, cr_text(d, "%s?tag=one&tag=two&tag=one", digest),
            CR_MT_OCI_MANIFEST, body);
    cr_expect(&r, 201, "");

    for (size_t i = 0; i < r.x->response.nheaders; i++) {
        n += cr_str_case_eq(r.x->response.headers[i].name, CR_STR("OCI-Tag"));
    }

    assert_int_equal(n, 2);
    cr_reply_done(&r);
    cr_expect_done(cr_get(d, MANIFESTS "one"), 200, "");
    cr_expect_done(cr_get(d, MANIFESTS "two"), 200, "");

    /* not with a tag, not a bad one, not too many: and then none of them */
    cr_expect_done(put(d, "three?tag=four", CR_MT_OCI_MANIFEST, body), 400,
                   "TAG_INVALID");
    cr_expect_done(put(d, cr_text(d, "%s?tag=five&tag=.x", digest),
                       CR_MT_OCI_MANIFEST, body),
                   400, "TAG_INVALID");
    list = digest;

    for (int i = 0; i < 65; i++) {
        list = cr_text(d, "%s%ctag=t%d", list, i == 0 ? '?' : '&', i);

        if (i == 63) {
            cr_expect_done(put(d, list, CR_MT_OCI_MANIFEST, body), 201, "");
        }
    }

    cr_expect_done(put(d, list, CR_MT_OCI_MANIFEST, body), 414, "NAME_INVALID");
    cr_expect_done(cr_get(d, MANIFESTS "three"), 404, "MANIFEST_UNKNOWN");
    cr_expect_done(cr_get(d, MANIFESTS "five"), 404, "MANIFEST_UNKNOWN");
    cr_expect_done(cr_get(d, MANIFESTS "t63"), 200, "");
    cr_expect_done(cr_get(d, MANIFESTS "t64"), 404, "MANIFEST_UNKNOWN");
}

static void
test_subject(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    cr_str_t    body;

    body = cr_make_manifest(d, "library/app", "a", "sha256:" D64, NULL);
    r = put(d, cr_sha256(d, body), CR_MT_OCI_MANIFEST, body);
    cr_expect(&r, 201, "");
    assert_string_equal(cr_reply_header(d, &r, "OCI-Subject"), "sha256:" D64);
    cr_reply_done(&r);
}

static void
test_refused(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    cr_str_t    body = cr_make_manifest(d, "library/app", "a", NULL, NULL);
    cr_str_t    missing = CR_STR(
           "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a/b\",\"digest\":"
              "\"sha256:" D64 "\",\"size\":2},\"layers\":[]}");

    cr_expect_done(put(d, "v1", CR_MT_OCI_MANIFEST, CR_STR("")), 400,
                   "MANIFEST_INVALID");
    cr_expect_done(put(d, "v1", CR_MT_OCI_MANIFEST, CR_STR("{}")), 400,
                   "MANIFEST_INVALID");
    cr_expect_done(put(d, "v1", CR_MT_OCI_INDEX, body), 400,
                   "MANIFEST_INVALID");
    cr_expect_done(put(d, "v1", "text/html", body), 400, "MANIFEST_INVALID");
    cr_expect_done(
        put(d, "v1",
            "application/vnd.docker.distribution.manifest.v1+prettyjws", body),
        400, "MANIFEST_INVALID");

    r = put(d, "v1", CR_MT_OCI_MANIFEST, missing);
    cr_expect(&r, 404, "MANIFEST_BLOB_UNKNOWN");
    assert_non_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(r.body)), D64));
    cr_reply_done(&r);

    /* in a project that does not exist: and none is made */
    cr_expect_done(cr_drive(d,
                            &(cr_call_t){
                                .method = "PUT",
                                .target = "/v2/fresh/app/manifests/v1",
                                .type = CR_MT_OCI_MANIFEST,
                                .body = missing,
                            }),
                   404, "NAME_UNKNOWN");
    cr_expect_done(cr_get(d, MANIFESTS "v1"), 404, "MANIFEST_UNKNOWN");
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM manifest"), 0);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM project"), 1);
}

static void
test_too_large(void **state)
{
    cr_drive_t *d = *state;
    cr_drive_t  small;
    cr_reply_t  r;
    cr_str_t    body;

    cr_drive_init(&small);
    small.conf.manifest_max = 600;
    cr_drive_start(&small);
    small.auth = d->auth;
    body = cr_make_manifest(&small, "library/app", "a", NULL,
                            cr_text(&small,
                                    ",\"annotations\":{\"a\":\"%0600d\"}", 0));

    /* a length that is told is refused before a byte of it is read */
    r = put(&small, "v1", CR_MT_OCI_MANIFEST, body);
    cr_expect(&r, 413, "MANIFEST_INVALID");
    assert_int_equal(r.steps[CR_STEP_BODY], 0);
    cr_reply_done(&r);

    r = cr_drive(&small, &(cr_call_t){ .method = "PUT",
                                       .target = MANIFESTS "v1",
                                       .type = CR_MT_OCI_MANIFEST,
                                       .body = body,
                                       .chunked = true });
    cr_expect(&r, 413, "MANIFEST_INVALID");
    assert_int_equal(r.steps[CR_STEP_BODY], 1);
    cr_reply_done(&r);

    cr_push_manifest(&small, "library/app", "v1", "b", NULL, NULL);
    cr_drive_close(&small);
}

static void
test_index(void **state)
{
    cr_drive_t *d = *state;
    cr_drive_t  sparse;
    cr_str_t    index =
        CR_STR("{\"schemaVersion\":2,\"mediaType\":\"" CR_MT_OCI_INDEX "\","
               "\"manifests\":[{\"mediaType\":\"" CR_MT_OCI_MANIFEST "\","
               "\"digest\":\"sha256:" D64 "\",\"size\":2}]}");

    cr_push_blob(d, "library/app", CR_STR("makes the repository"));
    cr_expect_done(put(d, "v1", CR_MT_OCI_INDEX, index), 404,
                   "MANIFEST_BLOB_UNKNOWN");

    cr_drive_init(&sparse);
    sparse.conf.sparse_index = true;
    cr_drive_start(&sparse);
    sparse.auth = d->auth;
    cr_expect_done(put(&sparse, "v1", CR_MT_OCI_INDEX, index), 201, "");
    cr_drive_close(&sparse);
}

static void
test_cut(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = cr_make_manifest(d, "library/app", "a", NULL, NULL);

    cr_expect_done(cr_drive(d,
                            &(cr_call_t){
                                .method = "PUT",
                                .target = MANIFESTS "v1",
                                .type = CR_MT_OCI_MANIFEST,
                                .body = body,
                                .cut = 5,
                            }),
                   0, "");
    cr_expect_done(cr_get(d, MANIFESTS "v1"), 404, "MANIFEST_UNKNOWN");
}

static void
test_delete(void **state)
{
    cr_drive_t *d = *state;
    const char *digest, *target;

    cr_expect_done(cr_send(d, "DELETE", MANIFESTS "v1", CR_STR_NULL), 404,
                   "NAME_UNKNOWN");
    digest = cr_push_manifest(d, "library/app", "v1", "a", NULL, NULL);
    cr_push_manifest(d, "library/app", "v2", "a", NULL, NULL);
    target = cr_text(d, MANIFESTS "%s", digest);

    /* a tag is only the tag */
    cr_expect_done(cr_send(d, "DELETE", MANIFESTS "v1", CR_STR_NULL), 202, "");
    cr_expect_done(cr_get(d, MANIFESTS "v1"), 404, "MANIFEST_UNKNOWN");
    cr_expect_done(cr_send(d, "DELETE", MANIFESTS "v1", CR_STR_NULL), 404,
                   "MANIFEST_UNKNOWN");
    cr_expect_done(cr_get(d, target), 200, "");

    /* a digest is all of it */
    cr_expect_done(cr_send(d, "DELETE", target, CR_STR_NULL), 202, "");
    cr_expect_done(cr_get(d, target), 404, "MANIFEST_UNKNOWN");
    cr_expect_done(cr_head(d, MANIFESTS "v2"), 404, "MANIFEST_UNKNOWN");
    cr_expect_done(cr_send(d, "DELETE", target, CR_STR_NULL), 404,
                   "MANIFEST_UNKNOWN");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none_match, setup, teardown),
        cmocka_unit_test_setup_teardown(test_by_digest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_subject, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
