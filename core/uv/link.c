/* Record links: env_link on a sock, in the framing of link_frame.h.
 *
 * Records of one turn are gathered and handed to the network at its end, in one write. A peer that
 * breaks the framing, or takes too long over a record, loses its link; the log says which.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "sock.h"

static struct env_link *link_of(struct sock *sock)
{
    return sock->handle;
}

static void opened(struct sock *sock, int status)
{
    if (status == 0) {
        sock_gather(sock, slice_of(link_preamble, LINK_PREAMBLE_LEN));
        sock_flush_later(sock);
        sock_read(sock, true);
    }
    NODE_CALL(sock->node, link_of(sock)->events->opened(link_of(sock), status));
}

static void give_up(struct sock *sock, int err)
{
    char remote[ENV_ADDRESS_MAX];
    sock_remote(sock, remote, sizeof(remote));
    LOG(&sock->node->env, WARN, "dropped the link of a peer that broke its framing",
        log_str("remote", remote), log_err(err));
    sock_fail(sock, err);
}

static void record_late(struct env_timer *timer)
{
    PROBE("link.slow_record");
    give_up(container_of(timer, struct sock, record_timer), ERR_TIMEOUT);
}

/* A record must end within a bounded time from its first byte. */
static void watch_record(struct sock *sock, bool began_anew)
{
    struct env *env = &sock->node->env;
    if (!link_reader_waits(&sock->reader)) {
        time_stop(env, &sock->record_timer);
    } else if (began_anew || !env_timer_is_set(&sock->record_timer)) {
        int64_t wait_ns = sock->node->world->options.record_ns;
        sock->record_timer.fire = record_late;
        time_set(env, &sock->record_timer, time_now_ns(env) + wait_ns);
    }
}

static void bytes(struct sock *sock, struct slice input)
{
    bool any = false;
    while (sock->state == SOCK_OPEN && !sock->node->exiting) {
        struct slice record;
        int rc = link_reader_next(&sock->reader, &input, &record);
        if (rc < 0) {
            give_up(sock, rc);
            return;
        }
        if (rc == 0) {
            watch_record(sock, any);
            return;
        }
        any = true;
        NODE_CALL(sock->node, link_of(sock)->events->record(link_of(sock), record));
    }
}

static void failed(struct sock *sock, int err)
{
    time_stop(&sock->node->env, &sock->record_timer);
    NODE_CALL(sock->node, link_of(sock)->events->failed(link_of(sock), err));
}

static void eof(struct sock *sock)
{
    sock->state = SOCK_FAILED;
    failed(sock, ERR_CONN_CLOSED);
}

static void sent(struct sock *sock)
{
    (void)sock;
}

static void tell_closed(struct env_link *link)
{
    link->impl = NULL;
    link->events->closed(link);
}

static void closed(struct sock *sock)
{
    if (sock->handle != NULL) {
        NODE_CALL(sock->node, tell_closed(link_of(sock)));
    }
}

static const struct sock_owner link_owner = {opened, bytes, eof, sent, failed, closed};

void link_connect(struct env *env, struct env_link *link, const char *host, uint16_t port)
{
    struct sock *sock = sock_new(node_of(env), &link_owner);
    sock->handle = link;
    link->impl = sock;
    sock_connect(sock, host, port);
}

void link_accept(struct env *env, struct env_incoming *incoming, struct env_link *link)
{
    (void)env;
    struct sock *sock = incoming->impl;
    incoming->impl = NULL;
    sock->owner = &link_owner;
    sock->handle = link;
    link->impl = sock;
    sock_read(sock, true);
}

int link_send(struct env *env, struct env_link *link, struct slice record)
{
    (void)env;
    struct sock *sock = link->impl;
    if (sock->state != SOCK_OPEN) {
        return ERR_CONN_CLOSED;
    }
    if (record.len + LINK_HEAD_LEN > (size_t)ENV_LINK_QUEUE_MAX - sock->queued) {
        PROBE("link.queue_full");
        return ERR_LIMIT;
    }
    uint8_t head[LINK_HEAD_LEN];
    link_frame_head(head, record);
    sock_gather(sock, slice_of(head, sizeof(head)));
    sock_gather(sock, record);
    sock_flush_later(sock);
    return 0;
}

size_t link_queued(struct env *env, const struct env_link *link)
{
    (void)env;
    const struct sock *sock = link->impl;
    return sock->queued;
}

void link_close(struct env *env, struct env_link *link)
{
    (void)env;
    sock_close(link->impl);
}
