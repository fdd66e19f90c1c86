/*
 * Uploads over whole exchanges, with a clock that can be moved and reads of
 * the store that are counted, or fail: for the tests of
 * api/distribution/upload_*.
 */

#ifndef TEST_UPLOAD_DRIVE_H
#define TEST_UPLOAD_DRIVE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <unistd.h>
#include "drive.h"

#define UPLOADS "/v2/library/app/blobs/uploads/"

static int64_t  later; /* added to the clock */
static int      preads, pread_errno;
static uint64_t stored;
static char     file[256]; /* one of the store's */

static inline int64_t
clock_us(void)
{
    return cr_sys_default.now_us() + later;
}

static inline ssize_t
counting_pread(int fd, void *data, size_t size, off_t offset)
{
    preads++;

    if (pread_errno != 0) {
        errno = pread_errno;
        return -1;
    }

    return cr_sys_default.pread(fd, data, size, offset);
}

static inline int
setup(void **state)
{
    static cr_drive_t drive;

    later = 0;
    preads = 0;
    pread_errno = 0;
    cr_drive_open(&drive);
    drive.sys.now_us = clock_us;
    drive.sys.pread = counting_pread;
    drive.auth = cr_drive_basic(&drive, "admin", CR_DRIVE_ADMIN);
    *state = &drive;

    return 0;
}

static inline int
teardown(void **state)
{
    cr_drive_close(*state);

    return 0;
}

static inline int
add_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) ftw;

    if (flag == FTW_F && strstr(path, "/uuid") == NULL) {
        stored += (uint64_t) st->st_size;

        if (strlen(path) < sizeof(file)) {
            memcpy(file, path, strlen(path) + 1);
        }
    }

    return 0;
}

/* Bytes in all files of the store; `file` is one of them. */
static inline uint64_t
bytes(cr_drive_t *d)
{
    stored = 0;
    (void) nftw(cr_text(d, "%s/blobs", d->dir), add_file, 16, FTW_PHYS);

    return stored;
}

static inline const char *
start(cr_drive_t *d)
{
    cr_reply_t  r = cr_send(d, "POST", UPLOADS, CR_STR_NULL);
    const char *where;

    cr_expect(&r, 202, "");
    where = cr_reply_header(d, &r, "Location");
    cr_reply_done(&r);

    return where;
}

static inline void
patch(cr_drive_t *d, const char *where, cr_str_t body)
{
    cr_expect_done(cr_send(d, "PATCH", where, body), 202, "");
}

static inline cr_reply_t
put(cr_drive_t *d, const char *where, const char *digest, cr_str_t body)
{
    return cr_send(d, "PUT", cr_text(d, "%s?digest=%s", where, digest), body);
}

/* The session has so many bytes, and nobody holds it. */
static inline void
expect_session(cr_drive_t *d, const char *where, int size)
{
    cr_reply_t r = cr_get(d, where);

    cr_expect(&r, 204, "");
    assert_string_equal(cr_reply_header(d, &r, "Range"),
                        cr_text(d, "0-%d", size == 0 ? 0 : size - 1));
    cr_reply_done(&r);
    assert_int_equal(cr_drive_sql_int(d, "SELECT size FROM upload"), size);
    assert_int_equal(cr_drive_sql_int(d, cr_text(d,
                                                 "SELECT count(*) FROM upload "
                                                 "WHERE lease_until > %lld",
                                                 (long long) clock_us())),
                     0);
}

static inline void
expect_blob(cr_drive_t *d, const char *digest, cr_str_t body)
{
    cr_reply_t r = cr_get(d, cr_text(d, "/v2/library/app/blobs/%s", digest));

    cr_expect(&r, 200, "");
    assert_int_equal(r.body.len, body.len);
    assert_memory_equal(r.body.data, body.data, body.len);
    cr_reply_done(&r);
}

#endif
