/* Inside api/management/: artifacts, between reading and changing them. */

#ifndef CR_API_MANAGEMENT_ARTIFACT_H
#define CR_API_MANAGEMENT_ARTIFACT_H

#include "api/management/management.h"
#include "meta/artifact.h"
#include "meta/label.h"

void cr_mgmt_tag_write(cr_writer_t *w, const cr_artifact_tag_t *t,
                       int64_t artifact_id, int64_t repository_id);
void cr_mgmt_label_write(cr_writer_t *w, const cr_label_t *l);
void cr_mgmt_accessory_write(cr_writer_t *w, const cr_artifact_t *acc,
                             const cr_artifact_t *subject);
/* A value of JSON that was pushed, as it stands there; NULL: nothing. */
cr_err_t cr_mgmt_write_value(cr_ctx_t *cx, cr_writer_t *w, const char *key,
                             const json_t *value);
/* config: of an image, parsed; NULL: not looked at. */
cr_err_t cr_mgmt_artifact_write(cr_ctx_t *cx, cr_writer_t *w,
                                const cr_artifact_t *a, const json_t *config);
/*
 * An array of the rows of a list: each in memory of its own, and cut to what
 * a page of the largest size has room for (x_brief).
 */
cr_err_t cr_mgmt_artifact_rows(cr_ctx_t *cx, const cr_artifact_t *rows,
                               size_t n, cr_str_t *ret_body);
/* "IMAGE", "CHART" ..., "UNKNOWN". */
cr_str_t cr_mgmt_artifact_type(cr_ctx_t *cx, const cr_artifact_t *a);

/* The {reference} of the path: a tag or a digest.  NOT_FOUND. */
cr_err_t cr_mgmt_artifact_reference(cr_exchange_t *x, cr_reference_t *ret_ref);
/* The artifact of the path, with: CR_ARTIFACT_*.  MANIFEST_UNKNOWN. */
cr_err_t cr_mgmt_artifact_of_path(cr_exchange_t *x, unsigned with,
                                  cr_artifact_t *ret_a);

#endif
