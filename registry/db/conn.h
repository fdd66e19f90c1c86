/*
 * A database, its connections and their statements, as the files of db/ see
 * them.  Callers include db.h.  Thread rule: cr_db_s is shared, each list
 * behind its mutex; a cr_conn_s belongs to its thread, the writer to whichever
 * thread leads (write.c).
 */

#ifndef CR_DB_CONN_H
#define CR_DB_CONN_H

#include <pthread.h>
#include <sys/types.h>
#include "db/driver.h"

typedef struct cr_rows_s    cr_rows_t;
typedef struct cr_recall_s  cr_recall_t;
typedef struct cr_db_op_s   cr_db_op_t;
typedef struct cr_db_slot_s cr_db_slot_t;

/* A prepared statement.  A name has several while its uses are nested. */
struct cr_db_slot_s {
    void         *prep;
    uint64_t      use;    /* which use this is: old handles are void */
    uint64_t      opened; /* cr_conn_s.opened at that time */
    bool          busy;
    bool          writes;
    cr_db_slot_t *next;
};

struct cr_conn_s {
    cr_db_t      *db;
    void         *link;
    pthread_t     thread;
    cr_ctx_t      cx; /* for statements that no caller asked for */
    cr_db_slot_t *slots[CR_SQL_MAX];
    size_t        nopen;  /* statements in use */
    uint64_t      opened; /* statements ever started */
    bool          in_write;
    bool          in_read;
    cr_recall_t  *recall; /* recall.h; NULL: nothing yet */
    bool          led;    /* once, or more often */
    bool          spoilt; /* it lost a transaction */
    cr_conn_t    *lent;   /* the writer, as long as its thread leads */
    cr_conn_t    *next;
    cr_conn_t   **prev;
};

/* The handle of one use of a statement; lives in the caller's arena. */
struct cr_stmt_s {
    cr_conn_t    *c;
    cr_db_slot_t *slot;
    uint64_t      use;
    cr_sql_e      sql;
    bool          finished;

    const cr_rows_t *rows; /* from memory: no slot; NULL: from the engine */
    uint32_t         row;
    bool             started;
};

struct cr_db_s {
    const cr_db_driver_t *driver;
    void                 *data;
    char                 *z_url;
    pid_t                 pid; /* a child must open its own */
    pthread_key_t         key;

    pthread_mutex_t conns_mutex;
    cr_conn_t      *conns;

    /*
     * Writers that wait (write.c).  One of them leads; the others sleep on
     * the condition of their own operation.
     */
    pthread_mutex_t queue_mutex;
    cr_db_op_t     *head;
    cr_db_op_t    **tail;
    size_t          queued;
    bool            leading;
    uint64_t        leaders; /* threads that ever led; the leader's */
    cr_conn_t      *writer;  /* the leader's; NULL: not made yet */
    uint64_t        drops;   /* ballasts that were given up */
    uint64_t        writes;  /* operations that were run */
    uint64_t        commits; /* transactions that they needed */
    cr_db_gate_t   *gate;    /* NULL: none */
};

/* One connection more, no thread's yet: it does not end with this one. */
cr_err_t cr_db_connect(cr_ctx_t *cx, cr_db_t *db, cr_conn_t **ret_c);
/* Close it, whatever its state.  The destructor of a key: of void *. */
void cr_conn_close(void *arg);
/* Opened by this process?  Locks and descriptors do not survive a fork. */
cr_err_t cr_db_own(cr_ctx_t *cx, const cr_db_t *db);
/* Fill st, which is zeroed, with a statement that was bound.  copy: the values
 * may go away before the last step. */
cr_err_t cr_conn_start(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql,
                       const cr_val_t *vals, size_t n, bool copy,
                       cr_stmt_t *st);
/* Run a statement of the layer itself: no row, no value. */
cr_err_t cr_conn_control(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql);
/* End what was started after `opened` and forgotten; how many. */
size_t cr_conn_end_statements(cr_conn_t *c, uint64_t opened);

#endif
