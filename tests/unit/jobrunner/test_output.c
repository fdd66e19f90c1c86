/* Tables, JSON and names, byte for byte. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "meta/meta.h"
#include "output.h"

typedef struct output_test_s {
    cr_ctx_t    cx;
    cr_cli_t    cli;
    cr_output_t o;
    char       *text;
    size_t      size;
} output_test_t;

/* clang-format off */

static const cr_column_t  columns[] = {
    { "NAME",  "name",     CR_COLUMN_TEXT,      false },
    { "SIZE",  "size",     CR_COLUMN_SIZE,      false },
    { "PUB",   "meta.pub", CR_COLUMN_BOOL_TEXT, false },
    { "GROUP", "meta.id",  CR_COLUMN_INT,       true },
    { "ON",    "on",       CR_COLUMN_BOOL,      false },
    { "EVERY", "every",    CR_COLUMN_DURATION,  false },
    { "AT",    "at",       CR_COLUMN_TIME,      false },
    { "UNTIL", "until",    CR_COLUMN_END,       true },
    { "RAW",   "raw",      CR_COLUMN_JSON,      true },
    { NULL,    NULL,       CR_COLUMN_TEXT,      false }
};

/* clang-format on */


static void
output_init(output_test_t *t, cr_output_e kind)
{
    memset(t, 0, sizeof(*t));
    assert_int_equal(cr_ctx_init(&t->cx, 0), CR_OK);
    t->cli.output = kind;
    t->cli.out = open_memstream(&t->text, &t->size);
    assert_non_null(t->cli.out);
    cr_output_init(&t->o, &t->cx, &t->cli, columns);
}


static void
output_row(output_test_t *t, const char *name, int64_t n, int64_t at,
           const char *raw)
{
    cr_cell_t cells[] = { CR_CELL_TEXT(cr_str_z(name)),
                          CR_CELL_INT(n),
                          CR_CELL_INT(n & 1),
                          CR_CELL_INT(n),
                          CR_CELL_INT(n & 1),
                          CR_CELL_INT(n * CR_SECOND),
                          CR_CELL_INT(at),
                          CR_CELL_INT(at),
                          CR_CELL_TEXT(cr_str_z(raw)) };

    assert_int_equal(cr_output_row(&t->o, cells), CR_OK);
}


static void
output_done(output_test_t *t, const char *expected)
{
    fclose(t->cli.out);
    assert_string_equal(t->text, expected);
    free(t->text);
    cr_ctx_done(&t->cx);
}


static void
test_table(void **state)
{
    output_test_t t;

    (void) state;

    output_init(&t, CR_OUTPUT_TABLE);
    output_row(&t, "one\n\x1b[2J", 1, INT64_C(1767323045678901), "");
    output_row(&t, "c\xc2\x9b" "2J", 1, 0, "");
    output_row(&t, "zw\xc3\xb6lf", 4096, 0, "");
    assert_int_equal(cr_output_list(&t.o), CR_OK);
    output_done(&t, "NAME      SIZE     PUB  ON   EVERY    AT\n"
                    "one??[2J  1 B      yes  yes  1s       "
                    "2026-01-02T03:04:05.678Z\n"
                    "c?2J      1 B      yes  yes  1s       -\n"
                    "zw\xc3\xb6lf     4.0 KiB  no   no   1h8m16s  -\n");
}


static void
test_json(void **state)
{
    output_test_t t;

    (void) state;

    output_init(&t, CR_OUTPUT_JSON);
    output_row(&t, "o\"ne\n", 1, INT64_C(1767323045678901), "{\"a\":[1]}");
    output_row(&t, "", 2, 0, "");
    assert_int_equal(cr_output_list(&t.o), CR_OK);
    output_done(&t, "[\n"
                    "  {\n"
                    "    \"name\": \"o\\\"ne\\n\",\n"
                    "    \"size\": 1,\n"
                    "    \"meta\": {\"pub\": \"true\", \"id\": 1},\n"
                    "    \"on\": true,\n"
                    "    \"every\": 1000000,\n"
                    "    \"at\": \"2026-01-02T03:04:05.678Z\",\n"
                    "    \"until\": 1767323045,\n"
                    "    \"raw\": {\"a\":[1]}\n"
                    "  },\n"
                    "  {\n"
                    "    \"name\": \"\",\n"
                    "    \"size\": 2,\n"
                    "    \"meta\": {\"pub\": \"false\", \"id\": 2},\n"
                    "    \"on\": false,\n"
                    "    \"every\": 2000000,\n"
                    "    \"at\": null,\n"
                    "    \"until\": -1,\n"
                    "    \"raw\": null\n"
                    "  }\n"
                    "]\n");
}


static void
test_empty(void **state)
{
    output_test_t t;

    (void) state;

    output_init(&t, CR_OUTPUT_JSON);
    assert_int_equal(cr_output_list(&t.o), CR_OK);
    output_done(&t, "[]\n");

    output_init(&t, CR_OUTPUT_NAME);
    assert_int_equal(cr_output_list(&t.o), CR_OK);
    output_done(&t, "");
}


static void
test_names(void **state)
{
    int           i;
    output_test_t t;

    (void) state;

    output_init(&t, CR_OUTPUT_NAME);

    /* More rows than the first piece of memory holds. */
    for (i = 0; i < 40; i++) {
        output_row(&t, i == 39 ? "last" : "x", i, 0, "");
    }

    assert_int_equal(cr_output_list(&t.o), CR_OK);
    assert_int_equal(fflush(t.cli.out), 0);
    assert_int_equal(t.size, 39 * 2 + 5);
    assert_string_equal(t.text + 39 * 2, "last\n");
    fclose(t.cli.out);
    free(t.text);
    cr_ctx_done(&t.cx);
}


static void
test_one(void **state)
{
    output_test_t t;

    (void) state;

    output_init(&t, CR_OUTPUT_TABLE);
    output_row(&t, "one", 1, 0, "");
    assert_int_equal(cr_output_one(&t.o), CR_OK);
    output_done(&t, "NAME   one\nSIZE   1 B\nPUB    yes\nON     yes\n"
                    "EVERY  1s\nAT     -\n");

    output_init(&t, CR_OUTPUT_NAME);
    output_row(&t, "one", 1, 0, "");
    assert_int_equal(cr_output_one(&t.o), CR_OK);
    output_done(&t, "one\n");

    /* A size that is not known. */
    output_init(&t, CR_OUTPUT_TABLE);
    output_row(&t, "one", -1, 0, "");
    assert_int_equal(cr_output_list(&t.o), CR_OK);
    assert_int_equal(fflush(t.cli.out), 0);
    assert_non_null(strstr(t.text, "one   -     "));
    fclose(t.cli.out);
    free(t.text);
    cr_ctx_done(&t.cx);
}


/* A full disk or a closed pipe is an error of the command. */
static void
test_write_error(void **state)
{
    output_test_t t;

    (void) state;

    output_init(&t, CR_OUTPUT_TABLE);
    fclose(t.cli.out);
    free(t.text);
    t.cli.out = fopen("/dev/full", "w");
    assert_non_null(t.cli.out);
    setvbuf(t.cli.out, NULL, _IONBF, 0);
    output_row(&t, "one", 1, 0, "");
    assert_int_equal(cr_output_list(&t.o), CR_ERR_IO);
    fclose(t.cli.out);
    cr_ctx_done(&t.cx);
}


static void
test_units(void **state)
{
    size_t   i;
    cr_ctx_t cx;
    cr_buf_t b;
    cr_str_t s;

    static const struct {
        uint64_t    size;
        const char *text;
    } sizes[] = {
        { 0, "0 B" },
        { 1023, "1023 B" },
        { 1024, "1.0 KiB" },
        { 1536, "1.5 KiB" },
        { 1048575, "1.0 MiB" },
        { UINT64_C(5) << 30, "5.0 GiB" },
        { UINT64_MAX, "16.0 EiB" },
    };
    static const struct {
        int64_t     us;
        const char *text;
    } times[] = {
        { 0, "0s" },           { 1500, "0.001s" },
        { 1250000, "1.250s" }, { 59 * CR_SECOND, "59s" },
        { CR_MINUTE, "1m" },   { CR_HOUR + 30 * CR_MINUTE, "1h30m" },
        { 7 * CR_DAY, "7d" },  { CR_DAY + CR_SECOND, "1d1s" },
    };

    (void) state;

    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);

    for (i = 0; i < CR_NELTS(sizes); i++) {
        cr_buf_init(&b, &cx, 100);
        cr_output_size(&b, sizes[i].size);
        cr_buf_char(&b, '\0');
        assert_int_equal(cr_buf_end(&b, &s), CR_OK);
        assert_string_equal(s.data, sizes[i].text);
    }

    for (i = 0; i < CR_NELTS(times); i++) {
        cr_buf_init(&b, &cx, 100);
        cr_output_duration(&b, times[i].us);
        cr_buf_char(&b, '\0');
        assert_int_equal(cr_buf_end(&b, &s), CR_OK);
        assert_string_equal(s.data, times[i].text);
    }

    cr_ctx_done(&cx);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table), cmocka_unit_test(test_json),
        cmocka_unit_test(test_empty), cmocka_unit_test(test_names),
        cmocka_unit_test(test_one),   cmocka_unit_test(test_write_error),
        cmocka_unit_test(test_units),
    };

    return cmocka_run_group_tests_name("jobrunner/output", tests, NULL, NULL);
}
