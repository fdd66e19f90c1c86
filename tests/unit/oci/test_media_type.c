/*
 * Media types.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/ctx.h"
#include "oci/media_type.h"


static void
bare(void **state)
{
    (void) state;
    assert_true(cr_str_eq_z(cr_media_type_bare(CR_STR("a/b")), "a/b"));
    assert_true(
        cr_str_eq_z(cr_media_type_bare(CR_STR(" a/b ; c=\"d\"")), "a/b"));
    assert_true(cr_str_eq_z(cr_media_type_bare(CR_STR("a/b;c;d")), "a/b"));
    assert_int_equal(cr_media_type_bare(CR_STR(";a/b")).len, 0);
    assert_int_equal(cr_media_type_bare(CR_STR_NULL).len, 0);
}


static void
kinds(void **state)
{
    static const char v1[] = "application/vnd.docker.distribution.manifest.v1";
    char              z[80];
    size_t            i;

    static const char *const schema1[] = { "+json", "+prettyjws", "+jws" };
    static const char *const none[] = {
        "",
        "application/json",
        "application/octet-stream",
        "text/html",
        "Application/vnd.oci.image.manifest.v1+json",
        CR_MT_OCI_MANIFEST " ",
        CR_MT_OCI_MANIFEST "; charset=utf-8",
        "application/vnd.oci.image.manifest.v2+json",
        "application/vnd.oci.artifact.manifest.v1+json",
        "application/vnd.oci.image.config.v1+json",
    };

    (void) state;
    assert_int_equal(cr_media_type_kind(CR_STR(CR_MT_OCI_MANIFEST)),
                     CR_MANIFEST_IMAGE);
    assert_int_equal(cr_media_type_kind(CR_STR(CR_MT_DOCKER_MANIFEST)),
                     CR_MANIFEST_IMAGE);
    assert_int_equal(cr_media_type_kind(CR_STR(CR_MT_OCI_INDEX)),
                     CR_MANIFEST_INDEX);
    assert_int_equal(cr_media_type_kind(CR_STR(CR_MT_DOCKER_LIST)),
                     CR_MANIFEST_INDEX);
    for (i = 0; i < CR_NELTS(schema1); i++) {
        memcpy(z, v1, sizeof(v1) - 1);
        memcpy(z + sizeof(v1) - 1, schema1[i], strlen(schema1[i]) + 1);
        assert_int_equal(cr_media_type_kind(cr_str_z(z)), CR_MANIFEST_SCHEMA1);
    }
    for (i = 0; i < CR_NELTS(none); i++) {
        assert_int_equal(cr_media_type_kind(cr_str_z(none[i])),
                         CR_MANIFEST_NONE);
    }
}


static void
syntax(void **state)
{
    char   z[260];
    size_t i;

    /* clang-format off */
    static const char *const good[] = {
        "a/b", "text/plain", CR_MT_OCI_INDEX, "0/1",
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        "x/a!#$&-^_.+b", "APPLICATION/X",
    };
    static const cr_str_t bad[] = {
#define N(z) { sizeof(z) - 1, z }
        { 0, NULL }, N(""), N("/"), N("a"), N("a/"), N("/b"), N("a/b/c"),
        N("a/b;c=d"), N("a /b"), N("a/b "), N("a/b\r\nX: y"), N("a/b\0"),
        N("*/*"), N("a/*"), N(".a/b"), N("a/+b"), N("a/\xc3\xa9"),
        N("a/<script>"), N("a/\"b\""), N("a/b,c/d"),
#undef N
    };
    /* clang-format on */

    (void) state;
    for (i = 0; i < CR_NELTS(good); i++) {
        assert_true(cr_media_type_valid(cr_str_z(good[i])));
    }
    for (i = 0; i < CR_NELTS(bad); i++) {
        assert_false(cr_media_type_valid(bad[i]));
    }

    memset(z, 'a', sizeof(z));
    z[127] = '/';
    assert_true(cr_media_type_valid((cr_str_t){ 255, z }));
    assert_false(cr_media_type_valid((cr_str_t){ 256, z }));
    z[127] = 'a';
    z[128] = '/';
    assert_false(cr_media_type_valid((cr_str_t){ 130, z }));
}


static void
foreign(void **state)
{
    (void) state;
    assert_true(cr_media_type_is_foreign(
        CR_STR("application/vnd.oci.image.layer.nondistributable.v1.tar")));
    assert_true(cr_media_type_is_foreign(CR_STR(
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd")));
    assert_true(cr_media_type_is_foreign(
        CR_STR("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")));
    assert_false(cr_media_type_is_foreign(
        CR_STR("application/vnd.oci.image.layer.v1.tar+gzip")));
    assert_false(cr_media_type_is_foreign(
        CR_STR("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip2")));
    assert_false(cr_media_type_is_foreign(CR_STR_NULL));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bare),
        cmocka_unit_test(kinds),
        cmocka_unit_test(syntax),
        cmocka_unit_test(foreign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
