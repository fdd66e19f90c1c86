/*
 * Manifests: parsed and validated against their media type (OCI image-spec
 * manifest.md and image-index.md, Docker schema 2).  The bytes are never
 * re-serialised; this is a view of what they refer to.
 */

#ifndef CR_OCI_MANIFEST_H
#define CR_OCI_MANIFEST_H

#include "core/json.h"
#include "oci/digest.h"
#include "oci/media_type.h"

#define CR_MANIFEST_SIZE_MAX (4 * 1024 * 1024)
#define CR_MANIFEST_REFS_MAX 10000

typedef enum {
    CR_REF_CONFIG = 1,
    CR_REF_LAYER = 2,
    CR_REF_CHILD = 3 /* a manifest of an index */
} cr_ref_kind_e;

typedef struct cr_manifest_ref_s {
    cr_ref_kind_e kind;
    cr_digest_t   digest;
    uint64_t      size;
    cr_str_t      media_type;
    bool          foreign; /* may be missing */
} cr_manifest_ref_t;

typedef struct cr_manifest_s {
    cr_manifest_kind_e kind;
    cr_str_t           media_type; /* the one to serve it with */
    /* artifactType, else config.mediaType, else empty: what referrers show */
    cr_str_t           artifact_type;
    cr_str_t           config_media_type;
    bool               has_subject;
    cr_digest_t        subject;
    cr_str_t           annotations; /* JSON object text, or empty */
    cr_manifest_ref_t *refs;
    size_t             nrefs;
} cr_manifest_t;

/*
 * content_type: of the request, may be empty (then mediaType in the body,
 * then the shape decides).  MANIFEST_INVALID names the member at fault:
 * unknown type, schema 1, mediaType of the body against content_type,
 * manifest and index at once, duplicate keys, case variants of known keys,
 * bad descriptor, negative or huge size, too many references.
 * MANIFEST_TOO_LARGE above CR_MANIFEST_SIZE_MAX.  An item of an index that is
 * no manifest by its media type (a build cache lists layers there) comes out
 * as CR_REF_LAYER.
 */
cr_err_t cr_manifest_parse(cr_ctx_t *cx, cr_str_t body, cr_str_t content_type,
                           cr_manifest_t *ret_m);

#endif
