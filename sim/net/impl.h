/* Private to the network.
 *
 * A connection has two ends and two pipes. An end is what a node holds; a pipe carries bytes or
 * records from one end to the other over one directed link. Who finds a link shut waits in its list
 * and is kicked when it opens. A connection lives until both ends are closed.
 */
#ifndef NET_IMPL_H
#define NET_IMPL_H

#include "net/net.h"

#define NET_NAME_MAX 256
#define SEGMENT_MAX  65536

struct net;
struct conn;

/* A fault as it was added, and its state on one link: draws are counted per (fault, link). */
struct fault {
    struct list link;
    char *label;
    uint32_t from;
    uint32_t to;
    struct net_fault what;
};

struct fault_here {
    const struct fault *fault;
    struct rng rng;
    uint64_t bytes;  /* of streams, since it was added */
    int64_t free_ns; /* when the rate lets the next byte go */
};

struct waiter {
    struct list link; /* zero or in a link's list */
    void (*kick)(struct waiter *waiter);
};

struct link {
    struct net *net;
    uint32_t from;
    uint32_t to;
    struct rng rng; /* latency, splits, retransmission */
    uint32_t blocked;
    uint32_t hung;
    uint32_t refusing;
    struct fault_here *faults;
    size_t fault_count;
    struct list waiters;
};

/* What the faults on a link make of one chunk or record. */
struct fate {
    int64_t arrive_ns;
    int64_t departs_ns; /* later than now only if a rate holds it up */
    uint32_t split;     /* a draw: whether, and where, it is split */
    bool lost;
    bool reordered;
    bool duplicated;
    bool reset;
    uint64_t cut; /* break the stream after this many bytes; UINT64_MAX: do not */
};

struct segment {
    struct list link;
    int64_t arrive_ns;
    uint32_t len;
    uint32_t cap;
    uint32_t at;   /* delivered so far */
    uint32_t draw; /* decides on splitting and merging */
    bool sent;
    bool fin;
    bool was_split;
    bool reset;      /* the connection breaks instead of its arrival */
    bool then_reset; /* or after it */
    uint8_t bytes[];
};

struct record {
    struct list link;
    struct engine_event event;
    struct pipe *pipe;
    int64_t departs_ns;
    bool reset;
    bool held; /* by a link that hangs */
    uint32_t len;
    uint8_t bytes[];
};

struct pipe {
    struct net_end *from;
    struct net_end *to;
    struct link *link;
    struct waiter waiter;
    int64_t floor_ns; /* nothing arrives before this: the connect's answer */
    int64_t last_ns;  /* arrival of what was sent last */
    uint32_t clears;  /* how often it was cleared: for who is in the middle of a delivery */
    /* Stream. */
    struct list segments;        /* the sent ones first */
    struct list *unsent;         /* the first that is not sent; NULL: none */
    struct engine_event arrival; /* of the first segment */
    size_t queued;
    size_t in_flight;
    size_t withheld; /* read, but the way back is shut */
    struct waiter back;
    struct list dirty;
    bool fin; /* nothing may be written any more */
    bool fin_sent;
    bool high; /* the queue was above its mark */
    bool stalled;
    bool unread; /* the first segment has arrived and is not wanted yet */
    /* Records. */
    struct list records;
    uint64_t burst_event; /* the event in which … */
    size_t burst;         /* … so many bytes were sent: they leave when it ends */
};

struct net_end {
    struct conn *conn;
    uint32_t machine;
    uint32_t node;
    const struct net_events *events;
    void *owner;
    bool open; /* connected: may write */
    bool reading;
    bool broken; /* failed */
    bool closed;
    int status; /* of `opened` */
    int err;    /* of `failed` */
    struct engine_event opened;
    struct engine_event drained;
    struct engine_event failed;
    struct pipe out;
};

struct conn {
    struct list link; /* of all connections */
    struct net *net;
    uint64_t number;
    bool is_link;
    bool answered;
    uint32_t busy; /* a callback runs */
    uint16_t port;
    struct engine_event syn;
    struct engine_event incoming;
    struct waiter waiter;          /* of the connect */
    struct net_listener *listener; /* while it waits to be taken */
    struct list waiting;
    char name[NET_NAME_MAX]; /* to which it connects */
    struct net_end end[2];   /* who connects, who accepts */
};

struct net_listener {
    struct list link;
    struct net *net;
    uint32_t machine;
    uint32_t node;
    uint16_t port;
    bool links;
    char *name; /* "" is every address */
    const struct net_listener_events *events;
    void *owner;
    struct list waiting; /* connections */
};

struct name {
    struct list link;
    uint64_t hash;
    uint32_t machine;
    char *text;
};

struct machine {
    bool up;
    struct list listeners;
};

struct net {
    struct engine *engine;
    struct mem *mem;
    struct net_options options;
    struct net_counts counts;
    struct machine *machines; /* [1 .. machine_count] */
    size_t machine_count;
    struct link **links; /* [from * machine_cap + to], NULL until used */
    size_t machine_cap;
    struct list names;
    struct list faults;
    struct list conns;
    struct list dirty; /* pipes written to in this turn */
    uint64_t conn_count;
};

/* link.c */
struct link *link_get(struct net *net, uint32_t from, uint32_t to);
bool link_is_open(const struct link *link);
/* The fate of the next chunk or record of len bytes. */
struct fate link_fate(struct link *link, size_t len, bool is_record);
/* A latency for messages of the protocol itself (SYN, RST). */
int64_t link_latency(struct link *link);
int64_t link_retransmit(struct link *link);
void link_wait(struct link *link, struct waiter *waiter);
void waiter_cancel(struct waiter *waiter);
void link_kick(struct link *link);
void links_free(struct net *net);

/* conn.c */
struct conn *conn_hold(struct conn *conn);
void conn_drop(struct conn *conn);
/* The end learns after a latency that the connection is broken, if it can be told. */
void end_fail_later(struct net_end *end, int err);
/* Both ends fail. */
void conn_reset(struct conn *conn);
struct net_end *end_peer(struct net_end *end);

/* stream.c */
void pipe_init(struct pipe *pipe, struct net_end *from, struct net_end *to);
/* Drops all that it carries; with `sent_too` also what is on its way. */
void pipe_clear(struct pipe *pipe, bool sent_too);
/* Ends the stream behind all that was sent; with `cut` by a reset. */
void pipe_finish(struct pipe *pipe, bool cut);
void pipe_resume_reading(struct pipe *pipe);
void pipe_send(struct pipe *pipe);
/* Sends what was written in this turn. */
void pipe_flush(struct pipe *pipe);
bool pipe_has_unread(const struct pipe *pipe);

/* record.c */
void records_clear(struct pipe *pipe);
size_t records_queued(const struct pipe *pipe);

#endif
