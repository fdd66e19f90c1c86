/*
 * Who may do what: lookups in the table of rbac.def.  Constants only: any
 * thread.
 */

#include "auth/rbac.h"

/* Bits of cr_perm_row_t.roles: the role's number; the public column. */
#define CR_RBAC_BIT(role) (1u << (role))
#define CR_RBAC_PUBLIC    CR_RBAC_BIT(CR_ROLE_NONE)

typedef struct cr_perm_row_s {
    cr_str_t resource;
    cr_str_t action;
    unsigned roles;
    unsigned token; /* CR_ACTION_* */
} cr_perm_row_t;

/* clang-format off */

#define CR_TEXT(s) { sizeof(s) - 1, s }

/*
 * OPEN to LOGIN are not decided by a role: OPEN and ANYONE ask for nothing,
 * PING and LOGIN for a valid credential, CATALOG for nothing more, as its
 * answer is cut to what the caller may pull.  (A loopback caller of
 * LOCAL_OR_ADMIN needs no role; the authoriser lets it pass before.)
 */
#define CR_ALL_ROLES ((1u << CR_ROLE_MAX) - 1)

static const cr_perm_row_t cr_perm_rows[CR_PERM_MAX] = {
    [CR_PERM_OPEN]           = { CR_TEXT(""), CR_TEXT(""), CR_ALL_ROLES, 0 },
    [CR_PERM_ANYONE]         = { CR_TEXT(""), CR_TEXT(""), CR_ALL_ROLES, 0 },
    [CR_PERM_PING]           = { CR_TEXT(""), CR_TEXT(""), CR_ALL_ROLES, 0 },
    [CR_PERM_CATALOG]        = { CR_TEXT(""), CR_TEXT(""), CR_ALL_ROLES, 0 },
    [CR_PERM_LOCAL_OR_ADMIN] = { CR_TEXT(""), CR_TEXT(""),
                                 CR_RBAC_BIT(CR_ROLE_SYSTEM), 0 },
    [CR_PERM_LOGIN]          = { CR_TEXT(""), CR_TEXT(""), CR_ALL_ROLES, 0 },
    [CR_PERM_ADMIN]          = { CR_TEXT(""), CR_TEXT(""),
                                 CR_RBAC_BIT(CR_ROLE_SYSTEM), 0 },
#define X(name, resource, action, pa, mt, dv, gu, lg, pub, token)             \
    [CR_PERM_##name] = { CR_TEXT(resource), CR_TEXT(action),                  \
        (unsigned) (pa) << CR_ROLE_PROJECT_ADMIN                              \
        | (unsigned) (mt) << CR_ROLE_MAINTAINER                               \
        | (unsigned) (dv) << CR_ROLE_DEVELOPER                                \
        | (unsigned) (gu) << CR_ROLE_GUEST                                    \
        | (unsigned) (lg) << CR_ROLE_LIMITED_GUEST                            \
        | (unsigned) (pub) << CR_ROLE_NONE                                    \
        | CR_RBAC_BIT(CR_ROLE_SYSTEM), token },
#include "auth/rbac.def"
#undef X
#define X(name, resource, action)                                             \
    [CR_PERM_SYSTEM_##name] = { CR_TEXT(resource), CR_TEXT(action),           \
        CR_RBAC_BIT(CR_ROLE_SYSTEM), 0 },
#include "auth/rbac_system.def"
#undef X
};

static const cr_str_t cr_role_names[CR_ROLE_MAX] = {
    [CR_ROLE_PROJECT_ADMIN] = CR_TEXT("projectAdmin"),
    [CR_ROLE_DEVELOPER]     = CR_TEXT("developer"),
    [CR_ROLE_GUEST]         = CR_TEXT("guest"),
    [CR_ROLE_MAINTAINER]    = CR_TEXT("maintainer"),
    [CR_ROLE_LIMITED_GUEST] = CR_TEXT("limitedGuest"),
};

/* clang-format on */

_Static_assert(CR_PERM_MAX <= sizeof(cr_permset_t) * 8, "a set holds them all");


static bool
cr_perm_known(cr_perm_e perm)
{
    return (int) perm >= 0 && perm < CR_PERM_MAX;
}


cr_perm_level_e
cr_perm_level(cr_perm_e perm)
{
    if (!cr_perm_known(perm) || perm < CR_PERM_PROJECT_FIRST) {
        return CR_PERM_LEVEL_NONE;
    }

    return perm < CR_PERM_PROJECT_END ? CR_PERM_LEVEL_PROJECT
                                      : CR_PERM_LEVEL_SYSTEM;
}


cr_str_t
cr_perm_resource(cr_perm_e perm)
{
    return cr_perm_known(perm) ? cr_perm_rows[perm].resource : CR_STR("");
}


cr_str_t
cr_perm_action(cr_perm_e perm)
{
    return cr_perm_known(perm) ? cr_perm_rows[perm].action : CR_STR("");
}


bool
cr_perm_find(cr_perm_level_e level, cr_str_t resource, cr_str_t action,
             cr_perm_e *ret_perm)
{
    int first, end;

    if (level == CR_PERM_LEVEL_NONE) {
        return false;
    }

    first = level == CR_PERM_LEVEL_PROJECT ? (int) CR_PERM_PROJECT_FIRST
                                           : (int) CR_PERM_SYSTEM_FIRST;
    end = level == CR_PERM_LEVEL_PROJECT ? (int) CR_PERM_PROJECT_END
                                         : (int) CR_PERM_MAX;

    for (int i = first; i < end; i++) {
        if (cr_str_eq(cr_perm_rows[i].resource, resource)
            && cr_str_eq(cr_perm_rows[i].action, action))
        {
            *ret_perm = (cr_perm_e) i;
            return true;
        }
    }

    return false;
}


void
cr_permset_add(cr_permset_t *set, cr_perm_e perm)
{
    if (cr_perm_level(perm) != CR_PERM_LEVEL_NONE) {
        set->bits[perm / 64] |= UINT64_C(1) << (perm % 64);
    }
}


bool
cr_permset_has(const cr_permset_t *set, cr_perm_e perm)
{
    if (cr_perm_level(perm) == CR_PERM_LEVEL_NONE) {
        return false;
    }

    return (set->bits[perm / 64] >> (perm % 64) & 1) != 0;
}


bool
cr_permset_within(const cr_permset_t *a, const cr_permset_t *b)
{
    for (size_t i = 0; i < CR_NELTS(a->bits); i++) {
        if ((a->bits[i] & ~b->bits[i]) != 0) {
            return false;
        }
    }

    return true;
}


unsigned
cr_rbac_action(cr_perm_e perm)
{
    return cr_perm_known(perm) ? cr_perm_rows[perm].token : 0;
}


bool
cr_rbac_allows(cr_role_e role, bool is_public, cr_perm_e perm)
{
    unsigned have = 0;

    if (!cr_perm_known(perm)) {
        return false;
    }

    /* A role from a newer schema, or a damaged row, gives nothing. */

    if ((int) role > CR_ROLE_NONE && role < CR_ROLE_MAX) {
        have = CR_RBAC_BIT(role);
    }

    if (is_public || cr_perm_level(perm) == CR_PERM_LEVEL_NONE) {
        have |= CR_RBAC_PUBLIC;
    }

    return (cr_perm_rows[perm].roles & have) != 0;
}


unsigned
cr_rbac_actions(cr_role_e role, bool is_public)
{
    unsigned actions = 0;

    if (cr_rbac_allows(role, is_public, CR_PERM_PULL)) {
        actions |= CR_ACTION_PULL;
    }

    if (cr_rbac_allows(role, is_public, CR_PERM_PUSH)) {
        actions |= CR_ACTION_PUSH;
    }

    if (cr_rbac_allows(role, is_public, CR_PERM_DELETE)) {
        actions |= CR_ACTION_DELETE;
    }

    if (role == CR_ROLE_SYSTEM) {
        actions |= CR_ACTION_ALL;
    }

    return actions;
}


bool
cr_rbac_writes(cr_perm_e perm)
{
    return cr_rbac_action(perm) == CR_ACTION_PUSH;
}


cr_str_t
cr_role_name(cr_role_e role)
{
    if ((int) role <= CR_ROLE_NONE || role >= CR_ROLE_SYSTEM) {
        return CR_STR("");
    }

    return cr_role_names[role];
}


bool
cr_role_parse(cr_str_t name, cr_role_e *ret_role)
{
    for (int i = CR_ROLE_NONE + 1; i < CR_ROLE_SYSTEM; i++) {
        if (cr_str_eq(name, cr_role_names[i])) {
            *ret_role = (cr_role_e) i;
            return true;
        }
    }

    return false;
}
