/*
 * A whole push and a deletion, while the n-th call to the operating system
 * fails, for each n: calls of the store (cr_sys_t), and calls of SQLite (its
 * own table, and fdatasync, which this program provides in place of libc's).
 * Once, and from the n-th on; EIO, ENOSPC, EINTR, and short writes.
 *
 * Whatever happens: the status fits, what was acknowledged is there with its
 * bytes, nothing else is visible, and the same process works again as soon
 * as the calls do.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sqlite3.h>
#include "drive.h"

#define REPO "/v2/library/app/"

/* --- the calls --- */

typedef enum {
    CALL_WRITE, /* makes bytes or names: a full disk shows here */
    CALL_SYNC,
    CALL_CLOSE,
    CALL_OTHER
} call_e;

static struct {
    bool   armed;
    long   calls;
    long   fail_at;
    bool   stays;
    int    errnum;
    size_t bound; /* bytes a write takes at most; 0: all */

    bool   hit;     /* since the test looked */
    bool   of_db;   /* the first that failed: in SQLite */
    bool   db_open; /* it was open(2): the library forgets the errno */
    bool   db_grow; /* of the log's index: to us a full disk */
    call_e kind;
} io;


static bool
fails(call_e kind, bool of_db)
{
    if (!io.armed || io.fail_at == 0
        || (io.errnum == ENOSPC && kind != CALL_WRITE && kind != CALL_SYNC))
    {
        return false;
    }

    io.calls++;

    if (io.calls < io.fail_at || (io.calls > io.fail_at && !io.stays)) {
        return false;
    }

    if (!io.hit) {
        io.hit = true;
        io.of_db = of_db;
        io.db_open = false;
        io.db_grow = false;
        io.kind = kind;
    }

    errno = io.errnum;

    return true;
}


static size_t
bounded(size_t size)
{
    return io.armed && io.bound != 0 && size > io.bound ? io.bound : size;
}


int fdatasync(int fd) __attribute__((visibility("default")));
int fsync(int fd) __attribute__((visibility("default")));


/* SQLite's; no test can see whether the disk was waited for. */
int
fdatasync(int fd)
{
    return fails(CALL_SYNC, true) || fcntl(fd, F_GETFD) == -1 ? -1 : 0;
}


int
fsync(int fd)
{
    return fdatasync(fd);
}


static int
st_sync(int fd)
{
    return fails(CALL_SYNC, false) || fcntl(fd, F_GETFD) == -1 ? -1 : 0;
}


static int
st_openat(int dirfd, const char *z_path, int flags, mode_t mode)
{
    return fails(flags & O_CREAT ? CALL_WRITE : CALL_OTHER, false)
               ? -1
               : cr_sys_default.openat(dirfd, z_path, flags, mode);
}


/* The descriptor is gone all the same, as on Linux. */
static int
st_close(int fd)
{
    int rc = cr_sys_default.close(fd);

    return fails(CALL_CLOSE, false) ? -1 : rc;
}


static ssize_t
st_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return fails(CALL_WRITE, false)
               ? -1
               : cr_sys_default.pwrite(fd, data, bounded(size), offset);
}


static int
st_ftruncate(int fd, off_t size)
{
    return fails(CALL_OTHER, false) ? -1 : cr_sys_default.ftruncate(fd, size);
}


/* No signal interrupts it. */
static int
st_fstat(int fd, struct stat *ret_st)
{
    return io.errnum != EINTR && fails(CALL_OTHER, false)
               ? -1
               : cr_sys_default.fstat(fd, ret_st);
}


static int
st_unlinkat(int dirfd, const char *z_path, int flags)
{
    return fails(CALL_OTHER, false)
               ? -1
               : cr_sys_default.unlinkat(dirfd, z_path, flags);
}


static int
st_mkdirat(int dirfd, const char *z_path, mode_t mode)
{
    return fails(CALL_WRITE, false)
               ? -1
               : cr_sys_default.mkdirat(dirfd, z_path, mode);
}


static int
st_fstatvfs(int fd, struct statvfs *ret_st)
{
    return fails(CALL_OTHER, false) ? -1 : cr_sys_default.fstatvfs(fd, ret_st);
}


static ssize_t
db_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    bool first = !io.hit;

    if (fails(CALL_WRITE, true)) {
        /* That is done by its last byte, and nothing else is. */
        io.db_grow = first ? size == 1 : io.db_grow;
        return -1;
    }

    return pwrite(fd, data, bounded(size), offset);
}


static ssize_t
db_pread(int fd, void *data, size_t size, off_t offset)
{
    return fails(CALL_OTHER, true) ? -1 : pread(fd, data, size, offset);
}


static int
db_ftruncate(int fd, off_t size)
{
    return fails(CALL_OTHER, true) ? -1 : ftruncate(fd, size);
}


static int
db_open(const char *z_path, int flags, int mode)
{
    bool first = !io.hit;

    if (fails(flags & O_CREAT ? CALL_WRITE : CALL_OTHER, true)) {
        io.db_open = first || io.db_open;
        return -1;
    }

    return open(z_path, flags, mode);
}


static void
hook(const char *z_name, sqlite3_syscall_ptr fn)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    assert_int_equal(vfs->xSetSystemCall(vfs, z_name, fn), SQLITE_OK);
}


static int
setup(void **state)
{
    static cr_drive_t d;

    memset(&io, 0, sizeof(io));
    cr_drive_init(&d);
    d.conf.min_free = 1; /* asks for the free space, too */
    cr_drive_start(&d);
    d.auth = cr_drive_basic(&d, "admin", CR_DRIVE_ADMIN);
    d.auth = cr_drive_bearer(&d, "repository:library/app:pull,push,delete");

    d.sys.openat = st_openat;
    d.sys.close = st_close;
    d.sys.pwrite = st_pwrite;
    d.sys.fsync = st_sync;
    d.sys.fdatasync = st_sync;
    d.sys.ftruncate = st_ftruncate;
    d.sys.fstat = st_fstat;
    d.sys.unlinkat = st_unlinkat;
    d.sys.mkdirat = st_mkdirat;
    d.sys.fstatvfs = st_fstatvfs;
    hook("open", (sqlite3_syscall_ptr) db_open);
    hook("pwrite", (sqlite3_syscall_ptr) db_pwrite);
    hook("pwrite64", (sqlite3_syscall_ptr) db_pwrite);
    hook("pread", (sqlite3_syscall_ptr) db_pread);
    hook("pread64", (sqlite3_syscall_ptr) db_pread);
    hook("ftruncate", (sqlite3_syscall_ptr) db_ftruncate);
    *state = &d;

    return 0;
}


static int
teardown(void **state)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    io.armed = false;
    (void) vfs->xSetSystemCall(vfs, NULL, NULL);
    cr_drive_close(*state);

    return 0;
}


/* --- a push --- */

/* What one push leaves behind, as far as the client was told. */
typedef struct push_s {
    cr_str_t    layer;
    cr_str_t    config;
    cr_str_t    manifest;
    const char *tag;
    bool        has_layer;
    bool        has_config;
    bool        has_manifest;
} push_t;


static push_t
make_push(cr_drive_t *d, const char *z_name)
{
    char  *data;
    push_t p = { 0 };

    /* Several pages, and no two alike. */
    data = cr_arena_alloc(d->cx.arena, 9000);
    assert_non_null(data);
    memset(data, 'x', 9000);
    memcpy(data, z_name, strlen(z_name));
    p.layer = (cr_str_t){ 9000, data };
    p.config = cr_str_z(cr_text(d, "{\"author\":\"%s\"}", z_name));
    p.manifest = cr_str_z(
        cr_text(d,
                "{\"schemaVersion\":2,\"mediaType\":"
                "\"application/vnd.oci.image.manifest.v1+json\",\"config\":{"
                "\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
                "\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":"
                "\"application/vnd.oci.image.layer.v1.tar\","
                "\"digest\":\"%s\",\"size\":%zu}]}",
                cr_sha256(d, p.config), p.config.len, cr_sha256(d, p.layer),
                p.layer.len));
    p.tag = cr_text(d, REPO "manifests/%s", z_name);

    return p;
}


/* What a failed call makes of a request, whose answer is one of ours. */
static int
status_of_fault(void)
{
    if (io.errnum == EINTR) {
        /* A sync that is interrupted is a failure to SQLite; a close to us:
         * what it wrote cannot be known. */
        assert_true(io.kind == CALL_SYNC || io.kind == CALL_CLOSE);
        return 500;
    }

    /* A database that cannot be opened: try again later. */
    if (io.db_open) {
        return 503;
    }

    if (io.db_grow) {
        return 507;
    }

    /* SQLite keeps no reason of a sync that failed. */
    if (io.errnum == ENOSPC && !(io.of_db && io.kind == CALL_SYNC)) {
        return 507;
    }

    return 500;
}


/* May this request have ended so? */
static void
check_status(const cr_reply_t *r, int wanted, bool hit)
{
    if (r->status == wanted) {
        return;
    }

    if (!hit) {
        fail_msg("status %d, and no call failed", r->status);
    }

    assert_true(r->x->info.log_error);

    if (r->status != status_of_fault()) {
        fail_msg("status %d, not %d: %.*s", r->status, status_of_fault(),
                 CR_STR_ARG(r->x->cx.detail));
    }
}


static bool
say(cr_drive_t *d, const cr_call_t *call, int wanted, const char **ret_where)
{
    bool       ok;
    cr_reply_t r;

    io.hit = false;
    r = cr_drive(d, call);
    check_status(&r, wanted, io.hit);
    ok = r.status == wanted;

    if (ok && ret_where != NULL) {
        *ret_where = cr_reply_header(d, &r, "Location");
    }

    cr_reply_done(&r);

    return ok;
}


static void
push(cr_drive_t *d, push_t *p)
{
    const char *where;

    p->has_config =
        say(d,
            &(cr_call_t){ .method = "POST",
                          .target = cr_text(d, REPO "blobs/uploads/?digest=%s",
                                            cr_sha256(d, p->config)),
                          .body = p->config },
            201, NULL);

    if (!p->has_config
        || !say(d,
                &(cr_call_t){ .method = "POST",
                              .target = REPO "blobs/uploads/" },
                202, &where)
        || !say(d,
                &(cr_call_t){ .method = "PATCH",
                              .target = where,
                              .body = cr_str_slice(p->layer, 0, 5000),
                              .piece = 2000 },
                202, NULL)
        || !say(d,
                &(cr_call_t){ .method = "PATCH",
                              .target = where,
                              .body = cr_str_slice(p->layer, 5000, 8000) },
                202, NULL))
    {
        return;
    }

    p->has_layer =
        say(d,
            &(cr_call_t){ .method = "PUT",
                          .target = cr_text(d, "%s?digest=%s", where,
                                            cr_sha256(d, p->layer)),
                          .body = cr_str_slice(p->layer, 8000, p->layer.len) },
            201, NULL);

    p->has_manifest =
        p->has_layer
        && say(d,
               &(cr_call_t){ .method = "PUT",
                             .target = p->tag,
                             .type =
                                 "application/vnd.oci.image.manifest.v1+json",
                             .body = p->manifest },
               201, NULL);
}


static void
expect_body(cr_drive_t *d, const char *z_target, cr_str_t body)
{
    cr_reply_t r = cr_get(d, z_target);

    cr_expect(&r, 200, "");
    assert_int_equal(r.body.len, body.len);
    assert_memory_equal(r.body.data, body.data, body.len);
    cr_reply_done(&r);
}


/* With all calls well: what was acknowledged is here. */
static void
expect_push(cr_drive_t *d, const push_t *p)
{
    if (p->has_config) {
        expect_body(d, cr_text(d, REPO "blobs/%s", cr_sha256(d, p->config)),
                    p->config);
    }

    if (p->has_layer) {
        expect_body(d, cr_text(d, REPO "blobs/%s", cr_sha256(d, p->layer)),
                    p->layer);
    }

    if (p->has_manifest) {
        expect_body(d, p->tag, p->manifest);
    }
}


/* A deletion that fails has not happened, or has: nothing between. */
static void
delete_push(cr_drive_t *d, const push_t *p)
{
    int         status;
    bool        gone;
    cr_reply_t  r;
    const char *digest =
        cr_text(d, REPO "manifests/%s", cr_sha256(d, p->manifest));

    gone =
        say(d, &(cr_call_t){ .method = "DELETE", .target = digest }, 202, NULL);
    io.armed = false;

    r = cr_get(d, digest);
    status = r.status;
    cr_reply_done(&r);
    assert_true(status == 404 || (status == 200 && !gone));
    cr_expect_done(cr_get(d, p->tag), status,
                   status == 404 ? "MANIFEST_UNKNOWN" : "");
}


/* Nobody may see what no row publishes, whatever failed. */
static void
expect_whole(cr_drive_t *d)
{
    static const char *const z_none[] = {
        "SELECT count(*) FROM blob WHERE id NOT IN "
        "(SELECT blob_id FROM repository_blob)",
        "SELECT count(*) FROM repository r WHERE live_manifests <> "
        "(SELECT count(*) FROM manifest m WHERE m.repository_id = r.id "
        "AND m.deleted_at IS NULL)",
        "SELECT count(*) FROM tag t JOIN manifest m ON m.id = t.manifest_id "
        "WHERE t.deleted_at IS NULL AND m.deleted_at IS NOT NULL",
        "SELECT count(*) FROM tag t WHERE NOT EXISTS (SELECT 1 FROM change c "
        "WHERE c.repository_id = t.repository_id AND c.reference = t.name "
        "AND (c.digest IS NULL) = (t.deleted_at IS NOT NULL))",
        "SELECT count(*) FROM orphan WHERE locator IN "
        "(SELECT locator FROM blob)",
    };

    for (size_t i = 0; i < CR_NELTS(z_none); i++) {
        assert_int_equal(cr_drive_sql_int(d, z_none[i]), 0);
    }
}


/* Each file has a row, be it of the orphans; unless no call works, each row
 * has its file. */
static void
expect_files(cr_drive_t *d, bool stays)
{
    int64_t rows = cr_drive_sql_int(
        d, "SELECT (SELECT count(*) FROM blob) + (SELECT count(*) FROM orphan) "
           "+ (SELECT coalesce(sum(length(segments) - "
           "length(replace(segments, ':', ''))), 0) FROM upload)");
    int64_t files = (int64_t) cr_drive_files(d);

    if (stays ? files < rows : files != rows) {
        fail_msg("%lld files of %lld rows", (long long) files,
                 (long long) rows);
    }
}


/* Every n, until none is left to fail.  Returns how many there were. */
static long
each_call(cr_drive_t *d, int errnum, bool stays)
{
    long   n;
    bool   more = true;
    push_t p, again;

    for (n = 1; more; n++) {
        assert_true(n < 1000);
        p = make_push(d, cr_text(d, "e%d-%d-%ld", errnum, stays, n));

        io.errnum = errnum;
        io.stays = stays;
        io.fail_at = n;
        io.calls = 0;
        io.armed = true;
        push(d, &p);
        more = io.calls >= n;
        io.armed = false;
        expect_files(d, stays);
        expect_push(d, &p);

        /* The client tries again, with the same bytes. */
        again = p;
        again.has_layer = false;
        push(d, &again);
        assert_true(again.has_config && again.has_layer && again.has_manifest);
        expect_push(d, &again);

        io.calls = 0;
        io.armed = true;
        delete_push(d, &again);
        more = more || io.calls >= n;
        expect_whole(d);
    }

    return n - 2;
}


static void
test_eio(void **state)
{
    long n = each_call(*state, EIO, false);

    print_message("%ld calls\n", n);
    assert_true(n > 60);
}


static void
test_eio_stays(void **state)
{
    assert_true(each_call(*state, EIO, true) > 30);
}


static void
test_full(void **state)
{
    assert_true(each_call(*state, ENOSPC, false) > 20);
}


static void
test_full_stays(void **state)
{
    assert_true(each_call(*state, ENOSPC, true) > 10);
}


static void
test_interrupted(void **state)
{
    assert_true(each_call(*state, EINTR, false) > 60);
}


static void
test_short_writes(void **state)
{
    push_t      p;
    cr_drive_t *d = *state;

    static const size_t sizes[] = { 1, 7, 512, 4095, 4097 };

    for (size_t i = 0; i < CR_NELTS(sizes); i++) {
        p = make_push(d, cr_text(d, "short-%zu", sizes[i]));
        io.bound = sizes[i];
        io.armed = true;
        push(d, &p);
        assert_true(p.has_config && p.has_layer && p.has_manifest);
        io.armed = false;
        expect_push(d, &p);
        expect_whole(d);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_eio, setup, teardown),
        cmocka_unit_test_setup_teardown(test_eio_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_writes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
