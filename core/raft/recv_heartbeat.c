/* Heartbeats, the follower's side. */
#include "raft_impl.h"

/* What the leader believes to be here was acknowledged before this start, and has rotted since. If
 * nothing new is written, no append would show it. */
static void tell_lost(struct raft *r, const struct raft_message *m)
{
    if (r->recover_to == 0) {
        return;
    }
    PROBE("raft.tells_lost_entries");
    struct raft_message *reply = send_reply(r, RAFT_APPEND_RESULT, m);
    reply->reject = true;
    reply->index = m->commit;
    reply->hint_index = log_last(&r->log);
    reply->hint_term = log_term(&r->log, reply->hint_index);
}

void recv_heartbeat(struct raft *r, const struct raft_message *m)
{
    ASSERT(m->term == r->term);
    if (m->commit > r->commit) {
        /* At most what this member acknowledged in this term, so its log holds it. */
        if (m->commit <= log_last(&r->log)) {
            set_commit(r, m->commit);
        } else {
            PROBE("raft.heartbeat_beyond_log");
            tell_lost(r, m);
        }
    }
    struct raft_message *reply = send_reply(r, RAFT_HEARTBEAT_RESULT, m);
    reply->context = m->context;
    reply->sent_ns = m->sent_ns;
}
