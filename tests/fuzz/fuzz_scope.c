/*
 * Any bytes as a list of scopes.  What is accepted is made of printable
 * characters, and written again it reads the same.
 */

#include <stdlib.h>
#include "auth/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
    if (!ok) {
        abort();
    }
}


static void
accepted(cr_ctx_t *cx, const cr_scope_t *s)
{
    cr_buf_t   b;
    cr_str_t   text;
    cr_scope_t again;

    check(s->type.len > 0 && cr_str_chr(s->type, ':') < 0);
    check(s->name.len > 0 && s->name.len <= CR_SCOPE_NAME_MAX);

    for (size_t i = 0; i < s->name.len; i++) {
        check(s->name.data[i] > ' ' && s->name.data[i] < 0x7f);
    }

    if (s->actions == 0) {
        return;
    }

    cr_buf_init(&b, cx, 1 << 20);
    cr_buf_str(&b, s->type);
    cr_buf_char(&b, ':');
    cr_buf_str(&b, s->name);
    cr_buf_char(&b, ':');
    cr_scope_actions(&b, s->actions);
    check(cr_buf_end(&b, &text) == CR_OK);
    check(cr_scope_parse(cx, text, &again) == CR_OK);
    check(cr_str_eq(s->type, again.type));
    check(cr_str_eq(s->name, again.name));
    check(s->actions == again.actions);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t     n = 0;
    cr_ctx_t   cx;
    cr_scope_t list[CR_SCOPES_MAX];

    check(cr_ctx_init(&cx, 0) == CR_OK);

    if (cr_scope_parse_list(&cx, (cr_str_t){ size, (const char *) data }, list,
                            CR_SCOPES_MAX, &n)
        == CR_OK)
    {
        for (size_t i = 0; i < n; i++) {
            accepted(&cx, &list[i]);
        }

    } else {
        check(cx.err == CR_ERR_BAD_REQUEST);
        check(n == 0);
    }

    cr_ctx_done(&cx);

    return 0;
}
