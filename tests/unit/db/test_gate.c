/*
 * The gate: who is in it keeps others out, who dies in it does not.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "db/gate.h"

#define LONG_US 10000000

typedef struct test_gate_s {
    cr_ctx_t      cx;
    cr_db_gate_t *gate; /* shared with children */
} test_gate_t;


static int
setup(void **state)
{
    static test_gate_t t;

    if (cr_ctx_init(&t.cx, 0) != CR_OK) {
        return -1;
    }

    t.cx.may_block = true;
    t.gate = mmap(NULL, sizeof(cr_db_gate_t), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (t.gate == MAP_FAILED) {
        return -1;
    }

    *state = &t;

    return 0;
}


static int
teardown(void **state)
{
    test_gate_t *t = *state;

    (void) munmap(t->gate, sizeof(cr_db_gate_t));
    cr_ctx_done(&t->cx);

    return 0;
}


/* Does another thread get in, within so many microseconds? */
typedef struct test_other_s {
    cr_db_gate_t *gate;
    int64_t       wait_us;
    cr_err_t      err;
    bool          entered;
} test_other_t;

static void *
other_main(void *arg)
{
    cr_ctx_t      cx;
    test_other_t *o = arg;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        return NULL;
    }

    o->err = cr_db_gate_enter(&cx, o->gate, o->wait_us, &o->entered);

    if (o->entered) {
        cr_db_gate_leave(o->gate);
    }

    cr_ctx_done(&cx);

    return NULL;
}

static void
other_starts(test_other_t *o, pthread_t *ret_id)
{
    o->err = CR_ERR_INTERNAL;
    assert_int_equal(pthread_create(ret_id, NULL, other_main, o), 0);
}


static void
test_no_gate(void **state)
{
    bool         entered = true;
    test_gate_t *t = *state;

    assert_int_equal(cr_db_gate_enter(&t->cx, NULL, LONG_US, &entered), CR_OK);
    assert_false(entered);

    entered = true;
    assert_int_equal(cr_db_gate_enter(&t->cx, t->gate, LONG_US, &entered),
                     CR_OK);
    assert_false(entered);
}


static void
test_one_at_a_time(void **state)
{
    bool         entered;
    pthread_t    id;
    test_gate_t *t = *state;
    test_other_t o = { .gate = t->gate, .wait_us = 1000 };

    cr_db_gate_init(t->gate);
    assert_int_equal(cr_db_gate_enter(&t->cx, t->gate, LONG_US, &entered),
                     CR_OK);
    assert_true(entered);

    /* It gives up. */
    other_starts(&o, &id);
    assert_int_equal(pthread_join(id, NULL), 0);
    assert_int_equal(o.err, CR_ERR_BUSY);
    assert_false(o.entered);

    /* It gets its turn. */
    o.wait_us = LONG_US;
    other_starts(&o, &id);
    cr_db_gate_leave(t->gate);
    assert_int_equal(pthread_join(id, NULL), 0);
    assert_int_equal(o.err, CR_OK);
    assert_true(o.entered);
}


static void
test_death_opens_it(void **state)
{
    int          i, status;
    bool         entered;
    pid_t        pid;
    test_gate_t *t = *state;

    cr_db_gate_init(t->gate);

    for (i = 0; i < 2; i++) {
        pid = fork();
        assert_int_not_equal(pid, -1);

        if (pid == 0) {
            _exit(cr_db_gate_enter(&t->cx, t->gate, LONG_US, &entered) == CR_OK
                          && entered
                      ? 0
                      : 1);
        }

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);

        assert_int_equal(cr_db_gate_enter(&t->cx, t->gate, LONG_US, &entered),
                         CR_OK);
        assert_true(entered);
        cr_db_gate_leave(t->gate);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_death_opens_it, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
