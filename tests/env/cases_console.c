/* Arguments, variables, output, input, the request to stop, and the end. */
#include "cases.h"
#include "program.h"

/* What a node is given --------------------------------------------------------------------------*/

static void start_given(struct env *env)
{
    for (size_t i = 0; i < env->arg_count; i++) {
        program_say(env, "[%s]", env->args[i]);
    }
    const char *name = env_var(env, "ETCD_NAME");
    program_say(env, " %s %s %zu\n", name != NULL ? name : "none",
                env_var(env, "ETCD_NAM") == NULL ? "none" : "one", env->var_count);
    EXPECT(env, !env_is_terminal(env, ENV_STDOUT));
    env_exit(env, 0, true);
}

void test_arguments_and_variables_arrive(void **state)
{
    (void)state;
    static const struct env_program program = {"given", start_given};
    static const char *const args[] = {"--name", "n 1", "", NULL};
    static const struct env_var vars[] = {{"A", "1"}, {"ETCD_NAME", "node01"}, {"Z", ""}};
    struct world *world = world_new();
    const struct world_node node = {
        .program = &program, .host = "n1", .args = args, .vars = vars, .var_count = 3};
    world_add(world, &node);
    world_start(world, 0);
    run_to_end(world);
    expect_code(world, 0, 0);
    expect_out(world, 0, "[given][--name][n 1][] node01 none 3\n");
    world_free(world);
}

/* Output ----------------------------------------------------------------------------------------*/

#define PRINT_LINES 2000

static void start_print(struct env *env)
{
    for (int i = 0; i < PRINT_LINES; i++) {
        program_say(env, "%d\n", i);
        env_print(env, ENV_STDERR, slice_str("e"));
    }
    env_exit(env, 0, true);
    program_say(env, "last\n"); /* the turn goes on to its end */
}

void test_output_is_in_order_and_complete(void **state)
{
    (void)state;
    static const struct env_program program = {"print", start_print};
    struct world *world = world_new();
    add_and_start(world, &program, "n1");
    run_to_end(world);
    expect_code(world, 0, 0);
    struct world_result result = world_result(world, 0);
    struct slice left = result.out;
    assert_int_equal(result.err.len, PRINT_LINES);
    for (uint64_t i = 0; i < PRINT_LINES; i++) {
        ptrdiff_t end = slice_find(left, '\n');
        uint64_t number = 0;
        assert_true(end > 0);
        assert_int_equal(slice_to_u64(slice_of(left.ptr, (size_t)end), &number), 0);
        assert_int_equal(number, i);
        left = slice_from(left, (size_t)end + 1);
    }
    assert_true(slice_eq_str(left, "last\n"));
    world_free(world);
}

static void start_log(struct env *env)
{
    env->log_level = LOG_WARN;
    LOG(env, INFO, "not urgent enough", log_u64("n", 1));
    LOG(env, WARN, "careful", log_str("who", "n1"), log_hex("member", 255));
    env_exit(env, 0, true);
}

void test_log_lines_are_json_on_standard_error(void **state)
{
    (void)state;
    static const struct env_program program = {"log", start_log};
    struct world *world = world_new();
    add_and_start(world, &program, "n1");
    run_to_end(world);
    expect_code(world, 0, 0);
    struct slice line = world_result(world, 0).err;
    static const char tail[] = "\"msg\":\"careful\",\"who\":\"n1\",\"member\":\"ff\"}\n";
    assert_true(slice_starts_with(line, "{\"level\":\"warn\",\"ts\":\""));
    assert_true(line.len > sizeof(tail));
    assert_true(slice_eq_str(slice_from(line, line.len - (sizeof(tail) - 1)), tail));
    assert_int_equal(slice_find(line, '\n'), line.len - 1);
    world_free(world);
}

/* Input -----------------------------------------------------------------------------------------*/

struct input_state {
    struct env *env;
    struct env_input input;
    size_t got;
    bool ended;
    bool inside;
};

static void input_read(struct env_input *input, struct slice bytes, bool end)
{
    struct input_state *s = input->data;
    EXPECT(s->env, !s->inside && !s->ended);
    EXPECT(s->env, end == (bytes.len == 0));
    env_print(s->env, ENV_STDOUT, bytes);
    if (end) {
        s->ended = true;
        program_done(s->env, s);
    }
}

static void start_input(struct env *env)
{
    struct input_state *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->input.read = input_read;
    s->input.data = s;
    s->inside = true;
    env_read_input(env, &s->input);
    s->inside = false;
}

static void run_input(const char *text)
{
    static const struct env_program program = {"input", start_input};
    struct world *world = world_new();
    const struct world_node node = {.program = &program, .host = "n1", .input = text};
    world_add(world, &node);
    world_start(world, 0);
    run_to_end(world);
    expect_code(world, 0, 0);
    expect_out(world, 0, text);
    world_free(world);
}

void test_input_is_read_to_its_end(void **state)
{
    (void)state;
    run_input("a value\nof two lines");
    run_input("");
}

/* Stop and exit ---------------------------------------------------------------------------------*/

static void stopped(void *data, int signal)
{
    struct env *env = data;
    program_say(env, "stopped by %d\n", signal);
    env_exit(env, -signal, true);
}

static void start_stop(struct env *env)
{
    env_at_stop(env, stopped, env);
    program_say(env, "ready\n");
}

void test_stop_is_told_and_reported(void **state)
{
    (void)state;
    static const struct env_program program = {"stop", start_stop};
    struct world *world = world_new();
    const struct world_node node = {.program = &program, .host = "n1"};
    world_add(world, &node);
    world_stop_when(world, 0, "ready\n", 15);
    world_start(world, 0);
    run_to_end(world);
    expect_code(world, 0, -15);
    expect_out(world, 0, "ready\nstopped by 15\n");
    world_free(world);
}

static void start_deaf(struct env *env)
{
    program_say(env, "ready\n");
}

void test_stop_without_a_callback_ends_the_node(void **state)
{
    (void)state;
    static const struct env_program program = {"deaf", start_deaf};
    struct world *world = world_new();
    const struct world_node node = {.program = &program, .host = "n1"};
    world_add(world, &node);
    world_stop_when(world, 0, "ready\n", 2);
    world_start(world, 0);
    run_to_end(world);
    expect_code(world, 0, -2);
    world_free(world);
}

static void never(struct env_timer *timer)
{
    program_say(timer->data, "never\n");
}

static void never_at_end(void *data)
{
    program_say(data, "never\n");
}

/* Everything that could still call is asked for before the end. */
static void start_exit(struct env *env)
{
    struct env_timer *timer = mem_zalloc(env->mem, 1, sizeof(*timer));
    timer->fire = never;
    timer->data = env;
    env_at_turn_end(env, never_at_end, env);
    env_timer_set(env, timer, 0);
    env_exit(env, (int)program_arg_u64(env, 1), false);
}

void test_nothing_is_called_after_exit(void **state)
{
    (void)state;
    static const struct env_program program = {"exit", start_exit};
    static const char *const args[] = {"42", NULL};
    struct world *world = world_new();
    const struct world_node node = {.program = &program, .host = "n1", .args = args};
    world_add(world, &node);
    world_start(world, 0);
    run_to_end(world);
    expect_code(world, 0, 42);
    expect_out(world, 0, "");
    world_free(world);
}

static void start_forgetful(struct env *env)
{
    void *forgotten = mem_alloc(env->mem, 1000);
    (void)forgotten;
    env_exit(env, 0, true);
}

void test_world_reports_memory_left_by_a_clean_exit(void **state)
{
    (void)state;
    static const struct env_program program = {"forgetful", start_forgetful};
    struct world *world = world_new();
    add_and_start(world, &program, "n1");
    run_to_end(world);
    struct world_result result = world_result(world, 0);
    assert_true(result.ended && result.clean);
    assert_int_equal(result.bytes_left, 1000);
    world_free(world);
}
