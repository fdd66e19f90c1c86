/*
 * Counts of pulls: two hash tables, of which one takes what comes.  An entry
 * is a manifest and the tag that it was pulled by.  Rows for the audit log
 * wait in a list.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "meta/inner.h"
#include "meta/pull.h"

#define CR_PULLS_PROBES 16 /* places that are looked at for one entry */

typedef struct cr_pull_s {
    int64_t manifest_id; /* 0: free */
    int64_t tag_id;
    int64_t repository_id;
    int64_t at; /* the last one */
    int64_t n;
} cr_pull_t;

/* One that the audit log is to have; its texts stand behind it. */
typedef struct cr_pull_note_s {
    struct cr_pull_note_s *next;
    cr_audit_who_t         who;
    cr_audit_entry_t       e;
    char                   text[];
} cr_pull_note_t;

typedef struct cr_pull_notes_s {
    cr_pull_note_t *head;
    cr_pull_note_t *last;
    size_t          n;
    size_t          lost; /* that there was no room for */
} cr_pull_notes_t;

struct cr_pulls_s {
    pthread_mutex_t lock;  /* guards what takes; never held long */
    pthread_mutex_t flush; /* held while the other table is written */
    size_t          mask;
    size_t          used; /* of the active one */
    cr_pull_t      *active;
    cr_pull_t      *spare;
    cr_pull_notes_t notes;
};


cr_err_t
cr_pulls_create(cr_ctx_t *cx, size_t max, cr_pulls_t **ret_p)
{
    size_t      size = CR_PULLS_PROBES;
    cr_pulls_t *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    while (size < max) {
        size *= 2;
    }

    /* Without attributes these do not fail. */
    (void) pthread_mutex_init(&p->lock, NULL);
    (void) pthread_mutex_init(&p->flush, NULL);
    p->mask = size - 1;
    p->active = calloc(size, sizeof(cr_pull_t));
    p->spare = calloc(size, sizeof(cr_pull_t));

    if (p->active == NULL || p->spare == NULL) {
        cr_pulls_free(p);
        return cr_fail(cx, CR_ERR_NO_MEMORY, NULL);
    }

    *ret_p = p;
    return CR_OK;
}


/* Free the first n, or all there are. */
static cr_pull_note_t *
cr_pulls_notes_free(cr_pull_note_t *note, size_t n)
{
    cr_pull_note_t *next;

    for (; note != NULL && n != 0; n--) {
        next = note->next;
        free(note);
        note = next;
    }

    return note;
}


void
cr_pulls_free(cr_pulls_t *p)
{
    if (p == NULL) {
        return;
    }

    (void) pthread_mutex_destroy(&p->lock);
    (void) pthread_mutex_destroy(&p->flush);
    (void) cr_pulls_notes_free(p->notes.head, SIZE_MAX);
    free(p->active);
    free(p->spare);
    free(p);
}


/* Multiplication by an odd number spreads ids that follow each other. */
static size_t
cr_pulls_hash(int64_t manifest_id, int64_t tag_id)
{
    uint64_t h = (uint64_t) manifest_id * UINT64_C(0x9e3779b97f4a7c15);

    h = (h ^ (uint64_t) tag_id) * UINT64_C(0xff51afd7ed558ccd);
    return (size_t) (h >> 32);
}


static void
cr_pulls_add_one(cr_pulls_t *p, const cr_pull_t *pull)
{
    size_t     i, hash = cr_pulls_hash(pull->manifest_id, pull->tag_id);
    cr_pull_t *e;

    (void) pthread_mutex_lock(&p->lock);

    for (i = 0; i < CR_PULLS_PROBES; i++) {
        e = &p->active[(hash + i) & p->mask];

        if (e->manifest_id == 0) {
            *e = *pull;
            p->used++;
            break;
        }
        if (e->manifest_id == pull->manifest_id && e->tag_id == pull->tag_id) {
            e->n += pull->n;
            e->at = e->at > pull->at ? e->at : pull->at;
            break;
        }
    }

    (void) pthread_mutex_unlock(&p->lock);
}


void
cr_pulls_add(cr_pulls_t *p, int64_t repository_id, int64_t manifest_id,
             int64_t tag_id, int64_t now)
{
    cr_pull_t pull = { manifest_id, tag_id, repository_id, now, 1 };

    cr_pulls_add_one(p, &pull);
}


static size_t
cr_pulls_note_len(cr_str_t s)
{
    return s.len < CR_AUDIT_TEXT_MAX ? s.len : CR_AUDIT_TEXT_MAX;
}


/* A copy behind the note, cut as the log would; *room moves on. */
static cr_str_t
cr_pulls_note_text(cr_str_t s, char **room)
{
    cr_str_t copy = { cr_pulls_note_len(s), *room };

    if (copy.len != 0) {
        memcpy(*room, s.data, copy.len);
        *room += copy.len;
    }

    return copy;
}


static cr_pull_note_t *
cr_pulls_note_make(const cr_audit_who_t *who, const cr_audit_entry_t *e)
{
    char           *room;
    cr_pull_note_t *note;

    note = calloc(1, sizeof(*note) + cr_pulls_note_len(who->actor)
                         + cr_pulls_note_len(who->username)
                         + cr_pulls_note_len(who->client)
                         + cr_pulls_note_len(e->resource)
                         + cr_pulls_note_len(e->description));
    if (note == NULL) {
        return NULL;
    }

    room = note->text;
    note->who.actor = cr_pulls_note_text(who->actor, &room);
    note->who.username = cr_pulls_note_text(who->username, &room);
    note->who.client = cr_pulls_note_text(who->client, &room);
    note->e.resource = cr_pulls_note_text(e->resource, &room);
    note->e.description = cr_pulls_note_text(e->description, &room);
    note->e.operation = CR_STR("pull");
    note->e.resource_type = CR_STR("artifact");
    note->e.project_id = e->project_id;
    note->e.success = true;

    return note;
}


void
cr_pulls_log(cr_pulls_t *p, const cr_audit_who_t *who,
             const cr_audit_entry_t *e)
{
    cr_pull_note_t  *note = cr_pulls_note_make(who, e);
    cr_pull_notes_t *notes = &p->notes;

    (void) pthread_mutex_lock(&p->lock);

    if (note == NULL || notes->n >= CR_PULLS_LOG_MAX) {
        notes->lost++;

    } else {
        if (notes->head == NULL) {
            notes->head = note;
        } else {
            notes->last->next = note;
        }
        notes->last = note;
        notes->n++;
        note = NULL;
    }

    (void) pthread_mutex_unlock(&p->lock);
    free(note);
}


bool
cr_pulls_pending(cr_pulls_t *p)
{
    bool pending;

    (void) pthread_mutex_lock(&p->lock);
    pending = p->used != 0 || p->notes.n != 0 || p->notes.lost != 0;
    (void) pthread_mutex_unlock(&p->lock);

    return pending;
}


/* --- writing ------------------------------------------------------------ */

typedef struct cr_pulls_op_s {
    const cr_pull_t *list;
    size_t           n;
} cr_pulls_op_t;


/* Rows that are gone by now are passed over. */
static cr_err_t
cr_pulls_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    const cr_pulls_op_t *op = arg;
    cr_val_t             v[2];
    size_t               i;

    for (i = 0; i < op->n; i++) {
        v[0] = CR_V_INT(op->list[i].at);
        v[1] = CR_V_INT(op->list[i].manifest_id);
        CR_TRY(cr_db_run(cx, c, CR_SQL_PULL_MANIFEST, v, 2));

        if (op->list[i].tag_id != 0) {
            v[1] = CR_V_INT(op->list[i].tag_id);
            CR_TRY(cr_db_run(cx, c, CR_SQL_PULL_TAG, v, 2));
        }

        v[0] = CR_V_INT(op->list[i].n);
        v[1] = CR_V_INT(op->list[i].repository_id);
        CR_TRY(cr_db_run(cx, c, CR_SQL_PULL_REPOSITORY, v, 2));
    }
    return CR_OK;
}


/* The table that is full now, its entries at its begin. */
static size_t
cr_pulls_take(cr_pulls_t *p)
{
    cr_pull_t *full;
    size_t     i, n = 0;

    (void) pthread_mutex_lock(&p->lock);
    full = p->active;
    p->active = p->spare;
    p->spare = full;
    p->used = 0;
    (void) pthread_mutex_unlock(&p->lock);

    for (i = 0; i <= p->mask; i++) {
        if (full[i].manifest_id != 0) {
            full[n++] = full[i];
        }
    }
    return n;
}


typedef struct cr_pulls_notes_op_s {
    const cr_pull_note_t *note;
    size_t                n;
    size_t                lost; /* to be written, when n is 0 */
} cr_pulls_notes_op_t;


/* May run twice: changes nothing but rows. */
static cr_err_t
cr_pulls_notes_write(cr_ctx_t *cx, cr_conn_t *c, void *arg)
{
    size_t                     i;
    cr_audit_who_t             nobody = { .client = CR_STR_NULL };
    cr_audit_entry_t           e = { .success = false };
    const cr_pulls_notes_op_t *op = arg;
    const cr_pull_note_t      *note = op->note;

    for (i = 0; i < op->n; i++) {
        CR_TRY(cr_audit_add_in(cx, c, &note->who, &note->e));
        note = note->next;
    }

    if (op->lost == 0) {
        return CR_OK;
    }

    e.operation = CR_STR("pull");
    e.resource_type = CR_STR("artifact");
    e.description =
        cr_printf(cx, "%zu more, too many at once to be told", op->lost);

    return cr_audit_add_in(cx, c, &nobody, &e);
}


/* What could not be written stands before what came since. */
static void
cr_pulls_notes_back(cr_pulls_t *p, cr_pull_notes_t *rest)
{
    (void) pthread_mutex_lock(&p->lock);

    if (rest->head != NULL) {
        rest->last->next = p->notes.head;
        p->notes.head = rest->head;
        p->notes.last = p->notes.n == 0 ? rest->last : p->notes.last;
        p->notes.n += rest->n;
    }
    p->notes.lost += rest->lost;

    (void) pthread_mutex_unlock(&p->lock);
}


/* [flush is held] */
static cr_err_t
cr_pulls_notes_flush(cr_ctx_t *cx, cr_meta_t *m, cr_pulls_t *p)
{
    cr_err_t            err = CR_OK;
    cr_pull_notes_t     rest;
    cr_pulls_notes_op_t op;

    (void) pthread_mutex_lock(&p->lock);
    rest = p->notes;
    memset(&p->notes, 0, sizeof(p->notes));
    (void) pthread_mutex_unlock(&p->lock);

    while (err == CR_OK && (rest.n != 0 || rest.lost != 0)) {
        op.note = rest.head;
        op.n = rest.n < CR_PULLS_BATCH ? rest.n : CR_PULLS_BATCH;
        op.lost = op.n == rest.n ? rest.lost : 0;
        err = cr_db_write(cx, m->db, CR_DB_SPARE, cr_pulls_notes_write, &op);

        if (err == CR_OK) {
            rest.head = cr_pulls_notes_free(rest.head, op.n);
            rest.n -= op.n;
            rest.lost -= op.lost;
        }
    }

    cr_pulls_notes_back(p, &rest);

    return err;
}


cr_err_t
cr_pulls_flush(cr_ctx_t *cx, cr_meta_t *m, cr_pulls_t *p)
{
    cr_pulls_op_t op;
    size_t        i, n;
    cr_err_t      err = CR_OK;

    if (!cx->may_block) {
        return cr_fail(cx, CR_ERR_AGAIN, NULL);
    }

    (void) pthread_mutex_lock(&p->flush);
    n = cr_pulls_take(p);

    for (i = 0; i < n && err == CR_OK; i += op.n) {
        op.list = &p->spare[i];
        op.n = n - i < CR_PULLS_BATCH ? n - i : CR_PULLS_BATCH;
        err = cr_db_write(cx, m->db, CR_DB_SPARE, cr_pulls_write, &op);

        if (err != CR_OK) {
            break;
        }
    }

    for (; i < n; i++) {
        cr_pulls_add_one(p, &p->spare[i]);
    }

    memset(p->spare, 0, (p->mask + 1) * sizeof(cr_pull_t));

    if (err == CR_OK) {
        err = cr_pulls_notes_flush(cx, m, p);
    }

    (void) pthread_mutex_unlock(&p->flush);

    return err;
}
