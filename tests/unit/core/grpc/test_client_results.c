/* What the client makes of servers that are not ours: statuses and texts of grpc-go 1.33. */
#include "grpc/client.h"
#include "grpc/wire.h"
#include "unit/core/http2/pair.h"

struct peer {
    struct side server;
    struct grpc_client *client;
    struct buf log;
    const char *fields[8]; /* name, value, ... of the answer; its first block */
    const char *trailers[4];
    size_t message_max; /* of the client; 0: its default */
    struct slice body;
    bool end;            /* the first block ends the stream */
    bool end_body;       /* the body does */
    uint32_t reset_code; /* UINT32_MAX: none */
};

static size_t to_fields(const char *const *pairs, struct http2_field *fields)
{
    size_t n = 0;
    for (; pairs[2 * n] != NULL; n++) {
        fields[n] = pair_named(pairs[2 * n], pairs[2 * n + 1]);
    }
    return n;
}

static void on_request(struct side *side, struct http2_stream *s)
{
    struct peer *p = container_of(side, struct peer, server);
    struct http2_field fields[4];
    buf_clear(&p->log);
    for (size_t i = 0; i < http2_stream_field_count(s); i++) {
        struct slice name;
        struct slice value;
        http2_stream_field_at(s, i, &name, &value);
        buf_printf(&p->log, "%.*s: %.*s\n", (int)name.len, (const char *)name.ptr, (int)value.len,
                   (const char *)value.ptr);
    }
    if (p->fields[0] != NULL) {
        http2_stream_respond(s, fields, to_fields(p->fields, fields), p->end);
        http2_stream_write(s, p->body);
        if (p->end_body) {
            http2_stream_end(s);
        }
        if (p->trailers[0] != NULL) {
            http2_stream_trailers(s, fields, to_fields(p->trailers, fields));
        }
    }
    if (p->reset_code != UINT32_MAX) {
        http2_stream_reset(s, p->reset_code);
    }
}

static void on_done(struct grpc_rpc *rpc, const struct grpc_result *result)
{
    struct peer *p = grpc_rpc_ctx(rpc);
    buf_clear(&p->log);
    const char *name = grpc_status_name((int)result->status);
    buf_printf(&p->log, "%s: %.*s%s", name != NULL ? name : "?", (int)result->text.len,
               (const char *)result->text.ptr, result->unprocessed ? " (unprocessed)" : "");
}

static const struct grpc_rpc_events rpc_events = {.done = on_done};

static void peer_init(struct peer *p)
{
    side_init(&p->server, true, NULL);
    p->server.on_request = on_request;
    struct mem *mem = mem_pool_mem(p->server.pool);
    struct grpc_client_options options;
    grpc_client_options_default(&options);
    options.authority = slice_str("127.0.0.1:2379");
    options.user_agent = slice_str("grpc-go/1.33.3");
    if (p->message_max > 0) {
        options.message_max = p->message_max;
    }
    p->client = grpc_client_new(mem, &options, NULL, p);
    buf_init(&p->log, mem);
}

static void peer_fini(struct peer *p)
{
    grpc_client_free(p->client);
    buf_fini(&p->log);
    side_fini(&p->server);
}

static void peer_run(struct peer *p)
{
    struct buf wire;
    size_t moved;
    buf_init(&wire, mem_pool_mem(p->server.pool));
    do {
        buf_clear(&wire);
        grpc_client_send(p->client, &wire, SIZE_MAX);
        moved = wire.len;
        assert_int_equal(http2_recv(p->server.h, SEC_NS, buf_slice(&wire)), 0);
        buf_clear(&wire);
        http2_send(p->server.h, &wire, SIZE_MAX);
        moved += wire.len;
        assert_int_equal(grpc_client_recv(p->client, SEC_NS, buf_slice(&wire)), 0);
    } while (moved > 0);
    buf_fini(&wire);
}

static void check(struct peer how, const char *expected)
{
    struct peer p = how;
    peer_init(&p);
    struct grpc_rpc *rpc;
    struct grpc_start start = {
        .path = slice_str("/a/b"), .timeout_ns = INT64_MAX, .events = &rpc_events};
    assert_int_equal(grpc_rpc_unary(p.client, &start, slice_str("x"), &rpc), 0);
    peer_run(&p);
    assert_string_equal(buf_cstr(&p.log), expected);
    assert_int_equal(grpc_client_call_count(p.client), 0);
    assert_int_equal(http2_stream_count(grpc_client_http2(p.client)), 0);
    peer_fini(&p);
}

#define GRPC_HEAD                                                  \
    {                                                              \
        ":status", "200", "content-type", "application/grpc", NULL \
    }

static void test_request_has_the_fields_of_etcdctl(void **state)
{
    (void)state;
    struct peer p = {.reset_code = UINT32_MAX};
    struct grpc_rpc *rpc;
    struct grpc_metadata metadata[] = {{slice_str("client-api-version"), slice_str("3.4")}};
    struct grpc_start start = {.path = slice_str("/etcdserverpb.KV/Put"),
                               .timeout_ns = 4995082000,
                               .metadata = metadata,
                               .metadata_count = 1,
                               .events = &rpc_events};
    peer_init(&p);
    assert_int_equal(grpc_rpc_unary(p.client, &start, slice_str("x"), &rpc), 0);
    peer_run(&p);
    assert_string_equal(buf_cstr(&p.log),
                        ":method: POST\n:scheme: http\n:path: /etcdserverpb.KV/Put\n"
                        ":authority: 127.0.0.1:2379\ncontent-type: application/grpc\n"
                        "user-agent: grpc-go/1.33.3\nte: trailers\ngrpc-timeout: 4995082u\n"
                        "client-api-version: 3.4\n");
    assert_int_equal(p.server.body.len, 6);
    peer_fini(&p);
}

static void test_answers_that_are_not_grpc_give_their_http_status(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        const char *type;
        const char *expected;
    } cases[] = {
        {"404", "text/plain",
         "Unimplemented: Not Found: HTTP status code 404; transport: received the unexpected "
         "content-type \"text/plain\""},
        {"503", "text/html",
         "Unavailable: Service Unavailable: HTTP status code 503; transport: received the "
         "unexpected content-type \"text/html\""},
        {"200", "text/plain",
         "Unknown: OK: HTTP status code 200; transport: received the unexpected content-type "
         "\"text/plain\""},
        {"401", NULL,
         "Unauthenticated: Unauthorized: HTTP status code 401; transport: missing content-type "
         "field"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct peer how = {.end = true, .reset_code = UINT32_MAX};
        how.fields[0] = ":status";
        how.fields[1] = cases[i].status;
        how.fields[2] = cases[i].type != NULL ? "content-type" : NULL;
        how.fields[3] = cases[i].type;
        check(how, cases[i].expected);
    }
}

static void test_reset_codes_become_statuses(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *expected;
    } cases[] = {
        {HTTP2_NO_ERROR, "Internal: stream terminated by RST_STREAM with error code: NO_ERROR"},
        {HTTP2_INTERNAL_ERROR,
         "Internal: stream terminated by RST_STREAM with error code: INTERNAL_ERROR"},
        {HTTP2_REFUSED_STREAM, "Unavailable: stream terminated by RST_STREAM with error code: "
                               "REFUSED_STREAM (unprocessed)"},
        {HTTP2_CANCEL, "Canceled: stream terminated by RST_STREAM with error code: CANCEL"},
        {HTTP2_ENHANCE_YOUR_CALM, "ResourceExhausted: stream terminated by RST_STREAM with error "
                                  "code: ENHANCE_YOUR_CALM"},
        {HTTP2_INADEQUATE_SECURITY, "PermissionDenied: stream terminated by RST_STREAM with error "
                                    "code: INADEQUATE_SECURITY"},
        {99, "Unknown: stream terminated by RST_STREAM with error code: unknown error code 0x63"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check((struct peer){.reset_code = cases[i].code}, cases[i].expected);
    }
}

static void test_answers_without_proper_end_are_internal_errors(void **state)
{
    (void)state;
    struct peer how = {.fields = GRPC_HEAD,
                       .body = slice_of("\0\0\0\0\1x", 6),
                       .end_body = true,
                       .reset_code = UINT32_MAX};
    check(how, "Internal: server closed the stream without sending trailers");
    how.end_body = false;
    how.trailers[0] = "grpc-message";
    how.trailers[1] = "lost";
    check(how, "Unknown: ");
    how.trailers[0] = "grpc-status";
    how.trailers[1] = "x";
    check(how, "Internal: transport: malformed grpc-status: \"x\"");
    how.trailers[1] = "0";
    check(how, "OK: ");
    how.body = slice_of("\0\0\0\0\2x", 6);
    check(how, "Internal: EOF");
    how.body = slice_of("\0\0\0\0\1x\0\0", 8);
    check(how, "Internal: unexpected EOF");
    how.body = slice_of("\0\0\0\0\1x\0\0\0\0\0", 11);
    check(how, "Internal: grpc: client streaming protocol violation. get <nil>, want <EOF>");
    how.body = slice_of("\1\0\0\0\1x", 6);
    check(how, "Internal: grpc: compressed flag set with identity or empty encoding");
}

static void test_answer_past_the_limit_is_refused(void **state)
{
    (void)state;
    struct peer how = {.fields = GRPC_HEAD,
                       .trailers = {"grpc-status", "0", NULL},
                       .body = slice_of("\0\0\0\0\5hello", 10),
                       .message_max = 4,
                       .reset_code = UINT32_MAX};
    check(how, "ResourceExhausted: grpc: received message larger than max (5 vs. 4)");
    how.message_max = 5;
    check(how, "OK: ");
}

static void test_status_of_the_server_wins_over_its_reset(void **state)
{
    (void)state;
    struct peer how = {
        .fields = {":status", "200", "content-type", "application/grpc", "grpc-status", "14", NULL},
        .end = true,
        .reset_code = UINT32_MAX};
    check(how, "Unavailable: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_has_the_fields_of_etcdctl),
        cmocka_unit_test(test_answers_that_are_not_grpc_give_their_http_status),
        cmocka_unit_test(test_reset_codes_become_statuses),
        cmocka_unit_test(test_answers_without_proper_end_are_internal_errors),
        cmocka_unit_test(test_answer_past_the_limit_is_refused),
        cmocka_unit_test(test_status_of_the_server_wins_over_its_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
