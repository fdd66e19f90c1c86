/*
 * The registry as a transport holds it: configuration, and what is open.
 * Nothing is opened before the first cr_api_open, which is called in the db
 * pool; a failure is remembered for a second, so that a broken database costs
 * one attempt a second and not one a request.  Any thread.
 *
 * A database that was removed or replaced (a restore) is noticed within a
 * second, and opened again: a new generation.
 *
 *   closed --open--> ready --lost--> closed, the old one still in memory
 *                      ^                |
 *                      +------open------+
 *
 * An exchange may have been handed anything that was current since it began,
 * so a generation is freed when no exchange is left that began in it or in
 * one before it.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "api/health.h"
#include "api/machine.h"
#include "core/redact.h"
#include "meta/key.h"
#include "meta/setting.h"

#define CR_API_RETRY_US      CR_SECOND
#define CR_API_CACHE_ENTRIES 1024
#define CR_API_CACHE_TOKENS  1024
#define CR_API_CACHE_TTL_US  (10 * CR_MINUTE)
#define CR_API_PULLS         8192
#define CR_API_TEXT_MAX      512
#define CR_API_READY_US      CR_SECOND
#define CR_API_GUARD_PAIRS   4096
#define CR_API_WATCH_US      CR_SECOND

struct cr_api_gen_s {
    cr_api_open_t open;
    bool          opened; /* false: of the time before the first open */
    unsigned      users;  /* exchanges that began in it */
    cr_api_gen_t *newer;
};

struct cr_api_s {
    cr_api_conf_t conf;
    cr_arena_t   *arena; /* the strings of conf */

    cr_guard_t guard;
    void      *guard_memory; /* where the transport gave none */

    _Atomic bool            ready; /* false: cr_api_open has work to do */
    _Atomic int64_t         watched_at;
    _Atomic(cr_api_gen_t *) current;

    pthread_mutex_t gens_lock; /* guards the list and users; never held long */
    cr_api_gen_t   *oldest;

    pthread_mutex_t lock;   /* guards all below */
    cr_err_t        failed; /* of the last attempt */
    int64_t         failed_at;
    char            failed_detail[CR_API_TEXT_MAX];
    int64_t         ready_at;   /* of the last look, 0: none */
    cr_api_ready_t  ready_last; /* without news */
};

const cr_api_conf_t cr_api_conf_default = {
    .service = { sizeof("nginx-registry") - 1, "nginx-registry" },
    .delete_enabled = true,
    .sparse_index = false,
    .manifest_max = CR_MANIFEST_SIZE_MAX,
    .min_free = 0,
    .token_ttl_s = 1800,
    .grace_us = 24 * CR_HOUR,
    .trash_us = 7 * CR_DAY,
    .upload_expires_us = 7 * CR_DAY,
    .upload_lease_us = CR_MINUTE,
    .uploads_max = 1000,
    .backup_interval_us = CR_HOUR,
    .backup_keep = 24,
};

/* Texts that end up inside a quoted header value. */
static bool
cr_api_text_safe(cr_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] == '"' || s.data[i] == '\\'
            || s.data[i] == 0x7f)
        {
            return false;
        }
    }

    return true;
}

static cr_err_t
cr_api_conf_copy(cr_ctx_t *cx, cr_api_t *api, const cr_api_conf_t *conf)
{
    cr_api_conf_t *c = &api->conf;

    if (!cr_api_text_safe(conf->service) || conf->service.len == 0) {
        return cr_fail(cx, CR_ERR_CONFIG, "bad service name");
    }

    if (!cr_api_text_safe(conf->public_url)) {
        return cr_fail(cx, CR_ERR_CONFIG, "bad public URL");
    }

    *c = *conf;
    c->database = cr_arena_dup(api->arena, conf->database);
    c->storage = cr_arena_dup(api->arena, conf->storage);
    c->public_url = cr_arena_dup(api->arena, conf->public_url);
    c->service = cr_arena_dup(api->arena, conf->service);
    c->backup_path = cr_arena_dup(api->arena, conf->backup_path);
    c->token_key = cr_arena_dup(api->arena, conf->token_key);
    c->secret_file = cr_arena_dup(api->arena, conf->secret_file);

    if (conf->declared.data != NULL) {
        c->declared = cr_arena_dup(api->arena, conf->declared);
    }

    if (c->database.data == NULL || c->storage.data == NULL
        || c->public_url.data == NULL || c->service.data == NULL
        || c->token_key.data == NULL || c->secret_file.data == NULL
        || c->backup_path.data == NULL
        || (conf->declared.data != NULL && c->declared.data == NULL))
    {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    while (c->public_url.len > 0
           && c->public_url.data[c->public_url.len - 1] == '/')
    {
        c->public_url.len--;
    }

    return CR_OK;
}

/* Failed logins: memory of all processes, or of this one alone. */
static cr_err_t
cr_api_guard_open(cr_ctx_t *cx, cr_api_t *api)
{
    size_t size = cr_guard_size(CR_API_GUARD_PAIRS);

    if (api->conf.guard != NULL) {
        cr_guard_init(&api->guard, api->conf.guard, api->conf.guard_size);
        return CR_OK;
    }

    api->guard_memory = calloc(1, size);

    if (api->guard_memory == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    cr_guard_init(&api->guard, api->guard_memory, size);

    return CR_OK;
}

cr_err_t
cr_api_create(cr_ctx_t *cx, const cr_api_conf_t *conf, cr_api_t **ret_api)
{
    cr_err_t  err;
    cr_api_t *api = calloc(1, sizeof(cr_api_t));

    if (api == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    /* Without attributes these do not fail. */
    (void) pthread_mutex_init(&api->lock, NULL);
    (void) pthread_mutex_init(&api->gens_lock, NULL);

    api->oldest = calloc(1, sizeof(cr_api_gen_t));
    atomic_init(&api->current, api->oldest);
    api->arena = cr_arena_create(0);

    err = api->arena == NULL || api->oldest == NULL
              ? cr_fail(cx, CR_ERR_NO_MEMORY, NULL)
              : cr_api_conf_copy(cx, api, conf);

    if (err == CR_OK) {
        err = cr_api_guard_open(cx, api);
    }

    if (err != CR_OK) {
        cr_api_free(api);
        return err;
    }

    *ret_api = api;

    return CR_OK;
}

static void
cr_api_close(cr_api_open_t *o)
{
    cr_credential_cache_free(o->credentials);
    cr_token_cache_free(o->tokens);
    cr_pulls_free(o->pulls);
    cr_keyring_free(o->keys);
    cr_storage_close(o->storage);

    if (o->meta != NULL) {
        cr_meta_close(o->meta);
    }

    if (o->db != NULL) {
        cr_db_close(o->db);
    }

    memset(o, 0, sizeof(cr_api_open_t));
}

void
cr_api_free(cr_api_t *api)
{
    cr_api_gen_t *gen;

    if (api == NULL) {
        return;
    }

    while (api->oldest != NULL) {
        gen = api->oldest;
        api->oldest = gen->newer;
        cr_api_close(&gen->open);
        free(gen);
    }

    cr_arena_free(api->arena);
    (void) pthread_mutex_destroy(&api->gens_lock);
    free(api->guard_memory);
    (void) pthread_mutex_destroy(&api->lock);
    free(api);
}

/* --- generations ------------------------------------------------------- */

bool
cr_api_is_ready(cr_api_t *api)
{
    return atomic_load_explicit(&api->ready, memory_order_acquire);
}

const cr_api_open_t *
cr_api_opened(cr_api_t *api)
{
    const cr_api_gen_t *gen;

    gen = atomic_load_explicit(&api->current, memory_order_acquire);

    return gen->opened ? &gen->open : NULL;
}

cr_api_gen_t *
cr_api_enter(cr_api_t *api)
{
    cr_api_gen_t *gen;

    (void) pthread_mutex_lock(&api->gens_lock);
    gen = atomic_load_explicit(&api->current, memory_order_relaxed);
    gen->users++;
    (void) pthread_mutex_unlock(&api->gens_lock);

    return gen;
}

void
cr_api_leave(cr_api_t *api, cr_api_gen_t *gen)
{
    cr_api_gen_t *old, *end, *next;

    (void) pthread_mutex_lock(&api->gens_lock);

    if (gen != NULL) {
        gen->users--;
    }

    old = api->oldest;
    end = atomic_load_explicit(&api->current, memory_order_relaxed);

    while (api->oldest != end && api->oldest->users == 0) {
        api->oldest = api->oldest->newer;
    }

    end = api->oldest;
    (void) pthread_mutex_unlock(&api->gens_lock);

    for (; old != end; old = next) {
        next = old->newer;
        cr_api_close(&old->open);
        free(old);
    }
}

static cr_err_t
cr_api_publish(cr_ctx_t *cx, cr_api_t *api, const cr_api_open_t *o)
{
    cr_api_gen_t *gen = calloc(1, sizeof(cr_api_gen_t)), *last;

    if (gen == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    gen->open = *o;
    gen->opened = true;

    (void) pthread_mutex_lock(&api->gens_lock);
    last = atomic_load_explicit(&api->current, memory_order_relaxed);
    last->newer = gen;
    atomic_store_explicit(&api->current, gen, memory_order_release);
    (void) pthread_mutex_unlock(&api->gens_lock);

    api->ready_at = 0;
    atomic_store(&api->watched_at, cr_now(cx));
    atomic_store_explicit(&api->ready, true, memory_order_release);
    cr_api_leave(api, NULL);

    return CR_OK;
}

void
cr_api_lost(cr_api_t *api)
{
    atomic_store_explicit(&api->ready, false, memory_order_release);
}

void
cr_api_watch(cr_ctx_t *cx, cr_api_t *api)
{
    int64_t              now = cr_now(cx), last;
    const cr_api_open_t *o = cr_api_opened(api);

    last = atomic_load_explicit(&api->watched_at, memory_order_relaxed);

    if (!o->reads_inline || (now >= last && now - last < CR_API_WATCH_US)
        || !atomic_compare_exchange_strong(&api->watched_at, &last, now))
    {
        return;
    }

    if (cr_db_ping(cx, o->db) == CR_ERR_DB_MISSING) {
        cr_api_lost(api);
    }

    /* Any other fault is for whoever needs the database. */
    cr_clear(cx);
}

/* --- opening ----------------------------------------------------------- */

const cr_api_conf_t *
cr_api_conf(const cr_api_t *api)
{
    return &api->conf;
}

size_t
cr_api_gate_size(void)
{
    return sizeof(cr_db_gate_t);
}


void
cr_api_gate_init(void *memory)
{
    cr_db_gate_init(memory);
}


const cr_guard_t *
cr_api_guard(const cr_api_t *api)
{
    return &api->guard;
}

/* A key pair signs before all others; what verifies it goes to a row, for
 * other nodes, and for the time when another one signs. */
static cr_err_t
cr_api_open_key_pair(cr_ctx_t *cx, const cr_api_conf_t *c, cr_api_open_t *o)
{
    cr_str_t kid, alg, der;

    if (c->token_key.len == 0) {
        return CR_OK;
    }

    CR_TRY(cr_keyring_add_private(cx, o->keys, c->token_key, &kid, &alg, &der));

    return cr_key_put(cx, o->meta, kid, alg, der);
}

/* The newest key that is not retired signs; all verify. */
static cr_err_t
cr_api_open_keys(cr_ctx_t *cx, const cr_api_conf_t *c, cr_api_open_t *o)
{
    size_t        n = 0;
    bool          signs = true;
    cr_key_row_t *rows = NULL;

    CR_TRY(cr_keyring_create(cx, &o->keys));
    CR_TRY(cr_key_list(cx, o->meta, &rows, &n));
    CR_TRY(cr_api_open_key_pair(cx, c, o));

    for (size_t i = 0; i < n; i++) {
        bool use =
            signs && !rows[i].retired && cr_str_eq_z(rows[i].alg, "HS256");

        if (cr_keyring_has(o->keys, rows[i].kid)) {
            continue; /* the key pair of the configuration */
        }

        CR_TRY(cr_keyring_add(cx, o->keys, rows[i].kid, rows[i].alg,
                              rows[i].secret, use));
        signs = signs && !use;
    }

    if (signs) {
        return cr_fail_detail(cx, CR_ERR_DB_SCHEMA,
                              "the database has no token key: run jobrunner "
                              "db migrate");
    }

    return CR_OK;
}

/* What the job runner must know; no row is written where nothing changed. */
static cr_err_t
cr_api_open_settings(cr_ctx_t *cx, const cr_api_t *api, cr_api_open_t *o)
{
    const cr_api_conf_t *c = &api->conf;
    const struct {
        const char *name;
        int64_t     value;
    } numbers[] = {
        { CR_SETTING_GRACE_US, c->grace_us },
        { CR_SETTING_TRASH_US, c->trash_us },
        { CR_SETTING_UPLOAD_EXPIRES, c->upload_expires_us },
        { CR_SETTING_MIN_FREE, (int64_t) c->min_free },
        { CR_SETTING_BACKUP_INTERVAL, c->backup_interval_us },
        { CR_SETTING_BACKUP_KEEP, c->backup_keep },
    };

    CR_TRY(cr_setting_put(cx, o->meta, CR_SETTING_STORAGE_URL, c->storage));
    CR_TRY(cr_setting_put(cx, o->meta, CR_SETTING_BACKUP_PATH, c->backup_path));

    for (size_t i = 0; i < CR_NELTS(numbers); i++) {
        cr_str_t text = cr_printf(cx, "%lld", (long long) numbers[i].value);

        if (text.data == NULL) {
            return CR_ERR_NO_MEMORY;
        }

        CR_TRY(cr_setting_put(cx, o->meta, numbers[i].name, text));
    }

    return CR_OK;
}

static cr_err_t
cr_api_open_all(cr_ctx_t *cx, const cr_api_t *api, cr_api_open_t *o)
{
    const cr_api_conf_t *c = &api->conf;
    cr_meta_conf_t       mc = {
              .grace_us = c->grace_us,
              .trash_us = c->trash_us,
              .upload_expires_us = c->upload_expires_us,
              .upload_lease_us = c->upload_lease_us,
              .uploads_max = c->uploads_max,
    };

    CR_TRY(cr_db_open(cx, c->database, 0, &o->db));
    cr_db_line_up(o->db, c->gate);
    o->reads_inline = cr_db_reads_inline(o->db);
    CR_TRY(cr_meta_open(cx, o->db, &mc, &o->meta));
    CR_TRY(cr_storage_open(cx, cr_storage_drivers, c->storage, &o->storage));
    CR_TRY(cr_api_open_keys(cx, c, o));
    CR_TRY(cr_credential_cache_create(cx, CR_API_CACHE_ENTRIES,
                                      CR_API_CACHE_TTL_US, &o->credentials));
    CR_TRY(cr_token_cache_create(cx, CR_API_CACHE_TOKENS, &o->tokens));
    CR_TRY(cr_pulls_create(cx, CR_API_PULLS, &o->pulls));

    return cr_api_open_settings(cx, api, o);
}

/* Keep why it failed: other requests of this second say the same. */
static cr_err_t
cr_api_open_failed(cr_ctx_t *cx, cr_api_t *api, cr_err_t err)
{
    cr_str_t shown = cr_redact_url(cx, api->conf.database);
    cr_str_t why = cx->detail.len != 0 ? cx->detail : cx->message;
    size_t   n;

    if (why.len == 0) {
        why = cr_str_z(cr_err_info(err)->text);
    }

    n = why.len < CR_API_TEXT_MAX - 1 ? why.len : CR_API_TEXT_MAX - 1;
    memcpy(api->failed_detail, why.data, n);
    api->failed_detail[n] = '\0';
    api->failed = err;
    api->failed_at = cr_now(cx);

    if (err == CR_ERR_DB_SCHEMA || err == CR_ERR_DB_MISSING) {
        return cr_fail_detail(cx, CR_ERR_UNAVAILABLE,
                              "cannot open the registry: %s: run \"jobrunner "
                              "--database %.*s db migrate\"",
                              api->failed_detail, CR_STR_ARG(shown));
    }

    if (err == CR_ERR_DB || err == CR_ERR_BUSY || err == CR_ERR_CORRUPT) {
        return cr_fail_detail(cx, CR_ERR_UNAVAILABLE,
                              "cannot open the registry: %s: see \"jobrunner "
                              "--database %.*s db status\"",
                              api->failed_detail, CR_STR_ARG(shown));
    }

    return cr_fail_detail(cx, CR_ERR_UNAVAILABLE,
                          "cannot open the registry: %s", api->failed_detail);
}

cr_err_t
cr_api_open(cr_ctx_t *cx, cr_api_t *api)
{
    cr_err_t      err = CR_OK;
    int64_t       since;
    cr_api_open_t o;

    if (cr_api_is_ready(api)) {
        return CR_OK;
    }

    (void) pthread_mutex_lock(&api->lock);

    if (cr_api_is_ready(api)) {
        goto out;
    }

    since = cr_now(cx) - api->failed_at;

    if (api->failed != CR_OK && since >= 0 && since < CR_API_RETRY_US) {
        err = cr_fail(cx, CR_ERR_UNAVAILABLE, NULL);
        goto out;
    }

    memset(&o, 0, sizeof(o));
    err = cr_api_open_all(cx, api, &o);

    if (err == CR_OK) {
        err = cr_api_publish(cx, api, &o);
    }

    if (err != CR_OK) {
        err = cr_api_open_failed(cx, api, err);
        cr_api_close(&o);
        goto out;
    }

    api->failed = CR_OK;

out:
    (void) pthread_mutex_unlock(&api->lock);

    return err;
}

/* --- readiness --------------------------------------------------------- */

/* Less than min_free is left: uploads are refused, as on a full disk. */
static cr_err_t
cr_api_look_room(cr_ctx_t *cx, const cr_api_t *api, cr_storage_t *st)
{
    uint64_t          min = api->conf.min_free;
    cr_storage_info_t info;

    CR_TRY(cr_storage_info(cx, st, &info));

    if (info.total_size != 0 && info.free_size < min) {
        return cr_fail_detail(cx, CR_ERR_NO_SPACE,
                              "storage: %llu bytes are free, min_free is %llu",
                              (unsigned long long) info.free_size,
                              (unsigned long long) min);
    }

    return CR_OK;
}

/* A part that failed, and did not in the same way at the last look. */
static void
cr_api_look_at(cr_ctx_t *cx, cr_api_ready_t *r, cr_err_t err, cr_err_t *last)
{
    if (err != CR_OK && err != *last && r->news.len == 0) {
        r->news =
            cx->detail.len != 0 ? cx->detail : cr_str_z(cr_err_info(err)->text);
    }

    *last = err;
    cr_clear(cx);
}

static void
cr_api_look(cr_ctx_t *cx, cr_api_t *api, cr_api_ready_t *r)
{
    cr_err_t             err;
    const cr_api_open_t *o = cr_api_opened(api);

    err = cr_db_ping(cx, o->db);

    if (err == CR_ERR_DB_MISSING) {
        cr_api_lost(api);
    }

    cr_api_look_at(cx, r, err, &r->db);
    err = cr_storage_look(cx, o->storage);
    cr_api_look_at(cx, r, err, &r->storage);

    if (err == CR_OK) {
        err = cr_api_look_room(cx, api, o->storage);
    }

    if (err == CR_OK) {
        err = cr_storage_check(cx, o->storage);
    }

    cr_api_look_at(cx, r, err, &r->writes);
}

void
cr_api_ready(cr_ctx_t *cx, cr_api_t *api, cr_api_ready_t *ret_r)
{
    int64_t  now = cr_now(cx);
    cr_err_t err = cr_api_open(cx, api);

    if (err != CR_OK) {
        *ret_r = (cr_api_ready_t){ err, err, err, cx->detail };
        cr_clear(cx);
        return;
    }

    (void) pthread_mutex_lock(&api->lock);

    *ret_r = api->ready_last;

    if (api->ready_at == 0 || now < api->ready_at
        || now - api->ready_at >= CR_API_READY_US)
    {
        cr_api_look(cx, api, ret_r);
        api->ready_last = *ret_r;
        api->ready_last.news = CR_STR_NULL;
        api->ready_at = now;
    }

    (void) pthread_mutex_unlock(&api->lock);
}

bool
cr_api_due(cr_api_t *api)
{
    bool                 due;
    cr_api_gen_t        *gen = cr_api_enter(api);
    const cr_api_open_t *o = cr_api_opened(api);

    due = cr_api_is_ready(api) && o != NULL && cr_pulls_pending(o->pulls);
    cr_api_leave(api, gen);

    return due;
}

cr_err_t
cr_api_flush(cr_ctx_t *cx, cr_api_t *api)
{
    cr_err_t             err = CR_OK;
    cr_api_gen_t        *gen = cr_api_enter(api);
    const cr_api_open_t *o = cr_api_opened(api);

    if (cr_api_is_ready(api) && o != NULL) {
        err = cr_pulls_flush(cx, o->meta, o->pulls);
    }

    if (err == CR_ERR_DB_MISSING) {
        cr_api_lost(api);
    }

    cr_api_leave(api, gen);

    return err;
}

cr_err_t
cr_api_usable(cr_ctx_t *cx, cr_api_t *api, const cr_api_open_t **ret_o)
{
    cr_err_t             err = CR_OK;
    const cr_api_open_t *o = NULL;

    if (!cr_api_is_ready(api)) {
        if (!cx->may_block) {
            return cr_fail(cx, CR_ERR_AGAIN, NULL);
        }

        err = cr_api_open(cx, api);
    }

    if (err == CR_OK) {
        o = cr_api_opened(api);
        err = cr_db_ping(cx, o->db);
    }

    if (err == CR_ERR_AGAIN && !cx->may_block) {
        return err;
    }

    if (err == CR_ERR_DB_MISSING) {
        cr_api_lost(api);
    }

    *ret_o = err == CR_OK ? o : NULL;
    cr_clear(cx);

    return CR_OK;
}
