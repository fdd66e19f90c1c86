/*
 * Crash points of test builds; empty in every other build.  Keeps no state:
 * passings are counted by the length of a file, since an append tells each
 * process its own place.
 */

#include "core/crash.h"

#ifdef CR_CRASH_POINTS

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CR_CRASH_TEXT_MAX 128


/* What the control file says, as "NAME ", N and VICTIM. */
static int
cr_crash_read(const char *z_path, char *z_name, long *ret_n, char *z_victim)
{
    int     fd;
    char    z_text[CR_CRASH_TEXT_MAX];
    ssize_t size;

    fd = open(z_path, O_RDONLY | O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    size = read(fd, z_text, sizeof(z_text) - 1);
    (void) close(fd);

    if (size <= 0) {
        return 0;
    }

    z_text[size] = '\0';

    return sscanf(z_text, "%63s %ld %15s", z_name, ret_n, z_victim) == 3;
}


/* The number of this passing, from 1; 0 when it cannot be known. */
static long
cr_crash_count(const char *z_path)
{
    int   fd;
    char  z_hits[PATH_MAX];
    off_t at;

    (void) snprintf(z_hits, sizeof(z_hits), "%s.hits", z_path);
    fd = open(z_hits, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

    if (fd == -1) {
        return 0;
    }

    at = (write(fd, ".", 1) == 1) ? lseek(fd, 0, SEEK_CUR) : 0;
    (void) close(fd);

    return (long) at;
}


void
cr_crash_point(const char *z_name)
{
    char        z_wanted[64], z_victim[16];
    long        n;
    const char *z_path;

    z_path = getenv("CR_CRASH_AT");

    if (z_path == NULL || !cr_crash_read(z_path, z_wanted, &n, z_victim)
        || strcmp(z_wanted, z_name) != 0 || cr_crash_count(z_path) != n
        || unlink(z_path) != 0)
    {
        return;
    }

    (void) kill(strcmp(z_victim, "group") == 0 ? 0 : getpid(), SIGKILL);

    for (;;) {
        (void) pause();
    }
}

#else

/* A file without a declaration is no C. */
typedef int cr_crash_none_t;

#endif
