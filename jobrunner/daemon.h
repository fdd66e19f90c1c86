/*
 * `jobrunner serve`.  The main thread waits for signals, notices new work,
 * and keeps SQLite's log short; the worker thread runs the jobs.
 *
 *   SIGTERM, SIGINT   finish the current item, end with 0
 *   SIGHUP            read the settings again, look for work
 */

#ifndef CR_JOBRUNNER_DAEMON_H
#define CR_JOBRUNNER_DAEMON_H

#include "command.h"
#include "log.h"

/* Returns when a signal asks for it (CR_OK) or the database forbids it. */
cr_err_t cr_daemon_serve(cr_ctx_t *cx, const cr_cli_t *cli,
                         const cr_log_t *log);

#endif
