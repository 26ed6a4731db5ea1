#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "support/raft_cluster.h"

static uint64_t key_of(uint64_t a, uint64_t b)
{
    return hash64_mix(hash64_mix(0, a), b);
}

/* A number in the place of a pointer; not 0. */
static void *boxed(uint64_t value)
{
    void *p;
    static_assert(sizeof(p) == sizeof(value), "a map's value holds 64 bits");
    memcpy(&p, &value, sizeof(p));
    return p;
}

/* Remembers the first value of a key; fails the test if another one follows. */
static void same_for_ever(struct map *map, uint64_t key, uint64_t value, const char *rule)
{
    void *before = map_put(map, key, boxed(value | UINT64_C(1) << 63));
    if (before != NULL && (uintptr_t)before != (value | UINT64_C(1) << 63)) {
        fail_msg("%s is broken", rule);
    }
}

void check_init(struct cluster *c)
{
    map_init(&c->leader_of_term, c->mem);
    map_init(&c->vote_of, c->mem);
    map_init(&c->payload_of, c->mem);
    map_init(&c->read_floor, c->mem);
    c->committed_term = mem_zalloc(c->mem, ENTRIES_MAX, sizeof(uint64_t));
    c->committed_hash = mem_zalloc(c->mem, ENTRIES_MAX, sizeof(uint64_t));
    c->state_at = mem_zalloc(c->mem, ENTRIES_MAX, sizeof(uint64_t));
}

void check_fini(struct cluster *c)
{
    map_fini(&c->leader_of_term);
    map_fini(&c->vote_of);
    map_fini(&c->payload_of);
    map_fini(&c->read_floor);
    mem_free(c->mem, c->committed_term);
    mem_free(c->mem, c->committed_hash);
    mem_free(c->mem, c->state_at);
}

/* Election safety and leader completeness. */
void check_role(struct cluster *c, struct node *n)
{
    if (raft_role(n->raft) != RAFT_LEADER) {
        return;
    }
    same_for_ever(&c->leader_of_term, raft_term(n->raft), n->id, "election safety");
    if (n->role == RAFT_LEADER) {
        return;
    }
    for (index_t i = raft_first(n->raft); i <= c->committed; i++) {
        if (raft_log_term(n->raft, i) != c->committed_term[i]) {
            fail_msg("leader completeness is broken at %llu by n%llu", (unsigned long long)i,
                     (unsigned long long)n->id);
        }
    }
}

void check_vote(struct cluster *c, const struct node *n, const struct raft_hard_state *hard)
{
    if (hard->vote != 0) {
        same_for_ever(&c->vote_of, key_of(n->id, hard->term), hard->vote, "one vote per term");
    }
}

void check_payload(struct cluster *c, index_t index, term_t term, struct slice payload)
{
    same_for_ever(&c->payload_of, key_of(index, term), hash64(payload.ptr, payload.len, 1) >> 1,
                  "log matching");
}

/* Is the entry on this disk, such that it would be there after a crash now? */
static bool is_durable(const struct node *n, index_t index, term_t term)
{
    if (index <= n->disk.snapshot_index) {
        return true;
    }
    return index > n->disk.base && index <= n->disk.base + n->disk.count &&
           n->disk.entries[index - n->disk.base - 1].term == term;
}

static void check_commit_quorum(struct cluster *c, const struct node *n, index_t index, term_t term)
{
    const struct raft_conf *conf = raft_conf(n->raft);
    uint32_t durable = 0;
    for (uint32_t i = 0; i < conf->voter_count; i++) {
        durable += is_durable(&c->nodes[conf->voters[i]], index, term);
    }
    if (durable < raft_conf_quorum(conf) || durable == 0) {
        fail_msg("commit quorum is broken at %llu by n%llu: durable on %u of %u",
                 (unsigned long long)index, (unsigned long long)n->id, durable, conf->voter_count);
    }
}

/* State-machine safety, and for what is news the commit quorum. */
void check_commit(struct cluster *c, struct node *n, index_t first, index_t last)
{
    assert_true(last < ENTRIES_MAX);
    for (index_t i = first; i <= last; i++) {
        const struct raft_entry *entry = raft_log_entry(n->raft, i);
        uint64_t hash = hash64(entry->payload.ptr, entry->payload.len, entry->term);
        if (i <= c->committed) {
            if (c->committed_term[i] != entry->term || c->committed_hash[i] != hash) {
                fail_msg("state-machine safety is broken at %llu by n%llu", (unsigned long long)i,
                         (unsigned long long)n->id);
            }
            continue;
        }
        /* Bootstrap entries are committed by decree. */
        if (entry->term > 1 || entry->type != RAFT_ENTRY_CONF) {
            assert_int_equal(raft_role(n->raft), RAFT_LEADER);
            check_commit_quorum(c, n, i, entry->term);
        }
        c->committed_term[i] = entry->term;
        c->committed_hash[i] = hash;
        c->committed = i;
    }
}

void check_state(struct cluster *c, const struct node *n)
{
    assert_true(n->applied < ENTRIES_MAX);
    if (c->state_at[n->applied] == 0) {
        c->state_at[n->applied] = n->state;
    }
    if (c->state_at[n->applied] != n->state) {
        fail_msg("states differ at %llu on n%llu", (unsigned long long)n->applied,
                 (unsigned long long)n->id);
    }
}

void check_read_called(struct cluster *c, uint64_t context)
{
    map_put(&c->read_floor, context, boxed(c->committed + 1));
}

/* A read sees at least what was committed when it was called. */
void check_read(struct cluster *c, const struct raft_read *read)
{
    uintptr_t floor = (uintptr_t)map_remove(&c->read_floor, read->context);
    assert_true(floor != 0);
    if (read->err == 0 && read->index + 1 < floor) {
        fail_msg("linearizability is broken: read at %llu, committed before %llu",
                 (unsigned long long)read->index, (unsigned long long)floor - 1);
    }
}

void check_converged(struct cluster *c)
{
    member_id_t leader = cluster_leader(c);
    assert_true(leader != 0);
    const struct raft_conf *conf = raft_conf(c->nodes[leader].raft);
    for (int i = 1; i < NODES_MAX; i++) {
        const struct node *n = &c->nodes[i];
        if (n->raft == NULL ||
            (!raft_conf_is_voter(conf, n->id) && !raft_conf_is_learner(conf, n->id))) {
            continue;
        }
        if (n->applied != c->nodes[leader].applied || n->state != c->nodes[leader].state) {
            fail_msg("n%d applied %llu, the leader n%llu %llu", i, (unsigned long long)n->applied,
                     (unsigned long long)leader, (unsigned long long)c->nodes[leader].applied);
        }
    }
}
