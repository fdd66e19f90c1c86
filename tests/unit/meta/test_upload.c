/*
 * meta/upload.c: sessions, and who may write.
 */

#include "upload_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "core/encode.h"


static void
test_create_and_get(void **state)
{
    meta_fixture_t *fx = *state;
    cr_name_t       nowhere = meta_name(fx, "nope/a");
    cr_upload_t     u, v;

    FAILS(fx, CR_ERR_NAME_UNKNOWN,
          cr_upload_create(&fx->cx, fx->m, &nowhere, ACTOR, CR_HASH_SHA256,
                           &u));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM repository"), 0);

    u = start(fx);
    assert_true(cr_uuid_valid(cr_str_z(u.id)));
    assert_true(u.hash_valid);
    assert_int_equal(u.size, 0);
    fx->cx.may_block = false;
    v = get(fx, &u);
    assert_string_equal(v.id, u.id);
    assert_int_equal(v.repository_id, u.repository_id);
    assert_int_equal(v.expires_at,
                     meta_now() + cr_meta_conf_default.upload_expires_us);
    assert_false(v.leased);
    assert_false(v.lease_lost);
    assert_true(v.hash_valid);
    assert_int_equal(v.nsegments, 0);
    assert_int_equal(v.epoch, 0);
}


static void
test_get_unknown(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     u = start(fx), v;
    cr_str_t        id = cr_str_z(u.id);
    char            nul[sizeof(u.id)];

    (void) meta_blob(fx, "library/b", "x");
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_get(&fx->cx, fx->m, CR_STR("library/b"), ACTOR, id, &v));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_get(&fx->cx, fx->m, CR_STR("library/x"), ACTOR, id, &v));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_get(&fx->cx, fx->m, REPO, CR_STR("user:2"), id, &v));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_get(&fx->cx, fx->m, REPO, CR_STR(""), id, &v));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_get(&fx->cx, fx->m, REPO, ACTOR, CR_STR("nonsense"), &v));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_get(&fx->cx, fx->m, REPO, ACTOR, CR_STR_NULL, &v));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_get(&fx->cx, fx->m, REPO, ACTOR,
                        CR_STR("018f0000-0000-7000-8000-000000000000"), &v));
    memcpy(nul, u.id, sizeof(nul));
    nul[35] = '\0';
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_get(&fx->cx, fx->m, REPO, ACTOR, ((cr_str_t){ 36, nul }),
                        &v));

    meta_clock_add(cr_meta_conf_default.upload_expires_us);
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_get(&fx->cx, fx->m, REPO, ACTOR, id, &v));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_cancel(&fx->cx, fx->m, REPO, ACTOR, id));
}


/* Chunk by chunk, each by a process that knows only the row. */
static void
test_chunks(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     u = start(fx);
    cr_digest_t     d;
    cr_blob_t       b;

    u = get(fx, &u);
    receive(fx, &u, 0, "l/one", "hello ");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 0, false));
    assert_int_equal(u.epoch, 1);
    assert_false(u.claimed);

    u = get(fx, &u);
    assert_int_equal(u.size, 6);
    assert_int_equal(u.nsegments, 1);
    assert_text(u.segments[0].locator, "l/one");
    assert_int_equal(u.segments[0].size, 6);
    assert_true(u.hash_valid);
    assert_int_equal(u.epoch, 1);
    OK(fx, cr_upload_claim(&fx->cx, fx->m, &u));
    assert_true(u.claimed);
    assert_false(u.lease_lost);
    assert_int_equal(u.epoch, 2);
    receive(fx, &u, 0, NULL, "wor");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 6, true));
    assert_int_equal(u.epoch, 2);
    assert_true(get(fx, &u).leased);
    receive(fx, &u, 0, NULL, "ld");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 9, false));

    u = get(fx, &u);
    assert_false(u.leased);
    assert_int_equal(u.size, 11);
    cr_digest_final(&u.hash, &d);
    OK(fx, cr_upload_commit(&fx->cx, fx->m, &u, 11, &d, FILE("l/one", 11)));
    u.hash_valid = false;
    d = meta_digest("hello world");
    OK(fx, cr_blob_find(&fx->cx, fx->m, REPO, &d, &b));
    assert_text(b.locator, "l/one");
    assert_int_equal(b.size, 11);
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM upload"), 0);
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM orphan"), 0);

    /* The session is over: a second end of it finds nothing. */
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_commit(&fx->cx, fx->m, &u, 11, &d, FILE("l/one", 11)));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN,
          cr_upload_advance(&fx->cx, fx->m, &u, 11, false));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_UNKNOWN, cr_upload_claim(&fx->cx, fx->m, &u));
    OK(fx, cr_upload_release(&fx->cx, fx->m, &u));
}


static void
test_two_first_writers(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     s = start(fx), a = get(fx, &s), b = get(fx, &s);
    cr_digest_t     d = meta_digest("bb");

    receive(fx, &a, 0, "l/a", "aaa");
    receive(fx, &b, 0, "l/b", "bb");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &a, 0, true));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_BUSY,
          cr_upload_advance(&fx->cx, fx->m, &b, 0, true));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_BUSY,
          cr_upload_commit(&fx->cx, fx->m, &b, 0, &d, FILE("l/b", 2)));
    assert_int_equal(b.epoch, 0);
    assert_int_equal(get(fx, &s).size, 3);
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM blob"), 0);

    /* An empty advance counts too: who was second must not overwrite. */
    s = start(fx);
    a = get(fx, &s);
    b = get(fx, &s);
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &a, 0, false));
    receive(fx, &b, 0, "l/b", "bb");
    FAILS(fx, CR_ERR_BLOB_UPLOAD_BUSY,
          cr_upload_advance(&fx->cx, fx->m, &b, 0, false));
}


static void
test_claims(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     a = start(fx), b, c;

    receive(fx, &a, 0, "l/a", "aaa");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &a, 0, false));
    b = get(fx, &a);
    c = get(fx, &a);

    OK(fx, cr_upload_claim(&fx->cx, fx->m, &a));
    FAILS(fx, CR_ERR_BLOB_UPLOAD_BUSY, cr_upload_claim(&fx->cx, fx->m, &b));
    assert_true(get(fx, &a).leased);
    OK(fx, cr_upload_release(&fx->cx, fx->m, &a));
    assert_false(a.claimed);
    assert_false(get(fx, &a).leased);

    /* Read before the claim: what it saw may be gone. */
    FAILS(fx, CR_ERR_RANGE_INVALID, cr_upload_claim(&fx->cx, fx->m, &b));
    b = get(fx, &b);
    OK(fx, cr_upload_claim(&fx->cx, fx->m, &b));
    assert_false(b.lease_lost);

    /* The holder dies.  Until its lease is over nobody goes on. */
    meta_clock_add(cr_meta_conf_default.upload_lease_us - 1);
    c = get(fx, &c);
    assert_true(c.leased);
    assert_false(c.lease_lost);
    FAILS(fx, CR_ERR_BLOB_UPLOAD_BUSY, cr_upload_claim(&fx->cx, fx->m, &c));
    meta_clock_add(1);
    c = get(fx, &c);
    assert_false(c.leased);
    assert_true(c.lease_lost);
    OK(fx, cr_upload_claim(&fx->cx, fx->m, &c));
    assert_true(c.lease_lost);

    /* It was only asleep, and comes back: it holds nothing any more. */
    receive(fx, &b, 0, NULL, "bbb");
    FAILS(fx, CR_ERR_BLOB_UPLOAD_BUSY,
          cr_upload_advance(&fx->cx, fx->m, &b, 3, true));
    OK(fx, cr_upload_release(&fx->cx, fx->m, &b));
    assert_true(get(fx, &c).leased);
    receive(fx, &c, 1, "l/c", "cc");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &c, 3, false));
    c = get(fx, &c);
    assert_int_equal(c.nsegments, 2);
    assert_int_equal(c.size, 5);
}


/*
 * Who released a lease that was taken over after its holder had vanished has
 * not made the first holder go away: the mark stays until another file is the
 * session's last.
 */
static void
test_lost_stays_lost(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     a = start(fx), b;

    receive(fx, &a, 0, "l/a", "aaa");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &a, 0, true));
    meta_clock_add(cr_meta_conf_default.upload_lease_us);

    for (int i = 0; i < 3; i++) {
        b = get(fx, &a);
        assert_false(b.leased);
        assert_true(b.lease_lost);
        OK(fx, cr_upload_claim(&fx->cx, fx->m, &b));
        assert_true(b.lease_lost);
        if (i > 0) {
            OK(fx, cr_upload_advance(&fx->cx, fx->m, &b, 3, i == 1));
        }
        OK(fx, cr_upload_release(&fx->cx, fx->m, &b));
    }

    b = get(fx, &a);
    assert_true(b.lease_lost);
    OK(fx, cr_upload_claim(&fx->cx, fx->m, &b));
    receive(fx, &b, 1, "l/b", "b");
    b.lease_lost = false;
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &b, 3, false));
    assert_false(get(fx, &a).lease_lost);
}


static void
test_hash_state(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     u = start(fx);

    receive(fx, &u, 0, "l/a", "aaa");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 0, false));
    assert_true(get(fx, &u).hash_valid);

    /* Another boot: the bytes may be gone. */
    meta_boot_id("3d5a8e0c-0000-4000-8000-000000000002\n");
    meta_reopen(fx, &cr_meta_conf_default);
    u = get(fx, &u);
    assert_false(u.hash_valid);
    assert_int_equal(u.size, 3);

    /* Hashed again and advanced: from then on it is of this boot. */
    cr_hash_init(&u.hash, CR_HASH_SHA256);
    cr_hash_update(&u.hash, "aaa", 3);
    u.hash_valid = true;
    OK(fx, cr_upload_claim(&fx->cx, fx->m, &u));
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 3, false));
    assert_true(get(fx, &u).hash_valid);

    /* No boot id: never the same boot, even of one program. */
    meta_boot_id(NULL);
    meta_reopen(fx, &cr_meta_conf_default);
    assert_false(get(fx, &u).hash_valid);

    /* Unreadable, of another length, of another algorithm, not there. */
    meta_exec(fx, "UPDATE upload SET hash_state = x'ff00'");
    assert_false(get(fx, &u).hash_valid);
    meta_boot_id("3d5a8e0c-0000-4000-8000-000000000002\n");
    meta_reopen(fx, &cr_meta_conf_default);
    assert_false(get(fx, &u).hash_valid);
    OK(fx, cr_upload_claim(&fx->cx, fx->m, &u));
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 3, false));
    assert_true(get(fx, &u).hash_valid);
    meta_exec(fx, "UPDATE upload SET size = 4");
    assert_false(get(fx, &u).hash_valid);
    meta_exec(fx, "UPDATE upload SET size = 3, hash_alg = 2");
    assert_false(get(fx, &u).hash_valid);
    meta_exec(fx, "UPDATE upload SET hash_alg = 1, hash_state = NULL");
    assert_false(get(fx, &u).hash_valid);
    /* With nothing received there is nothing to hash. */
    meta_exec(fx, "UPDATE upload SET size = 0, boot_id = 'x'");
    assert_true(get(fx, &u).hash_valid);
}


/* A state that was altered anywhere, or is another session's, is not used. */
static void
test_sealed_hash(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     u = start(fx), v = start(fx);
    char            sql[256];
    int64_t         size;

    receive(fx, &u, 0, "l/1", "abc");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 0, false));
    receive(fx, &v, 0, "l/2", "xyz");
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &v, 0, false));
    assert_true(get(fx, &u).hash_valid);
    meta_exec(fx, "CREATE TABLE kept AS SELECT * FROM upload");

    snprintf(sql, sizeof(sql),
             "SELECT length(hash_state) FROM upload WHERE id = '%s'", u.id);
    size = meta_int(fx, sql);
    assert_true(size > 2 + 32 + 8 + 3);

    for (int64_t i = 1; i <= size; i++) {
        snprintf(sql, sizeof(sql),
                 "UPDATE upload SET hash_state = CAST(substr(hash_state, 1, "
                 "%lld) || CASE substr(hash_state, %lld, 1) WHEN x'00' THEN "
                 "x'01' ELSE x'00' END || substr(hash_state, %lld) AS BLOB)",
                 (long long) i - 1, (long long) i, (long long) i + 1);
        meta_exec(fx, sql);
        assert_int_equal(meta_int(fx,
                                  "SELECT max(length(hash_state)) FROM upload"),
                         size);
        assert_false(get(fx, &u).hash_valid);
        meta_exec(fx, "UPDATE upload SET hash_state = (SELECT hash_state "
                      "FROM kept WHERE kept.id = upload.id)");
        assert_true(get(fx, &u).hash_valid);
    }

    meta_exec(fx, "UPDATE upload SET hash_state = (SELECT hash_state FROM "
                  "kept WHERE kept.id <> upload.id)");
    assert_false(get(fx, &u).hash_valid);
    assert_false(get(fx, &v).hash_valid);
}


static void
test_damaged_segments(void **state)
{
    static const char *const bad[] = { "l/a\n", "l/a:\n", ":3\n", "l/a:x\n",
                                       "\n" };

    meta_fixture_t *fx = *state;
    cr_upload_t     u = start(fx), v;
    char            sql[96];
    size_t          i;

    for (i = 0; i < CR_NELTS(bad); i++) {
        (void) snprintf(sql, sizeof(sql), "UPDATE upload SET segments = '%s'",
                        bad[i]);
        meta_exec(fx, sql);
        FAILS(fx, CR_ERR_CORRUPT,
              cr_upload_get(&fx->cx, fx->m, REPO, ACTOR, cr_str_z(u.id), &v));
    }
}


static void
test_too_many_segments(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     u = start(fx);
    size_t          i;

    u.segments =
        cr_alloc(&fx->cx, (CR_UPLOAD_SEGMENTS_MAX + 1) * sizeof(*u.segments));
    for (i = 0; i <= CR_UPLOAD_SEGMENTS_MAX; i++) {
        u.segments[i].locator = cr_printf(&fx->cx, "l/%zu", i);
        u.segments[i].size = 1;
    }
    u.nsegments = CR_UPLOAD_SEGMENTS_MAX + 1;
    FAILS(fx, CR_ERR_BLOB_UPLOAD_INVALID,
          cr_upload_advance(&fx->cx, fx->m, &u, 0, false));
    u.nsegments--;
    OK(fx, cr_upload_advance(&fx->cx, fx->m, &u, 0, false));
    assert_int_equal(get(fx, &u).nsegments, CR_UPLOAD_SEGMENTS_MAX);
}


static void
test_open_sessions_are_bounded(void **state)
{
    meta_fixture_t *fx = *state;
    cr_meta_conf_t  conf = cr_meta_conf_default;
    cr_name_t       a = meta_name(fx, "library/a");
    cr_name_t       b = meta_name(fx, "library/b");
    cr_upload_t     u, v;

    conf.uploads_max = 2;
    meta_reopen(fx, &conf);
    u = start(fx);
    (void) start(fx);
    FAILS(fx, CR_ERR_TOOMANYREQUESTS,
          cr_upload_create(&fx->cx, fx->m, &a, ACTOR, CR_HASH_SHA256, &v));

    /* Another repository, another user. */
    OK(fx, cr_upload_create(&fx->cx, fx->m, &b, ACTOR, CR_HASH_SHA256, &v));
    OK(fx, cr_upload_create(&fx->cx, fx->m, &a, CR_STR("user:99"),
                            CR_HASH_SHA256, &v));

    /* One that ended makes room, one that expired does too. */
    OK(fx, cr_upload_cancel(&fx->cx, fx->m, REPO, ACTOR, cr_str_z(u.id)));
    (void) start(fx);
    FAILS(fx, CR_ERR_TOOMANYREQUESTS,
          cr_upload_create(&fx->cx, fx->m, &a, ACTOR, CR_HASH_SHA256, &v));
    meta_clock_add(conf.upload_expires_us);
    (void) start(fx);

    conf.uploads_max = 0;
    meta_reopen(fx, &conf);
    for (int i = 0; i < 5; i++) {
        (void) start(fx);
    }
}


/* In all repositories together: a multiple of it. */
static void
test_open_sessions_of_an_owner(void **state)
{
    meta_fixture_t *fx = *state;
    cr_meta_conf_t  conf = cr_meta_conf_default;
    cr_name_t       name;
    cr_upload_t     u;
    char            text[32];
    int             i, max = 2 * CR_UPLOADS_OWNER_FACTOR;

    conf.uploads_max = 2;
    meta_reopen(fx, &conf);

    for (i = 0; i <= max; i++) {
        snprintf(text, sizeof(text), "library/r%d", i);
        name = meta_name(fx, text);

        if (i == max) {
            FAILS(fx, CR_ERR_TOOMANYREQUESTS,
                  cr_upload_create(&fx->cx, fx->m, &name, ACTOR, CR_HASH_SHA256,
                                   &u));
        } else {
            OK(fx, cr_upload_create(&fx->cx, fx->m, &name, ACTOR,
                                    CR_HASH_SHA256, &u));
        }
    }

    OK(fx, cr_upload_create(&fx->cx, fx->m, &name, CR_STR("user:99"),
                            CR_HASH_SHA256, &u));
    meta_clock_add(conf.upload_expires_us);
    OK(fx, cr_upload_create(&fx->cx, fx->m, &name, ACTOR, CR_HASH_SHA256, &u));
}


/* A repository that was made for an upload goes with it. */
static void
test_repository_of_an_upload(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     u = start(fx), v = start(fx);
    size_t          n;

    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM repository"), 1);
    OK(fx, cr_upload_cancel(&fx->cx, fx->m, REPO, ACTOR, cr_str_z(u.id)));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM repository"), 1);
    OK(fx, cr_upload_cancel(&fx->cx, fx->m, REPO, ACTOR, cr_str_z(v.id)));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM repository"), 0);

    (void) start(fx);
    (void) start(fx);
    meta_clock_add(cr_meta_conf_default.upload_expires_us);
    OK(fx, cr_upload_expire(&fx->cx, fx->m, 10, &n));
    assert_int_equal(n, 2);
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM repository"), 0);

    /* Whatever it had: it stays. */
    (void) meta_blob(fx, "library/a", "x");
    u = start(fx);
    OK(fx, cr_upload_cancel(&fx->cx, fx->m, REPO, ACTOR, cr_str_z(u.id)));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM repository"), 1);
    meta_exec(fx, "DELETE FROM repository_blob");
    meta_exec(fx, "UPDATE repository SET description = 'kept'");
    u = start(fx);
    OK(fx, cr_upload_cancel(&fx->cx, fx->m, REPO, ACTOR, cr_str_z(u.id)));
    assert_int_equal(meta_int(fx, "SELECT COUNT(*) FROM repository"), 1);
}


static void
test_writes_need_a_thread(void **state)
{
    meta_fixture_t *fx = *state;
    cr_name_t       name = meta_name(fx, "library/a");
    cr_upload_t     u = start(fx), v;
    cr_digest_t     d = meta_digest("");
    size_t          n;

    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN,
          cr_upload_create(&fx->cx, fx->m, &name, ACTOR, CR_HASH_SHA256, &v));
    FAILS(fx, CR_ERR_AGAIN, cr_upload_claim(&fx->cx, fx->m, &u));
    FAILS(fx, CR_ERR_AGAIN, cr_upload_advance(&fx->cx, fx->m, &u, 0, false));
    FAILS(fx, CR_ERR_AGAIN,
          cr_upload_commit(&fx->cx, fx->m, &u, 0, &d, FILE("l/1", 0)));
    FAILS(fx, CR_ERR_AGAIN,
          cr_upload_publish(&fx->cx, fx->m, &name, &d, FILE("l/1", 0)));
    FAILS(fx, CR_ERR_AGAIN,
          cr_upload_cancel(&fx->cx, fx->m, REPO, ACTOR, cr_str_z(u.id)));
    FAILS(fx, CR_ERR_AGAIN, cr_upload_expire(&fx->cx, fx->m, 1, &n));
    u.claimed = true;
    FAILS(fx, CR_ERR_AGAIN, cr_upload_release(&fx->cx, fx->m, &u));
    assert_int_equal(u.epoch, 0);
}


/* --- several at once ----------------------------------------------------- */

#define RACERS 6

typedef struct racer_s {
    meta_fixture_t *fx;
    cr_upload_t     u;
    char            locator[16];
    bool            claim;
    cr_err_t        err;
} racer_t;


static void *
race(void *arg)
{
    racer_t     *r = arg;
    cr_segment_t s = { .locator = cr_str_z(r->locator), .size = 3 };
    cr_ctx_t     cx;

    if (cr_ctx_init(&cx, 0) != CR_OK) {
        r->err = CR_ERR_NO_MEMORY;
        return NULL;
    }
    cx.sys = r->fx->cx.sys;
    cx.may_block = true;
    if (r->claim) {
        r->err = cr_upload_claim(&cx, r->fx->m, &r->u);
    } else {
        r->u.segments = &s;
        r->u.nsegments = 1;
        r->u.size = 3;
        cr_hash_update(&r->u.hash, "abc", 3);
        r->err = cr_upload_advance(&cx, r->fx->m, &r->u, 0, false);
    }
    cr_ctx_done(&cx);
    return NULL;
}


/* All have read the same row; one may win.  Returns its number. */
static size_t
run_race(meta_fixture_t *fx, const cr_upload_t *u, bool claim)
{
    racer_t   racers[RACERS];
    pthread_t threads[RACERS];
    size_t    i, winner = RACERS;

    for (i = 0; i < RACERS; i++) {
        memset(&racers[i], 0, sizeof(racers[i]));
        racers[i].fx = fx;
        racers[i].u = *u;
        racers[i].claim = claim;
        (void) snprintf(racers[i].locator, sizeof(racers[i].locator), "l/%zu",
                        i);
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]),
                         0);
    }
    for (i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (i = 0; i < RACERS; i++) {
        if (racers[i].err == CR_OK) {
            assert_int_equal(winner, RACERS);
            winner = i;
        } else {
            assert_int_equal(racers[i].err, CR_ERR_BLOB_UPLOAD_BUSY);
        }
    }
    assert_true(winner < RACERS);
    return winner;
}


static void
test_race(void **state)
{
    meta_fixture_t *fx = *state;
    cr_upload_t     u = start(fx);
    size_t          winner, i;
    char            locator[16];

    for (i = 0; i < 20; i++) {
        u = start(fx);
        u = get(fx, &u);
        winner = run_race(fx, &u, false);
        u = get(fx, &u);
        assert_int_equal(u.nsegments, 1);
        (void) snprintf(locator, sizeof(locator), "l/%zu", winner);
        assert_text(u.segments[0].locator, locator);
        (void) run_race(fx, &u, true);
        assert_true(get(fx, &u).leased);
    }
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create_and_get),
        TEST(test_get_unknown),
        TEST(test_chunks),
        TEST(test_two_first_writers),
        TEST(test_claims),
        TEST(test_lost_stays_lost),
        TEST(test_hash_state),
        TEST(test_sealed_hash),
        TEST(test_damaged_segments),
        TEST(test_too_many_segments),
        TEST(test_open_sessions_are_bounded),
        TEST(test_open_sessions_of_an_owner),
        TEST(test_repository_of_an_upload),
        TEST(test_writes_need_a_thread),
        TEST(test_race),
    };

    return cmocka_run_group_tests_name("meta/upload", tests, NULL, NULL);
}
