#include "impl.h"

#include "base/probe.h"

void campaign_grow(struct mem *mem, void **items, size_t *count, size_t *cap, size_t size)
{
    if (*count == *cap) {
        *cap = *cap == 0 ? 16 : *cap * 2;
        *items = mem_resize(mem, *items, *cap * size);
    }
    memset((char *)*items + *count * size, 0, size);
    (*count)++;
}

bool verdict_fails(enum verdict verdict)
{
    return verdict != VERDICT_PASS && verdict != VERDICT_STOPPED;
}

static struct kind *kind_of(struct campaign *c, const struct run_result *o)
{
    for (size_t i = 0; i < c->kinds.count; i++) {
        struct kind *k = &c->kinds.items[i];
        if (k->verdict == o->sum.verdict && strcmp(k->fingerprint, o->fingerprint) == 0) {
            return k;
        }
    }
    struct kind *k = PUSH(c->mem, c->kinds);
    k->fingerprint = mem_strdup(c->mem, o->fingerprint, strlen(o->fingerprint));
    k->reason = mem_strdup(c->mem, o->reason, strlen(o->reason));
    k->verdict = o->sum.verdict;
    k->known = known_has(c->options.known, o->fingerprint);
    return k;
}

static void add_failure(struct campaign *c, uint64_t number, const struct run_result *o,
                        bool crashed)
{
    struct kind *k = kind_of(c, o);
    struct failed_run *run = PUSH(c->mem, k->runs);
    run->number = number;
    run->part = number_part(c, number);
    run->seed = number_seed(c, number);
    run->sim_ns = o->sum.sim_ns;
    run->events = o->sum.events;
    run->ops = o->sum.ops;
    run->crashed = crashed;
    if (!k->known) {
        c->failing++;
        c->parts.items[run->part].unknown_failures++;
        c->worst = o->sum.verdict > c->worst ? o->sum.verdict : c->worst;
    }
    c->disagreements += slice_starts_with(slice_str(o->fingerprint), "oracle/must") ||
                        slice_starts_with(slice_str(o->fingerprint), "oracle/cannot");
    c->idle +=
        strcmp(o->fingerprint, "run/idle") == 0 || strcmp(o->fingerprint, "oracle/idle") == 0;
}

void tally_add(struct campaign *c, uint64_t number, const struct run_result *o, bool crashed)
{
    const struct run_summary *sum = &o->sum;
    struct part *part = &c->parts.items[number_part(c, number)];
    part->runs++;
    part->verdicts[sum->verdict]++;
    part->wall_ns += sum->wall_ns;
    part->slowest_ns = sum->wall_ns > part->slowest_ns ? sum->wall_ns : part->slowest_ns;
    part->steps_fired |= sum->steps_fired;
    c->done++;
    c->events += sum->events;
    c->ops += sum->ops;
    c->sim_ns += sum->sim_ns;
    c->must_ns += sum->must_ns;
    c->cannot_ns += sum->cannot_ns;
    c->may_ns += sum->may_ns;
    c->settles[sum->settle]++;
    for (size_t i = 0; o->hits != NULL && i < probe_count(); i++) {
        c->hits[i] += o->hits[i];
    }
    if (verdict_fails(sum->verdict)) {
        add_failure(c, number, o, crashed);
    }
}
