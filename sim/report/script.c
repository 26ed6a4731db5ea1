/* The figure, for gnuplot.
 *
 * The script draws on a canvas in pixels, y downwards, and turns seconds into pixels itself; so the
 * places of all things are known here, where labels are kept apart. What a person may want to
 * change stands on top of it: size, window, colours by name. The data follow in blocks of
 * tab-separated fields, and all text of the results file is in such blocks: gnuplot takes a line
 * of a block for data whatever it says, but a quoted string of a command may hold substitutions.
 */
#include "figure.h"

#define TICKS_MAX  11
#define GUIDES_MAX 16

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

static void write_ticks(const struct figure *f, struct buf *out)
{
    const struct report *r = f->r;
    int64_t step = tick_step(r->to_ns - r->from_ns);
    int64_t at = r->from_ns / step * step;
    buf_add_str(out, "# seconds, label\n$ticks << EOD\n");
    for (at = at < r->from_ns ? at + step : at; at <= r->to_ns; at += step) {
        text_seconds(out, at);
        buf_add_u8(out, '\t');
        tick_words(out, at);
        buf_add_u8(out, '\n');
    }
    buf_add_str(out, "EOD\n");
}

static void write_counts(const struct figure *f, struct buf *out)
{
    const struct report *r = f->r;
    buf_add_str(out, "# from, to, voters, quorum, voters up\n$counts << EOD\n");
    for (size_t i = 0; i <= r->counts.count && r->counts.count > 0; i++) {
        const struct count_span *c = &r->counts.items[i < r->counts.count ? i : i - 1];
        if (c->to_ns <= r->from_ns) {
            continue;
        }
        text_seconds(out, i < r->counts.count ? c->from_ns : c->to_ns);
        buf_add_u8(out, '\t');
        text_seconds(out, c->to_ns);
        buf_printf(out, "\t%lld\t%lld\t%lld\n", (long long)c->voters,
                   (long long)(c->quorum < f->voters_max ? c->quorum : f->voters_max),
                   (long long)c->up);
    }
    buf_add_str(out, "EOD\n");
}

static void write_block(struct buf *out, const char *name, const char *fields,
                        const struct buf *block)
{
    buf_printf(out, "# %s\n$%s << EOD\n", fields, name);
    buf_add_slice(out, buf_slice(block));
    /* An empty block cannot be plotted: a line of the same fields far outside. */
    if (block->len == 0) {
        buf_add_str(out, "-99999\t-99999\t-99999\t-99999\t \n");
    }
    buf_add_str(out, "EOD\n");
}

/* Swatches below the axis, in as many lines as they need. */
static void write_legend(struct figure *f, struct buf *out)
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
        figure_put(&texts, x + 20, f->y, entries[i].text);
        x += width;
    }
    write_block(out, "swatches", "x, y, style", &swatches);
    write_block(out, "legend", "x, y, text", &texts);
    f->y += 16;
}

static void write_title(const struct figure *f, int64_t badge_width, struct buf *out)
{
    const struct summary *s = &f->r->sum;
    struct buf text;
    struct buf block;
    struct buf reason;
    buf_init(&text, f->r->mem);
    buf_init(&block, f->r->mem);
    buf_init(&reason, f->r->mem);
    figure_put(&block, 16, 26, text_fit(f->r->mem, s->id, 21, FIGURE_RIGHT - 40 - badge_width));
    write_block(out, "title", "x, y, text", &block);
    buf_clear(&block);
    buf_printf(&text,
               "trace hash %s    seed %lld    %lld events    %lld requests: %lld ok, %lld "
               "refused, %lld unknown    simulated ",
               s->trace_hash, (long long)s->seed, (long long)s->events, (long long)s->ops,
               (long long)s->ops_ok, (long long)s->ops_refused, (long long)s->ops_unknown);
    tick_words(&text, (f->r->to_ns - f->r->from_ns) / MS_NS * MS_NS);
    figure_put(&block, 16, 50, text_fit(f->r->mem, buf_cstr(&text), FONT_SIZE, FIGURE_RIGHT - 16));
    if (*s->reason != '\0') {
        buf_clear(&text);
        buf_printf(&text, "%s (%s)", text_line(f->r->mem, s->reason), s->fingerprint);
        figure_put(&reason, 16, 70,
                   text_fit(f->r->mem, buf_cstr(&text), FONT_SIZE, FIGURE_RIGHT - 16));
    }
    write_block(out, "subtitle", "x, y, text", &block);
    write_block(out, "reason", "x, y, text", &reason);
    buf_clear(&block);
    figure_put(&block, FIGURE_RIGHT - badge_width / 2, 26, s->verdict);
    write_block(out, "badge", "x, y, text", &block);
}

static bool has_failed(const struct summary *s)
{
    return strcmp(s->verdict, "pass") != 0 && strcmp(s->verdict, "stopped") != 0;
}

static void write_settings(const struct figure *f, int64_t badge_width, struct buf *out)
{
    buf_printf(out, "width = %d; left = %d; right = %d\n", FIGURE_WIDTH, FIGURE_LEFT, FIGURE_RIGHT);
    buf_printf(out, "height = %lld; top = %lld; axis = %lld\n", (long long)f->y, (long long)f->top,
               (long long)f->axis);
    buf_add_str(out, "# the window, in seconds of simulated time\nt0 = ");
    text_seconds(out, f->r->from_ns);
    buf_add_str(out, "; t1 = ");
    text_seconds(out, f->r->to_ns);
    buf_printf(out, "\n# voters: y of none, pixels of one\nzero = %lld; unit = %lld\n",
               (long long)f->zero, (long long)f->unit);
    buf_printf(out, "badge_width = %lld; badge_colour = 0x%s\n", (long long)badge_width,
               has_failed(&f->r->sum) ? "D55E00" : "009E73");
    buf_printf(out, "# dotted lines at faults and starts: only while they are few\nguides = %d\n",
               f->faults.items.count <= GUIDES_MAX ? 1 : 0);
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
        "edge(s) = s eq 'never-started' ? 0x808080 : colour(s)\n"
        "ink(s) = s eq 'absent' ? 0x8A8A8A : s eq 'leader' || s eq 'down' ? 0xFFFFFF : 0x000000\n"
        "guided(s) = guides && (s eq 'fault' || s eq 'start')\n"
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
    "        $boxes using (strcol(5) eq 'absent' ? NaN : X($1)):3:(X($1)):(wide($1, $2)):3:($3 + "
    "$4):(colour(strcol(5))) "
    "with boxxyerror fs solid 1 noborder lc rgb variable, \\\n"
    "        $hollow using (X($1)):3:(X($1)):(X($2)):3:($3 + $4) with boxxyerror fs empty "
    "lc rgb '#808080' dt (3,3), \\\n"
    "        $marks using (X($1)):(strcol(5) eq 'violation' ? top : $3):(0):"
    "(strcol(5) eq 'violation' ? axis - top : 0) with vectors nohead lw 1.5 lc rgb '#D55E00', \\\n"
    "        $marks using (X($1)):(guided(strcol(5)) ? top : $3):(0):"
    "(guided(strcol(5)) ? $3 - top : 0) with vectors nohead "
    "dt (2,4) lc rgb '#707070', \\\n"
    "        $marks using (X($1)):3:(X($1)):(X($2)):($3 - 3):($3 + 3):(colour(strcol(5))) "
    "with boxxyerror fs solid 1 noborder lc rgb variable, \\\n"
    "        $labels using 1:2:1:($1 + $3):($2 - 8):($2 + 8) with boxxyerror fs solid 1 noborder "
    "lc rgb '#FFFFFF', \\\n"
    "        $labels_left using 1:2:($1 - $3):1:($2 - 8):($2 + 8) with boxxyerror fs solid 1 "
    "noborder lc rgb '#FFFFFF', \\\n"
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

static void write_blocks(const struct figure *f, struct buf *out)
{
    write_block(out, "boxes", "from, to, y, height, style: lanes of members and of availability",
                &f->lanes);
    write_block(out, "hollow", "from, to, y, height, style: with a dashed edge", &f->hollow);
    write_block(out, "inside", "seconds, y, style, text", &f->inside);
    write_block(out, "headings", "x, y, text", &f->headings);
    write_block(out, "names", "x, y, text", &f->names);
    write_block(out, "notes", "x, y, text", &f->notes);
    write_block(out, "small", "x, y, text", &f->small);
    write_block(out, "marks", "from, to, y, 0, style: faults, commands, violations", &f->marks);
    write_block(out, "labels", "x, y, width, text", &f->labels);
    write_block(out, "labels_left", "x, y, width, text", &f->labels_left);
}

void report_script(const struct report *r, struct buf *out)
{
    struct figure figure = {.y = 0};
    struct figure *f = &figure;
    int64_t badge_width = text_width(r->sum.verdict, 14) + 28;
    struct buf legend;
    buf_init(&legend, r->mem);
    figure_init(f, r);
    /* Its lines add to the height, which is told first. */
    write_legend(f, &legend);
    buf_printf(out,
               "# The figure of one run. Draw it again, here: gnuplot %s.gp\n"
               "file = '%s'\n",
               r->name, r->name);
    write_settings(f, badge_width, out);
    write_title(f, badge_width, out);
    write_ticks(f, out);
    write_counts(f, out);
    write_blocks(f, out);
    buf_add_slice(out, buf_slice(&legend));
    buf_printf(out, "# x, y, length\n$keys << EOD\n16\t%lld\t28\nEOD\n", (long long)f->keys);
    buf_printf(out, "$axis << EOD\n%d\t%lld\t%d\nEOD\n\n", FIGURE_LEFT, (long long)f->axis,
               FIGURE_RIGHT - FIGURE_LEFT);
    buf_add_str(out, plot_text);
}
