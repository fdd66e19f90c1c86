/*
 * The scheduled backup: a copy of the database with the time in its name,
 * then the oldest copies go until as many are left as the settings say.  A
 * copy has its name only when it is whole and was checked; what a killed run
 * left has another name, and is removed here when nobody has written to it
 * for an hour.
 *
 * A copy that would leave less than min_free on its disk is not made, or given
 * up: that is no failure, but it is told everywhere.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "core/buf.h"
#include "core/encode.h"
#include "jobs/jobs.h"
#include "meta/metric.h"
#include "meta/setting.h"

#define BACKUP_KEEP_DEFAULT 24
#define BACKUP_FILES_MAX    100000

/* "-20260102T030405.678Z" */
#define BACKUP_STAMP_LEN    21
/* After that ".part-" and eight digits: a copy that was never finished. */
#define BACKUP_PART_LEN     14

typedef struct backup_s {
    cr_job_run_t *run;
    int64_t       keep;
    int64_t       min_free; /* bytes of the disk of the copies */
    uint64_t      size;     /* of the database */
    uint64_t      free;     /* of that disk, when it was last looked at */
    cr_str_t      folder;
    cr_str_t      base; /* how the names of the copies begin */
    int           dirfd;
    cr_str_t     *names; /* of whole copies */
    size_t        n;
    size_t        room;
    size_t        removed;
} backup_t;


/* Where, and how many. */
static cr_err_t
read_settings(cr_ctx_t *cx, backup_t *b)
{
    cr_str_t    path;
    ptrdiff_t   slash;
    cr_meta_t  *m;
    const char *z_base;

    m = b->run->runner->meta;
    z_base = cr_db_backup_base(b->run->runner->db);

    if (z_base == NULL) {
        return cr_fail(cx, CR_ERR_UNSUPPORTED,
                       "this database is backed up with its own tools");
    }

    b->keep = BACKUP_KEEP_DEFAULT;
    CR_TRY(cr_setting_get_int(cx, m, CR_SETTING_BACKUP_KEEP, &b->keep));
    CR_TRY(cr_setting_get_int(cx, m, CR_SETTING_MIN_FREE, &b->min_free));
    CR_TRY(cr_db_size(cx, b->run->runner->db, &b->size));
    CR_TRY(cr_setting_get(cx, m, CR_SETTING_BACKUP_PATH, &path));

    if (b->keep < 1) {
        b->keep = 1;
    }

    b->base = cr_str_z(z_base);
    slash = cr_str_rchr(b->base, '/');
    b->base = cr_str_slice(b->base, (size_t) (slash + 1), b->base.len);
    b->folder = path.len != 0 ? cr_printf(cx, "%.*s", CR_STR_ARG(path))
                              : cr_printf(cx, "%s.backups", z_base);

    return b->folder.data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}


static cr_err_t
open_folder(cr_ctx_t *cx, backup_t *b)
{
    if (cx->sys->mkdirat(AT_FDCWD, b->folder.data, 0750) != 0
        && errno != EEXIST) {
        return cr_fail_errno(cx, errno, "cannot make folder \"%s\"",
                             b->folder.data);
    }

    b->dirfd = cx->sys->openat(AT_FDCWD, b->folder.data,
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    if (b->dirfd < 0) {
        return cr_fail_errno(cx, errno, "cannot open folder \"%s\"",
                             b->folder.data);
    }

    return CR_OK;
}


/* BASE-20260102T030405.678Z, with something behind it or not. */
static bool
is_copy(const backup_t *b, cr_str_t name, cr_str_t *ret_rest)
{
    size_t      i;
    cr_str_t    stamp;
    const char *shape = "-ddddddddTdddddd.dddZ";

    if (!cr_str_starts(name, b->base)
        || name.len < b->base.len + BACKUP_STAMP_LEN) {
        return false;
    }

    stamp = cr_str_slice(name, b->base.len, b->base.len + BACKUP_STAMP_LEN);

    for (i = 0; i < BACKUP_STAMP_LEN; i++) {
        if (shape[i] == 'd' ? stamp.data[i] < '0' || stamp.data[i] > '9'
                            : stamp.data[i] != shape[i])
        {
            return false;
        }
    }

    *ret_rest = cr_str_slice(name, b->base.len + BACKUP_STAMP_LEN, name.len);
    return true;
}


/* Left by a run that was killed; a run that goes on writes to it. */
static bool
is_stale(cr_ctx_t *cx, const backup_t *b, const char *z_name, cr_str_t rest)
{
    struct stat st;

    return rest.len >= BACKUP_PART_LEN && cr_str_starts(rest, CR_STR(".part-"))
           && fstatat(b->dirfd, z_name, &st, AT_SYMLINK_NOFOLLOW) == 0
           && S_ISREG(st.st_mode)
           && cr_now(cx) - (int64_t) st.st_mtime * CR_SECOND > CR_HOUR;
}


static cr_err_t
add_name(cr_ctx_t *cx, backup_t *b, cr_str_t name)
{
    size_t    room;
    cr_str_t *names;

    if (b->n == b->room) {
        if (b->n >= BACKUP_FILES_MAX) {
            return cr_fail(cx, CR_ERR_CONFIG,
                           "there are over %d backups in \"%s\"",
                           BACKUP_FILES_MAX, b->folder.data);
        }

        room = b->room == 0 ? 64 : b->room * 2;
        names = cr_alloc(cx, room * sizeof(cr_str_t));

        if (names == NULL) {
            return CR_ERR_NO_MEMORY;
        }

        if (b->n != 0) {
            memcpy(names, b->names, b->n * sizeof(cr_str_t));
        }

        b->names = names;
        b->room = room;
    }

    b->names[b->n] = cr_dup(cx, name);
    return b->names[b->n++].data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}


static cr_err_t
look(cr_ctx_t *cx, backup_t *b, const char *z_name)
{
    cr_str_t rest;

    if (!is_copy(b, cr_str_z(z_name), &rest)) {
        return CR_OK;
    }

    if (rest.len == 0) {
        return add_name(cx, b, cr_str_z(z_name));
    }

    if (is_stale(cx, b, z_name, rest)
        && cx->sys->unlinkat(b->dirfd, z_name, 0) != 0 && errno != ENOENT)
    {
        return cr_fail_errno(cx, errno, "cannot remove \"%s/%s\"",
                             b->folder.data, z_name);
    }

    return CR_OK;
}


static cr_err_t
read_folder(cr_ctx_t *cx, backup_t *b)
{
    int            fd;
    DIR           *dir;
    cr_err_t       err;
    struct dirent *entry;

    fd = cx->sys->openat(b->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL) {
        err = cr_fail_errno(cx, errno, "cannot read folder \"%s\"",
                            b->folder.data);

        if (fd >= 0) {
            (void) cx->sys->close(fd);
        }

        return err;
    }

    err = CR_OK;

    while (err == CR_OK) {
        errno = 0;
        entry = readdir(dir);

        if (entry == NULL) {
            if (errno != 0) {
                err = cr_fail_errno(cx, errno, "cannot read folder \"%s\"",
                                    b->folder.data);
            }

            break;
        }

        err = look(cx, b, entry->d_name);
    }

    (void) closedir(dir);
    return err;
}


static int
compare(const void *a, const void *b)
{
    return strcmp(((const cr_str_t *) a)->data, ((const cr_str_t *) b)->data);
}


/* Names sort by time: the oldest go. */
static cr_err_t
remove_oldest(cr_ctx_t *cx, backup_t *b)
{
    size_t i;

    if (b->n <= (size_t) b->keep) {
        return CR_OK;
    }

    qsort(b->names, b->n, sizeof(cr_str_t), compare);

    for (i = 0; i < b->n - (size_t) b->keep; i++) {
        if (cx->sys->unlinkat(b->dirfd, b->names[i].data, 0) != 0
            && errno != ENOENT) {
            return cr_fail_errno(cx, errno, "cannot remove \"%s/%s\"",
                                 b->folder.data, b->names[i].data);
        }

        b->removed++;
    }

    return CR_OK;
}


/* NO_SPACE when less than min_free would be left after need bytes more. */
static cr_err_t
check_room(cr_ctx_t *cx, backup_t *b, uint64_t need)
{
    uint64_t       min;
    struct statvfs vfs;

    if (b->min_free <= 0) {
        return CR_OK;
    }

    if (cx->sys->fstatvfs(b->dirfd, &vfs) != 0) {
        return cr_fail_errno(cx, errno, "statvfs of \"%s\"", b->folder.data);
    }

    min = (uint64_t) b->min_free;
    b->free = (uint64_t) vfs.f_bavail * vfs.f_frsize;

    if (b->free < min || b->free - min < need) {
        return cr_fail_detail(cx, CR_ERR_NO_SPACE, "%" PRIu64 " bytes are free",
                              b->free);
    }

    return CR_OK;
}


/* Others fill the disk, too, while a large database is copied. */
static cr_err_t
beat(cr_ctx_t *cx, void *arg)
{
    backup_t *b = arg;

    CR_TRY(check_room(cx, b, 0));
    return cr_job_beat(cx, b->run);
}


static cr_err_t
copy(cr_ctx_t *cx, backup_t *b, cr_str_t *ret_file)
{
    int64_t  now;
    cr_str_t stamp;

    now = cr_now(cx);
    stamp = cr_time_stamp(cx, now);
    *ret_file = cr_printf(cx, "%.*s/%.*s-%.*s", CR_STR_ARG(b->folder),
                          CR_STR_ARG(b->base), CR_STR_ARG(stamp));

    if (stamp.data == NULL || ret_file->data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(check_room(cx, b, b->size));
    CR_TRY(cr_db_backup_beat(cx, b->run->runner->db, ret_file->data, beat, b));
    CR_TRY(cr_metric_add(cx, b->run->runner->meta, CR_METRIC_BACKUPS, 1));
    return cr_metric_set(cx, b->run->runner->meta, CR_METRIC_BACKUP_AT, now);
}


/* The schedule goes on; what is wrong shows in log, status and metrics. */
static cr_err_t
skipped(cr_ctx_t *cx, backup_t *b)
{
    cr_log_line_t l;

    cr_clear(cx);
    cr_log_begin(&l, b->run->log, CR_LOG_WARN, "backup skipped: no space");
    cr_log_str(&l, "folder", b->folder);
    cr_log_int(&l, "free", (int64_t) b->free);
    cr_log_int(&l, "needed", (int64_t) b->size);
    cr_log_int(&l, "min_free", b->min_free);
    cr_log_end(&l);

    CR_TRY(
        cr_metric_add(cx, b->run->runner->meta, CR_METRIC_BACKUPS_SKIPPED, 1));
    b->run->result =
        cr_printf(cx,
                  "{\"skipped\":\"no space\",\"free\":%" PRIu64
                  ",\"needed\":%" PRIu64 ",\"min_free\":%" PRId64 "}",
                  b->free, b->size, b->min_free);
    return b->run->result.data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}


static cr_err_t
backup(cr_ctx_t *cx, backup_t *b)
{
    bool     made;
    cr_buf_t out;
    cr_err_t err;
    cr_str_t file;

    CR_TRY(open_folder(cx, b));

    err = copy(cx, b, &file);
    made = err == CR_OK;

    if (err != CR_OK && err != CR_ERR_NO_SPACE) {
        return err;
    }

    CR_TRY(read_folder(cx, b));
    CR_TRY(remove_oldest(cx, b));

    if (!made) {
        return skipped(cx, b);
    }

    b->run->worked = true;
    cr_buf_init(&out, cx, 3 * PATH_MAX);
    cr_buf_z(&out, "{\"file\":");
    cr_buf_json(&out, file);
    cr_buf_printf(&out, ",\"kept\":%zu,\"removed\":%zu}", b->n - b->removed,
                  b->removed);
    return cr_buf_end(&out, &b->run->result);
}


/* A new interval is taken up when the one that runs is over. */
static cr_err_t
follow_interval(cr_ctx_t *cx, cr_job_run_t *run, bool *ret_off)
{
    int64_t              id, set, us;
    cr_meta_t           *m;
    const cr_job_kind_t *kind;

    m = run->runner->meta;
    kind = cr_job_kind_find(run->job->kind);
    set = kind->interval_us;
    CR_TRY(cr_setting_get_int(cx, m, CR_SETTING_BACKUP_INTERVAL, &set));
    CR_TRY(cr_job_interval(cx, m, kind, &us));

    if (us != run->job->interval_us) {
        CR_TRY(cr_job_put(cx, m, run->job->kind, run->job->kind,
                          run->job->payload, us, false, &id));
    }

    *ret_off = set == 0;
    return CR_OK;
}


cr_err_t
cr_job_backup(cr_ctx_t *cx, cr_job_run_t *run)
{
    bool     off;
    backup_t b;
    cr_err_t err;

    off = false;

    if (run->job != NULL) {
        CR_TRY(follow_interval(cx, run, &off));
    }

    if (off) {
        run->result = CR_STR("{\"off\":true}");
        return CR_OK;
    }

    memset(&b, 0, sizeof(b));
    b.run = run;
    b.dirfd = -1;
    CR_TRY(read_settings(cx, &b));
    err = backup(cx, &b);

    if (b.dirfd >= 0) {
        (void) cx->sys->close(b.dirfd);
    }

    return err;
}
