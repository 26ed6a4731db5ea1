#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

/* RFC 3720, appendix B.4. */
static void test_crc32c_of_the_rfc_vectors(void **state)
{
    uint8_t bytes[32] = {0};
    (void)state;
    assert_int_equal(crc32c(0, bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, sizeof(bytes));
    assert_int_equal(crc32c(0, bytes, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)i;
    }
    assert_int_equal(crc32c(0, bytes, 32), 0x46DD794E);
}

static void test_crc32c_continues_at_any_cut(void **state)
{
    const char *text = "the same bytes, cut anywhere, have the same checksum";
    size_t len = strlen(text);
    uint32_t whole = crc32c(0, text, len);
    (void)state;
    for (size_t cut = 0; cut <= len; cut++) {
        assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, len - cut), whole);
    }
}

static void test_hash64_is_xxh64(void **state)
{
    (void)state;
    assert_true(hash64("", 0, 0) == UINT64_C(0xEF46DB3751D8E999));
    assert_true(hash64("abc", 3, 0) == UINT64_C(0x44BC2CF5AD770999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c_of_the_rfc_vectors),
        cmocka_unit_test(test_crc32c_continues_at_any_cut),
        cmocka_unit_test(test_hash64_is_xxh64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
