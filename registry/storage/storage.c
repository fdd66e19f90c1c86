/*
 * The front of storage: finds the driver, checks what every driver would
 * have to check, and holds what they have in common (locators, sticky
 * errors, joining, the probe).  No file is touched here.  Threads: as
 * storage.h says.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "core/crash.h"
#include "core/encode.h"
#include "core/redact.h"
#include "storage/storage_driver.h"

#define STORAGE_COPY_SIZE    (1024 * 1024)

#define LOCATOR_PREFIX_LEN   3  /* "xx/" */
#define LOCATOR_VERSION_AT   14 /* the version digit of a UUID */
#define LOCATOR_UUID_VERSION '7'

const cr_storage_driver_t *const cr_storage_drivers[] = {
    &cr_storage_filesystem,
    NULL,
};


/* --- the store --------------------------------------------------------- */

static void
storage_check_driver(const cr_storage_driver_t *d)
{
    assert(d->scheme != NULL && d->open != NULL && d->close != NULL);
    assert(d->valid != NULL && d->create != NULL && d->write != NULL);
    assert(d->sync != NULL && d->writer_close != NULL);
    assert(d->writer_abort != NULL && d->read != NULL && d->stat != NULL);
    assert(d->remove != NULL && d->list != NULL && d->info != NULL);
    assert(d->look != NULL);
    assert(!(d->features & CR_STORAGE_APPEND) || d->resume != NULL);
    assert(!(d->features & CR_STORAGE_FILES) || d->path != NULL);
    (void) d;
}


cr_err_t
cr_storage_open(cr_ctx_t *cx, const cr_storage_driver_t *const *list,
                cr_str_t url, cr_storage_t **ret_st)
{
    cr_storage_t *st;
    cr_str_t      scheme, where, shown;
    ptrdiff_t     colon;
    size_t        i;

    shown = cr_redact_url(cx, url);
    colon = cr_str_chr(url, ':');
    if (colon <= 0) {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "storage \"%.*s\": must be DRIVER:PLACE, for "
                              "example filesystem:/var/lib/registry/blobs",
                              CR_STR_ARG(shown));
    }
    scheme = cr_str_slice(url, 0, (size_t) colon);
    where = cr_str_slice(url, (size_t) colon + 1, url.len);

    for (i = 0; list[i] != NULL; i++) {
        if (!cr_str_eq_z(scheme, list[i]->scheme)) {
            continue;
        }
        storage_check_driver(list[i]);
        CR_TRY(list[i]->open(cx, where, &st));
        st->driver = list[i];
        st->sys = cx->sys;
        *ret_st = st;
        return CR_OK;
    }

    return cr_fail_detail(cx, CR_ERR_CONFIG,
                          "storage \"%.*s\": no driver of that name",
                          CR_STR_ARG(shown));
}


void
cr_storage_close(cr_storage_t *st)
{
    if (st != NULL) {
        st->driver->close(st);
    }
}


unsigned
cr_storage_features(const cr_storage_t *st)
{
    return st->driver->features;
}


/* --- locators ---------------------------------------------------------- */

cr_err_t
cr_storage_locator(cr_ctx_t *cx, cr_storage_t *st, cr_str_t *ret_l)
{
    char     uuid[CR_UUID_LEN];
    cr_str_t s = { CR_UUID_LEN, uuid };
    cr_str_t l;

    (void) st;

    CR_TRY(cr_uuid_make(cx, uuid));

    /* The tail is random: files spread evenly over the folders. */
    l = cr_printf(cx, "%.2s/%.*s", uuid + CR_UUID_LEN - 2, CR_STR_ARG(s));
    if (l.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }
    *ret_l = l;

    return CR_OK;
}


bool
cr_storage_locator_valid(cr_str_t locator)
{
    cr_str_t uuid, tail;

    if (locator.len != CR_LOCATOR_LEN || locator.data[2] != '/') {
        return false;
    }

    uuid = cr_str_slice(locator, LOCATOR_PREFIX_LEN, locator.len);
    tail = cr_str_slice(uuid, uuid.len - 2, uuid.len);

    return cr_uuid_valid(uuid)
           && uuid.data[LOCATOR_VERSION_AT] == LOCATOR_UUID_VERSION
           && cr_str_eq(tail, cr_str_slice(locator, 0, 2));
}


int64_t
cr_storage_locator_time(cr_str_t locator)
{
    if (locator.len < CR_UUID_LEN) {
        return 0;
    }
    return cr_uuid_time(
        cr_str_slice(locator, locator.len - CR_UUID_LEN, locator.len));
}


/* Locators come from rows: a bad one is damage, and never a path. */
static cr_err_t
storage_check_locator(cr_ctx_t *cx, const cr_storage_t *st, cr_str_t locator)
{
    if (locator.len > CR_LOCATOR_MAX || !st->driver->valid(locator)) {
        return cr_fail_detail(cx, CR_ERR_CORRUPT, "locator \"%.*s\" is invalid",
                              CR_STR_ARG(locator));
    }
    return CR_OK;
}


static cr_err_t
storage_need(cr_ctx_t *cx, const cr_storage_t *st, unsigned feature,
             const char *z_what)
{
    if ((st->driver->features & feature) == 0) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL,
                              "storage driver \"%s\" has no %s",
                              st->driver->scheme, z_what);
    }
    return CR_OK;
}


static cr_err_t
storage_may_block(cr_ctx_t *cx)
{
    return cx->may_block ? CR_OK : cr_fail(cx, CR_ERR_AGAIN, NULL);
}


/* --- writing ----------------------------------------------------------- */

cr_err_t
cr_storage_create(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                  cr_storage_writer_t **ret_w)
{
    cr_storage_writer_t *w;

    CR_TRY(storage_check_locator(cx, st, locator));
    CR_TRY(st->driver->create(cx, st, locator, &w));
    CR_CRASH("storage.created");
    w->st = st;
    w->sys = cx->sys;
    w->size = 0;
    w->synced = false;
    w->err = CR_OK;
    *ret_w = w;

    return CR_OK;
}


static cr_err_t
storage_resume(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator, uint64_t size,
               bool cut, cr_storage_writer_t **ret_w)
{
    cr_storage_writer_t *w;

    CR_TRY(storage_need(cx, st, CR_STORAGE_APPEND, "resume"));
    CR_TRY(storage_check_locator(cx, st, locator));
    CR_TRY(st->driver->resume(cx, st, locator, size, cut, &w));
    w->st = st;
    w->sys = cx->sys;
    w->size = size;
    w->synced = false;
    w->err = CR_OK;
    *ret_w = w;

    return CR_OK;
}


cr_err_t
cr_storage_resume(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                  uint64_t size, cr_storage_writer_t **ret_w)
{
    return storage_resume(cx, st, locator, size, true, ret_w);
}


cr_err_t
cr_storage_reopen(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                  uint64_t size, cr_storage_writer_t **ret_w)
{
    return storage_resume(cx, st, locator, size, false, ret_w);
}


/*
 * After a failed write or sync nobody knows what is in the file (the kernel
 * drops pages it could not write, and the next fsync succeeds): a writer that
 * failed once keeps failing.
 */
static cr_err_t
storage_writer_check(cr_ctx_t *cx, const cr_storage_writer_t *w)
{
    if (w->err != CR_OK) {
        return cr_fail_detail(cx, w->err, "the writer failed before");
    }
    return CR_OK;
}


cr_err_t
cr_storage_write(cr_ctx_t *cx, cr_storage_writer_t *w, const void *data,
                 size_t len)
{
    CR_TRY(storage_writer_check(cx, w));

    if (len == 0) {
        return CR_OK;
    }
    if (len > INT64_MAX - w->size) {
        w->err = cr_fail_detail(cx, CR_ERR_IO, "file larger than 2^63");
        return w->err;
    }

    w->synced = false;
    w->err = w->st->driver->write(cx, w, data, len);
    if (w->err == CR_OK) {
        w->size += len;
    }
    CR_CRASH("storage.written");

    return w->err;
}


cr_err_t
cr_storage_sync(cr_ctx_t *cx, cr_storage_writer_t *w)
{
    CR_TRY(storage_may_block(cx));
    CR_TRY(storage_writer_check(cx, w));

    if (w->synced) {
        return CR_OK;
    }

    CR_CRASH("storage.sync");
    w->err = w->st->driver->sync(cx, w);
    w->synced = w->err == CR_OK;

    return w->err;
}


cr_err_t
cr_storage_writer_close(cr_ctx_t *cx, cr_storage_writer_t *w)
{
    cr_err_t err = storage_writer_check(cx, w);

    if (err != CR_OK) {
        cr_storage_writer_abort(w);
        return err;
    }
    return w->st->driver->writer_close(cx, w);
}


void
cr_storage_writer_abort(cr_storage_writer_t *w)
{
    if (w != NULL) {
        w->st->driver->writer_abort(w);
    }
}


cr_err_t
cr_storage_append_from(cr_ctx_t *cx, cr_storage_t *st, cr_storage_writer_t *w,
                       cr_str_t src, uint64_t size)
{
    char    *data;
    size_t   want, n = 0;
    uint64_t offset = 0;
    cr_err_t err = CR_OK;

    CR_TRY(storage_may_block(cx));
    CR_TRY(storage_writer_check(cx, w));
    CR_TRY(storage_check_locator(cx, st, src));

    /* Not in the arena: a join may outlive many of these. */
    data = malloc(STORAGE_COPY_SIZE);
    if (data == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    while (err == CR_OK && offset < size) {
        want = size - offset < STORAGE_COPY_SIZE ? (size_t) (size - offset)
                                                 : STORAGE_COPY_SIZE;
        err = st->driver->read(cx, st, src, offset, data, want, &n);
        if (err == CR_OK && n < want) {
            err = cr_fail_detail(cx, CR_ERR_CORRUPT,
                                 "\"%.*s\" is shorter than acknowledged",
                                 CR_STR_ARG(src));
        }
        if (err == CR_OK) {
            err = cr_storage_write(cx, w, data, n);
        }
        offset += n;
    }

    free(data);

    /* Half a segment is in the file: nothing may follow it. */
    if (err != CR_OK && w->err == CR_OK) {
        w->err = err;
    }

    return err;
}


/* --- reading, removing ------------------------------------------------- */

cr_err_t
cr_storage_read(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                uint64_t offset, void *data, size_t len, size_t *ret_n)
{
    CR_TRY(storage_check_locator(cx, st, locator));

    return st->driver->read(cx, st, locator, offset, data, len, ret_n);
}


cr_err_t
cr_storage_stat(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                uint64_t *ret_size)
{
    CR_TRY(storage_check_locator(cx, st, locator));

    return st->driver->stat(cx, st, locator, ret_size);
}


cr_err_t
cr_storage_path(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                cr_str_t *ret_path)
{
    CR_TRY(storage_need(cx, st, CR_STORAGE_FILES, "paths"));
    CR_TRY(storage_check_locator(cx, st, locator));

    return st->driver->path(cx, st, locator, ret_path);
}


cr_err_t
cr_storage_remove(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator)
{
    CR_TRY(storage_check_locator(cx, st, locator));

    CR_TRY(st->driver->remove(cx, st, locator));
    CR_CRASH("storage.removed");

    return CR_OK;
}


cr_err_t
cr_storage_list(cr_ctx_t *cx, cr_storage_t *st, cr_storage_list_pt fn,
                void *arg)
{
    CR_TRY(storage_may_block(cx));

    return st->driver->list(cx, st, fn, arg);
}


cr_err_t
cr_storage_info(cr_ctx_t *cx, cr_storage_t *st, cr_storage_info_t *ret_info)
{
    return st->driver->info(cx, st, ret_info);
}


cr_err_t
cr_storage_look(cr_ctx_t *cx, cr_storage_t *st)
{
    CR_TRY(storage_may_block(cx));

    return st->driver->look(cx, st);
}


static cr_err_t
storage_probe(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator)
{
    cr_err_t             err;
    cr_storage_writer_t *w;

    static const char probe[] = "probe\n";

    CR_TRY(cr_storage_create(cx, st, locator, &w));

    err = cr_storage_write(cx, w, probe, sizeof(probe) - 1);
    if (err == CR_OK) {
        err = cr_storage_sync(cx, w);
    }
    if (err != CR_OK) {
        cr_storage_writer_abort(w);
        return err;
    }

    return cr_storage_writer_close(cx, w);
}


cr_err_t
cr_storage_check(cr_ctx_t *cx, cr_storage_t *st)
{
    cr_err_t err;
    cr_str_t locator, detail;

    CR_TRY(storage_may_block(cx));
    CR_TRY(cr_storage_locator(cx, st, &locator));

    err = storage_probe(cx, st, locator);
    if (err == CR_OK) {
        return cr_storage_remove(cx, st, locator);
    }

    /* Leave nothing behind, and report the failure that came first. */
    detail = cx->detail;
    if (cr_storage_remove(cx, st, locator) != CR_OK) {
        cr_debug(cx, "the probe \"%.*s\" stays", CR_STR_ARG(locator));
        return cr_fail_detail(cx, err, "%.*s", CR_STR_ARG(detail));
    }

    return err;
}
