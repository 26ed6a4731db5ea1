/* What the two halves of the fixture share: raft_cluster.c is the world (links, disks, turns),
 * raft_cluster_calls.c what a test calls. */
#ifndef TESTS_SUPPORT_RAFT_CLUSTER_IMPL_H
#define TESTS_SUPPORT_RAFT_CLUSTER_IMPL_H

#include "support/raft_cluster.h"

enum happening_kind {
    DELIVER,
    WRITE_DONE,
    TIMER,
    SNAPSHOT_REPORT
};

struct happening {
    struct heap_item item;
    enum happening_kind kind;
    member_id_t node;
    uint64_t boot; /* WRITE_DONE, SNAPSHOT_REPORT: of that start only */
    member_id_t peer;
    bool ok;
    uint64_t state; /* DELIVER of a snapshot: the state that travels with it */
    size_t len;
    uint8_t bytes[];
};

/* A line of the story, if it is told. */
void tell(struct cluster *c, int kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
struct happening *happen(struct cluster *c, enum happening_kind kind, struct node *n, int64_t at_ns,
                         struct slice bytes);
/* Runs the next happening. */
void run_one(struct cluster *c);
/* A step and what follows from it: restoring, applying. */
void act(struct cluster *c, struct node *n, struct raft_event *e);
/* Takes the oldest write onto the disk; the caller frees it. */
struct disk_write *write_land(struct cluster *c, struct node *n);
/* The oldest write lands, is told to the engine and lets go what waited for it. */
void complete_write(struct cluster *c, struct node *n);
void write_free(struct cluster *c, struct disk_write *w);

#endif
