/*
 * auth/rbac.c: every cell of the table, written out a second time.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

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


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_all_is_for_the_system_alone),
        cmocka_unit_test(test_perms_without_role),
        cmocka_unit_test(test_actions_of_perms),
        cmocka_unit_test(test_out_of_range_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
