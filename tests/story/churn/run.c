#include "churn.h"

#include "base/assert.h"

#define STORY_NS (16 * SEC_NS)

static const char *node_of_fault(struct churn *c)
{
    struct node *node = world_first_fault(c->world);
    if (node != NULL) {
        churn_fail(c, "node", node_fault_name(node_fault(node)), "%s: %s", node_name(node),
                   node_fault_text(node));
    }
    return c->checker;
}

static bool is_sound(struct churn *c)
{
    const struct check_violation *v = check_violation(c->check, 0);
    if (v != NULL) {
        churn_fail(c, v->checker, v->rule, "at %lld ns, event %llu, on %s\n%s\n%s\n%s",
                   (long long)v->time_ns, (unsigned long long)v->event, v->place, v->law, v->text,
                   v->state);
    }
    return node_of_fault(c) == NULL;
}

static void tell_story(struct churn *c)
{
    bool started = false;
    c->storm_until_ns = rng_range(&c->rng, 1500, 3000) * MS_NS;
    while (churn_now(c) < STORY_NS && is_sound(c)) {
        if (!started && churn_now(c) >= 3 * c->draws.election_ms * MS_NS / 2) {
            started = true;
            clients_start(c);
        }
        if (started) {
            faults_round(c);
            operators_work(c);
        }
        members_tend(c);
        (void)world_run(c->world, churn_now(c) + ROUND_NS, UINT64_MAX);
    }
}

static void wait_for_operators(struct churn *c)
{
    while (operators_busy(c) && is_sound(c)) {
        (void)world_run(c->world, churn_now(c) + ROUND_NS, UINT64_MAX);
    }
}

bool churn_run(struct churn *c, uint64_t seed, uint64_t *hash)
{
    churn_build(c, seed);
    tell_story(c);
    uint64_t acked = c->acked;
    if (is_sound(c)) {
        churn_settle(c);
    }
    if (is_sound(c)) {
        wait_for_operators(c);
        if (c->sums.ok > 0) {
            clients_judge(c); /* of nothing that was answered nothing can be said; see `idle` */
        }
    }
    c->sums.idle = acked == 0;
    const struct engine *engine = world_engine(c->world);
    *hash = engine->hash;
    c->sums.seeds = 1;
    c->sums.simulated_ns = (uint64_t)engine->now_ns;
    c->sums.events = engine->event;
    churn_free(c);
    return c->checker == NULL;
}

void sums_add(struct sums *sum, const struct sums *one)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)one;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++) {
        to[i] += from[i];
    }
}
