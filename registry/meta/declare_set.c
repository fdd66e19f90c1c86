/*
 * The declared set: from JSON, checked and sorted, and back into its normal
 * form.  Values only, no I/O; nginx -t runs this too.  Any thread.
 */

#include <stdlib.h>
#include <string.h>

#include "auth/password.h"
#include "core/buf.h"
#include "core/encode.h"
#include "core/hash.h"
#include "core/json.h"
#include "meta/declare.h"
#include "meta/user.h"
#include "oci/name.h"

#define CR_DECLARED_FAIL(cx, at, ...)                                          \
    cr_declared_fail((cx), (at), cr_printf((cx), __VA_ARGS__))

static cr_err_t
cr_declared_fail(cr_ctx_t *cx, cr_str_t at, cr_str_t text)
{
    return cr_fail(cx, CR_ERR_CONFIG, "%.*s: %.*s", CR_STR_ARG(at),
                   CR_STR_ARG(text));
}


/* A member that must be there. */
static cr_err_t
cr_declared_text(cr_ctx_t *cx, const json_t *obj, const char *key,
                 cr_str_t *ret_s)
{
    CR_TRY(cr_json_str(cx, obj, key, CR_ERR_CONFIG, ret_s));
    if (ret_s->data == NULL) {
        return cr_fail(cx, CR_ERR_CONFIG, "declared set: no \"%s\"", key);
    }
    return CR_OK;
}


/* An array of objects; missing: empty.  Elements are zeroed. */
static cr_err_t
cr_declared_array(cr_ctx_t *cx, const json_t *obj, const char *key,
                  size_t element, json_t **ret_array, void **ret_items,
                  size_t *ret_n)
{
    size_t  n;
    json_t *a = json_object_get(obj, key);

    if (a != NULL && !json_is_array(a)) {
        return cr_fail(cx, CR_ERR_CONFIG, "declared set: %s: array expected",
                       key);
    }

    n = json_array_size(a);
    *ret_items = cr_alloc(cx, (n + 1) * element);
    if (*ret_items == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_array = a;
    *ret_n = n;
    return CR_OK;
}


static cr_err_t
cr_declared_user_name(cr_ctx_t *cx, cr_str_t at, cr_str_t name)
{
    cr_str_t why;

    if (cr_user_name_check(cx, name) == CR_OK) {
        return CR_OK;
    }

    why = cx->message;
    cr_clear(cx);
    return CR_DECLARED_FAIL(cx, at, "bad user name \"%.*s\": %.*s",
                            CR_STR_ARG(name), CR_STR_ARG(why));
}


static cr_err_t
cr_declared_password(cr_ctx_t *cx, const cr_declared_user_t *u)
{
    cr_str_t why;

    if (cr_password_check_bytes(cx, u->password) == CR_OK) {
        return CR_OK;
    }

    why = cx->message;
    cr_clear(cx);
    return CR_DECLARED_FAIL(cx, u->at, "user \"%.*s\": %.*s",
                            CR_STR_ARG(u->name), CR_STR_ARG(why));
}


static cr_err_t
cr_declared_parse_user(cr_ctx_t *cx, const json_t *o, cr_declared_user_t *u)
{
    CR_TRY(cr_declared_text(cx, o, "at", &u->at));
    CR_TRY(cr_declared_text(cx, o, "name", &u->name));
    CR_TRY(cr_json_bool(cx, o, "admin", CR_ERR_CONFIG, &u->admin));
    CR_TRY(cr_json_str(cx, o, "password", CR_ERR_CONFIG, &u->password));
    CR_TRY(cr_json_str(cx, o, "fingerprint", CR_ERR_CONFIG, &u->fingerprint));
    CR_TRY(cr_json_str(cx, o, "hash", CR_ERR_CONFIG, &u->hash));
    CR_TRY(cr_declared_user_name(cx, u->at, u->name));

    return u->password.data == NULL ? CR_OK : cr_declared_password(cx, u);
}


static cr_err_t
cr_declared_parse_member(cr_ctx_t *cx, const json_t *o,
                         cr_declared_member_t *m)
{
    cr_str_t role;

    CR_TRY(cr_declared_text(cx, o, "at", &m->at));
    CR_TRY(cr_declared_text(cx, o, "name", &m->user));
    CR_TRY(cr_declared_text(cx, o, "role", &role));
    CR_TRY(cr_declared_user_name(cx, m->at, m->user));

    if (!cr_role_parse(role, &m->role)) {
        return CR_DECLARED_FAIL(cx, m->at,
                                "no role \"%.*s\": projectAdmin, maintainer, "
                                "developer, guest or limitedGuest",
                                CR_STR_ARG(role));
    }

    return CR_OK;
}


/* The words for what robots mostly are for. */
static bool
cr_declared_right_word(cr_declared_robot_t *r, cr_str_t word)
{
    static const cr_perm_e pull[] = { CR_PERM_REPOSITORY_PULL };
    static const cr_perm_e push[] = { CR_PERM_REPOSITORY_PULL,
                                      CR_PERM_REPOSITORY_PUSH };
    static const cr_perm_e delete[] = { CR_PERM_REPOSITORY_DELETE,
                                        CR_PERM_ARTIFACT_DELETE,
                                        CR_PERM_TAG_DELETE };
    static const cr_perm_e sync[] = {
        CR_PERM_PROJECT_READ,      CR_PERM_REPOSITORY_LIST,
        CR_PERM_REPOSITORY_PULL,   CR_PERM_REPOSITORY_PUSH,
        CR_PERM_REPOSITORY_DELETE, CR_PERM_ARTIFACT_READ,
        CR_PERM_ARTIFACT_LIST,     CR_PERM_ARTIFACT_DELETE,
        CR_PERM_TAG_LIST,          CR_PERM_TAG_CREATE,
        CR_PERM_TAG_DELETE,
    };
    static const struct {
        const char      *word;
        const cr_perm_e *perms;
        size_t           n;
    } words[] = {
        { "pull", pull, CR_NELTS(pull) },
        { "push", push, CR_NELTS(push) },
        { "delete", delete, CR_NELTS(delete) },
        { "replication", sync, CR_NELTS(sync) },
    };

    for (size_t i = 0; i < CR_NELTS(words); i++) {
        if (!cr_str_eq_z(word, words[i].word)) {
            continue;
        }

        for (size_t k = 0; k < words[i].n; k++) {
            cr_permset_add(&r->rights, words[i].perms[k]);
        }

        r->replication = r->replication || words[i].perms == sync;
        return true;
    }

    return false;
}


static cr_err_t
cr_declared_right(cr_ctx_t *cx, cr_declared_robot_t *r, cr_str_t word)
{
    ptrdiff_t colon = cr_str_chr(word, ':');
    cr_perm_e perm;

    if (cr_declared_right_word(r, word)) {
        return CR_OK;
    }

    if (colon < 0
        || !cr_perm_find(CR_PERM_LEVEL_PROJECT,
                         cr_str_slice(word, 0, (size_t) colon),
                         cr_str_slice(word, (size_t) colon + 1, word.len),
                         &perm))
    {
        return CR_DECLARED_FAIL(cx, r->at,
                                "no right \"%.*s\": pull, push, delete, "
                                "replication or RESOURCE:ACTION",
                                CR_STR_ARG(word));
    }

    cr_permset_add(&r->rights, perm);
    return CR_OK;
}


static cr_err_t
cr_declared_parse_robot(cr_ctx_t *cx, const json_t *o, cr_str_t project,
                        cr_declared_robot_t *r)
{
    cr_str_t      secret;
    const json_t *rights = json_object_get(o, "rights");
    size_t        n = json_array_size(rights);

    CR_TRY(cr_declared_text(cx, o, "at", &r->at));
    CR_TRY(cr_declared_text(cx, o, "name", &r->name));
    CR_TRY(cr_declared_text(cx, o, "secret", &secret));

    if (cr_name_project_check(cx, r->name) != CR_OK) {
        cr_clear(cx);
        return CR_DECLARED_FAIL(cx, r->at,
                                "bad robot name \"%.*s\": lower-case letters, "
                                "digits, and . _ - between them",
                                CR_STR_ARG(r->name));
    }

    r->full = cr_printf(cx, "robot$%.*s+%.*s", CR_STR_ARG(project),
                        CR_STR_ARG(r->name));
    if (r->full.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    if (!cr_hex_decode(secret, r->secret, sizeof(r->secret))) {
        return CR_DECLARED_FAIL(cx, r->at, "the robot has no secret");
    }

    if (n == 0) {
        return CR_DECLARED_FAIL(cx, r->at, "robot \"%.*s\" may do nothing",
                                CR_STR_ARG(r->name));
    }

    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(rights, i);

        CR_TRY(cr_declared_right(
            cx, r,
            (cr_str_t){ json_string_length(v), json_string_value(v) }));
    }

    return CR_OK;
}


#define CR_DECLARED_CMP(fn, type, field)                                       \
    static int fn(const void *a, const void *b)                                \
    {                                                                          \
        return cr_str_cmp(((const type *) a)->field,                           \
                          ((const type *) b)->field);                          \
    }

CR_DECLARED_CMP(cr_declared_user_cmp, cr_declared_user_t, name)
CR_DECLARED_CMP(cr_declared_project_cmp, cr_declared_project_t, name)
CR_DECLARED_CMP(cr_declared_member_cmp, cr_declared_member_t, user)
CR_DECLARED_CMP(cr_declared_robot_cmp, cr_declared_robot_t, name)

/* Sort rows [lo, hi) by `field`; two of a name are a mistake. */
#define CR_DECLARED_SORT(cx, rows, n, cmp, field, what)                        \
    do {                                                                       \
        if ((n) > 1) {                                                         \
            qsort((rows), (n), sizeof((rows)[0]), (cmp));                      \
        }                                                                      \
        for (size_t i_ = 1; i_ < (n); i_++) {                                  \
            if (cr_str_eq((rows)[i_ - 1].field, (rows)[i_].field)) {           \
                return CR_DECLARED_FAIL((cx), (rows)[i_].at,                   \
                                        "duplicate " what                      \
                                        " \"%.*s\", also in %.*s",             \
                                        CR_STR_ARG((rows)[i_].field),          \
                                        CR_STR_ARG((rows)[i_ - 1].at));        \
            }                                                                  \
        }                                                                      \
    } while (0)


static cr_err_t
cr_declared_parse_members(cr_ctx_t *cx, const json_t *o,
                          cr_declared_project_t *p)
{
    void   *items;
    json_t *a;

    CR_TRY(cr_declared_array(cx, o, "members", sizeof(cr_declared_member_t), &a,
                             &items, &p->nmembers));
    p->members = items;

    for (size_t i = 0; i < p->nmembers; i++) {
        CR_TRY(cr_declared_parse_member(cx, json_array_get(a, i),
                                        &p->members[i]));
    }

    CR_DECLARED_SORT(cx, p->members, p->nmembers, cr_declared_member_cmp, user,
                     "member");

    CR_TRY(cr_declared_array(cx, o, "robots", sizeof(cr_declared_robot_t), &a,
                             &items, &p->nrobots));
    p->robots = items;

    for (size_t i = 0; i < p->nrobots; i++) {
        CR_TRY(cr_declared_parse_robot(cx, json_array_get(a, i), p->name,
                                       &p->robots[i]));
    }

    CR_DECLARED_SORT(cx, p->robots, p->nrobots, cr_declared_robot_cmp, name,
                     "robot");

    return CR_OK;
}


static cr_err_t
cr_declared_parse_project(cr_ctx_t *cx, const json_t *o,
                          cr_declared_project_t *p)
{
    const json_t *quota = json_object_get(o, "quota");

    CR_TRY(cr_declared_text(cx, o, "at", &p->at));
    CR_TRY(cr_declared_text(cx, o, "name", &p->name));
    CR_TRY(cr_json_bool(cx, o, "public", CR_ERR_CONFIG, &p->is_public));
    CR_TRY(cr_declared_text(cx, o, "write", &p->write));

    if (cr_name_project_check(cx, p->name) != CR_OK) {
        cr_clear(cx);
        return CR_DECLARED_FAIL(cx, p->at,
                                "bad project name \"%.*s\": lower-case "
                                "letters, digits, and . _ - between them",
                                CR_STR_ARG(p->name));
    }

    if (!cr_str_eq_z(p->write, "all")
        && !cr_str_eq_z(p->write, "replication"))
    {
        return CR_DECLARED_FAIL(cx, p->at, "write is \"all\" or "
                                           "\"replication\"");
    }

    p->quota = quota == NULL ? -1 : json_integer_value(quota);

    if (p->quota == 0 || p->quota < -1) {
        return CR_DECLARED_FAIL(cx, p->at, "a quota must not be 0");
    }

    return cr_declared_parse_members(cx, o, p);
}


cr_err_t
cr_declared_parse(cr_ctx_t *cx, cr_str_t text, cr_declared_t *ret_set)
{
    void         *items;
    json_t       *root, *a;
    uint64_t      serial = 0;
    cr_declared_t set = { 0 };

    CR_TRY(cr_json_parse(cx, text, CR_DECLARED_TEXT_MAX, CR_ERR_CONFIG, &root));
    CR_TRY(cr_declared_text(cx, root, "instance", &set.instance));
    CR_TRY(cr_declared_text(cx, root, "mode", &set.mode));
    CR_TRY(cr_declared_text(cx, root, "at", &set.at));
    CR_TRY(cr_json_u64(cx, root, "serial", CR_ERR_CONFIG, &serial));

    if (serial > INT64_MAX) {
        return CR_DECLARED_FAIL(cx, set.at, "serial is too large");
    }

    set.serial = (int64_t) serial;

    CR_TRY(cr_declared_array(cx, root, "users", sizeof(cr_declared_user_t), &a,
                             &items, &set.nusers));
    set.users = items;

    for (size_t i = 0; i < set.nusers; i++) {
        CR_TRY(cr_declared_parse_user(cx, json_array_get(a, i), &set.users[i]));
    }

    CR_DECLARED_SORT(cx, set.users, set.nusers, cr_declared_user_cmp, name,
                     "user");

    CR_TRY(cr_declared_array(cx, root, "projects",
                             sizeof(cr_declared_project_t), &a, &items,
                             &set.nprojects));
    set.projects = items;

    for (size_t i = 0; i < set.nprojects; i++) {
        CR_TRY(cr_declared_parse_project(cx, json_array_get(a, i),
                                         &set.projects[i]));
    }

    CR_DECLARED_SORT(cx, set.projects, set.nprojects, cr_declared_project_cmp,
                     name, "project");

    *ret_set = set;
    return CR_OK;
}


size_t
cr_declared_count(const cr_declared_t *set)
{
    size_t n = set->nusers + set->nprojects;

    for (size_t i = 0; i < set->nprojects; i++) {
        n += set->projects[i].nmembers + set->projects[i].nrobots;
    }

    return n;
}


bool
cr_declared_has_passwords(const cr_declared_t *set)
{
    for (size_t i = 0; i < set->nusers; i++) {
        if (set->users[i].password.data != NULL) {
            return true;
        }
    }

    return false;
}


cr_err_t
cr_declared_fingerprint(cr_ctx_t *cx, cr_declared_t *set, cr_str_t key)
{
    uint8_t             mac[32];
    char                hex[sizeof(mac) * 2];
    cr_str_t            text;
    cr_declared_user_t *u;

    for (size_t i = 0; i < set->nusers; i++) {
        u = &set->users[i];

        if (u->password.data == NULL) {
            continue;
        }

        if (key.len != CR_DECLARED_KEY_SIZE) {
            return cr_fail_detail(cx, CR_ERR_INTERNAL,
                                  "no key for declared passwords");
        }

        /* A name has no line feed: the pair cannot be read in two ways. */
        text = cr_printf(cx, "declared password\n%.*s\n%.*s",
                         CR_STR_ARG(u->name), CR_STR_ARG(u->password));
        if (text.data == NULL) {
            return CR_ERR_NO_MEMORY;
        }

        cr_hmac_sha256(key, text, mac);
        explicit_bzero((void *) (uintptr_t) text.data, text.len);
        cr_hex_encode(mac, sizeof(mac), hex);
        u->fingerprint = cr_dup(cx, (cr_str_t){ sizeof(hex), hex });
        if (u->fingerprint.data == NULL) {
            return CR_ERR_NO_MEMORY;
        }
    }

    return CR_OK;
}


static void
cr_declared_put(cr_buf_t *b, const char *key, cr_str_t value)
{
    cr_buf_printf(b, ",\"%s\":", key);
    cr_buf_json(b, value);
}


static void
cr_declared_write_robot(cr_buf_t *b, const cr_declared_robot_t *r, bool places)
{
    char        hex[sizeof(r->secret) * 2];
    const char *z_comma = "";

    cr_hex_encode(r->secret, sizeof(r->secret), hex);
    cr_buf_z(b, "{\"name\":");
    cr_buf_json(b, r->name);
    if (places) {
        cr_declared_put(b, "at", r->at);
    }
    cr_declared_put(b, "secret", (cr_str_t){ sizeof(hex), hex });
    cr_buf_z(b, ",\"rights\":[");

    if (r->replication) {
        cr_buf_z(b, "\"replication\"");
        z_comma = ",";
    }

    for (int p = CR_PERM_PROJECT_FIRST; p < CR_PERM_PROJECT_END; p++) {
        if (cr_permset_has(&r->rights, (cr_perm_e) p)) {
            cr_buf_printf(b, "%s\"%.*s:%.*s\"", z_comma,
                          CR_STR_ARG(cr_perm_resource((cr_perm_e) p)),
                          CR_STR_ARG(cr_perm_action((cr_perm_e) p)));
            z_comma = ",";
        }
    }

    cr_buf_z(b, "]}");
}


static void
cr_declared_write_project(cr_buf_t *b, const cr_declared_project_t *p,
                          bool places)
{
    cr_buf_z(b, "{\"name\":");
    cr_buf_json(b, p->name);
    if (places) {
        cr_declared_put(b, "at", p->at);
    }
    cr_buf_printf(b, ",\"public\":%s,\"quota\":%lld",
                  p->is_public ? "true" : "false", (long long) p->quota);
    cr_declared_put(b, "write", p->write);
    cr_buf_z(b, ",\"members\":[");

    for (size_t i = 0; i < p->nmembers; i++) {
        cr_buf_z(b, i == 0 ? "{\"name\":" : ",{\"name\":");
        cr_buf_json(b, p->members[i].user);
        if (places) {
            cr_declared_put(b, "at", p->members[i].at);
        }
        cr_declared_put(b, "role", cr_role_name(p->members[i].role));
        cr_buf_char(b, '}');
    }

    cr_buf_z(b, "],\"robots\":[");

    for (size_t i = 0; i < p->nrobots; i++) {
        cr_buf_z(b, i == 0 ? "" : ",");
        cr_declared_write_robot(b, &p->robots[i], places);
    }

    cr_buf_z(b, "]}");
}


cr_err_t
cr_declared_write(cr_ctx_t *cx, const cr_declared_t *set, bool places,
                  bool hashes, cr_str_t *ret_text)
{
    cr_buf_t b;

    cr_buf_init(&b, cx, CR_DECLARED_TEXT_MAX);
    cr_buf_z(&b, "{\"mode\":");
    cr_buf_json(&b, set->mode);
    cr_declared_put(&b, "instance", set->instance);
    if (places) {
        cr_declared_put(&b, "at", set->at);
    }
    cr_buf_printf(&b, ",\"serial\":%lld,\"users\":[", (long long) set->serial);

    for (size_t i = 0; i < set->nusers; i++) {
        const cr_declared_user_t *u = &set->users[i];

        cr_buf_z(&b, i == 0 ? "{\"name\":" : ",{\"name\":");
        cr_buf_json(&b, u->name);
        if (places) {
            cr_declared_put(&b, "at", u->at);
        }
        cr_buf_z(&b, u->admin ? ",\"admin\":true" : ",\"admin\":false");
        if (u->fingerprint.len != 0) {
            cr_declared_put(&b, "fingerprint", u->fingerprint);
        }
        if (hashes && u->hash.len != 0) {
            cr_declared_put(&b, "hash", u->hash);
        }
        cr_buf_char(&b, '}');
    }

    cr_buf_z(&b, "],\"projects\":[");

    for (size_t i = 0; i < set->nprojects; i++) {
        cr_buf_z(&b, i == 0 ? "" : ",");
        cr_declared_write_project(&b, &set->projects[i], places);
    }

    cr_buf_z(&b, "]}");
    return cr_buf_end(&b, ret_text);
}
