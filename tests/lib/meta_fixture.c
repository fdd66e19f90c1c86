/*
 * The fixture of the metadata's tests.  It looks into the file by a
 * connection of its own, which is never open during a call under test.
 */

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "meta/project.h"
#include "meta/user.h"
#include "meta_fixture.h"

/* 2026-01-01T00:00:00Z */
#define META_START INT64_C(1767225600000000)

const cr_audit_who_t WHO = { { 6, "user:1" }, { 5, "admin" }, { 0, "" } };

static int64_t     meta_clock;
static const char *meta_boot;
static cr_sys_t    meta_sys;
static unsigned    meta_locators;


int64_t
meta_now(void)
{
    return meta_clock;
}


void
meta_clock_add(int64_t us)
{
    meta_clock += us;
}


void
meta_boot_id(const char *z_id)
{
    meta_boot = z_id;
}


static ssize_t
meta_pread(int fd, void *data, size_t size, off_t offset)
{
    size_t n;

    (void) fd;
    (void) offset;
    if (meta_boot == NULL) {
        errno = EIO;
        return -1;
    }
    n = strlen(meta_boot);
    n = n < size ? n : size;
    memcpy(data, meta_boot, n);
    return (ssize_t) n;
}


void
meta_ok(meta_fixture_t *fx, cr_err_t err, const char *what, const char *file,
        int line)
{
    if (err == CR_OK) {
        return;
    }
    print_error("%s:%d: %s: %s: %.*s %.*s\n", file, line, what,
                cr_err_info(err)->name, CR_STR_ARG(fx->cx.message),
                CR_STR_ARG(fx->cx.detail));
    _fail(file, line);
}


int
meta_setup_empty(void **state)
{
    meta_fixture_t *fx = calloc(1, sizeof(*fx));
    cr_str_t        url;

    assert_non_null(fx);
    (void) snprintf(fx->dir, sizeof(fx->dir), "/tmp/cr-meta-XXXXXX");
    assert_non_null(mkdtemp(fx->dir));
    (void) snprintf(fx->path, sizeof(fx->path), "%s/registry.db", fx->dir);

    meta_clock = META_START;
    meta_boot = "3d5a8e0c-0000-4000-8000-000000000001\n";
    meta_locators = 0;
    meta_sys = cr_sys_default;
    meta_sys.now_us = meta_now;
    meta_sys.pread = meta_pread;

    assert_int_equal(cr_ctx_init(&fx->cx, 0), CR_OK);
    fx->cx.sys = &meta_sys;
    fx->cx.may_block = true;
    url = cr_printf(&fx->cx, "sqlite:%s", fx->path);
    OK(fx, cr_db_open(&fx->cx, url, CR_DB_CREATE | CR_DB_ANY_SCHEMA, &fx->db));
    *state = fx;
    return 0;
}


int
meta_setup(void **state)
{
    meta_fixture_t *fx;
    int             applied;

    if (meta_setup_empty(state) != 0) {
        return -1;
    }
    fx = *state;
    OK(fx, cr_db_migrate(&fx->cx, fx->db, &applied));
    OK(fx, cr_meta_bootstrap(&fx->cx, fx->db));
    OK(fx, cr_meta_open(&fx->cx, fx->db, &cr_meta_conf_default, &fx->m));
    return 0;
}


void
meta_reopen(meta_fixture_t *fx, const cr_meta_conf_t *conf)
{
    cr_meta_close(fx->m);
    fx->m = NULL;
    OK(fx, cr_meta_open(&fx->cx, fx->db, conf, &fx->m));
}


int
meta_teardown(void **state)
{
    static const char *const names[] = { "", "-wal", "-shm" };

    meta_fixture_t *fx = *state;
    char            path[128];
    size_t          i;

    cr_meta_close(fx->m);
    cr_db_close(fx->db);
    cr_ctx_done(&fx->cx);
    for (i = 0; i < CR_NELTS(names); i++) {
        (void) snprintf(path, sizeof(path), "%s%s", fx->path, names[i]);
        (void) unlink(path);
    }
    (void) rmdir(fx->dir);
    free(fx);
    return 0;
}


/* --- pushing ------------------------------------------------------------ */


cr_err_t
meta_project(meta_fixture_t *fx, cr_str_t name, bool is_public,
             cr_project_t *ret_p)
{
    int64_t          id;
    cr_project_new_t n = { .name = name,
                           .is_public = is_public,
                           .storage_limit = -1 };

    CR_TRY(cr_project_create(&fx->cx, fx->m, &n, &WHO, &id));

    return cr_project_by_id(&fx->cx, fx->m, id, ret_p);
}


cr_err_t
meta_set_public(meta_fixture_t *fx, cr_str_t name, bool is_public)
{
    cr_project_t     p;
    cr_project_set_t set = { .is_public = &is_public };

    CR_TRY(cr_project_by_name(&fx->cx, fx->m, name, &p));

    return cr_project_set(&fx->cx, fx->m, p.id, &set, &WHO);
}


int64_t
meta_user(meta_fixture_t *fx, const char *z_name)
{
    int64_t       id;
    cr_user_new_t n = { .name = cr_str_z(z_name) };

    OK(fx, cr_user_create(&fx->cx, fx->m, &n, &WHO, &id));
    return id;
}


cr_name_t
meta_name(meta_fixture_t *fx, const char *z_name)
{
    cr_name_t name;

    OK(fx, cr_name_parse(&fx->cx, cr_str_z(z_name), &name));
    return name;
}


cr_reference_t
meta_ref(meta_fixture_t *fx, const char *z_ref)
{
    cr_reference_t ref;

    OK(fx, cr_reference_parse(&fx->cx, cr_str_z(z_ref), &ref));
    return ref;
}


cr_digest_t
meta_digest(const char *z_content)
{
    cr_digest_t d;

    cr_digest_of(CR_HASH_SHA256, cr_str_z(z_content), &d);
    return d;
}


cr_digest_t
meta_blob(meta_fixture_t *fx, const char *z_repository, const char *z_content)
{
    cr_name_t   name = meta_name(fx, z_repository);
    cr_digest_t d = meta_digest(z_content);

    cr_upload_file_t f = { 0 };

    f.locator = cr_printf(&fx->cx, "l/%u", ++meta_locators);
    f.size = strlen(z_content);
    OK(fx, cr_upload_publish(&fx->cx, fx->m, &name, &d, &f));
    return d;
}


cr_err_t
meta_put(meta_fixture_t *fx, const char *z_repository, const char *z_tag,
         cr_str_t body, bool sparse, cr_digest_t *ret_d)
{
    cr_manifest_t     mf;
    cr_name_t         name = meta_name(fx, z_repository);
    cr_str_t          tag = cr_str_z(z_tag);
    cr_manifest_put_t put = {
        .name = &name,
        .manifest = &mf,
        .body = body,
        .tags = &tag,
        .ntags = z_tag == NULL ? 0 : 1,
        .allow_sparse = sparse,
        .who = &WHO,
    };

    OK(fx, cr_manifest_parse(&fx->cx, body, CR_STR_NULL, &mf));
    cr_digest_of(CR_HASH_SHA256, body, &put.digest);
    *ret_d = put.digest;
    return cr_manifest_put(&fx->cx, fx->m, &put);
}


cr_str_t
meta_image_body(meta_fixture_t *fx, const meta_image_t *im)
{
    cr_digest_t c = meta_digest(im->config), l = meta_digest(im->layer);
    cr_str_t    body;
    cr_buf_t    b;

    cr_buf_init(&b, &fx->cx, 100000);
    cr_buf_printf(&b,
                  "{\"schemaVersion\":2,\"mediaType\":\"%s\","
                  "\"config\":{\"mediaType\":\"application/"
                  "vnd.oci.image.config.v1+json\",\"digest\":\"%s\","
                  "\"size\":%zu},"
                  "\"layers\":[{\"mediaType\":\"application/"
                  "vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\","
                  "\"size\":%zu}]",
                  CR_MT_OCI_MANIFEST, c.text, strlen(im->config), l.text,
                  strlen(im->layer));
    if (im->artifact_type != NULL) {
        cr_buf_printf(&b, ",\"artifactType\":\"%s\"", im->artifact_type);
    }
    if (im->annotations != NULL) {
        cr_buf_printf(&b, ",\"annotations\":%s", im->annotations);
    }
    if (im->subject != NULL) {
        cr_buf_printf(&b,
                      ",\"subject\":{\"mediaType\":\"%s\",\"digest\":\"%s\","
                      "\"size\":7}",
                      CR_MT_OCI_MANIFEST, im->subject->text);
    }
    cr_buf_char(&b, '}');
    OK(fx, cr_buf_end(&b, &body));
    return body;
}


cr_digest_t
meta_image(meta_fixture_t *fx, const char *z_repository, const char *z_tag,
           const meta_image_t *im)
{
    cr_digest_t d;

    if (im->push) {
        (void) meta_blob(fx, z_repository, im->config);
        (void) meta_blob(fx, z_repository, im->layer);
    }
    OK(fx,
       meta_put(fx, z_repository, z_tag, meta_image_body(fx, im), false, &d));
    return d;
}


cr_digest_t
meta_push(meta_fixture_t *fx, const char *z_repository, const char *z_tag,
          const char *z_layer)
{
    meta_image_t im = { .config = "c", .layer = z_layer, .push = true };

    return meta_image(fx, z_repository, z_tag, &im);
}


cr_str_t
meta_index_body(meta_fixture_t *fx, const cr_digest_t *children,
                const size_t *sizes, size_t n)
{
    cr_str_t body;
    cr_buf_t b;
    size_t   i;

    cr_buf_init(&b, &fx->cx, 1000000);
    cr_buf_printf(&b,
                  "{\"schemaVersion\":2,\"mediaType\":\"%s\","
                  "\"manifests\":[",
                  CR_MT_OCI_INDEX);
    for (i = 0; i < n; i++) {
        cr_buf_printf(&b,
                      "%s{\"mediaType\":\"%s\",\"digest\":\"%s\","
                      "\"size\":%zu}",
                      i == 0 ? "" : ",", CR_MT_OCI_MANIFEST, children[i].text,
                      sizes[i]);
    }
    cr_buf_z(&b, "]}");
    OK(fx, cr_buf_end(&b, &body));
    return body;
}


/* --- looking ------------------------------------------------------------ */


static sqlite3 *
meta_raw(meta_fixture_t *fx)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(fx->path, &db), SQLITE_OK);
    (void) sqlite3_busy_timeout(db, 5000);
    return db;
}


int64_t
meta_int(meta_fixture_t *fx, const char *z_sql)
{
    sqlite3      *db = meta_raw(fx);
    sqlite3_stmt *st;
    int64_t       n;
    int           rc;

    rc = sqlite3_prepare_v2(db, z_sql, -1, &st, NULL);
    if (rc != SQLITE_OK) {
        print_error("%s: %s\n", z_sql, sqlite3_errmsg(db));
    }
    assert_int_equal(rc, SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    n = sqlite3_column_int64(st, 0);
    (void) sqlite3_finalize(st);
    (void) sqlite3_close(db);
    return n;
}


void
meta_exec(meta_fixture_t *fx, const char *z_sql)
{
    sqlite3 *db = meta_raw(fx);
    char    *error = NULL;

    if (sqlite3_exec(db, z_sql, NULL, NULL, &error) != SQLITE_OK) {
        print_error("%s: %s\n", z_sql, error);
        sqlite3_free(error);
        assert_true(false);
    }
    (void) sqlite3_close(db);
}


int64_t
meta_audits(meta_fixture_t *fx, const char *z_what, const char *z_description)
{
    char sql[512];

    (void) snprintf(sql, sizeof(sql),
                    "SELECT count(*) FROM audit WHERE success = 1 AND "
                    "operation || ' ' || resource_type || ' ' || resource "
                    "= '%s' AND (%d OR description = '%s')",
                    z_what, z_description == NULL,
                    z_description == NULL ? "" : z_description);
    return meta_int(fx, sql);
}
