#include "runner/runner.h"

void run_line_write(const struct run_line *line, struct buf *out)
{
    int64_t us = line->time_ns / 1000;
    const char *sign = us < 0 ? "-" : "";
    us = us < 0 ? -us : us;
    buf_printf(out, "%5s%lld.%06lld  #%llu  %s  %-8s %s", sign, (long long)(us / 1000000),
               (long long)(us % 1000000), (unsigned long long)line->event,
               *line->node != '\0' ? line->node : "world", line->kind, line->text);
    if (line->cause != 0) {
        buf_printf(out, "  < #%llu%s%s", (unsigned long long)line->cause,
                   *line->cause_text != '\0' ? " " : "", line->cause_text);
    }
}
