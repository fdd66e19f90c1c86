/*
 * The audit log, as a list.  Harbor has two shapes of an entry: the old one
 * and one with more in it; both show the same entries here.
 */

#include "api/management/management.h"

static void
cr_mgmt_audit_write(cr_writer_t *w, const cr_audit_entry_t *e, bool ext)
{
    cr_writer_object(w, NULL);
    cr_writer_int(w, "id", e->id);
    cr_writer_str(w, "username", e->username);
    cr_writer_str(w, "resource", e->resource);
    cr_writer_str(w, "resource_type", e->resource_type);
    cr_writer_str(w, "operation", e->operation);

    if (ext) {
        cr_writer_str(w, "operation_description", e->description);
        cr_writer_bool(w, "operation_result", e->success);
        cr_writer_str(w, "client_ip", e->client);
    }

    cr_writer_time(w, "op_time", e->at);
    cr_writer_object_end(w);
}

static cr_err_t
cr_mgmt_audit_match(cr_exchange_t *x, const cr_q_t *q, const char *key,
                    cr_audit_match_t *m)
{
    return cr_q_any(&x->cx, q, key, &m->any, &m->like);
}

static cr_err_t
cr_mgmt_audit_filter(cr_exchange_t *x, cr_audit_filter_t *f)
{
    static const char *const keys[] = { "username", "operation",
                                        "resource", "resource_type",
                                        "op_time",  NULL };

    /* The order of ids is that of time. */
    static const cr_sort_name_t names[] = { { "op_time", 0 }, { "id", 0 } };

    int    sort;
    bool   newest_first = true;
    cr_q_t q;

    cr_sort_parse(x, names, CR_NELTS(names), &sort, &newest_first);
    f->oldest_first = !newest_first;
    CR_TRY(cr_q_parse(x, keys, &q));
    CR_TRY(cr_mgmt_audit_match(x, &q, "username", &f->username));
    CR_TRY(cr_mgmt_audit_match(x, &q, "operation", &f->operation));
    CR_TRY(cr_mgmt_audit_match(x, &q, "resource_type", &f->resource_type));
    CR_TRY(cr_mgmt_audit_match(x, &q, "resource", &f->resource));
    CR_TRY(cr_q_time(&x->cx, &q, "op_time", &f->from, &f->until));

    if (f->until == INT64_MAX) {
        f->until = 0;
    }

    return CR_OK;
}

static cr_err_t
cr_mgmt_audit_respond(cr_exchange_t *x, cr_audit_filter_t *f, bool ext)
{
    size_t               n;
    int64_t              total;
    cr_str_t             body;
    cr_paging_t          page;
    cr_writer_t          w;
    cr_audit_entry_t    *rows;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_paging_parse(x, &page));
    CR_TRY(cr_mgmt_audit_filter(x, f));
    CR_TRY(cr_audit_page(&x->cx, o->meta, f, page.offset, (size_t) page.size,
                         &rows, &n, &total));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        cr_mgmt_audit_write(&w, &rows[i], ext);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_paging_respond(x, &page, total, body);
}

/* Of all projects: who is no administrator sees those that it manages. */
static cr_err_t
cr_mgmt_audit_all(cr_exchange_t *x, bool ext)
{
    cr_audit_filter_t          f = { .project_id = 0 };
    const cr_exchange_state_t *st = x->state;

    if (!cr_authorise_system(x, CR_PERM_SYSTEM_AUDIT_LOG_LIST)) {
        if (st->identity.kind != CR_IDENTITY_USER
            || !cr_authorise_system(x, CR_PERM_LOGIN))
        {
            return cr_authorise_refuse(x);
        }

        f.admin_of = st->identity.id;
    }

    return cr_mgmt_audit_respond(x, &f, ext);
}

cr_err_t
cr_mgmt_audit_list(cr_exchange_t *x)
{
    return cr_mgmt_audit_all(x, true);
}

cr_err_t
cr_mgmt_audit_list_old(cr_exchange_t *x)
{
    return cr_mgmt_audit_all(x, false);
}

/* Of one project: the route has authorised. */
cr_err_t
cr_mgmt_audit_project(cr_exchange_t *x)
{
    cr_audit_filter_t f = { .project_id = x->state->access.project_id };

    return cr_mgmt_audit_respond(x, &f, true);
}

cr_err_t
cr_mgmt_audit_project_old(cr_exchange_t *x)
{
    cr_audit_filter_t f = { .project_id = x->state->access.project_id };

    return cr_mgmt_audit_respond(x, &f, false);
}

cr_err_t
cr_mgmt_audit_events(cr_exchange_t *x)
{
    static const char *const events[] = {
        "create_artifact",
        "delete_artifact",
        "pull_artifact",
        "create_tag",
        "delete_tag",
        "delete_repository",
        "create_project",
        "update_project",
        "delete_project",
        "create_project_member",
        "update_project_member",
        "delete_project_member",
        "create_robot",
        "update_robot",
        "delete_robot",
        "create_user",
        "update_user",
        "delete_user",
        "create_label",
        "update_label",
        "delete_label",
        "update_configuration",
        "login_user",
        "logout_user",
        "login_robot",
    };
    cr_str_t    body;
    cr_writer_t w;

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < CR_NELTS(events); i++) {
        cr_writer_object(&w, NULL);
        cr_writer_z(&w, "event_type", events[i]);
        cr_writer_object_end(&w);
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}
