/*
 * The gate: a robust mutex of several processes.
 */

#include <errno.h>
#include <time.h>
#include "db/gate.h"


void
cr_db_gate_init(cr_db_gate_t *gate)
{
    pthread_mutexattr_t attr;

    gate->made = false;

    if (pthread_mutexattr_init(&attr) != 0) {
        return;
    }

    gate->made =
        pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0
        && pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0
        && pthread_mutex_init(&gate->mutex, &attr) == 0;

    (void) pthread_mutexattr_destroy(&attr);
}


cr_err_t
cr_db_gate_enter(cr_ctx_t *cx, cr_db_gate_t *gate, int64_t wait_us,
                 bool *ret_entered)
{
    int             rc;
    struct timespec until;

    *ret_entered = false;

    if (gate == NULL || !gate->made) {
        return CR_OK;
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t) (wait_us / 1000000);
    until.tv_nsec += (long) (wait_us % 1000000) * 1000;

    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }

    rc = pthread_mutex_clocklock(&gate->mutex, CLOCK_MONOTONIC, &until);

    if (rc == ETIMEDOUT) {
        return cr_fail_detail(cx, CR_ERR_BUSY, "db: writers before this one");
    }

    /* Who died in it changed nothing that it guards. */
    if (rc == EOWNERDEAD) {
        rc = pthread_mutex_consistent(&gate->mutex);
    }

    *ret_entered = (rc == 0);

    return CR_OK;
}


void
cr_db_gate_leave(cr_db_gate_t *gate)
{
    (void) pthread_mutex_unlock(&gate->mutex);
}
