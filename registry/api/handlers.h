/*
 * Inside api/: the first steps of all operations, named by the route table.
 */

#ifndef CR_API_HANDLERS_H
#define CR_API_HANDLERS_H

#include "api/exchange.h"

/* health.c */
cr_err_t cr_health_live(cr_exchange_t *x);
cr_err_t cr_health_ready(cr_exchange_t *x);
cr_err_t cr_metrics_get(cr_exchange_t *x);

/* token.c */
cr_err_t cr_token_get(cr_exchange_t *x);
cr_err_t cr_token_post(cr_exchange_t *x);
cr_err_t cr_token_jwks(cr_exchange_t *x);

/* session.c */
cr_err_t cr_session_login(cr_exchange_t *x);
cr_err_t cr_session_logout(cr_exchange_t *x);

/* management/user.c */
cr_err_t cr_mgmt_user_exists(cr_exchange_t *x);

/* distribution/ */
cr_err_t cr_v2_base(cr_exchange_t *x);
cr_err_t cr_v2_discover(cr_exchange_t *x);
cr_err_t cr_v2_catalog(cr_exchange_t *x);
cr_err_t cr_v2_tag_list(cr_exchange_t *x);
cr_err_t cr_v2_referrers(cr_exchange_t *x);
cr_err_t cr_v2_manifest_get(cr_exchange_t *x);
cr_err_t cr_v2_manifest_put(cr_exchange_t *x);
cr_err_t cr_v2_manifest_delete(cr_exchange_t *x);
cr_err_t cr_v2_blob_get(cr_exchange_t *x);
cr_err_t cr_v2_blob_delete(cr_exchange_t *x);
cr_err_t cr_v2_upload_post(cr_exchange_t *x);
cr_err_t cr_v2_upload_get(cr_exchange_t *x);
cr_err_t cr_v2_upload_patch(cr_exchange_t *x);
cr_err_t cr_v2_upload_put(cr_exchange_t *x);
cr_err_t cr_v2_upload_delete(cr_exchange_t *x);

#endif
