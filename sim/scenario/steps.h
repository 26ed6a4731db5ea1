/* A step while its map is read: steps.c judges what stands beside each other in it, actions.c and
 * commands.c read what it does. */
#ifndef SCENARIO_STEPS_H
#define SCENARIO_STEPS_H

#include "parser.h"

/* The triggers and actions of a step while its map is read; which of them are there is judged when
 * the whole step is known. */
struct step_reading {
    struct step *step;
    const struct tree *at;
    const struct tree *after;
    const struct tree *when;
    const struct tree *every;
    const struct tree *each;
    const struct tree *within;
    const struct tree *via;
    const struct tree *host;
    const struct tree *input;
    const struct tree *keep;
    const struct tree *expect;
    const struct tree *of_link; /* the first key that only `link` has */
    const struct tree *action;  /* the first of them */
    const char *action_name;
};

/* Notes which action the step has; false, with a mistake, if it has one already. */
bool action_begin(struct parser *p, struct step_reading *r, const struct tree *t,
                  enum action_kind kind, const char *name);

/* Rules of keys: `into` is the step_reading. commands.c: what quoratectl does. */
void action_ctl(struct parser *p, void *into, const struct tree *t);
void action_transfer(struct parser *p, void *into, const struct tree *t);
void action_compact(struct parser *p, void *into, const struct tree *t);

/* actions.c: what happens to members, links and disks. */
void action_start(struct parser *p, void *into, const struct tree *t);
void action_stop(struct parser *p, void *into, const struct tree *t);
void action_crash(struct parser *p, void *into, const struct tree *t);
void action_power_off(struct parser *p, void *into, const struct tree *t);
void action_pause(struct parser *p, void *into, const struct tree *t);
void action_exit(struct parser *p, void *into, const struct tree *t);
void action_save_dir(struct parser *p, void *into, const struct tree *t);
void action_partition(struct parser *p, void *into, const struct tree *t);
void action_link(struct parser *p, void *into, const struct tree *t);
void action_disk(struct parser *p, void *into, const struct tree *t);
void action_heal(struct parser *p, void *into, const struct tree *t);

/* actions.c: keys beside `link` that say what is wrong with it. */
void action_loss(struct parser *p, void *into, const struct tree *t);
void action_delay(struct parser *p, void *into, const struct tree *t);
void action_duplicate(struct parser *p, void *into, const struct tree *t);
void action_reorder(struct parser *p, void *into, const struct tree *t);
void action_rate(struct parser *p, void *into, const struct tree *t);
void action_reset(struct parser *p, void *into, const struct tree *t);
void action_hang(struct parser *p, void *into, const struct tree *t);

#endif
