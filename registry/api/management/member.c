/* Members of a project; groups are not offered. */

#include "api/management/management.h"
#include "meta/member.h"
#include "meta/user.h"

static void
cr_mgmt_member_write(cr_writer_t *w, const cr_member_t *m)
{
    cr_writer_object(w, NULL);
    cr_writer_int(w, "id", m->id);
    cr_writer_int(w, "project_id", m->project_id);
    cr_writer_str(w, "entity_name", m->user_name);
    cr_writer_str(w, "role_name", cr_role_name((cr_role_e) m->role));
    cr_writer_int(w, "role_id", m->role);
    cr_writer_int(w, "entity_id", m->user_id);
    cr_writer_z(w, "entity_type", "u");
    cr_writer_str_opt(w, "x_declared", m->declared);
    cr_writer_object_end(w);
}

cr_err_t
cr_mgmt_member_list(cr_exchange_t *x)
{
    size_t               n;
    int64_t              total;
    cr_str_t             body, name;
    cr_paging_t          page;
    cr_writer_t          w;
    cr_member_t         *rows;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_query_one(x, "entityname", CR_ERR_BAD_REQUEST, &name));
    CR_TRY(cr_member_page(&x->cx, o->meta, x->state->access.project_id, name,
                          page.offset, (size_t) page.size, &rows, &n, &total));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        cr_mgmt_member_write(&w, &rows[i]);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, total, body);
}

/* member_user: by id or by name. */
static cr_err_t
cr_mgmt_member_user(cr_exchange_t *x, const json_t *obj, int64_t *ret_id)
{
    json_t              *user, *group;
    int64_t              id = 0;
    cr_str_t             name = CR_STR_NULL;
    cr_user_t            u;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_object(x, obj, "member_user", &user));
    CR_TRY(cr_mgmt_object(x, obj, "member_group", &group));

    if (user == NULL) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       group != NULL ? "member_group: groups are not supported"
                                     : "member_user: missing");
    }

    CR_TRY(cr_mgmt_int(x, user, "user_id", &id));
    CR_TRY(cr_mgmt_str(x, user, "username", &name));

    if (id > 0) {
        *ret_id = id;
        return CR_OK;
    }

    if (name.len == 0) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "member_user: user_id or username expected");
    }

    CR_TRY(cr_user_by_name(&x->cx, o->meta, name, &u));
    *ret_id = u.id;

    return CR_OK;
}

cr_err_t
cr_mgmt_member_create(cr_exchange_t *x)
{
    json_t              *obj;
    int64_t              id, user_id = 0, role = 0;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_int(x, obj, "role_id", &role));

    if (role < CR_ROLE_PROJECT_ADMIN || role > CR_ROLE_LIMITED_GUEST) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "role_id: 1 to 5 expected");
    }

    CR_TRY(cr_mgmt_member_user(x, obj, &user_id));
    CR_TRY(cr_member_add(&x->cx, o->meta, x->state->access.project_id, user_id,
                         (cr_role_e) role, &who, &id));

    return cr_mgmt_created(x, id);
}

cr_err_t
cr_mgmt_member_get(cr_exchange_t *x)
{
    int64_t              id;
    cr_str_t             body;
    cr_writer_t          w;
    cr_member_t          m;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_id(x, "mid", &id));
    CR_TRY(cr_member_get(&x->cx, o->meta, x->state->access.project_id, id, &m));

    cr_writer_init(&w, &x->cx);
    cr_mgmt_member_write(&w, &m);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

cr_err_t
cr_mgmt_member_update(cr_exchange_t *x)
{
    json_t              *obj;
    int64_t              id, role = 0;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_id(x, "mid", &id));
    CR_TRY(cr_mgmt_body(x, &obj));
    CR_TRY(cr_mgmt_int(x, obj, "role_id", &role));

    if (role < CR_ROLE_PROJECT_ADMIN || role > CR_ROLE_LIMITED_GUEST) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "role_id: 1 to 5 expected");
    }

    CR_TRY(cr_member_set_role(&x->cx, o->meta, x->state->access.project_id, id,
                              (cr_role_e) role, &who));

    return cr_respond_empty(x, 200);
}

cr_err_t
cr_mgmt_member_delete(cr_exchange_t *x)
{
    int64_t              id;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_id(x, "mid", &id));
    CR_TRY(cr_member_delete(&x->cx, o->meta, x->state->access.project_id, id,
                            &who));

    return cr_respond_empty(x, 200);
}
