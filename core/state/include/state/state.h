/* What applying the log has made of a member, apart from the key space, as one run of bytes: a
 * chunk of every snapshot. Little endian:
 *
 *   version 1, applied index 8, its term 8, length 1 and cluster version, count 1 and alarms (type
 * 1 and member 8 each), members (the rest, see membership_encode)
 *
 * The key space comes in chunks of its own (mvcc_walk). Everything here is a function of the log
 * through the index, so the bytes of two members at one index are the same.
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include "membership/membership.h"
#include "state/alarm.h"

#define CLUSTER_VERSION_MAX 16 /* "3.4.0", with its NUL */

/* What the chunks of a snapshot hold. */
enum state_chunk {
    STATE_CHUNK_MEMBER = 1, /* the first, once: this file's */
    STATE_CHUNK_KEYS = 2,   /* all that follow, in the order of the walk */
};

struct state {
    index_t index;
    term_t term;
    char cluster_version[CLUSTER_VERSION_MAX]; /* empty: not decided */
    struct alarms alarms;
    struct membership members;
};

/* "3.4.0" and the like: what may be a cluster's version, wherever the bytes come from. */
bool state_is_version(struct slice text);

void state_init(struct state *state, struct mem *mem);
void state_fini(struct state *state);
/* Appends the bytes. */
void state_encode(index_t index, term_t term, const char *cluster_version,
                  const struct alarms *alarms, const struct membership *members, struct buf *out);
/* Into what was just initialised. ERR_PROTO: not the output of state_encode; ERR_FORMAT: of a newer
 * version. state is to be released in any case. */
int state_decode(struct state *state, struct slice bytes) MUST_CHECK;

#endif
