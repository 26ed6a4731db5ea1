/* Lines of a trace on standard output, all or chosen ones. */
#ifndef CMD_LINE_H
#define CMD_LINE_H

#include "runner/runner.h"

struct line_printer {
    struct run_sink sink; /* first; its function is line_print */
    struct buf *scratch;
    const char *only;  /* names by commas; NULL: of everyone. "world" is the world itself */
    const char *kinds; /* likewise */
    int64_t from_ns;   /* of the timeline; only used if `timed` */
    bool timed;
    uint64_t seen;
    uint64_t printed;
};

void line_print(struct run_sink *sink, const struct run_line *line);
/* Is the word in this list of words with commas between them? */
bool line_listed(const char *list, const char *word);

#endif
