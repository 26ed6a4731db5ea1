/* What nghttp2 calls while it reads the peer's bytes. */
#include "base/assert.h"
#include "base/duration.h"
#include "base/probe.h"
#include "session.h"

/* As many as etcdctl sends; then so many more each time. */
#define FIELDS_FIRST 9
#define FIELDS_MORE  8

static struct http2_stream *find(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

/* Ends one stream that the user has not heard of yet; the others go on. */
static int refuse(struct http2 *h, int32_t id, uint32_t code)
{
    int rv = nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, id, code);
    return nghttp2_is_fatal(rv) ? NGHTTP2_ERR_CALLBACK_FAILURE
                                : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    struct http2 *h = ctx;
    int32_t id = frame->hd.stream_id;
    if (frame->hd.type != NGHTTP2_HEADERS) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* nobody asked for a push */
    }
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        struct http2_stream *s = find(ng, id);
        if (s != NULL && !h->server) {
            stream_drop_fields(s);
        }
        return 0;
    }
    if (h->leaving || !budget_allows_stream(h)) {
        PROBE("http2.stream_refused");
        return refuse(h, id, HTTP2_REFUSED_STREAM);
    }
    bucket_forgive(&h->control);
    struct http2_stream *s = stream_new(h, id);
    int rv = nghttp2_session_set_stream_user_data(ng, id, s);
    ASSERT(rv == 0);
    return 0;
}

static void add_field(struct http2_stream *s, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
    if (s->field_count == s->field_cap) {
        s->field_cap += s->field_cap == 0 ? FIELDS_FIRST : FIELDS_MORE;
        s->fields = mem_resize(&s->h->account.mem, s->fields, s->field_cap * sizeof(s->fields[0]));
    }
    nghttp2_rcbuf_incref(name);
    nghttp2_rcbuf_incref(value);
    s->fields[s->field_count++] = (struct received_field){name, value};
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *ctx)
{
    (void)flags;
    struct http2 *h = ctx;
    struct http2_stream *s = find(ng, frame->hd.stream_id);
    if (s == NULL || s->reset || (h->server && s->announced)) {
        return 0;
    }
    nghttp2_vec n = nghttp2_rcbuf_get_buf(name);
    nghttp2_vec v = nghttp2_rcbuf_get_buf(value);
    if (h->server && !request_field_ok(s, slice_of(n.base, n.len), slice_of(v.base, v.len))) {
        return refuse(h, s->id, HTTP2_PROTOCOL_ERROR);
    }
    s->field_bytes += n.len + v.len;
    if (s->field_count >= h->options.fields_max || s->field_bytes > h->options.field_bytes_max) {
        PROBE("http2.fields_refused");
        return refuse(h, s->id, HTTP2_ENHANCE_YOUR_CALM);
    }
    add_field(s, name, value);
    return 0;
}

static void deliver_end(struct http2_stream *s)
{
    struct http2 *h = s->h;
    s->peer_ended = true;
    if (!s->reset && h->events.end != NULL) {
        h->events.end(h->ctx, s);
    }
}

/* :status, which nghttp2 has checked to be three digits. */
static int status_of(const struct http2_stream *s)
{
    struct slice text;
    uint64_t status;
    if (!http2_stream_field(s, ":status", &text) || slice_to_u64(text, &status) != 0) {
        return 0;
    }
    return (int)status;
}

static void on_block(struct http2_stream *s)
{
    struct http2 *h = s->h;
    if (h->server && !s->announced) {
        s->announced = true;
        s->final = true;
        if (h->events.request != NULL) {
            h->events.request(h->ctx, s);
        }
        return;
    }
    if (!h->server && !s->final) {
        int status = status_of(s);
        if (status >= 100 && status < 200) {
            PROBE("http2.informational");
            return;
        }
        s->final = true;
        if (h->events.response != NULL) {
            h->events.response(h->ctx, s, status);
        }
        return;
    }
    if (!h->server && h->events.trailers != NULL) {
        h->events.trailers(h->ctx, s);
    }
}

static int on_stream_frame(struct http2 *h, nghttp2_session *ng, const nghttp2_frame *frame)
{
    struct http2_stream *s = find(ng, frame->hd.stream_id);
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (s == NULL) {
        return 0;
    }
    if (frame->hd.type == NGHTTP2_HEADERS) {
        if (h->server && !s->announced && !request_fields_complete(s)) {
            PROBE("http2.incomplete_request");
            s->reset = true;
            return refuse(h, s->id, HTTP2_PROTOCOL_ERROR) == NGHTTP2_ERR_CALLBACK_FAILURE
                       ? NGHTTP2_ERR_CALLBACK_FAILURE
                       : 0;
        }
        if (!s->reset) {
            on_block(s);
        }
    } else if (frame->hd.length == 0 && !end && !bucket_take(&h->control, h->now_ns)) {
        PROBE("http2.empty_data_flood");
        session_fail(h, ERR_LIMIT, HTTP2_ENHANCE_YOUR_CALM);
        return 0;
    }
    if (end) {
        deliver_end(s);
    }
    return 0;
}

/* grpc-go's server: two early ones are forgiven, and nobody needs to know within two hours whether
 * a connection without calls still stands. */
#define PING_STRIKES_MAX 2
#define PING_IDLE_MIN_NS (2 * 60 * MIN_NS)

static void on_ping(struct http2 *h)
{
    int64_t min_ns = h->options.ping_min_ns;
    if (h->stream_count == 0 && min_ns > 0 && min_ns < PING_IDLE_MIN_NS) {
        min_ns = PING_IDLE_MIN_NS;
    }
    bool early = h->pinged && h->now_ns - h->pinged_ns < min_ns;
    h->pinged = true;
    h->pinged_ns = h->now_ns;
    h->ping_strikes += early ? 1 : 0;
    if (h->ping_strikes > PING_STRIKES_MAX) {
        static const char words[] = "too_many_pings";
        PROBE("http2.too_many_pings");
        int rv = nghttp2_submit_goaway(
            h->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->ng),
            HTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)words, sizeof(words) - 1);
        ASSERT(rv == 0 || h->starved);
        session_fail(h, ERR_LIMIT, HTTP2_ENHANCE_YOUR_CALM);
    }
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    struct http2 *h = ctx;
    bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA: return on_stream_frame(h, ng, frame);
    case NGHTTP2_RST_STREAM:
        if (!bucket_take(&h->resets, h->now_ns)) {
            PROBE("http2.reset_flood");
            session_fail(h, ERR_LIMIT, HTTP2_ENHANCE_YOUR_CALM);
        }
        return 0;
    case NGHTTP2_GOAWAY:
        if (h->events.goaway != NULL) {
            h->events.goaway(h->ctx, frame->goaway.error_code);
        }
        return 0;
    case NGHTTP2_WINDOW_UPDATE: return 0;
    case NGHTTP2_PING:
        if (ack) {
            if (h->events.pong != NULL) {
                h->events.pong(h->ctx, load_u64(frame->ping.opaque_data));
            }
            return 0;
        }
        on_ping(h);
        break;
    case NGHTTP2_SETTINGS:
        if (ack) {
            return 0;
        }
        h->settled = true;
        break;
    default: break;
    }
    if (!bucket_take(&h->control, h->now_ns)) {
        PROBE("http2.control_flood");
        session_fail(h, ERR_LIMIT, HTTP2_ENHANCE_YOUR_CALM);
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t len, void *ctx)
{
    (void)flags;
    struct http2 *h = ctx;
    struct http2_stream *s = find(ng, id);
    if (s == NULL || s->reset) {
        int rv = nghttp2_session_consume_connection(ng, len);
        return nghttp2_is_fatal(rv) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
    }
    bucket_forgive(&h->control);
    s->unconsumed += len;
    if (h->events.data != NULL) {
        h->events.data(h->ctx, s, slice_of(data, len));
    } else {
        http2_stream_consume(s, len);
    }
    return 0;
}

static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int rv, void *ctx)
{
    (void)ng, (void)frame, (void)rv;
    struct http2 *h = ctx;
    h->suspicious = true; /* it may have been an error of the session: find out at once */
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *ctx)
{
    struct http2 *h = ctx;
    struct http2_stream *s = find(ng, id);
    if (s == NULL) {
        return 0;
    }
    if (s->unconsumed > 0) {
        int rv = nghttp2_session_consume_connection(ng, s->unconsumed);
        if (nghttp2_is_fatal(rv)) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    }
    /* In order: what the user waits for is complete, whatever becomes of the other direction. */
    bool complete = !s->reset && code == HTTP2_NO_ERROR && (h->server ? s->ended : s->peer_ended);
    if (complete) {
        bucket_give(&h->resets);
    }
    bool unprocessed = code == HTTP2_REFUSED_STREAM && !s->reset && !s->final;
    stream_gone(s, complete ? 0 : ERR_CANCELED, code, unprocessed);
    return 0;
}

void receive_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
