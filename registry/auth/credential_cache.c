/*
 * Credentials verified a moment ago: a table of sets, four places each, where
 * a new entry takes the place that ends first.  Only HMACs are kept: what the
 * memory shows is worth nothing in another process.  The mutex guards the
 * table's memory; losing an entry only costs a password hash.  Any thread.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "auth/credential_cache.h"
#include "core/hash.h"

#define CR_CREDENTIAL_WAYS    4
#define CR_CREDENTIAL_MAX     1048576 /* entries */
#define CR_CREDENTIAL_KEY     32
#define CR_CREDENTIAL_MESSAGE 2048

typedef struct cr_credential_s {
    uint8_t mac[32];
    int64_t added_at;
    int64_t expires_at; /* 0: free */
} cr_credential_t;

/* A check under way; lives in the stack of the thread that does it. */
typedef struct cr_flight_s {
    uint8_t             mac[32];
    bool                done;
    cr_err_t            err;
    unsigned            waiting;
    struct cr_flight_s *next;
} cr_flight_t;

struct cr_credential_cache_s {
    pthread_mutex_t  lock;
    pthread_cond_t   landed; /* a flight is done, or its last waiter left */
    cr_flight_t     *flights;
    int64_t          ttl_us;
    size_t           nsets;
    char             key[CR_CREDENTIAL_KEY];
    cr_credential_t *places; /* nsets * CR_CREDENTIAL_WAYS */
};

static bool cr_credential_mac(const cr_credential_cache_t *cache,
                              const cr_str_t parts[3], uint8_t mac[32]);

static cr_credential_t *cr_credential_set(const cr_credential_cache_t *cache,
                                          const uint8_t                mac[32]);

static cr_credential_t *cr_credential_find(cr_credential_t *set,
                                           const uint8_t    mac[32]);


cr_err_t
cr_credential_cache_create(cr_ctx_t *cx, size_t entries, int64_t ttl_us,
                           cr_credential_cache_t **ret_cache)
{
    cr_credential_cache_t *cache;

    if (entries > CR_CREDENTIAL_MAX || ttl_us < 0) {
        return cr_fail_detail(cx, CR_ERR_CONFIG,
                              "credential cache of %zu entries", entries);
    }

    cache = calloc(1, sizeof(cr_credential_cache_t));

    if (cache == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    cache->ttl_us = ttl_us;
    cache->nsets = (entries + CR_CREDENTIAL_WAYS - 1) / CR_CREDENTIAL_WAYS;

    if (cache->nsets > 0) {
        cache->places =
            calloc(cache->nsets * CR_CREDENTIAL_WAYS, sizeof(cr_credential_t));

        if (cache->places == NULL) {
            free(cache);
            return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
        }
    }

    if (cx->sys->random(cache->key, sizeof(cache->key)) != 0) {
        free(cache->places);
        free(cache);
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "no random bytes");
    }

    /* Cannot fail with default attributes on Linux. */
    (void) pthread_mutex_init(&cache->lock, NULL);
    (void) pthread_cond_init(&cache->landed, NULL);

    *ret_cache = cache;

    return CR_OK;
}


void
cr_credential_cache_free(cr_credential_cache_t *cache)
{
    if (cache == NULL) {
        return;
    }

    (void) pthread_cond_destroy(&cache->landed);
    (void) pthread_mutex_destroy(&cache->lock);
    free(cache->places);
    explicit_bzero(cache, sizeof(cr_credential_cache_t));
    free(cache);
}


bool
cr_credential_cache_has(cr_ctx_t *cx, cr_credential_cache_t *cache,
                        cr_str_t name, cr_str_t password, cr_str_t hash)
{
    bool             found = false;
    int64_t          now = cr_now(cx);
    uint8_t          mac[32];
    cr_credential_t *place;

    if (!cr_credential_mac(cache, (cr_str_t[3]){ name, password, hash }, mac)) {
        return false;
    }

    (void) pthread_mutex_lock(&cache->lock);

    place = cr_credential_find(cr_credential_set(cache, mac), mac);

    if (place != NULL) {
        /* A clock that was set back must not make it live longer. */
        found = place->added_at <= now && now < place->expires_at;

        if (!found) {
            memset(place, 0, sizeof(cr_credential_t));
        }
    }

    (void) pthread_mutex_unlock(&cache->lock);

    return found;
}


void
cr_credential_cache_add(cr_ctx_t *cx, cr_credential_cache_t *cache,
                        cr_str_t name, cr_str_t password, cr_str_t hash)
{
    int64_t          now = cr_now(cx);
    uint8_t          mac[32];
    cr_credential_t *set, *place;

    if (!cr_credential_mac(cache, (cr_str_t[3]){ name, password, hash }, mac)) {
        return;
    }

    (void) pthread_mutex_lock(&cache->lock);

    set = cr_credential_set(cache, mac);
    place = cr_credential_find(set, mac);

    if (place == NULL) {
        place = set;

        for (size_t i = 1; i < CR_CREDENTIAL_WAYS; i++) {
            if (set[i].expires_at < place->expires_at) {
                place = &set[i];
            }
        }
    }

    memcpy(place->mac, mac, sizeof(place->mac));
    place->added_at = now;
    place->expires_at = now + cache->ttl_us;

    (void) pthread_mutex_unlock(&cache->lock);
}


/*
 * The lengths stand before the parts: else "ab" + "c" and "a" + "bc" would
 * be one credential.  False when nothing may be cached: an empty cache, no
 * hash to be verified against, or parts longer than any real ones.
 */
static bool
cr_credential_mac(const cr_credential_cache_t *cache, const cr_str_t parts[3],
                  uint8_t mac[32])
{
    char   message[CR_CREDENTIAL_MESSAGE];
    size_t len = 0;

    if (cache->nsets == 0 || parts[2].len == 0) {
        return false;
    }

    for (size_t i = 0; i < 3; i++) {
        if (parts[i].len > sizeof(message)
            || parts[i].len + sizeof(size_t) > sizeof(message) - len)
        {
            explicit_bzero(message, len);
            return false;
        }

        memcpy(message + len, &parts[i].len, sizeof(size_t));
        len += sizeof(size_t);

        if (parts[i].len > 0) {
            memcpy(message + len, parts[i].data, parts[i].len);
            len += parts[i].len;
        }
    }

    cr_hmac_sha256((cr_str_t){ sizeof(cache->key), cache->key },
                   (cr_str_t){ len, message }, mac);
    explicit_bzero(message, len);

    return true;
}


static cr_credential_t *
cr_credential_set(const cr_credential_cache_t *cache, const uint8_t mac[32])
{
    uint64_t n;

    memcpy(&n, mac, sizeof(n));

    return cache->places + (n % cache->nsets) * CR_CREDENTIAL_WAYS;
}


static cr_credential_t *
cr_credential_find(cr_credential_t *set, const uint8_t mac[32])
{
    for (size_t i = 0; i < CR_CREDENTIAL_WAYS; i++) {
        if (set[i].expires_at != 0
            && memcmp(set[i].mac, mac, sizeof(set[i].mac)) == 0) {
            return &set[i];
        }
    }

    return NULL;
}


/* Somebody checks the same: wait for the answer.  The lock is held. */
static bool
cr_credential_join(cr_credential_cache_t *cache, const uint8_t mac[32],
                   cr_err_t *ret_err)
{
    cr_flight_t *f;

    for (f = cache->flights; f != NULL; f = f->next) {
        if (memcmp(f->mac, mac, sizeof(f->mac)) == 0) {
            break;
        }
    }

    if (f == NULL) {
        return false;
    }

    f->waiting++;

    while (!f->done) {
        (void) pthread_cond_wait(&cache->landed, &cache->lock);
    }

    *ret_err = f->err;

    if (--f->waiting == 0) {
        (void) pthread_cond_broadcast(&cache->landed);
    }

    return true;
}


/* Tell those who wait, and stay until the last has read it. */
static void
cr_credential_land(cr_credential_cache_t *cache, cr_flight_t *f, cr_err_t err)
{
    cr_flight_t **p;

    f->err = err;
    f->done = true;

    for (p = &cache->flights; *p != f; p = &(*p)->next) {
        /* find its link */
    }

    *p = f->next;
    (void) pthread_cond_broadcast(&cache->landed);

    while (f->waiting != 0) {
        (void) pthread_cond_wait(&cache->landed, &cache->lock);
    }
}


cr_err_t
cr_credential_verify(cr_ctx_t *cx, cr_credential_cache_t *cache, cr_str_t name,
                     cr_str_t password, cr_str_t hash, bool *ret_hashed)
{
    cr_err_t    err;
    cr_flight_t f = { .done = false };

    *ret_hashed = false;

    /* It may have been checked while this call stood in the queue. */

    if (cr_credential_cache_has(cx, cache, name, password, hash)) {
        return CR_OK;
    }

    if (!cr_credential_mac(cache, (cr_str_t[3]){ name, password, hash }, f.mac))
    {
        *ret_hashed = true;
        return cr_password_verify(cx, password, hash);
    }

    (void) pthread_mutex_lock(&cache->lock);

    if (cr_credential_join(cache, f.mac, &err)) {
        (void) pthread_mutex_unlock(&cache->lock);

        return err == CR_OK ? CR_OK
                            : cr_fail_detail(cx, err, "password: as another");
    }

    f.next = cache->flights;
    /* It leaves the list before this function does. */
    /* cppcheck-suppress autoVariables */
    cache->flights = &f;
    (void) pthread_mutex_unlock(&cache->lock);

    *ret_hashed = true;
    err = cr_password_verify(cx, password, hash);

    if (err == CR_OK) {
        cr_credential_cache_add(cx, cache, name, password, hash);
    }

    (void) pthread_mutex_lock(&cache->lock);
    cr_credential_land(cache, &f, err);
    (void) pthread_mutex_unlock(&cache->lock);

    return err;
}
