/* The figure from top to bottom: lanes of members, voters, availability, marks. */
#include "figure.h"

#define LANE_HEIGHT    18
#define LANE_PITCH     24
#define BAND_HEIGHT    15
#define BAND_PITCH     16
#define MARK_PITCH     19
#define HEADING_HEIGHT 24

void figure_put(struct buf *block, int64_t x, int64_t y, const char *text)
{
    buf_printf(block, "%lld\t%lld\t", (long long)x, (long long)y);
    text_field(block, *text != '\0' ? text : " ");
    buf_add_u8(block, '\n');
}

static void put_box(struct buf *block, int64_t from_ns, int64_t to_ns, int64_t y, int64_t height,
                    const char *style)
{
    text_seconds(block, from_ns);
    buf_add_u8(block, '\t');
    text_seconds(block, to_ns);
    buf_printf(block, "\t%lld\t%lld\t", (long long)y, (long long)height);
    text_field(block, style);
    buf_add_u8(block, '\n');
}

/* A word inside a box if there is room for it. */
static bool put_inside(struct figure *f, int64_t from_ns, int64_t to_ns, int64_t y,
                       const char *style, const char *text)
{
    from_ns = from_ns < f->r->from_ns ? f->r->from_ns : from_ns;
    int64_t width = figure_x(f->r, to_ns) - figure_x(f->r, from_ns);
    if (text_width(text, FONT_SMALL) + 6 > width) {
        return false;
    }
    text_seconds(&f->inside, from_ns + (to_ns - from_ns) / 2);
    buf_printf(&f->inside, "\t%lld\t", (long long)y);
    text_field(&f->inside, style);
    buf_add_u8(&f->inside, '\t');
    text_field(&f->inside, text);
    buf_add_u8(&f->inside, '\n');
    return true;
}

static void heading(struct figure *f, const char *text)
{
    figure_put(&f->headings, 16, f->y + HEADING_HEIGHT / 2 - 2, text);
    f->y += HEADING_HEIGHT;
}

static const char *lane_words(enum lane_state state)
{
    static const char *const words[] = {"absent",   "never started", "down",   "paused", "starting",
                                        "follower", "candidate",     "leader", "learner"};
    return words[state];
}

static void lane_text(struct figure *f, const struct lane_span *s, int64_t middle)
{
    const char *style = lane_state_name(s->state);
    struct buf text;
    buf_init(&text, f->r->mem);
    buf_add_str(&text, lane_words(s->state));
    if (s->state == LANE_LEADER) {
        buf_printf(&text, ", term %lld", (long long)s->term);
    }
    if (!put_inside(f, s->from_ns, s->to_ns, middle, style, buf_cstr(&text))) {
        (void)put_inside(f, s->from_ns, s->to_ns, middle, style, lane_words(s->state));
    }
}

/* Followers first: what is short and rare is drawn over them, at a width that can be seen. */
static void lane_boxes(struct figure *f, const struct lane *lane, bool common)
{
    for (size_t k = 0; k < lane->spans.count; k++) {
        struct lane_span s = lane->spans.items[k];
        bool is_common = s.state == LANE_FOLLOWER || s.state == LANE_LEARNER;
        if (is_common != common) {
            continue;
        }
        /* The neighbour of the same state in another term is one box with this. */
        while (k + 1 < lane->spans.count && lane->spans.items[k + 1].state == s.state &&
               s.state != LANE_LEADER) {
            s.to_ns = lane->spans.items[++k].to_ns;
        }
        put_box(&f->lanes, s.from_ns, s.to_ns, f->y, LANE_HEIGHT, lane_state_name(s.state));
        if (s.state == LANE_NEVER) {
            put_box(&f->hollow, s.from_ns, s.to_ns, f->y, LANE_HEIGHT, lane_state_name(s.state));
        }
        lane_text(f, &s, f->y + LANE_HEIGHT / 2);
    }
}

static void lay_lanes(struct figure *f)
{
    heading(f, "Members");
    for (size_t i = 0; i < f->r->lanes.count; i++) {
        const struct lane *lane = &f->r->lanes.items[i];
        figure_put(&f->names, FIGURE_LEFT - 10, f->y + LANE_HEIGHT / 2,
                   text_fit(f->r->mem, lane->name, FONT_SIZE, FIGURE_LEFT - 30));
        lane_boxes(f, lane, true);
        lane_boxes(f, lane, false);
        f->y += LANE_PITCH;
    }
}

static void lay_counts(struct figure *f)
{
    static const char *const keys[] = {"voters", "quorum", "voters up"};
    const struct report *r = f->r;
    heading(f, "Voters");
    f->voters_max = 1;
    for (size_t i = 0; i < r->counts.count; i++) {
        int64_t n = r->counts.items[i].voters;
        f->voters_max = n > f->voters_max ? n : f->voters_max;
    }
    f->unit = (f->voters_max <= 3 ? 54 : 98) / f->voters_max;
    f->unit = f->unit > 20 ? 20 : f->unit < 1 ? 1 : f->unit;
    int64_t height = f->unit * f->voters_max;
    height = height < 46 ? 46 : height;
    f->zero = f->y + height;
    f->keys = f->zero - (height + 32) / 2;
    for (int64_t n = 0; n <= f->voters_max; n += (11 + f->unit) / f->unit) {
        struct buf text;
        buf_init(&text, r->mem);
        buf_printf(&text, "%lld", (long long)n);
        figure_put(&f->small, FIGURE_LEFT - 10, f->zero - n * f->unit, buf_cstr(&text));
    }
    for (size_t i = 0; i < 3; i++) {
        figure_put(&f->notes, 52, f->keys + (int64_t)i * 16, keys[i]);
    }
    f->y = f->zero + 10;
}

static const char *band_words(const char *state)
{
    return strcmp(state, "failed") == 0 ? "not served"
           : strcmp(state, "late") == 0 ? "served late"
                                        : state;
}

static void lay_band(struct figure *f, const struct band *band)
{
    static const char *const rare[] = {"failed", "cannot"};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < band->spans.count; i++) {
            const struct band_span *s = &band->spans.items[i];
            bool is_rare = strcmp(s->state, rare[0]) == 0 || strcmp(s->state, rare[1]) == 0;
            if (is_rare != (pass == 1) || s->to_ns <= f->r->from_ns) {
                continue;
            }
            put_box(&f->lanes, s->from_ns, s->to_ns, f->y, BAND_HEIGHT, s->state);
            (void)put_inside(f, s->from_ns, s->to_ns, f->y + BAND_HEIGHT / 2, s->state,
                             band_words(s->state));
        }
    }
    figure_put(&f->small, FIGURE_LEFT - 10, f->y + BAND_HEIGHT / 2, band->source);
    f->y += BAND_PITCH;
}

static const struct band *find_band(const struct report *r, const char *service, const char *source)
{
    for (size_t i = 0; i < r->bands.count; i++) {
        const struct band *b = &r->bands.items[i];
        if (strcmp(b->service, service) == 0 && strcmp(b->source, source) == 0 &&
            b->spans.count > 0) {
            return b;
        }
    }
    return NULL;
}

/* Changes of members go with writes; they are shown if somebody tried any. */
static void lay_bands(struct figure *f)
{
    static const struct {
        const char *service;
        const char *words;
        bool always;
    } services[] = {{"writes", "writes", true},
                    {"linearizable-reads", "linearizable reads", true},
                    {"serializable-reads", "serializable reads", true},
                    {"member-changes", "member changes", false}};
    heading(f, "Availability");
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        const struct band *predicted = find_band(f->r, services[i].service, "predicted");
        const struct band *observed = find_band(f->r, services[i].service, "observed");
        if (observed == NULL && (predicted == NULL || !services[i].always)) {
            continue;
        }
        int64_t from = f->y;
        if (predicted != NULL) {
            lay_band(f, predicted);
        }
        if (observed != NULL) {
            lay_band(f, observed);
        }
        figure_put(&f->notes, 16, (from + f->y) / 2 - 1, services[i].words);
        f->y += 6;
    }
}

/* With its width: what would run through it is wiped out. */
static void put_label(struct buf *block, int64_t x, int64_t y, const char *text)
{
    buf_printf(block, "%lld\t%lld\t%lld\t", (long long)x, (long long)y,
               (long long)text_width(text, FONT_SMALL));
    text_field(block, *text != '\0' ? text : " ");
    buf_add_u8(block, '\n');
}

static void lay_marks(struct figure *f, const char *title, const struct marks *marks)
{
    struct buf text;
    if (marks->items.count == 0) {
        return;
    }
    buf_init(&text, f->r->mem);
    heading(f, title);
    if (marks->bare > 0) {
        buf_printf(&text, "%zu without label", marks->bare);
        figure_put(&f->notes, 16, f->y + (int64_t)marks->rows * MARK_PITCH + MARK_PITCH / 2,
                   buf_cstr(&text));
    }
    for (size_t i = 0; i < marks->items.count; i++) {
        const struct mark *m = &marks->items.items[i];
        int64_t y = f->y + (int64_t)m->row * MARK_PITCH + MARK_PITCH / 2;
        put_box(&f->marks, m->from_ns, m->to_ns, y, 0, m->style);
        if (m->bare) {
            continue;
        }
        if (m->inside) {
            put_label(&f->labels, figure_x(f->r, m->from_ns) + 2 * MARK_GAP, y, m->text);
        } else if (m->left) {
            put_label(&f->labels_left, figure_x(f->r, m->from_ns) - MARK_GAP - 2, y, m->text);
        } else {
            put_label(&f->labels, figure_x(f->r, m->to_ns) + MARK_GAP + 2, y, m->text);
        }
    }
    f->y += (int64_t)(marks->bare > 0 ? marks->rows + 1 : marks->rows) * MARK_PITCH + 2;
}

void figure_init(struct figure *f, const struct report *r)
{
    struct buf *const blocks[] = {&f->lanes, &f->hollow, &f->inside, &f->headings, &f->names,
                                  &f->notes, &f->small,  &f->marks,  &f->labels,   &f->labels_left};
    f->r = r;
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        buf_init(blocks[i], r->mem);
    }
    marks_faults(r, &f->faults);
    marks_commands(r, &f->commands);
    marks_violations(r, &f->violations);
    f->top = *r->sum.reason != '\0' ? 88 : 68;
    f->y = f->top;
    lay_lanes(f);
    lay_counts(f);
    lay_bands(f);
    lay_marks(f, "Faults and starts", &f->faults);
    lay_marks(f, "Commands", &f->commands);
    lay_marks(f, "Violations", &f->violations);
    f->axis = f->y + 6;
    f->y = f->axis + 40;
    figure_put(&f->small, FIGURE_LEFT - 24, f->axis + 14, "simulated time");
}
