/* Runs programs for tests of what they print, which are in a folder of their own while they run. */
#ifndef TESTS_CMD_PROGRAM_H
#define TESTS_CMD_PROGRAM_H

#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char output[1 << 21];

/* Runs a command line; its exit code. stdout and stderr are in `output`. */
static inline int shell(const char *format, ...)
{
    char command[2048];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    assert_in_range(len, 1, sizeof(command) - 6);
    strcat(command, " 2>&1");
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t read = fread(output, 1, sizeof(output) - 1, pipe);
    output[read] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#ifdef QUORATE_BIN
/* The program with these words. */
static inline int quorate(const char *words)
{
    return shell("%s %s", QUORATE_BIN, words);
}
#endif

static inline void assert_says(const char *words)
{
    if (strstr(output, words) == NULL) {
        print_error("missing: %s\nin: %s\n", words, output);
    }
    assert_non_null(strstr(output, words));
}

static inline void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* What follows this word on its line. */
static inline void take_after(const char *word, char *into, size_t size)
{
    const char *at = strstr(output, word);
    assert_non_null(at);
    at += strlen(word);
    size_t len = strcspn(at, "\n\"");
    assert_true(len < size);
    memcpy(into, at, len);
    into[len] = '\0';
}

static inline int enter_folder(void **state)
{
    static char folder[] = "quorate-test-XXXXXX";
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static inline int leave_folder(void **state)
{
    char path[4096];
    char command[4200];
    (void)state;
    if (getcwd(path, sizeof(path)) == NULL || chdir("..") != 0 ||
        strstr(path, "quorate-test-") == NULL) {
        return -1;
    }
    snprintf(command, sizeof(command), "rm -r '%s'", path);
    return system(command);
}

#endif
