/*
 * Permissions: one table of role x permission (rbac.c).  Roles carry
 * Harbor's numbers.
 */

#ifndef CR_AUTH_RBAC_H
#define CR_AUTH_RBAC_H

#include "core/ctx.h"

typedef enum {
    CR_ROLE_NONE = 0, /* no member; public projects give pull */
    CR_ROLE_PROJECT_ADMIN = 1,
    CR_ROLE_DEVELOPER = 2,
    CR_ROLE_GUEST = 3,
    CR_ROLE_MAINTAINER = 4,
    CR_ROLE_LIMITED_GUEST = 5,
    CR_ROLE_SYSTEM = 6, /* system administrator */
    CR_ROLE_MAX
} cr_role_e;

/* What a route asks for: the permission column of api/route.c. */
typedef enum {
    CR_PERM_OPEN = 0, /* nothing: health, token service */
    CR_PERM_PING,     /* GET /v2/: any valid credential, else 401 */
    CR_PERM_PULL,     /* in the project of the route's name */
    CR_PERM_PUSH,
    CR_PERM_DELETE,
    CR_PERM_CATALOG,        /* list what the caller may see */
    CR_PERM_LOCAL_OR_ADMIN, /* metrics: loopback or administrator */
    CR_PERM_MAX
} cr_perm_e;

/* The action of a token scope that a permission needs; 0: none. */
#define CR_ACTION_PULL   0x1u
#define CR_ACTION_PUSH   0x2u
#define CR_ACTION_DELETE 0x4u
#define CR_ACTION_ALL    0x8u /* "*": registry:catalog:* */

unsigned cr_rbac_action(cr_perm_e perm);
/* May a role do this in a project (is_public: of that project)? */
bool cr_rbac_allows(cr_role_e role, bool is_public, cr_perm_e perm);
/* All actions a role has there, as a set of CR_ACTION_*. */
unsigned cr_rbac_actions(cr_role_e role, bool is_public);

#endif
