/* How fast the simulated world is, per second of CPU: the shipped members, clients through their
 * own bytes.
 *
 *   bench_sim [RUNS]
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/duration.h"
#include "support/load_program.h"
#include "support/sim_cluster.h"

#define RUNS_MAX 32
#define CLIENTS  "16"
#define PUTS     "2000"
#define VALUE    "128"

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_value);
    return values[count / 2];
}

struct figures {
    double events_per_s;
    double ops_per_s;
    uint64_t events;
    uint64_t hash;
    double sim_s;
    uint64_t checks;
};

static struct figures run_load(uint64_t seed)
{
    struct world_options options = world_options_default(seed);
    struct sim_cluster cluster;
    double before = cpu_s();
    sim_cluster_init(&cluster, &options, 3, true);
    for (size_t i = 0; i < cluster.count; i++) {
        sim_member_start(&cluster, i);
    }
    sim_run_until_served(&cluster);
    struct node *client = sim_client_new(&cluster, "client");
    const char *const args[] = {"load",   "--endpoints", cluster.endpoints, "--clients", CLIENTS,
                                "--puts", PUTS,          "--value",         VALUE,       "--quiet",
                                NULL};
    sim_client_start(client, &load_program, args);
    if (!sim_run_until_ended(&cluster, client, 600 * SEC_NS) || node_exit_code(client) != 0) {
        fprintf(stderr, "the load did not end\n");
        exit(1);
    }
    double cpu = cpu_s() - before;
    double puts = atof(CLIENTS) * atof(PUTS);
    struct slice out = node_output(client, ENV_STDOUT);
    char expected[64];
    snprintf(expected, sizeof(expected), "done %.0f 0\n", puts);
    if (!slice_eq_str(out, expected)) {
        fprintf(stderr, "expected \"%s\", got \"%.*s\"\n", expected, (int)out.len,
                (const char *)out.ptr);
        exit(1);
    }
    const struct engine *engine = world_engine(cluster.world);
    struct figures f = {.events_per_s = (double)engine->event / cpu,
                        .ops_per_s = puts / cpu,
                        .events = engine->event,
                        .hash = engine->hash,
                        .sim_s = (double)engine->now_ns / 1e9,
                        .checks = check_performed(cluster.check)};
    if (check_violation_count(cluster.check) > 0) {
        fprintf(stderr, "%s\n", check_violation(cluster.check, 0)->text);
        exit(1);
    }
    sim_cluster_fini(&cluster);
    return f;
}

static double run_idle(uint64_t seed, double *events)
{
    struct world_options options = world_options_default(seed);
    struct sim_cluster cluster;
    double before = cpu_s();
    sim_cluster_init(&cluster, &options, 3, true);
    for (size_t i = 0; i < cluster.count; i++) {
        sim_member_start(&cluster, i);
    }
    sim_run_until(&cluster, 2000 * SEC_NS);
    double cpu = cpu_s() - before;
    *events = (double)world_engine(cluster.world)->event / cpu;
    sim_cluster_fini(&cluster);
    return 2000.0 / cpu;
}

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 5;
    double events[RUNS_MAX];
    double ops[RUNS_MAX];
    double idle[RUNS_MAX];
    double idle_events[RUNS_MAX];
    uint64_t checks = 0;
    if (runs < 1 || runs > RUNS_MAX) {
        fprintf(stderr, "runs: 1 to %d\n", RUNS_MAX);
        return 2;
    }
    printf("simulated: 3 members, " CLIENTS " closed clients, " PUTS " puts each of " VALUE
           " bytes through gRPC bytes; median of %d\n",
           runs);
    for (int i = 0; i < runs; i++) {
        struct figures f = run_load((uint64_t)i + 1);
        events[i] = f.events_per_s;
        ops[i] = f.ops_per_s;
        checks += f.checks;
        idle[i] = run_idle((uint64_t)i + 1, &idle_events[i]);
    }
    printf("  events per CPU second                 %12.0f   (at least 200000)\n",
           median(events, runs));
    printf("  operations per CPU second             %12.0f   (at least 15000)\n",
           median(ops, runs));
    printf("  3 idle members, simulated s per CPU s %12.0f   (at least 5000)\n",
           median(idle, runs));
    printf("  checks of every event, all runs       %12llu   (0 violations)\n",
           (unsigned long long)checks);
    printf("  events per CPU second when idle       %12.0f\n", median(idle_events, runs));
    return 0;
}
