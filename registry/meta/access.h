/*
 * What the authoriser needs to know about a caller and a project, in one
 * statement, read again for each request: a change of membership takes
 * effect at once.
 */

#ifndef CR_META_ACCESS_H
#define CR_META_ACCESS_H

#include "meta/meta.h"

/* A right of a robot, by name: auth/rbac knows what it means. */
typedef struct cr_access_perm_s {
    bool     system; /* of the registry, else in the project asked for */
    cr_str_t resource;
    cr_str_t action;
    const struct cr_access_perm_s *next;
} cr_access_perm_t;

typedef struct cr_access_row_s {
    bool     found; /* the user or robot exists, and is not deleted */
    bool     robot;
    cr_str_t name; /* of the user or robot, for logs */
    bool     admin;
    bool     disabled; /* or expired */
    int64_t  epoch;
    bool     replication; /* a robot that replication pushes with */
    bool     project_found;
    int64_t  project_id;
    cr_str_t project_name;
    bool     project_public;
    bool     project_replication; /* write_mode: only such robots push */
    int      role; /* of the user in the project; 0: none */
    const cr_access_perm_t *perms; /* of the robot */
} cr_access_row_t;

typedef struct cr_access_ask_s {
    bool     robot;
    int64_t  id;         /* of the user or robot; 0: anonymous */
    int64_t  project_id; /* 0: by name */
    cr_str_t project;    /* empty: only the caller */
} cr_access_ask_t;

/* Never NOT_FOUND. */
cr_err_t cr_access_get(cr_ctx_t *cx, cr_meta_t *m, const cr_access_ask_t *ask,
                       cr_access_row_t *ret_row);

/* Was the robot given a right in the project, or in all? */
bool cr_access_any(const cr_access_row_t *row);
/* Was the robot given this right? */
bool cr_access_has(const cr_access_row_t *row, bool system, cr_str_t resource,
                   cr_str_t action);

#endif
