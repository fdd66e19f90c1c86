/*
 * Any bytes as JSON.  What is accepted must come out of a dump the same, be
 * accepted again, and keep to the limits.
 */

#include <stdlib.h>
#include <string.h>
#include "core/json.h"

#define MAX ((size_t) 1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
    if (!ok) {
        abort();
    }
}


/* Of compact text that is known to be good. */
static size_t
depth_of(const char *p, size_t len)
{
    bool   string = false;
    size_t depth = 0;
    size_t max = 0;

    for (size_t i = 0; i < len; i++) {
        if (string) {
            if (p[i] == '\\') {
                i++;

            } else if (p[i] == '"') {
                string = false;
            }

        } else if (p[i] == '"') {
            string = true;

        } else if (p[i] == '[' || p[i] == '{') {
            depth++;
            max = depth > max ? depth : max;

        } else if (p[i] == ']' || p[i] == '}') {
            depth--;
        }
    }

    return max;
}


static void
members(cr_ctx_t *cx, const json_t *value)
{
    bool     b = false;
    cr_str_t s;
    uint64_t n = 0;

    if (cr_json_str(cx, value, "a", CR_ERR_MANIFEST_INVALID, &s) == CR_OK
        && s.data != NULL)
    {
        check(memchr(s.data, '\0', s.len) == NULL);
    }

    if (cr_json_u64(cx, value, "a", CR_ERR_MANIFEST_INVALID, &n) == CR_OK) {
        check(n <= INT64_MAX);
    }

    (void) cr_json_bool(cx, value, "a", CR_ERR_MANIFEST_INVALID, &b);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char    *dump;
    size_t   len;
    json_t  *value = NULL;
    json_t  *again = NULL;
    cr_ctx_t cx;
    cr_err_t err;

    check(cr_ctx_init(&cx, 0) == CR_OK);

    err = cr_json_parse(&cx, (cr_str_t){ size, (const char *) data }, MAX,
                        CR_ERR_MANIFEST_INVALID, &value);

    if (err == CR_OK) {
        check(memchr(data, '\0', size) == NULL);

        len = json_dumpb(value, NULL, 0, JSON_COMPACT);
        dump = malloc(len + 1);
        check(dump != NULL);
        check(json_dumpb(value, dump, len, JSON_COMPACT) == len);
        check(depth_of(dump, len) <= CR_JSON_DEPTH_MAX);
        check(cr_json_parse(&cx, (cr_str_t){ len, dump }, len,
                            CR_ERR_MANIFEST_INVALID, &again)
              == CR_OK);
        check(json_equal(value, again));
        members(&cx, value);
        free(dump);

    } else {
        check(err == CR_ERR_MANIFEST_INVALID);
        check(value == NULL);
        check(cx.message.len > 0);
    }

    cr_ctx_done(&cx);

    return 0;
}
