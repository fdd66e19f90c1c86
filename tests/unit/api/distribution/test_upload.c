/*
 * api/distribution/upload.c: sessions: start, mount, status, cancel.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"

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

#define UPLOADS "/v2/library/app/blobs/uploads/"
#define H16     "0123456789abcdef"
#define D64     H16 H16 H16 H16
#define UUID    "01890a5d-ac96-774b-bcce-b302099a8057"

static const char *
start(cr_drive_t *d, const char *query)
{
    cr_reply_t  r;
    const char *where;

    r = cr_send(d, "POST", cr_text(d, UPLOADS "%s", query), CR_STR_NULL);
    cr_expect(&r, 202, "");
    where = cr_reply_header(d, &r, "Location");
    assert_non_null(where);
    cr_reply_done(&r);

    return where;
}

static void
test_start(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *where, *uuid;

    r = cr_send(d, "POST", UPLOADS, CR_STR_NULL);
    cr_expect(&r, 202, "");
    where = cr_reply_header(d, &r, "Location");
    uuid = cr_reply_header(d, &r, "Docker-Upload-UUID");
    assert_string_equal(where, cr_text(d, UPLOADS "%s", uuid));
    assert_null(strchr(where, '?'));
    assert_string_equal(cr_reply_header(d, &r, "Range"), "0-0");
    assert_int_equal(r.body.len, 0);
    assert_int_equal(r.steps[CR_STEP_STREAM], 0);
    cr_reply_done(&r);

    /* also without the slash, as some clients send it */
    cr_expect_done(cr_send(d, "POST", "/v2/library/app/blobs/uploads",
                           CR_STR_NULL),
                   202, "");

    r = cr_get(d, where);
    cr_expect(&r, 204, "");
    assert_string_equal(cr_reply_header(d, &r, "Location"), where);
    assert_string_equal(cr_reply_header(d, &r, "Range"), "0-0");
    assert_string_equal(cr_reply_header(d, &r, "Docker-Upload-UUID"), uuid);
    assert_int_equal(r.steps[CR_STEP_DB], 0);
    cr_reply_done(&r);

    /* reading it does not harm it, and it can be cancelled once */
    cr_expect_done(cr_get(d, where), 204, "");
    cr_expect_done(cr_send(d, "DELETE", where, CR_STR_NULL), 204, "");
    cr_expect_done(cr_send(d, "DELETE", where, CR_STR_NULL), 404,
                   "BLOB_UPLOAD_UNKNOWN");
    cr_expect_done(cr_get(d, where), 404, "BLOB_UPLOAD_UNKNOWN");
}

static void
test_bad_queries(void **state)
{
    cr_drive_t *d = *state;
    int64_t     before = cr_drive_sql_int(d, "SELECT count(*) FROM upload");

    static const struct {
        const char *query;
        const char *error;
    } bad[] = {
        { "?digest=bad", "DIGEST_INVALID" },
        { "?digest=", "DIGEST_INVALID" },
        { "?digest-algorithm=md5", "DIGEST_INVALID" },
        { "?digest-algorithm=sha256&digest-algorithm=sha512",
          "DIGEST_INVALID" },
        { "?digest=sha256:" D64 "&digest=sha256:" D64, "DIGEST_INVALID" },
        { "?digest=sha256:" D64 "&digest-algorithm=sha512", "DIGEST_INVALID" },
        { "?mount=bad&from=library/other", "DIGEST_INVALID" },
        { "?mount=sha256:" D64 "&mount=sha256:" D64, "BAD_REQUEST" },
        { "?mount=sha256:" D64 "&from=library/a&from=library/b",
          "BAD_REQUEST" },
    };

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_expect_done(cr_send(d, "POST",
                               cr_text(d, UPLOADS "%s", bad[i].query),
                               CR_STR("body")),
                       400, bad[i].error);
    }

    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM upload"),
                     before);

    /* A source that cannot be is one that has nothing. */
    (void) start(d, "?mount=sha256:" D64 "&from=library/../b");
    (void) start(d, "?mount=sha256:" D64 "&from=Library/B");
}

/* A session is of one repository and of one user. */
static void
test_owner(void **state)
{
    cr_drive_t *d = *state;
    const char *uuid, *admin = d->auth, *where = start(d, "");

    uuid = strrchr(where, '/') + 1;
    cr_expect_done(cr_get(d, cr_text(d, "/v2/library/other/blobs/uploads/%s",
                                     uuid)),
                   404, "BLOB_UPLOAD_UNKNOWN");

    cr_drive_user(d, "carol");
    cr_drive_sql(d, "UPDATE users SET admin = 1 WHERE name = 'carol'");
    d->auth = cr_drive_basic(d, "carol", CR_DRIVE_ADMIN);
    cr_expect_done(cr_get(d, where), 404, "BLOB_UPLOAD_UNKNOWN");
    cr_expect_done(cr_send(d, "PATCH", where, CR_STR("x")), 404,
                   "BLOB_UPLOAD_UNKNOWN");
    cr_expect_done(cr_send(d, "DELETE", where, CR_STR_NULL), 404,
                   "BLOB_UPLOAD_UNKNOWN");
    d->auth = admin;
    cr_expect_done(cr_get(d, where), 204, "");
}

static void
test_expired(void **state)
{
    cr_drive_t *d = *state;
    const char *where = start(d, "");

    cr_drive_sql(d, "UPDATE upload SET expires_at = 1");
    cr_expect_done(cr_get(d, where), 404, "BLOB_UPLOAD_UNKNOWN");
    cr_expect_done(cr_send(d, "PATCH", where, CR_STR("x")), 404,
                   "BLOB_UPLOAD_UNKNOWN");
}

/* --- mount ------------------------------------------------------------- */

static cr_reply_t
mount(cr_drive_t *d, const char *repository, const char *digest,
      const char *from)
{
    return cr_send(d, "POST",
                   cr_text(d, "/v2/%s/blobs/uploads/?mount=%s%s%s", repository,
                           digest, from != NULL ? "&from=" : "",
                           from != NULL ? from : ""),
                   CR_STR_NULL);
}

static void
test_mount(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *digest = cr_push_blob(d, "library/source", CR_STR("mount"));

    r = mount(d, "library/target", digest, "library/source");
    cr_expect(&r, 201, "");
    assert_string_equal(cr_reply_header(d, &r, "Location"),
                        cr_text(d, "/v2/library/target/blobs/%s", digest));
    assert_string_equal(cr_reply_header(d, &r, "Docker-Content-Digest"),
                        digest);
    assert_string_equal(r.x->info.action, "mount");
    cr_reply_done(&r);
    cr_expect_done(cr_get(d, cr_text(d, "/v2/library/target/blobs/%s", digest)),
                   200, "");

    /* without from: anywhere the caller may read */
    cr_expect_done(mount(d, "library/anywhere", digest, NULL), 201, "");

    /* not there: a plain session */
    r = mount(d, "library/target", "sha256:" D64, "library/source");
    cr_expect(&r, 202, "");
    assert_non_null(cr_reply_header(d, &r, "Location"));
    assert_string_equal(r.x->info.action, "push");
    cr_reply_done(&r);
    cr_expect_done(mount(d, "library/target", "sha256:" D64, NULL), 202, "");
    cr_expect_done(mount(d, "library/target", digest, "library/nothing"), 202,
                   "");
    cr_expect_done(mount(d, "library/target", digest, "ubuntu"), 202, "");
}

/* What one may not read cannot be told from what is not there. */
static void
test_mount_unreadable(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  hidden, missing;
    const char *digest, *admin = d->auth;

    digest = cr_push_blob(d, "secret/source", CR_STR("hidden"));
    d->auth = cr_drive_bearer(d, "repository:library/t:pull,push");

    hidden = mount(d, "library/t", digest, "secret/source");
    missing = mount(d, "library/t", digest, "nothing/source");
    cr_expect(&hidden, 202, "");
    cr_expect(&missing, 202, "");
    assert_int_equal(hidden.x->response.nheaders, missing.x->response.nheaders);
    assert_int_equal(memcmp(hidden.steps, missing.steps, sizeof(hidden.steps)),
                     0);
    cr_reply_done(&hidden);
    cr_reply_done(&missing);

    /* a token is no key to what it does not name */
    cr_expect_done(mount(d, "library/t", digest, NULL), 202, "");

    d->auth = admin;
    d->auth = cr_drive_bearer(
        d, "repository:library/t:pull,push+repository:secret/source:pull");
    cr_expect_done(mount(d, "library/t", digest, "secret/source"), 201, "");
    d->auth = admin;
}

/* --- projects, space --------------------------------------------------- */

static void
test_project_made(void **state)
{
    cr_drive_t *d = *state;
    const char *count = "SELECT count(*) FROM project WHERE name = 'fresh'";

    /* looking does not make it, nor does a refused request */
    cr_expect_done(cr_get(d, "/v2/fresh/app/tags/list"), 404, "NAME_UNKNOWN");
    cr_expect_done(cr_send(d, "POST", "/v2/fresh/app/blobs/uploads/?digest=bad",
                           CR_STR_NULL),
                   400, "DIGEST_INVALID");
    cr_expect_done(cr_send(d, "PATCH", "/v2/fresh/app/blobs/uploads/" UUID,
                           CR_STR("x")),
                   404, "BLOB_UPLOAD_UNKNOWN");
    assert_int_equal(cr_drive_sql_int(d, count), 0);

    cr_expect_done(cr_send(d, "POST", "/v2/fresh/app/blobs/uploads/",
                           CR_STR_NULL),
                   202, "");
    assert_int_equal(cr_drive_sql_int(d, count), 1);
    assert_int_equal(cr_drive_sql_int(d, "SELECT public FROM project WHERE "
                                         "name = 'fresh'"),
                     0);
}

static void
test_no_space(void **state)
{
    cr_drive_t *d = *state;
    cr_drive_t  full;
    cr_reply_t  r;

    cr_drive_init(&full);
    full.conf.min_free = UINT64_MAX / 2;
    cr_drive_start(&full);
    full.auth = d->auth;

    r = cr_send(&full, "POST", UPLOADS, CR_STR_NULL);
    cr_expect(&r, 507, "DENIED");
    assert_true(r.x->info.log_error);
    assert_true(r.x->info.detail.len != 0);
    cr_reply_done(&r);
    cr_expect_done(cr_send(&full, "POST",
                           cr_text(&full, UPLOADS "?digest=%s",
                                   cr_sha256(&full, CR_STR("x"))),
                           CR_STR("x")),
                   507, "DENIED");
    assert_int_equal(cr_drive_files(&full), 0);
    assert_int_equal(cr_drive_sql_int(&full, "SELECT count(*) FROM upload"), 0);
    cr_drive_close(&full);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_queries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expired, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mount, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mount_unreadable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_project_made, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_space, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
