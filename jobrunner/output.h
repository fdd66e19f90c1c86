/*
 * What a command prints: rows of typed columns, as a table for people, as
 * JSON for programs (the member names of the management API), or as names
 * only, for xargs.  Values are text and numbers; formatting is done here.
 * One thread.
 */

#ifndef CR_JOBRUNNER_OUTPUT_H
#define CR_JOBRUNNER_OUTPUT_H

#include "core/buf.h"
#include "command.h"

#define CR_COLUMNS_MAX 24
/* Most bytes that one command prints. */
#define CR_OUTPUT_MAX  (64u * 1024 * 1024)

typedef enum {
    CR_COLUMN_TEXT,
    CR_COLUMN_INT,
    CR_COLUMN_BOOL,      /* yes, no; true, false */
    CR_COLUMN_BOOL_TEXT, /* the same; in JSON "true", "false" as text */
    CR_COLUMN_TIME,      /* microseconds UTC; 0: none */
    CR_COLUMN_END,       /* the same; in JSON seconds, -1: none */
    CR_COLUMN_DURATION,  /* microseconds; 0: none */
    CR_COLUMN_SIZE,      /* bytes; below 0: not known */
    CR_COLUMN_JSON       /* text that is JSON already; empty: null */
} cr_column_e;

typedef struct cr_column_s {
    const char *title; /* NULL ends the list */
    const char *json;  /* member name; "a.b" is a member of an object */
    cr_column_e type;
    bool        hidden; /* JSON only */
} cr_column_t;

typedef struct cr_cell_s {
    cr_str_t text;
    int64_t  n;
} cr_cell_t;

#define CR_CELL_TEXT(s) ((cr_cell_t){ (s), 0 })
#define CR_CELL_INT(v)  ((cr_cell_t){ CR_STR_NULL, (int64_t) (v) })

typedef struct cr_output_s {
    cr_ctx_t          *cx;
    const cr_cli_t    *cli;
    const cr_column_t *columns;
    size_t             ncolumns;
    cr_cell_t         *cells;
    size_t             nrows;
    size_t             room; /* rows that fit in cells */
} cr_output_t;

/* The first column is the name that `-o name` prints. */
void cr_output_init(cr_output_t *o, cr_ctx_t *cx, const cr_cli_t *cli,
                    const cr_column_t *columns);
/* A row of as many cells as there are columns; texts must stay. */
cr_err_t cr_output_row(cr_output_t *o, const cr_cell_t *cells);
/* Print all rows: a table, an array of objects, or names. */
cr_err_t cr_output_list(cr_output_t *o);
/* Print the only row: a column a line, one object, or its name. */
cr_err_t cr_output_one(cr_output_t *o);

/* "1.5 GiB", "17 B"; "2h30m", "1.250s". */
void cr_output_size(cr_buf_t *b, uint64_t size);
void cr_output_duration(cr_buf_t *b, int64_t us);

#endif
