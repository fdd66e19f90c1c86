/*
 * The daemon's loop.  Nothing here is needed for correctness: a daemon that
 * is killed leaves leases that run out, and a log that nginx checkpoints
 * when nobody else does.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "core/version.h"
#include "daemon.h"
#include "jobs/jobs.h"
#include "scheduler.h"
#include "worker.h"

/* How often the write-ahead log is looked at while the database changes. */
#define DAEMON_CHECKPOINT_EVERY CR_SECOND
/* How often the ballast is made again that a full disk cost. */
#define DAEMON_BALLAST_EVERY    (10 * CR_SECOND)
/* How often it is asked whether the database is where it was. */
#define DAEMON_LOOK_EVERY       CR_SECOND
/* The same failure is logged once in so long. */
#define DAEMON_LOG_AGAIN        CR_MINUTE

typedef struct cr_daemon_s {
    const cr_log_t *log;
    cr_runner_t     runner; /* of the main thread */
    cr_worker_t     worker;
    cr_scheduler_t  scheduler;
    int             signal_fd;
    int             event_fd; /* written by the worker when it gives up */
    bool            dirty;    /* commits since the last checkpoint */
    int64_t         checkpoint_at;
    int64_t         look_at;
    int64_t         ballast_at;
    bool            no_ballast; /* and it was logged */
    cr_err_t        last_err;
    int64_t         last_err_at;
} cr_daemon_t;


/* Signals come by a descriptor; every thread inherits that they are blocked. */
static cr_err_t
open_signals(cr_ctx_t *cx, cr_daemon_t *d)
{
    size_t   i;
    sigset_t set;

    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

    sigemptyset(&set);

    /* A shell starts what runs in its background with SIGINT ignored, and
     * what is ignored never comes by the descriptor. */
    for (i = 0; i < CR_NELTS(signals); i++) {
        sigaddset(&set, signals[i]);

        if (signal(signals[i], SIG_DFL) == SIG_ERR) {
            return cr_fail_errno(cx, errno, "cannot reset signals");
        }
    }

    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0
        || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
    {
        return cr_fail_errno(cx, errno, "cannot block signals");
    }

    d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

    if (d->signal_fd < 0) {
        return cr_fail_errno(cx, errno, "cannot wait for signals");
    }

    d->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (d->event_fd < 0) {
        return cr_fail_errno(cx, errno, "cannot make an event");
    }

    return CR_OK;
}


static void
daemon_failed(cr_ctx_t *cx, cr_daemon_t *d, const char *z_message)
{
    int64_t now;

    now = cr_now(cx);

    if (cx->err != d->last_err || now - d->last_err_at >= DAEMON_LOG_AGAIN) {
        cr_log_failure(d->log, CR_LOG_ERROR, z_message, cx);
        d->last_err = cx->err;
        d->last_err_at = now;
    }
}


static void
daemon_checkpoint(cr_ctx_t *cx, cr_daemon_t *d)
{
    bool          truncated;
    int64_t       now, pages;
    cr_err_t      err;
    cr_log_line_t l;

    now = cr_now(cx);

    /* A clock that was set back must not stop it. */
    if (!d->dirty
        || (now < d->checkpoint_at
            && d->checkpoint_at - now <= DAEMON_CHECKPOINT_EVERY))
    {
        return;
    }

    d->checkpoint_at = now + DAEMON_CHECKPOINT_EVERY;
    err = cr_checkpoint(cx, d->runner.db, &pages, &truncated);

    if (err != CR_OK) {
        daemon_failed(cx, d, "cannot checkpoint the database");
        return;
    }

    d->dirty = pages >= CR_CHECKPOINT_TRUNCATE_PAGES && !truncated;

    if (truncated) {
        cr_log_begin(&l, d->log, CR_LOG_INFO, "write-ahead log truncated");
        cr_log_int(&l, "pages", pages);
        cr_log_end(&l);
    }
}


/* Without it work goes on, until the disk is full. */
static void
daemon_ballast(cr_ctx_t *cx, cr_daemon_t *d)
{
    bool    held;
    int64_t now;

    cr_ctx_reset(cx);
    now = cr_now(cx);

    if (now < d->ballast_at && d->ballast_at - now <= DAEMON_BALLAST_EVERY) {
        return;
    }

    d->ballast_at = now + DAEMON_BALLAST_EVERY;

    if (cr_db_ballast(cx, d->runner.db, &held) != CR_OK) {
        held = false;
    }

    if (held == d->no_ballast) {
        cr_log(d->log, held ? CR_LOG_INFO : CR_LOG_WARN,
               held ? "there is a reserve for a full disk again"
                    : "no room for a reserve: deletions will fail when the "
                      "disk is full");
        d->no_ballast = !held;
    }
}


/* DB_MISSING: the file was removed or replaced, as a restore does. */
static cr_err_t
daemon_look(cr_ctx_t *cx, cr_daemon_t *d)
{
    int64_t now;

    cr_ctx_reset(cx);
    now = cr_now(cx);

    if (now < d->look_at && d->look_at - now <= DAEMON_LOOK_EVERY) {
        return CR_OK;
    }

    d->look_at = now + DAEMON_LOOK_EVERY;

    return cr_db_ping(cx, d->runner.db) == CR_ERR_DB_MISSING ? CR_ERR_DB_MISSING
                                                             : CR_OK;
}


static void
daemon_tick(cr_ctx_t *cx, cr_daemon_t *d)
{
    bool due, moved;

    cr_ctx_reset(cx);

    if (cr_scheduler_tick(cx, &d->scheduler, d->runner.meta, &due, &moved)
        != CR_OK) {
        daemon_failed(cx, d, "cannot look for work");
        return;
    }

    if (due) {
        cr_worker_wake(&d->worker);
    }

    d->dirty = d->dirty || moved;
    daemon_checkpoint(cx, d);
}


static void
daemon_reload(cr_ctx_t *cx, cr_daemon_t *d)
{
    cr_ctx_reset(cx);

    if (cr_runner_refresh(cx, &d->runner) != CR_OK
        || cr_scheduler_put(cx, d->runner.meta) != CR_OK)
    {
        cr_log_failure(d->log, CR_LOG_ERROR, "cannot read the settings", cx);
        return;
    }

    d->scheduler.seen = false;
    cr_log(d->log, CR_LOG_INFO, "settings read again");
    cr_worker_wake(&d->worker);
}


/* True when it is time to end.  *ret_reload: HUP came. */
static bool
take_signals(cr_daemon_t *d, bool *ret_reload)
{
    cr_log_line_t           l;
    struct signalfd_siginfo si;

    *ret_reload = false;

    while (read(d->signal_fd, &si, sizeof(si)) == (ssize_t) sizeof(si)) {
        if (si.ssi_signo == SIGHUP) {
            *ret_reload = true;
            continue;
        }

        cr_log_begin(&l, d->log, CR_LOG_INFO, "ending");
        cr_log_str(&l, "signal",
                   si.ssi_signo == SIGINT ? CR_STR("INT") : CR_STR("TERM"));
        cr_log_end(&l);
        return true;
    }

    return false;
}


static cr_err_t
daemon_loop(cr_ctx_t *cx, cr_daemon_t *d)
{
    bool          reload;
    cr_err_t      fatal;
    struct pollfd fds[2];

    fds[0] = (struct pollfd){ d->signal_fd, POLLIN, 0 };
    fds[1] = (struct pollfd){ d->event_fd, POLLIN, 0 };

    for (;;) {
        CR_TRY(daemon_look(cx, d));
        daemon_tick(cx, d);
        daemon_ballast(cx, d);

        if (poll(fds, CR_NELTS(fds), CR_SCHEDULER_TICK_MS) < 0
            && errno != EINTR) {
            return cr_fail_errno(cx, errno, "poll failed");
        }

        fatal = (cr_err_t) atomic_load(&d->worker.fatal);

        if (fatal != CR_OK) {
            return cr_fail(cx, fatal, NULL);
        }

        if (take_signals(d, &reload)) {
            return CR_OK;
        }

        if (reload) {
            daemon_reload(cx, d);
        }
    }
}


static cr_err_t
daemon_run(cr_ctx_t *cx, cr_daemon_t *d, const cr_cli_t *cli)
{
    cr_err_t      err;
    cr_log_line_t l;

    CR_TRY(cr_scheduler_put(cx, d->runner.meta));
    CR_TRY(cr_worker_init(cx, &d->worker, d->runner.db, d->log));
    d->worker.event_fd = d->event_fd;
    CR_TRY(cr_worker_start(cx, &d->worker));

    cr_log_begin(&l, d->log, CR_LOG_INFO, "ready");
    cr_log_str(&l, "version", CR_STR(CR_VERSION));
    cr_log_str(&l, "database", cr_runner_url_shown(cx, cli));
    cr_log_str(&l, "installation", cr_meta_installation_id(d->runner.meta));
    cr_log_str(&l, "worker", (cr_str_t){ CR_UUID_LEN, d->worker.id });
    cr_log_int(&l, "pid", getpid());
    cr_log_end(&l);

    /* Work that was due while nobody ran, and settings to wait for. */
    cr_worker_wake(&d->worker);
    err = daemon_loop(cx, d);

    cr_worker_stop(&d->worker);
    cr_worker_done(&d->worker);

    if (err == CR_OK) {
        cr_log(d->log, CR_LOG_INFO, "ended");
    }

    return err;
}


/*
 * Wait for the database to be there again.  *ret_end: a signal came first.
 * Any other fault than its absence ends the program, as at its start.
 */
static cr_err_t
daemon_wait(cr_ctx_t *cx, cr_daemon_t *d, const cr_cli_t *cli, bool *ret_end)
{
    bool          reload;
    cr_err_t      err;
    struct pollfd fd;

    cr_log_failure(d->log, CR_LOG_ERROR, "waiting for the database", cx);
    fd = (struct pollfd){ d->signal_fd, POLLIN, 0 };
    *ret_end = false;

    for (;;) {
        cr_ctx_reset(cx);
        err = cr_runner_open(cx, cli, &d->runner);

        if (err != CR_ERR_DB_MISSING) {
            return err;
        }

        if (poll(&fd, 1, (int) (DAEMON_LOOK_EVERY / 1000)) < 0
            && errno != EINTR) {
            return cr_fail_errno(cx, errno, "poll failed");
        }

        /* The settings will be read anyway. */
        if (take_signals(d, &reload)) {
            *ret_end = true;
            return CR_OK;
        }
    }
}


static cr_err_t
daemon_serve(cr_ctx_t *cx, cr_daemon_t *d, const cr_cli_t *cli)
{
    bool     end;
    cr_err_t err;

    CR_TRY(cr_runner_open(cx, cli, &d->runner));

    for (;;) {
        err = daemon_run(cx, d, cli);

        if (err != CR_ERR_DB_MISSING) {
            return err;
        }

        cr_runner_close(&d->runner);
        memset(&d->scheduler, 0, sizeof(d->scheduler));
        CR_TRY(daemon_wait(cx, d, cli, &end));

        if (end) {
            cr_log(d->log, CR_LOG_INFO, "ended");
            return CR_OK;
        }
    }
}


cr_err_t
cr_daemon_serve(cr_ctx_t *cx, const cr_cli_t *cli, const cr_log_t *log)
{
    cr_err_t    err;
    cr_daemon_t d;

    memset(&d, 0, sizeof(d));
    d.log = log;
    d.signal_fd = -1;
    d.event_fd = -1;

    err = open_signals(cx, &d);

    if (err == CR_OK) {
        err = daemon_serve(cx, &d, cli);
    }

    cr_runner_close(&d.runner);

    if (d.signal_fd >= 0) {
        close(d.signal_fd);
    }

    if (d.event_fd >= 0) {
        close(d.event_fd);
    }

    return err;
}
