/*
 * Digests: strict parsing (image-spec descriptor.md, "Digests"), and making
 * them from hashes.  Any thread.
 */

#include <assert.h>
#include <string.h>
#include "core/encode.h"
#include "oci/digest.h"

typedef struct digest_alg_s {
    const char   *name;
    cr_hash_alg_e alg;
} digest_alg_t;

static const digest_alg_t digest_algs[] = {
    { "sha256", CR_HASH_SHA256 },
    { "sha512", CR_HASH_SHA512 },
};


static const char *
digest_alg_name(cr_hash_alg_e alg)
{
    size_t i;

    for (i = 0; i < CR_NELTS(digest_algs); i++) {
        if (digest_algs[i].alg == alg) {
            return digest_algs[i].name;
        }
    }
    assert(0);
    return "";
}


cr_err_t
cr_digest_alg_parse(cr_ctx_t *cx, cr_str_t s, cr_hash_alg_e *ret_a)
{
    size_t i;

    for (i = 0; i < CR_NELTS(digest_algs); i++) {
        if (cr_str_eq_z(s, digest_algs[i].name)) {
            *ret_a = digest_algs[i].alg;
            return CR_OK;
        }
    }

    return cr_fail(cx, CR_ERR_DIGEST_INVALID,
                   "digest algorithm not supported: use sha256 or sha512");
}


cr_err_t
cr_digest_parse(cr_ctx_t *cx, cr_str_t s, cr_digest_t *ret_d)
{
    cr_str_t      hex;
    cr_digest_t   d;
    cr_hash_alg_e alg = CR_HASH_SHA256;
    ptrdiff_t     colon;
    size_t        size;

    colon = cr_str_chr(s, ':');
    if (colon < 0) {
        return cr_fail(cx, CR_ERR_DIGEST_INVALID,
                       "digest has no \":\" after the algorithm");
    }

    CR_TRY(cr_digest_alg_parse(cx, cr_str_slice(s, 0, (size_t) colon), &alg));

    hex = cr_str_slice(s, (size_t) colon + 1, s.len);
    size = cr_hash_size(alg);
    if (hex.len != size * 2) {
        return cr_fail(cx, CR_ERR_DIGEST_INVALID,
                       "digest has %zu characters after \"%s:\", must have "
                       "%zu",
                       hex.len, digest_alg_name(alg), size * 2);
    }

    memset(&d, 0, sizeof(d));
    if (!cr_hex_decode(hex, d.bytes, size)) {
        return cr_fail(cx, CR_ERR_DIGEST_INVALID,
                       "digest must be lower-case hexadecimal after \"%s:\"",
                       digest_alg_name(alg));
    }

    d.alg = alg;
    d.text_len = s.len;
    memcpy(d.text, s.data, s.len);
    *ret_d = d;

    return CR_OK;
}


static bool
digest_alg_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}


bool
cr_digest_like(cr_str_t s)
{
    size_t i;
    char   c;
    bool   before = false;

    for (i = 0; i < s.len && s.data[i] != ':'; i++) {
        c = s.data[i];
        if (digest_alg_char(c)) {
            before = true;
        } else if (before && (c == '+' || c == '.' || c == '_' || c == '-')) {
            before = false;
        } else {
            return false;
        }
    }

    /* The algorithm ends with a letter or digit; something is behind ':'. */
    if (!before || i + 1 >= s.len) {
        return false;
    }

    for (i++; i < s.len; i++) {
        c = s.data[i];
        if (!digest_alg_char(c) && !(c >= 'A' && c <= 'Z') && c != '='
            && c != '_' && c != '-')
        {
            return false;
        }
    }

    return true;
}


void
cr_digest_final(cr_hash_t *h, cr_digest_t *ret_d)
{
    const char *z_name;
    size_t      len, size;

    memset(ret_d, 0, sizeof(*ret_d));
    ret_d->alg = h->alg;
    size = cr_hash_size(h->alg);
    z_name = digest_alg_name(h->alg);
    len = strlen(z_name);

    cr_hash_final(h, ret_d->bytes);

    memcpy(ret_d->text, z_name, len);
    ret_d->text[len++] = ':';
    cr_hex_encode(ret_d->bytes, size, ret_d->text + len);
    ret_d->text_len = len + size * 2;
}


void
cr_digest_of(cr_hash_alg_e alg, cr_str_t data, cr_digest_t *ret_d)
{
    cr_hash_t h;

    cr_hash_init(&h, alg);
    cr_hash_update(&h, data.data, data.len);
    cr_digest_final(&h, ret_d);
}


cr_str_t
cr_digest_str(const cr_digest_t *d)
{
    return (cr_str_t){ d->text_len, d->text };
}


bool
cr_digest_eq(const cr_digest_t *a, const cr_digest_t *b)
{
    return a->alg == b->alg
           && memcmp(a->bytes, b->bytes, cr_hash_size(a->alg)) == 0;
}
