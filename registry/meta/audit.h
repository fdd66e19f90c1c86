/*
 * The audit log: who did what to what, when, from where, with which result.
 * Changes of permission and deletions write their row in their own
 * transaction; what a request merely tried is added behind its answer.
 */

#ifndef CR_META_AUDIT_H
#define CR_META_AUDIT_H

#include "meta/meta.h"

/* Who acts: for rows of the audit log. */
typedef struct cr_audit_who_s {
    cr_actor_t actor;    /* "user:ID", "robot:ID", "cli", "config", "" */
    cr_str_t   username; /* as it is now */
    cr_str_t   client;   /* address; empty: none */
} cr_audit_who_t;

/* The id of the user (or robot) that acts; 0: it is none. */
int64_t cr_audit_user_id(const cr_audit_who_t *who);
int64_t cr_audit_robot_id(const cr_audit_who_t *who);

#define CR_AUDIT_KEEP_DEFAULT (180 * CR_DAY)
#define CR_AUDIT_TEXT_MAX 1024 /* bytes of a field; longer ones are cut */

typedef struct cr_audit_entry_s {
    int64_t  id; /* read */
    int64_t  at; /* read */
    cr_str_t actor, username, client; /* read; written from who */
    cr_str_t operation;     /* create update delete login logout push pull */
    cr_str_t resource_type; /* artifact tag repository project project_member
                             * robot user label configuration token */
    cr_str_t resource;      /* its name: "library/app:v1" */
    int64_t  project_id;    /* 0: none */
    bool     success;
    cr_str_t description;
} cr_audit_entry_t;

/* Inside a write transaction. */
cr_err_t cr_audit_add_in(cr_ctx_t *cx, cr_conn_t *c, const cr_audit_who_t *who,
                         const cr_audit_entry_t *e);
/* [write, no sync] On its own. */
cr_err_t cr_audit_add(cr_ctx_t *cx, cr_meta_t *m, const cr_audit_who_t *who,
                      const cr_audit_entry_t *e);

/* Values of a field: any of a JSON array, or those with a text in them. */
typedef struct cr_audit_match_s {
    cr_str_t any;
    cr_str_t like;
} cr_audit_match_t;

/* Empty strings and zeros match all. */
typedef struct cr_audit_filter_s {
    int64_t          project_id;
    int64_t          admin_of; /* only where this user is projectAdmin */
    cr_audit_match_t username, operation, resource_type, resource;
    int64_t          from; /* microseconds, included as is until */
    int64_t          until; /* 0: open */
    bool             oldest_first;
} cr_audit_filter_t;

/* Entries that a filter looks at, the newest of the time that is asked for. */
#define CR_AUDIT_WINDOW 2000

/* [list] Newest first, or turned round.  *ret_total: all of them; with a
 * filter, what of CR_AUDIT_WINDOW entries matches. */
cr_err_t cr_audit_page(cr_ctx_t *cx, cr_meta_t *m, const cr_audit_filter_t *f,
                       int64_t offset, size_t n, cr_audit_entry_t **ret_rows,
                       size_t *ret_n, int64_t *ret_total);
/* [write, no sync] Drop up to n rows older than that time. */
cr_err_t cr_audit_purge(cr_ctx_t *cx, cr_meta_t *m, int64_t before, size_t n,
                        size_t *ret_n);

#endif
