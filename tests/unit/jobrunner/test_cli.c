/* The frame: exit statuses, and what goes to which stream. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "command.h"
#include "core/version.h"

typedef struct said_s {
    int    status;
    char  *out;
    char  *err;
    size_t out_size;
    size_t err_size;
} said_t;


/* Run a command line of words. */
static void
say(said_t *s, const char *words)
{
    int         n;
    FILE       *out, *err;
    char        copy[256], *rest;
    const char *argv[16];

    memset(s, 0, sizeof(*s));
    out = open_memstream(&s->out, &s->out_size);
    err = open_memstream(&s->err, &s->err_size);
    assert_non_null(out);
    assert_non_null(err);
    assert_true(strlen(words) < sizeof(copy));
    memcpy(copy, words, strlen(words) + 1);

    argv[0] = "jobrunner";
    n = 1;

    for (rest = copy; words[0] != '\0' && rest != NULL; n++) {
        argv[n] = strsep(&rest, " ");
    }

    s->status = cr_cli_main(n, argv, stdin, out, err);
    fclose(out);
    fclose(err);
}


static void
said_done(said_t *s)
{
    free(s->out);
    free(s->err);
}


static void
test_help(void **state)
{
    size_t                   i;
    said_t                   s;
    static const char *const lines[] = { "help",
                                         "--help",
                                         "-h",
                                         "help project",
                                         "project --help",
                                         "help project create",
                                         "project create --help" };

    (void) state;

    for (i = 0; i < CR_NELTS(lines); i++) {
        say(&s, lines[i]);
        assert_int_equal(s.status, CR_EXIT_DONE);
        assert_string_equal(s.err, "");
        assert_non_null(strstr(s.out, "project create NAME [--public]"));
        said_done(&s);
    }

    say(&s, "help nothing");
    assert_int_equal(s.status, CR_EXIT_USAGE);
    assert_string_equal(s.out, "");
    said_done(&s);
}


static void
test_version(void **state)
{
    said_t s;

    (void) state;

    say(&s, "-V");
    assert_int_equal(s.status, CR_EXIT_DONE);
    assert_string_equal(s.out, "jobrunner " CR_VERSION "\n");
    said_done(&s);

    say(&s, "version -o name");
    assert_int_equal(s.status, CR_EXIT_DONE);
    assert_string_equal(s.out, CR_VERSION "\n");
    said_done(&s);
}


static void
test_usage(void **state)
{
    size_t                   i;
    said_t                   s;
    static const char *const lines[] = {
        "",
        "frob",
        "db",
        "db frob",
        "project create",
        "-o xml version",
        "job run no-such-kind",
        "completion fish",
        "serve now",
        "user passwd admin --password-file /dev/null --password-stdin"
    };

    (void) state;

    for (i = 0; i < CR_NELTS(lines); i++) {
        say(&s, lines[i]);
        assert_int_equal(s.status, CR_EXIT_USAGE);
        assert_string_equal(s.out, "");
        assert_int_equal(strncmp(s.err, "jobrunner: ", 11), 0);
        assert_int_equal(s.err[s.err_size - 1], '\n');
        said_done(&s);
    }
}


static void
test_no_database(void **state)
{
    said_t s;

    (void) state;

    say(&s, "status -d sqlite:/tmp/no-such-registry.db");
    assert_int_equal(s.status, CR_EXIT_UNREACHABLE);
    assert_string_equal(s.out, "");
    assert_non_null(strstr(s.err, "db migrate"));
    said_done(&s);

    say(&s, "status -d other:thing");
    assert_int_equal(s.status, CR_EXIT_CONFIG);
    said_done(&s);
}


/* A result that nobody could read is not a success. */
static void
test_full(void **state)
{
    int                      status;
    FILE                    *out, *err;
    static const char *const argv[] = { "jobrunner", "version" };

    (void) state;

    out = fopen("/dev/full", "w");
    err = tmpfile();
    assert_non_null(out);
    assert_non_null(err);
    status = cr_cli_main(2, argv, stdin, out, err);
    assert_int_equal(status, CR_EXIT_FAILED);
    fclose(out);
    fclose(err);
}


static void
test_exit_of(void **state)
{
    int                    err;
    size_t                 i;
    static const cr_exit_e known[] = {
        CR_EXIT_FAILED,  CR_EXIT_USAGE,    CR_EXIT_NOT_FOUND,
        CR_EXIT_DENIED,  CR_EXIT_CONFLICT, CR_EXIT_UNREACHABLE,
        CR_EXIT_TIMEOUT, CR_EXIT_CONFIG,
    };

    (void) state;

    assert_int_equal(cr_exit_of(CR_OK), CR_EXIT_DONE);
    assert_int_equal(cr_exit_of(CR_ERR_BAD_REQUEST), CR_EXIT_USAGE);
    assert_int_equal(cr_exit_of(CR_ERR_NOT_FOUND), CR_EXIT_NOT_FOUND);
    assert_int_equal(cr_exit_of(CR_ERR_DENIED), CR_EXIT_DENIED);
    assert_int_equal(cr_exit_of(CR_ERR_EXISTS), CR_EXIT_CONFLICT);
    assert_int_equal(cr_exit_of(CR_ERR_DB_SCHEMA), CR_EXIT_CONFLICT);
    assert_int_equal(cr_exit_of(CR_ERR_DB_MISSING), CR_EXIT_UNREACHABLE);
    assert_int_equal(cr_exit_of(CR_ERR_BUSY), CR_EXIT_UNREACHABLE);
    assert_int_equal(cr_exit_of(CR_ERR_CONFIG), CR_EXIT_CONFIG);
    assert_int_equal(cr_exit_of(CR_ERR_NO_SPACE), CR_EXIT_FAILED);

    /* No failure is a success, and none has a status of its own. */
    for (err = CR_OK + 1; err < CR_ERR_MAX; err++) {
        for (i = 0; i < CR_NELTS(known); i++) {
            if (cr_exit_of((cr_err_t) err) == known[i]) {
                break;
            }
        }

        assert_true(i < CR_NELTS(known));
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),  cmocka_unit_test(test_version),
        cmocka_unit_test(test_usage), cmocka_unit_test(test_no_database),
        cmocka_unit_test(test_full),  cmocka_unit_test(test_exit_of),
    };

    return cmocka_run_group_tests_name("jobrunner/cli", tests, NULL, NULL);
}
