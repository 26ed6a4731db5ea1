/* A run that a test reaches into: a scenario's text, its run, and what was told of it. */
#ifndef TESTS_RUNNER_TOLD_H
#define TESTS_RUNNER_TOLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "run.h"

struct fixture {
    struct mem_pool *pool;
    struct scenario *s;
    struct run *run;
    struct buf told;
    struct engine_event event; /* the test's own */
    enum service service;      /* likewise */
};

static inline void setup(struct fixture *f, const char *text, bool record)
{
    size_t count = 0;
    struct run_options options = run_options_default(1);
    options.record = record;
    *f = (struct fixture){.pool = mem_pool_new(1 << 24, -1)};
    buf_init(&f->told, mem_pool_mem(f->pool));
    assert_int_equal(scenario_parse(slice_str(text), "t.yaml", &f->s, &f->told, &count), 0);
    f->run = run_new(f->s, &options);
}

static inline void go(struct fixture *f)
{
    run_go(f->run);
    run_tell(f->run, "test", false, &f->told);
}

static inline void teardown(struct fixture *f)
{
    run_free(f->run);
    scenario_free(f->s);
    mem_pool_free(f->pool);
}

static inline void assert_told(struct fixture *f, const char *words)
{
    if (strstr(buf_cstr(&f->told), words) == NULL) {
        print_error("missing: %s\nin: %s\n", words, buf_cstr(&f->told));
    }
    assert_non_null(strstr(buf_cstr(&f->told), words));
}

#endif
