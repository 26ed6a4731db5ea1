/* Byte streams: what is written in one turn leaves as one chunk, or several; each arrives after the
 * one before it; what the reader has not read fills the window, then the writer's queue.
 *
 * A pipe is a list of segments, the sent ones first. Only the first has an event. */
#include <string.h>

#include "base/assert.h"
#include "env/env.h"
#include "impl.h"

static void arrival_event(struct engine_event *event);
static void pipe_kick(struct waiter *waiter);
static void back_kick(struct waiter *waiter);

void pipe_init(struct pipe *pipe, struct net_end *from, struct net_end *to)
{
    struct net *net = from->conn->net;
    pipe->from = from;
    pipe->to = to;
    if (from->machine != 0 && to->machine != 0) {
        pipe->link = link_get(net, from->machine, to->machine);
    }
    list_init(&pipe->segments);
    list_init(&pipe->records);
    list_init(&pipe->dirty);
    pipe->waiter.kick = pipe_kick;
    pipe->back.kick = back_kick;
    pipe->arrival.run = arrival_event;
    pipe->arrival.kind = ENGINE_DATA;
    pipe->arrival.node = to->node;
}

static struct net *net_of(const struct pipe *pipe)
{
    return pipe->from->conn->net;
}

static struct segment *first_of(const struct pipe *pipe)
{
    return list_empty(&pipe->segments) ? NULL
                                       : container_of(pipe->segments.next, struct segment, link);
}

static void segment_free(struct pipe *pipe, struct segment *segment)
{
    list_remove(&segment->link);
    mem_free(net_of(pipe)->mem, segment);
}

void pipe_clear(struct pipe *pipe, bool sent_too)
{
    struct net *net = net_of(pipe);
    list_each_safe (it, &pipe->segments) {
        struct segment *segment = container_of(it, struct segment, link);
        if (sent_too || !segment->sent) {
            segment_free(pipe, segment);
        }
    }
    pipe->unsent = NULL;
    pipe->queued = 0;
    list_remove(&pipe->dirty);
    if (sent_too) {
        pipe->clears++;
        pipe->in_flight = 0;
        pipe->withheld = 0;
        pipe->stalled = false;
        pipe->unread = false;
        engine_cancel(net->engine, &pipe->arrival);
        waiter_cancel(&pipe->waiter);
        waiter_cancel(&pipe->back);
        records_clear(pipe);
    }
}

bool pipe_has_unread(const struct pipe *pipe)
{
    return pipe->unread;
}

/* Sending. */

static void stall(struct pipe *pipe)
{
    pipe->stalled = true;
    link_wait(pipe->link, &pipe->waiter);
}

static void schedule(struct pipe *pipe)
{
    struct segment *first = first_of(pipe);
    if (first == NULL || !first->sent || pipe->stalled || pipe->unread ||
        engine_is_set(&pipe->arrival)) {
        return;
    }
    pipe->arrival.kind = first->fin ? ENGINE_EOF : ENGINE_DATA;
    engine_set(net_of(pipe)->engine, &pipe->arrival, first->arrive_ns);
}

static void send_segment(struct pipe *pipe, struct segment *segment)
{
    struct link *link = pipe->link;
    segment->sent = true;
    pipe->fin_sent = pipe->fin_sent || segment->fin;
    pipe->in_flight += segment->len;
    pipe->queued -= segment->len;
    struct fate fate = link_fate(link, segment->len, false);
    int64_t at_ns = fate.arrive_ns > pipe->last_ns ? fate.arrive_ns : pipe->last_ns;
    at_ns = at_ns > pipe->floor_ns ? at_ns : pipe->floor_ns;
    segment->arrive_ns = at_ns;
    segment->draw = fate.split;
    segment->reset = segment->reset || fate.reset;
    if (fate.cut <= segment->len) {
        pipe->in_flight -= segment->len - (size_t)fate.cut;
        segment->len = (uint32_t)fate.cut;
        segment->then_reset = true;
    }
    pipe->last_ns = at_ns;
}

static void drained_event(struct engine_event *event)
{
    struct net_end *end = container_of(event, struct net_end, drained);
    struct conn *conn = conn_hold(end->conn);
    end->events->drained(end->owner);
    conn_drop(conn);
}

static void tell_drained(struct pipe *pipe)
{
    struct net_end *end = pipe->from;
    if (!pipe->high || pipe->queued > ENV_STREAM_QUEUE_HIGH / 2 || end->closed || end->broken) {
        return;
    }
    pipe->high = false;
    end->drained.run = drained_event;
    end->drained.kind = ENGINE_DRAINED;
    end->drained.node = end->node;
    engine_set(net_of(pipe)->engine, &end->drained, net_of(pipe)->engine->now_ns);
}

void pipe_send(struct pipe *pipe)
{
    size_t window = net_of(pipe)->options.window_bytes;
    while (pipe->unsent != NULL) {
        struct segment *segment = container_of(pipe->unsent, struct segment, link);
        if (pipe->in_flight > 0 && pipe->in_flight + segment->len > window) {
            break;
        }
        pipe->unsent = segment->link.next == &pipe->segments ? NULL : segment->link.next;
        send_segment(pipe, segment);
    }
    if (!link_is_open(pipe->link)) {
        stall(pipe);
    }
    schedule(pipe);
    tell_drained(pipe);
}

void pipe_flush(struct pipe *pipe)
{
    if (!list_empty(&pipe->dirty)) {
        list_remove(&pipe->dirty);
        pipe_send(pipe);
    }
}

static void pipe_kick(struct waiter *waiter)
{
    struct pipe *pipe = container_of(waiter, struct pipe, waiter);
    pipe->stalled = false;
    if (pipe->from->conn->is_link) {
        list_each (it, &pipe->records) {
            struct record *record = container_of(it, struct record, link);
            if (record->held) {
                record->held = false;
                engine_set(net_of(pipe)->engine, &record->event,
                           net_of(pipe)->engine->now_ns + link_latency(pipe->link));
            }
        }
        return;
    }
    struct segment *first = first_of(pipe);
    if (first != NULL && first->sent) {
        int64_t again_ns = net_of(pipe)->engine->now_ns + link_retransmit(pipe->link);
        if (again_ns > first->arrive_ns) {
            first->arrive_ns = again_ns;
        }
        if (again_ns > pipe->last_ns) {
            pipe->last_ns = again_ns;
        }
    }
    schedule(pipe);
}

static struct segment *segment_new(struct pipe *pipe, size_t cap)
{
    struct segment *segment = mem_alloc(net_of(pipe)->mem, sizeof(*segment) + cap);
    memset(segment, 0, sizeof(*segment));
    segment->cap = (uint32_t)cap;
    list_push_back(&pipe->segments, &segment->link);
    if (pipe->unsent == NULL) {
        pipe->unsent = &segment->link;
    }
    return segment;
}

/* The unsent segment at the end, if it has room. */
static struct segment *open_segment(struct pipe *pipe)
{
    if (pipe->unsent == NULL) {
        return NULL;
    }
    struct segment *last = container_of(pipe->segments.prev, struct segment, link);
    return last->len < last->cap ? last : NULL;
}

void net_write(struct net_end *end, struct slice bytes)
{
    struct pipe *pipe = &end->out;
    if (!end->open || pipe->fin) {
        return;
    }
    pipe->queued += bytes.len;
    pipe->high = pipe->high || pipe->queued > ENV_STREAM_QUEUE_HIGH;
    while (bytes.len > 0) {
        struct segment *segment = open_segment(pipe);
        if (segment == NULL) {
            size_t cap = bytes.len < 1000 ? 1000 : bytes.len;
            segment = segment_new(pipe, cap < SEGMENT_MAX ? cap : SEGMENT_MAX);
        }
        size_t room = segment->cap - segment->len;
        size_t part = bytes.len < room ? bytes.len : room;
        memcpy(segment->bytes + segment->len, bytes.ptr, part);
        segment->len += (uint32_t)part;
        bytes = slice_from(bytes, part);
    }
    if (list_empty(&pipe->dirty)) {
        list_push_back(&net_of(pipe)->dirty, &pipe->dirty);
    }
}

void net_flush(struct net *net)
{
    while (!list_empty(&net->dirty)) {
        struct pipe *pipe = container_of(net->dirty.next, struct pipe, dirty);
        list_remove(&pipe->dirty);
        pipe_send(pipe);
    }
}

size_t net_queued(const struct net_end *end)
{
    return end->conn->is_link ? records_queued(&end->out) : end->out.queued;
}

static void add_fin(struct pipe *pipe, bool cut)
{
    pipe->fin = true;
    struct segment *segment = segment_new(pipe, 0);
    segment->fin = true;
    segment->reset = cut;
}

void net_end_side(struct net_end *end)
{
    struct pipe *pipe = &end->out;
    if (!end->open || pipe->fin) {
        return;
    }
    add_fin(pipe, false);
    if (list_empty(&pipe->dirty)) {
        list_push_back(&net_of(pipe)->dirty, &pipe->dirty);
    }
}

void pipe_finish(struct pipe *pipe, bool cut)
{
    if (!pipe->fin_sent) {
        add_fin(pipe, cut);
        pipe_send(pipe);
    }
}

/* Receiving. */

void pipe_resume_reading(struct pipe *pipe)
{
    if (pipe->unread) {
        pipe->unread = false;
        schedule(pipe);
    }
}

void net_read(struct net_end *end, bool on)
{
    end->reading = on;
    if (on) {
        pipe_resume_reading(&end_peer(end)->out);
    }
}

static void back_kick(struct waiter *waiter)
{
    struct pipe *pipe = container_of(waiter, struct pipe, back);
    pipe->in_flight -= pipe->withheld;
    pipe->withheld = 0;
    pipe_send(pipe);
}

/* The reader has read: the window opens, once the writer hears of it. */
static void give_credit(struct pipe *pipe, size_t len)
{
    struct link *back = pipe->to->out.link;
    if (!link_is_open(back)) {
        pipe->withheld += len;
        link_wait(back, &pipe->back);
        return;
    }
    pipe->in_flight -= len;
    if (pipe->unsent != NULL) {
        pipe_send(pipe);
    }
}

/* How many bytes of the first segment arrive in this event: now and then not all. */
static size_t arriving(struct pipe *pipe, struct segment *segment)
{
    size_t rest = segment->len - segment->at;
    uint32_t threshold = net_of(pipe)->options.split_ppm;
    bool split =
        !segment->was_split && rest > 1 && (uint64_t)segment->draw * 1000000 >> 32 < threshold;
    if (!split) {
        return rest;
    }
    segment->was_split = true;
    return 1 + (size_t)(rng_hash(segment->draw, rest) % (rest - 1));
}

/* Takes the first segment, or a part of it, and what arrived together with it. */
static void deliver(struct pipe *pipe, struct segment *segment)
{
    struct net *net = net_of(pipe);
    struct conn *conn = pipe->from->conn;
    struct net_end *to = pipe->to;
    uint32_t clears = pipe->clears;
    size_t len = arriving(pipe, segment);
    bool rest = segment->at + len < segment->len;
    bool then_reset = segment->then_reset && !rest;
    struct slice bytes = slice_of(segment->bytes + segment->at, len);
    list_remove(&segment->link);
    segment->at += (uint32_t)len;
    net->counts.bytes_delivered += len;
    engine_digest_bytes(net->engine, bytes.ptr, bytes.len);
    if (engine_traced(net->engine)) {
        engine_trace(net->engine, to->node, "net", "%zu bytes of connection %llu", len,
                     (unsigned long long)conn->number);
    }
    if (len > 0) {
        to->events->data(to->owner, bytes);
    }
    bool alive = pipe->clears == clears;
    if (alive && rest) {
        segment->arrive_ns = net->engine->now_ns + link_latency(pipe->link) / 4;
        list_push_front(&pipe->segments, &segment->link);
    } else {
        mem_free(net->mem, segment);
    }
    if (alive) {
        give_credit(pipe, len);
    }
    if (alive && then_reset) {
        conn_reset(conn);
    }
    schedule(pipe);
}

static void arrival_event(struct engine_event *event)
{
    struct pipe *pipe = container_of(event, struct pipe, arrival);
    struct conn *conn = conn_hold(pipe->from->conn);
    struct segment *segment = first_of(pipe);
    struct net_end *to = pipe->to;
    ASSERT(segment != NULL && segment->sent);
    if (!link_is_open(pipe->link)) {
        stall(pipe);
    } else if (to->closed) {
        pipe_clear(pipe, true);
        end_fail_later(pipe->from, ERR_CONN_RESET);
    } else if (segment->reset) {
        conn_reset(conn);
    } else if (to->broken) {
        pipe_clear(pipe, true);
    } else if (to->events == NULL || !to->reading) {
        pipe->unread = true;
    } else if (segment->fin) {
        segment_free(pipe, segment);
        engine_trace(conn->net->engine, to->node, "net", "end of connection %llu",
                     (unsigned long long)conn->number);
        to->events->eof(to->owner);
    } else {
        deliver(pipe, segment);
    }
    conn_drop(conn);
}
