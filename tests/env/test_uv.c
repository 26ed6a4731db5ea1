/* The env cases in the real world: all nodes of a case on one loop, each host an address of its own
 * on the loopback network, each disk a directory. */
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fmt.h"
#include "uv_world/uv_world.h"
#include "world.h"

#define NODES_MAX 8

struct node {
    struct world *world;
    struct world_node what;
    const char *args[16];
    size_t arg_count;
    char root[256];
    struct uv_node *uv;
    struct buf out;
    struct buf err;
    const char *stop_text;
    int stop_signal;
    const char *crash_text;
};

struct world {
    struct mem_pool *pool;
    struct uv_world *uv;
    char root[200];
    char addresses[NODES_MAX][32];
    struct uv_host hosts[NODES_MAX];
    struct node nodes[NODES_MAX];
    size_t count;
};

static bool contains(const struct buf *text, const char *what)
{
    return what != NULL && text->len > 0 && memmem(text->ptr, text->len, what, strlen(what));
}

static void take_output(void *data, enum env_output to, struct slice text)
{
    struct node *node = data;
    buf_add_slice(to == ENV_STDOUT ? &node->out : &node->err, text);
    if (contains(&node->out, node->stop_text)) {
        node->stop_text = NULL;
        uv_node_stop(node->uv, node->stop_signal);
    }
    if (contains(&node->out, node->crash_text)) {
        node->crash_text = NULL;
        uv_node_crash(node->uv);
    }
}

/* Addresses that no other process of this machine uses: 127.A.B.n with A and B from our number. */
struct world *world_new(void)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct world *world = mem_zalloc(mem_pool_mem(pool), 1, sizeof(*world));
    unsigned pid = (unsigned)getpid();
    world->pool = pool;
    for (size_t i = 0; i < NODES_MAX; i++) {
        fmt(world->addresses[i], sizeof(world->addresses[i]), "127.%u.%u.%u", 16 + (pid >> 8) % 200,
            pid & 255, (unsigned)i + 1);
    }
    const char *tmp = getenv("TMPDIR");
    fmt(world->root, sizeof(world->root), "%s/quorate-env-XXXXXX", tmp != NULL ? tmp : "/tmp");
    ASSERT(mkdtemp(world->root) != NULL);
    const struct uv_world_options options = {.hosts = world->hosts, .host_count = NODES_MAX};
    for (size_t i = 0; i < NODES_MAX; i++) {
        world->hosts[i] = (struct uv_host){"", world->addresses[i]};
    }
    world->uv = uv_world_new(&options);
    return world;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void world_free(struct world *world)
{
    uv_world_free(world->uv);
    nftw(world->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    mem_pool_free(world->pool);
}

size_t world_add(struct world *world, const struct world_node *what)
{
    ASSERT(world->count < NODES_MAX);
    size_t number = world->count++;
    struct node *node = &world->nodes[number];
    node->world = world;
    node->what = *what;
    node->args[node->arg_count++] = what->program->name;
    for (size_t i = 0; what->args != NULL && what->args[i] != NULL; i++) {
        ASSERT(node->arg_count < 15);
        node->args[node->arg_count++] = what->args[i];
    }
    world->hosts[number].name = what->host;
    fmt(node->root, sizeof(node->root), "%s/%s", world->root, what->host);
    ASSERT(mkdir(node->root, 0700) == 0);
    buf_init(&node->out, mem_pool_mem(world->pool));
    buf_init(&node->err, mem_pool_mem(world->pool));
    return number;
}

void world_start(struct world *world, size_t number)
{
    struct node *node = &world->nodes[number];
    if (node->uv != NULL) {
        uv_node_free(node->uv);
        buf_clear(&node->out);
        buf_clear(&node->err);
    }
    const struct uv_node_options options = {
        .program = node->what.program,
        .args = node->args,
        .arg_count = node->arg_count,
        .vars = node->what.vars,
        .var_count = node->what.var_count,
        .root = node->root,
        .address = world->addresses[number],
        .input = slice_str(node->what.input != NULL ? node->what.input : ""),
        .output = take_output,
        .output_data = node,
        .memory_max = 1024 * 1024 * 1024,
        .log_level = LOG_WARN,
    };
    node->uv = uv_world_start(world->uv, &options);
}

void world_stop_when(struct world *world, size_t number, const char *text, int signal)
{
    world->nodes[number].stop_text = text;
    world->nodes[number].stop_signal = signal;
}

void world_crash_when(struct world *world, size_t number, const char *text)
{
    world->nodes[number].crash_text = text;
}

int world_run(struct world *world)
{
    return uv_world_run(world->uv, WORLD_LIMIT_NS) ? 0 : -1;
}

struct world_result world_result(struct world *world, size_t number)
{
    if (number >= world->count || world->nodes[number].uv == NULL) {
        return (struct world_result){.ended = false};
    }
    struct node *node = &world->nodes[number];
    struct uv_node_end end = uv_node_end(node->uv);
    return (struct world_result){
        .ended = end.ended,
        .code = end.crashed ? WORLD_CRASHED : end.code,
        .clean = end.clean,
        .bytes_left = end.bytes_left,
        .out = buf_slice(&node->out),
        .err = buf_slice(&node->err),
    };
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    return env_suite_run("env.uv");
}
