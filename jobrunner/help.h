/*
 * What is made from the command table: help texts, the completion script for
 * bash, the manual page.  Everything goes into a buffer; nothing is printed
 * here.  One thread.
 */

#ifndef CR_JOBRUNNER_HELP_H
#define CR_JOBRUNNER_HELP_H

#include "core/buf.h"
#include "command.h"

/* Most bytes that any of these may make. */
#define CR_HELP_MAX 262144

/* `jobrunner help`: usage and one line a command; noun NULL: all. */
void cr_help_overview(cr_buf_t *b, const char *noun);
/* `jobrunner NOUN VERB --help`. */
void cr_help_command(cr_buf_t *b, const cr_command_t *c);
/* `jobrunner help --man`: roff for man(1). */
void cr_help_man(cr_buf_t *b);
/* `jobrunner completion bash`. */
void cr_help_bash(cr_buf_t *b);

#endif
