/*
 * api/distribution/catalog.c: _catalog.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"
#include "core/json.h"

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


/* "a,b,c" of the strings in an array member. */
static const char *
names(cr_drive_t *d, cr_reply_t *r, const char *member)
{
    size_t      i;
    json_t     *root, *one;
    const char *text = "";

    root = json_loadb(r->body.data, r->body.len, 0, NULL);
    assert_non_null(root);
    assert_true(json_is_array(json_object_get(root, member)));

    json_array_foreach(json_object_get(root, member), i, one)
    {
        if (json_is_object(one)) {
            one = json_object_get(one, "digest");
        }

        text = cr_text(d, "%s%s%s", text, i == 0 ? "" : ",",
                       json_string_value(one));
    }

    json_decref(root);

    return text;
}

static void
expect_list(cr_drive_t *d, const char *target, const char *member,
            const char *want, const char *link)
{
    cr_reply_t  r = cr_get(d, target);
    const char *got;

    cr_expect(&r, 200, "");
    assert_string_equal(names(d, &r, member), want);
    got = cr_reply_header(d, &r, "Link");

    if (link == NULL) {
        assert_null(got);

    } else {
        assert_non_null(got);
        assert_string_equal(got, cr_text(d, "<%s>; rel=\"next\"", link));
    }

    assert_int_equal(r.steps[CR_STEP_DB], 1);
    cr_reply_done(&r);
}

#define CATALOG "/v2/_catalog"

static void
test_pages(void **state)
{
    cr_drive_t *d = *state;

    cr_expect_done(cr_get(d, "/v2/"), 200, ""); /* opens the database */
    expect_list(d, CATALOG, "repositories", "", NULL);
    cr_push_manifest(d, "library/b", "v", "s", NULL, NULL);
    cr_push_manifest(d, "library/a/x", "v", "s", NULL, NULL);
    cr_push_manifest(d, "apps/z", "v", "s", NULL, NULL);
    cr_push_blob(d, "library/empty", CR_STR("no manifest"));

    expect_list(d, CATALOG, "repositories", "apps/z,library/a/x,library/b",
                NULL);
    expect_list(d, CATALOG "?n=1", "repositories", "apps/z",
                CATALOG "?n=1&last=apps%2Fz");
    expect_list(d, CATALOG "?n=1&last=apps%2Fz", "repositories", "library/a/x",
                CATALOG "?n=1&last=library%2Fa%2Fx");
    expect_list(d, CATALOG "?n=2&last=apps/z", "repositories",
                "library/a/x,library/b", NULL);
    expect_list(d, CATALOG "?n=0", "repositories", "", NULL);
    cr_expect_done(cr_get(d, CATALOG "?n=-1"), 400,
                   "PAGINATION_NUMBER_INVALID");
}

static void
test_visible(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *admin = d->auth;

    cr_push_manifest(d, "library/b", "v", "s", NULL, NULL);
    cr_push_manifest(d, "secret/z", "v", "s", NULL, NULL);
    cr_drive_user(d, "carol");

    d->auth = cr_drive_basic(d, "carol", CR_DRIVE_ADMIN);
    r = cr_get(d, CATALOG);
    cr_expect(&r, 200, "");
    assert_string_equal(names(d, &r, "repositories"), "library/b");
    cr_reply_done(&r);

    /* nobody lists without a credential, and a token must say so */
    d->auth = NULL;
    r = cr_get(d, CATALOG);
    cr_expect(&r, 401, "UNAUTHORIZED");
    assert_non_null(strstr(cr_reply_header(d, &r, "WWW-Authenticate"),
                           "scope=\"registry:catalog:*\""));
    cr_reply_done(&r);
    d->auth = cr_drive_bearer(d, "registry:catalog:*");
    cr_expect_done(cr_get(d, CATALOG), 401, "UNAUTHORIZED");
    d->auth = admin;
    d->auth = cr_drive_bearer(d, "repository:library/b:pull");
    r = cr_get(d, CATALOG);
    cr_expect(&r, 401, "UNAUTHORIZED");
    assert_non_null(strstr(cr_reply_header(d, &r, "WWW-Authenticate"),
                           "insufficient_scope"));
    cr_reply_done(&r);
    d->auth = admin;
    d->auth = cr_drive_bearer(d, "registry:catalog:*");
    expect_list(d, CATALOG, "repositories", "library/b,secret/z", NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_visible, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
