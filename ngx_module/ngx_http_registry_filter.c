/*
 * Two filters over responses of registry locations.  Where nginx answers by
 * itself (limits, access rules, an unsatisfiable range), its page of HTML
 * becomes the JSON that clients of a registry can read.  And bytes sent are
 * counted while they go.
 *
 * The JSON keeps the status and all headers but the page's own, and has those
 * that each answer of the registry has.  It applies where the type is
 * text/html, which the registry never sends.
 *
 * What is wrong with the head of a request nginx refuses before it looks for a
 * location: then the path tells which one it would have been.
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
static ngx_http_registry_loc_conf_t *ngx_http_registry_location(
    ngx_http_request_t *r, cr_str_t path);
static cr_str_t  ngx_http_registry_path(ngx_http_request_t *r);
static ngx_int_t ngx_http_registry_page(ngx_http_request_t      *r,
                                        ngx_http_registry_ctx_t *ctx,
                                        cr_str_t                 path);

static ngx_http_registry_page_t ngx_http_registry_page_of(
    ngx_http_request_t *r);

static ngx_int_t ngx_http_registry_page_headers(ngx_http_request_t *r,
                                                cr_ctx_t *cx, cr_str_t path);
static ngx_int_t ngx_http_registry_page_header(ngx_http_request_t *r,
                                               cr_str_t name, cr_str_t value);
static cr_str_t  ngx_http_registry_find(ngx_list_t *headers, cr_str_t name);
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
    { 501, CR_ERR_UNSUPPORTED,     "transfer encoding not supported" },
    { 502, CR_ERR_UNAVAILABLE,     NULL },
    { 503, CR_ERR_UNAVAILABLE,     NULL },
    { 504, CR_ERR_UNAVAILABLE,     NULL },
    { 505, CR_ERR_UNSUPPORTED,     "HTTP version not supported" },
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
    cr_str_t                      path;
    ngx_str_t                    *type = &r->headers_out.content_type;
    ngx_http_registry_ctx_t      *ctx;
    ngx_http_registry_loc_conf_t *rlcf;

    if (r != r->main || r->headers_out.status < NGX_HTTP_BAD_REQUEST
        || type->len != sizeof("text/html") - 1
        || ngx_strncmp(type->data, "text/html", type->len) != 0)
    {
        return ngx_http_next_header_filter(r);
    }

    path = ngx_http_registry_path(r);
    rlcf = ngx_http_registry_location(r, path);

    if (rlcf == NULL) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_registry_get_ctx(r);

    if (ctx == NULL) {
        ctx = ngx_http_registry_add_ctx(r, rlcf->ref->instance);
    }

    if (ctx == NULL || ngx_http_registry_page(r, ctx, path) != NGX_OK) {
        return NGX_ERROR;
    }

    if (cr_api_is_harbor(path)) {
        ngx_str_set(type, "application/json; charset=utf-8");

    } else {
        ngx_str_set(type, "application/json");
    }

    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.content_length_n = (off_t) ctx->page.len;

    return ngx_http_next_header_filter(r);
}


/*
 * NULL: not of the registry.  A request that has no location yet has the
 * configuration of its server, which need not be the one that it wanted:
 * before the Host header it is the default server of the address.
 */
static ngx_http_registry_loc_conf_t *
ngx_http_registry_location(ngx_http_request_t *r, cr_str_t path)
{
    cr_str_t                      name;
    ngx_uint_t                    i;
    ngx_http_core_srv_conf_t     *cscf;
    ngx_http_core_loc_conf_t    **clcf;
    ngx_http_registry_loc_conf_t *rlcf;
    ngx_http_registry_srv_conf_t *rscf;

    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_registry_module);

    if (rlcf->ref != NULL) {
        return rlcf;
    }

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    if (r->loc_conf != cscf->ctx->loc_conf) {
        return NULL;
    }

    rscf = ngx_http_get_module_srv_conf(r, ngx_http_registry_module);
    clcf = rscf->locations.elts;

    for (i = 0; i < rscf->locations.nelts; i++) {
        name = ngx_http_registry_str(clcf[i]->name);

        if (clcf[i]->exact_match ? cr_str_eq(path, name)
                                 : cr_str_starts(path, name)) {
            return clcf[i]->loc_conf[ngx_http_registry_module.ctx_index];
        }
    }

    return NULL;
}


/*
 * As nginx has parsed it; or, when it did not come so far, as it was sent.
 * In a request line of HTTP/1 that is not complete, pointers to what has not
 * come are anything: nginx moves them all to a larger buffer.
 */
static cr_str_t
ngx_http_registry_path(ngx_http_request_t *r)
{
    size_t     len;
    u_char    *end = r->uri_end;
    ngx_buf_t *b = r->header_in;

    if (r->unparsed_uri.len != 0) {
        return ngx_http_registry_str(r->uri);
    }

    if (r->http_version < NGX_HTTP_VERSION_20) {
        if (b == NULL || r->uri_start < b->start || r->uri_start >= b->last) {
            return CR_STR_NULL;
        }

        if (end < r->uri_start || end > b->last) {
            end = b->last;
        }

    } else if (r->uri_start == NULL || end == NULL) {
        return CR_STR_NULL;
    }

    for (len = 0; r->uri_start + len < end; len++) {
        if (r->uri_start[len] == '?' || r->uri_start[len] <= ' ') {
            break;
        }
    }

    return (cr_str_t){ len, (char *) r->uri_start };
}


static ngx_int_t
ngx_http_registry_page(ngx_http_request_t *r, ngx_http_registry_ctx_t *ctx,
                       cr_str_t path)
{
    cr_ctx_t                 cx;
    cr_str_t                 body;
    ngx_int_t                rc = NGX_ERROR;
    ngx_http_registry_page_t page;

    page = ngx_http_registry_page_of(r);

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        return NGX_ERROR;
    }

    if (cr_api_error_body(&cx, cr_api_is_harbor(path), page.err,
                          cr_str_z(page.text), &body)
        == CR_OK)
    {
        ctx->page.len = body.len;
        ctx->page.data = ngx_pnalloc(r->pool, body.len);

        if (ctx->page.data != NULL) {
            ngx_memcpy(ctx->page.data, body.data, body.len);
            rc = ngx_http_registry_page_headers(r, &cx, path);
        }
    }

    cr_ctx_done(&cx);

    ctx->page_error = cr_err_info(page.err)->id;
    ctx->page_sent = 0;

    return rc;
}


static ngx_http_registry_page_t
ngx_http_registry_page_of(ngx_http_request_t *r)
{
    size_t                   i;
    ngx_uint_t               status = r->headers_out.status;
    ngx_http_registry_page_t page = { status, CR_ERR_BAD_REQUEST, NULL };

#if (NGX_HTTP_SSL)
    if (status == NGX_HTTP_BAD_REQUEST && r->http_connection->ssl
        && r->connection->ssl == NULL)
    {
        page.text = "a plain HTTP request was sent to an HTTPS port";
        return page;
    }
#endif

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


/* Those of cr_response_finish(): some are there when a filter refuses. */
static ngx_int_t
ngx_http_registry_page_headers(ngx_http_request_t *r, cr_ctx_t *cx,
                               cr_str_t path)
{
    u_char  *p;
    cr_str_t id, name = CR_STR("X-Request-Id");

    if (cr_api_request_id(cx,
                          ngx_http_registry_find(&r->headers_in.headers, name),
                          &id)
        != CR_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, id.len);

    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, id.data, id.len);
    id.data = (char *) p;

    if (ngx_http_registry_page_header(r, name, id) != NGX_OK) {
        return NGX_ERROR;
    }

    if ((cr_str_starts(path, CR_STR("/v2/")) || cr_str_eq_z(path, "/v2"))
        && ngx_http_registry_page_header(
               r, CR_STR("Docker-Distribution-Api-Version"),
               CR_STR("registry/2.0"))
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_registry_page_header(r, CR_STR("X-Content-Type-Options"),
                                         CR_STR("nosniff"));
}


static ngx_int_t
ngx_http_registry_page_header(ngx_http_request_t *r, cr_str_t name,
                              cr_str_t value)
{
    if (ngx_http_registry_find(&r->headers_out.headers, name).data != NULL) {
        return NGX_OK;
    }

    return ngx_http_registry_header(r, name, value) != NULL ? NGX_OK
                                                            : NGX_ERROR;
}


static cr_str_t
ngx_http_registry_find(ngx_list_t *headers, cr_str_t name)
{
    ngx_uint_t       i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    for (part = &headers->part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash != 0
                && cr_str_case_eq(ngx_http_registry_str(h[i].key), name)) {
                return ngx_http_registry_str(h[i].value);
            }
        }
    }

    return CR_STR_NULL;
}


static ngx_int_t
ngx_http_registry_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t                     rc;
    ngx_http_registry_ctx_t      *ctx;
    ngx_http_registry_loc_conf_t *rlcf;

    if (r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_registry_module);

    ctx = rlcf->ref != NULL
              ? ngx_http_registry_get_ctx(r)
              : ngx_http_get_module_ctx(r, ngx_http_registry_module);

    if (ctx == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->page.len != 0) {
        return ngx_http_registry_page_send(r, ctx, in);
    }

    if (rlcf->ref == NULL) {
        return ngx_http_next_body_filter(r, in);
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
