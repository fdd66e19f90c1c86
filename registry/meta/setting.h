/* Settings: facts of the installation that programs share by the database. */

#ifndef CR_META_SETTING_H
#define CR_META_SETTING_H

#include "meta/audit.h"

#define CR_SETTING_INSTALLATION_ID   "installation_id"
#define CR_SETTING_INCARNATION       "incarnation"
#define CR_SETTING_STORAGE_URL       "storage_url"
#define CR_SETTING_GRACE_US          "grace_us"
#define CR_SETTING_TRASH_US          "trash_us"
#define CR_SETTING_UPLOAD_EXPIRES    "upload_expires_us"
/* Bytes that must stay free: below it no uploads and no backups; 0: off. */
#define CR_SETTING_MIN_FREE          "min_free"
/* The scheduled backup: how often (0: never), how many files are kept, and
 * the folder (empty: beside the database). */
#define CR_SETTING_BACKUP_INTERVAL   "backup_interval_us"
#define CR_SETTING_BACKUP_KEEP       "backup_keep"
#define CR_SETTING_BACKUP_PATH       "backup_path"
/* 1: the database was restored, and nothing may be deleted until
 * "jobrunner fsck --release". */
#define CR_SETTING_SWEEP_HELD        "sweep_held"
#define CR_SETTING_RESTORED_AT       "restored_at"
#define CR_SETTING_AUDIT_KEEP        "audit_keep_us" /* default: below */

/* What administrators set by the API (api/management/config.c). */
#define CR_SETTING_BANNER            "banner_message"
#define CR_SETTING_PROJECT_CREATION  "project_creation_restriction"
#define CR_SETTING_PULL_AUDIT_OFF    "pull_audit_log_disable"
#define CR_SETTING_QUOTA_ENABLE      "quota_per_project_enable"
#define CR_SETTING_READ_ONLY         "read_only"
#define CR_SETTING_ROBOT_DURATION    "robot_token_duration"
#define CR_SETTING_SELF_REGISTRATION "self_registration"
#define CR_SETTING_SESSION_TIMEOUT   "session_timeout"     /* minutes */
#define CR_SETTING_STORAGE_LIMIT     "storage_per_project" /* bytes; -1 */
#define CR_SETTING_TOKEN_EXPIRATION  "token_expiration"    /* minutes */

/* NULL string when there is none. */
cr_err_t cr_setting_get(cr_ctx_t *cx, cr_meta_t *m, const char *name,
                        cr_str_t *ret_value);
/* The same as a number; *ret_n keeps its value when there is none. */
cr_err_t cr_setting_get_int(cr_ctx_t *cx, cr_meta_t *m, const char *name,
                            int64_t *ret_n);
/* The same as true or false; only "true" is true. */
cr_err_t cr_setting_get_bool(cr_ctx_t *cx, cr_meta_t *m, const char *name,
                             bool *ret_b);
/* [write] No row changes when the value is the same. */
cr_err_t cr_setting_put(cr_ctx_t *cx, cr_meta_t *m, const char *name,
                        cr_str_t value);

typedef struct cr_setting_change_s {
    const char *name;
    cr_str_t    value;
} cr_setting_change_t;

/* [write, sync] All of them or none, each that changes with its audit row;
 * they count for every process from its next request on. */
cr_err_t cr_setting_change(cr_ctx_t *cx, cr_meta_t *m,
                           const cr_setting_change_t *list, size_t n,
                           const cr_audit_who_t *who);

#endif
