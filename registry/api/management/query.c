/*
 * The query of a list endpoint, and the headers of its pages.
 *
 * Sections: numbers, pages, q, values of q, sort.
 */

#include <string.h>

#include "api/management/query.h"
#include "core/encode.h"

/* --- numbers ----------------------------------------------------------- */

static cr_err_t
cr_query_number(cr_exchange_t *x, const char *name, int64_t min, int64_t max,
                int64_t *ret_n)
{
    cr_str_t text;
    uint64_t n;

    CR_TRY(cr_query_one(x, name, CR_ERR_UNPROCESSABLE, &text));

    if (text.len == 0) {
        return CR_OK;
    }

    if (!cr_str_u64(text, &n)) {
        return cr_fail(&x->cx, CR_ERR_UNPROCESSABLE,
                       "%s in query must be a non-negative integer", name);
    }

    if (n > (uint64_t) max || n < (uint64_t) min) {
        return cr_fail(&x->cx, CR_ERR_UNPROCESSABLE,
                       "%s in query should be %s than or equal to %lld", name,
                       n < (uint64_t) min ? "greater" : "less",
                       (long long) (n < (uint64_t) min ? min : max));
    }

    *ret_n = (int64_t) n;

    return CR_OK;
}

cr_err_t
cr_query_int(cr_exchange_t *x, const char *name, int64_t *ret_n)
{
    return cr_query_number(x, name, 0, INT64_MAX, ret_n);
}

/* The words that Go's strconv.ParseBool takes, as Harbor does. */
cr_err_t
cr_query_bool(cr_exchange_t *x, const char *name, bool *ret_b)
{
    static const char *const yes[] = { "1", "t", "true" };
    static const char *const no[] = { "0", "f", "false" };

    cr_str_t text;

    CR_TRY(cr_query_one(x, name, CR_ERR_UNPROCESSABLE, &text));

    if (text.len == 0) {
        return CR_OK;
    }

    for (size_t i = 0; i < CR_NELTS(yes); i++) {
        if (cr_str_case_eq(text, cr_str_z(yes[i]))) {
            *ret_b = true;
            return CR_OK;
        }

        if (cr_str_case_eq(text, cr_str_z(no[i]))) {
            *ret_b = false;
            return CR_OK;
        }
    }

    return cr_fail(&x->cx, CR_ERR_UNPROCESSABLE,
                   "%s in query must be true or false", name);
}

/* --- pages ------------------------------------------------------------- */

cr_err_t
cr_paging_parse(cr_exchange_t *x, cr_paging_t *ret_p)
{
    cr_paging_t p = { .page = 1, .size = CR_PAGE_SIZE_DEFAULT };

    CR_TRY(cr_query_number(x, "page", 1, CR_PAGE_MAX, &p.page));
    CR_TRY(cr_query_number(x, "page_size", 0, CR_PAGE_SIZE_MAX, &p.size));

    if (p.size == 0) {
        p.size = CR_PAGE_SIZE_MAX;
    }

    p.offset = (p.page - 1) * p.size;
    *ret_p = p;

    return CR_OK;
}

/* One entry of Link: the request again, with another page. */
static void
cr_paging_link(const cr_exchange_t *x, cr_buf_t *b, int64_t page, int64_t size,
               const char *rel)
{
    const cr_exchange_state_t *st = x->state;

    cr_buf_z(b, b->len != 0 ? " , <" : "<");
    cr_buf_str(b, st->path);
    cr_buf_printf(b, "?page=%lld&page_size=%lld", (long long) page,
                  (long long) size);

    for (size_t i = 0; i < st->nparams; i++) {
        if (cr_str_eq_z(st->params[i].name, "page")
            || cr_str_eq_z(st->params[i].name, "page_size"))
        {
            continue;
        }

        cr_buf_char(b, '&');
        cr_buf_pct(b, st->params[i].name);
        cr_buf_char(b, '=');
        cr_buf_pct(b, st->params[i].value);
    }

    cr_buf_printf(b, ">; rel=\"%s\"", rel);
}

cr_err_t
cr_paging_respond(cr_exchange_t *x, const cr_paging_t *p, int64_t total,
                  cr_str_t body)
{
    cr_buf_t b;
    cr_str_t link;

    CR_TRY(cr_response_printf(x, "X-Total-Count", "%lld", (long long) total));

    cr_buf_init(&b, &x->cx, (size_t) 128 * 1024);

    if (p->page > 1) {
        cr_paging_link(x, &b, p->page - 1, p->size, "prev");
    }

    if (p->offset + p->size < total) {
        cr_paging_link(x, &b, p->page + 1, p->size, "next");
    }

    if (b.len != 0) {
        CR_TRY(cr_buf_end(&b, &link));
        CR_TRY(cr_response_header(x, "Link", link));
    }

    return cr_respond_json(x, 200, body);
}

/* --- q ----------------------------------------------------------------- */

static cr_err_t
cr_q_bad(cr_ctx_t *cx, cr_str_t text)
{
    return cr_fail(cx, CR_ERR_BAD_REQUEST, "q: bad syntax: %.*s",
                   CR_STR_ARG(cr_str_slice(text, 0, 100)));
}

/* "'a b'" and "\"a\"" are strings; the quotes go. */
static cr_str_t
cr_q_unquote(cr_str_t s)
{
    if (s.len >= 2 && (s.data[0] == '"' || s.data[0] == '\'')
        && s.data[s.len - 1] == s.data[0])
    {
        return cr_str_slice(s, 1, s.len - 1);
    }

    return s;
}

/* The items of "{...}" and "(...)": by spaces, but not inside of quotes. */
static cr_err_t
cr_q_parse_items(cr_ctx_t *cx, cr_str_t text, cr_q_term_t *t)
{
    size_t i = 0;

    t->items = cr_alloc(cx, CR_Q_ITEMS_MAX * sizeof(cr_str_t));

    if (t->items == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    while (i < text.len) {
        size_t start = i;
        char   quote = text.data[i];

        if (quote == ' ') {
            i++;
            continue;
        }

        if (quote == '"' || quote == '\'') {
            i++;

            while (i < text.len && text.data[i] != quote) {
                i++;
            }

            if (i == text.len) {
                return cr_q_bad(cx, text);
            }

            i++;

        } else {
            while (i < text.len && text.data[i] != ' ') {
                i++;
            }
        }

        if (t->nitems == CR_Q_ITEMS_MAX) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST,
                           "q: more than %d items in a list", CR_Q_ITEMS_MAX);
        }

        t->items[t->nitems++] = cr_q_unquote(cr_str_slice(text, start, i));
    }

    return t->nitems != 0 ? CR_OK : cr_q_bad(cx, text);
}

static cr_err_t
cr_q_parse_range(cr_ctx_t *cx, cr_str_t text, cr_q_term_t *t)
{
    ptrdiff_t pos = cr_str_chr(text, '~');

    if (pos < 0) {
        return cr_q_bad(cx, text);
    }

    t->min = cr_str_trim(cr_str_slice(text, 0, (size_t) pos));
    t->max = cr_str_trim(cr_str_slice(text, (size_t) pos + 1, text.len));
    t->min = cr_q_unquote(t->min);
    t->max = cr_q_unquote(t->max);

    return t->min.len != 0 || t->max.len != 0 ? CR_OK : cr_q_bad(cx, text);
}

static cr_err_t
cr_q_parse_term(cr_ctx_t *cx, cr_str_t text, cr_q_term_t *t)
{
    char      first, last;
    cr_str_t  value, inner;
    ptrdiff_t eq = cr_str_chr(text, '=');

    if (eq <= 0) {
        return cr_q_bad(cx, text);
    }

    memset(t, 0, sizeof(cr_q_term_t));
    t->key = cr_str_trim(cr_str_slice(text, 0, (size_t) eq));
    value = cr_str_trim(cr_str_slice(text, (size_t) eq + 1, text.len));

    if (value.len == 0) {
        return cr_q_bad(cx, text);
    }

    first = value.data[0];
    last = value.data[value.len - 1];
    inner = value.len >= 2 ? cr_str_slice(value, 1, value.len - 1) : value;

    switch (first) {

    case '[':
        t->op = CR_Q_RANGE;
        return last == ']' && value.len > 2 ? cr_q_parse_range(cx, inner, t)
                                            : cr_q_bad(cx, text);

    case '{':
        t->op = CR_Q_OR;
        return last == '}' && value.len > 2 ? cr_q_parse_items(cx, inner, t)
                                            : cr_q_bad(cx, text);

    case '(':
        t->op = CR_Q_AND;
        return last == ')' && value.len > 2 ? cr_q_parse_items(cx, inner, t)
                                            : cr_q_bad(cx, text);

    case '~':
        t->op = CR_Q_FUZZY;
        t->value = cr_str_slice(value, 1, value.len);
        return t->value.len != 0 ? CR_OK : cr_q_bad(cx, text);

    case '\\':
        t->value = cr_str_slice(value, 1, value.len);
        return t->value.len != 0 ? CR_OK : cr_q_bad(cx, text);

    default:
        t->value = cr_q_unquote(value);
        return t->value.len != 0 ? CR_OK : cr_q_bad(cx, text);
    }
}

cr_err_t
cr_q_parse_text(cr_ctx_t *cx, cr_str_t text, cr_q_t *ret_q)
{
    cr_str_t part;

    memset(ret_q, 0, sizeof(cr_q_t));

    if (text.len == 0) {
        return CR_OK;
    }

    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char) text.data[i] < ' ') {
            return cr_fail(cx, CR_ERR_BAD_REQUEST, "q: control character");
        }
    }

    while (cr_str_split(&text, ',', &part)) {
        if (ret_q->n == CR_Q_TERMS_MAX) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST, "q: more than %d terms",
                           CR_Q_TERMS_MAX);
        }

        CR_TRY(cr_q_parse_term(cx, part, &ret_q->terms[ret_q->n]));
        ret_q->n++;
    }

    return CR_OK;
}

cr_err_t
cr_q_known(cr_ctx_t *cx, const cr_q_t *q, const char *const *z_keys)
{
    for (size_t i = 0; i < q->n; i++) {
        size_t   k = 0;
        cr_str_t key = q->terms[i].key;

        while (z_keys[k] != NULL && !cr_str_eq_z(key, z_keys[k])) {
            k++;
        }

        if (z_keys[k] == NULL) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST,
                           "q: this list has no key \"%.*s\"",
                           CR_STR_ARG(cr_str_slice(key, 0, 100)));
        }

        if (cr_q_find(q, z_keys[k]) != &q->terms[i]) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST, "q: %s comes twice",
                           z_keys[k]);
        }
    }

    return CR_OK;
}

/* Harbor decodes the value once more than the query string. */
cr_err_t
cr_q_parse(cr_exchange_t *x, const char *const *z_keys, cr_q_t *ret_q)
{
    cr_str_t text;

    memset(ret_q, 0, sizeof(cr_q_t));
    CR_TRY(cr_query_one(x, "q", CR_ERR_BAD_REQUEST, &text));

    if (text.len == 0) {
        return CR_OK;
    }

    CR_TRY(cr_pct_decode(&x->cx, text, true, &text));

    if (!cr_utf8_valid(text)) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "q: not UTF-8");
    }

    CR_TRY(cr_q_parse_text(&x->cx, text, ret_q));

    return cr_q_known(&x->cx, ret_q, z_keys);
}

const cr_q_term_t *
cr_q_find(const cr_q_t *q, const char *key)
{
    for (size_t i = 0; i < q->n; i++) {
        if (cr_str_eq_z(q->terms[i].key, key)) {
            return &q->terms[i];
        }
    }

    return NULL;
}

cr_err_t
cr_q_beside(cr_exchange_t *x, const cr_q_t *q, const char *name,
            cr_str_t *ret_value)
{
    CR_TRY(cr_query_one(x, name, CR_ERR_BAD_REQUEST, ret_value));

    if (ret_value->len != 0 && cr_q_find(q, name) != NULL) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "%s: in q, too", name);
    }

    return CR_OK;
}

/* --- values of q ------------------------------------------------------- */

static cr_err_t
cr_q_form(cr_ctx_t *cx, const char *key)
{
    return cr_fail(cx, CR_ERR_BAD_REQUEST,
                   "q: this form is not supported for %s", key);
}

cr_err_t
cr_q_exact(cr_ctx_t *cx, const cr_q_t *q, const char *key, cr_str_t *ret_value)
{
    const cr_q_term_t *t = cr_q_find(q, key);

    *ret_value = CR_STR_NULL;

    if (t == NULL) {
        return CR_OK;
    }

    if (t->op != CR_Q_EXACT) {
        return cr_q_form(cx, key);
    }

    *ret_value = t->value;

    return CR_OK;
}

cr_err_t
cr_q_text(cr_ctx_t *cx, const cr_q_t *q, const char *key, cr_str_t *ret_exact,
          cr_str_t *ret_fuzzy)
{
    const cr_q_term_t *t = cr_q_find(q, key);

    *ret_exact = CR_STR_NULL;
    *ret_fuzzy = CR_STR_NULL;

    if (t == NULL) {
        return CR_OK;
    }

    if (t->op == CR_Q_EXACT) {
        *ret_exact = t->value;

    } else if (t->op == CR_Q_FUZZY) {
        *ret_fuzzy = t->value;

    } else {
        return cr_q_form(cx, key);
    }

    return CR_OK;
}

cr_err_t
cr_q_int(cr_ctx_t *cx, const cr_q_t *q, const char *key, int64_t *ret_n)
{
    cr_str_t text;
    uint64_t n;

    *ret_n = -1;
    CR_TRY(cr_q_exact(cx, q, key, &text));

    if (text.data == NULL) {
        return CR_OK;
    }

    if (!cr_str_u64(text, &n) || n > INT64_MAX) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "q: %s must be an integer", key);
    }

    *ret_n = (int64_t) n;

    return CR_OK;
}

cr_err_t
cr_q_id(cr_ctx_t *cx, const cr_q_t *q, const char *key, int64_t *ret_id)
{
    int64_t id;

    CR_TRY(cr_q_int(cx, q, key, &id));
    *ret_id = id < 0 ? 0 : id == 0 ? CR_Q_NO_ID : id;

    return CR_OK;
}

cr_err_t
cr_q_any(cr_ctx_t *cx, const cr_q_t *q, const char *key, cr_str_t *ret_json,
         cr_str_t *ret_fuzzy)
{
    const cr_q_term_t *t = cr_q_find(q, key);

    *ret_json = CR_STR_NULL;
    *ret_fuzzy = CR_STR_NULL;

    if (t != NULL && t->op == CR_Q_FUZZY) {
        *ret_fuzzy = t->value;
        return CR_OK;
    }

    return cr_q_list(cx, q, key, CR_Q_OR, ret_json);
}

cr_err_t
cr_q_list(cr_ctx_t *cx, const cr_q_t *q, const char *key, cr_q_op_e op,
          cr_str_t *ret_json)
{
    cr_buf_t           b;
    const cr_q_term_t *t = cr_q_find(q, key);

    *ret_json = CR_STR_NULL;

    if (t == NULL) {
        return CR_OK;
    }

    if (t->op != CR_Q_EXACT && t->op != op) {
        return cr_q_form(cx, key);
    }

    cr_buf_init(&b, cx, (size_t) 256 * 1024);
    cr_buf_char(&b, '[');

    if (t->op == CR_Q_EXACT) {
        cr_buf_json(&b, t->value);
    }

    for (size_t i = 0; i < t->nitems; i++) {
        if (i != 0) {
            cr_buf_char(&b, ',');
        }

        cr_buf_json(&b, t->items[i]);
    }

    cr_buf_char(&b, ']');

    return cr_buf_end(&b, ret_json);
}

/* Exactly n digits at *pos, a number of at most max. */
static bool
cr_q_digits(cr_str_t s, size_t *pos, size_t n, uint64_t max, int64_t *ret_v)
{
    uint64_t v;

    if (s.len < *pos + n || !cr_str_u64(cr_str_slice(s, *pos, *pos + n), &v)
        || v > max)
    {
        return false;
    }

    *pos += n;
    *ret_v = (int64_t) v;

    return true;
}

static bool
cr_q_char(cr_str_t s, size_t *pos, const char *set)
{
    if (*pos >= s.len || s.data[*pos] == '\0'
        || strchr(set, s.data[*pos]) == NULL) {
        return false;
    }

    (*pos)++;

    return true;
}

/* Days from 1970-01-01 in the Gregorian calendar (H. Hinnant's algorithm). */
static int64_t
cr_q_days(int64_t y, int64_t m, int64_t d)
{
    int64_t era, yoe, doy;

    y -= m <= 2 ? 1 : 0;
    era = y / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* "2006-01-02T15:04:05", with a space for the T, with a fraction or a Z. */
static bool
cr_q_time_parse(cr_str_t s, int64_t *ret_us)
{
    size_t  pos = 0;
    int64_t y, mo, d, h = 0, mi = 0, sec = 0;

    if (!cr_q_digits(s, &pos, 4, 9999, &y) || !cr_q_char(s, &pos, "-")
        || !cr_q_digits(s, &pos, 2, 12, &mo) || !cr_q_char(s, &pos, "-")
        || !cr_q_digits(s, &pos, 2, 31, &d) || mo == 0 || d == 0)
    {
        return false;
    }

    if (pos < s.len
        && (!cr_q_char(s, &pos, "T ") || !cr_q_digits(s, &pos, 2, 23, &h)
            || !cr_q_char(s, &pos, ":") || !cr_q_digits(s, &pos, 2, 59, &mi)
            || !cr_q_char(s, &pos, ":") || !cr_q_digits(s, &pos, 2, 60, &sec)))
    {
        return false;
    }

    if (cr_q_char(s, &pos, ".")) {
        while (cr_q_char(s, &pos, "0123456789")) {
            /* finer than a second is not asked for */
        }
    }

    (void) cr_q_char(s, &pos, "Z");

    if (pos != s.len) {
        return false;
    }

    *ret_us = (((cr_q_days(y, mo, d) * 24 + h) * 60 + mi) * 60 + sec) * 1000000;

    return true;
}

cr_err_t
cr_q_time(cr_ctx_t *cx, const cr_q_t *q, const char *key, int64_t *ret_min,
          int64_t *ret_max)
{
    bool               ok = true;
    const cr_q_term_t *t = cr_q_find(q, key);

    *ret_min = 0;
    *ret_max = INT64_MAX;

    if (t == NULL) {
        return CR_OK;
    }

    if (t->op != CR_Q_RANGE) {
        return cr_q_form(cx, key);
    }

    if (t->min.len != 0) {
        ok = cr_q_time_parse(t->min, ret_min);
    }

    if (t->max.len != 0) {
        ok = ok && cr_q_time_parse(t->max, ret_max);
        *ret_max = ok ? *ret_max + 999999 : *ret_max; /* all of that second */
    }

    if (!ok) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "q: %s: a time is written 2006-01-02T15:04:05", key);
    }

    return CR_OK;
}

/* --- sort -------------------------------------------------------------- */

void
cr_sort_parse(const cr_exchange_t *x, const cr_sort_name_t *names, size_t n,
              int *ret_value, bool *ret_descending)
{
    bool     down;
    cr_str_t text, field;

    if (!cr_query_get(x, "sort", 0, &text)) {
        return;
    }

    while (text.len != 0 && cr_str_split(&text, ',', &field)) {
        field = cr_str_trim(field);
        down = field.len != 0 && field.data[0] == '-';

        if (down) {
            field = cr_str_slice(field, 1, field.len);
        }

        for (size_t i = 0; i < n; i++) {
            if (cr_str_eq_z(field, names[i].name)) {
                *ret_value = names[i].value;
                *ret_descending = down;
                return;
            }
        }
    }
}
