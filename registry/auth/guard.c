/*
 * Failed logins per pair of account and address: a table of sets, four places
 * each.  A place is two words, the key of the pair and its state: 16 bits of
 * failures, 48 bits of the time of the last one in milliseconds.  The words
 * are changed on their own; what a race can lose is one count of a pair whose
 * place is being taken, never the memory's form.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

#include "auth/guard.h"
#include "core/hash.h"

#define CR_GUARD_WAYS       4
#define CR_GUARD_FAILS_MAX  0xffffu
#define CR_GUARD_TIME_BITS  48
#define CR_GUARD_MS_PER_S   1000
#define CR_GUARD_US_PER_MS  1000
#define CR_GUARD_ACCOUNT    256 /* bytes that count */
#define CR_GUARD_ADDRESS    64
#define CR_GUARD_NETWORK    8 /* bytes of an IPv6 address that count */

typedef struct cr_guard_entry_s {
    _Atomic uint64_t key; /* 0: free */
    _Atomic uint64_t state;
} cr_guard_entry_t;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "shared between processes");


size_t
cr_guard_size(size_t pairs)
{
    return pairs * sizeof(cr_guard_entry_t);
}


void
cr_guard_init(cr_guard_t *guard, void *memory, size_t size)
{
    guard->entries = memory;
    guard->nsets = size / (sizeof(cr_guard_entry_t) * CR_GUARD_WAYS);
}


static int64_t
cr_guard_now(const cr_ctx_t *cx)
{
    return cr_now(cx) / CR_GUARD_US_PER_MS;
}


static uint64_t
cr_guard_fails(uint64_t state)
{
    return state >> CR_GUARD_TIME_BITS;
}


static int64_t
cr_guard_time(uint64_t state)
{
    return (int64_t) (state & ((UINT64_C(1) << CR_GUARD_TIME_BITS) - 1));
}


/* Milliseconds from the last failure until the next try. */
static int64_t
cr_guard_wait(uint64_t fails)
{
    int64_t s;

    if (fails < CR_GUARD_FREE_TRIES) {
        return 0;
    }

    fails -= CR_GUARD_FREE_TRIES;
    s = fails < 10 ? INT64_C(1) << fails : CR_GUARD_WAIT_MAX_S;

    return (s < CR_GUARD_WAIT_MAX_S ? s : CR_GUARD_WAIT_MAX_S)
           * CR_GUARD_MS_PER_S;
}


/* Forgotten: as long ago as the longest wait, and that of the pair over. */
static bool
cr_guard_stale(uint64_t state, int64_t now)
{
    int64_t age = now - cr_guard_time(state);

    return age < 0
           || age > cr_guard_wait(cr_guard_fails(state))
                        + CR_GUARD_WAIT_MAX_S * CR_GUARD_MS_PER_S;
}


/*
 * What an address is counted as.  A host of IPv6 has 2^64 of them: the first
 * half of the bits names the network.  What is no address (a unix socket)
 * stands for itself.
 */
static cr_str_t
cr_guard_network(cr_str_t address, char room[CR_GUARD_ADDRESS])
{
    struct in6_addr a;

    if (address.len >= CR_GUARD_ADDRESS || cr_str_chr(address, ':') < 0) {
        return address;
    }

    memcpy(room, address.data, address.len);
    room[address.len] = '\0';

    if (inet_pton(AF_INET6, room, &a) != 1 || IN6_IS_ADDR_V4MAPPED(&a)) {
        return address;
    }

    memcpy(room, &a, CR_GUARD_NETWORK);

    return (cr_str_t){ CR_GUARD_NETWORK, room };
}


static uint64_t
cr_guard_key(cr_str_t account, cr_str_t address)
{
    cr_hash_t h;
    char      room[CR_GUARD_ADDRESS];
    uint8_t   sum[CR_HASH_MAX_SIZE];
    uint64_t  key;

    address = cr_guard_network(address, room);

    if (account.len > CR_GUARD_ACCOUNT) {
        account.len = CR_GUARD_ACCOUNT;
    }

    cr_hash_init(&h, CR_HASH_SHA256);
    cr_hash_update(&h, account.data, account.len);
    cr_hash_update(&h, "", 1);
    cr_hash_update(&h, address.data, address.len);
    cr_hash_final(&h, sum);
    memcpy(&key, sum, sizeof(key));

    return key == 0 ? 1 : key;
}


static cr_guard_entry_t *
cr_guard_set(const cr_guard_t *guard, uint64_t key)
{
    return (cr_guard_entry_t *) guard->entries
           + (key % guard->nsets) * CR_GUARD_WAYS;
}


static cr_guard_entry_t *
cr_guard_find(const cr_guard_t *guard, uint64_t key)
{
    cr_guard_entry_t *set;

    if (guard->nsets == 0) {
        return NULL;
    }

    set = cr_guard_set(guard, key);

    for (size_t i = 0; i < CR_GUARD_WAYS; i++) {
        if (atomic_load(&set[i].key) == key) {
            return &set[i];
        }
    }

    return NULL;
}


cr_err_t
cr_guard_check(cr_ctx_t *cx, const cr_guard_t *guard, cr_str_t account,
               cr_str_t address, int64_t *ret_wait_s)
{
    int64_t                 now, left;
    uint64_t                state;
    const cr_guard_entry_t *e;

    e = cr_guard_find(guard, cr_guard_key(account, address));

    if (e == NULL) {
        return CR_OK;
    }

    now = cr_guard_now(cx);
    state = atomic_load(&e->state);

    if (cr_guard_stale(state, now)) {
        return CR_OK;
    }

    left = cr_guard_time(state) + cr_guard_wait(cr_guard_fails(state)) - now;

    if (left <= 0) {
        return CR_OK;
    }

    *ret_wait_s = (left + CR_GUARD_MS_PER_S - 1) / CR_GUARD_MS_PER_S;

    return cr_fail(cx, CR_ERR_TOOMANYREQUESTS,
                   "too many failed logins: try again later");
}


/* A place for a new pair: free, forgotten, or that with the fewest failures
 * and the oldest of them, so that a flood of names does not push out a pair
 * that is being attacked. */
static cr_guard_entry_t *
cr_guard_take(const cr_guard_t *guard, uint64_t key, int64_t now)
{
    uint64_t          old, state, least = UINT64_MAX;
    cr_guard_entry_t *set = cr_guard_set(guard, key), *place = set;

    for (size_t i = 0; i < CR_GUARD_WAYS; i++) {
        old = atomic_load(&set[i].key);
        state = atomic_load(&set[i].state);

        if (old == 0 || cr_guard_stale(state, now)) {
            place = &set[i];
            break;
        }

        /* Failures stand in the high bits, the time below. */

        if (state < least) {
            least = state;
            place = &set[i];
        }
    }

    old = atomic_load(&place->key);

    if (!atomic_compare_exchange_strong(&place->key, &old, key)) {
        return NULL; /* somebody else was faster; the next failure counts */
    }

    atomic_store(&place->state, (uint64_t) now);

    return place;
}


void
cr_guard_failed(cr_ctx_t *cx, const cr_guard_t *guard, cr_str_t account,
                cr_str_t address)
{
    int64_t           now = cr_guard_now(cx);
    uint64_t          key, old, fails;
    cr_guard_entry_t *e;

    if (guard->nsets == 0) {
        return;
    }

    key = cr_guard_key(account, address);
    e = cr_guard_find(guard, key);

    if (e == NULL) {
        e = cr_guard_take(guard, key, now);
    }

    if (e == NULL) {
        return;
    }

    old = atomic_load(&e->state);

    do {
        fails = cr_guard_stale(old, now) ? 0 : cr_guard_fails(old);
        fails += fails < CR_GUARD_FAILS_MAX ? 1 : 0;
    } while (!atomic_compare_exchange_weak(
        &e->state, &old, fails << CR_GUARD_TIME_BITS | (uint64_t) now));
}


void
cr_guard_succeeded(const cr_guard_t *guard, cr_str_t account, cr_str_t address)
{
    uint64_t          key = cr_guard_key(account, address);
    cr_guard_entry_t *e = cr_guard_find(guard, key);

    if (e != NULL) {
        atomic_store(&e->state, 0);
        (void) atomic_compare_exchange_strong(&e->key, &key, 0);
    }
}
