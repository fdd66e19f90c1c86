/*
 * Manifests.  The first byte picks the Content-Type; the rest is the body.
 * What is taken must keep its promises, and be taken again by its own type.
 */

#include <assert.h>
#include "oci/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char *const types[] = {
    "",
    CR_MT_OCI_MANIFEST,
    CR_MT_OCI_INDEX,
    CR_MT_DOCKER_MANIFEST,
    CR_MT_DOCKER_LIST "; charset=utf-8",
    "application/json",
};


static void
check_refs(cr_ctx_t *cx, const cr_manifest_t *m)
{
    cr_digest_t d;
    size_t      i;

    assert(m->nrefs <= CR_MANIFEST_REFS_MAX);
    for (i = 0; i < m->nrefs; i++) {
        const cr_manifest_ref_t *ref = &m->refs[i];

        assert(cr_digest_parse(cx, cr_digest_str(&ref->digest), &d) == CR_OK);
        assert(ref->size <= UINT64_C(1) << 53);
        assert(cr_media_type_valid(ref->media_type));
        assert(!ref->foreign || ref->kind == CR_REF_LAYER);
        assert((ref->kind == CR_REF_CONFIG)
               == (i == 0 && m->kind == CR_MANIFEST_IMAGE));
        assert(ref->kind != CR_REF_CHILD || m->kind == CR_MANIFEST_INDEX);
    }
}


static void
check_annotations(cr_ctx_t *cx, const cr_manifest_t *m)
{
    json_t *value;

    if (m->annotations.len == 0) {
        return;
    }
    assert(cr_json_parse(cx, m->annotations, CR_MANIFEST_SIZE_MAX,
                         CR_ERR_INTERNAL, &value)
           == CR_OK);
    assert(json_is_object(value) && json_object_size(value) > 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cr_ctx_t      cx;
    cr_manifest_t m, again;
    cr_str_t      body;
    cr_err_t      err;

    if (size == 0 || cr_ctx_init(&cx, 0) != CR_OK) {
        return 0;
    }
    body = (cr_str_t){ size - 1, (const char *) data + 1 };

    err = cr_manifest_parse(&cx, body,
                            cr_str_z(types[data[0] % CR_NELTS(types)]), &m);
    if (err != CR_OK) {
        assert(err == CR_ERR_MANIFEST_INVALID
               || err == CR_ERR_MANIFEST_TOO_LARGE);
        assert(cx.message.len > 0);
        cr_ctx_done(&cx);
        return 0;
    }

    assert(m.kind == CR_MANIFEST_IMAGE || m.kind == CR_MANIFEST_INDEX);
    assert(cr_media_type_kind(m.media_type) == m.kind);
    assert(m.artifact_type.len == 0 || cr_media_type_valid(m.artifact_type));
    check_refs(&cx, &m);
    check_annotations(&cx, &m);

    assert(cr_manifest_parse(&cx, body, m.media_type, &again) == CR_OK);
    assert(again.kind == m.kind && again.nrefs == m.nrefs);

    cr_ctx_done(&cx);

    return 0;
}
