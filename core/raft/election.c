/* Campaigns (thesis 3.4; pre-vote: 9.6; transfer: 3.10). */
#include "raft_impl.h"

/* A change that is committed but not applied could make this member's configuration two changes
 * older than the cluster's, and then quorums need not meet (etcd-io/etcd#7280). */
bool has_unapplied_conf(const struct raft *r)
{
    index_t first = log_first_conf(&r->log);
    return first != 0 && first <= r->commit;
}

/* Learners and removed members never campaign; neither does one whose state is being restored, or
 * whose log has lost entries that it once had: the others count on them. */
static bool may_campaign(const struct raft *r)
{
    return r->installing == 0 && r->recover_to == 0 && is_voter(r);
}

void recover_end(struct raft *r)
{
    if (r->recover_to != 0 && r->commit >= r->recover_to && r->durable >= r->recover_to) {
        PROBE("raft.recovered");
        r->recover_to = 0;
        restart_election_clock(r);
    }
}

int64_t election_due_ns(const struct raft *r)
{
    if (!may_campaign(r)) {
        return INT64_MAX;
    }
    int64_t due = r->election_from_ns + r->election_wait_ns;
    /* Nobody else could lead: do not wait for others. */
    bool alone = r->conf.voter_count == 1 && r->role == RAFT_FOLLOWER && r->leader == 0 &&
                 !has_unapplied_conf(r) && r->applied >= r->commit;
    if (alone) {
        due = r->election_from_ns;
    }
    return due < r->vote_hold_ns ? r->vote_hold_ns : due;
}

static void request_votes(struct raft *r, enum campaign kind)
{
    index_t last = log_last(&r->log);
    for (size_t i = 0; i < r->peer_count; i++) {
        struct peer *peer = &r->peers[i];
        if (peer->learner || peer->id == r->config.id) {
            continue;
        }
        struct raft_message *m = send_message(r, RAFT_VOTE, peer->id);
        m->index = last;
        m->log_term = log_term(&r->log, last);
        m->pre = kind == CAMPAIGN_PRE_VOTE;
        m->force = kind == CAMPAIGN_TRANSFER;
        if (m->pre) {
            m->term = r->term + 1;
        } else {
            /* The request claims a log and a term that must survive a power failure: a candidate
             * that loses its tail could otherwise win with votes given to the longer log. */
            hold_until_durable(m);
        }
    }
}

void campaign(struct raft *r, enum campaign kind)
{
    ASSERT(r->role != RAFT_LEADER);
    if (!may_campaign(r)) {
        restart_election_clock(r);
        return;
    }
    if (r->role == RAFT_CANDIDATE && r->token_done < r->token_vote) {
        /* A disk slower than the timeout: a further term would only wait for one more write. */
        PROBE("raft.candidate_waits_for_disk");
        restart_election_clock(r);
        return;
    }
    if (has_unapplied_conf(r)) {
        PROBE("raft.campaign_waits_for_conf");
        restart_election_clock(r);
        return;
    }
    if (kind == CAMPAIGN_PRE_VOTE && r->conf.voter_count > 1) {
        become_pre_candidate(r);
        request_votes(r, kind);
        count_vote(r, r->config.id, true);
        return;
    }
    become_candidate(r);
    request_votes(r, kind);
    /* The own vote is counted when it is durable (persist.c). */
}

static void count_voters(const struct raft *r, uint32_t *granted, uint32_t *rejected)
{
    *granted = 0;
    *rejected = 0;
    for (size_t i = 0; i < r->peer_count; i++) {
        if (!r->peers[i].learner) {
            *granted += r->peers[i].vote == PEER_VOTE_GRANTED;
            *rejected += r->peers[i].vote == PEER_VOTE_REJECTED;
        }
    }
}

void count_vote(struct raft *r, member_id_t from, bool granted_by)
{
    ASSERT(r->role == RAFT_PRE_CANDIDATE || r->role == RAFT_CANDIDATE);
    struct peer *peer = find_peer(r, from);
    if (peer == NULL || peer->learner) {
        PROBE("raft.vote_of_nonvoter");
        return;
    }
    if (peer->vote != PEER_VOTE_NONE) {
        PROBE("raft.vote_repeated");
        return;
    }
    peer->vote = granted_by ? PEER_VOTE_GRANTED : PEER_VOTE_REJECTED;
    uint32_t granted;
    uint32_t rejected;
    uint32_t quorum = raft_conf_quorum(&r->conf);
    count_voters(r, &granted, &rejected);
    if (granted >= quorum) {
        if (r->role == RAFT_PRE_CANDIDATE) {
            campaign(r, CAMPAIGN_ELECTION);
        } else if (r->token_done >= r->token_vote) {
            become_leader(r);
        }
    } else if (r->conf.voter_count - rejected < quorum) {
        become_follower(r, r->term, 0);
    }
}
