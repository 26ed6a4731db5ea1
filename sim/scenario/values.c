#include "parser.h"

#include "base/duration.h"
#include "base/fmt.h"

void unknown_word(struct parser *p, struct position at, const char *kind, const char *word,
                  const char *const *candidates, size_t count)
{
    const char *guess = mistake_guess(word, candidates, count);
    if (guess != NULL) {
        mistake_add(p->m, at, "unknown %s \"%s\"; did you mean \"%s\"?", kind, word, guess);
        return;
    }
    struct buf list;
    buf_init(&list, p->mem);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", candidates[i]);
    }
    mistake_add(p->m, at, "unknown %s \"%s\"; known here: %s", kind, word, buf_cstr(&list));
    buf_fini(&list);
}

bool map_read(struct parser *p, const struct tree *t, const char *what,
              const struct key_rule *rules, size_t count, void *into)
{
    if (t->kind != TREE_MAP) {
        mistake_add(p->m, t->at, "%s is a map of keys, not %s", what, tree_kind_name(t));
        return false;
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct tree *key = t->keys[i];
        const struct key_rule *rule = NULL;
        for (size_t j = 0; j < count && rule == NULL; j++) {
            if (strcmp(rules[j].name, key->text) == 0) {
                rule = &rules[j];
            }
        }
        if (rule == NULL) {
            const char *names[64];
            size_t known = 0;
            for (size_t j = 0; j < count && known < 64; j++) {
                names[known++] = rules[j].name;
            }
            unknown_word(p, key->at, "key", key->text, names, known);
        } else if (rule->read == NULL) {
            mistake_add(p->m, key->at, "not yet: this version does not build `%s` of %s", key->text,
                        what);
        } else {
            rule->read(p, into, t->items[i]);
        }
    }
    return true;
}

bool value_any_text(struct parser *p, const struct tree *t, const char *what, const char **out)
{
    if (t->kind != TREE_SCALAR) {
        mistake_add(p->m, t->at, "%s is text, not %s", what, tree_kind_name(t));
        return false;
    }
    *out = t->text;
    return true;
}

bool value_text(struct parser *p, const struct tree *t, const char *what, const char **out)
{
    if (!value_any_text(p, t, what, out)) {
        return false;
    }
    if (t->len == 0) {
        mistake_add(p->m, t->at, "%s is empty", what);
        return false;
    }
    return true;
}

bool value_texts(struct parser *p, const struct tree *t, const char *what, struct text_list *out)
{
    size_t count = t->kind == TREE_LIST ? t->count : 1;
    bool good = true;
    if (t->kind == TREE_LIST && count == 0) {
        mistake_add(p->m, t->at, "%s is an empty list", what);
        return false;
    }
    out->items = mem_zalloc(p->mem, count, sizeof(out->items[0]));
    for (size_t i = 0; i < count; i++) {
        const struct tree *item = t->kind == TREE_LIST ? t->items[i] : t;
        if (value_text(p, item, what, &out->items[out->count])) {
            out->count++;
        } else {
            good = false;
        }
    }
    return good;
}

int value_choice(struct parser *p, const struct tree *t, const char *what, const char *const *names,
                 size_t count)
{
    const char *text;
    if (!value_text(p, t, what, &text)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, names[i]) == 0) {
            return (int)i;
        }
    }
    unknown_word(p, t->at, what, text, names, count);
    return -1;
}

bool value_bool(struct parser *p, const struct tree *t, const char *what, bool *out)
{
    static const char *const names[] = {"false", "true"};
    int choice = value_choice(p, t, what, names, 2);
    *out = choice == 1;
    return choice >= 0;
}

static bool is_digits(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return len > 0;
}

bool duration_at(struct parser *p, const struct tree *t, size_t from, size_t len, const char *what,
                 int64_t *out)
{
    struct slice text = slice_of(t->text + from, len);
    if (is_digits(t->text + from, len) && !(len == 1 && t->text[from] == '0')) {
        mistake_add(p->m, tree_at(t, from), "\"%.*s\" needs a unit, for instance %.*ss or %.*sms",
                    (int)len, text.ptr, (int)len, text.ptr, (int)len, text.ptr);
        return false;
    }
    if (duration_parse(text, out) != 0 || *out < 0) {
        mistake_add(p->m, tree_at(t, from),
                    "%s is a duration, for instance 5s or 300ms, not \"%.*s\"", what, (int)len,
                    (const char *)text.ptr);
        return false;
    }
    if (*out > INT64_C(1000) * 3600 * SEC_NS) {
        mistake_add(p->m, tree_at(t, from), "%s is longer than 1000h", what);
        return false;
    }
    return true;
}

bool value_duration(struct parser *p, const struct tree *t, const char *what, int64_t *out)
{
    const char *text;
    return value_text(p, t, what, &text) && duration_at(p, t, 0, t->len, what, out);
}

/* The comparison at the start of a text, and the length of what stands before its operand. */
static size_t compare_prefix(const char *text, enum compare_op *op)
{
    static const struct {
        const char *sign;
        enum compare_op op;
    } signs[] = {{"==", COMPARE_EQ}, {"!=", COMPARE_NE}, {"<=", COMPARE_LE},
                 {">=", COMPARE_GE}, {"<", COMPARE_LT},  {">", COMPARE_GT}};
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        size_t len = strlen(signs[i].sign);
        if (strncmp(text, signs[i].sign, len) == 0) {
            *op = signs[i].op;
            while (text[len] == ' ') {
                len++;
            }
            return len;
        }
    }
    *op = COMPARE_NONE;
    return 0;
}

bool value_compare(struct parser *p, const struct tree *t, const char *what, char unit,
                   struct compare *out)
{
    const char *text;
    uint64_t value;
    if (!value_text(p, t, what, &text)) {
        return false;
    }
    enum compare_op op;
    size_t from = compare_prefix(text, &op);
    size_t len = t->len - from;
    if (unit != 0 && len > 0 && text[t->len - 1] == unit) {
        len--;
    }
    if (slice_to_u64(slice_of(text + from, len), &value) != 0 || value > INT64_MAX / 2) {
        mistake_add(p->m, tree_at(t, from),
                    "%s is a number or a comparison, for instance 2 or "
                    "\">= 2\", not \"%s\"",
                    what, text);
        return false;
    }
    out->op = op == COMPARE_NONE ? COMPARE_EQ : op;
    out->value = (int64_t)value;
    out->at = t->at;
    return true;
}

/* Digits with at most `places` of them behind a point, times 10^places. */
static bool decimal(const char *text, size_t len, int places, uint64_t *out)
{
    uint64_t value = 0;
    int behind = -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' && behind < 0 && i > 0) {
            behind = 0;
        } else if (text[i] >= '0' && text[i] <= '9' && behind < places && value < 1000000000) {
            value = value * 10 + (uint64_t)(text[i] - '0');
            behind += behind >= 0 ? 1 : 0;
        } else {
            return false;
        }
    }
    for (int i = behind < 0 ? 0 : behind; i < places; i++) {
        value *= 10;
    }
    *out = value;
    return len > 0 && behind != 0;
}

bool value_percent(struct parser *p, const struct tree *t, const char *what, uint32_t *ppm)
{
    const char *text;
    uint64_t value = 0;
    if (!value_text(p, t, what, &text)) {
        return false;
    }
    if (text[t->len - 1] != '%' || !decimal(text, t->len - 1, 4, &value) || value > 1000000) {
        mistake_add(p->m, t->at,
                    "%s is a share from 0%% to 100%%, for instance 5%% or 0.1%%, not "
                    "\"%s\"",
                    what, text);
        return false;
    }
    *ppm = (uint32_t)value;
    return true;
}

bool value_bytes(struct parser *p, const struct tree *t, size_t from, size_t len, const char *what,
                 uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {{"KiB", 1024}, {"MiB", 1024 * 1024}, {"B", 1}};
    const char *text = t->text + from;
    uint64_t unit = 1;
    size_t digits = len;
    for (size_t i = 0; i < 3 && digits == len; i++) {
        size_t name = strlen(units[i].name);
        if (len > name && memcmp(text + len - name, units[i].name, name) == 0) {
            unit = units[i].bytes;
            digits = len - name;
        }
    }
    if (!decimal(text, digits, 0, out) || *out > (UINT64_C(1) << 40) / unit) {
        mistake_add(p->m, tree_at(t, from),
                    "%s is a number of bytes, for instance 100B or 4KiB, "
                    "not \"%.*s\"",
                    what, (int)len, text);
        return false;
    }
    *out *= unit;
    return true;
}

bool value_number(struct parser *p, const struct tree *t, const char *what, uint64_t low,
                  uint64_t high, uint64_t *out)
{
    const char *text;
    if (!value_text(p, t, what, &text)) {
        return false;
    }
    if (slice_to_u64(slice_of(text, t->len), out) != 0 || *out < low || *out > high) {
        mistake_add(p->m, t->at, "%s is a number from %llu to %llu, not \"%s\"", what,
                    (unsigned long long)low, (unsigned long long)high, text);
        return false;
    }
    return true;
}

bool value_rate(struct parser *p, const struct tree *t, uint64_t *bytes_per_second)
{
    const char *text;
    if (!value_text(p, t, "`rate`", &text)) {
        return false;
    }
    if (t->len < 3 || strcmp(text + t->len - 2, "/s") != 0) {
        mistake_add(p->m, t->at, "`rate` is bytes in a second, for instance 100KiB/s, not \"%s\"",
                    text);
        return false;
    }
    if (!value_bytes(p, t, 0, t->len - 2, "`rate`", bytes_per_second)) {
        return false;
    }
    if (*bytes_per_second == 0) {
        mistake_add(p->m, t->at, "`rate` is 0: say `%s: true`", p->disk ? "stall" : "hang");
    }
    return *bytes_per_second > 0;
}

bool value_range(struct parser *p, const struct tree *t, const char *what, bool exact,
                 struct range *out)
{
    const char *text;
    if (!value_text(p, t, what, &text)) {
        return false;
    }
    *out = (struct range){.present = true, .high = INT64_MAX, .at = t->at};
    enum compare_op op;
    size_t from = compare_prefix(text, &op);
    const char *dots = strstr(text, "..");
    int64_t value;
    if (op == COMPARE_NONE && dots != NULL) {
        size_t low = (size_t)(dots - text);
        size_t high = low + 2;
        size_t low_len = low;
        while (low_len > 0 && text[low_len - 1] == ' ') {
            low_len--;
        }
        while (text[high] == ' ') {
            high++;
        }
        if (!duration_at(p, t, 0, low_len, what, &out->low) ||
            !duration_at(p, t, high, t->len - high, what, &out->high)) {
            return false;
        }
        if (out->low > out->high) {
            mistake_add(p->m, t->at, "%s ends before it begins", what);
            return false;
        }
        return true;
    }
    if (!duration_at(p, t, from, t->len - from, what, &value)) {
        return false;
    }
    switch (op) {
    case COMPARE_LE: out->high = value; return true;
    case COMPARE_LT: out->high = value - 1; return true;
    case COMPARE_GE: out->low = value; return true;
    case COMPARE_GT: out->low = value + 1; return true;
    default: break;
    }
    if (!exact) {
        mistake_add(p->m, t->at,
                    "%s is a range, for instance 4.9s..5.1s or \"<= 5s\": no time is "
                    "met exactly",
                    what);
        return false;
    }
    out->low = value;
    out->high = value;
    return true;
}

static bool point_label(struct parser *p, const struct tree *t, size_t from, size_t len,
                        size_t limit, struct point *out)
{
    const char *names[64];
    size_t known = 0;
    char label[128];
    bool end = len > 4 && memcmp(t->text + from + len - 4, ".end", 4) == 0;
    size_t name_len = end ? len - 4 : len;
    fmt(label, sizeof(label), "%.*s", (int)name_len, t->text + from);
    /* Backwards: inside `repeat` a label is that of this round. */
    for (size_t i = limit; i-- > 0;) {
        const struct step *step = &p->s->steps[i];
        if (step->label == NULL || (p->round != 0 && step->round != 0 && step->round != p->round)) {
            continue;
        }
        if (strcmp(step->label, label) == 0) {
            out->kind = end ? POINT_STEP_END : POINT_STEP;
            out->step = i;
            if (end && !step->duration.present) {
                mistake_add(p->m, tree_at(t, from), "\"%s\" has no end: its step has no `for`",
                            label);
                return false;
            }
            return true;
        }
        if (known < 64 && step->round <= 1) {
            names[known++] = step->label;
        }
    }
    for (size_t i = 0; i < known / 2; i++) {
        const char *swap = names[i];
        names[i] = names[known - 1 - i];
        names[known - 1 - i] = swap;
    }
    if (known == 0) {
        mistake_add(p->m, tree_at(t, from),
                    "\"%s\" is neither a time (5s, 300ms) nor a label; no step above has `as`",
                    label);
    } else {
        unknown_word(p, tree_at(t, from), "label", label, names, known);
    }
    return false;
}

bool value_point(struct parser *p, const struct tree *t, size_t from, size_t len, size_t limit,
                 struct point *out)
{
    const char *text = t->text;
    size_t end = from + len;
    while (from < end && text[from] == ' ') {
        from++;
    }
    while (end > from && text[end - 1] == ' ') {
        end--;
    }
    *out = (struct point){.at = tree_at(t, from)};
    if (from == end) {
        mistake_add(p->m, out->at, "a time or a label is missing here");
        return false;
    }
    if (text[from] >= '0' && text[from] <= '9') {
        return duration_at(p, t, from, end - from, "a time", &out->offset_ns);
    }
    /* The sign stands apart, because labels may hold a hyphen. */
    size_t sign = from;
    while (sign < end && text[sign] != '+' &&
           !(text[sign] == '-' && sign > from && text[sign - 1] == ' ')) {
        sign++;
    }
    size_t label_end = sign;
    while (label_end > from && text[label_end - 1] == ' ') {
        label_end--;
    }
    bool good = point_label(p, t, from, label_end - from, limit, out);
    if (sign < end) {
        size_t operand = sign + 1;
        while (operand < end && text[operand] == ' ') {
            operand++;
        }
        good = duration_at(p, t, operand, end - operand, "an offset", &out->offset_ns) && good;
        if (text[sign] == '-') {
            out->offset_ns = -out->offset_ns;
        }
    }
    return good;
}

const char *known_members(struct parser *p)
{
    struct buf list;
    buf_init(&list, p->mem);
    for (size_t i = 0; i < p->s->member_count; i++) {
        const struct member_spec *member = &p->s->members[i];
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", member->name);
        if (!member->listed) {
            buf_printf(&list, " (added by step at line %d)", p->s->steps[member->added_by].at.line);
        }
    }
    /* Lives as long as the parser's memory. */
    return buf_cstr(&list);
}

bool who_at(struct parser *p, const char *word, struct position at, struct who *out)
{
    static const char *const names[] = {"leader", "others", "majority", "minority", "all"};
    static const enum who_kind kinds[] = {WHO_LEADER, WHO_OTHERS, WHO_MAJORITY, WHO_MINORITY,
                                          WHO_ALL};
    *out = (struct who){.at = at};
    for (size_t i = 0; i < 5; i++) {
        if (strcmp(word, names[i]) == 0) {
            out->kind = kinds[i];
            return true;
        }
    }
    int member = member_spec_find(p->s, word);
    if (member >= 0) {
        out->kind = WHO_MEMBER;
        out->member = (size_t)member;
        return true;
    }
    mistake_add(p->m, at, "unknown member \"%s\"; known here: %s", word, known_members(p));
    return false;
}

bool value_who(struct parser *p, const struct tree *t, struct who *out)
{
    const char *text;
    return value_text(p, t, "a member", &text) && who_at(p, text, t->at, out);
}

void who_add(struct parser *p, struct who_list *list, struct who who)
{
    list->items = mem_resize(p->mem, list->items, (list->count + 1) * sizeof(list->items[0]));
    list->items[list->count++] = who;
}

bool value_whos(struct parser *p, const struct tree *t, struct who_list *out)
{
    size_t count = t->kind == TREE_LIST ? t->count : 1;
    bool good = true;
    if (count == 0) {
        mistake_add(p->m, t->at, "a list of members is empty here");
        return false;
    }
    if (count > SCENARIO_MEMBERS_MAX) {
        mistake_add(p->m, t->at, "more than %d members in one list", SCENARIO_MEMBERS_MAX);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct who who;
        if (value_who(p, t->kind == TREE_LIST ? t->items[i] : t, &who)) {
            who_add(p, out, who);
        } else {
            good = false;
        }
    }
    return good;
}
