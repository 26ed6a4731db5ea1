#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/json_read.h"
#include "base/rng.h"

/* The tokens as letters: { } [ ] k s n t f 0, `$` for a complete value, `!` for a mistake. */
static void tokens(const char *json, char *out, size_t size)
{
    static const char letters[] = "!${}[]ksntf0";
    struct json_reader r;
    size_t n = 0;
    json_reader_init(&r, slice_str(json));
    do {
        enum json_token token = json_next(&r);
        assert_true(n + 2 < size);
        out[n++] = letters[token];
    } while (r.token != JSON_BAD && r.token != JSON_END);
    out[n] = '\0';
    assert_int_equal(json_next(&r), r.token);
}

static void expect(const char *json, const char *expected)
{
    char got[128];
    tokens(json, got, sizeof(got));
    assert_string_equal(got, expected);
}

static void test_well_formed_values(void **state)
{
    (void)state;
    expect("{}", "{}$");
    expect(" [ ] ", "[]$");
    expect("[1,-2.5e+3,\"x\",true,false,null]", "[nnstf0]$");
    expect("{\"a\":{\"b\":[{}]},\"c\" : 0 }", "{k{k[{}]}kn}$");
    expect("\"alone\"", "s$");
    expect("0", "n$");
    expect("[\"\\u00e9\\\"\\\\\"]", "[s]$");
}

static void test_mistakes_are_final(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      " ",     "{",     "}",   "[1,]",    "{\"a\"}",   "{\"a\":}",     "{\"a\":1,}",
        "{1:2}", "[1 2]", "[}",    "{]",  "01",      "-",         "1.",           "1e",
        "+1",    "nul",   "truex", "\"",  "\"\\x\"", "\"\\u12\"", "\"\n\"",       "\"\xFF\"",
        "[],",   "{} {}", "[,1]",  "{,}", "'a'",     "//",        "\"\xC0\xAF\"",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char got[128];
        tokens(bad[i], got, sizeof(got));
        assert_int_equal(got[strlen(got) - 1], '!');
    }
}

static void test_nesting_is_bounded(void **state)
{
    (void)state;
    char json[2 * JSON_READ_DEPTH_MAX + 3];
    for (size_t depth = JSON_READ_DEPTH_MAX; depth <= JSON_READ_DEPTH_MAX + 1; depth++) {
        char got[128];
        memset(json, '[', depth);
        memset(json + depth, ']', depth);
        json[2 * depth] = '\0';
        tokens(json, got, sizeof(got));
        assert_int_equal(got[strlen(got) - 1], depth > JSON_READ_DEPTH_MAX ? '!' : '$');
    }
}

static void test_integers_are_exact(void **state)
{
    (void)state;
    uint64_t v = 0;
    struct json_reader r;
    json_reader_init(&r, slice_str("[18446744073709551615,18446744073709551616,-1,1.0,1e2,\"7\"]"));
    assert_int_equal(json_next(&r), JSON_ARRAY);
    assert_int_equal(json_next(&r), JSON_NUMBER);
    assert_int_equal(json_to_u64(&r, &v), 0);
    assert_true(v == UINT64_MAX);
    for (int i = 0; i < 5; i++) {
        json_next(&r);
        assert_int_equal(json_to_u64(&r, &v), ERR_PROTO);
    }
    assert_int_equal(json_next(&r), JSON_ARRAY_END);
}

static void test_escapes_are_resolved(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct buf out;
    struct json_reader r;
    buf_init(&out, mem_pool_mem(pool));
    json_reader_init(&r, slice_str("[\"a\\n\\t\\/\\\\\\\"\\u00e9\\u20ac\\ud83d\\ude00z\","
                                   "\"\\ud83d\",\"\\ude00\",\"\\ud83d\\u0041\"]"));
    json_next(&r);
    assert_int_equal(json_next(&r), JSON_STRING);
    assert_int_equal(json_text(&r, &out), 0);
    assert_string_equal(buf_cstr(&out), "a\n\t/\\\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(json_next(&r), JSON_STRING);
        assert_int_equal(json_text(&r, &out), ERR_PROTO);
    }
    buf_fini(&out);
    mem_pool_free(pool);
}

static void test_skip_passes_over_one_value(void **state)
{
    (void)state;
    struct json_reader r;
    json_reader_init(&r, slice_str("{\"a\":{\"x\":[1,{}]},\"b\":2,\"c\":[]}"));
    assert_int_equal(json_next(&r), JSON_OBJECT);
    for (const char *key = "abc"; *key != '\0'; key++) {
        char text[2] = {*key, '\0'};
        assert_int_equal(json_next(&r), JSON_KEY);
        assert_true(json_text_is(&r, text));
        assert_int_equal(json_skip(&r), 0);
    }
    assert_int_equal(json_next(&r), JSON_OBJECT_END);
    assert_int_equal(json_next(&r), JSON_END);
    assert_int_equal(json_skip(&r), ERR_PROTO);
    json_reader_init(&r, slice_str("{\"a\":[1,"));
    json_next(&r);
    json_next(&r);
    assert_int_equal(json_skip(&r), ERR_PROTO);
}

/* What the writer wrote, the reader reads. */
static void test_reader_and_writer_agree(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct rng rng = rng_stream(1, "test.json", 0);
    struct buf json;
    struct buf text;
    buf_init(&json, mem_pool_mem(pool));
    buf_init(&text, mem_pool_mem(pool));
    for (int i = 0; i < 2000; i++) {
        char string[16];
        size_t len = (size_t)rng_below(&rng, sizeof(string));
        for (size_t j = 0; j < len; j++) {
            string[j] = (char)rng_below(&rng, 0x80);
        }
        uint64_t number = rng_u64(&rng);
        uint64_t got = 0;
        struct json w;
        struct json_reader r;
        buf_clear(&json);
        buf_clear(&text);
        json_init(&w, &json);
        json_array(&w);
        json_str(&w, slice_of(string, len));
        json_u64(&w, number);
        json_array_end(&w);
        json_reader_init(&r, buf_slice(&json));
        assert_int_equal(json_next(&r), JSON_ARRAY);
        assert_int_equal(json_next(&r), JSON_STRING);
        assert_int_equal(json_text(&r, &text), 0);
        assert_true(slice_eq(buf_slice(&text), slice_of(string, len)));
        assert_int_equal(json_next(&r), JSON_NUMBER);
        assert_int_equal(json_to_u64(&r, &got), 0);
        assert_true(got == number);
        assert_int_equal(json_next(&r), JSON_ARRAY_END);
        assert_int_equal(json_next(&r), JSON_END);
    }
    buf_fini(&json);
    buf_fini(&text);
    mem_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well_formed_values),
        cmocka_unit_test(test_mistakes_are_final),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_integers_are_exact),
        cmocka_unit_test(test_escapes_are_resolved),
        cmocka_unit_test(test_skip_passes_over_one_value),
        cmocka_unit_test(test_reader_and_writer_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
