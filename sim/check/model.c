/* The model: one copy of the keys, on which the ordered requests are replayed. */
#include "history.h"

struct key_state {
    bool present;
    bool murky; /* an unknown write may have touched it since */
    revision_t create;
    revision_t mod;
    int64_t version;
    size_t writer; /* the request */
    struct slice value;
};

struct model {
    struct judge *j;
    struct key_state *keys;
    bool *touched; /* an unplaced unknown write speaks of this key */
};

static void find_touched(struct model *m)
{
    for (size_t i = 0; i < m->j->unknown_count; i++) {
        const struct history_op *op = &m->j->h->ops[m->j->unknowns[i]];
        size_t first;
        size_t last;
        if (m->j->placed_ops[m->j->unknowns[i]]) {
            continue;
        }
        key_range(m->j, op, &first, &last);
        for (size_t k = first; k < last; k++) {
            m->touched[k] = true;
        }
    }
}

/* The first revision after `after` and up to `until` that nothing explains; 0: none. */
static revision_t hole_between(const struct judge *j, revision_t after, revision_t until)
{
    size_t low = 0;
    size_t high = j->hole_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (j->holes[mid] <= after) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < j->hole_count && j->holes[low] <= until ? j->holes[low] : 0;
}

/* May an unknown write have changed the key since the model last knew it? */
static bool may_have_changed(const struct model *m, size_t key, revision_t until)
{
    return m->touched[key] && hole_between(m->j, m->keys[key].mod, until) != 0;
}

/* Is there an unknown delete of the key that a hole up to `until` leaves room for? */
static bool may_be_deleted(struct model *m, size_t key, revision_t until)
{
    if (!may_have_changed(m, key, until)) {
        return false;
    }
    for (size_t i = 0; i < m->j->unknown_count; i++) {
        const struct history_op *op = &m->j->h->ops[m->j->unknowns[i]];
        if (op->kind == HISTORY_DELETE && op_covers(op, m->j->keys[key])) {
            return true;
        }
    }
    return false;
}

static void run_put(struct model *m, const struct history_op *op, const struct placed *at)
{
    size_t key = key_place(m->j, op->key);
    struct key_state *state = &m->keys[key];
    state->murky = state->murky || may_have_changed(m, key, at->revision);
    if (!state->present) {
        state->create = at->revision;
        state->version = 0;
    }
    state->present = true;
    state->mod = at->revision;
    state->version++;
    state->value = op->value;
    state->writer = at->op;
}

static void run_delete(struct model *m, const struct history_op *op, const struct placed *at)
{
    size_t first;
    size_t last;
    size_t present = 0;
    bool murky = false;
    key_range(m->j, op, &first, &last);
    for (size_t k = first; k < last; k++) {
        struct key_state *state = &m->keys[k];
        present += state->present;
        murky = murky || may_have_changed(m, k, at->revision);
        if (state->present) {
            *state = (struct key_state){.mod = at->revision, .writer = at->op};
        }
    }
    if (op->count != present && !murky) {
        blame(m->j, "wrong-count", at->op, NOBODY, "%zu keys were deleted where there were %zu",
              op->count, present);
    }
}

static void check_shown(struct model *m, const struct placed *at, const struct history_kv *kv)
{
    size_t key = key_place(m->j, kv->key);
    struct key_state *state = &m->keys[key];
    const char *name = (const char *)kv->key.ptr;
    int len = (int)kv->key.len;
    if (kv->mod_revision > at->revision) {
        blame(m->j, "wrong-value", at->op, NOBODY,
              "a read at revision %lld shows %.*s of the later revision %lld",
              (long long)at->revision, len, name, (long long)kv->mod_revision);
    } else if (!state->present && state->mod == 0) {
        blame(m->j, "phantom", at->op, NOBODY, "a read shows %.*s, which nobody wrote", len, name);
    } else if (!state->present) {
        blame(m->j, "stale-read", at->op, state->writer,
              "a read at revision %lld shows %.*s, which was deleted at %lld",
              (long long)at->revision, len, name, (long long)state->mod);
    } else if (kv->mod_revision != state->mod) {
        blame(m->j, "stale-read", state->writer, at->op,
              "a read at revision %lld shows %.*s of revision %lld, and %lld had replaced it",
              (long long)at->revision, len, name, (long long)kv->mod_revision,
              (long long)state->mod);
    } else if (!slice_eq(kv->value, state->value)) {
        blame(m->j, "wrong-value", state->writer, at->op,
              "a read shows another value of %.*s than revision %lld wrote", len, name,
              (long long)state->mod);
    } else if (!state->murky &&
               (kv->create_revision != state->create || kv->version != state->version)) {
        blame(m->j, "wrong-value", state->writer, at->op,
              "a read shows %.*s as created at %lld with version %lld, not at %lld with version "
              "%lld",
              len, name, (long long)kv->create_revision, (long long)kv->version,
              (long long)state->create, (long long)state->version);
    }
}

/* Every key of the range that is there must be shown, in order. */
static void check_complete(struct model *m, const struct placed *at, const struct history_op *op)
{
    size_t first;
    size_t last;
    size_t shown = 0;
    key_range(m->j, op, &first, &last);
    for (size_t k = first; k < last && !is_blamed(m->j); k++) {
        struct key_state *state = &m->keys[k];
        if (shown < op->count && slice_eq(op->kvs[shown].key, m->j->keys[k])) {
            shown++;
            continue;
        }
        if (!state->present || op->partial) {
            continue;
        }
        if (may_be_deleted(m, k, at->revision)) {
            *state = (struct key_state){.mod = hole_between(m->j, state->mod, at->revision),
                                        .writer = NOBODY};
            continue;
        }
        blame(m->j, "lost-write", state->writer, at->op,
              "a read at revision %lld does not show %.*s of revision %lld",
              (long long)at->revision, (int)m->j->keys[k].len, (const char *)m->j->keys[k].ptr,
              (long long)state->mod);
    }
    if (shown != op->count) {
        blame(m->j, "wrong-value", at->op, NOBODY,
              "a read shows keys outside of its range, twice or out of order");
    }
}

static void run_read(struct model *m, const struct history_op *op, const struct placed *at)
{
    if (op->kind == HISTORY_DELETE) {
        run_delete(m, op, at); /* of nothing */
        return;
    }
    for (size_t i = 0; i < op->count && !is_blamed(m->j); i++) {
        check_shown(m, at, &op->kvs[i]);
    }
    if (!is_blamed(m->j)) {
        check_complete(m, at, op);
    }
}

bool replay(struct judge *j)
{
    struct model m = {.j = j};
    m.keys = mem_zalloc(j->mem, j->key_count + 1, sizeof(*m.keys));
    m.touched = mem_zalloc(j->mem, j->key_count + 1, sizeof(*m.touched));
    find_touched(&m);
    size_t w = 0;
    size_t r = 0;
    while ((w < j->write_count || r < j->read_count) && !is_blamed(j)) {
        bool write = w < j->write_count &&
                     (r == j->read_count || j->writes[w].revision <= j->reads[r].revision);
        const struct placed *at = write ? &j->writes[w++] : &j->reads[r++];
        const struct history_op *op = &j->h->ops[at->op];
        if (!write) {
            run_read(&m, op, at);
        } else if (op->kind == HISTORY_PUT) {
            run_put(&m, op, at);
        } else {
            run_delete(&m, op, at);
        }
    }
    mem_free(j->mem, m.keys);
    mem_free(j->mem, m.touched);
    return !is_blamed(j);
}
