/*
 * meta/declare_do.c: a plan carried out, with its rows in the audit log.
 */

#include "declared.h"

#include "meta/declare_inner.h"
#include "meta/project.h"
#include "meta/user.h"

#define ALL PAY(MEMBER("bob", "guest"), ROBOT("ci", "\"pull\""))


static int64_t
configs(meta_fixture_t *fx)
{
    return meta_int(fx, "SELECT count(*) FROM audit WHERE actor = 'config' "
                        "AND username = 'nginx.conf'");
}


static void
test_create(void **state)
{
    meta_fixture_t *fx = *state;
    cr_user_t       u;
    cr_project_t    p;

    declared_do(fx, ALL, "h");
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("ops"), &u));
    assert_true(u.admin);
    assert_text(u.password_hash, "h");
    assert_text(u.declared, "n.conf:2");
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("bob"), &u));
    assert_false(u.admin);
    assert_int_equal(u.password_hash.len, 0);
    OK(fx, cr_project_by_name(&fx->cx, fx->m, CR_STR("pay"), &p));
    assert_false(p.is_public);
    assert_int_equal(p.storage_limit, -1);
    assert_text(p.declared, "n.conf:4");
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM member m JOIN users u "
                                  "ON u.id = m.user_id WHERE u.name = 'bob' "
                                  "AND m.role = 3 AND m.declared = "
                                  "'n.conf:5'"),
                     1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot r JOIN "
                                  "robot_permission p ON p.robot_id = r.id "
                                  "AND p.project_id = r.project_id WHERE "
                                  "r.declared = 'n.conf:6' AND p.resource = "
                                  "'repository' AND p.action = 'pull' AND "
                                  "hex(secret_hash) LIKE '00112233%'"),
                     1);
    assert_int_equal(configs(fx), 5);
    assert_int_equal(meta_audits(fx, "create user ops",
                                 "create: administrator, by n.conf:2"),
                     1);
    assert_int_equal(meta_audits(fx, "create project_member bob",
                                 "create: guest, by n.conf:5"),
                     1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE "
                                  "resource_type = 'robot' AND project_id = "
                                  "(SELECT id FROM project WHERE name = "
                                  "'pay')"),
                     1);
}


static void
test_change(void **state)
{
    meta_fixture_t *fx = *state;
    cr_user_t       u;
    cr_project_t    p;

    declared_do(fx, ALL, "h");
    (void) meta_push(fx, "pay/app", "v1", "layer");
    declared_do(
        fx,
        TOP(",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:2\","
            "\"password\":\"Another horse 7\"},{\"name\":\"bob\",\"at\":"
            "\"n.conf:3\"}],\"projects\":[{\"name\":\"pay\",\"at\":"
            "\"n.conf:4\",\"public\":true,\"quota\":9,\"write\":"
            "\"replication\",\"members\":[" MEMBER(
                "bob",
                "developer") "],\"robots\":[" ROBOT("ci",
                                                    "\"replication\"") "]}]"),
        "h2");
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("ops"), &u));
    assert_false(u.admin);
    assert_text(u.password_hash, "h2");
    assert_int_equal(u.epoch, 2);
    OK(fx, cr_project_by_name(&fx->cx, fx->m, CR_STR("pay"), &p));
    assert_true(p.is_public);
    assert_true(p.replication);
    assert_int_equal(p.storage_limit, 9);
    assert_int_equal(meta_int(fx, "SELECT public FROM repository"), 1);
    assert_int_equal(meta_int(fx, "SELECT role FROM member"), 2);
    assert_int_equal(meta_int(fx, "SELECT replication FROM robot"), 1);
    assert_int_equal(meta_int(fx, "SELECT epoch FROM robot"), 1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot_permission"), 11);
    assert_int_equal(configs(fx), 9);
    assert_int_equal(meta_audits(fx, "update project pay",
                                 "change: public, quota, write replication, "
                                 "by n.conf:4"),
                     1);

    /* The same password again: tokens stay good. */
    declared_do(fx,
                TOP(",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:2\","
                    "\"password\":\"Third horse 7\"}]"),
                "h2");
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("ops"), &u));
    assert_int_equal(u.epoch, 2);
}


/* Where only the place moved, there is a mark and no row in the log. */
static void
test_mark(void **state)
{
    meta_fixture_t *fx = *state;

    declared_do(fx, ALL, "h");
    meta_exec(fx, "UPDATE users SET declared = 'x' WHERE declared IS NOT "
                  "NULL; UPDATE project SET declared = 'x' WHERE declared IS "
                  "NOT NULL; UPDATE member SET declared = 'x'; UPDATE robot "
                  "SET declared = 'x'");
    declared_do(fx, ALL, "h2");
    assert_int_equal(meta_int(fx, "SELECT (SELECT count(*) FROM users WHERE "
                                  "declared = 'x') + (SELECT count(*) FROM "
                                  "project WHERE declared = 'x') + (SELECT "
                                  "count(*) FROM member WHERE declared = 'x') "
                                  "+ (SELECT count(*) FROM robot WHERE "
                                  "declared = 'x')"),
                     0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM member WHERE declared "
                                  "= 'n.conf:5'"),
                     1);
    assert_int_equal(configs(fx), 5);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM users WHERE "
                                  "password_hash = 'h'"),
                     1);
}


static void
test_remove(void **state)
{
    meta_fixture_t *fx = *state;
    cr_user_t       u;
    cr_project_t    p;

    declared_do(fx, ALL, "h");
    (void) meta_push(fx, "pay/app", "v1", "layer");
    declared_do(fx, TOP(""), NULL);
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("ops"), &u));
    assert_true(u.disabled);
    assert_false(u.admin);
    assert_int_equal(u.declared.len, 0);
    assert_int_equal(u.epoch, 2);
    OK(fx, cr_project_by_name(&fx->cx, fx->m, CR_STR("pay"), &p));
    assert_int_equal(p.declared.len, 0);
    assert_int_equal(p.repositories, 1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM member"), 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot"), 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot_permission"), 0);
    assert_int_equal(configs(fx), 10);
    assert_int_equal(meta_audits(fx, "delete project_member bob",
                                 "remove: revoked, by n.conf:5"),
                     1);
    assert_int_equal(meta_audits(fx, "delete robot robot$pay+ci",
                                 "remove: revoked, by n.conf:6"),
                     1);
    assert_int_equal(meta_audits(fx, "update user bob",
                                 "remove: disabled, by n.conf:3"),
                     1);
}


/* Who took the name before does not become an administrator with it. */
static void
test_adopted_admin_loses_the_password(void **state)
{
    meta_fixture_t *fx = *state;
    cr_user_new_t   n = { .name = CR_STR("ops"),
                          .password_hash = CR_STR("mine") };
    cr_user_new_t   other = { .name = CR_STR("bob"),
                              .password_hash = CR_STR("his") };
    int64_t         id;
    cr_user_t       u;

    OK(fx, cr_user_create(&fx->cx, fx->m, &n, &WHO, &id));
    OK(fx, cr_user_create(&fx->cx, fx->m, &other, &WHO, &id));
    declared_do(fx,
                TOP(",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:2\","
                    "\"admin\":true},{\"name\":\"bob\",\"at\":"
                    "\"n.conf:3\"}]"),
                NULL);
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("ops"), &u));
    assert_true(u.admin);
    assert_int_equal(u.password_hash.len, 0);
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("bob"), &u));
    assert_text(u.password_hash, "his");
}


/* A plan that is not true any more: nothing of it is done. */
static void
test_changed_meanwhile(void **state)
{
    meta_fixture_t *fx = *state;
    declared_t      d = declared(fx, ALL);

    /* The password is new, and nobody has hashed it. */
    FAILS(fx, CR_ERR_CONFLICT,
          cr_db_write(&fx->cx, fx->db, CR_DB_NOSYNC, declared_do_in, &d));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM users"), 1);
    assert_int_equal(configs(fx), 0);
}


typedef struct stale_s {
    cr_declare_change_t change;
    cr_declare_plan_t   plan;
} stale_t;


static cr_err_t
stale_in(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    stale_t *s = arg;

    s->plan = (cr_declare_plan_t){ .changes = &s->change, .n = 1 };
    return cr_declare_execute(cx, c, &s->plan);
}


static void
test_project_that_is_gone(void **state)
{
    meta_fixture_t      *fx = *state;
    cr_declared_member_t m = { .user = CR_STR("admin"),
                               .at = CR_STR("n.conf:5"),
                               .role = CR_ROLE_GUEST };
    cr_declared_robot_t  r = { .name = CR_STR("ci"),
                               .full = CR_STR("robot$no+ci"),
                               .at = CR_STR("n.conf:6") };
    stale_t              s = { .change = { .op = CR_CHANGE_CREATE,
                                           .kind = CR_DECLARE_MEMBER,
                                           .project = CR_STR("no"),
                                           .name = CR_STR("admin"),
                                           .item = &m } };

    FAILS(fx, CR_ERR_CONFLICT,
          cr_db_write(&fx->cx, fx->db, CR_DB_NOSYNC, stale_in, &s));
    s.change.project = CR_STR("library");
    s.change.name = CR_STR("nobody");
    FAILS(fx, CR_ERR_CONFLICT,
          cr_db_write(&fx->cx, fx->db, CR_DB_NOSYNC, stale_in, &s));
    s.change = (cr_declare_change_t){ .op = CR_CHANGE_CREATE,
                                      .kind = CR_DECLARE_ROBOT,
                                      .project = CR_STR("no"),
                                      .name = CR_STR("robot$no+ci"),
                                      .item = &r };
    FAILS(fx, CR_ERR_CONFLICT,
          cr_db_write(&fx->cx, fx->db, CR_DB_NOSYNC, stale_in, &s));
    assert_int_equal(configs(fx), 0);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create),
        TEST(test_change),
        TEST(test_mark),
        TEST(test_remove),
        TEST(test_adopted_admin_loses_the_password),
        TEST(test_changed_meanwhile),
        TEST(test_project_that_is_gone),
    };

    return cmocka_run_group_tests_name("meta/declare_do", tests, NULL, NULL);
}
