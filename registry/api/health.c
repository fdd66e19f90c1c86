/*
 * /healthz (this process answers) and /readyz (database and storage work).
 * Neither says anything about content.
 */

#include "api/handlers.h"
#include "api/health.h"
#include "core/buf.h"

cr_err_t
cr_health_live(cr_exchange_t *x)
{
    return cr_respond_json(x, 200, CR_STR("{\"status\":\"healthy\"}\n"));
}

static void
cr_health_component(cr_buf_t *b, const char *name, const char *status,
                    cr_err_t err)
{
    cr_buf_z(b, "{\"name\":");
    cr_buf_json(b, cr_str_z(name));
    cr_buf_printf(b, ",\"status\":\"%s\"", status);

    if (err != CR_OK) {
        cr_buf_z(b, ",\"error\":");
        cr_buf_json(b, cr_str_z(cr_err_info(err)->text));
    }

    cr_buf_char(b, '}');
}

/* Each instance sees the same full disk: were it not ready, none would be, and
 * pulls would end with pushes. */
static const char *
cr_health_storage(const cr_api_ready_t *r)
{
    if (r->storage != CR_OK) {
        return "unhealthy";
    }

    return r->writes == CR_OK             ? "healthy"
           : r->writes == CR_ERR_NO_SPACE ? "full"
                                          : "read-only";
}

cr_err_t
cr_health_ready(cr_exchange_t *x)
{
    bool           ready;
    cr_buf_t       b;
    cr_str_t       body;
    cr_api_ready_t r;

    cr_api_ready(&x->cx, x->api, &r);
    ready = r.db == CR_OK && r.storage == CR_OK;
    x->info.detail = r.news;
    x->info.log_error = r.news.len != 0;

    cr_buf_init(&b, &x->cx, 4096);
    cr_buf_z(&b, "{\"components\":[");
    cr_health_component(&b, "database", r.db == CR_OK ? "healthy" : "unhealthy",
                        r.db);
    cr_buf_char(&b, ',');
    cr_health_component(&b, "storage", cr_health_storage(&r),
                        r.storage != CR_OK ? r.storage : r.writes);
    cr_buf_printf(&b, "],\"status\":\"%s\"}\n",
                  !ready              ? "unhealthy"
                  : r.writes != CR_OK ? "degraded"
                                      : "healthy");
    CR_TRY(cr_buf_end(&b, &body));
    CR_TRY(cr_response_header(x, "Cache-Control", CR_STR("no-store")));

    return cr_respond_json(x, ready ? 200 : 503, body);
}
