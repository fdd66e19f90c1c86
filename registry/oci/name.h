/*
 * Repository names: PROJECT/NAME[/NAME...] (OCI distribution-spec, "Pull";
 * grammar [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* per component, 255 in all).
 */

#ifndef CR_OCI_NAME_H
#define CR_OCI_NAME_H

#include "core/ctx.h"

#define CR_NAME_MAX 255

typedef struct cr_name_s {
    cr_str_t full;    /* "library/team/app" */
    cr_str_t project; /* "library" */
    cr_str_t rest;    /* "team/app" */
} cr_name_t;

/*
 * Slices of s.  NAME_INVALID; a single valid component gets a text that
 * names library/NAME.
 */
cr_err_t cr_name_parse(cr_ctx_t *cx, cr_str_t s, cr_name_t *ret_name);
/* A project name: one component, 1 to 255, Harbor's grammar
 * ^[a-z0-9]+(?:[._-][a-z0-9]+)*$ . BAD_REQUEST. */
cr_err_t cr_name_project_check(cr_ctx_t *cx, cr_str_t s);

#endif
