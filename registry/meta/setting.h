/* Settings: facts of the installation that programs share by the database. */

#ifndef CR_META_SETTING_H
#define CR_META_SETTING_H

#include "meta/meta.h"

#define CR_SETTING_INSTALLATION_ID "installation_id"
#define CR_SETTING_INCARNATION     "incarnation"
#define CR_SETTING_STORAGE_URL     "storage_url"
#define CR_SETTING_GRACE_US        "grace_us"
#define CR_SETTING_TRASH_US        "trash_us"
#define CR_SETTING_UPLOAD_EXPIRES  "upload_expires_us"
/* The scheduled backup: how often (0: never), how many files are kept, and
 * the folder (empty: beside the database). */
#define CR_SETTING_BACKUP_INTERVAL "backup_interval_us"
#define CR_SETTING_BACKUP_KEEP     "backup_keep"
#define CR_SETTING_BACKUP_PATH     "backup_path"
/* 1: the database was restored, and nothing may be deleted until
 * "jobrunner fsck --release". */
#define CR_SETTING_SWEEP_HELD      "sweep_held"
#define CR_SETTING_RESTORED_AT     "restored_at"
#define CR_SETTING_AUDIT_KEEP      "audit_keep_us" /* default: below */

/* What administrators set by the API (api/management/config.c). */
#define CR_SETTING_BANNER            "banner_message"
#define CR_SETTING_PROJECT_CREATION  "project_creation_restriction"
#define CR_SETTING_ROBOT_DURATION    "robot_token_duration"
#define CR_SETTING_SELF_REGISTRATION "self_registration"

/* NULL string when there is none. */
cr_err_t cr_setting_get(cr_ctx_t *cx, cr_meta_t *m, const char *name,
                        cr_str_t *ret_value);
/* The same as a number; *ret_n keeps its value when there is none. */
cr_err_t cr_setting_get_int(cr_ctx_t *cx, cr_meta_t *m, const char *name,
                            int64_t *ret_n);
/* [write] No row changes when the value is the same. */
cr_err_t cr_setting_put(cr_ctx_t *cx, cr_meta_t *m, const char *name,
                        cr_str_t value);

#endif
