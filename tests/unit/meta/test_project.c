/*
 * meta/project.c: projects.  Pages: test_page.c.
 */

#include "meta_fixture.h"

#include "meta/label.h"
#include "meta/member.h"
#include "meta/project.h"
#include "meta/robot.h"


static int64_t
made(meta_fixture_t *fx, const char *z_name)
{
    cr_project_t p;

    OK(fx, meta_project(fx, cr_str_z(z_name), false, &p));
    return p.id;
}


static cr_project_t
get(meta_fixture_t *fx, int64_t id)
{
    cr_project_t p;

    OK(fx, cr_project_by_id(&fx->cx, fx->m, id, &p));
    return p;
}


static void
test_create(void **state)
{
    static const char *const bad[] = { "", "A", "a/b", "a b", "-a", "a..b" };

    meta_fixture_t  *fx = *state;
    int64_t          id = -1, bob = meta_user(fx, "bob");
    cr_audit_who_t   who = { .username = CR_STR("bob") };
    cr_project_new_t n = { .name = CR_STR("pay"),
                           .is_public = true,
                           .storage_limit = 5 };
    cr_project_t     p;
    cr_member_t      member;

    who.actor = cr_printf(&fx->cx, "user:%lld", (long long) bob);
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_project_by_name(&fx->cx, fx->m, CR_STR("pay"), &p));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_project_by_id(&fx->cx, fx->m, 99, &p));
    OK(fx, cr_project_create(&fx->cx, fx->m, &n, &who, &id));
    OK(fx, cr_project_by_name(&fx->cx, fx->m, CR_STR("pay"), &p));
    assert_int_equal(p.id, id);
    assert_text(p.name, "pay");
    assert_true(p.is_public);
    assert_int_equal(p.owner_id, bob);
    assert_text(p.owner_name, "bob");
    assert_int_equal(p.storage_limit, 5);
    assert_int_equal(p.storage_used, 0);
    assert_int_equal(p.repositories, 0);
    assert_false(p.replication);
    assert_int_equal(p.declared.len, 0);
    assert_int_equal(p.created_at, meta_now());
    assert_int_equal(meta_audits(fx, "create project pay", "public"), 1);
    /* Who makes it is its administrator. */
    OK(fx, cr_member_of(&fx->cx, fx->m, id, bob, &member));
    assert_int_equal(member.role, CR_ROLE_PROJECT_ADMIN);

    id = -1;
    FAILS(fx, CR_ERR_EXISTS, cr_project_create(&fx->cx, fx->m, &n, &who, &id));
    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        n.name = cr_str_z(bad[i]);
        FAILS(fx, CR_ERR_BAD_REQUEST,
              cr_project_create(&fx->cx, fx->m, &n, &who, &id));
    }
    assert_int_equal(id, -1);
    fx->cx.may_block = false;
    n.name = CR_STR("more");
    FAILS(fx, CR_ERR_AGAIN, cr_project_create(&fx->cx, fx->m, &n, &who, &id));
}


static void
test_create_without_an_owner(void **state)
{
    meta_fixture_t  *fx = *state;
    cr_audit_who_t   cli = { .actor = CR_STR("cli") };
    cr_project_new_t n = { .name = CR_STR("one") };
    int64_t          id;

    OK(fx, cr_project_create(&fx->cx, fx->m, &n, &cli, &id));
    assert_int_equal(get(fx, id).owner_id, 0);
    assert_int_equal(get(fx, id).owner_name.len, 0);
    assert_int_equal(get(fx, id).storage_limit, -1);
    assert_int_equal(meta_audits(fx, "create project one", "private"), 1);

    /* An owner who asks to be no member. */
    n = (cr_project_new_t){ .name = CR_STR("two"), .no_member = true };
    OK(fx, cr_project_create(&fx->cx, fx->m, &n, &WHO, &id));
    assert_int_equal(get(fx, id).owner_id, 1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM member"), 0);

    /* 0 asks for the setting, -1 for no limit whatever it says. */
    meta_exec(fx, "INSERT INTO setting VALUES ('storage_per_project', '77', "
                  "1)");
    n.name = CR_STR("three");
    OK(fx, cr_project_create(&fx->cx, fx->m, &n, &cli, &id));
    assert_int_equal(get(fx, id).storage_limit, 77);
    n.name = CR_STR("four");
    n.storage_limit = -1;
    OK(fx, cr_project_create(&fx->cx, fx->m, &n, &cli, &id));
    assert_int_equal(get(fx, id).storage_limit, -1);
}


static void
test_list(void **state)
{
    meta_fixture_t *fx = *state;
    cr_project_t   *rows;
    size_t          n;
    int64_t         gone;

    (void) made(fx, "zoo");
    (void) made(fx, "app");
    gone = made(fx, "gone");
    OK(fx, cr_project_delete(&fx->cx, fx->m, gone, &WHO));
    OK(fx, cr_project_list(&fx->cx, fx->m, CR_STR(""), 2, &rows, &n));
    assert_int_equal(n, 2);
    assert_text(rows[0].name, "app");
    assert_text(rows[1].name, "library");
    OK(fx, cr_project_list(&fx->cx, fx->m, CR_STR("library"), 2, &rows, &n));
    assert_int_equal(n, 1);
    assert_text(rows[0].name, "zoo");
    OK(fx, cr_project_list(&fx->cx, fx->m, CR_STR("zoo"), 2, &rows, &n));
    assert_int_equal(n, 0);
}


static void
test_set(void **state)
{
    meta_fixture_t  *fx = *state;
    int64_t          id = made(fx, "pay"), limit = 9;
    bool             yes = true, no = false;
    cr_project_set_t set = { .is_public = &yes };
    cr_project_t     p;

    (void) meta_push(fx, "pay/app", "v1", "layer");
    meta_clock_add(CR_SECOND);
    OK(fx, cr_project_set(&fx->cx, fx->m, id, &set, &WHO));
    p = get(fx, id);
    assert_true(p.is_public);
    assert_false(p.replication);
    assert_int_equal(p.storage_limit, -1);
    assert_int_equal(p.updated_at, meta_now());
    assert_int_equal(p.repositories, 1);
    assert_int_equal(p.storage_used, strlen("layer") + strlen("c"));
    assert_int_equal(meta_int(fx, "SELECT public FROM repository"), 1);
    assert_int_equal(meta_audits(fx, "update project pay", "public"), 1);

    set = (cr_project_set_t){ .storage_limit = &limit, .replication = &yes };
    OK(fx, cr_project_set(&fx->cx, fx->m, id, &set, &WHO));
    p = get(fx, id);
    assert_true(p.is_public);
    assert_true(p.replication);
    assert_int_equal(p.storage_limit, 9);
    assert_int_equal(meta_audits(fx, "update project pay",
                                 "storage limit 9 written by replication"),
                     1);

    limit = -7; /* any negative number: none */
    set = (cr_project_set_t){ .is_public = &no,
                              .storage_limit = &limit,
                              .replication = &no };
    OK(fx, cr_project_set(&fx->cx, fx->m, id, &set, &WHO));
    p = get(fx, id);
    assert_false(p.is_public);
    assert_false(p.replication);
    assert_int_equal(p.storage_limit, -1);
    assert_int_equal(meta_int(fx, "SELECT public FROM repository"), 0);
    FAILS(fx, CR_ERR_NOT_FOUND, cr_project_set(&fx->cx, fx->m, 99, &set, &WHO));
}


static void
test_deletable(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         id = made(fx, "pay");
    cr_reference_t  ref = meta_ref(fx, "v1");
    cr_digest_t     d;

    FAILS(fx, CR_ERR_NOT_FOUND, cr_project_deletable(&fx->cx, fx->m, 99));
    FAILS(fx, CR_ERR_FORBIDDEN, cr_project_deletable(&fx->cx, fx->m, 1));
    FAILS(fx, CR_ERR_FORBIDDEN, cr_project_delete(&fx->cx, fx->m, 1, &WHO));
    OK(fx, cr_project_deletable(&fx->cx, fx->m, id));

    d = meta_push(fx, "pay/app", "v1", "layer");
    FAILS(fx, CR_ERR_PRECONDITION, cr_project_deletable(&fx->cx, fx->m, id));
    FAILS(fx, CR_ERR_PRECONDITION, cr_project_delete(&fx->cx, fx->m, id, &WHO));
    OK(fx, cr_manifest_delete(&fx->cx, fx->m, CR_STR("pay/app"), &ref, &WHO));
    FAILS(fx, CR_ERR_PRECONDITION, cr_project_deletable(&fx->cx, fx->m, id));
    ref = meta_ref(fx, d.text);
    OK(fx, cr_manifest_delete(&fx->cx, fx->m, CR_STR("pay/app"), &ref, &WHO));
    OK(fx, cr_project_deletable(&fx->cx, fx->m, id));
    OK(fx, cr_project_delete(&fx->cx, fx->m, id, &WHO));
}


static void
test_delete(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         id = made(fx, "pay"), ignored;
    cr_robot_perm_t perms[] = {
        { .project_id = 0, .perm = CR_PERM_REPOSITORY_PULL },
        { .project_id = 1, .perm = CR_PERM_REPOSITORY_PULL },
    };
    cr_robot_new_t n = {
        .name = CR_STR("ci"), .duration = -1, .perms = perms, .nperms = 1
    };
    cr_robot_made_t robot;
    cr_label_t      label = { .project_id = id, .name = CR_STR("red") };
    cr_project_t    p;

    OK(fx, cr_member_add(&fx->cx, fx->m, id, meta_user(fx, "bob"),
                         CR_ROLE_GUEST, &WHO, &ignored));
    OK(fx, cr_label_create(&fx->cx, fx->m, &label, &WHO, &ignored));
    OK(fx, cr_project_metadata_set(&fx->cx, fx->m, id, CR_STR("a"), CR_STR("b"),
                                   &WHO));
    perms[0].project_id = n.project_id = id;
    OK(fx, cr_robot_create(&fx->cx, fx->m, &n, &WHO, &robot));
    /* One of the registry, that may do things here and elsewhere. */
    n.project_id = 0;
    n.nperms = 2;
    OK(fx, cr_robot_create(&fx->cx, fx->m, &n, &WHO, &robot));

    OK(fx, cr_project_delete(&fx->cx, fx->m, id, &WHO));
    assert_int_equal(meta_audits(fx, "delete project pay", ""), 1);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM member"), 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM label"), 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM project_metadata"), 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot"), 1);
    assert_int_equal(meta_int(fx, "SELECT project_id FROM robot_permission"),
                     1);
    FAILS(fx, CR_ERR_NOT_FOUND, cr_project_by_id(&fx->cx, fx->m, id, &p));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_project_delete(&fx->cx, fx->m, id, &WHO));
    /* The name is free, the number is not. */
    assert_true(made(fx, "pay") > id);
}


static void
test_metadata(void **state)
{
    static char            text[CR_PROJECT_METADATA_MAX + 1];
    meta_fixture_t        *fx = *state;
    int64_t                id = made(fx, "pay");
    cr_project_metadata_t *rows;
    size_t                 n;
    cr_ctx_t              *cx = &fx->cx;

    memset(text, 'x', sizeof(text));
    OK(fx, cr_project_metadata_list(cx, fx->m, id, &rows, &n));
    assert_int_equal(n, 0);
    OK(fx,
       cr_project_metadata_set(cx, fx->m, id, CR_STR("b"), CR_STR("1"), &WHO));
    OK(fx,
       cr_project_metadata_set(cx, fx->m, id, CR_STR("a"), CR_STR(""), &WHO));
    OK(fx,
       cr_project_metadata_set(cx, fx->m, id, CR_STR("b"), CR_STR("2"), &WHO));
    OK(fx, cr_project_metadata_list(cx, fx->m, id, &rows, &n));
    assert_int_equal(n, 2);
    assert_text(rows[0].name, "a");
    assert_text(rows[0].value, "");
    assert_text(rows[1].name, "b");
    assert_text(rows[1].value, "2");
    assert_int_equal(meta_audits(fx, "update project pay", "metadata b"), 2);
    OK(fx, cr_project_metadata_list(cx, fx->m, 1, &rows, &n));
    assert_int_equal(n, 0);

    OK(fx,
       cr_project_metadata_set(cx, fx->m, id, CR_STR("a"), CR_STR_NULL, &WHO));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_project_metadata_set(cx, fx->m, id, CR_STR("a"), CR_STR_NULL,
                                  &WHO));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_project_metadata_set(cx, fx->m, 99, CR_STR("a"), CR_STR("1"),
                                  &WHO));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_project_metadata_set(cx, fx->m, id, CR_STR(""), CR_STR("1"),
                                  &WHO));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_project_metadata_set(cx, fx->m, id, (cr_str_t){ 256, text },
                                  CR_STR("1"), &WHO));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_project_metadata_set(cx, fx->m, id, CR_STR("a"),
                                  (cr_str_t){ sizeof(text), text }, &WHO));
    OK(fx, cr_project_metadata_set(cx, fx->m, id, (cr_str_t){ 255, text },
                                   (cr_str_t){ CR_PROJECT_METADATA_MAX, text },
                                   &WHO));
}


/* With a project, or with its other changes: all of it, or nothing. */
static void
test_metadata_with_others(void **state)
{
    static char            text[CR_PROJECT_METADATA_MAX + 1];
    meta_fixture_t        *fx = *state;
    bool                   yes = true;
    int64_t                id;
    cr_project_metadata_t  data[] = { { CR_STR("a"), CR_STR("1") },
                                      { CR_STR("b"), CR_STR("2") } };
    cr_project_metadata_t *rows;
    cr_project_new_t       n = { .name = CR_STR("pay"),
                                 .metadata = data,
                                 .nmetadata = 2 };
    cr_project_set_t       set = { .is_public = &yes,
                                   .metadata = data,
                                   .nmetadata = 2 };
    cr_project_t           p;
    size_t                 nrows;

    OK(fx, cr_project_create(&fx->cx, fx->m, &n, &WHO, &id));
    OK(fx, cr_project_metadata_list(&fx->cx, fx->m, id, &rows, &nrows));
    assert_int_equal(nrows, 2);
    data[1].value = CR_STR("3");
    OK(fx, cr_project_set(&fx->cx, fx->m, id, &set, &WHO));
    OK(fx, cr_project_metadata_list(&fx->cx, fx->m, id, &rows, &nrows));
    assert_int_equal(nrows, 2);
    assert_text(rows[1].value, "3");
    assert_true(get(fx, id).is_public);

    memset(text, 'x', sizeof(text));
    data[1].value = (cr_str_t){ sizeof(text), text };
    data[0].value = CR_STR("never");
    yes = false;
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_project_set(&fx->cx, fx->m, id, &set, &WHO));
    n.name = CR_STR("more");
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_project_create(&fx->cx, fx->m, &n, &WHO, &id));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_project_by_name(&fx->cx, fx->m, CR_STR("more"), &p));
    assert_true(get(fx, id).is_public);
    OK(fx, cr_project_metadata_list(&fx->cx, fx->m, id, &rows, &nrows));
    assert_text(rows[0].value, "1");
}


static void
test_declared(void **state)
{
    meta_fixture_t  *fx = *state;
    int64_t          id = made(fx, "pay");
    cr_project_set_t set = { 0 };

    meta_exec(fx, "UPDATE project SET declared = 'n.conf:7' WHERE id > 1");
    assert_text(get(fx, id).declared, "n.conf:7");
    FAILS(fx, CR_ERR_CONFLICT, cr_project_set(&fx->cx, fx->m, id, &set, &WHO));
    FAILS(fx, CR_ERR_CONFLICT, cr_project_deletable(&fx->cx, fx->m, id));
    FAILS(fx, CR_ERR_CONFLICT, cr_project_delete(&fx->cx, fx->m, id, &WHO));
    FAILS(fx, CR_ERR_CONFLICT,
          cr_project_metadata_set(&fx->cx, fx->m, id, CR_STR("a"), CR_STR("1"),
                                  &WHO));
    assert_text(get(fx, id).name, "pay");
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create),    TEST(test_create_without_an_owner),
        TEST(test_list),      TEST(test_set),
        TEST(test_deletable), TEST(test_delete),
        TEST(test_metadata),  TEST(test_metadata_with_others),
        TEST(test_declared),
    };

    return cmocka_run_group_tests_name("meta/project", tests, NULL, NULL);
}
