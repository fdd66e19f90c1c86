/*
 * What the authoriser needs to know about a caller and a project, in one
 * statement, read again for each request: a change of membership takes
 * effect at once.
 */

#ifndef CR_META_ACCESS_H
#define CR_META_ACCESS_H

#include "meta/meta.h"

typedef struct cr_access_row_s {
    bool     user_found; /* exists, not deleted */
    cr_str_t user_name;  /* for logs */
    bool     admin;
    bool     disabled;
    int64_t  epoch;
    bool     project_found;
    int64_t  project_id;
    bool     project_public;
    int      role; /* of the user in the project; 0: none */
} cr_access_row_t;

/* user_id 0: anonymous.  project empty: only the user.  Never NOT_FOUND. */
cr_err_t cr_access_get(cr_ctx_t *cx, cr_meta_t *m, int64_t user_id,
                       cr_str_t project, cr_access_row_t *ret_row);

#endif
