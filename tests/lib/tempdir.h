/*
 * A folder of its own for a test, below $TMPDIR or /tmp.  One thread.
 */

#ifndef TEST_TEMPDIR_H
#define TEST_TEMPDIR_H

#include <limits.h>

typedef struct test_dir_s {
    char z_path[PATH_MAX];
} test_dir_t;

/* Make it (mode 0700); the test ends when that fails. */
void test_dir_make(test_dir_t *dir);
/* Remove it with all that is in it.  Takes one that was not made. */
void test_dir_remove(test_dir_t *dir);
/* "<dir>/<z_name>" into z_out of PATH_MAX bytes; returns z_out. */
char *test_dir_path(const test_dir_t *dir, const char *z_name, char *z_out);

#endif
