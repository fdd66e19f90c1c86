/*
 * Password hashes as crypt(3) strings, which carry their scheme: yescrypt is
 * made; yescrypt, bcrypt and Harbor's PBKDF2 are verified.  Harbor's columns
 * password_version, salt and password become "$harbor$VERSION$SALT$PASSWORD"
 * (VERSION sha1 or sha256).  Slow on purpose (tens of milliseconds): crypt
 * pool only.
 */

#ifndef CR_AUTH_PASSWORD_H
#define CR_AUTH_PASSWORD_H

#include "core/ctx.h"

#define CR_PASSWORD_MAX      511 /* bytes: what crypt(3) takes */
#define CR_PASSWORD_MIN      8
#define CR_PASSWORD_RULE_MAX 128 /* of one that is given to a person */

/*
 * The rule for a new password, which is Harbor's: 8 to 128 bytes, an upper and
 * a lower case letter and a digit, no control character.  BAD_REQUEST.
 */
cr_err_t cr_password_check(cr_ctx_t *cx, cr_str_t password);

/*
 * What any password must be, and all that is asked of one that the operator
 * sets: CR_PASSWORD_MIN to CR_PASSWORD_MAX bytes, no control character.
 * BAD_REQUEST.
 */
cr_err_t cr_password_check_bytes(cr_ctx_t *cx, cr_str_t password);

/* BAD_REQUEST where cr_password_check_bytes() is. */
cr_err_t cr_password_hash(cr_ctx_t *cx, cr_str_t password, cr_str_t *ret_hash);
/*
 * UNAUTHORIZED when wrong.  An empty hash burns the same time against a
 * dummy, so that unknown names cost what known ones do.
 */
cr_err_t cr_password_verify(cr_ctx_t *cx, cr_str_t password, cr_str_t hash);
/* Should a hash be made anew, now that the password is known?  No I/O. */
bool cr_password_outdated(cr_str_t hash);

#endif
