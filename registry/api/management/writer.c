/*
 * Writing JSON.  The state is one bit: whether a comma is due before the
 * next key or value.
 */

#include "api/management/writer.h"
#include "core/encode.h"

void
cr_writer_init(cr_writer_t *w, cr_ctx_t *cx)
{
    cr_writer_init_max(w, cx, CR_WRITER_MAX);
}

void
cr_writer_init_max(cr_writer_t *w, cr_ctx_t *cx, size_t max)
{
    cr_buf_init(&w->b, cx, max);
    w->comma = false;
}

void
cr_writer_key(cr_writer_t *w, cr_str_t key)
{
    if (w->comma) {
        cr_buf_char(&w->b, ',');
    }

    cr_buf_json(&w->b, key);
    cr_buf_char(&w->b, ':');
    w->comma = false;
}

/* What stands before a value. */
static void
cr_writer_lead(cr_writer_t *w, const char *z_key)
{
    if (z_key != NULL) {
        cr_writer_key(w, cr_str_z(z_key));
        return;
    }

    if (w->comma) {
        cr_buf_char(&w->b, ',');
        w->comma = false;
    }
}

void
cr_writer_object(cr_writer_t *w, const char *z_key)
{
    cr_writer_lead(w, z_key);
    cr_buf_char(&w->b, '{');
    w->comma = false;
}

void
cr_writer_object_end(cr_writer_t *w)
{
    cr_buf_char(&w->b, '}');
    w->comma = true;
}

void
cr_writer_array(cr_writer_t *w, const char *z_key)
{
    cr_writer_lead(w, z_key);
    cr_buf_char(&w->b, '[');
    w->comma = false;
}

void
cr_writer_array_end(cr_writer_t *w)
{
    cr_buf_char(&w->b, ']');
    w->comma = true;
}

void
cr_writer_str(cr_writer_t *w, const char *z_key, cr_str_t s)
{
    cr_writer_lead(w, z_key);
    cr_buf_json(&w->b, s);
    w->comma = true;
}

void
cr_writer_str_opt(cr_writer_t *w, const char *z_key, cr_str_t s)
{
    if (s.len != 0) {
        cr_writer_str(w, z_key, s);
    }
}

void
cr_writer_z(cr_writer_t *w, const char *z_key, const char *z)
{
    cr_writer_str(w, z_key, cr_str_z(z));
}

void
cr_writer_raw(cr_writer_t *w, const char *z_key, cr_str_t json)
{
    cr_writer_lead(w, z_key);
    cr_buf_str(&w->b, json);
    w->comma = true;
}

void
cr_writer_int(cr_writer_t *w, const char *z_key, int64_t n)
{
    cr_writer_lead(w, z_key);
    cr_buf_printf(&w->b, "%lld", (long long) n);
    w->comma = true;
}

void
cr_writer_bool(cr_writer_t *w, const char *z_key, bool b)
{
    cr_writer_raw(w, z_key, b ? CR_STR("true") : CR_STR("false"));
}

void
cr_writer_null(cr_writer_t *w, const char *z_key)
{
    cr_writer_raw(w, z_key, CR_STR("null"));
}

void
cr_writer_time(cr_writer_t *w, const char *z_key, int64_t time_us)
{
    cr_writer_str(w, z_key,
                  time_us == 0 ? CR_STR("0001-01-01T00:00:00.000Z")
                               : cr_time_format(w->b.cx, time_us));
}

cr_err_t
cr_writer_end(cr_writer_t *w, cr_str_t *ret_s)
{
    cr_buf_char(&w->b, '\n');

    return cr_buf_end(&w->b, ret_s);
}
