/* The boundary between a node and its world.
 *
 * Everything that is not a pure function goes through `struct env`: clocks, timers, random streams,
 * network, disk, memory, log, console, exit and the observer. There are two worlds, `core/uv` (real
 * sockets and disks) and `sim/host` (the simulator); a node cannot ask in which one it runs, and
 * neither world knows what a node is.
 *
 * Rules that hold in both worlds:
 *  - A node runs in turns. A turn is one callback from its world (in a server: all callbacks of one
 *    loop iteration), then the turn-end callback. `env_now_ns` stands still within a turn.
 *  - A callback never runs inside the call that asked for it.
 *  - The caller owns every handle (`struct env_timer`, `env_stream`, …): zero-initialised before
 * first use, at a fixed address, and alive until it is closed and its `closed` or `done` has been
 * called.
 *  - Timers with equal deadlines fire in the order in which they were set.
 *  - A crash drops the node between any two calls: memory, handles and all. Only the disk remains.
 *  - No call fails for lack of memory; see base/mem.h.
 */
#ifndef ENV_ENV_H
#define ENV_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/slice.h"
#include "env/log.h"
#include "env/observer.h"

struct env_ops;

struct env_var {
    const char *name;
    const char *value;
};

/* What a node gets. Everything that it points to belongs to the world and outlives the node. */
struct env {
    const struct env_ops *ops;
    struct mem *mem;
    struct observer *observer; /* NULL: nobody listens */
    /* The console, as the process was started. args[0] is the program's name. */
    const char *const *args;
    size_t arg_count;
    const struct env_var *vars; /* in ascending order of names */
    size_t var_count;
    enum log_level log_level; /* less urgent lines are not formatted */
};

/* A program: what a world can start. `start` runs in the first turn; it ends by env_exit. */
struct env_program {
    const char *name;
    void (*start)(struct env *env);
};

/* Time ----------------------------------------------------------------------------------------- */

/* Monotonic, never back, the same through a turn; its origin means nothing. It may drift and jump
 * forward. */
int64_t env_now_ns(struct env *env);
/* Since 1970, UTC. It may jump in any direction: for people and for IDs, never for timeouts. */
int64_t env_wall_ns(struct env *env);

struct env_timer {
    struct heap_item item; /* key: the deadline */
    void (*fire)(struct env_timer *timer);
    void *data;
};

/* Fires once at deadline_ns (monotonic) or as soon as possible after it; a deadline in the past
 * means the next turn. Setting a timer that is set moves it. */
void env_timer_set(struct env *env, struct env_timer *timer, int64_t deadline_ns);
/* Does nothing if the timer is not set. */
void env_timer_stop(struct env *env, struct env_timer *timer);
static inline bool env_timer_is_set(const struct env_timer *timer)
{
    return heap_has(&timer->item);
}

/* Calls `end` after each turn of this node: the place to flush what the turn has gathered. One for
 * each node; NULL removes it. It may call anything. */
void env_at_turn_end(struct env *env, void (*end)(void *data), void *data);

/* The random stream of that name. In the simulator a function of (seed, purpose, node,
 * incarnation); otherwise seeded by the system. */
struct rng env_random(struct env *env, const char *purpose);

/* Network --------------------------------------------------------------------------------------
 *
 * Two kinds of connection. A byte stream carries bytes: chunks may be split and merged anywhere, it
 * can stall, and a reset loses what was in flight. A record stream (link) carries independent
 * records between members, each whole or not at all: the simulator may lose, delay, duplicate and
 * reorder them one by one, so nothing may rely on their order; over sockets it is TCP. Addresses
 * are a host (a numeric address or a name) and a port; the world maps hosts to wherever they are.
 */

#define ENV_ADDRESS_MAX 320

struct env_listener;
struct env_stream;
struct env_link;

/* A connection that waits to be taken; valid only inside `incoming`. */
struct env_incoming {
    bool is_link;
    char remote[ENV_ADDRESS_MAX]; /* "host:port", for logs */
    void *impl;
};

struct env_listener {
    /* Take it with env_stream_accept or env_link_accept before returning, or it is reset. */
    void (*incoming)(struct env_listener *listener, struct env_incoming *incoming);
    void (*closed)(struct env_listener *listener);
    void *data;
    bool links; /* set before listening: record streams may arrive on this address too */
    void *impl;
};

/* An empty host means every address of the machine. Errors: ERR_ADDR_IN_USE, ERR_ADDR_INVALID,
 * ERR_PERMISSION. The address is bound when the call returns 0. */
int env_listen(struct env *env, struct env_listener *listener, const char *host,
               uint16_t port) MUST_CHECK;
/* Stops listening; connections that were taken live on. `closed` follows in a later turn. */
void env_listener_close(struct env *env, struct env_listener *listener);

struct env_stream_events {
    /* The connect has ended: 0, or ERR_CONN_REFUSED, ERR_UNREACHABLE, ERR_NOT_FOUND (the name),
     * after which only close is allowed. A connect may hang for ever. Not called for accepted ones.
     */
    void (*opened)(struct env_stream *stream, int status);
    /* Bytes, borrowed until return. */
    void (*data)(struct env_stream *stream, struct slice bytes);
    /* The peer has ended its side; writing may still work. */
    void (*eof)(struct env_stream *stream);
    /* What was queued has fallen to half of ENV_STREAM_QUEUE_HIGH or less after being above it. */
    void (*drained)(struct env_stream *stream);
    /* Reset or broken: no more of the above; close it. */
    void (*failed)(struct env_stream *stream, int err);
    /* After env_stream_close: the handle's memory is the caller's again. */
    void (*closed)(struct env_stream *stream);
};

#define ENV_STREAM_QUEUE_HIGH (1024 * 1024)

struct env_stream {
    const struct env_stream_events *events;
    void *data;
    void *impl;
};

/* Ends in `opened`. */
void env_stream_connect(struct env *env, struct env_stream *stream, const char *host,
                        uint16_t port);
/* Inside `incoming` only. */
void env_stream_accept(struct env *env, struct env_incoming *incoming, struct env_stream *stream);
/* Takes a copy of what it cannot send at once; never fails, never blocks. After a failure or before
 * `opened` the bytes are dropped. The caller watches env_stream_queued. */
void env_stream_write(struct env *env, struct env_stream *stream, struct slice bytes);
/* Bytes written and not yet handed to the network. */
size_t env_stream_queued(struct env *env, const struct env_stream *stream);
/* Stops and resumes `data`: how a slow reader pushes back. Streams begin reading. */
void env_stream_read(struct env *env, struct env_stream *stream, bool on);
/* Ends our side once all that was written has been sent. */
void env_stream_end(struct env *env, struct env_stream *stream);
/* Closes at once, drops what was not sent. No event but `closed` follows. */
void env_stream_close(struct env *env, struct env_stream *stream);

struct env_link_events {
    void (*opened)(struct env_link *link, int status); /* as for streams */
    void (*record)(struct env_link *link, struct slice record);
    void (*failed)(struct env_link *link, int err);
    void (*closed)(struct env_link *link);
};

#define ENV_LINK_QUEUE_MAX (64 * 1024 * 1024)

struct env_link {
    const struct env_link_events *events;
    void *data;
    void *impl;
};

void env_link_connect(struct env *env, struct env_link *link, const char *host, uint16_t port);
void env_link_accept(struct env *env, struct env_incoming *incoming, struct env_link *link);
/* Copies the record; one that is longer than RECORD_BYTES_MAX is ERR_LIMIT, as is one that would
 * make the queue longer than ENV_LINK_QUEUE_MAX; ERR_CONN_CLOSED before `opened` and after a
 * failure. 0 promises nothing about delivery. */
int env_link_send(struct env *env, struct env_link *link, struct slice record) MUST_CHECK;
size_t env_link_queued(struct env *env, const struct env_link *link);
void env_link_close(struct env *env, struct env_link *link);

/* Disk -----------------------------------------------------------------------------------------
 *
 * All asynchronous. Requests to one disk may complete in any order unless one was issued after the
 * other's completion, and unsynced writes may become durable in any order or not at all: order by
 * waiting. A sync covers exactly the writes whose completion was delivered before it was called. A
 * name is durable once its directory is synced. After a failed sync the pages are gone and the next
 * one may succeed: never retry, never believe. Paths are relative to the node's own root or
 * absolute, "/" between names, no "..". */

struct env_file {
    void *impl;
};

struct env_disk_req {
    /* status: 0 or an error: ERR_NOT_FOUND, ERR_EXISTS, ERR_IO, ERR_NO_SPACE, ERR_PERMISSION,
     * ERR_LOCKED. */
    void (*done)(struct env_disk_req *req, int status);
    void *data;
    /* Results. */
    size_t count;      /* read: bytes; list: names */
    char **names;      /* list: sorted by bytes; free with env_disk_names_free */
    uint64_t size;     /* stat: bytes; space: free bytes */
    bool is_directory; /* stat */
    void *impl;
};

enum env_open {
    ENV_OPEN_READ = 1,
    ENV_OPEN_WRITE = 2,
    ENV_OPEN_CREATE = 4,    /* if absent */
    ENV_OPEN_EXCLUSIVE = 8, /* with CREATE: ERR_EXISTS if present */
    ENV_OPEN_TRUNCATE = 16
};

/* file becomes usable when done says 0; paths are copied. */
void env_disk_open(struct env *env, struct env_disk_req *req, struct env_file *file,
                   const char *path, unsigned flags);
/* Writes all or fails; past the end the gap reads as zeros. The bytes are borrowed until done. */
void env_disk_write(struct env *env, struct env_disk_req *req, struct env_file *file,
                    uint64_t offset, const struct slice *bytes, size_t count);
/* Reads up to len bytes; fewer only at the end of the file (or on a disk that reads short: loop).
 */
void env_disk_read(struct env *env, struct env_disk_req *req, struct env_file *file,
                   uint64_t offset, uint8_t *into, size_t len);
void env_disk_sync(struct env *env, struct env_disk_req *req, struct env_file *file);
/* Reserves blocks for [offset, offset + len) and extends the file with zeros. */
void env_disk_allocate(struct env *env, struct env_disk_req *req, struct env_file *file,
                       uint64_t offset, uint64_t len);
void env_disk_truncate(struct env *env, struct env_disk_req *req, struct env_file *file,
                       uint64_t size);
/* The handle is free for reuse when done is called; no request may be outstanding. */
void env_disk_close(struct env *env, struct env_disk_req *req, struct env_file *file);
void env_disk_rename(struct env *env, struct env_disk_req *req, const char *from, const char *to);
/* A file or an empty directory. */
void env_disk_remove(struct env *env, struct env_disk_req *req, const char *path);
/* Parents too; 0 if it is there already. */
void env_disk_make_dir(struct env *env, struct env_disk_req *req, const char *path);
void env_disk_sync_dir(struct env *env, struct env_disk_req *req, const char *path);
void env_disk_list(struct env *env, struct env_disk_req *req, const char *path);
void env_disk_names_free(struct env *env, struct env_disk_req *req);
void env_disk_stat(struct env *env, struct env_disk_req *req, const char *path);
/* Free bytes of the file system that holds path. */
void env_disk_space(struct env *env, struct env_disk_req *req, const char *path);
/* Takes an exclusive lock on the file (created if absent), held until the node ends. ERR_LOCKED if
 * another process has it. */
void env_disk_lock(struct env *env, struct env_disk_req *req, const char *path);

/* Console and end ------------------------------------------------------------------------------ */

enum env_output {
    ENV_STDOUT = 1,
    ENV_STDERR = 2
};

/* NULL if the variable is not set. */
const char *env_var(const struct env *env, const char *name);
/* In order for each output; copied. */
void env_print(struct env *env, enum env_output to, struct slice text);
/* True if a person looks at it. */
bool env_is_terminal(struct env *env, enum env_output to);

struct env_input {
    /* Bytes of standard input; `end` is true, with no bytes, exactly once, at the end. */
    void (*read)(struct env_input *input, struct slice bytes, bool end);
    void *data;
};
/* One reader at a time. */
void env_read_input(struct env *env, struct env_input *input);

/* Somebody asks the node to stop (SIGTERM, SIGINT, a scenario's `stop`). Without a callback the
 * node ends at once. `signal` is the number to report with env_exit(-signal). Called at most once.
 */
void env_at_stop(struct env *env, void (*stop)(void *data, int signal), void *data);
/* Ends the node after this turn: no callback follows, open handles are dropped, locks released.
 * code >= 0 is an exit status, code < 0 says "as if killed by signal -code". The world checks that
 * no allocation is left when `clean` is true. */
void env_exit(struct env *env, int code, bool clean);

#endif
