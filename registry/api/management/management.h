/*
 * Inside api/management/: the first steps of the endpoints below /api/, named
 * by route_api.c, and what they share.  The shape is that of Harbor's API
 * v2.0; where it differs stands in docs/deviations.md.
 */

#ifndef CR_API_MANAGEMENT_MANAGEMENT_H
#define CR_API_MANAGEMENT_MANAGEMENT_H

#include "api/management/query.h"
#include "api/management/writer.h"
#include "core/json.h"
#include "core/version.h"
#include "meta/audit.h"
#include "meta/user.h"

#define CR_MGMT_BODY_MAX ((uint64_t) 1024 * 1024)

/* --- what they share: management.c --- */

/* The body as a JSON object.  BAD_REQUEST. */
cr_err_t cr_mgmt_body(cr_exchange_t *x, json_t **ret_obj);
/* A member of it; BAD_REQUEST names the member when its type is wrong.  What
 * is missing or null leaves *ret as it is. */
cr_err_t cr_mgmt_str(cr_exchange_t *x, const json_t *obj, const char *key,
                     cr_str_t *ret_s);
cr_err_t cr_mgmt_int(cr_exchange_t *x, const json_t *obj, const char *key,
                     int64_t *ret_n);
cr_err_t cr_mgmt_bool(cr_exchange_t *x, const json_t *obj, const char *key,
                      bool *ret_b);
/* NULL when missing or null. */
cr_err_t cr_mgmt_object(cr_exchange_t *x, const json_t *obj, const char *key,
                        json_t **ret_o);
cr_err_t cr_mgmt_array(cr_exchange_t *x, const json_t *obj, const char *key,
                       json_t **ret_a);
/* A {part} of the path as a positive number; NOT_FOUND for another number,
 * UNPROCESSABLE for what is none. */
cr_err_t cr_mgmt_id(cr_exchange_t *x, const char *part, int64_t *ret_id);
/* The same, where the route is open: who is not logged in is refused. */
cr_err_t cr_mgmt_id_open(cr_exchange_t *x, const char *part, int64_t *ret_id);
/* 201, and the request's path with "/ID" behind as Location. */
cr_err_t cr_mgmt_created(cr_exchange_t *x, int64_t id);
/* The same with a name or digest behind, which need no encoding. */
cr_err_t cr_mgmt_created_text(cr_exchange_t *x, cr_str_t id);

/* What lists may show: a token, which is for repositories, adds nothing. */
cr_visibility_t cr_mgmt_visibility(const cr_exchange_t *x);
/* The role to be shown: an administrator acts as one in every project. */
int cr_mgmt_project_role(const cr_exchange_t *x, int role);

/* --- repository.c --- */

cr_err_t cr_mgmt_repository_list_all(cr_exchange_t *x);
cr_err_t cr_mgmt_repository_list(cr_exchange_t *x);
cr_err_t cr_mgmt_repository_get(cr_exchange_t *x);
cr_err_t cr_mgmt_repository_update(cr_exchange_t *x);
cr_err_t cr_mgmt_repository_delete(cr_exchange_t *x);

/* --- artifact.c, artifact_write.c --- */

cr_err_t cr_mgmt_artifact_list(cr_exchange_t *x);
cr_err_t cr_mgmt_artifact_list_project(cr_exchange_t *x);
cr_err_t cr_mgmt_artifact_get(cr_exchange_t *x);
cr_err_t cr_mgmt_artifact_addition(cr_exchange_t *x);
cr_err_t cr_mgmt_artifact_delete(cr_exchange_t *x);
cr_err_t cr_mgmt_artifact_copy(cr_exchange_t *x);
cr_err_t cr_mgmt_tag_list(cr_exchange_t *x);
cr_err_t cr_mgmt_tag_create(cr_exchange_t *x);
cr_err_t cr_mgmt_tag_delete(cr_exchange_t *x);
cr_err_t cr_mgmt_accessory_list(cr_exchange_t *x);
cr_err_t cr_mgmt_artifact_label_add(cr_exchange_t *x);
cr_err_t cr_mgmt_artifact_label_remove(cr_exchange_t *x);

/* --- label.c --- */

cr_err_t cr_mgmt_label_list(cr_exchange_t *x);
cr_err_t cr_mgmt_label_create(cr_exchange_t *x);
cr_err_t cr_mgmt_label_get(cr_exchange_t *x);
cr_err_t cr_mgmt_label_update(cr_exchange_t *x);
cr_err_t cr_mgmt_label_delete(cr_exchange_t *x);

/* --- system.c --- */

cr_err_t cr_mgmt_version(cr_exchange_t *x);
cr_err_t cr_mgmt_ping(cr_exchange_t *x);
cr_err_t cr_mgmt_health(cr_exchange_t *x);
cr_err_t cr_mgmt_volumes(cr_exchange_t *x);
cr_err_t cr_mgmt_openapi(cr_exchange_t *x);
/* Not offered, but asked for by tools: 404, an empty list, no items. */
cr_err_t cr_mgmt_none(cr_exchange_t *x);
cr_err_t cr_mgmt_empty_list(cr_exchange_t *x);
cr_err_t cr_mgmt_cve_allowlist(cr_exchange_t *x);
/* "hub.example.com:8443" of a URL. */
cr_str_t cr_mgmt_host(cr_str_t url);

/* docs/openapi.yaml, embedded at build. */
extern const char   cr_openapi_text[];
extern const size_t cr_openapi_len;

/* --- config.c --- */

/* The release of Harbor whose API this is, for tools that look. */
#define CR_MGMT_HARBOR_VERSION "v2.15.0-nginx-registry-" CR_VERSION

cr_err_t cr_mgmt_config_get(cr_exchange_t *x);
cr_err_t cr_mgmt_config_set(cr_exchange_t *x);
cr_err_t cr_mgmt_systeminfo(cr_exchange_t *x);

/* --- project.c --- */

cr_err_t cr_mgmt_project_list(cr_exchange_t *x);
cr_err_t cr_mgmt_project_create(cr_exchange_t *x);
cr_err_t cr_mgmt_project_get(cr_exchange_t *x);
cr_err_t cr_mgmt_project_update(cr_exchange_t *x);
cr_err_t cr_mgmt_project_delete(cr_exchange_t *x);
cr_err_t cr_mgmt_project_deletable(cr_exchange_t *x);
cr_err_t cr_mgmt_project_summary(cr_exchange_t *x);
cr_err_t cr_mgmt_metadata_list(cr_exchange_t *x);
cr_err_t cr_mgmt_metadata_add(cr_exchange_t *x);
cr_err_t cr_mgmt_metadata_get(cr_exchange_t *x);
cr_err_t cr_mgmt_metadata_update(cr_exchange_t *x);
cr_err_t cr_mgmt_metadata_delete(cr_exchange_t *x);

/* --- member.c --- */

cr_err_t cr_mgmt_member_list(cr_exchange_t *x);
cr_err_t cr_mgmt_member_create(cr_exchange_t *x);
cr_err_t cr_mgmt_member_get(cr_exchange_t *x);
cr_err_t cr_mgmt_member_update(cr_exchange_t *x);
cr_err_t cr_mgmt_member_delete(cr_exchange_t *x);

/* --- user.c, refresh.c --- */

/*
 * The user of the path, for itself and for who may do `perm`; to all others
 * it looks as if they lacked the right, whether it exists or not.
 */
cr_err_t cr_mgmt_user_of_path(cr_exchange_t *x, cr_perm_e perm,
                              cr_user_t *ret_u);

cr_err_t cr_mgmt_user_list(cr_exchange_t *x);
cr_err_t cr_mgmt_user_create(cr_exchange_t *x);
cr_err_t cr_mgmt_user_current(cr_exchange_t *x);
cr_err_t cr_mgmt_user_permissions(cr_exchange_t *x);
cr_err_t cr_mgmt_user_search(cr_exchange_t *x);
cr_err_t cr_mgmt_user_get(cr_exchange_t *x);
cr_err_t cr_mgmt_user_update(cr_exchange_t *x);
cr_err_t cr_mgmt_user_delete(cr_exchange_t *x);
cr_err_t cr_mgmt_user_sysadmin(cr_exchange_t *x);
cr_err_t cr_mgmt_user_password(cr_exchange_t *x);
cr_err_t cr_mgmt_user_cli_secret(cr_exchange_t *x);
cr_err_t cr_mgmt_permission_catalogue(cr_exchange_t *x);
cr_err_t cr_mgmt_refresh_list(cr_exchange_t *x);
cr_err_t cr_mgmt_refresh_delete(cr_exchange_t *x);
cr_err_t cr_mgmt_refresh_delete_all(cr_exchange_t *x);

/* --- robot.c --- */

cr_err_t cr_mgmt_robot_list(cr_exchange_t *x);
cr_err_t cr_mgmt_robot_create(cr_exchange_t *x);
cr_err_t cr_mgmt_robot_get(cr_exchange_t *x);
cr_err_t cr_mgmt_robot_update(cr_exchange_t *x);
cr_err_t cr_mgmt_robot_refresh(cr_exchange_t *x);
cr_err_t cr_mgmt_robot_delete(cr_exchange_t *x);

/* --- audit.c --- */

cr_err_t cr_mgmt_audit_list(cr_exchange_t *x);
cr_err_t cr_mgmt_audit_list_old(cr_exchange_t *x);
cr_err_t cr_mgmt_audit_events(cr_exchange_t *x);
cr_err_t cr_mgmt_audit_project(cr_exchange_t *x);
cr_err_t cr_mgmt_audit_project_old(cr_exchange_t *x);

/* --- search.c, quota.c --- */

cr_err_t cr_mgmt_search(cr_exchange_t *x);
cr_err_t cr_mgmt_statistics(cr_exchange_t *x);
cr_err_t cr_mgmt_quota_list(cr_exchange_t *x);
cr_err_t cr_mgmt_quota_get(cr_exchange_t *x);
cr_err_t cr_mgmt_quota_set(cr_exchange_t *x);

#endif
