/* Random calls between our client and our server over a wire that delivers any number of bytes at a
 * time and breaks at a random moment: every call ends exactly once on both sides, nothing is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/rng.h"
#include "grpc/client.h"
#include "grpc/server.h"

#define SEEDS     300
#define STEPS     150
#define HELD_MAX  64
#define BYTES_MAX 100000

struct swarm {
    struct rng rng;
    struct mem_pool *pool;
    struct mem *mem;
    struct grpc_client *client;
    struct grpc_server *server;
    struct buf to_server; /* on the wire */
    struct buf to_client;
    struct grpc_call *calls[HELD_MAX]; /* open at the server */
    size_t call_count;
    struct grpc_rpc *rpcs[HELD_MAX]; /* open at the client */
    size_t rpc_count;
    int begun; /* at the server */
    int ended;
    int started; /* at the client */
    int done;
    int answered; /* done with OK and the right bytes */
};

static uint8_t bytes[BYTES_MAX];

static void forget_call(struct swarm *w, struct grpc_call *call)
{
    for (size_t i = 0; i < w->call_count; i++) {
        if (w->calls[i] == call) {
            w->calls[i] = w->calls[--w->call_count];
            w->ended++;
            return;
        }
    }
    fail();
}

static void on_start(struct grpc_call *call)
{
    struct swarm *w = grpc_call_ctx(call);
    w->begun++;
    assert_true(w->call_count < HELD_MAX);
    w->calls[w->call_count++] = call;
}

static void finish(struct swarm *w, struct grpc_call *call)
{
    forget_call(w, call);
    if (rng_chance(&w->rng, 300000)) {
        grpc_call_finish_err(call, ERR_ETCD_NO_LEADER);
        return;
    }
    if (!grpc_call_method(call)->server_streams) {
        grpc_call_send(call, slice_of(bytes, (size_t)rng_below(&w->rng, 3000)));
    }
    grpc_call_finish_ok(call);
}

static void on_message(struct grpc_call *call, struct slice message)
{
    struct swarm *w = grpc_call_ctx(call);
    assert_true(message.len <= BYTES_MAX);
    assert_true(message.len == 0 || memcmp(message.ptr, bytes, message.len) == 0);
    if (rng_chance(&w->rng, 400000)) {
        finish(w, call);
    }
}

static void on_half_closed(struct grpc_call *call)
{
    struct swarm *w = grpc_call_ctx(call);
    if (rng_chance(&w->rng, 500000)) {
        finish(w, call);
    }
}

static void on_canceled(struct grpc_call *call)
{
    forget_call(grpc_call_ctx(call), call);
}

static const struct grpc_method methods[] = {
    {.name = "Unary", .start = on_start, .message = on_message, .canceled = on_canceled},
    {.name = "Stream",
     .client_streams = true,
     .server_streams = true,
     .start = on_start,
     .message = on_message,
     .half_closed = on_half_closed,
     .canceled = on_canceled},
};
static const struct grpc_service service = {"swarm.S", methods, 2};
static const struct grpc_service *const services[] = {&service};

static void on_done(struct grpc_rpc *rpc, const struct grpc_result *result)
{
    struct swarm *w = grpc_rpc_ctx(rpc);
    w->done++;
    if (result->status == GRPC_OK) {
        assert_true(result->response.len == 0 ||
                    memcmp(result->response.ptr, bytes, result->response.len) == 0);
        w->answered++;
    }
    for (size_t i = 0; i < w->rpc_count; i++) {
        if (w->rpcs[i] == rpc) {
            w->rpcs[i] = w->rpcs[--w->rpc_count];
            return;
        }
    }
}

static void on_answer(struct grpc_rpc *rpc, struct slice message)
{
    struct swarm *w = grpc_rpc_ctx(rpc);
    assert_true(message.len == 0 || memcmp(message.ptr, bytes, message.len) == 0);
    if (rng_chance(&w->rng, 50000)) {
        grpc_rpc_cancel(rpc, ERR_CANCELED);
    }
}

static const struct grpc_rpc_events unary_events = {.done = on_done};
static const struct grpc_rpc_events stream_events = {.message = on_answer, .done = on_done};

static void start(struct swarm *w)
{
    bool unary = rng_chance(&w->rng, 600000);
    struct grpc_start how = {
        .path = slice_str(unary ? "/swarm.S/Unary" : "/swarm.S/Stream"),
        .timeout_ns = rng_range(&w->rng, 1, 100 * SEC_NS),
        .events = unary ? &unary_events : &stream_events,
    };
    struct grpc_rpc *rpc;
    if (w->rpc_count == HELD_MAX || w->call_count + w->rpc_count >= HELD_MAX) {
        return;
    }
    size_t size = (size_t)rng_below(&w->rng, rng_chance(&w->rng, 100000) ? BYTES_MAX : 300);
    int err = unary ? grpc_rpc_unary(w->client, &how, slice_of(bytes, size), &rpc)
                    : grpc_rpc_start(w->client, &how, &rpc);
    if (err == 0) {
        w->started++;
        w->rpcs[w->rpc_count++] = rpc;
    } else {
        assert_int_equal(err, ERR_CONN_CLOSED);
    }
}

static void act_on_rpc(struct swarm *w)
{
    if (w->rpc_count == 0) {
        return;
    }
    struct grpc_rpc *rpc = w->rpcs[rng_below(&w->rng, w->rpc_count)];
    uint64_t what = rng_below(&w->rng, 4);
    if (what == 0) {
        grpc_rpc_cancel(rpc, ERR_DEADLINE);
    } else if (what == 1) {
        grpc_rpc_end(rpc);
    } else {
        grpc_rpc_send(rpc, slice_of(bytes, (size_t)rng_below(&w->rng, 2000)));
    }
}

static void act_on_call(struct swarm *w)
{
    if (w->call_count == 0) {
        return;
    }
    struct grpc_call *call = w->calls[rng_below(&w->rng, w->call_count)];
    if (grpc_call_method(call)->server_streams && rng_chance(&w->rng, 700000)) {
        grpc_call_send(call, slice_of(bytes, (size_t)rng_below(&w->rng, 70000)));
    } else {
        finish(w, call);
    }
}

/* Some bytes travel in one direction. */
static void travel(struct swarm *w, bool up)
{
    struct buf *wire = up ? &w->to_server : &w->to_client;
    size_t max = (size_t)rng_below(&w->rng, 30000);
    if (up) {
        grpc_client_send(w->client, wire, max);
    } else {
        grpc_server_send(w->server, wire, max);
    }
    if (wire->len == 0) {
        return;
    }
    size_t n = 1 + (size_t)rng_below(&w->rng, rng_chance(&w->rng, 500000) ? wire->len : 20);
    n = n < wire->len ? n : wire->len;
    struct slice piece = slice_of(wire->ptr, n);
    int err = up ? grpc_server_recv(w->server, SEC_NS, piece)
                 : grpc_client_recv(w->client, SEC_NS, piece);
    assert_true(err == 0 || err == ERR_CONN_CLOSED);
    buf_consume(wire, n);
    http2_check(grpc_server_http2(w->server));
    http2_check(grpc_client_http2(w->client));
}

static void settle(struct swarm *w)
{
    for (int i = 0; i < 20000; i++) {
        bool up = (i & 1) != 0;
        travel(w, up);
    }
}

static int run(uint64_t seed)
{
    struct swarm w = {.rng = rng_stream(seed, "swarm", 0)};
    w.pool = mem_pool_new(UINT64_MAX, (int)(seed & 0xff));
    w.mem = mem_pool_mem(w.pool);
    struct grpc_client_options options;
    grpc_client_options_default(&options);
    options.authority = slice_str("a");
    w.client = grpc_client_new(w.mem, &options, NULL, &w);
    w.server = grpc_server_new(w.mem, services, 1, NULL, &w);
    buf_init(&w.to_server, w.mem);
    buf_init(&w.to_client, w.mem);
    for (int i = 0; i < STEPS; i++) {
        uint64_t what = rng_below(&w.rng, 100);
        if (what < 15) {
            start(&w);
        } else if (what < 25) {
            act_on_rpc(&w);
        } else if (what < 35) {
            act_on_call(&w);
        } else if (what == 99 && rng_chance(&w.rng, 300000)) {
            grpc_server_goaway(w.server);
        } else {
            travel(&w, what < 70);
        }
    }
    if (rng_chance(&w.rng, 300000)) {
        settle(&w);
    }
    grpc_client_free(w.client);
    grpc_server_free(w.server);
    assert_int_equal(w.started, w.done);
    assert_int_equal(w.begun, w.ended);
    assert_int_equal(w.call_count, 0);
    assert_int_equal(w.rpc_count, 0);
    buf_fini(&w.to_server);
    buf_fini(&w.to_client);
    assert_int_equal(w.mem->bytes, 0);
    mem_pool_free(w.pool);
    return w.answered;
}

static void test_every_call_ends_once_whatever_happens(void **state)
{
    (void)state;
    int answered = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 255);
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        answered += run(seed);
    }
    assert_true(answered > SEEDS); /* it was not all failures */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_ends_once_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
