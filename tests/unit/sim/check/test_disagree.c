/* The two methods are there to find each other's mistakes; no history shows that, for they agree.
 * So here the black box has a mistake: the linker puts a wrong one in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fmt.h"
#include "check/clients.h"

void __real_box_check(const struct history *h, const struct box_limits *limits,
                      struct box_verdict *v);
void __wrap_box_check(const struct history *h, const struct box_limits *limits,
                      struct box_verdict *v);

static bool mistaken;

void __wrap_box_check(const struct history *h, const struct box_limits *limits,
                      struct box_verdict *v)
{
    __real_box_check(h, limits, v);
    if (mistaken) {
        v->result = BOX_REJECTS;
        v->shown[0] = 0;
        v->shown_count = 1;
        fmt(v->text, sizeof(v->text), "no order of the requests explains the values");
    }
}

static void test_a_black_box_that_rejects_what_the_witness_accepts_fails_the_run(void **state)
{
    static const char text[] = "{\"op\":\"put\",\"key\":\"x\",\"value\":\"1\",\"call\":10,"
                               "\"return\":20,\"revision\":2,\"member\":7}\n";
    const struct box_limits limits = box_limits_default();
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 28, -1);
    struct history *h = history_new(mem_pool_mem(pool));
    static struct clients_verdict v;
    struct buf mistake;
    (void)state;
    buf_init(&mistake, mem_pool_mem(pool));
    assert_int_equal(history_read(h, slice_str(text), &mistake), 0);
    clients_check(h, &limits, &v);
    assert_int_equal(v.result, HISTORY_LINEARIZABLE);
    mistaken = true;
    clients_check(h, &limits, &v);
    assert_int_equal(v.result, HISTORY_VIOLATED);
    assert_string_equal(v.checker, "linearizability");
    assert_string_equal(v.rule, "methods-disagree");
    assert_non_null(strstr(v.text, "one of the two methods is wrong"));
    assert_string_equal(v.methods, "by revisions linearizable, by values impossible");
    assert_int_equal(v.shown_count, 1);
    buf_fini(&mistake);
    history_free(h);
    mem_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_black_box_that_rejects_what_the_witness_accepts_fails_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
