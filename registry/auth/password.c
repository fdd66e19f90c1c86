/*
 * Password hashes by crypt(3).  Slow on purpose: crypt pool only.  Each call
 * has working storage of its own (32 KiB on the heap, wiped): any thread.
 */

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include "auth/password.h"
#include "core/encode.h"

#define CR_PASSWORD_SALT   16

/* Harbor: src/common/utils/encrypt.go. */
#define CR_PASSWORD_HARBOR "$harbor$"
#define CR_HARBOR_ROUNDS   4096
#define CR_HARBOR_SIZE     16
#define CR_HARBOR_SALT_MAX 128

/* The setting of a hash of yescrypt's default cost: what crypt_gensalt makes
 * for the hashes of this file, with a salt that nobody's password has. */
#define CR_PASSWORD_DUMMY  "$y$j9T$mJqNdB5RmZb9ixaMjFKSV."

/* The schemes that are verified: yescrypt, and bcrypt of other systems. */
static const cr_str_t cr_password_schemes[] = {
    { 3, "$y$" },
    { 4, "$2a$" },
    { 4, "$2b$" },
    { 4, "$2y$" },
};

static bool     cr_password_scheme_known(cr_str_t hash);
static cr_err_t cr_password_crypt(cr_ctx_t *cx, cr_str_t password,
                                  const char *z_setting, cr_str_t *ret_hash);
static cr_err_t cr_password_wrong(cr_ctx_t *cx, const char *z_why);
static cr_err_t cr_password_harbor(cr_ctx_t *cx, cr_str_t password,
                                   cr_str_t hash, bool *ret_equal);


cr_err_t
cr_password_check(cr_ctx_t *cx, cr_str_t password)
{
    bool upper = false, lower = false, digit = false, control = false;

    for (size_t i = 0; i < password.len; i++) {
        unsigned char c = (unsigned char) password.data[i];

        upper = upper || (c >= 'A' && c <= 'Z');
        lower = lower || (c >= 'a' && c <= 'z');
        digit = digit || (c >= '0' && c <= '9');
        control = control || c < 0x20 || c == 0x7f;
    }

    if (password.len < CR_PASSWORD_MIN || password.len > CR_PASSWORD_RULE_MAX
        || !upper || !lower || !digit || control)
    {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "the password must have %d to %d characters with at "
                       "least 1 uppercase letter, 1 lowercase letter and 1 "
                       "number, and no control character",
                       CR_PASSWORD_MIN, CR_PASSWORD_RULE_MAX);
    }

    return CR_OK;
}


cr_err_t
cr_password_check_bytes(cr_ctx_t *cx, cr_str_t password)
{
    if (password.len < CR_PASSWORD_MIN || password.len > CR_PASSWORD_MAX) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "a password has %d to %d bytes",
                       CR_PASSWORD_MIN, CR_PASSWORD_MAX);
    }

    for (size_t i = 0; i < password.len; i++) {
        unsigned char c = (unsigned char) password.data[i];

        if (c < 0x20 || c == 0x7f) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST,
                           "a password has no control characters");
        }
    }

    return CR_OK;
}


cr_err_t
cr_password_hash(cr_ctx_t *cx, cr_str_t password, cr_str_t *ret_hash)
{
    char salt[CR_PASSWORD_SALT];
    char z_setting[CRYPT_GENSALT_OUTPUT_SIZE];

    CR_TRY(cr_password_check_bytes(cx, password));

    if (cx->sys->random(salt, sizeof(salt)) != 0) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "no random bytes");
    }

    if (crypt_gensalt_rn("$y$", 0, salt, sizeof(salt), z_setting,
                         sizeof(z_setting))
        == NULL)
    {
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "crypt_gensalt failed");
    }

    return cr_password_crypt(cx, password, z_setting, ret_hash);
}


cr_err_t
cr_password_verify(cr_ctx_t *cx, cr_str_t password, cr_str_t hash)
{
    bool        known = true;
    bool        equal = false;
    cr_str_t    made;
    const char *z_setting;

    /* No hash is of such a password; the answer comes as fast for any name. */

    if (password.len > CR_PASSWORD_MAX
        || (password.len > 0
            && memchr(password.data, '\0', password.len) != NULL))
    {
        return cr_password_wrong(cx, "too long, or holds a NUL");
    }

    z_setting = CR_PASSWORD_DUMMY;

    if (cr_str_starts(hash, CR_STR(CR_PASSWORD_HARBOR))) {
        CR_TRY(cr_password_harbor(cx, password, hash, &equal));

        if (equal) {
            return CR_OK; /* and is hashed anew, which takes as long */
        }

        known = false;
        hash = CR_STR_NULL;

    } else if (hash.len == 0 || !cr_password_scheme_known(hash)) {
        known = false;

    } else {
        z_setting = cr_arena_dup_z(cx->arena, hash);

        if (z_setting == NULL) {
            return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
        }
    }

    CR_TRY(cr_password_crypt(cx, password, z_setting, &made));

    equal = cr_str_eq_secret(made, hash);

    if (!known) {
        return cr_password_wrong(cx, "no such user, or no hash that fits");
    }

    return equal ? CR_OK : cr_password_wrong(cx, "does not fit");
}


static bool
cr_password_scheme_known(cr_str_t hash)
{
    for (size_t i = 0; i < CR_NELTS(cr_password_schemes); i++) {
        if (cr_str_starts(hash, cr_password_schemes[i])) {
            return true;
        }
    }

    return false;
}


/* CR_ERR_CORRUPT when the setting, which comes from a stored hash, is bad. */
static cr_err_t
cr_password_crypt(cr_ctx_t *cx, cr_str_t password, const char *z_setting,
                  cr_str_t *ret_hash)
{
    char               z_password[CR_PASSWORD_MAX + 1];
    char              *z_made;
    cr_err_t           err = CR_OK;
    cr_str_t           made;
    struct crypt_data *data = calloc(1, sizeof(struct crypt_data));

    if (data == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    if (password.len > 0) {
        memcpy(z_password, password.data, password.len);
    }

    z_password[password.len] = '\0';

    z_made = crypt_rn(z_password, z_setting, data, sizeof(struct crypt_data));

    if (z_made != NULL) {
        made = cr_dup(cx, cr_str_z(z_made));

        if (made.data == NULL) {
            err = CR_ERR_NO_MEMORY;

        } else {
            *ret_hash = made;
        }

    } else if (errno == ENOMEM) {
        err = cr_fail(cx, CR_ERR_NO_MEMORY, NULL);

    } else {
        err = cr_fail_detail(cx, CR_ERR_CORRUPT,
                             "a stored password hash is damaged");
    }

    explicit_bzero(z_password, sizeof(z_password));
    explicit_bzero(data, sizeof(struct crypt_data));
    free(data);

    return err;
}


static cr_err_t
cr_password_wrong(cr_ctx_t *cx, const char *z_why)
{
    return cr_fail_detail(cx, CR_ERR_UNAUTHORIZED, "password: %s", z_why);
}


bool
cr_password_outdated(cr_str_t hash)
{
    return hash.len != 0 && !cr_str_starts(hash, cr_password_schemes[0]);
}


/* "$harbor$VERSION$SALT$HEX".  CR_ERR_CORRUPT when it is not. */
static cr_err_t
cr_password_harbor(cr_ctx_t *cx, cr_str_t password, cr_str_t hash,
                   bool *ret_equal)
{
    char          hex[2 * CR_HARBOR_SIZE];
    cr_str_t      version, salt, rest;
    unsigned char made[CR_HARBOR_SIZE];
    const EVP_MD *md = NULL;

    rest = cr_str_slice(hash, sizeof(CR_PASSWORD_HARBOR) - 1, hash.len);

    if (cr_str_split(&rest, '$', &version)) {
        md = cr_str_eq_z(version, "sha1")     ? EVP_sha1()
             : cr_str_eq_z(version, "sha256") ? EVP_sha256()
                                              : NULL;
    }

    if (md == NULL || !cr_str_split(&rest, '$', &salt) || rest.data == NULL
        || rest.len != sizeof(hex) || salt.len > CR_HARBOR_SALT_MAX)
    {
        return cr_fail_detail(cx, CR_ERR_CORRUPT,
                              "a stored password hash is damaged");
    }

    if (PKCS5_PBKDF2_HMAC(password.data == NULL ? "" : password.data,
                          (int) password.len,
                          (const unsigned char *) salt.data, (int) salt.len,
                          CR_HARBOR_ROUNDS, md, CR_HARBOR_SIZE, made)
        != 1)
    {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    cr_hex_encode(made, sizeof(made), hex);
    *ret_equal = cr_str_eq_secret((cr_str_t){ sizeof(hex), hex }, rest);
    explicit_bzero(made, sizeof(made));
    explicit_bzero(hex, sizeof(hex));

    return CR_OK;
}
