/*
 * Pages of lists, inside meta/.  A list is read in one direction only, the
 * one of its index; a page of the other direction is the same rows turned
 * round.  Where a page begins is found in an index from the nearer end, so
 * one in the middle costs most.
 *
 * What filters reads a bounded number of entries: CR_PAGE_SCAN_MAX of an
 * index, and it lists CR_PAGE_MATCH_MAX of what it finds.
 */

#ifndef CR_META_PAGE_H
#define CR_META_PAGE_H

#include "meta/meta.h"

#define CR_PAGE_SCAN_MAX  10000 /* names that a filter looks at */
#define CR_PAGE_MATCH_MAX 1000  /* matches that it lists, or rows it sorts */

/* The kinds of table total. */
#define CR_TOTAL_USER       "user"
#define CR_TOTAL_PROJECT    "project"
#define CR_TOTAL_REPOSITORY "repository"
#define CR_TOTAL_ROBOT      "robot"
#define CR_TOTAL_LABEL      "label"
#define CR_TOTAL_AUDIT      "audit"

/* The total of a kind, scopes `from` to `to` together. */
cr_err_t cr_total_get(cr_ctx_t *cx, cr_conn_t *c, const char *z_kind,
                      int64_t from, int64_t to, int64_t *ret_total);

/* Which rows a page is: n of them, after `start` in the list's order. */
typedef struct cr_page_s {
    int64_t start;
    int64_t n; /* 0: beyond the end */
} cr_page_t;

cr_page_t cr_page_of(int64_t total, int64_t offset, int64_t limit,
                     bool descending);
/*
 * The last five values of a statement that seeks a page: limit and offset
 * from the first row, limit and offset from the last one (one pair is 0 0),
 * and the length.  Returns 5.
 */
size_t cr_page_seek(cr_val_t *v, const cr_page_t *p, int64_t total);
void   cr_page_reverse(void *rows, size_t n, size_t element);

/* The first column of all rows, integers. */
cr_err_t cr_page_ids(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                     const cr_val_t *v, size_t nv, int64_t **ret_ids,
                     size_t *ret_n);
/* Ids in their own order. */
void cr_page_sort_ids(int64_t *ids, size_t n);
/* The page of these ids as a JSON array, for a statement; *ret_n of them. */
cr_err_t cr_page_json(cr_ctx_t *cx, int64_t *ids, size_t n, int64_t offset,
                      int64_t limit, bool descending, cr_str_t *ret_json,
                      size_t *ret_n);

#endif
