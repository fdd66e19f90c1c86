/* Inside api/: do database and storage work?  For handlers that tell it. */

#ifndef CR_API_HEALTH_H
#define CR_API_HEALTH_H

#include "api/exchange.h"

/* With storage CR_OK and writes not, pulls go on and pushes fail. */
typedef struct cr_api_ready_s {
    cr_err_t db;
    cr_err_t storage; /* reading */
    cr_err_t writes;  /* to it: NO_SPACE, or the fault */
    cr_str_t news;    /* detail of a fault that was not there at the last look,
                       * in cx; empty: no news */
} cr_api_ready_t;

/* Blocks; looks at most once a second, as anybody may ask. */
void cr_api_ready(cr_ctx_t *cx, cr_api_t *api, cr_api_ready_t *ret_r);
/*
 * What is open, if the database can be read now; else *ret_o is NULL, and
 * that is no error.  AGAIN: it must be opened, where this may block.
 */
cr_err_t cr_api_usable(cr_ctx_t *cx, cr_api_t *api,
                       const cr_api_open_t **ret_o);

#endif
