/*
 * meta/tag.c: the list of tags.
 */

#include "meta_fixture.h"

#define APP CR_STR("library/app")


static void
names(meta_fixture_t *fx, const char *z_last, size_t n, const char *z_names)
{
    cr_str_t *rows, text = CR_STR("");
    size_t    count;

    OK(fx,
       cr_tag_list(&fx->cx, fx->m, APP, cr_str_z(z_last), n, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        text = cr_printf(&fx->cx, "%.*s%s%.*s", CR_STR_ARG(text),
                         i == 0 ? "" : " ", CR_STR_ARG(rows[i]));
    }
    assert_text(text, z_names);
}


static void
test_unknown(void **state)
{
    meta_fixture_t *fx = *state;
    cr_str_t       *rows;
    size_t          n = 99;

    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_tag_list(&fx->cx, fx->m, APP, CR_STR(""), 10, &rows, &n));
    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_tag_list(&fx->cx, fx->m, APP, CR_STR(""), 0, &rows, &n));
    assert_int_equal(n, 99);
}


/* A repository without a tag is none that is unknown. */
static void
test_without_tags(void **state)
{
    meta_fixture_t *fx = *state;
    cr_reference_t  ref = meta_ref(fx, "v1");

    (void) meta_push(fx, "library/app", NULL, "layer");
    names(fx, "", 10, "");
    names(fx, "", 0, "");
    (void) meta_push(fx, "library/app", "v1", "layer");
    names(fx, "", 10, "v1");
    OK(fx, cr_manifest_delete(&fx->cx, fx->m, APP, &ref, &WHO));
    names(fx, "", 10, "");
}


static void
test_order_and_pages(void **state)
{
    static const char *const tags[] = { "v2", "V1", "latest", "v10", "1" };

    meta_fixture_t *fx = *state;

    for (size_t i = 0; i < CR_NELTS(tags); i++) {
        (void) meta_push(fx, "library/app", tags[i], "layer");
    }
    (void) meta_push(fx, "library/app2", "other", "layer");

    fx->cx.may_block = false;
    names(fx, "", 10, "1 V1 latest v10 v2");
    names(fx, "", 2, "1 V1");
    names(fx, "V1", 2, "latest v10");
    names(fx, "v10", 2, "v2");
    names(fx, "v2", 2, "");
    names(fx, "", 0, "");
    /* A bound that is no tag is a bound. */
    names(fx, "m", 10, "v10 v2");
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unknown),
        TEST(test_without_tags),
        TEST(test_order_and_pages),
    };

    return cmocka_run_group_tests_name("meta/tag", tests, NULL, NULL);
}
