#include "raft/entry.h"

#include "base/assert.h"

/* The payload of a conf entry: version (1 byte), type (1), member (8, little endian), then the
 * server's context to the end. */
#define CONF_CHANGE_VERSION 1
#define CONF_CHANGE_HEADER  10

void raft_conf_change_encode(const struct raft_conf_change *change, struct buf *out)
{
    ASSERT(change->type <= RAFT_CONF_UPDATE);
    buf_add_u8(out, CONF_CHANGE_VERSION);
    buf_add_u8(out, (uint8_t)change->type);
    buf_add_u64(out, change->member);
    buf_add_slice(out, change->context);
}

int raft_conf_change_decode(struct slice payload, struct raft_conf_change *change)
{
    struct reader r = reader_of(payload);
    uint8_t version = read_u8(&r);
    uint8_t type = read_u8(&r);
    member_id_t member = read_u64(&r);
    if (r.failed || version != CONF_CHANGE_VERSION || type > RAFT_CONF_UPDATE) {
        return ERR_PROTO;
    }
    if (member == 0 && type != RAFT_CONF_NONE) {
        return ERR_PROTO;
    }
    *change = (struct raft_conf_change){
        .type = (enum raft_conf_type)type,
        .member = member,
        .context = slice_from(payload, CONF_CHANGE_HEADER),
    };
    return 0;
}

/* Position of the id, or of the first larger one. */
static uint32_t place_of(const member_id_t *ids, uint32_t count, member_id_t id)
{
    uint32_t at = 0;
    while (at < count && ids[at] < id) {
        at++;
    }
    return at;
}

static bool contains(const member_id_t *ids, uint32_t count, member_id_t id)
{
    uint32_t at = place_of(ids, count, id);
    return at < count && ids[at] == id;
}

static void insert(member_id_t *ids, uint32_t *count, member_id_t id)
{
    ASSERT(*count < MEMBERS_MAX);
    uint32_t at = place_of(ids, *count, id);
    for (uint32_t i = *count; i > at; i--) {
        ids[i] = ids[i - 1];
    }
    ids[at] = id;
    (*count)++;
}

static bool take_out(member_id_t *ids, uint32_t *count, member_id_t id)
{
    uint32_t at = place_of(ids, *count, id);
    if (at == *count || ids[at] != id) {
        return false;
    }
    (*count)--;
    for (uint32_t i = at; i < *count; i++) {
        ids[i] = ids[i + 1];
    }
    ids[*count] = 0;
    return true;
}

bool raft_conf_is_voter(const struct raft_conf *conf, member_id_t id)
{
    return contains(conf->voters, conf->voter_count, id);
}

bool raft_conf_is_learner(const struct raft_conf *conf, member_id_t id)
{
    return contains(conf->learners, conf->learner_count, id);
}

uint32_t raft_conf_quorum(const struct raft_conf *conf)
{
    return conf->voter_count == 0 ? 0 : conf->voter_count / 2 + 1;
}

static bool is_full(const struct raft_conf *conf)
{
    return conf->voter_count + conf->learner_count >= MEMBERS_MAX;
}

static bool add_voter(struct raft_conf *conf, member_id_t id)
{
    if (raft_conf_is_voter(conf, id)) {
        return false;
    }
    if (!take_out(conf->learners, &conf->learner_count, id) && is_full(conf)) {
        return false;
    }
    insert(conf->voters, &conf->voter_count, id);
    return true;
}

static bool add_learner(struct raft_conf *conf, member_id_t id)
{
    if (raft_conf_is_learner(conf, id)) {
        return false;
    }
    if (!take_out(conf->voters, &conf->voter_count, id) && is_full(conf)) {
        return false;
    }
    insert(conf->learners, &conf->learner_count, id);
    return true;
}

bool raft_conf_apply(struct raft_conf *conf, enum raft_conf_type type, member_id_t member)
{
    ASSERT_IF(type != RAFT_CONF_NONE, member != 0);
    switch (type) {
    case RAFT_CONF_NONE: return false;
    case RAFT_CONF_ADD_VOTER: return add_voter(conf, member);
    case RAFT_CONF_ADD_LEARNER: return add_learner(conf, member);
    case RAFT_CONF_PROMOTE: return raft_conf_is_learner(conf, member) && add_voter(conf, member);
    case RAFT_CONF_REMOVE:
        return take_out(conf->voters, &conf->voter_count, member) ||
               take_out(conf->learners, &conf->learner_count, member);
    case RAFT_CONF_UPDATE: return false;
    }
    UNREACHABLE();
}

static bool is_sorted(const member_id_t *ids, uint32_t count)
{
    member_id_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] <= before) {
            return false;
        }
        before = ids[i];
    }
    return true;
}

bool raft_conf_is_valid(const struct raft_conf *conf)
{
    if (conf->voter_count > MEMBERS_MAX || conf->learner_count > MEMBERS_MAX - conf->voter_count) {
        return false;
    }
    if (!is_sorted(conf->voters, conf->voter_count) ||
        !is_sorted(conf->learners, conf->learner_count)) {
        return false;
    }
    for (uint32_t i = 0; i < conf->learner_count; i++) {
        if (raft_conf_is_voter(conf, conf->learners[i])) {
            return false;
        }
    }
    return true;
}
