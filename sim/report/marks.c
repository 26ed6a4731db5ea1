/* Faults, commands and violations as marks, each with its label in a row where it covers no other.
 *
 * A label stands right of its mark, or left of it near the figure's right edge. Marks go into the
 * first row that has room; past the last row a mark stays without its label, and is counted.
 */
#include "base/assert.h"
#include "impl.h"

#define ROWS_MAX    16
#define LABEL_MAX   330 /* pixels */
#define MARKS_MAX   4000
#define MARK_RADIUS 5

int64_t figure_x(const struct report *r, int64_t time_ns)
{
    int64_t from_ns = r->from_ns;
    int64_t to_ns = r->to_ns;
    ASSERT(to_ns > from_ns);
    time_ns = time_ns < from_ns ? from_ns : time_ns > to_ns ? to_ns : time_ns;
    /* In microseconds the product overflows after centuries only. */
    int64_t width = FIGURE_RIGHT - FIGURE_LEFT;
    return FIGURE_LEFT + (time_ns - from_ns) / US_NS * width / ((to_ns - from_ns) / US_NS + 1);
}

struct extent {
    int64_t from;
    int64_t to;
    size_t row;
};

struct placing {
    const struct report *r;
    struct marks *out;
    LIST(struct extent) taken;
};

static bool is_free(const struct placing *p, size_t row, int64_t from, int64_t to)
{
    for (size_t i = 0; i < p->taken.count; i++) {
        const struct extent *e = &p->taken.items[i];
        if (e->row == row && from < e->to && e->from < to) {
            return false;
        }
    }
    return true;
}

static void settle_row(struct placing *p, struct mark *m, int64_t from, int64_t to)
{
    size_t row = 0;
    while (row < ROWS_MAX && !is_free(p, row, from, to)) {
        row++;
    }
    if (row == ROWS_MAX) {
        m->bare = true;
        m->row = row; /* that of all who have no room */
        p->out->bare++;
        return;
    }
    m->row = row;
    p->out->rows = row + 1 > p->out->rows ? row + 1 : p->out->rows;
    *PUSH(p->r->mem, p->taken) = (struct extent){from, to + 2 * MARK_GAP, row};
}

static void place(struct placing *p, struct mark mark)
{
    const struct report *r = p->r;
    mark.to_ns = mark.to_ns < mark.from_ns ? mark.from_ns : mark.to_ns;
    if (mark.from_ns > r->to_ns || mark.to_ns < r->from_ns || p->out->items.count == MARKS_MAX) {
        return;
    }
    struct mark *m = PUSH(r->mem, p->out->items);
    *m = mark;
    m->text = text_fit(r->mem, m->text, FONT_SMALL, LABEL_MAX);
    int64_t from = figure_x(r, m->from_ns) - MARK_RADIUS;
    int64_t to = figure_x(r, m->to_ns) + MARK_RADIUS;
    int64_t width = text_width(m->text, FONT_SMALL) + MARK_GAP;
    bool right = to + width <= FIGURE_RIGHT + 12;
    m->left = !right && from - width >= FIGURE_LEFT;
    m->inside = !right && !m->left;
    if (m->inside) {
        m->text = text_fit(r->mem, m->text, FONT_SMALL, to - from - 4 * MARK_GAP);
        settle_row(p, m, from, to);
    } else if (m->left) {
        settle_row(p, m, from - width, to);
    } else {
        settle_row(p, m, from, to + width);
    }
}

static const char *join(struct mem *mem, const char *a, const char *joint, const char *b)
{
    struct buf out;
    buf_init(&out, mem);
    buf_printf(&out, "%s%s%s", a, *b != '\0' ? joint : "", b);
    return buf_cstr(&out);
}

/* Some faults last until they are undone; others are over at once, however long their effect. */
static bool lasts(const char *kind)
{
    static const char *const moments[] = {"start", "stop", "crash", "power-off", "transfer"};
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        if (strcmp(kind, moments[i]) == 0) {
            return false;
        }
    }
    return true;
}

void marks_faults(const struct report *r, struct marks *out)
{
    struct placing p = {.r = r, .out = out};
    for (size_t i = 0; i < r->faults.count; i++) {
        const struct fault_row *f = &r->faults.items[i];
        bool cut = strcmp(f->kind, "partition") == 0 && strpbrk(f->target, "|>") == NULL;
        if (f->from_ns == NEVER_NS || strcmp(f->kind, "settle") == 0) {
            continue;
        }
        struct mark m = {.from_ns = f->from_ns, .to_ns = f->to_ns, .style = "fault"};
        if (f->to_ns == NEVER_NS) {
            m.to_ns = lasts(f->kind) ? r->to_ns : f->from_ns;
        }
        m.style = strcmp(f->kind, "start") == 0 ? "start" : "fault";
        m.text = join(r->mem, cut ? "isolate" : f->kind, " ", f->target);
        place(&p, m);
    }
}

/* A command line without what makes it long: words with URLs, and flags that only name them. */
static const char *short_command(struct mem *mem, const char *line)
{
    struct buf out;
    size_t len = 0;
    buf_init(&out, mem);
    for (const char *at = line + strspn(line, " \n\t"); *at != '\0';
         at += len + strspn(at + len, " \n\t")) {
        len = strcspn(at, " \n\t");
        const char *word = mem_strdup(mem, at, len);
        if (strstr(word, "://") == NULL && strstr(word, "-urls=${") == NULL) {
            buf_printf(&out, "%s%s", out.len > 0 ? " " : "", word);
        }
    }
    return buf_cstr(&out);
}

void marks_commands(const struct report *r, struct marks *out)
{
    struct placing p = {.r = r, .out = out};
    for (size_t i = 0; i < r->commands.count; i++) {
        const struct op_row *op = &r->commands.items[i];
        bool ok = strcmp(op->outcome, "ok") == 0;
        if (op->call_ns == NEVER_NS || op->call_ns >= r->to_ns) {
            continue;
        }
        struct mark m = {.from_ns = op->call_ns, .to_ns = op->return_ns};
        m.to_ns = op->return_ns == NEVER_NS ? r->to_ns : op->return_ns;
        m.style = ok ? "ok" : strcmp(op->outcome, "refused") == 0 ? "refused" : "unknown";
        m.text = short_command(r->mem, op->arg);
        m.text = ok ? m.text : join(r->mem, m.text, ": ", op->outcome);
        place(&p, m);
    }
}

void marks_violations(const struct report *r, struct marks *out)
{
    struct placing p = {.r = r, .out = out};
    for (size_t i = 0; i < r->violations.count; i++) {
        const struct violation_row *v = &r->violations.items[i];
        struct mark m = {.from_ns = v->time_ns, .to_ns = v->time_ns, .style = "violation"};
        m.text = text_line(r->mem, *v->text != '\0' ? v->text : v->rule);
        /* "FILE:23:34: what" of the scenario that is named above. */
        size_t path = strlen(r->sum.path);
        if (path > 0 && strncmp(m.text, r->sum.path, path) == 0 && m.text[path] == ':') {
            m.text = join(r->mem, "line", " ", m.text + path + 1);
        }
        place(&p, m);
    }
}
