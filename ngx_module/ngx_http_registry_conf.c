/*
 * Reading the configuration: the blocks registry_instance and gc, the
 * handlers of directives, and the checks that make "nginx -t" fail.
 *
 * A block has a command context of its own, with one structure for all its
 * directives.  Nothing is opened here.
 */

#include "ngx_http_registry.h"

#define NGX_HTTP_REGISTRY_THREADS_MAX 256

static ngx_http_registry_instance_t *ngx_http_registry_create_instance(
    ngx_conf_t *cf);
static void  ngx_http_registry_warn_missing(ngx_conf_t                   *cf,
                                            ngx_http_registry_instance_t *inst);
static char *ngx_http_registry_init_instance(
    ngx_conf_t *cf, ngx_http_registry_instance_t *inst);
static ngx_uint_t ngx_http_registry_rewrites(ngx_module_t *module);

/* Where a database or storage may be; those of a local path come first. */
static const struct {
    const char *scheme;
    unsigned    offset; /* of the directive */
} ngx_http_registry_schemes[] = {
    { "sqlite:", offsetof(ngx_http_registry_instance_t, database) },
    { "filesystem:", offsetof(ngx_http_registry_instance_t, storage) },
};

static const ngx_uint_t ngx_http_registry_threads_default[] = { 4, 16, 2 };

/* Modules whose filters change the bytes of a response. */
static const char *const ngx_http_registry_rewriters[] = {
    "ngx_http_addition_filter_module", "ngx_http_image_filter_module",
    "ngx_http_ssi_filter_module",      "ngx_http_sub_filter_module",
    "ngx_http_subs_filter_module",     "ngx_http_xslt_filter_module",
};


/* --- blocks ------------------------------------------------------------- */

char *
ngx_http_registry_conf_instance(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_main_conf_t *rmcf = conf;

    char                          *rv;
    u_char                         c;
    size_t                         i;
    ngx_str_t                     *value;
    ngx_http_registry_instance_t **slot, *inst;

    value = cf->args->elts;
    slot = rmcf->instances.elts;

    for (i = 0; i < rmcf->instances.nelts; i++) {
        if (slot[i]->name.len == value[1].len
            && ngx_strncmp(slot[i]->name.data, value[1].data, value[1].len)
                   == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate registry_instance \"%V\", first in "
                               "%s:%ui",
                               &value[1], slot[i]->file, slot[i]->line);
            return NGX_CONF_ERROR;
        }
    }

    for (i = 0; i < value[1].len; i++) {
        c = value[1].data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '_' || c == '-'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "registry_instance \"%V\": a name has letters, "
                               "digits, \"-\" and \"_\"",
                               &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    inst = ngx_http_registry_create_instance(cf);
    slot = ngx_array_push(&rmcf->instances);

    if (inst == NULL || slot == NULL || value[1].len == 0
        || ngx_http_registry_declare_init(cf, &inst->declare) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    inst->name = value[1];
    *slot = inst;

    rv = ngx_http_registry_block(cf, NGX_HTTP_REGISTRY_INST_CONF, inst);

    return rv == NGX_CONF_OK ? ngx_http_registry_init_instance(cf, inst) : rv;
}


char *
ngx_http_registry_conf_gc(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_registry_block(cf, NGX_HTTP_REGISTRY_GC_CONF, conf);
}


/*
 * Parse a block in which only our directives of that type are known, and
 * "include": NGX_MAIN_CONF is a bit of its type, and of nothing else in http.
 */
char *
ngx_http_registry_block(ngx_conf_t *cf, ngx_uint_t type, void *conf)
{
    char                *rv;
    void               **loc_conf;
    ngx_conf_t           saved;
    ngx_http_conf_ctx_t *ctx, *outer;

    outer = cf->ctx;
    ctx = ngx_pcalloc(cf->pool, sizeof(ngx_http_conf_ctx_t));
    loc_conf = ngx_pcalloc(cf->pool, sizeof(void *) * ngx_http_max_module);

    if (ctx == NULL || loc_conf == NULL) {
        return NGX_CONF_ERROR;
    }

    loc_conf[ngx_http_registry_module.ctx_index] = conf;

    ctx->main_conf = outer->main_conf;
    ctx->srv_conf = loc_conf;
    ctx->loc_conf = loc_conf;

    saved = *cf;
    cf->ctx = ctx;
    cf->cmd_type = type | NGX_MAIN_CONF;

    rv = ngx_conf_parse(cf, NULL);

    *cf = saved;

    return rv;
}


static ngx_http_registry_instance_t *
ngx_http_registry_create_instance(ngx_conf_t *cf)
{
    ngx_http_registry_instance_t *inst;

    inst = ngx_pcalloc(cf->pool, sizeof(ngx_http_registry_instance_t));

    if (inst == NULL) {
        return NULL;
    }

    inst->file = cf->conf_file->file.name.data;
    inst->line = cf->conf_file->line;
    inst->delete = NGX_CONF_UNSET;
    inst->sparse_index = NGX_CONF_UNSET;
    inst->manifest_max = NGX_CONF_UNSET_SIZE;
    inst->min_free = NGX_CONF_UNSET;
    inst->token_ttl = NGX_CONF_UNSET;
    inst->upload_expires = NGX_CONF_UNSET;
    inst->uploads_max = NGX_CONF_UNSET;
    inst->trash = NGX_CONF_UNSET;
    inst->grace = NGX_CONF_UNSET;
    inst->backup_interval = NGX_CONF_UNSET;
    inst->backup_keep = NGX_CONF_UNSET;
    ngx_queue_init(&inst->live);

    return inst;
}


/* --- checks ------------------------------------------------------------- */

/* stat() only: who opens a SQLite database also makes files beside it. */
static void
ngx_http_registry_warn_missing(ngx_conf_t                   *cf,
                               ngx_http_registry_instance_t *inst)
{
    u_char         *path;
    ngx_file_info_t fi;

    path =
        inst->database.data + ngx_strlen(ngx_http_registry_schemes[0].scheme);

    if (ngx_file_info(path, &fi) == NGX_FILE_ERROR && ngx_errno == NGX_ENOENT) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "registry \"%V\": there is no database yet; make "
                           "it with: jobrunner --database %V db migrate",
                           &inst->name, &inst->database);
    }
}


static char *
ngx_http_registry_init_instance(ngx_conf_t                   *cf,
                                ngx_http_registry_instance_t *inst)
{
    ngx_uint_t i;

    /* More could not be parsed: the default is the most, too. */
    const size_t manifest_max = (size_t) cr_api_conf_default.manifest_max;

    if (inst->database.data == NULL || inst->storage.data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "registry_instance \"%V\" has no \"%s\"",
                           &inst->name,
                           inst->database.data == NULL ? "database"
                                                       : "storage");
        return NGX_CONF_ERROR;
    }

    ngx_conf_init_value(inst->delete, 1);
    ngx_conf_init_value(inst->sparse_index, 0);
    ngx_conf_init_size_value(inst->manifest_max, manifest_max);
    ngx_conf_init_value(inst->min_free, 64 * 1024 * 1024);
    inst->token_ttl_given = inst->token_ttl != NGX_CONF_UNSET;
    ngx_conf_init_value(inst->token_ttl, 30 * 60);
    ngx_conf_init_value(inst->upload_expires, 7 * 24 * 3600);
    ngx_conf_init_value(inst->uploads_max, 1000);
    ngx_conf_init_value(inst->trash, 7 * 24 * 3600);
    ngx_conf_init_value(inst->grace, 24 * 3600);
    ngx_conf_init_value(inst->backup_interval, 3600);
    ngx_conf_init_value(inst->backup_keep, 24);

    for (i = 0; i < NGX_HTTP_REGISTRY_POOLS; i++) {
        if (inst->threads[i] == 0) {
            inst->threads[i] = ngx_http_registry_threads_default[i];

            /* A flood of logins leaves a processor to the event loop. */
            if (i == NGX_HTTP_REGISTRY_CRYPT && ngx_ncpu <= 2) {
                inst->threads[i] = 1;
            }
        }
    }

    if (inst->manifest_max == 0 || inst->manifest_max > manifest_max
        || inst->token_ttl < 60 || inst->upload_expires == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "registry_instance \"%V\": %s",
                           &inst->name,
                           inst->token_ttl < 60
                               ? "token_ttl must be at least 60s"
                           : inst->upload_expires == 0
                               ? "upload_expires must not be 0"
                               : "manifest_max must be from 1 to 4m");
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < inst->service.len; i++) {
        if (inst->service.data[i] <= ' ' || inst->service.data[i] >= 0x7f
            || ngx_strchr("\"\\", inst->service.data[i]))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "bad service \"%V\"",
                               &inst->service);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_registry_declare_text(cf, &inst->name, &inst->declare)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_http_registry_warn_missing(cf, inst);

    if (ngx_http_registry_zone_add(cf, inst) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_registry_task_pools(cf, inst);
}


/* --- setters ------------------------------------------------------------ */

char *
ngx_http_registry_conf_threads(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_instance_t *inst = conf;

    static const char *names[] = { "bulk=", "db=", "crypt=" };

    size_t     len;
    ngx_int_t  n;
    ngx_uint_t i, k;
    ngx_str_t *value;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        for (k = 0; k < NGX_HTTP_REGISTRY_POOLS; k++) {
            if (ngx_strncmp(value[i].data, names[k], ngx_strlen(names[k])) == 0)
            {
                break;
            }
        }

        if (k == NGX_HTTP_REGISTRY_POOLS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\": threads are bulk=N, db=N, crypt=N",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        len = ngx_strlen(names[k]);
        n = ngx_atoi(value[i].data + len, value[i].len - len);

        if (n == NGX_ERROR || n == 0 || n > NGX_HTTP_REGISTRY_THREADS_MAX) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" must be from 1 to %d", &value[i],
                               NGX_HTTP_REGISTRY_THREADS_MAX);
            return NGX_CONF_ERROR;
        }

        if (inst->threads[k] != 0) {
            return "has a pool twice";
        }

        inst->threads[k] = (ngx_uint_t) n;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_registry_conf_backup(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_instance_t *inst = conf;

    ngx_str_t *value, part;
    ngx_uint_t i;

    if (inst->backup_interval != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    inst->backup_interval = 3600;

    if (cf->args->nelts == 2 && value[1].len == 3
        && ngx_strncmp(value[1].data, "off", 3) == 0)
    {
        inst->backup_interval = 0;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len > 9 && ngx_strncmp(value[i].data, "interval=", 9) == 0)
        {
            part.data = value[i].data + 9;
            part.len = value[i].len - 9;
            inst->backup_interval = ngx_parse_time(&part, 1);

            if (inst->backup_interval >= 60) {
                continue;
            }

        } else if (value[i].len > 5
                   && ngx_strncmp(value[i].data, "keep=", 5) == 0) {
            inst->backup_keep = ngx_atoi(value[i].data + 5, value[i].len - 5);

            if (inst->backup_keep >= 1 && inst->backup_keep <= 10000) {
                continue;
            }

        } else if (value[i].len > 5
                   && ngx_strncmp(value[i].data, "path=", 5) == 0) {
            inst->backup_path.data = value[i].data + 5;
            inst->backup_path.len = value[i].len - 5;

            if (ngx_conf_full_name(cf->cycle, &inst->backup_path, 0) == NGX_OK)
            {
                continue;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": a backup is off, or interval=TIME (60s "
                           "at least), keep=NUMBER (1 to 10000), path=FOLDER",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* A URL of a scheme that this version has; its path is made absolute. */
char *
ngx_http_registry_conf_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    size_t      len = 0;
    ngx_str_t  *value, *field, path;
    ngx_uint_t  i;
    const char *scheme = "";

    field = (ngx_str_t *) ((char *) conf + cmd->offset);
    value = cf->args->elts;

    if (field->data != NULL) {
        return "is duplicate";
    }

    for (i = 0; i < CR_NELTS(ngx_http_registry_schemes); i++) {
        if (ngx_http_registry_schemes[i].offset == cmd->offset) {
            scheme = ngx_http_registry_schemes[i].scheme;
            len = ngx_strlen(scheme);
        }
    }

    if (value[1].len <= len || ngx_strncmp(value[1].data, scheme, len) != 0) {
        /* Not the value: that of another scheme may hold a password. */
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V is not of the form \"%sPATH\"", &cmd->name,
                           scheme);
        return NGX_CONF_ERROR;
    }

    path.len = value[1].len - len;
    path.data = value[1].data + len;

    if (ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    field->data = ngx_pnalloc(cf->pool, len + path.len + 1);

    if (field->data == NULL) {
        return NGX_CONF_ERROR;
    }

    field->len = (size_t) (ngx_sprintf(field->data, "%s%V%Z", scheme, &path)
                           - field->data)
                 - 1;

    return NGX_CONF_OK;
}


char *
ngx_http_registry_conf_public_url(ngx_conf_t *cf, ngx_command_t *cmd,
                                  void *conf)
{
    char      *rv;
    size_t     i, slashes;
    ngx_str_t *url;

    rv = ngx_conf_set_str_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    url = (ngx_str_t *) ((char *) conf + cmd->offset);

    while (url->len > 0 && url->data[url->len - 1] == '/') {
        url->len--;
    }

    for (i = 0, slashes = 0; i < url->len; i++) {
        slashes += url->data[i] == '/';

        if (url->data[i] <= ' ' || url->data[i] >= 0x7f
            || ngx_strchr("\"\\?#", url->data[i]))
        {
            break;
        }
    }

    if (i != url->len || slashes != 2
        || (ngx_strncmp(url->data, "http://", 7) != 0
            && ngx_strncmp(url->data, "https://", 8) != 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "public_url \"%V\" is not of the form "
                           "\"https://HOST[:PORT]\"",
                           url);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_registry_conf_location(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_loc_conf_t *rlcf = conf;

    ngx_str_t                     *value;
    ngx_http_registry_ref_t       *ref, **slot;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_registry_main_conf_t *rmcf;

    if (rlcf->ref != NULL) {
        return "is duplicate";
    }

    rmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_registry_module);

    ref = ngx_pcalloc(cf->pool, sizeof(ngx_http_registry_ref_t));
    slot = ngx_array_push(&rmcf->refs);

    if (ref == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    ref->name = value[1];
    ref->file = cf->conf_file->file.name.data;
    ref->line = cf->conf_file->line;

    *slot = ref;
    rlcf->ref = ref;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_registry_handler;

    return NGX_CONF_OK;
}


/* --- filters of others -------------------------------------------------- */

/*
 * A site may have these on for all that it serves.  Those that compress see
 * that a response has its coding; these do not look, and may take any type.
 * So a location of the registry gets their configuration as it is by default:
 * off.
 */
ngx_int_t
ngx_http_registry_conf_plain(ngx_conf_t *cf)
{
    void                          *conf, *prev;
    ngx_uint_t                     i, n;
    ngx_module_t                 **modules = cf->cycle->modules;
    ngx_http_module_t             *ctx;
    ngx_http_core_loc_conf_t     **clcf;
    ngx_http_registry_main_conf_t *rmcf;

    rmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_registry_module);
    clcf = rmcf->locations.elts;

    for (i = 0; modules[i]; i++) {
        if (!ngx_http_registry_rewrites(modules[i])) {
            continue;
        }

        ctx = modules[i]->ctx;

        for (n = 0; n < rmcf->locations.nelts; n++) {
            prev = ctx->create_loc_conf(cf);
            conf = ctx->create_loc_conf(cf);

            if (prev == NULL || conf == NULL
                || ctx->merge_loc_conf(cf, prev, conf) != NGX_CONF_OK)
            {
                return NGX_ERROR;
            }

            clcf[n]->loc_conf[modules[i]->ctx_index] = conf;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_registry_rewrites(ngx_module_t *module)
{
    size_t             i;
    ngx_http_module_t *ctx = module->ctx;

    for (i = 0; i < CR_NELTS(ngx_http_registry_rewriters); i++) {
        if (ngx_strcmp(module->name, ngx_http_registry_rewriters[i]) == 0) {
            return module->type == NGX_HTTP_MODULE
                   && ctx->create_loc_conf != NULL
                   && ctx->merge_loc_conf != NULL;
        }
    }

    return 0;
}
