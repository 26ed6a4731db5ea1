/* What a connection has to send: chunks, oldest first. `queued` is the sum of their bytes. */
#include <string.h>

#include "base/assert.h"
#include "sock.h"

#define CHUNKS_PER_WRITE 32

static void end_if_sent(struct sock *sock);

static void on_written(uv_write_t *req, int status);

static struct sock_chunk *chunk_of(struct list *it)
{
    return container_of(it, struct sock_chunk, link);
}

static void add_chunk(struct sock *sock, struct slice bytes)
{
    size_t cap = bytes.len < SOCK_CHUNK_BYTES ? SOCK_CHUNK_BYTES : bytes.len;
    if (list_empty(&sock->chunks) && bytes.len < 1024) {
        cap = 1024; /* most queues hold a line or two */
    }
    struct sock_chunk *chunk = mem_alloc(sock->node->own, sizeof(*chunk) + cap);
    chunk->from = 0;
    chunk->cap = cap;
    chunk->len = bytes.len;
    memcpy(chunk->bytes, bytes.ptr, bytes.len);
    list_push_back(&sock->chunks, &chunk->link);
    sock->chunk_count++;
}

void sock_gather(struct sock *sock, struct slice bytes)
{
    if (bytes.len == 0) {
        return;
    }
    sock->queued += bytes.len;
    /* Memory that a write under way points at stays as it is. */
    if (sock->chunk_count > sock->writing) {
        struct sock_chunk *last = chunk_of(sock->chunks.prev);
        size_t room = last->cap - last->len;
        size_t take = room < bytes.len ? room : bytes.len;
        memcpy(last->bytes + last->len, bytes.ptr, take);
        last->len += take;
        bytes = slice_from(bytes, take);
    }
    if (bytes.len > 0) {
        add_chunk(sock, bytes);
    }
}

static size_t fill_bufs(struct sock *sock, uv_buf_t *bufs, size_t *total)
{
    size_t count = 0;
    *total = 0;
    list_each (it, &sock->chunks) {
        struct sock_chunk *chunk = chunk_of(it);
        size_t len = chunk->len - chunk->from;
        bufs[count++] = uv_buf_init((char *)chunk->bytes + chunk->from, (unsigned)len);
        *total += len;
        if (count == CHUNKS_PER_WRITE) {
            break;
        }
    }
    return count;
}

static void drop_sent(struct sock *sock, size_t sent)
{
    ASSERT(sent <= sock->queued);
    sock->queued -= sent;
    while (sent > 0) {
        struct sock_chunk *chunk = chunk_of(sock->chunks.next);
        size_t len = chunk->len - chunk->from;
        if (sent < len) {
            chunk->from += sent;
            return;
        }
        sent -= len;
        list_remove(&chunk->link);
        sock->chunk_count--;
        mem_free(sock->node->own, chunk);
    }
}

static void start_write(struct sock *sock)
{
    uv_buf_t bufs[CHUNKS_PER_WRITE];
    size_t total;
    size_t count = fill_bufs(sock, bufs, &total);
    uv_stream_t *stream = (uv_stream_t *)&sock->tcp->uv;
    int status = uv_write(&sock->write_req, stream, bufs, (unsigned)count, on_written);
    if (status < 0) {
        sock_fail(sock, err_of_net(status));
        return;
    }
    sock->writing = count;
}

static void on_written(uv_write_t *req, int status)
{
    struct sock *sock = container_of(req, struct sock, write_req);
    size_t sent = 0;
    size_t count = sock->writing;
    sock->writing = 0;
    if (sock->state != SOCK_OPEN) {
        return;
    }
    if (status < 0) {
        sock_fail(sock, err_of_net(status));
        return;
    }
    list_each (it, &sock->chunks) {
        if (count-- == 0) {
            break;
        }
        sent += chunk_of(it)->len - chunk_of(it)->from;
    }
    drop_sent(sock, sent);
    sock_flush(sock);
    if (sock->state == SOCK_OPEN) {
        sock->owner->sent(sock);
    }
}

void sock_flush(struct sock *sock)
{
    list_remove(&sock->flush_link);
    uv_stream_t *stream = (uv_stream_t *)&sock->tcp->uv;
    while (sock->state == SOCK_OPEN && sock->writing == 0 && sock->queued > 0) {
        uv_buf_t bufs[CHUNKS_PER_WRITE];
        size_t total;
        size_t count = fill_bufs(sock, bufs, &total);
        int sent = uv_try_write(stream, bufs, (unsigned)count);
        if (sent < 0 && sent != UV_EAGAIN) {
            sock_fail(sock, err_of_net(sent));
            return;
        }
        drop_sent(sock, sent > 0 ? (size_t)sent : 0);
        if (sent < 0 || (size_t)sent < total) {
            start_write(sock);
            return;
        }
    }
    end_if_sent(sock);
}

void sock_flush_later(struct sock *sock)
{
    if (list_empty(&sock->flush_link)) {
        list_push_back(&sock->node->flush, &sock->flush_link);
    }
}

void socks_flush(struct uv_node *node)
{
    for (struct list *it = list_pop_front(&node->flush); it != NULL;
         it = list_pop_front(&node->flush)) {
        sock_flush(container_of(it, struct sock, flush_link));
    }
}

void sock_send(struct sock *sock, struct slice bytes)
{
    if (sock->state != SOCK_OPEN || sock->end_asked) {
        return;
    }
    if (sock->queued == 0) {
        unsigned len = bytes.len < INT32_MAX ? (unsigned)bytes.len : INT32_MAX;
        uv_buf_t buf = uv_buf_init(without_const(bytes.ptr), len);
        int sent = uv_try_write((uv_stream_t *)&sock->tcp->uv, &buf, 1);
        if (sent < 0 && sent != UV_EAGAIN) {
            sock_fail(sock, err_of_net(sent));
            return;
        }
        bytes = slice_from(bytes, sent > 0 ? (size_t)sent : 0);
        if (bytes.len == 0) {
            return;
        }
        sock_gather(sock, bytes);
        start_write(sock);
        return;
    }
    sock_gather(sock, bytes);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    /* If it failed, the connection is gone, and reading says so. */
    (void)req;
    (void)status;
}

static void end_if_sent(struct sock *sock)
{
    if (!sock->end_asked || sock->end_sent || sock->state != SOCK_OPEN || sock->queued > 0) {
        return;
    }
    sock->end_sent = true;
    uv_shutdown(&sock->shutdown_req, (uv_stream_t *)&sock->tcp->uv, on_shutdown);
}

void sock_end(struct sock *sock)
{
    sock->end_asked = true;
    end_if_sent(sock);
}
