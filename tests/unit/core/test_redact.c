/* core/redact.c: what may be shown of a URL. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/redact.h"

static const struct {
    const char *url;
    const char *shown;
} cases[] = {
    { "sqlite:/var/lib/registry.db", "sqlite:/var/lib/registry.db" },
    { "filesystem:/srv/a:b@c", "filesystem:/srv/a:b@c" },
    { "", "" },
    { "://", "://" },
    { "postgresql://db/registry", "postgresql://db/registry" },
    { "postgresql://ops@db:5432/r", "postgresql://ops@db:5432/r" },
    { "postgresql://ops:geheim@db/registry",
      "postgresql://ops:***@db/registry" },
    { "postgresql://ops:ge@h/e:im@db/registry",
      "postgresql://ops:***@db/registry" },
    { "postgresql://ops:geh?eim@db/registry", "postgresql://***" },
    { "postgresql://db:5432/registry?password=geh@eim", "postgresql://***" },
    { "postgresql://:geheim@/registry", "postgresql://:***@/registry" },
    { "postgresql://db/registry?user=ops&password=geheim&sslmode=require",
      "postgresql://db/registry?user=ops&password=***&sslmode=require" },
    { "postgresql://db/registry?PGPASSWORD=geheim",
      "postgresql://db/registry?PGPASSWORD=***" },
    { "s3://AKIA:geheim@minio:9000/bucket?region=eu;secret_key=geheim",
      "s3://AKIA:***@minio:9000/bucket?region=eu;secret_key=***" },
    { "s3://bucket?X-Amz-Signature=geheim&x",
      "s3://bucket?X-Amz-Signature=***&x" },
    { "http://h?=geheim", "http://h?=geheim" },
};


static void
test_redact(void **state)
{
    cr_ctx_t cx;
    cr_str_t s;
    size_t   i;

    (void) state;
    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s = cr_redact_url(&cx, cr_str_z(cases[i].url));
        assert_int_equal(s.len, strlen(cases[i].shown));
        assert_memory_equal(s.data, cases[i].shown, s.len);
    }

    cr_ctx_done(&cx);
}


/* Nothing of it is shown, whatever the secret looks like. */
static void
test_no_secret_stays(void **state)
{
    cr_ctx_t          cx;
    cr_str_t          url;
    size_t            i;
    static const char odd[] = ":/?#[]@!$&'()*+,;= %\"\\";

    (void) state;
    assert_int_equal(cr_ctx_init(&cx, 0), CR_OK);

    for (i = 0; i < sizeof(odd) - 1; i++) {
        url = cr_printf(&cx, "postgresql://ops:SECRET%cSECRET@db:1/r", odd[i]);
        url = cr_redact_url(&cx, url);
        assert_null(strstr(url.data, "SECRET"));
        assert_int_equal(strstr(url.data, "@db:1/r") != NULL, odd[i] != '?');
    }

    cr_ctx_done(&cx);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redact),
        cmocka_unit_test(test_no_secret_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
