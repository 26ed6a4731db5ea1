#define _GNU_SOURCE /* syscall */
#include "base/assert.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fmt.h"
#include "base/turn.h"

_Thread_local struct turn *turn_current;

struct turn *turn_enter(struct turn *turn)
{
    struct turn *before = turn_current;
    turn_current = turn;
    return before;
}

void turn_leave(struct turn *before)
{
    turn_current = before;
}

/* The raw system call: stdio would bring buffers and locks into a library that has none. */
static void say(const char *text, size_t len)
{
    long rc = syscall(SYS_write, 2, text, len);
    (void)rc;
}

_Noreturn void assert_fail(const char *what, const char *file, int line, const char *function)
{
    struct turn *turn = turn_current;
    if (turn != NULL) {
        turn->fail(turn, TURN_ASSERT, what, file, line, function);
    }
    char text[512];
    size_t len = fmt(text, sizeof(text), "%s:%d: %s: assertion failed: %s\n", file, line,
                     function != NULL ? function : "?", what);
    say(text, len < sizeof(text) ? len : sizeof(text) - 1);
    abort();
}

/* What <assert.h> calls: nghttp2, protobuf-c and http-parser were compiled against it. */
_Noreturn void __assert_fail(const char *what, const char *file, unsigned int line,
                             const char *function);
_Noreturn void __assert_fail(const char *what, const char *file, unsigned int line,
                             const char *function)
{
    assert_fail(what, file, (int)line, function);
}
