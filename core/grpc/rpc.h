/* Inside of the client side: a connection and its calls. */
#ifndef GRPC_RPC_H
#define GRPC_RPC_H

#include "base/list.h"
#include "frames.h"
#include "grpc/client.h"

struct grpc_client {
    struct mem *mem;
    struct http2 *http2;
    struct grpc_client_events events;
    void *ctx;
    size_t message_max;
    size_t call_count;
    struct buf names; /* authority, then user agent */
    size_t authority_len;
    bool draining; /* a GOAWAY has come */
};

struct grpc_rpc {
    struct grpc_client *g;
    struct http2_stream *stream; /* NULL once it is gone */
    const struct grpc_rpc_events *events;
    void *user;
    struct frames frames;
    struct buf response; /* of a unary call */
    uint32_t messages;   /* received */
    bool trailed;        /* status and text are known from the wire */
    bool done;
    int status;
    struct buf text;
};

/* Hands the result to the owner and frees the call. */
void rpc_done(struct grpc_rpc *rpc, int status, struct slice text, bool unprocessed);
/* The same, and the stream is reset. */
void rpc_abort(struct grpc_rpc *rpc, int status, struct slice text);

/* answer.c: what the wire says about the end of a call, as grpc-go 1.33 reads it */
/* An answer that is not gRPC: its status and text. */
int answer_not_grpc(const struct http2_stream *stream, int http_status, struct buf *text);
/* grpc-status and grpc-message of the current block. */
int answer_status_fields(const struct http2_stream *stream, struct buf *text);
int answer_reset(uint32_t code, struct buf *text);

#endif
