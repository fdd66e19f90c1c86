/*
 * core/process.c: is a process still there?
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/process.h"

#define BOOT CR_STR("a-boot-id")

static ssize_t
garbage(int fd, void *data, size_t size, off_t offset)
{
    (void) fd;
    (void) offset;
    assert_true(size > 10);
    memcpy(data, "12 no stat", 10);

    return 10;
}

static int
no_open(int dirfd, const char *z_path, int flags, mode_t mode)
{
    (void) dirfd;
    (void) z_path;
    (void) flags;
    (void) mode;
    errno = EACCES;

    return -1;
}

/* A child says who it is, then waits to be killed. */
static void
test_gone(void **state)
{
    int      to[2];
    char     self[CR_PROCESS_TEXT_MAX], child[CR_PROCESS_TEXT_MAX];
    char     other[CR_PROCESS_TEXT_MAX + 1];
    pid_t    pid;
    ssize_t  n;
    cr_ctx_t cx;
    cr_str_t me, it;
    cr_sys_t sys = cr_sys_default;

    (void) state;
    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    me.data = self;
    me.len = cr_process_self(&cx, BOOT, self);
    assert_true(me.len > 20);
    assert_false(cr_process_gone(&cx, me, me));

    assert_int_equal(pipe(to), 0);
    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        size_t len = cr_process_self(&cx, BOOT, child);

        n = write(to[1], child, len);
        (void) pause();
        _exit(n < 0);
    }

    n = read(to[0], child, sizeof(child));
    assert_true(n > 0);
    it = (cr_str_t){ (size_t) n, child };
    assert_false(cr_process_gone(&cx, me, it));

    cx.sys = &sys;
    sys.pread = garbage;
    assert_false(cr_process_gone(&cx, me, it));
    cx.sys = &cr_sys_default;

    /* The number is another one's by now. */
    snprintf(other, sizeof(other), "%.*s1", CR_STR_ARG(it));
    assert_true(cr_process_gone(&cx, me, cr_str_z(other)));

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t) pid, &(siginfo_t){ 0 },
                            WEXITED | WNOWAIT),
                     0);
    assert_true(cr_process_gone(&cx, me, it));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(cr_process_gone(&cx, me, it));

    /* Of whom nothing can be known, nothing is said. */
    cx.sys = &sys;
    sys.openat = no_open;
    assert_false(cr_process_gone(&cx, me, it));
    assert_int_equal(cr_process_self(&cx, BOOT, other), 0);
    sys = cr_sys_default;
    sys.pread = garbage;
    assert_int_equal(cr_process_self(&cx, BOOT, other), 0);
    sys = cr_sys_default;
    child[0] = 'b'; /* another machine, or another run of it */
    assert_false(cr_process_gone(&cx, me, it));
    child[0] = 'a';
    child[BOOT.len + 1] ^= 1; /* another namespace */
    assert_false(cr_process_gone(&cx, me, it));
    child[BOOT.len + 1] ^= 1;
    assert_true(cr_process_gone(&cx, me, it));
    assert_false(cr_process_gone(&cx, me, CR_STR("")));
    assert_false(cr_process_gone(&cx, me, CR_STR("a-boot-id 1")));
    assert_false(cr_process_gone(&cx, CR_STR(""), it));

    assert_int_equal(close(to[0]), 0);
    assert_int_equal(close(to[1]), 0);
    cr_ctx_done(&cx);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
