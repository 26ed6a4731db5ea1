/* The active configuration and the peers that follow from it. */
#include "raft_impl.h"

struct peer *find_peer(const struct raft *r, member_id_t id)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].id == id) {
            return &r->peers[i];
        }
    }
    return NULL;
}

bool is_voter(const struct raft *r)
{
    return raft_conf_is_voter(&r->conf, r->config.id);
}

static void add_peer(struct raft *r, member_id_t id, bool learner)
{
    if (r->peer_count == r->peer_cap) {
        r->peer_cap = r->peer_cap == 0 ? 8 : r->peer_cap * 2;
        r->peers = mem_resize(r->mem, r->peers, r->peer_cap * sizeof(*r->peers));
    }
    size_t at = r->peer_count;
    while (at > 0 && r->peers[at - 1].id > id) {
        r->peers[at] = r->peers[at - 1];
        at--;
    }
    struct peer *peer = &r->peers[at];
    *peer = (struct peer){.id = id, .learner = learner};
    peer_reset(peer, log_last(&r->log));
    /* A member just added counts as heard until the next check of the quorum; otherwise adding one
     * could depose the leader before the new member had any chance to answer (etcd). */
    peer->recent_active = true;
    r->peer_count++;
}

static void drop_peer(struct raft *r, size_t at)
{
    peer_fini(&r->peers[at], r->mem);
    r->peer_count--;
    memmove(&r->peers[at], &r->peers[at + 1], (r->peer_count - at) * sizeof(*r->peers));
}

void sync_peers(struct raft *r)
{
    for (size_t i = r->peer_count; i-- > 0;) {
        member_id_t id = r->peers[i].id;
        if (!raft_conf_is_voter(&r->conf, id) && !raft_conf_is_learner(&r->conf, id)) {
            drop_peer(r, i);
        }
    }
    for (uint32_t i = 0; i < r->conf.voter_count; i++) {
        struct peer *peer = find_peer(r, r->conf.voters[i]);
        if (peer == NULL) {
            add_peer(r, r->conf.voters[i], false);
        } else {
            peer->learner = false;
        }
    }
    for (uint32_t i = 0; i < r->conf.learner_count; i++) {
        struct peer *peer = find_peer(r, r->conf.learners[i]);
        if (peer == NULL) {
            add_peer(r, r->conf.learners[i], true);
        } else {
            peer->learner = true;
        }
    }
}

uint64_t quorum_value(const struct raft *r,
                      uint64_t (*of)(const struct raft *, const struct peer *))
{
    uint64_t values[MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].learner) {
            continue;
        }
        uint64_t value = of(r, &r->peers[i]);
        size_t at = count++;
        /* Largest first. */
        for (; at > 0 && values[at - 1] < value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
    return count == 0 ? 0 : values[raft_conf_quorum(&r->conf) - 1];
}
