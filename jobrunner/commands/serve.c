/* jobrunner serve: the log on standard error, then the daemon. */

#include "commands/commands.h"
#include "daemon.h"


cr_err_t
cr_command_serve(cr_ctx_t *cx, cr_cli_t *cli)
{
    cr_log_t log;

    log.fd = fileno(cli->err);
    log.sys = cx->sys;
    log.level = cr_cli_global(cli, "verbose") != NULL ? CR_LOG_DEBUG
                : cr_cli_global(cli, "quiet") != NULL ? CR_LOG_WARN
                                                      : CR_LOG_INFO;

    return cr_daemon_serve(cx, cli, &log);
}
