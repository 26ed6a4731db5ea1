/* After the timeline: a set that can form a quorum is chosen at random and healed; every other
 * failure stays. Progress must follow: a write is acknowledged, the set's members agree on
 * their state, and all keys can be read, from which the ledger is judged. If fewer than a quorum of
 * the voters can be started at all, that is the excuse. */
#include "run.h"

#include "base/duration.h"
#include "disk/fault.h"

#define TRY_AGAIN_NS (500 * MS_NS)

static void try_put(struct run *run);

static uint64_t bit(size_t i)
{
    return UINT64_C(1) << i;
}

/* Voters that could run: each has a host, and is listed, was started before, or has settings. One
 * that lost its directory may rightly refuse to, and one that has forgotten what it acknowledged
 * cannot be asked to catch up before it has: its leader believes what it said. One of a history
 * that was left behind has no place here, whatever its id. */
static uint64_t candidates(const struct run *run)
{
    uint64_t set = 0;
    for (size_t i = 0; i < run->newest.voter_count; i++) {
        size_t k = member_by_id(run, run->newest.voters[i]);
        const struct member *m = k != SIZE_MAX ? &run->members[k] : NULL;
        if (m != NULL && m->host != NULL && !m->wiped && !(m->forgetful && m->fetching) &&
            m->epoch == epoch_newest(run) && (m->ever_started || m->added)) {
            set |= bit(k);
        }
    }
    return set;
}

static uint64_t choose(struct run *run, uint64_t from, size_t count)
{
    uint64_t set = 0;
    while (count > 0) {
        uint64_t nth = rng_below(&run->rng, (uint64_t)__builtin_popcountll(from & ~set));
        for (size_t i = 0; i < run->member_count; i++) {
            if ((from & ~set & bit(i)) != 0 && nth-- == 0) {
                set |= bit(i);
                break;
            }
        }
        count--;
    }
    return set;
}

static bool converged(const struct run *run)
{
    const struct member *first = NULL;
    size_t leader = run_leader(run);
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member *m = &run->members[i];
        if ((run->settle_set & bit(i)) == 0) {
            continue;
        }
        if (!m->running || !m->published || m->applied < run->commit_max ||
            m->config.index < run->newest.index) {
            return false;
        }
        if (first != NULL && (m->applied != first->applied || m->state_hash != first->state_hash)) {
            return false;
        }
        first = m;
    }
    return leader != SIZE_MAX;
}

static void on_read(struct node *node, void *data)
{
    struct run *run = data;
    if (run->phase == RUN_OVER) {
        return;
    }
    if (node_exit_code(node) != 0) {
        engine_set(run->engine, &run->settle_event, run_now(run) + TRY_AGAIN_NS);
        return;
    }
    run->settled = true;
    run->stopping = true;
    ledger_judge(run, node_output(node, ENV_STDOUT));
}

/* For the ledger. */
static void read_all(struct run *run)
{
    const char *words[] = {"get", "", "--prefix", "--keys-only", "--write-out=json"};
    ctl_launch(run, run->client_host, run_text(run, "ledger-%zu", ++run->ledger_tries),
               run->settle_set, words, 5, NULL, on_read, run);
}

static void on_look(struct engine_event *event)
{
    struct run *run = container_of(event, struct run, settle_event);
    if (run->settle_op == SIZE_MAX) {
        try_put(run);
        return;
    }
    if (converged(run)) {
        run->settled_ns = run_now(run) - run->end_ns;
        read_all(run);
        return;
    }
    engine_set(run->engine, event, run_now(run) + 10 * MS_NS);
}

static void on_put(struct node *node, void *data)
{
    struct run *run = data;
    size_t op = run->ops.count - 1;
    if (run->phase == RUN_OVER) {
        return;
    }
    while (strcmp(run->ops.items[op].client, "settle") != 0) {
        op--;
    }
    int code = node_exit_code(node);
    op_end(run, op, code == 0 ? LOAD_OK : LOAD_UNKNOWN, "");
    run->settle_op = code == 0 ? op : SIZE_MAX;
    engine_set(run->engine, &run->settle_event, run_now(run) + (code == 0 ? 0 : TRY_AGAIN_NS));
}

static void try_put(struct run *run)
{
    const char *words[] = {"put", "settle", run_text(run, "%zu", ++run->settle_tries)};
    op_add(run, (struct op){.client = "settle",
                            .kind = "put",
                            .arg = run_text(run, "put settle %zu", run->settle_tries),
                            .service = SERVICE_WRITES,
                            .settling = true,
                            .call_ns = run_now(run),
                            .return_ns = NEVER_NS,
                            .outcome = LOAD_UNKNOWN,
                            .result = ""});
    ctl_launch(run, run->client_host, run_text(run, "settle-%zu", run->settle_tries),
               run->settle_set, words, 3, NULL, on_put, run);
}

void settle_begin(struct run *run)
{
    uint64_t able = candidates(run);
    size_t quorum = oracle_quorum(run->newest.voter_count);
    run->phase = RUN_SETTLING;
    loads_end(run);
    if (run->newest.voter_count == 0 || (size_t)__builtin_popcountll(able) < quorum) {
        run->settled = true;
        run->stopping = true;
        return;
    }
    run->settle_set = choose(run, able, quorum);
    fault_add(run, "settle", "settle", "");
    net_heal(run->net, NULL);
    for (size_t i = 0; i < run->member_count; i++) {
        struct member *m = &run->members[i];
        if ((run->settle_set & bit(i)) == 0) {
            continue;
        }
        disk_heal(host_disk(m->host));
        if (m->paused) {
            node_resume(m->node);
            m->paused = false;
        }
        if (!m->running) {
            (void)member_start(run, m, NULL);
        }
    }
    run->settle_event.run = on_look;
    run->settle_event.kind = ENGINE_STEP;
    engine_set(run->engine, &run->settle_event, run_now(run));
}
