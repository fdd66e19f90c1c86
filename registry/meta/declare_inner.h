/* What the files of the declared set share. */

#ifndef CR_META_DECLARE_INNER_H
#define CR_META_DECLARE_INNER_H

#include "meta/audit.h"
#include "meta/declare.h"
#include "meta/inner.h"

/* A row that the plan is about. */
typedef struct cr_declare_row_s {
    int64_t  id;
    int64_t  project_id;
    cr_str_t project;
    cr_str_t name;
    cr_str_t at;
    bool     admin;
} cr_declare_row_t;

cr_err_t cr_declare_plan_add(cr_ctx_t *cx, cr_declare_plan_t *p,
                             cr_declare_change_t change);
/* One audit row, written with the change itself. */
cr_err_t cr_declare_audit(cr_ctx_t *cx, cr_conn_t *c,
                          const cr_audit_who_t      *who,
                          const cr_declare_change_t *change);
/* The row of a member or robot goes. */
cr_err_t cr_declare_member_remove(cr_ctx_t *cx, cr_conn_t *c, int64_t id);
cr_err_t cr_declare_robot_remove(cr_ctx_t *cx, cr_conn_t *c, int64_t id);

#endif
