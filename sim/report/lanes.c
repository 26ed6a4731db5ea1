/* Who was what, and how many of them, walked through in the order of time.
 *
 * The configuration of a moment is the newest by log index that any member has applied: a restarted
 * member goes through the old ones again, which changes nothing.
 */
#include "base/sort.h"
#include "impl.h"

/* What is known of a member while the changes are walked through. */
struct now {
    bool started;
    bool running;
    bool paused;
    bool voter;
    bool learner;
    const char *role;
    int64_t term;
};

struct walk {
    struct report *r;
    struct now *now; /* by lane */
    int64_t index;   /* of the newest configuration */
    int64_t voters;
    int64_t quorum;
};

const char *lane_state_name(enum lane_state state)
{
    static const char *const names[] = {"absent",   "never-started", "down",   "paused", "starting",
                                        "follower", "candidate",     "leader", "learner"};
    return names[state];
}

static size_t lane_of(struct report *r, const char *name, size_t len, int64_t time_ns)
{
    for (size_t i = 0; i < r->lanes.count; i++) {
        if (slice_eq(slice_str(r->lanes.items[i].name), slice_of(name, len))) {
            return i;
        }
    }
    struct lane *lane = PUSH(r->mem, r->lanes);
    lane->name = mem_strdup(r->mem, name, len);
    lane->first_ns = time_ns;
    return r->lanes.count - 1;
}

/* The next name of a list, by blanks or commas; NULL at its end. */
static const char *next_name(const char *list, size_t *len)
{
    list += strspn(list, " ,");
    *len = strcspn(list, " ,");
    return *len > 0 ? list : NULL;
}

static void collect(struct report *r, const char *list, int64_t time_ns)
{
    size_t len = 0;
    for (const char *at = list; (at = next_name(at, &len)) != NULL; at += len) {
        (void)lane_of(r, at, len, time_ns);
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "n2" before "n10". */
static int compare_names(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        size_t la = 0;
        size_t lb = 0;
        while (is_digit(a[la])) {
            la++;
        }
        while (is_digit(b[lb])) {
            lb++;
        }
        if (la > 0 && lb > 0 && la != lb) {
            return la < lb ? -1 : 1;
        }
        if (*a != *b) {
            return (uint8_t)*a < (uint8_t)*b ? -1 : 1;
        }
        a++;
        b++;
    }
    return *a == *b ? 0 : *a == '\0' ? -1 : 1;
}

/* Those of the warm-up by name, then those that came later, in that order. */
static int compare_lanes(const void *a, const void *b, void *ctx)
{
    const struct lane *x = a;
    const struct lane *y = b;
    int64_t tx = x->first_ns < 0 ? 0 : x->first_ns;
    int64_t ty = y->first_ns < 0 ? 0 : y->first_ns;
    (void)ctx;
    return tx != ty ? (tx < ty ? -1 : 1) : compare_names(x->name, y->name);
}

static int compare_changes(const void *a, const void *b, void *ctx)
{
    const struct change *x = a;
    const struct change *y = b;
    (void)ctx;
    return x->time_ns != y->time_ns ? (x->time_ns < y->time_ns ? -1 : 1) : 0;
}

static enum lane_state state_of(const struct now *now)
{
    if (!now->running) {
        return !now->voter && !now->learner ? LANE_ABSENT : now->started ? LANE_DOWN : LANE_NEVER;
    }
    if (now->paused) {
        return LANE_PAUSED;
    }
    if (*now->role == '\0') {
        return LANE_STARTING;
    }
    if (strcmp(now->role, "leader") == 0) {
        return LANE_LEADER;
    }
    if (strcmp(now->role, "candidate") == 0 || strcmp(now->role, "pre-candidate") == 0) {
        return LANE_CANDIDATE;
    }
    return strcmp(now->role, "learner") == 0 || (now->learner && !now->voter) ? LANE_LEARNER
                                                                              : LANE_FOLLOWER;
}

static void take_names(struct walk *w, const char *list, bool voters)
{
    size_t len = 0;
    for (const char *at = list; (at = next_name(at, &len)) != NULL; at += len) {
        struct now *now = &w->now[lane_of(w->r, at, len, 0)];
        now->voter = now->voter || voters;
        now->learner = now->learner || !voters;
        w->voters += voters ? 1 : 0;
    }
}

static void take_config(struct walk *w, const struct change *c)
{
    if (c->log_index < w->index) {
        return;
    }
    w->index = c->log_index;
    w->quorum = c->quorum;
    w->voters = 0;
    for (size_t i = 0; i < w->r->lanes.count; i++) {
        w->now[i].voter = false;
        w->now[i].learner = false;
    }
    take_names(w, c->voters, true);
    take_names(w, c->learners, false);
}

static void take_role(struct walk *w, const struct change *c)
{
    struct now *now = &w->now[lane_of(w->r, c->member, strlen(c->member), 0)];
    now->running = strcmp(c->role, "down") != 0;
    now->started = true;
    now->paused = now->paused && now->running;
    now->role = c->role;
    now->term = c->term;
}

/* A process is there before its member tells a role. */
static void take_start(struct now *now)
{
    if (!now->running) {
        now->running = true;
        now->started = true;
        now->role = "";
    }
}

static void take(struct walk *w, const struct change *c)
{
    size_t len = 0;
    switch (c->kind) {
    case CHANGE_ROLE: take_role(w, c); return;
    case CHANGE_CONFIG: take_config(w, c); return;
    case CHANGE_START:
    case CHANGE_PAUSE:
    case CHANGE_RESUME:
        for (const char *at = c->member; (at = next_name(at, &len)) != NULL; at += len) {
            struct now *now = &w->now[lane_of(w->r, at, len, 0)];
            if (c->kind == CHANGE_START) {
                take_start(now);
            } else {
                now->paused = c->kind == CHANGE_PAUSE;
            }
        }
        return;
    }
}

/* What holds from here to there: longer spans, or new ones. */
static void record(struct walk *w, int64_t from_ns, int64_t to_ns)
{
    struct report *r = w->r;
    struct count_span count = {
        .from_ns = from_ns, .to_ns = to_ns, .voters = w->voters, .quorum = w->quorum};
    for (size_t i = 0; i < r->lanes.count; i++) {
        const struct now *now = &w->now[i];
        struct lane *lane = &r->lanes.items[i];
        struct lane_span *last =
            lane->spans.count > 0 ? &lane->spans.items[lane->spans.count - 1] : NULL;
        enum lane_state state = state_of(now);
        count.up += now->voter && now->running && !now->paused ? 1 : 0;
        if (last != NULL && last->state == state && last->term == now->term) {
            last->to_ns = to_ns;
            continue;
        }
        *PUSH(r->mem, lane->spans) = (struct lane_span){from_ns, to_ns, state, now->term};
    }
    struct count_span *last = r->counts.count > 0 ? &r->counts.items[r->counts.count - 1] : NULL;
    if (last != NULL && last->voters == count.voters && last->quorum == count.quorum &&
        last->up == count.up) {
        last->to_ns = to_ns;
    } else {
        *PUSH(r->mem, r->counts) = count;
    }
}

void lanes_make(struct report *r)
{
    struct walk w = {.r = r};
    sort_stable(r->changes.items, r->changes.count, sizeof(r->changes.items[0]), compare_changes,
                NULL, r->mem);
    for (size_t i = 0; i < r->changes.count; i++) {
        const struct change *c = &r->changes.items[i];
        if (c->kind == CHANGE_ROLE) {
            (void)lane_of(r, c->member, strlen(c->member), c->time_ns);
        } else if (c->kind == CHANGE_CONFIG) {
            collect(r, c->voters, c->time_ns);
            collect(r, c->learners, c->time_ns);
        } else {
            collect(r, c->member, c->time_ns);
        }
    }
    sort_stable(r->lanes.items, r->lanes.count, sizeof(r->lanes.items[0]), compare_lanes, NULL,
                r->mem);
    w.now = mem_zalloc(r->mem, r->lanes.count + 1, sizeof(w.now[0]));
    for (size_t i = 0; i < r->lanes.count; i++) {
        w.now[i].role = "";
    }
    int64_t at = r->from_ns;
    for (size_t i = 0; i < r->changes.count && r->changes.items[i].time_ns < r->to_ns; i++) {
        const struct change *c = &r->changes.items[i];
        if (c->time_ns > at) {
            record(&w, at, c->time_ns);
            at = c->time_ns;
        }
        take(&w, c);
    }
    record(&w, at, r->to_ns);
}
