/*
 * Processes by /proc.  A number alone is no identity, because numbers are
 * given again: the time of the start goes with it.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include "core/process.h"

#define CR_PROCESS_NAMESPACE "/proc/self/ns/pid"
#define CR_PROCESS_STAT_MAX  1024
#define CR_PROCESS_PARTS     4

/* Of what follows the name in /proc/PID/stat: proc(5) counts from 3. */
#define CR_PROCESS_STATE     0
#define CR_PROCESS_START     19

typedef struct cr_process_s {
    uint64_t pid;
    uint64_t start; /* clock ticks since the boot */
    bool     ended; /* waits only for its parent */
} cr_process_t;


/* "pid (name) state ..."; the name may hold anything. */
static bool
cr_process_parse(cr_str_t text, cr_process_t *ret_p)
{
    size_t    i;
    cr_str_t  pid, rest, part = CR_STR_NULL;
    ptrdiff_t at = cr_str_chr(text, ' '), end = cr_str_rchr(text, ')');

    if (at <= 0 || end < at || (size_t) end + 2 > text.len) {
        return false;
    }

    pid = cr_str_slice(text, 0, (size_t) at);
    rest = cr_str_slice(text, (size_t) end + 2, text.len);

    for (i = 0; i <= CR_PROCESS_START; i++) {
        if (!cr_str_split(&rest, ' ', &part)) {
            return false;
        }

        if (i == CR_PROCESS_STATE) {
            ret_p->ended = cr_str_eq_z(part, "Z") || cr_str_eq_z(part, "X");
        }
    }

    return cr_str_u64(pid, &ret_p->pid) && cr_str_u64(part, &ret_p->start);
}


/* *ret_none: there is no such process. */
static bool
cr_process_read(cr_ctx_t *cx, const char *z_path, cr_process_t *ret_p,
                bool *ret_none)
{
    int     fd;
    char    data[CR_PROCESS_STAT_MAX];
    ssize_t n;

    fd = cx->sys->openat(AT_FDCWD, z_path, O_RDONLY | O_CLOEXEC, 0);
    *ret_none = fd == -1 && errno == ENOENT;

    if (fd == -1) {
        return false;
    }

    n = cx->sys->pread(fd, data, sizeof(data), 0);
    *ret_none = n == -1 && errno == ESRCH;
    (void) cx->sys->close(fd);

    return n > 0 && cr_process_parse((cr_str_t){ (size_t) n, data }, ret_p);
}


size_t
cr_process_self(cr_ctx_t *cx, cr_str_t boot, char out[CR_PROCESS_TEXT_MAX])
{
    int          fd, n;
    bool         known, none;
    struct stat  st;
    cr_process_t p;

    fd = cx->sys->openat(AT_FDCWD, CR_PROCESS_NAMESPACE, O_RDONLY | O_CLOEXEC,
                         0);

    if (fd == -1) {
        return 0;
    }

    known = cx->sys->fstat(fd, &st) == 0;
    (void) cx->sys->close(fd);

    if (!known || !cr_process_read(cx, "/proc/self/stat", &p, &none)) {
        return 0;
    }

    n = snprintf(out, CR_PROCESS_TEXT_MAX, "%.*s %llu %llu %llu",
                 CR_STR_ARG(boot), (unsigned long long) st.st_ino,
                 (unsigned long long) p.pid, (unsigned long long) p.start);

    return n > 0 && n < CR_PROCESS_TEXT_MAX ? (size_t) n : 0;
}


static bool
cr_process_split(cr_str_t text, cr_str_t part[CR_PROCESS_PARTS])
{
    for (size_t i = 0; i < CR_PROCESS_PARTS; i++) {
        if (!cr_str_split(&text, ' ', &part[i])) {
            return false;
        }
    }

    return true;
}


bool
cr_process_gone(cr_ctx_t *cx, cr_str_t self, cr_str_t text)
{
    bool         none;
    char         z_path[64];
    cr_str_t     me[CR_PROCESS_PARTS], it[CR_PROCESS_PARTS];
    uint64_t     pid, start;
    cr_process_t p;

    if (cr_str_eq(self, text) || !cr_process_split(self, me)
        || !cr_process_split(text, it) || !cr_str_eq(me[0], it[0])
        || !cr_str_eq(me[1], it[1]) || !cr_str_u64(it[2], &pid)
        || !cr_str_u64(it[3], &start))
    {
        return false;
    }

    (void) snprintf(z_path, sizeof(z_path), "/proc/%llu/stat",
                    (unsigned long long) pid);

    if (!cr_process_read(cx, z_path, &p, &none)) {
        return none;
    }

    return p.ended || p.start != start;
}
