/*
 * GET, HEAD and DELETE of a blob (distribution-spec, "Pulling blobs",
 * "Deleting Blobs").  A blob is seen only through a repository that links it.
 */

#include "api/handlers.h"

/* Drivers that cannot give a file: most that is read into memory. */
#define CR_BLOB_BODY_MAX ((uint64_t) 64 * 1024 * 1024)

static cr_err_t
cr_blob_headers(cr_exchange_t *x)
{
    cr_str_t digest = cr_digest_str(&x->state->digest);

    CR_TRY(cr_response_header(x, "Docker-Content-Digest", digest));
    CR_TRY(cr_response_header(x, "Cache-Control",
                              CR_STR("private, max-age=31536000, immutable")));

    x->response.etag = cr_printf(&x->cx, "\"%.*s\"", CR_STR_ARG(digest));

    return x->response.etag.data != NULL ? CR_OK : CR_ERR_NO_MEMORY;
}

/* A driver without files: the whole of it, through memory. */
static cr_err_t
cr_blob_send_body(cr_exchange_t *x)
{
    char                *data;
    size_t               n = 0;
    cr_blob_t           *blob = x->state->op;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (blob->size > CR_BLOB_BODY_MAX) {
        return cr_fail_detail(&x->cx, CR_ERR_INTERNAL,
                              "blob too large for a storage without files");
    }

    data = cr_alloc(&x->cx, (size_t) blob->size + 1);

    if (data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    if (cr_storage_read(&x->cx, o->storage, blob->locator, 0, data,
                        (size_t) blob->size, &n)
            != CR_OK
        || n != blob->size)
    {
        return cr_fail_detail(&x->cx, CR_ERR_CORRUPT,
                              "bytes of a published blob are missing: %.*s",
                              CR_STR_ARG(blob->locator));
    }

    CR_TRY(cr_blob_headers(x));

    return cr_respond(x, 200, CR_STR("application/octet-stream"),
                      (cr_str_t){ n, data });
}

static cr_err_t
cr_blob_send_file(cr_exchange_t *x, const cr_blob_t *blob)
{
    cr_str_t             path;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_storage_path(&x->cx, o->storage, blob->locator, &path));
    CR_TRY(cr_blob_headers(x));

    x->response.is_file = true;
    x->response.file_path = path;
    x->response.file_size = blob->size;
    CR_TRY(cr_respond(x, 200, CR_STR("application/octet-stream"), CR_STR_NULL));
    x->response.content_length = blob->size;

    return CR_OK;
}

/* A HEAD says "you need not push it": then it must stay for a while. */
static cr_err_t
cr_blob_send_head(cr_exchange_t *x, const cr_blob_t *blob)
{
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (blob->expiring) {
        CR_TRY(cr_blob_protect(&x->cx, o->meta, st->name.full, &st->digest));
    }

    CR_TRY(cr_blob_headers(x));

    if (cr_request_none_match(x, cr_digest_str(&st->digest))) {
        return cr_respond_empty(x, 304);
    }

    CR_TRY(cr_response_header(x, "Accept-Ranges", CR_STR("bytes")));
    CR_TRY(cr_respond(x, 200, CR_STR("application/octet-stream"), CR_STR_NULL));
    x->response.content_length = blob->size;

    return CR_OK;
}

cr_err_t
cr_v2_blob_get(cr_exchange_t *x)
{
    cr_blob_t            blob, *copy;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_blob_find(&x->cx, o->meta, st->name.full, &st->digest, &blob));

    if (st->head) {
        return cr_blob_send_head(x, &blob);
    }

    if (cr_storage_features(o->storage) & CR_STORAGE_FILES) {
        return cr_blob_send_file(x, &blob);
    }

    copy = CR_NEW(&x->cx, cr_blob_t);

    if (copy == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *copy = blob;
    st->op = copy;

    return cr_then(x, CR_STEP_BULK, cr_blob_send_body);
}

cr_err_t
cr_v2_blob_delete(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_blob_delete(&x->cx, o->meta, st->name.full, &st->digest));

    return cr_respond_empty(x, 202);
}
