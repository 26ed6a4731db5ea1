/* Any bytes as a scenario: a model or mistakes with places, never a crash or a leak. */
#include <stdlib.h>

#include "base/assert.h"
#include "scenario/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scenario *s = NULL;
    size_t count = 0;
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 30, -1);
    struct buf mistakes;
    buf_init(&mistakes, mem_pool_mem(pool));
    int err = scenario_parse(slice_of(data, size), "fuzz", &s, &mistakes, &count);
    ASSERT((err == 0) == (s != NULL));
    ASSERT((err == 0) == (count == 0));
    ASSERT((err == 0) == (mistakes.len == 0));
    if (s != NULL) {
        struct buf title;
        buf_init(&title, mem_pool_mem(pool));
        for (size_t i = 0; i < s->step_count; i++) {
            ASSERT(scenario_step_title(s, i, &title) != NULL);
        }
    }
    scenario_free(s);
    mem_pool_free(pool);
    return 0;
}
