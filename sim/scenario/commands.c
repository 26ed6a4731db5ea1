/* Actions that are command lines of quoratectl, and those that stand for one. */
#include "steps.h"

/* Members named by ${…} exist from their announcement on, also within it. */
static void resolve_words(struct parser *p, struct ctl_action *ctl)
{
    for (size_t i = 0; i < ctl->word_count; i++) {
        for (size_t j = 0; j < ctl->words[i].count; j++) {
            struct word_part *part = &ctl->words[i].parts[j];
            if (part->kind == PART_TEXT) {
                continue;
            }
            int member = member_spec_find(p->s, part->text);
            if (member < 0) {
                mistake_add(p->m, part->at, "unknown member \"%s\"; known here: %s", part->text,
                            known_members(p));
            } else {
                part->member = (size_t)member;
            }
        }
    }
}

void action_ctl(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct ctl_action *ctl = &r->step->action.ctl;
    struct buf text;
    if (!action_begin(p, r, t, ACTION_CTL, "ctl")) {
        return;
    }
    if (t->kind == TREE_LIST) {
        buf_init(&text, p->mem);
        ctl->words = mem_zalloc(p->mem, t->count, sizeof(ctl->words[0]));
        for (size_t i = 0; i < t->count; i++) {
            const char *word;
            if (!value_any_text(p, t->items[i], "a word of `ctl`", &word) ||
                !word_plain(p, t->items[i], &ctl->words[i])) {
                return;
            }
            buf_printf(&text, "%s%s", i > 0 ? " " : "", word);
            ctl->word_count = i + 1;
        }
        ctl->text = mem_strdup(p->mem, buf_cstr(&text), text.len);
        buf_fini(&text);
    } else if (!value_text(p, t, "`ctl`", &ctl->text) ||
               !words_split(p, t, &ctl->words, &ctl->word_count)) {
        return;
    }
    if (ctl->word_count == 0) {
        mistake_add(p->m, t->at,
                    "`ctl` is a command line of quoratectl, for instance "
                    "`put color blue`; it is empty");
        return;
    }
    member_announce(p, t, ctl);
    resolve_words(p, ctl);
}

/* `transfer: n2` is what a person would do: `move-leader ID`, asked of the leader. */
void action_transfer(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct ctl_action *ctl = &r->step->action.ctl;
    struct who who;
    if (!action_begin(p, r, t, ACTION_CTL, "transfer") || !value_who(p, t, &who)) {
        return;
    }
    if (who.kind != WHO_MEMBER) {
        mistake_add(p->m, t->at, "`transfer` takes one member's name: the one that is to lead");
        return;
    }
    ctl->words = mem_zalloc(p->mem, 2, sizeof(ctl->words[0]));
    ctl->word_count = 2;
    for (size_t i = 0; i < 2; i++) {
        ctl->words[i].parts = mem_zalloc(p->mem, 1, sizeof(struct word_part));
        ctl->words[i].count = 1;
    }
    ctl->words[0].parts[0] = (struct word_part){.kind = PART_TEXT, .text = "move-leader"};
    ctl->words[1].parts[0] =
        (struct word_part){.kind = PART_ID, .text = t->text, .member = who.member, .at = t->at};
    struct buf text;
    buf_init(&text, p->mem);
    buf_printf(&text, "move-leader ${%s.id}", t->text);
    ctl->text = mem_strdup(p->mem, (const char *)text.ptr, text.len);
    buf_fini(&text);
    who_add(p, &ctl->via, (struct who){.kind = WHO_LEADER, .at = t->at});
}

/* A number, `newest`, or `newest - 100`. */
static bool read_revision(const char *text, struct word_part *part)
{
    static const char newest[] = "newest";
    uint64_t number = 0;
    if (slice_to_u64(slice_str(text), &number) == 0) {
        *part = (struct word_part){.kind = PART_TEXT, .text = text};
        return true;
    }
    struct slice rest = slice_str(text);
    *part = (struct word_part){.kind = PART_REVISION, .text = text};
    if (!slice_starts_with(rest, newest)) {
        return false;
    }
    rest = slice_from(rest, sizeof(newest) - 1);
    if (rest.len == 0) {
        return true;
    }
    if (!slice_starts_with(rest, " - ") || slice_to_u64(slice_from(rest, 3), &number) != 0 ||
        number > INT64_MAX) {
        return false;
    }
    part->back = (int64_t)number;
    return true;
}

/* `compact: REVISION` is what a person would do: `compaction REVISION`. */
void action_compact(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct ctl_action *ctl = &r->step->action.ctl;
    struct word_part part;
    const char *text;
    if (!action_begin(p, r, t, ACTION_CTL, "compact") || !value_text(p, t, "`compact`", &text)) {
        return;
    }
    if (!read_revision(text, &part)) {
        mistake_add(p->m, t->at,
                    "`compact` takes a revision, `newest`, or how far behind it, for instance "
                    "`newest - 100`; not \"%s\"",
                    text);
        return;
    }
    ctl->words = mem_zalloc(p->mem, 2, sizeof(ctl->words[0]));
    ctl->word_count = 2;
    for (size_t i = 0; i < 2; i++) {
        ctl->words[i].parts = mem_zalloc(p->mem, 1, sizeof(struct word_part));
        ctl->words[i].count = 1;
    }
    ctl->words[0].parts[0] = (struct word_part){.kind = PART_TEXT, .text = "compaction"};
    ctl->words[1].parts[0] = part;
    struct buf line;
    buf_init(&line, p->mem);
    buf_printf(&line, "compaction %s", text);
    ctl->text = mem_strdup(p->mem, (const char *)line.ptr, line.len);
    buf_fini(&line);
}
