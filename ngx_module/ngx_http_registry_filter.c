/*
 * Two filters over responses of registry locations.  Where nginx answers by
 * itself (limits, access rules, an unsatisfiable range), its page of HTML
 * becomes the JSON that clients of a registry can read.  And bytes sent are
 * counted while they go.
 *
 * The JSON keeps the status and all headers but the page's own.  It applies
 * where the type is text/html, which the registry never sends.
 */

#include "ngx_http_registry.h"

typedef struct {
    ngx_uint_t  status;
    cr_err_t    err;
    const char *text; /* NULL: the one of the error */
} ngx_http_registry_page_t;

static ngx_int_t ngx_http_registry_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_registry_body_filter(ngx_http_request_t *r,
                                               ngx_chain_t        *in);
static ngx_int_t ngx_http_registry_page(ngx_http_request_t      *r,
                                        ngx_http_registry_ctx_t *ctx);
static ngx_http_registry_page_t ngx_http_registry_page_of(ngx_uint_t status);
static ngx_int_t ngx_http_registry_page_send(ngx_http_request_t      *r,
                                             ngx_http_registry_ctx_t *ctx,
                                             ngx_chain_t             *in);

static ngx_http_output_header_filter_pt ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt   ngx_http_next_body_filter;

/* clang-format off */
static const ngx_http_registry_page_t ngx_http_registry_pages[] = {
    { 400, CR_ERR_BAD_REQUEST,     NULL },
    { 401, CR_ERR_UNAUTHORIZED,    NULL },
    { 403, CR_ERR_DENIED,          NULL },
    { 404, CR_ERR_NOT_FOUND,       NULL },
    { 405, CR_ERR_UNSUPPORTED,     NULL },
    { 408, CR_ERR_BAD_REQUEST,     "the request did not come in time" },
    { 411, CR_ERR_LENGTH_REQUIRED, NULL },
    { 412, CR_ERR_PRECONDITION,    NULL },
    { 413, CR_ERR_TOO_LARGE,       NULL },
    { 414, CR_ERR_URI_TOO_LONG,    NULL },
    { 416, CR_ERR_SIZE_INVALID,    "requested range not satisfiable" },
    { 429, CR_ERR_TOOMANYREQUESTS, NULL },
    { 502, CR_ERR_UNAVAILABLE,     NULL },
    { 503, CR_ERR_UNAVAILABLE,     NULL },
    { 504, CR_ERR_UNAVAILABLE,     NULL },
    { 507, CR_ERR_NO_SPACE,        NULL },
};
/* clang-format on */


void
ngx_http_registry_filter_init(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_registry_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_registry_body_filter;
}


static ngx_int_t
ngx_http_registry_header_filter(ngx_http_request_t *r)
{
    ngx_str_t                    *type = &r->headers_out.content_type;
    ngx_http_registry_ctx_t      *ctx;
    ngx_http_registry_loc_conf_t *rlcf;

    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_registry_module);

    if (rlcf->ref == NULL || r != r->main
        || r->headers_out.status < NGX_HTTP_BAD_REQUEST
        || type->len != sizeof("text/html") - 1
        || ngx_strncmp(type->data, "text/html", type->len) != 0)
    {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_registry_get_ctx(r);

    if (ctx == NULL) {
        ctx = ngx_http_registry_add_ctx(r, rlcf->ref->instance);
    }

    if (ctx == NULL || ngx_http_registry_page(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(type, "application/json");
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.content_length_n = (off_t) ctx->page.len;

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_registry_page(ngx_http_request_t *r, ngx_http_registry_ctx_t *ctx)
{
    cr_ctx_t                 cx;
    cr_str_t                 body;
    cr_err_t                 err;
    ngx_http_registry_page_t page;

    page = ngx_http_registry_page_of(r->headers_out.status);

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        return NGX_ERROR;
    }

    err = cr_api_error_body(&cx, false, page.err, cr_str_z(page.text), &body);

    if (err == CR_OK) {
        ctx->page.len = body.len;
        ctx->page.data = ngx_pnalloc(r->pool, body.len);

        if (ctx->page.data != NULL) {
            ngx_memcpy(ctx->page.data, body.data, body.len);
        }
    }

    cr_ctx_done(&cx);

    if (err != CR_OK || ctx->page.data == NULL) {
        return NGX_ERROR;
    }

    ctx->page_error = cr_err_info(page.err)->id;
    ctx->page_sent = 0;

    return NGX_OK;
}


static ngx_http_registry_page_t
ngx_http_registry_page_of(ngx_uint_t status)
{
    size_t                   i;
    ngx_http_registry_page_t page = { status, CR_ERR_BAD_REQUEST, NULL };

    for (i = 0; i < CR_NELTS(ngx_http_registry_pages); i++) {
        if (ngx_http_registry_pages[i].status == status) {
            return ngx_http_registry_pages[i];
        }
    }

    if (status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        page.err = CR_ERR_INTERNAL;
    }

    return page;
}


static ngx_int_t
ngx_http_registry_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t                     rc;
    ngx_http_registry_ctx_t      *ctx;
    ngx_http_registry_loc_conf_t *rlcf;

    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_registry_module);

    if (rlcf->ref == NULL || r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    ctx = ngx_http_registry_get_ctx(r);

    if (ctx == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->page.len != 0) {
        return ngx_http_registry_page_send(r, ctx, in);
    }

    rc = ngx_http_next_body_filter(r, in);

    ngx_http_registry_zone_sent(ctx);

    return rc;
}


/* The page of HTML goes by unsent; the JSON goes in its place, once. */
static ngx_int_t
ngx_http_registry_page_send(ngx_http_request_t *r, ngx_http_registry_ctx_t *ctx,
                            ngx_chain_t *in)
{
    ngx_buf_t  *b;
    ngx_chain_t out, *cl;

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    if (ctx->page_sent || in == NULL) {
        return ngx_http_next_body_filter(r, NULL);
    }

    b = ngx_calloc_buf(r->pool);

    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = ctx->page.data;
    b->last = b->pos + ctx->page.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    ctx->page_sent = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}
