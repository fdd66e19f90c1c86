/* api/declare.c: what nginx.conf declares, as the transport brings it. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "drive.h"
#include "core/error.h"

/* A set with these members behind its head. */
#define SET(more)                                                              \
    "{\"instance\":\"main\",\"mode\":\"additive\",\"at\":\"n.conf:1\"" more "}"
#define PROJECT(name)                                                          \
    ",\"projects\":[{\"name\":\"" name "\",\"at\":\"n.conf:2\","               \
    "\"write\":\"all\"}]"
#define USER                                                                   \
    ",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:3\","                       \
    "\"password\":\"Correct horse\"}]"

static int
setup(void **state)
{
    static cr_drive_t drive;

    cr_drive_init(&drive);
    *state = &drive;

    return 0;
}

static int
teardown(void **state)
{
    cr_drive_close(*state);

    return 0;
}

/* A process that has read this set at that time; its sentence holds text. */
static void
expect(cr_drive_t *d, const char *set, int64_t at, cr_api_declare_e want,
       const char *text)
{
    cr_str_t         said;
    cr_api_declare_e got;

    d->conf.declared = cr_str_z(set);
    d->conf.declared_at = at;
    cr_drive_restart(d);
    got = cr_api_declare(&d->cx, d->api, &said);
    cr_clear(&d->cx);

    if (got != want
        || strstr(cr_text(d, "%.*s", CR_STR_ARG(said)), text) == NULL) {
        fail_msg("%d: %.*s", (int) got, CR_STR_ARG(said));
    }

    /* "Correct horse" is nobody's to read */
    assert_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(said)), "horse"));
}

static int
projects(cr_drive_t *d)
{
    return (int) cr_drive_sql_int(d, "SELECT count(*) FROM project WHERE "
                                     "declared IS NOT NULL");
}

static void
test_applied(void **state)
{
    cr_drive_t *d = *state;

    expect(d, SET(PROJECT("pay")), 1, CR_API_DECLARE_DONE,
           "is applied, changes: 1");
    assert_int_equal(projects(d), 1);
    expect(d, SET(PROJECT("pay")), 2, CR_API_DECLARE_DONE, "");
    assert_int_equal(projects(d), 1);

    /* not for this process to say: nothing is even opened */
    d->conf.declared = CR_STR_NULL;
    d->conf.database = CR_STR("sqlite:/nowhere/registry.db");
    expect(d, NULL, 3, CR_API_DECLARE_DONE, "");
    assert_int_equal(projects(d), 1);
}

static void
test_states(void **state)
{
    cr_drive_t *d = *state;

    expect(d, SET(",\"serial\":3" PROJECT("pay")), 1, CR_API_DECLARE_DONE,
           "changes: 1");
    /* a lower one is not for us, the same with other content a mistake */
    expect(d, SET(",\"serial\":2" PROJECT("own")), 2, CR_API_DECLARE_NOTICE,
           "is not applied: serial 2 is below 3");
    expect(d, SET(",\"serial\":3" PROJECT("own")), 3, CR_API_DECLARE_FAULT,
           "is not applied: serial 3 stands for another content");
    /* one that removes all of it waits for somebody to say so */
    expect(d, SET(",\"serial\":4"), 4, CR_API_DECLARE_FAULT,
           "is held: it is empty and would remove all 1 declared objects; "
           "look with \"jobrunner config diff\"");
    assert_int_equal(projects(d), 1);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM project WHERE "
                                         "name = 'own'"),
                     0);
}

/* A mistake stays one; of what else is wrong the cause may go. */
static void
test_faults(void **state)
{
    cr_drive_t *d = *state;
    const char *url = d->conf.database.data;

    expect(d, SET(",\"users\":[{\"name\":\"a,b\",\"at\":\"n.conf:7\"}]"), 1,
           CR_API_DECLARE_FAULT, "is not applied: n.conf:7: ");
    expect(d, "{", 1, CR_API_DECLARE_FAULT, "is not applied: ");

    d->conf.database = cr_str_z(cr_text(d, "sqlite:%s/none.db", d->dir));
    expect(d, SET(PROJECT("pay")), 1, CR_API_DECLARE_AGAIN, "");
    d->conf.database = cr_str_z(url);
    cr_drive_sql(d, "INSERT INTO lease (name, owner, epoch, until_at) "
                    "VALUES ('declare', 'x', 1, 9000000000000000)");
    expect(d, SET(PROJECT("pay")), 1, CR_API_DECLARE_AGAIN,
           "another process is reconciling");
    assert_int_equal(projects(d), 0);
    cr_drive_sql(d, "DELETE FROM lease");
    expect(d, SET(PROJECT("pay")), 1, CR_API_DECLARE_DONE, "changes: 1");
}

/* The key of the fingerprints: beside the database, or where it is told. */
static void
test_secret(void **state)
{
    struct stat st;
    cr_drive_t *d = *state;
    const char *path = cr_text(d, "%s/registry.db.key", d->dir);
    const char *other = cr_text(d, "%s/other.key", d->dir);

    /* no password, no file */
    expect(d, SET(PROJECT("pay")), 1, CR_API_DECLARE_DONE, "changes: 1");
    assert_int_not_equal(stat(path, &st), 0);

    expect(d, SET(PROJECT("pay") USER), 2, CR_API_DECLARE_DONE, "changes: 1");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    d->auth = cr_drive_basic(d, "ops", "Correct horse");
    cr_expect_done(cr_get(d, "/v2/"), 200, "");
    expect(d, SET(PROJECT("pay") USER), 3, CR_API_DECLARE_DONE, "");

    assert_int_equal(chmod(path, 0644), 0);
    expect(d, SET(PROJECT("pay") USER), 4, CR_API_DECLARE_FAULT, "chmod 600");
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(chmod(path, 0600), 0);
    expect(d, SET(PROJECT("pay") USER), 5, CR_API_DECLARE_AGAIN, "is empty");

    d->conf.secret_file = cr_str_z(other);
    expect(d, SET(PROJECT("pay") USER), 6, CR_API_DECLARE_DONE, "");
    assert_int_equal(stat(other, &st), 0);
}

static void
test_checks(void **state)
{
    cr_drive_t *d = *state;

    assert_int_equal(cr_api_declared_check(&d->cx,
                                           CR_STR(SET(PROJECT("pay") USER))),
                     CR_OK);
    assert_int_equal(cr_api_declared_check(&d->cx, CR_STR(SET(PROJECT("A")))),
                     CR_ERR_CONFIG);
    assert_true(cr_str_starts(d->cx.message, CR_STR("n.conf:2: ")));
    cr_clear(&d->cx);
    assert_int_equal(cr_api_declared_check(&d->cx, CR_STR("")), CR_ERR_CONFIG);
    cr_clear(&d->cx);

    assert_int_equal(cr_api_token_key_check(&d->cx, CR_STR("no key")),
                     CR_ERR_CONFIG);
    cr_clear(&d->cx);
    assert_int_equal(
        cr_api_token_key_check(
            &d->cx,
            CR_STR("-----BEGIN PRIVATE KEY-----\n"
                   "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJg6GcL+"
                   "lMXyz8abl\n"
                   "4QUiAwgZ5nIcCw2MOObBq3scuoGhRANCAATDfSjrPlASQdLim9MBPw5h"
                   "+lNsI2BN\n"
                   "aid9QsoUJ9hq/4sgllGGb4enVjXYL5jhIQeJuVcoHmHRIs1SQlwARXe9"
                   "\n"
                   "-----END PRIVATE KEY-----\n")),
        CR_OK);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_applied), ROW(test_states), ROW(test_faults),
        ROW(test_secret),  ROW(test_checks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
