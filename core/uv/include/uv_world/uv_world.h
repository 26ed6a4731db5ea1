/* The real world: env/env.h on sockets, files and clocks, by libuv.
 *
 * A program runs as the one node of its process (uv_world_main), or several nodes share a loop and
 * a process, for tests and for runs of the testbed over sockets. The world knows nothing of what
 * its nodes do.
 *
 * A turn here is the timers of one loop iteration or everything that its poll delivered, then the
 * node's turn end. A failed assertion says where and aborts the process.
 */
#ifndef UV_WORLD_UV_WORLD_H
#define UV_WORLD_UV_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "env/env.h"

/* Runs the program with the process's arguments, environment, input, outputs and signals until it
 * ends, and returns its exit status; dies by the signal if the program asked for that. Relative
 * paths are those of the working directory. */
int uv_world_main(const struct env_program *program, int argc, char **argv);

/* Several nodes in one process ----------------------------------------------------------------- */

struct uv_world;
struct uv_node;

/* Where a host lives: `name` as the nodes call it, `address` a numeric one of this machine. It is
 * looked up where sockets are bound and connected, nowhere else. */
struct uv_host {
    const char *name;
    const char *address;
};

/* Zero means the default everywhere. */
struct uv_world_options {
    const struct uv_host *hosts; /* outlives the world */
    size_t host_count;
    int64_t hello_ns;  /* how long a connection may say nothing on an address with links: 10 s */
    int64_t record_ns; /* how long one record may take from its first byte: 60 s */
};

struct uv_node_options {
    const struct env_program *program;
    const char *const *args; /* args[0] is the program's name */
    size_t arg_count;
    const struct env_var *vars; /* in ascending order of names */
    size_t var_count;
    const char *root;    /* of relative paths; NULL: the working directory */
    const char *address; /* numeric: connections come from here; NULL: from anywhere */
    /* Standard input; unless `process_input`: then the process's own. */
    struct slice input;
    bool process_input;
    /* Takes what the node prints and logs; NULL: the process's outputs. */
    void (*output)(void *data, enum env_output to, struct slice text);
    void *output_data;
    struct observer *observer;
    uint64_t memory_max;      /* bytes; 0: no limit */
    enum log_level log_level; /* LOG_DEBUG, which is 0, means everything */
};

struct uv_world *uv_world_new(const struct uv_world_options *options);
/* Drops the nodes that still run. */
void uv_world_free(struct uv_world *world);

/* The node begins when the world runs next; nodes begin in the order of these calls. Everything in
 * the options is borrowed until the node is freed. */
struct uv_node *uv_world_start(struct uv_world *world, const struct uv_node_options *options);
/* Only after it has ended. */
void uv_node_free(struct uv_node *node);

/* Runs until every node has ended (true) or limit_ns have passed or uv_world_break was called. */
bool uv_world_run(struct uv_world *world, int64_t limit_ns);
/* From a callback: makes uv_world_run return after this turn. */
void uv_world_break(struct uv_world *world);

/* As the signal would; see env_at_stop. */
void uv_node_stop(struct uv_node *node, int signal);
/* Drops the node, from outside of its turns or after the current one. */
void uv_node_crash(struct uv_node *node);

struct uv_node_end {
    bool ended; /* it is gone, with its sockets, files and locks */
    bool crashed;
    int code;
    bool clean;
    uint64_t bytes_left; /* what it had not given back when it ended */
};

struct uv_node_end uv_node_end(const struct uv_node *node);

#endif
