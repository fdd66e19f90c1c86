/*
 * meta/referrer.c: stored referrers, the fallback tag, pages over both.
 */

#include "meta_fixture.h"

#include <stdio.h>
#include <string.h>

#define REPO CR_STR("library/a")
#define SIG  "application/x.sig"
#define SBOM "application/x.sbom"

typedef struct page_s {
    cr_referrer_t *rows;
    int64_t       *ids;
    size_t         n;
} page_t;


static page_t
list(meta_fixture_t *fx, const cr_digest_t *subject, const char *z_type,
     int64_t after, size_t n)
{
    page_t p = { 0 };

    OK(fx, cr_referrer_list(&fx->cx, fx->m, REPO, subject, cr_str_z(z_type),
                            after, n, &p.rows, &p.ids, &p.n));
    return p;
}


static cr_digest_t
refer(meta_fixture_t *fx, const cr_digest_t *subject, const char *layer,
      const char *type, const char *annotations)
{
    meta_image_t im = {
        .config = "c",
        .layer = layer,
        .push = true,
        .subject = subject,
        .artifact_type = type,
        .annotations = annotations,
    };

    return meta_image(fx, "library/a", NULL, &im);
}


static void
drop(meta_fixture_t *fx, const char *z_ref)
{
    cr_reference_t ref = meta_ref(fx, z_ref);

    OK(fx, cr_manifest_delete(&fx->cx, fx->m, REPO, &ref, &WHO));
}


/* Put the index of a fallback tag; z_list: its descriptors. */
static void
fallback(meta_fixture_t *fx, const cr_digest_t *subject, cr_str_t descriptors)
{
    char        tag[CR_TAG_MAX + 1];
    cr_digest_t d;

    (void) snprintf(tag, sizeof(tag), "%.6s-%.64s", subject->text,
                    subject->text + 7);
    OK(fx, meta_put(fx, "library/a", tag,
                    cr_printf(&fx->cx,
                              "{\"schemaVersion\":2,\"mediaType\":\"%s\","
                              "\"manifests\":[%.*s]}",
                              CR_MT_OCI_INDEX, CR_STR_ARG(descriptors)),
                    true, &d));
}


static cr_str_t
descriptor(meta_fixture_t *fx, const cr_digest_t *d, const char *more)
{
    return cr_printf(&fx->cx,
                     "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d%s}",
                     CR_MT_OCI_MANIFEST, d->text, 9, more);
}


static void
test_none(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     s = meta_digest("subject");

    /* Also where no such repository is: an empty list, no error. */
    assert_int_equal(list(fx, &s, NULL, 0, 10).n, 0);
    (void) meta_push(fx, "library/a", "v1", "l");
    assert_int_equal(list(fx, &s, NULL, 0, 10).n, 0);
    assert_int_equal(list(fx, &s, NULL, 0, 0).n, 0);
    assert_int_equal(fx->cx.err, CR_OK);
}


static void
test_stored(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     s = meta_digest("subject"), other = meta_digest("o");
    cr_digest_t     a = refer(fx, &s, "1", SIG, "{\"k\":\"v\"}");
    cr_digest_t     b = refer(fx, &s, "2", SBOM, NULL);
    cr_digest_t     c = refer(fx, &s, "3", SIG, NULL);
    page_t          p;

    (void) refer(fx, &other, "4", SIG, NULL);
    p = list(fx, &s, NULL, 0, 10);
    assert_int_equal(p.n, 3);
    assert_text(p.rows[0].digest, a.text);
    assert_text(p.rows[0].artifact_type, SIG);
    assert_text(p.rows[0].media_type, CR_MT_OCI_MANIFEST);
    assert_text(p.rows[0].annotations, "{\"k\":\"v\"}");
    assert_true(p.rows[0].size > 100);
    assert_text(p.rows[1].digest, b.text);
    assert_int_equal(p.rows[1].annotations.len, 0);

    p = list(fx, &s, SIG, 0, 10);
    assert_int_equal(p.n, 2);
    assert_text(p.rows[1].digest, c.text);
    p = list(fx, &s, SIG, p.ids[0], 10);
    assert_int_equal(p.n, 1);
    assert_text(p.rows[0].digest, c.text);
    assert_int_equal(list(fx, &s, "application/x.none", 0, 10).n, 0);

    p = list(fx, &s, NULL, 0, 2);
    assert_int_equal(p.n, 2);
    p = list(fx, &s, NULL, p.ids[1], 2);
    assert_int_equal(p.n, 1);
    assert_text(p.rows[0].digest, c.text);

    drop(fx, b.text);
    assert_int_equal(list(fx, &s, NULL, 0, 10).n, 2);
    assert_int_equal(list(fx, &s, SBOM, 0, 10).n, 0);
}


static void
test_fallback(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     s = meta_digest("subject"), far = meta_digest("far");
    cr_digest_t     stored = refer(fx, &s, "1", SIG, NULL);
    cr_digest_t     plain = refer(fx, NULL, "2", SBOM, NULL);
    cr_digest_t     gone = refer(fx, NULL, "3", SIG, NULL);
    cr_str_t        all;
    page_t          p;

    drop(fx, gone.text);
    all =
        cr_printf(&fx->cx, "%.*s,%.*s,%.*s,%.*s,%.*s",
                  CR_STR_ARG(descriptor(fx, &far,
                                        ",\"artifactType\":\"" SIG "\","
                                        "\"annotations\":{\"a\":\"b\"}")),
                  CR_STR_ARG(
                      descriptor(fx, &stored, ",\"artifactType\":\"" SIG "\"")),
                  CR_STR_ARG(descriptor(fx, &plain, "")),
                  CR_STR_ARG(descriptor(fx, &far, ",\"artifactType\":\"x/y\"")),
                  CR_STR_ARG(descriptor(fx, &gone, "")));
    /* The size of a stored child must be its own: give it. */
    meta_exec(fx, "UPDATE manifest SET size = 9");
    fallback(fx, &s, all);

    /* Stored first; then each that is new, once; nothing deleted here. */
    p = list(fx, &s, NULL, 0, 10);
    assert_int_equal(p.n, 3);
    assert_text(p.rows[0].digest, stored.text);
    assert_text(p.rows[1].digest, far.text);
    assert_text(p.rows[1].artifact_type, SIG);
    assert_text(p.rows[1].annotations, "{\"a\":\"b\"}");
    assert_int_equal(p.rows[1].size, 9);
    /* What the descriptor does not say, the stored manifest does. */
    assert_text(p.rows[2].digest, plain.text);
    assert_text(p.rows[2].artifact_type, SBOM);

    assert_int_equal(list(fx, &s, SIG, 0, 10).n, 2);
    p = list(fx, &s, SBOM, 0, 10);
    assert_int_equal(p.n, 1);
    assert_text(p.rows[0].digest, plain.text);
}


static void
test_pages_over_both(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     s = meta_digest("subject"), d[3];
    cr_str_t        all = CR_STR("");
    char            seen[6][CR_DIGEST_TEXT_MAX + 1];
    size_t          i, j, n = 0;
    int64_t         after = 0;
    page_t          p;

    (void) refer(fx, &s, "1", SIG, NULL);
    (void) refer(fx, &s, "2", SIG, NULL);
    (void) refer(fx, &s, "3", SIG, NULL);
    for (i = 0; i < CR_NELTS(d); i++) {
        d[i] = meta_digest(i == 0 ? "x" : i == 1 ? "y" : "z");
        all =
            cr_printf(&fx->cx, "%.*s%s%.*s", CR_STR_ARG(all), i == 0 ? "" : ",",
                      CR_STR_ARG(descriptor(fx, &d[i], "")));
    }
    fallback(fx, &s, all);

    for (;;) {
        p = list(fx, &s, NULL, after, 2);
        for (i = 0; i < p.n; i++) {
            assert_true(n < 6);
            (void) snprintf(seen[n], sizeof(seen[n]), "%.*s",
                            CR_STR_ARG(p.rows[i].digest));
            for (j = 0; j < n; j++) {
                assert_string_not_equal(seen[j], seen[n]);
            }
            assert_true(p.ids[i] > after);
            after = p.ids[i];
            n++;
        }
        if (p.n < 2) {
            break;
        }
    }
    assert_int_equal(n, 6);
    assert_string_equal(seen[3], d[0].text);
}


/* A tag of that name that is an image is no list of referrers. */
static void
test_fallback_is_an_image(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     s = meta_digest("subject");
    char            tag[CR_TAG_MAX + 1];

    (void) snprintf(tag, sizeof(tag), "sha256-%.64s", s.text + 7);
    (void) meta_push(fx, "library/a", tag, "l");
    assert_int_equal(list(fx, &s, NULL, 0, 10).n, 0);
}


static void
test_fallback_of_sha512(void **state)
{
    meta_fixture_t *fx = *state;
    cr_digest_t     s, d = meta_digest("x");

    cr_digest_of(CR_HASH_SHA512, CR_STR("subject"), &s);
    fallback(fx, &s, descriptor(fx, &d, ""));
    assert_int_equal(list(fx, &s, NULL, 0, 10).n, 1);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_none),
        TEST(test_stored),
        TEST(test_fallback),
        TEST(test_pages_over_both),
        TEST(test_fallback_is_an_image),
        TEST(test_fallback_of_sha512),
    };

    return cmocka_run_group_tests_name("meta/referrer", tests, NULL, NULL);
}
