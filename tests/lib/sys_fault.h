/*
 * A cr_sys_t for tests: the real calls, counted, of which the n-th fails, or
 * which transfer less than asked for.  Syncs do not wait for the disk.  One
 * scenario at a time; the state is this program's.
 */

#ifndef TEST_SYS_FAULT_H
#define TEST_SYS_FAULT_H

#include <stdbool.h>
#include "core/sys.h"

extern const cr_sys_t test_sys_fault;

/* Forget all: nothing fails, the count is 0, the trace empty. */
void test_sys_fault_reset(void);
/*
 * Forget all; the n-th call from now (1 is the next) fails with errnum and,
 * but for close, does nothing.  Time and randomness are not counted.
 */
void test_sys_fault_arm(unsigned n, int errnum);
/* The same, counting only the calls of one slot ("pwrite"). */
void test_sys_fault_arm_call(const char *z_slot, unsigned n, int errnum);
/* pread and pwrite transfer at most so many bytes (0: no bound). */
void test_sys_fault_bound(size_t size);

/* Slot of the call that failed ("openat"), and its path; NULL: none did. */
const char *test_sys_fault_failed(void);
const char *test_sys_fault_path(void);
/* Names of the calls so far, a space behind each. */
const char *test_sys_fault_trace(void);

/* How many descriptors this process has open. */
unsigned test_sys_fds(void);

#endif
