/* The pool: blocks of every size are whole, their own, and used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define SIZES 40000 /* beyond the largest class */

static void test_blocks_of_every_size_are_apart(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    static uint8_t *blocks[SIZES];
    for (size_t size = 1; size < SIZES; size += size < 600 ? 1 : 61) {
        blocks[size] = mem_alloc(mem, size);
        assert_int_equal((uintptr_t)blocks[size] % 16, 0);
        memset(blocks[size], (int)(size % 251), size);
    }
    for (size_t size = 1; size < SIZES; size += size < 600 ? 1 : 61) {
        assert_int_equal(blocks[size][0], size % 251);
        assert_int_equal(blocks[size][size - 1], size % 251);
        blocks[size] = mem_resize(mem, blocks[size], size + 40);
        assert_int_equal(blocks[size][size - 1], size % 251);
        memset(blocks[size] + size, 0xEE, 40);
    }
    for (size_t size = 1; size < SIZES; size += size < 600 ? 1 : 61) {
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(blocks[size][i], size % 251);
        }
        mem_free(mem, blocks[size]);
    }
    assert_int_equal(mem->bytes, 0);
    assert_int_equal(mem->count, 0);
    mem_pool_free(pool);
}

#ifndef QUORATE_SANITIZE
static void test_a_freed_block_serves_who_wants_a_little_less(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    void *block = mem_alloc(mem, 1080);
    mem_free(mem, block);
    assert_ptr_equal(mem_alloc(mem, 1000), block);
    mem_free(mem, block);
    /* Far less would waste most of it, more would not fit. */
    assert_ptr_not_equal(mem_alloc(mem, 500), block);
    assert_ptr_not_equal(mem_alloc(mem, 1081), block);
    assert_ptr_equal(mem_alloc(mem, 1080), block);
    mem_pool_free(pool);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_of_every_size_are_apart),
#ifndef QUORATE_SANITIZE
        cmocka_unit_test(test_a_freed_block_serves_who_wants_a_little_less),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
