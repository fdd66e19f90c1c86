/*
 * meta/page.c, and every list that is read by pages: whatever the length of a
 * page and its direction, all pages together are the list.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "meta/artifact.h"
#include "meta/label.h"
#include "meta/member.h"
#include "meta/page.h"
#include "meta/project.h"
#include "meta/robot.h"
#include "meta/statistic.h"
#include "meta/user.h"

#define MANY 23

static const cr_visibility_t everything = { .all = true };


/* --- where a page is ----------------------------------------------------- */


static void
test_page_of(void **state)
{
    cr_page_t p = cr_page_of(10, 0, 3, false);

    (void) state;
    assert_int_equal(p.start, 0);
    assert_int_equal(p.n, 3);
    p = cr_page_of(10, 9, 3, false);
    assert_int_equal(p.start, 9);
    assert_int_equal(p.n, 1);
    p = cr_page_of(10, 0, 3, true);
    assert_int_equal(p.start, 7);
    assert_int_equal(p.n, 3);
    p = cr_page_of(10, 9, 3, true);
    assert_int_equal(p.start, 0);
    assert_int_equal(p.n, 1);
    p = cr_page_of(10, 10, 3, true);
    assert_int_equal(p.n, 0);
    p = cr_page_of(0, 0, 3, false);
    assert_int_equal(p.n, 0);
}


static void
test_seek_from_the_nearer_end(void **state)
{
    cr_val_t  v[5];
    cr_page_t p = { 40, 10 };

    (void) state;
    assert_int_equal(cr_page_seek(v, &p, 100), 5);
    assert_int_equal(v[0].n, 1);
    assert_int_equal(v[1].n, 40);
    assert_int_equal(v[2].n, 0);
    assert_int_equal(v[4].n, 10);
    p.start = 95;
    (void) cr_page_seek(v, &p, 100);
    assert_int_equal(v[0].n, 0);
    assert_int_equal(v[2].n, 1);
    assert_int_equal(v[3].n, 4);
}


static void
test_reverse(void **state)
{
    struct {
        char a, b, c;
    } r[3] = { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 } };

    (void) state;
    cr_page_reverse(r, 3, sizeof(r[0]));
    assert_int_equal(r[0].a, 7);
    assert_int_equal(r[0].c, 9);
    assert_int_equal(r[1].b, 5);
    assert_int_equal(r[2].a, 1);
    cr_page_reverse(r, 0, sizeof(r[0]));
    cr_page_reverse(r, 1, sizeof(r[0]));
    assert_int_equal(r[0].a, 7);
}


/* --- all lists ----------------------------------------------------------- */

/* A page of a list: its ids, and the total. */
typedef struct query_s {
    meta_fixture_t *fx;
    const char     *what;
    int             sort;
    bool            descending;
    cr_visibility_t vis;
    const char     *like;
    int64_t         project;
} query_t;

typedef size_t (*page_pt)(const query_t *q, int64_t offset, size_t n,
                          int64_t *ids, int64_t *ret_total);

/* Copy the ids of rows, whatever they are. */
#define TAKE(rows, n, ids)                                                     \
    for (size_t i_ = 0; i_ < (n); i_++) {                                      \
        (ids)[i_] = (rows)[i_].id;                                             \
    }


static size_t
users(const query_t *q, int64_t offset, size_t n, int64_t *ids, int64_t *total)
{
    cr_user_t       *rows;
    cr_user_filter_t f = { .sort = (cr_user_sort_e) q->sort,
                           .descending = q->descending,
                           .name_like = cr_str_z(q->like) };

    OK(q->fx, cr_user_page(&q->fx->cx, q->fx->m, &f, offset, n, &rows, &n,
                           total));
    TAKE(rows, n, ids);
    return n;
}


static size_t
projects(const query_t *q, int64_t offset, size_t n, int64_t *ids,
         int64_t *total)
{
    cr_project_t       *rows;
    cr_project_filter_t f = { .sort = (cr_project_sort_e) q->sort,
                              .descending = q->descending,
                              .is_public = -1,
                              .name_like = cr_str_z(q->like) };

    OK(q->fx, cr_project_page(&q->fx->cx, q->fx->m, &q->vis, &f, offset, n,
                              &rows, &n, total));
    TAKE(rows, n, ids);
    return n;
}


static size_t
repositories(const query_t *q, int64_t offset, size_t n, int64_t *ids,
             int64_t *total)
{
    cr_repository_t       *rows;
    cr_repository_filter_t f = { .sort = (cr_repository_sort_e) q->sort,
                                 .descending = q->descending,
                                 .vis = q->vis,
                                 .project_id = q->project,
                                 .name_like = cr_str_z(q->like) };

    OK(q->fx, cr_repository_page(&q->fx->cx, q->fx->m, &f, (int64_t) n, offset,
                                 &rows, &n, total));
    TAKE(rows, n, ids);
    return n;
}


static size_t
artifacts(const query_t *q, int64_t offset, size_t n, int64_t *ids,
          int64_t *total)
{
    cr_artifact_t       *rows;
    cr_artifact_filter_t f = cr_artifact_filter_default;

    f.sort = (cr_artifact_sort_e) q->sort;
    f.descending = q->descending;
    f.tag_like = cr_str_z(q->like);
    OK(q->fx, cr_artifact_list(&q->fx->cx, q->fx->m, q->project, &f,
                               (int64_t) n, offset, 0, &rows, &n, total));
    TAKE(rows, n, ids);
    return n;
}


static size_t
tags(const query_t *q, int64_t offset, size_t n, int64_t *ids, int64_t *total)
{
    cr_artifact_tag_t *rows;

    OK(q->fx, cr_artifact_tag_list(&q->fx->cx, q->fx->m, q->project, CR_STR(""),
                                   cr_str_z(q->like), q->descending,
                                   (int64_t) n, offset, &rows, &n, total));
    TAKE(rows, n, ids);
    return n;
}


static size_t
members(const query_t *q, int64_t offset, size_t n, int64_t *ids,
        int64_t *total)
{
    cr_member_t *rows;

    OK(q->fx, cr_member_page(&q->fx->cx, q->fx->m, q->project,
                             cr_str_z(q->like), offset, n, &rows, &n, total));
    TAKE(rows, n, ids);
    return n;
}


static size_t
labels(const query_t *q, int64_t offset, size_t n, int64_t *ids,
       int64_t *total)
{
    cr_label_t       *rows;
    cr_label_filter_t f = { .project_id = q->project,
                            .by_id = q->sort != 0,
                            .descending = q->descending,
                            .name_like = cr_str_z(q->like) };

    OK(q->fx, cr_label_list(&q->fx->cx, q->fx->m, &f, (int64_t) n, offset,
                            &rows, &n, total));
    TAKE(rows, n, ids);
    return n;
}


static size_t
robots(const query_t *q, int64_t offset, size_t n, int64_t *ids,
       int64_t *total)
{
    cr_robot_t       *rows;
    cr_robot_filter_t f = { .project_id = q->project,
                            .by_name = q->sort != 0,
                            .descending = q->descending,
                            .name_like = cr_str_z(q->like) };

    OK(q->fx, cr_robot_page(&q->fx->cx, q->fx->m, &f, offset, n, &rows, &n,
                            total));
    TAKE(rows, n, ids);
    return n;
}


static size_t
audits(const query_t *q, int64_t offset, size_t n, int64_t *ids,
       int64_t *total)
{
    cr_audit_entry_t *rows;
    cr_audit_filter_t f = { .project_id = q->project,
                            .admin_of = q->vis.user_id,
                            .oldest_first = !q->descending,
                            .resource.like = cr_str_z(q->like) };

    OK(q->fx, cr_audit_page(&q->fx->cx, q->fx->m, &f, offset, n, &rows, &n,
                            total));
    TAKE(rows, n, ids);
    return n;
}


/* All pages of that length; how many ids. */
static size_t
walk(page_pt page, const query_t *q, size_t length, int64_t *ids)
{
    size_t  n = 0, got;
    int64_t total = 0, first = -1;

    do {
        got = page(q, (int64_t) n, length, &ids[n], &total);
        first = first < 0 ? total : first;
        if (total != first || got > length) {
            fail_msg("%s: total %d, then %d", q->what, (int) first,
                     (int) total);
        }
        n += got;
        assert_true(n <= 400);
    } while (got != 0);

    if ((int64_t) n != total) {
        fail_msg("%s by %d: %d of %d", q->what, (int) length, (int) n,
                 (int) total);
    }
    return n;
}


/* Is the list what this statement says, by pages of any length, and turned
 * round? */
static void
check(page_pt page, query_t *q, const char *z_ids)
{
    static const size_t lengths[] = { 1, 2, 7, 100 };

    int64_t ids[500], want[500];
    char    sql[600];
    size_t  n, wanted = 0;

    for (;; wanted++) {
        (void) snprintf(sql, sizeof(sql),
                        "SELECT coalesce((SELECT id FROM (%s) LIMIT 1 "
                        "OFFSET %d), -1)",
                        z_ids, (int) wanted);
        want[wanted] = meta_int(q->fx, sql);
        if (want[wanted] < 0) {
            break;
        }
    }
    if (wanted < 3) {
        fail_msg("%s: only %d in %s", q->what, (int) wanted, z_ids);
    }
    if (q->descending) {
        cr_page_reverse(want, wanted, sizeof(int64_t));
    }

    for (size_t i = 0; i < CR_NELTS(lengths); i++) {
        n = walk(page, q, lengths[i], ids);
        if (n != wanted || memcmp(ids, want, n * sizeof(int64_t)) != 0) {
            fail_msg("%s, pages of %d: not what %s says", q->what,
                     (int) lengths[i], z_ids);
        }
    }
}


static void
both(page_pt page, query_t q, const char *z_ids)
{
    q.descending = false;
    check(page, &q, z_ids);
    q.descending = true;
    check(page, &q, z_ids);
}


/* Users, projects (each third public), members of them, images. */
static void
fill(meta_fixture_t *fx)
{
    cr_user_new_t    u = { 0 };
    cr_project_new_t p = { .storage_limit = -1, .no_member = true };
    cr_label_t       l = { 0 };
    cr_robot_new_t   r = { .duration = -1 };
    cr_robot_made_t  made;
    cr_robot_perm_t  perm = { .perm = CR_PERM_REPOSITORY_PULL };
    char             name[64], tag[16];
    int64_t          id, project;

    for (int i = 0; i < MANY; i++) {
        /* Not in the order of creation; "a-b" is before and behind "a". */
        (void) snprintf(name, sizeof(name), "n%d%s", i * 7 % MANY,
                        i % 2 ? "-x" : "");
        u.name = l.name = r.name = p.name = cr_str_z(name);
        p.is_public = i % 3 == 0;
        OK(fx, cr_user_create(&fx->cx, fx->m, &u, &WHO, &id));
        OK(fx, cr_project_create(&fx->cx, fx->m, &p, &WHO, &project));
        l.project_id = 0;
        OK(fx, cr_label_create(&fx->cx, fx->m, &l, &WHO, &id));
        l.project_id = 1;
        OK(fx, cr_label_create(&fx->cx, fx->m, &l, &WHO, &id));
        perm.project_id = 1;
        r.project_id = 1;
        r.perms = &perm;
        r.nperms = 1;
        OK(fx, cr_robot_create(&fx->cx, fx->m, &r, &WHO, &made));
        (void) snprintf(name, sizeof(name), "n%d%s/r%d", i * 7 % MANY,
                        i % 2 ? "-x" : "", i % 5);
        (void) snprintf(tag, sizeof(tag), "t%d", i * 5 % MANY);
        (void) meta_push(fx, name, tag, tag);
        (void) snprintf(name, sizeof(name), "n0/s%d", i);
        (void) meta_push(fx, name, tag, tag);
        (void) meta_push(fx, "library/many", tag, tag);
        (void) meta_push(fx, "library/one", tag, "the same");
        meta_clock_add(CR_DAY / 100);
    }

    /* User 2 is a member of half of the projects, and in project 1 all are. */
    meta_exec(fx, "INSERT INTO member (project_id, user_id, role, created_at, "
                  "updated_at) SELECT id, 2, 1 + id % 2, 1, 1 FROM project "
                  "WHERE id > 1 AND id % 2 = 0");
    meta_exec(fx, "INSERT INTO member (project_id, user_id, role, created_at, "
                  "updated_at) SELECT 1, id, 2, 1, 1 FROM users");
    meta_exec(fx, "UPDATE project SET updated_at = id * 7919 % 31, "
                  "storage_limit = id * 31 % 5");
    meta_exec(fx, "UPDATE repository SET updated_at = id * 7919 % 1009, "
                  "pull_count = id * 31 % 101");
}


/* What user 2 sees. */
#define SEEN                                                                   \
    "(public = 1 OR id IN (SELECT project_id FROM member WHERE user_id = 2))"
#define SEEN_REPOSITORY                                                        \
    "(public = 1 OR project_id IN (SELECT project_id FROM member "             \
    "WHERE user_id = 2))"


static void
test_users_and_projects(void **state)
{
    query_t q = { .fx = *state, .vis = everything, .like = "" };
    query_t user2 = { .fx = *state, .vis = { .user_id = 2 }, .like = "" };

    fill(q.fx);
    q.what = "users";
    both(users, q, "SELECT id FROM users ORDER BY name");
    q.sort = CR_USER_BY_ID;
    both(users, q, "SELECT id FROM users ORDER BY id");
    q.like = "1";
    both(users, q, "SELECT id FROM users WHERE name LIKE '%1%' ORDER BY id");

    q.what = "projects";
    q.like = "";
    q.sort = CR_PROJECT_BY_NAME;
    both(projects, q, "SELECT id FROM project ORDER BY name");
    q.sort = CR_PROJECT_BY_ID;
    both(projects, q, "SELECT id FROM project ORDER BY id");
    q.sort = CR_PROJECT_BY_UPDATE;
    both(projects, q, "SELECT id FROM project ORDER BY updated_at, id");
    q.like = "-x";
    both(projects, q,
         "SELECT id FROM project WHERE name LIKE '%-x' ORDER BY updated_at, "
         "id");
    q.like = "";
    q.sort = CR_PROJECT_BY_LIMIT;
    both(projects, q, "SELECT id FROM project ORDER BY storage_limit, id");
    q.sort = CR_PROJECT_BY_USED;
    both(projects, q, "SELECT id FROM project ORDER BY storage_used, id");

    user2.what = "projects of a user";
    both(projects, user2,
         "SELECT id FROM project WHERE " SEEN " ORDER BY name");
    user2.sort = CR_PROJECT_BY_ID;
    both(projects, user2, "SELECT id FROM project WHERE " SEEN " ORDER BY id");
    user2.sort = CR_PROJECT_BY_NAME;
    user2.like = "1";
    both(projects, user2,
         "SELECT id FROM project WHERE name LIKE '%1%' AND " SEEN
         " ORDER BY name");
    user2.vis.user_id = 0;
    user2.like = "";
    both(projects, user2,
         "SELECT id FROM project WHERE public = 1 ORDER BY name");
}


static void
test_repositories(void **state)
{
    query_t q = { .fx = *state, .vis = everything, .like = "" };
    query_t user2 = { .fx = *state, .vis = { .user_id = 2 }, .like = "" };

    fill(q.fx);
    q.what = "repositories";
    both(repositories, q, "SELECT id FROM repository ORDER BY name");
    q.sort = CR_REPOSITORY_SORT_CREATED;
    both(repositories, q, "SELECT id FROM repository ORDER BY id");
    q.like = "s";
    q.sort = CR_REPOSITORY_SORT_UPDATED;
    both(repositories, q,
         "SELECT id FROM repository WHERE name LIKE '%s%' ORDER BY updated_at");

    q.what = "repositories of a project";
    q.like = "";
    q.sort = CR_REPOSITORY_SORT_NAME;
    q.project = meta_int(q.fx, "SELECT id FROM project WHERE name = 'n0'");
    both(repositories, q,
         "SELECT id FROM repository WHERE name LIKE 'n0/%' ORDER BY name");
    q.sort = CR_REPOSITORY_SORT_ID;
    both(repositories, q,
         "SELECT id FROM repository WHERE name LIKE 'n0/%' ORDER BY id");
    q.like = "2";
    both(repositories, q,
         "SELECT id FROM repository WHERE name LIKE 'n0/%2%' ORDER BY id");

    user2.what = "repositories of a user";
    both(repositories, user2,
         "SELECT id FROM repository WHERE " SEEN_REPOSITORY " ORDER BY name");
    user2.like = "r";
    both(repositories, user2,
         "SELECT id FROM repository WHERE name LIKE '%r%' AND "
         SEEN_REPOSITORY " ORDER BY name");
}


/* The catalog of /v2 goes by names: the same set, in the same order. */
static void
test_catalog_of_a_user(void **state)
{
    meta_fixture_t *fx = *state;
    cr_visibility_t vis = { .user_id = 2 };
    cr_str_t        last = CR_STR(""), *names;
    char            sql[400];
    size_t          n, seen = 0;

    fill(fx);
    do {
        OK(fx, cr_repository_list(&fx->cx, fx->m, &vis, last, 3, &names, &n));
        for (size_t i = 0; i < n; i++, seen++) {
            (void) snprintf(sql, sizeof(sql),
                            "SELECT name = '%.*s' FROM repository WHERE "
                            SEEN_REPOSITORY " ORDER BY name LIMIT 1 OFFSET %d",
                            CR_STR_ARG(names[i]), (int) seen);
            assert_int_equal(meta_int(fx, sql), 1);
            last = names[i];
        }
    } while (n != 0);
    assert_int_equal(seen, meta_int(fx, "SELECT count(*) FROM repository "
                                        "WHERE " SEEN_REPOSITORY));
}


static void
test_artifacts(void **state)
{
    query_t q = { .fx = *state, .like = "", .what = "artifacts" };

    fill(q.fx);
    q.project =
        meta_int(q.fx, "SELECT id FROM repository WHERE name = 'library/many'");
    q.sort = CR_ARTIFACT_SORT_PUSHED;
    both(artifacts, q,
         "SELECT manifest_id AS id FROM artifact JOIN repository r ON "
         "r.id = repository_id WHERE r.name = 'library/many' "
         "ORDER BY pushed_at, manifest_id");
    q.like = "1";
    both(artifacts, q,
         "SELECT manifest_id AS id FROM tag t JOIN repository r ON r.id = "
         "t.repository_id WHERE r.name = 'library/many' AND t.name LIKE '%1%' "
         "ORDER BY t.manifest_id");
    q.sort = CR_ARTIFACT_SORT_SIZE;
    q.like = "";
    both(artifacts, q,
         "SELECT m.id FROM manifest m JOIN repository r ON r.id = "
         "m.repository_id WHERE r.name = 'library/many' "
         "ORDER BY m.size + (SELECT sum(f.size) FROM manifest_reference f "
         "WHERE f.manifest_id = m.id), m.id");

    q.what = "tags";
    q.project = meta_int(q.fx, "SELECT t.manifest_id FROM tag t JOIN "
                               "repository r ON r.id = t.repository_id "
                               "WHERE r.name = 'library/one' LIMIT 1");
    both(tags, q,
         "SELECT t.id FROM tag t JOIN repository r ON r.id = t.repository_id "
         "WHERE r.name = 'library/one' ORDER BY t.name");
    q.like = "1";
    both(tags, q,
         "SELECT t.id FROM tag t JOIN repository r ON r.id = t.repository_id "
         "WHERE r.name = 'library/one' AND t.name LIKE '%1%' "
         "ORDER BY t.name");
}


/* From a repository's deep pages: from the nearer end. */
static void
test_deep_artifacts(void **state)
{
    meta_fixture_t *fx = *state;
    query_t         q = { .fx = fx, .like = "", .what = "deep artifacts",
                          .sort = CR_ARTIFACT_SORT_PUSHED };
    int64_t         ids[8], total, id;

    (void) meta_push(fx, "library/deep", "t", "l");
    q.project =
        meta_int(fx, "SELECT id FROM repository WHERE name = 'library/deep'");
    meta_exec(fx,
              "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i "
              "WHERE n < 2999) INSERT INTO manifest (repository_id, digest, "
              "kind, media_type, size, pushed_by, pushed_at, body) SELECT "
              "m.repository_id, 'sha256:' || i.n, 1, 'x', 1, 'x', i.n, x'00' "
              "FROM i JOIN manifest m");
    meta_exec(fx, "INSERT INTO artifact (repository_id, pushed_at, "
                  "manifest_id) SELECT repository_id, pushed_at, id "
                  "FROM manifest WHERE size = 1");
    meta_exec(fx, "UPDATE repository SET artifact_count = 3000");

    for (int down = 0; down < 2; down++) {
        q.descending = down;
        for (int64_t at = 0; at < 3000; at += 499) {
            char sql[160];

            assert_int_equal(artifacts(&q, at, 2, ids, &total),
                             at == 2999 ? 1 : 2);
            assert_int_equal(total, 3000);
            (void) snprintf(sql, sizeof(sql),
                            "SELECT manifest_id FROM artifact ORDER BY "
                            "pushed_at %s LIMIT 1 OFFSET %d",
                            down ? "DESC" : "ASC", (int) at);
            id = meta_int(fx, sql);
            assert_int_equal(ids[0], id);
        }
        assert_int_equal(artifacts(&q, 3000, 2, ids, &total), 0);
        assert_int_equal(total, 3000);
    }
}


static void
test_members_robots_labels(void **state)
{
    query_t q = { .fx = *state, .project = 1, .like = "", .what = "members" };

    fill(q.fx);
    check(members, &q,
          "SELECT m.id FROM member m JOIN users u ON u.id = m.user_id "
          "WHERE m.project_id = 1 ORDER BY u.name");
    q.like = "1";
    check(members, &q,
          "SELECT m.id FROM member m JOIN users u ON u.id = m.user_id "
          "WHERE m.project_id = 1 AND u.name LIKE '%1%' ORDER BY u.name");

    q.what = "robots";
    both(robots, q, "SELECT id FROM robot WHERE name LIKE '%1%' ORDER BY id");
    q.like = "";
    both(robots, q, "SELECT id FROM robot ORDER BY id");
    q.sort = 1;
    both(robots, q, "SELECT id FROM robot ORDER BY name");
    q.like = "1";
    both(robots, q, "SELECT id FROM robot WHERE name LIKE '%1%' ORDER BY name");
    q.sort = 0;
    q.like = "";

    q.what = "labels";
    both(labels, q, "SELECT id FROM label WHERE project_id = 1 ORDER BY name");
    q.project = 0;
    both(labels, q,
         "SELECT id FROM label WHERE project_id IS NULL ORDER BY name");
    q.like = "1";
    both(labels, q,
         "SELECT id FROM label WHERE project_id IS NULL "
         "AND name LIKE '%1%' ORDER BY name");
    q.sort = 1;
    both(labels, q,
         "SELECT id FROM label WHERE project_id IS NULL "
         "AND name LIKE '%1%' ORDER BY id");
    q.like = "";
    both(labels, q,
         "SELECT id FROM label WHERE project_id IS NULL ORDER BY id");
}


static void
test_audit(void **state)
{
    query_t q = { .fx = *state, .like = "", .what = "audit" };

    fill(q.fx);
    both(audits, q, "SELECT id FROM audit ORDER BY id");
    q.like = "n1";
    both(audits, q,
         "SELECT id FROM audit WHERE resource LIKE '%n1%' ORDER BY id");
    q.project = 1;
    both(audits, q,
         "SELECT id FROM audit WHERE resource LIKE '%n1%' AND project_id = 1 "
         "ORDER BY id");
    q.like = "";
    both(audits, q, "SELECT id FROM audit WHERE project_id = 1 ORDER BY id");
    q.project = 0;
    q.vis.user_id = 2;
    both(audits, q,
         "SELECT id FROM audit WHERE project_id IN (SELECT project_id FROM "
         "member WHERE user_id = 2 AND role = 1) ORDER BY id");

    /* The clock was ahead for a while: what came later is there, too. */
    meta_exec(q.fx, "UPDATE audit SET at = 9000000000000000 WHERE id = 3");
    both(audits, q,
         "SELECT id FROM audit WHERE project_id IN (SELECT project_id FROM "
         "member WHERE user_id = 2 AND role = 1) ORDER BY id");
    q.vis.user_id = 0;
    q.like = "n1";
    both(audits, q,
         "SELECT id FROM audit WHERE resource LIKE '%n1%' ORDER BY id");
    q.project = 1;
    both(audits, q,
         "SELECT id FROM audit WHERE resource LIKE '%n1%' AND project_id = 1 "
         "ORDER BY id");
}


/* The numbers for a user are those of its lists. */
static void
test_statistics(void **state)
{
    meta_fixture_t *fx = *state;
    cr_visibility_t vis = { .user_id = 2 };
    cr_statistic_t  s;

    fill(fx);
    OK(fx, cr_statistic_get(&fx->cx, fx->m, &vis, &s));
    assert_int_equal(s.private_projects,
                     meta_int(fx, "SELECT count(*) FROM project "
                                  "WHERE public = 0 AND " SEEN));
    assert_int_equal(s.public_projects,
                     meta_int(fx, "SELECT count(*) FROM project "
                                  "WHERE public = 1"));
    assert_int_equal(s.private_repositories,
                     meta_int(fx, "SELECT count(*) FROM repository "
                                  "WHERE public = 0 AND " SEEN_REPOSITORY));
    assert_int_equal(s.public_repositories,
                     meta_int(fx, "SELECT count(*) FROM repository "
                                  "WHERE public = 1"));
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_of),
        cmocka_unit_test(test_seek_from_the_nearer_end),
        cmocka_unit_test(test_reverse),
        TEST(test_users_and_projects),
        TEST(test_repositories),
        TEST(test_catalog_of_a_user),
        TEST(test_artifacts),
        TEST(test_deep_artifacts),
        TEST(test_members_robots_labels),
        TEST(test_audit),
        TEST(test_statistics),
    };

    return cmocka_run_group_tests_name("meta/page", tests, NULL, NULL);
}
