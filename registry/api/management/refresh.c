/*
 * Refresh tokens of a user: what there is, and an end to them.  An addition
 * to Harbor's API, for the user itself and for administrators.
 */

#include "api/management/management.h"
#include "meta/refresh.h"

/* The user of the path, and how the tokens name it. */
static cr_err_t
cr_mgmt_refresh_of_path(cr_exchange_t *x, cr_user_t *ret_u,
                        cr_str_t *ret_subject)
{
    cr_identity_t id = { .kind = CR_IDENTITY_USER };

    CR_TRY(cr_mgmt_user_of_path(x, CR_PERM_ADMIN, ret_u));
    id.id = ret_u->id;
    *ret_subject = cr_identity_subject(&x->cx, &id);

    return ret_subject->data != NULL ? CR_OK : CR_ERR_NO_MEMORY;
}

static void
cr_mgmt_refresh_write(cr_writer_t *w, const cr_refresh_t *r)
{
    cr_writer_object(w, NULL);
    cr_writer_int(w, "id", r->id);
    cr_writer_str(w, "client_id", r->client_id);
    cr_writer_time(w, "creation_time", r->created_at);

    if (r->used_at != 0) {
        cr_writer_time(w, "last_used_time", r->used_at);

    } else {
        cr_writer_null(w, "last_used_time");
    }

    cr_writer_time(w, "expiration_time", r->expires_at);
    cr_writer_object_end(w);
}

/* At most CR_REFRESH_PER_MAX: one page.  Those of before a new password are
 * void, and not shown. */
cr_err_t
cr_mgmt_refresh_list(cr_exchange_t *x)
{
    size_t               n;
    cr_str_t             body, subject;
    cr_user_t            u;
    cr_writer_t          w;
    cr_refresh_t        *rows;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_refresh_of_path(x, &u, &subject));
    CR_TRY(cr_refresh_list(&x->cx, o->meta, subject, &rows, &n));

    cr_writer_init(&w, &x->cx);
    cr_writer_array(&w, NULL);

    for (size_t i = 0; i < n; i++) {
        if (rows[i].epoch == u.epoch) {
            cr_mgmt_refresh_write(&w, &rows[i]);
        }
    }

    cr_writer_array_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

cr_err_t
cr_mgmt_refresh_delete(cr_exchange_t *x)
{
    int64_t              id;
    cr_str_t             subject;
    cr_user_t            u;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_refresh_of_path(x, &u, &subject));
    CR_TRY(cr_mgmt_id(x, "token_id", &id));
    CR_TRY(cr_refresh_delete(&x->cx, o->meta, subject, id, &who));

    return cr_respond_empty(x, 200);
}

/* All of them; there may be none. */
cr_err_t
cr_mgmt_refresh_delete_all(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_str_t             subject;
    cr_user_t            u;
    cr_audit_who_t       who = cr_api_who(x);
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_refresh_of_path(x, &u, &subject));
    err = cr_refresh_delete(&x->cx, o->meta, subject, 0, &who);

    if (err == CR_ERR_NOT_FOUND) {
        cr_clear(&x->cx);
        err = CR_OK;
    }

    return err == CR_OK ? cr_respond_empty(x, 200) : err;
}
