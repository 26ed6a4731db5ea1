/* The log in memory: entries behind a base, contiguous, cheap at both ends.
 *
 * Holds entries base+1..last; `base` is what was compacted away or is covered by a snapshot. Owns
 * the payloads. Knows nothing of commit or durability. Every operation costs the entries that it
 * adds or removes, or a binary search over the terms in the log; never its length.
 *
 * Invariants: terms never fall; base_term <= term of the first entry; `runs` holds the first index
 * of each term, `confs` the index of each conf entry above what log_forget_confs named.
 */
#ifndef RAFT_LOG_H
#define RAFT_LOG_H

#include "raft/entry.h"

/* A sorted queue of marks on the log: pushed and cut at the back, forgotten at the front. */
struct mark {
    index_t index;
    uint64_t value;
};

struct marks {
    struct mark *items;
    size_t head;
    size_t count;
    size_t cap;
};

struct log {
    struct mem *mem;
    struct raft_entry *entries; /* entries[head .. head+count) */
    size_t head;
    size_t count;
    size_t cap;
    index_t base;
    term_t base_term;
    struct marks runs;  /* first index of each term; value: the term */
    struct marks confs; /* conf entries not yet applied */
};

void log_init(struct log *log, struct mem *mem);
void log_fini(struct log *log);

static inline index_t log_last(const struct log *log)
{
    return log->base + log->count;
}

static inline bool log_has(const struct log *log, index_t index)
{
    return index > log->base && index <= log_last(log);
}

/* The entry; log_has(index). Borrowed until the log changes. */
static inline const struct raft_entry *log_at(const struct log *log, index_t index)
{
    return &log->entries[log->head + (size_t)(index - log->base - 1)];
}

/* Of the entry or the base; 0 outside. */
term_t log_term(const struct log *log, index_t index);
/* Copies the payload; the index is last + 1. */
void log_append(struct log *log, term_t term, enum raft_entry_type type, struct slice payload);
/* Drops entries from `from` on; base < from <= last. */
void log_truncate(struct log *log, index_t from);
/* Drops entries through `to`; base < to <= last. */
void log_compact(struct log *log, index_t to);
/* Drops everything; the log goes on behind (index, term). */
void log_reset(struct log *log, index_t index, term_t term);
/* The largest index <= `index` whose term is <= `term`, not below the base. */
index_t log_find_term(const struct log *log, index_t index, term_t term);

/* Conf entries through `applied` are of no more interest. */
void log_forget_confs(struct log *log, index_t applied);
/* The first and last conf entry not forgotten; 0: none. */
index_t log_first_conf(const struct log *log);
index_t log_last_conf(const struct log *log);

#endif
