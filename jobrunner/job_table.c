/* The job table, and what all jobs have in common. */

#include "job_table.h"
#include "core/buf.h"
#include "jobs/jobs.h"
#include "meta/setting.h"

/* clang-format off */

const cr_job_kind_t  cr_job_kinds[] = {

    { .kind = "upload-expire",
      .run = cr_job_upload_expire,
      .interval_us = CR_MINUTE,
      .summary = "end upload sessions that nobody goes on with" },

    { .kind = "reclaim",
      .run = cr_job_reclaim,
      .interval_us = CR_MINUTE,
      .storage = true,
      .deletes = true,
      .summary = "purge the trash, drop unreferenced content, remove its "
                 "bytes" },

    { .kind = "orphan-sweep",
      .run = cr_job_orphan_sweep,
      .interval_us = CR_DAY,
      .storage = true,
      .deletes = true,
      .summary = "find stored files that no row names" },

    { .kind = "backup",
      .run = cr_job_backup,
      .interval_us = CR_HOUR,
      .interval = CR_SETTING_BACKUP_INTERVAL,
      .summary = "copy the database into a file, and drop the oldest copy" },

    { .kind = "audit-purge",
      .run = cr_job_audit_purge,
      .interval_us = CR_DAY,
      .summary = "drop old audit rows and refresh tokens" },

    { .kind = "checkpoint",
      .run = cr_job_checkpoint,
      .summary = "move the write-ahead log into the database" },

    { .kind = NULL }
};

/* clang-format on */


const cr_job_kind_t *
cr_job_kind_find(cr_str_t kind)
{
    const cr_job_kind_t *k;

    for (k = cr_job_kinds; k->kind != NULL; k++) {
        if (cr_str_eq_z(kind, k->kind)) {
            return k;
        }
    }

    return NULL;
}


const char *
cr_job_kind_choices(cr_ctx_t *cx)
{
    cr_buf_t             b;
    cr_str_t             s;
    const cr_job_kind_t *k;

    cr_buf_init(&b, cx, 4096);

    for (k = cr_job_kinds; k->kind != NULL; k++) {
        cr_buf_printf(&b, "%s%s", k == cr_job_kinds ? "" : "|", k->kind);
    }

    cr_buf_char(&b, '\0');
    return cr_buf_end(&b, &s) == CR_OK ? s.data : NULL;
}


cr_err_t
cr_job_run(cr_ctx_t *cx, const cr_job_kind_t *kind, cr_job_run_t *run)
{
    if (kind->deletes && run->runner->held) {
        run->result = CR_STR("{\"held\":true}");
        return CR_OK;
    }

    if (kind->storage) {
        CR_TRY(cr_runner_storage(cx, run->runner));
    }

    run->renewed_at = cr_now(cx);
    return kind->run(cx, run);
}


cr_err_t
cr_job_interval(cr_ctx_t *cx, cr_meta_t *m, const cr_job_kind_t *kind,
                int64_t *ret_us)
{
    int64_t us;

    us = kind->interval_us;

    if (kind->interval != NULL) {
        CR_TRY(cr_setting_get_int(cx, m, kind->interval, &us));
    }

    /* Switched off: the row stays, and looks again at its old pace. */
    *ret_us = us > 0 ? us : kind->interval_us;
    return CR_OK;
}


cr_err_t
cr_job_beat(cr_ctx_t *cx, cr_job_run_t *run)
{
    int64_t now;

    if (run->stop != NULL && atomic_load(run->stop)) {
        run->interrupted = true;
        return cr_fail(cx, CR_ERR_AGAIN, "interrupted: the program ends");
    }

    if (run->job == NULL) {
        return CR_OK;
    }

    now = cr_now(cx);

    if (now - run->renewed_at < CR_JOB_LEASE / 3) {
        return CR_OK;
    }

    CR_TRY(cr_job_renew(cx, run->runner->meta, run->job, CR_JOB_LEASE));
    run->renewed_at = now;
    return CR_OK;
}
