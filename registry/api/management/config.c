/*
 * The configuration that administrators change at run time: a few of
 * Harbor's keys.  The others that tools read are shown with the value that
 * they have here, and cannot be changed.  What belongs to the machine stands
 * in nginx.conf.
 *
 * Values are rows that each request reads which depends on them, so a change
 * counts at once, in every process.
 */

#include "api/management/management.h"
#include "meta/setting.h"

typedef enum {
    CR_CONFIG_TEXT,
    CR_CONFIG_BOOL,
    CR_CONFIG_INT,
    CR_CONFIG_LIMIT,   /* the same, or -1: no limit */
    CR_CONFIG_CREATION /* everyone or adminonly */
} cr_config_type_e;

typedef struct cr_config_row_s {
    const char      *name;
    const char      *setting; /* NULL: fixed */
    cr_config_type_e type;
    int64_t          max;   /* of a number, the least being 1; of a text */
    const char      *value; /* fixed, or what it is until somebody sets it */
} cr_config_row_t;

#define CR_CONFIG_TEXT_MAX 4096
#define CR_CONFIG_DAY      1440 /* minutes */

/* clang-format off */
static const cr_config_row_t cr_config_rows[] = {
    { "auth_mode",            NULL,
      CR_CONFIG_TEXT,     0, "db_auth" },
    { "primary_auth_mode",    NULL,
      CR_CONFIG_BOOL,     0, "false" },
    { "banner_message",       CR_SETTING_BANNER,
      CR_CONFIG_TEXT,     CR_CONFIG_TEXT_MAX, "" },
    { "notification_enable",  NULL,
      CR_CONFIG_BOOL,     0, "false" },
    { "project_creation_restriction", CR_SETTING_PROJECT_CREATION,
      CR_CONFIG_CREATION, 0, "everyone" },
    { "pull_audit_log_disable", CR_SETTING_PULL_AUDIT_OFF,
      CR_CONFIG_BOOL,     0, "true" },
    { "quota_per_project_enable", CR_SETTING_QUOTA_ENABLE,
      CR_CONFIG_BOOL,     0, "true" },
    { "read_only",            CR_SETTING_READ_ONLY,
      CR_CONFIG_BOOL,     0, "false" },
    { "robot_name_prefix",    NULL,
      CR_CONFIG_TEXT,     0, "robot$" },
    { "robot_token_duration", CR_SETTING_ROBOT_DURATION, /* days */
      CR_CONFIG_LIMIT,    36500, "30" },
    { "self_registration",    CR_SETTING_SELF_REGISTRATION,
      CR_CONFIG_BOOL,     0, "false" },
    { "session_timeout",      CR_SETTING_SESSION_TIMEOUT,
      CR_CONFIG_INT,      CR_CONFIG_DAY, "60" },
    { "storage_per_project",  CR_SETTING_STORAGE_LIMIT,
      CR_CONFIG_LIMIT,    INT64_MAX, "-1" },
    { "token_expiration",     CR_SETTING_TOKEN_EXPIRATION,
      CR_CONFIG_INT,      CR_CONFIG_DAY, "" }, /* token_ttl of nginx.conf */
};
/* clang-format on */

static bool
cr_config_is_token_ttl(const cr_config_row_t *row)
{
    return row->type == CR_CONFIG_INT && row->value[0] == '\0';
}

static bool
cr_config_editable(const cr_exchange_t *x, const cr_config_row_t *row)
{
    if (cr_config_is_token_ttl(row)) {
        return !cr_api_conf(x->api)->token_ttl_fixed;
    }

    return row->setting != NULL;
}

/* The value as it is now. */
static cr_err_t
cr_config_value(cr_exchange_t *x, const cr_config_row_t *row,
                cr_str_t *ret_value)
{
    int64_t              ttl;
    cr_str_t             value = CR_STR_NULL;
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (cr_config_is_token_ttl(row)) {
        CR_TRY(cr_api_token_ttl(x, &ttl));
        value = cr_printf(&x->cx, "%lld", (long long) (ttl / 60));

    } else if (row->setting != NULL) {
        CR_TRY(cr_setting_get(&x->cx, o->meta, row->setting, &value));
    }

    if (value.data == NULL) {
        value = cr_str_z(row->value);
    }

    *ret_value = value;

    return value.data != NULL ? CR_OK : CR_ERR_NO_MEMORY;
}

/* As JSON: what is no text was checked when it was set. */
static void
cr_config_write(cr_writer_t *w, const char *key, const cr_config_row_t *row,
                cr_str_t value)
{
    if (row->type == CR_CONFIG_TEXT || row->type == CR_CONFIG_CREATION) {
        cr_writer_str(w, key, value);

    } else {
        cr_writer_raw(w, key, value);
    }
}

cr_err_t
cr_mgmt_config_get(cr_exchange_t *x)
{
    cr_str_t    body, value;
    cr_writer_t w;

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);

    for (size_t i = 0; i < CR_NELTS(cr_config_rows); i++) {
        const cr_config_row_t *row = &cr_config_rows[i];

        CR_TRY(cr_config_value(x, row, &value));
        cr_writer_object(&w, row->name);
        cr_writer_bool(&w, "editable", cr_config_editable(x, row));
        cr_config_write(&w, "value", row, value);
        cr_writer_object_end(&w);
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
    case CR_CONFIG_LIMIT:
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

/* BAD_REQUEST that names the key and what it takes. */
static cr_err_t
cr_config_check(cr_exchange_t *x, const cr_config_row_t *row, cr_str_t text)
{
    uint64_t n;
    cr_str_t now;

    if (!cr_config_editable(x, row)) {
        CR_TRY(cr_config_value(x, row, &now));

        return cr_str_eq(now, text)
                   ? CR_OK
                   : cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                             "%s: cannot be changed here", row->name);
    }

    switch (row->type) {

    case CR_CONFIG_CREATION:
        if (cr_str_eq_z(text, "everyone") || cr_str_eq_z(text, "adminonly")) {
            return CR_OK;
        }

        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "%s: \"everyone\" or \"adminonly\" expected", row->name);

    case CR_CONFIG_TEXT:
        if (text.len <= (size_t) row->max) {
            return CR_OK;
        }

        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST,
                       "%s: longer than %lld bytes", row->name,
                       (long long) row->max);

    case CR_CONFIG_INT:
    case CR_CONFIG_LIMIT:
        if ((row->type == CR_CONFIG_LIMIT && cr_str_eq_z(text, "-1"))
            || (cr_str_u64(text, &n) && n > 0 && n <= (uint64_t) row->max))
        {
            return CR_OK;
        }

        return cr_fail(&x->cx, CR_ERR_BAD_REQUEST, "%s: %s1 to %lld expected",
                       row->name,
                       row->type == CR_CONFIG_LIMIT ? "-1 or " : "",
                       (long long) row->max);

    default:
        return CR_OK;
    }
}

/* All values are checked before the first one is written. */
cr_err_t
cr_mgmt_config_set(cr_exchange_t *x)
{
    size_t               n = 0;
    json_t              *obj;
    cr_str_t             text;
    cr_audit_who_t       who = cr_api_who(x);
    cr_setting_change_t  change[CR_NELTS(cr_config_rows)];
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_mgmt_body(x, &obj));

    for (size_t i = 0; i < CR_NELTS(cr_config_rows); i++) {
        const cr_config_row_t *row = &cr_config_rows[i];

        CR_TRY(cr_config_read(x, obj, row, &text));

        if (text.data == NULL) {
            continue;
        }

        CR_TRY(cr_config_check(x, row, text));

        if (cr_config_editable(x, row)) {
            change[n++] = (cr_setting_change_t){ row->setting, text };
        }
    }

    if (n != 0) {
        CR_TRY(cr_setting_change(&x->cx, o->meta, change, n, &who));
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

            cr_config_write(&w, row->name, row, value);
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
