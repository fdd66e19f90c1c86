/*
 * The handlers of command_table.c.  Each opens what it needs, prints its
 * data on cli->out, and returns an error of the library or sets cli->status.
 */

#ifndef CR_JOBRUNNER_COMMANDS_COMMANDS_H
#define CR_JOBRUNNER_COMMANDS_COMMANDS_H

#include "command.h"
#include "meta/audit.h"

/* Who acts: the audit log says "cli". */
extern const cr_audit_who_t cr_cli_who;

cr_err_t cr_command_serve(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_db_migrate(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_db_status(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_db_backup(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_db_restore(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_fsck(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_status(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_list(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_passwd(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_project_list(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_project_create(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_project_set_public(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_job_list(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_job_run(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_version(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_completion(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_help(cr_ctx_t *cx, cr_cli_t *cli);

#endif
