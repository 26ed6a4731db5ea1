/* Any bytes as a backup: read in pieces of any size they give the same end, and what they hold
 * becomes a store and a plan, or an error with words. Checksums would keep most inputs from getting
 * far, so the input is also taken as what the chunks hold: 2 bytes length, 1 byte type, payload. */
#include <stdlib.h>
#include <string.h>

#include "plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void examine(struct mem *mem, struct backup_content *content,
                    const struct snapshot_head *head)
{
    struct membership target;
    struct backup_plan plan;
    if (backup_content_end(content) != 0) {
        check(content->what != NULL);
        return;
    }
    check(mvcc_revision(content->mvcc) >= 1);
    membership_init(&target, mem);
    int err =
        membership_parse(&target, slice_str("a=http://a:1,b=http://b:1"), slice_str("t"), NULL);
    check(err == 0);
    uint64_t epoch = membership_epoch_next(content->state.members.epoch, 1);
    err = backup_plan_make(&plan, &content->state.members, &target, epoch, head);
    check(err != 0 || content->state.members.count == 2);
    backup_plan_fini(&plan);
    membership_fini(&target);
}

static int read_file(struct slice file, size_t piece, uint64_t *chunks)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem *mem = mem_pool_mem(pool);
    struct backup_reader *reader = backup_reader_new(mem, true);
    struct backup_content content;
    struct buf words;
    int err = 0;
    bool bad = false;
    *chunks = 0;
    buf_init(&words, mem);
    backup_content_init(&content, mem);
    while (file.len > 0 && !bad && err == 0) {
        struct slice bytes = slice_of(file.ptr, piece < file.len ? piece : file.len);
        file = slice_from(file, bytes.len);
        for (enum snap_step step = SNAP_HEAD; err == 0;) {
            step = backup_read(reader, &bytes);
            bad = step == SNAP_BAD;
            if (step == SNAP_MORE || bad) {
                break;
            }
            if (step == SNAP_CHUNK) {
                ++*chunks;
                err = backup_content_add(&content, backup_head(reader), backup_type(reader),
                                         backup_payload(reader));
            }
        }
    }
    if (err == 0) {
        err = backup_read_end(reader, true);
        if (err == 0) {
            examine(mem, &content, backup_head(reader));
        } else {
            backup_words(reader, &words);
            check(words.len > 0);
        }
    } else {
        check(content.what != NULL);
    }
    buf_fini(&words);
    backup_content_fini(&content);
    backup_reader_free(reader);
    check(mem->bytes == 0);
    mem_pool_free(pool);
    return err;
}

static void try_file(struct slice file)
{
    uint64_t chunks = 0;
    uint64_t cut_chunks = 0;
    int err = read_file(file, file.len + 1, &chunks);
    const size_t pieces[] = {1, 13, 700};
    for (size_t i = 0; i < 3; i++) {
        check(read_file(file, pieces[i], &cut_chunks) == err && cut_chunks == chunks);
    }
}

/* A header that fits to the state in the first payload, if there is one. */
static void fit_head(struct mem *mem, struct slice payload, struct snapshot_head *head)
{
    struct state state;
    state_init(&state, mem);
    if (state_decode(&state, payload) == 0 && state.index < (UINT64_C(1) << 62) &&
        state.term < (UINT64_C(1) << 62)) {
        head->cluster_id = state.members.cluster_id;
        head->epoch = state.members.epoch;
        head->index = state.index;
        head->term = state.term;
        backup_conf(&state.members, &head->conf);
    }
    state_fini(&state);
}

/* A sound file around these payloads. */
static void try_payloads(struct slice data)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem *mem = mem_pool_mem(pool);
    struct snapshot_head head = {.cluster_id = 7,
                                 .member_id = 8,
                                 .index = 11,
                                 .term = 3,
                                 .conf = {.voter_count = 1, .voters = {8}}};
    struct buf file;
    struct reader in = reader_of(data);
    buf_init(&file, mem);
    if (data.len > 3) {
        size_t first = data.ptr[0] * 256u + data.ptr[1];
        first = first < data.len - 3 ? first : data.len - 3;
        fit_head(mem, slice_of(data.ptr + 3, first), &head);
    }
    struct backup_writer *writer = backup_begin(mem, &head, 1, &file);
    while (in.len >= 3) {
        size_t len = read_u8(&in);
        len = len * 256 + read_u8(&in);
        uint8_t type = read_u8(&in);
        len = len < in.len ? len : in.len;
        backup_chunk(writer, type % 4 + 1u, read_bytes(&in, len), &file);
    }
    backup_end(writer, &file);
    backup_writer_free(writer);
    try_file(buf_slice(&file));
    buf_fini(&file);
    mem_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_file(slice_of(data, size));
    try_payloads(slice_of(data, size));
    return 0;
}
