/* The black box: by values alone, what one copy of the keys could have answered is accepted, and
 * nothing else; on small histories it agrees with trying every order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "check/box.h"

static struct mem_pool *pool;
static struct history *h;
static struct box_verdict verdict;

static void begin(void)
{
    history_free(h);
    h = history_new(mem_pool_mem(pool));
}

static int setup(void **state)
{
    (void)state;
    pool = mem_pool_new(UINT64_C(1) << 30, -1);
    h = history_new(mem_pool_mem(pool));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    history_free(h);
    struct mem *mem = mem_pool_mem(pool);
    assert_int_equal(mem->bytes, 0);
    h = NULL;
    mem_pool_free(pool);
    return 0;
}

#define unit(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* ret 0: unknown, below 0: refused. */
static enum history_outcome outcome_of(int64_t ret)
{
    return ret > 0 ? HISTORY_OK : ret == 0 ? HISTORY_UNKNOWN : HISTORY_REFUSED;
}

static void put(const char *key, const char *value, int64_t call, int64_t ret)
{
    const struct history_op op = {.client = "c1",
                                  .kind = HISTORY_PUT,
                                  .outcome = outcome_of(ret),
                                  .key = slice_str(key),
                                  .value = slice_str(value),
                                  .call_ns = call,
                                  .return_ns = ret};
    history_add(h, &op);
}

static void del(const char *key, const char *end, size_t count, int64_t call, int64_t ret)
{
    const struct history_op op = {.client = "c2",
                                  .kind = HISTORY_DELETE,
                                  .outcome = outcome_of(ret),
                                  .key = slice_str(key),
                                  .end = slice_str(end),
                                  .count = count,
                                  .call_ns = call,
                                  .return_ns = ret};
    history_add(h, &op);
}

/* shown: "a=1 b=2", of keys and values of one letter. */
static void range(const char *key, const char *end, const char *shown, int64_t call, int64_t ret,
                  bool serializable)
{
    struct history_kv kvs[8];
    size_t count = 0;
    for (const char *at = shown; *at != '\0'; at += at[3] == ' ' ? 4 : 3) {
        kvs[count++] = (struct history_kv){.key = slice_of(at, 1), .value = slice_of(at + 2, 1)};
    }
    const struct history_op op = {.client = "c3",
                                  .kind = HISTORY_RANGE,
                                  .serializable = serializable,
                                  .key = slice_str(key),
                                  .end = slice_str(end),
                                  .kvs = kvs,
                                  .count = count,
                                  .call_ns = call,
                                  .return_ns = ret};
    history_add(h, &op);
}

static void get(const char *key, const char *shown, int64_t call, int64_t ret)
{
    range(key, "", shown, call, ret, false);
}

static void expect(enum box_result result)
{
    const struct box_limits limits = box_limits_default();
    box_check(h, &limits, &verdict);
    if (verdict.result != result) {
        print_error("%s\n", verdict.text);
    }
    assert_int_equal(verdict.result, result);
    assert_int_equal(verdict.text[0] == '\0', result == BOX_ACCEPTS);
}

static void test_a_plain_history_is_accepted(void **state)
{
    (void)state;
    put("x", "1", 10, 20);
    get("x", "x=1", 30, 40);
    put("y", "1", 35, 60);
    get("y", "", 36, 50);
    del("x", "", 1, 70, 80);
    get("x", "", 90, 95);
    del("x", "", 0, 96, 97);
    expect(BOX_ACCEPTS);
    assert_int_equal(verdict.parts, 2);
}

static void test_a_stale_read_is_rejected_with_the_requests(void **state)
{
    (void)state;
    put("x", "1", 10, 20);
    put("x", "2", 30, 40);
    get("x", "x=1", 50, 60);
    expect(BOX_REJECTS);
    assert_non_null(strstr(verdict.text, "of 3 that depend on each other, at best 1 fit"));
    assert_non_null(strstr(verdict.text,
                           "with x being \"1\", which the second has still to see\n  c1  put x 2"));
}

static void test_a_lost_write_is_rejected(void **state)
{
    (void)state;
    put("x", "1", 10, 20);
    get("x", "", 30, 40);
    expect(BOX_REJECTS);
}

static void test_two_reads_must_agree_on_an_order(void **state)
{
    (void)state;
    put("x", "1", 10, 100);
    put("x", "2", 10, 100);
    get("x", "x=1", 20, 30);
    get("x", "x=2", 40, 50);
    expect(BOX_ACCEPTS);
    get("x", "x=1", 60, 70);
    expect(BOX_REJECTS);
}

static void test_an_unknown_write_takes_effect_later_once_or_never(void **state)
{
    (void)state;
    put("x", "1", 10, 20);
    put("x", "2", 30, 0);
    get("x", "x=1", 40, 50);
    expect(BOX_ACCEPTS);
    get("x", "x=2", 60, 70);
    put("x", "3", 80, 90);
    expect(BOX_ACCEPTS);
    get("x", "x=2", 100, 110);
    expect(BOX_REJECTS);
}

static void test_a_refused_write_has_no_effect(void **state)
{
    (void)state;
    put("x", "1", 10, -1);
    get("x", "", 20, 30);
    expect(BOX_ACCEPTS);
    get("x", "x=1", 40, 50);
    expect(BOX_REJECTS);
    assert_non_null(strstr(verdict.text, "no request can have written"));
}

static void test_an_unknown_delete_explains_a_missing_key(void **state)
{
    (void)state;
    put("x", "1", 10, 20);
    del("a", "z", 0, 15, 0);
    get("x", "x=1", 30, 40);
    get("x", "", 50, 60);
    expect(BOX_ACCEPTS);
    get("x", "x=1", 70, 80);
    expect(BOX_REJECTS);
}

static void test_a_delete_must_count_what_is_there(void **state)
{
    (void)state;
    put("a", "1", 10, 20);
    put("b", "1", 15, 40);
    del("a", "c", 1, 30, 35);
    expect(BOX_ACCEPTS);
    del("a", "c", 2, 50, 60);
    expect(BOX_REJECTS);
}

static void test_a_range_joins_keys(void **state)
{
    (void)state;
    put("a", "1", 10, 100);
    put("b", "1", 10, 100);
    range("a", "c", "a=1", 20, 90, false);
    expect(BOX_ACCEPTS);
    assert_int_equal(verdict.parts, 1);
    range("a", "c", "b=1", 20, 90, false);
    expect(BOX_REJECTS);
}

static void test_keys_apart_are_judged_apart(void **state)
{
    (void)state;
    put("a", "1", 10, 100);
    put("b", "1", 10, 100);
    get("a", "", 20, 90);
    get("b", "b=1", 20, 90);
    expect(BOX_ACCEPTS);
    assert_int_equal(verdict.parts, 2);
}

static void test_keys_outside_of_the_range_are_rejected(void **state)
{
    (void)state;
    put("b", "1", 10, 20);
    get("a", "b=1", 30, 40);
    expect(BOX_REJECTS);
}

static void test_a_serializable_read_shows_any_state_that_was(void **state)
{
    (void)state;
    put("x", "1", 10, 20);
    put("x", "2", 30, 40);
    range("x", "", "x=1", 50, 60, true);
    range("x", "", "", 50, 60, true);
    range("x", "y", "x=1", 50, 60, true);
    expect(BOX_ACCEPTS);
    range("x", "", "x=3", 50, 60, true);
    put("x", "3", 70, 80);
    expect(BOX_REJECTS);
}

static void test_a_search_at_its_limit_decides_nothing(void **state)
{
    (void)state;
    char key[2] = "a";
    for (int i = 0; i < 12; i++, key[0]++) {
        put(key, "1", 10, 0);
    }
    del("a", "z", 13, 20, 30);
    range("a", "z", "", 40, 50, false);
    const struct box_limits limits = {.steps = 1000000, .states = 64, .wants = 100};
    box_check(h, &limits, &verdict);
    assert_int_equal(verdict.result, BOX_UNDECIDED);
    assert_non_null(strstr(verdict.text, "limit"));
    assert_true(verdict.states <= 64);
    const struct box_limits quick = {.steps = 100, .states = 10000, .wants = 100};
    box_check(h, &quick, &verdict);
    assert_int_equal(verdict.result, BOX_UNDECIDED);
    const struct box_limits narrow = {.steps = 1000000, .states = 10000, .wants = 3};
    box_check(h, &narrow, &verdict);
    assert_int_equal(verdict.result, BOX_UNDECIDED);
    expect(BOX_REJECTS);
}

static void test_many_open_writes_of_an_outage_cost_little(void **state)
{
    (void)state;
    char value[2] = "A";
    for (int i = 0; i < 50; i++, value[0]++) {
        char shown[4] = {'x', '=', value[0], '\0'};
        put("x", value, 10, i % 2 == 0 ? 0 : 2000);
        if (i % 3 == 0) {
            get("x", shown, 1000 + 4 * i, 1001 + 4 * i);
        }
    }
    expect(BOX_ACCEPTS);
    assert_true(verdict.steps < 100000);
    get("x", "x=A", 3000, 3001);
    expect(BOX_REJECTS);
    assert_true(verdict.steps < 1000000);
}

/* Small random histories, against every order there is. */

#define TINY_MAX 7
#define KEYS     3

struct tiny {
    enum history_kind kind;
    int64_t call;
    int64_t ret; /* INT64_MAX: unknown */
    int first;   /* keys */
    int last;
    char value;
    char shown[KEYS]; /* 0: absent */
    int count;
    bool serial;
};

static struct tiny tiny[TINY_MAX];
static int tiny_count;

static bool run_tiny(struct tiny *op, char *keys, bool ask)
{
    int present = 0;
    for (int k = op->first; k < op->last; k++) {
        present += keys[k] != 0;
    }
    if (op->kind == HISTORY_PUT) {
        keys[op->first] = op->value;
        return true;
    }
    bool fits = true;
    if (op->kind == HISTORY_DELETE) {
        fits = op->count == present || op->ret == INT64_MAX;
        op->count = ask ? present : op->count;
    }
    for (int k = op->first; k < op->last; k++) {
        if (op->kind == HISTORY_DELETE) {
            keys[k] = 0;
        } else if (ask) {
            op->shown[k] = keys[k];
        } else {
            fits = fits && op->shown[k] == keys[k];
        }
    }
    return fits;
}

static bool any_order(unsigned done, const char *keys)
{
    bool complete = true;
    int64_t horizon = INT64_MAX;
    for (int i = 0; i < tiny_count; i++) {
        if ((done >> i & 1) == 0 && tiny[i].ret != INT64_MAX) {
            complete = false;
            horizon = tiny[i].ret < horizon ? tiny[i].ret : horizon;
        }
    }
    for (int i = 0; i < tiny_count && !complete; i++) {
        char after[KEYS];
        memcpy(after, keys, KEYS);
        if ((done >> i & 1) == 0 && (tiny[i].serial || tiny[i].call <= horizon) &&
            run_tiny(&tiny[i], after, false)) {
            complete = any_order(done | 1U << i, after);
        }
    }
    return complete;
}

static void make_tiny(struct rng *rng)
{
    tiny_count = 2 + (int)rng_below(rng, TINY_MAX - 1);
    for (int i = 0; i < tiny_count; i++) {
        struct tiny *op = &tiny[i];
        memset(op, 0, sizeof(*op));
        uint64_t dice = rng_below(rng, 10);
        op->kind = dice < 4 ? HISTORY_PUT : dice < 6 ? HISTORY_DELETE : HISTORY_RANGE;
        op->first = (int)rng_below(rng, KEYS);
        op->last = op->first + 1;
        if (op->kind != HISTORY_PUT && rng_chance(rng, 400000)) {
            op->last += (int)rng_below(rng, (uint64_t)(KEYS - op->first));
        }
        op->value = (char)('1' + rng_below(rng, 3));
        op->call = rng_range(rng, 1, 20);
        op->ret = op->call + rng_range(rng, 0, 15);
        op->serial = op->kind == HISTORY_RANGE && rng_chance(rng, 200000);
    }
    /* What each gets: they take effect in the order of random instants inside them. */
    char keys[KEYS] = {0};
    int64_t at[TINY_MAX];
    for (int i = 0; i < tiny_count; i++) {
        at[i] = rng_range(rng, tiny[i].call, tiny[i].ret);
    }
    for (int64_t now = 0; now < 40; now++) {
        for (int i = 0; i < tiny_count; i++) {
            if (at[i] == now) {
                run_tiny(&tiny[i], keys, true);
            }
        }
    }
    for (int i = 0; i < tiny_count; i++) {
        if (tiny[i].kind != HISTORY_RANGE && rng_chance(rng, 250000)) {
            tiny[i].ret = INT64_MAX;
        }
    }
    uint64_t spoil = rng_below(rng, (uint64_t)tiny_count * 2);
    if (spoil < (uint64_t)tiny_count) {
        struct tiny *op = &tiny[spoil];
        op->shown[op->first] = (char)(rng_chance(rng, 300000) ? 0 : '1' + rng_below(rng, 3));
        op->count = (int)rng_below(rng, 3);
        op->value = (char)('1' + rng_below(rng, 3));
    }
}

static void tell_tiny(void)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    begin();
    for (int i = 0; i < tiny_count; i++) {
        const struct tiny *op = &tiny[i];
        int64_t ret = op->ret == INT64_MAX ? 0 : op->ret;
        const char *end = op->last == op->first + 1 ? "" : names[op->last];
        char value[2] = {op->value, '\0'};
        char shown[4 * KEYS + 1] = "";
        for (int k = op->first; k < op->last; k++) {
            size_t len = strlen(shown);
            if (op->shown[k] != 0) {
                snprintf(shown + len, sizeof(shown) - len, "%s%s=%c", len > 0 ? " " : "", names[k],
                         op->shown[k]);
            }
        }
        if (op->kind == HISTORY_PUT) {
            put(names[op->first], value, op->call, ret);
        } else if (op->kind == HISTORY_DELETE) {
            del(names[op->first], end, (size_t)op->count, op->call, ret);
        } else {
            range(names[op->first], end, shown, op->call, ret, op->serial);
        }
    }
}

static void test_small_histories_agree_with_trying_every_order(void **state)
{
    const struct box_limits limits = box_limits_default();
    (void)state;
    int accepted = 0;
    int rejected = 0;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct rng rng = rng_stream(seed, "tiny", 0);
        const char keys[KEYS] = {0};
        make_tiny(&rng);
        tell_tiny();
        bool good = any_order(0, keys);
        box_check(h, &limits, &verdict);
        if (verdict.result != (good ? BOX_ACCEPTS : BOX_REJECTS)) {
            fail_msg("seed %llu: %s, but %s", (unsigned long long)seed,
                     good ? "some order fits" : "no order fits", verdict.text);
        }
        accepted += good;
        rejected += !good;
    }
    assert_true(accepted > 5000);
    assert_true(rejected > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_a_plain_history_is_accepted),
        unit(test_a_stale_read_is_rejected_with_the_requests),
        unit(test_a_lost_write_is_rejected),
        unit(test_two_reads_must_agree_on_an_order),
        unit(test_an_unknown_write_takes_effect_later_once_or_never),
        unit(test_a_refused_write_has_no_effect),
        unit(test_an_unknown_delete_explains_a_missing_key),
        unit(test_a_delete_must_count_what_is_there),
        unit(test_a_range_joins_keys),
        unit(test_keys_apart_are_judged_apart),
        unit(test_keys_outside_of_the_range_are_rejected),
        unit(test_a_serializable_read_shows_any_state_that_was),
        unit(test_a_search_at_its_limit_decides_nothing),
        unit(test_many_open_writes_of_an_outage_cost_little),
        unit(test_small_histories_agree_with_trying_every_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
