/*
 * Fuzz target: a request line, its headers and its body, from the bytes of a
 * client to the response: routing, queries, credentials, every handler.
 *
 * Input: "METHOD TARGET\n", header lines "Name: value\n", an empty line, the
 * body.  The database and the store are real, in a folder of their own that
 * is removed at the end; what one input leaves, the next one finds.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "drive.h"

#define FUZZ_HEADERS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static cr_drive_t fuzz_drive;

static void
fuzz_done(void)
{
    cr_drive_close(&fuzz_drive);
}

static void
fuzz_init(void)
{
    cr_drive_open(&fuzz_drive);
    fuzz_drive.auth = cr_drive_basic(&fuzz_drive, "admin", CR_DRIVE_ADMIN);
    cr_push_manifest(&fuzz_drive, "library/app", "v1", "seed", NULL, NULL);
    (void) atexit(fuzz_done);

    /* A session with an id that the seeds know. */
    cr_expect_done(cr_send(&fuzz_drive, "POST",
                           "/v2/library/app/blobs/uploads/", CR_STR_NULL),
                   202, "");
    cr_drive_sql(&fuzz_drive, "UPDATE upload SET id = "
                              "'01890a5d-ac96-774b-bcce-b302099a8057'");
}

/* Take the steps that the transport would; pieces of one to 16 bytes. */
static void
fuzz_step(cr_exchange_t *x, cr_str_t body, size_t *sent)
{
    size_t n;

    switch (x->step) {

    case CR_STEP_BODY:
        cr_exchange_body(x, body);
        break;

    case CR_STEP_STREAM:
        n = body.len - *sent < 16 ? body.len - *sent : 16;

        if (n == 0) {
            cr_exchange_stream_end(x);
            break;
        }

        /* A body that begins with '!' is cut short after it. */
        if (*sent != 0 && body.data[0] == '!') {
            cr_exchange_abort(x);
            break;
        }

        cr_exchange_write(x, body.data + *sent, n);
        *sent += n;
        break;

    default:
        cr_exchange_run(x);
        break;
    }
}

static void
fuzz_check(const cr_exchange_t *x)
{
    const cr_response_t *r = &x->response;

    if (x->step == CR_STEP_DROP) {
        return;
    }

    /* No input of a client is our fault. */
    if (r->status < 200 || r->status >= 500) {
        abort();
    }

    for (size_t i = 0; i < r->nheaders; i++) {
        for (size_t k = 0; k < r->headers[i].value.len; k++) {
            if ((unsigned char) r->headers[i].value.data[k] < ' ') {
                abort();
            }
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;

    bool           own = false; /* has a credential */
    size_t         sent = 0;
    unsigned       turns = 0;
    cr_str_t       line, rest = { size, (const char *) data };
    ptrdiff_t      pos;
    cr_header_t    headers[FUZZ_HEADERS + 1];
    cr_request_t   q = { 0 };
    cr_exchange_t *x;

    if (!ready) {
        fuzz_init();
        ready = true;
    }

    if (size == 0 || !cr_str_split(&rest, '\n', &line)
        || (pos = cr_str_chr(line, ' ')) < 0)
    {
        return 0;
    }

    q.method = cr_str_slice(line, 0, (size_t) pos);
    q.target = cr_str_slice(line, (size_t) pos + 1, line.len);
    q.scheme = CR_STR("http");
    q.headers = headers;

    while (rest.len != 0 && cr_str_split(&rest, '\n', &line) && line.len != 0) {
        pos = cr_str_chr(line, ':');

        if (pos < 0 || q.nheaders == FUZZ_HEADERS) {
            continue;
        }

        headers[q.nheaders].name = cr_str_slice(line, 0, (size_t) pos);
        headers[q.nheaders].value =
            cr_str_trim(cr_str_slice(line, (size_t) pos + 1, line.len));

        if (cr_str_case_eq(headers[q.nheaders].name, CR_STR("Host"))) {
            q.host = headers[q.nheaders].value;
        }

        own = own
              || cr_str_case_eq(headers[q.nheaders].name,
                                CR_STR("Authorization"));
        q.nheaders++;
    }

    if (!own) {
        headers[q.nheaders].name = CR_STR("Authorization");
        headers[q.nheaders].value = cr_str_z(fuzz_drive.auth);
        q.nheaders++;
    }

    q.content_length = (q.target.len & 1) ? -1 : (int64_t) rest.len;

    if (cr_exchange_create(fuzz_drive.api, &q, &x) != CR_OK) {
        abort();
    }

    while (x->step != CR_STEP_SEND && x->step != CR_STEP_DROP) {
        if (++turns > 1000000) {
            abort();
        }

        fuzz_step(x, rest, &sent);
    }

    fuzz_check(x);
    cr_exchange_free(x);

    return 0;
}
