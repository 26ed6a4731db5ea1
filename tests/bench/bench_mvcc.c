/* The key space alone: what a walk costs the writers and the loop beside it, how fast an image
 * loads, how fast old revisions go.
 *
 *   bench_mvcc [KEYS [VALUE-BYTES]]      1,048,576 keys of 1,024 bytes unless told
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fmt.h"
#include "mvcc/mvcc.h"

#define CHUNK_BYTES  65536
#define PUTS         200000 /* measured ones */
#define WALK_EVERY   16     /* puts between two chunks of the walk beside them */
#define SWEEP        1000   /* records a step */
#define CHURN_PUTS   10000000
#define CHURN_KEYS   1000
#define CHURN_PERIOD 100000 /* puts between two compactions */

static double now_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    return now_s(CLOCK_PROCESS_CPUTIME_ID);
}

static void fail(const char *what)
{
    fprintf(stderr, "bench_mvcc: %s\n", what);
    exit(1);
}

static void put(struct mvcc *m, uint64_t number, struct slice value)
{
    char key[32];
    struct mvcc_put_result result;
    size_t len = fmt(key, sizeof(key), "/registry/%016llx",
                     (unsigned long long)(number * UINT64_C(0x9E3779B97F4A7C15)));
    const struct mvcc_put request = {.key = slice_of(key, len), .value = value};
    if (mvcc_put(m, &request, &result) != 0) {
        fail("a put failed");
    }
}

static double put_ns(struct mvcc *m, uint64_t keys, struct slice value, struct mvcc_walk *walk,
                     struct buf *out)
{
    double walked = 0;
    double before = cpu_s();
    for (uint64_t i = 0; i < PUTS; i++) {
        put(m, i * 7919 % keys, value);
        if (walk != NULL && i % WALK_EVERY == 0) {
            double begin = cpu_s();
            buf_clear(out);
            (void)mvcc_walk_next(walk, CHUNK_BYTES, out);
            walked += cpu_s() - begin;
        }
    }
    return (cpu_s() - before - walked) * 1e9 / PUTS;
}

static void sweep(struct mvcc *m, uint64_t *worst_ns)
{
    bool more = mvcc_compact_pending(m);
    while (more) {
        double begin = cpu_s();
        more = mvcc_compact_step(m, SWEEP);
        uint64_t took = (uint64_t)((cpu_s() - begin) * 1e9);
        *worst_ns = took > *worst_ns ? took : *worst_ns;
    }
}

static void walk_and_load(struct mvcc *m, struct mem *mem)
{
    struct buf out = {.mem = mem};
    struct mvcc_walk *walk = mvcc_walk_new(m);
    struct mvcc_loader *loader = mvcc_load_new(mem);
    struct mvcc *loaded = NULL;
    double walked = 0;
    double loading = 0;
    double worst = 0;
    uint64_t bytes = 0;
    bool more = true;
    while (more) {
        double begin = cpu_s();
        buf_clear(&out);
        more = mvcc_walk_next(walk, CHUNK_BYTES, &out);
        double middle = cpu_s();
        if (more && mvcc_load_add(loader, buf_slice(&out)) != 0) {
            fail("an image does not load");
        }
        loading += cpu_s() - middle;
        walked += middle - begin;
        worst = middle - begin > worst ? middle - begin : worst;
        bytes += out.len;
    }
    mvcc_walk_free(walk);
    double begin = cpu_s();
    if (mvcc_load_end(loader, &loaded) != 0 || mvcc_hash(loaded) != mvcc_hash(m)) {
        fail("a loaded store is another");
    }
    loading += cpu_s() - begin;
    double mib = (double)bytes / 1048576;
    printf(
        "mvcc      walk %.0f MiB/s, a chunk of 64 KiB at most %.0f us; load %.0f MiB/s (%.0f MiB "
        "in %.1f s)\n",
        mib / walked, worst * 1e6, mib / loading, mib, loading);
    mvcc_free(loaded);
    buf_fini(&out);
}

/* Few keys written over and over, compacted now and then: what stays is bounded. */
static void churn(struct mem *mem)
{
    struct mvcc *m = mvcc_new(mem);
    uint64_t worst_ns = 0;
    double sweeping = 0;
    double before = cpu_s();
    uint64_t peak = 0;
    for (uint64_t i = 1; i <= CHURN_PUTS; i++) {
        put(m, i % CHURN_KEYS, slice_str("a value of thirty-two bytes, yes"));
        if (i % CHURN_PERIOD == 0) {
            double begin = cpu_s();
            peak = mem->bytes > peak ? mem->bytes : peak;
            if (mvcc_compact(m, mvcc_revision(m)) != 0) {
                fail("a compaction is refused");
            }
            sweep(m, &worst_ns);
            sweeping += cpu_s() - begin;
        }
    }
    double took = cpu_s() - before;
    printf("mvcc      %d puts over %d keys, compacted every %d: %.1f s, %.0f KiB in the end, %.1f "
           "MiB at most; %.2f M records/s compacted, a step of %d at most %llu us\n",
           CHURN_PUTS, CHURN_KEYS, CHURN_PERIOD, took, (double)mem->bytes / 1024,
           (double)peak / 1048576, CHURN_PUTS / sweeping / 1e6, SWEEP,
           (unsigned long long)(worst_ns / 1000));
    mvcc_free(m);
}

int main(int argc, char **argv)
{
    uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1048576;
    size_t value_bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 1024;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    uint8_t *bytes = mem_zalloc(mem, 1, value_bytes + 1);
    struct slice value = slice_of(bytes, value_bytes);
    struct mvcc *m = mvcc_new(mem);
    if (keys == 0) {
        fail("no keys");
    }
    for (uint64_t i = 0; i < keys; i++) {
        put(m, i, value);
    }
    printf("mvcc      %llu keys of %zu bytes: %.0f bytes a key beyond key and value\n",
           (unsigned long long)keys, value_bytes,
           (double)mem->bytes / (double)keys - (double)value_bytes - 26);
    walk_and_load(m, mem);
    struct buf out = {.mem = mem};
    double alone = put_ns(m, keys, value, NULL, NULL);
    struct mvcc_walk *walk = mvcc_walk_new(m);
    double beside = put_ns(m, keys, value, walk, &out);
    mvcc_walk_free(walk);
    printf("mvcc      put %.0f ns alone, %.0f ns beside a walk\n", alone, beside);
    uint64_t worst_ns = 0;
    double before = cpu_s();
    if (mvcc_compact(m, mvcc_revision(m)) != 0) {
        fail("a compaction is refused");
    }
    sweep(m, &worst_ns);
    printf("mvcc      compaction looks at %.2f M records/s, a step of %d at most %llu us\n",
           (double)(keys + 2 * PUTS) / (cpu_s() - before) / 1e6, SWEEP,
           (unsigned long long)(worst_ns / 1000));
    buf_fini(&out);
    mvcc_free(m);
    mem_free(mem, bytes);
    churn(mem);
    mem_pool_free(pool);
    return 0;
}
