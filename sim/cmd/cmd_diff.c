/* `quorate diff --db FILE RUN RUN`: where two runs part. Told are the first line of their traces
 * that differs, times included, and the first decision: the first change of a role, a vote, a
 * configuration or a step that one of them has and the other has not. Each member's decisions are
 * compared in its own order and without their times, because a message that took longer decides
 * nothing by itself.
 *
 * Exits 0 if they are the same, 1 if they differ, 2 on mistakes. */
#include "cmd.h"

#include <stdio.h>

#include "base/fmt.h"
#include "base/list.h"
#include "build.h"
#include "kept.h"

#define PARTS_MAX 256 /* members, clients and the world */

enum diff_exit {
    DIFF_SAME = 0,
    DIFF_OTHER = 1
};

/* Who takes part: a member, a client, the world. */
struct part {
    const char *node;
    const char *id; /* NULL: no member, or it did not boot */
    size_t *lines;  /* its decisions: places of lines */
    size_t count;
    size_t cap;
};

struct side {
    struct kept kept;
    bool replayed; /* the file keeps no lines of it */
    char hash[17];
    struct store_line *lines;
    size_t count;
    size_t cap;
    struct part parts[PARTS_MAX];
    size_t part_count;
    struct mem *mem;
    struct run_sink sink;
};

static const char *copy(struct side *side, const char *text)
{
    return mem_strdup(side->mem, text, strlen(text));
}

static void on_line(struct run_sink *sink, const struct run_line *line)
{
    struct side *side = container_of(sink, struct side, sink);
    if (side->count == side->cap) {
        side->cap = side->cap == 0 ? 4096 : side->cap * 2;
        side->lines = mem_resize(side->mem, side->lines, side->cap * sizeof(side->lines[0]));
    }
    side->lines[side->count++] = (struct store_line){.time_ns = line->time_ns,
                                                     .event = line->event,
                                                     .cause = line->cause,
                                                     .node = copy(side, line->node),
                                                     .kind = copy(side, line->kind),
                                                     .text = copy(side, line->text)};
}

/* The lines of a run: as they were kept, or from running it again if only its summary was. */
static int side_read(struct side *side, const char *db, const char *id, struct mem *mem)
{
    side->mem = mem;
    int err = kept_open(db, id, mem, &side->kept);
    if (err != 0) {
        return err;
    }
    fmt(side->hash, sizeof(side->hash), "%s", side->kept.run.trace_hash);
    if (side->kept.run.events > 0) {
        err = store_read_lines(db, &side->kept.run, mem, &side->lines, &side->count);
        if (err != 0) {
            cmd_say(stderr, "quorate: %s: its trace cannot be read\n", db);
        }
        return err;
    }
    struct run_options options = kept_options(&side->kept);
    side->sink.line = on_line;
    options.sink = &side->sink;
    struct run *run = run_new(side->kept.s, &options);
    run_go(run);
    side->replayed = true;
    fmt(side->hash, sizeof(side->hash), "%016llx", (unsigned long long)run_summary(run).trace_hash);
    run_free(run);
    return 0;
}

static bool is_decision(const struct store_line *line)
{
    static const char *const kinds[] = {"role", "vote",  "config", "step",     "start",
                                        "end",  "power", "pause",  "truncate", "stop"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(line->kind, kinds[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* IDs that lines name before their owners have booted become names, as they are afterwards. */
static const char *named(struct side *side, const char *text)
{
    struct buf out;
    buf_init(&out, side->mem);
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, " ");
        const char *name = NULL;
        for (size_t i = 0; i < side->part_count && name == NULL; i++) {
            const char *id = side->parts[i].id;
            bool same = id != NULL && strlen(id) == len && strncmp(id, at, len) == 0;
            name = same ? side->parts[i].node : NULL;
        }
        if (name != NULL) {
            buf_add_str(&out, name);
        } else {
            buf_add(&out, at, len);
        }
        at += len;
        if (*at == ' ') {
            buf_add_u8(&out, ' ');
            at++;
        }
    }
    return buf_cstr(&out);
}

static struct part *part_at(struct side *side, const char *node)
{
    for (size_t i = 0; i < side->part_count; i++) {
        if (strcmp(side->parts[i].node, node) == 0) {
            return &side->parts[i];
        }
    }
    if (side->part_count == PARTS_MAX) {
        return NULL;
    }
    side->parts[side->part_count].node = node;
    return &side->parts[side->part_count++];
}

/* Sorts the decisions by who made them. A boot line begins with "member ID". */
static void side_index(struct side *side)
{
    static const char boot[] = "member ";
    for (size_t i = 0; i < side->count; i++) {
        const struct store_line *line = &side->lines[i];
        bool boots = strcmp(line->kind, "boot") == 0 && strncmp(line->text, boot, 7) == 0;
        if (!boots && !is_decision(line)) {
            continue;
        }
        struct part *part = part_at(side, line->node);
        if (part == NULL) {
            continue; /* so many take part that the first ones must do */
        }
        if (boots) {
            part->id = mem_strdup(side->mem, line->text + 7, strcspn(line->text + 7, " "));
            continue;
        }
        if (part->count == part->cap) {
            part->cap = part->cap == 0 ? 64 : part->cap * 2;
            part->lines = mem_resize(side->mem, part->lines, part->cap * sizeof(part->lines[0]));
        }
        part->lines[part->count++] = i;
    }
    for (size_t i = 0; i < side->part_count; i++) {
        for (size_t k = 0; k < side->parts[i].count; k++) {
            struct store_line *line = &side->lines[side->parts[i].lines[k]];
            line->text = named(side, line->text);
        }
    }
}

static bool same_words(const struct store_line *a, const struct store_line *b)
{
    return strcmp(a->kind, b->kind) == 0 && strcmp(a->text, b->text) == 0;
}

static bool same_line(const struct store_line *a, const struct store_line *b)
{
    return a->time_ns == b->time_ns && a->event == b->event && a->cause == b->cause &&
           strcmp(a->node, b->node) == 0 && same_words(a, b);
}

struct parting {
    size_t a; /* places of lines; the count of lines: that side has no more */
    size_t b;
    int64_t time_ns;
    bool found;
    size_t agreed; /* decisions before it, of this node */
};

static size_t decision(const struct side *side, const struct part *part, size_t n)
{
    return part != NULL && n < part->count ? part->lines[n] : side->count;
}

/* Where this node's decisions part. */
static struct parting part_of(struct side *a, struct side *b, const char *node)
{
    const struct part *of_a = part_at(a, node);
    const struct part *of_b = part_at(b, node);
    struct parting p = {.a = decision(a, of_a, 0), .b = decision(b, of_b, 0)};
    while (p.a < a->count && p.b < b->count && same_words(&a->lines[p.a], &b->lines[p.b])) {
        p.agreed++;
        p.a = decision(a, of_a, p.agreed);
        p.b = decision(b, of_b, p.agreed);
    }
    p.found = p.a < a->count || p.b < b->count;
    int64_t time_a = p.a < a->count ? a->lines[p.a].time_ns : INT64_MAX;
    int64_t time_b = p.b < b->count ? b->lines[p.b].time_ns : INT64_MAX;
    p.time_ns = time_a < time_b ? time_a : time_b;
    return p;
}

static void tell_line(const struct side *side, const char *name, size_t at)
{
    struct buf text;
    buf_init(&text, side->mem);
    if (at < side->count) {
        const struct store_line *line = &side->lines[at];
        struct run_line told = {line->time_ns, line->event, line->cause, line->node,
                                line->kind,    line->text,  ""};
        run_line_write(&told, &text);
    } else {
        buf_add_str(&text, "    (nothing more)");
    }
    cmd_say(stdout, "  %s %s\n", name, buf_cstr(&text));
    buf_fini(&text);
}

/* At one instant the line that was told first decides: a step comes before what it did. */
static bool is_before(const struct parting *p, const struct parting *q)
{
    size_t of_p = p->a < p->b ? p->a : p->b;
    size_t of_q = q->a < q->b ? q->a : q->b;
    return p->time_ns < q->time_ns || (p->time_ns == q->time_ns && of_p < of_q);
}

static void tell_decision(struct side *a, struct side *b)
{
    struct parting first = {.found = false};
    const char *node = "";
    side_index(a);
    side_index(b);
    for (size_t i = 0; i < a->part_count + b->part_count; i++) {
        const char *name = i < a->part_count ? a->parts[i].node : b->parts[i - a->part_count].node;
        struct parting p = part_of(a, b, name);
        if (p.found && (!first.found || is_before(&p, &first))) {
            first = p;
            node = name;
        }
    }
    if (!first.found) {
        cmd_say(
            stdout,
            "\nall decisions are the same: roles, votes, configurations, steps, starts and ends "
            "of each\n");
        return;
    }
    cmd_say(stdout, "\nfirst decision that differs, by %s, after %zu that are the same\n",
            *node != '\0' ? node : "the world", first.agreed);
    tell_line(a, "a", first.a);
    tell_line(b, "b", first.b);
}

static void tell_side(const struct side *side, const char *name)
{
    const struct store_run *run = &side->kept.run;
    cmd_say(stdout, "%s: %s  %s  trace-hash %s%s\n", name, run->id, run->verdict, side->hash,
            side->replayed ? "  (its lines were not kept: run again)" : "");
    if (side->replayed && !side->kept.same_build) {
        cmd_say(stdout,
                "   recorded with build %s, this is %s: the seed may not mean the same run any "
                "more.\n",
                run->build, BUILD_ID);
    }
}

static int tell_difference(struct side *a, struct side *b)
{
    size_t at = 0;
    tell_side(a, "a");
    tell_side(b, "b");
    if (!slice_eq(a->kept.run.text, b->kept.run.text)) {
        cmd_say(stdout, "their scenarios are not the same text\n");
    }
    while (at < a->count && at < b->count && same_line(&a->lines[at], &b->lines[at])) {
        at++;
    }
    if (strcmp(a->hash, b->hash) == 0 && at == a->count && at == b->count) {
        cmd_say(stdout, "the same run: all %zu lines\n", at);
        return DIFF_SAME;
    }
    cmd_say(stdout, "\nfirst line that differs, after %zu that are the same\n", at);
    tell_line(a, "a", at);
    tell_line(b, "b", at);
    tell_decision(a, b);
    return DIFF_OTHER;
}

static int parse_words(int count, char **words, const char **db, const char *ids[2])
{
    int named = 0;
    bool wrong = false;
    for (int i = 0; i < count && !wrong; i++) {
        const char *value = kept_option("--db", &i, count, words, &wrong);
        if (value != NULL) {
            *db = value;
        } else if (!wrong && words[i][0] != '-' && named < 2) {
            ids[named++] = words[i];
        } else if (!wrong) {
            cmd_say(stderr, "quorate: \"%s\" is not known to `diff`\n", words[i]);
            wrong = true;
        }
    }
    if (!wrong && (*db == NULL || named < 2)) {
        cmd_say(stderr, "usage: quorate diff --db FILE RUN RUN\n");
        wrong = true;
    }
    return wrong ? ERR_USAGE : 0;
}

int cmd_diff(int count, char **words)
{
    const char *db = NULL;
    const char *ids[2] = {NULL, NULL};
    struct side sides[2] = {{.count = 0}, {.count = 0}};
    int code = EXIT_INVALID;
    if (parse_words(count, words, &db, ids) != 0) {
        return EXIT_INVALID;
    }
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 34, -1);
    if (side_read(&sides[0], db, ids[0], mem_pool_mem(pool)) == 0 &&
        side_read(&sides[1], db, ids[1], mem_pool_mem(pool)) == 0) {
        code = tell_difference(&sides[0], &sides[1]);
    }
    kept_close(&sides[0].kept);
    kept_close(&sides[1].kept);
    mem_pool_free(pool);
    return code;
}
