/*
 * Temporary folders of tests.  One thread.
 */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tempdir.h"

#define TEST_DIR_FDS 16

static int  test_dir_remove_one(const char *z_path, const struct stat *st,
                                int type, struct FTW *ftw);
static void test_dir_die(const char *z_what);


void
test_dir_make(test_dir_t *dir)
{
    int         n;
    const char *z_base;

    z_base = getenv("TMPDIR");

    n = snprintf(dir->z_path, sizeof(dir->z_path), "%s/test-registry-XXXXXX",
                 z_base == NULL ? "/tmp" : z_base);

    if (n < 0 || (size_t) n >= sizeof(dir->z_path)
        || mkdtemp(dir->z_path) == NULL) {
        test_dir_die("mkdtemp");
    }
}


void
test_dir_remove(test_dir_t *dir)
{
    if (dir->z_path[0] == '\0') {
        return;
    }

    if (nftw(dir->z_path, test_dir_remove_one, TEST_DIR_FDS,
             FTW_DEPTH | FTW_PHYS)
        != 0)
    {
        test_dir_die("remove");
    }

    dir->z_path[0] = '\0';
}


static int
test_dir_remove_one(const char *z_path, const struct stat *st, int type,
                    struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    return remove(z_path);
}


char *
test_dir_path(const test_dir_t *dir, const char *z_name, char *z_out)
{
    int n;

    n = snprintf(z_out, PATH_MAX, "%s/%s", dir->z_path, z_name);

    if (n < 0 || n >= PATH_MAX) {
        test_dir_die("path");
    }

    return z_out;
}


static void
test_dir_die(const char *z_what)
{
    perror(z_what);
    abort();
}
