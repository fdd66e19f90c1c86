/* api/distribution/upload_rehash.c: a hash made again from the store. */

#include "upload_drive.h"

/* More than two reads, and not a multiple of one. */
#define BIG ((size_t) 2 * 256 * 1024 + 7)

static cr_str_t
big(cr_drive_t *d)
{
    char *data = cr_arena_alloc(d->cx.arena, BIG);

    assert_non_null(data);

    for (size_t i = 0; i < BIG; i++) {
        data[i] = (char) (i * 31 + i / 251);
    }

    return (cr_str_t){ BIG, data };
}

#define REBOOT "UPDATE upload SET boot_id = 'another'"

static void
test_reads(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = big(d);
    const char *where = start(d);

    patch(d, where, cr_str_slice(body, 0, BIG - 1));
    preads = 0;
    cr_drive_sql(d, REBOOT);
    cr_expect_done(put(d, where, cr_sha256(d, body),
                       cr_str_slice(body, BIG - 1, BIG)),
                   201, "");
    assert_true(preads >= 3);
    expect_blob(d, cr_sha256(d, body), body);
}

/* The hash of all segments, in their order, and each to its length. */
static void
test_segments(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("0123456789");
    const char *where = start(d);

    patch(d, where, CR_STR("012"));
    cr_drive_sql(d, "UPDATE upload SET lease_until = 1");
    patch(d, where, CR_STR("3456"));
    cr_drive_sql(d, REBOOT);
    /* what is behind the bytes that count is no part of it */
    assert_int_equal(bytes(d), 7);
    cr_expect_done(put(d, where, cr_sha256(d, body), CR_STR("789")), 201, "");
    expect_blob(d, cr_sha256(d, body), body);
}

/* A PATCH that hashed again writes it down: the next one need not. */
static void
test_once(void **state)
{
    cr_drive_t *d = *state;
    const char *where = start(d);

    patch(d, where, CR_STR("0123"));
    cr_drive_sql(d, "UPDATE upload SET hash_state = X'00'");
    preads = 0;
    patch(d, where, CR_STR("45"));
    assert_true(preads > 0);
    preads = 0;
    patch(d, where, CR_STR("67"));
    assert_int_equal(preads, 0);
    cr_expect_done(put(d, where, cr_sha256(d, CR_STR("01234567")), CR_STR_NULL),
                   201, "");
    expect_blob(d, cr_sha256(d, CR_STR("01234567")), CR_STR("01234567"));
}

/* Another algorithm than the one that was hashed along: both are checked. */
static void
test_algorithm(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("0123456789");
    const char *where = start(d);

    patch(d, where, CR_STR("0123"));
    cr_expect_done(put(d, where, cr_sha512(d, body), CR_STR("456789")), 201,
                   "");
    expect_blob(d, cr_sha512(d, body), body);

    where = start(d);
    patch(d, where, CR_STR("0123"));
    cr_drive_sql(d, REBOOT);
    cr_expect_done(put(d, where, cr_sha512(d, CR_STR("other")), CR_STR("4")),
                   400, "DIGEST_INVALID");
    cr_expect_done(cr_get(d, where), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM blob"), 1);
}

static void
lose(cr_drive_t *d, const char *method, off_t size)
{
    const char *where = start(d), *target = where;

    patch(d, where, CR_STR("0123"));
    cr_drive_sql(d, REBOOT);
    assert_int_equal(bytes(d), 4);
    assert_int_equal(size < 0 ? unlink(file) : truncate(file, size), 0);

    if (strcmp(method, "PUT") == 0) {
        target =
            cr_text(d, "%s?digest=%s", where, cr_sha256(d, CR_STR("01234")));
    }

    cr_expect_done(cr_send(d, method, target, CR_STR("4")), 404,
                   "BLOB_UPLOAD_UNKNOWN");
    cr_expect_done(cr_get(d, where), 404, "BLOB_UPLOAD_UNKNOWN");
    cr_drive_sql(d, "DELETE FROM orphan");
    assert_int_equal(bytes(d), size < 0 ? 0 : size);

    if (size >= 0) {
        assert_int_equal(unlink(file), 0);
    }
}

/* Bytes that a power loss took: nothing may be acknowledged in their place. */
static void
test_lost(void **state)
{
    cr_drive_t *d = *state;

    lose(d, "PATCH", 3);
    lose(d, "PATCH", 0);
    lose(d, "PATCH", -1);
    lose(d, "PUT", 3);
    lose(d, "PUT", -1);
}

/* A disk that cannot be read now is no loss: the session stays. */
static void
test_fault(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *where = start(d), *digest = cr_sha256(d, CR_STR("01234"));

    patch(d, where, CR_STR("0123"));
    cr_drive_sql(d, REBOOT);
    pread_errno = EIO;
    r = put(d, where, digest, CR_STR("4"));
    cr_expect(&r, 500, "UNKNOWN");
    assert_true(r.x->info.log_error);
    cr_reply_done(&r);
    r = cr_send(d, "PATCH", where, CR_STR("4"));
    cr_expect(&r, 500, "UNKNOWN");
    cr_reply_done(&r);
    pread_errno = 0;
    expect_session(d, where, 4);
    cr_expect_done(put(d, where, digest, CR_STR("4")), 201, "");
    expect_blob(d, digest, CR_STR("01234"));
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_reads),     ROW(test_segments), ROW(test_once),
        ROW(test_algorithm), ROW(test_lost),     ROW(test_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
