/*
 * What nginx.conf declares (DESIGN section 7): users, projects, members and
 * robots as one normalised set, and its reconciliation with the database in
 * one transaction.  A declared row is marked with the place of its directive
 * and read-only for everybody else; what disappears from the file loses its
 * rights but never its bytes.
 *
 *   declare_set.c   the set: parsed, checked, sorted, written again; no I/O
 *   declare_plan.c  what a set would change
 *   declare_do.c    doing it
 *   declare.c       the run: lease, order, guard, state; the command line
 *
 * The set is JSON, made by the module:
 *
 *   {"instance":"main","mode":"additive","at":"nginx.conf:9","serial":3,
 *    "users":[{"name":"ops","at":"nginx.conf:12","admin":true,
 *              "password":"in clear"}],
 *    "projects":[{"name":"pay","at":"...","public":false,"quota":-1,
 *      "write":"all",
 *      "members":[{"name":"bob","role":"developer","at":"..."}],
 *      "robots":[{"name":"ci","rights":["pull","push"],
 *                 "secret":"hex SHA-256","at":"..."}]}]}
 *
 * In the database a user's "password" is replaced by "fingerprint", a keyed
 * hash whose key is not in the database, and in a set that waits by "hash",
 * the crypt(3) string as well.
 */

#ifndef CR_META_DECLARE_H
#define CR_META_DECLARE_H

#include "auth/rbac.h"
#include "meta/audit.h"

#define CR_DECLARED_TEXT_MAX (8u * 1024 * 1024)
#define CR_DECLARED_KEY_SIZE 32

/* --- read-only rows: for the functions of meta/ that change one --------- */

/*
 * CONFLICT when the row is declared: declared is its column, what names it
 * ("user alice").
 */
cr_err_t cr_declared_check(cr_ctx_t *cx, cr_str_t declared, const char *what,
                           cr_str_t name);
/*
 * Inside a write transaction, before a member or robot (`what`) that nginx.conf
 * does not declare is added or gets another role, right or secret: CONFLICT
 * when it says "declared exclusive".
 */
cr_err_t cr_declared_exclusive_check(cr_ctx_t *cx, cr_conn_t *c,
                                     const char *what);

/* --- the set ------------------------------------------------------------ */

typedef struct cr_declared_user_s {
    cr_str_t name;
    cr_str_t at;          /* "nginx.conf:12" */
    bool     admin;
    cr_str_t password;    /* in clear: only from nginx.conf */
    cr_str_t fingerprint; /* empty: no password is declared */
    cr_str_t hash;        /* crypt(3) string; empty: none yet */
} cr_declared_user_t;

typedef struct cr_declared_member_s {
    cr_str_t  user;
    cr_str_t  at;
    cr_role_e role;
} cr_declared_member_t;

typedef struct cr_declared_robot_s {
    cr_str_t     name; /* as declared */
    cr_str_t     full; /* robot$project+name */
    cr_str_t     at;
    cr_permset_t rights;
    bool         replication; /* pushes where only replication may */
    uint8_t      secret[32];  /* SHA-256 */
} cr_declared_robot_t;

typedef struct cr_declared_project_s {
    cr_str_t              name;
    cr_str_t              at;
    bool                  is_public;
    int64_t               quota; /* bytes; -1: none */
    cr_str_t              write; /* all, replication */
    cr_declared_member_t *members;
    size_t                nmembers;
    cr_declared_robot_t  *robots;
    size_t                nrobots;
} cr_declared_project_t;

typedef struct cr_declared_s {
    cr_str_t               instance;
    cr_str_t               mode; /* additive, exclusive */
    cr_str_t               at;   /* of the mode, else of the instance */
    int64_t                serial; /* 0: none */
    cr_declared_user_t    *users;
    size_t                 nusers;
    cr_declared_project_t *projects;
    size_t                 nprojects;
} cr_declared_t;

/*
 * Parse and check; everything is sorted by name.  CONFIG, with a message that
 * begins with the place: "nginx.conf:12: ...".  Results live in cx's arena.
 */
cr_err_t cr_declared_parse(cr_ctx_t *cx, cr_str_t text, cr_declared_t *ret_set);
/* Users, projects, members and robots together. */
size_t cr_declared_count(const cr_declared_t *set);
/* Does any user bring a password in clear? */
bool cr_declared_has_passwords(const cr_declared_t *set);
/* Replace each password by its fingerprint under this key. */
cr_err_t cr_declared_fingerprint(cr_ctx_t *cx, cr_declared_t *set,
                                 cr_str_t key);
/*
 * The normal form.  places: with the directives' places; hashes: with the
 * crypt(3) strings.  Never a password in clear.
 */
cr_err_t cr_declared_write(cr_ctx_t *cx, const cr_declared_t *set, bool places,
                           bool hashes, cr_str_t *ret_text);

/* --- the plan ----------------------------------------------------------- */

typedef enum {
    CR_CHANGE_CREATE,
    CR_CHANGE_ADOPT, /* exists already: from now on declared */
    CR_CHANGE_UPDATE,
    CR_CHANGE_MARK, /* only the place of the directive moved */
    CR_CHANGE_REMOVE /* users are disabled, projects released */
} cr_declare_op_e;

typedef enum {
    CR_DECLARE_USER,
    CR_DECLARE_PROJECT,
    CR_DECLARE_MEMBER,
    CR_DECLARE_ROBOT
} cr_declare_kind_e;

typedef struct cr_declare_change_s {
    cr_declare_op_e   op;
    cr_declare_kind_e kind;
    cr_str_t          project; /* of a member or robot */
    cr_str_t          name;
    cr_str_t          at;
    cr_str_t          detail; /* "role guest -> developer" */
    /* what it is made from */
    int64_t           id; /* of the row; 0: none yet */
    int64_t           project_id;
    bool              secret; /* a new password or secret */
    bool              raised; /* to administrator */
    const void       *item;
} cr_declare_change_t;

typedef struct cr_declare_plan_s {
    cr_declare_change_t *changes;
    size_t               n;
    size_t               removed; /* of them, REMOVE */
    size_t               before;  /* rows that are declared now */
    int64_t              admins;  /* who can act, afterwards */
    size_t               room;
} cr_declare_plan_t;

const char *cr_declare_op_name(cr_declare_op_e op);
const char *cr_declare_kind_name(cr_declare_kind_e kind);

/* Inside a transaction: what the set would change. */
cr_err_t cr_declare_plan(cr_ctx_t *cx, cr_conn_t *c, const cr_declared_t *set,
                         cr_declare_plan_t *ret_plan);
/* Inside the write transaction of the plan: do it. */
cr_err_t cr_declare_execute(cr_ctx_t *cx, cr_conn_t *c,
                            const cr_declare_plan_t *plan);

/* --- the run ------------------------------------------------------------ */

typedef enum {
    CR_DECLARE_NONE,       /* nothing is declared, nothing was */
    CR_DECLARE_UNCHANGED,  /* this very set is applied */
    CR_DECLARE_APPLIED,
    CR_DECLARE_HELD,       /* waits for `jobrunner config apply` */
    CR_DECLARE_FAILED,     /* cannot be applied as it stands */
    CR_DECLARE_SUPERSEDED, /* a later or higher one is there */
    CR_DECLARE_BUSY        /* another process is at it: try again */
} cr_declare_state_e;

typedef struct cr_declare_result_s {
    cr_declare_state_e state;
    cr_str_t           reason; /* empty when unchanged */
    size_t             changes;
} cr_declare_result_t;

/*
 * [write] Bring the database to the set (text as above).  key: of
 * fingerprints, empty when no user has a password; loaded_at: when nginx.conf
 * was read, so that of two loads the later wins.  Hashes passwords that
 * changed: slow.  What is wrong with the set is a state, not an error.
 */
cr_err_t cr_declare_run(cr_ctx_t *cx, cr_meta_t *m, cr_str_t text, cr_str_t key,
                        int64_t loaded_at, cr_declare_result_t *ret_result);

/* A set as the database knows it. */
typedef struct cr_declaration_s {
    bool     found;
    cr_str_t instance;
    cr_str_t mode;
    int64_t  serial; /* 0: none */
    cr_str_t hash;
    cr_str_t body;
    cr_str_t state; /* applied, held, failed */
    cr_str_t reason;
    int64_t  loaded_at;
    int64_t  changed_at;
} cr_declaration_t;

/* The set in force, and the newer one that waits or failed. */
cr_err_t cr_declare_status(cr_ctx_t *cx, cr_meta_t *m,
                           cr_declaration_t *ret_applied,
                           cr_declaration_t *ret_next);
/* What the waiting set would change; NOT_FOUND when none waits. */
cr_err_t cr_declare_diff(cr_ctx_t *cx, cr_meta_t *m,
                         cr_declare_plan_t *ret_plan);
/* [write] Apply the waiting set, whatever held it; NOT_FOUND when none
 * waits. */
cr_err_t cr_declare_apply(cr_ctx_t *cx, cr_meta_t *m,
                          cr_declare_plan_t *ret_plan);
/*
 * [write] Delete what nginx.conf has left behind: users that are disabled
 * because their declaration went, and under "declared exclusive" the members
 * and robots of declared projects that are not declared.  dry: only list.
 */
cr_err_t cr_declare_prune(cr_ctx_t *cx, cr_meta_t *m, bool dry,
                          const cr_audit_who_t *who,
                          cr_declare_plan_t    *ret_plan);

#endif
