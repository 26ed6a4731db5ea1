#include "state/alarm.h"

#include "base/hash.h"

static int compare(const struct alarm *a, member_id_t member, enum alarm_type type)
{
    if (a->type != type) {
        return a->type < type ? -1 : 1;
    }
    return a->member < member ? -1 : a->member > member;
}

/* Where it is or belongs. */
static size_t place(const struct alarms *alarms, member_id_t member, enum alarm_type type)
{
    size_t at = 0;
    while (at < alarms->count && compare(&alarms->at[at], member, type) < 0) {
        at++;
    }
    return at;
}

bool alarms_have(const struct alarms *alarms, member_id_t member, enum alarm_type type)
{
    size_t at = place(alarms, member, type);
    return at < alarms->count && compare(&alarms->at[at], member, type) == 0;
}

bool alarms_any(const struct alarms *alarms, enum alarm_type type)
{
    for (size_t i = 0; i < alarms->count; i++) {
        if (alarms->at[i].type == type) {
            return true;
        }
    }
    return false;
}

bool alarms_raise(struct alarms *alarms, member_id_t member, enum alarm_type type)
{
    size_t at = place(alarms, member, type);
    if (alarms_have(alarms, member, type) ||
        alarms->count == sizeof(alarms->at) / sizeof(alarms->at[0])) {
        return false;
    }
    memmove(&alarms->at[at + 1], &alarms->at[at], (alarms->count - at) * sizeof(alarms->at[0]));
    alarms->at[at] = (struct alarm){member, type};
    alarms->count++;
    return true;
}

bool alarms_disarm(struct alarms *alarms, member_id_t member, enum alarm_type type)
{
    size_t at = place(alarms, member, type);
    if (!alarms_have(alarms, member, type)) {
        return false;
    }
    alarms->count--;
    memmove(&alarms->at[at], &alarms->at[at + 1], (alarms->count - at) * sizeof(alarms->at[0]));
    return true;
}

uint64_t alarms_hash(const struct alarms *alarms)
{
    uint64_t h = 0;
    for (size_t i = 0; i < alarms->count; i++) {
        h = hash64_mix(hash64_mix(h, alarms->at[i].member), (uint64_t)alarms->at[i].type);
    }
    return h;
}

void alarm_write(const struct alarm *alarm, struct buf *out)
{
    buf_printf(out, "memberID:%llu alarm:%s ", (unsigned long long)alarm->member,
               alarm->type == ALARM_NOSPACE ? "NOSPACE" : "CORRUPT");
}

void alarms_encode(const struct alarms *alarms, struct buf *out)
{
    buf_add_u8(out, (uint8_t)alarms->count);
    for (size_t i = 0; i < alarms->count; i++) {
        buf_add_u8(out, (uint8_t)alarms->at[i].type);
        buf_add_u64(out, alarms->at[i].member);
    }
}

void alarms_decode(struct alarms *alarms, struct reader *r)
{
    size_t count = read_u8(r);
    *alarms = (struct alarms){0};
    for (size_t i = 0; i < count && !r->failed; i++) {
        uint8_t type = read_u8(r);
        member_id_t member = read_u64(r);
        bool follows = alarms->count == 0 ||
                       compare(&alarms->at[alarms->count - 1], member, (enum alarm_type)type) < 0;
        if (type < ALARM_NOSPACE || type > ALARM_CORRUPT || !follows ||
            !alarms_raise(alarms, member, (enum alarm_type)type)) {
            r->failed = true;
        }
    }
}
