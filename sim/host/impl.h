/* Private to the host.
 *
 * A process is one incarnation of a node: an env, its memory, what it has open. It exists from
 * node_start until its end and is then gone without a trace but the disk. All that the world holds
 * for it lies in the world's memory, so that dropping the process never looks at the node's.
 */
#ifndef HOST_IMPL_H
#define HOST_IMPL_H

#include <setjmp.h>

#include "base/heap.h"
#include "base/list.h"
#include "env/ops.h"
#include "host/host.h"

struct world {
    struct mem_pool *pool;
    struct mem *mem;
    struct world_options options;
    struct engine engine;
    struct net *net;
    struct world_sink *sink;
    struct host **hosts;
    size_t host_count;
    struct node **nodes; /* [number - 1] */
    size_t node_count;
    struct process *current; /* whose turn it is */
    struct node *first_fault;
};

struct host {
    struct world *world;
    char *name;
    char *address;
    uint32_t machine;
    bool on;
    bool power_pending; /* to be turned off when the running turn has ended */
    struct disk *disk;
    /* The clock: base_mono_ns at base_ns of the engine's time, from then on with the drift. */
    int64_t base_ns;
    int64_t base_mono_ns;
    int32_t drift_ppm;
    int64_t wall_offset_ns; /* wall clock less monotonic */
};

struct node {
    struct host *host;
    char *name;
    uint32_t number;
    uint32_t incarnation;
    enum node_state state;
    enum node_fault fault;
    int exit_code;
    bool paused;
    bool stop_wanted;
    char fault_text[512];
    struct buf output[3]; /* by enum env_output */
    uint64_t env_calls;
    uint64_t turns;
    uint64_t memory_peak;
    uint64_t memory_left;
    bool exit_clean;
    void *data;
    struct process *process; /* NULL: it does not run */
};

/* A byte stream or a record link of a process. */
struct channel {
    struct list link;
    struct process *process;
    struct net_end *end; /* NULL: closed */
    struct env_stream *stream;
    struct env_link *record_link; /* one of the two is set */
    struct engine_event closed;
};

struct listener {
    struct list link;
    struct process *process;
    struct env_listener *handle;
    struct net_listener *net;
    struct engine_event closed;
};

/* Why a turn was abandoned. */
enum abandon {
    ABANDON_NOT,
    ABANDON_CRASH,
    ABANDON_FAULT
};

struct process {
    struct env env; /* first */
    struct turn turn;
    jmp_buf jump;
    struct node *node;
    struct host *host;
    struct world *world;
    struct mem_pool *pool;
    /* Observers run outside of the turn: this one stands between. */
    struct observer relay;
    struct observer *observer;
    /* Turn. */
    int64_t now_ns; /* the clock, as of this turn */
    uint64_t calls;
    uint64_t crash_call;  /* UINT64_MAX: none */
    uint64_t probes_left; /* 0: no crash at a probe */
    char *probe_name;
    bool crash_wanted;
    bool exiting;
    bool exit_clean;
    int exit_code;
    enum node_fault fault;
    void (*turn_end)(void *data);
    void *turn_end_data;
    /* Time. */
    struct heap timers;
    bool timers_moved;
    struct engine_event timer;
    /* Life. */
    const struct env_program *program;
    struct engine_event start;
    struct engine_event stop;
    int stop_signal;
    bool stop_told;
    void (*at_stop)(void *data, int signal);
    void *at_stop_data;
    struct engine_event input_event;
    struct env_input *input;
    char *input_bytes;
    size_t input_len;
    bool input_given;
    bool terminal;
    bool log_to_stderr;
    void (*ended)(struct node *node, void *data);
    void *ended_data;
    char **args;
    struct env_var *vars;
    /* Open things. */
    struct list channels;
    struct list listeners;
};

static inline struct process *process_of(struct env *env)
{
    return (struct process *)env;
}

/* process.c */
/* Each env call passes here: it may be the last one. */
_Noreturn void process_abandon(struct process *process, enum abandon why);
static inline struct process *env_enter(struct env *env)
{
    struct process *process = process_of(env);
    if (__builtin_expect(++process->calls == process->crash_call, 0)) {
        process_abandon(process, ABANDON_CRASH);
    }
    return process;
}
/* One turn: the callback, then the turn's end. The process may be gone afterwards. */
void process_turn(struct process *process, void (*call)(struct process *process, void *ctx),
                  void *ctx);
void process_turn_init(struct process *process);
/* The process' fault, from within its turn (or a signal during it). */
_Noreturn void process_fault(struct process *process, enum node_fault fault);
/* Ends it now; not from within its turn. */
void process_end(struct process *process, enum node_state state, int code, bool power);
/* The process whose turn is running on this thread, or NULL. */
struct process *process_current(void);

extern const struct env_ops sim_env_ops;

/* time.c */
int64_t host_clock_at(const struct host *host, int64_t engine_ns);
void process_rearm(struct process *process);
void timer_event(struct engine_event *event);
void sim_timer_set(struct env *env, struct env_timer *timer, int64_t deadline_ns);
void sim_timer_stop(struct env *env, struct env_timer *timer);

/* channel.c */
int sim_listen(struct env *env, struct env_listener *listener, const char *host, uint16_t port);
void sim_listener_close(struct env *env, struct env_listener *listener);
void sim_stream_connect(struct env *env, struct env_stream *stream, const char *host,
                        uint16_t port);
void sim_stream_accept(struct env *env, struct env_incoming *incoming, struct env_stream *stream);
void sim_stream_write(struct env *env, struct env_stream *stream, struct slice bytes);
size_t sim_stream_queued(struct env *env, const struct env_stream *stream);
void sim_stream_read(struct env *env, struct env_stream *stream, bool on);
void sim_stream_end(struct env *env, struct env_stream *stream);
void sim_stream_close(struct env *env, struct env_stream *stream);
void sim_link_connect(struct env *env, struct env_link *link, const char *host, uint16_t port);
void sim_link_accept(struct env *env, struct env_incoming *incoming, struct env_link *link);
int sim_link_send(struct env *env, struct env_link *link, struct slice record);
size_t sim_link_queued(struct env *env, const struct env_link *link);
void sim_link_close(struct env *env, struct env_link *link);
void channels_drop(struct process *process, bool power);

/* files.c */
void sim_disk_open(struct env *env, struct env_disk_req *req, struct env_file *file,
                   const char *path, unsigned flags);
void sim_disk_write(struct env *env, struct env_disk_req *req, struct env_file *file,
                    uint64_t offset, const struct slice *bytes, size_t count);
void sim_disk_read(struct env *env, struct env_disk_req *req, struct env_file *file,
                   uint64_t offset, uint8_t *into, size_t len);
void sim_disk_sync(struct env *env, struct env_disk_req *req, struct env_file *file);
void sim_disk_allocate(struct env *env, struct env_disk_req *req, struct env_file *file,
                       uint64_t offset, uint64_t len);
void sim_disk_truncate(struct env *env, struct env_disk_req *req, struct env_file *file,
                       uint64_t size);
void sim_disk_close(struct env *env, struct env_disk_req *req, struct env_file *file);
void sim_disk_rename(struct env *env, struct env_disk_req *req, const char *from, const char *to);
void sim_disk_remove(struct env *env, struct env_disk_req *req, const char *path);
void sim_disk_make_dir(struct env *env, struct env_disk_req *req, const char *path);
void sim_disk_sync_dir(struct env *env, struct env_disk_req *req, const char *path);
void sim_disk_list(struct env *env, struct env_disk_req *req, const char *path);
void sim_disk_stat(struct env *env, struct env_disk_req *req, const char *path);
void sim_disk_space(struct env *env, struct env_disk_req *req, const char *path);
void sim_disk_lock(struct env *env, struct env_disk_req *req, const char *path);

/* tripwire.c, watchdog.c: linked in by being called. */
void tripwire_link(void);
void watchdog_start(int64_t turn_cpu_max_ns);
void watchdog_stop(int64_t turn_cpu_max_ns); /* with what it was started with */
/* Counts turns, so that the watchdog can tell a long one. */
extern uint64_t watchdog_turns;

#endif
