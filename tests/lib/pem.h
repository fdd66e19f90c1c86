/* A key that a test has made, as the text of its file. */

#ifndef TEST_AUTH_PEM_H
#define TEST_AUTH_PEM_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "core/ctx.h"

/* A private key in PEM. */
static inline cr_str_t
pem_of(cr_ctx_t *cx, EVP_PKEY *pkey)
{
    BIO     *bio = BIO_new(BIO_s_mem());
    char    *data;
    long     n;
    cr_str_t pem;

    assert_non_null(pkey);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL,
                                              NULL),
                     1);
    n = BIO_get_mem_data(bio, &data);
    pem = cr_dup(cx, (cr_str_t){ (size_t) n, data });
    assert_non_null(pem.data);
    BIO_free(bio);
    EVP_PKEY_free(pkey);

    return pem;
}

#endif
