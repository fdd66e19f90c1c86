/*
 * GET, HEAD and DELETE of a blob (distribution-spec, "Pulling blobs",
 * "Deleting Blobs").  A blob is seen only through a repository that links it.
 */

#include "api/distribution/upload.h"
#include "api/handlers.h"

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

cr_err_t
cr_blob_check_file(cr_exchange_t *x, cr_str_t locator, uint64_t size)
{
    cr_err_t             err;
    uint64_t             have;
    const cr_api_open_t *o = cr_api_opened(x->api);

    err = cr_storage_stat(&x->cx, o->storage, locator, &have);

    if (err == CR_ERR_CORRUPT || (err == CR_OK && have != size)) {
        return cr_fail_detail(&x->cx, CR_ERR_NOT_FOUND,
                              "\"%.*s\" is not a file of %llu bytes",
                              CR_STR_ARG(locator), (unsigned long long) size);
    }

    return err;
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
    x->response.file_root = path.len - blob->locator.len - 1;
    x->response.file_size = blob->size;
    CR_TRY(cr_respond(x, 200, CR_STR("application/octet-stream"), CR_STR_NULL));
    x->response.content_length = blob->size;

    return CR_OK;
}

/*
 * A HEAD says "you need not push it": then it must be there, and must stay for
 * a while.  What was lost is 404 here, so that the next push brings it back;
 * a GET says 503.  To look is a few calls, as the open for a GET is, and is
 * left out where the storage is not of files.
 */
static cr_err_t
cr_blob_send_head(cr_exchange_t *x, const cr_blob_t *blob)
{
    cr_err_t             err;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (cr_storage_features(o->storage) & CR_STORAGE_FILES) {
        err = cr_blob_check_file(x, blob->locator, blob->size);

        if (err == CR_ERR_NOT_FOUND) {
            return cr_fail(&x->cx, CR_ERR_BLOB_UNKNOWN, NULL);
        }

        CR_TRY(err);
    }

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
    cr_blob_t            blob;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_blob_find(&x->cx, o->meta, st->name.full, &st->digest, &blob));

    return st->head ? cr_blob_send_head(x, &blob) : cr_blob_send_file(x, &blob);
}

cr_err_t
cr_v2_blob_delete(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_blob_delete(&x->cx, o->meta, st->name.full, &st->digest));

    return cr_respond_empty(x, 202);
}
