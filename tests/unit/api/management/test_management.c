/* api/management/management.c: bodies, ids in paths, creation. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"
#include "api/management/management.h"

#define LABEL "{\"name\":\"a\",\"scope\":\"g\"}"

/* Every handler with a body reads it so; labels stand for all. */
static void
test_body(void **state)
{
    static const struct {
        const char *body, *text;
    } bad[] = {
        { "", "JSON expected" },
        { "null", "" },
        { "7", "" },
        { "\"a\"", "" },
        { "[" LABEL "]", "body: object expected" },
        { "{\"name\":\"a\",\"name\":\"b\",\"scope\":\"g\"}", "duplicate" },
        { LABEL LABEL, "line 1" },
        { LABEL ",", "line 1" },
        { "{\"name\":\"a\",\"scope\":\"g\"", "" },
        { "{\"name\":\"\\u0000\",\"scope\":\"g\"}", "" },
        { "{\"name\":\"\xff\",\"scope\":\"g\"}", "" },
        { "{'name':'a'}", "" },
        { "\xef\xbb\xbf" LABEL, "byte order mark" },
    };
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "POST", "/labels", bad[i].body, 400, "BAD_REQUEST",
                       bad[i].text);
    }

    cr_api_done(d, "POST", "/labels", " \n" LABEL "\n", 201);
}

static void
test_body_size(void **state)
{
    cr_drive_t *d = *state;
    char       *text = cr_arena_alloc(d->cx.arena, CR_MGMT_BODY_MAX + 2);

    assert_non_null(text);
    memset(text, ' ', CR_MGMT_BODY_MAX + 1);
    memcpy(text, LABEL, strlen(LABEL));
    text[CR_MGMT_BODY_MAX + 1] = '\0';
    cr_api_refused(d, "POST", "/labels", text, 413, "REQUEST_ENTITY_TOO_LARGE",
                   "");
    text[CR_MGMT_BODY_MAX] = '\0';
    cr_api_done(d, "POST", "/labels", text, 201);

    memset(text, '[', 1000);
    text[1000] = '\0';
    cr_api_refused(d, "POST", "/labels", text, 400, "BAD_REQUEST", "");
}

/* A member by a wrong type is named; null is as if it were not there. */
static void
test_members(void **state)
{
    static const char *const kinds[] = { "\"text\"", "7",  "1.5",  "true",
                                         "[]",       "{}", "false" };
    static const struct {
        const char *method, *path, *before, *key, *what, *good;
    } rows[] = {
        { "PUT", "/labels/1", "", "name", "string", "\"text\"" },
        { "PUT", "/quotas/1", "\"hard\":{", "storage", "integer", "7" },
        { "PUT", "/configurations", "", "read_only", "true or false",
          "true,false" },
        { "PUT", "/projects/1", "", "metadata", "object", "{}" },
        { "POST", "/robots", "\"level\":\"system\",", "permissions", "array",
          "[]" },
    };
    cr_drive_t *d = *state;

    cr_api_done(d, "POST", "/labels", LABEL, 201);

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        for (size_t k = 0; k < CR_NELTS(kinds); k++) {
            if (strstr(rows[i].good, kinds[k]) != NULL) {
                continue;
            }

            cr_api_refused(d, rows[i].method, rows[i].path,
                           cr_text(d, "{%s\"%s\":%s%s}", rows[i].before,
                                   rows[i].key, kinds[k],
                                   strchr(rows[i].before, '{') != NULL ? "}"
                                                                       : ""),
                           400, "BAD_REQUEST",
                           cr_text(d, "%s: %s expected", rows[i].key,
                                   rows[i].what));
        }
    }

    cr_api_done(d, "PUT", "/labels/1", "{\"name\":null,\"color\":null}", 200);
    cr_api_shows(d, "/labels/1", "name", "\"a\"");
    cr_api_done(d, "PUT", "/projects/1", "{\"metadata\":null}", 200);
}

static void
test_ids(void **state)
{
    static const char *const bad[] = {
        "+1",
        "1.0",
        "0x1",
        "1e0",
        "a",
        "1a",
        "-",
        "--1",
        "-1a",
        "%201",
        "9223372036854775808",
        "18446744073709551617",
        "-9223372036854775808",
    };
    static const char *const none[] = {
        "0", "-0", "-1", "9223372036854775807", "-9223372036854775807",
    };
    static const char *const paths[] = {
        "/labels/",
        "/quotas/",
        "/robots/",
        "/projects/library/members/",
    };
    cr_drive_t *d = *state;

    cr_api_done(d, "POST", "/labels", LABEL, 201);

    for (size_t i = 0; i < CR_NELTS(paths); i++) {
        for (size_t k = 0; k < CR_NELTS(bad); k++) {
            cr_api_refused(d, "GET", cr_text(d, "%s%s", paths[i], bad[k]), NULL,
                           422, "UNPROCESSABLE_ENTITY", "in path");
        }

        for (size_t k = 0; k < CR_NELTS(none); k++) {
            cr_api_refused(d, "GET", cr_text(d, "%s%s", paths[i], none[k]),
                           NULL, 404, "NOT_FOUND", "");
        }
    }

    cr_api_shows(d, "/labels/1", "id", "1");
    cr_api_shows(d, "/labels/01", "id", "1");
}

/* Location is the path that was asked for, whatever ends it. */
static void
test_created(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    r = cr_api_call(d, "POST", "/labels/?x=/y", LABEL);
    assert_int_equal(r.status, 201);
    assert_int_equal(r.body.len, 0);
    assert_string_equal(cr_reply_header(d, &r, "Location"),
                        "/api/v2.0/labels/1");
    cr_reply_done(&r);
}

static void
test_visibility(void **state)
{
    cr_drive_t *d = *state;

    cr_api_project(d, "pay", 1);
    cr_api_shows(d, "/projects", "*.name", "[\"library\",\"pay\"]");
    cr_api_as(d, "alice");
    cr_api_shows(d, "/projects", "*.name", "[\"library\",\"pay\"]");
    cr_api_as(d, "bob");
    cr_api_shows(d, "/projects", "*.name", "[\"library\"]");
    cr_api_as(d, NULL);
    cr_api_shows(d, "/projects", "*.name", "[\"library\"]");

    /* a token shows no more than nobody sees */
    cr_api_as(d, "admin");
    d->auth = cr_drive_bearer(d, "repository:pay/app:pull");
    cr_api_shows(d, "/projects", "*.name", "[\"library\"]");
}

#define ROW(test)                                                              \
    cmocka_unit_test_setup_teardown(test, cr_api_setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_body), ROW(test_body_size), ROW(test_members),
        ROW(test_ids),  ROW(test_created),   ROW(test_visibility),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
