/* Places, members, and to whom an event goes. */
#include "check/check.h"

#include "base/map.h"
#include "internal.h"

struct check *check_new(struct mem *mem)
{
    struct check *c = mem_zalloc(mem, 1, sizeof(*c));
    c->mem = mem;
    c->by_id = mem_zalloc(mem, 1, sizeof(*c->by_id));
    map_init(c->by_id, mem);
    list_init(&c->places);
    list_init(&c->members);
    return c;
}

static void member_free(struct check *c, struct member *m)
{
    mem_free(c->mem, m->said.items);
    mem_free(c->mem, m->durable_votes.items);
    mem_free(c->mem, m->cells);
    mem_free(c->mem, m);
}

void check_free(struct check *c)
{
    if (c == NULL) {
        return;
    }
    list_each_safe (it, &c->places) {
        struct check_place *place = container_of(it, struct check_place, link);
        mem_free(c->mem, place->name);
        mem_free(c->mem, place);
    }
    list_each_safe (it, &c->members) {
        member_free(c, container_of(it, struct member, link));
    }
    for (size_t i = 0; i < c->term_count; i++) {
        mem_free(c->mem, c->terms[i]->chains);
        mem_free(c->mem, c->terms[i]);
    }
    for (size_t i = 0; i < c->config_count; i++) {
        mem_free(c->mem, c->configs[i]);
    }
    for (size_t i = 0; i < c->violation_count && i < CHECK_VIOLATIONS_MAX; i++) {
        mem_free(c->mem, (char *)(uintptr_t)c->violations[i].text);
        mem_free(c->mem, (char *)(uintptr_t)c->violations[i].state);
    }
    map_fini(c->by_id);
    mem_free(c->mem, c->by_id);
    mem_free(c->mem, c->terms);
    mem_free(c->mem, c->committed);
    mem_free(c->mem, c->outcomes);
    mem_free(c->mem, c->configs);
    mem_free(c->mem, c);
}

void *grow(struct mem *mem, void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) {
        return items;
    }
    *cap = *cap == 0 ? 16 : *cap * 2;
    return mem_resize(mem, items, *cap * size);
}

struct check_place *check_place_new(struct check *c, const char *name,
                                    bool (*survives)(void *disk, const char *path, uint64_t offset,
                                                     uint64_t len),
                                    void *disk)
{
    struct check_place *place = mem_zalloc(c->mem, 1, sizeof(*place));
    place->check = c;
    place->name = mem_strdup(c->mem, name, strlen(name));
    place->survives = survives;
    place->disk = disk;
    list_push_back(&c->places, &place->link);
    return place;
}

struct member *check_member_find(const struct check *c, member_id_t id)
{
    return map_get(c->by_id, id);
}

const char *member_name(const struct check *c, member_id_t id)
{
    const struct member *m = check_member_find(c, id);
    return m == NULL ? "?" : m->place->name;
}

static struct member *member_at(struct check_place *place, member_id_t id)
{
    struct check *c = place->check;
    if (place->member != NULL && place->member->id == id) {
        return place->member;
    }
    struct member *m = check_member_find(c, id);
    if (m == NULL) {
        m = mem_zalloc(c->mem, 1, sizeof(*m));
        m->id = id;
        m->base_cell.chain = CHAIN_EMPTY;
        m->cut_low = UINT64_MAX;
        list_push_back(&c->members, &m->link);
        (void)map_put(c->by_id, id, m);
    }
    m->place = place;
    place->member = m;
    return m;
}

static void boot(struct check *c, struct member *m, const struct obs_event *obs)
{
    if (m->was_running) {
        c->performed++;
        if (obs->boot.boot <= m->boot) {
            violate(c, RULE_MONOTONIC, "%s boots with number %llu after number %llu",
                    m->place->name, (unsigned long long)obs->boot.boot,
                    (unsigned long long)m->boot);
        }
    }
    check_boot_votes(c, m, obs);
    check_boot_log(c, m, obs);
    m->running = true;
    m->was_running = true;
    m->boot = obs->boot.boot;
    m->role = obs->boot.learner ? OBS_LEARNER : OBS_FOLLOWER;
    m->leader = 0;
    m->commit = obs->boot.commit;
    m->applied = 0;
    m->revision = 0;
    m->config = NULL;
    m->boot_claim_false = false;
}

static void end(struct member *m)
{
    m->running = false;
    m->role = OBS_FOLLOWER;
    m->leader = 0;
}

/* A process that has not begun tells of a disk which holds what a member has, and that member runs
 * elsewhere: the disk was copied. It is nobody until it boots. */
static bool is_copy(const struct check_place *place, const struct obs_event *obs)
{
    const struct member *m = check_member_find(place->check, obs->member);
    return obs->kind == OBS_PERSISTED && m != NULL && m->running && m->place != place &&
           place->member != m;
}

void check_event(struct check_place *place, int64_t now_ns, uint64_t event,
                 const struct obs_event *obs)
{
    struct check *c = place->check;
    if (obs->member == 0 || is_copy(place, obs)) {
        return;
    }
    struct member *m = member_at(place, obs->member);
    c->now_ns = now_ns;
    c->event = event;
    c->kind = obs->kind;
    switch (obs->kind) {
    case OBS_BOOT: boot(c, m, obs); break;
    case OBS_EXIT: end(m); break;
    case OBS_ROLE: check_role(c, m, obs); break;
    case OBS_VOTE: check_vote(c, m, obs); break;
    case OBS_APPEND: check_append(c, m, obs); break;
    case OBS_TRUNCATE: check_truncate(c, m, obs); break;
    case OBS_PERSISTED: check_persisted(c, m, obs); break;
    case OBS_COMMIT: check_commit(c, m, obs); break;
    case OBS_APPLY: check_apply(c, m, obs); break;
    case OBS_CONFIG: check_config(c, m, obs); break;
    case OBS_SNAPSHOT: check_snapshot(c, m, obs); break;
    case OBS_READ: check_read(c, m, obs); break;
    case OBS_REQUEST:
    case OBS_ANSWER:
    case OBS_PUBLISHED:
    case OBS_EPOCH: /* whose check is to judge is for the user to say */
    case OBS_KIND_COUNT: break;
    }
}

void check_ended(struct check_place *place)
{
    if (place->member != NULL) {
        end(place->member);
    }
}

void check_amnesia(struct check_place *place)
{
    list_each (it, &place->check->members) {
        struct member *m = container_of(it, struct member, link);
        if (m->place == place) {
            m->durable = 0;
            m->durable_term = 0;
            m->durable_votes.count = 0;
            m->boot = 0;
        }
    }
}

uint64_t check_violation_count(const struct check *c)
{
    return c->violation_count;
}

const struct check_violation *check_violation(const struct check *c, size_t i)
{
    return i < c->violation_count && i < CHECK_VIOLATIONS_MAX ? &c->violations[i] : NULL;
}

uint64_t check_performed(const struct check *c)
{
    return c->performed;
}

index_t check_committed(const struct check *c)
{
    return c->committed_count;
}
