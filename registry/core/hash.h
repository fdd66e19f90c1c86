/*
 * SHA-256 and SHA-512, streaming, with a state that can be saved between
 * requests and processes (DESIGN section 6).  The saved form is explicit:
 * version byte, algorithm byte, chaining values big-endian, byte count
 * big-endian, buffered tail.  One thread at a time.
 */

#ifndef CR_CORE_HASH_H
#define CR_CORE_HASH_H

#include "core/ctx.h"

typedef enum {
    CR_HASH_SHA256 = 1,
    CR_HASH_SHA512 = 2
} cr_hash_alg_e;

#define CR_HASH_MAX_SIZE  64
#define CR_HASH_STATE_MAX 256

typedef struct cr_hash_s {
    cr_hash_alg_e alg;
    uint64_t      state[27]; /* room for SHA512_CTX, opaque */
} cr_hash_t;

size_t cr_hash_size(cr_hash_alg_e alg); /* 32 or 64 */
void   cr_hash_init(cr_hash_t *h, cr_hash_alg_e alg);
void   cr_hash_update(cr_hash_t *h, const void *data, size_t len);
/* Writes cr_hash_size(alg) bytes; h is used up. */
void cr_hash_final(cr_hash_t *h, uint8_t *out);
/* Bytes hashed so far. */
uint64_t cr_hash_count(const cr_hash_t *h);
/* Encode into out; returns the length, at most CR_HASH_STATE_MAX. */
size_t cr_hash_save(const cr_hash_t *h, uint8_t *out);
/* False when the bytes are not a state of this version: hash again. */
bool cr_hash_load(cr_hash_t *h, const void *data, size_t len);
/* SHA-256 of a text at once. */
void cr_hash_sha256(cr_str_t s, uint8_t out[32]);
/* HMAC-SHA-256 of a message; out has 32 bytes. */
void cr_hmac_sha256(cr_str_t key, cr_str_t message, uint8_t out[32]);

#endif
