/*
 * Content-Range of an upload chunk.  The specification has bare numbers;
 * the form of RFC 9110 is taken too, because HTTP libraries write it.  Any
 * thread.
 */

#include "oci/range.h"

static cr_err_t
range_invalid(cr_ctx_t *cx)
{
    return cr_fail(cx, CR_ERR_RANGE_INVALID,
                   "Content-Range must be FIRST-LAST, both inclusive");
}


/* "bytes 0-9/20": cut the unit and the total away, which is checked. */
static bool
range_cut_unit(cr_str_t *s, bool *ret_has_total, uint64_t *ret_total)
{
    cr_str_t  unit = cr_str_slice(*s, 0, s->len < 6 ? s->len : 6), total;
    ptrdiff_t slash;

    *ret_has_total = false;

    if (!cr_str_case_eq(unit, CR_STR("bytes "))) {
        return true;
    }
    *s = cr_str_trim(cr_str_slice(*s, 6, s->len));

    slash = cr_str_chr(*s, '/');
    if (slash < 0) {
        return true;
    }
    total = cr_str_slice(*s, (size_t) slash + 1, s->len);
    *s = cr_str_slice(*s, 0, (size_t) slash);
    if (cr_str_eq_z(total, "*")) {
        return true;
    }
    *ret_has_total = true;

    return cr_str_u64(total, ret_total);
}


cr_err_t
cr_range_parse(cr_ctx_t *cx, cr_str_t s, uint64_t *ret_first,
               uint64_t *ret_last)
{
    uint64_t  first, last, total = 0;
    ptrdiff_t dash;
    bool      has_total;

    s = cr_str_trim(s);
    if (!range_cut_unit(&s, &has_total, &total)) {
        return range_invalid(cx);
    }

    dash = cr_str_chr(s, '-');
    if (dash < 0 || !cr_str_u64(cr_str_slice(s, 0, (size_t) dash), &first)
        || !cr_str_u64(cr_str_slice(s, (size_t) dash + 1, s.len), &last))
    {
        return range_invalid(cx);
    }

    if (first > last || last > INT64_MAX || (has_total && last >= total)) {
        return cr_fail(cx, CR_ERR_RANGE_INVALID,
                       "Content-Range is empty, backwards or too large");
    }

    *ret_first = first;
    *ret_last = last;

    return CR_OK;
}
