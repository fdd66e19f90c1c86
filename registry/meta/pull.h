/*
 * Counts of pulls, and who pulled what.  A pull writes nothing: it adds to a
 * table in memory, and to a list when the audit log is to have it; both are
 * written now and then, many pulls in few transactions.  Each process has its
 * own; what was not written when one is killed is lost.
 *
 *   add --> active table --flush--> spare table --> rows, 256 entries each
 *             ^                        |
 *             +------- empty ----------+
 *
 * While one table is written the other one takes what comes.  Any thread.
 */

#ifndef CR_META_PULL_H
#define CR_META_PULL_H

#include "meta/audit.h"

#define CR_PULLS_BATCH   256  /* entries of one transaction */
#define CR_PULLS_LOG_MAX 8192 /* pulls that wait for the audit log */

typedef struct cr_pulls_s cr_pulls_t;

/* Room for max different artifacts and tags, rounded up.  Heap object. */
cr_err_t cr_pulls_create(cr_ctx_t *cx, size_t max, cr_pulls_t **ret_p);
/* Takes NULL.  Forgets what was not written. */
void cr_pulls_free(cr_pulls_t *p);

/*
 * A manifest was pulled, by this tag (0: by digest).  Cheap, and never waits
 * for I/O; what finds no room is not counted.
 */
void cr_pulls_add(cr_pulls_t *p, int64_t repository_id, int64_t manifest_id,
                  int64_t tag_id, int64_t now);
/*
 * The audit log is to have a row of it: e's resource, project_id and
 * description.  Copies what it is given; never waits for I/O.  Of more than
 * CR_PULLS_LOG_MAX between two flushes it keeps the number, for one row.
 */
void cr_pulls_log(cr_pulls_t *p, const cr_audit_who_t *who,
                  const cr_audit_entry_t *e);
/* Is there anything to write? */
bool cr_pulls_pending(cr_pulls_t *p);
/*
 * [write, no sync] Write what was added until now: pull_count of repositories,
 * pulled_at of manifests and tags, rows of the audit log, which have the time
 * of the writing.  What fails is kept for the next time, as far as there is
 * room.
 */
cr_err_t cr_pulls_flush(cr_ctx_t *cx, cr_meta_t *m, cr_pulls_t *p);

#endif
