/*
 * Writing JSON: commas and quoting in one place.  A key of NULL is for the
 * value of an array, or the outermost one.  Errors stick, as in cr_buf_t.
 */

#ifndef CR_API_MANAGEMENT_WRITER_H
#define CR_API_MANAGEMENT_WRITER_H

#include "core/buf.h"

#define CR_WRITER_MAX ((size_t) 16 * 1024 * 1024)

typedef struct cr_writer_s {
    cr_buf_t b;
    bool     comma; /* a value stands before */
} cr_writer_t;

void cr_writer_init(cr_writer_t *w, cr_ctx_t *cx);
/* Of at most max bytes. */
void cr_writer_init_max(cr_writer_t *w, cr_ctx_t *cx, size_t max);
void cr_writer_object(cr_writer_t *w, const char *z_key);
void cr_writer_object_end(cr_writer_t *w);
void cr_writer_array(cr_writer_t *w, const char *z_key);
void cr_writer_array_end(cr_writer_t *w);
void cr_writer_str(cr_writer_t *w, const char *z_key, cr_str_t s);
/* Left out when empty. */
void cr_writer_str_opt(cr_writer_t *w, const char *z_key, cr_str_t s);
void cr_writer_z(cr_writer_t *w, const char *z_key, const char *z);
void cr_writer_int(cr_writer_t *w, const char *z_key, int64_t n);
void cr_writer_bool(cr_writer_t *w, const char *z_key, bool b);
void cr_writer_null(cr_writer_t *w, const char *z_key);
/* Microseconds UTC as RFC 3339; 0 is Harbor's "0001-01-01T00:00:00.000Z". */
void cr_writer_time(cr_writer_t *w, const char *z_key, int64_t time_us);
/* JSON that was made or checked before. */
void cr_writer_raw(cr_writer_t *w, const char *z_key, cr_str_t json);
/* A key that is not a literal: only before one of the calls with NULL. */
void cr_writer_key(cr_writer_t *w, cr_str_t key);
/* The text with a line end, or the first error. */
cr_err_t cr_writer_end(cr_writer_t *w, cr_str_t *ret_s);

#endif
