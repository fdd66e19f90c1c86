/*
 * The rows of the route table outside of /api/: each endpoint is a row with
 * its permission, so no handler can forget it.
 */

#include "api/handlers.h"
#include "api/machine.h"

#define CR_TOKEN_BODY_MAX 65536

/* clang-format off */
static const cr_route_t cr_rows_v2[] = {
/*    method   pattern                              handler              action
 *    permission         flags             body              body_max  where           first step */
    { "GET",    "/v2/",                             "base",              "ping",
      CR_PERM_PING,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_base },
    { "GET",    "/v2/_catalog",                     "catalog",           "list",
      CR_PERM_CATALOG,   0,                CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_catalog },
    { "GET",    "/v2/_oci/ext/discover",            "base",              "list",
      CR_PERM_PING,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_discover },
    { "GET",    "/v2/{name}/_oci/ext/discover",     "base",              "list",
      CR_PERM_PULL,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_discover },

    { "GET",    "/v2/{name}/manifests/{reference}", "manifest",          "pull",
      CR_PERM_PULL,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_manifest_get },
    { "PUT",    "/v2/{name}/manifests/{reference}", "manifest",          "push",
      CR_PERM_PUSH,      0,                CR_BODY_BUFFER, 0, CR_STEP_DB,     cr_v2_manifest_put },
    { "DELETE", "/v2/{name}/manifests/{reference}", "manifest",          "delete",
      CR_PERM_DELETE,    CR_ROUTE_DELETES, CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_manifest_delete },

    { "POST",   "/v2/{name}/blobs/uploads/",        "blob_upload",       "push",
      CR_PERM_PUSH,      0,                CR_BODY_STREAM, 0, CR_STEP_INLINE, cr_v2_upload_post },
    { "POST",   "/v2/{name}/blobs/uploads",         "blob_upload",       "push",
      CR_PERM_PUSH,      0,                CR_BODY_STREAM, 0, CR_STEP_INLINE, cr_v2_upload_post },
    { "GET",    "/v2/{name}/blobs/uploads/{id}",    "blob_upload",       "push",
      CR_PERM_PUSH,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_upload_get },
    { "PATCH",  "/v2/{name}/blobs/uploads/{id}",    "blob_upload_chunk", "push",
      CR_PERM_PUSH,      0,                CR_BODY_STREAM, 0, CR_STEP_INLINE, cr_v2_upload_patch },
    { "PUT",    "/v2/{name}/blobs/uploads/{id}",    "blob_upload_chunk", "push",
      CR_PERM_PUSH,      0,                CR_BODY_STREAM, 0, CR_STEP_INLINE, cr_v2_upload_put },
    { "DELETE", "/v2/{name}/blobs/uploads/{id}",    "blob_upload",       "delete",
      CR_PERM_PUSH,      CR_ROUTE_DELETES, CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_upload_delete },

    { "GET",    "/v2/{name}/blobs/{digest}",        "blob",              "pull",
      CR_PERM_PULL,      CR_ROUTE_HEAD_ASKS, CR_BODY_NONE,   0, CR_STEP_INLINE, cr_v2_blob_get },
    { "DELETE", "/v2/{name}/blobs/{digest}",        "blob",              "delete",
      CR_PERM_DELETE,    CR_ROUTE_DELETES, CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_blob_delete },

    { "GET",    "/v2/{name}/tags/list",             "tags",              "list",
      CR_PERM_PULL,      0,                CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_tag_list },
    { "GET",    "/v2/{name}/referrers/{digest}",    "referrers",         "list",
      CR_PERM_PULL,      0,                CR_BODY_NONE,   0, CR_STEP_DB,     cr_v2_referrers },

    { "GET",    "/service/token",                   "token",             "token",
      CR_PERM_OPEN,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_token_get },
    { "POST",   "/service/token",                   "token",             "token",
      CR_PERM_OPEN,      0,                CR_BODY_BUFFER, CR_TOKEN_BODY_MAX,
                                                              CR_STEP_INLINE, cr_token_post },

    { "GET",    "/service/token/jwks",              "token",             "token",
      CR_PERM_OPEN,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_token_jwks },

    { "POST",   "/c/login",                         "login",             "login",
      CR_PERM_OPEN,      0,                CR_BODY_BUFFER, CR_TOKEN_BODY_MAX,
                                                              CR_STEP_INLINE, cr_session_login },
    { "GET",    "/c/log_out",                       "login",             "logout",
      CR_PERM_OPEN,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_session_logout },

    { "POST",   "/c/userExists",                    "login",             "api",
      CR_PERM_ANYONE,    CR_ROUTE_ALWAYS,  CR_BODY_BUFFER, CR_TOKEN_BODY_MAX,
                                                              CR_STEP_DB,     cr_mgmt_user_exists },

    { "GET",    "/healthz",                         "health",            "api",
      CR_PERM_OPEN,      0,                CR_BODY_NONE,   0, CR_STEP_INLINE, cr_health_live },
    { "GET",    "/readyz",                          "health",            "api",
      CR_PERM_OPEN,      0,                CR_BODY_NONE,   0, CR_STEP_DB,     cr_health_ready },
    { "GET",    "/metrics",                         "metrics",           "api",
      CR_PERM_LOCAL_OR_ADMIN, 0,           CR_BODY_NONE,   0, CR_STEP_INLINE, cr_metrics_get },
};
/* clang-format on */

const cr_route_set_t cr_routes_v2 = {
    .rows = cr_rows_v2,
    .n = CR_NELTS(cr_rows_v2),
    .api = false,
};
