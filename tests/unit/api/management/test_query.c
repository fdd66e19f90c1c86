/* api/management/query.c: q, sort, pages. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "api/management/query.h"
#include "drive.h"

static cr_ctx_t cx;

static int
setup(void **state)
{
    (void) state;
    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);

    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    cr_ctx_done(&cx);

    return 0;
}

#define assert_str(s, z)                                                       \
    do {                                                                       \
        cr_str_t str_ = (s);                                                   \
        assert_int_equal(str_.len, strlen(z));                                 \
        assert_memory_equal(str_.len == 0 ? "" : str_.data, (z), str_.len);    \
    } while (0)

static cr_q_t
parse(const char *text)
{
    cr_q_t q;

    assert_int_equal(cr_q_parse_text(&cx, cr_str_z(text), &q), CR_OK);

    return q;
}

static void
test_forms(void **state)
{
    cr_q_t q = parse("a=1,b=~two,c=[1~9],d={x 'y z' \"w\"},e=(1 2),"
                     "f=\\~x,g='~x',h=[~5],i=[5~]");

    (void) state;
    assert_int_equal(q.n, 9);
    assert_int_equal(cr_q_find(&q, "a")->op, CR_Q_EXACT);
    assert_str(cr_q_find(&q, "a")->value, "1");
    assert_int_equal(cr_q_find(&q, "b")->op, CR_Q_FUZZY);
    assert_str(cr_q_find(&q, "b")->value, "two");
    assert_int_equal(cr_q_find(&q, "c")->op, CR_Q_RANGE);
    assert_str(cr_q_find(&q, "c")->min, "1");
    assert_str(cr_q_find(&q, "c")->max, "9");
    assert_int_equal(cr_q_find(&q, "d")->op, CR_Q_OR);
    assert_int_equal(cr_q_find(&q, "d")->nitems, 3);
    assert_str(cr_q_find(&q, "d")->items[1], "y z");
    assert_str(cr_q_find(&q, "d")->items[2], "w");
    assert_int_equal(cr_q_find(&q, "e")->op, CR_Q_AND);
    assert_int_equal(cr_q_find(&q, "e")->nitems, 2);
    assert_str(cr_q_find(&q, "f")->value, "~x");
    assert_int_equal(cr_q_find(&q, "f")->op, CR_Q_EXACT);
    assert_str(cr_q_find(&q, "g")->value, "~x");
    assert_str(cr_q_find(&q, "h")->min, "");
    assert_str(cr_q_find(&q, "h")->max, "5");
    assert_str(cr_q_find(&q, "i")->max, "");
    assert_null(cr_q_find(&q, "j"));
}

static void
test_bad(void **state)
{
    static const char *const bad[] = {
        "a",    "=1",   "a=",    "a=[",      "a=[]",    "a=[1]", "a=[~]",
        "a={",  "a={}", "a={ }", "a={'x}",   "a=(",     "a=()",  "a=~",
        "a=\\", "a=1,", ",",     "a=1,,b=2", "a={\"x}", "a={x",  "a=''",
    };
    cr_q_t q;

    (void) state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        if (cr_q_parse_text(&cx, cr_str_z(bad[i]), &q) != CR_ERR_BAD_REQUEST) {
            fail_msg("q=%s was taken", bad[i]);
        }

        cr_clear(&cx);
    }
}

static void
test_bounds(void **state)
{
    char   text[4096];
    size_t n = 0;
    cr_q_t q;

    (void) state;

    for (int i = 0; i <= CR_Q_TERMS_MAX; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n, "%sk%d=1",
                               i == 0 ? "" : ",", i);
    }

    assert_int_equal(cr_q_parse_text(&cx, cr_str_z(text), &q),
                     CR_ERR_BAD_REQUEST);

    n = (size_t) snprintf(text, sizeof(text), "a={");

    for (int i = 0; i <= CR_Q_ITEMS_MAX; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n, "x ");
    }

    (void) snprintf(text + n, sizeof(text) - n, "}");
    assert_int_equal(cr_q_parse_text(&cx, cr_str_z(text), &q),
                     CR_ERR_BAD_REQUEST);
}

static void
test_values(void **state)
{
    cr_q_t   q = parse("s=x,f=~y,n=12,l={a 'b\"c'},one=z,"
                         "t=[2024-02-29 12:00:00~2024-02-29T12:00:01]");
    int64_t  n, min, max;
    cr_str_t s, fuzzy;

    (void) state;
    assert_int_equal(cr_q_exact(&cx, &q, "s", &s), CR_OK);
    assert_str(s, "x");
    assert_int_equal(cr_q_exact(&cx, &q, "none", &s), CR_OK);
    assert_null(s.data);
    assert_int_equal(cr_q_exact(&cx, &q, "f", &s), CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_q_text(&cx, &q, "f", &s, &fuzzy), CR_OK);
    assert_str(fuzzy, "y");
    assert_null(s.data);
    assert_int_equal(cr_q_text(&cx, &q, "l", &s, &fuzzy), CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_q_int(&cx, &q, "n", &n), CR_OK);
    assert_int_equal(n, 12);
    assert_int_equal(cr_q_int(&cx, &q, "s", &n), CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_q_int(&cx, &q, "none", &n), CR_OK);
    assert_int_equal(n, -1);
    assert_int_equal(cr_q_list(&cx, &q, "l", CR_Q_OR, &s), CR_OK);
    assert_str(s, "[\"a\",\"b\\\"c\"]");
    assert_int_equal(cr_q_list(&cx, &q, "l", CR_Q_AND, &s), CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_q_list(&cx, &q, "one", CR_Q_OR, &s), CR_OK);
    assert_str(s, "[\"z\"]");

    /* A leap day, by date(1): 1709208000. */
    assert_int_equal(cr_q_time(&cx, &q, "t", &min, &max), CR_OK);
    assert_true(min == INT64_C(1709208000000000));
    assert_true(max == INT64_C(1709208001999999));
    assert_int_equal(cr_q_time(&cx, &q, "none", &min, &max), CR_OK);
    assert_true(min == 0 && max == INT64_MAX);
}

/* A key that a list does not know is not ignored. */
static void
test_known(void **state)
{
    static const char *const keys[] = { "name", "id", NULL };
    static const char *const none[] = { NULL };

    cr_q_t   q = parse("name={a b},id=0");
    int64_t  id;
    cr_str_t json, fuzzy;

    (void) state;
    assert_int_equal(cr_q_known(&cx, &q, keys), CR_OK);
    assert_int_equal(cr_q_known(&cx, &q, none), CR_ERR_BAD_REQUEST);
    assert_int_equal(cr_q_any(&cx, &q, "name", &json, &fuzzy), CR_OK);
    assert_str(json, "[\"a\",\"b\"]");
    assert_null(fuzzy.data);
    assert_int_equal(cr_q_id(&cx, &q, "id", &id), CR_OK);
    assert_true(id == CR_Q_NO_ID);

    q = parse("name=~a");
    assert_int_equal(cr_q_any(&cx, &q, "name", &json, &fuzzy), CR_OK);
    assert_null(json.data);
    assert_str(fuzzy, "a");
    assert_int_equal(cr_q_id(&cx, &q, "id", &id), CR_OK);
    assert_int_equal(id, 0);

    q = parse("name=[a~]");
    assert_int_equal(cr_q_any(&cx, &q, "name", &json, &fuzzy),
                     CR_ERR_BAD_REQUEST);
    q = parse("name=a,nme=b");
    assert_int_equal(cr_q_known(&cx, &q, keys), CR_ERR_BAD_REQUEST);
    q = parse("name=a,name=b");
    assert_int_equal(cr_q_known(&cx, &q, keys), CR_ERR_BAD_REQUEST);
    q = parse("");
    assert_int_equal(cr_q_known(&cx, &q, none), CR_OK);
}

static void
test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t     s; /* -1: no time */
    } rows[] = {
        { "[1970-01-01~]", 0 },
        { "[1970-01-01T00:00:01~]", 1 },
        { "[2000-03-01T00:00:00Z~]", 951868800 },
        { "[2000-03-01T00:00:00.123Z~]", 951868800 },
        { "[9999-12-31T23:59:59~]", 253402300799 },
        { "[2000-13-01~]", -1 },
        { "[2000-00-01~]", -1 },
        { "[2000-01-00~]", -1 },
        { "[2000-01-01T24:00:00~]", -1 },
        { "[2000-01-01T00:00~]", -1 },
        { "[2000-01-01T00:00:00+01:00~]", -1 },
        { "[20000-01-01~]", -1 },
        { "[x~]", -1 },
        { "[~x]", -1 },
    };
    char    text[64];
    cr_q_t  q;
    int64_t min, max;

    (void) state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_err_t err;

        (void) snprintf(text, sizeof(text), "t=%s", rows[i].text);
        q = parse(text);
        err = cr_q_time(&cx, &q, "t", &min, &max);
        assert_int_equal(err, rows[i].s < 0 ? CR_ERR_BAD_REQUEST : CR_OK);
        cr_clear(&cx);

        if (rows[i].s >= 0) {
            assert_true(min == rows[i].s * 1000000);
        }
    }
}

/* Pages, over the whole API. */
static void
test_pages(void **state)
{
    cr_drive_t  d;
    cr_reply_t  r;
    const char *link;

    (void) state;
    cr_drive_open(&d);
    d.auth = cr_drive_basic(&d, "admin", CR_DRIVE_ADMIN);
    cr_drive_sql(&d, "INSERT INTO project (name, created_at, updated_at) "
                     "VALUES ('p1', 1, 1), ('p2', 1, 1), ('p3', 1, 1)");

    r = cr_get(&d, "/api/v2.0/projects?page_size=2&page=2&name=p&x=%3E%22");
    cr_expect(&r, 200, "");
    assert_string_equal(cr_reply_header(&d, &r, "X-Total-Count"), "3");
    link = cr_reply_header(&d, &r, "Link");
    assert_non_null(link);
    assert_string_equal(link, "</api/v2.0/projects?page=1&page_size=2&name=p"
                              "&x=%3E%22>; rel=\"prev\"");
    cr_reply_done(&r);

    r = cr_get(&d, "/api/v2.0/projects?page_size=100");
    cr_expect(&r, 200, "");
    assert_string_equal(cr_reply_header(&d, &r, "X-Total-Count"), "4");
    assert_null(cr_reply_header(&d, &r, "Link"));
    cr_reply_done(&r);

    cr_drive_close(&d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times, setup, teardown),
        cmocka_unit_test(test_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
