/* The allocator that a node gets from its host, and base's implementation of it.
 *
 * All that a node allocates comes from its `struct mem`, so that its use is counted and bounded and
 * a crashed node can be dropped whole. An allocation never returns NULL: at the limit the node's
 * turn ends (TURN_MEMORY). Sizes that come from the wire meet a limit of their own long before.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

struct mem;

struct mem_ops {
    void *(*alloc)(struct mem *mem, size_t size);
    /* Like realloc: p may be NULL. */
    void *(*resize)(struct mem *mem, void *p, size_t size);
    void (*free)(struct mem *mem, void *p);
};

struct mem {
    const struct mem_ops *ops;
    uint64_t bytes;      /* asked for and not yet given back */
    uint64_t bytes_peak; /* most ever in use */
    uint64_t bytes_max;  /* limit on `bytes` */
    uint64_t count;      /* live allocations */
};

/* 16-byte aligned, contents unspecified; size 0 gives a distinct pointer. Never NULL. */
void *mem_alloc(struct mem *mem, size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed; count * size may not overflow (asserted). */
void *mem_zalloc(struct mem *mem, size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));
void *mem_resize(struct mem *mem, void *p, size_t size) __attribute__((returns_nonnull));
/* p may be NULL. */
void mem_free(struct mem *mem, void *p);
/* A copy of len bytes with a NUL behind them. */
char *mem_strdup(struct mem *mem, const char *s, size_t len) __attribute__((returns_nonnull));

/* Base's implementation: size classes cut from chunks, large ones on their own; everything can be
 * dropped at once. In sanitizer builds each allocation is a `malloc` of its own on a list. */
struct mem_pool;

/* fill: every fresh byte gets this value, -1 leaves them as they come (a determinism check runs a
 * seed again with other bytes in fresh memory). */
struct mem_pool *mem_pool_new(uint64_t bytes_max, int fill);
struct mem *mem_pool_mem(struct mem_pool *pool);
/* Drops every allocation without looking at it and frees the pool. */
void mem_pool_free(struct mem_pool *pool);

#endif
