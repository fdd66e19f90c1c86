/*
 * The filesystem driver beyond the contract: what it puts on disk, what it
 * refuses to follow, and each of its system calls failing in turn.  Root and
 * writers: test_filesystem_root.c, test_filesystem_writer.c.
 */

#include "filesystem_fixture.h"

#include <errno.h>

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
        cmocka_unit_test_setup_teardown(files_and_folders, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(links_lead_nowhere, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_plain_files, setup_open, teardown),
        cmocka_unit_test_setup_teardown(walk_passes_over_others, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(short_transfers, setup_open, teardown),
        cmocka_unit_test_setup_teardown(every_call_fails_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
