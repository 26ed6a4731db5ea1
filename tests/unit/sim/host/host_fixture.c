#include "host_fixture.h"

#include <string.h>

static struct env_program program = {"test", NULL};

int host_setup(void **state)
{
    struct world_options options = world_options_default(1);
    options.node_memory_max = 1024 * 1024;
    options.turn_cpu_max_ns = 200 * MS_NS;
    struct world *world = world_new(&options);
    struct fixture *f = mem_zalloc(world_mem(world), 1, sizeof(*f));
    f->world = world;
    assert_int_equal(host_new(world, "n1", "10.0.0.1", &f->host), 0);
    f->node = node_new(f->host, "n1");
    *state = f;
    return 0;
}

int host_teardown(void **state)
{
    struct fixture *f = *state;
    world_free(f->world);
    return 0;
}

void begin_program(struct fixture *f, void (*start)(struct env *env))
{
    const char *const args[] = {"test"};
    program.start = start;
    const struct node_start how = {.program = &program, .args = args, .arg_count = 1};
    assert_int_equal(node_start(f->node, &how), 0);
}

void run_for(struct fixture *f, int64_t ns)
{
    world_run(f->world, world_engine(f->world)->now_ns + ns, UINT64_MAX);
}

void run_program(struct fixture *f, void (*start)(struct env *env))
{
    begin_program(f, start);
    run_for(f, SEC_NS);
}

void expect_end(const struct fixture *f, enum node_state state, enum node_fault fault)
{
    assert_string_equal(node_state_name(node_state(f->node)), node_state_name(state));
    assert_string_equal(node_fault_name(node_fault(f->node)), node_fault_name(fault));
}
