/* Any bytes as a snapshot file: cut into pieces of any size they give the same chunks or the same
 * error, and what is kept never exceeds what came. Checksums would keep most inputs from getting
 * far, so each input is tried a second time with all of them put right. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "storage/snap_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

struct outcome {
    int err;
    uint64_t where;
    uint64_t chunks;
    uint64_t digest;
};

static struct outcome parse(struct slice file, size_t piece)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem *mem = mem_pool_mem(pool);
    struct snap_parser parser = {.keep = true};
    struct outcome outcome = {0};
    buf_init(&parser.payload, mem);
    while (file.len > 0) {
        struct slice bytes = slice_of(file.ptr, piece < file.len ? piece : file.len);
        file = slice_from(file, bytes.len);
        enum snap_step step = SNAP_MORE;
        while (bytes.len > 0 && step != SNAP_BAD) {
            step = snap_parse(&parser, &bytes);
            if (step == SNAP_CHUNK) {
                outcome.chunks++;
                outcome.digest =
                    hash64(parser.payload.ptr, parser.payload.len, outcome.digest + parser.type);
            }
            check(step != SNAP_HEAD || raft_conf_is_valid(&parser.head.conf));
        }
    }
    outcome.err = snap_parse_end(&parser);
    outcome.where = outcome.err != 0 ? parser.where : 0;
    check(outcome.err == 0 || (parser.what != NULL && parser.what[0] != '\0'));
    check(outcome.err == 0 || outcome.err == ERR_CORRUPT || outcome.err == ERR_FORMAT);
    buf_fini(&parser.payload);
    check(mem->bytes == 0);
    mem_pool_free(pool);
    return outcome;
}

static void try_file(struct slice file)
{
    const struct outcome whole = parse(file, file.len);
    const size_t pieces[] = {1, 7, 601};
    for (size_t i = 0; i < 3; i++) {
        const struct outcome cut = parse(file, pieces[i]);
        check(cut.err == whole.err && cut.where == whole.where);
        check(cut.chunks == whole.chunks && cut.digest == whole.digest);
    }
}

/* Makes every checksum right, as far as the lengths lead. */
static void put_right(uint8_t *file, size_t size)
{
    static const uint8_t magic[8] = {0x89, 'Q', 'R', 'S', 'N', 'P', 0x0D, 0x0A};
    if (size < SNAP_HEADER_BYTES) {
        return;
    }
    memcpy(file, magic, sizeof(magic));
    store_u32(file + 8, SNAP_VERSION);
    store_u32(file + 60, crc32c(0, file, 60));
    uint32_t chain = crc32c(0, file, SNAP_HEADER_BYTES - 4);
    store_u32(file + SNAP_HEADER_BYTES - 4, chain);
    size_t at = SNAP_HEADER_BYTES;
    while (size - at >= SNAP_CHUNK_BYTES) {
        uint8_t place[12];
        uint32_t length = load_u32(file + at + 4);
        if (size - at - SNAP_CHUNK_BYTES < length) {
            return;
        }
        store_u32(place, load_u32(file + 12));
        store_u64(place + 4, at);
        chain = crc32c(chain, place, sizeof(place));
        chain = crc32c(chain, file + at + 4, SNAP_CHUNK_BYTES - 4 + (size_t)length);
        store_u32(file + at, chain);
        at += SNAP_CHUNK_BYTES + (size_t)length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_file(slice_of(data, size));
    uint8_t *copy = malloc(size + 1);
    check(copy != NULL);
    memcpy(copy, data, size);
    put_right(copy, size);
    try_file(slice_of(copy, size));
    free(copy);
    return 0;
}
