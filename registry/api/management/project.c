/*
 * Projects: lists, creation, change, deletion, summary, metadata.  A list
 * shows what the caller may see; of the metadata only "public" means
 * anything here, the rest is kept as it was given.
 */

#include "api/management/management.h"
#include "meta/member.h"
#include "meta/project.h"
#include "meta/setting.h"

/* What Harbor knows; other names are refused. */
static const char *const cr_mgmt_metadata_names[] = {
    "public",
    "enable_content_trust",
    "enable_content_trust_cosign",
    "prevent_vul",
    "severity",
    "auto_scan",
    "auto_sbom_generation",
    "reuse_sys_cve_allowlist",
    "retention_id",
    "proxy_speed_kb",
    "max_upstream_conn",
    "proxy_cache_local_on_not_found",
    "proxy_referrer_api",
    "proxy_cache_filter_pattern",
    "proxy_cache_filter_kind",
};

static bool
cr_mgmt_metadata_known(cr_str_t name)
{
    for (size_t i = 0; i < CR_NELTS(cr_mgmt_metadata_names); i++) {
        if (cr_str_eq_z(name, cr_mgmt_metadata_names[i])) {
            return true;
        }
    }

    return false;
}

/* --- writing ----------------------------------------------------------- */

static void
cr_mgmt_project_write(cr_writer_t *w, const cr_project_t *p, int role,
                      const cr_project_metadata_t *meta, size_t nmeta)
{
    cr_writer_object(w, NULL);
    cr_writer_int(w, "project_id", p->id);
    cr_writer_str(w, "name", p->name);
    cr_writer_int(w, "owner_id", p->owner_id);
    cr_writer_str(w, "owner_name", p->owner_name);
    cr_writer_bool(w, "deleted", false);
    cr_writer_bool(w, "togglable", p->declared.len == 0);
    cr_writer_int(w, "current_user_role_id", role);
    cr_writer_array(w, "current_user_role_ids");

    if (role != 0) {
        cr_writer_int(w, NULL, role);
    }

    cr_writer_array_end(w);
    cr_writer_int(w, "repo_count", p->repositories);
    cr_writer_time(w, "creation_time", p->created_at);
    cr_writer_time(w, "update_time", p->updated_at);
    cr_writer_object(w, "metadata");
    cr_writer_z(w, "public", p->is_public ? "true" : "false");

    for (size_t i = 0; i < nmeta; i++) {
        cr_writer_key(w, meta[i].name);
        cr_writer_str(w, NULL, meta[i].value);
    }

    cr_writer_object_end(w);
    cr_writer_str_opt(w, "x_declared", p->declared);
    cr_writer_z(w, "x_write", p->replication ? "replication" : "all");
    cr_writer_object_end(w);
}

int
cr_mgmt_project_role(const cr_exchange_t *x, int role)
{
    return role == 0 && cr_authorise_system(x, CR_PERM_ADMIN)
               ? CR_ROLE_PROJECT_ADMIN
               : role;
}

/* --- lists ------------------------------------------------------------- */

/* "true" or "false" of q=public=...; -1 when it is not asked for. */
static cr_err_t
cr_mgmt_project_public(cr_exchange_t *x, const cr_q_t *q, int *ret_public)
{
    bool     is_public = false;
    cr_str_t text;

    CR_TRY(cr_q_beside(x, q, "public", &text));
    CR_TRY(cr_q_exact(&x->cx, q, "public", &text));

    if (text.len != 0) {
        *ret_public = cr_str_eq_z(text, "true") || cr_str_eq_z(text, "1");
        return CR_OK;
    }

    if (cr_query_get(x, "public", 0, &text) && text.len != 0) {
        CR_TRY(cr_query_bool(x, "public", &is_public));
        *ret_public = is_public;
    }

    return CR_OK;
}

static cr_err_t
cr_mgmt_project_filter(cr_exchange_t *x, cr_project_filter_t *f)
{
    static const cr_sort_name_t names[] = {
        { "name", CR_PROJECT_BY_NAME },
        { "creation_time", CR_PROJECT_BY_CREATION },
        { "update_time", CR_PROJECT_BY_UPDATE },
        { "project_id", CR_PROJECT_BY_ID },
    };
    static const char *const keys[] = { "name",     "public",     "owner",
                                        "owner_id", "project_id", NULL };

    int      sort = CR_PROJECT_BY_NAME;
    cr_q_t   q;
    cr_str_t name, owner;

    CR_TRY(cr_q_parse(x, keys, &q));
    CR_TRY(cr_q_any(&x->cx, &q, "name", &f->names, &f->name_like));
    CR_TRY(cr_q_id(&x->cx, &q, "owner_id", &f->owner_id));
    CR_TRY(cr_q_id(&x->cx, &q, "project_id", &f->id));

    CR_TRY(cr_q_beside(x, &q, "name", &name));
    CR_TRY(cr_q_exact(&x->cx, &q, "owner", &f->owner));
    CR_TRY(cr_q_beside(x, &q, "owner", &owner));

    f->name_like = name.len != 0 ? name : f->name_like;
    f->owner = owner.len != 0 ? owner : f->owner;

    cr_sort_parse(x, names, CR_NELTS(names), &sort, &f->descending);
    f->sort = (cr_project_sort_e) sort;

    return cr_mgmt_project_public(x, &q, &f->is_public);
}

/* HEAD /projects?project_name=X: does it exist, for who may see it? */
static cr_err_t
cr_mgmt_project_head(cr_exchange_t *x, cr_str_t name)
{
    bool      allowed;
    cr_name_t n = { .project = name };

    CR_TRY(cr_authorise_name(x, &n, CR_PERM_PROJECT_READ, &allowed));

    if (allowed && x->state->identity.admin) {
        cr_project_t p;

        CR_TRY(
            cr_project_by_name(&x->cx, cr_api_opened(x->api)->meta, name, &p));
    }

    if (!allowed) {
        return cr_fail(&x->cx, CR_ERR_NOT_FOUND, "project not found");
    }

    CR_TRY(cr_response_header(x, "X-Total-Count", CR_STR("1")));

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_project_list(cr_exchange_t *x)
{
    size_t               n;
    int64_t              total;
    cr_str_t             body, name;
    cr_paging_t          page;
    cr_writer_t          w;
    cr_project_t        *rows;
    cr_visibility_t      vis = cr_mgmt_visibility(x);
    cr_project_filter_t  f = { .is_public = -1 };
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (x->state->head && cr_query_get(x, "project_name", 0, &name)) {
        return cr_mgmt_project_head(x, name);
    }

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_mgmt_project_filter(x, &f));
    CR_TRY(cr_project_page(&x->cx, o->meta, &vis, &f, page.offset,
                           (size_t) page.size, &rows, &n, &total));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        cr_mgmt_project_write(&w, &rows[i],
                              cr_mgmt_project_role(x, rows[i].role), NULL, 0);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, total, body);
}

/* --- one --------------------------------------------------------------- */

cr_err_t
cr_mgmt_project_get(cr_exchange_t *x)
{
    size_t                 n;
    int64_t                id = x->state->access.project_id;
    cr_str_t               body;
    cr_writer_t            w;
    cr_project_t           p;
    cr_project_metadata_t *meta;
    const cr_api_open_t   *o = cr_api_opened(x->api);

    CR_TRY(cr_project_by_id(&x->cx, o->meta, id, &p));
    CR_TRY(cr_project_metadata_list(&x->cx, o->meta, id, &meta, &n));

    cr_writer_init(&w, &x->cx);
    cr_mgmt_project_write(&w, &p,
                          cr_mgmt_project_role(x, x->state->access.role), meta,
                          n);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

/* "public" of the metadata (a string there) or beside it; -1: neither. */
static cr_err_t
cr_mgmt_project_read_public(cr_exchange_t *x, const json_t *obj,
                            const json_t *meta, int *ret_public)
{
    bool     is_public = false;
    cr_str_t text = CR_STR_NULL;

    if (meta != NULL) {
        CR_TRY(cr_mgmt_str(x, meta, "public", &text));
    }

    if (text.len != 0) {
        *ret_public = cr_str_eq_z(text, "true");

        if (!*ret_public && !cr_str_eq_z(text, "false")) {
            return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                           "public: \"true\" or \"false\" expected");
        }

        return CR_OK;
    }

    if (obj != NULL && json_object_get(obj, "public") != NULL) {
        CR_TRY(cr_mgmt_bool(x, obj, "public", &is_public));
        *ret_public = is_public;
    }

    return CR_OK;
}

/*
 * All members but "public": those that are known come out, values must be
 * strings.
 */
static cr_err_t
cr_mgmt_project_read_metadata(cr_exchange_t *x, json_t *meta,
                              const cr_project_metadata_t **ret_rows,
                              size_t                       *ret_n)
{
    size_t                 n = 0;
    json_t                *value;
    const char            *key;
    cr_str_t               text;
    cr_project_metadata_t *rows;

    rows = cr_alloc(&x->cx, CR_NELTS(cr_mgmt_metadata_names) * sizeof(*rows));

    if (rows == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    json_object_foreach(meta, key, value)
    {
        text = CR_STR_NULL;
        CR_TRY(cr_mgmt_str(x, meta, key, &text));

        if (!cr_str_eq_z(cr_str_z(key), "public") && !json_is_null(value)
            && cr_mgmt_metadata_known(cr_str_z(key)))
        {
            rows[n++] = (cr_project_metadata_t){ cr_str_z(key), text };
        }
    }

    *ret_rows = rows;
    *ret_n = n;

    return CR_OK;
}

/* --- creation ---------------------------------------------------------- */

/* project_creation_restriction: everyone who is logged in, or adminonly. */
static cr_err_t
cr_mgmt_project_may_create(cr_exchange_t *x)
{
    cr_str_t             who = CR_STR_NULL;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (cr_authorise_system(x, CR_PERM_SYSTEM_PROJECT_CREATE)) {
        return CR_OK;
    }

    CR_TRY(cr_setting_get(&x->cx, o->meta, CR_SETTING_PROJECT_CREATION, &who));

    if (!cr_authorise_system(x, CR_PERM_LOGIN)
        || x->state->identity.kind != CR_IDENTITY_USER
        || cr_str_eq_z(who, "adminonly"))
    {
        return cr_authorise_refuse(x);
    }

    return CR_OK;
}

cr_err_t
cr_mgmt_project_create(cr_exchange_t *x)
{
    int                  is_public = -1;
    json_t              *obj, *meta;
    int64_t              id, registry = 0;
    cr_audit_who_t       who = cr_api_who(x);
    cr_project_new_t     p = { .storage_limit = 0 };
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_project_may_create(x));
    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_str(x, obj, "project_name", &p.name));
    CR_TRY(cr_mgmt_int(x, obj, "registry_id", &registry));
    CR_TRY(cr_mgmt_int(x, obj, "storage_limit", &p.storage_limit));
    CR_TRY(cr_mgmt_object(x, obj, "metadata", &meta));
    CR_TRY(cr_mgmt_project_read_metadata(x, meta, &p.metadata, &p.nmetadata));
    CR_TRY(cr_mgmt_project_read_public(x, obj, meta, &is_public));

    if (registry != 0) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "registry_id: proxy projects are not supported");
    }

    if (p.storage_limit < -1
        || (p.storage_limit == 0
            && json_is_integer(json_object_get(obj, "storage_limit"))))
    {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "storage_limit: -1 or a positive number expected");
    }

    if (!cr_authorise_system(x, CR_PERM_ADMIN)) {
        p.storage_limit = 0; /* as Harbor: only administrators set it */
    }

    p.is_public = is_public == 1;
    CR_TRY(cr_project_create(&x->cx, o->meta, &p, &who, &id));

    if (cr_str_case_eq(cr_request_header(x, "X-Resource-Name-In-Location"),
                       CR_STR("true")))
    {
        return cr_mgmt_created_text(x, p.name);
    }

    return cr_mgmt_created(x, id);
}

/* --- change and deletion ----------------------------------------------- */

cr_err_t
cr_mgmt_project_update(cr_exchange_t *x)
{
    int                  is_public = -1;
    bool                 on;
    json_t              *obj, *meta;
    int64_t              id = x->state->access.project_id;
    cr_audit_who_t       who = cr_api_who(x);
    cr_project_set_t     set = { .is_public = NULL };
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_object(x, obj, "metadata", &meta));
    CR_TRY(
        cr_mgmt_project_read_metadata(x, meta, &set.metadata, &set.nmetadata));
    CR_TRY(cr_mgmt_project_read_public(x, obj, meta, &is_public));

    if (is_public >= 0) {
        on = is_public == 1;
        set.is_public = &on;
    }

    if (set.is_public != NULL || set.nmetadata != 0) {
        CR_TRY(cr_project_set(&x->cx, o->meta, id, &set, &who));
    }

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_project_delete(cr_exchange_t *x)
{
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(
        cr_project_delete(&x->cx, o->meta, x->state->access.project_id, &who));

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_project_deletable(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_str_t             body, why = CR_STR("");
    cr_writer_t          w;
    const cr_api_open_t *o = cr_api_opened(x->api);

    err = cr_project_deletable(&x->cx, o->meta, x->state->access.project_id);

    if (err == CR_ERR_PRECONDITION || err == CR_ERR_CONFLICT
        || err == CR_ERR_FORBIDDEN)
    {
        why = x->cx.message;
        cr_clear(&x->cx);

    } else if (err != CR_OK) {
        return err;
    }

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);
    cr_writer_bool(&w, "deletable", err == CR_OK);
    cr_writer_str(&w, "message", why);
    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

cr_err_t
cr_mgmt_project_summary(cr_exchange_t *x)
{
    int64_t              id = x->state->access.project_id;
    int64_t              counts[CR_ROLE_MAX] = { 0 };
    cr_str_t             body;
    cr_writer_t          w;
    cr_project_t         p;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_project_by_id(&x->cx, o->meta, id, &p));

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);
    cr_writer_int(&w, "repo_count", p.repositories);

    if (cr_authorise_may(x, &x->state->access, CR_PERM_MEMBER_LIST)) {
        CR_TRY(cr_member_roles(&x->cx, o->meta, id, counts));
        cr_writer_int(&w, "project_admin_count", counts[CR_ROLE_PROJECT_ADMIN]);
        cr_writer_int(&w, "maintainer_count", counts[CR_ROLE_MAINTAINER]);
        cr_writer_int(&w, "developer_count", counts[CR_ROLE_DEVELOPER]);
        cr_writer_int(&w, "guest_count", counts[CR_ROLE_GUEST]);
        cr_writer_int(&w, "limited_guest_count", counts[CR_ROLE_LIMITED_GUEST]);
    }

    if (cr_authorise_may(x, &x->state->access, CR_PERM_QUOTA_READ)) {
        cr_writer_object(&w, "quota");
        cr_writer_object(&w, "hard");
        cr_writer_int(&w, "storage", p.storage_limit);
        cr_writer_object_end(&w);
        cr_writer_object(&w, "used");
        cr_writer_int(&w, "storage", p.storage_used);
        cr_writer_object_end(&w);
        cr_writer_object_end(&w);
    }

    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

/* --- metadata ---------------------------------------------------------- */

/* One name, or all of them; NOT_FOUND when it has no value. */
static cr_err_t
cr_mgmt_metadata_respond(cr_exchange_t *x, cr_str_t only)
{
    bool                   found = false;
    size_t                 n;
    int64_t                id = x->state->access.project_id;
    cr_str_t               body;
    cr_writer_t            w;
    cr_project_t           p;
    cr_project_metadata_t *meta;
    const cr_api_open_t   *o = cr_api_opened(x->api);

    CR_TRY(cr_project_by_id(&x->cx, o->meta, id, &p));
    CR_TRY(cr_project_metadata_list(&x->cx, o->meta, id, &meta, &n));

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);

    if (only.len == 0 || cr_str_eq_z(only, "public")) {
        cr_writer_z(&w, "public", p.is_public ? "true" : "false");
        found = true;
    }

    for (size_t i = 0; i < n; i++) {
        if (only.len == 0 || cr_str_eq(only, meta[i].name)) {
            cr_writer_key(&w, meta[i].name);
            cr_writer_str(&w, NULL, meta[i].value);
            found = true;
        }
    }

    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    if (!found) {
        return cr_fail(&x->cx, CR_ERR_NOT_FOUND, "metadata not found");
    }

    return cr_respond_json(x, 200, body);
}

cr_err_t
cr_mgmt_metadata_list(cr_exchange_t *x)
{
    return cr_mgmt_metadata_respond(x, CR_STR_NULL);
}

cr_err_t
cr_mgmt_metadata_get(cr_exchange_t *x)
{
    return cr_mgmt_metadata_respond(x, cr_path_part(x, "meta_name"));
}

/* The one member of the body; name: which it must be (empty: any known). */
static cr_err_t
cr_mgmt_metadata_body(cr_exchange_t *x, cr_str_t name, cr_str_t *ret_name,
                      cr_str_t *ret_value)
{
    json_t     *obj, *value;
    const char *key;

    *ret_name = CR_STR_NULL;
    *ret_value = CR_STR_NULL;
    CR_TRY(cr_mgmt_body(x, &obj));

    json_object_foreach(obj, key, value)
    {
        if (name.len != 0 && !cr_str_eq(name, cr_str_z(key))) {
            continue; /* unknown members are ignored */
        }

        if (!cr_mgmt_metadata_known(cr_str_z(key))) {
            continue;
        }

        if (ret_name->len != 0) {
            return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                           "one metadata at a time, please");
        }

        (void) value;
        CR_TRY(cr_mgmt_str(x, obj, key, ret_value));
        *ret_name = cr_str_z(key);
    }

    if (ret_value->data == NULL) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "the body must have a metadata name and its value");
    }

    return CR_OK;
}

static cr_err_t
cr_mgmt_metadata_store(cr_exchange_t *x, cr_str_t name, cr_str_t value)
{
    bool                 on = cr_str_eq_z(value, "true");
    int64_t              id = x->state->access.project_id;
    cr_audit_who_t       who = cr_api_who(x);
    cr_project_set_t     set = { .is_public = &on };
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (!cr_str_eq_z(name, "public")) {
        return cr_project_metadata_set(&x->cx, o->meta, id, name, value, &who);
    }

    if (!on && !cr_str_eq_z(value, "false")) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "public: \"true\" or \"false\" expected");
    }

    return cr_project_set(&x->cx, o->meta, id, &set, &who);
}

cr_err_t
cr_mgmt_metadata_add(cr_exchange_t *x)
{
    size_t                 n;
    cr_str_t               name, value;
    cr_project_metadata_t *meta;
    const cr_api_open_t   *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_metadata_body(x, CR_STR_NULL, &name, &value));
    CR_TRY(cr_project_metadata_list(&x->cx, o->meta,
                                    x->state->access.project_id, &meta, &n));

    for (size_t i = 0; i < n; i++) {
        if (cr_str_eq(meta[i].name, name)) {
            return cr_fail(&x->cx, CR_ERR_EXISTS, "metadata exists already");
        }
    }

    CR_TRY(cr_mgmt_metadata_store(x, name, value));

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_metadata_update(cr_exchange_t *x)
{
    cr_str_t name, value;

    CR_TRY(
        cr_mgmt_metadata_body(x, cr_path_part(x, "meta_name"), &name, &value));
    CR_TRY(cr_mgmt_metadata_store(x, name, value));

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_metadata_delete(cr_exchange_t *x)
{
    cr_str_t             name = cr_path_part(x, "meta_name");
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (cr_str_eq_z(name, "public")) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "public: every project has it");
    }

    CR_TRY(cr_project_metadata_set(&x->cx, o->meta, x->state->access.project_id,
                                   name, CR_STR_NULL, &who));

    return cr_respond_empty(x, 200);
}
