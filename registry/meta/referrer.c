/*
 * Referrers of a subject: first the stored manifests that name it, by id;
 * then what clients listed in the index of the fallback tag (distribution-spec
 * "Unavailable Referrers API") and what is not among the stored ones.  Both
 * parts page by one number: an id, or CR_FALLBACK_ID plus the place in the
 * index.
 */

#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "meta/inner.h"
#include "meta/manifest.h"

/* Above every row id. */
#define CR_FALLBACK_ID  (INT64_C(1) << 62)
/* The encoded part of a digest in a fallback tag is cut to that. */
#define CR_FALLBACK_HEX 64

typedef struct cr_referrer_op_s {
    cr_meta_t         *m;
    cr_str_t           repository;
    const cr_digest_t *subject;
    cr_str_t           artifact_type;
    int64_t            after_id;
    size_t             max;
    int64_t            repository_id;
    /* out */
    cr_referrer_t *rows;
    int64_t       *ids;
    size_t         n;
} cr_referrer_op_t;

/* An entry of the fallback index. */
typedef struct cr_fallback_s {
    const json_t *descriptor;
    cr_str_t      digest;
    size_t        place;
} cr_fallback_t;

/* Row of referrer_list. */
typedef struct cr_referrer_row_s {
    int64_t       id;
    cr_referrer_t r;
} cr_referrer_row_t;


static void
cr_referrer_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_referrer_row_t *r = row;

    r->id = cr_stmt_int(st, 0);
    r->r.digest = cr_stmt_text(cx, st, 1);
    r->r.media_type = cr_stmt_text(cx, st, 2);
    r->r.size = (uint64_t) cr_stmt_int(st, 3);
    r->r.artifact_type = cr_stmt_text(cx, st, 4);
    r->r.annotations = cr_stmt_text(cx, st, 5);
}


/* Append; false when the page is full. */
static bool
cr_referrer_append(cr_referrer_op_t *op, const cr_referrer_t *r, int64_t id)
{
    if (op->n == op->max) {
        return false;
    }
    op->rows[op->n] = *r;
    op->ids[op->n] = id;
    op->n++;
    return true;
}


static cr_err_t
cr_referrer_stored(cr_ctx_t *cx, cr_conn_t *c, cr_referrer_op_t *op)
{
    cr_referrer_row_t *r;
    cr_sql_e           sql = CR_SQL_REFERRER_LIST;
    cr_val_t           v[5];
    void              *rows;
    size_t             i, n, nvals = 0;

    v[nvals++] = CR_V_INT(op->repository_id);
    v[nvals++] = CR_V_TEXT(cr_digest_str(op->subject));
    if (op->artifact_type.len > 0) {
        sql = CR_SQL_REFERRER_LIST_TYPE;
        v[nvals++] = CR_V_TEXT(op->artifact_type);
    }
    v[nvals++] = CR_V_INT(op->after_id);
    v[nvals++] = CR_V_INT(op->max);
    CR_TRY(cr_meta_list(cx, c, sql, v, nvals, cr_referrer_read, sizeof(*r),
                        &rows, &n));

    for (i = 0, r = rows; i < n; i++, r++) {
        (void) cr_referrer_append(op, &r->r, r->id);
    }
    return CR_OK;
}


/* --- the fallback tag --------------------------------------------------- */


static int
cr_fallback_cmp(const void *a, const void *b)
{
    const cr_fallback_t *x = a, *y = b;
    int                  r = cr_str_cmp(x->digest, y->digest);

    if (r != 0) {
        return r;
    }
    return x->place < y->place ? -1 : x->place > y->place;
}


static int
cr_fallback_cmp_place(const void *a, const void *b)
{
    const cr_fallback_t *x = a, *y = b;

    return x->place < y->place ? -1 : x->place > y->place;
}


/* The entries of the index in their order, each digest once. */
static cr_err_t
cr_fallback_entries(cr_ctx_t *cx, const json_t *index, cr_fallback_t **ret_e,
                    size_t *ret_n)
{
    const json_t  *list = json_object_get(index, "manifests");
    const char    *z;
    cr_fallback_t *e;
    size_t         i, n = 0, kept = 0;

    e = cr_alloc(cx, (json_array_size(list) + 1) * sizeof(*e));
    if (e == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    for (i = 0; i < json_array_size(list); i++) {
        e[n].descriptor = json_array_get(list, i);
        z = json_string_value(json_object_get(e[n].descriptor, "digest"));
        if (z == NULL) {
            continue;
        }
        e[n].digest = cr_str_z(z);
        e[n].place = i;
        n++;
    }

    qsort(e, n, sizeof(*e), cr_fallback_cmp);
    for (i = 0; i < n; i++) {
        if (kept == 0 || !cr_str_eq(e[kept - 1].digest, e[i].digest)) {
            e[kept++] = e[i];
        }
    }
    qsort(e, kept, sizeof(*e), cr_fallback_cmp_place);

    *ret_e = e;
    *ret_n = kept;
    return CR_OK;
}


/*
 * A descriptor as a referrer.  *ret_show false: it is listed already, was
 * deleted here, or is of another type than asked for.
 */
static cr_err_t
cr_fallback_referrer(cr_ctx_t *cx, cr_conn_t *c, const cr_referrer_op_t *op,
                     const cr_fallback_t *e, cr_referrer_t *r, bool *ret_show)
{
    const json_t *value;
    cr_stmt_t    *st;
    cr_val_t      v[2];
    cr_str_t      text;
    char         *z;
    bool          found, show = true;

    memset(r, 0, sizeof(*r));
    r->digest = e->digest;
    r->media_type = cr_str_z(
        json_string_value(json_object_get(e->descriptor, "mediaType")));
    r->artifact_type = cr_str_z(
        json_string_value(json_object_get(e->descriptor, "artifactType")));
    r->size =
        (uint64_t) json_integer_value(json_object_get(e->descriptor, "size"));

    v[0] = CR_V_INT(op->repository_id);
    v[1] = CR_V_TEXT(e->digest);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_MANIFEST_STATE, v, 2, &found, &st));
    if (found) {
        text = cr_stmt_text(cx, st, 3);
        show = cr_stmt_is_null(st, 2)
               && !cr_str_eq(text, cr_digest_str(op->subject));
        if (r->artifact_type.len == 0) {
            r->artifact_type = cr_stmt_text(cx, st, 4);
        }
        CR_TRY(cr_meta_rows_done(cx, st));
    }
    if (op->artifact_type.len > 0
        && !cr_str_eq(op->artifact_type, r->artifact_type))
    {
        show = false;
    }

    value = json_object_get(e->descriptor, "annotations");
    if (show && json_is_object(value)) {
        z = json_dumps(value, JSON_COMPACT);
        if (z == NULL) {
            return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
        }
        r->annotations = cr_dup(cx, cr_str_z(z));
        free(z);
        if (r->annotations.data == NULL) {
            return CR_ERR_NO_MEMORY;
        }
    }
    *ret_show = show;
    return CR_OK;
}


/* The index behind the fallback tag of the subject; NULL: there is none. */
static cr_err_t
cr_fallback_index(cr_ctx_t *cx, const cr_referrer_op_t *op, json_t **ret_index)
{
    cr_manifest_row_t row;
    cr_reference_t    ref = { 0 };
    cr_str_t          digest = cr_digest_str(op->subject), alg, hex;
    ptrdiff_t         colon = cr_str_chr(digest, ':');
    cr_err_t          err;

    *ret_index = NULL;
    alg = cr_str_slice(digest, 0, (size_t) colon);
    hex = cr_str_slice(digest, (size_t) colon + 1,
                       (size_t) colon + 1 + CR_FALLBACK_HEX);
    ref.tag = cr_printf(cx, "%.*s-%.*s", CR_STR_ARG(alg), CR_STR_ARG(hex));
    if (ref.tag.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    err = cr_manifest_find(cx, op->m, op->repository, &ref, true, &row);
    if (err == CR_ERR_MANIFEST_UNKNOWN) {
        cr_clear(cx);
        return CR_OK;
    }
    if (err != CR_OK) {
        return err;
    }
    if (cr_media_type_kind(row.media_type) != CR_MANIFEST_INDEX) {
        return CR_OK;
    }
    return cr_json_parse(cx, row.body, CR_MANIFEST_SIZE_MAX, CR_ERR_CORRUPT,
                         ret_index);
}


static cr_err_t
cr_referrer_fallback(cr_ctx_t *cx, cr_conn_t *c, cr_referrer_op_t *op)
{
    cr_fallback_t *e;
    cr_referrer_t  r;
    json_t        *index;
    size_t         i, n;
    int64_t        id;
    bool           show = false;

    CR_TRY(cr_fallback_index(cx, op, &index));
    if (index == NULL) {
        return CR_OK;
    }
    CR_TRY(cr_fallback_entries(cx, index, &e, &n));

    for (i = 0; i < n; i++) {
        id = CR_FALLBACK_ID + (int64_t) e[i].place;
        if (id <= op->after_id) {
            continue;
        }
        CR_TRY(cr_fallback_referrer(cx, c, op, &e[i], &r, &show));
        if (show && !cr_referrer_append(op, &r, id)) {
            break;
        }
    }
    return CR_OK;
}


static cr_err_t
cr_referrer_list_read(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_referrer_op_t *op = arg;
    cr_err_t          err;

    err = cr_repository_id(cx, c, op->repository, &op->repository_id);
    if (err == CR_ERR_NAME_UNKNOWN) {
        cr_clear(cx);
        return CR_OK;
    }
    if (err != CR_OK) {
        return err;
    }

    if (op->after_id < CR_FALLBACK_ID) {
        CR_TRY(cr_referrer_stored(cx, c, op));
    }
    if (op->n == op->max) {
        return CR_OK;
    }
    return cr_referrer_fallback(cx, c, op);
}


cr_err_t
cr_referrer_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository,
                 const cr_digest_t *subject, cr_str_t artifact_type,
                 int64_t after_id, size_t n, cr_referrer_t **ret_rows,
                 int64_t **ret_ids, size_t *ret_n)
{
    cr_referrer_op_t op = {
        .m = m,
        .repository = repository,
        .subject = subject,
        .artifact_type = artifact_type,
        .after_id = after_id,
        .max = n,
    };

    op.rows = cr_alloc(cx, (n + 1) * sizeof(*op.rows));
    op.ids = cr_alloc(cx, (n + 1) * sizeof(*op.ids));
    if (op.rows == NULL || op.ids == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_db_read(cx, m->db, cr_referrer_list_read, &op));
    *ret_rows = op.rows;
    *ret_ids = op.ids;
    *ret_n = op.n;
    return CR_OK;
}
