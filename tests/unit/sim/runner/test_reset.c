/* A scenario's command goes through real bytes: break its connection within a frame, at any byte,
 * and see what the client says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "run.h"

static const char text[] = "version: 1\n"
                           "scenario: reset\n"
                           "members: [n1]\n"
                           "timeline:\n"
                           "  - {at: 1s, ctl: put color blue, host: desk, as: put}\n"
                           "  - {after: put + 1s, ctl: get color}\n"
                           "until: 20s\n"
                           "settle: none\n";

enum fate {
    FATE_OK,     /* the answer was there before the break, or the client came round it */
    FATE_UNSENT, /* an error, and the put was not done */
    FATE_DONE    /* an error, and yet it was */
};

struct seen {
    enum fate fate;
    char error[256];
    uint64_t resets;
};

/* Breaks the command's connection at the n-th byte that it sends, or that is sent to it. */
static struct seen run_with_reset(const struct scenario *s, uint64_t n, bool answer)
{
    struct seen outcome = {FATE_OK, "", 0};
    struct run_options options = run_options_default(1);
    struct run *run = run_new(s, &options);
    uint32_t client = host_machine(host_find(run->world, "desk"));
    uint32_t member = host_machine(run->members[0].host);
    const struct net_fault fault = {.reset_after = n};
    net_fault_add(run->net, "cut", answer ? member : client, answer ? client : member, &fault);
    run_go(run);
    /* The oracle does not speak for a host that a step chose. */
    assert_int_equal(run_summary(run).verdict, VERDICT_PASS);
    assert_int_equal(run->ops.count, 2);
    const struct op *put = &run->ops.items[0];
    const struct op *get = &run->ops.items[1];
    bool there = strcmp(get->result, "color\nblue\n") == 0;
    assert_int_equal(get->outcome, LOAD_OK);
    if (put->outcome == LOAD_OK) {
        assert_true(there);
    } else {
        outcome.fate = there ? FATE_DONE : FATE_UNSENT;
        assert_int_equal(put->outcome, LOAD_UNKNOWN);
        assert_true(strlen(put->result) < sizeof(outcome.error));
        memcpy(outcome.error, put->result, strlen(put->result) + 1);
    }
    outcome.resets = net_counts(run->net)->resets;
    run_free(run);
    return outcome;
}

static struct scenario *parse(void)
{
    struct mem_pool *pool = mem_pool_new(1 << 20, -1);
    struct scenario *s = NULL;
    struct buf mistakes;
    size_t count = 0;
    buf_init(&mistakes, mem_pool_mem(pool));
    assert_int_equal(scenario_parse(slice_str(text), "reset.yaml", &s, &mistakes, &count), 0);
    mem_pool_free(pool);
    return s;
}

static void test_a_reset_within_the_requests_frame_is_the_clients_error(void **state)
{
    (void)state;
    struct scenario *s = parse();
    size_t broken = 0;
    for (uint64_t n = 1; n < 400; n += 7) {
        struct seen o = run_with_reset(s, n, false);
        if (o.fate != FATE_OK) {
            /* Nothing of a request that did not arrive whole may be done. */
            assert_int_equal(o.fate, FATE_UNSENT);
            assert_non_null(strstr(o.error, "code = Unavailable"));
            assert_true(o.resets > 0);
            broken++;
        }
    }
    assert_true(broken > 0);
    scenario_free(s);
}

static void test_a_reset_within_the_answers_frame_leaves_the_write_done_and_unknown(void **state)
{
    (void)state;
    struct scenario *s = parse();
    size_t done = 0;
    for (uint64_t n = 1; n < 400; n += 7) {
        struct seen o = run_with_reset(s, n, true);
        if (o.fate == FATE_DONE) {
            assert_non_null(strstr(o.error, "code = Unavailable"));
            assert_true(o.resets > 0);
            done++;
        }
    }
    assert_true(done > 0);
    scenario_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reset_within_the_requests_frame_is_the_clients_error),
        cmocka_unit_test(test_a_reset_within_the_answers_frame_leaves_the_write_done_and_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
