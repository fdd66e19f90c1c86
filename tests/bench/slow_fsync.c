/*
 * LD_PRELOAD: a disk whose every flush takes 5 milliseconds, however fast
 * the real one is.  The flush itself is left out, so that the figure does not
 * depend on the machine's disk; a flush of another file waits beside it and
 * not behind it, as on a disk with a queue.
 */

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_TIME_NS 5000000L

static int
flush_slowly(void)
{
    struct timespec left = { 0, FLUSH_TIME_NS };

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }

    return 0;
}

int
fsync(int fd)
{
    (void) fd;
    return flush_slowly();
}

int
fdatasync(int fd)
{
    (void) fd;
    return flush_slowly();
}
