/* Any bytes as a log: the boot ends in an error or in a log that can be written to, within the
 * bound on memory; what was given back once is given back again. Checksums would keep most inputs
 * from getting far, so each input is tried a second time with all of them put right. */
#include <stdlib.h>

#include "base/hash.h"
#include "flat_disk.h"
#include "record.h"
#include "storage/storage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    int status;
    bool ended;
    uint64_t boot;
    size_t entries;
    struct raft_hard_state hard;
    uint64_t digest;
};

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void on_opened(void *data, int status, const struct storage_boot *boot)
{
    struct outcome *outcome = data;
    outcome->ended = true;
    outcome->status = status;
    if (status != 0) {
        return;
    }
    outcome->boot = boot->boot;
    outcome->hard = boot->hard;
    outcome->entries = boot->entry_count;
    outcome->digest = boot->snapshot_index;
    for (size_t i = 0; i < boot->entry_count; i++) {
        const struct raft_entry *entry = &boot->entries[i];
        check(entry->index == boot->snapshot_index + i + 1);
        for (size_t j = 0; j < entry->payload.len; j++) {
            outcome->digest = outcome->digest * 31 + entry->payload.ptr[j];
        }
    }
}

static void on_persisted(void *data, uint64_t token, index_t index, term_t term)
{
    (void)data;
    (void)token;
    (void)index;
    (void)term;
}

static void on_failed(void *data, int err)
{
    (void)data;
    (void)err;
    abort();
}

static void on_closed(void *data)
{
    (void)data;
}

static struct outcome boot(struct flat_disk *disk)
{
    static const struct storage_events events = {
        .opened = on_opened, .persisted = on_persisted, .failed = on_failed, .closed = on_closed};
    struct outcome outcome = {0};
    flat_boot(disk);
    struct storage *storage = storage_new(&disk->env, "d", NULL, &events, &outcome);
    storage_open(storage);
    flat_settle(disk);
    check(outcome.ended);
    check(outcome.status == 0 || storage_words(storage)[0] != '\0');
    storage_close(storage);
    flat_run(disk);
    storage_free(storage);
    check(disk->env.mem->bytes == 0);
    return outcome;
}

/* Makes every checksum right, as far as the lengths lead. */
static void put_right(uint8_t *file, size_t size)
{
    if (size < WAL_HEADER_BYTES) {
        return;
    }
    memcpy(file, wal_magic, sizeof(wal_magic));
    bool v1 = load_u32(file + 8) == 1;
    store_u32(file + 8, v1 ? 1 : WAL_VERSION);
    uint32_t crc = crc32c(0, file, 60);
    store_u32(file + 60, crc);
    struct wal_tail tail = {load_u32(file + 12), crc, WAL_HEADER_V1_BYTES};
    if (!v1) {
        tail.chain = crc32c(0, file, WAL_HEADER_BYTES - 4);
        tail.offset = WAL_HEADER_BYTES;
        store_u32(file + WAL_HEADER_BYTES - 4, tail.chain);
    }
    while (size - tail.offset >= WAL_RECORD_BYTES) {
        uint8_t *head = file + tail.offset;
        size_t whole = WAL_RECORD_BYTES + wal_padded(load_u32(head + 8));
        if (size - tail.offset < whole) {
            return;
        }
        tail.chain = crc32c(tail.chain, head + 8, whole - 8);
        store_u32(head + 4, tail.chain);
        store_u32(head, wal_head_crc(&tail, head));
        tail.offset += whole;
    }
}

static void try_file(const uint8_t *data, size_t size)
{
    struct flat_disk disk;
    flat_init(&disk, 1);
    bool v1 = size >= 12 && load_u32(data + 8) == 1;
    flat_put(&disk,
             v1 ? "d/wal/0000000000000001.wal" : "d/wal/0000000000000001-0000000000000001.wal",
             slice_of(data, size));
    const struct outcome first = boot(&disk);
    check(disk.env.mem->bytes_peak <= 64 * 1024 + 8 * (uint64_t)size);
    check(first.status == 0 || first.status == ERR_CORRUPT || first.status == ERR_FORMAT);
    const struct outcome second = boot(&disk);
    check(second.status == first.status);
    if (first.status == 0) {
        check(second.boot == first.boot + 1 && second.entries == first.entries);
        check(second.digest == first.digest && second.hard.commit == first.hard.commit);
    }
    flat_fini(&disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_file(data, size);
    uint8_t *copy = malloc(size + 1);
    check(copy != NULL);
    memcpy(copy, data, size);
    put_right(copy, size);
    try_file(copy, size);
    free(copy);
    return 0;
}
