/* Turns, and the end of a process. */
#include <string.h>

#include "base/assert.h"
#include "base/fmt.h"
#include "impl.h"

_Noreturn void process_abandon(struct process *process, enum abandon why)
{
    longjmp(process->jump, why);
}

_Noreturn void process_fault(struct process *process, enum node_fault fault)
{
    process->fault = fault;
    process_abandon(process, ABANDON_FAULT);
}

static void turn_fail(struct turn *turn, enum turn_fault fault, const char *what, const char *file,
                      int line, const char *function)
{
    struct process *process = container_of(turn, struct process, turn);
    struct node *node = process->node;
    static const enum node_fault faults[] = {
        [TURN_ASSERT] = NODE_ASSERT,
        [TURN_MEMORY] = NODE_MEMORY,
        [TURN_FORBIDDEN] = NODE_FORBIDDEN,
    };
    fmt(node->fault_text, sizeof(node->fault_text), "%s:%d: %s: %s", file, line,
        function != NULL ? function : "?", what);
    process_fault(process, faults[fault]);
}

static void turn_probe(struct turn *turn, const struct probe_site *site)
{
    struct process *process = container_of(turn, struct process, turn);
    struct world_sink *sink = process->world->sink;
    if (sink != NULL && sink->probe != NULL) {
        struct turn *before = turn_enter(NULL);
        sink->probe(sink, process->node, site);
        turn_leave(before);
    }
    if (process->probes_left > 0 &&
        (process->probe_name == NULL || strcmp(process->probe_name, site->name) == 0) &&
        --process->probes_left == 0) {
        process_abandon(process, ABANDON_CRASH);
    }
}

void process_turn_init(struct process *process)
{
    process->turn = (struct turn){turn_fail, turn_probe};
}

struct process *process_current(void)
{
    struct turn *turn = turn_current;
    return turn != NULL && turn->fail == turn_fail ? container_of(turn, struct process, turn)
                                                   : NULL;
}

/* After the turn: what was asked for in it happens. */
static void settle(struct process *process)
{
    struct host *host = process->host;
    if (process->crash_wanted) {
        process_end(process, NODE_CRASHED, -9, false);
    } else if (process->exiting) {
        process_end(process, NODE_EXITED, process->exit_code, false);
    } else if (process->timers_moved) {
        process_rearm(process);
    }
    if (host->power_pending) {
        host_power_off(host);
    }
}

void process_turn(struct process *process, void (*call)(struct process *process, void *ctx),
                  void *ctx)
{
    struct world *world = process->world;
    ASSERT(world->current == NULL);
    world->current = process;
    process->now_ns = host_now_ns(process->host);
    process->node->turns++;
    watchdog_turns++;
    int why = setjmp(process->jump);
    if (why == ABANDON_NOT) {
        turn_current = &process->turn;
        call(process, ctx);
        if (process->turn_end != NULL && !process->exiting) {
            process->turn_end(process->turn_end_data);
        }
    }
    turn_current = NULL;
    world->current = NULL;
    net_flush(world->net);
    if (why == ABANDON_NOT) {
        settle(process);
    } else if (why == ABANDON_CRASH) {
        process_end(process, NODE_CRASHED, -9, false);
    } else {
        process_end(process, NODE_ABORTED, -6, false);
    }
}

static void note_end(struct process *process, enum node_state state, int code)
{
    struct node *node = process->node;
    const struct mem *mem = mem_pool_mem(process->pool);
    node->state = state;
    node->exit_code = code;
    node->fault = process->fault;
    node->env_calls = process->calls;
    node->memory_peak = mem->bytes_peak;
    node->memory_left = mem->bytes;
    node->exit_clean = process->exit_clean;
    if (state == NODE_EXITED && process->exit_clean && mem->count > 0) {
        node->fault = NODE_LEAKED;
        fmt(node->fault_text, sizeof(node->fault_text),
            "clean exit with %llu allocations of %llu bytes in use", (unsigned long long)mem->count,
            (unsigned long long)mem->bytes);
    }
    if (node->fault != NODE_SOUND && process->world->first_fault == NULL) {
        process->world->first_fault = node;
    }
}

static void process_free(struct process *process)
{
    struct world *world = process->world;
    struct mem *mem = world->mem;
    engine_cancel(&world->engine, &process->timer);
    engine_cancel(&world->engine, &process->start);
    engine_cancel(&world->engine, &process->stop);
    engine_cancel(&world->engine, &process->input_event);
    heap_fini(&process->timers);
    mem_pool_free(process->pool);
    for (size_t i = 0; i < process->env.arg_count; i++) {
        mem_free(mem, process->args[i]);
    }
    mem_free(mem, process->args);
    mem_free(mem, process->vars);
    mem_free(mem, process->probe_name);
    mem_free(mem, process->input_bytes);
    mem_free(mem, process);
}

void process_end(struct process *process, enum node_state state, int code, bool power)
{
    struct node *node = process->node;
    struct world *world = process->world;
    ASSERT(world->current != process);
    note_end(process, state, code);
    disk_process_end(process->host->disk, node->number, power);
    channels_drop(process, power);
    void (*ended)(struct node * node, void *data) = process->ended;
    void *data = process->ended_data;
    node->process = NULL;
    node->paused = false;
    process_free(process);
    engine_thaw(&world->engine, node->number);
    engine_trace(&world->engine, node->number, "end", "%s %d%s%s", node_state_name(state), code,
                 node->fault != NODE_SOUND ? ": " : "",
                 node->fault != NODE_SOUND ? node->fault_text : "");
    if (world->sink != NULL && world->sink->ended != NULL) {
        world->sink->ended(world->sink, node);
    }
    if (ended != NULL) {
        ended(node, data);
    }
}
