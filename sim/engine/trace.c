#include <string.h>

#include "base/fmt.h"
#include "engine/engine.h"

void engine_trace(struct engine *engine, uint32_t node, const char *kind, const char *format, ...)
{
    if (engine->sink == NULL) {
        return;
    }
    char text[512];
    va_list args;
    va_start(args, format);
    fmt_v(text, sizeof(text), format, args);
    va_end(args);
    const struct engine_line line = {engine->now_ns, engine->event, engine->cause,
                                     node,           kind,          text};
    engine->sink->line(engine->sink, &line);
}
