/*
 * Permissions: one table of role x permission (rbac.def), and sets of
 * permissions for robots.  Roles carry Harbor's numbers.  Constants only: any
 * thread.
 */

#ifndef CR_AUTH_RBAC_H
#define CR_AUTH_RBAC_H

#include "core/ctx.h"

typedef enum {
    CR_ROLE_NONE = 0, /* no member; public projects give a little */
    CR_ROLE_PROJECT_ADMIN = 1,
    CR_ROLE_DEVELOPER = 2,
    CR_ROLE_GUEST = 3,
    CR_ROLE_MAINTAINER = 4,
    CR_ROLE_LIMITED_GUEST = 5,
    CR_ROLE_SYSTEM = 6, /* system administrator */
    CR_ROLE_MAX
} cr_role_e;

/*
 * What a route asks for: the permission column of the route table.  Rights in
 * a project are CR_PERM_<RESOURCE>_<ACTION>, rights of the whole registry
 * CR_PERM_SYSTEM_<RESOURCE>_<ACTION>.
 */
typedef enum {
    CR_PERM_OPEN = 0,       /* nothing, and who calls does not matter */
    CR_PERM_ANYONE,         /* nothing; a credential that is sent must be good;
                             * the answer is cut to what the caller may see */
    CR_PERM_PING,           /* GET /v2/: any valid credential, else 401 */
    CR_PERM_CATALOG,        /* list what the caller may see */
    CR_PERM_LOCAL_OR_ADMIN, /* metrics: loopback or administrator */
    CR_PERM_LOGIN,          /* any user or robot, by password or session */
    CR_PERM_ADMIN,          /* system administrators, never a robot */
    CR_PERM_PROJECT_FIRST,
    CR_PERM_BEFORE_PROJECT = CR_PERM_PROJECT_FIRST - 1,
#define X(name, resource, action, pa, mt, dv, gu, lg, pub, token)              \
    CR_PERM_##name,
#include "auth/rbac.def"
#undef X
    CR_PERM_PROJECT_END,
    CR_PERM_SYSTEM_FIRST = CR_PERM_PROJECT_END,
    CR_PERM_BEFORE_SYSTEM = CR_PERM_SYSTEM_FIRST - 1,
#define X(name, resource, action) CR_PERM_SYSTEM_##name,
#include "auth/rbac_system.def"
#undef X
    CR_PERM_MAX,

    /* As /v2 calls them: in the project of the route's name. */
    CR_PERM_PULL = CR_PERM_REPOSITORY_PULL,
    CR_PERM_PUSH = CR_PERM_REPOSITORY_PUSH,
    CR_PERM_DELETE = CR_PERM_REPOSITORY_DELETE
} cr_perm_e;

typedef enum {
    CR_PERM_LEVEL_NONE,    /* OPEN ... ADMIN: not in any set */
    CR_PERM_LEVEL_PROJECT,
    CR_PERM_LEVEL_SYSTEM
} cr_perm_level_e;

cr_perm_level_e cr_perm_level(cr_perm_e perm);
/* "repository", "pull"; empty for those of no level. */
cr_str_t cr_perm_resource(cr_perm_e perm);
cr_str_t cr_perm_action(cr_perm_e perm);
/* The reverse; false when there is none at that level. */
bool cr_perm_find(cr_perm_level_e level, cr_str_t resource, cr_str_t action,
                  cr_perm_e *ret_perm);

/* A set of permissions, of either level or both. */
typedef struct cr_permset_s {
    uint64_t bits[4];
} cr_permset_t;

void cr_permset_add(cr_permset_t *set, cr_perm_e perm);
bool cr_permset_has(const cr_permset_t *set, cr_perm_e perm);
/* Is all of a in b? */
bool cr_permset_within(const cr_permset_t *a, const cr_permset_t *b);

/* The action of a token scope that a permission needs; 0: none will do. */
#define CR_ACTION_PULL   0x1u
#define CR_ACTION_PUSH   0x2u
#define CR_ACTION_DELETE 0x4u
#define CR_ACTION_ALL    0x8u /* "*": registry:catalog:* */

unsigned cr_rbac_action(cr_perm_e perm);
/* May a role do this in a project (is_public: of that project)? */
bool cr_rbac_allows(cr_role_e role, bool is_public, cr_perm_e perm);
/* All actions a role has there, as a set of CR_ACTION_*. */
unsigned cr_rbac_actions(cr_role_e role, bool is_public);
/* Does it put something into a repository (see project.write_mode)? */
bool cr_rbac_writes(cr_perm_e perm);
/* Harbor's name of a role ("projectAdmin"), empty for none; and back. */
cr_str_t cr_role_name(cr_role_e role);
bool     cr_role_parse(cr_str_t name, cr_role_e *ret_role);

#endif
