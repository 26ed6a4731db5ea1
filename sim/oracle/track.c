#include "oracle/oracle.h"

#include "base/assert.h"
#include "base/mem.h"

const char *oracle_state_name(enum oracle_state state)
{
    static const char *const names[] = {"may", "cannot", "must"};
    return names[state];
}

void oracle_track_init(struct oracle_track *track, struct mem *mem, int64_t bound_ns,
                       int64_t now_ns)
{
    *track = (struct oracle_track){.mem = mem, .bound_ns = bound_ns, .since_ns = now_ns};
}

/* Appends [from, to), joined with the span before if it has the same state. */
static void add_span(struct oracle_track *track, int64_t from, int64_t to, enum oracle_state state)
{
    if (from >= to) {
        return;
    }
    if (track->count > 0 && track->spans[track->count - 1].state == state) {
        track->spans[track->count - 1].to_ns = to;
        return;
    }
    if (track->count == track->cap) {
        track->cap = track->cap == 0 ? 16 : track->cap * 2;
        track->spans = mem_resize(track->mem, track->spans, track->cap * sizeof(track->spans[0]));
    }
    track->spans[track->count++] = (struct oracle_span){from, to, state};
}

/* What was so from since_ns to now_ns becomes spans. */
static void settle(struct oracle_track *track, int64_t now_ns)
{
    ASSERT(now_ns >= track->since_ns);
    if (track->now == ORACLE_SOUND) {
        int64_t must = track->since_ns + track->bound_ns;
        add_span(track, track->since_ns, must < now_ns ? must : now_ns, ORACLE_MAY);
        add_span(track, must, now_ns, ORACLE_MUST);
    } else {
        add_span(track, track->since_ns, now_ns,
                 track->now == ORACLE_NEVER ? ORACLE_CANNOT : ORACLE_MAY);
    }
}

void oracle_track_set(struct oracle_track *track, int64_t now_ns, enum oracle_now now, uint64_t set)
{
    if (track->now == now && track->set == set) {
        return;
    }
    settle(track, now_ns);
    track->now = now;
    track->set = set;
    track->since_ns = now_ns;
}

void oracle_track_move(struct oracle_track *track, int64_t now_ns, uint64_t set)
{
    ASSERT(track->now == ORACLE_SOUND);
    track->set = set;
    if (track->move_count == track->move_cap) {
        track->move_cap = track->move_cap == 0 ? 16 : track->move_cap * 2;
        track->moves =
            mem_resize(track->mem, track->moves, track->move_cap * sizeof(track->moves[0]));
    }
    track->moves[track->move_count++] = now_ns;
}

static bool moved_within(const struct oracle_track *track, int64_t from_ns, int64_t to_ns)
{
    for (size_t i = 0; i < track->move_count; i++) {
        if (track->moves[i] >= from_ns && track->moves[i] <= to_ns) {
            return true;
        }
    }
    return false;
}

void oracle_track_end(struct oracle_track *track, int64_t now_ns)
{
    settle(track, now_ns);
    track->since_ns = now_ns;
}

enum oracle_state oracle_track_during(const struct oracle_track *track, int64_t from_ns,
                                      int64_t to_ns)
{
    for (size_t i = 0; i < track->count; i++) {
        const struct oracle_span *span = &track->spans[i];
        if (from_ns >= span->from_ns && from_ns < span->to_ns) {
            bool whole = to_ns <= span->to_ns &&
                         (span->state != ORACLE_MUST || !moved_within(track, from_ns, to_ns));
            return whole ? span->state : ORACLE_MAY;
        }
    }
    return ORACLE_MAY;
}

int64_t oracle_track_share(const struct oracle_track *track, enum oracle_state state,
                           int64_t from_ns, int64_t to_ns)
{
    int64_t sum = 0;
    for (size_t i = 0; i < track->count; i++) {
        const struct oracle_span *span = &track->spans[i];
        int64_t from = span->from_ns > from_ns ? span->from_ns : from_ns;
        int64_t to = span->to_ns < to_ns ? span->to_ns : to_ns;
        if (span->state == state && from < to) {
            sum += to - from;
        }
    }
    return sum;
}
