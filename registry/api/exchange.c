/*
 * The way of a request: a state machine whose transitions are data, and the
 * calls a transport makes.  What the stages do stands in route.c,
 * authenticate.c, authorise.c and the handlers.
 *
 *   ROUTE --> OPEN --> AUTHENTICATE --> VERIFY
 *     |                      |             |
 *     |                      v             |
 *     |                  AUTHORISE <-------+
 *     v                      |
 *   BODY <-------------------+
 *     |                      |
 *     v                      v
 *   HANDLE <---------------> STREAM
 *     |                      |
 *     +------> ABORT <-------+        (clean up, then an error or nothing)
 *                |
 *   any -------> SEND        ABORT, any --> DROP
 *
 * Sections: stages, errors, for handlers, for transports.
 */

#include <assert.h>
#include <stdlib.h>

#include "api/machine.h"

/* Most memory one request may take: manifests, pages of referrers. */
#define CR_EXCHANGE_ARENA_MAX ((size_t) 256 * 1024 * 1024)

/* --- stages ------------------------------------------------------------ */

typedef enum {
    CR_STAGE_ROUTE,
    CR_STAGE_OPEN,
    CR_STAGE_AUTHENTICATE,
    CR_STAGE_VERIFY,
    CR_STAGE_AUTHORISE,
    CR_STAGE_BODY,
    CR_STAGE_HANDLE,
    CR_STAGE_STREAM,
    CR_STAGE_ABORT,
    CR_STAGE_SEND,
    CR_STAGE_DROP,
    CR_STAGE_MAX
} cr_stage_e;

#define CR_STAGE_BIT(stage) (1u << (stage))

/* The end of a request that has nothing to clean up. */
#define CR_STAGE_ENDS                                                          \
    (CR_STAGE_BIT(CR_STAGE_SEND) | CR_STAGE_BIT(CR_STAGE_DROP))

/* The same for one that may. */
#define CR_STAGE_STOPS (CR_STAGE_ENDS | CR_STAGE_BIT(CR_STAGE_ABORT))

typedef struct cr_stage_row_s {
    const char *name;
    unsigned    next; /* CR_STAGE_BIT of what may follow */
} cr_stage_row_t;

/* clang-format off */
static const cr_stage_row_t cr_stage_rows[CR_STAGE_MAX] = {
    [CR_STAGE_ROUTE]        = { "route",
        CR_STAGE_BIT(CR_STAGE_OPEN) | CR_STAGE_BIT(CR_STAGE_AUTHENTICATE)
        | CR_STAGE_BIT(CR_STAGE_BODY) | CR_STAGE_BIT(CR_STAGE_HANDLE)
        | CR_STAGE_ENDS },
    [CR_STAGE_OPEN]         = { "open",
        CR_STAGE_BIT(CR_STAGE_AUTHENTICATE) | CR_STAGE_ENDS },
    [CR_STAGE_AUTHENTICATE] = { "authenticate",
        CR_STAGE_BIT(CR_STAGE_VERIFY) | CR_STAGE_BIT(CR_STAGE_AUTHORISE)
        | CR_STAGE_ENDS },
    [CR_STAGE_VERIFY]       = { "verify",
        CR_STAGE_BIT(CR_STAGE_AUTHORISE) | CR_STAGE_ENDS },
    [CR_STAGE_AUTHORISE]    = { "authorise",
        CR_STAGE_BIT(CR_STAGE_BODY) | CR_STAGE_BIT(CR_STAGE_HANDLE)
        | CR_STAGE_ENDS },
    [CR_STAGE_BODY]         = { "body",
        CR_STAGE_BIT(CR_STAGE_HANDLE) | CR_STAGE_ENDS },
    [CR_STAGE_HANDLE]       = { "handle",
        CR_STAGE_BIT(CR_STAGE_HANDLE) | CR_STAGE_BIT(CR_STAGE_STREAM)
        | CR_STAGE_STOPS },
    [CR_STAGE_STREAM]       = { "stream",
        CR_STAGE_BIT(CR_STAGE_HANDLE) | CR_STAGE_STOPS },
    [CR_STAGE_ABORT]        = { "abort", CR_STAGE_ENDS },
    [CR_STAGE_SEND]         = { "send", CR_STAGE_ENDS },
    [CR_STAGE_DROP]         = { "drop", CR_STAGE_BIT(CR_STAGE_DROP) },
};
/* clang-format on */

/* The only place where a stage changes. */
static void
cr_stage_set(cr_exchange_t *x, cr_stage_e stage, cr_step_e step)
{
    assert(cr_stage_rows[x->state->stage].next & CR_STAGE_BIT(stage));

    cr_debug(&x->cx, "exchange: %s -> %s", cr_stage_rows[x->state->stage].name,
             cr_stage_rows[stage].name);

    x->state->stage = (int) stage;
    x->step = step;
}

/* Point reads run on the event loop where the database allows it. */
static cr_step_e
cr_step_for_reads(cr_exchange_t *x, cr_step_e where)
{
    const cr_api_open_t *o = cr_api_opened(x->api);

    if (where == CR_STEP_INLINE && o != NULL && !o->reads_inline) {
        return CR_STEP_DB;
    }

    return where;
}

static void
cr_stage_handle(cr_exchange_t *x)
{
    const cr_route_t *route = x->state->route;
    cr_step_e         where = route->where;

    x->state->next = route->fn;

    if (route->perm != CR_PERM_OPEN) {
        where = cr_step_for_reads(x, where);
    }

    cr_stage_set(x, CR_STAGE_HANDLE, where);
}

/* The caller may: take the body if the handler wants it whole. */
static cr_err_t
cr_stage_body(cr_exchange_t *x)
{
    const cr_route_t *route = x->state->route;

    if (route->body != CR_BODY_BUFFER) {
        cr_stage_handle(x);
        return CR_OK;
    }

    x->body_max = route->body_max != 0 ? route->body_max
                                       : cr_api_conf(x->api)->manifest_max;

    cr_stage_set(x, CR_STAGE_BODY, CR_STEP_BODY);

    if (x->request.content_length > 0
        && (uint64_t) x->request.content_length > x->body_max)
    {
        cr_exchange_body_too_large(x);
    }

    return CR_OK;
}

static cr_err_t
cr_stage_route(cr_exchange_t *x)
{
    CR_TRY(cr_route_match(x));

    if (!cr_authorise_needed(x)) {
        return cr_stage_body(x);
    }

    if (cr_api_is_ready(x->api)) {
        cr_api_watch(&x->cx, x->api);
    }

    if (!cr_api_is_ready(x->api)) {
        cr_stage_set(x, CR_STAGE_OPEN, CR_STEP_DB);

    } else {
        cr_stage_set(x, CR_STAGE_AUTHENTICATE,
                     cr_step_for_reads(x, CR_STEP_INLINE));
    }

    return CR_OK;
}

static cr_err_t
cr_stage_run(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;

    switch ((cr_stage_e) st->stage) {

    case CR_STAGE_ROUTE:
        return cr_stage_route(x);

    case CR_STAGE_OPEN:
        CR_TRY(cr_api_open(&x->cx, x->api));
        cr_stage_set(x, CR_STAGE_AUTHENTICATE,
                     cr_step_for_reads(x, CR_STEP_INLINE));
        return CR_OK;

    case CR_STAGE_AUTHENTICATE:
        CR_TRY(cr_authenticate(x));

        if (st->login.pending) {
            cr_stage_set(x, CR_STAGE_VERIFY, CR_STEP_CRYPT);
            return CR_OK;
        }

        cr_stage_set(x, CR_STAGE_AUTHORISE,
                     cr_step_for_reads(x, CR_STEP_INLINE));
        return CR_OK;

    case CR_STAGE_VERIFY:
        CR_TRY(cr_login_verify(x));
        cr_stage_set(x, CR_STAGE_AUTHORISE,
                     cr_step_for_reads(x, CR_STEP_INLINE));
        return CR_OK;

    case CR_STAGE_AUTHORISE:
        CR_TRY(cr_authorise(x));
        return cr_stage_body(x);

    case CR_STAGE_HANDLE:
        st->settled = false;
        CR_TRY(st->next(x));

        if (!st->settled) {
            return cr_fail_detail(&x->cx, CR_ERR_INTERNAL,
                                  "a step of %s ended nowhere",
                                  st->route->pattern);
        }

        return CR_OK;

    default:
        return cr_fail_detail(&x->cx, CR_ERR_INTERNAL, "run in stage %s",
                              cr_stage_rows[st->stage].name);
    }
}

/* --- errors ------------------------------------------------------------ */

void
cr_exchange_sent(cr_exchange_t *x)
{
    cr_response_finish(x);
    cr_stage_set(x, CR_STAGE_SEND, CR_STEP_SEND);
}

/* Answer with the error, after the handler has cleaned up. */
static void
cr_exchange_failed(cr_exchange_t *x, cr_err_t err)
{
    cr_exchange_state_t *st = x->state;

    if (err == CR_ERR_DB_MISSING) {
        cr_api_lost(x->api);
    }

    if (st->abort != NULL) {
        st->failed = err;
        st->failed_message = x->cx.message;
        st->failed_detail = x->cx.detail;
        cr_stage_set(x, CR_STAGE_ABORT, st->abort_where);
        return;
    }

    cr_respond_error(x, err);
    cr_exchange_sent(x);
}

static void
cr_exchange_run_abort(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;
    cr_step_pt           fn = st->abort;
    cr_err_t             err;

    st->abort = NULL;
    cr_clear(&x->cx);
    err = fn(x);

    if (err != CR_OK) {
        cr_debug(&x->cx, "clean-up failed: %s", cr_err_info(err)->name);
    }

    if (st->failed == CR_OK) {
        cr_stage_set(x, CR_STAGE_DROP, CR_STEP_DROP);
        return;
    }

    x->cx.err = st->failed;
    x->cx.message = st->failed_message;
    x->cx.detail = st->failed_detail;

    cr_respond_error(x, st->failed);
    cr_exchange_sent(x);
}

/* --- for handlers ------------------------------------------------------ */

cr_err_t
cr_then(cr_exchange_t *x, cr_step_e where, cr_step_pt fn)
{
    x->state->next = fn;
    x->state->settled = true;
    cr_stage_set(x, CR_STAGE_HANDLE, cr_step_for_reads(x, where));

    return CR_OK;
}

cr_err_t
cr_then_stream(cr_exchange_t *x, cr_write_pt write, cr_step_e end_where,
               cr_step_pt end)
{
    x->state->write = write;
    x->state->end = end;
    x->state->end_where = end_where;
    x->state->settled = true;
    cr_stage_set(x, CR_STAGE_STREAM, CR_STEP_STREAM);

    return CR_OK;
}

void
cr_on_abort(cr_exchange_t *x, cr_step_e where, cr_step_pt fn)
{
    x->state->abort = fn;
    x->state->abort_where = where;
}

/* --- for transports ---------------------------------------------------- */

cr_err_t
cr_exchange_create(cr_api_t *api, const cr_request_t *request,
                   cr_exchange_t **ret_x)
{
    cr_exchange_t *x = calloc(1, sizeof(cr_exchange_t));

    if (x == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    if (cr_ctx_init(&x->cx, CR_EXCHANGE_ARENA_MAX) != CR_OK) {
        free(x);
        return CR_ERR_NO_MEMORY;
    }

    x->state = CR_NEW(&x->cx, cr_exchange_state_t);

    if (x->state == NULL) {
        cr_ctx_done(&x->cx);
        free(x);
        return CR_ERR_NO_MEMORY;
    }

    x->api = api;
    x->state->gen = cr_api_enter(api);
    x->request = *request;
    x->step = CR_STEP_INLINE;
    x->info.action = "";
    x->info.handler = "none";
    x->info.handler_index = cr_api_handler_index("none");
    x->info.error = "";
    x->state->stage = CR_STAGE_ROUTE;
    x->state->head = cr_str_eq_z(request->method, "HEAD");
    x->state->v2 = cr_str_starts(request->target, CR_STR("/v2/"));
    x->state->api = cr_str_starts(request->target, CR_STR("/api/"));
    x->state->harbor = cr_api_is_harbor(request->target);

    *ret_x = x;

    return CR_OK;
}

void
cr_exchange_free(cr_exchange_t *x)
{
    if (x == NULL) {
        return;
    }

    cr_storage_writer_abort(x->state->writer);
    cr_login_wipe(x);
    cr_api_leave(x->api, x->state->gen);
    cr_ctx_done(&x->cx);
    free(x);
}

static void
cr_exchange_run_here(cr_exchange_t *x, cr_step_e here)
{
    x->cx.may_block = here != CR_STEP_INLINE;

    if (here > CR_STEP_BULK) {
        return; /* nothing to run: the transport looks again */
    }

    for (;;) {
        cr_err_t err;

        if (x->state->stage == CR_STAGE_ABORT) {
            cr_exchange_run_abort(x);
            return;
        }

        err = cr_stage_run(x);

        if (err == CR_ERR_AGAIN && here == CR_STEP_INLINE) {
            cr_clear(&x->cx);
            x->step = CR_STEP_DB;
            return;
        }

        if (err != CR_OK) {
            cr_exchange_failed(x, err);
        }

        /* What may run here goes on here. */
        if (x->step != here
            && !(x->step == CR_STEP_INLINE && here == CR_STEP_DB)) {
            return;
        }
    }
}

void
cr_exchange_run(cr_exchange_t *x)
{
    /* Nobody else's step comes in between. */
    x->cx.reads = CR_READS_RUN;
    cr_exchange_run_here(x, x->step);
    x->cx.reads = CR_READS_ALONE;
}

void
cr_exchange_body(cr_exchange_t *x, cr_str_t body)
{
    if (x->state->stage != CR_STAGE_BODY) {
        return;
    }

    if (body.len > x->body_max) {
        cr_exchange_body_too_large(x);
        return;
    }

    x->state->body = body;
    cr_stage_handle(x);
}

void
cr_exchange_body_too_large(cr_exchange_t *x)
{
    bool     manifest;
    cr_err_t err;

    if (x->state->stage != CR_STAGE_BODY) {
        return;
    }

    manifest = x->state->route->body_max == 0;
    err =
        cr_fail(&x->cx, manifest ? CR_ERR_MANIFEST_TOO_LARGE : CR_ERR_TOO_LARGE,
                "body larger than %llu bytes",
                (unsigned long long) x->body_max);

    cr_exchange_failed(x, err);
}

void
cr_exchange_write(cr_exchange_t *x, const void *data, size_t len)
{
    cr_err_t err;

    if (x->state->stage != CR_STAGE_STREAM) {
        return;
    }

    x->cx.may_block = true;
    err = x->state->write(x, data, len);

    if (err != CR_OK) {
        cr_exchange_failed(x, err);
    }
}

void
cr_exchange_stream_end(cr_exchange_t *x)
{
    if (x->state->stage != CR_STAGE_STREAM) {
        return;
    }

    x->state->next = x->state->end;
    cr_stage_set(x, CR_STAGE_HANDLE, x->state->end_where);
}

void
cr_exchange_abort(cr_exchange_t *x)
{
    cr_exchange_state_t *st = x->state;

    if (st->stage == CR_STAGE_ABORT || st->stage == CR_STAGE_DROP) {
        return;
    }

    if (st->stage != CR_STAGE_SEND && st->abort != NULL) {
        st->failed = CR_OK;
        cr_stage_set(x, CR_STAGE_ABORT, st->abort_where);
        return;
    }

    cr_stage_set(x, CR_STAGE_DROP, CR_STEP_DROP);
}

void
cr_exchange_fail(cr_exchange_t *x, cr_err_t err)
{
    x->response.nheaders = 0;
    x->cx.err = err;
    x->cx.message = CR_STR_NULL;

    cr_respond_error(x, err);
    cr_response_finish(x);

    x->state->stage = CR_STAGE_SEND;
    x->step = CR_STEP_SEND;
}
