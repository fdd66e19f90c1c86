/* Help, manual page and completion name everything that the tables have. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "help.h"

typedef void (*help_pt)(cr_buf_t *b);


static void
all_commands(cr_buf_t *b)
{
    cr_help_overview(b, NULL);
}


/* The text, NUL-terminated, in the context's arena. */
static const char *
made(cr_ctx_t *cx, help_pt fn)
{
    cr_buf_t b;
    cr_str_t s;

    cr_buf_init(&b, cx, CR_HELP_MAX);
    fn(&b);
    cr_buf_char(&b, '\0');
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);
    assert_true(s.len > 100);
    return s.data;
}


static void
assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is missing", part);
    }
}


static void
test_overview(void **state)
{
    cr_ctx_t            cx;
    cr_str_t            line;
    const char         *text;
    const cr_command_t *c;

    (void) state;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    text = made(&cx, all_commands);

    for (c = cr_commands; c->noun != NULL; c++) {
        line = cr_printf(&cx, "\n  %s%s%s", c->noun, c->verb == NULL ? "" : " ",
                         c->verb == NULL ? "" : c->verb);
        assert_has(text, line.data);
        assert_has(text, c->summary);
    }

    cr_ctx_done(&cx);
}


static void
test_one_noun(void **state)
{
    cr_ctx_t cx;
    cr_buf_t b;
    cr_str_t s;

    (void) state;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    cr_buf_init(&b, &cx, CR_HELP_MAX);
    cr_help_overview(&b, "project");
    cr_buf_char(&b, '\0');
    assert_int_equal(cr_buf_end(&b, &s), CR_OK);
    assert_has(s.data, "project create NAME [--public]");
    assert_null(strstr(s.data, "user passwd"));
    cr_ctx_done(&cx);
}


static void
test_command(void **state)
{
    cr_ctx_t            cx;
    cr_buf_t            b;
    cr_str_t            s, flag;
    const cr_flag_t    *f;
    const cr_command_t *c;

    (void) state;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);

    for (c = cr_commands; c->noun != NULL; c++) {
        cr_buf_init(&b, &cx, CR_HELP_MAX);
        cr_help_command(&b, c);
        cr_buf_char(&b, '\0');
        assert_int_equal(cr_buf_end(&b, &s), CR_OK);
        assert_has(s.data, c->example);

        for (f = c->flags; f != NULL && f->name != NULL; f++) {
            flag = cr_printf(&cx, "  --%s", f->name);
            assert_has(s.data, flag.data);
        }

        for (f = cr_global_flags; f->name != NULL; f++) {
            flag = cr_printf(&cx, "--%s", f->name);
            assert_has(s.data, flag.data);
        }
    }

    cr_ctx_done(&cx);
}


/* No line is a request that the macros do not have; quotes are harmless. */
static void
test_man(void **state)
{
    size_t                   i;
    cr_ctx_t                 cx;
    cr_str_t                 rest, line;
    const char              *text;
    static const char *const sections[] = {
        ".TH JOBRUNNER 8", ".SH NAME",        ".SH SYNOPSIS",
        ".SH OPTIONS",     ".SH COMMANDS",    ".SS user passwd NAME",
        ".SH EXIT STATUS", ".SH ENVIRONMENT", ".SH FILES",
        ".SH EXAMPLES"
    };

    (void) state;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    text = made(&cx, cr_help_man);

    for (i = 0; i < CR_NELTS(sections); i++) {
        assert_has(text, sections[i]);
    }

    rest = cr_str_z(text);

    while (cr_str_split(&rest, '\n', &line)) {
        if (line.len == 0 || line.data[0] != '.') {
            continue;
        }

        assert_true(cr_str_starts(line, CR_STR(".\\\""))
                    || cr_str_starts(line, CR_STR(".TH "))
                    || cr_str_starts(line, CR_STR(".SH "))
                    || cr_str_starts(line, CR_STR(".SS "))
                    || cr_str_starts(line, CR_STR(".B "))
                    || cr_str_starts(line, CR_STR(".BR "))
                    || cr_str_eq(line, CR_STR(".TP"))
                    || cr_str_eq(line, CR_STR(".PP"))
                    || cr_str_eq(line, CR_STR(".nf"))
                    || cr_str_eq(line, CR_STR(".fi")));
    }

    cr_ctx_done(&cx);
}


static void
test_bash(void **state)
{
    cr_ctx_t            cx;
    cr_str_t            label;
    const char         *text;
    const cr_command_t *c;

    (void) state;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    text = made(&cx, cr_help_bash);
    assert_has(text, "complete -F _jobrunner jobrunner");
    assert_has(text, "upload-expire reclaim orphan-sweep backup audit-purge "
                     "checkpoint");

    for (c = cr_commands; c->noun != NULL; c++) {
        label = cr_printf(&cx, "\n    %s%s%s)\n", c->noun,
                          c->verb == NULL ? "" : "\\ ",
                          c->verb == NULL ? "" : c->verb);
        assert_has(text, label.data);
    }

    cr_ctx_done(&cx);
}


/* A buffer that is too small is an error, not half a text. */
static void
test_too_small(void **state)
{
    cr_ctx_t cx;
    cr_buf_t b;
    cr_str_t s;

    (void) state;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    cr_buf_init(&b, &cx, 200);
    cr_help_man(&b);
    assert_int_not_equal(cr_buf_end(&b, &s), CR_OK);
    cr_ctx_done(&cx);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overview), cmocka_unit_test(test_one_noun),
        cmocka_unit_test(test_command),  cmocka_unit_test(test_man),
        cmocka_unit_test(test_bash),     cmocka_unit_test(test_too_small),
    };

    return cmocka_run_group_tests_name("jobrunner/help", tests, NULL, NULL);
}
