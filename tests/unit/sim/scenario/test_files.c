/* Whole files: the examples of scenarios/README.md are read, and each file of `broken` is refused
 * with the message that its first lines tell (`# LINE:COLUMN: text`; the file is read with them).
 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parse.h"

#define BROKEN     "tests/unit/sim/scenario/broken/"
#define MANUAL     "scenarios/README.md"
#define BYTES_MAX  (64 * 1024)
#define BROKEN_MIN 50

static char *read_all(const char *path)
{
    char *text = malloc(BYTES_MAX);
    FILE *file = fopen(path, "r");
    assert_non_null(text);
    assert_non_null(file);
    size_t len = fread(text, 1, BYTES_MAX - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

static void test_every_example_of_the_manual_is_read(void **state)
{
    static const char fence[] = "```yaml\n";
    char *text = read_all(MANUAL);
    size_t examples = 0;
    (void)state;
    for (char *at = strstr(text, fence); at != NULL; at = strstr(at, fence)) {
        at += sizeof(fence) - 1;
        char *end = strstr(at, "```");
        assert_non_null(end);
        *end = '\0';
        struct parsed p = parse(at);
        if (p.s == NULL) {
            print_error("%s%s", at, buf_cstr(&p.mistakes));
        }
        assert_non_null(p.s);
        parsed_free(&p);
        examples++;
        at = end + 3;
    }
    assert_true(examples >= 10);
    free(text);
}

/* "# 4:5: text" lines become "t.yaml:4:5: text" lines. */
static void expected_of(const char *text, struct buf *out)
{
    while (strncmp(text, "# ", 2) == 0) {
        const char *end = strchr(text, '\n');
        assert_non_null(end);
        buf_add_str(out, "t.yaml:");
        buf_add_slice(out, slice_of(text + 2, (size_t)(end + 1 - text) - 2));
        text = end + 1;
    }
}

static void check_broken(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), BROKEN "%s", name);
    char *text = read_all(path);
    struct parsed p = parse(text);
    struct buf expected;
    buf_init(&expected, mem_pool_mem(p.pool));
    expected_of(text, &expected);
    if (p.s != NULL || strcmp(buf_cstr(&p.mistakes), buf_cstr(&expected)) != 0) {
        print_error("%s\n", path);
    }
    assert_null(p.s);
    assert_string_equal(buf_cstr(&p.mistakes), buf_cstr(&expected));
    parsed_free(&p);
    free(text);
}

static void test_each_broken_file_is_refused_in_its_words(void **state)
{
    DIR *dir = opendir(BROKEN);
    size_t count = 0;
    (void)state;
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strstr(e->d_name, ".yaml") != NULL) {
            check_broken(e->d_name);
            count++;
        }
    }
    closedir(dir);
    assert_true(count >= BROKEN_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_example_of_the_manual_is_read),
        cmocka_unit_test(test_each_broken_file_is_refused_in_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
