/*
 * Writing a response: headers, bodies, and the JSON of an error.
 */

#include <stdarg.h>

#include "api/machine.h"
#include "core/encode.h"

#define CR_ERROR_BODY_MAX 65536
#define CR_REQUEST_ID_MAX 128

static cr_err_t
cr_response_put(cr_exchange_t *x, const char *name, cr_str_t value)
{
    cr_response_t *r = &x->response;

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char) value.data[i];

        if (c < 0x20 || c == 0x7f) {
            return cr_fail_detail(&x->cx, CR_ERR_INTERNAL,
                                  "control character in header %s", name);
        }
    }

    if (r->nheaders == CR_RESPONSE_HEADERS_MAX) {
        return cr_fail_detail(&x->cx, CR_ERR_INTERNAL, "too many headers: %s",
                              name);
    }

    r->headers[r->nheaders].name = cr_str_z(name);
    r->headers[r->nheaders].value = value;
    r->nheaders++;

    return CR_OK;
}

cr_err_t
cr_response_header(cr_exchange_t *x, const char *name, cr_str_t value)
{
    cr_str_t copy = cr_dup(&x->cx, value);

    if (copy.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    return cr_response_put(x, name, copy);
}

cr_err_t
cr_response_printf(cr_exchange_t *x, const char *name, const char *fmt, ...)
{
    va_list  ap;
    cr_str_t value;

    va_start(ap, fmt);
    value = cr_arena_vprintf(x->cx.arena, fmt, ap);
    va_end(ap);

    if (value.data == NULL) {
        return cr_fail(&x->cx, CR_ERR_NO_MEMORY, NULL);
    }

    return cr_response_put(x, name, value);
}

cr_err_t
cr_respond(cr_exchange_t *x, int status, cr_str_t content_type, cr_str_t body)
{
    x->response.status = status;
    x->response.content_type = content_type;
    x->response.body = body;
    x->response.content_length = body.len;
    x->state->settled = true;
    cr_on_abort(x, CR_STEP_DB, NULL);
    cr_exchange_sent(x);

    return CR_OK;
}

cr_err_t
cr_respond_json(cr_exchange_t *x, int status, cr_str_t body)
{
    return cr_respond(x, status, CR_STR("application/json"), body);
}

cr_err_t
cr_respond_empty(cr_exchange_t *x, int status)
{
    return cr_respond(x, status, CR_STR_NULL, CR_STR_NULL);
}

bool
cr_api_is_harbor(cr_str_t path)
{
    return cr_str_starts(path, CR_STR("/api/"))
           || cr_str_starts(path, CR_STR("/c/"));
}

/* Harbor's codes, which follow from the status. */
static const char *
cr_error_id_harbor(cr_err_t err)
{
    const cr_err_info_t *info = cr_err_info(err);

    switch (info->status) {

    case 400:
        return err == CR_ERR_DIGEST_INVALID || err == CR_ERR_MANIFEST_INVALID
                   ? info->id
                   : "BAD_REQUEST";

    case 404:
        return "NOT_FOUND";

    case 405:
        return "METHOD_NOT_ALLOWED";

    case 429:
        return "TOO_MANY_REQUEST";

    default:
        return info->status >= 500 && err != CR_ERR_UNAVAILABLE ? "UNKNOWN"
                                                                : info->id;
    }
}

/* OCI distribution-spec, "Error Codes"; or as Harbor writes it. */
cr_err_t
cr_api_error_body(cr_ctx_t *cx, bool harbor, cr_err_t err, cr_str_t message,
                  cr_str_t *ret_body)
{
    cr_buf_t             b;
    const cr_err_info_t *info = cr_err_info(err);

    cr_buf_init(&b, cx, CR_ERROR_BODY_MAX);
    cr_buf_z(&b, "{\"errors\":[{\"code\":");
    cr_buf_json(&b, cr_str_z(harbor ? cr_error_id_harbor(err) : info->id));
    cr_buf_z(&b, ",\"message\":");
    cr_buf_json(&b, message.len != 0 ? message : cr_str_z(info->text));
    cr_buf_z(&b, harbor ? "}]}\n" : ",\"detail\":null}]}\n");

    return cr_buf_end(&b, ret_body);
}

/* Errors that only code inside gives: a client sees 500 or 503. */
static bool
cr_error_is_internal(cr_err_t err)
{
    return cr_err_info(err)->status >= 500 && err != CR_ERR_NO_SPACE
           && err != CR_ERR_UNAVAILABLE;
}

static void
cr_respond_error_headers(cr_exchange_t *x, cr_err_t err)
{
    int status = cr_err_info(err)->status;

    if (status == 429 || status == 503) {
        int64_t wait = x->state->login.wait_s;

        wait = status != 429 ? 2 : wait > 0 ? wait : 1;
        (void) cr_response_printf(x, "Retry-After", "%lld", (long long) wait);
    }

    /* Until the other one is done, or its lease is over. */
    if (err == CR_ERR_BLOB_UPLOAD_BUSY) {
        (void) cr_response_header(x, "Retry-After", CR_STR("5"));
    }

    if (status == 401) {
        (void) cr_challenge(x);
    }
}

void
cr_respond_error(cr_exchange_t *x, cr_err_t err)
{
    cr_response_t       *r = &x->response;
    const cr_err_info_t *info = cr_err_info(err);
    cr_str_t             body, message = x->cx.message;

    x->info.error = info->id;
    x->info.detail = x->cx.detail;

    if (cr_error_is_internal(err)) {
        if (x->info.detail.len == 0) {
            x->info.detail = message;
        }

        message = CR_STR_NULL;
    }

    if (info->status >= 500) {
        if (x->info.detail.len == 0) {
            x->info.detail = cr_str_z(info->text);

        } else {
            x->info.log_error = true;
        }

        if (err != CR_ERR_UNAVAILABLE) {
            x->info.log_error = true;
        }
    }

    if (cr_api_error_body(&x->cx, x->state->harbor, err, message, &body)
        != CR_OK) {
        body = CR_STR("{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":"
                      "\"internal server error\",\"detail\":null}]}\n");
    }

    r->status = info->status;
    r->content_type = CR_STR("application/json");
    r->body = body;
    r->content_length = body.len;
    r->is_file = false;
    r->etag = CR_STR_NULL;

    cr_respond_error_headers(x, err);
}

cr_err_t
cr_api_request_id(cr_ctx_t *cx, cr_str_t given, cr_str_t *ret_id)
{
    char     made[CR_UUID_LEN];
    cr_str_t id = given;

    for (size_t i = 0; i < id.len; i++) {
        if (id.data[i] <= ' ' || id.data[i] >= 0x7f
            || id.len > CR_REQUEST_ID_MAX) {
            id = CR_STR_NULL;
        }
    }

    if (id.len == 0) {
        CR_TRY(cr_uuid_make(cx, made));
        id = (cr_str_t){ sizeof(made), made };
    }

    id = cr_dup(cx, id);

    if (id.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_id = id;

    return CR_OK;
}

void
cr_response_finish(cr_exchange_t *x)
{
    cr_str_t id;

    if (cr_api_request_id(&x->cx, cr_request_header(x, "X-Request-Id"), &id)
        == CR_OK)
    {
        (void) cr_response_put(x, "X-Request-Id", id);

    } else {
        cr_clear(&x->cx);
    }

    if (x->state->harbor
        && cr_str_eq_z(x->response.content_type, "application/json"))
    {
        x->response.content_type = CR_STR("application/json; charset=utf-8");
    }

    cr_session_headers(x);

    if (x->state->v2) {
        (void) cr_response_put(x, "Docker-Distribution-Api-Version",
                               CR_STR("registry/2.0"));
    }

    (void) cr_response_put(x, "X-Content-Type-Options", CR_STR("nosniff"));

    if (x->state->head) {
        x->response.body = CR_STR_NULL; /* content_length stays */
    }
}
