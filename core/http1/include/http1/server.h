/* One HTTP/1.1 connection (RFC 9112), server side: bytes in, bytes out.
 *
 * Parses requests one after the other (keep-alive and pipelining), each whole before it is handed
 * on, and writes answers as Go's net/http does for etcd's small pages. Knows no page and no
 * clock: the Date header says what http1_server_set_wall was told last.
 *
 * A pipelined request waits until the one before it is answered. A malformed or oversized request
 * is answered here (400, 413, 431) and ends the connection.
 */
#ifndef HTTP1_SERVER_H
#define HTTP1_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define HTTP1_HEAD_MAX   8192 /* request line and header fields together */
#define HTTP1_FIELDS_MAX 64

/* Borrowed for the call of the handler; copy what is needed later. */
struct http1_request {
    struct slice method; /* "GET" */
    struct slice path;   /* of the target, before '?', as sent */
    struct slice query;  /* behind '?' */
    struct slice body;
    const struct http1_field *fields;
    size_t field_count;
};

struct http1_field {
    struct slice name; /* as sent; compare without case */
    struct slice value;
};

struct http1_server_options {
    size_t body_max; /* 64 KiB */
};

struct http1_server;

/* The handler answers with http1_answer, now or later. */
typedef void http1_handler(void *ctx, struct http1_server *server,
                           const struct http1_request *request);

/* Borrows mem and ctx; options may be NULL. */
struct http1_server *http1_server_new(struct mem *mem, const struct http1_server_options *options,
                                      http1_handler *handler, void *ctx);
void http1_server_free(struct http1_server *s);
/* Takes all bytes. ERR_PROTO or ERR_LIMIT: the answer to it is in the output; send it and close. */
MUST_CHECK int http1_server_recv(struct http1_server *s, struct slice bytes);
/* Moves at most max bytes of output; may then hand on a pipelined request. */
void http1_server_send(struct http1_server *s, struct buf *out, size_t max);
bool http1_server_wants_read(const struct http1_server *s);
bool http1_server_wants_write(const struct http1_server *s);
/* The connection is to be closed once its output is sent. */
bool http1_server_finished(const struct http1_server *s);

/* First field of that name, without case. */
bool http1_request_field(const struct http1_request *request, const char *name,
                         struct slice *value);

struct http1_answer {
    int status;
    const char *content_type;         /* NULL: text/plain in UTF-8, written as a guess is */
    const struct http1_field *fields; /* at most 12; written sorted by name, as Go does */
    size_t field_count;
    struct slice body;
};

/* The time for the Date header of answers, in ns since 1970; before the first call there is none.
 */
void http1_server_set_wall(struct http1_server *s, int64_t wall_ns);
/* Answers the request that was handed on last and not yet answered; asserts that there is one. */
void http1_answer(struct http1_server *s, const struct http1_answer *answer);
/* As Go's http.Error and NotFound: text and a newline, X-Content-Type-Options: nosniff. */
void http1_answer_error(struct http1_server *s, int status, const char *text,
                        const struct http1_field *fields, size_t field_count);
/* 404 "404 page not found". */
void http1_answer_not_found(struct http1_server *s, const struct http1_field *fields,
                            size_t field_count);
/* 405 "Method Not Allowed" with Allow. */
void http1_answer_not_allowed(struct http1_server *s, const char *allow,
                              const struct http1_field *fields, size_t field_count);

#endif
