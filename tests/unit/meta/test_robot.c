/*
 * meta/robot.c: robots, their secrets, and that none makes a stronger one.
 * Reading them: test_robot_read.c.
 */

#include "meta_fixture.h"

#include "core/hash.h"
#include "meta/project.h"
#include "meta/robot.h"

#define SECRET "Secret123"

static const cr_robot_perm_t pull_everywhere = { .project_id =
                                                     CR_ROBOT_EVERY_PROJECT,
                                                 .perm =
                                                     CR_PERM_REPOSITORY_PULL };


static cr_robot_made_t
made(meta_fixture_t *fx, const char *z_name, const cr_robot_perm_t *perms,
     size_t n, int64_t days)
{
    cr_robot_new_t new = {
        .name = cr_str_z(z_name), .duration = days, .perms = perms, .nperms = n
    };
    cr_robot_made_t r;

    OK(fx, cr_robot_create(&fx->cx, fx->m, &new, &WHO, &r));
    return r;
}


static cr_robot_t
get(meta_fixture_t *fx, int64_t id)
{
    cr_robot_t r;

    OK(fx, cr_robot_by_id(&fx->cx, fx->m, id, &r));
    return r;
}


/* The audit identity of a robot. */
static cr_audit_who_t
as(meta_fixture_t *fx, int64_t id)
{
    return (cr_audit_who_t){
        .actor = cr_printf(&fx->cx, "robot:%lld", (long long) id),
        .username = CR_STR("robot$x"),
    };
}


static void
test_secret_is(void **state)
{
    uint8_t  hash[CR_ROBOT_HASH_SIZE];
    cr_str_t h = { sizeof(hash), (const char *) hash };

    (void) state;
    cr_hash_sha256(CR_STR(SECRET), hash);
    assert_true(cr_robot_secret_is(CR_STR(SECRET), h));
    assert_false(cr_robot_secret_is(CR_STR("secret123"), h));
    assert_false(cr_robot_secret_is(CR_STR(""), h));
    assert_false(cr_robot_secret_is(CR_STR(SECRET), CR_STR("")));
    h.len--;
    assert_false(cr_robot_secret_is(CR_STR(SECRET), h));
}


static void
test_create(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_perm_t perm = { .project_id = 1, .perm = CR_PERM_REPOSITORY_PUSH };
    cr_robot_new_t  n = { .name = CR_STR("ci"),
                          .project_id = 1,
                          .description = CR_STR("builds"),
                          .disabled = true,
                          .replication = true,
                          .duration = 3,
                          .perms = &perm,
                          .nperms = 1 };
    cr_robot_made_t made_;
    cr_robot_t      r;

    OK(fx, cr_robot_create(&fx->cx, fx->m, &n, &WHO, &made_));
    assert_text(made_.name, "robot$library+ci");
    assert_int_equal(made_.secret.len, CR_ROBOT_SECRET_LEN);
    assert_int_equal(made_.created_at, meta_now());
    assert_int_equal(made_.expires_at, meta_now() + 3 * CR_DAY);
    assert_int_equal(meta_audits(fx, "create robot robot$library+ci", ""), 1);

    FAILS(fx, CR_ERR_NOT_FOUND, cr_robot_by_id(&fx->cx, fx->m, 99, &r));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_robot_by_name(&fx->cx, fx->m, CR_STR("ci"), &r));
    OK(fx, cr_robot_by_name(&fx->cx, fx->m, made_.name, &r));
    assert_int_equal(r.id, made_.id);
    assert_int_equal(r.project_id, 1);
    assert_text(r.project_name, "library");
    assert_text(r.description, "builds");
    assert_text(r.created_by, "user:1");
    assert_true(r.disabled);
    assert_true(r.replication);
    assert_int_equal(r.duration, 3);
    assert_int_equal(r.expires_at, made_.expires_at);
    assert_int_equal(r.epoch, 1);
    assert_true(cr_robot_secret_is(made_.secret, r.secret_hash));

    FAILS(fx, CR_ERR_EXISTS, cr_robot_create(&fx->cx, fx->m, &n, &WHO, &made_));
    n.project_id = 99;
    perm.project_id = 99;
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_robot_create(&fx->cx, fx->m, &n, &WHO, &made_));

    /* Of the registry: a name without a project, and no end. */
    n.project_id = 0;
    perm.project_id = 1;
    n.duration = -1;
    n.secret = CR_STR(SECRET);
    OK(fx, cr_robot_create(&fx->cx, fx->m, &n, &WHO, &made_));
    assert_text(made_.name, "robot$ci");
    assert_text(made_.secret, SECRET);
    assert_int_equal(made_.expires_at, 0);
    r = get(fx, made_.id);
    assert_int_equal(r.project_id, 0);
    assert_int_equal(r.project_name.len, 0);
    assert_int_equal(r.expires_at, 0);
    assert_true(cr_robot_secret_is(CR_STR(SECRET), r.secret_hash));
}


static cr_err_t
try(meta_fixture_t *fx, const cr_robot_new_t *n)
{
    cr_robot_made_t r;

    return cr_robot_create(&fx->cx, fx->m, n, &WHO, &r);
}


static void
test_refused(void **state)
{
    static const char *const secrets[] = {
        "Short1x",     "nouppercase1", "NOLOWERCASE1",
        "NoDigitHere", "With Space1",  "Umlaut1\xc3\xa4xx"
    };
    static const char *const names[] = { "", "CI", "a b", "a+b", "-a" };
    static const int64_t     days[] = { 0, -2, CR_ROBOT_DURATION_MAX + 1 };
    static char              text[1025];

    meta_fixture_t *fx = *state;
    cr_robot_perm_t perm = pull_everywhere;
    cr_robot_new_t  ok = {
         .name = CR_STR("ci"), .duration = -1, .perms = &perm, .nperms = 1
    };
    cr_robot_new_t n;

    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < CR_NELTS(names); i++) {
        n = ok;
        n.name = cr_str_z(names[i]);
        FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &n));
    }
    for (size_t i = 0; i < CR_NELTS(secrets); i++) {
        n = ok;
        n.secret = cr_str_z(secrets[i]);
        FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &n));
    }
    for (size_t i = 0; i < CR_NELTS(days); i++) {
        n = ok;
        n.duration = days[i];
        FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &n));
    }
    n = ok;
    n.description = (cr_str_t){ sizeof(text), text };
    FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &n));
    n.description = CR_STR("\xff");
    FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &n));
    n = ok;
    n.nperms = 0;
    FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &n));

    /* Rights of the wrong level, and what a project cannot give. */
    perm.project_id = CR_ROBOT_SYSTEM;
    FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &ok));
    perm.project_id = -2;
    FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &ok));
    perm = (cr_robot_perm_t){ .perm = CR_PERM_SYSTEM_USER_LIST };
    FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &ok));
    perm = (cr_robot_perm_t){ .perm = CR_PERM_ADMIN };
    FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &ok));
    perm = pull_everywhere;
    ok.project_id = 1;
    FAILS(fx, CR_ERR_BAD_REQUEST, try(fx, &ok));
    ok.project_id = 0;
    perm.project_id = 99;
    FAILS(fx, CR_ERR_NOT_FOUND, try(fx, &ok));

    /* And nothing of all that is left. */
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot"), 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit"), 0);
    fx->cx.may_block = false;
    perm.project_id = 0;
    FAILS(fx, CR_ERR_AGAIN, try(fx, &ok));
}


static void
test_set(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_made_t made_ = made(fx, "ci", &pull_everywhere, 1, 10);
    cr_robot_perm_t perm = { .project_id = 1, .perm = CR_PERM_REPOSITORY_PUSH };
    cr_str_t        text = CR_STR("new");
    bool            yes = true, no = false;
    int64_t         days = 2;
    cr_robot_set_t  set = { .description = &text };
    cr_robot_perm_t *perms;
    size_t           n;
    cr_robot_t       r;

    meta_clock_add(CR_DAY);
    OK(fx, cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    r = get(fx, made_.id);
    assert_text(r.description, "new");
    assert_false(r.disabled);
    assert_int_equal(r.epoch, 1);
    assert_int_equal(r.duration, 10);
    assert_int_equal(r.expires_at, made_.expires_at);
    assert_int_equal(r.updated_at, meta_now());

    set = (cr_robot_set_t){ .disabled = &yes, .replication = &yes };
    OK(fx, cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    r = get(fx, made_.id);
    assert_text(r.description, "new");
    assert_true(r.disabled);
    assert_true(r.replication);
    assert_int_equal(r.epoch, 2); /* its tokens are void */
    OK(fx, cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    assert_int_equal(get(fx, made_.id).epoch, 2);
    assert_int_equal(meta_audits(fx, "update robot robot$ci", "disabled"), 2);
    set = (cr_robot_set_t){ .disabled = &no };
    OK(fx, cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    assert_int_equal(get(fx, made_.id).epoch, 3);
    assert_true(get(fx, made_.id).replication);

    /* A duration counts from now. */
    set = (cr_robot_set_t){ .duration = &days };
    OK(fx, cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    assert_int_equal(get(fx, made_.id).expires_at, meta_now() + 2 * CR_DAY);
    days = -1;
    OK(fx, cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    assert_int_equal(get(fx, made_.id).expires_at, 0);
    days = 0;
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));

    /* Rights are given as a whole. */
    set = (cr_robot_set_t){ .perms = &perm, .nperms = 1 };
    OK(fx, cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    OK(fx, cr_robot_perms(&fx->cx, fx->m, made_.id, &perms, &n));
    assert_int_equal(n, 1);
    assert_int_equal(perms[0].perm, CR_PERM_REPOSITORY_PUSH);
    set.nperms = 0;
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    set.nperms = 1;
    perm.project_id = CR_ROBOT_SYSTEM;
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    perm.project_id = 99;
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    OK(fx, cr_robot_perms(&fx->cx, fx->m, made_.id, &perms, &n));
    assert_int_equal(n, 1);
    text = CR_STR("\xff");
    set = (cr_robot_set_t){ .description = &text };
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    set = (cr_robot_set_t){ 0 };
    FAILS(fx, CR_ERR_NOT_FOUND, cr_robot_set(&fx->cx, fx->m, 99, &set, &WHO));
}


static void
test_set_secret(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_made_t made_ = made(fx, "ci", &pull_everywhere, 1, -1);
    cr_str_t        secret = CR_STR_NULL;
    cr_robot_t      r;

    OK(fx, cr_robot_set_secret(&fx->cx, fx->m, made_.id, CR_STR(SECRET), &WHO,
                               &secret));
    assert_text(secret, SECRET);
    r = get(fx, made_.id);
    assert_true(cr_robot_secret_is(CR_STR(SECRET), r.secret_hash));
    assert_false(cr_robot_secret_is(made_.secret, r.secret_hash));
    assert_int_equal(r.epoch, 2);
    assert_int_equal(meta_audits(fx, "update robot robot$ci", "secret"), 1);

    OK(fx, cr_robot_set_secret(&fx->cx, fx->m, made_.id, CR_STR(""), &WHO,
                               &secret));
    assert_int_equal(secret.len, CR_ROBOT_SECRET_LEN);
    r = get(fx, made_.id);
    assert_true(cr_robot_secret_is(secret, r.secret_hash));
    assert_int_equal(r.epoch, 3);
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_robot_set_secret(&fx->cx, fx->m, made_.id, CR_STR("weak"), &WHO,
                              &secret));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_robot_set_secret(&fx->cx, fx->m, 99, CR_STR(""), &WHO, &secret));
    assert_int_equal(get(fx, made_.id).epoch, 3);
}


static void
test_delete(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_made_t made_ = made(fx, "ci", &pull_everywhere, 1, -1);
    cr_robot_t      r;

    FAILS(fx, CR_ERR_NOT_FOUND, cr_robot_delete(&fx->cx, fx->m, 99, &WHO));
    OK(fx, cr_robot_delete(&fx->cx, fx->m, made_.id, &WHO));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_robot_by_id(&fx->cx, fx->m, made_.id, &r));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot_permission"), 0);
    assert_int_equal(meta_audits(fx, "delete robot robot$ci", ""), 1);
    /* The name is free, the number is not. */
    assert_true(made(fx, "ci", &pull_everywhere, 1, -1).id > made_.id);
}


/* What a robot that makes robots hands on is bounded by what it has. */
static void
test_made_by_a_robot(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_perm_t perms[] = {
        pull_everywhere,
        { .project_id = CR_ROBOT_SYSTEM, .perm = CR_PERM_SYSTEM_ROBOT_CREATE },
    };
    cr_robot_made_t giver = made(fx, "giver", perms, 2, 10), child;
    cr_audit_who_t  who = as(fx, giver.id);
    cr_robot_perm_t perm = { .project_id = 1, .perm = CR_PERM_REPOSITORY_PULL };
    cr_robot_new_t  n = {
         .name = CR_STR("child"), .duration = 10, .perms = &perm, .nperms = 1
    };
    cr_robot_set_t set = { .perms = &perm, .nperms = 1 };
    int64_t        days = -1;

    OK(fx, cr_robot_create(&fx->cx, fx->m, &n, &who, &child));
    n.name = CR_STR("other");
    n.duration = 11;
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_robot_create(&fx->cx, fx->m, &n, &who, &child));
    n.duration = -1;
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_robot_create(&fx->cx, fx->m, &n, &who, &child));
    n.duration = 1;
    perm.perm = CR_PERM_REPOSITORY_PUSH;
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_robot_create(&fx->cx, fx->m, &n, &who, &child));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_robot_set(&fx->cx, fx->m, child.id, &set, &who));
    set = (cr_robot_set_t){ .duration = &days };
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_robot_set(&fx->cx, fx->m, child.id, &set, &who));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM robot"), 2);
}


/* Who learns a secret can do what the robot can. */
static void
test_secret_of_a_stronger_one(void **state)
{
    meta_fixture_t *fx = *state;
    bool            yes = true;
    cr_robot_perm_t push = { .perm = CR_PERM_REPOSITORY_PUSH };
    cr_robot_perm_t own = { .project_id = 1, .perm = CR_PERM_REPOSITORY_PULL };
    cr_robot_made_t giver = made(fx, "giver", &pull_everywhere, 1, 10);
    cr_robot_made_t weaker = made(fx, "weaker", &own, 1, 10);
    cr_robot_made_t longer = made(fx, "longer", &own, 1, 11);
    cr_robot_made_t more = made(fx, "more", &push, 1, 10);
    cr_robot_set_t  set = { .replication = &yes };
    cr_audit_who_t  who = as(fx, giver.id);
    cr_str_t        secret;

    OK(fx, cr_robot_set_secret(&fx->cx, fx->m, weaker.id, CR_STR(""), &who,
                               &secret));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_robot_set_secret(&fx->cx, fx->m, longer.id, CR_STR(""), &who,
                              &secret));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_robot_set_secret(&fx->cx, fx->m, more.id, CR_STR(""), &who,
                              &secret));
    OK(fx, cr_robot_set(&fx->cx, fx->m, weaker.id, &set, &WHO));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_robot_set_secret(&fx->cx, fx->m, weaker.id, CR_STR(""), &who,
                              &secret));
    assert_int_equal(get(fx, weaker.id).epoch, 2);
    assert_int_equal(get(fx, more.id).epoch, 1);
}


static void
test_declared(void **state)
{
    meta_fixture_t *fx = *state;
    cr_robot_made_t made_ = made(fx, "ci", &pull_everywhere, 1, -1);
    cr_robot_set_t  set = { 0 };
    cr_robot_new_t  n = { .name = CR_STR("new"),
                          .duration = -1,
                          .perms = &pull_everywhere,
                          .nperms = 1 };
    cr_str_t        secret;

    meta_exec(fx, "UPDATE robot SET declared = 'n.conf:7'");
    assert_text(get(fx, made_.id).declared, "n.conf:7");
    FAILS(fx, CR_ERR_CONFLICT,
          cr_robot_set(&fx->cx, fx->m, made_.id, &set, &WHO));
    FAILS(fx, CR_ERR_CONFLICT,
          cr_robot_set_secret(&fx->cx, fx->m, made_.id, CR_STR(""), &WHO,
                              &secret));
    FAILS(fx, CR_ERR_CONFLICT, cr_robot_delete(&fx->cx, fx->m, made_.id, &WHO));
    assert_int_equal(get(fx, made_.id).epoch, 1);

    meta_exec(fx, "INSERT INTO declaration (slot, instance, mode, place, hash, "
                  "body, state, loaded_at, changed_at) VALUES ('applied', "
                  "'main', 'exclusive', 'n.conf:1', '', '{}', 'applied', 1, "
                  "1)");
    FAILS(fx, CR_ERR_CONFLICT, try(fx, &n));
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_is),
        TEST(test_create),
        TEST(test_refused),
        TEST(test_set),
        TEST(test_set_secret),
        TEST(test_delete),
        TEST(test_made_by_a_robot),
        TEST(test_secret_of_a_stronger_one),
        TEST(test_declared),
    };

    return cmocka_run_group_tests_name("meta/robot", tests, NULL, NULL);
}
