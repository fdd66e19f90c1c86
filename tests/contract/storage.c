/*
 * What every storage driver must do.  Each test gets an empty store of its
 * own.  A test that needs a feature passes over drivers without it, after it
 * has seen that they refuse.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/encode.h"
#include "storage.h"

#define THREADS          4
#define FILES_PER_THREAD 25

typedef struct fixture_s {
    const storage_contract_t *row;
    char                      z_url[128];
    cr_ctx_t                  cx;
    cr_storage_t             *st;
} fixture_t;


static int
setup(void **state)
{
    const storage_contract_t *row = *state;
    fixture_t                *fx = calloc(1, sizeof(fixture_t));

    const cr_storage_driver_t *const list[] = { row->driver, NULL };

    assert_non_null(fx);
    fx->row = row;
    assert_int_equal(cr_ctx_init(&fx->cx, 0), CR_OK);
    assert_true(row->make(fx->z_url, sizeof(fx->z_url)));
    assert_int_equal(cr_storage_open(&fx->cx, list, cr_str_z(fx->z_url),
                                     &fx->st),
                     CR_OK);
    *state = fx;

    return 0;
}


static int
teardown(void **state)
{
    fixture_t *fx = *state;

    cr_storage_close(fx->st);
    fx->row->drop(fx->z_url);
    cr_ctx_done(&fx->cx);
    free(fx);

    return 0;
}


/* --- helpers ----------------------------------------------------------- */

static cr_str_t
locator_new(fixture_t *fx)
{
    cr_str_t l;

    assert_int_equal(cr_storage_locator(&fx->cx, fx->st, &l), CR_OK);
    return l;
}


static cr_storage_writer_t *
create(fixture_t *fx, cr_str_t l)
{
    cr_storage_writer_t *w;

    assert_int_equal(cr_storage_create(&fx->cx, fx->st, l, &w), CR_OK);
    return w;
}


/* A finished file with this content. */
static cr_str_t
file_new(fixture_t *fx, cr_str_t content)
{
    cr_str_t             l = locator_new(fx);
    cr_storage_writer_t *w = create(fx, l);

    assert_int_equal(cr_storage_write(&fx->cx, w, content.data, content.len),
                     CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);

    return l;
}


static void
assert_content(fixture_t *fx, cr_str_t l, cr_str_t want)
{
    char    *data = malloc(want.len + 1);
    size_t   n = 0;
    uint64_t size = 0;

    assert_non_null(data);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, l, &size), CR_OK);
    assert_int_equal(size, want.len);

    /* One more than there is: a short count is the end. */
    assert_int_equal(cr_storage_read(&fx->cx, fx->st, l, 0, data, want.len + 1,
                                     &n),
                     CR_OK);
    assert_int_equal(n, want.len);
    assert_memory_equal(data, want.len == 0 ? "" : want.data, want.len);
    free(data);
}


/* Bytes that differ along the way, of an odd length above the copy buffer. */
static cr_str_t
pattern(fixture_t *fx, size_t len, unsigned seed)
{
    char    *p = cr_alloc(&fx->cx, len);
    uint32_t x = seed * 2654435761u + 1;
    size_t   i;

    assert_non_null(p);
    for (i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (char) (x >> 24);
    }

    return (cr_str_t){ len, p };
}


static cr_err_t
count_one(cr_ctx_t *cx, void *arg, cr_str_t locator, uint64_t size)
{
    size_t *n = arg;

    (void) cx;
    (void) locator;
    (void) size;
    (*n)++;

    return CR_OK;
}


static size_t
count_files(fixture_t *fx)
{
    size_t n = 0;

    assert_int_equal(cr_storage_list(&fx->cx, fx->st, count_one, &n), CR_OK);
    return n;
}


/* --- the tests --------------------------------------------------------- */

static void
locators_are_new_and_dated(void **state)
{
    fixture_t *fx = *state;
    cr_str_t   a = locator_new(fx), b = locator_new(fx);
    int64_t    before = cr_now(&fx->cx), time;

    assert_false(cr_str_eq(a, b));
    assert_true(a.len <= CR_LOCATOR_MAX);
    assert_true(fx->row->driver->valid(a));

    /* Milliseconds, and a counter that may run ahead a little. */
    time = cr_storage_locator_time(a);
    assert_true(time > before - 60 * 1000000LL);
    assert_true(time < before + 60 * 1000000LL);
    assert_int_equal(cr_storage_locator_time(CR_STR("x")), 0);
    assert_int_equal(cr_storage_locator_time(CR_STR_NULL), 0);

    /* A name makes no file. */
    assert_int_equal(count_files(fx), 0);
}


static void
bytes_come_back(void **state)
{
    fixture_t           *fx = *state;
    cr_str_t             l = locator_new(fx);
    cr_storage_writer_t *w = create(fx, l);
    char                 data[8];
    size_t               n = 99;

    assert_int_equal(cr_storage_write(&fx->cx, w, "hello", 5), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, "", 0), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, ", world", 7), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, "!", 1), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_content(fx, l, CR_STR("hello, world!"));

    assert_int_equal(cr_storage_read(&fx->cx, fx->st, l, 7, data, sizeof(data),
                                     &n),
                     CR_OK);
    assert_int_equal(n, 6);
    assert_memory_equal(data, "world!", 6);

    /* At the end, behind it, and where no file can reach. */
    assert_int_equal(cr_storage_read(&fx->cx, fx->st, l, 13, data, sizeof(data),
                                     &n),
                     CR_OK);
    assert_int_equal(n, 0);
    n = 99;
    assert_int_equal(cr_storage_read(&fx->cx, fx->st, l, UINT64_MAX, data, 8,
                                     &n),
                     CR_OK);
    assert_int_equal(n, 0);
}


static void
empty_file(void **state)
{
    fixture_t *fx = *state;
    cr_str_t   l = file_new(fx, CR_STR(""));

    assert_content(fx, l, CR_STR(""));
}


static void
large_file(void **state)
{
    fixture_t *fx = *state;
    cr_str_t   content = pattern(fx, 3 * 1024 * 1024 + 17, 1);

    assert_content(fx, file_new(fx, content), content);
}


static void
a_name_is_taken_once(void **state)
{
    fixture_t           *fx = *state;
    cr_str_t             l = file_new(fx, CR_STR("first"));
    cr_storage_writer_t *w = NULL;

    assert_int_equal(cr_storage_create(&fx->cx, fx->st, l, &w), CR_ERR_EXISTS);
    assert_null(w);
    assert_content(fx, l, CR_STR("first"));
}


static void
missing_files(void **state)
{
    fixture_t           *fx = *state;
    cr_str_t             l = locator_new(fx);
    cr_storage_writer_t *w = NULL;
    char                 c;
    size_t               n = 7;
    uint64_t             size = 7;

    assert_int_equal(cr_storage_read(&fx->cx, fx->st, l, 0, &c, 1, &n),
                     CR_ERR_NOT_FOUND);
    assert_int_equal(n, 7);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, l, &size),
                     CR_ERR_NOT_FOUND);
    assert_int_equal(size, 7);
    assert_int_equal(cr_storage_remove(&fx->cx, fx->st, l), CR_OK);

    if (cr_storage_features(fx->st) & CR_STORAGE_APPEND) {
        assert_int_equal(cr_storage_resume(&fx->cx, fx->st, l, 0, &w),
                         CR_ERR_NOT_FOUND);
        assert_null(w);
    }
    assert_int_equal(count_files(fx), 0);
}


static void
removing(void **state)
{
    fixture_t *fx = *state;
    cr_str_t   l = file_new(fx, CR_STR("gone")), other;
    uint64_t   size;

    cr_storage_writer_t *w = NULL;

    other = file_new(fx, CR_STR("stays"));
    assert_int_equal(cr_storage_remove(&fx->cx, fx->st, l), CR_OK);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, l, &size),
                     CR_ERR_NOT_FOUND);
    assert_int_equal(cr_storage_remove(&fx->cx, fx->st, l), CR_OK);
    assert_content(fx, other, CR_STR("stays"));

    /* While it is written: the writer learns it before it promises. */
    assert_int_equal(cr_storage_locator(&fx->cx, fx->st, &l), CR_OK);
    assert_int_equal(cr_storage_create(&fx->cx, fx->st, l, &w), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, "x", 1), CR_OK);
    assert_int_equal(cr_storage_remove(&fx->cx, fx->st, l), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_NOT_FOUND);
    cr_storage_writer_abort(w);
}


static void
hostile_locators(void **state)
{
    fixture_t           *fx = *state;
    cr_storage_writer_t *w = NULL;
    char                 data[4096], long_one[CR_LOCATOR_MAX + 2];
    size_t               i, n;
    uint64_t             size;
    cr_str_t             path;

    /* clang-format off */
    const cr_str_t locators[] = {
        CR_STR_NULL,
        CR_STR(""),
        CR_STR("/"),
        CR_STR("../../../../etc/passwd"),
        CR_STR("/etc/passwd"),
        CR_STR("ab/../../../../../../../../../etc/passwd"),
        CR_STR("ab/01890a5d-ac96-774b-bcce-b302099a80ab/x"),
        CR_STR("ab/01890a5d-ac96-774b-bcce-b302099a80ac"), /* other folder */
        CR_STR("ab/01890a5d-ac96-474b-bcce-b302099a80ab"), /* version 4 */
        CR_STR("AB/01890a5d-ac96-774b-bcce-b302099a80AB"),
        CR_STR("ab\\01890a5d-ac96-774b-bcce-b302099a80ab"),
        CR_STR("ab/01890a5d-ac96-774b-bcce-b302099a8\0ab"),
        CR_STR("ab/01890a5d-ac96-774b-bcce-b302099a80ab\0"),
        CR_STR("ab/01890a5dxac96x774bxbccexb302099a80ab"),
        CR_STR("01890a5d-ac96-774b-bcce-b302099a80ab"),
        CR_STR("./01890a5d-ac96-774b-bcce-b302099a80./"),
        CR_STR("../01890a5d-ac96-774b-bcce-b302099a80.."),
        { sizeof(long_one), long_one },
    };
    /* clang-format on */

    memset(long_one, 'a', sizeof(long_one));

    for (i = 0; i < CR_NELTS(locators); i++) {
        cr_str_t l = locators[i];

        assert_int_equal(cr_storage_create(&fx->cx, fx->st, l, &w),
                         CR_ERR_CORRUPT);
        assert_int_equal(cr_storage_read(&fx->cx, fx->st, l, 0, data,
                                         sizeof(data), &n),
                         CR_ERR_CORRUPT);
        assert_int_equal(cr_storage_stat(&fx->cx, fx->st, l, &size),
                         CR_ERR_CORRUPT);
        assert_int_equal(cr_storage_remove(&fx->cx, fx->st, l), CR_ERR_CORRUPT);
        if (cr_storage_features(fx->st) & CR_STORAGE_APPEND) {
            assert_int_equal(cr_storage_resume(&fx->cx, fx->st, l, 0, &w),
                             CR_ERR_CORRUPT);
        }
        if (cr_storage_features(fx->st) & CR_STORAGE_FILES) {
            assert_int_equal(cr_storage_path(&fx->cx, fx->st, l, &path),
                             CR_ERR_CORRUPT);
        }
        /* What is wrong inside is no client's business. */
        assert_int_equal(fx->cx.message.len, 0);
    }
    assert_int_equal(count_files(fx), 0);
}


static void
resuming(void **state)
{
    fixture_t           *fx = *state;
    cr_str_t             l = file_new(fx, CR_STR("0123456789"));
    cr_storage_writer_t *w = NULL;

    if (!(cr_storage_features(fx->st) & CR_STORAGE_APPEND)) {
        assert_int_equal(cr_storage_resume(&fx->cx, fx->st, l, 4, &w),
                         CR_ERR_INTERNAL);
        return;
    }

    /* What was written but not acknowledged goes. */
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, l, 4, &w), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, "xy", 2), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_content(fx, l, CR_STR("0123xy"));

    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, l, 6, &w), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, "z", 1), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_content(fx, l, CR_STR("0123xyz"));

    /* Only to sync: as it is, or not at all. */
    w = NULL;
    assert_int_equal(cr_storage_reopen(&fx->cx, fx->st, l, 6, &w),
                     CR_ERR_RANGE_INVALID);
    assert_int_equal(cr_storage_reopen(&fx->cx, fx->st, l, 8, &w),
                     CR_ERR_CORRUPT);
    assert_null(w);
    assert_content(fx, l, CR_STR("0123xyz"));
    assert_int_equal(cr_storage_reopen(&fx->cx, fx->st, l, 7, &w), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_content(fx, l, CR_STR("0123xyz"));

    /* Bytes that were acknowledged and are missing: never a hole. */
    w = NULL;
    assert_int_equal(cr_storage_resume(&fx->cx, fx->st, l, 8, &w),
                     CR_ERR_CORRUPT);
    assert_null(w);
    assert_content(fx, l, CR_STR("0123xyz"));
}


static void
aborting_keeps_what_was_written(void **state)
{
    fixture_t           *fx = *state;
    cr_str_t             l = locator_new(fx);
    cr_storage_writer_t *w = create(fx, l);

    assert_int_equal(cr_storage_write(&fx->cx, w, "part", 4), CR_OK);
    cr_storage_writer_abort(w);
    cr_storage_writer_abort(NULL);
    assert_content(fx, l, CR_STR("part"));
}


static void
joining(void **state)
{
    fixture_t           *fx = *state;
    size_t               big = 2 * 1024 * 1024 + 5;
    cr_str_t             one = pattern(fx, big, 1), two = pattern(fx, 31, 2);
    cr_str_t             a = file_new(fx, one), b = file_new(fx, two);
    cr_str_t             l = locator_new(fx);
    cr_storage_writer_t *w = create(fx, l);
    char                *all = cr_alloc(&fx->cx, big + 20);

    assert_non_null(all);
    assert_int_equal(cr_storage_append_from(&fx->cx, fx->st, w, a, big), CR_OK);
    assert_int_equal(cr_storage_append_from(&fx->cx, fx->st, w, b, 0), CR_OK);
    /* Only what was acknowledged of it. */
    assert_int_equal(cr_storage_append_from(&fx->cx, fx->st, w, b, 20), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);

    memcpy(all, one.data, big);
    memcpy(all + big, two.data, 20);
    assert_content(fx, l, (cr_str_t){ big + 20, all });
    assert_content(fx, a, one);
    assert_content(fx, b, two);
}


static void
joining_fails_for_good(void **state)
{
    fixture_t           *fx = *state;
    cr_str_t             src = file_new(fx, CR_STR("short"));
    cr_storage_writer_t *w = create(fx, locator_new(fx));

    assert_int_equal(cr_storage_append_from(&fx->cx, fx->st, w, src, 6),
                     CR_ERR_CORRUPT);
    /* No later call makes a file with a hole look whole. */
    assert_int_equal(cr_storage_write(&fx->cx, w, "x", 1), CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_CORRUPT);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_ERR_CORRUPT);

    w = create(fx, locator_new(fx));
    assert_int_equal(cr_storage_append_from(&fx->cx, fx->st, w, locator_new(fx),
                                            1),
                     CR_ERR_NOT_FOUND);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_ERR_NOT_FOUND);
}


typedef struct seen_s {
    fixture_t *fx;
    cr_str_t   locators[40];
    unsigned   times[40];
    size_t     n;
    bool       remove;
    size_t     stop_after; /* 0: never */
} seen_t;


static cr_err_t
see(cr_ctx_t *cx, void *arg, cr_str_t locator, uint64_t size)
{
    seen_t *seen = arg;
    size_t  i;

    for (i = 0; i < CR_NELTS(seen->locators); i++) {
        if (cr_str_eq(seen->locators[i], locator)) {
            seen->times[i]++;
            assert_int_equal(size, i);
        }
    }
    seen->n++;
    if (seen->remove) {
        assert_int_equal(cr_storage_remove(cx, seen->fx->st, locator), CR_OK);
    }
    if (seen->n == seen->stop_after) {
        return cr_fail(cx, CR_ERR_CONFLICT, "enough");
    }

    return CR_OK;
}


static void
walking(void **state)
{
    fixture_t *fx = *state;
    seen_t     seen = { .fx = fx };
    size_t     i;

    for (i = 0; i < CR_NELTS(seen.locators); i++) {
        seen.locators[i] = file_new(fx, pattern(fx, i, 3));
    }

    assert_int_equal(cr_storage_list(&fx->cx, fx->st, see, &seen), CR_OK);
    assert_int_equal(seen.n, CR_NELTS(seen.locators));
    for (i = 0; i < CR_NELTS(seen.locators); i++) {
        assert_int_equal(seen.times[i], 1);
    }

    /* An error of the callback ends it and is what the caller gets. */
    seen.n = 0;
    seen.stop_after = 3;
    assert_int_equal(cr_storage_list(&fx->cx, fx->st, see, &seen),
                     CR_ERR_CONFLICT);
    assert_int_equal(seen.n, 3);

    /* The sweep removes while it walks. */
    seen.n = 0;
    seen.stop_after = 0;
    seen.remove = true;
    assert_int_equal(cr_storage_list(&fx->cx, fx->st, see, &seen), CR_OK);
    assert_int_equal(seen.n, CR_NELTS(seen.locators));
    assert_int_equal(count_files(fx), 0);
}


static void
removed_while_written(void **state)
{
    fixture_t           *fx = *state;
    cr_str_t             l = locator_new(fx);
    cr_storage_writer_t *w = create(fx, l);
    uint64_t             size;

    assert_int_equal(cr_storage_write(&fx->cx, w, "a", 1), CR_OK);
    assert_int_equal(cr_storage_remove(&fx->cx, fx->st, l), CR_OK);
    assert_int_equal(cr_storage_write(&fx->cx, w, "b", 1), CR_OK);
    cr_storage_writer_abort(w);
    assert_int_equal(cr_storage_stat(&fx->cx, fx->st, l, &size),
                     CR_ERR_NOT_FOUND);
}


static void
not_on_an_event_loop(void **state)
{
    fixture_t           *fx = *state;
    cr_str_t             src = file_new(fx, CR_STR("src"));
    cr_str_t             l = locator_new(fx);
    cr_storage_writer_t *w = create(fx, l);
    size_t               n = 0;

    fx->cx.may_block = false;
    assert_int_equal(cr_storage_append_from(&fx->cx, fx->st, w, src, 3),
                     CR_ERR_AGAIN);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_ERR_AGAIN);
    assert_int_equal(cr_storage_list(&fx->cx, fx->st, count_one, &n),
                     CR_ERR_AGAIN);
    assert_int_equal(n, 0);
    assert_int_equal(cr_storage_look(&fx->cx, fx->st), CR_ERR_AGAIN);
    assert_int_equal(cr_storage_check(&fx->cx, fx->st), CR_ERR_AGAIN);

    /* Nothing was done, and the writer is as good as before. */
    fx->cx.may_block = true;
    assert_int_equal(count_files(fx), 2);
    assert_int_equal(cr_storage_append_from(&fx->cx, fx->st, w, src, 3), CR_OK);
    assert_int_equal(cr_storage_sync(&fx->cx, w), CR_OK);
    assert_int_equal(cr_storage_writer_close(&fx->cx, w), CR_OK);
    assert_content(fx, l, CR_STR("src"));
}


static void
health(void **state)
{
    fixture_t        *fx = *state;
    cr_storage_info_t info = { 1, 2 };

    assert_int_equal(cr_storage_look(&fx->cx, fx->st), CR_OK);
    assert_int_equal(cr_storage_check(&fx->cx, fx->st), CR_OK);
    assert_int_equal(count_files(fx), 0);
    assert_int_equal(cr_storage_info(&fx->cx, fx->st, &info), CR_OK);
    assert_true(info.free_size <= info.total_size);
}


static void
paths(void **state)
{
    fixture_t *fx = *state;
    cr_str_t   l = file_new(fx, CR_STR("by path")), path = CR_STR_NULL;
    char       data[16];
    FILE      *f;

    if (!(cr_storage_features(fx->st) & CR_STORAGE_FILES)) {
        assert_int_equal(cr_storage_path(&fx->cx, fx->st, l, &path),
                         CR_ERR_INTERNAL);
        return;
    }

    assert_int_equal(cr_storage_path(&fx->cx, fx->st, l, &path), CR_OK);
    assert_int_equal(path.data[0], '/');
    assert_int_equal(path.data[path.len], '\0');
    f = fopen(path.data, "rb");
    assert_non_null(f);
    assert_int_equal(fread(data, 1, sizeof(data), f), 7);
    assert_int_equal(fclose(f), 0);
    assert_memory_equal(data, "by path", 7);
}


/* cmocka's assertions belong to its thread: workers count what went wrong. */
typedef struct worker_s {
    fixture_t *fx;
    unsigned   seed;
    unsigned   faults;
} worker_t;


static cr_err_t
work_one(cr_ctx_t *cx, cr_storage_t *st, unsigned seed)
{
    char                 want[3000], got[3000];
    size_t               n = 0;
    cr_str_t             l;
    cr_storage_writer_t *w;

    memset(want, (int) (seed & 0xff), sizeof(want));
    CR_TRY(cr_storage_locator(cx, st, &l));
    CR_TRY(cr_storage_create(cx, st, l, &w));
    CR_TRY(cr_storage_write(cx, w, want, sizeof(want)));
    CR_TRY(cr_storage_writer_close(cx, w));
    CR_TRY(cr_storage_read(cx, st, l, 0, got, sizeof(got), &n));
    if (n != sizeof(got) || memcmp(want, got, n) != 0) {
        return CR_ERR_CORRUPT;
    }

    return seed % 2 ? cr_storage_remove(cx, st, l) : CR_OK;
}


static void *
work(void *arg)
{
    worker_t *worker = arg;
    cr_ctx_t  cx;
    unsigned  i;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        worker->faults++;
        return NULL;
    }
    for (i = 0; i < FILES_PER_THREAD * 2; i++) {
        if (work_one(&cx, worker->fx->st, worker->seed + i) != CR_OK) {
            worker->faults++;
        }
    }
    cr_ctx_done(&cx);

    return NULL;
}


static void
many_threads(void **state)
{
    fixture_t *fx = *state;
    pthread_t  threads[THREADS];
    worker_t   workers[THREADS];
    unsigned   i;

    for (i = 0; i < THREADS; i++) {
        workers[i] = (worker_t){ fx, i * 1000, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]),
                         0);
    }
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].faults, 0);
    }
    assert_int_equal(count_files(fx), THREADS * FILES_PER_THREAD);
}


/* --- the suite --------------------------------------------------------- */

typedef struct contract_test_s {
    const char        *z_name;
    CMUnitTestFunction fn;
} contract_test_t;

#define CONTRACT_TEST(name)                                                    \
    {                                                                          \
#name, name                                                            \
    }

static const contract_test_t contract[] = {
    CONTRACT_TEST(locators_are_new_and_dated),
    CONTRACT_TEST(bytes_come_back),
    CONTRACT_TEST(empty_file),
    CONTRACT_TEST(large_file),
    CONTRACT_TEST(a_name_is_taken_once),
    CONTRACT_TEST(missing_files),
    CONTRACT_TEST(removing),
    CONTRACT_TEST(hostile_locators),
    CONTRACT_TEST(resuming),
    CONTRACT_TEST(aborting_keeps_what_was_written),
    CONTRACT_TEST(joining),
    CONTRACT_TEST(joining_fails_for_good),
    CONTRACT_TEST(walking),
    CONTRACT_TEST(removed_while_written),
    CONTRACT_TEST(not_on_an_event_loop),
    CONTRACT_TEST(health),
    CONTRACT_TEST(paths),
    CONTRACT_TEST(many_threads),
};


int
storage_contract_run(const storage_contract_t *drivers, size_t n)
{
    struct CMUnitTest *tests;
    char              *names, *z;
    size_t             i, j, k = 0, name_size = 80;
    int                failed;

    /* cmocka wants a state it may write to; ours is only read. */
    union {
        const void *in;
        void       *out;
    } u;

    tests = calloc(n * CR_NELTS(contract), sizeof(*tests));
    names = calloc(n * CR_NELTS(contract), name_size);
    if (tests == NULL || names == NULL) {
        free(tests);
        free(names);
        return 1;
    }

    for (i = 0; i < n; i++) {
        for (j = 0; j < CR_NELTS(contract); j++, k++) {
            z = names + k * name_size;
            (void) snprintf(z, name_size, "%s: %s", drivers[i].driver->scheme,
                            contract[j].z_name);
            u.in = &drivers[i];
            tests[k] = (struct CMUnitTest){ z, contract[j].fn, setup, teardown,
                                            u.out };
        }
    }

    failed = _cmocka_run_group_tests("storage", tests, k, NULL, NULL);
    free(tests);
    free(names);

    return failed;
}
