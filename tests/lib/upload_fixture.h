/* Upload sessions of library/a, for the tests of meta/upload*. */

#ifndef TEST_UPLOAD_FIXTURE_H
#define TEST_UPLOAD_FIXTURE_H

#include "meta_fixture.h"

#define REPO CR_STR("library/a")
#define FILE(z_locator, n)                                                     \
    (&(cr_upload_file_t){ .locator = CR_STR(z_locator), .size = (n) })


static inline cr_upload_t
start(meta_fixture_t *fx)
{
    cr_name_t   name = meta_name(fx, "library/a");
    cr_upload_t u;

    OK(fx, cr_upload_create(&fx->cx, fx->m, &name, ACTOR, CR_HASH_SHA256, &u));
    return u;
}


static inline cr_upload_t
get(meta_fixture_t *fx, const cr_upload_t *of)
{
    cr_upload_t u;

    OK(fx, cr_upload_get(&fx->cx, fx->m, REPO, ACTOR, cr_str_z(of->id), &u));
    return u;
}


/* As a writer does: bytes to the n-th segment (a new one when it is next). */
static inline void
receive(meta_fixture_t *fx, cr_upload_t *u, size_t n, const char *z_locator,
        const char *z_bytes)
{
    cr_segment_t *s = cr_alloc(&fx->cx, (n + 1) * sizeof(*s));

    if (u->nsegments > 0) {
        memcpy(s, u->segments, u->nsegments * sizeof(*s));
    }
    u->segments = s;
    if (n == u->nsegments) {
        s[n].locator = cr_str_z(z_locator);
        s[n].size = 0;
        u->nsegments++;
    }
    s[n].size += strlen(z_bytes);
    cr_hash_update(&u->hash, z_bytes, strlen(z_bytes));
    u->size += strlen(z_bytes);
}

#endif
