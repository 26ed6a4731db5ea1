/* Prints the trace hash of the toy's story for each seed: builds of one commit must agree.
 * toy_hash FIRST LAST [LINES [trace]] */
#include <stdio.h>
#include <stdlib.h>

#include "toy.h"

static void print_line(struct engine_sink *sink, const struct engine_line *line)
{
    (void)sink;
    printf("%12lld #%llu n%u %-8s %s < #%llu\n", (long long)line->time_ns,
           (unsigned long long)line->event, (unsigned)line->node, line->kind, line->text,
           (unsigned long long)line->cause);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        return 2;
    }
    uint64_t last = strtoull(argv[2], NULL, 10);
    unsigned lines = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 200;
    struct engine_sink sink = {print_line};
    for (uint64_t seed = strtoull(argv[1], NULL, 10); seed <= last; seed++) {
        uint64_t events = 0;
        uint64_t hash = toy_story(seed, lines, -1, argc > 4 ? &sink : NULL, &events);
        printf("seed %llu events %llu hash %016llx\n", (unsigned long long)seed,
               (unsigned long long)events, (unsigned long long)hash);
    }
    return 0;
}
