/*
 * Error codes of the whole registry: one enum made from error.def, one
 * lookup.  CR_OK is 0.  Thread rule: constants only, any thread.
 */

#ifndef CR_CORE_ERROR_H
#define CR_CORE_ERROR_H

#include <stdbool.h>

typedef enum cr_err_e {
    CR_OK = 0,
#define X(name, id, status, retryable, text) CR_ERR_##name,
#include "core/error.def"
#undef X
    CR_ERR_MAX
} cr_err_t;

typedef struct cr_err_info_s {
    const char *name;   /* enum name without CR_ERR_ */
    const char *id;     /* code a client sees (OCI or Harbor) */
    int         status; /* HTTP status */
    bool        retryable;
    const char *text; /* default message */
} cr_err_info_t;

/* The row of error.def for a code; INTERNAL for a value out of range. */
const cr_err_info_t *cr_err_info(cr_err_t err);

#endif
