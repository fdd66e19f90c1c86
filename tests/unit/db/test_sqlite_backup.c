/*
 * db/sqlite_backup.c: checkpoints, and copies that are whole or are not there.
 */

#include "sqlite_fixture.h"

#include <pthread.h>

#define FAIL_STEPS_MAX 500
#define BACKUP_ROUNDS  10

static void
test_checkpoint(void **state)
{
    int64_t    pages;
    sqlite3   *other;
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "a", "b"), CR_OK);
    assert_true(file_size(t, "db-wal") > 0);

    assert_int_equal(cr_db_checkpoint(&t->cx, t->db, false, &pages), CR_OK);
    assert_true(pages > 0);
    assert_true(file_size(t, "db-wal") > 0);

    assert_int_equal(cr_db_checkpoint(&t->cx, t->db, true, &pages), CR_OK);
    assert_int_equal(pages, 0);
    assert_int_equal(file_size(t, "db-wal"), 0);

    /* A reader in the way is no error; the log stays. */
    other = stranger(t);
    say(other, "BEGIN");
    assert_int_equal(ask(other, "SELECT count(*) FROM setting"), 1);
    assert_int_equal(put_one(t, "c", "d"), CR_OK);
    assert_int_equal(cr_db_checkpoint(&t->cx, t->db, true, &pages), CR_OK);
    assert_true(pages > 0);
    assert_true(file_size(t, "db-wal") > 0);
    say(other, "COMMIT");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);

    assert_int_equal(cr_db_checkpoint(&t->cx, t->db, true, &pages), CR_OK);
    assert_int_equal(file_size(t, "db-wal"), 0);
    assert_true(has(t, "a"));
    assert_true(has(t, "c"));
}


/* Two rows that always hold the same. */
static cr_err_t
put_pair(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    test_put_t left = { "left", arg };
    test_put_t right = { "right", arg };

    CR_TRY(put(cx, c, &left));

    return put(cx, c, &right);
}


typedef struct test_pairs_s {
    test_db_t      *t;
    pthread_mutex_t mutex;
    bool            stop;
    int             failures;
} test_pairs_t;


static void *
write_pairs(void *arg)
{
    int           i;
    bool          stop;
    char          z_value[32];
    cr_ctx_t      cx;
    test_pairs_t *p = arg;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        p->failures++;
        return NULL;
    }

    stop = false;

    for (i = 0; !stop; i++) {
        (void) snprintf(z_value, sizeof(z_value), "%d", i);

        if (cr_db_write(&cx, p->t->db, CR_DB_NOSYNC, put_pair, z_value)
            != CR_OK) {
            p->failures++;
        }

        cr_ctx_reset(&cx);
        (void) pthread_mutex_lock(&p->mutex);
        stop = p->stop;
        (void) pthread_mutex_unlock(&p->mutex);
    }

    cr_ctx_done(&cx);

    return NULL;
}


static void
test_backup_beside_a_writer(void **state)
{
    int          i;
    char         z_name[32], z_path[PATH_MAX];
    sqlite3     *copy;
    pthread_t    id;
    test_db_t   *t = *state;
    test_pairs_t pairs = { .t = t, .mutex = PTHREAD_MUTEX_INITIALIZER };

    /* So big that the copy takes a while. */
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, put_many, NULL),
                     CR_OK);
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, put_pair,
                                 "first"),
                     CR_OK);
    assert_int_equal(pthread_create(&id, NULL, write_pairs, &pairs), 0);

    for (i = 0; i < BACKUP_ROUNDS; i++) {
        (void) snprintf(z_name, sizeof(z_name), "copy%d", i);
        (void) test_dir_path(&t->dir, z_name, z_path);

        assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_OK);
        assert_int_equal(file_mode(t, z_name) & ~0640, 0);

        assert_int_equal(sqlite3_open_v2(z_path, &copy, SQLITE_OPEN_READONLY,
                                         NULL),
                         SQLITE_OK);
        assert_int_equal(ask(copy, "SELECT count(DISTINCT value) FROM setting"
                                   " WHERE name IN ('left', 'right')"),
                         1);
        assert_int_equal(ask(copy, "SELECT count(*) FROM setting"), 2002);
        assert_int_equal(sqlite3_close(copy), SQLITE_OK);
    }

    (void) pthread_mutex_lock(&pairs.mutex);
    pairs.stop = true;
    (void) pthread_mutex_unlock(&pairs.mutex);
    assert_int_equal(pthread_join(id, NULL), 0);
    assert_int_equal(pairs.failures, 0);
}


static void
test_backup_refuses(void **state)
{
    char       z_path[PATH_MAX];
    test_db_t *t = *state;

    /* What is there is not overwritten, be it a link to nowhere. */
    (void) test_dir_path(&t->dir, "copy", z_path);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_OK);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_ERR_EXISTS);
    assert_int_equal(cr_db_backup(&t->cx, t->db, t->z_path), CR_ERR_EXISTS);
    assert_int_equal(cr_db_backup(&t->cx, t->db, t->dir.z_path), CR_ERR_EXISTS);
    assert_int_equal(unlink(z_path), 0);
    assert_int_equal(symlink("/nonexistent/x", z_path), 0);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_ERR_EXISTS);
    assert_int_equal(count_others(t), 1);

    assert_int_equal(cr_db_backup(&t->cx, t->db, "/nonexistent/folder/copy"),
                     CR_ERR_IO);
}


/* Each call fails: either a whole copy under its name, or nothing. */
static void
fail_backups(test_db_t *t, bool stays)
{
    int      failed;
    char     z_path[PATH_MAX];
    long     n, calls;
    cr_err_t err;
    sqlite3 *copy;

    (void) test_dir_path(&t->dir, "copy", z_path);
    failed = 0;

    for (n = 1; n < FAIL_STEPS_MAX; n++) {
        io_start(n, stays, ENOSPC);
        err = cr_db_backup(&t->cx, t->db, z_path);
        calls = io.calls;
        io_stop();

        if (err == CR_OK) {
            assert_int_equal(count_others(t), 1);
            assert_int_equal(sqlite3_open_v2(z_path, &copy,
                                             SQLITE_OPEN_READONLY, NULL),
                             SQLITE_OK);
            assert_int_equal(ask(copy, "SELECT count(*) FROM setting"), 1);
            assert_int_equal(sqlite3_close(copy), SQLITE_OK);
            assert_int_equal(unlink(z_path), 0);

        } else {
            assert_true(is_io_error(err));
            assert_int_equal(count_others(t), 0);
            failed++;
        }

        if (calls < n) {
            break;
        }
    }

    assert_true(n < FAIL_STEPS_MAX);
    assert_true(failed > 5);
}


static void
test_backup_that_fails(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "a", "b"), CR_OK);
    fail_backups(t, true);
    fail_backups(t, false);
    assert_int_equal(put_one(t, "after", "b"), CR_OK);
}


static void
test_backup_of_a_damaged_database(void **state)
{
    char       z_path[PATH_MAX], noise[4096];
    int64_t    page;
    test_db_t *t = *state;

    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_SYNC, put_many, NULL),
                     CR_OK);
    page = ask(inner(t->c),
               "SELECT rootpage FROM sqlite_schema WHERE name = 'setting'");
    cr_db_close(t->db);
    t->db = NULL;

    memset(noise, 0x5a, sizeof(noise));
    write_file(t->z_path, noise, sizeof(noise), (page - 1) * 4096);

    assert_int_equal(cr_db_open(&t->cx, t->url, 0, &t->db), CR_OK);
    (void) test_dir_path(&t->dir, "copy", z_path);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_ERR_CORRUPT);
    assert_int_equal(count_others(t), 0);

    /* And a statement that meets the damage says so. */
    assert_int_equal(put_one(t, "a", "b"), CR_ERR_CORRUPT);
}


/* A check of a file that is no database, or is none any more. */
static void
test_verify(void **state)
{
    char       z_path[PATH_MAX], noise[8192];
    test_db_t *t = *state;

    (void) test_dir_path(&t->dir, "copy", z_path);
    assert_int_not_equal(cr_sqlite_verify(&t->cx, z_path, CR_SQL_DB_QUICK_CHECK,
                                          NULL, NULL),
                         CR_OK);
    assert_int_equal(access(z_path, F_OK), -1);
    assert_int_equal(cr_db_backup(&t->cx, t->db, z_path), CR_OK);
    assert_int_equal(cr_sqlite_verify(&t->cx, z_path, CR_SQL_DB_QUICK_CHECK,
                                      NULL, NULL),
                     CR_OK);
    assert_int_equal(cr_sqlite_verify(&t->cx, z_path, CR_SQL_DB_INTEGRITY_CHECK,
                                      NULL, NULL),
                     CR_OK);
    memset(noise, 0x5a, sizeof(noise));
    write_file(z_path, noise, sizeof(noise), 4096);
    assert_int_equal(cr_sqlite_verify(&t->cx, z_path, CR_SQL_DB_QUICK_CHECK,
                                      NULL, NULL),
                     CR_ERR_CORRUPT);
    write_file(z_path, noise, sizeof(noise), 0);
    assert_int_equal(cr_sqlite_verify(&t->cx, z_path, CR_SQL_DB_QUICK_CHECK,
                                      NULL, NULL),
                     CR_ERR_CORRUPT);
}


static cr_err_t
beat(cr_ctx_t *cx, void *arg)
{
    int *left = arg;

    return --*left > 0 ? CR_OK : cr_fail(cx, CR_ERR_CONFLICT, "that is enough");
}


/* Whatever the beat's number is when it ends the work: there is no file. */
static void
test_beat_ends_it(void **state)
{
    int        n, left;
    char       z_path[PATH_MAX];
    cr_err_t   err = CR_ERR_CONFLICT;
    test_db_t *t = *state;

    (void) test_dir_path(&t->dir, "copy", z_path);
    assert_int_equal(cr_db_write(&t->cx, t->db, CR_DB_NOSYNC, put_many, NULL),
                     CR_OK);
    for (n = 1; n < 100 && err == CR_ERR_CONFLICT; n++) {
        left = n;
        err = cr_db_backup_beat(&t->cx, t->db, z_path, beat, &left);
        assert_int_equal(count_others(t), err == CR_OK ? 1 : 0);
    }
    assert_int_equal(err, CR_OK);
    assert_true(n > 2);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_checkpoint),
        TEST(test_backup_beside_a_writer),
        TEST(test_backup_refuses),
        TEST(test_backup_that_fails),
        TEST(test_backup_of_a_damaged_database),
        TEST(test_verify),
        TEST(test_beat_ends_it),
    };

    return cmocka_run_group_tests_name("db/sqlite_backup", tests, NULL, NULL);
}
