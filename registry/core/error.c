/*
 * The table of errors (error.def) as data.  Constants only: any thread.
 */

#include "core/error.h"

static const cr_err_info_t cr_err_infos[CR_ERR_MAX] = {
    [CR_OK] = { "OK", "OK", 200, false, "" },
#define X(name, id, status, retryable, text)                                   \
    [CR_ERR_##name] = { #name, id, status, (retryable) != 0, text },
#include "core/error.def"
#undef X
};


const cr_err_info_t *
cr_err_info(cr_err_t err)
{
    if ((int) err < 0 || err >= CR_ERR_MAX) {
        err = CR_ERR_INTERNAL;
    }

    return &cr_err_infos[err];
}
