/*
 * The management API by the transport for tests.  See drive_api.h.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>

#include "drive_api.h"
#include "core/json.h"

int
cr_api_setup(void **state)
{
    static cr_drive_t drive;

    cr_drive_open(&drive);
    cr_drive_user(&drive, "alice");
    cr_drive_user(&drive, "bob");
    cr_api_as(&drive, "admin");
    *state = &drive;

    return 0;
}

int
cr_api_teardown(void **state)
{
    cr_drive_close(*state);

    return 0;
}

void
cr_api_as(cr_drive_t *d, const char *name)
{
    d->auth = NULL;

    if (name != NULL) {
        d->auth = cr_drive_basic(d, name, CR_DRIVE_ADMIN);
        /* Once for all: the first one is written down, and slow. */
        cr_expect_done(cr_get(d, "/v2/"), 200, "");
    }
}

int64_t
cr_api_project(cr_drive_t *d, const char *name, int alice)
{
    int64_t     id;
    const char *auth = d->auth;

    cr_api_as(d, "admin");
    cr_api_done(d, "POST", "/projects",
                cr_text(d, "{\"project_name\":\"%s\"}", name), 201);
    id = cr_drive_sql_int(d,
                          cr_text(d, "SELECT id FROM project WHERE name = '%s'",
                                  name));

    if (alice != 0) {
        cr_api_done(d, "POST", cr_text(d, "/projects/%s/members", name),
                    cr_text(d,
                            "{\"role_id\":%d,\"member_user\":"
                            "{\"username\":\"alice\"}}",
                            alice),
                    201);
    }

    d->auth = auth;

    return id;
}

/* --- rows -------------------------------------------------------------- */

static uint64_t
cr_rows_hash(uint64_t h, const void *data, size_t len)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < len; i++) {
        h = (h ^ p[i]) * UINT64_C(1099511628211); /* FNV-1a */
    }

    return (h ^ 0xff) * UINT64_C(1099511628211);
}

static uint64_t
cr_rows_of(sqlite3 *db, const char *sql, uint64_t h)
{
    sqlite3_stmt *st;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);

    while (sqlite3_step(st) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            const void *data = sqlite3_column_blob(st, i);

            h = cr_rows_hash(h, data, (size_t) sqlite3_column_bytes(st, i));
        }
    }

    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);

    return h;
}

uint64_t
cr_drive_rows(cr_drive_t *d)
{
    uint64_t      h = UINT64_C(14695981039346656037);
    sqlite3      *db;
    sqlite3_stmt *st;

    assert_int_equal(sqlite3_open(cr_text(d, "%s/registry.db", d->dir), &db),
                     SQLITE_OK);
    (void) sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT 'SELECT * FROM ' || name "
                                        "FROM sqlite_master WHERE type = "
                                        "'table' ORDER BY name",
                                        -1, &st, NULL),
                     SQLITE_OK);

    while (sqlite3_step(st) == SQLITE_ROW) {
        h = cr_rows_of(db, (const char *) sqlite3_column_text(st, 0), h);
    }

    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);

    return h;
}

/* --- JSON -------------------------------------------------------------- */

static json_t *
cr_api_root(const cr_reply_t *r)
{
    json_t *root = json_loadb(r->body.data, r->body.len, JSON_DECODE_ANY, NULL);

    if (root == NULL) {
        fail_msg("no JSON: %.*s", CR_STR_ARG(r->body));
    }

    return root;
}

/* New reference, or NULL. */
static json_t *
cr_api_walk(json_t *v, cr_str_t place)
{
    uint64_t n;
    cr_str_t part, rest = place;

    if (place.len == 0) {
        return json_incref(v);
    }

    (void) cr_str_split(&rest, '.', &part);

    if (json_is_array(v) && cr_str_eq_z(part, "*")) {
        json_t *list = json_array();

        for (size_t i = 0; i < json_array_size(v); i++) {
            json_t *one = cr_api_walk(json_array_get(v, i), rest);

            assert_int_equal(json_array_append_new(list, one != NULL
                                                             ? one
                                                             : json_null()),
                             0);
        }

        return list;
    }

    v = json_is_array(v) && cr_str_u64(part, &n)
            ? json_array_get(v, (size_t) n)
            : json_object_getn(v, part.data, part.len);

    return v == NULL ? NULL : cr_api_walk(v, rest);
}

const char *
cr_api_at(cr_drive_t *d, const cr_reply_t *r, const char *place)
{
    char       *text;
    json_t     *root = cr_api_root(r), *v = cr_api_walk(root, cr_str_z(place));
    const char *copy = "-";

    if (v != NULL) {
        text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
        assert_non_null(text);
        copy = cr_text(d, "%s", text);
        free(text);
    }

    json_decref(v);
    json_decref(root);

    return copy;
}

static int
cr_api_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

const char *
cr_api_keys(cr_drive_t *d, const cr_reply_t *r, const char *place)
{
    size_t      n = 0;
    json_t     *root = cr_api_root(r), *v = cr_api_walk(root, cr_str_z(place));
    json_t     *value;
    const char *key, *keys[64], *text = "";

    assert_true(json_is_object(v));

    json_object_foreach(v, key, value)
    {
        (void) value;
        assert_true(n < CR_NELTS(keys));
        keys[n++] = key;
    }

    qsort(keys, n, sizeof(keys[0]), cr_api_compare);

    for (size_t i = 0; i < n; i++) {
        text = cr_text(d, "%s%s%s", text, i == 0 ? "" : ",", keys[i]);
    }

    json_decref(v);
    json_decref(root);

    return text;
}

/* --- requests ---------------------------------------------------------- */

cr_reply_t
cr_api_call(cr_drive_t *d, const char *method, const char *path,
            const char *json)
{
    cr_call_t call = { .method = method };

    call.target = cr_text(d, "/api/v2.0%s", path);
    call.type = json != NULL ? "application/json" : NULL;
    call.body = json != NULL ? cr_str_z(json) : CR_STR_NULL;

    return cr_drive(d, &call);
}

static void
cr_api_status(const cr_reply_t *r, const char *method, const char *path,
              int status, const char *file, int line)
{
    if (r->status != status) {
        print_error("%s:%d: %s %s: %d instead of %d: %.*s (%.*s)\n", file, line,
                    method, path, r->status, status, CR_STR_ARG(r->body),
                    CR_STR_ARG(r->x->info.detail));
        _fail(file, line);
    }
}

/* Every answer here names its request; what has a body says it is JSON. */
static void
cr_api_form(cr_drive_t *d, const cr_reply_t *r)
{
    assert_non_null(cr_reply_header(d, r, "X-Request-Id"));

    if (r->body.len != 0) {
        assert_true(cr_str_eq_z(r->x->response.content_type,
                                "application/json; charset=utf-8"));
    }
}

void
cr_api_done_at(cr_drive_t *d, const char *method, const char *path,
               const char *json, int status, const char *file, int line)
{
    cr_reply_t r = cr_api_call(d, method, path, json);

    cr_api_status(&r, method, path, status, file, line);
    cr_api_form(d, &r);
    _assert_int_equal(r.body.len, 0, file, line);
    cr_reply_done(&r);
}

void
cr_api_refused_at(cr_drive_t *d, const char *method, const char *path,
                  const char *json, int status, const char *code,
                  const char *text, const char *file, int line)
{
    uint64_t    before = cr_drive_rows(d);
    cr_reply_t  r = cr_api_call(d, method, path, json);
    const char *said;

    cr_api_status(&r, method, path, status, file, line);
    cr_api_form(d, &r);
    assert_string_equal(cr_api_keys(d, &r, ""), "errors");
    assert_string_equal(cr_api_keys(d, &r, "errors.0"), "code,message");
    _assert_string_equal(cr_api_at(d, &r, "errors.0.code"),
                         cr_text(d, "\"%s\"", code), file, line);
    said = cr_api_at(d, &r, "errors.0.message");

    if (strstr(said, text) == NULL) {
        print_error("%s:%d: %s %s: %s\n", file, line, method, path, said);
        _fail(file, line);
    }

    cr_reply_done(&r);

    if (cr_drive_rows(d) != before) {
        print_error("%s:%d: %s %s has written\n", file, line, method, path);
        _fail(file, line);
    }
}

void
cr_api_shows_at(cr_drive_t *d, const char *path, const char *place,
                const char *want, const char *file, int line)
{
    cr_reply_t r = cr_api_call(d, "GET", path, NULL);

    cr_api_status(&r, "GET", path, 200, file, line);
    cr_api_form(d, &r);
    _assert_string_equal(cr_api_at(d, &r, place), want, file, line);
    cr_reply_done(&r);
}
