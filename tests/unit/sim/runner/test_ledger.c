/* The ledger of acknowledged writes: it fires on what is gone or older, and on nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "run.h"

/* "a" and "b" in base64, as quoratectl prints them. */
#define READ                                                                                    \
    "{\"header\":{\"revision\":9},\"kvs\":[{\"key\":\"YQ==\",\"create_revision\":2,"            \
    "\"mod_revision\":5,\"version\":3,\"value\":\"\"},{\"key\":\"Yg==\",\"create_revision\":4," \
    "\"mod_revision\":14,\"version\":1,\"value\":\"\"}],\"count\":2}\n"

struct fixture {
    struct mem_pool *pool;
    struct scenario *s;
    struct run *run;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct run_options options = run_options_default(1);
    struct buf told;
    size_t count = 0;
    *f = (struct fixture){.pool = mem_pool_new(1 << 24, -1)};
    buf_init(&told, mem_pool_mem(f->pool));
    int rv = scenario_parse(slice_str("version: 1\nscenario: t\nmembers: [n1]\nuntil: 1s\n"),
                            "t.yaml", &f->s, &told, &count);
    assert_int_equal(rv, 0);
    f->run = run_new(f->s, &options);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    run_free(f->run);
    scenario_free(f->s);
    mem_pool_free(f->pool);
    return 0;
}

static void told(struct fixture *f, const char *kind, const char *key, int64_t revision,
                 enum load_outcome outcome)
{
    op_add(f->run, (struct op){.client = "c",
                               .kind = kind,
                               .arg = key,
                               .key = key,
                               .service = SERVICE_WRITES,
                               .return_ns = f->run->zero_ns + SEC_NS,
                               .outcome = outcome,
                               .revision = revision,
                               .result = ""});
}

static void expect(struct fixture *f, const char *words)
{
    ledger_judge(f->run, slice_str(READ));
    const struct failure *failure = worst_failure(f->run);
    if (words == NULL) {
        assert_null(failure);
        return;
    }
    assert_non_null(failure);
    assert_int_equal(failure->verdict, VERDICT_UNSAFE);
    assert_string_equal(failure->checker, "durability/acknowledged");
    if (strstr(failure->text, words) == NULL) {
        print_error("%s\n", failure->text);
    }
    assert_non_null(strstr(failure->text, words));
}

static void test_what_is_there_or_was_deleted_is_fine(void **state)
{
    struct fixture *f = *state;
    told(f, "put", "a", 2, LOAD_OK);
    told(f, "put", "a", 5, LOAD_OK);
    told(f, "put", "b", 14, LOAD_OK);
    told(f, "put", "gone", 6, LOAD_OK);
    told(f, "delete", "gone", 7, LOAD_OK);
    told(f, "put", "never", 0, LOAD_UNKNOWN);
    told(f, "put", "perhaps", 8, LOAD_OK);
    told(f, "delete", "perhaps", 0, LOAD_UNKNOWN);
    expect(f, NULL);
}

static void test_a_key_that_is_not_there_was_lost(void **state)
{
    struct fixture *f = *state;
    told(f, "put", "gone", 6, LOAD_OK);
    told(f, "delete", "gone", 5, LOAD_OK); /* before */
    told(f, "delete", "other", 9, LOAD_OK);
    told(f, "delete", "gone", 0, LOAD_REFUSED);
    expect(f,
           "c: put gone, acknowledged 1.000 at revision 6; after the settle phase the key is not "
           "there");
}

static void test_a_key_that_is_older_than_an_acknowledged_put_was_lost(void **state)
{
    struct fixture *f = *state;
    told(f, "put", "a", 8, LOAD_OK);
    expect(f, "the key's newest change is of revision 5");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_there_or_was_deleted_is_fine),
        CASE(test_a_key_that_is_not_there_was_lost),
        CASE(test_a_key_that_is_older_than_an_acknowledged_put_was_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
