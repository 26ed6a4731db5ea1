#include "record.h"

#define QUIET_COUNT 3

/* Kinds that say how something came about, and nothing of what it means. */
static bool is_quiet(const char *kind)
{
    static const char *const quiet[QUIET_COUNT] = {"timer", "net", "disk"};
    for (size_t i = 0; i < QUIET_COUNT; i++) {
        if (strcmp(kind, quiet[i]) == 0) {
            return true;
        }
    }
    return false;
}

struct record *record_new(struct run *run)
{
    struct record *record = mem_zalloc(run->mem, 1, sizeof(*record));
    record->members = mem_zalloc(run->mem, run->s->member_count + 1, sizeof(record->members[0]));
    return record;
}

static struct record_event *event_at(struct run *run, uint64_t event)
{
    struct record *record = run->record;
    if (event >= record->event_cap) {
        size_t cap = record->event_cap == 0 ? 4096 : record->event_cap;
        while (cap <= event) {
            cap *= 2;
        }
        record->events = mem_resize(run->mem, record->events, cap * sizeof(record->events[0]));
        memset(record->events + record->event_cap, 0,
               (cap - record->event_cap) * sizeof(record->events[0]));
        record->event_cap = cap;
    }
    return &record->events[event];
}

void record_line(struct run *run, const struct engine_line *line)
{
    struct record_event *event = event_at(run, line->event);
    bool quiet = is_quiet(line->kind);
    event->cause = line->cause;
    if (event->kind == NULL || (!quiet && event->line == 0)) {
        event->kind = line->kind;
        event->node = line->node;
    }
    if (quiet) {
        return;
    }
    struct record_line *kept = PUSH(run, run->record->lines);
    *kept = (struct record_line){line->time_ns, line->event, line->node, line->kind,
                                 run_copy(run, slice_str(line->text))};
    if (event->line == 0) {
        event->line = (uint32_t)run->record->lines.count;
    }
}

void record_ran(struct run *run)
{
    event_at(run, run->engine->event)->cause = run->engine->cause;
}

static void add_request(struct run *run, struct record_member *r, const struct obs_event *e)
{
    if (r->waiting_count == RECORD_WAITING_MAX) {
        r->waiting_more++;
        return;
    }
    r->waiting[r->waiting_count++] =
        (struct record_request){e->request.id, run->engine->event, run_now(run),
                                run_copy(run, slice_str(e->request.method))};
}

static void end_request(struct record_member *r, uint64_t id)
{
    size_t i = 0;
    r->answered++;
    while (i < r->waiting_count && r->waiting[i].id != id) {
        i++;
    }
    if (i == r->waiting_count) {
        r->waiting_more -= r->waiting_more > 0 ? 1 : 0;
        return;
    }
    r->waiting_count--;
    memmove(&r->waiting[i], &r->waiting[i + 1], (r->waiting_count - i) * sizeof(r->waiting[0]));
}

static void note_persisted(struct record_member *r, const struct obs_event *e)
{
    r->durable = e->persisted.index;
    r->durable_term = e->persisted.term;
    r->hard_term = e->persisted.hard_term;
    r->hard_vote = e->persisted.hard_vote;
}

void record_observed(struct run *run, const struct member *m, const struct obs_event *e)
{
    struct record_member *r = &run->record->members[m->index];
    switch (e->kind) {
    case OBS_BOOT:
        *r = (struct record_member){.boot = e->boot.boot,
                                    .first = e->boot.first,
                                    .last = e->boot.last,
                                    .durable = e->boot.last,
                                    .hard_term = e->boot.term,
                                    .hard_vote = e->boot.vote,
                                    .snapshot = r->snapshot};
        break;
    case OBS_APPEND: r->last = e->append.first + e->append.count - 1; break;
    case OBS_TRUNCATE: r->last = e->truncate.index - 1; break;
    case OBS_PERSISTED: note_persisted(r, e); break;
    case OBS_SNAPSHOT:
        r->snapshot = e->snapshot.index;
        if (e->snapshot.what == OBS_SNAPSHOT_INSTALLED) {
            r->first = e->snapshot.index + 1;
            r->last = r->last > e->snapshot.index ? r->last : e->snapshot.index;
        }
        break;
    case OBS_READ: r->reads++; break;
    case OBS_REQUEST: add_request(run, r, e); break;
    case OBS_ANSWER: end_request(r, e->answer.id); break;
    default: break;
    }
}

const struct record_event *record_event(const struct run *run, uint64_t event)
{
    const struct record *record = run->record;
    return record != NULL && event > 0 && event < record->event_cap ? &record->events[event] : NULL;
}

void record_words(const struct run *run, uint64_t event, uint32_t node, size_t columns,
                  struct buf *out)
{
    const struct record_event *e = record_event(run, event);
    size_t start = out->len;
    if (e == NULL || e->kind == NULL) {
        return;
    }
    if (e->node != node) {
        struct node *who = e->node != 0 ? node_by_number(run->world, e->node) : NULL;
        buf_printf(out, "%s ", who != NULL ? node_name(who) : "world");
    }
    buf_add_str(out, e->kind);
    if (e->line != 0) {
        buf_add_u8(out, ' ');
        words_render(run, run->record->lines.items[e->line - 1].text, out);
    }
    if (out->len > start + columns) {
        out->len = start + columns - 3;
        buf_add_str(out, "...");
    }
}
