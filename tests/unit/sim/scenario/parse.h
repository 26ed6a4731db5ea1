/* Parses a text for a test and keeps what came of it. */
#ifndef TESTS_SCENARIO_PARSE_H
#define TESTS_SCENARIO_PARSE_H

#include "scenario/scenario.h"

struct parsed {
    struct mem_pool *pool;
    struct scenario *s;
    struct buf mistakes;
    size_t count;
};

static inline struct parsed parse(const char *text)
{
    struct parsed p = {.pool = mem_pool_new(UINT64_C(1) << 30, 0xA5)};
    buf_init(&p.mistakes, mem_pool_mem(p.pool));
    int err = scenario_parse(slice_str(text), "t.yaml", &p.s, &p.mistakes, &p.count);
    (void)err;
    return p;
}

static inline void parsed_free(struct parsed *p)
{
    scenario_free(p->s);
    mem_pool_free(p->pool);
}

/* Two members and a timeline: the head that most tests need. */
#define HEAD "version: 1\nscenario: t\nmembers: [n1, n2, n3]\nuntil: 10s\n"

#endif
