/*
 * A gate for the writers of several processes.  The engine lets a writer wait
 * by trying again, so that of many the luckiest is next, and all that trying
 * costs processor time.  Processes that share memory line up here instead:
 * only who is through the gate tries, and the kernel keeps the line in order.
 *
 * It is a courtesy.  The engine's lock alone keeps writers apart; who has no
 * gate (another program) tries beside the first of the line.  A process that
 * dies in the gate leaves it open.
 */

#ifndef CR_DB_GATE_H
#define CR_DB_GATE_H

#include <pthread.h>
#include "core/ctx.h"

#define CR_DB_GATE_WAIT_US 10000000

/* In memory that all of them share.  Zeroed: no gate. */
typedef struct cr_db_gate_s {
    bool            made;
    pthread_mutex_t mutex;
} cr_db_gate_t;

/* Once, by the process that made the memory.  A failure leaves no gate. */
void cr_db_gate_init(cr_db_gate_t *gate);

/*
 * Wait for one's turn, up to wait_us microseconds.  *ret_entered: leave must
 * follow; false when there is no gate (NULL too).  CR_ERR_BUSY: it took too
 * long.
 */
cr_err_t cr_db_gate_enter(cr_ctx_t *cx, cr_db_gate_t *gate, int64_t wait_us,
                          bool *ret_entered);
void     cr_db_gate_leave(cr_db_gate_t *gate);

#endif
