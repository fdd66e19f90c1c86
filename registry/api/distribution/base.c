/*
 * GET /v2/ (distribution-spec, "Determining Support").  Without a credential
 * it is always 401: clients learn only here that there is a token service.
 */

#include "api/handlers.h"

cr_err_t
cr_v2_base(cr_exchange_t *x)
{
    return cr_respond_json(x, 200, CR_STR("{}"));
}
