/*
 * Robot accounts: making and changing them.  Each change writes its audit row
 * in the same transaction.  Reading: robot_read.c.
 *
 * secrets · rights · creating · changing
 */

#include <string.h>

#include "core/encode.h"
#include "core/hash.h"
#include "meta/declare.h"
#include "meta/inner.h"
#include "meta/project.h"
#include "meta/robot.h"

/* --- secrets ------------------------------------------------------------- */


/* The SHA-256 of a secret, in the arena. */
static cr_err_t
cr_robot_hash(cr_ctx_t *cx, cr_str_t secret, cr_str_t *ret_hash)
{
    uint8_t *hash = cr_alloc(cx, CR_ROBOT_HASH_SIZE);

    if (hash == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    cr_hash_sha256(secret, hash);
    *ret_hash = (cr_str_t){ CR_ROBOT_HASH_SIZE, (char *) hash };

    return CR_OK;
}


bool
cr_robot_secret_is(cr_str_t secret, cr_str_t hash)
{
    uint8_t made[CR_ROBOT_HASH_SIZE];

    cr_hash_sha256(secret, made);

    return cr_str_eq_secret((cr_str_t){ sizeof(made), (const char *) made },
                            hash);
}


/* 30 random bytes are 40 characters; upper, lower and digit are asked for by
 * others, so what has not all three is made again. */
static cr_err_t
cr_robot_secret_make(cr_ctx_t *cx, cr_str_t *ret_secret)
{
    char     bytes[CR_ROBOT_SECRET_LEN / 4 * 3];
    cr_str_t s;
    unsigned kinds = 0;

    while (kinds != 7) {
        if (cx->sys->random(bytes, sizeof(bytes)) != 0) {
            return cr_fail_detail(cx, CR_ERR_INTERNAL, "no random bytes");
        }

        s = cr_base64url_encode(cx, (cr_str_t){ sizeof(bytes), bytes });
        if (s.data == NULL) {
            return CR_ERR_NO_MEMORY;
        }

        kinds = 0;
        for (size_t i = 0; i < s.len; i++) {
            kinds |= s.data[i] >= 'a' && s.data[i] <= 'z' ? 1u : 0;
            kinds |= s.data[i] >= 'A' && s.data[i] <= 'Z' ? 2u : 0;
            kinds |= s.data[i] >= '0' && s.data[i] <= '9' ? 4u : 0;
        }
    }

    explicit_bzero(bytes, sizeof(bytes));
    *ret_secret = s;

    return CR_OK;
}


/* A secret that is given must not be one that can be guessed. */
static cr_err_t
cr_robot_secret_check(cr_ctx_t *cx, cr_str_t secret)
{
    unsigned kinds = 0;

    for (size_t i = 0; i < secret.len; i++) {
        unsigned char ch = (unsigned char) secret.data[i];

        if (ch <= 0x20 || ch >= 0x7f) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST,
                           "secret: printable ASCII without spaces");
        }

        kinds |= ch >= 'a' && ch <= 'z' ? 1u : 0;
        kinds |= ch >= 'A' && ch <= 'Z' ? 2u : 0;
        kinds |= ch >= '0' && ch <= '9' ? 4u : 0;
    }

    if (secret.len < CR_ROBOT_SECRET_MIN || secret.len > CR_ROBOT_SECRET_MAX
        || kinds != 7)
    {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "secret: %d to %d characters, with an upper case "
                       "letter, a lower case letter and a digit",
                       CR_ROBOT_SECRET_MIN, CR_ROBOT_SECRET_MAX);
    }

    return CR_OK;
}


/* The one that is given, or a new one. */
static cr_err_t
cr_robot_secret(cr_ctx_t *cx, cr_str_t given, cr_str_t *ret_secret)
{
    if (given.len == 0) {
        return cr_robot_secret_make(cx, ret_secret);
    }

    *ret_secret = given;

    return cr_robot_secret_check(cx, given);
}


/* --- rights -------------------------------------------------------------- */

typedef struct cr_robot_op_s {
    const cr_audit_who_t *who;
    const cr_robot_new_t *new;
    const cr_robot_set_t *set;
    int64_t               id;
    cr_robot_t            robot; /* as it was, or as it is made */
    cr_str_t              hash;
} cr_robot_op_t;


static cr_err_t
cr_robot_perm_check(cr_ctx_t *cx, const cr_robot_perm_t *p, int64_t project_id)
{
    cr_perm_level_e level = cr_perm_level(p->perm);
    cr_perm_level_e want = p->project_id == CR_ROBOT_SYSTEM
                               ? CR_PERM_LEVEL_SYSTEM
                               : CR_PERM_LEVEL_PROJECT;

    if (level != want || p->project_id < CR_ROBOT_SYSTEM) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "permissions: %.*s:%.*s is not of that level",
                       CR_STR_ARG(cr_perm_resource(p->perm)),
                       CR_STR_ARG(cr_perm_action(p->perm)));
    }

    if (project_id == 0) {
        return CR_OK;
    }

    if (p->project_id != project_id) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "permissions: a project's robot has rights in that "
                       "project only");
    }

    if (!cr_rbac_allows(CR_ROLE_PROJECT_ADMIN, false, p->perm)) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "permissions: %.*s:%.*s is not for a project's robot",
                       CR_STR_ARG(cr_perm_resource(p->perm)),
                       CR_STR_ARG(cr_perm_action(p->perm)));
    }

    return CR_OK;
}


static cr_err_t
cr_robot_has(cr_ctx_t *cx, cr_conn_t *c, int64_t id, const cr_robot_perm_t *p,
             bool *ret_has)
{
    cr_val_t v[4];
    int64_t  one;

    v[0] = CR_V_INT(id);
    v[1] = CR_V_TEXT(cr_perm_resource(p->perm));
    v[2] = CR_V_TEXT(cr_perm_action(p->perm));
    v[3] = CR_V_INT(p->project_id);

    return cr_db_get_int(cx, c, CR_SQL_ROBOT_HAS, v, 4, ret_has, &one);
}


/* A robot that makes a robot hands on no more than it has itself. */
static cr_err_t
cr_robot_perm_bound(cr_ctx_t *cx, cr_conn_t *c, int64_t giver,
                    const cr_robot_perm_t *p)
{
    bool has;

    CR_TRY(cr_robot_has(cx, c, giver, p, &has));

    return has ? CR_OK
               : cr_fail(cx, CR_ERR_FORBIDDEN,
                         "a robot cannot give %.*s:%.*s, which it has not",
                         CR_STR_ARG(cr_perm_resource(p->perm)),
                         CR_STR_ARG(cr_perm_action(p->perm)));
}


/* Nor one that lives longer.  expires_at 0: for ever. */
static cr_err_t
cr_robot_end_bound(cr_ctx_t *cx, cr_conn_t *c, const cr_audit_who_t *who,
                   int64_t expires_at)
{
    cr_val_t   v = CR_V_INT(cr_audit_robot_id(who));
    cr_robot_t giver;

    if (v.n == 0) {
        return CR_OK;
    }

    CR_TRY(cr_robot_get(cx, c, CR_SQL_ROBOT_BY_ID, &v, &giver));

    if (giver.expires_at != 0
        && (expires_at == 0 || expires_at > giver.expires_at))
    {
        return cr_fail(cx, CR_ERR_FORBIDDEN,
                       "duration: longer than that of the robot that asks");
    }

    return CR_OK;
}


/* Who learns a secret can do what the robot can: no robot may learn that of
 * one that can more. */
static cr_err_t
cr_robot_secret_bound(cr_ctx_t *cx, cr_conn_t *c, const cr_robot_op_t *op)
{
    cr_val_t   v[2];
    int64_t    one;
    bool       more;
    cr_robot_t giver;

    v[0] = CR_V_INT(op->id);
    v[1] = CR_V_INT(cr_audit_robot_id(op->who));

    if (v[1].n == 0) {
        return CR_OK;
    }

    CR_TRY(cr_db_get_int(cx, c, CR_SQL_ROBOT_EXCEEDS, v, 2, &more, &one));
    CR_TRY(cr_robot_get(cx, c, CR_SQL_ROBOT_BY_ID, &v[1], &giver));

    if (more || (op->robot.replication && !giver.replication)) {
        return cr_fail(cx, CR_ERR_FORBIDDEN,
                       "the robot has rights that the one that asks has not");
    }

    return cr_robot_end_bound(cx, c, op->who, op->robot.expires_at);
}


static cr_err_t
cr_robot_perms_put(cr_ctx_t *cx, cr_conn_t *c, const cr_robot_op_t *op,
                   const cr_robot_perm_t *perms, size_t n)
{
    cr_val_t     v[4];
    cr_project_t ignored;
    int64_t      giver = cr_audit_robot_id(op->who);

    for (size_t i = 0; i < n; i++) {
        if (giver != 0) {
            CR_TRY(cr_robot_perm_bound(cx, c, giver, &perms[i]));
        }

        if (perms[i].project_id > 0) {
            CR_TRY(cr_project_find_in(cx, c, perms[i].project_id, &ignored));
        }

        v[0] = CR_V_INT(op->id);
        v[1] = CR_V_INT(perms[i].project_id);
        v[2] = CR_V_TEXT(cr_perm_resource(perms[i].perm));
        v[3] = CR_V_TEXT(cr_perm_action(perms[i].perm));
        CR_TRY(cr_db_run(cx, c, CR_SQL_ROBOT_ADD_PERMISSION, v, 4));
    }

    return CR_OK;
}


/* --- creating ------------------------------------------------------------ */


static cr_err_t
cr_robot_audit(cr_ctx_t *cx, cr_conn_t *c, const cr_robot_op_t *op,
               const char *operation, cr_str_t description)
{
    cr_audit_entry_t e = { .success = true };

    e.operation = cr_str_z(operation);
    e.resource_type = CR_STR("robot");
    e.resource = op->robot.name;
    e.project_id = op->robot.project_id;
    e.description = description;

    return cr_audit_add_in(cx, c, op->who, &e);
}


static cr_err_t
cr_robot_duration(cr_ctx_t *cx, int64_t days, int64_t *ret_expires)
{
    if (days == -1) {
        *ret_expires = 0;
        return CR_OK;
    }

    if (days < 1 || days > CR_ROBOT_DURATION_MAX) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "duration: -1, or 1 to %d days", CR_ROBOT_DURATION_MAX);
    }

    *ret_expires = cr_now(cx) + days * CR_DAY;

    return CR_OK;
}


static cr_err_t
cr_robot_create_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_robot_op_t        *op = arg;
    const cr_robot_new_t *n = op->new;
    cr_project_t          p;
    cr_val_t              v[10];
    cr_err_t              err;
    bool                  found;

    CR_TRY(cr_declared_exclusive_check(cx, c, "robot"));
    CR_TRY(cr_robot_end_bound(cx, c, op->who, op->robot.expires_at));

    if (n->project_id > 0) {
        CR_TRY(cr_project_find_in(cx, c, n->project_id, &p));
        op->robot.name = cr_printf(cx, CR_ROBOT_PREFIX "%.*s+%.*s",
                                   CR_STR_ARG(p.name), CR_STR_ARG(n->name));
    } else {
        op->robot.name =
            cr_printf(cx, CR_ROBOT_PREFIX "%.*s", CR_STR_ARG(n->name));
    }

    v[0] = CR_V_TEXT(op->robot.name);
    v[1] = n->project_id > 0 ? CR_V_INT(n->project_id) : CR_V_NULL;
    v[2] = CR_V_BLOB(op->hash);
    v[3] = CR_V_OPT(n->description);
    v[4] = CR_V_INT(n->replication);
    v[5] = CR_V_INT(n->disabled);
    v[6] = CR_V_INT(n->duration);
    v[7] = op->robot.expires_at == 0 ? CR_V_NULL
                                     : CR_V_INT(op->robot.expires_at);
    v[8] = CR_V_TEXT(op->who->actor);
    v[9] = CR_V_INT(op->robot.created_at);

    err = cr_db_get_int(cx, c, CR_SQL_ROBOT_ADD, v, 10, &found, &op->id);
    if (err == CR_ERR_EXISTS) {
        return cr_fail(cx, err, "robot %.*s exists already",
                       CR_STR_ARG(op->robot.name));
    }
    if (err != CR_OK) {
        return err;
    }

    CR_TRY(cr_robot_perms_put(cx, c, op, n->perms, n->nperms));

    return cr_robot_audit(cx, c, op, "create", CR_STR(""));
}


cr_err_t
cr_robot_create(cr_ctx_t *cx, cr_meta_t *m, const cr_robot_new_t *n,
                const cr_audit_who_t *who, cr_robot_made_t *ret_made)
{
    cr_robot_op_t op = { .who = who, .new = n };
    cr_str_t      secret;

    if (n->name.len > CR_ROBOT_NAME_MAX
        || cr_name_project_check(cx, n->name) != CR_OK)
    {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "name: lower case letters and digits, "
                       "with single . _ - between them");
    }

    if (n->description.len > 1024 || !cr_utf8_valid(n->description)) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "description: too long");
    }

    if (n->nperms == 0) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "permissions: none are given");
    }

    for (size_t i = 0; i < n->nperms; i++) {
        CR_TRY(cr_robot_perm_check(cx, &n->perms[i], n->project_id));
    }

    op.robot.project_id = n->project_id;
    op.robot.created_at = cr_now(cx);
    CR_TRY(cr_robot_duration(cx, n->duration, &op.robot.expires_at));
    CR_TRY(cr_robot_secret(cx, n->secret, &secret));
    CR_TRY(cr_robot_hash(cx, secret, &op.hash));
    CR_TRY(cr_db_write(cx, m->db, CR_DB_SYNC, cr_robot_create_write, &op));

    *ret_made = (cr_robot_made_t){ .id = op.id,
                                   .name = op.robot.name,
                                   .secret = secret,
                                   .created_at = op.robot.created_at,
                                   .expires_at = op.robot.expires_at };
    return CR_OK;
}


/* --- changing ------------------------------------------------------------ */


/* The robot as it is, if it may be changed here. */
static cr_err_t
cr_robot_begin(cr_ctx_t *cx, cr_conn_t *c, cr_robot_op_t *op)
{
    cr_val_t v = CR_V_INT(op->id);

    CR_TRY(cr_robot_get(cx, c, CR_SQL_ROBOT_BY_ID, &v, &op->robot));

    return cr_declared_check(cx, op->robot.declared, "robot", op->robot.name);
}


/* "declared exclusive": one that the file does not know is disabled or loses
 * rights, and gets nothing.  Clients that disable send all rights along. */
static cr_err_t
cr_robot_set_exclusive(cr_ctx_t *cx, cr_conn_t *c, const cr_robot_op_t *op)
{
    bool                  has = true;
    const cr_robot_set_t *set = op->set;

    for (size_t i = 0; has && set->perms != NULL && i < set->nperms; i++) {
        CR_TRY(cr_robot_has(cx, c, op->id, &set->perms[i], &has));
    }

    if (has && set->duration == NULL
        && (set->replication == NULL || !*set->replication)
        && (set->disabled == NULL || *set->disabled))
    {
        return CR_OK;
    }

    return cr_declared_exclusive_check(cx, c, "robot");
}


static cr_err_t
cr_robot_set_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_robot_op_t        *op = arg;
    const cr_robot_set_t *set = op->set;
    cr_val_t              v[7];
    int64_t               expires;

    CR_TRY(cr_robot_begin(cx, c, op));
    CR_TRY(cr_robot_set_exclusive(cx, c, op));

    expires = op->robot.expires_at;

    if (set->duration != NULL) {
        op->robot.duration = *set->duration;
        CR_TRY(cr_robot_duration(cx, *set->duration, &expires));
        CR_TRY(cr_robot_end_bound(cx, c, op->who, expires));
    }

    v[0] = set->description != NULL ? CR_V_OPT(*set->description)
                                    : CR_V_OPT(op->robot.description);
    v[1] = CR_V_INT(set->disabled != NULL ? *set->disabled
                                          : op->robot.disabled);
    v[2] = CR_V_INT(op->robot.duration);
    v[3] = expires == 0 ? CR_V_NULL : CR_V_INT(expires);
    v[4] = CR_V_INT(set->replication != NULL ? *set->replication
                                             : op->robot.replication);
    v[5] = CR_V_INT(cr_now(cx));
    v[6] = CR_V_INT(op->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_ROBOT_SET, v, 7));

    if (set->perms != NULL) {
        for (size_t i = 0; i < set->nperms; i++) {
            CR_TRY(cr_robot_perm_check(cx, &set->perms[i],
                                       op->robot.project_id));
        }

        CR_TRY(cr_db_run(cx, c, CR_SQL_ROBOT_DROP_PERMISSIONS, &v[6], 1));
        CR_TRY(cr_robot_perms_put(cx, c, op, set->perms, set->nperms));
    }

    return cr_robot_audit(cx, c, op, "update",
                          set->disabled == NULL ? CR_STR("")
                          : *set->disabled      ? CR_STR("disabled")
                                                : CR_STR("enabled"));
}


cr_err_t
cr_robot_set(cr_ctx_t *cx, cr_meta_t *m, int64_t id, const cr_robot_set_t *set,
             const cr_audit_who_t *who)
{
    cr_robot_op_t op = { .who = who, .id = id, .set = set };

    if (set->description != NULL
        && (set->description->len > 1024 || !cr_utf8_valid(*set->description)))
    {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "description: too long");
    }

    if (set->perms != NULL && set->nperms == 0) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "permissions: none are given");
    }

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_robot_set_write, &op);
}


static cr_err_t
cr_robot_secret_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_robot_op_t *op = arg;
    cr_val_t       v[3];

    CR_TRY(cr_robot_begin(cx, c, op));
    CR_TRY(cr_declared_exclusive_check(cx, c, "robot"));
    CR_TRY(cr_robot_secret_bound(cx, c, op));
    v[0] = CR_V_BLOB(op->hash);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(op->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_ROBOT_SET_SECRET, v, 3));

    return cr_robot_audit(cx, c, op, "update", CR_STR("secret"));
}


cr_err_t
cr_robot_set_secret(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_str_t secret,
                    const cr_audit_who_t *who, cr_str_t *ret_secret)
{
    cr_robot_op_t op = { .who = who, .id = id };
    cr_str_t      s;

    CR_TRY(cr_robot_secret(cx, secret, &s));
    CR_TRY(cr_robot_hash(cx, s, &op.hash));
    CR_TRY(cr_db_write(cx, m->db, CR_DB_SYNC, cr_robot_secret_write, &op));
    *ret_secret = s;
    return CR_OK;
}


static cr_err_t
cr_robot_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_robot_op_t *op = arg;
    cr_val_t       v = CR_V_INT(op->id);

    CR_TRY(cr_robot_begin(cx, c, op));
    CR_TRY(cr_db_run(cx, c, CR_SQL_ROBOT_DROP_PERMISSIONS, &v, 1));
    CR_TRY(cr_db_run(cx, c, CR_SQL_ROBOT_DELETE, &v, 1));

    return cr_robot_audit(cx, c, op, "delete", CR_STR(""));
}


cr_err_t
cr_robot_delete(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                const cr_audit_who_t *who)
{
    cr_robot_op_t op = { .who = who, .id = id };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_robot_delete_write, &op);
}
