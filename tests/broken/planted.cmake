# Bugs that others have had, planted into copies of core/raft: what the story of members that come and
# go (tests/story/churn) must find, by which rule, and within how many seeds. The numbers are those of
# the catalogue in the comments; the seeds leave room for a workload that is drawn anew.
#
# plant(NAME RULES SEEDS [FILE FIND REPLACE]...): each FIND must stand in FILE exactly once.
# Included, the file fills PLANTED and PLANTED_<NAME>_{RULES,SEEDS,FILES}; run by
# `cmake -DNAME=… -DFROM=… -DTO=… -P planted.cmake` it writes the copies of one.
cmake_minimum_required(VERSION 3.25)

function(plant name rules seeds)
    set(files "")
    set(i 3)
    while(i LESS ARGC)
        math(EXPR j "${i} + 1")
        math(EXPR k "${i} + 2")
        set(file "${ARGV${i}}")
        set(find "${ARGV${j}}")
        set(replace "${ARGV${k}}")
        math(EXPR i "${i} + 3")
        if(name STREQUAL "${NAME}")
            if(file IN_LIST files)
                file(READ "${TO}/${file}" text)
            else()
                file(READ "${FROM}/${file}" text)
            endif()
            string(FIND "${text}" "${find}" first)
            string(FIND "${text}" "${find}" last REVERSE)
            if(first EQUAL -1 OR NOT first EQUAL last)
                message(FATAL_ERROR "${name}: \"${find}\" must stand once in ${file}: renew its patch")
            endif()
            string(REPLACE "${find}" "${replace}" text "${text}")
            file(WRITE "${TO}/${file}" "${text}")
        endif()
        list(APPEND files "${file}")
    endwhile()
    list(REMOVE_DUPLICATES files)
    set(PLANTED ${PLANTED} ${name} PARENT_SCOPE)
    set(PLANTED_${name}_RULES "${rules}" PARENT_SCOPE)
    set(PLANTED_${name}_SEEDS ${seeds} PARENT_SCOPE)
    set(PLANTED_${name}_FILES "${files}" PARENT_SCOPE)
endfunction()

# 1: a vote is answered before it is on disk.
plant(vote_not_durable "election/votes,election/one-vote,election/one-leader,durable/kept" 20
    recv_vote.c "    hold_until_durable(reply);" "    (void)reply;")
# 2: the vote is forgotten though the term stays.
plant(vote_reset "election/one-vote,election/one-leader,election/votes,durable/kept,monotonic/never-back" 20
    role.c "    r->role = RAFT_FOLLOWER;" "    r->role = RAFT_FOLLOWER;\n    r->vote = 0;")
# 3: grants of the pre-vote count as votes.
plant(prevote_counted "election/votes,election/one-leader" 30
    recv_vote_result.c "m->pre != (r->role == RAFT_PRE_CANDIDATE) ||" "(!m->pre && r->role == RAFT_PRE_CANDIDATE) ||"
    recv_vote_result.c "m->pre && !m->reject ?" "m->pre && !m->reject && r->role == RAFT_PRE_CANDIDATE ?")
# 4: votes are counted per message, not per member.
plant(vote_counted_twice "election/votes,election/one-leader" 200
    election.c "    if (peer->vote != PEER_VOTE_NONE) {" "    if (peer->vote == PEER_VOTE_GRANTED && granted_by) {\n        peer->commit_sent = r->term;\n    } else if (peer->vote != PEER_VOTE_NONE) {"
    election.c "*granted += r->peers[i].vote == PEER_VOTE_GRANTED;" "*granted += r->peers[i].vote == PEER_VOTE_GRANTED ? 1 + (r->peers[i].commit_sent == r->term) : 0;")
# 5: the longer log wins, whatever its last term.
plant(vote_by_index "election/leader-completeness,commit/state-machine-safety,settle/write,log/acknowledged" 600
    recv_vote.c "m->log_term > term || (m->log_term == term && m->index >= last)" "m->index >= last || term == UINT64_MAX")
# 7: a leader of an earlier term gets no answer.
plant(stale_leader_unanswered "settle/convergence,settle/write,settle/agreement" 1000
    recv.c "        PROBE(\"raft.stale_leader\");" "        return;")
# 8: entries of earlier terms are committed by counting.
plant(commit_prior_term "commit/current-term" 20
    replicate.c "    if (log_term(&r->log, index) != r->term) {" "    if (log_term(&r->log, index) == 0) {")
# 10: a late append takes entries away behind it.
plant(stale_append_cuts "log/acknowledged,election/leader-completeness,durable/kept" 40
    recv_append.c "    for (; i < m->entry_count; i++) {" "    if (i == m->entry_count && m->index + i >= r->commit && m->index + i < log_last(&r->log)) {\n        log_cut(r, m->index + i + 1);\n    }\n    for (; i < m->entry_count; i++) {")
# 13: who steps down drops what is not committed.
plant(step_down_rolls_back "log/acknowledged,log/append-only,durable/kept" 20
    role.c "    r->role = RAFT_FOLLOWER;" "    if (r->role == RAFT_LEADER && log_last(&r->log) > r->commit && r->out.appended_first == 0) {\n        log_cut(r, r->commit + 1);\n    }\n    r->role = RAFT_FOLLOWER;")
# 17: a leader answers reads without asking whether it still leads.
plant(local_reads "linearizability/stale-read,serializable-reads/backwards" 1600
    reads.c "ready && (is_alone(r) || has_lease(r))" "ready && r->term > 0")
# 18: a new leader answers reads before it has committed in its term.
plant(read_index_early "linearizability/stale-read" 1200
    reads.c "bool ready = has_committed_in_term(r);" "bool ready = true;"
    replicate.c "    if (first_of_term) {" "    if (first_of_term && r->term == 0) {")
# 23: a second change while one is not applied.
plant(two_changes "config/one-change-away,config/one-at-a-time" 1000
    propose.c "return log_last_conf(&r->log) != 0;" "return r->term == 0;")
# 24: a change that was cut off stays pending.
plant(change_not_rolled_back "node/assertion" 30
    log.c "    marks_cut(&log->confs, from);" "")
# 26: a replay that passes a configuration of one voter commits the whole log.
plant(replay_commits "commit/by-leader,commit/state-machine-safety" 40
    applied.c "    sync_peers(r);" "    sync_peers(r);\n    if (r->conf.voter_count == 1 && r->role != RAFT_LEADER) {\n        set_commit(r, log_last(&r->log));\n    }")
# 28: a learner refuses to vote, though it may have been promoted.
plant(learner_refuses "settle/write,settle/convergence" 100
    recv_vote.c "    bool granted = may_grant(r, m) && is_up_to_date(r, m);" "    bool granted = is_voter(r) && may_grant(r, m) && is_up_to_date(r, m);")
# 29: a learner campaigns.
plant(learner_campaigns "election/leader-is-voter,election/votes" 200
    election.c "r->recover_to == 0 && is_voter(r);" "r->recover_to == 0 && self_peer(r) != NULL;"
    election.c "    if (peer == NULL || peer->learner) {" "    if (peer == NULL) {"
    election.c "        if (!r->peers[i].learner) {" "        {")
# 35: a leader counts its own copy before it is durable.
plant(own_copy_early "commit/quorum" 20
    replicate.c "    return peer->match;" "    return peer->id == r->config.id ? log_last(&r->log) : peer->match;")

# Not here, since 400 to 571 seeds of this story do not tell them from the product:
#  6: a pre-vote of an earlier term that gets no answer; the others campaign too, and soon.
#  9, 12: a commit index or an acknowledgement beyond what an append verified. Refusals name the place
#     where the logs part exactly, so the first append of a term that fits cuts the tail.
# 11: an acknowledgement to a leader of an earlier term; it needs a leader that was silent for a
#     timeout and speaks again while its successor's votes are under way.
# 21: a change before anything of the term is committed; what is committed is applied in the same
#     turn, so only a change of the term before that nobody has committed could be beside it.
# 22: a campaign with a change committed and not applied; applied in the same turn, as above.
# 25: a leader that is no voter counting itself; it has no entry among the peers and ends in that turn.
