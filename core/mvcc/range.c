/* Reading: what lies in a range, at a revision, in which order, and how much of it. */
#include "base/assert.h"
#include "base/sort.h"

#include "store.h"

struct index_range mvcc_range_of(struct slice key, struct slice range_end)
{
    if (range_end.len == 1 && range_end.ptr[0] == 0) {
        return (struct index_range){.from = key, .bounded = false};
    }
    return (struct index_range){.from = key, .to = range_end, .bounded = true};
}

void mvcc_kvs_add(struct mvcc_kvs *kvs, const struct record *record, struct mem *mem)
{
    if (kvs->count == kvs->cap) {
        kvs->cap = kvs->cap == 0 ? 4 : kvs->cap * 2;
        kvs->at = mem_resize(mem, kvs->at, kvs->cap * sizeof(*kvs->at));
    }
    kvs->at[kvs->count++] = mvcc_record_kv(record);
}

void mvcc_range_result_fini(struct mvcc_range_result *result, struct mem *mem)
{
    mem_free(mem, result->kvs.at);
    result->kvs = (struct mvcc_kvs){NULL, 0, 0};
}

static bool has_bounds(const struct mvcc_range *r)
{
    return r->min_mod_revision != 0 || r->max_mod_revision != 0 || r->min_create_revision != 0 ||
           r->max_create_revision != 0;
}

static bool in_bounds(const struct mvcc_range *r, const struct mvcc_kv *kv)
{
    return (r->max_mod_revision == 0 || kv->mod_revision <= r->max_mod_revision) &&
           (r->min_mod_revision == 0 || kv->mod_revision >= r->min_mod_revision) &&
           (r->max_create_revision == 0 || kv->create_revision <= r->max_create_revision) &&
           (r->min_create_revision == 0 || kv->create_revision >= r->min_create_revision);
}

struct collect {
    struct mvcc_kvs *kvs;
    struct mem *mem;
    revision_t revision; /* 0: the newest */
    uint64_t max;        /* how many to take */
    bool count_on;       /* go on counting after the last one taken */
    int64_t count;
};

static bool collect(struct key *key, void *ctx)
{
    struct collect *c = ctx;
    const struct record *record = c->revision == 0 ? key_now(key) : mvcc_key_at(key, c->revision);
    if (record == NULL) {
        return true;
    }
    c->count++;
    if (c->kvs->count < c->max) {
        mvcc_kvs_add(c->kvs, record, c->mem);
    }
    return c->count_on || c->kvs->count < c->max;
}

/* The records of the range at the revision, at most max, and how many there are in all. At the
 * newest revision the index knows the number; at others it takes a walk. */
static int64_t fetch(const struct mvcc *m, const struct mvcc_range *r, uint64_t max,
                     bool descending, struct mem *mem, struct mvcc_kvs *kvs)
{
    bool newest = r->revision <= 0 || r->revision == m->revision;
    struct collect c = {kvs, mem, newest ? 0 : r->revision, max, !newest, 0};
    if (r->range_end.len == 0) {
        struct key *key = mvcc_index_find(&m->index, r->key, NULL);
        if (key != NULL) {
            (void)collect(key, &c);
        }
        return c.count;
    }
    struct index_range range = mvcc_range_of(r->key, r->range_end);
    if (!newest || max > 0) {
        mvcc_index_visit(&m->index, &range, descending, newest, collect, &c);
    }
    return newest ? mvcc_index_live(&m->index, &range) : c.count;
}

static int order_of(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

struct sorting {
    int32_t target;
    bool descending;
};

static int compare(const void *a, const void *b, void *ctx)
{
    const struct sorting *sorting = ctx;
    const struct mvcc_kv *x = a;
    const struct mvcc_kv *y = b;
    int order = 0;
    switch (sorting->target) {
    case MVCC_TARGET_VERSION: order = order_of(x->version, y->version); break;
    case MVCC_TARGET_CREATE: order = order_of(x->create_revision, y->create_revision); break;
    case MVCC_TARGET_MOD: order = order_of(x->mod_revision, y->mod_revision); break;
    case MVCC_TARGET_VALUE: order = slice_cmp(x->value, y->value); break;
    default: UNREACHABLE();
    }
    /* Equal ones stay in the order of their keys, in either direction. */
    return sorting->descending ? -order : order;
}

static void prune(const struct mvcc_range *r, struct mvcc_kvs *kvs)
{
    size_t kept = 0;
    for (size_t i = 0; i < kvs->count; i++) {
        if (in_bounds(r, &kvs->at[i])) {
            kvs->at[kept++] = kvs->at[i];
        }
    }
    kvs->count = kept;
}

/* One more than the limit tells whether there is more. What will be pruned or sorted has to be
 * fetched whole; etcd looks at the order only, not at the target (see mvcc_range). */
static uint64_t fetch_max(const struct mvcc_range *r, bool by_key)
{
    if (r->count_only) {
        return 0;
    }
    bool whole = has_bounds(r) || (r->sort_order != MVCC_ORDER_NONE && !by_key);
    return whole || r->limit <= 0 ? UINT64_MAX : (uint64_t)r->limit + 1;
}

int mvcc_range(const struct mvcc *m, const struct mvcc_range *request, struct mem *mem,
               struct mvcc_range_result *result)
{
    *result = (struct mvcc_range_result){.revision = m->revision};
    int rv = mvcc_range_check(request);
    if (rv != 0) {
        return rv;
    }
    if (request->revision > m->revision) {
        return ERR_ETCD_FUTURE_REV;
    }
    if (request->revision > 0 && request->revision < m->compacted) {
        return ERR_ETCD_COMPACTED;
    }
    struct mvcc_kvs *kvs = &result->kvs;
    bool by_key = request->sort_target == MVCC_TARGET_KEY;
    bool descending = request->sort_order == MVCC_ORDER_DESCEND;
    result->count = fetch(m, request, fetch_max(request, by_key), by_key && descending, mem, kvs);
    if (has_bounds(request)) {
        prune(request, kvs);
    }
    if (!by_key) {
        struct sorting sorting = {request->sort_target, descending};
        sort_stable(kvs->at, kvs->count, sizeof(*kvs->at), compare, &sorting, mem);
    }
    if (request->limit > 0 && kvs->count > (uint64_t)request->limit) {
        kvs->count = (size_t)request->limit;
        result->more = true;
    }
    for (size_t i = 0; request->keys_only && i < kvs->count; i++) {
        kvs->at[i].value = slice_of(NULL, 0);
    }
    return 0;
}
