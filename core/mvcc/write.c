#include "base/assert.h"

#include "store.h"

struct write mvcc_write_begin(struct mvcc *m)
{
    ASSERT(m->revision < INT64_MAX);
    return (struct write){m, m->revision + 1, 0};
}

static void push(struct write *w, struct record *record)
{
    record->mod = w->revision;
    record->sub = w->sub++;
    mvcc_store_add(w->m, record);
}

const struct record *mvcc_write_put(struct write *w, struct index_path *path, struct key *key,
                                    struct slice bytes, struct slice value, int64_t lease)
{
    struct mvcc *m = w->m;
    const struct record *before = NULL;
    if (key == NULL) {
        key = mvcc_key_new(m->mem, bytes);
        mvcc_index_insert(&m->index, path, key);
    } else {
        before = key_now(key);
        if (before == NULL) {
            mvcc_index_count(path, 1);
        }
    }
    struct record *record = mvcc_record_new(m->mem, key, value);
    record->create = before != NULL ? before->create : w->revision;
    record->version = before != NULL ? before->version + 1 : 1;
    record->lease = lease;
    push(w, record);
    return before;
}

void mvcc_write_delete(struct write *w, struct key *key)
{
    struct mvcc *m = w->m;
    struct index_path path;
    struct key *found = mvcc_index_find(&m->index, key_slice(key), &path);
    ASSERT(found == key);
    ASSERT(key->live);
    mvcc_index_count(&path, -1);
    push(w, mvcc_record_new(m->mem, key, slice_of(NULL, 0)));
}

void mvcc_write_end(struct write *w)
{
    if (w->sub > 0) {
        w->m->revision = w->revision;
    }
}

int mvcc_put(struct mvcc *m, const struct mvcc_put *request, struct mvcc_put_result *result)
{
    *result = (struct mvcc_put_result){.revision = m->revision};
    int rv = mvcc_put_check(request);
    if (rv != 0) {
        return rv;
    }
    if (request->lease != 0) {
        return ERR_ETCD_LEASE_NOT_FOUND;
    }
    struct index_path path;
    struct key *key = mvcc_index_find(&m->index, request->key, &path);
    const struct record *before = key != NULL ? key_now(key) : NULL;
    if (before == NULL && (request->ignore_value || request->ignore_lease)) {
        return ERR_ETCD_KEY_NOT_FOUND;
    }
    struct slice value = request->ignore_value ? record_value(before) : request->value;
    int64_t lease = request->ignore_lease ? before->lease : request->lease;
    struct write w = mvcc_write_begin(m);
    before = mvcc_write_put(&w, &path, key, request->key, value, lease);
    mvcc_write_end(&w);
    result->revision = m->revision;
    if (request->prev_kv && before != NULL) {
        result->has_prev_kv = true;
        result->prev_kv = mvcc_record_kv(before);
    }
    return 0;
}

/* The keys to delete are gathered first: a walk of the index and a change of it do not mix. */
struct doomed {
    struct key **keys;
    size_t count;
};

static bool gather(struct key *key, void *ctx)
{
    struct doomed *doomed = ctx;
    doomed->keys[doomed->count++] = key;
    return true;
}

static struct doomed doomed_in(struct mvcc *m, const struct mvcc_delete *request)
{
    struct doomed doomed = {NULL, 0};
    if (request->range_end.len == 0) {
        struct key *key = mvcc_index_find(&m->index, request->key, NULL);
        if (key != NULL && key->live) {
            doomed.keys = mem_alloc(m->mem, sizeof(struct key *));
            doomed.keys[doomed.count++] = key;
        }
        return doomed;
    }
    struct index_range range = mvcc_range_of(request->key, request->range_end);
    int64_t live = mvcc_index_live(&m->index, &range);
    if (live > 0) {
        doomed.keys = mem_alloc(m->mem, (size_t)live * sizeof(struct key *));
        mvcc_index_visit(&m->index, &range, false, true, gather, &doomed);
    }
    ASSERT(doomed.count == (size_t)live);
    return doomed;
}

int mvcc_delete(struct mvcc *m, const struct mvcc_delete *request, struct mem *mem,
                struct mvcc_delete_result *result)
{
    *result = (struct mvcc_delete_result){.revision = m->revision};
    int rv = mvcc_delete_check(request);
    if (rv != 0) {
        return rv;
    }
    struct doomed doomed = doomed_in(m, request);
    struct write w = mvcc_write_begin(m);
    for (size_t i = 0; i < doomed.count; i++) {
        if (request->prev_kv) {
            mvcc_kvs_add(&result->prev_kvs, key_now(doomed.keys[i]), mem);
        }
        mvcc_write_delete(&w, doomed.keys[i]);
    }
    mvcc_write_end(&w);
    mem_free(m->mem, doomed.keys);
    result->deleted = (int64_t)doomed.count;
    result->revision = m->revision;
    return 0;
}

void mvcc_delete_result_fini(struct mvcc_delete_result *result, struct mem *mem)
{
    mem_free(mem, result->prev_kvs.at);
    result->prev_kvs = (struct mvcc_kvs){NULL, 0, 0};
}
