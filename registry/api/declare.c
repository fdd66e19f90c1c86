/*
 * What nginx.conf declares, for the transport: checked when the file is read,
 * brought into the database when a worker starts.  What came of it is a
 * sentence for the log.
 */

#include <string.h>

#include "api/exchange.h"
#include "auth/pkey.h"
#include "auth/secret.h"
#include "meta/declare.h"

#define CR_SQLITE_SCHEME CR_STR("sqlite:")

cr_err_t
cr_api_declared_check(cr_ctx_t *cx, cr_str_t declared)
{
    cr_declared_t set;

    return cr_declared_parse(cx, declared, &set);
}


cr_err_t
cr_api_token_key_check(cr_ctx_t *cx, cr_str_t pem)
{
    cr_pkey_t *key;

    CR_TRY(cr_pkey_private(cx, pem, &key));
    cr_pkey_free(key);

    return CR_OK;
}


/* secret_file, else the file of the database with ".key" behind. */
static cr_err_t
cr_api_secret_path(cr_ctx_t *cx, const cr_api_conf_t *conf, cr_str_t *ret_path)
{
    cr_str_t path = conf->secret_file;

    if (path.len != 0) {
        path = cr_dup(cx, path);

    } else if (cr_str_starts(conf->database, CR_SQLITE_SCHEME)) {
        path = cr_str_slice(conf->database, CR_SQLITE_SCHEME.len,
                            conf->database.len);
        path = cr_printf(cx, "%.*s.key", CR_STR_ARG(path));

    } else {
        return cr_fail(cx, CR_ERR_CONFIG, "this database needs a secret_file");
    }

    if (path.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_path = path;
    return CR_OK;
}


static cr_err_t
cr_api_declare_run(cr_ctx_t *cx, cr_api_t *api, cr_declare_result_t *ret_r)
{
    uint8_t              key[CR_DECLARED_KEY_SIZE];
    cr_err_t             err;
    cr_str_t             path = CR_STR_NULL, k = CR_STR_NULL;
    cr_declared_t        set;
    const cr_api_conf_t *conf = cr_api_conf(api);

    _Static_assert(CR_SECRET_SIZE == CR_DECLARED_KEY_SIZE, "one size of keys");

    CR_TRY(cr_api_open(cx, api));
    CR_TRY(cr_declared_parse(cx, conf->declared, &set));

    if (cr_declared_has_passwords(&set)) {
        CR_TRY(cr_api_secret_path(cx, conf, &path));
        CR_TRY(cr_secret_key(cx, path.data, "declared passwords", true, key));
        k = (cr_str_t){ sizeof(key), (const char *) key };
    }

    err = cr_declare_run(cx, cr_api_opened(api)->meta, conf->declared, k,
                         conf->declared_at, ret_r);
    explicit_bzero(key, sizeof(key));
    return err;
}


static cr_str_t
cr_api_declare_why(cr_ctx_t *cx, cr_err_t err)
{
    if (cx->detail.len != 0) {
        return cx->detail;
    }

    return cx->message.len != 0 ? cx->message
                                : cr_str_z(cr_err_info(err)->text);
}


cr_api_declare_e
cr_api_declare(cr_ctx_t *cx, cr_api_t *api, cr_str_t *ret_text)
{
    cr_err_t            err;
    cr_declare_result_t r = { 0 };

    *ret_text = CR_STR_NULL;

    if (cr_api_conf(api)->declared.data == NULL) {
        return CR_API_DECLARE_DONE;
    }

    err = cr_api_declare_run(cx, api, &r);

    if (err != CR_OK) {
        *ret_text = cr_api_declare_why(cx, err);

        /* A mistake stays one; of all else the cause may go. */
        if (err == CR_ERR_CONFIG) {
            *ret_text = cr_printf(cx, "what it declares is not applied: %.*s",
                                  CR_STR_ARG(*ret_text));
            return CR_API_DECLARE_FAULT;
        }

        return CR_API_DECLARE_AGAIN;
    }

    switch (r.state) {

    case CR_DECLARE_APPLIED:
        *ret_text = cr_printf(cx, "what it declares is applied, changes: %zu",
                              r.changes);
        return CR_API_DECLARE_DONE;

    case CR_DECLARE_HELD:
        *ret_text = cr_printf(cx,
                              "what it declares is held: %.*s; look with "
                              "\"jobrunner config diff\", then \"jobrunner "
                              "config apply\"",
                              CR_STR_ARG(r.reason));
        return CR_API_DECLARE_FAULT;

    case CR_DECLARE_FAILED:
        *ret_text = cr_printf(cx, "what it declares is not applied: %.*s",
                              CR_STR_ARG(r.reason));
        return CR_API_DECLARE_FAULT;

    case CR_DECLARE_SUPERSEDED:
        *ret_text = cr_printf(cx, "what it declares is not applied: %.*s",
                              CR_STR_ARG(r.reason));
        return CR_API_DECLARE_NOTICE;

    case CR_DECLARE_BUSY:
        *ret_text = r.reason;
        return CR_API_DECLARE_AGAIN;

    default:
        return CR_API_DECLARE_DONE;
    }
}
