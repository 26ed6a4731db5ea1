/* Walks and loads: what a walk began with is what a load ends with, whatever happened meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fmt.h"
#include "base/hash.h"
#include "base/rng.h"
#include "mvcc/mvcc.h"

#define CHUNKS_MAX 4096

struct chunks {
    struct buf bytes;
    size_t end[CHUNKS_MAX];
    size_t count;
};

struct world {
    struct mem_pool *pool;
    struct mem *mem;
    struct mvcc *m;
    struct rng rng;
    unsigned keys;
};

static struct world world_new(uint64_t seed, unsigned keys)
{
    struct world w = {.pool = mem_pool_new(UINT64_MAX, 0xA5), .keys = keys};
    w.mem = mem_pool_mem(w.pool);
    w.m = mvcc_new(w.mem);
    w.rng = rng_stream(seed, "test.mvcc.walk", 0);
    return w;
}

static void world_free(struct world *w)
{
    mvcc_free(w->m);
    assert_int_equal(w->mem->count, 0);
    mem_pool_free(w->pool);
}

static void put(struct mvcc *m, const char *key, struct slice value)
{
    const struct mvcc_put request = {.key = slice_str(key), .value = value};
    struct mvcc_put_result result;
    assert_int_equal(mvcc_put(m, &request, &result), 0);
}

static void delete (struct mvcc *m, const char *key, const char *end, struct mem *mem)
{
    const struct mvcc_delete request = {.key = slice_str(key), .range_end = slice_str(end)};
    struct mvcc_delete_result result;
    assert_int_equal(mvcc_delete(m, &request, mem, &result), 0);
    mvcc_delete_result_fini(&result, mem);
}

static void compact_whole(struct mvcc *m, revision_t revision)
{
    assert_int_equal(mvcc_compact(m, revision), 0);
    while (mvcc_compact_step(m, 7)) {
    }
    mvcc_check(m);
}

static void change(struct world *w)
{
    char key[32];
    uint8_t value[200];
    uint64_t kind = rng_below(&w->rng, 100);
    uint64_t number = rng_below(&w->rng, w->keys);
    (void)fmt(key, sizeof(key), "key/%04llu", (unsigned long long)number);
    if (kind < 60) {
        size_t len = (size_t)rng_below(&w->rng, sizeof(value));
        memset(value, (int)rng_below(&w->rng, 256), sizeof(value));
        put(w->m, key, slice_of(value, len));
    } else if (kind < 90) {
        delete (w->m, key, kind < 62 ? "key/9" : "", w->mem);
    } else if (kind < 93) {
        int rv = mvcc_compact(w->m, rng_range(&w->rng, -1, mvcc_revision(w->m)));
        assert_true(rv == 0 || rv == ERR_ETCD_COMPACTED);
    } else {
        size_t records = (size_t)rng_below(&w->rng, 20);
        (void)mvcc_compact_step(w->m, records);
    }
}

/* Everything that a reader could ask for, as a digest. */
static uint64_t digest(const struct mvcc *m, struct mem *mem)
{
    uint64_t h = mvcc_hash(m);
    revision_t from = mvcc_compacted(m) > 1 ? mvcc_compacted(m) : 1;
    h = hash64_mix(h, (uint64_t)mvcc_live(m));
    h = hash64_mix(h, mvcc_size(m));
    h = hash64_mix(h, (uint64_t)mvcc_compacted(m));
    for (revision_t revision = from; revision <= mvcc_revision(m); revision++) {
        const struct mvcc_range all = {
            .key = slice_of("", 1), .range_end = slice_of("", 1), .revision = revision};
        struct mvcc_range_result result;
        assert_int_equal(mvcc_range(m, &all, mem, &result), 0);
        for (size_t i = 0; i < result.kvs.count; i++) {
            const struct mvcc_kv *kv = &result.kvs.at[i];
            h = hash64(kv->key.ptr, kv->key.len, h);
            h = hash64(kv->value.ptr, kv->value.len, h);
            h = hash64_mix(h, (uint64_t)kv->mod_revision);
            h = hash64_mix(h, (uint64_t)kv->create_revision);
            h = hash64_mix(h, (uint64_t)kv->version);
        }
        mvcc_range_result_fini(&result, mem);
    }
    return h;
}

static bool chunk_add(struct chunks *chunks, struct mvcc_walk *walk, size_t bytes_max)
{
    size_t begin = chunks->bytes.len;
    if (!mvcc_walk_next(walk, bytes_max, &chunks->bytes)) {
        assert_int_equal(chunks->bytes.len, begin);
        return false;
    }
    assert_true(chunks->bytes.len > begin);
    assert_true(chunks->count < CHUNKS_MAX);
    chunks->end[chunks->count++] = chunks->bytes.len;
    return true;
}

static int load(const struct chunks *chunks, struct mem *mem, struct mvcc **m)
{
    struct mvcc_loader *loader = mvcc_load_new(mem);
    size_t begin = 0;
    for (size_t i = 0; i < chunks->count; i++) {
        const struct slice chunk = {chunks->bytes.ptr + begin, chunks->end[i] - begin};
        int rv = mvcc_load_add(loader, chunk);
        if (rv != 0) {
            mvcc_load_free(loader);
            return rv;
        }
        begin = chunks->end[i];
    }
    return mvcc_load_end(loader, m);
}

static void walk_whole(struct mvcc *m, struct mem *mem, struct chunks *chunks, size_t bytes_max)
{
    *chunks = (struct chunks){.bytes = {.mem = mem}};
    struct mvcc_walk *walk = mvcc_walk_new(m);
    while (chunk_add(chunks, walk, bytes_max)) {
    }
    mvcc_walk_free(walk);
}

/* A walk, with random changes between its chunks. */
static void walk_while_it_changes(struct world *w, struct chunks *chunks)
{
    *chunks = (struct chunks){.bytes = {.mem = w->mem}};
    uint64_t before = digest(w->m, w->mem);
    revision_t revision = mvcc_revision(w->m);
    struct mvcc_walk *walk = mvcc_walk_new(w->m);
    do {
        uint64_t changes = rng_below(&w->rng, 20);
        for (uint64_t i = 0; i < changes; i++) {
            change(w);
        }
    } while (chunk_add(chunks, walk, 1 + (size_t)rng_below(&w->rng, 2000)));
    mvcc_walk_free(walk);
    struct mvcc *loaded = NULL;
    assert_int_equal(load(chunks, w->mem, &loaded), 0);
    mvcc_check(loaded);
    assert_int_equal(mvcc_revision(loaded), revision);
    assert_int_equal(digest(loaded, w->mem), before);
    mvcc_free(loaded);
}

static void test_a_walk_shows_the_moment_it_began(void **state)
{
    (void)state;
    static struct chunks chunks;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world w = world_new(seed, seed % 3 == 0 ? 3 : 100);
        for (int round = 0; round < 4; round++) {
            uint64_t changes = rng_below(&w.rng, 300);
            for (uint64_t i = 0; i < changes; i++) {
                change(&w);
            }
            walk_while_it_changes(&w, &chunks);
            mvcc_check(w.m);
            buf_fini(&chunks.bytes);
        }
        world_free(&w);
    }
}

/* The loaded store goes on as the first one would have: compactions under way included. */
static void test_a_loaded_store_goes_on_alike(void **state)
{
    (void)state;
    static struct chunks chunks;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world w = world_new(seed, 20);
        for (int i = 0; i < 200; i++) {
            change(&w);
        }
        walk_whole(w.m, w.mem, &chunks, 500);
        struct world other = w;
        assert_int_equal(load(&chunks, w.mem, &other.m), 0);
        assert_int_equal(mvcc_compact_pending(other.m), mvcc_compact_pending(w.m));
        for (int i = 0; i < 200; i++) {
            change(&w);
            change(&other);
            assert_int_equal(mvcc_hash(w.m), mvcc_hash(other.m));
        }
        assert_int_equal(digest(w.m, w.mem), digest(other.m, w.mem));
        mvcc_check(other.m);
        mvcc_free(other.m);
        buf_fini(&chunks.bytes);
        world_free(&w);
    }
}

static void test_an_empty_store_is_an_image_too(void **state)
{
    (void)state;
    static struct chunks chunks;
    struct world w = world_new(1, 1);
    struct mvcc *loaded = NULL;
    walk_whole(w.m, w.mem, &chunks, 1);
    assert_int_equal(chunks.count, 1);
    assert_int_equal(load(&chunks, w.mem, &loaded), 0);
    assert_int_equal(mvcc_hash(loaded), mvcc_hash(w.m));
    assert_int_equal(mvcc_compacted(loaded), -1);
    mvcc_free(loaded);
    buf_fini(&chunks.bytes);
    world_free(&w);
}

static void test_a_value_longer_than_a_chunk_is_a_chunk(void **state)
{
    (void)state;
    static struct chunks chunks;
    static uint8_t value[100000];
    struct world w = world_new(1, 1);
    put(w.m, "a", slice_of(value, 10));
    put(w.m, "b", slice_of(value, sizeof(value)));
    put(w.m, "c", slice_of(value, 10));
    walk_whole(w.m, w.mem, &chunks, 200);
    assert_int_equal(chunks.count, 3);
    assert_true(chunks.end[0] <= 200);
    assert_true(chunks.end[1] - chunks.end[0] > sizeof(value));
    struct mvcc *loaded = NULL;
    assert_int_equal(load(&chunks, w.mem, &loaded), 0);
    assert_int_equal(digest(loaded, w.mem), digest(w.m, w.mem));
    mvcc_free(loaded);
    buf_fini(&chunks.bytes);
    world_free(&w);
}

static void test_a_walk_holds_compaction(void **state)
{
    (void)state;
    struct world w = world_new(1, 1);
    for (int i = 0; i < 10; i++) {
        put(w.m, "key", slice_str("value"));
    }
    uint64_t size = mvcc_size(w.m);
    struct mvcc_walk *walk = mvcc_walk_new(w.m);
    struct mvcc_walk *second = mvcc_walk_new(w.m);
    assert_int_equal(mvcc_compact(w.m, 11), 0);
    assert_true(mvcc_compact_step(w.m, 100));
    mvcc_walk_free(walk);
    assert_true(mvcc_compact_step(w.m, 100));
    assert_int_equal(mvcc_size(w.m), size);
    mvcc_walk_free(second);
    assert_false(mvcc_compact_step(w.m, 100));
    assert_int_equal(mvcc_size(w.m), size / 10);
    world_free(&w);
}

/* etcd lost its revision when the newest record was a deletion and was compacted away. */
static void test_the_newest_revision_outlives_its_compaction(void **state)
{
    (void)state;
    static struct chunks chunks;
    struct world w = world_new(1, 1);
    put(w.m, "a", slice_str("1"));
    put(w.m, "b", slice_str("1"));
    delete (w.m, "a", "z", w.mem);
    compact_whole(w.m, 4);
    walk_whole(w.m, w.mem, &chunks, 1000);
    struct mvcc *loaded = NULL;
    assert_int_equal(load(&chunks, w.mem, &loaded), 0);
    assert_int_equal(mvcc_revision(loaded), 4);
    put(loaded, "c", slice_str("1"));
    assert_int_equal(mvcc_revision(loaded), 5);
    mvcc_free(loaded);
    buf_fini(&chunks.bytes);
    /* The deletions were spared, for a watch from revision 4; the next compaction takes them. */
    assert_int_equal(mvcc_size(w.m), 2 * 65);
    put(w.m, "c", slice_str("1"));
    compact_whole(w.m, 5);
    assert_int_equal(mvcc_size(w.m), 66);
    world_free(&w);
}

/* A compaction that overtakes one under way comes back to what the first one spared. */
static void test_a_compaction_overtakes_another(void **state)
{
    (void)state;
    struct world w = world_new(1, 1);
    put(w.m, "a", slice_str("1"));
    put(w.m, "b", slice_str("1"));
    delete (w.m, "a", "z", w.mem);
    put(w.m, "c", slice_str("1"));
    assert_int_equal(mvcc_compact(w.m, 4), 0);
    assert_true(mvcc_compact_step(w.m, 3)); /* the deletion of a has been seen, that of b not */
    assert_int_equal(mvcc_compact(w.m, 4), ERR_ETCD_COMPACTED);
    assert_int_equal(mvcc_compact(w.m, 6), ERR_ETCD_FUTURE_REV);
    compact_whole(w.m, 5);
    assert_int_equal(mvcc_size(w.m), 66);
    world_free(&w);
}

/* Memory follows what is there: keys come and go, and one key is written over and over. */
static void test_compaction_gives_memory_back(void **state)
{
    (void)state;
    struct world w = world_new(1, 1);
    uint64_t peak = 0;
    for (unsigned round = 0; round < 20; round++) {
        char key[32];
        for (unsigned i = 0; i < 3000; i++) {
            (void)fmt(key, sizeof(key), "key/%u/%u", round, i);
            put(w.m, key, slice_str("value"));
            put(w.m, "hot", slice_str("value"));
        }
        delete (w.m, "key/", "key0", w.mem);
        put(w.m, "hot", slice_str("value"));
        peak = w.mem->bytes > peak ? w.mem->bytes : peak;
        compact_whole(w.m, mvcc_revision(w.m));
        assert_int_equal(mvcc_live(w.m), 1);
        assert_int_equal(mvcc_size(w.m), 64 + 8);
        assert_true(w.mem->bytes < 16384);
    }
    assert_true(peak < UINT64_C(3) * 1024 * 1024);
    world_free(&w);
}

/* Every single damaged byte of a small image is found out, and every cut. */
static void test_a_store_goes_bit_by_bit(void **state)
{
    (void)state;
    struct world w = world_new(6, 1);
    for (unsigned i = 0; i < 20000; i++) {
        char key[16];
        (void)fmt(key, sizeof(key), "%u", i % 15000);
        put(w.m, key, slice_str("v"));
    }
    /* 20,000 records and 15,000 keys: so many a step, and what shares a chunk with them. */
    for (unsigned steps = 1;; steps++) {
        size_t before = w.mem->count;
        bool more = mvcc_free_step(w.m, 1000);
        assert_true(before - w.mem->count <= 2 * (1000 + 511));
        if (!more) {
            assert_in_range(steps, 35000 / 1511, 36);
            break;
        }
    }
    assert_int_equal(w.mem->count, 0);
    w.m = NULL;
    world_free(&w);
}

static void test_damage_is_found(void **state)
{
    (void)state;
    static struct chunks chunks;
    struct world w = world_new(7, 5);
    for (int i = 0; i < 60; i++) {
        change(&w);
    }
    walk_whole(w.m, w.mem, &chunks, 100000);
    assert_int_equal(chunks.count, 1);
    for (size_t at = 0; at < chunks.bytes.len; at++) {
        struct mvcc *loaded = NULL;
        chunks.bytes.ptr[at] ^= 0x10;
        int rv = load(&chunks, w.mem, &loaded);
        assert_int_equal(rv, at < 4 ? ERR_FORMAT : ERR_CORRUPT);
        chunks.bytes.ptr[at] ^= 0x10;
    }
    for (size_t len = 0; len < chunks.bytes.len; len++) {
        struct mvcc *loaded = NULL;
        chunks.end[0] = len;
        assert_int_equal(load(&chunks, w.mem, &loaded), ERR_CORRUPT);
    }
    buf_fini(&chunks.bytes);
    world_free(&w);
}

static void test_a_newer_image_is_refused_as_such(void **state)
{
    (void)state;
    struct world w = world_new(1, 1);
    uint8_t head[64] = {2};
    struct mvcc_loader *loader = mvcc_load_new(w.mem);
    assert_int_equal(mvcc_load_add(loader, slice_of(head, sizeof(head))), ERR_FORMAT);
    mvcc_load_free(loader);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_walk_shows_the_moment_it_began),
        cmocka_unit_test(test_a_loaded_store_goes_on_alike),
        cmocka_unit_test(test_an_empty_store_is_an_image_too),
        cmocka_unit_test(test_a_value_longer_than_a_chunk_is_a_chunk),
        cmocka_unit_test(test_a_walk_holds_compaction),
        cmocka_unit_test(test_the_newest_revision_outlives_its_compaction),
        cmocka_unit_test(test_a_compaction_overtakes_another),
        cmocka_unit_test(test_compaction_gives_memory_back),
        cmocka_unit_test(test_a_store_goes_bit_by_bit),
        cmocka_unit_test(test_damage_is_found),
        cmocka_unit_test(test_a_newer_image_is_refused_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
