/*
 * ngx_http_registry_module: a container registry inside nginx.  The table of
 * directives and the hooks; nothing that happens during a request.
 *
 * Neither database nor storage is opened by the master: it is root and must
 * not own such files.  Each worker opens them in a thread when it starts.
 *
 * Sections: directives, module, life cycle.
 */

#include "ngx_http_registry.h"

static ngx_int_t ngx_http_registry_preconfiguration(ngx_conf_t *cf);
static void     *ngx_http_registry_create_main_conf(ngx_conf_t *cf);
static void     *ngx_http_registry_create_srv_conf(ngx_conf_t *cf);
static void     *ngx_http_registry_create_loc_conf(ngx_conf_t *cf);
static char     *ngx_http_registry_merge_loc_conf(ngx_conf_t *cf, void *parent,
                                                  void *child);
static char     *ngx_http_registry_location(ngx_conf_t               *cf,
                                            ngx_http_core_loc_conf_t *clcf);
static ngx_int_t ngx_http_registry_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_registry_init_process(ngx_cycle_t *cycle);
static void      ngx_http_registry_exit_process(ngx_cycle_t *cycle);


/* --- directives --------------------------------------------------------- */

/* clang-format off */
static ngx_command_t ngx_http_registry_commands[] = {

    /* registry_instance NAME { ... } | - | http |
     * Declares a registry: its database, its storage and its settings.
     * Several may stand in one configuration; each has its own database. */
    { ngx_string("registry_instance"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_registry_conf_instance,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    /* registry NAME | - | location |
     * Serves the registry of that name in this location: any of /v2/,
     * /service/token, /api/, /metrics, /healthz and /readyz. The limit of
     * client_max_body_size that surrounds the location does not apply to it:
     * layers have any size. One that is set in the very location, other than
     * the surrounding one, does. Filters that rewrite responses (addition,
     * image_filter, ssi, sub_filter, subs_filter, xslt) are off here: content
     * is known by its digest. */
    { ngx_string("registry"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_conf_location,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* database sqlite:PATH | - | registry_instance |
     * The metadata. A relative path begins at the prefix of nginx. The file
     * is made by "jobrunner db migrate"; it must be on a local disk. */
    { ngx_string("database"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_conf_url,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, database),
      NULL },

    /* storage filesystem:PATH | - | registry_instance |
     * The bytes of blobs. A relative path begins at the prefix of nginx. */
    { ngx_string("storage"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_conf_url,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, storage),
      NULL },

    /* public_url URL | - | registry_instance |
     * How clients reach the registry, such as https://hub.example.com: for
     * the address of the token service. By default it is made from the
     * request, which is wrong when TLS ends in front of this nginx. */
    { ngx_string("public_url"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_conf_public_url,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, public_url),
      NULL },

    /* service NAME | nginx-registry | registry_instance |
     * The name of this registry in tokens and challenges. */
    { ngx_string("service"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, service),
      NULL },

    /* delete on|off | on | registry_instance |
     * Whether tags, manifests, blobs and uploads may be deleted; off answers
     * each DELETE with 405. */
    { ngx_string("delete"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, delete),
      NULL },

    /* sparse_index on|off | off | registry_instance |
     * Whether an index may be pushed while some of its manifests are
     * missing. */
    { ngx_string("sparse_index"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, sparse_index),
      NULL },

    /* manifest_max SIZE | 4m | registry_instance |
     * The largest manifest that is accepted; larger ones get 413. It cannot
     * be more than 4m, the size that clients count on. */
    { ngx_string("manifest_max"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, manifest_max),
      NULL },

    /* token_ttl TIME | 30m | registry_instance |
     * How long a token of /service/token is valid, at least 60s. Rights are
     * checked at each request, whatever the age of the token. Where this
     * directive stands, token_expiration of the API cannot be changed. */
    { ngx_string("token_ttl"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, token_ttl),
      NULL },

    /* min_free SIZE | 64m | registry_instance |
     * With less free space than this in the storage, new uploads are refused
     * with 507, so that the disk never fills up; 0 switches it off. */
    { ngx_string("min_free"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, min_free),
      NULL },

    /* upload_expires TIME | 7d | registry_instance |
     * An upload that nobody continued for so long is dropped by the job
     * runner. */
    { ngx_string("upload_expires"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, upload_expires),
      NULL },

    /* uploads_max NUMBER | 1000 | registry_instance |
     * How many uploads one user may have open in one repository, and ten
     * times as many in all repositories together. More of them get 429, until
     * some are finished, cancelled, or have expired; 0 switches it off. */
    { ngx_string("uploads_max"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, uploads_max),
      NULL },

    /* backup [off] [interval=TIME] [keep=N] [path=FOLDER] |
     * interval=1h keep=24 path=DATABASE.backups | registry_instance |
     * The job runner copies the database that often into that folder, and
     * keeps so many copies. The folder's parent must exist, and the folder
     * belong to the user of the workers; another disk is better. */
    { ngx_string("backup"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE123,
      ngx_http_registry_conf_backup,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* threads [bulk=N] [db=N] [crypt=N] | bulk=4 db=16 crypt=2 |
     * registry_instance |
     * Threads of each worker: for the bytes of uploads, for the database, and
     * for checking passwords (one where there are no more than two
     * processors). They are the instance's own; no thread_pool is needed. 64
     * passwords may wait for a thread; more logins get 429, and the error log
     * a warning, once a second at most. */
    { ngx_string("threads"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE123,
      ngx_http_registry_conf_threads,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* gc { ... } | - | registry_instance |
     * How long deleted content is kept. */
    { ngx_string("gc"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_BLOCK|NGX_CONF_NOARGS,
      ngx_http_registry_conf_gc,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* trash TIME | 7d | gc |
     * Deleted tags and manifests, and what they need, are kept so long. */
    { ngx_string("trash"),
      NGX_HTTP_REGISTRY_GC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, trash),
      NULL },

    /* grace TIME | 24h | gc |
     * A blob that nothing refers to is kept so long: clients push blobs
     * before the manifest that refers to them. */
    { ngx_string("grace"),
      NGX_HTTP_REGISTRY_GC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, grace),
      NULL },

    /* declared additive|exclusive | additive | registry_instance |
     * Whether the management API may add members and robots beside those of
     * this file. What the file declares is read-only for the API either
     * way. */
    { ngx_string("declared"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_declared,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* serial NUMBER | - | registry_instance |
     * Numbers what this file declares, where several nodes share a database:
     * only a set with a higher number than the database knows is applied.
     * Without it the set that was loaded last wins. */
    { ngx_string("serial"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_serial,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* token_key FILE | - | registry_instance |
     * A private key in PEM form, RSA or P-256: tokens are then signed with
     * RS256 or ES256, and others can verify them with the public key of
     * /service/token/jwks. By default a key in the database signs with HS256,
     * and only this installation verifies. */
    { ngx_string("token_key"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_token_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* secret_file FILE | the database, with .key behind | registry_instance |
     * The secret of this installation, which is never in the database. A
     * worker makes it, with mode 0600, when it is first needed. Nodes that
     * share a database share it. */
    { ngx_string("secret_file"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_secret_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_registry_instance_t, declare.secret_file),
      NULL },

    /* user NAME { ... } | - | registry_instance |
     * Declares a user. One that is there already is taken over; one whose
     * declaration goes is disabled. */
    { ngx_string("user"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_registry_user,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* admin on|off | off | user |
     * Whether the user is a system administrator. */
    { ngx_string("admin"),
      NGX_HTTP_REGISTRY_USER_CONF|NGX_CONF_FLAG,
      ngx_http_registry_user_admin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* password_file FILE | - | user |
     * The first line of the file is the password, 8 to 511 bytes. It is
     * stored as a yescrypt hash, made anew only when it changed. Without it
     * the user has the password that was set before, or none: remote_user
     * needs none. */
    { ngx_string("password_file"),
      NGX_HTTP_REGISTRY_USER_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_user_password,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* project NAME { ... } | - | registry_instance |
     * Declares a project. One that is there already is taken over; one whose
     * declaration goes is released to the management API, with all that is
     * in it. */
    { ngx_string("project"),
      NGX_HTTP_REGISTRY_INST_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_registry_project,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* public on|off | off | project |
     * Whether anybody may pull without logging in. */
    { ngx_string("public"),
      NGX_HTTP_REGISTRY_PROJECT_CONF|NGX_CONF_FLAG,
      ngx_http_registry_project_public,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* quota SIZE | none | project |
     * How much the project may store. */
    { ngx_string("quota"),
      NGX_HTTP_REGISTRY_PROJECT_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_project_quota,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* write all|replication | all | project |
     * Who may push: all who have the right, or robots with the right
     * "replication" only, as a replica wants it. */
    { ngx_string("write"),
      NGX_HTTP_REGISTRY_PROJECT_CONF|NGX_CONF_TAKE1,
      ngx_http_registry_project_write,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* member USER ROLE | - | project |
     * Gives a user a role in the project: projectAdmin, maintainer,
     * developer, guest or limitedGuest. A user who is not there yet is made,
     * without a password. */
    { ngx_string("member"),
      NGX_HTTP_REGISTRY_PROJECT_CONF|NGX_CONF_TAKE2,
      ngx_http_registry_project_member,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* robot NAME RIGHT... secret_file=FILE | - | project |
     * A robot account, robot$PROJECT+NAME. Rights are pull, push (with pull),
     * delete, replication, or any RESOURCE:ACTION of a project. The first
     * line of the file is its secret, of at least 32 characters. */
    { ngx_string("robot"),
      NGX_HTTP_REGISTRY_PROJECT_CONF|NGX_CONF_2MORE,
      ngx_http_registry_project_robot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* remote_user $VARIABLE [create] | - | location |
     * Trusts the variable to name the user who calls: one that nginx has set
     * itself after it authenticated the caller, by a client certificate or
     * auth_request. Empty means nobody. A Basic password in the request is
     * then not looked at; a Bearer token goes before. With "create" a user
     * who is not there is made at first sight, with no rights. An
     * administrator comes this way only when declared so. Variables that a
     * client fills, such as $remote_user, $http_NAME, $arg_NAME and
     * $cookie_NAME, are refused. */
    { ngx_string("remote_user"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_registry_remote_user,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    ngx_null_command
};
/* clang-format on */


/* --- module ------------------------------------------------------------- */

static ngx_http_module_t ngx_http_registry_module_ctx = {
    ngx_http_registry_preconfiguration,  /* preconfiguration */
    ngx_http_registry_postconfiguration, /* postconfiguration */

    ngx_http_registry_create_main_conf, /* create main configuration */
    NULL,                               /* init main configuration */

    ngx_http_registry_create_srv_conf, /* create server configuration */
    NULL,                              /* merge server configuration */

    ngx_http_registry_create_loc_conf, /* create location configuration */
    ngx_http_registry_merge_loc_conf   /* merge location configuration */
};

#pragma GCC visibility push(default)

ngx_module_t ngx_http_registry_module = {
    NGX_MODULE_V1,
    &ngx_http_registry_module_ctx,  /* module context */
    ngx_http_registry_commands,     /* module directives */
    NGX_HTTP_MODULE,                /* module type */
    NULL,                           /* init master */
    NULL,                           /* init module */
    ngx_http_registry_init_process, /* init process */
    NULL,                           /* init thread */
    NULL,                           /* exit thread */
    ngx_http_registry_exit_process, /* exit process */
    NULL,                           /* exit master */
    NGX_MODULE_V1_PADDING
};

#pragma GCC visibility pop

static ngx_int_t
ngx_http_registry_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_registry_add_variables(cf);
}


static void *
ngx_http_registry_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_registry_main_conf_t *rmcf;

    rmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_registry_main_conf_t));

    if (rmcf == NULL
        || ngx_array_init(&rmcf->instances, cf->pool, 2, sizeof(void *))
               != NGX_OK
        || ngx_array_init(&rmcf->refs, cf->pool, 8, sizeof(void *)) != NGX_OK
        || ngx_array_init(&rmcf->locations, cf->pool, 8, sizeof(void *))
               != NGX_OK)
    {
        return NULL;
    }

    return rmcf;
}


static void *
ngx_http_registry_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_registry_srv_conf_t *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_registry_srv_conf_t));

    if (conf == NULL
        || ngx_array_init(&conf->locations, cf->pool, 8, sizeof(void *))
               != NGX_OK)
    {
        return NULL;
    }

    return conf;
}


static void *
ngx_http_registry_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_registry_loc_conf_t *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_registry_loc_conf_t));

    if (conf == NULL) {
        return NULL;
    }

    conf->remote_user = NGX_CONF_UNSET;

    return conf;
}


static char *
ngx_http_registry_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_registry_loc_conf_t *prev = parent;
    ngx_http_registry_loc_conf_t *conf = child;

    ngx_uint_t                nameless = 0;
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    conf->clcf = clcf;
    conf->body_max = clcf->client_max_body_size;

    /* "if" and "limit_except" are locations without a name of their own. */

    if (conf->ref == NULL && prev->ref != NULL && clcf->noname) {
        nameless = 1;
        conf->ref = prev->ref;
        conf->remote_user = prev->remote_user;
        conf->remote_user_create = prev->remote_user_create;
        clcf->handler = ngx_http_registry_handler;
    }

    if (conf->ref == NULL && conf->remote_user != NGX_CONF_UNSET) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "remote_user without \"registry\" in location \"%V\"",
                      &conf->clcf->name);
        return NGX_CONF_ERROR;
    }

    /* Core has merged before us: an inherited limit equals the parent's. */

    if (conf->ref != NULL && prev->clcf != NULL
        && conf->body_max == prev->body_max) {
        clcf->client_max_body_size =
            nameless ? prev->clcf->client_max_body_size : 0;
    }

    return conf->ref != NULL ? ngx_http_registry_location(cf, clcf)
                             : NGX_CONF_OK;
}


static char *
ngx_http_registry_location(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf)
{
    ngx_http_core_loc_conf_t     **slot;
    ngx_http_registry_srv_conf_t  *rscf;
    ngx_http_registry_main_conf_t *rmcf;

    rmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_registry_module);
    slot = ngx_array_push(&rmcf->locations);

    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = clcf;

#if (NGX_PCRE)
    if (clcf->regex != NULL) {
        return NGX_CONF_OK;
    }
#endif

    if (clcf->noname || clcf->named) {
        return NGX_CONF_OK;
    }

    rscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_registry_module);
    slot = ngx_array_push(&rscf->locations);

    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = clcf;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_registry_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                     i, n;
    ngx_http_handler_pt           *h;
    ngx_http_registry_ref_t      **refs, *ref;
    ngx_http_core_main_conf_t     *cmcf;
    ngx_http_registry_main_conf_t *rmcf;
    ngx_http_registry_instance_t **inst;

    rmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_registry_module);
    refs = rmcf->refs.elts;
    inst = rmcf->instances.elts;

    for (i = 0; i < rmcf->refs.nelts; i++) {
        ref = refs[i];

        for (n = 0; n < rmcf->instances.nelts; n++) {
            if (ref->name.len == inst[n]->name.len
                && ngx_strncmp(ref->name.data, inst[n]->name.data,
                               ref->name.len)
                       == 0)
            {
                ref->instance = inst[n];
                break;
            }
        }

        if (ref->instance == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "no registry_instance \"%V\" for the directive "
                          "\"registry\" in %s:%ui",
                          &ref->name, ref->file, ref->line);
            return NGX_ERROR;
        }
    }

    if (ngx_http_registry_conf_plain(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rmcf->instances.nelts == 0) {
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);

    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_registry_zone_log;

    ngx_http_registry_filter_init();

    return NGX_OK;
}


/* --- life cycle --------------------------------------------------------- */

static void
ngx_http_registry_start(ngx_cycle_t *cycle, ngx_http_registry_instance_t *inst)
{
    cr_ctx_t      cx;
    cr_api_conf_t conf = cr_api_conf_default;

    conf.database = ngx_http_registry_str(inst->database);
    conf.storage = ngx_http_registry_str(inst->storage);
    conf.public_url = ngx_http_registry_str(inst->public_url);

    if (inst->service.len != 0) {
        conf.service = ngx_http_registry_str(inst->service);
    }

    conf.delete_enabled = inst->delete != 0;
    conf.sparse_index = inst->sparse_index != 0;
    conf.manifest_max = inst->manifest_max;
    conf.min_free = (uint64_t) inst->min_free;
    conf.token_ttl_s = inst->token_ttl;
    conf.token_ttl_fixed = inst->token_ttl_given != 0;
    conf.grace_us = (int64_t) inst->grace * 1000000;
    conf.backup_interval_us = (int64_t) inst->backup_interval * 1000000;
    conf.backup_keep = inst->backup_keep;
    conf.backup_path = ngx_http_registry_str(inst->backup_path);
    conf.trash_us = (int64_t) inst->trash * 1000000;
    conf.upload_expires_us = (int64_t) inst->upload_expires * 1000000;
    conf.token_key = ngx_http_registry_str(inst->declare.token_key);
    conf.secret_file = ngx_http_registry_str(inst->declare.secret_file);

    /* One process of this nginx, as the database's owner, never the master. */

    if (ngx_worker == 0) {
        conf.declared = ngx_http_registry_str(inst->declare.text);
        conf.declared_at = inst->declare.loaded_at;
    }

    conf.uploads_max = inst->uploads_max;
    conf.guard = ngx_http_registry_zone_guard(inst, &conf.guard_size);
    conf.gate = ngx_http_registry_zone_gate(inst);
    conf.metrics = ngx_http_registry_zone_metrics;
    conf.metrics_arg = inst;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        return;
    }

    /* Opens nothing.  Without it the locations answer 503. */

    if (cr_api_create(&cx, &conf, &inst->api) != CR_OK) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "registry \"%V\": %*s",
                      &inst->name, cx.message.len, cx.message.data);

    } else if (ngx_http_registry_task_open(cycle, inst) != NGX_OK
               || ngx_http_registry_task_flush(cycle, inst) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "registry \"%V\": no thread to open it", &inst->name);
    }

    cr_ctx_done(&cx);
}


static ngx_int_t
ngx_http_registry_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                     i;
    ngx_http_registry_main_conf_t *rmcf;
    ngx_http_registry_instance_t **inst;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_registry_module);

    if (rmcf == NULL) {
        return NGX_OK;
    }

    inst = rmcf->instances.elts;

    for (i = 0; i < rmcf->instances.nelts; i++) {
        ngx_http_registry_zone_start(inst[i]);
        ngx_http_registry_start(cycle, inst[i]);
    }

    return NGX_OK;
}


/*
 * The thread pools have been destroyed: no task runs.  What is open stays so:
 * a thread of a pool says that it ends before it closes its connection, so
 * nobody can know when closing the rest would be safe.  The process ends now.
 */
static void
ngx_http_registry_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                     i;
    ngx_http_registry_main_conf_t *rmcf;
    ngx_http_registry_instance_t **inst;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_registry_module);

    if (rmcf == NULL) {
        return;
    }

    inst = rmcf->instances.elts;

    for (i = 0; i < rmcf->instances.nelts; i++) {
        ngx_http_registry_abandon(inst[i]);
    }
}
