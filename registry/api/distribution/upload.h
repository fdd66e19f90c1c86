/*
 * Inside distribution/: an upload on its way, shared by upload.c (sessions:
 * start, status, cancel, mount), upload_write.c (bytes and commit) and
 * upload_rehash.c (the hash), upload_abandon.c (neither).
 */

#ifndef CR_API_DISTRIBUTION_UPLOAD_H
#define CR_API_DISTRIBUTION_UPLOAD_H

#include "api/exchange.h"

/* How often a long stream renews its lease; well below the lease itself. */
#define CR_UPLOAD_RENEW_US (15 * CR_SECOND)

typedef struct cr_upload_op_s {
    bool             session;  /* false: POST with ?digest=, no row */
    bool             closing;  /* PUT, or POST with ?digest= */
    bool             discard;  /* what this request received does not count */
    bool             ruined;   /* the session cannot go on: cancel it */
    bool             unsure;   /* a row may name what was made */
    cr_upload_t      u;        /* as it grows */
    cr_upload_t      base;     /* as the row has it: what is released */
    uint64_t         received; /* bytes of this request */
    bool             ranged;   /* Content-Range: the body must have `expect` */
    uint64_t         expect;
    cr_digest_t      want;   /* closing */
    bool             rehash; /* read back what is stored before going on */
    bool             second; /* want has another algorithm than u.hash */
    cr_hash_t        hash;   /* of want's algorithm, when second */
    int64_t          renewed_at;
    cr_str_t         made[2]; /* files of this request that no row names */
    size_t           nmade;
    cr_upload_file_t file; /* to publish */
} cr_upload_op_t;

/* Location, Range, Docker-Upload-UUID of a session that has size bytes. */
cr_err_t cr_upload_headers(cr_exchange_t *x, const char *id, uint64_t size);
/* NO_SPACE when need more bytes would leave less than min_free; the second
 * one takes the length of the body for it. */
cr_err_t cr_upload_room(cr_exchange_t *x, uint64_t need);
cr_err_t cr_upload_space(cr_exchange_t *x);
/* Stream the body into a file of its own and publish it (no session). */
cr_err_t cr_upload_monolithic(cr_exchange_t *x, const cr_digest_t *d);
/* --- upload_rehash.c --- */

/* Take bytes into the hash, or both. */
void cr_upload_hash(cr_upload_op_t *op, const void *data, size_t len);
/* Hash again what is stored; blocking.  Fails as cr_upload_ruined. */
cr_err_t cr_upload_rehash(cr_exchange_t *x);
/* The bytes that the row promises are not there: nothing can mend that.
 * Records and returns BLOB_UPLOAD_UNKNOWN; the session will be cancelled. */
cr_err_t cr_upload_ruined(cr_exchange_t *x);

/* PATCH: write down what was received. */
cr_err_t cr_upload_record(cr_exchange_t *x);
/* The abort step of all requests with bytes. */
cr_err_t cr_upload_abandon(cr_exchange_t *x);
/* The locator of the content that the registry has under d, when its bytes
 * are not there; empty: all is well, or there is none. */
cr_err_t cr_upload_lost(cr_exchange_t *x, const cr_digest_t *d,
                        cr_str_t *ret_locator);
/* blob.c: NOT_FOUND: no file of that many bytes. */
cr_err_t cr_blob_check_file(cr_exchange_t *x, cr_str_t locator, uint64_t size);
/* 201 for a blob that this repository now has. */
cr_err_t cr_upload_created(cr_exchange_t *x, const cr_digest_t *d);

#endif
