/* One call of the client: its request, its end. */
#include "rpc.h"

#include "base/assert.h"
#include "base/probe.h"

#define HEAD_FIELDS 8

static struct http2_field lasting(const char *name, const char *value)
{
    return (struct http2_field){slice_str(name), slice_str(value), true, false};
}

static struct http2_field copied(const char *name, struct slice value, bool rare)
{
    return (struct http2_field){slice_str(name), value, false, rare};
}

/* The fields of etcdctl's requests, in its order. */
static size_t request_fields(const struct grpc_client *g, const struct grpc_start *start,
                             char *timeout, struct http2_field *fields)
{
    struct slice names = buf_slice(&g->names);
    struct slice authority = slice_of(names.ptr, g->authority_len);
    size_t n = 0;
    fields[n++] = lasting(":method", "POST");
    fields[n++] = lasting(":scheme", "http");
    fields[n++] = copied(":path", start->path, false);
    fields[n++] = copied(":authority", authority, false);
    fields[n++] = lasting("content-type", "application/grpc");
    fields[n++] = copied("user-agent", slice_from(names, g->authority_len), false);
    fields[n++] = lasting("te", "trailers");
    if (start->timeout_ns != INT64_MAX) {
        size_t len = grpc_timeout_format(timeout, start->timeout_ns);
        fields[n++] = copied("grpc-timeout", slice_of(timeout, len), true);
    }
    for (size_t i = 0; i < start->metadata_count; i++) {
        fields[n++] =
            (struct http2_field){start->metadata[i].name, start->metadata[i].value, false, false};
    }
    return n;
}

int grpc_rpc_start(struct grpc_client *g, const struct grpc_start *start, struct grpc_rpc **out)
{
    ASSERT(start->metadata_count <= GRPC_METADATA_MAX);
    ASSERT(start->events->done != NULL);
    char timeout[GRPC_TIMEOUT_LEN_MAX];
    struct http2_field fields[HEAD_FIELDS + GRPC_METADATA_MAX];
    size_t count = request_fields(g, start, timeout, fields);
    struct mem *mem = http2_mem(g->http2);
    struct grpc_rpc *rpc = mem_alloc(mem, sizeof(*rpc));
    *rpc = (struct grpc_rpc){.g = g, .events = start->events, .user = start->user};
    int err = http2_request(g->http2, fields, count, false, rpc, &rpc->stream);
    if (err != 0) {
        mem_free(mem, rpc);
        return err;
    }
    frames_init(&rpc->frames, mem, g->message_max);
    buf_init(&rpc->response, mem);
    buf_init(&rpc->text, mem);
    g->call_count++;
    *out = rpc;
    return 0;
}

int grpc_rpc_unary(struct grpc_client *g, const struct grpc_start *start, struct slice message,
                   struct grpc_rpc **rpc)
{
    int err = grpc_rpc_start(g, start, rpc);
    if (err == 0) {
        grpc_rpc_send(*rpc, message);
        grpc_rpc_end(*rpc);
    }
    return err;
}

uint8_t *grpc_rpc_reserve(struct grpc_rpc *rpc, size_t len)
{
    ASSERT(!rpc->done);
    uint8_t *to = http2_stream_reserve(rpc->stream, GRPC_PREFIX_LEN + len);
    frames_prefix(to, len);
    return to + GRPC_PREFIX_LEN;
}

void grpc_rpc_send(struct grpc_rpc *rpc, struct slice message)
{
    uint8_t *to = grpc_rpc_reserve(rpc, message.len);
    if (message.len > 0) {
        memcpy(to, message.ptr, message.len);
    }
}

void grpc_rpc_end(struct grpc_rpc *rpc)
{
    ASSERT(!rpc->done);
    http2_stream_end(rpc->stream);
}

size_t grpc_rpc_pending(const struct grpc_rpc *rpc)
{
    return rpc->stream != NULL ? http2_stream_pending(rpc->stream) : 0;
}

void rpc_done(struct grpc_rpc *rpc, int status, struct slice text, bool unprocessed)
{
    struct grpc_client *g = rpc->g;
    ASSERT(!rpc->done);
    ASSERT(g->call_count > 0);
    rpc->done = true;
    g->call_count--;
    struct grpc_result result = {
        .status = (enum grpc_status)status,
        .text = text,
        .unprocessed = unprocessed,
        .response = status == GRPC_OK ? buf_slice(&rpc->response) : slice_of(NULL, 0),
    };
    rpc->events->done(rpc, &result);
    if (rpc->stream != NULL) {
        http2_stream_set_user(rpc->stream, NULL);
    }
    frames_fini(&rpc->frames);
    buf_fini(&rpc->response);
    buf_fini(&rpc->text);
    mem_free(http2_mem(g->http2), rpc);
}

void rpc_abort(struct grpc_rpc *rpc, int status, struct slice text)
{
    struct http2_stream *stream = rpc->stream;
    http2_stream_set_user(stream, NULL);
    http2_stream_reset(stream, HTTP2_CANCEL);
    rpc->stream = NULL;
    rpc_done(rpc, status, text, false);
}

void grpc_rpc_cancel(struct grpc_rpc *rpc, int err)
{
    ASSERT(err < 0);
    if (rpc->done) {
        return;
    }
    PROBE("grpc.rpc_canceled");
    rpc_abort(rpc, err_grpc(err), slice_str(err_text(err)));
}

void *grpc_rpc_user(const struct grpc_rpc *rpc)
{
    return rpc->user;
}

void *grpc_rpc_ctx(const struct grpc_rpc *rpc)
{
    return rpc->g->ctx;
}

bool grpc_rpc_metadata(const struct grpc_rpc *rpc, const char *name, struct slice *value)
{
    return rpc->stream != NULL && http2_stream_field(rpc->stream, name, value);
}
