/*
 * Repository and project names, against the grammars as regular expressions.
 */

#include <assert.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include "oci/name.h"

#define PART "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static bool
matches(const char *z_pattern, const char *z_text)
{
    regex_t re;
    bool    match;

    assert(regcomp(&re, z_pattern, REG_EXTENDED | REG_NOSUB) == 0);
    match = regexec(&re, z_text, 0, NULL, 0) == 0;
    regfree(&re);

    return match;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cr_ctx_t  cx;
    cr_name_t name;
    cr_str_t  s = { size, (const char *) data };
    cr_err_t  err;
    char     *z;
    bool      want, whole;

    if (size > 2 * CR_NAME_MAX || cr_ctx_init(&cx, 0) != CR_OK) {
        return 0;
    }
    z = cr_arena_dup_z(cx.arena, s);
    assert(z != NULL);
    whole = strlen(z) == size;

    want = whole && size <= CR_NAME_MAX && matches("^" PART "(/" PART ")+$", z);
    err = cr_name_parse(&cx, s, &name);
    assert(err == (want ? CR_OK : CR_ERR_NAME_INVALID));
    if (want) {
        assert(name.full.data == s.data && name.full.len == size);
        assert(name.project.len > 0 && name.rest.len > 0);
        assert(name.project.data == s.data);
        assert(name.rest.data == s.data + name.project.len + 1);
        assert(name.rest.len + name.project.len + 1 == size);
    }

    want = whole && size <= CR_NAME_MAX
           && matches("^[a-z0-9]+([._-][a-z0-9]+)*$", z);
    err = cr_name_project_check(&cx, s);
    assert(err == (want ? CR_OK : CR_ERR_BAD_REQUEST));

    cr_ctx_done(&cx);

    return 0;
}
