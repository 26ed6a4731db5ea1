#include "index.h"

#include "base/assert.h"

void mvcc_index_init(struct index *index, struct mem *mem)
{
    *index = (struct index){.mem = mem};
}

static struct index_node *node_new(struct mem *mem, bool leaf)
{
    size_t children = leaf ? 0 : INDEX_FAN * sizeof(struct index_node *);
    struct index_node *node = mem_alloc(mem, sizeof(*node) + children);
    node->count = 0;
    node->leaf = leaf;
    node->skip = 0;
    node->live = 0;
    return node;
}

static size_t shed_leaf(struct index_node *node, struct mem *mem)
{
    for (uint32_t i = 0; i < node->count; i++) {
        mvcc_key_free(node->low[i], mem);
    }
    return node->count;
}

size_t mvcc_index_shed(struct index *index)
{
    struct index_node *path[INDEX_DEPTH_MAX];
    int depth = 0;
    if (index->root == NULL) {
        *index = (struct index){.mem = index->mem};
        return 0;
    }
    path[0] = index->root;
    while (!path[depth]->leaf) {
        ASSERT(depth + 1 < INDEX_DEPTH_MAX && path[depth]->count > 0);
        path[depth + 1] = path[depth]->child[path[depth]->count - 1];
        depth++;
    }
    size_t shed = shed_leaf(path[depth], index->mem);
    /* With the leaf go the nodes above it that had no other child. */
    for (; depth > 0; depth--) {
        mem_free(index->mem, path[depth]);
        if (--path[depth - 1]->count > 0) {
            return shed;
        }
    }
    mem_free(index->mem, index->root);
    index->root = NULL;
    return shed;
}

static uint32_t common_prefix(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    size_t i = 0;
    while (i < n && a.ptr[i] == b.ptr[i]) {
        i++;
    }
    return (uint32_t)i;
}

static uint64_t head_of(struct slice bytes, uint32_t skip)
{
    if (bytes.len >= (size_t)skip + 8) {
        uint64_t le;
        memcpy(&le, bytes.ptr + skip, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        return __builtin_bswap64(le);
#else
        return le;
#endif
    }
    uint64_t head = 0;
    for (size_t i = skip; i < bytes.len; i++) {
        head |= (uint64_t)bytes.ptr[i] << (56 - 8 * (i - skip));
    }
    return head;
}

/* After low[] changed at large. The keys are sorted, so what the first and the last one have in
 * common, all have. */
static void refresh(struct index_node *node)
{
    struct slice first = key_slice(node->low[0]);
    node->skip = common_prefix(first, key_slice(node->low[node->count - 1]));
    for (uint32_t i = 0; i < node->count; i++) {
        node->head[i] = head_of(key_slice(node->low[i]), node->skip);
    }
}

static void recount(struct index_node *node)
{
    int64_t live = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        live += node->leaf ? node->low[i]->live : node->child[i]->live;
    }
    node->live = live;
}

/* How many entries are not greater than the bytes; `exact` if the last of them equals them. */
static uint32_t position(const struct index_node *node, struct slice bytes, bool *exact)
{
    *exact = false;
    size_t common = bytes.len < node->skip ? bytes.len : node->skip;
    int order = memcmp(bytes.ptr, node->low[0]->bytes, common);
    if (order != 0) {
        return order < 0 ? 0 : node->count;
    }
    if (bytes.len < node->skip) {
        return 0;
    }
    uint64_t head = head_of(bytes, node->skip);
    uint32_t low = 0;
    uint32_t high = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        low += node->head[i] < head;
        high += node->head[i] <= head;
    }
    /* Among equal heads the keys themselves decide. */
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        order = slice_cmp(key_slice(node->low[mid]), bytes);
        if (order == 0) {
            *exact = true;
            return mid + 1;
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* How many entries are less. */
static uint32_t position_below(const struct index_node *node, struct slice bytes)
{
    bool exact = false;
    uint32_t at = position(node, bytes, &exact);
    return exact ? at - 1 : at;
}

struct key *mvcc_index_find(const struct index *index, struct slice bytes, struct index_path *path)
{
    struct index_path own;
    if (path == NULL) {
        path = &own;
    }
    path->depth = 0;
    struct index_node *node = index->root;
    bool exact = false;
    while (node != NULL) {
        ASSERT(path->depth < INDEX_DEPTH_MAX);
        uint32_t at = position(node, bytes, &exact);
        if (!node->leaf && at > 0) {
            at--;
        }
        path->node[path->depth] = node;
        path->at[path->depth++] = at;
        if (node->leaf) {
            return exact ? node->low[at - 1] : NULL;
        }
        node = node->child[at];
    }
    return NULL;
}

static void put_entry(struct index_node *node, uint32_t at, struct key *low,
                      struct index_node *child)
{
    ASSERT(node->count < INDEX_FAN);
    ASSERT(at <= node->count);
    uint32_t behind = node->count - at;
    memmove(&node->low[at + 1], &node->low[at], behind * sizeof(node->low[0]));
    memmove(&node->head[at + 1], &node->head[at], behind * sizeof(node->head[0]));
    if (!node->leaf) {
        memmove(&node->child[at + 1], &node->child[at], behind * sizeof(node->child[0]));
        node->child[at] = child;
    }
    node->low[at] = low;
    node->count++;
    const struct key *other = node->low[at == 0 ? node->count - 1 : 0];
    if (node->count == 1 || common_prefix(key_slice(low), key_slice(other)) < node->skip) {
        refresh(node);
    } else {
        node->head[at] = head_of(key_slice(low), node->skip);
    }
}

/* Moves the entries from `from` on into a new node to the right. */
static struct index_node *split(struct index_node *node, uint32_t from, struct mem *mem)
{
    struct index_node *right = node_new(mem, node->leaf);
    right->count = node->count - from;
    memcpy(right->low, &node->low[from], right->count * sizeof(node->low[0]));
    if (!node->leaf) {
        memcpy(right->child, &node->child[from], right->count * sizeof(node->child[0]));
    }
    node->count = from;
    refresh(node);
    if (right->count > 0) {
        refresh(right);
    }
    return right;
}

static void grow_root(struct index *index, struct index_node *right)
{
    struct index_node *root = node_new(index->mem, false);
    put_entry(root, 0, index->root->low[0], index->root);
    put_entry(root, 1, right->low[0], right);
    recount(root);
    index->root = root;
}

/* A key below all others is the new lower bound of every node on its way. */
static void lower(struct index_path *path, struct key *key)
{
    for (int i = 0; i + 1 < path->depth; i++) {
        struct index_node *node = path->node[i];
        if (path->at[i] == 0 && slice_cmp(key_slice(key), key_slice(node->low[0])) < 0) {
            node->low[0] = key;
            refresh(node);
        }
    }
}

void mvcc_index_insert(struct index *index, struct index_path *path, struct key *key)
{
    key->live = true;
    index->count++;
    if (index->root == NULL) {
        index->root = node_new(index->mem, true);
        index->root->live = 1;
        put_entry(index->root, 0, key, NULL);
        return;
    }
    mvcc_index_count(path, 1);
    lower(path, key);
    struct key *low = key;
    struct index_node *child = NULL;
    for (int i = path->depth - 1; i >= 0; i--) {
        struct index_node *node = path->node[i];
        uint32_t at = path->at[i] + (node->leaf ? 0 : 1);
        if (node->count < INDEX_FAN) {
            put_entry(node, at, low, child);
            return;
        }
        /* Keys often come in ascending order: then the left node stays full. */
        uint32_t from = at == INDEX_FAN ? INDEX_FAN : INDEX_FAN / 2;
        struct index_node *right = split(node, from, index->mem);
        if (at > from || from == INDEX_FAN) {
            put_entry(right, at - from, low, child);
        } else {
            put_entry(node, at, low, child);
        }
        recount(node);
        recount(right);
        low = right->low[0];
        child = right;
    }
    ASSERT(child != NULL);
    grow_root(index, child);
}

static void take_entry(struct index_node *node, uint32_t at)
{
    ASSERT(at < node->count);
    node->count--;
    uint32_t behind = node->count - at;
    memmove(&node->low[at], &node->low[at + 1], behind * sizeof(node->low[0]));
    memmove(&node->head[at], &node->head[at + 1], behind * sizeof(node->head[0]));
    if (!node->leaf) {
        memmove(&node->child[at], &node->child[at + 1], behind * sizeof(node->child[0]));
    }
}

/* The right one's entries go to the left one, if they are few enough that the next insertions do
 * not part them again. */
static bool join(struct index_node *parent, uint32_t left_at, struct mem *mem)
{
    struct index_node *left = parent->child[left_at];
    struct index_node *right = parent->child[left_at + 1];
    if (left->count + right->count > INDEX_FAN * 3 / 4) {
        return false;
    }
    memcpy(&left->low[left->count], right->low, right->count * sizeof(left->low[0]));
    if (!left->leaf) {
        memcpy(&left->child[left->count], right->child, right->count * sizeof(left->child[0]));
    }
    left->count += right->count;
    left->live += right->live;
    refresh(left);
    mem_free(mem, right);
    take_entry(parent, left_at + 1);
    return true;
}

/* After the child at `at` lost an entry or its first key. */
static void mend(struct index_node *parent, uint32_t at, struct mem *mem)
{
    struct index_node *child = parent->child[at];
    if (child->count == 0) {
        mem_free(mem, child);
        take_entry(parent, at);
        return;
    }
    if (parent->low[at] != child->low[0]) {
        parent->low[at] = child->low[0];
        refresh(parent);
    }
    bool joined = at > 0 && join(parent, at - 1, mem);
    if (!joined && at + 1 < parent->count) {
        (void)join(parent, at, mem);
    }
}

void mvcc_index_remove(struct index *index, const struct index_path *path)
{
    ASSERT(path->depth > 0);
    struct index_node *leaf = path->node[path->depth - 1];
    uint32_t behind = path->at[path->depth - 1];
    ASSERT(leaf->leaf);
    ASSERT(behind > 0);
    ASSERT(!leaf->low[behind - 1]->live);
    take_entry(leaf, behind - 1);
    index->count--;
    for (int i = path->depth - 2; i >= 0; i--) {
        mend(path->node[i], path->at[i], index->mem);
    }
    struct index_node *root = index->root;
    while (!root->leaf && root->count == 1) {
        index->root = root->child[0];
        mem_free(index->mem, root);
        root = index->root;
    }
    if (root->count == 0) {
        mem_free(index->mem, root);
        index->root = NULL;
    }
}

void mvcc_index_count(const struct index_path *path, int delta)
{
    for (int i = 0; i < path->depth; i++) {
        path->node[i]->live += delta;
        ASSERT(path->node[i]->live >= 0);
    }
}

/* Live keys less than the bytes. */
static int64_t live_below(const struct index *index, struct slice bytes)
{
    int64_t live = 0;
    const struct index_node *node = index->root;
    while (node != NULL) {
        uint32_t at = position_below(node, bytes);
        if (node->leaf) {
            for (uint32_t i = 0; i < at; i++) {
                live += node->low[i]->live;
            }
            return live;
        }
        if (at == 0) {
            return live;
        }
        for (uint32_t i = 0; i + 1 < at; i++) {
            live += node->child[i]->live;
        }
        node = node->child[at - 1];
    }
    return live;
}

int64_t mvcc_index_live(const struct index *index, const struct index_range *range)
{
    if (index->root == NULL || (range->bounded && slice_cmp(range->from, range->to) >= 0)) {
        return 0;
    }
    int64_t all = range->bounded ? live_below(index, range->to) : index->root->live;
    return all - live_below(index, range->from);
}

struct visit {
    const struct index_range *range;
    bool descending;
    bool live_only;
    bool (*visit)(struct key *key, void *ctx);
    void *ctx;
};

static bool visit_node(const struct visit *v, const struct index_node *node)
{
    if (v->live_only && node->live == 0) {
        return true;
    }
    uint32_t begin = position_below(node, v->range->from);
    uint32_t end = v->range->bounded ? position_below(node, v->range->to) : node->count;
    if (!node->leaf && begin > 0) {
        begin--; /* the range may begin inside the child that starts before it */
    }
    for (uint32_t n = begin; n < end; n++) {
        uint32_t i = v->descending ? end - 1 - (n - begin) : n;
        bool more = true;
        if (!node->leaf) {
            more = visit_node(v, node->child[i]);
        } else if (!v->live_only || node->low[i]->live) {
            more = v->visit(node->low[i], v->ctx);
        }
        if (!more) {
            return false;
        }
    }
    return true;
}

void mvcc_index_visit(const struct index *index, const struct index_range *range, bool descending,
                      bool live_only, bool (*visit)(struct key *key, void *ctx), void *ctx)
{
    struct visit v = {range, descending, live_only, visit, ctx};
    if (index->root != NULL) {
        (void)visit_node(&v, index->root);
    }
}
