/*
 * Load client of `make bench`: pushes blobs and small images, and probes a
 * small GET at a fixed rate, over plain HTTP/1.1 keep-alive connections, one
 * thread a connection.  Data is unique and incompressible; digests are
 * computed before the clock starts.  Prints one JSON object.
 *
 *   load blob  URL REPO SIZE STREAMS           docker's way: POST PATCH PUT
 *   load image URL REPO CLIENTS COUNT own|one  layer, config, manifest
 *   load manifest URL REPO CLIENTS COUNT one   the image once, then its
 *                                              manifest under COUNT tags
 *   load login URL PATH CLIENTS COUNT FIRST    a GET by a new user each
 *   load probe URL PATH INTERVAL_MS SECONDS    latency of a GET
 *   load idle URL PATH COUNT -                 COUNT connections, a GET each,
 *                                              kept until stdin ends
 *   load slow URL REPO COUNT -                 COUNT uploads under way, some
 *                                              bytes a second, until then
 *
 * The Authorization header comes from the environment: LOAD_AUTH.  Loopback
 * addresses only.
 *
 * Sections: data, blob, image, login, report, connections that are held, main.
 * Not here: HTTP (load_http.h); GET throughput, which wrk measures.
 */

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "load_http.h"

#define BLOCK_SIZE    (256 * 1024)
#define STREAMS_MAX   256
#define SAMPLES_MAX   (1 << 20)
#define SMALL_BLOB    1024
#define HOLD_MAX      16384
#define SLOW_SIZE     (64 * 1024 * 1024)
#define SLOW_FIRST    (64 * 1024)
#define SLOW_STEP     1024

#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

typedef struct worker_s {
    const target_t *target;
    const char     *repo;
    uint64_t        size;
    unsigned        index;
    unsigned        count;
    unsigned        first; /* number of a user */
    bool            own_repo;
    uint64_t        seed;
    char            digest[80];
    double         *samples;
    unsigned        nsamples;
    unsigned        failed;
    int             last_status;
    const char     *failed_at;
} worker_t;

/* --- data: a random block, made unique by a counter in each 4 KiB ------- */

static unsigned char base_block[BLOCK_SIZE];

static void
data_init(void)
{
    size_t i;

    for (i = 0; i < BLOCK_SIZE; i += 256) {
        if (getrandom(base_block + i, 256, 0) != 256) {
            die("getrandom");
        }
    }
}

static void
block_fill(unsigned char *block, uint64_t seed, uint64_t index)
{
    uint64_t word;
    size_t   at;

    memcpy(block, base_block, BLOCK_SIZE);
    for (at = 0; at < BLOCK_SIZE; at += 4096) {
        word = seed ^ (index * UINT64_C(0x9e3779b97f4a7c15)) ^ at;
        memcpy(block + at, &word, sizeof(word));
        memcpy(block + at + 8, &seed, sizeof(seed));
    }
}

static void
hex_digest(EVP_MD_CTX *md, char out[80])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int  n, i;

    EVP_DigestFinal_ex(md, bytes, &n);
    memcpy(out, "sha256:", 7);
    for (i = 0; i < n; i++) {
        snprintf(out + 7 + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void
stream_digest(uint64_t seed, uint64_t size, char out[80])
{
    EVP_MD_CTX    *md = EVP_MD_CTX_new();
    unsigned char *block = malloc(BLOCK_SIZE);
    uint64_t       sent, n;

    if (md == NULL || block == NULL) {
        die("memory");
    }
    EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    for (sent = 0; sent < size; sent += n) {
        n = size - sent < BLOCK_SIZE ? size - sent : BLOCK_SIZE;
        block_fill(block, seed, sent / BLOCK_SIZE);
        EVP_DigestUpdate(md, block, n);
    }
    hex_digest(md, out);
    EVP_MD_CTX_free(md);
    free(block);
}

static void
data_digest(const void *data, size_t len, char out[80])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    if (md == NULL) {
        die("memory");
    }
    EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    EVP_DigestUpdate(md, data, len);
    hex_digest(md, out);
    EVP_MD_CTX_free(md);
}

static bool
fail(worker_t *w, const conn_t *c, const char *at)
{
    w->failed++;
    w->last_status = c->status;
    w->failed_at = at;
    return false;
}

static void
digest_query(char *out, size_t size, const char *location, const char *digest)
{
    snprintf(out, size, "%s%cdigest=%s", location,
             strchr(location, '?') == NULL ? '?' : '&', digest);
}

/* --- blob --------------------------------------------------------------- */

static bool
push_stream(worker_t *w, conn_t *c)
{
    unsigned char *block = malloc(BLOCK_SIZE);
    char           path[2048];
    uint64_t       sent, n;

    if (block == NULL) {
        die("memory");
    }
    snprintf(path, sizeof(path), "/v2/%s/blobs/uploads/", w->repo);
    if (!request(c, "POST", path, "", "", 0, 0) || !read_response(c)
        || c->status != 202)
    {
        free(block);
        return fail(w, c, "POST");
    }
    if (!request(c, "PATCH", c->location,
                 "Content-Type: application/octet-stream\r\n", "", 0, w->size))
    {
        free(block);
        return fail(w, c, "PATCH");
    }
    for (sent = 0; sent < w->size; sent += n) {
        n = w->size - sent < BLOCK_SIZE ? w->size - sent : BLOCK_SIZE;
        block_fill(block, w->seed, sent / BLOCK_SIZE);
        if (!send_all(c, block, n)) {
            free(block);
            return fail(w, c, "PATCH body");
        }
    }
    free(block);
    if (!read_response(c) || c->status != 202) {
        return fail(w, c, "PATCH response");
    }
    digest_query(path, sizeof(path), c->location, w->digest);
    if (!request(c, "PUT", path, "", "", 0, 0) || !read_response(c)
        || c->status != 201)
    {
        return fail(w, c, "PUT");
    }
    return true;
}

static void *
blob_worker(void *arg)
{
    worker_t *w = arg;
    conn_t    c = { .target = w->target };
    double    start;

    conn_open(&c);
    start = now_s();
    if (push_stream(w, &c)) {
        w->samples[w->nsamples++] = now_s() - start;
    }
    close(c.fd);
    return NULL;
}

/* --- image -------------------------------------------------------------- */

static bool
push_small(worker_t *w, conn_t *c, const char *repo, const void *data,
           size_t len, const char *digest)
{
    char path[2048];

    snprintf(path, sizeof(path), "/v2/%s/blobs/uploads/", repo);
    if (!request(c, "POST", path, "", "", 0, 0) || !read_response(c)
        || c->status != 202)
    {
        return fail(w, c, "POST");
    }
    digest_query(path, sizeof(path), c->location, digest);
    if (!request(c, "PUT", path, "Content-Type: application/octet-stream\r\n",
                 data, len, len)
        || !read_response(c) || c->status != 201)
    {
        return fail(w, c, "PUT");
    }
    return true;
}

/* The manifest of an image, and under which name it is put. */
typedef struct image_s {
    char repo[300];
    char manifest[1024];
    int  len;
} image_t;

static bool
push_content(worker_t *w, conn_t *c, unsigned n, image_t *image)
{
    unsigned char layer[SMALL_BLOB];
    char          config[256], layer_digest[80] = "", config_digest[80] = "";
    int           config_len;

    if (getrandom(layer, sizeof(layer), 0) != (ssize_t) sizeof(layer)) {
        die("getrandom");
    }
    if (w->own_repo) {
        snprintf(image->repo, sizeof(image->repo), "%s/w%u-%" PRIx64 "-%u",
                 w->repo, w->index, w->seed, n);
    } else {
        snprintf(image->repo, sizeof(image->repo), "%s/one", w->repo);
    }
    config_len = snprintf(config, sizeof(config),
                          "{\"architecture\":\"amd64\",\"os\":\"linux\","
                          "\"author\":\"%" PRIx64 "-%u-%u\",\"rootfs\":"
                          "{\"type\":\"layers\",\"diff_ids\":[]}}",
                          w->seed, w->index, n);
    data_digest(layer, sizeof(layer), layer_digest);
    data_digest(config, (size_t) config_len, config_digest);
    image->len =
        snprintf(image->manifest, sizeof(image->manifest),
                 "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST_TYPE "\","
                 "\"config\":"
                 "{\"mediaType\":\"application/vnd.oci.image.config.v1"
                 "+json\",\"digest\":\"%s\",\"size\":%d},\"layers\":[{"
                 "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar"
                 "\",\"digest\":\"%s\",\"size\":%d}]}",
                 config_digest, config_len, layer_digest, SMALL_BLOB);
    return push_small(w, c, image->repo, layer, sizeof(layer), layer_digest)
           && push_small(w, c, image->repo, config, (size_t) config_len,
                         config_digest);
}

static bool
push_manifest(worker_t *w, conn_t *c, unsigned n, const image_t *image)
{
    char path[1024];

    snprintf(path, sizeof(path), "/v2/%s/manifests/t%u-%u", image->repo,
             w->index, n);
    if (!request(c, "PUT", path, "Content-Type: " MANIFEST_TYPE "\r\n",
                 image->manifest, (size_t) image->len, (uint64_t) image->len)
        || !read_response(c) || c->status != 201)
    {
        return fail(w, c, "PUT manifest");
    }
    return true;
}

static bool
push_image(worker_t *w, conn_t *c, unsigned n)
{
    image_t image;

    return push_content(w, c, n, &image) && push_manifest(w, c, n, &image);
}

/* The content first; what is measured is the manifest alone. */
static void *
manifest_worker(void *arg)
{
    worker_t *w = arg;
    conn_t    c = { .target = w->target };
    image_t   image;
    unsigned  i;
    double    start;

    conn_open(&c);
    if (push_content(w, &c, 0, &image)) {
        for (i = 0; i < w->count && w->failed == 0; i++) {
            start = now_s();
            if (push_manifest(w, &c, i, &image)) {
                w->samples[w->nsamples++] = now_s() - start;
            }
        }
    }
    close(c.fd);
    return NULL;
}

static void *
image_worker(void *arg)
{
    worker_t *w = arg;
    conn_t    c = { .target = w->target };
    unsigned  i;
    double    start;

    conn_open(&c);
    for (i = 0; i < w->count && w->failed == 0; i++) {
        start = now_s();
        if (push_image(w, &c, i)) {
            w->samples[w->nsamples++] = now_s() - start;
        }
    }
    close(c.fd);
    return NULL;
}

/* --- login --------------------------------------------------------------- */

/*
 * Each request as a user of its own, from u and FIRST in seven digits on,
 * whose password is that of LOAD_PASSWORD: nobody's password has been verified
 * before.  429 says that the queue for it is full, and is an answer too.
 */
static void *
login_worker(void *arg)
{
    worker_t   *w = arg;
    conn_t      c = { .target = w->target };
    char        basic[512], plain[256], extra[640];
    const char *password = getenv("LOAD_PASSWORD");
    unsigned    i;
    double      start;

    conn_open(&c);
    for (i = 0; i < w->count && w->failed == 0; i++) {
        snprintf(plain, sizeof(plain), "u%07u:%s",
                 w->first + w->index * w->count + i,
                 password != NULL ? password : "");
        EVP_EncodeBlock((unsigned char *) basic, (unsigned char *) plain,
                        (int) strlen(plain));
        snprintf(extra, sizeof(extra), "Authorization: Basic %s\r\n", basic);
        start = now_s();
        if (!request(&c, "GET", w->repo, extra, "", 0, 0) || !read_response(&c)
            || (c.status != 200 && c.status != 429))
        {
            fail(w, &c, "GET");
        } else if (c.status == 200) {
            w->samples[w->nsamples++] = now_s() - start;
        }
    }
    close(c.fd);
    return NULL;
}

/* --- report -------------------------------------------------------------- */

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}

static double
percentile(const double *sorted, unsigned n, double p)
{
    unsigned i;

    if (n == 0) {
        return 0;
    }
    i = (unsigned) (p * (double) n);
    return sorted[i < n ? i : n - 1];
}

static int
report(const char *what, worker_t *w, unsigned workers, double seconds,
       double bytes)
{
    double     *all = calloc(SAMPLES_MAX, sizeof(double));
    unsigned    i, n = 0, failed = 0, k;
    int         status = 0;
    const char *at = "";

    if (all == NULL) {
        die("memory");
    }
    for (i = 0; i < workers; i++) {
        for (k = 0; k < w[i].nsamples && n < SAMPLES_MAX; k++) {
            all[n++] = w[i].samples[k] * 1000;
        }
        failed += w[i].failed;
        if (w[i].failed > 0) {
            status = w[i].last_status;
            at = w[i].failed_at;
        }
    }
    qsort(all, n, sizeof(double), by_value);
    printf("{\"what\":\"%s\",\"done\":%u,\"failed\":%u,\"status\":%d,"
           "\"at\":\"%s\",\"seconds\":%.6f,\"per_second\":%.3f,"
           "\"mb_per_second\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"max_ms\":%.3f}\n",
           what, n, failed, status, at, seconds, (double) n / seconds,
           bytes / 1e6 / seconds, percentile(all, n, 0.5),
           percentile(all, n, 0.99), n > 0 ? all[n - 1] : 0.0);
    free(all);
    return failed == 0 ? 0 : 1;
}

static int
run(const char *what, worker_t *w, unsigned workers, void *(*fn)(void *),
    double bytes)
{
    pthread_t threads[STREAMS_MAX];
    unsigned  i;
    double    start = now_s();

    for (i = 0; i < workers; i++) {
        if (pthread_create(&threads[i], NULL, fn, &w[i]) != 0) {
            die("pthread_create");
        }
    }
    for (i = 0; i < workers; i++) {
        pthread_join(threads[i], NULL);
    }
    return report(what, w, workers, now_s() - start, bytes);
}

static int
probe(const target_t *target, const char *path, double interval_s,
      double seconds)
{
    worker_t        w = { .target = target };
    conn_t          c = { .target = target };
    struct timespec until;
    double          start = now_s(), next = start, sent;
    bool            late = false;

    w.samples = calloc(SAMPLES_MAX, sizeof(double));
    if (w.samples == NULL) {
        die("memory");
    }
    conn_open(&c);
    while (next - start < seconds && w.nsamples < SAMPLES_MAX) {
        until.tv_sec = (time_t) next;
        until.tv_nsec = (long) ((next - (double) until.tv_sec) * 1e9);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        /* Held up by the one before: it waits since its time came. */
        sent = late ? next : now_s();
        if (!request(&c, "GET", path, "", "", 0, 0) || !read_response(&c)
            || c.status != 200)
        {
            fail(&w, &c, "GET");
            break;
        }
        w.samples[w.nsamples++] = now_s() - sent;
        next += interval_s;
        late = next < now_s();
    }
    close(c.fd);
    return report("probe", &w, 1, now_s() - start, 0);
}

/* --- connections that are held ------------------------------------------ */

/* Wait for the end of stdin, at most that long; true when it has ended. */
static bool
stdin_ended(int timeout_ms)
{
    struct pollfd p = { .fd = 0, .events = POLLIN };
    char          drop[64];

    return poll(&p, 1, timeout_ms) > 0 && read(0, drop, sizeof(drop)) <= 0;
}

static bool
slow_start(worker_t *w, conn_t *c)
{
    char path[1024];

    snprintf(path, sizeof(path), "/v2/%s/blobs/uploads/", w->repo);
    if (!request(c, "POST", path, "", "", 0, 0) || !read_response(c)
        || c->status != 202)
    {
        return fail(w, c, "POST");
    }
    if (!request(c, "PATCH", c->location,
                 "Content-Type: application/octet-stream\r\n", base_block,
                 SLOW_FIRST, SLOW_SIZE))
    {
        return fail(w, c, "PATCH");
    }
    return true;
}

/* path: of a GET; or NULL: uploads into w->repo. */
static int
hold(worker_t *w, const char *path, unsigned count)
{
    static int fds[HOLD_MAX];
    conn_t     c = { .target = w->target };
    unsigned   i;
    double     start = now_s();

    if (count == 0 || count > HOLD_MAX) {
        fprintf(stderr, "load: at most %d connections\n", HOLD_MAX);
        return 2;
    }
    for (i = 0; i < count && w->failed == 0; i++) {
        conn_open(&c);
        fds[i] = c.fd;
        if (path == NULL) {
            (void) slow_start(w, &c);
        } else if (!request(&c, "GET", path, "", "", 0, 0) || !read_response(&c)
                   || c.status >= 500)
        {
            (void) fail(w, &c, "GET");
        }
    }
    printf("%s\n", w->failed == 0 ? "ready" : "failed");
    fflush(stdout);
    while (w->failed == 0 && !stdin_ended(1000)) {
        for (i = 0; i < count && path == NULL; i++) {
            c.fd = fds[i];
            if (!send_all(&c, base_block, SLOW_STEP)) {
                (void) fail(w, &c, "PATCH body");
                break;
            }
        }
    }
    return report("hold", w, 1, now_s() - start, 0);
}

/* --- main --------------------------------------------------------------- */

int
main(int argc, char **argv)
{
    target_t target;
    worker_t w[STREAMS_MAX];
    unsigned i, n;
    uint64_t seed;
    bool     blob;
    void *(*fn)(void *);

    if (argc < 6) {
        fprintf(stderr, "usage: load blob URL REPO SIZE STREAMS\n"
                        "       load image URL REPO CLIENTS COUNT own|one\n"
                        "       load manifest URL REPO CLIENTS COUNT one\n"
                        "       load login URL PATH CLIENTS COUNT FIRST\n"
                        "       load probe URL PATH INTERVAL_MS SECONDS\n"
                        "       load idle URL PATH COUNT -\n"
                        "       load slow URL REPO COUNT -\n");
        return 2;
    }
    target_parse(&target, argv[2]);
    if (strcmp(argv[1], "probe") == 0) {
        return probe(&target, argv[3], strtod(argv[4], NULL) / 1000,
                     strtod(argv[5], NULL));
    }
    data_init();
    memset(w, 0, sizeof(w));
    w[0].target = &target;
    w[0].repo = argv[3];
    if (strcmp(argv[1], "idle") == 0 || strcmp(argv[1], "slow") == 0) {
        return hold(w, argv[1][0] == 'i' ? argv[3] : NULL,
                    (unsigned) strtoul(argv[4], NULL, 10));
    }
    blob = strcmp(argv[1], "blob") == 0;
    fn = blob                               ? blob_worker
         : strcmp(argv[1], "manifest") == 0 ? manifest_worker
         : strcmp(argv[1], "login") == 0    ? login_worker
                                            : image_worker;
    n = (unsigned) strtoul(argv[blob ? 5 : 4], NULL, 10);
    if (n == 0 || n > STREAMS_MAX || (!blob && argc < 7)) {
        fprintf(stderr, "load: bad arguments\n");
        return 2;
    }
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t) sizeof(seed)) {
        die("getrandom");
    }
    for (i = 0; i < n; i++) {
        w[i].target = &target;
        w[i].repo = argv[3];
        w[i].index = i;
        w[i].seed = seed + i;
        w[i].count = blob ? 1 : (unsigned) strtoul(argv[5], NULL, 10);
        w[i].first = blob ? 0 : (unsigned) strtoul(argv[6], NULL, 10);
        w[i].own_repo = !blob && strcmp(argv[6], "own") == 0;
        w[i].samples = calloc(w[i].count, sizeof(double));
        if (w[i].samples == NULL) {
            die("memory");
        }
        if (blob) {
            w[i].size = strtoull(argv[4], NULL, 10);
            stream_digest(w[i].seed, w[i].size, w[i].digest);
        }
    }
    return run(argv[1], w, n, fn, blob ? (double) w[0].size * n : 0);
}
