/*
 * remote_user: the name of a caller whom nginx itself has authenticated, by
 * a client certificate, by auth_request, or by anything else that sets a
 * variable.  Names that a client writes down are refused when nginx.conf is
 * read; what stands behind a map or a set is the site's to answer for.
 */

#include "ngx_http_registry.h"

static const char *ngx_http_registry_remote_refused(ngx_str_t *name);


/*
 * Variables that hold what the client sent.  $remote_user is the name of a
 * Basic header whether or not anybody has looked at the password, and the
 * subject of a client certificate is set even when its check failed.
 */
static const struct {
    ngx_str_t   name;
    ngx_uint_t  prefix;
    const char *why;
} ngx_http_registry_remote_names[] = {
    { ngx_string("remote_user"), 0,
      "is the name in the client's Authorization header" },
    { ngx_string("http_"), 1, "is a header that the client sends" },
    { ngx_string("arg_"), 1, "is an argument that the client sends" },
    { ngx_string("cookie_"), 1, "is a cookie that the client sends" },
    { ngx_string("args"), 0, "is what the client sends" },
    { ngx_string("query_string"), 0, "is what the client sends" },
    { ngx_string("request"), 1, "is what the client sends" },
    { ngx_string("uri"), 0, "is what the client sends" },
    { ngx_string("document_uri"), 0, "is what the client sends" },
    { ngx_string("host"), 0, "is what the client sends" },
    { ngx_string("content_type"), 0, "is what the client sends" },
    { ngx_string("content_length"), 0, "is what the client sends" },
    { ngx_string("uid_got"), 0, "is a cookie that the client sends" },
    { ngx_string("ssl_server_name"), 0, "is what the client sends" },
    { ngx_string("proxy_protocol_"), 1, "is what the peer sends" },
    { ngx_string("registry_user"), 0, "is made from the request" },
    { ngx_string("registry_project"), 0, "is made from the request" },
    { ngx_string("registry_repository"), 0, "is made from the request" },
    { ngx_string("registry_reference"), 0, "is made from the request" },
    { ngx_string("registry_digest"), 0, "is made from the request" },
    { ngx_string("ssl_client_"), 1,
      "is set whether or not the certificate was verified: use a map that "
      "asks for $ssl_client_verify = SUCCESS" },
};


static const char *
ngx_http_registry_remote_refused(ngx_str_t *name)
{
    size_t     i;
    ngx_str_t *n;

    for (i = 0; i < CR_NELTS(ngx_http_registry_remote_names); i++) {
        n = (ngx_str_t *) &ngx_http_registry_remote_names[i].name;

        if (name->len >= n->len
            && (ngx_http_registry_remote_names[i].prefix
                || name->len == n->len)
            && ngx_strncasecmp(name->data, n->data, n->len) == 0)
        {
            return ngx_http_registry_remote_names[i].why;
        }
    }

    return NULL;
}


char *
ngx_http_registry_remote_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_loc_conf_t *rlcf = conf;

    size_t      i;
    u_char      c;
    ngx_str_t  *value, name;
    const char *why;

    if (rlcf->remote_user != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    name = value[1];

    if (name.len < 2 || name.data[0] != '$') {
        return "needs a variable";
    }

    name.data++;
    name.len--;

    if (name.len > 2 && name.data[0] == '{' && name.data[name.len - 1] == '}') {
        name.data++;
        name.len -= 2;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '_'))
        {
            return "needs one variable and nothing else";
        }
    }

    why = ngx_http_registry_remote_refused(&name);

    if (why != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "remote_user cannot trust \"$%V\": it %s", &name,
                           why);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {
        if (ngx_strcmp(value[2].data, "create") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "remote_user has no parameter \"%V\"",
                               &value[2]);
            return NGX_CONF_ERROR;
        }

        rlcf->remote_user_create = 1;
    }

    rlcf->remote_user = ngx_http_get_variable_index(cf, &name);

    return rlcf->remote_user == NGX_ERROR ? NGX_CONF_ERROR : NGX_CONF_OK;
}


ngx_int_t
ngx_http_registry_remote_get(ngx_http_request_t *r, cr_request_t *req)
{
    ngx_http_variable_value_t    *v;
    ngx_http_registry_loc_conf_t *rlcf;

    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_registry_module);

    if (rlcf->remote_user == NGX_CONF_UNSET) {
        return NGX_OK;
    }

    v = ngx_http_get_indexed_variable(r, (ngx_uint_t) rlcf->remote_user);

    if (v == NULL) {
        return NGX_ERROR;
    }

    if (!v->not_found && v->len != 0) {
        req->remote_user = (cr_str_t) { v->len, (char *) v->data };
        req->remote_user_create = rlcf->remote_user_create == 1;
    }

    return NGX_OK;
}
