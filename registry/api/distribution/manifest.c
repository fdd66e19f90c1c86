/*
 * GET, HEAD, PUT and DELETE of a manifest (distribution-spec, "Pulling
 * manifests", "Pushing Manifests", "Deleting Manifests").  Bytes are stored
 * and served as they came; Accept is ignored: what was pushed is what is
 * served.
 */

#include "api/handlers.h"
#include "meta/setting.h"

static cr_err_t
cr_manifest_headers(cr_exchange_t *x, const cr_manifest_row_t *row)
{
    CR_TRY(cr_response_header(x, "Docker-Content-Digest", row->digest));
    x->response.etag = cr_printf(&x->cx, "\"%.*s\"", CR_STR_ARG(row->digest));

    return x->response.etag.data != NULL ? CR_OK : CR_ERR_NO_MEMORY;
}

/* What another registry copies is no use of it. */
static bool
cr_manifest_is_copied(const cr_exchange_t *x)
{
    return x->state->access.replication
           || cr_str_starts(cr_request_header(x, "User-Agent"),
                            CR_STR("harbor-registry-client"));
}

/* Counted, and in the audit log where that is wanted: both in memory, to be
 * written later.  The one read may have to be repeated, so it comes first. */
static cr_err_t
cr_manifest_pulled(cr_exchange_t *x, const cr_manifest_row_t *row)
{
    bool                 off = true;
    cr_audit_who_t       who;
    cr_audit_entry_t     e = { .success = true };
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(
        cr_setting_get_bool(&x->cx, o->meta, CR_SETTING_PULL_AUDIT_OFF, &off));

    if (!cr_manifest_is_copied(x)) {
        cr_pulls_add(o->pulls, row->repository_id, row->id, row->tag_id,
                     cr_now(&x->cx));
    }

    if (off) {
        return CR_OK;
    }

    who = cr_api_who(x);
    e.project_id = st->access.project_id;
    e.resource =
        cr_printf(&x->cx, "%.*s%c%.*s", CR_STR_ARG(st->name.full),
                  st->reference.is_digest ? '@' : ':',
                  CR_STR_ARG(st->reference.is_digest ? row->digest
                                                     : st->reference.tag));
    e.description = st->reference.is_digest ? CR_STR("") : row->digest;

    if (e.resource.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    cr_pulls_log(o->pulls, &who, &e);

    return CR_OK;
}

cr_err_t
cr_v2_manifest_get(cr_exchange_t *x)
{
    cr_manifest_row_t    row;
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_manifest_find(&x->cx, o->meta, st->name.full, &st->reference,
                            !st->head, &row));

    x->info.digest = row.digest;
    CR_TRY(cr_manifest_headers(x, &row));

    if (cr_request_none_match(x, row.digest)) {
        return cr_respond_empty(x, 304);
    }

    if (!st->head) {
        CR_TRY(cr_manifest_pulled(x, &row));
    }

    CR_TRY(cr_respond(x, 200, row.media_type, row.body));
    x->response.content_length = row.size;

    return CR_OK;
}

typedef struct cr_manifest_op_s {
    cr_str_t tags[CR_TAG_PARAMS_MAX];
    size_t   ntags;
} cr_manifest_op_t;

static cr_err_t
cr_manifest_tag_add(cr_exchange_t *x, cr_manifest_op_t *op, cr_str_t tag)
{
    CR_TRY(cr_tag_check(&x->cx, tag));

    for (size_t i = 0; i < op->ntags; i++) {
        if (cr_str_eq(op->tags[i], tag)) {
            return CR_OK;
        }
    }

    if (op->ntags == CR_TAG_PARAMS_MAX) {
        return cr_fail(&x->cx, CR_ERR_URI_TOO_LONG,
                       "more than %d tags in one request", CR_TAG_PARAMS_MAX);
    }

    op->tags[op->ntags++] = tag;

    return CR_OK;
}

/* The tag of the path, or those of the query. */
static cr_err_t
cr_manifest_tags(cr_exchange_t *x, cr_manifest_op_t *op)
{
    cr_str_t             tag;
    cr_exchange_state_t *st = x->state;

    if (!st->reference.is_digest) {
        if (cr_query_get(x, "tag", 0, &tag)) {
            return cr_fail(&x->cx, CR_ERR_TAG_INVALID,
                           "?tag= goes with a digest, not with a tag");
        }

        return cr_manifest_tag_add(x, op, st->reference.tag);
    }

    for (size_t i = 0; cr_query_get(x, "tag", i, &tag); i++) {
        CR_TRY(cr_manifest_tag_add(x, op, tag));
    }

    return CR_OK;
}

static cr_err_t
cr_manifest_digest(cr_exchange_t *x, cr_digest_t *ret_d)
{
    cr_digest_t          d;
    cr_exchange_state_t *st = x->state;

    if (!st->reference.is_digest) {
        cr_digest_of(CR_HASH_SHA256, st->body, ret_d);
        return CR_OK;
    }

    cr_digest_of(st->reference.digest.alg, st->body, &d);

    if (!cr_digest_eq(&d, &st->reference.digest)) {
        return cr_fail(&x->cx, CR_ERR_DIGEST_INVALID,
                       "the manifest has digest %s", d.text);
    }

    *ret_d = d;

    return CR_OK;
}

static cr_err_t
cr_manifest_created(cr_exchange_t *x, const cr_manifest_put_t *put)
{
    cr_str_t digest = cr_digest_str(&put->digest);

    CR_TRY(cr_response_printf(x, "Location", "/v2/%.*s/manifests/%.*s",
                              CR_STR_ARG(put->name->full), CR_STR_ARG(digest)));
    CR_TRY(cr_response_header(x, "Docker-Content-Digest", digest));

    if (put->manifest->has_subject) {
        CR_TRY(cr_response_header(x, "OCI-Subject",
                                  cr_digest_str(&put->manifest->subject)));
    }

    for (size_t i = 0; i < put->ntags && x->state->reference.is_digest; i++) {
        CR_TRY(cr_response_header(x, "OCI-Tag", put->tags[i]));
    }

    return cr_respond_empty(x, 201);
}

cr_err_t
cr_v2_manifest_put(cr_exchange_t *x)
{
    bool                 sparse = cr_api_conf(x->api)->sparse_index;
    cr_str_t             text;
    cr_manifest_t        m;
    cr_manifest_op_t     op = { .ntags = 0 };
    cr_audit_who_t       who = cr_api_who(x);
    cr_manifest_put_t    put = { 0 };
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_manifest_tags(x, &op));
    CR_TRY(cr_manifest_digest(x, &put.digest));
    CR_TRY(cr_manifest_parse(&x->cx, st->body,
                             cr_request_header(x, "Content-Type"), &m));

    text = cr_dup(&x->cx, cr_digest_str(&put.digest));

    if (text.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    x->info.digest = text;

    put.name = &st->name;
    put.manifest = &m;
    put.body = st->body;
    put.tags = op.tags;
    put.ntags = op.ntags;
    put.allow_sparse = sparse;
    put.who = &who;

    if (m.nrefs == 0 || (sparse && m.kind == CR_MANIFEST_INDEX)) {
        /* Nothing had to be pushed before it that made the project. */
        CR_TRY(cr_project_ensure(x));
    }

    CR_TRY(cr_manifest_put(&x->cx, o->meta, &put));

    return cr_manifest_created(x, &put);
}

cr_err_t
cr_v2_manifest_delete(cr_exchange_t *x)
{
    cr_audit_who_t       who = cr_api_who(x);
    cr_exchange_state_t *st = x->state;
    const cr_api_open_t *o = cr_api_opened(x->api);

    CR_TRY(cr_manifest_delete(&x->cx, o->meta, st->name.full, &st->reference,
                              &who));

    return cr_respond_empty(x, 202);
}
