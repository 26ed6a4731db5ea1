/* What must not grow: CPU time of one delivered message from 3 to 7 members, and of one put from a
 * thousand to a million entries in the log. Simulated members as they are shipped, every check of
 * every event on. Figures are ratios within this run, of measurements that alternate, so that a
 * busy machine slows both sides alike.
 *
 *   bench_flat [ROUNDS] [ENTRIES-MAX]
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/duration.h"
#include "support/load_program.h"
#include "support/sim_cluster.h"

#define ROUNDS_MAX 32
#define FLAT       1.25
/* Puts that one measurement takes. */
#define WINDOW 4000

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
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

/* Members under 16 closed clients. No entry leaves the log: its length is what is measured. */
static void begin(struct sim_cluster *cluster, size_t members, uint64_t seed)
{
    struct world_options options = world_options_default(seed);
    sim_cluster_init(cluster, &options, members, true);
    cluster->flags[cluster->flag_count++] = "--snapshot-count=100000000";
    cluster->flags[cluster->flag_count++] = "--experimental-snapshot-catchup-entries=100000000";
    for (size_t i = 0; i < members; i++) {
        sim_member_start(cluster, i);
    }
    sim_run_until_served(cluster);
    const char *const args[] = {"load",   "--endpoints", cluster->endpoints, "--clients", "16",
                                "--keys", "64",          "--value",          "16",        "--quiet",
                                NULL};
    sim_client_start(sim_client_new(cluster, "client"), &load_program, args);
}

static void end(struct sim_cluster *cluster)
{
    if (check_violation_count(cluster->check) > 0) {
        fprintf(stderr, "%s\n", check_violation(cluster->check, 0)->text);
        exit(1);
    }
    sim_cluster_fini(cluster);
}

static uint64_t applied(const struct sim_cluster *cluster)
{
    return cluster->members[cluster->leader].applied;
}

static void grow(struct sim_cluster *cluster, uint64_t entries)
{
    while (applied(cluster) < entries) {
        uint64_t before = applied(cluster);
        sim_run_until(cluster, sim_now_ns(cluster) + 20 * MS_NS);
        if (applied(cluster) == before && cluster->leader_since_ns < sim_now_ns(cluster) - SEC_NS) {
            fprintf(stderr, "the log does not grow\n");
            exit(1);
        }
    }
}

struct cost {
    double put_ns;
    double event_ns;
    double record_ns;
};

static struct cost measure(struct sim_cluster *cluster)
{
    const struct engine *engine = world_engine(cluster->world);
    const struct net_counts *net = net_counts(world_net(cluster->world));
    uint64_t puts = applied(cluster);
    uint64_t events = engine->event;
    uint64_t records = net->records_delivered;
    double before = cpu_ns();
    grow(cluster, puts + WINDOW);
    double cpu = cpu_ns() - before;
    return (struct cost){.put_ns = cpu / (double)(applied(cluster) - puts),
                         .event_ns = cpu / (double)(engine->event - events),
                         .record_ns = cpu / (double)(net->records_delivered - records)};
}

static bool tell(const char *what, double ns, double ratio)
{
    printf("  %-36s %10.0f ns %8.2f   (at most %.2f)%s\n", what, ns, ratio, FLAT,
           ratio > FLAT ? "   NOT FLAT" : "");
    (void)fflush(stdout);
    return ratio <= FLAT;
}

static bool by_members(int rounds)
{
    static const size_t members[] = {3, 5, 7};
    double event[3][ROUNDS_MAX];
    double event_ratio[3][ROUNDS_MAX];
    double record[3][ROUNDS_MAX];
    double record_ratio[3][ROUNDS_MAX];
    bool flat = true;
    printf("CPU by members: 16 closed clients, every check on; median of %d, against 3 members\n",
           rounds);
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < 3; i++) {
            struct sim_cluster cluster;
            begin(&cluster, members[i], (uint64_t)round + 1);
            grow(&cluster, 1000);
            struct cost cost = measure(&cluster);
            event[i][round] = cost.event_ns;
            record[i][round] = cost.record_ns;
            event_ratio[i][round] = cost.event_ns / event[0][round];
            record_ratio[i][round] = cost.record_ns / record[0][round];
            end(&cluster);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        char what[64];
        snprintf(what, sizeof(what), "%zu members, a message of a member", members[i]);
        double ratio = median(record_ratio[i], rounds);
        flat = tell(what, median(record[i], rounds), ratio) && flat;
        snprintf(what, sizeof(what), "%zu members, any event", members[i]);
        flat = tell(what, median(event[i], rounds), median(event_ratio[i], rounds)) && flat;
    }
    return flat;
}

/* One log that grows, beside a young one in each round. */
static bool by_entries(int rounds, uint64_t entries_max)
{
    struct sim_cluster old;
    bool flat = true;
    printf("CPU of a put by entries in the log: 3 members, 16 closed clients, every check on;\n"
           "median of %d, against a log of 1000 entries beside it\n",
           rounds);
    begin(&old, 3, 1);
    for (uint64_t entries = 1000; entries <= entries_max; entries *= 10) {
        double put[ROUNDS_MAX];
        double ratio[ROUNDS_MAX];
        char what[64];
        grow(&old, entries);
        for (int round = 0; round < rounds; round++) {
            struct sim_cluster young;
            begin(&young, 3, (uint64_t)round + 2);
            grow(&young, 1000);
            double base = measure(&young).put_ns;
            end(&young);
            put[round] = measure(&old).put_ns;
            ratio[round] = put[round] / base;
        }
        snprintf(what, sizeof(what), "%llu entries", (unsigned long long)entries);
        double middle = median(ratio, rounds);
        flat = tell(what, median(put, rounds), middle) && flat;
    }
    end(&old);
    return flat;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 5;
    uint64_t entries = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "rounds: 1 to %d\n", ROUNDS_MAX);
        return 2;
    }
    bool flat = by_members(rounds);
    printf("\n");
    flat = by_entries(rounds, entries) && flat;
    return flat ? 0 : 1;
}
