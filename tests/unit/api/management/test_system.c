/* api/management/system.c: the registry itself. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include "drive_api.h"
#include "api/management/management.h"

/* For everybody, without a credential, from the event loop. */
static void
test_open(void **state)
{
    static const struct {
        const char *path, *type, *body;
    } rows[] = {
        { "/api/version", "application/json; charset=utf-8",
          "{\"version\":\"v2.0\"}\n" },
        { "/api/v2.0/ping", "text/plain; charset=utf-8", "Pong" },
        { "/api/v2.0/openapi.yaml", "application/yaml; charset=utf-8", NULL },
    };
    cr_drive_t *d = *state;
    cr_reply_t  r;

    /* a credential is not even looked at */
    d->auth = cr_drive_basic(d, "admin", "wrong");

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        r = cr_get(d, rows[i].path);
        assert_int_equal(r.status, 200);
        assert_true(cr_str_eq_z(r.x->response.content_type, rows[i].type));
        assert_int_equal(r.steps[CR_STEP_DB] + r.steps[CR_STEP_CRYPT], 0);

        if (rows[i].body != NULL) {
            assert_true(cr_str_eq_z(r.body, rows[i].body));

        } else {
            assert_true(cr_str_eq(r.body, (cr_str_t){ cr_openapi_len,
                                                      cr_openapi_text }));
        }

        cr_reply_done(&r);
        r = cr_head(d, rows[i].path);
        assert_int_equal(r.status, 200);
        assert_true(r.x->response.content_length > 0);
        cr_reply_done(&r);
    }
}

static int64_t later;

static int64_t
clock_us(void)
{
    return cr_sys_default.now_us() + later;
}

static int
no_statvfs(int fd, struct statvfs *ret_st)
{
    (void) fd;
    (void) ret_st;
    errno = EIO;

    return -1;
}

static int
no_openat(int dirfd, const char *path, int flags, mode_t mode)
{
    (void) dirfd;
    (void) path;
    (void) flags;
    (void) mode;
    errno = EIO;

    return -1;
}

/* 200 in any case: the body tells, and never why. */
static void
test_health(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    later = 0;
    d->sys.now_us = clock_us;
    cr_api_as(d, NULL);
    cr_api_shows(d, "/health", "",
                 "{\"components\":[{\"name\":\"core\",\"status\":\"healthy\"},"
                 "{\"name\":\"database\",\"status\":\"healthy\"},"
                 "{\"name\":\"storage\",\"status\":\"healthy\"}],"
                 "\"status\":\"healthy\"}");
    later = 2000000;
    d->sys.openat = no_openat;
    r = cr_api_call(d, "GET", "/health", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, "status"), "\"unhealthy\"");
    assert_string_equal(cr_api_at(d, &r, "components.*.status"),
                        "[\"healthy\",\"healthy\",\"unhealthy\"]");
    assert_string_equal(cr_api_keys(d, &r, "components.2"),
                        "error,name,status");
    assert_null(strstr(cr_api_at(d, &r, ""), d->dir));
    cr_reply_done(&r);
}

static void
test_volumes(void **state)
{
    struct statvfs st;
    cr_drive_t    *d = *state;
    cr_reply_t     r;

    assert_int_equal(statvfs(d->dir, &st), 0);
    cr_api_shows(d, "/systeminfo/volumes", "storage.0.total",
                 cr_text(d, "%llu",
                         (unsigned long long) st.f_blocks
                             * (unsigned long long) st.f_frsize));
    r = cr_api_call(d, "GET", "/systeminfo/volumes", NULL);
    assert_string_equal(cr_api_keys(d, &r, ""), "storage");
    assert_string_equal(cr_api_keys(d, &r, "storage.0"), "free,total");
    cr_reply_done(&r);

    cr_api_as(d, "alice");
    cr_api_refused(d, "GET", "/systeminfo/volumes", NULL, 403, "FORBIDDEN", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", "/systeminfo/volumes", NULL, 401, "UNAUTHORIZED",
                   "");

    cr_api_as(d, "admin");
    d->sys.fstatvfs = no_statvfs;
    r = cr_api_call(d, "GET", "/systeminfo/volumes", NULL);
    assert_int_equal(r.status, 500);
    assert_string_equal(cr_api_at(d, &r, "errors.0"),
                        "{\"code\":\"UNKNOWN\",\"message\":"
                        "\"input/output error\"}");
    assert_true(r.x->info.log_error);
    cr_reply_done(&r);
}

/* What tools ask for and is not offered: nothing, in the form they expect. */
static void
test_not_offered(void **state)
{
    static const char *const lists[] = { "/usergroups",
                                         "/usergroups/search?groupname=a",
                                         "/scanners" };
    cr_drive_t              *d = *state;
    cr_reply_t               r;

    cr_api_as(d, "alice");

    for (size_t i = 0; i < CR_NELTS(lists); i++) {
        r = cr_api_call(d, "GET", lists[i], NULL);
        assert_int_equal(r.status, 200);
        assert_string_equal(cr_api_at(d, &r, ""), "[]");
        assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "0");
        assert_null(cr_reply_header(d, &r, "Link"));
        cr_reply_done(&r);
    }

    cr_api_shows(d, "/system/CVEAllowlist", "", "{\"items\":[]}");
    cr_api_refused(d, "GET", "/scanners?page_size=101", NULL, 422,
                   "UNPROCESSABLE_ENTITY", "page_size");
    cr_api_refused(d, "GET", "/icons/sha256:00", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "GET", "/projects/library/scanner", NULL, 404,
                   "NOT_FOUND", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", "/systeminfo/getcert", NULL, 404, "NOT_FOUND", "");
    cr_api_refused(d, "GET", "/scanners", NULL, 401, "UNAUTHORIZED", "");
    cr_api_refused(d, "GET", "/system/CVEAllowlist", NULL, 401, "UNAUTHORIZED",
                   "");
    cr_api_refused(d, "GET", "/icons/sha256:00", NULL, 401, "UNAUTHORIZED", "");
}

static void
test_host(void **state)
{
    (void) state;
    assert_true(cr_str_eq_z(cr_mgmt_host(CR_STR("https://a.example:8443")),
                            "a.example:8443"));
    assert_true(cr_str_eq_z(cr_mgmt_host(CR_STR("a.example")), "a.example"));
    assert_int_equal(cr_mgmt_host(CR_STR("")).len, 0);
}

#define ROW(test)                                                              \
    cmocka_unit_test_setup_teardown(test, cr_api_setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_open),
        ROW(test_health),
        ROW(test_volumes),
        ROW(test_not_offered),
        cmocka_unit_test(test_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
