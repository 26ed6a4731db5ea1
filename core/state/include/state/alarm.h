/* Alarms: what is wrong with a member that all must know of. They go through the log, so that every
 * member refuses the same writes from the same entry on; they stay until they are disarmed. */
#ifndef STATE_ALARM_H
#define STATE_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "base/types.h"

/* The numbers are etcd's (AlarmType). */
enum alarm_type {
    ALARM_NONE = 0, /* in a question: any */
    ALARM_NOSPACE = 1,
    ALARM_CORRUPT = 2,
};

struct alarm {
    member_id_t member;
    enum alarm_type type;
};

/* In ascending order of (type, member), as etcd lists them; none twice. */
struct alarms {
    size_t count;
    struct alarm at[2 * MEMBERS_MAX];
};

bool alarms_have(const struct alarms *alarms, member_id_t member, enum alarm_type type);
bool alarms_any(const struct alarms *alarms, enum alarm_type type);
/* False: it was raised already, or there is no room for more (members that were removed may have
 * left theirs behind; disarm them). */
bool alarms_raise(struct alarms *alarms, member_id_t member, enum alarm_type type);
/* False: there was none. */
bool alarms_disarm(struct alarms *alarms, member_id_t member, enum alarm_type type);
/* Mixed into the state hash; 0 without alarms. */
uint64_t alarms_hash(const struct alarms *alarms);
/* "memberID:ID alarm:NOSPACE ", as etcd prints one; appended. */
void alarm_write(const struct alarm *alarm, struct buf *out);

void alarms_encode(const struct alarms *alarms, struct buf *out);
/* Takes them off the front of r; sets r->failed for what is not the output of alarms_encode. */
void alarms_decode(struct alarms *alarms, struct reader *r);

#endif
