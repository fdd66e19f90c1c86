/*
 * Upload sessions.  Who may write is decided by compare-and-set on (epoch,
 * size) alone; a lease only tells others to wait, and the next one whether
 * the last writer is known to be gone.  No bytes are touched here.
 *
 *   lease_until      the session's last file
 *   0                has no writer
 *   1                may have one that lost its lease; nobody holds it now
 *   until then       has one, who renews; if it is known to be gone: as 1
 *   past             may have one that lost its lease
 *
 * Publication, and the other ends of a session: upload_end.c.
 *
 * Sections: segments; the saved hash; create, get; claim, advance, release.
 */

#include <string.h>
#include "meta/upload_inner.h"

/* A segment as text: locator, size, and what separates them. */
#define CR_SEGMENT_LINE_MAX  256
/* Released, but an earlier holder may still write to the last file. */
#define CR_UPLOAD_LEASE_LOST 1
/* What follows a saved hash: the start of a SHA-256. */
#define CR_UPLOAD_SEAL_SIZE  16

/* --- segments: "locator:size" by line ---------------------------------- */


cr_err_t
cr_segments_parse(cr_ctx_t *cx, cr_str_t text, cr_segment_t **ret_rows,
                  size_t *ret_n)
{
    cr_segment_t *rows;
    cr_str_t      line, rest = text;
    ptrdiff_t     colon;
    size_t        n = 0, i;

    for (i = 0; i < text.len; i++) {
        n += text.data[i] == '\n';
    }
    if (n > CR_UPLOAD_SEGMENTS_MAX) {
        return cr_fail_detail(cx, CR_ERR_CORRUPT,
                              "upload session of %zu segments", n);
    }

    rows = cr_alloc(cx, (n + 1) * sizeof(*rows));
    if (rows == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    for (i = 0; i < n && cr_str_split(&rest, '\n', &line); i++) {
        colon = cr_str_rchr(line, ':');
        if (colon <= 0
            || !cr_str_u64(cr_str_slice(line, (size_t) colon + 1, line.len),
                           &rows[i].size))
        {
            return cr_fail_detail(cx, CR_ERR_CORRUPT,
                                  "upload session: bad segment");
        }
        rows[i].locator = cr_str_slice(line, 0, (size_t) colon);
    }

    *ret_rows = rows;
    *ret_n = n;
    return CR_OK;
}


static cr_err_t
cr_segments_format(cr_ctx_t *cx, const cr_upload_t *u, cr_str_t *ret_text)
{
    cr_buf_t b;
    size_t   i;

    if (u->nsegments > CR_UPLOAD_SEGMENTS_MAX) {
        return cr_fail(cx, CR_ERR_BLOB_UPLOAD_INVALID,
                       "upload session was broken off too often: start a "
                       "new one with POST");
    }

    cr_buf_init(&b, cx, CR_UPLOAD_SEGMENTS_MAX * CR_SEGMENT_LINE_MAX);
    for (i = 0; i < u->nsegments; i++) {
        cr_buf_printf(&b, "%.*s:%llu\n", CR_STR_ARG(u->segments[i].locator),
                      (unsigned long long) u->segments[i].size);
    }
    return cr_buf_end(&b, ret_text);
}


/* --- the saved hash ---------------------------------------------------- */


/*
 * A state that was altered, or put in from another session, would make wrong
 * content pass or right content fail.  The seal ties it to its session and
 * segments; a state whose seal is not right is not used: the caller hashes
 * again.  It guards against damage and mishaps, and is no secret.
 */
static void
cr_upload_seal(cr_str_t id, cr_str_t segments, cr_str_t saved,
               uint8_t out[CR_UPLOAD_SEAL_SIZE])
{
    cr_hash_t h;
    uint8_t   sum[32];

    cr_hash_init(&h, CR_HASH_SHA256);
    cr_hash_update(&h, id.data, id.len);
    cr_hash_update(&h, segments.data, segments.len);
    cr_hash_update(&h, "", 1);
    cr_hash_update(&h, saved.data, saved.len);
    cr_hash_final(&h, sum);
    memcpy(out, sum, CR_UPLOAD_SEAL_SIZE);
}


/* Length of the state with its seal, at most CR_HASH_STATE_MAX + the seal. */
static size_t
cr_upload_hash_save(const cr_upload_t *u, cr_str_t segments, uint8_t *out)
{
    cr_str_t saved = { cr_hash_save(&u->hash, out), (const char *) out };

    cr_upload_seal((cr_str_t){ CR_UUID_LEN, u->id }, segments, saved,
                   out + saved.len);
    return saved.len + CR_UPLOAD_SEAL_SIZE;
}


static bool
cr_upload_hash_load(cr_upload_t *u, cr_str_t id, cr_str_t segments,
                    cr_str_t state)
{
    uint8_t seal[CR_UPLOAD_SEAL_SIZE];

    if (state.len <= CR_UPLOAD_SEAL_SIZE) {
        return false;
    }
    state.len -= CR_UPLOAD_SEAL_SIZE;
    cr_upload_seal(id, segments, state, seal);

    return memcmp(seal, state.data + state.len, CR_UPLOAD_SEAL_SIZE) == 0
           && cr_hash_load(&u->hash, state.data, state.len)
           && u->hash.alg == u->hash_alg && cr_hash_count(&u->hash) == u->size;
}


/* --- create, get ------------------------------------------------------- */

typedef struct cr_upload_create_s {
    const cr_meta_t *m;
    const cr_name_t *name;
    cr_actor_t       owner;
    cr_upload_t     *u;
} cr_upload_create_t;


/* Has the owner fewer than max? */
static cr_err_t
cr_upload_check_most(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                     const cr_val_t *v, size_t nv, int64_t max)
{
    int64_t n;
    bool    found;

    CR_TRY(cr_db_get_int(cx, c, sql, v, nv, &found, &n));

    if (found && n >= max) {
        return cr_fail(cx, CR_ERR_TOOMANYREQUESTS,
                       "%lld upload sessions are open %s: finish or cancel "
                       "some",
                       (long long) n,
                       sql == CR_SQL_UPLOAD_COUNT ? "here" : "in all");
    }
    return CR_OK;
}


/*
 * A client in a loop must not fill the database with sessions, nor with
 * repositories of a session each.
 */
static cr_err_t
cr_upload_check_count(cr_ctx_t *cx, cr_conn_t *c, const cr_upload_create_t *op)
{
    int64_t  now = cr_now(cx), max = op->m->conf.uploads_max;
    cr_val_t v[4];

    if (max == 0) {
        return CR_OK;
    }

    v[0] = CR_V_INT(op->u->repository_id);
    v[1] = CR_V_TEXT(op->owner);
    v[2] = CR_V_INT(now);
    v[3] = CR_V_INT(max);
    CR_TRY(cr_upload_check_most(cx, c, CR_SQL_UPLOAD_COUNT, v, 4, max));

    max *= CR_UPLOADS_OWNER_FACTOR;
    v[0] = CR_V_TEXT(op->owner);
    v[1] = CR_V_INT(now);
    v[2] = CR_V_INT(max);
    return cr_upload_check_most(cx, c, CR_SQL_UPLOAD_COUNT_OWNER, v, 3, max);
}


static cr_err_t
cr_upload_create_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_upload_create_t *op = arg;
    cr_upload_t        *u = op->u;
    cr_val_t            v[7];

    CR_TRY(cr_repository_ensure(cx, c, op->name, &u->repository_id));
    CR_TRY(cr_upload_check_count(cx, c, op));
    v[0] = CR_V_TEXT(((cr_str_t){ CR_UUID_LEN, u->id }));
    v[1] = CR_V_INT(u->repository_id);
    v[2] = CR_V_TEXT(op->owner);
    v[3] = CR_V_INT(u->hash_alg);
    v[4] = CR_V_TEXT(cr_meta_boot_id(op->m));
    v[5] = CR_V_INT(u->created_at);
    v[6] = CR_V_INT(u->expires_at);
    return cr_db_run(cx, c, CR_SQL_UPLOAD_ADD, v, 7);
}


cr_err_t
cr_upload_create(cr_ctx_t *cx, cr_meta_t *m, const cr_name_t *name,
                 cr_actor_t owner, cr_hash_alg_e alg, cr_upload_t *ret_u)
{
    cr_upload_t        u = { 0 };
    cr_upload_create_t op = {
        .m = m,
        .name = name,
        .owner = owner,
        .u = &u,
    };

    CR_TRY(cr_uuid_make(cx, u.id));
    u.owner = cr_dup(cx, owner);
    if (u.owner.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }
    u.hash_alg = alg;
    u.hash_valid = true;
    cr_hash_init(&u.hash, alg);
    u.created_at = cr_now(cx);
    u.expires_at = u.created_at + m->conf.upload_expires_us;

    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_upload_create_write, &op));
    *ret_u = u;
    return CR_OK;
}


/*
 * Does somebody hold the lease?  Not a process of this machine that has ended,
 * as all do with kill -9 or a restart of nginx: nobody need wait for its time.
 */
static bool
cr_upload_is_held(cr_ctx_t *cx, const cr_meta_t *m, int64_t lease_until,
                  cr_str_t holder)
{
    return lease_until > cr_now(cx)
           && !cr_process_gone(cx, cr_meta_process(m), holder);
}


/* Columns: see upload_get. */
static cr_err_t
cr_upload_read(cr_ctx_t *cx, const cr_meta_t *m, cr_stmt_t *st, cr_str_t id,
               cr_upload_t *u)
{
    cr_str_t segments = cr_stmt_text(cx, st, 4);
    int64_t  lease_until;

    u->repository_id = cr_stmt_int(st, 0);
    u->size = (uint64_t) cr_stmt_int(st, 1);
    u->hash_alg =
        cr_stmt_int(st, 2) == CR_HASH_SHA512 ? CR_HASH_SHA512 : CR_HASH_SHA256;
    u->epoch = cr_stmt_int(st, 5);
    lease_until = cr_stmt_int(st, 6);
    u->leased = cr_upload_is_held(cx, m, lease_until, cr_stmt_text(cx, st, 10));
    u->lease_lost = lease_until != 0 && !u->leased;
    u->created_at = cr_stmt_int(st, 8);
    u->expires_at = cr_stmt_int(st, 9);

    if (u->size == 0) {
        cr_hash_init(&u->hash, u->hash_alg);
        u->hash_valid = true;
    } else {
        /* Not saved, of another version, altered, or bytes that a power
         * loss may have taken: the caller hashes again. */
        u->hash_valid =
            cr_upload_hash_load(u, id, segments, cr_stmt_blob(cx, st, 3))
            && cr_str_eq(cr_stmt_text(cx, st, 7), cr_meta_boot_id(m));
    }
    return cr_segments_parse(cx, segments, &u->segments, &u->nsegments);
}


cr_err_t
cr_upload_find(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
               cr_str_t repository, cr_actor_t owner, cr_str_t id,
               cr_upload_t *ret_u)
{
    cr_upload_t u = { 0 };
    cr_stmt_t  *st;
    cr_val_t    v[3];
    cr_err_t    err;
    bool        found;

    if (id.len != CR_UUID_LEN || !cr_uuid_valid(id)) {
        return cr_fail(cx, CR_ERR_BLOB_UPLOAD_UNKNOWN, NULL);
    }

    v[0] = CR_V_TEXT(id);
    v[1] = CR_V_TEXT(repository);
    v[2] = CR_V_TEXT(owner);
    CR_TRY(cr_meta_row(cx, c, CR_SQL_UPLOAD_GET, v, 3, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_BLOB_UPLOAD_UNKNOWN, NULL);
    }

    err = cr_upload_read(cx, m, st, id, &u);
    if (err != CR_OK) {
        cr_stmt_done(st);
        return err;
    }
    CR_TRY(cr_meta_rows_done(cx, st));
    if (u.expires_at <= cr_now(cx)) {
        return cr_fail(cx, CR_ERR_BLOB_UPLOAD_UNKNOWN, NULL);
    }

    memcpy(u.id, id.data, CR_UUID_LEN);
    u.owner = cr_dup(cx, owner);
    if (u.owner.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }
    *ret_u = u;
    return CR_OK;
}


cr_err_t
cr_upload_get(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository, cr_actor_t owner,
              cr_str_t id, cr_upload_t *ret_u)
{
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    return cr_upload_find(cx, c, m, repository, owner, id, ret_u);
}


/* --- claim, advance, release ------------------------------------------- */


cr_err_t
cr_upload_check(cr_ctx_t *cx, cr_conn_t *c, cr_upload_op_t *op, cr_err_t moved)
{
    cr_stmt_t *st;
    cr_val_t   v = CR_V_TEXT(cr_upload_id(op->u));
    uint64_t   size;
    bool       found;

    CR_TRY(cr_meta_row(cx, c, CR_SQL_UPLOAD_STATE, &v, 1, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_BLOB_UPLOAD_UNKNOWN, NULL);
    }
    op->epoch = cr_stmt_int(st, 0);
    size = (uint64_t) cr_stmt_int(st, 1);
    op->lease_until = cr_stmt_int(st, 2);
    op->held =
        cr_upload_is_held(cx, op->m, op->lease_until, cr_stmt_text(cx, st, 3));
    CR_TRY(cr_meta_rows_done(cx, st));

    if (op->epoch != op->u->epoch || size != op->acked) {
        return cr_fail(cx, moved, NULL);
    }
    return CR_OK;
}


static cr_err_t
cr_upload_claim_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_upload_op_t *op = arg;
    int64_t         now = cr_now(cx);
    cr_err_t        err;
    cr_val_t        v[4];

    op->held = false;
    err = cr_upload_check(cx, c, op, CR_ERR_RANGE_INVALID);
    if (op->held) {
        return cr_fail(cx, CR_ERR_BLOB_UPLOAD_BUSY, NULL);
    }
    if (err != CR_OK) {
        return err;
    }

    v[0] = CR_V_INT(now + op->m->conf.upload_lease_us);
    v[1] = CR_V_INT(now);
    v[2] = CR_V_TEXT(cr_meta_process(op->m));
    v[3] = CR_V_TEXT(cr_upload_id(op->u));
    return cr_db_run(cx, c, CR_SQL_UPLOAD_CLAIM, v, 4);
}


cr_err_t
cr_upload_claim(cr_ctx_t *cx, cr_meta_t *m, cr_upload_t *u)
{
    cr_upload_op_t op = { .m = m, .u = u, .acked = u->size };

    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_upload_claim_write, &op));
    u->epoch++;
    u->claimed = true;
    u->leased = false;
    u->lease_lost = op.lease_until != 0;
    return CR_OK;
}


/* What a holder leaves in the row that gives its lease back. */
static int64_t
cr_upload_lease_end(const cr_upload_t *u)
{
    return u->lease_lost ? CR_UPLOAD_LEASE_LOST : 0;
}


static cr_err_t
cr_upload_advance_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_upload_op_t *op = arg;
    cr_upload_t    *u = op->u;
    uint8_t         state[CR_HASH_STATE_MAX + CR_UPLOAD_SEAL_SIZE];
    cr_str_t        saved, segments;
    int64_t         n, now = cr_now(cx);
    cr_val_t        v[12];

    CR_TRY(cr_segments_format(cx, u, &segments));
    saved.data = (const char *) state;
    saved.len = u->hash_valid ? cr_upload_hash_save(u, segments, state) : 0;

    v[0] = CR_V_INT(u->size);
    v[1] = saved.len > 0 ? CR_V_BLOB(saved) : CR_V_NULL;
    v[2] = CR_V_TEXT(segments);
    v[3] = CR_V_TEXT(cr_meta_boot_id(op->m));
    v[4] = CR_V_INT(u->claimed ? u->epoch : u->epoch + 1);
    v[5] = CR_V_INT(op->keep ? now + op->m->conf.upload_lease_us
                             : cr_upload_lease_end(u));
    v[6] = CR_V_INT(now);
    v[7] = CR_V_INT(now + op->m->conf.upload_expires_us);
    v[8] = CR_V_TEXT(cr_meta_process(op->m));
    v[9] = CR_V_TEXT(cr_upload_id(u));
    v[10] = CR_V_INT(u->epoch);
    v[11] = CR_V_INT(op->acked);
    CR_TRY(cr_db_run_count(cx, c, CR_SQL_UPLOAD_ADVANCE, v, 12, &n));
    if (n > 0) {
        return CR_OK;
    }

    CR_TRY(cr_upload_check(cx, c, op, CR_ERR_BLOB_UPLOAD_BUSY));
    return cr_fail(cx, CR_ERR_BLOB_UPLOAD_BUSY, NULL);
}


cr_err_t
cr_upload_advance(cr_ctx_t *cx, cr_meta_t *m, cr_upload_t *u, uint64_t acked,
                  bool keep)
{
    cr_upload_op_t op = { .m = m, .u = u, .acked = acked, .keep = keep };

    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_upload_advance_write, &op));
    if (!u->claimed) {
        u->epoch++;
    }
    u->claimed = keep;
    return CR_OK;
}


static cr_err_t
cr_upload_release_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_upload_op_t *op = arg;
    cr_val_t              v[4];

    /* No row: it was taken over, or is gone; either way it is not ours. */
    v[0] = CR_V_INT(cr_upload_lease_end(op->u));
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_TEXT(cr_upload_id(op->u));
    v[3] = CR_V_INT(op->u->epoch);
    return cr_db_run(cx, c, CR_SQL_UPLOAD_RELEASE, v, 4);
}


cr_err_t
cr_upload_release(cr_ctx_t *cx, cr_meta_t *m, cr_upload_t *u)
{
    cr_upload_op_t op = { .m = m, .u = u };

    if (!u->claimed) {
        return CR_OK;
    }
    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_upload_release_write, &op));
    u->claimed = false;
    return CR_OK;
}
