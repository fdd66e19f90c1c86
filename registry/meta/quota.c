/* What a project may hold. */

#include "meta/inner.h"
#include "meta/quota.h"


static cr_err_t
cr_quota_read(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, cr_val_t v,
              cr_quota_t *ret_q)
{
    cr_stmt_t *st;
    cr_quota_t q = { .limited = false };

    CR_TRY(cr_meta_row(cx, c, sql, &v, 1, &q.limited, &st));
    if (q.limited) {
        q.used = cr_stmt_int(st, 0);
        q.limit = cr_stmt_int(st, 1);
        cr_stmt_done(st);
    }

    *ret_q = q;
    return CR_OK;
}


cr_err_t
cr_quota_before(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
                cr_quota_t *ret_q)
{
    return cr_quota_read(cx, c, CR_SQL_QUOTA_OF_REPOSITORY,
                         CR_V_INT(repository_id), ret_q);
}


cr_err_t
cr_quota_after(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
               const cr_quota_t *before)
{
    cr_quota_t now;

    if (!before->limited) {
        return CR_OK;
    }

    CR_TRY(cr_quota_read(cx, c, CR_SQL_QUOTA_OF_REPOSITORY,
                         CR_V_INT(repository_id), &now));
    if (now.used <= before->used || now.used <= before->limit) {
        return CR_OK;
    }

    return cr_fail(cx, CR_ERR_DENIED,
                   "adding %lld bytes of storage resource, which when updated "
                   "to current usage of %lld bytes will exceed the configured "
                   "upper limit of %lld bytes",
                   (long long) (now.used - before->used),
                   (long long) before->used, (long long) before->limit);
}


cr_err_t
cr_quota_check(cr_ctx_t *cx, cr_meta_t *m, cr_str_t project)
{
    cr_conn_t *c;
    cr_quota_t q;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_quota_read(cx, c, CR_SQL_QUOTA_OF_PROJECT, CR_V_TEXT(project),
                         &q));
    if (!q.limited || q.used < q.limit) {
        return CR_OK;
    }

    return cr_fail(cx, CR_ERR_DENIED,
                   "the project holds %lld bytes: anything more will exceed "
                   "the configured upper limit of %lld bytes",
                   (long long) q.used, (long long) q.limit);
}
