/* RequestVote and its pre-vote form (thesis 3.4, 3.6.1, 9.6). */
#include "raft_impl.h"

/* Thesis 3.6.1: the later last term wins, then the longer log. */
static bool is_up_to_date(const struct raft *r, const struct raft_message *m)
{
    index_t last = log_last(&r->log);
    term_t term = log_term(&r->log, last);
    return m->log_term > term || (m->log_term == term && m->index >= last);
}

/* Learners and members that this one does not know are answered like anybody: it may have been
 * promoted, or they added, without its knowledge (etcd-io/etcd#10998). */
static bool may_grant(const struct raft *r, const struct raft_message *m)
{
    if (m->pre && m->term > r->term) {
        return true;
    }
    return r->vote == m->from || (r->vote == 0 && r->leader == 0);
}

void recv_vote(struct raft *r, const struct raft_message *m)
{
    ASSERT(m->term >= r->term);
    ASSERT_IF(!m->pre, m->term == r->term);
    bool granted = may_grant(r, m) && is_up_to_date(r, m);
    if (granted && r->recover_to != 0) {
        /* The log looks shorter than it was; a candidate that lacks what it had would seem good. */
        PROBE("raft.no_vote_while_recovering");
        granted = false;
    }
    struct raft_message *reply = send_reply(r, RAFT_VOTE_RESULT, m);
    reply->pre = m->pre;
    reply->reject = !granted;
    if (!granted) {
        return;
    }
    if (m->pre) {
        /* The candidate compares with the term it asked about, not with ours: it may be ahead. */
        reply->term = m->term;
        return;
    }
    r->vote = m->from;
    r->election_from_ns = r->now_ns;
    hold_until_durable(reply);
}
