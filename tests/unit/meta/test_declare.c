/*
 * meta/declare.c: the run of a declared set: what it changes, what it must
 * not, and when it waits.
 */

#include "declared.h"

#include <string.h>
#include "auth/password.h"
#include "meta/user.h"

static const cr_audit_who_t who = { { 3, "cli" }, { 3, "cli" }, { 0, "" } };

static cr_declare_result_t
run(meta_fixture_t *fx, const char *z_text, int64_t loaded_at)
{
    cr_declare_result_t r;

    OK(fx,
       cr_declare_run(&fx->cx, fx->m, cr_str_z(z_text), KEY, loaded_at, &r));
    return r;
}


/* A set of n projects p0 ... without anything in them. */
static const char *
projects(meta_fixture_t *fx, int n, int64_t serial)
{
    cr_str_t s;

    s = cr_printf(&fx->cx,
                  "{\"instance\":\"main\",\"mode\":\"additive\","
                  "\"at\":\"n.conf:1\",\"serial\":%lld,\"projects\":[",
                  (long long) serial);
    for (int i = 0; i < n; i++) {
        s = cr_printf(&fx->cx,
                      "%.*s%s{\"name\":\"p%d\",\"at\":\"n.conf:%d\","
                      "\"write\":\"all\"}",
                      CR_STR_ARG(s), i == 0 ? "" : ",", i, i + 2);
    }
    s = cr_printf(&fx->cx, "%.*s]}", CR_STR_ARG(s));
    return s.data;
}


static void
test_apply(void **state)
{
    meta_fixture_t     *fx = *state;
    cr_user_t           u;
    cr_str_t            hash;
    cr_declare_result_t r;

    /* Nothing, where nothing ever was: not even a row. */
    assert_int_equal(run(fx, TOP(""), 1).state, CR_DECLARE_NONE);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM declaration"), 0);

    r = run(fx,
            PAY(MEMBER("bob", "developer") "," MEMBER("new", "guest"),
                ROBOT("ci", "\"push\"")),
            2);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    assert_int_equal(r.changes, 7);

    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("ops"), &u));
    assert_true(u.admin);
    hash = u.password_hash;
    OK(fx, cr_password_verify(&fx->cx, CR_STR("Correct horse 1"), hash));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM users WHERE name = "
                                  "'new' AND password_hash IS NULL AND "
                                  "declared IS NULL AND admin = 0"),
                     1);
    assert_int_equal(meta_int(fx, "SELECT role FROM member m JOIN users u ON "
                                  "u.id = user_id WHERE name = 'bob'"),
                     CR_ROLE_DEVELOPER);
    assert_int_equal(meta_int(fx, "SELECT member_count FROM project WHERE "
                                  "name = 'pay'"),
                     2);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot_permission p "
                                  "JOIN robot r ON r.id = p.robot_id WHERE "
                                  "r.name = 'robot$pay+ci' AND p.project_id = "
                                  "r.project_id AND resource = 'repository'"),
                     2);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE "
                                  "actor = 'config'"),
                     7);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM declaration WHERE "
                                  "instr(body, 'Correct horse 1') > 0 OR "
                                  "instr(body, '$y$') > 0"),
                     0);
    assert_int_equal(meta_int(fx, "SELECT until_at FROM lease"), 0);

    /* The same again: no row is written. */
    fx->cx.may_block = false;
    r = run(fx,
            PAY(MEMBER("bob", "developer") "," MEMBER("new", "guest"),
                ROBOT("ci", "\"push\"")),
            3);
    fx->cx.may_block = true;
    assert_int_equal(r.state, CR_DECLARE_UNCHANGED);

    /* A role changes, a right goes, a member goes; the password stays. */
    r = run(fx, PAY(MEMBER("bob", "guest"), ROBOT("ci", "\"pull\"")), 4);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    assert_int_equal(r.changes, 3);
    assert_int_equal(meta_int(fx, "SELECT group_concat(role) FROM member"),
                     CR_ROLE_GUEST);
    assert_int_equal(meta_int(fx, "SELECT member_count FROM project WHERE "
                                  "name = 'pay'"),
                     1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot_permission"), 1);
    assert_int_equal(meta_int(fx, "SELECT epoch FROM robot"), 1);
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("ops"), &u));
    assert_true(cr_str_eq(u.password_hash, hash));
    assert_int_equal(u.epoch, 1);
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("new"), &u));
    assert_false(u.disabled);
}


/* Only the places moved: rows are marked anew, nothing else happens. */
static void
test_places(void **state)
{
    meta_fixture_t     *fx = *state;
    cr_declare_result_t r;

    run(fx, projects(fx, 2, 0), 1);
    r = run(fx,
            TOP(",\"projects\":[{\"name\":\"p0\",\"at\":\"n.conf:77\","
                "\"write\":\"all\"},{\"name\":\"p1\",\"at\":\"n.conf:3\","
                "\"write\":\"all\"}]"),
            2);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    assert_int_equal(r.changes, 1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM project WHERE "
                                  "declared = 'n.conf:77'"),
                     1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit"), 2);
}


static void
test_removed(void **state)
{
    meta_fixture_t     *fx = *state;
    cr_user_t           u;
    cr_declare_plan_t   plan;
    cr_declare_result_t r;

    run(fx, PAY(MEMBER("bob", "developer"), ROBOT("ci", "\"pull\"")), 1);
    (void) meta_push(fx, "pay/app", "v1", "layer");
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("bob"), &u));

    /* Two users stay away one by one: below the guard. */
    r = run(fx,
            TOP(",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:2\","
                "\"admin\":true,\"password\":\"Correct horse 1\"}],"
                "\"projects\":[{\"name\":\"pay\",\"at\":\"n.conf:4\","
                "\"write\":\"all\"}]"),
            2);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM member"), 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot"), 0);
    assert_int_equal(meta_int(fx, "SELECT disabled FROM users WHERE name = "
                                  "'bob'"),
                     1);
    assert_int_equal(meta_int(fx, "SELECT epoch FROM users WHERE name = "
                                  "'bob'"),
                     u.epoch + 1);

    r = run(fx,
            TOP(",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:2\","
                "\"admin\":true,\"password\":\"Correct horse 1\"}]"),
            3);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM project WHERE name = "
                                  "'pay' AND declared IS NULL AND deleted_at "
                                  "IS NULL"),
                     1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM tag WHERE deleted_at "
                                  "IS NULL"),
                     1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM repository_blob WHERE "
                                  "deleted_at IS NULL"),
                     2);

    /* What is left behind can be pruned; a user who came back is not. */
    OK(fx, cr_declare_prune(&fx->cx, fx->m, true, &who, &plan));
    assert_int_equal(plan.n, 1);
    assert_text(plan.changes[0].name, "bob");
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM users WHERE name = "
                                  "'bob'"),
                     1);
    run(fx,
        TOP(",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:2\",\"admin\":true,"
            "\"password\":\"Correct horse 1\"},{\"name\":\"bob\","
            "\"at\":\"n.conf:3\"}]"),
        4);
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("bob"), &u));
    assert_false(u.disabled);
    OK(fx, cr_declare_prune(&fx->cx, fx->m, false, &who, &plan));
    assert_int_equal(plan.n, 0);
    run(fx,
        TOP(",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:2\",\"admin\":true,"
            "\"password\":\"Correct horse 1\"}]"),
        5);
    OK(fx, cr_declare_prune(&fx->cx, fx->m, false, &who, &plan));
    assert_int_equal(plan.n, 1);
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_user_by_name(&fx->cx, fx->m, CR_STR("bob"), &u));
}


static void
test_guard(void **state)
{
    meta_fixture_t     *fx = *state;
    cr_declaration_t    applied, next;
    cr_declare_plan_t   plan;
    cr_declare_result_t r;

    FAILS(fx, CR_ERR_NOT_FOUND, cr_declare_diff(&fx->cx, fx->m, &plan));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_declare_apply(&fx->cx, fx->m, &plan));

    run(fx, projects(fx, 40, 0), 1);
    r = run(fx, projects(fx, 36, 0), 2); /* a tenth */
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    r = run(fx, projects(fx, 33, 0), 3); /* three */
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    r = run(fx, projects(fx, 29, 0), 4);
    assert_int_equal(r.state, CR_DECLARE_HELD);
    assert_text(r.reason, "it would remove 4 of 33 declared objects");
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM project WHERE "
                                  "declared IS NOT NULL"),
                     33);
    r = run(fx, projects(fx, 29, 0), 5);
    assert_int_equal(r.state, CR_DECLARE_HELD);
    r = run(fx, TOP(""), 6);
    assert_int_equal(r.state, CR_DECLARE_HELD);
    assert_text(r.reason,
                "it is empty and would remove all 33 declared objects");

    OK(fx, cr_declare_status(&fx->cx, fx->m, &applied, &next));
    assert_text(applied.state, "applied");
    assert_text(next.state, "held");
    OK(fx, cr_declare_diff(&fx->cx, fx->m, &plan));
    assert_int_equal(plan.removed, 33);

    /* Back to what is in force: nothing waits any more. */
    r = run(fx, projects(fx, 33, 0), 7);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    assert_int_equal(r.changes, 0);
    FAILS(fx, CR_ERR_NOT_FOUND, cr_declare_apply(&fx->cx, fx->m, &plan));

    run(fx, TOP(""), 8);
    OK(fx, cr_declare_apply(&fx->cx, fx->m, &plan));
    assert_int_equal(plan.n, 33);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM project WHERE "
                                  "declared IS NOT NULL"),
                     0);
    assert_int_equal(run(fx, TOP(""), 9).state, CR_DECLARE_UNCHANGED);

    /* The last administrator is not taken away by a reload. */
    run(fx,
        TOP(",\"users\":[{\"name\":\"admin\",\"at\":\"n.conf:2\","
            "\"admin\":true}]"),
        10);
    r = run(fx,
            TOP(",\"users\":[{\"name\":\"admin\",\"at\":\"n.conf:2\","
                "\"admin\":false}]"),
            11);
    assert_int_equal(r.state, CR_DECLARE_HELD);
    assert_text(r.reason, "it would leave no administrator");
}


/* A password that waits is there as a hash, and only as that. */
static void
test_held_password(void **state)
{
    meta_fixture_t     *fx = *state;
    cr_user_t           u;
    cr_declare_plan_t   plan;
    cr_declare_result_t r;

    run(fx, projects(fx, 4, 0), 1);
    r = run(fx,
            TOP(",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:2\","
                "\"password\":\"Correct horse 1\"}]"),
            2);
    assert_int_equal(r.state, CR_DECLARE_HELD);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM declaration WHERE "
                                  "instr(body, 'Correct horse 1') > 0"),
                     0);
    OK(fx, cr_declare_apply(&fx->cx, fx->m, &plan));
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("ops"), &u));
    OK(fx,
       cr_password_verify(&fx->cx, CR_STR("Correct horse 1"), u.password_hash));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM declaration WHERE "
                                  "instr(body, '$y$') > 0"),
                     0);
}


static void
test_order(void **state)
{
    meta_fixture_t     *fx = *state;
    cr_declare_result_t r;

    /* Without serials the later load wins. */
    run(fx, projects(fx, 1, 0), 10);
    r = run(fx, projects(fx, 2, 0), 9);
    assert_int_equal(r.state, CR_DECLARE_SUPERSEDED);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM declaration"), 1);
    r = run(fx, projects(fx, 2, 0), 11);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);

    /* With them the higher one, whenever it was loaded. */
    r = run(fx, projects(fx, 3, 5), 1);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    r = run(fx, projects(fx, 1, 4), 99);
    assert_int_equal(r.state, CR_DECLARE_SUPERSEDED);
    r = run(fx, projects(fx, 1, 5), 99);
    assert_int_equal(r.state, CR_DECLARE_FAILED);
    assert_non_null(find(r.reason, "raise it"));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM project WHERE "
                                  "declared IS NOT NULL"),
                     3);
    r = run(fx, projects(fx, 2, 6), 99);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM declaration"), 1);
    r = run(fx, projects(fx, 1, 0), 100);
    assert_int_equal(r.state, CR_DECLARE_HELD);
}


/* The file is put back to the set in force: the one that waits is dropped,
 * whatever its serial, but not by a load that was before it. */
static void
test_undo(void **state)
{
    meta_fixture_t     *fx = *state;
    cr_declaration_t    applied, next;
    cr_declare_plan_t   plan;
    cr_declare_result_t r;

    run(fx, projects(fx, 8, 5), 10);
    r = run(fx, projects(fx, 1, 6), 20);
    assert_int_equal(r.state, CR_DECLARE_HELD);

    r = run(fx, projects(fx, 8, 5), 19);
    assert_int_equal(r.state, CR_DECLARE_SUPERSEDED);
    OK(fx, cr_declare_status(&fx->cx, fx->m, &applied, &next));
    assert_true(next.found);

    r = run(fx, projects(fx, 8, 5), 21);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    assert_int_equal(r.changes, 0);
    OK(fx, cr_declare_status(&fx->cx, fx->m, &applied, &next));
    assert_int_equal(applied.serial, 5);
    assert_false(next.found);
    assert_int_equal(cr_declare_apply(&fx->cx, fx->m, &plan), CR_ERR_NOT_FOUND);
    cr_clear(&fx->cx);

    /* The same for one that came without a serial. */
    r = run(fx, projects(fx, 7, 0), 30);
    assert_int_equal(r.state, CR_DECLARE_HELD);
    r = run(fx, projects(fx, 8, 5), 31);
    assert_int_equal(r.state, CR_DECLARE_APPLIED);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM declaration"), 1);
}


static void
test_lease(void **state)
{
    meta_fixture_t *fx = *state;

    meta_exec(fx, "INSERT INTO lease VALUES ('declare', 'other', 1, "
                  "9000000000000000)");
    assert_int_equal(run(fx, projects(fx, 1, 0), 1).state, CR_DECLARE_BUSY);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM declaration"), 0);
    meta_exec(fx, "UPDATE lease SET until_at = 1");
    assert_int_equal(run(fx, projects(fx, 1, 0), 1).state, CR_DECLARE_APPLIED);
}


/* Rows that were there before: taken over, but never as a way up. */
static void
test_adopt(void **state)
{
    meta_fixture_t *fx = *state;
    cr_user_t       u;

    meta_exec(fx, "INSERT INTO users (name, password_hash, created_at, "
                  "updated_at) VALUES ('ops', 'mine', 1, 1), ('bob', 'his', "
                  "1, 1)");
    run(fx,
        TOP(",\"users\":[{\"name\":\"bob\",\"at\":\"n.conf:3\"},"
            "{\"name\":\"ops\",\"at\":\"n.conf:2\",\"admin\":true},"
            "{\"name\":\"admin\",\"at\":\"n.conf:4\",\"admin\":true}]"),
        1);
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("ops"), &u));
    assert_true(u.admin);
    assert_int_equal(u.password_hash.len, 0);
    assert_int_equal(u.epoch, 2);
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("bob"), &u));
    assert_text(u.password_hash, "his");
}


/* Something in the way: the whole set stays out, and says so. */
static void
test_failed(void **state)
{
    meta_fixture_t     *fx = *state;
    cr_declaration_t    applied, next;
    cr_declare_result_t r;

    meta_exec(fx, "INSERT INTO project (id, name, created_at, updated_at, "
                  "deleted_at) VALUES (70, 'p1', 1, 1, 1)");
    r = run(fx, projects(fx, 2, 0), 1);
    assert_int_equal(r.state, CR_DECLARE_FAILED);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM project WHERE name = "
                                  "'p0'"),
                     0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit"), 0);
    OK(fx, cr_declare_status(&fx->cx, fx->m, &applied, &next));
    assert_false(applied.found);
    assert_text(next.state, "failed");
    assert_true(next.reason.len > 0);
    assert_int_equal(meta_int(fx, "SELECT until_at FROM lease"), 0);

    meta_exec(fx, "DELETE FROM project WHERE id = 70");
    assert_int_equal(run(fx, projects(fx, 2, 0), 2).state, CR_DECLARE_APPLIED);
}


static cr_err_t
exclusive(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    (void) arg;
    return cr_declared_exclusive_check(cx, c, "member");
}


static void
test_checks(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_declare_plan_t plan;

    OK(fx, cr_declared_check(&fx->cx, CR_STR_NULL, "user", CR_STR("bob")));
    assert_int_equal(cr_declared_check(&fx->cx, CR_STR("nginx.conf:7"), "user",
                                       CR_STR("bob")),
                     CR_ERR_CONFLICT);
    assert_text(fx->cx.message,
                "user bob is declared in nginx.conf:7: change it there");
    cr_clear(&fx->cx);

    OK(fx, cr_db_write(&fx->cx, fx->db, CR_DB_NOSYNC, exclusive, NULL));
    run(fx,
        "{\"instance\":\"main\",\"mode\":\"exclusive\",\"at\":\"n.conf:8\","
        "\"projects\":[{\"name\":\"pay\",\"at\":\"n.conf:9\","
        "\"write\":\"all\"}]}",
        1);
    assert_int_equal(cr_db_write(&fx->cx, fx->db, CR_DB_NOSYNC, exclusive,
                                 NULL),
                     CR_ERR_CONFLICT);
    assert_non_null(find(fx->cx.message, "n.conf:8"));
    cr_clear(&fx->cx);

    /* What stood beside the declared rows before can go. */
    meta_exec(fx, "INSERT INTO member (project_id, user_id, role, created_at, "
                  "updated_at) SELECT id, 1, 1, 1, 1 FROM project");
    OK(fx, cr_declare_prune(&fx->cx, fx->m, false, &who, &plan));
    assert_int_equal(plan.n, 1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM member"), 1);
    assert_int_equal(meta_int(fx, "SELECT member_count FROM project WHERE "
                                  "name = 'pay'"),
                     0);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_apply),  TEST(test_places),        TEST(test_removed),
        TEST(test_guard),  TEST(test_held_password), TEST(test_order),
        TEST(test_undo),   TEST(test_lease),         TEST(test_adopt),
        TEST(test_failed), TEST(test_checks),
    };

    return cmocka_run_group_tests_name("meta/declare", tests, NULL, NULL);
}
