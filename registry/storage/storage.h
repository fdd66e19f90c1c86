/*
 * Where blob bytes live, for callers.  A locator is a text that only the
 * driver understands; it is unique (made from a UUIDv7), has one writer,
 * and is never renamed or overwritten (DESIGN section 3, rule 3).  Drivers:
 * storage_driver.h.  A cr_storage_t may be used by any number of threads; a
 * writer by one at a time, and after a failure only to close or abort it.
 *
 * Where the context may not block, sync, append_from, list, look and check
 * return CR_ERR_AGAIN.  A locator that no driver made is CORRUPT everywhere;
 * one that leads to a link, a folder or a FIFO is so to whoever reads or
 * resumes it.
 */

#ifndef CR_STORAGE_STORAGE_H
#define CR_STORAGE_STORAGE_H

#include "core/ctx.h"

#define CR_LOCATOR_MAX 128

typedef struct cr_storage_s        cr_storage_t;
typedef struct cr_storage_writer_s cr_storage_writer_t;
typedef struct cr_storage_driver_s cr_storage_driver_t;

/* What a driver can do (cr_storage_features). */
#define CR_STORAGE_APPEND 0x01u /* a released file may be gone on with */
#define CR_STORAGE_FILES  0x02u /* cr_storage_path works */

typedef struct cr_storage_info_s {
    uint64_t total_size; /* bytes; 0: unknown */
    uint64_t free_size;
} cr_storage_info_t;

/*
 * Open the store at url ("filesystem:/path", "memory:"), with the driver of
 * that scheme out of the NULL-terminated list.  The store outlives the
 * context.  CONFIG: unknown scheme or bad URL; IO: the folder is missing or
 * not ours to write to (it is created when its parent exists).
 */
cr_err_t cr_storage_open(cr_ctx_t *cx, const cr_storage_driver_t *const *list,
                         cr_str_t url, cr_storage_t **ret_st);
void     cr_storage_close(cr_storage_t *st); /* takes NULL */
unsigned cr_storage_features(const cr_storage_t *st);
/* The drivers this build has. */
extern const cr_storage_driver_t *const cr_storage_drivers[];

/* A new locator in the context's arena; nothing is created yet. */
cr_err_t cr_storage_locator(cr_ctx_t *cx, cr_storage_t *st, cr_str_t *ret_l);

/*
 * Create the file of a new locator and open it for writing at 0.  The writer
 * is on the heap and must be closed.
 */
cr_err_t cr_storage_create(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                           cr_storage_writer_t **ret_w);
/*
 * Go on in an existing file: cut to size bytes, write after them.  Needs
 * CR_STORAGE_APPEND.  CORRUPT when the file is shorter than size.
 */
cr_err_t cr_storage_resume(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                           uint64_t size, cr_storage_writer_t **ret_w);
/*
 * Open a file that has size bytes, only to sync it: nothing is changed, so
 * this needs no claim on it.  RANGE_INVALID when it is longer.
 */
cr_err_t cr_storage_reopen(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                           uint64_t size, cr_storage_writer_t **ret_w);
/* All of data, or an error: NO_SPACE, IO. */
cr_err_t cr_storage_write(cr_ctx_t *cx, cr_storage_writer_t *w,
                          const void *data, size_t len);
/* Bytes and directory entry are on stable storage when this returns OK.
 * NOT_FOUND: the file was removed meanwhile. */
cr_err_t cr_storage_sync(cr_ctx_t *cx, cr_storage_writer_t *w);
/* Close; an error of close(2) is an error of the write.  w is gone. */
cr_err_t cr_storage_writer_close(cr_ctx_t *cx, cr_storage_writer_t *w);
/* Close without caring; for error paths and destructors.  Takes NULL. */
void cr_storage_writer_abort(cr_storage_writer_t *w);

/*
 * Append the bytes [0, size) of src to w (segments joined at commit).
 */
cr_err_t cr_storage_append_from(cr_ctx_t *cx, cr_storage_t *st,
                                cr_storage_writer_t *w, cr_str_t src,
                                uint64_t size);

/* Read up to len bytes at offset; *ret_n < len only at the end.  NOT_FOUND
 * when the file is missing. */
cr_err_t cr_storage_read(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                         uint64_t offset, void *data, size_t len,
                         size_t *ret_n);
/* NOT_FOUND when missing. */
cr_err_t cr_storage_stat(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                         uint64_t *ret_size);
/* Absolute path, NUL-terminated, in the arena.  Needs CR_STORAGE_FILES. */
cr_err_t cr_storage_path(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
                         cr_str_t *ret_path);
/* Idempotent: a missing file is success. */
cr_err_t cr_storage_remove(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator);

/*
 * Call fn for each stored file, any order.  An error of fn ends the walk and
 * is returned.  For the orphan sweep only, never in a request.
 */
typedef cr_err_t (*cr_storage_list_pt)(cr_ctx_t *cx, void *arg,
                                       cr_str_t locator, uint64_t size);
cr_err_t cr_storage_list(cr_ctx_t *cx, cr_storage_t *st, cr_storage_list_pt fn,
                         void *arg);

cr_err_t cr_storage_info(cr_ctx_t *cx, cr_storage_t *st,
                         cr_storage_info_t *ret_info);
/* Can what is stored be read now?  IO: the place is not there any more. */
cr_err_t cr_storage_look(cr_ctx_t *cx, cr_storage_t *st);
/* Can bytes be written now?  Writes and removes a probe (for /readyz). */
cr_err_t cr_storage_check(cr_ctx_t *cx, cr_storage_t *st);

/* Creation time from the UUIDv7 in a locator, microseconds UTC; 0: none. */
int64_t cr_storage_locator_time(cr_str_t locator);

#endif
