/* Inside of the server side: a connection and its calls. */
#ifndef GRPC_CALL_H
#define GRPC_CALL_H

#include "frames.h"
#include "grpc/server.h"

struct grpc_server {
    struct mem *mem;
    struct http2 *http2;
    const struct grpc_service *const *services;
    size_t service_count;
    size_t message_max;
    void *ctx;
    int64_t now_ns; /* of the current grpc_server_recv */
    size_t call_count;
    struct buf scratch;
};

struct grpc_call {
    struct grpc_server *g;
    struct http2_stream *stream;
    const struct grpc_method *method;
    void *user;
    int64_t deadline_ns;
    struct frames frames;
    bool known;     /* the method has seen an event of it */
    bool responded; /* header fields were sent */
    bool fed;       /* the one message of a call that does not stream has come */
    bool canceled;  /* inside `canceled` */
};

struct grpc_call *call_new(struct grpc_server *g, struct http2_stream *stream,
                           const struct grpc_method *method);
void call_free(struct grpc_call *call);
/* Tells the method, if it knows the call, that it is over. */
void call_tell_canceled(struct grpc_call *call);

/* Answers a stream that has no call (any more) with one trailers-only block. */
void answer_status(struct grpc_server *g, struct http2_stream *stream, enum grpc_status status,
                   struct slice text);
/* "application/grpc" and the client's subtype, if it sent one; false if it is something else.
 * *type may point into g->scratch. */
bool content_type(struct grpc_server *g, const struct http2_stream *stream, struct slice *type);

#endif
