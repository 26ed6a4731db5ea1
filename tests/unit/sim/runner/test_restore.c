/* A restored directory is there whole or not at all: the power fails behind every single event of
 * the restore. What is found afterwards is no directory, the rest of an attempt, which no member
 * starts from by mistake, or the whole one, which starts with all that the backup had. */
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
#define RESTORE                                                                                \
    "snapshot restore b.db --name n2 --data-dir new --initial-advertise-peer-urls ${n2.peer} " \
    "--initial-cluster n2=${n2.peer}"

static const char *const before =
    "version: 1\nscenario: t\nmembers: {n1: , n2: }\nprobe: {put: 200ms}\n"
    "settle: none\ntimeline:\n"
    "  - {at: 1s, ctl: put color blue, expect: ok}\n"
    "  - {at: 3s, ctl: snapshot save b.db, host: n2, via: n2, expect: ok}\n"
    "  - {at: 4s, stop: [n1, n2]}\n"
    "  - {at: 6s, host: n2, via: n2, ctl: \"" RESTORE "\"}\n";
/* The power comes back with a start, whose directory is the old one. */
static const char *const look = "  - {at: 7s, start: n2}\n"
                                "  - {at: 8s, stop: n2}\n"
                                "  - {at: 9s, host: n2, via: n2, ctl: \"" RESTORE "\"}\n"
                                "until: 10s\n";
static const char *const use =
    "  - {at: 7s, start: {member: n2, data: new}, expect: {lost: \">= 1\"}}\n"
    "  - {at: 13s, ctl: get color, expect: {stdout: \"color\\nblue\\n\"}}\n"
    "  - {ctl: put color green, expect: ok}\n"
    "until: 15s\n";

struct recorder {
    struct run_sink sink;
    int64_t moments[MOMENTS]; /* of events of the restore, ascending */
    size_t count;
};

static void on_line(struct run_sink *sink, const struct run_line *line)
{
    struct recorder *r = container_of(sink, struct recorder, sink);
    if (line->time_ns < 6 * SEC_NS || line->time_ns >= 7 * SEC_NS ||
        (r->count > 0 && r->moments[r->count - 1] == line->time_ns)) {
        return;
    }
    assert_true(r->count < MOMENTS);
    r->moments[r->count++] = line->time_ns;
}

/* What the last command said; valid until the next run. */
static char said[512];

struct cut {
    struct engine_event event;
    struct host *host;
};

static void cut_power(struct engine_event *event)
{
    host_power_off(container_of(event, struct cut, event)->host);
}

/* cut_ns: when the machine of the restore loses its power; 0: it does not. */
static void go(int64_t cut_ns, const char *rest, struct run_sink *sink)
{
    struct cut cut = {.event = {.kind = ENGINE_STEP, .run = cut_power}};
    struct mem_pool *pool = mem_pool_new(1 << 24, -1);
    struct run_options options = run_options_default(1);
    struct scenario *s = NULL;
    struct buf text;
    struct buf mistakes;
    size_t count = 0;
    options.sink = sink;
    buf_init(&text, mem_pool_mem(pool));
    buf_init(&mistakes, mem_pool_mem(pool));
    buf_add_str(&text, before);
    buf_add_str(&text, rest);
    if (scenario_parse(buf_slice(&text), "t.yaml", &s, &mistakes, &count) != 0) {
        fail_msg("%s", buf_cstr(&mistakes));
    }
    struct run *run = run_new(s, &options);
    if (cut_ns != 0) {
        cut.host = run->members[1].host;
        engine_set(run->engine, &cut.event, run->zero_ns + cut_ns);
    }
    run_go(run);
    if (run_summary(run).verdict != VERDICT_PASS) {
        struct buf reason;
        buf_init(&reason, mem_pool_mem(pool));
        run_reason(run, &reason);
        fail_msg("cut at %lld: %s", (long long)cut_ns, buf_cstr(&reason));
    }
    for (size_t i = 0; i < run->ops.count; i++) {
        const struct op *op = &run->ops.items[i];
        if (op->key == NULL && op->result != NULL) {
            (void)snprintf(said, sizeof(said), "%s", op->result);
        }
    }
    run_free(run);
    scenario_free(s);
    mem_pool_free(pool);
}

static void test_a_power_failure_leaves_no_directory_or_a_whole_one(void **state)
{
    static struct recorder r;
    size_t nothing = 0;
    size_t part = 0;
    size_t whole = 0;
    (void)state;
    r.sink.line = on_line;
    go(0, use, &r.sink);
    assert_true(r.count > 30);
    for (size_t i = 0; i < r.count; i++) {
        int64_t cut_ns = r.moments[i] + 1; /* behind all that happened at that instant */
        go(cut_ns, look, NULL);
        if (strstr(said, "data-dir \"new\" exists") != NULL) {
            whole++;
            go(cut_ns, use, NULL);
        } else if (strstr(said, "new.part is the rest of a restore that was broken off") != NULL) {
            part++;
        } else {
            assert_string_equal(said, "");
            nothing++;
        }
    }
    assert_true(nothing > 0);
    assert_true(part > 10);
    assert_true(whole > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_power_failure_leaves_no_directory_or_a_whole_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
