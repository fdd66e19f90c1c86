/* api/distribution/discover.c: which extensions there are. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

/* The answer is one text; the project of the name decides who gets it. */
static void
test_discover(void **state)
{
    static const char *const targets[] = {
        "/v2/_oci/ext/discover",
        "/v2/library/app/_oci/ext/discover",
        "/v2/pay/a/b/_oci/ext/discover",
    };
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_project(d, "pay", 3);

    for (size_t i = 0; i < CR_NELTS(targets); i++) {
        r = cr_get(d, targets[i]);
        cr_expect(&r, 200, "");
        assert_true(
            cr_str_eq_z(r.x->response.content_type, "application/json"));
        assert_string_equal(cr_api_at(d, &r, "extensions.*.name"),
                            "[\"_oci\"]");
        assert_string_equal(cr_api_at(d, &r, "extensions.0.endpoints"),
                            "[\"_oci/ext/discover\"]");
        assert_string_equal(cr_api_keys(d, &r, "extensions.0"),
                            "description,endpoints,name,url");
        assert_int_equal(r.steps[CR_STEP_DB], 0);
        cr_reply_done(&r);
        r = cr_head(d, targets[i]);
        cr_expect(&r, 200, "");
        assert_true(r.x->response.content_length > 0);
        cr_reply_done(&r);
    }

    cr_api_as(d, "alice");
    cr_expect_done(cr_get(d, targets[0]), 200, "");
    cr_expect_done(cr_get(d, targets[2]), 200, "");
    cr_api_as(d, "bob");
    cr_expect_done(cr_get(d, targets[0]), 200, "");
    cr_expect_done(cr_get(d, targets[2]), 403, "DENIED");
    cr_expect_done(cr_get(d, "/v2/none/a/_oci/ext/discover"), 403, "DENIED");
    cr_api_as(d, NULL);
    cr_expect_done(cr_get(d, targets[0]), 401, "UNAUTHORIZED");
    cr_expect_done(cr_get(d, targets[1]), 200, "");
    cr_expect_done(cr_get(d, targets[2]), 401, "UNAUTHORIZED");
    cr_expect_done(cr_get(d, "/v2/app/_oci/ext/discover"), 400, "NAME_INVALID");
    cr_expect_done(cr_send(d, "POST", targets[0], CR_STR_NULL), 405,
                   "UNSUPPORTED");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_discover, cr_api_setup,
                                        cr_api_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
