/* Secrets out of URLs (RFC 3986, section 3.2.1: userinfo). */

#include <ctype.h>
#include <string.h>
#include "core/buf.h"
#include "core/redact.h"

#define REDACT_MAX 65536

static const cr_str_t redact_stars = { 3, "***" };

/* Parts of the names of parameters, lower case. */
static const char *const redact_words[] = { "pass", "pwd",  "secret", "token",
                                            "key",  "cred", "sig" };


static bool
redact_is_secret(cr_str_t name)
{
    size_t i, at, k, len;

    for (i = 0; i < CR_NELTS(redact_words); i++) {
        len = strlen(redact_words[i]);

        for (at = 0; at + len <= name.len; at++) {
            for (k = 0; k < len; k++) {
                if (tolower((unsigned char) name.data[at + k])
                    != redact_words[i][k]) {
                    break;
                }
            }
            if (k == len) {
                return true;
            }
        }
    }

    return false;
}


/* "?a=b&c=d": each value by its name. */
static void
redact_parameters(cr_buf_t *b, cr_str_t s)
{
    size_t i, name, end;

    for (i = 0; i < s.len; i = end) {
        cr_buf_char(b, s.data[i]);
        name = i + 1;

        for (end = name; end < s.len && strchr("?&;", s.data[end]) == NULL;
             end++) {
            /* to the next parameter */
        }

        for (i = name; i < end && s.data[i] != '='; i++) {
            /* to the value */
        }

        cr_buf_str(b, cr_str_slice(s, name, i));

        if (i < end) {
            cr_buf_char(b, '=');
            cr_buf_str(b, redact_is_secret(cr_str_slice(s, name, i))
                              ? redact_stars
                              : cr_str_slice(s, i + 1, end));
        }
    }
}


static cr_str_t
redact_end(cr_buf_t *b)
{
    cr_str_t s;

    cr_buf_char(b, '\0');

    return cr_buf_end(b, &s) == CR_OK ? cr_str_slice(s, 0, s.len - 1)
                                      : redact_stars;
}


cr_str_t
cr_redact_url(cr_ctx_t *cx, cr_str_t url)
{
    size_t    start;
    cr_buf_t  b;
    cr_str_t  rest;
    ptrdiff_t at, colon, query;

    for (start = 0; start + 3 <= url.len; start++) {
        if (memcmp(url.data + start, "://", 3) == 0) {
            break;
        }
    }

    if (start + 3 > url.len) {
        return url;
    }

    start += 3;
    rest = cr_str_slice(url, start, url.len);
    at = cr_str_rchr(rest, '@');
    colon = cr_str_chr(rest, ':');
    query = cr_str_chr(rest, '?');

    cr_buf_init(&b, cx, REDACT_MAX);
    cr_buf_str(&b, cr_str_slice(url, 0, start));

    /* A '?' in a password, or an '@' in a parameter: one cannot tell. */
    if (query >= 0 && query < at) {
        cr_buf_str(&b, redact_stars);
        return redact_end(&b);
    }

    /* The last '@', because a password may have one that is not encoded. */
    if (colon >= 0 && colon < at) {
        cr_buf_str(&b, cr_str_slice(rest, 0, (size_t) colon + 1));
        cr_buf_str(&b, redact_stars);
        rest = cr_str_slice(rest, (size_t) at, rest.len);
        query = cr_str_chr(rest, '?');
    }

    cr_buf_str(&b,
               cr_str_slice(rest, 0, query < 0 ? rest.len : (size_t) query));

    if (query >= 0) {
        redact_parameters(&b, cr_str_slice(rest, (size_t) query, rest.len));
    }

    return redact_end(&b);
}
