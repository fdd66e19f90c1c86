/*
 * The context of an operation: its memory, its failure, its clock.
 * One thread at a time.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#define CR_CTX_DEFINES
#include "core/ctx.h"

/* Longer texts are cut: a failure may quote what a client sent. */
#define CR_TEXT_MAX 1024

static cr_str_t cr_ctx_text(cr_ctx_t *cx, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static cr_str_t cr_ctx_vformat(char *buf, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void cr_ctx_printable(char *p, size_t len);


cr_err_t
cr_ctx_init(cr_ctx_t *cx, size_t arena_limit)
{
    memset(cx, 0, sizeof(cr_ctx_t));

    cx->arena = cr_arena_create(arena_limit);

    if (cx->arena == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    cx->sys = &cr_sys_default;
    cx->may_block = true;

    return CR_OK;
}


void
cr_ctx_done(cr_ctx_t *cx)
{
    cr_arena_free(cx->arena);
    cx->arena = NULL;
    cr_clear(cx);
}


void
cr_ctx_reset(cr_ctx_t *cx)
{
    cr_clear(cx);
    cr_arena_reset(cx->arena);
}


cr_err_t
cr_fail(cr_ctx_t *cx, cr_err_t err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    cx->message = cr_ctx_text(cx, fmt, ap);
    va_end(ap);

    cx->detail = CR_STR_NULL;
    cx->err = err;

    return err;
}


cr_err_t
cr_fail_detail(cr_ctx_t *cx, cr_err_t err, const char *fmt, ...)
{
    va_list  ap;
    cr_str_t text;

    va_start(ap, fmt);
    text = cr_ctx_text(cx, fmt, ap);
    va_end(ap);

    cx->detail = text;
    cx->message = CR_STR_NULL;
    cx->err = err;

    return err;
}


cr_err_t
cr_fail_errno(cr_ctx_t *cx, int errnum, const char *fmt, ...)
{
    char     buf[CR_TEXT_MAX];
    char     z_reason[128];
    va_list  ap;
    cr_err_t err;
    cr_str_t text;

    va_start(ap, fmt);
    text = cr_ctx_vformat(buf, fmt, ap);
    va_end(ap);

    switch (errnum) {

    case ENOSPC:
    case EDQUOT:
        err = CR_ERR_NO_SPACE;
        break;

    case ENOMEM:
        err = CR_ERR_NO_MEMORY;
        break;

    default:
        err = CR_ERR_IO;
    }

    return cr_fail_detail(cx, err, "%.*s: %s", CR_STR_ARG(text),
                          strerror_r(errnum, z_reason, sizeof(z_reason)));
}


void
cr_debug(cr_ctx_t *cx, const char *fmt, ...)
{
    char    buf[CR_TEXT_MAX];
    va_list ap;

    if (cx->log_debug == NULL) {
        return;
    }

    va_start(ap, fmt);
    (void) cr_ctx_vformat(buf, fmt, ap);
    va_end(ap);

    cx->log_debug(cx->log_arg, buf);
}


void
cr_clear(cr_ctx_t *cx)
{
    cx->err = CR_OK;
    cx->message = CR_STR_NULL;
    cx->detail = CR_STR_NULL;
    cx->unsure = false;
}


int64_t
cr_now(const cr_ctx_t *cx)
{
    return cx->sys->now_us();
}


void *
cr_alloc(cr_ctx_t *cx, size_t size)
{
    void *p = cr_arena_zalloc(cx->arena, size);

    if (p == NULL) {
        (void) cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    return p;
}


cr_str_t
cr_dup(cr_ctx_t *cx, cr_str_t s)
{
    cr_str_t copy = cr_arena_dup(cx->arena, s);

    if (copy.data == NULL) {
        (void) cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    return copy;
}


cr_str_t
cr_printf(cr_ctx_t *cx, const char *fmt, ...)
{
    va_list  ap;
    cr_str_t s;

    va_start(ap, fmt);
    s = cr_arena_vprintf(cx->arena, fmt, ap);
    va_end(ap);

    if (s.data == NULL) {
        (void) cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    return s;
}


/* A text in the arena; empty without a format, or without memory. */
static cr_str_t
cr_ctx_text(cr_ctx_t *cx, const char *fmt, va_list ap)
{
    char buf[CR_TEXT_MAX];

    if (fmt == NULL || cx->arena == NULL) {
        return CR_STR_NULL;
    }

    return cr_arena_dup(cx->arena, cr_ctx_vformat(buf, fmt, ap));
}


/* Into buf of CR_TEXT_MAX bytes, cut if need be, with a NUL behind. */
static cr_str_t
cr_ctx_vformat(char *buf, const char *fmt, va_list ap)
{
    int    n;
    size_t len;

    n = vsnprintf(buf, CR_TEXT_MAX, fmt, ap);

    if (n < 0) {
        buf[0] = '\0';
        return (cr_str_t){ 0, buf };
    }

    len = n >= CR_TEXT_MAX ? CR_TEXT_MAX - 1 : (size_t) n;
    cr_ctx_printable(buf, len);

    return (cr_str_t){ len, buf };
}


/* A quoted name must not start a line of its own in a log. */
static void
cr_ctx_printable(char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char) p[i];

        if (c < 0x20 || c == 0x7f) {
            p[i] = '?';
        }
    }
}
