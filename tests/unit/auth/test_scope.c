/*
 * auth/scope.c: the grammar, lists, writing.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "auth/scope.h"


static cr_ctx_t cx;


static void
test_good(void **state)
{
    static const struct {
        const char *text;
        const char *type;
        const char *name;
        unsigned    actions;
    } rows[] = {
        { "repository:library/a:pull", "repository", "library/a",
          CR_ACTION_PULL },
        { "repository:a/b:pull,push", "repository", "a/b",
          CR_ACTION_PULL | CR_ACTION_PUSH },
        { "repository:a/b:push,pull,push", "repository", "a/b",
          CR_ACTION_PULL | CR_ACTION_PUSH },
        { "repository:a:delete,scanner-pull", "repository", "a",
          CR_ACTION_DELETE },
        { "repository:a:create", "repository", "a", 0 },
        { "registry:catalog:*", "registry", "catalog", CR_ACTION_ALL },
        { "repository:host.example:5000/a/b:pull", "repository",
          "host.example:5000/a/b", CR_ACTION_PULL },
        { "repository:a:b:pull", "repository", "a:b", CR_ACTION_PULL },
        { "repository(plugin):a/b:pull", "repository", "a/b", CR_ACTION_PULL },
        { "repository:*:pull", "repository", "*", CR_ACTION_PULL },
    };

    cr_scope_t s;

    (void) state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        assert_int_equal(cr_scope_parse(&cx, cr_str_z(rows[i].text), &s),
                         CR_OK);
        assert_true(cr_str_eq_z(s.type, rows[i].type));
        assert_true(cr_str_eq_z(s.name, rows[i].name));
        assert_int_equal(s.actions, rows[i].actions);
    }
}


static void
test_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        "::",
        "repository",
        "repository:a",
        "repository::pull",
        ":a:pull",
        "repository:a:",
        "repository:a:,",
        "repository:a:pull,",
        "repository:a:,pull",
        "repository:a:pull,,push",
        "repository:a:pu ll",
        "repository:a b:pull",
        "repository:a\tb:pull",
        "repository:a\nb:pull",
        "repository:\xc3\xbc:pull",
        "Repository:a:pull",
        "repo sitory:a:pull",
        "repository(:a:pull",
        "repository):a:pull",
        "repository():a:pull",
        "repository(plugin:a:pull",
        "repository(plugin)x:a:pull",
        "(plugin):a:pull",
        "repository((p)):a:pull",
        "repository:a:PULL",
        "repository:a:**",
        "repository:a:pull*",
    };

    cr_scope_t s = { .actions = 77 };

    (void) state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_clear(&cx);
        assert_int_equal(cr_scope_parse(&cx, cr_str_z(bad[i]), &s),
                         CR_ERR_BAD_REQUEST);
        assert_int_equal(cx.err, CR_ERR_BAD_REQUEST);
    }

    assert_int_equal(cr_scope_parse(&cx, CR_STR_NULL, &s), CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_scope_parse(&cx, CR_STR("repository:a\0:pull"), &s),
                     CR_ERR_BAD_REQUEST);
    assert_int_equal(s.actions, 77);
}


static void
test_name_length(void **state)
{
    char       text[CR_SCOPE_NAME_MAX + 20];
    cr_scope_t s;

    (void) state;

    memset(text, 'a', sizeof(text));
    memcpy(text, "r:", 2);
    memcpy(text + 2 + CR_SCOPE_NAME_MAX, ":pull", 5);
    assert_int_equal(cr_scope_parse(&cx,
                                    (cr_str_t){ CR_SCOPE_NAME_MAX + 7, text },
                                    &s),
                     CR_OK);
    assert_int_equal(s.name.len, CR_SCOPE_NAME_MAX);

    memcpy(text + 2 + CR_SCOPE_NAME_MAX, "a:pull", 6);
    assert_int_equal(cr_scope_parse(&cx,
                                    (cr_str_t){ CR_SCOPE_NAME_MAX + 8, text },
                                    &s),
                     CR_ERR_BAD_REQUEST);
}


static void
test_list(void **state)
{
    size_t     n = 0;
    cr_scope_t list[3];

    (void) state;

    assert_int_equal(cr_scope_parse_list(&cx, CR_STR_NULL, list, 3, &n), CR_OK);
    assert_int_equal(cr_scope_parse_list(&cx, CR_STR("   "), list, 3, &n),
                     CR_OK);
    assert_int_equal(n, 0);

    assert_int_equal(cr_scope_parse_list(&cx,
                                         CR_STR(
                                             " repository:a:pull  repository:b:"
                                             "push "),
                                         list, 3, &n),
                     CR_OK);
    assert_int_equal(n, 2);
    assert_true(cr_str_eq_z(list[1].name, "b"));

    /* One bad, and none of them counts. */
    assert_int_equal(cr_scope_parse_list(&cx, CR_STR("registry:catalog:* bad"),
                                         list, 3, &n),
                     CR_ERR_BAD_REQUEST);
    assert_int_equal(n, 2);

    assert_int_equal(cr_scope_parse_list(&cx, CR_STR("registry:catalog:*"),
                                         list, 3, &n),
                     CR_OK);
    assert_int_equal(n, 3);
    assert_true(cr_str_eq_z(list[2].name, "catalog"));
    assert_true(cr_str_eq_z(list[0].name, "a"));

    assert_int_equal(cr_scope_parse_list(&cx, CR_STR("registry:catalog:*"),
                                         list, 3, &n),
                     CR_ERR_BAD_REQUEST);
    assert_int_equal(n, 3);
    assert_int_equal(cr_scope_parse_list(&cx, CR_STR(" "), list, 3, &n), CR_OK);
}


static void
test_write(void **state)
{
    cr_buf_t b;
    cr_str_t s;

    (void) state;

    cr_buf_init(&b, &cx, 1000);
    cr_scope_actions(&b, 0);
    cr_buf_char(&b, '|');
    cr_scope_actions(&b, CR_ACTION_PUSH);
    cr_buf_char(&b, '|');
    cr_scope_actions(&b, CR_ACTION_DELETE | CR_ACTION_PULL | CR_ACTION_PUSH
                             | CR_ACTION_ALL);
    cr_buf_char(&b, '|');
    cr_scope_actions_json(&b, 0);
    cr_buf_char(&b, '|');
    cr_scope_actions_json(&b, CR_ACTION_PULL | CR_ACTION_DELETE);
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);
    assert_true(
        cr_str_eq_z(s, "|push|pull,push,delete,*|[]|[\"pull\",\"delete\"]"));
}


static void
test_action_names(void **state)
{
    (void) state;

    assert_int_equal(cr_scope_action(CR_STR("pull")), CR_ACTION_PULL);
    assert_int_equal(cr_scope_action(CR_STR("push")), CR_ACTION_PUSH);
    assert_int_equal(cr_scope_action(CR_STR("delete")), CR_ACTION_DELETE);
    assert_int_equal(cr_scope_action(CR_STR("*")), CR_ACTION_ALL);
    assert_int_equal(cr_scope_action(CR_STR("Pull")), 0);
    assert_int_equal(cr_scope_action(CR_STR("pul")), 0);
    assert_int_equal(cr_scope_action(CR_STR_NULL), 0);
}


int
main(void)
{
    int rc;

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_name_length), cmocka_unit_test(test_list),
        cmocka_unit_test(test_write),       cmocka_unit_test(test_action_names),
    };

    if (cr_ctx_init(&cx, 1 << 20) != CR_OK) {
        return 1;
    }

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    cr_ctx_done(&cx);

    return rc;
}
