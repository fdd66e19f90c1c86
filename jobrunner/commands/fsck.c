/*
 * jobrunner fsck: does each row have its file, and each file a row?  The
 * rows are looked at first and repaired after it, so that a store that is
 * not there at all is never taken for one that lost everything.  Beside a
 * running registry it is as right as without: what has changed meanwhile is
 * asked again before it is reported.
 */

#include <inttypes.h>
#include <string.h>
#include "commands/commands.h"
#include "core/hash.h"
#include "core/redact.h"
#include "job_table.h"
#include "jobs/jobs.h"
#include "meta/fsck.h"
#include "meta/setting.h"
#include "oci/digest.h"
#include "output.h"

/* Rows in one read. */
#define FSCK_BATCH      500
/* Findings that are remembered, listed and repaired in one run. */
#define FSCK_LIST_MAX   10000
/* Images that are named for one blob. */
#define FSCK_IMAGES_MAX 10
#define FSCK_READ_SIZE  (256 * 1024)

typedef struct finding_s {
    const char    *what; /* missing, wrong size, damaged, unreadable, no row */
    cr_fsck_blob_t blob; /* id 0: a file without a row */
    uint64_t       found;
    cr_str_t       images; /* JSON array */
    bool           repaired;
} finding_t;

typedef struct fsck_s {
    cr_runner_t *r;
    bool         content; /* read and hash everything */
    char        *buffer;
    cr_ctx_t     item;   /* memory of one file */
    int64_t      before; /* a file made later may be in the making */
    finding_t   *list;
    size_t       n;
    uint64_t     blobs, sound, bytes;
    uint64_t     missing, wrong, damaged, unreadable, repaired;
    uint64_t     files, unnamed, unnamed_bytes, young;
} fsck_t;

/* clang-format off */

static const cr_column_t  fsck_columns[] = {
    { "DATABASE",          "database",      CR_COLUMN_TEXT, false },
    { "BLOBS",             "blobs",         CR_COLUMN_INT,  false },
    { "BLOB BYTES",        "blob_bytes",    CR_COLUMN_SIZE, false },
    { "MISSING",           "missing",       CR_COLUMN_INT,  false },
    { "WRONG SIZE",        "wrong_size",    CR_COLUMN_INT,  false },
    { "DAMAGED",           "damaged",       CR_COLUMN_INT,  false },
    { "UNREADABLE",        "unreadable",    CR_COLUMN_INT,  false },
    { "REPAIRED",          "repaired",      CR_COLUMN_INT,  false },
    { "FILES",             "files",         CR_COLUMN_INT,  false },
    { "WITHOUT A ROW",     "unnamed",       CR_COLUMN_INT,  false },
    { "BYTES OF THESE",    "unnamed_bytes", CR_COLUMN_SIZE, false },
    { "IN THE MAKING",     "young",         CR_COLUMN_INT,  false },
    { "SWEEP",             "sweep",         CR_COLUMN_TEXT, false },
    { "FINDINGS",          "findings",      CR_COLUMN_JSON, true },
    { NULL,                NULL,            CR_COLUMN_TEXT, false }
};

/* clang-format on */


/* --- findings ----------------------------------------------------------- */

/* "name:tag" of what cannot be pulled, as a JSON array. */
static cr_err_t
images_json(cr_ctx_t *cx, fsck_t *f, int64_t id, cr_str_t *ret_s)
{
    size_t    i, n;
    cr_buf_t  b;
    cr_str_t *images;

    CR_TRY(
        cr_fsck_images(cx, f->r->meta, id, FSCK_IMAGES_MAX + 1, &images, &n));
    cr_buf_init(&b, cx, 64 * 1024);
    cr_buf_char(&b, '[');

    for (i = 0; i < n; i++) {
        cr_buf_z(&b, i == 0 ? "" : ",");
        cr_buf_json(&b, i == FSCK_IMAGES_MAX ? CR_STR("...") : images[i]);
    }

    cr_buf_char(&b, ']');
    return cr_buf_end(&b, ret_s);
}


static cr_err_t
add(cr_ctx_t *cx, fsck_t *f, const char *what, const cr_fsck_blob_t *blob,
    uint64_t found)
{
    finding_t *fi;

    if (f->n == FSCK_LIST_MAX) {
        return CR_OK;
    }

    fi = &f->list[f->n];
    *fi = (finding_t){ .what = what, .blob = *blob, .found = found };
    fi->blob.digest = cr_dup(cx, blob->digest);
    fi->blob.locator = cr_dup(cx, blob->locator);

    if (fi->blob.digest.data == NULL || fi->blob.locator.data == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    if (blob->id == 0) {
        fi->images = CR_STR("[]");

    } else {
        CR_TRY(images_json(cx, f, blob->id, &fi->images));
    }

    f->n++;
    return CR_OK;
}


/* --- rows --------------------------------------------------------------- */

/* CORRUPT: the bytes are not those of the digest. */
static cr_err_t
hash_blob(cr_ctx_t *cx, fsck_t *f, const cr_fsck_blob_t *blob)
{
    size_t      n;
    uint8_t     sum[CR_HASH_MAX_SIZE];
    uint64_t    offset;
    cr_hash_t   h;
    cr_digest_t d;

    CR_TRY(cr_digest_parse(cx, blob->digest, &d));
    cr_hash_init(&h, d.alg);

    for (offset = 0; offset < blob->size; offset += n) {
        CR_TRY(cr_storage_read(cx, f->r->storage, blob->locator, offset,
                               f->buffer, FSCK_READ_SIZE, &n));

        if (n == 0) {
            break;
        }

        cr_hash_update(&h, f->buffer, n);
    }

    cr_hash_final(&h, sum);
    return memcmp(sum, d.bytes, cr_hash_size(d.alg)) == 0
               ? CR_OK
               : cr_fail(cx, CR_ERR_CORRUPT, NULL);
}


/* What is wrong with one; NULL: nothing. */
static const char *
look_at(fsck_t *f, const cr_fsck_blob_t *blob, uint64_t *ret_found,
        uint64_t **ret_count)
{
    cr_err_t err;
    uint64_t size;

    size = 0;
    err = cr_storage_stat(&f->item, f->r->storage, blob->locator, &size);
    *ret_found = size;

    if (err == CR_ERR_NOT_FOUND) {
        *ret_count = &f->missing;
        return "missing";
    }

    if (err == CR_OK && size != blob->size) {
        *ret_count = &f->wrong;
        return "wrong size";
    }

    if (err == CR_OK && f->content) {
        err = hash_blob(&f->item, f, blob);

        if (err == CR_ERR_CORRUPT) {
            *ret_count = &f->damaged;
            return "damaged";
        }
    }

    *ret_count = &f->unreadable;
    return err == CR_OK ? NULL : "unreadable";
}


static cr_err_t
check_blob(cr_ctx_t *cx, fsck_t *f, const cr_fsck_blob_t *blob)
{
    bool        is;
    uint64_t    found, *count;
    const char *what;

    what = look_at(f, blob, &found, &count);
    cr_ctx_reset(&f->item);

    if (what == NULL) {
        f->blobs++;
        f->sound++;
        f->bytes += blob->size;
        return CR_OK;
    }

    CR_TRY(cr_fsck_is_blob(cx, f->r->meta, blob, &is));

    if (!is) {
        return CR_OK;
    }

    f->blobs++;
    f->bytes += blob->size;
    (*count)++;
    return add(cx, f, what, blob, found);
}


static cr_err_t
check_rows(cr_ctx_t *cx, fsck_t *f)
{
    size_t          i, n;
    int64_t         after;
    cr_err_t        err;
    cr_ctx_t        batch;
    cr_fsck_blob_t *rows;

    CR_TRY(cr_ctx_init(&batch, 0));
    batch.sys = cx->sys;
    batch.may_block = true;
    after = 0;

    do {
        err = cr_fsck_blobs(&batch, f->r->meta, after, FSCK_BATCH, &rows, &n);

        if (err != CR_OK) {
            err = cr_fail(cx, err, "cannot read the rows: %.*s",
                          CR_STR_ARG(batch.detail));
        }

        for (i = 0; err == CR_OK && i < n; i++) {
            after = rows[i].id;
            err = check_blob(cx, f, &rows[i]);
        }

        cr_ctx_reset(&batch);
    } while (err == CR_OK && n != 0);

    cr_ctx_done(&batch);
    return err;
}


/* --- files -------------------------------------------------------------- */

static cr_err_t
check_file(cr_ctx_t *cx, void *arg, cr_str_t locator, uint64_t size)
{
    bool           named;
    fsck_t        *f = arg;
    int64_t        made_at;
    cr_err_t       err;
    cr_fsck_blob_t blob;

    f->files++;
    err = cr_fsck_is_named(&f->item, f->r->meta, locator, &named);

    if (err != CR_OK) {
        return cr_fail(cx, err, "%.*s: %.*s", CR_STR_ARG(locator),
                       CR_STR_ARG(f->item.detail));
    }

    cr_ctx_reset(&f->item);

    if (named) {
        return CR_OK;
    }

    made_at = cr_storage_locator_time(locator);

    if (made_at == 0 || made_at >= f->before) {
        f->young++;
        return CR_OK;
    }

    f->unnamed++;
    f->unnamed_bytes += size;
    blob = (cr_fsck_blob_t){ .size = size, .locator = locator };
    return add(cx, f, "no row", &blob, size);
}


/* --- repair and release ------------------------------------------------- */

static uint64_t
problems(const fsck_t *f)
{
    return f->missing + f->wrong + f->damaged + f->unreadable - f->repaired;
}


static cr_err_t
repair(cr_ctx_t *cx, fsck_t *f)
{
    size_t     i;
    cr_str_t   url;
    finding_t *fi;

    if (f->blobs != 0 && f->sound == 0) {
        url = cr_redact_url(cx, cr_str_z(f->r->z_storage_url));
        return cr_fail(cx, CR_ERR_UNAVAILABLE,
                       "no blob at all is sound: is the content where it "
                       "was, at %.*s? nothing was changed",
                       CR_STR_ARG(url));
    }

    for (i = 0; i < f->n; i++) {
        fi = &f->list[i];

        /* What cannot be read now may be read tomorrow. */
        if (fi->blob.id == 0 || cr_str_eq_z(cr_str_z(fi->what), "unreadable")) {
            continue;
        }

        CR_TRY(cr_fsck_drop(cx, f->r->meta, &fi->blob));
        fi->repaired = true;
        f->repaired++;
    }

    return CR_OK;
}


static cr_err_t
release(cr_ctx_t *cx, cr_cli_t *cli, fsck_t *f)
{
    if (problems(f) != 0) {
        fprintf(cli->err, "The sweep is still held: see --repair.\n");
        return CR_OK;
    }

    CR_TRY(cr_setting_put(cx, f->r->meta, CR_SETTING_SWEEP_HELD, CR_STR("0")));
    f->r->held = false;
    return CR_OK;
}


/* --- output ------------------------------------------------------------- */

static cr_err_t
findings_json(cr_ctx_t *cx, const fsck_t *f, cr_str_t *ret_s)
{
    size_t           i;
    cr_buf_t         b;
    const finding_t *fi;

    cr_buf_init(&b, cx, CR_OUTPUT_MAX);
    cr_buf_char(&b, '[');

    for (i = 0; i < f->n; i++) {
        fi = &f->list[i];
        cr_buf_printf(&b,
                      "%s{\"problem\":\"%s\",\"digest\":", i == 0 ? "" : ",",
                      fi->what);
        cr_buf_json(&b, fi->blob.digest);
        cr_buf_z(&b, ",\"locator\":");
        cr_buf_json(&b, fi->blob.locator);
        cr_buf_printf(&b,
                      ",\"size\":%" PRIu64 ",\"found\":%" PRIu64
                      ",\"repaired\":%s,\"images\":%.*s}",
                      fi->blob.size, fi->found, fi->repaired ? "true" : "false",
                      CR_STR_ARG(fi->images));
    }

    cr_buf_char(&b, ']');
    return cr_buf_end(&b, ret_s);
}


static void
print_findings(const cr_cli_t *cli, const fsck_t *f)
{
    size_t           i;
    const finding_t *fi;

    for (i = 0; i < f->n; i++) {
        fi = &f->list[i];
        fprintf(cli->out, "%s%-10s  %.*s  %.*s  %" PRIu64 " of %" PRIu64 "%s",
                i == 0 ? "\n" : "", fi->what, CR_STR_ARG(fi->blob.locator),
                CR_STR_ARG(fi->blob.digest), fi->found, fi->blob.size,
                fi->repaired ? "  repaired" : "");
        fprintf(cli->out, "  %.*s\n", CR_STR_ARG(fi->images));
    }
}


static cr_err_t
print(cr_ctx_t *cx, cr_cli_t *cli, const fsck_t *f)
{
    cr_str_t    json;
    cr_output_t o;

    CR_TRY(findings_json(cx, f, &json));
    cr_output_init(&o, cx, cli, fsck_columns);
    CR_TRY(cr_output_row(
        &o,
        (cr_cell_t[]){
            CR_CELL_TEXT(cr_runner_url_shown(cx, cli)), CR_CELL_INT(f->blobs),
            CR_CELL_INT(f->bytes), CR_CELL_INT(f->missing),
            CR_CELL_INT(f->wrong), CR_CELL_INT(f->damaged),
            CR_CELL_INT(f->unreadable), CR_CELL_INT(f->repaired),
            CR_CELL_INT(f->files), CR_CELL_INT(f->unnamed),
            CR_CELL_INT(f->unnamed_bytes), CR_CELL_INT(f->young),
            CR_CELL_TEXT(f->r->held ? CR_STR("held") : CR_STR("runs")),
            CR_CELL_TEXT(json) }));
    CR_TRY(cr_output_one(&o));

    if (cli->output == CR_OUTPUT_TABLE) {
        print_findings(cli, f);
    }

    return CR_OK;
}


static cr_err_t
fsck(cr_ctx_t *cx, cr_cli_t *cli, fsck_t *f)
{
    int64_t age;

    CR_TRY(cr_runner_storage(cx, f->r));

    age = f->r->conf.upload_expires_us;
    f->before = cr_now(cx) - (age < CR_SWEEP_AGE_MIN ? CR_SWEEP_AGE_MIN : age);
    f->content = cr_cli_flag(cli, "content") != NULL;
    f->list = cr_alloc(cx, FSCK_LIST_MAX * sizeof(finding_t));
    f->buffer = cr_alloc(cx, FSCK_READ_SIZE);

    if (f->list == NULL || f->buffer == NULL) {
        return CR_ERR_NO_MEMORY;
    }

    CR_TRY(check_rows(cx, f));
    CR_TRY(cr_storage_list(cx, f->r->storage, check_file, f));

    if (cr_cli_flag(cli, "repair") != NULL) {
        CR_TRY(repair(cx, f));
    }

    if (cr_cli_flag(cli, "release") != NULL) {
        CR_TRY(release(cx, cli, f));
    }

    if (problems(f) != 0) {
        cli->status = CR_EXIT_PARTIAL;
    }

    return print(cx, cli, f);
}


cr_err_t
cr_command_fsck(cr_ctx_t *cx, cr_cli_t *cli)
{
    fsck_t      f;
    cr_err_t    err;
    cr_runner_t r;

    f = (fsck_t){ .r = &r };
    CR_TRY(cr_runner_open(cx, cli, &r));
    err = cr_ctx_init(&f.item, 0);

    if (err == CR_OK) {
        f.item.sys = cx->sys;
        f.item.may_block = true;
        err = fsck(cx, cli, &f);
        cr_ctx_done(&f.item);
    }

    cr_runner_close(&r);
    return err;
}
