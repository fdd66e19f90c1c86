/*
 * Rows to text.  Everything is built in a buffer and written at once, so a
 * failure half-way prints nothing.  Bytes that could steer a terminal become
 * '?' in tables; JSON escapes them.
 */

#include <inttypes.h>
#include <string.h>
#include "output.h"
#include "core/encode.h"
#include "meta/meta.h"


void
cr_output_init(cr_output_t *o, cr_ctx_t *cx, const cr_cli_t *cli,
               const cr_column_t *columns)
{
    memset(o, 0, sizeof(*o));
    o->cx = cx;
    o->cli = cli;
    o->columns = columns;

    while (columns[o->ncolumns].title != NULL) {
        o->ncolumns++;
    }
}


cr_err_t
cr_output_row(cr_output_t *o, const cr_cell_t *cells)
{
    size_t     room;
    cr_cell_t *more;

    if (o->nrows == o->room) {
        room = o->room == 0 ? 16 : o->room * 2;
        more = cr_alloc(o->cx, room * o->ncolumns * sizeof(cr_cell_t));

        if (more == NULL) {
            return CR_ERR_NO_MEMORY;
        }

        if (o->nrows != 0) {
            memcpy(more, o->cells, o->nrows * o->ncolumns * sizeof(cr_cell_t));
        }

        o->cells = more;
        o->room = room;
    }

    memcpy(o->cells + o->nrows * o->ncolumns, cells,
           o->ncolumns * sizeof(cr_cell_t));
    o->nrows++;
    return CR_OK;
}


void
cr_output_size(cr_buf_t *b, uint64_t size)
{
    static const char *const units[] = { "KiB", "MiB", "GiB",
                                         "TiB", "PiB", "EiB" };

    double n;
    size_t i;

    if (size < 1024) {
        cr_buf_printf(b, "%" PRIu64 " B", size);
        return;
    }

    n = (double) size / 1024;

    /* 1023.95 would print as 1024.0. */
    for (i = 0; n >= 1023.95 && i + 1 < CR_NELTS(units); i++) {
        n /= 1024;
    }

    cr_buf_printf(b, "%.1f %s", n, units[i]);
}


void
cr_output_duration(cr_buf_t *b, int64_t us)
{
    static const struct {
        int64_t     us;
        const char *unit;
    } units[] = { { CR_DAY, "d" }, { CR_HOUR, "h" }, { CR_MINUTE, "m" } };

    size_t  i;
    int64_t n;

    if (us == 0) {
        cr_buf_z(b, "0s");
        return;
    }

    if (us < CR_MINUTE && us % CR_SECOND != 0) {
        cr_buf_printf(b, "%" PRId64 ".%03" PRId64 "s", us / CR_SECOND,
                      us % CR_SECOND / 1000);
        return;
    }

    for (i = 0; i < CR_NELTS(units); i++) {
        n = us / units[i].us;

        if (n != 0) {
            cr_buf_printf(b, "%" PRId64 "%s", n, units[i].unit);
            us -= n * units[i].us;
        }
    }

    if (us >= CR_SECOND) {
        cr_buf_printf(b, "%" PRId64 "s", us / CR_SECOND);
    }
}


/* What a terminal would obey is "?": control characters, of which UTF-8 has
 * U+0080 to U+009F in two bytes. */
static void
add_plain(cr_buf_t *b, cr_str_t s)
{
    size_t        i;
    unsigned char c, next;

    for (i = 0; i < s.len; i++) {
        c = (unsigned char) s.data[i];
        next = i + 1 < s.len ? (unsigned char) s.data[i + 1] : 0;

        if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
            c = 0x7f;
            i++;
        }

        cr_buf_char(b, c < 0x20 || c == 0x7f ? '?' : (char) c);
    }
}


/* A cell as people read it; "-" for what is not there. */
static cr_err_t
cell_text(cr_output_t *o, size_t column, const cr_cell_t *cell, cr_str_t *ret_s)
{
    cr_buf_t b;

    cr_buf_init(&b, o->cx, CR_OUTPUT_MAX);

    switch (o->columns[column].type) {

    case CR_COLUMN_TEXT:
    case CR_COLUMN_JSON:
        add_plain(&b, cell->text.len == 0 ? CR_STR("-") : cell->text);
        break;

    case CR_COLUMN_INT:
        cr_buf_printf(&b, "%" PRId64, cell->n);
        break;

    case CR_COLUMN_BOOL:
    case CR_COLUMN_BOOL_TEXT:
        cr_buf_z(&b, cell->n != 0 ? "yes" : "no");
        break;

    case CR_COLUMN_TIME:
    case CR_COLUMN_END:
        cr_buf_str(&b,
                   cell->n == 0 ? CR_STR("-") : cr_time_format(o->cx, cell->n));
        break;

    case CR_COLUMN_DURATION:
        if (cell->n == 0) {
            cr_buf_char(&b, '-');

        } else {
            cr_output_duration(&b, cell->n);
        }
        break;

    case CR_COLUMN_SIZE:
        if (cell->n < 0) {
            cr_buf_char(&b, '-');

        } else {
            cr_output_size(&b, (uint64_t) cell->n);
        }
        break;
    }

    return cr_buf_end(&b, ret_s);
}


static void
add_json_value(cr_output_t *o, cr_buf_t *b, size_t column,
               const cr_cell_t *cell)
{
    switch (o->columns[column].type) {

    case CR_COLUMN_TEXT:
        cr_buf_json(b, cell->text);
        break;

    case CR_COLUMN_JSON:
        cr_buf_str(b, cell->text.len == 0 ? CR_STR("null") : cell->text);
        break;

    case CR_COLUMN_BOOL:
        cr_buf_z(b, cell->n != 0 ? "true" : "false");
        break;

    case CR_COLUMN_BOOL_TEXT:
        cr_buf_z(b, cell->n != 0 ? "\"true\"" : "\"false\"");
        break;

    case CR_COLUMN_TIME:
        if (cell->n == 0) {
            cr_buf_z(b, "null");

        } else {
            cr_buf_json(b, cr_time_format(o->cx, cell->n));
        }
        break;

    case CR_COLUMN_END:
        cr_buf_printf(b, "%" PRId64, cell->n == 0 ? -1 : cell->n / CR_SECOND);
        break;

    case CR_COLUMN_SIZE:
        if (cell->n < 0) {
            cr_buf_z(b, "null");
            break;
        }
        cr_buf_printf(b, "%" PRId64, cell->n);
        break;

    case CR_COLUMN_INT:
    case CR_COLUMN_DURATION:
        cr_buf_printf(b, "%" PRId64, cell->n);
        break;
    }
}


/* Members "a.b" that follow each other share the object "a". */
static void
add_json_object(cr_output_t *o, cr_buf_t *b, const cr_cell_t *row,
                const char *indent)
{
    size_t    i;
    cr_str_t  open, group, key;
    ptrdiff_t dot;

    open = CR_STR_NULL;
    cr_buf_char(b, '{');

    for (i = 0; i < o->ncolumns; i++) {
        key = cr_str_z(o->columns[i].json);
        dot = cr_str_chr(key, '.');
        group = dot < 0 ? CR_STR_NULL : cr_str_slice(key, 0, (size_t) dot);
        key = dot < 0 ? key : cr_str_slice(key, (size_t) dot + 1, key.len);

        if (open.len != 0 && !cr_str_eq(open, group)) {
            cr_buf_char(b, '}');
            open = CR_STR_NULL;
        }

        cr_buf_z(b, i == 0 ? "" : ",");

        if (group.len != 0 && open.len == 0) {
            cr_buf_printf(b, "\n%s  ", indent);
            cr_buf_json(b, group);
            cr_buf_z(b, ": {");
            open = group;

        } else if (group.len != 0) {
            cr_buf_char(b, ' ');
        }

        if (group.len == 0) {
            cr_buf_printf(b, "\n%s  ", indent);
        }

        cr_buf_json(b, key);
        cr_buf_z(b, ": ");
        add_json_value(o, b, i, &row[i]);
    }

    cr_buf_printf(b, "%s\n%s}", open.len != 0 ? "}" : "", indent);
}


static void
add_names(cr_output_t *o, cr_buf_t *b)
{
    size_t   i;
    cr_str_t s;

    for (i = 0; i < o->nrows; i++) {
        b->err = b->err != CR_OK
                     ? b->err
                     : cell_text(o, 0, &o->cells[i * o->ncolumns], &s);
        if (b->err == CR_OK) {
            cr_buf_str(b, s);
            cr_buf_char(b, '\n');
        }
    }
}


/* Characters, not bytes: continuation bytes take no place. */
static size_t
text_width(cr_str_t s)
{
    size_t i, n;

    for (i = 0, n = 0; i < s.len; i++) {
        n += ((unsigned char) s.data[i] & 0xc0) != 0x80;
    }

    return n;
}


static void
add_padded(cr_buf_t *b, cr_str_t s, size_t width)
{
    cr_buf_str(b, s);
    cr_buf_printf(b, "%*s", (int) (width - text_width(s)), "");
}


static cr_err_t
add_table(cr_output_t *o, cr_buf_t *b)
{
    size_t    i, j, last, width[CR_COLUMNS_MAX];
    cr_str_t *text;

    last = 0;
    text = cr_alloc(o->cx, (o->nrows + 1) * o->ncolumns * sizeof(cr_str_t));

    if (text == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    for (j = 0; j < o->ncolumns; j++) {
        text[j] = cr_str_z(o->columns[j].title);
        width[j] = text_width(text[j]);
        last = o->columns[j].hidden ? last : j;
    }

    for (i = 0; i < o->nrows * o->ncolumns; i++) {
        j = i % o->ncolumns;
        CR_TRY(cell_text(o, j, &o->cells[i], &text[o->ncolumns + i]));

        if (text_width(text[o->ncolumns + i]) > width[j]) {
            width[j] = text_width(text[o->ncolumns + i]);
        }
    }

    i = cr_cli_global(o->cli, "no-headers") != NULL ? 1 : 0;

    for (; i <= o->nrows; i++) {
        for (j = 0; j <= last; j++) {
            if (o->columns[j].hidden) {
                continue;
            }

            if (j == last) {
                cr_buf_str(b, text[i * o->ncolumns + j]);
                cr_buf_char(b, '\n');

            } else {
                add_padded(b, text[i * o->ncolumns + j], width[j] + 2);
            }
        }
    }

    return CR_OK;
}


static cr_err_t
output_write(cr_output_t *o, cr_buf_t *b)
{
    cr_str_t s;

    CR_TRY(cr_buf_end(b, &s));

    if (s.len != 0 && fwrite(s.data, 1, s.len, o->cli->out) != s.len) {
        return cr_fail(o->cx, CR_ERR_IO, "cannot write to standard output");
    }

    return CR_OK;
}


cr_err_t
cr_output_list(cr_output_t *o)
{
    size_t   i;
    cr_buf_t b;

    cr_buf_init(&b, o->cx, CR_OUTPUT_MAX);

    if (o->cli->output == CR_OUTPUT_NAME) {
        add_names(o, &b);

    } else if (o->cli->output == CR_OUTPUT_JSON) {
        cr_buf_char(&b, '[');

        for (i = 0; i < o->nrows; i++) {
            cr_buf_z(&b, i == 0 ? "\n  " : ",\n  ");
            add_json_object(o, &b, o->cells + i * o->ncolumns, "  ");
        }

        cr_buf_z(&b, o->nrows == 0 ? "]\n" : "\n]\n");

    } else {
        CR_TRY(add_table(o, &b));
    }

    return output_write(o, &b);
}


cr_err_t
cr_output_one(cr_output_t *o)
{
    size_t   j, width;
    cr_str_t s;
    cr_buf_t b;

    cr_buf_init(&b, o->cx, CR_OUTPUT_MAX);

    if (o->cli->output == CR_OUTPUT_NAME) {
        add_names(o, &b);

    } else if (o->cli->output == CR_OUTPUT_JSON) {
        add_json_object(o, &b, o->cells, "");
        cr_buf_char(&b, '\n');

    } else {
        for (j = 0, width = 0; j < o->ncolumns; j++) {
            s = cr_str_z(o->columns[j].title);
            width = !o->columns[j].hidden && s.len > width ? s.len : width;
        }

        for (j = 0; j < o->ncolumns; j++) {
            if (o->columns[j].hidden) {
                continue;
            }

            add_padded(&b, cr_str_z(o->columns[j].title), width + 2);
            CR_TRY(cell_text(o, j, &o->cells[j], &s));
            cr_buf_str(&b, s);
            cr_buf_char(&b, '\n');
        }
    }

    return output_write(o, &b);
}
