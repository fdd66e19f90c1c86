/*
 * The scheduled backup: interrupted, killed, beside writes, by its interval,
 * without space, held.
 */

#include <glob.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "../fixture.h"
#include "jobs/jobs.h"
#include "meta/job.h"
#include "meta/metric.h"

/* More than one step of the copy. */
#define LARGE (24u * 1024 * 1024)


static void
write_large(fixture_t *f)
{
    char *data;

    data = malloc(LARGE);
    assert_non_null(data);
    memset(data, 'x', LARGE);
    FIXTURE_OK(f, cr_setting_put(&f->cx, f->runner.meta, "large",
                                 (cr_str_t){ LARGE, data }));
    free(data);
}


/* A lease that is renewed between the steps writes to the database. */
typedef struct beats_s {
    fixture_t *f;
    int        n;
    cr_err_t   err; /* of the third */
} beats_t;


static cr_err_t
beat(cr_ctx_t *cx, void *arg)
{
    beats_t *b = arg;

    b->n++;

    if (b->n == 3 && b->err != CR_OK) {
        return cr_fail(cx, b->err, "enough");
    }

    return cr_setting_put(cx, b->f->runner.meta, "beat",
                          cr_printf(cx, "%d", b->n));
}


static void
test_beat(void **state)
{
    beats_t    b;
    cr_str_t   path, url, value;
    cr_db_t   *copy;
    fixture_t  f;
    cr_meta_t *m;

    (void) state;

    fixture_init(&f);
    write_large(&f);
    fixture_set(&f, "beat", "0");
    b = (beats_t){ &f, 0, CR_OK };
    path = cr_printf(&f.cx, "%s/copy", f.z_dir);
    FIXTURE_OK(&f, cr_db_backup_beat(&f.cx, f.db, path.data, beat, &b));
    assert_true(b.n > 2);

    /* One state, that of the beginning. */
    url = cr_printf(&f.cx, "sqlite:%.*s", CR_STR_ARG(path));
    FIXTURE_OK(&f, cr_db_open(&f.cx, url, 0, &copy));
    FIXTURE_OK(&f, cr_meta_open(&f.cx, copy, &f.runner.conf, &m));
    FIXTURE_OK(&f, cr_setting_get(&f.cx, m, "beat", &value));
    assert_true(cr_str_eq_z(value, "0"));
    cr_meta_close(m);
    cr_db_close(copy);
    fixture_done(&f);
}


static void
test_ended(void **state)
{
    beats_t   b;
    cr_str_t  path;
    fixture_t f;

    (void) state;

    fixture_init(&f);
    write_large(&f);
    b = (beats_t){ &f, 0, CR_ERR_CONFLICT };
    path = cr_printf(&f.cx, "%s/copies", f.z_dir);
    assert_int_equal(mkdir(path.data, 0700), 0);
    path = cr_printf(&f.cx, "%s/copies/copy", f.z_dir);
    assert_int_equal(cr_db_backup_beat(&f.cx, f.db, path.data, beat, &b),
                     CR_ERR_CONFLICT);
    assert_true(cr_str_eq_z(f.cx.message, "enough"));
    assert_int_equal(b.n, 3);

    /* Nothing is left: the folder is empty. */
    path = cr_printf(&f.cx, "%s/copies", f.z_dir);
    assert_int_equal(rmdir(path.data), 0);
    fixture_done(&f);
}


static void
test_stopped(void **state)
{
    fixture_t    f;
    atomic_bool  stop;
    cr_job_run_t run;

    (void) state;

    fixture_init(&f);
    write_large(&f);
    atomic_init(&stop, true);
    memset(&run, 0, sizeof(run));
    run.stop = &stop;
    assert_int_equal(fixture_run(&f, "backup", &run), CR_ERR_AGAIN);
    assert_true(run.interrupted);
    fixture_done(&f);
}


/* --- killed --- */

static size_t
files(fixture_t *f, const char *pattern)
{
    glob_t   g;
    size_t   n;
    cr_str_t path;

    path = cr_printf(&f->cx, "%s/%s", f->z_dir, pattern);
    n = glob(path.data, 0, NULL, &g) == 0 ? g.gl_pathc : 0;
    globfree(&g);
    return n;
}


/* In the midst of it: say so, wait to be told, end as told. */
typedef struct midst_s {
    int told[2];
    int says[2];
} midst_t;


static cr_err_t
in_the_midst(cr_ctx_t *cx, void *arg)
{
    char     c;
    midst_t *m = arg;

    if (write(m->says[1], "x", 1) != 1 || read(m->told[0], &c, 1) != 1) {
        return cr_fail(cx, CR_ERR_INTERNAL, "the test is gone");
    }

    if (c == 'k') {
        (void) kill(getpid(), SIGKILL);
    }

    return CR_OK;
}


static cr_err_t
prepare(cr_ctx_t *cx, cr_db_t *copy, void *arg)
{
    CR_TRY(cr_meta_restored(cx, copy));
    return in_the_midst(cx, arg);
}


/* A process that copies the database, and waits in the midst. */
static pid_t
start(fixture_t *f, midst_t *m, const char *restore)
{
    char     c;
    pid_t    pid;
    cr_ctx_t cx;
    cr_db_t *db;
    cr_err_t err;
    cr_str_t path, replaced;

    assert_int_equal(pipe(m->told), 0);
    assert_int_equal(pipe(m->says), 0);
    path = cr_printf(&f->cx, "%s/copy", f->z_dir);
    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        if (cr_ctx_init(&cx, 0) != CR_OK) {
            _exit(9);
        }

        if (restore != NULL) {
            err = cr_db_restore(&cx, cr_str_z(restore), path.data, prepare, m,
                                &replaced);

        } else {
            err = cr_db_open(&cx, cr_str_z(f->z_url), 0, &db);
            err = err != CR_OK
                      ? err
                      : cr_db_backup_beat(&cx, db, path.data, in_the_midst, m);
        }

        _exit((int) err);
    }

    assert_int_equal(read(m->says[0], &c, 1), 1);
    return pid;
}


/* 'k': it is killed there; 'g': it goes on, and ends with this status. */
static void
end(midst_t *m, pid_t pid, char how, int status)
{
    int  i, got;
    char c;

    assert_int_equal(write(m->told[1], &how, 1), 1);
    close(m->says[1]);

    while (how == 'g' && read(m->says[0], &c, 1) == 1) {
        assert_int_equal(write(m->told[1], &how, 1), 1);
    }

    assert_int_equal(waitpid(pid, &got, 0), pid);
    assert_int_equal(how == 'k' ? WIFSIGNALED(got) : WIFEXITED(got), 1);

    if (how == 'g') {
        assert_int_equal(WEXITSTATUS(got), status);
    }

    for (i = 0; i < 2; i++) {
        close(m->told[i]);
    }

    close(m->says[0]);
}


/* What is left of a killed one goes with the next, what is in the making
 * stays. */
static void
test_killed_backup(void **state)
{
    pid_t     pid;
    midst_t   m;
    cr_str_t  path;
    fixture_t f;

    (void) state;

    fixture_init(&f);
    write_large(&f);
    path = cr_printf(&f.cx, "%s/copy", f.z_dir);

    pid = start(&f, &m, NULL);
    end(&m, pid, 'k', 0);
    assert_true(files(&f, "copy.part-????????") == 1);

    pid = start(&f, &m, NULL);
    assert_int_equal(files(&f, "copy.part-????????"), 1);
    FIXTURE_OK(&f, cr_db_backup(&f.cx, f.db, path.data));
    assert_int_equal(files(&f, "copy.part-????????"), 1);
    end(&m, pid, 'g', CR_ERR_EXISTS);

    assert_int_equal(files(&f, "copy*"), 1);
    fixture_done(&f);
}


static void
test_killed_restore(void **state)
{
    pid_t     pid;
    midst_t   m;
    cr_str_t  url, path;
    fixture_t f;

    (void) state;

    fixture_init(&f);
    path = cr_printf(&f.cx, "%s/copy", f.z_dir);
    url = cr_printf(&f.cx, "sqlite:%s/other.db", f.z_dir);
    FIXTURE_OK(&f, cr_db_backup(&f.cx, f.db, path.data));

    pid = start(&f, &m, url.data);
    end(&m, pid, 'k', 0);
    assert_true(files(&f, "other.db.restore-*") > 1);
    assert_int_equal(files(&f, "other.db"), 0);

    pid = start(&f, &m, url.data);
    assert_int_equal(files(&f, "other.db.restore-????????"), 1);
    end(&m, pid, 'g', CR_OK);
    assert_int_equal(files(&f, "other.db*"), 1);
    fixture_done(&f);
}


/* Not ours: other names, and what is no file. */
static void
test_left_alone(void **state)
{
    size_t    i;
    cr_str_t  path;
    fixture_t f;

    static const char *const names[] = { "copy.part-0011aabb.old",
                                         "copy.part-0011aab",
                                         "copy.part-",
                                         "copy.part-0011AABB",
                                         "copies.part-0011aabb",
                                         "copy.restore-0011aabb" };

    (void) state;

    fixture_init(&f);

    for (i = 0; i < CR_NELTS(names); i++) {
        path = cr_printf(&f.cx, "%s/%s", f.z_dir, names[i]);
        assert_int_equal(mknod(path.data, S_IFREG | 0600, 0), 0);
    }

    path = cr_printf(&f.cx, "%s/copy.part-00112233", f.z_dir);
    assert_int_equal(mkdir(path.data, 0700), 0);
    path = cr_printf(&f.cx, "%s/copy.part-00112244", f.z_dir);
    assert_int_equal(mkfifo(path.data, 0600), 0);
    path = cr_printf(&f.cx, "%s/copy.part-00112255", f.z_dir);
    assert_int_equal(symlink(f.z_path, path.data), 0);
    /* The library's file of one that is gone. */
    path = cr_printf(&f.cx, "%s/copy.part-00112266-journal", f.z_dir);
    assert_int_equal(mknod(path.data, S_IFREG | 0600, 0), 0);

    path = cr_printf(&f.cx, "%s/copy", f.z_dir);
    FIXTURE_OK(&f, cr_db_backup(&f.cx, f.db, path.data));
    assert_int_equal(files(&f, "cop*"), CR_NELTS(names) + 4);
    assert_int_equal(files(&f, "*-journal"), 0);
    fixture_done(&f);
}


/* --- without space --- */

static int64_t
metric(fixture_t *f, cr_metric_e which)
{
    int64_t n;

    FIXTURE_OK(f, cr_metric_get(&f->cx, f->runner.meta, which, &n));
    return n;
}


static void
test_no_space(void **state)
{
    fixture_t    f;
    cr_job_run_t run;

    (void) state;

    fixture_init(&f);
    memset(&run, 0, sizeof(run));
    FIXTURE_OK(&f, fixture_run(&f, "backup", &run));
    assert_int_equal(files(&f, "r.db.backups/*"), 1);
    assert_int_equal(metric(&f, CR_METRIC_BACKUPS), 1);
    assert_true(metric(&f, CR_METRIC_BACKUP_AT) > 0);

    fixture_set(&f, CR_SETTING_MIN_FREE, "9000000000000000000");
    FIXTURE_OK(&f, fixture_run(&f, "backup", &run));
    assert_true(
        cr_str_starts(run.result, CR_STR("{\"skipped\":\"no space\",")));
    assert_int_equal(files(&f, "r.db.backups/*"), 1);
    assert_int_equal(metric(&f, CR_METRIC_BACKUPS), 1);
    assert_int_equal(metric(&f, CR_METRIC_BACKUPS_SKIPPED), 1);

    /* One that is told to keep less does so all the same. */
    fixture_set(&f, CR_SETTING_MIN_FREE, "0");
    fixture_jump(CR_SECOND);
    FIXTURE_OK(&f, fixture_run(&f, "backup", &run));
    assert_int_equal(files(&f, "r.db.backups/*"), 2);
    fixture_set(&f, CR_SETTING_MIN_FREE, "9000000000000000000");
    fixture_set(&f, CR_SETTING_BACKUP_KEEP, "1");
    FIXTURE_OK(&f, fixture_run(&f, "backup", &run));
    assert_int_equal(files(&f, "r.db.backups/*"), 1);
    fixture_done(&f);
}


/* Room for the first look only: others write, too. */
static int looks;

static int
shrinking_statvfs(int fd, struct statvfs *ret_st)
{
    int rc;

    rc = cr_sys_default.fstatvfs(fd, ret_st);
    ret_st->f_bavail = looks++ == 0 ? ret_st->f_blocks : 1;
    return rc;
}


static void
test_space_goes(void **state)
{
    fixture_t    f;
    cr_job_run_t run;

    (void) state;

    fixture_init(&f);
    write_large(&f);
    memset(&run, 0, sizeof(run));
    looks = 0;
    f.sys.fstatvfs = shrinking_statvfs;
    fixture_set(&f, CR_SETTING_MIN_FREE, "1000000");
    FIXTURE_OK(&f, fixture_run(&f, "backup", &run));
    assert_true(looks > 1);
    assert_true(cr_str_starts(run.result, CR_STR("{\"skipped\":")));
    assert_int_equal(files(&f, "r.db.backups/*"), 0);
    assert_int_equal(metric(&f, CR_METRIC_BACKUPS_SKIPPED), 1);
    fixture_done(&f);
}


static void
test_interval(void **state)
{
    int64_t              us;
    fixture_t            f;
    const cr_job_kind_t *k;

    (void) state;

    fixture_init(&f);
    k = cr_job_kind_find(CR_STR("backup"));
    FIXTURE_OK(&f, cr_job_interval(&f.cx, f.runner.meta, k, &us));
    assert_int_equal(us, CR_HOUR);
    fixture_set(&f, CR_SETTING_BACKUP_INTERVAL, "90000000");
    FIXTURE_OK(&f, cr_job_interval(&f.cx, f.runner.meta, k, &us));
    assert_int_equal(us, 90 * CR_SECOND);
    fixture_set(&f, CR_SETTING_BACKUP_INTERVAL, "0");
    FIXTURE_OK(&f, cr_job_interval(&f.cx, f.runner.meta, k, &us));
    assert_int_equal(us, CR_HOUR);
    k = cr_job_kind_find(CR_STR("reclaim"));
    FIXTURE_OK(&f, cr_job_interval(&f.cx, f.runner.meta, k, &us));
    assert_int_equal(us, CR_MINUTE);
    fixture_done(&f);
}


/* After a restore: another incarnation, nothing deleted, no sessions. */
static void
test_restored(void **state)
{
    cr_str_t  before, after;
    fixture_t f;

    (void) state;

    fixture_init(&f);
    FIXTURE_OK(&f, cr_setting_get(&f.cx, f.runner.meta, CR_SETTING_INCARNATION,
                                  &before));
    fixture_run_ok(&f, "reclaim",
                   "{\"purged\":0,\"unlinked\":0,\"files\":0,\"bytes\":0,"
                   "\"failed\":0}");
    FIXTURE_OK(&f, cr_meta_restored(&f.cx, f.db));
    FIXTURE_OK(&f, cr_runner_refresh(&f.cx, &f.runner));
    assert_true(f.runner.held);
    fixture_run_ok(&f, "reclaim", "{\"held\":true}");
    fixture_run_ok(&f, "orphan-sweep", "{\"held\":true}");
    FIXTURE_OK(&f, cr_setting_get(&f.cx, f.runner.meta, CR_SETTING_INCARNATION,
                                  &after));
    assert_int_equal(after.len, CR_UUID_LEN);
    assert_false(cr_str_eq(before, after));

    fixture_set(&f, CR_SETTING_SWEEP_HELD, "0");
    FIXTURE_OK(&f, cr_runner_refresh(&f.cx, &f.runner));
    assert_false(f.runner.held);
    fixture_done(&f);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beat),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_restored),
        cmocka_unit_test(test_killed_backup),
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_killed_restore),
        cmocka_unit_test(test_left_alone),
        cmocka_unit_test(test_space_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
