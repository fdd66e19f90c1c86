/*
 * Text forms of bytes: hex, base64 (RFC 4648 section 4), base64url without
 * padding (section 5), percent-encoding (RFC 3986), RFC 3339 time, UUIDv7
 * (RFC 9562).  All bounded, all strict.
 */

#ifndef CR_CORE_ENCODE_H
#define CR_CORE_ENCODE_H

#include "core/ctx.h"

#define CR_UUID_LEN 36

/* Lower-case hex into out (2 * len bytes, no NUL). */
void cr_hex_encode(const void *data, size_t len, char *out);
/* Lower-case hex only; false on any other character or odd length. */
bool cr_hex_decode(cr_str_t hex, uint8_t *out, size_t out_len);

cr_str_t cr_base64_encode(cr_ctx_t *cx, cr_str_t s); /* data NULL: no memory */
cr_str_t cr_base64url_encode(cr_ctx_t *cx, cr_str_t s);
/* CR_ERR_BAD_REQUEST when not canonical. */
cr_err_t cr_base64_decode(cr_ctx_t *cx, cr_str_t s, cr_str_t *ret_s);
cr_err_t cr_base64url_decode(cr_ctx_t *cx, cr_str_t s, cr_str_t *ret_s);

/*
 * Decode %XX (and '+' as a space when form is set).  CR_ERR_BAD_REQUEST on a
 * bad escape or a NUL byte in the result.
 */
cr_err_t cr_pct_decode(cr_ctx_t *cx, cr_str_t s, bool form, cr_str_t *ret_s);

/* Strict UTF-8 (no overlongs, no surrogates). */
bool cr_utf8_valid(cr_str_t s);
/* Bytes of the well-formed character that s starts with; 0 if none. */
size_t cr_utf8_next(cr_str_t s);

/* "2026-01-02T03:04:05.678Z" (milliseconds). */
cr_str_t cr_time_format(cr_ctx_t *cx, int64_t time_us);
/* "20260102T030405.678Z", for the names of files: they sort by time. */
cr_str_t cr_time_stamp(cr_ctx_t *cx, int64_t time_us);

/* A new UUIDv7, lower case, 36 characters; out is not NUL-terminated. */
cr_err_t cr_uuid_make(cr_ctx_t *cx, char out[CR_UUID_LEN]);
/* Lower-case 8-4-4-4-12 with any version. */
bool cr_uuid_valid(cr_str_t s);
/* The time in a UUIDv7, microseconds UTC; 0 if it is not one. */
int64_t cr_uuid_time(cr_str_t s);

#endif
