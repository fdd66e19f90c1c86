/*
 * meta/declare_set.c: the set that nginx.conf declares; parsed, checked,
 * written again.
 */

#include "declared.h"

#include <string.h>

static void
refused(meta_fixture_t *fx, const char *z_text, const char *z_message)
{
    cr_declared_t set;

    assert_int_equal(cr_declared_parse(&fx->cx, cr_str_z(z_text), &set),
                     CR_ERR_CONFIG);
    if (find(fx->cx.message, z_message) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", z_message, fx->cx.message.data);
    }
    cr_clear(&fx->cx);
}


static void
test_refused(void **state)
{
    meta_fixture_t *fx = *state;

    refused(fx, "", "JSON expected");
    refused(fx, "{}", "no \"instance\"");
    refused(fx, "{\"instance\":\"main\"}", "no \"mode\"");
    refused(fx, TOP(",\"users\":[{\"name\":\"x\"}]"), "no \"at\"");
    refused(fx, TOP(",\"users\":[{\"name\":7,\"at\":\"n.conf:2\"}]"), "name");
    refused(fx, TOP(",\"users\":[{\"name\":\"a,b\",\"at\":\"n.conf:2\"}]"),
            "n.conf:2: bad user name \"a,b\"");
    refused(fx, TOP(",\"users\":[{\"name\":\"robot$x\",\"at\":\"n.conf:2\"}]"),
            "bad user name");
    refused(fx, TOP(",\"users\":[{\"name\":\"\",\"at\":\"n.conf:2\"}]"),
            "bad user name");
    refused(fx,
            TOP(",\"users\":[{\"name\":\"x\",\"at\":\"n.conf:2\","
                "\"password\":\"short\"}]"),
            "n.conf:2: user \"x\": a password has 8");
    refused(fx,
            TOP(",\"users\":[{\"name\":\"x\",\"at\":\"n.conf:2\"},"
                "{\"name\":\"x\",\"at\":\"n.conf:9\"}]"),
            "duplicate user \"x\", also in n.conf:");
    refused(fx, PAY(MEMBER("bob", "king"), ""), "n.conf:5: no role \"king\"");
    refused(fx, PAY(MEMBER("bob", "guest") "," MEMBER("bob", "developer"), ""),
            "duplicate member \"bob\"");
    refused(fx, PAY("", ROBOT("ci", "\"fly\"")), "n.conf:6: no right \"fly\"");
    refused(fx, PAY("", ROBOT("ci", "\"user:create\"")), "no right");
    refused(fx, PAY("", ROBOT("ci", "")), "may do nothing");
    refused(fx, PAY("", ROBOT("C I", "\"pull\"")), "bad robot name");
    refused(fx, PAY("", ROBOT("ci", "\"pull\"") "," ROBOT("ci", "\"push\"")),
            "duplicate robot \"ci\"");
    refused(fx,
            PAY("", "{\"name\":\"ci\",\"at\":\"n.conf:6\",\"rights\":["
                    "\"pull\"],\"secret\":\"12\"}"),
            "no secret");
    refused(fx,
            TOP(",\"projects\":[{\"name\":\"A\",\"at\":\"n.conf:2\","
                "\"write\":\"all\"}]"),
            "bad project name");
    refused(fx,
            TOP(",\"projects\":[{\"name\":\"a\",\"at\":\"n.conf:2\","
                "\"write\":\"some\"}]"),
            "write is");
    refused(fx,
            TOP(",\"projects\":[{\"name\":\"a\",\"at\":\"n.conf:2\","
                "\"write\":\"all\",\"quota\":0}]"),
            "quota");
    refused(fx, TOP(",\"serial\":-1"), "serial");
    refused(fx, TOP(",\"serial\":9223372036854775808"), "");
    refused(fx, TOP(",\"users\":7"), "users: array expected");
    refused(fx,
            TOP(",\"projects\":[{\"name\":\"a\",\"at\":\"n.conf:2\","
                "\"write\":\"all\",\"quota\":\"5g\"}]"),
            "quota");
}


/* clang-format off */
static const char z_full[] =
    "{\"instance\":\"i\",\"mode\":\"exclusive\",\"at\":\"n.conf:1\","
    "\"serial\":7,\"projects\":["
        "{\"name\":\"pay\",\"at\":\"n.conf:4\",\"public\":true,\"quota\":5,"
        "\"write\":\"replication\","
        "\"members\":[" MEMBER("bob", "limitedGuest") "],"
        "\"robots\":[" ROBOT("sync", "\"replication\"") ","
                      ROBOT("ci", "\"pull\",\"tag:delete\"") "]},"
        "{\"name\":\"a\",\"at\":\"n.conf:9\",\"write\":\"all\"}]}";
/* clang-format on */


static void
test_what_is_read(void **state)
{
    meta_fixture_t              *fx = *state;
    cr_declared_t                set;
    const cr_declared_project_t *p;

    OK(fx, cr_declared_parse(&fx->cx, cr_str_z(z_full), &set));
    assert_text(set.instance, "i");
    assert_text(set.mode, "exclusive");
    assert_text(set.at, "n.conf:1");
    assert_int_equal(set.serial, 7);
    assert_int_equal(cr_declared_count(&set), 5);
    assert_false(cr_declared_has_passwords(&set));

    assert_text(set.projects[0].name, "a");
    assert_false(set.projects[0].is_public);
    assert_int_equal(set.projects[0].quota, -1);
    p = &set.projects[1];
    assert_text(p->name, "pay");
    assert_text(p->at, "n.conf:4");
    assert_true(p->is_public);
    assert_int_equal(p->quota, 5);
    assert_text(p->write, "replication");
    assert_int_equal(p->nmembers, 1);
    assert_text(p->members[0].user, "bob");
    assert_int_equal(p->members[0].role, CR_ROLE_LIMITED_GUEST);
    assert_int_equal(p->nrobots, 2);
    assert_text(p->robots[0].full, "robot$pay+ci");
    assert_false(p->robots[0].replication);
    assert_int_equal(p->robots[0].secret[1], 0x11);
    assert_true(cr_permset_has(&p->robots[0].rights, CR_PERM_REPOSITORY_PULL));
    assert_true(cr_permset_has(&p->robots[0].rights, CR_PERM_TAG_DELETE));
    assert_false(cr_permset_has(&p->robots[0].rights, CR_PERM_REPOSITORY_PUSH));
    assert_true(p->robots[1].replication);
    assert_true(cr_permset_has(&p->robots[1].rights, CR_PERM_REPOSITORY_PUSH));
}


/* One password in clear, as its keyed hash and as nothing else. */
static void
test_fingerprint(void **state)
{
    meta_fixture_t *fx = *state;
    cr_declared_t   a, b;
    cr_str_t        first, text;

    OK(fx, cr_declared_parse(&fx->cx, CR_STR(PAY("", "")), &a));
    FAILS(fx, CR_ERR_INTERNAL,
          cr_declared_fingerprint(&fx->cx, &a, CR_STR("short")));
    OK(fx, cr_declared_fingerprint(&fx->cx, &a, KEY));
    assert_text(a.users[1].name, "ops");
    first = a.users[1].fingerprint;
    assert_int_equal(first.len, 64);
    assert_int_equal(a.users[0].fingerprint.len, 0);

    /* The same again, under another key another. */
    OK(fx, cr_declared_parse(&fx->cx, CR_STR(PAY("", "")), &b));
    OK(fx, cr_declared_fingerprint(&fx->cx, &b, KEY));
    assert_true(cr_str_eq(first, b.users[1].fingerprint));
    OK(fx, cr_declared_fingerprint(&fx->cx, &b,
                                   CR_STR("0123456789abcdef0123456789abcdeF")));
    assert_false(cr_str_eq(first, b.users[1].fingerprint));

    /* The crypt(3) string is written only where it must wait. */
    a.users[1].hash = CR_STR("$y$hash");
    OK(fx, cr_declared_write(&fx->cx, &a, true, false, &text));
    assert_null(find(text, "$y$hash"));
    assert_non_null(find(text, "n.conf:2"));
    OK(fx, cr_declared_write(&fx->cx, &a, true, true, &text));
    assert_non_null(find(text, "$y$hash"));
    OK(fx, cr_declared_parse(&fx->cx, text, &b));
    assert_text(b.users[1].hash, "$y$hash");
    assert_true(cr_str_eq(first, b.users[1].fingerprint));
}


/* Sorted, words spelled out, and no secret in it. */
static void
test_normal_form(void **state)
{
    meta_fixture_t *fx = *state;
    cr_declared_t   set;
    cr_str_t        a, b;

    OK(fx, cr_declared_parse(
               &fx->cx,
               CR_STR(PAY(MEMBER("zoe", "guest") "," MEMBER("bob", "developer"),
                          ROBOT("ci", "\"push\",\"pull\""))),
               &set));
    assert_int_equal(cr_declared_count(&set), 6);
    assert_true(cr_declared_has_passwords(&set));
    OK(fx, cr_declared_fingerprint(&fx->cx, &set, KEY));
    OK(fx, cr_declared_write(&fx->cx, &set, true, true, &a));
    assert_null(find(a, "Correct horse 1"));
    assert_non_null(find(a, "\"fingerprint\":\""));
    assert_true(find(a, "\"bob\"") < find(a, "\"ops\""));
    assert_non_null(find(a, "[\"repository:pull\",\"repository:push\"]"));
    OK(fx, cr_declared_parse(&fx->cx, a, &set));
    assert_false(cr_declared_has_passwords(&set));
    OK(fx, cr_declared_write(&fx->cx, &set, true, true, &b));
    assert_true(cr_str_eq(a, b));
    OK(fx, cr_declared_write(&fx->cx, &set, false, true, &b));
    assert_null(find(b, "n.conf"));

    /* Without a password no key is needed. */
    OK(fx, cr_declared_fingerprint(&fx->cx, &set, CR_STR_NULL));
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_refused),
        TEST(test_what_is_read),
        TEST(test_normal_form),
        TEST(test_fingerprint),
    };

    return cmocka_run_group_tests_name("meta/declare_set", tests, NULL, NULL);
}
