/* Inside of the module: the session, its streams, and the guards that bound them.
 *
 * nghttp2 does the framing. Its allocations pass through `struct account`, so that the session
 * knows at any moment what it holds; while bytes of the peer are being read an allocation past the
 * budget fails, which ends the session and nothing else.
 */
#ifndef HTTP2_SESSION_H
#define HTTP2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "http2/http2.h"

/* A `struct mem` that counts what passes through it to its parent. */
struct account {
    struct mem mem;
    struct mem *parent;
};

/* So many events at once, and so many more a second. */
struct bucket {
    int64_t level_ns;  /* tokens * SEC_NS */
    int64_t filled_ns; /* when it was last topped up */
    uint32_t burst;
    uint32_t per_sec;
};

struct received_field {
    nghttp2_rcbuf *name;
    nghttp2_rcbuf *value;
};

/* A block of fields that goes out later: an array of nghttp2_nv and the bytes it points to. */
struct field_block {
    size_t count;
    nghttp2_nv nv[];
};

struct http2_stream {
    struct http2 *h;
    struct list link;    /* h->streams, in the order in which they began */
    struct list drained; /* h->drained, or alone */
    void *user;
    struct received_field *fields;
    uint32_t field_count;
    uint32_t field_cap;
    size_t field_bytes;
    struct buf out; /* from out_head on: written, not yet given out */
    size_t out_head;
    struct field_block *trailers;
    size_t granted;    /* to the budget: what our own request holds */
    size_t unconsumed; /* received body bytes that still count against the windows */
    int32_t id;
    bool announced;  /* the user knows it and will see its close */
    bool responded;  /* header fields went into the queue */
    bool final;      /* client: the fields of the final answer have come */
    bool ending;     /* the user has asked for the end */
    bool ended;      /* our end has been given out */
    bool peer_ended; /* the peer's end has come */
    bool reset;      /* by us: no more events but close */
    bool deferred;   /* nghttp2 waits for data */
    uint8_t pseudo;  /* server: which of them have come; see fields.c */
};

struct http2 {
    struct account account; /* first: a `struct mem *` of it is the session */
    nghttp2_session *ng;
    const struct http2_events events;
    void *ctx;
    struct http2_options options;
    bool server;
    bool closed;    /* http2_close was called */
    bool receiving; /* the budget is enforced */
    bool starved;   /* an allocation was refused */
    bool suspicious;
    bool settled; /* the peer's SETTINGS have come */
    bool leaving; /* http2_goaway was called */
    int error;    /* of the session; the first one */
    uint64_t received;
    uint64_t granted; /* sum over the streams */
    int64_t now_ns;
    size_t pending; /* sum over the streams */
    size_t stream_count;
    struct list streams;
    struct list drained;
    struct buf early; /* output taken out of nghttp2 ahead of http2_send; counts as held */
    struct buf *out;  /* while sending */
    size_t out_end;   /* fill it to here */
    bool relieving;   /* control frames only: stop at the first body */
    struct bucket resets;
    struct bucket control;
    int64_t pinged_ns;     /* when the peer's last PING came */
    uint32_t ping_strikes; /* early ones in a row */
    bool pinged;
};

/* account.c */
void account_init(struct account *a, struct mem *parent);
nghttp2_mem account_nghttp2(struct http2 *h);
/* May the peer have one more stream? */
bool budget_allows_stream(const struct http2 *h);
/* Is so much held that output had better be taken out of nghttp2's queue; or will it be, before so
 * many more bytes are read? */
bool budget_is_tight(const struct http2 *h, size_t bytes);
void bucket_init(struct bucket *b, uint32_t burst, uint32_t per_sec);
/* Takes one token; false if there is none. */
bool bucket_take(struct bucket *b, int64_t now_ns);
/* Gives one token back, or all. */
void bucket_give(struct bucket *b);
void bucket_forgive(struct bucket *b);

/* receive.c, send.c: what nghttp2 calls */
void receive_callbacks(nghttp2_session_callbacks *callbacks);
void send_callbacks(nghttp2_session_callbacks *callbacks);

/* fields.c */
/* May this field of a request stand here? Notes it. */
bool request_field_ok(struct http2_stream *s, struct slice name, struct slice value);
/* Has the block all that a request needs? */
bool request_fields_complete(const struct http2_stream *s);

/* session.c */
/* Notes the session's first error and queues a GOAWAY. */
void session_fail(struct http2 *h, int err, uint32_t code);
/* Takes control frames out of nghttp2's queue into `early`. */
void session_relieve(struct http2 *h);

/* stream.c */
struct http2_stream *stream_new(struct http2 *h, int32_t id);
/* Delivers `close` if the user knows the stream, and frees it. */
void stream_gone(struct http2_stream *s, int err, uint32_t code, bool unprocessed);
/* Forgets the received fields. */
void stream_drop_fields(struct http2_stream *s);
nghttp2_data_provider stream_provider(struct http2_stream *s);
void field_to_nv(const struct http2_field *field, nghttp2_nv *nv);

#endif
