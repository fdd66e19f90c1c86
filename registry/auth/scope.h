/*
 * Token scopes: type[(class)]:name:action[,action...] (distribution,
 * "Token Scope Documentation").
 */

#ifndef CR_AUTH_SCOPE_H
#define CR_AUTH_SCOPE_H

#include "core/buf.h"
#include "auth/rbac.h"

#define CR_SCOPES_MAX     64
#define CR_SCOPE_NAME_MAX 512 /* bytes; a host with a port and a name */

typedef struct cr_scope_s {
    cr_str_t type;
    cr_str_t name;
    unsigned actions; /* CR_ACTION_*; unknown ones are dropped */
} cr_scope_t;

/* Slices of s.  BAD_REQUEST when it is no scope. */
cr_err_t cr_scope_parse(cr_ctx_t *cx, cr_str_t s, cr_scope_t *ret_scope);
/* Several, separated by spaces, appended to list (of max items).  On an error
 * *n is as it was. */
cr_err_t cr_scope_parse_list(cr_ctx_t *cx, cr_str_t s, cr_scope_t *list,
                             size_t max, size_t *n);
/* The CR_ACTION_* of one action's name; 0 when there is none. */
unsigned cr_scope_action(cr_str_t name);
/* "pull,push" */
void cr_scope_actions(cr_buf_t *b, unsigned actions);
/* ["pull","push"] */
void cr_scope_actions_json(cr_buf_t *b, unsigned actions);

#endif
