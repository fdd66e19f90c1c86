/* Secrets out of what is shown: logs, status, error texts.  Any thread. */

#ifndef CR_CORE_REDACT_H
#define CR_CORE_REDACT_H

#include "core/ctx.h"

/*
 * The URL with "***" for the password of user:password@ and for the values of
 * parameters that are called like a secret.  Rather too much than too little.
 * What is no URL with "://" comes back as it is.  In the context's arena, NUL
 * behind it; "***" when out of memory.
 */
cr_str_t cr_redact_url(cr_ctx_t *cx, cr_str_t url);

#endif
