/* Inside the real world: the loop, the nodes on it and how a callback reaches a node.
 *
 * Invariants:
 *  - Whatever calls into a node does so between node_enter and node_leave, and only if node_enter
 *    said yes: a node that has ended hears nothing more.
 *  - Nothing calls a node from inside a call of that node: what has to be told later goes through
 *    node_defer.
 *  - What the world needs for a node comes from node->own; node->pool is the node's alone, so that
 *    a clean end leaves it at zero. Threads of the pool touch neither.
 *  - `busy` counts libuv's handles and requests that still point at the node.
 */
#ifndef UV_NODE_H
#define UV_NODE_H

#include <uv.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/turn.h"
#include "env/env.h"
#include "env/ops.h"
#include "uv_world/uv_world.h"

#define READ_BYTES 65536

struct uv_world {
    uv_loop_t loop;
    uv_timer_t timer; /* the earliest deadline of all nodes */
    uv_timer_t limit; /* of uv_world_run */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;   /* active while something is deferred, so that poll does not wait */
    int64_t armed_ns; /* the deadline that `timer` waits for; INT64_MAX: none */
    int64_t now_ns;   /* of this turn; 0: not read yet */
    bool stop;
    bool until_dropped; /* run only until every node is dropped; its last requests may go on */
    struct list nodes;
    struct uv_world_options options;
    uint8_t read_buf[READ_BYTES]; /* every read lands here and is handed on at once */
};

/* Something to be told in a turn of its own. `run` is called between enter and leave. */
struct deferred {
    struct list link; /* zeroed or self-linked: not queued */
    void (*run)(struct deferred *deferred);
};

struct uv_node {
    struct env env; /* first: an env is its node */
    struct uv_world *world;
    struct list link; /* of world->nodes */
    struct turn turn;
    struct uv_node_options options;
    struct mem_pool *pool;
    struct mem_pool *own_pool;
    struct mem *own;
    struct list socks; /* every struct sock */
    struct list listeners;
    struct list files;
    struct list deferred;
    struct list flush; /* socks with bytes gathered in this turn */
    struct heap timers;
    struct heap due; /* timers that fire in the current batch */
    bool begun;      /* `start` was called */
    bool turn_open;  /* something ran since the last turn end */
    bool exiting;    /* env_exit was called: no more callbacks */
    bool crash;      /* uv_node_crash was called */
    bool dropped;    /* handles are closing */
    bool gone;       /* nothing points here any more */
    bool stop_asked;
    int stop_signal; /* waits to be told; 0: none */
    int exit_code;
    bool exit_clean;
    uint64_t bytes_left;
    uint64_t busy;
    uint64_t seed; /* of its random streams */
    void (*turn_end)(void *data);
    void *turn_end_data;
    void (*stop)(void *data, int signal);
    void *stop_data;
    struct deferred stop_later;
    struct console_input *input;
};

static inline struct uv_node *node_of(struct env *env)
{
    return (struct uv_node *)env;
}

/* False: the node has ended, say nothing. */
bool node_enter(struct uv_node *node, struct turn **before);
void node_leave(struct turn *before);

/* Runs a statement as part of the node's current turn. */
#define NODE_CALL(node, statement)                    \
    do {                                              \
        struct turn *node_call_before_;               \
        if (node_enter((node), &node_call_before_)) { \
            statement;                                \
            node_leave(node_call_before_);            \
        }                                             \
    } while (0)

void node_defer(struct uv_node *node, struct deferred *deferred);
void node_undefer(struct deferred *deferred);
/* One handle or request less points at the node. */
void node_release(struct uv_node *node);

/* Takes a node down whose `exiting` is set. */
void node_drop(struct uv_node *node);

/* Something is deferred or a node is to begin: the loop may not wait. */
void world_hurry(struct uv_world *world);
/* The clock of the current turn. */
int64_t world_now(struct uv_world *world);

/* time.c */
int64_t time_next(const struct uv_node *node);
void time_fire(struct uv_node *node);
int64_t time_now_ns(struct env *env);
int64_t time_wall_ns(struct env *env);
void time_set(struct env *env, struct env_timer *timer, int64_t deadline_ns);
void time_stop(struct env *env, struct env_timer *timer);

/* console.c */
void console_log(struct env *env, const struct log_line *line);
void console_print(struct env *env, enum env_output to, struct slice text);
bool console_is_terminal(struct env *env, enum env_output to);
void console_read_input(struct env *env, struct env_input *input);
void console_drop(struct uv_node *node);

/* node.c; the sockets' operations are in sock.h, the disk's in disk.h. */
extern const struct env_ops uv_ops;

/* For the system's structures of bytes to be written, which know no const. */
static inline void *without_const(const void *p)
{
    const union {
        const void *in;
        void *out;
    } u = {p};
    return u.out;
}

/* err.c: an error of the system, negative as libuv has them, as one of base/err.h. */
int err_of_net(int status);
int err_of_disk(int status);

#endif
