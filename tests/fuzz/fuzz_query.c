/*
 * Any bytes as the parameter q of a list.  What is accepted keeps to the
 * grammar and its bounds, and every way of reading a term ends well.
 */

#include <stdlib.h>
#include "api/management/query.h"
#include "core/encode.h"
#include "core/json.h"

/* Microseconds until the year 10000. */
#define TIME_LIMIT INT64_C(253402300800000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void
check_list(cr_ctx_t *cx, const cr_q_t *q, const char *key, cr_q_op_e op)
{
    cr_str_t json;
    json_t  *value;

    if (cr_q_list(cx, q, key, op, &json) != CR_OK) {
        check(cx->err == CR_ERR_BAD_REQUEST);
        return;
    }

    /* A statement gets it: it must be an array of strings. */
    check(cr_json_parse(cx, json, json.len, CR_ERR_BAD_REQUEST, &value)
          == CR_OK);
    check(json_is_array(value));
    check(json_array_size(value) <= CR_Q_ITEMS_MAX);
}

static void
accepted(cr_ctx_t *cx, const cr_q_t *q)
{
    int64_t  n, min, max;
    cr_str_t s, fuzzy;

    check(q->n <= CR_Q_TERMS_MAX);

    for (size_t i = 0; i < q->n; i++) {
        const char *key = cr_arena_dup_z(cx->arena, q->terms[i].key);

        check(key != NULL);
        check(q->terms[i].nitems <= CR_Q_ITEMS_MAX);
        (void) cr_q_exact(cx, q, key, &s);
        (void) cr_q_text(cx, q, key, &s, &fuzzy);
        (void) cr_q_int(cx, q, key, &n);
        (void) cr_q_id(cx, q, key, &n);
        (void) cr_q_any(cx, q, key, &s, &fuzzy);
        check_list(cx, q, key, CR_Q_OR);
        check_list(cx, q, key, CR_Q_AND);

        if (cr_q_time(cx, q, key, &min, &max) == CR_OK) {
            check(max == INT64_MAX || max < TIME_LIMIT);
            check(min > -TIME_LIMIT && min < TIME_LIMIT);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cr_q_t   q;
    cr_ctx_t cx;
    cr_str_t text = { size, (const char *) data };

    check(cr_ctx_init(&cx, 0) == CR_OK);

    if (cr_utf8_valid(text)) {
        if (cr_q_parse_text(&cx, text, &q) == CR_OK) {
            accepted(&cx, &q);

        } else {
            check(cx.err == CR_ERR_BAD_REQUEST);
        }
    }

    cr_ctx_done(&cx);

    return 0;
}
