/*
 * A look costs one pragma while nothing happens; the job table is read only
 * after a commit.  Two daemons on one database look at the same rows: who
 * claims first runs the job, the other finds nothing and holds off.
 */

#include "scheduler.h"


cr_err_t
cr_scheduler_put(cr_ctx_t *cx, cr_meta_t *m)
{
    int64_t              id, interval;
    const cr_job_kind_t *k;

    for (k = cr_job_kinds; k->kind != NULL; k++) {
        if (k->interval_us == 0) {
            continue;
        }

        CR_TRY(cr_job_interval(cx, m, k, &interval));
        CR_TRY(cr_job_put(cx, m, cr_str_z(k->kind), cr_str_z(k->kind),
                          CR_STR("{}"), interval, false, &id));
    }

    return CR_OK;
}


cr_err_t
cr_scheduler_tick(cr_ctx_t *cx, cr_scheduler_t *s, cr_meta_t *m, bool *ret_due,
                  bool *ret_moved)
{
    bool    moved;
    int64_t now, next, version;

    CR_TRY(cr_db_data_version(cx, cr_meta_db(m), &version));

    moved = !s->seen || version != s->version;

    if (moved) {
        CR_TRY(cr_job_next(cx, m, &next));
        s->seen = true;
        s->version = version;
        s->next_at = next;
        s->hold_until = 0;
    }

    now = cr_now(cx);

    /* A clock that was set back must not stop it. */
    if (s->hold_until - now > CR_SCHEDULER_HOLD) {
        s->hold_until = 0;
    }

    *ret_moved = moved;
    *ret_due = s->next_at != 0 && s->next_at <= now && s->hold_until <= now;

    if (*ret_due) {
        s->hold_until = now + CR_SCHEDULER_HOLD;
    }

    return CR_OK;
}
