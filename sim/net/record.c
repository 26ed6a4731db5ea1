/* Record links: each record travels by itself. Without faults they stay in order, as over TCP. */
#include <string.h>

#include "base/assert.h"
#include "env/env.h"
#include "impl.h"

static struct net *net_of(const struct pipe *pipe)
{
    return pipe->from->conn->net;
}

static void record_free(struct record *record)
{
    struct net *net = net_of(record->pipe);
    engine_cancel(net->engine, &record->event);
    list_remove(&record->link);
    mem_free(net->mem, record);
}

void records_clear(struct pipe *pipe)
{
    while (!list_empty(&pipe->records)) {
        record_free(container_of(pipe->records.next, struct record, link));
    }
}

size_t records_queued(const struct pipe *pipe)
{
    const struct engine *engine = net_of(pipe)->engine;
    int64_t now = engine->now_ns;
    size_t queued = pipe->burst_event == engine->event ? pipe->burst : 0;
    if (pipe->link->fault_count == 0) {
        return queued;
    }
    list_each (it, &pipe->records) {
        const struct record *record = container_of(it, struct record, link);
        if (record->held || record->departs_ns > now) {
            queued += record->len;
        }
    }
    return queued;
}

static void hold(struct record *record)
{
    record->held = true;
    link_wait(record->pipe->link, &record->pipe->waiter);
}

static void record_event(struct engine_event *event)
{
    struct record *record = container_of(event, struct record, event);
    struct pipe *pipe = record->pipe;
    struct conn *conn = conn_hold(pipe->from->conn);
    struct net *net = conn->net;
    struct net_end *to = pipe->to;
    if (pipe->link->blocked > 0) {
        net->counts.records_lost++;
    } else if (pipe->link->hung > 0) {
        hold(record);
        conn_drop(conn);
        return;
    } else if (to->closed) {
        end_fail_later(pipe->from, ERR_CONN_RESET);
    } else if (record->reset) {
        list_remove(&record->link);
        conn_reset(conn);
    } else if (!to->broken && to->events != NULL) {
        list_remove(&record->link);
        net->counts.records_delivered++;
        engine_digest_bytes(net->engine, record->bytes, record->len);
        if (engine_traced(net->engine)) {
            engine_trace(net->engine, to->node, "net", "record of %u bytes, connection %llu",
                         (unsigned)record->len, (unsigned long long)conn->number);
        }
        to->events->record(to->owner, slice_of(record->bytes, record->len));
    }
    record_free(record);
    conn_drop(conn);
}

static void dispatch(struct pipe *pipe, struct slice bytes, const struct fate *fate)
{
    struct net *net = net_of(pipe);
    struct record *record = mem_alloc(net->mem, sizeof(*record) + bytes.len);
    memset(record, 0, sizeof(*record));
    record->pipe = pipe;
    record->len = (uint32_t)bytes.len;
    record->reset = fate->reset;
    record->departs_ns = fate->departs_ns;
    memcpy(record->bytes, bytes.ptr, bytes.len);
    list_push_back(&pipe->records, &record->link);
    record->event.run = record_event;
    record->event.kind = ENGINE_RECORD;
    record->event.node = pipe->to->node;
    if (pipe->link->hung > 0) {
        hold(record);
        return;
    }
    int64_t at_ns = fate->arrive_ns;
    if (!fate->reordered) {
        at_ns = at_ns > pipe->last_ns ? at_ns : pipe->last_ns;
        pipe->last_ns = at_ns;
    }
    engine_set(net->engine, &record->event, at_ns > pipe->floor_ns ? at_ns : pipe->floor_ns);
}

int net_send(struct net_end *end, struct slice record)
{
    struct pipe *pipe = &end->out;
    struct net *net = end->conn->net;
    if (!end->open || end->broken) {
        return ERR_CONN_CLOSED;
    }
    struct link *link = pipe->link;
    if (records_queued(pipe) + record.len > ENV_LINK_QUEUE_MAX) {
        return ERR_LIMIT;
    }
    if (pipe->burst_event != net->engine->event) {
        pipe->burst_event = net->engine->event;
        pipe->burst = 0;
    }
    pipe->burst += record.len;
    net->counts.records_sent++;
    struct fate fate = link_fate(link, record.len, true);
    if (fate.lost || link->blocked > 0 || !net->machines[link->to].up) {
        net->counts.records_lost++;
        return 0;
    }
    dispatch(pipe, record, &fate);
    if (fate.duplicated) {
        net->counts.records_duplicated++;
        struct fate again = link_fate(link, record.len, true);
        again.reordered = true;
        dispatch(pipe, record, &again);
    }
    return 0;
}
