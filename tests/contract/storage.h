/*
 * The storage contract: one suite, run over every driver.  A new driver is
 * one row in test_storage.c.
 */

#ifndef TEST_CONTRACT_STORAGE_H
#define TEST_CONTRACT_STORAGE_H

#include "storage/storage_driver.h"

typedef struct storage_contract_s {
    const cr_storage_driver_t *driver;
    /* Put the URL of an empty store into url; false when that fails. */
    bool (*make)(char *url, size_t size);
    /* Remove what make made. */
    void (*drop)(const char *z_url);
} storage_contract_t;

/* Run all of the suite over n drivers; how many tests failed. */
int storage_contract_run(const storage_contract_t *drivers, size_t n);

#endif
