/*
 * GET referrers/{digest} (distribution-spec, "Listing Referrers").  Never
 * 404: a repository or subject that was never seen has no referrers.  Pages
 * are bounded by count and by bytes, as annotations may be large.
 */

#include "api/distribution/page.h"
#include "api/handlers.h"
#include "oci/referrers.h"

#define CR_REFERRERS_PAGE_MAX   1000
#define CR_REFERRERS_BATCH      32
#define CR_REFERRERS_PAGE_BYTES ((size_t) 2 * 1024 * 1024)
#define CR_REFERRERS_BODY_MAX                                                  \
    (CR_REFERRERS_PAGE_BYTES + 4 * (size_t) CR_MANIFEST_SIZE_MAX)

typedef struct cr_referrers_op_s {
    size_t   n; /* of the page */
    size_t   done;
    int64_t  after;
    bool     more;
    cr_str_t type;
} cr_referrers_op_t;

/* A media type has no space, so it was a "+" that nobody encoded. */
static cr_err_t
cr_referrers_type(cr_exchange_t *x, cr_str_t *ret_type)
{
    cr_str_t type;

    CR_TRY(cr_query_one(x, "artifactType", CR_ERR_BAD_REQUEST, &type));

    if (cr_str_chr(type, ' ') >= 0) {
        char *p = cr_arena_dup_z(x->cx.arena, type);

        if (p == NULL) {
            return cr_fail(&x->cx, CR_ERR_NO_MEMORY, NULL);
        }

        for (size_t i = 0; i < type.len; i++) {
            p[i] = p[i] == ' ' ? '+' : p[i];
        }

        type.data = p;
    }

    *ret_type = type;

    return CR_OK;
}

static cr_err_t
cr_referrers_parse(cr_exchange_t *x, cr_referrers_op_t *op)
{
    uint64_t  after = 0;
    cr_page_t page;

    CR_TRY(cr_page_parse(x, CR_REFERRERS_PAGE_MAX, &page));
    CR_TRY(cr_referrers_type(x, &op->type));

    if (page.last.len != 0
        && (!cr_str_u64(page.last, &after) || after > INT64_MAX)) {
        return cr_fail(&x->cx, CR_ERR_PAGINATION_INVALID,
                       "last is not from a Link of this list");
    }

    op->n = page.n;
    op->after = (int64_t) after;

    return CR_OK;
}

/* Add rows until the page is full; one more row tells that there is more. */
static cr_err_t
cr_referrers_fill(cr_exchange_t *x, cr_referrers_op_t *op, cr_buf_t *b)
{
    const cr_api_open_t *o = cr_api_opened(x->api);

    while (!op->more) {
        size_t         i, got = 0, want = CR_REFERRERS_BATCH;
        int64_t       *ids = NULL;
        cr_referrer_t *rows = NULL;

        CR_TRY(cr_referrer_list(&x->cx, o->meta, x->state->name.full,
                                &x->state->digest, op->type, op->after, want,
                                &rows, &ids, &got));

        for (i = 0; i < got; i++) {
            if (op->done == op->n
                || (op->done != 0 && b->len >= CR_REFERRERS_PAGE_BYTES)) {
                op->more = op->n != 0;
                return CR_OK;
            }

            cr_referrers_add(b, &rows[i], op->done == 0);
            op->after = ids[i];
            op->done++;
        }

        if (got < want) {
            break;
        }
    }

    return CR_OK;
}

cr_err_t
cr_v2_referrers(cr_exchange_t *x)
{
    cr_buf_t          b;
    cr_str_t          body, last;
    cr_referrers_op_t op = { 0 };

    CR_TRY(cr_referrers_parse(x, &op));

    cr_buf_init(&b, &x->cx, CR_REFERRERS_BODY_MAX);
    cr_referrers_begin(&b);
    CR_TRY(cr_referrers_fill(x, &op, &b));
    cr_referrers_end(&b);
    CR_TRY(cr_buf_end(&b, &body));

    if (op.type.len != 0) {
        CR_TRY(cr_response_header(x, "OCI-Filters-Applied",
                                  CR_STR("artifactType")));
    }

    if (op.more) {
        last = cr_printf(&x->cx, "%lld", (long long) op.after);

        if (last.data == NULL) {
            return CR_ERR_NO_MEMORY;
        }

        CR_TRY(cr_page_link(x, op.n, last, "artifactType", op.type));
    }

    return cr_respond(x, 200, CR_STR(CR_MT_OCI_INDEX), body);
}
