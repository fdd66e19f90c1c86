/*
 * api/distribution/tag.c: tags/list.
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

#define TAGS "/v2/library/app/tags/list"

static void
test_list(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_expect_done(cr_get(d, TAGS), 404, "NAME_UNKNOWN");
    cr_expect_done(cr_get(d, TAGS "?n=0"), 404, "NAME_UNKNOWN");
    cr_push_blob(d, "library/app", CR_STR("makes the repository"));
    expect_list(d, TAGS, "tags", "", NULL);

    cr_push_manifest(d, "library/app", "b", "s", NULL, NULL);
    cr_push_manifest(d, "library/app", "B", "s", NULL, NULL);
    cr_push_manifest(d, "library/app", "a", "s", NULL, NULL);
    cr_push_manifest(d, "library/app", "v1.0-x_y", "s", NULL, NULL);
    cr_push_manifest(d, "library/app", NULL, "untagged", NULL, NULL);

    r = cr_get(d, TAGS);
    assert_true(cr_str_eq_z(r.body, "{\"name\":\"library/app\",\"tags\":"
                                    "[\"B\",\"a\",\"b\",\"v1.0-x_y\"]}\n"));
    assert_true(cr_str_eq_z(r.x->response.content_type, "application/json"));
    cr_reply_done(&r);
    r = cr_head(d, TAGS);
    cr_expect(&r, 200, "");
    assert_true(r.x->response.content_length > 0);
    cr_reply_done(&r);
}

static void
test_pages(void **state)
{
    cr_drive_t *d = *state;

    cr_push_manifest(d, "library/app", "a", "s", NULL, NULL);
    cr_push_manifest(d, "library/app", "b", "s", NULL, NULL);
    cr_push_manifest(d, "library/app", "c", "s", NULL, NULL);

    expect_list(d, TAGS "?n=2", "tags", "a,b", TAGS "?n=2&last=b");
    expect_list(d, TAGS "?n=2&last=b", "tags", "c", NULL);
    expect_list(d, TAGS "?n=3", "tags", "a,b,c", NULL);
    expect_list(d, TAGS "?last=a", "tags", "b,c", NULL);
    expect_list(d, TAGS "?last=aa", "tags", "b,c", NULL);
    expect_list(d, TAGS "?last=zzz", "tags", "", NULL);
    expect_list(d, TAGS "?n=2147483647", "tags", "a,b,c", NULL);
    expect_list(d, TAGS "?n=99999999999999999", "tags", "a,b,c", NULL);

    cr_reply_t r = cr_get(d, TAGS "?n=0");

    cr_expect(&r, 200, "");
    assert_string_equal(names(d, &r, "tags"), "");
    assert_null(cr_reply_header(d, &r, "Link"));
    cr_reply_done(&r);
}

static void
test_bad(void **state)
{
    cr_drive_t       *d = *state;
    const char *const bad[] = {
        "n=-1",
        "n=abc",
        "n=",
        "n=1.5",
        "n=99999999999999999999",
        "n=1&n=2",
        "last=a&last=b",
        "last=%0a",
        "last=%c3%a9",
    };

    cr_push_manifest(d, "library/app", "a", "s", NULL, NULL);

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_expect_done(cr_get(d, cr_text(d, TAGS "?%s", bad[i])), 400,
                       "PAGINATION_NUMBER_INVALID");
    }

    cr_expect_done(cr_get(d, cr_text(d, TAGS "?last=%0256d", 0)), 400,
                   "PAGINATION_NUMBER_INVALID");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
