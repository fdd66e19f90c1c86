/*
 * A store of the filesystem driver in a folder of its own, whose system calls
 * are counted and can be made to fail; teardown looks for descriptors that
 * were left open.  One at a time.
 */

#ifndef TEST_FILESYSTEM_FIXTURE_H
#define TEST_FILESYSTEM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "storage/filesystem.h"
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


static inline int
drop_entry(const char *z_path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    return remove(z_path);
}


static inline void
drop(const char *z_path)
{
    (void) nftw(z_path, drop_entry, 16, FTW_DEPTH | FTW_PHYS);
}


static inline cr_err_t
open_url(fixture_t *fx, const char *z_url)
{
    return cr_storage_open(&fx->cx, cr_storage_drivers, cr_str_z(z_url),
                           &fx->st);
}


static inline int
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


static inline int
setup_open(void **state)
{
    (void) setup(state);
    assert_int_equal(open_url(*state, ((fixture_t *) *state)->z_url), CR_OK);
    test_sys_fault_reset();

    return 0;
}


static inline int
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


/* A path below the root; one at a time. */
static inline const char *
at(fixture_t *fx, const char *z_name)
{
    static char path[256];

    (void) snprintf(path, sizeof(path), "%s/%s", fx->z_root, z_name);
    return path;
}


static inline void
put(const char *z_path, const char *z_text)
{
    FILE *f = fopen(z_path, "wb");

    assert_non_null(f);
    assert_true(fputs(z_text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}


static inline void
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


static inline cr_storage_writer_t *
create(fixture_t *fx, const char *z_locator)
{
    cr_storage_writer_t *w = NULL;

    assert_int_equal(cr_storage_create(&fx->cx, fx->st, cr_str_z(z_locator),
                                       &w),
                     CR_OK);
    return w;
}


static inline unsigned
mode_of(const char *z_path)
{
    struct stat st;

    assert_int_equal(lstat(z_path, &st), 0);
    return st.st_mode & 07777;
}

#endif
