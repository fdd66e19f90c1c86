/*
 * JSON from outside.  A scan in front of jansson enforces the limits: it
 * knows strings and brackets, no more, and needs no memory; jansson, which
 * recurses and allocates, then sees only bounded input.  One thread at a time.
 */

#include <string.h>
#include "core/json.h"

typedef struct cr_json_scan_s {
    size_t      line;
    size_t      column;
    size_t      depth;
    size_t      items;
    size_t      containers;
    const char *z_fault;
} cr_json_scan_t;

static bool     cr_json_scan(cr_json_scan_t *scan, cr_str_t text);
static bool     cr_json_scan_open(cr_json_scan_t *scan);
static bool     cr_json_scan_item(cr_json_scan_t *scan);
static void     cr_json_free(void *arg);
static cr_err_t cr_json_member(cr_ctx_t *cx, const json_t *obj, const char *key,
                               cr_err_t err, json_t **ret_value);


cr_err_t
cr_json_parse(cr_ctx_t *cx, cr_str_t text, size_t max, cr_err_t err,
              json_t **ret_value)
{
    json_t        *value;
    json_error_t   error;
    cr_json_scan_t scan;

    if (text.len > max) {
        return cr_fail(cx, err, "JSON of more than %zu bytes", max);
    }

    if (text.len == 0) {
        return cr_fail(cx, err, "line 1, column 1: JSON expected");
    }

    if (!cr_json_scan(&scan, text)) {
        return cr_fail(cx, err, "line %zu, column %zu: %s", scan.line,
                       scan.column, scan.z_fault);
    }

    value = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);

    if (value == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory) {
            return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
        }

        return cr_fail(cx, err, "line %d, column %d: %s", error.line,
                       error.column, error.text);
    }

    if (!cr_arena_cleanup(cx->arena, cr_json_free, value)) {
        json_decref(value);
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    *ret_value = value;

    return CR_OK;
}


/* False with the place and z_fault set.  What is not JSON in other ways is
 * left to jansson. */
static bool
cr_json_scan(cr_json_scan_t *scan, cr_str_t text)
{
    bool   ok = true;
    bool   string = false;
    size_t i;

    *scan = (cr_json_scan_t){ .line = 1 };

    if (cr_str_starts(text, CR_STR("\xef\xbb\xbf"))) {
        scan->column = 1;
        scan->z_fault = "byte order mark";
        return false;
    }

    for (i = 0; i < text.len && ok; i++) {
        char c = text.data[i];

        scan->column++;

        if (c == '\0') {
            scan->z_fault = "NUL byte";
            return false;
        }

        if (c == '\n') {
            scan->line++;
            scan->column = 0;
        }

        if (string) {
            if (c == '\\' && i + 1 < text.len && text.data[i + 1] != '\0') {
                i++;
                scan->column++;

            } else if (c == '"') {
                string = false;
            }

            continue;
        }

        switch (c) {

        case '"':
            string = true;
            break;

        case '[':
        case '{':
            ok = cr_json_scan_open(scan);
            break;

        case ']':
        case '}':
            scan->depth -= scan->depth > 0;
            break;

        case ',':
        case ':':
            ok = cr_json_scan_item(scan);
            break;

        default:
            break;
        }
    }

    return ok;
}


static bool
cr_json_scan_open(cr_json_scan_t *scan)
{
    if (++scan->depth > CR_JSON_DEPTH_MAX) {
        scan->z_fault = "nested too deep";
        return false;
    }

    if (++scan->containers > CR_JSON_CONTAINERS_MAX) {
        scan->z_fault = "too many objects and arrays";
        return false;
    }

    return cr_json_scan_item(scan);
}


static bool
cr_json_scan_item(cr_json_scan_t *scan)
{
    if (++scan->items > CR_JSON_ITEMS_MAX) {
        scan->z_fault = "too many values";
        return false;
    }

    return true;
}


static void
cr_json_free(void *arg)
{
    json_decref(arg);
}


cr_err_t
cr_json_str(cr_ctx_t *cx, const json_t *obj, const char *key, cr_err_t err,
            cr_str_t *ret_s)
{
    json_t *value = NULL;

    CR_TRY(cr_json_member(cx, obj, key, err, &value));

    if (value == NULL) {
        *ret_s = CR_STR_NULL;
        return CR_OK;
    }

    if (!json_is_string(value)) {
        return cr_fail(cx, err, "%s: string expected", key);
    }

    *ret_s = (cr_str_t){ json_string_length(value), json_string_value(value) };

    return CR_OK;
}


cr_err_t
cr_json_u64(cr_ctx_t *cx, const json_t *obj, const char *key, cr_err_t err,
            uint64_t *ret_n)
{
    json_t *value = NULL;

    CR_TRY(cr_json_member(cx, obj, key, err, &value));

    if (value == NULL) {
        return CR_OK;
    }

    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return cr_fail(cx, err, "%s: non-negative integer expected", key);
    }

    *ret_n = (uint64_t) json_integer_value(value);

    return CR_OK;
}


cr_err_t
cr_json_bool(cr_ctx_t *cx, const json_t *obj, const char *key, cr_err_t err,
             bool *ret_b)
{
    json_t *value = NULL;

    CR_TRY(cr_json_member(cx, obj, key, err, &value));

    if (value == NULL) {
        return CR_OK;
    }

    if (!json_is_boolean(value)) {
        return cr_fail(cx, err, "%s: true or false expected", key);
    }

    *ret_b = json_is_true(value);

    return CR_OK;
}


/* *ret_value is untouched when the object has no such member. */
static cr_err_t
cr_json_member(cr_ctx_t *cx, const json_t *obj, const char *key, cr_err_t err,
               json_t **ret_value)
{
    json_t *value;

    if (!json_is_object(obj)) {
        return cr_fail(cx, err, "%s: member of what is no object", key);
    }

    value = json_object_get(obj, key);

    if (value != NULL) {
        *ret_value = value;
    }

    return CR_OK;
}
