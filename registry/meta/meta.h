/*
 * The metadata of one registry, over db/.  One header per entity; each
 * function there is ONE transaction, idempotent where its comment does not
 * say otherwise, and stamps time itself.  A cr_meta_t may be used by any
 * thread.  Functions marked [write] return CR_ERR_AGAIN when cx->may_block
 * is false; all others are bounded point reads unless marked [list].
 */

#ifndef CR_META_META_H
#define CR_META_META_H

#include "db/db.h"

typedef struct cr_meta_s cr_meta_t;

/* Durations in microseconds. */
#define CR_SECOND INT64_C(1000000)
#define CR_MINUTE (60 * CR_SECOND)
#define CR_HOUR   (60 * CR_MINUTE)
#define CR_DAY    (24 * CR_HOUR)

typedef struct cr_meta_conf_s {
    int64_t grace_us;          /* unreferenced content stays (24 h) */
    int64_t trash_us;          /* deleted content stays (7 d) */
    int64_t upload_expires_us; /* idle upload session (7 d) */
    int64_t upload_lease_us;   /* writer's lease (60 s) */
    int64_t uploads_max;       /* open, per repository and owner; 0: any */
} cr_meta_conf_t;

/* Open sessions of one owner in all repositories: so many times uploads_max. */
#define CR_UPLOADS_OWNER_FACTOR 10

extern const cr_meta_conf_t cr_meta_conf_default;

/*
 * Wrap an open database; reads installation id and boot id.  The database
 * stays the caller's.  Heap object.
 */
cr_err_t cr_meta_open(cr_ctx_t *cx, cr_db_t *db, const cr_meta_conf_t *conf,
                      cr_meta_t **ret_m);
void     cr_meta_close(cr_meta_t *m);
cr_db_t *cr_meta_db(const cr_meta_t *m);
/* Made once per database (UUID); issuer of tokens, origin of changes. */
cr_str_t              cr_meta_installation_id(const cr_meta_t *m);
const cr_meta_conf_t *cr_meta_conf(const cr_meta_t *m);

/*
 * First start of a new database [write]: installation id, incarnation, token
 * key, user admin (id 1, no password), project library (id 1, public).
 * Idempotent; called after cr_db_migrate.
 */
cr_err_t cr_meta_bootstrap(cr_ctx_t *cx, cr_db_t *db);

/*
 * A copy of a database is about to become the database [write]: it gets a new
 * incarnation, so that readers of the change log begin again; upload sessions
 * end, because their files have gone on without these rows; and nothing is
 * deleted until the hold is released (CR_SETTING_SWEEP_HELD).  CORRUPT: no
 * database of a registry.
 */
cr_err_t cr_meta_restored(cr_ctx_t *cx, cr_db_t *db);

/* Who acts: "user:ID" or "robot:ID"; in rows and in history. */
typedef cr_str_t cr_actor_t;

#endif
