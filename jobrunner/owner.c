/* Giving up root.  The decision is made from lstat(2), never by opening. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "owner.h"


cr_err_t
cr_owner_path(cr_ctx_t *cx, cr_str_t url, cr_str_t *ret_path)
{
    cr_str_t scheme, path;

    scheme = CR_STR("sqlite:");

    if (!cr_str_starts(url, scheme)) {
        *ret_path = CR_STR_NULL;
        return CR_OK;
    }

    path = cr_str_slice(url, scheme.len, url.len);

    if (path.len == 0 || memchr(path.data, '\0', path.len) != NULL) {
        return cr_fail(cx, CR_ERR_CONFIG, "database \"%.*s\" names no file",
                       CR_STR_ARG(url));
    }

    path = cr_dup(cx, path);

    if (path.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    *ret_path = path;
    return CR_OK;
}


static cr_err_t
folder_of(cr_ctx_t *cx, const char *z_path, cr_str_t *ret_folder)
{
    cr_str_t  path;
    ptrdiff_t slash;

    path = cr_str_z(z_path);
    slash = cr_str_rchr(path, '/');

    if (slash < 0) {
        path = CR_STR(".");

    } else if (slash == 0) {
        path = CR_STR("/");

    } else {
        path.len = (size_t) slash;
    }

    *ret_folder = cr_dup(cx, path);
    return ret_folder->data == NULL ? CR_ERR_NO_MEMORY : CR_OK;
}


/* Whose the database is; *ret_st is that of the file or of its folder. */
static cr_err_t
find_owner(cr_ctx_t *cx, const char *z_path, struct stat *ret_st)
{
    cr_str_t    folder;
    struct stat file, dir;

    CR_TRY(folder_of(cx, z_path, &folder));

    if (stat(folder.data, &dir) != 0) {
        return cr_fail(cx, CR_ERR_CONFIG,
                       "folder %s: %s; create it for the user that nginx "
                       "runs as: install -d -o www-data -g www-data -m 0750 "
                       "%s",
                       folder.data, strerror(errno), folder.data);
    }

    if (!S_ISDIR(dir.st_mode)) {
        return cr_fail(cx, CR_ERR_CONFIG, "%s is not a folder", folder.data);
    }

    if (lstat(z_path, &file) != 0) {
        if (errno != ENOENT) {
            return cr_fail(cx, CR_ERR_CONFIG, "%s: %s", z_path,
                           strerror(errno));
        }

        *ret_st = dir;
        return CR_OK;
    }

    if (S_ISLNK(file.st_mode)) {
        return cr_fail(cx, CR_ERR_CONFIG,
                       "%s is a symbolic link: root does not follow it; "
                       "name the file itself",
                       z_path);
    }

    if (file.st_uid == 0 && dir.st_uid != 0) {
        return cr_fail(cx, CR_ERR_CONFIG,
                       "%s belongs to root but its folder does not: "
                       "chown it to the owner of %s",
                       z_path, folder.data);
    }

    *ret_st = file;
    return CR_OK;
}


static cr_err_t
set_groups(cr_ctx_t *cx, const struct passwd *pw, gid_t gid)
{
    int rc;

    rc = pw != NULL ? initgroups(pw->pw_name, gid) : setgroups(1, &gid);

    if (rc != 0 || setresgid(gid, gid, gid) != 0) {
        return cr_fail_errno(cx, errno, "cannot take on group %u",
                             (unsigned) gid);
    }

    return CR_OK;
}


cr_err_t
cr_owner_become(cr_ctx_t *cx, const char *z_path)
{
    gid_t          gid;
    struct stat    st;
    struct passwd *pw;

    if (geteuid() != 0) {
        return CR_OK;
    }

    memset(&st, 0, sizeof(st));
    CR_TRY(find_owner(cx, z_path, &st));

    if (st.st_uid == 0) {
        return CR_OK;
    }

    pw = getpwuid(st.st_uid);
    gid = pw != NULL ? pw->pw_gid : st.st_gid;

    CR_TRY(set_groups(cx, pw, gid));

    if (setresuid(st.st_uid, st.st_uid, st.st_uid) != 0) {
        return cr_fail_errno(cx, errno, "cannot become user %u",
                             (unsigned) st.st_uid);
    }

    /* It must not be possible to go back. */
    if (setuid(0) == 0 || geteuid() != st.st_uid || getegid() != gid) {
        return cr_fail(cx, CR_ERR_INTERNAL, "root was not given up");
    }

    return CR_OK;
}
