/* JUnit's XML as CI systems read it: a suite, a testcase for each scenario and one for the probes.
 */
#include "base/duration.h"
#include "impl.h"

/* XML 1.0, 2.2 and 2.4: most control characters cannot be written at all; what is no UTF-8 would
 * make the whole file unreadable. */
static void add_escaped(struct buf *out, struct slice text)
{
    bool utf8 = slice_is_utf8(text);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.ptr[i];
        switch (b) {
        case '&': buf_add_str(out, "&amp;"); break;
        case '<': buf_add_str(out, "&lt;"); break;
        case '>': buf_add_str(out, "&gt;"); break;
        case '"': buf_add_str(out, "&quot;"); break;
        case '\n': buf_add_str(out, "\n"); break;
        case '\t': buf_add_str(out, "&#9;"); break;
        default: buf_add_u8(out, b < 0x20 || b == 0x7f || (b >= 0x80 && !utf8) ? '?' : b); break;
        }
    }
}

static void add_text(struct buf *out, const char *text)
{
    add_escaped(out, slice_str(text));
}

static void add_seconds(struct buf *out, int64_t ns)
{
    buf_printf(out, "%lld.%03lld", (long long)(ns / SEC_NS), (long long)(ns % SEC_NS / MS_NS));
}

/* The kind of failure that a scenario's line names: the worst, the first of its like. */
static const struct kind *worst_of(const struct campaign *c, size_t part, uint64_t *runs,
                                   const struct failed_run **first)
{
    const struct kind *worst = NULL;
    for (size_t i = 0; i < c->kinds.count; i++) {
        const struct kind *k = &c->kinds.items[i];
        const struct failed_run *found = NULL;
        uint64_t count = 0;
        for (size_t j = 0; j < k->runs.count; j++) {
            if (k->runs.items[j].part == part) {
                found = found != NULL ? found : &k->runs.items[j];
                count++;
            }
        }
        if (count > 0 && !k->known && (worst == NULL || k->verdict > worst->verdict)) {
            worst = k;
            *runs = count;
            *first = found;
        }
    }
    return worst;
}

static void add_failure(const struct campaign *c, size_t part, struct buf *out)
{
    const struct part *p = &c->parts.items[part];
    const struct failed_run *first = NULL;
    uint64_t runs = 0;
    const struct kind *k = worst_of(c, part, &runs, &first);
    if (k == NULL) {
        return;
    }
    buf_printf(out, "    <failure type=\"%s\" message=\"", verdict_name(k->verdict));
    add_escaped(out, slice_of(k->reason, strcspn(k->reason, "\n")));
    buf_printf(out, ": %llu of %llu seeds, ", (unsigned long long)runs,
               (unsigned long long)p->runs);
    add_text(out, k->fingerprint);
    buf_add_str(out, "\">\n");
    add_text(out, "quorate run ");
    add_text(out, p->s->path);
    buf_printf(out, " --seed %llu%s%s   # build ", (unsigned long long)first->seed,
               p->s->case_name != NULL ? " --case " : "",
               p->s->case_name != NULL ? p->s->case_name : "");
    add_text(out, c->options.build);
    buf_add_str(out, "\n");
    add_text(out, k->reason);
    buf_add_str(out, "\n    </failure>\n");
}

/* "scenarios/regress/x.yaml" is in class "scenarios.regress". */
static void add_class(struct buf *out, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) {
        buf_add_str(out, "scenarios");
        return;
    }
    for (const char *at = path + (*path == '/'); at < slash; at++) {
        add_escaped(out, *at == '/' ? slice_str(".") : slice_of(at, 1));
    }
}

/* Probes are a testcase of their own where they can fail. */
static void add_probes(const struct campaign *c, struct buf *out)
{
    struct buf missing;
    buf_init(&missing, c->mem);
    probes_add_missing(c, &missing);
    buf_add_str(out, "  <testcase classname=\"campaign\" name=\"probes\" time=\"0.000\"");
    if (missing.len == 0) {
        buf_add_str(out, "/>\n");
    } else {
        buf_add_str(out, ">\n    <failure type=\"unmet\" message=\"never reached:");
        add_escaped(out, buf_slice(&missing));
        buf_add_str(out, "\"/>\n  </testcase>\n");
    }
    buf_fini(&missing);
}

void campaign_junit(struct campaign *c, struct buf *out)
{
    bool probes = c->options.unreached_path != NULL;
    size_t failed = probes_fail(c);
    size_t skipped = 0;
    for (size_t i = 0; i < c->parts.count; i++) {
        failed += c->parts.items[i].unknown_failures > 0;
        skipped += c->parts.items[i].runs == 0;
    }
    buf_printf(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<testsuites>\n<testsuite name=\"quorate campaign\" tests=\"%zu\" failures=\"%zu\" "
               "errors=\"0\" skipped=\"%zu\" time=\"",
               c->parts.count + probes, failed, skipped);
    add_seconds(out, c->wall_ns);
    buf_add_str(out, "\">\n");
    for (size_t i = 0; i < c->parts.count; i++) {
        const struct part *p = &c->parts.items[i];
        buf_add_str(out, "  <testcase classname=\"");
        add_class(out, p->s->path);
        buf_add_str(out, "\" name=\"");
        add_text(out, p->s->name);
        buf_add_str(out, "\" time=\"");
        add_seconds(out, p->wall_ns);
        if (p->runs > 0 && p->unknown_failures == 0) {
            buf_add_str(out, "\"/>\n");
            continue;
        }
        buf_add_str(out, "\">\n");
        buf_add_str(out, p->runs == 0 ? "    <skipped message=\"no run of it was done\"/>\n" : "");
        add_failure(c, i, out);
        buf_add_str(out, "  </testcase>\n");
    }
    if (probes) {
        add_probes(c, out);
    }
    buf_add_str(out, "</testsuite>\n</testsuites>\n");
}
