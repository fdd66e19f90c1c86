/*
 * Logfmt lines.  Values with blanks, quotes, '=' or bytes that are not
 * printable ASCII or UTF-8 stand in quotes, with \", \\, \n and \xNN.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "log.h"

/* Kept for the mark of a cut line and the line feed. */
#define LOG_TAIL 4


static void
add(cr_log_line_t *l, const char *data, size_t len)
{
    if (l->cut || len > sizeof(l->data) - LOG_TAIL - l->len) {
        l->cut = true;
        return;
    }

    memcpy(l->data + l->len, data, len);
    l->len += len;
}


static bool
is_plain(cr_str_t s)
{
    size_t        i;
    unsigned char c;

    for (i = 0; i < s.len; i++) {
        c = (unsigned char) s.data[i];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
            return false;
        }
    }

    return s.len != 0;
}


static void
add_quoted(cr_log_line_t *l, cr_str_t s)
{
    int           n;
    char          esc[8];
    size_t        i;
    unsigned char c;

    add(l, "\"", 1);

    for (i = 0; i < s.len; i++) {
        c = (unsigned char) s.data[i];

        if (c == '"' || c == '\\') {
            esc[0] = '\\';
            esc[1] = (char) c;
            add(l, esc, 2);

        } else if (c == '\n') {
            add(l, "\\n", 2);

        } else if (c < ' ' || c == 0x7f) {
            n = snprintf(esc, sizeof(esc), "\\x%02x", c);
            add(l, esc, (size_t) n);

        } else {
            add(l, s.data + i, 1);
        }
    }

    add(l, "\"", 1);
}


static void
add_time(cr_log_line_t *l, int64_t now_us)
{
    int       n;
    char      text[40];
    time_t    seconds;
    size_t    len;
    struct tm tm;

    seconds = (time_t) (now_us / 1000000);

    if (gmtime_r(&seconds, &tm) == NULL) {
        return;
    }

    add(l, "time=", 5);
    len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    add(l, text, len);
    n = snprintf(text, sizeof(text), ".%03dZ ", (int) (now_us / 1000 % 1000));
    add(l, text, (size_t) n);
}


void
cr_log_begin(cr_log_line_t *l, const cr_log_t *log, cr_log_level_e level,
             const char *z_message)
{
    static const char *const levels[] = {
        [CR_LOG_DEBUG] = "debug",
        [CR_LOG_INFO] = "info",
        [CR_LOG_WARN] = "warn",
        [CR_LOG_ERROR] = "error",
    };

    l->log = log != NULL && level >= log->level ? log : NULL;
    l->len = 0;
    l->cut = false;

    if (l->log == NULL) {
        return;
    }

    add_time(l, log->sys->now_us());
    add(l, "level=", 6);
    add(l, levels[level], strlen(levels[level]));
    add(l, " msg=", 5);
    add_quoted(l, cr_str_z(z_message));
}


void
cr_log_str(cr_log_line_t *l, const char *key, cr_str_t value)
{
    if (l->log == NULL) {
        return;
    }

    add(l, " ", 1);
    add(l, key, strlen(key));
    add(l, "=", 1);

    if (is_plain(value)) {
        add(l, value.data, value.len);

    } else {
        add_quoted(l, value);
    }
}


void
cr_log_int(cr_log_line_t *l, const char *key, int64_t value)
{
    int  n;
    char text[24];

    n = snprintf(text, sizeof(text), "%" PRId64, value);
    cr_log_str(l, key, (cr_str_t){ (size_t) n, text });
}


void
cr_log_end(cr_log_line_t *l)
{
    ssize_t n;

    if (l->log == NULL) {
        return;
    }

    if (l->cut) {
        memcpy(l->data + l->len, "...", 3);
        l->len += 3;
    }

    l->data[l->len++] = '\n';

    /* Nobody is left to tell when the log cannot be written. */
    n = write(l->log->fd, l->data, l->len);
    (void) n;
}


void
cr_log(const cr_log_t *log, cr_log_level_e level, const char *z_message)
{
    cr_log_line_t l;

    cr_log_begin(&l, log, level, z_message);
    cr_log_end(&l);
}


void
cr_log_failure(const cr_log_t *log, cr_log_level_e level, const char *z_message,
               const cr_ctx_t *cx)
{
    cr_log_line_t l;

    cr_log_begin(&l, log, level, z_message);
    cr_log_str(&l, "error", cr_str_z(cr_err_info(cx->err)->name));

    if (cx->message.len != 0) {
        cr_log_str(&l, "text", cx->message);
    }

    if (cx->detail.len != 0) {
        cr_log_str(&l, "detail", cx->detail);
    }

    cr_log_end(&l);
}


void
cr_log_debug(void *arg, const char *z_text)
{
    const cr_log_t *log;

    log = arg;
    cr_log(log, CR_LOG_DEBUG, z_text);
}
