/* What the parts of the parser share: the scenario so far, the mistakes, and readers of values.
 *
 * A reader of a value notes its mistakes itself and returns whether the value is good, so that a
 * caller goes on to the next key either way. */
#ifndef SCENARIO_PARSER_H
#define SCENARIO_PARSER_H

#include "tree.h"

struct parser {
    struct scenario *s;
    struct mistakes *m;
    struct mem *mem;
    size_t step; /* the step being read; members announced above it are known */
    bool disk;   /* inside `disk` */
    int round;   /* labels of this round of `repeat` are meant; 0: of the last */
};

/* One key of a map. read == NULL: the language has it, this version has not built it. */
struct key_rule {
    const char *name;
    void (*read)(struct parser *p, void *into, const struct tree *value);
};

/* Calls the rule of each key in the order of the file; notes unknown and unbuilt keys. `what` names
 * the map in messages: "a step". False if t is no map. */
bool map_read(struct parser *p, const struct tree *t, const char *what,
              const struct key_rule *rules, size_t count, void *into);
#define MAP_READ(p, t, what, rules, into) \
    map_read((p), (t), (what), (rules), sizeof(rules) / sizeof((rules)[0]), (into))

/* values.c ------------------------------------------------------------------------------------- */

/* `what` names the value in messages: "`at`". Text that is not empty. */
bool value_text(struct parser *p, const struct tree *t, const char *what, const char **out);
/* Like value_text, but an empty quoted text is good. */
bool value_any_text(struct parser *p, const struct tree *t, const char *what, const char **out);
bool value_texts(struct parser *p, const struct tree *t, const char *what, struct text_list *out);
bool value_bool(struct parser *p, const struct tree *t, const char *what, bool *out);
/* Not negative. */
bool value_duration(struct parser *p, const struct tree *t, const char *what, int64_t *out);
/* [from, from + len) of the scalar as a duration. */
bool duration_at(struct parser *p, const struct tree *t, size_t from, size_t len, const char *what,
                 int64_t *out);
/* "5", "== 5", ">= 5", with a unit behind the number if `unit` is not 0 ('%'). */
bool value_compare(struct parser *p, const struct tree *t, const char *what, char unit,
                   struct compare *out);
/* "10%", "0.5%": millionths. */
bool value_percent(struct parser *p, const struct tree *t, const char *what, uint32_t *ppm);
/* "100", "4KiB", "1MiB". */
bool value_bytes(struct parser *p, const struct tree *t, size_t from, size_t len, const char *what,
                 uint64_t *out);
/* Durations: "1s", "1s..3s", "<= 3s". A single one is a range only if `exact` is true. */
bool value_range(struct parser *p, const struct tree *t, const char *what, bool exact,
                 struct range *out);
/* A whole number from low to high. */
bool value_number(struct parser *p, const struct tree *t, const char *what, uint64_t low,
                  uint64_t high, uint64_t *out);
/* "100KiB/s" */
bool value_rate(struct parser *p, const struct tree *t, uint64_t *bytes_per_second);
/* One of the names; its place in the list, or -1 with a mistake. */
int value_choice(struct parser *p, const struct tree *t, const char *what, const char *const *names,
                 size_t count);
/* "2s", "added", "added + 2s", "cut.end - 1s": [from, from + len) of the scalar. Steps above
 * `limit` are known. */
bool value_point(struct parser *p, const struct tree *t, size_t from, size_t len, size_t limit,
                 struct point *out);
/* "n1", "leader" …; a list where many are allowed. */
bool value_who(struct parser *p, const struct tree *t, struct who *out);
bool value_whos(struct parser *p, const struct tree *t, struct who_list *out);
bool who_at(struct parser *p, const char *word, struct position at, struct who *out);
/* "a, b, c" of what is known, borrowed from a buffer of the parser's memory. */
const char *known_members(struct parser *p);
void unknown_word(struct parser *p, struct position at, const char *kind, const char *word,
                  const char *const *candidates, size_t count);
/* Lists grow in the scenario's memory. */
void who_add(struct parser *p, struct who_list *list, struct who who);

/* words.c: POSIX word splitting (quotes and backslashes; nothing is expanded but ${M.id} and its
 * kin, also inside double quotes). */
bool words_split(struct parser *p, const struct tree *t, struct word **words, size_t *count);
/* One word as it stands, for lists. */
bool word_plain(struct parser *p, const struct tree *t, struct word *word);
/* The word's text if nothing is filled in, otherwise NULL. */
const char *word_text(const struct word *word);

/* predicate.c */
const struct predicate *predicate_read(struct parser *p, const struct tree *t);

/* members.c */
void members_read(struct parser *p, const struct tree *t);
void flags_read(struct parser *p, struct flag_list *list, const struct tree *t);
/* If the command line is `member add NAME --peer-urls=URL`, NAME is known from here on. */
void member_announce(struct parser *p, const struct tree *t, const struct ctl_action *ctl);
int member_spec_find(const struct scenario *s, const char *name);

/* load.c */
void load_read(struct parser *p, const struct tree *t);

/* network.c */
void partition_read(struct parser *p, struct action *a, const struct tree *t);
/* `n1 -> n2`, or `n1 <-> n2` where both is not NULL. */
bool arrow_read(struct parser *p, struct action *a, const struct tree *t, bool *both,
                const char *what);
/* One of loss, delay, duplicate, reorder, rate, reset, hang. */
void link_key_read(struct parser *p, struct link_fault *link, const char *key,
                   const struct tree *t);

/* disk.c: the map behind `disk`; forms are judged there, members known. */
void disk_action_read(struct parser *p, struct action *a, const struct tree *t);
/* Something of it lasts, and so can end. */
bool disk_action_lasts(const struct disk_action *disk);

/* steps.c, expects.c */
struct expansion;
void timeline_read(struct parser *p, struct expansion *e, const struct tree *t);
void step_expect_read(struct parser *p, struct step_expect *e, const struct tree *t,
                      enum action_kind action);
void expects_read(struct parser *p, struct expansion *e, const struct tree *t);

#endif
