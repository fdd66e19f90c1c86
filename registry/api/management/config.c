/*
 * The configuration that administrators change at run time: a few of
 * Harbor's keys.  The others that tools read are shown with the value that
 * they have here, and cannot be changed.  What belongs to the machine stands
 * in nginx.conf.
 */

#include "api/management/management.h"
#include "meta/setting.h"

typedef enum {
    CR_CONFIG_TEXT,
    CR_CONFIG_BOOL,
    CR_CONFIG_INT,
    CR_CONFIG_CREATION /* everyone or adminonly */
} cr_config_type_e;

typedef struct cr_config_row_s {
    const char      *name;
    const char      *setting; /* NULL: fixed */
    cr_config_type_e type;
    const char      *value; /* fixed, or what it is until somebody sets it */
} cr_config_row_t;

#define CR_CONFIG_TEXT_MAX 4096

/* clang-format off */
static const cr_config_row_t cr_config_rows[] = {
    { "auth_mode",          NULL, CR_CONFIG_TEXT, "db_auth" },
    { "primary_auth_mode",  NULL, CR_CONFIG_BOOL, "false" },
    { "banner_message",     CR_SETTING_BANNER, CR_CONFIG_TEXT, "" },
    { "notification_enable", NULL, CR_CONFIG_BOOL, "false" },
    { "project_creation_restriction", CR_SETTING_PROJECT_CREATION,
                                  CR_CONFIG_CREATION, "everyone" },
    { "quota_per_project_enable", NULL, CR_CONFIG_BOOL, "true" },
    { "read_only",          NULL, CR_CONFIG_BOOL, "false" },
    { "robot_name_prefix",  NULL, CR_CONFIG_TEXT, "robot$" },
    { "robot_token_duration", CR_SETTING_ROBOT_DURATION, CR_CONFIG_INT, "30" },
    { "self_registration",  CR_SETTING_SELF_REGISTRATION, CR_CONFIG_BOOL,
                                  "false" },
    { "session_timeout",    NULL, CR_CONFIG_INT, "60" },
    { "storage_per_project", NULL, CR_CONFIG_INT, "-1" },
    { "token_expiration",   NULL, CR_CONFIG_INT, "" }, /* of nginx.conf */
};
/* clang-format on */

/* The value as it is now. */
static cr_err_t
cr_config_value(cr_exchange_t *x, const cr_config_row_t *row,
                cr_str_t *ret_value)
{
    cr_str_t             value = CR_STR_NULL;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (row->setting != NULL) {
        CR_TRY(cr_setting_get(&x->cx, o->meta, row->setting, &value));
    }

    if (value.data == NULL) {
        value = cr_str_z(row->value);
    }

    if (row->type == CR_CONFIG_INT && value.len == 0) {
        value = cr_printf(&x->cx, "%lld",
                          (long long) (cr_api_conf(x->api)->token_ttl_s / 60));
    }

    *ret_value = value;

    return value.data != NULL ? CR_OK : CR_ERR_NO_MEMORY;
}

static void
cr_config_write(cr_writer_t *w, const cr_config_row_t *row, cr_str_t value)
{
    cr_writer_object(w, row->name);
    cr_writer_bool(w, "editable", row->setting != NULL);

    if (row->type == CR_CONFIG_BOOL || row->type == CR_CONFIG_INT) {
        cr_writer_raw(w, "value", value); /* checked when it was set */

    } else {
        cr_writer_str(w, "value", value);
    }

    cr_writer_object_end(w);
}

cr_err_t
cr_mgmt_config_get(cr_exchange_t *x)
{
    cr_str_t    body, value;
    cr_writer_t w;

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);

    for (size_t i = 0; i < CR_NELTS(cr_config_rows); i++) {
        CR_TRY(cr_config_value(x, &cr_config_rows[i], &value));
        cr_config_write(&w, &cr_config_rows[i], value);
    }

    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

/* --- change ------------------------------------------------------------ */

/* A value of the body as text; data NULL when it is not there. */
static cr_err_t
cr_config_read(cr_exchange_t *x, const json_t *obj, const cr_config_row_t *row,
               cr_str_t *ret_text)
{
    bool     b = false;
    int64_t  n = 0;
    cr_str_t text = CR_STR_NULL;

    *ret_text = CR_STR_NULL;

    if (json_object_get(obj, row->name) == NULL
        || json_is_null(json_object_get(obj, row->name)))
    {
        return CR_OK;
    }

    switch (row->type) {

    case CR_CONFIG_BOOL:
        CR_TRY(cr_mgmt_bool(x, obj, row->name, &b));
        text = b ? CR_STR("true") : CR_STR("false");
        break;

    case CR_CONFIG_INT:
        CR_TRY(cr_mgmt_int(x, obj, row->name, &n));
        text = cr_printf(&x->cx, "%lld", (long long) n);
        break;

    default:
        CR_TRY(cr_mgmt_str(x, obj, row->name, &text));
        break;
    }

    if (text.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_text = text;

    return CR_OK;
}

static cr_err_t
cr_config_check(cr_exchange_t *x, const cr_config_row_t *row, cr_str_t text)
{
    bool     ok = true;
    uint64_t n;
    cr_str_t now;

    if (row->setting == NULL) {
        CR_TRY(cr_config_value(x, row, &now));

        return cr_str_eq(now, text)
                   ? CR_OK
                   : cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                             "%s: cannot be changed here", row->name);
    }

    switch (row->type) {

    case CR_CONFIG_CREATION:
        ok = cr_str_eq_z(text, "everyone") || cr_str_eq_z(text, "adminonly");
        break;

    case CR_CONFIG_INT:
        ok = cr_str_eq_z(text, "-1")
             || (cr_str_u64(text, &n) && n > 0 && n <= 36500);
        break;

    case CR_CONFIG_TEXT:
        ok = text.len <= CR_CONFIG_TEXT_MAX;
        break;

    default:
        break;
    }

    return ok ? CR_OK
              : cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "%s: bad value", row->name);
}

/* All values are checked before the first one is written. */
cr_err_t
cr_mgmt_config_set(cr_exchange_t *x)
{
    json_t              *obj;
    cr_str_t             text[CR_NELTS(cr_config_rows)];
    cr_audit_who_t       who = cr_api_who(x);
    cr_audit_entry_t     e = { .success = true };
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_body(x, &obj));

    for (size_t i = 0; i < CR_NELTS(cr_config_rows); i++) {
        CR_TRY(cr_config_read(x, obj, &cr_config_rows[i], &text[i]));

        if (text[i].data != NULL) {
            CR_TRY(cr_config_check(x, &cr_config_rows[i], text[i]));
        }
    }

    for (size_t i = 0; i < CR_NELTS(cr_config_rows); i++) {
        if (text[i].data == NULL || cr_config_rows[i].setting == NULL) {
            continue;
        }

        CR_TRY(cr_setting_put(&x->cx, o->meta, cr_config_rows[i].setting,
                              text[i]));
        e.operation = CR_STR("update");
        e.resource_type = CR_STR("configuration");
        e.resource = cr_str_z(cr_config_rows[i].name);
        e.description = text[i];
        CR_TRY(cr_audit_add(&x->cx, o->meta, &who, &e));
    }

    return cr_respond_empty(x, 200);
}

/* --- system information ------------------------------------------------ */

/* Who is logged in learns more. */
cr_err_t
cr_mgmt_systeminfo(cr_exchange_t *x)
{
    bool        login = cr_authorise_system(x, CR_PERM_LOGIN);
    cr_str_t    body, value, url = cr_api_base_url(x);
    cr_writer_t w;

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);

    for (size_t i = 0; i < CR_NELTS(cr_config_rows); i++) {
        const cr_config_row_t *row = &cr_config_rows[i];
        cr_str_t               name = cr_str_z(row->name);

        if (cr_str_eq_z(name, "auth_mode")
            || cr_str_eq_z(name, "primary_auth_mode")
            || cr_str_eq_z(name, "banner_message")
            || cr_str_eq_z(name, "self_registration")
            || (login
                && (cr_str_eq_z(name, "project_creation_restriction")
                    || cr_str_eq_z(name, "read_only")
                    || cr_str_eq_z(name, "notification_enable"))))
        {
            CR_TRY(cr_config_value(x, row, &value));

            if (row->type == CR_CONFIG_BOOL) {
                cr_writer_raw(&w, row->name, value);

            } else {
                cr_writer_str(&w, row->name, value);
            }
        }
    }

    if (login) {
        cr_writer_z(&w, "harbor_version", CR_MGMT_HARBOR_VERSION);
        cr_writer_time(&w, "current_time", cr_now(&x->cx));
        cr_writer_str(&w, "external_url", url);
        cr_writer_str(&w, "registry_url", cr_mgmt_host(url));
        cr_writer_bool(&w, "has_ca_root", false);
        cr_writer_z(&w, "registry_storage_provider_name", "filesystem");
    }

    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}
