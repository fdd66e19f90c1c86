/*
 * Upload sessions: start, mount, status, cancel (distribution-spec, "Pushing
 * blobs", "Mounting a blob from another repository").  Bytes: upload_write.c.
 *
 * A Location is relative and has no query, and stays good for the whole
 * session: clients append "?digest=", reuse an old one, and sit behind
 * proxies.
 */

#include "api/distribution/upload.h"
#include "api/handlers.h"
#include "core/crash.h"
#include "core/encode.h"
#include "meta/quota.h"

cr_err_t
cr_upload_headers(cr_exchange_t *x, const char *id, uint64_t size)
{
    cr_str_t uuid = { CR_UUID_LEN, id };

    CR_TRY(cr_response_printf(x, "Location", "/v2/%.*s/blobs/uploads/%.*s",
                              CR_STR_ARG(x->state->name.full),
                              CR_STR_ARG(uuid)));
    /* Clients insist on end >= start, also when there is nothing yet. */
    CR_TRY(cr_response_printf(x, "Range", "0-%llu",
                              (unsigned long long) (size ? size - 1 : 0)));

    return cr_response_header(x, "Docker-Upload-UUID", uuid);
}

cr_err_t
cr_upload_created(cr_exchange_t *x, const cr_digest_t *d)
{
    cr_str_t digest = cr_digest_str(d);

    CR_TRY(cr_response_printf(x, "Location", "/v2/%.*s/blobs/%.*s",
                              CR_STR_ARG(x->state->name.full),
                              CR_STR_ARG(digest)));
    CR_TRY(cr_response_header(x, "Docker-Content-Digest", digest));

    return cr_respond_empty(x, 201);
}

cr_err_t
cr_upload_space(cr_exchange_t *x)
{
    int64_t length = x->request.content_length;

    return cr_upload_room(x, length > 0 ? (uint64_t) length : 0);
}

cr_err_t
cr_upload_room(cr_exchange_t *x, uint64_t need)
{
    uint64_t             min = cr_api_conf(x->api)->min_free;
    cr_storage_info_t    info;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (min == 0) {
        return CR_OK;
    }

    CR_TRY(cr_storage_info(&x->cx, o->storage, &info));

    if (info.total_size != 0
        && (info.free_size < min || info.free_size - min < need))
    {
        return cr_fail_detail(&x->cx, CR_ERR_NO_SPACE,
                              "%llu bytes are free, min_free is %llu",
                              (unsigned long long) info.free_size,
                              (unsigned long long) min);
    }

    return CR_OK;
}

cr_err_t
cr_upload_lost(cr_exchange_t *x, const cr_digest_t *d, cr_str_t *ret_locator)
{
    bool                 found;
    cr_err_t             err;
    cr_blob_place_t      place;
    const cr_api_open_t *o = cr_api_opened(x->api);

    *ret_locator = CR_STR_NULL;
    CR_TRY(cr_blob_place(&x->cx, o->meta, d, &found, &place));

    if (!found) {
        return CR_OK;
    }

    err = cr_blob_check_file(x, place.locator, place.size);

    if (err == CR_ERR_NOT_FOUND) {
        cr_clear(&x->cx);
        *ret_locator = place.locator;
        return CR_OK;
    }

    return err;
}

/* --- POST -------------------------------------------------------------- */

typedef struct cr_upload_post_s {
    cr_hash_alg_e   alg;
    cr_digest_t     mount;
    cr_str_t        from; /* empty: anywhere that vis shows */
    cr_visibility_t vis;
} cr_upload_post_t;

static cr_err_t
cr_upload_start(cr_exchange_t *x)
{
    cr_upload_t          u;
    cr_upload_post_t    *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_upload_space(x));
    CR_TRY(cr_quota_check(&x->cx, o->meta, x->state->name.project));
    CR_TRY(cr_project_ensure(x));
    CR_TRY(cr_upload_create(&x->cx, o->meta, &x->state->name, cr_api_actor(x),
                            op->alg, &u));
    CR_CRASH("upload.started");
    CR_TRY(cr_upload_headers(x, u.id, 0));

    return cr_respond_empty(x, 202);
}

/* What cannot be mounted, for whatever reason, becomes a plain session. */
static cr_err_t
cr_upload_mount(cr_exchange_t *x)
{
    cr_err_t             err;
    cr_str_t             lost;
    cr_upload_post_t    *op = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_upload_lost(x, &op->mount, &lost));

    if (lost.len != 0) {
        return cr_upload_start(x); /* so that it is pushed again */
    }

    CR_TRY(cr_project_ensure(x));

    err = cr_blob_mount(&x->cx, o->meta, &x->state->name, op->from, &op->vis,
                        &op->mount);

    if (err == CR_ERR_BLOB_UNKNOWN || err == CR_ERR_NAME_UNKNOWN) {
        cr_clear(&x->cx);
        return cr_upload_start(x);
    }

    CR_TRY(err);
    CR_CRASH("upload.mounted");

    x->state->settled = true;
    x->info.action = "mount";

    return cr_upload_created(x, &op->mount);
}

/* Parse ?mount= and ?from=; *ret_try says whether it is worth a try. */
static cr_err_t
cr_upload_mount_parse(cr_exchange_t *x, cr_upload_post_t *op, cr_str_t mount,
                      bool *ret_try)
{
    cr_str_t  from;
    cr_name_t name;

    CR_TRY(cr_digest_parse(&x->cx, mount, &op->mount));
    CR_TRY(cr_query_one(x, "from", CR_ERR_BAD_REQUEST, &from));

    if (from.len == 0) {
        op->from = CR_STR_NULL;
        op->vis = cr_api_visibility(x);

        if (x->state->bearer) {
            /* A token is good for what it names, and for what is public. */
            op->vis.all = false;
            op->vis.user_id = 0;
        }

        *ret_try = true;

        return CR_OK;
    }

    if (cr_str_chr(from, '/') < 0) {
        *ret_try = false; /* of a registry whose names need no project */
        return CR_OK;
    }

    /* Nothing can be there: an ordinary session, as of any other source. */
    if (cr_name_parse(&x->cx, from, &name) != CR_OK) {
        cr_clear(&x->cx);
        *ret_try = false;
        return CR_OK;
    }

    op->from = name.full;

    return cr_authorise_name(x, &name, CR_PERM_PULL, ret_try);
}

cr_err_t
cr_v2_upload_post(cr_exchange_t *x)
{
    bool              try_mount = false;
    cr_str_t          alg, digest, mount;
    cr_digest_t       d;
    cr_upload_post_t *op = CR_NEW(&x->cx, cr_upload_post_t);

    if (op == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(cr_query_one(x, "digest-algorithm", CR_ERR_DIGEST_INVALID, &alg));
    CR_TRY(cr_query_one(x, "digest", CR_ERR_DIGEST_INVALID, &digest));
    CR_TRY(cr_query_one(x, "mount", CR_ERR_BAD_REQUEST, &mount));

    op->alg = CR_HASH_SHA256;

    if (alg.data != NULL) {
        CR_TRY(cr_digest_alg_parse(&x->cx, alg, &op->alg));
    }

    if (digest.data != NULL) {
        CR_TRY(cr_digest_parse(&x->cx, digest, &d));

        if (alg.data != NULL && d.alg != op->alg) {
            return cr_fail(&x->cx, CR_ERR_DIGEST_INVALID,
                           "digest and digest-algorithm do not agree");
        }
    }

    if (mount.data != NULL) {
        CR_TRY(cr_upload_mount_parse(x, op, mount, &try_mount));

    } else if (digest.data != NULL) {
        return cr_upload_monolithic(x, &d);
    }

    x->state->op = op;

    return cr_then(x, CR_STEP_DB,
                   try_mount ? cr_upload_mount : cr_upload_start);
}

/* --- GET, DELETE ------------------------------------------------------- */

cr_err_t
cr_v2_upload_get(cr_exchange_t *x)
{
    cr_upload_t          u;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_upload_get(&x->cx, o->meta, st->name.full, cr_api_actor(x),
                         st->reference_text, &u));
    CR_TRY(cr_upload_headers(x, u.id, u.size));

    return cr_respond_empty(x, 204);
}

cr_err_t
cr_v2_upload_delete(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_upload_cancel(&x->cx, o->meta, st->name.full, cr_api_actor(x),
                            st->reference_text));

    return cr_respond_empty(x, 204);
}
