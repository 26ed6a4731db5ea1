/* `churn FIRST LAST` runs these seeds, `churn --shard K/N` the K-th of N parts of this test's share
 * of the project's number. Prints each failure with the rule; exits 1 if there was one. `churn
 * --finds RULES LAST` is for members that are broken on purpose (tests/broken). */
#include <time.h>

#include "churn.h"
#include "support/seeds.h"

#define FULL        20000
#define FAILURES    5   /* then it ends */
#define TWICE_EVERY 100 /* seeds that are run again, and must do the same */

#ifdef QUORATE_SANITIZE
#define SHARE 40
#else
#define SHARE 640
#endif

static void tell(const struct sums *s)
{
    static const char *const verbs[VERB_COUNT] = {"listed",        "added",   "learners added",
                                                  "promoted",      "removed", "updated",
                                                  "leaders moved", "settled", "read"};
    printf("%llu seeds, %llu s simulated, %llu events: %llu requests answered, %llu refused, %llu "
           "unknown; %llu elections, %llu configurations;",
           (unsigned long long)s->seeds, (unsigned long long)(s->simulated_ns / SEC_NS),
           (unsigned long long)s->events, (unsigned long long)s->ok, (unsigned long long)s->refused,
           (unsigned long long)s->unknown, (unsigned long long)s->elections,
           (unsigned long long)s->configs);
    for (int i = 1; i < VERB_COUNT; i++) {
        printf(" %llu %s%s", (unsigned long long)s->commands[i], verbs[i],
               i + 1 < VERB_COUNT ? "," : ";");
    }
    printf(" %llu joined (%llu tries failed), %llu crashes, %llu power failures, %llu cuts, %llu "
           "disks emptied (%llu refused), %llu removed members ended; %llu truncations of %llu "
           "entries; %llu snapshots taken, %llu installed, %llu begun with; %llu idle, %llu "
           "settled by "
           "excuse, %llu judged by one method\n",
           (unsigned long long)s->joins, (unsigned long long)s->joins_failed,
           (unsigned long long)s->crashes, (unsigned long long)s->power_failures,
           (unsigned long long)s->cuts, (unsigned long long)s->wipes,
           (unsigned long long)s->wipes_refused, (unsigned long long)s->removed_ended,
           (unsigned long long)s->truncations, (unsigned long long)s->truncated,
           (unsigned long long)s->taken, (unsigned long long)s->installed,
           (unsigned long long)s->restored, (unsigned long long)s->idle,
           (unsigned long long)s->excused, (unsigned long long)s->undecided);
}

/* False if it failed. */
static bool run_seed(struct churn *c, uint64_t seed, struct sums *sums)
{
    uint64_t hash = 0;
    uint64_t again = 0;
    bool good = churn_run(c, seed, &hash);
    sums_add(sums, &c->sums);
    if (good && seed % TWICE_EVERY == 1) {
        good = churn_run(c, seed, &again);
        if (good && hash != again) {
            churn_fail(c, "twice", "hash", "two runs of one seed differ: %016llx, %016llx",
                       (unsigned long long)hash, (unsigned long long)again);
            good = false;
        }
    }
    if (!good) {
        printf("seed %llu: %s/%s\n%s\n", (unsigned long long)seed, c->checker, c->rule, c->text);
        fflush(stdout);
    }
    return good;
}

/* A campaign that met none of these did not do what it is for. */
static bool is_vacuous(const struct sums *s)
{
    return s->commands[VERB_ADD] == 0 || s->commands[VERB_ADD_LEARNER] == 0 ||
           s->commands[VERB_PROMOTE] == 0 || s->commands[VERB_REMOVE] == 0 ||
           s->commands[VERB_UPDATE] == 0 || s->commands[VERB_MOVE] == 0 || s->wipes == 0 ||
           s->wipes_refused == 0 || s->removed_ended == 0 || s->truncated == 0 ||
           s->installed == 0 || s->idle * 100 > s->seeds || s->excused * 100 > s->seeds * 15;
}

static struct churn churn;

/* Members with a planted bug are found out: the first failure comes within these seeds and is one
 * of `rules` ("checker/rule", separated by commas). */
static int find(const char *rules, uint64_t last)
{
    struct sums sums = {0};
    char found[128];
    for (uint64_t seed = 1; seed <= last; seed++) {
        if (run_seed(&churn, seed, &sums)) {
            continue;
        }
        snprintf(found, sizeof(found), "%s/%s", churn.checker, churn.rule);
        size_t len = strlen(found);
        for (const char *at = rules; (at = strstr(at, found)) != NULL; at += len) {
            if ((at == rules || at[-1] == ',') && (at[len] == '\0' || at[len] == ',')) {
                printf("found by seed %llu of %llu\n", (unsigned long long)seed,
                       (unsigned long long)last);
                return 0;
            }
        }
        printf("seed %llu failed by %s, not by any of %s\n", (unsigned long long)seed, found,
               rules);
        return 1;
    }
    tell(&sums);
    printf("not found by %llu seeds\n", (unsigned long long)last);
    return 1;
}

static int run(uint64_t first, uint64_t last, uint64_t step)
{
    struct sums sums = {0};
    int failures = 0;
    clock_t begin = clock();
    for (uint64_t seed = first; seed <= last && failures < FAILURES; seed += step) {
        failures += run_seed(&churn, seed, &sums) ? 0 : 1;
    }
    tell(&sums);
    printf("%d failed; %lld ms of CPU\n", failures,
           (long long)(clock() - begin) * 1000 / CLOCKS_PER_SEC);
    if (failures == 0 && sums.seeds >= 50 && is_vacuous(&sums)) {
        printf("vacuous: something that a run is to do was never done\n");
        return 1;
    }
    return failures > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    unsigned shard = 1;
    unsigned shards = 1;
    if (argc == 3 && strcmp(argv[1], "--shard") == 0 &&
        sscanf(argv[2], "%u/%u", &shard, &shards) == 2 && shard >= 1 && shard <= shards) {
        return run(shard, seeds_to_run(SHARE, FULL), shards);
    }
    if (argc == 4 && strcmp(argv[1], "--finds") == 0) {
        return find(argv[2], strtoull(argv[3], NULL, 10));
    }
    if (argc == 3) {
        return run(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10), 1);
    }
    fprintf(stderr, "usage: %s FIRST LAST | --shard K/N | --finds RULES LAST\n", argv[0]);
    return 2;
}
