/*
 * The variables $registry_*: what a request was about.  They are set once the
 * registry has answered: for log formats, and headers that are added to the
 * response.
 */

#include "ngx_http_registry.h"

static ngx_int_t ngx_http_registry_variable_str(ngx_http_request_t        *r,
                                                ngx_http_variable_value_t *v,
                                                uintptr_t data);
static ngx_int_t ngx_http_registry_variable_z(ngx_http_request_t        *r,
                                              ngx_http_variable_value_t *v,
                                              uintptr_t                  data);
static const cr_exchange_info_t *ngx_http_registry_info(ngx_http_request_t *r);
static void ngx_http_registry_variable_set(ngx_http_variable_value_t *v,
                                           cr_str_t                   s);

/* clang-format off */
static const ngx_http_variable_t ngx_http_registry_variables[] = {

    { ngx_string("registry_project"), NULL, ngx_http_registry_variable_str,
      offsetof(cr_exchange_info_t, project), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("registry_repository"), NULL, ngx_http_registry_variable_str,
      offsetof(cr_exchange_info_t, repository), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("registry_reference"), NULL, ngx_http_registry_variable_str,
      offsetof(cr_exchange_info_t, reference), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("registry_digest"), NULL, ngx_http_registry_variable_str,
      offsetof(cr_exchange_info_t, digest), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("registry_user"), NULL, ngx_http_registry_variable_str,
      offsetof(cr_exchange_info_t, user), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("registry_action"), NULL, ngx_http_registry_variable_z,
      offsetof(cr_exchange_info_t, action), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("registry_error"), NULL, ngx_http_registry_variable_z,
      offsetof(cr_exchange_info_t, error), NGX_HTTP_VAR_NOCACHEABLE, 0 },
};
/* clang-format on */


ngx_int_t
ngx_http_registry_add_variables(ngx_conf_t *cf)
{
    size_t                     i;
    ngx_str_t                  name;
    ngx_http_variable_t       *var;
    const ngx_http_variable_t *v;

    for (i = 0; i < CR_NELTS(ngx_http_registry_variables); i++) {
        v = &ngx_http_registry_variables[i];
        name = v->name;

        var = ngx_http_add_variable(cf, &name, v->flags);

        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_registry_variable_str(ngx_http_request_t        *r,
                               ngx_http_variable_value_t *v, uintptr_t data)
{
    const cr_exchange_info_t *info = ngx_http_registry_info(r);

    if (info == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_registry_variable_set(v, *(const cr_str_t *) ((const char *) info
                                                           + data));

    return NGX_OK;
}


static ngx_int_t
ngx_http_registry_variable_z(ngx_http_request_t        *r,
                             ngx_http_variable_value_t *v, uintptr_t data)
{
    const cr_exchange_info_t *info = ngx_http_registry_info(r);
    ngx_http_registry_ctx_t  *ctx = ngx_http_registry_get_ctx(r);

    if (ctx != NULL && ctx->page_error != NULL
        && data == offsetof(cr_exchange_info_t, error))
    {
        ngx_http_registry_variable_set(v, cr_str_z(ctx->page_error));
        return NGX_OK;
    }

    if (info == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_registry_variable_set(
        v, cr_str_z(*(const char *const *) ((const char *) info + data)));

    return NGX_OK;
}


static const cr_exchange_info_t *
ngx_http_registry_info(ngx_http_request_t *r)
{
    ngx_http_registry_ctx_t *ctx;

    ctx = ngx_http_registry_get_ctx(r->main);

    if (ctx == NULL || ctx->exchange == NULL || ctx->task_active) {
        return NULL;
    }

    return &ctx->exchange->info;
}


/* The exchange and its strings stay until the request's pool goes. */
static void
ngx_http_registry_variable_set(ngx_http_variable_value_t *v, cr_str_t s)
{
    if (s.len == 0) {
        v->not_found = 1;
        return;
    }

    v->data = (u_char *) s.data;
    v->len = (unsigned) (s.len & 0xfffffff);
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
}
