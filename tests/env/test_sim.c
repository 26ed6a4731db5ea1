/* The env suite in the simulator. */
#include <string.h>

#include "base/assert.h"
#include "host/host.h"

/* The suite's world is another one than the simulator's. */
#define world suite_world
#include "world.h"
#undef world
#undef world_new
#undef world_free
#undef world_run

#define NODES_MAX 8

struct place {
    const struct world_node *spec;
    struct node *node;
    struct world_node copy;
    const char *stop_text;
    int stop_signal;
    const char *crash_text;
};

struct suite_world {
    struct world_sink sink;
    struct world *sim;
    struct place places[NODES_MAX];
    size_t count;
};

struct suite_world *env_world_new(void);
void env_world_free(struct suite_world *suite);
int env_world_run(struct suite_world *suite);

static bool contains(const struct node *node, const char *text)
{
    struct slice out = node_output(node, ENV_STDOUT);
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= out.len; i++) {
        if (memcmp(out.ptr + i, text, len) == 0) {
            return true;
        }
    }
    return false;
}

static void on_output(struct world_sink *sink, struct node *node, enum env_output to,
                      struct slice text)
{
    struct suite_world *suite = container_of(sink, struct suite_world, sink);
    (void)to;
    (void)text;
    for (size_t i = 0; i < suite->count; i++) {
        struct place *place = &suite->places[i];
        if (place->stop_text != NULL && contains(place->node, place->stop_text)) {
            place->stop_text = NULL;
            node_stop(place->node, place->stop_signal);
        }
        if (place->crash_text != NULL && contains(place->node, place->crash_text)) {
            place->crash_text = NULL;
            node_crash(place->node);
        }
    }
    (void)node;
}

struct suite_world *env_world_new(void)
{
    struct world_options options = world_options_default(1);
    options.memory_fill = 0xA5;
    struct world *sim = world_new(&options);
    struct suite_world *suite = mem_zalloc(world_mem(sim), 1, sizeof(*suite));
    suite->sim = sim;
    suite->sink.output = on_output;
    world_sink_set(sim, &suite->sink);
    return suite;
}

void env_world_free(struct suite_world *suite)
{
    world_free(suite->sim);
}

size_t world_add(struct suite_world *suite, const struct world_node *spec)
{
    ASSERT(suite->count < NODES_MAX);
    struct place *place = &suite->places[suite->count];
    struct host *host = host_find(suite->sim, spec->host);
    if (host == NULL) {
        int rc = host_new(suite->sim, spec->host, spec->host, &host);
        ASSERT(rc == 0);
    }
    place->copy = *spec;
    char name[16] = "node-0";
    name[5] = (char)('0' + suite->count);
    place->node = node_new(host, name);
    return suite->count++;
}

void world_start(struct suite_world *suite, size_t at)
{
    struct place *place = &suite->places[at];
    const char *args[16] = {place->copy.program->name};
    size_t count = 1;
    for (; place->copy.args != NULL && place->copy.args[count - 1] != NULL; count++) {
        args[count] = place->copy.args[count - 1];
    }
    struct node_start start = {
        .program = place->copy.program,
        .args = args,
        .arg_count = count,
        .vars = place->copy.vars,
        .var_count = place->copy.var_count,
        .log_to_stderr = true,
    };
    if (place->copy.input != NULL) {
        start.input = slice_str(place->copy.input);
    }
    int rc = node_start(place->node, &start);
    ASSERT(rc == 0);
}

void world_stop_when(struct suite_world *suite, size_t at, const char *text, int signal)
{
    suite->places[at].stop_text = text;
    suite->places[at].stop_signal = signal;
}

void world_crash_when(struct suite_world *suite, size_t at, const char *text)
{
    suite->places[at].crash_text = text;
}

static bool all_ended(const struct suite_world *suite)
{
    for (size_t i = 0; i < suite->count; i++) {
        if (node_state(suite->places[i].node) == NODE_RUNNING) {
            return false;
        }
    }
    return true;
}

int env_world_run(struct suite_world *suite)
{
    struct engine *engine = world_engine(suite->sim);
    int64_t until_ns = engine->now_ns + WORLD_LIMIT_NS;
    while (!all_ended(suite)) {
        enum engine_end end = world_run(suite->sim, until_ns, 1);
        if (end != ENGINE_COUNTED && end != ENGINE_STOPPED) {
            return all_ended(suite) ? 0 : -1;
        }
    }
    return 0;
}

struct world_result world_result(struct suite_world *suite, size_t at)
{
    const struct node *node = suite->places[at].node;
    struct world_result result = {
        .ended = node_state(node) != NODE_RUNNING && node_state(node) != NODE_NEW,
        .code = node_state(node) == NODE_EXITED ? node_exit_code(node) : WORLD_CRASHED,
        .clean = node_exit_clean(node),
        .bytes_left = node_memory_left(node),
        .out = node_output(node, ENV_STDOUT),
        .err = node_output(node, ENV_STDERR),
    };
    return result;
}

int main(void)
{
    return env_suite_run("sim");
}
