/* uv_world_main, seen from outside: this program runs itself again as the program of a name. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "uv_world/uv_world.h"

/* The programs -------------------------------------------------------------------------------- */

static void start_seven(struct env *env)
{
    env_exit(env, 7, true);
}

static void start_much(struct env *env)
{
    static const char line[] = "0123456789012345678901234567890123456789012345678901234567890\n";
    for (int i = 0; i < 20000; i++) {
        env_print(env, ENV_STDOUT, slice_str(line));
    }
    env_exit(env, 0, true);
}

static void echo(struct env_input *input, struct slice bytes, bool end)
{
    struct env *env = input->data;
    env_print(env, ENV_STDOUT, bytes);
    if (end) {
        env_print(env, ENV_STDOUT, slice_str("<end>"));
        mem_free(env->mem, input);
        env_exit(env, 0, true);
    }
}

static void start_echo(struct env *env)
{
    struct env_input *input = mem_zalloc(env->mem, 1, sizeof(*input));
    input->read = echo;
    input->data = env;
    env_read_input(env, input);
}

static void stopped(void *data, int signal)
{
    struct env *env = data;
    env_print(env, ENV_STDOUT, slice_str("stopping\n"));
    env_exit(env, -signal, true);
}

static void start_wait(struct env *env)
{
    env_at_stop(env, stopped, env);
    env_print(env, ENV_STDOUT, slice_str("ready\n"));
}

static void start_deaf(struct env *env)
{
    env_print(env, ENV_STDOUT, slice_str("ready\n"));
}

static void deaf_stop(void *data, int signal)
{
    (void)signal;
    env_print(data, ENV_STDOUT, slice_str("asked\n"));
}

static void start_stubborn(struct env *env)
{
    env_at_stop(env, deaf_stop, env);
    env_print(env, ENV_STDOUT, slice_str("ready\n"));
}

static void start_broken(struct env *env)
{
    ASSERT(env->arg_count == 99);
}

static void start_leak(struct env *env)
{
    void *left = mem_alloc(env->mem, 100);
    (void)left;
    env_exit(env, 0, true);
}

static void start_vars(struct env *env)
{
    for (size_t i = 1; i < env->var_count; i++) {
        ASSERT(strcmp(env->vars[i - 1].name, env->vars[i].name) < 0);
    }
    env_print(env, ENV_STDOUT, slice_str(env_var(env, "ETCD_NAME")));
    env_print(env, ENV_STDOUT, slice_str(env->args[1]));
    env_exit(env, 0, true);
}

static const struct env_program programs[] = {
    {"seven", start_seven},   {"much", start_much}, {"echo", start_echo},
    {"wait", start_wait},     {"deaf", start_deaf}, {"stubborn", start_stubborn},
    {"broken", start_broken}, {"leak", start_leak}, {"vars", start_vars},
};

/* Running one --------------------------------------------------------------------------------- */

struct child {
    pid_t pid;
    int in;  /* we write */
    int out; /* we read */
    int err;
};

static int pair(int *ours, int end)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    *ours = fds[1 - end];
    return fds[end];
}

/* in: its standard input, or -1 for a pipe. */
static struct child run(const char *name, int in)
{
    struct child child = {.in = -1};
    int its_in = in >= 0 ? in : pair(&child.in, 0);
    int its_out = pair(&child.out, 1);
    int its_err = pair(&child.err, 1);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        dup2(its_in, 0);
        dup2(its_out, 1);
        dup2(its_err, 2);
        setenv("ETCD_NAME", "node01", 1);
        execl("/proc/self/exe", name, name, (char *)NULL);
        _exit(127);
    }
    close(its_in);
    close(its_out);
    close(its_err);
    return child;
}

static size_t read_all(int fd, char *into, size_t size)
{
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, into + len, size - 1 - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    into[len] = '\0';
    return len;
}

static void expect_line(int fd, const char *line)
{
    char text[100];
    size_t len = strlen(line);
    for (size_t at = 0; at < len; at++) {
        assert_int_equal(read(fd, text + at, 1), 1);
    }
    assert_memory_equal(text, line, len);
}

static int finish(struct child *child)
{
    int status;
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    if (child->in >= 0) {
        close(child->in);
    }
    close(child->out);
    close(child->err);
    return status;
}

/* Tests --------------------------------------------------------------------------------------- */

static void test_exit_status_is_the_programs(void **state)
{
    (void)state;
    struct child child = run("seven", -1);
    int status = finish(&child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_output_is_complete_when_the_process_ends(void **state)
{
    (void)state;
    static char text[2 * 1024 * 1024];
    struct child child = run("much", -1);
    size_t len = read_all(child.out, text, sizeof(text));
    assert_int_equal(finish(&child), 0);
    assert_int_equal(len, 20000 * 62);
}

static void test_reader_that_goes_away_does_not_kill(void **state)
{
    (void)state;
    struct child child = run("much", -1);
    close(child.out);
    child.out = dup(child.err);
    assert_int_equal(finish(&child), 0);
}

static void expect_echo(struct child *child, const char *expected)
{
    char text[1000];
    read_all(child->out, text, sizeof(text));
    assert_int_equal(finish(child), 0);
    assert_string_equal(text, expected);
}

static void test_input_comes_from_a_pipe_a_file_or_nowhere(void **state)
{
    (void)state;
    struct child child = run("echo", -1);
    assert_int_equal(write(child.in, "from a pipe", 11), 11);
    close(child.in);
    child.in = -1;
    expect_echo(&child, "from a pipe<end>");

    char path[] = "/tmp/quorate-test-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, "from a file", 11), 11);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    child = run("echo", fd);
    expect_echo(&child, "from a file<end>");

    child = run("echo", open("/dev/null", O_RDONLY | O_CLOEXEC));
    expect_echo(&child, "<end>");
}

static void test_sigterm_stops_and_kills(void **state)
{
    (void)state;
    struct child child = run("wait", -1);
    expect_line(child.out, "ready\n");
    kill(child.pid, SIGTERM);
    expect_line(child.out, "stopping\n");
    int status = finish(&child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void test_sigint_without_a_callback_kills(void **state)
{
    (void)state;
    struct child child = run("deaf", -1);
    expect_line(child.out, "ready\n");
    kill(child.pid, SIGINT);
    int status = finish(&child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
}

static void test_second_signal_ends_what_the_first_did_not(void **state)
{
    (void)state;
    struct child child = run("stubborn", -1);
    expect_line(child.out, "ready\n");
    kill(child.pid, SIGTERM);
    expect_line(child.out, "asked\n");
    kill(child.pid, SIGTERM);
    int status = finish(&child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void test_failed_assertion_says_where_and_aborts(void **state)
{
    (void)state;
    char text[1000];
    struct child child = run("broken", -1);
    read_all(child.err, text, sizeof(text));
    int status = finish(&child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "tests/unit/core/uv/test_process.c:"));
    assert_non_null(strstr(text, "env->arg_count == 99"));
}

static void test_memory_left_by_a_clean_exit_is_reported(void **state)
{
    (void)state;
    char text[1000];
    struct child child = run("leak", -1);
    read_all(child.err, text, sizeof(text));
    finish(&child);
    assert_non_null(strstr(text, "has not freed all memory\",\"bytes\":100"));
}

static void test_environment_is_sorted_and_arguments_arrive(void **state)
{
    (void)state;
    char text[1000];
    struct child child = run("vars", -1);
    read_all(child.out, text, sizeof(text));
    assert_int_equal(finish(&child), 0);
    assert_string_equal(text, "node01vars");
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(programs) / sizeof(programs[0]); i++) {
        if (strcmp(programs[i].name, argv[1]) == 0) {
            return uv_world_main(&programs[i], argc, argv);
        }
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_status_is_the_programs),
        cmocka_unit_test(test_output_is_complete_when_the_process_ends),
        cmocka_unit_test(test_reader_that_goes_away_does_not_kill),
        cmocka_unit_test(test_input_comes_from_a_pipe_a_file_or_nowhere),
        cmocka_unit_test(test_sigterm_stops_and_kills),
        cmocka_unit_test(test_sigint_without_a_callback_kills),
        cmocka_unit_test(test_second_signal_ends_what_the_first_did_not),
        cmocka_unit_test(test_failed_assertion_says_where_and_aborts),
        cmocka_unit_test(test_memory_left_by_a_clean_exit_is_reported),
        cmocka_unit_test(test_environment_is_sorted_and_arguments_arrive),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
