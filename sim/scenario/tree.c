#include "tree.h"

#include <yaml.h>

#define MAP_KEYS_MAX 4096

struct reading {
    yaml_parser_t parser;
    struct mistakes *m;
    struct mem *mem;
    bool failed; /* a syntax error: no event can follow */
};

static struct position place(yaml_mark_t mark)
{
    return (struct position){(int)mark.line + 1, (int)mark.column + 1};
}

static bool next_event(struct reading *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event)) {
        return true;
    }
    const char *problem = r->parser.problem != NULL ? r->parser.problem : "malformed";
    yaml_mark_t mark = r->parser.problem_mark;
    if (r->parser.error == YAML_READER_ERROR) {
        mark = r->parser.mark;
    }
    if (strstr(problem, "cannot start any token") != NULL) {
        problem = "this character cannot stand here; indent with blanks, not with tabs";
    }
    if (r->parser.context != NULL) {
        mistake_add(r->m, place(mark), "not YAML: %s (%s)", problem, r->parser.context);
    } else {
        mistake_add(r->m, place(mark), "not YAML: %s", problem);
    }
    r->failed = true;
    return false;
}

static struct tree *tree_new(struct reading *r, enum tree_kind kind, yaml_mark_t mark)
{
    struct tree *t = mem_zalloc(r->mem, 1, sizeof(*t));
    t->kind = kind;
    t->at = place(mark);
    t->text = "";
    return t;
}

static void refuse_extras(struct reading *r, const yaml_char_t *anchor, const yaml_char_t *tag,
                          struct position at)
{
    if (anchor != NULL) {
        mistake_add(r->m, at, "anchors are not part of the language; write the value out");
    }
    if (tag != NULL) {
        mistake_add(r->m, at, "tags are not part of the language; write the value alone");
    }
}

static struct tree *read_scalar(struct reading *r, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    struct tree *t = tree_new(r, TREE_SCALAR, event->start_mark);
    refuse_extras(r, event->data.scalar.anchor, event->data.scalar.tag, t->at);
    if (len > 0 && memchr(value, 0, len) != NULL) {
        mistake_add(r->m, t->at, "text may not hold the character NUL");
        len = 0;
    }
    t->text = mem_strdup(r->mem, value, len);
    t->len = len;
    t->quote = plain ? 0 : 1;
    t->one_line = event->start_mark.line == event->end_mark.line;
    if (plain && (len == 0 || strcmp(t->text, "~") == 0 || strcmp(t->text, "null") == 0)) {
        t->kind = TREE_NULL;
    }
    return t;
}

static void tree_add(struct reading *r, struct tree *t, struct tree *key, struct tree *item)
{
    if (t->count == t->cap) {
        t->cap = t->cap == 0 ? 4 : t->cap * 2;
        t->items = mem_resize(r->mem, t->items, t->cap * sizeof(void *));
        if (t->kind == TREE_MAP) {
            t->keys = mem_resize(r->mem, t->keys, t->cap * sizeof(void *));
        }
    }
    if (t->kind == TREE_MAP) {
        t->keys[t->count] = key;
    }
    t->items[t->count++] = item;
}

static struct tree *read_node(struct reading *r, const yaml_event_t *event, int depth);

/* The children of a map or list whose start event has been read. */
static void read_children(struct reading *r, struct tree *t, int depth)
{
    struct tree *key = NULL;
    bool done = false;
    while (!done && !r->failed) {
        yaml_event_t event;
        if (!next_event(r, &event)) {
            return;
        }
        if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT) {
            done = true;
        } else {
            struct tree *item = read_node(r, &event, depth + 1);
            if (item == NULL) {
                done = true;
            } else if (t->kind == TREE_LIST) {
                tree_add(r, t, NULL, item);
            } else if (key == NULL) {
                key = item;
                if (t->count == MAP_KEYS_MAX) {
                    /* Looking for twins costs the square of the keys. */
                    mistake_add(r->m, key->at, "more than %d keys in one map", MAP_KEYS_MAX);
                    r->failed = true;
                } else if (key->kind != TREE_SCALAR) {
                    mistake_add(r->m, key->at, "a key is a word, not %s", tree_kind_name(key));
                }
            } else {
                const struct tree *before = tree_get(t, key->text);
                if (key->kind == TREE_SCALAR && before != NULL) {
                    mistake_add(r->m, key->at, "key \"%s\" is there twice", key->text);
                } else if (key->kind == TREE_SCALAR) {
                    tree_add(r, t, key, item);
                }
                key = NULL;
            }
        }
        yaml_event_delete(&event);
    }
}

/* NULL: the reading has failed. */
static struct tree *read_node(struct reading *r, const yaml_event_t *event, int depth)
{
    struct tree *t = NULL;
    if (depth > SCENARIO_DEPTH_MAX) {
        mistake_add(r->m, place(event->start_mark), "nested deeper than %d levels",
                    SCENARIO_DEPTH_MAX);
        r->failed = true;
        return NULL;
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT: return read_scalar(r, event);
    case YAML_ALIAS_EVENT:
        t = tree_new(r, TREE_NULL, event->start_mark);
        mistake_add(r->m, t->at, "aliases are not part of the language; write the value out");
        return t;
    case YAML_SEQUENCE_START_EVENT:
        t = tree_new(r, TREE_LIST, event->start_mark);
        refuse_extras(r, event->data.sequence_start.anchor, event->data.sequence_start.tag, t->at);
        read_children(r, t, depth);
        return t;
    case YAML_MAPPING_START_EVENT:
        t = tree_new(r, TREE_MAP, event->start_mark);
        refuse_extras(r, event->data.mapping_start.anchor, event->data.mapping_start.tag, t->at);
        read_children(r, t, depth);
        return t;
    default: return NULL;
    }
}

struct tree *tree_read(struct slice text, struct mistakes *m, struct mem *mem)
{
    struct reading r = {.m = m, .mem = mem};
    struct tree *root = NULL;
    if (text.len > SCENARIO_BYTES_MAX) {
        mistake_add(m, (struct position){1, 1}, "longer than 1 MiB");
        return NULL;
    }
    if (!yaml_parser_initialize(&r.parser)) {
        mistake_add(m, (struct position){1, 1}, "no memory for the YAML parser");
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, text.ptr != NULL ? text.ptr : (const uint8_t *)"",
                                 text.len);
    bool done = false;
    while (!done && !r.failed) {
        yaml_event_t event;
        if (!next_event(&r, &event)) {
            break;
        }
        if (event.type == YAML_STREAM_END_EVENT) {
            done = true;
        } else if (event.type == YAML_DOCUMENT_START_EVENT && root != NULL) {
            mistake_add(m, place(event.start_mark), "one file holds one document");
            done = true;
        } else if (event.type != YAML_STREAM_START_EVENT &&
                   event.type != YAML_DOCUMENT_START_EVENT &&
                   event.type != YAML_DOCUMENT_END_EVENT) {
            root = read_node(&r, &event, 1);
        }
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&r.parser);
    if (root == NULL && !r.failed) {
        mistake_add(m, (struct position){1, 1}, "the file is empty; a scenario is a map of keys");
    }
    return r.failed ? NULL : root;
}

const struct tree *tree_get(const struct tree *map, const char *key)
{
    if (map == NULL || map->kind != TREE_MAP) {
        return NULL;
    }
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0) {
            return map->items[i];
        }
    }
    return NULL;
}

struct position tree_at(const struct tree *scalar, size_t offset)
{
    struct position at = scalar->at;
    if (scalar->one_line) {
        at.column += (int)offset + scalar->quote;
    }
    return at;
}

const char *tree_kind_name(const struct tree *t)
{
    switch (t->kind) {
    case TREE_NULL: return "nothing";
    case TREE_SCALAR: return "text";
    case TREE_LIST: return "a list";
    case TREE_MAP: return "a map";
    }
    return "?";
}
