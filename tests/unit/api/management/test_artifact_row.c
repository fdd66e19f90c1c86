/* api/management/artifact_row.c: artifacts as JSON, without a registry. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <jansson.h>
#include "api/management/artifact.h"

static cr_ctx_t cx;

static int
setup(void **state)
{
    (void) state;

    return cr_ctx_init(&cx, 0) == CR_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void) state;
    cr_ctx_done(&cx);

    return 0;
}

/* An image of the least that there is. */
static cr_artifact_t
image(void)
{
    cr_artifact_t a = { .id = 7, .size = 12, .repository_id = 3 };

    a.digest = CR_STR("sha256:00");
    a.kind = CR_MANIFEST_IMAGE;
    a.media_type = CR_STR("application/vnd.oci.image.manifest.v1+json");
    a.config_media_type = CR_STR("application/vnd.oci.image.config.v1+json");
    a.repository = CR_STR("pay/a/b");
    a.project_id = 2;

    return a;
}

static void
test_type(void **state)
{
    static const struct {
        const char *config, *artifact, *want;
    } rows[] = {
        { "application/vnd.oci.image.config.v1+json", "", "IMAGE" },
        { "application/vnd.oci.image.config.v1+json",
          "application/vnd.acme.rocket.config.v1", "IMAGE" },
        { "application/vnd.docker.container.image.v1+json", "", "IMAGE" },
        { "application/vnd.cncf.helm.config.v1+json", "", "CHART" },
        { "application/vnd.wasm.config.v1+json", "", "UNKNOWN" },
        { "application/vnd.acme.rocket.config.v1+json", "", "ROCKET" },
        { "application/vnd.acme.a.b-C9.config.v1+json", "", "A.B-C9" },
        { "application/vnd.acme..config.v1+json", "", "UNKNOWN" },
        { "application/vnd.acme.rocket", "", "UNKNOWN" },
        { "application/vnd.acme.rocket.config", "", "UNKNOWN" },
        { "application/vnd.acme", "", "UNKNOWN" },
        { "application/vnd.", "", "UNKNOWN" },
        { "application/x", "", "UNKNOWN" },
        { "", "", "UNKNOWN" },
        /* the artifact type, where the config has no such name */
        { "application/vnd.oci.empty.v1+json",
          "application/vnd.acme.rocket.config.v1", "UNKNOWN" },
        { "application/json", "application/vnd.acme.rocket.config.v1",
          "ROCKET" },
    };
    cr_artifact_t a = image();

    (void) state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        a.config_media_type = cr_str_z(rows[i].config);
        a.artifact_type = cr_str_z(rows[i].artifact);

        if (!cr_str_eq_z(cr_mgmt_artifact_type(&cx, &a), rows[i].want)) {
            fail_msg("%s is no %s", rows[i].config, rows[i].want);
        }
    }

    a.kind = CR_MANIFEST_INDEX;
    assert_true(cr_str_eq_z(cr_mgmt_artifact_type(&cx, &a), "IMAGE"));
}

/* The list of these, parsed; the caller drops it. */
static json_t *
rows_of(const cr_artifact_t *rows, size_t n)
{
    json_t  *root;
    cr_str_t body;

    assert_int_equal(cr_mgmt_artifact_rows(&cx, rows, n, &body), CR_OK);
    root = json_loadb(body.data, body.len, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_array_size(root), n);

    return root;
}

static const char *
text_of(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static void
test_row(void **state)
{
    json_t       *root, *row, *o;
    cr_artifact_t a[2] = { image(), image() };

    (void) state;
    assert_int_equal(json_array_size(root = rows_of(a, 0)), 0);
    json_decref(root);

    a[1].annotations = CR_STR("{\"k\":\"v\"}");
    a[1].artifact_type = CR_STR("application/x");
    a[1].config_media_type = CR_STR_NULL;
    a[1].tags = CR_STR("[[1,\"v1\",1000000,0],[2,\"v2\",2000000,3000000]]");
    a[1].labels = CR_STR("[[4,\"l\",\"d\",\"#fff\",0,1000000,2000000],"
                         "[5,\"m\",\"\",\"\",2,1,1]]");
    a[1].accessories = CR_STR("[[9,\"sha256:01\",5,"
                              "\"application/vnd.cncf.notary.signature\",1]]");
    root = rows_of(a, 2);

    row = json_array_get(root, 0);
    assert_string_equal(text_of(row, "type"), "IMAGE");
    assert_string_equal(text_of(row, "artifact_type"),
                        "application/vnd.oci.image.manifest.v1+json");
    assert_string_equal(text_of(row, "pull_time"), "0001-01-01T00:00:00.000Z");
    assert_true(json_is_null(json_object_get(row, "annotations")));
    assert_true(json_is_null(json_object_get(row, "references")));
    assert_null(json_object_get(row, "tags"));
    assert_null(json_object_get(row, "labels"));
    assert_null(json_object_get(row, "accessories"));
    assert_null(json_object_get(row, "x_brief"));
    o = json_object_get(json_object_get(row, "addition_links"),
                        "build_history");
    assert_string_equal(text_of(o, "href"),
                        "/api/v2.0/projects/pay/repositories/a%252Fb/artifacts"
                        "/sha256:00/additions/build_history");

    row = json_array_get(root, 1);
    assert_string_equal(text_of(row, "type"), "UNKNOWN");
    assert_string_equal(text_of(row, "artifact_type"), "application/x");
    assert_string_equal(text_of(row, "media_type"),
                        "application/vnd.oci.image.manifest.v1+json");
    assert_int_equal(json_object_size(json_object_get(row, "addition_links")),
                     0);
    o = json_object_get(row, "tags");
    assert_int_equal(json_array_size(o), 2);
    o = json_array_get(o, 1);
    assert_string_equal(text_of(o, "name"), "v2");
    assert_string_equal(text_of(o, "pull_time"), "1970-01-01T00:00:03.000Z");
    assert_int_equal(json_integer_value(json_object_get(o, "artifact_id")), 7);
    o = json_array_get(json_object_get(row, "labels"), 0);
    assert_string_equal(text_of(o, "scope"), "g");
    assert_string_equal(text_of(o, "color"), "#fff");
    o = json_array_get(json_object_get(row, "labels"), 1);
    assert_string_equal(text_of(o, "scope"), "p");
    o = json_array_get(json_object_get(row, "accessories"), 0);
    assert_string_equal(text_of(o, "type"), "signature.notation");
    assert_string_equal(text_of(o, "digest"), "sha256:01");
    json_decref(root);
}

/* Children as the index has them; one that is not here has no id. */
static void
test_references(void **state)
{
    json_t       *root, *o;
    cr_artifact_t a = image();

    (void) state;
    a.kind = CR_MANIFEST_INDEX;
    a.references = CR_STR("[[21,\"sha256:aa\"]]");
    a.body = CR_STR("{\"manifests\":[{\"digest\":\"sha256:aa\",\"platform\":"
                    "{\"os\":\"linux\"},\"annotations\":{\"k\":\"v\"}},"
                    "{\"digest\":\"sha256:bb\",\"urls\":[\"u\"]}]}");
    root = rows_of(&a, 1);
    o = json_object_get(json_array_get(root, 0), "references");
    assert_int_equal(json_array_size(o), 2);
    assert_int_equal(json_integer_value(
                         json_object_get(json_array_get(o, 0), "child_id")),
                     21);
    assert_int_equal(json_integer_value(
                         json_object_get(json_array_get(o, 0), "parent_id")),
                     7);
    assert_string_equal(
        text_of(json_object_get(json_array_get(o, 0), "platform"), "os"),
        "linux");
    assert_string_equal(text_of(json_array_get(o, 1), "child_digest"),
                        "sha256:bb");
    assert_int_equal(json_integer_value(
                         json_object_get(json_array_get(o, 1), "child_id")),
                     0);
    assert_null(json_object_get(json_array_get(o, 1), "platform"));
    json_decref(root);
}

static void
test_attributes(void **state)
{
    json_t       *config, *root, *o;
    cr_str_t      text;
    cr_writer_t   w;
    cr_artifact_t a = image();

    (void) state;
    config = json_loads("{\"os\":\"linux\",\"config\":{\"Env\":[]},\"other\":1,"
                        "\"author\":null}",
                        0, NULL);
    assert_non_null(config);
    cr_writer_init(&w, &cx);
    assert_int_equal(cr_mgmt_artifact_write(&cx, &w, &a, config), CR_OK);
    assert_int_equal(cr_writer_end(&w, &text), CR_OK);
    root = json_loadb(text.data, text.len, 0, NULL);
    o = json_object_get(root, "extra_attrs");
    assert_int_equal(json_object_size(o), 3);
    assert_string_equal(text_of(o, "os"), "linux");
    assert_true(json_is_null(json_object_get(o, "author")));
    assert_true(json_is_object(json_object_get(o, "config")));
    json_decref(root);
    json_decref(config);
}

/* {"k":"xxx..."} of about so many bytes. */
static cr_str_t
annotations(size_t size)
{
    char *text = cr_arena_alloc(cx.arena, size);

    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "{\"k\":\"", 6);
    memcpy(text + size - 2, "\"}", 2);

    return (cr_str_t){ size, text };
}

/* What was pushed does not decide how large a page is. */
static void
test_brief(void **state)
{
    size_t        page = CR_PAGE_SIZE_MAX;
    json_t       *root, *row;
    cr_str_t      body, many = annotations((size_t) 1024 * 1024);
    cr_artifact_t a[CR_PAGE_SIZE_MAX];

    (void) state;

    for (size_t i = 0; i < page; i++) {
        a[i] = image();
        a[i].tags = CR_STR("[[1,\"v1\",1,0]]");
        a[i].labels = CR_STR("[[4,\"l\",\"d\",\"#fff\",0,1,1]]");
        a[i].annotations = i == 0 ? CR_STR("{\"k\":\"v\"}") : many;
    }

    assert_int_equal(cr_mgmt_artifact_rows(&cx, a, page, &body), CR_OK);
    assert_true(body.len <= CR_WRITER_MAX);
    root = json_loadb(body.data, body.len, 0, NULL);
    row = json_array_get(root, 0);
    assert_null(json_object_get(row, "x_brief"));
    assert_true(json_is_object(json_object_get(row, "annotations")));

    for (size_t i = 1; i < page; i++) {
        row = json_array_get(root, i);
        assert_true(json_is_true(json_object_get(row, "x_brief")));
        assert_true(json_is_null(json_object_get(row, "annotations")));
        assert_true(json_is_null(json_object_get(row, "labels")));
        assert_null(json_object_get(row, "accessories"));
        assert_int_equal(json_array_size(json_object_get(row, "tags")), 1);
        assert_string_equal(text_of(row, "digest"), "sha256:00");
    }

    json_decref(root);
}

static void
test_damaged(void **state)
{
    static const char *const bad[] = { "", "[", "{", "x" };
    cr_str_t                 body;
    cr_artifact_t            a;

    (void) state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        a = image();
        a.tags = (cr_str_t){ strlen(bad[i]), bad[i] };
        assert_int_equal(cr_mgmt_artifact_rows(&cx, &a, 1, &body),
                         CR_ERR_CORRUPT);
        cr_clear(&cx);
    }

    a = image();
    a.repository = CR_STR("no name");
    assert_int_not_equal(cr_mgmt_artifact_rows(&cx, &a, 1, &body), CR_OK);
    cr_clear(&cx);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_type),       ROW(test_row),   ROW(test_references),
        ROW(test_attributes), ROW(test_brief), ROW(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
