/*
 * The manifest media types this registry takes, and what they are.
 */

#ifndef CR_OCI_MEDIA_TYPE_H
#define CR_OCI_MEDIA_TYPE_H

#include "core/str.h"

#define CR_MT_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define CR_MT_OCI_INDEX    "application/vnd.oci.image.index.v1+json"
#define CR_MT_DOCKER_MANIFEST                                                  \
    "application/vnd.docker.distribution.manifest.v2+json"
#define CR_MT_DOCKER_LIST                                                      \
    "application/vnd.docker.distribution.manifest.list.v2+json"

typedef enum {
    CR_MANIFEST_NONE = 0, /* not a manifest type */
    CR_MANIFEST_IMAGE = 1,
    CR_MANIFEST_INDEX = 2,
    CR_MANIFEST_SCHEMA1 = 3 /* known, refused */
} cr_manifest_kind_e;

/* The type without parameters and surrounding space ("a/b; c=d" -> "a/b"). */
cr_str_t           cr_media_type_bare(cr_str_t content_type);
cr_manifest_kind_e cr_media_type_kind(cr_str_t media_type);
/* RFC 6838 type/subtype, at most 255: safe to echo in a header. */
bool cr_media_type_valid(cr_str_t s);
/* Layers that need not be present (non-distributable, foreign). */
bool cr_media_type_is_foreign(cr_str_t s);

#endif
