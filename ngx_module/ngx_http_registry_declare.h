/*
 * Handlers of directives: of _conf.c, of what nginx.conf declares
 * (_declare.c), and of whom it trusts (_remote.c).
 * Included by ngx_http_registry.h alone.
 */

#ifndef NGX_HTTP_REGISTRY_DECLARE_H
#define NGX_HTTP_REGISTRY_DECLARE_H

/* Contexts of commands: bits that nginx's own leave free. */
#define NGX_HTTP_REGISTRY_INST_CONF    0x00020000
#define NGX_HTTP_REGISTRY_GC_CONF      0x00040000
#define NGX_HTTP_REGISTRY_USER_CONF    0x00080000
#define NGX_HTTP_REGISTRY_PROJECT_CONF 0x00100000

#define NGX_HTTP_REGISTRY_DECLARED_MAX (8 * 1024 * 1024)

/* Of an instance. */
typedef struct {
    ngx_str_t   token_key;   /* PEM */
    ngx_str_t   secret_file; /* path */
    ngx_str_t   mode;        /* of "declared" */
    ngx_str_t   at;          /* of it, else of the block: "nginx.conf:7" */
    off_t       serial;      /* 0: none */
    ngx_array_t users;
    ngx_array_t projects;
    ngx_str_t   text; /* all of it, as JSON */
    int64_t     loaded_at;
} ngx_http_registry_declare_t;

/* Handlers of directives. */
typedef char *ngx_http_registry_set_t(ngx_conf_t *cf, ngx_command_t *cmd,
                                      void *conf);

/* Parse a block in which only our directives of that type are known; they
 * find conf where a location's configuration would be (_conf.c). */
char *ngx_http_registry_block(ngx_conf_t *cf, ngx_uint_t type, void *conf);

/* Of _conf.c. */
ngx_http_registry_set_t ngx_http_registry_conf_instance;
ngx_http_registry_set_t ngx_http_registry_conf_gc;
ngx_http_registry_set_t ngx_http_registry_conf_threads;
ngx_http_registry_set_t ngx_http_registry_conf_backup;
ngx_http_registry_set_t ngx_http_registry_conf_url;
ngx_http_registry_set_t ngx_http_registry_conf_public_url;
ngx_http_registry_set_t ngx_http_registry_conf_location;
/* In the instance; conf is the ngx_http_registry_instance_t. */
ngx_http_registry_set_t ngx_http_registry_user;
ngx_http_registry_set_t ngx_http_registry_project;
ngx_http_registry_set_t ngx_http_registry_declared;
ngx_http_registry_set_t ngx_http_registry_serial;
ngx_http_registry_set_t ngx_http_registry_token_key;
ngx_http_registry_set_t ngx_http_registry_secret_file;
/* In the block of a user. */
ngx_http_registry_set_t ngx_http_registry_user_admin;
ngx_http_registry_set_t ngx_http_registry_user_password;
/* In the block of a project. */
ngx_http_registry_set_t ngx_http_registry_project_public;
ngx_http_registry_set_t ngx_http_registry_project_quota;
ngx_http_registry_set_t ngx_http_registry_project_write;
ngx_http_registry_set_t ngx_http_registry_project_member;
ngx_http_registry_set_t ngx_http_registry_project_robot;
/* In a location. */
ngx_http_registry_set_t ngx_http_registry_remote_user;

/* At the begin and the end of an instance's block: the latter checks it all
 * and makes one text of it. */
ngx_int_t ngx_http_registry_declare_init(ngx_conf_t                  *cf,
                                         ngx_http_registry_declare_t *d);
char *ngx_http_registry_declare_text(ngx_conf_t *cf, ngx_str_t *instance,
                                     ngx_http_registry_declare_t *d);

/* The name that nginx has established for this request; empty: none. */
ngx_int_t ngx_http_registry_remote_get(ngx_http_request_t *r,
                                       cr_request_t       *req);

static ngx_inline cr_str_t
ngx_http_registry_str(ngx_str_t s)
{
    return (cr_str_t) { s.len, (char *) s.data };
}

#endif
