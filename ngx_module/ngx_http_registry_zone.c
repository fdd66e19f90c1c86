/*
 * Counters of an instance in a shared memory zone of its own, and their text
 * for /metrics; and the memory of failed logins, which the registry counts.
 * Atomics only, no lock.  Counters survive a reload and a killed worker.
 * Gauges are kept per process, so that what a killed worker
 * had under way does not count for ever.
 */

#include "ngx_http_registry.h"

#include <inttypes.h>
#include "core/version.h"

#define NGX_HTTP_REGISTRY_HANDLERS 32
#define NGX_HTTP_REGISTRY_METHODS  8
#define NGX_HTTP_REGISTRY_CODES    40
#define NGX_HTTP_REGISTRY_BUCKETS  15 /* the last one has no bound */
#define NGX_HTTP_REGISTRY_GUARD    262144 /* bytes; 16 a pair */
#define NGX_HTTP_REGISTRY_GATE     128

typedef struct {
    ngx_atomic_t buckets[NGX_HTTP_REGISTRY_BUCKETS]; /* not cumulative */
    ngx_atomic_t sum_ms;
} ngx_http_registry_histogram_t;

/* Written by its process alone. */
typedef struct {
    ngx_pid_t        pid;
    volatile int32_t uploads;
    volatile int32_t in_flight[NGX_HTTP_REGISTRY_HANDLERS];
} ngx_http_registry_process_t;

struct ngx_http_registry_stats_s {
    ngx_uint_t handlers; /* what the indices meant when this was made */

    ngx_atomic_t requests[NGX_HTTP_REGISTRY_HANDLERS][NGX_HTTP_REGISTRY_METHODS]
                         [NGX_HTTP_REGISTRY_CODES];
    ngx_http_registry_histogram_t duration[NGX_HTTP_REGISTRY_HANDLERS]
                                          [NGX_HTTP_REGISTRY_METHODS];
    ngx_atomic_t                received[NGX_HTTP_REGISTRY_HANDLERS];
    ngx_atomic_t                sent[NGX_HTTP_REGISTRY_HANDLERS];
    ngx_http_registry_process_t processes[NGX_MAX_PROCESSES];
    uint64_t                    guard[NGX_HTTP_REGISTRY_GUARD / 8];
    uint64_t                    gate[NGX_HTTP_REGISTRY_GATE / 8];
};

static ngx_int_t ngx_http_registry_zone_init(ngx_shm_zone_t *zone, void *data);
static void ngx_http_registry_zone_line(ngx_http_registry_stats_t *st);
static ngx_http_registry_process_t *ngx_http_registry_process(
    ngx_http_registry_instance_t *inst);
static ngx_uint_t  ngx_http_registry_handlers(void);
static ngx_uint_t  ngx_http_registry_none(void);
static ngx_uint_t  ngx_http_registry_method(ngx_http_request_t *r);
static ngx_uint_t  ngx_http_registry_code(ngx_uint_t status);
static const char *ngx_http_registry_code_label(ngx_uint_t i, char *text,
                                                size_t size);
static void        ngx_http_registry_head(cr_buf_t *b, const char *name,
                                          const char *type, const char *help);
static void ngx_http_registry_text_requests(ngx_http_registry_stats_t *st,
                                            cr_buf_t                  *b);
static void ngx_http_registry_text_durations(ngx_http_registry_stats_t *st,
                                             cr_buf_t                  *b);
static void ngx_http_registry_text_duration(
    const ngx_http_registry_histogram_t *h, const char *labels, cr_buf_t *b);
static void ngx_http_registry_text_bytes(ngx_http_registry_stats_t *st,
                                         cr_buf_t                  *b);
static void ngx_http_registry_text_gauges(ngx_http_registry_stats_t *st,
                                          cr_buf_t                  *b);

/* The last of each list stands for all others. */
static const char *ngx_http_registry_methods[NGX_HTTP_REGISTRY_METHODS] = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"
};

static const ngx_uint_t ngx_http_registry_codes[] = {
    200, 201, 202, 204, 206, 302, 304, 307, 400, 401, 403,
    404, 405, 406, 408, 409, 411, 412, 413, 414, 415, 416,
    422, 429, 431, 499, 500, 501, 502, 503, 504, 507
};

static const ngx_msec_t ngx_http_registry_bounds_ms[] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000
};


ngx_int_t
ngx_http_registry_zone_add(ngx_conf_t *cf, ngx_http_registry_instance_t *inst)
{
    size_t    size;
    ngx_str_t name;

    name.len = sizeof("registry_") - 1 + inst->name.len;
    name.data = ngx_pnalloc(cf->pool, name.len);

    if (name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(name.data, "registry_%V", &inst->name);

    size = ngx_align(sizeof(ngx_http_registry_stats_t), ngx_pagesize)
           + 16 * ngx_pagesize;

    inst->zone =
        ngx_shared_memory_add(cf, &name, size, &ngx_http_registry_module);
    if (inst->zone == NULL) {
        return NGX_ERROR;
    }

    inst->zone->init = ngx_http_registry_zone_init;
    inst->zone->data = inst;

    return NGX_OK;
}


static ngx_int_t
ngx_http_registry_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t              *sp;
    ngx_http_registry_stats_t    *st;
    ngx_http_registry_instance_t *old = data;
    ngx_http_registry_instance_t *inst = zone->data;

    sp = (ngx_slab_pool_t *) zone->shm.addr;
    st = old != NULL ? old->stats : zone->shm.exists ? sp->data : NULL;

    if (st == NULL) {
        st = ngx_slab_calloc(sp, sizeof(ngx_http_registry_stats_t));

        if (st == NULL) {
            return NGX_ERROR;
        }

        sp->data = st;
        ngx_http_registry_zone_line(st);

    } else if (st->handlers != cr_api_handler_count()) {
        /* Made by another version of the module. */
        ngx_memzero(st, sizeof(ngx_http_registry_stats_t));
        ngx_http_registry_zone_line(st);
    }

    st->handlers = cr_api_handler_count();
    inst->stats = st;

    return NGX_OK;
}


static void
ngx_http_registry_zone_line(ngx_http_registry_stats_t *st)
{
    if (cr_api_gate_size() <= sizeof(st->gate)) {
        cr_api_gate_init(st->gate);
    }
}


static ngx_http_registry_process_t *
ngx_http_registry_process(ngx_http_registry_instance_t *inst)
{
    return &inst->stats->processes[ngx_process_slot % NGX_MAX_PROCESSES];
}


void
ngx_http_registry_zone_start(ngx_http_registry_instance_t *inst)
{
    ngx_http_registry_process_t *p = ngx_http_registry_process(inst);

    ngx_memzero(p, sizeof(ngx_http_registry_process_t));
    p->pid = ngx_pid;
}


void *
ngx_http_registry_zone_guard(ngx_http_registry_instance_t *inst, size_t *size)
{
    *size = sizeof(inst->stats->guard);

    return inst->stats->guard;
}


void *
ngx_http_registry_zone_gate(ngx_http_registry_instance_t *inst)
{
    return cr_api_gate_size() <= sizeof(inst->stats->gate) ? inst->stats->gate
                                                           : NULL;
}


void
ngx_http_registry_zone_begin(ngx_http_registry_ctx_t *ctx)
{
    ctx->counted = 1;
    ctx->handler = ngx_http_registry_none();
    ngx_http_registry_process(ctx->instance)->in_flight[ctx->handler]++;
}


void
ngx_http_registry_zone_route(ngx_http_registry_ctx_t *ctx)
{
    ngx_uint_t                   i = ctx->exchange->info.handler_index;
    ngx_http_registry_process_t *p = ngx_http_registry_process(ctx->instance);

    if (i != ctx->handler && i < NGX_HTTP_REGISTRY_HANDLERS) {
        p->in_flight[ctx->handler]--;
        p->in_flight[i]++;
        ctx->handler = i;
    }
}


void
ngx_http_registry_zone_end(ngx_http_registry_ctx_t *ctx)
{
    if (ctx->counted) {
        ctx->counted = 0;
        ngx_http_registry_process(ctx->instance)->in_flight[ctx->handler]--;
    }
}


void
ngx_http_registry_zone_upload(ngx_http_registry_ctx_t *ctx, int by)
{
    ngx_http_registry_process(ctx->instance)->uploads += by;
}


void
ngx_http_registry_zone_received(ngx_http_registry_ctx_t *ctx, size_t n)
{
    ngx_http_registry_stats_t *st = ctx->instance->stats;

    (void) ngx_atomic_fetch_add(&st->received[ctx->handler],
                                (ngx_atomic_int_t) n);
}


void
ngx_http_registry_zone_sent(ngx_http_registry_ctx_t *ctx)
{
    off_t                      sent = ctx->request->connection->sent;
    ngx_http_registry_stats_t *st = ctx->instance->stats;

    if (sent > ctx->sent) {
        (void) ngx_atomic_fetch_add(&st->sent[ctx->handler],
                                    (ngx_atomic_int_t) (sent - ctx->sent));
        ctx->sent = sent;
    }
}


ngx_int_t
ngx_http_registry_zone_log(ngx_http_request_t *r)
{
    ngx_uint_t                     i, status, method, handler;
    ngx_time_t                    *tp;
    ngx_msec_int_t                 ms;
    ngx_http_registry_ctx_t       *ctx;
    ngx_http_registry_stats_t     *st;
    ngx_http_registry_loc_conf_t  *rlcf;
    ngx_http_registry_histogram_t *h;

    rlcf = ngx_http_get_module_loc_conf(r, ngx_http_registry_module);

    if (rlcf->ref == NULL) {
        return NGX_OK;
    }

    st = rlcf->ref->instance->stats;
    handler = ngx_http_registry_none();
    ctx = ngx_http_registry_get_ctx(r);

    if (ctx != NULL && ctx->instance == rlcf->ref->instance) {
        if (ctx->counted) {
            handler = ctx->handler;
        }

        ctx->handler = handler;
        ngx_http_registry_zone_sent(ctx);
    }

    status = r->err_status ? r->err_status : r->headers_out.status;
    method = ngx_http_registry_method(r);

    (void) ngx_atomic_fetch_add(
        &st->requests[handler][method][ngx_http_registry_code(status)], 1);

    tp = ngx_timeofday();
    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + ((ngx_msec_int_t) tp->msec
                              - (ngx_msec_int_t) r->start_msec));
    ms = ngx_max(ms, 0);

    for (i = 0; i < NGX_HTTP_REGISTRY_BUCKETS - 1; i++) {
        if ((ngx_msec_t) ms <= ngx_http_registry_bounds_ms[i]) {
            break;
        }
    }

    h = &st->duration[handler][method];
    (void) ngx_atomic_fetch_add(&h->buckets[i], 1);
    (void) ngx_atomic_fetch_add(&h->sum_ms, ms);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_registry_handlers(void)
{
    return ngx_min(cr_api_handler_count(), NGX_HTTP_REGISTRY_HANDLERS);
}


/* Requests that nginx answered before they had a handler. */
static ngx_uint_t
ngx_http_registry_none(void)
{
    unsigned i;

    for (i = 0; i < ngx_http_registry_handlers(); i++) {
        if (ngx_strcmp(cr_api_handler_name(i), "none") == 0) {
            return i;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_registry_method(ngx_http_request_t *r)
{
    ngx_uint_t i;

    for (i = 0; i < NGX_HTTP_REGISTRY_METHODS - 1; i++) {
        if (r->method_name.len == ngx_strlen(ngx_http_registry_methods[i])
            && ngx_strncmp(r->method_name.data, ngx_http_registry_methods[i],
                           r->method_name.len)
                   == 0)
        {
            break;
        }
    }

    return i;
}


static ngx_uint_t
ngx_http_registry_code(ngx_uint_t status)
{
    ngx_uint_t i;

    for (i = 0; i < CR_NELTS(ngx_http_registry_codes); i++) {
        if (ngx_http_registry_codes[i] == status) {
            break;
        }
    }

    return i;
}


static const char *
ngx_http_registry_code_label(ngx_uint_t i, char *text, size_t size)
{
    if (i == CR_NELTS(ngx_http_registry_codes)) {
        return "other";
    }

    (void) snprintf(text, size, "%u", (unsigned) ngx_http_registry_codes[i]);

    return text;
}


/* --- the text ----------------------------------------------------------- */

void
ngx_http_registry_zone_metrics(void *arg, cr_buf_t *b)
{
    ngx_http_registry_instance_t *inst = arg;

    ngx_http_registry_head(b, "registry_build_info", "gauge",
                           "What is running; always 1.");
    cr_buf_z(b,
             "registry_build_info{version=\"" CR_VERSION
             "\",component=\"nginx\",nginx_version=\"" NGINX_VERSION "\"} 1\n");

    ngx_http_registry_text_requests(inst->stats, b);
    ngx_http_registry_text_durations(inst->stats, b);
    ngx_http_registry_text_bytes(inst->stats, b);
    ngx_http_registry_text_gauges(inst->stats, b);
}


static void
ngx_http_registry_head(cr_buf_t *b, const char *name, const char *type,
                       const char *help)
{
    cr_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}


static void
ngx_http_registry_text_requests(ngx_http_registry_stats_t *st, cr_buf_t *b)
{
    char       code[16];
    uint64_t   n;
    ngx_uint_t i, m, c;

    ngx_http_registry_head(b, "registry_http_requests_total", "counter",
                           "Requests answered.");

    for (i = 0; i < ngx_http_registry_handlers(); i++) {
        for (m = 0; m < NGX_HTTP_REGISTRY_METHODS; m++) {
            for (c = 0; c <= CR_NELTS(ngx_http_registry_codes); c++) {
                n = st->requests[i][m][c];

                if (n == 0) {
                    continue;
                }

                cr_buf_printf(b,
                              "registry_http_requests_total{handler=\"%s\","
                              "method=\"%s\",code=\"%s\"} %" PRIu64 "\n",
                              cr_api_handler_name((unsigned) i),
                              ngx_http_registry_methods[m],
                              ngx_http_registry_code_label(c, code,
                                                           sizeof(code)),
                              n);
            }
        }
    }
}


static void
ngx_http_registry_text_durations(ngx_http_registry_stats_t *st, cr_buf_t *b)
{
    char       labels[128];
    ngx_uint_t i, m;

    ngx_http_registry_head(b, "registry_http_request_duration_seconds",
                           "histogram",
                           "Time from the first byte of a request to "
                           "the last byte of its response.");

    for (i = 0; i < ngx_http_registry_handlers(); i++) {
        for (m = 0; m < NGX_HTTP_REGISTRY_METHODS; m++) {
            (void) snprintf(labels, sizeof(labels),
                            "handler=\"%s\",method=\"%s\"",
                            cr_api_handler_name((unsigned) i),
                            ngx_http_registry_methods[m]);
            ngx_http_registry_text_duration(&st->duration[i][m], labels, b);
        }
    }
}


static void
ngx_http_registry_text_duration(const ngx_http_registry_histogram_t *h,
                                const char *labels, cr_buf_t *b)
{
    uint64_t   n = 0, ms;
    ngx_uint_t i;

    for (i = 0; i < NGX_HTTP_REGISTRY_BUCKETS; i++) {
        n += h->buckets[i];
    }

    if (n == 0) {
        return;
    }

    for (n = 0, i = 0; i < NGX_HTTP_REGISTRY_BUCKETS - 1; i++) {
        n += h->buckets[i];
        cr_buf_printf(b,
                      "registry_http_request_duration_seconds_bucket{%s,"
                      "le=\"%g\"} %" PRIu64 "\n",
                      labels, (double) ngx_http_registry_bounds_ms[i] / 1000,
                      n);
    }

    n += h->buckets[i];
    ms = h->sum_ms;

    cr_buf_printf(b,
                  "registry_http_request_duration_seconds_bucket{%s,"
                  "le=\"+Inf\"} %" PRIu64 "\n"
                  "registry_http_request_duration_seconds_sum{%s} %" PRIu64
                  ".%03u\n"
                  "registry_http_request_duration_seconds_count{%s} %" PRIu64
                  "\n",
                  labels, n, labels, ms / 1000, (unsigned) (ms % 1000), labels,
                  n);
}


static void
ngx_http_registry_text_bytes(ngx_http_registry_stats_t *st, cr_buf_t *b)
{
    ngx_uint_t i;

    ngx_http_registry_head(b, "registry_http_received_bytes_total", "counter",
                           "Bytes of request bodies.");

    for (i = 0; i < ngx_http_registry_handlers(); i++) {
        cr_buf_printf(b,
                      "registry_http_received_bytes_total{handler=\"%s\"} "
                      "%" PRIu64 "\n",
                      cr_api_handler_name((unsigned) i),
                      (uint64_t) st->received[i]);
    }

    ngx_http_registry_head(b, "registry_http_sent_bytes_total", "counter",
                           "Bytes of responses, headers included.");

    for (i = 0; i < ngx_http_registry_handlers(); i++) {
        cr_buf_printf(b,
                      "registry_http_sent_bytes_total{handler=\"%s\"} "
                      "%" PRIu64 "\n",
                      cr_api_handler_name((unsigned) i),
                      (uint64_t) st->sent[i]);
    }
}


static void
ngx_http_registry_text_gauges(ngx_http_registry_stats_t *st, cr_buf_t *b)
{
    int64_t                            uploads = 0;
    int64_t                            in_flight[NGX_HTTP_REGISTRY_HANDLERS];
    ngx_uint_t                         i, h;
    const ngx_http_registry_process_t *p;

    ngx_memzero(in_flight, sizeof(in_flight));

    for (i = 0; i < NGX_MAX_PROCESSES; i++) {
        p = &st->processes[i];

        /* Killed, and no other process took its place. */
        if (p->pid == 0 || kill(p->pid, 0) == -1) {
            continue;
        }

        uploads += p->uploads;

        for (h = 0; h < NGX_HTTP_REGISTRY_HANDLERS; h++) {
            in_flight[h] += p->in_flight[h];
        }
    }

    ngx_http_registry_head(b, "registry_http_in_flight_requests", "gauge",
                           "Requests that are being served.");

    for (i = 0; i < ngx_http_registry_handlers(); i++) {
        cr_buf_printf(b,
                      "registry_http_in_flight_requests{handler=\"%s\"} "
                      "%" PRId64 "\n",
                      cr_api_handler_name((unsigned) i), in_flight[i]);
    }

    ngx_http_registry_head(b, "registry_uploads_in_progress", "gauge",
                           "Blob uploads whose body is being received.");
    cr_buf_printf(b, "registry_uploads_in_progress %" PRId64 "\n", uploads);
}
