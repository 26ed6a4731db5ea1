/* The page: one file, the figure inside, nothing from elsewhere. What the results file says goes
 * through text_html, without exception. */
#include "base/duration.h"
#include "impl.h"

#define SHARE_UNIT 1000

struct page {
    const struct report *r;
    struct buf *out;
};

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;color:#1c1c1c;background:#fff;margin:0 auto;"
    "max-width:1232px;padding:24px 16px 64px}\n"
    "h1{font-size:24px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:17px;margin:36px 0 "
    "10px}\n"
    "p{margin:6px 0}.quiet{color:#565656}\n"
    ".badge{display:inline-block;padding:2px 12px;border-radius:4px;color:#fff;font-weight:600}\n"
    ".good{background:#00795a}.bad{background:#b34e00}\n"
    ".why{border-left:4px solid #d55e00;padding:8px 14px;margin:14px 0;background:#fdf1e9;"
    "white-space:pre-wrap;overflow-wrap:anywhere}\n"
    "figure{margin:20px 0 0;overflow-x:auto}figure svg{display:block;max-width:100%;min-width:"
    "860px;height:auto}\n"
    "figcaption{color:#565656;font-size:13px;margin-top:8px}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:14px;width:100%}\n"
    "th,td{text-align:left;vertical-align:top;padding:6px 16px 6px 0;border-bottom:1px solid "
    "#e2e2e2}\n"
    "th{font-weight:600;color:#565656;border-bottom:1px solid #9a9a9a;white-space:nowrap}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    ".w{white-space:nowrap}td.w code{white-space:nowrap}\n"
    "code,pre{font:13px/1.5 ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}\n"
    "td code{white-space:pre-wrap;overflow-wrap:anywhere}\n"
    "pre{background:#f6f6f6;border:1px solid #e2e2e2;border-radius:4px;padding:14px;"
    "overflow-x:auto;margin:0}\n"
    ".share{display:flex;height:18px;width:100%;min-width:260px;border-radius:3px;"
    "overflow:hidden}.share span{display:block}\n"
    ".must,.served{background:#009e73}.cannot,.failed{background:#d55e00}.may{background:#f0e442}"
    ".late{background:#8ad1bc}\n"
    ".no{color:#a84300;font-weight:600}dl{display:grid;grid-template-columns:max-content 1fr;"
    "gap:4px 20px;margin:0}dt{color:#565656}dd{margin:0;overflow-wrap:anywhere}\n";

static void raw(struct page *p, const char *html)
{
    buf_add_str(p->out, html);
}

static void say(struct page *p, const char *text)
{
    text_html(p->out, text);
}

static void duration(struct page *p, int64_t ns)
{
    char text[40];
    if (ns == NEVER_NS) {
        raw(p, "never");
        return;
    }
    /* To the microsecond: what is finer than a link's delay tells nobody anything. */
    duration_format(text, sizeof(text), ns / US_NS * US_NS);
    raw(p, text);
}

static void seconds(struct page *p, int64_t ns)
{
    struct buf text;
    buf_init(&text, p->r->mem);
    if (ns == NEVER_NS) {
        raw(p, "never");
        return;
    }
    text_seconds(&text, ns);
    buf_add(p->out, text.ptr, text.len - 3); /* milliseconds */
}

static void cell(struct page *p, const char *class, const char *text)
{
    buf_printf(p->out, "<td%s><code>", class);
    say(p, text);
    raw(p, "</code></td>");
}

static void count_cell(struct page *p, int64_t n)
{
    buf_printf(p->out, "<td class=\"n\">%lld</td>", (long long)n);
}

static bool has_failed(const struct summary *s)
{
    return strcmp(s->verdict, "pass") != 0 && strcmp(s->verdict, "stopped") != 0;
}

static void write_head(struct page *p)
{
    const struct summary *s = &p->r->sum;
    raw(p, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
           "style-src 'unsafe-inline'\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    say(p, s->id);
    raw(p, ": ");
    say(p, s->verdict);
    raw(p, "</title>\n<style>\n");
    raw(p, style);
    raw(p, "</style>\n</head>\n<body>\n<h1>");
    say(p, s->id);
    buf_printf(p->out, " <span class=\"badge %s\">", has_failed(s) ? "bad" : "good");
    say(p, s->verdict);
    raw(p, "</span></h1>\n<p class=\"quiet\">trace hash <code>");
    say(p, s->trace_hash);
    buf_printf(p->out, "</code>, seed %lld</p>\n", (long long)s->seed);
    if (*s->reason != '\0') {
        raw(p, "<div class=\"why\">");
        say(p, s->reason);
        raw(p, "\n<span class=\"quiet\">fingerprint ");
        say(p, s->fingerprint);
        raw(p, "</span></div>\n");
    }
}

/* gnuplot's prologue names a DTD at another address; the page must not. */
static void write_figure(struct page *p, struct slice svg)
{
    /* Browsers would show it over the figure. */
    static const char title[] = "<title>Gnuplot</title>";
    size_t start = 0;
    while (start + 4 < svg.len && memcmp(svg.ptr + start, "<svg", 4) != 0) {
        start++;
    }
    raw(p, "<figure role=\"img\" aria-label=\"Timeline of the run\">\n");
    svg = slice_from(svg, start);
    struct slice after = svg;
    size_t at = 0;
    while (at + sizeof(title) - 1 < svg.len &&
           memcmp(svg.ptr + at, title, sizeof(title) - 1) != 0) {
        at++;
    }
    if (at + sizeof(title) - 1 < svg.len) {
        buf_add(p->out, svg.ptr, at);
        after = slice_from(svg, at + sizeof(title) - 1);
    }
    buf_add_slice(p->out, after);
    raw(p, "<figcaption>Draw it again after a change: <code>gnuplot ");
    say(p, p->r->name);
    raw(p, ".gp</code>. Times count from the end of the warm-up. <em>Served late</em>: answered, "
           "but only after the next request had been sent.</figcaption>\n</figure>\n");
}

static void write_violations(struct page *p)
{
    const struct report *r = p->r;
    if (r->violations.count == 0) {
        return;
    }
    raw(p, "<h2>Violations</h2>\n<div class=\"wide\"><table>\n<tr><th class=\"n\">at, s</th>"
           "<th>checker</th><th>rule</th><th>place</th><th>what</th></tr>\n");
    for (size_t i = 0; i < r->violations.count; i++) {
        const struct violation_row *v = &r->violations.items[i];
        raw(p, "<tr><td class=\"n\">");
        seconds(p, v->time_ns);
        raw(p, "</td>");
        cell(p, "", v->checker);
        cell(p, "", v->rule);
        cell(p, "", v->place);
        cell(p, "", v->text);
        raw(p, "</tr>\n");
    }
    raw(p, "</table></div>\n");
}

static int64_t share_of(const struct report *r, const struct band *band, const char *state)
{
    int64_t sum = 0;
    for (size_t i = 0; i < band->spans.count; i++) {
        const struct band_span *s = &band->spans.items[i];
        int64_t from = s->from_ns < r->from_ns ? r->from_ns : s->from_ns;
        int64_t to = s->to_ns > r->to_ns ? r->to_ns : s->to_ns;
        if (to > from && strcmp(s->state, state) == 0) {
            sum += to - from;
        }
    }
    int64_t whole = (r->to_ns - r->from_ns) / US_NS;
    whole = whole > 0 ? whole : 1;
    return (sum / US_NS * SHARE_UNIT + whole / 2) / whole;
}

static void write_share(struct page *p, const struct band *band)
{
    static const char *const states[][2] = {{"must", "must"},        {"served", "served"},
                                            {"late", "served late"}, {"may", "may"},
                                            {"cannot", "cannot"},    {"failed", "not served"}};
    struct buf words;
    buf_init(&words, p->r->mem);
    raw(p, "<tr><td>");
    say(p, band->service);
    raw(p, "</td><td>");
    say(p, band->source);
    raw(p, "</td><td><div class=\"share\">");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        int64_t share = share_of(p->r, band, states[i][0]);
        if (share == 0) {
            continue;
        }
        buf_printf(p->out, "<span class=\"%s\" style=\"width:%lld.%lld%%\"></span>", states[i][0],
                   (long long)(share / 10), (long long)(share % 10));
        buf_printf(&words, "%s%s %lld.%lld%%", words.len > 0 ? ", " : "", states[i][1],
                   (long long)(share / 10), (long long)(share % 10));
    }
    raw(p, "</div></td><td class=\"w\">");
    say(p, buf_cstr(&words));
    raw(p, "</td></tr>\n");
}

/* No band above is of its service. */
static bool is_first(const struct report *r, size_t band)
{
    for (size_t i = 0; i < band; i++) {
        if (strcmp(r->bands.items[i].service, r->bands.items[band].service) == 0) {
            return false;
        }
    }
    return true;
}

static void write_shares(struct page *p)
{
    const struct report *r = p->r;
    raw(p, "<h2>Availability</h2>\n<div class=\"wide\"><table>\n<tr><th>service</th><th>source</th>"
           "<th>share of the timeline</th><th></th></tr>\n");
    for (size_t i = 0; i < r->bands.count; i++) {
        const struct band *first = &r->bands.items[i];
        for (size_t k = 0; k < r->bands.count && is_first(r, i); k++) {
            if (strcmp(r->bands.items[k].service, first->service) == 0) {
                write_share(p, &r->bands.items[k]);
            }
        }
    }
    raw(p, "</table></div>\n<p class=\"quiet\">Once nothing changes any more, writes must pass "
           "within ");
    duration(p, p->r->sum.bound_ns);
    raw(p, ".</p>\n");
}

static void write_steps(struct page *p)
{
    const struct report *r = p->r;
    if (r->steps.count == 0) {
        return;
    }
    raw(p, "<h2>Steps</h2>\n<div class=\"wide\"><table>\n<tr><th class=\"n\">line</th>"
           "<th class=\"n\">fired, s</th><th class=\"n\">finished, s</th><th>label</th>"
           "<th>step</th><th>expected</th><th>got</th><th>met</th></tr>\n");
    for (size_t i = 0; i < r->steps.count; i++) {
        const struct step_row *s = &r->steps.items[i];
        raw(p, "<tr>");
        count_cell(p, s->line);
        raw(p, "<td class=\"n\">");
        seconds(p, s->fired_ns);
        raw(p, "</td><td class=\"n\">");
        seconds(p, s->finished_ns);
        raw(p, "</td>");
        cell(p, " class=\"w\"", s->label);
        cell(p, "", s->title);
        cell(p, "", s->expected);
        cell(p, "", s->got);
        raw(p, s->met < 0 ? "<td></td>" : s->met > 0 ? "<td>yes</td>" : "<td class=\"no\">no</td>");
        raw(p, "</tr>\n");
    }
    raw(p, "</table></div>\n");
}

static void write_ops(struct page *p)
{
    const struct report *r = p->r;
    raw(p, "<h2>Requests</h2>\n<div class=\"wide\"><table>\n<tr><th>client</th><th>kind</th>"
           "<th class=\"n\">ok</th><th class=\"n\">refused</th><th class=\"n\">unknown</th>"
           "<th class=\"n\">longest</th></tr>\n");
    for (size_t i = 0; i < r->op_counts.count; i++) {
        const struct op_count *c = &r->op_counts.items[i];
        raw(p, "<tr><td>");
        say(p, c->client);
        raw(p, "</td><td>");
        say(p, c->kind);
        raw(p, "</td>");
        count_cell(p, c->ok);
        count_cell(p, c->refused);
        count_cell(p, c->unknown);
        raw(p, "<td class=\"n\">");
        if (c->longest_ns >= 0) {
            duration(p, c->longest_ns);
        }
        raw(p, "</td></tr>\n");
    }
    raw(p, "</table></div>\n<p class=\"quiet\">Unknown: nobody can tell from outside whether it "
           "took effect, as after a timeout.</p>\n");
}

static void fact(struct page *p, const char *name, const char *text)
{
    raw(p, "<dt>");
    raw(p, name);
    raw(p, "</dt><dd><code>");
    say(p, text);
    raw(p, "</code></dd>\n");
}

static void write_facts(struct page *p)
{
    const struct summary *s = &p->r->sum;
    struct buf text;
    buf_init(&text, p->r->mem);
    raw(p, "<h2>The run</h2>\n<dl>\n");
    buf_printf(&text, "quorate run %s --seed %llu", s->path, (unsigned long long)s->seed);
    fact(p, "again", buf_cstr(&text));
    fact(p, "verdict", s->verdict);
    if (*s->fingerprint != '\0') {
        fact(p, "fingerprint", s->fingerprint);
    }
    fact(p, "trace hash", s->trace_hash);
    fact(p, "build", s->build);
    fact(p, "drawn or set", s->knobs);
    raw(p, "<dt>simulated</dt><dd>");
    duration(p, s->sim_ns);
    raw(p, ", warm-up and settling included</dd>\n<dt>CPU</dt><dd>");
    duration(p, s->cpu_ns);
    buf_printf(p->out,
               "</dd>\n<dt>events</dt><dd>%lld</dd>\n<dt>requests</dt><dd>%lld: %lld ok, "
               "%lld refused, %lld unknown</dd>\n</dl>\n",
               (long long)s->events, (long long)s->ops, (long long)s->ops_ok,
               (long long)s->ops_refused, (long long)s->ops_unknown);
    raw(p, "<h2>The scenario</h2>\n<pre>");
    say(p, s->text);
    raw(p, "</pre>\n</body>\n</html>\n");
}

void report_page(const struct report *report, struct slice svg, struct buf *out)
{
    struct page p = {report, out};
    write_head(&p);
    write_figure(&p, svg);
    write_violations(&p);
    write_shares(&p);
    write_steps(&p);
    write_ops(&p);
    write_facts(&p);
}
