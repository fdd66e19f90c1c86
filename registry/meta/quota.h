/*
 * What a project may hold.  The database counts the bytes of a project in the
 * transaction that links a blob into it (project.storage_used), so the limit
 * is kept there, whoever pushes, mounts or copies at the same time.
 */

#ifndef CR_META_QUOTA_H
#define CR_META_QUOTA_H

#include "meta/meta.h"

/* May anything be added to the project of that name?  DENIED.  For whoever is
 * about to send bytes; a project that does not exist has no limit. */
cr_err_t cr_quota_check(cr_ctx_t *cx, cr_meta_t *m, cr_str_t project);

#endif
