/* What every message goes through before its own file: address, boot, term. */
#include "raft_impl.h"

/* No cluster gets there by elections; a peer that claims more could make terms overflow. */
#define TERM_MAX ((term_t)INT64_MAX)

static bool is_result(enum raft_message_type type)
{
    return type == RAFT_VOTE_RESULT || type == RAFT_APPEND_RESULT ||
           type == RAFT_HEARTBEAT_RESULT || type == RAFT_SNAPSHOT_RESULT ||
           type == RAFT_READ_INDEX_RESULT;
}

static bool is_from_leader(enum raft_message_type type)
{
    return type == RAFT_APPEND || type == RAFT_HEARTBEAT || type == RAFT_SNAPSHOT;
}

/* Messages that mean something in one term only and say nothing about others. */
static bool is_of_one_term(enum raft_message_type type)
{
    return type == RAFT_PROPOSE || type == RAFT_READ_INDEX || type == RAFT_READ_INDEX_RESULT ||
           type == RAFT_TIMEOUT_NOW;
}

/* Leader stickiness (thesis 4.2.3): who heard a leader within the election timeout helps nobody to
 * depose it, and does not even take the term; a transfer is exempt. A restarted member of a cluster
 * with leases does not know whom it heard and holds back for one timeout. */
static bool ignores_votes(const struct raft *r, const struct raft_message *m)
{
    if (m->force) {
        return false;
    }
    if (r->now_ns < r->vote_hold_ns) {
        return true;
    }
    if (!r->config.check_quorum || r->leader == 0) {
        return false;
    }
    return r->role == RAFT_LEADER || r->now_ns - r->leader_heard_ns < r->config.election_ns;
}

/* A message of an earlier term. A deposed leader or an outrun candidate must hear of the newer
 * term, or it would never join it (etcd-io/etcd#5451; for pre-votes #8501). */
static void answer_stale(struct raft *r, const struct raft_message *m)
{
    if (is_from_leader(m->type)) {
        PROBE("raft.stale_leader");
        send_reply(r, RAFT_APPEND_RESULT, m)->reject = true;
    } else if (m->type == RAFT_VOTE) {
        PROBE("raft.stale_candidate");
        struct raft_message *reply = send_reply(r, RAFT_VOTE_RESULT, m);
        reply->pre = m->pre;
        reply->reject = true;
    }
}

/* A message of a later term: false if it goes no further. */
static bool enter_term(struct raft *r, const struct raft_message *m)
{
    if (m->type == RAFT_VOTE) {
        if (ignores_votes(r, m)) {
            PROBE("raft.vote_ignored");
            return false;
        }
        if (m->pre) {
            return true; /* asks about a term that has not begun */
        }
    }
    if (m->type == RAFT_VOTE_RESULT && m->pre && !m->reject) {
        return true; /* repeats the term that was asked about */
    }
    become_follower(r, m->term, is_from_leader(m->type) ? m->from : 0);
    return true;
}

static void dispatch(struct raft *r, const struct raft_message *m)
{
    switch (m->type) {
    case RAFT_VOTE: recv_vote(r, m); return;
    case RAFT_VOTE_RESULT: recv_vote_result(r, m); return;
    case RAFT_APPEND: recv_append(r, m); return;
    case RAFT_APPEND_RESULT: recv_append_result(r, m); return;
    case RAFT_HEARTBEAT: recv_heartbeat(r, m); return;
    case RAFT_HEARTBEAT_RESULT: recv_heartbeat_result(r, m); return;
    case RAFT_SNAPSHOT: recv_snapshot(r, m); return;
    case RAFT_SNAPSHOT_RESULT: recv_append_result(r, m); return;
    case RAFT_PROPOSE: recv_propose(r, m); return;
    case RAFT_READ_INDEX: recv_read_index(r, m); return;
    case RAFT_READ_INDEX_RESULT: recv_read_index_result(r, m); return;
    case RAFT_TIMEOUT_NOW: recv_timeout_now(r, m); return;
    }
    PROBE("raft.unknown_message");
}

void event_receive(struct raft *r, const struct raft_message *m)
{
    bool absurd = m->term == 0 || m->term > TERM_MAX;
    if (m->to != r->config.id || m->from == r->config.id || m->from == 0 || absurd) {
        PROBE("raft.message_misaddressed");
        return;
    }
    if (is_result(m->type) && m->to_boot != r->config.boot) {
        PROBE("raft.reply_to_earlier_boot");
        return;
    }
    if (is_of_one_term(m->type)) {
        if (m->term == r->term) {
            dispatch(r, m);
        } else {
            PROBE("raft.message_of_other_term");
        }
        return;
    }
    if (m->term < r->term) {
        answer_stale(r, m);
        return;
    }
    if (m->term > r->term && !enter_term(r, m)) {
        return;
    }
    if (is_from_leader(m->type)) {
        if (r->role == RAFT_LEADER) {
            PROBE("raft.second_leader"); /* only a broken or hostile peer says so */
            return;
        }
        hear_leader(r, m->from);
    }
    dispatch(r, m);
}
