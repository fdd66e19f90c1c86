/*
 * Media types: which ones are manifests, which layers need not be here, and
 * the syntax of RFC 6838.  Compared byte for byte: a type is served as it was
 * pushed, so another spelling of a known type is an unknown type.  Any
 * thread.
 */

#include "core/ctx.h"
#include "oci/media_type.h"

#define MEDIA_TYPE_MAX      255
#define MEDIA_TYPE_PART_MAX 127 /* RFC 6838 section 4.2 */

typedef struct media_type_row_s {
    const char        *name;
    cr_manifest_kind_e kind;
} media_type_row_t;

#define MT_DOCKER_V1 "application/vnd.docker.distribution.manifest.v1"

static const media_type_row_t media_type_rows[] = {
    { CR_MT_OCI_MANIFEST, CR_MANIFEST_IMAGE },
    { CR_MT_OCI_INDEX, CR_MANIFEST_INDEX },
    { CR_MT_DOCKER_MANIFEST, CR_MANIFEST_IMAGE },
    { CR_MT_DOCKER_LIST, CR_MANIFEST_INDEX },
    { MT_DOCKER_V1 "+json", CR_MANIFEST_SCHEMA1 },
    { MT_DOCKER_V1 "+prettyjws", CR_MANIFEST_SCHEMA1 },
    { MT_DOCKER_V1 "+jws", CR_MANIFEST_SCHEMA1 },
};

static const char *const media_type_foreign[] = {
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.zstd",
};


cr_str_t
cr_media_type_bare(cr_str_t content_type)
{
    ptrdiff_t semicolon = cr_str_chr(content_type, ';');

    if (semicolon >= 0) {
        content_type = cr_str_slice(content_type, 0, (size_t) semicolon);
    }
    return cr_str_trim(content_type);
}


cr_manifest_kind_e
cr_media_type_kind(cr_str_t media_type)
{
    size_t i;

    for (i = 0; i < CR_NELTS(media_type_rows); i++) {
        if (cr_str_eq_z(media_type, media_type_rows[i].name)) {
            return media_type_rows[i].kind;
        }
    }
    return CR_MANIFEST_NONE;
}


static bool
media_type_part_valid(cr_str_t s)
{
    size_t i;
    char   c;
    bool   alnum;

    if (s.len == 0 || s.len > MEDIA_TYPE_PART_MAX) {
        return false;
    }

    for (i = 0; i < s.len; i++) {
        c = s.data[i];
        alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                || (c >= '0' && c <= '9');
        if (alnum) {
            continue;
        }
        if (i == 0 || cr_str_chr(CR_STR("!#$&-^_.+"), c) < 0) {
            return false;
        }
    }

    return true;
}


bool
cr_media_type_valid(cr_str_t s)
{
    ptrdiff_t slash = cr_str_chr(s, '/');

    if (slash < 0 || s.len > MEDIA_TYPE_MAX) {
        return false;
    }
    return media_type_part_valid(cr_str_slice(s, 0, (size_t) slash))
           && media_type_part_valid(cr_str_slice(s, (size_t) slash + 1, s.len));
}


bool
cr_media_type_is_foreign(cr_str_t s)
{
    size_t i;

    for (i = 0; i < CR_NELTS(media_type_foreign); i++) {
        if (cr_str_eq_z(s, media_type_foreign[i])) {
            return true;
        }
    }
    return false;
}
