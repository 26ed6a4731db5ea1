#include "base/assert.h"
#include "base/duration.h"
#include "base/probe.h"
#include "session.h"

/* What the layers above hold for a connection as such. */
#define OUTSIDE_BYTES 1024
/* Room for what passes through: control frames that one piece of input queues; and the table of
 * streams when it next doubles, of 16 bytes a slot and filled by 3 quarters. */
#define SLACK_BYTES 6144
#define TABLE_COST  44
/* What the answer to one stream holds until it is sent, and the largest piece of it. */
#define ANSWER_BYTES 1024
#define SMALL_BYTES  512
/* What a byte of input can make the session hold at worst: a refused stream takes 13 bytes and,
 * until its RST_STREAM is taken out, 420. */
#define BYTE_COST 33

static void *account_alloc(struct mem *mem, size_t size)
{
    struct account *a = (struct account *)mem;
    uint64_t before = a->parent->bytes;
    void *p = mem_alloc(a->parent, size);
    mem->bytes += a->parent->bytes - before;
    mem->count++;
    if (mem->bytes > mem->bytes_peak) {
        mem->bytes_peak = mem->bytes;
    }
    return p;
}

static void account_free(struct mem *mem, void *p)
{
    struct account *a = (struct account *)mem;
    uint64_t before = a->parent->bytes;
    mem_free(a->parent, p);
    ASSERT(mem->bytes >= before - a->parent->bytes);
    ASSERT(mem->count > 0);
    mem->bytes -= before - a->parent->bytes;
    mem->count--;
}

static void *account_resize(struct mem *mem, void *p, size_t size)
{
    struct account *a = (struct account *)mem;
    if (p == NULL) {
        return account_alloc(mem, size);
    }
    uint64_t before = a->parent->bytes;
    void *moved = mem_resize(a->parent, p, size);
    mem->bytes += a->parent->bytes - before; /* wraps rightly when it shrinks */
    return moved;
}

static const struct mem_ops account_ops = {account_alloc, account_resize, account_free};

void account_init(struct account *a, struct mem *parent)
{
    *a = (struct account){.mem = {.ops = &account_ops, .bytes_max = UINT64_MAX}, .parent = parent};
}

static uint64_t budget(const struct http2 *h)
{
    return h->options.memory_base - OUTSIDE_BYTES + h->options.memory_factor * h->received +
           h->granted;
}

/* A length that the peer merely claims makes nghttp2 ask for as much (a header value: twice). Small
 * requests may be for our own answers, which wait for the peer to read them and are not its doing.
 */
static bool refuse(struct http2 *h, size_t size)
{
    uint64_t answers = size <= SMALL_BYTES ? h->stream_count * ANSWER_BYTES : 0;
    if (!h->receiving || h->account.mem.bytes + size <= budget(h) + answers) {
        return false;
    }
    PROBE("http2.allocation_refused");
    h->starved = true;
    return true;
}

static void *ng_malloc(size_t size, void *ctx)
{
    struct http2 *h = ctx;
    return refuse(h, size) ? NULL : mem_alloc(&h->account.mem, size);
}

static void ng_free(void *p, void *ctx)
{
    struct http2 *h = ctx;
    mem_free(&h->account.mem, p);
}

static void *ng_calloc(size_t count, size_t size, void *ctx)
{
    struct http2 *h = ctx;
    if (size > 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    return refuse(h, count * size) ? NULL : mem_zalloc(&h->account.mem, count, size);
}

static void *ng_realloc(void *p, size_t size, void *ctx)
{
    struct http2 *h = ctx;
    return refuse(h, size) ? NULL : mem_resize(&h->account.mem, p, size);
}

nghttp2_mem account_nghttp2(struct http2 *h)
{
    return (nghttp2_mem){h, ng_malloc, ng_free, ng_calloc, ng_realloc};
}

bool budget_allows_stream(const struct http2 *h)
{
    return h->stream_count < h->options.streams_max && !budget_is_tight(h, 0) &&
           h->pending < h->options.pending_refuse;
}

bool budget_is_tight(const struct http2 *h, size_t bytes)
{
    size_t passing = SLACK_BYTES + h->stream_count * TABLE_COST + bytes * BYTE_COST;
    return h->account.mem.bytes + passing > budget(h);
}

void bucket_init(struct bucket *b, uint32_t burst, uint32_t per_sec)
{
    *b = (struct bucket){.burst = burst, .per_sec = per_sec};
    bucket_forgive(b);
}

void bucket_forgive(struct bucket *b)
{
    b->level_ns = (int64_t)b->burst * SEC_NS;
}

void bucket_give(struct bucket *b)
{
    int64_t full = (int64_t)b->burst * SEC_NS;
    b->level_ns = b->level_ns > full - SEC_NS ? full : b->level_ns + SEC_NS;
}

bool bucket_take(struct bucket *b, int64_t now_ns)
{
    int64_t full = (int64_t)b->burst * SEC_NS;
    int64_t elapsed = now_ns - b->filled_ns;
    if (elapsed > 0) {
        /* Compared before it is multiplied: a long silence may not overflow. */
        bool fills = b->per_sec > 0 && elapsed >= (full - b->level_ns) / b->per_sec + 1;
        b->level_ns = fills ? full : b->level_ns + elapsed * b->per_sec;
        b->filled_ns = now_ns;
    }
    if (b->level_ns < SEC_NS) {
        return false;
    }
    b->level_ns -= SEC_NS;
    return true;
}
