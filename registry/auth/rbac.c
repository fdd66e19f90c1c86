/*
 * Who may do what: the table.  Constants only: any thread.
 *
 * The rights are Harbor's: pull is repository:pull, push repository:push,
 * delete repository:delete (neither a developer nor a guest deletes).
 */

#include "auth/rbac.h"

#define CR_PULL CR_ACTION_PULL
#define CR_PUSH CR_ACTION_PUSH
#define CR_DEL  CR_ACTION_DELETE

/* clang-format off */

/* Actions of a role in its project. */
static const unsigned cr_rbac_roles[CR_ROLE_MAX] = {
    [CR_ROLE_NONE]          = 0,
    [CR_ROLE_PROJECT_ADMIN] = CR_PULL | CR_PUSH | CR_DEL,
    [CR_ROLE_DEVELOPER]     = CR_PULL | CR_PUSH,
    [CR_ROLE_GUEST]         = CR_PULL,
    [CR_ROLE_MAINTAINER]    = CR_PULL | CR_PUSH | CR_DEL,
    [CR_ROLE_LIMITED_GUEST] = CR_PULL,
    [CR_ROLE_SYSTEM]        = CR_PULL | CR_PUSH | CR_DEL | CR_ACTION_ALL,
};

/* What anyone gets on a public project, beside the own role. */
#define CR_RBAC_PUBLIC CR_PULL

/*
 * What a permission asks for.  "action" must be among the role's actions;
 * "system" is for the system administrator alone.  A row with neither is not
 * decided by a role in a project: OPEN asks for nothing, PING for a valid
 * credential, CATALOG for nothing more, as its answer is cut to what the
 * caller may pull.  (A loopback caller of LOCAL_OR_ADMIN needs no role; the
 * authoriser lets it pass before it asks here.)
 */
static const struct {
    unsigned action;
    bool     system;
} cr_rbac_perms[CR_PERM_MAX] = {
    [CR_PERM_OPEN]           = { 0,       false },
    [CR_PERM_PING]           = { 0,       false },
    [CR_PERM_PULL]           = { CR_PULL, false },
    [CR_PERM_PUSH]           = { CR_PUSH, false },
    [CR_PERM_DELETE]         = { CR_DEL,  false },
    [CR_PERM_CATALOG]        = { 0,       false },
    [CR_PERM_LOCAL_OR_ADMIN] = { 0,       true  },
};

/* clang-format on */


unsigned
cr_rbac_action(cr_perm_e perm)
{
    if ((int) perm < 0 || perm >= CR_PERM_MAX) {
        return 0;
    }

    return cr_rbac_perms[perm].action;
}


unsigned
cr_rbac_actions(cr_role_e role, bool is_public)
{
    unsigned actions = is_public ? CR_RBAC_PUBLIC : 0;

    /* A role from a newer schema, or a damaged row, gives nothing. */

    if ((int) role < 0 || role >= CR_ROLE_MAX) {
        return actions;
    }

    return actions | cr_rbac_roles[role];
}


bool
cr_rbac_allows(cr_role_e role, bool is_public, cr_perm_e perm)
{
    unsigned need;

    if ((int) perm < 0 || perm >= CR_PERM_MAX) {
        return false;
    }

    if (cr_rbac_perms[perm].system && role != CR_ROLE_SYSTEM) {
        return false;
    }

    need = cr_rbac_perms[perm].action;

    return (cr_rbac_actions(role, is_public) & need) == need;
}
