/* AppendEntries, the follower's side (thesis 3.5). */
#include "raft_impl.h"

/* Entries of a peer: indexes that follow `prev`, terms that never fall nor pass the sender's. */
static bool is_well_formed(const struct raft_message *m)
{
    term_t before = m->log_term;
    if (m->index > INT64_MAX || before > m->term || (m->index == 0) != (before == 0)) {
        return false;
    }
    for (size_t i = 0; i < m->entry_count; i++) {
        const struct raft_entry *entry = &m->entries[i];
        struct raft_conf_change change;
        if (entry->index != m->index + 1 + i || entry->term < before || entry->term > m->term ||
            entry->term == 0) {
            return false;
        }
        if (entry->type == RAFT_ENTRY_CONF &&
            raft_conf_change_decode(entry->payload, &change) != 0) {
            return false;
        }
        before = entry->term;
    }
    return true;
}

static void refuse(struct raft *r, const struct raft_message *m)
{
    /* Where the logs may still agree: everything above has a term that the leader's entry at prev
     * rules out. With the term there the leader skips the same way (thesis 3.5, the optimisation
     * by terms). */
    index_t hint = log_find_term(&r->log, m->index, m->log_term);
    struct raft_message *reply = send_reply(r, RAFT_APPEND_RESULT, m);
    reply->reject = true;
    reply->index = m->index;
    reply->hint_index = hint;
    reply->hint_term = log_term(&r->log, hint);
}

/* Acknowledges what the message showed to be equal, not what else the log may hold, and only when
 * it is durable. */
static void acknowledge(struct raft *r, const struct raft_message *m, index_t index)
{
    ASSERT(index <= log_last(&r->log));
    struct raft_message *reply = send_reply(r, RAFT_APPEND_RESULT, m);
    reply->index = index;
    hold_until_durable(reply);
}

/* Appends what is missing. Entries that are there already stay, also behind the last one sent: the
 * message may be an old one. False if committed entries would have to go. */
static bool take_entries(struct raft *r, const struct raft_message *m)
{
    size_t i = 0;
    while (i < m->entry_count && m->entries[i].index <= log_last(&r->log) &&
           log_term(&r->log, m->entries[i].index) == m->entries[i].term) {
        i++;
    }
    if (i < m->entry_count && m->entries[i].index <= log_last(&r->log)) {
        if (m->entries[i].index <= r->commit) {
            PROBE("raft.append_against_commit");
            return false;
        }
        PROBE("raft.conflict_truncate");
        log_cut(r, m->entries[i].index);
    }
    for (; i < m->entry_count; i++) {
        log_write(r, m->entries[i].term, m->entries[i].type, m->entries[i].payload);
    }
    return true;
}

void recv_append(struct raft *r, const struct raft_message *m)
{
    ASSERT(m->term == r->term);
    if (!is_well_formed(m)) {
        PROBE("raft.append_malformed");
        return;
    }
    if (m->index < r->log.base) {
        /* What lies before the base is committed, so the leader's log agrees with it. */
        PROBE("raft.append_before_base");
        acknowledge(r, m, r->commit);
        return;
    }
    if (m->index > log_last(&r->log) || log_term(&r->log, m->index) != m->log_term) {
        refuse(r, m);
        return;
    }
    if (!take_entries(r, m)) {
        return;
    }
    index_t verified = m->index + m->entry_count;
    index_t commit = m->commit < verified ? m->commit : verified;
    if (commit > r->commit) {
        set_commit(r, commit);
    }
    if (!m->quiet) {
        acknowledge(r, m, verified);
    }
}
