/*
 * api/route.c: the table and the matcher, seen from outside: what each
 * target and method is answered with.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"

static cr_drive_t drive;

static int
setup(void **state)
{
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

#define H16  "0123456789abcdef"
#define D64  H16 H16 H16 H16
#define UUID "01890a5d-ac96-774b-bcce-b302099a8057"

typedef struct row_s {
    const char *method;
    const char *target;
    int         status;
    const char *error;
    const char *name; /* of the repository, when one was found */
} row_t;

/* clang-format off */
static const row_t rows[] = {
    { "GET", "/v2/",                                200, "", "" },
    { "GET", "/v2",                                 200, "", "" },
    { "GET", "/v2?a=b",                             200, "", "" },
    { "GET", "/v2x",                                404, "NOT_FOUND", "" },
    { "GET", "/v2/?ns=docker.io",                   200, "", "" },
    { "GET", "http://hub.example.com/v2/",          200, "", "" },
    { "GET", "HTTPS://hub.example.com/v2/",         200, "", "" },
    { "GET", "http://hub.example.com",              404, "NOT_FOUND", "" },
    { "GET", "ftp://hub.example.com/v2/",           400, "BAD_REQUEST", "" },
    { "GET", "v2/",                                 400, "BAD_REQUEST", "" },
    { "GET", "*",                                   400, "BAD_REQUEST", "" },
    { "GET", "/",                                   404, "NOT_FOUND", "" },
    { "GET", "/v3/",                                404, "NOT_FOUND", "" },
    { "GET", "/v2/nothing",                         404, "NOT_FOUND", "" },
    { "GET", "/v2/library/app/nothing/x",           404, "NOT_FOUND", "" },
    { "GET", "/v2/manifests/x",                     404, "NOT_FOUND", "" },
    { "GET", "/v2/library/app/tags/list/",          404, "NOT_FOUND", "" },
    { "GET", "/v2/library/app/uploads/" UUID,       404, "NOT_FOUND", "" },

    /* names are matched from the right */
    { "GET", "/v2/library/app/manifests/x",         404, "NAME_UNKNOWN", "library/app" },
    { "GET", "/v2/library/manifests/manifests/x",   404, "NAME_UNKNOWN", "library/manifests" },
    { "GET", "/v2/library/blobs/uploads/manifests/x", 404, "NAME_UNKNOWN", "library/blobs/uploads" },
    { "GET", "/v2/library/tags/list/tags/list",     404, "NAME_UNKNOWN", "library/tags/list" },
    { "GET", "/v2/library/referrers/manifests/tags/list", 404, "NAME_UNKNOWN", "library/referrers/manifests" },
    { "GET", "/v2/library/uploads/blobs/uploads/" UUID, 404, "BLOB_UPLOAD_UNKNOWN", "library/uploads" },
    { "GET", "/v2/a/b/c/d/e/f/manifests/x",         404, "NAME_UNKNOWN", "a/b/c/d/e/f" },

    /* names that are none */
    { "GET", "/v2/app/manifests/x",                 400, "NAME_INVALID", "" },
    { "GET", "/v2/Library/app/manifests/x",         400, "NAME_INVALID", "" },
    { "GET", "/v2/library/-app/manifests/x",        400, "NAME_INVALID", "" },
    { "GET", "/v2/library/a___b/manifests/x",       400, "NAME_INVALID", "" },
    { "GET", "/v2/library/_app/tags/list",          400, "NAME_INVALID", "" },
    { "GET", "/v2/library/app\\x/tags/list",        400, "NAME_INVALID", "" },
    { "GET", "/v2/library/a\xc0\xaf/tags/list",     400, "NAME_INVALID", "" },
    { "GET", "/v2/library/../app/manifests/x",      400, "NAME_INVALID", "" },
    { "GET", "/v2/library/./app/manifests/x",       400, "NAME_INVALID", "" },
    { "GET", "/v2/library//app/manifests/x",        400, "NAME_INVALID", "" },
    { "GET", "/v2//library/app/manifests/x",        400, "NAME_INVALID", "" },
    { "GET", "/v2/..",                              400, "NAME_INVALID", "" },
    { "GET", "/v2/library%2fapp/manifests/x",       400, "NAME_INVALID", "" },
    { "GET", "/v2/library/%2e%2e/manifests/x",      400, "NAME_INVALID", "" },
    { "GET", "/v2/library/app/manifests/%00",       400, "NAME_INVALID", "" },

    /* references */
    { "GET", "/v2/library/app/manifests/.bad",      404, "MANIFEST_UNKNOWN", "library/app" },
    { "HEAD", "/v2/library/app/manifests/.bad",     404, "MANIFEST_UNKNOWN", "library/app" },
    { "PUT", "/v2/library/app/manifests/.bad",      400, "TAG_INVALID", "library/app" },
    { "GET", "/v2/library/app/manifests/sha256:bad", 400, "DIGEST_INVALID", "library/app" },
    { "PUT", "/v2/library/app/manifests/sha256:bad", 400, "DIGEST_INVALID", "library/app" },
    { "GET", "/v2/library/app/manifests/md5:" D64,  400, "DIGEST_INVALID", "library/app" },
    { "GET", "/v2/library/app/manifests/sha256:" D64, 404, "NAME_UNKNOWN", "library/app" },
    { "GET", "/v2/library/app/blobs/sha256:" D64,   404, "BLOB_UNKNOWN", "library/app" },
    { "GET", "/v2/library/app/blobs/sha256:" D64 "0", 400, "DIGEST_INVALID", "library/app" },
    { "GET", "/v2/library/app/blobs/sha256:",       400, "DIGEST_INVALID", "library/app" },
    { "GET", "/v2/library/app/blobs/uploads",       400, "DIGEST_INVALID", "library/app" },
    { "GET", "/v2/library/app/referrers/x",         400, "DIGEST_INVALID", "library/app" },
    { "GET", "/v2/library/app/blobs/uploads/1",     404, "BLOB_UPLOAD_UNKNOWN", "library/app" },
    { "PUT", "/v2/library/app/blobs/uploads/1",     404, "BLOB_UPLOAD_UNKNOWN", "library/app" },
    { "GET", "/v2/library/app/blobs/uploads/" UUID, 404, "BLOB_UPLOAD_UNKNOWN", "library/app" },

    /* methods */
    { "POST", "/v2/",                               405, "UNSUPPORTED", "" },
    { "OPTIONS", "/v2/",                            405, "UNSUPPORTED", "" },
    { "TRACE", "/v2/library/app/manifests/x",       405, "UNSUPPORTED", "" },
    { "get", "/v2/",                                405, "UNSUPPORTED", "" },
    { "PATCH", "/v2/library/app/manifests/x",       405, "UNSUPPORTED", "" },
    { "PUT", "/v2/library/app/tags/list",           405, "UNSUPPORTED", "" },
    { "DELETE", "/v2/_catalog",                     405, "UNSUPPORTED", "" },
    { "GET", "/v2/library/app/blobs/uploads/",      405, "UNSUPPORTED", "" },
    { "DELETE", "/healthz",                         405, "METHOD_NOT_ALLOWED", "" },
    { "PUT", "/service/token",                      405, "METHOD_NOT_ALLOWED", "" },

    /* queries */
    { "GET", "/v2/?a=%zz",                          400, "BAD_REQUEST", "" },
    { "GET", "/v2/?a=%00",                          400, "BAD_REQUEST", "" },
    { "GET", "/v2/?&&a&=b&",                        200, "", "" },
};
/* clang-format on */

static void
test_targets(void **state)
{
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        const row_t *t = &rows[i];
        cr_reply_t   r = cr_send(d, t->method, t->target, CR_STR_NULL);

        if (r.status != t->status || strcmp(r.error, t->error) != 0
            || !cr_str_eq_z(r.x->info.repository, t->name))
        {
            fail_msg("%s %s: %d %s \"%.*s\"", t->method, t->target, r.status,
                     r.error, CR_STR_ARG(r.x->info.repository));
        }

        cr_expect(&r, t->status, t->error);

        if (strncmp(t->target, "/v2/", 4) == 0) {
            assert_string_equal(
                cr_reply_header(d, &r, "Docker-Distribution-Api-Version"),
                "registry/2.0");
        }

        if (t->status == 405) {
            assert_non_null(cr_reply_header(d, &r, "Allow"));
        }

        cr_reply_done(&r);
    }
}

static void
test_one_component(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r = cr_get(d, "/v2/alpine/manifests/latest");

    cr_expect(&r, 400, "NAME_INVALID");
    assert_non_null(
        strstr(cr_text(d, "%.*s", CR_STR_ARG(r.body)), "library/alpine"));
    cr_reply_done(&r);
}

static void
test_allow(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    r = cr_send(d, "PATCH", "/v2/library/app/manifests/x", CR_STR_NULL);
    assert_string_equal(cr_reply_header(d, &r, "Allow"),
                        "GET, HEAD, PUT, DELETE");
    cr_reply_done(&r);

    r = cr_send(d, "GET", "/v2/library/app/blobs/uploads/", CR_STR_NULL);
    assert_string_equal(cr_reply_header(d, &r, "Allow"), "POST");
    cr_reply_done(&r);
}

static void
test_long(void **state)
{
    cr_drive_t *d = *state;
    char        name[300];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    cr_expect_done(cr_get(d, cr_text(d, "/v2/library/%s/manifests/x", name)),
                   400, "NAME_INVALID");

    name[255 - 8] = '\0'; /* with "library/": the longest there is */
    cr_expect_done(cr_get(d, cr_text(d, "/v2/library/%s/manifests/x", name)),
                   404, "NAME_UNKNOWN");

    name[129] = '\0';
    cr_expect_done(cr_send(d, "PUT",
                           cr_text(d, "/v2/library/a/manifests/%s", name),
                           CR_STR_NULL),
                   400, "TAG_INVALID");

    cr_expect_done(cr_get(d, cr_text(d, "/v2/%016384d", 0)), 414,
                   "NAME_INVALID");
}

static void
test_many_parameters(void **state)
{
    cr_drive_t *d = *state;
    const char *text = "/v2/?a";

    for (size_t i = 1; i < 80; i++) {
        text = cr_text(d, "%s&a", text);
    }

    cr_expect_done(cr_get(d, text), 200, "");
    cr_expect_done(cr_get(d, cr_text(d, "%s&a", text)), 414, "NAME_INVALID");
}

/* With deletion off all of it is refused, and Allow does not offer it. */
static void
test_delete_off(void **state)
{
    cr_drive_t       *d = *state;
    cr_drive_t        off;
    const char *const targets[] = {
        "/v2/library/app/manifests/latest",
        "/v2/library/app/manifests/sha256:" D64,
        "/v2/library/app/blobs/sha256:" D64,
        "/v2/library/app/blobs/uploads/" UUID,
    };

    cr_drive_init(&off);
    off.conf.delete_enabled = false;
    cr_drive_start(&off);
    off.auth = d->auth;

    for (size_t i = 0; i < CR_NELTS(targets); i++) {
        cr_reply_t r = cr_send(&off, "DELETE", targets[i], CR_STR_NULL);

        cr_expect(&r, 405, "UNSUPPORTED");
        assert_null(strstr(cr_reply_header(&off, &r, "Allow"), "DELETE"));
        cr_reply_done(&r);
    }

    cr_drive_close(&off);
}

static void
test_handlers(void **state)
{
    (void) state;

    assert_true(cr_api_handler_count() > 10);
    assert_string_equal(cr_api_handler_name(0), "none");
    assert_string_equal(cr_api_handler_name(9999), "none");

    for (unsigned i = 0; i < cr_api_handler_count(); i++) {
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(cr_api_handler_name(i),
                                    cr_api_handler_name(k));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_one_component),
        cmocka_unit_test(test_allow),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_many_parameters),
        cmocka_unit_test(test_delete_off),
        cmocka_unit_test(test_handlers),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
