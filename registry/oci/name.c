/*
 * Repository and project names: the grammar of distribution-spec "Pull" and
 * Harbor's for projects, as two small scanners.  Bytes outside the grammar
 * ('%', '\\', NUL, upper case, UTF-8) never pass.  Any thread.
 */

#include "oci/name.h"

static bool
name_is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}


/*
 * Length of the separator at s[i]: "." or "_" or "__" or any run of "-".
 * 0: none.
 */
static size_t
name_separator(cr_str_t s, size_t i)
{
    size_t n;

    switch (s.data[i]) {
    case '.':
        return 1;

    case '_':
        return i + 1 < s.len && s.data[i + 1] == '_' ? 2 : 1;

    case '-':
        for (n = 1; i + n < s.len && s.data[i + n] == '-'; n++) {
            /* void */
        }
        return n;

    default:
        return 0;
    }
}


/* [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* */
static bool
name_component_valid(cr_str_t s)
{
    size_t i = 0, n;

    for (;;) {
        if (i == s.len || !name_is_alnum(s.data[i])) {
            return false;
        }
        while (i < s.len && name_is_alnum(s.data[i])) {
            i++;
        }
        if (i == s.len) {
            return true;
        }
        n = name_separator(s, i);
        if (n == 0) {
            return false;
        }
        i += n;
    }
}


cr_err_t
cr_name_parse(cr_ctx_t *cx, cr_str_t s, cr_name_t *ret_name)
{
    cr_str_t  left = s, part;
    ptrdiff_t slash;
    size_t    n = 0;

    if (s.len == 0) {
        return cr_fail(cx, CR_ERR_NAME_INVALID, "repository name is empty");
    }
    if (s.len > CR_NAME_MAX) {
        return cr_fail(cx, CR_ERR_NAME_INVALID,
                       "repository name has %zu characters, at most %d are "
                       "allowed",
                       s.len, CR_NAME_MAX);
    }

    while (cr_str_split(&left, '/', &part)) {
        n++;
        if (!name_component_valid(part)) {
            return cr_fail(cx, CR_ERR_NAME_INVALID,
                           "part %zu of the repository name is invalid: use "
                           "lower-case letters and digits, joined by \".\", "
                           "\"_\", \"__\" or \"-\"",
                           n);
        }
    }

    slash = cr_str_chr(s, '/');
    if (slash < 0) {
        return cr_fail(cx, CR_ERR_NAME_INVALID,
                       "repository name has no project: use PROJECT/NAME, "
                       "for example library/%.*s",
                       CR_STR_ARG(s));
    }

    ret_name->full = s;
    ret_name->project = cr_str_slice(s, 0, (size_t) slash);
    ret_name->rest = cr_str_slice(s, (size_t) slash + 1, s.len);

    return CR_OK;
}


cr_err_t
cr_name_project_check(cr_ctx_t *cx, cr_str_t s)
{
    size_t i;
    bool   alnum, before = false;

    if (s.len == 0 || s.len > CR_NAME_MAX) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "a project name has 1 to %d characters", CR_NAME_MAX);
    }

    for (i = 0; i < s.len; i++) {
        alnum = name_is_alnum(s.data[i]);
        if (!alnum
            && (!before || i + 1 == s.len
                || (s.data[i] != '.' && s.data[i] != '_' && s.data[i] != '-')))
        {
            return cr_fail(cx, CR_ERR_BAD_REQUEST,
                           "project name is invalid at character %zu: use "
                           "lower-case letters and digits, joined by single "
                           "\".\", \"_\" or \"-\"",
                           i + 1);
        }
        before = alnum;
    }

    return CR_OK;
}
