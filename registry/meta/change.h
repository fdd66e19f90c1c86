/* The change log, for readers (DESIGN section 4). */

#ifndef CR_META_CHANGE_H
#define CR_META_CHANGE_H

#include "meta/meta.h"

typedef struct cr_change_s {
    int64_t  seq;
    cr_str_t repository;
    cr_str_t reference;
    cr_str_t digest; /* empty: deleted */
    int64_t  hlc;
    cr_str_t origin;
    int64_t  changed_at;
} cr_change_t;

/* [list] Rows with seq > after in order, at most n. */
cr_err_t cr_change_list(cr_ctx_t *cx, cr_meta_t *m, int64_t after, size_t n,
                        cr_change_t **ret_rows, size_t *ret_n);
/*
 * Inside a write transaction: record that reference of repository_id now is
 * digest (NULL string: deleted).  Takes the next seq and clock.
 */
cr_err_t cr_change_record(cr_ctx_t *cx, cr_conn_t *c, const cr_meta_t *m,
                          int64_t repository_id, cr_str_t reference,
                          cr_str_t digest);

#endif
