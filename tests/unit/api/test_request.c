/*
 * api/request.c: targets, forms, headers, conditions, base address.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive.h"
#include "api/machine.h"

static int
setup(void **state)
{
    static cr_drive_t drive;

    cr_drive_open(&drive);
    drive.auth = cr_drive_basic(&drive, "admin", CR_DRIVE_ADMIN);
    *state = &drive;

    return 0;
}

static int
teardown(void **state)
{
    cr_drive_close(*state);

    return 0;
}

static void
test_target(void **state)
{
    cr_drive_t *d = *state;
    cr_str_t    path, query;

    const struct {
        const char *target;
        const char *path; /* NULL: refused */
        const char *query;
    } rows[] = {
        { "/", "/", "" },
        { "/a?b", "/a", "b" },
        { "/a?b?c", "/a", "b?c" },
        { "/a?", "/a", "" },
        { "?a", NULL, NULL },
        { "", NULL, NULL },
        { "a/b", NULL, NULL },
        { "http://host/a?b", "/a", "b" },
        { "HTTP://host:80/a", "/a", "" },
        { "https://host", "/", "" },
        { "http://", "/", "" },
        { "http:/host/a", NULL, NULL },
        { "//host/a", "//host/a", "" },
    };

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_err_t err =
            cr_target_split(&d->cx, cr_str_z(rows[i].target), &path, &query);

        if (rows[i].path == NULL) {
            assert_int_equal(err, CR_ERR_BAD_REQUEST);
            continue;
        }

        assert_int_equal(err, CR_OK);
        assert_true(cr_str_eq_z(path, rows[i].path));
        assert_true(cr_str_eq_z(query, rows[i].query));
    }
}

static void
test_form(void **state)
{
    size_t      n = 0;
    cr_drive_t *d = *state;
    cr_header_t list[3];

    assert_int_equal(cr_form_parse(&d->cx, CR_STR("a=1&b%20=x+y%26&c"), list, 3,
                                   &n),
                     CR_OK);
    assert_int_equal(n, 3);
    assert_true(cr_str_eq_z(list[0].name, "a"));
    assert_true(cr_str_eq_z(list[0].value, "1"));
    assert_true(cr_str_eq_z(list[1].name, "b "));
    assert_true(cr_str_eq_z(list[1].value, "x y&"));
    assert_true(cr_str_eq_z(list[2].name, "c"));
    assert_int_equal(list[2].value.len, 0);

    assert_int_equal(cr_form_parse(&d->cx, CR_STR("a=b=c"), list, 3, &n),
                     CR_OK);
    assert_true(cr_str_eq_z(list[0].value, "b=c"));
    assert_int_equal(cr_form_parse(&d->cx, CR_STR(""), list, 3, &n), CR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(cr_form_parse(&d->cx, CR_STR("a&b&c&d"), list, 3, &n),
                     CR_ERR_URI_TOO_LONG);
    assert_int_equal(cr_form_parse(&d->cx, CR_STR("a=%4"), list, 3, &n),
                     CR_ERR_BAD_REQUEST);
}

/* An exchange that is never run, with this request. */
static cr_exchange_t *
make(cr_drive_t *d, const cr_header_t *headers, size_t n, const char *host)
{
    cr_request_t   q = { 0 };
    cr_exchange_t *x;

    q.method = CR_STR("GET");
    q.target = CR_STR("/v2/");
    q.scheme = CR_STR("https");
    q.host = cr_str_z(host);
    q.headers = headers;
    q.nheaders = n;
    assert_int_equal(cr_exchange_create(d->api, &q, &x), CR_OK);

    return x;
}

static void
test_headers(void **state)
{
    cr_drive_t       *d = *state;
    cr_exchange_t    *x;
    const cr_header_t list[] = {
        { CR_STR("Content-Type"), CR_STR("a/b") },
        { CR_STR("content-TYPE"), CR_STR("c/d") },
        { CR_STR("If-None-Match"), CR_STR("W/\"x\" , y,\"z\"") },
    };

    x = make(d, list, CR_NELTS(list), "h");
    assert_true(cr_str_eq_z(cr_request_header(x, "CONTENT-type"), "a/b"));
    assert_int_equal(cr_request_header_count(x, "Content-Type"), 2);
    assert_null(cr_request_header(x, "Content").data);
    assert_int_equal(cr_request_header_count(x, "Content"), 0);
    assert_true(cr_request_none_match(x, CR_STR("x")));
    assert_true(cr_request_none_match(x, CR_STR("y")));
    assert_true(cr_request_none_match(x, CR_STR("z")));
    assert_false(cr_request_none_match(x, CR_STR("\"x\"")));
    assert_false(cr_request_none_match(x, CR_STR("w")));
    cr_exchange_free(x);
}

static void
test_base_url(void **state)
{
    cr_drive_t    *d = *state;
    cr_exchange_t *x;

    const struct {
        const char *host;
        const char *url;
    } rows[] = {
        { "hub:443", "https://hub:443" },
        { "[::1]:5000", "https://[::1]:5000" },
        { "", "https://localhost" },
        { "a\"b", "https://localhost" },
        { "a b", "https://localhost" },
        { "a,b", "https://localhost" },
    };

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        x = make(d, NULL, 0, rows[i].host);
        assert_true(cr_str_eq_z(cr_api_base_url(x), rows[i].url));
        cr_exchange_free(x);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_base_url),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
