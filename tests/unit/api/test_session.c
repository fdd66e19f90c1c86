/* api/session.c: the portal's cookie. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

#define FORM   "application/x-www-form-urlencoded"
#define MINUTE (60 * INT64_C(1000000))

static int64_t later;

static int64_t
clock_us(void)
{
    return cr_sys_default.now_us() + later;
}

static int
setup(void **state)
{
    cr_drive_t *d;

    cr_api_setup(state);
    d = *state;
    later = 0;
    d->sys.now_us = clock_us;
    d->auth = NULL;

    return 0;
}

/* A refusal in Harbor's form, without a session. */
static void
refused(cr_drive_t *d, cr_reply_t r, int status, const char *code)
{
    if (r.status != status) {
        fail_msg("%d: %.*s", r.status, CR_STR_ARG(r.body));
    }

    assert_string_equal(cr_api_at(d, &r, "errors.0.code"),
                        cr_text(d, "\"%s\"", code));
    assert_null(cr_reply_header(d, &r, "Set-Cookie"));
    assert_null(cr_reply_header(d, &r, "X-Harbor-CSRF-Token"));
    cr_reply_done(&r);
}

static cr_reply_t
login(cr_drive_t *d, const char *body, const char *headers)
{
    return cr_drive(d, &(cr_call_t){ .method = "POST",
                                     .target = "/c/login",
                                     .type = FORM,
                                     .headers = headers,
                                     .body = cr_str_z(body) });
}

#define ALICE "principal=alice&password=correct%20horse"

/* The cookie that an answer sets; NULL: none. */
static const char *
cookie(cr_drive_t *d, const cr_reply_t *r)
{
    const char *set = cr_reply_header(d, r, "Set-Cookie");

    if (set == NULL) {
        return NULL;
    }

    assert_int_equal(strncmp(set, "sid=", 4), 0);

    return cr_text(d, "%.*s", (int) strcspn(set + 4, ";"), set + 4);
}

typedef struct with_s {
    const char *cookie;
    const char *csrf;
} with_t;

static with_t
alice(cr_drive_t *d)
{
    with_t     w;
    cr_reply_t r = login(d, ALICE, NULL);

    cr_expect(&r, 200, "");
    w.cookie = cookie(d, &r);
    w.csrf = cr_reply_header(d, &r, "X-Harbor-CSRF-Token");
    assert_non_null(w.cookie);
    assert_non_null(w.csrf);
    cr_reply_done(&r);

    return w;
}

static cr_reply_t
call(cr_drive_t *d, const char *method, const char *path, const char *sid,
     const char *more)
{
    return cr_drive(d, &(cr_call_t){ .method = method,
                                     .target = path,
                                     .headers =
                                         cr_text(d, "Cookie: sid=%s%s%s", sid,
                                                 more != NULL ? "\n" : "",
                                                 more != NULL ? more : "") });
}

#define ME "/api/v2.0/users/current"

static int
status(cr_drive_t *d, const char *sid)
{
    cr_reply_t r = call(d, "GET", ME, sid, NULL);
    int        got = r.status;

    cr_reply_done(&r);

    return got;
}

static void
test_login(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;

    r = login(d, ALICE, NULL);
    cr_expect(&r, 200, "");
    assert_int_equal(r.body.len, 0);
    assert_string_equal(cr_reply_header(d, &r, "Cache-Control"), "no-store");
    assert_non_null(strstr(cr_reply_header(d, &r, "Set-Cookie"),
                           "; Path=/; HttpOnly; SameSite=Lax"));
    assert_null(strstr(cr_reply_header(d, &r, "Set-Cookie"), "Secure"));
    assert_null(strstr(cr_reply_header(d, &r, "Set-Cookie"), "Max-Age"));
    assert_int_equal(status(d, cookie(d, &r)), 200);
    cr_reply_done(&r);

    d->conf.public_url = CR_STR("https://hub.example.org");
    cr_drive_restart(d);
    r = login(d, ALICE, NULL); /* the first request: it opens all */
    cr_expect(&r, 200, "");
    assert_int_equal(r.steps[CR_STEP_DB], 1);
    assert_non_null(strstr(cr_reply_header(d, &r, "Set-Cookie"), "; Secure"));
    cr_reply_done(&r);
}

static void
test_login_refused(void **state)
{
    static const struct {
        const char *body;
        int         status;
        const char *error;
    } rows[] = {
        { "", 400, "BAD_REQUEST" },
        { "password=correct%20horse", 400, "BAD_REQUEST" },
        { "principal=&password=correct%20horse", 400, "BAD_REQUEST" },
        { "principal=alice&principal=bob&password=x", 400, "BAD_REQUEST" },
        { "principal=alice&password=x&password=y", 400, "BAD_REQUEST" },
        { "principal=alice&password=%", 400, "BAD_REQUEST" },
        { "principal=alice", 401, "UNAUTHORIZED" },
        { "principal=alice&password=", 401, "UNAUTHORIZED" },
        { "principal=alice&password=correct+hors", 401, "UNAUTHORIZED" },
        { "principal=eve&password=correct+horse", 401, "UNAUTHORIZED" },
        { "principal=robot$a&password=correct+horse", 401, "UNAUTHORIZED" },
    };
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        refused(d, login(d, rows[i].body, NULL), rows[i].status, rows[i].error);
    }

    /* a page of another site cannot log its visitor in */
    refused(d, login(d, ALICE, "Origin: http://evil.example"), 403,
            "FORBIDDEN");
    refused(d, login(d, ALICE, "Sec-Fetch-Site: cross-site"), 403, "FORBIDDEN");
    refused(d,
            cr_drive(d, &(cr_call_t){ .method = "POST",
                                      .target = "/c/login",
                                      .type = "application/json",
                                      .body = CR_STR(ALICE) }),
            400, "BAD_REQUEST");
    cr_drive_sql(d, "UPDATE users SET disabled = 1 WHERE name = 'alice'");
    refused(d, login(d, ALICE, NULL), 401, "UNAUTHORIZED");
}

/* A robot's secret is right, and yet no session. */
static void
test_robot(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *secret;

    cr_api_as(d, "admin");
    r = cr_api_call(d, "POST", "/robots",
                    "{\"name\":\"ci\",\"level\":\"project\",\"duration\":1,"
                    "\"permissions\":[{\"kind\":\"project\",\"namespace\":"
                    "\"library\",\"access\":[{\"resource\":\"repository\","
                    "\"action\":\"pull\"}]}]}");
    assert_int_equal(r.status, 201);
    secret = cr_api_at(d, &r, "secret");
    cr_reply_done(&r);
    d->auth = NULL;
    r = login(d,
              cr_text(d, "principal=robot%%24library%%2Bci&password=%.*s",
                      (int) strlen(secret) - 2, secret + 1),
              NULL);
    assert_non_null(
        strstr(cr_api_at(d, &r, "errors.0.message"), "robots have no"));
    refused(d, r, 401, "UNAUTHORIZED");
}

static void
test_cookies(void **state)
{
    cr_drive_t *d = *state;
    with_t      w = alice(d);
    cr_reply_t  r;
    const struct {
        const char *headers;
        int         status;
    } rows[] = {
        { "Cookie: sid=%s", 200 },
        { "Cookie: a=b; sid=%s; c=d", 200 },
        { "Cookie: a=b;sid=%s", 200 },
        { "Cookie: a=b\ncookie: sid=%s", 200 },
        { "Cookie: xsid=%s", 401 },
        { "Cookie: sidx=%s", 401 },
        { "Cookie: SID=%s", 401 },
        { "Cookie: sid=x; sid=%s", 401 }, /* the first counts */
        { "Cookie: sid =%s", 401 },
        { "Cookie: sid=\"%s\"", 401 },
        { "Cookie: sid", 401 },
        { "Cookie: ", 401 },
        { "X-Cookie: sid=%s", 401 },
    };

    for (size_t i = 0; i < CR_NELTS(rows); i++) {
        const char *at = strstr(rows[i].headers, "%s");
        const char *text = rows[i].headers;

        if (at != NULL) {
            text = cr_text(d, "%.*s%s%s", (int) (at - text), text, w.cookie,
                           at + 2);
        }

        r = cr_drive(d, &(cr_call_t){ .target = ME, .headers = text });

        if (r.status != rows[i].status) {
            fail_msg("%s: %d", rows[i].headers, r.status);
        }

        cr_reply_done(&r);
    }

    /* one byte of it changed, and it is none */
    for (size_t i = 0; i < strlen(w.cookie); i++) {
        assert_int_equal(status(d, cr_text(d, "%.*s%c%s", (int) i, w.cookie,
                                           w.cookie[i] == 'A' ? 'B' : 'A',
                                           w.cookie + i + 1)),
                         401);
    }

    /* no page makes a browser push, pull, or ask for tokens */
    r = call(d, "GET", "/v2/", w.cookie, NULL);
    cr_expect(&r, 401, "UNAUTHORIZED");
    assert_null(cr_reply_header(d, &r, "X-Harbor-CSRF-Token"));
    cr_reply_done(&r);
    cr_expect_done(call(d, "GET", "/service/token", w.cookie, NULL), 401,
                   "UNAUTHORIZED");
    /* a password beside it wins */
    cr_api_as(d, "bob");
    r = call(d, "GET", ME, w.cookie, NULL);
    assert_string_equal(cr_api_at(d, &r, "username"), "\"bob\"");
    assert_null(cr_reply_header(d, &r, "X-Harbor-CSRF-Token"));
    cr_reply_done(&r);
}

static void
test_csrf(void **state)
{
    static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE" };
    cr_drive_t              *d = *state;
    with_t                   w = alice(d), other = alice(d);
    uint64_t                 before = cr_drive_rows(d);
    const char              *bad[4];
    cr_reply_t               r;

    bad[0] = NULL;
    bad[1] = "X-Harbor-CSRF-Token: ";
    bad[2] = cr_text(d, "X-Harbor-CSRF-Token: %s", other.csrf);
    bad[3] = cr_text(d, "X-Harbor-CSRF-Token: %.*s", (int) strlen(w.csrf) - 1,
                     w.csrf);

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        for (size_t k = 0; k < CR_NELTS(methods); k++) {
            r = call(d, methods[k],
                     k == 0 ? "/api/v2.0/projects" : "/api/v2.0/robots/1",
                     w.cookie, bad[i]);
            assert_int_equal(r.status, 403);
            assert_non_null(
                strstr(cr_api_at(d, &r, "errors.0.message"), "CSRF token"));
            cr_reply_done(&r);
        }

        /* reading needs none */
        r = call(d, "GET", ME, w.cookie, bad[i]);
        assert_int_equal(r.status, 200);
        assert_string_equal(cr_reply_header(d, &r, "X-Harbor-CSRF-Token"),
                            w.csrf);
        cr_reply_done(&r);
        r = call(d, "HEAD", ME, w.cookie, bad[i]);
        assert_int_equal(r.status, 200);
        cr_reply_done(&r);
    }

    assert_true(cr_drive_rows(d) == before);
    r = cr_drive(d,
                 &(cr_call_t){ .method = "POST",
                               .target = "/api/v2.0/projects",
                               .headers = cr_text(d,
                                                  "Cookie: sid=%s\n"
                                                  "x-harbor-csrf-token: %s",
                                                  w.cookie, w.csrf),
                               .body = CR_STR("{\"project_name\":\"own\"}") });
    assert_int_equal(r.status, 201);
    cr_reply_done(&r);
}

/* It lives while it is used, and a day at most. */
static void
test_time(void **state)
{
    cr_drive_t *d = *state;
    with_t      w = alice(d);
    cr_reply_t  r;
    const char *next;

    later = 4 * MINUTE;
    r = call(d, "GET", ME, w.cookie, NULL);
    assert_null(cookie(d, &r)); /* young enough */
    cr_reply_done(&r);
    later = 6 * MINUTE;
    r = call(d, "GET", ME, w.cookie, "X-Harbor-No-Session-Renewal: true");
    assert_null(cookie(d, &r));
    cr_reply_done(&r);
    r = call(d, "GET", ME, w.cookie, NULL);
    next = cookie(d, &r);
    assert_non_null(next);
    assert_string_equal(cr_reply_header(d, &r, "X-Harbor-CSRF-Token"),
                        w.csrf); /* open pages go on */
    cr_reply_done(&r);

    later = 61 * MINUTE;
    assert_int_equal(status(d, w.cookie), 401);
    assert_int_equal(status(d, next), 200);

    for (later = 65 * MINUTE; later < 24 * 60 * MINUTE; later += 50 * MINUTE) {
        r = call(d, "GET", ME, next, NULL);
        assert_int_equal(r.status, 200);
        next = cookie(d, &r);
        cr_reply_done(&r);
    }

    later = 24 * 60 * MINUTE + MINUTE;
    assert_int_equal(status(d, next), 401);

    /* session_timeout counts for what began before */
    later = 0;
    w = alice(d);
    cr_drive_sql(d, "INSERT INTO setting (name, value, updated_at) VALUES "
                    "('session_timeout', '2', 1)");
    later = MINUTE;
    r = call(d, "GET", ME, w.cookie, NULL);
    assert_int_equal(r.status, 200);
    assert_non_null(cookie(d, &r)); /* a quarter of it has passed */
    cr_reply_done(&r);
    later = 3 * MINUTE;
    assert_int_equal(status(d, w.cookie), 401);
}

static void
test_end(void **state)
{
    cr_drive_t *d = *state;
    with_t      w = alice(d);
    cr_reply_t  r;

    r = call(d, "GET", "/c/log_out", w.cookie, NULL);
    cr_expect(&r, 200, "");
    assert_string_equal(cookie(d, &r), "");
    assert_non_null(
        strstr(cr_reply_header(d, &r, "Set-Cookie"), "; Max-Age=0"));
    assert_string_equal(cr_reply_header(d, &r, "Cache-Control"), "no-store");
    cr_reply_done(&r);
    cr_expect_done(cr_get(d, "/c/log_out"), 200, "");
    cr_expect_done(call(d, "GET", "/c/log_out", "none", NULL), 200, "");
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM audit WHERE "
                                         "operation = 'logout' AND "
                                         "username = 'alice' AND "
                                         "actor = 'user:2'"),
                     1);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM audit WHERE "
                                         "operation = 'logout'"),
                     1);

    /* a page asks for a password itself, not by the browser's window */
    r = call(d, "GET", ME, "none", NULL);
    assert_int_equal(r.status, 401);
    assert_null(cr_reply_header(d, &r, "WWW-Authenticate"));
    assert_string_equal(cookie(d, &r), "");
    cr_reply_done(&r);
    r = cr_get(d, ME);
    assert_int_equal(r.status, 401);
    assert_non_null(cr_reply_header(d, &r, "WWW-Authenticate"));
    assert_null(cookie(d, &r));
    cr_reply_done(&r);

    /* a change of the user voids it; the refusal takes the cookie away */
    cr_drive_sql(d, "UPDATE users SET epoch = epoch + 1 WHERE id = 2");
    later = 6 * MINUTE;
    r = call(d, "GET", ME, w.cookie, NULL);
    assert_int_equal(r.status, 401);
    assert_string_equal(cookie(d, &r), "");
    assert_non_null(strstr(cr_reply_header(d, &r, "Set-Cookie"), "Max-Age=0"));
    cr_reply_done(&r);
    cr_drive_sql(d, "UPDATE users SET epoch = epoch - 1 WHERE id = 2");
    assert_int_equal(status(d, w.cookie), 200);
    cr_drive_sql(d, "UPDATE users SET disabled = 1 WHERE id = 2");
    assert_int_equal(status(d, w.cookie), 401);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_login),   ROW(test_login_refused), ROW(test_robot),
        ROW(test_cookies), ROW(test_csrf),          ROW(test_time),
        ROW(test_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
