/* A campaign that is told to end keeps what is done, and says what is not. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "campaign/campaign.h"

struct listener {
    struct campaign_sink sink; /* first */
    uint64_t done;             /* when the signal was sent; 0: not yet */
    uint64_t told;             /* of the last call */
};

static void on_progress(struct campaign_sink *sink, const struct campaign_progress *progress)
{
    struct listener *listener = (struct listener *)sink;
    assert_true(progress->done >= listener->told && progress->total == 1000000);
    listener->told = progress->done;
    if (progress->done > 0 && listener->done == 0) {
        listener->done = progress->done;
        raise(SIGTERM);
    }
}

static void test_a_signal_keeps_what_is_done(void **state)
{
    char path[] = "quorate-signal-XXXXXX.yaml";
    int fd = mkstemps(path, 5);
    static const char text[] = "version: 1\nscenario: one\nmembers: [n1]\n"
                               "timeline:\n  - {at: 1s, ctl: put color blue, expect: ok}\n";
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 28, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct listener listener = {{on_progress}, 0, 0};
    struct campaign_options options = {.seed_first = 1,
                                       .seed_last = 1000000,
                                       .jobs = 2,
                                       .shard = 1,
                                       .shards = 1,
                                       .build = "test",
                                       .sink = &listener.sink};
    struct buf out;
    struct buf why;
    (void)state;
    assert_true(fd >= 0 && write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1);
    assert_int_equal(close(fd), 0);
    buf_init(&out, mem);
    buf_init(&why, mem);
    struct campaign *c = campaign_new(mem, &options);
    int err = campaign_add(c, path, &why);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(err, 0);
    assert_int_equal(campaign_go(c, &why), 0);
    campaign_tell(c, false, &out);
    assert_int_equal(campaign_exit(c), 0);
    assert_true(listener.done > 0 && listener.told >= listener.done && listener.told < 1000000);
    assert_non_null(strstr(buf_cstr(&out), "stopped by a signal: "));
    assert_non_null(strstr(buf_cstr(&out), " of 1 000 000 runs done (seeds 1.."));
    assert_non_null(strstr(buf_cstr(&out), " NOT run\n"));
    campaign_free(c);
    buf_fini(&out);
    buf_fini(&why);
    assert_int_equal(mem->count, 0);
    mem_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_keeps_what_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
