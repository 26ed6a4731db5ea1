/* What the server answers to clients that are not ours: field by field as grpc-go 1.33 answered in
 * etcd 3.4.23 when it was asked the same. */
#include "grpc/server.h"
#include "unit/core/http2/pair.h"

struct peer {
    struct side client;
    struct grpc_server *server;
    const char *type;
    const char *timeout;
    const char *encoding;
};

static void all_fields(struct side *side, struct http2_stream *s)
{
    for (size_t i = 0; i < http2_stream_field_count(s); i++) {
        struct slice name;
        struct slice value;
        http2_stream_field_at(s, i, &name, &value);
        buf_printf(&side->log, "%.*s: %.*s\n", (int)name.len, (const char *)name.ptr,
                   (int)value.len, (const char *)value.ptr);
    }
}

static void see_response(void *ctx, struct http2_stream *s, int status)
{
    (void)status;
    all_fields(ctx, s);
}

static void see_trailers(void *ctx, struct http2_stream *s)
{
    buf_add_str(&((struct side *)ctx)->log, "--\n");
    all_fields(ctx, s);
}

static void see_data(void *ctx, struct http2_stream *s, struct slice bytes)
{
    struct side *side = ctx;
    buf_printf(&side->log, "%zu bytes\n", bytes.len);
    http2_stream_consume(s, bytes.len);
}

static void see_close(void *ctx, struct http2_stream *s, int err, uint32_t code, bool unprocessed)
{
    struct side *side = ctx;
    (void)s, (void)unprocessed;
    if (err != 0) {
        buf_printf(&side->log, "reset %s\n", http2_code_name(code));
    }
}

static const struct http2_events events = {
    .response = see_response, .trailers = see_trailers, .data = see_data, .close = see_close};

static void echo(struct grpc_call *call, struct slice message)
{
    grpc_call_send(call, message);
    if (grpc_call_deadline_ns(call) <= SEC_NS) {
        grpc_call_finish(call, GRPC_DEADLINE_EXCEEDED, slice_str("late"));
    } else {
        grpc_call_finish_ok(call);
    }
}

static const struct grpc_method methods[] = {{.name = "Range", .message = echo}};
static const struct grpc_service kv = {"etcdserverpb.KV", methods, 1};
static const struct grpc_service *const services[] = {&kv};

static void peer_run(struct peer *p)
{
    struct buf wire;
    buf_init(&wire, mem_pool_mem(p->client.pool));
    do {
        buf_clear(&wire);
        http2_send(p->client.h, &wire, SIZE_MAX);
        assert_int_equal(grpc_server_recv(p->server, SEC_NS, buf_slice(&wire)), 0);
        buf_clear(&wire);
        grpc_server_send(p->server, &wire, SIZE_MAX);
        assert_int_equal(http2_recv(p->client.h, SEC_NS, buf_slice(&wire)), 0);
    } while (wire.len > 0);
    buf_fini(&wire);
}

/* One request on a fresh connection: what came back, as text. */
static void check(const struct peer *how, const char *path, struct slice body, const char *expected)
{
    struct peer p = *how;
    memset(&p.client, 0, sizeof(p.client));
    p.client.pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem *mem = mem_pool_mem(p.client.pool);
    p.client.h = http2_client_new(mem, NULL, &events, &p.client);
    buf_init(&p.client.log, mem);
    buf_init(&p.client.body, mem);
    p.server = grpc_server_new(mem, services, 1, NULL, NULL);
    struct http2_field fields[8] = {
        pair_named(":method", "POST"), pair_named(":scheme", "http"), pair_named(":path", path),
        pair_named(":authority", "a"), pair_named("te", "trailers"),
    };
    size_t n = 5;
    if (p.type != NULL) {
        fields[n++] = pair_named("content-type", p.type);
    }
    if (p.timeout != NULL) {
        fields[n++] = pair_named("grpc-timeout", p.timeout);
    }
    if (p.encoding != NULL) {
        fields[n++] = pair_named("grpc-encoding", p.encoding);
    }
    struct http2_stream *stream;
    assert_int_equal(http2_request(p.client.h, fields, n, false, NULL, &stream), 0);
    http2_stream_write(stream, body);
    http2_stream_end(stream);
    peer_run(&p);
    assert_string_equal(buf_cstr(&p.client.log), expected);
    grpc_server_free(p.server);
    side_fini(&p.client);
}

#define HEAD  ":status: 200\ncontent-type: application/grpc\n"
#define OK    HEAD "5 bytes\n--\ngrpc-status: 0\ngrpc-message: \n"
#define RANGE "/etcdserverpb.KV/Range"

static const struct peer plain = {.type = "application/grpc"};

static struct slice zeros(size_t n)
{
    static const uint8_t bytes[16];
    return slice_of(bytes, n);
}

static void test_answers_have_the_fields_of_etcd_in_their_order(void **state)
{
    (void)state;
    check(&plain, RANGE, zeros(5), OK);
    check(&plain, "/etcdserverpb.KV/Nope", zeros(5),
          HEAD "grpc-status: 12\ngrpc-message: unknown method Nope for service etcdserverpb.KV\n");
    check(&plain, "/foo.Bar/Baz", zeros(5),
          HEAD "grpc-status: 12\ngrpc-message: unknown service foo.Bar\n");
    check(&plain, "/foo", zeros(5),
          HEAD "grpc-status: 8\ngrpc-message: malformed method name: \"/foo\"\n");
    check(&plain, "/etcdserverpb.KV/N%25ope", zeros(5),
          HEAD "grpc-status: 12\n"
               "grpc-message: unknown method N%2525ope for service etcdserverpb.KV\n");
}

static void test_bodies_that_are_no_message_are_answered_in_grpc_gos_words(void **state)
{
    (void)state;
    check(&plain, RANGE, zeros(0), HEAD "grpc-status: 2\ngrpc-message: EOF\n");
    check(&plain, RANGE, zeros(3), HEAD "grpc-status: 2\ngrpc-message: unexpected EOF\n");
    check(&plain, RANGE, slice_of("\0\0\0\0\5ab", 7),
          HEAD "grpc-status: 2\ngrpc-message: unexpected EOF\n");
    check(&plain, RANGE, slice_of("\1\0\0\0\0", 5),
          HEAD "grpc-status: 13\n"
               "grpc-message: grpc: compressed flag set with identity or empty encoding\n");
    check(&plain, RANGE, slice_of("\2\0\0\0\0", 5),
          HEAD "grpc-status: 13\ngrpc-message: grpc: received unexpected payload format 2\n");
    check(&plain, RANGE, slice_of("\0\xff\0\0\0", 5),
          HEAD "grpc-status: 8\n"
               "grpc-message: grpc: received message larger than max (4278190080 vs. 2097152)\n");
    check(&plain, RANGE, zeros(10), OK); /* a second message is not looked at */
}

static void test_encodings_that_are_not_installed_are_named(void **state)
{
    (void)state;
    struct peer how = {.type = "application/grpc", .encoding = "gzip"};
    check(&how, RANGE, zeros(5),
          HEAD "grpc-status: 12\n"
               "grpc-message: grpc: Decompressor is not installed for grpc-encoding \"gzip\"\n");
    how.encoding = "identity";
    check(&how, RANGE, zeros(5), OK);
}

static void test_subtypes_are_echoed_and_other_types_are_cut_off(void **state)
{
    (void)state;
    struct peer how = {.type = "application/grpc+proto"};
    check(&how, RANGE, zeros(5),
          ":status: 200\ncontent-type: application/grpc+proto\n5 bytes\n--\n"
          "grpc-status: 0\ngrpc-message: \n");
    how.type = "application/grpc;x";
    check(&how, "/foo.Bar/Baz", zeros(5),
          ":status: 200\ncontent-type: application/grpc+x\n"
          "grpc-status: 12\ngrpc-message: unknown service foo.Bar\n");
    static const char *const bad[] = {"application/json", "application/grpcx", NULL};
    for (size_t i = 0; i < 3; i++) {
        how.type = bad[i];
        check(&how, RANGE, zeros(5), "reset INTERNAL_ERROR\n");
    }
}

static void test_malformed_timeouts_are_cut_off(void **state)
{
    (void)state;
    struct peer how = plain;
    static const char *const bad[] = {"5", "5x", "123456789S", "S"};
    for (size_t i = 0; i < 4; i++) {
        how.timeout = bad[i];
        check(&how, RANGE, zeros(5), "reset INTERNAL_ERROR\n");
    }
    how.timeout = "99999999H";
    check(&how, RANGE, zeros(5), OK);
    static const char *const over[] = {"0n", "-5S"};
    for (size_t i = 0; i < 2; i++) {
        how.timeout = over[i];
        check(&how, RANGE, zeros(5), HEAD "5 bytes\n--\ngrpc-status: 4\ngrpc-message: late\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_have_the_fields_of_etcd_in_their_order),
        cmocka_unit_test(test_bodies_that_are_no_message_are_answered_in_grpc_gos_words),
        cmocka_unit_test(test_encodings_that_are_not_installed_are_named),
        cmocka_unit_test(test_subtypes_are_echoed_and_other_types_are_cut_off),
        cmocka_unit_test(test_malformed_timeouts_are_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
