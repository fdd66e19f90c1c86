/*
 * Memory freed all at once.  The arena's own head lies in its first block, so
 * a small request costs one malloc.  Later blocks double up to 1 MiB; what
 * would fill half a block gets a block of its own.  The limit counts what was
 * asked for (rounded up to the alignment), not the slack of the blocks, so it
 * is the same with and without AddressSanitizer.  One thread at a time.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/arena.h"

#if defined(__SANITIZE_ADDRESS__)
#define CR_ARENA_EACH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CR_ARENA_EACH 1
#endif
#endif

#ifndef CR_ARENA_EACH
#define CR_ARENA_EACH 0
#endif

#define CR_ARENA_ALIGN     _Alignof(max_align_t)
#define CR_ARENA_FIRST     ((size_t) 4096)
#define CR_ARENA_BLOCK_MAX ((size_t) 1 << 20)
#define CR_ARENA_PRINT     512

#define cr_arena_round(n)                                                      \
    (((n) + (CR_ARENA_ALIGN - 1)) & ~(size_t) (CR_ARENA_ALIGN - 1))

typedef struct cr_arena_block_s   cr_arena_block_t;
typedef struct cr_arena_cleanup_s cr_arena_cleanup_t;

struct cr_arena_block_s {
    cr_arena_block_t *next;
};

struct cr_arena_cleanup_s {
    cr_arena_cleanup_t *next;
    cr_arena_cleanup_pt fn;
    void               *arg;
};

struct cr_arena_s {
    cr_arena_block_t   *blocks; /* all but the first */
    cr_arena_cleanup_t *cleanups;
    char               *pos;
    char               *end;
    size_t              next_size;
    size_t              used;
    size_t              limit;
};

#define CR_ARENA_HEAD cr_arena_round(sizeof(cr_arena_t))
#define CR_BLOCK_HEAD cr_arena_round(sizeof(cr_arena_block_t))

static void  cr_arena_rewind(cr_arena_t *a);
static void  cr_arena_run_cleanups(cr_arena_t *a);
static void *cr_arena_block(cr_arena_t *a, size_t size);


cr_arena_t *
cr_arena_create(size_t limit)
{
    cr_arena_t *a = malloc(CR_ARENA_EACH ? CR_ARENA_HEAD : CR_ARENA_FIRST);

    if (a == NULL) {
        return NULL;
    }

    a->blocks = NULL;
    a->cleanups = NULL;
    a->limit = limit;
    cr_arena_rewind(a);

    return a;
}


void
cr_arena_free(cr_arena_t *a)
{
    if (a == NULL) {
        return;
    }

    cr_arena_reset(a);
    free(a);
}


void
cr_arena_reset(cr_arena_t *a)
{
    cr_arena_block_t *b;

    cr_arena_run_cleanups(a);

    while ((b = a->blocks) != NULL) {
        a->blocks = b->next;
        free(b);
    }

    cr_arena_rewind(a);
}


static void
cr_arena_rewind(cr_arena_t *a)
{
    size_t size = CR_ARENA_EACH ? CR_ARENA_HEAD : CR_ARENA_FIRST;

    a->pos = (char *) a + CR_ARENA_HEAD;
    a->end = (char *) a + size;
    a->next_size = CR_ARENA_FIRST * 2;
    a->used = 0;
}


static void
cr_arena_run_cleanups(cr_arena_t *a)
{
    cr_arena_cleanup_t *c;

    while ((c = a->cleanups) != NULL) {
        a->cleanups = c->next;
        c->fn(c->arg);
    }
}


void *
cr_arena_alloc(cr_arena_t *a, size_t size)
{
    void *p;

    if (size > SIZE_MAX / 2) {
        return NULL;
    }

    size = cr_arena_round(size == 0 ? 1 : size);

    if (a->limit != 0 && (a->used > a->limit || size > a->limit - a->used)) {
        return NULL;
    }

    if (size <= (size_t) (a->end - a->pos)) {
        p = a->pos;
        a->pos += size;

    } else {
        p = cr_arena_block(a, size);

        if (p == NULL) {
            return NULL;
        }
    }

    a->used += size;

    return p;
}


static void *
cr_arena_block(cr_arena_t *a, size_t size)
{
    bool              own;
    char             *p;
    size_t            block_size;
    cr_arena_block_t *b;

    own = CR_ARENA_EACH || size > a->next_size / 2;
    block_size = own ? CR_BLOCK_HEAD + size : a->next_size;

    b = malloc(block_size);

    if (b == NULL) {
        return NULL;
    }

    b->next = a->blocks;
    a->blocks = b;

    p = (char *) b + CR_BLOCK_HEAD;

    if (!own) {
        a->pos = p + size;
        a->end = (char *) b + block_size;

        if (a->next_size < CR_ARENA_BLOCK_MAX) {
            a->next_size *= 2;
        }
    }

    return p;
}


void *
cr_arena_zalloc(cr_arena_t *a, size_t size)
{
    void *p = cr_arena_alloc(a, size);

    if (p != NULL) {
        memset(p, 0, size);
    }

    return p;
}


char *
cr_arena_dup_z(cr_arena_t *a, cr_str_t s)
{
    char *p;

    if (s.len == SIZE_MAX) {
        return NULL;
    }

    p = cr_arena_alloc(a, s.len + 1);

    if (p == NULL) {
        return NULL;
    }

    if (s.len > 0) {
        memcpy(p, s.data, s.len);
    }

    p[s.len] = '\0';

    return p;
}


cr_str_t
cr_arena_dup(cr_arena_t *a, cr_str_t s)
{
    char *p = cr_arena_dup_z(a, s);

    if (p == NULL) {
        return CR_STR_NULL;
    }

    return (cr_str_t){ s.len, p };
}


cr_str_t
cr_arena_printf(cr_arena_t *a, const char *fmt, ...)
{
    va_list  ap;
    cr_str_t s;

    va_start(ap, fmt);
    s = cr_arena_vprintf(a, fmt, ap);
    va_end(ap);

    return s;
}


cr_str_t
cr_arena_vprintf(cr_arena_t *a, const char *fmt, va_list ap)
{
    int     n;
    char    buf[CR_ARENA_PRINT];
    char   *p;
    va_list again;

    va_copy(again, ap);
    n = vsnprintf(buf, sizeof(buf), fmt, again);
    va_end(again);

    if (n < 0) {
        return CR_STR_NULL;
    }

    if ((size_t) n < sizeof(buf)) {
        return cr_arena_dup(a, (cr_str_t){ (size_t) n, buf });
    }

    p = cr_arena_alloc(a, (size_t) n + 1);

    if (p == NULL) {
        return CR_STR_NULL;
    }

    (void) vsnprintf(p, (size_t) n + 1, fmt, ap);

    return (cr_str_t){ (size_t) n, p };
}


bool
cr_arena_cleanup(cr_arena_t *a, cr_arena_cleanup_pt fn, void *arg)
{
    cr_arena_cleanup_t *c;

    assert(fn != NULL);

    c = cr_arena_alloc(a, sizeof(cr_arena_cleanup_t));

    if (c == NULL) {
        return false;
    }

    c->fn = fn;
    c->arg = arg;
    c->next = a->cleanups;
    a->cleanups = c;

    return true;
}
