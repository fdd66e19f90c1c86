/*
 * A registry for the tests of the job runner: a scratch folder with a
 * migrated database and a store, a runner over them, and a clock that the
 * test moves.  Everything is static: each test program has its own.
 */

#ifndef CR_TEST_JOBRUNNER_FIXTURE_H
#define CR_TEST_JOBRUNNER_FIXTURE_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "core/encode.h"
#include "job_table.h"
#include "meta/manifest.h"
#include "meta/reclaim.h"
#include "meta/setting.h"
#include "meta/upload.h"

typedef struct fixture_s {
    char        z_dir[64];
    char        z_url[96];
    char        z_path[96];
    cr_ctx_t    cx;
    cr_sys_t    sys; /* the default with the fixture's clock */
    cr_db_t    *db;
    cr_runner_t runner;
    cr_log_t    log; /* goes nowhere */
} fixture_t;

#define FIXTURE_OK(f, expr)                                                    \
    do {                                                                       \
        cr_err_t fixture_err_ = (expr);                                        \
        if (fixture_err_ != CR_OK) {                                           \
            fail_msg("%s: %s: %.*s %.*s", #expr,                               \
                     cr_err_info(fixture_err_)->name,                          \
                     CR_STR_ARG((f)->cx.message), CR_STR_ARG((f)->cx.detail)); \
        }                                                                      \
    } while (0)


/* The clock is an offset: time goes on, and a test can jump. */
static inline _Atomic int64_t *
fixture_offset(void)
{
    static _Atomic int64_t offset;

    return &offset;
}


static inline int64_t
fixture_now(void)
{
    return cr_sys_default.now_us() + *fixture_offset();
}


static inline void
fixture_jump(int64_t us)
{
    *fixture_offset() += us;
}


/* A database without settings: nginx has not been started. */
static inline void
fixture_init_bare(fixture_t *f)
{
    int n, applied;

    memset(f, 0, sizeof(*f));
    *fixture_offset() = 0;
    assert_int_equal(cr_ctx_init(&f->cx, 0), CR_OK);
    f->sys = cr_sys_default;
    f->sys.now_us = fixture_now;
    f->cx.sys = &f->sys;
    f->log = (cr_log_t){ -1, CR_LOG_DEBUG, &f->sys };

    snprintf(f->z_dir, sizeof(f->z_dir), "/tmp/test-jobrunner-XXXXXX");
    assert_non_null(mkdtemp(f->z_dir));
    n = snprintf(f->z_path, sizeof(f->z_path), "%s/r.db", f->z_dir);
    assert_true(n > 0 && (size_t) n < sizeof(f->z_path));
    n = snprintf(f->z_url, sizeof(f->z_url), "sqlite:%s", f->z_path);
    assert_true(n > 0 && (size_t) n < sizeof(f->z_url));

    FIXTURE_OK(f, cr_db_open(&f->cx, cr_str_z(f->z_url),
                             CR_DB_CREATE | CR_DB_ANY_SCHEMA, &f->db));
    FIXTURE_OK(f, cr_db_migrate(&f->cx, f->db, &applied));
    FIXTURE_OK(f, cr_meta_bootstrap(&f->cx, f->db));
    FIXTURE_OK(f, cr_runner_attach(&f->cx, f->db, &f->runner));
}


static inline void
fixture_set(fixture_t *f, const char *name, const char *value)
{
    FIXTURE_OK(f,
               cr_setting_put(&f->cx, f->runner.meta, name, cr_str_z(value)));
}


/* The same, and what nginx writes when it starts. */
static inline void
fixture_init(fixture_t *f)
{
    cr_str_t url;

    fixture_init_bare(f);
    url = cr_printf(&f->cx, "filesystem:%s/blobs", f->z_dir);
    fixture_set(f, CR_SETTING_STORAGE_URL, url.data);
    fixture_set(f, CR_SETTING_GRACE_US, "3600000000");
    fixture_set(f, CR_SETTING_TRASH_US, "7200000000");
    fixture_set(f, CR_SETTING_UPLOAD_EXPIRES, "10800000000");
    FIXTURE_OK(f, cr_runner_refresh(&f->cx, &f->runner));
    FIXTURE_OK(f, cr_runner_storage(&f->cx, &f->runner));
}


static inline int
fixture_remove(const char *z_path, const struct stat *st, int flag,
               struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;

    return remove(z_path);
}


static inline void
fixture_done(fixture_t *f)
{
    cr_runner_close(&f->runner);
    cr_db_close(f->db);
    cr_ctx_done(&f->cx);
    assert_int_equal(nftw(f->z_dir, fixture_remove, 8, FTW_DEPTH | FTW_PHYS),
                     0);
}


/* Store bytes under a new locator, as an upload does; no row yet. */
static inline cr_str_t
fixture_store(fixture_t *f, const char *text)
{
    cr_str_t             locator;
    cr_storage_writer_t *w;

    FIXTURE_OK(f, cr_storage_locator(&f->cx, f->runner.storage, &locator));
    FIXTURE_OK(f, cr_storage_create(&f->cx, f->runner.storage, locator, &w));
    FIXTURE_OK(f, cr_storage_write(&f->cx, w, text, strlen(text)));
    FIXTURE_OK(f, cr_storage_sync(&f->cx, w));
    FIXTURE_OK(f, cr_storage_writer_close(&f->cx, w));
    return locator;
}


static inline cr_name_t
fixture_name(fixture_t *f, const char *z)
{
    cr_name_t name;

    FIXTURE_OK(f, cr_name_parse(&f->cx, cr_str_z(z), &name));
    return name;
}


/* Publish text as a blob of the repository; returns its locator. */
static inline cr_str_t
fixture_blob(fixture_t *f, const char *repository, const char *text,
             cr_digest_t *ret_d)
{
    cr_name_t        name;
    cr_upload_file_t file = { 0 };

    name = fixture_name(f, repository);
    file.locator = fixture_store(f, text);
    file.size = strlen(text);
    cr_digest_of(CR_HASH_SHA256, cr_str_z(text), ret_d);
    FIXTURE_OK(f,
               cr_upload_publish(&f->cx, f->runner.meta, &name, ret_d, &file));
    return file.locator;
}


static inline bool
fixture_stored(fixture_t *f, cr_str_t locator)
{
    cr_err_t err;
    uint64_t size;

    err = cr_storage_stat(&f->cx, f->runner.storage, locator, &size);
    assert_true(err == CR_OK || err == CR_ERR_NOT_FOUND);
    cr_clear(&f->cx);
    return err == CR_OK;
}


/* Run a job by hand, in a context that it may reset. */
static inline cr_err_t
fixture_run(fixture_t *f, const char *kind, cr_job_run_t *run)
{
    cr_ctx_t             cx;
    cr_err_t             err;
    const cr_job_kind_t *k;

    k = cr_job_kind_find(cr_str_z(kind));
    assert_non_null(k);
    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);
    cx.sys = &f->sys;
    run->runner = &f->runner;
    run->log = &f->log;
    run->failed = 0;
    err = cr_job_run(&cx, k, run);
    run->result = cr_dup(&f->cx, run->result);
    f->cx.err = err;
    f->cx.message = cr_dup(&f->cx, cx.message);
    f->cx.detail = cr_dup(&f->cx, cx.detail);
    cr_ctx_done(&cx);
    return err;
}


static inline void
fixture_run_ok(fixture_t *f, const char *kind, const char *result)
{
    cr_job_run_t run;

    memset(&run, 0, sizeof(run));
    FIXTURE_OK(f, fixture_run(f, kind, &run));

    if (!cr_str_eq_z(run.result, result)) {
        fail_msg("%s: %.*s, not %s", kind, CR_STR_ARG(run.result), result);
    }
}

#endif
