/* Clocks and timers: a heap of nanosecond deadlines per node over the loop's one timer.
 *
 * Timers that are due are moved to a heap of their own before the first of them fires, so that one
 * that is set for the past while they fire waits for the next turn, and one that stops or moves
 * another of the same batch still does.
 */
#include <time.h>

#include "base/assert.h"
#include "node.h"

static int64_t read_clock(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t world_now(struct uv_world *world)
{
    if (world->now_ns == 0) {
        world->now_ns = read_clock(CLOCK_MONOTONIC);
    }
    return world->now_ns;
}

int64_t time_now_ns(struct env *env)
{
    return world_now(node_of(env)->world);
}

int64_t time_wall_ns(struct env *env)
{
    (void)env;
    return read_clock(CLOCK_REALTIME);
}

static struct heap *heap_of(struct uv_node *node, const struct env_timer *timer)
{
    size_t at = timer->item.position;
    if (at <= node->due.count && node->due.items[at] == &timer->item) {
        return &node->due;
    }
    return &node->timers;
}

void time_stop(struct env *env, struct env_timer *timer)
{
    struct uv_node *node = node_of(env);
    if (heap_has(&timer->item)) {
        heap_remove(heap_of(node, timer), &timer->item);
    }
}

void time_set(struct env *env, struct env_timer *timer, int64_t deadline_ns)
{
    struct uv_node *node = node_of(env);
    time_stop(env, timer);
    heap_push(&node->timers, &timer->item, deadline_ns);
}

int64_t time_next(const struct uv_node *node)
{
    const struct heap_item *item = heap_min(&node->timers);
    return item == NULL ? INT64_MAX : item->key;
}

void time_fire(struct uv_node *node)
{
    int64_t now = world_now(node->world);
    ASSERT(node->due.count == 0);
    while (time_next(node) <= now) {
        struct heap_item *item = heap_pop(&node->timers);
        heap_push(&node->due, item, item->key);
    }
    while (!node->exiting && node->due.count > 0) {
        struct env_timer *timer = container_of(heap_pop(&node->due), struct env_timer, item);
        NODE_CALL(node, timer->fire(timer));
    }
}
