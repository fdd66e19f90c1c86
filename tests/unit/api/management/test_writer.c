/* api/management/writer.c: commas, keys, values. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "api/management/writer.h"

static void
test_all(void **state)
{
    static const char want[] =
        "{\"s\":\"a\\\"b\",\"n\":-9223372036854775808,\"t\":true,\"f\":false,"
        "\"z\":null,\"raw\":{\"x\":1},\"list\":[1,\"two\",[],{}],"
        "\"o\":{\"k\":\"v\"},\"never\":\"0001-01-01T00:00:00.000Z\","
        "\"at\":\"1970-01-01T00:00:01.500Z\",\"k\\n\":1}\n";
    cr_ctx_t    cx;
    cr_str_t    text;
    cr_writer_t w;

    (void) state;
    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    cr_writer_init(&w, &cx);
    cr_writer_object(&w, NULL);
    cr_writer_str(&w, "s", CR_STR("a\"b"));
    cr_writer_str_opt(&w, "left out", CR_STR_NULL);
    cr_writer_int(&w, "n", INT64_MIN);
    cr_writer_bool(&w, "t", true);
    cr_writer_bool(&w, "f", false);
    cr_writer_null(&w, "z");
    cr_writer_raw(&w, "raw", CR_STR("{\"x\":1}"));
    cr_writer_array(&w, "list");
    cr_writer_int(&w, NULL, 1);
    cr_writer_z(&w, NULL, "two");
    cr_writer_array(&w, NULL);
    cr_writer_array_end(&w);
    cr_writer_object(&w, NULL);
    cr_writer_object_end(&w);
    cr_writer_array_end(&w);
    cr_writer_object(&w, "o");
    cr_writer_str_opt(&w, "k", CR_STR("v"));
    cr_writer_object_end(&w);
    cr_writer_time(&w, "never", 0);
    cr_writer_time(&w, "at", 1500000);
    cr_writer_key(&w, CR_STR("k\n"));
    cr_writer_int(&w, NULL, 1);
    cr_writer_object_end(&w);
    assert_int_equal(cr_writer_end(&w, &text), CR_OK);
    assert_int_equal(text.len, sizeof(want) - 1);
    assert_memory_equal(text.data, want, sizeof(want) - 1);
    cr_ctx_done(&cx);
}

static void
test_full(void **state)
{
    cr_ctx_t    cx;
    cr_str_t    text;
    cr_writer_t w;

    (void) state;
    assert_int_equal(cr_ctx_init(&cx, (size_t) 64 * 1024), CR_OK);
    cr_writer_init(&w, &cx);
    cr_writer_array(&w, NULL);

    for (int i = 0; i < 100000; i++) {
        cr_writer_z(&w, NULL, "value");
    }

    assert_int_not_equal(cr_writer_end(&w, &text), CR_OK);
    cr_ctx_done(&cx);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
