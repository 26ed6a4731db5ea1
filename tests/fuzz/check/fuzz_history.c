/* Any bytes as a client history: a verdict or a mistake with its line, no crash, no leak, and
 * never a wrong end of the words that explain it. */
#include "base/assert.h"
#include "check/clients.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 30, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct history *h = history_new(mem);
    struct buf mistake;
    buf_init(&mistake, mem);
    int err = history_read(h, slice_of(data, size), &mistake);
    ASSERT((err == 0) == (mistake.len == 0));
    const struct box_limits limits = {.steps = 20000, .states = 1000, .wants = 10000};
    struct clients_verdict verdict;
    clients_check(h, &limits, &verdict);
    ASSERT((verdict.result == HISTORY_LINEARIZABLE) == (verdict.text[0] == '\0'));
    ASSERT((verdict.result == HISTORY_VIOLATED) == (verdict.rule[0] != '\0'));
    buf_fini(&mistake);
    history_free(h);
    ASSERT(mem->bytes == 0);
    mem_pool_free(pool);
    return 0;
}
