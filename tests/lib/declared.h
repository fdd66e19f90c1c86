/*
 * Declared sets as the module writes them, for the tests of meta/declare*,
 * and their plan in a transaction of its own.
 */

#ifndef TEST_META_DECLARED_H
#define TEST_META_DECLARED_H

#include "meta_fixture.h"

#include "meta/declare.h"

#define KEY CR_STR("0123456789abcdef0123456789abcdef")
#define SECRET                                                                 \
    "\"secret\":\"00112233445566778899aabbccddeeff"                            \
    "00112233445566778899aabbccddeeff\""
#define TOP(rest)                                                              \
    "{\"instance\":\"main\",\"mode\":\"additive\",\"at\":\"n.conf:1\"" rest "}"
#define PAY(members, robots)                                                   \
    TOP(",\"users\":[{\"name\":\"ops\",\"at\":\"n.conf:2\",\"admin\":true,"    \
        "\"password\":\"Correct horse 1\"},"                                   \
        "{\"name\":\"bob\",\"at\":\"n.conf:3\",\"admin\":false}],"             \
        "\"projects\":[{\"name\":\"pay\",\"at\":\"n.conf:4\","                 \
        "\"public\":false,\"quota\":-1,\"write\":\"all\","                     \
        "\"members\":[" members "],\"robots\":[" robots "]}]")
#define MEMBER(name, role)                                                     \
    "{\"name\":\"" name "\",\"role\":\"" role "\",\"at\":\"n.conf:5\"}"
#define ROBOT(name, rights)                                                    \
    "{\"name\":\"" name "\",\"at\":\"n.conf:6\",\"rights\":[" rights           \
    "]," SECRET "}"

/* Texts of a buffer have no NUL at their end. */
static inline const char *
find(cr_str_t s, const char *z_part)
{
    return s.len == 0 ? NULL : memmem(s.data, s.len, z_part, strlen(z_part));
}


typedef struct declared_s {
    cr_declared_t     set;
    cr_declare_plan_t plan;
} declared_t;


static inline cr_err_t
declared_plan_in(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    declared_t *d = arg;

    return cr_declare_plan(cx, c, &d->set, &d->plan);
}


static inline cr_err_t
declared_do_in(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    declared_t *d = arg;

    CR_TRY(cr_declare_plan(cx, c, &d->set, &d->plan));

    return cr_declare_execute(cx, c, &d->plan);
}


/* The set of a text, passwords as fingerprints. */
static inline declared_t
declared(meta_fixture_t *fx, const char *z_text)
{
    declared_t d = { .plan = { 0 } };

    OK(fx, cr_declared_parse(&fx->cx, cr_str_z(z_text), &d.set));
    OK(fx, cr_declared_fingerprint(&fx->cx, &d.set, KEY));
    return d;
}


/* What it would change. */
static inline cr_declare_plan_t
declared_plan(meta_fixture_t *fx, const char *z_text)
{
    declared_t d = declared(fx, z_text);

    OK(fx, cr_db_read(&fx->cx, fx->db, declared_plan_in, &d));
    return d.plan;
}


/* Change it; users with a password get this hash. */
static inline void
declared_do(meta_fixture_t *fx, const char *z_text, const char *z_hash)
{
    declared_t d = declared(fx, z_text);

    for (size_t i = 0; i < d.set.nusers; i++) {
        if (d.set.users[i].fingerprint.len != 0) {
            d.set.users[i].hash = cr_str_z(z_hash);
        }
    }
    OK(fx, cr_db_write(&fx->cx, fx->db, CR_DB_NOSYNC, declared_do_in, &d));
}

#endif
