/* What a method does with its call: answers of grpc-go 1.33, field by field. */
#include "call.h"

#include "base/assert.h"
#include "base/fmt.h"
#include "base/probe.h"

#define BASE_TYPE      "application/grpc"
#define STATUS_LEN_MAX 12

struct grpc_call *call_new(struct grpc_server *g, struct http2_stream *stream,
                           const struct grpc_method *method)
{
    struct mem *mem = http2_mem(g->http2);
    struct grpc_call *call = mem_alloc(mem, sizeof(*call));
    *call = (struct grpc_call){.g = g, .stream = stream, .method = method};
    frames_init(&call->frames, mem, g->message_max);
    http2_stream_set_user(stream, call);
    g->call_count++;
    return call;
}

void call_free(struct grpc_call *call)
{
    struct grpc_server *g = call->g;
    ASSERT(g->call_count > 0);
    g->call_count--;
    http2_stream_set_user(call->stream, NULL);
    frames_fini(&call->frames);
    mem_free(http2_mem(g->http2), call);
}

void call_tell_canceled(struct grpc_call *call)
{
    call->canceled = true;
    if (call->known && call->method->canceled != NULL) {
        call->method->canceled(call);
    }
    call->canceled = false;
}

bool content_type(struct grpc_server *g, const struct http2_stream *stream, struct slice *type)
{
    struct slice sent;
    if (!http2_stream_field(stream, "content-type", &sent) || !slice_starts_with(sent, BASE_TYPE)) {
        return false;
    }
    struct slice rest = slice_from(sent, sizeof(BASE_TYPE) - 1);
    if (rest.len > 0 && rest.ptr[0] != '+' && rest.ptr[0] != ';') {
        return false;
    }
    *type = slice_str(BASE_TYPE);
    if (rest.len > 1) {
        buf_clear(&g->scratch);
        buf_add_str(&g->scratch, BASE_TYPE "+");
        buf_add_slice(&g->scratch, slice_from(rest, 1));
        *type = buf_slice(&g->scratch);
    }
    return true;
}

static struct http2_field lasting(const char *name, const char *value)
{
    return (struct http2_field){slice_str(name), slice_str(value), true, false};
}

/* The first two fields of every answer. `type` is a constant unless the client sent a subtype. */
static size_t head_fields(struct grpc_server *g, const struct http2_stream *stream,
                          struct http2_field *fields)
{
    struct slice type = {NULL, 0};
    bool grpc = content_type(g, stream, &type);
    ASSERT(grpc);
    fields[0] = lasting(":status", "200");
    bool constant = type.ptr != g->scratch.ptr;
    fields[1] = (struct http2_field){slice_str("content-type"), type, constant, false};
    return 2;
}

/* The last two. The encoded text stays in `text` until it is sent; digits has STATUS_LEN_MAX. */
static size_t tail_fields(enum grpc_status status, char *digits, struct slice text,
                          struct http2_field *fields)
{
    if (status == GRPC_OK) {
        fields[0] = lasting("grpc-status", "0");
    } else {
        size_t len = fmt(digits, STATUS_LEN_MAX, "%d", (int)status);
        fields[0] =
            (struct http2_field){slice_str("grpc-status"), slice_of(digits, len), false, false};
    }
    if (text.len == 0) {
        fields[1] = lasting("grpc-message", "");
    } else {
        fields[1] = (struct http2_field){slice_str("grpc-message"), text, false, false};
    }
    return 2;
}

void answer_status(struct grpc_server *g, struct http2_stream *stream, enum grpc_status status,
                   struct slice text)
{
    struct buf encoded;
    char digits[STATUS_LEN_MAX];
    struct http2_field fields[4];
    buf_init(&encoded, g->mem);
    grpc_message_encode(&encoded, text);
    size_t count = head_fields(g, stream, fields);
    count += tail_fields(status, digits, buf_slice(&encoded), fields + count);
    http2_stream_respond(stream, fields, count, true);
    buf_fini(&encoded);
}

static void respond(struct grpc_call *call)
{
    struct http2_field fields[2];
    size_t count = head_fields(call->g, call->stream, fields);
    call->responded = true;
    http2_stream_respond(call->stream, fields, count, false);
}

uint8_t *grpc_call_reserve(struct grpc_call *call, size_t len)
{
    ASSERT(!call->canceled);
    if (!call->responded) {
        respond(call);
    }
    uint8_t *to = http2_stream_reserve(call->stream, GRPC_PREFIX_LEN + len);
    frames_prefix(to, len);
    return to + GRPC_PREFIX_LEN;
}

void grpc_call_send(struct grpc_call *call, struct slice message)
{
    uint8_t *to = grpc_call_reserve(call, message.len);
    if (message.len > 0) {
        memcpy(to, message.ptr, message.len);
    }
}

void grpc_call_finish(struct grpc_call *call, enum grpc_status status, struct slice text)
{
    ASSERT(!call->canceled);
    if (!call->responded) {
        answer_status(call->g, call->stream, status, text);
    } else {
        struct buf encoded;
        char digits[STATUS_LEN_MAX];
        struct http2_field fields[2];
        buf_init(&encoded, call->g->mem);
        grpc_message_encode(&encoded, text);
        size_t count = tail_fields(status, digits, buf_slice(&encoded), fields);
        http2_stream_trailers(call->stream, fields, count);
        buf_fini(&encoded);
    }
    call_free(call);
}

void grpc_call_finish_ok(struct grpc_call *call)
{
    grpc_call_finish(call, GRPC_OK, slice_of(NULL, 0));
}

void grpc_call_finish_err(struct grpc_call *call, int err)
{
    ASSERT(err < 0);
    grpc_call_finish(call, err_grpc(err), slice_str(err_text(err)));
}

size_t grpc_call_pending(const struct grpc_call *call)
{
    return http2_stream_pending(call->stream);
}

void *grpc_call_ctx(const struct grpc_call *call)
{
    return call->g->ctx;
}

void *grpc_call_user(const struct grpc_call *call)
{
    return call->user;
}

void grpc_call_set_user(struct grpc_call *call, void *user)
{
    call->user = user;
}

const struct grpc_method *grpc_call_method(const struct grpc_call *call)
{
    return call->method;
}

int64_t grpc_call_deadline_ns(const struct grpc_call *call)
{
    return call->deadline_ns;
}

bool grpc_call_metadata(const struct grpc_call *call, const char *name, struct slice *value)
{
    return http2_stream_field(call->stream, name, value);
}
