/* `--twice`: the same run in another process, with a shifted heap and other bytes in fresh memory.
 * If the trace hashes differ, the first event after which they do is found by halving, each half by
 * two more processes, and both sides of it are printed. */
#ifndef CMD_TWICE_H
#define CMD_TWICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* What such a process is asked for, by options that only this file knows. */
struct twice_part {
    bool asked;          /* answer with the hash and nothing else */
    uint64_t events_max; /* 0: to the end */
    uint64_t shift;      /* bytes that the heap is shifted by */
    int fill;
};

/* True if the word is one of those options. */
bool twice_option(struct twice_part *part, const char *word);
void *twice_shift(const struct twice_part *part);
void twice_unshift(void *shift);
/* Prints what the process that asked reads. */
void twice_answer(uint64_t hash, uint64_t events);

/* Tells in `out` whether the other process comes to the same: 0; ERR_CORRUPT if it does not, with
 * the first event that differs; ERR_IO if it could not be asked. */
int twice_compare(const char *path, const char *only, uint64_t seed, int64_t until_ns,
                  uint64_t hash, uint64_t events, struct buf *out) MUST_CHECK;

#endif
