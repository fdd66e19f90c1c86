/*
 * SHA-256 and SHA-512 on OpenSSL's low-level contexts, because only those
 * show the state between two blocks; EVP keeps it to itself.  They are marked
 * deprecated since OpenSSL 3.0 and use the same assembly as EVP.  This is the
 * only file that uses them.  One thread at a time.
 *
 * A saved state: version, algorithm, eight chaining values (big-endian, 4 or
 * 8 bytes each), bytes hashed (8 bytes, big-endian), the unfinished block.
 */

#define OPENSSL_SUPPRESS_DEPRECATED

#include <assert.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include "core/hash.h"

#define CR_HASH_VERSION   1
#define CR_HASH_WORDS     8
#define CR_SHA256_BLOCK   64
#define CR_SHA512_BLOCK   128
#define CR_HASH_COUNT_MAX (UINT64_MAX >> 3) /* SHA-256 counts bits in 64 */

_Static_assert(sizeof(SHA256_CTX) <= sizeof(((cr_hash_t *) 0)->state),
               "SHA256_CTX fits");
_Static_assert(sizeof(SHA512_CTX) <= sizeof(((cr_hash_t *) 0)->state),
               "SHA512_CTX fits");
_Static_assert(2 + CR_HASH_WORDS * 8 + 8 + CR_SHA512_BLOCK <= CR_HASH_STATE_MAX,
               "a saved state fits");

static size_t      cr_hash_word_size(cr_hash_alg_e alg);
static size_t      cr_hash_block_size(cr_hash_alg_e alg);
static uint8_t    *cr_hash_put(uint8_t *p, uint64_t n, size_t size);
static uint64_t    cr_hash_get(const uint8_t *p, size_t size);
static SHA256_CTX *cr_hash_256(cr_hash_t *h);
static SHA512_CTX *cr_hash_512(cr_hash_t *h);


size_t
cr_hash_size(cr_hash_alg_e alg)
{
    return alg == CR_HASH_SHA512 ? SHA512_DIGEST_LENGTH : SHA256_DIGEST_LENGTH;
}


static size_t
cr_hash_word_size(cr_hash_alg_e alg)
{
    return alg == CR_HASH_SHA512 ? 8 : 4;
}


static size_t
cr_hash_block_size(cr_hash_alg_e alg)
{
    return alg == CR_HASH_SHA512 ? CR_SHA512_BLOCK : CR_SHA256_BLOCK;
}


static SHA256_CTX *
cr_hash_256(cr_hash_t *h)
{
    return (void *) h->state;
}


static SHA512_CTX *
cr_hash_512(cr_hash_t *h)
{
    return (void *) h->state;
}


/* The calls below cannot fail for these two algorithms. */

void
cr_hash_init(cr_hash_t *h, cr_hash_alg_e alg)
{
    assert(alg == CR_HASH_SHA256 || alg == CR_HASH_SHA512);

    memset(h, 0, sizeof(cr_hash_t));
    h->alg = alg;

    if (alg == CR_HASH_SHA512) {
        (void) SHA512_Init(cr_hash_512(h));

    } else {
        (void) SHA256_Init(cr_hash_256(h));
    }
}


void
cr_hash_update(cr_hash_t *h, const void *data, size_t len)
{
    if (len == 0) {
        return;
    }

    if (h->alg == CR_HASH_SHA512) {
        (void) SHA512_Update(cr_hash_512(h), data, len);

    } else {
        (void) SHA256_Update(cr_hash_256(h), data, len);
    }
}


void
cr_hash_final(cr_hash_t *h, uint8_t *out)
{
    if (h->alg == CR_HASH_SHA512) {
        (void) SHA512_Final(out, cr_hash_512(h));

    } else {
        (void) SHA256_Final(out, cr_hash_256(h));
    }
}


uint64_t
cr_hash_count(const cr_hash_t *h)
{
    SHA256_CTX c256;
    SHA512_CTX c512;

    if (h->alg == CR_HASH_SHA512) {
        memcpy(&c512, h->state, sizeof(c512));
        return c512.Nl >> 3 | c512.Nh << 61;
    }

    memcpy(&c256, h->state, sizeof(c256));

    return ((uint64_t) c256.Nh << 32 | c256.Nl) >> 3;
}


size_t
cr_hash_save(const cr_hash_t *h, uint8_t *out)
{
    uint8_t   *p = out;
    uint64_t   count = cr_hash_count(h);
    size_t     tail = (size_t) (count % cr_hash_block_size(h->alg));
    SHA256_CTX c256;
    SHA512_CTX c512;

    *p++ = CR_HASH_VERSION;
    *p++ = (uint8_t) h->alg;

    if (h->alg == CR_HASH_SHA512) {
        memcpy(&c512, h->state, sizeof(c512));

        for (int i = 0; i < CR_HASH_WORDS; i++) {
            p = cr_hash_put(p, c512.h[i], 8);
        }

        p = cr_hash_put(p, count, 8);
        memcpy(p, &c512.u, tail);

    } else {
        memcpy(&c256, h->state, sizeof(c256));

        for (int i = 0; i < CR_HASH_WORDS; i++) {
            p = cr_hash_put(p, c256.h[i], 4);
        }

        p = cr_hash_put(p, count, 8);
        memcpy(p, c256.data, tail);
    }

    return (size_t) (p - out) + tail;
}


bool
cr_hash_load(cr_hash_t *h, const void *data, size_t len)
{
    size_t         word, tail;
    uint64_t       count;
    const uint8_t *p = data;
    SHA256_CTX     c256;
    SHA512_CTX     c512;
    cr_hash_alg_e  alg;

    if (len < 2 || p[0] != CR_HASH_VERSION
        || (p[1] != CR_HASH_SHA256 && p[1] != CR_HASH_SHA512))
    {
        return false;
    }

    alg = (cr_hash_alg_e) p[1];
    word = cr_hash_word_size(alg);

    if (len < 2 + CR_HASH_WORDS * word + 8) {
        return false;
    }

    p += 2;
    count = cr_hash_get(p + CR_HASH_WORDS * word, 8);
    tail = (size_t) (count % cr_hash_block_size(alg));

    if (count > CR_HASH_COUNT_MAX || len != 2 + CR_HASH_WORDS * word + 8 + tail)
    {
        return false;
    }

    cr_hash_init(h, alg);

    if (alg == CR_HASH_SHA512) {
        memcpy(&c512, h->state, sizeof(c512));

        for (int i = 0; i < CR_HASH_WORDS; i++, p += word) {
            c512.h[i] = cr_hash_get(p, word);
        }

        c512.Nl = count << 3;
        c512.Nh = count >> 61;
        c512.num = (unsigned) tail;
        memcpy(&c512.u, p + 8, tail);
        memcpy(h->state, &c512, sizeof(c512));

    } else {
        memcpy(&c256, h->state, sizeof(c256));

        for (int i = 0; i < CR_HASH_WORDS; i++, p += word) {
            c256.h[i] = (SHA_LONG) cr_hash_get(p, word);
        }

        c256.Nl = (SHA_LONG) (count << 3);
        c256.Nh = (SHA_LONG) (count >> 29);
        c256.num = (unsigned) tail;
        memcpy(c256.data, p + 8, tail);
        memcpy(h->state, &c256, sizeof(c256));
    }

    return true;
}


static uint8_t *
cr_hash_put(uint8_t *p, uint64_t n, size_t size)
{
    for (size_t i = size; i > 0; i--) {
        *p++ = (uint8_t) (n >> (8 * (i - 1)));
    }

    return p;
}


static uint64_t
cr_hash_get(const uint8_t *p, size_t size)
{
    uint64_t n = 0;

    for (size_t i = 0; i < size; i++) {
        n = n << 8 | p[i];
    }

    return n;
}


/* RFC 2104.  Here rather than HMAC(): that fetches the algorithm each time,
 * which costs more than the hashing of a token. */
void
cr_hash_sha256(cr_str_t s, uint8_t out[32])
{
    cr_hash_t h;

    cr_hash_init(&h, CR_HASH_SHA256);
    cr_hash_update(&h, s.data, s.len);
    cr_hash_final(&h, out);
}


void
cr_hmac_sha256(cr_str_t key, cr_str_t message, uint8_t out[32])
{
    uint8_t    pad[CR_SHA256_BLOCK];
    uint8_t    block[CR_SHA256_BLOCK] = { 0 };
    SHA256_CTX c;

    if (key.len > sizeof(block)) {
        (void) SHA256_Init(&c);
        (void) SHA256_Update(&c, key.data, key.len);
        (void) SHA256_Final(block, &c);

    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }

    for (size_t i = 0; i < sizeof(pad); i++) {
        pad[i] = block[i] ^ 0x36;
    }

    (void) SHA256_Init(&c);
    (void) SHA256_Update(&c, pad, sizeof(pad));

    if (message.len > 0) {
        (void) SHA256_Update(&c, message.data, message.len);
    }

    (void) SHA256_Final(out, &c);

    for (size_t i = 0; i < sizeof(pad); i++) {
        pad[i] = block[i] ^ 0x5c;
    }

    (void) SHA256_Init(&c);
    (void) SHA256_Update(&c, pad, sizeof(pad));
    (void) SHA256_Update(&c, out, 32);
    (void) SHA256_Final(out, &c);

    OPENSSL_cleanse(pad, sizeof(pad));
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(&c, sizeof(c));
}
