/* Linearizable reads: each waits for one round of ReadIndex that began after it arrived, and for
 * the state to be applied that far. Rounds follow one another as in etcd: a read that comes while
 * one is under way waits for the next. Private to core/server.
 */
#ifndef SERVER_READ_H
#define SERVER_READ_H

#include "base/list.h"
#include "env/env.h"

struct server;

struct read_wait {
    struct list link;
    /* err 0: the local state is fresh enough. The wait is off every list. */
    void (*ready)(struct read_wait *wait, int err);
    void *data;
    struct server *server;
    struct env_timer timer;
};

struct read_rounds {
    struct list next;    /* wait for the next round */
    struct list current; /* wait for the one under way */
    bool running;
    bool confirmed; /* the round has its index; applying lags */
    uint64_t context;
    uint64_t index;
    struct env_timer timeout; /* of the round */
    struct env_timer again;   /* asks raft again */
};

void reads_init(struct server *server);
/* deadline_ns: the client's. */
void read_begin(struct server *server, struct read_wait *wait, int64_t deadline_ns);
/* Forgets it; `ready` is not called. */
void read_cancel(struct read_wait *wait);
/* raft's answer to a round. */
void reads_answered(struct server *server, uint64_t context, uint64_t index, int err);
/* The applied index has moved. */
void reads_applied(struct server *server);
/* There is a new leader. */
void reads_leader_changed(struct server *server);
void reads_fail(struct server *server, int err);

#endif
