/*
 * A transport for tests: drives an exchange through all its steps at once, in
 * one thread, against a real database and a real store in a folder of its
 * own.  It checks on the way what every transport relies on (CR_ASSERT_*
 * fail the running cmocka test).
 */

#ifndef CR_TESTS_DRIVE_H
#define CR_TESTS_DRIVE_H

#include "api/api.h"

#define CR_DRIVE_ADMIN "correct horse"

typedef struct cr_drive_s {
    char          dir[64];
    cr_ctx_t      cx;
    cr_api_conf_t conf;
    cr_api_t     *api;
    cr_sys_t      sys;  /* of all exchanges: tests change slots */
    const char   *auth; /* Authorization of the next calls; NULL: none */
} cr_drive_t;

/* One request.  Zero is a GET without a body. */
typedef struct cr_call_s {
    const char *method; /* NULL: GET */
    const char *target;
    const char *headers; /* "Name: value\n..." */
    const char *type;    /* Content-Type */
    const char *range;   /* Content-Range */
    cr_str_t    body;
    size_t      piece;   /* bytes a write gets; 0: all at once */
    bool        chunked; /* length unknown */
    size_t      cut;     /* the client goes away after so many bytes */
    bool        remote;  /* not from this machine */
    const char *user;    /* remote_user: the transport knows who calls */
    bool        user_create;
} cr_call_t;

/* The answer; lives until the next call or cr_drive_close. */
typedef struct cr_reply_s {
    int            status; /* 0: dropped */
    cr_exchange_t *x;
    cr_str_t       body;                    /* of a file too */
    const char    *error;                   /* OCI id, "" */
    unsigned       steps[CR_STEP_DROP + 1]; /* how often each was run */
} cr_reply_t;

/* Fresh database (migrated, library public, admin with CR_DRIVE_ADMIN) and
 * filesystem storage.  Change d->conf before cr_drive_start to configure. */
void cr_drive_init(cr_drive_t *d);
void cr_drive_start(cr_drive_t *d);
void cr_drive_open(cr_drive_t *d); /* both */
/* A new process as it were: everything closed and opened again. */
void cr_drive_restart(cr_drive_t *d);
void cr_drive_close(cr_drive_t *d);

cr_reply_t cr_drive(cr_drive_t *d, const cr_call_t *call);
/* Short forms. */
cr_reply_t cr_get(cr_drive_t *d, const char *target);
cr_reply_t cr_head(cr_drive_t *d, const char *target);
cr_reply_t cr_send(cr_drive_t *d, const char *method, const char *target,
                   cr_str_t body);
void       cr_reply_done(cr_reply_t *r);

/* Value of a header of the answer, in d's memory; NULL when missing. */
const char *cr_reply_header(cr_drive_t *d, const cr_reply_t *r,
                            const char *name);
/* Check the status (and for errors the OCI id and the form of the body). */
#define cr_expect(r, status, error)                                            \
    cr_expect_at((r), (status), (error), __FILE__, __LINE__)
void cr_expect_at(cr_reply_t *r, int status, const char *error,
                  const char *file, int line);
/* The same, and the reply is released. */
#define cr_expect_done(r, status, error)                                       \
    do {                                                                       \
        cr_reply_t cr_r_ = (r);                                                \
        cr_expect_at(&cr_r_, (status), (error), __FILE__, __LINE__);           \
        cr_reply_done(&cr_r_);                                                 \
    } while (0)

/* "Basic ..." of a name and a password. */
const char *cr_drive_basic(cr_drive_t *d, const char *name,
                           const char *password);
/* "Bearer ..." with these scopes, asked for with d->auth. */
const char *cr_drive_bearer(cr_drive_t *d, const char *scope);
/* Rows of other sorts than the API makes: plain SQL. */
void    cr_drive_sql(cr_drive_t *d, const char *sql);
int64_t cr_drive_sql_int(cr_drive_t *d, const char *sql);
/* A user who is no administrator, password CR_DRIVE_ADMIN. */
void cr_drive_user(cr_drive_t *d, const char *name);
/* Files in the store. */
size_t cr_drive_files(cr_drive_t *d);

/* Text in d's memory. */
const char *cr_text(cr_drive_t *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "sha256:..." of bytes. */
const char *cr_sha256(cr_drive_t *d, cr_str_t body);
const char *cr_sha512(cr_drive_t *d, cr_str_t body);
/* Push a blob (POST + PUT) and return its digest. */
const char *cr_push_blob(cr_drive_t *d, const char *name, cr_str_t body);
/* An image manifest of one config and one layer, which are pushed first;
 * subject NULL or a digest; extra: more members, each with a comma before. */
cr_str_t cr_make_manifest(cr_drive_t *d, const char *name, const char *seed,
                          const char *subject, const char *extra);
/* The same, pushed with a reference (NULL: by digest).  Returns the digest. */
const char *cr_push_manifest(cr_drive_t *d, const char *name,
                             const char *reference, const char *seed,
                             const char *subject, const char *extra);

#endif
