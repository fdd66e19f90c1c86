/*
 * Content-Range of an upload chunk: "<first>-<last>" (distribution-spec
 * "Pushing a blob in chunks"), also "bytes <first>-<last>[/(<total>|*)]".
 */

#ifndef CR_OCI_RANGE_H
#define CR_OCI_RANGE_H

#include "core/ctx.h"

/* Inclusive bounds, first <= last, both below 2^63.  RANGE_INVALID (416). */
cr_err_t cr_range_parse(cr_ctx_t *cx, cr_str_t s, uint64_t *ret_first,
                        uint64_t *ret_last);

#endif
