/* What befalls the members. Storms and calm follow each other, or no change would ever go through.
 */
#include "churn.h"

#include "base/assert.h"

enum strike {
    STRIKE_KILL,
    STRIKE_POWER,
    STRIKE_CUT,
    STRIKE_STALL,
    STRIKE_COUNT
};

static uint32_t machine_of(const struct churn *c, int i)
{
    return host_machine(node_host(c->places[i].node));
}

static void cut(struct churn *c, int a, int b, bool out, bool in)
{
    const struct net_fault blocked = {.key = 8, .blocked = true};
    if (out) {
        net_fault_add(world_net(c->world), "cut", machine_of(c, a), machine_of(c, b), &blocked);
    }
    if (in) {
        net_fault_add(world_net(c->world), "cut", machine_of(c, b), machine_of(c, a), &blocked);
    }
}

static void isolate(struct churn *c, int who, int64_t for_ns)
{
    for (int other = 0; other < PLACES; other++) {
        if (other != who) {
            cut(c, who, other, true, true);
        }
    }
    c->sums.cuts++;
    c->cut_until_ns = churn_now(c) + for_ns;
}

static void fall(struct churn *c, struct place *p, bool power, int64_t for_ns)
{
    p->down_until_ns = churn_now(c) + for_ns;
    if (power) {
        c->sums.power_failures++;
        host_power_off(node_host(p->node));
    } else {
        c->sums.crashes++;
        node_crash(p->node);
    }
}

static void slow(struct churn *c, struct place *p, bool stall, int64_t for_ns)
{
    if (stall) {
        disk_stall(host_disk(node_host(p->node)), true);
    } else {
        node_pause(p->node);
    }
    p->slow_until_ns = churn_now(c) + for_ns;
}

static void quicken(struct place *p)
{
    disk_stall(host_disk(node_host(p->node)), false);
    node_resume(p->node);
    p->slow_until_ns = NOT_PLANNED;
}

static void on_strike(struct engine_event *event)
{
    struct churn *c = container_of(event, struct churn, strike);
    struct place *p = &c->places[c->strike_place];
    c->strike_place = -1;
    if (!c->storm || !p->wanted || !is_up(p)) {
        return;
    }
    int64_t for_ns = rng_range(&c->rng, 0, 3 * c->draws.election_ms) * MS_NS;
    switch ((enum strike)c->strike_kind) {
    case STRIKE_KILL: fall(c, p, false, for_ns); break;
    case STRIKE_POWER: fall(c, p, true, for_ns); break;
    case STRIKE_CUT:
        if (c->cut_until_ns == NOT_PLANNED) {
            isolate(c, p->number, for_ns);
        }
        break;
    case STRIKE_STALL: slow(c, p, true, for_ns); break;
    case STRIKE_COUNT: UNREACHABLE();
    }
}

void faults_tempt(struct churn *c, struct place *p, uint32_t weight_ppm)
{
    uint32_t chance = (uint32_t)((uint64_t)c->draws.strike_ppm * weight_ppm / 1000000);
    if (!c->storm || c->strike_place >= 0 || c->settling || chance == 0 ||
        !rng_chance(&c->rng, chance)) {
        return;
    }
    bool at_once = rng_chance(&c->rng, 500000);
    int64_t after = rng_range(&c->rng, 0, 5 * MS_NS);
    c->strike_place = p->number;
    c->strike_kind = (int)rng_below(&c->rng, STRIKE_COUNT);
    c->strike.run = on_strike;
    c->strike.kind = ENGINE_STEP;
    engine_set(world_engine(c->world), &c->strike, churn_now(c) + (at_once ? 0 : after));
}

/* A place where a process runs, if there is one beside this one. */
static int another(struct churn *c, const struct place *p)
{
    int from = (int)rng_below(&c->rng, PLACES);
    for (int step = 0; step < PLACES; step++) {
        const struct place *other = &c->places[(from + step) % PLACES];
        if (other != p && is_up(other)) {
            return other->number;
        }
    }
    return p->number;
}

/* Some members from the others; the leader, with a client that goes on asking it, more often than
 * chance would have it: so long tails come about that nobody else has. */
static void cut_links(struct churn *c)
{
    if (c->cut_until_ns != NOT_PLANNED && churn_now(c) >= c->cut_until_ns) {
        net_heal(world_net(c->world), "cut");
        c->cut_until_ns = NOT_PLANNED;
    }
    if (c->cut_until_ns != NOT_PLANNED || !rng_chance(&c->rng, c->draws.cut_ppm)) {
        return;
    }
    struct place *leader = leader_place(c);
    uint64_t side = 0;
    uint64_t kind = rng_below(&c->rng, 4);
    bool out = rng_chance(&c->rng, 800000);
    bool in = rng_chance(&c->rng, 800000);
    for (int i = 0; i < PLACES; i++) {
        side |= rng_chance(&c->rng, 400000) ? UINT64_C(1) << i : 0;
    }
    if (leader != NULL && kind <= 1) {
        side = UINT64_C(1) << leader->number;
    } else if (kind == 2) {
        side = UINT64_C(1) << rng_below(&c->rng, PLACES);
    }
    for (int a = 0; a < PLACES; a++) {
        for (int b = 0; b < PLACES; b++) {
            if ((side >> a & 1) != 0 && (side >> b & 1) == 0) {
                cut(c, a, b, out || !in, in);
            }
        }
    }
    c->sums.cuts++;
    c->cut_until_ns = churn_now(c) + rng_range(&c->rng, 0, 6 * c->draws.election_ms) * MS_NS;
    if (c->draws.bursts && leader != NULL) {
        client_burst(c, leader->number, false);
        client_burst(c, another(c, leader), true);
    }
}

/* Whether every other member will know for ever that this one has begun: who does not could take
 * it, with an empty disk, for one that never had anything (core/README.md). */
static bool is_known_to_all(const struct churn *c, const struct place *p)
{
    for (int i = 0; i < PLACES; i++) {
        const struct place *other = &c->places[i];
        if (other->lost != 0 || (other->wanted && other->id == 0)) {
            return false;
        }
        if (other != p && other->id != 0 && other->commit_durable < p->published_at) {
            return false;
        }
    }
    return p->published_at != 0;
}

/* May its disk be emptied without taking from the cluster what it cannot give? What the member has
 * acknowledged counts with the leader, so all of it must be decided. */
static bool may_wipe(const struct churn *c, const struct place *p)
{
    bool votes = conf_votes(&c->newest, p->id);
    return p->id != 0 && conf_has(&c->newest, p->id) && (!votes || c->newest.voter_count >= 3) &&
           is_known_to_all(c, p) && c->commit_max >= p->last;
}

/* The member is started again as if nothing were wrong. One that was the first and only one would
 * found its cluster anew: nobody can keep an operator from that. */
void faults_wipe(struct churn *c, struct place *p)
{
    member_id_t id = p->id;
    p->wipe_due = false;
    if (!may_wipe(c, p)) {
        return;
    }
    bool joins = rng_chance(&c->rng, 500000);
    member_empty(c, p);
    p->lost = id;
    if (joins || c->draws.members == 1) {
        (void)join_flags(c, p);
    }
    c->sums.wipes++;
}

static void befall(struct churn *c, struct place *p)
{
    if (!p->wanted || p->down_until_ns != NOT_PLANNED) {
        return;
    }
    if (p->slow_until_ns == NOT_PLANNED && rng_chance(&c->rng, c->draws.slow_ppm)) {
        bool stall = rng_chance(&c->rng, 500000);
        slow(c, p, stall, rng_range(&c->rng, 0, 3 * c->draws.election_ms) * MS_NS);
    }
    if (rng_chance(&c->rng, c->draws.fall_ppm)) {
        uint64_t how = rng_below(&c->rng, 10);
        bool far = rng_chance(&c->rng, 200000);
        int64_t for_ns = rng_range(&c->rng, 0, far ? 4000 : 1000) * MS_NS;
        if (how < 2) {
            c->sums.crashes++;
            node_crash_at_call(p->node, 1 + rng_below(&c->rng, 200));
        } else {
            fall(c, p, how < 6, for_ns);
        }
    } else if (rng_chance(&c->rng, c->draws.wipe_ppm)) {
        p->wipe_due = true;
        fall(c, p, true, rng_range(&c->rng, 100, 1000) * MS_NS);
    }
}

static void noise(struct churn *c)
{
    const struct net_fault bad = {.key = 7,
                                  .loss_ppm = 30000,
                                  .duplicate_ppm = 50000,
                                  .reorder_ppm = 80000,
                                  .reorder_ns = 60 * MS_NS,
                                  .reset_ppm = 300};
    for (int a = 0; a < PLACES; a++) {
        for (int b = 0; b < PLACES; b++) {
            if (a != b) {
                net_fault_add(world_net(c->world), "noise", machine_of(c, a), machine_of(c, b),
                              &bad);
            }
        }
    }
}

void faults_end(struct churn *c)
{
    c->storm = false;
    net_heal(world_net(c->world), NULL);
    c->cut_until_ns = NOT_PLANNED;
    for (int i = 0; i < PLACES; i++) {
        quicken(&c->places[i]);
    }
}

void faults_round(struct churn *c)
{
    if (churn_now(c) >= c->storm_until_ns) {
        int64_t most = c->storm ? c->draws.calm_ns : c->draws.storm_ns;
        if (c->storm) {
            faults_end(c);
        } else {
            c->storm = true;
            if (c->draws.noise) {
                noise(c);
            }
        }
        c->storm_until_ns = churn_now(c) + rng_range(&c->rng, most / 4, most);
    }
    if (!c->storm) {
        return;
    }
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &c->places[i];
        if (p->slow_until_ns != NOT_PLANNED && churn_now(c) >= p->slow_until_ns) {
            quicken(p);
        }
        befall(c, p);
    }
    cut_links(c);
}
