/*
 * The registry itself: version, ping, health.  Nothing here tells what it
 * holds.
 */

#include "api/health.h"
#include "api/management/management.h"

cr_err_t
cr_mgmt_version(cr_exchange_t *x)
{
    return cr_respond_json(x, 200, CR_STR("{\"version\":\"v2.0\"}\n"));
}

cr_err_t
cr_mgmt_ping(cr_exchange_t *x)
{
    return cr_respond(x, 200, CR_STR("text/plain; charset=utf-8"),
                      CR_STR("Pong"));
}

static void
cr_mgmt_health_component(cr_writer_t *w, const char *name, cr_err_t err)
{
    cr_writer_object(w, NULL);
    cr_writer_z(w, "name", name);
    cr_writer_z(w, "status", err == CR_OK ? "healthy" : "unhealthy");

    if (err != CR_OK) {
        cr_writer_z(w, "error", cr_err_info(err)->text);
    }

    cr_writer_object_end(w);
}

/* Also when something is wrong: 200, and the body says what. */
cr_err_t
cr_mgmt_health(cr_exchange_t *x)
{
    bool           ready;
    cr_err_t       storage;
    cr_str_t       body;
    cr_writer_t    w;
    cr_api_ready_t r;

    cr_api_ready(&x->cx, x->api, &r);
    storage = r.storage != CR_OK ? r.storage : r.writes;
    ready = r.db == CR_OK && storage == CR_OK;

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);
    cr_writer_z(&w, "status", ready ? "healthy" : "unhealthy");
    cr_writer_array(&w, "components");
    cr_mgmt_health_component(&w, "core", CR_OK);
    cr_mgmt_health_component(&w, "database", r.db);
    cr_mgmt_health_component(&w, "storage", storage);
    cr_writer_array_end(&w);
    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

/* "hub.example.com:8443" of a URL. */
cr_str_t
cr_mgmt_host(cr_str_t url)
{
    ptrdiff_t slash = cr_str_rchr(url, '/');

    return slash < 0 ? url : cr_str_slice(url, (size_t) slash + 1, url.len);
}

cr_err_t
cr_mgmt_volumes(cr_exchange_t *x)
{
    cr_str_t             body;
    cr_writer_t          w;
    cr_storage_info_t    info;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_storage_info(&x->cx, o->storage, &info));

    cr_writer_init(&w, &x->cx);
    cr_writer_object(&w, NULL);
    cr_writer_array(&w, "storage");
    cr_writer_object(&w, NULL);
    cr_writer_int(&w, "total", (int64_t) info.total_size);
    cr_writer_int(&w, "free", (int64_t) info.free_size);
    cr_writer_object_end(&w);
    cr_writer_array_end(&w);
    cr_writer_object_end(&w);
    CR_TRY(cr_writer_end(&w, &body));

    return cr_respond_json(x, 200, body);
}

/* --- what tools ask for and is not offered ----------------------------- */

cr_err_t
cr_mgmt_none(cr_exchange_t *x)
{
    return cr_fail(&x->cx, CR_ERR_NOT_FOUND, NULL);
}

cr_err_t
cr_mgmt_empty_list(cr_exchange_t *x)
{
    cr_paging_t page;

    CR_TRY(cr_paging_parse(x, &page));

    return cr_paging_respond(x, &page, 0, CR_STR("[]\n"));
}

cr_err_t
cr_mgmt_cve_allowlist(cr_exchange_t *x)
{
    return cr_respond_json(x, 200, CR_STR("{\"items\":[]}\n"));
}

cr_err_t
cr_mgmt_openapi(cr_exchange_t *x)
{
    return cr_respond(x, 200, CR_STR("application/yaml; charset=utf-8"),
                      (cr_str_t){ cr_openapi_len, cr_openapi_text });
}
