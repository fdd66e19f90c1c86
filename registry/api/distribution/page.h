/*
 * Pages of a listing: parameters n and last, header Link (distribution-spec,
 * "Content Discovery"; RFC 8288).
 */

#ifndef CR_API_DISTRIBUTION_PAGE_H
#define CR_API_DISTRIBUTION_PAGE_H

#include "api/exchange.h"

#define CR_PAGE_DEFAULT  1000
#define CR_PAGE_MAX      10000
#define CR_PAGE_LAST_MAX 255

typedef struct cr_page_s {
    size_t   n;
    cr_str_t last; /* empty: from the start */
} cr_page_t;

/*
 * PAGINATION_INVALID when n is no number or last cannot be a name.  More than
 * max are cut to max, as n + 1 rows tell whether a Link is needed.
 */
cr_err_t cr_page_parse(cr_exchange_t *x, size_t max, cr_page_t *ret_page);
/*
 * Link to the page after `last`: relative, values percent-encoded.  name and
 * value: one more parameter to repeat, empty value for none.
 */
cr_err_t cr_page_link(cr_exchange_t *x, size_t n, cr_str_t last,
                      const char *name, cr_str_t value);

#endif
