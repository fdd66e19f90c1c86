/*
 * Inside meta/: what the entities need of each other.  Functions that take a
 * connection run inside the caller's transaction.
 */

#ifndef CR_META_INNER_H
#define CR_META_INNER_H

#include "core/buf.h"
#include "core/encode.h"
#include "core/process.h"
#include "meta/blob.h"
#include "oci/reference.h"

#define CR_BOOT_ID_MAX 64

struct cr_meta_s {
    cr_db_t       *db;
    cr_meta_conf_t conf;
    char           installation_id[CR_UUID_LEN];
    char           boot_id[CR_BOOT_ID_MAX];
    size_t         boot_id_len;
    char           process[CR_PROCESS_TEXT_MAX];
    size_t         process_len;
};

cr_str_t cr_meta_boot_id(const cr_meta_t *m);
/* The process that opened it, as cr_process_gone wants it; empty: unknown. */
cr_str_t cr_meta_process(const cr_meta_t *m);

/*
 * Start a statement and take its first row.  *ret_found false: there is none,
 * and the statement is done already; true: the caller reads the columns and
 * calls cr_stmt_done.
 */
cr_err_t cr_meta_row(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                     const cr_val_t *vals, size_t n, bool *ret_found,
                     cr_stmt_t **ret_st);
/* End of reading rows: an allocation that failed on the way shows here. */
cr_err_t cr_meta_rows_done(cr_ctx_t *cx, cr_stmt_t *st);
/* Copies the columns of the current row into *row. */
typedef void (*cr_meta_read_pt)(cr_ctx_t *cx, cr_stmt_t *st, void *row);
/* All rows of a statement, as an arena array of elements of that size. */
cr_err_t cr_meta_list(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                      const cr_val_t *vals, size_t nvals, cr_meta_read_pt read,
                      size_t element, void **ret_rows, size_t *ret_n);
/* For a list of one text column: the row is a cr_str_t. */
void cr_meta_read_text(cr_ctx_t *cx, cr_stmt_t *st, void *row);

/* A setting; *ret_n keeps its value when there is none. */
cr_err_t cr_setting_int_in(cr_ctx_t *cx, cr_conn_t *c, const char *name,
                           int64_t *ret_n);

/* NAME_UNKNOWN. */
cr_err_t cr_repository_id(cr_ctx_t *cx, cr_conn_t *c, cr_str_t name,
                          int64_t *ret_id);
/* The same, but the repository is made when missing; NAME_UNKNOWN when its
 * project does not exist. */
cr_err_t cr_repository_ensure(cr_ctx_t *cx, cr_conn_t *c, const cr_name_t *name,
                              int64_t *ret_id);
/* Live manifests + n. */
cr_err_t cr_repository_live_add(cr_ctx_t *cx, cr_conn_t *c, int64_t id, int n);

/* List the manifest, or list it no more: to be called whenever its tags, its
 * parents or its deletion changed. */
cr_err_t cr_artifact_refresh(cr_ctx_t *cx, cr_conn_t *c, int64_t manifest_id);
/* The same for all that an index refers to. */
cr_err_t cr_artifact_refresh_children(cr_ctx_t *cx, cr_conn_t *c,
                                      int64_t manifest_id);

/* MANIFEST_UNKNOWN. */
cr_err_t cr_artifact_find_in(cr_ctx_t *cx, cr_conn_t *c, cr_str_t repository,
                             const cr_reference_t *ref, int64_t *ret_id,
                             int64_t *ret_repository_id);

/* A row of the project's log: type "artifact", "tag" or "repository"; what it
 * is about is repository, separator and reference, "library/app@sha256:...". */
struct cr_audit_who_s;
cr_err_t cr_artifact_audit(cr_ctx_t *cx, cr_conn_t *c,
                           const struct cr_audit_who_s *who,
                           const char *operation, const char *type,
                           cr_str_t repository, const char *separator,
                           cr_str_t reference);

/* What cr_manifest_put and cr_manifest_delete do, inside a transaction, but
 * for the log. */
struct cr_manifest_put_s;
cr_err_t cr_manifest_store(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                           const struct cr_manifest_put_s *put,
                           int64_t                        *ret_id);
cr_err_t cr_manifest_remove(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                            int64_t repository_id, cr_str_t digest,
                            cr_actor_t actor);
cr_err_t cr_tag_remove(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                       int64_t repository_id, cr_str_t tag, cr_actor_t actor);

/* A new token key, HS256. */
cr_err_t cr_key_make_in(cr_ctx_t *cx, cr_conn_t *c);

/* NOT_FOUND. */
struct cr_project_s;
struct cr_visibility_s;
/* Every project: an administrator, or a robot with a right in all of them? */
cr_err_t cr_project_sees_all(cr_ctx_t *cx, cr_conn_t *c,
                             const struct cr_visibility_s *vis, bool *ret_all);
cr_err_t cr_project_find_in(cr_ctx_t *cx, cr_conn_t *c, int64_t id,
                            struct cr_project_s *ret_p);
struct cr_robot_s;
/* By the key of that statement.  NOT_FOUND. */
cr_err_t cr_robot_get(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                      const cr_val_t *key, struct cr_robot_s *ret_r);
/* Role: cr_role_e.  Errors as cr_member_add. */
cr_err_t cr_member_add_in(cr_ctx_t *cx, cr_conn_t *c, int64_t project_id,
                          int64_t user_id, int role, int64_t *ret_id);

/* A live link of the blob in the repository. */
typedef struct cr_blob_link_s {
    int64_t  blob_id;
    uint64_t size;
    bool     unreferenced;
} cr_blob_link_t;

cr_err_t cr_blob_find_in(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
                         cr_str_t digest, bool *ret_found,
                         cr_blob_link_t *ret_l);
/* cr_blob_place, inside a transaction. */
struct cr_blob_place_s;
cr_err_t cr_blob_place_in(cr_ctx_t *cx, cr_conn_t *c, cr_str_t digest,
                          bool *ret_found, struct cr_blob_place_s *ret_p);
/* The limit of a repository's project, and how much of it is used. */
typedef struct cr_quota_s {
    bool    limited;
    int64_t used;
    int64_t limit;
} cr_quota_t;

cr_err_t cr_quota_before(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
                         cr_quota_t *ret_q);
/* DENIED: since then it has grown, beyond its limit. */
cr_err_t cr_quota_after(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
                        const cr_quota_t *before);

/* Link, or link again, and protect for a grace.  DENIED: beyond the limit of
 * the project. */
cr_err_t cr_blob_link(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                      int64_t repository_id, int64_t blob_id, cr_str_t digest);

/* Name a locator that no row needs any more; twice is harmless. */
cr_err_t cr_orphan_add(cr_ctx_t *cx, cr_conn_t *c, cr_str_t locator,
                       uint64_t size, int64_t not_before, const char *reason);

#endif
