/*
 * api/distribution/referrers.c: referrers of a subject.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"
#include <stdlib.h>
#include "core/json.h"
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

#define H16       "0123456789abcdef"
#define D64       H16 H16 H16 H16
#define SUBJECT   "sha256:" D64
#define REFERRERS "/v2/library/app/referrers/"

static void
test_empty(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    /* a repository that was never seen, and one that was */
    for (int i = 0; i < 2; i++) {
        r = cr_get(d, REFERRERS SUBJECT);
        cr_expect(&r, 200, "");
        assert_true(cr_str_eq_z(r.x->response.content_type, CR_MT_OCI_INDEX));
        assert_string_equal(names(d, &r, "manifests"), "");
        assert_null(cr_reply_header(d, &r, "OCI-Filters-Applied"));
        cr_reply_done(&r);
        cr_push_blob(d, "library/app", CR_STR("makes the repository"));
    }

    cr_expect_done(cr_get(d, "/v2/nothing/app/referrers/" SUBJECT), 200, "");
    cr_expect_done(cr_get(d, REFERRERS "sha256:" D64 "0"), 400,
                   "DIGEST_INVALID");
}

static void
test_filter(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *a, *b;

    a = cr_push_manifest(d, "library/app", NULL, "a", SUBJECT,
                         ",\"artifactType\":\"application/vnd.x+json\","
                         "\"annotations\":{\"k\":\"v\"}");
    b = cr_push_manifest(d, "library/app", "sig", "b", SUBJECT, NULL);
    cr_push_manifest(d, "library/app", "v1", "c", NULL, NULL);
    cr_push_manifest(d, "library/other", NULL, "d", SUBJECT, NULL);

    expect_list(d, REFERRERS SUBJECT, "manifests", cr_text(d, "%s,%s", a, b),
                NULL);

    r = cr_get(d, REFERRERS SUBJECT);
    assert_non_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(r.body)),
                           "\"artifactType\":\"application/vnd.x+json\""));
    assert_non_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(r.body)),
                           "\"annotations\":{\"k\":\"v\"}"));
    cr_reply_done(&r);

    /* encoded, and as people type it */
    for (int i = 0; i < 2; i++) {
        r = cr_get(d, cr_text(d,
                              REFERRERS SUBJECT
                              "?artifactType=application%svnd.x%sjson",
                              i == 0 ? "%2F" : "/", i == 0 ? "%2B" : "+"));
        cr_expect(&r, 200, "");
        assert_string_equal(names(d, &r, "manifests"), a);
        assert_string_equal(cr_reply_header(d, &r, "OCI-Filters-Applied"),
                            "artifactType");
        cr_reply_done(&r);
    }

    r = cr_get(d, REFERRERS SUBJECT "?artifactType=none/such");
    cr_expect(&r, 200, "");
    assert_string_equal(names(d, &r, "manifests"), "");
    cr_reply_done(&r);
    cr_expect_done(cr_get(d, REFERRERS SUBJECT
                          "?artifactType=a/b&artifactType=c/d"),
                   400, "BAD_REQUEST");
}

/* Follow Link to the end; each referrer comes once. */
static size_t
walk(cr_drive_t *d, const char *target, size_t page)
{
    size_t total = 0;

    for (int turns = 0; target != NULL; turns++) {
        size_t      n = 0;
        cr_reply_t  r = cr_get(d, target);
        const char *list, *link;

        assert_true(turns < 200);
        cr_expect(&r, 200, "");
        list = names(d, &r, "manifests");

        for (const char *p = list; (p = strstr(p, "sha256:")) != NULL; p++) {
            n++;
        }

        assert_true(n > 0 && n <= page);
        total += n;
        link = cr_reply_header(d, &r, "Link");
        target = link == NULL ? NULL
                              : cr_text(d, "%.*s", (int) strcspn(link + 1, ">"),
                                        link + 1);
        cr_reply_done(&r);
    }

    return total;
}

static void
test_pages(void **state)
{
    cr_drive_t *d = *state;

    for (int i = 0; i < 70; i++) {
        cr_push_manifest(d, "library/app", NULL, cr_text(d, "r%d", i), SUBJECT,
                         i % 2 ? ",\"artifactType\":\"x/odd\"" : NULL);
    }

    assert_int_equal(walk(d, REFERRERS SUBJECT, 1000), 70);
    assert_int_equal(walk(d, REFERRERS SUBJECT "?n=32", 32), 70);
    assert_int_equal(walk(d, REFERRERS SUBJECT "?n=7", 7), 70);
    assert_int_equal(walk(d, REFERRERS SUBJECT "?n=70", 70), 70);
    assert_int_equal(walk(d, REFERRERS SUBJECT "?n=4&artifactType=x%2Fodd", 4),
                     35);
    expect_list(d, REFERRERS SUBJECT "?n=0", "manifests", "", NULL);
    cr_expect_done(cr_get(d, REFERRERS SUBJECT "?last=x"), 400,
                   "PAGINATION_NUMBER_INVALID");
    cr_expect_done(cr_get(d, REFERRERS SUBJECT "?last=9223372036854775808"),
                   400, "PAGINATION_NUMBER_INVALID");
}

/* Large annotations end a page before the count does. */
static void
test_bytes(void **state)
{
    cr_drive_t *d = *state;
    char       *big = malloc(1000001);

    assert_non_null(big);
    memset(big, 'x', 1000000);
    big[1000000] = '\0';

    for (int i = 0; i < 5; i++) {
        cr_push_manifest(d, "library/app", NULL, cr_text(d, "r%d", i), SUBJECT,
                         cr_text(d, ",\"annotations\":{\"k\":\"%s\"}", big));
    }

    free(big);
    assert_int_equal(walk(d, REFERRERS SUBJECT, 3), 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
