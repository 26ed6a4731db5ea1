/* A connection on the server: finds methods, feeds calls, and answers what is no call. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/probe.h"
#include "call.h"

void grpc_server_options_default(struct grpc_server_options *options)
{
    options->message_max = REQUEST_BYTES_MAX + GRPC_MESSAGE_SLACK;
    http2_options_default(&options->http2);
}

static const struct grpc_service *find_service(const struct grpc_server *g, struct slice name)
{
    for (size_t i = 0; i < g->service_count; i++) {
        if (slice_eq_str(name, g->services[i]->name)) {
            return g->services[i];
        }
    }
    return NULL;
}

static const struct grpc_method *find_method(const struct grpc_service *service, struct slice name)
{
    for (size_t i = 0; i < service->count; i++) {
        if (slice_eq_str(name, service->methods[i].name)) {
            return &service->methods[i];
        }
    }
    return NULL;
}

/* NULL, and the stream is answered, if there is no such method. */
static const struct grpc_method *route(struct grpc_server *g, struct http2_stream *stream,
                                       struct slice path)
{
    struct slice name = slice_from(path, path.len > 0 && path.ptr[0] == '/');
    size_t cut = name.len;
    while (cut > 0 && name.ptr[cut - 1] != '/') {
        cut--;
    }
    struct buf text;
    buf_init(&text, g->mem);
    enum grpc_status status = GRPC_UNIMPLEMENTED;
    const struct grpc_method *found = NULL;
    if (cut == 0) {
        PROBE("grpc.malformed_method");
        status = GRPC_RESOURCE_EXHAUSTED; /* as grpc-go 1.33 has it */
        buf_add_str(&text, "malformed method name: ");
        grpc_quote(&text, path);
    } else {
        struct slice service_name = slice_of(name.ptr, cut - 1);
        struct slice method_name = slice_from(name, cut);
        const struct grpc_service *service = find_service(g, service_name);
        found = service == NULL ? NULL : find_method(service, method_name);
        if (service == NULL) {
            buf_add_str(&text, "unknown service ");
        } else if (found == NULL) {
            buf_add_str(&text, "unknown method ");
            buf_add_slice(&text, method_name);
            buf_add_str(&text, " for service ");
        }
        buf_add_slice(&text, service_name);
    }
    if (found == NULL) {
        answer_status(g, stream, status, buf_slice(&text));
    }
    buf_fini(&text);
    return found;
}

/* False, and the stream is answered, if messages would come in an encoding that we do not know. */
static bool check_encoding(struct grpc_server *g, struct http2_stream *stream)
{
    struct slice encoding;
    if (!http2_stream_field(stream, "grpc-encoding", &encoding) || encoding.len == 0 ||
        slice_eq_str(encoding, "identity")) {
        return true;
    }
    PROBE("grpc.unknown_encoding");
    struct buf text;
    buf_init(&text, g->mem);
    buf_add_str(&text, "grpc: Decompressor is not installed for grpc-encoding ");
    grpc_quote(&text, encoding);
    answer_status(g, stream, GRPC_UNIMPLEMENTED, buf_slice(&text));
    buf_fini(&text);
    return false;
}

static int64_t deadline_after(int64_t now_ns, int64_t timeout_ns)
{
    if (timeout_ns < 0) {
        return now_ns;
    }
    return timeout_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + timeout_ns;
}

static void on_request(void *ctx, struct http2_stream *stream)
{
    struct grpc_server *g = ctx;
    struct slice path = {NULL, 0};
    struct slice text;
    struct slice type;
    int64_t deadline_ns = INT64_MAX;
    bool valid = content_type(g, stream, &type) && http2_stream_field(stream, ":path", &path);
    if (valid && http2_stream_field(stream, "grpc-timeout", &text)) {
        int64_t timeout_ns;
        valid = grpc_timeout_parse(text, &timeout_ns) == 0;
        deadline_ns = valid ? deadline_after(g->now_ns, timeout_ns) : 0;
    }
    if (!valid) {
        /* What grpc-go cannot read as gRPC it resets, without an answer. */
        PROBE("grpc.not_grpc");
        http2_stream_reset(stream, HTTP2_INTERNAL_ERROR);
        return;
    }
    const struct grpc_method *method = route(g, stream, path);
    if (method == NULL || !check_encoding(g, stream)) {
        return;
    }
    struct grpc_call *call = call_new(g, stream, method);
    call->deadline_ns = deadline_ns;
    if (method->start != NULL) {
        call->known = true;
        method->start(call);
    }
}

/* The client has broken the call: the method learns that it is over before the client does. */
static void break_call(struct grpc_call *call, enum grpc_status status, struct slice text)
{
    call_tell_canceled(call);
    grpc_call_finish(call, status, text);
}

static void fail_frames(struct grpc_call *call, enum frames_next what)
{
    const struct frames *f = &call->frames;
    enum grpc_status status = GRPC_INTERNAL;
    struct buf text;
    buf_init(&text, call->g->mem);
    if (what == FRAMES_TOO_LARGE) {
        PROBE("grpc.message_too_large");
        status = GRPC_RESOURCE_EXHAUSTED;
        buf_printf(&text, "grpc: received message larger than max (%u vs. %zu)", f->length, f->max);
    } else if (what == FRAMES_COMPRESSED) {
        /* A call with an encoding other than identity was refused when it began. */
        PROBE("grpc.compressed");
        buf_add_str(&text, "grpc: compressed flag set with identity or empty encoding");
    } else {
        PROBE("grpc.bad_flag");
        buf_printf(&text, "grpc: received unexpected payload format %d", f->flag);
    }
    break_call(call, status, buf_slice(&text));
    buf_fini(&text);
}

static void on_data(void *ctx, struct http2_stream *stream, struct slice bytes)
{
    (void)ctx;
    struct grpc_call *call = http2_stream_user(stream);
    http2_stream_consume(stream, bytes.len);
    while (call != NULL && !call->fed) {
        struct slice message;
        enum frames_next next = frames_next(&call->frames, &bytes, &message);
        if (next == FRAMES_MORE) {
            return;
        }
        if (next != FRAMES_MESSAGE) {
            fail_frames(call, next);
            return;
        }
        call->fed = !call->method->client_streams;
        call->known = true;
        call->method->message(call, message);
        call = http2_stream_user(stream); /* NULL if the method has finished it */
    }
}

static void on_end(void *ctx, struct http2_stream *stream)
{
    (void)ctx;
    struct grpc_call *call = http2_stream_user(stream);
    if (call == NULL || call->fed) {
        return;
    }
    bool partial = frames_partial(&call->frames);
    if (call->method->client_streams && !partial) {
        if (call->method->half_closed != NULL) {
            call->known = true;
            call->method->half_closed(call);
        }
        return;
    }
    PROBE("grpc.cut_short");
    break_call(call, GRPC_UNKNOWN, slice_str(partial ? "unexpected EOF" : "EOF"));
}

static void on_drained(void *ctx, struct http2_stream *stream)
{
    (void)ctx;
    struct grpc_call *call = http2_stream_user(stream);
    if (call != NULL && call->method->drained != NULL) {
        call->method->drained(call);
    }
}

static void on_close(void *ctx, struct http2_stream *stream, int err, uint32_t code,
                     bool unprocessed)
{
    (void)ctx, (void)err, (void)code, (void)unprocessed;
    struct grpc_call *call = http2_stream_user(stream);
    if (call == NULL) {
        return;
    }
    PROBE("grpc.call_canceled");
    call_tell_canceled(call);
    call_free(call);
}

static const struct http2_events events = {
    .request = on_request,
    .data = on_data,
    .end = on_end,
    .drained = on_drained,
    .close = on_close,
};

struct grpc_server *grpc_server_new(struct mem *mem, const struct grpc_service *const *services,
                                    size_t count, const struct grpc_server_options *options,
                                    void *ctx)
{
    struct grpc_server_options defaults;
    grpc_server_options_default(&defaults);
    if (options == NULL) {
        options = &defaults;
    }
    struct grpc_server *g = mem_alloc(mem, sizeof(*g));
    *g = (struct grpc_server){
        .mem = mem,
        .services = services,
        .service_count = count,
        .message_max = options->message_max,
        .ctx = ctx,
    };
    buf_init(&g->scratch, mem);
    g->http2 = http2_server_new(mem, &options->http2, &events, g);
    return g;
}

void grpc_server_free(struct grpc_server *g)
{
    if (g == NULL) {
        return;
    }
    http2_close(g->http2);
    ASSERT(g->call_count == 0);
    http2_free(g->http2);
    buf_fini(&g->scratch);
    mem_free(g->mem, g);
}

int grpc_server_recv(struct grpc_server *g, int64_t now_ns, struct slice bytes)
{
    g->now_ns = now_ns;
    return http2_recv(g->http2, now_ns, bytes);
}

void grpc_server_send(struct grpc_server *g, struct buf *out, size_t max)
{
    http2_send(g->http2, out, max);
}

void grpc_server_close(struct grpc_server *g)
{
    http2_close(g->http2);
}

bool grpc_server_wants_read(const struct grpc_server *g)
{
    return http2_wants_read(g->http2);
}

bool grpc_server_wants_write(const struct grpc_server *g)
{
    return http2_wants_write(g->http2);
}

bool grpc_server_finished(const struct grpc_server *g)
{
    return http2_finished(g->http2);
}

void grpc_server_goaway(struct grpc_server *g)
{
    http2_goaway(g->http2, HTTP2_NO_ERROR);
}

size_t grpc_server_call_count(const struct grpc_server *g)
{
    return g->call_count;
}

struct http2 *grpc_server_http2(struct grpc_server *g)
{
    return g->http2;
}
