/*
 * cr_str_t: a length and a pointer.  Not NUL-terminated, not owned; the
 * layout is that of ngx_str_t.  Nothing here allocates.
 */

#ifndef CR_CORE_STR_H
#define CR_CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cr_str_s {
    size_t      len;
    const char *data;
} cr_str_t;

#define CR_STR(literal) ((cr_str_t){ sizeof(literal) - 1, literal })
#define CR_STR_NULL     ((cr_str_t){ 0, NULL })

/* printf("%.*s", CR_STR_ARG(s)); lengths over INT_MAX are cut to it. */
#define CR_STR_ARG(s)   cr_str_int_len(s), ((s).data == NULL ? "" : (s).data)

int      cr_str_int_len(cr_str_t s);
cr_str_t cr_str_z(const char *z); /* NULL gives CR_STR_NULL */
bool     cr_str_eq(cr_str_t a, cr_str_t b);
bool     cr_str_eq_z(cr_str_t a, const char *z);
bool     cr_str_case_eq(cr_str_t a, cr_str_t b); /* ASCII only */
bool     cr_str_starts(cr_str_t s, cr_str_t prefix);
bool     cr_str_ends(cr_str_t s, cr_str_t suffix);
/* Byte order (memcmp, shorter first): <0, 0, >0. */
int cr_str_cmp(cr_str_t a, cr_str_t b);
/* Index of the first/last c, or -1. */
ptrdiff_t cr_str_chr(cr_str_t s, char c);
ptrdiff_t cr_str_rchr(cr_str_t s, char c);
cr_str_t  cr_str_slice(cr_str_t s, size_t from, size_t to);
cr_str_t  cr_str_trim(cr_str_t s); /* spaces and tabs */
/* Cut the part before the first sep off *s; false when *s is used up (its
 * data is NULL).  One part more than separators: "" has one, empty. */
bool cr_str_split(cr_str_t *s, char sep, cr_str_t *ret_part);
/* Strict decimal: digits only, no sign, no overflow. */
bool cr_str_u64(cr_str_t s, uint64_t *ret_n);
/* Equal in constant time for equal lengths (secrets). */
bool cr_str_eq_secret(cr_str_t a, cr_str_t b);

#endif
