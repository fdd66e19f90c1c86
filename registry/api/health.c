/*
 * /healthz (this process answers), /readyz (database and storage work) and
 * /metrics.  None of them says anything about content.
 */

#include "api/handlers.h"
#include "core/buf.h"

#define CR_METRICS_MAX ((size_t) 16 * 1024 * 1024)

cr_err_t
cr_health_live(cr_exchange_t *x)
{
    return cr_respond_json(x, 200, CR_STR("{\"status\":\"healthy\"}\n"));
}

static void
cr_health_component(cr_exchange_t *x, cr_buf_t *b, const char *name,
                    cr_err_t err)
{
    cr_buf_z(b, "{\"name\":");
    cr_buf_json(b, cr_str_z(name));

    if (err == CR_OK) {
        cr_buf_z(b, ",\"status\":\"healthy\"}");
        return;
    }

    cr_buf_z(b, ",\"status\":\"unhealthy\",\"error\":");
    cr_buf_json(b, cr_str_z(cr_err_info(err)->text));
    cr_buf_char(b, '}');

    /* The first fault is the one to tell the operator; one that is only
     * remembered has no detail, and was logged when it was met. */
    if (x->info.detail.len == 0) {
        x->info.log_error = x->cx.detail.len != 0;
        x->info.detail = x->cx.detail.len != 0
                             ? x->cx.detail
                             : cr_str_z(cr_err_info(err)->text);
    }
}

cr_err_t
cr_health_ready(cr_exchange_t *x)
{
    bool     ready;
    cr_buf_t b;
    cr_str_t body;
    cr_err_t db, storage;

    cr_api_ready(&x->cx, x->api, &db, &storage);
    ready = db == CR_OK && storage == CR_OK;

    cr_buf_init(&b, &x->cx, 4096);
    cr_buf_z(&b, "{\"components\":[");
    cr_health_component(x, &b, "database", db);
    cr_buf_char(&b, ',');
    cr_health_component(x, &b, "storage", storage);
    cr_buf_printf(&b, "],\"status\":\"%s\"}\n",
                  ready ? "healthy" : "unhealthy");
    CR_TRY(cr_buf_end(&b, &body));

    cr_clear(&x->cx);
    CR_TRY(cr_response_header(x, "Cache-Control", CR_STR("no-store")));

    return cr_respond_json(x, ready ? 200 : 503, body);
}

cr_err_t
cr_health_metrics(cr_exchange_t *x)
{
    cr_buf_t             b;
    cr_str_t             body;
    const cr_api_conf_t *conf = cr_api_conf(x->api);

    if (conf->metrics == NULL) {
        return cr_fail(&x->cx, CR_ERR_NOT_FOUND, "no metrics here");
    }

    cr_buf_init(&b, &x->cx, CR_METRICS_MAX);
    conf->metrics(conf->metrics_arg, &b);
    CR_TRY(cr_buf_end(&b, &body));

    return cr_respond(x, 200,
                      CR_STR("text/plain; version=0.0.4; charset=utf-8"), body);
}
