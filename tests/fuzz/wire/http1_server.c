/* Any bytes as HTTP/1.1 requests. */
#include "bound.h"
#include "http1/server.h"

static void handle(void *ctx, struct http1_server *server, const struct http1_request *request)
{
    uint8_t *how = ctx;
    struct slice value;
    (void)http1_request_field(request, "host", &value);
    if ((*how & 8) != 0) {
        return; /* never answered */
    }
    http1_answer(server, &(struct http1_answer){.status = 200, .body = slice_str("x")});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t how = data[0];
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem_pool *wire_pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct http1_server *server = http1_server_new(mem, NULL, handle, &how);
    struct slice rest = slice_of(data + 1, size - 1);
    int err = 0;
    while (rest.len > 0 && err == 0) {
        err = http1_server_recv(server, cut(&rest, chunk_of(how)));
        if ((how & 0x10) != 0) {
            struct buf out;
            buf_init(&out, mem_pool_mem(wire_pool));
            http1_server_send(server, &out, 100);
            buf_fini(&out);
        }
        check_bound(mem, size - 1 - rest.len, 0);
    }
    http1_server_free(server);
    check_returned(pool);
    check_returned(wire_pool);
    return 0;
}
