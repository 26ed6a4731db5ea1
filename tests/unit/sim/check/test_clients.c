/* What is judged of clients' histories at the end: two methods, the serializable reads, and that
 * nothing happens twice. The histories are read from text, as `quorate history check` does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "check/clients.h"

static struct mem_pool *pool;
static struct history *h;
static struct clients_verdict verdict;

static int setup(void **state)
{
    (void)state;
    pool = mem_pool_new(UINT64_C(1) << 28, -1);
    h = history_new(mem_pool_mem(pool));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    history_free(h);
    assert_int_equal(mem_pool_mem(pool)->bytes, 0);
    mem_pool_free(pool);
    return 0;
}

#define unit(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static int try_read(const char *text, struct buf *mistake)
{
    char json[4096];
    size_t len = strlen(text);
    assert_true(len < sizeof(json));
    for (size_t i = 0; i <= len; i++) {
        json[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    }
    return history_read(h, slice_str(json), mistake);
}

/* Adds these lines, with ' for ". */
static void add(const char *text)
{
    struct buf mistake;
    buf_init(&mistake, mem_pool_mem(pool));
    if (try_read(text, &mistake) != 0) {
        fail_msg("%s", buf_cstr(&mistake));
    }
    buf_fini(&mistake);
}

static void judge(void)
{
    const struct box_limits limits = box_limits_default();
    clients_check(h, &limits, &verdict);
}

static void expect_good(void)
{
    judge();
    if (verdict.result != HISTORY_LINEARIZABLE) {
        print_error("%s\n", verdict.text);
    }
    assert_int_equal(verdict.result, HISTORY_LINEARIZABLE);
    assert_string_equal(verdict.checker, "");
    assert_string_equal(verdict.rule, "");
    assert_string_equal(verdict.text, "");
}

static void expect_bad(const char *checker, const char *rule, const char *words)
{
    judge();
    assert_int_equal(verdict.result, HISTORY_VIOLATED);
    assert_string_equal(verdict.checker, checker);
    assert_string_equal(verdict.rule, rule);
    if (strstr(verdict.text, words) == NULL) {
        print_error("missing: %s\nin: %s\n", words, verdict.text);
    }
    assert_non_null(strstr(verdict.text, words));
    assert_true(verdict.shown_count > 0 && verdict.shown[0] < history_count(h));
}

#define PUT_1 "{'op':'put','key':'x','value':'1','call':10,'return':20,'revision':2,'member':7}\n"
#define PUT_2 "{'op':'put','key':'x','value':'2','call':30,'return':40,'revision':3,'member':7}\n"

static void test_both_methods_agree_on_a_good_history(void **state)
{
    (void)state;
    add(PUT_1 PUT_2
        "\n{'client':'c','op':'get','key':'x','call':50,'return':60,'revision':3,"
        "'kvs':[{'key':'x','value':'2','create':2,'mod':3,'version':2}]}\n"
        "{'op':'delete','key':'a','end':'z','call':70,'return':80,'deleted':1,'revision':4}\n"
        "{'op':'put','key':'y','value':'3','call':90}");
    expect_good();
    assert_true(verdict.witnessed);
    assert_string_equal(verdict.methods, "by revisions linearizable, by values possible");
    assert_int_equal(verdict.witness.ok, 4);
    assert_int_equal(verdict.witness.unknown, 1);
}

static void test_values_alone_show_a_stale_read(void **state)
{
    (void)state;
    add(PUT_1 PUT_2 "{'op':'get','key':'x','call':50,'return':60,'revision':2,"
                    "'kvs':[{'key':'x','value':'1','create':2,'mod':2,'version':1}]}");
    expect_bad("linearizability", "stale-read", "the values alone show it too");
    assert_string_equal(verdict.methods, "by revisions NOT linearizable, by values impossible");
}

static void test_only_revisions_show_a_wrong_version(void **state)
{
    (void)state;
    add(PUT_1 "{'op':'get','key':'x','call':50,'return':60,'revision':2,"
              "'kvs':[{'key':'x','value':'1','create':2,'mod':2,'version':5}]}");
    expect_bad("linearizability", "wrong-value", "the values alone do not show it");
}

static void test_without_revisions_values_decide(void **state)
{
    (void)state;
    add("{'op':'put','key':'x','value':'1','call':10,'return':20}\n"
        "{'op':'get','key':'x','call':30,'return':40,'kvs':[{'key':'x','value':'1'}]}\n");
    expect_good();
    assert_false(verdict.witnessed);
    assert_string_equal(verdict.methods, "by revisions not told, by values possible");
    add("{'op':'get','key':'x','call':50,'return':60}\n");
    expect_bad("linearizability", "no-order", "with x absent, which the second has still to see\n");
}

static void test_no_answer_decides_nothing(void **state)
{
    (void)state;
    add("{'op':'put','key':'x','value':'1','call':10}\n");
    judge();
    assert_int_equal(verdict.result, HISTORY_UNDECIDED);
    assert_string_equal(verdict.text, "no request was answered");
}

static void test_a_search_at_its_limit_is_undecided_only_without_a_witness(void **state)
{
    (void)state;
    const struct box_limits none = {.steps = 0, .states = 0, .wants = 0};
    add(PUT_1);
    clients_check(h, &none, &verdict);
    assert_int_equal(verdict.result, HISTORY_LINEARIZABLE);
    add("{'op':'put','key':'x','value':'3','call':10,'return':20}\n"
        "{'op':'get','key':'x','call':30,'return':40,'kvs':[{'key':'x','value':'1'}]}\n");
    clients_check(h, &none, &verdict);
    assert_int_equal(verdict.result, HISTORY_UNDECIDED);
    assert_true(strlen(verdict.text) > 0);
}

/* Client: at most once. */

static void test_a_write_that_took_effect_twice(void **state)
{
    (void)state;
    add("{'op':'put','key':'x','value':'1','call':10}\n"
        "{'op':'get','key':'x','call':30,'return':40,'revision':2,"
        "'kvs':[{'key':'x','value':'1','create':2,'mod':2,'version':1}]}");
    expect_good();
    add("{'op':'get','key':'x','call':50,'return':60,'revision':3,"
        "'kvs':[{'key':'x','value':'1','create':2,'mod':3,'version':2}]}");
    expect_bad("client", "twice", "1 request to put this value of x took effect 2 times");
}

static void test_an_acknowledged_write_that_took_effect_again(void **state)
{
    (void)state;
    add(PUT_1 "{'op':'get','key':'x','call':50,'return':60,'revision':3,"
              "'kvs':[{'key':'x','value':'1','create':2,'mod':3,'version':2}]}");
    expect_bad("client", "twice", "at revisions 2 to 3");
}

static void test_two_requests_to_write_the_same_are_two(void **state)
{
    (void)state;
    add(PUT_1 "{'op':'put','key':'x','value':'1','call':21}\n"
              "{'op':'get','key':'x','call':50,'return':60,'revision':3,"
              "'kvs':[{'key':'x','value':'1','create':2,'mod':3,'version':2}]}");
    expect_good();
}

/* Serializable reads. */

#define READ_OLD(MEMBER, CALL, RETURN)                                           \
    "{'op':'get','serializable':true,'key':'x','call':" CALL ",'return':" RETURN \
    ",'revision':2,'member':" MEMBER                                             \
    ",'kvs':[{'key':'x','value':'1','create':2,'mod':2,'version':1}]}\n"
#define READ_NEW(MEMBER, CALL, RETURN)                                           \
    "{'op':'get','serializable':true,'key':'x','call':" CALL ",'return':" RETURN \
    ",'revision':3,'member':" MEMBER                                             \
    ",'kvs':[{'key':'x','value':'2','create':2,'mod':3,'version':2}]}\n"

static void test_members_may_lag_each_at_its_own_pace(void **state)
{
    (void)state;
    add(PUT_1 PUT_2 READ_OLD("8", "50", "60") READ_NEW("7", "50", "60") READ_OLD("8", "70", "80")
            READ_NEW("8", "90", "95"));
    expect_good();
}

static void test_one_member_does_not_go_back(void **state)
{
    (void)state;
    add(PUT_1 PUT_2 READ_NEW("8", "50", "60") READ_OLD("8", "55", "65"));
    expect_good();
    add(READ_OLD("8", "70", "80"));
    expect_bad("serializable-reads", "backwards", "a member answered revision 3");
}

static void test_a_member_that_answered_a_write_has_it(void **state)
{
    (void)state;
    add(PUT_1 PUT_2 READ_OLD("7", "50", "60"));
    expect_bad("serializable-reads", "backwards", "put x 2");
}

static void test_a_restarted_member_may_go_back(void **state)
{
    (void)state;
    add(PUT_1 PUT_2 READ_NEW("8", "50", "60") "{'started':8,'at':65}\n" READ_OLD("8", "70", "80"));
    expect_good();
}

static void test_nobody_sees_the_future(void **state)
{
    (void)state;
    add(PUT_1 READ_NEW("8", "21", "35") PUT_2);
    expect_good();
    add(READ_NEW("9", "21", "29"));
    expect_bad("serializable-reads", "future-read", "was called only after its answer");
}

static void test_a_state_that_never_was(void **state)
{
    (void)state;
    add("{'op':'put','key':'a','value':'1','call':10,'return':20,'revision':2}\n"
        "{'op':'put','key':'b','value':'1','call':30,'return':40,'revision':3}\n"
        "{'op':'get','serializable':true,'key':'a','end':'c','call':50,'return':60,'revision':3,"
        "'kvs':[{'key':'b','value':'1','create':3,'mod':3,'version':1}]}\n");
    expect_bad("linearizability", "lost-write", "the values alone show it too");
}

/* The text. */

static void test_mistakes_are_told_with_their_line(void **state)
{
    static const char *const bad[][2] = {
        {"{'op':'put','key':'x','value':'1','call':10}\n\n{'op':'pot','key':'x','call':1}",
         "line 3: op is put, delete or get"},
        {"{'op':'get','key':'x'}", "line 1: call is missing"},
        {"{'op':'get','call':1}", "line 1: a key is missing"},
        {"{'op':'get','key':'x','call':5,'return':4}", "line 1: its return is before its call"},
        {"{'op':'get','key':'x','call':5,'outcome':'ok'}", "line 1: what is ok has a return"},
        {"{'op':'get','key':'x','call':5,'outcome':'fine'}",
         "line 1: outcome is ok, refused or unknown"},
        {"{'op':'get','key':'x','call':-5}",
         "line 1: a whole number from 0 to below 2^62 is expected"},
        {"{'op':'get','key':7,'call':5}", "line 1: a string is expected"},
        {"{'op':'get','key':'x','call':5,'colour':1}", "line 1: this name is not known"},
        {"{'op':'get','key':'x','call':5,'kvs':[{'value':'1'}]}",
         "line 1: kvs are objects with a key"},
        {"{'op':'get','key':'x','call':5,'kvs':[{'key':'x','lease':1}]}",
         "line 1: kvs have key, value, create, mod and version, and nothing else"},
        {"{'op':'get','key':'x','call':5,'kvs':{}}", "line 1: an array is expected"},
        {"{'op':'get','key':'x','call':5,'serializable':1}", "line 1: true or false is expected"},
        {"{'op':'delete','key':'x','call':5,'return':6}",
         "line 1: an answered delete tells how many keys it deleted"},
        {"{'op':'put','key':'x','end':'y','value':'1','call':5}", "line 1: a put has no end"},
        {"{'op':'put','key':'x','call':5} and", "line 1: a line is one JSON object"},
        {"[]", "line 1: a line is one JSON object"},
        {"put x 1", "line 1: a line is one JSON object"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf mistake;
        buf_init(&mistake, mem_pool_mem(pool));
        assert_int_equal(try_read(bad[i][0], &mistake), ERR_INVALID);
        assert_string_equal(buf_cstr(&mistake), bad[i][1]);
        buf_fini(&mistake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_both_methods_agree_on_a_good_history),
        unit(test_values_alone_show_a_stale_read),
        unit(test_only_revisions_show_a_wrong_version),
        unit(test_without_revisions_values_decide),
        unit(test_no_answer_decides_nothing),
        unit(test_a_search_at_its_limit_is_undecided_only_without_a_witness),
        unit(test_a_write_that_took_effect_twice),
        unit(test_an_acknowledged_write_that_took_effect_again),
        unit(test_two_requests_to_write_the_same_are_two),
        unit(test_members_may_lag_each_at_its_own_pace),
        unit(test_one_member_does_not_go_back),
        unit(test_a_member_that_answered_a_write_has_it),
        unit(test_a_restarted_member_may_go_back),
        unit(test_nobody_sees_the_future),
        unit(test_a_state_that_never_was),
        unit(test_mistakes_are_told_with_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
