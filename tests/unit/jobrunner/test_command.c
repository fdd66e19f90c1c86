/* The parser, on a table of its own and on the real one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "command.h"

#define ARGV_MAX 12

typedef struct parsed_s {
    cr_ctx_t cx;
    cr_cli_t cli;
    cr_err_t err;
} parsed_t;

/* clang-format off */

static const cr_flag_t  globals[] = {
    { .name = "output", .letter = 'o', .value = "F",
      .choices = "table|json|name" },
    { .name = "database", .letter = 'd', .value = "URL" },
    { .name = "quiet", .letter = 'q' },
    { .name = "verbose", .letter = 'v' },
    { .name = "help", .letter = 'h' },
    { .name = NULL }
};

static const cr_flag_t  make_flags[] = {
    { .name = "size", .letter = 's', .value = "N" },
    { .name = "force", .letter = 'f' },
    { .name = NULL }
};

static const cr_command_t  table[] = {
    { .noun = "thing", .verb = "list", .alias = "ls|dir" },
    { .noun = "thing", .verb = "make", .flags = make_flags,
      .args = { { .name = "NAME" },
                { .name = "on|off", .choices = "on|off", .optional = true } } },
    { .noun = "alone", .args = { { .name = "WHAT", .optional = true } } },
    { .noun = NULL }
};

/* clang-format on */


/* "a|b|c" as the words behind the program's name. */
static void
parse_with(parsed_t *p, const cr_command_t *commands, const cr_flag_t *flags,
           const char *words)
{
    int         n;
    char       *copy, *word;
    const char *argv[ARGV_MAX];

    memset(&p->cli, 0, sizeof(p->cli));
    assert_int_equal(cr_ctx_init(&p->cx, 0), CR_OK);
    copy = cr_arena_dup_z(p->cx.arena, cr_str_z(words));
    assert_non_null(copy);

    argv[0] = "jobrunner";
    n = 1;

    for (word = copy; word != NULL && words[0] != '\0'; n++) {
        assert_true(n < ARGV_MAX);
        argv[n] = strsep(&word, " ");
    }

    p->err = cr_command_parse(&p->cx, commands, flags, n, argv, &p->cli);
}


static void
parse(parsed_t *p, const char *words)
{
    parse_with(p, table, globals, words);
}


/* The message must contain the text: the user learns what is wrong. */
static void
assert_refused(const char *words, const char *text)
{
    parsed_t p;

    parse(&p, words);
    assert_int_equal(p.err, CR_ERR_BAD_REQUEST);
    assert_non_null(p.cx.message.data);

    if (memmem(p.cx.message.data, p.cx.message.len, text, strlen(text)) == NULL)
    {
        fail_msg("\"%s\": \"%.*s\" does not say \"%s\"", words,
                 CR_STR_ARG(p.cx.message), text);
    }

    cr_ctx_done(&p.cx);
}


static void
test_words(void **state)
{
    parsed_t p;

    (void) state;

    parse(&p, "thing list");
    assert_int_equal(p.err, CR_OK);
    assert_ptr_equal(p.cli.command, &table[0]);
    cr_ctx_done(&p.cx);

    parse(&p, "thing ls");
    assert_int_equal(p.err, CR_OK);
    assert_ptr_equal(p.cli.command, &table[0]);
    cr_ctx_done(&p.cx);

    parse(&p, "thing dir");
    assert_int_equal(p.err, CR_OK);
    assert_ptr_equal(p.cli.command, &table[0]);
    cr_ctx_done(&p.cx);

    parse(&p, "thing ls|dir");
    assert_int_not_equal(p.err, CR_OK);
    cr_ctx_done(&p.cx);

    parse(&p, "thing make box on");
    assert_int_equal(p.err, CR_OK);
    assert_ptr_equal(p.cli.command, &table[1]);
    assert_string_equal(p.cli.args[0], "box");
    assert_string_equal(p.cli.args[1], "on");
    cr_ctx_done(&p.cx);

    parse(&p, "alone");
    assert_int_equal(p.err, CR_OK);
    assert_ptr_equal(p.cli.command, &table[2]);
    assert_null(p.cli.args[0]);
    cr_ctx_done(&p.cx);

    parse(&p, "alone list");
    assert_int_equal(p.err, CR_OK);
    assert_string_equal(p.cli.args[0], "list");
    cr_ctx_done(&p.cx);

    parse(&p, "");
    assert_int_equal(p.err, CR_OK);
    assert_null(p.cli.command);
    cr_ctx_done(&p.cx);
}


static void
test_flags_anywhere(void **state)
{
    size_t                   i;
    parsed_t                 p;
    static const char *const lines[] = {
        "-o json -d URL thing make box --size 7 -f",
        "thing --output json make --database=URL --size=7 --force box",
        "thing make box -ojson -dURL -fs 7",
        "--output=json thing -fs7 make box --database URL",
        "thing make -f -s7 -o json --database URL -- box",
        "thing --size 7 make --force -ojson -d URL box",
    };

    (void) state;

    for (i = 0; i < CR_NELTS(lines); i++) {
        parse(&p, lines[i]);

        if (p.err != CR_OK) {
            fail_msg("%s: %.*s", lines[i], CR_STR_ARG(p.cx.message));
        }

        assert_ptr_equal(p.cli.command, &table[1]);
        assert_int_equal(p.cli.output, CR_OUTPUT_JSON);
        assert_string_equal(p.cli.args[0], "box");
        assert_string_equal(p.cli.globals[1], "URL");
        assert_string_equal(cr_cli_flag(&p.cli, "size"), "7");
        assert_string_equal(cr_cli_flag(&p.cli, "force"), "");
        assert_null(cr_cli_flag(&p.cli, "no-such-flag"));
        cr_ctx_done(&p.cx);
    }
}


static void
test_dashes(void **state)
{
    parsed_t p;

    (void) state;

    /* Behind "--" everything is a word; "-" alone is one anyway. */
    parse(&p, "thing make -- --force");
    assert_int_equal(p.err, CR_OK);
    assert_string_equal(p.cli.args[0], "--force");
    assert_null(cr_cli_flag(&p.cli, "force"));
    cr_ctx_done(&p.cx);

    parse(&p, "thing make -");
    assert_int_equal(p.err, CR_OK);
    assert_string_equal(p.cli.args[0], "-");
    cr_ctx_done(&p.cx);

    /* A value may look like a flag, and may be empty. */
    parse(&p, "thing make box --size --force");
    assert_int_equal(p.err, CR_OK);
    assert_string_equal(cr_cli_flag(&p.cli, "size"), "--force");
    cr_ctx_done(&p.cx);

    parse(&p, "thing make box --size=");
    assert_int_equal(p.err, CR_OK);
    assert_string_equal(cr_cli_flag(&p.cli, "size"), "");
    cr_ctx_done(&p.cx);

    /* The last one counts. */
    parse(&p, "thing make box -s1 --size 2");
    assert_int_equal(p.err, CR_OK);
    assert_string_equal(cr_cli_flag(&p.cli, "size"), "2");
    cr_ctx_done(&p.cx);
}


static void
test_refused(void **state)
{
    (void) state;

    assert_refused("nothing", "unknown command \"nothing\"");
    assert_refused("thing", "needs a verb: list, make");
    assert_refused("thing lis", "thing has: list, make");
    assert_refused("thing make", "NAME is missing");
    assert_refused("thing make box maybe", "must be one of on|off");
    assert_refused("thing make box on more", "unexpected argument \"more\"");
    assert_refused("thing list more", "unexpected argument \"more\"");
    assert_refused("thing list --force", "unknown flag --force");
    assert_refused("thing list -z", "unknown flag -z");
    assert_refused("thing make box --size", "--size needs a value");
    assert_refused("thing make box -s", "--size needs a value");
    assert_refused("thing make box --force=yes", "takes no value");
    assert_refused("thing list -o xml", "must be one of table|json|name");
    assert_refused("thing list --outpu json", "unknown flag --outpu");
    assert_refused("thing make ", "NAME is empty");
    assert_refused("--output", "--output needs a value");
}


static void
test_help(void **state)
{
    parsed_t p;

    (void) state;

    parse(&p, "thing make --help");
    assert_int_equal(p.err, CR_OK);
    assert_true(p.cli.help);
    assert_ptr_equal(p.cli.command, &table[1]);
    cr_ctx_done(&p.cx);

    parse(&p, "thing --help");
    assert_int_equal(p.err, CR_OK);
    assert_true(p.cli.help);
    assert_null(p.cli.command);
    assert_string_equal(p.cli.noun, "thing");
    cr_ctx_done(&p.cx);

    parse(&p, "-h");
    assert_int_equal(p.err, CR_OK);
    assert_true(p.cli.help);
    cr_ctx_done(&p.cx);
}


/* What help, parser and completion rely on in the real table. */
static void
test_table(void **state)
{
    int                 n;
    size_t              i;
    parsed_t            p;
    const cr_command_t *c, *o;

    (void) state;

    for (c = cr_commands, n = 0; c->noun != NULL; c++, n++) {
        assert_non_null(c->summary);
        assert_non_null(c->text);
        assert_non_null(c->handler);
        assert_int_equal(strncmp(c->example, "jobrunner ", 10), 0);

        for (i = 0; i + 1 < CR_ARGS_MAX && c->args[i].name != NULL; i++) {
            /* Nothing that must be given behind what may be left out. */
            assert_false(c->args[i].optional && c->args[i + 1].name != NULL
                         && !c->args[i + 1].optional);
        }

        for (i = 0; c->flags != NULL && c->flags[i].name != NULL; i++) {
            assert_true(i + 1 < CR_FLAGS_MAX);
            assert_non_null(c->flags[i].help);
        }

        for (o = cr_commands; o < c; o++) {
            /* Verbs of a noun stand together; none is there twice. */
            if (strcmp(o->noun, c->noun) == 0) {
                assert_non_null(o->verb);
                assert_non_null(c->verb);
                assert_string_not_equal(o->verb, c->verb);
                assert_string_equal(c[-1].noun, c->noun);
            }
        }

        parse_with(&p, cr_commands, cr_global_flags, c->example + 10);

        if (p.err != CR_OK) {
            fail_msg("%s: %.*s", c->example, CR_STR_ARG(p.cx.message));
        }

        assert_ptr_equal(p.cli.command, c);
        cr_ctx_done(&p.cx);
    }

    assert_true(n > 10);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),  cmocka_unit_test(test_flags_anywhere),
        cmocka_unit_test(test_dashes), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_help),   cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests_name("jobrunner/command", tests, NULL, NULL);
}
