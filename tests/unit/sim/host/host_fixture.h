/* One machine with one node, for tests of the host.
 */
#ifndef TESTS_HOST_FIXTURE_H
#define TESTS_HOST_FIXTURE_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/duration.h"
#include "host/host.h"

struct fixture {
    struct world *world;
    struct host *host;
    struct node *node;
};

int host_setup(void **state);
int host_teardown(void **state);
/* Starts the program on the node and runs the world for a second. */
void run_program(struct fixture *f, void (*start)(struct env *env));
void begin_program(struct fixture *f, void (*start)(struct env *env));
void run_for(struct fixture *f, int64_t ns);
void expect_end(const struct fixture *f, enum node_state state, enum node_fault fault);

#define HOST_CASE(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)

#endif
