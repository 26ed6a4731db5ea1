#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/hash.h"
#include "support/raft_cluster_impl.h"

#define MEMORY_MAX (UINT64_C(1) << 30)

struct cluster *cluster_new(uint64_t seed)
{
    struct mem_pool *pool = mem_pool_new(MEMORY_MAX, 0xA5);
    struct mem *mem = mem_pool_mem(pool);
    struct cluster *c = mem_zalloc(mem, 1, sizeof(*c));
    c->pool = pool;
    c->mem = mem;
    heap_init(&c->events, mem);
    c->rng = rng_stream(seed, "test.cluster", 0);
    raft_config_init(&c->config, 1, 1);
    c->latency_ns = 1 * MS_NS;
    c->disk_ns = 1 * MS_NS;
    c->tell = TELL_DEFAULT;
    buf_init(&c->story, mem);
    raft_message_space_init(&c->space, mem);
    for (int i = 0; i < NODES_MAX; i++) {
        c->nodes[i].id = (member_id_t)i;
        c->nodes[i].writes_tail = &c->nodes[i].writes;
        c->nodes[i].held_tail = &c->nodes[i].held;
    }
    check_init(c);
    return c;
}

static void drop_memory(struct cluster *c, struct node *n)
{
    mem_pool_free(n->pool);
    n->pool = NULL;
    n->raft = NULL;
    while (n->writes != NULL) {
        struct disk_write *w = n->writes;
        n->writes = w->next;
        write_free(c, w);
    }
    n->writes_tail = &n->writes;
    while (n->held != NULL) {
        struct held *h = n->held;
        n->held = h->next;
        mem_free(c->mem, h);
    }
    n->held_tail = &n->held;
    heap_remove(&c->events, &n->timer);
}

void cluster_free(struct cluster *c)
{
    for (int i = 1; i < NODES_MAX; i++) {
        struct node *n = &c->nodes[i];
        if (n->raft != NULL) {
            raft_free(n->raft);
            assert_int_equal(mem_pool_mem(n->pool)->bytes, 0);
            drop_memory(c, n);
        }
        mem_free(c->mem, n->disk.entries);
    }
    while (heap_min(&c->events) != NULL) {
        mem_free(c->mem, (struct happening *)heap_pop(&c->events));
    }
    heap_fini(&c->events);
    check_fini(c);
    buf_fini(&c->story);
    raft_message_space_fini(&c->space);
    struct mem_pool *pool = c->pool;
    mem_free(c->mem, c);
    assert_int_equal(mem_pool_mem(pool)->bytes, 0);
    mem_pool_free(pool);
}

static void start_with(struct cluster *c, member_id_t id, const struct slice *bootstrap,
                       size_t count)
{
    struct node *n = &c->nodes[id];
    struct disk_log *d = &n->disk;
    assert_null(n->raft);
    n->pool = mem_pool_new(MEMORY_MAX, (int)(n->boot & 0xFF));
    n->boot++;
    n->applied = d->snapshot_index;
    n->state = d->snapshot_state;
    n->role = RAFT_FOLLOWER;
    struct raft_config config = c->config;
    config.id = id;
    config.boot = n->boot;
    config.rng = rng_stream(rng_u64(&c->rng), "test.election", id);
    struct raft_entry *entries = mem_zalloc(c->mem, d->count + 1, sizeof(*entries));
    for (size_t i = 0; i < d->count; i++) {
        entries[i] = (struct raft_entry){.term = d->entries[i].term,
                                         .index = d->base + 1 + i,
                                         .payload = {d->entries[i].bytes, d->entries[i].len},
                                         .type = d->entries[i].type};
    }
    struct raft_start start = {.hard = d->hard,
                               .snapshot_index = d->snapshot_index,
                               .snapshot_term = d->snapshot_term,
                               .conf = d->snapshot_index > 0 ? &d->snapshot_conf : NULL,
                               .entries = entries,
                               .entry_count = d->count,
                               .bootstrap = bootstrap,
                               .bootstrap_count = count};
    int err = raft_new(mem_pool_mem(n->pool), &config, &start, &n->raft);
    assert_int_equal(err, 0);
    mem_free(c->mem, entries);
    struct raft_event e = {.type = RAFT_EVENT_START};
    act(c, n, &e);
}

void cluster_bootstrap(struct cluster *c, int count)
{
    struct buf payloads[NODES_MAX];
    struct slice slices[NODES_MAX];
    for (int i = 0; i < count; i++) {
        struct raft_conf_change change = {.type = RAFT_CONF_ADD_VOTER,
                                          .member = (member_id_t)i + 1};
        buf_init(&payloads[i], c->mem);
        raft_conf_change_encode(&change, &payloads[i]);
        slices[i] = buf_slice(&payloads[i]);
    }
    for (int i = 1; i <= count; i++) {
        start_with(c, (member_id_t)i, slices, (size_t)count);
    }
    for (int i = 0; i < count; i++) {
        buf_fini(&payloads[i]);
    }
}

void cluster_start(struct cluster *c, member_id_t id)
{
    tell(c, TELL_ROLES, "n%llu starts", (unsigned long long)id);
    start_with(c, id, NULL, 0);
}

void cluster_crash(struct cluster *c, member_id_t id)
{
    struct node *n = &c->nodes[id];
    tell(c, TELL_ROLES, "n%llu crashes", (unsigned long long)id);
    while (c->keep_some_unsynced && n->writes != NULL && rng_chance(&c->rng, 500000)) {
        write_free(c, write_land(c, n));
    }
    drop_memory(c, n);
}

void cluster_run(struct cluster *c, int64_t ms)
{
    int64_t until = c->now_ns + ms * MS_NS;
    while (heap_min(&c->events) != NULL && heap_min(&c->events)->key <= until) {
        run_one(c);
    }
    c->now_ns = until;
}

member_id_t cluster_leader(const struct cluster *c)
{
    member_id_t leader = 0;
    term_t term = 0;
    for (int i = 1; i < NODES_MAX; i++) {
        const struct node *n = &c->nodes[i];
        if (n->raft != NULL && raft_role(n->raft) == RAFT_LEADER && raft_term(n->raft) > term) {
            leader = n->id;
            term = raft_term(n->raft);
        }
    }
    return leader;
}

member_id_t cluster_await_leader(struct cluster *c)
{
    for (int i = 0; i < 60000 && cluster_leader(c) == 0; i++) {
        cluster_run(c, 1);
    }
    assert_true(cluster_leader(c) != 0);
    return cluster_leader(c);
}

void cluster_campaign(struct cluster *c, member_id_t id)
{
    struct raft_event e = {.type = RAFT_EVENT_FAST_FORWARD,
                           .elapsed_ns = 4 * c->config.election_ns};
    struct node *n = &c->nodes[id];
    if (raft_leader(n->raft) != 0) {
        /* It still follows somebody: let it time out without moving the others' clocks. */
        fail_msg("n%llu follows a leader", (unsigned long long)id);
    }
    act(c, n, &e);
    struct raft_event tick = {.type = RAFT_EVENT_TICK};
    act(c, n, &tick);
}

static void propose(struct cluster *c, member_id_t id, enum raft_event_type type,
                    struct slice bytes)
{
    struct raft_event e = {.type = type, .proposals = &bytes, .count = 1};
    act(c, &c->nodes[id], &e);
}

void cluster_propose(struct cluster *c, member_id_t id, const char *text)
{
    propose(c, id, RAFT_EVENT_PROPOSE, slice_str(text));
}

void cluster_conf(struct cluster *c, member_id_t id, enum raft_conf_type type, member_id_t member)
{
    struct raft_conf_change change = {.type = type, .member = member};
    struct buf payload;
    buf_init(&payload, c->mem);
    raft_conf_change_encode(&change, &payload);
    propose(c, id, RAFT_EVENT_PROPOSE_CONF, buf_slice(&payload));
    buf_fini(&payload);
}

void cluster_read(struct cluster *c, member_id_t id)
{
    struct raft_event e = {.type = RAFT_EVENT_READ, .context = ++c->read_context};
    check_read_called(c, e.context);
    act(c, &c->nodes[id], &e);
}

void cluster_transfer(struct cluster *c, member_id_t id, member_id_t to)
{
    struct raft_event e = {.type = RAFT_EVENT_TRANSFER, .member = to};
    act(c, &c->nodes[id], &e);
}

void cluster_snapshot(struct cluster *c, member_id_t id, index_t keep)
{
    struct node *n = &c->nodes[id];
    index_t index = raft_applied(n->raft);
    if (index > raft_durable(n->raft) || index == 0 || index <= n->disk.snapshot_index ||
        n->writes != NULL) {
        return; /* this host takes snapshots only when its disk is idle */
    }
    struct raft_event e = {.type = RAFT_EVENT_SNAPSHOT_TAKEN,
                           .index = index,
                           .conf = raft_conf(n->raft),
                           .compact_to = index > keep ? index - keep : 0};
    n->disk.snapshot_index = index;
    n->disk.snapshot_term = raft_log_term(n->raft, index);
    n->disk.snapshot_conf = *raft_conf(n->raft);
    n->disk.snapshot_state = n->state;
    tell(c, TELL_COMMITS, "n%llu: snapshot of %llu, log from %llu", (unsigned long long)id,
         (unsigned long long)index, (unsigned long long)e.compact_to + 1);
    act(c, n, &e);
}

void cluster_cut(struct cluster *c, member_id_t from, member_id_t to)
{
    c->cut[from][to] = true;
}

void cluster_isolate(struct cluster *c, member_id_t id)
{
    for (int i = 1; i < NODES_MAX; i++) {
        c->cut[id][i] = true;
        c->cut[i][id] = true;
    }
}

void cluster_heal(struct cluster *c)
{
    memset(c->cut, 0, sizeof(c->cut));
}

void cluster_disk_stall(struct cluster *c, member_id_t id, bool stalled)
{
    struct node *n = &c->nodes[id];
    n->disk_stalled = stalled;
    if (!stalled && n->raft != NULL) {
        for (struct disk_write *w = n->writes; w != NULL; w = w->next) {
            if (w->done_ns < c->now_ns) {
                w->done_ns = c->now_ns;
            }
            happen(c, WRITE_DONE, n, w->done_ns, (struct slice){NULL, 0});
        }
    }
}

void cluster_disk_complete_one(struct cluster *c, member_id_t id)
{
    assert_non_null(c->nodes[id].writes);
    complete_write(c, &c->nodes[id]);
}

void cluster_disk_fail(struct cluster *c, member_id_t id)
{
    struct raft_event e = {.type = RAFT_EVENT_PERSIST_FAILED};
    struct node *n = &c->nodes[id];
    n->disk_stalled = true;
    while (n->held != NULL) {
        struct held *h = n->held;
        n->held = h->next;
        mem_free(c->mem, h);
    }
    n->held_tail = &n->held;
    act(c, n, &e);
}

void cluster_apply_stop(struct cluster *c, member_id_t id, bool stopped)
{
    struct node *n = &c->nodes[id];
    n->apply_stopped = stopped;
    if (!stopped && n->raft != NULL) {
        struct raft_event e = {.type = RAFT_EVENT_TICK};
        act(c, n, &e);
    }
}

struct raft *cluster_raft(struct cluster *c, member_id_t id)
{
    return c->nodes[id].raft;
}

void cluster_step(struct cluster *c, member_id_t id, struct raft_event *e)
{
    act(c, &c->nodes[id], e);
}

void cluster_note(struct cluster *c, const char *text)
{
    buf_printf(&c->story, "# %s\n", text);
}

void cluster_expect(struct cluster *c, const char *golden)
{
    const char *story = buf_cstr(&c->story);
    if (strcmp(story, golden) != 0) {
        (void)printf("--- the story is\n%s--- expected was\n%s---\n", story, golden);
        (void)fflush(stdout);
        fail_msg("the story is another one");
    }
    buf_clear(&c->story);
}

struct cluster *cluster_led_by_n1(int n)
{
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    cluster_bootstrap(c, n);
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    assert_int_equal(cluster_leader(c), 1);
    c->tell = TELL_DEFAULT;
    return c;
}
