/*
 * The run of a declared set: who may do it now (a lease), whether it is its
 * turn (serial, else the time of the load), whether it looks like a mistake
 * (the guard), and what became of it.  All that changes rights happens in one
 * transaction; only password hashes are made before it.
 *
 * Sections: checks, rows, order and guard, the run, the command line.
 */

#include <string.h>

#include "auth/password.h"
#include "core/hash.h"
#include "meta/declare_inner.h"

#define CR_DECLARE_LEASE_US CR_MINUTE
#define CR_DECLARE_RENEW_US (10 * CR_SECOND)
/* A set that removes more than this, and more than a tenth, is held. */
#define CR_DECLARE_REMOVED_MAX 3

#define CR_DECLARE_APPLIED_SLOT CR_STR("applied")
#define CR_DECLARE_NEXT_SLOT    CR_STR("next")

/* --- checks ------------------------------------------------------------- */

cr_err_t
cr_declared_check(cr_ctx_t *cx, cr_str_t declared, const char *what,
                  cr_str_t name)
{
    if (declared.len == 0) {
        return CR_OK;
    }

    return cr_fail(cx, CR_ERR_CONFLICT,
                   "%s %.*s is declared in %.*s: change it there", what,
                   CR_STR_ARG(name), CR_STR_ARG(declared));
}


cr_err_t
cr_declared_exclusive_check(cr_ctx_t *cx, cr_conn_t *c, const char *what)
{
    bool       found;
    cr_str_t   place;
    cr_stmt_t *st;

    CR_TRY(cr_meta_row(cx, c, CR_SQL_DECLARE_EXCLUSIVE, NULL, 0, &found, &st));
    if (!found) {
        return CR_OK;
    }

    place = cr_stmt_text(cx, st, 0);
    CR_TRY(cr_meta_rows_done(cx, st));

    return cr_fail(cx, CR_ERR_CONFLICT,
                   "no %s can be added or changed here: \"declared "
                   "exclusive\" in %.*s",
                   what, CR_STR_ARG(place));
}


/* --- rows --------------------------------------------------------------- */

static cr_err_t
cr_declaration_get(cr_ctx_t *cx, cr_conn_t *c, cr_str_t slot,
                   cr_declaration_t *ret_d)
{
    bool             found;
    cr_val_t         v = CR_V_TEXT(slot);
    cr_stmt_t       *st;
    cr_declaration_t d = { 0 };

    CR_TRY(cr_meta_row(cx, c, CR_SQL_DECLARE_GET, &v, 1, &found, &st));

    if (found) {
        d.found = true;
        d.instance = cr_stmt_text(cx, st, 0);
        d.mode = cr_stmt_text(cx, st, 1);
        d.serial = cr_stmt_int(st, 2);
        d.hash = cr_stmt_text(cx, st, 3);
        d.body = cr_stmt_text(cx, st, 4);
        d.state = cr_stmt_text(cx, st, 5);
        d.reason = cr_stmt_text(cx, st, 6);
        d.loaded_at = cr_stmt_int(st, 7);
        d.changed_at = cr_stmt_int(st, 8);
        CR_TRY(cr_meta_rows_done(cx, st));
    }

    *ret_d = d;
    return CR_OK;
}


static cr_err_t
cr_declaration_put(cr_ctx_t *cx, cr_conn_t *c, cr_str_t slot,
                   const cr_declared_t *set, const cr_declaration_t *d)
{
    cr_val_t v[11];

    v[0] = CR_V_TEXT(slot);
    v[1] = CR_V_TEXT(set->instance);
    v[2] = CR_V_TEXT(set->mode);
    v[3] = CR_V_TEXT(set->at);
    v[4] = set->serial == 0 ? CR_V_NULL : CR_V_INT(set->serial);
    v[5] = CR_V_TEXT(d->hash);
    v[6] = CR_V_TEXT(d->body);
    v[7] = CR_V_TEXT(d->state);
    v[8] = CR_V_TEXT(d->reason);
    v[9] = CR_V_INT(d->loaded_at);
    v[10] = CR_V_INT(cr_now(cx));
    return cr_db_run(cx, c, CR_SQL_DECLARE_PUT, v, 11);
}


static cr_err_t
cr_declaration_drop_next(cr_ctx_t *cx, cr_conn_t *c)
{
    cr_val_t v = CR_V_TEXT(CR_DECLARE_NEXT_SLOT);

    return cr_db_run(cx, c, CR_SQL_DECLARE_DROP, &v, 1);
}


typedef struct cr_declare_both_s {
    cr_declaration_t applied;
    cr_declaration_t next;
} cr_declare_both_t;

static cr_err_t
cr_declare_both_get(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_declare_both_t *b = arg;

    CR_TRY(cr_declaration_get(cx, c, CR_DECLARE_APPLIED_SLOT, &b->applied));
    return cr_declaration_get(cx, c, CR_DECLARE_NEXT_SLOT, &b->next);
}


/* --- order and guard ---------------------------------------------------- */

typedef struct cr_declare_run_s {
    cr_declared_t       set;
    cr_declaration_t    d; /* of this set: hash, body, loaded_at */
    cr_str_t            held_body; /* with the crypt(3) strings */
    cr_str_t            owner;
    int64_t             epoch;
    int64_t             renewed_at;
    cr_declare_result_t result;
} cr_declare_run_t;

static void
cr_declare_end(cr_declare_run_t *r, cr_declare_state_e state, cr_str_t reason)
{
    r->result.state = state;
    r->result.reason = reason;
}


/*
 * Is it this set's turn, beside the one in force or one that waits?  Else
 * result.state says what it is instead.
 */
static bool
cr_declare_in_order(cr_ctx_t *cx, cr_declare_run_t *r,
                    const cr_declaration_t *other)
{
    int64_t serial = r->set.serial;
    bool    applied = cr_str_eq_z(other->state, "applied");

    /* One that failed has no claim; its serial may be used again. */
    if (!other->found || cr_str_eq(other->hash, r->d.hash)
        || cr_str_eq_z(other->state, "failed"))
    {
        return true;
    }

    if (serial == other->serial && (serial == 0 || !applied)) {
        if (other->loaded_at > r->d.loaded_at) {
            cr_declare_end(r, CR_DECLARE_SUPERSEDED,
                           CR_STR("a set that was loaded later is known"));
            return false;
        }
        return true;
    }

    if (serial == other->serial) {
        cr_declare_end(r, CR_DECLARE_FAILED,
                       cr_printf(cx, "serial %lld stands for another content "
                                     "already: raise it",
                                 (long long) serial));
        return false;
    }

    if (serial == 0) {
        cr_declare_end(r, CR_DECLARE_HELD,
                       cr_printf(cx,
                                 "it has no serial, but the database knows "
                                 "serial %lld",
                                 (long long) other->serial));
        return false;
    }

    if (serial < other->serial) {
        cr_declare_end(r, CR_DECLARE_SUPERSEDED,
                       cr_printf(cx, "serial %lld is below %lld, which the "
                                     "database knows",
                                 (long long) serial,
                                 (long long) other->serial));
        return false;
    }

    return true;
}


/* Is this the set in force again, loaded after the one that waits?  Then the
 * file was put back, and nothing waits any more, whatever the serials. */
static bool
cr_declare_undoes(const cr_declare_run_t *r, const cr_declare_both_t *now)
{
    return now->applied.found && cr_str_eq(now->applied.hash, r->d.hash)
           && now->next.loaded_at <= r->d.loaded_at;
}


static bool
cr_declare_guard(cr_ctx_t *cx, cr_declare_run_t *r,
                 const cr_declare_plan_t *plan)
{
    if (plan->before != 0 && cr_declared_count(&r->set) == 0) {
        cr_declare_end(r, CR_DECLARE_HELD,
                       cr_printf(cx, "it is empty and would remove all %zu "
                                     "declared objects",
                                 plan->before));
        return false;
    }

    if (plan->removed > CR_DECLARE_REMOVED_MAX
        && plan->removed * 10 > plan->before)
    {
        cr_declare_end(r, CR_DECLARE_HELD,
                       cr_printf(cx, "it would remove %zu of %zu declared "
                                     "objects",
                                 plan->removed, plan->before));
        return false;
    }

    if (plan->admins <= 0 && plan->n != 0) {
        cr_declare_end(r, CR_DECLARE_HELD,
                       CR_STR("it would leave no administrator"));
        return false;
    }

    return true;
}


/* --- the run ------------------------------------------------------------ */

static cr_err_t
cr_declare_lease_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool              found;
    int64_t           now = cr_now(cx);
    cr_val_t          v[3];
    cr_declare_run_t *r = arg;

    v[0] = CR_V_TEXT(r->owner);
    v[1] = CR_V_INT(now + CR_DECLARE_LEASE_US);
    v[2] = CR_V_INT(now);
    CR_TRY(cr_db_get_int(cx, c, CR_SQL_DECLARE_LEASE, v, 3, &found, &r->epoch));

    if (!found) {
        cr_declare_end(r, CR_DECLARE_BUSY,
                       CR_STR("another process is reconciling"));
        r->epoch = 0;
    }

    r->renewed_at = now;
    return CR_OK;
}


/* *ret_ours false: somebody took over. */
static cr_err_t
cr_declare_lease_end(cr_ctx_t *cx, cr_conn_t *c, const cr_declare_run_t *r,
                     bool *ret_ours)
{
    int64_t  n;
    cr_val_t v[2];

    v[0] = CR_V_TEXT(r->owner);
    v[1] = CR_V_INT(r->epoch);
    CR_TRY(cr_db_run_count(cx, c, CR_SQL_DECLARE_LEASE_END, v, 2, &n));
    *ret_ours = n == 1;
    return CR_OK;
}


/*
 * The crypt(3) string of a password that is new.  Another node may have
 * another key of fingerprints: what verifies is kept, so that tokens stay.
 */
static cr_err_t
cr_declare_hash_user(cr_ctx_t *cx, cr_conn_t *c, cr_declared_user_t *u)
{
    bool       found;
    cr_err_t   err;
    cr_str_t   hash = CR_STR_NULL, fingerprint = CR_STR_NULL;
    cr_val_t   v = CR_V_TEXT(u->name);
    cr_stmt_t *st;

    CR_TRY(cr_meta_row(cx, c, CR_SQL_DECLARE_USER, &v, 1, &found, &st));

    if (found) {
        fingerprint = cr_stmt_text(cx, st, 4);
        hash = cr_stmt_text(cx, st, 5);
        CR_TRY(cr_meta_rows_done(cx, st));
    }

    if (cr_str_eq(fingerprint, u->fingerprint)) {
        return CR_OK;
    }

    if (hash.len != 0) {
        err = cr_password_verify(cx, u->password, hash);

        if (err == CR_OK) {
            u->hash = hash;
            return CR_OK;
        }
        if (err != CR_ERR_UNAUTHORIZED) {
            return err;
        }
        cr_clear(cx);
    }

    return cr_password_hash(cx, u->password, &u->hash);
}


static cr_err_t
cr_declare_hash(cr_ctx_t *cx, cr_meta_t *m, cr_declare_run_t *r)
{
    cr_conn_t *c;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    for (size_t i = 0; i < r->set.nusers && r->epoch != 0; i++) {
        if (r->set.users[i].password.data == NULL) {
            continue;
        }

        CR_TRY(cr_declare_hash_user(cx, c, &r->set.users[i]));

        if (cr_now(cx) - r->renewed_at > CR_DECLARE_RENEW_US) {
            CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_declare_lease_write,
                               r));
        }
    }

    return cr_declared_write(cx, &r->set, true, true, &r->held_body);
}


/* The set does not go in now: it is kept for the operator to see. */
static cr_err_t
cr_declare_keep(cr_ctx_t *cx, cr_conn_t *c, cr_declare_run_t *r)
{
    cr_declaration_t d = r->d;
    bool             held = r->result.state == CR_DECLARE_HELD;

    if (!held && r->result.state != CR_DECLARE_FAILED) {
        return CR_OK;
    }

    if (r->result.reason.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    d.body = r->held_body;
    d.state = held ? CR_STR("held") : CR_STR("failed");
    d.reason = r->result.reason;
    return cr_declaration_put(cx, c, CR_DECLARE_NEXT_SLOT, &r->set, &d);
}


static cr_err_t
cr_declare_apply_set(cr_ctx_t *cx, cr_conn_t *c, const cr_declared_t *set,
                     cr_declaration_t d, const cr_declare_plan_t *plan)
{
    d.state = CR_STR("applied");
    d.reason = CR_STR("");
    CR_TRY(cr_declare_execute(cx, c, plan));
    CR_TRY(cr_declaration_put(cx, c, CR_DECLARE_APPLIED_SLOT, set, &d));
    return cr_declaration_drop_next(cx, c);
}


static cr_err_t
cr_declare_run_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool              ours;
    cr_declare_run_t *r = arg;
    cr_declare_both_t now;
    cr_declare_plan_t plan;

    CR_TRY(cr_declare_lease_end(cx, c, r, &ours));
    if (!ours) {
        cr_declare_end(r, CR_DECLARE_BUSY,
                       CR_STR("another process took over"));
        return CR_OK;
    }

    CR_TRY(cr_declare_both_get(cx, c, &now));

    if (!cr_declare_in_order(cx, r, &now.applied)
        || (!cr_declare_undoes(r, &now)
            && !cr_declare_in_order(cx, r, &now.next)))
    {
        return cr_declare_keep(cx, c, r);
    }

    CR_TRY(cr_declare_plan(cx, c, &r->set, &plan));

    if (!cr_declare_guard(cx, r, &plan)) {
        return cr_declare_keep(cx, c, r);
    }

    CR_TRY(cr_declare_apply_set(cx, c, &r->set, r->d, &plan));
    r->result.changes = plan.n;
    cr_declare_end(r, CR_DECLARE_APPLIED, CR_STR_NULL);
    return CR_OK;
}


static cr_err_t
cr_declare_failed_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool              ours;
    cr_declare_run_t *r = arg;

    CR_TRY(cr_declare_lease_end(cx, c, r, &ours));
    return ours ? cr_declare_keep(cx, c, r) : CR_OK;
}


/* Worth another try, or is something wrong with the set? */
static bool
cr_declare_passing(cr_err_t err)
{
    return cr_err_info(err)->retryable || err == CR_ERR_DB
           || err == CR_ERR_DB_SCHEMA || err == CR_ERR_DB_MISSING
           || err == CR_ERR_INTERNAL;
}


static cr_err_t
cr_declare_go(cr_ctx_t *cx, cr_meta_t *m, cr_declare_run_t *r)
{
    char     owner[CR_UUID_LEN];
    cr_err_t err;
    cr_str_t why;

    CR_TRY(cr_uuid_make(cx, owner));
    r->owner = (cr_str_t){ sizeof(owner), owner };

    CR_TRY(cr_db_write(cx, m->db, CR_DB_NOSYNC, cr_declare_lease_write, r));

    if (r->epoch != 0) {
        CR_TRY(cr_declare_hash(cx, m, r));
    }
    if (r->epoch == 0) {
        return CR_OK;
    }

    err = cr_db_write(cx, m->db, CR_DB_SYNC, cr_declare_run_write, r);

    if (err == CR_OK || cr_declare_passing(err)) {
        return err;
    }

    why = cx->message.len != 0 ? cx->message : cr_str_z(cr_err_info(err)->text);
    why = cr_dup(cx, why);
    cr_clear(cx);
    cr_declare_end(r, CR_DECLARE_FAILED, why);
    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_declare_failed_write, r);
}


static cr_err_t
cr_declare_prepare(cr_ctx_t *cx, cr_str_t text, cr_str_t key,
                   int64_t loaded_at, cr_declare_run_t *r)
{
    char      hex[64];
    uint8_t   sum[32];
    cr_str_t  plain;
    cr_hash_t h;

    CR_TRY(cr_declared_parse(cx, text, &r->set));
    CR_TRY(cr_declared_fingerprint(cx, &r->set, key));
    CR_TRY(cr_declared_write(cx, &r->set, false, false, &plain));
    CR_TRY(cr_declared_write(cx, &r->set, true, false, &r->d.body));

    cr_hash_init(&h, CR_HASH_SHA256);
    cr_hash_update(&h, plain.data, plain.len);
    cr_hash_final(&h, sum);
    cr_hex_encode(sum, sizeof(sum), hex);

    r->d.hash = cr_dup(cx, (cr_str_t){ sizeof(hex), hex });
    r->d.loaded_at = loaded_at;
    return r->d.hash.data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}


cr_err_t
cr_declare_run(cr_ctx_t *cx, cr_meta_t *m, cr_str_t text, cr_str_t key,
               int64_t loaded_at, cr_declare_result_t *ret_result)
{
    cr_declare_run_t  r = { 0 };
    cr_declare_both_t now;

    CR_TRY(cr_declare_prepare(cx, text, key, loaded_at, &r));
    CR_TRY(cr_db_read(cx, m->db, cr_declare_both_get, &now));

    if (!now.applied.found && !now.next.found
        && cr_declared_count(&r.set) == 0)
    {
        cr_declare_end(&r, CR_DECLARE_NONE, CR_STR_NULL);

    } else if (now.applied.found && !now.next.found
               && cr_str_eq(now.applied.hash, r.d.hash)
               && (cr_str_eq(now.applied.body, r.d.body)
                   || now.applied.loaded_at > loaded_at))
    {
        cr_declare_end(&r, CR_DECLARE_UNCHANGED, CR_STR_NULL);

    } else if (now.next.found && cr_str_eq_z(now.next.state, "held")
               && cr_str_eq(now.next.hash, r.d.hash))
    {
        cr_declare_end(&r, CR_DECLARE_HELD, now.next.reason);

    } else {
        CR_TRY(cr_declare_go(cx, m, &r));
    }

    *ret_result = r.result;
    return CR_OK;
}


/* --- the command line --------------------------------------------------- */

cr_err_t
cr_declare_status(cr_ctx_t *cx, cr_meta_t *m, cr_declaration_t *ret_applied,
                  cr_declaration_t *ret_next)
{
    cr_declare_both_t both;

    CR_TRY(cr_db_read(cx, m->db, cr_declare_both_get, &both));
    *ret_applied = both.applied;
    *ret_next = both.next;
    return CR_OK;
}


static cr_err_t
cr_declare_next(cr_ctx_t *cx, cr_conn_t *c, cr_declaration_t *ret_d,
                cr_declared_t *ret_set)
{
    CR_TRY(cr_declaration_get(cx, c, CR_DECLARE_NEXT_SLOT, ret_d));
    if (!ret_d->found) {
        return cr_fail(cx, CR_ERR_NOT_FOUND,
                       "no declared set waits: what nginx.conf says is "
                       "applied");
    }

    return cr_declared_parse(cx, ret_d->body, ret_set);
}


static cr_err_t
cr_declare_diff_read(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_declared_t    set;
    cr_declaration_t d;

    CR_TRY(cr_declare_next(cx, c, &d, &set));
    return cr_declare_plan(cx, c, &set, arg);
}


cr_err_t
cr_declare_diff(cr_ctx_t *cx, cr_meta_t *m, cr_declare_plan_t *ret_plan)
{
    return cr_db_read(cx, m->db, cr_declare_diff_read, ret_plan);
}


static cr_err_t
cr_declare_apply_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_declared_t      set;
    cr_declaration_t   d;
    cr_declare_plan_t *plan = arg;

    CR_TRY(cr_declare_next(cx, c, &d, &set));
    CR_TRY(cr_declare_plan(cx, c, &set, plan));

    /* What is in force has no crypt(3) strings. */
    CR_TRY(cr_declared_write(cx, &set, true, false, &d.body));
    return cr_declare_apply_set(cx, c, &set, d, plan);
}


cr_err_t
cr_declare_apply(cr_ctx_t *cx, cr_meta_t *m, cr_declare_plan_t *ret_plan)
{
    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_declare_apply_write, ret_plan);
}


static void
cr_declare_read_gone(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_declare_row_t *r = row;

    memset(r, 0, sizeof(*r));
    r->id = cr_stmt_int(st, 0);
    r->name = cr_stmt_text(cx, st, 1);
}


static void
cr_declare_read_beside(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_declare_row_t *r = row;

    memset(r, 0, sizeof(*r));
    r->id = cr_stmt_int(st, 0);
    r->project_id = cr_stmt_int(st, 1);
    r->project = cr_stmt_text(cx, st, 2);
    r->name = cr_stmt_text(cx, st, 3);
}


static cr_err_t
cr_declare_prune_list(cr_ctx_t *cx, cr_conn_t *c, cr_declare_kind_e kind,
                      cr_declare_plan_t *plan)
{
    void                   *rows;
    size_t                  n;
    cr_sql_e                sql;
    const cr_declare_row_t *r;

    sql = kind == CR_DECLARE_USER     ? CR_SQL_DECLARE_USERS_GONE
          : kind == CR_DECLARE_MEMBER ? CR_SQL_DECLARE_MEMBERS_BESIDE
                                      : CR_SQL_DECLARE_ROBOTS_BESIDE;
    CR_TRY(cr_meta_list(cx, c, sql, NULL, 0,
                        kind == CR_DECLARE_USER ? cr_declare_read_gone
                                                : cr_declare_read_beside,
                        sizeof(cr_declare_row_t), &rows, &n));
    r = rows;

    for (size_t i = 0; i < n; i++) {
        cr_declare_change_t ch = {
            .op = CR_CHANGE_REMOVE,
            .kind = kind,
            .id = r[i].id,
            .project_id = r[i].project_id,
            .project = r[i].project,
            .name = r[i].name,
            .detail = kind == CR_DECLARE_USER
                          ? CR_STR("deleted, not declared any more")
                          : CR_STR("deleted, not declared"),
        };

        CR_TRY(cr_declare_plan_add(cx, plan, ch));
    }

    return CR_OK;
}


static cr_err_t
cr_declare_prune_user(cr_ctx_t *cx, cr_conn_t *c, int64_t id)
{
    cr_val_t v[2];

    v[0] = CR_V_INT(id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_USER_DELETE_MEMBERS, v, 1));

    v[0] = CR_V_INT(cr_now(cx));
    v[1] = CR_V_INT(id);
    return cr_db_run(cx, c, CR_SQL_USER_DELETE, v, 2);
}


typedef struct cr_declare_prune_s {
    bool                  dry;
    const cr_audit_who_t *who;
    cr_declare_plan_t     plan;
} cr_declare_prune_t;

static cr_err_t
cr_declare_prune_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    bool                found;
    cr_stmt_t          *st;
    cr_declare_prune_t *p = arg;

    memset(&p->plan, 0, sizeof(p->plan));
    CR_TRY(cr_declare_prune_list(cx, c, CR_DECLARE_USER, &p->plan));

    CR_TRY(cr_meta_row(cx, c, CR_SQL_DECLARE_EXCLUSIVE, NULL, 0, &found, &st));
    cr_stmt_done(st);

    if (found) {
        CR_TRY(cr_declare_prune_list(cx, c, CR_DECLARE_MEMBER, &p->plan));
        CR_TRY(cr_declare_prune_list(cx, c, CR_DECLARE_ROBOT, &p->plan));
    }

    for (size_t i = 0; i < p->plan.n && !p->dry; i++) {
        const cr_declare_change_t *ch = &p->plan.changes[i];

        CR_TRY(ch->kind == CR_DECLARE_USER
                   ? cr_declare_prune_user(cx, c, ch->id)
               : ch->kind == CR_DECLARE_MEMBER
                   ? cr_declare_member_remove(cx, c, ch->id)
                   : cr_declare_robot_remove(cx, c, ch->id));
        CR_TRY(cr_declare_audit(cx, c, p->who, ch));
    }

    return CR_OK;
}


cr_err_t
cr_declare_prune(cr_ctx_t *cx, cr_meta_t *m, bool dry,
                 const cr_audit_who_t *who, cr_declare_plan_t *ret_plan)
{
    cr_declare_prune_t p = { .dry = dry, .who = who };

    CR_TRY(dry ? cr_db_read(cx, m->db, cr_declare_prune_write, &p)
               : cr_db_write(cx, m->db, CR_DB_SYNC, cr_declare_prune_write,
                             &p));
    *ret_plan = p.plan;
    return CR_OK;
}
