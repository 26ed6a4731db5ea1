/* The end of a run: a set of members that can form a quorum is chosen and healed, everything else
 * stays as broken as it is or becomes so for good, and what must follow is demanded: a write is
 * acknowledged, the set agrees on its state, a membership change goes through, and every key shows
 * what clients were told. Or everybody is healed: then all members must agree, and those that were
 * removed and still run must notice. */
#include "churn.h"

#include "base/assert.h"

enum rest {
    REST_HEALED,
    REST_OFF,
    REST_CUT,
    REST_DEAF, /* it sends and hears nothing: with pre-vote on it must not disturb */
    REST_COUNT
};

static uint64_t bit(int place)
{
    return UINT64_C(1) << place;
}

/* The place of a voter that can run; one that was removed ends as soon as it is told. */
static struct place *able(struct churn *c, member_id_t id)
{
    struct place *p = place_of(c, id);
    if (p == NULL || !conf_has(&c->newest, id) || p->lost != 0 || (p->id != 0 && p->id != id)) {
        return NULL;
    }
    return p;
}

static bool settle_has(const struct churn *c, const struct place *p)
{
    return (c->settle_set & bit(p->number)) != 0;
}

/* Adds voters to the set, at random, until it is a quorum of this configuration. */
static bool make_quorum_of(struct churn *c, const struct conf *conf)
{
    struct place *others[MEMBERS_MAX];
    size_t count = 0;
    size_t inside = 0;
    for (size_t i = 0; i < conf->voter_count; i++) {
        struct place *p = able(c, conf->voters[i]);
        if (p != NULL && settle_has(c, p)) {
            inside++;
        } else if (p != NULL) {
            others[count++] = p;
        }
    }
    while (inside < conf->voter_count / 2 + 1 && count > 0) {
        uint64_t chosen = rng_below(&c->rng_plan, count);
        c->settle_set |= bit(others[chosen]->number);
        others[chosen] = others[--count];
        inside++;
    }
    return conf->voter_count > 0 && inside >= conf->voter_count / 2 + 1;
}

/* Makes the set a quorum of every configuration that somebody in it acts on, or may after a
 * restart: who does not know that a member's removal was committed still counts on that member,
 * which may have ended for good. Then nothing has to follow (checks.md: *must*). */
static bool make_quorum(struct churn *c)
{
    uint64_t before;
    do {
        before = c->settle_set;
        if (!make_quorum_of(c, &c->newest)) {
            return false;
        }
        for (int i = 0; i < PLACES; i++) {
            const struct place *p = &c->places[i];
            if (!settle_has(c, p) || p->id == 0 || !conf_votes(&c->newest, p->id)) {
                continue;
            }
            bool acts = is_up(p) && p->conf.voter_count > 0;
            const struct conf *first = acts ? &p->conf : &p->seen;
            const struct conf *second = acts ? &p->conf : &p->seen_before;
            if ((first->voter_count > 0 && !make_quorum_of(c, first)) ||
                (second->voter_count > 0 && !make_quorum_of(c, second))) {
                return false;
            }
        }
    } while (c->settle_set != before);
    return true;
}

static void make_everybody(struct churn *c)
{
    for (int i = 0; i < PLACES; i++) {
        if (c->places[i].lost == 0) {
            c->settle_set |= bit(i);
        }
    }
}

static void left_label(const struct place *p, char *out, size_t size)
{
    snprintf(out, size, "left-%d", p->number);
}

/* Its member is listed and has no disk: it never started, or ended before it was one and its
 * machine was cleared. Without a quorum nobody may give a list that would show it anew. */
static bool waits_to_join(const struct churn *c, const struct place *p)
{
    bool listed = false;
    for (size_t i = 0; i < c->list_count; i++) {
        const struct listed *l = &c->list[i];
        listed = listed || (l->place == p->number && conf_has(&c->newest, l->id));
    }
    return p->id == 0 && p->lost == 0 &&
           (p->join_ns == NEVER_NS || (p->join_ns == NOT_PLANNED && listed));
}

static void heal(struct churn *c, struct place *p)
{
    char label[24];
    left_label(p, label, sizeof(label));
    (void)net_heal(world_net(c->world), label);
    disk_heal(host_disk(node_host(p->node)));
    node_resume(p->node);
    p->slow_until_ns = NOT_PLANNED;
    if (is_up(p)) {
        return;
    }
    if (p->wanted && p->down_until_ns != NOT_PLANNED) {
        p->down_until_ns = churn_now(c);
    } else if (p->id != 0 && conf_has(&c->newest, p->id)) {
        member_start(c, p);
    } else if (waits_to_join(c, p)) {
        p->join_ns = churn_now(c);
    }
}

static void leave_behind(struct churn *c, struct place *p, enum rest rest)
{
    const struct net_fault blocked = {.key = 9, .blocked = true};
    char label[24];
    left_label(p, label, sizeof(label));
    if (rest == REST_OFF) {
        p->wanted = false;
        host_power_off(node_host(p->node));
        return;
    }
    for (int i = 0; i < PLACES; i++) {
        uint32_t mine = host_machine(node_host(p->node));
        uint32_t other = host_machine(node_host(c->places[i].node));
        if (i == p->number) {
            continue;
        }
        net_fault_add(world_net(c->world), label, other, mine, &blocked);
        if (rest == REST_CUT) {
            net_fault_add(world_net(c->world), label, mine, other, &blocked);
        }
    }
}

/* Voters of the newest configuration in the set, and everybody else in it that is up. */
static bool has_converged(struct churn *c, bool everybody)
{
    const struct place *first = NULL;
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &c->places[i];
        bool member = p->id != 0 && conf_has(&c->newest, p->id);
        if (!settle_has(c, p)) {
            continue;
        }
        if (!member) {
            /* It was removed, or has not joined yet. One that fell before it got anything of the
             * log knows nobody whom it could ask, and nobody calls it any more (as in etcd). */
            bool knows_nobody = p->conf.voter_count == 0 && p->last == 0;
            if (everybody && is_up(p) && !knows_nobody) {
                return false;
            }
            continue;
        }
        if (!is_up(p) || !p->published || p->applied < c->commit_max ||
            p->conf.index < c->newest.index) {
            return false;
        }
        if (first != NULL && (p->applied != first->applied || p->state_hash != first->state_hash)) {
            return false;
        }
        first = p;
    }
    return first != NULL && leader_place(c) != NULL;
}

enum stage {
    STAGE_PUT,
    STAGE_CONVERGE,
    STAGE_LIST,
    STAGE_CHANGE,
    STAGE_AGREE,
    STAGE_GET,
    STAGE_DONE
};

static const char *const stage_names[] = {"write",     "convergence", "list", "change",
                                          "agreement", "read",        ""};

/* A change that is refused for its own sake would prove nothing: an update never is. */
static void call(struct churn *c, struct operator* op, enum stage stage)
{
    static const enum verb verbs[] = {[STAGE_PUT] = VERB_PUT,
                                      [STAGE_LIST] = VERB_LIST,
                                      [STAGE_CHANGE] = VERB_UPDATE,
                                      [STAGE_GET] = VERB_GET};
    struct listed target = {0};
    uint64_t through = 0;
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &c->places[i];
        bool votes = settle_has(c, p) && p->id != 0 && conf_votes(&c->newest, p->id) && is_up(p);
        through |= votes ? bit(i) : 0;
        const struct listed *l = listed_of(c, p->id);
        if (votes && l != NULL) {
            target = *l;
            target.port = l->port == 2380 ? 2390 : 2380;
        }
    }
    if (through == 0 || (stage == STAGE_CHANGE && target.id == 0)) {
        op->ok = false;
        op->next_ns = churn_now(c) + 200 * MS_NS;
        return;
    }
    snprintf(op->value, sizeof(op->value), "settle-%llu", (unsigned long long)churn_now(c));
    operator_call(c, op, verbs[stage], through, &target);
}

static bool is_called(enum stage stage)
{
    return stage != STAGE_CONVERGE && stage != STAGE_AGREE;
}

/* One look; the stage that follows. */
static enum stage advance(struct churn *c, struct operator* op, enum stage stage, bool *called,
                          bool everybody)
{
    if (!is_called(stage)) {
        return has_converged(c, everybody) ? stage + 1 : stage;
    }
    if (op->busy) {
        return stage;
    }
    if (*called && op->ok) {
        *called = false;
        return stage + 1;
    }
    *called = false;
    if (churn_now(c) >= op->next_ns) {
        call(c, op, stage);
        *called = op->busy;
    }
    return stage;
}

static void tell_stuck(struct churn *c, enum stage stage)
{
    struct buf text;
    buf_init(&text, c->mem);
    buf_printf(&text, "no %s in time; in the set:", stage_names[stage]);
    for (int i = 0; i < PLACES; i++) {
        const struct place *p = &c->places[i];
        if (settle_has(c, p)) {
            buf_printf(&text, " n%d(%llx%s%s applied %llu conf %llu)", i, (unsigned long long)p->id,
                       is_up(p) ? "" : " down", p->published ? "" : " unpublished",
                       (unsigned long long)p->applied, (unsigned long long)p->conf.index);
        }
    }
    buf_printf(&text, "; committed %llu, configuration %llu with %zu voters, %zu learners\n",
               (unsigned long long)c->commit_max, (unsigned long long)c->newest.index,
               c->newest.voter_count, c->newest.learner_count);
    check_write_state(c->check, &text);
    churn_fail(c, "settle", stage_names[stage], "%s", buf_cstr(&text));
    buf_fini(&text);
}

static bool look_around(struct churn *c)
{
    /* Who joins is told by a list of now. */
    struct operator* other = & c->operators[1];
    uint64_t through = 0;
    for (int i = 0; i < PLACES; i++) {
        through |= settle_has(c, &c->places[i]) && is_up(&c->places[i]) ? bit(i) : 0;
    }
    if (!other->busy && churn_now(c) >= other->next_ns && through != 0) {
        operator_call(c, other, VERB_LIST, through, NULL);
    }
    members_tend(c);
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &c->places[i];
        if (settle_has(c, p) && !is_up(p)) {
            heal(c, p);
        }
    }
    uint64_t before = c->settle_set;
    bool can = make_quorum(c);
    for (int i = 0; i < PLACES; i++) {
        if (((c->settle_set & ~before) & bit(i)) != 0) {
            heal(c, &c->places[i]);
        }
    }
    return can;
}

void churn_settle(struct churn *c)
{
    struct operator* op = & c->operators[0];
    enum rest rest = (enum rest)rng_below(&c->rng_plan, c->draws.pre_vote ? REST_COUNT : REST_DEAF);
    enum stage stage = STAGE_PUT;
    bool called = false;
    faults_end(c);
    clients_stop(c);
    c->settling = true;
    if (rest == REST_HEALED) {
        make_everybody(c);
    }
    if (!make_quorum(c)) {
        c->sums.excused++;
        return;
    }
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &c->places[i];
        if (settle_has(c, p)) {
            heal(c, p);
        } else if (rest != REST_HEALED || p->lost != 0) {
            leave_behind(c, p, p->lost != 0 ? REST_OFF : rest);
        }
    }
    int64_t until = churn_now(c) + (40 * c->draws.election_ms + 20000) * MS_NS;
    op->ok = false;
    while (stage != STAGE_DONE && c->checker == NULL) {
        if (churn_now(c) > until) {
            tell_stuck(c, stage);
            return;
        }
        if (!look_around(c)) {
            c->sums.excused++;
            return;
        }
        stage = advance(c, op, stage, &called, rest == REST_HEALED);
        (void)world_run(c->world, churn_now(c) + ROUND_NS, UINT64_MAX);
    }
}
