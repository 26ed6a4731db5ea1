#include "content.h"

#include "base/hash.h"

void backup_content_init(struct backup_content *content, struct mem *mem)
{
    *content = (struct backup_content){.mem = mem};
    state_init(&content->state, mem);
    content->loader = mvcc_load_new(mem);
}

void backup_content_fini(struct backup_content *content)
{
    state_fini(&content->state);
    mvcc_load_free(content->loader);
    mvcc_free(content->mvcc);
    *content = (struct backup_content){.mem = content->mem};
}

void backup_conf(const struct membership *members, struct raft_conf *conf)
{
    *conf = (struct raft_conf){0};
    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = members->members[i];
        if (member->is_learner) {
            conf->learners[conf->learner_count++] = member->id;
        } else {
            conf->voters[conf->voter_count++] = member->id;
        }
    }
}

static bool same_conf(const struct raft_conf *a, const struct raft_conf *b)
{
    return a->voter_count == b->voter_count && a->learner_count == b->learner_count &&
           memcmp(a->voters, b->voters, a->voter_count * sizeof(a->voters[0])) == 0 &&
           memcmp(a->learners, b->learners, a->learner_count * sizeof(a->learners[0])) == 0;
}

static int fail(struct backup_content *content, int err, const char *what)
{
    content->what = what;
    return err;
}

static int add_state(struct backup_content *content, const struct snapshot_head *head,
                     struct slice payload)
{
    const struct state *state = &content->state;
    struct raft_conf conf;
    int err = state_decode(&content->state, payload);
    if (err != 0) {
        return fail(content, err == ERR_FORMAT ? err : ERR_CORRUPT,
                    "the snapshot's list of members cannot be read");
    }
    backup_conf(&state->members, &conf);
    if (state->index != head->index || state->term != head->term ||
        state->members.cluster_id != head->cluster_id || state->members.epoch != head->epoch ||
        !same_conf(&head->conf, &conf)) {
        return fail(content, ERR_CORRUPT, "the snapshot's state is not that of its header");
    }
    content->has_state = true;
    return 0;
}

int backup_content_add(struct backup_content *content, const struct snapshot_head *head,
                       uint32_t type, struct slice payload)
{
    if (type == STATE_CHUNK_MEMBER && !content->has_state) {
        return add_state(content, head, payload);
    }
    if (type != STATE_CHUNK_KEYS || !content->has_state) {
        return fail(content, ERR_CORRUPT,
                    "the snapshot has a chunk where none of its kind belongs");
    }
    content->hash = crc32c(content->hash, payload.ptr, payload.len);
    int err = mvcc_load_add(content->loader, payload);
    return err == 0 ? 0 : fail(content, err, "the snapshot's keys cannot be read");
}

int backup_content_end(struct backup_content *content)
{
    if (!content->has_state) {
        return fail(content, ERR_CORRUPT, "the snapshot's keys are not whole");
    }
    int err = mvcc_load_end(content->loader, &content->mvcc);
    content->loader = NULL;
    return err == 0 ? 0 : fail(content, err, "the snapshot's keys are not whole");
}
