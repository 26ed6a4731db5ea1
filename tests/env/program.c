#include "program.h"

#include <stdio.h>
#include <string.h>

#include "base/fmt.h"

static void print(struct env *env, enum env_output to, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void print(struct env *env, enum env_output to, const char *format, va_list args)
{
    char text[512];
    size_t len = fmt_v(text, sizeof(text), format, args);
    env_print(env, to, slice_of(text, len < sizeof(text) ? len : sizeof(text) - 1));
}

static void complain(struct env *env, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void complain(struct env *env, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print(env, ENV_STDERR, format, args);
    va_end(args);
}

void program_fail(struct env *env, const char *what, const char *file, int line)
{
    complain(env, "%s:%d: not so: %s\n", file, line, what);
    env_exit(env, 1, false);
}

void program_fail_int(struct env *env, const char *what, long long got, long long want,
                      const char *file, int line)
{
    complain(env, "%s:%d: not so: %s: %lld, not %lld\n", file, line, what, got, want);
    env_exit(env, 1, false);
}

void program_say(struct env *env, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print(env, ENV_STDOUT, format, args);
    va_end(args);
}

void program_done(struct env *env, void *state)
{
    mem_free(env->mem, state);
    env_exit(env, 0, true);
}

uint64_t program_arg_u64(const struct env *env, size_t at)
{
    uint64_t value = 0;
    if (at < env->arg_count && slice_to_u64(slice_str(env->args[at]), &value) < 0) {
        return 0;
    }
    return value;
}

void run_to_end(struct world *world)
{
    if (world_run(world) < 0) {
        for (size_t i = 0; i < 2; i++) {
            struct world_result result = world_result(world, i);
            print_error("node %zu %s: %.*s%.*s\n", i, result.ended ? "ended" : "goes on",
                        (int)result.out.len, (const char *)result.out.ptr, (int)result.err.len,
                        (const char *)result.err.ptr);
        }
        fail_msg("not every node ended within the world's limit");
    }
}

void expect_code(struct world *world, size_t node, int code)
{
    struct world_result result = world_result(world, node);
    if (!result.ended || result.code != code) {
        fail_msg("node %zu %s %d, not %d: %.*s", node, result.ended ? "ended with" : "goes on",
                 result.code, code, (int)result.err.len, (const char *)result.err.ptr);
    }
    if (code == 0 && result.clean && result.bytes_left != 0) {
        fail_msg("node %zu left %llu bytes", node, (unsigned long long)result.bytes_left);
    }
}

void expect_out(struct world *world, size_t node, const char *text)
{
    struct world_result result = world_result(world, node);
    if (!slice_eq_str(result.out, text)) {
        fail_msg("node %zu printed \"%.*s\", not \"%s\"", node, (int)result.out.len,
                 (const char *)result.out.ptr, text);
    }
}

size_t add_and_start(struct world *world, const struct env_program *program, const char *host)
{
    const struct world_node node = {.program = program, .host = host};
    size_t number = world_add(world, &node);
    world_start(world, number);
    return number;
}

void run_alone(const struct env_program *program)
{
    struct world *world = world_new();
    size_t node = add_and_start(world, program, "n1");
    run_to_end(world);
    expect_code(world, node, 0);
    world_free(world);
}

void run_pair(const struct env_program *first, const struct env_program *second)
{
    struct world *world = world_new();
    add_and_start(world, first, "n1");
    add_and_start(world, second, "n2");
    if (world_run(world) < 0) {
        /* The one that ended says more than the one that waits for it. */
        for (size_t i = 0; i < 2; i++) {
            struct world_result result = world_result(world, i);
            if (result.ended) {
                expect_code(world, i, 0);
            }
        }
        fail_msg("not every node ended within the world's limit");
    }
    expect_code(world, 0, 0);
    expect_code(world, 1, 0);
    world_free(world);
}
