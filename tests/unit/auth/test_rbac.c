/*
 * auth/rbac.c: every cell of the table, written out a second time.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "auth/rbac.h"


/* Columns: pull push delete, private then public project. */
static const struct {
    cr_role_e   role;
    const char *closed;
    const char *open;
} rows[] = {
    { CR_ROLE_NONE, "---", "p--" },
    { CR_ROLE_LIMITED_GUEST, "p--", "p--" },
    { CR_ROLE_GUEST, "p--", "p--" },
    { CR_ROLE_DEVELOPER, "pu-", "pu-" },
    { CR_ROLE_MAINTAINER, "pud", "pud" },
    { CR_ROLE_PROJECT_ADMIN, "pud", "pud" },
    { CR_ROLE_SYSTEM, "pud", "pud" },
};


static void
test_every_cell(void **state)
{
    static const cr_perm_e perms[] = { CR_PERM_PULL, CR_PERM_PUSH,
                                       CR_PERM_DELETE };
    static const unsigned  bits[] = { CR_ACTION_PULL, CR_ACTION_PUSH,
                                      CR_ACTION_DELETE };

    (void) state;
    assert_int_equal(CR_NELTS(rows), CR_ROLE_MAX);

    for (size_t r = 0; r < CR_NELTS(rows); r++) {
        for (size_t p = 0; p < CR_NELTS(perms); p++) {
            bool closed = rows[r].closed[p] != '-';
            bool open = rows[r].open[p] != '-';

            assert_int_equal(cr_rbac_allows(rows[r].role, false, perms[p]),
                             closed);
            assert_int_equal(cr_rbac_allows(rows[r].role, true, perms[p]),
                             open);
            assert_int_equal((cr_rbac_actions(rows[r].role, false) & bits[p])
                                 != 0,
                             closed);
            assert_int_equal((cr_rbac_actions(rows[r].role, true) & bits[p])
                                 != 0,
                             open);
        }
    }
}


static void
test_all_is_for_the_system_alone(void **state)
{
    (void) state;

    for (int r = 0; r < CR_ROLE_MAX; r++) {
        bool system = r == CR_ROLE_SYSTEM;

        for (int is_public = 0; is_public < 2; is_public++) {
            assert_int_equal((cr_rbac_actions((cr_role_e) r, is_public)
                              & CR_ACTION_ALL)
                                 != 0,
                             system);
            assert_int_equal(cr_rbac_allows((cr_role_e) r, is_public,
                                            CR_PERM_LOCAL_OR_ADMIN),
                             system);
        }
    }
}


static void
test_perms_without_role(void **state)
{
    (void) state;

    for (int r = 0; r < CR_ROLE_MAX; r++) {
        assert_true(cr_rbac_allows((cr_role_e) r, false, CR_PERM_OPEN));
        assert_true(cr_rbac_allows((cr_role_e) r, false, CR_PERM_PING));
        assert_true(cr_rbac_allows((cr_role_e) r, false, CR_PERM_CATALOG));
    }
}


static void
test_actions_of_perms(void **state)
{
    (void) state;

    assert_int_equal(cr_rbac_action(CR_PERM_PULL), CR_ACTION_PULL);
    assert_int_equal(cr_rbac_action(CR_PERM_PUSH), CR_ACTION_PUSH);
    assert_int_equal(cr_rbac_action(CR_PERM_DELETE), CR_ACTION_DELETE);
    assert_int_equal(cr_rbac_action(CR_PERM_OPEN), 0);
    assert_int_equal(cr_rbac_action(CR_PERM_PING), 0);
    assert_int_equal(cr_rbac_action(CR_PERM_CATALOG), 0);
    assert_int_equal(cr_rbac_action(CR_PERM_LOCAL_OR_ADMIN), 0);
}


static void
test_out_of_range_gives_nothing(void **state)
{
    (void) state;

    assert_int_equal(cr_rbac_actions(CR_ROLE_MAX, false), 0);
    assert_int_equal(cr_rbac_actions((cr_role_e) -1, false), 0);
    assert_int_equal(cr_rbac_actions((cr_role_e) 99, true), CR_ACTION_PULL);
    assert_false(cr_rbac_allows((cr_role_e) 99, true, CR_PERM_PUSH));
    assert_false(cr_rbac_allows(CR_ROLE_SYSTEM, true, CR_PERM_MAX));
    assert_false(cr_rbac_allows(CR_ROLE_SYSTEM, true, (cr_perm_e) -1));
    assert_int_equal(cr_rbac_action(CR_PERM_MAX), 0);
    assert_int_equal(cr_rbac_action((cr_perm_e) -1), 0);
}


/* clang-format off */

/*
 * The matrix as it is documented, written down apart from the code: A
 * projectAdmin, M maintainer, D developer, G guest, L limitedGuest, P anyone
 * on a public project.
 */
static const struct {
    const char *resource, *action, *who;
} documented[] = {
    { "project", "read", "AMDGLP" },
    { "project", "update", "A-----" },
    { "project", "delete", "A-----" },
    { "member", "create", "A-----" },
    { "member", "read", "AMDG--" },
    { "member", "update", "A-----" },
    { "member", "delete", "A-----" },
    { "member", "list", "AMDG--" },
    { "metadata", "create", "A-----" },
    { "metadata", "read", "AM----" },
    { "metadata", "update", "A-----" },
    { "metadata", "delete", "A-----" },
    { "configuration", "read", "AMDGL-" },
    { "configuration", "update", "A-----" },
    { "log", "list", "A-----" },
    { "label", "create", "AM----" },
    { "label", "read", "AMDG-P" },
    { "label", "update", "AM----" },
    { "label", "delete", "AM----" },
    { "label", "list", "AMDG-P" },
    { "quota", "read", "AMDGL-" },
    { "repository", "create", "AMD---" },
    { "repository", "read", "AMDGL-" },
    { "repository", "update", "AMD---" },
    { "repository", "delete", "AM----" },
    { "repository", "list", "AMDGLP" },
    { "repository", "pull", "AMDGLP" },
    { "repository", "push", "AMD---" },
    { "artifact", "create", "AMD---" },
    { "artifact", "read", "AMDGLP" },
    { "artifact", "delete", "AM----" },
    { "artifact", "list", "AMDGLP" },
    { "tag", "create", "AMD---" },
    { "tag", "delete", "AM----" },
    { "tag", "list", "AMDGLP" },
    { "artifact-label", "create", "AMD---" },
    { "artifact-label", "delete", "AMD---" },
    { "artifact-addition", "read", "AMDGLP" },
    { "accessory", "list", "AMDGLP" },
    { "tag-retention", "create", "AMD---" },
    { "tag-retention", "read", "AMD---" },
    { "tag-retention", "update", "AMD---" },
    { "tag-retention", "delete", "AMD---" },
    { "tag-retention", "list", "AMD---" },
    { "tag-retention", "operate", "AMD---" },
    { "immutable-tag", "create", "AM----" },
    { "immutable-tag", "update", "AM----" },
    { "immutable-tag", "delete", "AM----" },
    { "immutable-tag", "list", "AM----" },
    { "robot", "create", "A-----" },
    { "robot", "read", "AMDG--" },
    { "robot", "update", "A-----" },
    { "robot", "delete", "A-----" },
    { "robot", "list", "AMDG--" },
    { "notification-policy", "create", "A-----" },
    { "notification-policy", "read", "AM----" },
    { "notification-policy", "update", "A-----" },
    { "notification-policy", "delete", "A-----" },
    { "notification-policy", "list", "AM----" },
    { "scan", "create", "AM----" },
    { "scan", "read", "AMDGLP" },
    { "scan", "stop", "AM----" },
    { "sbom", "create", "AM----" },
    { "sbom", "read", "AMDGL-" },
    { "sbom", "stop", "AM----" },
    { "scanner", "create", "A-----" },
    { "scanner", "read", "AMDGLP" },
    { "preheat-policy", "create", "A-----" },
    { "preheat-policy", "read", "A-----" },
    { "preheat-policy", "update", "A-----" },
    { "preheat-policy", "delete", "A-----" },
    { "preheat-policy", "list", "A-----" },
    { "export-cve", "create", "AMD---" },
    { "export-cve", "read", "AMD---" },
    { "export-cve", "list", "AMD---" },
    { "metadata", "list", "------" },
    { "replication", "read", "AMD---" },
    { "replication", "list", "AMD---" },
};

/* clang-format on */


static void
test_the_documented_matrix(void **state)
{
    static const struct {
        cr_role_e role;
        char      letter;
    } roles[] = {
        { CR_ROLE_PROJECT_ADMIN, 'A' }, { CR_ROLE_MAINTAINER, 'M' },
        { CR_ROLE_DEVELOPER, 'D' },     { CR_ROLE_GUEST, 'G' },
        { CR_ROLE_LIMITED_GUEST, 'L' },
    };
    cr_perm_e perm;

    (void) state;

    assert_int_equal(CR_NELTS(documented),
                     CR_PERM_PROJECT_END - CR_PERM_PROJECT_FIRST);

    for (size_t i = 0; i < CR_NELTS(documented); i++) {
        bool open = strchr(documented[i].who, 'P') != NULL;

        assert_true(cr_perm_find(CR_PERM_LEVEL_PROJECT,
                                 cr_str_z(documented[i].resource),
                                 cr_str_z(documented[i].action), &perm));
        assert_int_equal(cr_rbac_allows(CR_ROLE_NONE, true, perm), open);
        assert_false(cr_rbac_allows(CR_ROLE_NONE, false, perm));
        assert_true(cr_rbac_allows(CR_ROLE_SYSTEM, false, perm));

        for (size_t r = 0; r < CR_NELTS(roles); r++) {
            bool may = strchr(documented[i].who, roles[r].letter) != NULL;

            if (cr_rbac_allows(roles[r].role, false, perm) != may) {
                fail_msg("%s:%s for %c", documented[i].resource,
                         documented[i].action, roles[r].letter);
            }
            assert_int_equal(cr_rbac_allows(roles[r].role, true, perm),
                             may || open);
        }
    }
}


/* What is of the registry is for the system administrator. */
static void
test_system_perms(void **state)
{
    (void) state;

    for (int p = CR_PERM_SYSTEM_FIRST; p < CR_PERM_MAX; p++) {
        for (int r = 0; r < CR_ROLE_MAX; r++) {
            assert_int_equal(cr_rbac_allows((cr_role_e) r, true, (cr_perm_e) p),
                             r == CR_ROLE_SYSTEM);
        }

        assert_int_equal(cr_perm_level((cr_perm_e) p), CR_PERM_LEVEL_SYSTEM);
        assert_int_equal(cr_rbac_action((cr_perm_e) p), 0);
    }
}


/* A name leads to one permission, and back. */
static void
test_names(void **state)
{
    cr_perm_e found;

    (void) state;

    for (int p = CR_PERM_PROJECT_FIRST; p < CR_PERM_MAX; p++) {
        assert_true(cr_perm_find(cr_perm_level((cr_perm_e) p),
                                 cr_perm_resource((cr_perm_e) p),
                                 cr_perm_action((cr_perm_e) p), &found));
        assert_int_equal(found, p);
    }

    assert_false(cr_perm_find(CR_PERM_LEVEL_PROJECT, CR_STR("repository"),
                              CR_STR("fly"), &found));
    assert_false(cr_perm_find(CR_PERM_LEVEL_PROJECT, CR_STR("user"),
                              CR_STR("list"), &found));
    assert_false(cr_perm_find(CR_PERM_LEVEL_NONE, CR_STR(""), CR_STR(""),
                              &found));
    assert_int_equal(cr_perm_resource(CR_PERM_MAX).len, 0);
    assert_int_equal(cr_perm_level(CR_PERM_MAX), CR_PERM_LEVEL_NONE);
}


static void
test_sets(void **state)
{
    cr_permset_t a = { { 0 } }, b = { { 0 } };

    (void) state;

    cr_permset_add(&a, CR_PERM_PULL);
    cr_permset_add(&b, CR_PERM_PULL);
    cr_permset_add(&b, CR_PERM_SYSTEM_USER_LIST);
    cr_permset_add(&b, CR_PERM_OPEN);
    assert_true(cr_permset_has(&a, CR_PERM_PULL));
    assert_false(cr_permset_has(&a, CR_PERM_PUSH));
    assert_true(cr_permset_has(&b, CR_PERM_SYSTEM_USER_LIST));
    assert_false(cr_permset_has(&b, CR_PERM_OPEN));
    assert_true(cr_permset_within(&a, &b));
    assert_false(cr_permset_within(&b, &a));
}


static void
test_roles(void **state)
{
    cr_role_e role;

    (void) state;

    for (int r = CR_ROLE_PROJECT_ADMIN; r < CR_ROLE_SYSTEM; r++) {
        assert_true(cr_role_parse(cr_role_name((cr_role_e) r), &role));
        assert_int_equal(role, r);
    }

    assert_false(cr_role_parse(CR_STR(""), &role));
    assert_false(cr_role_parse(CR_STR("Developer"), &role));
    assert_int_equal(cr_role_name(CR_ROLE_SYSTEM).len, 0);
    assert_int_equal(cr_role_name((cr_role_e) -1).len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_all_is_for_the_system_alone),
        cmocka_unit_test(test_perms_without_role),
        cmocka_unit_test(test_actions_of_perms),
        cmocka_unit_test(test_out_of_range_gives_nothing),
        cmocka_unit_test(test_the_documented_matrix),
        cmocka_unit_test(test_system_perms),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_roles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
