/* A member whose log lies in many small segments, in the smallest world; its tests share it. One
 * member in each program.
 */
#ifndef TEST_STORAGE_SEGMENTED_H
#define TEST_STORAGE_SEGMENTED_H

#include <stdio.h>

#include "base/fmt.h"
#include "flat_disk.h"
#include "format.h"
#include "storage/storage.h"
#include "testing.h"

#define SEGMENT_BYTES 1024
#define SPARE         "data/wal/spare.tmp"

struct member {
    struct flat_disk disk;
    struct storage *storage;
    int status;
    uint64_t boot;
    uint32_t instance;
    struct raft_hard_state hard;
    index_t snapshot;
    index_t first;
    index_t last;
    term_t terms[512];
    index_t recover_to;
    bool refuses; /* to go on without what has rotted */
    char words[400];
    /* This life. */
    uint64_t token;
    uint64_t persisted;
    term_t term;
    bool closed;
    int failed;
    uint64_t space; /* as told last */
    int space_calls;
    struct storage_sink *sink;
    int sink_status;
    bool sink_given;
};

static struct member m;

static inline void on_opened(void *data, int status, const struct storage_boot *boot)
{
    struct member *self = data;
    self->status = status;
    fmt(self->words, sizeof(self->words), "%s", storage_words(self->storage));
    if (status != 0) {
        return;
    }
    self->boot = boot->boot;
    self->instance = boot->instance;
    self->hard = boot->hard;
    self->snapshot = boot->snapshot_index;
    self->first = boot->entry_count > 0 ? boot->entries[0].index : boot->snapshot_index + 1;
    self->last = self->first + boot->entry_count - 1;
    self->recover_to = boot->recover_to;
    if (!self->refuses) {
        storage_repair(self->storage);
    }
    assert_true(self->first <= self->snapshot + 1 && self->last < 512);
    for (size_t i = 0; i < boot->entry_count; i++) {
        assert_int_equal(boot->entries[i].index, self->first + i);
        self->terms[self->first + i] = boot->entries[i].term;
        assert_true(boot->entries[i].payload.len == 100 || boot->entries[i].payload.len < 100);
    }
}

static inline void on_persisted(void *data, uint64_t token, index_t index, term_t term)
{
    (void)index;
    (void)term;
    ((struct member *)data)->persisted = token;
}

static inline void on_failed(void *data, int err)
{
    ((struct member *)data)->failed = err;
}

static inline void on_closed(void *data)
{
    ((struct member *)data)->closed = true;
}

static inline void on_space(void *data, uint64_t free_bytes)
{
    struct member *self = data;
    self->space = free_bytes;
    self->space_calls++;
}

static const struct storage_events events = {.opened = on_opened,
                                             .persisted = on_persisted,
                                             .failed = on_failed,
                                             .space = on_space,
                                             .closed = on_closed};

static inline int setup(void **state)
{
    (void)state;
    m = (struct member){.status = 1};
    flat_init(&m.disk, 1);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    flat_fini(&m.disk);
    return 0;
}

static inline void again(uint64_t seed)
{
    flat_fini(&m.disk);
    m = (struct member){.status = 1};
    flat_init(&m.disk, seed);
}

static inline void start(void)
{
    const struct storage_options options = {.segment_bytes = SEGMENT_BYTES};
    flat_boot(&m.disk);
    m.storage = storage_new(&m.disk.env, "data", &options, &events, &m);
    m.token = 0;
    m.persisted = 0;
    m.status = 1;
    m.failed = 0;
    storage_open(m.storage);
}

static inline void boot_again(void)
{
    start();
    flat_settle(&m.disk);
}

static inline void boot_fresh(void)
{
    const struct storage_meta meta = {7, 8};
    boot_again();
    assert_int_equal(m.status, ERR_NOT_FOUND);
    storage_create(m.storage, &meta);
    flat_settle(&m.disk);
    assert_int_equal(m.status, 0);
    m.term = 1;
    m.last = 0;
}

static inline void stop_cleanly(void)
{
    m.closed = false;
    storage_close(m.storage);
    flat_run(&m.disk);
    assert_true(m.closed);
    storage_free(m.storage);
    assert_int_equal(m.disk.env.mem->bytes, 0);
    flat_kill(&m.disk);
}

/* One entry of 100 bytes, behind the last or in the place of another. */
static inline void ask(index_t index)
{
    uint8_t payload[100];
    memset(payload, (int)index, sizeof(payload));
    const struct raft_entry entry = {m.term, index, slice_of(payload, sizeof(payload)), 0};
    const struct raft_persist p = {.token = ++m.token,
                                   .sync = true,
                                   .hard = {m.term, 3, index > 4 ? index - 4 : 0},
                                   .truncate_from = index <= m.last ? index : 0,
                                   .entries = &entry,
                                   .entry_count = 1,
                                   .last_index = index,
                                   .last_term = m.term};
    storage_persist(m.storage, &p);
    storage_flush(m.storage);
    m.last = index;
    m.terms[index] = m.term;
}

static inline void append(index_t count)
{
    for (index_t i = 0; i < count; i++) {
        ask(m.last + 1);
        flat_settle(&m.disk);
        assert_int_equal(m.persisted, m.token);
    }
}

static inline void on_more(void *data)
{
    struct member *self = data;
    if (self->sink_given) {
        storage_sink_finish(self->sink);
        return;
    }
    self->sink_given = true;
    storage_sink_chunk(self->sink, 1, slice_str("state"));
}

static inline void on_done(void *data, int status)
{
    ((struct member *)data)->sink_status = status;
}

static inline void begin_snapshot(index_t index)
{
    static const struct storage_sink_events sink_events = {on_more, on_done};
    const struct snapshot_head head = {
        .index = index, .term = m.terms[index], .conf = {.voter_count = 1, .voters = {8}}};
    m.sink_status = 1;
    m.sink_given = false;
    m.sink = storage_write_snapshot(m.storage, &head, &sink_events, &m);
}

static inline void snapshot(index_t index, index_t compact_to)
{
    begin_snapshot(index);
    flat_settle(&m.disk);
    assert_int_equal(m.sink_status, 0);
    storage_snapshot_taken(m.storage, index, m.terms[index], compact_to);
    storage_flush(m.storage);
    flat_settle(&m.disk);
}

/* The segments that are there, in order. */
static inline size_t list_segments(struct flat_file **found, size_t max)
{
    size_t count = 0;
    for (uint64_t sequence = 1; sequence < 200 && count < max; sequence++) {
        char start_of_name[40];
        size_t len = fmt(start_of_name, sizeof(start_of_name), "data/wal/%016llx-",
                         (unsigned long long)sequence);
        for (int i = 0; i < FLAT_FILES; i++) {
            if (strncmp(m.disk.files[i].name, start_of_name, len) == 0) {
                found[count++] = &m.disk.files[i];
            }
        }
    }
    return count;
}

/* Runs until nothing is under way; false if that disk operation was reached first, or one failed.
 */
static inline bool run_until(uint64_t at)
{
    while (m.disk.waiting > 0) {
        if (m.disk.performed == at) {
            return false;
        }
        flat_step(&m.disk);
    }
    return m.failed == 0;
}

#endif
