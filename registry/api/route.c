/*
 * THE route table: each endpoint is a row with its permission, so no handler
 * can forget it.  And the matcher, which works on the request target as the
 * client sent it: a name is what stands between "/v2/" and the last fixed
 * part, so a repository may have components named blobs, manifests, tags,
 * uploads or referrers.
 */

#include <string.h>

#include "api/handlers.h"
#include "api/machine.h"
#include "core/encode.h"

#define CR_TOKEN_BODY_MAX 65536

/* clang-format off */
static const cr_route_t cr_routes[] = {
/*    method   pattern                              handler              action
 *    permission         flags             body              body_max  where           first step */
    { "GET",    "/v2/",                             "base",              "ping",
      CR_PERM_PING,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_base },
    { "GET",    "/v2/_catalog",                     "catalog",           "list",
      CR_PERM_CATALOG,   0,                CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_catalog },
    { "GET",    "/v2/_oci/ext/discover",            "base",              "list",
      CR_PERM_PING,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_discover },
    { "GET",    "/v2/{name}/_oci/ext/discover",     "base",              "list",
      CR_PERM_PULL,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_discover },

    { "GET",    "/v2/{name}/manifests/{reference}", "manifest",          "pull",
      CR_PERM_PULL,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_manifest_get },
    { "PUT",    "/v2/{name}/manifests/{reference}", "manifest",          "push",
      CR_PERM_PUSH,      0,                CR_BODY_BUFFER, 0, CR_STEP_DB,     cr_v2_manifest_put },
    { "DELETE", "/v2/{name}/manifests/{reference}", "manifest",          "delete",
      CR_PERM_DELETE,    CR_ROUTE_DELETES, CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_manifest_delete },

    { "POST",   "/v2/{name}/blobs/uploads/",        "blob_upload",       "push",
      CR_PERM_PUSH,      0,                CR_BODY_STREAM, 0, CR_STEP_INLINE, cr_v2_upload_post },
    { "POST",   "/v2/{name}/blobs/uploads",         "blob_upload",       "push",
      CR_PERM_PUSH,      0,                CR_BODY_STREAM, 0, CR_STEP_INLINE, cr_v2_upload_post },
    { "GET",    "/v2/{name}/blobs/uploads/{id}",    "blob_upload",       "push",
      CR_PERM_PUSH,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_upload_get },
    { "PATCH",  "/v2/{name}/blobs/uploads/{id}",    "blob_upload_chunk", "push",
      CR_PERM_PUSH,      0,                CR_BODY_STREAM, 0, CR_STEP_INLINE, cr_v2_upload_patch },
    { "PUT",    "/v2/{name}/blobs/uploads/{id}",    "blob_upload_chunk", "push",
      CR_PERM_PUSH,      0,                CR_BODY_STREAM, 0, CR_STEP_INLINE, cr_v2_upload_put },
    { "DELETE", "/v2/{name}/blobs/uploads/{id}",    "blob_upload",       "delete",
      CR_PERM_PUSH,      CR_ROUTE_DELETES, CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_upload_delete },

    { "GET",    "/v2/{name}/blobs/{digest}",        "blob",              "pull",
      CR_PERM_PULL,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_blob_get },
    { "DELETE", "/v2/{name}/blobs/{digest}",        "blob",              "delete",
      CR_PERM_DELETE,    CR_ROUTE_DELETES, CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_blob_delete },

    { "GET",    "/v2/{name}/tags/list",             "tags",              "list",
      CR_PERM_PULL,      0,                CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_tag_list },
    { "GET",    "/v2/{name}/referrers/{digest}",    "referrers",         "list",
      CR_PERM_PULL,      0,                CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_referrers },

    { "GET",    "/service/token",                   "token",             "token",
      CR_PERM_OPEN,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_token_get },
    { "POST",   "/service/token",                   "token",             "token",
      CR_PERM_OPEN,      0,                CR_BODY_BUFFER, CR_TOKEN_BODY_MAX,
                                                              CR_STEP_INLINE, cr_token_post },

    { "GET",    "/healthz",                         "health",            "api",
      CR_PERM_OPEN,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_health_live },
    { "GET",    "/readyz",                          "health",            "api",
      CR_PERM_OPEN,      0,                CR_BODY_NONE,   0, CR_STEP_DB,     cr_health_ready },
    { "GET",    "/metrics",                         "metrics",           "api",
      CR_PERM_LOCAL_OR_ADMIN, 0,           CR_BODY_NONE,   0, CR_STEP_INLINE, cr_health_metrics },
};

static const char *const cr_handler_names[] = {
    "none", "base", "manifest", "blob", "blob_upload", "blob_upload_chunk",
    "tags", "referrers", "catalog", "token", "health", "metrics", "api",
};
/* clang-format on */

unsigned
cr_api_handler_count(void)
{
    return CR_NELTS(cr_handler_names);
}

const char *
cr_api_handler_name(unsigned i)
{
    return cr_handler_names[i < CR_NELTS(cr_handler_names) ? i : 0];
}

unsigned
cr_api_handler_index(const char *z_name)
{
    for (unsigned i = 0; i < CR_NELTS(cr_handler_names); i++) {
        if (strcmp(cr_handler_names[i], z_name) == 0) {
            return i;
        }
    }

    return 0;
}

typedef struct cr_route_parts_s {
    cr_str_t name;
    cr_str_t last; /* {reference}, {digest} or {id} */
} cr_route_parts_t;

/* Patterns are "fixed", or "/v2/{name}" fixed, or that and "{last}". */
static bool
cr_pattern_match(const char *z_pattern, cr_str_t path, cr_route_parts_t *p)
{
    ptrdiff_t pos;
    cr_str_t  fixed, pattern = cr_str_z(z_pattern);
    cr_str_t  head = CR_STR("/v2/{name}"), root = CR_STR("/v2/");

    p->name = CR_STR_NULL;
    p->last = CR_STR_NULL;

    if (!cr_str_starts(pattern, head)) {
        return cr_str_eq(pattern, path);
    }

    if (!cr_str_starts(path, root)) {
        return false;
    }

    path = cr_str_slice(path, root.len, path.len);
    fixed = cr_str_slice(pattern, head.len, pattern.len);
    pos = cr_str_chr(fixed, '{');

    if (pos >= 0) {
        fixed = cr_str_slice(fixed, 0, (size_t) pos);
        pos = cr_str_rchr(path, '/');

        if (pos < 0 || (size_t) pos + 1 == path.len) {
            return false;
        }

        p->last = cr_str_slice(path, (size_t) pos + 1, path.len);
        path = cr_str_slice(path, 0, (size_t) pos + 1);
    }

    if (path.len <= fixed.len || !cr_str_ends(path, fixed)) {
        return false;
    }

    p->name = cr_str_slice(path, 0, path.len - fixed.len);

    return true;
}

/* Below /v2/ nothing is decoded or merged: what could be is refused. */
static cr_err_t
cr_path_check(cr_ctx_t *cx, cr_str_t path)
{
    cr_str_t part, rest = cr_str_slice(path, sizeof("/v2/") - 1, path.len);

    if (cr_str_chr(path, '%') >= 0) {
        return cr_fail(cx, CR_ERR_NAME_INVALID,
                       "percent-encoding is not accepted in the path");
    }

    while (rest.len != 0 && cr_str_split(&rest, '/', &part)) {
        if (cr_str_eq_z(part, ".") || cr_str_eq_z(part, "..") || part.len == 0)
        {
            return cr_fail(cx, CR_ERR_NAME_INVALID,
                           "empty, \".\" or \"..\" path component");
        }
    }

    return CR_OK;
}

static cr_err_t
cr_route_parse_last(cr_exchange_t *x, cr_str_t last)
{
    cr_err_t             err;
    cr_exchange_state_t *st = x->state;
    const char          *pattern = st->route->pattern;

    st->reference_text = last;

    if (strstr(pattern, "{id}") != NULL) {
        if (!cr_uuid_valid(last)) {
            return cr_fail(&x->cx, CR_ERR_BLOB_UPLOAD_UNKNOWN, NULL);
        }

        return CR_OK;
    }

    if (strstr(pattern, "{digest}") != NULL) {
        CR_TRY(cr_digest_parse(&x->cx, last, &st->digest));
        x->info.digest = last;
        return CR_OK;
    }

    err = cr_reference_parse(&x->cx, last, &st->reference);

    if (err == CR_ERR_TAG_INVALID && strcmp(st->route->method, "PUT") != 0) {
        /* There cannot be such a tag: the specified answer is 404. */
        return cr_fail(&x->cx, CR_ERR_MANIFEST_UNKNOWN, NULL);
    }

    if (err == CR_OK) {
        x->info.reference = last;

        if (st->reference.is_digest) {
            x->info.digest = last;
        }
    }

    return err;
}

/* The methods of a path, as in "GET, HEAD, PUT"; deletion only if it is on. */
static cr_str_t
cr_route_allow(cr_exchange_t *x, cr_str_t path, bool delete_enabled)
{
    cr_buf_t         b;
    cr_str_t         allow;
    cr_route_parts_t parts;

    cr_buf_init(&b, &x->cx, 256);

    for (size_t i = 0; i < CR_NELTS(cr_routes); i++) {
        const cr_route_t *r = &cr_routes[i];

        if (!cr_pattern_match(r->pattern, path, &parts)
            || (!delete_enabled && (r->flags & CR_ROUTE_DELETES)))
        {
            continue;
        }

        if (b.len != 0) {
            cr_buf_z(&b, ", ");
        }

        cr_buf_z(&b, r->method);

        if (strcmp(r->method, "GET") == 0) {
            cr_buf_z(&b, ", HEAD");
        }
    }

    if (cr_buf_end(&b, &allow) != CR_OK) {
        return CR_STR_NULL;
    }

    return allow;
}

static cr_err_t
cr_route_refuse(cr_exchange_t *x, bool deletes)
{
    bool     on = cr_api_conf(x->api)->delete_enabled;
    cr_str_t allow = cr_route_allow(x, x->state->path, on);

    CR_TRY(cr_response_header(x, "Allow", allow));

    if (deletes) {
        return cr_fail(&x->cx, CR_ERR_UNSUPPORTED,
                       "deletion is switched off in this registry");
    }

    return cr_fail(&x->cx,
                   x->state->v2 ? CR_ERR_UNSUPPORTED
                                : CR_ERR_METHOD_NOT_ALLOWED,
                   "the method is not supported here: use %.*s",
                   CR_STR_ARG(allow));
}

static cr_err_t
cr_route_find(cr_exchange_t *x, cr_route_parts_t *ret_parts)
{
    bool                 known = false;
    cr_str_t             method = x->request.method;
    cr_route_parts_t     parts;
    cr_exchange_state_t *st = x->state;

    if (st->head) {
        method = CR_STR("GET");
    }

    for (size_t i = 0; i < CR_NELTS(cr_routes); i++) {
        const cr_route_t *r = &cr_routes[i];

        if (!cr_pattern_match(r->pattern, st->path, &parts)) {
            continue;
        }

        known = true;

        if (!cr_str_eq_z(method, r->method)) {
            x->info.handler = r->handler;
            continue;
        }

        st->route = r;
        x->info.handler = r->handler;
        x->info.handler_index = cr_api_handler_index(r->handler);
        x->info.action = r->action;

        if (st->head && strcmp(r->action, "pull") == 0) {
            x->info.action = "head";
        }

        *ret_parts = parts;

        return CR_OK;
    }

    x->info.handler_index = cr_api_handler_index(x->info.handler);

    if (known) {
        return cr_route_refuse(x, false);
    }

    return cr_fail(&x->cx, CR_ERR_NOT_FOUND, "no such endpoint");
}

cr_err_t
cr_route_match(cr_exchange_t *x)
{
    cr_route_parts_t     parts = { CR_STR_NULL, CR_STR_NULL };
    cr_exchange_state_t *st = x->state;

    CR_TRY(cr_target_split(&x->cx, x->request.target, &st->path, &st->query));

    st->v2 = cr_str_starts(st->path, CR_STR("/v2/"));

    if (st->v2) {
        CR_TRY(cr_path_check(&x->cx, st->path));
    }

    CR_TRY(cr_route_find(x, &parts));

    if ((st->route->flags & CR_ROUTE_DELETES)
        && !cr_api_conf(x->api)->delete_enabled)
    {
        return cr_route_refuse(x, true);
    }

    if (parts.name.len != 0) {
        CR_TRY(cr_name_parse(&x->cx, parts.name, &st->name));
        x->info.project = st->name.project;
        x->info.repository = st->name.full;
    }

    if (parts.last.len != 0) {
        CR_TRY(cr_route_parse_last(x, parts.last));
    }

    return cr_form_parse(&x->cx, st->query, st->params, CR_QUERY_MAX,
                         &st->nparams);
}
