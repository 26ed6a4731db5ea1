/* What the cases' programs share: expectations, and the usual ways to run one.
 */
#ifndef TESTS_ENV_PROGRAM_H
#define TESTS_ENV_PROGRAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "env/env.h"
#include "world.h"

/* In a callback of a program: ends the program with status 1 unless cond holds. */
#define EXPECT(env, cond)                                   \
    do {                                                    \
        if (!(cond)) {                                      \
            program_fail((env), #cond, __FILE__, __LINE__); \
            return;                                         \
        }                                                   \
    } while (0)

#define EXPECT_INT(env, got, want)                                                       \
    do {                                                                                 \
        long long got_ = (long long)(got);                                               \
        long long want_ = (long long)(want);                                             \
        if (got_ != want_) {                                                             \
            program_fail_int((env), #got " == " #want, got_, want_, __FILE__, __LINE__); \
            return;                                                                      \
        }                                                                                \
    } while (0)

void program_fail(struct env *env, const char *what, const char *file, int line);
void program_fail_int(struct env *env, const char *what, long long got, long long want,
                      const char *file, int line);
/* Formatted text to standard output. */
void program_say(struct env *env, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Frees the program's state and ends it with status 0, saying that nothing is left. */
void program_done(struct env *env, void *state);
/* The argument at `at` as a number, 0 if there is none. */
uint64_t program_arg_u64(const struct env *env, size_t at);

/* One node, n1, that must end with status 0 and give all its memory back. */
void run_alone(const struct env_program *program);
/* Node 0 is on n1, node 1 on n2; both must end so. */
void run_pair(const struct env_program *first, const struct env_program *second);
/* Runs the world and fails the case unless all ended. */
void run_to_end(struct world *world);
/* Fails the case, with the node's standard error, unless it ended with this status; with status 0
 * it must have left no memory. */
void expect_code(struct world *world, size_t node, int code);
void expect_out(struct world *world, size_t node, const char *text);
size_t add_and_start(struct world *world, const struct env_program *program, const char *host);

#endif
