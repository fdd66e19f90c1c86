/*
 * Users.  Each change writes its audit row in the same transaction.
 *
 * reading · changing: a prologue that all share, then one function each
 */

#include <string.h>

#include "core/encode.h"
#include "meta/declare.h"
#include "meta/inner.h"
#include "meta/page.h"
#include "meta/user.h"

#define CR_USER_FIRST 1 /* the administrator of the first start */

/* --- reading ------------------------------------------------------------- */


static void
cr_user_read(cr_ctx_t *cx, cr_stmt_t *st, void *row)
{
    cr_user_t *u = row;

    u->id = cr_stmt_int(st, 0);
    u->name = cr_stmt_text(cx, st, 1);
    u->password_hash = cr_stmt_text(cx, st, 2);
    u->admin = cr_stmt_int(st, 3) != 0;
    u->disabled = cr_stmt_int(st, 4) != 0;
    u->epoch = cr_stmt_int(st, 5);
    u->created_at = cr_stmt_int(st, 6);
    u->updated_at = cr_stmt_int(st, 7);
    u->email = cr_stmt_text(cx, st, 8);
    u->realname = cr_stmt_text(cx, st, 9);
    u->comment = cr_stmt_text(cx, st, 10);
    u->declared = cr_stmt_text(cx, st, 11);
}


static cr_err_t
cr_user_get(cr_ctx_t *cx, cr_conn_t *c, cr_sql_e sql, const cr_val_t *key,
            cr_user_t *ret_u)
{
    cr_user_t  u;
    cr_stmt_t *st;
    bool       found;

    CR_TRY(cr_meta_row(cx, c, sql, key, 1, &found, &st));
    if (!found) {
        return cr_fail(cx, CR_ERR_NOT_FOUND, "user not found");
    }

    cr_user_read(cx, st, &u);
    CR_TRY(cr_meta_rows_done(cx, st));

    *ret_u = u;
    return CR_OK;
}


cr_err_t
cr_user_by_name(cr_ctx_t *cx, cr_meta_t *m, cr_str_t name, cr_user_t *ret_u)
{
    cr_conn_t *c;
    cr_val_t   v = CR_V_TEXT(name);

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_user_get(cx, c, CR_SQL_USER_BY_NAME, &v, ret_u);
}


cr_err_t
cr_user_by_id(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_user_t *ret_u)
{
    cr_conn_t *c;
    cr_val_t   v = CR_V_INT(id);

    CR_TRY(cr_db_conn(cx, m->db, &c));

    return cr_user_get(cx, c, CR_SQL_USER_BY_ID, &v, ret_u);
}


static cr_err_t
cr_user_rows(cr_ctx_t *cx, cr_meta_t *m, cr_sql_e sql, const cr_val_t *v,
             size_t nv, cr_user_t **ret_rows, size_t *ret_n)
{
    cr_conn_t *c;
    void      *rows;

    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, sql, v, nv, cr_user_read, sizeof(cr_user_t),
                        &rows, ret_n));
    *ret_rows = rows;
    return CR_OK;
}


cr_err_t
cr_user_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t last, size_t n,
             cr_user_t **ret_rows, size_t *ret_n)
{
    cr_val_t v[2];

    v[0] = CR_V_TEXT(last);
    v[1] = CR_V_INT(n);

    return cr_user_rows(cx, m, CR_SQL_USER_LIST, v, 2, ret_rows, ret_n);
}


/* Ids by name of those that match. */
static cr_err_t
cr_user_find(cr_ctx_t *cx, cr_conn_t *c, const cr_user_filter_t *f,
             int64_t **ret_ids, size_t *ret_n)
{
    cr_val_t v[5];

    if (f->id != 0 || f->name.len != 0 || f->email.len != 0) {
        v[0] = CR_V_INT(f->id);
        v[1] = CR_V_TEXT(f->name);
        v[2] = CR_V_TEXT(f->email);
        v[3] = CR_V_TEXT(f->name_like);
        v[4] = CR_V_TEXT(f->email_like);
        return cr_page_ids(cx, c, CR_SQL_USER_FIND_EXACT, v, 5, ret_ids, ret_n);
    }

    v[0] = CR_V_INT(CR_PAGE_SCAN_MAX);
    v[1] = CR_V_TEXT(f->name_like);
    v[2] = CR_V_TEXT(f->email_like);
    v[3] = CR_V_INT(CR_PAGE_MATCH_MAX);
    return cr_page_ids(cx, c, CR_SQL_USER_FIND, v, 4, ret_ids, ret_n);
}


cr_err_t
cr_user_page(cr_ctx_t *cx, cr_meta_t *m, const cr_user_filter_t *f,
             int64_t offset, size_t n, cr_user_t **ret_rows, size_t *ret_n,
             int64_t *ret_total)
{
    cr_conn_t *c;
    cr_page_t  p;
    cr_str_t   json;
    cr_val_t   v[5];
    int64_t   *ids;
    size_t     nids;

    CR_TRY(cr_db_conn(cx, m->db, &c));

    if (f->id != 0
        || f->name.len + f->name_like.len + f->email.len + f->email_like.len
               != 0)
    {
        CR_TRY(cr_user_find(cx, c, f, &ids, &nids));
        if (f->sort != CR_USER_BY_NAME) {
            cr_page_sort_ids(ids, nids);
        }

        *ret_total = (int64_t) nids;
        CR_TRY(cr_page_json(cx, ids, nids, offset, (int64_t) n, f->descending,
                            &json, &nids));
        v[0] = CR_V_TEXT(json);
        return cr_user_rows(cx, m, CR_SQL_USER_ROWS, v, 1, ret_rows, ret_n);
    }

    CR_TRY(cr_total_get(cx, c, CR_TOTAL_USER, 0, 0, ret_total));
    p = cr_page_of(*ret_total, offset, (int64_t) n, f->descending);
    CR_TRY(cr_user_rows(cx, m,
                        f->sort == CR_USER_BY_NAME ? CR_SQL_USER_PAGE
                                                   : CR_SQL_USER_PAGE_ID,
                        v, cr_page_seek(v, &p, *ret_total), ret_rows, ret_n));

    if (f->descending) {
        cr_page_reverse(*ret_rows, *ret_n, sizeof(cr_user_t));
    }
    return CR_OK;
}


cr_err_t
cr_user_search(cr_ctx_t *cx, cr_meta_t *m, cr_str_t prefix, size_t n,
               cr_user_t **ret_rows, size_t *ret_n)
{
    cr_val_t v[3];

    /* The last name that begins so: no byte of UTF-8 is above 0xf7. */
    v[0] = CR_V_TEXT(prefix);
    v[1] = CR_V_TEXT(cr_printf(cx, "%.*s\xf4\x8f\xbf\xbf", CR_STR_ARG(prefix)));
    v[2] = CR_V_INT(n);
    if (v[1].s.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    return cr_user_rows(cx, m, CR_SQL_USER_SEARCH, v, 3, ret_rows, ret_n);
}


/* --- changing ------------------------------------------------------------ */

typedef struct cr_user_op_s {
    const cr_audit_who_t *who;
    const cr_user_new_t  *new;
    int64_t               id;
    cr_user_t             user; /* as it was */
    cr_str_t              hash, old_hash;
    const cr_user_set_t  *set;
    bool                  flag;
} cr_user_op_t;


static cr_err_t
cr_user_audit(cr_ctx_t *cx, cr_conn_t *c, const cr_user_op_t *op,
              const char *operation, cr_str_t description)
{
    cr_audit_entry_t e = { .success = true };

    e.operation = cr_str_z(operation);
    e.resource_type = CR_STR("user");
    e.resource = op->user.name;
    e.description = description;

    return cr_audit_add_in(cx, c, op->who, &e);
}


/* The user as it is, if it may be changed here.  A robot that manages users
 * would be an administrator with the password of one. */
static cr_err_t
cr_user_begin(cr_ctx_t *cx, cr_conn_t *c, cr_user_op_t *op)
{
    cr_val_t v = CR_V_INT(op->id);

    CR_TRY(cr_user_get(cx, c, CR_SQL_USER_BY_ID, &v, &op->user));

    if (op->user.admin && cr_audit_robot_id(op->who) != 0) {
        return cr_fail(cx, CR_ERR_FORBIDDEN,
                       "a robot does not change administrators");
    }

    return cr_declared_check(cx, op->user.declared, "user", op->user.name);
}


/* Somebody must be left who can undo it. */
static cr_err_t
cr_user_check_admin(cr_ctx_t *cx, cr_conn_t *c, const cr_user_op_t *op)
{
    cr_val_t v = CR_V_INT(op->id);
    int64_t  id;
    bool     found;

    if (!op->user.admin || op->user.disabled) {
        return CR_OK;
    }

    CR_TRY(cr_db_get_int(cx, c, CR_SQL_USER_OTHER_ADMIN, &v, 1, &found, &id));

    return found ? CR_OK
                 : cr_fail(cx, CR_ERR_PRECONDITION,
                           "nobody else is an administrator who can log in");
}


static cr_err_t
cr_user_check_self(cr_ctx_t *cx, const cr_user_op_t *op, const char *what)
{
    if (op->id == CR_USER_FIRST) {
        return cr_fail(cx, CR_ERR_FORBIDDEN, "the first user cannot be %s",
                       what);
    }

    if (op->id == cr_audit_user_id(op->who)) {
        return cr_fail(cx, CR_ERR_FORBIDDEN, "nobody can be %s by oneself",
                       what);
    }

    return CR_OK;
}


/* Control characters: ASCII's, and U+0080 to U+009F, which terminals obey. */
static bool
cr_user_text_ok(cr_str_t s, size_t max)
{
    unsigned char last = 0;

    if (s.len > max || !cr_utf8_valid(s)) {
        return false;
    }

    for (size_t i = 0; i < s.len; i++) {
        unsigned char ch = (unsigned char) s.data[i];

        if (ch < 0x20 || ch == 0x7f || (last == 0xc2 && ch < 0xa0)) {
            return false;
        }

        last = ch;
    }

    return true;
}


/*
 * Characters that nobody sees: with one of them a name looks like another's,
 * or turns the line around.  U+200B to 200F, 2028 to 202E, 2060 to 206F, FEFF.
 */
static bool
cr_user_name_hides(cr_str_t s)
{
    for (size_t i = 2; i < s.len; i++) {
        unsigned char a = (unsigned char) s.data[i - 2];
        unsigned char b = (unsigned char) s.data[i - 1];
        unsigned char c = (unsigned char) s.data[i];

        if ((a == 0xe2 && b == 0x80
             && ((c >= 0x8b && c <= 0x8f) || (c >= 0xa8 && c <= 0xae)))
            || (a == 0xe2 && b == 0x81 && c >= 0xa0 && c <= 0xaf)
            || (a == 0xef && b == 0xbb && c == 0xbf))
        {
            return true;
        }
    }

    return false;
}


cr_err_t
cr_user_name_check(cr_ctx_t *cx, cr_str_t name)
{
    if (name.len == 0 || !cr_user_text_ok(name, CR_USER_NAME_MAX)
        || name.data[0] == ' ' || name.data[name.len - 1] == ' '
        || cr_user_name_hides(name))
    {
        return cr_fail(cx, CR_ERR_BAD_REQUEST,
                       "username: 1 to %d bytes, no control characters, none "
                       "that is not seen",
                       CR_USER_NAME_MAX);
    }

    for (size_t i = 0; i < name.len; i++) {
        if (strchr(",\"~#%$:", name.data[i]) != NULL) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST,
                           "username: none of , \" ~ # %% $ :");
        }
    }

    return CR_OK;
}


static cr_err_t
cr_user_profile_check(cr_ctx_t *cx, cr_str_t email, cr_str_t realname,
                      cr_str_t comment)
{
    ptrdiff_t at = cr_str_chr(email, '@');

    if (!cr_user_text_ok(email, CR_USER_EMAIL_MAX)
        || (email.len != 0
            && (at <= 0 || (size_t) at + 1 == email.len
                || cr_str_chr(email, ' ') >= 0
                || cr_str_chr(email, '#') >= 0)))
    {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "email: no such address");
    }

    if (!cr_user_text_ok(realname, CR_USER_NAME_MAX)) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "realname: at most %d bytes",
                       CR_USER_NAME_MAX);
    }

    for (size_t i = 0; i < realname.len; i++) {
        if (strchr(",\"~#%$", realname.data[i]) != NULL) {
            return cr_fail(cx, CR_ERR_BAD_REQUEST,
                           "realname: none of , \" ~ # %% $");
        }
    }

    if (!cr_user_text_ok(comment, CR_USER_COMMENT_MAX)) {
        return cr_fail(cx, CR_ERR_BAD_REQUEST, "comment: at most %d bytes",
                       CR_USER_COMMENT_MAX);
    }

    return CR_OK;
}


static cr_err_t
cr_user_exists(cr_ctx_t *cx, cr_err_t err)
{
    if (err == CR_ERR_EXISTS) {
        return cr_fail(cx, err, "a user of that name or email exists already");
    }

    return err;
}


static cr_err_t
cr_user_create_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_user_op_t        *op = arg;
    const cr_user_new_t *n = op->new;
    cr_val_t             v[7];
    bool                 found;

    v[0] = CR_V_TEXT(n->name);
    v[1] = CR_V_OPT(n->password_hash);
    v[2] = CR_V_INT(n->admin);
    v[3] = CR_V_OPT(n->email);
    v[4] = CR_V_OPT(n->realname);
    v[5] = CR_V_OPT(n->comment);
    v[6] = CR_V_INT(cr_now(cx));
    CR_TRY(cr_user_exists(cx, cr_db_get_int(cx, c, CR_SQL_USER_ADD, v, 7,
                                            &found, &op->id)));

    op->user.name = n->name;

    return cr_user_audit(cx, c, op, "create",
                         n->admin ? CR_STR("administrator") : CR_STR(""));
}


cr_err_t
cr_user_create(cr_ctx_t *cx, cr_meta_t *m, const cr_user_new_t *n,
               const cr_audit_who_t *who, int64_t *ret_id)
{
    cr_user_op_t op = { .who = who, .new = n };

    CR_TRY(cr_user_name_check(cx, n->name));
    CR_TRY(cr_user_profile_check(cx, n->email, n->realname, n->comment));
    CR_TRY(cr_db_write(cx, m->db, CR_DB_SYNC, cr_user_create_write, &op));
    *ret_id = op.id;
    return CR_OK;
}


static cr_err_t
cr_user_profile_in(cr_ctx_t *cx, cr_conn_t *c, const cr_user_op_t *op)
{
    const cr_user_set_t *set = op->set;
    cr_val_t             v[5];

    if (set->email == NULL && set->realname == NULL && set->comment == NULL) {
        return CR_OK;
    }

    v[0] = CR_V_OPT(set->email != NULL ? *set->email : op->user.email);
    v[1] = CR_V_OPT(set->realname != NULL ? *set->realname
                                          : op->user.realname);
    v[2] = CR_V_OPT(set->comment != NULL ? *set->comment : op->user.comment);
    v[3] = CR_V_INT(cr_now(cx));
    v[4] = CR_V_INT(op->id);
    CR_TRY(cr_user_exists(
        cx, cr_db_run(cx, c, CR_SQL_USER_SET_PROFILE, v, 5)));

    return cr_user_audit(cx, c, op, "update", CR_STR("profile"));
}


static cr_err_t
cr_user_disabled_in(cr_ctx_t *cx, cr_conn_t *c, const cr_user_op_t *op)
{
    const bool *disabled = op->set->disabled;
    cr_val_t    v[3];

    if (disabled == NULL || op->user.disabled == *disabled) {
        return CR_OK;
    }

    if (*disabled) {
        CR_TRY(cr_user_check_self(cx, op, "disabled"));
        CR_TRY(cr_user_check_admin(cx, c, op));
    }

    v[0] = CR_V_INT(*disabled);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(op->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_USER_SET_DISABLED, v, 3));

    return cr_user_audit(cx, c, op, "update",
                         *disabled ? CR_STR("disabled") : CR_STR("enabled"));
}


static cr_err_t
cr_user_set_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_user_op_t *op = arg;

    CR_TRY(cr_user_begin(cx, c, op));
    CR_TRY(cr_user_profile_in(cx, c, op));

    return cr_user_disabled_in(cx, c, op);
}


cr_err_t
cr_user_set(cr_ctx_t *cx, cr_meta_t *m, int64_t id, const cr_user_set_t *set,
            const cr_audit_who_t *who)
{
    cr_str_t     none = CR_STR("");
    cr_user_op_t op = { .who = who, .id = id, .set = set };

    CR_TRY(cr_user_profile_check(
        cx, set->email != NULL ? *set->email : none,
        set->realname != NULL ? *set->realname : none,
        set->comment != NULL ? *set->comment : none));

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_user_set_write, &op);
}


cr_err_t
cr_user_set_profile(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_str_t email,
                    cr_str_t realname, cr_str_t comment,
                    const cr_audit_who_t *who)
{
    cr_user_set_t set = { &email, &realname, &comment, NULL };

    return cr_user_set(cx, m, id, &set, who);
}


cr_err_t
cr_user_set_disabled(cr_ctx_t *cx, cr_meta_t *m, int64_t id, bool disabled,
                     const cr_audit_who_t *who)
{
    cr_user_set_t set = { .disabled = &disabled };

    return cr_user_set(cx, m, id, &set, who);
}


static cr_err_t
cr_user_password_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_user_op_t *op = arg;
    cr_val_t      v[3];

    CR_TRY(cr_user_begin(cx, c, op));

    if (op->old_hash.data != NULL
        && !cr_str_eq(op->old_hash, op->user.password_hash))
    {
        return cr_fail(cx, CR_ERR_FORBIDDEN, "the password was changed by "
                                             "another request");
    }

    if (op->hash.len == 0) {
        CR_TRY(cr_user_check_admin(cx, c, op));
    }

    v[0] = CR_V_OPT(op->hash);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(op->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_USER_SET_PASSWORD, v, 3));

    return cr_user_audit(cx, c, op, "update", CR_STR("password"));
}


cr_err_t
cr_user_set_password(cr_ctx_t *cx, cr_meta_t *m, int64_t id, cr_str_t hash,
                     const cr_audit_who_t *who)
{
    cr_user_op_t op = { .who = who, .id = id, .hash = hash };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_user_password_write, &op);
}


cr_err_t
cr_user_change_password(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                        cr_str_t old_hash, cr_str_t hash,
                        const cr_audit_who_t *who)
{
    cr_user_op_t op = {
        .who = who, .id = id, .hash = hash, .old_hash = old_hash
    };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_user_password_write, &op);
}


static cr_err_t
cr_user_upgrade_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_user_op_t *op = arg;
    cr_val_t      v[4];

    v[0] = CR_V_TEXT(op->hash);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(op->id);
    v[3] = CR_V_TEXT(op->old_hash);

    return cr_db_run(cx, c, CR_SQL_USER_UPGRADE_PASSWORD, v, 4);
}


cr_err_t
cr_user_upgrade_password(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
                         cr_str_t old_hash, cr_str_t new_hash)
{
    cr_user_op_t op = { .id = id, .hash = new_hash, .old_hash = old_hash };

    return cr_db_write(cx, m->db, CR_DB_SPARE, cr_user_upgrade_write, &op);
}


static cr_err_t
cr_user_admin_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_user_op_t *op = arg;
    cr_val_t      v[3];

    CR_TRY(cr_user_begin(cx, c, op));

    if (!op->flag) {
        CR_TRY(cr_user_check_admin(cx, c, op));
    }

    v[0] = CR_V_INT(op->flag);
    v[1] = CR_V_INT(cr_now(cx));
    v[2] = CR_V_INT(op->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_USER_SET_ADMIN, v, 3));

    return cr_user_audit(cx, c, op, "update",
                         op->flag ? CR_STR("administrator")
                                  : CR_STR("administrator no more"));
}


cr_err_t
cr_user_set_admin(cr_ctx_t *cx, cr_meta_t *m, int64_t id, bool admin,
                  const cr_audit_who_t *who)
{
    cr_user_op_t op = { .who = who, .id = id, .flag = admin };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_user_admin_write, &op);
}


static cr_err_t
cr_user_delete_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    cr_user_op_t *op = arg;
    cr_val_t      v[2];

    CR_TRY(cr_user_begin(cx, c, op));
    CR_TRY(cr_user_check_self(cx, op, "deleted"));
    CR_TRY(cr_user_check_admin(cx, c, op));

    v[0] = CR_V_INT(op->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_USER_DELETE_MEMBERS, v, 1));

    v[0] = CR_V_TEXT(cr_printf(cx, "user:%lld", (long long) op->id));
    CR_TRY(cr_db_run(cx, c, CR_SQL_REFRESH_DELETE_SUBJECT, v, 1));

    v[0] = CR_V_INT(cr_now(cx));
    v[1] = CR_V_INT(op->id);
    CR_TRY(cr_db_run(cx, c, CR_SQL_USER_DELETE, v, 2));

    return cr_user_audit(cx, c, op, "delete", CR_STR(""));
}


cr_err_t
cr_user_delete(cr_ctx_t *cx, cr_meta_t *m, int64_t id,
               const cr_audit_who_t *who)
{
    cr_user_op_t op = { .who = who, .id = id };

    return cr_db_write(cx, m->db, CR_DB_SYNC, cr_user_delete_write, &op);
}
