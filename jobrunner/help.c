/*
 * Help, manual page and completion, each made from the tables of
 * command_table.c.  Only texts that belong to no command stand here: the
 * introduction, the list of exit statuses, files and environment.
 *
 * Sections: plain text, roff, bash.
 */

#include <string.h>
#include "help.h"
#include "core/version.h"

typedef struct cr_help_row_s {
    const char *name;
    const char *text;
} cr_help_row_t;

/* clang-format off */

static const cr_help_row_t  help_exits[] = {
    { "0",   "Done." },
    { "1",   "Failed." },
    { "2",   "Usage: an unknown command or flag, or a value that is not "
             "allowed." },
    { "3",   "Not found." },
    { "4",   "Not authorised." },
    { "5",   "Conflict: it exists already, or something must be done first." },
    { "6",   "The database (or another service) cannot be reached." },
    { "7",   "Finished, but some of the items failed." },
    { "8",   "Timed out waiting." },
    { "78",  "Configuration error." },
    { "130, 143", "Ended by SIGINT, SIGTERM (serve ends with 0)." },
    { NULL, NULL }
};

static const cr_help_row_t  help_files[] = {
    { "/var/lib/nginx-registry/registry.db",
      "The database when neither flag nor environment names another." },
    { NULL, NULL }
};

static const cr_help_row_t  help_environment[] = {
    { "REGISTRY_DATABASE",
      "The database when there is no flag --database." },
    { NULL, NULL }
};

/* clang-format on */


/* --- plain text --------------------------------------------------------- */

static void
add_usage(cr_buf_t *b, const cr_command_t *c)
{
    size_t           i;
    const cr_arg_t  *arg;
    const cr_flag_t *f;

    cr_buf_printf(b, "%s", c->noun);

    if (c->verb != NULL) {
        cr_buf_printf(b, " %s", c->verb);
    }

    for (i = 0; i < CR_ARGS_MAX && c->args[i].name != NULL; i++) {
        arg = &c->args[i];
        cr_buf_printf(b, arg->optional ? " [%s]" : " %s",
                      arg->choices != NULL ? arg->choices : arg->name);
    }

    for (f = c->flags; f != NULL && f->name != NULL; f++) {
        if (f->value == NULL) {
            cr_buf_printf(b, " [--%s]", f->name);

        } else {
            cr_buf_printf(b, " [--%s %s]", f->name, f->value);
        }
    }
}


/* Text in lines of at most 76 columns, each indented. */
static void
add_wrapped(cr_buf_t *b, const char *text, size_t indent)
{
    size_t   column;
    cr_str_t rest, word;

    rest = cr_str_z(text);
    column = 0;

    while (cr_str_split(&rest, ' ', &word)) {
        if (column != 0 && column + 1 + word.len > 76) {
            cr_buf_char(b, '\n');
            column = 0;
        }

        if (column == 0) {
            cr_buf_printf(b, "%*s", (int) indent, "");
            column = indent;

        } else {
            cr_buf_char(b, ' ');
            column++;
        }

        cr_buf_str(b, word);
        column += word.len;
    }

    cr_buf_char(b, '\n');
}


static void
add_flags(cr_buf_t *b, const cr_flag_t *f)
{
    for (; f != NULL && f->name != NULL; f++) {
        cr_buf_z(b, "  ");

        if (f->letter != 0) {
            cr_buf_printf(b, "-%c, ", f->letter);
        }

        cr_buf_printf(b, "--%s", f->name);

        if (f->value != NULL) {
            cr_buf_printf(b, " %s", f->value);
        }

        cr_buf_char(b, '\n');
        add_wrapped(b, f->help, 6);
    }
}


void
cr_help_overview(cr_buf_t *b, const char *noun)
{
    const cr_command_t *c;

    cr_buf_z(b, "Usage: jobrunner [flags] NOUN VERB [arguments] [flags]\n\n");

    for (c = cr_commands; c->noun != NULL; c++) {
        if (noun != NULL && strcmp(noun, c->noun) != 0) {
            continue;
        }

        cr_buf_z(b, "  ");
        add_usage(b, c);
        cr_buf_char(b, '\n');
        add_wrapped(b, c->summary, 6);
    }

    cr_buf_z(b, "\nFlags of every command:\n");
    add_flags(b, cr_global_flags);
    cr_buf_z(b, "\njobrunner NOUN VERB --help tells more about a command.\n");
}


/* "member rm, member delete" */
static void
add_aliases(cr_buf_t *b, const cr_command_t *c, const char *z_before)
{
    cr_str_t one, rest = cr_str_z(c->alias);

    while (rest.len != 0 && cr_str_split(&rest, '|', &one)) {
        cr_buf_printf(b, "%s%s %.*s%s", z_before, c->noun, CR_STR_ARG(one),
                      rest.len != 0 ? ", " : "\n");
    }
}


void
cr_help_command(cr_buf_t *b, const cr_command_t *c)
{
    cr_buf_z(b, "Usage: jobrunner ");
    add_usage(b, c);
    cr_buf_z(b, "\n\n");
    add_wrapped(b, c->text, 0);

    if (c->alias != NULL) {
        cr_buf_z(b, "\nAlso: ");
        add_aliases(b, c, "jobrunner ");
    }

    if (c->flags != NULL) {
        cr_buf_z(b, "\nFlags:\n");
        add_flags(b, c->flags);
    }

    cr_buf_z(b, "\nFlags of every command:\n");
    add_flags(b, cr_global_flags);
    cr_buf_printf(b, "\nExample:\n  %s\n", c->example);
}


/* --- roff --------------------------------------------------------------- */

/* Text for roff: '-' and '\' escaped, no line may begin with '.' or '\''. */
static void
add_roff(cr_buf_t *b, const char *text)
{
    const char *p;

    if (*text == '.' || *text == '\'') {
        cr_buf_z(b, "\\&");
    }

    for (p = text; *p != '\0'; p++) {
        if (*p == '\\') {
            cr_buf_z(b, "\\e");

        } else if (*p == '-') {
            cr_buf_z(b, "\\-");

        } else {
            cr_buf_char(b, *p);
        }
    }
}


static void
add_roff_flags(cr_buf_t *b, const cr_flag_t *f)
{
    for (; f != NULL && f->name != NULL; f++) {
        cr_buf_z(b, ".TP\n");

        if (f->letter != 0) {
            cr_buf_printf(b, "\\fB\\-%c\\fR, ", f->letter);
        }

        cr_buf_z(b, "\\fB\\-\\-");
        add_roff(b, f->name);
        cr_buf_z(b, "\\fR");

        if (f->value != NULL) {
            cr_buf_z(b, " \\fI");
            add_roff(b, f->value);
            cr_buf_z(b, "\\fR");
        }

        cr_buf_char(b, '\n');
        add_roff(b, f->help);
        cr_buf_char(b, '\n');
    }
}


static void
add_roff_rows(cr_buf_t *b, const char *title, const cr_help_row_t *row)
{
    cr_buf_printf(b, ".SH %s\n", title);

    for (; row->name != NULL; row++) {
        cr_buf_z(b, ".TP\n.B ");
        add_roff(b, row->name);
        cr_buf_char(b, '\n');
        add_roff(b, row->text);
        cr_buf_char(b, '\n');
    }
}


static void
add_roff_command(cr_buf_t *b, const cr_command_t *c)
{
    cr_str_t usage;
    cr_buf_t line;

    cr_buf_init(&line, b->cx, 1024);
    add_usage(&line, c);
    cr_buf_char(&line, '\0');

    if (cr_buf_end(&line, &usage) != CR_OK) {
        b->err = line.err;
        return;
    }

    cr_buf_z(b, ".SS ");
    add_roff(b, usage.data);
    cr_buf_char(b, '\n');
    add_roff(b, c->text);
    cr_buf_char(b, '\n');

    if (c->alias != NULL) {
        cr_buf_z(b, ".PP\nAlso:\n.B ");
        add_aliases(b, c, "");
    }

    add_roff_flags(b, c->flags);
}


void
cr_help_man(cr_buf_t *b)
{
    const cr_command_t *c;

    cr_buf_z(b, ".\\\" Made by \"jobrunner help --man\"; do not edit.\n");
    cr_buf_z(b, ".TH JOBRUNNER 8 \"\" \"nginx-registry " CR_VERSION
                "\" \"nginx-registry\"\n.SH NAME\n"
                "jobrunner \\- the daemon and the command line of "
                "nginx\\-registry\n.SH SYNOPSIS\n.B jobrunner\n"
                "[\\fIflags\\fR] \\fINOUN\\fR [\\fIVERB\\fR] "
                "[\\fIarguments\\fR] [\\fIflags\\fR]\n.SH DESCRIPTION\n"
                "A registry inside nginx leaves the work that no request "
                "should wait for to this program: it expires uploads, gives "
                "back the space of deleted content, and keeps the database "
                "small. It finds all it needs in the database. The same "
                "program is the command line for the administrator; it "
                "speaks to the database, so it works with the daemon up or "
                "down.\n.PP\nStarted by root, it becomes the owner of the "
                "database before it opens it.\n.PP\nData goes to standard "
                "output, everything else to standard error. "
                "Flags may stand anywhere; \\fB\\-\\-\\fR ends them.\n");

    cr_buf_z(b, ".SH OPTIONS\n");
    add_roff_flags(b, cr_global_flags);
    cr_buf_z(b, ".SH COMMANDS\n");

    for (c = cr_commands; c->noun != NULL; c++) {
        add_roff_command(b, c);
    }

    add_roff_rows(b, "EXIT STATUS", help_exits);
    add_roff_rows(b, "ENVIRONMENT", help_environment);
    add_roff_rows(b, "FILES", help_files);
    cr_buf_z(b, ".SH EXAMPLES\n.nf\n");

    for (c = cr_commands; c->noun != NULL; c++) {
        add_roff(b, c->example);
        cr_buf_char(b, '\n');
    }

    cr_buf_z(b, ".fi\n.SH SEE ALSO\n.BR nginx (8)\n");
}


/* --- bash --------------------------------------------------------------- */

/* What may stand behind "NOUN VERB" (words) and behind a flag. */
static void
add_bash_command(cr_buf_t *b, const cr_command_t *c)
{
    bool             file;
    size_t           i;
    const char      *p, *choices;
    const cr_flag_t *f;

    file = false;
    cr_buf_printf(b, "    %s%s%s)\n        words=\"", c->noun,
                  c->verb == NULL ? "" : "\\ ", c->verb == NULL ? "" : c->verb);

    for (f = c->flags; f != NULL && f->name != NULL; f++) {
        cr_buf_printf(b, "--%s ", f->name);
    }

    for (i = 0; i < CR_ARGS_MAX && c->args[i].name != NULL; i++) {
        choices = cr_arg_choices(b->cx, &c->args[i]);
        file = file || c->args[i].file;

        for (p = choices; p != NULL && *p != '\0'; p++) {
            cr_buf_char(b, *p == '|' ? ' ' : *p);
        }

        if (choices != NULL) {
            cr_buf_char(b, ' ');
        }
    }

    cr_buf_printf(b, "\"\n        file=%s ;;\n", file ? "yes" : "no");
}


static void
add_bash_words(cr_buf_t *b)
{
    const char         *last;
    const cr_command_t *c;
    const cr_flag_t    *f;

    cr_buf_z(b, "    nouns=\"");

    for (c = cr_commands, last = ""; c->noun != NULL; c++) {
        if (strcmp(c->noun, last) != 0) {
            cr_buf_printf(b, "%s ", c->noun);
        }

        last = c->noun;
    }

    cr_buf_z(b, "\"\n    flags=\"");

    for (f = cr_global_flags; f->name != NULL; f++) {
        cr_buf_printf(b, "--%s ", f->name);
    }

    cr_buf_z(b, "\"\n    case $noun in\n");

    for (c = cr_commands, last = ""; c->noun != NULL; c++) {
        if (c->verb == NULL) {
            continue;
        }

        if (strcmp(c->noun, last) != 0) {
            cr_buf_printf(b, "%s    %s) verbs=\"",
                          last[0] == '\0' ? "" : "\" ;;\n", c->noun);
        }

        cr_buf_printf(b, "%s ", c->verb);
        last = c->noun;
    }

    cr_buf_printf(b, "%s    esac\n", last[0] == '\0' ? "" : "\" ;;\n");
}


/* The flags that take a value: what is completed behind them. */
static void
add_bash_values(cr_buf_t *b, const cr_flag_t *f)
{
    const char *p;

    for (; f != NULL && f->name != NULL; f++) {
        if (f->value == NULL) {
            continue;
        }

        cr_buf_printf(b, "    --%s", f->name);

        if (f->letter != 0) {
            cr_buf_printf(b, "|-%c", f->letter);
        }

        cr_buf_z(b, ")\n        COMPREPLY=($(compgen ");

        if (f->choices != NULL) {
            cr_buf_z(b, "-W \"");
            for (p = f->choices; *p != '\0'; p++) {
                cr_buf_char(b, *p == '|' ? ' ' : *p);
            }
            cr_buf_char(b, '"');

        } else {
            cr_buf_z(b, f->file ? "-f" : "-W \"\"");
        }

        cr_buf_z(b, " -- \"$cur\"))\n        return ;;\n");
    }
}


/* A pattern of the flags whose value is the next word: it is skipped. */
static void
add_bash_valued(cr_buf_t *b, const cr_flag_t *f)
{
    for (; f != NULL && f->name != NULL; f++) {
        if (f->value == NULL) {
            continue;
        }

        if (f->letter != 0) {
            cr_buf_printf(b, "-%c|", f->letter);
        }

        cr_buf_printf(b, "--%s) ((i++)) ;;\n        ", f->name);
    }
}


void
cr_help_bash(cr_buf_t *b)
{
    const cr_command_t *c;

    cr_buf_z(b, "# Completion of jobrunner for bash, made by "
                "\"jobrunner completion bash\".\n\n"
                "_jobrunner()\n{\n"
                "    local cur prev noun verb verbs nouns flags words file "
                "i w\n\n"
                "    COMPREPLY=()\n"
                "    cur=${COMP_WORDS[COMP_CWORD]}\n"
                "    prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                "    noun= verb= verbs= words= file=no\n\n"
                "    case $prev in\n");

    add_bash_values(b, cr_global_flags);

    for (c = cr_commands; c->noun != NULL; c++) {
        add_bash_values(b, c->flags);
    }

    cr_buf_z(b, "    esac\n\n"
                "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                "        w=${COMP_WORDS[i]}\n"
                "        case $w in\n        ");

    add_bash_valued(b, cr_global_flags);

    for (c = cr_commands; c->noun != NULL; c++) {
        add_bash_valued(b, c->flags);
    }

    cr_buf_z(b, "--) ;;\n"
                "        -*) ;;\n"
                "        *)\n"
                "            if [ -z \"$noun\" ]; then noun=$w\n"
                "            elif [ -z \"$verb\" ]; then verb=$w; fi ;;\n"
                "        esac\n"
                "    done\n\n");

    add_bash_words(b);
    cr_buf_z(b, "\n    case \"$noun${verbs:+ $verb}\" in\n");

    for (c = cr_commands; c->noun != NULL; c++) {
        add_bash_command(b, c);
    }

    cr_buf_z(b, "    esac\n\n"
                "    if [ -z \"$noun\" ]; then words=$nouns\n"
                "    elif [ -n \"$verbs\" ] && [ -z \"$verb\" ]; then "
                "words=$verbs; fi\n\n"
                "    if [ $file = yes ] && [ \"${cur#-}\" = \"$cur\" ]; then\n"
                "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                "        return\n"
                "    fi\n\n"
                "    case $cur in\n"
                "    -*) words=\"$words $flags\" ;;\n"
                "    esac\n\n"
                "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                "}\n\ncomplete -F _jobrunner jobrunner\n");
}
