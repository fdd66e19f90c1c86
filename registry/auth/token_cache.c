/*
 * Verified tokens: a table of sets, four places each, where a new entry takes
 * a free place or else the one that ends first.  A place owns one block: the
 * claims, the list of scopes, and the bytes of all strings, so that a hit is
 * one copy of that block and some pointers moved.  The mutex guards the
 * table; it is held for a copy of at most CR_TOKEN_CACHE_BLOCK bytes.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "auth/token_cache.h"
#include "core/hash.h"

#define CR_TOKEN_CACHE_WAYS  4
#define CR_TOKEN_CACHE_MAX   1048576 /* entries */
#define CR_TOKEN_CACHE_BLOCK 4096    /* bytes; what is larger is not kept */
#define CR_TOKEN_CACHE_KEY   32

/* What a block begins with; the scopes and the bytes follow. */
typedef struct cr_token_block_s {
    size_t      size;
    const char *self; /* where its pointers lead to */
    cr_token_t  t;
} cr_token_block_t;

typedef struct cr_token_place_s {
    uint8_t           key[CR_TOKEN_CACHE_KEY];
    int64_t           added_at;
    cr_token_block_t *block; /* NULL: free */
} cr_token_place_t;

struct cr_token_cache_s {
    pthread_mutex_t   lock;
    size_t            nsets;
    cr_token_place_t *places; /* nsets * CR_TOKEN_CACHE_WAYS */
};

static void cr_token_cache_key(cr_str_t text, uint8_t *key);

static cr_token_place_t *cr_token_cache_set(const cr_token_cache_t *cache,
                                            const uint8_t          *key);
static cr_token_place_t *cr_token_cache_find(cr_token_place_t *set,
                                             const uint8_t    *key);
static cr_token_place_t *cr_token_cache_victim(cr_token_place_t *set);

static cr_token_block_t *cr_token_block_make(const cr_token_t *t);
static void              cr_token_block_move(cr_token_block_t *b);
static bool cr_token_block_valid(const cr_token_place_t *place, int64_t now);


cr_err_t
cr_token_cache_create(cr_ctx_t *cx, size_t entries,
                      cr_token_cache_t **ret_cache)
{
    cr_token_cache_t *cache;

    if (entries > CR_TOKEN_CACHE_MAX) {
        return cr_fail_detail(cx, CR_ERR_CONFIG, "token cache of %zu entries",
                              entries);
    }

    cache = calloc(1, sizeof(cr_token_cache_t));

    if (cache == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    cache->nsets = (entries + CR_TOKEN_CACHE_WAYS - 1) / CR_TOKEN_CACHE_WAYS;

    if (cache->nsets > 0) {
        cache->places = calloc(cache->nsets * CR_TOKEN_CACHE_WAYS,
                               sizeof(cr_token_place_t));

        if (cache->places == NULL) {
            free(cache);
            return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
        }
    }

    /* Cannot fail with default attributes on Linux. */
    (void) pthread_mutex_init(&cache->lock, NULL);

    *ret_cache = cache;

    return CR_OK;
}


void
cr_token_cache_free(cr_token_cache_t *cache)
{
    if (cache == NULL) {
        return;
    }

    for (size_t i = 0; i < cache->nsets * CR_TOKEN_CACHE_WAYS; i++) {
        free(cache->places[i].block);
    }

    (void) pthread_mutex_destroy(&cache->lock);
    free(cache->places);
    free(cache);
}


bool
cr_token_cache_get(cr_ctx_t *cx, cr_token_cache_t *cache, cr_str_t text,
                   cr_token_t *ret_t)
{
    int64_t           now = cr_now(cx);
    uint8_t           key[CR_TOKEN_CACHE_KEY];
    cr_token_place_t *place;
    cr_token_block_t *copy = NULL;

    if (cache->nsets == 0 || text.len > CR_TOKEN_TEXT_MAX) {
        return false;
    }

    cr_token_cache_key(text, key);

    (void) pthread_mutex_lock(&cache->lock);

    place = cr_token_cache_find(cr_token_cache_set(cache, key), key);

    if (place != NULL && !cr_token_block_valid(place, now)) {
        free(place->block);
        memset(place, 0, sizeof(cr_token_place_t));
        place = NULL;
    }

    if (place != NULL) {
        copy = cr_arena_alloc(cx->arena, place->block->size);
    }

    if (copy != NULL) {
        memcpy(copy, place->block, place->block->size);
    }

    (void) pthread_mutex_unlock(&cache->lock);

    if (copy == NULL) {
        return false;
    }

    cr_token_block_move(copy);
    *ret_t = copy->t;

    return true;
}


void
cr_token_cache_add(cr_ctx_t *cx, cr_token_cache_t *cache, cr_str_t text,
                   const cr_token_t *t)
{
    uint8_t           key[CR_TOKEN_CACHE_KEY];
    cr_token_place_t *set, *place;
    cr_token_block_t *block;

    if (cache->nsets == 0 || text.len > CR_TOKEN_TEXT_MAX) {
        return;
    }

    block = cr_token_block_make(t);

    if (block == NULL) {
        return;
    }

    cr_token_cache_key(text, key);

    (void) pthread_mutex_lock(&cache->lock);

    set = cr_token_cache_set(cache, key);
    place = cr_token_cache_find(set, key);

    if (place == NULL) {
        place = cr_token_cache_victim(set);
    }

    free(place->block);
    memcpy(place->key, key, sizeof(place->key));
    place->added_at = cr_now(cx);
    place->block = block;

    (void) pthread_mutex_unlock(&cache->lock);
}


static void
cr_token_cache_key(cr_str_t text, uint8_t *key)
{
    cr_hash_t h;

    cr_hash_init(&h, CR_HASH_SHA256);
    cr_hash_update(&h, text.data, text.len);
    cr_hash_final(&h, key);
}


static cr_token_place_t *
cr_token_cache_set(const cr_token_cache_t *cache, const uint8_t *key)
{
    uint64_t n;

    memcpy(&n, key, sizeof(n));

    return cache->places + (n % cache->nsets) * CR_TOKEN_CACHE_WAYS;
}


static cr_token_place_t *
cr_token_cache_find(cr_token_place_t *set, const uint8_t *key)
{
    for (size_t i = 0; i < CR_TOKEN_CACHE_WAYS; i++) {
        if (set[i].block != NULL
            && memcmp(set[i].key, key, sizeof(set[i].key)) == 0) {
            return &set[i];
        }
    }

    return NULL;
}


static cr_token_place_t *
cr_token_cache_victim(cr_token_place_t *set)
{
    cr_token_place_t *place = set;

    for (size_t i = 0; i < CR_TOKEN_CACHE_WAYS; i++) {
        if (set[i].block == NULL) {
            return &set[i];
        }

        if (set[i].block->t.expires_at < place->block->t.expires_at) {
            place = &set[i];
        }
    }

    return place;
}


/* A clock that was set back must not make a token live longer. */
static bool
cr_token_block_valid(const cr_token_place_t *place, int64_t now)
{
    return place->added_at <= now
           && place->block->t.expires_at > now / 1000000 - CR_TOKEN_LEEWAY_S;
}


static void
cr_token_block_put(cr_str_t *s, char **pos)
{
    if (s->len > 0) {
        memcpy(*pos, s->data, s->len);
    }

    s->data = *pos;
    *pos += s->len;
}


/* NULL: too large, or no memory. */
static cr_token_block_t *
cr_token_block_make(const cr_token_t *t)
{
    char             *pos;
    size_t            size;
    cr_scope_t       *list;
    cr_token_block_t *b;

    size = sizeof(cr_token_block_t) + t->naccess * sizeof(cr_scope_t)
           + t->issuer.len + t->audience.len + t->subject.len + t->id.len;

    for (size_t i = 0; i < t->naccess; i++) {
        size += t->access[i].type.len + t->access[i].name.len;
    }

    if (size > CR_TOKEN_CACHE_BLOCK) {
        return NULL;
    }

    b = malloc(size);

    if (b == NULL) {
        return NULL;
    }

    b->size = size;
    b->self = (const char *) b;
    b->t = *t;
    list = (cr_scope_t *) (b + 1);
    pos = (char *) (list + t->naccess);

    cr_token_block_put(&b->t.issuer, &pos);
    cr_token_block_put(&b->t.audience, &pos);
    cr_token_block_put(&b->t.subject, &pos);
    cr_token_block_put(&b->t.id, &pos);

    for (size_t i = 0; i < t->naccess; i++) {
        list[i] = t->access[i];
        cr_token_block_put(&list[i].type, &pos);
        cr_token_block_put(&list[i].name, &pos);
    }

    b->t.access = list;

    return b;
}


/* A copy: its pointers are to lead into itself. */
static void
cr_token_block_move(cr_token_block_t *b)
{
    const char *to = (const char *) b, *from = b->self;
    cr_str_t   *strings[] = { &b->t.issuer, &b->t.audience, &b->t.subject,
                              &b->t.id };
    cr_scope_t *list = (cr_scope_t *) (b + 1);

    for (size_t i = 0; i < CR_NELTS(strings); i++) {
        strings[i]->data = to + (strings[i]->data - from);
    }

    for (size_t i = 0; i < b->t.naccess; i++) {
        list[i].type.data = to + (list[i].type.data - from);
        list[i].name.data = to + (list[i].name.data - from);
    }

    b->self = to;
    b->t.access = list;
}
