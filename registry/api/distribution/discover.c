/* Extensions of this registry (distribution-spec, extensions/_oci.md). */

#include "api/handlers.h"

cr_err_t
cr_v2_discover(cr_exchange_t *x)
{
    return cr_respond_json(
        x, 200,
        CR_STR("{\"extensions\":[{\"name\":\"_oci\","
               "\"description\":\"discovery of extensions\","
               "\"url\":\"https://github.com/opencontainers/"
               "distribution-spec/blob/main/extensions/_oci.md\","
               "\"endpoints\":[\"_oci/ext/discover\"]}]}\n"));
}
