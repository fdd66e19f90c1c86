/*
 * meta/access.c: caller and project in one statement.
 */

#include "meta_fixture.h"

#include <string.h>
#include "meta/access.h"
#include "meta/member.h"
#include "meta/project.h"
#include "meta/robot.h"
#include "meta/user.h"


static cr_access_row_t
get(meta_fixture_t *fx, bool robot, int64_t id, int64_t project_id,
    const char *z_project)
{
    cr_access_ask_t ask = { .robot = robot,
                            .id = id,
                            .project_id = project_id,
                            .project = cr_str_z(z_project) };
    cr_access_row_t row;

    memset(&row, 0x55, sizeof(row));
    OK(fx, cr_access_get(&fx->cx, fx->m, &ask, &row));
    return row;
}


/* Nothing there is no error: it is a row that says so. */
static void
test_nobody_and_nothing(void **state)
{
    meta_fixture_t *fx = *state;
    cr_access_row_t row = get(fx, false, 0, 0, "");

    assert_false(row.found);
    assert_false(row.admin);
    assert_false(row.project_found);
    assert_int_equal(row.role, 0);
    assert_null(row.perms);

    row = get(fx, false, 999, 0, "no-such");
    assert_false(row.found);
    assert_false(row.project_found);
    row = get(fx, true, 999, 999, "");
    assert_true(row.robot);
    assert_false(row.found);
    assert_false(row.project_found);

    /* It reads only: the event thread may ask. */
    fx->cx.may_block = false;
    row = get(fx, false, 0, 0, "library");
    assert_false(row.found);
    assert_true(row.project_found);
    assert_true(row.project_public);
}


static void
test_user(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         id = meta_user(fx, "bob");
    cr_access_row_t row;

    row = get(fx, false, 1, 0, "");
    assert_true(row.found);
    assert_true(row.admin);
    assert_text(row.name, "admin");
    assert_false(row.project_found);

    row = get(fx, false, id, 0, "library");
    assert_true(row.found);
    assert_false(row.robot);
    assert_false(row.admin);
    assert_false(row.disabled);
    assert_int_equal(row.epoch, 1);
    assert_text(row.name, "bob");
    assert_int_equal(row.role, 0);

    OK(fx, cr_user_set_disabled(&fx->cx, fx->m, id, true, &WHO));
    row = get(fx, false, id, 0, "");
    assert_true(row.found);
    assert_true(row.disabled);
    assert_int_equal(row.epoch, 2);
    OK(fx, cr_user_delete(&fx->cx, fx->m, id, &WHO));
    assert_false(get(fx, false, id, 0, "").found);
}


static void
test_project(void **state)
{
    meta_fixture_t  *fx = *state;
    int64_t          id = meta_user(fx, "bob"), other, member;
    bool             yes = true;
    cr_project_t     p;
    cr_project_set_t set = { .replication = &yes };
    cr_access_row_t  row;

    OK(fx, meta_project(fx, CR_STR("pay"), false, &p));
    OK(fx, cr_member_add(&fx->cx, fx->m, p.id, id, CR_ROLE_DEVELOPER, &WHO,
                         &member));
    other = meta_user(fx, "eve");

    row = get(fx, false, id, 0, "pay");
    assert_true(row.project_found);
    assert_int_equal(row.project_id, p.id);
    assert_text(row.project_name, "pay");
    assert_false(row.project_public);
    assert_false(row.project_replication);
    assert_int_equal(row.role, CR_ROLE_DEVELOPER);
    assert_int_equal(get(fx, false, other, 0, "pay").role, 0);
    assert_int_equal(get(fx, false, id, 0, "library").role, 0);

    /* The id goes before the name. */
    row = get(fx, false, id, p.id, "library");
    assert_int_equal(row.project_id, p.id);
    assert_false(get(fx, false, id, 999, "pay").project_found);

    /* What changes is seen by the next request. */
    OK(fx,
       cr_member_set_role(&fx->cx, fx->m, p.id, member, CR_ROLE_GUEST, &WHO));
    OK(fx, cr_project_set(&fx->cx, fx->m, p.id, &set, &WHO));
    row = get(fx, false, id, p.id, "");
    assert_int_equal(row.role, CR_ROLE_GUEST);
    assert_true(row.project_replication);
    OK(fx, cr_member_delete(&fx->cx, fx->m, p.id, member, &WHO));
    assert_int_equal(get(fx, false, id, p.id, "").role, 0);
    OK(fx, cr_project_delete(&fx->cx, fx->m, p.id, &WHO));
    assert_false(get(fx, false, id, p.id, "").project_found);
    assert_false(get(fx, false, id, 0, "pay").project_found);
}


static bool
has(const cr_access_row_t *row, bool system, const char *z_resource,
    const char *z_action)
{
    return cr_access_has(row, system, cr_str_z(z_resource), cr_str_z(z_action));
}


static void
test_robot(void **state)
{
    meta_fixture_t *fx = *state;
    cr_project_t    p;
    cr_robot_perm_t perms[] = {
        { .project_id = 0, .perm = CR_PERM_PUSH },
        { .project_id = 0, .perm = CR_PERM_REPOSITORY_PULL },
        { .project_id = CR_ROBOT_SYSTEM, .perm = CR_PERM_SYSTEM_USER_LIST },
    };
    cr_robot_new_t  n = { .name = CR_STR("ci"),
                          .duration = 1,
                          .replication = true,
                          .perms = perms,
                          .nperms = 3 };
    cr_robot_made_t made;
    cr_access_row_t row;

    OK(fx, meta_project(fx, CR_STR("pay"), false, &p));
    perms[0].project_id = p.id;
    OK(fx, cr_robot_create(&fx->cx, fx->m, &n, &WHO, &made));

    row = get(fx, true, made.id, 0, "pay");
    assert_true(row.found);
    assert_true(row.robot);
    assert_true(row.replication);
    assert_false(row.admin);
    assert_false(row.disabled);
    assert_text(row.name, "robot$ci");
    assert_int_equal(row.role, 0);
    assert_true(has(&row, false, "repository", "push"));
    assert_true(has(&row, false, "repository", "pull"));
    assert_true(has(&row, true, "user", "list"));
    assert_false(has(&row, false, "user", "list"));
    assert_false(has(&row, true, "repository", "pull"));
    assert_false(has(&row, false, "repository", "delete"));
    assert_false(has(&row, false, "repositor", "push"));

    /* Elsewhere: what holds in every project, and of the registry. */
    row = get(fx, true, made.id, 0, "library");
    assert_false(has(&row, false, "repository", "push"));
    assert_true(has(&row, false, "repository", "pull"));
    assert_true(has(&row, true, "user", "list"));

    /* A user of the same number has none of it. */
    row = get(fx, false, made.id, 0, "pay");
    assert_null(row.perms);

    /* At its end, not before, it is as good as disabled. */
    meta_clock_add(CR_DAY - 1);
    assert_false(get(fx, true, made.id, 0, "").disabled);
    meta_clock_add(1);
    assert_true(get(fx, true, made.id, 0, "").disabled);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_and_nothing),
        TEST(test_user),
        TEST(test_project),
        TEST(test_robot),
    };

    return cmocka_run_group_tests_name("meta/access", tests, NULL, NULL);
}
