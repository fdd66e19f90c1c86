/*
 * db/recall.c: what an event loop has read is answered from memory until
 * somebody commits.  Whether the engine was asked, the use count of its
 * statement tells.
 */

#include "sqlite_fixture.h"

/* Beyond what one entry may have, and together beyond the table. */
#define LARGE_BYTES (100 * 1024)
#define HALF_BYTES  (48 * 1024)


static uint64_t
asked(const test_db_t *t, cr_sql_e sql)
{
    uint64_t            n = 0;
    const cr_db_slot_t *slot;

    for (slot = t->c->slots[sql]; slot != NULL; slot = slot->next) {
        n += slot->use;
    }

    return n;
}


/* On an event loop; CR_STR_NULL: no row. */
static cr_str_t
recall(test_db_t *t, const char *z_name)
{
    cr_str_t s;

    t->cx.may_block = false;
    assert_int_equal(get(&t->cx, t->c, z_name, &s), CR_OK);
    t->cx.may_block = true;

    return s;
}


#define EXPECT(t, z_name, z_value)                                             \
    assert_true(cr_str_eq_z(recall(t, z_name), z_value))


static void
commit(test_db_t *t, const char *z_sql)
{
    sqlite3 *other = stranger(t);

    say(other, z_sql);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}


static void
test_asks_once(void **state)
{
    cr_str_t   s;
    uint64_t   n;
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "a", "1"), CR_OK);
    EXPECT(t, "a", "1");
    n = asked(t, CR_SQL_SETTING_GET);
    EXPECT(t, "a", "1");
    EXPECT(t, "a", "1");
    assert_int_equal(asked(t, CR_SQL_SETTING_GET), n);

    /* Who may wait asks the engine; so does a transaction. */
    assert_int_equal(get(&t->cx, t->c, "a", &s), CR_OK);
    assert_int_equal(asked(t, CR_SQL_SETTING_GET), n + 1);
    t->c->in_read = true;
    EXPECT(t, "a", "1");
    t->c->in_read = false;
    assert_int_equal(asked(t, CR_SQL_SETTING_GET), n + 2);
}


/* Somebody else's, and this connection's own. */
static void
test_a_commit_is_seen(void **state)
{
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "a", "1"), CR_OK);
    EXPECT(t, "a", "1");
    assert_null(recall(t, "b").data);
    assert_null(recall(t, "b").data);

    commit(t, "UPDATE setting SET value = '2' WHERE name = 'a';"
              "INSERT INTO setting VALUES ('b', '', 1)");
    EXPECT(t, "a", "2");
    assert_non_null(recall(t, "b").data);
    EXPECT(t, "b", "");

    assert_int_equal(put_one(t, "a", "3"), CR_OK);
    EXPECT(t, "a", "3");

    commit(t, "DELETE FROM setting WHERE name = 'a'");
    assert_null(recall(t, "a").data);
}


/* One run of an exchange asks for the version once, the next asks again. */
static void
test_one_run(void **state)
{
    uint64_t   n;
    test_db_t *t = *state;

    assert_int_equal(put_one(t, "a", "1"), CR_OK);
    EXPECT(t, "a", "1");

    t->cx.reads = CR_READS_RUN;
    n = asked(t, CR_SQL_DB_DATA_VERSION);
    EXPECT(t, "a", "1");
    assert_int_equal(t->cx.reads, CR_READS_FRESH);
    assert_int_equal(asked(t, CR_SQL_DB_DATA_VERSION), n + 1);
    commit(t, "UPDATE setting SET value = '2' WHERE name = 'a'");
    EXPECT(t, "a", "1");
    assert_int_equal(asked(t, CR_SQL_DB_DATA_VERSION), n + 1);

    t->cx.reads = CR_READS_RUN;
    EXPECT(t, "a", "2");

    t->cx.reads = CR_READS_ALONE;
    commit(t, "UPDATE setting SET value = '3' WHERE name = 'a'");
    EXPECT(t, "a", "3");
}


static void
put_size(test_db_t *t, const char *z_name, size_t size)
{
    char *z_value = malloc(size + 1);

    assert_non_null(z_value);
    memset(z_value, z_name[0], size);
    z_value[size] = '\0';
    assert_int_equal(put_one(t, z_name, z_value), CR_OK);
    free(z_value);
}


static void
test_too_large(void **state)
{
    int        i;
    cr_str_t   s;
    uint64_t   n;
    test_db_t *t = *state;

    put_size(t, "large", LARGE_BYTES);

    for (i = 0; i < 3; i++) {
        n = asked(t, CR_SQL_SETTING_GET);
        s = recall(t, "large");
        assert_int_equal(s.len, LARGE_BYTES);
        assert_true(s.data[0] == 'l' && s.data[s.len - 1] == 'l');
        /* The first time it is begun twice: its size was not known. */
        assert_int_equal(asked(t, CR_SQL_SETTING_GET), n + (i == 0 ? 2 : 1));
    }

    assert_int_equal(t->c->nopen, 0);
}


/* More names than places, more bytes than the table may have. */
static void
test_many(void **state)
{
    int        i, round;
    char       z_name[16], z_value[16];
    cr_str_t   s;
    test_db_t *t = *state;

    commit(t, "WITH RECURSIVE i (n) AS (SELECT 0 UNION ALL "
              "SELECT n + 1 FROM i WHERE n < 4999) "
              "INSERT INTO setting SELECT 'n' || n, 'v' || n, 1 FROM i");

    for (round = 0; round < 2; round++) {
        for (i = 0; i < 5000; i++) {
            (void) snprintf(z_name, sizeof(z_name), "n%d", i);
            (void) snprintf(z_value, sizeof(z_value), "v%d", i);
            EXPECT(t, z_name, z_value);
        }
        cr_ctx_reset(&t->cx);
    }

    for (i = 0; i < 200; i++) {
        (void) snprintf(z_name, sizeof(z_name), "%c%d", 'a' + i % 26, i);
        put_size(t, z_name, HALF_BYTES);
    }

    for (i = 0; i < 400; i++) {
        (void) snprintf(z_name, sizeof(z_name), "%c%d", 'a' + i % 200 % 26,
                        i % 200);
        s = recall(t, z_name);
        assert_int_equal(s.len, HALF_BYTES);
        assert_int_equal(s.data[HALF_BYTES - 1], z_name[0]);
        cr_ctx_reset(&t->cx);
    }
}


typedef struct cell_s {
    bool     null;
    int64_t  n;
    cr_str_t s;
} cell_t;


/* All columns of all rows of access_user; how many rows. */
static size_t
access_of(test_db_t *t, int64_t user, const char *z_project, cell_t *cells)
{
    int        col;
    bool       row;
    size_t     n = 0;
    cr_stmt_t *st;
    cr_val_t   v[] = { CR_V_INT(user), CR_V_INT(0),
                       CR_V_TEXT(cr_str_z(z_project)) };

    assert_int_equal(cr_db_query(&t->cx, t->c, CR_SQL_ACCESS_USER, v, 3, &st),
                     CR_OK);

    for (;;) {
        assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
        if (!row) {
            break;
        }
        for (col = 0; col < 8; col++) {
            cells[n * 8 + (size_t) col].null = cr_stmt_is_null(st, col);
            if (col < 6) {
                cells[n * 8 + (size_t) col].n = cr_stmt_int(st, col);
            } else {
                cells[n * 8 + (size_t) col].s = cr_stmt_text(&t->cx, st, col);
            }
        }
        n++;
    }

    /* Behind the last row there is nothing. */
    assert_int_equal(cr_stmt_next(&t->cx, st, &row), CR_OK);
    assert_false(row);
    assert_int_equal(cr_stmt_int(st, 0), 0);
    assert_true(cr_stmt_is_null(st, 0));
    assert_null(cr_stmt_text(&t->cx, st, 6).data);
    assert_null(cr_stmt_blob(&t->cx, st, 6).data);
    cr_stmt_done(st);

    return n;
}


/* Memory says what the engine says, in every column. */
static void
test_same_as_the_engine(void **state)
{
    size_t     i, k, n;
    cell_t     engine[32], memory[32];
    test_db_t *t = *state;

    static const struct {
        int64_t     user;
        const char *z_project;
    } asks[] = { { 1, "p" }, { 2, "p" }, { 0, "p" }, { 1, "" },
                 { 2, "q" }, { 3, "p" }, { 9, "q" } };

    commit(t, "INSERT INTO users (name, admin, epoch, created_at, updated_at) "
              "VALUES ('u1', 1, 7, 1, 1), ('u2', 0, 1, 1, 1), "
              "('u3', 0, 1, 1, 1);"
              "INSERT INTO project (name, public, created_at, updated_at) "
              "VALUES ('p', 1, 1, 1), ('q', 0, 1, 1);"
              "INSERT INTO member (project_id, user_id, role, created_at, "
              "updated_at) SELECT p.id, u.id, 2, 1, 1 FROM project p, users u "
              "WHERE p.name = 'p' AND u.name = 'u2'");

    for (i = 0; i < 2 * CR_NELTS(asks); i++) {
        k = i % CR_NELTS(asks);
        n = access_of(t, asks[k].user, asks[k].z_project, engine);
        t->cx.may_block = false;
        assert_int_equal(access_of(t, asks[k].user, asks[k].z_project, memory),
                         n);
        t->cx.may_block = true;

        for (size_t j = 0; j < n * 8; j++) {
            assert_int_equal(engine[j].null, memory[j].null);
            if (j % 8 < 6) {
                assert_int_equal(engine[j].n, memory[j].n);
            } else {
                assert_true(cr_str_eq(engine[j].s, memory[j].s));
            }
        }
    }
}


/* Values that follow each other must not run together in a key. */
static void
test_keys(void **state)
{
    uint64_t   n;
    cell_t     cells[32];
    test_db_t *t = *state;

    t->cx.may_block = false;
    (void) access_of(t, 1, "p", cells);
    (void) access_of(t, 11, "p", cells);
    (void) access_of(t, 1, "p0", cells);
    (void) access_of(t, 1, "", cells);
    n = asked(t, CR_SQL_ACCESS_USER);
    assert_int_equal(n, 4);
    (void) access_of(t, 1, "p", cells);
    (void) access_of(t, 1, "", cells);
    assert_int_equal(asked(t, CR_SQL_ACCESS_USER), n);
    t->cx.may_block = true;
}


#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_asks_once), TEST(test_a_commit_is_seen),
        TEST(test_one_run),   TEST(test_too_large),
        TEST(test_many),      TEST(test_same_as_the_engine),
        TEST(test_keys),
    };

    return cmocka_run_group_tests_name("db/recall", tests, NULL, NULL);
}
