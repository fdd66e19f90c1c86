/*
 * A region of memory freed all at once.  Blocks grow geometrically; each
 * allocation is aligned for any type.  One thread at a time.  Under
 * AddressSanitizer every allocation is its own malloc, so overruns show.
 */

#ifndef CR_CORE_ARENA_H
#define CR_CORE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include "core/str.h"

typedef struct cr_arena_s cr_arena_t;

/* NULL when out of memory.  limit: most bytes to give out (0: none), counted
 * from the last reset; each allocation is rounded up to the alignment. */
cr_arena_t *cr_arena_create(size_t limit);
void        cr_arena_free(cr_arena_t *a);  /* takes NULL */
void        cr_arena_reset(cr_arena_t *a); /* keeps the first block */
void       *cr_arena_alloc(cr_arena_t *a, size_t size); /* NULL: no memory */
void       *cr_arena_zalloc(cr_arena_t *a, size_t size);
/* A copy with a NUL after it (not counted); data NULL when out of memory. */
cr_str_t cr_arena_dup(cr_arena_t *a, cr_str_t s);
char    *cr_arena_dup_z(cr_arena_t *a, cr_str_t s);
/* Formatted; NUL after it; data NULL when out of memory. */
cr_str_t cr_arena_printf(cr_arena_t *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
cr_str_t cr_arena_vprintf(cr_arena_t *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Run fn(arg) when the arena is reset or freed, last registered first. */
typedef void (*cr_arena_cleanup_pt)(void *arg);
bool cr_arena_cleanup(cr_arena_t *a, cr_arena_cleanup_pt fn, void *arg);

#endif
