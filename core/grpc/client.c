/* A connection on the client: answers to calls, and what ends them. */
#include "base/assert.h"
#include "base/probe.h"
#include "rpc.h"

void grpc_client_options_default(struct grpc_client_options *options)
{
    *options = (struct grpc_client_options){
        .user_agent = slice_str("grpc-quorate"),
        .message_max = INT32_MAX,
    };
    http2_options_default(&options->http2);
}

static bool is_grpc(const struct http2_stream *stream)
{
    struct slice type;
    if (!http2_stream_field(stream, "content-type", &type) ||
        !slice_starts_with(type, "application/grpc")) {
        return false;
    }
    struct slice rest = slice_from(type, strlen("application/grpc"));
    return rest.len == 0 || rest.ptr[0] == '+' || rest.ptr[0] == ';';
}

/* Remembers how the server ended the call; `done` comes with the end of the stream. */
static void note_status(struct grpc_rpc *rpc, const struct http2_stream *stream)
{
    buf_clear(&rpc->text);
    rpc->status = answer_status_fields(stream, &rpc->text);
    rpc->trailed = true;
}

static void on_response(void *ctx, struct http2_stream *stream, int http_status)
{
    (void)ctx;
    struct slice field;
    struct grpc_rpc *rpc = http2_stream_user(stream);
    if (rpc == NULL) {
        return;
    }
    if (!is_grpc(stream)) {
        struct buf text;
        buf_init(&text, rpc->g->mem);
        int status = answer_not_grpc(stream, http_status, &text);
        rpc_abort(rpc, status, buf_slice(&text));
        buf_fini(&text);
        return;
    }
    if (http2_stream_field(stream, "grpc-status", &field)) {
        note_status(rpc, stream);
    } else if (rpc->events->headers != NULL) {
        rpc->events->headers(rpc);
    }
}

static void on_trailers(void *ctx, struct http2_stream *stream)
{
    (void)ctx;
    struct grpc_rpc *rpc = http2_stream_user(stream);
    if (rpc != NULL) {
        note_status(rpc, stream);
    }
}

static void fail_frames(struct grpc_rpc *rpc, enum frames_next what)
{
    const struct frames *f = &rpc->frames;
    int status = GRPC_INTERNAL;
    struct buf text;
    buf_init(&text, rpc->g->mem);
    if (what == FRAMES_TOO_LARGE) {
        PROBE("grpc.answer_too_large");
        status = GRPC_RESOURCE_EXHAUSTED;
        buf_printf(&text, "grpc: received message larger than max (%u vs. %zu)", f->length, f->max);
    } else if (what == FRAMES_COMPRESSED) {
        PROBE("grpc.answer_compressed");
        buf_add_str(&text, "grpc: compressed flag set with identity or empty encoding");
    } else {
        buf_printf(&text, "grpc: received unexpected payload format %d", f->flag);
    }
    rpc_abort(rpc, status, buf_slice(&text));
    buf_fini(&text);
}

static void on_data(void *ctx, struct http2_stream *stream, struct slice bytes)
{
    (void)ctx;
    struct grpc_rpc *rpc = http2_stream_user(stream);
    http2_stream_consume(stream, bytes.len);
    while (rpc != NULL) {
        struct slice message;
        enum frames_next next = frames_next(&rpc->frames, &bytes, &message);
        if (next == FRAMES_MORE) {
            return;
        }
        if (next != FRAMES_MESSAGE) {
            fail_frames(rpc, next);
            return;
        }
        rpc->messages++;
        if (rpc->events->message != NULL) {
            rpc->events->message(rpc, message);
        } else if (rpc->messages == 1) {
            buf_add_slice(&rpc->response, message);
        } else {
            PROBE("grpc.second_answer");
            rpc_abort(rpc, GRPC_INTERNAL,
                      slice_str("grpc: client streaming protocol violation. "
                                "get <nil>, want <EOF>"));
            return;
        }
        rpc = http2_stream_user(stream); /* NULL if its owner has canceled it */
    }
}

/* The answer is complete: nothing more can change its status. */
static void on_end(void *ctx, struct http2_stream *stream)
{
    (void)ctx;
    struct grpc_rpc *rpc = http2_stream_user(stream);
    if (rpc == NULL) {
        return;
    }
    int status = rpc->status;
    struct slice text = buf_slice(&rpc->text);
    if (!rpc->trailed) {
        PROBE("grpc.no_trailers");
        status = GRPC_INTERNAL;
        text = slice_str("server closed the stream without sending trailers");
    } else if (status == GRPC_OK && rpc->events->message == NULL && rpc->messages == 0) {
        PROBE("grpc.no_answer");
        status = GRPC_INTERNAL;
        text = slice_str("EOF");
    } else if (status == GRPC_OK && frames_partial(&rpc->frames)) {
        PROBE("grpc.answer_cut_short");
        status = GRPC_INTERNAL;
        text = slice_str("unexpected EOF");
    }
    rpc_done(rpc, status, text, false);
    if (!http2_stream_ended(stream)) {
        /* What we still had to say does not matter any more. */
        http2_stream_reset(stream, HTTP2_NO_ERROR);
    }
}

static void on_drained(void *ctx, struct http2_stream *stream)
{
    (void)ctx;
    struct grpc_rpc *rpc = http2_stream_user(stream);
    if (rpc != NULL && rpc->events->drained != NULL) {
        rpc->events->drained(rpc);
    }
}

static void on_close(void *ctx, struct http2_stream *stream, int err, uint32_t code,
                     bool unprocessed)
{
    (void)ctx;
    struct grpc_rpc *rpc = http2_stream_user(stream);
    if (rpc == NULL) {
        return;
    }
    rpc->stream = NULL;
    if (err == ERR_CONN_CLOSED) {
        PROBE("grpc.transport_closing");
        rpc_done(rpc, GRPC_UNAVAILABLE, slice_str("transport is closing"), unprocessed);
        return;
    }
    if (unprocessed && rpc->g->draining) {
        PROBE("grpc.draining");
        rpc_done(rpc, GRPC_UNAVAILABLE,
                 slice_str("the stream is rejected because server is draining the connection"),
                 true);
        return;
    }
    struct buf text;
    buf_init(&text, rpc->g->mem);
    int status = answer_reset(code, &text);
    rpc_done(rpc, status, buf_slice(&text), unprocessed);
    buf_fini(&text);
}

static void on_goaway(void *ctx, uint32_t code)
{
    (void)code;
    struct grpc_client *g = ctx;
    g->draining = true;
    if (g->events.goaway != NULL) {
        g->events.goaway(g->ctx);
    }
}

static void on_pong(void *ctx, uint64_t opaque)
{
    struct grpc_client *g = ctx;
    if (g->events.pong != NULL) {
        g->events.pong(g->ctx, opaque);
    }
}

static const struct http2_events http2_events = {
    .response = on_response,
    .trailers = on_trailers,
    .data = on_data,
    .end = on_end,
    .drained = on_drained,
    .close = on_close,
    .goaway = on_goaway,
    .pong = on_pong,
};

struct grpc_client *grpc_client_new(struct mem *mem, const struct grpc_client_options *options,
                                    const struct grpc_client_events *events, void *ctx)
{
    struct grpc_client *g = mem_alloc(mem, sizeof(*g));
    *g = (struct grpc_client){
        .mem = mem,
        .ctx = ctx,
        .message_max = options->message_max,
        .authority_len = options->authority.len,
    };
    if (events != NULL) {
        g->events = *events;
    }
    buf_init(&g->names, mem);
    buf_add_slice(&g->names, options->authority);
    buf_add_slice(&g->names, options->user_agent);
    g->http2 = http2_client_new(mem, &options->http2, &http2_events, g);
    return g;
}

void grpc_client_free(struct grpc_client *g)
{
    if (g == NULL) {
        return;
    }
    http2_close(g->http2);
    ASSERT(g->call_count == 0);
    http2_free(g->http2);
    buf_fini(&g->names);
    mem_free(g->mem, g);
}

int grpc_client_recv(struct grpc_client *g, int64_t now_ns, struct slice bytes)
{
    return http2_recv(g->http2, now_ns, bytes);
}

void grpc_client_send(struct grpc_client *g, struct buf *out, size_t max)
{
    http2_send(g->http2, out, max);
}

void grpc_client_close(struct grpc_client *g)
{
    http2_close(g->http2);
}

bool grpc_client_wants_read(const struct grpc_client *g)
{
    return http2_wants_read(g->http2);
}

bool grpc_client_wants_write(const struct grpc_client *g)
{
    return http2_wants_write(g->http2);
}

bool grpc_client_finished(const struct grpc_client *g)
{
    return http2_finished(g->http2);
}

bool grpc_client_ready(const struct grpc_client *g)
{
    return http2_settled(g->http2);
}

void grpc_client_ping(struct grpc_client *g, uint64_t opaque)
{
    http2_ping(g->http2, opaque);
}

size_t grpc_client_call_count(const struct grpc_client *g)
{
    return g->call_count;
}

struct http2 *grpc_client_http2(struct grpc_client *g)
{
    return g->http2;
}
