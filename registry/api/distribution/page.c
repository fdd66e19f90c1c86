/* Pages of a listing.  No I/O. */

#include "api/distribution/page.h"

cr_err_t
cr_page_parse(cr_exchange_t *x, size_t max, cr_page_t *ret_page)
{
    uint64_t  n = CR_PAGE_DEFAULT;
    cr_str_t  text;
    cr_page_t page;

    CR_TRY(cr_query_one(x, "n", CR_ERR_PAGINATION_INVALID, &text));

    if (text.data != NULL && !cr_str_u64(text, &n)) {
        return cr_fail(&x->cx, CR_ERR_PAGINATION_INVALID,
                       "n must be a number that is not negative");
    }

    CR_TRY(cr_query_one(x, "last", CR_ERR_PAGINATION_INVALID, &page.last));

    if (page.last.len > CR_PAGE_LAST_MAX) {
        return cr_fail(&x->cx, CR_ERR_PAGINATION_INVALID,
                       "last is longer than any name");
    }

    for (size_t i = 0; i < page.last.len; i++) {
        unsigned char c = (unsigned char) page.last.data[i];

        if (c <= 0x20 || c >= 0x7f) {
            return cr_fail(&x->cx, CR_ERR_PAGINATION_INVALID,
                           "last is not a name");
        }
    }

    page.n = n < max ? (size_t) n : max;
    *ret_page = page;

    return CR_OK;
}

cr_err_t
cr_page_link(cr_exchange_t *x, size_t n, cr_str_t last, const char *name,
             cr_str_t value)
{
    cr_buf_t b;
    cr_str_t link;

    cr_buf_init(&b, &x->cx, 8192);
    cr_buf_char(&b, '<');
    cr_buf_str(&b, x->state->path);
    cr_buf_printf(&b, "?n=%zu&last=", n);
    cr_buf_pct(&b, last);

    if (value.len != 0) {
        cr_buf_printf(&b, "&%s=", name);
        cr_buf_pct(&b, value);
    }

    cr_buf_z(&b, ">; rel=\"next\"");
    CR_TRY(cr_buf_end(&b, &link));

    return cr_response_header(x, "Link", link);
}
