/*
 * GET /v2/_catalog: names of repositories that the caller may see, byte
 * order, one index seek a page.
 */

#include "api/distribution/page.h"
#include "api/handlers.h"

#define CR_CATALOG_BODY_MAX ((size_t) 8 * 1024 * 1024)

cr_err_t
cr_v2_catalog(cr_exchange_t *x)
{
    bool                 more;
    size_t               n = 0;
    cr_buf_t             b;
    cr_str_t             body, *names = NULL;
    cr_page_t            page;
    cr_visibility_t      vis = cr_api_visibility(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_page_parse(x, CR_PAGE_MAX, &page));

    if (page.n != 0) {
        CR_TRY(cr_repository_list(&x->cx, o->meta, &vis, page.last, page.n + 1,
                                  &names, &n));
    }

    more = n > page.n;
    n = more ? page.n : n;

    cr_buf_init(&b, &x->cx, CR_CATALOG_BODY_MAX);
    cr_buf_z(&b, "{\"repositories\":[");

    for (size_t i = 0; i < n; i++) {
        cr_buf_z(&b, i == 0 ? "" : ",");
        cr_buf_json(&b, names[i]);
    }

    cr_buf_z(&b, "]}\n");
    CR_TRY(cr_buf_end(&b, &body));

    if (more) {
        CR_TRY(cr_page_link(x, page.n, names[n - 1], "", CR_STR_NULL));
    }

    return cr_respond_json(x, 200, body);
}
