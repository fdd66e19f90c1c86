/*
 * The handlers of command_table.c.  Each opens what it needs, prints its
 * data on cli->out, and returns an error of the library or sets cli->status.
 */

#ifndef CR_JOBRUNNER_COMMANDS_COMMANDS_H
#define CR_JOBRUNNER_COMMANDS_COMMANDS_H

#include "command.h"
#include "meta/project.h"
#include "meta/user.h"

/* Who acts: the audit log says "cli". */
extern const cr_audit_who_t cr_cli_who;

/* By name; NOT_FOUND says which. */
cr_err_t cr_cli_user(cr_ctx_t *cx, cr_meta_t *m, const char *z_name,
                     cr_user_t *ret_u);
cr_err_t cr_cli_project(cr_ctx_t *cx, cr_meta_t *m, const char *z_name,
                        cr_project_t *ret_p);
/* The secret of --password-file or --password-stdin: the first line, without
 * its end; room has CR_PASSWORD_MAX + 3 bytes. */
cr_err_t cr_cli_password(cr_ctx_t *cx, cr_cli_t *cli, char *room,
                         cr_str_t *ret_s);

cr_err_t cr_command_serve(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_db_migrate(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_db_status(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_db_backup(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_db_restore(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_fsck(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_status(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_list(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_passwd(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_show(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_create(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_delete(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_enable(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_disable(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_admin(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_user_tokens(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_project_list(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_project_create(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_project_set_public(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_project_show(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_project_delete(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_project_set_write(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_project_set_quota(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_member_list(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_member_show(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_member_add(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_member_set(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_member_remove(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_robot_list(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_robot_show(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_robot_create(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_robot_rotate(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_robot_enable(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_robot_disable(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_robot_delete(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_key_list(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_key_rotate(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_key_delete(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_job_list(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_job_run(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_version(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_completion(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_help(cr_ctx_t *cx, cr_cli_t *cli);

#endif
