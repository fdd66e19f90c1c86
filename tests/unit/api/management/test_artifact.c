/* api/management/artifact.c: lists of artifacts, and one of them. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"
#include "oci/media_type.h"

#define A "/projects/pay/repositories/app/artifacts"
#define P "/projects/pay/artifacts"

static const char *v1, *v2, *bare;

static int
setup(void **state)
{
    cr_drive_t *d;

    cr_api_setup(state);
    d = *state;
    cr_api_project(d, "pay", 5); /* limited guest: reads */
    v1 = cr_push_manifest(d, "pay/app", "v1", "1", NULL, NULL);
    v2 = cr_push_manifest(d, "pay/app", "v2.0", "22", NULL, NULL);
    bare = cr_push_manifest(d, "pay/app", NULL, "333", NULL, NULL);
    cr_drive_sql(d, "UPDATE manifest SET pushed_at = 1000000 * id");

    return 0;
}

static const char *
list(cr_drive_t *d, const char *a, const char *b, const char *c)
{
    const char *all = cr_text(d, "[\"%s\"", a);

    all = b != NULL ? cr_text(d, "%s,\"%s\"", all, b) : all;
    all = c != NULL ? cr_text(d, "%s,\"%s\"", all, c) : all;

    return cr_text(d, "%s]", all);
}

static void
test_list(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    cr_api_shows(d, A "?sort=id", "*.digest", list(d, v1, v2, bare));
    cr_api_shows(d, A "?sort=-id", "*.digest", list(d, bare, v2, v1));
    cr_api_shows(d, A "?sort=-size", "*.digest", list(d, bare, v2, v1));
    cr_api_shows(d, A "?q=tags=*&sort=id", "*.digest", list(d, v1, v2, NULL));
    cr_api_shows(d, A "?q=tags=nil", "*.digest", list(d, bare, NULL, NULL));
    cr_api_shows(d, A "?q=tags=v1", "*.digest", list(d, v1, NULL, NULL));
    cr_api_shows(d, A "?q=tags=v", "*.digest", "[]");
    cr_api_shows(d, A "?q=tags=~2.0", "*.digest", list(d, v2, NULL, NULL));
    cr_api_shows(d, A "?q=type=IMAGE&sort=id", "*.digest",
                 list(d, v1, v2, bare));
    cr_api_shows(d, A "?q=type=CHART", "*.digest", "[]");
    cr_api_shows(d, cr_text(d, A "?q=digest=%s", v2), "*.digest",
                 list(d, v2, NULL, NULL));
    cr_api_shows(d, A "?q=media_type=application/x", "*.digest", "[]");

    r = cr_api_call(d, "GET", A "?page_size=2&page=2&sort=id", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, "*.digest"),
                        list(d, bare, NULL, NULL));
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "3");
    assert_non_null(strstr(cr_reply_header(d, &r, "Link"), "rel=\"prev\""));
    cr_reply_done(&r);
}

static void
test_list_bad(void **state)
{
    static const struct {
        const char *query;
        int         status;
        const char *code, *text;
    } rows[] = {
        { "q=type={A B}", 400, "BAD_REQUEST", "q: " },
        { "q=digest=~a", 400, "BAD_REQUEST", "q: " },
        { "q=labels={1 2}", 400, "BAD_REQUEST", "q: " },
        { "q=push_time=x", 400, "BAD_REQUEST", "q: " },
        { "q=size=1", 400, "BAD_REQUEST", "q: " },
        { "with_tag=maybe", 422, "UNPROCESSABLE_ENTITY", "with_tag" },
        { "with_label=2", 422, "UNPROCESSABLE_ENTITY", "with_label" },
        { "with_accessory=x", 422, "UNPROCESSABLE_ENTITY", "with_accessory" },
        { "page=0", 422, "UNPROCESSABLE_ENTITY", "page" },
        { "page_size=-1", 422, "UNPROCESSABLE_ENTITY", "page_size" },
    };
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        cr_api_refused(d, "GET", cr_text(d, A "?%s", rows[i].query), NULL,
                       rows[i].status, rows[i].code, rows[i].text);
    }

    cr_api_refused(d, "GET", P "?q=type=IMAGE", NULL, 400, "BAD_REQUEST",
                   "q: ");
    cr_api_refused(d, "GET", P "?latest_in_repository=2", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "latest_in_repository");
    cr_api_refused(d, "GET", A "/v1?with_tag=2", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "with_tag");
    cr_api_refused(d, "GET", "/projects/pay/repositories/none/artifacts", NULL,
                   404, "NOT_FOUND", "");
}

static void
test_list_project(void **state)
{
    cr_drive_t *d = *state;
    const char *web = cr_push_manifest(d, "pay/web", "w", "4444", NULL, NULL);

    cr_push_manifest(d, "library/web", "w", "5", NULL, NULL);
    cr_drive_sql(d, "UPDATE manifest SET pushed_at = 1000000 * id");
    cr_api_shows(d, P "?latest_in_repository=true", "*.repository_name",
                 "[\"pay/app\",\"pay/web\"]");
    cr_api_shows(d, P "?latest_in_repository=true", "1.digest",
                 cr_text(d, "\"%s\"", web));
    cr_api_shows(d, P "?page_size=1&sort=push_time", "*.digest",
                 list(d, v1, NULL, NULL));
    cr_api_shows(d, P "?page_size=1&sort=push_time", "0.tags.*.name",
                 "[\"v1\"]");
    cr_api_shows(d, P "?page_size=1&sort=push_time&with_tag=0", "0.tags", "-");
}

static void
test_get(void **state)
{
    static const char *const none[] = { "none", "-x", "sha256:1", "v2" };
    cr_drive_t              *d = *state;
    cr_reply_t               r;

    r = cr_api_call(d, "GET", A "/v1", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, "digest"), cr_text(d, "\"%s\"", v1));
    assert_string_equal(cr_api_at(d, &r, "tags.*.name"), "[\"v1\"]");
    assert_string_equal(cr_api_at(d, &r, "labels"), "-");
    assert_string_equal(cr_api_at(d, &r, "accessories"), "-");
    assert_string_equal(cr_api_at(d, &r, "type"), "\"IMAGE\"");
    cr_reply_done(&r);
    cr_api_shows(d, cr_text(d, A "/%s", v1), "tags.*.name", "[\"v1\"]");
    cr_api_shows(d, A "/v1?with_tag=false", "tags", "-");
    cr_api_shows(d, A "/v1?with_label=1", "labels", "null");
    cr_api_shows(d, A "/v1?with_accessory=T", "accessories", "null");
    cr_api_shows(d, cr_text(d, A "/%s", bare), "tags", "null");

    for (size_t i = 0; i < CR_NELTS(none); i++) {
        cr_api_refused(d, "GET", cr_text(d, A "/%s", none[i]), NULL, 404,
                       "NOT_FOUND", "");
    }

    cr_api_refused(d, "GET", "/projects/pay/repositories/none/artifacts/v1",
                   NULL, 404, "NOT_FOUND", "");
}

/* An image whose config is this text. */
static void
push_config(cr_drive_t *d, const char *tag, const char *type, cr_str_t config)
{
    const char *digest = cr_push_blob(d, "pay/cfg", config);
    cr_str_t    body;

    body = cr_str_z(cr_text(d,
                            "{\"schemaVersion\":2,\"mediaType\":\"%s\","
                            "\"config\":{\"mediaType\":\"%s\","
                            "\"digest\":\"%s\",\"size\":%zu},"
                            "\"layers\":[]}",
                            CR_MT_OCI_MANIFEST, type, digest, config.len));

    cr_expect_done(cr_drive(d,
                            &(cr_call_t){
                                .method = "PUT",
                                .target =
                                    cr_text(d, "/v2/pay/cfg/manifests/%s", tag),
                                .type = CR_MT_OCI_MANIFEST,
                                .body = body }),
                   201, "");
}

#define C     "/projects/pay/repositories/cfg/artifacts"
#define IMAGE "application/vnd.oci.image.config.v1+json"

static void
test_config(void **state)
{
    char       *big;
    cr_drive_t *d = *state;
    cr_reply_t  r;

    push_config(d, "good", IMAGE,
                CR_STR("{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\""
                       ":\"me\",\"x\":1,\"config\":{\"Cmd\":[\"a\"]},"
                       "\"history\":[{\"created_by\":\"b\"}]}"));
    push_config(d, "text", IMAGE, CR_STR("no JSON"));
    push_config(d, "list", IMAGE, CR_STR("[1]"));
    push_config(d, "none", IMAGE, CR_STR("{\"os\":\"linux\"}"));
    push_config(d, "chart", "application/vnd.cncf.helm.config.v1+json",
                CR_STR("{\"os\":\"linux\",\"history\":[]}"));
    big = cr_arena_alloc(d->cx.arena, 1024 * 1024 + 2);
    assert_non_null(big);
    memset(big, ' ', 1024 * 1024 + 1);
    memcpy(big, "{\"os\":\"linux\"}", strlen("{\"os\":\"linux\"}"));
    push_config(d, "large", IMAGE, (cr_str_t){ 1024 * 1024, big });
    push_config(d, "larger", IMAGE, (cr_str_t){ 1024 * 1024 + 1, big });

    cr_api_shows(d, C "/good", "extra_attrs",
                 "{\"architecture\":\"amd64\",\"author\":\"me\",\"config\":"
                 "{\"Cmd\":[\"a\"]},\"os\":\"linux\"}");
    cr_api_shows(d, C "/text", "extra_attrs", "{}");
    cr_api_shows(d, C "/list", "extra_attrs", "{}");
    cr_api_shows(d, C "/chart", "extra_attrs", "{}");
    cr_api_shows(d, C "/large", "extra_attrs", "{\"os\":\"linux\"}");
    cr_api_shows(d, C "/larger", "extra_attrs", "{}");

    /* the list does not read them */
    cr_api_shows(d, C "?q=tags=good", "0.extra_attrs", "{}");

    cr_api_shows(d, C "/good/additions/build_history", "",
                 "[{\"created_by\":\"b\"}]");
    cr_api_shows(d, C "/good/additions/vulnerabilities", "", "{}");

    for (const char *const *tag =
             (const char *const[]){ "text", "list", "none", "chart", "larger",
                                    NULL };
         *tag != NULL; tag++)
    {
        cr_api_refused(d, "GET",
                       cr_text(d, C "/%s/additions/build_history", *tag), NULL,
                       404, "NOT_FOUND", "build_history");
    }

    cr_api_refused(d, "GET", C "/good/additions/readme.md", NULL, 404,
                   "NOT_FOUND", "readme.md");
    cr_api_refused(d, "GET", C "/no/additions/vulnerabilities", NULL, 404,
                   "NOT_FOUND", "");

    /* a config whose bytes are gone is ours to log */
    cr_drive_sql(d, "UPDATE blob SET locator = locator || '0'");
    r = cr_api_call(d, "GET", C "/good", NULL);
    assert_true(r.status >= 500);
    assert_true(r.x->info.log_error);
    assert_null(strstr(cr_api_at(d, &r, ""), d->dir));
    cr_reply_done(&r);
}

static void
test_rights(void **state)
{
    static const char *const paths[] = {
        A,
        A "/v1",
        A "/none",
        P,
        A "/v1/additions/vulnerabilities",
        "/projects/pay/repositories/none/artifacts",
        "/projects/none/repositories/app/artifacts/v1",
    };
    cr_drive_t *d = *state;

    cr_api_as(d, "alice");
    cr_api_shows(d, A "/v1", "digest", cr_text(d, "\"%s\"", v1));
    cr_api_shows(d, P "?q=", "2.id", "1");
    cr_api_as(d, "bob");

    for (size_t i = 0; i < CR_NELTS(paths); i++) {
        cr_api_refused(d, "GET", paths[i], NULL, 403, "FORBIDDEN", "forbidden");
    }

    cr_api_as(d, NULL);

    for (size_t i = 0; i < CR_NELTS(paths); i++) {
        cr_api_refused(d, "GET", paths[i], NULL, 401, "UNAUTHORIZED", "");
    }

    /* a token for the repository reads it, and no other */
    cr_api_as(d, "alice");
    d->auth = cr_drive_bearer(d, "repository:pay/app:pull");
    cr_api_shows(d, A "/v1", "digest", cr_text(d, "\"%s\"", v1));
    cr_api_refused(d, "GET", "/projects/pay/repositories/web/artifacts", NULL,
                   403, "FORBIDDEN", "");
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_list), ROW(test_list_bad), ROW(test_list_project),
        ROW(test_get),  ROW(test_config),   ROW(test_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
