/* What clients saw is judged at the end of a run: an answer that cannot be makes it unsafe. */
#include "told.h"

#include "base/duration.h"

static const char text[] = "version: 1\nscenario: t\nmembers: [n1]\nuntil: 10s\n"
                           "probe: {put: 200ms, get: 200ms, get-serializable: 200ms}\n";

/* Somebody gets now what somebody got long ago. */
static void answer_again(struct engine_event *event)
{
    struct fixture *f = container_of(event, struct fixture, event);
    for (size_t i = 0; i < f->run->ops.count; i++) {
        struct op op = f->run->ops.items[i];
        if (op.service == f->service && op.mod != 0) {
            assert_true(op.member != 0);
            op.client = "old";
            op.call_ns = run_now(f->run) - 1;
            op.return_ns = run_now(f->run);
            op_add(f->run, op);
            return;
        }
    }
    fail_msg("no such answer");
}

static void run_with_old_answer(struct fixture *f, enum service service)
{
    setup(f, text, false);
    f->service = service; /* whose first answer comes once more */
    f->event.run = answer_again;
    engine_set(f->run->engine, &f->event, f->run->zero_ns + 8 * SEC_NS);
    go(f);
    assert_int_equal(run_summary(f->run).verdict, VERDICT_UNSAFE);
}

static void test_a_good_run_is_linearizable_by_both_methods(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, text, false);
    go(&f);
    assert_int_equal(run_summary(f.run).verdict, VERDICT_PASS);
    assert_told(&f, "histories  linearizable; two methods agree: by revisions, and by values");
    teardown(&f);
}

static void test_an_old_answer_to_a_linearizable_read_is_stale(void **state)
{
    struct fixture f;
    (void)state;
    run_with_old_answer(&f, SERVICE_LINEARIZABLE);
    assert_string_equal(run_summary(f.run).fingerprint, "linearizability/stale-read");
    assert_told(&f, "the values alone show it too");
    assert_told(&f, "histories  NOT linearizable");
    teardown(&f);
}

static void test_an_old_answer_to_a_serializable_read_goes_backwards(void **state)
{
    struct fixture f;
    (void)state;
    run_with_old_answer(&f, SERVICE_SERIALIZABLE);
    assert_string_equal(run_summary(f.run).fingerprint, "serializable-reads/backwards");
    assert_told(&f, "a member answered revision ");
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_run_is_linearizable_by_both_methods),
        cmocka_unit_test(test_an_old_answer_to_a_linearizable_read_is_stale),
        cmocka_unit_test(test_an_old_answer_to_a_serializable_read_goes_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
