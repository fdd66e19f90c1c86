/*
 * Content-Range of chunks: what is taken reads back the same.
 */

#include <assert.h>
#include <inttypes.h>
#include "oci/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cr_ctx_t cx;
    cr_str_t s = { size, (const char *) data }, again;
    uint64_t first = 1, last = 0, first2 = 1, last2 = 0;
    cr_err_t err;

    if (size > 512 || cr_ctx_init(&cx, 0) != CR_OK) {
        return 0;
    }

    err = cr_range_parse(&cx, s, &first, &last);
    if (err == CR_OK) {
        assert(first <= last && last <= INT64_MAX);
        again = cr_printf(&cx, "%" PRIu64 "-%" PRIu64, first, last);
        assert(cr_range_parse(&cx, again, &first2, &last2) == CR_OK);
        assert(first == first2 && last == last2);
    } else {
        assert(err == CR_ERR_RANGE_INVALID);
        assert(first == 1 && last == 0);
    }

    cr_ctx_done(&cx);

    return 0;
}
