#include "parser.h"

/* A word that is being put together. */
struct maker {
    struct parser *p;
    const struct tree *t;
    struct word word;
    struct buf text; /* of the part in progress */
};

static void part_add(struct maker *k, struct word_part part)
{
    struct word *w = &k->word;
    w->parts = mem_resize(k->p->mem, w->parts, (w->count + 1) * sizeof(w->parts[0]));
    w->parts[w->count++] = part;
}

static void flush_text(struct maker *k)
{
    if (k->text.len > 0) {
        part_add(k, (struct word_part){
                        .kind = PART_TEXT,
                        .text = mem_strdup(k->p->mem, (const char *)k->text.ptr, k->text.len)});
        buf_clear(&k->text);
    }
}

/* `${M.id}` at offset i; returns the offset behind it. */
static size_t read_reference(struct maker *k, size_t i)
{
    static const char *const names[] = {"id", "peer", "client"};
    static const enum part_kind kinds[] = {PART_ID, PART_PEER, PART_CLIENT};
    struct parser *p = k->p;
    const char *text = k->t->text;
    const char *close = strchr(text + i, '}');
    struct position at = tree_at(k->t, i + 2);
    if (close == NULL) {
        mistake_add(p->m, tree_at(k->t, i), "`${` has no `}`");
        return k->t->len;
    }
    size_t end = (size_t)(close - text);
    const char *inside = mem_strdup(p->mem, text + i + 2, end - i - 2);
    const char *dot = strrchr(inside, '.');
    if (dot == NULL) {
        mistake_add(p->m, at,
                    "`${%s}` names nothing: write ${MEMBER.id}, ${MEMBER.peer} or "
                    "${MEMBER.client}",
                    inside);
        return end + 1;
    }
    const char *name = mem_strdup(p->mem, inside, (size_t)(dot - inside));
    for (size_t kind = 0; kind < 3; kind++) {
        if (strcmp(dot + 1, names[kind]) == 0) {
            flush_text(k);
            /* The member is looked up when the whole command is known: it may be announced by it.
             */
            part_add(k, (struct word_part){.kind = kinds[kind], .text = name, .at = at});
            return end + 1;
        }
    }
    at.column += (int)(dot + 1 - inside);
    unknown_word(p, at, "property", dot + 1, names, 3);
    return end + 1;
}

/* From behind the opening quote at i; returns the offset behind the closing one. */
static size_t read_quoted(struct maker *k, size_t i, char quote)
{
    const char *text = k->t->text;
    size_t start = i - 1;
    while (i < k->t->len && text[i] != quote) {
        if (quote == '"' && text[i] == '\\' && i + 1 < k->t->len &&
            strchr("$`\"\\", text[i + 1]) != NULL) {
            buf_add_u8(&k->text, (uint8_t)text[i + 1]);
            i += 2;
        } else if (quote == '"' && text[i] == '$' && text[i + 1] == '{') {
            i = read_reference(k, i);
        } else {
            buf_add_u8(&k->text, (uint8_t)text[i]);
            i++;
        }
    }
    if (i >= k->t->len) {
        mistake_add(k->p->m, tree_at(k->t, start), "this quote has no end");
        return i;
    }
    return i + 1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* One word from offset i; returns the offset behind it. */
static size_t read_word(struct maker *k, size_t i)
{
    const char *text = k->t->text;
    while (i < k->t->len && !is_blank(text[i])) {
        char c = text[i];
        if (c == '\'' || c == '"') {
            i = read_quoted(k, i + 1, c);
        } else if (c == '\\' && i + 1 < k->t->len) {
            buf_add_u8(&k->text, (uint8_t)text[i + 1]);
            i += 2;
        } else if (c == '$' && text[i + 1] == '{') {
            i = read_reference(k, i);
        } else {
            buf_add_u8(&k->text, (uint8_t)c);
            i++;
        }
    }
    return i;
}

static struct word take_word(struct maker *k)
{
    flush_text(k);
    struct word word = k->word;
    if (word.count == 0) {
        part_add(k, (struct word_part){.kind = PART_TEXT, .text = ""});
        word = k->word;
    }
    k->word = (struct word){0};
    return word;
}

bool words_split(struct parser *p, const struct tree *t, struct word **words, size_t *count)
{
    struct maker k = {.p = p, .t = t};
    size_t before = p->m->count;
    size_t cap = 0;
    buf_init(&k.text, p->mem);
    *count = 0;
    for (size_t i = 0; i < t->len;) {
        if (is_blank(t->text[i])) {
            i++;
            continue;
        }
        i = read_word(&k, i);
        if (*count == cap) {
            cap = cap == 0 ? 8 : cap * 2;
            *words = mem_resize(p->mem, *words, cap * sizeof(**words));
        }
        (*words)[(*count)++] = take_word(&k);
    }
    buf_fini(&k.text);
    return p->m->count == before;
}

bool word_plain(struct parser *p, const struct tree *t, struct word *word)
{
    struct maker k = {.p = p, .t = t};
    size_t before = p->m->count;
    buf_init(&k.text, p->mem);
    for (size_t i = 0; i < t->len;) {
        if (t->text[i] == '$' && t->text[i + 1] == '{') {
            i = read_reference(&k, i);
        } else {
            buf_add_u8(&k.text, (uint8_t)t->text[i]);
            i++;
        }
    }
    *word = take_word(&k);
    buf_fini(&k.text);
    return p->m->count == before;
}

const char *word_text(const struct word *word)
{
    return word->count == 1 && word->parts[0].kind == PART_TEXT ? word->parts[0].text : NULL;
}
