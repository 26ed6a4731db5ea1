#include "log.h"

#include "base/assert.h"

#define CAP_MIN 16

/* Makes room for one more item behind head + count: moves the items to the front when half of the
 * array is empty there, doubles it otherwise. Either way the cost is amortised over the pushes. */
static void *make_room(struct mem *mem, void *items, size_t size, size_t *head, size_t count,
                       size_t *cap)
{
    if (*head + count < *cap) {
        return items;
    }
    if (count > 0 && *head > 0 && *head >= count) {
        memmove(items, (uint8_t *)items + *head * size, count * size);
        *head = 0;
        return items;
    }
    if (count == 0 && *cap > 0) {
        *head = 0;
        return items;
    }
    *cap = *cap == 0 ? CAP_MIN : *cap * 2;
    return mem_resize(mem, items, *cap * size);
}

static void marks_push(struct marks *m, struct mem *mem, index_t index, uint64_t value)
{
    ASSERT_IF(m->count > 0, m->items[m->head + m->count - 1].index < index);
    m->items = make_room(mem, m->items, sizeof(*m->items), &m->head, m->count, &m->cap);
    m->items[m->head + m->count] = (struct mark){index, value};
    m->count++;
}

static void marks_cut(struct marks *m, index_t from)
{
    while (m->count > 0 && m->items[m->head + m->count - 1].index >= from) {
        m->count--;
    }
}

static void marks_forget(struct marks *m, index_t through)
{
    while (m->count > 0 && m->items[m->head].index <= through) {
        m->head++;
        m->count--;
    }
}

void log_init(struct log *log, struct mem *mem)
{
    *log = (struct log){.mem = mem};
}

/* The log made this copy itself, so it may give it back. */
static void *own(const uint8_t *copy)
{
    void *p;
    memcpy(&p, &copy, sizeof(p));
    return p;
}

static void free_payloads(struct log *log, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(log->mem, own(log->entries[log->head + first + i].payload.ptr));
    }
}

void log_fini(struct log *log)
{
    free_payloads(log, 0, log->count);
    mem_free(log->mem, log->entries);
    mem_free(log->mem, log->runs.items);
    mem_free(log->mem, log->confs.items);
    *log = (struct log){.mem = log->mem};
}

term_t log_term(const struct log *log, index_t index)
{
    if (index == log->base) {
        return log->base_term;
    }
    return log_has(log, index) ? log_at(log, index)->term : 0;
}

void log_append(struct log *log, term_t term, enum raft_entry_type type, struct slice payload)
{
    index_t index = log_last(log) + 1;
    term_t before = log_term(log, index - 1);
    ASSERT(term > 0);
    ASSERT(before <= term);
    uint8_t *copy = NULL;
    if (payload.len > 0) {
        copy = mem_alloc(log->mem, payload.len);
        memcpy(copy, payload.ptr, payload.len);
    }
    log->entries =
        make_room(log->mem, log->entries, sizeof(*log->entries), &log->head, log->count, &log->cap);
    log->entries[log->head + log->count] = (struct raft_entry){
        .term = term, .index = index, .payload = {copy, payload.len}, .type = type};
    log->count++;
    if (log->runs.count == 0 || before != term) {
        marks_push(&log->runs, log->mem, index, term);
    }
    if (type == RAFT_ENTRY_CONF) {
        marks_push(&log->confs, log->mem, index, 0);
    }
}

void log_truncate(struct log *log, index_t from)
{
    ASSERT(log_has(log, from));
    size_t keep = (size_t)(from - log->base - 1);
    free_payloads(log, keep, log->count - keep);
    log->count = keep;
    marks_cut(&log->runs, from);
    marks_cut(&log->confs, from);
    ASSERT(log_last(log) == from - 1);
}

void log_compact(struct log *log, index_t to)
{
    ASSERT(log_has(log, to));
    term_t term = log_term(log, to);
    size_t drop = (size_t)(to - log->base);
    free_payloads(log, 0, drop);
    log->head += drop;
    log->count -= drop;
    log->base = to;
    log->base_term = term;
    marks_forget(&log->runs, to);
    /* The run that `to` was in goes on behind it, if it does. */
    if (log->count > 0 &&
        (log->runs.count == 0 || log->runs.items[log->runs.head].index > to + 1)) {
        ASSERT(log->runs.head > 0);
        log->runs.head--;
        log->runs.count++;
        log->runs.items[log->runs.head] = (struct mark){to + 1, term};
    }
    marks_forget(&log->confs, to);
}

void log_reset(struct log *log, index_t index, term_t term)
{
    free_payloads(log, 0, log->count);
    log->head = 0;
    log->count = 0;
    log->base = index;
    log->base_term = term;
    log->runs.count = 0;
    log->confs.count = 0;
}

index_t log_find_term(const struct log *log, index_t index, term_t term)
{
    if (index > log_last(log)) {
        index = log_last(log);
    }
    if (index <= log->base || log->runs.count == 0) {
        return log->base;
    }
    /* The last run that starts at or before `index` and has a term <= `term`: both grow. */
    const struct mark *runs = log->runs.items + log->runs.head;
    size_t low = 0;
    size_t high = log->runs.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (runs[middle].index <= index && runs[middle].value <= term) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return log->base;
    }
    index_t end = low < log->runs.count ? runs[low].index - 1 : log_last(log);
    return end < index ? end : index;
}

void log_forget_confs(struct log *log, index_t applied)
{
    marks_forget(&log->confs, applied);
}

index_t log_first_conf(const struct log *log)
{
    return log->confs.count == 0 ? 0 : log->confs.items[log->confs.head].index;
}

index_t log_last_conf(const struct log *log)
{
    return log->confs.count == 0 ? 0
                                 : log->confs.items[log->confs.head + log->confs.count - 1].index;
}
