/* The handlers of `jobrunner config`: what nginx.conf declares. */

#ifndef CR_JOBRUNNER_COMMANDS_CONFIG_H
#define CR_JOBRUNNER_COMMANDS_CONFIG_H

#include "command.h"

cr_err_t cr_command_config_status(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_config_diff(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_config_apply(cr_ctx_t *cx, cr_cli_t *cli);
cr_err_t cr_command_config_prune(cr_ctx_t *cx, cr_cli_t *cli);

#endif
