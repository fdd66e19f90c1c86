/*
 * Credentials that were verified a moment ago (DESIGN section 6): bounded,
 * successes only, keyed by HMAC-SHA-256 with a random key of this process
 * over name, password and the stored hash, so a change of the user drops it
 * by itself.  Any thread.
 */

#ifndef CR_AUTH_CREDENTIAL_CACHE_H
#define CR_AUTH_CREDENTIAL_CACHE_H

#include "auth/password.h"

typedef struct cr_credential_cache_s cr_credential_cache_t;

/*
 * entries is rounded up to whole sets of four; 0 makes a cache that holds
 * nothing.  ttl_us counts from the check of the password; use does not
 * prolong it.  CONFIG when out of range.
 */
cr_err_t cr_credential_cache_create(cr_ctx_t *cx, size_t entries,
                                    int64_t                 ttl_us,
                                    cr_credential_cache_t **ret_cache);

void cr_credential_cache_free(cr_credential_cache_t *cache); /* takes NULL */

/* Was this password found right for this hash a moment ago? */
bool cr_credential_cache_has(cr_ctx_t *cx, cr_credential_cache_t *cache,
                             cr_str_t name, cr_str_t password, cr_str_t hash);

/* After cr_password_verify said yes, and only then. */
void cr_credential_cache_add(cr_ctx_t *cx, cr_credential_cache_t *cache,
                             cr_str_t name, cr_str_t password, cr_str_t hash);

/*
 * Check a password against a hash, or an empty one (a name that does not
 * exist): slow, crypt pool.  Callers with the same credential at the same
 * time share one check.  Remembers a success.  UNAUTHORIZED when wrong.
 * *ret_hashed: this call did the work (set in any case).
 */
cr_err_t cr_credential_verify(cr_ctx_t *cx, cr_credential_cache_t *cache,
                              cr_str_t name, cr_str_t password, cr_str_t hash,
                              bool *ret_hashed);

#endif
