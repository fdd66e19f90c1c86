/* Giving up root, in children: what is given up does not come back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "owner.h"

/* Any user that is not root. */
#define OTHER 12345

typedef struct owner_test_s {
    char z_dir[64];
    char z_file[96];
} owner_test_t;


static void
owner_init(owner_test_t *t)
{
    memset(t, 0, sizeof(*t));
    snprintf(t->z_dir, sizeof(t->z_dir), "/tmp/test-owner-XXXXXX");
    assert_non_null(mkdtemp(t->z_dir));
    snprintf(t->z_file, sizeof(t->z_file), "%s/r.db", t->z_dir);
}


static void
owner_done(owner_test_t *t)
{
    (void) unlink(t->z_file);
    assert_int_equal(rmdir(t->z_dir), 0);
}


static void
make_file(const char *z_path, uid_t uid, gid_t gid)
{
    int fd;

    fd = open(z_path, O_CREAT | O_WRONLY, 0640);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(chown(z_path, uid, gid), 0);
}


/*
 * Become the owner in a child.  Returns the error; *ret_uid is whom the
 * child was afterwards, and 0 as well if it could become root again.
 */
static cr_err_t
become(const char *z_path, uid_t *ret_uid, char *message, size_t size)
{
    int      fds[2], status;
    pid_t    pid;
    ssize_t  n;
    cr_ctx_t cx;

    struct {
        cr_err_t err;
        uid_t    uid;
        char     message[256];
    } answer;

    memset(&answer, 0, sizeof(answer));
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        if (cr_ctx_init(&cx, 0) != CR_OK) {
            _exit(2);
        }

        answer.err = cr_owner_become(&cx, z_path);
        snprintf(answer.message, sizeof(answer.message), "%.*s",
                 CR_STR_ARG(cx.message));
        answer.uid = getuid();

        if (answer.uid != 0 && setuid(0) == 0) {
            answer.uid = 0;
        }

        n = write(fds[1], &answer, sizeof(answer));
        _exit(n == (ssize_t) sizeof(answer) ? 0 : 2);
    }

    close(fds[1]);
    n = read(fds[0], &answer, sizeof(answer));
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(n, sizeof(answer));
    *ret_uid = answer.uid;
    snprintf(message, size, "%s", answer.message);
    return answer.err;
}


static void
test_path(void **state)
{
    cr_ctx_t cx;
    cr_str_t path;

    (void) state;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    assert_int_equal(cr_owner_path(&cx, CR_STR("sqlite:/a/b.db"), &path),
                     CR_OK);
    assert_string_equal(path.data, "/a/b.db");
    assert_int_equal(cr_owner_path(&cx, CR_STR("postgresql://h/db"), &path),
                     CR_OK);
    assert_int_equal(path.len, 0);
    assert_int_equal(cr_owner_path(&cx, CR_STR("sqlite:"), &path),
                     CR_ERR_CONFIG);
    cr_ctx_done(&cx);
}


/* Not root: nothing happens, whatever the path is. */
static void
test_not_root(void **state)
{
    int      status;
    pid_t    pid;
    cr_ctx_t cx;

    (void) state;

    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        if (geteuid() == 0 && setuid(OTHER) != 0) {
            _exit(3);
        }

        _exit(cr_ctx_init(&cx, 0) == CR_OK
                      && cr_owner_become(&cx, "/no/such/folder/r.db") == CR_OK
                  ? 0
                  : 1);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}


static void
test_folder_decides(void **state)
{
    uid_t        uid;
    char         message[256];
    owner_test_t t;

    (void) state;

    owner_init(&t);
    assert_int_equal(chown(t.z_dir, OTHER, OTHER), 0);
    assert_int_equal(become(t.z_file, &uid, message, sizeof(message)), CR_OK);
    assert_int_equal(uid, OTHER);
    owner_done(&t);
}


static void
test_file_decides(void **state)
{
    uid_t        uid;
    char         message[256];
    owner_test_t t;

    (void) state;

    owner_init(&t);
    make_file(t.z_file, OTHER, OTHER);
    assert_int_equal(become(t.z_file, &uid, message, sizeof(message)), CR_OK);
    assert_int_equal(uid, OTHER);
    owner_done(&t);
}


/* All of it belongs to root: so does the service. */
static void
test_root(void **state)
{
    uid_t        uid;
    char         message[256];
    owner_test_t t;

    (void) state;

    owner_init(&t);
    make_file(t.z_file, 0, 0);
    assert_int_equal(become(t.z_file, &uid, message, sizeof(message)), CR_OK);
    assert_int_equal(uid, 0);
    owner_done(&t);
}


static void
test_refused(void **state)
{
    uid_t        uid;
    char         message[256];
    owner_test_t t;

    (void) state;

    assert_int_equal(become("/no/such/folder/r.db", &uid, message,
                            sizeof(message)),
                     CR_ERR_CONFIG);
    assert_non_null(strstr(message, "create it for the user"));
    assert_int_equal(become("/etc/passwd/r.db", &uid, message, sizeof(message)),
                     CR_ERR_CONFIG);

    /* A link of the service user could make root open anything. */
    owner_init(&t);
    assert_int_equal(chown(t.z_dir, OTHER, OTHER), 0);
    assert_int_equal(symlink("/etc/shadow", t.z_file), 0);
    assert_int_equal(become(t.z_file, &uid, message, sizeof(message)),
                     CR_ERR_CONFIG);
    assert_non_null(strstr(message, "symbolic link"));
    assert_int_equal(unlink(t.z_file), 0);

    /* Root's file in the service's folder: nginx could not write it. */
    make_file(t.z_file, 0, 0);
    assert_int_equal(become(t.z_file, &uid, message, sizeof(message)),
                     CR_ERR_CONFIG);
    assert_non_null(strstr(message, "chown"));
    owner_done(&t);
}


int
main(void)
{
    const struct CMUnitTest always[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_not_root),
    };
    const struct CMUnitTest as_root[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_not_root),
        cmocka_unit_test(test_folder_decides),
        cmocka_unit_test(test_file_decides),
        cmocka_unit_test(test_root),
        cmocka_unit_test(test_refused),
    };

    if (geteuid() != 0) {
        fprintf(stderr, "# not root: only what is left to others is tested\n");
        return cmocka_run_group_tests_name("jobrunner/owner", always, NULL,
                                           NULL);
    }

    return cmocka_run_group_tests_name("jobrunner/owner", as_root, NULL, NULL);
}
