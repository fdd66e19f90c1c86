/* Log lines: one write each, nothing in them that could forge a line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "log.h"

typedef struct log_test_s {
    cr_log_t log;
    cr_sys_t sys;
    int      fds[2];
} log_test_t;


/* 2026-01-02T03:04:05.678901Z */
static int64_t
fixed_now(void)
{
    return INT64_C(1767323045678901);
}


static void
log_test_init(log_test_t *t, cr_log_level_e level)
{
    assert_int_equal(pipe(t->fds), 0);
    t->sys = cr_sys_default;
    t->sys.now_us = fixed_now;
    t->log = (cr_log_t){ t->fds[1], level, &t->sys };
}


/* Everything that was written, NUL-terminated. */
static void
log_test_done(log_test_t *t, char *text, size_t size)
{
    ssize_t n;

    close(t->fds[1]);
    n = read(t->fds[0], text, size - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    close(t->fds[0]);
}


static void
test_line(void **state)
{
    char          text[512];
    log_test_t    t;
    cr_log_line_t l;

    (void) state;

    log_test_init(&t, CR_LOG_INFO);
    cr_log_begin(&l, &t.log, CR_LOG_WARN, "it \"happened\"");
    cr_log_str(&l, "plain", CR_STR("sha256:0a"));
    cr_log_str(&l, "blank", CR_STR("two words"));
    cr_log_str(&l, "empty", CR_STR(""));
    cr_log_str(&l, "feed", CR_STR("a\nlevel=error b\x1b[31m"));
    cr_log_int(&l, "n", -7);
    cr_log_end(&l);
    log_test_done(&t, text, sizeof(text));

    assert_string_equal(text, "time=2026-01-02T03:04:05.678Z level=warn "
                              "msg=\"it \\\"happened\\\"\" plain=sha256:0a "
                              "blank=\"two words\" empty=\"\" "
                              "feed=\"a\\nlevel=error b\\x1b[31m\" n=-7\n");
}


static void
test_level(void **state)
{
    char       text[512];
    log_test_t t;

    (void) state;

    log_test_init(&t, CR_LOG_WARN);
    cr_log(&t.log, CR_LOG_DEBUG, "dropped");
    cr_log(&t.log, CR_LOG_INFO, "dropped");
    cr_log_debug(&t.log, "dropped");
    cr_log(NULL, CR_LOG_ERROR, "dropped");
    cr_log(&t.log, CR_LOG_ERROR, "kept");
    log_test_done(&t, text, sizeof(text));

    assert_string_equal(text, "time=2026-01-02T03:04:05.678Z level=error "
                              "msg=\"kept\"\n");
}


/* A line too long is cut, marked, and still one line. */
static void
test_cut(void **state)
{
    char          text[2 * CR_LOG_LINE_MAX], value[CR_LOG_LINE_MAX];
    size_t        len;
    log_test_t    t;
    cr_log_line_t l;

    (void) state;

    memset(value, ' ', sizeof(value));
    log_test_init(&t, CR_LOG_INFO);
    cr_log_begin(&l, &t.log, CR_LOG_INFO, "long");
    cr_log_str(&l, "value", (cr_str_t){ sizeof(value), value });
    cr_log_str(&l, "after", CR_STR("x"));
    cr_log_end(&l);
    log_test_done(&t, text, sizeof(text));

    len = strlen(text);
    assert_true(len <= CR_LOG_LINE_MAX);
    assert_string_equal(text + len - 4, "...\n");
    assert_null(strstr(text, "after"));
}


static void
test_failure(void **state)
{
    char       text[512];
    cr_ctx_t   cx;
    log_test_t t;

    (void) state;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    (void) cr_fail_detail(&cx, CR_ERR_IO, "disk %d", 3);
    log_test_init(&t, CR_LOG_INFO);
    cr_log_failure(&t.log, CR_LOG_ERROR, "no", &cx);
    log_test_done(&t, text, sizeof(text));
    cr_ctx_done(&cx);

    assert_string_equal(text, "time=2026-01-02T03:04:05.678Z level=error "
                              "msg=\"no\" error=IO detail=\"disk 3\"\n");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_failure),
    };

    return cmocka_run_group_tests_name("jobrunner/log", tests, NULL, NULL);
}
