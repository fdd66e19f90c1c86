/*
 * Compares the store with the rows: a file that no row names was left by a
 * crash between writing bytes and publishing them.  It becomes an orphan,
 * which the reclaim job removes.  A file's age is the time in its name;
 * young files are left alone, because a request may be writing them.
 */

#include <inttypes.h>
#include "core/crash.h"
#include "jobs/jobs.h"
#include "meta/reclaim.h"

typedef struct sweep_s {
    cr_job_run_t *run;
    int64_t       before; /* only files made before that */
    cr_ctx_t      item;   /* memory of one file */
    uint64_t      files;
    uint64_t      orphaned;
    uint64_t      bytes;
} sweep_t;


static cr_err_t
sweep_file(cr_ctx_t *cx, sweep_t *sw, cr_str_t locator, uint64_t size)
{
    bool          orphaned;
    cr_err_t      err;
    int64_t       made_at;
    cr_log_line_t line;

    sw->files++;
    made_at = cr_storage_locator_time(locator);

    /* A name without a time is not ours. */
    if (made_at == 0 || made_at >= sw->before) {
        return CR_OK;
    }

    err = cr_orphan_check(&sw->item, sw->run->runner->meta, locator, size,
                          &orphaned);
    if (err != CR_OK) {
        return cr_fail_detail(cx, err, "%.*s: %.*s", CR_STR_ARG(locator),
                              CR_STR_ARG(sw->item.detail));
    }

    if (!orphaned) {
        return CR_OK;
    }

    CR_CRASH("sweep.orphaned");
    sw->orphaned++;
    sw->bytes += size;

    cr_log_begin(&line, sw->run->log, CR_LOG_WARN, "content without a row");
    cr_log_str(&line, "locator", locator);
    cr_log_int(&line, "size", (int64_t) size);
    cr_log_end(&line);
    return CR_OK;
}


static cr_err_t
sweep_next(cr_ctx_t *cx, void *arg, cr_str_t locator, uint64_t size)
{
    cr_err_t err;
    sweep_t *sw;

    sw = arg;
    err = cr_job_beat(&sw->item, sw->run);

    if (err != CR_OK) {
        return cr_fail(cx, err, "%.*s", CR_STR_ARG(sw->item.message));
    }

    err = sweep_file(cx, sw, locator, size);
    cr_ctx_reset(&sw->item);
    return err;
}


cr_err_t
cr_job_orphan_sweep(cr_ctx_t *cx, cr_job_run_t *run)
{
    int64_t  age;
    sweep_t  sw;
    cr_err_t err;

    age = run->runner->conf.upload_expires_us;

    if (age < CR_SWEEP_AGE_MIN) {
        age = CR_SWEEP_AGE_MIN;
    }

    sw = (sweep_t){ .run = run, .before = cr_now(cx) - age };

    if (cr_ctx_init(&sw.item, 0) != CR_OK) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    sw.item.sys = cx->sys;
    sw.item.may_block = true;

    err = cr_storage_list(cx, run->runner->storage, sweep_next, &sw);
    cr_ctx_done(&sw.item);

    if (err != CR_OK) {
        return err;
    }

    run->worked = sw.orphaned != 0;
    run->result = cr_printf(cx,
                            "{\"files\":%" PRIu64 ",\"orphaned\":%" PRIu64
                            ",\"bytes\":%" PRIu64 "}",
                            sw.files, sw.orphaned, sw.bytes);
    return run->result.data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}
