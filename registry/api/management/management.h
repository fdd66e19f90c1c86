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
/* A {part} of the path as a positive number; NOT_FOUND else. */
cr_err_t cr_mgmt_id(cr_exchange_t *x, const char *part, int64_t *ret_id);
/* 201, and the request's path with "/ID" behind as Location. */
cr_err_t cr_mgmt_created(cr_exchange_t *x, int64_t id);
/* The same with a text behind, percent-encoded; no body either. */
cr_err_t cr_mgmt_created_text(cr_exchange_t *x, cr_str_t id);

/* --- system.c --- */

cr_err_t cr_mgmt_version(cr_exchange_t *x);
cr_err_t cr_mgmt_ping(cr_exchange_t *x);
cr_err_t cr_mgmt_health(cr_exchange_t *x);

#endif
