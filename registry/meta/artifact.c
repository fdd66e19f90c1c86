/*
 * Artifacts: which manifests are listed, and reading them.  Deleting,
 * tagging and copying: artifact_write.c.
 *
 * A page is two statements: one finds the ids by an index, one reads what
 * is shown of them.
 */

#include "meta/artifact.h"
#include "meta/inner.h"
#include "meta/page.h"

#define CR_ARTIFACT_IDS_MAX ((size_t) 1024 * 1024)

/* From this offset on a page is looked for from the nearer end. */
#define CR_ARTIFACT_DEEP    1000

/* What $1 of artifact_search says. */
enum {
    CR_ARTIFACT_OF_NEWEST,
    CR_ARTIFACT_OF_ALL,
    CR_ARTIFACT_OF_TAGS,
    CR_ARTIFACT_OF_ID
};

const cr_artifact_filter_t cr_artifact_filter_default = {
    .tagged = -1,
    .pushed_max = INT64_MAX,
    .sort = CR_ARTIFACT_SORT_PUSHED,
    .descending = true,
};

/* --- which are listed -------------------------------------------------- */

cr_err_t
cr_artifact_refresh(cr_ctx_t *cx, cr_conn_t *c, int64_t manifest_id)
{
    int      delta = 1;
    int64_t  repository_id = 0;
    bool     found;
    cr_val_t v[2];

    v[0] = CR_V_INT(manifest_id);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_ARTIFACT_ADD, v, 1, &found,
                         &repository_id));

    if (!found) {
        delta = -1;
        CR_TRY(cr_db_get_int(cx, c, CR_SQL_ARTIFACT_DROP, v, 1, &found,
                             &repository_id));
    }

    if (!found) {
        return CR_OK;
    }

    v[0] = CR_V_INT(delta);
    v[1] = CR_V_INT(repository_id);

    return cr_db_run(cx, c, CR_SQL_ARTIFACT_COUNT_ADD, v, 2);
}

static void
cr_artifact_read_id(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    (void) cx;
    *(int64_t *) row = cr_stmt_int(st, 0);
}

cr_err_t
cr_artifact_refresh_children(cr_ctx_t *cx, cr_conn_t *c, int64_t manifest_id)
{
    void          *rows = NULL;
    size_t         n = 0;
    const int64_t *ids;
    cr_val_t       v = CR_V_INT(manifest_id);

    CR_TRY(cr_meta_list(cx, c, CR_SQL_ARTIFACT_CHILDREN, &v, 1,
                        cr_artifact_read_id, sizeof(int64_t), &rows, &n));
    ids = rows;

    for (size_t i = 0; i < n; i++) {
        CR_TRY(cr_artifact_refresh(cx, c, ids[i]));
    }

    return CR_OK;
}

/* --- reading ----------------------------------------------------------- */

cr_err_t
cr_artifact_find_in(cr_ctx_t *cx, cr_conn_t *c, cr_str_t repository,
                    const cr_reference_t *ref, int64_t *ret_id,
                    int64_t *ret_repository_id)
{
    bool       found;
    cr_stmt_t *st;
    cr_val_t   v[2];

    v[0] = CR_V_TEXT(cr_reference_str(ref));
    v[1] = CR_V_TEXT(repository);
    CR_TRY(cr_meta_row(cx, c,
                       ref->is_digest ? CR_SQL_ARTIFACT_FIND_DIGEST
                                      : CR_SQL_ARTIFACT_FIND_TAG,
                       v, 2, &found, &st));

    if (!found) {
        return cr_fail(cx, CR_ERR_MANIFEST_UNKNOWN,
                       "artifact %.*s%s%.*s not "
                       "found",
                       CR_STR_ARG(repository), ref->is_digest ? "@" : ":",
                       CR_STR_ARG(cr_reference_str(ref)));
    }

    *ret_id = cr_stmt_int(st, 0);
    *ret_repository_id = cr_stmt_int(st, 1);
    cr_stmt_done(st);

    return CR_OK;
}

cr_err_t
cr_artifact_find(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                 const cr_reference_t *ref, int64_t *ret_id,
                 int64_t *ret_repository_id)
{
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_artifact_find_in(cx, c, repository, ref, ret_id,
                               ret_repository_id);
}

static void
cr_artifact_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_artifact_t *a = row;

    a->id = cr_stmt_int(st, 0);
    a->digest = cr_stmt_text(cx, st, 1);
    a->kind = (int) cr_stmt_int(st, 2);
    a->media_type = cr_stmt_text(cx, st, 3);
    a->artifact_type = cr_stmt_text(cx, st, 4);
    a->config_media_type = cr_stmt_text(cx, st, 5);
    a->annotations = cr_stmt_text(cx, st, 6);
    a->subject_digest = cr_stmt_text(cx, st, 7);
    a->size = cr_stmt_int(st, 8);
    a->pushed_at = cr_stmt_int(st, 9);
    a->pulled_at = cr_stmt_int(st, 10);
    a->repository_id = cr_stmt_int(st, 11);
    a->project_id = cr_stmt_int(st, 12);
    a->repository = cr_stmt_text(cx, st, 13);
    a->tags = cr_stmt_text(cx, st, 14);
    a->labels = cr_stmt_text(cx, st, 15);
    a->accessories = cr_stmt_text(cx, st, 16);
    a->references = cr_stmt_text(cx, st, 17);
    a->body = cr_stmt_blob(cx, st, 18);
    a->brief = cr_stmt_int(st, 19) != 0;
}

typedef struct cr_artifact_id_s {
    int64_t id;
    int64_t total;
} cr_artifact_id_t;

static void
cr_artifact_read_page(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_artifact_id_t *p = row;

    (void) cx;
    p->id = cr_stmt_int(st, 0);
    p->total = cr_stmt_int(st, 1);
}

/* Details of these, in the order of a JSON array of ids; of a list: bounded. */
static cr_err_t
cr_artifact_rows_json(cr_ctx_t *cx, cr_conn_t *c, cr_str_t json, unsigned with,
                      bool list, cr_artifact_t **ret_rows, size_t *ret_n)
{
    void    *rows;
    cr_val_t v[6];

    v[0] = CR_V_INT(list ? CR_ARTIFACT_BRIEF_MIN : CR_MANIFEST_SIZE_MAX);
    v[1] = CR_V_INT((with & CR_ARTIFACT_TAGS) != 0);
    v[2] = CR_V_INT((with & CR_ARTIFACT_LABELS) != 0);
    v[3] = CR_V_INT(list ? CR_ARTIFACT_PARTS_LIST : CR_ARTIFACT_PARTS_MAX);
    v[4] = CR_V_INT((with & CR_ARTIFACT_ACCESSORIES) != 0);
    v[5] = CR_V_TEXT(json);
    CR_TRY(cr_meta_list(cx, c, CR_SQL_ARTIFACT_ROWS, v, 6, cr_artifact_read,
                        sizeof(cr_artifact_t), &rows, ret_n));
    *ret_rows = rows;

    return CR_OK;
}

/* Details of these, in their order. */
static cr_err_t
cr_artifact_rows(cr_ctx_t *cx, cr_conn_t *c, const cr_artifact_id_t *ids,
                 size_t n, unsigned with, bool list, cr_artifact_t **ret_rows,
                 size_t *ret_n)
{
    cr_buf_t b;
    cr_str_t json;

    if (n == 0) {
        *ret_rows = NULL;
        *ret_n = 0;
        return CR_OK;
    }

    cr_buf_init(&b, cx, CR_ARTIFACT_IDS_MAX);

    for (size_t i = 0; i < n; i++) {
        cr_buf_printf(&b, "%c%lld", i == 0 ? '[' : ',', (long long) ids[i].id);
    }

    cr_buf_char(&b, ']');
    CR_TRY(cr_buf_end(&b, &json));

    return cr_artifact_rows_json(cx, c, json, with, list, ret_rows, ret_n);
}

/* A page of ids by a statement whose last two values are limit and offset.
 * Beyond the end the total is taken from the first row. */
static cr_err_t
cr_artifact_ids(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, cr_val_t *v,
                size_t nv, cr_artifact_id_t **ret_ids, size_t *ret_n,
                int64_t *ret_total)
{
    void             *rows = NULL;
    size_t            n = 0, none;
    cr_artifact_id_t *ids;

    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_artifact_read_page,
                        sizeof(cr_artifact_id_t), &rows, &n));
    none = n;

    if (n == 0 && v[nv - 1].n > 0) {
        v[nv - 2] = CR_V_INT(1);
        v[nv - 1] = CR_V_INT(0);
        CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_artifact_read_page,
                            sizeof(cr_artifact_id_t), &rows, &n));
    }

    ids = rows;
    *ret_total = n != 0 ? ids[0].total : 0;
    *ret_ids = ids;
    *ret_n = none;

    return CR_OK;
}

/* What a config's media type has in it: WASM is ".wasm.config.". */
static cr_str_t
cr_artifact_type_part(cr_ctx_t *cx, cr_str_t type)
{
    cr_buf_t b;
    cr_str_t part;

    cr_buf_init(&b, cx, 4096);
    cr_buf_char(&b, '.');

    for (size_t i = 0; i < type.len; i++) {
        char ch = type.data[i];

        cr_buf_char(&b, (char) (ch >= 'A' && ch <= 'Z' ? ch - 'A' + 'a' : ch));
    }

    cr_buf_z(&b, ".config.");

    return cr_buf_end(&b, &part) == CR_OK ? part : CR_STR_NULL;
}

static cr_err_t
cr_artifact_search(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
                   const cr_artifact_filter_t *f, int64_t limit, int64_t offset,
                   cr_artifact_id_t **ret_ids, size_t *ret_n,
                   int64_t *ret_total)
{
    cr_val_t v[20];
    cr_str_t type_like = CR_STR_NULL;

    if (f->type.len != 0) {
        type_like = cr_artifact_type_part(cx, f->type);

        if (type_like.data == NULL) {
            return CR_ERR_NO_MEMORY;
        }
    }

    v[0] = CR_V_INT(f->id != 0             ? CR_ARTIFACT_OF_ID
                    : f->tag_like.len != 0 ? CR_ARTIFACT_OF_TAGS
                    : f->all               ? CR_ARTIFACT_OF_ALL
                                           : CR_ARTIFACT_OF_NEWEST);
    v[1] = CR_V_INT(repository_id);
    v[2] = CR_V_INT(f->pushed_min);
    v[3] = CR_V_INT(f->pushed_max);
    v[4] = CR_V_INT(CR_PAGE_MATCH_MAX);
    v[5] = CR_V_INT(CR_PAGE_SCAN_MAX);
    v[6] = CR_V_TEXT(f->tag_like);
    v[7] = CR_V_INT(f->id);
    v[8] = CR_V_INT(f->all);
    v[9] = CR_V_OPT(f->digest);
    v[10] = CR_V_OPT(f->media_type);
    v[11] = CR_V_OPT(f->tag);
    v[12] = f->tagged < 0 ? CR_V_NULL : CR_V_INT(f->tagged);
    v[13] = CR_V_OPT(f->type);
    v[14] = CR_V_OPT(type_like);
    v[15] = CR_V_TEXT(f->labels.len != 0 ? f->labels : CR_STR("[]"));
    v[16] = CR_V_INT(f->sort);
    v[17] = CR_V_INT(f->descending ? -1 : 1);
    v[18] = CR_V_INT(limit);
    v[19] = CR_V_INT(offset);

    return cr_artifact_ids(cx, c, CR_SQL_ARTIFACT_SEARCH, v, 20, ret_ids, ret_n,
                           ret_total);
}

/* All that are listed, by the time of push. */
static cr_err_t
cr_artifact_page(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
                 bool descending, int64_t limit, int64_t offset,
                 cr_artifact_id_t **ret_ids, size_t *ret_n, int64_t *ret_total)
{
    bool      found, turned = false;
    int64_t   total;
    cr_val_t  v[3];
    cr_page_t p = { offset, limit };

    v[0] = CR_V_INT(repository_id);

    if (offset >= CR_ARTIFACT_DEEP) {
        CR_TRY(
            cr_db_get_int(cx, c, CR_SQL_ARTIFACT_COUNT, v, 1, &found, &total));
        turned = offset > total / 2 && offset < total;
        p = turned ? cr_page_of(total, offset, limit, true) : p;
    }

    v[1] = CR_V_INT(p.n);
    v[2] = CR_V_INT(p.start);
    CR_TRY(cr_artifact_ids(cx, c,
                           descending != turned ? CR_SQL_ARTIFACT_PAGE
                                                : CR_SQL_ARTIFACT_PAGE_UP,
                           v, 3, ret_ids, ret_n, ret_total));

    if (turned) {
        cr_page_reverse(*ret_ids, *ret_n, sizeof(cr_artifact_id_t));
    }

    return CR_OK;
}

static cr_err_t
cr_artifact_listed(cr_ctx_t *cx, cr_conn_t *c, const cr_val_t *id,
                   bool *ret_listed)
{
    int64_t one;

    return cr_db_get_int(cx, c, CR_SQL_ARTIFACT_LISTED, id, 1, ret_listed,
                         &one);
}

/*
 * By one exact tag or digest and nothing else, which is what most filters
 * ask for: two seeks.  *ret_done false: it is not that.
 */
static cr_err_t
cr_artifact_seek(cr_ctx_t *cx, cr_conn_t *c, int64_t repository_id,
                 const cr_artifact_filter_t *f, int64_t offset,
                 cr_artifact_id_t *ret_id, size_t *ret_n, int64_t *ret_total,
                 bool *ret_done)
{
    bool     found;
    cr_val_t v[2];

    *ret_done = false;

    if ((f->tag.len == 0) == (f->digest.len == 0) || f->id != 0
        || f->media_type.len != 0 || f->tagged >= 0 || f->tag_like.len != 0
        || f->type.len != 0 || f->labels.len != 0 || f->pushed_min != 0
        || f->pushed_max != INT64_MAX)
    {
        return CR_OK;
    }

    v[0] = CR_V_INT(repository_id);
    v[1] = CR_V_TEXT(f->tag.len != 0 ? f->tag : f->digest);
    CR_TRY(cr_db_get_int(cx, c,
                         f->tag.len != 0 ? CR_SQL_ARTIFACT_SEEK_TAG
                                         : CR_SQL_ARTIFACT_SEEK_DIGEST,
                         v, 2, &found, &ret_id->id));

    if (found && !f->all) {
        v[0] = CR_V_INT(ret_id->id);
        CR_TRY(cr_artifact_listed(cx, c, v, &found));
    }

    *ret_total = found;
    *ret_n = found && offset == 0;
    *ret_done = true;

    return CR_OK;
}

/* Nothing but the order of the table? */
static bool
cr_artifact_plain(const cr_artifact_filter_t *f)
{
    return f->tag.len + f->digest.len + f->media_type.len + f->tag_like.len
                   + f->type.len + f->labels.len
               == 0
           && f->id == 0 && !f->all && f->tagged < 0 && f->pushed_min == 0
           && f->pushed_max == INT64_MAX && f->sort == CR_ARTIFACT_SORT_PUSHED;
}

cr_err_t
cr_artifact_list(cr_ctx_t *cx, cr_meta_t *m, int64_t repository_id,
                 const cr_artifact_filter_t *filter, int64_t limit,
                 int64_t offset, unsigned with, cr_artifact_t **ret_rows,
                 size_t *ret_n, int64_t *ret_total)
{
    bool             done = false;
    size_t           n = 0;
    int64_t          total = 0;
    cr_conn_t       *c;
    cr_artifact_id_t one = { 0, 0 }, *ids = &one;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    if (filter != NULL) {
        CR_TRY(cr_artifact_seek(cx, c, repository_id, filter, offset, &one, &n,
                                &total, &done));
    }

    if (done) {
        /* found, or known not to be there */

    } else if (filter == NULL || cr_artifact_plain(filter)) {
        CR_TRY(cr_artifact_page(cx, c, repository_id,
                                filter == NULL || filter->descending, limit,
                                offset, &ids, &n, &total));

    } else {
        CR_TRY(cr_artifact_search(cx, c, repository_id, filter, limit, offset,
                                  &ids, &n, &total));
    }

    CR_TRY(cr_artifact_rows(cx, c, ids, n, with, true, ret_rows, ret_n));
    *ret_total = total;

    return CR_OK;
}

/* A total that counts no further than it must, so that the next page is known
 * to be there. */
static cr_err_t
cr_artifact_counted(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, int64_t id,
                    int64_t limit, int64_t offset, int64_t *ret_total)
{
    bool     found;
    cr_val_t v[2];

    v[0] = CR_V_INT(id);
    v[1] = CR_V_INT(offset + limit < CR_PAGE_SCAN_MAX ? CR_PAGE_SCAN_MAX
                                                      : offset + limit + 1);

    return cr_db_get_int(cx, c, sql, v, 2, &found, ret_total);
}

cr_err_t
cr_artifact_accessory_list(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                           int64_t limit, int64_t offset,
                           cr_artifact_t **ret_rows, size_t *ret_n,
                           int64_t *ret_total)
{
    size_t     n;
    int64_t   *ids;
    cr_str_t   json;
    cr_conn_t *c;
    cr_val_t   v[3];

    v[0] = CR_V_INT(id);
    v[1] = CR_V_INT(limit);
    v[2] = CR_V_INT(offset);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_artifact_counted(cx, c, CR_SQL_ARTIFACT_ACCESSORY_COUNT, id,
                               limit, offset, ret_total));
    CR_TRY(cr_page_ids(cx, c, CR_SQL_ARTIFACT_ACCESSORY_PAGE, v, 3, &ids, &n));
    CR_TRY(cr_page_json(cx, ids, n, 0, limit, false, &json, &n));

    return cr_artifact_rows_json(cx, c, json, 0, true, ret_rows, ret_n);
}

cr_err_t
cr_artifact_get(cr_ctx_t *cx, cr_meta_t *m, int64_t id, unsigned with,
                cr_artifact_t *ret_a)
{
    size_t           n;
    cr_conn_t       *c;
    cr_artifact_t   *rows;
    cr_artifact_id_t one = { id, 1 };

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_artifact_rows(cx, c, &one, 1, with, false, &rows, &n));

    if (n == 0) {
        return cr_fail(cx, CR_ERR_MANIFEST_UNKNOWN, NULL);
    }

    *ret_a = rows[0];

    return CR_OK;
}

cr_err_t
cr_artifact_config(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_str_t *ret_digest)
{
    bool       found;
    cr_conn_t *c;
    cr_stmt_t *st;
    cr_val_t   v = CR_V_INT(id);

    *ret_digest = CR_STR_NULL;
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_row(cx, c, CR_SQL_ARTIFACT_CONFIG, &v, 1, &found, &st));

    if (found) {
        *ret_digest = cr_stmt_text(cx, st, 0);
        CR_TRY(cr_meta_rows_done(cx, st));
    }

    return CR_OK;
}

static void
cr_artifact_tag_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_artifact_tag_t *t = row;

    t->id = cr_stmt_int(st, 0);
    t->name = cr_stmt_text(cx, st, 1);
    t->pushed_at = cr_stmt_int(st, 2);
    t->pulled_at = cr_stmt_int(st, 3);
}

cr_err_t
cr_artifact_tag_list(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_str_t exact,
                     cr_str_t fuzzy, bool descending, int64_t limit,
                     int64_t offset, cr_artifact_tag_t **ret_rows,
                     size_t *ret_n, int64_t *ret_total)
{
    void      *rows;
    size_t     nv = 3, n;
    int64_t   *ids;
    cr_sql_e   sql =
        descending ? CR_SQL_ARTIFACT_TAG_PAGE_DOWN : CR_SQL_ARTIFACT_TAG_PAGE;
    cr_str_t   json;
    cr_conn_t *c;
    cr_val_t   v[5];

    v[0] = CR_V_INT(id);
    CR_TRY(cr_db_conn(cx, m->db, &c));

    if (exact.len != 0 || fuzzy.len != 0) {
        v[1] = CR_V_OPT(exact);
        v[2] = CR_V_INT(CR_PAGE_SCAN_MAX);
        v[3] = CR_V_OPT(fuzzy);
        v[4] = CR_V_INT(CR_PAGE_MATCH_MAX);
        CR_TRY(cr_page_ids(cx, c, CR_SQL_ARTIFACT_TAG_FIND, v, 5, &ids, &n));
        *ret_total = (int64_t) n;
        CR_TRY(cr_page_json(cx, ids, n, offset, limit, descending, &json, &n));
        sql = CR_SQL_ARTIFACT_TAG_ROWS;
        v[0] = CR_V_TEXT(json);
        nv = 1;

    } else {
        CR_TRY(cr_artifact_counted(cx, c, CR_SQL_ARTIFACT_TAG_COUNT, id, limit,
                                   offset, ret_total));
        v[1] = CR_V_INT(offset);
        v[2] = CR_V_INT(limit);
    }

    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_artifact_tag_read,
                        sizeof(cr_artifact_tag_t), &rows, ret_n));
    *ret_rows = rows;

    return CR_OK;
}

/* --- of a project --------------------------------------------------------- */

cr_err_t
cr_artifact_list_project(cr_ctx_t *cx, cr_meta_t *m, int64_t project_id,
                         cr_artifact_project_e order, int64_t limit,
                         int64_t offset, unsigned with,
                         cr_artifact_t **ret_rows, size_t *ret_n,
                         int64_t *ret_total)
{
    static const cr_sql_e sql[] = {
        [CR_ARTIFACT_PROJECT_NEWEST] = CR_SQL_ARTIFACT_PROJECT_PAGE,
        [CR_ARTIFACT_PROJECT_OLDEST] = CR_SQL_ARTIFACT_PROJECT_PAGE_UP,
        [CR_ARTIFACT_PROJECT_LATEST] = CR_SQL_ARTIFACT_PROJECT_LATEST,
    };

    size_t            n;
    int64_t           total;
    cr_conn_t        *c;
    cr_artifact_id_t *ids;
    cr_val_t          v[3];

    v[0] = CR_V_INT(project_id);
    v[1] = CR_V_INT(limit);
    v[2] = CR_V_INT(offset);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_artifact_ids(cx, c, sql[order], v, 3, &ids, &n, &total));
    CR_TRY(cr_artifact_rows(cx, c, ids, n, with, true, ret_rows, ret_n));
    *ret_total = total;

    return CR_OK;
}
