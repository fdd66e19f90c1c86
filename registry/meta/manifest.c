/*
 * Manifests: find, put, delete.  Tags as a list: tag.c; referrers:
 * referrer.c; purging what is deleted: reclaim.c.
 *
 * Invariants that each transaction keeps: a live tag points to a live
 * manifest; a link of a blob that a manifest here refers to (live, or in the
 * trash) has no unreferenced_at; repository.live_manifests counts.
 */

#include "core/crash.h"
#include "meta/change.h"
#include "meta/inner.h"
#include "meta/manifest.h"

/* --- find -------------------------------------------------------------- */


cr_err_t
cr_manifest_find(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                 const cr_reference_t *ref, bool with_body,
                 cr_manifest_row_t *ret_row)
{
    cr_manifest_row_t r = { 0 };
    cr_conn_t        *c;
    cr_stmt_t        *st;
    cr_sql_e          sql;
    cr_val_t          v[2];
    bool              found;

    if (ref->is_digest) {
        sql = with_body ? CR_SQL_MANIFEST_GET_DIGEST
                        : CR_SQL_MANIFEST_FIND_DIGEST;
    } else {
        sql = with_body ? CR_SQL_MANIFEST_GET_TAG : CR_SQL_MANIFEST_FIND_TAG;
    }

    v[0] = CR_V_TEXT(cr_reference_str(ref));
    v[1] = CR_V_TEXT(repository);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_row(cx, c, sql, v, 2, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_NAME_UNKNOWN, NULL);
    }
    if (cr_stmt_is_null(st, 0)) {
        cr_stmt_done(st);
        return cr_fail(cx, CR_ERR_MANIFEST_UNKNOWN, NULL);
    }

    r.id = cr_stmt_int(st, 0);
    r.digest = cr_stmt_text(cx, st, 1);
    r.media_type = cr_stmt_text(cx, st, 2);
    r.size = (uint64_t) cr_stmt_int(st, 3);
    if (with_body) {
        r.body = cr_stmt_blob(cx, st, 4);
        r.repository_id = cr_stmt_int(st, 5);
        r.tag_id = cr_stmt_int(st, 6);
    }
    CR_TRY(cr_meta_rows_done(cx, st));

    *ret_row = r;
    return CR_OK;
}


/* --- put --------------------------------------------------------------- */

typedef struct cr_manifest_op_s {
    const cr_meta_t         *m;
    const cr_manifest_put_t *put;
    int64_t                  repository_id;
    int64_t                  id;
    bool                     revived; /* new, or was deleted */
} cr_manifest_op_t;

/* A manifest row as it stands. */
typedef struct cr_manifest_state_s {
    int64_t  id;
    uint64_t size;
    bool     deleted;
} cr_manifest_state_t;


static cr_err_t
cr_manifest_state(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
                  cr_str_t digest, bool *ret_found, cr_manifest_state_t *ret_s)
{
    cr_stmt_t *st;
    cr_val_t   v[2];

    v[0] = CR_V_INT(repository_id);
    v[1] = CR_V_TEXT(digest);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_MANIFEST_STATE, v, 2, ret_found, &st));
    if (*ret_found) {
        ret_s->id = cr_stmt_int(st, 0);
        ret_s->size = (uint64_t) cr_stmt_int(st, 1);
        ret_s->deleted = !cr_stmt_is_null(st, 2);
        cr_stmt_done(st);
    }
    return CR_OK;
}


static cr_err_t
cr_manifest_size_check(cr_ctx_t *cx, const cr_manifest_ref_t *r, uint64_t size)
{
    if (r->size == size) {
        return CR_OK;
    }
    return cr_fail(cx, CR_ERR_MANIFEST_INVALID,
                   "descriptor of %.*s says %llu bytes, but the content has "
                   "%llu",
                   CR_STR_ARG(cr_digest_str(&r->digest)),
                   (unsigned long long) r->size, (unsigned long long) size);
}


/*
 * A blob that the manifest needs: it must be linked here, and from now on it
 * is referenced.  *ret_found false: it is not here.
 */
static cr_err_t
cr_manifest_check_blob(cr_ctx_t *cx, cr_conn_t *c, const cr_manifest_op_t *op,
                       const cr_manifest_ref_t *r, bool *ret_found)
{
    cr_blob_link_t l;
    cr_val_t       v[2];

    CR_TRY(cr_blob_find_in(cx, c, op->repository_id, cr_digest_str(&r->digest),
                           ret_found, &l));
    if (!*ret_found) {
        return CR_OK;
    }

    CR_TRY(cr_manifest_size_check(cx, r, l.size));
    if (!l.unreferenced) {
        return CR_OK;
    }
    v[0] = CR_V_INT(op->repository_id);
    v[1] = CR_V_INT(l.blob_id);
    return cr_db_run(cx, c, CR_SQL_BLOB_REFERENCE, v, 2);
}


/*
 * A child of an index.  Some builders list layers there (their cache export
 * does): what is no manifest by its media type may also be a blob.
 */
static cr_err_t
cr_manifest_check_child(cr_ctx_t *cx, cr_conn_t *c, const cr_manifest_op_t *op,
                        const cr_manifest_ref_t *r, bool *ret_found)
{
    cr_manifest_state_t s;
    bool                found;

    CR_TRY(cr_manifest_state(cx, c, op->repository_id,
                             cr_digest_str(&r->digest), &found, &s));
    if (found && !s.deleted) {
        *ret_found = true;
        return cr_manifest_size_check(cx, r, s.size);
    }
    if (cr_media_type_kind(r->media_type) == CR_MANIFEST_NONE) {
        return cr_manifest_check_blob(cx, c, op, r, ret_found);
    }
    *ret_found = false;
    return CR_OK;
}


static cr_err_t
cr_manifest_check_refs(cr_ctx_t *cx, cr_conn_t *c, const cr_manifest_op_t *op)
{
    const cr_manifest_t     *mf = op->put->manifest;
    const cr_manifest_ref_t *r;
    size_t                   i;
    bool                     found, may_miss;

    for (i = 0; i < mf->nrefs; i++) {
        r = &mf->refs[i];
        may_miss = r->foreign;
        if (r->kind == CR_REF_CHILD) {
            may_miss = may_miss || op->put->allow_sparse;
            CR_TRY(cr_manifest_check_child(cx, c, op, r, &found));
        } else {
            CR_TRY(cr_manifest_check_blob(cx, c, op, r, &found));
        }
        if (!found && !may_miss) {
            return cr_fail(cx, CR_ERR_MANIFEST_BLOB_UNKNOWN,
                           "manifest references %s %.*s, which is unknown to "
                           "this repository",
                           r->kind == CR_REF_CHILD ? "manifest" : "blob",
                           CR_STR_ARG(cr_digest_str(&r->digest)));
        }
    }
    return CR_OK;
}


static cr_err_t
cr_manifest_add(cr_ctx_t *cx, cr_conn_t *c, cr_manifest_op_t *op)
{
    const cr_manifest_put_t *put = op->put;
    const cr_manifest_t     *mf = put->manifest;
    cr_val_t                 v[12];
    size_t                   i;
    bool                     found;

    v[0] = CR_V_INT(op->repository_id);
    v[1] = CR_V_TEXT(cr_digest_str(&put->digest));
    v[2] = CR_V_INT(mf->kind);
    v[3] = CR_V_TEXT(mf->media_type);
    v[4] = CR_V_OPT(mf->artifact_type);
    v[5] = CR_V_OPT(mf->config_media_type);
    v[6] = mf->has_subject ? CR_V_TEXT(cr_digest_str(&mf->subject)) : CR_V_NULL;
    v[7] = CR_V_OPT(mf->annotations);
    v[8] = CR_V_INT(put->body.len);
    v[9] = CR_V_TEXT(put->who->actor);
    v[10] = CR_V_INT(cr_now(cx));
    v[11] = CR_V_BLOB(put->body);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_MANIFEST_ADD, v, 12, &found, &op->id));

    for (i = 0; i < mf->nrefs; i++) {
        v[0] = CR_V_INT(op->id);
        v[1] = CR_V_INT(i);
        v[2] = CR_V_INT(op->repository_id);
        v[3] = CR_V_INT(mf->refs[i].kind);
        v[4] = CR_V_TEXT(cr_digest_str(&mf->refs[i].digest));
        v[5] = CR_V_INT(mf->refs[i].size);
        CR_TRY(cr_db_run(cx, c, CR_SQL_MANIFEST_REFERENCE_ADD, v, 6));
    }
    return CR_OK;
}


/* The manifest's row: op->id, op->revived. */
static cr_err_t
cr_manifest_put_row(cr_ctx_t *cx, cr_conn_t *c, cr_manifest_op_t *op)
{
    cr_manifest_state_t s;
    cr_val_t            v[3];
    bool                found;

    CR_TRY(cr_manifest_state(cx, c, op->repository_id,
                             cr_digest_str(&op->put->digest), &found, &s));
    if (!found) {
        CR_TRY(cr_manifest_add(cx, c, op));
    } else {
        op->id = s.id;
        if (!s.deleted) {
            op->revived = false;
            return CR_OK;
        }
        v[0] = CR_V_TEXT(op->put->who->actor);
        v[1] = CR_V_INT(cr_now(cx));
        v[2] = CR_V_INT(s.id);
        CR_TRY(cr_db_run(cx, c, CR_SQL_MANIFEST_REVIVE, v, 3));
    }

    op->revived = true;
    return cr_repository_live_add(cx, c, op->repository_id, 1);
}


/* A new value of a tag (digest null: deleted): history and change log. */
static cr_err_t
cr_tag_changed(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
               int64_t repository_id, cr_str_t tag, cr_str_t digest,
               cr_actor_t actor)
{
    cr_val_t v[5];

    v[0] = CR_V_INT(repository_id);
    v[1] = CR_V_TEXT(tag);
    v[2] = CR_V_OPT(digest);
    v[3] = CR_V_TEXT(actor);
    v[4] = CR_V_INT(cr_now(cx));
    CR_TRY(cr_db_run(cx, c, CR_SQL_TAG_HISTORY_ADD, v, 5));
    return cr_change_record(cx, c, m, repository_id, tag, digest);
}


static cr_err_t
cr_manifest_put_tag(cr_ctx_t *cx, cr_conn_t *c, const cr_manifest_op_t *op,
                    cr_str_t tag)
{
    cr_stmt_t *st;
    cr_val_t   v[5];
    int64_t    id, manifest_id;
    bool       found, deleted;

    v[0] = CR_V_INT(op->repository_id);
    v[1] = CR_V_TEXT(tag);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_TAG_STATE, v, 2, &found, &st));
    if (found) {
        id = cr_stmt_int(st, 0);
        manifest_id = cr_stmt_int(st, 1);
        deleted = !cr_stmt_is_null(st, 2);
        cr_stmt_done(st);
        if (manifest_id == op->id && !deleted) {
            return CR_OK;
        }

        v[0] = CR_V_INT(op->id);
        v[1] = CR_V_TEXT(op->put->who->actor);
        v[2] = CR_V_INT(cr_now(cx));
        v[3] = CR_V_INT(id);
        CR_TRY(cr_db_run(cx, c, CR_SQL_TAG_SET, v, 4));
        if (manifest_id != op->id) {
            CR_TRY(cr_artifact_refresh(cx, c, manifest_id));
        }
    } else {
        v[2] = CR_V_INT(op->id);
        v[3] = CR_V_TEXT(op->put->who->actor);
        v[4] = CR_V_INT(cr_now(cx));
        CR_TRY(cr_db_run(cx, c, CR_SQL_TAG_ADD, v, 5));
    }

    return cr_tag_changed(cx, c, op->m, op->repository_id, tag,
                          cr_digest_str(&op->put->digest), op->put->who->actor);
}


/*
 * The change row of the digest itself: for what no tag announces, for
 * referrers, and to undo the tombstone that a deletion by digest left.
 */
static cr_err_t
cr_manifest_put_change(cr_ctx_t *cx, cr_conn_t *c, const cr_manifest_op_t *op)
{
    cr_str_t digest = cr_digest_str(&op->put->digest);
    cr_val_t v[2];
    int64_t  one;
    bool     wanted;

    if (!op->revived) {
        return CR_OK;
    }

    wanted = op->put->ntags == 0 || op->put->manifest->has_subject;
    if (!wanted) {
        v[0] = CR_V_INT(op->repository_id);
        v[1] = CR_V_TEXT(digest);
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_CHANGE_IS_TOMBSTONE, v, 2, &wanted,
                             &one));
    }
    if (!wanted) {
        return CR_OK;
    }
    return cr_change_record(cx, c, op->m, op->repository_id, digest, digest);
}


cr_err_t
cr_manifest_store(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                  const cr_manifest_put_t *put, int64_t *ret_id)
{
    cr_manifest_op_t op = { .m = m, .put = put };
    size_t           i;

    CR_TRY(cr_repository_ensure(cx, c, put->name, &op.repository_id));
    CR_TRY(cr_manifest_check_refs(cx, c, &op));
    CR_TRY(cr_manifest_put_row(cx, c, &op));
    CR_TRY(cr_manifest_put_change(cx, c, &op));
    for (i = 0; i < put->ntags; i++) {
        CR_TRY(cr_manifest_put_tag(cx, c, &op, put->tags[i]));
    }
    CR_TRY(cr_artifact_refresh(cx, c, op.id));
    if (op.revived) {
        CR_TRY(cr_artifact_refresh_children(cx, c, op.id));
    }
    *ret_id = op.id;
    return CR_OK;
}


typedef struct cr_manifest_put_op_s {
    const cr_meta_t         *m;
    const cr_manifest_put_t *put;
} cr_manifest_put_op_t;


static cr_err_t
cr_manifest_put_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_manifest_put_op_t *op = arg;
    const cr_manifest_put_t    *put = op->put;
    int64_t                     id;

    CR_TRY(cr_manifest_store(cx, c, op->m, put, &id));
    CR_CRASH("manifest.put");
    return cr_artifact_audit(cx, c, put->who, "create", "artifact",
                             put->name->full, put->ntags > 0 ? ":" : "@",
                             put->ntags > 0 ? put->tags[0]
                                            : cr_digest_str(&put->digest));
}


cr_err_t
cr_manifest_put(cr_ctx_t *cx, cr_meta_t *m, const cr_manifest_put_t *put)
{
    cr_manifest_put_op_t op = { .m = m, .put = put };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_manifest_put_write, &op);
}


/* --- delete ------------------------------------------------------------ */

typedef struct cr_manifest_delete_s {
    const cr_meta_t      *m;
    cr_str_t              repository;
    const cr_reference_t *ref;
    const cr_audit_who_t *who;
} cr_manifest_delete_t;

typedef struct cr_tag_row_s {
    int64_t  id;
    cr_str_t name;
} cr_tag_row_t;


static void
cr_tag_row_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_tag_row_t *t = row;

    t->id = cr_stmt_int(st, 0);
    t->name = cr_stmt_text(cx, st, 1);
}


static cr_err_t
cr_tag_delete_row(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                  int64_t repository_id, int64_t id, cr_str_t name,
                  cr_actor_t actor)
{
    int64_t  now = cr_now(cx);
    cr_val_t v[3];

    v[0] = CR_V_INT(now);
    v[1] = CR_V_INT(now + m->conf.trash_us);
    v[2] = CR_V_INT(id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_TAG_DELETE, v, 3));
    CR_CRASH("tag.delete");
    return cr_tag_changed(cx, c, m, repository_id, name, CR_STR_NULL, actor);
}


cr_err_t
cr_tag_remove(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
              int64_t repository_id, cr_str_t tag, cr_actor_t actor)
{
    cr_stmt_t *st;
    cr_val_t   v[2];
    int64_t    id, manifest_id;
    bool       found, deleted;

    v[0] = CR_V_INT(repository_id);
    v[1] = CR_V_TEXT(tag);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_TAG_STATE, v, 2, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_MANIFEST_UNKNOWN, NULL);
    }

    id = cr_stmt_int(st, 0);
    manifest_id = cr_stmt_int(st, 1);
    deleted = !cr_stmt_is_null(st, 2);
    cr_stmt_done(st);
    if (deleted) {
        return cr_fail(cx, CR_ERR_MANIFEST_UNKNOWN, NULL);
    }

    CR_TRY(cr_tag_delete_row(cx, c, m, repository_id, id, tag, actor));
    return cr_artifact_refresh(cx, c, manifest_id);
}


cr_err_t
cr_manifest_remove(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                   int64_t repository_id, cr_str_t digest, cr_actor_t actor)
{
    cr_manifest_state_t s;
    cr_tag_row_t       *t;
    void               *rows;
    size_t              i, n;
    int64_t             now = cr_now(cx);
    bool                found;
    cr_val_t            v[3];

    CR_TRY(cr_manifest_state(cx, c, repository_id, digest, &found, &s));
    if (!found || s.deleted) {
        return cr_fail(cx, CR_ERR_MANIFEST_UNKNOWN, NULL);
    }

    v[0] = CR_V_INT(s.id);
    CR_TRY(cr_meta_list(cx, c, CR_SQL_TAG_OF_MANIFEST, v, 1, cr_tag_row_read,
                        sizeof(*t), &rows, &n));
    for (i = 0, t = rows; i < n; i++, t++) {
        CR_TRY(cr_tag_delete_row(cx, c, m, repository_id, t->id, t->name,
                                 actor));
    }

    v[0] = CR_V_INT(now);
    v[1] = CR_V_INT(now + m->conf.trash_us);
    v[2] = CR_V_INT(s.id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_MANIFEST_DELETE, v, 3));
    CR_TRY(cr_repository_live_add(cx, c, repository_id, -1));
    CR_TRY(cr_artifact_refresh(cx, c, s.id));
    CR_TRY(cr_artifact_refresh_children(cx, c, s.id));
    CR_CRASH("manifest.delete");
    return cr_change_record(cx, c, m, repository_id, digest, CR_STR_NULL);
}


static cr_err_t
cr_manifest_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_manifest_delete_t *op = arg;
    int64_t               id;

    CR_TRY(cr_repository_id(cx, c, op->repository, &id));
    if (op->ref->is_digest) {
        CR_TRY(cr_manifest_remove(cx, c, op->m, id,
                                  cr_digest_str(&op->ref->digest),
                                  op->who->actor));
        return cr_artifact_audit(cx, c, op->who, "delete", "artifact",
                                 op->repository, "@",
                                 cr_digest_str(&op->ref->digest));
    }
    CR_TRY(cr_tag_remove(cx, c, op->m, id, op->ref->tag, op->who->actor));
    return cr_artifact_audit(cx, c, op->who, "delete", "tag", op->repository,
                             ":", op->ref->tag);
}


cr_err_t
cr_manifest_delete(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                   const cr_reference_t *ref, const cr_audit_who_t *who)
{
    cr_manifest_delete_t op = {
        .m = m,
        .repository = repository,
        .ref = ref,
        .who = who,
    };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_manifest_delete_write, &op);
}
