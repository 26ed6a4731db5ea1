/* A disk case as a list of steps: each issues one request; when it is done the next one runs.
 */
#ifndef TESTS_ENV_DISK_STEPS_H
#define TESTS_ENV_DISK_STEPS_H

#include "program.h"

struct disk_state {
    struct env *env;
    const struct disk_step *steps;
    size_t at;
    struct env_disk_req req;
    struct env_file file;
    uint8_t bytes[65536];
    struct slice slices[3];
    int status; /* of the request that has just ended */
    bool inside;
    bool waits;
};

/* `ask` issues s->req with disk_next as its end, or none; then `check` looks at the result. */
struct disk_step {
    void (*ask)(struct disk_state *s);
    int status;
    void (*check)(struct disk_state *s); /* may be NULL */
};

/* The list ends with a step without `ask`: the program ends with status 0. */
void disk_steps_run(struct env *env, const struct disk_step *steps);

#endif
