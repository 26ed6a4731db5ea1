/* The inside of `struct check`, shared by its files: votes.c judges elections, log.c what logs
 * hold, snapshot.c what stands for them, commit.c what is committed, apply.c what is applied and
 * configured, epoch.c begins a history anew, atlas.c what is good where, words.c tells it all.
 */
#ifndef CHECK_INTERNAL_H
#define CHECK_INTERNAL_H

#include "base/list.h"
#include "check/check.h"

/* An entry: its term, and the hash of it and all entries before it. 0: not known. */
struct cell {
    term_t term;
    uint64_t chain;
};

/* The chain of an empty log. */
#define CHAIN_EMPTY UINT64_C(0x51ED270B9F8A3C4D)

struct ballot {
    term_t term;
    member_id_t candidate;
};

struct ballots {
    struct ballot *items; /* in ascending order of terms */
    size_t count;
    size_t cap;
};

/* Who led in a term, and the entries of that term: they lie at adjacent indexes. */
struct term_log {
    term_t term;
    struct member *leader; /* NULL: none was elected as far as is known */
    index_t first;
    index_t committed; /* the last entry that its leader committed; 0: none */
    uint64_t *chains;  /* of first, first + 1, … */
    size_t count;
    size_t cap;
};

struct config {
    index_t index;
    size_t voter_count;
    size_t learner_count;
    member_id_t *voters; /* the learners lie behind */
};

/* What applying an index led to, as the first member that did it has told. */
struct outcome {
    uint64_t state_hash; /* valid if by is set */
    revision_t revision;
    struct member *by;
};

struct member {
    struct list link;
    member_id_t id;
    struct check_place *place;
    bool running;
    bool was_running; /* it has booted at least once */
    uint64_t boot;
    enum obs_role role;
    term_t term;
    member_id_t leader;

    struct ballots said; /* in this incarnation, perhaps not durable yet */
    struct ballots durable_votes;
    term_t durable_term;
    bool boot_claim_false; /* what its boot called durable is not */

    /* Its log in memory: cells[0] is the entry base + 1. */
    index_t base;
    struct cell base_cell;
    struct cell *cells;
    size_t count;
    size_t cap;
    bool log_to_come;         /* booted; the log as read is told next */
    index_t durable;          /* this prefix of it survives */
    index_t boot_durable;     /* of the incarnation before, while a boot waits for its log, … */
    struct cell durable_cell; /* … and the entry there */
    index_t cut_low;          /* the lowest cut since the last claim that fitted */
    term_t own_term;          /* the last entry taken from the leader of this term … */
    index_t own_last;         /* … is this one */

    index_t commit;
    index_t applied;
    revision_t revision;
    const struct config *config; /* active; NULL: none */
};

struct check_place {
    struct list link;
    struct check *check;
    char *name;
    bool (*survives)(void *disk, const char *path, uint64_t offset, uint64_t len);
    void *disk;
    bool damaged;
    struct member *member; /* the last one that told something */
};

struct check {
    struct mem *mem;
    struct list places;
    struct list members; /* in the order of their first event */
    struct map *by_id;
    struct term_log **terms; /* in ascending order */
    size_t term_count;
    size_t term_cap;
    struct cell *committed; /* of index 1, 2, … */
    size_t committed_count;
    size_t committed_cap;
    index_t committed_at_first; /* in no term of a leader: bootstrap, the decree of an epoch */
    index_t bootstrap_last;     /* of the entries that a new cluster began with */
    index_t decreed_last;       /* of the entries that began this epoch */
    struct outcome *outcomes;   /* likewise */
    size_t outcome_count;
    size_t outcome_cap;
    struct config **configs; /* in ascending order of their index */
    size_t config_count;
    size_t config_cap;

    uint64_t performed;
    uint64_t violation_count;
    struct check_violation violations[CHECK_VIOLATIONS_MAX];
    /* The event that is being checked. */
    int64_t now_ns;
    uint64_t event;
    enum obs_kind kind;
};

/* Makes room for one more element of an array. */
void *grow(struct mem *mem, void *items, size_t count, size_t *cap, size_t size);
struct member *check_member_find(const struct check *c, member_id_t id);
const char *member_name(const struct check *c, member_id_t id);
static inline index_t member_last(const struct member *m)
{
    return m->base + m->count;
}

/* words.c: records a violation; the text is formatted. */
void violate(struct check *c, enum check_rule rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "n1 n2 n3, quorum 2". */
void write_config(const struct check *c, const struct config *config, struct buf *out);

/* votes.c */
void check_boot_votes(struct check *c, struct member *m, const struct obs_event *obs);
void check_role(struct check *c, struct member *m, const struct obs_event *obs);
void check_vote(struct check *c, struct member *m, const struct obs_event *obs);
/* This term and vote are durable, and so are all promises of lower terms. */
void votes_durable(struct check *c, struct member *m, term_t term, member_id_t vote);

/* log.c */
struct term_log *term_log_at(struct check *c, term_t term, bool create);
/* The entry at the index, {0, 0} if it is not known. */
struct cell log_cell(const struct member *m, index_t index);
void check_boot_log(struct check *c, struct member *m, const struct obs_event *obs);
void check_append(struct check *c, struct member *m, const struct obs_event *obs);
void check_truncate(struct check *c, struct member *m, const struct obs_event *obs);
void check_persisted(struct check *c, struct member *m, const struct obs_event *obs);

/* snapshot.c */
void check_snapshot(struct check *c, struct member *m, const struct obs_event *obs);

/* commit.c */
void check_commit(struct check *c, struct member *m, const struct obs_event *obs);
/* Is the acting member's configuration at most one change old? */
void check_config_age(struct check *c, const struct member *m);

/* epoch.c: takes what began the epoch for committed, once the log of who began it is known. */
void check_decreed(struct check *c, const struct member *m);

/* apply.c */
/* The state that a member has after this index: the first that tells it is right. */
void check_state_at(struct check *c, struct member *m, index_t index, uint64_t state_hash,
                    revision_t revision);
void check_apply(struct check *c, struct member *m, const struct obs_event *obs);
void check_config(struct check *c, struct member *m, const struct obs_event *obs);
void check_read(struct check *c, struct member *m, const struct obs_event *obs);
bool config_has_voter(const struct config *config, member_id_t id);
static inline size_t config_quorum(const struct config *config)
{
    return config->voter_count / 2 + 1;
}

#endif
