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

/* The refresh token of the last answer; NULL: it had none. */
static const char *refresh;

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
    refresh = json_string_value(json_object_get(root, "refresh_token"));
    refresh = refresh == NULL ? NULL : cr_text(d, "%s", refresh);
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
    assert_int_equal(strlen(refresh), 43);
    expect_token(d, cr_get(d, TOKEN "?scope=repository:library/a:pull,push"),
                 "\"user:1\" repository:library/a:pull,push", NULL);
    assert_null(refresh);
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
                   401, "UNAUTHORIZED");
    cr_expect_done(post(d, FORM, "grant_type=refresh_token"), 400,
                   "BAD_REQUEST");
    cr_expect_done(post(d, FORM, "grant_type=client_credentials"), 400,
                   "BAD_REQUEST");
    cr_expect_done(post(d, FORM, ""), 400, "BAD_REQUEST");
    cr_expect_done(post(d, FORM, "grant_type=%"), 400, "BAD_REQUEST");
    cr_expect_done(post(d, "application/json", "{}"), 400, "BAD_REQUEST");
    cr_expect_done(post(d, FORM, cr_text(d, "a=%065536d", 0)), 413,
                   "REQUEST_ENTITY_TOO_LARGE");
}

static const char *
by_refresh(cr_drive_t *d, const char *token, const char *scope)
{
    return cr_text(d, "grant_type=refresh_token&refresh_token=%s&scope=%s",
                   token, scope);
}

static void
test_refresh(void **state)
{
    cr_drive_t *d = *state;
    const char *kept, *anonymous = NULL;

    cr_drive_user(d, "carol");
    cr_drive_sql(d, "INSERT INTO member (project_id, user_id, role, "
                    "created_at, updated_at) SELECT 1, id, 2, 1, 1 FROM users "
                    "WHERE name = 'carol'");
    d->auth = anonymous;
    expect_token(d,
                 post(d, FORM,
                      "grant_type=password&username=carol&access_type=offline"
                      "&client_id=docker&password=correct%20horse"),
                 "\"user:2\" ", "");
    assert_non_null(refresh);
    kept = refresh;
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM refresh_token "
                                         "WHERE client_id = 'docker'"),
                     1);
    /* what is stored opens nothing */
    assert_int_equal(cr_drive_sql_int(d, cr_text(d,
                                                 "SELECT count(*) FROM "
                                                 "refresh_token WHERE "
                                                 "hash = '%s'",
                                                 kept)),
                     0);

    expect_token(d,
                 post(d, FORM,
                      by_refresh(d, kept, "repository:library/a:pull,push,"
                                          "delete")),
                 "\"user:2\" repository:library/a:pull,push",
                 "repository:library/a:pull,push");
    assert_null(refresh);
    assert_int_equal(cr_drive_sql_int(d, "SELECT count(*) FROM refresh_token "
                                         "WHERE used_at > 0"),
                     1);

    /* a refresh token is no access token, and an access token no refresh */
    d->auth = cr_text(d, "Bearer %s", kept);
    cr_expect_done(cr_get(d, "/v2/"), 401, "UNAUTHORIZED");
    d->auth = anonymous;
    cr_expect_done(post(d, FORM, by_refresh(d, "AAAA", "")), 401,
                   "UNAUTHORIZED");
    cr_expect_done(post(d, FORM,
                        by_refresh(d, cr_text(d, "%.42sx", kept), "")),
                   401, "UNAUTHORIZED");

    /* another password, another epoch: it is void; so too when disabled */
    cr_drive_sql(d, "UPDATE users SET epoch = epoch + 1 WHERE name = 'carol'");
    cr_expect_done(post(d, FORM, by_refresh(d, kept, "")), 401,
                   "UNAUTHORIZED");
    cr_drive_sql(d, "UPDATE users SET epoch = epoch - 1 WHERE name = 'carol'");
    expect_token(d, post(d, FORM, by_refresh(d, kept, "")), "\"user:2\" ", "");
    cr_drive_sql(d, "UPDATE users SET disabled = 1 WHERE name = 'carol'");
    cr_expect_done(post(d, FORM, by_refresh(d, kept, "")), 401,
                   "UNAUTHORIZED");
    cr_drive_sql(d, "UPDATE users SET disabled = 0 WHERE name = 'carol'");
    cr_drive_sql(d, "UPDATE refresh_token SET expires_at = 1");
    cr_expect_done(post(d, FORM, by_refresh(d, kept, "")), 401,
                   "UNAUTHORIZED");
}

/* Tokens of a key pair: others can verify them with the published key. */
static void
test_key_pair(void **state)
{
    cr_drive_t *d = *state;
    cr_reply_t  r;
    const char *old = cr_drive_bearer(d, "registry:catalog:*"), *hs = old;

    r = cr_get(d, TOKEN "/jwks");
    cr_expect(&r, 200, "");
    assert_true(cr_str_eq_z(r.body, "{\"keys\":[]}\n"));
    cr_reply_done(&r);

    d->conf.token_key = cr_str_z(
        "-----BEGIN PRIVATE KEY-----\n"
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJg6GcL+lMXyz8abl\n"
        "4QUiAwgZ5nIcCw2MOObBq3scuoGhRANCAATDfSjrPlASQdLim9MBPw5h+lNsI2BN\n"
        "aid9QsoUJ9hq/4sgllGGb4enVjXYL5jhIQeJuVcoHmHRIs1SQlwARXe9\n"
        "-----END PRIVATE KEY-----\n");
    cr_drive_restart(d);
    old = cr_drive_bearer(d, "registry:catalog:*");
    r = cr_get(d, TOKEN "/jwks");
    cr_expect(&r, 200, "");
    assert_non_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(r.body)),
                           "\"alg\":\"ES256\""));
    assert_null(strstr(cr_text(d, "%.*s", CR_STR_ARG(r.body)), "\"d\":"));
    cr_reply_done(&r);

    /* tokens of both keys are good, twice (the second time from memory) */
    for (int i = 0; i < 2; i++) {
        d->auth = old;
        cr_expect_done(cr_get(d, "/v2/_catalog"), 200, "");
        d->auth = hs;
        cr_expect_done(cr_get(d, "/v2/_catalog"), 200, "");
    }

    d->auth = cr_text(d, "%.*s", (int) strlen(old) - 4, old);
    cr_expect_done(cr_get(d, "/v2/_catalog"), 401, "UNAUTHORIZED");

    /* the key pair is gone from the configuration: its tokens live on */
    d->conf.token_key = CR_STR_NULL;
    cr_drive_restart(d);
    d->auth = old;
    cr_expect_done(cr_get(d, "/v2/_catalog"), 200, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_post, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refresh, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_pair, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
