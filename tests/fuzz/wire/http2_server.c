/* Any bytes from a client to an HTTP/2 server whose streams are answered, left open or reset. */
#include "base/duration.h"
#include "bound.h"
#include "http2/http2.h"

struct target {
    uint8_t how;
    size_t open;   /* announced and not closed */
    uint64_t more; /* what we wrote, with its overhead */
};

static struct http2_field field(const char *name, const char *value)
{
    return (struct http2_field){slice_str(name), slice_str(value), true, false};
}

static void on_request(void *ctx, struct http2_stream *s)
{
    struct target *t = ctx;
    struct http2_field fields[] = {field(":status", "200"), field("a", "b")};
    t->open++;
    if ((t->how & 0x20) != 0) {
        http2_stream_respond(s, fields, 2, true);
    } else if ((t->how & 0x40) != 0) {
        http2_stream_respond(s, fields, 2, false);
        http2_stream_write(s, slice_str("some bytes"));
        http2_stream_trailers(s, fields + 1, 1);
        t->more += 64;
    }
}

static void on_data(void *ctx, struct http2_stream *s, struct slice bytes)
{
    struct target *t = ctx;
    for (size_t i = 0; i < bytes.len; i++) {
        volatile uint8_t seen = bytes.ptr[i];
        (void)seen;
    }
    if ((t->how & 0x80) == 0) {
        http2_stream_consume(s, bytes.len);
    }
    if (bytes.ptr[0] == 'r') {
        http2_stream_reset(s, HTTP2_CANCEL);
    }
}

static void on_close(void *ctx, struct http2_stream *s, int err, uint32_t code, bool unprocessed)
{
    struct target *t = ctx;
    (void)s, (void)err, (void)code, (void)unprocessed;
    ASSERT(t->open > 0);
    t->open--;
}

static const struct http2_events events = {
    .request = on_request, .data = on_data, .close = on_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct target t = {.how = data[0]};
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem_pool *wire_pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct http2 *h = http2_server_new(mem, NULL, &events, &t);
    struct slice rest = slice_of(data + 1, size - 1);
    int64_t now_ns = 0;
    int err = 0;
    if ((t.how & 8) != 0) {
        err = http2_recv(h, now_ns, slice_str("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    }
    while (rest.len > 0 && err == 0) {
        now_ns += MS_NS;
        err = http2_recv(h, now_ns, cut(&rest, chunk_of(t.how)));
        http2_check(h);
        if ((t.how & 0x10) != 0) {
            struct buf out;
            buf_init(&out, mem_pool_mem(wire_pool));
            http2_send(h, &out, 1000);
            buf_fini(&out);
        }
        check_bound(mem, http2_received(h), t.more);
    }
    http2_free(h);
    ASSERT(t.open == 0);
    check_returned(pool);
    check_returned(wire_pool);
    return 0;
}
