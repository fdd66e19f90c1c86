/*
 * meta/label.c: labels, and which artifacts carry them.
 */

#include "meta_fixture.h"

#include <string.h>
#include "meta/label.h"
#include "meta/project.h"


static cr_err_t
make(meta_fixture_t *fx, int64_t project_id, const char *z_name,
     int64_t *ret_id)
{
    cr_label_t l = { .project_id = project_id,
                     .name = cr_str_z(z_name),
                     .description = CR_STR("what for"),
                     .color = CR_STR("#ff0000") };

    return cr_label_create(&fx->cx, fx->m, &l, &WHO, ret_id);
}


static int64_t
made(meta_fixture_t *fx, int64_t project_id, const char *z_name)
{
    int64_t id;

    OK(fx, make(fx, project_id, z_name, &id));
    return id;
}


static void
test_create(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         id = -1;
    cr_label_t      l;

    FAILS(fx, CR_ERR_NOT_FOUND, cr_label_get(&fx->cx, fx->m, 1, &l));
    id = made(fx, 0, "red");
    OK(fx, cr_label_get(&fx->cx, fx->m, id, &l));
    assert_int_equal(l.id, id);
    assert_int_equal(l.project_id, 0);
    assert_text(l.name, "red");
    assert_text(l.description, "what for");
    assert_text(l.color, "#ff0000");
    assert_int_equal(l.created_at, meta_now());
    assert_int_equal(l.updated_at, meta_now());
    assert_int_equal(meta_audits(fx, "create label red", NULL), 1);

    /* A name is taken in its project, not in others. */
    id = -1;
    FAILS(fx, CR_ERR_EXISTS, make(fx, 0, "red", &id));
    assert_int_equal(id, -1);
    (void) made(fx, 1, "red");
    FAILS(fx, CR_ERR_EXISTS, make(fx, 1, "red", &id));
    (void) made(fx, 0, "Red");
    fx->cx.may_block = false;
    FAILS(fx, CR_ERR_AGAIN, make(fx, 0, "blue", &id));
}


static void
test_bounds(void **state)
{
    static char     text[CR_LABEL_DESCRIPTION_MAX + 1];
    meta_fixture_t *fx = *state;
    int64_t         id;
    cr_label_t      l = { .name = CR_STR("") };

    memset(text, 'x', sizeof(text));
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_label_create(&fx->cx, fx->m, &l, &WHO, &id));
    l.name = (cr_str_t){ CR_LABEL_NAME_MAX + 1, text };
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_label_create(&fx->cx, fx->m, &l, &WHO, &id));
    l.name.len--;
    l.color = (cr_str_t){ CR_LABEL_COLOR_MAX + 1, text };
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_label_create(&fx->cx, fx->m, &l, &WHO, &id));
    l.color.len--;
    l.description = (cr_str_t){ CR_LABEL_DESCRIPTION_MAX + 1, text };
    FAILS(fx, CR_ERR_BAD_REQUEST,
          cr_label_create(&fx->cx, fx->m, &l, &WHO, &id));
    l.description.len--;
    OK(fx, cr_label_create(&fx->cx, fx->m, &l, &WHO, &id));

    l.id = id;
    l.name = CR_STR("");
    FAILS(fx, CR_ERR_BAD_REQUEST, cr_label_update(&fx->cx, fx->m, &l, &WHO));
}


static void
test_update_and_delete(void **state)
{
    meta_fixture_t *fx = *state;
    int64_t         id = made(fx, 1, "red");
    cr_label_t      l = { .id = 999, .name = CR_STR("blue") };

    (void) made(fx, 1, "green");
    FAILS(fx, CR_ERR_NOT_FOUND, cr_label_update(&fx->cx, fx->m, &l, &WHO));
    l.id = id;
    l.name = CR_STR("green");
    FAILS(fx, CR_ERR_EXISTS, cr_label_update(&fx->cx, fx->m, &l, &WHO));

    /* The project stays, whatever the caller says. */
    l.name = CR_STR("blue");
    l.project_id = 0;
    l.color = CR_STR("#0");
    l.description = CR_STR("");
    meta_clock_add(CR_SECOND);
    OK(fx, cr_label_update(&fx->cx, fx->m, &l, &WHO));
    OK(fx, cr_label_get(&fx->cx, fx->m, id, &l));
    assert_text(l.name, "blue");
    assert_text(l.color, "#0");
    assert_text(l.description, "");
    assert_int_equal(l.project_id, 1);
    assert_int_equal(l.updated_at, meta_now());
    assert_int_equal(l.created_at, meta_now() - CR_SECOND);
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM audit WHERE operation "
                                  "= 'update' AND project_id = 1"),
                     1);

    OK(fx, cr_label_delete(&fx->cx, fx->m, id, &WHO));
    assert_int_equal(meta_audits(fx, "delete label blue", NULL), 1);
    FAILS(fx, CR_ERR_NOT_FOUND, cr_label_get(&fx->cx, fx->m, id, &l));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_label_delete(&fx->cx, fx->m, id, &WHO));
}


static void
names_of(meta_fixture_t *fx, cr_label_filter_t f, int64_t limit, int64_t offset,
         const char *z_names, int64_t total)
{
    cr_label_t *rows;
    size_t      n;
    int64_t     all;
    cr_str_t    text = CR_STR("");

    OK(fx, cr_label_list(&fx->cx, fx->m, &f, limit, offset, &rows, &n, &all));
    for (size_t i = 0; i < n; i++) {
        text = cr_printf(&fx->cx, "%.*s%s%.*s", CR_STR_ARG(text),
                         i == 0 ? "" : " ", CR_STR_ARG(rows[i].name));
    }
    assert_text(text, z_names);
    assert_int_equal(all, total);
}


static void
names(meta_fixture_t *fx, int64_t project_id, const char *z_like, int64_t limit,
      int64_t offset, const char *z_names, int64_t total)
{
    cr_label_filter_t f = { .project_id = project_id,
                            .name_like = cr_str_z(z_like) };

    names_of(fx, f, limit, offset, z_names, total);
}


static void
test_list(void **state)
{
    meta_fixture_t *fx = *state;

    names(fx, 0, "", 10, 0, "", 0);
    (void) made(fx, 0, "c");
    (void) made(fx, 0, "bb");
    (void) made(fx, 0, "b");
    (void) made(fx, 1, "a");
    names(fx, 0, "", 10, 0, "b bb c", 3);
    names(fx, 0, "", 1, 1, "bb", 3);
    names(fx, 0, "", 2, 2, "c", 3);
    names(fx, 0, "", 2, 3, "", 3);
    names(fx, 1, "", 10, 0, "a", 1);
    names(fx, 0, "b", 10, 0, "b bb", 2);
    names(fx, 0, "b", 1, 1, "bb", 2);
    names(fx, 0, "a", 10, 0, "", 0);

    names_of(fx, (cr_label_filter_t){ .name = CR_STR("b") }, 10, 0, "b", 1);
    names_of(fx, (cr_label_filter_t){ .by_id = true }, 2, 0, "c bb", 3);
    names_of(fx, (cr_label_filter_t){ .descending = true }, 2, 0, "c bb", 3);
    names_of(fx, (cr_label_filter_t){ .by_id = true, .descending = true }, 2, 1,
             "bb c", 3);
}


static void
test_on_artifacts(void **state)
{
    meta_fixture_t *fx = *state;
    cr_project_t    p;
    cr_reference_t  v1 = meta_ref(fx, "v1"), none = meta_ref(fx, "none");
    cr_str_t        app = CR_STR("library/app");
    int64_t         global = made(fx, 0, "red"), own = made(fx, 1, "own");
    int64_t         foreign;

    OK(fx, meta_project(fx, CR_STR("pay"), false, &p));
    foreign = made(fx, p.id, "foreign");
    (void) meta_push(fx, "library/app", "v1", "layer");

    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN,
          cr_label_attach(&fx->cx, fx->m, app, &none, 1, global));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_label_attach(&fx->cx, fx->m, app, &v1, 1, 999));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_label_attach(&fx->cx, fx->m, app, &v1, 1, foreign));
    OK(fx, cr_label_attach(&fx->cx, fx->m, app, &v1, 1, global));
    OK(fx, cr_label_attach(&fx->cx, fx->m, app, &v1, 1, own));
    FAILS(fx, CR_ERR_EXISTS, cr_label_attach(&fx->cx, fx->m, app, &v1, 1, own));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM manifest_label"), 2);

    FAILS(fx, CR_ERR_MANIFEST_UNKNOWN,
          cr_label_detach(&fx->cx, fx->m, app, &none, global));
    FAILS(fx, CR_ERR_NOT_FOUND,
          cr_label_detach(&fx->cx, fx->m, app, &v1, foreign));
    OK(fx, cr_label_detach(&fx->cx, fx->m, app, &v1, own));
    FAILS(fx, CR_ERR_NOT_FOUND, cr_label_detach(&fx->cx, fx->m, app, &v1, own));
    assert_int_equal(meta_int(fx, "SELECT label_id FROM manifest_label"),
                     global);

    /* A label that is deleted is on nothing any more. */
    OK(fx, cr_label_delete(&fx->cx, fx->m, global, &WHO));
    assert_int_equal(meta_int(fx, "SELECT count(*) FROM manifest_label"), 0);
}


#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, meta_setup, meta_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create),
        TEST(test_bounds),
        TEST(test_update_and_delete),
        TEST(test_list),
        TEST(test_on_artifacts),
    };

    return cmocka_run_group_tests_name("meta/label", tests, NULL, NULL);
}
