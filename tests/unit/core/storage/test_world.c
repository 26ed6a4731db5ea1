/* The log on the simulated disk: a member that writes, rolls through segments, takes snapshots and
 * purges is crashed at each of its env calls, loses power, and must bring back all that it was told
 * is durable; and the disk agrees, at every completion, that it would. */
#include <string.h>

#include "host/host.h"
#include "storage/storage.h"
#include "testing.h"

#define PERSISTS      40
#define ENTRIES       512
#define SEGMENT_BYTES 2048
#define MARGIN        8 /* entries behind a snapshot that may yet be replaced */

struct ledger {
    uint64_t boot;
    index_t last;
    term_t terms[ENTRIES];
    uint64_t lives;
    uint64_t persisted;
    uint64_t lies; /* completions that the disk would not keep */
    index_t snapshot;
    uint64_t snapshots; /* booted with */
    index_t purged;     /* the highest index that a boot began behind */
};

struct writer {
    struct env *env;
    struct storage *storage;
    uint64_t token;
    uint64_t asked; /* persists given */
    index_t last;
    term_t terms[ENTRIES]; /* of the log as it was asked for */
    term_t term;
    struct storage_sink *sink;
    index_t snapshot; /* that is being written */
    bool given;
};

static struct ledger ledger;
static uint64_t snapshots;
static uint64_t purges;
static struct writer *writer;
static struct host *host;

static int setup(void **state)
{
    (void)state;
    memset(&ledger, 0, sizeof(ledger));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return 0;
}

/* The next persist: mostly entries behind the last, now and then in place of some. */
static void ask(struct writer *w)
{
    struct raft_entry entries[3];
    uint8_t payload[700];
    memset(payload, (int)w->asked, sizeof(payload));
    size_t count = 1 + w->asked % 3;
    index_t first = w->last + 1;
    if (w->asked % 4 == 3 && w->last > 3) {
        first = w->last - 1;
    }
    w->term = ledger.lives * 100 + w->asked;
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct raft_entry){w->term, first + i, slice_of(payload, 100 + 200 * i), 0};
        w->terms[first + i] = w->term;
    }
    /* What is replaced counts no longer from now on. */
    if (ledger.last >= first) {
        ledger.last = first - 1;
    }
    const struct raft_persist persist = {.token = ++w->token,
                                         .sync = true,
                                         .hard = {w->term, 1, 0},
                                         .truncate_from = first <= w->last ? first : 0,
                                         .entries = entries,
                                         .entry_count = count,
                                         .last_index = first + count - 1,
                                         .last_term = w->term};
    w->last = persist.last_index;
    w->asked++;
    storage_persist(w->storage, &persist);
}

static void on_more(void *data)
{
    struct writer *w = data;
    uint8_t bytes[1500];
    if (w->given) {
        storage_sink_finish(w->sink);
        return;
    }
    w->given = true;
    memset(bytes, (int)w->snapshot, sizeof(bytes));
    storage_sink_chunk(w->sink, 1, slice_of(bytes, sizeof(bytes)));
}

static void on_done(void *data, int status)
{
    struct writer *w = data;
    assert_int_equal(status, 0);
    w->sink = NULL;
    storage_snapshot_taken(w->storage, w->snapshot, w->terms[w->snapshot], w->snapshot - 3);
}

/* Now and then, of what is durable and cannot be replaced any more. */
static void take_snapshot(struct writer *w)
{
    static const struct storage_sink_events events = {on_more, on_done};
    if (w->sink != NULL || ledger.last < MARGIN + 4 || w->asked % 6 != 0 ||
        ledger.last - MARGIN <= ledger.snapshot) {
        return;
    }
    w->snapshot = ledger.last - MARGIN;
    w->given = false;
    ledger.snapshot = w->snapshot;
    const struct snapshot_head head = {.index = w->snapshot,
                                       .term = w->terms[w->snapshot],
                                       .conf = {.voter_count = 1, .voters = {8}}};
    w->sink = storage_write_snapshot(w->storage, &head, &events, w);
}

static void on_opened(void *data, int status, const struct storage_boot *boot)
{
    struct writer *w = data;
    if (status == ERR_NOT_FOUND) {
        assert_int_equal(ledger.boot, 0);
        const struct storage_meta meta = {7, 8};
        storage_create(w->storage, &meta);
        return;
    }
    assert_int_equal(status, 0);
    assert_true(boot->boot > ledger.boot);
    assert_int_equal(boot->recover_to, 0);
    index_t base = boot->entry_count > 0 ? boot->entries[0].index - 1 : boot->snapshot_index;
    index_t last = base + boot->entry_count;
    assert_true(base <= boot->snapshot_index && boot->snapshot_index <= last);
    assert_true(last >= ledger.last);
    for (index_t i = base + 1; i <= ledger.last; i++) {
        assert_int_equal(boot->entries[i - base - 1].term, ledger.terms[i]);
    }
    ledger.snapshots += boot->snapshot != NULL;
    ledger.purged = base > ledger.purged ? base : ledger.purged;
    ledger.boot = boot->boot;
    ledger.last = last;
    w->last = last;
    for (index_t i = 1; i <= last; i++) {
        w->terms[i] = i <= base ? ledger.terms[i] : boot->entries[i - base - 1].term;
        ledger.terms[i] = w->terms[i];
    }
    ask(w);
    ask(w);
}

static void on_persisted(void *data, uint64_t token, index_t index, term_t term)
{
    struct writer *w = data;
    (void)token;
    ledger.persisted++;
    /* It vouches for nothing that was overwritten since: only for what still is as it was then. */
    if (index <= w->last && w->terms[index] == term) {
        while (ledger.last < index) {
            ledger.last++;
            ledger.terms[ledger.last] = w->terms[ledger.last];
        }
    }
    take_snapshot(w);
    if (w->asked < PERSISTS) {
        ask(w);
    } else if (token == PERSISTS) {
        storage_close(w->storage);
    }
}

static void on_failed(void *data, int err)
{
    (void)data;
    (void)err;
    fail();
}

static void on_closed(void *data)
{
    struct writer *w = data;
    struct env *env = w->env;
    env_at_turn_end(env, NULL, NULL);
    storage_free(w->storage);
    mem_free(env->mem, w);
    env_exit(env, 0, true);
}

static void turn_end(void *data)
{
    storage_flush(((struct writer *)data)->storage);
}

static void start(struct env *env)
{
    static const struct storage_events events = {
        .opened = on_opened, .persisted = on_persisted, .failed = on_failed, .closed = on_closed};
    struct writer *w = mem_zalloc(env->mem, 1, sizeof(*w));
    writer = w;
    w->env = env;
    const struct storage_options options = {.segment_bytes = SEGMENT_BYTES};
    w->storage = storage_new(env, "a/data", &options, &events, w);
    env_at_turn_end(env, turn_end, w);
    storage_open(w->storage);
}

static void observe(struct observer *observer, const struct obs_event *event)
{
    (void)observer;
    if (event->kind == OBS_PERSISTED) {
        ledger.lies += !disk_survives(host_disk(host), event->persisted.file,
                                      event->persisted.offset, event->persisted.length);
    }
}

static const struct env_program program = {"writer", start};
static struct observer observer = {observe};

static enum node_state live(struct world *world, struct node *node, uint64_t crash_call)
{
    const char *const args[] = {"writer"};
    const struct node_start how = {.program = &program,
                                   .args = args,
                                   .arg_count = 1,
                                   .log_level = LOG_ERROR,
                                   .observer = &observer,
                                   .crash_call = crash_call};
    ledger.lives++;
    assert_int_equal(node_start(node, &how), 0);
    (void)world_run(world, INT64_MAX, UINT64_MAX);
    assert_string_equal(node_fault_text(node), "");
    return node_state(node);
}

static bool crash_and_recover(uint64_t seed, uint64_t crash_call, bool power)
{
    struct world_options options = world_options_default(seed);
    options.disk.drop_ppm = 300000;
    options.disk.tear_ppm = 400000;
    options.disk.name_drop_ppm = 500000;
    struct world *world = world_new(&options);
    assert_int_equal(host_new(world, "m", "10.0.0.1", &host), 0);
    struct node *node = node_new(host, "m");
    memset(&ledger, 0, sizeof(ledger));
    bool crashed = live(world, node, crash_call) == NODE_CRASHED;
    for (int again = 0; again < 3; again++) {
        if (power) {
            host_power_off(host);
            host_power_on(host);
        }
        /* The second life is cut short as well, somewhere. */
        uint64_t at = again == 0 && crashed ? 1 + crash_call / 2 : 0;
        enum node_state end = live(world, node, at);
        assert_true(end == NODE_EXITED || at != 0);
    }
    assert_int_equal(ledger.lies, 0);
    snapshots += ledger.snapshots;
    purges += ledger.purged > 0;
    assert_true(ledger.persisted >= PERSISTS);
    world_free(world);
    return crashed;
}

static void crash_everywhere(bool power)
{
    uint64_t call = 1;
    while (crash_and_recover(call, call, power)) {
        call++;
    }
    assert_true(call > 40);
}

static void test_a_crash_at_any_call_loses_nothing(void **state)
{
    (void)state;
    crash_everywhere(false);
}

static void test_a_power_failure_at_any_call_loses_nothing(void **state)
{
    (void)state;
    crash_everywhere(true);
}

static void test_power_failures_of_many_kinds_lose_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1000; seed < 1300; seed++) {
        (void)crash_and_recover(seed, 15 + seed % 300, true);
    }
    assert_true(snapshots > 100 && purges > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_a_crash_at_any_call_loses_nothing),
        unit(test_a_power_failure_at_any_call_loses_nothing),
        unit(test_power_failures_of_many_kinds_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
