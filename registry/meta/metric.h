/* Numbers for /metrics that outlive the programs: rows of the database. */

#ifndef CR_META_METRIC_H
#define CR_META_METRIC_H

#include "meta/meta.h"

/* What the job runner counts. */
typedef enum {
    CR_METRIC_BACKUPS,         /* scheduled backups that were made */
    CR_METRIC_BACKUPS_SKIPPED, /* for want of space */
    CR_METRIC_BACKUP_AT,       /* when the last was made, us; set */
    CR_METRIC_GC_FILES,        /* files removed */
    CR_METRIC_GC_BYTES,        /* and their bytes */
    CR_METRIC_MAX
} cr_metric_e;

/* Most kinds of periodic work that are told of. */
#define CR_METRIC_JOBS_MAX 64

typedef struct cr_metric_job_s {
    cr_str_t kind;
    int64_t  ended_at; /* of the last run, us; 0: none */
    bool     failed;
} cr_metric_job_t;

typedef struct cr_metrics_s {
    int64_t          counts[CR_METRIC_MAX];
    int64_t          jobs_due;
    int64_t          jobs_due_since; /* us; 0: none is due */
    int64_t          jobs_running;
    cr_metric_job_t *jobs; /* periodic ones, by key */
    size_t           njobs;
} cr_metrics_t;

/* [write] Not durable against power loss.  n of 0 writes nothing. */
cr_err_t cr_metric_add(cr_ctx_t *cx, cr_meta_t *m, cr_metric_e metric,
                       int64_t n);
/* [write] */
cr_err_t cr_metric_set(cr_ctx_t *cx, cr_meta_t *m, cr_metric_e metric,
                       int64_t n);
/* 0 when it was never counted. */
cr_err_t cr_metric_get(cr_ctx_t *cx, cr_meta_t *m, cr_metric_e metric,
                       int64_t *ret_n);
/* All of them; bounded. */
cr_err_t cr_metric_read(cr_ctx_t *cx, cr_meta_t *m, cr_metrics_t *ret_s);

#endif
