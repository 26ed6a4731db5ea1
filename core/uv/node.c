/* The life of a node: started, entered, ended, gone. */
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fmt.h"
#include "disk.h"
#include "node.h"
#include "sock.h"

/* Entering and leaving ------------------------------------------------------------------------ */

bool node_enter(struct uv_node *node, struct turn **before)
{
    if (node->exiting) {
        return false;
    }
    node->turn_open = true;
    *before = turn_enter(&node->turn);
    return true;
}

void node_leave(struct turn *before)
{
    turn_leave(before);
}

static void turn_fail(struct turn *turn, enum turn_fault fault, const char *what, const char *file,
                      int line, const char *function)
{
    (void)turn;
    char text[512];
    size_t len = fmt(text, sizeof(text), "%s:%d: %s: %s: %s\n", file, line,
                     function != NULL ? function : "?",
                     fault == TURN_ASSERT ? "assertion failed" : "cannot go on", what);
    if (len >= sizeof(text)) {
        len = sizeof(text) - 1;
    }
    ssize_t written = write(STDERR_FILENO, text, len);
    (void)written;
    abort();
}

void node_defer(struct uv_node *node, struct deferred *deferred)
{
    if (deferred->link.next == NULL) {
        list_init(&deferred->link);
    }
    if (list_empty(&deferred->link)) {
        list_push_back(&node->deferred, &deferred->link);
    }
    world_hurry(node->world);
}

void node_undefer(struct deferred *deferred)
{
    if (deferred->link.next != NULL) {
        list_remove(&deferred->link);
    }
}

/* The end of a node --------------------------------------------------------------------------- */

static void node_gone(struct uv_node *node)
{
    files_close(node);
    heap_fini(&node->timers);
    heap_fini(&node->due);
    mem_pool_free(node->pool);
    mem_pool_free(node->own_pool);
    node->pool = NULL;
    node->own_pool = NULL;
    node->gone = true;
}

void node_release(struct uv_node *node)
{
    ASSERT(node->busy > 0);
    node->busy--;
    if (node->busy == 0 && node->dropped) {
        node_gone(node);
    }
}

/* The node's own handles and memory may be gone already if it ended cleanly: nothing here may look
 * at them. */
void node_drop(struct uv_node *node)
{
    ASSERT(node->exiting && !node->dropped);
    node->bytes_left = mem_pool_mem(node->pool)->bytes;
    if (node->exit_clean && node->bytes_left != 0) {
        const struct log_field fields[] = {log_u64("bytes", node->bytes_left),
                                           log_u64("allocations", mem_pool_mem(node->pool)->count)};
        env_log(&node->env, LOG_ERROR, "the node ended cleanly but has not freed all memory",
                fields, 2);
    }
    node->dropped = true;
    node->busy++; /* until everything below is closing */
    list_init(&node->deferred);
    socks_drop(node);
    listeners_drop(node);
    console_drop(node);
    node_release(node);
}

/* Nodes --------------------------------------------------------------------------------------- */

static void run_stop(struct deferred *deferred)
{
    struct uv_node *node = container_of(deferred, struct uv_node, stop_later);
    if (node->stop != NULL) {
        node->stop(node->stop_data, node->stop_signal);
    } else {
        env_exit(&node->env, -node->stop_signal, false);
    }
}

static void fill_env(struct uv_node *node)
{
    const struct uv_node_options *options = &node->options;
    node->env = (struct env){
        .ops = &uv_ops,
        .mem = mem_pool_mem(node->pool),
        .observer = options->observer,
        .args = options->args,
        .arg_count = options->arg_count,
        .vars = options->vars,
        .var_count = options->var_count,
        .log_level = options->log_level,
    };
}

struct uv_node *uv_world_start(struct uv_world *world, const struct uv_node_options *options)
{
    ASSERT(options->program != NULL && options->program->start != NULL);
    struct uv_node *node = calloc(1, sizeof(*node));
    ASSERT(node != NULL);
    node->world = world;
    node->options = *options;
    node->turn.fail = turn_fail;
    node->pool = mem_pool_new(options->memory_max != 0 ? options->memory_max : UINT64_MAX, -1);
    node->own_pool = mem_pool_new(UINT64_MAX, -1);
    node->own = mem_pool_mem(node->own_pool);
    node->stop_later.run = run_stop;
    list_init(&node->socks);
    list_init(&node->listeners);
    list_init(&node->files);
    list_init(&node->deferred);
    list_init(&node->flush);
    heap_init(&node->timers, node->own);
    heap_init(&node->due, node->own);
    ASSERT(getrandom(&node->seed, sizeof(node->seed), 0) == (ssize_t)sizeof(node->seed));
    fill_env(node);
    list_push_back(&world->nodes, &node->link);
    world_hurry(world);
    return node;
}

void uv_node_free(struct uv_node *node)
{
    ASSERT(node->gone);
    list_remove(&node->link);
    free(node);
}

void uv_node_stop(struct uv_node *node, int signal)
{
    ASSERT(signal > 0);
    if (node->exiting) {
        return;
    }
    if (node->stop_asked) {
        /* Somebody insists: the node is told only once, so it ends as it stands. */
        node->exiting = true;
        node->exit_code = -signal;
        return;
    }
    node->stop_asked = true;
    node->stop_signal = signal;
    node_defer(node, &node->stop_later);
}

void uv_node_crash(struct uv_node *node)
{
    if (!node->exiting) {
        node->exiting = true;
        node->crash = true;
    }
}

struct uv_node_end uv_node_end(const struct uv_node *node)
{
    return (struct uv_node_end){
        .ended = node->gone,
        .crashed = node->crash,
        .code = node->exit_code,
        .clean = node->exit_clean,
        .bytes_left = node->bytes_left,
    };
}

/* The operations that belong to the node as a whole -------------------------------------------- */

static void at_turn_end(struct env *env, void (*end)(void *data), void *data)
{
    struct uv_node *node = node_of(env);
    node->turn_end = end;
    node->turn_end_data = data;
}

static struct rng random_stream(struct env *env, const char *purpose)
{
    return rng_stream(node_of(env)->seed, purpose, 0);
}

static void at_stop(struct env *env, void (*stop)(void *data, int signal), void *data)
{
    struct uv_node *node = node_of(env);
    node->stop = stop;
    node->stop_data = data;
}

static void node_exit(struct env *env, int code, bool clean)
{
    struct uv_node *node = node_of(env);
    if (node->exiting) {
        return; /* the first word counts */
    }
    node->exiting = true;
    node->exit_code = code;
    node->exit_clean = clean;
}

const struct env_ops uv_ops = {
    .now_ns = time_now_ns,
    .wall_ns = time_wall_ns,
    .timer_set = time_set,
    .timer_stop = time_stop,
    .at_turn_end = at_turn_end,
    .random = random_stream,
    .listen = listener_open,
    .listener_close = listener_close,
    .stream_connect = stream_connect,
    .stream_accept = stream_accept,
    .stream_write = stream_write,
    .stream_queued = stream_queued,
    .stream_read = stream_read,
    .stream_end = stream_end,
    .stream_close = stream_close,
    .link_connect = link_connect,
    .link_accept = link_accept,
    .link_send = link_send,
    .link_queued = link_queued,
    .link_close = link_close,
    .disk_open = disk_open,
    .disk_write = disk_write,
    .disk_read = disk_read,
    .disk_sync = disk_sync,
    .disk_allocate = disk_allocate,
    .disk_truncate = disk_truncate,
    .disk_close = disk_close,
    .disk_rename = disk_rename,
    .disk_remove = disk_remove,
    .disk_make_dir = disk_make_dir,
    .disk_sync_dir = disk_sync_dir,
    .disk_list = disk_list,
    .disk_stat = disk_stat,
    .disk_space = disk_space,
    .disk_lock = disk_lock,
    .log = console_log,
    .print = console_print,
    .is_terminal = console_is_terminal,
    .read_input = console_read_input,
    .at_stop = at_stop,
    .exit = node_exit,
};
