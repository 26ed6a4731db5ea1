/* One HTTP/2 connection (RFC 9113), server or client side: bytes in, bytes out.
 *
 * The module knows frames, streams, header fields and flow control, and how much of them a peer may
 * ask for. It knows no socket, no clock (time is an argument) and nothing of what the streams
 * carry.
 *
 * Invariants:
 *
 * - Every stream that was announced (event `request`, or http2_request returned it) ends in exactly
 *   one event `close`; until that event returns its pointer is valid, and never after.
 *
 * - An error of one stream resets that stream and nothing else. An error of the session makes
 *   http2_recv fail, or the session finished after the next http2_send; from then on it only sends
 *   what it owes the peer (a GOAWAY).
 *
 * - What the session itself holds stays below options.memory_base + options.memory_factor times the
 *   bytes received: streams past that are refused, and at the limit the session ends. What the user
 *   wrote and the peer has not taken comes on top: http2_wants_read turns false while more than
 *   options.pending_max is ready to go and does not go, and past options.pending_refuse new streams
 *   are refused, so that a peer that never reads or opens no window cannot make its host grow.
 *
 * Events arrive during http2_recv, http2_send, http2_close and http2_free. In all of them streams
 * may be answered, written, reset and begun; http2_recv, http2_send, http2_close and http2_free may
 * not be called.
 */
#ifndef HTTP2_HTTP2_H
#define HTTP2_HTTP2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* Error codes on the wire (RFC 9113, section 7). */
enum http2_code {
    HTTP2_NO_ERROR = 0,
    HTTP2_PROTOCOL_ERROR = 1,
    HTTP2_INTERNAL_ERROR = 2,
    HTTP2_FLOW_CONTROL_ERROR = 3,
    HTTP2_SETTINGS_TIMEOUT = 4,
    HTTP2_STREAM_CLOSED = 5,
    HTTP2_FRAME_SIZE_ERROR = 6,
    HTTP2_REFUSED_STREAM = 7,
    HTTP2_CANCEL = 8,
    HTTP2_COMPRESSION_ERROR = 9,
    HTTP2_CONNECT_ERROR = 10,
    HTTP2_ENHANCE_YOUR_CALM = 11,
    HTTP2_INADEQUATE_SECURITY = 12,
    HTTP2_HTTP_1_1_REQUIRED = 13
};

/* "CANCEL"; NULL for a code that the RFC does not name. */
const char *http2_code_name(uint32_t code);

enum http2_match {
    HTTP2_MATCH_NO,
    HTTP2_MATCH_YES,
    HTTP2_MATCH_MORE /* a prefix of the preface so far */
};

#define HTTP2_PREFACE_LEN 24
/* Do the first bytes of a connection open HTTP/2 with prior knowledge (RFC 9113, section 3.4)? */
enum http2_match http2_preface_match(struct slice first);

struct http2;
struct http2_stream;

/* Fields of one block that is sent. */
#define HTTP2_SEND_FIELDS_MAX 32

/* A header field to send. Names are in lower case; pseudo-header fields come first. */
struct http2_field {
    struct slice name;
    struct slice value;
    bool lasting; /* name and value outlive the session (constants): they are not copied */
    bool rare;    /* the value will hardly come again: kept out of the compression table */
};

/* Any pointer may be NULL. */
struct http2_events {
    /* Server: the header fields of a new stream are complete; http2_stream_field reads them. */
    void (*request)(void *ctx, struct http2_stream *stream);
    /* Client: the final header fields of the answer are complete. `status` is :status. */
    void (*response)(void *ctx, struct http2_stream *stream, int status);
    /* Client: the trailers of the answer; http2_stream_field now sees those only. A server does not
     * keep the trailers of a request. */
    void (*trailers)(void *ctx, struct http2_stream *stream);
    /* Borrowed bytes of the body. They count against the windows until http2_stream_consume. */
    void (*data)(void *ctx, struct http2_stream *stream, struct slice bytes);
    /* The peer has ended its side; follows the headers, data or trailers that said so. */
    void (*end)(void *ctx, struct http2_stream *stream);
    /* All that was written to the stream has been given out; not sent once its end was asked for.
     */
    void (*drained)(void *ctx, struct http2_stream *stream);
    /* The stream is gone. err is 0 if both sides ended it in order; ERR_CANCELED if it was reset by
     * either side, with `code`; ERR_CONN_CLOSED if the connection ended first. unprocessed: the
     * peer has said that it did not act on the stream (REFUSED_STREAM, or past its GOAWAY). */
    void (*close)(void *ctx, struct http2_stream *stream, int err, uint32_t code, bool unprocessed);
    /* The peer will take no new streams. */
    void (*goaway)(void *ctx, uint32_t code);
    /* The answer to http2_ping. */
    void (*pong)(void *ctx, uint64_t opaque);
};

struct http2_options {
    uint32_t streams_max;   /* open streams of the peer; more are refused one by one */
    uint32_t streams_told;  /* what a server's SETTINGS say of it; at least streams_max */
    uint32_t fields_max;    /* header fields of one block */
    size_t field_bytes_max; /* names and values of one block, decoded */
    size_t pending_max;     /* output ready and not taken at which reading should stop */
    size_t pending_refuse;  /* output not yet given out at which new streams are refused */
    uint64_t memory_base;   /* see the invariants */
    uint32_t memory_factor;
    uint32_t resets_burst;    /* resets by the peer that are forgiven at once ... */
    uint32_t resets_per_sec;  /* ... and as time goes by; each completed stream forgives one */
    uint32_t control_burst;   /* PING, SETTINGS, PRIORITY and other frames without use, likewise */
    uint32_t control_per_sec; /* (a stream or data in between forgives all of them) */
    /* PINGs that follow one another sooner than this, or than 2 h while no stream is open, are too
     * early; the third in a row that no answer of ours parts ends the session, with the words of
     * grpc-go ("too_many_pings"). 0: any number, within the above. */
    int64_t ping_min_ns;
};

/* 4096 streams, 64 fields of 16 KiB, 1 and 16 MiB pending, 64 KiB + 8 x received, 1000 + 33/s
 * resets, 1000 + 10/s control frames. */
void http2_options_default(struct http2_options *options);

/* Copies options (NULL: the defaults) and events; borrows mem and ctx. What the session holds is
 * allocated from mem. The first output is already waiting. */
struct http2 *http2_server_new(struct mem *mem, const struct http2_options *options,
                               const struct http2_events *events, void *ctx);
struct http2 *http2_client_new(struct mem *mem, const struct http2_options *options,
                               const struct http2_events *events, void *ctx);
/* Closes what is open (see http2_close). NULL is allowed. */
void http2_free(struct http2 *h);

/* Takes bytes from the peer, all of them. now_ns is monotonic. ERR_PROTO: the peer broke the
 * protocol; ERR_LIMIT: it asked for too much. After an error, or when http2_finished: send what
 * http2_send still gives, then close the connection. */
MUST_CHECK int http2_recv(struct http2 *h, int64_t now_ns, struct slice bytes);
/* Appends output until at least max bytes were appended or there is no more; a frame is never
 * split, so up to 16 KiB + 9 more. */
void http2_send(struct http2 *h, struct buf *out, size_t max);
/* The connection is lost or given up: every open stream gets its `close` with ERR_CONN_CLOSED, in
 * the order in which they began. Nothing can be sent afterwards. Idempotent. */
void http2_close(struct http2 *h);

bool http2_wants_read(const struct http2 *h);
bool http2_wants_write(const struct http2 *h);
/* Nothing more will be read or written: close the connection. */
bool http2_finished(const struct http2 *h);

/* Graceful: no new streams are taken; the session is finished when the open ones have ended.
 * Idempotent. */
void http2_goaway(struct http2 *h, uint32_t code);
/* Hard: the session is finished as soon as this GOAWAY is sent. */
void http2_terminate(struct http2 *h, uint32_t code);
void http2_ping(struct http2 *h, uint64_t opaque);

/* The peer's SETTINGS have come: it speaks HTTP/2. */
bool http2_settled(const struct http2 *h);

/* For what the layer above keeps for the peer's sake: it then counts against the budget. */
struct mem *http2_mem(struct http2 *h);

/* Bytes written by the user or owed to the peer, not yet given out. */
size_t http2_pending(const struct http2 *h);
uint64_t http2_received(const struct http2 *h);
size_t http2_stream_count(const struct http2 *h);

/* Client: begins a stream. `end`: there will be no body. ERR_CONN_CLOSED: no more streams can be
 * begun here (GOAWAY, failure, or the numbers are used up). *stream is valid until its `close`. */
MUST_CHECK int http2_request(struct http2 *h, const struct http2_field *fields, size_t count,
                             bool end, void *user, struct http2_stream **stream);

/* Server: the answer's header fields, :status first; once. With `end` it has no body. The following
 * calls on a stream whose end was asked for, or that was reset, do nothing. */
void http2_stream_respond(struct http2_stream *s, const struct http2_field *fields, size_t count,
                          bool end);
/* Queues body bytes: copies them, or makes room for n bytes which the caller fills before its next
 * call into the session. Server: only after http2_stream_respond. */
void http2_stream_write(struct http2_stream *s, struct slice bytes);
uint8_t *http2_stream_reserve(struct http2_stream *s, size_t n);
/* After what was written: END_STREAM, or trailers that carry it. A server that ends first tells the
 * client to stop sending (RST_STREAM, NO_ERROR) as soon as its own end is sent. */
void http2_stream_end(struct http2_stream *s);
void http2_stream_trailers(struct http2_stream *s, const struct http2_field *fields, size_t count);
/* Drops what was written; `close` follows from a later http2_send (or http2_close). */
void http2_stream_reset(struct http2_stream *s, uint32_t code);
/* Gives n received body bytes back to the windows. */
void http2_stream_consume(struct http2_stream *s, size_t n);
/* Written and not yet given out. */
size_t http2_stream_pending(const struct http2_stream *s);

/* Our end is asked for and has been given out. */
bool http2_stream_ended(const struct http2_stream *s);

int32_t http2_stream_id(const struct http2_stream *s);
struct http2 *http2_stream_session(const struct http2_stream *s);
void *http2_stream_user(const struct http2_stream *s);
void http2_stream_set_user(struct http2_stream *s, void *user);
/* The first received field of that name in the current block. The bytes are borrowed until the
 * next block of the answer (client) or the close. False if there is none. */
bool http2_stream_field(const struct http2_stream *s, const char *name, struct slice *value);
size_t http2_stream_field_count(const struct http2_stream *s);
void http2_stream_field_at(const struct http2_stream *s, size_t i, struct slice *name,
                           struct slice *value);

/* Walks the session's structures; for tests. */
void http2_check(const struct http2 *h);

#endif
