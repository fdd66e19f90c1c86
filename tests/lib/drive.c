/*
 * A transport for tests.  See drive.h.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>

#include "drive.h"
#include "auth/password.h"
#include "core/encode.h"
#include "core/json.h"
#include "meta/user.h"
#include "oci/digest.h"
#include "oci/media_type.h"
#include "storage/storage.h"

const char *
cr_text(cr_drive_t *d, const char *fmt, ...)
{
    va_list  ap;
    cr_str_t s;

    va_start(ap, fmt);
    s = cr_arena_vprintf(d->cx.arena, fmt, ap);
    va_end(ap);
    assert_non_null(s.data);

    return s.data;
}

static const cr_audit_who_t cr_drive_who = { { 4, "test" },
                                             { 4, "test" },
                                             { 0, "" } };

/* --- database and store ------------------------------------------------ */

static void
cr_drive_database(cr_drive_t *d)
{
    int            applied;
    cr_db_t       *db;
    cr_str_t       hash;
    cr_meta_t     *m;
    cr_meta_conf_t mc = cr_meta_conf_default;

    d->cx.may_block = true;
    assert_int_equal(cr_db_open(&d->cx, d->conf.database,
                                CR_DB_CREATE | CR_DB_ANY_SCHEMA, &db),
                     CR_OK);
    assert_int_equal(cr_db_migrate(&d->cx, db, &applied), CR_OK);
    assert_int_equal(cr_meta_bootstrap(&d->cx, db), CR_OK);
    assert_int_equal(cr_meta_open(&d->cx, db, &mc, &m), CR_OK);
    assert_int_equal(cr_password_hash(&d->cx, cr_str_z(CR_DRIVE_ADMIN), &hash),
                     CR_OK);
    assert_int_equal(cr_user_set_password(&d->cx, m, 1, hash, &cr_drive_who),
                     CR_OK);
    cr_meta_close(m);
    cr_db_close(db);
}

void
cr_drive_init(cr_drive_t *d)
{
    const char *base = getenv("TMPDIR");

    memset(d, 0, sizeof(*d));
    (void) snprintf(d->dir, sizeof(d->dir), "%.40s/cr-drive-XXXXXX",
                    base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(d->dir));
    assert_int_equal(cr_ctx_init(&d->cx, 0), CR_OK);

    d->sys = cr_sys_default;
    d->conf = cr_api_conf_default;
    d->conf.database = cr_str_z(cr_text(d, "sqlite:%s/registry.db", d->dir));
    d->conf.storage = cr_str_z(cr_text(d, "filesystem:%s/blobs", d->dir));
    cr_drive_database(d);
}

void
cr_drive_start(cr_drive_t *d)
{
    assert_int_equal(cr_api_create(&d->cx, &d->conf, &d->api), CR_OK);
}

void
cr_drive_open(cr_drive_t *d)
{
    cr_drive_init(d);
    cr_drive_start(d);
}

void
cr_drive_restart(cr_drive_t *d)
{
    cr_api_free(d->api);
    cr_drive_start(d);
}

static int
cr_drive_remove(const char *path, const struct stat *st, int flag,
                struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;

    return remove(path);
}

void
cr_drive_close(cr_drive_t *d)
{
    cr_api_free(d->api);
    cr_ctx_done(&d->cx);
    assert_int_equal(nftw(d->dir, cr_drive_remove, 16, FTW_DEPTH | FTW_PHYS),
                     0);
}

static size_t cr_drive_count;

static int
cr_drive_count_file(const char *path, const struct stat *st, int flag,
                    struct FTW *ftw)
{
    (void) path;
    (void) st;
    (void) ftw;
    cr_drive_count += flag == FTW_F;

    return 0;
}

size_t
cr_drive_files(cr_drive_t *d)
{
    cr_drive_count = 0;
    (void) nftw(cr_text(d, "%s/blobs", d->dir), cr_drive_count_file, 16,
                FTW_PHYS);

    return cr_drive_count;
}

static int64_t
cr_drive_sql_run(cr_drive_t *d, const char *sql)
{
    int           rc;
    int64_t       n = 0;
    sqlite3      *db;
    sqlite3_stmt *st;

    assert_int_equal(sqlite3_open(cr_text(d, "%s/registry.db", d->dir), &db),
                     SQLITE_OK);
    (void) sqlite3_busy_timeout(db, 10000);

    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }

    rc = sqlite3_step(st);

    if (rc == SQLITE_ROW) {
        n = sqlite3_column_int64(st, 0);

    } else if (rc != SQLITE_DONE) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }

    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);

    return n;
}

void
cr_drive_sql(cr_drive_t *d, const char *sql)
{
    (void) cr_drive_sql_run(d, sql);
}

int64_t
cr_drive_sql_int(cr_drive_t *d, const char *sql)
{
    return cr_drive_sql_run(d, sql);
}

void
cr_drive_user(cr_drive_t *d, const char *name)
{
    cr_drive_sql(d, cr_text(d,
                            "INSERT INTO users (name, password_hash, admin, "
                            "created_at, updated_at) SELECT '%s', "
                            "password_hash, 0, 1, 1 FROM users WHERE id = 1",
                            name));
}

/* --- one exchange ------------------------------------------------------ */

#define CR_DRIVE_HEADERS 32

typedef struct cr_drive_request_s {
    cr_request_t r;
    cr_header_t  headers[CR_DRIVE_HEADERS];
} cr_drive_request_t;

static void
cr_drive_header(cr_drive_request_t *q, const char *name, const char *value)
{
    if (value != NULL) {
        assert_true(q->r.nheaders < CR_DRIVE_HEADERS);
        q->headers[q->r.nheaders].name = cr_str_z(name);
        q->headers[q->r.nheaders].value = cr_str_z(value);
        q->r.nheaders++;
    }
}

static void
cr_drive_request(cr_drive_t *d, const cr_call_t *call, cr_drive_request_t *q)
{
    cr_str_t line, list = cr_str_z(call->headers);

    memset(q, 0, sizeof(*q));
    q->r.method = cr_str_z(call->method != NULL ? call->method : "GET");
    q->r.target = cr_str_z(call->target);
    q->r.scheme = CR_STR("http");
    q->r.host = CR_STR("hub.example.com:5000");
    q->r.remote_addr = CR_STR("127.0.0.1");
    q->r.loopback = !call->remote;
    q->r.remote_user = cr_str_z(call->user);
    q->r.remote_user_create = call->user_create;
    q->r.content_length = call->chunked ? -1 : (int64_t) call->body.len;
    q->r.headers = q->headers;

    cr_drive_header(q, "Authorization", d->auth);
    cr_drive_header(q, "Content-Type", call->type);
    cr_drive_header(q, "content-range", call->range);

    while (list.len != 0 && cr_str_split(&list, '\n', &line)) {
        ptrdiff_t colon = cr_str_chr(line, ':');

        if (colon > 0) {
            cr_drive_header(q,
                            cr_text(d, "%.*s",
                                    CR_STR_ARG(
                                        cr_str_slice(line, 0, (size_t) colon))),
                            cr_text(d, "%.*s",
                                    CR_STR_ARG(cr_str_trim(cr_str_slice(
                                        line, (size_t) colon + 1, line.len)))));
        }
    }
}

/* Feed the body; *sent goes on where the last call ended. */
static void
cr_drive_stream(const cr_call_t *call, cr_exchange_t *x, size_t *sent)
{
    size_t end = call->body.len, n;

    if (call->cut != 0) {
        end = call->cut;
    }

    while (*sent < end && x->step == CR_STEP_STREAM) {
        n = end - *sent;

        if (call->piece != 0 && n > call->piece) {
            n = call->piece;
        }

        cr_exchange_write(x, call->body.data + *sent, n);
        *sent += n;
    }

    if (x->step != CR_STEP_STREAM) {
        return;
    }

    if (call->cut != 0) {
        cr_exchange_abort(x);

    } else {
        cr_exchange_stream_end(x);
    }
}

static void
cr_drive_step(const cr_call_t *call, cr_exchange_t *x, size_t *sent)
{
    switch (x->step) {

    case CR_STEP_BODY:
        if (call->cut != 0) {
            cr_exchange_abort(x);

        } else if (call->body.len > x->body_max) {
            cr_exchange_body_too_large(x);

        } else {
            cr_exchange_body(x, call->body);
        }

        break;

    case CR_STEP_STREAM:
        cr_drive_stream(call, x, sent);
        break;

    default:
        cr_exchange_run(x);
        break;
    }
}

static void
cr_drive_read_file(cr_drive_t *d, cr_reply_t *r)
{
    char  *data;
    FILE  *f;
    size_t n = (size_t) r->x->response.file_size;

    f = fopen(r->x->response.file_path.data, "rb");
    assert_non_null(f);
    data = cr_arena_alloc(d->cx.arena, n + 1);
    assert_non_null(data);
    /* One more than there should be: the file has exactly that size. */
    assert_int_equal(fread(data, 1, n + 1, f), n);
    assert_int_equal(fclose(f), 0);
    r->body = (cr_str_t){ n, data };
}

/* What a transport may rely on for any answer. */
static void
cr_drive_check(cr_drive_t *d, const cr_call_t *call, cr_reply_t *r)
{
    cr_response_t *p = &r->x->response;
    bool head = call->method != NULL && strcmp(call->method, "HEAD") == 0;

    assert_true(p->status >= 200 && p->status <= 599);
    assert_true(r->x->info.handler_index < cr_api_handler_count());
    assert_string_equal(cr_api_handler_name(r->x->info.handler_index),
                        r->x->info.handler);
    assert_non_null(r->x->info.action);
    assert_non_null(r->x->info.error);

    for (size_t i = 0; i < p->nheaders; i++) {
        for (size_t k = 0; k < p->headers[i].value.len; k++) {
            assert_true((unsigned char) p->headers[i].value.data[k] >= ' ');
        }
    }

    if (head) {
        assert_int_equal(p->body.len, 0);
        assert_false(p->is_file);

    } else if (p->is_file) {
        assert_int_equal(p->content_length, p->file_size);
        cr_drive_read_file(d, r);

    } else {
        assert_int_equal(p->content_length, p->body.len);
        r->body = p->body;
    }
}

cr_reply_t
cr_drive(cr_drive_t *d, const cr_call_t *call)
{
    size_t             sent = 0;
    unsigned           turns = 0;
    cr_reply_t         r = { 0 };
    cr_drive_request_t q;

    cr_drive_request(d, call, &q);
    assert_int_equal(cr_exchange_create(d->api, &q.r, &r.x), CR_OK);
    r.x->cx.sys = &d->sys;

    while (r.x->step != CR_STEP_SEND && r.x->step != CR_STEP_DROP) {
        assert_true(++turns < 100000);
        r.steps[r.x->step]++;
        cr_drive_step(call, r.x, &sent);
    }

    r.error = r.x->info.error;

    if (r.x->step == CR_STEP_SEND) {
        r.status = r.x->response.status;
        cr_drive_check(d, call, &r);
    }

    /* The request of this call is gone after it. */
    r.x->request.headers = NULL;
    r.x->request.nheaders = 0;

    return r;
}

void
cr_reply_done(cr_reply_t *r)
{
    cr_exchange_free(r->x);
    r->x = NULL;
}

cr_reply_t
cr_get(cr_drive_t *d, const char *target)
{
    return cr_drive(d, &(cr_call_t){ .target = target });
}

cr_reply_t
cr_head(cr_drive_t *d, const char *target)
{
    return cr_drive(d, &(cr_call_t){ .method = "HEAD", .target = target });
}

cr_reply_t
cr_send(cr_drive_t *d, const char *method, const char *target, cr_str_t body)
{
    return cr_drive(d, &(cr_call_t){
                           .method = method, .target = target, .body = body });
}

const char *
cr_reply_header(cr_drive_t *d, const cr_reply_t *r, const char *name)
{
    for (size_t i = 0; i < r->x->response.nheaders; i++) {
        const cr_header_t *h = &r->x->response.headers[i];

        if (cr_str_case_eq(h->name, cr_str_z(name))) {
            return cr_text(d, "%.*s", CR_STR_ARG(h->value));
        }
    }

    return NULL;
}

/* {"errors":[{"code":ID,"message":TEXT,"detail":...}]} */
static void
cr_expect_error_body(cr_reply_t *r, const char *error)
{
    json_t *root, *one;

    assert_true(cr_str_eq_z(r->x->response.content_type, "application/json"));
    root = json_loadb(r->body.data, r->body.len, 0, NULL);
    assert_non_null(root);
    one = json_array_get(json_object_get(root, "errors"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "code")), error);
    assert_true(json_string_length(json_object_get(one, "message")) > 0);
    assert_non_null(json_object_get(one, "detail"));
    json_decref(root);
}

void
cr_expect_at(cr_reply_t *r, int status, const char *error, const char *file,
             int line)
{
    if (r->status != status || strcmp(r->error, error) != 0) {
        print_error("%s:%d: %d \"%s\" instead of %d \"%s\": %.*s (%.*s)\n",
                    file, line, r->status, r->error, status, error,
                    CR_STR_ARG(r->body), CR_STR_ARG(r->x->info.detail));
    }

    _assert_int_equal((uintmax_t) r->status, (uintmax_t) status, file, line);
    _assert_string_equal(r->error, error, file, line);

    if (error[0] != '\0' && !cr_str_eq_z(r->x->request.method, "HEAD")) {
        cr_expect_error_body(r, error);
    }
}

const char *
cr_drive_basic(cr_drive_t *d, const char *name, const char *password)
{
    cr_str_t s;

    s = cr_base64_encode(&d->cx, cr_str_z(cr_text(d, "%s:%s", name, password)));

    return cr_text(d, "Basic %.*s", CR_STR_ARG(s));
}

const char *
cr_drive_bearer(cr_drive_t *d, const char *scope)
{
    json_t     *root;
    cr_reply_t  r;
    const char *text;

    r = cr_get(d, cr_text(d, "/service/token?service=nginx-registry%s%s",
                          scope != NULL ? "&scope=" : "",
                          scope != NULL ? scope : ""));
    cr_expect(&r, 200, "");
    root = json_loadb(r.body.data, r.body.len, 0, NULL);
    assert_non_null(root);
    text = cr_text(d, "Bearer %s",
                   json_string_value(json_object_get(root, "token")));
    json_decref(root);
    cr_reply_done(&r);

    return text;
}

/* --- content ----------------------------------------------------------- */

const char *
cr_sha256(cr_drive_t *d, cr_str_t body)
{
    cr_digest_t g;

    cr_digest_of(CR_HASH_SHA256, body, &g);

    return cr_text(d, "%s", g.text);
}

const char *
cr_sha512(cr_drive_t *d, cr_str_t body)
{
    cr_digest_t g;

    cr_digest_of(CR_HASH_SHA512, body, &g);

    return cr_text(d, "%s", g.text);
}

const char *
cr_push_blob(cr_drive_t *d, const char *name, cr_str_t body)
{
    cr_reply_t  r;
    const char *digest = cr_sha256(d, body), *where;

    r = cr_send(d, "POST", cr_text(d, "/v2/%s/blobs/uploads/", name),
                CR_STR_NULL);
    cr_expect(&r, 202, "");
    where = cr_reply_header(d, &r, "Location");
    assert_non_null(where);
    cr_reply_done(&r);
    cr_expect_done(cr_send(d, "PUT", cr_text(d, "%s?digest=%s", where, digest),
                           body),
                   201, "");

    return digest;
}

cr_str_t
cr_make_manifest(cr_drive_t *d, const char *name, const char *seed,
                 const char *subject, const char *extra)
{
    const char *config = cr_text(d, "{\"config\":\"%s\"}", seed);
    const char *layer = cr_text(d, "layer of %s", seed);

    return cr_str_z(cr_text(
        d,
        "{\"schemaVersion\":2,\"mediaType\":\"" CR_MT_OCI_MANIFEST "\","
        "\"config\":{\"mediaType\":"
        "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\","
        "\"size\":%zu},\"layers\":[{\"mediaType\":"
        "\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\","
        "\"size\":%zu}]%s%s%s%s}",
        cr_push_blob(d, name, cr_str_z(config)), strlen(config),
        cr_push_blob(d, name, cr_str_z(layer)), strlen(layer),
        subject != NULL ? ",\"subject\":{\"mediaType\":\"" CR_MT_OCI_MANIFEST
                          "\",\"size\":2,\"digest\":\""
                        : "",
        subject != NULL ? subject : "", subject != NULL ? "\"}" : "",
        extra != NULL ? extra : ""));
}

const char *
cr_push_manifest(cr_drive_t *d, const char *name, const char *reference,
                 const char *seed, const char *subject, const char *extra)
{
    cr_str_t    body = cr_make_manifest(d, name, seed, subject, extra);
    const char *digest = cr_sha256(d, body);

    cr_expect_done(
        cr_drive(d,
                 &(cr_call_t){
                     .method = "PUT",
                     .target = cr_text(d, "/v2/%s/manifests/%s", name,
                                       reference != NULL ? reference : digest),
                     .type = CR_MT_OCI_MANIFEST,
                     .body = body,
                 }),
        201, "");

    return digest;
}
