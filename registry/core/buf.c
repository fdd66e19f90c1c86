/*
 * A growing byte buffer in the arena.  One thread at a time.
 */

#include <stdio.h>
#include <string.h>
#include "core/buf.h"
#include "core/encode.h"

#define CR_BUF_FIRST       256

/* U+FFFD in UTF-8. */
#define CR_BUF_REPLACEMENT "\xef\xbf\xbd"

static bool cr_buf_room(cr_buf_t *b, size_t len);
static void cr_buf_json_escape(cr_buf_t *b, unsigned char c);


void
cr_buf_init(cr_buf_t *b, cr_ctx_t *cx, size_t max)
{
    *b = (cr_buf_t){ .cx = cx, .max = max, .err = CR_OK };
}


void
cr_buf_add(cr_buf_t *b, const void *data, size_t len)
{
    if (len == 0 || !cr_buf_room(b, len)) {
        return;
    }

    memcpy(b->data + b->len, data, len);
    b->len += len;
}


/* Make room for len more bytes; false (and the error set) if that fails. */
static bool
cr_buf_room(cr_buf_t *b, size_t len)
{
    char  *p;
    size_t size;

    if (b->err != CR_OK) {
        return false;
    }

    if (len <= b->size - b->len) {
        return true;
    }

    if (len > b->max - b->len) {
        b->err = cr_fail_detail(b->cx, CR_ERR_INTERNAL,
                                "output of more than %zu bytes", b->max);
        return false;
    }

    size = b->size == 0 ? CR_BUF_FIRST : b->size;

    while (size < b->len + len) {
        size = size > b->max / 2 ? b->max : size * 2;
    }

    if (size > b->max) {
        size = b->max;
    }

    p = cr_arena_alloc(b->cx->arena, size);

    if (p == NULL) {
        b->err = cr_fail(b->cx, CR_ERR_NO_MEMORY, NULL);
        return false;
    }

    if (b->len > 0) {
        memcpy(p, b->data, b->len);
    }

    b->data = p;
    b->size = size;

    return true;
}


void
cr_buf_str(cr_buf_t *b, cr_str_t s)
{
    cr_buf_add(b, s.data, s.len);
}


void
cr_buf_z(cr_buf_t *b, const char *z)
{
    cr_buf_add(b, z, strlen(z));
}


void
cr_buf_char(cr_buf_t *b, char c)
{
    cr_buf_add(b, &c, 1);
}


void
cr_buf_printf(cr_buf_t *b, const char *fmt, ...)
{
    char     small[256];
    int      n;
    va_list  ap;
    cr_str_t s;

    if (b->err != CR_OK) {
        return;
    }

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);

    if (n >= 0 && (size_t) n < sizeof(small)) {
        cr_buf_add(b, small, (size_t) n);
        return;
    }

    va_start(ap, fmt);
    s = cr_arena_vprintf(b->cx->arena, fmt, ap);
    va_end(ap);

    if (s.data == NULL) {
        b->err = cr_fail(b->cx, CR_ERR_NO_MEMORY, NULL);
        return;
    }

    cr_buf_str(b, s);
}


void
cr_buf_json(cr_buf_t *b, cr_str_t s)
{
    size_t i, start, n;

    cr_buf_char(b, '"');

    for (i = 0, start = 0; i < s.len && b->err == CR_OK; /* void */) {
        unsigned char c = (unsigned char) s.data[i];

        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }

        n = c < 0x80 ? 0 : cr_utf8_next(cr_str_slice(s, i, s.len));

        if (n > 0) {
            i += n;
            continue;
        }

        cr_buf_add(b, s.data + start, i - start);
        cr_buf_json_escape(b, c);
        start = ++i;
    }

    if (s.len > start) {
        cr_buf_add(b, s.data + start, s.len - start);
    }

    cr_buf_char(b, '"');
}


static void
cr_buf_json_escape(cr_buf_t *b, unsigned char c)
{
    switch (c) {

    case '"':
        cr_buf_z(b, "\\\"");
        return;

    case '\\':
        cr_buf_z(b, "\\\\");
        return;

    case '\n':
        cr_buf_z(b, "\\n");
        return;

    case '\r':
        cr_buf_z(b, "\\r");
        return;

    case '\t':
        cr_buf_z(b, "\\t");
        return;

    default:
        break;
    }

    if (c >= 0x80) {
        cr_buf_z(b, CR_BUF_REPLACEMENT);
        return;
    }

    cr_buf_printf(b, "\\u%04x", (unsigned) c);
}


void
cr_buf_pct(cr_buf_t *b, cr_str_t s)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.len && b->err == CR_OK; i++) {
        unsigned char c = (unsigned char) s.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
            || c == '~')
        {
            cr_buf_char(b, (char) c);

        } else {
            char esc[3] = { '%', digits[c >> 4], digits[c & 0xf] };

            cr_buf_add(b, esc, sizeof(esc));
        }
    }
}


cr_err_t
cr_buf_end(cr_buf_t *b, cr_str_t *ret_s)
{
    if (b->err != CR_OK) {
        return b->err;
    }

    *ret_s = (cr_str_t){ b->len, b->len == 0 ? "" : b->data };

    return CR_OK;
}
