/*
 * auth/secret.c: made once, never overwritten, refused when others could read
 * it, and whole or not there whatever call fails.
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
#include <sys/stat.h>
#include <unistd.h>
#include "auth/secret.h"
#include "sys_fault.h"
#include "tempdir.h"

typedef struct fixture_s {
    test_dir_t dir;
    char       path[PATH_MAX];
    cr_ctx_t   cx;
} fixture_t;

static int
setup(void **state)
{
    static fixture_t fx;

    test_dir_make(&fx.dir);
    (void) test_dir_path(&fx.dir, "registry.db.key", fx.path);
    assert_int_equal(cr_ctx_init(&fx.cx, 0), CR_OK);
    fx.cx.sys = &test_sys_fault;
    test_sys_fault_reset();
    *state = &fx;
    return 0;
}


static int
teardown(void **state)
{
    fixture_t *fx = *state;

    cr_ctx_done(&fx->cx);
    test_dir_remove(&fx->dir);
    return 0;
}


static cr_err_t
key(fixture_t *fx, const char *z_purpose, bool create,
    uint8_t out[CR_SECRET_SIZE])
{
    cr_err_t err;

    cr_clear(&fx->cx);
    err = cr_secret_key(&fx->cx, fx->path, z_purpose, create, out);
    assert_int_equal(err, fx->cx.err);
    return err;
}


static void
put(fixture_t *fx, const char *z_text, mode_t mode)
{
    FILE *f;

    (void) unlink(fx->path);
    f = fopen(fx->path, "w");
    assert_non_null(f);
    assert_true(fputs(z_text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(fx->path, mode), 0);
}


static void
test_made_once(void **state)
{
    fixture_t  *fx = *state;
    uint8_t     a[CR_SECRET_SIZE], b[CR_SECRET_SIZE];
    struct stat st;

    assert_int_equal(key(fx, "one", false, a), CR_ERR_NOT_FOUND);
    assert_int_equal(access(fx->path, F_OK), -1);

    assert_int_equal(key(fx, "one", true, a), CR_OK);
    assert_int_equal(stat(fx->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, CR_SECRET_SIZE * 2 + 1);

    assert_int_equal(key(fx, "one", true, b), CR_OK);
    assert_memory_equal(a, b, sizeof(a));
    assert_int_equal(key(fx, "two", false, b), CR_OK);
    assert_memory_not_equal(a, b, sizeof(a));
}


static void
test_refused(void **state)
{
    fixture_t *fx = *state;
    uint8_t    a[CR_SECRET_SIZE];
    char       good[CR_SECRET_SIZE * 2 + 2];

    memset(good, 'a', CR_SECRET_SIZE * 2);
    good[CR_SECRET_SIZE * 2] = '\n';
    good[CR_SECRET_SIZE * 2 + 1] = '\0';

    put(fx, good, 0600);
    assert_int_equal(key(fx, "x", true, a), CR_OK);
    put(fx, good, 0640);
    assert_int_equal(key(fx, "x", true, a), CR_ERR_CONFIG);
    put(fx, good, 0604);
    assert_int_equal(key(fx, "x", true, a), CR_ERR_CONFIG);
    put(fx, "", 0600);
    assert_int_equal(key(fx, "x", true, a), CR_ERR_UNAVAILABLE);
    put(fx, "short\n", 0600);
    assert_int_equal(key(fx, "x", true, a), CR_ERR_CONFIG);
    good[5] = 'g';
    put(fx, good, 0600);
    assert_int_equal(key(fx, "x", true, a), CR_ERR_CONFIG);

    /* Neither a folder nor a link, wherever it leads. */
    assert_int_equal(unlink(fx->path), 0);
    assert_int_equal(symlink("/dev/zero", fx->path), 0);
    assert_int_equal(key(fx, "x", true, a), CR_ERR_IO);
    assert_int_equal(unlink(fx->path), 0);
    assert_int_equal(mkdir(fx->path, 0700), 0);
    assert_int_equal(key(fx, "x", true, a), CR_ERR_CONFIG);
}


static void
test_failures(void **state)
{
    fixture_t *fx = *state;
    uint8_t    a[CR_SECRET_SIZE], b[CR_SECRET_SIZE];
    unsigned   n, fds = test_sys_fds();

    for (n = 1;; n++) {
        (void) unlink(fx->path);
        test_sys_fault_arm(n, EIO);

        if (key(fx, "x", true, a) == CR_OK) {
            /* Only a failed close does no harm. */
            if (test_sys_fault_failed() == NULL) {
                break;
            }
            assert_string_equal(test_sys_fault_failed(), "close");
        }

        assert_int_equal(test_sys_fds(), fds);
        test_sys_fault_reset();

        /* What is left can be used, or was not left. */
        assert_int_equal(key(fx, "x", true, a), CR_OK);
        assert_int_equal(key(fx, "x", false, b), CR_OK);
        assert_memory_equal(a, b, sizeof(a));
    }

    assert_true(n > 5);

    /* A disk that takes only a part of it. */
    (void) unlink(fx->path);
    test_sys_fault_reset();
    test_sys_fault_bound(10);
    assert_int_not_equal(key(fx, "x", true, a), CR_OK);
    assert_int_equal(access(fx->path, F_OK), -1);
}


#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_made_once),
        TEST(test_refused),
        TEST(test_failures),
    };

    return cmocka_run_group_tests_name("auth/secret", tests, NULL, NULL);
}
