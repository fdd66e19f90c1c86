/*
 * What a list endpoint may be asked for: page, page_size, q and sort, in
 * Harbor's grammar.  A page's answer carries X-Total-Count and Link.
 */

#ifndef CR_API_MANAGEMENT_QUERY_H
#define CR_API_MANAGEMENT_QUERY_H

#include "api/exchange.h"

#define CR_PAGE_SIZE_DEFAULT 10
#define CR_PAGE_SIZE_MAX     100
#define CR_PAGE_MAX          1000000
#define CR_Q_TERMS_MAX       16
#define CR_Q_ITEMS_MAX       100
#define CR_Q_NO_ID           INT64_MAX /* nothing has it */

typedef struct cr_paging_s {
    int64_t page; /* from 1 */
    int64_t size; /* 1 to 100 */
    int64_t offset;
} cr_paging_t;

/*
 * page and page_size.  UNPROCESSABLE when they are no numbers or out of range;
 * a size of 0, which is "all" to Harbor, is the largest page here.
 */
cr_err_t cr_paging_parse(cr_exchange_t *x, cr_paging_t *ret_p);
/* 200 with a JSON array, X-Total-Count and Link. */
cr_err_t cr_paging_respond(cr_exchange_t *x, const cr_paging_t *p,
                           int64_t total, cr_str_t body);

typedef enum {
    CR_Q_EXACT, /* k=v */
    CR_Q_FUZZY, /* k=~v */
    CR_Q_RANGE, /* k=[min~max] */
    CR_Q_OR,    /* k={a b} */
    CR_Q_AND    /* k=(a b) */
} cr_q_op_e;

typedef struct cr_q_term_s {
    cr_str_t  key;
    cr_q_op_e op;
    cr_str_t  value; /* exact and fuzzy */
    cr_str_t  min;   /* empty: open */
    cr_str_t  max;
    cr_str_t *items;
    size_t    nitems;
} cr_q_term_t;

typedef struct cr_q_s {
    cr_q_term_t terms[CR_Q_TERMS_MAX];
    size_t      n;
} cr_q_t;

/*
 * The parameter q.  z_keys: what the list can be asked for, NULL at the end.
 * BAD_REQUEST, also for any other key, and for one that comes twice: a filter
 * that is not applied would show rows that were not asked for.  n is 0 when
 * there is none.
 */
cr_err_t cr_q_parse(cr_exchange_t *x, const char *const *z_keys, cr_q_t *ret_q);
/* The same keys, of what is parsed already. */
cr_err_t cr_q_known(cr_ctx_t *cx, const cr_q_t *q, const char *const *z_keys);
/* The same of a text that is decoded already. */
cr_err_t cr_q_parse_text(cr_ctx_t *cx, cr_str_t text, cr_q_t *ret_q);
/* NULL when there is none of that key. */
const cr_q_term_t *cr_q_find(const cr_q_t *q, const char *key);
/* A parameter beside q of the same name and meaning; empty when missing.
 * BAD_REQUEST when q has it, too: one of them would not be applied. */
cr_err_t cr_q_beside(cr_exchange_t *x, const cr_q_t *q, const char *name,
                     cr_str_t *ret_value);
/* The exact value of a key; CR_STR_NULL when it is not asked for.
 * BAD_REQUEST for any other form. */
cr_err_t cr_q_exact(cr_ctx_t *cx, const cr_q_t *q, const char *key,
                    cr_str_t *ret_value);
/* Exact or fuzzy: *ret_exact or *ret_fuzzy is set. */
cr_err_t cr_q_text(cr_ctx_t *cx, const cr_q_t *q, const char *key,
                   cr_str_t *ret_exact, cr_str_t *ret_fuzzy);
/* The same as an integer; -1 when it is not asked for. */
cr_err_t cr_q_int(cr_ctx_t *cx, const cr_q_t *q, const char *key,
                  int64_t *ret_n);
/* The same as an id; 0 when it is not asked for, and CR_Q_NO_ID for 0. */
cr_err_t cr_q_id(cr_ctx_t *cx, const cr_q_t *q, const char *key,
                 int64_t *ret_id);
/* Exact or any of a list: *ret_json, an array of strings for a statement; or
 * fuzzy: *ret_fuzzy. */
cr_err_t cr_q_any(cr_ctx_t *cx, const cr_q_t *q, const char *key,
                  cr_str_t *ret_json, cr_str_t *ret_fuzzy);
/* Exact, or a list of which any may match, as a JSON array of strings for a
 * statement; CR_STR_NULL when it is not asked for. */
cr_err_t cr_q_list(cr_ctx_t *cx, const cr_q_t *q, const char *key, cr_q_op_e op,
                   cr_str_t *ret_json);
/* A range of times (RFC 3339 or "2006-01-02 15:04:05"), as microseconds;
 * *ret_min 0 and *ret_max INT64_MAX when open. */
cr_err_t cr_q_time(cr_ctx_t *cx, const cr_q_t *q, const char *key,
                   int64_t *ret_min, int64_t *ret_max);

/* How a list may be sorted: a name of the API, and its number. */
typedef struct cr_sort_name_s {
    const char *name;
    int         value;
} cr_sort_name_t;

/*
 * The first known field of the parameter sort; *ret_value keeps what it was
 * when there is none.  Unknown fields are ignored.
 */
void cr_sort_parse(const cr_exchange_t *x, const cr_sort_name_t *names,
                   size_t n, int *ret_value, bool *ret_descending);
/* A boolean parameter; *ret_b keeps its value when missing.  UNPROCESSABLE. */
cr_err_t cr_query_bool(cr_exchange_t *x, const char *name, bool *ret_b);
/* A non-negative integer; *ret_n keeps its value.  UNPROCESSABLE. */
cr_err_t cr_query_int(cr_exchange_t *x, const char *name, int64_t *ret_n);

#endif
