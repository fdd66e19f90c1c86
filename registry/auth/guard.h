/*
 * Against guessing: failed logins counted per pair of account and address, in
 * memory that the caller gives (shared by all worker processes) and that may
 * vanish.  From the fifth failure on each one doubles the time until the next
 * try is looked at, up to a quarter of an hour; a success, or as long a time
 * without a try, forgets them.  Names that do not exist count like any other;
 * an IPv6 address counts as its network of 64 bits.
 * Atomics only: any thread, any process.
 */

#ifndef CR_AUTH_GUARD_H
#define CR_AUTH_GUARD_H

#include "core/ctx.h"

typedef struct cr_guard_s {
    void  *entries;
    size_t nsets;
} cr_guard_t;

#define CR_GUARD_FREE_TRIES 5
#define CR_GUARD_WAIT_MAX_S 900

/* Bytes for about so many pairs. */
size_t cr_guard_size(size_t pairs);
/* memory: zeroed at the start of all, 8-aligned; the caller's. */
void cr_guard_init(cr_guard_t *guard, void *memory, size_t size);

/* TOOMANYREQUESTS while the pair must wait; *ret_wait_s then says how long. */
cr_err_t cr_guard_check(cr_ctx_t *cx, const cr_guard_t *guard, cr_str_t account,
                        cr_str_t address, int64_t *ret_wait_s);
/* The pair failed. */
void cr_guard_failed(cr_ctx_t *cx, const cr_guard_t *guard, cr_str_t account,
                     cr_str_t address);
/* The pair succeeded. */
void cr_guard_succeeded(const cr_guard_t *guard, cr_str_t account,
                        cr_str_t address);

#endif
