/*
 * The table of rows that were read before.  See recall.h.
 *
 * Each place of the table holds one entry, the newest of those that hash to
 * it.  An entry is one piece of memory without pointers; a hit copies it to
 * the caller's arena, so that the table may change while rows are looked at.
 *
 * When the version is asked for: at each query, but within one run of an
 * exchange (cx->reads) once, since nothing of what it reads can have been
 * promised to anybody in between.
 *
 * Sections: rows, keys, the table, queries.  Thread rule: as recall.h.
 */

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "db/recall.h"

#define CR_RECALL_PLACES   2048              /* a power of two */
#define CR_RECALL_KEY_MAX  1024              /* bytes */
#define CR_RECALL_ROWS_MAX (64 * 1024)       /* bytes of one entry */
#define CR_RECALL_CELLS    512               /* of one entry */
#define CR_RECALL_MAX      (8 * 1024 * 1024) /* bytes of a table */

typedef struct cr_cell_s {
    enum {
        CR_CELL_NULL,
        CR_CELL_INT,
        CR_CELL_BYTES
    } kind;
    uint32_t at; /* from the beginning of the rows */
    uint32_t len;
    int64_t  n;
} cr_cell_t;

struct cr_rows_s {
    uint32_t  size; /* of all of it; 0: too large to keep */
    uint32_t  nrows;
    uint32_t  ncols;
    cr_cell_t cells[];
};

typedef struct cr_recall_entry_s {
    int64_t  version;
    uint64_t hash;
    size_t   size; /* of the entry */
    size_t   key_len;
    /* The key; then, aligned, cr_rows_t. */
    char key[];
} cr_recall_entry_t;

struct cr_recall_s {
    bool               known; /* version is of this connection */
    int64_t            version;
    size_t             size; /* of all entries */
    cr_recall_entry_t *places[CR_RECALL_PLACES];
};

typedef struct cr_recall_key_s {
    uint64_t hash;
    size_t   len;
    char     data[CR_RECALL_KEY_MAX];
} cr_recall_key_t;

/* --- rows --------------------------------------------------------------- */

static const cr_cell_t *
cr_recall_cell(const cr_stmt_t *st, int col)
{
    const cr_rows_t *rows = st->rows;

    assert(col >= 0 && (uint32_t) col < rows->ncols);

    return &rows->cells[st->row * rows->ncols + (uint32_t) col];
}


int64_t
cr_recall_int(const cr_stmt_t *st, int col)
{
    return cr_recall_cell(st, col)->n;
}


cr_str_t
cr_recall_bytes(const cr_stmt_t *st, int col)
{
    const cr_cell_t *cell = cr_recall_cell(st, col);

    if (cell->kind != CR_CELL_BYTES) {
        return CR_STR_NULL;
    }

    return (cr_str_t){ cell->len, (const char *) st->rows + cell->at };
}


bool
cr_recall_null(const cr_stmt_t *st, int col)
{
    return cr_recall_cell(st, col)->kind == CR_CELL_NULL;
}


bool
cr_recall_next(cr_stmt_t *st)
{
    uint32_t next = st->started ? st->row + 1 : 0;

    if (next >= st->rows->nrows) {
        st->finished = true;
        return false;
    }

    st->started = true;
    st->row = next;

    return true;
}


/* The row that the statement stands on, into cells of zeros; false: too
 * large. */
static bool
cr_recall_row(const cr_stmt_t *st, cr_cell_t *cells, int ncols, cr_buf_t *bytes)
{
    int                   col;
    cr_str_t              s;
    cr_cell_t            *cell;
    void                 *prep = st->slot->prep;
    const cr_db_driver_t *driver = st->c->db->driver;

    for (col = 0; col < ncols; col++) {
        cell = &cells[col];

        if (driver->column_null(prep, col)) {
            continue;
        }

        if (driver->column_is_int(prep, col)) {
            cell->kind = CR_CELL_INT;
            cell->n = driver->column_int(prep, col);
            continue;
        }

        s = driver->column_blob(prep, col);

        if (s.len > CR_RECALL_ROWS_MAX - bytes->len) {
            return false;
        }

        cell->kind = CR_CELL_BYTES;
        cell->at = (uint32_t) bytes->len;
        cell->len = (uint32_t) s.len;
        cr_buf_str(bytes, s);
    }

    return true;
}


/*
 * Copy what the statement gives, to its end.  *ret_rows NULL: too large, and
 * the statement is somewhere in between.
 */
static cr_err_t
cr_recall_collect(cr_ctx_t *cx, cr_stmt_t *st, cr_rows_t **ret_rows)
{
    int        ncols;
    bool       row;
    size_t     size, ncells = 0;
    cr_buf_t   bytes;
    cr_rows_t *rows;
    cr_cell_t  cells[CR_RECALL_CELLS] = { 0 };

    *ret_rows = NULL;
    cr_buf_init(&bytes, cx, CR_RECALL_ROWS_MAX);
    ncols = st->c->db->driver->columns(st->slot->prep);

    for (;;) {
        CR_TRY(cr_stmt_next(cx, st, &row));

        if (!row) {
            break;
        }

        if (ncells + (size_t) ncols > CR_RECALL_CELLS) {
            return CR_OK;
        }

        if (!cr_recall_row(st, &cells[ncells], ncols, &bytes)) {
            return CR_OK;
        }

        ncells += (size_t) ncols;
    }

    CR_TRY(bytes.err);

    size = sizeof(cr_rows_t) + ncells * sizeof(cr_cell_t) + bytes.len;
    rows = cr_alloc(cx, size);
    if (rows == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    rows->size = (uint32_t) size;
    rows->ncols = (uint32_t) ncols;
    rows->nrows = ncols == 0 ? 0 : (uint32_t) (ncells / (size_t) ncols);

    for (size_t i = 0; i < ncells; i++) {
        cells[i].at += (uint32_t) (rows->size - bytes.len);
        rows->cells[i] = cells[i];
    }

    if (bytes.len != 0) {
        memcpy((char *) rows + rows->size - bytes.len, bytes.data, bytes.len);
    }

    *ret_rows = rows;

    return CR_OK;
}


/* --- keys --------------------------------------------------------------- */

/* Quick, and no more: a collision costs an entry, never a wrong answer. */
static uint64_t
cr_recall_hash(const char *data, size_t len)
{
    uint64_t word, h = len * UINT64_C(0x9e3779b97f4a7c15);

    for (; len >= sizeof(word); len -= sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        data += sizeof(word);
        h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }

    word = 0;
    memcpy(&word, data, len);
    h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);

    return h ^ (h >> 32);
}


static bool
cr_recall_key_add(cr_recall_key_t *k, const void *data, size_t len)
{
    if (len > sizeof(k->data) - k->len) {
        return false;
    }

    if (len != 0) {
        memcpy(k->data + k->len, data, len);
        k->len += len;
    }

    return true;
}


/* False: too long. */
static bool
cr_recall_key_make(cr_sql_e sql, const cr_val_t *vals, size_t n,
                   cr_recall_key_t *k)
{
    size_t  i;
    int64_t head[2];

    k->len = 0;
    head[0] = (int64_t) sql;

    if (!cr_recall_key_add(k, head, sizeof(head[0]))) {
        return false;
    }

    for (i = 0; i < n; i++) {
        bool is_int = vals[i].type == CR_VAL_INT;

        head[0] = (int64_t) vals[i].type;
        head[1] = is_int ? vals[i].n : (int64_t) vals[i].s.len;

        if (!cr_recall_key_add(k, head, sizeof(head))
            || (!is_int
                && !cr_recall_key_add(k, vals[i].s.data, vals[i].s.len)))
        {
            return false;
        }
    }

    k->hash = cr_recall_hash(k->data, k->len);

    return true;
}


/* --- the table ---------------------------------------------------------- */

static cr_rows_t *
cr_recall_entry_rows(cr_recall_entry_t *e)
{
    size_t at = offsetof(cr_recall_entry_t, key) + e->key_len;

    at = (at + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);

    return (cr_rows_t *) (void *) ((char *) e + at);
}


static void
cr_recall_drop(cr_recall_t *t, size_t place)
{
    if (t->places[place] != NULL) {
        t->size -= t->places[place]->size;
        free(t->places[place]);
        t->places[place] = NULL;
    }
}


static cr_recall_entry_t *
cr_recall_find(const cr_recall_t *t, const cr_recall_key_t *k)
{
    cr_recall_entry_t *e = t->places[k->hash & (CR_RECALL_PLACES - 1)];

    if (e == NULL || e->version != t->version || e->hash != k->hash
        || e->key_len != k->len || memcmp(e->key, k->data, k->len) != 0)
    {
        return NULL;
    }

    return e;
}


/* rows NULL: remember that they are too large.  No memory: not remembered. */
static void
cr_recall_keep(cr_recall_t *t, const cr_recall_key_t *k, const cr_rows_t *rows)
{
    size_t             i, size, place = k->hash & (CR_RECALL_PLACES - 1);
    cr_rows_t          none = { 0 };
    cr_recall_entry_t *e;

    if (rows == NULL) {
        rows = &none;
    }

    size = offsetof(cr_recall_entry_t, key) + k->len + _Alignof(max_align_t)
           + (rows->size != 0 ? rows->size : sizeof(none));
    cr_recall_drop(t, place);

    if (t->size + size > CR_RECALL_MAX) {
        for (i = 0; i < CR_RECALL_PLACES; i++) {
            cr_recall_drop(t, i);
        }
    }

    e = malloc(size);

    if (e == NULL) {
        return;
    }

    e->version = t->version;
    e->hash = k->hash;
    e->size = size;
    e->key_len = k->len;
    memcpy(e->key, k->data, k->len);
    memcpy(cr_recall_entry_rows(e), rows,
           rows->size != 0 ? rows->size : sizeof(none));
    t->places[place] = e;
    t->size += size;
}


void
cr_recall_forget(cr_conn_t *c)
{
    size_t i;

    for (i = 0; c->recall != NULL && i < CR_RECALL_PLACES; i++) {
        cr_recall_drop(c->recall, i);
    }
}


void
cr_recall_free(cr_recall_t *t)
{
    size_t i;

    for (i = 0; t != NULL && i < CR_RECALL_PLACES; i++) {
        cr_recall_drop(t, i);
    }

    free(t);
}


/* --- queries ------------------------------------------------------------ */

bool
cr_recall_applies(const cr_ctx_t *cx, const cr_conn_t *c, cr_sql_e sql)
{
    return !cx->may_block && cr_sql_texts[sql].recalled && !c->in_write
           && !c->in_read;
}


/* The table, at the version that the database has now. */
static cr_err_t
cr_recall_table(cr_ctx_t *cx, cr_conn_t *c, cr_recall_t **ret_t)
{
    int64_t      version;
    cr_recall_t *t = c->recall;

    if (t == NULL) {
        t = calloc(1, sizeof(cr_recall_t));

        if (t == NULL) {
            return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
        }

        c->recall = t;
    }

    if (cx->reads != CR_READS_FRESH || !t->known) {
        CR_TRY(cr_db_data_version(cx, c->db, &version));
        t->version = version;
        t->known = true;

        if (cx->reads == CR_READS_RUN) {
            cx->reads = CR_READS_FRESH;
        }
    }

    *ret_t = t;

    return CR_OK;
}


static cr_err_t
cr_recall_copy(cr_ctx_t *cx, const cr_rows_t *rows, cr_stmt_t *st)
{
    cr_rows_t *copy = cr_arena_alloc(cx->arena, rows->size);

    if (copy == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    memcpy(copy, rows, rows->size);
    st->rows = copy;

    return CR_OK;
}


/* Run it, keep a copy.  Too large: started anew, like any other. */
static cr_err_t
cr_recall_read(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *vals,
               size_t n, const cr_recall_key_t *k, cr_stmt_t *st)
{
    cr_err_t   err;
    cr_rows_t *rows;

    CR_TRY(cr_conn_start(cx, c, sql, vals, n, true, st));
    err = cr_recall_collect(cx, st, &rows);
    cr_stmt_done(st);
    CR_TRY(err);

    cr_recall_keep(c->recall, k, rows);
    st->finished = false;

    if (rows == NULL) {
        return cr_conn_start(cx, c, sql, vals, n, true, st);
    }

    st->rows = rows;

    return CR_OK;
}


cr_err_t
cr_recall_query(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *vals,
                size_t n, cr_stmt_t *st)
{
    cr_recall_t       *t = NULL;
    cr_recall_key_t    k;
    cr_recall_entry_t *e;

    if (!cr_recall_key_make(sql, vals, n, &k)) {
        return cr_conn_start(cx, c, sql, vals, n, true, st);
    }

    CR_TRY(cr_recall_table(cx, c, &t));
    assert(t != NULL);
    e = cr_recall_find(t, &k);

    if (e == NULL) {
        return cr_recall_read(cx, c, sql, vals, n, &k, st);
    }

    if (cr_recall_entry_rows(e)->size == 0) {
        return cr_conn_start(cx, c, sql, vals, n, true, st);
    }

    st->c = c;
    st->sql = sql;

    return cr_recall_copy(cx, cr_recall_entry_rows(e), st);
}
