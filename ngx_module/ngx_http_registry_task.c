/*
 * Threads: the pools of an instance, the one task of a request, the task that
 * opens a registry when a worker starts and brings what nginx.conf declares
 * into its database, and the one that writes what was counted in memory.
 * What runs in a thread owns the exchange and the parts of the body that were
 * handed to it, nothing else: no request, no pool, no connection.
 */

#include "ngx_http_registry.h"
#include <sys/resource.h>

/* How long before a task that does not end is worth a line in the log. */
#define NGX_HTTP_REGISTRY_TASK_ALARM  60000

/*
 * nginx logs each task that its queue has no room for, an attacker's too: so
 * its own bound is never met, and ours is looked at before.
 */
#define NGX_HTTP_REGISTRY_QUEUE       "max_queue=65536"

/*
 * Tasks of requests that may wait.  Passwords: a second's worth of hashes,
 * more of them is an attack or a misconfigured client (429).
 */
static const ngx_uint_t ngx_http_registry_queue[] = { 65000, 65000, 64 };

/*
 * Of a thread that verifies passwords: it is all computing, for tens of
 * milliseconds, and the event loop must not wait for its time slice.
 */
#define NGX_HTTP_REGISTRY_CRYPT_NICE  10

/* In nginx since 1.7.11, in no header. */
extern ngx_module_t ngx_thread_pool_module;

/* Until what is declared is in the database: 1 s, then longer. */
#define NGX_HTTP_REGISTRY_OPEN_RETRY     1000
#define NGX_HTTP_REGISTRY_OPEN_RETRY_MAX 30000

/* How often counts of pulls are written. */
#define NGX_HTTP_REGISTRY_FLUSH 5000

typedef struct {
    ngx_http_registry_instance_t *instance;
    ngx_thread_task_t            *task;
    ngx_event_t                   timer;
    cr_err_t                      err;
} ngx_http_registry_flush_t;

typedef struct {
    ngx_http_registry_instance_t *instance;
    ngx_thread_task_t            *task;
    ngx_event_t                   timer;
    ngx_msec_t                    delay;
    cr_err_t                      err;
    cr_api_declare_e              declare;
    u_char                        text[1024]; /* for the log */
    size_t                        len;
} ngx_http_registry_open_t;

static ngx_thread_pool_t *ngx_http_registry_pool(
    ngx_conf_t *cf, ngx_http_registry_instance_t *inst, ngx_uint_t which);
static ngx_uint_t ngx_http_registry_task_full(ngx_http_registry_ctx_t *ctx,
                                              ngx_uint_t               pool);
static void ngx_http_registry_task_run(void *data, ngx_log_t *log);
static void ngx_http_registry_task_run_nice(void *data, ngx_log_t *log);
static void ngx_http_registry_task_event(ngx_event_t *ev);
static void ngx_http_registry_open_run(void *data, ngx_log_t *log);
static void ngx_http_registry_open_text(ngx_http_registry_open_t *open,
    cr_str_t text);
static void ngx_http_registry_open_event(ngx_event_t *ev);
static void ngx_http_registry_open_log(ngx_http_registry_open_t *open,
    ngx_log_t *log);
static void ngx_http_registry_open_again(ngx_event_t *ev);
static void ngx_http_registry_flush_run(void *data, ngx_log_t *log);
static void ngx_http_registry_flush_event(ngx_event_t *ev);
static void ngx_http_registry_flush_again(ngx_event_t *ev);

static const char *ngx_http_registry_pool_names[] = { "bulk", "db", "crypt" };


char *
ngx_http_registry_task_pools(ngx_conf_t *cf, ngx_http_registry_instance_t *inst)
{
    ngx_uint_t i;

    for (i = 0; i < NGX_HTTP_REGISTRY_POOLS; i++) {
        inst->pools[i] = ngx_http_registry_pool(cf, inst, i);

        if (inst->pools[i] == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/*
 * nginx makes pools from its directive "thread_pool" alone, and what a pool
 * is made of is private.  So the directive's handler is called as if
 * "thread_pool registry_NAME_db threads=N max_queue=N;" stood in the file.
 */
static ngx_thread_pool_t *
ngx_http_registry_pool(ngx_conf_t *cf, ngx_http_registry_instance_t *inst,
                       ngx_uint_t which)
{
    void          *conf;
    ngx_str_t     *value, name;
    ngx_array_t    args, *saved;
    ngx_command_t *cmd;

    name.data =
        ngx_pnalloc(cf->pool, inst->name.len + sizeof("registry__crypt"));
    if (name.data == NULL
        || ngx_array_init(&args, cf->pool, 4, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NULL;
    }

    name.len = (size_t) (ngx_sprintf(name.data, "registry_%V_%s", &inst->name,
                                     ngx_http_registry_pool_names[which])
                         - name.data);

    value = ngx_array_push_n(&args, 4);
    ngx_str_set(&value[0], "thread_pool");
    value[1] = name;

    value[2].data = ngx_pnalloc(cf->pool, sizeof("threads=") + NGX_INT_T_LEN);
    if (value[2].data == NULL) {
        return NULL;
    }

    value[2].len = (size_t) (ngx_sprintf(value[2].data, "threads=%ui",
                                         inst->threads[which])
                             - value[2].data);

    ngx_str_set(&value[3], NGX_HTTP_REGISTRY_QUEUE);

    cmd = ngx_thread_pool_module.commands;
    conf = ngx_get_conf(cf->cycle->conf_ctx, ngx_thread_pool_module);

    saved = cf->args;
    cf->args = &args;

    if (cmd->set(cf, cmd, conf) != NGX_CONF_OK) {
        cf->args = saved;
        return NULL;
    }

    cf->args = saved;

    return ngx_thread_pool_add(cf, &value[1]);
}


/* Said at once, then once a second with the number of those in between. */
static ngx_uint_t
ngx_http_registry_task_full(ngx_http_registry_ctx_t *ctx, ngx_uint_t pool)
{
    ngx_http_registry_instance_t *inst = ctx->instance;
    ngx_http_registry_load_t     *load = &inst->load[pool];

    if (load->tasks < inst->threads[pool] + ngx_http_registry_queue[pool]) {
        return 0;
    }

    load->refused++;

    if (load->told_at != ngx_time()) {
        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "registry \"%V\": pool \"%s\" is full with %ui tasks; "
                      "%ui requests refused",
                      &inst->name, ngx_http_registry_pool_names[pool],
                      load->tasks, load->refused);
        load->told_at = ngx_time();
        load->refused = 0;
    }

    return 1;
}


ngx_int_t
ngx_http_registry_task_post(ngx_http_registry_ctx_t *ctx, ngx_uint_t pool,
                            ngx_http_registry_run_pt run,
                            ngx_http_registry_run_pt done)
{
    ngx_thread_task_t  *task;
    ngx_http_request_t *r = ctx->request;

    if (ngx_http_registry_task_full(ctx, pool)) {
        return NGX_ERROR;
    }

    if (ctx->task == NULL) {
        ctx->task = ngx_thread_task_alloc(r->pool, 0);

        if (ctx->task == NULL) {
            return NGX_ERROR;
        }
    }

    ctx->run = run;
    ctx->done = done;

    task = ctx->task;
    task->ctx = ctx;
    task->handler = (pool == NGX_HTTP_REGISTRY_CRYPT)
                        ? ngx_http_registry_task_run_nice
                        : ngx_http_registry_task_run;
    task->event.data = r;
    task->event.handler = ngx_http_registry_task_event;
    task->event.log = r->connection->log;

    if (ngx_thread_task_post(ctx->instance->pools[pool], task) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->task_active = 1;
    ctx->task_pool = pool;
    ctx->instance->load[pool].tasks++;
    r->main->blocked++;
    r->aio = 1;

    /* A worker that shuts down waits for timers, not for threads. */
    ngx_add_timer(&task->event, NGX_HTTP_REGISTRY_TASK_ALARM);

    return NGX_AGAIN;
}


static void
ngx_http_registry_task_run(void *data, ngx_log_t *log)
{
    ngx_http_registry_ctx_t *ctx = data;

    ctx->run(ctx);
}


/* The priority is the thread's; set again it costs nothing beside a hash. */
static void
ngx_http_registry_task_run_nice(void *data, ngx_log_t *log)
{
    (void) setpriority(PRIO_PROCESS, 0, NGX_HTTP_REGISTRY_CRYPT_NICE);
    ngx_http_registry_task_run(data, log);
}


/* The one trampoline: the end of a task, or its alarm. */
static void
ngx_http_registry_task_event(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_registry_ctx_t *ctx;

    r = ev->data;
    c = r->connection;
    ctx = ngx_http_registry_get_ctx(r);

    ngx_http_set_log_request(c->log, r);

    if (ev->timedout) {
        ngx_log_error(NGX_LOG_WARN, c->log, 0,
                      "registry: a task takes longer than %d seconds",
                      NGX_HTTP_REGISTRY_TASK_ALARM / 1000);
        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_REGISTRY_TASK_ALARM);
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    r->main->blocked--;
    r->aio = 0;
    ctx->task_active = 0;
    ctx->instance->load[ctx->task_pool].tasks--;

    if (ctx->done != NULL) {
        ctx->done(ctx);
    }

    ngx_http_registry_resume(ctx);
    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_registry_task_open(ngx_cycle_t                  *cycle,
                            ngx_http_registry_instance_t *inst)
{
    ngx_thread_task_t        *task;
    ngx_http_registry_open_t *open;

    task = ngx_thread_task_alloc(cycle->pool, sizeof(ngx_http_registry_open_t));
    if (task == NULL) {
        return NGX_ERROR;
    }

    open = task->ctx;
    ngx_memzero(open, sizeof(ngx_http_registry_open_t));
    open->instance = inst;
    open->task = task;
    open->delay = NGX_HTTP_REGISTRY_OPEN_RETRY;

    open->timer.handler = ngx_http_registry_open_again;
    open->timer.data = open;
    open->timer.log = cycle->log;
    open->timer.cancelable = 1;

    task->handler = ngx_http_registry_open_run;
    task->event.data = open;
    task->event.handler = ngx_http_registry_open_event;
    task->event.log = cycle->log;

    return ngx_thread_task_post(inst->pools[NGX_HTTP_REGISTRY_DB], task);
}


static void
ngx_http_registry_open_text(ngx_http_registry_open_t *open, cr_str_t text)
{
    open->len = ngx_min(text.len, sizeof(open->text));

    if (open->len != 0) {
        ngx_memcpy(open->text, text.data, open->len);
    }
}


static void
ngx_http_registry_open_run(void *data, ngx_log_t *log)
{
    ngx_http_registry_open_t *open = data;

    cr_str_t why;
    cr_ctx_t cx;

    open->len = 0;
    open->err = CR_ERR_NO_MEMORY;
    open->declare = CR_API_DECLARE_DONE;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        return;
    }

    open->err = cr_api_open(&cx, open->instance->api);

    if (open->err != CR_OK) {
        why = cx.detail.len ? cx.detail : cx.message;

        if (why.len == 0) {
            why = cr_str_z(cr_err_info(cx.err)->text);
        }

        ngx_http_registry_open_text(open, why);

    } else {
        open->declare = cr_api_declare(&cx, open->instance->api, &why);
        ngx_http_registry_open_text(open, why);
    }

    cr_ctx_done(&cx);
}


/* A request opens it too; what is declared is for this task alone. */
static void
ngx_http_registry_open_event(ngx_event_t *ev)
{
    ngx_http_registry_open_t *open = ev->data;

    ngx_http_registry_open_log(open, ev->log);

    if (ngx_worker != 0 || ngx_exiting
        || (open->err == CR_OK && open->declare != CR_API_DECLARE_AGAIN))
    {
        return;
    }

    ngx_add_timer(&open->timer, open->delay);
    open->delay = ngx_min(open->delay * 2, NGX_HTTP_REGISTRY_OPEN_RETRY_MAX);
}


/* Of what is tried again, the first time only. */
static void
ngx_http_registry_open_log(ngx_http_registry_open_t *open, ngx_log_t *log)
{
    ngx_uint_t level = NGX_LOG_ERR;

    if (open->len == 0) {
        return;
    }

    if (open->err == CR_OK && open->declare == CR_API_DECLARE_DONE) {
        level = NGX_LOG_NOTICE;

    } else if (open->err == CR_OK && open->declare == CR_API_DECLARE_NOTICE) {
        level = NGX_LOG_WARN;

    } else if (open->delay != NGX_HTTP_REGISTRY_OPEN_RETRY) {
        level = NGX_LOG_INFO;
    }

    ngx_log_error(level, log, 0, "registry \"%V\": %*s",
                  &open->instance->name, open->len, open->text);
}


static void
ngx_http_registry_open_again(ngx_event_t *ev)
{
    ngx_http_registry_open_t *open = ev->data;

    if (ngx_exiting || ngx_terminate || ngx_quit) {
        return;
    }

    if (ngx_thread_task_post(open->instance->pools[NGX_HTTP_REGISTRY_DB],
                             open->task)
        != NGX_OK)
    {
        ngx_add_timer(ev, open->delay);
    }
}


/* --- what was counted in memory ------------------------------------------ */

ngx_int_t
ngx_http_registry_task_flush(ngx_cycle_t                  *cycle,
                             ngx_http_registry_instance_t *inst)
{
    ngx_thread_task_t         *task;
    ngx_http_registry_flush_t *flush;

    task =
        ngx_thread_task_alloc(cycle->pool, sizeof(ngx_http_registry_flush_t));
    if (task == NULL) {
        return NGX_ERROR;
    }

    flush = task->ctx;
    ngx_memzero(flush, sizeof(ngx_http_registry_flush_t));
    flush->instance = inst;
    flush->task = task;

    flush->timer.handler = ngx_http_registry_flush_again;
    flush->timer.data = flush;
    flush->timer.log = cycle->log;
    flush->timer.cancelable = 1;

    task->handler = ngx_http_registry_flush_run;
    task->event.data = flush;
    task->event.handler = ngx_http_registry_flush_event;
    task->event.log = cycle->log;

    ngx_add_timer(&flush->timer, NGX_HTTP_REGISTRY_FLUSH);

    return NGX_OK;
}


static void
ngx_http_registry_flush_run(void *data, ngx_log_t *log)
{
    ngx_http_registry_flush_t *flush = data;

    cr_ctx_t cx;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        flush->err = CR_ERR_NO_MEMORY;
        return;
    }

    flush->err = cr_api_flush(&cx, flush->instance->api);
    cr_ctx_done(&cx);
}


/* A fault of the database is told by the requests that need it. */
static void
ngx_http_registry_flush_event(ngx_event_t *ev)
{
    ngx_http_registry_flush_t *flush = ev->data;

    if (flush->err != CR_OK) {
        ngx_log_error(NGX_LOG_INFO, ev->log, 0,
                      "registry \"%V\": counts of pulls not written: %s",
                      &flush->instance->name, cr_err_info(flush->err)->name);
    }

    ngx_add_timer(&flush->timer, NGX_HTTP_REGISTRY_FLUSH);
}


static void
ngx_http_registry_flush_again(ngx_event_t *ev)
{
    ngx_http_registry_flush_t *flush = ev->data;

    if (!cr_api_due(flush->instance->api)
        || ngx_thread_task_post(flush->instance->pools[NGX_HTTP_REGISTRY_DB],
                                flush->task)
               != NGX_OK)
    {
        ngx_add_timer(ev, NGX_HTTP_REGISTRY_FLUSH);
    }
}
