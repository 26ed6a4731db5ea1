/* The simulated world: machines with addresses, clocks and disks, and the programs that run on
 * them.
 *
 * `struct world` owns an engine, a network and any number of hosts. A host is a machine: addresses,
 * a clock, one disk, power. A node is a place for a program on a host; each start makes a new
 * incarnation of it with its own `struct env` (this is the simulated side of core/env) and its own
 * memory. Each event for a node is one turn: one callback, then its turn-end callback. A turn can
 * be abandoned at any env call, probe, failed assertion or forbidden call; then the incarnation is
 * dropped whole: its memory, its connections (the peers see them end, as when a
 * kernel closes what a dead process had open), its handles and locks, and not one callback follows.
 * What the disk holds stays.
 *
 * It knows nothing of what the programs do. Nothing here may be called from within a node's turn
 * except through env, but observers and sinks run outside of it and may look at everything; what
 * they ask for (node_crash, …) happens when the turn has ended.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/slice.h"
#include "base/turn.h"
#include "disk/disk.h"
#include "engine/engine.h"
#include "env/env.h"
#include "net/net.h"

struct world;
struct host;
struct node;

/* World ----------------------------------------------------------------------------------------*/

struct world_options {
    uint64_t seed;
    int64_t wall_start_ns;    /* what clocks on the wall show at time 0; since 1970 */
    uint64_t node_memory_max; /* bytes each incarnation may have in use */
    int memory_fill;          /* each fresh byte of a node's memory; -1: as it comes */
    int64_t turn_cpu_max_ns;  /* a turn that computes longer is abandoned (NODE_LOOPED); 0: none */
    struct net_options net;
    struct disk_options disk; /* of new hosts */
};

/* Whole defaults, to be changed in place. */
struct world_options world_options_default(uint64_t seed);

/* What nodes say, as they say it. Members may be NULL. Attaching one changes nothing. */
struct world_sink {
    void (*log)(struct world_sink *sink, struct node *node, const struct log_line *line,
                int64_t wall_ns);
    void (*output)(struct world_sink *sink, struct node *node, enum env_output to,
                   struct slice text);
    /* Started, and ended: state, code and fault can be read. */
    void (*started)(struct world_sink *sink, struct node *node);
    void (*ended)(struct world_sink *sink, struct node *node);
    void (*probe)(struct world_sink *sink, struct node *node, const struct probe_site *site);
};

struct world *world_new(const struct world_options *options);
/* Drops every node where it stands. */
void world_free(struct world *world);
struct engine *world_engine(struct world *world);
struct net *world_net(struct world *world);
/* Memory that lives as long as the world; for what belongs to it. */
struct mem *world_mem(struct world *world);
/* One at a time; NULL removes it. Borrowed. */
void world_sink_set(struct world *world, struct world_sink *sink);
/* See engine_run. */
enum engine_end world_run(struct world *world, int64_t until_ns, uint64_t count);
/* The first node that was aborted, looped, touched what is forbidden or leaked; NULL: none. */
struct node *world_first_fault(struct world *world);

/* Hosts ----------------------------------------------------------------------------------------*/

/* A machine that is on. address: numeric or a name. ERR_EXISTS if another one has it. */
int host_new(struct world *world, const char *name, const char *address,
             struct host **host) MUST_CHECK;
int host_address_add(struct host *host, const char *address) MUST_CHECK;
/* NULL if there is none. By the name given, or by address. */
struct host *host_find(struct world *world, const char *name);
struct host *host_by_address(struct world *world, const char *address);
const char *host_name(const struct host *host);
const char *host_address(const struct host *host); /* the first one */
/* Its number in the network: net_is_open, net_fault_add, … */
uint32_t host_machine(const struct host *host);
struct disk *host_disk(struct host *host);

/* Everything on it ends at once; nobody is told, and the disk model decides what is left. */
void host_power_off(struct host *host);
void host_power_on(struct host *host);
bool host_is_on(const struct host *host);

/* Clocks. The monotonic one drifts and jumps forward; the one on the wall jumps anyhow. Both go on
 * while a program is paused or the power is off. */
void host_clock_drift(struct host *host, int32_t ppm);
void host_clock_forward(struct host *host, int64_t by_ns); /* both; by_ns >= 0 */
void host_wall_jump(struct host *host, int64_t by_ns);
int64_t host_now_ns(const struct host *host);
int64_t host_wall_ns(const struct host *host);

/* Nodes ----------------------------------------------------------------------------------------*/

enum node_state {
    NODE_NEW,     /* never started */
    NODE_RUNNING, /* started; perhaps paused */
    NODE_EXITED,  /* by env_exit, or stopped without a stop callback */
    NODE_CRASHED, /* by node_crash, a crash point or power failure */
    NODE_ABORTED  /* its own fault: see enum node_fault */
};

enum node_fault {
    NODE_SOUND,
    NODE_ASSERT,    /* an assertion failed */
    NODE_MEMORY,    /* its memory limit */
    NODE_FORBIDDEN, /* a call past the boundary: a clock, a file, a random number of the machine */
    NODE_LOOPED,    /* a turn took more CPU than it may */
    NODE_LEAKED     /* a clean exit with memory in use */
};

const char *node_state_name(enum node_state state);
const char *node_fault_name(enum node_fault fault);

struct node_start {
    const struct env_program *program;
    const char *const *args; /* args[0] is the program's name; all of this is copied */
    size_t arg_count;
    const struct env_var *vars; /* in any order */
    size_t var_count;
    struct slice input; /* standard input */
    bool terminal;      /* env_is_terminal says so */
    bool log_to_stderr; /* render log lines there too, as a server does; else only the sink sees
                           them */
    enum log_level log_level;
    struct observer *observer; /* NULL: none; borrowed */
    /* Crash points; 0: none. */
    uint64_t crash_call;  /* abandon the turn at this env call of the incarnation, counted from 1 */
    uint64_t crash_probe; /* at the n-th pass of any probe, … */
    const char *crash_probe_name; /* or of this one */
    /* The incarnation has ended; outside of any turn. NULL: nobody cares. */
    void (*ended)(struct node *node, void *data);
    void *data;
};

/* A place for a program. The name is of the world's own: unique, kept for its life. */
struct node *node_new(struct host *host, const char *name);
/* NULL if there is none. */
struct node *node_find(struct world *world, const char *name);
/* All nodes in the order of their numbers: 1 .. world_node_count. */
struct node *node_by_number(struct world *world, uint32_t number);
uint32_t world_node_count(const struct world *world);
const char *node_name(const struct node *node);
uint32_t node_number(const struct node *node);
struct host *node_host(const struct node *node);

/* The first turn follows as an event, now. ERR_BUSY while it runs, ERR_UNREACHABLE if the power is
 * off. */
int node_start(struct node *node, const struct node_start *start) MUST_CHECK;
/* Asks it to stop, as SIGTERM (15) or SIGINT (2) would. Nothing if it does not run. */
void node_stop(struct node *node, int signal);
/* The process is killed; the machine lives on. */
void node_crash(struct node *node);
/* Likewise at its n-th env call from now, in the middle of that turn; 0 takes the order back. */
void node_crash_at_call(struct node *node, uint64_t n);
/* Its process does not run: no turn, though the machine's network and disk go on. */
void node_pause(struct node *node);
void node_resume(struct node *node);

enum node_state node_state(const struct node *node);
bool node_is_paused(const struct node *node);
/* Of the last end: env_exit's code (negative: as if by that signal); -9 after a crash. */
int node_exit_code(const struct node *node);
enum node_fault node_fault(const struct node *node);
/* What failed, in words: "core/raft/vote.c:41: step_vote: assertion failed: …"; "" if nothing. */
const char *node_fault_text(const struct node *node);
/* What this incarnation has printed, whole; borrowed, valid until the next start. */
struct slice node_output(const struct node *node, enum env_output from);
/* Starts so far. */
uint32_t node_incarnation(const struct node *node);
uint64_t node_env_calls(const struct node *node); /* of this or the last incarnation */
uint64_t node_turns(const struct node *node);
uint64_t node_memory_peak(const struct node *node);
uint64_t node_memory_left(const struct node *node); /* when the last incarnation ended */
bool node_exit_clean(const struct node *node);      /* as it was told to env_exit */
/* Data of the owner's own. */
void node_data_set(struct node *node, void *data);
void *node_data(const struct node *node);

#endif
