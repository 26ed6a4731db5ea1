/* Where everything is on the figure, in pixels, y downwards: as blocks of the script's data, a line
 * for each thing. Private to sim/report. */
#ifndef REPORT_FIGURE_H
#define REPORT_FIGURE_H

#include "impl.h"

struct figure {
    const struct report *r;
    int64_t y;    /* the next free pixel */
    int64_t top;  /* of the first section */
    int64_t unit; /* pixels that one voter is high */
    int64_t voters_max;
    int64_t axis;
    int64_t zero; /* y of no voters */
    int64_t keys; /* y of the first of the three keys beside them */
    struct marks faults;
    struct marks commands;
    struct marks violations;
    struct buf lanes;    /* from, to, y, height, style */
    struct buf hollow;   /* likewise: those with a dashed edge */
    struct buf inside;   /* seconds, y, style, text: in the middle */
    struct buf headings; /* x, y, text */
    struct buf names;    /* x, y, text: ends there */
    struct buf notes;    /* x, y, text: begins there */
    struct buf small;    /* x, y, text: small and grey, ends there */
    struct buf marks;    /* from, to, y, style */
    struct buf labels;   /* x, y, width, text */
    struct buf labels_left;
};

/* Borrows the report; takes from its memory. */
void figure_init(struct figure *f, const struct report *r);
/* A line of a block: text at a place, never without a character. */
void figure_put(struct buf *block, int64_t x, int64_t y, const char *text);

#endif
