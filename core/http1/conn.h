/* Inside of the module: a server connection. */
#ifndef HTTP1_SERVER_PRIVATE_H
#define HTTP1_SERVER_PRIVATE_H

#include <http_parser.h>

#include "head.h"

struct http1_server {
    http_parser parser;
    struct mem *mem;
    http1_handler *handler;
    void *ctx;
    size_t body_max;
    struct head head;
    struct buf body;
    struct buf in;  /* pipelined bytes that wait for an answer */
    struct buf out; /* from out_head on: not yet given out */
    size_t out_head;
    int err;
    int refusal;     /* status with which the parser's callbacks want to refuse, or 0 */
    bool complete;   /* a request is whole and not yet handed on */
    bool waiting;    /* it was handed on and is not answered */
    bool feeding;    /* inside the loop that parses */
    bool keep_alive; /* of the current request */
    bool is_head;
    bool finished;
    bool has_wall;
    int64_t wall_ns; /* for the Date header */
};

/* server.c: goes on with pipelined bytes after an answer */
void http1_server_continue(struct http1_server *s);

#endif
