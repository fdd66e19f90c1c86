/*
 * Tokens that were verified a moment ago: what they say, keyed by SHA-256 of
 * their text, so that a client that asks for a hundred layers has its token
 * parsed once.  Bounded, successes only.  A cached token is valid as long as
 * the token itself; whether its subject still may is asked anew each time.
 * Belongs to one key ring, issuer and audience.  Any thread.
 */

#ifndef CR_AUTH_TOKEN_CACHE_H
#define CR_AUTH_TOKEN_CACHE_H

#include "auth/token.h"

typedef struct cr_token_cache_s cr_token_cache_t;

/*
 * entries is rounded up to whole sets of four; 0 makes a cache that holds
 * nothing.  CONFIG when out of range.
 */
cr_err_t cr_token_cache_create(cr_ctx_t *cx, size_t entries,
                               cr_token_cache_t **ret_cache);

void cr_token_cache_free(cr_token_cache_t *cache); /* takes NULL */

/* Was this text verified, and has it not expired since?  *ret_t is a copy in
 * the arena.  False also when memory is short. */
bool cr_token_cache_get(cr_ctx_t *cx, cr_token_cache_t *cache, cr_str_t text,
                        cr_token_t *ret_t);

/* After cr_token_verify said yes, and only then. */
void cr_token_cache_add(cr_ctx_t *cx, cr_token_cache_t *cache, cr_str_t text,
                        const cr_token_t *t);

#endif
