/*
 * meta/statistic.c: numbers of what a caller may see.  That the counters are
 * right whatever happens: test_total.c.
 */

#include "meta_fixture.h"

#include "meta/member.h"
#include "meta/project.h"
#include "meta/robot.h"
#include "meta/statistic.h"


static void
expect(meta_fixture_t *fx, cr_visibility_t vis, int64_t private_projects,
       int64_t private_repositories, int64_t public_projects,
       int64_t public_repositories, int64_t storage)
{
    cr_statistic_t s;

    OK(fx, cr_statistic_get(&fx->cx, fx->m, &vis, &s));
    assert_int_equal(s.private_projects, private_projects);
    assert_int_equal(s.private_repositories, private_repositories);
    assert_int_equal(s.public_projects, public_projects);
    assert_int_equal(s.public_repositories, public_repositories);
    assert_int_equal(s.storage, storage);
}


static void
test_what_is_seen(void **state)
{
    static const cr_visibility_t all = { .all = true }, anyone = { 0 };

    meta_fixture_t *fx = *state;
    cr_project_t    pay, other;
    int64_t         bob, member;
    cr_robot_perm_t perms = { .perm = CR_PERM_REPOSITORY_PULL };
    cr_robot_new_t  n = {
         .name = CR_STR("ci"), .duration = -1, .perms = &perms, .nperms = 1
    };
    cr_robot_made_t made;

    expect(fx, all, 0, 0, 1, 0, 0);
    expect(fx, anyone, 0, 0, 1, 0, 0);

    OK(fx, meta_project(fx, CR_STR("pay"), false, &pay));
    OK(fx, meta_project(fx, CR_STR("other"), false, &other));
    (void) meta_push(fx, "library/a", "v1", "12345");
    (void) meta_push(fx, "pay/a", "v1", "123");
    (void) meta_push(fx, "pay/b", "v1", "123");
    (void) meta_push(fx, "other/a", "v1", "12");
    /* Each project has the config "c" too. */
    expect(fx, all, 2, 3, 1, 1, 5 + 3 + 2 + 3);
    expect(fx, anyone, 0, 0, 1, 1, 0);

    bob = meta_user(fx, "bob");
    expect(fx, (cr_visibility_t){ .user_id = bob }, 0, 0, 1, 1, 0);
    OK(fx, cr_member_add(&fx->cx, fx->m, pay.id, bob, CR_ROLE_GUEST, &WHO,
                         &member));
    expect(fx, (cr_visibility_t){ .user_id = bob }, 1, 2, 1, 1, 0);

    perms.project_id = n.project_id = other.id;
    OK(fx, cr_robot_create(&fx->cx, fx->m, &n, &WHO, &made));
    expect(fx, (cr_visibility_t){ .robot_id = made.id }, 1, 1, 1, 1, 0);

    OK(fx, meta_set_public(fx, CR_STR("pay"), true));
    expect(fx, all, 1, 1, 2, 3, 5 + 3 + 2 + 3);
    expect(fx, (cr_visibility_t){ .user_id = bob }, 0, 0, 2, 3, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_seen, meta_setup,
                                        meta_teardown),
    };

    return cmocka_run_group_tests_name("meta/statistic", tests, NULL, NULL);
}
