/* The loop and its turns.
 *
 * libuv's iteration is: timers, prepare, poll, check, closing. A turn ends before the timers of an
 * iteration fire, before the loop waits, and after what the wait has brought was delivered, so that
 * `now` is never older than the wait, and what a turn has gathered never waits for the next event.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "node.h"
#include "sock.h"

#define HELLO_NS_DEFAULT  (INT64_C(10) * 1000000000)
#define RECORD_NS_DEFAULT (INT64_C(60) * 1000000000)

/* Turns --------------------------------------------------------------------------------------- */

/* An active idle handle is what keeps the loop from waiting. */
static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

void world_hurry(struct uv_world *world)
{
    uv_idle_start(&world->idle, on_idle);
}

static void end_turn(struct uv_world *world)
{
    list_each_safe (it, &world->nodes) {
        struct uv_node *node = container_of(it, struct uv_node, link);
        if (node->turn_open) {
            if (node->turn_end != NULL) {
                NODE_CALL(node, node->turn_end(node->turn_end_data));
            }
            socks_flush(node);
            node->turn_open = false;
        }
        if (node->exiting && !node->dropped) {
            node_drop(node);
        }
    }
    world->now_ns = 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct uv_world *world = timer->data;
    world->armed_ns = INT64_MAX;
    end_turn(world);
    list_each_safe (it, &world->nodes) {
        struct uv_node *node = container_of(it, struct uv_node, link);
        if (!node->exiting) {
            time_fire(node);
        }
    }
}

/* libuv counts in milliseconds: a deadline is rounded up, and fires at most that much late. */
static void arm_timer(struct uv_world *world)
{
    int64_t next = INT64_MAX;
    list_each (it, &world->nodes) {
        struct uv_node *node = container_of(it, struct uv_node, link);
        int64_t of_node = node->exiting ? INT64_MAX : time_next(node);
        next = of_node < next ? of_node : next;
    }
    if (next == world->armed_ns) {
        return;
    }
    world->armed_ns = next;
    if (next == INT64_MAX) {
        uv_timer_stop(&world->timer);
        return;
    }
    int64_t now = world_now(world);
    world->now_ns = 0;
    uint64_t wait_ms = next <= now ? 0 : ((uint64_t)next - (uint64_t)now + 999999) / 1000000;
    uv_update_time(&world->loop);
    uv_timer_start(&world->timer, on_timer, wait_ms, 0);
}

static bool all_gone(const struct uv_world *world)
{
    list_each (it, &world->nodes) {
        const struct uv_node *node = container_of(it, struct uv_node, link);
        if (world->until_dropped ? !node->dropped : !node->gone) {
            return false;
        }
    }
    return true;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct uv_world *world = prepare->data;
    end_turn(world);
    arm_timer(world);
    if (world->stop || all_gone(world)) {
        world_hurry(world); /* uv_world_run is about to return */
    }
}

static void begin_node(struct uv_node *node)
{
    node->begun = true;
    NODE_CALL(node, node->options.program->start(&node->env));
}

static bool run_deferred(struct uv_node *node)
{
    struct list now;
    list_init(&now);
    list_splice_back(&now, &node->deferred);
    for (struct list *it = list_pop_front(&now); it != NULL; it = list_pop_front(&now)) {
        struct deferred *deferred = container_of(it, struct deferred, link);
        NODE_CALL(node, deferred->run(deferred));
    }
    return !list_empty(&node->deferred);
}

/* Also where nodes begin: each in a turn of its own, before anything else is told to it. */
static void on_check(uv_check_t *check)
{
    struct uv_world *world = check->data;
    bool more = false;
    end_turn(world);
    list_each_safe (it, &world->nodes) {
        struct uv_node *node = container_of(it, struct uv_node, link);
        if (!node->begun) {
            begin_node(node);
            end_turn(world);
        }
    }
    list_each_safe (it, &world->nodes) {
        struct uv_node *node = container_of(it, struct uv_node, link);
        if (!node->exiting && run_deferred(node)) {
            more = true;
        }
    }
    end_turn(world);
    if (!more) {
        uv_idle_stop(&world->idle);
        list_each (it, &world->nodes) {
            struct uv_node *node = container_of(it, struct uv_node, link);
            if (!list_empty(&node->deferred)) {
                world_hurry(world);
            }
        }
    }
}

/* The world ----------------------------------------------------------------------------------- */

static void must(int status)
{
    ASSERT(status == 0);
}

struct uv_world *uv_world_new(const struct uv_world_options *options)
{
    struct uv_world *world = calloc(1, sizeof(*world));
    ASSERT(world != NULL);
    world->armed_ns = INT64_MAX;
    list_init(&world->nodes);
    if (options != NULL) {
        world->options = *options;
    }
    if (world->options.hello_ns == 0) {
        world->options.hello_ns = HELLO_NS_DEFAULT;
    }
    if (world->options.record_ns == 0) {
        world->options.record_ns = RECORD_NS_DEFAULT;
    }
    must(uv_loop_init(&world->loop));
    must(uv_timer_init(&world->loop, &world->timer));
    must(uv_timer_init(&world->loop, &world->limit));
    must(uv_prepare_init(&world->loop, &world->prepare));
    must(uv_check_init(&world->loop, &world->check));
    must(uv_idle_init(&world->loop, &world->idle));
    world->timer.data = world;
    world->limit.data = world;
    world->prepare.data = world;
    world->check.data = world;
    must(uv_prepare_start(&world->prepare, on_prepare));
    must(uv_check_start(&world->check, on_check));
    return world;
}

static void on_limit(uv_timer_t *timer)
{
    struct uv_world *world = timer->data;
    world->stop = true;
}

bool uv_world_run(struct uv_world *world, int64_t limit_ns)
{
    world->stop = false;
    uv_update_time(&world->loop);
    if (limit_ns != INT64_MAX) {
        uv_timer_start(&world->limit, on_limit, (uint64_t)(limit_ns + 999999) / 1000000, 0);
    }
    while (!all_gone(world) && !world->stop) {
        uv_run(&world->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&world->limit);
    end_turn(world);
    return all_gone(world);
}

void uv_world_break(struct uv_world *world)
{
    world->stop = true;
}

static void close_handle(uv_handle_t *handle, void *data)
{
    (void)data;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

void uv_world_free(struct uv_world *world)
{
    list_each (it, &world->nodes) {
        uv_node_crash(container_of(it, struct uv_node, link));
    }
    while (!all_gone(world)) {
        uv_run(&world->loop, UV_RUN_ONCE);
    }
    list_each_safe (it, &world->nodes) {
        uv_node_free(container_of(it, struct uv_node, link));
    }
    uv_walk(&world->loop, close_handle, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&world->loop));
    free(world);
}
