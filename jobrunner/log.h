/*
 * The daemon's log: one line an event to a file descriptor, in logfmt
 * (time=... level=info msg="..." key=value).  A line is built in a buffer on
 * the stack and written with one call, so threads do not mix.  Any thread.
 */

#ifndef CR_JOBRUNNER_LOG_H
#define CR_JOBRUNNER_LOG_H

#include "core/ctx.h"

/* Longer lines are cut and end with "...". */
#define CR_LOG_LINE_MAX 2048

typedef enum {
    CR_LOG_DEBUG = 0,
    CR_LOG_INFO,
    CR_LOG_WARN,
    CR_LOG_ERROR
} cr_log_level_e;

typedef struct cr_log_s {
    int             fd;
    cr_log_level_e  level; /* lines below it are dropped */
    const cr_sys_t *sys;   /* clock */
} cr_log_t;

typedef struct cr_log_line_s {
    const cr_log_t *log; /* NULL: dropped */
    size_t          len;
    bool            cut;
    char            data[CR_LOG_LINE_MAX];
} cr_log_line_t;

/* log NULL: the line is dropped. */
void cr_log_begin(cr_log_line_t *l, const cr_log_t *log, cr_log_level_e level,
                  const char *z_message);
void cr_log_str(cr_log_line_t *l, const char *key, cr_str_t value);
void cr_log_int(cr_log_line_t *l, const char *key, int64_t value);
void cr_log_end(cr_log_line_t *l);
/* A whole line without members. */
void cr_log(const cr_log_t *log, cr_log_level_e level, const char *z_message);
/* A whole line about the context's failure: error, text, detail. */
void cr_log_failure(const cr_log_t *log, cr_log_level_e level,
                    const char *z_message, const cr_ctx_t *cx);
/* A cr_log_pt that writes debug lines; arg is a cr_log_t. */
void cr_log_debug(void *arg, const char *z_text);

#endif
