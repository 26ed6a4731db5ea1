/* A TCP connection as streams and links share it: connecting, the queue of what is to be sent,
 * reading, closing. It knows neither bytes' meaning nor the node's callbacks; its owner does,
 * through `struct sock_owner`.
 *
 * States:
 *
 *     RESOLVING -> CONNECTING -> OPEN -> FAILED
 *          \___________\__________\________\____> CLOSING -> (freed)
 *
 * Sending: what the network does not take at once is kept in chunks; one uv_write at a time carries
 * the first of them.
 */
#ifndef UV_SOCK_H
#define UV_SOCK_H

#include "link_frame.h"
#include "node.h"

enum sock_state {
    SOCK_RESOLVING,
    SOCK_CONNECTING,
    SOCK_OPEN,
    SOCK_FAILED,
    SOCK_CLOSING
};

struct sock;

/* Called outside of the node's calls; the callee enters the node. */
struct sock_owner {
    void (*opened)(struct sock *sock, int status);
    void (*bytes)(struct sock *sock, struct slice bytes);
    void (*eof)(struct sock *sock);
    void (*sent)(struct sock *sock); /* the queue became shorter */
    void (*failed)(struct sock *sock, int err);
    void (*closed)(struct sock *sock); /* frees nothing: the sock goes afterwards */
};

#define SOCK_CHUNK_BYTES 32000

struct listening;

/* libuv's handle, on its own: a name may have several addresses, and each try needs a new socket.
 */
struct sock_tcp {
    uv_tcp_t uv;
    struct uv_node *node;
    struct sock *sock; /* NULL: given up, frees itself once closed */
};

struct sock_chunk {
    struct list link;
    size_t from; /* bytes before it are sent */
    size_t len;
    size_t cap;
    uint8_t bytes[];
};

struct sock {
    struct sock_tcp *tcp;
    struct uv_node *node;
    struct list link;       /* of node->socks */
    struct list flush_link; /* of node->flush */
    const struct sock_owner *owner;
    enum sock_state state;
    bool reading;
    bool got_eof;
    bool end_asked; /* send FIN once the queue is empty */
    bool end_sent;
    bool above; /* a stream's queue was above ENV_STREAM_QUEUE_HIGH */
    bool resolving;
    bool tcp_closed;
    int failure; /* to be told by `later` */
    struct deferred later;

    struct list chunks;
    size_t chunk_count;
    size_t queued;
    size_t writing; /* the chunks that the write under way carries; 0: none is */
    uv_write_t write_req;
    uv_shutdown_t shutdown_req;

    uv_connect_t connect_req;
    uv_getaddrinfo_t resolve_req;
    struct addrinfo *addresses; /* found for the name; tried in this order */
    struct addrinfo *address_next;
    uint16_t port;

    /* Of an accepted connection on an address with links: its first bytes, by which it is told what
     * it is; a byte stream gets them with the first it reads. */
    bool hello;
    uint8_t head[LINK_PREAMBLE_LEN];
    size_t head_len;
    struct list hello_link; /* of listening->hellos */
    int64_t hello_deadline_ns;
    struct listening *listening;

    struct link_reader reader;     /* of a link */
    struct env_timer record_timer; /* of a link: the record that has begun must end */

    void *handle; /* the env_stream or env_link; NULL while and once nobody has it */
};

struct sock *sock_new(struct uv_node *node, const struct sock_owner *owner);
/* Ends in owner->opened. */
void sock_connect(struct sock *sock, const char *host, uint16_t port);
/* Takes a connection from a listening handle: 0 or an error of libuv. */
int sock_accept(struct sock *sock, uv_stream_t *listener) MUST_CHECK;
/* Puts bytes on the queue; sock_flush hands it to the network. */
void sock_gather(struct sock *sock, struct slice bytes);
void sock_flush(struct sock *sock);
/* Flushes at the end of the turn. */
void sock_flush_later(struct sock *sock);
/* The same as gather and flush, without a copy of what the network takes at once. */
void sock_send(struct sock *sock, struct slice bytes);
void sock_read(struct sock *sock, bool on);
void sock_end(struct sock *sock);
/* Everything stops at once; owner->closed follows and the sock is freed. */
void sock_close(struct sock *sock);
/* As sock_close, but the peer sees a reset. */
void sock_reset(struct sock *sock);
/* Tells owner->failed in a later turn. */
void sock_fail(struct sock *sock, int err);
/* "host:port" of the other end. */
void sock_remote(const struct sock *sock, char *out, size_t size);

void socks_flush(struct uv_node *node);
void socks_drop(struct uv_node *node);

/* Where a host lives, by the world's table; itself if it is not there. */
const char *world_address(const struct uv_world *world, const char *host);
/* A numeric address, IPv4 or IPv6, also in brackets: 0 or an error of libuv. */
int parse_address(const char *text, uint16_t port, struct sockaddr_storage *out) MUST_CHECK;

/* listen.c */
int listener_open(struct env *env, struct env_listener *listener, const char *host, uint16_t port);
void listener_close(struct env *env, struct env_listener *listener);
void listeners_drop(struct uv_node *node);

/* stream.c */
void stream_connect(struct env *env, struct env_stream *stream, const char *host, uint16_t port);
void stream_accept(struct env *env, struct env_incoming *incoming, struct env_stream *stream);
void stream_write(struct env *env, struct env_stream *stream, struct slice bytes);
size_t stream_queued(struct env *env, const struct env_stream *stream);
void stream_read(struct env *env, struct env_stream *stream, bool on);
void stream_end(struct env *env, struct env_stream *stream);
void stream_close(struct env *env, struct env_stream *stream);

/* link.c */
void link_connect(struct env *env, struct env_link *link, const char *host, uint16_t port);
void link_accept(struct env *env, struct env_incoming *incoming, struct env_link *link);
int link_send(struct env *env, struct env_link *link, struct slice record);
size_t link_queued(struct env *env, const struct env_link *link);
void link_close(struct env *env, struct env_link *link);

#endif
