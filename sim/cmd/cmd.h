/* The commands of `quorate`. Each gets the words behind its name and returns the program's exit
 * code (design: programs and exits). This is a program: it prints, and it may use stdio. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/slice.h"

enum cmd_exit {
    EXIT_PASS = 0,
    EXIT_UNSAFE = 1,
    EXIT_INVALID = 2,
    EXIT_STALLED = 3,
    EXIT_NONDETERMINISTIC = 4,
    EXIT_ABORTED = 5,
    EXIT_UNDECIDED = 6,
    EXIT_UNMET = 7
};

/* What a person reads; that it cannot be written is nobody's to mend. */
void cmd_say(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

int cmd_run(int count, char **words);
int cmd_campaign(int count, char **words);
int cmd_merge(int count, char **words);
int cmd_scenario(int count, char **words);
int cmd_replay(int count, char **words);
int cmd_diff(int count, char **words);
int cmd_report(int count, char **words);
int cmd_history(int count, char **words);
int cmd_wal(int count, char **words);

/* A whole file, at most max + 1 bytes of it, into buf. 0 or ERR_IO, told on stderr. */
int cmd_read_file(const char *path, size_t max, struct buf *into) MUST_CHECK;

#endif
