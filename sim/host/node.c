/* Nodes: started, stopped, crashed, paused, looked at. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/sort.h"
#include "impl.h"

struct node *node_new(struct host *host, const char *name)
{
    struct world *world = host->world;
    ASSERT(node_find(world, name) == NULL);
    struct node *node = mem_zalloc(world->mem, 1, sizeof(*node));
    node->host = host;
    node->name = mem_strdup(world->mem, name, strlen(name));
    buf_init(&node->output[ENV_STDOUT], world->mem);
    buf_init(&node->output[ENV_STDERR], world->mem);
    world->nodes =
        mem_resize(world->mem, world->nodes, (world->node_count + 1) * sizeof(struct node *));
    world->nodes[world->node_count++] = node;
    node->number = (uint32_t)world->node_count;
    return node;
}

struct node *node_find(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->node_count; i++) {
        if (strcmp(world->nodes[i]->name, name) == 0) {
            return world->nodes[i];
        }
    }
    return NULL;
}

struct node *node_by_number(struct world *world, uint32_t number)
{
    return number > 0 && number <= world->node_count ? world->nodes[number - 1] : NULL;
}

uint32_t world_node_count(const struct world *world)
{
    return (uint32_t)world->node_count;
}

/* Starting. */

static void relay_event(struct observer *observer, const struct obs_event *event)
{
    struct process *process = container_of(observer, struct process, relay);
    struct turn *before = turn_enter(NULL);
    process->observer->event(process->observer, event);
    turn_leave(before);
}

static int compare_vars(const void *a, const void *b, void *ctx)
{
    const struct env_var *x = a;
    const struct env_var *y = b;
    (void)ctx;
    return strcmp(x->name, y->name);
}

/* The console: one block of memory for the strings of each list. */
static void copy_console(struct process *process, const struct node_start *start)
{
    struct mem *mem = process->world->mem;
    process->args = mem_zalloc(mem, start->arg_count + 1, sizeof(char *));
    for (size_t i = 0; i < start->arg_count; i++) {
        process->args[i] = mem_strdup(mem, start->args[i], strlen(start->args[i]));
    }
    size_t text = 0;
    for (size_t i = 0; i < start->var_count; i++) {
        text += strlen(start->vars[i].name) + strlen(start->vars[i].value) + 2;
    }
    process->vars = mem_alloc(mem, start->var_count * sizeof(struct env_var) + text);
    char *at = (char *)(process->vars + start->var_count);
    for (size_t i = 0; i < start->var_count; i++) {
        size_t name = strlen(start->vars[i].name) + 1;
        size_t value = strlen(start->vars[i].value) + 1;
        process->vars[i].name = memcpy(at, start->vars[i].name, name);
        process->vars[i].value = memcpy(at + name, start->vars[i].value, value);
        at += name + value;
    }
    sort_stable(process->vars, start->var_count, sizeof(struct env_var), compare_vars, NULL, mem);
    process->env.args = (const char *const *)process->args;
    process->env.arg_count = start->arg_count;
    process->env.vars = process->vars;
    process->env.var_count = start->var_count;
    process->input_len = start->input.len;
    if (start->input.len > 0) {
        process->input_bytes = mem_strdup(mem, (const char *)start->input.ptr, start->input.len);
    }
}

static void first_turn(struct process *process, void *ctx)
{
    (void)ctx;
    process->program->start(&process->env);
}

static void start_event(struct engine_event *event)
{
    struct process *process = container_of(event, struct process, start);
    engine_digest(&process->world->engine, process->node->incarnation);
    engine_trace(&process->world->engine, process->node->number, "start", "%s, incarnation %u",
                 process->program->name, (unsigned)process->node->incarnation);
    process_turn(process, first_turn, NULL);
}

static struct process *process_new(struct node *node, const struct node_start *start)
{
    struct world *world = node->host->world;
    struct process *process = mem_zalloc(world->mem, 1, sizeof(*process));
    process->node = node;
    process->host = node->host;
    process->world = world;
    process->pool = mem_pool_new(world->options.node_memory_max, world->options.memory_fill);
    process_turn_init(process);
    process->relay.event = relay_event;
    process->observer = start->observer;
    process->env.ops = &sim_env_ops;
    process->env.mem = mem_pool_mem(process->pool);
    process->env.observer = start->observer != NULL ? &process->relay : NULL;
    process->env.log_level = start->log_level;
    copy_console(process, start);
    process->terminal = start->terminal;
    process->log_to_stderr = start->log_to_stderr;
    process->program = start->program;
    process->ended = start->ended;
    process->ended_data = start->data;
    process->crash_call = start->crash_call != 0 ? start->crash_call : UINT64_MAX;
    process->probes_left = start->crash_probe;
    if (start->crash_probe_name != NULL) {
        process->probe_name =
            mem_strdup(world->mem, start->crash_probe_name, strlen(start->crash_probe_name));
    }
    heap_init(&process->timers, world->mem);
    list_init(&process->channels);
    list_init(&process->listeners);
    process->timer.run = timer_event;
    process->timer.kind = ENGINE_TIMER;
    process->timer.node = node->number;
    return process;
}

int node_start(struct node *node, const struct node_start *start)
{
    struct world *world = node->host->world;
    if (node->process != NULL) {
        return ERR_BUSY;
    }
    if (!node->host->on) {
        return ERR_UNREACHABLE;
    }
    ASSERT(start->program != NULL && start->arg_count > 0);
    node->incarnation++;
    node->state = NODE_RUNNING;
    node->fault = NODE_SOUND;
    node->fault_text[0] = '\0';
    node->exit_code = 0;
    buf_clear(&node->output[ENV_STDOUT]);
    buf_clear(&node->output[ENV_STDERR]);
    struct process *process = process_new(node, start);
    node->process = process;
    process->start.run = start_event;
    process->start.kind = ENGINE_START;
    process->start.node = node->number;
    engine_set(&world->engine, &process->start, world->engine.now_ns);
    if (world->sink != NULL && world->sink->started != NULL) {
        world->sink->started(world->sink, node);
    }
    return 0;
}

/* Stopping. */

static void stop_turn(struct process *process, void *ctx)
{
    (void)ctx;
    if (process->at_stop != NULL) {
        process->at_stop(process->at_stop_data, process->stop_signal);
    } else {
        process->exiting = true;
        process->exit_code = -process->stop_signal;
    }
}

static void stop_event(struct engine_event *event)
{
    struct process *process = container_of(event, struct process, stop);
    engine_digest(&process->world->engine, (uint64_t)process->stop_signal);
    engine_trace(&process->world->engine, process->node->number, "stop", "signal %d",
                 process->stop_signal);
    process_turn(process, stop_turn, NULL);
}

void node_stop(struct node *node, int signal)
{
    struct process *process = node->process;
    if (process == NULL || process->stop_told) {
        return;
    }
    struct engine *engine = &process->world->engine;
    process->stop_told = true;
    process->stop_signal = signal;
    process->stop.run = stop_event;
    process->stop.kind = ENGINE_STOP;
    process->stop.node = node->number;
    engine_set(engine, &process->stop, engine->now_ns);
}

void node_crash(struct node *node)
{
    struct process *process = node->process;
    if (process == NULL) {
        return;
    }
    if (process->world->current == process) {
        process->crash_wanted = true;
        return;
    }
    process_end(process, NODE_CRASHED, -9, false);
}

void node_crash_at_call(struct node *node, uint64_t n)
{
    struct process *process = node->process;
    if (process != NULL) {
        process->crash_call = n != 0 ? process->calls + n : UINT64_MAX;
    }
}

void node_pause(struct node *node)
{
    if (node->process != NULL && !node->paused) {
        node->paused = true;
        engine_freeze(&node->host->world->engine, node->number);
        engine_trace(&node->host->world->engine, node->number, "pause", "paused");
    }
}

void node_resume(struct node *node)
{
    if (node->paused) {
        node->paused = false;
        engine_thaw(&node->host->world->engine, node->number);
        engine_trace(&node->host->world->engine, node->number, "pause", "resumed");
    }
}

/* Looking. */

const char *node_name(const struct node *node)
{
    return node->name;
}

uint32_t node_number(const struct node *node)
{
    return node->number;
}

struct host *node_host(const struct node *node)
{
    return node->host;
}

enum node_state node_state(const struct node *node)
{
    return node->state;
}

bool node_is_paused(const struct node *node)
{
    return node->paused;
}

int node_exit_code(const struct node *node)
{
    return node->exit_code;
}

enum node_fault node_fault(const struct node *node)
{
    return node->fault;
}

const char *node_fault_text(const struct node *node)
{
    return node->fault_text;
}

struct slice node_output(const struct node *node, enum env_output from)
{
    return buf_slice(&node->output[from]);
}

uint32_t node_incarnation(const struct node *node)
{
    return node->incarnation;
}

uint64_t node_env_calls(const struct node *node)
{
    return node->process != NULL ? node->process->calls : node->env_calls;
}

uint64_t node_turns(const struct node *node)
{
    return node->turns;
}

uint64_t node_memory_peak(const struct node *node)
{
    return node->process != NULL ? node->process->env.mem->bytes_peak : node->memory_peak;
}

uint64_t node_memory_left(const struct node *node)
{
    return node->memory_left;
}

bool node_exit_clean(const struct node *node)
{
    return node->exit_clean;
}

void node_data_set(struct node *node, void *data)
{
    node->data = data;
}

void *node_data(const struct node *node)
{
    return node->data;
}
