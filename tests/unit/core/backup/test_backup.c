/* The bytes of a backup: what was written is read again, in pieces of any size, and nothing else
 * is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backup/backup.h"

struct world {
    struct mem_pool *pool;
    struct mem *mem;
    struct buf file;
};

static int setup(void **state)
{
    static struct world w;
    w.pool = mem_pool_new(UINT64_MAX, 0xA5);
    w.mem = mem_pool_mem(w.pool);
    buf_init(&w.file, w.mem);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    buf_fini(&w->file);
    assert_int_equal(w->mem->count, 0);
    mem_pool_free(w->pool);
    return 0;
}

static void write_file(struct world *w, size_t payload)
{
    const struct snapshot_head head = {.cluster_id = 7,
                                       .member_id = 8,
                                       .instance = 9,
                                       .epoch = 10,
                                       .index = 11,
                                       .term = 3,
                                       .conf = {.voter_count = 1, .voters = {8}}};
    uint8_t bytes[1500];
    memset(bytes, 'x', sizeof(bytes));
    assert_true(payload <= sizeof(bytes));
    buf_clear(&w->file);
    struct backup_writer *writer = backup_begin(w->mem, &head, 77, &w->file);
    backup_chunk(writer, 1, slice_str("members"), &w->file);
    backup_chunk(writer, 2, slice_of(bytes, payload), &w->file);
    backup_end(writer, &w->file);
    backup_writer_free(writer);
}

struct outcome {
    int err;
    size_t heads;
    size_t chunks;
    size_t bytes;
    char words[700];
};

static struct outcome read_file(struct world *w, struct slice file, size_t piece, bool hash)
{
    struct outcome o = {0};
    struct backup_reader *reader = backup_reader_new(w->mem, true);
    enum snap_step step = SNAP_MORE;
    while (file.len > 0 && step != SNAP_BAD) {
        struct slice bytes = slice_of(file.ptr, piece < file.len ? piece : file.len);
        file = slice_from(file, bytes.len);
        while ((step = backup_read(reader, &bytes)) != SNAP_MORE && step != SNAP_BAD) {
            o.heads += step == SNAP_HEAD;
            if (step == SNAP_CHUNK) {
                o.chunks++;
                o.bytes += backup_payload(reader).len;
                assert_int_equal(backup_type(reader), o.chunks);
            }
        }
    }
    o.err = backup_read_end(reader, hash);
    if (o.err == 0) {
        assert_int_equal(backup_head(reader)->index, 11);
        assert_int_equal(backup_head(reader)->epoch, 10);
    } else {
        struct buf words;
        buf_init(&words, w->mem);
        backup_words(reader, &words);
        assert_true(words.len > 0 && words.len < sizeof(o.words));
        memcpy(o.words, buf_cstr(&words), words.len + 1);
        buf_fini(&words);
    }
    backup_reader_free(reader);
    return o;
}

static void test_what_was_written_is_read(void **state)
{
    struct world *w = *state;
    for (size_t payload = 0; payload < 1200; payload += 37) {
        write_file(w, payload);
        /* etcd's clients save nothing of another length. */
        assert_int_equal(w->file.len % BACKUP_PAGE_BYTES, BACKUP_HASH_BYTES);
        const size_t pieces[] = {1, 17, 512, w->file.len};
        for (size_t i = 0; i < 4; i++) {
            struct outcome o = read_file(w, buf_slice(&w->file), pieces[i], true);
            assert_int_equal(o.err, 0);
            assert_int_equal(o.heads, 1);
            assert_int_equal(o.chunks, 2);
            assert_int_equal(o.bytes, 7 + payload);
        }
    }
}

static void test_a_file_that_is_cut_is_refused(void **state)
{
    struct world *w = *state;
    write_file(w, 100);
    size_t whole = w->file.len;
    for (size_t len = 0; len < whole; len++) {
        struct outcome o = read_file(w, slice_of(w->file.ptr, len), 4096, true);
        bool bare = len == whole - BACKUP_HASH_BYTES;
        assert_int_equal(o.err, bare ? ERR_INVALID : ERR_CORRUPT);
        assert_true(!bare ||
                    strcmp(o.words, "snapshot missing hash but --skip-hash-check=false") == 0);
        /* Without its hash it is what a member has in its data directory. */
        o = read_file(w, slice_of(w->file.ptr, len), 4096, false);
        assert_int_equal(o.err, bare ? 0 : ERR_CORRUPT);
    }
}

static void test_every_byte_counts(void **state)
{
    struct world *w = *state;
    write_file(w, 60);
    for (size_t at = 0; at < w->file.len; at++) {
        w->file.ptr[at] ^= 0x10;
        struct outcome o = read_file(w, buf_slice(&w->file), 4096, true);
        assert_int_not_equal(o.err, 0);
        bool in_hash = at >= w->file.len - BACKUP_HASH_BYTES;
        assert_true(in_hash == (strncmp(o.words, "expected sha256 [", 17) == 0));
        o = read_file(w, buf_slice(&w->file), 4096, false);
        assert_true(in_hash == (o.err == 0));
        w->file.ptr[at] ^= 0x10;
    }
}

static void test_nothing_may_follow_the_hash(void **state)
{
    struct world *w = *state;
    write_file(w, 60);
    buf_add_u8(&w->file, 0);
    struct outcome o = read_file(w, buf_slice(&w->file), 4096, false);
    assert_int_equal(o.err, ERR_CORRUPT);
    assert_true(strncmp(o.words, "there is more behind the hash (at offset ", 41) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_cut_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_byte_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_may_follow_the_hash, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
