/* Pages of lists. */

#include <stdlib.h>
#include <string.h>

#include "meta/inner.h"
#include "meta/page.h"

#define CR_PAGE_JSON_MAX ((size_t) 1024 * 1024)


cr_err_t
cr_total_get(cr_ctx_t *cx, cr_conn_t *c, const char *z_kind, int64_t from,
             int64_t to, int64_t *ret_total)
{
    cr_val_t v[3];
    bool     found;

    v[0] = CR_V_TEXT(cr_str_z(z_kind));
    v[1] = CR_V_INT(from);
    v[2] = CR_V_INT(to);

    return cr_db_get_int(cx, c, CR_SQL_TOTAL_GET, v, 3, &found, ret_total);
}


cr_page_t
cr_page_of(int64_t total, int64_t offset, int64_t limit, bool descending)
{
    cr_page_t p = { 0, 0 };

    if (offset >= total) {
        return p;
    }

    p.n = total - offset < limit ? total - offset : limit;
    p.start = descending ? total - offset - p.n : offset;

    return p;
}


size_t
cr_page_seek(cr_val_t *v, const cr_page_t *p, int64_t total)
{
    bool first = p->start <= total / 2;

    v[0] = CR_V_INT(first);
    v[1] = CR_V_INT(first ? p->start : 0);
    v[2] = CR_V_INT(!first);
    v[3] = CR_V_INT(first ? 0 : total - 1 - p->start);
    v[4] = CR_V_INT(p->n);

    return 5;
}


void
cr_page_reverse(void *rows, size_t n, size_t element)
{
    char *first = rows, *last, byte;

    if (n < 2) {
        return;
    }

    for (last = first + (n - 1) * element; first < last; last -= element) {
        for (size_t i = 0; i < element; i++) {
            byte = first[i];
            first[i] = last[i];
            last[i] = byte;
        }

        first += element;
    }
}


static void
cr_page_read_id(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    (void) cx;
    *(int64_t *) row = cr_stmt_int(st, 0);
}


cr_err_t
cr_page_ids(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *v,
            size_t nv, int64_t **ret_ids, size_t *ret_n)
{
    void *rows;

    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_page_read_id, sizeof(int64_t),
                        &rows, ret_n));
    *ret_ids = rows;
    return CR_OK;
}


static int
cr_page_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

    return (x > y) - (x < y);
}


void
cr_page_sort_ids(int64_t *ids, size_t n)
{
    if (n > 1) {
        qsort(ids, n, sizeof(int64_t), cr_page_compare);
    }
}


cr_err_t
cr_page_json(cr_ctx_t *cx, int64_t *ids, size_t n, int64_t offset,
             int64_t limit, bool descending, cr_str_t *ret_json, size_t *ret_n)
{
    cr_buf_t  b;
    cr_page_t p = cr_page_of((int64_t) n, offset, limit, descending);

    if (p.n > 0 && descending) {
        cr_page_reverse(&ids[p.start], (size_t) p.n, sizeof(int64_t));
    }

    cr_buf_init(&b, cx, CR_PAGE_JSON_MAX);
    cr_buf_char(&b, '[');

    for (int64_t i = 0; i < p.n; i++) {
        cr_buf_printf(&b, i == 0 ? "%lld" : ",%lld",
                      (long long) ids[p.start + i]);
    }

    cr_buf_char(&b, ']');
    *ret_n = (size_t) p.n;

    return cr_buf_end(&b, ret_json);
}
