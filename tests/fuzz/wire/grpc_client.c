/* Any bytes from a server to a gRPC client with calls of both kinds open. */
#include "base/duration.h"
#include "bound.h"
#include "grpc/client.h"

struct target {
    int done;
};

static void on_message(struct grpc_rpc *rpc, struct slice message)
{
    struct slice value;
    (void)grpc_rpc_metadata(rpc, "x", &value);
    if (message.len == 2) {
        grpc_rpc_cancel(rpc, ERR_CANCELED);
    }
}

static void on_done(struct grpc_rpc *rpc, const struct grpc_result *result)
{
    struct target *t = grpc_rpc_ctx(rpc);
    ASSERT(result->status == GRPC_OK || result->response.len == 0);
    t->done++;
}

static const struct grpc_rpc_events unary_events = {.done = on_done};
static const struct grpc_rpc_events stream_events = {.message = on_message, .done = on_done};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct target t = {.done = 0};
    const uint64_t ours = 8192; /* what our three calls hold */
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem_pool *wire_pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct grpc_client_options options;
    grpc_client_options_default(&options);
    options.authority = slice_str("a");
    struct grpc_client *client = grpc_client_new(mem, &options, NULL, &t);
    struct buf out;
    buf_init(&out, mem_pool_mem(wire_pool));
    for (int i = 0; i < 3; i++) {
        struct grpc_rpc *rpc;
        struct grpc_start start = {.path = slice_str("/t/U"), .timeout_ns = SEC_NS};
        start.events = i == 1 ? &stream_events : &unary_events;
        int err = i == 1 ? grpc_rpc_start(client, &start, &rpc)
                         : grpc_rpc_unary(client, &start, slice_str("x"), &rpc);
        ASSERT(err == 0);
    }
    grpc_client_send(client, &out, SIZE_MAX);
    struct slice rest = slice_of(data + 1, size - 1);
    int err = 0;
    while (rest.len > 0 && err == 0) {
        err = grpc_client_recv(client, SEC_NS, cut(&rest, chunk_of(data[0])));
        buf_clear(&out);
        grpc_client_send(client, &out, SIZE_MAX);
        check_bound(mem, http2_received(grpc_client_http2(client)), ours);
    }
    grpc_client_free(client);
    ASSERT(t.done == 3);
    buf_fini(&out);
    check_returned(pool);
    check_returned(wire_pool);
    return 0;
}
