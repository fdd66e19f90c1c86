/*
 * The plan of every statement: no request may read a table from end to end.
 * All statements that the build embeds are asked, so a new one is covered
 * without a line here.  Those that may scan are listed, with the reason.
 */

#include "meta_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

typedef struct scan_s {
    const char *name;
    const char *why;
} scan_t;

static const scan_t allowed[] = {
    { "key_list", "all keys are wanted, and there is a handful" },
    { "key_any", "a handful of keys, at the first start only" },
    { "declare_admins", "administrators are few, and have an index" },
    { "declare_users", "all that nginx.conf declares: an index of them" },
    { "declare_projects", "all that nginx.conf declares" },
    { "declare_members", "all that nginx.conf declares" },
    { "declare_robots", "all that nginx.conf declares" },
    { "declare_members_beside", "the operator prunes" },
    { "declare_robots_beside", "the operator prunes" },
    { "declare_users_gone", "the operator prunes" },
    { "key_retire", "a handful of keys, when one is made" },
    { "job_list", "all jobs are wanted, for the command line" },
    { "orphan_is_segment", "the sweep only: open sessions with data" },
    { "project_page", "an offset, stepped over in a covering index" },
    { "repository_list_member", "two pages, and what one user sees alone" },
    { "repository_list_robot", "two pages, and what one robot sees alone" },
    { "stats_get", "counts, for the command line" },
    { "artifact_rows", "a page of ids, given with the call" },
    { "artifact_search", "CR_PAGE_MATCH_MAX rows, filtered or sorted" },
    { "repository_page_all", "an offset, stepped over in an index" },
    { "repository_match_exact", "names of the call, or links of one blob" },
    { "repository_page_all_id", "an offset, stepped over in an index" },
    { "repository_page_seen", "offset and page of three sources" },
    { "repository_match", "CR_PAGE_SCAN_MAX names" },
    { "repository_match_seen", "CR_PAGE_SCAN_MAX names of three sources" },
    { "repository_rows", "CR_PAGE_MATCH_MAX rows, sorted" },
    { "project_page_id", "an offset, stepped over in an index" },
    { "project_page_updated", "an offset, stepped over; a page is sorted" },
    { "project_page_seen", "offset and page of three sources" },
    { "project_find", "CR_PAGE_SCAN_MAX names" },
    { "project_find_seen", "CR_PAGE_SCAN_MAX names of three sources" },
    { "project_find_names", "a list of names, given with the call" },
    { "project_rows", "a page of ids, given with the call" },
    { "user_page", "an offset, stepped over in a covering index" },
    { "user_page_id", "an offset, stepped over in an index" },
    { "user_find", "CR_PAGE_SCAN_MAX names" },
    { "user_rows", "a page of ids, given with the call" },
    { "member_rows", "a page of ids, given with the call" },
    { "label_rows", "a page of ids, given with the call" },
    { "robot_find", "CR_PAGE_MATCH_MAX rows, sorted" },
    { "robot_rows", "a page of ids, given with the call" },
    { "robot_permissions", "a page of ids, given with the call" },
    { "artifact_tag_rows", "a page of ids, given with the call" },
    { "audit_find", "CR_AUDIT_WINDOW entries" },
    { "audit_find_project", "CR_AUDIT_WINDOW entries" },
    { "audit_find_admin", "CR_AUDIT_WINDOW entries of each own project" },
};

/* The index that a statement must use, where another would also be a seek
 * but grows with what the answer leaves out. */
typedef struct index_s {
    const char *name;
    const char *index;
} index_t;

static const index_t wanted[] = {
    { "repository_list_all", "repository_live" },
    { "repository_list_public", "repository_public" },
    { "repository_page", "repository_project_live" },
    { "repository_page_all", "repository_live" },
    { "repository_page_all_id", "repository_live_id" },
    { "repository_page_id", "repository_project_live_id" },
    { "repository_page_seen", "member_private_path" },
    { "repository_match", "repository_live" },
    { "repository_count_seen", "member_private_path" },
    { "project_page", "project_live" },
    { "project_page_id", "project_live_id" },
    { "project_page_updated", "project_live_updated" },
    { "project_page_seen", "member_private" },
    { "project_count_seen", "member_private_path" },
    { "project_find", "project_live" },
    { "user_page", "users_live" },
    { "user_page_id", "users_live_id" },
    { "user_find", "users_live" },
    { "member_page", "member_name" },
    { "member_count_roles", "member_role" },
    { "label_page", "label_name" },
    { "robot_page", "robot_project" },
    { "robot_find", "robot_project" },
    { "artifact_tag_page", "tag_manifest" },
    { "artifact_tag_page_down", "tag_manifest" },
    { "audit_page_project", "audit_project" },
    { "tag_list", "tag_live" },
    { "referrer_list", "manifest_subject" },
    { "referrer_list_type", "manifest_subject_type" },
    { "job_due_pending", "job_pending" },
    { "job_next_pending", "job_pending" },
    { "job_due_lost", "job_running" },
    { "job_next_running", "job_running" },
    { "upload_expired", "upload_expires" },
    { "reclaim_links", "repository_blob_due" },
    { "reclaim_manifests", "manifest_trash" },
    { "reclaim_tags", "tag_trash" },
    { "reclaim_is_referenced", "manifest_reference_digest" },
    { "orphan_due", "orphan_due" },
};


static bool
may_scan(const char *name)
{
    size_t i;

    /* The engine's own: opening, migrating, pinging. */
    if (strncmp(name, "db_", 3) == 0) {
        return true;
    }
    for (i = 0; i < CR_NELTS(allowed); i++) {
        if (strcmp(allowed[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}


static const char *
wanted_index(const char *name)
{
    size_t i;

    for (i = 0; i < CR_NELTS(wanted); i++) {
        if (strcmp(wanted[i].name, name) == 0) {
            return wanted[i].index;
        }
    }
    return NULL;
}


/* Is there a whole word `word` in text? */
static bool
has_word(const char *text, const char *word)
{
    const char *p = text;
    size_t      n = strlen(word);

    while ((p = strstr(p, word)) != NULL) {
        if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0')) {
            return true;
        }
        p++;
    }
    return false;
}


/*
 * A scan of a table: "SCAN name".  "SCAN s" where s is a subquery of bounded
 * size says CO-ROUTINE or MATERIALIZE of the same name before.
 */
static size_t
plan_faults(sqlite3 *db, const char *name, const char *z_text, bool show)
{
    char          sql[8192], coroutine[64] = "";
    const char   *line, *index = wanted_index(name);
    sqlite3_stmt *st;
    size_t        faults = 0;
    bool          seen = index == NULL;

    (void) snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", z_text);
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
        if (show) {
            print_error("%s: %s\n", name, sqlite3_errmsg(db));
        }
        return 1;
    }

    while (sqlite3_step(st) == SQLITE_ROW) {
        line = (const char *) sqlite3_column_text(st, 3);
        if (strncmp(line, "CO-ROUTINE ", 11) == 0
            || strncmp(line, "MATERIALIZE ", 12) == 0)
        {
            (void) snprintf(coroutine, sizeof(coroutine), "SCAN %s",
                            strchr(line, ' ') + 1);
        }
        if (index != NULL && has_word(line, index)) {
            seen = true;
        }
        if ((strncmp(line, "SCAN ", 5) == 0 && strcmp(line, coroutine) != 0
             && strcmp(line, "SCAN CONSTANT ROW") != 0)
            || strstr(line, "USE TEMP B-TREE") != NULL
            || strstr(line, "AUTOMATIC") != NULL)
        {
            if (show) {
                print_error("%s: %s\n", name, line);
            }
            faults++;
        }
    }
    (void) sqlite3_finalize(st);

    if (!seen) {
        if (show) {
            print_error("%s: does not use %s\n", name, index);
        }
        faults++;
    }
    return faults;
}


static sqlite3 *
open_raw(meta_fixture_t *fx)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(fx->path, &db), SQLITE_OK);
    return db;
}


static void
test_no_statement_scans(void **state)
{
    meta_fixture_t *fx = *state;
    sqlite3        *db = open_raw(fx);
    size_t          i, asked = 0, faults = 0;
    const char     *name;

    for (i = 0; i < CR_SQL_MAX; i++) {
        name = cr_sql_texts[i].name;
        if (cr_sql_texts[i].sqlite == NULL || may_scan(name)) {
            continue;
        }
        faults += plan_faults(db, name, cr_sql_texts[i].sqlite, true);
        asked++;
    }
    (void) sqlite3_close(db);
    assert_true(asked > 50);
    assert_int_equal(faults, 0);
}


/* The lists above name statements that exist, and scans that are scans. */
static void
test_lists_are_current(void **state)
{
    meta_fixture_t *fx = *state;
    sqlite3        *db = open_raw(fx);
    size_t          i, j, found = 0;

    for (i = 0; i < CR_SQL_MAX; i++) {
        for (j = 0; j < CR_NELTS(allowed); j++) {
            if (strcmp(allowed[j].name, cr_sql_texts[i].name) == 0) {
                found++;
                assert_true(plan_faults(db, allowed[j].name,
                                        cr_sql_texts[i].sqlite, false)
                            > 0);
            }
        }
        for (j = 0; j < CR_NELTS(wanted); j++) {
            found += strcmp(wanted[j].name, cr_sql_texts[i].name) == 0;
        }
    }
    (void) sqlite3_close(db);
    assert_int_equal(found, CR_NELTS(allowed) + CR_NELTS(wanted));
}


/* The check finds what it is there to find. */
static void
test_scans_are_found(void **state)
{
    meta_fixture_t *fx = *state;
    sqlite3        *db = open_raw(fx);

    assert_int_equal(plan_faults(db, "x",
                                 "SELECT id FROM tag WHERE "
                                 "pushed_by = $1",
                                 false),
                     1);
    assert_int_equal(plan_faults(db, "x",
                                 "SELECT id FROM tag WHERE "
                                 "repository_id = $1 "
                                 "ORDER BY pushed_by",
                                 false),
                     1);
    assert_int_equal(plan_faults(db, "x", "SELECT nothing", false), 1);
    assert_int_equal(plan_faults(db, "tag_list",
                                 "SELECT name FROM tag WHERE "
                                 "id = $1",
                                 false),
                     1);
    assert_int_equal(plan_faults(db, "x",
                                 "SELECT name FROM tag WHERE "
                                 "id = $1",
                                 false),
                     0);
    (void) sqlite3_close(db);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_statement_scans, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_lists_are_current, meta_setup,
                                        meta_teardown),
        cmocka_unit_test_setup_teardown(test_scans_are_found, meta_setup,
                                        meta_teardown),
    };

    return cmocka_run_group_tests_name("meta/plan", tests, NULL, NULL);
}
