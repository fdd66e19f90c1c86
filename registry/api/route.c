/*
 * The matcher of the route table, whose rows stand in route_v2.c and
 * route_api.c.  It works on the request target as the client sent it.
 *
 * Below /v2/ a name is what stands between "/v2/" and the last fixed part,
 * so a repository may have components named blobs, manifests, tags, uploads
 * or referrers.  Below /api/ a pattern is matched component by component,
 * and the components are decoded afterwards: a repository comes there as one
 * component, encoded twice.
 */

#include <string.h>

#include "api/handlers.h"
#include "api/machine.h"
#include "core/encode.h"

/* clang-format off */
static const char *const cr_handler_names[] = {
    "none", "base", "manifest", "blob", "blob_upload", "blob_upload_chunk",
    "tags", "referrers", "catalog", "token", "health", "metrics", "api", "login",
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
    /* below /api/, raw */
    cr_header_t parts[CR_PATH_PARTS_MAX];
    size_t      nparts;
} cr_route_parts_t;

static const cr_route_set_t *
cr_route_set(const cr_exchange_t *x)
{
    return x->state->api ? &cr_routes_api : &cr_routes_v2;
}

/* Patterns are "fixed", or "/v2/{name}" fixed, or that and "{last}". */
static bool
cr_pattern_match_v2(const char *z_pattern, cr_str_t path, cr_route_parts_t *p)
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

/*
 * Component by component: "{part}" takes one that is not empty.  One slash at
 * the end of the path is ignored.
 */
static bool
cr_pattern_match_api(const char *z_pattern, cr_str_t path, cr_route_parts_t *p)
{
    cr_str_t want, have, pattern = cr_str_z(z_pattern);

    p->nparts = 0;

    if (path.len > 1 && path.data[path.len - 1] == '/') {
        path.len--;
    }

    while (cr_str_split(&pattern, '/', &want)) {
        if (!cr_str_split(&path, '/', &have)) {
            return false;
        }

        if (want.len == 0 || want.data[0] != '{') {
            if (!cr_str_eq(want, have)) {
                return false;
            }

            continue;
        }

        if (have.len == 0 || p->nparts == CR_PATH_PARTS_MAX) {
            return false;
        }

        p->parts[p->nparts].name = cr_str_slice(want, 1, want.len - 1);
        p->parts[p->nparts].value = have;
        p->nparts++;
    }

    return path.data == NULL;
}

static bool
cr_pattern_match(const cr_route_set_t *set, const char *z_pattern,
                 cr_str_t path, cr_route_parts_t *p)
{
    memset(p, 0, sizeof(cr_route_parts_t));

    return set->api ? cr_pattern_match_api(z_pattern, path, p)
                    : cr_pattern_match_v2(z_pattern, path, p);
}

/*
 * The parts as the handlers see them: decoded, a repository's name twice
 * (Harbor's clients send "a%252Fb", as proxies decode once).
 */
static cr_err_t
cr_route_parts_decode(cr_exchange_t *x, const cr_route_parts_t *p)
{
    cr_exchange_state_t *st = x->state;

    for (size_t i = 0; i < p->nparts; i++) {
        cr_str_t name = p->parts[i].name;
        cr_str_t value = p->parts[i].value;

        CR_TRY(cr_pct_decode(&x->cx, value, false, &value));

        if (cr_str_eq_z(name, "repository")) {
            CR_TRY(cr_pct_decode(&x->cx, value, false, &value));
        }

        if (!cr_utf8_valid(value)) {
            return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                           "a part of the path is not UTF-8");
        }

        if (cr_str_eq_z(name, "project")) {
            st->project_text = value;
        }

        st->parts[i].name = name;
        st->parts[i].value = value;
    }

    st->nparts = p->nparts;

    return CR_OK;
}

/*
 * {project_name} and {repository} are a name as below /v2/.  NAME_INVALID.
 */
static cr_err_t
cr_route_parts_name(cr_exchange_t *x)
{
    cr_str_t             full, repository = cr_path_part(x, "repository");
    cr_exchange_state_t *st = x->state;

    st->name.project = cr_path_part(x, "project_name");

    if (repository.len == 0) {
        x->info.project = st->name.project;
        return CR_OK;
    }

    full = cr_printf(&x->cx, "%.*s/%.*s", CR_STR_ARG(st->name.project),
                     CR_STR_ARG(repository));

    if (full.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_name_parse(&x->cx, full, &st->name));
    x->info.project = st->name.project;
    x->info.repository = st->name.full;

    return CR_OK;
}

cr_str_t
cr_path_part(const cr_exchange_t *x, const char *name)
{
    const cr_exchange_state_t *st = x->state;

    for (size_t i = 0; i < st->nparts; i++) {
        if (cr_str_eq_z(st->parts[i].name, name)) {
            return st->parts[i].value;
        }
    }

    return CR_STR_NULL;
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
    cr_buf_t              b;
    cr_str_t              allow;
    cr_route_parts_t      parts;
    const cr_route_set_t *set = cr_route_set(x);

    cr_buf_init(&b, &x->cx, 256);

    for (size_t i = 0; i < set->n; i++) {
        const cr_route_t *r = &set->rows[i];

        if (!cr_pattern_match(set, r->pattern, path, &parts)
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
    bool                  known = false;
    cr_str_t              method = x->request.method;
    cr_route_parts_t      parts;
    cr_exchange_state_t  *st = x->state;
    const cr_route_set_t *set = cr_route_set(x);

    if (st->head) {
        method = CR_STR("GET");
    }

    for (size_t i = 0; i < set->n; i++) {
        const cr_route_t *r = &set->rows[i];

        if (!cr_pattern_match(set, r->pattern, st->path, &parts)) {
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
    cr_route_parts_t     parts = { 0 };
    cr_exchange_state_t *st = x->state;

    CR_TRY(cr_target_split(&x->cx, x->request.target, &st->path, &st->query));

    if (cr_str_eq_z(st->path, "/v2")) {
        st->path = CR_STR("/v2/");
    }

    st->v2 = cr_str_starts(st->path, CR_STR("/v2/"));
    st->api = cr_str_starts(st->path, CR_STR("/api/"));
    st->harbor = cr_api_is_harbor(st->path);

    if (st->v2) {
        CR_TRY(cr_path_check(&x->cx, st->path));
    }

    CR_TRY(cr_route_find(x, &parts));

    if ((st->route->flags & CR_ROUTE_DELETES)
        && !cr_api_conf(x->api)->delete_enabled)
    {
        return cr_route_refuse(x, true);
    }

    CR_TRY(cr_route_parts_decode(x, &parts));

    if (cr_path_part(x, "project_name").len != 0) {
        CR_TRY(cr_route_parts_name(x));
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
