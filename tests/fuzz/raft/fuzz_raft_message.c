/* Records of a peer link: what decodes must encode to the same bytes, and no message, however odd,
 * may break an invariant of the engine that receives it, as follower, candidate or leader. */
#include <stdint.h>

#include "base/assert.h"
#include "raft/raft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void step(struct raft *raft, struct raft_event e, struct raft_update *u)
{
    raft_step(raft, &e, u);
    raft_check(raft);
    if (u->persist.token != 0) {
        struct raft_event done = {.type = RAFT_EVENT_PERSISTED,
                                  .now_ns = e.now_ns,
                                  .token = u->persist.token,
                                  .index = u->persist.last_index,
                                  .term = u->persist.last_term};
        raft_step(raft, &done, u);
        raft_check(raft);
    }
}

static struct raft *engine(struct mem *mem, const struct raft_conf *conf)
{
    struct raft *raft;
    struct raft_config config;
    raft_config_init(&config, 1, 3);
    struct raft_entry entries[] = {{.term = 1, .index = 5, .payload = {NULL, 0}},
                                   {.term = 1, .index = 6, .payload = {NULL, 0}},
                                   {.term = 2, .index = 7, .payload = slice_str("x")}};
    struct raft_start start = {.hard = {.term = 2, .commit = 6},
                               .snapshot_index = 4,
                               .snapshot_term = 1,
                               .conf = conf,
                               .entries = entries,
                               .entry_count = 3};
    int err = raft_new(mem, &config, &start, &raft);
    ASSERT(err == 0);
    return raft;
}

static void receive(struct mem *mem, const struct raft_message *m, int role)
{
    struct raft_conf conf = {.voter_count = 2, .voters = {1, 2}};
    struct raft_update u;
    struct raft *raft = engine(mem, &conf);
    step(raft, (struct raft_event){.type = RAFT_EVENT_START}, &u);
    step(raft, (struct raft_event){.type = RAFT_EVENT_APPLIED, .index = 6}, &u);
    if (role > 0) {
        step(raft, (struct raft_event){.type = RAFT_EVENT_TICK, .now_ns = u.deadline_ns}, &u);
    }
    if (role > 1) {
        for (int pre = 1; pre >= 0; pre--) {
            struct raft_message vote = {.type = RAFT_VOTE_RESULT,
                                        .pre = pre == 1,
                                        .from = 2,
                                        .to = 1,
                                        .boot = 1,
                                        .to_boot = 3,
                                        .term = 3};
            step(raft,
                 (struct raft_event){
                     .type = RAFT_EVENT_RECEIVE, .message = &vote, .now_ns = INT64_C(3000000000)},
                 &u);
        }
        ASSERT(raft_role(raft) == RAFT_LEADER);
    }
    struct raft_message mine = *m;
    mine.to = 1;
    mine.from = mine.from % 4 + 1;
    for (int i = 0; i < 2; i++) {
        step(raft,
             (struct raft_event){
                 .type = RAFT_EVENT_RECEIVE, .message = &mine, .now_ns = INT64_C(3000000000)},
             &u);
        /* Random terms seldom meet the engine's own. */
        mine.term = raft_term(raft);
    }
    raft_free(raft);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 26, 0);
    struct mem *mem = mem_pool_mem(pool);
    struct raft_message_space space;
    struct raft_message m;
    raft_message_space_init(&space, mem);
    int err = raft_message_decode(slice_of(data, size), &space, &m);
    ASSERT(mem->bytes_peak <= 8 * size + 65536);
    if (err == 0) {
        struct buf again;
        buf_init(&again, mem);
        raft_message_encode(&m, &again);
        ASSERT(slice_eq(buf_slice(&again), slice_of(data, size)));
        buf_fini(&again);
        for (int role = 0; role < 3; role++) {
            receive(mem, &m, role);
        }
    }
    raft_message_space_fini(&space);
    ASSERT(mem->bytes == 0);
    mem_pool_free(pool);
    return 0;
}
