/*
 * check_invariants [--young SECONDS] [--quick] [--power-loss] [--sparse]
 *     [--expect FILE] DATABASE_PATH BLOB_DIR
 *
 * Looks at a registry from outside, with nothing of libregistry in it, and
 * says what is not as it must be: one line each on standard output, exit
 * status 1; 0 when all is well, 2 when it could not look.  Nothing is
 * changed, and programs may run meanwhile (a file may then be young).
 *
 *   --young       files that no row names are fine when they were made less
 *                 than so many seconds ago (default 86400; 0: none is fine)
 *   --quick       do not read blobs: their digests are taken as right
 *   --power-loss  bytes of upload sessions may be lost
 *   --sparse      an index may name children that are not there
 *   --expect      lines that must hold: "blob REPO DIGEST", "manifest REPO
 *                 DIGEST", "tag REPO TAG DIGEST", "no-blob REPO DIGEST",
 *                 "no-manifest REPO DIGEST", "no-tag REPO TAG"
 *
 * Sections: findings, files, the engine, blobs, manifests and tags, changes,
 * sessions and orphans, strays, expectations.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <sqlite3.h>

#define LOCATOR_LEN 39
#define PATH_SIZE   4096

typedef struct check_s {
    sqlite3    *db;
    const char *z_root;
    const char *z_expect;
    int64_t     young_s;
    bool        quick;
    bool        power_loss;
    bool        sparse;
    unsigned    found;
    unsigned    looked; /* files that were compared with rows */
} check_t;

/* A statement that gives one row for each thing that is wrong. */
typedef struct rule_s {
    const char *z_what;
    const char *z_sql;
} rule_t;

typedef void (*row_pt)(check_t *k, sqlite3_stmt *st);


/* --- findings --- */

static void found(check_t *k, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void give_up(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));


static void
found(check_t *k, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void) vprintf(fmt, ap);
    va_end(ap);
    (void) putchar('\n');
    k->found++;
}


static void
give_up(const char *fmt, ...)
{
    va_list ap;

    (void) fprintf(stderr, "check_invariants: ");
    va_start(ap, fmt);
    (void) vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void) fputc('\n', stderr);
    exit(2);
}


static sqlite3_stmt *
prepare(check_t *k, const char *z_sql)
{
    sqlite3_stmt *st;

    if (sqlite3_prepare_v2(k->db, z_sql, -1, &st, NULL) != SQLITE_OK) {
        give_up("%s: %s", z_sql, sqlite3_errmsg(k->db));
    }

    return st;
}


static bool
step(check_t *k, sqlite3_stmt *st)
{
    int rc;

    rc = sqlite3_step(st);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        give_up("%s: %s", sqlite3_sql(st), sqlite3_errmsg(k->db));
    }

    return rc == SQLITE_ROW;
}


static const char *
text(sqlite3_stmt *st, int col)
{
    const unsigned char *z = sqlite3_column_text(st, col);

    return (z == NULL) ? "" : (const char *) z;
}


static void
each(check_t *k, const char *z_sql, row_pt fn)
{
    sqlite3_stmt *st;

    st = prepare(k, z_sql);

    while (step(k, st)) {
        fn(k, st);
    }

    (void) sqlite3_finalize(st);
}


static void
rules(check_t *k, const rule_t *list, size_t n)
{
    size_t        i;
    sqlite3_stmt *st;

    for (i = 0; i < n; i++) {
        st = prepare(k, list[i].z_sql);

        while (step(k, st)) {
            found(k, "%s: %s", list[i].z_what, text(st, 0));
        }

        (void) sqlite3_finalize(st);
    }
}


/* --- files --- */

/* "xx/" and a UUID whose last two digits are xx. */
static bool
is_locator(const char *z)
{
    size_t i;

    if (strlen(z) != LOCATOR_LEN || z[2] != '/'
        || strncmp(z, z + LOCATOR_LEN - 2, 2) != 0)
    {
        return false;
    }

    for (i = 0; i < LOCATOR_LEN; i++) {
        if (i == 2) {
            continue;
        }
        if (i == 11 || i == 16 || i == 21 || i == 26) {
            if (z[i] != '-') {
                return false;
            }
        } else if (strchr("0123456789abcdef", z[i]) == NULL) {
            return false;
        }
    }

    return z[17] == '7';
}


static bool
file_path(check_t *k, const char *z_what, const char *z_locator, char *z_path)
{
    if (!is_locator(z_locator)) {
        found(k, "%s: \"%s\" is no locator", z_what, z_locator);
        return false;
    }

    (void) snprintf(z_path, PATH_SIZE, "%s/%s", k->z_root, z_locator);

    return true;
}


/* The size of a file; -1, with a finding unless it may be missing. */
static int64_t
file_size(check_t *k, const char *z_what, const char *z_locator, bool may_miss)
{
    char        z_path[PATH_SIZE];
    struct stat st;

    if (!file_path(k, z_what, z_locator, z_path)) {
        return -1;
    }

    k->looked++;

    if (lstat(z_path, &st) != 0) {
        if (!may_miss) {
            found(k, "%s: %s: %s", z_what, z_locator, strerror(errno));
        }
        return -1;
    }

    if (!S_ISREG(st.st_mode)) {
        found(k, "%s: %s is no file", z_what, z_locator);
        return -1;
    }

    return (int64_t) st.st_size;
}


static void
hex(const unsigned char *data, unsigned len, char *z_to)
{
    unsigned i;

    for (i = 0; i < len; i++) {
        (void) snprintf(z_to + 2 * (size_t) i, 3, "%02x", data[i]);
    }
}


static EVP_MD_CTX *
digest_start(const char *z_digest)
{
    EVP_MD_CTX *ctx;

    ctx = EVP_MD_CTX_new();

    if (ctx == NULL
        || EVP_DigestInit_ex(ctx,
                             strncmp(z_digest, "sha512:", 7) == 0
                                 ? EVP_sha512()
                                 : EVP_sha256(),
                             NULL)
               != 1)
    {
        give_up("no memory for a digest");
    }

    return ctx;
}


static bool
digest_end(EVP_MD_CTX *ctx, const char *z_digest)
{
    char          z_got[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned      len = 0;
    const char   *z_hex;
    unsigned char md[EVP_MAX_MD_SIZE];

    (void) EVP_DigestFinal_ex(ctx, md, &len);
    EVP_MD_CTX_free(ctx);
    hex(md, len, z_got);
    z_hex = strchr(z_digest, ':');

    return z_hex != NULL && strcmp(z_hex + 1, z_got) == 0;
}


static void
file_digest(check_t *k, const char *z_locator, const char *z_digest)
{
    int         fd;
    char        z_path[PATH_SIZE];
    ssize_t     n;
    EVP_MD_CTX *ctx;
    static char data[256 * 1024];

    (void) snprintf(z_path, sizeof(z_path), "%s/%s", k->z_root, z_locator);
    fd = open(z_path, O_RDONLY | O_CLOEXEC);

    if (fd == -1) {
        found(k, "blob %s: cannot open %s: %s", z_digest, z_locator,
              strerror(errno));
        return;
    }

    ctx = digest_start(z_digest);

    while ((n = read(fd, data, sizeof(data))) > 0) {
        (void) EVP_DigestUpdate(ctx, data, (size_t) n);
    }

    (void) close(fd);

    if (!digest_end(ctx, z_digest) || n < 0) {
        found(k, "blob %s: %s holds other bytes", z_digest, z_locator);
    }
}


/* --- the engine --- */

static void
engine_row(check_t *k, sqlite3_stmt *st)
{
    if (strcmp(text(st, 0), "ok") != 0) {
        found(k, "integrity: %s", text(st, 0));
    }
}


static void
key_row(check_t *k, sqlite3_stmt *st)
{
    found(k, "foreign key: row %s of %s has no %s", text(st, 1), text(st, 0),
          text(st, 2));
}


static void
check_engine(check_t *k)
{
    each(k, "PRAGMA integrity_check", engine_row);
    each(k, "PRAGMA foreign_key_check", key_row);
}


/* --- blobs --- */

static void
blob_row(check_t *k, sqlite3_stmt *st)
{
    int64_t     size;
    const char *z_digest, *z_locator;

    z_digest = text(st, 0);
    z_locator = text(st, 2);
    size = file_size(k, "blob", z_locator, false);

    if (size == -1) {
        found(k, "blob %s: its bytes are missing", z_digest);
        return;
    }

    if (size != sqlite3_column_int64(st, 1)) {
        found(k, "blob %s: %s has %" PRId64 " bytes, the row says %s", z_digest,
              z_locator, size, text(st, 1));
        return;
    }

    if (!k->quick) {
        file_digest(k, z_locator, z_digest);
    }
}


/* clang-format off */

/* A reference may lead nowhere when its descriptor says that the bytes are
 * elsewhere. */
#define FOREIGN_LAYER                                                          \
    "EXISTS (SELECT 1 FROM json_each(CAST(m.body AS TEXT), '$.layers') l"      \
    " WHERE json_extract(l.value, '$.digest') = r.digest"                      \
    " AND (json_extract(l.value, '$.mediaType') LIKE '%foreign%'"              \
    " OR json_extract(l.value, '$.mediaType') LIKE '%nondistributable%'"       \
    " OR json_extract(l.value, '$.urls') IS NOT NULL))"

#define BLOB_LINK                                                              \
    " FROM repository_blob rb JOIN blob b ON b.id = rb.blob_id"                \
    " WHERE rb.repository_id = r.repository_id AND b.digest = r.digest"

static const rule_t  blob_rules[] = {
    { "blob without a link",
      "SELECT digest FROM blob WHERE NOT EXISTS"
      " (SELECT 1 FROM repository_blob WHERE blob_id = blob.id)" },

    { "blob needed by a manifest, and not here",
      "SELECT m.digest || ' needs ' || r.digest"
      " FROM manifest_reference r JOIN manifest m ON m.id = r.manifest_id"
      " WHERE r.kind IN (1, 2)"
      " AND NOT EXISTS (SELECT 1" BLOB_LINK ") AND NOT " FOREIGN_LAYER },

    { "blob of another size than its descriptor",
      "SELECT m.digest || ' needs ' || r.digest"
      " FROM manifest_reference r JOIN manifest m ON m.id = r.manifest_id"
      " JOIN blob x ON x.digest = r.digest"
      " WHERE r.kind IN (1, 2) AND r.size <> x.size" },

    { "blob needed by a manifest, yet to be reclaimed",
      "SELECT m.digest || ' needs ' || r.digest"
      " FROM manifest_reference r JOIN manifest m ON m.id = r.manifest_id"
      " WHERE r.kind IN (1, 2)"
      " AND EXISTS (SELECT 1" BLOB_LINK
      " AND rb.unreferenced_at IS NOT NULL)" },
};

/* clang-format on */


static void
check_blobs(check_t *k)
{
    each(k, "SELECT digest, size, locator FROM blob", blob_row);
    rules(k, blob_rules, sizeof(blob_rules) / sizeof(blob_rules[0]));
}


/* --- manifests and tags --- */

/* clang-format off */

static const rule_t  manifest_rules[] = {
    { "manifest's row has another size than its bytes",
      "SELECT digest FROM manifest WHERE size <> length(body)" },

    { "reference of another repository than its manifest",
      "SELECT m.digest FROM manifest_reference r"
      " JOIN manifest m ON m.id = r.manifest_id"
      " WHERE m.repository_id <> r.repository_id" },

    { "live tag of a manifest that is deleted, or elsewhere",
      "SELECT t.name || ' of repository ' || t.repository_id"
      " FROM tag t JOIN manifest m ON m.id = t.manifest_id"
      " WHERE t.deleted_at IS NULL AND (m.deleted_at IS NOT NULL"
      " OR m.repository_id <> t.repository_id)" },

    { "deleted without a time to purge it",
      "SELECT digest FROM manifest"
      " WHERE (deleted_at IS NULL) <> (trash_until IS NULL)"
      " UNION ALL SELECT name FROM tag"
      " WHERE (deleted_at IS NULL) <> (trash_until IS NULL)" },

    { "live_manifests does not count",
      "SELECT name || ': ' || live_manifests FROM repository p"
      " WHERE live_manifests <> (SELECT count(*) FROM manifest m"
      " WHERE m.repository_id = p.id AND m.deleted_at IS NULL)" },

    { "public of a repository is not its project's",
      "SELECT r.name FROM repository r JOIN project p ON p.id = r.project_id"
      " WHERE r.public <> p.public" },

    { "repository_count does not count",
      "SELECT name FROM project p"
      " WHERE repository_count <> (SELECT count(*) FROM repository r"
      " WHERE r.project_id = p.id AND r.live_manifests > 0)" },

    { "member_count does not count",
      "SELECT name FROM project p WHERE member_count <>"
      " (SELECT count(*) FROM member m WHERE m.project_id = p.id)" },

    { "storage_used is not the sum of the project's blobs",
      "SELECT name || ': ' || storage_used FROM project p"
      " WHERE storage_used <> coalesce((SELECT sum(b.size) FROM blob b"
      " WHERE b.id IN (SELECT l.blob_id FROM repository_blob l"
      " JOIN repository r ON r.id = l.repository_id"
      " WHERE r.project_id = p.id)), 0)" },

    { "a copy in member is not what it was made from",
      "SELECT m.id FROM member m JOIN users u ON u.id = m.user_id"
      " JOIN project p ON p.id = m.project_id"
      " WHERE m.user_name <> u.name OR m.project_name <> p.name"
      " OR m.private = p.public" },

    { "a total is wrong",
      "SELECT t.kind || ' ' || t.scope || ': ' || t.value FROM total t"
      " WHERE t.value <> CASE t.kind"
      " WHEN 'user' THEN (SELECT count(*) FROM users"
      " WHERE deleted_at IS NULL)"
      " WHEN 'project' THEN (SELECT count(*) FROM project"
      " WHERE deleted_at IS NULL AND public = t.scope)"
      " WHEN 'repository' THEN (SELECT count(*) FROM repository"
      " WHERE live_manifests > 0 AND public = t.scope)"
      " WHEN 'storage' THEN (SELECT coalesce(sum(storage_used), 0)"
      " FROM project WHERE deleted_at IS NULL)"
      " WHEN 'robot' THEN (SELECT count(*) FROM robot"
      " WHERE coalesce(project_id, 0) = t.scope)"
      " WHEN 'label' THEN (SELECT count(*) FROM label"
      " WHERE coalesce(project_id, 0) = t.scope)"
      " WHEN 'audit' THEN (SELECT count(*) FROM audit"
      " WHERE project_id = t.scope) END" },

    { "history of a tag ends with another value",
      "SELECT t.name || ' of repository ' || t.repository_id FROM tag t"
      " JOIN manifest m ON m.id = t.manifest_id"
      " WHERE (SELECT h.digest FROM tag_history h"
      " WHERE h.repository_id = t.repository_id AND h.tag = t.name"
      " ORDER BY h.id DESC LIMIT 1)"
      " IS NOT iif(t.deleted_at IS NULL, m.digest, NULL)" },
};

static const rule_t  child_rules[] = {
    { "child of an index is not here",
      "SELECT m.digest || ' needs ' || r.digest"
      " FROM manifest_reference r JOIN manifest m ON m.id = r.manifest_id"
      " WHERE r.kind = 3"
      " AND NOT EXISTS (SELECT 1 FROM manifest c"
      " WHERE c.repository_id = r.repository_id AND c.digest = r.digest)"
      " AND NOT EXISTS (SELECT 1" BLOB_LINK ")" },
};

/* clang-format on */


static void
manifest_row(check_t *k, sqlite3_stmt *st)
{
    EVP_MD_CTX *ctx;

    ctx = digest_start(text(st, 0));
    (void) EVP_DigestUpdate(ctx, sqlite3_column_blob(st, 1),
                            (size_t) sqlite3_column_bytes(st, 1));

    if (!digest_end(ctx, text(st, 0))) {
        found(k, "manifest %s has other bytes", text(st, 0));
    }
}


static void
check_manifests(check_t *k)
{
    each(k, "SELECT digest, body FROM manifest", manifest_row);
    rules(k, manifest_rules,
          sizeof(manifest_rules) / sizeof(manifest_rules[0]));

    if (!k->sparse) {
        rules(k, child_rules, sizeof(child_rules) / sizeof(child_rules[0]));
    }
}


/* --- changes --- */

/* clang-format off */

static const rule_t  change_rules[] = {
    { "live tag without its change",
      "SELECT t.name || ' of repository ' || t.repository_id FROM tag t"
      " JOIN manifest m ON m.id = t.manifest_id"
      " WHERE t.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM change c"
      " WHERE c.repository_id = t.repository_id AND c.reference = t.name"
      " AND c.digest = m.digest)" },

    { "deleted tag without a tombstone",
      "SELECT t.name || ' of repository ' || t.repository_id FROM tag t"
      " WHERE t.deleted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM change c"
      " WHERE c.repository_id = t.repository_id AND c.reference = t.name"
      " AND c.digest IS NULL)" },

    { "deleted manifest without a tombstone",
      "SELECT m.digest FROM manifest m WHERE m.deleted_at IS NOT NULL"
      " AND NOT EXISTS (SELECT 1 FROM change c"
      " WHERE c.repository_id = m.repository_id AND c.reference = m.digest"
      " AND c.digest IS NULL)" },

    { "change of something that is not so",
      "SELECT c.reference FROM change c"
      " WHERE c.digest IS NOT NULL AND NOT EXISTS (SELECT 1 FROM manifest m"
      " WHERE m.repository_id = c.repository_id AND m.digest = c.digest"
      " AND m.deleted_at IS NULL)" },

    { "tombstone of a live manifest",
      "SELECT c.reference FROM change c JOIN manifest m"
      " ON m.repository_id = c.repository_id AND m.digest = c.reference"
      " WHERE c.digest IS NULL AND m.deleted_at IS NULL" },

    { "tombstone of a live tag",
      "SELECT c.reference FROM change c JOIN tag t"
      " ON t.repository_id = c.repository_id AND t.name = c.reference"
      " WHERE c.digest IS NULL AND t.deleted_at IS NULL" },

    { "counter behind the changes",
      "SELECT 'seq ' || max(seq) FROM change HAVING max(seq) >"
      " coalesce((SELECT value FROM counter WHERE name = 'change'), 0)"
      " UNION ALL SELECT 'hlc ' || max(hlc) FROM change HAVING max(hlc) >"
      " coalesce((SELECT value FROM counter WHERE name = 'hlc'), 0)" },

    { "no key to sign tokens",
      "SELECT 'token_key' WHERE NOT EXISTS"
      " (SELECT 1 FROM token_key WHERE retired_at IS NULL)" },
};

/* clang-format on */


static void
check_changes(check_t *k)
{
    rules(k, change_rules, sizeof(change_rules) / sizeof(change_rules[0]));
}


/* --- sessions and orphans --- */

static void
name_file(check_t *k, const char *z_locator, const char *z_by)
{
    static sqlite3_stmt *st; /* kept for the next one */

    if (st == NULL) {
        st = prepare(k, "INSERT INTO temp.named VALUES (?1, ?2)");
    }

    (void) sqlite3_bind_text(st, 1, z_locator, -1, SQLITE_TRANSIENT);
    (void) sqlite3_bind_text(st, 2, z_by, -1, SQLITE_TRANSIENT);

    if (sqlite3_step(st) != SQLITE_DONE) {
        found(k, "file %s is named twice, the second time by %s", z_locator,
              z_by);
    }

    (void) sqlite3_reset(st);
}


static void
upload_row(check_t *k, sqlite3_stmt *st)
{
    char       *z_all, *z_line, *z_next, *z_colon;
    int64_t     size, sum, real;
    const char *z_id;

    z_id = text(st, 0);
    sum = 0;
    z_all = strdup(text(st, 2));

    if (z_all == NULL) {
        give_up("no memory");
    }

    for (z_line = z_all; *z_line != '\0'; z_line = z_next) {
        z_next = strchr(z_line, '\n');

        if (z_next == NULL) {
            found(k, "upload %s: bad segments", z_id);
            break;
        }

        *z_next++ = '\0';
        z_colon = strrchr(z_line, ':');

        if (z_colon == NULL) {
            found(k, "upload %s: bad segment \"%s\"", z_id, z_line);
            continue;
        }

        *z_colon = '\0';
        size = strtoll(z_colon + 1, NULL, 10);
        sum += size;
        name_file(k, z_line, z_id);
        real = file_size(k, "upload", z_line, k->power_loss);

        if (!k->power_loss && real < size) {
            found(k,
                  "upload %s: %s has %" PRId64 " bytes, acknowledged are "
                  "%" PRId64,
                  z_id, z_line, real, size);
        }
    }

    free(z_all);

    if (sum != sqlite3_column_int64(st, 1)) {
        found(k, "upload %s: its segments have %" PRId64 " bytes, it has %s",
              z_id, sum, text(st, 1));
    }
}


static void
blob_name_row(check_t *k, sqlite3_stmt *st)
{
    name_file(k, text(st, 0), text(st, 1));
}


/* The file may be gone: bytes go before the row. */
static void
orphan_row(check_t *k, sqlite3_stmt *st)
{
    (void) file_size(k, "orphan", text(st, 0), true);
    name_file(k, text(st, 0), "orphan");
}


static void
check_names(check_t *k)
{
    if (sqlite3_exec(k->db,
                     "CREATE TEMP TABLE named"
                     " (locator TEXT PRIMARY KEY, by TEXT)",
                     NULL, NULL, NULL)
        != SQLITE_OK)
    {
        give_up("no table of names: %s", sqlite3_errmsg(k->db));
    }

    each(k, "SELECT locator, digest FROM blob", blob_name_row);
    each(k, "SELECT id, size, segments FROM upload", upload_row);
    each(k, "SELECT locator FROM orphan", orphan_row);
}


/* --- strays --- */

/* The time in a name of ours, seconds since 1970. */
static int64_t
locator_time(const char *z_locator)
{
    char z_ms[13];

    (void) memcpy(z_ms, z_locator + 3, 8);
    (void) memcpy(z_ms + 8, z_locator + 12, 4);
    z_ms[12] = '\0';

    return strtoll(z_ms, NULL, 16) / 1000;
}


static void
stray(check_t *k, sqlite3_stmt *st, const char *z_locator)
{
    if (!is_locator(z_locator)) {
        found(k, "file \"%s\" has no name of ours", z_locator);
        return;
    }

    (void) sqlite3_bind_text(st, 1, z_locator, -1, SQLITE_TRANSIENT);

    if (!step(k, st)
        && (int64_t) time(NULL) - locator_time(z_locator) >= k->young_s)
    {
        found(k, "file %s is named by no row", z_locator);
    }

    (void) sqlite3_reset(st);
}


static DIR *
open_folder(const char *z_path)
{
    DIR *dir = opendir(z_path);

    if (dir == NULL && errno != ENOENT && errno != ENOTDIR) {
        give_up("%s: %s", z_path, strerror(errno));
    }

    return dir;
}


static void
check_strays(check_t *k)
{
    DIR           *root, *shard;
    char           z_path[PATH_SIZE], z_locator[PATH_SIZE];
    sqlite3_stmt  *st;
    struct dirent *e, *f;

    root = open_folder(k->z_root);

    if (root == NULL) {
        return;
    }

    st = prepare(k, "SELECT 1 FROM temp.named WHERE locator = ?1");

    while ((e = readdir(root)) != NULL) {
        if (e->d_name[0] == '.') {
            continue;
        }

        (void) snprintf(z_path, sizeof(z_path), "%s/%s", k->z_root, e->d_name);
        shard = open_folder(z_path);

        if (shard == NULL) {
            found(k, "\"%s\" is no folder", z_path);
            continue;
        }

        while ((f = readdir(shard)) != NULL) {
            if (f->d_name[0] != '.') {
                (void) snprintf(z_locator, sizeof(z_locator), "%.200s/%s",
                                e->d_name, f->d_name);
                stray(k, st, z_locator);
            }
        }

        (void) closedir(shard);
    }

    (void) sqlite3_finalize(st);
    (void) closedir(root);
}


/* --- expectations --- */

/* clang-format off */

static const rule_t  expect_rules[] = {
    { "blob",
      "SELECT 1 FROM repository r"
      " JOIN repository_blob rb ON rb.repository_id = r.id"
      " JOIN blob b ON b.id = rb.blob_id"
      " WHERE r.name = ?1 AND b.digest = ?2 AND rb.deleted_at IS NULL" },
    { "manifest",
      "SELECT 1 FROM repository r JOIN manifest m ON m.repository_id = r.id"
      " WHERE r.name = ?1 AND m.digest = ?2 AND m.deleted_at IS NULL" },
    { "tag",
      "SELECT 1 FROM repository r JOIN tag t ON t.repository_id = r.id"
      " JOIN manifest m ON m.id = t.manifest_id"
      " WHERE r.name = ?1 AND t.name = ?2 AND t.deleted_at IS NULL"
      " AND (?3 = '' OR m.digest = ?3)" },
};

/* clang-format on */


static void
expect_line(check_t *k, const char *z_line)
{
    int           n;
    bool          no, there;
    char          z_kind[32], z_repo[512], z_name[256], z_value[256] = "";
    size_t        i;
    const char   *z_what;
    sqlite3_stmt *st;

    n = sscanf(z_line, "%31s %511s %255s %255s", z_kind, z_repo, z_name,
               z_value);
    no = strncmp(z_kind, "no-", 3) == 0;
    z_what = no ? z_kind + 3 : z_kind;

    for (i = 0; i < sizeof(expect_rules) / sizeof(expect_rules[0]); i++) {
        if (n >= 3 && strcmp(expect_rules[i].z_what, z_what) == 0) {
            break;
        }
    }

    if (i == sizeof(expect_rules) / sizeof(expect_rules[0])) {
        give_up("cannot expect \"%s\"", z_line);
    }

    st = prepare(k, expect_rules[i].z_sql);
    (void) sqlite3_bind_text(st, 1, z_repo, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(st, 2, z_name, -1, SQLITE_STATIC);
    (void) sqlite3_bind_text(st, 3, z_value, -1, SQLITE_STATIC);
    there = step(k, st);
    (void) sqlite3_finalize(st);

    if (there == no) {
        found(k, "expected: %s", z_line);
    }
}


static void
check_expected(check_t *k)
{
    FILE *f;
    char  z_line[2048];

    if (k->z_expect == NULL) {
        return;
    }

    f = fopen(k->z_expect, "r");

    if (f == NULL) {
        give_up("%s: %s", k->z_expect, strerror(errno));
    }

    while (fgets(z_line, sizeof(z_line), f) != NULL) {
        z_line[strcspn(z_line, "\n")] = '\0';

        if (z_line[0] != '\0') {
            expect_line(k, z_line);
        }
    }

    (void) fclose(f);
}


static void
options(check_t *k, int argc, char **argv)
{
    int                        c;
    static const struct option list[] = {
        { "young", required_argument, NULL, 'y' },
        { "quick", no_argument, NULL, 'q' },
        { "power-loss", no_argument, NULL, 'p' },
        { "sparse", no_argument, NULL, 's' },
        { "expect", required_argument, NULL, 'e' },
        { NULL, 0, NULL, 0 },
    };

    while ((c = getopt_long(argc, argv, "", list, NULL)) != -1) {
        switch (c) {
        case 'y':
            k->young_s = strtoll(optarg, NULL, 10);
            break;
        case 'q':
            k->quick = true;
            break;
        case 'p':
            k->power_loss = true;
            break;
        case 's':
            k->sparse = true;
            break;
        case 'e':
            k->z_expect = optarg;
            break;
        default:
            exit(2);
        }
    }

    if (argc - optind != 2) {
        give_up("which database, and which folder of blobs?");
    }
}


int
main(int argc, char **argv)
{
    check_t k = { .young_s = 86400 };

    options(&k, argc, argv);
    k.z_root = argv[optind + 1];

    if (sqlite3_open_v2(argv[optind], &k.db, SQLITE_OPEN_READWRITE, NULL)
            != SQLITE_OK
        || sqlite3_busy_timeout(k.db, 10000) != SQLITE_OK
        || sqlite3_exec(k.db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL)
               != SQLITE_OK
        || sqlite3_exec(k.db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
    {
        give_up("%s: %s", argv[optind], sqlite3_errmsg(k.db));
    }

    check_engine(&k);
    check_blobs(&k);
    check_manifests(&k);
    check_changes(&k);
    check_names(&k);
    check_strays(&k);
    check_expected(&k);

    (void) printf("%u findings, %u files named by rows\n", k.found, k.looked);

    return k.found == 0 ? 0 : 1;
}
