/* Any bytes as the body of a call, over a proper HTTP/2 session, to a gRPC server; or, for a part
 * of the inputs, any bytes as the session itself. */
#include "base/duration.h"
#include "bound.h"
#include "grpc/server.h"

static void unary(struct grpc_call *call, struct slice message)
{
    uint8_t last = message.len > 0 ? message.ptr[message.len - 1] : 0;
    grpc_call_finish(call, last % 17, slice_of(message.ptr, message.len < 20 ? message.len : 20));
}

static void note(struct grpc_call *call)
{
    size_t *canceled = grpc_call_ctx(call);
    (*canceled)++;
}

static void hold(struct grpc_call *call, struct slice message)
{
    (void)call, (void)message;
}

static void chat(struct grpc_call *call, struct slice message)
{
    if (message.len == 3) {
        grpc_call_finish_err(call, ERR_ETCD_COMPACTED);
    }
}

static void half_closed(struct grpc_call *call)
{
    grpc_call_finish_ok(call);
}

static const struct grpc_method methods[] = {
    {.name = "U", .message = unary},
    {.name = "H", .message = hold, .canceled = note},
    {.name = "C", .client_streams = true, .message = chat, .half_closed = half_closed},
};
static const struct grpc_service service = {"t", methods, 3};
static const struct grpc_service *const services[] = {&service};

static struct http2_field field(const char *name, const char *value)
{
    return (struct http2_field){slice_str(name), slice_str(value), true, false};
}

/* Makes the bytes of a client whose call has this body. */
static void wrap(struct buf *wire, uint8_t how, struct slice body)
{
    static const char *const paths[] = {"/t/U", "/t/H", "/t/C", "/t/U"};
    static const struct http2_events none;
    struct http2 *client = http2_client_new(wire->mem, NULL, &none, NULL);
    struct http2_field fields[] = {
        field(":method", "POST"),        field(":scheme", "http"),
        field(":path", paths[how >> 6]), field(":authority", "a"),
        field("te", "trailers"),         field("content-type", "application/grpc"),
    };
    struct http2_stream *stream;
    int err = http2_request(client, fields, 6, false, NULL, &stream);
    ASSERT(err == 0);
    http2_stream_write(stream, body);
    if ((how & 8) != 0) {
        http2_stream_end(stream);
    }
    http2_send(client, wire, SIZE_MAX);
    http2_free(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t how = data[0];
    size_t canceled = 0;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem_pool *wire_pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct grpc_server *server = grpc_server_new(mem, services, 1, NULL, &canceled);
    struct buf wire;
    struct buf out;
    buf_init(&wire, mem_pool_mem(wire_pool));
    buf_init(&out, mem_pool_mem(wire_pool));
    struct slice rest = slice_of(data + 1, size - 1);
    if ((how & 0x30) != 0x30) {
        wrap(&wire, how, rest);
        rest = buf_slice(&wire);
    }
    int err = 0;
    while (rest.len > 0 && err == 0) {
        err = grpc_server_recv(server, SEC_NS, cut(&rest, chunk_of(how)));
        grpc_server_send(server, &out, SIZE_MAX);
        buf_clear(&out);
        check_bound(mem, http2_received(grpc_server_http2(server)), 0);
    }
    grpc_server_free(server);
    buf_fini(&wire);
    buf_fini(&out);
    check_returned(pool);
    check_returned(wire_pool);
    return 0;
}
