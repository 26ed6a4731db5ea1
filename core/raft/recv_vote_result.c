/* Votes. A pre-vote is never taken for a vote, nor a vote of another term for one of this. */
#include "raft_impl.h"

void recv_vote_result(struct raft *r, const struct raft_message *m)
{
    if (m->pre != (r->role == RAFT_PRE_CANDIDATE) ||
        (r->role != RAFT_PRE_CANDIDATE && r->role != RAFT_CANDIDATE)) {
        PROBE("raft.vote_too_late");
        return;
    }
    term_t asked = m->pre && !m->reject ? r->term + 1 : r->term;
    if (m->term != asked) {
        PROBE("raft.vote_of_other_term");
        return;
    }
    count_vote(r, m->from, !m->reject);
}
