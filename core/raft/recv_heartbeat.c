/* Heartbeats, the follower's side. */
#include "raft_impl.h"

void recv_heartbeat(struct raft *r, const struct raft_message *m)
{
    ASSERT(m->term == r->term);
    if (m->commit > r->commit) {
        /* At most what this member acknowledged in this term, so its log holds it. */
        if (m->commit <= log_last(&r->log)) {
            set_commit(r, m->commit);
        } else {
            PROBE("raft.heartbeat_beyond_log");
        }
    }
    struct raft_message *reply = send_reply(r, RAFT_HEARTBEAT_RESULT, m);
    reply->context = m->context;
    reply->sent_ns = m->sent_ns;
}
