/*
 * core/crash.c, built here as BUILD=crash builds it: who dies where, and that
 * nobody does when nothing is armed.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "core/ctx.h"

#ifndef CR_CRASH_POINTS
#define CR_CRASH_POINTS 1
#endif

#include "core/crash.c"

#include "tempdir.h"

#define ALIVE 7

static test_dir_t dir;
static char       z_at[PATH_MAX], z_hits[PATH_MAX + 8];


static int
setup(void **state)
{
    (void) state;
    test_dir_make(&dir);
    (void) test_dir_path(&dir, "at", z_at);
    (void) snprintf(z_hits, sizeof(z_hits), "%s.hits", z_at);
    assert_int_equal(setenv("CR_CRASH_AT", z_at, 1), 0);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    (void) unsetenv("CR_CRASH_AT");
    test_dir_remove(&dir);
    return 0;
}


static void
arm(const char *z_text)
{
    FILE *f = fopen(z_at, "w");

    assert_non_null(f);
    assert_true(fputs(z_text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}


/* A process that passes these points: does it live to the end? */
static bool
lives(const char *const *points, size_t n)
{
    int   status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        for (size_t i = 0; i < n; i++) {
            CR_CRASH(points[i]);
        }
        _exit(ALIVE);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status)) {
        assert_int_equal(WEXITSTATUS(status), ALIVE);
        return true;
    }
    assert_int_equal(WTERMSIG(status), SIGKILL);
    return false;
}


static void
nothing_is_armed(void **state)
{
    static const char *const points[] = { "one", "two" };
    static const char *const texts[] = { "",      "one",         "one x self",
                                         "one 1", "two1 1 self", "on 1 self" };

    (void) state;
    assert_true(lives(points, 2)); /* no file */
    for (size_t i = 0; i < CR_NELTS(texts); i++) {
        arm(texts[i]);
        assert_true(lives(points, 2));
        assert_int_equal(access(z_at, F_OK), 0);
    }
    /* Another place is not even counted. */
    assert_int_equal(access(z_hits, F_OK), -1);

    assert_int_equal(unsetenv("CR_CRASH_AT"), 0);
    arm("one 1 self\n");
    assert_true(lives(points, 2));
}


/* The N-th passing, counted over processes; then the file is gone. */
static void
dies_once(void **state)
{
    static const char *const points[] = { "one", "two", "one" };

    (void) state;
    arm("one 5 self\n");
    assert_true(lives(points, 3));
    assert_true(lives(points, 3));
    assert_int_equal(access(z_at, F_OK), 0);
    assert_false(lives(points, 3));
    assert_int_equal(access(z_at, F_OK), -1);
    assert_true(lives(points, 3));
}


/* "group" takes the others along: here a child that waits for ever. */
static void
dies_with_its_group(void **state)
{
    int   status, out[2];
    char  byte;
    pid_t pid;

    (void) state;
    arm("one 1 group\n");
    assert_int_equal(pipe(out), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void) setpgid(0, 0);
        (void) close(out[0]);
        pid = fork();
        if (pid == 0) {
            for (;;) {
                (void) pause();
            }
        }
        if (pid > 0) {
            CR_CRASH("one");
        }
        _exit(ALIVE);
    }
    (void) close(out[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    /* The end of the pipe: nobody of them has it open any more. */
    assert_int_equal(read(out[0], &byte, 1), 0);
    (void) close(out[0]);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_armed, setup, teardown),
        cmocka_unit_test_setup_teardown(dies_once, setup, teardown),
        cmocka_unit_test_setup_teardown(dies_with_its_group, setup, teardown),
    };

    return cmocka_run_group_tests_name("core/crash", tests, NULL, NULL);
}
