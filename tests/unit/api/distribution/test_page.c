/* api/distribution/page.c: n, last and Link, on tags and referrers. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"
#include "api/distribution/page.h"

#define TAGS "/v2/library/app/tags/list"

static void
expect(cr_drive_t *d, const char *query, const char *tags, const char *link)
{
    cr_reply_t  r = cr_get(d, cr_text(d, TAGS "%s", query));
    const char *got;

    cr_expect(&r, 200, "");
    assert_string_equal(cr_api_at(d, &r, "tags"), tags);
    got = cr_reply_header(d, &r, "Link");

    if (link == NULL) {
        assert_null(got);

    } else {
        assert_non_null(got);
        assert_string_equal(got,
                            cr_text(d, "<" TAGS "%s>; rel=\"next\"", link));
    }

    cr_reply_done(&r);
}

static void
test_parse(void **state)
{
    static const struct {
        const char *query, *tags, *link;
    } rows[] = {
        { "", "[\"a\",\"b\",\"c\"]", NULL },
        { "?n=1", "[\"a\"]", "?n=1&last=a" },
        { "?n=01", "[\"a\"]", "?n=1&last=a" },
        { "?last=a&n=1", "[\"b\"]", "?n=1&last=b" },
        { "?n=1&last=b", "[\"c\"]", NULL },
        { "?n=%31", "[\"a\"]", "?n=1&last=a" },
        { "?n=0", "[]", NULL },
        { "?n=18446744073709551615", "[\"a\",\"b\",\"c\"]", NULL },
        { "?last=", "[\"a\",\"b\",\"c\"]", NULL },
        { "?last=%7E", "[]", NULL },
        { "?last=%21", "[\"a\",\"b\",\"c\"]", NULL },
        { "?x=1", "[\"a\",\"b\",\"c\"]", NULL },
    };
    static const char *const bad[] = {
        "n=",          "n=-1",
        "n=+1",        "n=1.0",
        "n=1e3",       "n=0x1",
        "n=a",         "n=%201",
        "n=1%20",      "n=18446744073709551616",
        "n=1&n=1",     "last=%20",
        "last=%7F",    "last=a%0a",
        "last=%c3%a4", "last=a&last=a",
    };
    cr_drive_t *d = *state;

    cr_push_manifest(d, "library/app", "a", "s", NULL, NULL);
    cr_push_manifest(d, "library/app", "b", "s", NULL, NULL);
    cr_push_manifest(d, "library/app", "c", "s", NULL, NULL);

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        expect(d, rows[i].query, rows[i].tags, rows[i].link);
    }

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_expect_done(cr_get(d, cr_text(d, TAGS "?%s", bad[i])), 400,
                       "PAGINATION_NUMBER_INVALID");
    }

    /* as long as a name may be, and no longer */
    expect(d, cr_text(d, "?last=%0255d", 0), "[\"a\",\"b\",\"c\"]", NULL);
    cr_expect_done(cr_get(d, cr_text(d, TAGS "?last=%0256d", 0)), 400,
                   "PAGINATION_NUMBER_INVALID");
}

/* One more than the largest page: a Link, whatever n asks for. */
static void
test_bound(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_push_manifest(d, "library/app", "a", "s", NULL, NULL);
    cr_drive_sql(d, cr_text(d,
                            "WITH RECURSIVE n(i) AS (SELECT 100001 UNION ALL "
                            "SELECT i + 1 FROM n WHERE i < %d) INSERT INTO "
                            "tag (repository_id, name, manifest_id, "
                            "pushed_by, created_at, updated_at) SELECT "
                            "t.repository_id, 'b' || n.i, t.manifest_id, "
                            "'user:1', 1, 1 FROM n, tag t WHERE t.name = 'a'",
                            100000 + CR_PAGE_MAX));
    r = cr_get(d, TAGS "?n=99999");
    cr_expect(&r, 200, "");
    assert_string_equal(cr_api_at(d, &r, "tags.9999"), "\"b109999\"");
    assert_string_equal(cr_api_at(d, &r, "tags.10000"), "-");
    assert_string_equal(cr_reply_header(d, &r, "Link"),
                        "<" TAGS "?n=10000&last=b109999>; rel=\"next\"");
    cr_reply_done(&r);

    /* a page that is not asked for has a size too */
    r = cr_get(d, TAGS);
    assert_string_equal(cr_api_at(d, &r, "tags.999"), "\"b100999\"");
    assert_string_equal(cr_api_at(d, &r, "tags.1000"), "-");
    assert_string_equal(cr_reply_header(d, &r, "Link"),
                        "<" TAGS "?n=1000&last=b100999>; rel=\"next\"");
    cr_reply_done(&r);
}

/* Link repeats the parameter of referrers, encoded. */
static void
test_value(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *subject, *target, *link;

    subject = cr_push_manifest(d, "library/app", "v1", "s", NULL, NULL);

    for (int i = 0; i < 3; i++) {
        cr_push_manifest(d, "library/app", NULL, cr_text(d, "%d", i), subject,
                         ",\"artifactType\":\"application/x+a\"");
    }

    target = cr_text(d, "/v2/library/app/referrers/%s", subject);
    r = cr_get(d, cr_text(d, "%s?n=2&artifactType=application/x%%2Ba", target));
    cr_expect(&r, 200, "");
    link = cr_reply_header(d, &r, "Link");
    assert_non_null(link);
    assert_non_null(strstr(link, cr_text(d, "<%s?n=2&last=", target)));
    assert_non_null(
        strstr(link, "&artifactType=application%2Fx%2Ba>; rel=\"next\""));
    cr_reply_done(&r);
    r = cr_get(d, cr_text(d, "%.*s", (int) strcspn(link, ">") - 1, link + 1));
    cr_expect(&r, 200, "");
    assert_string_equal(cr_api_at(d, &r, "manifests.1"), "-");
    assert_string_not_equal(cr_api_at(d, &r, "manifests.0"), "-");
    assert_null(cr_reply_header(d, &r, "Link"));
    cr_reply_done(&r);
}

#define ROW(test)                                                              \
    cmocka_unit_test_setup_teardown(test, cr_api_setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_parse),
        ROW(test_bound),
        ROW(test_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
