/*
 * A growing byte buffer with a hard maximum, in a context's arena.  Errors
 * stick: after one failure every call is a no-op and cr_buf_end reports it.
 */

#ifndef CR_CORE_BUF_H
#define CR_CORE_BUF_H

#include "core/ctx.h"

typedef struct cr_buf_s {
    cr_ctx_t *cx;
    char     *data;
    size_t    len;
    size_t    size;
    size_t    max;
    cr_err_t  err;
} cr_buf_t;

void cr_buf_init(cr_buf_t *b, cr_ctx_t *cx, size_t max);
void cr_buf_add(cr_buf_t *b, const void *data, size_t len);
void cr_buf_str(cr_buf_t *b, cr_str_t s);
void cr_buf_z(cr_buf_t *b, const char *z);
void cr_buf_char(cr_buf_t *b, char c);
void cr_buf_printf(cr_buf_t *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A JSON string with quotes; bytes that are not UTF-8 become U+FFFD. */
void cr_buf_json(cr_buf_t *b, cr_str_t s);
/* Percent-encode all but RFC 3986 unreserved characters. */
void cr_buf_pct(cr_buf_t *b, cr_str_t s);
/* The content (valid as long as the arena), or the first error. */
cr_err_t cr_buf_end(cr_buf_t *b, cr_str_t *ret_s);

#endif
