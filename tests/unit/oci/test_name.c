/*
 * Repository and project names.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "oci/name.h"

static int
setup(void **state)
{
    static cr_ctx_t cx;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    *state = &cx;

    return 0;
}


static int
teardown(void **state)
{
    cr_ctx_done(*state);

    return 0;
}


static void
good_names(void **state)
{
    cr_ctx_t *cx = *state;
    size_t    i;

    static const char *const names[] = {
        "library/app",         "a/b",          "0/9",
        "a/b/c/d/e/f/g",       "a.b/c_d",      "a__b/c--d",
        "a----------b/c",      "a-b_c.d__e/f", "blobs/uploads",
        "manifests/tags/list", "x/referrers",  "p/q",
        "x.php/index.php",
    };

    for (i = 0; i < CR_NELTS(names); i++) {
        cr_name_t n;

        assert_int_equal(cr_name_parse(cx, cr_str_z(names[i]), &n), CR_OK);
        assert_true(cr_str_eq_z(n.full, names[i]));
        assert_int_equal(n.project.len + 1 + n.rest.len, n.full.len);
        assert_int_equal(names[i][n.project.len], '/');
        assert_int_equal(cr_str_chr(n.project, '/'), -1);
        assert_ptr_equal(n.rest.data, names[i] + n.project.len + 1);
    }
}


static void
bad_names(void **state)
{
    cr_ctx_t *cx = *state;
    size_t    i;

    /* clang-format off */
    static const cr_str_t names[] = {
        { 0, NULL }, { 0, "" }, { 1, "/" }, { 2, "//" },
#define N(z) { sizeof(z) - 1, z }
        N("/a/b"), N("a/b/"), N("a//b"), N("a/./b"), N("a/../b"), N("../a"),
        N("./a"), N("a/.."), N("A/b"), N("a/B"), N("a/b%2fc"), N("a/%2e%2e"),
        N("a/b\\c"), N("a/b\0c"), N("a/b c"), N(" a/b"), N("a/b\n"),
        N("a/_b"), N("a/.b"), N("a/-b"), N("a/b_"), N("a/b."), N("a/b-"),
        N("a/b___c"), N("a/b..c"), N("a/b._c"), N("a/b_-c"), N("a/b-.c"),
        N("a/b:c"), N("a/b@c"), N("a/b?c"), N("a/b+c"), N("a/b~c"),
        N("a/\xc0\xaf"), N("a/\xc3\xa9"), N("_catalog/a"), N("a/__"),
        N("a/b\xff"), N("a/b\x7f"), N("a/b*"),
#undef N
    };
    /* clang-format on */

    for (i = 0; i < CR_NELTS(names); i++) {
        cr_name_t n = { CR_STR_NULL, CR_STR_NULL, CR_STR_NULL };

        assert_int_equal(cr_name_parse(cx, names[i], &n), CR_ERR_NAME_INVALID);
        assert_true(cx->message.len > 0);
        assert_null(n.full.data);
    }
}


static void
one_component(void **state)
{
    cr_ctx_t *cx = *state;
    cr_name_t n;

    assert_int_equal(cr_name_parse(cx, CR_STR("ubuntu"), &n),
                     CR_ERR_NAME_INVALID);
    assert_non_null(strstr(cx->message.data, "library/ubuntu"));

    /* What is not a name is not repeated to the client. */
    assert_int_equal(cr_name_parse(cx, CR_STR("<b>"), &n), CR_ERR_NAME_INVALID);
    assert_null(strstr(cx->message.data, "<b>"));
}


static void
lengths(void **state)
{
    cr_ctx_t *cx = *state;
    char      z[CR_NAME_MAX + 1];
    cr_str_t  s = { CR_NAME_MAX, z };
    cr_name_t n;

    memset(z, 'a', sizeof(z));
    z[1] = '/';
    assert_int_equal(cr_name_parse(cx, s, &n), CR_OK);
    s.len++;
    assert_int_equal(cr_name_parse(cx, s, &n), CR_ERR_NAME_INVALID);
}


static void
projects(void **state)
{
    cr_ctx_t *cx = *state;
    char      z[CR_NAME_MAX + 1];
    size_t    i;

    static const char *const good[] = { "a", "0", "library", "a.b-c_d",
                                        "team1" };
    static const char *const bad[] = { "",     "A",    "a/b",  "-a",      "a-",
                                       "a--b", "a__b", "a..b", "a b",     "a%b",
                                       "_",    ".",    "..",   "\xc3\xa9" };

    for (i = 0; i < CR_NELTS(good); i++) {
        assert_int_equal(cr_name_project_check(cx, cr_str_z(good[i])), CR_OK);
    }
    for (i = 0; i < CR_NELTS(bad); i++) {
        assert_int_equal(cr_name_project_check(cx, cr_str_z(bad[i])),
                         CR_ERR_BAD_REQUEST);
    }

    memset(z, 'a', sizeof(z));
    assert_int_equal(cr_name_project_check(cx, (cr_str_t){ CR_NAME_MAX, z }),
                     CR_OK);
    assert_int_equal(cr_name_project_check(cx,
                                           (cr_str_t){ CR_NAME_MAX + 1, z }),
                     CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_name_project_check(cx, CR_STR("a\0")),
                     CR_ERR_BAD_REQUEST);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names),    cmocka_unit_test(bad_names),
        cmocka_unit_test(one_component), cmocka_unit_test(lengths),
        cmocka_unit_test(projects),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
