/*
 * api/route_api.c: every row below /api/ and /c/ is described in
 * docs/openapi.yaml, every operation there has a row, and the rows keep the
 * order that the matcher needs.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "api/machine.h"
#include "api/management/management.h"
#include "auth/rbac.h"

#define LINE_MAX_LEN 512

typedef void (*operation_pt)(const char *method, const char *path, void *arg);

/*
 * The operations of the description: paths are indented by two columns,
 * methods by four.
 */
static unsigned
operations(operation_pt fn, void *arg)
{
    char        line[LINE_MAX_LEN], path[LINE_MAX_LEN] = "", method[16];
    bool        in = false;
    size_t      n, k;
    unsigned    count = 0;
    const char *p = cr_openapi_text, *end = p + cr_openapi_len;

    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t) (end - p));

        n = nl == NULL ? (size_t) (end - p) : (size_t) (nl - p);
        assert_true(n < sizeof(line));
        memcpy(line, p, n);
        line[n] = '\0';
        p += n + 1;

        if (n > 0 && isalpha((unsigned char) line[0])) {
            in = strcmp(line, "paths:") == 0;

        } else if (in && strncmp(line, "  /", 3) == 0) {
            memcpy(path, line + 2, n - 3); /* without ":" */
            path[n - 3] = '\0';

        } else if (in && n > 5 && strncmp(line, "    ", 4) == 0
                   && isalpha((unsigned char) line[4]))
        {
            for (k = 0; k + 1 < sizeof(method) && line[4 + k] != ':'; k++) {
                method[k] = (char) toupper((unsigned char) line[4 + k]);
            }

            method[k] = '\0';
            fn(method, path, arg);
            count++;
        }
    }

    return count;
}

/* The rows that are described, one after the other; NULL behind the last. */
static const cr_route_t *
described(size_t i)
{
    if (i < cr_routes_api.n) {
        return &cr_routes_api.rows[i];
    }

    i -= cr_routes_api.n;

    for (size_t k = 0; k < cr_routes_v2.n; k++) {
        if (strncmp(cr_routes_v2.rows[k].pattern, "/c/", 3) == 0 && i-- == 0) {
            return &cr_routes_v2.rows[k];
        }
    }

    return NULL;
}

static void
described_has_row(const char *method, const char *path, void *arg)
{
    bool             *seen = arg;
    const cr_route_t *r;

    for (size_t i = 0; (r = described(i)) != NULL; i++) {
        if (strcmp(r->method, method) == 0 && strcmp(r->pattern, path) == 0) {
            seen[i] = true;
            return;
        }
    }

    fail_msg("docs/openapi.yaml has %s %s, which is no route", method, path);
}

static void
test_described(void **state)
{
    bool              seen[512] = { false };
    size_t            n;
    const cr_route_t *r;

    (void) state;

    for (n = 0; described(n) != NULL; n++) {
        assert_true(n < CR_NELTS(seen));
    }

    assert_true(n > cr_routes_api.n);
    assert_int_equal(operations(described_has_row, seen), n);

    for (size_t i = 0; i < n; i++) {
        if (!seen[i]) {
            r = described(i);
            fail_msg("%s %s is not in docs/openapi.yaml", r->method,
                     r->pattern);
        }
    }
}

static size_t
parts(const char *pattern)
{
    size_t n = 0;

    for (; *pattern != '\0'; pattern++) {
        n += *pattern == '{';
    }

    return n;
}

/* Do the patterns match a common path? */
static bool
overlap(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        if (*a == '{' || *b == '{') {
            while (*a != '\0' && *a != '/') {
                a++;
            }

            while (*b != '\0' && *b != '/') {
                b++;
            }

            continue;
        }

        if (*a != *b) {
            return false;
        }

        a++;
        b++;
    }

    return *a == *b;
}

static void
test_order(void **state)
{
    const cr_route_t *r = cr_routes_api.rows;

    (void) state;

    for (size_t i = 0; i < cr_routes_api.n; i++) {
        for (size_t k = i + 1; k < cr_routes_api.n; k++) {
            if (strcmp(r[i].method, r[k].method) == 0
                && overlap(r[i].pattern, r[k].pattern))
            {
                /* The more literal one is found first. */
                assert_true(parts(r[i].pattern) < parts(r[k].pattern));
            }
        }
    }
}

static void
test_rows(void **state)
{
    (void) state;

    for (size_t i = 0; i < cr_routes_api.n; i++) {
        const cr_route_t *r = &cr_routes_api.rows[i];
        bool              project = strstr(r->pattern, "{project") != NULL;

        assert_true(parts(r->pattern) <= CR_PATH_PARTS_MAX);
        assert_int_equal(strncmp(r->pattern, "/api/", 5), 0);

        /* A right in a project needs one, and a project its right. */
        assert_int_equal(cr_perm_level(r->perm) == CR_PERM_LEVEL_PROJECT,
                         project);

        /* Bodies are bounded, and writes never on the event loop. */
        if (r->body == CR_BODY_BUFFER) {
            assert_int_equal(r->body_max, CR_MGMT_BODY_MAX);
        }

        if (strcmp(r->method, "GET") != 0) {
            assert_int_equal(r->where, CR_STEP_DB);
            assert_int_not_equal(r->perm, CR_PERM_OPEN);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_described),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
