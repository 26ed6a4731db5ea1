/* A killed leader is replaced: in at most two election timeouts in the median of 1,000 seeds, in
 * six at worst. Every other leader loses its power instead, so that nobody is told. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/duration.h"
#include "base/sort.h"
#include "crash/cluster.h"

#define SEEDS      1000
#define TIMEOUT_NS SEC_NS /* the default of --election-timeout */

struct ear {
    struct observer observer;
    struct cluster *cluster;
    struct node *node;
};

struct cluster {
    struct world *world;
    struct ear ears[MEMBERS];
    struct node *leader; /* who became one last */
    int64_t elected_ns;
};

static void on_event(struct observer *observer, const struct obs_event *event)
{
    struct ear *ear = container_of(observer, struct ear, observer);
    if (event->kind == OBS_ROLE && event->role.role == OBS_LEADER) {
        ear->cluster->leader = ear->node;
        ear->cluster->elected_ns = world_engine(ear->cluster->world)->now_ns;
        engine_stop(world_engine(ear->cluster->world));
    }
}

/* How long the others need for a new leader. */
static int64_t replace_leader(uint64_t seed)
{
    const struct world_options options = world_options_default(seed);
    struct cluster cluster = {.world = world_new(&options)};
    struct engine *engine = world_engine(cluster.world);
    struct rng rng = engine_rng(engine, "test.kill", 0);
    for (int i = 0; i < MEMBERS; i++) {
        struct ear *ear = &cluster.ears[i];
        ear->observer.event = on_event;
        ear->cluster = &cluster;
        ear->node = cluster_start(cluster.world, i, NULL, &ear->observer);
    }
    int64_t kill_ns = rng_range(&rng, 8 * SEC_NS, 10 * SEC_NS);
    while (world_run(cluster.world, kill_ns, UINT64_MAX) == ENGINE_STOPPED) {
    }
    struct node *killed = cluster.leader;
    assert_non_null(killed);
    if (seed % 2 == 0) {
        node_crash(killed);
    } else {
        host_power_off(node_host(killed));
    }
    (void)world_run(cluster.world, kill_ns + 60 * TIMEOUT_NS, UINT64_MAX);
    assert_ptr_not_equal(cluster.leader, killed);
    assert_null(world_first_fault(cluster.world));
    int64_t took_ns = cluster.elected_ns - kill_ns;
    world_free(cluster.world);
    return took_ns;
}

static int compare(const void *a, const void *b, void *ctx)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    (void)ctx;
    return x < y ? -1 : x > y;
}

static void test_killed_leader_is_replaced_in_time(void **state)
{
    static int64_t took_ns[SEEDS];
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        took_ns[seed - 1] = replace_leader(seed);
    }
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    sort_stable(took_ns, SEEDS, sizeof(took_ns[0]), compare, NULL, mem_pool_mem(pool));
    mem_pool_free(pool);
    print_message("a new leader after %lld ms in the median, %lld ms at worst\n",
                  (long long)(took_ns[SEEDS / 2] / MS_NS), (long long)(took_ns[SEEDS - 1] / MS_NS));
    assert_in_range(took_ns[SEEDS / 2], TIMEOUT_NS / 2, 2 * TIMEOUT_NS);
    assert_in_range(took_ns[SEEDS - 1], 0, 6 * TIMEOUT_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_leader_is_replaced_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
