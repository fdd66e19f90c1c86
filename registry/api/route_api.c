/*
 * The rows of the route table below /api/: the management API in the shape
 * of Harbor's.  Each endpoint is a row with its permission, so no handler can
 * forget it.  A row whose path has {project} is about that project (by name
 * or id); a literal component stands before a {part} at the same place.
 */

#include "api/machine.h"
#include "api/management/management.h"

/* clang-format off */
static const cr_route_t cr_rows_api[] = {
/*    method   pattern
 *    permission         flags   body              body_max  where           first step */
    { "GET",    "/api/version",           "api", "api",
      CR_PERM_OPEN,      0,      CR_BODY_NONE,   0, CR_STEP_INLINE, cr_mgmt_version },
    { "GET",    "/api/v2.0/ping",         "api", "api",
      CR_PERM_OPEN,      0,      CR_BODY_NONE,   0, CR_STEP_INLINE, cr_mgmt_ping },
    { "GET",    "/api/v2.0/health",       "api", "api",
      CR_PERM_OPEN,      0,      CR_BODY_NONE,   0, CR_STEP_DB,     cr_mgmt_health },
};
/* clang-format on */

const cr_route_set_t cr_routes_api = {
    .rows = cr_rows_api,
    .n = CR_NELTS(cr_rows_api),
    .api = true,
};
