/*
 * The HTTP client of the load program.  See load_http.h.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "load_http.h"

#define REQUEST_MAX    8192
#define CONNECT_TIME_S 30

double
now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

void
die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

void
target_parse(target_t *t, const char *url)
{
    const char *auth = getenv("LOAD_AUTH");
    const char *colon;

    if (strncmp(url, "http://127.", 11) != 0) {
        fprintf(stderr, "load: only http://127.x.x.x:PORT\n");
        exit(2);
    }
    url += 7;
    colon = strchr(url, ':');
    if (colon == NULL || (size_t) (colon - url) >= 16) {
        fprintf(stderr, "load: no port in the URL\n");
        exit(2);
    }
    snprintf(t->host, sizeof(t->host), "%.*s", (int) (colon - url), url);
    memset(&t->addr, 0, sizeof(t->addr));
    t->addr.sin_family = AF_INET;
    t->addr.sin_port = htons((uint16_t) strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, t->host, &t->addr.sin_addr) != 1) {
        fprintf(stderr, "load: bad address\n");
        exit(2);
    }
    snprintf(t->host, sizeof(t->host), "%s", url);
    t->auth[0] = '\0';
    if (auth != NULL && auth[0] != '\0') {
        snprintf(t->auth, sizeof(t->auth), "Authorization: %s\r\n", auth);
    }
}

void
conn_open(conn_t *c)
{
    struct timeval tv = { CONNECT_TIME_S * 20, 0 };
    int            one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0
        || connect(c->fd, (const struct sockaddr *) &c->target->addr,
                   sizeof(c->target->addr))
               != 0)
    {
        die("connect");
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

bool
send_all(conn_t *c, const void *data, size_t len)
{
    const char *p = data;
    ssize_t     n;

    while (len > 0) {
        n = send(c->fd, p, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        p += n;
        len -= (size_t) n;
    }
    return true;
}

static const char *
header_find(const char *head, const char *name)
{
    size_t      len = strlen(name);
    const char *line = head;

    while ((line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            line += len + 1;
            while (*line == ' ') {
                line++;
            }
            return line;
        }
    }
    return NULL;
}

bool
read_response(conn_t *c)
{
    size_t      have = 0, left;
    ssize_t     n;
    char       *end = NULL;
    const char *v, *path;
    char        drop[16384];

    while (end == NULL) {
        if (have >= HEAD_MAX - 1) {
            return false;
        }
        n = recv(c->fd, c->head + have, HEAD_MAX - 1 - have, 0);
        if (n <= 0) {
            return false;
        }
        have += (size_t) n;
        c->head[have] = '\0';
        end = strstr(c->head, "\r\n\r\n");
    }
    c->status = (int) strtol(c->head + 9, NULL, 10);
    left = have - (size_t) (end + 4 - c->head);
    end[2] = '\0';

    v = header_find(c->head, "Location");
    if (v != NULL) {
        path = strstr(v, "://");
        path = path != NULL && path < strstr(v, "\r\n") ? strchr(path + 3, '/')
                                                        : v;
        snprintf(c->location, sizeof(c->location), "%.*s",
                 (int) strcspn(path, "\r\n"), path);
    }
    v = header_find(c->head, "Content-Length");
    if (v != NULL) {
        size_t body = strtoul(v, NULL, 10);

        while (left < body) {
            n = recv(c->fd, drop,
                     body - left < sizeof(drop) ? body - left : sizeof(drop),
                     0);
            if (n <= 0) {
                return false;
            }
            left += (size_t) n;
        }
    }
    return true;
}

bool
request(conn_t *c, const char *method, const char *path, const char *extra,
        const void *body, size_t len, uint64_t announced)
{
    char text[REQUEST_MAX];
    int  n;

    n = snprintf(text, sizeof(text),
                 "%s %s HTTP/1.1\r\nHost: %s\r\n%s%sContent-Length: %" PRIu64
                 "\r\n\r\n",
                 method, path, c->target->host, c->target->auth, extra,
                 announced);
    if (n <= 0 || (size_t) n >= sizeof(text)) {
        return false;
    }
    if (len > 0 && (size_t) n + len <= sizeof(text)) {
        memcpy(text + n, body, len);
        return send_all(c, text, (size_t) n + len);
    }
    return send_all(c, text, (size_t) n) && send_all(c, body, len);
}
