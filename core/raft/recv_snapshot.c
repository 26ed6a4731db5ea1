/* InstallSnapshot, the follower's side (thesis chapter 5; etcd's MsgSnap). The state itself came by
 * the host's own means; here is what it means for the log. */
#include "raft_impl.h"

static void acknowledge(struct raft *r, const struct raft_message *m, index_t index)
{
    struct raft_message *reply = send_reply(r, RAFT_SNAPSHOT_RESULT, m);
    reply->index = index;
    hold_until_durable(reply);
}

static bool is_well_formed(const struct raft_message *m)
{
    return m->conf != NULL && m->index > 0 && m->index <= INT64_MAX && m->log_term > 0 &&
           m->log_term <= m->term && raft_conf_is_valid(m->conf);
}

static void install(struct raft *r, const struct raft_message *m)
{
    /* Through commit the old log and the snapshot agree; what is behind it goes. */
    writes_clamp(r, r->commit);
    if (r->durable > r->commit) {
        r->durable = r->commit;
    }
    log_reset(&r->log, m->index, m->log_term);
    r->commit = m->index;
    r->commit_told = m->index;
    r->installing = m->index;
    r->snapshot_index = m->index;
    r->snapshot_term = m->log_term;
    r->snapshot_conf = *m->conf;
    r->conf = *m->conf;
    sync_peers(r);
    r->out.snapshot = true;
    r->out.conf_changed = true;
}

void recv_snapshot(struct raft *r, const struct raft_message *m)
{
    ASSERT(m->term == r->term);
    if (!is_well_formed(m)) {
        PROBE("raft.snapshot_malformed");
        return;
    }
    if (m->index <= r->commit) {
        /* Late or repeated: never go back. */
        PROBE("raft.snapshot_stale");
        acknowledge(r, m, r->commit);
        return;
    }
    if (m->index <= log_last(&r->log) && log_term(&r->log, m->index) == m->log_term) {
        /* The log holds it all, so what follows stays (thesis figure 5.3, step 6). */
        PROBE("raft.snapshot_of_prefix");
        set_commit(r, m->index);
        acknowledge(r, m, m->index);
        return;
    }
    /* The snapshot may be older than this member's addition: then its configuration lacks this
     * member, which learns of itself from the log that follows. */
    PROBE("raft.snapshot_install");
    install(r, m);
    acknowledge(r, m, m->index);
}
