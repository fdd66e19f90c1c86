/*
 * The command line as data.  One table (command_table.c) has a row for each
 * command: noun, verb, arguments, flags, help, example, handler.  The parser
 * here, the help, the completion script and the manual page (help.c) all
 * read that table, so they cannot drift apart.  No command is known here.
 * One thread.
 */

#ifndef CR_JOBRUNNER_COMMAND_H
#define CR_JOBRUNNER_COMMAND_H

#include <stdio.h>
#include "core/ctx.h"

#define CR_ARGS_MAX  4
#define CR_FLAGS_MAX 16

/* Exit statuses; docs/cli.md and the manual page have the same list. */
typedef enum cr_exit_e {
    CR_EXIT_DONE = 0,
    CR_EXIT_FAILED = 1,
    CR_EXIT_USAGE = 2,
    CR_EXIT_NOT_FOUND = 3,
    CR_EXIT_DENIED = 4,
    CR_EXIT_CONFLICT = 5,
    CR_EXIT_UNREACHABLE = 6,
    CR_EXIT_PARTIAL = 7,
    CR_EXIT_TIMEOUT = 8,
    CR_EXIT_CONFIG = 78
} cr_exit_e;

typedef enum {
    CR_OUTPUT_TABLE = 0,
    CR_OUTPUT_JSON,
    CR_OUTPUT_NAME
} cr_output_e;

typedef struct cr_flag_s {
    const char *name;    /* without dashes */
    char        letter;  /* 0: none */
    const char *value;   /* what help calls the value; NULL: a switch */
    const char *choices; /* "a|b|c"; NULL: anything */
    bool        file;    /* the value is a file (completion) */
    const char *help;
} cr_flag_t;

typedef struct cr_arg_s {
    const char *name;    /* what help calls it; NULL ends the list */
    const char *choices; /* "on|off"; NULL: anything */
    bool        file;
    bool        optional;
    /* The choices, when another table has them: adds "a|b" to a buffer. */
    const char *(*choices_of)(cr_ctx_t *cx);
} cr_arg_t;

typedef struct cr_cli_s     cr_cli_t;
typedef struct cr_command_s cr_command_t;
typedef cr_err_t (*cr_command_pt)(cr_ctx_t *cx, cr_cli_t *cli);

struct cr_command_s {
    const char      *noun;
    const char      *verb;  /* NULL: the noun is the command */
    const char      *alias; /* "a|b": other words for it; NULL: none */
    cr_arg_t         args[CR_ARGS_MAX];
    const cr_flag_t *flags;   /* ends with a row without name; NULL: none */
    const char      *summary; /* one line */
    const char      *text;    /* one paragraph */
    const char      *example; /* as typed */
    cr_command_pt    handler;
};

/* A parsed command line and what the handlers work with. */
struct cr_cli_s {
    const cr_command_t *command;           /* NULL: none was named */
    const char         *noun;              /* a noun alone, with --help */
    const char         *args[CR_ARGS_MAX]; /* NULL: not given */
    const char         *values[CR_FLAGS_MAX];
    const char         *globals[CR_FLAGS_MAX];
    cr_output_e         output;
    bool                help;
    bool                version;
    FILE               *in;
    FILE               *out;    /* data */
    FILE               *err;    /* everything else */
    cr_exit_e           status; /* set by a handler that returns CR_OK */
};

/* The tables (command_table.c); both end with a row without a name. */
extern const cr_command_t cr_commands[];
extern const cr_flag_t    cr_global_flags[];

/*
 * Parse argv[1..argc-1] against the tables.  Global flags may stand
 * anywhere; "--" ends flags.  BAD_REQUEST with a message for the user.
 */
cr_err_t cr_command_parse(cr_ctx_t *cx, const cr_command_t *commands,
                          const cr_flag_t *globals, int argc,
                          const char *const *argv, cr_cli_t *cli);
/* The value of a flag of the command; NULL: not given; a switch gives "". */
const char *cr_cli_flag(const cr_cli_t *cli, const char *name);
/* The same for a global flag. */
const char *cr_cli_global(const cr_cli_t *cli, const char *name);
/* Is text one of "a|b|c"? */
bool cr_choice_has(const char *choices, cr_str_t text);
/* The choices of an argument, from its row or from another table; NULL: any. */
const char *cr_arg_choices(cr_ctx_t *cx, const cr_arg_t *arg);

/* The exit status that an error of the library means. */
cr_exit_e cr_exit_of(cr_err_t err);
/* Parse, run, report: what main() does.  Returns the exit status. */
int cr_cli_main(int argc, const char *const *argv, FILE *in, FILE *out,
                FILE *err);

#endif
