/*
 * Reading a request: target, headers, query, address.  Nothing here looks at
 * the database.
 */

#include <string.h>

#include "api/machine.h"
#include "core/encode.h"

/*
 * RFC 9112 section 3.2: origin-form "/path?query" or, as clients of a proxy
 * send it, absolute-form "http://host/path?query", whose host is ignored.
 */
cr_err_t
cr_target_split(cr_ctx_t *cx, cr_str_t target, cr_str_t *ret_path,
                cr_str_t *ret_query)
{
    ptrdiff_t pos;
    cr_str_t  path;

    if (target.len > CR_TARGET_MAX) {
        return cr_fail(cx, CR_ERR_URI_TOO_LONG, NULL);
    }

    path = target;

    if (path.len == 0 || path.data[0] != '/') {
        const char *http = "http://", *https = "https://";
        size_t      skip = 0;

        if (path.len >= strlen(http)
            && cr_str_case_eq(cr_str_slice(path, 0, strlen(http)),
                              cr_str_z(http)))
        {
            skip = strlen(http);

        } else if (path.len >= strlen(https)
                   && cr_str_case_eq(cr_str_slice(path, 0, strlen(https)),
                                     cr_str_z(https)))
        {
            skip = strlen(https);
        }

        if (skip == 0) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST, "bad request target");
        }

        path = cr_str_slice(path, skip, path.len);
        pos = cr_str_chr(path, '/');
        path =
            pos < 0 ? CR_STR("/") : cr_str_slice(path, (size_t) pos, path.len);
    }

    pos = cr_str_chr(path, '?');

    if (pos < 0) {
        *ret_path = path;
        *ret_query = CR_STR_NULL;

    } else {
        *ret_path = cr_str_slice(path, 0, (size_t) pos);
        *ret_query = cr_str_slice(path, (size_t) pos + 1, path.len);
    }

    return CR_OK;
}

cr_err_t
cr_form_parse(cr_ctx_t *cx, cr_str_t text, cr_header_t *list, size_t max,
              size_t *ret_n)
{
    size_t   n = 0;
    cr_str_t part;

    while (text.len != 0 && cr_str_split(&text, '&', &part)) {
        ptrdiff_t eq;
        cr_str_t  name, value;

        if (part.len == 0) {
            continue;
        }

        if (n == max) {
            return cr_fail(cx, CR_ERR_URI_TOO_LONG, "more than %zu parameters",
                           max);
        }

        eq = cr_str_chr(part, '=');
        name = eq < 0 ? part : cr_str_slice(part, 0, (size_t) eq);
        value =
            eq < 0 ? CR_STR("") : cr_str_slice(part, (size_t) eq + 1, part.len);

        CR_TRY(cr_pct_decode(cx, name, true, &list[n].name));
        CR_TRY(cr_pct_decode(cx, value, true, &list[n].value));
        n++;
    }

    *ret_n = n;

    return CR_OK;
}

cr_str_t
cr_request_header(const cr_exchange_t *x, const char *name)
{
    cr_str_t            want = cr_str_z(name);
    const cr_request_t *r = &x->request;

    for (size_t i = 0; i < r->nheaders; i++) {
        if (cr_str_case_eq(r->headers[i].name, want)) {
            return r->headers[i].value;
        }
    }

    return CR_STR_NULL;
}

size_t
cr_request_header_count(const cr_exchange_t *x, const char *name)
{
    size_t              n = 0;
    cr_str_t            want = cr_str_z(name);
    const cr_request_t *r = &x->request;

    for (size_t i = 0; i < r->nheaders; i++) {
        if (cr_str_case_eq(r->headers[i].name, want)) {
            n++;
        }
    }

    return n;
}

bool
cr_query_get(const cr_exchange_t *x, const char *name, size_t n,
             cr_str_t *ret_value)
{
    const cr_exchange_state_t *st = x->state;

    for (size_t i = 0; i < st->nparams; i++) {
        if (!cr_str_eq_z(st->params[i].name, name)) {
            continue;
        }

        if (n == 0) {
            *ret_value = st->params[i].value;
            return true;
        }

        n--;
    }

    return false;
}

cr_err_t
cr_query_one(cr_exchange_t *x, const char *name, cr_err_t err,
             cr_str_t *ret_value)
{
    cr_str_t value, second;

    if (!cr_query_get(x, name, 0, &value)) {
        *ret_value = CR_STR_NULL;
        return CR_OK;
    }

    if (cr_query_get(x, name, 1, &second)) {
        return cr_fail(&x->cx, err, "parameter %s is given twice", name);
    }

    *ret_value = value;

    return CR_OK;
}

bool
cr_request_none_match(const cr_exchange_t *x, cr_str_t digest)
{
    cr_str_t tag, list = cr_request_header(x, "If-None-Match");

    while (list.len != 0 && cr_str_split(&list, ',', &tag)) {
        tag = cr_str_trim(tag);

        if (cr_str_eq_z(tag, "*")) {
            return true;
        }

        if (cr_str_starts(tag, CR_STR("W/"))) {
            tag = cr_str_slice(tag, 2, tag.len);
        }

        if (tag.len >= 2 && tag.data[0] == '"' && tag.data[tag.len - 1] == '"')
        {
            tag = cr_str_slice(tag, 1, tag.len - 1);
        }

        if (cr_str_eq(tag, digest)) {
            return true;
        }
    }

    return false;
}

/* Is it safe inside a quoted header value? */
static bool
cr_host_valid(cr_str_t host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || (c != '\0' && strchr(".:-_[]", c) != NULL)))
        {
            return false;
        }
    }

    return host.len != 0;
}

cr_str_t
cr_api_base_url(cr_exchange_t *x)
{
    const cr_api_conf_t *conf = cr_api_conf(x->api);
    cr_str_t             host = x->request.host;

    if (conf->public_url.len != 0) {
        return conf->public_url;
    }

    if (!cr_host_valid(host)) {
        host = CR_STR("localhost"); /* HTTP/1.0 without Host */
    }

    return cr_printf(&x->cx, "%s://%.*s",
                     cr_str_eq_z(x->request.scheme, "https") ? "https" : "http",
                     CR_STR_ARG(host));
}
