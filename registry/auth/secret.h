/*
 * The installation's own secret: 32 random bytes in a file beside the
 * database, never in it, so that a copy of the database alone gives nothing
 * away (DESIGN section 3 rule 8).  What it is used for takes a key derived
 * from it.  Blocks: not on an event loop.
 */

#ifndef CR_AUTH_SECRET_H
#define CR_AUTH_SECRET_H

#include "core/ctx.h"

#define CR_SECRET_SIZE 32

/*
 * The key for one purpose out of the file, which is made (mode 0600) when it
 * is missing and `create`.  NOT_FOUND; CONFIG when others may read the file or
 * it holds no secret; UNAVAILABLE while another process is writing it.
 */
cr_err_t cr_secret_key(cr_ctx_t *cx, const char *z_path, const char *z_purpose,
                       bool create, uint8_t ret_key[CR_SECRET_SIZE]);

#endif
