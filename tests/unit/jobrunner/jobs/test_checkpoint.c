/* The write-ahead log goes into the database, and is cut when it is large. */

#include <sys/stat.h>
#include "../fixture.h"
#include "jobs/jobs.h"

/* A value so large that the log passes CR_CHECKPOINT_TRUNCATE_PAGES. */
#define LARGE (72u * 1024 * 1024)

typedef struct reader_s {
    fixture_t *f;
    int64_t    pages;
    bool       truncated;
    cr_err_t   err;
} reader_t;


static off_t
wal_size(fixture_t *f)
{
    cr_str_t    path;
    struct stat st;

    path = cr_printf(&f->cx, "%s-wal", f->z_path);
    assert_int_equal(stat(path.data, &st), 0);
    return st.st_size;
}


static void
write_large(fixture_t *f)
{
    cr_str_t value;
    char    *data;

    data = malloc(LARGE);
    assert_non_null(data);
    memset(data, 'x', LARGE);
    value = (cr_str_t){ LARGE, data };
    FIXTURE_OK(f, cr_setting_put(&f->cx, f->runner.meta, "large", value));
    value.len--;
    FIXTURE_OK(f, cr_setting_put(&f->cx, f->runner.meta, "large", value));
    free(data);
}


static void
test_small(void **state)
{
    bool      truncated;
    int64_t   pages;
    fixture_t f;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_checkpoint(&f.cx, f.db, &pages, &truncated));
    assert_true(pages > 0);
    assert_false(truncated);
    assert_true(wal_size(&f) > 0);
    fixture_done(&f);
}


static void
test_large(void **state)
{
    fixture_t    f;
    cr_job_run_t run;

    (void) state;

    fixture_init(&f);
    write_large(&f);
    assert_true(wal_size(&f) > (off_t) LARGE);
    memset(&run, 0, sizeof(run));
    FIXTURE_OK(&f, fixture_run(&f, "checkpoint", &run));
    assert_true(cr_str_ends(run.result, CR_STR("\"truncated\":true}")));
    assert_int_equal(wal_size(&f), 0);
    fixture_done(&f);
}


/* Runs inside a read transaction of the other handle. */
static cr_err_t
under_reader(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool      found;
    int64_t   n;
    reader_t *r;

    r = arg;

    /* The first statement takes the snapshot. */
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_JOB_NEXT_PENDING, NULL, 0, &found, &n));
    write_large(r->f);
    r->err = cr_checkpoint(&r->f->cx, r->f->db, &r->pages, &r->truncated);
    return CR_OK;
}


/* Somebody reads for long: no error, no wait without end, later again. */
static void
test_reader(void **state)
{
    cr_db_t  *other;
    reader_t  r;
    fixture_t f;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_db_open(&f.cx, cr_str_z(f.z_url), 0, &other));
    memset(&r, 0, sizeof(r));
    r.f = &f;
    FIXTURE_OK(&f, cr_db_read(&f.cx, other, under_reader, &r));
    assert_int_equal(r.err, CR_OK);
    assert_false(r.truncated);
    assert_true(r.pages >= CR_CHECKPOINT_TRUNCATE_PAGES);

    FIXTURE_OK(&f, cr_checkpoint(&f.cx, f.db, &r.pages, &r.truncated));
    assert_true(r.truncated);
    assert_int_equal(wal_size(&f), 0);
    cr_db_close(other);
    fixture_done(&f);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_reader),
    };

    return cmocka_run_group_tests_name("jobrunner/jobs/checkpoint", tests, NULL,
                                       NULL);
}
