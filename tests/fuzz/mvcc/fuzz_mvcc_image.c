/* Any bytes as the image of a store: the load ends in an error, or in a store whose invariants
 * hold, that gives the same bytes back and that can be written to and compacted. Counts and the
 * hash would keep most inputs from getting that far, so each is tried a second time with them put
 * right.
 */
#include <stdlib.h>

#include "image.h"
#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void same_again(struct mvcc *m, struct mem *mem, struct slice bytes)
{
    struct buf out = {.mem = mem};
    struct mvcc_walk *walk = mvcc_walk_new(m);
    while (mvcc_walk_next(walk, 100, &out)) {
    }
    mvcc_walk_free(walk);
    check(slice_eq(buf_slice(&out), bytes));
    buf_fini(&out);
}

static void use(struct mvcc *m, struct mem *mem)
{
    const struct mvcc_put put = {.key = slice_str("key"), .value = slice_str("value")};
    struct mvcc_put_result put_result;
    check(mvcc_put(m, &put, &put_result) == 0);
    const struct mvcc_delete all = {.key = slice_of("", 1), .range_end = slice_of("", 1)};
    struct mvcc_delete_result delete_result;
    check(mvcc_delete(m, &all, mem, &delete_result) == 0);
    mvcc_delete_result_fini(&delete_result, mem);
    check(mvcc_put(m, &put, &put_result) == 0);
    check(mvcc_compact(m, mvcc_revision(m)) == 0);
    while (mvcc_compact_step(m, 3)) {
        mvcc_check(m);
    }
    mvcc_check(m);
    check(mvcc_live(m) == 1);
    check(mvcc_size(m) == 64 + 3 + 5);
}

static void try_image(struct slice bytes)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct mvcc_loader *loader = mvcc_load_new(mem);
    struct mvcc *m = NULL;
    int rv = mvcc_load_add(loader, bytes);
    check(mem->bytes_peak <= 16384 + 16 * (uint64_t)bytes.len);
    if (rv == 0) {
        rv = mvcc_load_end(loader, &m);
    } else {
        mvcc_load_free(loader);
    }
    check(rv == 0 || rv == ERR_CORRUPT || rv == ERR_FORMAT);
    if (rv == 0) {
        mvcc_check(m);
        same_again(m, mem, bytes);
        use(m, mem);
        mvcc_free(m);
    }
    check(mem->bytes == 0);
    mem_pool_free(pool);
}

/* The head's numbers that follow from the records, as far as their lengths lead. */
static void put_right(uint8_t *image, size_t size, struct mem *mem)
{
    struct reader r = reader_of(slice_of(image, size));
    struct mvcc *m = mvcc_new(mem);
    revision_t newest = 1;
    uint64_t count = 0;
    (void)read_bytes(&r, IMAGE_HEAD_BYTES);
    m->removed_hash = load_u64(image + 48);
    m->records_hash = m->removed_hash;
    while (r.len >= IMAGE_RECORD_BYTES) {
        struct record head = {.value_len = 0};
        uint32_t key_len = read_u32(&r);
        uint32_t value_len = read_u32(&r);
        head.mod = (revision_t)read_u64(&r);
        head.create = (revision_t)read_u64(&r);
        head.version = (int64_t)read_u64(&r);
        head.lease = (int64_t)read_u64(&r);
        head.sub = read_u32(&r);
        struct slice key_bytes = read_bytes(&r, key_len);
        struct slice value = read_bytes(&r, value_len);
        if (r.failed || key_len == 0) {
            break;
        }
        struct key *key = mvcc_key_new(mem, key_bytes);
        struct record *record = mvcc_record_new(mem, key, value);
        head.key = key;
        head.value_len = record->value_len;
        *record = head;
        m->records_hash += mvcc_record_hash(record);
        m->size += mvcc_record_size(record);
        newest = head.mod;
        count++;
        mem_free(mem, record);
        mvcc_key_free(key, mem);
    }
    m->revision = newest;
    m->compacted = (revision_t)load_u64(image + 24);
    m->sweep = (struct stamp){(revision_t)load_u64(image + 8), load_u32(image + 4)};
    store_u32(image, IMAGE_VERSION);
    store_u64(image + 16, (uint64_t)newest);
    store_u64(image + 32, count);
    store_u64(image + 40, m->size);
    store_u64(image + 56, mvcc_image_hash(m));
    mvcc_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_image(slice_of(data, size));
    if (size < IMAGE_HEAD_BYTES) {
        return 0;
    }
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    uint8_t *copy = mem_alloc(mem, size);
    memcpy(copy, data, size);
    put_right(copy, size, mem);
    try_image(slice_of(copy, size));
    mem_pool_free(pool);
    return 0;
}
