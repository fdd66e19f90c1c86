/*
 * Users: lists, creation, profile, password, administrator flag, deletion,
 * and what the caller itself is and may do.  Hashing runs in the crypt pool;
 * a password is wiped with the request.
 */

#include "api/handlers.h"
#include "api/management/management.h"
#include "auth/password.h"
#include "core/encode.h"
#include "meta/setting.h"
#include "meta/user.h"

#define CR_MGMT_SEARCH_MAX 100

/* --- writing ----------------------------------------------------------- */

static void
cr_mgmt_user_write(cr_writer_t *w, const cr_user_t *u)
{
    cr_writer_object(w, NULL);
    cr_writer_int(w, "user_id", u->id);
    cr_writer_str(w, "username", u->name);
    cr_writer_str(w, "email", u->email);
    cr_writer_str(w, "realname", u->realname);
    cr_writer_str(w, "comment", u->comment);
    cr_writer_bool(w, "sysadmin_flag", u->admin);
    cr_writer_bool(w, "admin_role_in_auth", false);
    cr_writer_time(w, "creation_time", u->created_at);
    cr_writer_time(w, "update_time", u->updated_at);
    cr_writer_bool(w, "x_disabled", u->disabled);
    cr_writer_str_opt(w, "x_declared", u->declared);
    cr_writer_object_end(w);
}

static cr_err_t
cr_mgmt_user_respond(cr_exchange_t *x, const cr_user_t *u)
{
    cr_str_t    body;
    cr_writer_t w;

    cr_writer_init(&w, &x->cx);
    cr_mgmt_user_write(&w, u);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

/* --- lists ------------------------------------------------------------- */

cr_err_t
cr_mgmt_user_list(cr_exchange_t *x)
{
    static const cr_sort_name_t names[] = {
        { "username", CR_USER_BY_NAME },
        { "creation_time", CR_USER_BY_CREATION },
        { "user_id", CR_USER_BY_ID },
    };
    static const char *const keys[] = { "username", "email", "user_id", NULL };

    int                  sort = CR_USER_BY_NAME;
    size_t               n;
    int64_t              total;
    cr_q_t               q;
    cr_str_t             body;
    cr_paging_t          page;
    cr_user_t           *rows;
    cr_writer_t          w;
    cr_user_filter_t     f = { .descending = false };
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_q_parse(x, keys, &q));
    CR_TRY(cr_q_id(&x->cx, &q, "user_id", &f.id));
    CR_TRY(cr_q_text(&x->cx, &q, "username", &f.name, &f.name_like));
    CR_TRY(cr_q_text(&x->cx, &q, "email", &f.email, &f.email_like));
    cr_sort_parse(x, names, CR_NELTS(names), &sort, &f.descending);
    f.sort = (cr_user_sort_e) sort;

    CR_TRY(cr_user_page(&x->cx, o->meta, &f, page.offset, (size_t) page.size,
                        &rows, &n, &total));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        cr_mgmt_user_write(&w, &rows[i]);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, total, body);
}

/* For those who add members: names that begin so. */
cr_err_t
cr_mgmt_user_search(cr_exchange_t *x)
{
    size_t               n, first, last;
    cr_str_t             body, prefix;
    cr_paging_t          page;
    cr_user_t           *rows;
    cr_writer_t          w;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_query_one(x, "username", CR_ERR_BAD_REQUEST, &prefix));

    if (prefix.len == 0) {
        return cr_fail(&x->cx, CR_ERR_UNPROCESSABLE,
                       "username in query is required");
    }

    CR_TRY(
        cr_user_search(&x->cx, o->meta, prefix, CR_MGMT_SEARCH_MAX, &rows, &n));

    first = (size_t) page.offset < n ? (size_t) page.offset : n;
    last = first + (size_t) page.size < n ? first + (size_t) page.size : n;

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = first; i < last; i++) {
        cr_writer_object(&w, NULL);
        cr_writer_int(&w, "user_id", rows[i].id);
        cr_writer_str(&w, "username", rows[i].name);
        cr_writer_object_end(&w);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, (int64_t) n, body);
}

/* Administrators, and anyone where self_registration is on. */
static cr_err_t
cr_mgmt_user_may_create(cr_exchange_t *x)
{
    cr_str_t             on = CR_STR_NULL;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (cr_authorise_system(x, CR_PERM_SYSTEM_USER_CREATE)) {
        return CR_OK;
    }

    CR_TRY(cr_setting_get(&x->cx, o->meta, CR_SETTING_SELF_REGISTRATION, &on));

    return cr_str_eq_z(on, "true") ? CR_OK : cr_authorise_refuse(x);
}

/*
 * POST /c/userExists: is the name or the address taken?  For forms that make
 * users, and only for those who may make one.
 */
cr_err_t
cr_mgmt_user_exists(cr_exchange_t *x)
{
    size_t               n;
    int64_t              total;
    cr_str_t             type, target, value;
    cr_user_t           *rows;
    cr_user_filter_t     f = { .descending = false };
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (cr_mgmt_user_may_create(x) != CR_OK) {
        cr_clear(&x->cx);
        return cr_fail(&x->cx, CR_ERR_PRECONDITION, "self registration is off");
    }

    type = cr_media_type_bare(cr_request_header(x, "Content-Type"));

    if (!cr_str_case_eq(type, CR_STR("application/x-www-form-urlencoded"))) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "the body must be application/x-www-form-urlencoded");
    }

    CR_TRY(cr_form_parse(&x->cx, st->body, st->params, CR_QUERY_MAX,
                         &st->nparams));
    CR_TRY(cr_query_one(x, "target", CR_ERR_BAD_REQUEST, &target));
    CR_TRY(cr_query_one(x, "value", CR_ERR_BAD_REQUEST, &value));

    if (value.len == 0 || !cr_utf8_valid(value)) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "value: text expected");
    }

    if (cr_str_eq_z(target, "username")) {
        f.name = value;

    } else if (cr_str_eq_z(target, "email")) {
        f.email = value;

    } else {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "target: \"username\" or \"email\" expected");
    }

    CR_TRY(cr_user_page(&x->cx, o->meta, &f, 0, 1, &rows, &n, &total));

    return cr_respond_json(x, 200,
                           total != 0 ? CR_STR("true\n") : CR_STR("false\n"));
}

/* --- one --------------------------------------------------------------- */

cr_err_t
cr_mgmt_user_of_path(cr_exchange_t *x, cr_perm_e perm, cr_user_t *ret_u)
{
    bool                 self, valid;
    int64_t              id = 0;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    valid = cr_mgmt_id(x, "user_id", &id) == CR_OK;
    cr_clear(&x->cx);

    self = id != 0 && st->identity.kind == CR_IDENTITY_USER
           && st->identity.id == id && !st->bearer;

    if (!self && !cr_authorise_system(x, perm)) {
        return cr_authorise_refuse(x);
    }

    return valid ? cr_user_by_id(&x->cx, o->meta, id, ret_u)
                 : cr_mgmt_id(x, "user_id", &id);
}

cr_err_t
cr_mgmt_user_get(cr_exchange_t *x)
{
    cr_user_t u = { .id = 0 };

    CR_TRY(cr_mgmt_user_of_path(x, CR_PERM_SYSTEM_USER_READ, &u));

    return cr_mgmt_user_respond(x, &u);
}

cr_err_t
cr_mgmt_user_current(cr_exchange_t *x)
{
    cr_user_t            u;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (st->identity.kind != CR_IDENTITY_USER) {
        return cr_fail(&x->cx, CR_ERR_PRECONDITION,
                       "a robot account is not a user");
    }

    CR_TRY(cr_user_by_id(&x->cx, o->meta, st->identity.id, &u));

    return cr_mgmt_user_respond(x, &u);
}

/* *ret_s NULL: the body has no such member, or null. */
static cr_err_t
cr_mgmt_user_member(cr_exchange_t *x, const json_t *obj, const char *key,
                    cr_str_t *s, const cr_str_t **ret_s)
{
    const json_t *value = json_object_get(obj, key);

    CR_TRY(cr_mgmt_str(x, obj, key, s));
    *ret_s = value == NULL || json_is_null(value) ? NULL : s;

    return CR_OK;
}

/* x_disabled: by who may change users; to others it may only say what is. */
static cr_err_t
cr_mgmt_user_disabled(cr_exchange_t *x, const json_t *obj, cr_user_t *u,
                      const bool **ret_disabled)
{
    bool was = u->disabled;

    CR_TRY(cr_mgmt_bool(x, obj, "x_disabled", &u->disabled));

    if (u->disabled == was) {
        return CR_OK;
    }

    *ret_disabled = &u->disabled;

    return cr_authorise_system(x, CR_PERM_SYSTEM_USER_UPDATE)
               ? CR_OK
               : cr_authorise_refuse(x);
}

cr_err_t
cr_mgmt_user_update(cr_exchange_t *x)
{
    json_t              *obj;
    cr_user_t            u;
    cr_user_set_t        set = { .disabled = NULL };
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_user_of_path(x, CR_PERM_SYSTEM_USER_UPDATE, &u));
    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_user_member(x, obj, "email", &u.email, &set.email));
    CR_TRY(cr_mgmt_user_member(x, obj, "realname", &u.realname, &set.realname));
    CR_TRY(cr_mgmt_user_member(x, obj, "comment", &u.comment, &set.comment));
    CR_TRY(cr_mgmt_user_disabled(x, obj, &u, &set.disabled));
    CR_TRY(cr_user_set(&x->cx, o->meta, u.id, &set, &who));

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_user_delete(cr_exchange_t *x)
{
    int64_t              id;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_id(x, "user_id", &id));
    CR_TRY(cr_user_delete(&x->cx, o->meta, id, &who));

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_user_sysadmin(cr_exchange_t *x)
{
    bool                 admin = false;
    json_t              *obj;
    int64_t              id;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_id(x, "user_id", &id));
    CR_TRY(cr_mgmt_body(x, &obj));

    if (json_object_get(obj, "sysadmin_flag") == NULL) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "sysadmin_flag: missing");
    }

    CR_TRY(cr_mgmt_bool(x, obj, "sysadmin_flag", &admin));
    CR_TRY(cr_user_set_admin(&x->cx, o->meta, id, admin, &who));

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_user_cli_secret(cr_exchange_t *x)
{
    return cr_fail(&x->cx, CR_ERR_PRECONDITION,
                   "there are no CLI secrets: use the password or a robot");
}

/* --- passwords --------------------------------------------------------- */

/* Of a request that hashes: kept between its steps. */
typedef struct cr_mgmt_password_s {
    cr_user_new_t user;
    int64_t       id;
    cr_str_t      password;
    cr_str_t      old; /* to be verified; data NULL: need not be */
    cr_str_t      old_hash;
    cr_str_t      hash;
} cr_mgmt_password_t;

static cr_mgmt_password_t *
cr_mgmt_password_op(cr_exchange_t *x)
{
    cr_mgmt_password_t *op = CR_NEW(&x->cx, cr_mgmt_password_t);

    x->state->op = op;

    return op;
}

static cr_err_t
cr_mgmt_user_create_row(cr_exchange_t *x)
{
    int64_t              id;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);
    cr_mgmt_password_t  *op = x->state->op;

    op->user.password_hash = op->hash;
    CR_TRY(cr_user_create(&x->cx, o->meta, &op->user, &who, &id));

    return cr_mgmt_created(x, id);
}

static cr_err_t
cr_mgmt_user_create_hash(cr_exchange_t *x)
{
    cr_mgmt_password_t *op = x->state->op;

    CR_TRY(cr_password_hash(&x->cx, op->password, &op->hash));

    return cr_then(x, CR_STEP_DB, cr_mgmt_user_create_row);
}

cr_err_t
cr_mgmt_user_create(cr_exchange_t *x)
{
    json_t             *obj;
    cr_mgmt_password_t *op = cr_mgmt_password_op(x);

    if (op == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_mgmt_user_may_create(x));
    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_str(x, obj, "username", &op->user.name));
    CR_TRY(cr_mgmt_str(x, obj, "email", &op->user.email));
    CR_TRY(cr_mgmt_str(x, obj, "realname", &op->user.realname));
    CR_TRY(cr_mgmt_str(x, obj, "comment", &op->user.comment));
    CR_TRY(cr_mgmt_str(x, obj, "password", &op->password));
    CR_TRY(cr_user_name_check(&x->cx, op->user.name));
    CR_TRY(cr_password_check(&x->cx, op->password));

    return cr_then(x, CR_STEP_CRYPT, cr_mgmt_user_create_hash);
}

static cr_err_t
cr_mgmt_user_password_row(cr_exchange_t *x)
{
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);
    cr_mgmt_password_t  *op = x->state->op;

    CR_TRY(op->old.data != NULL
               ? cr_user_change_password(&x->cx, o->meta, op->id, op->old_hash,
                                         op->hash, &who)
               : cr_user_set_password(&x->cx, o->meta, op->id, op->hash, &who));

    return cr_respond_empty(x, 200);
}

/* Whoever found a session open must not guess here what it does not tell:
 * the same count as at the doors. */
static cr_err_t
cr_mgmt_user_password_old(cr_exchange_t *x)
{
    cr_err_t            err;
    cr_str_t            address = x->request.remote_addr;
    const cr_guard_t   *guard = cr_api_guard(x->api);
    cr_mgmt_password_t *op = x->state->op;

    CR_TRY(cr_guard_check(&x->cx, guard, op->user.name, address,
                          &x->state->login.wait_s));
    err = cr_password_verify(&x->cx, op->old, op->old_hash);

    if (err != CR_ERR_UNAUTHORIZED) {
        return err;
    }

    cr_guard_failed(&x->cx, guard, op->user.name, address);

    return cr_fail(&x->cx, CR_ERR_FORBIDDEN,
                   "old_password: not the current password");
}

static cr_err_t
cr_mgmt_user_password_hash(cr_exchange_t *x)
{
    cr_mgmt_password_t *op = x->state->op;

    if (op->old.data != NULL) {
        CR_TRY(cr_mgmt_user_password_old(x));
    }

    CR_TRY(cr_password_hash(&x->cx, op->password, &op->hash));

    return cr_then(x, CR_STEP_DB, cr_mgmt_user_password_row);
}

/* Oneself with the old password, others as an administrator without it. */
cr_err_t
cr_mgmt_user_password(cr_exchange_t *x)
{
    json_t              *obj;
    cr_user_t            u = { .id = 0 };
    cr_str_t             old = CR_STR("");
    cr_exchange_state_t *st = x->state;
    cr_mgmt_password_t  *op = cr_mgmt_password_op(x);

    if (op == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_mgmt_user_of_path(x, CR_PERM_SYSTEM_USER_UPDATE, &u));
    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_str(x, obj, "old_password", &old));
    CR_TRY(cr_mgmt_str(x, obj, "new_password", &op->password));
    CR_TRY(cr_password_check(&x->cx, op->password));

    op->id = u.id;

    if (u.id == st->identity.id && st->identity.kind == CR_IDENTITY_USER) {
        op->old = old;
        op->old_hash = u.password_hash;
        op->user.name = u.name;

        if (cr_str_eq(old, op->password)) {
            return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                           "new_password: the same as the old one");
        }
    }

    return cr_then(x, CR_STEP_CRYPT, cr_mgmt_user_password_hash);
}

/* --- permissions ------------------------------------------------------- */

/* "repository", or with "/project/7/" before it. */
static cr_err_t
cr_mgmt_permission_write(cr_exchange_t *x, cr_writer_t *w, cr_perm_e perm,
                         int64_t project_id, bool relative)
{
    cr_str_t text, resource = cr_perm_resource(perm);
    bool     self = cr_str_eq_z(resource, "project");

    if (project_id != 0 && relative) {
        text = self ? CR_STR(".") : resource;

    } else if (project_id != 0) {
        text = self ? cr_printf(&x->cx, "/project/%lld", (long long) project_id)
                    : cr_printf(&x->cx, "/project/%lld/%.*s",
                                (long long) project_id, CR_STR_ARG(resource));

    } else {
        text = relative
                   ? resource
                   : cr_printf(&x->cx, "/system/%.*s", CR_STR_ARG(resource));
    }

    cr_writer_object(w, NULL);
    cr_writer_str(w, "resource", text);
    cr_writer_str(w, "action", cr_perm_action(perm));
    cr_writer_object_end(w);

    return text.data != NULL ? CR_OK : CR_ERR_NO_MEMORY;
}

/* scope=/project/7: the caller's rights there; else those of the registry. */
cr_err_t
cr_mgmt_user_permissions(cr_exchange_t *x)
{
    bool            relative = false, project;
    int64_t         id = 0;
    cr_str_t        body, scope;
    cr_writer_t     w;
    cr_access_row_t row = { 0 };

    CR_TRY(cr_query_one(x, "scope", CR_ERR_BAD_REQUEST, &scope));
    CR_TRY(cr_query_bool(x, "relative", &relative));
    project = cr_str_starts(scope, CR_STR("/project/"));

    if (project) {
        CR_TRY(cr_authorise_project(x,
                                    cr_str_slice(scope, sizeof("/project/") - 1,
                                                 scope.len),
                                    CR_PERM_PROJECT_READ, &row));
        id = row.project_id;
    }

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (int i = CR_PERM_PROJECT_FIRST; i < CR_PERM_MAX; i++) {
        cr_perm_e perm = (cr_perm_e) i;

        if (cr_perm_level(perm)
            != (project ? CR_PERM_LEVEL_PROJECT : CR_PERM_LEVEL_SYSTEM))
        {
            continue;
        }

        if (project ? cr_authorise_may(x, &row, perm)
                    : cr_authorise_system(x, perm)) {
            CR_TRY(cr_mgmt_permission_write(x, &w, perm, id, relative));
        }
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

/* GET /permissions: all that a robot can be given. */
cr_err_t
cr_mgmt_permission_catalogue(cr_exchange_t *x)
{
    static const struct {
        const char     *name;
        cr_perm_level_e level;
    } levels[] = {
        { "system", CR_PERM_LEVEL_SYSTEM },
        { "project", CR_PERM_LEVEL_PROJECT },
    };
    cr_str_t    body;
    cr_writer_t w;

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);

    for (size_t k = 0; k < CR_NELTS(levels); k++) {
        cr_writer_array(&w, levels[k].name);

        for (int i = CR_PERM_PROJECT_FIRST; i < CR_PERM_MAX; i++) {
            if (cr_perm_level((cr_perm_e) i) == levels[k].level) {
                CR_TRY(cr_mgmt_permission_write(x, &w, (cr_perm_e) i, 0, true));
            }
        }

        cr_writer_array_end(&w);
    }

    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}
