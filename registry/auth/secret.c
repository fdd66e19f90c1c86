/*
 * The installation's secret file: 64 hexadecimal digits and a line feed.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auth/secret.h"
#include "core/encode.h"
#include "core/hash.h"

#define CR_SECRET_TEXT (CR_SECRET_SIZE * 2 + 1)

/* A crash on the way leaves an empty file, which is then refused. */
static cr_err_t
cr_secret_make(cr_ctx_t *cx, const char *z_path, int fd)
{
    char     text[CR_SECRET_TEXT];
    uint8_t  secret[CR_SECRET_SIZE];
    cr_err_t err = CR_OK;

    if (cx->sys->random(secret, sizeof(secret)) != 0) {
        return cr_fail_detail(cx, CR_ERR_INTERNAL, "no random bytes");
    }

    cr_hex_encode(secret, sizeof(secret), text);
    text[sizeof(text) - 1] = '\n';

    if (cx->sys->pwrite(fd, text, sizeof(text), 0) != (ssize_t) sizeof(text)
        || cx->sys->fsync(fd) != 0)
    {
        err = cr_fail_errno(cx, errno, "cannot write %s", z_path);
    }

    explicit_bzero(secret, sizeof(secret));
    explicit_bzero(text, sizeof(text));
    return err;
}


static cr_err_t
cr_secret_create(cr_ctx_t *cx, const char *z_path)
{
    int      fd;
    cr_err_t err;

    fd = cx->sys->openat(AT_FDCWD, z_path,
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         0600);
    if (fd < 0) {
        if (errno == EEXIST) {
            return CR_OK; /* somebody else was faster */
        }
        return cr_fail_errno(cx, errno, "cannot create %s", z_path);
    }

    err = cr_secret_make(cx, z_path, fd);
    (void) cx->sys->close(fd);

    if (err != CR_OK) {
        (void) cx->sys->unlinkat(AT_FDCWD, z_path, 0);
    }

    return err;
}


static cr_err_t
cr_secret_read(cr_ctx_t *cx, const char *z_path, int fd,
               uint8_t secret[CR_SECRET_SIZE])
{
    char        text[CR_SECRET_TEXT + 1];
    bool        good;
    ssize_t     n;
    struct stat st;

    if (cx->sys->fstat(fd, &st) != 0) {
        return cr_fail_errno(cx, errno, "cannot look at %s", z_path);
    }

    if (!S_ISREG(st.st_mode) || (st.st_mode & 0077) != 0) {
        return cr_fail(cx, CR_ERR_CONFIG,
                       "%s must be a file that nobody else may read: chmod 600",
                       z_path);
    }

    n = cx->sys->pread(fd, text, sizeof(text), 0);
    if (n < 0) {
        return cr_fail_errno(cx, errno, "cannot read %s", z_path);
    }

    if (n == 0) {
        return cr_fail_detail(cx, CR_ERR_UNAVAILABLE,
                              "%s is empty: remove it when it stays so",
                              z_path);
    }

    good = n == CR_SECRET_TEXT && text[CR_SECRET_TEXT - 1] == '\n'
           && cr_hex_decode((cr_str_t){ CR_SECRET_TEXT - 1, text }, secret,
                            CR_SECRET_SIZE);
    explicit_bzero(text, sizeof(text));

    if (!good) {
        return cr_fail(cx, CR_ERR_CONFIG,
                       "%s does not hold a secret (64 hexadecimal digits)",
                       z_path);
    }

    return CR_OK;
}


cr_err_t
cr_secret_key(cr_ctx_t *cx, const char *z_path, const char *z_purpose,
              bool create, uint8_t ret_key[CR_SECRET_SIZE])
{
    int      fd;
    uint8_t  secret[CR_SECRET_SIZE];
    cr_err_t err;

    for (;;) {
        fd = cx->sys->openat(AT_FDCWD, z_path,
                             O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
        if (fd >= 0) {
            break;
        }
        if (errno != ENOENT) {
            return cr_fail_errno(cx, errno, "cannot open %s", z_path);
        }
        if (!create) {
            return cr_fail(cx, CR_ERR_NOT_FOUND, "%s: no such file", z_path);
        }
        create = false;
        CR_TRY(cr_secret_create(cx, z_path));
    }

    err = cr_secret_read(cx, z_path, fd, secret);
    (void) cx->sys->close(fd);

    if (err == CR_OK) {
        cr_hmac_sha256(
            (cr_str_t){ sizeof(secret), (const char *) secret },
            cr_str_z(z_purpose), ret_key);
    }

    explicit_bzero(secret, sizeof(secret));
    return err;
}
