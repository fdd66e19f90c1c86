/*
 * Reading JSON from outside: jansson behind limits (bytes, depth, no
 * duplicate keys, UTF-8, nothing after the value).  The value is freed with
 * the arena.  Writing is cr_buf_json and friends: what we emit we format.
 */

#ifndef CR_CORE_JSON_H
#define CR_CORE_JSON_H

#include <jansson.h>
#include "core/ctx.h"

#define CR_JSON_DEPTH_MAX      32
#define CR_JSON_ITEMS_MAX      262144 /* values, and keys with them */
#define CR_JSON_CONTAINERS_MAX 65536  /* objects and arrays */

/*
 * Parse text of at most max bytes.  Any fault is `err` with a message that
 * names the place ("line 3, column 5: duplicate object key").
 */
cr_err_t cr_json_parse(cr_ctx_t *cx, cr_str_t text, size_t max, cr_err_t err,
                       json_t **ret_value);

/* Member `key` of an object as a string that lives as long as the value;
 * CR_STR_NULL when missing.  A value of another type is `err` naming key. */
cr_err_t cr_json_str(cr_ctx_t *cx, const json_t *obj, const char *key,
                     cr_err_t err, cr_str_t *ret_s);
/* The same for a non-negative integer; *ret_n keeps its value if missing. */
cr_err_t cr_json_u64(cr_ctx_t *cx, const json_t *obj, const char *key,
                     cr_err_t err, uint64_t *ret_n);
cr_err_t cr_json_bool(cr_ctx_t *cx, const json_t *obj, const char *key,
                      cr_err_t err, bool *ret_b);

#endif
