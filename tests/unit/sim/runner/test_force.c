/* A forced cluster is there whole or not at all: the power fails behind every single event of the
 * start that forces it, and what is found afterwards is the old cluster or the new one, both of
 * which start. All rules are checked on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "run.h"

#define MOMENTS 4096

/* The start that forces comes at 6 s; what may happen to it is put in behind the first part. */
static const char *const before = "timeline:\n"
                                  "  - {at: 1s, ctl: put color blue, expect: ok}\n"
                                  "  - {at: 3s, power-off: [n1, n2]}\n"
                                  "  - {at: 5s, stop: n3}\n"
                                  "  - at: 6s\n"
                                  "    start: {member: n3, flags: {force-new-cluster: true}}\n";
static const char *const behind =
    "  - {at: 7s, start: n3}\n"
    "  - {at: 12s, stop: n3}\n"
    "  - at: 13s\n"
    "    start: {member: n3, flags: {force-new-cluster: true}}\n"
    "  - {at: 18s, ctl: get color, via: n3, expect: {contains: blue}}\n"
    "  - {ctl: put color green, via: n3, expect: ok}\n"
    "until: 20s\n"
    "expect: [{at: end, voters: 1, leader: n3, keys: {color: green}}]\n";

struct recorder {
    struct run_sink sink;
    int64_t moments[MOMENTS]; /* of events of n3 while it is forced, ascending */
    size_t count;
    bool forced; /* it serves */
};

static void on_line(struct run_sink *sink, const struct run_line *line)
{
    struct recorder *r = container_of(sink, struct recorder, sink);
    bool own = strcmp(line->node, "n3") == 0;
    if (!own || line->time_ns < 6 * SEC_NS || r->forced) {
        return;
    }
    r->forced = strcmp(line->kind, "published") == 0;
    if (r->count == 0 || r->moments[r->count - 1] != line->time_ns) {
        assert_true(r->count < MOMENTS);
        r->moments[r->count++] = line->time_ns;
    }
}

enum came_of {
    OLD_CLUSTER, /* the second attempt had to force it */
    NEW_CLUSTER, /* it was there when it started without the flag, */
    NEW_AT_ONCE, /* or told already before its power failed */
};

/* fault: a step of the scenario. */
static enum came_of go(int snapshot_count, const char *fault, struct run_sink *sink)
{
    struct mem_pool *pool = mem_pool_new(1 << 24, -1);
    struct run_options options = run_options_default(1);
    struct scenario *s = NULL;
    struct buf text;
    struct buf mistakes;
    size_t count = 0;
    options.sink = sink;
    buf_init(&text, mem_pool_mem(pool));
    buf_init(&mistakes, mem_pool_mem(pool));
    buf_printf(&text,
               "version: 1\nscenario: t\nmembers: {n1: , n2: , n3: }\nleader: n1\n"
               "flags: {snapshot-count: %d}\nprobe: {put: 200ms}\n",
               snapshot_count);
    buf_add_str(&text, before);
    buf_add_str(&text, fault);
    buf_add_str(&text, behind);
    if (scenario_parse(buf_slice(&text), "t.yaml", &s, &mistakes, &count) != 0) {
        fail_msg("%s", buf_cstr(&mistakes));
    }
    struct run *run = run_new(s, &options);
    run_go(run);
    if (run_summary(run).verdict != VERDICT_PASS) {
        struct buf reason;
        buf_init(&reason, mem_pool_mem(pool));
        run_reason(run, &reason);
        fail_msg("%s%s", fault, buf_cstr(&reason));
    }
    assert_int_equal(run->epochs.count, 2);
    int64_t begun_ns = run_time(run, run->epochs.items[1].time_ns);
    run_free(run);
    scenario_free(s);
    mem_pool_free(pool);
    return begun_ns < 7 * SEC_NS ? NEW_AT_ONCE : begun_ns < 13 * SEC_NS ? NEW_CLUSTER : OLD_CLUSTER;
}

static void break_off(int snapshot_count, const char *how, size_t *came)
{
    static struct recorder recorder;
    memset(&recorder, 0, sizeof(recorder));
    recorder.sink.line = on_line;
    assert_int_equal(go(snapshot_count, "  - {at: 6900ms, power-off: n3}\n", &recorder.sink),
                     NEW_AT_ONCE);
    assert_true(recorder.forced);
    assert_true(recorder.count > 20);
    for (size_t i = 0; i < recorder.count; i++) {
        char step[128];
        /* Behind all that happened at that instant. */
        (void)snprintf(step, sizeof(step), "  - {at: %lldns, %s: n3}\n",
                       (long long)recorder.moments[i] + 1, how);
        came[go(snapshot_count, step, NULL)]++;
    }
}

static void test_a_power_failure_leaves_the_old_cluster_or_the_new_one(void **state)
{
    size_t came[3] = {0};
    (void)state;
    break_off(100000, "power-off", came);
    assert_true(came[OLD_CLUSTER] > 5);
    assert_true(came[NEW_AT_ONCE] > 0);
}

static void test_a_crash_leaves_the_old_cluster_or_the_new_one(void **state)
{
    size_t came[3] = {0};
    (void)state;
    break_off(100000, "crash", came);
    assert_true(came[OLD_CLUSTER] > 5);
    /* Its bytes were written, and the start without the flag finds them. */
    assert_true(came[NEW_CLUSTER] > 0);
    assert_true(came[NEW_AT_ONCE] > 0);
}

static void test_the_same_with_a_log_that_begins_behind_a_snapshot(void **state)
{
    size_t came[3] = {0};
    (void)state;
    break_off(7, "power-off", came);
    break_off(7, "crash", came);
    assert_true(came[OLD_CLUSTER] > 10);
    assert_true(came[NEW_CLUSTER] > 0);
    assert_true(came[NEW_AT_ONCE] > 0);
}

/* Two writes that the survivor has not heard of, with this expectation of its start. */
static void lose_two(const char *expect, enum verdict verdict, const char *words)
{
    struct mem_pool *pool = mem_pool_new(1 << 24, -1);
    struct run_options options = run_options_default(1);
    struct scenario *s = NULL;
    struct buf text;
    size_t count = 0;
    buf_init(&text, mem_pool_mem(pool));
    buf_printf(&text,
               "version: 1\nscenario: t\nmembers: {n1: , n2: , n3: }\nleader: n1\ntimeline:\n"
               "  - {at: 1s, stop: n3}\n"
               "  - {at: 2s, ctl: put a 1, via: n1, expect: ok}\n"
               "  - {ctl: put b 1, via: n1, expect: ok}\n"
               "  - {at: 3s, power-off: [n1, n2]}\n"
               "  - {at: 4s, start: {member: n3, flags: {force-new-cluster: true}}%s}\n"
               "until: 10s\n",
               expect);
    assert_int_equal(scenario_parse(buf_slice(&text), "t.yaml", &s, &text, &count), 0);
    struct run *run = run_new(s, &options);
    run_go(run);
    assert_int_equal(run_summary(run).verdict, verdict);
    buf_clear(&text);
    run_reason(run, &text);
    if (strstr(buf_cstr(&text), words) == NULL) {
        fail_msg("missing: %s\nin: %s", words, buf_cstr(&text));
    }
    run_free(run);
    scenario_free(s);
    mem_pool_free(pool);
}

static void test_what_is_lost_must_be_what_is_expected(void **state)
{
    (void)state;
    lose_two(", expect: {lost: 2}", VERDICT_PASS, "");
    lose_two(", expect: {lost: \">= 1\"}", VERDICT_PASS, "");
    lose_two(", expect: {lost: 0}", VERDICT_UNMET, "got       2 writes (revisions 2 to 3)");
    lose_two("", VERDICT_UNMET, "no `expect: {lost: ...}` of a start speaks of it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_power_failure_leaves_the_old_cluster_or_the_new_one),
        cmocka_unit_test(test_a_crash_leaves_the_old_cluster_or_the_new_one),
        cmocka_unit_test(test_what_is_lost_must_be_what_is_expected),
        cmocka_unit_test(test_the_same_with_a_log_that_begins_behind_a_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
