/* The figure, for gnuplot.
 *
 * The script draws on a canvas in pixels, y downwards, and turns seconds into pixels itself; so the
 * places of all things are known here, where labels are kept apart. What a person may want to
 * change stands on top of it: size, window, colours by name. The data follow in blocks of
 * tab-separated fields, and all text of the results file is in such blocks: gnuplot takes a line
 * of a block for data whatever it says, but a quoted string of a command may hold substitutions.
 */
#include "impl.h"

#define LANE_HEIGHT    18
#define LANE_PITCH     24
#define BAND_HEIGHT    15
#define BAND_PITCH     16
#define MARK_PITCH     19
#define HEADING_HEIGHT 24
#define TICKS_MAX      11

struct figure {
    const struct report *r;
    struct buf *out;
    int64_t y;    /* the next free pixel */
    int64_t top;  /* of the first section */
    int64_t unit; /* pixels that one voter is high */
    int64_t voters_max;
    int64_t zero; /* y of no voters */
    struct marks faults;
    struct marks commands;
    struct marks violations;
    struct buf lanes;    /* from, to, y, height, style */
    struct buf inside;   /* seconds, y, style, text: in the middle */
    struct buf headings; /* x, y, text */
    struct buf names;    /* x, y, text: ends there */
    struct buf notes;    /* x, y, text: begins there */
    struct buf small;    /* x, y, text: small and grey, ends there */
    struct buf marks;    /* from, to, y, style */
    struct buf labels;   /* x, y, width, text */
    struct buf labels_left;
};

static void put(struct buf *block, int64_t x, int64_t y, const char *text)
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
    put(&f->headings, 16, f->y + HEADING_HEIGHT / 2 - 2, text);
    f->y += HEADING_HEIGHT;
}

static const char *lane_words(enum lane_state state)
{
    static const char *const words[] = {"",         "never started", "down",   "paused", "starting",
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
    if (s->state != LANE_ABSENT &&
        !put_inside(f, s->from_ns, s->to_ns, middle, style, buf_cstr(&text))) {
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
        lane_text(f, &s, f->y + LANE_HEIGHT / 2);
    }
}

static void lay_lanes(struct figure *f)
{
    heading(f, "Members");
    for (size_t i = 0; i < f->r->lanes.count; i++) {
        const struct lane *lane = &f->r->lanes.items[i];
        put(&f->names, FIGURE_LEFT - 10, f->y + LANE_HEIGHT / 2,
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
    f->unit = f->voters_max <= 3 ? 54 / f->voters_max : f->voters_max <= 7 ? 14 : 7;
    f->unit = f->unit > 20 ? 20 : f->unit;
    int64_t height = f->unit * f->voters_max;
    height = height < 46 ? 46 : height;
    f->zero = f->y + height;
    for (int64_t n = 0; n <= f->voters_max; n += f->unit < 12 ? 2 : 1) {
        struct buf text;
        buf_init(&text, r->mem);
        buf_printf(&text, "%lld", (long long)n);
        put(&f->small, FIGURE_LEFT - 10, f->zero - n * f->unit, buf_cstr(&text));
    }
    for (size_t i = 0; i < 3; i++) {
        put(&f->notes, 52, f->zero - 38 + (int64_t)i * 16, keys[i]);
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
    put(&f->small, FIGURE_LEFT - 10, f->y + BAND_HEIGHT / 2, band->source);
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
                    {"member-changes", "members", false}};
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
        put(&f->notes, 16, (from + f->y) / 2 - 1, services[i].words);
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
        put(&f->notes, 16, f->y + MARK_PITCH / 2, buf_cstr(&text));
    }
    for (size_t i = 0; i < marks->items.count; i++) {
        const struct mark *m = &marks->items.items[i];
        int64_t y = f->y + (int64_t)m->row * MARK_PITCH + MARK_PITCH / 2;
        put_box(&f->marks, m->from_ns, m->to_ns, y, 0, m->style);
        if (m->bare) {
            continue;
        }
        if (m->left) {
            put_label(&f->labels_left, figure_x(f->r, m->from_ns) - MARK_GAP - 2, y, m->text);
        } else {
            put_label(&f->labels, figure_x(f->r, m->to_ns) + MARK_GAP + 2, y, m->text);
        }
    }
    f->y += (int64_t)(marks->bare > 0 ? marks->rows + 1 : marks->rows) * MARK_PITCH + 2;
}

/* A step between ticks that a person reads with ease. */
static int64_t tick_step(int64_t span_ns)
{
    static const int64_t large[] = {60,   120,  300,   600,   900,   1800,
                                    3600, 7200, 10800, 21600, 43200, 86400};
    int64_t step = US_NS;
    for (int64_t power = US_NS; power <= 10 * SEC_NS; power *= 10) {
        static const int64_t small[] = {1, 2, 5};
        for (size_t i = 0; i < 3; i++) {
            step = power * small[i];
            if (span_ns / step < TICKS_MAX && step <= 30 * SEC_NS) {
                return step;
            }
        }
    }
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        step = large[i] * SEC_NS;
        if (span_ns / step < TICKS_MAX) {
            return step;
        }
    }
    return span_ns / TICKS_MAX + 1;
}

/* "1m0s" is "1m", and "2h0m0s" is "2h". */
static void tick_words(struct buf *out, int64_t at_ns)
{
    char text[40];
    size_t len = duration_format(text, sizeof(text), at_ns);
    if (len > 3 && strcmp(text + len - 3, "m0s") == 0) {
        len -= 2;
    }
    if (len > 3 && memcmp(text + len - 3, "h0m", 3) == 0) {
        len -= 2;
    }
    buf_add(out, text, len);
}

static void write_ticks(struct figure *f)
{
    const struct report *r = f->r;
    int64_t step = tick_step(r->to_ns - r->from_ns);
    int64_t at = r->from_ns / step * step;
    buf_add_str(f->out, "# seconds, label\n$ticks << EOD\n");
    for (at = at < r->from_ns ? at + step : at; at <= r->to_ns; at += step) {
        text_seconds(f->out, at);
        buf_add_u8(f->out, '\t');
        tick_words(f->out, at);
        buf_add_u8(f->out, '\n');
    }
    buf_add_str(f->out, "EOD\n");
}

static void write_counts(struct figure *f)
{
    const struct report *r = f->r;
    buf_add_str(f->out, "# from, to, voters, quorum, voters up\n$counts << EOD\n");
    for (size_t i = 0; i <= r->counts.count && r->counts.count > 0; i++) {
        const struct count_span *c = &r->counts.items[i < r->counts.count ? i : i - 1];
        if (c->to_ns <= r->from_ns) {
            continue;
        }
        text_seconds(f->out, i < r->counts.count ? c->from_ns : c->to_ns);
        buf_add_u8(f->out, '\t');
        text_seconds(f->out, c->to_ns);
        buf_printf(f->out, "\t%lld\t%lld\t%lld\n", (long long)c->voters, (long long)c->quorum,
                   (long long)c->up);
    }
    buf_add_str(f->out, "EOD\n");
}

static void write_block(struct figure *f, const char *name, const char *fields,
                        const struct buf *block)
{
    buf_printf(f->out, "# %s\n$%s << EOD\n", fields, name);
    buf_add_slice(f->out, buf_slice(block));
    /* An empty block cannot be plotted: a line of the same fields far outside. */
    if (block->len == 0) {
        buf_add_str(f->out, "-99999\t-99999\t-99999\t-99999\t \n");
    }
    buf_add_str(f->out, "EOD\n");
}

/* Swatches below the axis, in as many lines as they need. */
static void write_legend(struct figure *f)
{
    static const struct {
        const char *style;
        const char *text;
    } entries[] = {{"leader", "leader"},
                   {"follower", "follower"},
                   {"candidate", "candidate"},
                   {"learner", "learner"},
                   {"down", "down"},
                   {"paused", "paused"},
                   {"starting", "starting"},
                   {"never-started", "never started"},
                   {"must", "must, served"},
                   {"late", "served late"},
                   {"may", "may"},
                   {"cannot", "cannot, not served"}};
    struct buf swatches;
    struct buf texts;
    int64_t x = 16;
    buf_init(&swatches, f->r->mem);
    buf_init(&texts, f->r->mem);
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        int64_t width = 20 + text_width(entries[i].text, FONT_SMALL) + 14;
        if (x + width > FIGURE_RIGHT + 14) {
            x = 16;
            f->y += 18;
        }
        buf_printf(&swatches, "%lld\t%lld\t%s\n", (long long)x, (long long)f->y, entries[i].style);
        put(&texts, x + 20, f->y, entries[i].text);
        x += width;
    }
    write_block(f, "swatches", "x, y, style", &swatches);
    write_block(f, "legend", "x, y, text", &texts);
    f->y += 16;
}

static void write_title(struct figure *f, int64_t badge_width)
{
    const struct summary *s = &f->r->sum;
    struct buf text;
    struct buf block;
    struct buf reason;
    buf_init(&text, f->r->mem);
    buf_init(&block, f->r->mem);
    buf_init(&reason, f->r->mem);
    put(&block, 16, 26, text_fit(f->r->mem, s->id, 18, FIGURE_RIGHT - 40 - badge_width));
    write_block(f, "title", "x, y, text", &block);
    buf_clear(&block);
    buf_printf(&text,
               "trace hash %s    seed %lld    %lld events    %lld requests: %lld ok, %lld "
               "refused, %lld unknown    simulated ",
               s->trace_hash, (long long)s->seed, (long long)s->events, (long long)s->ops,
               (long long)s->ops_ok, (long long)s->ops_refused, (long long)s->ops_unknown);
    tick_words(&text, (f->r->to_ns - f->r->from_ns) / MS_NS * MS_NS);
    put(&block, 16, 50, text_fit(f->r->mem, buf_cstr(&text), FONT_SIZE, FIGURE_RIGHT - 16));
    if (*s->reason != '\0') {
        buf_clear(&text);
        buf_printf(&text, "%s (%s)", text_line(f->r->mem, s->reason), s->fingerprint);
        put(&reason, 16, 70, text_fit(f->r->mem, buf_cstr(&text), FONT_SIZE, FIGURE_RIGHT - 16));
    }
    write_block(f, "subtitle", "x, y, text", &block);
    write_block(f, "reason", "x, y, text", &reason);
    buf_clear(&block);
    put(&block, FIGURE_RIGHT - badge_width / 2, 26, s->verdict);
    write_block(f, "badge", "x, y, text", &block);
}

static bool has_failed(const struct summary *s)
{
    return strcmp(s->verdict, "pass") != 0 && strcmp(s->verdict, "stopped") != 0;
}

static void write_settings(struct figure *f, int64_t axis, int64_t height, int64_t badge_width)
{
    struct buf *out = f->out;
    buf_printf(out, "width = %d; left = %d; right = %d\n", FIGURE_WIDTH, FIGURE_LEFT, FIGURE_RIGHT);
    buf_printf(out, "height = %lld; top = %lld; axis = %lld\n", (long long)height,
               (long long)f->top, (long long)axis);
    buf_add_str(out, "# the window, in seconds of simulated time\nt0 = ");
    text_seconds(out, f->r->from_ns);
    buf_add_str(out, "; t1 = ");
    text_seconds(out, f->r->to_ns);
    buf_printf(out, "\n# voters: y of none, pixels of one\nzero = %lld; unit = %lld\n",
               (long long)f->zero, (long long)f->unit);
    buf_printf(out, "badge_width = %lld; badge_colour = 0x%s\n", (long long)badge_width,
               has_failed(&f->r->sum) ? "D55E00" : "009E73");
    buf_add_str(
        out,
        "\n# Okabe and Ito's palette, which most colour-blind readers can tell apart\n"
        "colour(s) = \\\n"
        "    s eq 'leader' ? 0x0072B2 : s eq 'follower' ? 0x8CCBF0 : \\\n"
        "    s eq 'candidate' ? 0xE69F00 : s eq 'learner' ? 0xCC79A7 : \\\n"
        "    s eq 'down' ? 0x4D4D4D : s eq 'paused' ? 0xA6A6A6 : \\\n"
        "    s eq 'starting' ? 0xD9EEFB : s eq 'never-started' ? 0xF0F0F0 : s eq 'absent' ? "
        "0xFFFFFF : \\\n"
        "    s eq 'must' || s eq 'served' || s eq 'ok' || s eq 'start' ? 0x009E73 : \\\n"
        "    s eq 'may' ? 0xF0E442 : s eq 'unknown' ? 0xE69F00 : s eq 'late' ? 0x8AD1BC : \\\n"
        "    s eq 'cannot' || s eq 'failed' || s eq 'refused' || s eq 'violation' ? 0xD55E00 : \\\n"
        "    0x000000\n"
        "edge(s) = s eq 'never-started' ? 0x808080 : s eq 'absent' ? 0xFFFFFF : colour(s)\n"
        "ink(s) = s eq 'leader' || s eq 'down' ? 0xFFFFFF : 0x000000\n"
        "shape(s) = s eq 'start' ? 9 : s eq 'fault' ? 11 : s eq 'refused' ? 5 : \\\n"
        "    s eq 'unknown' ? 13 : s eq 'violation' ? 13 : 7\n\n"
        "X(t) = left + ((t < t0 ? t0 : t > t1 ? t1 : t) - t0) / (t1 - t0) * (right - left)\n"
        "Y(n) = zero - n * unit\n"
        "wide(a, b) = X(b) - X(a) < 2 ? X(a) + 2 : X(b)\n\n");
}

static const char plot_text[] =
    "set encoding utf8\n"
    "set datafile separator tab\n"
    "unset border; unset tics; unset key; unset colorbox\n"
    "set lmargin at screen 0; set rmargin at screen 1\n"
    "set tmargin at screen 1; set bmargin at screen 0\n"
    "set xrange [0:width]; set yrange [height:0]\n\n"
    "do for [kind in 'svg png'] {\n"
    "    if (kind eq 'svg') {\n"
    "        set terminal svg size width,height fixed noenhanced font 'sans-serif,12' "
    "background '#FFFFFF'\n"
    "    } else {\n"
    "        set terminal pngcairo size width,height noenhanced font 'sans-serif,9' "
    "background '#FFFFFF'\n"
    "    }\n"
    "    px(n) = kind eq 'svg' ? n : n * 0.75 # the PNG's fonts are in points\n"
    "    font(n) = sprintf('sans-serif,%g', px(n))\n"
    "    bold(n) = sprintf('sans-serif:Bold,%g', px(n))\n"
    "    # gnuplot's SVG knows bold only as markup, which text of a run must not be: drawn twice\n"
    "    bolder = kind eq 'svg' ? 0.5 : 0\n"
    "    set output file.'.'.kind\n"
    "    plot \\\n"
    "        $ticks using (X($1)):(top):(0):(axis - top) with vectors nohead lc rgb '#E4E4E4', \\\n"
    "        $counts using (X($1)):(zero):(X($1)):(X($2) + 0.6):(zero):"
    "($5 < $4 ? Y($4) : zero) with boxxyerror fs solid 1 noborder lc rgb '#FBE7DA', \\\n"
    "        $counts using (X($1)):(zero):(X($1)):(X($2) + 0.6):(zero):(Y($5)):"
    "($5 >= $4 ? 0xB2DFD1 : 0xF2B48C) with boxxyerror fs solid 1 noborder lc rgb variable, \\\n"
    "        $counts using (X($1)):(Y($5)) with steps lw 1.5 lc rgb '#009E73', \\\n"
    "        $axis using 1:(zero):3:(0) with vectors nohead lc rgb '#B0B0B0', \\\n"
    "        $counts using (X($1)):(Y($3) - 1.5) with steps lw 2 lc rgb '#0072B2', \\\n"
    "        $counts using (X($1)):(Y($4) + 1.5) with steps lw 2 dt (6,4) lc rgb '#000000', \\\n"
    "        $keys using 1:2:3:(0) with vectors nohead lw 2 lc rgb '#0072B2', \\\n"
    "        $keys using 1:($2 + 16):3:(0) with vectors nohead lw 2 dt (6,4) lc rgb '#000000', \\\n"
    "        $keys using 1:($2 + 32):1:($1 + $3):($2 + 26):($2 + 38) with boxxyerror "
    "fs solid 1 noborder lc rgb '#B2DFD1', \\\n"
    "        $keys using 1:($2 + 26):3:(0) with vectors nohead lw 1.5 lc rgb '#009E73', \\\n"
    "        $boxes using (X($1)):3:(X($1)):(wide($1, $2)):3:($3 + $4):(colour(strcol(5))) "
    "with boxxyerror fs solid 1 noborder lc rgb variable, \\\n"
    "        $hollow using (X($1)):3:(X($1)):(X($2)):3:($3 + $4) with boxxyerror fs empty "
    "lc rgb '#808080' dt (3,3), \\\n"
    "        $marks using (X($1)):(strcol(5) eq 'violation' ? top : $3):(0):"
    "(strcol(5) eq 'violation' ? axis - top : 0) with vectors nohead lw 1.5 lc rgb '#D55E00', \\\n"
    "        $marks using (X($1)):(strcol(5) eq 'fault' || strcol(5) eq 'start' ? top : $3):(0):"
    "(strcol(5) eq 'fault' || strcol(5) eq 'start' ? $3 - top : 0) with vectors nohead "
    "dt (2,4) lc rgb '#707070', \\\n"
    "        $labels using 1:2:1:($1 + $3):($2 - 8):($2 + 8) with boxxyerror fs solid 1 noborder "
    "lc rgb '#FFFFFF', \\\n"
    "        $labels_left using 1:2:($1 - $3):1:($2 - 8):($2 + 8) with boxxyerror fs solid 1 "
    "noborder lc rgb '#FFFFFF', \\\n"
    "        $marks using (X($1)):3:(X($1)):(X($2)):($3 - 3):($3 + 3):(colour(strcol(5))) "
    "with boxxyerror fs solid 1 noborder lc rgb variable, \\\n"
    "        $marks using (X($1)):3:(shape(strcol(5))):(colour(strcol(5))) with points "
    "ps (kind eq 'svg' ? 0.6 : 1.1) pt variable lc rgb variable, \\\n"
    "        $axis using 1:2:3:(0) with vectors nohead lc rgb '#404040', \\\n"
    "        $ticks using (X($1)):(axis):(0):(5) with vectors nohead lc rgb '#404040', \\\n"
    "        $swatches using 1:2:1:($1 + 14):($2 - 6):($2 + 6):(colour(strcol(3))) "
    "with boxxyerror fs solid 1 noborder lc rgb variable, \\\n"
    "        $swatches using 1:2:1:($1 + 14):($2 - 6):($2 + 6):(edge(strcol(3))) "
    "with boxxyerror fs empty lc rgb variable, \\\n"
    "        $badge using 1:2:($1 - badge_width / 2.):($1 + badge_width / 2.):($2 - 13):($2 + 13) "
    "with boxxyerror fs solid 1 noborder lc rgb badge_colour, \\\n"
    "        $badge using 1:2:3 with labels center font bold(14) tc rgb '#FFFFFF', \\\n"
    "        $title using ($1 + bolder):2:3 with labels left font bold(18), \\\n"
    "        $headings using ($1 + bolder):2:3 with labels left font bold(12), \\\n"
    "        $title using 1:2:3 with labels left font bold(18), \\\n"
    "        $subtitle using 1:2:3 with labels left font font(12) tc rgb '#404040', \\\n"
    "        $reason using 1:2:3 with labels left font font(12) tc rgb '#A84300', \\\n"
    "        $headings using 1:2:3 with labels left font bold(12), \\\n"
    "        $names using 1:2:3 with labels right font font(12), \\\n"
    "        $notes using 1:2:3 with labels left font font(12) tc rgb '#202020', \\\n"
    "        $small using 1:2:3 with labels right font font(10) tc rgb '#606060', \\\n"
    "        $inside using (X($1)):2:4:(ink(strcol(3))) with labels center font "
    "font(11) "
    "tc rgb variable, \\\n"
    "        $labels using 1:2:4 with labels left font font(11), \\\n"
    "        $labels_left using 1:2:4 with labels right font font(11), \\\n"
    "        $ticks using (X($1)):(axis + 14):2 with labels center font font(11), \\\n"
    "        $legend using 1:2:3 with labels left font font(11)\n"
    "}\n"
    "unset output\n";

/* Those that are drawn with a dashed edge. */
static void write_hollow(struct figure *f, int64_t first_lane)
{
    struct buf block;
    buf_init(&block, f->r->mem);
    for (size_t i = 0; i < f->r->lanes.count; i++) {
        const struct lane *lane = &f->r->lanes.items[i];
        for (size_t k = 0; k < lane->spans.count; k++) {
            const struct lane_span *s = &lane->spans.items[k];
            if (s->state == LANE_NEVER) {
                put_box(&block, s->from_ns, s->to_ns, first_lane + (int64_t)i * LANE_PITCH,
                        LANE_HEIGHT, lane_state_name(s->state));
            }
        }
    }
    write_block(f, "hollow", "from, to, y, height, style", &block);
}

static void figure_init(struct figure *f, const struct report *r, struct buf *out)
{
    struct buf *const blocks[] = {&f->lanes, &f->inside, &f->headings, &f->names,      &f->notes,
                                  &f->small, &f->marks,  &f->labels,   &f->labels_left};
    f->r = r;
    f->out = out;
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        buf_init(blocks[i], r->mem);
    }
    marks_faults(r, &f->faults);
    marks_commands(r, &f->commands);
    marks_violations(r, &f->violations);
    f->top = *r->sum.reason != '\0' ? 88 : 68;
    f->y = f->top;
}

static void write_blocks(struct figure *f)
{
    write_block(f, "boxes", "from, to, y, height, style: lanes of members and of availability",
                &f->lanes);
    write_block(f, "inside", "seconds, y, style, text", &f->inside);
    write_block(f, "headings", "x, y, text", &f->headings);
    write_block(f, "names", "x, y, text", &f->names);
    write_block(f, "notes", "x, y, text", &f->notes);
    write_block(f, "small", "x, y, text", &f->small);
    write_block(f, "marks", "from, to, y, 0, style: faults, commands, violations", &f->marks);
    write_block(f, "labels", "x, y, width, text", &f->labels);
    write_block(f, "labels_left", "x, y, width, text", &f->labels_left);
}

void report_script(const struct report *r, struct buf *out)
{
    struct figure f = {.y = 0};
    figure_init(&f, r, out);
    int64_t first_lane = f.y + HEADING_HEIGHT;
    int64_t badge_width = text_width(r->sum.verdict, 14) + 28;
    lay_lanes(&f);
    lay_counts(&f);
    lay_bands(&f);
    lay_marks(&f, "Faults and starts", &f.faults);
    lay_marks(&f, "Commands", &f.commands);
    lay_marks(&f, "Violations", &f.violations);
    int64_t axis = f.y + 6;
    f.y = axis + 40;
    put(&f.small, FIGURE_LEFT - 24, axis + 14, "simulated time");
    buf_printf(out,
               "# The figure of one run. Draw it again, here: gnuplot %s.gp\n"
               "file = '%s'\n",
               r->name, r->name);
    struct buf legend;
    struct buf *whole = f.out;
    buf_init(&legend, r->mem);
    f.out = &legend;
    write_legend(&f);
    f.out = whole;
    write_settings(&f, axis, f.y, badge_width);
    write_title(&f, badge_width);
    write_ticks(&f);
    write_counts(&f);
    write_hollow(&f, first_lane);
    write_blocks(&f);
    buf_add_slice(out, buf_slice(&legend));
    buf_printf(out, "# x, y, length\n$keys << EOD\n16\t%lld\t28\nEOD\n", (long long)f.zero - 38);
    buf_printf(out, "$axis << EOD\n%d\t%lld\t%d\nEOD\n\n", FIGURE_LEFT, (long long)axis,
               FIGURE_RIGHT - FIGURE_LEFT);
    buf_add_str(out, plot_text);
}
