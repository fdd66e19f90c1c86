/*
 * meta/robot_read.c: robots by id and name, their rights, lists of them.
 * Pages of many: test_page.c.
 */

#include "meta_fixture.h"

#include "meta/project.h"
#include "meta/robot.h"

static const cr_robot_perm_t pull_everywhere = { .project_id =
                                                     CR_ROBOT_EVERY_PROJECT,
                                                 .perm =
                                                     CR_PERM_REPOSITORY_PULL };


static cr_robot_made_t
made(meta_fixture_t *fx, const char *z_name, const cr_robot_perm_t *perms,
     size_t n, int64_t days)
{
    cr_robot_new_t new = {
        .name = cr_str_z(z_name), .duration = days, .perms = perms, .nperms = n
    };
    cr_robot_made_t r;

    OK(fx, cr_robot_create(&fx->cx, fx->m, &new, &WHO, &r));
    return r;
}


static void
test_one(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_made_t made_ = made(fx, "ci", &pull_everywhere, 1, -1);
    cr_robot_t      r = { .id = -7 };

    FAILS(fx, CR_ERR_NOT_FOUND, cr_robot_by_id(&fx->cx, fx->m, 99, &r));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_robot_by_id(&fx->cx, fx->m, 0, &r));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_robot_by_name(&fx->cx, fx->m, CR_STR("ci"), &r));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_robot_by_name(&fx->cx, fx->m, CR_STR("robot$CI"), &r));
    assert_int_equal(r.id, -7);

    /* Point reads: an event loop may ask. */
    fx->cx.may_block = false;
    OK(fx, cr_robot_by_name(&fx->cx, fx->m, CR_STR("robot$ci"), &r));
    assert_int_equal(r.id, made_.id);
    OK(fx, cr_robot_by_id(&fx->cx, fx->m, made_.id, &r));
    assert_text(r.name, "robot$ci");
    assert_int_equal(r.secret_hash.len, CR_ROBOT_HASH_SIZE);
}


static void
test_perms(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_perm_t perms[] = {
        { .project_id = 1, .perm = CR_PERM_REPOSITORY_PUSH },
        { .project_id = CR_ROBOT_SYSTEM, .perm = CR_PERM_SYSTEM_USER_LIST },
        pull_everywhere,
        { .project_id = 1, .perm = CR_PERM_REPOSITORY_PUSH }, /* twice */
    };
    cr_robot_made_t  made_ = made(fx, "ci", perms, 4, -1);
    cr_robot_perm_t *rows;
    size_t           n;

    /* A right that is known no more is not shown. */
    meta_exec(fx, "INSERT INTO robot_permission SELECT id, 0, 'old', 'thing' "
                  "FROM robot");
    OK(fx, cr_robot_perms(&fx->cx, fx->m, made_.id, &rows, &n));
    assert_int_equal(n, 3);
    assert_int_equal(rows[0].project_id, CR_ROBOT_SYSTEM);
    assert_int_equal(rows[0].perm, CR_PERM_SYSTEM_USER_LIST);
    assert_int_equal(rows[1].project_id, CR_ROBOT_EVERY_PROJECT);
    assert_int_equal(rows[1].perm, CR_PERM_REPOSITORY_PULL);
    assert_int_equal(rows[2].project_id, 1);
    assert_int_equal(rows[2].perm, CR_PERM_REPOSITORY_PUSH);
    assert_text(rows[2].project_name, "library");
    OK(fx, cr_robot_perms(&fx->cx, fx->m, 99, &rows, &n));
    assert_int_equal(n, 0);
}


/* Of several in one: each with its own, in their order. */
static void
test_perms_of(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_perm_t push = { .perm = CR_PERM_REPOSITORY_PUSH };
    cr_robot_made_t a = made(fx, "a", &pull_everywhere, 1, -1);
    cr_robot_made_t b = made(fx, "b", &push, 1, -1);
    cr_robot_t      robots[] = { { .id = b.id }, { .id = 99 }, { .id = a.id } };
    cr_robot_perm_t *rows;
    size_t           n;

    (void) made(fx, "c", &push, 1, -1);
    OK(fx, cr_robot_perms_of(&fx->cx, fx->m, robots, 3, &rows, &n));
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].robot_id, b.id);
    assert_int_equal(rows[0].perm, CR_PERM_REPOSITORY_PUSH);
    assert_int_equal(rows[1].robot_id, a.id);
    assert_int_equal(rows[1].perm, CR_PERM_REPOSITORY_PULL);
    OK(fx, cr_robot_perms_of(&fx->cx, fx->m, robots, 0, &rows, &n));
    assert_int_equal(n, 0);
}


static void
test_list(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_made_t a = made(fx, "zz", &pull_everywhere, 1, -1);
    cr_robot_made_t b = made(fx, "aa", &pull_everywhere, 1, -1);
    cr_robot_t     *rows;
    size_t          n;

    OK(fx, cr_robot_list(&fx->cx, fx->m, 0, 10, &rows, &n));
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].id, a.id);
    assert_int_equal(rows[1].id, b.id);
    assert_int_equal(rows[0].secret_hash.len, 0); /* not for lists */
    OK(fx, cr_robot_list(&fx->cx, fx->m, 0, 1, &rows, &n));
    assert_int_equal(n, 1);
    OK(fx, cr_robot_list(&fx->cx, fx->m, a.id, 10, &rows, &n));
    assert_int_equal(n, 1);
    assert_text(rows[0].name, "robot$aa");
    OK(fx, cr_robot_list(&fx->cx, fx->m, b.id, 10, &rows, &n));
    assert_int_equal(n, 0);
}


static void
page(meta_fixture_t *fx, cr_robot_filter_t f, int64_t offset, size_t limit,
     const char *z_names, int64_t total)
{
    cr_robot_t *rows;
    size_t      n;
    int64_t     all;
    cr_str_t    text = CR_STR("");

    OK(fx, cr_robot_page(&fx->cx, fx->m, &f, offset, limit, &rows, &n, &all));
    for (size_t i = 0; i < n; i++) {
        text = cr_printf(&fx->cx, "%.*s%s%.*s", CR_STR_ARG(text),
                         i == 0 ? "" : " ", CR_STR_ARG(rows[i].name));
        assert_int_equal(rows[i].secret_hash.len, 0);
    }
    assert_text(text, z_names);
    assert_int_equal(all, total);
}


static void
test_page(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_perm_t own = { .project_id = 1, .perm = CR_PERM_REPOSITORY_PULL };
    cr_robot_new_t  n = { .name = CR_STR("ci"),
                          .project_id = 1,
                          .duration = -1,
                          .perms = &own,
                          .nperms = 1 };
    cr_robot_made_t r;
    cr_robot_filter_t none = { 0 }, f;

    page(fx, none, 0, 10, "", 0);
    (void) made(fx, "zoe", &pull_everywhere, 1, -1);
    (void) made(fx, "al", &pull_everywhere, 1, -1);
    (void) made(fx, "cia", &pull_everywhere, 1, -1);
    OK(fx, cr_robot_create(&fx->cx, fx->m, &n, &WHO, &r));

    page(fx, none, 0, 2, "robot$zoe robot$al", 3);
    page(fx, none, 2, 2, "robot$cia", 3);
    page(fx, none, 3, 2, "", 3);
    page(fx, (cr_robot_filter_t){ .descending = true }, 0, 2,
         "robot$cia robot$al", 3);
    page(fx, (cr_robot_filter_t){ .by_name = true }, 0, 2, "robot$al robot$cia",
         3);
    f = (cr_robot_filter_t){ .project_id = 1 };
    page(fx, f, 0, 10, "robot$library+ci", 1);
    f.name_like = CR_STR("ci");
    page(fx, f, 0, 10, "robot$library+ci", 1);
    f.name_like = CR_STR("zoe");
    page(fx, f, 0, 10, "", 0);
    page(fx, (cr_robot_filter_t){ .name = CR_STR("al") }, 0, 10, "robot$al", 1);
    page(fx, (cr_robot_filter_t){ .name = CR_STR("robot$al") }, 0, 10,
         "robot$al", 1);
    page(fx, (cr_robot_filter_t){ .name = CR_STR("a") }, 0, 10, "", 0);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one),  TEST(test_perms), TEST(test_perms_of),
        TEST(test_list), TEST(test_page),
    };

    return cmocka_run_group_tests_name("meta/robot_read", tests, NULL, NULL);
}
