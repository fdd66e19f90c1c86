/* Opening things in the right order, as the right user. */

#include <stdlib.h>
#include <string.h>
#include "runner.h"
#include "core/redact.h"
#include "meta/setting.h"
#include "owner.h"


cr_str_t
cr_runner_url(const cr_cli_t *cli)
{
    const char *z;

    z = cr_cli_global(cli, "database");

    if (z == NULL) {
        z = getenv(CR_DATABASE_ENVIRONMENT);
    }

    if (z == NULL || *z == '\0') {
        z = CR_DATABASE_DEFAULT;
    }

    return cr_str_z(z);
}


cr_str_t
cr_runner_url_shown(cr_ctx_t *cx, const cr_cli_t *cli)
{
    return cr_redact_url(cx, cr_runner_url(cli));
}


cr_err_t
cr_runner_open_any(cr_ctx_t *cx, const cr_cli_t *cli, unsigned flags,
                   cr_runner_t *r)
{
    cr_str_t url, path;

    memset(r, 0, sizeof(*r));
    r->conf = cr_meta_conf_default;
    r->drivers = cr_storage_drivers;
    url = cr_runner_url(cli);

    CR_TRY(cr_owner_path(cx, url, &path));

    if (path.len != 0) {
        CR_TRY(cr_owner_become(cx, path.data));
    }

    CR_TRY(cr_db_open(cx, url, flags, &r->db));
    r->db_owned = true;
    return CR_OK;
}


static cr_err_t
runner_init(cr_ctx_t *cx, cr_runner_t *r)
{
    cr_err_t err;

    err = cr_meta_open(cx, r->db, &r->conf, &r->meta);

    if (err == CR_OK) {
        err = cr_runner_refresh(cx, r);
    }

    if (err != CR_OK) {
        cr_runner_close(r);
    }

    return err;
}


cr_err_t
cr_runner_open(cr_ctx_t *cx, const cr_cli_t *cli, cr_runner_t *r)
{
    CR_TRY(cr_runner_open_any(cx, cli, 0, r));
    return runner_init(cx, r);
}


cr_err_t
cr_runner_attach(cr_ctx_t *cx, cr_db_t *db, cr_runner_t *r)
{
    memset(r, 0, sizeof(*r));
    r->conf = cr_meta_conf_default;
    r->drivers = cr_storage_drivers;
    r->db = db;
    return runner_init(cx, r);
}


void
cr_runner_close(cr_runner_t *r)
{
    cr_storage_close(r->storage);

    if (r->meta != NULL) {
        cr_meta_close(r->meta);
    }

    if (r->db_owned) {
        cr_db_close(r->db);
    }

    free(r->z_storage_url);
    memset(r, 0, sizeof(*r));
}


static cr_err_t
read_conf(cr_ctx_t *cx, cr_runner_t *r)
{
    cr_meta_t     *meta;
    cr_meta_conf_t conf;

    conf = r->conf;
    CR_TRY(
        cr_setting_get_int(cx, r->meta, CR_SETTING_GRACE_US, &conf.grace_us));
    CR_TRY(
        cr_setting_get_int(cx, r->meta, CR_SETTING_TRASH_US, &conf.trash_us));
    CR_TRY(cr_setting_get_int(cx, r->meta, CR_SETTING_UPLOAD_EXPIRES,
                              &conf.upload_expires_us));

    if (memcmp(&conf, &r->conf, sizeof(conf)) == 0) {
        return CR_OK;
    }

    CR_TRY(cr_meta_open(cx, r->db, &conf, &meta));
    cr_meta_close(r->meta);
    r->meta = meta;
    r->conf = conf;
    return CR_OK;
}


static cr_err_t
read_held(cr_ctx_t *cx, cr_runner_t *r)
{
    int64_t held;

    held = 0;
    CR_TRY(cr_setting_get_int(cx, r->meta, CR_SETTING_SWEEP_HELD, &held));
    r->held = held != 0;
    return CR_OK;
}


static cr_err_t
read_storage_url(cr_ctx_t *cx, cr_runner_t *r)
{
    char    *z;
    cr_str_t url;

    CR_TRY(cr_setting_get(cx, r->meta, CR_SETTING_STORAGE_URL, &url));

    if (url.len == 0 || cr_str_eq(url, cr_str_z(r->z_storage_url))) {
        return CR_OK;
    }

    z = strndup(url.data, url.len);

    if (z == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    cr_storage_close(r->storage);
    r->storage = NULL;
    free(r->z_storage_url);
    r->z_storage_url = z;
    return CR_OK;
}


cr_err_t
cr_runner_refresh(cr_ctx_t *cx, cr_runner_t *r)
{
    cr_db_schema_t schema;

    CR_TRY(cr_db_schema(cx, r->db, &schema));

    if (schema.compatible_from > schema.program) {
        return cr_fail(cx, CR_ERR_DB_SCHEMA,
                       "the database was migrated to schema %d, which needs "
                       "a newer jobrunner",
                       (int) schema.version);
    }

    CR_TRY(read_conf(cx, r));
    CR_TRY(read_held(cx, r));
    return read_storage_url(cx, r);
}


bool
cr_runner_has_storage(const cr_runner_t *r)
{
    return r->z_storage_url != NULL;
}


cr_err_t
cr_runner_storage(cr_ctx_t *cx, cr_runner_t *r)
{
    if (r->storage != NULL) {
        return CR_OK;
    }

    if (r->z_storage_url == NULL) {
        return cr_fail(cx, CR_ERR_UNAVAILABLE,
                       "the database does not say where the content is: "
                       "nginx writes it when it starts");
    }

    return cr_storage_open(cx, r->drivers, cr_str_z(r->z_storage_url),
                           &r->storage);
}
