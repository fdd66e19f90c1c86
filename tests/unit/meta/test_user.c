/*
 * meta/user.c: users, and what keeps somebody in charge.  Pages: test_page.c.
 */

#include "meta_fixture.h"

#include "meta/member.h"
#include "meta/refresh.h"
#include "meta/user.h"

static const cr_audit_who_t robot = { { 7, "robot:1" },
                                      { 7, "robot$x" },
                                      { 0, "" } };


static cr_user_t
get(meta_fixture_t *fx, int64_t id)
{
    cr_user_t u;

    OK(fx, cr_user_by_id(&fx->cx, fx->m, id, &u));
    return u;
}


/* A user with a password, hash "h". */
static int64_t
made(meta_fixture_t *fx, const char *z_name, bool admin)
{
    int64_t       id;
    cr_user_new_t n = { .name = cr_str_z(z_name),
                        .password_hash = CR_STR("h"),
                        .admin = admin };

    OK(fx, cr_user_create(&fx->cx, fx->m, &n, &WHO, &id));
    return id;
}


static void
test_name_check(void **state)
{
    static const char *const good[] = { "a",   "Bob.Smith",   "b@x.org",
                                        "a b", "J\xc3\xb6rg", "a+b/c" };
    static const char *const bad[] = {
        "",
        " a",
        "a ",
        "a,b",
        "a\"b",
        "a~b",
        "a#b",
        "a%b",
        "a$b",
        "a:b",
        "a\nb",
        "a\x7f"
        "b",
        "a\xc2\x85"
        "b",
        "a\xff",
        "a\xe2\x80\x8b"
        "b",
        "a\xe2\x80\xae"
        "b",
        "a\xe2\x81\xa0"
        "b",
        "\xef\xbb\xbf"
        "ab",
    };
    static char text[CR_USER_NAME_MAX + 1];

    meta_fixture_t *fx = *state;

    for (size_t i = 0; i < CR_NELTS(good); i++) {
        OK(fx, cr_user_name_check(&fx->cx, cr_str_z(good[i])));
    }
    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        FAILS(fx, CR_ERR_BAD_REQUEST,
              cr_user_name_check(&fx->cx, cr_str_z(bad[i])));
    }
    memset(text, 'x', sizeof(text));
    OK(fx, cr_user_name_check(&fx->cx, (cr_str_t){ CR_USER_NAME_MAX, text }));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_user_name_check(&fx->cx, (cr_str_t){ sizeof(text), text }));
    /* A zero byte ends no name. */
    FAILS(fx, CR_ERR_BAD_REQUEST, cr_user_name_check(&fx->cx, CR_STR("a\0b")));
}


static void
test_create(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         id = -1;
    cr_user_t       u;
    cr_user_new_t   n = { .name = CR_STR("bob"),
                          .password_hash = CR_STR("hash"),
                          .email = CR_STR("bob@x.org"),
                          .realname = CR_STR("Bob"),
                          .comment = CR_STR("him") };

    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_user_by_name(&fx->cx, fx->m, CR_STR("bob"), &u));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_user_by_id(&fx->cx, fx->m, 99, &u));
    OK(fx, cr_user_create(&fx->cx, fx->m, &n, &WHO, &id));
    OK(fx, cr_user_by_name(&fx->cx, fx->m, CR_STR("bob"), &u));
    assert_int_equal(u.id, id);
    assert_text(u.name, "bob");
    assert_text(u.password_hash, "hash");
    assert_text(u.email, "bob@x.org");
    assert_text(u.realname, "Bob");
    assert_text(u.comment, "him");
    assert_false(u.admin);
    assert_false(u.disabled);
    assert_int_equal(u.epoch, 1);
    assert_int_equal(u.created_at, meta_now());
    assert_int_equal(u.updated_at, meta_now());
    assert_int_equal(u.declared.len, 0);
    assert_int_equal(meta_audits(fx, "create user bob", ""), 1);

    id = -1;
    FAILS(fx, CR_ERR_EXISTS, cr_user_create(&fx->cx, fx->m, &n, &WHO, &id));
    n.name = CR_STR("bob2");
    FAILS(fx, CR_ERR_EXISTS, cr_user_create(&fx->cx, fx->m, &n, &WHO, &id));
    n.email = CR_STR("bob");
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_user_create(&fx->cx, fx->m, &n, &WHO, &id));
    n.email = CR_STR("");
    n.name = CR_STR("a:b");
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_user_create(&fx->cx, fx->m, &n, &WHO, &id));
    assert_int_equal(id, -1);

    /* Without an email there may be many. */
    (void) meta_user(fx, "carol");
    (void) meta_user(fx, "dave");
    (void) made(fx, "root", true);
    assert_int_equal(meta_audits(fx, "create user root", "administrator"), 1);
    fx->cx.may_block = false;
    n.name = CR_STR("eve");
    FAILS(fx, CR_ERR_AGAIN, cr_user_create(&fx->cx, fx->m, &n, &WHO, &id));
}


static void
test_list_and_search(void **state)
{
    meta_fixture_t *fx = *state;
    cr_user_t      *rows;
    size_t          n;
    int64_t         bobby;

    (void) meta_user(fx, "bob");
    bobby = meta_user(fx, "bobby");
    (void) meta_user(fx, "Bob");
    (void) meta_user(fx, "bob\xf0\x9f\x98\x80");

    OK(fx, cr_user_list(&fx->cx, fx->m, CR_STR(""), 2, &rows, &n));
    assert_int_equal(n, 2);
    assert_text(rows[0].name, "Bob");
    assert_text(rows[1].name, "admin");
    OK(fx, cr_user_list(&fx->cx, fx->m, CR_STR("admin"), 10, &rows, &n));
    assert_int_equal(n, 3);
    assert_text(rows[0].name, "bob");

    OK(fx, cr_user_search(&fx->cx, fx->m, CR_STR("bob"), 10, &rows, &n));
    assert_int_equal(n, 3);
    assert_text(rows[0].name, "bob");
    assert_text(rows[1].name, "bobby");
    assert_text(rows[2].name, "bob\xf0\x9f\x98\x80");
    OK(fx, cr_user_search(&fx->cx, fx->m, CR_STR("bob"), 1, &rows, &n));
    assert_int_equal(n, 1);
    OK(fx, cr_user_search(&fx->cx, fx->m, CR_STR("bobbyy"), 10, &rows, &n));
    assert_int_equal(n, 0);

    /* Who is out is not proposed. */
    OK(fx, cr_user_set_disabled(&fx->cx, fx->m, bobby, true, &WHO));
    OK(fx, cr_user_search(&fx->cx, fx->m, CR_STR("bobb"), 10, &rows, &n));
    assert_int_equal(n, 0);
}


static void
test_profile(void **state)
{
    static char text[CR_USER_NAME_MAX + 1];

    meta_fixture_t *fx = *state;
    cr_ctx_t       *cx = &fx->cx;
    int64_t         bob = meta_user(fx, "bob"), eve = meta_user(fx, "eve");
    cr_str_t        none = CR_STR("");
    cr_user_t       u;

    memset(text, 'x', sizeof(text));
    meta_clock_add(CR_SECOND);
    OK(fx, cr_user_set_profile(cx, fx->m, bob, CR_STR("b@x"), CR_STR("Bob"),
                               CR_STR("him"), &WHO));
    u = get(fx, bob);
    assert_text(u.email, "b@x");
    assert_text(u.realname, "Bob");
    assert_text(u.comment, "him");
    assert_int_equal(u.epoch, 1);
    assert_int_equal(u.updated_at, meta_now());
    assert_int_equal(meta_audits(fx, "update user bob", "profile"), 1);

    FAILS(fx, CR_ERR_EXISTS,
          cr_user_set_profile(cx, fx->m, eve, CR_STR("b@x"), none, none, &WHO));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_user_set_profile(cx, fx->m, 99, none, none, none, &WHO));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_user_set_profile(cx, fx->m, bob, CR_STR("@x"), none, none, &WHO));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_user_set_profile(cx, fx->m, bob, CR_STR("b@"), none, none, &WHO));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_user_set_profile(cx, fx->m, bob, CR_STR("b #@x"), none, none,
                              &WHO));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_user_set_profile(cx, fx->m, bob, none, CR_STR("a$"), none, &WHO));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_user_set_profile(cx, fx->m, bob, none,
                              (cr_str_t){ sizeof(text), text }, none, &WHO));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_user_set_profile(cx, fx->m, bob, none, none,
                              (cr_str_t){ CR_USER_COMMENT_MAX + 1, text },
                              &WHO));
    assert_text(get(fx, bob).email, "b@x");
    OK(fx, cr_user_set_profile(cx, fx->m, bob, none, none, none, &WHO));
    assert_int_equal(get(fx, bob).email.len, 0);
    OK(fx,
       cr_user_set_profile(cx, fx->m, eve, CR_STR("b@x"), none, none, &WHO));
}


/* Several at once: all of it, or nothing. */
static void
test_set(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         bob = meta_user(fx, "bob");
    cr_str_t        email = CR_STR("b@x"), comment = CR_STR("him");
    cr_str_t        bad = CR_STR("b x");
    bool            yes = true;
    cr_user_set_t   set = { .email = &email, .disabled = &yes };

    OK(fx, cr_user_set(&fx->cx, fx->m, bob, &set, &WHO));
    assert_text(get(fx, bob).email, "b@x");
    assert_true(get(fx, bob).disabled);
    assert_int_equal(get(fx, bob).epoch, 2);

    /* What is not given stays. */
    set = (cr_user_set_t){ .comment = &comment };
    OK(fx, cr_user_set(&fx->cx, fx->m, bob, &set, &WHO));
    assert_text(get(fx, bob).email, "b@x");
    assert_text(get(fx, bob).comment, "him");
    assert_true(get(fx, bob).disabled);

    email = CR_STR("a@x");
    set = (cr_user_set_t){ .email = &email, .disabled = &yes };
    FAILS(fx, CR_ERR_FORBIDDEN, /* user 1 is not disabled */
          cr_user_set(&fx->cx, fx->m, 1, &set, &WHO));
    assert_int_equal(get(fx, 1).email.len, 0);
    set = (cr_user_set_t){ .email = &bad };
    FAILS(fx, CR_ERR_BAD_REQUEST, cr_user_set(&fx->cx, fx->m, bob, &set, &WHO));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_user_set(&fx->cx, fx->m, 99, &(cr_user_set_t){ 0 }, &WHO));
}


static void
test_passwords(void **state)
{
    meta_fixture_t *fx = *state;
    cr_ctx_t       *cx = &fx->cx;
    int64_t         bob = meta_user(fx, "bob");

    OK(fx, cr_user_set_password(cx, fx->m, bob, CR_STR("one"), &WHO));
    assert_text(get(fx, bob).password_hash, "one");
    assert_int_equal(get(fx, bob).epoch, 2);
    assert_int_equal(meta_audits(fx, "update user bob", "password"), 1);
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_user_set_password(cx, fx->m, 99, CR_STR("x"), &WHO));

    /* Only if nobody was faster. */
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_user_change_password(cx, fx->m, bob, CR_STR("zero"), CR_STR("two"),
                                  &WHO));
    assert_text(get(fx, bob).password_hash, "one");
    OK(fx, cr_user_change_password(cx, fx->m, bob, CR_STR("one"), CR_STR("two"),
                                   &WHO));
    assert_text(get(fx, bob).password_hash, "two");
    assert_int_equal(get(fx, bob).epoch, 3);

    /* The same password in another form: what was issued stays valid. */
    OK(fx, cr_user_upgrade_password(cx, fx->m, bob, CR_STR("one"),
                                    CR_STR("three")));
    assert_text(get(fx, bob).password_hash, "two");
    OK(fx, cr_user_upgrade_password(cx, fx->m, bob, CR_STR("two"),
                                    CR_STR("three")));
    assert_text(get(fx, bob).password_hash, "three");
    assert_int_equal(get(fx, bob).epoch, 3);

    OK(fx, cr_user_set_password(cx, fx->m, bob, CR_STR(""), &WHO));
    assert_int_equal(get(fx, bob).password_hash.len, 0);

    /* The last administrator keeps one. */
    OK(fx, cr_user_set_password(cx, fx->m, 1, CR_STR("h"), &WHO));
    FAILS(fx, CR_ERR_PRECONDITION,
          cr_user_set_password(cx, fx->m, 1, CR_STR(""), &WHO));
    assert_text(get(fx, 1).password_hash, "h");
    (void) made(fx, "root", true);
    OK(fx, cr_user_set_password(cx, fx->m, 1, CR_STR(""), &WHO));
}


static void
test_admin(void **state)
{
    meta_fixture_t *fx = *state;
    cr_ctx_t       *cx = &fx->cx;
    int64_t         bob = meta_user(fx, "bob"), root;

    OK(fx, cr_user_set_password(cx, fx->m, 1, CR_STR("h"), &WHO));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_user_set_admin(cx, fx->m, 99, true, &WHO));
    OK(fx, cr_user_set_admin(cx, fx->m, bob, true, &WHO));
    assert_true(get(fx, bob).admin);
    assert_int_equal(meta_audits(fx, "update user bob", "administrator"), 1);

    /* bob has no password: he is none who can act. */
    FAILS(fx, CR_ERR_PRECONDITION,
          cr_user_set_admin(cx, fx->m, 1, false, &WHO));
    assert_true(get(fx, 1).admin);
    root = made(fx, "root", true);
    OK(fx, cr_user_set_disabled(cx, fx->m, root, true, &WHO));
    FAILS(fx, CR_ERR_PRECONDITION,
          cr_user_set_admin(cx, fx->m, 1, false, &WHO));
    OK(fx, cr_user_set_disabled(cx, fx->m, root, false, &WHO));
    OK(fx, cr_user_set_admin(cx, fx->m, 1, false, &WHO));
    assert_false(get(fx, 1).admin);
    assert_int_equal(meta_audits(fx, "update user admin",
                                 "administrator no more"),
                     1);
    /* Somebody who is none loses nothing. */
    OK(fx, cr_user_set_admin(cx, fx->m, 1, false, &WHO));
    FAILS(fx, CR_ERR_PRECONDITION,
          cr_user_set_admin(cx, fx->m, root, false, &WHO));
}


static void
test_disabled(void **state)
{
    meta_fixture_t *fx = *state;
    cr_ctx_t       *cx = &fx->cx;
    int64_t         bob = meta_user(fx, "bob"), root = made(fx, "root", true);
    cr_audit_who_t  self = { .username = CR_STR("root") };

    self.actor = cr_printf(cx, "user:%lld", (long long) root);
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_user_set_disabled(cx, fx->m, 99, true, &WHO));
    OK(fx, cr_user_set_disabled(cx, fx->m, bob, true, &WHO));
    assert_true(get(fx, bob).disabled);
    assert_int_equal(get(fx, bob).epoch, 2);
    OK(fx, cr_user_set_disabled(cx, fx->m, bob, true, &WHO));
    assert_int_equal(get(fx, bob).epoch, 2); /* as it was */
    assert_int_equal(meta_audits(fx, "update user bob", "disabled"), 1);
    OK(fx, cr_user_set_disabled(cx, fx->m, bob, false, &WHO));
    assert_false(get(fx, bob).disabled);
    assert_int_equal(get(fx, bob).epoch, 3);
    assert_int_equal(meta_audits(fx, "update user bob", "enabled"), 1);

    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_user_set_disabled(cx, fx->m, 1, true, &self));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_user_set_disabled(cx, fx->m, root, true, &self));
    OK(fx, cr_user_set_password(cx, fx->m, 1, CR_STR("h"), &WHO));
    OK(fx, cr_user_set_disabled(cx, fx->m, root, true, &WHO));

    /* Nobody else could undo it: without a password admin cannot. */
    OK(fx, cr_user_set_disabled(cx, fx->m, root, false, &WHO));
    OK(fx, cr_user_set_password(cx, fx->m, 1, CR_STR(""), &WHO));
    FAILS(fx, CR_ERR_PRECONDITION,
          cr_user_set_disabled(cx, fx->m, root, true, &WHO));
    assert_false(get(fx, root).disabled);
}


static void
test_delete(void **state)
{
    meta_fixture_t *fx = *state;
    cr_ctx_t       *cx = &fx->cx;
    int64_t         bob = made(fx, "bob", false), member, again;
    cr_str_t        subject, token;
    cr_user_t       u;
    cr_refresh_t    r;

    OK(fx, cr_user_set_profile(cx, fx->m, bob, CR_STR("b@x"), CR_STR(""),
                               CR_STR(""), &WHO));
    OK(fx, cr_member_add(cx, fx->m, 1, bob, CR_ROLE_GUEST, &WHO, &member));
    subject = cr_printf(cx, "user:%lld", (long long) bob);
    OK(fx, cr_refresh_create(cx, fx->m, subject, 1, CR_STR(""), &token));

    FAILS(fx, CR_ERR_FORBIDDEN, cr_user_delete(cx, fx->m, 1, &WHO));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_user_delete(cx, fx->m, bob,
                         &(cr_audit_who_t){ .actor = subject }));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_user_delete(cx, fx->m, 99, &WHO));
    OK(fx, cr_user_delete(cx, fx->m, bob, &WHO));
    assert_int_equal(meta_audits(fx, "delete user bob", ""), 1);

    FAILS(fx, CR_ERR_NOT_FOUND, cr_user_by_id(cx, fx->m, bob, &u));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_user_by_name(cx, fx->m, CR_STR("bob"), &u));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_user_delete(cx, fx->m, bob, &WHO));
    FAILS(fx, CR_ERR_UNAUTHORIZED, cr_refresh_find(cx, fx->m, token, &r));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM member"), 0);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM users WHERE "
                                  "password_hash IS NOT NULL"),
                     0);

    /* Name and email are free, the number is not. */
    again = made(fx, "bob", false);
    assert_true(again > bob);
    OK(fx, cr_user_set_profile(cx, fx->m, again, CR_STR("b@x"), CR_STR(""),
                               CR_STR(""), &WHO));
    OK(fx, cr_user_delete(cx, fx->m, again, &WHO));
}


static void
test_last_admin_is_not_deleted(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         root = made(fx, "root", true);

    FAILS(fx, CR_ERR_PRECONDITION, cr_user_delete(&fx->cx, fx->m, root, &WHO));
    OK(fx, cr_user_set_password(&fx->cx, fx->m, 1, CR_STR("h"), &WHO));
    OK(fx, cr_user_delete(&fx->cx, fx->m, root, &WHO));
}


/* A robot manages users, but no administrator: that would be a way up. */
static void
test_robot_and_admin(void **state)
{
    meta_fixture_t *fx = *state;
    cr_ctx_t       *cx = &fx->cx;
    int64_t         bob = meta_user(fx, "bob");
    cr_str_t        none = CR_STR("");

    (void) made(fx, "root", true);
    OK(fx, cr_user_set_password(cx, fx->m, bob, CR_STR("x"), &robot));
    OK(fx, cr_user_set_admin(cx, fx->m, bob, true, &WHO));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_user_set_password(cx, fx->m, bob, CR_STR("y"), &robot));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_user_change_password(cx, fx->m, bob, CR_STR("x"), CR_STR("y"),
                                  &robot));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_user_set_profile(cx, fx->m, bob, none, none, none, &robot));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_user_set_admin(cx, fx->m, bob, false, &robot));
    FAILS(fx, CR_ERR_FORBIDDEN,
          cr_user_set_disabled(cx, fx->m, bob, true, &robot));
    FAILS(fx, CR_ERR_FORBIDDEN, cr_user_delete(cx, fx->m, bob, &robot));
    assert_text(get(fx, bob).password_hash, "x");
}


static void
test_declared(void **state)
{
    meta_fixture_t *fx = *state;
    cr_ctx_t       *cx = &fx->cx;
    int64_t         bob = meta_user(fx, "bob");
    cr_str_t        none = CR_STR("");

    meta_exec(fx, "UPDATE users SET declared = 'n.conf:7' WHERE name = 'bob'");
    assert_text(get(fx, bob).declared, "n.conf:7");
    FAILS(fx, CR_ERR_CONFLICT,
          cr_user_set_profile(cx, fx->m, bob, none, none, none, &WHO));
    FAILS(fx, CR_ERR_CONFLICT,
          cr_user_set_password(cx, fx->m, bob, CR_STR("x"), &WHO));
    FAILS(fx, CR_ERR_CONFLICT, cr_user_set_admin(cx, fx->m, bob, true, &WHO));
    FAILS(fx, CR_ERR_CONFLICT,
          cr_user_set_disabled(cx, fx->m, bob, true, &WHO));
    FAILS(fx, CR_ERR_CONFLICT, cr_user_delete(cx, fx->m, bob, &WHO));
    assert_int_equal(get(fx, bob).epoch, 1);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_name_check),
        TEST(test_create),
        TEST(test_list_and_search),
        TEST(test_profile),
        TEST(test_set),
        TEST(test_passwords),
        TEST(test_admin),
        TEST(test_disabled),
        TEST(test_delete),
        TEST(test_last_admin_is_not_deleted),
        TEST(test_robot_and_admin),
        TEST(test_declared),
    };

    return cmocka_run_group_tests_name("meta/user", tests, NULL, NULL);
}
