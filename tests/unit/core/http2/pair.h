/* A client and a server session in memory, joined by a wire that cuts bytes anywhere; every event
 * is written down as a line of text. */
#ifndef TESTS_HTTP2_PAIR_H
#define TESTS_HTTP2_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "base/list.h"
#include "http2/http2.h"

struct side {
    struct http2 *h;
    struct mem_pool *pool;
    struct buf log;
    struct buf body;
    struct http2_stream *last; /* announced last and not closed */
    bool consume;
    int closes;
    int drains;
    int err; /* of its http2_recv */
    void (*on_request)(struct side *side, struct http2_stream *stream);
    void (*on_end)(struct side *side, struct http2_stream *stream);
};

struct pair {
    struct side client;
    struct side server;
    int64_t now_ns;
    size_t chunk; /* bytes that one delivery carries */
};

static inline void pair_field(struct side *side, struct http2_stream *s, const char *name)
{
    struct slice value;
    if (http2_stream_field(s, name, &value)) {
        buf_printf(&side->log, " %s=%.*s", name, (int)value.len, (const char *)value.ptr);
    }
}

static void pair_request(void *ctx, struct http2_stream *s)
{
    struct side *side = ctx;
    side->last = s;
    buf_printf(&side->log, "request %d", http2_stream_id(s));
    pair_field(side, s, ":path");
    pair_field(side, s, "x-long");
    buf_add_str(&side->log, "\n");
    if (side->on_request != NULL) {
        side->on_request(side, s);
    }
}

static void pair_response(void *ctx, struct http2_stream *s, int status)
{
    struct side *side = ctx;
    buf_printf(&side->log, "response %d status %d", http2_stream_id(s), status);
    pair_field(side, s, "content-type");
    buf_add_str(&side->log, "\n");
}

static void pair_trailers(void *ctx, struct http2_stream *s)
{
    struct side *side = ctx;
    buf_printf(&side->log, "trailers %d", http2_stream_id(s));
    pair_field(side, s, "grpc-status");
    buf_add_str(&side->log, "\n");
}

static void pair_data(void *ctx, struct http2_stream *s, struct slice bytes)
{
    struct side *side = ctx;
    buf_add_slice(&side->body, bytes);
    if (side->consume) {
        http2_stream_consume(s, bytes.len);
    }
}

static void pair_end(void *ctx, struct http2_stream *s)
{
    struct side *side = ctx;
    buf_printf(&side->log, "end %d after %zu\n", http2_stream_id(s), side->body.len);
    if (side->on_end != NULL) {
        side->on_end(side, s);
    }
}

static void pair_drained(void *ctx, struct http2_stream *s)
{
    struct side *side = ctx;
    (void)s;
    side->drains++;
}

static void pair_close(void *ctx, struct http2_stream *s, int err, uint32_t code, bool unprocessed)
{
    struct side *side = ctx;
    side->closes++;
    if (side->last == s) {
        side->last = NULL;
    }
    buf_printf(&side->log, "close %d %s %s%s\n", http2_stream_id(s), err_name(err),
               http2_code_name(code), unprocessed ? " unprocessed" : "");
}

static void pair_goaway(void *ctx, uint32_t code)
{
    struct side *side = ctx;
    buf_printf(&side->log, "goaway %s\n", http2_code_name(code));
}

static void pair_pong(void *ctx, uint64_t opaque)
{
    struct side *side = ctx;
    buf_printf(&side->log, "pong %llx\n", (unsigned long long)opaque);
}

static const struct http2_events pair_events = {
    .request = pair_request,
    .response = pair_response,
    .trailers = pair_trailers,
    .data = pair_data,
    .end = pair_end,
    .drained = pair_drained,
    .close = pair_close,
    .goaway = pair_goaway,
    .pong = pair_pong,
};

static inline void side_init(struct side *side, bool server, const struct http2_options *options)
{
    memset(side, 0, sizeof(*side));
    side->pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem *mem = mem_pool_mem(side->pool);
    side->consume = true;
    side->h = server ? http2_server_new(mem, options, &pair_events, side)
                     : http2_client_new(mem, options, &pair_events, side);
    buf_init(&side->log, mem);
    buf_init(&side->body, mem);
}

/* The session gives back all it took. */
static inline void side_fini(struct side *side)
{
    http2_free(side->h);
    buf_fini(&side->log);
    buf_fini(&side->body);
    assert_int_equal(mem_pool_mem(side->pool)->bytes, 0);
    mem_pool_free(side->pool);
}

static inline void pair_init(struct pair *p, size_t chunk,
                             const struct http2_options *server_options)
{
    p->chunk = chunk;
    p->now_ns = SEC_NS;
    side_init(&p->client, false, NULL);
    side_init(&p->server, true, server_options);
}

static inline void pair_fini(struct pair *p)
{
    side_fini(&p->client);
    side_fini(&p->server);
}

static inline size_t pair_move(struct pair *p, struct side *from, struct side *to, size_t max)
{
    struct buf wire;
    buf_init(&wire, mem_pool_mem(from->pool));
    http2_send(from->h, &wire, max);
    for (size_t at = 0; at < wire.len; at += p->chunk) {
        size_t n = wire.len - at < p->chunk ? wire.len - at : p->chunk;
        int err = http2_recv(to->h, p->now_ns, slice_of(wire.ptr + at, n));
        if (err != 0 && to->err == 0) {
            to->err = err;
        }
        http2_check(to->h);
    }
    http2_check(from->h);
    size_t moved = wire.len;
    buf_fini(&wire);
    return moved;
}

/* Until nothing moves. */
static inline void pair_run(struct pair *p)
{
    size_t moved;
    do {
        moved = pair_move(p, &p->client, &p->server, 100000);
        moved += pair_move(p, &p->server, &p->client, 100000);
    } while (moved > 0);
}

static inline void assert_log(struct side *side, const char *text)
{
    assert_string_equal(buf_cstr(&side->log), text);
    buf_clear(&side->log);
}

static inline struct http2_field pair_named(const char *name, const char *value)
{
    return (struct http2_field){slice_str(name), slice_str(value), false, false};
}

static inline struct http2_stream *pair_begin(struct pair *p, const char *path, bool end)
{
    struct http2_field fields[] = {
        pair_named(":method", "POST"),
        pair_named(":scheme", "http"),
        pair_named(":path", path),
        pair_named(":authority", "a"),
    };
    struct http2_stream *stream = NULL;
    assert_int_equal(http2_request(p->client.h, fields, 4, end, NULL, &stream), 0);
    return stream;
}

static inline void pair_respond(struct http2_stream *s, bool end)
{
    struct http2_field fields[] = {
        pair_named(":status", "200"),
        pair_named("content-type", "text/x"),
    };
    http2_stream_respond(s, fields, 2, end);
}

/* Bytes of one frame, for peers that do what no library does. */
static inline void add_frame(struct buf *out, uint8_t type, uint8_t flags, uint32_t id,
                             struct slice payload)
{
    uint8_t head[9] = {(uint8_t)(payload.len >> 16),
                       (uint8_t)(payload.len >> 8),
                       (uint8_t)payload.len,
                       type,
                       flags,
                       (uint8_t)(id >> 24),
                       (uint8_t)(id >> 16),
                       (uint8_t)(id >> 8),
                       (uint8_t)id};
    buf_add(out, head, sizeof(head));
    buf_add_slice(out, payload);
}

/* What opens a connection from the client's side. */
static inline void add_preface(struct buf *out)
{
    buf_add_str(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    add_frame(out, 4, 0, 0, slice_of(NULL, 0));
}

/* POST http / a in HPACK: 3 indexed fields and a literal :authority. */
#define BLOCK              \
    "\x83\x86\x84\x01\x01" \
    "a"
#define BLOCK_LEN 6

#endif
