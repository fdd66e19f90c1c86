/*
 * cr_ctx_t: what every operation gets first: memory, error, clock, log.
 * One request (or job) owns one context; one thread at a time.
 */

#ifndef CR_CORE_CTX_H
#define CR_CORE_CTX_H

#include <stdarg.h>
#include "core/arena.h"
#include "core/error.h"
#include "core/str.h"
#include "core/sys.h"

typedef struct cr_ctx_s cr_ctx_t;

typedef void (*cr_log_pt)(void *arg, const char *z_text);

struct cr_ctx_s {
    cr_arena_t     *arena;
    const cr_sys_t *sys;
    cr_log_pt       log_debug; /* NULL: none */
    void           *log_arg;

    /*
     * False on an event loop: an operation that would write to the database
     * or sync a file returns CR_ERR_AGAIN at once, having done nothing, and
     * is called again from a thread with may_block set.
     */
    bool may_block;

    /*
     * Reads of an event loop that belong together, from the first on, need to
     * ask only once whether what they know is of now (db/recall.h).
     */
    enum {
        CR_READS_ALONE,
        CR_READS_RUN,
        CR_READS_FRESH
    } reads;

    /* The last failure.  detail is for the log only, never for a client. */
    cr_err_t err;
    cr_str_t message; /* for the client; empty: the default of error.def */
    cr_str_t detail;
    /* It came when a change was to become lasting: that may have happened
     * all the same.  False: nothing was changed. */
    bool unsure;
};

/*
 * Make a context with an arena of its own (limit as in cr_arena_create),
 * the real system calls, no log, and may_block set.
 * CR_ERR_NO_MEMORY is the only error.  cr_ctx_done takes a zeroed context.
 */
cr_err_t cr_ctx_init(cr_ctx_t *cx, size_t arena_limit);
void     cr_ctx_done(cr_ctx_t *cx);
/* Forget the error and all memory of the arena. */
void cr_ctx_reset(cr_ctx_t *cx);

/*
 * Record a failure and return err: `return cr_fail(cx, CR_ERR_X, "...")`.
 * The text goes to the client; fmt NULL gives the default of error.def.
 */
cr_err_t cr_fail(cr_ctx_t *cx, cr_err_t err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, but the text is for the log; the client gets the default. */
cr_err_t cr_fail_detail(cr_ctx_t *cx, cr_err_t err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* cr_fail_detail with ": strerror(errnum)" behind; ENOSPC and EDQUOT become
 * CR_ERR_NO_SPACE, ENOMEM CR_ERR_NO_MEMORY, else CR_ERR_IO. */
cr_err_t cr_fail_errno(cr_ctx_t *cx, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void cr_debug(cr_ctx_t *cx, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The analyzer looks at one file at a time, and would follow a failure that
 * returns CR_OK.
 */
#if defined(__clang_analyzer__) && !defined(CR_CTX_DEFINES)
#define cr_fail(cx, err, ...) ((void) cr_fail(cx, err, __VA_ARGS__), (err))
#define cr_fail_detail(cx, err, ...)                                           \
    ((void) cr_fail_detail(cx, err, __VA_ARGS__), (err))
#define cr_fail_errno(cx, errnum, ...)                                         \
    ((void) cr_fail_errno(cx, errnum, __VA_ARGS__), CR_ERR_IO)
#endif

/* Forget the failure (it was handled). */
void cr_clear(cr_ctx_t *cx);

/* Microseconds UTC by the context's clock. */
int64_t cr_now(const cr_ctx_t *cx);

/* Arena shorthands that record CR_ERR_NO_MEMORY themselves on NULL. */
void *cr_alloc(cr_ctx_t *cx, size_t size); /* zeroed */
#define CR_NEW(cx, type) ((type *) cr_alloc((cx), sizeof(type)))
cr_str_t cr_dup(cr_ctx_t *cx, cr_str_t s);
cr_str_t cr_printf(cr_ctx_t *cx, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define CR_TRY(expr)                                                           \
    do {                                                                       \
        cr_err_t cr_try_err_ = (expr);                                         \
        if (cr_try_err_ != CR_OK) {                                            \
            return cr_try_err_;                                                \
        }                                                                      \
    } while (0)

#define CR_NELTS(array) (sizeof(array) / sizeof((array)[0]))

#endif
