/*
 * meta/member.c: members of projects and their roles.
 */

#include "meta_fixture.h"

#include "meta/member.h"
#include "meta/project.h"


static int64_t
add(meta_fixture_t *fx, int64_t project_id, int64_t user_id, cr_role_e role)
{
    int64_t id;

    OK(fx, cr_member_add(&fx->cx, fx->m, project_id, user_id, role, &WHO, &id));
    return id;
}


static void
test_add(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         bob = meta_user(fx, "bob"), id = -1;
    cr_member_t     row;

    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_member_add(&fx->cx, fx->m, 1, bob, CR_ROLE_NONE, &WHO, &id));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_member_add(&fx->cx, fx->m, 1, bob, CR_ROLE_SYSTEM, &WHO, &id));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_member_add(&fx->cx, fx->m, 1, bob, CR_ROLE_MAX, &WHO, &id));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_member_add(&fx->cx, fx->m, 99, bob, CR_ROLE_GUEST, &WHO, &id));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_member_add(&fx->cx, fx->m, 1, 99, CR_ROLE_GUEST, &WHO, &id));
    assert_int_equal(id, -1);

    id = add(fx, 1, bob, CR_ROLE_GUEST);
    FAILS(fx, CR_ERR_EXISTS,
          cr_member_add(&fx->cx, fx->m, 1, bob, CR_ROLE_DEVELOPER, &WHO, &id));
    OK(fx, cr_member_get(&fx->cx, fx->m, 1, id, &row));
    assert_int_equal(row.id, id);
    assert_int_equal(row.project_id, 1);
    assert_int_equal(row.user_id, bob);
    assert_text(row.user_name, "bob");
    assert_int_equal(row.role, CR_ROLE_GUEST);
    assert_int_equal(row.declared.len, 0);
    assert_int_equal(row.created_at, meta_now());
    assert_int_equal(meta_audits(fx, "create project_member bob", "guest"), 1);
    assert_int_equal(meta_int(fx, "SELECT member_count FROM project WHERE "
                                  "id = 1"),
                     1);

    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN,
          cr_member_add(&fx->cx, fx->m, 1, 1, CR_ROLE_GUEST, &WHO, &id));
}


static void
test_get(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         bob = meta_user(fx, "bob"), id;
    cr_project_t    p;
    cr_member_t     row;

    OK(fx, meta_project(fx, CR_STR("pay"), false, &p));
    id = add(fx, p.id, bob, CR_ROLE_DEVELOPER);
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_member_get(&fx->cx, fx->m, 1, id, &row)); /* another project's */
    FAILS(fx, CR_ERR_NOT_FOUND, cr_member_get(&fx->cx, fx->m, p.id, 99, &row));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_member_of(&fx->cx, fx->m, 1, bob, &row));
    OK(fx, cr_member_of(&fx->cx, fx->m, p.id, bob, &row));
    assert_int_equal(row.id, id);
    assert_int_equal(row.role, CR_ROLE_DEVELOPER);
}


static void
test_page_and_roles(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         counts[CR_ROLE_MAX], total;
    cr_member_t    *rows;
    size_t          n;

    OK(fx,
       cr_member_page(&fx->cx, fx->m, 1, CR_STR(""), 0, 10, &rows, &n, &total));
    assert_int_equal(n, 0);
    assert_int_equal(total, 0);

    (void) add(fx, 1, meta_user(fx, "carol"), CR_ROLE_GUEST);
    (void) add(fx, 1, meta_user(fx, "al"), CR_ROLE_GUEST);
    (void) add(fx, 1, meta_user(fx, "bob"), CR_ROLE_PROJECT_ADMIN);
    OK(fx,
       cr_member_page(&fx->cx, fx->m, 1, CR_STR(""), 1, 10, &rows, &n, &total));
    assert_int_equal(n, 2);
    assert_int_equal(total, 3);
    assert_text(rows[0].user_name, "bob");
    assert_text(rows[1].user_name, "carol");
    OK(fx, cr_member_page(&fx->cx, fx->m, 1, CR_STR("o"), 1, 10, &rows, &n,
                          &total));
    assert_int_equal(n, 1);
    assert_int_equal(total, 2);
    assert_text(rows[0].user_name, "carol");

    OK(fx, cr_member_roles(&fx->cx, fx->m, 1, counts));
    assert_int_equal(counts[CR_ROLE_GUEST], 2);
    assert_int_equal(counts[CR_ROLE_PROJECT_ADMIN], 1);
    assert_int_equal(counts[CR_ROLE_DEVELOPER], 0);
    assert_int_equal(counts[CR_ROLE_NONE], 0);
    OK(fx, cr_member_roles(&fx->cx, fx->m, 99, counts));
    assert_int_equal(counts[CR_ROLE_GUEST], 0);
}


static void
test_set_role_and_delete(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         bob = meta_user(fx, "bob");
    int64_t         id = add(fx, 1, bob, CR_ROLE_GUEST);
    cr_project_t    p;
    cr_member_t     row;

    OK(fx, meta_project(fx, CR_STR("pay"), false, &p));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_member_set_role(&fx->cx, fx->m, 1, id, CR_ROLE_MAX, &WHO));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_member_set_role(&fx->cx, fx->m, p.id, id, CR_ROLE_DEVELOPER,
                             &WHO));
    meta_clock_add(CR_SECOND);
    OK(fx, cr_member_set_role(&fx->cx, fx->m, 1, id, CR_ROLE_DEVELOPER, &WHO));
    OK(fx, cr_member_get(&fx->cx, fx->m, 1, id, &row));
    assert_int_equal(row.role, CR_ROLE_DEVELOPER);
    assert_int_equal(row.updated_at, meta_now());
    assert_int_equal(row.created_at, meta_now() - CR_SECOND);
    assert_int_equal(meta_audits(fx, "update project_member bob",
                                 "guest -> developer"),
                     1);

    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_member_delete(&fx->cx, fx->m, p.id, id, &WHO));
    OK(fx, cr_member_delete(&fx->cx, fx->m, 1, id, &WHO));
    assert_int_equal(meta_audits(fx, "delete project_member bob", "developer"),
                     1);
    FAILS(fx, CR_ERR_NOT_FOUND, cr_member_delete(&fx->cx, fx->m, 1, id, &WHO));
    assert_int_equal(meta_int(fx, "SELECT member_count FROM project WHERE "
                                  "id = 1"),
                     0);
}


/* What nginx.conf declares is changed there. */
static void
test_declared(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         id = add(fx, 1, meta_user(fx, "bob"), CR_ROLE_GUEST);
    cr_member_t     row;

    meta_exec(fx, "UPDATE member SET declared = 'nginx.conf:7'");
    OK(fx, cr_member_get(&fx->cx, fx->m, 1, id, &row));
    assert_text(row.declared, "nginx.conf:7");
    FAILS(fx, CR_ERR_CONFLICT,
          cr_member_set_role(&fx->cx, fx->m, 1, id, CR_ROLE_DEVELOPER, &WHO));
    FAILS(fx, CR_ERR_CONFLICT, cr_member_delete(&fx->cx, fx->m, 1, id, &WHO));

    meta_exec(fx, "INSERT INTO declaration (slot, instance, mode, place, hash, "
                  "body, state, loaded_at, changed_at) VALUES ('applied', "
                  "'main', 'exclusive', 'n.conf:1', '', '{}', 'applied', 1, "
                  "1)");
    FAILS(fx, CR_ERR_CONFLICT,
          cr_member_add(&fx->cx, fx->m, 1, 1, CR_ROLE_GUEST, &WHO, &id));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM member WHERE role = 3"),
                     1);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_add),
        TEST(test_get),
        TEST(test_page_and_roles),
        TEST(test_set_role_and_delete),
        TEST(test_declared),
    };

    return cmocka_run_group_tests_name("meta/member", tests, NULL, NULL);
}
