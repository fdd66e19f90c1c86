/*
 * Fuzz target: a request line, its headers and its body, from the bytes of a
 * client to the response: routing, queries, credentials, every handler.
 *
 * Input: "METHOD TARGET\n", header lines "Name: value\n", an empty line, the
 * body.  The database and the store are real, in a folder of their own that
 * is removed at the end.  What an input changes in them is taken back after
 * it, so that a crash is found again by its input alone.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive.h"

#define FUZZ_HEADERS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static cr_drive_t fuzz_drive;
static sqlite3   *fuzz_live;  /* the database, from outside */
static sqlite3   *fuzz_saved; /* as it was after fuzz_init */
static int        fuzz_version;

static void
fuzz_done(void)
{
    (void) sqlite3_close(fuzz_saved);
    (void) sqlite3_close(fuzz_live);
    cr_drive_close(&fuzz_drive);
}

/* Changes whenever another connection has committed. */
static int
fuzz_data_version(void)
{
    int           n;
    sqlite3_stmt *st;

    if (sqlite3_prepare_v2(fuzz_live, "PRAGMA data_version", -1, &st, NULL)
            != SQLITE_OK
        || sqlite3_step(st) != SQLITE_ROW)
    {
        abort();
    }

    n = sqlite3_column_int(st, 0);
    (void) sqlite3_finalize(st);

    return n;
}

static void
fuzz_copy(sqlite3 *to, sqlite3 *from)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");

    if (b == NULL || sqlite3_backup_step(b, -1) != SQLITE_DONE
        || sqlite3_backup_finish(b) != SQLITE_OK)
    {
        abort();
    }
}

/* The files of the seed are read-only; what is not came later. */
static int
fuzz_keep_file(const char *path, const struct stat *st, int flag,
               struct FTW *ftw)
{
    (void) st;
    (void) ftw;

    return flag == FTW_F ? chmod(path, S_IRUSR) : 0;
}

static int
fuzz_remove_file(const char *path, const struct stat *st, int flag,
                 struct FTW *ftw)
{
    (void) ftw;

    return flag == FTW_F && (st->st_mode & S_IWUSR) != 0 ? unlink(path) : 0;
}

static void
fuzz_reset(void)
{
    if (fuzz_data_version() == fuzz_version) {
        return;
    }

    fuzz_copy(fuzz_live, fuzz_saved);
    fuzz_version = fuzz_data_version();

    if (nftw(cr_text(&fuzz_drive, "%s/blobs", fuzz_drive.dir), fuzz_remove_file,
             16, FTW_PHYS)
        != 0)
    {
        abort();
    }
}

/* An upload with an id that the seeds know. */
static void
fuzz_session(const char *id)
{
    cr_expect_done(cr_send(&fuzz_drive, "POST",
                           "/v2/library/app/blobs/uploads/", CR_STR_NULL),
                   202, "");
    cr_drive_sql(&fuzz_drive, cr_text(&fuzz_drive,
                                      "UPDATE upload SET id = '%s' WHERE id "
                                      "NOT LIKE '01890a5d%%'",
                                      id));
}

static void
fuzz_init(void)
{
    const char *digest;

    cr_drive_open(&fuzz_drive);
    fuzz_drive.auth = cr_drive_basic(&fuzz_drive, "admin", CR_DRIVE_ADMIN);

    /* Names and digests that the seeds know. */
    (void) cr_push_blob(&fuzz_drive, "library/app", CR_STR("foo"));
    digest =
        cr_push_manifest(&fuzz_drive, "library/app", "v1", "seed", NULL, NULL);
    (void) cr_push_manifest(&fuzz_drive, "library/app", "v2", "more", digest,
                            NULL);
    (void) cr_push_manifest(&fuzz_drive, "library/other", "v1", "seed", NULL,
                            NULL);
    cr_drive_user(&fuzz_drive, "alice");
    fuzz_session("01890a5d-ac96-774b-bcce-b302099a8058");
    cr_expect_done(cr_send(&fuzz_drive, "PATCH",
                           "/v2/library/app/blobs/uploads/"
                           "01890a5d-ac96-774b-bcce-b302099a8058",
                           CR_STR("foo")),
                   202, "");
    fuzz_session("01890a5d-ac96-774b-bcce-b302099a8057");

    if (sqlite3_open(cr_text(&fuzz_drive, "%s/registry.db", fuzz_drive.dir),
                     &fuzz_live)
            != SQLITE_OK
        || sqlite3_open(":memory:", &fuzz_saved) != SQLITE_OK
        || sqlite3_busy_timeout(fuzz_live, 10000) != SQLITE_OK
        || nftw(cr_text(&fuzz_drive, "%s/blobs", fuzz_drive.dir),
                fuzz_keep_file, 16, FTW_PHYS)
               != 0)
    {
        abort();
    }

    fuzz_copy(fuzz_saved, fuzz_live);
    fuzz_version = fuzz_data_version();
    (void) atexit(fuzz_done);
}

/* Take the steps that the transport would; pieces of one to 16 bytes. */
static void
fuzz_step(cr_exchange_t *x, cr_str_t body, size_t *sent)
{
    size_t n;

    switch (x->step) {

    case CR_STEP_BODY:
        /* A body that begins with '~' is beyond the limit of the transport. */
        if (body.len != 0 && body.data[0] == '~') {
            cr_exchange_body_too_large(x);
        } else {
            cr_exchange_body(x, body);
        }

        break;

    case CR_STEP_STREAM:
        n = body.len - *sent < 16 ? body.len - *sent : 16;

        if (n == 0) {
            cr_exchange_stream_end(x);
            break;
        }

        /* A body that begins with '!' is cut short after it. */
        if (*sent != 0 && body.data[0] == '!') {
            cr_exchange_abort(x);
            break;
        }

        cr_exchange_write(x, body.data + *sent, n);
        *sent += n;
        break;

    default:
        cr_exchange_run(x);
        break;
    }
}

static void
fuzz_check(const cr_exchange_t *x)
{
    const cr_response_t *r = &x->response;

    if (x->step == CR_STEP_DROP) {
        return;
    }

    /* No input of a client is our fault. */
    if (r->status < 200 || r->status >= 500) {
        abort();
    }

    for (size_t i = 0; i < r->nheaders; i++) {
        for (size_t k = 0; k < r->headers[i].value.len; k++) {
            if ((unsigned char) r->headers[i].value.data[k] < ' ') {
                abort();
            }
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;

    bool           own = false; /* has a credential */
    size_t         sent = 0;
    unsigned       turns = 0;
    cr_str_t       line, rest = { size, (const char *) data };
    ptrdiff_t      pos;
    cr_header_t    headers[FUZZ_HEADERS + 1];
    cr_request_t   q = { 0 };
    cr_exchange_t *x;

    if (!ready) {
        fuzz_init();
        ready = true;
    }

    if (size == 0 || !cr_str_split(&rest, '\n', &line)
        || (pos = cr_str_chr(line, ' ')) < 0)
    {
        return 0;
    }

    q.method = cr_str_slice(line, 0, (size_t) pos);
    q.target = cr_str_slice(line, (size_t) pos + 1, line.len);
    q.scheme = CR_STR("http");
    q.headers = headers;

    while (rest.len != 0 && cr_str_split(&rest, '\n', &line) && line.len != 0) {
        pos = cr_str_chr(line, ':');

        if (pos < 0 || q.nheaders == FUZZ_HEADERS) {
            continue;
        }

        headers[q.nheaders].name = cr_str_slice(line, 0, (size_t) pos);
        headers[q.nheaders].value =
            cr_str_trim(cr_str_slice(line, (size_t) pos + 1, line.len));

        if (cr_str_case_eq(headers[q.nheaders].name, CR_STR("Host"))) {
            q.host = headers[q.nheaders].value;
        }

        own = own
              || cr_str_case_eq(headers[q.nheaders].name,
                                CR_STR("Authorization"));
        q.nheaders++;
    }

    if (!own) {
        headers[q.nheaders].name = CR_STR("Authorization");
        headers[q.nheaders].value = cr_str_z(fuzz_drive.auth);
        q.nheaders++;
    }

    q.content_length = (q.target.len & 1) ? -1 : (int64_t) rest.len;

    if (cr_exchange_create(fuzz_drive.api, &q, &x) != CR_OK) {
        abort();
    }

    while (x->step != CR_STEP_SEND && x->step != CR_STEP_DROP) {
        if (++turns > 1000000) {
            abort();
        }

        fuzz_step(x, rest, &sent);
    }

    fuzz_check(x);
    cr_exchange_free(x);
    fuzz_reset();

    return 0;
}
