/* The checks of a run: what observers tell goes to sim/check, and so do the clients' histories;
 * what it finds becomes a failure. */
#ifndef RUNNER_CHECKS_H
#define RUNNER_CHECKS_H

#include "run.h"

/* Members must exist. */
struct checks *checks_new(struct run *run);
void checks_free(struct checks *checks);
/* A member's event. */
void checks_observe(struct checks *checks, size_t member, const struct obs_event *event);
/* A member's process has ended, however. */
void checks_ended(struct checks *checks, size_t member);
/* Its disk was emptied, or it begins on one that does not give back what was written. */
void checks_wiped(struct checks *checks, size_t member);
/* Its disk does not give back what was written; and what of that can be survived (check.h). */
void checks_damaged(struct checks *checks, size_t member, bool on);
bool checks_can_lose(const struct checks *checks, size_t member, struct buf *who);
bool checks_can_forget(const struct checks *checks, size_t member, struct buf *who);
/* Judges the clients' histories. */
void checks_end(struct checks *checks);

/* How many events were checked, and how many comparisons that took. */
uint64_t checks_count(const struct checks *checks);
uint64_t checks_performed(const struct checks *checks);
uint64_t checks_violations(const struct checks *checks);
/* What came of the histories, in words. */
const char *checks_history(const struct checks *checks);

#endif
