#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/turn.h"

void *mem_alloc(struct mem *mem, size_t size)
{
    return mem->ops->alloc(mem, size);
}

void *mem_zalloc(struct mem *mem, size_t count, size_t size)
{
    ASSERT(size == 0 || count <= SIZE_MAX / size);
    void *p = mem->ops->alloc(mem, count * size);
    memset(p, 0, count * size);
    return p;
}

void *mem_resize(struct mem *mem, void *p, size_t size)
{
    return mem->ops->resize(mem, p, size);
}

void mem_free(struct mem *mem, void *p)
{
    if (p != NULL) {
        mem->ops->free(mem, p);
    }
}

char *mem_strdup(struct mem *mem, const char *s, size_t len)
{
    char *copy = mem_alloc(mem, len + 1);
    if (len > 0) {
        memcpy(copy, s, len);
    }
    copy[len] = '\0';
    return copy;
}

/* The pool. A block is a header of 8 bytes and the bytes behind it, which begin at a multiple of
 * 16. Small blocks belong to a class, of which there is one every 16 bytes up to 256 and 16 per
 * power of two up to 32 KiB, header included, so that values of about a size, of which a key space
 * is full, waste a sixteenth at most. They are cut from chunks; a freed one goes on the list of its
 * class, from which also those are served who want a little less and find their own list empty.
 * Larger ones are on the pool's list and go back to the system at once. */

#define CLASS_COUNT 128
#define CLASS_REACH 3 /* classes that a request looks at, its own included */
#define SMALL_MAX   (32768 - sizeof(struct block))
#define CHUNK_MIN   16384
#define CHUNK_MAX   1048576

struct block {
    uint64_t class : 8; /* CLASS_COUNT: a large one */
    uint64_t size : 56; /* asked for */
};

struct large {
    struct list link;
    uint64_t pad; /* malloc gives multiples of 16 */
    struct block block;
};

struct chunk {
    struct chunk *next;
    uint64_t unused[2]; /* what is cut begins 8 bytes before a multiple of 16 */
};

struct free_block {
    struct free_block *next;
};

struct mem_pool {
    struct mem mem;
    int fill;
    struct list large;
    struct free_block *free[CLASS_COUNT];
    struct chunk *chunks;
    uint8_t *cut;
    size_t cut_left;
    size_t chunk_next;
};

#ifdef QUORATE_SANITIZE
static const bool each_its_own = true;
#else
static const bool each_its_own = false;
#endif

/* Of a whole block. */
static size_t class_size(unsigned class)
{
    if (class < 16) {
        return 16 * (size_t)(class + 1);
    }
    return (size_t)(17 + (class - 16) % 16) << (4 + (class - 16) / 16);
}

/* For so many bytes behind a header. */
static unsigned class_of(size_t asked)
{
    size_t size = asked + sizeof(struct block);
    if (size <= 256) {
        return (unsigned)((size - 1) / 16);
    }
    unsigned top = 63 - (unsigned)__builtin_clzll(size - 1); /* 256 <= 2^top < size */
    unsigned sixteenth = (unsigned)((size - 1) >> (top - 4)) - 16;
    return 16 + (top - 8) * 16 + sixteenth;
}

static _Noreturn void give_up(const char *what)
{
    struct turn *turn = turn_current;
    if (turn != NULL) {
        turn->fail(turn, TURN_MEMORY, what, __FILE__, __LINE__, NULL);
    }
    abort();
}

static void account(struct mem_pool *pool, size_t size)
{
    struct mem *mem = &pool->mem;
    if (size > mem->bytes_max || mem->bytes > mem->bytes_max - size) {
        give_up("memory limit reached");
    }
    mem->bytes += size;
    mem->count++;
    if (mem->bytes > mem->bytes_peak) {
        mem->bytes_peak = mem->bytes;
    }
}

static void *cut_block(struct mem_pool *pool, size_t size)
{
    if (pool->cut_left < size) {
        size_t bytes = pool->chunk_next;
        while (bytes < size + sizeof(struct chunk)) {
            bytes *= 2;
        }
        struct chunk *chunk = malloc(bytes);
        if (chunk == NULL) {
            give_up("the system has no memory left");
        }
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        pool->cut = (uint8_t *)(chunk + 1);
        pool->cut_left = bytes - sizeof(*chunk);
        if (pool->chunk_next < CHUNK_MAX) {
            pool->chunk_next *= 2;
        }
    }
    void *p = pool->cut;
    pool->cut += size;
    pool->cut_left -= size;
    return p;
}

static struct block *take_small(struct mem_pool *pool, size_t size)
{
    unsigned class = class_of(size);
    for (unsigned i = class; i < class + CLASS_REACH && i < CLASS_COUNT; i++) {
        struct free_block *head = pool->free[i];
        if (head != NULL) {
            pool->free[i] = head->next;
            return (struct block *)((uint8_t *)head - sizeof(struct block));
        }
    }
    struct block *block = cut_block(pool, class_size(class));
    block->class = class;
    return block;
}

static struct block *take_large(struct mem_pool *pool, size_t size)
{
    if (size >= (UINT64_C(1) << 56) - sizeof(struct large)) {
        give_up("allocation of absurd size");
    }
    struct large *large = malloc(sizeof(*large) + size);
    if (large == NULL) {
        give_up("the system has no memory left");
    }
    list_push_back(&pool->large, &large->link);
    large->block.class = CLASS_COUNT;
    return &large->block;
}

static void *pool_alloc(struct mem *mem, size_t size)
{
    struct mem_pool *pool = (struct mem_pool *)mem;
    account(pool, size);
    bool small = size <= SMALL_MAX && !each_its_own;
    struct block *block = small ? take_small(pool, size) : take_large(pool, size);
    block->size = size;
    if (pool->fill >= 0) {
        memset(block + 1, pool->fill, size);
    }
    return block + 1;
}

static void pool_give(struct mem *mem, void *p)
{
    struct mem_pool *pool = (struct mem_pool *)mem;
    struct block *block = (struct block *)p - 1;
    ASSERT(mem->bytes >= block->size);
    ASSERT(mem->count > 0);
    mem->bytes -= block->size;
    mem->count--;
    if (block->class == CLASS_COUNT) {
        struct large *large = container_of(block, struct large, block);
        list_remove(&large->link);
        free(large);
        return;
    }
    ASSERT(block->class < CLASS_COUNT);
    struct free_block *head = p;
    head->next = pool->free[block->class];
    pool->free[block->class] = head;
}

static void *pool_resize(struct mem *mem, void *p, size_t size)
{
    if (p == NULL) {
        return pool_alloc(mem, size);
    }
    struct block *block = (struct block *)p - 1;
    if (block->class < CLASS_COUNT && size <= class_size(block->class) - sizeof(*block)) {
        size_t before = block->size;
        if (size > before) {
            account((struct mem_pool *)mem, size - before);
            mem->count--;
        } else {
            mem->bytes -= before - size;
        }
        block->size = size;
        return p;
    }
    void *moved = pool_alloc(mem, size);
    memcpy(moved, p, block->size < size ? block->size : size);
    pool_give(mem, p);
    return moved;
}

static const struct mem_ops pool_ops = {pool_alloc, pool_resize, pool_give};

struct mem_pool *mem_pool_new(uint64_t bytes_max, int fill)
{
    struct mem_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        abort();
    }
    pool->mem.ops = &pool_ops;
    pool->mem.bytes_max = bytes_max;
    pool->fill = fill;
    pool->chunk_next = CHUNK_MIN;
    list_init(&pool->large);
    return pool;
}

struct mem *mem_pool_mem(struct mem_pool *pool)
{
    return &pool->mem;
}

void mem_pool_free(struct mem_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    list_each_safe (it, &pool->large) {
        free(container_of(it, struct large, link));
    }
    for (struct chunk *chunk = pool->chunks; chunk != NULL;) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(pool);
}
