/*
 * Portal sessions: what a cookie holds, signed with a key that is derived
 * from the installation's token keys, so every instance accepts it and none
 * stores it.  Bound to the user's epoch.  A value; any thread.
 */

#ifndef CR_AUTH_SESSION_H
#define CR_AUTH_SESSION_H

#include "auth/token.h"

#define CR_SESSION_IDLE_S   3600  /* without a request, unless it was set */
#define CR_SESSION_MAX_S    86400 /* from the login on */
#define CR_SESSION_RENEW_S  300   /* a cookie younger than that is kept */
#define CR_SESSION_RANDOM   16    /* bytes */
#define CR_SESSION_TEXT_MAX 512

typedef struct cr_session_s {
    int64_t user_id;
    int64_t epoch;
    int64_t issued_at; /* seconds: of the login */
    int64_t seen_at;   /* of the cookie */
    char    random[CR_SESSION_RANDOM * 2]; /* hex */
} cr_session_t;

/* A new one, as of now. */
cr_err_t cr_session_make(cr_ctx_t *cx, int64_t user_id, int64_t epoch,
                         cr_session_t *ret_s);
/* The cookie's value.  INTERNAL when the ring has no key for it. */
cr_err_t cr_session_seal(cr_ctx_t *cx, const cr_keyring_t *ring,
                         const cr_session_t *s, cr_str_t *ret_text);
/* UNAUTHORIZED for anything wrong, and when it has ended: idle_s after its
 * last request, or CR_SESSION_MAX_S after the login. */
cr_err_t cr_session_open(cr_ctx_t *cx, const cr_keyring_t *ring, cr_str_t text,
                         int64_t idle_s, cr_session_t *ret_s);
/* What unsafe requests with this cookie must bring. */
cr_err_t cr_session_csrf(cr_ctx_t *cx, const cr_keyring_t *ring,
                         const cr_session_t *s, cr_str_t *ret_text);

#endif
