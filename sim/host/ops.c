/* The table of the env, and its small entries: clocks, random streams, console, end. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "impl.h"

static int64_t sim_now_ns(struct env *env)
{
    return env_enter(env)->now_ns;
}

static int64_t sim_wall_ns(struct env *env)
{
    struct process *process = env_enter(env);
    return process->now_ns + process->host->wall_offset_ns;
}

static void sim_at_turn_end(struct env *env, void (*end)(void *data), void *data)
{
    struct process *process = env_enter(env);
    process->turn_end = end;
    process->turn_end_data = data;
}

/* By the node's name, not its number: a client more moves nobody else's draws. */
static struct rng sim_random(struct env *env, const char *purpose)
{
    const struct process *process = env_enter(env);
    const struct node *node = process->node;
    uint64_t who = hash64(node->name, strlen(node->name), node->incarnation);
    return rng_stream(process->world->options.seed, purpose, who);
}

static void sim_log(struct env *env, const struct log_line *line)
{
    struct process *process = env_enter(env);
    struct world_sink *sink = process->world->sink;
    int64_t wall_ns = process->now_ns + process->host->wall_offset_ns;
    if (process->log_to_stderr) {
        log_render(line, wall_ns, &process->node->output[ENV_STDERR]);
    }
    if (sink != NULL && sink->log != NULL) {
        struct turn *before = turn_enter(NULL);
        sink->log(sink, process->node, line, wall_ns);
        turn_leave(before);
    }
}

static void sim_print(struct env *env, enum env_output to, struct slice text)
{
    struct process *process = env_enter(env);
    struct world_sink *sink = process->world->sink;
    ASSERT(to == ENV_STDOUT || to == ENV_STDERR);
    buf_add_slice(&process->node->output[to], text);
    if (sink != NULL && sink->output != NULL) {
        struct turn *before = turn_enter(NULL);
        sink->output(sink, process->node, to, text);
        turn_leave(before);
    }
}

static bool sim_is_terminal(struct env *env, enum env_output to)
{
    (void)to;
    return env_enter(env)->terminal;
}

static void input_turn(struct process *process, void *ctx)
{
    struct slice bytes = {NULL, 0};
    (void)ctx;
    if (!process->input_given) {
        bytes = slice_of(process->input_bytes, process->input_len);
        process->input_given = true;
    }
    bool end = bytes.len == 0;
    if (!end) {
        engine_set(&process->world->engine, &process->input_event, process->world->engine.now_ns);
    }
    process->input->read(process->input, bytes, end);
}

static void input_event(struct engine_event *event)
{
    process_turn(container_of(event, struct process, input_event), input_turn, NULL);
}

static void sim_read_input(struct env *env, struct env_input *input)
{
    struct process *process = env_enter(env);
    ASSERT(process->input == NULL);
    process->input = input;
    process->input_event.run = input_event;
    process->input_event.kind = ENGINE_INPUT;
    process->input_event.node = process->node->number;
    engine_set(&process->world->engine, &process->input_event, process->world->engine.now_ns);
}

static void sim_at_stop(struct env *env, void (*stop)(void *data, int signal), void *data)
{
    struct process *process = env_enter(env);
    process->at_stop = stop;
    process->at_stop_data = data;
}

static void sim_exit(struct env *env, int code, bool clean)
{
    struct process *process = env_enter(env);
    if (!process->exiting) {
        process->exiting = true;
        process->exit_code = code;
        process->exit_clean = clean;
    }
}

const struct env_ops sim_env_ops = {
    .now_ns = sim_now_ns,
    .wall_ns = sim_wall_ns,
    .timer_set = sim_timer_set,
    .timer_stop = sim_timer_stop,
    .at_turn_end = sim_at_turn_end,
    .random = sim_random,
    .listen = sim_listen,
    .listener_close = sim_listener_close,
    .stream_connect = sim_stream_connect,
    .stream_accept = sim_stream_accept,
    .stream_write = sim_stream_write,
    .stream_queued = sim_stream_queued,
    .stream_read = sim_stream_read,
    .stream_end = sim_stream_end,
    .stream_close = sim_stream_close,
    .link_connect = sim_link_connect,
    .link_accept = sim_link_accept,
    .link_send = sim_link_send,
    .link_queued = sim_link_queued,
    .link_close = sim_link_close,
    .disk_open = sim_disk_open,
    .disk_write = sim_disk_write,
    .disk_read = sim_disk_read,
    .disk_sync = sim_disk_sync,
    .disk_allocate = sim_disk_allocate,
    .disk_truncate = sim_disk_truncate,
    .disk_close = sim_disk_close,
    .disk_rename = sim_disk_rename,
    .disk_remove = sim_disk_remove,
    .disk_make_dir = sim_disk_make_dir,
    .disk_sync_dir = sim_disk_sync_dir,
    .disk_list = sim_disk_list,
    .disk_stat = sim_disk_stat,
    .disk_space = sim_disk_space,
    .disk_lock = sim_disk_lock,
    .log = sim_log,
    .print = sim_print,
    .is_terminal = sim_is_terminal,
    .read_input = sim_read_input,
    .at_stop = sim_at_stop,
    .exit = sim_exit,
};
