/*
 * The drivers that the storage contract is run over.
 */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "storage.h"

#define FILESYSTEM_PREFIX "filesystem:"


static bool
filesystem_make(char *url, size_t size)
{
    static const char form[] = FILESYSTEM_PREFIX "/tmp/cr-contract-XXXXXX";

    if (size < sizeof(form)) {
        return false;
    }
    memcpy(url, form, sizeof(form));

    return mkdtemp(url + sizeof(FILESYSTEM_PREFIX) - 1) != NULL;
}


static int
filesystem_drop_entry(const char *z_path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    return remove(z_path);
}


static void
filesystem_drop(const char *z_url)
{
    (void) nftw(z_url + sizeof(FILESYSTEM_PREFIX) - 1, filesystem_drop_entry,
                16, FTW_DEPTH | FTW_PHYS);
}


static bool
memory_make(char *url, size_t size)
{
    return snprintf(url, size, "memory:") > 0;
}


static void
memory_drop(const char *z_url)
{
    (void) z_url;
}


static const storage_contract_t drivers[] = {
    { &cr_storage_filesystem, filesystem_make, filesystem_drop },
    { &cr_storage_memory, memory_make, memory_drop },
};


int
main(void)
{
    return storage_contract_run(drivers, CR_NELTS(drivers));
}
