/* Listeners, and how a connection tells what it is.
 *
 * On an address with links a connection first says something: a NUL begins the preamble of a record
 * link, anything else is the first byte of a byte stream. Until then it costs one small structure,
 * no buffer and no callback; how long and how many is bounded, the oldest giving way.
 */
#include <netinet/in.h>
#include <string.h>

#include "base/assert.h"
#include "base/probe.h"
#include "sock.h"

#define HELLOS_MAX 256
#define BACKLOG    1024

struct listening {
    uv_tcp_t tcp;
    struct uv_node *node;
    struct list link;              /* of node->listeners */
    struct env_listener *listener; /* NULL: the node is dropped */
    bool closing;
    struct list hellos; /* socks that have not said what they are, oldest first */
    size_t hello_count;
    struct env_timer hello_timer; /* the oldest one's deadline */
};

/* Offering ------------------------------------------------------------------------------------ */

static void no_open(struct sock *sock, int status)
{
    (void)sock;
    (void)status;
    UNREACHABLE(); /* an accepted connection is open */
}

static void nothing(struct sock *sock)
{
    (void)sock;
}

static void arm_hello_timer(struct listening *listening)
{
    struct env *env = &listening->node->env;
    if (list_empty(&listening->hellos)) {
        time_stop(env, &listening->hello_timer);
        return;
    }
    struct sock *oldest = container_of(listening->hellos.next, struct sock, hello_link);
    time_set(env, &listening->hello_timer, oldest->hello_deadline_ns);
}

static void hello_over(struct sock *sock)
{
    if (sock->hello) {
        sock->hello = false;
        list_remove(&sock->hello_link);
        sock->listening->hello_count--;
        arm_hello_timer(sock->listening);
    }
}

static void hello_drop(struct sock *sock, const char *why)
{
    char remote[ENV_ADDRESS_MAX];
    sock_remote(sock, remote, sizeof(remote));
    LOG(&sock->node->env, DEBUG, why, log_str("remote", remote));
    hello_over(sock);
    sock_close(sock);
}

static void offer(struct listening *listening, struct sock *sock, bool is_link)
{
    struct env_incoming incoming = {.is_link = is_link, .impl = sock};
    sock_remote(sock, incoming.remote, sizeof(incoming.remote));
    struct env_listener *listener = listening->listener;
    NODE_CALL(listening->node, listener->incoming(listener, &incoming));
    if (sock->handle == NULL && sock->state != SOCK_CLOSING) {
        sock_reset(sock);
    }
}

static void hello_bytes(struct sock *sock, struct slice head)
{
    struct listening *listening = sock->listening;
    if (head.ptr[0] != link_preamble[0]) {
        hello_over(sock);
        sock_read(sock, false);
        offer(listening, sock, false);
    } else if (memcmp(head.ptr, link_preamble, head.len) != 0) {
        PROBE("link.bad_preamble");
        hello_drop(sock, "dropped a connection with a foreign preamble");
    } else if (head.len == LINK_PREAMBLE_LEN) {
        hello_over(sock);
        sock->head_len = 0;
        sock_read(sock, false);
        offer(listening, sock, true);
    }
}

static void hello_eof(struct sock *sock)
{
    hello_over(sock);
    sock_close(sock);
}

static void hello_failed(struct sock *sock, int err)
{
    (void)err;
    hello_eof(sock);
}

static const struct sock_owner hello_owner = {no_open, hello_bytes,  hello_eof,
                                              nothing, hello_failed, nothing};

static void hello_late(struct env_timer *timer)
{
    struct listening *listening = container_of(timer, struct listening, hello_timer);
    int64_t now = time_now_ns(&listening->node->env);
    list_each_safe (it, &listening->hellos) {
        struct sock *sock = container_of(it, struct sock, hello_link);
        if (sock->hello_deadline_ns > now) {
            break;
        }
        PROBE("link.silent");
        hello_drop(sock, "dropped a connection that said nothing");
    }
    arm_hello_timer(listening);
}

static void hello_begin(struct listening *listening, struct sock *sock)
{
    struct uv_node *node = listening->node;
    if (listening->hello_count == HELLOS_MAX) {
        PROBE("link.too_many_silent");
        hello_drop(container_of(listening->hellos.next, struct sock, hello_link),
                   "dropped the oldest of too many silent connections");
    }
    sock->hello = true;
    sock->hello_deadline_ns = time_now_ns(&node->env) + node->world->options.hello_ns;
    list_push_back(&listening->hellos, &sock->hello_link);
    listening->hello_count++;
    if (listening->hello_count == 1) {
        arm_hello_timer(listening);
    }
    sock_read(sock, true);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct listening *listening = server->data;
    struct uv_node *node = listening->node;
    if (status < 0 || node->exiting || listening->closing) {
        return;
    }
    struct sock *sock = sock_new(node, &hello_owner);
    sock->listening = listening;
    if (sock_accept(sock, server) < 0) {
        sock_close(sock);
    } else if (listening->listener->links) {
        hello_begin(listening, sock);
    } else {
        offer(listening, sock, false);
    }
}

/* Opening and closing ------------------------------------------------------------------------- */

/* Names are looked up here and now: a server listens once, when it starts. IPv4 goes first, as
 * `localhost` means in etcd. */
static int resolve(struct uv_world *world, const char *host, uint16_t port,
                   struct sockaddr_storage *out)
{
    if (parse_address(host, port, out) == 0) {
        return 0;
    }
    const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < 2; i++) {
        uv_getaddrinfo_t req;
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = families[i]};
        if (uv_getaddrinfo(&world->loop, &req, NULL, host, NULL, &hints) == 0) {
            memcpy(out, req.addrinfo->ai_addr, req.addrinfo->ai_addrlen);
            uv_freeaddrinfo(req.addrinfo);
            if (families[i] == AF_INET) {
                ((struct sockaddr_in *)out)->sin_port = htons(port);
            } else {
                ((struct sockaddr_in6 *)out)->sin6_port = htons(port);
            }
            return 0;
        }
    }
    return UV_EADDRNOTAVAIL;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listening *listening = handle->data;
    struct uv_node *node = listening->node;
    struct env_listener *listener = listening->listener;
    list_remove(&listening->link);
    mem_free(node->own, listening);
    if (listener != NULL && !node->exiting) {
        listener->impl = NULL;
        NODE_CALL(node, listener->closed(listener));
    }
    node_release(node);
}

static int try_listen(struct listening *listening, const struct sockaddr_storage *address)
{
    struct uv_node *node = listening->node;
    int status = uv_tcp_init(&node->world->loop, &listening->tcp);
    ASSERT(status == 0);
    listening->tcp.data = listening;
    status = uv_tcp_bind(&listening->tcp, (const struct sockaddr *)address, 0);
    if (status == 0) {
        status = uv_listen((uv_stream_t *)&listening->tcp, BACKLOG, on_connection);
    }
    return status;
}

static int open_at(struct uv_node *node, struct env_listener *listener,
                   const struct sockaddr_storage *address)
{
    struct listening *listening = mem_zalloc(node->own, 1, sizeof(*listening));
    listening->node = node;
    listening->hello_timer.fire = hello_late;
    list_init(&listening->hellos);
    list_push_back(&node->listeners, &listening->link);
    node->busy++;
    int status = try_listen(listening, address);
    if (status < 0) {
        listening->closing = true;
        uv_close((uv_handle_t *)&listening->tcp, on_listener_closed);
        return status;
    }
    listening->listener = listener;
    listener->impl = listening;
    return 0;
}

int listener_open(struct env *env, struct env_listener *listener, const char *host, uint16_t port)
{
    struct uv_node *node = node_of(env);
    const char *where = world_address(node->world, host);
    struct sockaddr_storage address;
    int status;
    if (where[0] == '\0') {
        status = parse_address("::", port, &address); /* both families, where there are two */
        status = status == 0 ? open_at(node, listener, &address) : status;
        if (status != UV_EAFNOSUPPORT && status != UV_EADDRNOTAVAIL) {
            return err_of_net(status);
        }
        where = "0.0.0.0";
    }
    status = resolve(node->world, where, port, &address);
    return err_of_net(status < 0 ? status : open_at(node, listener, &address));
}

static void close_listening(struct listening *listening)
{
    listening->closing = true;
    list_each_safe (it, &listening->hellos) {
        struct sock *sock = container_of(it, struct sock, hello_link);
        list_remove(it);
        sock->hello = false;
        if (sock->state != SOCK_CLOSING) {
            sock_close(sock);
        }
    }
    uv_close((uv_handle_t *)&listening->tcp, on_listener_closed);
}

void listener_close(struct env *env, struct env_listener *listener)
{
    struct listening *listening = listener->impl;
    ASSERT(!listening->closing);
    time_stop(env, &listening->hello_timer);
    close_listening(listening);
}

void listeners_drop(struct uv_node *node)
{
    list_each_safe (it, &node->listeners) {
        struct listening *listening = container_of(it, struct listening, link);
        listening->listener = NULL;
        if (!listening->closing) {
            close_listening(listening);
        }
    }
}
