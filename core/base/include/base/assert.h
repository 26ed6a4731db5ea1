/* Assertions that stay in every build.
 *
 * A broken invariant ends the node: in the simulator the turn is abandoned and the run reports
 * `aborted`, in a server the process stops. Never used for bytes from peers, disks or users: those
 * get an error. One condition each; the operand is evaluated exactly once.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#define ASSERT(cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : assert_fail(#cond, __FILE__, __LINE__, __func__))

/* a implies b. */
#define ASSERT_IF(a, b) ASSERT(!(a) || (b))

#define UNREACHABLE()   assert_fail("unreachable", __FILE__, __LINE__, __func__)

/* Hands the failure to the current turn; without one, writes it to standard error and aborts.
 * Libraries that use <assert.h> arrive here too: base defines `__assert_fail`. */
_Noreturn void assert_fail(const char *what, const char *file, int line, const char *function);

#endif
