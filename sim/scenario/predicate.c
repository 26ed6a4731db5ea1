/* Predicates by recursive descent:
 *
 *   or    = and { "or" and }
 *   and   = not { "and" not }
 *   not   = "not" not | "(" or ")" | truth
 *   truth = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum ]
 *   sum   = atom { ("+" | "-") atom }        the signs with blanks around them
 *   atom  = number | name | name "(" argument ")"
 *
 * Each node has a type (truth, member, role, number); a name is a role where its other side is
 * one, so `role(n2) == leader` and `leader == n2` both mean what they say.
 */
#include "parser.h"

#include "base/fmt.h"

#define WORD_MAX       128
#define DEPTH_MAX      32
#define NODES_MAX      256
#define ROLE_COUNT     5
#define FUNCTION_COUNT 7

enum type {
    TYPE_BAD,
    TYPE_TRUTH,
    TYPE_MEMBER,
    TYPE_ROLE,
    TYPE_NUMBER
};

struct lexer {
    struct parser *p;
    const struct tree *t;
    size_t i;
    int depth;
    size_t nodes;
    bool failed; /* one mistake a predicate: what follows it would be guesswork */
};

static struct predicate *parse_or(struct lexer *x);

static void fail(struct lexer *x, size_t offset, const char *what)
{
    if (!x->failed) {
        mistake_add(x->p->m, tree_at(x->t, offset), "%s", what);
    }
    x->failed = true;
}

static void blanks(struct lexer *x)
{
    while (x->t->text[x->i] == ' ' || x->t->text[x->i] == '\n') {
        x->i++;
    }
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* The word at the cursor without taking it; its length, 0 if there is none. */
static size_t peek_word(struct lexer *x, char *word)
{
    blanks(x);
    size_t len = 0;
    while (is_word_char(x->t->text[x->i + len])) {
        len++;
    }
    fmt(word, WORD_MAX, "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX - 1), x->t->text + x->i);
    return len;
}

static bool take(struct lexer *x, const char *sign)
{
    blanks(x);
    size_t len = strlen(sign);
    if (strncmp(x->t->text + x->i, sign, len) != 0) {
        return false;
    }
    x->i += len;
    return true;
}

static bool take_word(struct lexer *x, const char *wanted)
{
    char word[WORD_MAX];
    size_t len = peek_word(x, word);
    if (len == 0 || strcmp(word, wanted) != 0) {
        return false;
    }
    x->i += len;
    return true;
}

static struct predicate *node(struct lexer *x, enum predicate_op op, size_t offset)
{
    struct predicate *n = mem_zalloc(x->p->mem, 1, sizeof(*n));
    n->op = op;
    n->at = tree_at(x->t, offset);
    if (++x->nodes > NODES_MAX) {
        fail(x, offset, "this predicate is too long");
    }
    return n;
}

static enum type type_of(const struct predicate *n)
{
    if (n == NULL) {
        return TYPE_BAD;
    }
    switch (n->op) {
    case PRED_MEMBER:
    case PRED_NOBODY: return TYPE_MEMBER;
    case PRED_ROLE:
    case PRED_ROLE_NAME: return TYPE_ROLE;
    case PRED_NUMBER:
    case PRED_TERM:
    case PRED_COMMIT:
    case PRED_APPLIED:
    case PRED_VOTERS:
    case PRED_QUORUM:
    case PRED_DISK_OPS:
    case PRED_PLUS:
    case PRED_MINUS: return TYPE_NUMBER;
    default: return TYPE_TRUTH;
    }
}

static const char *type_name(enum type type)
{
    static const char *const names[] = {"?", "a truth", "a member", "a role", "a number"};
    return names[type];
}

static int role_find(const char *word)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(word, scenario_role_name((enum scenario_role)i)) == 0) {
            return i;
        }
    }
    return -1;
}

/* `(WHO)` or `(DURATION)` behind a function's name. */
static void parse_argument(struct lexer *x, struct predicate *n)
{
    char word[WORD_MAX];
    if (!take(x, "(")) {
        fail(x, x->i, "`(` is missing here");
        return;
    }
    size_t len = peek_word(x, word);
    if (len == 0) {
        fail(x, x->i,
             n->op == PRED_STABLE ? "a duration is missing here" : "a member is missing here");
        return;
    }
    bool good = n->op == PRED_STABLE
                    ? duration_at(x->p, x->t, x->i, len, "stable's argument", &n->value)
                    : who_at(x->p, word, tree_at(x->t, x->i), &n->who);
    x->failed = x->failed || !good;
    if (good && n->op != PRED_STABLE && n->op != PRED_APPLIED && n->op != PRED_RUNNING &&
        n->who.kind != WHO_MEMBER && n->who.kind != WHO_LEADER) {
        fail(x, x->i, "one member is meant here: a name or `leader`");
    }
    x->i += len;
    if (!take(x, ")")) {
        fail(x, x->i, "`)` is missing here");
    }
}

static struct predicate *parse_name(struct lexer *x, const char *word, size_t len)
{
    static const struct {
        const char *name;
        enum predicate_op op;
    } functions[FUNCTION_COUNT] = {{"role", PRED_ROLE},        {"term", PRED_TERM},
                                   {"commit", PRED_COMMIT},    {"applied", PRED_APPLIED},
                                   {"running", PRED_RUNNING},  {"stable", PRED_STABLE},
                                   {"disk-ops", PRED_DISK_OPS}};
    static const struct {
        const char *name;
        enum predicate_op op;
    } constants[] = {{"voters", PRED_VOTERS},
                     {"quorum", PRED_QUORUM},
                     {"none", PRED_NOBODY},
                     {"config.pending", PRED_PENDING}};
    size_t start = x->i;
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (strcmp(word, functions[i].name) == 0) {
            struct predicate *n = node(x, functions[i].op, start);
            x->i += len;
            if (n->op == PRED_APPLIED && x->t->text[x->i] != '(') {
                n->who.kind = WHO_ALL;
            } else {
                parse_argument(x, n);
            }
            return n;
        }
    }
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
        if (strcmp(word, constants[i].name) == 0) {
            x->i += len;
            return node(x, constants[i].op, start);
        }
    }
    struct predicate *n = node(x, PRED_MEMBER, start);
    x->i += len;
    if (x->t->text[x->i] == '(') {
        const char *names[FUNCTION_COUNT];
        for (size_t i = 0; i < FUNCTION_COUNT; i++) {
            names[i] = functions[i].name;
        }
        unknown_word(x->p, n->at, "function", word, names, FUNCTION_COUNT);
        x->failed = true;
    } else if (strcmp(word, "leader") == 0) {
        n->who.kind = WHO_LEADER;
        n->who.at = n->at;
    } else if (role_find(word) >= 0) {
        n->op = PRED_ROLE_NAME;
        n->value = role_find(word);
    } else {
        x->failed = !who_at(x->p, word, n->at, &n->who) || x->failed;
    }
    return n;
}

static struct predicate *parse_atom(struct lexer *x)
{
    char word[WORD_MAX];
    size_t len = peek_word(x, word);
    if (len == 0) {
        fail(x, x->i,
             x->t->text[x->i] == '\0'
                 ? "the predicate ends too early: a name or a number is missing"
                 : "a name or a number is missing here");
        return NULL;
    }
    if (len >= WORD_MAX) {
        fail(x, x->i, "this word is too long");
        return NULL;
    }
    uint64_t value;
    if (word[0] >= '0' && word[0] <= '9' && slice_to_u64(slice_of(word, len), &value) == 0 &&
        value < INT64_MAX / 4) {
        struct predicate *n = node(x, PRED_NUMBER, x->i);
        n->value = (int64_t)value;
        x->i += len;
        return n;
    }
    return parse_name(x, word, len);
}

static struct predicate *parse_sum(struct lexer *x)
{
    struct predicate *left = parse_atom(x);
    while (!x->failed) {
        blanks(x);
        char c = x->t->text[x->i];
        if (c != '+' && c != '-') {
            break;
        }
        struct predicate *n = node(x, c == '+' ? PRED_PLUS : PRED_MINUS, x->i);
        x->i++;
        n->a = left;
        n->b = parse_atom(x);
        if (!x->failed && (type_of(n->a) != TYPE_NUMBER || type_of(n->b) != TYPE_NUMBER)) {
            fail(x, x->i, "only numbers can be added");
        }
        left = n;
    }
    return left;
}

static bool take_comparison(struct lexer *x, enum compare_op *op)
{
    static const enum compare_op ops[] = {COMPARE_EQ, COMPARE_NE, COMPARE_LE,
                                          COMPARE_GE, COMPARE_LT, COMPARE_GT};
    for (size_t i = 0; i < 6; i++) {
        if (take(x, scenario_compare_name(ops[i]))) {
            *op = ops[i];
            return true;
        }
    }
    return false;
}

/* `leader` is a role where the other side is one. */
static void settle_types(struct predicate *a, struct predicate *b)
{
    if (type_of(a) == TYPE_ROLE && b->op == PRED_MEMBER && b->who.kind == WHO_LEADER) {
        b->op = PRED_ROLE_NAME;
        b->value = ROLE_LEADER;
    }
}

static struct predicate *parse_truth(struct lexer *x)
{
    size_t start = x->i;
    struct predicate *a = parse_sum(x);
    enum compare_op op;
    if (x->failed) {
        return a;
    }
    if (!take_comparison(x, &op)) {
        if (x->t->text[x->i] == '=') {
            fail(x, x->i, "did you mean \"==\"?");
        } else if (type_of(a) != TYPE_TRUTH) {
            fail(x, start, "a comparison is missing behind this, for instance \"== none\"");
        }
        return a;
    }
    struct predicate *n = node(x, PRED_COMPARE, start);
    size_t right = x->i;
    struct predicate *b = parse_sum(x);
    if (x->failed) {
        return n;
    }
    settle_types(a, b);
    settle_types(b, a);
    if (type_of(a) != type_of(b) || type_of(a) == TYPE_TRUTH) {
        char text[128];
        fmt(text, sizeof(text), "%s cannot be compared with %s", type_name(type_of(a)),
            type_name(type_of(b)));
        fail(x, right, text);
    } else if (type_of(a) != TYPE_NUMBER && op != COMPARE_EQ && op != COMPARE_NE) {
        fail(x, right, "members and roles are equal or not: use == or !=");
    }
    n->compare = op;
    n->a = a;
    n->b = b;
    return n;
}

static struct predicate *parse_not(struct lexer *x)
{
    struct predicate *n = NULL;
    blanks(x);
    size_t start = x->i;
    if (++x->depth > DEPTH_MAX) {
        fail(x, x->i, "this predicate is nested too deep");
        return NULL;
    }
    if (take_word(x, "not")) {
        n = node(x, PRED_NOT, start);
        n->a = parse_not(x);
    } else if (take(x, "(")) {
        n = parse_or(x);
        if (!x->failed && !take(x, ")")) {
            fail(x, x->i, "`)` is missing here");
        }
    } else {
        n = parse_truth(x);
    }
    x->depth--;
    return n;
}

static struct predicate *parse_chain(struct lexer *x, const char *word, enum predicate_op op,
                                     struct predicate *(*parse)(struct lexer *x))
{
    struct predicate *left = parse(x);
    while (!x->failed) {
        size_t start = x->i;
        if (!take_word(x, word)) {
            break;
        }
        struct predicate *n = node(x, op, start);
        n->a = left;
        n->b = parse(x);
        left = n;
    }
    return left;
}

static struct predicate *parse_and(struct lexer *x)
{
    return parse_chain(x, "and", PRED_AND, parse_not);
}

static struct predicate *parse_or(struct lexer *x)
{
    return parse_chain(x, "or", PRED_OR, parse_and);
}

const struct predicate *predicate_read(struct parser *p, const struct tree *t)
{
    const char *text;
    struct lexer x = {.p = p, .t = t};
    if (!value_text(p, t, "a predicate", &text)) {
        return NULL;
    }
    struct predicate *n = parse_or(&x);
    blanks(&x);
    if (!x.failed && text[x.i] != '\0') {
        fail(&x, x.i, "this is not part of the predicate; join with `and` or `or`");
    }
    return x.failed ? NULL : n;
}
