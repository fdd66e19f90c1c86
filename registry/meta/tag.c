/* The list of tags.  Setting and deleting them: manifest.c. */

#include "meta/inner.h"
#include "meta/manifest.h"


cr_err_t
cr_tag_list(cr_ctx_t *cx, cr_meta_t *m, cr_str_t repository, cr_str_t last,
            size_t n, cr_str_t **ret_names, size_t *ret_n)
{
    cr_conn_t *c;
    cr_str_t  *names;
    cr_val_t   v[3];
    void      *rows;
    size_t     count;

    /* One row at least is asked for: it tells that the repository exists,
     * and its name is NULL when there is no tag. */
    v[0] = CR_V_TEXT(last);
    v[1] = CR_V_TEXT(repository);
    v[2] = CR_V_INT(n == 0 ? 1 : n);
    CR_TRY(cr_db_conn(cx, m->db, &c));
    CR_TRY(cr_meta_list(cx, c, CR_SQL_TAG_LIST, v, 3, cr_meta_read_text,
                        sizeof(cr_str_t), &rows, &count));
    if (count == 0) {
        return cr_fail(cx, CR_ERR_NAME_UNKNOWN, NULL);
    }

    names = rows;
    if (n == 0 || names[0].data == NULL) {
        count = 0;
    }
    *ret_names = names;
    *ret_n = count;
    return CR_OK;
}
