/*
 * Artifacts: deleting, tagging, copying.  Each is one transaction, with its
 * audit row in it.
 */

#include "meta/artifact.h"
#include "meta/inner.h"

typedef struct cr_artifact_op_s {
    const cr_meta_t      *m;
    cr_str_t              repository;
    const cr_reference_t *ref;
    const cr_name_t      *to;
    cr_str_t              tag;
    const cr_audit_who_t *who;
    int64_t               n;
    bool                  more;
    cr_str_t              digest;
} cr_artifact_op_t;

cr_err_t
cr_artifact_audit(cr_ctx_t *cx, cr_conn_t *c, const cr_audit_who_t *who,
                  const char *operation, const char *type, cr_str_t repository,
                  const char *separator, cr_str_t reference)
{
    bool             found;
    cr_val_t         v = CR_V_TEXT(repository);
    cr_audit_entry_t e = { .success = true };

    e.operation = cr_str_z(operation);
    e.resource_type = cr_str_z(type);
    e.resource = cr_printf(cx, "%.*s%s%.*s", CR_STR_ARG(repository), separator,
                           CR_STR_ARG(reference));
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_REPOSITORY_PROJECT, &v, 1, &found,
                         &e.project_id));

    return cr_audit_add_in(cx, c, who, &e);
}

/* --- sets of manifests ------------------------------------------------- */

/* Ids in the order in which they were found, each once. */
typedef struct cr_artifact_set_s {
    int64_t *ids;
    size_t   n;
} cr_artifact_set_t;

static cr_err_t
cr_artifact_set_init(cr_ctx_t *cx, cr_artifact_set_t *s)
{
    s->n = 0;
    s->ids = cr_alloc(cx, CR_ARTIFACT_TREE_MAX * sizeof(int64_t));

    return s->ids != NULL ? CR_OK : CR_ERR_NO_MEMORY;
}

static cr_err_t
cr_artifact_set_add(cr_ctx_t *cx, cr_artifact_set_t *s, int64_t id)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->ids[i] == id) {
            return CR_OK;
        }
    }

    if (s->n == CR_ARTIFACT_TREE_MAX) {
        return cr_fail(cx, CR_ERR_PRECONDITION,
                       "more than %d manifests belong to this artifact",
                       CR_ARTIFACT_TREE_MAX);
    }

    s->ids[s->n++] = id;

    return CR_OK;
}

static void
cr_artifact_read_id(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    (void) cx;
    *(int64_t *) row = cr_stmt_int(st, 0);
}

/* All ids that a statement gives for one. */
static cr_err_t
cr_artifact_ids_of(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, int64_t id,
                   int64_t **ret_ids, size_t *ret_n)
{
    void    *rows = NULL;
    cr_val_t v = CR_V_INT(id);

    CR_TRY(cr_meta_list(cx, c, sql, &v, 1, cr_artifact_read_id, sizeof(int64_t),
                        &rows, ret_n));
    *ret_ids = rows;

    return CR_OK;
}

static cr_err_t
cr_artifact_set_add_of(cr_ctx_t *cx, cr_conn_t *c, cr_artifact_set_t *s,
                       cr_sql_e sql, int64_t id)
{
    size_t   n;
    int64_t *ids;

    CR_TRY(cr_artifact_ids_of(cx, c, sql, id, &ids, &n));

    for (size_t i = 0; i < n; i++) {
        CR_TRY(cr_artifact_set_add(cx, s, ids[i]));
    }

    return CR_OK;
}

/* --- delete ------------------------------------------------------------ */

static cr_err_t
cr_artifact_has(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, int64_t id,
                bool *ret_has)
{
    cr_stmt_t *st;
    cr_val_t   v = CR_V_INT(id);

    CR_TRY(cr_meta_row(cx, c, sql, &v, 1, ret_has, &st));

    if (*ret_has) {
        cr_stmt_done(st);
    }

    return CR_OK;
}

/* Children that nothing else needs go with their index. */
static cr_err_t
cr_artifact_add_children(cr_ctx_t *cx, cr_conn_t *c, cr_artifact_set_t *s,
                         int64_t id)
{
    bool     tagged, parents;
    size_t   n;
    int64_t *ids;

    CR_TRY(cr_artifact_ids_of(cx, c, CR_SQL_ARTIFACT_CHILDREN, id, &ids, &n));

    for (size_t i = 0; i < n; i++) {
        CR_TRY(
            cr_artifact_has(cx, c, CR_SQL_ARTIFACT_IS_TAGGED, ids[i], &tagged));
        CR_TRY(
            cr_artifact_has(cx, c, CR_SQL_ARTIFACT_PARENTS, ids[i], &parents));

        if (!tagged && !parents) {
            CR_TRY(cr_artifact_set_add(cx, s, ids[i]));
        }
    }

    return CR_OK;
}

/* One manifest of the set; *ret_digest: empty when it is gone already. */
static cr_err_t
cr_artifact_remove_one(cr_ctx_t *cx, cr_conn_t *c, const cr_artifact_op_t *op,
                       int64_t id, cr_str_t *ret_digest)
{
    bool       found;
    int64_t    repository_id;
    cr_str_t   digest;
    cr_stmt_t *st;
    cr_val_t   v = CR_V_INT(id);

    *ret_digest = CR_STR_NULL;
    CR_TRY(cr_meta_row(cx, c, CR_SQL_ARTIFACT_STATE, &v, 1, &found, &st));

    if (!found) {
        return CR_OK;
    }

    digest = cr_stmt_text(cx, st, 0);
    repository_id = cr_stmt_int(st, 1);
    CR_TRY(cr_meta_rows_done(cx, st));
    CR_TRY(cr_manifest_remove(cx, c, op->m, repository_id, digest,
                              op->who->actor));
    *ret_digest = digest;

    return CR_OK;
}

/* A manifest, and what stands or falls with it. */
static cr_err_t
cr_artifact_remove(cr_ctx_t *cx, cr_conn_t *c, const cr_artifact_op_t *op,
                   int64_t id)
{
    cr_str_t          digest;
    cr_artifact_set_t set;

    CR_TRY(cr_artifact_set_init(cx, &set));
    CR_TRY(cr_artifact_set_add(cx, &set, id));

    for (size_t i = 0; i < set.n; i++) {
        CR_TRY(cr_artifact_remove_one(cx, c, op, set.ids[i], &digest));
        CR_TRY(cr_artifact_add_children(cx, c, &set, set.ids[i]));
        CR_TRY(cr_artifact_set_add_of(cx, c, &set, CR_SQL_ARTIFACT_ACCESSORIES,
                                      set.ids[i]));

        if (digest.len != 0) {
            CR_TRY(cr_artifact_audit(cx, c, op->who, "delete", "artifact",
                                     op->repository, "@", digest));
        }
    }

    return CR_OK;
}

static cr_err_t
cr_artifact_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool              parents;
    int64_t           id, repository_id;
    cr_artifact_op_t *op = arg;

    CR_TRY(cr_artifact_find_in(cx, c, op->repository, op->ref, &id,
                               &repository_id));
    CR_TRY(cr_artifact_has(cx, c, CR_SQL_ARTIFACT_PARENTS, id, &parents));

    if (parents) {
        return cr_fail(cx, CR_ERR_REFERENCED,
                       "the deleting artifact is referenced by others");
    }

    return cr_artifact_remove(cx, c, op, id);
}

cr_err_t
cr_artifact_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                   const cr_reference_t *ref, const cr_audit_who_t *who)
{
    cr_artifact_op_t op = {
        .m = m, .repository = repository, .ref = ref, .who = who
    };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_artifact_delete_write, &op);
}

static cr_err_t
cr_artifact_delete_all_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    size_t            n = 0;
    int64_t           repository_id;
    cr_str_t          digest;
    void             *rows = NULL;
    const int64_t    *ids;
    cr_artifact_op_t *op = arg;
    cr_val_t          v[2];

    CR_TRY(cr_repository_id(cx, c, op->repository, &repository_id));
    v[0] = CR_V_INT(repository_id);
    v[1] = CR_V_INT(op->n + 1);
    CR_TRY(cr_meta_list(cx, c, CR_SQL_ARTIFACT_SOME, v, 2, cr_artifact_read_id,
                        sizeof(int64_t), &rows, &n));
    ids = rows;
    op->more = n > (size_t) op->n;
    n = op->more ? (size_t) op->n : n;

    for (size_t i = 0; i < n; i++) {
        CR_TRY(cr_artifact_remove_one(cx, c, op, ids[i], &digest));
        CR_TRY(cr_artifact_audit(cx, c, op->who, "delete", "artifact",
                                 op->repository, "@", digest));
    }

    if (op->more) {
        return CR_OK;
    }

    v[0] = CR_V_INT(repository_id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_REPOSITORY_FORGET, v, 1));

    return cr_artifact_audit(cx, c, op->who, "delete", "repository",
                             op->repository, "", CR_STR_NULL);
}

cr_err_t
cr_artifact_delete_all(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                       int64_t n, const cr_audit_who_t *who, bool *ret_more)
{
    cr_artifact_op_t op = {
        .m = m, .repository = repository, .n = n, .who = who
    };

    CR_TRY(
        cr_db_write(cx, m->db, CR_DB_SYNC, cr_artifact_delete_all_write, &op));
    *ret_more = op.more;

    return CR_OK;
}

/* --- tags -------------------------------------------------------------- */

/* The same manifest once more, with a tag. */
static cr_err_t
cr_artifact_store(cr_ctx_t *cx, cr_conn_t *c, const cr_artifact_op_t *op,
                  int64_t id, cr_str_t tag, cr_str_t *ret_digest)
{
    bool              found;
    int64_t           stored;
    cr_str_t          digest, media_type;
    cr_stmt_t        *st;
    cr_manifest_t     manifest;
    cr_manifest_put_t put = { .name = op->to, .who = op->who };
    cr_val_t          v = CR_V_INT(id);

    CR_TRY(cr_meta_row(cx, c, CR_SQL_ARTIFACT_BODY, &v, 1, &found, &st));

    if (!found) {
        return cr_fail(cx, CR_ERR_MANIFEST_UNKNOWN, NULL);
    }

    digest = cr_stmt_text(cx, st, 1);
    put.body = cr_stmt_blob(cx, st, 2);
    media_type = cr_stmt_text(cx, st, 3);
    CR_TRY(cr_meta_rows_done(cx, st));
    CR_TRY(cr_manifest_parse(cx, put.body, media_type, &manifest));
    CR_TRY(cr_digest_parse(cx, digest, &put.digest));

    put.manifest = &manifest;
    put.tags = &tag;
    put.ntags = tag.len != 0;
    put.allow_sparse = true; /* the source was let in so */
    CR_TRY(cr_manifest_store(cx, c, op->m, &put, &stored));
    *ret_digest = digest;

    return CR_OK;
}

static cr_err_t
cr_artifact_tag_add_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool              taken;
    int64_t           id, repository_id;
    cr_str_t          digest;
    cr_stmt_t        *st;
    cr_artifact_op_t *op = arg;
    cr_val_t          v[2];

    CR_TRY(
        cr_artifact_find_in(cx, c, op->to->full, op->ref, &id, &repository_id));

    v[0] = CR_V_INT(repository_id);
    v[1] = CR_V_TEXT(op->tag);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_TAG_STATE, v, 2, &taken, &st));

    if (taken) {
        taken = cr_stmt_is_null(st, 2);
        cr_stmt_done(st);
    }

    if (taken) {
        return cr_fail(cx, CR_ERR_EXISTS, "tag %.*s already exists",
                       CR_STR_ARG(op->tag));
    }

    CR_TRY(cr_artifact_store(cx, c, op, id, op->tag, &digest));

    return cr_artifact_audit(cx, c, op->who, "create", "tag", op->to->full, ":",
                             op->tag);
}

cr_err_t
cr_artifact_tag_add(cr_ctx_t *cx, cr_meta_t *m, const cr_name_t *name,
                    const cr_reference_t *ref, cr_str_t tag,
                    const cr_audit_who_t *who)
{
    cr_artifact_op_t op = {
        .m = m, .to = name, .ref = ref, .tag = tag, .who = who
    };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_artifact_tag_add_write, &op);
}

static cr_err_t
cr_artifact_tag_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool              found;
    int64_t           id, repository_id;
    cr_stmt_t        *st;
    cr_artifact_op_t *op = arg;
    cr_val_t          v[2];

    CR_TRY(cr_artifact_find_in(cx, c, op->repository, op->ref, &id,
                               &repository_id));

    v[0] = CR_V_INT(id);
    v[1] = CR_V_TEXT(op->tag);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_ARTIFACT_TAG_OF, v, 2, &found, &st));

    if (!found) {
        return cr_fail(cx, CR_ERR_MANIFEST_UNKNOWN,
                       "tag %.*s is not attached to this artifact",
                       CR_STR_ARG(op->tag));
    }

    cr_stmt_done(st);
    CR_TRY(cr_tag_remove(cx, c, op->m, repository_id, op->tag, op->who->actor));

    return cr_artifact_audit(cx, c, op->who, "delete", "tag", op->repository,
                             ":", op->tag);
}

cr_err_t
cr_artifact_tag_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                       const cr_reference_t *ref, cr_str_t tag,
                       const cr_audit_who_t *who)
{
    cr_artifact_op_t op = {
        .m = m, .repository = repository, .ref = ref, .tag = tag, .who = who
    };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_artifact_tag_delete_write,
                       &op);
}

/* --- copy -------------------------------------------------------------- */

typedef struct cr_artifact_blob_s {
    int64_t  id;
    cr_str_t digest;
} cr_artifact_blob_t;

static void
cr_artifact_read_blob(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_artifact_blob_t *b = row;

    b->id = cr_stmt_int(st, 0);
    b->digest = cr_stmt_text(cx, st, 1);
}

static cr_err_t
cr_artifact_copy_one(cr_ctx_t *cx, cr_conn_t *c, const cr_artifact_op_t *op,
                     int64_t to_id, int64_t id, cr_str_t tag,
                     cr_str_t *ret_digest)
{
    void                     *rows = NULL;
    size_t                    n = 0;
    const cr_artifact_blob_t *blobs;
    cr_val_t                  v = CR_V_INT(id);

    CR_TRY(cr_meta_list(cx, c, CR_SQL_ARTIFACT_BLOBS, &v, 1,
                        cr_artifact_read_blob, sizeof(cr_artifact_blob_t),
                        &rows, &n));
    blobs = rows;

    for (size_t i = 0; i < n; i++) {
        CR_TRY(cr_blob_link(cx, c, op->m, to_id, blobs[i].id, blobs[i].digest));
    }

    return cr_artifact_store(cx, c, op, id, tag, ret_digest);
}

/* A manifest with its children, these first. */
static cr_err_t
cr_artifact_copy_tree(cr_ctx_t *cx, cr_conn_t *c, const cr_artifact_op_t *op,
                      int64_t to_id, int64_t id, cr_str_t tag,
                      cr_artifact_set_t *done, cr_str_t *ret_digest)
{
    cr_artifact_set_t tree;

    CR_TRY(cr_artifact_set_init(cx, &tree));
    CR_TRY(cr_artifact_set_add(cx, &tree, id));

    for (size_t i = 0; i < tree.n; i++) {
        CR_TRY(cr_artifact_set_add_of(cx, c, &tree, CR_SQL_ARTIFACT_CHILDREN,
                                      tree.ids[i]));
    }

    for (size_t i = tree.n; i > 0; i--) {
        CR_TRY(cr_artifact_copy_one(cx, c, op, to_id, tree.ids[i - 1],
                                    i == 1 ? tag : CR_STR_NULL, ret_digest));
        CR_TRY(cr_artifact_set_add(cx, done, tree.ids[i - 1]));
    }

    return CR_OK;
}

static cr_err_t
cr_artifact_copy_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    size_t            n;
    int64_t           id, repository_id, to_id;
    int64_t          *ids;
    cr_str_t          tag = CR_STR_NULL, digest;
    cr_artifact_op_t *op = arg;
    cr_artifact_set_t done;

    CR_TRY(cr_artifact_find_in(cx, c, op->repository, op->ref, &id,
                               &repository_id));
    CR_TRY(cr_repository_ensure(cx, c, op->to, &to_id));

    if (!op->ref->is_digest) {
        tag = op->ref->tag;
    }

    CR_TRY(cr_artifact_set_init(cx, &done));
    CR_TRY(
        cr_artifact_copy_tree(cx, c, op, to_id, id, tag, &done, &op->digest));

    for (size_t i = 0; i < done.n; i++) {
        CR_TRY(cr_artifact_ids_of(cx, c, CR_SQL_ARTIFACT_ACCESSORIES,
                                  done.ids[i], &ids, &n));

        for (size_t k = 0; k < n; k++) {
            CR_TRY(cr_artifact_copy_tree(cx, c, op, to_id, ids[k], CR_STR_NULL,
                                         &done, &digest));
        }
    }

    return cr_artifact_audit(cx, c, op->who, "create", "artifact", op->to->full,
                             "@", op->digest);
}

cr_err_t
cr_artifact_copy(cr_ctx_t *cx, cr_meta_t *m, cr_str_t from,
                 const cr_reference_t *ref, const cr_name_t *to,
                 const cr_audit_who_t *who, cr_str_t *ret_digest)
{
    cr_artifact_op_t op = {
        .m = m, .repository = from, .ref = ref, .to = to, .who = who
    };

    CR_TRY(cr_db_write(cx, m->db, CR_DB_SYNC, cr_artifact_copy_write, &op));
    *ret_digest = op.digest;

    return CR_OK;
}
