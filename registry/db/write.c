/*
 * Transactions, and how writers share them (DESIGN section 6, "Writes").
 * A caller queues its operation.  If nobody leads, it leads: it waits for the
 * engine's lock, takes what is queued by then, runs all of it in one
 * transaction, commits once, and wakes the callers.  Meanwhile others queue
 * for the next leader.  So the dearer a sync is, and the more processes write,
 * the more operations share it.
 *
 *   queued --taken by a leader--> running --commit--> done
 *      ^                            |  own error: its savepoint undone, done
 *      |                            |  the transaction is lost: all that ran
 *      +---- had not run yet -------+  fail
 *
 * The queue is an optimisation inside one process; the engine's lock orders
 * the leaders of all processes.
 *
 * All leaders of a process write with one connection, db->writer: its cache of
 * pages stays warm, while those of many threads would each be stale after a
 * commit of another.  It belongs to whoever leads, who finds it with
 * cr_db_conn, too, so that what an operation calls is part of the transaction.
 * As long as only one thread writes there is none: that thread's own serves.
 * Any thread.
 */

#include <assert.h>
#include "core/crash.h"
#include "db/recall.h"

/* More would make the first callers of a batch wait too long. */
#define CR_DB_BATCH_MAX 64

struct cr_db_op_s {
    cr_ctx_t      *cx;
    cr_db_write_pt fn;
    void          *arg;
    cr_db_sync_e   sync;
    cr_err_t       err;
    bool           done;
    pthread_cond_t wake;
    cr_db_op_t    *next;
};

static bool        cr_db_make_room(cr_ctx_t *cx, cr_db_t *db, uint64_t drops,
                                   bool may_drop);
static cr_err_t    cr_db_queue(cr_ctx_t *cx, cr_conn_t *c, cr_db_sync_e sync,
                               cr_db_write_pt fn, void *arg);
static void        cr_db_lead(cr_db_t *db, cr_conn_t *own);
static cr_conn_t  *cr_db_lend(cr_conn_t *own);
static void        cr_db_lend_end(cr_conn_t *own);
static cr_err_t    cr_db_batch_begin(cr_conn_t *c, bool sync);
static cr_db_op_t *cr_db_batch_run(cr_conn_t *c, cr_db_op_t *first,
                                   cr_err_t err);
static void        cr_db_batch_end(cr_conn_t *c, cr_db_op_t *first);
static cr_err_t    cr_db_op_run(cr_conn_t *c, cr_db_op_t *op, bool shared);
static void cr_db_spoil(cr_conn_t *c, cr_db_op_t *first, const cr_db_op_t *end,
                        cr_err_t err, cr_str_t detail);
static void cr_db_rollback(cr_conn_t *c);


cr_err_t
cr_db_write(cr_ctx_t *cx, cr_db_t *db, cr_db_sync_e sync, cr_db_write_pt fn,
            void *arg)
{
    bool       unsure;
    cr_err_t   err;
    uint64_t   drops;
    cr_conn_t *c;

    cx->unsure = false;

    if (!cx->may_block) {
        return cr_fail(cx, CR_ERR_AGAIN, NULL);
    }

    CR_TRY(cr_db_own(cx, db));

    c = NULL;
    CR_TRY(cr_db_conn(cx, db, &c));
    assert(c != NULL);

    if (c->in_write || c->in_read) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL,
                              "a write inside of another transaction");
    }

    /* A reader of an old snapshot cannot become a writer. */
    if (cr_conn_end_statements(c, 0) != 0) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL,
                              "a write beside a statement left open");
    }

    (void) pthread_mutex_lock(&db->queue_mutex);
    drops = db->drops;
    (void) pthread_mutex_unlock(&db->queue_mutex);

    err = cr_db_queue(cx, c, sync, fn, arg);

    if (err != CR_ERR_NO_SPACE
        || !cr_db_make_room(cx, db, drops, sync != CR_DB_SPARE))
    {
        return err;
    }

    /* Nothing of it stayed: once more. */
    unsure = cx->unsure;
    cr_clear(cx);
    err = cr_db_queue(cx, c, sync, fn, arg);
    cx->unsure = err != CR_OK && (unsure || cx->unsure);

    return err;
}


/* Give up the ballast where may_drop; true when that, or somebody of the same
 * batch, made room since there were `drops`. */
static bool
cr_db_make_room(cr_ctx_t *cx, cr_db_t *db, uint64_t drops, bool may_drop)
{
    bool made;

    (void) pthread_mutex_lock(&db->queue_mutex);

    made = db->drops != drops;

    if (!made && may_drop && db->driver->ballast_drop(cx, db->data)) {
        db->drops++;
        made = true;
    }

    (void) pthread_mutex_unlock(&db->queue_mutex);

    return made;
}


/* Returns when the operation was run, by whomever. */
static cr_err_t
cr_db_queue(cr_ctx_t *cx, cr_conn_t *c, cr_db_sync_e sync, cr_db_write_pt fn,
            void *arg)
{
    cr_db_t   *db = c->db;
    cr_db_op_t op = { .cx = cx, .fn = fn, .arg = arg, .sync = sync };

    (void) pthread_cond_init(&op.wake, NULL);
    (void) pthread_mutex_lock(&db->queue_mutex);

    /* It leaves the queue before this function does. */
    *db->tail = &op;
    /* cppcheck-suppress autoVariables */
    db->tail = &op.next;
    db->queued++;

    while (!op.done) {
        if (db->leading) {
            (void) pthread_cond_wait(&op.wake, &db->queue_mutex);

        } else {
            cr_db_lead(db, c);
        }
    }

    (void) pthread_mutex_unlock(&db->queue_mutex);
    (void) pthread_cond_destroy(&op.wake);

    return op.err;
}


/* Is there one among the first of the queue that asks for a sync? */
static bool
cr_db_queue_syncs(const cr_db_t *db, size_t *ret_n)
{
    bool              sync;
    size_t            n;
    const cr_db_op_t *op;

    sync = false;
    n = 0;

    for (op = db->head; op != NULL && n < CR_DB_BATCH_MAX; op = op->next) {
        sync = sync || op->sync == CR_DB_SYNC;
        n++;
    }

    *ret_n = n;

    return sync;
}


/*
 * Take up to max operations from the queue, which has at least one that may
 * be taken; without a sync none that asks for it.  Returns the last.
 */
static cr_db_op_t *
cr_db_queue_take(cr_db_t *db, bool sync, size_t max)
{
    size_t      n;
    cr_db_op_t *last;

    last = db->head;

    for (n = 1; n < max && last->next != NULL; n++) {
        if (!sync && last->next->sync == CR_DB_SYNC) {
            break;
        }

        last = last->next;
    }

    db->head = last->next;
    if (db->head == NULL) {
        db->tail = &db->head;
    }
    last->next = NULL;
    db->queued -= n;

    return last;
}


/* Back to the head of the queue: these did not get their turn. */
static void
cr_db_queue_return(cr_db_t *db, cr_db_op_t *rest, cr_db_op_t *last)
{
    const cr_db_op_t *op;

    last->next = db->head;
    if (db->head == NULL) {
        db->tail = &last->next;
    }
    db->head = rest;

    for (op = rest; op != last->next; op = op->next) {
        db->queued++;
    }
}


/* Called, and returns, with the queue's mutex held. */
static void
cr_db_lead(cr_db_t *db, cr_conn_t *own)
{
    bool        sync;
    size_t      n;
    cr_err_t    err;
    cr_conn_t  *c;
    cr_db_op_t *first, *last, *rest, *op, *next;

    db->leading = true;
    sync = cr_db_queue_syncs(db, &n);

    (void) pthread_mutex_unlock(&db->queue_mutex);

    c = cr_db_lend(own);
    cr_ctx_reset(&c->cx);
    c->in_write = true;
    err = cr_db_batch_begin(c, sync);

    (void) pthread_mutex_lock(&db->queue_mutex);

    /* Who came meanwhile comes along; but it need not share a failure. */
    first = db->head;
    last = cr_db_queue_take(db, sync, err == CR_OK ? CR_DB_BATCH_MAX : n);

    (void) pthread_mutex_unlock(&db->queue_mutex);

    rest = cr_db_batch_run(c, first, err);
    c->in_write = false;
    cr_db_lend_end(own);

    (void) pthread_mutex_lock(&db->queue_mutex);

    /* An operation is its caller's memory: gone once it is done. */
    for (op = first; op != rest; op = next) {
        next = op->next;
        op->done = true;
        db->writes++;
        (void) pthread_cond_signal(&op->wake);
    }

    db->commits++;

    if (rest != NULL) {
        cr_db_queue_return(db, rest, last);
    }

    db->leading = false;

    if (db->head != NULL) {
        (void) pthread_cond_signal(&db->head->wake);
    }
}


/*
 * What its thread, who leads, writes with: the writer; or its own, while it is
 * the only one that ever led, or when there cannot be a writer now.  The
 * caller takes the loan back.
 */
static cr_conn_t *
cr_db_lend(cr_conn_t *own)
{
    cr_db_t *db = own->db;

    if (!own->led) {
        own->led = true;
        db->leaders++;
    }

    if (db->leaders == 1) {
        return own;
    }

    /* No ballast is given up for it: there is another way. */
    if (db->writer == NULL && cr_db_connect(&own->cx, db, &db->writer) != CR_OK)
    {
        return own;
    }

    /* Who still reads a file that was replaced must not write into the new
     * one: its own link will say so. */
    if (db->driver->ping(&own->cx, own->link) != CR_OK) {
        return own;
    }

    db->writer->thread = own->thread;
    own->lent = db->writer;

    return db->writer;
}


/*
 * A writer that failed is not used again: all would depend on it, and it may
 * never recover.  One that was made when its log could not be opened for
 * writing, say, only reads.
 */
static void
cr_db_lend_end(cr_conn_t *own)
{
    cr_db_t *db = own->db;

    if (own->lent == NULL) {
        return;
    }

    own->lent = NULL;
    cr_recall_forget(own);

    if (db->writer->spoilt) {
        cr_conn_close(db->writer);
        db->writer = NULL;
    }
}


static cr_err_t
cr_db_batch_begin(cr_conn_t *c, bool sync)
{
    bool          entered;
    cr_err_t      err;
    cr_db_gate_t *gate = c->db->gate;

    (void) c->db->driver->take_fatal(c->link);

    /* Never acknowledge what goes into a file that was removed. */
    CR_TRY(c->db->driver->ping(&c->cx, c->link));
    CR_TRY(c->db->driver->set_sync(&c->cx, c->link, sync));
    CR_TRY(cr_db_gate_enter(&c->cx, gate, CR_DB_GATE_WAIT_US, &entered));

    err = cr_conn_control(&c->cx, c, CR_SQL_DB_BEGIN_WRITE);

    if (entered) {
        cr_db_gate_leave(gate);
    }

    return err;
}


/*
 * In the transaction that has begun, or failed to with err.  Returns the first
 * operation that did not get its turn; NULL: all did.
 */
static cr_db_op_t *
cr_db_batch_run(cr_conn_t *c, cr_db_op_t *first, cr_err_t err)
{
    cr_db_op_t *op, *rest;

    if (err != CR_OK) {
        cr_db_spoil(c, first, NULL, err, c->cx.detail);
        cr_db_rollback(c);
        return NULL;
    }

    for (op = first; op != NULL; op = op->next) {
        err = cr_db_op_run(c, op, first->next != NULL);

        if (err != CR_OK) {
            rest = op->next;
            cr_db_spoil(c, first, rest, err,
                        op->err == CR_OK ? c->cx.detail : op->cx->detail);
            cr_db_rollback(c);
            return rest;
        }
    }

    cr_db_batch_end(c, first);

    return NULL;
}


/* Commit what succeeded; nothing to commit: roll back. */
static void
cr_db_batch_end(cr_conn_t *c, cr_db_op_t *first)
{
    bool        any;
    cr_err_t    err;
    cr_db_op_t *op;

    any = false;

    for (op = first; op != NULL; op = op->next) {
        any = any || op->err == CR_OK;
    }

    if (any) {
        CR_CRASH("db.commit");
        err = cr_conn_control(&c->cx, c, CR_SQL_DB_COMMIT);

        if (err == CR_OK) {
            CR_CRASH("db.committed");
            cr_recall_forget(c);
            return;
        }

        /* Refused is not done; else it may stand in the log. */
        for (op = first; op != NULL; op = op->next) {
            op->cx->unsure = op->err == CR_OK && err != CR_ERR_BUSY;
        }

        cr_db_spoil(c, first, NULL, err, c->cx.detail);
    }

    cr_db_rollback(c);
}


/* An error of the operation stays in it; returned is what spoils all. */
static cr_err_t
cr_db_op_run(cr_conn_t *c, cr_db_op_t *op, bool shared)
{
    cr_err_t              fatal;
    const cr_db_driver_t *driver;

    driver = c->db->driver;

    if (shared) {
        CR_TRY(cr_conn_control(&c->cx, c, CR_SQL_DB_SAVEPOINT));
    }

    op->err = op->fn(op->cx, c, op->arg);

    (void) cr_conn_end_statements(c, 0);

    fatal = driver->take_fatal(c->link);

    if (fatal == CR_OK && !driver->in_transaction(c->link)) {
        fatal = CR_ERR_DB;
    }

    if (fatal != CR_OK) {
        return fatal;
    }

    if (!shared) {
        return CR_OK;
    }

    if (op->err != CR_OK) {
        CR_TRY(cr_conn_control(&c->cx, c, CR_SQL_DB_SAVEPOINT_ROLLBACK));
    }

    return cr_conn_control(&c->cx, c, CR_SQL_DB_SAVEPOINT_RELEASE);
}


/* Tell those before `end` that believe they succeeded. */
static void
cr_db_spoil(cr_conn_t *c, cr_db_op_t *first, const cr_db_op_t *end,
            cr_err_t err, cr_str_t detail)
{
    cr_db_op_t *op;

    /* Somebody else's lock is no failure of this connection. */
    c->spoilt = err != CR_ERR_BUSY;

    for (op = first; op != end; op = op->next) {
        if (op->err == CR_OK) {
            op->err = cr_fail_detail(op->cx, err, "transaction lost: %.*s",
                                     CR_STR_ARG(detail));
        }
    }
}


static void
cr_db_rollback(cr_conn_t *c)
{
    if (c->db->driver->in_transaction(c->link)) {
        (void) cr_conn_control(&c->cx, c, CR_SQL_DB_ROLLBACK);
    }
}


void
cr_db_counts(cr_db_t *db, uint64_t *ret_writes, uint64_t *ret_commits)
{
    (void) pthread_mutex_lock(&db->queue_mutex);
    *ret_writes = db->writes;
    *ret_commits = db->commits;
    (void) pthread_mutex_unlock(&db->queue_mutex);
}


cr_err_t
cr_db_read(cr_ctx_t *cx, cr_db_t *db, cr_db_write_pt fn, void *arg)
{
    cr_err_t   err, end;
    uint64_t   opened;
    cr_conn_t *c;

    c = NULL;
    CR_TRY(cr_db_conn(cx, db, &c));
    assert(c != NULL);

    /* Part of the transaction that is open. */
    if (c->in_write || c->in_read) {
        return fn(cx, c, arg);
    }

    CR_TRY(cr_conn_control(cx, c, CR_SQL_DB_BEGIN_READ));

    c->in_read = true;
    opened = c->opened;

    err = fn(cx, c, arg);

    (void) cr_conn_end_statements(c, opened);

    /* Its failure must not hide that of fn. */
    cr_ctx_reset(&c->cx);
    end = cr_conn_control(&c->cx, c, CR_SQL_DB_COMMIT);

    if (end != CR_OK) {
        cr_db_rollback(c);
    }

    c->in_read = false;

    if (err == CR_OK && end != CR_OK) {
        return cr_fail_detail(cx, end, "read transaction: %.*s",
                              CR_STR_ARG(c->cx.detail));
    }

    return err;
}
