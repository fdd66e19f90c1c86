/* api/management/quota.c: the storage of projects. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

static void
test_get(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *one, *sum;

    one = cr_text(d, "/quotas/%d", (int) cr_api_project(d, "pay", 0));
    cr_push_blob(d, "pay/app", CR_STR("seventeen bytes.."));
    r = cr_api_call(d, "GET", one, NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_keys(d, &r, ""),
                        "creation_time,hard,id,ref,update_time,used");
    assert_string_equal(cr_api_at(d, &r, "ref"),
                        cr_text(d,
                                "{\"id\":%s,\"name\":\"pay\",\"owner_name\":"
                                "\"admin\"}",
                                one + strlen("/quotas/")));
    assert_string_equal(cr_api_at(d, &r, "hard"), "{\"storage\":-1}");
    assert_string_equal(cr_api_at(d, &r, "used"), "{\"storage\":17}");
    sum = cr_api_at(d, &r, "");
    cr_reply_done(&r);

    /* the same in the list */
    cr_api_shows(d,
                 cr_text(d, "/quotas?reference=project&reference_id=%s",
                         one + strlen("/quotas/")),
                 "", cr_text(d, "[%s]", sum));
}

static void
test_list(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_project(d, "pay", 0);
    cr_api_project(d, "own", 0);
    cr_push_blob(d, "pay/app", CR_STR("123"));
    cr_push_blob(d, "own/app", CR_STR("12"));
    cr_drive_sql(d, "UPDATE project SET storage_limit = 7 "
                    "WHERE name = 'library'");
    cr_api_shows(d, "/quotas?sort=-used.storage", "*.used.storage", "[3,2,0]");
    cr_api_shows(d, "/quotas?sort=-hard.storage", "0.ref.name", "\"library\"");
    cr_api_shows(d, "/quotas?sort=reference_id", "*.ref.name",
                 "[\"library\",\"pay\",\"own\"]");
    cr_api_shows(d, "/quotas", "*.ref.name", "[\"library\",\"own\",\"pay\"]");
    cr_api_shows(d, "/quotas?reference=project", "*.ref.name",
                 "[\"library\",\"own\",\"pay\"]");
    cr_api_shows(d, "/quotas?reference_id=1", "*.ref.name", "[\"library\"]");

    r = cr_api_call(d, "GET", "/quotas?page=2&page_size=2", NULL);
    assert_string_equal(cr_api_at(d, &r, "*.ref.name"), "[\"pay\"]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "3");
    cr_reply_done(&r);

    /* a project that is not there has none: an empty list, no error */
    r = cr_api_call(d, "GET", "/quotas?reference_id=99", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, ""), "[]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "0");
    cr_reply_done(&r);

    cr_api_refused(d, "GET", "/quotas?reference=user", NULL, 400, "BAD_REQUEST",
                   "reference: ");
    cr_api_refused(d, "GET", "/quotas?reference_id=x", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "reference_id");
    cr_api_refused(d, "GET", "/quotas?page=0", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "page");
}

static void
test_set(void **state)
{
    static const struct {
        const char *body, *text;
    } bad[] = {
        { "", "" },
        { "[]", "body: object" },
        { "{}", "storage: " },
        { "{\"hard\":null}", "storage: " },
        { "{\"hard\":7}", "hard: object" },
        { "{\"hard\":{}}", "storage: -1 or" },
        { "{\"hard\":{\"storage\":0}}", "storage: -1 or" },
        { "{\"hard\":{\"storage\":-2}}", "storage: -1 or" },
        { "{\"hard\":{\"storage\":\"5\"}}", "storage: integer" },
        { "{\"hard\":{\"storage\":1e9}}", "storage: integer" },
        { "{\"hard\":{\"storage\":9223372036854775808}}", "" },
    };
    cr_drive_t *d = *state;
    const char *one =
        cr_text(d, "/quotas/%d", (int) cr_api_project(d, "pay", 1));

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "PUT", one, bad[i].body, 400, "BAD_REQUEST",
                       bad[i].text);
    }

    cr_api_done(d, "PUT", one, "{\"hard\":{\"storage\":1}}", 200);
    cr_api_shows(d, one, "hard.storage", "1");
    cr_api_done(d, "PUT", one, "{\"hard\":{\"storage\":9223372036854775807}}",
                200);
    cr_api_shows(d, one, "hard.storage", "9223372036854775807");
    cr_api_done(d, "PUT", one, "{\"hard\":{\"storage\":-1}}", 200);
    cr_api_shows(d, one, "hard.storage", "-1");

    cr_api_refused(d, "PUT", "/quotas/99", "{\"hard\":{\"storage\":1}}", 404,
                   "NOT_FOUND", "");
    cr_api_refused(d, "PUT", "/quotas/x", "{\"hard\":{\"storage\":1}}", 422,
                   "UNPROCESSABLE_ENTITY", "id in path");
    cr_api_refused(d, "GET", "/quotas/99", NULL, 404, "NOT_FOUND", "");

    cr_drive_sql(d, "UPDATE project SET declared = 'nginx.conf:3' "
                    "WHERE name = 'pay'");
    cr_api_refused(d, "PUT", one, "{\"hard\":{\"storage\":1}}", 409, "CONFLICT",
                   "nginx.conf:3");

    /* the project's own administrator does not set it */
    cr_api_as(d, "alice");
    cr_api_refused(d, "PUT", one, "{\"hard\":{\"storage\":1}}", 403,
                   "FORBIDDEN", "");
    cr_api_refused(d, "GET", one, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", "/quotas/99", NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", "/quotas", NULL, 403, "FORBIDDEN", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", "/quotas", NULL, 401, "UNAUTHORIZED", "");
    cr_api_refused(d, "PUT", one, "{}", 401, "UNAUTHORIZED", "");
}

#define ROW(test)                                                              \
    cmocka_unit_test_setup_teardown(test, cr_api_setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_get),
        ROW(test_list),
        ROW(test_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
