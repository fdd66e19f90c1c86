/*
 * A registry's metadata in a temporary folder, with a clock and a boot id
 * that the test sets, and short ways to push blobs, images and indexes.
 * One fixture at a time; one thread.
 */

#ifndef META_FIXTURE_H
#define META_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "meta/audit.h"
#include "meta/change.h"
#include "meta/manifest.h"
#include "meta/meta.h"
#include "meta/reclaim.h"
#include "meta/upload.h"

typedef struct meta_fixture_s {
    char       dir[64];
    char       path[96];
    cr_ctx_t   cx;
    cr_db_t   *db;
    cr_meta_t *m;
} meta_fixture_t;

#define ACTOR        CR_STR("user:1")
/* The same, for the audit log. */
extern const cr_audit_who_t WHO;

/* Assert that a call succeeds, and say why when it does not. */
#define OK(fx, expr) meta_ok((fx), (expr), #expr, __FILE__, __LINE__)
/* Assert that a call fails so. */
#define FAILS(fx, error, expr)                                                 \
    do {                                                                       \
        assert_int_equal((expr), (error));                                     \
        assert_int_equal((fx)->cx.err, (error));                               \
        cr_clear(&(fx)->cx);                                                   \
    } while (0)

#define assert_text(s, z)                                                      \
    do {                                                                       \
        cr_str_t text_ = (s);                                                  \
        assert_int_equal(text_.len, strlen(z));                                \
        assert_memory_equal(text_.len == 0 ? "" : text_.data, (z), text_.len); \
    } while (0)

void meta_ok(meta_fixture_t *fx, cr_err_t err, const char *what,
             const char *file, int line);

/* cmocka setup and teardown: an empty database, bootstrapped and open. */
int meta_setup(void **state);
int meta_teardown(void **state);
/* The same without migration and bootstrap. */
int meta_setup_empty(void **state);
/* Open the metadata again with other durations. */
void meta_reopen(meta_fixture_t *fx, const cr_meta_conf_t *conf);

int64_t meta_now(void);
void    meta_clock_add(int64_t us);
/* NULL: it cannot be read. */
void meta_boot_id(const char *z_id);

/* A project, and whether it is public, by name. */
struct cr_project_s;
cr_err_t meta_project(meta_fixture_t *fx, cr_str_t name, bool is_public,
                      struct cr_project_s *ret_p);
cr_err_t meta_set_public(meta_fixture_t *fx, cr_str_t name, bool is_public);

/* A user without a password; the id. */
int64_t meta_user(meta_fixture_t *fx, const char *z_name);

cr_name_t meta_name(meta_fixture_t *fx, const char *z_name);
/* A tag or a digest. */
cr_reference_t meta_ref(meta_fixture_t *fx, const char *z_ref);
cr_digest_t    meta_digest(const char *z_content);

/* Publish this content; its locator is "l/" and a number. */
cr_digest_t meta_blob(meta_fixture_t *fx, const char *z_repository,
                      const char *z_content);
/* Put a body as it stands, with a tag (NULL: by digest). */
cr_err_t meta_put(meta_fixture_t *fx, const char *z_repository,
                  const char *z_tag, cr_str_t body, bool sparse,
                  cr_digest_t *ret_d);
/*
 * An image of config and one layer of these contents (published before when
 * `push`), with an optional subject and artifact type.
 */
typedef struct meta_image_s {
    const char        *config;
    const char        *layer;
    bool               push;
    const cr_digest_t *subject;
    const char        *artifact_type;
    const char        *annotations; /* JSON object */
} meta_image_t;

cr_str_t    meta_image_body(meta_fixture_t *fx, const meta_image_t *im);
cr_digest_t meta_image(meta_fixture_t *fx, const char *z_repository,
                       const char *z_tag, const meta_image_t *im);
/* The plain one: config "c", layer z_layer. */
cr_digest_t meta_push(meta_fixture_t *fx, const char *z_repository,
                      const char *z_tag, const char *z_layer);
/* An index of children that are `sizes` bytes long. */
cr_str_t meta_index_body(meta_fixture_t *fx, const cr_digest_t *children,
                         const size_t *sizes, size_t n);

/* What the tests may ask the database beside the interface. */
int64_t meta_int(meta_fixture_t *fx, const char *z_sql);
void    meta_exec(meta_fixture_t *fx, const char *z_sql);
/* Rows of the audit log: "create label red", NULL description: any. */
int64_t meta_audits(meta_fixture_t *fx, const char *z_what,
                    const char *z_description);

#endif
