/*
 * What a connection of an event loop has read before: the rows of small point
 * reads, by statement and values, for as long as nothing was committed since.
 * That is what the engine's data version says, never a time.
 *
 * A table belongs to its connection, and so to one thread.
 */

#ifndef CR_DB_RECALL_H
#define CR_DB_RECALL_H

#include "db/conn.h"

/* Is this query one whose rows are kept?  On an event loop only, outside of
 * a transaction, and where sql/query says "-- name: ... recalled". */
bool cr_recall_applies(const cr_ctx_t *cx, const cr_conn_t *c, cr_sql_e sql);

/*
 * Fill st->rows from memory, or by running the statement and keeping a copy.
 * st is zeroed; with st->rows NULL afterwards (too large to keep) it has been
 * started like any other.  Errors of the statement; AGAIN.
 */
cr_err_t cr_recall_query(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                         const cr_val_t *vals, size_t n, cr_stmt_t *st);

/* Columns of the row that a statement with st->rows stands on. */
int64_t  cr_recall_int(const cr_stmt_t *st, int col);
cr_str_t cr_recall_bytes(const cr_stmt_t *st, int col);
bool     cr_recall_null(const cr_stmt_t *st, int col);
/* To the next row; false: there is none. */
bool cr_recall_next(cr_stmt_t *st);

/* This connection itself has changed the database. */
void cr_recall_forget(cr_conn_t *c);
/* t may be NULL. */
void cr_recall_free(cr_recall_t *t);

#endif
