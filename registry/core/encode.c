/*
 * Text forms of bytes.  No state beside the context: one thread at a time.
 *
 *   hex, base64, percent-encoding, UTF-8, time, UUID
 */

#include <string.h>
#include <time.h>
#include "core/encode.h"

/* Value + 1 of a base64 or base64url character; 0: neither. */
/* clang-format off */
static const uint8_t cr_base64_values[128] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 63,  0, 63,  0, 64,
    53, 54, 55, 56, 57, 58, 59, 60, 61, 62,  0,  0,  0,  0,  0,  0,
     0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15,
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,  0,  0,  0,  0, 64,
     0, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
    42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,  0,  0,  0,  0,  0,
};
/* clang-format on */

static const char cr_base64_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char cr_base64_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int      cr_hex_value(char c, bool upper);
static cr_str_t cr_base64_make(cr_ctx_t *cx, cr_str_t s, const char *alphabet,
                               bool pad);
static cr_err_t cr_base64_read(cr_ctx_t *cx, cr_str_t s, bool url,
                               cr_str_t *ret_s);
static uint32_t cr_base64_group(const char *p, size_t n);


/* --- hex --- */

void
cr_hex_encode(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 0xf];
    }
}


static int
cr_hex_value(char c, bool upper)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (upper && c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
}


bool
cr_hex_decode(cr_str_t hex, uint8_t *out, size_t out_len)
{
    if (hex.len % 2 != 0 || hex.len / 2 != out_len) {
        return false;
    }

    for (size_t i = 0; i < out_len; i++) {
        int hi = cr_hex_value(hex.data[2 * i], false);
        int lo = cr_hex_value(hex.data[2 * i + 1], false);

        if (hi < 0 || lo < 0) {
            return false;
        }

        out[i] = (uint8_t) (hi << 4 | lo);
    }

    return true;
}


/* --- base64 --- */

cr_str_t
cr_base64_encode(cr_ctx_t *cx, cr_str_t s)
{
    return cr_base64_make(cx, s, cr_base64_std, true);
}


cr_str_t
cr_base64url_encode(cr_ctx_t *cx, cr_str_t s)
{
    return cr_base64_make(cx, s, cr_base64_url, false);
}


static cr_str_t
cr_base64_make(cr_ctx_t *cx, cr_str_t s, const char *alphabet, bool pad)
{
    char          *out, *p;
    size_t         i;
    uint32_t       v;
    const uint8_t *in = (const uint8_t *) s.data;

    /* Too long to be memory that exists; keeps the sum below from wrapping. */
    if (s.len > SIZE_MAX / 2) {
        (void) cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
        return CR_STR_NULL;
    }

    out = cr_arena_alloc(cx->arena, s.len / 3 * 4 + 5);

    if (out == NULL) {
        (void) cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
        return CR_STR_NULL;
    }

    p = out;

    for (i = 0; i + 3 <= s.len; i += 3) {
        v = (uint32_t) in[i] << 16 | (uint32_t) in[i + 1] << 8 | in[i + 2];
        *p++ = alphabet[v >> 18];
        *p++ = alphabet[v >> 12 & 63];
        *p++ = alphabet[v >> 6 & 63];
        *p++ = alphabet[v & 63];
    }

    if (i < s.len) {
        bool two = s.len - i == 2;

        v = (uint32_t) in[i] << 16 | (two ? (uint32_t) in[i + 1] << 8 : 0);
        *p++ = alphabet[v >> 18];
        *p++ = alphabet[v >> 12 & 63];

        if (two) {
            *p++ = alphabet[v >> 6 & 63];
        }

        if (pad) {
            *p++ = '=';

            if (!two) {
                *p++ = '=';
            }
        }
    }

    *p = '\0';

    return (cr_str_t){ (size_t) (p - out), out };
}


cr_err_t
cr_base64_decode(cr_ctx_t *cx, cr_str_t s, cr_str_t *ret_s)
{
    if (s.len % 4 != 0) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "invalid base64");
    }

    for (int i = 0; i < 2 && s.len > 0 && s.data[s.len - 1] == '='; i++) {
        s.len--;
    }

    return cr_base64_read(cx, s, false, ret_s);
}


cr_err_t
cr_base64url_decode(cr_ctx_t *cx, cr_str_t s, cr_str_t *ret_s)
{
    return cr_base64_read(cx, s, true, ret_s);
}


/* Without padding.  The bits behind the last byte must be zero: otherwise
 * two texts would stand for the same bytes (RFC 4648 section 3.5). */
static cr_err_t
cr_base64_read(cr_ctx_t *cx, cr_str_t s, bool url, cr_str_t *ret_s)
{
    char    *out, *p;
    size_t   i;
    size_t   rest = s.len % 4;
    uint32_t v;

    if (rest == 1
        || (s.len > 0
            && (memchr(s.data, url ? '+' : '-', s.len) != NULL
                || memchr(s.data, url ? '/' : '_', s.len) != NULL)))
    {
        goto invalid;
    }

    out = cr_arena_alloc(cx->arena, s.len / 4 * 3 + 3);

    if (out == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    p = out;

    for (i = 0; i + 4 <= s.len; i += 4) {
        v = cr_base64_group(s.data + i, 4);

        if (v == UINT32_MAX) {
            goto invalid;
        }

        *p++ = (char) (v >> 16);
        *p++ = (char) (v >> 8);
        *p++ = (char) v;
    }

    if (rest != 0) {
        v = cr_base64_group(s.data + i, rest);

        if (v == UINT32_MAX || (v & (rest == 2 ? 0xffffU : 0xffU)) != 0) {
            goto invalid;
        }

        *p++ = (char) (v >> 16);

        if (rest == 3) {
            *p++ = (char) (v >> 8);
        }
    }

    *p = '\0';
    *ret_s = (cr_str_t){ (size_t) (p - out), out };

    return CR_OK;

invalid:

    return cr_fail(cx, CR_ERR_BAD_REQUEST, "invalid base64");
}


/* n characters as the upper bits of 24; UINT32_MAX when one is foreign. */
static uint32_t
cr_base64_group(const char *p, size_t n)
{
    uint32_t v = 0;

    for (size_t i = 0; i < 4; i++) {
        unsigned char c;

        v <<= 6;

        if (i >= n) {
            continue;
        }

        c = (unsigned char) p[i];

        if (c >= sizeof(cr_base64_values) || cr_base64_values[c] == 0) {
            return UINT32_MAX;
        }

        v |= cr_base64_values[c] - 1U;
    }

    return v;
}


/* --- percent-encoding --- */

cr_err_t
cr_pct_decode(cr_ctx_t *cx, cr_str_t s, bool form, cr_str_t *ret_s)
{
    char *out = cr_arena_alloc(cx->arena, s.len + 1);
    char *p = out;

    if (out == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];

        if (c == '%') {
            int hi = i + 1 < s.len ? cr_hex_value(s.data[i + 1], true) : -1;
            int lo = i + 2 < s.len ? cr_hex_value(s.data[i + 2], true) : -1;

            if (hi < 0 || lo < 0) {
                return cr_fail(cx, CR_ERR_BAD_REQUEST,
                               "invalid percent-encoding");
            }

            c = (char) (hi << 4 | lo);
            i += 2;

        } else if (c == '+' && form) {
            c = ' ';
        }

        if (c == '\0') {
            return cr_fail(cx, CR_ERR_BAD_REQUEST, "NUL character");
        }

        *p++ = c;
    }

    *p = '\0';
    *ret_s = (cr_str_t){ (size_t) (p - out), out };

    return CR_OK;
}


/* --- UTF-8 --- */

bool
cr_utf8_valid(cr_str_t s)
{
    size_t i = 0;

    while (i < s.len) {
        size_t n;

        if ((unsigned char) s.data[i] < 0x80) {
            i++;
            continue;
        }

        n = cr_utf8_next((cr_str_t){ s.len - i, s.data + i });

        if (n == 0) {
            return false;
        }

        i += n;
    }

    return true;
}


size_t
cr_utf8_next(cr_str_t s)
{
    size_t               n;
    unsigned char        low = 0x80;
    unsigned char        high = 0xbf;
    const unsigned char *p = (const unsigned char *) s.data;

    if (s.len == 0) {
        return 0;
    }

    if (p[0] < 0x80) {
        return 1;
    }

    /* The Unicode Standard, table 3-7: the second byte's range says it all. */

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;

    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;
        high = p[0] == 0xed ? 0x9f : 0xbf;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if (s.len < n || p[1] < low || p[1] > high) {
        return 0;
    }

    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


/* --- time --- */

static void
cr_time_split(int64_t time_us, struct tm *ret_tm, int *ret_ms)
{
    int64_t s = time_us / 1000000;
    int64_t us = time_us % 1000000;
    time_t  t;

    if (us < 0) {
        us += 1000000;
        s--;
    }

    *ret_ms = (int) (us / 1000);
    t = (time_t) s;

    /* Cannot fail: 2^63 microseconds end in the year 294247. */
    if (gmtime_r(&t, ret_tm) == NULL) {
        memset(ret_tm, 0, sizeof(*ret_tm));
    }
}


cr_str_t
cr_time_format(cr_ctx_t *cx, int64_t time_us)
{
    int       ms;
    struct tm tm;

    cr_time_split(time_us, &tm, &ms);

    return cr_printf(cx, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                     tm.tm_min, tm.tm_sec, ms);
}


cr_str_t
cr_time_stamp(cr_ctx_t *cx, int64_t time_us)
{
    int       ms;
    struct tm tm;

    cr_time_split(time_us, &tm, &ms);

    return cr_printf(cx, "%04d%02d%02dT%02d%02d%02d.%03dZ", tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                     tm.tm_sec, ms);
}


/* --- UUID --- */

/*
 * RFC 9562 section 5.7: 48 bits of milliseconds, then (section 6.2, method
 * 3) the fraction of the millisecond in 12 bits, so that ids of one process
 * mostly sort by age, then 62 random bits.
 */
cr_err_t
cr_uuid_make(cr_ctx_t *cx, char out[CR_UUID_LEN])
{
    char     hex[32];
    uint8_t  b[16];
    int64_t  now = cr_now(cx);
    uint64_t ms = (uint64_t) (now / 1000);
    unsigned fraction = (unsigned) (now % 1000) * 4096 / 1000;

    if (cx->sys->random(b + 8, 8) != 0) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "no random bytes");
    }

    for (int i = 0; i < 6; i++) {
        b[i] = (uint8_t) (ms >> (40 - 8 * i));
    }

    b[6] = (uint8_t) (0x70 | (fraction >> 8 & 0x0f));
    b[7] = (uint8_t) fraction;
    b[8] = (uint8_t) ((b[8] & 0x3f) | 0x80);

    cr_hex_encode(b, sizeof(b), hex);

    for (size_t i = 0, o = 0; i < sizeof(hex); i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20) {
            out[o++] = '-';
        }

        out[o++] = hex[i];
    }

    return CR_OK;
}


bool
cr_uuid_valid(cr_str_t s)
{
    if (s.len != CR_UUID_LEN) {
        return false;
    }

    for (size_t i = 0; i < CR_UUID_LEN; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s.data[i] != '-') {
                return false;
            }

        } else if (cr_hex_value(s.data[i], false) < 0) {
            return false;
        }
    }

    return true;
}


int64_t
cr_uuid_time(cr_str_t s)
{
    uint64_t ms = 0;

    if (!cr_uuid_valid(s) || s.data[14] != '7') {
        return 0;
    }

    for (size_t i = 0; i < 13; i++) {
        if (i != 8) {
            ms = ms << 4 | (uint64_t) cr_hex_value(s.data[i], false);
        }
    }

    return (int64_t) ms * 1000;
}
