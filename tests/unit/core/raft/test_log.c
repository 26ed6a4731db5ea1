/* The log in memory against the simplest model: an array that is copied about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "log.h"

#define MODEL_MAX 4096

struct model {
    term_t terms[MODEL_MAX]; /* by index; kept also below the base */
    bool conf[MODEL_MAX];
    index_t base;
    index_t last;
    index_t forgotten; /* conf entries through here */
};

static index_t model_find(const struct model *m, index_t index, term_t term)
{
    index_t i = index > m->last ? m->last : index;
    while (i > m->base && m->terms[i] > term) {
        i--;
    }
    return i < m->base ? m->base : i;
}

static void compare(const struct log *log, const struct model *m, struct rng *rng)
{
    assert_int_equal(log->base, m->base);
    assert_int_equal(log_last(log), m->last);
    index_t first = 0;
    index_t last = 0;
    for (index_t i = m->base; i <= m->last; i++) {
        assert_int_equal(log_term(log, i), m->terms[i]);
        if (i > m->base) {
            assert_int_equal(log_at(log, i)->index, i);
            assert_int_equal(log_at(log, i)->payload.len, i % 5);
        }
        if (i > m->base && i > m->forgotten && m->conf[i]) {
            first = first == 0 ? i : first;
            last = i;
        }
    }
    assert_int_equal(log_first_conf(log), first);
    assert_int_equal(log_last_conf(log), last);
    assert_int_equal(log_term(log, m->last + 1), 0);
    for (int k = 0; k < 4; k++) {
        index_t index = rng_below(rng, m->last + 3);
        term_t term = rng_below(rng, m->terms[m->last] + 2);
        assert_int_equal(log_find_term(log, index, term), model_find(m, index, term));
    }
}

static void change(struct log *log, struct model *m, struct rng *rng)
{
    uint64_t kind = rng_below(rng, 12);
    if (kind < 8 && m->last + 20 < MODEL_MAX) {
        uint64_t count = 1 + rng_below(rng, 10);
        for (uint64_t i = 0; i < count; i++) {
            term_t before = m->terms[m->last] > 0 ? m->terms[m->last] : 1;
            uint64_t step = rng_below(rng, 8);
            bool conf = rng_chance(rng, 100000);
            m->last++;
            m->terms[m->last] = before + (step == 0);
            m->conf[m->last] = conf;
            log_append(log, m->terms[m->last], conf ? RAFT_ENTRY_CONF : RAFT_ENTRY_NORMAL,
                       slice_of("12345", m->last % 5));
        }
    } else if (kind < 10 && m->last > m->base) {
        index_t from = m->base + 1 + rng_below(rng, m->last - m->base);
        log_truncate(log, from);
        m->last = from - 1;
    } else if (kind == 10 && m->last > m->base) {
        index_t to = m->base + 1 + rng_below(rng, m->last - m->base);
        log_compact(log, to);
        m->base = to;
        m->forgotten = to > m->forgotten ? to : m->forgotten;
    } else if (m->last > m->forgotten) {
        m->forgotten += rng_below(rng, m->last - m->forgotten);
        log_forget_confs(log, m->forgotten);
    }
    /* What is not applied cannot have been forgotten. */
    m->forgotten = m->forgotten > m->last ? m->last : m->forgotten;
}

static void test_agrees_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 28, 0xA5);
        static struct model m;
        m = (struct model){0};
        struct rng rng = rng_stream(seed, "test.log", 0);
        struct log log;
        log_init(&log, mem_pool_mem(pool));
        for (int i = 0; i < 300; i++) {
            change(&log, &m, &rng);
            compare(&log, &m, &rng);
        }
        log_fini(&log);
        assert_int_equal(mem_pool_mem(pool)->bytes, 0);
        mem_pool_free(pool);
    }
}

static void test_reset_goes_on_behind(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 28, 0xA5);
    struct log log;
    log_init(&log, mem_pool_mem(pool));
    log_append(&log, 1, RAFT_ENTRY_CONF, slice_str("a"));
    log_append(&log, 2, RAFT_ENTRY_NORMAL, slice_str("b"));
    log_reset(&log, 10, 4);
    assert_int_equal(log_last(&log), 10);
    assert_int_equal(log_term(&log, 10), 4);
    assert_int_equal(log_term(&log, 2), 0);
    assert_int_equal(log_first_conf(&log), 0);
    log_append(&log, 4, RAFT_ENTRY_NORMAL, slice_str("c"));
    assert_int_equal(log_at(&log, 11)->term, 4);
    assert_int_equal(log_find_term(&log, 11, 4), 11);
    log_fini(&log);
    assert_int_equal(mem_pool_mem(pool)->bytes, 0);
    mem_pool_free(pool);
}

/* Appending and compacting for ever needs no more memory than what is held. */
static void test_memory_follows_what_is_held(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 28, 0xA5);
    struct log log;
    log_init(&log, mem_pool_mem(pool));
    for (index_t i = 1; i <= 100000; i++) {
        log_append(&log, i / 1000 + 1, RAFT_ENTRY_NORMAL, slice_str("0123456789"));
        if (i > 100) {
            log_compact(&log, i - 100);
        }
    }
    assert_true(mem_pool_mem(pool)->bytes_peak < 65536);
    log_fini(&log);
    mem_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_the_model),
        cmocka_unit_test(test_reset_goes_on_behind),
        cmocka_unit_test(test_memory_follows_what_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
