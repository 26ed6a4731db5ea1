#include "index.h"

#include "base/assert.h"

struct check {
    const struct key *before; /* the last key seen, in order */
    size_t count;
};

static void check_prefix(const struct index_node *node)
{
    for (uint32_t i = 0; i < node->count; i++) {
        ASSERT(node->low[i]->len >= node->skip);
        ASSERT(memcmp(node->low[i]->bytes, node->low[0]->bytes, node->skip) == 0);
        ASSERT_IF(i > 0, node->head[i - (i > 0)] <= node->head[i]);
    }
}

static void check_node(const struct index_node *node, struct check *check, int depth, int leaves)
{
    int64_t live = 0;
    ASSERT(node->count > 0);
    ASSERT(node->count <= INDEX_FAN);
    ASSERT(node->leaf == (depth == leaves));
    check_prefix(node);
    for (uint32_t i = 0; i < node->count; i++) {
        const struct key *low = node->low[i];
        if (!node->leaf) {
            ASSERT(node->child[i]->low[0] == low);
            check_node(node->child[i], check, depth + 1, leaves);
            live += node->child[i]->live;
            continue;
        }
        if (check->before != NULL) {
            ASSERT(slice_cmp(key_slice(check->before), key_slice(low)) < 0);
        }
        check->before = low;
        check->count++;
        live += low->live;
    }
    ASSERT(node->live == live);
}

void mvcc_index_check(const struct index *index)
{
    struct check check = {NULL, 0};
    int leaves = 0;
    if (index->root != NULL) {
        for (const struct index_node *node = index->root; !node->leaf; node = node->child[0]) {
            leaves++;
        }
        check_node(index->root, &check, 0, leaves);
    }
    ASSERT(check.count == index->count);
}
