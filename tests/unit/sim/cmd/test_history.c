/* `quorate history check` from outside: its exits and its words. */
#include "program.h"

#define PUT_1 \
    "{\"client\":\"ann\",\"op\":\"put\",\"key\":\"x\",\"value\":\"1\",\"call\":1,\"return\":2}\n"
#define PUT_2 \
    "{\"client\":\"bob\",\"op\":\"put\",\"key\":\"x\",\"value\":\"2\",\"call\":3,\"return\":4}\n"
#define GET(VALUE)                                                              \
    "{\"client\":\"eve\",\"op\":\"get\",\"key\":\"x\",\"call\":5,\"return\":6," \
    "\"kvs\":[{\"key\":\"x\",\"value\":\"" VALUE "\"}]}\n"

static void test_a_linearizable_history_exits_0(void **state)
{
    (void)state;
    write_file("good", PUT_1 PUT_2 GET("2"));
    assert_int_equal(quorate("history check good"), 0);
    assert_says("good: 3 requests, 3 answered, 0 unknown; by revisions not told, by values "
                "possible");
    assert_says("\nlinearizable\n");
}

static void test_a_history_that_is_not_exits_1_and_says_why(void **state)
{
    (void)state;
    write_file("bad", PUT_1 PUT_2 GET("1"));
    assert_int_equal(quorate("history check bad"), 1);
    assert_says("NOT linearizable");
    assert_says("  bob  put x 2  called");
    assert_says("  eve  get x  called");
}

static void test_a_history_without_answers_is_undecided(void **state)
{
    (void)state;
    write_file("empty", "\n");
    assert_int_equal(quorate("history check empty"), 6);
    assert_says("undecided: no request was answered");
}

static void test_mistakes_exit_2(void **state)
{
    (void)state;
    write_file("broken", PUT_1 "{\"op\":\n");
    assert_int_equal(quorate("history check broken"), 2);
    assert_says("quorate: broken: line 2: ");
    assert_int_equal(quorate("history check missing"), 2);
    assert_says("quorate: missing: No such file or directory");
    assert_int_equal(quorate("history check"), 2);
    assert_says("usage: quorate history check FILE");
    assert_int_equal(quorate("history --help"), 0);
    assert_says("Could one copy of a key-value store");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_linearizable_history_exits_0),
        cmocka_unit_test(test_a_history_that_is_not_exits_1_and_says_why),
        cmocka_unit_test(test_a_history_without_answers_is_undecided),
        cmocka_unit_test(test_mistakes_exit_2),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
