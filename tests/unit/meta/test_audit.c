/*
 * meta/audit.c: entries, pages of them, and the purge.
 */

#include "meta_fixture.h"

#include <string.h>
#include "meta/member.h"


static cr_audit_who_t
actor(const char *z_actor)
{
    return (cr_audit_who_t){ .actor = cr_str_z(z_actor) };
}


static void
test_ids_of_actors(void **state)
{
    static const struct {
        const char *z_actor;
        int64_t     user, robot;
    } cases[] = {
        { "user:1", 1, 0 },
        { "robot:77", 0, 77 },
        { "user:9223372036854775807", INT64_MAX, 0 },
        { "user:9223372036854775808", 0, 0 },
        { "user:", 0, 0 },
        { "user:-1", 0, 0 },
        { "user:1x", 0, 0 },
        { "user", 0, 0 },
        { "cli", 0, 0 },
        { "config", 0, 0 },
        { "", 0, 0 },
    };

    (void) state;
    for (size_t i = 0; i < CR_NELTS(cases); i++) {
        cr_audit_who_t who = actor(cases[i].z_actor);

        assert_int_equal(cr_audit_user_id(&who), cases[i].user);
        assert_int_equal(cr_audit_robot_id(&who), cases[i].robot);
    }
}


static void
add(meta_fixture_t *fx, const char *z_operation, const char *z_resource,
    int64_t project_id)
{
    cr_audit_entry_t e = { .operation = cr_str_z(z_operation),
                           .resource_type = CR_STR("tag"),
                           .resource = cr_str_z(z_resource),
                           .project_id = project_id,
                           .success = true };

    OK(fx, cr_audit_add(&fx->cx, fx->m, &WHO, &e));
}


static void
test_what_is_written_is_read(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_audit_who_t    who = { CR_STR("robot:4"), CR_STR("robot$x"),
                              CR_STR("10.0.0.1") };
    cr_audit_entry_t  e = { .operation = CR_STR("delete"),
                            .resource_type = CR_STR("tag"),
                            .resource = CR_STR("library/a:v1"),
                            .project_id = 1,
                            .description = CR_STR("why") };
    cr_audit_filter_t f = { 0 };
    cr_audit_entry_t *rows;
    size_t            n;
    int64_t           total;

    OK(fx, cr_audit_add(&fx->cx, fx->m, &who, &e));
    meta_clock_add(CR_SECOND);
    add(fx, "create", "other", 0);
    OK(fx, cr_audit_page(&fx->cx, fx->m, &f, 0, 10, &rows, &n, &total));
    assert_int_equal(n, 2);
    assert_int_equal(total, 2);
    /* Newest first. */
    assert_text(rows[0].operation, "create");
    assert_int_equal(rows[0].project_id, 0);
    assert_true(rows[0].success);
    assert_int_equal(rows[0].at, meta_now());
    assert_true(rows[0].id > rows[1].id);
    assert_text(rows[1].actor, "robot:4");
    assert_text(rows[1].username, "robot$x");
    assert_text(rows[1].client, "10.0.0.1");
    assert_text(rows[1].operation, "delete");
    assert_text(rows[1].resource_type, "tag");
    assert_text(rows[1].resource, "library/a:v1");
    assert_text(rows[1].description, "why");
    assert_int_equal(rows[1].project_id, 1);
    assert_false(rows[1].success);
    assert_int_equal(rows[1].at, meta_now() - CR_SECOND);

    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN, cr_audit_add(&fx->cx, fx->m, &who, &e));
}


/* Foreign text is cut, never in the middle of a character. */
static void
test_text_is_bounded(void **state)
{
    static char       letters[CR_AUDIT_TEXT_MAX + 2];
    meta_fixture_t   *fx = *state;
    cr_audit_entry_t  e = { .operation = CR_STR("pull"),
                            .resource_type = CR_STR("artifact") };
    cr_audit_filter_t f = { 0 };
    cr_audit_entry_t *rows;
    size_t            n;
    int64_t           total;

    memset(letters, 'x', sizeof(letters));
    memcpy(&letters[CR_AUDIT_TEXT_MAX - 1], "\xc3\xa9", 2);
    e.resource = (cr_str_t){ sizeof(letters), letters };
    e.description = CR_STR("good\xff then bad");
    OK(fx, cr_audit_add(&fx->cx, fx->m, &WHO, &e));
    memset(letters, 'x', sizeof(letters));
    OK(fx, cr_audit_add(&fx->cx, fx->m, &WHO, &e));
    OK(fx, cr_audit_page(&fx->cx, fx->m, &f, 0, 2, &rows, &n, &total));
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].resource.len, CR_AUDIT_TEXT_MAX);
    assert_int_equal(rows[1].resource.len, CR_AUDIT_TEXT_MAX - 1);
    assert_text(rows[1].description, "good");
}


static size_t
found(meta_fixture_t *fx, const cr_audit_filter_t *f)
{
    cr_audit_entry_t *rows;
    size_t            n;
    int64_t           total;

    OK(fx, cr_audit_page(&fx->cx, fx->m, f, 0, 100, &rows, &n, &total));
    assert_int_equal(total, n);
    return n;
}


static void
test_filters(void **state)
{
    meta_fixture_t   *fx = *state;
    int64_t           first = meta_now(), bob, member;
    cr_audit_filter_t f = { 0 };

    meta_exec(fx, "INSERT INTO project (id, name, created_at, updated_at) "
                  "VALUES (7, 'pay', 1, 1)");
    add(fx, "create", "library/a:v1", 1);
    meta_clock_add(CR_SECOND);
    add(fx, "create", "pay/a:v1", 7);
    add(fx, "delete", "pay/a:v1", 7);
    add(fx, "update", "configuration", 0);

    assert_int_equal(found(fx, &f), 4);
    f.operation.any = CR_STR("[\"create\"]");
    assert_int_equal(found(fx, &f), 2);
    f.resource.any = CR_STR("[\"pay/a:v1\"]");
    assert_int_equal(found(fx, &f), 1);
    f.resource_type.any = CR_STR("[\"robot\"]");
    assert_int_equal(found(fx, &f), 0);
    f.resource_type.any = CR_STR("[\"robot\",\"tag\"]");
    assert_int_equal(found(fx, &f), 1);
    f = (cr_audit_filter_t){ .resource.like = CR_STR("/a:") };
    assert_int_equal(found(fx, &f), 3);
    f.project_id = 7;
    assert_int_equal(found(fx, &f), 2);
    f = (cr_audit_filter_t){ .username.any = CR_STR("[\"admi\"]") };
    assert_int_equal(found(fx, &f), 0);
    f = (cr_audit_filter_t){ .username.like = CR_STR("admi") };
    assert_int_equal(found(fx, &f), 4);
    f = (cr_audit_filter_t){ .until = first };
    assert_int_equal(found(fx, &f), 1);
    f = (cr_audit_filter_t){ .from = first + 1 };
    assert_int_equal(found(fx, &f), 3);
    f = (cr_audit_filter_t){ .project_id = 7 };
    assert_int_equal(found(fx, &f), 2);

    /* An administrator of one project sees that one's. */
    bob = meta_user(fx, "bob");
    f = (cr_audit_filter_t){ .admin_of = bob };
    assert_int_equal(found(fx, &f), 0);
    OK(fx, cr_member_add(&fx->cx, fx->m, 7, bob, CR_ROLE_MAINTAINER, &WHO,
                         &member));
    assert_int_equal(found(fx, &f), 0);
    OK(fx, cr_member_set_role(&fx->cx, fx->m, 7, member, CR_ROLE_PROJECT_ADMIN,
                              &WHO));
    assert_int_equal(found(fx, &f), 4);
    f.operation.any = CR_STR("[\"delete\"]");
    assert_int_equal(found(fx, &f), 1);
}


/* Of what a filter finds there is a page, and a total, also beyond the end. */
static void
test_page_beyond_the_end(void **state)
{
    meta_fixture_t   *fx = *state;
    cr_audit_filter_t f = { .operation.any = CR_STR("[\"pull\"]") };
    cr_audit_entry_t *rows;
    size_t            n;
    int64_t           total;

    add(fx, "pull", "library/a:v1", 1);
    add(fx, "pull", "library/a:v2", 1);
    add(fx, "pull", "library/a:v3", 1);
    OK(fx, cr_audit_page(&fx->cx, fx->m, &f, 1, 1, &rows, &n, &total));
    assert_int_equal(n, 1);
    assert_int_equal(total, 3);
    assert_text(rows[0].resource, "library/a:v2");
    f.oldest_first = true;
    OK(fx, cr_audit_page(&fx->cx, fx->m, &f, 0, 1, &rows, &n, &total));
    assert_int_equal(n, 1);
    assert_text(rows[0].resource, "library/a:v1");
    f.oldest_first = false;
    OK(fx, cr_audit_page(&fx->cx, fx->m, &f, 50, 10, &rows, &n, &total));
    assert_int_equal(n, 0);
    assert_int_equal(total, 3);
}


static void
test_purge(void **state)
{
    meta_fixture_t   *fx = *state;
    int64_t           start = meta_now();
    cr_audit_filter_t f = { .project_id = 1 };
    size_t            n = 99;

    OK(fx, cr_audit_purge(&fx->cx, fx->m, start, 10, &n));
    assert_int_equal(n, 0);
    for (int i = 0; i < 5; i++) {
        add(fx, "pull", "library/a:v1", 1);
        meta_clock_add(CR_DAY);
    }

    /* Older than, not as old as; the oldest first, so many at most. */
    OK(fx, cr_audit_purge(&fx->cx, fx->m, start + 3 * CR_DAY, 2, &n));
    assert_int_equal(n, 2);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit"), 3);
    assert_int_equal(meta_int(fx, "SELECT min(at) FROM audit"),
                     start + 2 * CR_DAY);
    OK(fx, cr_audit_purge(&fx->cx, fx->m, start + 3 * CR_DAY, 2, &n));
    assert_int_equal(n, 1);
    OK(fx, cr_audit_purge(&fx->cx, fx->m, start + 3 * CR_DAY, 2, &n));
    assert_int_equal(n, 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE at >= "
                                  "1767225600000000 + 3 * 86400000000"),
                     2);
    /* The counters know. */
    assert_int_equal(found(fx, &f), 2);
    f.project_id = 0;
    assert_int_equal(found(fx, &f), 2);

    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN, cr_audit_purge(&fx->cx, fx->m, meta_now(), 2, &n));
    assert_int_equal(n, 0);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_of_actors),
        TEST(test_what_is_written_is_read),
        TEST(test_text_is_bounded),
        TEST(test_filters),
        TEST(test_page_beyond_the_end),
        TEST(test_purge),
    };

    return cmocka_run_group_tests_name("meta/audit", tests, NULL, NULL);
}
