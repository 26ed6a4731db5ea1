/* A gRPC client and server in memory, joined by a wire that cuts bytes anywhere. The server has one
 * service, `test.Echo`, whose methods show every kind of call; what happens is written down. */
#ifndef TESTS_GRPC_RIG_H
#define TESTS_GRPC_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "grpc/client.h"
#include "grpc/server.h"
#include "grpc/wire.h"

struct rig {
    struct mem_pool *pool;
    struct mem *mem;
    struct grpc_client *client;
    struct grpc_server *server;
    struct buf log;
    struct grpc_call *held; /* a call that the method keeps */
    struct grpc_rpc *rpc;   /* the last one that was started and is not done */
    int64_t now_ns;
    size_t chunk;
    int drains;
};

static struct rig *rig_of(struct grpc_call *call)
{
    return grpc_call_ctx(call);
}

static inline void say(struct rig *rig, const char *what, struct slice bytes)
{
    buf_printf(&rig->log, "%s", what);
    if (bytes.len <= 80) {
        buf_printf(&rig->log, " \"%.*s\"\n", (int)bytes.len, (const char *)bytes.ptr);
    } else {
        buf_printf(&rig->log, " of %zu bytes\n", bytes.len);
    }
}

/* Unary: answers with the same message. */
static void echo_message(struct grpc_call *call, struct slice message)
{
    say(rig_of(call), "echo", message);
    grpc_call_send(call, message);
    grpc_call_finish_ok(call);
}

/* Unary: keeps the call for the test to answer. */
static void hold_message(struct grpc_call *call, struct slice message)
{
    say(rig_of(call), "hold", message);
    rig_of(call)->held = call;
}

static void note_canceled(struct grpc_call *call)
{
    say(rig_of(call), "canceled", slice_str(grpc_call_method(call)->name));
    rig_of(call)->held = NULL;
}

static void note_drained(struct grpc_call *call)
{
    rig_of(call)->drains++;
}

/* Client streaming: counts messages and bytes. */
static void count_start(struct grpc_call *call)
{
    say(rig_of(call), "start", slice_str(grpc_call_method(call)->name));
    rig_of(call)->held = call;
}

static void count_message(struct grpc_call *call, struct slice message)
{
    say(rig_of(call), "message", message);
}

static void count_half_closed(struct grpc_call *call)
{
    say(rig_of(call), "half-closed", slice_str(""));
    grpc_call_send(call, slice_str("counted"));
    grpc_call_finish_ok(call);
}

/* Bidirectional: each message is answered while the stream stays open. */
static void chat_message(struct grpc_call *call, struct slice message)
{
    if (slice_eq_str(message, "bye")) {
        grpc_call_finish(call, GRPC_ABORTED, slice_str("said bye"));
        return;
    }
    grpc_call_send(call, message);
}

static void chat_half_closed(struct grpc_call *call)
{
    grpc_call_finish_ok(call);
}

static void deny_start(struct grpc_call *call)
{
    struct slice token = {NULL, 0};
    bool known = grpc_call_metadata(call, "token", &token);
    say(rig_of(call), known ? "token" : "no token", token);
    grpc_call_finish_err(call, ERR_ETCD_NO_LEADER);
}

static const struct grpc_method echo_methods[] = {
    {.name = "Echo", .message = echo_message},
    {.name = "Hold", .message = hold_message, .canceled = note_canceled, .drained = note_drained},
    {.name = "Count",
     .client_streams = true,
     .start = count_start,
     .message = count_message,
     .half_closed = count_half_closed,
     .canceled = note_canceled},
    {.name = "Chat",
     .client_streams = true,
     .server_streams = true,
     .message = chat_message,
     .half_closed = chat_half_closed,
     .canceled = note_canceled},
    {.name = "Deny", .start = deny_start, .message = hold_message},
};

static const struct grpc_service echo_service = {"test.Echo", echo_methods, 5};
static const struct grpc_service *const services[] = {&echo_service};

static inline void rig_headers(struct grpc_rpc *rpc)
{
    struct rig *rig = grpc_rpc_user(rpc);
    buf_add_str(&rig->log, "headers\n");
}

static inline void rig_message(struct grpc_rpc *rpc, struct slice message)
{
    say(grpc_rpc_user(rpc), "answer", message);
}

static inline void rig_done(struct grpc_rpc *rpc, const struct grpc_result *result)
{
    struct rig *rig = grpc_rpc_user(rpc);
    if (rig->rpc == rpc) {
        rig->rpc = NULL;
    }
    buf_printf(&rig->log, "done %s%s", grpc_status_name((int)result->status),
               result->unprocessed ? " unprocessed" : "");
    say(rig, "", result->status == GRPC_OK ? result->response : result->text);
}

static const struct grpc_rpc_events unary_events = {.done = rig_done};
static const struct grpc_rpc_events stream_events = {
    .headers = rig_headers, .message = rig_message, .done = rig_done};

static inline void rig_init(struct rig *rig, size_t chunk, size_t message_max)
{
    memset(rig, 0, sizeof(*rig));
    rig->pool = mem_pool_new(UINT64_MAX, 0x5A);
    rig->mem = mem_pool_mem(rig->pool);
    rig->now_ns = 1000 * SEC_NS;
    rig->chunk = chunk;
    struct grpc_server_options server_options;
    grpc_server_options_default(&server_options);
    if (message_max > 0) {
        server_options.message_max = message_max;
    }
    rig->server = grpc_server_new(rig->mem, services, 1, &server_options, rig);
    struct grpc_client_options client_options;
    grpc_client_options_default(&client_options);
    client_options.authority = slice_str("127.0.0.1:2379");
    client_options.user_agent = slice_str("grpc-test/1");
    rig->client = grpc_client_new(rig->mem, &client_options, NULL, rig);
    buf_init(&rig->log, rig->mem);
}

static inline void rig_fini(struct rig *rig)
{
    grpc_client_free(rig->client);
    grpc_server_free(rig->server);
    buf_fini(&rig->log);
    assert_int_equal(rig->mem->bytes, 0);
    mem_pool_free(rig->pool);
}

static inline size_t rig_to_server(struct rig *rig)
{
    struct buf wire;
    buf_init(&wire, rig->mem);
    grpc_client_send(rig->client, &wire, SIZE_MAX);
    for (size_t at = 0; at < wire.len; at += rig->chunk) {
        size_t n = wire.len - at < rig->chunk ? wire.len - at : rig->chunk;
        assert_int_equal(grpc_server_recv(rig->server, rig->now_ns, slice_of(wire.ptr + at, n)), 0);
    }
    size_t moved = wire.len;
    buf_fini(&wire);
    return moved;
}

static inline size_t rig_to_client(struct rig *rig)
{
    struct buf wire;
    buf_init(&wire, rig->mem);
    grpc_server_send(rig->server, &wire, SIZE_MAX);
    for (size_t at = 0; at < wire.len; at += rig->chunk) {
        size_t n = wire.len - at < rig->chunk ? wire.len - at : rig->chunk;
        assert_int_equal(grpc_client_recv(rig->client, rig->now_ns, slice_of(wire.ptr + at, n)), 0);
    }
    size_t moved = wire.len;
    buf_fini(&wire);
    return moved;
}

static inline void rig_run(struct rig *rig)
{
    while (rig_to_server(rig) + rig_to_client(rig) > 0) {
    }
}

static inline struct grpc_start rig_start(struct rig *rig, const char *path,
                                          const struct grpc_rpc_events *events)
{
    return (struct grpc_start){
        .path = slice_str(path),
        .timeout_ns = INT64_MAX,
        .events = events,
        .user = rig,
    };
}

static inline void rig_unary(struct rig *rig, const char *path, struct slice message)
{
    struct grpc_start start = rig_start(rig, path, &unary_events);
    assert_int_equal(grpc_rpc_unary(rig->client, &start, message, &rig->rpc), 0);
}

static inline void rig_stream(struct rig *rig, const char *path)
{
    struct grpc_start start = rig_start(rig, path, &stream_events);
    assert_int_equal(grpc_rpc_start(rig->client, &start, &rig->rpc), 0);
}

static inline void assert_log(struct rig *rig, const char *text)
{
    assert_string_equal(buf_cstr(&rig->log), text);
    buf_clear(&rig->log);
}

#endif
