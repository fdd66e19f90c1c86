/*
 * Who the program is: started by root it becomes the owner of the database
 * before it opens it (DESIGN section 3 rule 13), so that no file of the
 * service ever belongs to root.  One thread, before any other is started.
 */

#ifndef CR_JOBRUNNER_OWNER_H
#define CR_JOBRUNNER_OWNER_H

#include "core/ctx.h"

/*
 * The file of a database URL, NUL-terminated, in the arena; CR_STR_NULL when
 * the URL names no file ("postgresql://...").
 */
cr_err_t cr_owner_path(cr_ctx_t *cx, cr_str_t url, cr_str_t *ret_path);
/*
 * As root: become the owner of the file at z_path or, when it is missing, of
 * its folder; all groups of that user.  As anybody else: nothing.  CONFIG
 * when the folder is missing, when the file is a symbolic link (its owner
 * could make root open anything), or when root owns the file in a folder of
 * another user.
 */
cr_err_t cr_owner_become(cr_ctx_t *cx, const char *z_path);

#endif
