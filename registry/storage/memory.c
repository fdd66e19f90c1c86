/*
 * Files in this process' memory, for tests of what stands on storage.  It
 * has the semantics of the filesystem driver, except that nothing survives.
 * One mutex per store; a file that is removed stays as long as a writer has
 * it open, as an unlinked file does.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "storage/storage_driver.h"

#define MEMORY_BUCKETS    64
#define MEMORY_FIRST_SIZE 4096

typedef struct memory_file_s memory_file_t;

struct memory_file_s {
    memory_file_t *next;
    unsigned       nrefs; /* the table, and each writer */
    bool           removed;
    char          *data;
    size_t         size;
    size_t         room;
    char           locator[CR_LOCATOR_LEN];
};

typedef struct memory_store_s {
    cr_storage_t    base;
    pthread_mutex_t lock; /* of all below, and of the files */
    memory_file_t  *buckets[MEMORY_BUCKETS];
} memory_store_t;

typedef struct memory_writer_s {
    cr_storage_writer_t base;
    memory_file_t      *file;
} memory_writer_t;


static cr_err_t
memory_open(cr_ctx_t *cx, cr_str_t where, cr_storage_t **ret_st)
{
    memory_store_t *ms;

    if (where.len != 0) {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "storage \"memory:\" takes no place");
    }

    ms = calloc(1, sizeof(memory_store_t));
    if (ms == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }
    if (pthread_mutex_init(&ms->lock, NULL) != 0) {
        free(ms);
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }
    *ret_st = &ms->base;

    return CR_OK;
}


/* Called with the lock held, or when nobody else has the store. */
static void
memory_unref(memory_file_t *f)
{
    if (--f->nrefs == 0) {
        free(f->data);
        free(f);
    }
}


static void
memory_close(cr_storage_t *st)
{
    memory_store_t *ms = (memory_store_t *) st;
    memory_file_t  *f, *next;
    size_t          i;

    for (i = 0; i < MEMORY_BUCKETS; i++) {
        for (f = ms->buckets[i]; f != NULL; f = next) {
            next = f->next;
            memory_unref(f);
        }
    }
    (void) pthread_mutex_destroy(&ms->lock);
    free(ms);
}


/* The link that points at the file, or the one at the end of its bucket. */
static memory_file_t **
memory_find(memory_store_t *ms, cr_str_t locator)
{
    memory_file_t **link;
    unsigned char   last = (unsigned char) locator.data[locator.len - 1];
    unsigned char   before = (unsigned char) locator.data[locator.len - 2];

    link = &ms->buckets[(last ^ (before << 4)) % MEMORY_BUCKETS];
    while (*link != NULL
           && memcmp((*link)->locator, locator.data, CR_LOCATOR_LEN) != 0)
    {
        link = &(*link)->next;
    }

    return link;
}


static cr_err_t
memory_missing(cr_ctx_t *cx, cr_str_t locator)
{
    return cr_fail_detail(cx, CR_ERR_NOT_FOUND, "\"%.*s\": no such file",
                          CR_STR_ARG(locator));
}


/* --- writers ----------------------------------------------------------- */

static cr_err_t
memory_create(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
              cr_storage_writer_t **ret_w)
{
    memory_store_t  *ms = (memory_store_t *) st;
    memory_writer_t *w = calloc(1, sizeof(memory_writer_t));
    memory_file_t   *f = calloc(1, sizeof(memory_file_t));
    memory_file_t  **link;

    if (w == NULL || f == NULL) {
        free(w);
        free(f);
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }
    memcpy(f->locator, locator.data, CR_LOCATOR_LEN);
    f->nrefs = 2;
    w->file = f;

    (void) pthread_mutex_lock(&ms->lock);
    link = memory_find(ms, locator);
    if (*link != NULL) {
        (void) pthread_mutex_unlock(&ms->lock);
        free(w);
        free(f);
        return cr_fail_detail(cx, CR_ERR_EXISTS, "\"%.*s\": exists",
                              CR_STR_ARG(locator));
    }
    *link = f;
    (void) pthread_mutex_unlock(&ms->lock);

    *ret_w = &w->base;

    return CR_OK;
}


static cr_err_t
memory_resume(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator, uint64_t size,
              bool cut, cr_storage_writer_t **ret_w)
{
    memory_store_t  *ms = (memory_store_t *) st;
    memory_writer_t *w = calloc(1, sizeof(memory_writer_t));
    memory_file_t   *f;
    cr_err_t         err = CR_OK;

    if (w == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    (void) pthread_mutex_lock(&ms->lock);
    f = *memory_find(ms, locator);
    if (f == NULL) {
        err = memory_missing(cx, locator);
    } else if (f->size < size) {
        err = cr_fail_detail(cx, CR_ERR_CORRUPT,
                             "\"%.*s\" is shorter than acknowledged",
                             CR_STR_ARG(locator));
    } else if (f->size > size && !cut) {
        err = cr_fail_detail(cx, CR_ERR_RANGE_INVALID, "longer than expected");
    } else {
        f->size = (size_t) size;
        f->nrefs++;
        w->file = f;
    }
    (void) pthread_mutex_unlock(&ms->lock);

    if (err != CR_OK) {
        free(w);
        return err;
    }
    *ret_w = &w->base;

    return CR_OK;
}


static cr_err_t
memory_write(cr_ctx_t *cx, cr_storage_writer_t *base, const void *data,
             size_t len)
{
    memory_store_t *ms = (memory_store_t *) base->st;
    memory_file_t  *f = ((memory_writer_t *) base)->file;
    size_t          need = (size_t) base->size + len, room;
    char           *p;
    cr_err_t        err = CR_OK;

    (void) pthread_mutex_lock(&ms->lock);
    if (need > f->room) {
        room = f->room == 0 ? MEMORY_FIRST_SIZE : f->room;
        while (room < need) {
            room = room > SIZE_MAX / 2 ? need : room * 2;
        }
        p = realloc(f->data, room);
        if (p == NULL) {
            err = cr_fail(cx, CR_ERR_NO_SPACE, NULL);
        } else {
            f->data = p;
            f->room = room;
        }
    }
    if (err == CR_OK) {
        memcpy(f->data + base->size, data, len);
        f->size = need;
    }
    (void) pthread_mutex_unlock(&ms->lock);

    return err;
}


static cr_err_t
memory_sync(cr_ctx_t *cx, cr_storage_writer_t *base)
{
    memory_store_t *ms = (memory_store_t *) base->st;
    bool            removed;

    /* Nothing is more stable than it is. */
    (void) pthread_mutex_lock(&ms->lock);
    removed = ((memory_writer_t *) base)->file->removed;
    (void) pthread_mutex_unlock(&ms->lock);

    return removed ? cr_fail(cx, CR_ERR_NOT_FOUND, NULL) : CR_OK;
}


static void
memory_writer_abort(cr_storage_writer_t *base)
{
    memory_store_t  *ms = (memory_store_t *) base->st;
    memory_writer_t *w = (memory_writer_t *) base;

    (void) pthread_mutex_lock(&ms->lock);
    memory_unref(w->file);
    (void) pthread_mutex_unlock(&ms->lock);
    free(w);
}


static cr_err_t
memory_writer_close(cr_ctx_t *cx, cr_storage_writer_t *base)
{
    (void) cx;
    memory_writer_abort(base);

    return CR_OK;
}


/* --- readers ----------------------------------------------------------- */

static cr_err_t
memory_read(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator, uint64_t offset,
            void *data, size_t len, size_t *ret_n)
{
    memory_store_t *ms = (memory_store_t *) st;
    memory_file_t  *f;
    size_t          n = 0;

    (void) pthread_mutex_lock(&ms->lock);
    f = *memory_find(ms, locator);
    if (f != NULL && offset < f->size) {
        n = f->size - (size_t) offset;
        n = n < len ? n : len;
        memcpy(data, f->data + offset, n);
    }
    (void) pthread_mutex_unlock(&ms->lock);

    if (f == NULL) {
        return memory_missing(cx, locator);
    }
    *ret_n = n;

    return CR_OK;
}


static cr_err_t
memory_stat(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator,
            uint64_t *ret_size)
{
    memory_store_t *ms = (memory_store_t *) st;
    memory_file_t  *f;
    uint64_t        size;

    (void) pthread_mutex_lock(&ms->lock);
    f = *memory_find(ms, locator);
    size = f == NULL ? 0 : f->size;
    (void) pthread_mutex_unlock(&ms->lock);

    if (f == NULL) {
        return memory_missing(cx, locator);
    }
    *ret_size = size;

    return CR_OK;
}


static cr_err_t
memory_remove(cr_ctx_t *cx, cr_storage_t *st, cr_str_t locator)
{
    memory_store_t *ms = (memory_store_t *) st;
    memory_file_t **link, *f;

    (void) cx;

    (void) pthread_mutex_lock(&ms->lock);
    link = memory_find(ms, locator);
    f = *link;
    if (f != NULL) {
        *link = f->next;
        f->removed = true;
        memory_unref(f);
    }
    (void) pthread_mutex_unlock(&ms->lock);

    return CR_OK;
}


/* fn may remove files: each bucket is copied before it is called. */
static cr_err_t
memory_list_bucket(cr_ctx_t *cx, memory_store_t *ms, size_t bucket,
                   cr_storage_list_pt fn, void *arg)
{
    struct {
        char     locator[CR_LOCATOR_LEN];
        uint64_t size;
    } * copy;
    memory_file_t *f;
    size_t         i, n = 0;
    cr_err_t       err = CR_OK;

    (void) pthread_mutex_lock(&ms->lock);
    for (f = ms->buckets[bucket]; f != NULL; f = f->next) {
        n++;
    }
    copy = calloc(n == 0 ? 1 : n, sizeof(*copy));
    for (f = ms->buckets[bucket], i = 0; f != NULL && copy != NULL;
         f = f->next, i++)
    {
        memcpy(copy[i].locator, f->locator, CR_LOCATOR_LEN);
        copy[i].size = f->size;
    }
    (void) pthread_mutex_unlock(&ms->lock);

    if (copy == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }
    for (i = 0; i < n && err == CR_OK; i++) {
        err = fn(cx, arg, (cr_str_t){ CR_LOCATOR_LEN, copy[i].locator },
                 copy[i].size);
    }
    free(copy);

    return err;
}


static cr_err_t
memory_list(cr_ctx_t *cx, cr_storage_t *st, cr_storage_list_pt fn, void *arg)
{
    size_t i;

    for (i = 0; i < MEMORY_BUCKETS; i++) {
        CR_TRY(memory_list_bucket(cx, (memory_store_t *) st, i, fn, arg));
    }

    return CR_OK;
}


static cr_err_t
memory_info(cr_ctx_t *cx, cr_storage_t *st, cr_storage_info_t *ret_info)
{
    (void) cx;
    (void) st;
    ret_info->total_size = 0;
    ret_info->free_size = 0;

    return CR_OK;
}


static cr_err_t
memory_look(cr_ctx_t *cx, cr_storage_t *st)
{
    (void) cx;
    (void) st;

    return CR_OK;
}


const cr_storage_driver_t cr_storage_memory = {
    .scheme = "memory",
    .features = CR_STORAGE_APPEND,
    .open = memory_open,
    .close = memory_close,
    .valid = cr_storage_locator_valid,
    .create = memory_create,
    .write = memory_write,
    .sync = memory_sync,
    .writer_close = memory_writer_close,
    .writer_abort = memory_writer_abort,
    .read = memory_read,
    .stat = memory_stat,
    .remove = memory_remove,
    .list = memory_list,
    .info = memory_info,
    .look = memory_look,
    .resume = memory_resume,
};
