/*
 * api/api.c: configuration, opening, and what happens while that fails.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"
#include <stdio.h>
#include "meta/meta.h"

static int
setup(void **state)
{
    static cr_drive_t drive;

    cr_drive_open(&drive);
    drive.auth = cr_drive_basic(&drive, "admin", CR_DRIVE_ADMIN);
    *state = &drive;

    return 0;
}

static int
teardown(void **state)
{
    cr_drive_close(*state);

    return 0;
}

static int64_t later;

static int64_t
clock_us(void)
{
    return cr_sys_default.now_us() + later;
}

static void
test_conf(void **state)
{
    cr_api_t     *api;
    cr_drive_t   *d = *state;
    cr_api_conf_t conf = d->conf;

    conf.service = CR_STR("");
    assert_int_equal(cr_api_create(&d->cx, &conf, &api), CR_ERR_CONFIG);
    conf.service = CR_STR("a\"b");
    assert_int_equal(cr_api_create(&d->cx, &conf, &api), CR_ERR_CONFIG);
    conf.service = CR_STR("ok");
    conf.public_url = CR_STR("https://a b");
    assert_int_equal(cr_api_create(&d->cx, &conf, &api), CR_ERR_CONFIG);
    cr_api_free(NULL);
}

/* The job runner reads these. */
static void
test_settings(void **state)
{
    cr_drive_t *d = *state;
    const char *count = "SELECT count(*) FROM setting WHERE "
                        "(name = 'grace_us' AND value = '86400000000') OR "
                        "(name = 'trash_us' AND value = '604800000000') OR "
                        "(name = 'upload_expires_us' AND "
                        "value = '604800000000') OR "
                        "(name = 'storage_url' AND value LIKE "
                        "'filesystem:/tmp/%/blobs')";

    assert_int_equal(cr_drive_sql_int(d, count), 0);
    cr_expect_done(cr_get(d, "/v2/"), 200, "");
    assert_int_equal(cr_drive_sql_int(d, count), 4);

    d->conf.grace_us = 5;
    cr_drive_restart(d);
    d->cx.may_block = true;
    assert_int_equal(cr_api_open(&d->cx, d->api), CR_OK);
    assert_int_equal(cr_api_open(&d->cx, d->api), CR_OK);
    assert_int_equal(cr_drive_sql_int(d, count), 3);
}

static void
test_missing(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *path = cr_text(d, "%s/registry.db", d->dir);
    const char *away = cr_text(d, "%s/away", d->dir);

    later = 0;
    d->sys.now_us = clock_us;
    assert_int_equal(rename(path, away), 0);

    r = cr_get(d, "/v2/");
    cr_expect(&r, 503, "UNAVAILABLE");
    assert_true(r.x->info.log_error);
    assert_non_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(r.x->info.detail)),
                           cr_text(d,
                                   "jobrunner --database sqlite:%s db "
                                   "migrate",
                                   path)));
    /* but the client learns nothing of paths */
    assert_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(r.body)), d->dir));
    assert_non_null(cr_reply_header(d, &r, "Retry-After"));
    cr_reply_done(&r);

    /* it comes back; for the rest of the second nobody looks, nor logs */
    assert_int_equal(rename(away, path), 0);
    r = cr_get(d, "/service/token");
    cr_expect(&r, 503, "UNAVAILABLE");
    assert_false(r.x->info.log_error);
    cr_reply_done(&r);
    later = CR_SECOND;
    cr_expect_done(cr_get(d, "/v2/"), 200, "");
}

static void
move_database(cr_drive_t *d, const char *from, const char *to)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };

    for (size_t i = 0; i < CR_NELTS(suffixes); i++) {
        (void) rename(cr_text(d, "%s/%s%s", d->dir, from, suffixes[i]),
                      cr_text(d, "%s/%s%s", d->dir, to, suffixes[i]));
    }
}

/* Removed while it is open, and there again: nothing but time is needed. */
static void
test_moved(void **state)
{
    cr_drive_t    *d = *state;
    const char    *digest;
    cr_request_t   request = { .method = CR_STR("GET"),
                               .target = CR_STR("/v2/") };
    cr_exchange_t *early, *late;
    cr_reply_t     r;

    later = 0;
    d->sys.now_us = clock_us;
    digest = cr_push_blob(d, "library/a", CR_STR("kept"));

    for (int round = 1; round <= 3; round++) {
        /* An exchange that outlives what it began with. */
        assert_int_equal(cr_exchange_create(d->api, &request, &early), CR_OK);
        move_database(d, "registry.db", "away");

        if (round == 2) {
            /* a writer notices at once */
            r = cr_send(d, "POST", "/v2/library/a/blobs/uploads/", CR_STR(""));
            cr_expect(&r, 503, "UNAVAILABLE");
            cr_reply_done(&r);
        }

        later += CR_SECOND;
        r = cr_get(d, "/v2/");
        cr_expect(&r, 503, "UNAVAILABLE");
        assert_true(r.x->info.log_error);
        assert_non_null(strstr(r.x->info.detail.data, "db migrate"));
        cr_reply_done(&r);
        assert_int_equal(cr_exchange_create(d->api, &request, &late), CR_OK);

        move_database(d, "away", "registry.db");
        cr_expect_done(cr_get(d, "/v2/"), 503, "UNAVAILABLE");
        later += CR_SECOND;
        cr_expect_done(cr_get(d, "/v2/"), 200, "");
        cr_expect_done(cr_get(d, cr_text(d, "/v2/library/a/blobs/%s", digest)),
                       200, "");
        cr_push_blob(d, "library/a", CR_STR("more"));

        cr_exchange_free(round == 1 ? early : late);
        cr_expect_done(cr_get(d, "/v2/"), 200, "");
        cr_exchange_free(round == 1 ? late : early);
    }
}

static void
test_schema(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_drive_sql(d, "UPDATE schema_migration SET compatible_from = 99, "
                    "version = 99 WHERE version = 1");
    r = cr_get(d, "/v2/library/app/tags/list");
    cr_expect(&r, 503, "UNAVAILABLE");
    assert_non_null(
        strstr(cr_text(d, "%.*s", CR_STR_ARG(r.x->info.detail)), "db migrate"));
    cr_reply_done(&r);
}

static void
test_no_key(void **state)
{
    cr_drive_t *d = *state;

    cr_drive_sql(d, "DELETE FROM token_key");
    cr_expect_done(cr_get(d, "/v2/"), 503, "UNAVAILABLE");
}

/* A retired key verifies what it signed, and signs no more. */
static void
test_retired_key(void **state)
{
    cr_drive_t *d = *state;
    const char *token, *admin = d->auth;

    token = cr_drive_bearer(d, NULL);
    cr_drive_sql(d, "UPDATE token_key SET retired_at = 1");
    cr_drive_sql(d, "INSERT INTO token_key (kid, alg, secret, created_at) "
                    "SELECT 'second', alg, randomblob(32), created_at + 1 "
                    "FROM token_key");
    cr_drive_restart(d);
    d->auth = token;
    cr_expect_done(cr_get(d, "/v2/"), 200, "");
    d->auth = admin;
    token = cr_drive_bearer(d, NULL);
    cr_drive_sql(d, "DELETE FROM token_key WHERE kid <> 'second'");
    cr_drive_restart(d);
    d->auth = token;
    cr_expect_done(cr_get(d, "/v2/"), 200, "");
}

static void
test_storage_missing(void **state)
{
    cr_drive_t *d = *state;
    cr_drive_t  s;
    cr_reply_t  r;

    cr_drive_init(&s);
    s.conf.storage = CR_STR("filesystem:/nonexistent/folder/blobs");
    cr_drive_start(&s);
    s.auth = d->auth;
    r = cr_get(&s, "/v2/");
    cr_expect(&r, 503, "UNAVAILABLE");
    assert_true(r.x->info.log_error);
    assert_non_null(strstr(cr_text(&s, "%.*s", CR_STR_ARG(r.x->info.detail)),
                           "/nonexistent/folder"));
    cr_reply_done(&r);
    cr_drive_close(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_conf, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retired_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_storage_missing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
