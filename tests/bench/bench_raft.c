/* The engine alone, in the fixture of its story tests: 3 members, entries of 32 bytes, a number of
 * them in flight, every step followed by its invariants and safety checks.
 *
 *   bench_raft OPERATIONS IN-FLIGHT      prints CPU seconds
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "support/raft_cluster.h"

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static index_t wanted;
static index_t in_flight;

static void work(void **state)
{
    struct cluster *c = cluster_led_by_n1(3);
    index_t first = c->nodes[1].applied;
    index_t proposed = 0;
    (void)state;
    c->tell = 0;
    double before = cpu_s();
    while (c->nodes[1].applied - first < wanted) {
        while (proposed < wanted && proposed - (c->nodes[1].applied - first) < in_flight) {
            cluster_propose(c, 1, "0123456789abcdef0123456789abcdef");
            proposed++;
        }
        cluster_run(c, 1);
    }
    fprintf(stderr, "%.6f\n", cpu_s() - before);
    cluster_free(c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(work)};
    if (argc != 3) {
        fprintf(stderr, "usage: bench_raft OPERATIONS IN-FLIGHT\n");
        return 2;
    }
    wanted = strtoull(argv[1], NULL, 10);
    in_flight = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
