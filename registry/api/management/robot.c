/*
 * Robot accounts, of a project or of the registry.  A secret leaves here
 * once: when it is made.
 */

#include "api/management/management.h"
#include "meta/project.h"
#include "meta/robot.h"
#include "meta/setting.h"

#define CR_MGMT_ROBOT_PERMS_MAX  2000
#define CR_MGMT_ROBOT_DAYS       30 /* where nobody says otherwise */

/* The id of a project that does not exist. */
#define CR_MGMT_ROBOT_NO_PROJECT INT64_MAX

/* --- writing ----------------------------------------------------------- */

/* Rights come ordered by project: one entry for each. */
static void
cr_mgmt_robot_perms_write(cr_writer_t *w, const cr_robot_perm_t *perms,
                          size_t n)
{
    cr_writer_array(w, "permissions");

    for (size_t i = 0; i < n;) {
        int64_t id = perms[i].project_id;

        cr_writer_object(w, NULL);
        cr_writer_z(w, "kind", id == CR_ROBOT_SYSTEM ? "system" : "project");

        if (id == CR_ROBOT_SYSTEM) {
            cr_writer_z(w, "namespace", "/");

        } else if (id == CR_ROBOT_EVERY_PROJECT) {
            cr_writer_z(w, "namespace", "*");

        } else {
            cr_writer_str(w, "namespace", perms[i].project_name);
        }

        cr_writer_array(w, "access");

        for (; i < n && perms[i].project_id == id; i++) {
            cr_writer_object(w, NULL);
            cr_writer_str(w, "resource", cr_perm_resource(perms[i].perm));
            cr_writer_str(w, "action", cr_perm_action(perms[i].perm));
            cr_writer_z(w, "effect", "allow");
            cr_writer_object_end(w);
        }

        cr_writer_array_end(w);
        cr_writer_object_end(w);
    }

    cr_writer_array_end(w);
}

/* Harbor shows times of robots as seconds; -1: never. */
static int64_t
cr_mgmt_robot_expires(int64_t expires_at)
{
    return expires_at == 0 ? -1 : expires_at / CR_SECOND;
}

static void
cr_mgmt_robot_write(cr_exchange_t *x, cr_writer_t *w, const cr_robot_t *r,
                    const cr_robot_perm_t *perms, size_t n)
{
    cr_identity_t creator;

    if (cr_identity_parse(&x->cx, r->created_by, &creator) != CR_OK) {
        cr_clear(&x->cx);
        creator = (cr_identity_t){ .kind = CR_IDENTITY_ANONYMOUS };
    }

    cr_writer_object(w, NULL);
    cr_writer_int(w, "id", r->id);
    cr_writer_str(w, "name", r->name);
    cr_writer_str(w, "description", r->description);
    cr_writer_z(w, "level", r->project_id == 0 ? "system" : "project");
    cr_writer_int(w, "duration", r->duration);
    cr_writer_bool(w, "editable", r->declared.len == 0);
    cr_writer_bool(w, "disable", r->disabled);
    cr_writer_int(w, "expires_at", cr_mgmt_robot_expires(r->expires_at));
    cr_mgmt_robot_perms_write(w, perms, n);
    cr_writer_z(w, "creator_type",
                creator.kind == CR_IDENTITY_ROBOT ? "robot" : "local");
    cr_writer_int(w, "creator_ref", creator.id);
    cr_writer_time(w, "creation_time", r->created_at);
    cr_writer_time(w, "update_time", r->updated_at);
    cr_writer_bool(w, "x_replication", r->replication);
    cr_writer_str_opt(w, "x_declared", r->declared);
    cr_writer_object_end(w);
}

/* All of these; their rights are one statement. */
static cr_err_t
cr_mgmt_robot_write_all(cr_exchange_t *x, cr_writer_t *w,
                        const cr_robot_t *rows, size_t n)
{
    size_t               nperms, at = 0, first;
    cr_robot_perm_t     *perms;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_robot_perms_of(&x->cx, o->meta, rows, n, &perms, &nperms));

    for (size_t i = 0; i < n; i++) {
        first = at;

        while (at < nperms && perms[at].robot_id == rows[i].id) {
            at++;
        }

        cr_mgmt_robot_write(x, w, &rows[i], &perms[first], at - first);
    }

    return CR_OK;
}

/* --- who may ----------------------------------------------------------- */

/* A right on robots: of that project, or (0) of the registry. */
static cr_err_t
cr_mgmt_robot_allow(cr_exchange_t *x, int64_t project_id, cr_perm_e project,
                    cr_perm_e system)
{
    cr_access_row_t row;

    if (project_id != 0) {
        return cr_authorise_project_id(x, project_id, project, &row);
    }

    return cr_authorise_system(x, system) ? CR_OK : cr_authorise_refuse(x);
}

/*
 * The robot of the path.  One that does not exist looks like one that the
 * caller may not touch, to all but administrators.
 */
static cr_err_t
cr_mgmt_robot_of_path(cr_exchange_t *x, cr_perm_e project, cr_perm_e system,
                      cr_robot_t *ret_r)
{
    int64_t              id;
    cr_err_t             err;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_id_open(x, "robot_id", &id));
    err = cr_robot_by_id(&x->cx, o->meta, id, ret_r);

    if (err == CR_ERR_NOT_FOUND && !cr_authorise_system(x, CR_PERM_ADMIN)) {
        return cr_authorise_refuse(x);
    }

    CR_TRY(err);

    return cr_mgmt_robot_allow(x, ret_r->project_id, project, system);
}

/* --- lists ------------------------------------------------------------- */

/* q=Level=project,ProjectID=7, as Harbor's interface asks. */
static cr_err_t
cr_mgmt_robot_filter(cr_exchange_t *x, cr_robot_filter_t *f)
{
    static const cr_sort_name_t names[] = {
        { "name", true },
        { "id", false },
        { "creation_time", false },
    };
    static const char *const keys[] = { "Level", "ProjectID", "name", NULL };

    int      by_name = false;
    cr_q_t   q;
    int64_t  id;
    cr_str_t level;

    cr_sort_parse(x, names, CR_NELTS(names), &by_name, &f->descending);
    f->by_name = by_name;
    CR_TRY(cr_q_parse(x, keys, &q));
    CR_TRY(cr_q_exact(&x->cx, &q, "Level", &level));
    CR_TRY(cr_q_int(&x->cx, &q, "ProjectID", &id));
    CR_TRY(cr_q_text(&x->cx, &q, "name", &f->name, &f->name_like));

    if (cr_str_eq_z(level, "project")) {
        f->project_id = id;

        if (id <= 0) {
            return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                           "q: Level=project needs ProjectID");
        }

        return CR_OK;
    }

    if (level.len == 0 && id > 0) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "q: ProjectID needs Level=project");
    }

    if (level.len != 0 && !cr_str_eq_z(level, "system")) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "q: Level is system or project");
    }

    return CR_OK;
}

cr_err_t
cr_mgmt_robot_list(cr_exchange_t *x)
{
    size_t               n;
    int64_t              total;
    cr_str_t             body;
    cr_paging_t          page;
    cr_robot_t          *rows;
    cr_writer_t          w;
    cr_robot_filter_t    f = { .project_id = 0 };
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_mgmt_robot_filter(x, &f));
    CR_TRY(cr_mgmt_robot_allow(x, f.project_id, CR_PERM_ROBOT_LIST,
                               CR_PERM_SYSTEM_ROBOT_LIST));
    CR_TRY(cr_robot_page(&x->cx, o->meta, &f, page.offset, (size_t) page.size,
                         &rows, &n, &total));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);
    CR_TRY(cr_mgmt_robot_write_all(x, &w, rows, n));
    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, total, body);
}

cr_err_t
cr_mgmt_robot_get(cr_exchange_t *x)
{
    cr_str_t    body;
    cr_robot_t  r;
    cr_writer_t w;

    CR_TRY(cr_mgmt_robot_of_path(x, CR_PERM_ROBOT_READ,
                                 CR_PERM_SYSTEM_ROBOT_READ, &r));

    cr_writer_init(&w, &x->cx);
    CR_TRY(cr_mgmt_robot_write_all(x, &w, &r, 1));
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

/* --- rights of a body -------------------------------------------------- */

typedef struct cr_mgmt_robot_perms_s {
    cr_robot_perm_t *perms;
    size_t           n;
    int64_t          first; /* the project of the first entry, if it is one */
} cr_mgmt_robot_perms_t;

/* "kind" and "namespace" of an entry: what its rights are about. */
static cr_err_t
cr_mgmt_robot_namespace(cr_exchange_t *x, const json_t *entry,
                        cr_perm_level_e *ret_level, int64_t *ret_id)
{
    cr_err_t             err;
    cr_str_t             kind = CR_STR_NULL, namespace = CR_STR_NULL;
    cr_project_t         p;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_str(x, entry, "kind", &kind));
    CR_TRY(cr_mgmt_str(x, entry, "namespace", &namespace));

    if (cr_str_eq_z(kind, "system")) {
        *ret_level = CR_PERM_LEVEL_SYSTEM;
        *ret_id = CR_ROBOT_SYSTEM;
        return CR_OK;
    }

    if (!cr_str_eq_z(kind, "project")) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "kind: \"project\" or \"system\" expected");
    }

    *ret_level = CR_PERM_LEVEL_PROJECT;

    if (cr_str_eq_z(namespace, "*")) {
        *ret_id = CR_ROBOT_EVERY_PROJECT;
        return CR_OK;
    }

    err = cr_project_by_name(&x->cx, o->meta, namespace, &p);

    if (err == CR_ERR_NOT_FOUND && cr_authorise_system(x, CR_PERM_ADMIN)) {
        return cr_fail(&x->cx, err, "namespace: no project \"%.*s\"",
                       CR_STR_ARG(namespace));
    }

    if (err == CR_ERR_NOT_FOUND) {
        /* To others it is one of somebody else's, in all that follows. */
        cr_clear(&x->cx);
        *ret_id = CR_MGMT_ROBOT_NO_PROJECT;
        return CR_OK;
    }

    CR_TRY(err);

    *ret_id = p.id;

    return CR_OK;
}

static cr_err_t
cr_mgmt_robot_access(cr_exchange_t *x, const json_t *entry,
                     cr_perm_level_e level, int64_t id,
                     cr_mgmt_robot_perms_t *ret)
{
    json_t   *list;
    cr_perm_e perm;

    CR_TRY(cr_mgmt_array(x, entry, "access", &list));

    for (size_t i = 0; i < json_array_size(list); i++) {
        cr_str_t      resource = CR_STR_NULL, action = CR_STR_NULL;
        const json_t *a = json_array_get(list, i);

        if (!json_is_object(a)) {
            return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                           "access: objects expected");
        }

        CR_TRY(cr_mgmt_str(x, a, "resource", &resource));
        CR_TRY(cr_mgmt_str(x, a, "action", &action));

        if (!cr_perm_find(level, resource, action, &perm)) {
            return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                           "access: there is no right \"%.*s:%.*s\" here",
                           CR_STR_ARG(resource), CR_STR_ARG(action));
        }

        if (ret->n == CR_MGMT_ROBOT_PERMS_MAX) {
            return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                           "permissions: more than %d",
                           CR_MGMT_ROBOT_PERMS_MAX);
        }

        ret->perms[ret->n].project_id = id;
        ret->perms[ret->n].perm = perm;
        ret->n++;
    }

    return CR_OK;
}

/* The member "permissions"; ret->perms stays NULL when there is none. */
static cr_err_t
cr_mgmt_robot_read_perms(cr_exchange_t *x, const json_t *obj,
                         cr_mgmt_robot_perms_t *ret)
{
    json_t *list;

    ret->perms = NULL;
    ret->n = 0;
    ret->first = 0;
    CR_TRY(cr_mgmt_array(x, obj, "permissions", &list));

    if (list == NULL) {
        return CR_OK;
    }

    ret->perms =
        cr_alloc(&x->cx, CR_MGMT_ROBOT_PERMS_MAX * sizeof(cr_robot_perm_t));

    if (ret->perms == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    for (size_t i = 0; i < json_array_size(list); i++) {
        int64_t         id = 0;
        const json_t   *entry = json_array_get(list, i);
        cr_perm_level_e level;

        if (!json_is_object(entry)) {
            return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                           "permissions: objects expected");
        }

        CR_TRY(cr_mgmt_robot_namespace(x, entry, &level, &id));
        CR_TRY(cr_mgmt_robot_access(x, entry, level, id, ret));

        if (i == 0 && id > 0) {
            ret->first = id;
        }
    }

    return CR_OK;
}

/* --- changes ----------------------------------------------------------- */

/*
 * An extension: only replication robots push where a project takes nothing
 * else, so only administrators make them.
 */
static cr_err_t
cr_mgmt_robot_replication(cr_exchange_t *x, const json_t *obj, bool *ret_on)
{
    bool was = *ret_on;

    CR_TRY(cr_mgmt_bool(x, obj, "x_replication", ret_on));

    if (*ret_on != was && !cr_authorise_system(x, CR_PERM_ADMIN)) {
        return cr_fail(&x->cx, CR_ERR_FORBIDDEN,
                       "x_replication: for administrators only");
    }

    return CR_OK;
}

/* Days of a robot whose maker does not say. */
static cr_err_t
cr_mgmt_robot_days(cr_exchange_t *x, int64_t *ret_days)
{
    const cr_api_open_t *o = cr_api_opened(x->api);

    *ret_days = CR_MGMT_ROBOT_DAYS;

    return cr_setting_get_int(&x->cx, o->meta, CR_SETTING_ROBOT_DURATION,
                              ret_days);
}

static cr_err_t
cr_mgmt_robot_made(cr_exchange_t *x, const cr_robot_made_t *made)
{
    cr_str_t    body;
    cr_writer_t w;

    CR_TRY(cr_response_printf(x, "Location", "/api/v2.0/robots/%lld",
                              (long long) made->id));
    CR_TRY(cr_response_header(x, "Cache-Control", CR_STR("no-store")));

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);
    cr_writer_int(&w, "id", made->id);
    cr_writer_str(&w, "name", made->name);
    cr_writer_str(&w, "secret", made->secret);
    cr_writer_time(&w, "creation_time", made->created_at);
    cr_writer_int(&w, "expires_at", cr_mgmt_robot_expires(made->expires_at));
    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 201, body);
}

cr_err_t
cr_mgmt_robot_create(cr_exchange_t *x)
{
    json_t               *obj;
    cr_str_t              level = CR_STR_NULL;
    cr_robot_new_t        n = { .name = CR_STR_NULL };
    cr_robot_made_t       made;
    cr_audit_who_t        who = cr_api_who(x);
    cr_mgmt_robot_perms_t perms;
    const cr_api_open_t  *o = cr_api_opened(x->api);

    if (!cr_authorise_system(x, CR_PERM_LOGIN)) {
        return cr_authorise_refuse(x);
    }

    CR_TRY(cr_mgmt_robot_days(x, &n.duration));
    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_str(x, obj, "name", &n.name));
    CR_TRY(cr_mgmt_str(x, obj, "description", &n.description));
    CR_TRY(cr_mgmt_str(x, obj, "secret", &n.secret));
    CR_TRY(cr_mgmt_str(x, obj, "level", &level));
    CR_TRY(cr_mgmt_int(x, obj, "duration", &n.duration));
    CR_TRY(cr_mgmt_bool(x, obj, "disable", &n.disabled));

    if (!cr_str_eq_z(level, "system") && !cr_str_eq_z(level, "project")) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "level: \"project\" or \"system\" expected");
    }

    CR_TRY(cr_mgmt_robot_read_perms(x, obj, &perms));

    if (cr_str_eq_z(level, "project")) {
        if (perms.first == 0) {
            return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                           "permissions: a project's robot needs one for its "
                           "project");
        }

        n.project_id = perms.first;
    }

    CR_TRY(cr_mgmt_robot_allow(x, n.project_id, CR_PERM_ROBOT_CREATE,
                               CR_PERM_SYSTEM_ROBOT_CREATE));
    CR_TRY(cr_mgmt_robot_replication(x, obj, &n.replication));

    n.perms = perms.perms;
    n.nperms = perms.n;
    CR_TRY(cr_robot_create(&x->cx, o->meta, &n, &who, &made));

    return cr_mgmt_robot_made(x, &made);
}

/* Is that its name, whole, or without prefix, or without project too? */
static bool
cr_mgmt_robot_is(const cr_robot_t *r, cr_str_t name)
{
    size_t at;

    if (name.len == 0 || name.len > r->name.len) {
        return false;
    }

    at = r->name.len - name.len;

    return cr_str_eq(cr_str_slice(r->name, at, r->name.len), name)
           && (at == 0 || r->name.data[at - 1] == '$'
               || r->name.data[at - 1] == '+');
}

/* Name and level may come along, as they are. */
static cr_err_t
cr_mgmt_robot_same(cr_exchange_t *x, const json_t *obj, const cr_robot_t *r)
{
    cr_str_t name = r->name, level = CR_STR_NULL;

    CR_TRY(cr_mgmt_str(x, obj, "name", &name));
    CR_TRY(cr_mgmt_str(x, obj, "level", &level));

    if (!cr_mgmt_robot_is(r, name)
        || (level.data != NULL
            && !cr_str_eq_z(level, r->project_id == 0 ? "system" : "project")))
    {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "cannot update the level or name of robot");
    }

    return CR_OK;
}

cr_err_t
cr_mgmt_robot_update(cr_exchange_t *x)
{
    json_t               *obj;
    int64_t               duration;
    cr_robot_t            r, was;
    cr_robot_set_t        set = { .description = NULL };
    cr_audit_who_t        who = cr_api_who(x);
    cr_mgmt_robot_perms_t perms;
    const cr_api_open_t  *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_robot_of_path(x, CR_PERM_ROBOT_UPDATE,
                                 CR_PERM_SYSTEM_ROBOT_UPDATE, &r));
    was = r;
    duration = r.duration;
    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_robot_same(x, obj, &r));
    CR_TRY(cr_mgmt_str(x, obj, "description", &r.description));
    CR_TRY(cr_mgmt_bool(x, obj, "disable", &r.disabled));
    CR_TRY(cr_mgmt_int(x, obj, "duration", &duration));
    CR_TRY(cr_mgmt_robot_replication(x, obj, &r.replication));
    CR_TRY(cr_mgmt_robot_read_perms(x, obj, &perms));

    /* What is as it was when it was read may have been changed since. */

    set.description = &r.description;
    set.disabled = r.disabled != was.disabled ? &r.disabled : NULL;
    set.replication = r.replication != was.replication ? &r.replication : NULL;
    set.duration = duration != r.duration ? &duration : NULL;
    set.perms = perms.perms;
    set.nperms = perms.n;
    CR_TRY(cr_robot_set(&x->cx, o->meta, r.id, &set, &who));

    return cr_respond_empty(x, 200);
}

/* A new secret: the one of the body, or a random one. */
cr_err_t
cr_mgmt_robot_refresh(cr_exchange_t *x)
{
    json_t              *obj;
    cr_str_t             body, secret = CR_STR_NULL, made;
    cr_robot_t           r;
    cr_writer_t          w;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_robot_of_path(x, CR_PERM_ROBOT_UPDATE,
                                 CR_PERM_SYSTEM_ROBOT_UPDATE, &r));

    if (r.replication && x->state->identity.kind == CR_IDENTITY_USER
        && !cr_authorise_system(x, CR_PERM_ADMIN))
    {
        return cr_fail(&x->cx, CR_ERR_FORBIDDEN,
                       "a replication robot is for administrators only");
    }

    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_str(x, obj, "secret", &secret));
    CR_TRY(cr_robot_set_secret(&x->cx, o->meta, r.id, secret, &who, &made));
    CR_TRY(cr_response_header(x, "Cache-Control", CR_STR("no-store")));

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);
    cr_writer_str(&w, "secret", secret.len != 0 ? CR_STR("") : made);
    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

cr_err_t
cr_mgmt_robot_delete(cr_exchange_t *x)
{
    cr_robot_t           r;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_robot_of_path(x, CR_PERM_ROBOT_DELETE,
                                 CR_PERM_SYSTEM_ROBOT_DELETE, &r));
    CR_TRY(cr_robot_delete(&x->cx, o->meta, r.id, &who));

    return cr_respond_empty(x, 200);
}
