/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/list.h"
#include "engine/engine.h"

struct probe_event {
    struct engine_event event;
    struct engine *engine;
    int id;
    int64_t again_ns; /* sets itself again, so much later */
};

static int order[64];
static size_t order_count;

static void note(struct engine_event *event)
{
    struct probe_event *self = container_of(event, struct probe_event, event);
    order[order_count++] = self->id;
    if (self->again_ns >= 0) {
        engine_set(self->engine, event, self->engine->now_ns + self->again_ns);
    }
}

struct fixture {
    struct mem_pool *pool;
    struct engine engine;
    struct probe_event events[32];
};

static int setup(void **state)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct fixture *f = mem_zalloc(mem_pool_mem(pool), 1, sizeof(*f));
    f->pool = pool;
    engine_init(&f->engine, mem_pool_mem(pool), 7);
    for (int i = 0; i < 32; i++) {
        f->events[i] = (struct probe_event){.engine = &f->engine, .id = i, .again_ns = -1};
        f->events[i].event.run = note;
        f->events[i].event.node = (uint32_t)(i % 4);
    }
    order_count = 0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    engine_fini(&f->engine);
    mem_pool_free(f->pool);
    return 0;
}

static void set(struct fixture *f, int id, int64_t at_ns)
{
    engine_set(&f->engine, &f->events[id].event, at_ns);
}

static void expect_order(const int *ids, size_t count)
{
    assert_int_equal(order_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(order[i], ids[i]);
    }
}

static void test_events_run_by_time_and_ties_in_the_order_of_setting(void **state)
{
    struct fixture *f = *state;
    set(f, 3, 20);
    set(f, 1, 10);
    set(f, 2, 10);
    set(f, 0, 5);
    set(f, 4, 10);
    assert_int_equal(engine_run(&f->engine, INT64_MAX, UINT64_MAX), ENGINE_RAN_DRY);
    expect_order((const int[]){0, 1, 2, 4, 3}, 5);
    assert_int_equal(f->engine.now_ns, 20);
    assert_int_equal(engine_run(&f->engine, 30, UINT64_MAX), ENGINE_RAN_DRY);
    assert_int_equal(f->engine.now_ns, 30);
    assert_int_equal(f->engine.event, 5);
}

static void test_many_events_come_out_sorted(void **state)
{
    struct fixture *f = *state;
    struct rng rng = engine_rng(&f->engine, "test", 0);
    for (int i = 0; i < 32; i++) {
        set(f, i, rng_range(&rng, 0, 9));
    }
    for (int i = 0; i < 32; i += 3) {
        engine_cancel(&f->engine, &f->events[i].event);
        assert_false(engine_is_set(&f->events[i].event));
    }
    for (int i = 1; i < 32; i += 3) {
        set(f, i, rng_range(&rng, 0, 9));
    }
    (void)engine_run(&f->engine, 100, UINT64_MAX);
    assert_int_equal(order_count, 21);
    for (size_t i = 1; i < order_count; i++) {
        const struct engine_event *a = &f->events[order[i - 1]].event;
        const struct engine_event *b = &f->events[order[i]].event;
        assert_true(a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->seq < b->seq));
    }
}

static void test_setting_a_set_event_moves_it_behind_its_new_ties(void **state)
{
    struct fixture *f = *state;
    set(f, 0, 10);
    set(f, 1, 10);
    set(f, 0, 10);
    (void)engine_run(&f->engine, 100, UINT64_MAX);
    expect_order((const int[]){1, 0}, 2);
}

static void test_the_past_means_now(void **state)
{
    struct fixture *f = *state;
    set(f, 0, 50);
    (void)engine_run(&f->engine, 60, UINT64_MAX);
    set(f, 1, 10);
    (void)engine_run(&f->engine, INT64_MAX, UINT64_MAX);
    expect_order((const int[]){0, 1}, 2);
    assert_int_equal(f->engine.now_ns, 60);
}

static void test_run_ends_at_its_time_and_at_its_count(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 8; i++) {
        set(f, i, i * 10);
    }
    assert_int_equal(engine_run(&f->engine, 25, UINT64_MAX), ENGINE_UNTIL);
    assert_int_equal(f->engine.now_ns, 25);
    assert_int_equal(order_count, 3);
    assert_int_equal(engine_run(&f->engine, 100, 2), ENGINE_COUNTED);
    assert_int_equal(order_count, 5);
    assert_int_equal(f->engine.now_ns, 40);
}

static void test_a_loop_at_one_instant_is_seen(void **state)
{
    struct fixture *f = *state;
    f->engine.instant_max = 50;
    f->events[0].again_ns = 0;
    set(f, 0, 10);
    assert_int_equal(engine_run(&f->engine, 100, UINT64_MAX), ENGINE_CROWDED);
    assert_int_equal(order_count, 50);
}

static void test_frozen_node_gets_its_events_in_order_when_it_thaws(void **state)
{
    struct fixture *f = *state;
    engine_freeze(&f->engine, 1);
    set(f, 1, 10); /* of node 1 */
    set(f, 5, 5);  /* likewise */
    set(f, 9, 7);  /* likewise, cancelled while it is parked */
    set(f, 2, 6);  /* of node 2 */
    assert_int_equal(engine_run(&f->engine, 20, UINT64_MAX), ENGINE_RAN_DRY);
    expect_order((const int[]){2}, 1);
    assert_true(engine_is_set(&f->events[1].event));
    engine_cancel(&f->engine, &f->events[9].event);
    engine_thaw(&f->engine, 1);
    set(f, 13, 10);
    set(f, 17, 0);
    (void)engine_run(&f->engine, 30, UINT64_MAX);
    expect_order((const int[]){2, 5, 1, 13, 17}, 5);
}

static void test_events_know_their_cause(void **state)
{
    struct fixture *f = *state;
    f->events[0].again_ns = 3;
    set(f, 0, 1);
    (void)engine_run(&f->engine, 100, 2);
    assert_int_equal(f->engine.event, 2);
    assert_int_equal(f->engine.cause, 1);
}

struct counting_sink {
    struct engine_sink sink;
    int lines;
};

static void count_line(struct engine_sink *sink, const struct engine_line *line)
{
    struct counting_sink *self = container_of(sink, struct counting_sink, sink);
    assert_string_equal(line->text, "number 4");
    assert_int_equal(line->event, 1);
    self->lines++;
}

static void traced(struct engine_event *event)
{
    struct probe_event *self = container_of(event, struct probe_event, event);
    engine_digest(self->engine, 99);
    engine_trace(self->engine, 1, "test", "number %d", 4);
}

static uint64_t hash_of(struct fixture *f, struct engine_sink *sink, uint64_t digest)
{
    engine_fini(&f->engine);
    engine_init(&f->engine, mem_pool_mem(f->pool), 7);
    f->engine.sink = sink;
    f->events[0].event.run = traced;
    set(f, 0, 10);
    set(f, 1, 12);
    (void)engine_run(&f->engine, 100, UINT64_MAX);
    engine_digest(&f->engine, digest);
    return f->engine.hash;
}

static void test_a_trace_changes_nothing_and_a_digest_does(void **state)
{
    struct fixture *f = *state;
    struct counting_sink sink = {{count_line}, 0};
    uint64_t plain = hash_of(f, NULL, 1);
    assert_true(plain == hash_of(f, &sink.sink, 1));
    assert_int_equal(sink.lines, 1);
    assert_true(plain != hash_of(f, NULL, 2));
}

static void test_streams_do_not_move_each_other(void **state)
{
    struct fixture *f = *state;
    struct rng a = engine_rng(&f->engine, "a", 1);
    struct rng b = engine_rng(&f->engine, "b", 1);
    uint64_t first = rng_u64(&a);
    for (int i = 0; i < 10; i++) {
        (void)rng_u64(&b);
    }
    uint64_t second = rng_u64(&a);
    struct rng again = engine_rng(&f->engine, "a", 1);
    assert_true(rng_u64(&again) == first);
    assert_true(rng_u64(&again) == second);
    struct rng other = engine_rng(&f->engine, "a", 2);
    assert_true(rng_u64(&other) != first);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_events_run_by_time_and_ties_in_the_order_of_setting),
        CASE(test_many_events_come_out_sorted),
        CASE(test_setting_a_set_event_moves_it_behind_its_new_ties),
        CASE(test_the_past_means_now),
        CASE(test_run_ends_at_its_time_and_at_its_count),
        CASE(test_a_loop_at_one_instant_is_seen),
        CASE(test_frozen_node_gets_its_events_in_order_when_it_thaws),
        CASE(test_events_know_their_cause),
        CASE(test_a_trace_changes_nothing_and_a_digest_does),
        CASE(test_streams_do_not_move_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
