/* api/route_v2.c: the rows outside of /api/, and what each promises. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "api/machine.h"
#include "auth/rbac.h"

static const cr_route_t *
find(const char *method, const char *pattern)
{
    for (size_t i = 0; i < cr_routes_v2.n; i++) {
        const cr_route_t *r = &cr_routes_v2.rows[i];

        if (strcmp(r->method, method) == 0 && strcmp(r->pattern, pattern) == 0)
        {
            return r;
        }
    }

    return NULL;
}

/* Once each, in full; the label is one that the metrics have. */
static void
test_rows(void **state)
{
    const cr_route_t *rows = cr_routes_v2.rows;

    (void) state;
    assert_false(cr_routes_v2.api);

    for (size_t i = 0; i < cr_routes_v2.n; i++) {
        const cr_route_t *r = &rows[i];
        bool              label = false;

        assert_ptr_equal(find(r->method, r->pattern), r);
        assert_int_equal(r->pattern[0], '/');
        assert_non_null(r->fn);
        assert_true(r->where <= CR_STEP_BULK);

        for (unsigned k = 0; k < cr_api_handler_count(); k++) {
            label = label || strcmp(cr_api_handler_name(k), r->handler) == 0;
        }

        assert_true(label);
        assert_string_not_equal(r->action, "");
    }
}

/* What has a name is a project's, and is asked for a right there. */
static void
test_rights(void **state)
{
    (void) state;

    for (size_t i = 0; i < cr_routes_v2.n; i++) {
        const cr_route_t *r = &cr_routes_v2.rows[i];
        bool              named = strncmp(r->pattern, "/v2/{name}/", 11) == 0;
        bool              reads = strcmp(r->method, "GET") == 0
                     && strstr(r->pattern, "/uploads/") == NULL;

        assert_int_equal(cr_perm_level(r->perm) == CR_PERM_LEVEL_PROJECT,
                         named);

        if (!named) {
            continue;
        }

        if (reads) {
            assert_int_equal(r->perm, CR_PERM_PULL);

        } else if (strcmp(r->method, "DELETE") == 0
                   && strstr(r->pattern, "/uploads/") == NULL)
        {
            assert_int_equal(r->perm, CR_PERM_DELETE);

        } else {
            assert_int_equal(r->perm, CR_PERM_PUSH);
        }

        /* "delete off" ends every deletion */
        assert_int_equal(strcmp(r->method, "DELETE") == 0,
                         (r->flags & CR_ROUTE_DELETES) != 0);
    }
}

/* Nothing is open to all but what must be. */
static void
test_open(void **state)
{
    static const char *const open[] = {
        "/service/token", "/service/token/jwks",
        "/c/login",       "/c/log_out",
        "/healthz",       "/readyz",
    };
    size_t n = 0, want = 0;

    (void) state;

    for (size_t i = 0; i < cr_routes_v2.n; i++) {
        const cr_route_t *r = &cr_routes_v2.rows[i];

        n += r->perm == CR_PERM_OPEN;

        for (size_t k = 0; k < sizeof(open) / sizeof(open[0]); k++) {
            want += strcmp(r->pattern, open[k]) == 0;
        }
    }

    assert_int_equal(n, want);
    assert_int_equal(find("GET", "/metrics")->perm, CR_PERM_LOCAL_OR_ADMIN);
    assert_int_equal(find("GET", "/v2/")->perm, CR_PERM_PING);
    assert_int_equal(find("GET", "/v2/_catalog")->perm, CR_PERM_CATALOG);
}

/* Bodies are bounded or streamed; lists and writes are not the loop's. */
static void
test_bodies(void **state)
{
    (void) state;

    for (size_t i = 0; i < cr_routes_v2.n; i++) {
        const cr_route_t *r = &cr_routes_v2.rows[i];
        bool              get = strcmp(r->method, "GET") == 0;

        if (get || strcmp(r->method, "DELETE") == 0) {
            assert_int_equal(r->body, CR_BODY_NONE);

        } else {
            assert_int_not_equal(r->body, CR_BODY_NONE);
        }

        /* 0: the configuration's manifest_max */
        assert_int_equal(r->body == CR_BODY_BUFFER && r->body_max == 0,
                         r->body == CR_BODY_BUFFER
                             && strstr(r->pattern, "/manifests/") != NULL);
        assert_true(r->body_max <= 65536);

        if (strcmp(r->action, "list") == 0
            && strstr(r->pattern, "_oci/ext") == NULL) {
            assert_int_equal(r->where, CR_STEP_DB);
        }

        if (strcmp(r->method, "DELETE") == 0) {
            assert_int_equal(r->where, CR_STEP_DB);
        }
    }

    assert_int_equal(find("PUT", "/v2/{name}/manifests/{reference}")->where,
                     CR_STEP_DB);
    assert_int_equal(find("PATCH", "/v2/{name}/blobs/uploads/{id}")->body,
                     CR_BODY_STREAM);
    assert_int_equal(find("PUT", "/v2/{name}/blobs/uploads/{id}")->body,
                     CR_BODY_STREAM);
    /* health and metrics answer also when every thread waits */
    assert_int_equal(find("GET", "/metrics")->where, CR_STEP_INLINE);
    assert_int_equal(find("GET", "/healthz")->where, CR_STEP_INLINE);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
