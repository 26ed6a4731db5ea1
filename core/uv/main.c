/* The program of a process: arguments, environment and signals from the system, the exit status to
 * it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/sort.h"
#include "node.h"

extern char **environ;

/* How long a node that has ended may hold the process: for a look-up of a name that does not
 * answer. Files and sockets are closed within one turn of the loop. */
#define LINGER_NS (INT64_C(2) * 1000000000)

struct process {
    struct uv_world *world;
    struct uv_node *node;
    uv_signal_t term;
    uv_signal_t interrupt;
};

static void on_signal(uv_signal_t *handle, int signum)
{
    struct process *process = handle->data;
    uv_node_stop(process->node, signum);
}

static void watch_signal(struct process *process, uv_signal_t *handle, int signum)
{
    int status = uv_signal_init(&process->world->loop, handle);
    ASSERT(status == 0);
    handle->data = process;
    status = uv_signal_start(handle, on_signal, signum);
    ASSERT(status == 0);
}

static int by_name(const void *a, const void *b, void *ctx)
{
    (void)ctx;
    const struct env_var *left = a;
    const struct env_var *right = b;
    return strcmp(left->name, right->name);
}

/* The first of several with one name counts, as for getenv. */
static struct env_var *read_environment(struct mem *mem, size_t *count)
{
    size_t total = 0;
    while (environ != NULL && environ[total] != NULL) {
        total++;
    }
    struct env_var *vars = mem_zalloc(mem, total + 1, sizeof(*vars));
    size_t n = 0;
    for (size_t i = 0; i < total; i++) {
        const char *equals = strchr(environ[i], '=');
        if (equals != NULL) {
            vars[n].name = mem_strdup(mem, environ[i], (size_t)(equals - environ[i]));
            vars[n].value = equals + 1;
            n++;
        }
    }
    sort_stable(vars, n, sizeof(*vars), by_name, NULL, mem);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || strcmp(vars[kept - 1].name, vars[i].name) != 0) {
            vars[kept++] = vars[i];
        }
    }
    *count = kept;
    return vars;
}

/* A server holds a descriptor per connection; the soft limit is for programs that use select. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static _Noreturn void die_by(int signum)
{
    (void)signal(signum, SIG_DFL);
    (void)raise(signum);
    _exit(128 + signum); /* blocked or ignored by default */
}

int uv_world_main(const struct env_program *program, int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    size_t var_count;
    struct env_var *vars = read_environment(mem_pool_mem(pool), &var_count);
    const struct uv_node_options options = {
        .program = program,
        .args = (const char *const *)argv,
        .arg_count = (size_t)argc,
        .vars = vars,
        .var_count = var_count,
        .process_input = true,
        .log_level = LOG_INFO,
    };
    struct process process = {.world = uv_world_new(NULL)};
    process.node = uv_world_start(process.world, &options);
    watch_signal(&process, &process.term, SIGTERM);
    watch_signal(&process, &process.interrupt, SIGINT);
    process.world->until_dropped = true;
    uv_world_run(process.world, INT64_MAX);
    process.world->until_dropped = false;
    bool gone = uv_world_run(process.world, LINGER_NS);
    struct uv_node_end end = uv_node_end(process.node);
    if (gone) {
        uv_node_free(process.node);
        uv_world_free(process.world);
        mem_pool_free(pool);
    }
    if (end.code < 0) {
        die_by(-end.code);
    }
    if (!gone) {
        _exit(end.code); /* an ordinary exit would wait for libuv's threads */
    }
    return end.code;
}
