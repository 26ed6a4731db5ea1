#include "host/host.h"

const char *node_state_name(enum node_state state)
{
    static const char *const names[] = {"new", "running", "exited", "crashed", "aborted"};
    return names[state];
}

const char *node_fault_name(enum node_fault fault)
{
    static const char *const names[] = {"sound",     "assertion", "memory",
                                        "forbidden", "looped",    "leaked"};
    return names[fault];
}
