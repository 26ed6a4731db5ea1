/* A node in an endless loop must end a run, not the campaign: a timer of CPU time looks now and
 * then whether the turn that runs is still the same one. The signal arrives in the middle of
 * anything, so the abandoned process is dropped and the run is expected to end soon after. */
#define _GNU_SOURCE /* sigaction, setitimer */
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "base/fmt.h"
#include "impl.h"

uint64_t watchdog_turns;

static volatile uint64_t seen_turn;
static volatile int64_t seen_ns;
static int64_t max_ns;

#define TICK_NS INT64_C(50000000)

static void tick(int signal)
{
    (void)signal;
    struct process *process = process_current();
    if (process == NULL || seen_turn != watchdog_turns) {
        seen_turn = watchdog_turns;
        seen_ns = 0;
        return;
    }
    seen_ns += TICK_NS;
    if (seen_ns >= max_ns) {
        seen_ns = 0;
        fmt(process->node->fault_text, sizeof(process->node->fault_text),
            "a turn took more than %lld ms of CPU", (long long)(max_ns / 1000000));
        process_fault(process, NODE_LOOPED);
    }
}

static unsigned worlds; /* that are watched */

static void set_interval(int64_t ns)
{
    const struct itimerval every = {{0, (suseconds_t)(ns / 1000)}, {0, (suseconds_t)(ns / 1000)}};
    setitimer(ITIMER_PROF, &every, NULL);
}

void watchdog_start(int64_t turn_cpu_max_ns)
{
    if (turn_cpu_max_ns <= 0) {
        return;
    }
    max_ns = turn_cpu_max_ns;
    if (worlds++ > 0) {
        return;
    }
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = tick;
    /* Not blocked while it runs, since it may not return; and no call is interrupted. */
    action.sa_flags = SA_NODEFER | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPROF, &action, NULL);
    set_interval(TICK_NS);
}

void watchdog_stop(int64_t turn_cpu_max_ns)
{
    if (turn_cpu_max_ns > 0 && --worlds == 0) {
        set_interval(0);
    }
}
