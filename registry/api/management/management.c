/*
 * What the endpoints below /api/ share: reading a JSON body, ids in paths,
 * the answer to a creation.
 */

#include "api/management/management.h"

cr_err_t
cr_mgmt_body(cr_exchange_t *x, json_t **ret_obj)
{
    json_t *obj;

    CR_TRY(cr_json_parse(&x->cx, x->state->body, CR_MGMT_BODY_MAX,
                         CR_ERR_BAD_REQUEST, &obj));

    if (!json_is_object(obj)) {
        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "body: object expected");
    }

    *ret_obj = obj;

    return CR_OK;
}

/* A member, or NULL; null counts as missing, as in Go's decoder. */
static json_t *
cr_mgmt_member(const json_t *obj, const char *key)
{
    json_t *value = json_object_get(obj, key);

    return json_is_null(value) ? NULL : value;
}

static cr_err_t
cr_mgmt_type(cr_exchange_t *x, const char *key, const char *what)
{
    return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "%s: %s expected", key, what);
}

cr_err_t
cr_mgmt_str(cr_exchange_t *x, const json_t *obj, const char *key,
            cr_str_t *ret_s)
{
    json_t *value = cr_mgmt_member(obj, key);

    if (value == NULL) {
        return CR_OK;
    }

    if (!json_is_string(value)) {
        return cr_mgmt_type(x, key, "string");
    }

    *ret_s = (cr_str_t){ json_string_length(value), json_string_value(value) };

    return CR_OK;
}

cr_err_t
cr_mgmt_int(cr_exchange_t *x, const json_t *obj, const char *key,
            int64_t *ret_n)
{
    json_t *value = cr_mgmt_member(obj, key);

    if (value == NULL) {
        return CR_OK;
    }

    if (!json_is_integer(value)) {
        return cr_mgmt_type(x, key, "integer");
    }

    *ret_n = (int64_t) json_integer_value(value);

    return CR_OK;
}

cr_err_t
cr_mgmt_bool(cr_exchange_t *x, const json_t *obj, const char *key, bool *ret_b)
{
    json_t *value = cr_mgmt_member(obj, key);

    if (value == NULL) {
        return CR_OK;
    }

    if (!json_is_boolean(value)) {
        return cr_mgmt_type(x, key, "true or false");
    }

    *ret_b = json_is_true(value);

    return CR_OK;
}

cr_err_t
cr_mgmt_object(cr_exchange_t *x, const json_t *obj, const char *key,
               json_t **ret_o)
{
    json_t *value = cr_mgmt_member(obj, key);

    if (value != NULL && !json_is_object(value)) {
        return cr_mgmt_type(x, key, "object");
    }

    *ret_o = value;

    return CR_OK;
}

cr_err_t
cr_mgmt_array(cr_exchange_t *x, const json_t *obj, const char *key,
              json_t **ret_a)
{
    json_t *value = cr_mgmt_member(obj, key);

    if (value != NULL && !json_is_array(value)) {
        return cr_mgmt_type(x, key, "array");
    }

    *ret_a = value;

    return CR_OK;
}

cr_err_t
cr_mgmt_id(cr_exchange_t *x, const char *part, int64_t *ret_id)
{
    bool     negative;
    uint64_t id;
    cr_str_t text = cr_path_part(x, part);

    negative = text.len > 1 && text.data[0] == '-';

    if (!cr_str_u64(negative ? cr_str_slice(text, 1, text.len) : text, &id)
        || id > INT64_MAX)
    {
        return cr_fail(&x->cx, CR_ERR_UNPROCESSABLE,
                       "%s in path must be an integer", part);
    }

    if (negative || id == 0) {
        return cr_fail(&x->cx, CR_ERR_NOT_FOUND, NULL);
    }

    *ret_id = (int64_t) id;

    return CR_OK;
}

cr_err_t
cr_mgmt_id_open(cr_exchange_t *x, const char *part, int64_t *ret_id)
{
    cr_err_t err = cr_mgmt_id(x, part, ret_id);

    if (err == CR_OK || cr_authorise_system(x, CR_PERM_LOGIN)) {
        return err;
    }

    cr_clear(&x->cx);

    return cr_authorise_refuse(x);
}

cr_err_t
cr_mgmt_created_text(cr_exchange_t *x, cr_str_t id)
{
    cr_buf_t b;
    cr_str_t location, path = x->state->path;

    if (path.data[path.len - 1] == '/') {
        path.len--;
    }

    cr_buf_init(&b, &x->cx, 65536);
    cr_buf_str(&b, path);
    cr_buf_char(&b, '/');
    cr_buf_str(&b, id);
    CR_TRY(cr_buf_end(&b, &location));
    CR_TRY(cr_response_header(x, "Location", location));

    return cr_respond_empty(x, 201);
}

cr_err_t
cr_mgmt_created(cr_exchange_t *x, int64_t id)
{
    cr_str_t text = cr_printf(&x->cx, "%lld", (long long) id);

    if (text.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    return cr_mgmt_created_text(x, text);
}

cr_visibility_t
cr_mgmt_visibility(const cr_exchange_t *x)
{
    cr_visibility_t nothing = { false, 0, 0 };

    return x->state->bearer ? nothing : cr_api_visibility(x);
}
