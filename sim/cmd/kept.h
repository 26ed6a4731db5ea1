/* A run that a results file keeps: found, and ready to be run again from its own scenario text. */
#ifndef CMD_KEPT_H
#define CMD_KEPT_H

#include "base/mem.h"
#include "runner/runner.h"
#include "store/read.h"

struct kept {
    struct store_run run;
    struct scenario *s;
    bool same_build;
};

/* 0, or a negative error that was told on stderr. The memory keeps all of it but the scenario. */
int kept_open(const char *path, const char *id, struct mem *mem, struct kept *kept) MUST_CHECK;
void kept_close(struct kept *kept);
/* Options that make the same run again; borrowed are only those of run_options. */
struct run_options kept_options(const struct kept *kept);

/* The value of the option `name` if the word at *i is that: behind `=`, or the next word, which is
 * then skipped. NULL: it is another word, or its value is missing (told, and *wrong set). */
const char *kept_option(const char *name, int *i, int count, char **words, bool *wrong);

#endif
