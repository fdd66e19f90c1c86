/*
 * Token scopes, to and from text.  No state beside the context.
 *
 * The name may hold colons (a host with a port): the type ends at the first
 * colon, the actions begin after the last.
 */

#include "auth/scope.h"

static const struct {
    unsigned bit;
    cr_str_t name;
} cr_scope_action_names[] = {
    { CR_ACTION_PULL, { 4, "pull" } },
    { CR_ACTION_PUSH, { 4, "push" } },
    { CR_ACTION_DELETE, { 6, "delete" } },
    { CR_ACTION_ALL, { 1, "*" } },
};

static cr_err_t cr_scope_bad(cr_ctx_t *cx, cr_str_t s);
static bool     cr_scope_type(cr_str_t *type);
static bool     cr_scope_word(cr_str_t s);
static bool     cr_scope_name(cr_str_t s);
static bool     cr_scope_action_list(cr_str_t s, unsigned *ret_actions);
static void     cr_scope_write(cr_buf_t *b, unsigned actions, bool json);


cr_err_t
cr_scope_parse(cr_ctx_t *cx, cr_str_t s, cr_scope_t *ret_scope)
{
    unsigned  actions;
    cr_str_t  type, name;
    ptrdiff_t first = cr_str_chr(s, ':');
    ptrdiff_t last = cr_str_rchr(s, ':');

    if (first < 0 || first == last) {
        return cr_scope_bad(cx, s);
    }

    type = cr_str_slice(s, 0, (size_t) first);
    name = cr_str_slice(s, (size_t) first + 1, (size_t) last);

    if (!cr_scope_type(&type) || !cr_scope_name(name)
        || !cr_scope_action_list(cr_str_slice(s, (size_t) last + 1, s.len),
                                 &actions))
    {
        return cr_scope_bad(cx, s);
    }

    *ret_scope = (cr_scope_t){ type, name, actions };

    return CR_OK;
}


static cr_err_t
cr_scope_bad(cr_ctx_t *cx, cr_str_t s)
{
    return cr_fail(cx, CR_ERR_BAD_REQUEST,
                   "scope \"%.*s\" is not type:name:actions", CR_STR_ARG(s));
}


/* Check, and cut the class (of old clients, for plugins) off the type. */
static bool
cr_scope_type(cr_str_t *type)
{
    ptrdiff_t open = cr_str_chr(*type, '(');

    if (open >= 0) {
        if (!cr_str_ends(*type, CR_STR(")"))
            || !cr_scope_word(
                cr_str_slice(*type, (size_t) open + 1, type->len - 1)))
        {
            return false;
        }

        *type = cr_str_slice(*type, 0, (size_t) open);
    }

    return cr_scope_word(*type);
}


static bool
cr_scope_word(cr_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
              || c == '_')) {
            return false;
        }
    }

    return s.len > 0;
}


/* Printable ASCII.  Whether it names a repository is for others to say. */
static bool
cr_scope_name(cr_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] <= 0x20 || s.data[i] >= 0x7f) {
            return false;
        }
    }

    return s.len > 0 && s.len <= CR_SCOPE_NAME_MAX;
}


static bool
cr_scope_action_list(cr_str_t s, unsigned *ret_actions)
{
    unsigned actions = 0;
    cr_str_t one;

    while (cr_str_split(&s, ',', &one)) {
        unsigned bit = cr_scope_action(one);

        if (bit == 0 && !cr_scope_word(one)) {
            return false;
        }

        actions |= bit;
    }

    *ret_actions = actions;

    return true;
}


unsigned
cr_scope_action(cr_str_t name)
{
    for (size_t i = 0; i < CR_NELTS(cr_scope_action_names); i++) {
        if (cr_str_eq(name, cr_scope_action_names[i].name)) {
            return cr_scope_action_names[i].bit;
        }
    }

    return 0;
}


cr_err_t
cr_scope_parse_list(cr_ctx_t *cx, cr_str_t s, cr_scope_t *list, size_t max,
                    size_t *n)
{
    size_t   count = *n;
    cr_str_t one;

    while (cr_str_split(&s, ' ', &one)) {
        if (one.len == 0) {
            continue;
        }

        if (count >= max) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST, "more than %zu scopes", max);
        }

        CR_TRY(cr_scope_parse(cx, one, &list[count]));
        count++;
    }

    *n = count;

    return CR_OK;
}


void
cr_scope_actions(cr_buf_t *b, unsigned actions)
{
    cr_scope_write(b, actions, false);
}


void
cr_scope_actions_json(cr_buf_t *b, unsigned actions)
{
    cr_buf_char(b, '[');
    cr_scope_write(b, actions, true);
    cr_buf_char(b, ']');
}


static void
cr_scope_write(cr_buf_t *b, unsigned actions, bool json)
{
    bool first = true;

    for (size_t i = 0; i < CR_NELTS(cr_scope_action_names); i++) {
        if ((actions & cr_scope_action_names[i].bit) == 0) {
            continue;
        }

        if (!first) {
            cr_buf_char(b, ',');
        }

        first = false;

        if (json) {
            cr_buf_json(b, cr_scope_action_names[i].name);

        } else {
            cr_buf_str(b, cr_scope_action_names[i].name);
        }
    }
}
