/* Clocks and timers. A node's timers are in a heap of its own, by its own clock; the engine knows
 * the earliest of them only. */
#include "base/assert.h"
#include "base/duration.h"
#include "impl.h"

__extension__ typedef __int128 wide;

#define MILLION 1000000

int64_t host_clock_at(const struct host *host, int64_t engine_ns)
{
    int64_t passed = engine_ns - host->base_ns;
    if (host->drift_ppm != 0) {
        passed += (int64_t)((wide)passed * host->drift_ppm / MILLION);
    }
    return host->base_mono_ns + passed;
}

/* The first instant of the engine at which the clock shows mono_ns or more. */
static int64_t engine_time(const struct host *host, int64_t mono_ns)
{
    if (mono_ns <= host->base_mono_ns) {
        return host->base_ns;
    }
    int64_t ahead = mono_ns - host->base_mono_ns;
    if (ahead > INT64_MAX / 4) {
        return INT64_MAX / 2; /* never */
    }
    if (host->drift_ppm == 0) {
        return host->base_ns + ahead;
    }
    int64_t rate = MILLION + host->drift_ppm;
    int64_t at_ns = host->base_ns + (int64_t)(((wide)ahead * MILLION + rate - 1) / rate);
    while (host_clock_at(host, at_ns) < mono_ns) {
        at_ns++; /* two roundings differ by one at most */
    }
    return at_ns;
}

int64_t host_now_ns(const struct host *host)
{
    return host_clock_at(host, host->world->engine.now_ns);
}

int64_t host_wall_ns(const struct host *host)
{
    return host_now_ns(host) + host->wall_offset_ns;
}

/* What the clock shows goes on from now under new rules. */
static void rebase(struct host *host)
{
    int64_t mono_ns = host_now_ns(host);
    host->base_ns = host->world->engine.now_ns;
    host->base_mono_ns = mono_ns;
}

static void rearm_all(struct host *host)
{
    struct world *world = host->world;
    for (size_t i = 0; i < world->node_count; i++) {
        struct process *process = world->nodes[i]->process;
        if (process != NULL && process->host == host && process != world->current) {
            process_rearm(process);
        } else if (process != NULL && process->host == host) {
            process->timers_moved = true;
        }
    }
}

void host_clock_drift(struct host *host, int32_t ppm)
{
    ASSERT(ppm > -MILLION / 2 && ppm < MILLION);
    rebase(host);
    /* The wall clock drifts with the other: it is that plus an offset. */
    host->drift_ppm = ppm;
    rearm_all(host);
}

void host_clock_forward(struct host *host, int64_t by_ns)
{
    ASSERT(by_ns >= 0);
    rebase(host);
    host->base_mono_ns += by_ns;
    rearm_all(host);
}

void host_wall_jump(struct host *host, int64_t by_ns)
{
    host->wall_offset_ns += by_ns;
}

/* Timers. */

void process_rearm(struct process *process)
{
    struct engine *engine = &process->world->engine;
    const struct heap_item *first = heap_min(&process->timers);
    process->timers_moved = false;
    if (first == NULL) {
        engine_cancel(engine, &process->timer);
        return;
    }
    int64_t at_ns = engine_time(process->host, first->key);
    at_ns = at_ns < engine->now_ns ? engine->now_ns : at_ns;
    if (engine_is_set(&process->timer) &&
        (process->timer.parked || process->timer.at_ns == at_ns)) {
        return;
    }
    engine_set(engine, &process->timer, at_ns);
}

void sim_timer_set(struct env *env, struct env_timer *timer, int64_t deadline_ns)
{
    struct process *process = env_enter(env);
    heap_remove(&process->timers, &timer->item);
    heap_push(&process->timers, &timer->item, deadline_ns);
    process->timers_moved = true;
}

void sim_timer_stop(struct env *env, struct env_timer *timer)
{
    struct process *process = env_enter(env);
    heap_remove(&process->timers, &timer->item);
    process->timers_moved = true;
}

static void fire(struct process *process, void *ctx)
{
    struct env_timer *timer = ctx;
    (void)process;
    timer->fire(timer);
}

void timer_event(struct engine_event *event)
{
    struct process *process = container_of(event, struct process, timer);
    struct heap_item *first = heap_min(&process->timers);
    if (first == NULL || first->key > host_now_ns(process->host)) {
        process_rearm(process); /* the clock was changed while the node was paused */
        return;
    }
    heap_remove(&process->timers, first);
    process->timers_moved = true;
    engine_trace(&process->world->engine, process->node->number, "timer", "fires");
    process_turn(process, fire, container_of(first, struct env_timer, item));
}
