#include "churn.h"

#include "base/assert.h"

void churn_fail(struct churn *c, const char *checker, const char *rule, const char *format, ...)
{
    va_list args;
    if (c->checker != NULL) {
        return;
    }
    c->checker = checker;
    c->rule = rule;
    va_start(args, format);
    vsnprintf(c->text, sizeof(c->text), format, args);
    va_end(args);
}

struct node *churn_machine(struct churn *c, const char *name, const char *address)
{
    struct host *host;
    int err = host_new(c->world, name, address, &host);
    ASSERT(err == 0);
    return node_new(host, name);
}

static uint32_t one_of(struct rng *rng, const uint32_t *values, size_t count)
{
    return values[rng_below(rng, count)];
}

#define ONE_OF(rng, ...)                         \
    one_of(rng, (const uint32_t[]){__VA_ARGS__}, \
           sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* Each seed switches kinds of failures off, so that what one of them hides shows without it. */
static void draw(struct draws *d, uint64_t seed)
{
    struct rng rng = rng_stream(seed, "churn.draws", 0);
    d->members = (int)ONE_OF(&rng, 1, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 7);
    d->strict = rng_chance(&rng, 400000);
    d->pre_vote = rng_chance(&rng, 500000);
    d->append_max = (int)ONE_OF(&rng, 1, 2, 3, 4, 1024, 1024);
    d->snapshot_count = (int)ONE_OF(&rng, 10, 20, 40, 1000, 100000);
    d->catchup = (int)ONE_OF(&rng, 1, 5, 20, 5000);
    d->learners_max = (int)ONE_OF(&rng, 1, 1, 2, 3);
    d->election_ms = (int)ONE_OF(&rng, 250, 400, 600, 1000);
    d->heartbeat_ms = d->election_ms / 10;
    d->fall_ppm = ONE_OF(&rng, 0, 3000, 8000, 15000);
    d->slow_ppm = ONE_OF(&rng, 0, 0, 4000, 10000);
    d->cut_ppm = ONE_OF(&rng, 0, 20000, 50000, 100000);
    d->wipe_ppm = ONE_OF(&rng, 0, 0, 5000, 20000);
    d->strike_ppm = ONE_OF(&rng, 0, 50000, 200000, 500000);
    d->noise = rng_chance(&rng, 600000);
    d->bursts = rng_chance(&rng, 700000);
    d->storm_ns = rng_range(&rng, 1000, 4000) * MS_NS;
    d->calm_ns = rng_range(&rng, 300, 2000) * MS_NS;
    d->operators = (int)ONE_OF(&rng, 1, 2);
    d->segment_bytes = (int)ONE_OF(&rng, 1024, 4096, 65536, 67108864);
}

static void draw_world(const struct churn *c, struct world_options *options)
{
    struct rng rng = rng_stream(c->seed, "churn.world", 0);
    options->disk.drop_ppm = ONE_OF(&rng, 100000, 500000, 1000000);
    options->disk.tear_ppm = ONE_OF(&rng, 0, 300000);
    options->disk.name_drop_ppm = 300000;
    options->disk.sync_max_ns = (int64_t)ONE_OF(&rng, 1, 2, 10, 40) * MS_NS;
    options->net.latency_max_ns = (int64_t)ONE_OF(&rng, 1, 3, 15) * MS_NS;
    options->node_memory_max = UINT64_C(64) << 20;
}

static void build_places(struct churn *c)
{
    char cluster[768] = "";
    size_t at = 0;
    for (int i = 0; i < c->draws.members; i++) {
        at += (size_t)snprintf(cluster + at, sizeof(cluster) - at, "%sn%d=http://10.0.0.%d:2380",
                               i == 0 ? "" : ",", i, i + 1);
    }
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &c->places[i];
        char name[16];
        char address[32];
        snprintf(name, sizeof(name), "n%d", i);
        snprintf(address, sizeof(address), "10.0.0.%d", i + 1);
        *p = (struct place){.churn = c,
                            .number = i,
                            .down_until_ns = NOT_PLANNED,
                            .slow_until_ns = NOT_PLANNED,
                            .join_ns = NOT_PLANNED,
                            .retire_ns = NOT_PLANNED,
                            .state = "new"};
        p->node = churn_machine(c, name, address);
        p->observer.event = member_observe;
        p->check =
            check_place_new(c->check, node_name(p->node),
                            (bool (*)(void *, const char *, uint64_t, uint64_t))disk_survives,
                            host_disk(node_host(p->node)));
        memcpy(p->cluster, cluster, sizeof(cluster));
        if (i < c->draws.members) {
            member_start(c, p);
        }
    }
}

void churn_build(struct churn *c, uint64_t seed)
{
    struct world_options options = world_options_default(seed);
    memset(c, 0, sizeof(*c));
    c->seed = seed;
    c->rng = rng_stream(seed, "churn.faults", 0);
    c->rng_op = rng_stream(seed, "churn.operate", 0);
    c->rng_plan = rng_stream(seed, "churn.plan", 0);
    draw(&c->draws, seed);
    draw_world(c, &options);
    c->cut_until_ns = NOT_PLANNED;
    c->strike_place = -1;
    c->world = world_new(&options);
    c->mem = world_mem(c->world);
    c->check = check_new(c->mem);
    c->history = history_new(c->mem);
    c->sink.output = client_output;
    world_sink_set(c->world, &c->sink);
    build_places(c);
    for (int i = 0; i < OPERATORS; i++) {
        char name[16];
        char address[32];
        snprintf(name, sizeof(name), "op%d", i);
        snprintf(address, sizeof(address), "10.0.2.%d", i + 1);
        c->operators[i] = (struct operator){.churn = c, .look = true};
        c->operators[i].node = churn_machine(c, name, address);
    }
    for (int i = 0; i < CLIENTS; i++) {
        char name[16];
        char address[32];
        snprintf(name, sizeof(name), "c%d", i);
        snprintf(address, sizeof(address), "10.0.1.%d", i + 1);
        c->clients[i].node = churn_machine(c, name, address);
    }
}

void churn_free(struct churn *c)
{
    c->over = true;
    check_free(c->check);
    history_free(c->history);
    mem_free(c->mem, c->requests);
    world_free(c->world);
}
