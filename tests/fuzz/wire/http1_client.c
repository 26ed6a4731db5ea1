/* Any bytes as the answer to an HTTP/1.1 request. */
#include "bound.h"
#include "http1/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem *mem = mem_pool_mem(pool);
    struct http1_client *client = http1_client_new(mem, 10000);
    struct slice rest = slice_of(data + 1, size - 1);
    int err = 0;
    while (rest.len > 0 && err == 0) {
        err = http1_client_recv(client, cut(&rest, chunk_of(data[0])));
        check_bound(mem, size - 1 - rest.len, 0);
    }
    err = http1_client_eof(client);
    ASSERT(http1_client_done(client) == (err == 0));
    if (err == 0) {
        ASSERT(http1_client_body(client).len <= 10000);
        struct slice value;
        (void)http1_client_field(client, "x", &value);
    }
    http1_client_free(client);
    check_returned(pool);
    return 0;
}
