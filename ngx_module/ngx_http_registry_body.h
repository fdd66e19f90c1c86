/*
 * A request body on its way to the registry.  Shared by _body.c, _stream.c and
 * _request.c; the ring is the event thread's, the batch that is not being
 * filled is the task's.
 */

#ifndef NGX_HTTP_REGISTRY_BODY_H
#define NGX_HTTP_REGISTRY_BODY_H

#include "ngx_http_registry.h"

#define NGX_HTTP_REGISTRY_RING      4
#define NGX_HTTP_REGISTRY_RING_SIZE (256 * 1024)
#define NGX_HTTP_REGISTRY_PIECES    80

/* A part of a request body that waits for a task: memory, or of a file. */
typedef struct {
    u_char    *data; /* NULL: of a file */
    size_t     len;
    ngx_uint_t slot; /* whose memory it is */
    ngx_fd_t   fd;
    off_t      offset;
} ngx_http_registry_piece_t;

/* Slot 0 stands for memory of nginx, the others are the ring. */
typedef struct {
    u_char *start;
    size_t  size;
    size_t  pending; /* bytes not yet written */
} ngx_http_registry_slot_t;

typedef struct {
    ngx_http_registry_piece_t pieces[NGX_HTTP_REGISTRY_PIECES];
    ngx_uint_t                n;
} ngx_http_registry_batch_t;

struct ngx_http_registry_body_s {
    unsigned started : 1;
    unsigned whole : 1;     /* wanted whole, not streamed */
    unsigned foreign : 1;   /* complete when we came: not ours to change */
    unsigned failed : 1;    /* a task could not read a file */
    unsigned uploading : 1; /* counted as an upload in progress */
    /* The status that ended the body early; 0 while all is well. */
    ngx_int_t rc;

    /* streamed */
    ngx_http_registry_slot_t  slots[1 + NGX_HTTP_REGISTRY_RING];
    ngx_uint_t                current; /* slot of request_body->buf */
    ngx_http_registry_batch_t batches[2];
    ngx_uint_t                filling; /* the other one is the task's */
    u_char                   *scratch; /* for pieces of files */

    ngx_chain_t *cl; /* foreign: the next byte */
    off_t        used;

    /* whole */
    u_char *data;
    size_t  len;
    size_t  size;
};

#endif
