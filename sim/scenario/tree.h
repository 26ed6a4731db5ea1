/* YAML as the language allows it: maps, lists and scalars with their places, nothing else.
 *
 * Refused here: more than one document, anchors, aliases and tags, keys that are not plain text, a
 * key twice in one map, nesting past SCENARIO_DEPTH_MAX, NUL in a scalar. Every scalar is text:
 * `no` and `1:30` mean what they say.
 */
#ifndef SCENARIO_TREE_H
#define SCENARIO_TREE_H

#include "mistake.h"

enum tree_kind {
    TREE_NULL, /* nothing after the colon, or `~` or `null` unquoted */
    TREE_SCALAR,
    TREE_LIST,
    TREE_MAP
};

struct tree {
    enum tree_kind kind;
    struct position at;
    bool one_line;    /* scalar: a column inside it can be told */
    int quote;        /* scalar: characters before its text, 0 or 1 */
    const char *text; /* scalar; "" for null */
    size_t len;
    struct tree **keys;  /* map: scalars */
    struct tree **items; /* map: values; list */
    size_t count;
    size_t cap;
};

/* NULL if there is no tree at all (a syntax error, an empty file): then a mistake was added. With
 * other mistakes the tree is what could be read. */
struct tree *tree_read(struct slice text, struct mistakes *m, struct mem *mem);

/* The value of a key, or NULL. */
const struct tree *tree_get(const struct tree *map, const char *key);
/* Where the byte `offset` of a scalar stands. */
struct position tree_at(const struct tree *scalar, size_t offset);
/* "a map", "a list", "text", "nothing" */
const char *tree_kind_name(const struct tree *t);

#endif
