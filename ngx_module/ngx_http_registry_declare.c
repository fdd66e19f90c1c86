/*
 * What nginx.conf declares: the blocks user and project, and what stands in
 * them.  The directives only collect; when the instance ends they become one
 * JSON text, which the library checks and a worker brings into the database.
 * Secret files are read here, by the master, as those of TLS are.
 *
 * Sections: places and files, users, projects, the instance, the text.
 */

#include "ngx_http_registry.h"
#include "core/encode.h"
#include "core/hash.h"

#define NGX_HTTP_REGISTRY_SECRET_MAX 4096 /* of a secret's file */
#define NGX_HTTP_REGISTRY_PEM_MAX    65536
/* Robot secrets are stored as SHA-256: they must be random. */
#define NGX_HTTP_REGISTRY_SECRET_MIN 32
#define NGX_HTTP_REGISTRY_SECRET     "secret_file="

typedef struct {
    ngx_str_t  name;
    ngx_str_t  at;
    ngx_flag_t admin;
    ngx_str_t  password;
} ngx_http_registry_user_t;

typedef struct {
    ngx_str_t user;
    ngx_str_t role;
    ngx_str_t at;
} ngx_http_registry_member_t;

typedef struct {
    ngx_str_t    name;
    ngx_str_t    at;
    ngx_array_t *rights; /* ngx_str_t */
    u_char       secret[64]; /* hexadecimal SHA-256 */
} ngx_http_registry_robot_t;

typedef struct {
    ngx_str_t   name;
    ngx_str_t   at;
    ngx_flag_t  is_public;
    off_t       quota;
    ngx_uint_t  write;
    ngx_array_t members; /* ngx_http_registry_member_t */
    ngx_array_t robots;  /* ngx_http_registry_robot_t */
} ngx_http_registry_project_t;

static ngx_int_t ngx_http_registry_place(ngx_conf_t *cf, ngx_str_t *at);
static char *ngx_http_registry_file(ngx_conf_t *cf, ngx_str_t *name,
    size_t max, ngx_str_t *text);
static char *ngx_http_registry_secret(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *secret);


/* --- places and files --------------------------------------------------- */

/*
 * "nginx.conf:12", as seen from the folder of nginx.conf: these go into the
 * database, where the paths of a host have no business.
 */
static ngx_int_t
ngx_http_registry_place(ngx_conf_t *cf, ngx_str_t *at)
{
    u_char    *p;
    ngx_str_t  file, *prefix;

    file = cf->conf_file->file.name;
    prefix = &cf->cycle->conf_prefix;

    if (file.len > prefix->len
        && ngx_strncmp(file.data, prefix->data, prefix->len) == 0)
    {
        file.data += prefix->len;
        file.len -= prefix->len;

    } else {
        for (p = file.data + file.len; p > file.data && p[-1] != '/'; p--) {
            /* void */
        }

        file.len = (size_t) (file.data + file.len - p);
        file.data = p;
    }

    at->data = ngx_pnalloc(cf->pool, file.len + 1 + NGX_INT_T_LEN);

    if (at->data == NULL) {
        return NGX_ERROR;
    }

    at->len = (size_t) (ngx_sprintf(at->data, "%V:%ui", &file,
                                    cf->conf_file->line)
                        - at->data);

    return NGX_OK;
}


/* The whole of a file; a relative path begins at the folder of nginx.conf. */
static char *
ngx_http_registry_file(ngx_conf_t *cf, ngx_str_t *name, size_t max,
    ngx_str_t *text)
{
    ssize_t         n;
    ngx_fd_t        fd;
    ngx_str_t       path;
    ngx_file_t      file;
    ngx_file_info_t fi;

    path = *name;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &path);
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));
    file.fd = fd;
    file.name = path;
    file.log = cf->log;

    n = NGX_ERROR;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)
        || ngx_file_size(&fi) > (off_t) max)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a file of at most %uz bytes", &path,
                           max);

    } else {
        text->data = ngx_pnalloc(cf->pool, max);

        if (text->data != NULL) {
            n = ngx_read_file(&file, text->data, max, 0);
        }
    }

    if (n != NGX_ERROR && (fi.st_mode & S_IROTH)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "everybody may read the secret in \"%V\"", &path);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", &path);
    }

    if (n == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    text->len = (size_t) n;

    return NGX_CONF_OK;
}


/* The first line of a file. */
static char *
ngx_http_registry_secret(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *secret)
{
    u_char *end;

    if (ngx_http_registry_file(cf, name, NGX_HTTP_REGISTRY_SECRET_MAX, secret)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    end = ngx_strlchr(secret->data, secret->data + secret->len, '\n');

    if (end != NULL) {
        secret->len = (size_t) (end - secret->data);
    }

    if (secret->len > 0 && secret->data[secret->len - 1] == '\r') {
        secret->len--;
    }

    if (secret->len == 0
        || !cr_utf8_valid(ngx_http_registry_str(*secret)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the first line of \"%V\" is no secret", name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* --- users -------------------------------------------------------------- */

char *
ngx_http_registry_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_instance_t *inst = conf;

    char                     *rv;
    ngx_str_t                *value;
    ngx_http_registry_user_t *user;

    value = cf->args->elts;
    user = ngx_array_push(&inst->declare.users);

    if (user == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(user, sizeof(ngx_http_registry_user_t));
    user->name = value[1];
    user->admin = NGX_CONF_UNSET;

    if (ngx_http_registry_place(cf, &user->at) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_registry_block(cf, NGX_HTTP_REGISTRY_USER_CONF, user);

    ngx_conf_init_value(user->admin, 0);

    return rv;
}


char *
ngx_http_registry_user_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_user_t *user = conf;

    ngx_command_t slot = *cmd;

    slot.offset = offsetof(ngx_http_registry_user_t, admin);

    return ngx_conf_set_flag_slot(cf, &slot, user);
}


char *
ngx_http_registry_user_password(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_user_t *user = conf;

    ngx_str_t *value;

    if (user->password.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    return ngx_http_registry_secret(cf, &value[1], &user->password);
}


/* --- projects ----------------------------------------------------------- */

static ngx_conf_enum_t ngx_http_registry_writes[] = {
    { ngx_string("all"), 0 },
    { ngx_string("replication"), 1 },
    { ngx_null_string, 0 },
};


char *
ngx_http_registry_project(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_instance_t *inst = conf;

    char                        *rv;
    ngx_str_t                   *value;
    ngx_http_registry_project_t *project;

    value = cf->args->elts;
    project = ngx_array_push(&inst->declare.projects);

    if (project == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(project, sizeof(ngx_http_registry_project_t));
    project->name = value[1];
    project->is_public = NGX_CONF_UNSET;
    project->quota = NGX_CONF_UNSET;
    project->write = NGX_CONF_UNSET_UINT;

    if (ngx_http_registry_place(cf, &project->at) != NGX_OK
        || ngx_array_init(&project->members, cf->pool, 4,
                          sizeof(ngx_http_registry_member_t))
               != NGX_OK
        || ngx_array_init(&project->robots, cf->pool, 2,
                          sizeof(ngx_http_registry_robot_t))
               != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_registry_block(cf, NGX_HTTP_REGISTRY_PROJECT_CONF, project);

    ngx_conf_init_value(project->is_public, 0);
    ngx_conf_init_uint_value(project->write, 0);

    return rv;
}


char *
ngx_http_registry_project_public(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_command_t slot = *cmd;

    slot.offset = offsetof(ngx_http_registry_project_t, is_public);

    return ngx_conf_set_flag_slot(cf, &slot, conf);
}


char *
ngx_http_registry_project_quota(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_command_t slot = *cmd;

    slot.offset = offsetof(ngx_http_registry_project_t, quota);

    return ngx_conf_set_off_slot(cf, &slot, conf);
}


char *
ngx_http_registry_project_write(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_command_t slot = *cmd;

    slot.offset = offsetof(ngx_http_registry_project_t, write);
    slot.post = ngx_http_registry_writes;

    return ngx_conf_set_enum_slot(cf, &slot, conf);
}


char *
ngx_http_registry_project_member(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_project_t *project = conf;

    ngx_str_t                  *value;
    ngx_http_registry_member_t *member;

    value = cf->args->elts;
    member = ngx_array_push(&project->members);

    if (member == NULL || ngx_http_registry_place(cf, &member->at) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    member->user = value[1];
    member->role = value[2];

    return NGX_CONF_OK;
}


static char *
ngx_http_registry_robot_secret(ngx_conf_t *cf, ngx_http_registry_robot_t *robot,
    ngx_str_t *name)
{
    u_char    sum[CR_HASH_MAX_SIZE];
    cr_hash_t hash;
    ngx_str_t secret;

    if (ngx_http_registry_secret(cf, name, &secret) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (secret.len < NGX_HTTP_REGISTRY_SECRET_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret in \"%V\" has less than %d characters; "
                           "make one with: openssl rand -hex 24",
                           name, NGX_HTTP_REGISTRY_SECRET_MIN);
        return NGX_CONF_ERROR;
    }

    cr_hash_init(&hash, CR_HASH_SHA256);
    cr_hash_update(&hash, secret.data, secret.len);
    cr_hash_final(&hash, sum);
    cr_hex_encode(sum, 32, (char *) robot->secret);
    ngx_explicit_memzero(secret.data, secret.len);

    return NGX_CONF_OK;
}


char *
ngx_http_registry_project_robot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_project_t *project = conf;

    ngx_str_t                 *value, *right, file;
    ngx_uint_t                 i;
    ngx_http_registry_robot_t *robot;

    value = cf->args->elts;
    robot = ngx_array_push(&project->robots);

    if (robot == NULL || ngx_http_registry_place(cf, &robot->at) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    robot->name = value[1];
    robot->rights = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));

    if (robot->rights == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&file);

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_strncmp(value[i].data, NGX_HTTP_REGISTRY_SECRET,
                        sizeof(NGX_HTTP_REGISTRY_SECRET) - 1)
            == 0)
        {
            if (file.data != NULL) {
                return "has secret_file twice";
            }

            file.len = value[i].len - (sizeof(NGX_HTTP_REGISTRY_SECRET) - 1);
            file.data = value[i].data + sizeof(NGX_HTTP_REGISTRY_SECRET) - 1;
            continue;
        }

        right = ngx_array_push(robot->rights);

        if (right == NULL) {
            return NGX_CONF_ERROR;
        }

        *right = value[i];
    }

    if (file.len == 0) {
        return "has no secret_file=PATH";
    }

    return ngx_http_registry_robot_secret(cf, robot, &file);
}


/* --- the instance ------------------------------------------------------- */

char *
ngx_http_registry_declared(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_instance_t *inst = conf;

    ngx_str_t *value;

    if (inst->declare.mode.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "additive") != 0
        && ngx_strcmp(value[1].data, "exclusive") != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "declared \"%V\" is not \"additive\" or "
                           "\"exclusive\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    inst->declare.mode = value[1];

    if (ngx_http_registry_place(cf, &inst->declare.at) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_registry_serial(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_instance_t *inst = conf;

    off_t      n;
    ngx_str_t *value;

    if (inst->declare.serial != 0) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = ngx_atoof(value[1].data, value[1].len);

    if (n == (off_t) NGX_ERROR || n == 0) {
        return "is not a number from 1 on";
    }

    inst->declare.serial = n;

    return NGX_CONF_OK;
}


char *
ngx_http_registry_token_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_instance_t *inst = conf;

    char      *rv = NGX_CONF_OK;
    cr_ctx_t   cx;
    cr_str_t   why;
    ngx_str_t *value, *pem;

    pem = &inst->declare.token_key;

    if (pem->data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_registry_file(cf, &value[1], NGX_HTTP_REGISTRY_PEM_MAX, pem)
            != NGX_CONF_OK
        || cr_ctx_init(&cx, 0) != CR_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (cr_api_token_key_check(&cx, ngx_http_registry_str(*pem)) != CR_OK) {
        why = cx.message.len != 0 ? cx.message : cx.detail;
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "token_key \"%V\": %*s",
                           &value[1], why.len, why.data);
        rv = NGX_CONF_ERROR;
    }

    cr_ctx_done(&cx);

    return rv;
}


char *
ngx_http_registry_secret_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_registry_instance_t *inst = conf;

    char *rv;

    rv = ngx_conf_set_str_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_conf_full_name(cf->cycle, &inst->declare.secret_file, 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_registry_declare_init(ngx_conf_t *cf,
    ngx_http_registry_declare_t *d)
{
    if (ngx_array_init(&d->users, cf->pool, 4,
                       sizeof(ngx_http_registry_user_t))
            != NGX_OK
        || ngx_array_init(&d->projects, cf->pool, 4,
                          sizeof(ngx_http_registry_project_t))
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_registry_place(cf, &d->at);
}


/* --- the text ----------------------------------------------------------- */

/* ,"key":"value"; or with {, of the first member of an object. */
static void
ngx_http_registry_put(cr_buf_t *b, const char *before, ngx_str_t value)
{
    cr_buf_z(b, before);
    cr_buf_json(b, ngx_http_registry_str(value));
}


static void
ngx_http_registry_put_robot(cr_buf_t *b, ngx_http_registry_robot_t *robot)
{
    ngx_str_t  *right, secret;
    ngx_uint_t  i;

    secret.len = sizeof(robot->secret);
    secret.data = robot->secret;

    ngx_http_registry_put(b, "{\"name\":", robot->name);
    ngx_http_registry_put(b, ",\"at\":", robot->at);
    ngx_http_registry_put(b, ",\"secret\":", secret);
    cr_buf_z(b, ",\"rights\":[");

    right = robot->rights->elts;

    for (i = 0; i < robot->rights->nelts; i++) {
        ngx_http_registry_put(b, i == 0 ? "" : ",", right[i]);
    }

    cr_buf_z(b, "]}");
}


static void
ngx_http_registry_put_project(cr_buf_t *b, ngx_http_registry_project_t *project)
{
    ngx_uint_t                  i;
    ngx_http_registry_robot_t  *robot;
    ngx_http_registry_member_t *member;

    ngx_http_registry_put(b, "{\"name\":", project->name);
    ngx_http_registry_put(b, ",\"at\":", project->at);
    cr_buf_printf(b, ",\"public\":%s,\"quota\":%lld",
                  project->is_public ? "true" : "false",
                  (long long) project->quota);
    ngx_http_registry_put(b, ",\"write\":",
                          ngx_http_registry_writes[project->write].name);

    cr_buf_z(b, ",\"members\":[");
    member = project->members.elts;

    for (i = 0; i < project->members.nelts; i++) {
        ngx_http_registry_put(b, i == 0 ? "{\"name\":" : ",{\"name\":",
                              member[i].user);
        ngx_http_registry_put(b, ",\"role\":", member[i].role);
        ngx_http_registry_put(b, ",\"at\":", member[i].at);
        cr_buf_char(b, '}');
    }

    cr_buf_z(b, "],\"robots\":[");
    robot = project->robots.elts;

    for (i = 0; i < project->robots.nelts; i++) {
        cr_buf_z(b, i == 0 ? "" : ",");
        ngx_http_registry_put_robot(b, &robot[i]);
    }

    cr_buf_z(b, "]}");
}


static cr_err_t
ngx_http_registry_declare_write(cr_ctx_t *cx, ngx_str_t *instance,
    ngx_http_registry_declare_t *d, cr_str_t *ret_text)
{
    cr_buf_t                     b;
    ngx_str_t                    mode = ngx_string("additive");
    ngx_uint_t                   i;
    ngx_http_registry_user_t    *user;
    ngx_http_registry_project_t *project;

    cr_buf_init(&b, cx, NGX_HTTP_REGISTRY_DECLARED_MAX);

    ngx_http_registry_put(&b, "{\"instance\":", *instance);
    ngx_http_registry_put(&b, ",\"mode\":",
                          d->mode.data != NULL ? d->mode : mode);
    ngx_http_registry_put(&b, ",\"at\":", d->at);
    cr_buf_printf(&b, ",\"serial\":%lld,\"users\":[",
                  (long long) d->serial);

    user = d->users.elts;

    for (i = 0; i < d->users.nelts; i++) {
        ngx_http_registry_put(&b, i == 0 ? "{\"name\":" : ",{\"name\":",
                              user[i].name);
        ngx_http_registry_put(&b, ",\"at\":", user[i].at);
        cr_buf_printf(&b, ",\"admin\":%s", user[i].admin ? "true" : "false");

        if (user[i].password.data != NULL) {
            ngx_http_registry_put(&b, ",\"password\":", user[i].password);
        }

        cr_buf_char(&b, '}');
    }

    cr_buf_z(&b, "],\"projects\":[");
    project = d->projects.elts;

    for (i = 0; i < d->projects.nelts; i++) {
        cr_buf_z(&b, i == 0 ? "" : ",");
        ngx_http_registry_put_project(&b, &project[i]);
    }

    cr_buf_z(&b, "]}");

    return cr_buf_end(&b, ret_text);
}


char *
ngx_http_registry_declare_text(ngx_conf_t *cf, ngx_str_t *instance,
    ngx_http_registry_declare_t *d)
{
    char           *rv = NGX_CONF_ERROR;
    cr_ctx_t        cx;
    cr_str_t        text;
    struct timeval  tv;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_registry_declare_write(&cx, instance, d, &text) != CR_OK
        || cr_api_declared_check(&cx, text) != CR_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "registry \"%V\": %*s",
                      instance, cx.message.len, cx.message.data);

    } else {
        d->text.data = ngx_pnalloc(cf->pool, text.len);

        if (d->text.data != NULL) {
            ngx_memcpy(d->text.data, text.data, text.len);
            d->text.len = text.len;
            rv = NGX_CONF_OK;
        }
    }

    ngx_gettimeofday(&tv);
    d->loaded_at = (int64_t) tv.tv_sec * 1000000 + tv.tv_usec;

    cr_ctx_done(&cx);

    return rv;
}
