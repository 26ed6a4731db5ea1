/* Proposals: taken by a leader, forwarded by others. */
#include "raft_impl.h"

/* What a forwarded proposal or one append must leave for headers in a record. */
#define RECORD_SLACK 4096

/* What is appended must fit into one append, also if it came in a record of the largest size. */
static int check_sizes(const struct raft_entry *entries, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].payload.len > RECORD_BYTES_MAX) {
            return ERR_LIMIT;
        }
        bytes += entries[i].payload.len + RAFT_ENTRY_OVERHEAD;
    }
    return bytes > RECORD_BYTES_MAX - RECORD_SLACK ? ERR_LIMIT : 0;
}

/* May a conf change be appended now? A second one before the first is applied would make
 * configurations two changes apart possible (thesis 4.1; etcd turns it into an empty entry). */
static bool conf_is_pending(const struct raft *r)
{
    return log_last_conf(&r->log) != 0;
}

static int check_leader(const struct raft *r, const struct raft_entry *entries, size_t count)
{
    if (r->transferee != 0 || !is_voter(r)) {
        return ERR_DROPPED;
    }
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += entries[i].payload.len;
        if (entries[i].type == RAFT_ENTRY_CONF) {
            struct raft_conf_change change;
            int err = raft_conf_change_decode(entries[i].payload, &change);
            if (err != 0) {
                return err;
            }
            /* Ongaro's correction of 2015 to single-server changes: two leaders could otherwise
             * change the same configuration in two ways whose quorums do not meet. */
            if (!has_committed_in_term(r)) {
                return ERR_AGAIN;
            }
        }
    }
    if (r->uncommitted_bytes > 0 &&
        r->uncommitted_bytes + bytes > r->config.uncommitted_bytes_max) {
        PROBE("raft.too_much_uncommitted");
        return ERR_BUSY;
    }
    return 0;
}

int take_proposal(struct raft *r, const struct raft_entry *entries, size_t count)
{
    ASSERT(r->role == RAFT_LEADER);
    ASSERT(count > 0);
    int err = check_sizes(entries, count);
    if (err == 0) {
        err = check_leader(r, entries, count);
    }
    if (err != 0) {
        return err;
    }
    r->out.propose_index = log_last(&r->log) + 1;
    r->out.propose_count = count;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].type == RAFT_ENTRY_CONF && conf_is_pending(r)) {
            PROBE("raft.conf_change_refused");
            r->out.propose_conf_refused = true;
            append_entry(r, RAFT_ENTRY_NORMAL, (struct slice){NULL, 0});
        } else {
            append_entry(r, entries[i].type, entries[i].payload);
        }
    }
    broadcast_appends(r);
    return 0;
}

static void forward(struct raft *r, size_t count)
{
    struct raft_message *m = send_message(r, RAFT_PROPOSE, r->leader);
    m->context = ++r->forward_seq;
    m->entries = r->out.forwarded;
    m->entry_count = count;
}

void event_propose(struct raft *r, const struct raft_event *e)
{
    ASSERT(e->count > 0);
    ASSERT_IF(e->type == RAFT_EVENT_PROPOSE_CONF, e->count == 1);
    enum raft_entry_type type =
        e->type == RAFT_EVENT_PROPOSE_CONF ? RAFT_ENTRY_CONF : RAFT_ENTRY_NORMAL;
    struct output *out = &r->out;
    out->propose = RAFT_PROPOSE_DROPPED;
    if (r->leader == 0) {
        out->propose_err = ERR_ETCD_NO_LEADER;
        return;
    }
    if (out->forwarded_cap < e->count) {
        out->forwarded = mem_resize(r->mem, out->forwarded, e->count * sizeof(*out->forwarded));
        out->forwarded_cap = e->count;
    }
    for (size_t i = 0; i < e->count; i++) {
        out->forwarded[i] = (struct raft_entry){.payload = e->proposals[i], .type = type};
    }
    if (r->role == RAFT_LEADER) {
        out->propose_err = take_proposal(r, out->forwarded, e->count);
        if (out->propose_err == 0) {
            out->propose = RAFT_PROPOSE_APPENDED;
        }
        return;
    }
    out->propose_err = check_sizes(out->forwarded, e->count);
    if (out->propose_err == 0) {
        forward(r, e->count);
        out->propose = RAFT_PROPOSE_FORWARDED;
    }
}

/* A forwarded proposal: meant for the leader of exactly this term (recv.c has compared), and taken
 * at most once, since records may be duplicated. */
void recv_propose(struct raft *r, const struct raft_message *m)
{
    struct peer *peer = find_peer(r, m->from);
    if (r->role != RAFT_LEADER || peer == NULL || m->entry_count == 0) {
        PROBE("raft.proposal_misdirected");
        return;
    }
    if (!forward_window_take(&peer->forwarded, m->boot, m->context)) {
        PROBE("raft.proposal_repeated");
        return;
    }
    if (take_proposal(r, m->entries, m->entry_count) != 0) {
        PROBE("raft.forwarded_proposal_dropped");
    }
}
