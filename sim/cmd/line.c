#include "line.h"

#include <stdio.h>

#include "cmd.h"

bool line_listed(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',' ? 1 : 0;
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

void line_print(struct run_sink *sink, const struct run_line *line)
{
    struct line_printer *p = (struct line_printer *)sink;
    p->seen++;
    if ((p->only != NULL && !line_listed(p->only, *line->node != '\0' ? line->node : "world")) ||
        (p->kinds != NULL && !line_listed(p->kinds, line->kind)) ||
        (p->timed && line->time_ns < p->from_ns)) {
        return;
    }
    buf_clear(p->scratch);
    run_line_write(line, p->scratch);
    cmd_say(stdout, "%s\n", buf_cstr(p->scratch));
    p->printed++;
}
