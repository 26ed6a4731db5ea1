/* Connections: listening, connecting, closing, breaking.
 *
 *     connect ----SYN----> found listener --> `incoming` for its node, then accepted or reset
 *        ^                      |
 *        +------answer----------+   `opened` for who connects: the kernel answers, not the program
 */
#include <string.h>

#include "base/assert.h"
#include "base/fmt.h"
#include "impl.h"

/* Lifetime. */

struct conn *conn_hold(struct conn *conn)
{
    conn->busy++;
    return conn;
}

static void end_fini(struct net_end *end)
{
    struct engine *engine = end->conn->net->engine;
    engine_cancel(engine, &end->opened);
    engine_cancel(engine, &end->drained);
    engine_cancel(engine, &end->failed);
    pipe_clear(&end->out, true);
}

void conn_drop(struct conn *conn)
{
    ASSERT(conn->busy > 0);
    conn->busy--;
    if (conn->busy > 0 || !conn->end[0].closed || !conn->end[1].closed) {
        return;
    }
    struct net *net = conn->net;
    engine_cancel(net->engine, &conn->syn);
    engine_cancel(net->engine, &conn->incoming);
    waiter_cancel(&conn->waiter);
    list_remove(&conn->waiting);
    end_fini(&conn->end[0]);
    end_fini(&conn->end[1]);
    list_remove(&conn->link);
    mem_free(net->mem, conn);
}

struct net_end *end_peer(struct net_end *end)
{
    return end == &end->conn->end[0] ? &end->conn->end[1] : &end->conn->end[0];
}

static struct link *link_to(struct net_end *end)
{
    return end_peer(end)->out.link;
}

/* Breaking. */

static void fail_event(struct engine_event *event)
{
    struct net_end *end = container_of(event, struct net_end, failed);
    struct conn *conn = conn_hold(end->conn);
    end->broken = true;
    end->open = false;
    pipe_clear(&end->out, true);
    pipe_clear(&end_peer(end)->out, true);
    engine_cancel(conn->net->engine, &end->drained);
    engine_digest(conn->net->engine, (uint64_t)(uint32_t)end->err);
    engine_trace(conn->net->engine, end->node, "net", "connection %llu failed: %s",
                 (unsigned long long)conn->number, err_text(end->err));
    if (engine_is_set(&end->opened)) {
        engine_cancel(conn->net->engine, &end->opened);
        end->events->opened(end->owner, ERR_CONN_RESET);
    } else {
        end->events->failed(end->owner, end->err);
    }
    conn_drop(conn);
}

static void fail_at(struct net_end *end, int err, int64_t at_ns)
{
    if (end->closed || end->broken || engine_is_set(&end->failed)) {
        return;
    }
    end->err = err;
    if (end->events == NULL) { /* nobody has taken it yet */
        end->broken = true;
        return;
    }
    end->failed.run = fail_event;
    end->failed.kind = ENGINE_FAILED;
    end->failed.node = end->node;
    if (engine_is_set(&end->opened) && end->opened.at_ns > at_ns) {
        at_ns = end->opened.at_ns; /* it opens first */
    }
    engine_set(end->conn->net->engine, &end->failed, at_ns);
}

void end_fail_later(struct net_end *end, int err)
{
    struct link *link = link_to(end);
    if (link != NULL && link_is_open(link)) {
        fail_at(end, err, end->conn->net->engine->now_ns + link_latency(link));
    }
}

void conn_reset(struct conn *conn)
{
    conn->net->counts.resets++;
    for (int i = 0; i < 2; i++) {
        pipe_clear(&conn->end[i].out, true);
        fail_at(&conn->end[i], ERR_CONN_RESET, conn->net->engine->now_ns);
    }
}

void net_reset(struct net *net, uint32_t a, uint32_t b)
{
    list_each (it, &net->conns) {
        struct conn *conn = container_of(it, struct conn, link);
        uint32_t from = conn->end[0].machine;
        uint32_t to = conn->end[1].machine;
        if (conn->answered && ((from == a && to == b) || (from == b && to == a))) {
            conn_reset(conn);
        }
    }
}

/* Closing. */

static void forget_end(struct net_end *end)
{
    struct engine *engine = end->conn->net->engine;
    end->closed = true;
    end->open = false;
    engine_cancel(engine, &end->opened);
    engine_cancel(engine, &end->drained);
    engine_cancel(engine, &end->failed);
}

void net_close(struct net_end *end)
{
    ASSERT(!end->closed);
    struct conn *conn = conn_hold(end->conn);
    struct net_end *peer = end_peer(end);
    bool whole = !end->broken && (end->open || (end == &conn->end[0] && conn->answered));
    forget_end(end);
    if (whole && !peer->closed && !peer->broken) {
        if (conn->is_link) {
            end_fail_later(peer, ERR_CONN_CLOSED);
        } else if (pipe_has_unread(&peer->out)) {
            pipe_clear(&end->out, true);
            end_fail_later(peer, ERR_CONN_RESET);
        } else {
            /* What is in this turn's chunk counts as sent; what the window held back does not, and
             * then the end must not look like an orderly one. */
            pipe_flush(&end->out);
            bool cut = end->out.queued > 0;
            pipe_clear(&end->out, false);
            pipe_finish(&end->out, cut);
        }
    }
    conn_drop(conn);
}

void net_vanish(struct net_end *end)
{
    ASSERT(!end->closed);
    struct conn *conn = conn_hold(end->conn);
    forget_end(end);
    pipe_clear(&end->out, true);
    conn_drop(conn);
}

/* Listening. */

static bool listens(const struct net_listener *listener, const char *name, uint16_t port)
{
    return listener->port == port &&
           (listener->name[0] == '\0' || name[0] == '\0' || strcmp(listener->name, name) == 0);
}

int net_listen(struct net *net, uint32_t machine, uint32_t node, const char *name, uint16_t port,
               bool links, const struct net_listener_events *events, void *owner,
               struct net_listener **result)
{
    if (name[0] != '\0' && net_resolve(net, name) != machine) {
        return ERR_ADDR_INVALID;
    }
    struct list *listeners = &net->machines[machine].listeners;
    list_each (it, listeners) {
        if (listens(container_of(it, struct net_listener, link), name, port)) {
            return ERR_ADDR_IN_USE;
        }
    }
    struct net_listener *listener = mem_zalloc(net->mem, 1, sizeof(*listener));
    listener->net = net;
    listener->machine = machine;
    listener->node = node;
    listener->port = port;
    listener->links = links;
    listener->name = mem_strdup(net->mem, name, strlen(name));
    listener->events = events;
    listener->owner = owner;
    list_init(&listener->waiting);
    list_push_back(listeners, &listener->link);
    *result = listener;
    return 0;
}

/* Nobody will take it. */
static void turn_away(struct conn *conn)
{
    struct net_end *end = &conn->end[1];
    engine_cancel(conn->net->engine, &conn->incoming);
    list_remove(&conn->waiting);
    conn->listener = NULL;
    end->closed = true;
    end->open = false;
    pipe_clear(&conn->end[0].out, true);
    end_fail_later(&conn->end[0], ERR_CONN_RESET);
}

void net_listener_close(struct net_listener *listener)
{
    struct net *net = listener->net;
    while (!list_empty(&listener->waiting)) {
        struct conn *conn = conn_hold(container_of(listener->waiting.next, struct conn, waiting));
        turn_away(conn);
        conn_drop(conn);
    }
    list_remove(&listener->link);
    mem_free(net->mem, listener->name);
    mem_free(net->mem, listener);
}

/* Connecting. */

static void opened_event(struct engine_event *event)
{
    struct net_end *end = container_of(event, struct net_end, opened);
    struct conn *conn = conn_hold(end->conn);
    end->open = end->status == 0;
    end->broken = end->status != 0;
    engine_digest(conn->net->engine, (uint64_t)(uint32_t)end->status);
    engine_trace(conn->net->engine, end->node, "net", "connect %llu to %s:%d: %s",
                 (unsigned long long)conn->number, conn->name, (int)conn->port,
                 end->status == 0 ? "open" : err_text(end->status));
    end->events->opened(end->owner, end->status);
    conn_drop(conn);
}

static void open_later(struct net_end *end, int status, int64_t at_ns)
{
    end->status = status;
    end->opened.run = opened_event;
    end->opened.kind = ENGINE_OPENED;
    end->opened.node = end->node;
    engine_set(end->conn->net->engine, &end->opened, at_ns);
}

static void answer(struct conn *conn);

static void answer_kick(struct waiter *waiter)
{
    answer(container_of(waiter, struct conn, waiter));
}

/* The answer travels back: opened or refused. */
static void answer(struct conn *conn)
{
    struct net_end *end = &conn->end[0];
    struct link *back = link_get(conn->net, conn->end[1].machine, end->machine);
    if (end->closed) {
        return;
    }
    if (!link_is_open(back)) {
        conn->waiter.kick = answer_kick;
        link_wait(back, &conn->waiter);
        return;
    }
    int64_t at_ns = conn->net->engine->now_ns + link_latency(back);
    conn->end[1].out.floor_ns = at_ns;
    open_later(end, end->status, at_ns);
}

static void incoming_event(struct engine_event *event)
{
    struct conn *conn = conn_hold(container_of(event, struct conn, incoming));
    struct net_listener *listener = conn->listener;
    struct net_end *end = &conn->end[1];
    list_remove(&conn->waiting);
    conn->listener = NULL;
    engine_digest(conn->net->engine, conn->port);
    engine_trace(conn->net->engine, end->node, "net", "connection %llu comes in on port %d",
                 (unsigned long long)conn->number, (int)conn->port);
    listener->events->incoming(listener->owner, end, conn->is_link);
    /* The listener may be gone by now. */
    if (end->events == NULL && !end->closed) {
        turn_away(conn);
    }
    conn_drop(conn);
}

static struct net_listener *find_listener(struct net *net, const struct conn *conn)
{
    list_each (it, &net->machines[conn->end[1].machine].listeners) {
        struct net_listener *listener = container_of(it, struct net_listener, link);
        if (listens(listener, conn->name, conn->port) && (listener->links || !conn->is_link)) {
            return listener;
        }
    }
    return NULL;
}

static void syn_later(struct conn *conn, int64_t at_ns);

static void syn_kick(struct waiter *waiter)
{
    struct conn *conn = container_of(waiter, struct conn, waiter);
    struct link *link = conn->end[0].out.link;
    int64_t wait_ns = link_retransmit(link);
    syn_later(conn, conn->net->engine->now_ns + wait_ns + link_latency(link));
}

static void syn_event(struct engine_event *event)
{
    struct conn *conn = container_of(event, struct conn, syn);
    struct net *net = conn->net;
    struct link *link = conn->end[0].out.link;
    if (!link_is_open(link)) {
        conn->waiter.kick = syn_kick;
        link_wait(link, &conn->waiter);
        return;
    }
    struct net_listener *listener = link->refusing > 0 ? NULL : find_listener(net, conn);
    if (listener == NULL) {
        conn->end[0].status = ERR_CONN_REFUSED;
        answer(conn);
        return;
    }
    struct net_end *end = &conn->end[1];
    end->node = listener->node;
    end->open = true;
    end->reading = true;
    end->closed = false;
    conn->answered = true;
    conn->end[0].out.arrival.node = listener->node;
    conn->listener = listener;
    list_push_back(&listener->waiting, &conn->waiting);
    conn->incoming.run = incoming_event;
    conn->incoming.kind = ENGINE_CONNECT;
    conn->incoming.node = listener->node;
    engine_set(net->engine, &conn->incoming, net->engine->now_ns);
    answer(conn);
}

static void syn_later(struct conn *conn, int64_t at_ns)
{
    conn->syn.run = syn_event;
    conn->syn.kind = ENGINE_STEP;
    engine_set(conn->net->engine, &conn->syn, at_ns);
}

static bool is_numeric(const char *name)
{
    bool colon = strchr(name, ':') != NULL;
    for (const char *p = name; *p != '\0'; p++) {
        bool digit = (*p >= '0' && *p <= '9') || *p == '.';
        bool hex = colon && (*p == ':' || (*p >= 'a' && *p <= 'f') || (*p >= 'A' && *p <= 'F'));
        if (!digit && !hex) {
            return false;
        }
    }
    return true;
}

struct net_end *net_connect(struct net *net, uint32_t machine, uint32_t node, const char *name,
                            uint16_t port, bool is_link, const struct net_events *events,
                            void *owner)
{
    struct conn *conn = mem_zalloc(net->mem, 1, sizeof(*conn));
    conn->net = net;
    conn->number = ++net->conn_count;
    conn->is_link = is_link;
    conn->port = port;
    fmt(conn->name, sizeof(conn->name), "%s", name);
    list_init(&conn->waiting);
    list_push_back(&net->conns, &conn->link);
    net->counts.connects++;
    uint32_t to = net_resolve(net, name);
    struct net_end *end = &conn->end[0];
    end->conn = conn;
    end->machine = machine;
    end->node = node;
    end->events = events;
    end->owner = owner;
    end->reading = true;
    conn->end[1].conn = conn;
    conn->end[1].machine = to;
    conn->end[1].closed = true; /* until a listener is found */
    pipe_init(&end->out, end, &conn->end[1]);
    pipe_init(&conn->end[1].out, &conn->end[1], end);
    if (to != 0) {
        struct link *link = end->out.link;
        syn_later(conn, net->engine->now_ns + link_latency(link));
    } else if (!is_numeric(name)) {
        open_later(end, ERR_NOT_FOUND, net->engine->now_ns);
    }
    /* A numeric address that nobody has: nobody answers. */
    return end;
}

void net_accept(struct net_end *end, const struct net_events *events, void *owner)
{
    ASSERT(end->events == NULL && !end->closed);
    end->events = events;
    end->owner = owner;
    if (end->broken) {
        end->broken = false;
        fail_at(end, end->err, end->conn->net->engine->now_ns);
    }
}

void net_remote(const struct net_end *end, char *out, size_t size)
{
    const struct conn *conn = end->conn;
    const struct net *net = conn->net;
    if (end == &conn->end[0]) {
        fmt(out, size, "%s:%d", conn->name, (int)conn->port);
        return;
    }
    const char *name = "?";
    list_each (it, &net->names) {
        const struct name *known = container_of(it, struct name, link);
        if (known->machine == conn->end[0].machine) {
            name = known->text;
            break;
        }
    }
    fmt(out, size, "%s:%d", name, (int)(32768 + conn->number % 28000));
}
