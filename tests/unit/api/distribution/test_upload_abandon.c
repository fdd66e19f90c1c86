/* api/distribution/upload_abandon.c: what a request that failed leaves. */

#include "upload_drive.h"
#include "meta/meta.h"

#define TEN CR_STR("0123456789")

static cr_reply_t
cut(cr_drive_t *d, const char *method, const char *target, cr_str_t body,
    size_t at)
{
    return cr_drive(d, &(cr_call_t){ .method = method,
                                     .target = target,
                                     .body = body,
                                     .cut = at });
}

/* A PATCH keeps what came: of the first one, and of one that goes on. */
static void
test_patch(void **state)
{
    cr_drive_t *d = *state;
    const char *where = start(d);

    cr_expect_done(cut(d, "PATCH", where, TEN, 4), 0, "");
    expect_session(d, where, 4);
    assert_int_equal(bytes(d), 4);
    cr_expect_done(cut(d, "PATCH", where, CR_STR("456789"), 1), 0, "");
    expect_session(d, where, 5);
    cr_expect_done(put(d, where, cr_sha256(d, TEN), CR_STR("56789")), 201, "");
    expect_blob(d, cr_sha256(d, TEN), TEN);
}

/* A PUT keeps nothing of what came, and all that was there before. */
static void
test_put(void **state)
{
    cr_drive_t *d = *state;
    const char *where = start(d), *target;

    target = cr_text(d, "%s?digest=%s", where, cr_sha256(d, TEN));
    cr_expect_done(cut(d, "PUT", target, TEN, 7), 0, "");
    expect_session(d, where, 0);
    assert_int_equal(cr_drive_files(d), 0);

    patch(d, where, CR_STR("0123"));
    cr_expect_done(cut(d, "PUT", target, CR_STR("456789"), 3), 0, "");
    expect_session(d, where, 4);
    assert_int_equal(bytes(d), 4); /* the space is given back */
    cr_expect_done(put(d, where, cr_sha256(d, TEN), CR_STR("456789")), 201, "");
    expect_blob(d, cr_sha256(d, TEN), TEN);
}

/* The last of two segments is the one that is cut. */
static void
test_put_segments(void **state)
{
    cr_drive_t *d = *state;
    const char *where = start(d), *target;

    target = cr_text(d, "%s?digest=%s", where, cr_sha256(d, TEN));
    patch(d, where, CR_STR("0123"));
    cr_drive_sql(d, "UPDATE upload SET lease_until = 1");
    patch(d, where, CR_STR("45"));
    assert_int_equal(cr_drive_files(d), 2);
    cr_expect_done(cut(d, "PUT", target, CR_STR("6789"), 3), 0, "");
    expect_session(d, where, 6);
    assert_int_equal(bytes(d), 6);
    cr_expect_done(put(d, where, cr_sha256(d, TEN), CR_STR("6789")), 201, "");
    expect_blob(d, cr_sha256(d, TEN), TEN);
}

/* Without a session there is nothing to keep. */
static void
test_post(void **state)
{
    cr_drive_t *d = *state;

    cr_expect_done(cut(d, "POST",
                       cr_text(d, UPLOADS "?digest=%s", cr_sha256(d, TEN)), TEN,
                       5),
                   0, "");
    assert_int_equal(cr_drive_files(d), 0);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM upload"), 0);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM orphan"), 0);
}

/* A body that is not what its header promised does not count. */
static void
test_discard(void **state)
{
    cr_drive_t *d = *state;
    const char *where = start(d);
    cr_call_t   call = { .method = "PATCH",
                         .target = where,
                         .range = "0-8",
                         .body = TEN,
                         .piece = 3,
                         .chunked = true };

    cr_expect_done(cr_drive(d, &call), 400, "SIZE_INVALID");
    expect_session(d, where, 0);
    assert_int_equal(cr_drive_files(d), 0);
    patch(d, where, CR_STR("0123"));
    call.range = "4-14";
    cr_expect_done(cr_drive(d, &call), 400, "SIZE_INVALID");
    expect_session(d, where, 4);
    assert_int_equal(bytes(d), 4);
}

#define FORBID(what)                                                           \
    "CREATE TRIGGER no_" what " BEFORE " what " ON upload "                    \
    "BEGIN SELECT RAISE(ABORT, 'not now'); END"

/* What came cannot be written down: no row names the file, so it goes. */
static void
test_not_recorded(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *where = start(d);

    cr_drive_sql(d, FORBID("UPDATE"));
    cr_expect_done(cut(d, "PATCH", where, TEN, 4), 0, "");
    assert_int_equal(cr_drive_files(d), 0);
    r = cr_send(d, "PATCH", where, TEN);
    assert_true(r.status >= 500 && r.status < 600);
    assert_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(r.body)), "not now"));
    cr_reply_done(&r);
    assert_int_equal(cr_drive_files(d), 0);
    cr_drive_sql(d, "DROP TRIGGER no_UPDATE");
    expect_session(d, where, 0);
    cr_expect_done(put(d, where, cr_sha256(d, TEN), TEN), 201, "");
    expect_blob(d, cr_sha256(d, TEN), TEN);
}

/* The lease cannot be given back: it runs out, and the client goes on. */
static void
test_not_released(void **state)
{
    cr_drive_t    *d = *state;
    cr_header_t    h = { CR_STR("Authorization"), cr_str_z(d->auth) };
    cr_request_t   q = { .method = CR_STR("PUT"), .content_length = -1 };
    cr_exchange_t *x;
    const char    *where = start(d);

    patch(d, where, CR_STR("0123"));
    q.target = cr_str_z(cr_text(d, "%s?digest=%s", where, cr_sha256(d, TEN)));
    q.headers = &h;
    q.nheaders = 1;
    assert_int_equal(cr_exchange_create(d->api, &q, &x), CR_OK);
    x->cx.sys = &d->sys;

    while (x->step < CR_STEP_BODY) {
        cr_exchange_run(x);
    }

    cr_exchange_write(x, "456", 3);
    cr_drive_sql(d, FORBID("UPDATE"));
    cr_exchange_abort(x);

    while (x->step < CR_STEP_BODY) {
        cr_exchange_run(x);
    }

    assert_int_equal(x->step, CR_STEP_DROP);
    cr_exchange_free(x);
    cr_drive_sql(d, "DROP TRIGGER no_UPDATE");

    cr_expect_done(put(d, where, cr_sha256(d, TEN), CR_STR("456789")), 409,
                   "BLOB_UPLOAD_INVALID");
    later = 2 * CR_MINUTE;
    cr_expect_done(put(d, where, cr_sha256(d, TEN), CR_STR("456789")), 201, "");
    expect_blob(d, cr_sha256(d, TEN), TEN);
}

/* What was lost cannot be gone on with: the session ends with the request. */
static void
test_ruined(void **state)
{
    cr_drive_t *d = *state;
    const char *where = start(d);

    patch(d, where, CR_STR("0123"));
    cr_drive_sql(d, "UPDATE upload SET boot_id = 'another'");
    assert_int_equal(bytes(d), 4);
    assert_int_equal(unlink(file), 0);
    cr_expect_done(cr_send(d, "PATCH", where, CR_STR("4")), 404,
                   "BLOB_UPLOAD_UNKNOWN");
    cr_expect_done(cr_get(d, where), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM upload"), 0);
    assert_int_equal(cr_drive_files(d), 0);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_patch),        ROW(test_put),     ROW(test_put_segments),
        ROW(test_post),         ROW(test_discard), ROW(test_not_recorded),
        ROW(test_not_released), ROW(test_ruined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
