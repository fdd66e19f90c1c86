/*
 * Slices of bytes.  Nothing here allocates or keeps state: any thread.
 */

#include <assert.h>
#include <limits.h>
#include <string.h>
#include "core/str.h"

static unsigned char cr_str_lower(char c);


int
cr_str_int_len(cr_str_t s)
{
    if (s.data == NULL) {
        return 0;
    }

    return s.len > INT_MAX ? INT_MAX : (int) s.len;
}


cr_str_t
cr_str_z(const char *z)
{
    if (z == NULL) {
        return CR_STR_NULL;
    }

    return (cr_str_t){ strlen(z), z };
}


bool
cr_str_eq(cr_str_t a, cr_str_t b)
{
    if (a.len != b.len || a.len == 0) {
        return a.len == b.len;
    }

    assert(a.data != NULL && b.data != NULL);

    return memcmp(a.data, b.data, a.len) == 0;
}


bool
cr_str_eq_z(cr_str_t a, const char *z)
{
    return cr_str_eq(a, cr_str_z(z));
}


static unsigned char
cr_str_lower(char c)
{
    unsigned char u = (unsigned char) c;

    return (u >= 'A' && u <= 'Z') ? (unsigned char) (u | 0x20) : u;
}


bool
cr_str_case_eq(cr_str_t a, cr_str_t b)
{
    if (a.len != b.len) {
        return false;
    }

    for (size_t i = 0; i < a.len; i++) {
        if (cr_str_lower(a.data[i]) != cr_str_lower(b.data[i])) {
            return false;
        }
    }

    return true;
}


bool
cr_str_starts(cr_str_t s, cr_str_t prefix)
{
    return s.len >= prefix.len
           && cr_str_eq((cr_str_t){ prefix.len, s.data }, prefix);
}


bool
cr_str_ends(cr_str_t s, cr_str_t suffix)
{
    return s.len >= suffix.len
           && cr_str_eq(cr_str_slice(s, s.len - suffix.len, s.len), suffix);
}


int
cr_str_cmp(cr_str_t a, cr_str_t b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int    rc = n == 0 ? 0 : memcmp(a.data, b.data, n);

    if (rc != 0) {
        return rc;
    }

    return (a.len > b.len) - (a.len < b.len);
}


ptrdiff_t
cr_str_chr(cr_str_t s, char c)
{
    const char *p = s.len == 0 ? NULL : memchr(s.data, c, s.len);

    return p == NULL ? -1 : p - s.data;
}


ptrdiff_t
cr_str_rchr(cr_str_t s, char c)
{
    for (size_t i = s.len; i > 0; i--) {
        if (s.data[i - 1] == c) {
            return (ptrdiff_t) (i - 1);
        }
    }

    return -1;
}


cr_str_t
cr_str_slice(cr_str_t s, size_t from, size_t to)
{
    if (to > s.len) {
        to = s.len;
    }

    if (from > to) {
        from = to;
    }

    return (cr_str_t){ to - from, s.data == NULL ? NULL : s.data + from };
}


cr_str_t
cr_str_trim(cr_str_t s)
{
    size_t from = 0;
    size_t to = s.len;

    while (from < to && (s.data[from] == ' ' || s.data[from] == '\t')) {
        from++;
    }

    while (to > from && (s.data[to - 1] == ' ' || s.data[to - 1] == '\t')) {
        to--;
    }

    return cr_str_slice(s, from, to);
}


bool
cr_str_split(cr_str_t *s, char sep, cr_str_t *ret_part)
{
    ptrdiff_t i;

    if (s->data == NULL) {
        return false;
    }

    i = cr_str_chr(*s, sep);

    if (i < 0) {
        *ret_part = *s;
        *s = CR_STR_NULL;
        return true;
    }

    *ret_part = cr_str_slice(*s, 0, (size_t) i);
    *s = cr_str_slice(*s, (size_t) i + 1, s->len);

    return true;
}


bool
cr_str_u64(cr_str_t s, uint64_t *ret_n)
{
    uint64_t n = 0;

    if (s.len == 0) {
        return false;
    }

    for (size_t i = 0; i < s.len; i++) {
        unsigned d = (unsigned) (unsigned char) s.data[i] - '0';

        if (d > 9 || n > (UINT64_MAX - d) / 10) {
            return false;
        }

        n = n * 10 + d;
    }

    *ret_n = n;

    return true;
}


bool
cr_str_eq_secret(cr_str_t a, cr_str_t b)
{
    const volatile char *pa = a.data;
    const volatile char *pb = b.data;
    unsigned             diff = 0;

    if (a.len != b.len) {
        return false;
    }

    for (size_t i = 0; i < a.len; i++) {
        diff |= (unsigned char) (pa[i] ^ pb[i]);
    }

    return diff == 0;
}
