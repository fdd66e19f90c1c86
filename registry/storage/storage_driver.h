/*
 * What a storage driver is: a constant table of functions.  storage.c checks
 * arguments, capabilities and the state of writers before it calls one, so a
 * driver sees only locators that its `valid` accepted and writers without an
 * earlier failure.  Callers include storage.h.
 *
 * A driver embeds cr_storage_t and cr_storage_writer_t as the first member of
 * its own structures.  Tests of the contract: tests/contract/storage.c.
 */

#ifndef CR_STORAGE_STORAGE_DRIVER_H
#define CR_STORAGE_STORAGE_DRIVER_H

#include "storage/storage.h"

/* "xx/" and a UUIDv7, xx being its last two characters. */
#define CR_LOCATOR_LEN 39

struct cr_storage_s {
    const cr_storage_driver_t *driver;
    const cr_sys_t            *sys; /* of the context that opened it */
};

struct cr_storage_writer_s {
    cr_storage_t   *st;
    const cr_sys_t *sys;    /* of the context that made it */
    uint64_t        size;   /* bytes in the file; kept by storage.c */
    bool            synced; /* nothing was written since the last sync */
    cr_err_t        err;    /* the first failure: the writer is of no use */
};

struct cr_storage_driver_s {
    const char *scheme; /* of the URL, without ':' */
    unsigned    features;

    /* --- required ------------------------------------------------------ */

    /* where: the URL behind "scheme:".  Errors as cr_storage_open.  Sets
     * nothing of the base; storage.c does. */
    cr_err_t (*open)(cr_ctx_t *cx, cr_str_t where, cr_storage_t **ret_st);
    /* Frees the store.  No writer is open. */
    void (*close)(cr_storage_t *st);

    /* Is this text a locator this driver could have made?  Never trusts a
     * row: nothing else may reach the functions below. */
    bool (*valid)(cr_str_t locator);

    /* A new file, empty; EXISTS when there is one of that name.  After a
     * failure there is no new file, or an empty one that nobody names. */
    cr_err_t (*create)(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                       cr_storage_writer_t **ret_w);
    /* All of data at w->size, or an error. */
    cr_err_t (*write)(cr_ctx_t *cx, cr_storage_writer_t *w, const void *data,
                      size_t len);
    /* Bytes, name, and folders above on stable storage. */
    cr_err_t (*sync)(cr_ctx_t *cx, cr_storage_writer_t *w);
    /* Close and free w, also on failure. */
    cr_err_t (*writer_close)(cr_ctx_t *cx, cr_storage_writer_t *w);
    /* The same without a context. */
    void (*writer_abort)(cr_storage_writer_t *w);

    /* Errors and results as in storage.h. */
    cr_err_t (*read)(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                     uint64_t offset, void *data, size_t len, size_t *ret_n);
    cr_err_t (*stat)(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                     uint64_t *ret_size);
    cr_err_t (*remove)(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator);
    cr_err_t (*list)(cr_ctx_t *cx, cr_storage_t *st, cr_storage_list_pt fn,
                     void *arg);
    cr_err_t (*info)(cr_ctx_t *cx, cr_storage_t *st,
                     cr_storage_info_t *ret_info);
    cr_err_t (*look)(cr_ctx_t *cx, cr_storage_t *st);

    /* --- optional, by feature ------------------------------------------ */

    /* CR_STORAGE_APPEND.  NOT_FOUND; CORRUPT when shorter than size; when
     * longer: cut, or RANGE_INVALID and left as it is. */
    cr_err_t (*resume)(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                       uint64_t size, bool cut, cr_storage_writer_t **ret_w);
    /* CR_STORAGE_FILES.  Need not exist. */
    cr_err_t (*path)(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                     cr_str_t *ret_path);
};

/* Local disk, or any file system with POSIX semantics that is mounted. */
extern const cr_storage_driver_t cr_storage_filesystem;
/* In this process' memory, for tests: not in cr_storage_drivers. */
extern const cr_storage_driver_t cr_storage_memory;

/* The form of locators that both drivers above have. */
bool cr_storage_locator_valid(cr_str_t locator);

#endif
