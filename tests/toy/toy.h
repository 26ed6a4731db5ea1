/* Two small programs that use every part of the env: an echo server with a log file, and a client
 * that checks the echo. They prove the simulated world; the product never sees them.
 */
#ifndef TESTS_TOY_TOY_H
#define TESTS_TOY_TOY_H

#include "env/env.h"
#include "host/host.h"

/* Arguments: data directory, port. Each line that arrives on a stream is appended to `DIR/log` and
 * sent back once the log is durable; records of links are sent back at once. Ends on SIGTERM,
 * cleanly. */
extern const struct env_program toy_server;
/* Arguments: host, port, lines. Sends that many lines on a stream, each after the answer to the one
 * before, and as many records on a link; connects again when a connection breaks; ends with 0 when
 * all lines came back. */
extern const struct env_program toy_client;

/* A world of one server and two clients under light faults, for as long as it takes. */
struct toy_world {
    struct world *world;
    struct node *server;
    struct node *client[2];
};

/* lines: of each client. */
void toy_world_init(struct toy_world *toy, uint64_t seed, unsigned lines, int memory_fill);
void toy_world_fini(struct toy_world *toy);
void toy_start_server(struct toy_world *toy, uint64_t crash_call, uint64_t crash_probe);
void toy_start_clients(struct toy_world *toy, unsigned lines);
/* With a crash of the server, a power failure, a partition and lost records on the way; the trace
 * hash at the end of it, and the number of events. */
uint64_t toy_story(uint64_t seed, unsigned lines, int memory_fill, struct engine_sink *sink,
                   uint64_t *events);

#endif
