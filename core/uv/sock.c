/* A connection's life: made, opened, read, failed, closed. What it sends is in sock_send.c. */
#include "sock.h"

#include <netinet/in.h>
#include <string.h>

#include "base/assert.h"
#include "base/fmt.h"
#include "base/probe.h"

#define KEEPALIVE_SECONDS 30

/* Addresses ----------------------------------------------------------------------------------- */

const char *world_address(const struct uv_world *world, const char *host)
{
    for (size_t i = 0; i < world->options.host_count; i++) {
        if (strcmp(world->options.hosts[i].name, host) == 0) {
            return world->options.hosts[i].address;
        }
    }
    return host;
}

int parse_address(const char *text, uint16_t port, struct sockaddr_storage *out)
{
    char bare[64];
    size_t len = strlen(text);
    memset(out, 0, sizeof(*out));
    if (strcmp(text, "localhost") == 0) {
        text = "127.0.0.1"; /* needs no look-up (RFC 6761, section 6.3), and many a container has
                               none */
    }
    if (len >= 2 && len - 2 < sizeof(bare) && text[0] == '[' && text[len - 1] == ']') {
        memcpy(bare, text + 1, len - 2);
        bare[len - 2] = '\0';
        return uv_ip6_addr(bare, port, (struct sockaddr_in6 *)out);
    }
    if (uv_ip4_addr(text, port, (struct sockaddr_in *)out) == 0) {
        return 0;
    }
    return uv_ip6_addr(text, port, (struct sockaddr_in6 *)out);
}

static void format_address(const struct sockaddr_storage *address, char *out, size_t size)
{
    char text[64] = "?";
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        uv_ip6_name(in6, text, sizeof(text));
        fmt(out, size, "[%s]:%u", text, (unsigned)ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        uv_ip4_name(in, text, sizeof(text));
        fmt(out, size, "%s:%u", text, (unsigned)ntohs(in->sin_port));
    }
}

void sock_remote(const struct sock *sock, char *out, size_t size)
{
    struct sockaddr_storage address = {0};
    int len = sizeof(address);
    if (uv_tcp_getpeername(&sock->tcp->uv, (struct sockaddr *)&address, &len) < 0) {
        fmt(out, size, "?");
        return;
    }
    format_address(&address, out, size);
}

/* Making and freeing -------------------------------------------------------------------------- */

static struct sock_tcp *tcp_new(struct uv_node *node, struct sock *sock)
{
    struct sock_tcp *tcp = mem_zalloc(node->own, 1, sizeof(*tcp));
    tcp->node = node;
    tcp->sock = sock;
    int status = uv_tcp_init(&node->world->loop, &tcp->uv);
    ASSERT(status == 0); /* opens nothing yet */
    tcp->uv.data = tcp;
    node->busy++;
    return tcp;
}

static void run_failure(struct deferred *deferred)
{
    struct sock *sock = container_of(deferred, struct sock, later);
    if (sock->state == SOCK_FAILED && sock->failure != 0) {
        int err = sock->failure;
        sock->failure = 0;
        sock->owner->failed(sock, err);
    } else if (sock->state == SOCK_RESOLVING) {
        sock->state = SOCK_FAILED;
        sock->owner->opened(sock, sock->failure);
    } else if (sock->state == SOCK_OPEN && sock->reading && sock->head_len > 0) {
        size_t len = sock->head_len;
        sock->head_len = 0;
        sock->owner->bytes(sock, slice_of(sock->head, len));
    }
}

struct sock *sock_new(struct uv_node *node, const struct sock_owner *owner)
{
    struct sock *sock = mem_zalloc(node->own, 1, sizeof(*sock));
    sock->node = node;
    sock->owner = owner;
    sock->state = SOCK_RESOLVING;
    sock->later.run = run_failure;
    sock->tcp = tcp_new(node, sock);
    list_init(&sock->chunks);
    list_init(&sock->flush_link);
    list_init(&sock->hello_link);
    link_reader_init(&sock->reader, node->own);
    list_push_back(&node->socks, &sock->link);
    return sock;
}

/* The handle is closed and no look-up runs any more. */
static void free_if_done(struct sock *sock)
{
    if (!sock->tcp_closed || sock->resolving) {
        return;
    }
    struct uv_node *node = sock->node;
    if (sock->addresses != NULL) {
        uv_freeaddrinfo(sock->addresses);
    }
    list_each_safe (it, &sock->chunks) {
        mem_free(node->own, container_of(it, struct sock_chunk, link));
    }
    link_reader_fini(&sock->reader);
    list_remove(&sock->link);
    mem_free(node->own, sock);
}

static void on_closed(uv_handle_t *handle)
{
    struct sock_tcp *tcp = handle->data;
    struct uv_node *node = tcp->node;
    struct sock *sock = tcp->sock;
    mem_free(node->own, tcp);
    if (sock != NULL) {
        sock->tcp = NULL;
        sock->tcp_closed = true;
        sock->owner->closed(sock);
        free_if_done(sock);
    }
    node_release(node);
}

static void close_sock(struct sock *sock, bool reset)
{
    ASSERT(sock->state != SOCK_CLOSING);
    sock->state = SOCK_CLOSING;
    node_undefer(&sock->later);
    list_remove(&sock->flush_link);
    list_remove(&sock->hello_link);
    time_stop(&sock->node->env, &sock->record_timer);
    if (sock->resolving) {
        uv_cancel((uv_req_t *)&sock->resolve_req);
    }
    if (!reset || uv_tcp_close_reset(&sock->tcp->uv, on_closed) < 0) {
        uv_close((uv_handle_t *)&sock->tcp->uv, on_closed);
    }
}

/* An end in the middle of what was promised must not look like the end of it: if bytes are still
 * queued the peer sees a reset. */
void sock_close(struct sock *sock)
{
    close_sock(sock, sock->queued > 0 && sock->state == SOCK_OPEN);
}

void sock_reset(struct sock *sock)
{
    close_sock(sock, true);
}

void socks_drop(struct uv_node *node)
{
    list_each_safe (it, &node->socks) {
        struct sock *sock = container_of(it, struct sock, link);
        sock->handle = NULL;
        if (sock->state != SOCK_CLOSING) {
            sock->record_timer.item.position = 0; /* the heap goes as a whole */
            close_sock(sock, false);
        }
    }
}

void sock_fail(struct sock *sock, int err)
{
    if (sock->state != SOCK_OPEN) {
        return;
    }
    sock->state = SOCK_FAILED;
    sock->failure = err;
    uv_read_stop((uv_stream_t *)&sock->tcp->uv);
    node_defer(sock->node, &sock->later);
}

/* Connecting ---------------------------------------------------------------------------------- */

static void start_connect(struct sock *sock, const struct sockaddr *address);

/* A connect to an address of this machine where nobody listens can meet itself. */
static bool met_itself(const struct sock *sock)
{
    struct sockaddr_storage here = {0};
    struct sockaddr_storage there = {0};
    int here_len = sizeof(here);
    int there_len = sizeof(there);
    return uv_tcp_getsockname(&sock->tcp->uv, (struct sockaddr *)&here, &here_len) == 0 &&
           uv_tcp_getpeername(&sock->tcp->uv, (struct sockaddr *)&there, &there_len) == 0 &&
           here_len == there_len && memcmp(&here, &there, (size_t)here_len) == 0;
}

static void set_options(struct sock *sock)
{
    /* Both can only fail on a socket that is dead already, which the first read tells. */
    uv_tcp_nodelay(&sock->tcp->uv, 1);
    uv_tcp_keepalive(&sock->tcp->uv, 1, KEEPALIVE_SECONDS);
}

/* The next address of the name, on a socket of its own; false if there is none. */
static bool try_next(struct sock *sock)
{
    struct addrinfo *next = sock->address_next;
    if (next == NULL) {
        return false;
    }
    sock->address_next = next->ai_next;
    sock->tcp->sock = NULL;
    uv_close((uv_handle_t *)&sock->tcp->uv, on_closed);
    sock->tcp = tcp_new(sock->node, sock);
    start_connect(sock, next->ai_addr);
    return true;
}

static void connect_ended(struct sock *sock, int status)
{
    if (status < 0 && try_next(sock)) {
        return;
    }
    sock->state = status < 0 ? SOCK_FAILED : SOCK_OPEN;
    if (status == 0) {
        set_options(sock);
    }
    int err = err_of_net(status);
    sock->owner->opened(sock, err == ERR_IO || err == ERR_ADDR_INVALID ? ERR_UNREACHABLE : err);
}

static void on_connected(uv_connect_t *req, int status)
{
    struct sock *sock = container_of(req, struct sock, connect_req);
    if (sock->state != SOCK_CONNECTING) {
        return; /* it is closing */
    }
    if (status == 0 && met_itself(sock)) {
        PROBE("sock.met_itself");
        status = UV_ECONNREFUSED;
    }
    /* Somebody was there, and has reset the connection before we looked. */
    bool was_reset = status == UV_ECONNRESET;
    connect_ended(sock, was_reset ? 0 : status);
    if (was_reset) {
        PROBE("sock.reset_before_opened");
        sock_fail(sock, ERR_CONN_RESET);
    }
}

/* A failure within the call is told later, as any other. */
static void connect_failed(struct sock *sock, int err)
{
    sock->state = SOCK_RESOLVING;
    sock->failure = err;
    node_defer(sock->node, &sock->later);
}

static int bind_source(struct sock *sock, const struct sockaddr *to)
{
    const char *text = sock->node->options.address;
    struct sockaddr_storage from;
    if (text == NULL || parse_address(text, 0, &from) < 0 || from.ss_family != to->sa_family) {
        return 0;
    }
    return uv_tcp_bind(&sock->tcp->uv, (const struct sockaddr *)&from, 0);
}

static void start_connect(struct sock *sock, const struct sockaddr *address)
{
    sock->state = SOCK_CONNECTING;
    int status = bind_source(sock, address);
    if (status == 0) {
        status = uv_tcp_connect(&sock->connect_req, &sock->tcp->uv, address, on_connected);
    }
    if (status < 0 && !try_next(sock)) {
        connect_failed(sock, ERR_UNREACHABLE);
    }
}

static void set_port(struct addrinfo *list, uint16_t port)
{
    for (struct addrinfo *it = list; it != NULL; it = it->ai_next) {
        if (it->ai_family == AF_INET6) {
            ((struct sockaddr_in6 *)it->ai_addr)->sin6_port = htons(port);
        } else {
            ((struct sockaddr_in *)it->ai_addr)->sin_port = htons(port);
        }
    }
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct sock *sock = container_of(req, struct sock, resolve_req);
    struct uv_node *node = sock->node;
    sock->resolving = false;
    sock->addresses = list;
    if (sock->state == SOCK_CLOSING) {
        free_if_done(sock);
    } else if (status < 0 || list == NULL) {
        sock->state = SOCK_FAILED;
        sock->owner->opened(sock, ERR_NOT_FOUND);
    } else {
        set_port(list, sock->port);
        sock->address_next = list->ai_next;
        start_connect(sock, list->ai_addr);
    }
    node_release(node);
}

void sock_connect(struct sock *sock, const char *host, uint16_t port)
{
    struct sockaddr_storage address;
    const char *where = world_address(sock->node->world, host);
    sock->port = port;
    if (parse_address(where, port, &address) == 0) {
        start_connect(sock, (const struct sockaddr *)&address);
        return;
    }
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    int status = uv_getaddrinfo(&sock->node->world->loop, &sock->resolve_req, on_resolved, where,
                                NULL, &hints);
    if (status < 0) {
        connect_failed(sock, ERR_NOT_FOUND);
        return;
    }
    sock->resolving = true;
    sock->node->busy++;
}

int sock_accept(struct sock *sock, uv_stream_t *listener)
{
    int status = uv_accept(listener, (uv_stream_t *)&sock->tcp->uv);
    if (status == 0) {
        sock->state = SOCK_OPEN;
        set_options(sock);
    }
    return status;
}

/* Reading ------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)size;
    struct sock *sock = ((struct sock_tcp *)handle->data)->sock;
    if (sock->hello) {
        *buf = uv_buf_init((char *)sock->head + sock->head_len,
                           (unsigned)(sizeof(sock->head) - sock->head_len));
        return;
    }
    /* The first bytes, read before it was known what the connection is, go in front. */
    uint8_t *into = sock->node->world->read_buf;
    *buf = uv_buf_init((char *)into + sock->head_len, (unsigned)(READ_BYTES - sock->head_len));
}

static void read_ended(struct sock *sock, int status)
{
    uv_read_stop((uv_stream_t *)&sock->tcp->uv);
    if (sock->head_len > 0 && !sock->hello) {
        size_t len = sock->head_len;
        sock->head_len = 0;
        sock->owner->bytes(sock, slice_of(sock->head, len));
        if (sock->state != SOCK_OPEN) {
            return;
        }
    }
    if (status == UV_EOF) {
        sock->got_eof = true;
        sock->owner->eof(sock);
    } else {
        sock->state = SOCK_FAILED;
        sock->owner->failed(sock, err_of_net(status));
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    struct sock *sock = ((struct sock_tcp *)stream->data)->sock;
    if (n == 0 || sock->state != SOCK_OPEN) {
        return;
    }
    if (n < 0) {
        read_ended(sock, (int)n);
    } else if (sock->hello) {
        sock->head_len += (size_t)n;
        sock->owner->bytes(sock, slice_of(sock->head, sock->head_len));
    } else {
        uint8_t *bytes = sock->node->world->read_buf;
        size_t len = sock->head_len + (size_t)n;
        memcpy(bytes, sock->head, sock->head_len);
        sock->head_len = 0;
        sock->owner->bytes(sock, slice_of(bytes, len));
    }
}

void sock_read(struct sock *sock, bool on)
{
    sock->reading = on;
    if (sock->state != SOCK_OPEN || sock->got_eof) {
        return;
    }
    uv_stream_t *stream = (uv_stream_t *)&sock->tcp->uv;
    if (!on) {
        uv_read_stop(stream);
        return;
    }
    if (sock->head_len > 0 && !sock->hello) {
        node_defer(sock->node, &sock->later);
    }
    int status = uv_read_start(stream, on_alloc, on_read);
    if (status < 0 && status != UV_EALREADY) {
        sock_fail(sock, err_of_net(status));
    }
}
