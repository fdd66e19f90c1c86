/*
 * remote_user: a caller whom the transport has authenticated itself.  The
 * name is trusted, its rights are those of the user here; an administrator
 * comes this way only when nginx.conf declares one, so that nobody becomes
 * one by a name in a certificate or a directory.
 *
 * Such a caller's browser authenticates every request, wanted or not: requests
 * that change something are refused when another site's page sends them.
 */

#include <string.h>

#include "api/machine.h"

/* The host of "https://hub.example.com". */
static cr_str_t
cr_url_host(cr_str_t url)
{
    ptrdiff_t colon = cr_str_chr(url, ':');

    if (colon < 0
        || !cr_str_starts(cr_str_slice(url, (size_t) colon, url.len),
                          CR_STR("://")))
    {
        return CR_STR_NULL;
    }

    return cr_str_slice(url, (size_t) colon + 3, url.len);
}


/* Browsers name the page's origin wherever they change something. */
bool
cr_request_same_site(const cr_exchange_t *x)
{
    cr_str_t host, origin, site, m = x->request.method;

    if (cr_str_eq_z(m, "GET") || cr_str_eq_z(m, "HEAD")
        || cr_str_eq_z(m, "OPTIONS"))
    {
        return true;
    }

    origin = cr_request_header(x, "Origin");

    if (origin.data != NULL) {
        host = cr_url_host(origin);

        return host.len != 0
               && (cr_str_case_eq(host, x->request.host)
                   || cr_str_case_eq(
                       host, cr_url_host(cr_api_conf(x->api)->public_url)));
    }

    site = cr_request_header(x, "Sec-Fetch-Site");

    return site.data == NULL || cr_str_eq_z(site, "same-origin")
           || cr_str_eq_z(site, "none");
}


static cr_err_t
cr_remote_create(cr_exchange_t *x, cr_str_t name)
{
    int64_t        id;
    cr_err_t       err;
    cr_user_new_t  new = { .name = name };
    cr_audit_who_t who = { .actor = CR_STR(""),
                           .username = name,
                           .client = x->request.remote_addr };

    err = cr_user_create(&x->cx, cr_api_opened(x->api)->meta, &new, &who, &id);

    if (err == CR_ERR_EXISTS) {
        cr_clear(&x->cx);
        return CR_OK; /* another request was faster */
    }

    return err;
}


static cr_err_t
cr_remote_find(cr_exchange_t *x, cr_str_t name, cr_user_t *ret_u)
{
    cr_err_t   err;
    cr_meta_t *m = cr_api_opened(x->api)->meta;

    err = cr_user_by_name(&x->cx, m, name, ret_u);

    if (err != CR_ERR_NOT_FOUND) {
        return err;
    }

    cr_clear(&x->cx);

    if (!x->request.remote_user_create) {
        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED,
                       "there is no user \"%.*s\" here", CR_STR_ARG(name));
    }

    CR_TRY(cr_remote_create(x, name));

    return cr_user_by_name(&x->cx, m, name, ret_u);
}


cr_err_t
cr_authenticate_remote(cr_exchange_t *x)
{
    cr_str_t             name = x->request.remote_user;
    cr_user_t            u;
    cr_exchange_state_t *st = x->state;

    if (!cr_request_same_site(x)) {
        return cr_fail(&x->cx, CR_ERR_FORBIDDEN,
                       "a page of another site sent this request");
    }

    if (cr_user_name_check(&x->cx, name) != CR_OK) {
        cr_clear(&x->cx);
        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED,
                       "the name of the caller cannot be a user's");
    }

    CR_TRY(cr_remote_find(x, name, &u));

    if (u.disabled) {
        return cr_fail(&x->cx, CR_ERR_UNAUTHORIZED, "the user is disabled");
    }

    if (u.admin && u.declared.len == 0) {
        return cr_fail(&x->cx, CR_ERR_DENIED,
                       "an administrator comes by remote_user only when "
                       "nginx.conf declares it");
    }

    cr_login_wipe(x);
    memset(&st->login, 0, sizeof(st->login));
    st->login.kind = CR_AUTH_REMOTE;
    st->login.user = u;
    st->identity.kind = CR_IDENTITY_USER;
    st->identity.id = u.id;
    st->identity.name = u.name;
    st->identity.epoch = u.epoch;
    st->identity.admin = u.admin;
    st->authenticated = true;
    x->info.user = u.name;

    return CR_OK;
}
