/*
 * A small HTTP/1.1 client for load: keep-alive connections to one loopback
 * address, a response read whole and dropped but for its status and Location.
 * Blocking; a connection belongs to one thread.
 */

#ifndef LOAD_HTTP_H
#define LOAD_HTTP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_MAX 16384

typedef struct target_s {
    struct sockaddr_in addr;
    char               host[64];
    char               auth[4200];
} target_t;

typedef struct conn_s {
    const target_t *target;
    int             fd;
    char            head[HEAD_MAX];
    char            location[1024];
    int             status;
} conn_t;

/* Seconds of the monotonic clock. */
double now_s(void);

/* Say what failed, with errno, and end the program. */
void die(const char *what) __attribute__((noreturn));

/* http://127.x.x.x:PORT, and LOAD_AUTH of the environment; else it ends. */
void target_parse(target_t *t, const char *url);

void conn_open(conn_t *c);
bool send_all(conn_t *c, const void *data, size_t len);

/* Head and body, dropped; keeps status and the path of Location. */
bool read_response(conn_t *c);

/* A request with len bytes of its body; announced: its Content-Length. */
bool request(conn_t *c, const char *method, const char *path, const char *extra,
             const void *body, size_t len, uint64_t announced);

#endif
