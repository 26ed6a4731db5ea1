/* From the tree as it was written to the tree that is read: the values of one case in place of
 * ${…}, what an `if` leaves out left out, `repeat` written out round by round. */
#ifndef SCENARIO_EXPAND_H
#define SCENARIO_EXPAND_H

#include "parser.h"

#define CASES_MAX 256

struct expansion {
    struct parser *p;
    const char *variable;      /* of `vary`; NULL: there is none */
    const struct tree *cases;  /* its map, from names to values */
    const struct tree *values; /* those of this case; NULL: none */
    const char *chosen;        /* the case's name */
    int round;                 /* inside `repeat`, from 1; otherwise 0 */
};

/* Reads `vary`. The number of cases, at least 1: without `vary` there is one without a name. */
size_t expand_begin(struct expansion *e, struct parser *p, const struct tree *root, size_t which);
const struct tree *expand(struct expansion *e, const struct tree *t);
/* The items of `timeline` or `expect` that are there in this case. rounds: of each, or NULL if
 * `repeat` is not for this list. Arrays in the parser's memory. */
struct expanded {
    const struct tree *tree;
    int round;               /* 0: not inside `repeat` */
    struct position repeats; /* which `repeat` */
};
size_t expand_list(struct expansion *e, const struct tree *list, bool steps,
                   struct expanded **items);

#endif
