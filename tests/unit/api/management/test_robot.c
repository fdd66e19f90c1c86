/* api/management/robot.c: robot accounts. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "drive_api.h"

#define R "/robots"

/* The rights of an entry: pull, in that project. */
#define PULL(project)                                                          \
    "{\"kind\":\"project\",\"namespace\":\"" project "\",\"access\":[{"        \
    "\"resource\":\"repository\",\"action\":\"pull\"}]}"
#define SYSTEM                                                                 \
    "{\"kind\":\"system\",\"namespace\":\"/\",\"access\":[{"                   \
    "\"resource\":\"user\",\"action\":\"list\"}]}"
#define PROJECT(name, more)                                                    \
    "{\"name\":\"" name "\",\"level\":\"project\",\"duration\":7,"             \
    "\"permissions\":[" PULL("pay") "]" more "}"

static int64_t pay;

static int
setup(void **state)
{
    cr_drive_t *d;

    cr_api_setup(state);
    d = *state;
    pay = cr_api_project(d, "pay", 1);
    cr_api_project(d, "own", 0);

    return 0;
}

/* Make one; returns its secret. */
static const char *
make(cr_drive_t *d, const char *body)
{
    cr_reply_t  r = cr_api_call(d, "POST", R, body);
    const char *secret;

    if (r.status != 201) {
        fail_msg("%d: %.*s", r.status, CR_STR_ARG(r.body));
    }

    secret = cr_api_at(d, &r, "secret");
    secret = cr_text(d, "%.*s", (int) strlen(secret) - 2, secret + 1);
    cr_reply_done(&r);

    return secret;
}

static void
test_create(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *secret;

    r = cr_api_call(d, "POST", R,
                    PROJECT("ci", ",\"description\":\"d\",\"disable\":false"));
    assert_int_equal(r.status, 201);
    assert_string_equal(cr_reply_header(d, &r, "Location"),
                        "/api/v2.0/robots/1");
    assert_string_equal(cr_reply_header(d, &r, "Cache-Control"), "no-store");
    assert_string_equal(cr_api_keys(d, &r, ""),
                        "creation_time,expires_at,id,name,secret");
    assert_string_equal(cr_api_at(d, &r, "name"), "\"robot$pay+ci\"");
    secret = cr_api_at(d, &r, "secret");
    secret = cr_text(d, "%.*s", (int) strlen(secret) - 2, secret + 1);
    cr_reply_done(&r);
    d->auth = cr_drive_basic(d, "robot$pay+ci", secret);
    cr_expect_done(cr_get(d, "/v2/"), 200, "");
    cr_api_as(d, "admin");

    r = cr_api_call(d, "GET", R "/1", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, "level"), "\"project\"");
    assert_string_equal(cr_api_at(d, &r, "duration"), "7");
    assert_string_equal(cr_api_at(d, &r, "disable"), "false");
    assert_string_equal(cr_api_at(d, &r, "editable"), "true");
    assert_string_equal(cr_api_at(d, &r, "x_replication"), "false");
    assert_string_equal(cr_api_at(d, &r, "creator_type"), "\"local\"");
    assert_string_equal(cr_api_at(d, &r, "creator_ref"), "1");
    assert_string_equal(cr_api_at(d, &r, "permissions"),
                        "[{\"access\":[{\"action\":\"pull\",\"effect\":"
                        "\"allow\",\"resource\":\"repository\"}],"
                        "\"kind\":\"project\",\"namespace\":\"pay\"}]");
    /* a secret leaves once */
    assert_null(strstr(cr_api_at(d, &r, ""), "secret"));
    assert_null(strstr(cr_api_at(d, &r, ""), secret));
    cr_reply_done(&r);

    /* of the registry, for ever, in every project and one */
    make(d, "{\"name\":\"sys\",\"level\":\"system\",\"duration\":-1,"
            "\"permissions\":[" PULL("own") "," SYSTEM "," PULL("*") "]}");
    cr_api_shows(d, R "/2", "name", "\"robot$sys\"");
    cr_api_shows(d, R "/2", "expires_at", "-1");
    cr_api_shows(d, R "/2", "permissions.*.namespace", "[\"/\",\"*\",\"own\"]");
    cr_api_shows(d, R "/2", "permissions.*.kind",
                 "[\"system\",\"project\",\"project\"]");

    /* days of who does not say, and a secret that is given */
    assert_string_equal(
        make(d, "{\"name\":\"d\",\"level\":\"project\",\"secret\":"
                "\"Secret123\",\"permissions\":[" PULL("pay") "]}"),
        "Secret123");
    cr_api_shows(d, R "/3", "duration", "30");
    cr_api_refused(d, "POST", R, PROJECT("ci", ""), 409, "CONFLICT",
                   "robot$pay+ci");
}

static void
test_create_bad(void **state)
{
    static const struct {
        const char *body, *text;
    } bad[] = {
        { "", "" },
        { "[]", "body: object" },
        { "{}", "level: " },
        { "{\"level\":\"user\"}", "level: " },
        { "{\"level\":7}", "level: string" },
        { "{\"level\":\"project\",\"name\":\"a\"}", "permissions: " },
        { "{\"level\":\"project\",\"name\":\"a\",\"permissions\":[]}",
          "permissions: " },
        { "{\"level\":\"project\",\"name\":\"a\",\"permissions\":[" SYSTEM "]}",
          "permissions: " },
        { "{\"level\":\"project\",\"name\":\"a\",\"permissions\":[" PULL(
              "*") "]}",
          "permissions: " },
        { "{\"level\":\"system\",\"name\":\"a\"}", "permissions: none" },
        { "{\"level\":\"system\",\"name\":\"a\",\"permissions\":{}}",
          "permissions: array" },
        { "{\"level\":\"system\",\"name\":\"a\",\"permissions\":[1]}",
          "permissions: objects" },
        { "{\"level\":\"system\",\"name\":\"a\",\"permissions\":[{}]}",
          "kind: " },
        { "{\"level\":\"system\",\"name\":\"a\",\"permissions\":[{\"kind\":"
          "\"system\",\"access\":7}]}",
          "access: array" },
        { "{\"level\":\"system\",\"name\":\"a\",\"permissions\":[{\"kind\":"
          "\"system\",\"access\":[7]}]}",
          "access: objects" },
        { "{\"level\":\"system\",\"name\":\"a\",\"permissions\":[{\"kind\":"
          "\"system\",\"access\":[{\"resource\":\"repository\",\"action\":"
          "\"pull\"}]}]}",
          "no right \\\"repository:pull\\\"" },
        { "{\"level\":\"system\",\"name\":\"a\",\"permissions\":[{\"kind\":"
          "\"project\",\"namespace\":\"pay\",\"access\":[{\"resource\":"
          "\"repository\"}]}]}",
          "no right \\\"repository:\\\"" },
        { PROJECT("", ""), "name: " },
        { PROJECT("A", ""), "name: " },
        { PROJECT("a+b", ""), "name: " },
        { PROJECT("a", ",\"disable\":1"), "disable: true or false" },
        { PROJECT("a", ",\"description\":1"), "description: string" },
        { PROJECT("a", ",\"secret\":\"short\""), "secret: " },
        { PROJECT("a", ",\"secret\":\"no digits HERE\""), "secret: " },
        { PROJECT("a", ",\"x_replication\":1"), "x_replication: true" },
        { "{\"level\":\"project\",\"name\":\"a\",\"duration\":0,"
          "\"permissions\":[" PULL("pay") "]}",
          "duration" },
        { "{\"level\":\"project\",\"name\":\"a\",\"duration\":-2,"
          "\"permissions\":[" PULL("pay") "]}",
          "duration" },
        { "{\"level\":\"project\",\"name\":\"a\",\"duration\":\"1\","
          "\"permissions\":[" PULL("pay") "]}",
          "duration: integer" },
        { "{\"level\":\"project\",\"name\":\"a\",\"permissions\":[" PULL(
              "pay") "," PULL("own") "]}",
          "in that project only" },
    };
    cr_drive_t *d = *state;

    for (size_t i = 0; i < CR_NELTS(bad); i++) {
        cr_api_refused(d, "POST", R, bad[i].body, 400, "BAD_REQUEST",
                       bad[i].text);
    }

    cr_api_refused(
        d, "POST", R,
        "{\"level\":\"project\",\"name\":\"a\",\"permissions\":[" PULL(
            "none") "]}",
        404, "NOT_FOUND", "namespace: no project");
}

/* Not more entries than one can be asked to hold. */
static void
test_bound(void **state)
{
    cr_drive_t *d = *state;
    cr_buf_t    b;
    cr_str_t    body;

    cr_buf_init(&b, &d->cx, 200000);
    cr_buf_z(&b, "{\"level\":\"project\",\"name\":\"a\",\"permissions\":["
                 "{\"kind\":\"project\",\"namespace\":\"pay\",\"access\":[");

    for (int i = 0; i < 2001; i++) {
        cr_buf_printf(&b, "%s{\"resource\":\"repository\",\"action\":\"pull\"}",
                      i == 0 ? "" : ",");
    }

    cr_buf_z(&b, "]}]}");
    assert_int_equal(cr_buf_end(&b, &body), CR_OK);
    cr_api_refused(d, "POST", R, cr_text(d, "%.*s", CR_STR_ARG(body)), 400,
                   "BAD_REQUEST", "permissions: more than 2000");
}

static void
test_list(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *all = cr_text(d, R "?q=Level=project,ProjectID=%d", (int) pay);

    make(d, PROJECT("b", ""));
    make(d, PROJECT("a", ""));
    make(d, "{\"name\":\"sys\",\"level\":\"system\",\"permissions\":[" SYSTEM
            "]}");
    cr_api_shows(d, R, "*.name", "[\"robot$sys\"]");
    cr_api_shows(d, R "?q=Level=system", "*.name", "[\"robot$sys\"]");
    cr_api_shows(d, all, "*.name", "[\"robot$pay+b\",\"robot$pay+a\"]");
    cr_api_shows(d, cr_text(d, "%s&sort=name", all), "*.name",
                 "[\"robot$pay+a\",\"robot$pay+b\"]");
    cr_api_shows(d, cr_text(d, "%s,name=~a", all), "0.name",
                 "\"robot$pay+b\""); /* robot$pAy+b */
    cr_api_shows(d, cr_text(d, "%s,name=robot$pay%%252Ba", all), "*.id", "[2]");
    cr_api_shows(d, all, "*.permissions.0.namespace", "[\"pay\",\"pay\"]");
    r = cr_api_call(d, "GET", cr_text(d, "%s&page=2&page_size=1", all), NULL);
    assert_string_equal(cr_api_at(d, &r, "*.id"), "[2]");
    assert_string_equal(cr_reply_header(d, &r, "X-Total-Count"), "2");
    cr_reply_done(&r);
    cr_api_refused(d, "GET", R "?q=Level=project", NULL, 400, "BAD_REQUEST",
                   "ProjectID");
    cr_api_refused(d, "GET", R "?q=Level=project,ProjectID=x", NULL, 400,
                   "BAD_REQUEST", "ProjectID");
    cr_api_refused(d, "GET", R "?q=Level=user", NULL, 400, "BAD_REQUEST",
                   "Level");

    cr_api_as(d, "alice");
    cr_api_shows(d, all, "*.id", "[1,2]");
    cr_api_refused(d, "GET", R, NULL, 403, "FORBIDDEN", "");
    cr_api_as(d, "bob");
    cr_api_refused(d, "GET", all, NULL, 403, "FORBIDDEN", "");
    cr_api_refused(d, "GET", R "?q=Level=project,ProjectID=99", NULL, 403,
                   "FORBIDDEN", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "GET", R, NULL, 401, "UNAUTHORIZED", "");
}

static void
test_update(void **state)
{
    cr_drive_t *d = *state;
    const char *auth, *secret = make(d, PROJECT("ci", ""));

    auth = cr_drive_basic(d, "robot$pay+ci", secret);
    cr_api_done(d, "PUT", R "/1", "{\"description\":\"new\"}", 200);
    cr_api_shows(d, R "/1", "description", "\"new\"");
    cr_api_shows(d, R "/1", "permissions.0.access.0.action", "\"pull\"");
    cr_api_shows(d, R "/1", "duration", "7");
    cr_api_done(d, "PUT", R "/1",
                "{\"disable\":true,\"duration\":-1,\"permissions\":[{\"kind\":"
                "\"project\",\"namespace\":\"pay\",\"access\":[{\"resource\":"
                "\"tag\",\"action\":\"list\"}]}]}",
                200);
    cr_api_shows(d, R "/1", "disable", "true");
    cr_api_shows(d, R "/1", "expires_at", "-1");
    cr_api_shows(d, R "/1", "description", "\"new\"");
    cr_api_shows(d, R "/1", "permissions.0.access.*.resource", "[\"tag\"]");
    d->auth = auth;
    cr_expect_done(cr_get(d, "/v2/"), 401, "UNAUTHORIZED");
    cr_api_as(d, "admin");

    cr_api_refused(d, "PUT", R "/1", "{\"permissions\":[]}", 400, "BAD_REQUEST",
                   "permissions: none");
    cr_api_refused(d, "PUT", R "/1", "{\"permissions\":[" PULL("own") "]}", 400,
                   "BAD_REQUEST", "in that project only");
    cr_api_refused(d, "PUT", R "/1", "{\"permissions\":[" SYSTEM "]}", 400,
                   "BAD_REQUEST", "permissions");
    cr_api_refused(d, "PUT", R "/1", "{\"duration\":0}", 400, "BAD_REQUEST",
                   "duration");
    cr_api_refused(d, "PUT", R "/1", "{\"disable\":\"no\"}", 400, "BAD_REQUEST",
                   "disable: ");
    cr_api_refused(d, "PUT", R "/99", "{}", 404, "NOT_FOUND", "robot");

    cr_drive_sql(d, "UPDATE robot SET declared = 'nginx.conf:5'");
    cr_api_shows(d, R "/1", "editable", "false");
    cr_api_shows(d, R "/1", "x_declared", "\"nginx.conf:5\"");
    cr_api_refused(d, "PUT", R "/1", "{\"description\":\"x\"}", 409, "CONFLICT",
                   "nginx.conf:5");
    cr_api_refused(d, "PATCH", R "/1", "{}", 409, "CONFLICT", "nginx.conf:5");
    cr_api_refused(d, "DELETE", R "/1", NULL, 409, "CONFLICT", "nginx.conf:5");
}

static void
test_secret(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *old = make(d, PROJECT("ci", "")), *made;

    r = cr_api_call(d, "PATCH", R "/1", "{}");
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_reply_header(d, &r, "Cache-Control"), "no-store");
    assert_string_equal(cr_api_keys(d, &r, ""), "secret");
    made = cr_api_at(d, &r, "secret");
    made = cr_text(d, "%.*s", (int) strlen(made) - 2, made + 1);
    cr_reply_done(&r);
    assert_string_not_equal(made, old);
    d->auth = cr_drive_basic(d, "robot$pay+ci", old);
    cr_expect_done(cr_get(d, "/v2/"), 401, "UNAUTHORIZED");
    d->auth = cr_drive_basic(d, "robot$pay+ci", made);
    cr_expect_done(cr_get(d, "/v2/"), 200, "");

    /* one that is given is not told again */
    cr_api_as(d, "admin");
    r = cr_api_call(d, "PATCH", R "/1", "{\"secret\":\"Secret123\"}");
    assert_int_equal(r.status, 200);
    assert_string_equal(cr_api_at(d, &r, "secret"), "\"\"");
    cr_reply_done(&r);
    d->auth = cr_drive_basic(d, "robot$pay+ci", "Secret123");
    cr_expect_done(cr_get(d, "/v2/"), 200, "");
    cr_api_as(d, "admin");
    cr_api_refused(d, "PATCH", R "/1", "{\"secret\":\"short\"}", 400,
                   "BAD_REQUEST", "secret: ");
    cr_api_refused(d, "PATCH", R "/1", "{\"secret\":7}", 400, "BAD_REQUEST",
                   "secret: string");
    cr_api_refused(d, "PATCH", R "/99", "{}", 404, "NOT_FOUND", "robot");
}

/* Those of a project: its administrators; of the registry: its own. */
static void
test_rights(void **state)
{
    static const struct {
        const char *method, *body;
    } ways[] = {
        { "GET", NULL },
        { "PUT", "{\"description\":\"x\"}" },
        { "PATCH", "{}" },
        { "DELETE", NULL },
    };
    cr_drive_t *d = *state;

    make(d, PROJECT("ci", ""));
    make(d, "{\"name\":\"sys\",\"level\":\"system\",\"permissions\":[" SYSTEM
            "]}");

    for (size_t i = 0; i < CR_NELTS(ways); i++) {
        cr_api_as(d, "alice"); /* not the registry's, nor one that is none */
        cr_api_refused(d, ways[i].method, R "/2", ways[i].body, 403,
                       "FORBIDDEN", "forbidden");
        cr_api_refused(d, ways[i].method, R "/99", ways[i].body, 403,
                       "FORBIDDEN", "forbidden");
        cr_api_as(d, "bob");
        cr_api_refused(d, ways[i].method, R "/1", ways[i].body, 403,
                       "FORBIDDEN", "forbidden");
        cr_api_as(d, NULL);
        cr_api_refused(d, ways[i].method, R "/1", ways[i].body, 401,
                       "UNAUTHORIZED", "");
        cr_api_refused(d, ways[i].method, R "/99", ways[i].body, 401,
                       "UNAUTHORIZED", "");
    }

    /* making: in one's own project, nowhere else, whether it is there */
    cr_api_as(d, "alice");
    make(d, PROJECT("mine", ""));
    cr_api_shows(d, R "/3", "creator_ref", "2");
    cr_api_refused(
        d, "POST", R,
        "{\"level\":\"project\",\"name\":\"a\",\"permissions\":[" PULL(
            "own") "]}",
        403, "FORBIDDEN", "forbidden");
    cr_api_refused(
        d, "POST", R,
        "{\"level\":\"project\",\"name\":\"a\",\"permissions\":[" PULL(
            "none") "]}",
        403, "FORBIDDEN", "forbidden");
    cr_api_refused(
        d, "POST", R,
        "{\"level\":\"system\",\"name\":\"a\",\"permissions\":[" PULL(
            "pay") "]}",
        403, "FORBIDDEN", "forbidden");
    cr_api_done(d, "DELETE", R "/3", NULL, 200);
    cr_drive_sql(d, "UPDATE member SET role = 4 WHERE user_id = 2");
    cr_api_shows(d, R "/1", "name", "\"robot$pay+ci\"");
    cr_api_refused(d, "POST", R, PROJECT("more", ""), 403, "FORBIDDEN", "");
    cr_api_refused(d, "PATCH", R "/1", "{}", 403, "FORBIDDEN", "");
    cr_api_as(d, NULL);
    cr_api_refused(d, "POST", R, PROJECT("more", ""), 401, "UNAUTHORIZED", "");
}

/* Pushing where only replication may is an administrator's to give. */
static void
test_replication(void **state)
{
    cr_drive_t *d = *state;

    cr_api_as(d, "alice");
    cr_api_refused(d, "POST", R, PROJECT("r", ",\"x_replication\":true"), 403,
                   "FORBIDDEN", "x_replication: for administrators only");
    make(d, PROJECT("ci", ",\"x_replication\":false"));
    cr_api_refused(d, "PUT", R "/1", "{\"x_replication\":true}", 403,
                   "FORBIDDEN", "x_replication");
    cr_api_as(d, "admin");
    make(d, PROJECT("r", ",\"x_replication\":true"));
    cr_api_shows(d, R "/2", "x_replication", "true");

    /* whoever learns its secret is one */
    cr_api_as(d, "alice");
    cr_api_refused(d, "PATCH", R "/2", "{}", 403, "FORBIDDEN",
                   "a replication robot is for administrators only");
    cr_api_refused(d, "PUT", R "/2", "{\"x_replication\":false}", 403,
                   "FORBIDDEN", "x_replication");
    cr_api_done(d, "PUT", R "/2", "{\"description\":\"seen\"}", 200);
    cr_api_shows(d, R "/2", "x_replication", "true");
}

static void
test_delete(void **state)
{
    cr_drive_t *d = *state;
    const char *secret = make(d, PROJECT("ci", ""));

    cr_api_done(d, "DELETE", R "/1", NULL, 200);
    cr_api_refused(d, "DELETE", R "/1", NULL, 404, "NOT_FOUND", "robot");
    cr_api_refused(d, "GET", R "/1", NULL, 404, "NOT_FOUND", "robot");
    d->auth = cr_drive_basic(d, "robot$pay+ci", secret);
    cr_expect_done(cr_get(d, "/v2/"), 401, "UNAUTHORIZED");
    cr_api_as(d, "admin");
    make(d, PROJECT("ci", ""));
    cr_api_shows(d, R "/2", "name", "\"robot$pay+ci\"");
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, cr_api_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_create), ROW(test_create_bad),  ROW(test_bound),
        ROW(test_list),   ROW(test_update),      ROW(test_secret),
        ROW(test_rights), ROW(test_replication), ROW(test_delete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
