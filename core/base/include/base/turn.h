/* The current turn: whose code is running on this thread.
 *
 * A host sets `turn_current` around each callback that it gives to a node. Through it assertions,
 * probes and the tripwire know the node; nothing else may use it, and product code never reads it.
 * It is the one writable global of the project (design: global state).
 */
#ifndef BASE_TURN_H
#define BASE_TURN_H

#include "base/probe.h"

enum turn_fault {
    TURN_ASSERT,    /* a broken invariant */
    TURN_MEMORY,    /* the node's memory limit is reached */
    TURN_FORBIDDEN, /* the tripwire: a call past the boundary */
};

struct turn {
    /* Ends the turn and with it the node; does not return. `function` may be NULL. */
    void (*fail)(struct turn *turn, enum turn_fault fault, const char *what, const char *file,
                 int line, const char *function);
    /* A probe was passed; may abandon the turn, may be NULL. */
    void (*probe)(struct turn *turn, const struct probe_site *site);
};

extern _Thread_local struct turn *turn_current;

/* Sets the current turn and returns the one before, which the caller restores. */
struct turn *turn_enter(struct turn *turn);
void turn_leave(struct turn *before);

#endif
