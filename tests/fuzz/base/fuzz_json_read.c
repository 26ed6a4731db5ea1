/* Any bytes: the reader ends, within as many tokens as there are bytes, and never nests deeper than
 * its limit; every string that it gives is UTF-8. */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct slice json, struct mem *mem)
{
    struct json_reader r;
    struct buf text;
    size_t tokens = 0;
    uint64_t number = 0;
    buf_init(&text, mem);
    json_reader_init(&r, json);
    while (json_next(&r) != JSON_BAD && r.token != JSON_END) {
        tokens++;
        ASSERT(tokens <= json.len);
        ASSERT(r.depth >= 0);
        ASSERT(r.depth <= JSON_READ_DEPTH_MAX);
        if ((r.token == JSON_STRING || r.token == JSON_KEY) && json_text(&r, &text) == 0) {
            ASSERT(slice_is_utf8(buf_slice(&text)));
        }
        buf_clear(&text);
        int rv = json_to_u64(&r, &number);
        ASSERT(rv == 0 || rv == ERR_PROTO);
    }
    ASSERT_IF(r.token == JSON_END, r.depth == 0);
    ASSERT(json_next(&r) == JSON_BAD || r.token == JSON_END);
    buf_fini(&text);
}

/* Skipping what walk() visits ends in the same verdict. */
static void skip(struct slice json)
{
    struct json_reader all;
    struct json_reader r;
    json_reader_init(&all, json);
    while (json_next(&all) != JSON_BAD && all.token != JSON_END) {
    }
    json_reader_init(&r, json);
    json_next(&r);
    int rv = json_skip(&r);
    bool good = rv == 0 && json_next(&r) == JSON_END;
    ASSERT(good == (all.token == JSON_END));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem_pool *pool = mem_pool_new(64 * 1024 + 8 * (uint64_t)size, 0xA5);
    struct slice json = slice_of(data, size);
    walk(json, mem_pool_mem(pool));
    skip(json);
    mem_pool_free(pool);
    return 0;
}
