/*
 * api/authorise.c: who may do what, and what is said to the others.
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

#define H16 "0123456789abcdef"
#define D64 H16 H16 H16 H16

typedef enum {
    PULL,
    PUSH,
    DELETE,
    NACTIONS
} action_e;

/* One request of each kind that needs no body. */
static cr_reply_t
act(cr_drive_t *d, const char *name, action_e action)
{
    switch (action) {

    case PULL:
        return cr_get(d, cr_text(d, "/v2/%s/manifests/v1", name));

    case PUSH:
        return cr_send(d, "POST", cr_text(d, "/v2/%s/blobs/uploads/", name),
                       CR_STR_NULL);

    default:
        return cr_send(d, "DELETE",
                       cr_text(d, "/v2/%s/blobs/sha256:" D64, name),
                       CR_STR_NULL);
    }
}

static void
expect(cr_drive_t *d, const char *name, action_e action, int status,
       const char *error)
{
    cr_expect_done(act(d, name, action), status, error);
}

static int
setup_content(void **state)
{
    cr_drive_t *d;

    setup(state);
    d = *state;
    cr_push_manifest(d, "library/app", "v1", "s", NULL, NULL);
    cr_push_manifest(d, "secret/app", "v1", "s", NULL, NULL);
    cr_drive_user(d, "carol");

    return 0;
}

static void
test_admin(void **state)
{
    cr_drive_t *d = *state;

    expect(d, "library/app", PULL, 200, "");
    expect(d, "secret/app", PULL, 200, "");
    expect(d, "missing/app", PULL, 404, "NAME_UNKNOWN");
    expect(d, "secret/app", DELETE, 404, "BLOB_UNKNOWN");
    expect(d, "missing/app", DELETE, 404, "BLOB_UNKNOWN");
    expect(d, "secret/app", PUSH, 202, "");
    expect(d, "missing/app", PUSH, 202, "");
}

/* Private and missing look the same. */
static void
test_anonymous(void **state)
{
    cr_drive_t       *d = *state;
    const char *const scopes[NACTIONS] = { "pull", "pull,push", "delete" };

    d->auth = NULL;
    expect(d, "library/app", PULL, 200, "");

    for (action_e a = PULL; a < NACTIONS; a++) {
        const char *const names[] = { "secret/app", "missing/app",
                                      "library/app" };

        for (size_t i = 0; i < CR_NELTS(names); i++) {
            cr_reply_t r;

            if (a == PULL && i == 2) {
                continue;
            }

            r = act(d, names[i], a);
            cr_expect(&r, 401, "UNAUTHORIZED");
            assert_string_equal(
                cr_reply_header(d, &r, "WWW-Authenticate"),
                cr_text(d,
                        "Bearer realm=\"http://hub.example.com:5000/"
                        "service/token\",service=\"nginx-registry\","
                        "scope=\"repository:%s:%s\"",
                        names[i], scopes[a]));
            cr_reply_done(&r);
        }
    }
}

static void
test_user(void **state)
{
    cr_drive_t *d = *state;

    d->auth = cr_drive_basic(d, "carol", CR_DRIVE_ADMIN);
    expect(d, "library/app", PULL, 200, "");

    for (action_e a = PULL; a < NACTIONS; a++) {
        cr_reply_t hidden = act(d, "secret/app", a);
        cr_reply_t missing = act(d, "missing/app", a);

        cr_expect(&hidden, 403, "DENIED");
        cr_expect(&missing, 403, "DENIED");
        assert_true(cr_str_eq(hidden.body, missing.body));
        cr_reply_done(&hidden);
        cr_reply_done(&missing);
    }

    expect(d, "library/app", PUSH, 403, "DENIED");
    expect(d, "library/app", DELETE, 403, "DENIED");
}

/* A token is good for what it says, on the name it says, and no longer than
 * the user has the right. */
static void
test_token(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *pull, *push, *all, *none, *admin = d->auth;

    pull = cr_drive_bearer(d, "repository:secret/app:pull");
    push = cr_drive_bearer(d, "repository:secret/app:pull,push");
    all = cr_drive_bearer(d, "repository:secret/app:*");
    none = cr_drive_bearer(d, NULL);

    d->auth = pull;
    expect(d, "secret/app", PULL, 200, "");
    expect(d, "secret/app", DELETE, 401, "UNAUTHORIZED");
    expect(d, "secret/ap", PULL, 401, "UNAUTHORIZED");
    expect(d, "secret/app/x", PULL, 401, "UNAUTHORIZED");
    r = act(d, "secret/app", PUSH);
    cr_expect(&r, 401, "UNAUTHORIZED");
    assert_non_null(strstr(cr_reply_header(d, &r, "WWW-Authenticate"),
                           "scope=\"repository:secret/app:pull,push\","
                           "error=\"insufficient_scope\""));
    cr_reply_done(&r);

    d->auth = push;
    expect(d, "secret/app", PULL, 200, "");
    expect(d, "secret/app", PUSH, 202, "");
    expect(d, "secret/app", DELETE, 401, "UNAUTHORIZED");

    d->auth = all;
    expect(d, "secret/app", PUSH, 202, "");
    expect(d, "secret/app", DELETE, 404, "BLOB_UNKNOWN");

    d->auth = none;
    expect(d, "secret/app", PULL, 401, "UNAUTHORIZED");

    /* no longer an administrator: at once */
    d->auth = admin;
    cr_drive_sql(d, "UPDATE users SET admin = 1 WHERE name = 'carol'");
    d->auth = cr_drive_basic(d, "carol", CR_DRIVE_ADMIN);
    d->auth = cr_drive_bearer(d, "repository:secret/app:pull");
    expect(d, "secret/app", PULL, 200, "");
    cr_drive_sql(d, "UPDATE users SET admin = 0 WHERE name = 'carol'");
    expect(d, "secret/app", PULL, 401, "UNAUTHORIZED");
    cr_drive_sql(d, "UPDATE project SET public = 1 WHERE name = 'secret'");
    expect(d, "secret/app", PULL, 200, "");
}

static void
test_anonymous_token(void **state)
{
    cr_drive_t *d = *state;

    d->auth = NULL;
    d->auth = cr_drive_bearer(d, "repository:library/app:pull,push");
    expect(d, "library/app", PULL, 200, "");
    expect(d, "library/app", PUSH, 401, "UNAUTHORIZED");
    expect(d, "secret/app", PULL, 401, "UNAUTHORIZED");
    cr_drive_sql(d, "UPDATE project SET public = 0");
    expect(d, "library/app", PULL, 401, "UNAUTHORIZED");
}

/* The challenge of a mount asks for both names. */
static void
test_challenge_mount(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    d->auth = NULL;
    r = cr_send(d, "POST",
                "/v2/library/app/blobs/uploads/?mount=sha256:" D64
                "&from=secret/app",
                CR_STR_NULL);
    cr_expect(&r, 401, "UNAUTHORIZED");
    assert_non_null(strstr(cr_reply_header(d, &r, "WWW-Authenticate"),
                           "scope=\"repository:library/app:pull,push "
                           "repository:secret/app:pull\""));
    cr_reply_done(&r);

    /* but nothing that is no name gets into a header */
    r = cr_send(d, "POST",
                "/v2/library/app/blobs/uploads/?mount=sha256:" D64
                "&from=a/b%22,x=%22%0d%0aX:y",
                CR_STR_NULL);
    cr_expect(&r, 401, "UNAUTHORIZED");
    assert_non_null(strstr(cr_reply_header(d, &r, "WWW-Authenticate"),
                           "scope=\"repository:library/app:pull,push\""));
    cr_reply_done(&r);
}

static void
test_public_url(void **state)
{
    cr_drive_t *d = *state;
    cr_drive_t  p;
    cr_reply_t  r;

    cr_drive_init(&p);
    p.conf.public_url = CR_STR("https://hub.example.org/");
    p.conf.service = CR_STR("other");
    cr_drive_start(&p);
    r = cr_get(&p, "/v2/");
    assert_string_equal(
        cr_reply_header(d, &r, "WWW-Authenticate"),
        "Bearer realm=\"https://hub.example.org/service/token\","
        "service=\"other\"");
    cr_reply_done(&r);
    cr_drive_close(&p);
}

static void
test_local_or_admin(void **state)
{
    cr_drive_t *d = *state;
    cr_call_t   call = { .target = "/metrics", .remote = true };
    const char *admin = d->auth;

    /* no metrics are configured: past the door it is 404 */
    cr_expect_done(cr_drive(d, &call), 404, "NOT_FOUND");
    d->auth = cr_drive_basic(d, "carol", CR_DRIVE_ADMIN);
    cr_expect_done(cr_drive(d, &call), 403, "DENIED");
    d->auth = NULL;
    cr_expect_done(cr_drive(d, &call), 401, "UNAUTHORIZED");
    d->auth = admin;
    d->auth = cr_drive_bearer(d, NULL);
    cr_expect_done(cr_drive(d, &call), 401, "UNAUTHORIZED");

    d->auth = NULL;
    call.remote = false;
    cr_expect_done(cr_drive(d, &call), 404, "NOT_FOUND");
    call.headers = "X-Forwarded-For: 192.0.2.1";
    cr_expect_done(cr_drive(d, &call), 401, "UNAUTHORIZED");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_admin, setup_content, teardown),
        cmocka_unit_test_setup_teardown(test_anonymous, setup_content,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_user, setup_content, teardown),
        cmocka_unit_test_setup_teardown(test_token, setup_content, teardown),
        cmocka_unit_test_setup_teardown(test_anonymous_token, setup_content,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_challenge_mount, setup_content,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_public_url, setup, teardown),
        cmocka_unit_test_setup_teardown(test_local_or_admin, setup_content,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
