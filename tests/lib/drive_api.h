/*
 * The management API by the transport for tests (drive.h): requests and
 * answers of JSON, and what every refusal there has in common.
 */

#ifndef CR_TESTS_DRIVE_API_H
#define CR_TESTS_DRIVE_API_H

#include "drive.h"

/* cmocka setup and teardown: drive.h's, called by the administrator, with
 * users alice (id 2) and bob (3) who have CR_DRIVE_ADMIN for a password. */
int cr_api_setup(void **state);
int cr_api_teardown(void **state);
/* Who calls from now on; NULL: nobody. */
void cr_api_as(cr_drive_t *d, const char *name);
/* A private project of the administrator, with alice in that role (0: not a
 * member).  Returns its id. */
int64_t cr_api_project(cr_drive_t *d, const char *name, int alice);

/* A request below /api/v2.0, with a JSON body (NULL: none). */
cr_reply_t cr_api_call(cr_drive_t *d, const char *method, const char *path,
                       const char *json);

/* It is taken, with this status and no body. */
#define cr_api_done(d, method, path, json, status)                             \
    cr_api_done_at((d), (method), (path), (json), (status), __FILE__, __LINE__)
/*
 * It is refused: with this status and code of Harbor's, in a message that has
 * the text in it, and the database is as it was.
 */
#define cr_api_refused(d, method, path, json, status, code, text)              \
    cr_api_refused_at((d), (method), (path), (json), (status), (code), (text), \
                      __FILE__, __LINE__)
/* GET gives 200 and this JSON there (as cr_api_at). */
#define cr_api_shows(d, path, place, want)                                     \
    cr_api_shows_at((d), (path), (place), (want), __FILE__, __LINE__)

void cr_api_done_at(cr_drive_t *d, const char *method, const char *path,
                    const char *json, int status, const char *file, int line);
void cr_api_refused_at(cr_drive_t *d, const char *method, const char *path,
                       const char *json, int status, const char *code,
                       const char *text, const char *file, int line);
void cr_api_shows_at(cr_drive_t *d, const char *path, const char *place,
                     const char *want, const char *file, int line);

/*
 * The JSON at a place of an answer, "0.metadata.public"; "" is all of it.
 * "*.name" are the names of all items.  Compact, keys sorted; "-": there is
 * none.
 */
const char *cr_api_at(cr_drive_t *d, const cr_reply_t *r, const char *place);
/* The members of the object there, sorted: "id,name". */
const char *cr_api_keys(cr_drive_t *d, const cr_reply_t *r, const char *place);
/* A number that changes with every row of the database. */
uint64_t cr_drive_rows(cr_drive_t *d);

#endif
