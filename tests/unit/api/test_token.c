/*
 * api/token.c: the token service.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "drive.h"
#include "core/encode.h"
#include "core/json.h"

static int
setup(void **state)
{
    static cr_drive_t drive;

    cr_drive_open(&drive);
    drive.auth = cr_drive_basic(&drive, "admin", CR_DRIVE_ADMIN);
    *state = &drive;

    return 0;
}

static int
teardown(void **state)
{
    cr_drive_close(*state);

    return 0;
}

#define TOKEN "/service/token"

/* "type:name:a,b type:name:a" of the claims in a token. */
static const char *
claims(cr_drive_t *d, const char *token)
{
    size_t      i, k;
    char       *text;
    json_t     *root, *one, *action;
    cr_str_t    payload;
    const char *list = "", *from = strchr(token, '.') + 1;

    assert_int_equal(cr_base64url_decode(&d->cx,
                                         (cr_str_t){ strcspn(from, "."), from },
                                         &payload),
                     CR_OK);
    root = json_loadb(payload.data, payload.len, 0, NULL);
    assert_non_null(root);

    json_array_foreach(json_object_get(root, "access"), i, one)
    {
        list = cr_text(d, "%s%s%s:%s:", list, i == 0 ? "" : " ",
                       json_string_value(json_object_get(one, "type")),
                       json_string_value(json_object_get(one, "name")));

        json_array_foreach(json_object_get(one, "actions"), k, action)
        {
            list = cr_text(d, "%s%s%s", list, k == 0 ? "" : ",",
                           json_string_value(action));
        }
    }

    text = json_dumps(json_object_get(root, "sub"), JSON_ENCODE_ANY);
    assert_non_null(text);
    list = cr_text(d, "%s %s", text, list);
    free(text);
    json_decref(root);

    return list;
}

static void
expect_token(cr_drive_t *d, cr_reply_t r, const char *want, const char *scope)
{
    json_t     *root;
    const char *token;

    cr_expect(&r, 200, "");
    assert_string_equal(cr_reply_header(d, &r, "Cache-Control"), "no-store");
    root = json_loadb(r.body.data, r.body.len, 0, NULL);
    assert_non_null(root);
    token = json_string_value(json_object_get(root, "token"));
    assert_string_equal(token, json_string_value(
                                   json_object_get(root, "access_token")));
    assert_int_equal(json_integer_value(json_object_get(root, "expires_in")),
                     1800);
    assert_int_equal(json_string_length(json_object_get(root, "issued_at")),
                     strlen("2026-01-02T03:04:05.678Z"));
    assert_null(json_object_get(root, "refresh_token"));
    assert_string_equal(claims(d, token), want);

    if (scope == NULL) {
        assert_null(json_object_get(root, "scope"));

    } else {
        assert_string_equal(json_string_value(json_object_get(root, "scope")),
                            scope);
    }

    json_decref(root);
    cr_reply_done(&r);
}

static void
test_get(void **state)
{
    cr_drive_t *d = *state;
    const char *admin = d->auth;

    /* docker login */
    expect_token(d,
                 cr_get(d, TOKEN "?account=admin&client_id=docker"
                                 "&offline_token=true"
                                 "&service=nginx-registry"),
                 "\"user:1\" ", NULL);
    expect_token(d, cr_get(d, TOKEN "?scope=repository:library/a:pull,push"),
                 "\"user:1\" repository:library/a:pull,push", NULL);
    /* repeated, in one field, the same name twice, actions not known */
    expect_token(d,
                 cr_get(d, TOKEN "?scope=repository:b/c:pull&scope="
                                 "repository:b/c:push+repository:d/e:pull,"
                                 "fly&scope=repository:f/g:fly"),
                 "\"user:1\" repository:b/c:pull,push repository:d/e:pull",
                 NULL);
    expect_token(d, cr_get(d, TOKEN "?scope=repository:new/a:*"),
                 "\"user:1\" repository:new/a:pull,push,delete", NULL);
    /* a name with a host, one component, other types: nothing of it */
    expect_token(d,
                 cr_get(d, TOKEN "?scope=repository:host:5000/a:pull"
                                 "&scope=repository:a:pull"
                                 "&scope=server:x:pull"
                                 "&scope=registry:other:*"),
                 "\"user:1\" ", NULL);
    expect_token(d, cr_get(d, TOKEN "?scope=registry:catalog:*"),
                 "\"user:1\" registry:catalog:*", NULL);

    /* anonymous: what is public, and an empty answer is no error */
    d->auth = NULL;
    expect_token(d, cr_get(d, TOKEN "?scope=repository:library/a:pull,push"),
                 "\"\" repository:library/a:pull", NULL);
    expect_token(d, cr_get(d, TOKEN "?scope=repository:secret/a:pull"), "\"\" ",
                 NULL);
    expect_token(d, cr_get(d, TOKEN "?scope=registry:catalog:*"), "\"\" ",
                 NULL);
    cr_expect_done(cr_get(d, TOKEN), 401, "UNAUTHORIZED");
    cr_expect_done(cr_get(d, TOKEN "?scope="), 401, "UNAUTHORIZED");

    /* a user without a right there */
    cr_drive_user(d, "carol");
    d->auth = cr_drive_basic(d, "carol", CR_DRIVE_ADMIN);
    expect_token(d,
                 cr_get(d, TOKEN "?scope=repository:library/a:*"
                                 "&scope=repository:secret/a:pull"),
                 "\"user:2\" repository:library/a:pull", NULL);
    d->auth = admin;
}

static void
test_refused(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *list = TOKEN "?";

    d->auth = cr_drive_basic(d, "admin", "wrong");
    r = cr_get(d, TOKEN "?scope=repository:library/a:pull");
    cr_expect(&r, 401, "UNAUTHORIZED");
    assert_string_equal(cr_reply_header(d, &r, "WWW-Authenticate"),
                        "Basic realm=\"nginx-registry\"");
    assert_int_equal(r.steps[CR_STEP_CRYPT], 1);
    cr_reply_done(&r);

    d->auth = cr_drive_basic(d, "admin", CR_DRIVE_ADMIN);
    cr_expect_done(cr_get(d, TOKEN "?service=other"), 400, "BAD_REQUEST");
    cr_expect_done(cr_get(d, TOKEN
                          "?service=nginx-registry&service=nginx-registry"),
                   400, "BAD_REQUEST");
    cr_expect_done(cr_get(d, TOKEN "?scope=nonsense"), 400, "BAD_REQUEST");

    for (int i = 0; i < 65; i++) {
        list = cr_text(d, "%sscope=repository:library/a%d:pull&", list, i);
    }

    cr_expect_done(cr_get(d, list), 400, "BAD_REQUEST");

    /* a narrow token buys no wide one */
    d->auth = cr_drive_bearer(d, "repository:library/a:pull");
    cr_expect_done(cr_get(d, TOKEN "?scope=repository:library/a:push"), 401,
                   "UNAUTHORIZED");
}

static cr_reply_t
post(cr_drive_t *d, const char *type, const char *form)
{
    return cr_drive(d, &(cr_call_t){
                           .method = "POST",
                           .target = TOKEN,
                           .type = type,
                           .body = cr_str_z(form),
                       });
}

#define FORM "application/x-www-form-urlencoded"

static void
test_post(void **state)
{
    cr_drive_t *d = *state;

    d->auth = NULL;
    expect_token(d,
                 post(d, FORM "; charset=utf-8",
                      "grant_type=password&service=nginx-registry"
                      "&client_id=c&access_type=offline&username=admin"
                      "&password=correct+horse&scope=repository%3Alibrary"
                      "%2Fa%3Apull%2Cpush+repository:b/c:pull"),
                 "\"user:1\" repository:library/a:pull,push "
                 "repository:b/c:pull",
                 "repository:library/a:pull,push repository:b/c:pull");
    expect_token(d,
                 post(d, FORM,
                      "grant_type=password&username=admin"
                      "&password=correct%20horse"),
                 "\"user:1\" ", "");

    cr_expect_done(post(d, FORM,
                        "grant_type=password&username=admin&password=x"),
                   401, "UNAUTHORIZED");
    cr_expect_done(post(d, FORM, "grant_type=password&username=admin"), 401,
                   "UNAUTHORIZED");
    cr_expect_done(post(d, FORM, "grant_type=password&password=x"), 400,
                   "BAD_REQUEST");
    cr_expect_done(post(d, FORM, "grant_type=refresh_token&refresh_token=x"),
                   400, "BAD_REQUEST");
    cr_expect_done(post(d, FORM, ""), 400, "BAD_REQUEST");
    cr_expect_done(post(d, FORM, "grant_type=%"), 400, "BAD_REQUEST");
    cr_expect_done(post(d, "application/json", "{}"), 400, "BAD_REQUEST");
    cr_expect_done(post(d, FORM, cr_text(d, "a=%065536d", 0)), 413,
                   "REQUEST_ENTITY_TOO_LARGE");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_post, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
