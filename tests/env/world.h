/* What a world gives to the env tests.
 *
 * The cases (`cases_*.c`) are programs written only against env/env.h and run unchanged in every
 * world. They end by env_exit(0), or say on standard error what was wrong and end by env_exit(1).
 *
 * To add a world: write `test_NAME.c` with an implementation of the functions below and a `main`
 * that returns env_suite_run("NAME"), and give it its libraries in CMakeLists.txt. Each case makes
 * its own world and frees it. A world has one clock, one network and, per node, one disk.
 */
#ifndef TESTS_ENV_WORLD_H
#define TESTS_ENV_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "env/env.h"

/* The simulator has a world of its own, and both are in one program. */
#define world_new  env_world_new
#define world_free env_world_free
#define world_run  env_world_run

struct world;

/* All pointers outlive the world. */
struct world_node {
    const struct env_program *program;
    const char *host;           /* the name at which the others, and it itself, reach it: "n1" */
    const char *const *args;    /* behind the program's name, ended by NULL; may be NULL */
    const struct env_var *vars; /* in ascending order of names */
    size_t var_count;
    const char *input; /* standard input; NULL: empty */
};

/* world_result.code of a node that was crashed. */
#define WORLD_CRASHED 1000

struct world_result {
    bool ended;
    int code;            /* as it was given to env_exit, or WORLD_CRASHED */
    bool clean;          /* likewise */
    uint64_t bytes_left; /* what the node had not given back to its allocator when it ended */
    struct slice out;    /* standard output and error since its last start, */
    struct slice err;    /* borrowed until the next call */
};

struct world *world_new(void);
void world_free(struct world *world);

/* Returns the node's number: 0, 1, … Its disk is empty. */
size_t world_add(struct world *world, const struct world_node *node);

/* The node's first turn happens as soon as the world runs; nodes begin in the order of these calls.
 * A node that has ended starts again with its disk. */
void world_start(struct world *world, size_t node);

/* Once the node's standard output contains `text`: asks it to stop, as `signal` would. */
void world_stop_when(struct world *world, size_t node, const char *text, int signal);
/* Once the node's standard output contains `text`: drops it between two turns. Its connections end
 * as those of a dead process do. What it wrote to its disk stays. */
void world_crash_when(struct world *world, size_t node, const char *text);

/* Runs until every started node has ended: 0; or -1 when that takes more than WORLD_LIMIT_NS of
 * this world's time. */
int world_run(struct world *world);

#define WORLD_LIMIT_NS (INT64_C(60) * 1000000000)

struct world_result world_result(struct world *world, size_t node);

/* The suite: every case through cmocka; returns the exit status. */
int env_suite_run(const char *world_name);

#endif
