/* Byte streams: env_stream on a sock. */
#include "base/assert.h"
#include "sock.h"

static struct env_stream *stream_of(struct sock *sock)
{
    return sock->handle;
}

static void opened(struct sock *sock, int status)
{
    if (status == 0) {
        sock_read(sock, sock->reading);
    }
    NODE_CALL(sock->node, stream_of(sock)->events->opened(stream_of(sock), status));
}

static void bytes(struct sock *sock, struct slice bytes)
{
    NODE_CALL(sock->node, stream_of(sock)->events->data(stream_of(sock), bytes));
}

static void eof(struct sock *sock)
{
    NODE_CALL(sock->node, stream_of(sock)->events->eof(stream_of(sock)));
}

static void sent(struct sock *sock)
{
    struct env_stream *stream = stream_of(sock);
    if (sock->above && sock->queued <= (size_t)ENV_STREAM_QUEUE_HIGH / 2) {
        sock->above = false;
        if (!sock->node->exiting && stream->events->drained != NULL) {
            NODE_CALL(sock->node, stream->events->drained(stream));
        }
    }
}

static void failed(struct sock *sock, int err)
{
    NODE_CALL(sock->node, stream_of(sock)->events->failed(stream_of(sock), err));
}

static void tell_closed(struct env_stream *stream)
{
    stream->impl = NULL;
    stream->events->closed(stream);
}

static void closed(struct sock *sock)
{
    if (sock->handle != NULL) {
        NODE_CALL(sock->node, tell_closed(stream_of(sock)));
    }
}

static const struct sock_owner stream_owner = {opened, bytes, eof, sent, failed, closed};

void stream_connect(struct env *env, struct env_stream *stream, const char *host, uint16_t port)
{
    struct sock *sock = sock_new(node_of(env), &stream_owner);
    sock->handle = stream;
    sock->reading = true;
    stream->impl = sock;
    sock_connect(sock, host, port);
}

void stream_accept(struct env *env, struct env_incoming *incoming, struct env_stream *stream)
{
    (void)env;
    struct sock *sock = incoming->impl;
    incoming->impl = NULL;
    sock->owner = &stream_owner;
    sock->handle = stream;
    stream->impl = sock;
    sock_read(sock, true);
}

void stream_write(struct env *env, struct env_stream *stream, struct slice bytes)
{
    (void)env;
    struct sock *sock = stream->impl;
    sock_send(sock, bytes);
    if (sock->queued > (size_t)ENV_STREAM_QUEUE_HIGH) {
        sock->above = true;
    }
}

size_t stream_queued(struct env *env, const struct env_stream *stream)
{
    (void)env;
    const struct sock *sock = stream->impl;
    return sock->queued;
}

void stream_read(struct env *env, struct env_stream *stream, bool on)
{
    (void)env;
    sock_read(stream->impl, on);
}

void stream_end(struct env *env, struct env_stream *stream)
{
    (void)env;
    sock_end(stream->impl);
}

void stream_close(struct env *env, struct env_stream *stream)
{
    (void)env;
    sock_close(stream->impl);
}
