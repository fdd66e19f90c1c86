/*
 * meta/declare_plan.c: what a declared set would change, without changing it.
 */

#include "declared.h"

#include "meta/declare_inner.h"


static cr_declare_plan_t
plan(meta_fixture_t *fx, const char *z_text)
{
    int64_t           rows = meta_int(fx, "SELECT total(id) FROM users");
    cr_declare_plan_t p = declared_plan(fx, z_text);

    /* It reads only. */
    assert_int_equal(meta_int(fx, "SELECT total(id) FROM users"), rows);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM declaration"), 0);
    return p;
}


/* Change i of the plan is this one. */
#define CHANGE(p, i, op_, kind_, name_, detail_)                               \
    do {                                                                       \
        assert_true((p)->n > (i));                                             \
        assert_int_equal((p)->changes[i].op, (op_));                           \
        assert_int_equal((p)->changes[i].kind, (kind_));                       \
        assert_text((p)->changes[i].name, (name_));                            \
        assert_text((p)->changes[i].detail, (detail_));                        \
    } while (0)


static void
test_names(void **state)
{
    (void) state;
    assert_string_equal(cr_declare_op_name(CR_CHANGE_CREATE), "create");
    assert_string_equal(cr_declare_op_name(CR_CHANGE_ADOPT), "adopt");
    assert_string_equal(cr_declare_op_name(CR_CHANGE_UPDATE), "change");
    assert_string_equal(cr_declare_op_name(CR_CHANGE_MARK), "mark");
    assert_string_equal(cr_declare_op_name(CR_CHANGE_REMOVE), "remove");
    assert_string_equal(cr_declare_kind_name(CR_DECLARE_USER), "user");
    assert_string_equal(cr_declare_kind_name(CR_DECLARE_PROJECT), "project");
    assert_string_equal(cr_declare_kind_name(CR_DECLARE_MEMBER), "member");
    assert_string_equal(cr_declare_kind_name(CR_DECLARE_ROBOT), "robot");
}


/* A plan grows as it must, in order. */
static void
test_add(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_declare_plan_t p = { 0 };

    for (int64_t i = 0; i < 100; i++) {
        OK(fx, cr_declare_plan_add(&fx->cx, &p,
                                   (cr_declare_change_t){
                                       .id = i,
                                       .op = i % 4 == 0 ? CR_CHANGE_REMOVE
                                                        : CR_CHANGE_MARK }));
    }
    assert_int_equal(p.n, 100);
    assert_int_equal(p.removed, 25);
    for (int64_t i = 0; i < 100; i++) {
        assert_int_equal(p.changes[i].id, i);
    }
}


static void
test_create(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_declare_plan_t p =
        plan(fx, PAY(MEMBER("bob", "developer") "," MEMBER("new", "guest"),
                     ROBOT("ci", "\"push\"")));

    assert_int_equal(p.n, 7);
    assert_int_equal(p.removed, 0);
    assert_int_equal(p.before, 0);
    assert_int_equal(p.admins, 2); /* admin, and ops */
    CHANGE(&p, 0, CR_CHANGE_CREATE, CR_DECLARE_USER, "bob", "");
    CHANGE(&p, 1, CR_CHANGE_CREATE, CR_DECLARE_USER, "ops", "administrator");
    assert_true(p.changes[1].secret);
    assert_false(p.changes[0].secret);
    assert_text(p.changes[1].at, "n.conf:2");
    CHANGE(&p, 2, CR_CHANGE_CREATE, CR_DECLARE_USER, "new",
           "named as a member, no password");
    CHANGE(&p, 3, CR_CHANGE_CREATE, CR_DECLARE_PROJECT, "pay", "private");
    CHANGE(&p, 4, CR_CHANGE_CREATE, CR_DECLARE_MEMBER, "bob", "developer");
    assert_text(p.changes[4].project, "pay");
    CHANGE(&p, 5, CR_CHANGE_CREATE, CR_DECLARE_MEMBER, "new", "guest");
    CHANGE(&p, 6, CR_CHANGE_CREATE, CR_DECLARE_ROBOT, "robot$pay+ci", "");
}


/* Done, the same set changes nothing; a place that moved is a mark. */
static void
test_nothing_and_marks(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_declare_plan_t p;

    declared_do(fx, PAY(MEMBER("bob", "guest"), ROBOT("ci", "\"pull\"")), "h");
    p = plan(fx, PAY(MEMBER("bob", "guest"), ROBOT("ci", "\"pull\"")));
    assert_int_equal(p.n, 0);
    assert_int_equal(p.before, 5);
    assert_int_equal(p.admins, 2);

    meta_exec(fx, "UPDATE users SET declared = 'x' WHERE name = 'bob'");
    meta_exec(fx, "UPDATE project SET declared = 'x' WHERE name = 'pay'");
    meta_exec(fx, "UPDATE member SET declared = 'x'");
    meta_exec(fx, "UPDATE robot SET declared = 'x'");
    p = plan(fx, PAY(MEMBER("bob", "guest"), ROBOT("ci", "\"pull\"")));
    assert_int_equal(p.n, 4);
    for (size_t i = 0; i < p.n; i++) {
        assert_int_equal(p.changes[i].op, CR_CHANGE_MARK);
        assert_int_equal(p.changes[i].kind, i);
        assert_true(p.changes[i].id != 0);
    }
}


static void
test_changes(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_declare_plan_t p;

    declared_do(fx, PAY(MEMBER("bob", "guest"), ROBOT("ci", "\"pull\"")), "h");

    p = plan(fx, PAY(MEMBER("bob", "developer"), ROBOT("ci", "\"push\"")));
    assert_int_equal(p.n, 2);
    CHANGE(&p, 0, CR_CHANGE_UPDATE, CR_DECLARE_MEMBER, "bob",
           "developer instead of guest");
    CHANGE(&p, 1, CR_CHANGE_UPDATE, CR_DECLARE_ROBOT, "robot$pay+ci", "rights");

    /* What others did to the rows is undone. */
    meta_exec(fx, "UPDATE users SET disabled = 1 WHERE name = 'bob'");
    meta_exec(fx, "UPDATE users SET admin = 0, declared_epoch = 'other' "
                  "WHERE name = 'ops'");
    meta_exec(fx, "UPDATE project SET public = 1, storage_limit = 5, "
                  "write_mode = 'replication' WHERE name = 'pay'");
    meta_exec(fx, "UPDATE robot SET disabled = 1, secret_hash = x'00'");
    p = plan(fx, PAY(MEMBER("bob", "guest"), ROBOT("ci", "\"pull\"")));
    assert_int_equal(p.n, 4);
    CHANGE(&p, 0, CR_CHANGE_UPDATE, CR_DECLARE_USER, "bob", "enabled");
    CHANGE(&p, 1, CR_CHANGE_UPDATE, CR_DECLARE_USER, "ops",
           "administrator, password");
    assert_true(p.changes[1].raised);
    assert_true(p.changes[1].secret);
    assert_int_equal(p.admins, 2);
    CHANGE(&p, 2, CR_CHANGE_UPDATE, CR_DECLARE_PROJECT, "pay",
           "private, quota, write all");
    CHANGE(&p, 3, CR_CHANGE_UPDATE, CR_DECLARE_ROBOT, "robot$pay+ci",
           "enabled, never expires, secret");
    assert_true(p.changes[3].secret);

    /* A right elsewhere is one too many. */
    meta_exec(fx, "UPDATE robot SET disabled = 0");
    meta_exec(fx, "INSERT INTO robot_permission SELECT id, 1, 'repository', "
                  "'push' FROM robot");
    p = plan(fx, PAY(MEMBER("bob", "guest"), ROBOT("ci", "\"pull\"")));
    CHANGE(&p, 3, CR_CHANGE_UPDATE, CR_DECLARE_ROBOT, "robot$pay+ci",
           "rights, secret");
}


static void
test_adopt(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_declare_plan_t p;

    (void) meta_user(fx, "bob");
    (void) meta_user(fx, "ops");
    meta_exec(fx, "INSERT INTO project (name, public, created_at, updated_at) "
                  "VALUES ('pay', 0, 1, 1)");
    meta_exec(fx, "INSERT INTO member (project_id, user_id, role, created_at, "
                  "updated_at) SELECT p.id, u.id, 3, 1, 1 FROM project p, "
                  "users u WHERE p.name = 'pay' AND u.name = 'bob'");
    p = plan(fx, PAY(MEMBER("bob", "guest"), ""));
    assert_int_equal(p.n, 4);
    CHANGE(&p, 0, CR_CHANGE_ADOPT, CR_DECLARE_USER, "bob", "");
    CHANGE(&p, 1, CR_CHANGE_ADOPT, CR_DECLARE_USER, "ops",
           "administrator, password");
    CHANGE(&p, 2, CR_CHANGE_ADOPT, CR_DECLARE_PROJECT, "pay", "");
    CHANGE(&p, 3, CR_CHANGE_ADOPT, CR_DECLARE_MEMBER, "bob", "guest");
}


static void
test_removed(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_declare_plan_t p;

    declared_do(fx, PAY(MEMBER("bob", "guest"), ROBOT("ci", "\"pull\"")), "h");
    p = plan(fx, TOP(""));
    assert_int_equal(p.n, 5);
    assert_int_equal(p.removed, 5);
    assert_int_equal(p.before, 5);
    assert_int_equal(p.admins, 1);
    CHANGE(&p, 0, CR_CHANGE_REMOVE, CR_DECLARE_ROBOT, "robot$pay+ci",
           "revoked");
    CHANGE(&p, 1, CR_CHANGE_REMOVE, CR_DECLARE_MEMBER, "bob", "revoked");
    assert_text(p.changes[1].project, "pay");
    CHANGE(&p, 2, CR_CHANGE_REMOVE, CR_DECLARE_PROJECT, "pay",
           "released, content and tags stay");
    assert_int_equal(p.changes[3].kind, CR_DECLARE_USER);
    assert_int_equal(p.changes[4].kind, CR_DECLARE_USER);
    assert_text(p.changes[3].detail, "disabled");

    /* Some of it; and an administrator who is one no more. */
    p = plan(fx, TOP(",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:2\"},"
                     "{\"name\":\"bob\",\"at\":\"n.conf:3\"}],"
                     "\"projects\":[{\"name\":\"pay\",\"at\":\"n.conf:4\","
                     "\"write\":\"all\"}]"));
    assert_int_equal(p.n, 3);
    assert_int_equal(p.removed, 2);
    assert_int_equal(p.admins, 1);
    CHANGE(&p, 0, CR_CHANGE_UPDATE, CR_DECLARE_USER, "ops",
           "no administrator any more");
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), TEST(test_add),     TEST(test_create),
        TEST(test_nothing_and_marks), TEST(test_changes), TEST(test_adopt),
        TEST(test_removed),
    };

    return cmocka_run_group_tests_name("meta/declare_plan", tests, NULL, NULL);
}
