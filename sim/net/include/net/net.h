/* The simulated network: machines, directed links between them, connections over these.
 *
 * It knows the engine and nothing of nodes. A machine is a number, with any number of names and
 * addresses. Between each ordered pair of machines lies a link with a latency and, while faults are
 * set, more. A byte stream behaves like TCP: nothing is missing or out of order, a lost packet
 * shows as a delay, a partition as silence, a reset loses what was in flight, a reader that stops
 * reading fills the window and then the writer's queue. A record link loses, delays, duplicates and
 * reorders records one by one.
 *
 * Draws come from streams named by link, counted per use, and those of a fault from the fault's own
 * key, so that removing one fault or one connection moves no other.
 *
 * What it does not model: packets, congestion, ARP, limits on accept queues (a connect to a paused
 * process opens), and acknowledgements as messages of their own (the window opens as soon as the
 * reader reads, if the way back is open).
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/slice.h"
#include "engine/engine.h"

struct net;
struct net_end;
struct net_listener;

struct net_options {
    int64_t latency_min_ns; /* one way, between two machines */
    int64_t latency_max_ns;
    int64_t loopback_ns;       /* within a machine */
    int64_t retransmit_max_ns; /* a lost packet, or silence that ended, costs up to this much */
    uint32_t split_ppm;        /* chunks that arrive in two pieces */
    size_t window_bytes;       /* sent and not yet read by the peer */
};

extern const struct net_options net_options_default;

/* Borrows engine; takes its memory. */
struct net *net_new(struct engine *engine, const struct net_options *options);
void net_free(struct net *net);

/* Machines -------------------------------------------------------------------------------------*/

/* A new machine; its number, from 1. */
uint32_t net_machine_add(struct net *net);
/* A name or numeric address of it. ERR_EXISTS if another machine has it. */
int net_name_add(struct net *net, uint32_t machine, const char *name) MUST_CHECK;
/* 0 if nobody has it. */
uint32_t net_resolve(const struct net *net, const char *name);
/* A machine that is down answers nothing; its own ends must be gone by then (net_vanish). */
void net_machine_up(struct net *net, uint32_t machine, bool up);

/* Faults ---------------------------------------------------------------------------------------*/

/* What is wrong with one directed link. Zero is nothing. Several may lie on one link. */
struct net_fault {
    uint64_t key;           /* of its random draws: rng_stream(seed, label, …).key */
    uint32_t loss_ppm;      /* records vanish; stream chunks are sent again, late */
    uint32_t duplicate_ppm; /* records only */
    uint32_t reorder_ppm;   /* records only: overtaken by up to reorder_ns */
    uint32_t reset_ppm;     /* per chunk or record: the connection breaks on both sides */
    int64_t delay_min_ns;   /* added to each */
    int64_t delay_max_ns;
    int64_t reorder_ns;        /* 0: 4 times the latency */
    uint64_t bytes_per_second; /* 0: no limit */
    uint64_t reset_after; /* break the stream that carries this byte, counted from now; 0: none */
    bool blocked;         /* nothing passes: records are lost, streams and connects are silent */
    bool hang;            /* nothing passes, nothing is lost: it arrives after the heal */
    bool refuse;          /* connects are refused */
};

/* Puts a fault on the link from -> to under a label; 0 stands for every machine (not itself). A
 * label may be used any number of times, for any number of links. */
void net_fault_add(struct net *net, const char *label, uint32_t from, uint32_t to,
                   const struct net_fault *fault);
/* Takes away all faults of that label; NULL: all. False if there was none. */
bool net_heal(struct net *net, const char *label);
/* Each way blocked between machines of different groups: group[i] of machine i + 1, 0 is in none
 * and unaffected. */
void net_partition(struct net *net, const char *label, const uint32_t *group, size_t count);
/* Breaks every connection between the two, both sides told. */
void net_reset(struct net *net, uint32_t a, uint32_t b);

/* Truth: would a record sent now from a arrive at b (if no draw loses it)? */
bool net_is_open(const struct net *net, uint32_t from, uint32_t to);

/* Connections ----------------------------------------------------------------------------------
 *
 * Callbacks come from engine events whose node is the one given at connect, listen or accept. Any
 * call is allowed inside one. After `failed`, or `opened` with an error, only net_close is.
 */
struct net_events {
    void (*opened)(void *owner, int status);
    void (*data)(void *owner, struct slice bytes); /* borrowed until return */
    void (*eof)(void *owner);
    void (*drained)(void *owner);
    void (*failed)(void *owner, int err);
    void (*record)(void *owner, struct slice bytes);
};

struct net_listener_events {
    /* Take it with net_accept before returning, or it is reset. */
    void (*incoming)(void *owner, struct net_end *end, bool is_link);
};

/* ERR_ADDR_IN_USE; ERR_ADDR_INVALID if the name is not of this machine ("" is all of them). */
int net_listen(struct net *net, uint32_t machine, uint32_t node, const char *name, uint16_t port,
               bool links, const struct net_listener_events *events, void *owner,
               struct net_listener **listener) MUST_CHECK;
void net_listener_close(struct net_listener *listener);

/* Ends in `opened`, or never. The end lives until net_close. */
struct net_end *net_connect(struct net *net, uint32_t machine, uint32_t node, const char *name,
                            uint16_t port, bool is_link, const struct net_events *events,
                            void *owner);
void net_accept(struct net_end *end, const struct net_events *events, void *owner);
/* "address:port" of the other side, for logs. */
void net_remote(const struct net_end *end, char *out, size_t size);

/* Copies. What one event writes leaves as one chunk: net_flush sends it. */
void net_write(struct net_end *end, struct slice bytes);
/* Sends what was written since; the host calls it at the end of each turn. */
void net_flush(struct net *net);
size_t net_queued(const struct net_end *end);
void net_read(struct net_end *end, bool on);
void net_end_side(struct net_end *end);
/* The peer sees the end of the stream or, if bytes were unread or unsent, a reset. Frees the end.
 */
void net_close(struct net_end *end);
/* The machine lost its power: nobody is told. Frees the end. */
void net_vanish(struct net_end *end);
/* ERR_LIMIT, ERR_CONN_CLOSED; see env_link_send. */
int net_send(struct net_end *end, struct slice record) MUST_CHECK;

struct net_counts {
    uint64_t records_sent;
    uint64_t records_lost;
    uint64_t records_duplicated;
    uint64_t records_delivered;
    uint64_t bytes_delivered; /* of streams */
    uint64_t connects;
    uint64_t resets;
};
const struct net_counts *net_counts(const struct net *net);

#endif
