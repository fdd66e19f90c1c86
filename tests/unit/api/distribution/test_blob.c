/*
 * api/distribution/blob.c: GET, HEAD, DELETE of blobs.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"
#include "meta/meta.h"

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

#define H16 "0123456789abcdef"
#define D64 H16 H16 H16 H16

static void
test_get(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *digest = cr_push_blob(d, "library/app", CR_STR("bytes"));
    const char *target = cr_text(d, "/v2/library/app/blobs/%s", digest);

    r = cr_get(d, target);
    cr_expect(&r, 200, "");
    assert_true(r.x->response.is_file);
    assert_int_equal(r.x->response.file_size, 5);
    assert_int_equal(r.x->response.file_path.data[0], '/');
    assert_true(cr_str_eq_z(r.body, "bytes"));
    assert_true(cr_str_eq_z(r.x->response.etag, cr_text(d, "\"%s\"", digest)));
    assert_true(
        cr_str_eq_z(r.x->response.content_type, "application/octet-stream"));
    assert_string_equal(cr_reply_header(d, &r, "Docker-Content-Digest"),
                        digest);
    assert_string_equal(cr_reply_header(d, &r, "X-Content-Type-Options"),
                        "nosniff");
    assert_string_equal(cr_reply_header(d, &r, "Cache-Control"),
                        "private, max-age=31536000, immutable");
    /* a pull never waits for a thread */
    assert_int_equal(r.steps[CR_STEP_DB] + r.steps[CR_STEP_BULK], 0);
    cr_reply_done(&r);

    r = cr_head(d, target);
    cr_expect(&r, 200, "");
    assert_false(r.x->response.is_file);
    assert_int_equal(r.x->response.content_length, 5);
    assert_string_equal(cr_reply_header(d, &r, "Docker-Content-Digest"),
                        digest);
    assert_string_equal(r.x->info.action, "head");
    cr_reply_done(&r);

    r = cr_drive(d, &(cr_call_t){ .method = "HEAD",
                                  .target = target,
                                  .headers = cr_text(d, "If-None-Match: \"%s\"",
                                                     digest) });
    cr_expect(&r, 304, "");
    cr_reply_done(&r);
}

/* Only through a repository that links it, and only as a blob. */
static void
test_scope(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *digest = cr_push_blob(d, "library/app", CR_STR("bytes"));
    const char *manifest;

    cr_expect_done(cr_get(d, cr_text(d, "/v2/library/other/blobs/%s", digest)),
                   404, "BLOB_UNKNOWN");
    cr_expect_done(cr_get(d, "/v2/library/app/blobs/sha256:" D64), 404,
                   "BLOB_UNKNOWN");
    cr_expect_done(cr_get(d,
                          cr_text(d, "/v2/library/app/manifests/%s", digest)),
                   404, "MANIFEST_UNKNOWN");

    manifest = cr_push_manifest(d, "library/app", "v1", "s", NULL, NULL);
    cr_expect_done(cr_get(d, cr_text(d, "/v2/library/app/blobs/%s", manifest)),
                   404, "BLOB_UNKNOWN");

    r = cr_head(d, "/v2/library/app/blobs/sha256:" D64);
    cr_expect(&r, 404, "BLOB_UNKNOWN");
    assert_true(r.x->response.content_length > 0);
    cr_reply_done(&r);
}

/* A HEAD that says "it is there" keeps it there: then it must write. */
static void
test_protect(void **state)
{
    int64_t     until;
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *digest = cr_push_blob(d, "library/app", CR_STR("bytes"));
    const char *target = cr_text(d, "/v2/library/app/blobs/%s", digest);
    const char *sql = "SELECT protected_until FROM repository_blob";

    r = cr_head(d, target);
    cr_expect(&r, 200, "");
    assert_int_equal(r.steps[CR_STEP_DB], 0);
    cr_reply_done(&r);

    until = cr_sys_default.now_us() + CR_MINUTE;
    cr_drive_sql(d, cr_text(d,
                            "UPDATE repository_blob SET protected_until = "
                            "%lld",
                            (long long) until));
    r = cr_head(d, target);
    cr_expect(&r, 200, "");
    assert_int_equal(r.steps[CR_STEP_DB], 1);
    assert_int_equal(r.x->response.content_length, 5);
    cr_reply_done(&r);
    assert_true(cr_drive_sql_int(d, sql) > until + CR_HOUR);
}

static void
test_delete(void **state)
{
    cr_drive_t *d = *state;
    const char *digest = cr_push_blob(d, "library/app", CR_STR("bytes"));
    const char *target = cr_text(d, "/v2/library/app/blobs/%s", digest);

    cr_expect_done(cr_send(d, "DELETE", target, CR_STR_NULL), 202, "");
    cr_expect_done(cr_get(d, target), 404, "BLOB_UNKNOWN");
    cr_expect_done(cr_head(d, target), 404, "BLOB_UNKNOWN");
    cr_expect_done(cr_send(d, "DELETE", target, CR_STR_NULL), 404,
                   "BLOB_UNKNOWN");
    cr_expect_done(cr_send(d, "DELETE", "/v2/library/none/blobs/sha256:" D64,
                           CR_STR_NULL),
                   404, "BLOB_UNKNOWN");

    /* pushed again, it is there again */
    cr_push_blob(d, "library/app", CR_STR("bytes"));
    cr_expect_done(cr_get(d, target), 200, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(test_protect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
