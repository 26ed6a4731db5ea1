#include "state/state.h"

#include "base/assert.h"

#define STATE_VERSION 1

bool state_is_version(struct slice text)
{
    if (text.len == 0 || text.len >= CLUSTER_VERSION_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '.' && (text.ptr[i] < '0' || text.ptr[i] > '9')) {
            return false;
        }
    }
    return true;
}

void state_init(struct state *state, struct mem *mem)
{
    *state = (struct state){0};
    membership_init(&state->members, mem);
}

void state_fini(struct state *state)
{
    membership_fini(&state->members);
}

void state_encode(index_t index, term_t term, const char *cluster_version,
                  const struct alarms *alarms, const struct membership *members, struct buf *out)
{
    size_t len = strlen(cluster_version);
    ASSERT(index > 0 && term > 0);
    ASSERT(len < CLUSTER_VERSION_MAX);
    buf_add_u8(out, STATE_VERSION);
    buf_add_u64(out, index);
    buf_add_u64(out, term);
    buf_add_u8(out, (uint8_t)len);
    buf_add(out, cluster_version, len);
    alarms_encode(alarms, out);
    membership_encode(members, out);
}

int state_decode(struct state *state, struct slice bytes)
{
    struct reader r = reader_of(bytes);
    uint8_t version = read_u8(&r);
    if (!r.failed && version > STATE_VERSION) {
        return ERR_FORMAT;
    }
    state->index = read_u64(&r);
    state->term = read_u64(&r);
    uint8_t len = read_u8(&r);
    struct slice text = read_bytes(&r, len);
    if (r.failed || version == 0 || state->index == 0 || state->index > INT64_MAX ||
        state->term == 0 || (len > 0 && !state_is_version(text))) {
        return ERR_PROTO;
    }
    if (len > 0) {
        memcpy(state->cluster_version, text.ptr, len);
    }
    state->cluster_version[len] = '\0';
    alarms_decode(&state->alarms, &r);
    if (r.failed) {
        return ERR_PROTO;
    }
    return membership_decode(&state->members, slice_of(r.ptr, r.len));
}
