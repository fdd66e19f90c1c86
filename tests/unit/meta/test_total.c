/*
 * The counters and copies that the triggers of the schema keep: after each
 * step of a random walk they are what counting gives.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include <string.h>
#include "meta/artifact.h"
#include "meta/label.h"
#include "meta/member.h"
#include "meta/project.h"
#include "meta/robot.h"
#include "meta/statistic.h"
#include "meta/user.h"

/* How many rows are not as they must be: none. */
static const char *const never[] = {
    "SELECT count(*) FROM total t WHERE t.value <> CASE t.kind "
    "WHEN 'user' THEN (SELECT count(*) FROM users WHERE deleted_at IS NULL) "
    "WHEN 'project' THEN (SELECT count(*) FROM project "
    "WHERE deleted_at IS NULL AND public = t.scope) "
    "WHEN 'repository' THEN (SELECT count(*) FROM repository "
    "WHERE live_manifests > 0 AND public = t.scope) "
    "WHEN 'storage' THEN (SELECT coalesce(sum(storage_used), 0) FROM project "
    "WHERE deleted_at IS NULL) "
    "WHEN 'robot' THEN (SELECT count(*) FROM robot "
    "WHERE coalesce(project_id, 0) = t.scope) "
    "WHEN 'label' THEN (SELECT count(*) FROM label "
    "WHERE coalesce(project_id, 0) = t.scope) "
    "WHEN 'audit' THEN (SELECT count(*) FROM audit "
    "WHERE project_id = t.scope) END",
    "SELECT count(*) FROM project p WHERE member_count <> "
    "(SELECT count(*) FROM member m WHERE m.project_id = p.id) "
    "OR repository_count <> (SELECT count(*) FROM repository r "
    "WHERE r.project_id = p.id AND r.live_manifests > 0) "
    "OR storage_used <> coalesce((SELECT sum(b.size) FROM blob b "
    "WHERE b.id IN (SELECT l.blob_id FROM repository_blob l "
    "JOIN repository r ON r.id = l.repository_id "
    "WHERE r.project_id = p.id)), 0)",
    "SELECT count(*) FROM member m JOIN users u ON u.id = m.user_id "
    "JOIN project p ON p.id = m.project_id WHERE m.user_name <> u.name "
    "OR m.project_name <> p.name OR m.private = p.public",
};

static uint32_t seed;


static uint32_t
pick(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 16) % n;
}


static void
check(meta_fixture_t *fx, unsigned step)
{
    for (size_t i = 0; i < CR_NELTS(never); i++) {
        if (meta_int(fx, never[i]) != 0) {
            fail_msg("step %u: %s", step, never[i]);
        }
    }
}


/* A live row's id, or one that is none. */
static int64_t
some(meta_fixture_t *fx, const char *z_table, const char *z_where)
{
    char sql[256];

    (void) snprintf(sql, sizeof(sql),
                    "SELECT coalesce((SELECT id FROM %s WHERE %s "
                    "ORDER BY (id * 7919 + %u) %% 31 LIMIT 1), 99999)",
                    z_table, z_where, pick(31));
    return meta_int(fx, sql);
}


static cr_err_t
make(meta_fixture_t *fx, unsigned kind, int64_t project, unsigned n)
{
    int64_t          id;
    cr_str_t         name = cr_printf(&fx->cx, "n%u", n);
    cr_label_t       l = { .name = name, .project_id = pick(2) * project };
    cr_robot_made_t  made;
    cr_user_new_t    u = { .name = name };
    cr_project_new_t p = { .name = name,
                           .is_public = pick(2) != 0,
                           .storage_limit = -1 };
    cr_robot_perm_t  perm = { .project_id = project,
                              .perm = CR_PERM_REPOSITORY_PULL };
    cr_robot_new_t   r = { .name = name,
                           .project_id = pick(2) * project,
                           .duration = -1,
                           .perms = &perm,
                           .nperms = 1 };

    switch (kind) {
    case 0:
        return cr_user_create(&fx->cx, fx->m, &u, &WHO, &id);
    case 1:
        return cr_project_create(&fx->cx, fx->m, &p, &WHO, &id);
    case 2:
        return cr_member_add(&fx->cx, fx->m, project,
                             some(fx, "users", "deleted_at IS NULL"),
                             CR_ROLE_DEVELOPER, &WHO, &id);
    case 3:
        return cr_robot_create(&fx->cx, fx->m, &r, &WHO, &made);
    default:
        return cr_label_create(&fx->cx, fx->m, &l, &WHO, &id);
    }
}


static cr_err_t
unmake(meta_fixture_t *fx, unsigned kind, int64_t project)
{
    switch (kind) {
    case 0:
        return cr_user_delete(&fx->cx, fx->m,
                              some(fx, "users", "deleted_at IS NULL"), &WHO);
    case 1:
        return cr_project_delete(&fx->cx, fx->m, project, &WHO);
    case 2:
        return cr_member_delete(&fx->cx, fx->m, project,
                                some(fx, "member", "1"), &WHO);
    case 3:
        return cr_robot_delete(&fx->cx, fx->m, some(fx, "robot", "1"), &WHO);
    default:
        return cr_label_delete(&fx->cx, fx->m, some(fx, "label", "1"), &WHO);
    }
}


/* Content comes and goes: images of few layers in two repositories of a
 * project, and what the job runner does with what nothing refers to. */
static void
content(meta_fixture_t *fx, int64_t id)
{
    static const char *const layers[] = { "1", "22", "333", "4444" };

    cr_project_t p;
    char         name[64];
    size_t       n;
    bool         more;

    if (cr_project_by_id(&fx->cx, fx->m, id, &p) != CR_OK) {
        cr_clear(&fx->cx);
        return;
    }
    (void) snprintf(name, sizeof(name), "%.*s/%s", CR_STR_ARG(p.name),
                    pick(2) ? "a" : "b");

    if (pick(3) != 0) {
        (void) meta_push(fx, name, "v1", layers[pick(4)]);
        return;
    }
    if (cr_artifact_delete_all(&fx->cx, fx->m, cr_str_z(name), 10, &WHO, &more)
        != CR_OK)
    {
        cr_clear(&fx->cx);
    }
    meta_clock_add(30 * CR_DAY);
    OK(fx, cr_reclaim_trash(&fx->cx, fx->m, 100, &n));
    OK(fx, cr_reclaim_links(&fx->cx, fx->m, 100, &n));
}


static void
one_step(meta_fixture_t *fx, unsigned n)
{
    cr_err_t         err = CR_OK;
    int64_t          project = some(fx, "project", "deleted_at IS NULL");
    bool             is_public = pick(2) != 0;
    cr_project_set_t set = { .is_public = &is_public };

    switch (pick(6)) {
    case 0:
    case 1:
        err = make(fx, pick(5), project, n);
        break;
    case 2:
        err = unmake(fx, pick(5), project);
        break;
    case 3:
        err = cr_project_set(&fx->cx, fx->m, project, &set, &WHO);
        break;
    default:
        content(fx, project);
    }
    if (err != CR_OK) {
        assert_int_not_equal(err, CR_ERR_INTERNAL);
        cr_clear(&fx->cx);
    }
}


static void
test_random_walk(void **state)
{
    meta_fixture_t *fx = *state;

    seed = 7;
    check(fx, 0);
    for (unsigned n = 1; n <= 600; n++) {
        one_step(fx, n);
        check(fx, n);
    }

    /* The walk came by what it is there to see. */
    assert_true(meta_int(fx, "SELECT count(*) FROM project "
                             "WHERE deleted_at IS NOT NULL")
                > 0);
    assert_true(meta_int(fx, "SELECT count(*) FROM users "
                             "WHERE deleted_at IS NOT NULL")
                > 0);
    assert_true(meta_int(fx, "SELECT value FROM total WHERE kind = 'storage'")
                > 0);
    assert_true(meta_int(fx, "SELECT count(*) FROM total WHERE value > 0 "
                             "AND kind IN ('robot', 'label') AND scope > 0")
                > 1);
}


/* A layer counts once in a project, however many repositories have it. */
static void
test_storage(void **state)
{
    meta_fixture_t *fx = *state;
    cr_statistic_t  s;
    cr_visibility_t all = { .all = true };
    cr_project_t    p;

    (void) meta_push(fx, "library/a", "v1", "12345");
    (void) meta_push(fx, "library/b", "v1", "12345");
    OK(fx, cr_project_by_name(&fx->cx, fx->m, CR_STR("library"), &p));
    assert_int_equal(p.storage_used, 6); /* and the config, "c" */
    assert_int_equal(p.repositories, 2);

    OK(fx, meta_project(fx, CR_STR("other"), false, &p));
    (void) meta_push(fx, "other/a", "v1", "12345");
    OK(fx, cr_statistic_get(&fx->cx, fx->m, &all, &s));
    assert_int_equal(s.storage, 12);
    assert_int_equal(s.private_repositories, 1);
    assert_int_equal(s.public_repositories, 2);
    check(fx, 0);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_random_walk),
        TEST(test_storage),
    };

    return cmocka_run_group_tests_name("meta/total", tests, NULL, NULL);
}
