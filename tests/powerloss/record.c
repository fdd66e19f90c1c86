/*
 * record.so, for LD_PRELOAD: writes down, in one log for all processes, every
 * change that a program makes below the folder CR_RECORD_DIR, and every sync,
 * so that t/powerloss.t can make what a power cut would have left.
 *
 * One record is one append: "R", type, inode, number, length of the path,
 * length of the data (little-endian 64, 64, 32, 32 bits), path, data.  Types:
 *
 *   c create, m mkdir     inode, path        w write     inode, offset, data
 *   t truncate            inode, size        u unlink    path
 *   r rename, l link      path, new path     s, e sync begins, ends: inode,
 *                                            number of this sync
 *
 * A change is logged after it was made, a sync before it begins and again
 * when it is done: what stands before an "s" is certainly covered by it.
 * Memory that is mapped (SQLite's -shm) is not seen.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FD_MAX 65536
#define PUBLIC __attribute__((visibility("default")))

typedef struct head_s {
    char    mark;
    char    type;
    uint8_t number[24]; /* inode, number, lengths: little-endian */
} head_t;

typedef int (*open_pt)(const char *, int, ...);
typedef int (*openat_pt)(int, const char *, int, ...);

static struct {
    const char      *z_dir;
    size_t           dir_len;
    int              log;
    _Atomic uint64_t inode[FD_MAX]; /* of an open file below the folder */
    _Atomic uint64_t syncs;
} rec = { .log = -1 };


/* The next definition of a function: libc's. */
#define NEXT(type, name) ((type) next(name))

static void *
next(const char *z_name)
{
    void *fn = dlsym(RTLD_NEXT, z_name);

    if (fn == NULL) {
        abort();
    }

    return fn;
}


__attribute__((constructor)) static void
start(void)
{
    const char *z_log = getenv("CR_RECORD_LOG");

    rec.z_dir = getenv("CR_RECORD_DIR");

    if (rec.z_dir == NULL || z_log == NULL) {
        return;
    }

    rec.z_dir = strdup(rec.z_dir); /* nginx clears its environment */
    rec.dir_len = strlen(rec.z_dir);
    rec.log = NEXT(open_pt, "open")(z_log, O_WRONLY | O_APPEND | O_CLOEXEC);
}


static void
put(uint8_t *to, uint64_t v, int n)
{
    for (int i = 0; i < n; i++) {
        to[i] = (uint8_t) (v >> (8 * i));
    }
}


static void
record(char type, uint64_t inode, uint64_t number, const char *z_path,
       const void *data, size_t len)
{
    int          saved = errno;
    head_t       head = { .mark = 'R', .type = type };
    size_t       plen = z_path == NULL ? 0 : strlen(z_path);
    struct iovec v[3];

    put(head.number, inode, 8);
    put(head.number + 8, number, 8);
    put(head.number + 16, plen, 4);
    put(head.number + 20, len, 4);

    v[0] = (struct iovec){ &head, sizeof(head) };
    v[1] = (struct iovec){ (void *) (uintptr_t) z_path, plen };
    v[2] = (struct iovec){ (void *) (uintptr_t) data, len };

    if (writev(rec.log, v, 3) != (ssize_t) (sizeof(head) + plen + len)) {
        abort();
    }

    errno = saved;
}


static bool
below(const char *z_path)
{
    return rec.log != -1 && strncmp(z_path, rec.z_dir, rec.dir_len) == 0
           && (z_path[rec.dir_len] == '/' || z_path[rec.dir_len] == '\0');
}


/* Absolute, for a name below a descriptor. */
static bool
absolute(int dirfd, const char *z_name, char *z_path)
{
    char    z_link[64];
    ssize_t n;

    if (z_name[0] == '/') {
        return snprintf(z_path, PATH_MAX, "%s", z_name) < PATH_MAX;
    }

    if (dirfd == AT_FDCWD) {
        return false; /* our programs name nothing so */
    }

    (void) snprintf(z_link, sizeof(z_link), "/proc/self/fd/%d", dirfd);
    n = readlink(z_link, z_path, PATH_MAX - 1);

    if (n <= 0 || (size_t) n + strlen(z_name) + 2 > PATH_MAX) {
        return false;
    }

    z_path[n] = '/';
    (void) snprintf(z_path + n + 1, (size_t) (PATH_MAX - n - 1), "%s", z_name);

    return true;
}


static void
opened(int fd, const char *z_path, int flags, bool there)
{
    int         saved = errno;
    struct stat st;

    if (fd < 0 || fd >= FD_MAX || fstat(fd, &st) != 0) {
        errno = saved;
        return;
    }

    atomic_store(&rec.inode[fd], st.st_ino);

    if ((flags & O_CREAT) && !there) {
        record('c', st.st_ino, 0, z_path, NULL, 0);

    } else if (flags & O_TRUNC) {
        record('t', st.st_ino, 0, NULL, NULL, 0);
    }

    errno = saved;
}


static int
do_open(const char *z_fn, int dirfd, const char *z_name, int flags, mode_t mode)
{
    int  fd;
    bool ours, there;
    char z_path[PATH_MAX];

    ours = rec.log != -1 && (flags & O_TMPFILE) != O_TMPFILE
           && absolute(dirfd, z_name, z_path) && below(z_path);
    there = ours && access(z_path, F_OK) == 0;

    fd = strncmp(z_fn, "openat", 6) == 0
             ? NEXT(openat_pt, z_fn)(dirfd, z_name, flags, mode)
             : NEXT(open_pt, z_fn)(z_name, flags, mode);

    if (ours) {
        opened(fd, z_path, flags, there);
    }

    return fd;
}


static mode_t
mode_of(int flags, va_list ap)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE
               ? (mode_t) va_arg(ap, int)
               : 0;
}


/* Headers declare these with other attributes, or not at all. */
/* clang-format off */
#define OPEN(name)                                                             \
    PUBLIC int name(const char *z_path, int flags, ...);                       \
    int name(const char *z_path, int flags, ...)                               \
    {                                                                          \
        va_list ap;                                                            \
        va_start(ap, flags);                                                   \
        mode_t mode = mode_of(flags, ap);                                      \
        va_end(ap);                                                            \
        return do_open("open", AT_FDCWD, z_path, flags, mode);                 \
    }

#define OPENAT(name)                                                           \
    PUBLIC int name(int dirfd, const char *z_path, int flags, ...);            \
    int name(int dirfd, const char *z_path, int flags, ...)                    \
    {                                                                          \
        va_list ap;                                                            \
        va_start(ap, flags);                                                   \
        mode_t mode = mode_of(flags, ap);                                      \
        va_end(ap);                                                            \
        return do_open("openat", dirfd, z_path, flags, mode);                  \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* The checked forms, without a mode. */
#define OPEN_2(name)                                                           \
    PUBLIC int name(const char *z_path, int flags);                            \
    int name(const char *z_path, int flags)                                    \
    {                                                                          \
        return do_open("open", AT_FDCWD, z_path, flags, 0);                    \
    }

#define OPENAT_2(name)                                                         \
    PUBLIC int name(int dirfd, const char *z_path, int flags);                 \
    int name(int dirfd, const char *z_path, int flags)                         \
    {                                                                          \
        return do_open("openat", dirfd, z_path, flags, 0);                     \
    }

OPEN_2(__open_2)
OPEN_2(__open64_2)
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)
/* clang-format on */


static uint64_t
inode_of(int fd)
{
    return fd >= 0 && fd < FD_MAX ? atomic_load(&rec.inode[fd]) : 0;
}


PUBLIC int
close(int fd)
{
    if (fd >= 0 && fd < FD_MAX) {
        atomic_store(&rec.inode[fd], 0);
    }

    return NEXT(int (*)(int), "close")(fd);
}


static ssize_t
written(int fd, const void *data, ssize_t n, off_t offset)
{
    uint64_t inode = inode_of(fd);

    if (n > 0 && inode != 0) {
        record('w', inode, (uint64_t) offset, NULL, data, (size_t) n);
    }

    return n;
}


typedef ssize_t (*pwrite_pt)(int, const void *, size_t, off_t);

PUBLIC ssize_t
pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return written(fd, data, NEXT(pwrite_pt, "pwrite")(fd, data, size, offset),
                   offset);
}


PUBLIC ssize_t
pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    return pwrite(fd, data, size, offset);
}


PUBLIC ssize_t
write(int fd, const void *data, size_t size)
{
    off_t offset = inode_of(fd) == 0 ? 0 : lseek(fd, 0, SEEK_CUR);

    return written(fd, data,
                   NEXT(ssize_t(*)(int, const void *, size_t),
                        "write")(fd, data, size),
                   offset);
}


PUBLIC int
ftruncate(int fd, off_t size)
{
    int      rc = NEXT(int (*)(int, off_t), "ftruncate")(fd, size);
    uint64_t inode = inode_of(fd);

    if (rc == 0 && inode != 0) {
        record('t', inode, (uint64_t) size, NULL, NULL, 0);
    }

    return rc;
}


PUBLIC int
ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}


static int
do_sync(const char *z_fn, int fd)
{
    int      rc;
    uint64_t inode = inode_of(fd), number;

    if (inode == 0) {
        return NEXT(int (*)(int), z_fn)(fd);
    }

    number = (uint64_t) getpid() << 32 | atomic_fetch_add(&rec.syncs, 1);
    record('s', inode, number, NULL, NULL, 0);
    rc = NEXT(int (*)(int), z_fn)(fd);

    if (rc == 0) {
        record('e', inode, number, NULL, NULL, 0);
    }

    return rc;
}


PUBLIC int
fsync(int fd)
{
    return do_sync("fsync", fd);
}


PUBLIC int
fdatasync(int fd)
{
    return do_sync("fdatasync", fd);
}


PUBLIC int
unlinkat(int dirfd, const char *z_name, int flags)
{
    int rc =
        NEXT(int (*)(int, const char *, int), "unlinkat")(dirfd, z_name, flags);
    char z_path[PATH_MAX];

    if (rc == 0 && absolute(dirfd, z_name, z_path) && below(z_path)) {
        record('u', 0, 0, z_path, NULL, 0);
    }

    return rc;
}


PUBLIC int
unlink(const char *z_path)
{
    return unlinkat(AT_FDCWD, z_path, 0);
}


PUBLIC int
mkdirat(int dirfd, const char *z_name, mode_t mode)
{
    int  rc = NEXT(int (*)(int, const char *, mode_t), "mkdirat")(dirfd, z_name,
                                                                 mode);
    char z_path[PATH_MAX];

    struct stat st;

    if (rc == 0 && absolute(dirfd, z_name, z_path) && below(z_path)
        && stat(z_path, &st) == 0)
    {
        record('m', st.st_ino, 0, z_path, NULL, 0);
    }

    return rc;
}


PUBLIC int
mkdir(const char *z_path, mode_t mode)
{
    return mkdirat(AT_FDCWD, z_path, mode);
}


static int
two_names(const char *z_fn, char type, const char *z_from, const char *z_to)
{
    int rc = NEXT(int (*)(const char *, const char *), z_fn)(z_from, z_to);

    if (rc == 0 && below(z_from) && below(z_to)) {
        record(type, 0, 0, z_from, z_to, strlen(z_to));
    }

    return rc;
}


PUBLIC int
rename(const char *z_from, const char *z_to)
{
    return two_names("rename", 'r', z_from, z_to);
}


PUBLIC int
link(const char *z_from, const char *z_to)
{
    return two_names("link", 'l', z_from, z_to);
}
