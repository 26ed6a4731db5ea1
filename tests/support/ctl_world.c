#include "support/ctl_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"

#define WORDS_MAX 32

struct world *ctl_world_new(uint64_t seed, unsigned servers)
{
    struct world_options options = world_options_default(seed);
    struct world *world = world_new(&options);
    struct host *host;
    ASSERT(servers <= FAKE_SERVERS);
    for (unsigned i = 0; i < servers; i++) {
        char name[8];
        char number[8];
        fmt(name, sizeof(name), "s%u", i);
        fmt(number, sizeof(number), "%u", i);
        int err = host_new(world, name, name, &host);
        ASSERT(err == 0);
        const char *const args[] = {"fake", number, "2379"};
        struct node_start start = {.program = &fake_program, .args = args, .arg_count = 3};
        err = node_start(node_new(host, name), &start);
        ASSERT(err == 0);
    }
    int err = host_new(world, "client", "client", &host);
    ASSERT(err == 0);
    node_new(host, "client");
    world_run(world, 10 * MS_NS, UINT64_MAX);
    return world;
}

static void copy(char *to, size_t size, struct slice text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;
    if (len > 0) {
        memcpy(to, text.ptr, len);
    }
    to[len] = '\0';
}

static void ended(struct node *node, void *data)
{
    (void)node;
    engine_stop(data);
}

void ctl_world_run(struct world *world, const struct env_program *program, const char *words,
                   const char *input, struct ctl_result *result)
{
    struct node *node = node_find(world, "client");
    char text[1024];
    const char *args[WORDS_MAX] = {program->name};
    size_t count = 1;
    fmt(text, sizeof(text), "%s", words);
    for (char *p = text; *p != '\0';) {
        ASSERT(count < WORDS_MAX);
        args[count++] = p;
        while (*p != '\0' && *p != ' ') {
            p++;
        }
        if (*p == ' ') {
            *p++ = '\0';
        }
    }
    struct engine *engine = world_engine(world);
    struct node_start start = {.program = program,
                               .args = args,
                               .arg_count = count,
                               .input = slice_str(input),
                               .ended = ended,
                               .data = engine};
    int64_t begun_ns = engine->now_ns;
    int err = node_start(node, &start);
    ASSERT(err == 0);
    world_run(world, begun_ns + 10 * MIN_NS, UINT64_MAX);
    struct node *fault = world_first_fault(world);
    if (fault != NULL) {
        fail_msg("%s: %s: %s", node_name(fault), node_fault_name(node_fault(fault)),
                 node_fault_text(fault));
    }
    ASSERT(node_state(node) == NODE_EXITED);
    result->code = node_exit_code(node);
    result->took_ns = engine->now_ns - begun_ns;
    copy(result->out, sizeof(result->out), node_output(node, ENV_STDOUT));
    copy(result->err, sizeof(result->err), node_output(node, ENV_STDERR));
}
