/*
 * The parser of the command line.  It knows the shape of the tables, no
 * command.  GNU manner: --flag=value, --flag value, -f value, -fvalue, flags
 * and words in any order, "--" ends flags.
 */

#include <string.h>
#include "command.h"

typedef struct cr_parse_s {
    cr_ctx_t           *cx;
    const cr_command_t *commands;
    const cr_flag_t    *globals;
    int                 argc;
    const char *const  *argv;
    int                 next;
    cr_cli_t           *cli;
} cr_parse_t;


static cr_str_t
noun_hint(cr_parse_t *p, cr_str_t noun)
{
    const cr_command_t *c;
    cr_str_t            hint;

    hint = CR_STR_NULL;

    for (c = p->commands; c->noun != NULL; c++) {
        if (c->verb != NULL && cr_str_eq_z(noun, c->noun)) {
            hint = hint.len == 0 ? cr_printf(p->cx, "%s", c->verb)
                                 : cr_printf(p->cx, "%.*s, %s",
                                             CR_STR_ARG(hint), c->verb);
        }
    }

    return hint;
}


/* The command of one or two words; *ret_words says how many it took. */
static cr_err_t
find_command(cr_parse_t *p, const char *const *words, size_t nwords,
             const cr_command_t **ret_c, size_t *ret_words)
{
    const cr_command_t *c;
    bool                noun_known;

    noun_known = false;

    for (c = p->commands; c->noun != NULL; c++) {
        if (strcmp(c->noun, words[0]) != 0) {
            continue;
        }

        if (c->verb == NULL) {
            *ret_c = c;
            *ret_words = 1;
            return CR_OK;
        }

        noun_known = true;

        if (nwords > 1
            && (strcmp(c->verb, words[1]) == 0
                || (c->alias != NULL
                    && cr_choice_has(c->alias, cr_str_z(words[1])))))
        {
            *ret_c = c;
            *ret_words = 2;
            return CR_OK;
        }
    }

    if (!noun_known) {
        return cr_fail(p->cx, CR_ERR_BAD_REQUEST,
                       "unknown command \"%s\" (see jobrunner help)", words[0]);
    }

    if (nwords == 1 && p->cli->help) {
        p->cli->noun = words[0];
        *ret_c = NULL;
        *ret_words = 1;
        return CR_OK;
    }

    if (nwords == 1) {
        return cr_fail(p->cx, CR_ERR_BAD_REQUEST, "\"%s\" needs a verb: %.*s",
                       words[0], CR_STR_ARG(noun_hint(p, cr_str_z(words[0]))));
    }

    return cr_fail(p->cx, CR_ERR_BAD_REQUEST,
                   "unknown command \"%s %s\"; %s has: %.*s", words[0],
                   words[1], words[0],
                   CR_STR_ARG(noun_hint(p, cr_str_z(words[0]))));
}


static const cr_flag_t *
find_flag(const cr_flag_t *flags, cr_str_t name, char letter, size_t *ret_i)
{
    size_t i;

    if (flags == NULL) {
        return NULL;
    }

    for (i = 0; i < CR_FLAGS_MAX && flags[i].name != NULL; i++) {
        if (letter != 0 ? flags[i].letter == letter
                        : cr_str_eq_z(name, flags[i].name)) {
            *ret_i = i;
            return &flags[i];
        }
    }

    return NULL;
}


/*
 * One flag at argv[p->next]; sets its value and moves on.  text is the
 * inline value (after '=' or behind the letter) or NULL.
 */
static cr_err_t
take_flag(cr_parse_t *p, cr_str_t name, char letter, const char *text,
          bool inline_value, size_t *ret_letters)
{
    size_t           i;
    const char      *shown;
    const char     **slot;
    const cr_flag_t *f;

    shown = p->argv[p->next];
    f = find_flag(p->globals, name, letter, &i);
    slot = p->cli->globals;

    if (f == NULL && p->cli->command != NULL) {
        f = find_flag(p->cli->command->flags, name, letter, &i);
        slot = p->cli->values;
    }

    if (f == NULL) {
        return cr_fail(p->cx, CR_ERR_BAD_REQUEST, "unknown flag %s", shown);
    }

    if (f->value == NULL) {
        if (inline_value && letter == 0) {
            return cr_fail(p->cx, CR_ERR_BAD_REQUEST,
                           "flag --%s takes no value", f->name);
        }

        slot[i] = "";
        *ret_letters = 1;
        return CR_OK;
    }

    if (!inline_value) {
        if (p->next + 1 >= p->argc) {
            return cr_fail(p->cx, CR_ERR_BAD_REQUEST, "flag --%s needs a value",
                           f->name);
        }

        p->next++;
        text = p->argv[p->next];
    }

    if (f->choices != NULL && !cr_choice_has(f->choices, cr_str_z(text))) {
        return cr_fail(p->cx, CR_ERR_BAD_REQUEST,
                       "--%s \"%s\": must be one of %s", f->name, text,
                       f->choices);
    }

    slot[i] = text;
    *ret_letters = 0;
    return CR_OK;
}


/* "-abc", "-ovalue": letters until one takes the rest as its value. */
static cr_err_t
take_letters(cr_parse_t *p, const char *letters)
{
    size_t more;

    for (; *letters != '\0'; letters++) {
        CR_TRY(take_flag(p, CR_STR_NULL, *letters, letters + 1,
                         letters[1] != '\0', &more));
        if (more == 0) {
            return CR_OK;
        }
    }

    return CR_OK;
}


static cr_err_t
take_long(cr_parse_t *p, const char *text)
{
    size_t      more;
    const char *eq;
    cr_str_t    name;

    eq = strchr(text, '=');
    name = cr_str_z(text);

    if (eq != NULL) {
        name.len = (size_t) (eq - text);
    }

    return take_flag(p, name, 0, eq == NULL ? NULL : eq + 1, eq != NULL, &more);
}


/* Is the word behind this flag its value?  Decided without the command. */
static bool
flag_takes_next(const cr_parse_t *p, const char *text)
{
    size_t              i;
    const char         *end;
    cr_str_t            name;
    const cr_flag_t    *f;
    const cr_command_t *c;

    name = CR_STR_NULL;

    if (text[1] == '-') {
        if (strchr(text, '=') != NULL) {
            return false;
        }

        name = cr_str_z(text + 2);
    }

    end = text + strlen(text) - 1;
    f = find_flag(p->globals, name, name.len == 0 ? text[1] : 0, &i);

    for (c = p->commands; f == NULL && c->noun != NULL; c++) {
        f = find_flag(c->flags, name, name.len == 0 ? text[1] : 0, &i);
    }

    if (f == NULL || f->value == NULL) {
        return false;
    }

    return name.len != 0 || end == text + 1;
}


/* First pass: the words that name the command, whatever flags stand between. */
static cr_err_t
take_command(cr_parse_t *p, size_t *ret_words)
{
    int         i;
    size_t      n;
    const char *words[2];

    n = 0;

    for (i = 1; i < p->argc; i++) {
        if (strcmp(p->argv[i], "--") == 0) {
            for (i++; i < p->argc && n < 2; i++) {
                words[n++] = p->argv[i];
            }
            break;
        }

        if (p->argv[i][0] == '-' && p->argv[i][1] != '\0') {
            if (flag_takes_next(p, p->argv[i])) {
                i++;

            } else if (strcmp(p->argv[i], "--help") == 0
                       || strcmp(p->argv[i], "-h") == 0) {
                p->cli->help = true;
            }

            continue;
        }

        if (n < 2) {
            words[n++] = p->argv[i];
        }
    }

    *ret_words = 0;

    if (n == 0) {
        return CR_OK;
    }

    return find_command(p, words, n, &p->cli->command, ret_words);
}


static cr_err_t
take_arg(cr_parse_t *p, const char *text, size_t n)
{
    const char     *choices;
    const cr_arg_t *arg;

    if (p->cli->command == NULL || n >= CR_ARGS_MAX
        || p->cli->command->args[n].name == NULL)
    {
        return cr_fail(p->cx, CR_ERR_BAD_REQUEST, "unexpected argument \"%s\"",
                       text);
    }

    arg = &p->cli->command->args[n];
    choices = cr_arg_choices(p->cx, arg);

    if (choices != NULL && !cr_choice_has(choices, cr_str_z(text))) {
        return cr_fail(p->cx, CR_ERR_BAD_REQUEST,
                       "%s \"%s\": must be one of %s", arg->name, text,
                       choices);
    }

    if (text[0] == '\0') {
        return cr_fail(p->cx, CR_ERR_BAD_REQUEST, "%s is empty", arg->name);
    }

    p->cli->args[n] = text;
    return CR_OK;
}


/* What the flags that every command has mean. */
static void
apply_globals(cr_cli_t *cli, const cr_flag_t *globals)
{
    size_t      i;
    const char *v;

    for (i = 0; i < CR_FLAGS_MAX && globals[i].name != NULL; i++) {
        v = cli->globals[i];

        if (v == NULL) {
            continue;
        }

        if (strcmp(globals[i].name, "output") == 0) {
            cli->output = strcmp(v, "json") == 0   ? CR_OUTPUT_JSON
                          : strcmp(v, "name") == 0 ? CR_OUTPUT_NAME
                                                   : CR_OUTPUT_TABLE;

        } else if (strcmp(globals[i].name, "help") == 0) {
            cli->help = true;

        } else if (strcmp(globals[i].name, "version") == 0) {
            cli->version = true;
        }
    }
}


static cr_err_t
check_args(cr_parse_t *p, size_t n)
{
    const cr_arg_t *arg;

    if (p->cli->command == NULL || n >= CR_ARGS_MAX) {
        return CR_OK;
    }

    arg = &p->cli->command->args[n];

    if (arg->name != NULL && !arg->optional) {
        return cr_fail(p->cx, CR_ERR_BAD_REQUEST, "%s is missing", arg->name);
    }

    return CR_OK;
}


cr_err_t
cr_command_parse(cr_ctx_t *cx, const cr_command_t *commands,
                 const cr_flag_t *globals, int argc, const char *const *argv,
                 cr_cli_t *cli)
{
    bool        only_words;
    size_t      nargs, words, skip;
    const char *text;
    cr_parse_t  p;

    p = (cr_parse_t){ cx, commands, globals, argc, argv, 1, cli };
    only_words = false;
    nargs = 0;

    CR_TRY(take_command(&p, &words));

    skip = words;

    for (p.next = 1; p.next < argc; p.next++) {
        text = argv[p.next];

        if (!only_words && strcmp(text, "--") == 0) {
            only_words = true;

        } else if (!only_words && text[0] == '-' && text[1] == '-') {
            CR_TRY(take_long(&p, text + 2));

        } else if (!only_words && text[0] == '-' && text[1] != '\0') {
            CR_TRY(take_letters(&p, text + 1));

        } else if (skip > 0) {
            skip--;

        } else {
            CR_TRY(take_arg(&p, text, nargs));
            nargs++;
        }
    }

    apply_globals(cli, globals);

    if (cli->help || cli->version) {
        return CR_OK;
    }

    return check_args(&p, nargs);
}


const char *
cr_cli_flag(const cr_cli_t *cli, const char *name)
{
    size_t i;

    if (cli->command == NULL
        || find_flag(cli->command->flags, cr_str_z(name), 0, &i) == NULL)
    {
        return NULL;
    }

    return cli->values[i];
}


const char *
cr_cli_global(const cr_cli_t *cli, const char *name)
{
    size_t i;

    if (find_flag(cr_global_flags, cr_str_z(name), 0, &i) == NULL) {
        return NULL;
    }

    return cli->globals[i];
}


bool
cr_choice_has(const char *choices, cr_str_t text)
{
    cr_str_t rest, part;

    rest = cr_str_z(choices);

    while (cr_str_split(&rest, '|', &part)) {
        if (cr_str_eq(part, text)) {
            return true;
        }
    }

    return false;
}


const char *
cr_arg_choices(cr_ctx_t *cx, const cr_arg_t *arg)
{
    return arg->choices_of != NULL ? arg->choices_of(cx) : arg->choices;
}
