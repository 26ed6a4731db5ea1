/* Leadership transfer (thesis 3.10): stop taking proposals, let the target catch up, tell it to
 * campaign at once. Given up after one election timeout. */
#include "raft_impl.h"

void transfer_end(struct raft *r, int err)
{
    r->transferee = 0;
    r->out.transfer_err = err;
}

void transfer_try(struct raft *r, const struct peer *peer)
{
    if (peer->id != r->transferee || peer->match != log_last(&r->log)) {
        return;
    }
    send_message(r, RAFT_TIMEOUT_NOW, peer->id);
    /* The target's votes ignore leader stickiness, which a lease relies on; and the message may
     * arrive at any later time of this term. */
    r->lease_given_up = true;
}

void event_transfer(struct raft *r, member_id_t to)
{
    if (r->role != RAFT_LEADER) {
        r->out.transfer_err = ERR_ETCD_NOT_LEADER;
        return;
    }
    struct peer *peer = find_peer(r, to);
    if (peer == NULL || peer->learner || to == r->config.id) {
        r->out.transfer_err = ERR_ETCD_BAD_TRANSFEREE;
        return;
    }
    if (r->transferee == to) {
        return;
    }
    if (r->transferee != 0) {
        transfer_end(r, ERR_CANCELED);
    }
    r->transferee = to;
    r->transfer_due_ns = r->now_ns + r->config.election_ns;
    if (peer->match == log_last(&r->log)) {
        transfer_try(r, peer);
    } else {
        send_all_appends(r, peer, EMPTY_ASKS);
    }
}

void event_transfer_abort(struct raft *r)
{
    if (r->transferee != 0) {
        transfer_end(r, ERR_CANCELED);
    }
}

void recv_timeout_now(struct raft *r, const struct raft_message *m)
{
    if (r->role != RAFT_FOLLOWER || r->leader != m->from) {
        PROBE("raft.timeout_now_misdirected");
        return;
    }
    if (!is_voter(r)) {
        return;
    }
    if (has_unapplied_conf(r)) {
        /* The last words of a leader that removed itself come right behind the change. */
        PROBE("raft.transfer_waits_for_conf");
        r->called_in_term = r->term;
        return;
    }
    campaign(r, CAMPAIGN_TRANSFER);
}

void transfer_resume(struct raft *r)
{
    if (r->called_in_term != 0 && r->called_in_term == r->term && r->role == RAFT_FOLLOWER &&
        is_voter(r) && !has_unapplied_conf(r)) {
        r->called_in_term = 0;
        campaign(r, CAMPAIGN_TRANSFER);
    }
}
