/* What can happen to the engine: the input of raft_step. Everything that an event points to is only
 * borrowed for the step.
 */
#ifndef RAFT_EVENT_H
#define RAFT_EVENT_H

#include "raft/message.h"

enum raft_event_type {
    /* The first event, once: gives the initial update (bootstrap entries to persist, what is
     * already committed, the first deadline). */
    RAFT_EVENT_START,
    /* The deadline of an update has come. Earlier or later does no harm. */
    RAFT_EVENT_TICK,
    RAFT_EVENT_RECEIVE, /* message */
    /* token, index, term: everything up to this token is durable. Tokens complete in order; a
     * completion covers all before it. index and term repeat what the persist said. */
    RAFT_EVENT_PERSISTED,
    /* A write or sync failed: the engine halts and never sends again, because what a failed sync
     * left behind is unknown. Held messages must be dropped too. */
    RAFT_EVENT_PERSIST_FAILED,
    RAFT_EVENT_PROPOSE, /* proposals, count: all or none; the payloads are copied */
    /* proposals (payloads by raft_conf_change_encode), count 1. */
    RAFT_EVENT_PROPOSE_CONF,
    RAFT_EVENT_APPLIED, /* index: all normal entries through it; may not pass a conf entry */
    /* index of a conf entry, and in conf_type and member what was really done: RAFT_CONF_NONE if
     * the server refused it at apply time. Also means APPLIED of this index. */
    RAFT_EVENT_CONF_APPLIED,
    /* context: chosen by the caller, never used twice. A question of a follower or its answer may
     * be lost: ask again, under a new context, when it takes long. */
    RAFT_EVENT_READ,
    RAFT_EVENT_TRANSFER,       /* member: the voter that shall lead */
    RAFT_EVENT_TRANSFER_ABORT, /* take proposals again; a TimeoutNow that has left may still work */
    /* The server has a durable snapshot at `index` with `conf`, and the log may forget entries
     * through `compact_to` <= index. index <= applied, index <= raft_durable. */
    RAFT_EVENT_SNAPSHOT_TAKEN,
    /* member, ok: the state sent along with a RAFT_SNAPSHOT message has arrived, or not. Must
     * follow every such message at some time. */
    RAFT_EVENT_SNAPSHOT_SENT,
    RAFT_EVENT_UNREACHABLE, /* member: records to it were dropped; probe before pipelining again */
    RAFT_EVENT_REACHABLE,   /* member: its link is up again; do not wait for the next heartbeat */
    /* elapsed_ns: let the election clock run ahead (a fresh member whose peers are active). */
    RAFT_EVENT_FAST_FORWARD,
    RAFT_EVENT_STOP, /* as halted, but not a failure */
};

struct raft_event {
    enum raft_event_type type;
    int64_t now_ns; /* monotonic; never before the event before it */
    const struct raft_message *message;
    const struct slice *proposals;
    size_t count;
    uint64_t token;
    index_t index;
    term_t term;
    enum raft_conf_type conf_type;
    member_id_t member;
    uint64_t context;
    const struct raft_conf *conf;
    index_t compact_to;
    int64_t elapsed_ns;
    bool ok;
};

#endif
