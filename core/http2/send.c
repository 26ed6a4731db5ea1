/* What nghttp2 calls while it makes output: bodies go straight from a stream's buffer into the
 * caller's, without a copy in between. */
#include "base/assert.h"
#include "base/probe.h"
#include "session.h"

#define FRAME_HEAD_LEN 9

static size_t waiting(const struct http2_stream *s)
{
    return s->out.len - s->out_head;
}

/* After the last byte of a body: its trailers, which carry END_STREAM in its place. */
static void submit_trailers(struct http2_stream *s, uint32_t *flags)
{
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    int rv = nghttp2_submit_trailer(s->h->ng, s->id, s->trailers->nv, s->trailers->count);
    ASSERT(rv == 0 || s->h->starved);
    mem_free(&s->h->account.mem, s->trailers);
    s->trailers = NULL;
}

static ssize_t on_read(nghttp2_session *ng, int32_t id, uint8_t *frame, size_t length,
                       uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    (void)ng, (void)id, (void)frame, (void)ctx;
    struct http2_stream *s = source->ptr;
    size_t n = waiting(s) < length ? waiting(s) : length;
    if (n == 0 && !s->ending) {
        s->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (s->ending && n == waiting(s)) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailers != NULL) {
            submit_trailers(s, flags);
        }
    }
    return (ssize_t)n;
}

nghttp2_data_provider stream_provider(struct http2_stream *s)
{
    return (nghttp2_data_provider){{.ptr = s}, on_read};
}

static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head,
                        size_t length, nghttp2_data_source *source, void *ctx)
{
    (void)ng;
    struct http2 *h = ctx;
    struct http2_stream *s = source->ptr;
    ASSERT(h->out != NULL);
    ASSERT(frame->data.padlen == 0);
    if (s->reset) {
        PROBE("http2.body_of_reset_stream");
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it was read before and is gone now */
    }
    ASSERT(length <= waiting(s));
    if (h->relieving || h->out->len >= h->out_end) {
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    uint8_t *to = buf_reserve(h->out, FRAME_HEAD_LEN + length);
    memcpy(to, head, FRAME_HEAD_LEN);
    if (length > 0) {
        memcpy(to + FRAME_HEAD_LEN, s->out.ptr + s->out_head, length);
        bucket_forgive(&h->control);
        h->ping_strikes = 0;
    }
    h->out->len += FRAME_HEAD_LEN + length;
    s->out_head += length;
    h->pending -= length;
    if (waiting(s) == 0) {
        s->out_head = 0;
        buf_clear(&s->out);
        if (!s->ending) {
            list_remove(&s->drained);
            list_push_back(&h->drained, &s->drained);
        }
    }
    return 0;
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    struct http2 *h = ctx;
    bool body = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!body || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        return 0;
    }
    struct http2_stream *s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    if (s == NULL) {
        return 0;
    }
    s->ended = true;
    if (h->server && !s->peer_ended) {
        /* The answer is complete; the rest of the request is not wanted (RFC 9113, 8.1). */
        PROBE("http2.answered_early");
        int rv = nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, s->id, HTTP2_NO_ERROR);
        ASSERT(rv == 0 || h->starved);
    }
    return 0;
}

/* nghttp2 ends a session by a GOAWAY of its own when the peer breaks the protocol. */
static int before_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    (void)ng;
    struct http2 *h = ctx;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != HTTP2_NO_ERROR &&
        h->error == 0 && !h->leaving) {
        h->error = ERR_PROTO;
    }
    return 0;
}

void send_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_before_frame_send_callback(callbacks, before_frame_send);
}
