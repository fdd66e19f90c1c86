/*
 * Robot accounts: of one project, or of the registry.  A secret is random and
 * shown once; its SHA-256 is stored.  A robot that nginx.conf declares is
 * read-only here: CONFLICT names the directive.
 */

#ifndef CR_META_ROBOT_H
#define CR_META_ROBOT_H

#include "auth/rbac.h"
#include "meta/audit.h"

#define CR_ROBOT_PREFIX        "robot$"
#define CR_ROBOT_NAME_MAX      255
#define CR_ROBOT_SECRET_LEN    40 /* of a secret made here */
#define CR_ROBOT_SECRET_MIN    8  /* of a secret that is given */
#define CR_ROBOT_SECRET_MAX    128
#define CR_ROBOT_HASH_SIZE     32
#define CR_ROBOT_DURATION_MAX  36500 /* days */

#define CR_ROBOT_EVERY_PROJECT 0
#define CR_ROBOT_SYSTEM        (-1)

typedef struct cr_robot_s {
    int64_t  id;
    cr_str_t name;       /* robot$project+name */
    int64_t  project_id; /* 0: system level */
    cr_str_t project_name;
    cr_str_t secret_hash; /* bytes; not read by pages */
    cr_str_t description;
    bool     replication; /* pushes where only replication may */
    bool     disabled;
    int64_t  epoch;
    int64_t  duration;   /* days; -1: never ends */
    int64_t  expires_at; /* 0: never */
    cr_str_t declared;
    cr_str_t created_by;
    int64_t  created_at;
    int64_t  updated_at;
} cr_robot_t;

/* A right: in that project, in every one (0), or of the registry (-1). */
typedef struct cr_robot_perm_s {
    int64_t   project_id;
    cr_perm_e perm;
    cr_str_t  project_name; /* read */
    int64_t   robot_id;     /* read */
} cr_robot_perm_t;

/* SHA-256 of a secret; equal in constant time to what is stored? */
bool cr_robot_secret_is(cr_str_t secret, cr_str_t hash);

/* NOT_FOUND.  By full name. */
cr_err_t cr_robot_by_name(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name,
                          cr_robot_t *ret_r);
cr_err_t cr_robot_by_id(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                        cr_robot_t *ret_r);
/* [list] Ordered by project and name of the right. */
cr_err_t cr_robot_perms(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                        cr_robot_perm_t **ret_rows, size_t *ret_n);

/* [list] The same of several robots, in their order: one statement. */
cr_err_t cr_robot_perms_of(cr_ctx_t *cx, cr_meta_t *m, const cr_robot_t *robots,
                           size_t n, cr_robot_perm_t **ret_rows, size_t *ret_n);

/* Empty strings match all. */
typedef struct cr_robot_filter_s {
    int64_t  project_id; /* 0: the system level */
    cr_str_t name;       /* full, or without its prefix, or its project too */
    cr_str_t name_like;  /* a part of it, prefix or not; not with a name */
    bool     by_name;    /* else by id, which is the order of creation */
    bool     descending;
} cr_robot_filter_t;

/* [list] *ret_total: all that match; by name, the first CR_PAGE_MATCH_MAX by
 * id are sorted (meta/page.h). */
cr_err_t cr_robot_page(cr_ctx_t *cx, cr_meta_t *m, const cr_robot_filter_t *f,
                       int64_t offset, size_t n, cr_robot_t **ret_rows,
                       size_t *ret_n, int64_t *ret_total);
/* [list] All of every level, by id, after `after_id`, at most n. */
cr_err_t cr_robot_list(cr_ctx_t *cx, cr_meta_t *m, int64_t after_id, size_t n,
                       cr_robot_t **ret_rows, size_t *ret_n);

typedef struct cr_robot_new_s {
    cr_str_t               name;       /* without prefix and project */
    int64_t                project_id; /* 0: system level */
    cr_str_t               description;
    bool                   disabled;
    bool                   replication;
    int64_t                duration; /* days; -1: never ends */
    cr_str_t               secret;   /* empty: one is made */
    const cr_robot_perm_t *perms;
    size_t                 nperms;
} cr_robot_new_t;

typedef struct cr_robot_made_s {
    int64_t  id;
    cr_str_t name;   /* full */
    cr_str_t secret; /* shown once */
    int64_t  created_at;
    int64_t  expires_at; /* 0: never */
} cr_robot_made_t;

/*
 * [write] BAD_REQUEST (name, duration, rights; a project's robot has rights
 * in that project only, and none that its administrators lack), NOT_FOUND
 * (project), EXISTS, FORBIDDEN (a robot hands on a right it has not, or makes
 * one that outlives it), CONFLICT (declared exclusive).
 */
cr_err_t cr_robot_create(cr_ctx_t *cx, cr_meta_t *m, const cr_robot_new_t *n,
                         const cr_audit_who_t *who, cr_robot_made_t *ret_made);

/* What to change; the rest stays. */
typedef struct cr_robot_set_s {
    const cr_str_t        *description;
    const bool            *disabled; /* a change voids its tokens */
    const bool            *replication;
    const int64_t         *duration; /* counts from now */
    const cr_robot_perm_t *perms;    /* NULL: as they are */
    size_t                 nperms;
} cr_robot_set_t;

/* [write] Errors as create; NOT_FOUND, CONFLICT (declared; or declared
 * exclusive, and it would get more than it has). */
cr_err_t cr_robot_set(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                      const cr_robot_set_t *set, const cr_audit_who_t *who);
/* [write] A new secret (empty: one is made); older tokens are void.  FORBIDDEN
 * for a robot, when this one can do what it cannot; CONFLICT as above. */
cr_err_t cr_robot_set_secret(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                             cr_str_t secret, const cr_audit_who_t *who,
                             cr_str_t *ret_secret);
/* [write] NOT_FOUND, CONFLICT. */
cr_err_t cr_robot_delete(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                         const cr_audit_who_t *who);

#endif
