/* The store against a list that a reader can check by eye: random requests, all options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fmt.h"
#include "base/rng.h"
#include "mvcc/mvcc.h"

#define KEY_MAX   24
#define VALUE_MAX 16

struct version {
    revision_t mod;
    revision_t create;
    int64_t version; /* 0: deleted */
    char value[VALUE_MAX];
    size_t value_len;
};

struct model_key {
    uint8_t key[KEY_MAX];
    size_t len;
    struct version *versions;
    size_t count;
};

struct model {
    struct model_key *keys; /* in order */
    size_t count;
    revision_t revision;
    revision_t compacted;
};

struct world {
    struct mem_pool *pool;
    struct mem *mem;
    struct mvcc *m;
    struct model model;
    struct rng rng;
    unsigned digits; /* how many different keys there are */
};

static struct slice model_slice(const struct model_key *k)
{
    return slice_of(k->key, k->len);
}

static struct model_key *model_find(struct model *model, struct slice key, bool add)
{
    size_t i = 0;
    while (i < model->count && slice_cmp(model_slice(&model->keys[i]), key) < 0) {
        i++;
    }
    if (i < model->count && slice_eq(model_slice(&model->keys[i]), key)) {
        return &model->keys[i];
    }
    if (!add) {
        return NULL;
    }
    model->keys = realloc(model->keys, (model->count + 1) * sizeof(*model->keys));
    assert_non_null(model->keys);
    memmove(&model->keys[i + 1], &model->keys[i], (model->count - i) * sizeof(*model->keys));
    model->keys[i] = (struct model_key){.len = key.len};
    memcpy(model->keys[i].key, key.ptr, key.len);
    model->count++;
    return &model->keys[i];
}

static struct version *model_at(struct model_key *k, revision_t revision)
{
    struct version *found = NULL;
    for (size_t i = 0; k != NULL && i < k->count && k->versions[i].mod <= revision; i++) {
        found = &k->versions[i];
    }
    return found != NULL && found->version > 0 ? found : NULL;
}

static void model_push(struct model_key *k, struct version v)
{
    k->versions = realloc(k->versions, (k->count + 1) * sizeof(v));
    assert_non_null(k->versions);
    k->versions[k->count++] = v;
}

static bool model_in(const struct model_key *k, struct slice key, struct slice end)
{
    if (end.len == 0) {
        return slice_eq(model_slice(k), key);
    }
    bool above = slice_cmp(model_slice(k), key) >= 0;
    bool all = end.len == 1 && end.ptr[0] == 0;
    return above && (all || slice_cmp(model_slice(k), end) < 0);
}

static void check_kv(const struct mvcc_kv *kv, const struct model_key *k, const struct version *v,
                     bool keys_only)
{
    assert_true(slice_eq(kv->key, model_slice(k)));
    assert_int_equal(kv->mod_revision, v->mod);
    assert_int_equal(kv->create_revision, v->create);
    assert_int_equal(kv->version, v->version);
    assert_true(slice_eq(kv->value, slice_of(v->value, keys_only ? 0 : v->value_len)));
}

/* Keys of different lengths with long common beginnings, zeros and high bytes. */
static struct slice draw_key(struct world *w, uint8_t *out)
{
    static const char *const beginnings[] = {"", "/registry/pods/", "/registry/pod", "\xFF\xFF"};
    const char *beginning = beginnings[rng_below(&w->rng, 4)];
    size_t len = strlen(beginning);
    memcpy(out, beginning, len);
    unsigned digits = 1 + (unsigned)rng_below(&w->rng, w->digits);
    for (unsigned i = 0; i < digits; i++) {
        static const uint8_t letters[] = {0, 'a', 'b', 'c', 0xFF};
        out[len++] = letters[rng_below(&w->rng, sizeof(letters))];
    }
    return slice_of(out, len);
}

static struct slice draw_end(struct world *w, struct slice key, uint8_t *out)
{
    uint64_t kind = rng_below(&w->rng, 5);
    if (kind == 0) {
        return slice_of(out, 0);
    }
    if (kind == 1) {
        out[0] = 0;
        return slice_of(out, 1);
    }
    if (kind == 2 && key.ptr[key.len - 1] < 0xFF) {
        memcpy(out, key.ptr, key.len);
        out[key.len - 1]++;
        return slice_of(out, key.len);
    }
    return draw_key(w, out);
}

static void step_put(struct world *w)
{
    uint8_t bytes[KEY_MAX];
    struct mvcc_put request = {.key = draw_key(w, bytes)};
    struct version v = {.value_len = (size_t)rng_below(&w->rng, VALUE_MAX)};
    for (size_t i = 0; i < v.value_len; i++) {
        v.value[i] = (char)('a' + rng_below(&w->rng, 3));
    }
    request.value = slice_of(v.value, v.value_len);
    request.prev_kv = rng_below(&w->rng, 2) == 0;
    request.ignore_value = rng_below(&w->rng, 8) == 0;
    request.ignore_lease = rng_below(&w->rng, 8) == 0;
    struct model_key *k = model_find(&w->model, request.key, false);
    struct version *before = model_at(k, w->model.revision);
    int expected = request.ignore_value && v.value_len > 0 ? ERR_ETCD_VALUE_PROVIDED
                   : before == NULL && (request.ignore_value || request.ignore_lease)
                       ? ERR_ETCD_KEY_NOT_FOUND
                       : 0;
    struct mvcc_put_result result;
    assert_int_equal(mvcc_put(w->m, &request, &result), expected);
    if (expected != 0) {
        return;
    }
    v.mod = ++w->model.revision;
    v.create = before != NULL ? before->create : v.mod;
    v.version = before != NULL ? before->version + 1 : 1;
    if (request.ignore_value) {
        memcpy(v.value, before->value, sizeof(v.value));
        v.value_len = before->value_len;
    }
    assert_int_equal(result.revision, v.mod);
    assert_int_equal(result.has_prev_kv, request.prev_kv && before != NULL);
    if (result.has_prev_kv) {
        check_kv(&result.prev_kv, k, before, false);
    }
    model_push(model_find(&w->model, request.key, true), v);
}

static void step_delete(struct world *w)
{
    uint8_t bytes[KEY_MAX];
    uint8_t end[KEY_MAX];
    struct mvcc_delete request = {.key = draw_key(w, bytes)};
    request.range_end = slice_of(end, 0);
    if (rng_below(&w->rng, 10) == 0) {
        request.range_end = draw_end(w, request.key, end);
    }
    request.prev_kv = rng_below(&w->rng, 2) == 0;
    struct mvcc_delete_result result;
    assert_int_equal(mvcc_delete(w->m, &request, w->mem, &result), 0);
    int64_t deleted = 0;
    for (size_t i = 0; i < w->model.count; i++) {
        struct model_key *k = &w->model.keys[i];
        struct version *before = model_at(k, w->model.revision);
        if (before == NULL || !model_in(k, request.key, request.range_end)) {
            continue;
        }
        if (request.prev_kv) {
            assert_true((size_t)deleted < result.prev_kvs.count);
            check_kv(&result.prev_kvs.at[deleted], k, before, false);
        }
        deleted++;
        model_push(k, (struct version){.mod = w->model.revision + 1});
    }
    w->model.revision += deleted > 0;
    assert_int_equal(result.deleted, deleted);
    assert_int_equal(result.prev_kvs.count, request.prev_kv ? deleted : 0);
    assert_int_equal(result.revision, w->model.revision);
    mvcc_delete_result_fini(&result, w->mem);
}

struct found {
    const struct model_key *key;
    const struct version *version;
};

static int64_t field(const struct found *f, int32_t target)
{
    return target == MVCC_TARGET_VERSION  ? f->version->version
           : target == MVCC_TARGET_CREATE ? f->version->create
                                          : f->version->mod;
}

static int found_cmp(const struct found *a, const struct found *b, int32_t target)
{
    if (target == MVCC_TARGET_KEY) {
        return slice_cmp(model_slice(a->key), model_slice(b->key));
    }
    if (target == MVCC_TARGET_VALUE) {
        return slice_cmp(slice_of(a->version->value, a->version->value_len),
                         slice_of(b->version->value, b->version->value_len));
    }
    return (field(a, target) > field(b, target)) - (field(a, target) < field(b, target));
}

/* Insertion sort: stable, and plainly so. */
static void found_sort(struct found *found, size_t count, int32_t target, bool descending)
{
    for (size_t i = 1; i < count; i++) {
        struct found moving = found[i];
        size_t j = i;
        while (j > 0 && (descending ? found_cmp(&found[j - 1], &moving, target) < 0
                                    : found_cmp(&found[j - 1], &moving, target) > 0)) {
            found[j] = found[j - 1];
            j--;
        }
        found[j] = moving;
    }
}

static bool model_bounded(const struct mvcc_range *r, const struct version *v)
{
    return (r->min_mod_revision == 0 || v->mod >= r->min_mod_revision) &&
           (r->max_mod_revision == 0 || v->mod <= r->max_mod_revision) &&
           (r->min_create_revision == 0 || v->create >= r->min_create_revision) &&
           (r->max_create_revision == 0 || v->create <= r->max_create_revision);
}

static struct mvcc_range draw_range(struct world *w, uint8_t *bytes, uint8_t *end)
{
    revision_t newest = w->model.revision;
    struct mvcc_range r = {.key = draw_key(w, bytes)};
    r.range_end = draw_end(w, r.key, end);
    r.limit = rng_range(&w->rng, -1, 6);
    r.revision = rng_below(&w->rng, 2) == 0 ? 0 : rng_range(&w->rng, -1, newest + 1);
    r.sort_order = (int32_t)rng_below(&w->rng, 3);
    r.sort_target = (int32_t)rng_below(&w->rng, 5);
    r.keys_only = rng_below(&w->rng, 4) == 0;
    r.count_only = rng_below(&w->rng, 6) == 0;
    revision_t *bounds[] = {&r.min_mod_revision, &r.max_mod_revision, &r.min_create_revision,
                            &r.max_create_revision};
    for (size_t i = 0; i < 4; i++) {
        *bounds[i] = rng_below(&w->rng, 4) > 0 ? 0 : rng_range(&w->rng, 0, newest + 1);
    }
    return r;
}

static void step_range(struct world *w)
{
    uint8_t bytes[KEY_MAX];
    uint8_t end[KEY_MAX];
    struct mvcc_range r = draw_range(w, bytes, end);
    struct mvcc_range_result result;
    int rv = mvcc_range(w->m, &r, w->mem, &result);
    if (r.revision > w->model.revision) {
        assert_int_equal(rv, ERR_ETCD_FUTURE_REV);
        return;
    }
    if (r.revision > 0 && r.revision < w->model.compacted) {
        assert_int_equal(rv, ERR_ETCD_COMPACTED);
        return;
    }
    assert_int_equal(rv, 0);
    revision_t at = r.revision <= 0 ? w->model.revision : r.revision;
    bool unsorted = r.sort_order == MVCC_ORDER_NONE;
    bool bounds = r.min_mod_revision != 0 || r.max_mod_revision != 0 ||
                  r.min_create_revision != 0 || r.max_create_revision != 0;
    struct found *found = calloc(w->model.count + 1, sizeof(*found));
    assert_non_null(found);
    size_t taken = 0;
    int64_t count = 0;
    for (size_t i = 0; i < w->model.count; i++) {
        struct version *v = model_at(&w->model.keys[i], at);
        if (v == NULL || !model_in(&w->model.keys[i], r.key, r.range_end)) {
            continue;
        }
        count++;
        bool cut = unsorted && !bounds && r.limit > 0 && count > r.limit + 1;
        if (!cut && !r.count_only && model_bounded(&r, v)) {
            found[taken++] = (struct found){&w->model.keys[i], v};
        }
    }
    found_sort(found, taken, r.sort_target, r.sort_order == MVCC_ORDER_DESCEND);
    bool more = r.limit > 0 && taken > (size_t)r.limit;
    taken = more ? (size_t)r.limit : taken;
    assert_int_equal(result.revision, w->model.revision);
    assert_int_equal(result.count, count);
    assert_int_equal(result.more, more);
    assert_int_equal(result.kvs.count, taken);
    for (size_t i = 0; i < taken; i++) {
        check_kv(&result.kvs.at[i], found[i].key, found[i].version, r.keys_only);
    }
    free(found);
    mvcc_range_result_fini(&result, w->mem);
}

/* What has to be held of a key: of all versions up to the compacted revision the newest, if it is
 * not a deletion or was written at that very revision; and all later ones. */
static uint64_t model_size(const struct model *model)
{
    uint64_t size = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_key *k = &model->keys[i];
        for (size_t j = 0; j < k->count; j++) {
            const struct version *v = &k->versions[j];
            bool replaced = j + 1 < k->count && k->versions[j + 1].mod <= model->compacted;
            bool over = v->version == 0 && v->mod < model->compacted;
            if (!replaced && !over) {
                size += 64 + k->len + v->value_len;
            }
        }
    }
    return size;
}

static void step_compact(struct world *w)
{
    revision_t newest = w->model.revision;
    revision_t from = rng_below(&w->rng, 2) == 0 ? newest - 20 : w->model.compacted - 1;
    revision_t revision = rng_range(&w->rng, from, newest + 1);
    int rv = mvcc_compact(w->m, revision);
    if (revision <= w->model.compacted) {
        assert_int_equal(rv, ERR_ETCD_COMPACTED);
    } else if (revision > newest) {
        assert_int_equal(rv, ERR_ETCD_FUTURE_REV);
    } else {
        assert_int_equal(rv, 0);
        assert_true(mvcc_compact_pending(w->m));
        w->model.compacted = revision;
    }
    assert_int_equal(mvcc_compacted(w->m), w->model.compacted);
}

/* A few steps, and no hash notices; often not all of them. */
static void step_sweep(struct world *w)
{
    uint64_t hash = mvcc_hash(w->m);
    uint64_t steps = rng_below(&w->rng, 40);
    bool pending = mvcc_compact_pending(w->m);
    for (uint64_t i = 0; i < steps; i++) {
        size_t records = (size_t)rng_below(&w->rng, 30);
        pending = mvcc_compact_step(w->m, records);
    }
    assert_int_equal(mvcc_compact_pending(w->m), pending);
    assert_int_equal(mvcc_hash(w->m), hash);
    if (pending) {
        assert_true(mvcc_size(w->m) >= model_size(&w->model));
    } else {
        assert_int_equal(mvcc_size(w->m), model_size(&w->model));
    }
}

static void run(uint64_t seed, unsigned digits, int steps)
{
    struct world w = {.pool = mem_pool_new(UINT64_MAX, 0xA5),
                      .model = {.revision = 1, .compacted = -1}};
    w.mem = mem_pool_mem(w.pool);
    w.m = mvcc_new(w.mem);
    w.rng = rng_stream(seed, "test.mvcc.model", 0);
    w.digits = digits;
    for (int i = 0; i < steps; i++) {
        uint64_t kind = rng_below(&w.rng, 400);
        if (kind < 230) {
            step_put(&w);
        } else if (kind < 310) {
            step_delete(&w);
        } else if (kind < 390) {
            step_range(&w);
        } else if (kind < 394) {
            step_compact(&w);
        } else {
            step_sweep(&w);
        }
        assert_int_equal(mvcc_revision(w.m), w.model.revision);
        if (i % 512 == 0) {
            mvcc_check(w.m);
        }
    }
    int64_t live = 0;
    for (size_t i = 0; i < w.model.count; i++) {
        live += model_at(&w.model.keys[i], w.model.revision) != NULL;
        free(w.model.keys[i].versions);
    }
    assert_int_equal(mvcc_live(w.m), live);
    mvcc_check(w.m);
    free(w.model.keys);
    mvcc_free(w.m);
    assert_int_equal(w.mem->count, 0);
    mem_pool_free(w.pool);
}

static void test_few_keys_with_long_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        run(seed, 1, 2000);
    }
}

static void test_many_keys(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run(seed, 6, 10000);
    }
}

/* Ascending, descending and interleaved keys: every way in which nodes split. */
static void test_the_tree_keeps_its_order(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
        struct mem *mem = mem_pool_mem(pool);
        struct mvcc *m = mvcc_new(mem);
        for (unsigned i = 0; i < 40000; i++) {
            char text[32];
            unsigned n = way == 0 ? i : way == 1 ? 40000 - i : (i * 7919u) % 40000;
            size_t len = fmt(text, sizeof(text), "key/%08u", n);
            struct mvcc_put request = {.key = slice_of(text, len)};
            struct mvcc_put_result result;
            assert_int_equal(mvcc_put(m, &request, &result), 0);
        }
        mvcc_check(m);
        assert_int_equal(mvcc_live(m), 40000);
        struct mvcc_range all = {.key = slice_str("key/"), .range_end = slice_str("key0")};
        struct mvcc_range_result result;
        all.count_only = true;
        assert_int_equal(mvcc_range(m, &all, mem, &result), 0);
        assert_int_equal(result.count, 40000);
        mvcc_range_result_fini(&result, mem);
        mvcc_free(m);
        mem_pool_free(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_keys_with_long_histories),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_the_tree_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
