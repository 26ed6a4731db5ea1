/* Worker processes: what crosses over, what a crash ends, what `alone` means. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pool.h"

enum {
    ECHO,  /* the tag and the process */
    LARGE, /* tag bytes */
    DIE,
    LEAVE
};

static struct mem_pool *memory;

static void work(void *ctx, const struct pool_job *job, struct buf *out)
{
    assert_ptr_equal(ctx, &memory);
    switch (job->what) {
    case ECHO:
        buf_add_u64(out, job->tag);
        buf_add_u64(out, (uint64_t)getpid());
        break;
    case LARGE:
        memset(buf_reserve(out, job->tag), 'x', job->tag);
        out->len += job->tag;
        break;
    case DIE:
        buf_add_str(out, "half an answer");
        signal(SIGABRT, SIG_DFL);
        abort();
    default: _exit(9);
    }
}

static struct pool *pool_with(size_t workers)
{
    struct pool *pool = NULL;
    assert_int_equal(pool_new(mem_pool_mem(memory), workers, work, &memory, &pool), 0);
    return pool;
}

static void give(struct pool *pool, uint64_t tag, uint32_t what, bool alone)
{
    struct pool_job job = {tag, what, alone};
    assert_true(pool_has_room(pool));
    assert_int_equal(pool_give(pool, &job), 0);
}

static struct pool_result wait_for(struct pool *pool)
{
    struct pool_result result;
    enum pool_event event = POOL_TIMEOUT;
    while (event == POOL_TIMEOUT) {
        event = pool_wait(pool, -1, &result);
    }
    assert_int_equal(event, POOL_RESULT);
    return result;
}

static uint64_t pid_of(const struct pool_result *result)
{
    assert_false(result->crashed);
    assert_int_equal(result->answer.len, 16);
    assert_int_equal(load_u64(result->answer.ptr), result->job.tag);
    return load_u64(result->answer.ptr + 8);
}

static void test_a_worker_goes_on_to_the_next_job(void **state)
{
    struct pool *pool = pool_with(1);
    (void)state;
    give(pool, 1, ECHO, false);
    assert_false(pool_has_room(pool));
    struct pool_result result = wait_for(pool);
    uint64_t first = pid_of(&result);
    give(pool, 2, ECHO, false);
    result = wait_for(pool);
    assert_int_equal(pid_of(&result), first);
    assert_int_not_equal(first, getpid());
    pool_free(pool);
}

static void test_alone_is_a_process_of_its_own(void **state)
{
    struct pool *pool = pool_with(1);
    uint64_t pids[3];
    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        give(pool, i, ECHO, i == 1);
        struct pool_result result = wait_for(pool);
        pids[i] = pid_of(&result);
    }
    assert_true(pids[0] != pids[1] && pids[1] != pids[2]);
    pool_free(pool);
}

static void test_a_crash_belongs_to_its_job_and_ends_nothing_else(void **state)
{
    struct pool *pool = pool_with(3);
    size_t crashed = 0;
    (void)state;
    give(pool, 1, ECHO, false);
    give(pool, 2, DIE, false);
    give(pool, 3, LEAVE, false);
    for (int i = 0; i < 3; i++) {
        struct pool_result result = wait_for(pool);
        if (result.job.tag == 1) {
            (void)pid_of(&result);
            continue;
        }
        assert_true(result.crashed);
        crashed++;
        if (result.job.tag == 2) {
            assert_true(WIFSIGNALED(result.status));
            assert_int_equal(WTERMSIG(result.status), SIGABRT);
        } else {
            assert_true(WIFEXITED(result.status));
            assert_int_equal(WEXITSTATUS(result.status), 9);
        }
    }
    assert_int_equal(crashed, 2);
    assert_int_equal(pool_busy(pool), 0);
    give(pool, 4, ECHO, false);
    struct pool_result result = wait_for(pool);
    (void)pid_of(&result);
    pool_free(pool);
}

static void test_a_large_answer_comes_whole(void **state)
{
    struct pool *pool = pool_with(2);
    (void)state;
    give(pool, 3000000, LARGE, false);
    give(pool, 0, LARGE, false);
    for (int i = 0; i < 2; i++) {
        struct pool_result result = wait_for(pool);
        assert_false(result.crashed);
        assert_int_equal(result.answer.len, result.job.tag);
        for (size_t k = 0; k < result.answer.len; k++) {
            assert_int_equal(result.answer.ptr[k], 'x');
        }
    }
    pool_free(pool);
}

static void test_a_signal_is_told_and_ends_no_one(void **state)
{
    struct pool *pool = pool_with(1);
    struct pool_result result;
    (void)state;
    raise(SIGTERM);
    assert_int_equal(pool_wait(pool, -1, &result), POOL_SIGNAL);
    give(pool, 1, ECHO, false);
    result = wait_for(pool);
    kill((pid_t)pid_of(&result), SIGTERM);
    give(pool, 2, ECHO, false);
    result = wait_for(pool);
    (void)pid_of(&result);
    pool_free(pool);
}

static int make_memory(void **state)
{
    (void)state;
    memory = mem_pool_new(UINT64_C(1) << 28, -1);
    return 0;
}

static int drop_memory(void **state)
{
    (void)state;
    mem_pool_free(memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_worker_goes_on_to_the_next_job),
        cmocka_unit_test(test_alone_is_a_process_of_its_own),
        cmocka_unit_test(test_a_crash_belongs_to_its_job_and_ends_nothing_else),
        cmocka_unit_test(test_a_large_answer_comes_whole),
        cmocka_unit_test(test_a_signal_is_told_and_ends_no_one),
    };
    return cmocka_run_group_tests(tests, make_memory, drop_memory);
}
