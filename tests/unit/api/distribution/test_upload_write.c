/*
 * api/distribution/upload_write.c: the ways bytes come in, what may go wrong
 * on each, and what is left afterwards.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "drive.h"

#include "core/hash.h"
#include "meta/meta.h"
#include "sys_fault.h"

static int64_t later; /* added to the clock of the exchanges */

static int64_t
clock_us(void)
{
    return cr_sys_default.now_us() + later;
}

static int
setup(void **state)
{
    static cr_drive_t drive;

    later = 0;
    cr_drive_open(&drive);
    drive.sys.now_us = clock_us;
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

static int
setup_faults(void **state)
{
    cr_drive_t *d;

    setup(state);
    d = *state;
    d->sys = test_sys_fault;

    return 0;
}

#define UPLOADS "/v2/library/app/blobs/uploads/"

static const char *
start(cr_drive_t *d, const char *query)
{
    cr_reply_t  r;
    const char *where;

    r = cr_send(d, "POST", cr_text(d, UPLOADS "%s", query), CR_STR_NULL);
    cr_expect(&r, 202, "");
    where = cr_reply_header(d, &r, "Location");
    assert_non_null(where);
    cr_reply_done(&r);

    return where;
}

static cr_reply_t
patch(cr_drive_t *d, const char *where, const char *range, cr_str_t body)
{
    return cr_drive(d, &(cr_call_t){
                           .method = "PATCH",
                           .target = where,
                           .range = range,
                           .body = body,
                       });
}

static cr_reply_t
put(cr_drive_t *d, const char *where, const char *digest, cr_str_t body)
{
    return cr_send(d, "PUT", cr_text(d, "%s?digest=%s", where, digest), body);
}

static void
expect_range(cr_drive_t *d, cr_reply_t r, int status, const char *error,
             const char *where, const char *range)
{
    cr_expect(&r, status, error);
    assert_string_equal(cr_reply_header(d, &r, "Location"), where);
    assert_string_equal(cr_reply_header(d, &r, "Range"), range);
    assert_non_null(cr_reply_header(d, &r, "Docker-Upload-UUID"));
    cr_reply_done(&r);
}

static void
expect_blob(cr_drive_t *d, const char *digest, cr_str_t body)
{
    cr_reply_t r;

    r = cr_get(d, cr_text(d, "/v2/library/app/blobs/%s", digest));
    cr_expect(&r, 200, "");
    assert_int_equal(r.body.len, body.len);
    assert_memory_equal(r.body.data, body.data, body.len);
    cr_reply_done(&r);
}

static void
expect_no_blob(cr_drive_t *d, const char *digest)
{
    cr_expect_done(cr_get(d, cr_text(d, "/v2/library/app/blobs/%s", digest)),
                   404, "BLOB_UNKNOWN");
}

/* Nothing is left but the blobs that are there. */
static void
expect_clean(cr_drive_t *d, int64_t blobs)
{
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM upload"), 0);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM blob"), blobs);
    assert_int_equal(cr_drive_files(d),
                     blobs
                         + cr_drive_sql_int(d, "SELECT count(*) FROM orphan"));
}

/* --- the ways ---------------------------------------------------------- */

static void
test_post_put(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    cr_str_t    body = CR_STR("monolithic in two requests");
    const char *digest = cr_sha256(d, body), *where = start(d, "");

    r = put(d, where, digest, body);
    cr_expect(&r, 201, "");
    assert_string_equal(cr_reply_header(d, &r, "Location"),
                        cr_text(d, "/v2/library/app/blobs/%s", digest));
    assert_string_equal(cr_reply_header(d, &r, "Docker-Content-Digest"),
                        digest);
    assert_int_equal(r.body.len, 0);
    cr_reply_done(&r);
    expect_blob(d, digest, body);
    expect_clean(d, 1);

    /* the session is over */
    cr_expect_done(put(d, where, digest, body), 404, "BLOB_UPLOAD_UNKNOWN");

    /* again: the same blob, the second file goes */
    cr_expect_done(put(d, start(d, ""), digest, body), 201, "");
    expect_clean(d, 1);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM orphan"), 1);
}

static void
test_single_post(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("one request");
    const char *digest = cr_sha256(d, body), *other;

    cr_expect_done(cr_send(d, "POST", cr_text(d, UPLOADS "?digest=%s", digest),
                           body),
                   201, "");
    expect_blob(d, digest, body);

    /* chunked, in small pieces, sha512 */
    other = cr_sha512(d, body);
    cr_expect_done(cr_drive(d,
                            &(cr_call_t){
                                .method = "POST",
                                .target =
                                    cr_text(d, UPLOADS "?digest=%s", other),
                                .body = body,
                                .chunked = true,
                                .piece = 3,
                            }),
                   201, "");
    expect_blob(d, other, body);
    expect_clean(d, 2);

    /* wrong, cut short */
    cr_expect_done(cr_send(d, "POST", cr_text(d, UPLOADS "?digest=%s", digest),
                           CR_STR("other request")),
                   400, "DIGEST_INVALID");
    cr_expect_done(cr_drive(d,
                            &(cr_call_t){
                                .method = "POST",
                                .target =
                                    cr_text(d, UPLOADS "?digest=%s", digest),
                                .body = body,
                                .cut = 4,
                            }),
                   0, "");
    expect_clean(d, 2);
}

/* docker: one chunked PATCH without Content-Range, an empty PUT */
static void
test_patch_stream(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("a stream of bytes of unknown length");
    const char *digest = cr_sha256(d, body), *where = start(d, "");

    expect_range(d,
                 cr_drive(d,
                          &(cr_call_t){
                              .method = "PATCH",
                              .target = where,
                              .body = body,
                              .chunked = true,
                              .piece = 7,
                          }),
                 202, "", where, "0-34");
    expect_range(d, cr_get(d, where), 204, "", where, "0-34");
    cr_expect_done(put(d, where, digest, CR_STR_NULL), 201, "");
    expect_blob(d, digest, body);
    expect_clean(d, 1);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM orphan"), 0);
}

static void
test_patch_chunks(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("0123456789abcdef");
    const char *digest = cr_sha256(d, body), *where = start(d, "");

    expect_range(d, patch(d, where, "0-4", CR_STR("01234")), 202, "", where,
                 "0-4");
    expect_range(d, patch(d, where, "5-9", CR_STR("56789")), 202, "", where,
                 "0-9");
    expect_range(d, patch(d, where, NULL, CR_STR_NULL), 202, "", where, "0-9");

    /* another process goes on */
    cr_drive_restart(d);
    expect_range(d, patch(d, where, "10-12", CR_STR("abc")), 202, "", where,
                 "0-12");
    cr_expect_done(cr_drive(d,
                            &(cr_call_t){
                                .method = "PUT",
                                .target =
                                    cr_text(d, "%s?digest=%s", where, digest),
                                .range = "13-15",
                                .body = CR_STR("def"),
                            }),
                   201, "");
    expect_blob(d, digest, body);
    expect_clean(d, 1);
    assert_int_equal(cr_drive_files(d), 1);
}

static void
test_empty_blob(void **state)
{
    cr_drive_t *d = *state;
    const char *digest = cr_sha256(d, CR_STR(""));

    cr_expect_done(put(d, start(d, ""), digest, CR_STR_NULL), 201, "");
    expect_blob(d, digest, CR_STR(""));
    cr_expect_done(cr_send(d, "POST", cr_text(d, UPLOADS "?digest=%s", digest),
                           CR_STR_NULL),
                   201, "");
    expect_clean(d, 1);
}

static void
test_sha512(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("sixty-four bytes are a long digest");
    const char *digest = cr_sha512(d, body), *where;

    /* announced */
    where = start(d, "?digest-algorithm=sha512");
    cr_expect_done(patch(d, where, NULL, body), 202, "");
    cr_expect_done(put(d, where, digest, CR_STR_NULL), 201, "");
    expect_blob(d, digest, body);

    /* not announced: all in the PUT, and with stored bytes to read again */
    cr_expect_done(put(d, start(d, ""), digest, body), 201, "");
    where = start(d, "");
    cr_expect_done(patch(d, where, NULL, CR_STR("sixty-four bytes ")), 202, "");
    cr_expect_done(put(d, where, digest, CR_STR("are a long digest")), 201, "");

    /* announced, but sha256 in the end */
    where = start(d, "?digest-algorithm=sha512");
    cr_expect_done(patch(d, where, NULL, body), 202, "");
    cr_expect_done(put(d, where, cr_sha256(d, body), CR_STR_NULL), 201, "");
    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 2);
}

/* --- out of order, wrong, cut ------------------------------------------ */

static void
test_out_of_order(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("0123456789");
    const char *digest = cr_sha256(d, body), *where = start(d, "");

    expect_range(d, patch(d, where, "1-5", CR_STR("12345")), 416,
                 "BLOB_UPLOAD_INVALID", where, "0-0");
    cr_expect_done(patch(d, where, "0-4", CR_STR("01234")), 202, "");
    expect_range(d, patch(d, where, "0-4", CR_STR("01234")), 416,
                 "BLOB_UPLOAD_INVALID", where, "0-4");
    expect_range(d, patch(d, where, "6-7", CR_STR("67")), 416,
                 "BLOB_UPLOAD_INVALID", where, "0-4");
    expect_range(d, patch(d, where, "five", CR_STR("67")), 416,
                 "BLOB_UPLOAD_INVALID", where, "0-4");
    expect_range(d, patch(d, where, "9-5", CR_STR("67")), 416,
                 "BLOB_UPLOAD_INVALID", where, "0-4");
    expect_range(d,
                 cr_drive(d,
                          &(cr_call_t){
                              .method = "PUT",
                              .target =
                                  cr_text(d, "%s?digest=%s", where, digest),
                              .range = "6-9",
                              .body = CR_STR("6789"),
                          }),
                 416, "BLOB_UPLOAD_INVALID", where, "0-4");

    /* lengths that do not agree */
    expect_range(d, patch(d, where, "5-9", CR_STR("567")), 400, "SIZE_INVALID",
                 where, "0-4");

    for (int longer = 0; longer < 2; longer++) {
        expect_range(d,
                     cr_drive(d,
                              &(cr_call_t){
                                  .method = "PATCH",
                                  .target = where,
                                  .range = longer ? "5-10" : "5-8",
                                  .body = CR_STR("56789"),
                                  .piece = 2,
                                  .chunked = true,
                              }),
                     400, "SIZE_INVALID", where, "0-4");
    }

    /* and the session is as it was */
    expect_range(d, cr_get(d, where), 204, "", where, "0-4");
    cr_expect_done(patch(d, where, "5-9", CR_STR("56789")), 202, "");
    cr_expect_done(put(d, where, digest, CR_STR_NULL), 201, "");
    expect_blob(d, digest, body);
    expect_clean(d, 1);
}

static void
test_wrong_digest(void **state)
{
    cr_drive_t *d = *state;
    const char *where, *digest = cr_sha256(d, CR_STR("what was meant"));

    /* syntax: the session stays */
    where = start(d, "");
    cr_expect_done(put(d, where, "sha256:x", CR_STR("b")), 400,
                   "DIGEST_INVALID");
    cr_expect_done(cr_send(d, "PUT", where, CR_STR("b")), 400,
                   "DIGEST_INVALID");
    cr_expect_done(cr_get(d, where), 204, "");

    /* content: it ends, whichever way the bytes came */
    cr_expect_done(put(d, where, digest, CR_STR("what came")), 400,
                   "DIGEST_INVALID");
    cr_expect_done(cr_get(d, where), 404, "BLOB_UPLOAD_UNKNOWN");
    expect_clean(d, 0);

    where = start(d, "");
    cr_expect_done(patch(d, where, NULL, CR_STR("what came")), 202, "");
    cr_expect_done(put(d, where, digest, CR_STR_NULL), 400, "DIGEST_INVALID");
    expect_clean(d, 0);

    where = start(d, "");
    cr_expect_done(patch(d, where, NULL, CR_STR("what ")), 202, "");
    cr_expect_done(put(d, where, digest, CR_STR("came")), 400,
                   "DIGEST_INVALID");
    expect_clean(d, 0);
    expect_no_blob(d, digest);
}

/* A PATCH that is cut keeps what came; a PUT can be sent again. */
static void
test_cut(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("0123456789");
    const char *digest = cr_sha256(d, body), *where = start(d, "");
    cr_call_t   call = {
          .method = "PATCH", .target = where, .body = body, .cut = 4
    };

    cr_expect_done(cr_drive(d, &call), 0, "");
    expect_range(d, cr_get(d, where), 204, "", where, "0-3");
    call.body = CR_STR("456789");
    call.cut = 2;
    cr_expect_done(cr_drive(d, &call), 0, "");
    expect_range(d, cr_get(d, where), 204, "", where, "0-5");

    call.method = "PUT";
    call.target = cr_text(d, "%s?digest=%s", where, digest);
    call.body = CR_STR("6789");
    cr_expect_done(cr_drive(d, &call), 0, "");
    expect_range(d, cr_get(d, where), 204, "", where, "0-5");
    call.cut = 0;
    cr_expect_done(cr_drive(d, &call), 201, "");
    expect_blob(d, digest, body);

    /* a whole one, cut and sent again */
    where = start(d, "");
    call.target = cr_text(d, "%s?digest=%s", where, digest);
    call.body = body;
    call.cut = 5;
    cr_expect_done(cr_drive(d, &call), 0, "");
    call.cut = 0;
    cr_expect_done(cr_drive(d, &call), 201, "");
    expect_clean(d, 1);
}

/* --- two clients, leases, lost state ----------------------------------- */

/* Steps of an exchange by hand, up to where it wants its body. */
static cr_exchange_t *
begin(cr_drive_t *d, const char *method, const char *target,
      cr_header_t *header)
{
    cr_request_t   q = { 0 };
    cr_exchange_t *x;

    header->name = CR_STR("Authorization");
    header->value = cr_str_z(d->auth);
    q.method = cr_str_z(method);
    q.target = cr_str_z(target);
    q.content_length = -1;
    q.headers = header;
    q.nheaders = 1;
    assert_int_equal(cr_exchange_create(d->api, &q, &x), CR_OK);
    x->cx.sys = &d->sys;

    while (x->step < CR_STEP_BODY) {
        cr_exchange_run(x);
    }

    return x;
}

static void
finish(cr_exchange_t *x, int status)
{
    while (x->step < CR_STEP_BODY) {
        cr_exchange_run(x);
    }

    assert_int_equal(x->step, status != 0 ? CR_STEP_SEND : CR_STEP_DROP);
    assert_int_equal(x->response.status, status);
    cr_exchange_free(x);
}

static void
write_text(cr_exchange_t *x, const char *text)
{
    assert_int_equal(x->step, CR_STEP_STREAM);
    cr_exchange_write(x, text, strlen(text));
}

/* Both are the first writer: each has its file, one wins. */
static void
test_two_first(void **state)
{
    cr_drive_t    *d = *state;
    cr_header_t    h[2];
    cr_exchange_t *a, *b;
    const char    *where = start(d, "");

    a = begin(d, "PATCH", where, &h[0]);
    b = begin(d, "PATCH", where, &h[1]);
    write_text(a, "from a");
    write_text(b, "of b");
    assert_int_equal(cr_drive_files(d), 2);
    cr_exchange_stream_end(b);
    finish(b, 202);
    cr_exchange_stream_end(a);
    finish(a, 409);
    assert_int_equal(cr_drive_files(d), 1);
    cr_expect_done(put(d, where, cr_sha256(d, CR_STR("of b")), CR_STR_NULL),
                   201, "");
    expect_clean(d, 1);
}

/* A second one in an existing file is refused while the first writes. */
static void
test_two_later(void **state)
{
    cr_drive_t    *d = *state;
    cr_header_t    h;
    cr_exchange_t *a;
    const char    *where = start(d, "");

    cr_expect_done(patch(d, where, NULL, CR_STR("one ")), 202, "");
    a = begin(d, "PATCH", where, &h);
    write_text(a, "two ");
    cr_expect_done(patch(d, where, NULL, CR_STR("other")), 409,
                   "BLOB_UPLOAD_INVALID");
    cr_expect_done(put(d, where, cr_sha256(d, CR_STR("one ")), CR_STR_NULL),
                   409, "BLOB_UPLOAD_INVALID");
    expect_range(d, cr_get(d, where), 204, "", where, "0-3");
    cr_exchange_stream_end(a);
    finish(a, 202);
    cr_expect_done(put(d, where, cr_sha256(d, CR_STR("one two three")),
                       CR_STR("three")),
                   201, "");
    expect_clean(d, 1);
}

/* A writer that was killed holds a lease; after it a new segment begins. */
static void
test_lease_lost(void **state)
{
    cr_drive_t    *d = *state;
    cr_header_t    h;
    cr_exchange_t *a;
    const char    *where = start(d, "");
    cr_str_t       body = CR_STR("one two three");

    cr_expect_done(patch(d, where, NULL, CR_STR("one ")), 202, "");
    a = begin(d, "PATCH", where, &h);
    write_text(a, "zombie");
    cr_expect_done(patch(d, where, NULL, CR_STR("two ")), 409,
                   "BLOB_UPLOAD_INVALID");

    later = 2 * CR_MINUTE;
    cr_expect_done(patch(d, where, "4-7", CR_STR("two ")), 202, "");

    /* it wakes up and changes nothing */
    write_text(a, " again");
    assert_int_equal(a->step, CR_STEP_DB);
    finish(a, 409);

    cr_expect_done(put(d, where, cr_sha256(d, body), CR_STR("three")), 201, "");
    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 1);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM orphan"), 2);
}

/* The last writer is gone, and all that is missing is the closing PUT. */
static void
test_lease_lost_put(void **state)
{
    cr_drive_t    *d = *state;
    cr_header_t    h;
    cr_exchange_t *a;
    cr_str_t       body = CR_STR("all of it");
    const char    *where = start(d, "");

    cr_expect_done(patch(d, where, NULL, body), 202, "");
    a = begin(d, "PATCH", where, &h);
    write_text(a, " and a zombie");
    later = 2 * CR_MINUTE;
    cr_expect_done(put(d, where, cr_sha256(d, body), CR_STR_NULL), 201, "");
    cr_exchange_free(a);
    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 1);
}

/* The client is gone. */
static void
drop(cr_exchange_t *x)
{
    cr_exchange_abort(x);
    finish(x, 0);
}

/*
 * A writer is asleep for longer than its lease; the next one sees that, but
 * leaves without a byte; then a third one comes.  The file that the first one
 * has still open is nobody else's, whatever the second one did: what the third
 * one is acknowledged for stays as it is.
 */
static void
zombie(cr_drive_t *d, bool put_cut, bool wakes)
{
    cr_header_t    h;
    cr_exchange_t *a;
    cr_str_t       body = CR_STR("AAAAACCCCCCCCCCC");
    const char    *target, *where = start(d, "");

    target = cr_text(d, "%s?digest=%s", where, cr_sha256(d, body));
    cr_expect_done(patch(d, where, NULL, CR_STR("AAAAA")), 202, "");
    a = begin(d, "PUT", target, &h);
    write_text(a, "z");

    later += 2 * CR_MINUTE;
    drop(begin(d, put_cut ? "PUT" : "PATCH", put_cut ? target : where, &h));

    cr_expect_done(put(d, where, cr_sha256(d, body), CR_STR("CCCCCCCCCCC")),
                   201, "");

    if (wakes) {
        write_text(a, "zombie");
        finish(a, 404);

    } else {
        drop(a);
    }

    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 1);
    cr_drive_sql(d, "DELETE FROM orphan");
}

static void
test_zombie_wakes(void **state)
{
    zombie(*state, true, true);
}

static void
test_zombie_goes(void **state)
{
    zombie(*state, true, false);
}

static void
test_zombie_beside_patch(void **state)
{
    zombie(*state, false, false);
}

/* The same with a writer that renewed the lost lease, and one that was
 * acknowledged for a segment of its own: that one may be gone on with. */
static void
test_zombie_and_renewal(void **state)
{
    cr_drive_t    *d = *state;
    cr_header_t    h[2];
    cr_exchange_t *a, *b;
    cr_str_t       body = CR_STR("AAAAAbbCC");
    const char    *where = start(d, "");

    cr_expect_done(patch(d, where, NULL, CR_STR("AAAAA")), 202, "");
    a = begin(d, "PATCH", where, &h[0]);
    write_text(a, "z");
    later += 2 * CR_MINUTE;

    b = begin(d, "PUT", cr_text(d, "%s?digest=%s", where, cr_sha256(d, body)),
              &h[1]);
    write_text(b, "b");
    later += 20 * CR_SECOND;
    write_text(b, "b");
    drop(b);
    assert_int_equal(cr_drive_sql_int(d, "SELECT lease_until FROM upload"), 1);

    b = begin(d, "PATCH", where, &h[1]);
    write_text(b, "b");
    later += 20 * CR_SECOND;
    write_text(b, "b");
    cr_exchange_stream_end(b);
    finish(b, 202);
    assert_int_equal(cr_drive_sql_int(d, "SELECT lease_until FROM upload"), 0);

    drop(a);
    cr_expect_done(put(d, where, cr_sha256(d, body), CR_STR("CC")), 201, "");
    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 1);
}

/* docker's way: the closing PUT adds nothing, so it takes no lease. */
static void
test_close(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    cr_str_t    body = CR_STR("all of it");
    const char *where = start(d, "");

    cr_expect_done(patch(d, where, NULL, body), 202, "");
    r = put(d, where, cr_sha256(d, body), CR_STR_NULL);
    cr_expect(&r, 201, "");
    assert_int_equal(r.steps[CR_STEP_DB], 1);
    cr_reply_done(&r);
    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 1);
}

/* Who goes on in the file before such a PUT commits wins; nothing is cut. */
static void
test_close_beside_patch(void **state)
{
    cr_drive_t    *d = *state;
    cr_header_t    h;
    cr_request_t   q = { 0 };
    cr_exchange_t *a, *b;
    cr_str_t       body = CR_STR("one two");
    const char    *where = start(d, "");

    cr_expect_done(patch(d, where, NULL, CR_STR("one ")), 202, "");
    h.name = CR_STR("Authorization");
    h.value = cr_str_z(d->auth);
    q.method = CR_STR("PUT");
    q.target = cr_str_z(
        cr_text(d, "%s?digest=%s", where, cr_sha256(d, CR_STR("one "))));
    q.headers = &h;
    q.nheaders = 1;

    /* for each place where the other one may come in between */
    for (size_t stop = 0; stop < 2; stop++) {
        assert_int_equal(cr_exchange_create(d->api, &q, &b), CR_OK);
        b->cx.sys = &d->sys;

        while (b->step != (stop == 0 ? CR_STEP_BULK : CR_STEP_DB)) {
            cr_exchange_run(b);
        }

        a = begin(d, "PATCH", where, &h);
        write_text(a, stop == 0 ? "t" : "o");
        finish(b, 409);
        write_text(a, stop == 0 ? "w" : "");
        cr_exchange_stream_end(a);
        finish(a, 202);

        q.target = cr_str_z(
            cr_text(d, "%s?digest=%s", where, cr_sha256(d, CR_STR("one tw"))));
    }

    cr_expect_done(put(d, where, cr_sha256(d, body), CR_STR_NULL), 201, "");
    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 1);
}

/* Bytes behind the acknowledged ones go before the file is published. */
static void
test_close_cuts(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("one ");
    const char *where = start(d, "");

    cr_expect_done(patch(d, where, NULL, body), 202, "");
    cr_expect_done(cr_drive(d, &(cr_call_t){ .method = "PATCH",
                                             .target = where,
                                             .range = "4-9",
                                             .body = CR_STR("xx"),
                                             .chunked = true }),
                   400, "SIZE_INVALID");
    cr_expect_done(put(d, where, cr_sha256(d, body), CR_STR_NULL), 201, "");
    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 1);
}

/* A long PATCH tells how far it is; kill it, and that much is there. */
static void
test_renew(void **state)
{
    cr_drive_t    *d = *state;
    cr_header_t    h;
    cr_exchange_t *a;
    const char    *where = start(d, "");

    a = begin(d, "PATCH", where, &h);
    write_text(a, "0123");
    expect_range(d, cr_get(d, where), 204, "", where, "0-0");
    later = 20 * CR_SECOND;
    write_text(a, "4567");
    expect_range(d, cr_get(d, where), 204, "", where, "0-3");
    write_text(a, "lost");
    cr_exchange_free(a);

    /* the lease runs on, then ends */
    later += 30 * CR_SECOND;
    cr_expect_done(patch(d, where, "4-9", CR_STR("456789")), 409,
                   "BLOB_UPLOAD_INVALID");
    later += 60 * CR_SECOND;
    cr_expect_done(patch(d, where, "4-9", CR_STR("456789")), 202, "");
    cr_expect_done(put(d, where, cr_sha256(d, CR_STR("0123456789")),
                       CR_STR_NULL),
                   201, "");
    expect_blob(d, cr_sha256(d, CR_STR("0123456789")), CR_STR("0123456789"));
}

/* A long PUT keeps its lease, but does not move the session. */
static void
test_renew_put(void **state)
{
    cr_drive_t    *d = *state;
    cr_header_t    h;
    cr_exchange_t *a;
    cr_str_t       body = CR_STR("0123456789");
    const char    *target, *where = start(d, "");

    cr_expect_done(patch(d, where, NULL, CR_STR("0123")), 202, "");
    target = cr_text(d, "%s?digest=%s", where, cr_sha256(d, body));
    a = begin(d, "PUT", target, &h);

    for (int i = 4; i < 10; i++) {
        later += 20 * CR_SECOND;
        write_text(a, cr_text(d, "%d", i));
        expect_range(d, cr_get(d, where), 204, "", where, "0-3");
        cr_expect_done(patch(d, where, NULL, CR_STR("x")), 409,
                       "BLOB_UPLOAD_INVALID");
    }

    cr_exchange_stream_end(a);
    finish(a, 201);
    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 1);
}

/*
 * The first writer's, too: others are told so, nobody sweeps its file, and
 * when it is cut short nothing of it counts.
 */
static void
test_renew_first_put(void **state)
{
    cr_drive_t    *d = *state;
    cr_header_t    h;
    cr_exchange_t *a;
    int64_t        expires;
    cr_str_t       body = CR_STR("0123");
    const char    *target, *where = start(d, "");

    target = cr_text(d, "%s?digest=%s", where, cr_sha256(d, body));
    expires = cr_drive_sql_int(d, "SELECT expires_at FROM upload");

    for (int cut = 1; cut >= 0; cut--) {
        a = begin(d, "PUT", target, &h);

        for (int i = 0; i < 4; i++) {
            later += 20 * CR_SECOND;
            write_text(a, cr_text(d, "%d", i));
            expect_range(d, cr_get(d, where), 204, "", where, "0-0");
            cr_expect_done(patch(d, where, NULL, CR_STR("x")), 409,
                           "BLOB_UPLOAD_INVALID");
            assert_int_equal(cr_drive_files(d), 1);
            assert_int_equal(
                cr_drive_sql_int(d, "SELECT count(*) FROM upload "
                                    "WHERE segments LIKE '%:0' || char(10)"),
                1);
        }

        assert_true(cr_drive_sql_int(d, "SELECT expires_at FROM upload")
                    >= expires + 80 * CR_SECOND);

        if (cut) {
            drop(a);
            expect_range(d, cr_get(d, where), 204, "", where, "0-0");
        }
    }

    cr_exchange_stream_end(a);
    finish(a, 201);
    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 1);
}

static int
fstat_of_removed(int fd, struct stat *ret_st)
{
    int rc = cr_sys_default.fstat(fd, ret_st);

    if (S_ISREG(ret_st->st_mode)) {
        ret_st->st_nlink = 0;
    }

    return rc;
}

/* What was swept under its writer is not acknowledged. */
static void
test_removed_meanwhile(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("weeks of it");
    const char *where = start(d, "");

    d->sys.fstat = fstat_of_removed;
    cr_expect_done(cr_send(d, "POST",
                           cr_text(d, UPLOADS "?digest=%s", cr_sha256(d, body)),
                           body),
                   404, "BLOB_UPLOAD_UNKNOWN");
    cr_expect_done(put(d, where, cr_sha256(d, body), body), 404,
                   "BLOB_UPLOAD_UNKNOWN");
    expect_no_blob(d, cr_sha256(d, body));
    expect_clean(d, 0);
}

/* Saved state of another boot or version: the bytes are hashed again. */
static void
test_rehash(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("0123456789");
    const char *where = start(d, ""), *digest = cr_sha256(d, body);

    cr_expect_done(patch(d, where, NULL, CR_STR("0123")), 202, "");
    cr_drive_sql(d, "UPDATE upload SET boot_id = 'another'");
    cr_expect_done(patch(d, where, NULL, CR_STR("45")), 202, "");
    cr_drive_sql(d, "UPDATE upload SET hash_state = X'00'");
    cr_expect_done(put(d, where, digest, CR_STR("6789")), 201, "");
    expect_blob(d, digest, body);

    /* what a power loss took cannot be hashed */
    where = start(d, "");
    cr_expect_done(patch(d, where, NULL, CR_STR("0123")), 202, "");
    cr_drive_sql(d, "UPDATE upload SET boot_id = 'another', size = 99, "
                    "segments = replace(segments, ':4', ':99')");
    cr_expect_done(put(d, where, digest, CR_STR("6789")), 404,
                   "BLOB_UPLOAD_UNKNOWN");
    expect_clean(d, 1);
}

/* --- faults ------------------------------------------------------------ */

static int writes_left;

static ssize_t
failing_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (writes_left-- <= 0) {
        errno = ENOSPC;
        return -1;
    }

    return cr_sys_default.pwrite(fd, data, size, offset);
}

static int
failing_fsync(int fd)
{
    (void) fd;
    errno = EIO;

    return -1;
}

static void
test_disk_full(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    cr_str_t    body = CR_STR("0123456789");
    const char *where = start(d, "");

    d->sys.pwrite = failing_pwrite;
    writes_left = 2;
    r = cr_drive(d, &(cr_call_t){ .method = "PATCH",
                                  .target = where,
                                  .body = body,
                                  .piece = 3 });
    cr_expect(&r, 507, "DENIED");
    assert_true(r.x->info.log_error);
    cr_reply_done(&r);
    /* what a file holds after a failed write is not trusted */
    expect_range(d, cr_get(d, where), 204, "", where, "0-0");
    assert_int_equal(cr_drive_files(d), 0);

    writes_left = 9;
    cr_expect_done(patch(d, where, NULL, CR_STR("012345")), 202, "");
    writes_left = 0;
    cr_expect_done(put(d, where, cr_sha256(d, body), CR_STR("6789")), 507,
                   "DENIED");
    expect_range(d, cr_get(d, where), 204, "", where, "0-5");
    cr_expect_done(cr_send(d, "POST",
                           cr_text(d, UPLOADS "?digest=%s", cr_sha256(d, body)),
                           body),
                   507, "DENIED");
    assert_int_equal(cr_drive_files(d), 1);

    /* and when there is room again it goes on */
    d->sys.pwrite = cr_sys_default.pwrite;
    cr_expect_done(put(d, where, cr_sha256(d, body), CR_STR("6789")), 201, "");
    expect_blob(d, cr_sha256(d, body), body);
    expect_clean(d, 1);
}

/* Not acknowledged unless it is on stable storage. */
static void
test_sync_fails(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    body = CR_STR("never seen");
    cr_reply_t  r;
    const char *where = start(d, "");

    d->sys.fsync = failing_fsync;
    d->sys.fdatasync = failing_fsync;
    r = put(d, where, cr_sha256(d, body), body);
    cr_expect(&r, 500, "UNKNOWN");
    assert_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(r.body)), d->dir));
    assert_true(r.x->info.log_error);
    cr_reply_done(&r);
    expect_no_blob(d, cr_sha256(d, body));
    assert_int_equal(cr_drive_files(d), 0);
}

/*
 * Each call to the file system fails once, on every way.  Whatever happens:
 * the answer is a success or ours to log, what was acknowledged can be read,
 * no descriptor is left, and a client that starts again succeeds.
 */
static bool
fault_upload(cr_drive_t *d, unsigned n, int way, cr_str_t body)
{
    int         status;
    bool        failed;
    cr_reply_t  r;
    const char *target, *where = NULL, *digest = cr_sha256(d, body);

    if (way == 0) {
        target = cr_text(d, UPLOADS "?digest=%s", digest);

    } else {
        where = start(d, "");
        target = cr_text(d, "%s?digest=%s", where, digest);
    }

    if (way == 3) {
        /* two segments, which the PUT must join */
        cr_expect_done(patch(d, where, NULL, cr_str_slice(body, 0, 3)), 202,
                       "");
        cr_drive_sql(d, "UPDATE upload SET lease_until = 1");
        cr_expect_done(patch(d, where, NULL, cr_str_slice(body, 3, 5)), 202,
                       "");
    }

    test_sys_fault_arm(n, EIO);

    if (way == 2) {
        r = patch(d, where, NULL, cr_str_slice(body, 0, 3));
        cr_reply_done(&r);
        r = cr_get(d, where);
        cr_expect(&r, 204, "");
        body =
            cr_str_slice(body,
                         strcmp(cr_reply_header(d, &r, "Range"), "0-2") ? 0 : 3,
                         body.len);
        cr_reply_done(&r);

    } else if (way == 3) {
        body = cr_str_slice(body, 5, body.len);
    }

    r = cr_drive(d, &(cr_call_t){ .method = way == 0 ? "POST" : "PUT",
                                  .target = target,
                                  .body = body,
                                  .piece = 4 });
    failed = test_sys_fault_failed() != NULL;
    status = r.status;
    assert_true(status == 201 || (failed && status == 500));
    assert_true(status == 201 || r.x->info.log_error);
    cr_reply_done(&r);
    test_sys_fault_reset();

    if (status != 201) {
        expect_no_blob(d, digest);
    }

    return failed;
}

static void
test_each_call_fails(void **state)
{
    cr_drive_t *d = *state;
    unsigned    fds;

    /* SQLite keeps the descriptor of a second connection: not our leak. */
    cr_expect_done(cr_get(d, "/v2/"), 200, "");
    assert_int_equal(cr_drive_sql_int(d, "SELECT 1"), 1);

    for (int way = 0; way < 4; way++) {
        bool failed = true;

        for (unsigned n = 1; failed; n++) {
            const char *text = cr_text(d, "body of way %d, call %u", way, n);
            cr_str_t    body = cr_str_z(text);

            assert_true(n < 100);
            test_sys_fault_reset();
            cr_expect_done(cr_get(d, "/v2/"), 200, "");
            fds = test_sys_fds();
            failed = fault_upload(d, n, way, body);
            assert_int_equal(test_sys_fds(), fds);
            cr_push_blob(d, "library/app", body);
            expect_blob(d, cr_sha256(d, body), body);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_post_put, setup, teardown),
        cmocka_unit_test_setup_teardown(test_single_post, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patch_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patch_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_blob, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sha512, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_digest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_beside_patch, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_close_cuts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease_lost_put, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zombie_wakes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zombie_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zombie_beside_patch, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_zombie_and_renewal, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_renew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_renew_put, setup, teardown),
        cmocka_unit_test_setup_teardown(test_renew_first_put, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_meanwhile, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_rehash, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disk_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sync_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_call_fails, setup_faults,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
