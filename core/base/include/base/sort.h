/* A stable merge sort. The C library's qsort is banned: its order of equal elements, and on some
 * systems its memory, are its own business.
 */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>

#include "base/mem.h"

/* Sorts count elements of `size` bytes; compare sees two elements and ctx. Uses count * size / 2
 * bytes of mem while it runs. */
void sort_stable(void *base, size_t count, size_t size,
                 int (*compare)(const void *a, const void *b, void *ctx), void *ctx,
                 struct mem *mem);

#endif
