#include "backup/backup.h"

#include <nettle/sha2.h>

#include "base/assert.h"
#include "base/probe.h"

struct backup_writer {
    struct mem *mem;
    struct snap_tail tail;
    struct sha256_ctx sha;
};

/* What was appended since `before`. */
static void digest(struct backup_writer *writer, const struct buf *out, size_t before)
{
    sha256_update(&writer->sha, out->len - before, out->ptr + before);
}

struct backup_writer *backup_begin(struct mem *mem, const struct snapshot_head *head, uint32_t salt,
                                   struct buf *out)
{
    struct backup_writer *writer = mem_zalloc(mem, 1, sizeof(*writer));
    size_t before = out->len;
    writer->mem = mem;
    sha256_init(&writer->sha);
    snap_write_header(out, head, salt, &writer->tail);
    digest(writer, out, before);
    return writer;
}

void backup_chunk(struct backup_writer *writer, uint32_t type, struct slice payload,
                  struct buf *out)
{
    size_t before = out->len;
    snap_write_chunk(out, &writer->tail, type, payload);
    digest(writer, out, before);
}

void backup_end(struct backup_writer *writer, struct buf *out)
{
    static const uint8_t zeros[BACKUP_PAGE_BYTES] = {0};
    size_t before = out->len;
    uint8_t hash[BACKUP_HASH_BYTES];
    uint64_t bare = writer->tail.offset + 2 * SNAP_CHUNK_BYTES + SNAP_END_BYTES;
    size_t padding = (size_t)(-bare % BACKUP_PAGE_BYTES);
    snap_write_chunk(out, &writer->tail, BACKUP_CHUNK_PADDING, slice_of(zeros, padding));
    ASSERT((writer->tail.offset + SNAP_CHUNK_BYTES + SNAP_END_BYTES) % BACKUP_PAGE_BYTES == 0);
    snap_write_end(out, &writer->tail);
    digest(writer, out, before);
    sha256_digest(&writer->sha, sizeof(hash), hash);
    buf_add(out, hash, sizeof(hash));
}

void backup_writer_free(struct backup_writer *writer)
{
    if (writer != NULL) {
        mem_free(writer->mem, writer);
    }
}

/* Reading ------------------------------------------------------------------------------------- */

struct backup_reader {
    struct mem *mem;
    struct snap_parser parser;
    struct sha256_ctx sha;
    uint64_t bytes; /* of the snapshot, so far */
    bool complete;  /* the snapshot; the hash follows */
    uint8_t own[BACKUP_HASH_BYTES];
    uint8_t told[BACKUP_HASH_BYTES];
    size_t told_len;
    const char *what; /* of an error that the parser does not know */
};

struct backup_reader *backup_reader_new(struct mem *mem, bool keep)
{
    struct backup_reader *reader = mem_zalloc(mem, 1, sizeof(*reader));
    reader->mem = mem;
    reader->parser.keep = keep;
    buf_init(&reader->parser.payload, mem);
    sha256_init(&reader->sha);
    return reader;
}

void backup_reader_free(struct backup_reader *reader)
{
    if (reader != NULL) {
        buf_fini(&reader->parser.payload);
        mem_free(reader->mem, reader);
    }
}

static enum snap_step read_hash(struct backup_reader *reader, struct slice *bytes)
{
    size_t room = BACKUP_HASH_BYTES - reader->told_len;
    size_t len = bytes->len < room ? bytes->len : room;
    if (len > 0) {
        memcpy(reader->told + reader->told_len, bytes->ptr, len);
    }
    reader->told_len += len;
    *bytes = slice_from(*bytes, len);
    if (bytes->len > 0) {
        PROBE("backup.bytes_behind_hash");
        reader->what = "there is more behind the hash";
        return SNAP_BAD;
    }
    return SNAP_MORE;
}

static enum snap_step read_next(struct backup_reader *reader, struct slice *bytes)
{
    if (reader->what != NULL) {
        return SNAP_BAD;
    }
    if (reader->complete) {
        return read_hash(reader, bytes);
    }
    const uint8_t *from = bytes->ptr;
    size_t before = bytes->len;
    enum snap_step step = snap_parse(&reader->parser, bytes);
    size_t taken = before - bytes->len;
    if (taken > 0) {
        sha256_update(&reader->sha, taken, from);
    }
    reader->bytes += taken;
    if (step != SNAP_END) {
        return step;
    }
    reader->complete = true;
    sha256_digest(&reader->sha, sizeof(reader->own), reader->own);
    return read_hash(reader, bytes);
}

enum snap_step backup_read(struct backup_reader *reader, struct slice *bytes)
{
    enum snap_step step = read_next(reader, bytes);
    while (step == SNAP_CHUNK && reader->parser.type == BACKUP_CHUNK_PADDING) {
        step = read_next(reader, bytes);
    }
    return step;
}

int backup_read_end(struct backup_reader *reader, bool hash_wanted)
{
    if (reader->what != NULL) {
        return ERR_CORRUPT;
    }
    if (!reader->complete) {
        int err = snap_parse_end(&reader->parser);
        ASSERT(err != 0);
        return err;
    }
    if (reader->told_len != 0 && reader->told_len != BACKUP_HASH_BYTES) {
        reader->what = "the hash is cut off";
        return ERR_CORRUPT;
    }
    if (!hash_wanted) {
        return 0;
    }
    if (reader->told_len == 0) {
        PROBE("backup.without_hash");
        return ERR_INVALID;
    }
    return memcmp(reader->own, reader->told, BACKUP_HASH_BYTES) == 0 ? 0 : ERR_INVALID;
}

/* As Go prints an array of bytes. */
static void add_hash(struct buf *out, const uint8_t *hash)
{
    for (size_t i = 0; i < BACKUP_HASH_BYTES; i++) {
        buf_printf(out, "%s%u", i == 0 ? "[" : " ", hash[i]);
    }
    buf_add_str(out, "]");
}

void backup_words(const struct backup_reader *reader, struct buf *out)
{
    if (reader->what != NULL) {
        buf_printf(out, "%s (at offset %llu)", reader->what,
                   (unsigned long long)(reader->bytes + reader->told_len));
    } else if (!reader->complete) {
        buf_printf(out, "%s (at offset %llu)", reader->parser.what,
                   (unsigned long long)reader->parser.where);
    } else if (reader->told_len == 0) {
        buf_add_str(out, "snapshot missing hash but --skip-hash-check=false");
    } else {
        buf_add_str(out, "expected sha256 ");
        add_hash(out, reader->told);
        buf_add_str(out, ", got ");
        add_hash(out, reader->own);
    }
}

const struct snapshot_head *backup_head(const struct backup_reader *reader)
{
    return &reader->parser.head;
}

uint32_t backup_type(const struct backup_reader *reader)
{
    return reader->parser.type;
}

struct slice backup_payload(const struct backup_reader *reader)
{
    return buf_slice(&reader->parser.payload);
}

const uint8_t *backup_hash(const struct backup_reader *reader)
{
    return reader->own;
}

uint64_t backup_bytes(const struct backup_reader *reader)
{
    return reader->bytes;
}
