/*
 * The filesystem driver beyond the contract: what it puts on disk and in
 * which order, what it refuses to follow, and each of its system calls
 * failing in turn.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "storage/storage_driver.h"
#include "sys_fault.h"

#define L_AB "ab/01890a5d-ac96-774b-bcce-b302099a80ab"
#define L_CD "cd/01890a5d-ac96-774b-bcce-b302099a80cd"

typedef struct fixture_s {
    char          z_dir[64];  /* the parent */
    char          z_root[80]; /* what the driver makes */
    char          z_url[96];
    cr_ctx_t      cx;
    cr_storage_t *st;
    unsigned      fds;
} fixture_t;


static int
drop_entry(const char *z_path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    return remove(z_path);
}


static void
drop(const char *z_path)
{
    (void) nftw(z_path, drop_entry, 16, FTW_DEPTH | FTW_PHYS);
}


static cr_err_t
open_url(fixture_t *fx, const char *z_url)
{
    return cr_storage_open(&fx->cx, cr_storage_drivers, cr_str_z(z_url),
                           &fx->st);
}


static int
setup(void **state)
{
    fixture_t *fx = calloc(1, sizeof(fixture_t));

    assert_non_null(fx);
    fx->fds = test_sys_fds();
    (void) snprintf(fx->z_dir, sizeof(fx->z_dir), "/tmp/cr-fs-XXXXXX");
    assert_non_null(mkdtemp(fx->z_dir));
    (void) snprintf(fx->z_root, sizeof(fx->z_root), "%s/blobs", fx->z_dir);
    (void) snprintf(fx->z_url, sizeof(fx->z_url), "filesystem:%s", fx->z_root);
    assert_int_equal(cr_ctx_init(&fx->cx, 0), CR_OK);
    fx->cx.sys = &test_sys_fault;
    test_sys_fault_reset();
    *state = fx;

    return 0;
}


static int
setup_open(void **state)
{
    (void) setup(state);
    assert_int_equal(open_url(*state, ((fixture_t *) *state)->z_url), CR_OK);
    test_sys_fault_reset();

    return 0;
}


static int
teardown(void **state)
{
    fixture_t *fx = *state;
    unsigned   fds;

    test_sys_fault_reset();
    cr_storage_close(fx->st);
    cr_ctx_done(&fx->cx);
    drop(fx->z_dir);
    fds = test_sys_fds();
    assert_int_equal(fds, fx->fds);
    free(fx);

    return 0;
}


/* --- helpers ----------------------------------------------------------- */

/* A path below the root; one at a time. */
static const char *
at(fixture_t *fx, const char *z_name)
{
    static char path[256];

    (void) snprintf(path, sizeof(path), "%s/%s", fx->z_root, z_name);
    return path;
}


static void
put(const char *z_path, const char *z_text)
{
    FILE *f = fopen(z_path, "wb");

    assert_non_null(f);
    assert_true(fputs(z_text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}


static void
assert_file(const char *z_path, const char *z_text)
{
    char   data[256] = { 0 };
    FILE  *f = fopen(z_path, "rb");
    size_t n;

    assert_non_null(f);
    n = fread(data, 1, sizeof(data) - 1, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(n, strlen(z_text));
    assert_string_equal(data, z_text);
}


static cr_storage_writer_t *
create(fixture_t *fx, const char *z_locator)
{
    cr_storage_writer_t *w = NULL;

    assert_int_equal(cr_storage_create(&fx->cx, fx->st, cr_str_z(z_locator),
                                       &w),
                     CR_OK);
    return w;
}


static unsigned
mode_of(const char *z_path)
{
    struct stat st;

    assert_int_equal(lstat(z_path, &st), 0);
    return st.st_mode & 07777;
}


/* --- opening ----------------------------------------------------------- */

static void
bad_urls(void **state)
{
    fixture_t *fx = *state;
    size_t     i;
    char      *z_long = calloc(1, 8192);

    static const char *const urls[] = {
        "",
        "filesystem",
        "filesystem:",
        "filesystem:relative/path",
        "filesystem:/",
        "filesystem:///",
        ":/tmp",
        "/tmp",
        "memory:",
        "ftp:/tmp",
    };

    for (i = 0; i < CR_NELTS(urls); i++) {
        assert_int_equal(open_url(fx, urls[i]), CR_ERR_CONFIG);
        assert_true(fx->cx.detail.len > 0);
        assert_null(fx->st);
    }

    assert_non_null(z_long);
    memset(z_long, '/', 8191);
    memcpy(z_long, "filesystem:/x", 13);
    z_long[8190] = 'x';
    assert_int_equal(open_url(fx, z_long), CR_ERR_CONFIG);
    free(z_long);

    assert_int_equal(cr_storage_open(&fx->cx, cr_storage_drivers,
                                     CR_STR("filesystem:/tmp/\0x"), &fx->st),
                     CR_ERR_CONFIG);
}


static void
root_is_made(void **state)
{
    fixture_t *fx = *state;
    mode_t     mask = umask(022);

    assert_int_equal(open_url(fx, fx->z_url), CR_OK);
    assert_int_equal(mode_of(fx->z_root), 0750);
    /* Its name is on disk before anything can be in it. */
    assert_string_equal(test_sys_fault_trace(),
                        "openat mkdirat openat fsync close openat openat "
                        "close ");
    cr_storage_close(fx->st);
    fx->st = NULL;

    /* The second time it is there, and nothing is made or synced. */
    test_sys_fault_reset();
    assert_int_equal(open_url(fx, fx->z_url), CR_OK);
    assert_string_equal(test_sys_fault_trace(), "openat openat close ");
    (void) umask(mask);
}


static void
root_without_parent(void **state)
{
    fixture_t *fx = *state;
    char       url[160];

    (void) snprintf(url, sizeof(url), "filesystem:%s/a/b", fx->z_dir);
    assert_int_equal(open_url(fx, url), CR_ERR_IO);
    assert_true(fx->cx.detail.len > 0);
    assert_int_equal(fx->cx.message.len, 0);
}


static void
root_is_a_file(void **state)
{
    fixture_t *fx = *state;

    put(fx->z_root, "x");
    assert_int_equal(open_url(fx, fx->z_url), CR_ERR_IO);
    assert_file(fx->z_root, "x");
}


static void
root_is_a_link(void **state)
{
    fixture_t *fx = *state;
    char       url[160];

    assert_int_equal(symlink("/tmp", fx->z_root), 0);
    assert_int_equal(open_url(fx, fx->z_url), CR_ERR_IO);

    /* A slash at the end would follow it. */
    (void) snprintf(url, sizeof(url), "%s//", fx->z_url);
    assert_int_equal(open_url(fx, url), CR_ERR_IO);
    assert_null(fx->st);
}


static void
root_is_read_only(void **state)
{
    static const int no[] = { EACCES, EPERM };
    static const int maybe[] = { EOPNOTSUPP, EISDIR, ENOSPC, EDQUOT, EROFS };
    fixture_t       *fx = *state;
    size_t           i;

    assert_int_equal(mkdir(fx->z_root, 0700), 0);

    for (i = 0; i < CR_NELTS(no); i++) {
        test_sys_fault_arm(2, no[i]);
        assert_int_equal(open_url(fx, fx->z_url), CR_ERR_IO);
        assert_string_equal(test_sys_fault_path(), ".");
        assert_null(fx->st);
    }

    /* Pulls go on with a disk that is full, or was made read-only. */
    for (i = 0; i < CR_NELTS(maybe); i++) {
        test_sys_fault_arm(2, maybe[i]);
        assert_int_equal(open_url(fx, fx->z_url), CR_OK);
        assert_string_equal(test_sys_fault_path(), ".");
        cr_storage_close(fx->st);
        fx->st = NULL;
    }
}


/* --- what is on disk --------------------------------------------------- */

static void
files_and_folders(void **state)
{
    fixture_t           *fx = *state;
    mode_t               mask = umask(022);
    cr_storage_writer_t *w;
    char                 url[160];

    w = create(fx, L_AB);
    assert_int_equal(cr_storage_write(&fx->cx, w, "abc", 3), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_int_equal(mode_of(at(fx, "ab")), 0750);
    assert_int_equal(mode_of(at(fx, L_AB)), 0640);
    assert_file(at(fx, L_AB), "abc");

    /* The site's umask counts. */
    (void) umask(077);
    w = create(fx, L_CD);
    cr_storage_writer_abort(w);
    assert_int_equal(mode_of(at(fx, L_CD)), 0600);
    (void) umask(mask);

    /* A slash in the URL gives none in a path. */
    cr_storage_close(fx->st);
    (void) snprintf(url, sizeof(url), "%s///", fx->z_url);
    assert_int_equal(open_url(fx, url), CR_OK);
    {
        cr_str_t path;

        assert_int_equal(cr_storage_path(&fx->cx, fx->st, CR_STR(L_AB), &path),
                         CR_OK);
        assert_string_equal(path.data, at(fx, L_AB));
    }
}


static void
order_of_a_sync(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx, L_AB);

    /* A PATCH needs no sync, so making a file has none. */
    assert_null(strstr(test_sys_fault_trace(), "sync"));
    assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_OK);

    /* The bytes, then the file's name, then the folder's name. */
    test_sys_fault_reset();
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(),
                        "fdatasync openat fsync close fsync ");

    /* Nothing new: nothing to do.  New bytes: only they. */
    test_sys_fault_reset();
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(), "");
    assert_int_equal(cr_storage_write(&fx->cx, w, "b", 1), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(), "pwrite fdatasync ");
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);

    /* One that goes on knows nothing of its predecessor's sync; the folder
     * was found to be on disk by this store. */
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB), 2, &w),
                     CR_OK);
    test_sys_fault_reset();
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(),
                        "fdatasync openat fsync close ");
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
}


/* A large file is on its way to the disk before its sync. */
static void
large_file_begins_early(void **state)
{
    enum { PIECE = 1 << 20, N = 10 };

    int                  i;
    char                *data;
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx, L_AB);

    data = calloc(1, PIECE);
    assert_non_null(data);
    test_sys_fault_reset();
    test_sys_fault_arm_call("sync_file_range", 1, EIO);

    /* Not at a multiple of anything; the failure is the sync's to tell. */
    assert_int_equal(cr_storage_write(&fx->cx, w, "x", 1), CR_OK);
    for (i = 0; i < N; i++) {
        assert_int_equal(cr_storage_write(&fx->cx, w, data, PIECE), CR_OK);
    }
    assert_string_equal(test_sys_fault_trace(),
                        "pwrite pwrite pwrite pwrite pwrite pwrite pwrite "
                        "pwrite pwrite sync_file_range pwrite pwrite ");
    assert_string_equal(test_sys_fault_failed(), "sync_file_range");
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);

    /* Who goes on has the rest to do only. */
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB),
                                       N * PIECE + 1, &w),
                     CR_OK);
    test_sys_fault_reset();
    assert_int_equal(cr_storage_write(&fx->cx, w, data, PIECE), CR_OK);
    assert_string_equal(test_sys_fault_trace(), "pwrite ");
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    free(data);
}


/* The one who made the folder may have died before it synced the root. */
static void
folder_of_another_process(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w;

    assert_int_equal(mkdir(at(fx, "ab"), 0750), 0);
    w = create(fx, L_AB);
    test_sys_fault_reset();
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(),
                        "fdatasync openat fsync close fsync ");
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
}


/* --- what is planted --------------------------------------------------- */

static void
links_lead_nowhere(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = NULL;
    char                 secret[160], data[8];
    size_t               n = 0;
    uint64_t             size;

    (void) snprintf(secret, sizeof(secret), "%s/secret", fx->z_dir);
    put(secret, "secret");

    /* A link in place of a file. */
    assert_int_equal(mkdir(at(fx, "ab"), 0750), 0);
    assert_int_equal(symlink(secret, at(fx, L_AB)), 0);
    assert_int_equal(cr_storage_read(&fx->cx, fx->st, CR_STR(L_AB), 0, data, 8,
                                     &n),
                     CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, CR_STR(L_AB), &size),
                     CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB), 0, &w),
                     CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_create(&fx->cx, fx->st, CR_STR(L_AB), &w),
                     CR_ERR_EXISTS);
    /* Removing it removes the link. */
    assert_int_equal(cr_storage_remove(&fx->cx, fx->st, CR_STR(L_AB)), CR_OK);
    assert_file(secret, "secret");

    /* A link in place of a folder. */
    assert_int_equal(symlink(fx->z_dir, at(fx, "cd")), 0);
    (void) snprintf(data, sizeof(data), "cd");
    assert_int_equal(cr_storage_create(&fx->cx, fx->st, CR_STR(L_CD), &w),
                     CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, CR_STR(L_CD), &size),
                     CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_remove(&fx->cx, fx->st, CR_STR(L_CD)),
                     CR_ERR_CORRUPT);
    assert_null(w);
}


static void
only_plain_files(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = NULL;
    char                 victim[160], data[8];
    size_t               n = 0;
    uint64_t             size;

    assert_int_equal(mkdir(at(fx, "ab"), 0750), 0);

    /* A FIFO must not hold the thread. */
    assert_int_equal(mkfifo(at(fx, L_AB), 0600), 0);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, CR_STR(L_AB), &size),
                     CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB), 0, &w),
                     CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_read(&fx->cx, fx->st, CR_STR(L_AB), 0, data, 8,
                                     &n),
                     CR_ERR_CORRUPT);
    assert_int_equal(unlink(at(fx, L_AB)), 0);

    /* A folder. */
    assert_int_equal(mkdir(at(fx, L_AB), 0700), 0);
    assert_int_equal(cr_storage_read(&fx->cx, fx->st, CR_STR(L_AB), 0, data, 8,
                                     &n),
                     CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_remove(&fx->cx, fx->st, CR_STR(L_AB)),
                     CR_ERR_CORRUPT);
    assert_int_equal(rmdir(at(fx, L_AB)), 0);

    /* A second name of somebody's file: not ours to cut. */
    (void) snprintf(victim, sizeof(victim), "%s/victim", fx->z_dir);
    put(victim, "victim");
    assert_int_equal(link(victim, at(fx, L_AB)), 0);
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB), 0, &w),
                     CR_ERR_CORRUPT);
    assert_null(w);
    assert_file(victim, "victim");
}


static cr_err_t
count_one(cr_ctx_t *cx, void *arg, cr_str_t locator, uint64_t size)
{
    unsigned *n = arg;

    (void) cx;
    (void) size;
    assert_true(cr_storage_locator_valid(locator));
    (*n)++;

    return CR_OK;
}


static void
walk_passes_over_others(void **state)
{
    fixture_t *fx = *state;
    unsigned   n = 0;

    cr_storage_writer_abort(create(fx, L_AB));
    put(at(fx, "ab/README"), "x");
    put(at(fx, "ab/01890a5d-ac96-774b-bcce-b302099a80cd"), "x");
    put(at(fx, "top"), "x");
    assert_int_equal(mkdir(at(fx, "lost+found"), 0700), 0);
    assert_int_equal(mkdir(at(fx, "AB"), 0700), 0);
    assert_int_equal(mkfifo(at(fx, "ab/01890a5d-ac96-774b-bcce-b302099b80ab"),
                            0600),
                     0);
    assert_int_equal(symlink("/etc/passwd",
                             at(fx, "ab/01890a5d-ac96-774b-bcce-b302099c80ab")),
                     0);

    assert_int_equal(cr_storage_list(&fx->cx, fx->st, count_one, &n), CR_OK);
    assert_int_equal(n, 1);
}


/* --- failures ---------------------------------------------------------- */

static void
short_transfers(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w;
    char                 data[64];
    size_t               n = 0;

    test_sys_fault_bound(3);
    w = create(fx, L_AB);
    assert_int_equal(cr_storage_write(&fx->cx, w, "0123456789", 10), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, "abcd", 4), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_file(at(fx, L_AB), "0123456789abcd");
    assert_int_equal(cr_storage_read(&fx->cx, fx->st, CR_STR(L_AB), 1, data, 64,
                                     &n),
                     CR_OK);
    assert_int_equal(n, 13);
    assert_memory_equal(data, "123456789abcd", 13);
}


/* The kernel reports a lost page once: the second fsync would say yes. */
static void
failed_sync_stays_failed(void **state)
{
    static const char *const slots[] = { "fdatasync", "fsync" };
    fixture_t               *fx = *state;
    size_t                   i;

    for (i = 0; i < CR_NELTS(slots); i++) {
        cr_storage_writer_t *w = create(fx, i == 0 ? L_AB : L_CD);

        assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_OK);
        test_sys_fault_arm_call(slots[i], 1, EIO);
        assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_IO);
        test_sys_fault_reset();
        assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_IO);
        assert_int_equal(cr_storage_write(&fx->cx, w, "b", 1), CR_ERR_IO);
        assert_string_equal(test_sys_fault_trace(), "");
        assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_ERR_IO);
        assert_string_equal(test_sys_fault_trace(), "close ");
    }
}


/* Root's second fsync failing must not count as done for the next writer. */
static void
failed_root_sync_is_done_again(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = create(fx, L_AB);

    test_sys_fault_arm_call("fsync", 2, EIO);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_IO);
    cr_storage_writer_abort(w);

    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, CR_STR(L_AB), 0, &w),
                     CR_OK);
    test_sys_fault_reset();
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_string_equal(test_sys_fault_trace(),
                        "fdatasync openat fsync close fsync ");
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
}


static void
full_disk(void **state)
{
    static const int     full[] = { ENOSPC, EDQUOT };
    fixture_t           *fx = *state;
    cr_storage_writer_t *w;
    size_t               i;

    for (i = 0; i < CR_NELTS(full); i++) {
        w = create(fx, i == 0 ? L_AB : L_CD);
        /* After a part was written, as disks do. */
        test_sys_fault_arm_call("pwrite", 2, full[i]);
        test_sys_fault_bound(4);
        assert_int_equal(cr_storage_write(&fx->cx, w, "0123456789", 10),
                         CR_ERR_NO_SPACE);
        assert_int_equal(fx->cx.message.len, 0);
        test_sys_fault_reset();
        assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_ERR_NO_SPACE);
    }
}


static void
close_is_a_write(void **state)
{
    static const int      errors[] = { EIO, ENOSPC, EDQUOT, EINTR };
    static const cr_err_t want[] = { CR_ERR_IO, CR_ERR_NO_SPACE,
                                     CR_ERR_NO_SPACE, CR_ERR_IO };
    fixture_t            *fx = *state;
    cr_storage_writer_t  *w;
    size_t                i;

    for (i = 0; i < CR_NELTS(errors); i++) {
        w = create(fx, L_AB);
        assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_OK);
        test_sys_fault_arm_call("close", 1, errors[i]);
        assert_int_equal(cr_storage_writer_close(&fx->cx, w), want[i]);
        test_sys_fault_reset();
        assert_int_equal(cr_storage_remove(&fx->cx, fx->st, CR_STR(L_AB)),
                         CR_OK);
    }
}


/* --- each call in turn ------------------------------------------------- */

static cr_err_t
finish(cr_ctx_t *cx, cr_storage_writer_t *w, cr_err_t err)
{
    if (err == CR_OK) {
        err = cr_storage_sync(cx, w);
    }
    if (err != CR_OK) {
        cr_storage_writer_abort(w);
        return err;
    }
    return cr_storage_writer_close(cx, w);
}


/*
 * A life: two segments, the second resumed, joined into a third file; read,
 * measured, walked, removed.  *ret_joined: the joined file was acknowledged.
 */
static cr_err_t
life(cr_ctx_t *cx, cr_storage_t *st, bool *ret_joined)
{
    cr_storage_writer_t *w;
    cr_storage_info_t    info;
    char                 data[32];
    size_t               n;
    uint64_t             size;
    unsigned             files = 0;
    cr_str_t             a = CR_STR(L_AB), b = CR_STR(L_CD);
    cr_str_t all = CR_STR("ef/01890a5d-ac96-774b-bcce-b302099a80ef");

    CR_TRY(cr_storage_create(cx, st, a, &w));
    CR_TRY(finish(cx, w, cr_storage_write(cx, w, "hello", 5)));
    CR_TRY(cr_storage_create(cx, st, b, &w));
    CR_TRY(finish(cx, w, cr_storage_write(cx, w, ", wo-lost", 9)));
    CR_TRY(cr_storage_resume(cx, st, b, 4, &w));
    CR_TRY(finish(cx, w, cr_storage_write(cx, w, "rld", 3)));

    CR_TRY(cr_storage_create(cx, st, all, &w));
    CR_TRY(finish(cx, w,
                  cr_storage_append_from(cx, st, w, a, 5) == CR_OK
                      ? cr_storage_append_from(cx, st, w, b, 7)
                      : cx->err));
    *ret_joined = true;

    CR_TRY(cr_storage_stat(cx, st, all, &size));
    CR_TRY(cr_storage_read(cx, st, all, 0, data, sizeof(data), &n));
    assert_int_equal(size, 12);
    assert_int_equal(n, 12);
    assert_memory_equal(data, "hello, world", 12);

    CR_TRY(cr_storage_info(cx, st, &info));
    assert_true(info.total_size > 0);
    CR_TRY(cr_storage_list(cx, st, count_one, &files));
    assert_int_equal(files, 3);
    CR_TRY(cr_storage_look(cx, st));
    CR_TRY(cr_storage_check(cx, st));
    CR_TRY(cr_storage_remove(cx, st, a));

    return cr_storage_remove(cx, st, b);
}


/* Open a store of its own, live, close; with whatever is armed. */
static cr_err_t
life_with_store(fixture_t *fx, bool *ret_joined)
{
    cr_err_t      err;
    cr_storage_t *st = NULL;

    err =
        cr_storage_open(&fx->cx, cr_storage_drivers, cr_str_z(fx->z_url), &st);
    if (err == CR_OK) {
        err = life(&fx->cx, st, ret_joined);
    }
    cr_storage_close(st);

    return err;
}


/*
 * What must come out when this call failed so.  A close may be of a folder
 * or a reader, where nothing can be lost; the probe for unnamed files may
 * fail in any way that is not a plain "no".
 */
static void
assert_outcome(cr_err_t err, int errnum, cr_err_t want)
{
    const char *z_failed = test_sys_fault_failed();

    if (strcmp(z_failed, "close") == 0) {
        assert_true(err == CR_OK
                    || err == (errnum == EINTR ? CR_ERR_IO : want));
    } else if (errnum == EINTR || strcmp(test_sys_fault_path(), ".") == 0) {
        /* fstat never waits, so no signal ends it. */
        assert_int_equal(err,
                         strcmp(z_failed, "fstat") == 0 ? CR_ERR_IO : CR_OK);
    } else {
        assert_int_equal(err, want);
    }
}


static unsigned
each_call_fails(fixture_t *fx, int errnum, cr_err_t want, size_t bound)
{
    unsigned n, fds = test_sys_fds();
    bool     joined;
    cr_err_t err;

    for (n = 1;; n++) {
        joined = false;
        test_sys_fault_arm(n, errnum);
        test_sys_fault_bound(bound);
        err = life_with_store(fx, &joined);

        assert_int_equal(test_sys_fds(), fds);
        if (test_sys_fault_failed() == NULL) {
            assert_int_equal(err, CR_OK);
            assert_true(joined);
            drop(fx->z_root);
            return n - 1;
        }

        assert_outcome(err, errnum, want);
        if (err == CR_OK) {
            assert_true(joined);
        } else {
            assert_int_equal(err, fx->cx.err);
            assert_int_equal(fx->cx.message.len, 0);
        }

        /* What was acknowledged is whole, whatever failed afterwards. */
        if (joined) {
            assert_file(at(fx, "ef/01890a5d-ac96-774b-bcce-b302099a80ef"),
                        "hello, world");
        }
        drop(fx->z_root);
        cr_ctx_reset(&fx->cx);
    }
}


static void
every_call_fails_once(void **state)
{
    fixture_t *fx = *state;

    /* 256 folders are looked into by the walk. */
    assert_true(each_call_fails(fx, EIO, CR_ERR_IO, 0) > 300);
    assert_true(each_call_fails(fx, ENOSPC, CR_ERR_NO_SPACE, 0) > 300);
    assert_true(each_call_fails(fx, EINTR, CR_ERR_IO, 0) > 300);
    assert_true(each_call_fails(fx, ENOMEM, CR_ERR_NO_MEMORY, 2) > 300);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bad_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(root_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(root_without_parent, setup, teardown),
        cmocka_unit_test_setup_teardown(root_is_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(root_is_a_link, setup, teardown),
        cmocka_unit_test_setup_teardown(root_is_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(files_and_folders, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(order_of_a_sync, setup_open, teardown),
        cmocka_unit_test_setup_teardown(large_file_begins_early, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(folder_of_another_process, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(links_lead_nowhere, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_plain_files, setup_open, teardown),
        cmocka_unit_test_setup_teardown(walk_passes_over_others, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(short_transfers, setup_open, teardown),
        cmocka_unit_test_setup_teardown(failed_sync_stays_failed, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(failed_root_sync_is_done_again,
                                        setup_open, teardown),
        cmocka_unit_test_setup_teardown(full_disk, setup_open, teardown),
        cmocka_unit_test_setup_teardown(close_is_a_write, setup_open, teardown),
        cmocka_unit_test_setup_teardown(every_call_fails_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
